// SPDX-License-Identifier: MIT
// The two ends of a conversation: what is sent at one arrives at the other, in pieces, and comes out again.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation.h"

char spec_mark(const spec_end *end)
{
    return end->role == MQW_CLIENT ? 'C' : 'S';
}

spec_end *spec_other(spec_talk *talk, const spec_end *end)
{
    return &talk->ends[end == &talk->ends[0]];
}

/* --- options --- */

typedef struct name_value {
    const char *name;
    unsigned value;
} name_value;

static const name_value option_words[] = {
    {"pingresp", MQW_ANSWER_PINGRESP}, {"pingreq", MQW_ANSWER_PINGREQ}, {"acks", MQW_ANSWER_ACKS},
    {"resolve", MQW_ALIAS_RESOLVE},    {"raw", MQW_ALIAS_RAW},          {"manual", MQW_ALIAS_MANUAL},
    {"recent", MQW_ALIAS_RECENT},
};

#define OPTION(member)                                                                       \
    {                                                                                        \
#member, offsetof(mqw_conn_options, member), sizeof(((mqw_conn_options *)0)->member) \
    }

static const struct {
    const char *name;
    size_t offset;
    size_t size;
} option_fields[] = {
    OPTION(version),    OPTION(answers),         OPTION(alias_in),         OPTION(alias_out),
    OPTION(on_misuse),  OPTION(max_packet_size), OPTION(max_first_packet), OPTION(stream_over),
    OPTION(max_stored), OPTION(max_output),      OPTION(reserve),          OPTION(high_water),
    OPTION(low_water),  OPTION(max_total),       OPTION(connect_timeout),  OPTION(ping_timeout),
    OPTION(min_rate),
};

static unsigned long option_value(const char *text)
{
    if (*text >= '0' && *text <= '9')
        return strtoul(text, NULL, 10);
    unsigned long value = 0;
    while (*text != '\0') {
        size_t len = strcspn(text, ",");
        for (size_t i = 0; i < SPEC_COUNT(option_words); i++)
            if (strlen(option_words[i].name) == len && strncmp(option_words[i].name, text, len) == 0)
                value |= option_words[i].value;
        text += len + (text[len] == ',');
    }
    return value;
}

bool spec_option(spec_end *end, const char *word)
{
    const char *value = strchr(word, '=');
    if (strcmp(word, "absent") == 0)
        return end->absent = true;
    if (value == NULL)
        return false;
    for (size_t i = 0; i < SPEC_COUNT(option_fields); i++) {
        if (strlen(option_fields[i].name) != (size_t)(value - word) ||
            strncmp(option_fields[i].name, word, (size_t)(value - word)) != 0)
            continue;
        unsigned long number = option_value(value + 1);
        uint8_t *field = (uint8_t *)&end->options + option_fields[i].offset;
        for (size_t k = 0; k < option_fields[i].size; k++)
            field[k] = 0;
        if (option_fields[i].size == 1)
            *field = (uint8_t)number;
        else if (option_fields[i].size == 4)
            *(uint32_t *)(void *)field = (uint32_t)number;
        else
            *(uint64_t *)(void *)field = number;
        return true;
    }
    return spec_policy_word(word, &end->options.policy);
}

/* --- what comes out --- */

static void note_violations(spec_talk *talk, const mqw_packet *packet)
{
    for (int rule = 1; rule < MQW_RULE_COUNT; rule++)
        if (mqw_rule_in(&packet->violations, (mqw_rule)rule)) {
            spec_showed_rule((unsigned)rule);
            spec_printf(&talk->outcome, "~ %s\n", mqw_rule_name(rule));
        }
}

/* A packet that arrives as it was sent needs no line of its own. */
static void note_packet(spec_talk *talk, const mqw_packet *packet)
{
    spec_bytes line = {0};
    spec_print_packet(&line, packet, MQW_FULL);
    if (talk->arrived++ > 0 || talk->sent == NULL || strcmp(talk->sent, spec_text(&line)) != 0)
        spec_printf(&talk->outcome, "= %s\n", spec_text(&line));
    spec_free(&line);
}

static void note_piece(spec_talk *talk, spec_end *to, const mqw_piece *piece)
{
    spec_check(piece->offset == to->payload.len, talk->line, "a piece begins at %u, not %zu", piece->offset,
               to->payload.len);
    spec_put(&to->payload, piece->bytes.data, piece->bytes.len);
    to->payload_left = piece->left;
    to->payload_grew = true;
    talk->arrived++;
}

/* The pieces of one event, however many they were, are one line. */
static void flush_payload(spec_talk *talk, spec_end *to)
{
    if (!to->payload_grew)
        return;
    to->payload_grew = false;
    spec_printf(&talk->outcome, "= payload \"%s\"", spec_text(&to->payload));
    if (to->payload_left > 0)
        spec_printf(&talk->outcome, " and %u to come", to->payload_left);
    else
        spec_clear(&to->payload);
    spec_printf(&talk->outcome, "\n");
}

