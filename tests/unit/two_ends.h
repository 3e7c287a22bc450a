// SPDX-License-Identifier: MIT
// For tests of connections: packets as lines of text, two ends joined in memory, and an allocator that counts
// and fails when told to.
#ifndef MQW_TESTS_TWO_ENDS_H
#define MQW_TESTS_TWO_ENDS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <mqwire/conn.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

// ---- memory ----

typedef struct heap {
    size_t held, peak;
    unsigned allocations; // blocks made or grown
    unsigned fail_at;     // which of them fails; 0: none
    bool fail_on;         // and all behind it
    bool failed;
    uint64_t copied; // bytes moved to larger blocks
} heap;

static inline bool heap_refuses(heap *memory)
{
    memory->allocations++;
    if (memory->fail_at != memory->allocations && !(memory->fail_on && memory->failed))
        return false;
    memory->failed = true;
    return true;
}

// Each block moves when it is resized, and is wiped when it is freed: whoever looks at it again is found out.
static inline void *heap_resize(void *ctx, void *old, size_t old_size, size_t new_size)
{
    heap *memory = ctx;
    assert_true((old == NULL) == (old_size == 0));
    void *fresh = NULL;
    if (new_size) {
        if (heap_refuses(memory))
            return NULL;
        fresh = malloc(new_size);
        assert_non_null(fresh);
        memset(fresh, 0xA5, new_size);
    }
    size_t kept = old_size < new_size ? old_size : new_size;
    if (old) {
        if (fresh) {
            memcpy(fresh, old, kept);
            memory->copied += kept;
        }
        memset(old, 0xDD, old_size);
        free(old);
    }
    memory->held += new_size - old_size;
    if (memory->held > memory->peak)
        memory->peak = memory->held;
    return fresh;
}

static inline mqw_allocator heap_allocator(heap *memory)
{
    return (mqw_allocator){heap_resize, memory};
}

// ---- bytes ----

static inline mqw_bytes bytes_of(const char *text)
{
    return (mqw_bytes){(const uint8_t *)text, strlen(text)};
}

static inline int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Bytes written as "10 0c 'MQTT' 04": hexadecimal, and text between quotes. Valid until the next four calls.
static inline mqw_bytes hex(const char *text)
{
    static uint8_t rooms[4][1 << 16];
    static unsigned turn;
    uint8_t *room = rooms[turn++ % COUNT(rooms)];
    size_t len = 0;
    for (const char *at = text; *at;) {
        if (*at == ' ') {
            at++;
        } else if (*at == '\'') {
            for (at++; *at != '\''; at++)
                room[len++] = (uint8_t)*at;
            at++;
        } else {
            assert_true(hex_digit(at[0]) >= 0 && hex_digit(at[1]) >= 0);
            room[len++] = (uint8_t)(hex_digit(at[0]) << 4 | hex_digit(at[1]));
            at += 2;
        }
    }
    return (mqw_bytes){room, len};
}

static inline void same_bytes(mqw_bytes a, mqw_bytes b)
{
    assert_int_equal(a.len, b.len);
    if (a.len)
        assert_memory_equal(a.data, b.data, a.len);
}

// ---- sending ----

// A packet written as a line; its views are valid until the next two calls.
static inline mqw_packet packet_of(const char *line)
{
    static uint8_t rooms[2][1 << 18];
    static unsigned turn;
    uint8_t *room = rooms[turn++ % COUNT(rooms)];
    mqw_packet packet;
    mqw_error why;
    if (mqw_scan((mqw_text){line, strlen(line)}, &packet, room, sizeof rooms[0], &why) < 0)
        fail_msg("not a packet: %s: expected %s", line + why.offset, why.field);
    return packet;
}

// The method of its type.
static inline int say_packet(mqw_conn *conn, const mqw_packet *p)
{
    switch (p->type) {
    case MQW_CONNECT: return mqw_conn_connect(conn, &p->connect);
    case MQW_CONNACK: return mqw_conn_connack(conn, &p->connack);
    case MQW_PUBLISH: return mqw_conn_publish(conn, &p->publish);
    case MQW_PUBACK: return mqw_conn_puback(conn, &p->puback);
    case MQW_PUBREC: return mqw_conn_pubrec(conn, &p->pubrec);
    case MQW_PUBREL: return mqw_conn_pubrel(conn, &p->pubrel);
    case MQW_PUBCOMP: return mqw_conn_pubcomp(conn, &p->pubcomp);
    case MQW_SUBSCRIBE: return mqw_conn_subscribe(conn, &p->subscribe);
    case MQW_SUBACK: return mqw_conn_suback(conn, &p->suback);
    case MQW_UNSUBSCRIBE: return mqw_conn_unsubscribe(conn, &p->unsubscribe);
    case MQW_UNSUBACK: return mqw_conn_unsuback(conn, &p->unsuback);
    case MQW_PINGREQ: return mqw_conn_pingreq(conn);
    case MQW_PINGRESP: return mqw_conn_pingresp(conn);
    case MQW_DISCONNECT: return mqw_conn_disconnect(conn, &p->disconnect);
    case MQW_AUTH: return mqw_conn_auth(conn, &p->auth);
    default: fail_msg("no method for it"); return 0;
    }
}

