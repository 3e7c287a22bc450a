// SPDX-License-Identifier: MIT
// A broker and its clients played from a script, a line each, on virtual time and without a network.
//
//   a> CONNECT version=5 client_id="a"   client `a` (a letter from a to h) sends a packet in its text form
//   a< CONNACK reason=0x00 !server_keep_alive
//                                        the next packet that it gets: its type, tokens that stand in its
//                                        text, tokens (or beginnings) that do not; `?` before all: or none at
//                                        all
//   a-                                   it has got nothing more, and is connected
//   a!                                   … and its connection was closed; it may connect anew
//   a cut, a end                         its stream fails, or ends
//   a raw c000                           it sends these bytes
//   a deaf, a ears                       what it is sent stays where it is, until then
//   wait 1500                            time passes, in milliseconds
//   restart                              the broker is closed, and opened again with its store
#ifndef MQW_TESTS_BROKER_SCRIPT_H
#define MQW_TESTS_BROKER_SCRIPT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the headers above
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <broker/environment.h>
#include <mqwire/mqwire.h>

enum { ACTORS = 8, HEARD = 64, LONGEST_LINE = 1200 };

/** A client. */
typedef struct actor {
    mqw_conn *client, *server; /**< NULL: not connected, or gone. */
    char *heard[HEARD];        /**< In text form, malloc. */
    unsigned count;
    bool deaf, closing, started;
    mqw_stream_facts facts;
} actor;

typedef struct play {
    mqw_broker *broker; /**< NULL: it is closed. */
    mqw_broker_options options;
    uv_loop_t loop; /**< Of the store. */
    actor actors[ACTORS];
    uint64_t now, wake;
    const char *line; /**< Of the script, for what fails. */
    size_t held;
    mqw_allocator allocator;
} play;

// ---- the world of the broker ----

static inline uint64_t play_now(void *self)
{
    return ((play *)self)->now;
}

static inline uint64_t play_wall(void *self)
{
    return UINT64_C(1700000000000) + ((play *)self)->now;
}

static inline int play_random(void *self, void *out, size_t len)
{
    static uint8_t number;
    (void)self;
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)out)[i] = (uint8_t)(number++ * 37);
    return 0;
}

static inline void play_close(void *self, mqw_conn *conn)
{
    (void)self;
    mqw_conn_shut(conn);
    ((actor *)mqw_conn_link(conn))->closing = true;
}

static inline int play_facts(void *self, const mqw_conn *conn, mqw_stream_facts *out)
{
    (void)self, (void)conn, (void)out;
    return -1;
}

static inline void play_wake(void *self, uint64_t deadline)
{
    ((play *)self)->wake = deadline;
}

static inline void play_stop(void *self)
{
    (void)self;
}

static inline bool play_stopped(void *self)
{
    (void)self;
    return true;
}

static inline void play_free(void *self)
{
    ((play *)self)->broker = NULL;
}

static inline void *play_resize(void *ctx, void *old, size_t old_size, size_t new_size)
{
    play *p = ctx;
    p->held += new_size - old_size;
    if (new_size)
        return realloc(old, new_size);
    free(old);
    return NULL;
}

// ---- clients ----

static inline void actor_woken(mqw_conn *conn, void *link)
{
    (void)conn, (void)link;
}

static inline void actor_gone(actor *a)
{
    void *ctx = NULL;
    const mqw_handlers *handlers = mqw_conn_handlers(a->server, &ctx);
    if (handlers->close && !mqw_conn_freed(a->server))
        handlers->close(a->server, ctx);
    mqw_conn_set_link(a->server, NULL, NULL);
    mqw_conn_free(a->server);
    a->server = NULL;
}

static inline void actor_drops(actor *a)
{
    mqw_conn_free(a->client);
    a->client = NULL;
}

