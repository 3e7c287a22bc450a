// SPDX-License-Identifier: MIT
// The standard's tables in words: names of packets, reason codes and rules, and errors as sentences.
#include <string.h>

#include <mqwire/codec.h>

#include "wire/text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

typedef struct reason_words {
    uint8_t value;
    const char *name;
    const char *text;
} reason_words;

typedef struct rule_words {
    const char *name;
    const char *clause_3; // in 3.1.1
    const char *clause_5; // in 5.0
    const char *text;
} rule_words;

static const char *const packet_names[16] = {
#define X(id, NAME, ...) [id] = #NAME,
    MQW_PACKETS(X)
#undef X
};

// Names that the table gives only once although 5.0 has several for 0.
static const reason_words reasons[] = {
#define X(value, NAME, client, server, text) {value, #NAME, text},
    MQW_REASONS(X)
#undef X
        {MQW_REASON_NORMAL_DISCONNECTION, "NORMAL_DISCONNECTION", "normal disconnection"},
    {MQW_REASON_GRANTED_QOS_0, "GRANTED_QOS_0", "granted QoS 0"},
};

static const char *const return_codes[] = {
#define X(value, reason, text) [value] = text,
    MQW_RETURN_CODES(X)
#undef X
};

static const rule_words rules[MQW_RULE_COUNT] = {[MQW_RULE_NONE] = {"NONE", "", "", ""},
#define X(NAME, clause_3, clause_5, since, until, reason, blame, standing, text) \
    [MQW_RULE_##NAME] = {#NAME, clause_3, clause_5, text},
                                                 MQW_RULES(X)
#undef X
};

static const char *const results[] = {[0] = "success",
#define X(value, NAME, text) [-(value)] = text,
                                      MQW_RESULTS(X)
#undef X
};

const char *mqw_packet_name(int type)
{
    return type >= MQW_CONNECT && type <= MQW_AUTH ? packet_names[type] : "?";
}

const char *mqw_reason_name(uint8_t version, uint8_t reason)
{
    if (version < MQW_5_0 && reason < COUNT(return_codes))
        return return_codes[reason];
    for (size_t i = 0; i < COUNT(reasons); i++)
        if (reasons[i].value == reason)
            return reasons[i].text;
    return "unknown reason code";
}

int mqw__reason_by_name(const char *name, size_t len)
{
    for (size_t i = 0; i < COUNT(reasons); i++)
        if (mqw__same_word(name, len, reasons[i].name, strlen(reasons[i].name)))
            return reasons[i].value;
    return -1;
}

const char *mqw_rule_name(int rule)
{
    return rule >= 0 && rule < MQW_RULE_COUNT ? rules[rule].name : "?";
}

const char *mqw_strerror(int result)
{
    if (result > 0)
        result = 0;
    return result > -(int)COUNT(results) ? results[-result] : "unknown result";
}

// The rule that was broken; the one without words when there is none.
static const rule_words *rule_of(const mqw_error *error)
{
    return &rules[error->rule < MQW_RULE_COUNT ? error->rule : MQW_RULE_NONE];
}

const char *mqw_error_clause(const mqw_error *error)
{
    return error->version >= MQW_5_0 ? rule_of(error)->clause_5 : rule_of(error)->clause_3;
}

const char *mqw_error_text(const mqw_error *error)
{
    const char *text = rule_of(error)->text;
    return *text ? text : mqw_strerror(error->code);
}

// Whether it was found in bytes that were read, so that an offset of 0 is one too.
static bool is_in_bytes(const mqw_error *error)
{
    return error->code == MQW_E_MALFORMED || error->code == MQW_E_PROTOCOL;
}

// A line of text that was not understood: its error says what was expected there.
static bool is_of_scan(const mqw_error *error)
{
    return error->code == MQW_E_MALFORMED && error->rule == MQW_RULE_NONE && error->field;
}

static void put_part(mqw__out *out, const char *before, const char *text)
{
    mqw__put_text(out, before);
    mqw__put_text(out, text);
}

// Where it happened, as far as that is known: `: PUBLISH topic at byte 12`.
static void put_place(mqw__out *out, const mqw_error *error)
{
    const char *before = ": ";
    if (error->type) {
        put_part(out, before, mqw_packet_name(error->type));
        before = " ";
    }
    if (error->field && !is_of_scan(error)) {
        put_part(out, before, error->field);
        before = " ";
    }
    if (is_in_bytes(error) || error->offset) {
        put_part(out, before, "at byte ");
        mqw__put_number(out, error->offset);
    }
}

size_t mqw_error_print(char *out, size_t cap, const mqw_error *error)
{
    mqw__out to = {.cap = cap};
    to.to = out;
    const char *text = rule_of(error)->text, *clause = mqw_error_clause(error);
    mqw__put_text(&to, mqw_strerror(error->code));
    if (error->code == MQW_E_NO_ROOM) {
        mqw__put_text(&to, ": ");
        mqw__put_number(&to, error->offset);
        mqw__put_text(&to, " bytes are needed");
        return mqw__put_end(&to);
    }
    put_place(&to, error);
    if (is_of_scan(error))
        put_part(&to, ": expected ", error->field);
    if (*text)
        put_part(&to, ": ", text);
    if (*clause) {
        put_part(&to, " [", clause);
        mqw__put_text(&to, "]");
    }
    return mqw__put_end(&to);
}
