// SPDX-License-Identifier: MIT
// A client and a script that is its server, in a world whose time is a number. Packets are lines of text:
// what the client says is compared, what the server says is sent, what the program hears is a list of lines.
#ifndef MQW_TESTS_CLIENT_SCRIPT_H
#define MQW_TESTS_CLIENT_SCRIPT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/environment.h"

enum { LINES = 64, LINE = 400, BYTES = 1 << 14 };

/** Lines that wait to be looked at. */
typedef struct lines {
    char line[LINES][LINE];
    unsigned first, count;
} lines;

/** The client's end of a connection; `cut`: nothing more comes or goes. */
typedef struct wire {
    mqw_conn *conn;
    bool announced, closing, dead;
    size_t len;
    uint8_t bytes[BYTES]; /* that the client has written and that are no whole packet yet */
} wire;

static struct script {
    mqw_client *client;
    mqw_store *store; /* NULL: none */
    uint64_t now, wake;
    wire *wires[4];
    lines says, hears;
    unsigned opened;    /* connections in all */
    mqw_token token[8]; /* of the messages that came, in order */
    unsigned tokens;
    bool gone;
} script;

/* --- lines --- */

static inline void add_line(lines *to, const char *format, ...)
{
    va_list arguments;
    assert_true(to->count < LINES);
    va_start(arguments, format);
    vsnprintf(to->line[(to->first + to->count++) % LINES], LINE, format, arguments);
    va_end(arguments);
}

static inline void take_line(lines *from, const char *expected)
{
    if (from->count == 0)
        fail_msg("expected, but there is nothing: %s", expected);
    const char *line = from->line[from->first];
    assert_string_equal(line, expected);
    from->first = (from->first + 1) % LINES;
    from->count--;
}

static inline void take_nothing(const lines *from)
{
    if (from->count > 0)
        fail_msg("nothing was expected, but there is: %s", from->line[from->first]);
}

/* --- the world --- */

static uint64_t get_now(void *self)
{
    (void)self;
    return script.now;
}

static uint32_t get_random(void *self)
{
    (void)self;
    return 0;
}

static inline void on_wake(mqw_conn *conn, void *link)
{
    (void)link;
    mqw_conn_clock(conn, script.now);
}

static inline int open_wire(void *self, const char *address, const mqw_open_options *options, mqw_conn **out)
{
    unsigned at = 0;
    (void)self, (void)address;
    while (script.wires[at])
        at++;
    assert_true(at < 4);
    wire *it = calloc(1, sizeof *it);
    assert_non_null(it);
    it->conn = mqw_conn_new_shared(MQW_CLIENT, options->config);
    assert_non_null(it->conn);
    mqw_conn_set_link(it->conn, it, on_wake);
    mqw_conn_clock(it->conn, script.now);
    script.wires[at] = it;
    script.opened++;
    *out = it->conn;
    return 0;
}

static inline void close_wire(void *self, mqw_conn *conn)
{
    wire *it = mqw_conn_link(conn);
    (void)self;
    mqw_conn_shut(conn);
    it->closing = true;
}

static inline void abort_wire(void *self, mqw_conn *conn)
{
    wire *it = mqw_conn_link(conn);
    close_wire(self, conn);
    it->dead = true;
}

static inline const char *get_why(void *self, const mqw_conn *conn)
{
    (void)self;
    return conn ? "cut" : "";
}

static inline void set_wake(void *self, uint64_t deadline)
{
    (void)self;
    script.wake = deadline;
}

static inline void leave(void *self)
{
    (void)self;
    script.gone = true;
    script.client = NULL;
}

/* --- turns --- */

static inline void note_packet(wire *it, uint8_t version)
{
    mqw_codec codec = {version, MQW_CLIENT, NULL};
    mqw_packet packet;
    char line[LINE];
    int taken;
    while ((taken = mqw_decode(&codec, (mqw_bytes){it->bytes, it->len}, &packet, NULL)) > 0) {
        mqw_print(line, sizeof line, &packet, MQW_FULL);
        add_line(&script.says, "%s", line);
        it->len -= (size_t)taken;
        memmove(it->bytes, it->bytes + taken, it->len);
    }
    assert_int_equal(taken, 0);
}

