// SPDX-License-Identifier: MIT
// Connections over TCP.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

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

// The address to come from: the peer sees it, the other family is passed over, names are refused.
static void leave_from(side *end, const char *event, const mqw_packet *packet)
{
    (void)packet;
    mqw_stream_facts facts = {.size = sizeof facts};
    if (strcmp(event, "connect") != 0)
        return;
    assert_int_equal(mqw_stream_facts_of(mqw_conn_stream(end->conn), &facts), 0);
    assert_memory_equal(facts.peer, "tcp://127.0.0.2:", 16);
    mqw_conn_close(end->conn);
}

static void test_bind(void **state)
{
    (void)state;
    testbed live;
    hosting host;
    side client = {0}, other = {0}, peer = {.act = leave_from, .quiet = true};
    mqw_open_options options = {.size = sizeof options, .bind = "127.0.0.2"};
    live_start(&live);
    host_listen(&host, &live, "tcp://127.0.0.1:0", NULL, &peer, 1);
    end_open(&client, &live, host.address, &options);
    send_connect(&client, "c");
    live_until(&live, client.closes && peer.closes);
    options.bind = "::1";
    end_open(&other, &live, host.address, &options);
    live_until(&live, other.closes);
    assert_string_equal(other.log, "error close ");
    options.bind = "localhost";
    assert_int_equal(mqw_conn_open(&other.conn, &live.loop, host.address, &options, NULL, NULL),
                     MQW_E_ADDRESS);
    host_close(&host, false);
    live_end(&live);
}

static void test_all_interfaces(void **state)
{
    (void)state;
    static const char *const hosts[] = {"127.0.0.1", "[::1]"};
    testbed live;
    hosting host;
    side clients[2] = {{.act = leave_at_echo}, {.act = leave_at_echo}};
    side peers[2] = {{.act = echo}, {.act = echo}};
    live_start(&live);
    host_listen(&host, &live, "*:0", NULL, peers, 2);
    for (int i = 0; i < 2; i++) {
        char address[64];
        snprintf(address, sizeof address, "%s%s", hosts[i], strrchr(host.address, ':'));
        end_open(&clients[i], &live, address, NULL);
        send_connect(&clients[i], "c");
        send_publish(&clients[i], "hello", 5);
    }
    live_until(&live, clients[0].closes && clients[1].closes && peers[0].closes && peers[1].closes);
    assert_string_equal(clients[0].log, "connected connack publish close ");
    assert_string_equal(clients[1].log, "connected connack publish close ");
    host_close(&host, false);
    live_end(&live);
}

// A port on which nobody listens (any more).
static void refused_port(char *address, size_t cap, const char *host)
{
    testbed live;
    hosting gone;
    live_start(&live);
    host_listen(&gone, &live, "127.0.0.1:0", NULL, NULL, 0);
    snprintf(address, cap, "%s%s", host, strrchr(gone.address, ':'));
    host_close(&gone, false);
    live_end(&live);
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const hosts[] = {"127.0.0.1", "[::1]"};
    for (size_t i = 0; i < 2; i++) {
        char address[64];
        testbed live;
        side client = {.quiet = true};
        refused_port(address, sizeof address, hosts[i]);
        live_start(&live);
        end_open(&client, &live, address, NULL);
        send_connect(&client, "c");
        assert_null(mqw_conn_stream(client.conn));
        assert_ptr_equal(mqw_conn_loop(client.conn), &live.loop);
        live_end(&live);
        assert_string_equal(client.log, "error close ");
        assert_int_equal(client.error.code, MQW_E_STREAM);
        assert_string_equal(client.words, "connection refused");
    }
}

// A listener whose backlog is full: the kernel drops what comes, as a host that does not answer.
static int full_listener(char *address, size_t cap, int *fillers, int *count)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof name;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, len), 0);
    assert_int_equal(listen(fd, 0), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &len), 0);
    snprintf(address, cap, "127.0.0.1:%d", ntohs(name.sin_port));
    for (*count = 0; *count < 4; (*count)++) {
        fillers[*count] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)connect(fillers[*count], (struct sockaddr *)&name, len);
    }
    return fd;
}

