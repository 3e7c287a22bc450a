// SPDX-License-Identifier: MIT
// Connections over layers that live as long as the stream, as TLS and WebSocket do: here toys that shake
// hands, wrap bytes in records, hold them back and say goodbye.
#include "live/live.h"

#include "transport/stream.h"
#include "unit/toy_layer.h"

static const mqw_open_options quick = {.size = sizeof quick, .linger = 1000};

static mqw_stream *with_toys(mqw_stream *stream, int toys)
{
    stream->layers = mqw__layers_new();
    assert_non_null(stream->layers);
    for (int i = 0; i < toys; i++) {
        mqw__layer *layer = toy_new();
        assert_non_null(layer);
        mqw__layers_push(stream->layers, layer);
    }
    return stream;
}

static void pipe_end(side *end, testbed *live, mqw_role role, int fd, int toys)
{
    mqw_stream *stream = NULL;
    assert_int_equal(mqw_stream_descriptor(&stream, &live->loop, fd, fd), 0);
    end->conn = mqw_conn_new(role, NULL);
    assert_non_null(end->conn);
    assert_int_equal(mqw_conn_pipe(end->conn, with_toys(stream, toys), &quick, &end_handlers, end), 0);
}

static void both_ends(side ends[2], testbed *live, int toys)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    pipe_end(&ends[0], live, MQW_CLIENT, fds[0], toys);
    pipe_end(&ends[1], live, MQW_SERVER, fds[1], toys);
}

static void echo(side *end, const char *event, const mqw_packet *packet)
{
    if (strcmp(event, "publish") == 0)
        assert_int_equal(mqw_conn_send(end->conn, packet), 0);
}

static void leave_at_echo(side *end, const char *event, const mqw_packet *packet)
{
    (void)packet;
    if (strcmp(event, "publish") == 0)
        assert_int_equal(mqw_conn_disconnect(end->conn, NULL), 0);
}

static uint8_t payload[900000];

static void test_converse(void **state)
{
    (void)state;
    for (int toys = 1; toys <= 3; toys++) {
        testbed live;
        side ends[2] = {{.act = leave_at_echo}, {.act = echo}};
        live_start(&live);
        both_ends(ends, &live, toys);
        send_connect(&ends[0], "c");
        send_publish(&ends[0], payload, sizeof payload);
        live_until(&live, ends[0].closes && ends[1].closes);
        assert_string_equal(ends[0].log, "connected connack drain publish close ");
        assert_string_equal(ends[1].log, "connected connect publish drain disconnect close ");
        assert_int_equal(ends[0].payload, sizeof payload);
        live_end(&live);
    }
}

// What waits in layers counts as waiting.
static void test_what_layers_hold_counts(void **state)
{
    (void)state;
    testbed live;
    side ends[2] = {{.quiet = false}, {.quiet = false}};
    live_start(&live);
    both_ends(ends, &live, 1);
    send_connect(&ends[0], "c");
    live_until(&live, ends[0].heard[MQW_CONNACK]);
    assert_int_equal(mqw_conn_waiting(ends[0].conn), 0);
    mqw_conn_pause(ends[1].conn);
    send_publish(&ends[0], payload, sizeof payload);
    for (int i = 0; i < 20; i++)
        uv_run(&live.loop, UV_RUN_NOWAIT);
    mqw_stream_facts facts = {.size = sizeof facts};
    mqw_counters counters;
    assert_int_equal(mqw_stream_facts_of(mqw_conn_stream(ends[0].conn), &facts), 0);
    mqw_conn_counters(ends[0].conn, &counters);
    // Bytes in the layers have left the connection, have not left the stream, and are counted all the same.
    size_t held = mqw_conn_waiting(ends[0].conn) - (size_t)(counters.bytes_queued - counters.bytes_written);
    assert_true(held > 0 && held <= 128 * 1024);
    mqw_conn_resume(ends[1].conn);
    live_until(&live, ends[1].heard[MQW_PUBLISH]);
    mqw_conn_close(ends[0].conn);
    live_end(&live);
}

static void pause_each(side *end, const char *event, const mqw_packet *packet)
{
    (void)packet;
    if (strcmp(event, "pingreq") == 0)
        mqw_conn_pause(end->conn);
}

// Bytes that layers hold back give no readiness event: each resume brings the next packet nevertheless.
static void test_pause(void **state)
{
    (void)state;
    enum { PINGS = 200 };
    testbed live;
    side ends[2] = {{.quiet = false}, {.act = pause_each}};
    live_start(&live);
    both_ends(ends, &live, 2);
    send_connect(&ends[0], "c");
    live_until(&live, ends[0].heard[MQW_CONNACK]);
    for (int i = 0; i < PINGS; i++)
        assert_int_equal(mqw_conn_pingreq(ends[0].conn), 0);
    assert_int_equal(mqw_conn_disconnect(ends[0].conn, NULL), 0);
    for (int i = 1; i <= PINGS; i++) {
        live_until(&live, ends[1].heard[MQW_PINGREQ] == i);
        for (int turns = 0; turns < 3; turns++)
            uv_run(&live.loop, UV_RUN_NOWAIT);
        assert_int_equal(ends[1].heard[MQW_PINGREQ], i);
        mqw_conn_resume(ends[1].conn);
    }
    live_until(&live, ends[1].heard[MQW_DISCONNECT]);
    live_end(&live);
    assert_int_equal(ends[0].errors + ends[1].errors, 0);
}