static inline void take_output(wire *it)
{
    mqw_bytes view;
    while (!it->dead && mqw_conn_output(it->conn, &view, 1) > 0) {
        assert_true(view.len <= BYTES - it->len);
        memcpy(it->bytes + it->len, view.data, view.len);
        it->len += view.len;
        mqw_conn_written(it->conn, view.len);
        note_packet(it, mqw_conn_version(it->conn));
    }
}

static inline void bury(unsigned at)
{
    wire *it = script.wires[at];
    void *ctx;
    const mqw_handlers *handlers = mqw_conn_handlers(it->conn, &ctx);
    script.wires[at] = NULL;
    mqw_conn_set_link(it->conn, it, NULL);
    if (handlers->close)
        handlers->close(it->conn, ctx);
    mqw_conn_set_link(it->conn, NULL, NULL);
    mqw_conn_free(it->conn);
    free(it);
}

static inline void run_wire(unsigned at)
{
    wire *it = script.wires[at];
    void *ctx;
    const mqw_handlers *handlers = mqw_conn_handlers(it->conn, &ctx);
    mqw_conn_clock(it->conn, script.now);
    if (it->dead) {
        bury(at);
        return;
    }
    if (!it->announced && !it->closing) {
        it->announced = true;
        handlers->connected(it->conn, ctx);
    }
    if (!it->closing) {
        mqw_conn_tick(it->conn, script.now);
        mqw_conn_dispatch(it->conn, &(mqw_bytes){NULL, 0}, NULL, NULL);
    }
    take_output(it);
    mqw_state state = mqw_conn_state(it->conn);
    it->dead |= it->closing || state == MQW_STATE_ENDED || state == MQW_STATE_REFUSED;
}

/* All that happens at this moment. */
static inline void run(void)
{
    for (int i = 0; i < 12; i++) {
        for (unsigned at = 0; at < 4; at++)
            if (script.wires[at])
                run_wire(at);
        if (script.store)
            uv_run(mqw_store_loop(script.store), UV_RUN_NOWAIT);
        if (!script.gone && script.wake <= script.now) {
            script.wake = UINT64_MAX;
            mqw__client_turn(script.client);
        }
    }
}

/* Time passes, and what is due in it happens. */
static inline void later(uint64_t ms)
{
    uint64_t end = script.now + ms;
    while (script.now < end) {
        uint64_t next = script.wake > script.now ? script.wake : end;
        for (unsigned at = 0; at < 4; at++) {
            uint64_t due = script.wires[at] ? mqw_conn_deadline(script.wires[at]->conn) : UINT64_MAX;
            next = due > script.now && due < next ? due : next;
        }
        script.now = next < end ? next : end;
        run();
    }
}

/* --- the server --- */

static inline wire *present(void)
{
    for (unsigned at = 0; at < 4; at++)
        if (script.wires[at] && !script.wires[at]->closing && !script.wires[at]->dead)
            return script.wires[at];
    return NULL;
}

static inline bool connected(void)
{
    return present() != NULL;
}

/* The server says that packet. */
static inline void server(const char *line)
{
    wire *to = present();
    assert_non_null(to);
    mqw_codec codec = {mqw_conn_version(to->conn), MQW_SERVER, NULL};
    uint8_t room[LINE + 16], bytes[LINE];
    mqw_packet packet;
    assert_int_equal(mqw_scan((mqw_text){line, strlen(line)}, &packet, room, sizeof room, NULL), 0);
    int len = mqw_encode(&codec, &packet, bytes, sizeof bytes, NULL);
    assert_true(len > 0);
    mqw_bytes in = {bytes, (size_t)len};
    mqw_conn_dispatch(to->conn, &in, NULL, NULL);
    run();
}

/* The connection is lost. */
static inline void cut(void)
{
    wire *it = present();
    assert_non_null(it);
    mqw_conn_end(it->conn);
    run();
}

