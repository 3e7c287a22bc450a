// SPDX-License-Identifier: MIT
// The world of a broker that is fuzzed: clocks that are numbers, lines from clients that are bytes, memory
// that is counted.
#ifndef MQW_FUZZ_BROKER_WORLD_H
#define MQW_FUZZ_BROKER_WORLD_H

#include "fuzz.h"

#include "broker/environment.h"

enum {
    LINES = 5,
    TICKETS = 8,
    LONGEST = 1 << 13,
    MAX_MEMORY = 64 * 1024,
    MAX_PACKET = 2048,
    MAX_OUTPUT = 4096,
    TURNS = 200 /* without the time going on: more is a hang */
};

/* A client: what it sends comes from the input; what it gets has to be packets of a server. */
typedef struct line {
    mqw_conn *conn; /* the broker's end; NULL: there is none */
    uint8_t *heard; /* of a packet that is not whole yet */
    size_t heard_len;
    uint8_t version;
    uint16_t last_id;
    bool closing, dead, deaf, started;
} line;

typedef struct world {
    fuzz_input in;
    mqw_broker *broker;
    mqw_store *store;
    uv_loop_t loop;
    line lines[LINES];
    mqw_ticket *tickets[TICKETS];
    unsigned ticket_count;
    uint64_t now, wall, wake, random;
    size_t held; /* memory of the broker */
    bool closed, gone, asks;
} world;

static world w;

/* --- memory --- */

static void *resize(void *ctx, void *old, size_t old_size, size_t new_size)
{
    (void)ctx;
    REQUIRE(old_size <= w.held && (old != NULL || old_size == 0));
    if (new_size == 0) {
        free(old);
        w.held -= old_size;
        return NULL;
    }
    void *block = realloc(old, new_size);
    REQUIRE(block != NULL);
    w.held += new_size - old_size;
    return block;
}

/* --- the environment --- */

static uint64_t get_now(void *self)
{
    (void)self;
    return w.now;
}

static uint64_t get_wall(void *self)
{
    (void)self;
    return w.wall;
}

static int get_random(void *self, void *out, size_t len)
{
    (void)self;
    for (size_t i = 0; i < len; i++) {
        w.random = w.random * UINT64_C(6364136223846793005) + 1442695040888963407u;
        ((uint8_t *)out)[i] = (uint8_t)(w.random >> 56);
    }
    return 0;
}

static void close_line(void *self, mqw_conn *conn)
{
    (void)self;
    mqw_conn_shut(conn);
    ((line *)mqw_conn_link(conn))->closing = true;
}

static void abort_line(void *self, mqw_conn *conn)
{
    close_line(self, conn);
    ((line *)mqw_conn_link(conn))->dead = true;
}

static int get_facts(void *self, const mqw_conn *conn, mqw_stream_facts *out)
{
    (void)self, (void)conn, (void)out;
    return -1;
}

static void set_wake(void *self, uint64_t deadline)
{
    (void)self;
    REQUIRE(!w.gone);
    w.wake = deadline;
}

static void stop(void *self)
{
    (void)self;
}

static bool is_stopped(void *self)
{
    (void)self;
    return true;
}

static void leave(void *self)
{
    (void)self;
    REQUIRE(!w.gone);
    w.gone = true;
}

static const mqw__surroundings surroundings = {.now = get_now,
                                               .wall = get_wall,
                                               .random = get_random,
                                               .close = close_line,
                                               .abort = abort_line,
                                               .facts = get_facts,
                                               .wake = set_wake,
                                               .stop = stop,
                                               .stopped = is_stopped,
                                               .free = leave};

/* --- lines --- */

static void on_output(mqw_conn *conn, void *link)
{
    (void)link;
    mqw_conn_clock(conn, w.now);
}

static void open_line(line *at)
{
    memset(at, 0, sizeof *at);
    at->version = 4;
    at->conn = mqw_conn_new_shared(MQW_SERVER, mqw__broker_config(w.broker));
    REQUIRE(at->conn != NULL);
    mqw_conn_clock(at->conn, w.now);
    mqw_conn_set_link(at->conn, at, on_output);
    if (mqw__broker_serve(w.broker, at->conn, NULL) == 0)
        return;
    mqw_conn_set_link(at->conn, NULL, NULL);
    mqw_conn_free(at->conn);
    at->conn = NULL;
}

static void bury_line(line *at)
{
    void *ctx;
    const mqw_handlers *handlers = mqw_conn_handlers(at->conn, &ctx);
    if (handlers->close != NULL && !mqw_conn_freed(at->conn))
        handlers->close(at->conn, ctx);
    mqw_conn_set_link(at->conn, NULL, NULL);
    mqw_conn_free(at->conn);
    free(at->heard);
    memset(at, 0, sizeof *at);
}

/* Whatever a client sends, what it hears are packets of a server, in its version. */
static void check_heard(line *at)
{
    size_t used = 0;
    mqw_codec strict = {.version = at->version, .sender = MQW_SERVER};
    mqw_packet packet;
    while (used < at->heard_len) {
        mqw_bytes rest = {at->heard + used, at->heard_len - used};
        int size = mqw_packet_size(rest);
        REQUIRE(size >= 0);
        if (size == 0 || (size_t)size > rest.len)
            break;
        rest.len = (size_t)size;
        FUZZ_FORGET(&packet);
        REQUIRE(mqw_decode(&strict, rest, &packet, NULL) == size);
        used += (size_t)size;
    }
    at->heard_len -= used;
    if (at->heard_len)
        memmove(at->heard, at->heard + used, at->heard_len);
}

static void hear(line *at)
{
    mqw_bytes view;
    if (mqw_conn_state(at->conn) != MQW_STATE_NEW)
        at->version = mqw_conn_state(at->conn) == MQW_STATE_UNSUPPORTED ? 4 : mqw_conn_version(at->conn);
    while (mqw_conn_output(at->conn, &view, 1) > 0) {
        at->heard = realloc(at->heard, at->heard_len + view.len);
        REQUIRE(at->heard != NULL);
        memcpy(at->heard + at->heard_len, view.data, view.len);
        at->heard_len += view.len;
        mqw_conn_written(at->conn, view.len);
    }
    check_heard(at);
}

static void say(line *at, mqw_bytes bytes)
{
    uint8_t *copy = fuzz_copy(bytes); /* of that size exactly: nothing is read behind it */
    mqw_bytes in = {copy, bytes.len};
    mqw_conn_clock(at->conn, w.now);
    if (!at->closing)
        mqw_conn_dispatch(at->conn, &in, NULL, NULL); /* what a paused one leaves is lost */
    free(copy);
}

static void run_line(line *at)
{
    void *ctx;
    const mqw_handlers *handlers = mqw_conn_handlers(at->conn, &ctx);
    mqw_conn_clock(at->conn, w.now);
    if (at->dead) {
        bury_line(at);
        return;
    }
    if (!at->started && handlers->connected != NULL)
        handlers->connected(at->conn, ctx);
    at->started = true;
    if (!at->closing) {
        mqw_conn_tick(at->conn, w.now);
        mqw_conn_dispatch(at->conn, &(mqw_bytes){NULL, 0}, NULL, NULL);
    }
    if (!at->deaf || at->closing)
        hear(at);
    mqw_state state = mqw_conn_state(at->conn);
    at->dead |=
        at->closing || mqw_conn_freed(at->conn) || state == MQW_STATE_ENDED || state == MQW_STATE_REFUSED;
}

#endif
