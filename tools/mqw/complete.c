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

// A field, and what stands behind its name.
typedef struct field_word {
    unsigned packets;
    const char *name;
    const char *end;
} field_word;

#define ACKED \
    (MQW_IN_PUBLISH | MQW_IN_ACKS | MQW_IN_SUBSCRIBE | MQW_IN_SUBACK | MQW_IN_UNSUBSCRIBE | MQW_IN_UNSUBACK)
#define REPEATED (MQW_IN_PUBLISH | MQW_IN_PUBREL | MQW_IN_SUBSCRIBE | MQW_IN_UNSUBSCRIBE)
#define REASONED (MQW_IN_CONNACK | MQW_IN_ACKS | MQW_IN_DISCONNECT | MQW_IN_AUTH)

static const field_word fields[] = {
    {MQW_IN_CONNECT, "version", "="},
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
};

#define END_U8    "="
#define END_U16   "="
#define END_U32   "="
#define END_TEXT  "=\""
#define END_BLOB  "=\""
#define END_PAIRS "=\""
#define END_VARS  "="

// An item of a list has the name of one.
#define WORD_U8(field)    #field
#define WORD_U16(field)   #field
#define WORD_U32(field)   #field
#define WORD_TEXT(field)  #field
#define WORD_BLOB(field)  #field
#define WORD_PAIRS(field) #field
#define WORD_VARS(field)  "subscription_id"

static const field_word client_properties[] = {
#define X(id, field, wire, client, ...) {(client) & ~MQW_IN_WILL, WORD_##wire(field), END_##wire},
    MQW_PROPERTIES(X)
#undef X
};

static const field_word server_properties[] = {
#define X(id, field, wire, client, server, ...) {server, WORD_##wire(field), END_##wire},
    MQW_PROPERTIES(X)
#undef X
};

typedef struct reason_word {
    unsigned client;
    unsigned server;
    const char *name;
} reason_word;

static const reason_word reasons[] = {
#define X(value, NAME, client, server, text) {client, server, #NAME},
    MQW_REASONS(X)
#undef X
};

typedef struct packet_word {
    const char *name;
    unsigned client; // version since which it may send it; 0: never
    unsigned server;
} packet_word;

static const packet_word packets[] = {
#define X(id, NAME, name, flags, client, server, rule) {#NAME, client, server},
    MQW_PACKETS(X)
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

// Packets that this side may send.
static void offer_packets(tool_completions *out, mqw_text typed, mqw_role side)
{
    for (size_t i = 0; i < COUNT(packets); i++)
        if ((side == MQW_CLIENT ? packets[i].client : packets[i].server) > 0)
            offer(out, typed, packets[i].name, " ");
}

static void offer_words(tool_completions *out, mqw_text typed, unsigned packet, const field_word *words,
                        size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (words[i].packets & packet)
            offer(out, typed, words[i].name, words[i].end);
}

static void offer_fields(tool_completions *out, mqw_text typed, unsigned packet, mqw_role ours)
{
    offer_words(out, typed, packet, fields, COUNT(fields));
    if (ours == MQW_CLIENT)
        offer_words(out, typed, packet, client_properties, COUNT(client_properties));
    else
        offer_words(out, typed, packet, server_properties, COUNT(server_properties));
}

static void offer_reasons(tool_completions *out, mqw_text typed, unsigned packet, mqw_role ours)
{
    for (size_t i = 0; i < COUNT(reasons); i++)
        if ((ours == MQW_CLIENT ? reasons[i].client : reasons[i].server) & packet)
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

static void offer_commands(tool_completions *out, mqw_text typed)
{
    for (size_t i = 0; line_command(i); i++)
        offer(out, typed, line_command(i), " ");
}

void complete(mqw_text line, mqw_role ours, tool_completions *out)
{
    mqw_text word, reason;
    out->count = 0;
    out->typed = 0;
    if (!last_word(line, &word))
        return;
    tool_step step = step_of((mqw_text){line.data, line.len - word.len}, ours);
    unsigned packet = 1u << step_packet_type(step.text);
    if (reason_part(word, &reason)) {
        offer_reasons(out, reason, packet, ours);
        word = reason;
    } else if (step.kind == STEP_COMMAND) { // .wait
        offer_packets(out, word, ours == MQW_CLIENT ? MQW_SERVER : MQW_CLIENT);
    } else if (step.kind == STEP_SAY || step.kind == STEP_HEAR) {
        offer_fields(out, word, packet, ours);
    } else if (word.len > 0 && word.data[0] == '.') {
        offer_commands(out, word);
    } else {
        offer_packets(out, word, ours);
    }
    out->typed = word.len;
}
