// SPDX-License-Identifier: MIT
// Servers: several listeners, limits, running out of descriptors, adopting a listening socket, closing and
// draining.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/resource.h>

#include "live/live.h"

static void leave(side *end, const char *event, const mqw_packet *packet)
{
    (void)packet;
    if (strcmp(event, "connack") == 0)
        assert_int_equal(mqw_conn_disconnect(end->conn, NULL), 0);
}

static void test_several_listeners(void **state)
{
    (void)state;
    enum { LISTENERS = 3 };
    static const char *const addresses[LISTENERS] = {"127.0.0.1:0", "[::1]:0",
                                                     "unix:/tmp/mqwire-test-several"};
    testbed live;
    hosting host;
    side clients[LISTENERS];
    side peers[LISTENERS];
    live_start(&live);
    memset(clients, 0, sizeof clients);
    memset(peers, 0, sizeof peers);
    host_listen(&host, &live, addresses[0], NULL, peers, LISTENERS);
    for (int i = 1; i < LISTENERS; i++)
        assert_int_equal(mqw_server_listen(&host.server, NULL, addresses[i], NULL, host_connection, &host),
                         0);
    for (int i = 0; i < LISTENERS; i++) {
        char address[128];
        assert_int_equal(mqw_server_address(host.server, i, address, sizeof address), 0);
        clients[i].act = leave;
        end_open(&clients[i], &live, address, NULL);
        send_connect(&clients[i], "c");
    }
    char none[128];
    assert_int_equal(mqw_server_address(host.server, LISTENERS, none, sizeof none), MQW_E_REFUSED);
    assert_int_equal(mqw_server_address(host.server, -1, none, sizeof none), MQW_E_REFUSED);
    assert_int_equal(mqw_server_address(NULL, 0, none, sizeof none), MQW_E_REFUSED);
    for (int i = 0; i < LISTENERS; i++)
        live_until(&live, clients[i].closes && peers[i].closes);
    host_close(&host, false);
    live_end(&live);
    assert_int_equal(host.closed, 1);
}

static void test_bad_addresses(void **state)
{
    (void)state;
    testbed live;
    mqw_server *server = NULL;
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    char address[32];
    live_start(&live);
    static const char *const bad[] = {"a b", "pipe:/a,/b", "tty:/dev/ttyS0", "fd:3,4", "stdio:"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(mqw_server_listen(&server, &live.loop, bad[i], NULL, NULL, NULL), MQW_E_ADDRESS);
    assert_int_equal(mqw_server_listen(&server, &live.loop, "mqtts://*", NULL, NULL, NULL), MQW_E_MISUSE);
    assert_int_equal(mqw_server_listen(&server, NULL, "127.0.0.1:0", NULL, NULL, NULL), MQW_E_MISUSE);
    assert_int_equal(mqw_server_listen(NULL, &live.loop, "127.0.0.1:0", NULL, NULL, NULL), MQW_E_MISUSE);
    snprintf(address, sizeof address, "fd:%d", fd);
    assert_int_equal(mqw_server_listen(&server, &live.loop, address, NULL, NULL, NULL), MQW_E_STREAM);
    assert_int_equal(errno, ENOTSOCK);
    int plain = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address, sizeof address, "fd:%d", plain);
    assert_int_equal(mqw_server_listen(&server, &live.loop, address, NULL, NULL, NULL), MQW_E_STREAM);
    assert_int_equal(errno, EINVAL);
    close(plain);
    assert_null(server);
    mqw_server_close(NULL, true, NULL, NULL);
    assert_int_equal(mqw_server_connections(NULL), 0);
    live_end(&live);
    close(fd);
}

static void test_port_in_use(void **state)
{
    (void)state;
    testbed live;
    hosting host;
    mqw_server *other = NULL;
    live_start(&live);
    host_listen(&host, &live, "127.0.0.1:0", NULL, NULL, 0);
    assert_int_equal(mqw_server_listen(&other, &live.loop, host.address, NULL, NULL, NULL), MQW_E_STREAM);
    assert_int_equal(errno, EADDRINUSE);
    assert_null(other);
    // A further listener that fails leaves the server as it was.
    assert_int_equal(mqw_server_listen(&host.server, NULL, host.address, NULL, NULL, NULL), MQW_E_STREAM);
    assert_non_null(host.server);
    host_close(&host, false);
    live_end(&live);
    const mqw_open_options shared = {.size = sizeof shared, .reuse_port = true};
    live_start(&live);
    host_listen(&host, &live, "127.0.0.1:0", &shared, NULL, 0);
    assert_int_equal(mqw_server_listen(&other, &live.loop, host.address, &shared, NULL, NULL), 0);
    mqw_server_close(other, false, NULL, NULL);
    host_close(&host, false);
    live_end(&live);
}

static int answered(const side *ends, int count)
{
    int answered = 0;
    for (int i = 0; i < count; i++)
        answered += ends[i].heard[MQW_CONNACK];
    return answered;
}