static void test_connect_timeout(void **state)
{
    (void)state;
    char address[64];
    int fillers[4];
    int count = 0;
    int listener = full_listener(address, sizeof address, fillers, &count);
    testbed live;
    side client = {.quiet = true};
    const mqw_open_options options = {.size = sizeof options, .connect_timeout = 50};
    live_start(&live);
    uint64_t start = uv_now(&live.loop);
    end_open(&client, &live, address, &options);
    live_until(&live, client.closes);
    assert_true(uv_now(&live.loop) - start >= 50);
    live_end(&live);
    assert_string_equal(client.log, "error close ");
    assert_string_equal(client.words, "connection timed out");
    // Closing with something queued waits for close_timeout only; without, and aborting, end it at once.
    for (int i = 0; i < 3; i++) {
        side other = {.quiet = true};
        const mqw_open_options brief = {.size = sizeof brief, .close_timeout = 30};
        live_start(&live);
        end_open(&other, &live, address, &brief);
        if (i == 0)
            send_connect(&other, "c");
        uv_run(&live.loop, UV_RUN_NOWAIT);
        if (i == 2)
            mqw_conn_abort(other.conn);
        mqw_conn_close(other.conn);
        mqw_conn_close(other.conn);
        live_end(&live);
        assert_string_equal(other.log, "close ");
    }
    for (int i = 0; i < count; i++)
        close(fillers[i]);
    close(listener);
}

static void test_abort_at_once(void **state)
{
    (void)state;
    static const char *const addresses[] = {"127.0.0.1:9", "localhost:9", "name.invalid",
                                            "unix:/nowhere/at/all"};
    for (size_t i = 0; i < 4; i++) {
        testbed live;
        side client = {.quiet = true};
        live_start(&live);
        end_open(&client, &live, addresses[i], NULL);
        if (i != 1)
            uv_run(&live.loop, UV_RUN_NOWAIT);
        if (client.conn)
            mqw_conn_abort(client.conn);
        live_end(&live);
        assert_int_equal(client.closes, 1);
        assert_int_equal(client.connected, 0);
    }
}

// Open, send, close: all of it before the loop has run once, and all of it arrives.
static void test_fire_and_forget(void **state)
{
    (void)state;
    testbed live;
    hosting host;
    side client = {.quiet = true};
    side peer = {.act = NULL};
    live_start(&live);
    host_listen(&host, &live, "127.0.0.1:0", NULL, &peer, 1);
    end_open(&client, &live, host.address, NULL);
    send_connect(&client, "c");
    send_publish(&client, "hello", 5);
    mqw_conn_close(client.conn);
    live_until(&live, client.closes && peer.closes);
    assert_string_equal(client.log, "close ");
    assert_string_equal(peer.log, "accepted connected connect publish close ");
    assert_int_equal(peer.payload, 5);
    host_close(&host, false);
    live_end(&live);
}

static int option_of(const mqw_conn *conn, int level, int name)
{
    mqw_stream_facts facts = {.size = sizeof facts};
    int value = -1;
    socklen_t len = sizeof value;
    assert_int_equal(mqw_stream_facts_of(mqw_conn_stream(conn), &facts), 0);
    assert_int_equal(getsockopt(facts.descriptor, level, name, &value, &len), 0);
    return value;
}