void spec_fault(spec_talk *talk, spec_end *end)
{
    mqw_error error = {0};
    if (end->fault_told)
        return;
    end->fault_told = true;
    if (!spec_check(mqw_conn_error(end->conn, &error) != NULL, talk->line, "a fault without an error"))
        return;
    spec_check(error.by_peer && mqw_conn_state(end->conn) == MQW_STATE_ENDED, talk->line,
               "after the peer's fault the state is %d", (int)mqw_conn_state(end->conn));
    spec_showed_rule(error.rule);
    spec_printf(&talk->outcome, "! fault %s 0x%02X %s\n", spec_result_name(error.code), error.reason,
                mqw_error_clause(&error));
    talk->arrived++;
}

/* --- push: the handlers --- */

typedef struct push_context {
    spec_talk *talk;
    spec_end *end;
} push_context;

static void on_packet(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    push_context *push = ctx;
    (void)conn;
    note_packet(push->talk, packet);
}

static void on_payload(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    push_context *push = ctx;
    (void)conn;
    note_piece(push->talk, push->end, &packet->piece);
}

static void on_violation(mqw_conn *conn, const mqw_packet *packet, const mqw_error *error, void *ctx)
{
    push_context *push = ctx;
    (void)conn;
    (void)packet;
    spec_showed_rule(error->rule);
    spec_printf(&push->talk->outcome, "~ %s\n", mqw_rule_name(error->rule));
}

static void on_error(mqw_conn *conn, const mqw_error *error, void *ctx)
{
    push_context *push = ctx;
    (void)conn;
    if (error->by_peer)
        spec_fault(push->talk, push->end);
    else
        push->end->misuse_heard++;
}

static const mqw_handlers handlers = {
    .size = sizeof(mqw_handlers),
    .packet = on_packet,
    .payload = on_payload,
    .violation = on_violation,
    .error = on_error,
};

static bool push_piece(spec_talk *talk, spec_end *to, mqw_bytes *in)
{
    push_context ctx = {talk, to};
    return mqw_conn_dispatch(to->conn, in, &handlers, &ctx) == 0;
}

void spec_hear_fault(spec_talk *talk, spec_end *end)
{
    mqw_bytes nothing = {NULL, 0};
    if (!talk->push)
        spec_fault(talk, end);
    else
        push_piece(talk, end, &nothing);
}

/* --- pull --- */

static bool pull_piece(spec_talk *talk, spec_end *to, mqw_bytes *in)
{
    mqw_packet packet;
    int result;
    spec_forget(&packet, 0x5A);
    while ((result = mqw_conn_recv(to->conn, in, &packet)) > 0) {
        note_violations(talk, &packet);
        if (result == 2)
            note_piece(talk, to, &packet.piece);
        else
            note_packet(talk, &packet);
    }
    if (result < 0)
        spec_fault(talk, to);
    return result == 0;
}

/* --- moving bytes --- */

/* The next `len` bytes of the inbox arrive, in a block of their size. False: nothing more can. */
static bool arrive_piece(spec_talk *talk, spec_end *to, size_t len)
{
    uint8_t *piece = spec_exact(to->inbox.data + to->taken, len);
    mqw_bytes in = {piece, len};
    bool good = talk->push ? push_piece(talk, to, &in) : pull_piece(talk, to, &in);
    size_t taken = len - in.len;
    free(piece);
    to->taken += taken;
    return good && taken > 0;
}

void spec_arrive(spec_talk *talk, spec_end *to, mqw_bytes bytes)
{
    mqw_error error;
    spec_put(&to->inbox, bytes.data, bytes.len);
    if (mqw_conn_error(to->conn, &error) != NULL)
        return;
    while (to->taken < to->inbox.len) {
        size_t left = to->inbox.len - to->taken;
        if (!arrive_piece(talk, to, left < talk->step ? left : talk->step))
            break;
    }
    if (to->taken == to->inbox.len)
        spec_clear(&to->inbox), to->taken = 0;
    flush_payload(talk, to);
}

void spec_take_output(spec_end *end, spec_bytes *out)
{
    mqw_bytes views[4];
    int count;
    while (!end->held && (count = mqw_conn_output(end->conn, views, 4)) > 0)
        for (int i = 0; i < count; i++) {
            spec_put(out, views[i].data, views[i].len);
            mqw_conn_written(end->conn, views[i].len);
        }
}

/* Steps of fuzz_conn. */
enum { SEED_SEND = 0, SEED_OUTPUT = 1, SEED_DELIVER = 2, SEED_LIE = 3 };

