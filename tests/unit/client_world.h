// SPDX-License-Identifier: MIT
// For tests of the client: a world in which time is a number, whose servers say what the test says. All that
// a server gets and all that the program hears goes to `heard`, a line each, in order: packets as mqw_print
// has them, what the program hears behind "- ".
#ifndef MQW_TESTS_CLIENT_WORLD_H
#define MQW_TESTS_CLIENT_WORLD_H

#include "client/environment.h"
#include "transport/alloc.h"
#include "unit/two_ends.h"

enum { WIRES = 32, WALL = 1000000 };

// What a client adds to its CONNECT of 5.0.
#define ADDED " topic_alias_maximum=16 maximum_packet_size=67108864"

typedef struct wire {
    mqw_conn *client, *server;
    bool announced, closing, cut, dead;
    bool stalled; // nothing is taken from the client
} wire;

typedef struct world {
    mqw_client *client;
    wire wires[WIRES];
    int opened;
    int refuse; // so many attempts fail at once
    const char *addresses[WIRES];
    uint64_t now, wake;
    int64_t clock_shift; // of the wall clock
    bool sealed, gone, quiet;
    bool (*answer)(mqw_conn *server, const mqw_packet *packet); // instead of the test; while quiet
    struct {
        void (*run)(mqw_client *client, void *ctx);
        void *ctx;
    } posts[8];
    int posted;
} world;

static world w;

// ---- memory ----

static heap memory;

void *mqw__uv_new(size_t size)
{
    return heap_refuses(&memory) ? NULL : calloc(1, size);
}

void *mqw__uv_resize(void *old, size_t size)
{
    return heap_refuses(&memory) ? NULL : realloc(old, size);
}

// ---- the environment ----

static inline uint64_t world_now(void *self)
{
    (void)self;
    return w.now;
}

static inline uint64_t world_wall(void *self)
{
    (void)self;
    return (uint64_t)((int64_t)(WALL + w.now) + w.clock_shift);
}

static inline uint32_t world_random(void *self)
{
    (void)self;
    return 0x12345678;
}

static inline void wire_woken(mqw_conn *conn, void *link)
{
    (void)link;
    mqw_conn_clock(conn, w.now);
}

static inline int world_open(void *self, const char *address, const mqw_open_options *options, mqw_conn **out)
{
    (void)self;
    assert_true(w.opened < WIRES);
    if (w.refuse > 0) {
        w.refuse--;
        return MQW_E_STREAM;
    }
    wire *made = &w.wires[w.opened];
    made->client = mqw_conn_new_shared(MQW_CLIENT, options->config);
    if (!made->client)
        return MQW_E_NO_MEMORY;
    mqw_conn_options plain = {.max_first_packet = 1 << 20};
    made->server = make(MQW_SERVER, &plain);
    w.addresses[w.opened++] = address;
    mqw_conn_clock(made->client, w.now);
    mqw_conn_clock(made->server, w.now);
    mqw_conn_set_link(made->client, made, wire_woken);
    *out = made->client;
    return 0;
}

static inline void world_close(void *self, mqw_conn *conn)
{
    (void)self;
    mqw_conn_shut(conn);
    ((wire *)mqw_conn_link(conn))->closing = true;
}

static inline void world_abort(void *self, mqw_conn *conn)
{
    world_close(self, conn);
    ((wire *)mqw_conn_link(conn))->cut = true;
}

static inline const char *world_why(void *self, const mqw_conn *conn)
{
    (void)self;
    return conn ? "connection reset by peer" : "";
}

static inline void world_wake(void *self, uint64_t at)
{
    (void)self;
    assert_false(w.gone);
    w.wake = at;
}

static inline int world_post(void *self, void (*run)(mqw_client *client, void *ctx), void *ctx)
{
    (void)self;
    if (w.sealed)
        return MQW_E_CLOSED;
    w.posts[w.posted].run = run;
    w.posts[w.posted++].ctx = ctx;
    w.wake = 0;
    return 0;
}

static inline void world_seal(void *self)
{
    (void)self;
    w.sealed = true;
}

static inline void world_free(void *self)
{
    (void)self;
    w.client = NULL;
    w.gone = true;
}

// ---- wires ----

// The last that was opened.
static inline wire *present(void)
{
    assert_true(w.opened > 0);
    return &w.wires[w.opened - 1];
}