static inline void actor_arrives(play *p, actor *a, mqw_role role)
{
    mqw_conn_options options = {.connect_timeout = 1000000000};
    a->client = mqw_conn_new(role, &options);
    a->server = mqw_conn_new_shared(MQW_SERVER, mqw__broker_config(p->broker));
    assert_non_null(a->client);
    assert_non_null(a->server);
    a->closing = a->started = a->deaf = false;
    mqw_conn_clock(a->server, p->now);
    mqw_conn_set_link(a->server, a, actor_woken);
    assert_int_equal(mqw__broker_serve(p->broker, a->server, NULL), 0);
}

static inline void actor_hears(play *p, actor *a, mqw_bytes bytes)
{
    mqw_packet packet;
    mqw_error why;
    char text[LONGEST_LINE];
    int result;
    if (!a->client)
        return;
    mqw_conn_clock(a->client, p->now);
    while ((result = mqw_conn_recv(a->client, &bytes, &packet)) == 1) {
        assert_true(a->count < HEARD);
        packet.dup = packet.retain = false, packet.qos = 0, packet.length = 0;
        mqw_print(text, sizeof text, &packet, MQW_FULL);
        a->heard[a->count++] = strdup(text);
    }
    if (result < 0 && mqw_conn_error(a->client, &why))
        fail_msg("at `%s`: the broker breaks a rule: %s", p->line, mqw_error_text(&why));
}

static inline void actor_turns(play *p, actor *a)
{
    mqw_bytes view;
    void *ctx = NULL;
    const mqw_handlers *handlers = mqw_conn_handlers(a->server, &ctx);
    mqw_conn_clock(a->server, p->now);
    if (!a->started && handlers->connected)
        handlers->connected(a->server, ctx);
    a->started = true;
    if (!a->closing) {
        mqw_conn_tick(a->server, p->now);
        (void)mqw_conn_dispatch(a->server, &(mqw_bytes){NULL, 0}, NULL, NULL);
    }
    while ((!a->deaf || a->closing) && mqw_conn_output(a->server, &view, 1) > 0) {
        actor_hears(p, a, view);
        (void)mqw_conn_written(a->server, view.len);
    }
    mqw_state state = mqw_conn_state(a->server);
    if (a->closing || mqw_conn_freed(a->server) || state == MQW_STATE_ENDED || state == MQW_STATE_REFUSED) {
        actor_gone(a);
        actor_drops(a);
    }
}

/* All that is to happen now. */
static inline void play_settles(play *p)
{
    for (unsigned round = 0; round < 12; round++) {
        for (unsigned i = 0; i < ACTORS; i++)
            if (p->actors[i].server)
                actor_turns(p, &p->actors[i]);
        if (p->options.store)
            (void)uv_run(&p->loop, UV_RUN_NOWAIT);
        if (!p->broker || p->wake > p->now)
            continue;
        p->wake = UINT64_MAX;
        mqw__broker_turn(p->broker);
    }
}

static inline uint64_t play_due(const play *p)
{
    uint64_t at = p->broker ? p->wake : UINT64_MAX;
    for (unsigned i = 0; i < ACTORS; i++) {
        uint64_t due = p->actors[i].server ? mqw_conn_deadline(p->actors[i].server) : UINT64_MAX;
        at = due < at ? due : at;
    }
    return at;
}

static inline void play_waits(play *p, uint64_t much)
{
    uint64_t then = p->now + much;
    unsigned steps = 0;
    while (play_due(p) <= then && steps++ < 10000) {
        p->now = play_due(p) > p->now ? play_due(p) : p->now + 1;
        play_settles(p);
    }
    p->now = then;
    play_settles(p);
}

// ---- what is expected ----

/* The next token, without cutting quotes; its length. */
static inline size_t token_at(const char *text)
{
    size_t len = 0;
    bool quoted = false;
    for (; text[len] && (quoted || text[len] != ' '); len++)
        quoted ^= text[len] == '"' && (len == 0 || text[len - 1] != '\\');
    return len;
}

static inline bool has_token(const char *text, const char *token, size_t len, bool beginning)
{
    while (*text) {
        size_t there = token_at(text);
        if ((beginning ? there >= len : there == len) && memcmp(text, token, len) == 0)
            return true;
        text += there;
        text += strspn(text, " ");
    }
    return false;
}

