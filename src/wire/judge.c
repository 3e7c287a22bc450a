// SPDX-License-Identifier: MIT
// Rules and reason codes: what holds in which version, what a policy makes of it, who may use which code.
#include <stddef.h>

#include "wire/codec.h"
#include "wire/cursor.h"

enum { CONTENT = 0, MISUSE = 1, REFUSE = MQW__REFUSE, IGNORE = MQW__IGNORE, ALWAYS = MQW__ALWAYS };

static const mqw__rule_row rules[MQW_RULE_COUNT] = {
#define X(NAME, clause3, clause5, since, until, reason, blame, standing, text) \
    [MQW_RULE_##NAME] = {reason, since, until, blame, standing},
    MQW_RULES(X)
#undef X
};

const mqw__rule_row *mqw__rule(int rule)
{
    return &rules[rule > 0 && rule < MQW_RULE_COUNT ? rule : MQW_RULE_NONE];
}

int mqw__judge(const mqw_policy *policy, uint8_t version, mqw_rule rule)
{
    const mqw__rule_row *row = mqw__rule((int)rule);
    if (version < row->since || version > row->until)
        return 0;
    if (policy && row->standing != MQW__ALWAYS) {
        const mqw_rule_set *const sets[] = {&policy->ignore, &policy->report, &policy->refuse};
        for (int verdict = 2; verdict >= 0; verdict--)
            if (mqw_rule_in(sets[verdict], rule))
                return verdict;
    }
    return row->standing == MQW__IGNORE ? 0 : 2;
}

bool mqw__refuse(mqw__check *check, unsigned rule, const uint8_t *at, uint8_t field)
{
    if (!check->rule) {
        check->rule = (uint8_t)rule;
        check->field = field;
        check->offset = at && check->body ? (uint32_t)(at - check->body) + check->header_size : 0;
    }
    return true;
}

bool mqw__break(mqw__check *check, unsigned rule, const uint8_t *at, uint8_t field)
{
    if (check->rule)
        return true;
    const mqw_policy *policy = check->body ? check->codec->policy : NULL;
    int verdict = mqw__judge(policy, check->version, (mqw_rule)rule);
    if (verdict == 1)
        mqw_rule_add(check->reported, (mqw_rule)rule);
    return verdict == 2 && mqw__refuse(check, rule, at, field);
}

bool mqw__break_flaws(mqw__check *check, unsigned flaws, const uint8_t *at, uint8_t field)
{
    bool refused = false;
    for (unsigned rule = MQW_RULE_UTF8; flaws && !refused; rule++, flaws >>= 1)
        if (flaws & 1)
            refused = mqw__break(check, rule, at, field);
    return refused;
}

/* ---- errors ---- */

/* One block of characters: a name costs two bytes more than its letters, and no relocation. */
static const struct names {
#define X(id, field, ...) char field[sizeof #field];
    MQW_PROPERTIES(X)
#undef X
#define X(field, name) char f_##field[sizeof(name)];
    MQW__FIELDS(X)
#undef X
} names = {
#define X(id, field, ...) #field,
    MQW_PROPERTIES(X)
#undef X
#define X(field, name) name,
        MQW__FIELDS(X)
#undef X
};

const char *mqw__field_name(uint8_t field)
{
    static const uint16_t offsets[] = {
#define X(id, field, ...) [id] = offsetof(struct names, field),
        MQW_PROPERTIES(X)
#undef X
#define X(field, name) [MQW__F_##field] = offsetof(struct names, f_##field),
            MQW__FIELDS(X)
#undef X
    };
    return field ? (const char *)&names + offsets[field] : NULL;
}

static int fault_code(const mqw__rule_row *row)
{
    switch (row->reason) {
    case MQW_REASON_MALFORMED_PACKET: return MQW_E_MALFORMED;
    case MQW_REASON_PACKET_TOO_LARGE: return MQW_E_TOO_LARGE;
    default: return MQW_E_PROTOCOL;
    }
}

static int refusal_code(const mqw__rule_row *row)
{
    if (row->misuse)
        return MQW_E_MISUSE;
    switch (row->reason) {
    case MQW_REASON_PACKET_TOO_LARGE: return MQW_E_TOO_LARGE;
    case MQW_REASON_RECEIVE_MAXIMUM_EXCEEDED: return MQW_E_QUOTA;
    default: return MQW_E_REFUSED;
    }
}

/* What can be said of a fault and of a refusal. */
MQW__COLD static int explain(mqw_error *why, const mqw_codec *codec, mqw_rule rule, uint8_t type,
                             bool by_peer)
{
    const mqw__rule_row *row = mqw__rule((int)rule);
    int code = by_peer ? fault_code(row) : refusal_code(row);
    if (why) {
        memset(why, 0, sizeof *why);
        why->code = code;
        why->reason = row->reason;
        why->type = type;
        why->rule = (uint8_t)rule;
        why->version = mqw__version(codec);
        why->by_peer = by_peer;
    }
    return code;
}

int mqw__fault(mqw_error *why, const mqw_codec *codec, mqw_rule rule, uint8_t type, uint64_t offset,
               const char *field)
{
    int code = explain(why, codec, rule, type, true);
    if (why) {
        why->offset = offset;
        why->field = field;
    }
    return code;
}

int mqw__refusal(mqw_error *why, const mqw_codec *codec, mqw_rule rule, uint8_t type, const char *field)
{
    int code = explain(why, codec, rule, type, false);
    if (why)
        why->field = field;
    return code;
}

/* ---- reason codes ---- */

typedef struct reason_row {
    uint16_t client; /* packets in which a client may use it */
    uint16_t server;
} reason_row;

/* Success is below 0x20, failure from 0x80 on. */
#define REASON_SLOT(value) ((value) < 0x80 ? (value) : (value)-0x60)

static const reason_row reasons[] = {
#define X(value, NAME, client, server, text) [REASON_SLOT(value)] = {client, server},
    MQW_REASONS(X)
#undef X
};

static bool reason_ok_5(unsigned type, uint8_t sender, unsigned reason)
{
    unsigned slot = REASON_SLOT(reason);
    if ((reason >= 0x20 && reason < 0x80) || slot >= sizeof reasons / sizeof *reasons)
        return false;
    unsigned allowed = 0;
    if (sender != MQW_SERVER)
        allowed |= reasons[slot].client;
    if (sender != MQW_CLIENT)
        allowed |= reasons[slot].server;
    return (allowed >> type & 1) != 0;
}

bool mqw__reason_ok(uint8_t version, uint8_t type, uint8_t sender, uint8_t reason)
{
    if (version == MQW_5_0)
        return reason_ok_5(type, sender, reason);
    if (type == MQW_CONNACK)
        return reason <= 5;
    if (type == MQW_SUBACK)
        return reason <= 2 || (version == MQW_3_1_1 && reason == 0x80);
    return reason == 0;
}

uint8_t mqw__reason_or(uint8_t type, uint8_t sender, uint8_t wanted, uint8_t otherwise)
{
    return reason_ok_5(type, sender, wanted) ? wanted : otherwise;
}

mqw_rule mqw__reason_rule(uint8_t type)
{
    static const uint8_t rule_of[16] = {
        [MQW_CONNACK] = MQW_RULE_REASON_CONNACK,   [MQW_PUBACK] = MQW_RULE_REASON_PUBACK,
        [MQW_PUBREC] = MQW_RULE_REASON_PUBREC,     [MQW_PUBREL] = MQW_RULE_REASON_PUBREL,
        [MQW_PUBCOMP] = MQW_RULE_REASON_PUBCOMP,   [MQW_SUBACK] = MQW_RULE_REASON_SUBACK,
        [MQW_UNSUBACK] = MQW_RULE_REASON_UNSUBACK, [MQW_DISCONNECT] = MQW_RULE_REASON_DISCONNECT,
        [MQW_AUTH] = MQW_RULE_REASON_AUTH,
    };
    return (mqw_rule)rule_of[type & 15];
}
