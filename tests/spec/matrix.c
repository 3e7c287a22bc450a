// SPDX-License-Identifier: MIT
// Tables of the standard, checked in full: each property and each reason code in each packet from each side.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec.h"

enum { MOST_CARRIERS = 24, MOST_ROWS = 64 };

/* A packet with a place (`@`) for what is tried in it. */
typedef struct carrier {
    char name[16];
    unsigned senders; /* bits of mqw_role */
    const char *notation;
    int line;
} carrier;

typedef struct row {
    int line;
    uint8_t version;
    unsigned id;            /* of a property */
    char name[40];          /* of a property, or of a carrier */
    const char *value;      /* of a property */
    const char *allowed[3]; /* [MQW_CLIENT], [MQW_SERVER]: names of carriers, or reason codes */
    const char *repeats;    /* names of carriers */
} row;

typedef struct matrix {
    carrier carriers[MOST_CARRIERS];
    size_t carrier_count;
    row rows[MOST_ROWS];
    size_t row_count;
} matrix;

/* One packet, and what it should come to. */
typedef struct trial {
    int line;
    uint8_t version;
    uint8_t sender;
    unsigned rule; /* 0: it is legal */
    const char *what;
} trial;

/* --- reading --- */

static unsigned read_senders(const char *word)
{
    if (strcmp(word, "client") == 0)
        return 1u << MQW_CLIENT;
    return strcmp(word, "server") == 0 ? 1u << MQW_SERVER : 1u << MQW_CLIENT | 1u << MQW_SERVER;
}

static void add_carrier(matrix *m, const char *text, int line)
{
    char senders[16] = "";
    if (!spec_check(m->carrier_count < MOST_CARRIERS, line, "too many carriers"))
        return;
    carrier *c = &m->carriers[m->carrier_count++];
    spec_word(&text, c->name, sizeof c->name);
    spec_word(&text, senders, sizeof senders);
    c->senders = read_senders(senders);
    c->notation = text;
    c->line = line;
}

/* Cuts a line at its bars; the pieces lie in it. */
static size_t split(char *text, char *pieces[], size_t most)
{
    size_t count = 0;
    for (char *at = text; at != NULL && count < most;) {
        pieces[count++] = at;
        at = strchr(at, '|');
        if (at != NULL)
            *at++ = '\0';
    }
    return count;
}

/* `01 payload_format 01 | WILL PUBLISH | PUBLISH | repeats` or `v4 SUBACK | | 00 01 02 80` */
static void add_row(matrix *m, const spec_line *line, bool properties)
{
    char *pieces[4] = {NULL};
    char word[16] = "";
    size_t count = split(line->text, pieces, 4);
    if (!spec_check(m->row_count < MOST_ROWS && count >= 3, line->number, "not a row"))
        return;
    row *r = &m->rows[m->row_count++];
    const char *at = pieces[0];
    spec_word(&at, word, sizeof word);
    r->line = line->number;
    r->version = properties ? MQW_5_0 : (uint8_t)(word[1] - '0');
    r->id = properties ? (unsigned)strtoul(word, NULL, 16) : 0;
    spec_word(&at, r->name, sizeof r->name);
    r->value = at;
    r->allowed[MQW_CLIENT] = pieces[1];
    r->allowed[MQW_SERVER] = pieces[2];
    r->repeats = count > 3 ? pieces[3] : "";
}

static bool has_word(const char *list, const char *wanted)
{
    char word[40];
    while (spec_word(&list, word, sizeof word))
        if (strcmp(word, wanted) == 0)
            return true;
    return false;
}

/* --- trying --- */

static void try_bytes(const trial *t, const spec_bytes *bytes)
{
    mqw_policy strict = {0};
    mqw_codec codec = {t->version, t->sender, &strict};
    mqw_packet packet;
    mqw_error why = {0};
    uint8_t *exact = spec_exact(bytes->data, bytes->len);
    int result = mqw_decode(&codec, (mqw_bytes){exact, bytes->len}, &packet, &why);
    unsigned rule = result < 0 ? why.rule : 0;
    spec_showed_version(t->version);
    spec_showed_rule(rule);
    bool good = rule == t->rule && (result < 0 || (size_t)result == bytes->len);
    spec_check(good, t->line, "%s in v%u from %s is %s, not %s", t->what, t->version,
               t->sender == MQW_CLIENT ? "a client" : "a server", rule ? mqw_rule_name((int)rule) : "legal",
               t->rule ? mqw_rule_name((int)t->rule) : "legal");
    free(exact);
    if (good)
        spec_try_sample(t->line, &codec, spec_view(bytes));
}