static inline mqw_conn *server(void)
{
    return present()->server;
}

static inline void wire_end(wire *at)
{
    void *ctx;
    const mqw_handlers *handlers = mqw_conn_handlers(at->client, &ctx);
    at->dead = true;
    if (handlers->close)
        handlers->close(at->client, ctx);
    mqw_conn_set_link(at->client, NULL, NULL);
    mqw_conn_free(at->client);
    mqw_conn_free(at->server);
}

static inline void dispatch(mqw_conn *conn, mqw_bytes bytes)
{
    mqw_bytes left = bytes;
    (void)mqw_conn_dispatch(conn, &left, NULL, NULL);
}

// Something moved?
static inline bool wire_up(wire *at)
{
    mqw_bytes view;
    if (at->stalled || at->cut || mqw_conn_output(at->client, &view, 1) <= 0)
        return false;
    mqw_bytes all = take_output(at->client);
    mqw_conn_clock(at->server, w.now);
    mqw_packet unheard;
    mqw_bytes left = all;
    while (w.quiet && mqw_conn_recv(at->server, &left, &unheard) > 0)
        if (w.answer)
            (void)w.answer(at->server, &unheard);
    if (!w.quiet)
        (void)feed_in(at->server, all, all.len);
    free((void *)(uintptr_t)all.data);
    dispatch(at->client, (mqw_bytes){NULL, 0}); // drain
    return true;
}

static inline bool wire_down(wire *at)
{
    if (mqw_conn_waiting(at->server) == 0 || at->closing || mqw_conn_paused(at->client))
        return false;
    mqw_bytes all = take_output(at->server);
    mqw_conn_clock(at->client, w.now);
    dispatch(at->client, all);
    free((void *)(uintptr_t)all.data);
    return true;
}

static inline bool wire_moves(wire *at)
{
    if (at->dead || !at->client)
        return false;
    if (!at->announced && !at->closing) {
        void *ctx;
        const mqw_handlers *handlers = mqw_conn_handlers(at->client, &ctx);
        at->announced = true;
        handlers->connected(at->client, ctx);
        return true;
    }
    if (wire_up(at) || wire_down(at))
        return true;
    if (at->closing && (!at->stalled || at->cut)) {
        wire_end(at);
        return true;
    }
    return false;
}

static inline bool client_moves(void)
{
    if (w.gone || w.wake > w.now)
        return false;
    int posted = w.posted;
    w.posted = 0;
    for (int i = 0; i < posted; i++)
        w.posts[i].run(w.client, w.posts[i].ctx);
    w.wake = UINT64_MAX;
    mqw__client_turn(w.client);
    return true;
}

// Until nothing moves without time passing.
static inline void settle(void)
{
    bool moved = true;
    for (int i = 0; moved; i++) {
        assert_true(i < 100000);
        moved = false;
        for (int k = 0; k < w.opened; k++)
            moved = wire_moves(&w.wires[k]) || moved;
        moved = client_moves() || moved;
    }
}

static inline uint64_t next_event(void)
{
    uint64_t at = w.gone ? UINT64_MAX : w.wake;
    for (int k = 0; k < w.opened; k++) {
        const wire *at_wire = &w.wires[k];
        uint64_t due = at_wire->dead || at_wire->closing ? UINT64_MAX : mqw_conn_deadline(at_wire->client);
        at = due < at ? due : at;
    }
    return at;
}

// Time passes, and what is due in it happens at its time.
static inline void passes(uint64_t ms)
{
    uint64_t end = w.now + ms;
    settle();
    while (next_event() <= end) {
        w.now = next_event() > w.now ? next_event() : w.now + 1;
        for (int k = 0; k < w.opened; k++) {
            wire *at = &w.wires[k];
            if (!at->dead && !at->closing && mqw_conn_tick(at->client, w.now) < 0)
                dispatch(at->client, (mqw_bytes){NULL, 0});
        }
        settle();
    }
    w.now = end;
    settle();
}

static inline void server_says(const char *line)
{
    says(server(), line);
    settle();
}

// The stream breaks.
static inline void cut(void)
{
    wire *at = present();
    mqw_conn_fail(at->client, MQW_E_STREAM, (mqw_rule)0);
    at->cut = at->closing = true;
    dispatch(at->client, (mqw_bytes){NULL, 0});
    settle();
}