// More than max_connections wait in the backlog, and come in as others leave.
static void test_max_connections(void **state)
{
    (void)state;
    enum { COUNT = 6, MOST = 2 };
    testbed live;
    hosting host;
    side clients[COUNT];
    side peers[COUNT];
    const mqw_open_options options = {.size = sizeof options, .max_connections = MOST};
    memset(clients, 0, sizeof clients);
    memset(peers, 0, sizeof peers);
    live_start(&live);
    host_listen(&host, &live, "127.0.0.1:0", &options, peers, COUNT);
    for (int i = 0; i < COUNT; i++) {
        end_open(&clients[i], &live, host.address, NULL);
        send_connect(&clients[i], "c");
    }
    for (int gone = 0; gone < COUNT; gone++) {
        int most = gone + MOST < COUNT ? gone + MOST : COUNT;
        live_until(&live, host.count == most && answered(clients, COUNT) == most);
        for (int turns = 0; turns < 10; turns++)
            uv_run(&live.loop, UV_RUN_NOWAIT);
        assert_int_equal(host.count, most);
        assert_int_equal(mqw_server_connections(host.server), most - gone);
        side *first = clients;
        while (!first->conn || !first->heard[MQW_CONNACK])
            first++;
        mqw_conn_close(first->conn);
        live_until(&live, first->closes);
    }
    host_close(&host, false);
    live_end(&live);
}

static void over(uv_timer_t *timer)
{
    (void)timer;
}

// Out of descriptors: the peer waits, the loop does not spin, and goes on when there are some again.
static void test_out_of_descriptors(void **state)
{
    (void)state;
    testbed live;
    hosting host;
    side peer = {.quiet = false};
    struct rlimit limit;
    struct rlimit low;
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    live_start(&live);
    host_listen(&host, &live, "127.0.0.1:0", NULL, &peer, 1);
    name.sin_port = htons((uint16_t)atoi(strrchr(host.address, ':') + 1));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    low = limit;
    low.rlim_cur = (rlim_t)fd + 1; // not one more than the highest that is open
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    int taken[64];
    int count = 0;
    while (count < 64 && (taken[count] = dup(fd)) >= 0)
        count++;
    // The loop waits rather than spins: a few turns last as long as a rest does.
    uv_timer_t ticker;
    uv_timer_init(&live.loop, &ticker);
    uv_timer_start(&ticker, over, 60, 0);
    int turns = 0;
    while (uv_is_active((uv_handle_t *)&ticker)) {
        uv_run(&live.loop, UV_RUN_ONCE);
        turns++;
    }
    assert_true(turns < 20);
    assert_int_equal(host.count, 0);
    for (int i = 0; i < count; i++)
        close(taken[i]);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    live_until(&live, host.count == 1);
    uv_close((uv_handle_t *)&ticker, NULL);
    close(fd);
    live_until(&live, peer.closes);
    host_close(&host, false);
    live_end(&live);
}

// --- closing ---

static void test_close_leaves_connections(void **state)
{
    (void)state;
    testbed live;
    hosting host;
    side client = {.quiet = false};
    side peer = {.quiet = false};
    live_start(&live);
    host_listen(&host, &live, "127.0.0.1:0", NULL, &peer, 1);
    end_open(&client, &live, host.address, NULL);
    send_connect(&client, "c");
    live_until(&live, client.heard[MQW_CONNACK]);
    mqw_server *server = host.server;
    host_close(&host, false);
    assert_int_equal(mqw_server_listen(&server, &live.loop, "127.0.0.1:0", NULL, NULL, NULL), MQW_E_MISUSE);
    assert_int_equal(mqw_server_address(server, 0, host.address, sizeof host.address), MQW_E_REFUSED);
    for (int i = 0; i < 5; i++)
        uv_run(&live.loop, UV_RUN_NOWAIT);
    assert_int_equal(host.closed, 0);
    send_publish(&client, "still here", 10);
    live_until(&live, peer.heard[MQW_PUBLISH]);
    mqw_conn_disconnect(client.conn, NULL);
    live_until(&live, host.closed);
    assert_int_equal(peer.closes, 1);
    live_end(&live);
}

static void test_drain(void **state)
{
    (void)state;
    enum { COUNT = 5 };
    testbed live;
    hosting host;
    side clients[COUNT];
    side peers[COUNT];
    static uint8_t payload[200000];
    memset(clients, 0, sizeof clients);
    memset(peers, 0, sizeof peers);
    live_start(&live);
    host_listen(&host, &live, "127.0.0.1:0", NULL, peers, COUNT);
    for (int i = 0; i < COUNT; i++) {
        end_open(&clients[i], &live, host.address, NULL);
        send_connect(&clients[i], "c");
    }
    for (int i = 0; i < COUNT; i++)
        live_until(&live, clients[i].heard[MQW_CONNACK]);
    // What is queued arrives before they are closed.
    for (int i = 0; i < COUNT; i++)
        send_publish(&peers[i], payload, sizeof payload);
    host_close(&host, true);
    assert_int_equal(host.closed, 0);
    live_until(&live, host.closed);
    live_end(&live);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(clients[i].payload, sizeof payload);
        assert_int_equal(clients[i].closes, 1);
        assert_int_equal(clients[i].errors, 0);
    }
}

