// SPDX-License-Identifier: MIT
// The world of a client that is fuzzed: clocks that are numbers, wires to servers, messages made of the
// input.
#ifndef MQW_FUZZ_CLIENT_WORLD_H
#define MQW_FUZZ_CLIENT_WORLD_H

#include "fuzz.h"

#include "client/environment.h"

enum {
    WIRES = 6,
    ROOM = 1 << 15,
    PENDING = 16,
    POSTS = 8,
    BUSY = 32,
    TOKENS = 8,
    LONGEST = 1 << 13,
    MAX_QUEUED = 12
};

/* A connection: the client's end, the server's, and what is on its way to the client. */
typedef struct wire {
    mqw_conn *client, *server;
    size_t len;
    bool announced, closing, dead, ended, stalled;
    struct {
        uint8_t type, count;
        uint16_t id;
    } pending[PENDING]; /* what the server was told and has not answered */
    unsigned pendings;
    uint16_t busy[BUSY]; /* identifiers of the client that are not free again; 0: none */
    uint8_t to_client[ROOM];
} wire;

typedef struct world {
    fuzz_input in;
    mqw_client *client;
    mqw_store *store;
    uv_loop_t loop;
    wire *wires[WIRES];
    uint64_t now, wall, wake;
    uint64_t random;
    struct {
        void (*run)(mqw_client *client, void *ctx);
        void *ctx;
    } posts[POSTS];
    unsigned posted;
    mqw_token tokens[TOKENS];
    unsigned held; /* tokens */
    unsigned accepted, told, depth;
    uint16_t next_id; /* of the server */
    bool honest;      /* the server keeps the rules: then nobody may be blamed */
    bool sealed, closed, gone, asking, refuse_open;
} world;

static world w;

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

static uint32_t get_random(void *self)
{
    (void)self;
    w.random = w.random * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (uint32_t)(w.random >> 32);
}

static void on_wake(mqw_conn *conn, void *link)
{
    (void)link;
    mqw_conn_clock(conn, w.now);
}

static int open_wire(void *self, const char *address, const mqw_open_options *options, mqw_conn **out)
{
    static const mqw_conn_options strict = {
        .size = sizeof strict, .max_output = 1 << 14, .high_water = 1 << 13, .low_water = 1 << 12};
    unsigned at = 0;
    (void)self;
    REQUIRE(address != NULL && address[0] != '\0' && !w.gone);
    while (at < WIRES && w.wires[at] != NULL)
        at++;
    if (at == WIRES || w.refuse_open)
        return w.refuse_open ? MQW_E_STREAM : MQW_E_NO_MEMORY;
    wire *new = fuzz_block(sizeof *new);
    memset(new, 0, offsetof(wire, to_client));
    new->client = mqw_conn_new_shared(MQW_CLIENT, options->config);
    new->server = mqw_conn_new(MQW_SERVER, &strict);
    REQUIRE(new->client != NULL &&new->server != NULL);
    mqw_conn_set_link(new->client, new, on_wake);
    mqw_conn_clock(new->client, w.now);
    *out = new->client;
    w.wires[at] = new;
    return 0;
}

static void close_wire(void *self, mqw_conn *conn)
{
    (void)self;
    mqw_conn_shut(conn);
    ((wire *)mqw_conn_link(conn))->closing = true;
}

static void abort_wire(void *self, mqw_conn *conn)
{
    close_wire(self, conn);
    ((wire *)mqw_conn_link(conn))->dead = true;
}

static const char *get_why(void *self, const mqw_conn *conn)
{
    (void)self, (void)conn;
    return "the wire was cut";
}

static void set_wake(void *self, uint64_t deadline)
{
    (void)self;
    REQUIRE(!w.gone);
    w.wake = deadline;
}

static int post(void *self, void (*run)(mqw_client *client, void *ctx), void *ctx)
{
    (void)self;
    if (w.sealed || w.posted == POSTS)
        return w.sealed ? MQW_E_CLOSED : MQW_E_NO_MEMORY;
    w.posts[w.posted].run = run;
    w.posts[w.posted++].ctx = ctx;
    w.wake = 0;
    return 0;
}

static void seal(void *self)
{
    (void)self;
    w.sealed = true;
}

static void leave(void *self)
{
    (void)self;
    REQUIRE(w.closed && !w.gone);
    w.gone = true;
    w.client = NULL;
}

static const mqw__environment environment = {.now = get_now,
                                             .wall = get_wall,
                                             .random = get_random,
                                             .open = open_wire,
                                             .close = close_wire,
                                             .abort = abort_wire,
                                             .why = get_why,
                                             .wake = set_wake,
                                             .post = post,
                                             .seal = seal,
                                             .free = leave};

/* --- messages --- */

static mqw_text a_topic(unsigned which)
{
    static const char *const topics[] = {"a", "a/b", "$share/g/a", "#", "+/b", "a/c/d", "", "\xc3\xa4"};
    const char *topic = topics[which % 8];
    return (mqw_text){topic, strlen(topic)};
}

static mqw_publish a_message(unsigned how)
{
    mqw_publish message = {.topic = a_topic(how >> 2),
                           .payload = fuzz_bytes(&w.in, how & 0x80 ? 300 : how % 32),
                           .qos = (uint8_t)(how % 4),
                           .retain = how & 0x20};
    if (how & 0x40)
        mqw_set(&message.props, message_expiry, how % 16);
    return message;
}

#endif