// Time passes until it has tried again.
static inline void reconnects(void)
{
    int before = w.opened;
    for (int i = 0; w.opened == before; i++) {
        assert_true(i < 2000);
        passes(50);
    }
}

// ---- the program ----

static inline void note(const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (!w.quiet)
        hear(line);
}

static inline void on_open(mqw_client *client, const mqw_connack *connack, void *ctx)
{
    (void)client;
    (void)ctx;
    note("- open%s", connack->session_present ? ", present" : "");
}

static inline void on_message(mqw_client *client, const mqw_publish *publish, mqw_token token, void *ctx)
{
    (void)client;
    (void)ctx;
    note("- message %.*s %.*s%s", (int)publish->topic.len, publish->topic.data, (int)publish->payload.len,
         (const char *)publish->payload.data, token ? " *" : "");
}

static inline void on_lost(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    (void)client;
    (void)ctx;
    note("- lost %d 0x%02x %s; %d at %s, again in %lld", failure->result, (unsigned)failure->reason,
         failure->words, (int)failure->attempts, failure->address, (long long)failure->retry_in);
}

static inline void on_drained(mqw_client *client, void *ctx)
{
    (void)client;
    (void)ctx;
    note("- drain");
}

static inline void on_closed(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    (void)client;
    (void)ctx;
    note("- close%s%s", failure ? ": " : "", failure ? failure->words : "");
}

// A completion: its context is a text.
static inline void done(mqw_client *client, int result, const mqw_packet *answer, void *ctx)
{
    (void)client;
    (void)answer;
    note("- done %s %d", (const char *)ctx, result);
}

static inline mqw_client_options usual(void)
{
    static mqw_connect connect;
    connect = (mqw_connect){.client_id = MQW_TEXT("c"), .clean_start = true, .version = 5};
    mqw_set(&connect.props, session_expiry, 1000);
    return (mqw_client_options){.size = sizeof(mqw_client_options),
                                .connect = &connect,
                                .handlers = {.size = sizeof(mqw_client_handlers),
                                             .on_open = on_open,
                                             .on_message = on_message,
                                             .on_lost = on_lost,
                                             .on_drain = on_drained,
                                             .on_close = on_closed}};
}

static inline int start_quietly(const mqw_client_options *options)
{
    const mqw__environment around = {.self = &w,
                                     .now = world_now,
                                     .wall = world_wall,
                                     .random = world_random,
                                     .open = world_open,
                                     .close = world_close,
                                     .abort = world_abort,
                                     .why = world_why,
                                     .wake = world_wake,
                                     .post = world_post,
                                     .seal = world_seal,
                                     .free = world_free};
    memset(&w, 0, sizeof w);
    heard[0] = '\0';
    w.now = 1000;
    w.wake = UINT64_MAX;
    return mqw__client_new(&w.client, &around, options);
}

static inline void start(const mqw_client_options *options)
{
    assert_int_equal(start_quietly(options), 0);
    settle();
}

// Started and connected; nothing of it is heard.
static inline void open_with(const mqw_client_options *options, const char *connack)
{
    start(options);
    server_says(connack);
    heard[0] = '\0';
}

static inline void open_usual(void)
{
    mqw_client_options options = usual();
    open_with(&options, "CONNACK reason=0x00");
}

static inline void finish(void)
{
    const mqw_client_goodbye now = {.now = true};
    if (!w.gone)
        mqw_client_close(w.client, &now);
    for (int k = 0; k < w.opened; k++)
        w.wires[k].stalled = false;
    settle();
    assert_true(w.gone);
    for (int k = 0; k < w.opened; k++)
        assert_true(w.wires[k].dead);
    heard[0] = '\0';
}

static inline int publish_as(const char *topic, const char *payload, uint8_t qos, const char *name)
{
    mqw_publish publish = {.topic = {topic, strlen(topic)}, .payload = bytes_of(payload), .qos = qos};
    return mqw_client_publish(w.client, &publish, name ? done : NULL, (void *)(uintptr_t)name);
}

static inline void publishes(const char *payload, uint8_t qos)
{
    assert_int_equal(publish_as("t", payload, qos, payload), 0);
}

static inline int subscribe_to(const char *filter, uint8_t qos, const char *name)
{
    mqw_filter item = {.filter = {filter, strlen(filter)}, .qos = qos};
    return mqw_client_subscribe(w.client, &item, 1, NULL, done, (void *)(uintptr_t)name);
}

#endif