/* Puts `inside` in the place of the carrier's `@`. */
static bool fill(const carrier *c, const char *inside, spec_bytes *out)
{
    const char *place = strchr(c->notation, '@');
    spec_bytes text = {0};
    const char *why = "it has no place @";
    if (place != NULL)
        spec_printf(&text, "%.*s %s %s", (int)(place - c->notation), c->notation, inside, place + 1);
    bool good = place != NULL && spec_notation(spec_text(&text), out, &why);
    spec_free(&text);
    return spec_check(good, c->line, "%s: %s", c->name, why);
}

/* --- properties --- */

static unsigned rule_of_sender(const row *r)
{
    if (r->id == MQW_ID_subscription_ids)
        return MQW_RULE_SUBSCRIPTION_ID_CLIENT;
    return r->id == MQW_ID_session_expiry ? MQW_RULE_SESSION_EXPIRY_SERVER : MQW_RULE_PROPERTY_SENDER;
}

/* The rule that a property breaks in a carrier, by the rows alone. */
static unsigned rule_of_property(const row *r, const carrier *c, uint8_t sender)
{
    uint8_t other = sender == MQW_CLIENT ? MQW_SERVER : MQW_CLIENT;
    if (has_word(r->allowed[sender], c->name))
        return 0;
    if (has_word(r->allowed[other], c->name) && (c->senders >> other & 1))
        return rule_of_sender(r);
    return MQW_RULE_PROPERTY_MISPLACED;
}

static void try_property(const trial *t, const carrier *c, unsigned id, const char *properties)
{
    spec_bytes inside = {0}, bytes = {0};
    bool needs_method = id != MQW_ID_auth_method && (id == MQW_ID_auth_data || strcmp(c->name, "AUTH") == 0);
    bool takes_method =
        strcmp(c->name, "AUTH") == 0 || strcmp(c->name, "CONNECT") == 0 || strcmp(c->name, "CONNACK") == 0;
    spec_printf(&inside, "%s %s", needs_method && takes_method ? "15 [\"m\"]" : "", properties);
    if (fill(c, spec_text(&inside), &bytes))
        try_bytes(t, &bytes);
    spec_free(&inside);
    spec_free(&bytes);
}

static void try_property_in(const row *r, const carrier *c, uint8_t sender)
{
    char once[256], twice[512], what[128];
    snprintf(what, sizeof what, "%s in %s", r->name, c->name);
    snprintf(once, sizeof once, "%02x %s", r->id, r->value);
    snprintf(twice, sizeof twice, "%s %s", once, once);
    trial t = {r->line, MQW_5_0, sender, rule_of_property(r, c, sender), what};
    try_property(&t, c, r->id, once);
    if (t.rule != 0)
        return;
    snprintf(what, sizeof what, "%s twice in %s", r->name, c->name);
    t.rule = has_word(r->repeats, c->name) ? 0 : MQW_RULE_PROPERTY_REPEATED;
    try_property(&t, c, r->id, twice);
}

static void for_each_carrier(const matrix *m, const row *r,
                             void (*run)(const row *, const carrier *, uint8_t))
{
    for (size_t i = 0; i < m->carrier_count; i++)
        for (uint8_t sender = MQW_CLIENT; sender <= MQW_SERVER; sender++)
            if (m->carriers[i].senders >> sender & 1)
                run(r, &m->carriers[i], sender);
}

/* The identifiers that no row has. */
static void try_unknown(const matrix *m, unsigned id)
{
    for (size_t i = 0; i < m->row_count; i++)
        if (m->rows[i].id == id)
            return;
    char property[16], what[32];
    snprintf(property, sizeof property, id < 0x80 ? "%02x 01" : "%02x 01 01", id);
    snprintf(what, sizeof what, "property 0x%02x", id);
    for (size_t i = 0; i < m->carrier_count; i++)
        for (uint8_t sender = MQW_CLIENT; sender <= MQW_SERVER; sender++)
            if (m->carriers[i].senders >> sender & 1)
                try_property(&(trial){m->carriers[i].line, MQW_5_0, sender, MQW_RULE_PROPERTY_UNKNOWN, what},
                             &m->carriers[i], id, property);
}