static inline int say(mqw_conn *conn, const char *line)
{
    mqw_packet packet = packet_of(line);
    return say_packet(conn, &packet);
}

// The same by mqw_conn_send.
static inline int pass(mqw_conn *conn, const char *line)
{
    mqw_packet packet = packet_of(line);
    return mqw_conn_send(conn, &packet);
}

static inline void says(mqw_conn *conn, const char *line)
{
    int rc = say(conn, line);
    if (rc != 0)
        fail_msg("%s: %s", line, mqw_strerror(rc));
}

// ---- output ----

// All that waits, as one block that the caller frees; it counts as written.
static inline mqw_bytes take_output(mqw_conn *conn)
{
    mqw_counters counters;
    mqw_conn_counters(conn, &counters);
    size_t size = (size_t)(counters.bytes_queued - counters.bytes_written), len = 0;
    uint8_t *all = malloc(size + 1);
    assert_non_null(all);
    mqw_bytes views[3];
    for (int count; (count = mqw_conn_output(conn, views, 3)) > 0;) {
        size_t some = 0;
        for (int i = 0; i < count; i++) {
            assert_true(len + some + views[i].len <= size);
            memcpy(all + len + some, views[i].data, views[i].len);
            some += views[i].len;
        }
        (void)mqw_conn_written(conn, some);
        len += some;
    }
    return (mqw_bytes){all, len};
}

static inline void writes(mqw_conn *conn, const char *expected)
{
    mqw_bytes all = take_output(conn);
    same_bytes(all, hex(expected));
    free((void *)(uintptr_t)all.data);
}

static inline void drop_output(mqw_conn *conn)
{
    free((void *)(uintptr_t)take_output(conn).data);
}

// ---- input ----

// What was delivered since it was emptied, a line each.
static char heard[1 << 16];

static inline void hear(const char *text)
{
    size_t len = strlen(heard);
    assert_true(len + strlen(text) + 2 < sizeof heard);
    snprintf(heard + len, sizeof heard - len, "%s%s", len ? "\n" : "", text);
}

static inline void hear_packet(const mqw_packet *packet)
{
    static char line[1 << 14];
    if (packet->type == MQW_PIECE)
        snprintf(line, sizeof line, "%.*s at %u, %u left, id %u, qos %u", (int)packet->piece.bytes.len,
                 (const char *)packet->piece.bytes.data, (unsigned)packet->piece.offset,
                 (unsigned)packet->piece.left, (unsigned)packet->piece.packet_id,
                 (unsigned)packet->piece.qos);
    else
        mqw_print(line, sizeof line, packet, MQW_FULL);
    hear(line);
    for (int rule = 1; rule < MQW_RULE_COUNT; rule++)
        if (mqw_rule_in(&packet->violations, (mqw_rule)rule)) {
            snprintf(line, sizeof line, "~ %s", mqw_rule_name(rule));
            hear(line);
        }
}

// Gives bytes to recv until it wants no more; its last result. What is not taken stays in *bytes.
static inline int feed_some(mqw_conn *conn, mqw_bytes *bytes)
{
    mqw_packet packet;
    for (;;) {
        size_t before = bytes->len;
        int rc = mqw_conn_recv(conn, bytes, &packet);
        assert_true(bytes->len <= before);
        if (rc <= 0)
            return rc;
        assert_int_equal(rc, packet.type == MQW_PIECE ? 2 : 1);
        hear_packet(&packet);
    }
}