static inline bool is_as_expected(const char *heard, const char *expected)
{
    while (*expected) {
        size_t len = token_at(expected);
        bool not = *expected == '!';
        if (len && has_token(heard, expected + not, len - not, not ) == not )
            return false;
        expected += len;
        expected += strspn(expected, " ");
    }
    return true;
}

/* Packets of one type come in their order; a PUBLISH may overtake a SUBACK, and so on. */
static inline void play_expects(play *p, actor *a, const char *expected)
{
    size_t type = token_at(expected);
    unsigned at = 0;
    while (at < a->count && !has_token(a->heard[at], expected, type, false))
        at++;
    if (at == a->count)
        fail_msg("at `%s`: came %s", p->line, a->count ? a->heard[0] : "nothing");
    char *heard = a->heard[at];
    memmove(&a->heard[at], &a->heard[at + 1], (--a->count - at) * sizeof *a->heard);
    if (!is_as_expected(heard, expected))
        fail_msg("at `%s`: came `%s`", p->line, heard);
    free(heard);
}

static inline void play_expects_nothing(play *p, const actor *a)
{
    if (a->count)
        fail_msg("at `%s`: came `%s`", p->line, a->heard[0]);
}

// ---- what happens ----

static inline void play_says(play *p, actor *a, const char *line)
{
    uint8_t room[LONGEST_LINE];
    mqw_packet packet;
    mqw_error why = {0};
    if (mqw_scan((mqw_text){line, strlen(line)}, &packet, room, sizeof room, &why) < 0)
        fail_msg("at `%s`: %s", p->line, mqw_error_text(&why));
    if (packet.type == MQW_CONNECT && !a->client)
        actor_arrives(p, a, MQW_CLIENT);
    assert_non_null(a->client);
    mqw_conn_clock(a->client, p->now);
    int result = mqw_conn_send(a->client, &packet);
    if (result < 0)
        fail_msg("at `%s`: the client may not say so: %s", p->line, mqw_strerror(result));
}

/* What the client has to send gets there. */
static inline void play_carries(play *p, actor *a)
{
    mqw_bytes view;
    while (a->client && a->server && mqw_conn_output(a->client, &view, 1) > 0) {
        mqw_bytes left = view;
        mqw_conn_clock(a->server, p->now);
        for (unsigned tries = 0; tries < 20 && left.len && a->server && !a->closing; tries++) {
            (void)mqw_conn_dispatch(a->server, &left, NULL, NULL); // a paused one leaves something
            if (left.len)
                play_settles(p);
        }
        if (a->client)
            (void)mqw_conn_written(a->client, view.len);
    }
}

static inline void play_sends_raw(play *p, actor *a, const char *hex)
{
    uint8_t bytes[256];
    size_t len = 0;
    unsigned byte;
    for (; sscanf(hex, "%2x", &byte) == 1; hex += 2)
        bytes[len++] = (uint8_t)byte;
    mqw_bytes in = {bytes, len};
    if (!a->client)
        actor_arrives(p, a, MQW_ANY);
    mqw_conn_clock(a->server, p->now);
    (void)mqw_conn_dispatch(a->server, &in, NULL, NULL);
}

static inline void play_ends(play *p, actor *a, bool failed)
{
    (void)p;
    if (failed)
        mqw_conn_fail(a->server, MQW_E_STREAM, (mqw_rule)0);
    else
        (void)mqw_conn_end(a->server);
    (void)mqw_conn_dispatch(a->server, &(mqw_bytes){NULL, 0}, NULL, NULL);
    actor_drops(a);
    a->closing = true;
}