/* The client says that next. */
static inline void says(const char *line)
{
    run();
    take_line(&script.says, line);
}

static inline void says_nothing(void)
{
    run();
    take_nothing(&script.says);
}

/* The program hears that next. */
static inline void hears(const char *line)
{
    run();
    take_line(&script.hears, line);
}

static inline void hears_nothing(void)
{
    run();
    take_nothing(&script.hears);
}

/* --- the program --- */

static inline void on_open(mqw_client *client, const mqw_connack *connack, void *ctx)
{
    (void)client, (void)ctx;
    add_line(&script.hears, "open%s", connack->session_present ? ", session present" : "");
}

static inline void on_message(mqw_client *client, const mqw_publish *publish, mqw_token token, void *ctx)
{
    (void)client, (void)ctx;
    if (token)
        script.token[script.tokens++ % 8] = token;
    add_line(&script.hears, "message %.*s %.*s", (int)publish->topic.len, publish->topic.data,
             (int)publish->payload.len, (const char *)publish->payload.data);
}

static inline void on_lost(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    (void)client, (void)ctx;
    add_line(&script.hears, "lost %d 0x%02x", failure->result, failure->reason);
}

static inline void on_close(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    (void)client, (void)ctx;
    add_line(&script.hears, "close%s", failure ? ", given up" : "");
}

/* ctx is what the request is called. */
static inline void on_done(mqw_client *client, int result, const mqw_packet *answer, void *ctx)
{
    (void)client, (void)answer;
    add_line(&script.hears, "%s %d", (const char *)ctx, result);
}

static inline int publish(const char *topic, const char *payload, uint8_t qos)
{
    mqw_publish message = {
        .topic = {topic, strlen(topic)}, .payload = {(const uint8_t *)payload, strlen(payload)}, .qos = qos};
    return mqw_client_publish(script.client, &message, on_done, (void *)(uintptr_t) "published");
}

static inline int try_begin(const mqw_client_options *with)
{
    static const mqw__environment environment = {.now = get_now,
                                                 .wall = get_now,
                                                 .random = get_random,
                                                 .open = open_wire,
                                                 .close = close_wire,
                                                 .abort = abort_wire,
                                                 .why = get_why,
                                                 .wake = set_wake,
                                                 .free = leave};
    mqw_client_options options = *with;
    options.size = sizeof options;
    options.handlers = (mqw_client_handlers){.size = sizeof options.handlers,
                                             .on_open = on_open,
                                             .on_message = on_message,
                                             .on_lost = on_lost,
                                             .on_close = on_close};
    memset(&script, 0, sizeof script);
    script.store = options.store;
    script.now = 1000000;
    script.wake = UINT64_MAX;
    return mqw__client_new(&script.client, &environment, &options);
}

static inline void begin(const mqw_client_options *with)
{
    assert_int_equal(try_begin(with), 0);
}

/* A client of that version, with a client identifier. */
static inline void begin_as(uint8_t version, bool clean_start)
{
    mqw_connect connect = {
        .version = version, .client_id = MQW_TEXT("c"), .clean_start = clean_start, .keep_alive = 60};
    if (version == MQW_5_0)
        mqw_set(&connect.props, session_expiry, 100);
    begin(&(mqw_client_options){.address = "s", .connect = &connect});
}

/* The program closes the client at once, and hears that of the request that was not over. */
static inline void leaves(const char *last)
{
    mqw_client_goodbye now = {.now = true};
    says_nothing();
    hears_nothing();
    mqw_client_close(script.client, &now);
    says("DISCONNECT");
    if (last)
        hears(last);
    hears("close");
    for (int i = 0; i < 10 && !script.gone; i++)
        later(10000);
    assert_true(script.gone);
}

/* Everything that was said or heard was looked at; the client goes. */
static inline void end(void)
{
    mqw_client_goodbye now = {.now = true};
    run();
    take_nothing(&script.says);
    take_nothing(&script.hears);
    if (script.client)
        mqw_client_close(script.client, &now);
    for (int i = 0; i < 10 && !script.gone; i++)
        later(10000);
    assert_true(script.gone);
}

#endif