// The same in pieces of `step` bytes, each in a block of its own that ends where it ends.
static inline int feed_in(mqw_conn *conn, mqw_bytes bytes, size_t step)
{
    int rc = 0;
    for (size_t at = 0; at < bytes.len && rc >= 0; at += step) {
        size_t len = bytes.len - at < step ? bytes.len - at : step;
        uint8_t *copy = malloc(len);
        assert_non_null(copy);
        memcpy(copy, bytes.data + at, len);
        mqw_bytes left = {copy, len};
        rc = feed_some(conn, &left);
        assert_true(rc < 0 || left.len == 0 || mqw_conn_paused(conn));
        free(copy);
    }
    return rc;
}

static inline int feed(mqw_conn *conn, const char *text)
{
    mqw_bytes bytes = hex(text);
    return feed_in(conn, bytes, bytes.len);
}

// Exactly that was delivered since the last time.
static inline void hears(const char *expected)
{
    static char was[sizeof heard];
    memcpy(was, heard, sizeof heard);
    heard[0] = '\0';
    assert_string_equal(was, expected);
}

// Moves what waits at one end to the other.
static inline int carry(mqw_conn *from, mqw_conn *to)
{
    mqw_bytes all = take_output(from);
    int rc = all.len ? feed_in(to, all, all.len) : 0;
    free((void *)(uintptr_t)all.data);
    return rc;
}

// ---- judging ----

// The call was refused with that result, for that rule and field (NULL: none).
static inline void refused_by(const mqw_conn *conn, int rc, int code, int rule, const char *field)
{
    mqw_error why;
    assert_int_equal(rc, code);
    assert_non_null(mqw_conn_refusal(conn, &why));
    assert_int_equal(why.code, code);
    assert_string_equal(mqw_rule_name(why.rule), mqw_rule_name(rule));
    assert_false(why.by_peer);
    if (field)
        assert_string_equal(why.field ? why.field : "(none)", field);
    else
        assert_null(why.field);
}

// The peer's fault ended the connection.
static inline void faulted_by(const mqw_conn *conn, int rc, int code, int rule)
{
    mqw_error why;
    assert_int_equal(rc, code);
    assert_non_null(mqw_conn_error(conn, &why));
    assert_int_equal(why.code, code);
    assert_string_equal(mqw_rule_name(why.rule), mqw_rule_name(rule));
    assert_int_equal(mqw_conn_state(conn), MQW_STATE_ENDED);
}

static inline void clause_is(const mqw_conn *conn, const char *clause)
{
    mqw_error why;
    assert_true(mqw_conn_error(conn, &why) || mqw_conn_refusal(conn, &why));
    assert_string_equal(mqw_error_clause(&why), clause);
}

// ---- ends ----

static inline mqw_conn *make(mqw_role role, const mqw_conn_options *options)
{
    mqw_conn *conn = mqw_conn_new(role, options);
    assert_non_null(conn);
    return conn;
}

// A CONNECT and a CONNACK go across by themselves; neither is heard.
static inline void join(mqw_conn *client, mqw_conn *server, const char *connect, const char *connack)
{
    says(client, connect);
    assert_int_equal(carry(client, server), 0);
    says(server, connack);
    assert_int_equal(carry(server, client), 0);
    assert_int_equal(mqw_conn_state(client), MQW_STATE_OPEN);
    assert_int_equal(mqw_conn_state(server), MQW_STATE_OPEN);
    heard[0] = '\0';
}

static const char *const plain_connects[] = {"CONNECT version=3 client_id=\"c\"",
                                             "CONNECT version=4 client_id=\"c\"",
                                             "CONNECT version=5 client_id=\"c\""};

// One end whose conversation is open; what it wrote is gone.
static inline mqw_conn *opened(mqw_role role, uint8_t version, const mqw_conn_options *options)
{
    mqw_conn_options other_options = {.version = version};
    mqw_conn *conn = make(role, options);
    mqw_conn *other = make(role == MQW_CLIENT ? MQW_SERVER : MQW_CLIENT, &other_options);
    join(role == MQW_CLIENT ? conn : other, role == MQW_CLIENT ? other : conn, plain_connects[version - 3],
         "CONNACK reason=0x00");
    mqw_conn_free(other);
    return conn;
}

// The same after a CONNECT and a CONNACK that are given.
static inline mqw_conn *opened_with(mqw_role role, const char *connect, const char *connack,
                                    const mqw_conn_options *options)
{
    mqw_conn *conn = make(role, options);
    mqw_conn *other = make(role == MQW_CLIENT ? MQW_SERVER : MQW_CLIENT, NULL);
    join(role == MQW_CLIENT ? conn : other, role == MQW_CLIENT ? other : conn, connect, connack);
    mqw_conn_free(other);
    return conn;
}

#endif
