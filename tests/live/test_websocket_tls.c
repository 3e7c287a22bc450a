// SPDX-License-Identifier: MIT
// WebSocket within TLS over streams of every kind, behind a PROXY header, and with a peer that floods us with
// pings.
#include "live/live.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/stat.h>

#include "unit/tls_ends.h"

enum { PAYLOAD = 300000 };

static uint8_t payload[PAYLOAD];
static mqw_tls *client_tls, *server_tls;

static int set_up(void **state)
{
    if (make_certificates(state) != 0)
        return -1;
    client_tls = client_that_knows("ca.pem");
    server_tls = server_with("server.pem");
    return 0;
}

static int tear_down(void **state)
{
    mqw_tls_free(client_tls);
    mqw_tls_free(server_tls);
    return remove_certificates(state);
}

static void echo(side *one, const char *event, const mqw_packet *packet)
{
    if (strcmp(event, "publish") == 0)
        assert_int_equal(mqw_conn_send(one->conn, packet), 0);
}

static void leave_at_echo(side *one, const char *event, const mqw_packet *packet)
{
    (void)packet;
    if (strcmp(event, "publish") == 0)
        assert_int_equal(mqw_conn_disconnect(one->conn, NULL), 0);
}

static void wrap_and_pipe(side *one, mqw_stream *stream, mqw_role role)
{
    one->conn = mqw_conn_new(role, NULL);
    assert_non_null(one->conn);
    assert_int_equal(mqw_stream_tls(stream, role == MQW_CLIENT ? client_tls : server_tls, "localhost"), 0);
    assert_int_equal(mqw_stream_websocket(stream, role, "localhost", NULL), 0);
    assert_int_equal(mqw_conn_pipe(one->conn, stream, NULL, &end_handlers, one), 0);
}

static void converse(testbed *live, side ends[2], size_t size)
{
    send_connect(&ends[0], "c");
    send_publish(&ends[0], payload, size);
    live_until(live, ends[0].closes && ends[1].closes);
    assert_int_equal(ends[0].errors + ends[1].errors, 0);
    assert_int_equal(ends[0].payload, size);
    assert_int_equal(ends[1].heard[MQW_DISCONNECT], 1);
}

static void test_pair(void **state)
{
    (void)state;
    testbed live;
    mqw_stream *streams[2];
    side ends[2] = {{.act = leave_at_echo}, {.act = echo}};
    live_start(&live);
    assert_int_equal(mqw_stream_pair(streams, &live.loop), 0);
    wrap_and_pipe(&ends[0], streams[0], MQW_CLIENT);
    wrap_and_pipe(&ends[1], streams[1], MQW_SERVER);
    converse(&live, ends, sizeof payload);
    live_end(&live);
}

static void test_two_pipes(void **state)
{
    (void)state;
    testbed live;
    int there[2], back[2];
    side ends[2] = {{.act = leave_at_echo}, {.act = echo}};
    live_start(&live);
    assert_int_equal(pipe(there) | pipe(back), 0);
    for (int i = 0; i < 2; i++) {
        mqw_stream *stream = NULL;
        assert_int_equal(mqw_stream_descriptor(&stream, &live.loop, i == 0 ? back[0] : there[0],
                                               i == 0 ? there[1] : back[1]),
                         0);
        wrap_and_pipe(&ends[i], stream, i == 0 ? MQW_CLIENT : MQW_SERVER);
    }
    converse(&live, ends, sizeof payload);
    live_end(&live);
}

// Named pipes and Unix sockets have no host: the name to verify and the WebSocket come from the options.
static void test_addresses_without_a_host(void **state)
{
    (void)state;
    const mqw_tls_options named = {
        .size = sizeof named, .ca_file = in_certificates("ca.pem"), .server_name = "localhost"};
    mqw_tls *tls = new_tls(MQW_CLIENT, &named);
    const mqw_websocket_options websocket = {.size = sizeof websocket};
    const mqw_open_options ours = {.size = sizeof ours, .tls = tls, .websocket = &websocket};
    const mqw_open_options theirs = {.size = sizeof theirs, .tls = server_tls, .websocket = &websocket};
    testbed live;
    hosting host;
    side ends[2] = {{.act = leave_at_echo}, {.act = echo}};
    char address[128];
    live_start(&live);
    snprintf(address, sizeof address, "unix:%s", in_certificates("socket"));
    host_listen(&host, &live, address, &theirs, &ends[1], 1);
    end_open(&ends[0], &live, address, &ours);
    converse(&live, ends, sizeof payload);
    host_close(&host, false);
    live_end(&live);
    mqw_tls_free(tls);
}

// A certificate cannot be verified without any name: that is said, not passed over.
static void test_no_name_to_verify(void **state)
{
    (void)state;
    const mqw_open_options ours = {.size = sizeof ours, .tls = client_tls};
    testbed live;
    hosting host;
    side ends[2] = {{.quiet = true}, {.quiet = true}};
    char address[128];
    live_start(&live);
    snprintf(address, sizeof address, "unix:%s", in_certificates("socket"));
    host_listen(&host, &live, address, NULL, &ends[1], 1);
    end_open(&ends[0], &live, address, &ours);
    live_until(&live, ends[0].closes && ends[1].closes);
    assert_string_equal(ends[0].log, "error close ");
    assert_string_equal(ends[0].words, "TLS has no host name to verify; tls.server_name gives it one");
    host_close(&host, false);
    live_end(&live);
}

