// SPDX-License-Identifier: MIT
// For tests of the broker: a world in which time is a number, with clients that say what the test says. All
// that clients get and all that the program hears goes to `heard`, a line each, in order: packets as
// mqw_print has them behind the name of the client, what the program hears behind "- ".
#ifndef MQW_TESTS_BROKER_WORLD_H
#define MQW_TESTS_BROKER_WORLD_H

#include "broker/environment.h"
#include "unit/two_ends.h"

enum { WIRES = 32, WALL = 1000000 };

typedef struct wire {
    const char *name;
    mqw_conn *client, *server;
    mqw_bytes left;     // what the server's end has not taken, because it was paused
    bool closing, dead; // the broker closes; closed
    bool stalled;       // the client takes nothing
    bool deaf;          // nothing that it gets is heard
} wire;

static struct world {
    mqw_broker *broker;
    wire wires[WIRES];
    int opened;
    uint64_t now, wake;
    int64_t clock_shift; // of the wall clock
    uint8_t chance;
    bool stopped, gone, told;
    heap memory;
} w;

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

static inline int world_random(void *self, void *out, size_t len)
{
    (void)self;
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)out)[i] = w.chance++;
    return 0;
}

static inline void world_close(void *self, mqw_conn *conn)
{
    (void)self;
    mqw_conn_shut(conn);
    ((wire *)mqw_conn_link(conn))->closing = true;
}

static inline int world_facts(void *self, const mqw_conn *conn, mqw_stream_facts *out)
{
    (void)self;
    (void)conn;
    (void)out;
    return -1;
}

static inline void world_wake(void *self, uint64_t at)
{
    (void)self;
    assert_false(w.gone);
    w.wake = at;
}

static inline void world_stop(void *self)
{
    (void)self;
    w.stopped = true;
    w.wake = 0;
}

static inline bool world_stopped(void *self)
{
    (void)self;
    return w.stopped;
}

static inline void world_free(void *self)
{
    (void)self;
    w.gone = true;
    w.broker = NULL;
}

// ---- wires ----

// The last of that name; NULL: none.
static inline wire *find_wire(const char *name)
{
    for (int i = w.opened; i-- > 0;)
        if (strcmp(w.wires[i].name, name) == 0)
            return &w.wires[i];
    return NULL;
}

static inline wire *wire_of(const char *name)
{
    wire *at = find_wire(name);
    if (!at)
        fail_msg("no client %s", name);
    return at;
}

static inline void note(const char *format, ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    hear(line);
}

static inline void wire_woken(mqw_conn *conn, void *link)
{
    (void)link;
    mqw_conn_clock(conn, w.now);
}

static inline void wire_end(wire *at)
{
    void *ctx;
    const mqw_handlers *handlers = mqw_conn_handlers(at->server, &ctx);
    at->dead = true;
    if (handlers->close)
        handlers->close(at->server, ctx);
    mqw_conn_set_link(at->server, NULL, NULL);
    mqw_conn_free(at->server);
    mqw_conn_free(at->client);
    free((void *)(uintptr_t)at->left.data);
    if (!at->deaf)
        note("%s: closed", at->name);
}

// Gives bytes to the broker's end; what it leaves is kept.
static inline void give(wire *at, mqw_bytes bytes)
{
    uint8_t *all = malloc(at->left.len + bytes.len + 1);
    assert_non_null(all);
    if (at->left.len)
        memcpy(all, at->left.data, at->left.len);
    if (bytes.len)
        memcpy(all + at->left.len, bytes.data, bytes.len);
    mqw_bytes left = {all, at->left.len + bytes.len};
    free((void *)(uintptr_t)at->left.data);
    at->left = (mqw_bytes){NULL, 0};
    mqw_conn_clock(at->server, w.now);
    if (mqw_conn_dispatch(at->server, &left, NULL, NULL) < 0)
        at->closing = true;
    if (left.len) {
        uint8_t *rest = malloc(left.len);
        assert_non_null(rest);
        memcpy(rest, left.data, left.len);
        at->left = (mqw_bytes){rest, left.len};
    }
    free(all);
}

// Something moved?
static inline bool wire_up(wire *at)
{
    mqw_bytes view;
    bool waits = at->left.len && !mqw_conn_paused(at->server);
    if (at->closing || (!waits && mqw_conn_output(at->client, &view, 1) <= 0))
        return false;
    mqw_bytes all = take_output(at->client);
    give(at, all);
    free((void *)(uintptr_t)all.data);
    return true;
}

static inline void hear_from(const wire *at, const mqw_packet *packet)
{
    static char line[1 << 14];
    int len = snprintf(line, sizeof line, "%s: ", at->name);
    mqw_print(line + len, sizeof line - (size_t)len, packet, MQW_FULL);
    if (!at->deaf)
        hear(line);
}

// A client that said its first words by tells_raw reads nothing: bytes are heard.
static inline void hear_bytes(const wire *at, mqw_bytes bytes)
{
    char line[400];
    int len = snprintf(line, sizeof line, "%s:", at->name);
    for (size_t i = 0; i < bytes.len && i < 100; i++)
        len += snprintf(line + len, sizeof line - (size_t)len, " %02x", bytes.data[i]);
    if (!at->deaf)
        hear(line);
}

static inline void read_packets(wire *at, mqw_bytes left)
{
    mqw_packet packet;
    mqw_conn_clock(at->client, w.now);
    int rc;
    while ((rc = mqw_conn_recv(at->client, &left, &packet)) > 0)
        hear_from(at, &packet);
    if (rc < 0)
        note("%s: the broker's fault", at->name);
}