static void seed_step(spec_talk *talk, unsigned what, const spec_end *end, unsigned how)
{
    spec_put_byte(&talk->seed, what << 1 | (end == &talk->ends[1] ? 1u : 0u));
    spec_put_byte(&talk->seed, how);
}

/* The end says these bytes: through its connection, or behind its back. */
static void seed_saying(spec_talk *talk, const spec_end *from, bool lie, mqw_bytes bytes)
{
    const spec_end *to = spec_other(talk, from);
    if (bytes.len == 0 || bytes.len > 255)
        return;
    seed_step(talk, lie ? SEED_LIE : SEED_SEND, lie ? to : from, (unsigned)bytes.len);
    spec_put(&talk->seed, bytes.data, bytes.len);
    if (!lie)
        seed_step(talk, SEED_OUTPUT, from, 255);
    seed_step(talk, SEED_DELIVER, to, 255);
}

/* Carries bytes to the other end. `sent`: the packet that is expected to come out there. */
static void carry(spec_talk *talk, spec_end *from, mqw_bytes bytes, const char *sent)
{
    seed_saying(talk, from, sent == NULL, bytes);
    talk->sent = sent;
    talk->arrived = 0;
    spec_put(&talk->wire, bytes.data, bytes.len);
    if (!spec_other(talk, from)->absent)
        spec_arrive(talk, spec_other(talk, from), bytes);
    if (talk->arrived == 0 && sent != NULL && !spec_other(talk, from)->absent && !from->held)
        spec_printf(&talk->outcome, "= nothing\n");
    talk->sent = NULL;
}

void spec_release(spec_talk *talk, spec_end *end)
{
    spec_bytes out = {0};
    end->held = false;
    spec_take_output(end, &out);
    carry(talk, end, spec_view(&out), NULL);
    spec_free(&out);
}

/* A packet that a connection said by itself. Returns its size; 0: it cannot be read. */
static size_t carry_own(spec_talk *talk, spec_end *from, mqw_bytes bytes)
{
    mqw_codec codec = {mqw_conn_version(from->conn), (uint8_t)from->role, NULL};
    mqw_packet packet;
    mqw_error why;
    int size = mqw_decode(&codec, bytes, &packet, &why);
    if (!spec_check(size > 0, talk->line, "%c says something unreadable by itself", spec_mark(from)))
        return 0;
    spec_bytes line = {0};
    spec_print_packet(&line, &packet, MQW_FULL);
    spec_printf(&talk->outcome, "%c* %s\n", spec_mark(from), spec_text(&line));
    carry(talk, from, (mqw_bytes){bytes.data, (size_t)size}, spec_text(&line));
    spec_free(&line);
    return (size_t)size;
}

static bool settle_end(spec_talk *talk, spec_end *end)
{
    spec_bytes out = {0};
    spec_take_output(end, &out);
    bool said = out.len > 0;
    for (size_t at = 0, size = 0; at < out.len; at += size) {
        size = carry_own(talk, end, (mqw_bytes){out.data + at, out.len - at});
        if (size == 0)
            break;
    }
    spec_free(&out);
    return said;
}

void spec_settle(spec_talk *talk)
{
    for (bool more = true; more;) {
        more = settle_end(talk, &talk->ends[0]);
        more |= settle_end(talk, &talk->ends[1]);
    }
}

/* --- sending --- */

static int send_typed(mqw_conn *conn, const mqw_packet *packet)
{
    switch (packet->type) {
    case MQW_CONNECT: return mqw_conn_connect(conn, &packet->connect);
    case MQW_CONNACK: return mqw_conn_connack(conn, &packet->connack);
    case MQW_PUBLISH: return mqw_conn_publish(conn, &packet->publish);
    case MQW_PUBACK: return mqw_conn_puback(conn, &packet->puback);
    case MQW_PUBREC: return mqw_conn_pubrec(conn, &packet->pubrec);
    case MQW_PUBREL: return mqw_conn_pubrel(conn, &packet->pubrel);
    case MQW_PUBCOMP: return mqw_conn_pubcomp(conn, &packet->pubcomp);
    case MQW_SUBSCRIBE: return mqw_conn_subscribe(conn, &packet->subscribe);
    case MQW_SUBACK: return mqw_conn_suback(conn, &packet->suback);
    case MQW_UNSUBSCRIBE: return mqw_conn_unsubscribe(conn, &packet->unsubscribe);
    case MQW_UNSUBACK: return mqw_conn_unsuback(conn, &packet->unsuback);
    case MQW_PINGREQ: return mqw_conn_pingreq(conn);
    case MQW_PINGRESP: return mqw_conn_pingresp(conn);
    case MQW_DISCONNECT: return mqw_conn_disconnect(conn, &packet->disconnect);
    case MQW_AUTH: return mqw_conn_auth(conn, &packet->auth);
    default: return MQW_E_MISUSE;
    }
}