static inline void play_opens(play *p)
{
    const mqw__surroundings around = {.self = p,
                                      .now = play_now,
                                      .wall = play_wall,
                                      .random = play_random,
                                      .close = play_close,
                                      .abort = play_close,
                                      .facts = play_facts,
                                      .wake = play_wake,
                                      .stop = play_stop,
                                      .stopped = play_stopped,
                                      .free = play_free};
    p->wake = UINT64_MAX;
    assert_int_equal(mqw__broker_new(&p->broker, &around, &p->options), 0);
    play_settles(p);
}

static inline void play_shuts(play *p)
{
    mqw_broker_close(p->broker, NULL, NULL);
    play_settles(p);
    play_waits(p, 60000);
    assert_null(p->broker);
    if (p->held)
        fail_msg("%zu bytes of the broker are lost", p->held);
}

static inline void play_acts(play *p, actor *a, const char *what)
{
    switch (*what) {
    case '>': play_says(p, a, what + 1 + strspn(what + 1, " ")); break;
    case '<': play_expects(p, a, what + 1 + strspn(what + 1, " ")); break;
    case '-':
        play_expects_nothing(p, a);
        if (!a->server)
            fail_msg("at `%s`: it is not connected", p->line);
        break;
    case '!':
        play_expects_nothing(p, a);
        if (a->server)
            fail_msg("at `%s`: it is connected", p->line);
        break;
    default:
        if (strcmp(what, " cut") == 0 || strcmp(what, " end") == 0)
            play_ends(p, a, what[1] == 'c');
        else if (strncmp(what, " raw ", 5) == 0)
            play_sends_raw(p, a, what + 5);
        else if (strcmp(what, " deaf") == 0 || strcmp(what, " ears") == 0)
            a->deaf = what[1] == 'd';
        else
            fail_msg("`%s` is not understood", p->line);
    }
}

static inline void play_line(play *p, const char *line)
{
    p->line = line;
    if (strncmp(line, "wait ", 5) == 0) {
        play_waits(p, strtoull(line + 5, NULL, 10));
    } else if (strcmp(line, "restart") == 0) {
        play_shuts(p);
        play_opens(p);
    } else {
        assert_true(line[0] >= 'a' && line[0] < 'a' + ACTORS);
        actor *a = &p->actors[line[0] - 'a'];
        play_acts(p, a, line + 1);
        play_carries(p, a);
    }
    play_settles(p);
}

// ---- a play ----

static inline void play_starts(play *p, const mqw_broker_options *options, bool store)
{
    memset(p, 0, sizeof *p);
    p->now = 1000;
    if (options)
        p->options = *options;
    p->allocator = (mqw_allocator){play_resize, p};
    p->options.allocator = &p->allocator;
    p->options.status_interval = p->options.status_interval ? p->options.status_interval : -1;
    assert_int_equal(uv_loop_init(&p->loop), 0);
    if (store)
        assert_int_equal(mqw_store_memory(&p->options.store, &p->loop), 0);
    play_opens(p);
}

static inline void play_over(play *p)
{
    play_shuts(p);
    for (unsigned i = 0; i < ACTORS; i++)
        for (actor *a = &p->actors[i]; a->count;)
            free(a->heard[--a->count]);
    if (p->options.store)
        mqw_store_close(p->options.store, NULL, NULL);
    (void)uv_run(&p->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&p->loop), 0);
}

static inline void play_script(play *p, const char *const *script)
{
    for (; *script; script++)
        play_line(p, *script);
}

static inline void play_once(const mqw_broker_options *options, bool store, const char *const *script)
{
    play *p = malloc(sizeof *p);
    assert_non_null(p);
    play_starts(p, options, store);
    play_script(p, script);
    play_over(p);
    free(p);
}

/** A play of its own, with the default options, and then the same with a store. */
#define PLAY(...)                                                         \
    do {                                                                  \
        play_once(NULL, false, (const char *const[]){__VA_ARGS__, NULL}); \
        play_once(NULL, true, (const char *const[]){__VA_ARGS__, NULL});  \
    } while (0)

/** … with options. */
#define PLAY_WITH(options, ...) play_once(options, false, (const char *const[]){__VA_ARGS__, NULL})

#endif