// A load balancer's header, then TLS, then WebSocket.
static void test_behind_a_proxy_header(void **state)
{
    (void)state;
    const mqw_open_options theirs = {.size = sizeof theirs, .tls = server_tls, .proxy_protocol = true};
    static const char header[] = "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n";
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    testbed live;
    hosting host;
    mqw_stream *stream = NULL;
    mqw_stream_facts facts = {.size = sizeof facts};
    side ends[2] = {{.act = leave_at_echo}, {.act = echo}};
    live_start(&live);
    host_listen(&host, &live, "wss://127.0.0.1:0", &theirs, &ends[1], 1);
    name.sin_port = htons((uint16_t)strtoul(strrchr(host.address, ':') + 1, NULL, 10));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(send(fd, header, sizeof header - 1, MSG_NOSIGNAL), (ssize_t)sizeof header - 1);
    assert_int_equal(mqw_stream_descriptor(&stream, &live.loop, fd, fd), 0);
    wrap_and_pipe(&ends[0], stream, MQW_CLIENT);
    live_until(&live, ends[1].connected);
    assert_int_equal(mqw_stream_facts_of(mqw_conn_stream(ends[1].conn), &facts), 0);
    assert_string_equal(facts.peer, "tcp://192.0.2.1:56324");
    assert_string_equal(facts.tls_alpn, "http/1.1");
    assert_string_equal(facts.ws_protocol, "mqtt");
    converse(&live, ends, sizeof payload);
    host_close(&host, false);
    live_end(&live);
}

// Clients that bring no TLS of their own trust what the system trusts, which is not our authority.
static void test_system_store(void **state)
{
    (void)state;
    enum { CLIENTS = 3 };
    const mqw_open_options theirs = {.size = sizeof theirs, .tls = server_tls};
    testbed live;
    hosting host;
    side ends[2 * CLIENTS];
    char address[160];
    memset(ends, 0, sizeof ends);
    live_start(&live);
    host_listen(&host, &live, "wss://127.0.0.1:0", &theirs, &ends[CLIENTS], CLIENTS);
    snprintf(address, sizeof address, "wss%s", strchr(host.address, ':'));
    for (int i = 0; i < CLIENTS; i++)
        end_open(&ends[i], &live, address, NULL);
    for (int i = 0; i < 2 * CLIENTS; i++)
        live_until(&live, ends[i].closes);
    for (int i = 0; i < CLIENTS; i++) {
        assert_string_equal(ends[i].log, "error close ");
        if (!strstr(ends[i].words, "certificate"))
            fail_msg("says '%s'", ends[i].words);
    }
    host_close(&host, false);
    live_end(&live);
}

// Who pings without end and reads nothing is no longer read from: answers do not pile up.
static void test_flood_of_pings(void **state)
{
    (void)state;
    enum { MOST = 8 * 1024 * 1024, IDLE_TURNS = 200 };
    static const char request[] =
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    uint8_t pings[(6 + 125) * 400];
    testbed live;
    mqw_stream *stream = NULL;
    int fds[2];
    size_t sent = 0;
    side one = {.quiet = true};
    live_start(&live);
    memset(pings, 0, sizeof pings);
    for (size_t at = 0; at < sizeof pings; at += 131)
        memcpy(pings + at, "\x89\xfd", 2);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    assert_int_equal(mqw_stream_descriptor(&stream, &live.loop, fds[0], fds[0]), 0);
    assert_int_equal(mqw_stream_websocket(stream, MQW_SERVER, NULL, NULL), 0);
    one.conn = mqw_conn_new(MQW_SERVER, NULL);
    assert_int_equal(mqw_conn_pipe(one.conn, stream, NULL, &end_handlers, &one), 0);
    assert_int_equal(send(fds[1], request, sizeof request - 1, MSG_NOSIGNAL), (ssize_t)sizeof request - 1);
    live_until(&live, one.connected);
    for (int idle = 0; idle < IDLE_TURNS && sent < MOST; idle++) {
        size_t at = sent % sizeof pings;
        ssize_t went = send(fds[1], pings + at, sizeof pings - at, MSG_NOSIGNAL);
        if (went > 0) {
            sent += (size_t)went;
            idle = 0;
        }
        uv_run(&live.loop, UV_RUN_NOWAIT);
    }
    assert_true(sent < MOST);
    assert_int_equal(one.closes, 0);
    mqw_conn_abort(one.conn);
    live_until(&live, one.closes);
    close(fds[1]);
    live_end(&live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pair),
        cmocka_unit_test(test_two_pipes),
        cmocka_unit_test(test_addresses_without_a_host),
        cmocka_unit_test(test_no_name_to_verify),
        cmocka_unit_test(test_behind_a_proxy_header),
        cmocka_unit_test(test_system_store),
        cmocka_unit_test(test_flood_of_pings),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