void spec_refusal(spec_talk *talk, const spec_end *end, int result)
{
    mqw_error error = {0};
    bool explained = result == MQW_E_MISUSE || result == MQW_E_REFUSED || result == MQW_E_QUOTA ||
                     result == MQW_E_TOO_LARGE;
    if (!explained) {
        spec_printf(&talk->outcome, "! refused %s\n", spec_result_name(result));
        return;
    }
    if (!spec_check(mqw_conn_refusal(end->conn, &error) != NULL, talk->line, "refused (%d) without a reason",
                    result))
        return;
    spec_check(error.code == result && !error.by_peer, talk->line, "refused with %d, explained as %d", result,
               error.code);
    spec_showed_rule(error.rule);
    spec_printf(&talk->outcome, "! refused ");
    spec_print_refusal(&talk->outcome, &error);
    spec_printf(&talk->outcome, "\n");
}

/* The error handler hears of misuse, and of nothing else that a call returns, unless the call ended the
 * connection. */
static void check_told(spec_talk *talk, spec_end *from, int result)
{
    mqw_bytes nothing = {NULL, 0};
    from->misuse_heard = 0;
    if (!talk->push) {
        pull_piece(talk, from, &nothing);
        return;
    }
    push_piece(talk, from, &nothing);
    spec_check(from->misuse_heard == (result == MQW_E_MISUSE), talk->line,
               "the error handler hears %u times of %s", from->misuse_heard, spec_result_name(result));
}

/* The packet goes over the wire without its sender's connection. `sent`: it is expected to arrive. */
static void say_behind_its_back(spec_talk *talk, spec_end *from, const mqw_packet *packet, const char *sent)
{
    static uint8_t room[1 << 17];
    const spec_end *speaks = from->absent ? spec_other(talk, from) : from;
    mqw_codec codec = {mqw_conn_version(speaks->conn), (uint8_t)from->role, NULL};
    mqw_error why = {0};
    int len = mqw_encode(&codec, packet, room, sizeof room, &why);
    if (spec_check(len > 0, talk->line, "it cannot be encoded, write its bytes: %s", mqw_error_clause(&why)))
        carry(talk, from, (mqw_bytes){room, (size_t)len}, sent);
}

void spec_say_raw(spec_talk *talk, spec_end *from, mqw_bytes bytes)
{
    spec_bytes out = {0};
    if (from->absent) {
        carry(talk, from, bytes, NULL);
        return;
    }
    int result = mqw_conn_send_raw(from->conn, bytes);
    if (result < 0)
        spec_refusal(talk, from, result);
    spec_take_output(from, &out);
    carry(talk, from, spec_view(&out), NULL);
    spec_free(&out);
}

/* Sends a packet, and notes how that went. */
static int say(spec_talk *talk, spec_end *from, const mqw_packet *packet)
{
    size_t waiting = mqw_conn_waiting(from->conn);
    int result = talk->push ? send_typed(from->conn, packet) : mqw_conn_send(from->conn, packet);
    if (result == 1)
        spec_printf(&talk->outcome, "left out\n");
    if (result < 0) {
        spec_check(mqw_conn_waiting(from->conn) == waiting, talk->line,
                   "it is refused and queued nevertheless");
        spec_refusal(talk, from, result);
        check_told(talk, from, result);
    }
    return result;
}

void spec_say(spec_talk *talk, spec_end *from, const char *line, bool anyway)
{
    uint8_t *room = NULL;
    mqw_packet packet;
    spec_bytes sent = {0}, out = {0};
    if (!spec_check(spec_scan(line, &packet, &room), talk->line, "not a packet: %s", line)) {
        free(room);
        return;
    }
    spec_print_packet(&sent, &packet, MQW_FULL);
    int result = from->absent ? 0 : say(talk, from, &packet);
    spec_take_output(from, &out);
    if (from->absent)
        say_behind_its_back(talk, from, &packet, spec_text(&sent));
    else if (result >= 0)
        carry(talk, from, spec_view(&out), spec_text(&sent));
    else if (anyway && result != MQW_E_CLOSED)
        say_behind_its_back(talk, from, &packet, NULL);
    free(room);
    spec_free(&sent);
    spec_free(&out);
}

bool spec_connect_ends(spec_talk *talk)
{
    for (int i = 0; i < 2; i++) {
        spec_end *end = &talk->ends[i];
        if (end->conn != NULL)
            continue;
        end->options.size = sizeof end->options;
        end->role = i == 0 ? MQW_CLIENT : MQW_SERVER;
        end->conn = mqw_conn_new(end->role, &end->options);
        if (!spec_check(end->conn != NULL, talk->line, "no connection with these options"))
            return false;
        if (talk->now) /* else the first `clock` is the first that it hears of time */
            mqw_conn_clock(end->conn, talk->now);
    }
    return true;
}