static void test_knobs_and_facts(void **state)
{
    (void)state;
    testbed live;
    hosting host;
    side client = {.quiet = true};
    side peer = {.act = NULL};
    mqw_stream_facts facts = {.size = sizeof facts};
    mqw_stream_facts others = {.size = sizeof others};
    const mqw_open_options options = {.size = sizeof options, .nagle = true, .tcp_keepalive = 77};
    live_start(&live);
    host_listen(&host, &live, "127.0.0.1:0", NULL, &peer, 1);
    end_open(&client, &live, host.address, &options);
    send_connect(&client, "c");
    live_until(&live, client.heard[MQW_CONNACK]);
    assert_int_equal(option_of(peer.conn, IPPROTO_TCP, TCP_NODELAY), 1);
    assert_int_equal(option_of(peer.conn, SOL_SOCKET, SO_KEEPALIVE), 0);
    assert_int_equal(option_of(client.conn, IPPROTO_TCP, TCP_NODELAY), 0);
    assert_int_equal(option_of(client.conn, SOL_SOCKET, SO_KEEPALIVE), 1);
    assert_int_equal(option_of(client.conn, IPPROTO_TCP, TCP_KEEPIDLE), 77);
    assert_int_equal(mqw_stream_nodelay(mqw_conn_stream(client.conn), true), 0);
    assert_int_equal(option_of(client.conn, IPPROTO_TCP, TCP_NODELAY), 1);
    assert_int_equal(mqw_stream_keepalive(mqw_conn_stream(client.conn), 0), 0);
    assert_int_equal(option_of(client.conn, SOL_SOCKET, SO_KEEPALIVE), 0);
    assert_int_equal(mqw_stream_keepalive(mqw_conn_stream(client.conn), 100000), MQW_E_REFUSED);

    assert_int_equal(mqw_stream_facts_of(mqw_conn_stream(client.conn), &facts), 0);
    assert_int_equal(mqw_stream_facts_of(mqw_conn_stream(peer.conn), &others), 0);
    assert_string_equal(facts.peer, host.address);
    assert_string_equal(facts.local, others.peer);
    assert_string_equal(facts.peer, others.local);
    assert_int_equal(facts.bytes_read, 4);
    assert_int_equal(facts.bytes_written, others.bytes_read);
    assert_string_equal(facts.tls_version, "");
    assert_int_equal(fcntl(facts.descriptor, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(fcntl(others.descriptor, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    mqw_conn_disconnect(client.conn, NULL);
    live_until(&live, client.closes && peer.closes);
    host_close(&host, false);
    live_end(&live);
}

// A reset is told in words; what had come before it is heard.
static void test_reset(void **state)
{
    (void)state;
    testbed live;
    hosting host;
    side peer = {.quiet = true};
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    live_start(&live);
    host_listen(&host, &live, "127.0.0.1:0", NULL, &peer, 1);
    name.sin_port = htons((uint16_t)atoi(strrchr(host.address, ':') + 1));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(send(fd, "\x10\x0c\0\4MQTT\4\2\0\0\0\0", 14, MSG_NOSIGNAL), 14);
    live_until(&live, peer.heard[MQW_CONNECT]);
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    close(fd);
    live_until(&live, peer.closes);
    assert_string_equal(peer.log, "accepted connected connect error close ");
    assert_int_equal(peer.error.code, MQW_E_STREAM);
    assert_string_equal(peer.words, "connection reset by peer");
    host_close(&host, false);
    live_end(&live);
}

static void test_bad_addresses(void **state)
{
    (void)state;
    testbed live;
    mqw_conn *conn = NULL;
    live_start(&live);
    assert_int_equal(mqw_conn_open(&conn, &live.loop, "a b", NULL, NULL, NULL), MQW_E_ADDRESS);
    assert_int_equal(mqw_conn_open(&conn, &live.loop, "127.0.0.1:0", NULL, NULL, NULL), MQW_E_ADDRESS);
    assert_int_equal(mqw_conn_open(&conn, &live.loop, "*:1883", NULL, NULL, NULL), MQW_E_ADDRESS);
    const mqw_open_options wrong = {.size = sizeof wrong, .proxy = "ftp://a"};
    assert_int_equal(mqw_conn_open(&conn, &live.loop, "127.0.0.1", &wrong, NULL, NULL), MQW_E_ADDRESS);
    assert_int_equal(mqw_conn_open(&conn, &live.loop, "fd:9999", NULL, NULL, NULL), MQW_E_STREAM);
    assert_int_equal(mqw_conn_open(&conn, &live.loop, NULL, NULL, NULL, NULL), MQW_E_MISUSE);
    assert_int_equal(mqw_conn_open(NULL, &live.loop, "a", NULL, NULL, NULL), MQW_E_MISUSE);
    assert_int_equal(mqw_conn_open(&conn, NULL, "a", NULL, NULL, NULL), MQW_E_MISUSE);
    assert_null(conn);
    live_end(&live);
}

// Sixty clients at once; each of them gets its own answer.
static void test_many(void **state)
{
    (void)state;
    enum { COUNT = 60 };
    testbed live;
    hosting host;
    static side clients[COUNT];
    static side peers[COUNT];
    memset(clients, 0, sizeof clients);
    memset(peers, 0, sizeof peers);
    live_start(&live);
    for (int i = 0; i < COUNT; i++)
        peers[i].act = echo;
    host_listen(&host, &live, "127.0.0.1:0", NULL, peers, COUNT);
    for (int i = 0; i < COUNT; i++) {
        clients[i].act = leave_at_echo;
        end_open(&clients[i], &live, host.address, NULL);
        send_connect(&clients[i], "c");
        send_publish(&clients[i], "0123456789012345678901234567890123456789012345678901234567890123456789",
                     (size_t)i + 1);
    }
    for (int i = 0; i < COUNT; i++) {
        live_until(&live, clients[i].closes);
        assert_int_equal(clients[i].payload, i + 1);
    }
    host_close(&host, true);
    live_end(&live);
    assert_int_equal(host.closed, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_v4),
        cmocka_unit_test(test_v6),
        cmocka_unit_test(test_bind),
        cmocka_unit_test(test_all_interfaces),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_connect_timeout),
        cmocka_unit_test(test_abort_at_once),
        cmocka_unit_test(test_fire_and_forget),
        cmocka_unit_test(test_knobs_and_facts),
        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_bad_addresses),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
