// SPDX-License-Identifier: MIT
// Each allocation on the way to and through a WebSocket fails once, in turn: nothing is leaked, everything
// comes to its end, and what fails says so. This program is linked with its own allocation in place of the
// library's.
#include "live/live.h"

#include "transport/alloc.h"

enum { PAYLOAD = 20000 };

static long left = -1; // allocations until one fails; negative: none does
static bool has_failed;

static bool fails(void)
{
    bool now = left == 0;
    left -= left >= 0;
    has_failed |= now;
    return now;
}

void *mqw__uv_new(size_t size)
{
    return fails() ? NULL : calloc(1, size);
}

void *mqw__uv_resize(void *old, size_t size)
{
    return fails() ? NULL : realloc(old, size);
}

typedef struct staging {
    mqw_server *server;
    side ends[2];
    bool done;
} staging;

static void close_server(staging *scene)
{
    mqw_server_close(scene->server, true, NULL, NULL);
    scene->server = NULL;
}

static void ask(side *end, const char *event, const mqw_packet *packet)
{
    static const uint8_t payload[PAYLOAD];
    staging *scene = end->more;
    (void)packet;
    if (strcmp(event, "connected") == 0) {
        send_connect(end, "c");
        send_publish(end, payload, sizeof payload);
    } else if (strcmp(event, "publish") == 0) {
        scene->done = end->payload == sizeof payload;
        mqw_conn_disconnect(end->conn, NULL);
    } else if (strcmp(event, "close") == 0) {
        close_server(scene);
    }
}

static void echo(side *end, const char *event, const mqw_packet *packet)
{
    if (strcmp(event, "publish") == 0)
        assert_int_equal(mqw_conn_send(end->conn, packet), 0);
}

static void on_connection(mqw_server *server, mqw_conn *conn, void *ctx)
{
    staging *scene = ctx;
    (void)server;
    scene->ends[1].conn = conn;
    assert_int_equal(mqw_conn_handle(conn, &end_handlers, &scene->ends[1]), 0);
}

static void open_client(staging *scene, testbed *live, const mqw_open_options *options, bool through)
{
    char bound[128], address[160], proxy[160];
    mqw_open_options ours = *options;
    assert_int_equal(mqw_server_address(scene->server, 0, bound, sizeof bound), 0);
    snprintf(address, sizeof address, "ws%s/path", strchr(bound, ':'));
    snprintf(proxy, sizeof proxy, "http://a:b@%s", bound + strlen("tcp://"));
    ours.proxy = through ? proxy : NULL;
    side *end = &scene->ends[0];
    int result = mqw_conn_open(&end->conn, &live->loop, address, &ours, &end_handlers, end);
    if (result < 0) {
        assert_int_equal(result, MQW_E_NO_MEMORY);
        close_server(scene);
    }
}

// Whether all went as without a failure. `through`: the listener is asked as if it were a proxy, which it
// refuses.
static bool play(long fail_at, bool through)
{
    static const mqw_websocket_options websocket = {.size = sizeof websocket,
                                                    .headers = "A: b",
                                                    .origin = "http://o",
                                                    .page = "<p>",
                                                    .protocols = "mqtt"};
    const mqw_open_options options = {.size = sizeof options, .websocket = &websocket, .linger = 5};
    testbed live;
    staging scene = {.ends = {{.act = ask, .more = &scene}, {.act = echo, .more = &scene}}};
    live_start(&live);
    left = fail_at;
    has_failed = false;
    int result =
        mqw_server_listen(&scene.server, &live.loop, "ws://127.0.0.1:0", &options, on_connection, &scene);
    if (result == 0)
        open_client(&scene, &live, &options, through);
    else
        assert_int_equal(result, MQW_E_NO_MEMORY);
    live_end(&live);
    left = -1;
    if (through && !has_failed)
        assert_true(strstr(scene.ends[0].words, "405") != NULL);
    return through ? strstr(scene.ends[0].words, "405") != NULL : scene.done;
}

static void each_fails(bool through)
{
    assert_true(play(-1, through));
    long n = 0;
    int spoiled = 0;
    for (;; n++) {
        bool good = play(n, through);
        if (!has_failed)
            break;
        spoiled += !good;
    }
    assert_true(n > 20);
    assert_true(spoiled > n / 2);
}

static void test_conversation(void **state)
{
    (void)state;
    each_fails(false);
}

static void test_proxy(void **state)
{
    (void)state;
    each_fails(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conversation),
        cmocka_unit_test(test_proxy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
