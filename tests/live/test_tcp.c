// SPDX-License-Identifier: MIT
// Connections over TCP.
#include "live/live.h"

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

// CONNECT, PUBLISH, its echo, DISCONNECT: each of them once, then both ends close by themselves.
static void converse(const char *listen_on, const char *scheme)
{
    testbed live;
    hosting host;
    side client = {.act = leave_at_echo};
    side peer = {.act = echo};
    live_start(&live);
    host_listen(&host, &live, listen_on, NULL, &peer, 1);
    assert_memory_equal(host.address, scheme, strlen(scheme));
    end_open(&client, &live, host.address, NULL);
    send_connect(&client, "c");
    send_publish(&client, "hello", 5);
    live_until(&live, client.closes && peer.closes);
    assert_string_equal(client.log, "connected connack publish close ");
    assert_string_equal(peer.log, "accepted connected connect publish disconnect close ");
    assert_int_equal(client.payload, 5);
    assert_int_equal(mqw_server_connections(host.server), 0);
    host_close(&host, false);
    live_end(&live);
    assert_int_equal(host.closed, 1);
}

static void test_v4(void **state)
{
    (void)state;
    converse("tcp://127.0.0.1:0", "tcp://127.0.0.1:");
}

static void test_v6(void **state)
{
    (void)state;
    converse("mqtt://[::1]:0", "tcp://[::1]:");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_v4),
        cmocka_unit_test(test_v6),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