/* A value that the property block ends too early for. */
static void try_truncated(const row *r, const carrier *c, uint8_t sender)
{
    if (!has_word(r->allowed[sender], c->name))
        return;
    spec_bytes value = {0};
    const char *why = "";
    char what[128];
    snprintf(what, sizeof what, "a piece of %s in %s", r->name, c->name);
    trial t = {r->line, MQW_5_0, sender, MQW_RULE_TRUNCATED, what};
    if (spec_check(spec_notation(r->value, &value, &why), r->line, "%s", why))
        for (size_t cut = 0; cut < value.len; cut++) {
            spec_bytes property = {0};
            spec_printf(&property, "%02x ", r->id);
            for (size_t i = 0; i < cut; i++)
                spec_printf(&property, "%02x", value.data[i]);
            try_property(&t, c, r->id, spec_text(&property));
            spec_free(&property);
        }
    spec_free(&value);
}

static void read_matrix(matrix *m, const spec_block *block, bool properties)
{
    for (size_t i = 0; i < block->count; i++) {
        const char *text = block->lines[i].text;
        if (spec_is_blank(text) || *text == '#')
            continue;
        if (spec_behind(text, "carrier ") != NULL)
            add_carrier(m, spec_behind(text, "carrier "), block->lines[i].number);
        else
            add_row(m, &block->lines[i], properties);
    }
}

void spec_run_properties(const spec_block *block)
{
    static matrix m;
    m = (matrix){0};
    read_matrix(&m, block, true);
    for (size_t i = 0; i < m.row_count; i++) {
        for_each_carrier(&m, &m.rows[i], try_property_in);
        for_each_carrier(&m, &m.rows[i], try_truncated);
    }
    for (unsigned id = 0; id <= 0xFF; id++)
        try_unknown(&m, id);
}

/* --- reason codes --- */

static const struct {
    const char *name;
    mqw_rule rule;
} reason_rules[] = {
    {"CONNACK", MQW_RULE_REASON_CONNACK},   {"PUBACK", MQW_RULE_REASON_PUBACK},
    {"PUBREC", MQW_RULE_REASON_PUBREC},     {"PUBREL", MQW_RULE_REASON_PUBREL},
    {"PUBCOMP", MQW_RULE_REASON_PUBCOMP},   {"SUBACK", MQW_RULE_REASON_SUBACK},
    {"UNSUBACK", MQW_RULE_REASON_UNSUBACK}, {"DISCONNECT", MQW_RULE_REASON_DISCONNECT},
    {"AUTH", MQW_RULE_REASON_AUTH},
};

static unsigned reason_rule(const char *name)
{
    for (size_t i = 0; i < SPEC_COUNT(reason_rules); i++)
        if (strcmp(reason_rules[i].name, name) == 0)
            return reason_rules[i].rule;
    return 0;
}

static void try_reasons_in(const row *r, const carrier *c, uint8_t sender)
{
    char reason[4], what[64];
    for (unsigned value = 0; value <= 0xFF; value++) {
        spec_bytes bytes = {0};
        snprintf(reason, sizeof reason, "%02x", value);
        snprintf(what, sizeof what, "reason 0x%s in %s", reason, c->name);
        trial t = {r->line, r->version, sender,
                   has_word(r->allowed[sender], reason) ? 0 : reason_rule(r->name), what};
        if (fill(c, reason, &bytes))
            try_bytes(&t, &bytes);
        spec_free(&bytes);
    }
}

/* A carrier is named `SUBACK`, or `v4:SUBACK` when it is that of one version. */
static bool carries(const carrier *c, const row *r)
{
    char name[48];
    snprintf(name, sizeof name, "v%u:%s", r->version, r->name);
    return strcmp(c->name, name) == 0;
}

void spec_run_reasons(const spec_block *block)
{
    static matrix m;
    m = (matrix){0};
    read_matrix(&m, block, false);
    for (size_t i = 0; i < m.row_count; i++)
        for (size_t k = 0; k < m.carrier_count; k++)
            for (uint8_t sender = MQW_CLIENT; sender <= MQW_SERVER; sender++)
                if (carries(&m.carriers[k], &m.rows[i]) && (m.carriers[k].senders >> sender & 1))
                    try_reasons_in(&m.rows[i], &m.carriers[k], sender);
}