static void move(side *end, const char *event, const mqw_packet *packet)
{
    mqw_detached detached;
    (void)packet;
    if (strcmp(event, "pingreq") != 0)
        return;
    assert_int_equal(mqw_conn_detach(end->conn, &detached), 0);
    assert_int_equal(mqw_detached_descriptor(&detached), -1); // the layers would be lost
    assert_int_equal(mqw_conn_adopt(end->conn, end->more, &detached, &quick, NULL, NULL), 0);
}

// The layers move along with the stream, and so does what each of them holds.
static void test_detach(void **state)
{
    (void)state;
    enum { PINGS = 100 };
    testbed live;
    side ends[2] = {{.quiet = false}, {.act = move}};
    live_start(&live);
    ends[1].more = &live.loop;
    both_ends(ends, &live, 2);
    send_connect(&ends[0], "c");
    live_until(&live, ends[0].heard[MQW_CONNACK]);
    for (int i = 0; i < PINGS; i++)
        assert_int_equal(mqw_conn_pingreq(ends[0].conn), 0);
    live_until(&live, ends[1].heard[MQW_PINGREQ] == PINGS);
    assert_int_equal(mqw_conn_disconnect(ends[0].conn, NULL), 0);
    live_end(&live);
    assert_int_equal(ends[1].heard[MQW_DISCONNECT], 1);
    assert_int_equal(ends[0].errors + ends[1].errors, 0);
}

static int plain_peer(side *end, testbed *live, mqw_role role)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    pipe_end(end, live, role, fds[0], 1);
    return fds[1];
}

// A peer that ends inside a layer has ended, though its stream goes on; one whose stream just stops has not.
static void test_ends(void **state)
{
    (void)state;
    for (int goodbye = 0; goodbye < 2; goodbye++) {
        testbed live;
        side end = {.quiet = true};
        live_start(&live);
        int fd = plain_peer(&end, &live, MQW_SERVER);
        assert_int_equal(send(fd, "HELLO", 6 - !goodbye, MSG_NOSIGNAL), 6 - !goodbye);
        live_until(&live, end.connected);
        if (!goodbye)
            shutdown(fd, SHUT_WR);
        // What we say last is a greeting and a goodbye.
        uint8_t room[16];
        size_t got = 0;
        while (goodbye ? got < 6 : got < 5) {
            ssize_t more = plain_read(fd, room + got, sizeof room - got);
            got += more > 0 ? (size_t)more : 0;
            uv_run(&live.loop, UV_RUN_NOWAIT);
        }
        assert_memory_equal(room, goodbye ? "HELLO\0" : "HELLO", got);
        live_until(&live, end.closes || goodbye);
        close(fd);
        live_end(&live);
        assert_string_equal(end.log, goodbye ? "connected close " : "connected error close ");
        assert_string_equal(end.words, goodbye ? "" : "cut off");
    }
}

static void test_handshake_fails(void **state)
{
    (void)state;
    static const char *const said[] = {"HEXX", "HEL", ""};
    static const char *const words[] = {"no greeting", "cut off", "cut off"};
    for (size_t i = 0; i < 3; i++) {
        testbed live;
        side end = {.quiet = true};
        live_start(&live);
        int fd = plain_peer(&end, &live, MQW_CLIENT);
        send_connect(&end, "c");
        assert_int_equal(send(fd, said[i], strlen(said[i]), MSG_NOSIGNAL), (ssize_t)strlen(said[i]));
        shutdown(fd, SHUT_WR);
        live_until(&live, end.closes);
        plain_close(fd);
        live_end(&live);
        assert_string_equal(end.log, "error close ");
        assert_int_equal(end.error.code, MQW_E_STREAM);
        assert_string_equal(end.words, words[i]);
    }
}

static void test_handshake_takes_too_long(void **state)
{
    (void)state;
    testbed live;
    side end = {.quiet = true};
    const mqw_open_options brief = {.size = sizeof brief, .connect_timeout = 30};
    mqw_stream *stream = NULL;
    int fds[2];
    live_start(&live);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    assert_int_equal(mqw_stream_descriptor(&stream, &live.loop, fds[0], fds[0]), 0);
    end.conn = mqw_conn_new(MQW_CLIENT, NULL);
    assert_int_equal(mqw_conn_pipe(end.conn, with_toys(stream, 1), &brief, &end_handlers, &end), 0);
    live_until(&live, end.closes);
    close(fds[1]);
    live_end(&live);
    assert_string_equal(end.log, "error close ");
    assert_string_equal(end.words, "connection timed out");
}

// The handshake meets a peer that has gone: words, no signal.
static void test_handshake_with_nobody(void **state)
{
    (void)state;
    testbed live;
    side end = {.quiet = true};
    live_start(&live);
    int fd = plain_peer(&end, &live, MQW_CLIENT);
    close(fd);
    live_until(&live, end.closes);
    live_end(&live);
    assert_string_equal(end.log, "error close ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_converse),
        cmocka_unit_test(test_what_layers_hold_counts),
        cmocka_unit_test(test_pause),
        cmocka_unit_test(test_detach),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_handshake_fails),
        cmocka_unit_test(test_handshake_takes_too_long),
        cmocka_unit_test(test_handshake_with_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