static inline bool wire_down(wire *at)
{
    if (mqw_conn_waiting(at->server) == 0 || at->stalled)
        return false;
    mqw_bytes all = take_output(at->server);
    if (mqw_conn_state(at->client) == MQW_STATE_NEW)
        hear_bytes(at, all);
    else
        read_packets(at, all);
    free((void *)(uintptr_t)all.data);
    mqw_bytes nothing = {NULL, 0};
    (void)mqw_conn_dispatch(at->server, &nothing, NULL, NULL); // drain
    return true;
}

static inline bool wire_moves(wire *at)
{
    if (at->dead || !at->server)
        return false;
    if (wire_up(at) || wire_down(at))
        return true;
    if (!at->closing || (at->stalled && mqw_conn_waiting(at->server)))
        return false;
    wire_end(at);
    return true;
}

static inline bool broker_moves(void)
{
    if (w.gone || !w.broker || w.wake > w.now)
        return false;
    w.wake = UINT64_MAX;
    mqw__broker_turn(w.broker);
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
        moved = broker_moves() || moved;
    }
}

static inline uint64_t next_event(void)
{
    uint64_t at = w.gone ? UINT64_MAX : w.wake;
    for (int k = 0; k < w.opened; k++) {
        const wire *each = &w.wires[k];
        uint64_t due = each->dead || each->closing ? UINT64_MAX : mqw_conn_deadline(each->server);
        at = due < at ? due : at;
    }
    return at;
}

static inline void tick(wire *at)
{
    mqw_bytes nothing = {NULL, 0};
    if (at->dead || at->closing || mqw_conn_tick(at->server, w.now) >= 0)
        return;
    (void)mqw_conn_dispatch(at->server, &nothing, NULL, NULL);
    at->closing = true;
}

// Time passes, and what is due in it happens at its time.
static inline void passes(uint64_t ms)
{
    uint64_t end = w.now + ms;
    settle();
    while (next_event() <= end) {
        w.now = next_event() > w.now ? next_event() : w.now + 1;
        for (int k = 0; k < w.opened; k++)
            tick(&w.wires[k]);
        settle();
    }
    w.now = end;
    settle();
}

// ---- the broker ----

static inline mqw__surroundings world_around(void)
{
    return (mqw__surroundings){.self = &w,
                               .now = world_now,
                               .wall = world_wall,
                               .random = world_random,
                               .close = world_close,
                               .abort = world_close,
                               .facts = world_facts,
                               .wake = world_wake,
                               .stop = world_stop,
                               .stopped = world_stopped,
                               .free = world_free};
}

// Without $SYS, which would be heard, and with memory that is watched.
static inline int opens(const mqw_broker_options *options)
{
    static mqw_allocator allocator;
    mqw_broker_options with = options ? *options : (mqw_broker_options){0};
    const mqw__surroundings around = world_around();
    memset(&w, 0, sizeof w);
    heard[0] = '\0';
    w.wake = UINT64_MAX;
    allocator = heap_allocator(&w.memory);
    with.allocator = &allocator;
    if (with.status_interval == 0)
        with.status_interval = -1;
    return mqw__broker_new(&w.broker, &around, &with);
}

static inline void start(const mqw_broker_options *options)
{
    assert_int_equal(opens(options), 0);
}

// Ends a broker; nothing of it is left.
static inline void finish(void)
{
    if (w.broker)
        mqw_broker_close(w.broker, NULL, NULL);
    for (int i = 0; i < w.opened; i++)
        w.wires[i].deaf = true, w.wires[i].stalled = false;
    settle();
    assert_true(w.gone);
    assert_int_equal(w.memory.held, 0);
    heard[0] = '\0';
}

// ---- clients ----

// The stream of a client is there; nothing was said on it. NULL: no memory.
static inline wire *tries_to_arrive(const char *name)
{
    mqw_conn_options plain = {.alias_in = MQW_ALIAS_RAW};
    assert_true(w.opened < WIRES);
    mqw_conn *server = mqw_conn_new_shared(MQW_SERVER, mqw__broker_config(w.broker));
    if (!server)
        return NULL;
    wire *at = &w.wires[w.opened++];
    at->name = name;
    at->client = make(MQW_CLIENT, &plain);
    at->server = server;
    mqw_conn_set_link(at->server, at, wire_woken);
    mqw_conn_clock(at->client, w.now);
    mqw_conn_clock(at->server, w.now);
    return at;
}

static inline wire *arrives(const char *name)
{
    wire *at = tries_to_arrive(name);
    assert_non_null(at);
    return at;
}

static inline void served(const char *name)
{
    wire *at = arrives(name);
    assert_int_equal(mqw__broker_serve(w.broker, at->server, NULL), 0);
}

// A client says something, and all that follows happens.
static inline void tells(const char *name, const char *line)
{
    says(wire_of(name)->client, line);
    settle();
}

// The same for bytes that no client of ours would say.
static inline void tells_raw(const char *name, const char *bytes)
{
    assert_int_equal(mqw_conn_send_raw(wire_of(name)->client, hex(bytes)), 0);
    settle();
}

static inline void connects(const char *name, const char *line)
{
    served(name);
    tells(name, line);
}

// The same, and nobody wants to hear of it.
static inline void is_there(const char *name, const char *line)
{
    connects(name, line);
    heard[0] = '\0';
}

static inline void does(const char *name, const char *line)
{
    tells(name, line);
    heard[0] = '\0';
}

// Its stream ends without a word.
static inline void cut(const char *name)
{
    wire *at = wire_of(name);
    mqw_bytes nothing = {NULL, 0};
    if (mqw_conn_end(at->server) < 0)
        (void)mqw_conn_dispatch(at->server, &nothing, NULL, NULL);
    at->closing = true;
    settle();
}

#endif
