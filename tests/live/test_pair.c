// SPDX-License-Identifier: MIT
// A pair of streams in memory.
#include "live/live.h"

static void pipe_end(side *end, mqw_role role, mqw_stream *stream)
{
    end->conn = mqw_conn_new(role, NULL);
    assert_non_null(end->conn);
    assert_int_equal(mqw_conn_pipe(end->conn, stream, NULL, &end_handlers, end), 0);
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

static void test_converse(void **state)
{
    (void)state;
    testbed live;
    side client = {.act = leave_at_echo};
    side peer = {.act = echo};
    mqw_stream *ends[2];
    mqw_stream_facts facts = {.size = sizeof facts};
    static uint8_t payload[1000000]; // four times what a direction holds
    live_start(&live);
    assert_int_equal(mqw_stream_pair(ends, &live.loop), 0);
    pipe_end(&client, MQW_CLIENT, ends[0]);
    pipe_end(&peer, MQW_SERVER, ends[1]);
    assert_int_equal(mqw_stream_facts_of(ends[0], &facts), 0);
    assert_string_equal(facts.peer, "memory:");
    assert_int_equal(facts.descriptor, -1);
    assert_int_equal(mqw_stream_nodelay(ends[0], true), MQW_E_REFUSED);
    send_connect(&client, "c");
    send_publish(&client, payload, sizeof payload);
    live_until(&live, client.closes && peer.closes);
    assert_string_equal(client.log, "connected connack drain publish close ");
    assert_int_equal(client.payload, sizeof payload);
    live_end(&live);
}

// The other end is piped later; what was written meanwhile waits, and it is no more than a pair holds.
static void test_one_end_comes_later(void **state)
{
    (void)state;
    testbed live;
    side client = {.quiet = false};
    side peer = {.quiet = false};
    mqw_stream *ends[2];
    mqw_stream_facts facts = {.size = sizeof facts};
    static uint8_t payload[900000];
    live_start(&live);
    assert_int_equal(mqw_stream_pair(ends, &live.loop), 0);
    pipe_end(&client, MQW_CLIENT, ends[0]);
    send_connect(&client, "c");
    send_publish(&client, payload, sizeof payload);
    for (int i = 0; i < 20; i++)
        uv_run(&live.loop, UV_RUN_NOWAIT);
    assert_int_equal(mqw_stream_facts_of(ends[0], &facts), 0);
    assert_int_equal(facts.bytes_written, 256 * 1024);
    pipe_end(&peer, MQW_SERVER, ends[1]);
    live_until(&live, peer.payload == sizeof payload);
    mqw_conn_close(peer.conn);
    live_until(&live, client.closes && peer.closes);
    assert_int_equal(client.errors, 0);
    live_end(&live);
}

static void test_an_end_that_nobody_wants(void **state)
{
    (void)state;
    testbed live;
    side end = {.quiet = true};
    mqw_stream *ends[2];
    live_start(&live);
    assert_int_equal(mqw_stream_pair(ends, &live.loop), 0);
    mqw_stream_close(ends[0]);
    pipe_end(&end, MQW_CLIENT, ends[1]);
    live_until(&live, end.closes);
    assert_string_equal(end.log, "connected close ");
    assert_int_equal(mqw_stream_pair(ends, &live.loop), 0);
    mqw_stream_close(ends[0]);
    mqw_stream_close(ends[1]);
    mqw_stream_close(NULL);
    // What is piped already is not ours to close.
    end = (side){.quiet = true};
    assert_int_equal(mqw_stream_pair(ends, &live.loop), 0);
    pipe_end(&end, MQW_CLIENT, ends[0]);
    mqw_stream_close(ends[0]);
    mqw_stream_close(ends[1]);
    live_end(&live);
    assert_string_equal(end.log, "connected close ");
}

// The other end goes while much is on its way: what it had not read is lost, and that is an ordinary failure.
static void test_the_other_end_aborts(void **state)
{
    (void)state;
    testbed live;
    side client = {.quiet = false};
    side peer = {.quiet = false};
    mqw_stream *ends[2];
    static uint8_t payload[900000];
    live_start(&live);
    assert_int_equal(mqw_stream_pair(ends, &live.loop), 0);
    pipe_end(&client, MQW_CLIENT, ends[0]);
    pipe_end(&peer, MQW_SERVER, ends[1]);
    send_connect(&client, "c");
    live_until(&live, client.heard[MQW_CONNACK]);
    mqw_conn_pause(peer.conn);
    send_publish(&client, payload, sizeof payload);
    for (int i = 0; i < 5; i++)
        uv_run(&live.loop, UV_RUN_NOWAIT);
    mqw_conn_abort(peer.conn);
    live_until(&live, client.closes && peer.closes);
    assert_string_equal(peer.log, "connected connect close ");
    live_end(&live);
}

static void test_misuse(void **state)
{
    (void)state;
    testbed live;
    mqw_stream *ends[2];
    live_start(&live);
    assert_int_equal(mqw_stream_pair(NULL, &live.loop), MQW_E_MISUSE);
    assert_int_equal(mqw_stream_pair(ends, NULL), MQW_E_MISUSE);
    assert_int_equal(mqw_stream_facts_of(NULL, NULL), MQW_E_MISUSE);
    live_end(&live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_converse),
        cmocka_unit_test(test_one_end_comes_later),
        cmocka_unit_test(test_an_end_that_nobody_wants),
        cmocka_unit_test(test_the_other_end_aborts),
        cmocka_unit_test(test_misuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