typedef struct doing {
    mqw_server *server;
    int count;
    int closed;
    char what;
} doing;

static void deed_closed(mqw_server *server, void *ctx)
{
    doing *deed = ctx;
    assert_ptr_equal(server, deed->server);
    deed->closed++;
}

static void do_it(mqw_server *server, mqw_conn *conn, void *ctx)
{
    doing *deed = ctx;
    mqw_detached detached;
    deed->count++;
    if (deed->what == 'a')
        mqw_conn_abort(conn);
    if (deed->what == 'c')
        mqw_conn_close(conn);
    if (deed->what == 'd')
        assert_int_equal(mqw_conn_detach(conn, &detached), MQW_E_REFUSED);
    mqw_server_close(server, deed->what == 'd', deed_closed, deed);
    mqw_server_close(server, true, NULL, NULL);
}

// A server may be closed, and its connection ended, where that connection is announced.
static void test_close_in_on_connection(void **state)
{
    (void)state;
    for (const char *what = "acds"; *what; what++) {
        testbed live;
        doing deed = {.what = *what};
        side client = {.quiet = true};
        char address[128];
        live_start(&live);
        assert_int_equal(mqw_server_listen(&deed.server, &live.loop, "127.0.0.1:0", NULL, do_it, &deed), 0);
        assert_int_equal(mqw_server_address(deed.server, 0, address, sizeof address), 0);
        end_open(&client, &live, address, NULL);
        live_end(&live);
        assert_int_equal(deed.count, 1);
        assert_int_equal(deed.closed, 1);
        assert_int_equal(client.closes, 1);
    }
}

// A configuration that connections share gives them handlers too; nobody needs to be told of them.
static void count_close(mqw_conn *conn, void *ctx)
{
    (void)conn;
    (*(int *)ctx)++;
}

static void test_shared_configuration(void **state)
{
    (void)state;
    testbed live;
    int closed = 0;
    const mqw_handlers handlers = {.size = sizeof handlers, .close = count_close};
    const mqw_conn_options conn_options = {
        .size = sizeof conn_options, .handlers = &handlers, .handlers_ctx = &closed};
    mqw_config *config = mqw_config_new(&conn_options);
    const mqw_open_options options = {.size = sizeof options, .config = config};
    side clients[3];
    mqw_server *server = NULL;
    char address[128];
    memset(clients, 0, sizeof clients);
    live_start(&live);
    assert_int_equal(mqw_server_listen(&server, &live.loop, "127.0.0.1:0", &options, NULL, NULL), 0);
    mqw_config_free(config);
    assert_int_equal(mqw_server_address(server, 0, address, sizeof address), 0);
    for (int i = 0; i < 3; i++)
        end_open(&clients[i], &live, address, NULL);
    live_until(&live, mqw_server_connections(server) == 3);
    for (int i = 0; i < 3; i++)
        mqw_conn_close(clients[i].conn);
    live_until(&live, closed == 3);
    mqw_server_close(server, false, NULL, NULL);
    live_end(&live);
}

static void close_again(mqw_server *server, void *ctx)
{
    ++*(int *)ctx;
    mqw_server_close(server, true, close_again, ctx);
}

// It is closed already (defect: it was called again after it had been freed, as long as the loop had more to
// do).
static void test_close_again_when_closed(void **state)
{
    (void)state;
    testbed live;
    live_start(&live);
    side ends[1] = {0};
    hosting host;
    host_listen(&host, &live, "tcp://127.0.0.1:0", NULL, ends, 1);
    mqw_server *server = NULL;
    int closed = 0;
    assert_int_equal(mqw_server_listen(&server, &live.loop, "tcp://127.0.0.1:0", NULL, NULL, NULL), 0);
    mqw_server_close(server, false, close_again, &closed);
    live_until(&live, closed);
    for (int i = 0; i < 3; i++)
        uv_run(&live.loop, UV_RUN_NOWAIT);
    assert_int_equal(closed, 1);
    host_close(&host, false);
    live_end(&live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_several_listeners),
        cmocka_unit_test(test_bad_addresses),
        cmocka_unit_test(test_port_in_use),
        cmocka_unit_test(test_max_connections),
        cmocka_unit_test(test_out_of_descriptors),
        cmocka_unit_test(test_close_leaves_connections),
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_close_in_on_connection),
        cmocka_unit_test(test_close_again_when_closed),
        cmocka_unit_test(test_shared_configuration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
