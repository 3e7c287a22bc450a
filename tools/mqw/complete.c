// SPDX-License-Identifier: MIT
// What could stand next in a line; see complete.h. Properties and reason codes come from the tables of the
// standard.
#include "complete.h"

#include <string.h>
#include <strings.h>

#include <mqwire/codec.h>

#include "line.h"
#include "step.h"
#include "token.h"

typedef struct field_word {
    unsigned packets;
    const char *name;
    const char *end;
} field_word;

#define ACKED \
    (MQW_IN_PUBLISH | MQW_IN_ACKS | MQW_IN_SUBSCRIBE | MQW_IN_SUBACK | MQW_IN_UNSUBSCRIBE | MQW_IN_UNSUBACK)
#define REPEATED (MQW_IN_PUBLISH | MQW_IN_PUBREL | MQW_IN_SUBSCRIBE | MQW_IN_UNSUBSCRIBE)
#define REASONED (MQW_IN_CONNACK | MQW_IN_ACKS | MQW_IN_DISCONNECT | MQW_IN_AUTH)

static const field_word fields[] = {{MQW_IN_CONNECT, "version", "="},
                                    {MQW_IN_CONNECT, "client_id", "=\""},
                                    {MQW_IN_CONNECT, "clean_start", " "},
                                    {MQW_IN_CONNECT, "keep_alive", "="},
                                    {MQW_IN_CONNECT, "username", "=\""},
                                    {MQW_IN_CONNECT, "password", "=\""},
                                    {MQW_IN_CONNECT, "protocol_name", "=\""},
                                    {MQW_IN_CONNECT, "bridge", " "},
                                    {MQW_IN_CONNECT, "will.topic", "=\""},
                                    {MQW_IN_CONNECT, "will.payload", "=\""},
                                    {MQW_IN_CONNECT, "will.qos", "="},
                                    {MQW_IN_CONNECT, "will.retain", " "},
                                    {MQW_IN_CONNACK, "session_present", " "},
                                    {MQW_IN_PUBLISH, "topic", "=\""},
                                    {MQW_IN_PUBLISH, "payload", "=\""},
                                    {MQW_IN_PUBLISH, "qos", "="},
                                    {MQW_IN_PUBLISH, "retain", " "},
                                    {MQW_IN_SUBSCRIBE | MQW_IN_UNSUBSCRIBE, "filter", "=\""},
                                    {ACKED, "packet_id", "="},
                                    {REPEATED, "dup", " "},
                                    {REASONED, "reason", "="},
                                    {MQW_IN_SUBACK | MQW_IN_UNSUBACK, "reasons", "="},
#define X(id, field, wire, client, server, ...) {((client) | (server)) & ~MQW_IN_WILL, #field, END_##wire},
#define END_U8                                  "="
#define END_U16                                 "="
#define END_U32                                 "="
#define END_TEXT                                "=\""
#define END_BLOB                                "=\""
#define END_PAIRS                               "=\""
#define END_VARS                                "="
                                    MQW_PROPERTIES(X)
#undef X
};

typedef struct reason_word {
    unsigned packets;
    const char *name;
} reason_word;

static const reason_word reasons[] = {
#define X(value, NAME, client, server, text) {(client) | (server), #NAME},
    MQW_REASONS(X)
#undef X
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void offer(tool_completions *out, mqw_text typed, const char *word, const char *end)
{
    if (out->count == COMPLETE_MAX || strncasecmp(word, typed.data, typed.len) != 0)
        return;
    out->words[out->count] = word;
    out->ends[out->count++] = end;
}

static void offer_packets(tool_completions *out, mqw_text typed)
{
    for (int type = MQW_CONNECT; type <= MQW_AUTH; type++)
        offer(out, typed, mqw_packet_name(type), " ");
}

static void offer_fields(tool_completions *out, mqw_text typed, unsigned packets)
{
    for (size_t i = 0; i < COUNT(fields); i++)
        if (fields[i].packets & packets)
            offer(out, typed, fields[i].name, fields[i].end);
}

static void offer_reasons(tool_completions *out, mqw_text typed, unsigned packets)
{
    for (size_t i = 0; i < COUNT(reasons); i++)
        if (reasons[i].packets & packets)
            offer(out, typed, reasons[i].name, "");
}

// The last word of a line, empty behind a blank; false: the line ends between quotes.
static bool last_word(mqw_text line, mqw_text *out)
{
    tool_token word;
    bool quoted = false;
    *out = (mqw_text){line.data + line.len, 0};
    for (mqw_text left = line; token_next(&left, &word);)
        if (left.len == 0)
            *out = word.whole;
    for (size_t i = 0; i < out->len; i++) {
        if (quoted && out->data[i] == '\\')
            i++;
        else if (out->data[i] == '"')
            quoted = !quoted;
    }
    return !quoted;
}

// Behind `reason=` and `reasons=`, and behind each comma there.
static bool reason_part(mqw_text word, mqw_text *out)
{
    static const char *const names[] = {"reason=", "reasons="};
    for (size_t i = 0; i < COUNT(names); i++) {
        size_t len = strlen(names[i]);
        if (word.len < len || memcmp(word.data, names[i], len) != 0)
            continue;
        *out = (mqw_text){word.data + len, word.len - len};
        for (const char *comma; (comma = memchr(out->data, ',', out->len)) != NULL;) {
            size_t past = (size_t)(comma - out->data) + 1;
            *out = (mqw_text){out->data + past, out->len - past};
        }
        return true;
    }
    return false;
}

void complete(mqw_text line, tool_completions *out)
{
    mqw_text word, reason;
    out->count = 0;
    out->typed = 0;
    if (!last_word(line, &word))
        return;
    tool_step step = step_of((mqw_text){line.data, line.len - word.len}, MQW_CLIENT);
    unsigned packets = 1u << step_packet_type(step.text);
    if (reason_part(word, &reason)) {
        offer_reasons(out, reason, packets);
        word = reason;
    } else if (step.kind == STEP_COMMAND) {
        offer_packets(out, word);
    } else if (step.kind != STEP_NONE) {
        offer_fields(out, word, packets);
    } else if (word.len > 0 && word.data[0] == '.') {
        for (size_t i = 0; line_command(i); i++)
            offer(out, word, line_command(i), " ");
    } else {
        offer_packets(out, word);
    }
    out->typed = word.len;
}
