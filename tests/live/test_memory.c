// SPDX-License-Identifier: MIT
// Memory: each allocation fails once, and none after it; what an idle connection takes. This program is
// linked with its own allocation in place of the library's.
#include <sys/stat.h>

#include "live/live.h"

#include "transport/alloc.h"

// --- allocation ---

static struct {
    long left; // allocations until one fails; negative: none does
    bool ever; // all after it fail too
    long made;
    size_t bytes; // of this room, allocated and not resized
} memory;

static bool fails(void)
{
    memory.made++;
    if (memory.left < 0)
        return false;
    if (memory.left > 0) {
        memory.left--;
        return false;
    }
    if (!memory.ever)
        memory.left = -1;
    return true;
}

void *mqw__uv_new(size_t size)
{
    memory.bytes += size;
    return fails() ? NULL : calloc(1, size);
}

void *mqw__uv_resize(void *old, size_t size)
{
    return fails() ? NULL : realloc(old, size);
}

static void *resize(void *ctx, void *old, size_t old_size, size_t new_size)
{
    (void)ctx, (void)old_size;
    if (new_size == 0) {
        free(old);
        return NULL;
    }
    return fails() ? NULL : realloc(old, new_size);
}

static const mqw_allocator allocator = {.resize = resize};
static const mqw_conn_options conn_options = {
    .size = sizeof conn_options, .allocator = &allocator, .high_water = 5000, .low_water = 1000};

// --- scenes: each must come to its end whatever fails ---

typedef struct staging {
    testbed live;
    uv_timer_t guard;
    mqw_server *server;
    side ends[2];
    mqw_detached detached;
    char address[128];
    bool done; // all went well
} staging;

static void close_guard(staging *scene)
{
    if (!uv_is_closing((uv_handle_t *)&scene->guard))
        uv_close((uv_handle_t *)&scene->guard, NULL);
}

static void give_up(staging *scene)
{
    for (int i = 0; i < 2; i++)
        if (scene->ends[i].conn && mqw_conn_loop(scene->ends[i].conn))
            mqw_conn_abort(scene->ends[i].conn);
    mqw_server_close(scene->server, true, NULL, NULL);
    scene->server = NULL;
    close_guard(scene);
}

static void on_guard(uv_timer_t *timer)
{
    give_up(timer->data);
}

// The server's end.
static void serve(side *end, const char *event, const mqw_packet *packet)
{
    staging *scene = end->more;
    if (strcmp(event, "publish") == 0) {
        mqw_conn_pause(end->conn);
        if (mqw_conn_send(end->conn, packet) < 0)
            mqw_conn_abort(end->conn);
        else
            mqw_conn_resume(end->conn);
    } else if (strcmp(event, "close") == 0 && scene->server) {
        mqw_server_close(scene->server, false, NULL, NULL);
        scene->server = NULL;
        close_guard(scene);
    }
}

static void ask(side *end, const char *event, const mqw_packet *packet)
{
    static const uint8_t payload[20000];
    staging *scene = end->more;
    (void)packet;
    if (strcmp(event, "connected") == 0) {
        mqw_connect connect = {.clean_start = true, .client_id = MQW_TEXT("c")};
        mqw_publish publish = {.topic = MQW_TEXT("t"), .payload = {payload, sizeof payload}};
        if (mqw_conn_connect(end->conn, &connect) < 0 || mqw_conn_publish(end->conn, &publish) < 0)
            mqw_conn_abort(end->conn);
    } else if (strcmp(event, "publish") == 0) {
        scene->done = end->payload == sizeof payload;
        if (mqw_conn_disconnect(end->conn, NULL) < 0)
            mqw_conn_close(end->conn);
    }
}

static void accept_one(mqw_server *server, mqw_conn *conn, void *ctx)
{
    staging *scene = ctx;
    (void)server;
    side *end = &scene->ends[1];
    end->act = serve;
    if (end->conn || mqw_conn_handle(conn, &end_handlers, end) < 0)
        mqw_conn_abort(conn);
    else
        end->conn = conn;
}

static void open_client(staging *scene)
{
    const mqw_open_options options = {.size = sizeof options, .conn = &conn_options, .linger = 5};
    side *end = &scene->ends[0];
    end->act = ask;
    if (mqw_conn_open(&end->conn, &scene->live.loop, scene->address, &options, &end_handlers, end) < 0)
        give_up(scene);
}

static void converse(staging *scene, const char *address)
{
    const mqw_open_options options = {.size = sizeof options, .conn = &conn_options, .linger = 5};
    if (mqw_server_listen(&scene->server, &scene->live.loop, address, &options, accept_one, scene) < 0) {
        close_guard(scene);
        return;
    }
    assert_int_equal(mqw_server_address(scene->server, 0, scene->address, sizeof scene->address), 0);
    open_client(scene);
}

static void play_tcp(staging *scene)
{
    converse(scene, "127.0.0.1:0");
}

static void play_unix(staging *scene)
{
    char address[64];
    snprintf(address, sizeof address, "unix:/tmp/mqwire-test-%d", (int)getpid());
    converse(scene, address);
}

// Behind a PROXY header, which a client of the test's own writes.
static void play_proxy(staging *scene)
{
    const mqw_open_options options = {
        .size = sizeof options, .conn = &conn_options, .linger = 5, .proxy_protocol = true};
    char address[64];
    snprintf(address, sizeof address, "unix:/tmp/mqwire-test-%d", (int)getpid());
    if (mqw_server_listen(&scene->server, &scene->live.loop, address, &options, accept_one, scene) < 0) {
        close_guard(scene);
        return;
    }
    assert_int_equal(mqw_server_address(scene->server, 0, scene->address, sizeof scene->address), 0);
    mqw_conn_options raw = conn_options;
    const mqw_open_options client = {.size = sizeof client, .conn = &raw, .linger = 5};
    side *end = &scene->ends[0];
    if (mqw_conn_open(&end->conn, &scene->live.loop, scene->address, &client, &end_handlers, end) < 0) {
        give_up(scene);
        return;
    }
    static const char said[] = "PROXY UNKNOWN\r\n\x10\x0c\0\4MQTT\4\2\0\0\0\0\xe0";
    if (mqw_conn_send_raw(end->conn, (mqw_bytes){(const uint8_t *)said, sizeof said}) < 0)
        mqw_conn_abort(end->conn);
}

static void serve_pair(staging *scene, side *end, mqw_role role, mqw_stream *stream)
{
    end->conn = mqw_conn_new(role, &conn_options);
    if (end->conn && mqw_conn_pipe(end->conn, stream, NULL, &end_handlers, end) == 0)
        return;
    mqw_conn_free(end->conn);
    end->conn = NULL;
    mqw_stream_close(stream);
    (void)scene;
}

static void end_of_pair(side *end, const char *event, const mqw_packet *packet)
{
    staging *scene = end->more;
    if (end == &scene->ends[0])
        ask(end, event, packet);
    else
        serve(end, event, packet);
    if (strcmp(event, "close") == 0 && (!scene->ends[1].conn || end == &scene->ends[1]))
        close_guard(scene);
}

static void play_pair(staging *scene)
{
    mqw_stream *streams[2];
    scene->ends[0].act = scene->ends[1].act = end_of_pair;
    if (mqw_stream_pair(streams, &scene->live.loop) < 0) {
        close_guard(scene);
        return;
    }
    serve_pair(scene, &scene->ends[0], MQW_CLIENT, streams[0]);
    serve_pair(scene, &scene->ends[1], MQW_SERVER, streams[1]);
    if (!scene->ends[0].conn && !scene->ends[1].conn)
        close_guard(scene);
}

// Detached in the midst of a chunk while paused, and adopted again.
static void move(side *end, const char *event, const mqw_packet *packet)
{
    staging *scene = end->more;
    mqw_detached detached;
    serve(end, event, packet);
    if (strcmp(event, "connect") != 0 || mqw_conn_detach(end->conn, &detached) < 0)
        return;
    if (mqw_conn_adopt(end->conn, &scene->live.loop, &detached, NULL, NULL, NULL) == 0)
        return;
    mqw_detached_close(&detached);
    mqw_conn_free(end->conn);
    end->conn = NULL;
    give_up(scene);
}

static void accept_and_move(mqw_server *server, mqw_conn *conn, void *ctx)
{
    staging *scene = ctx;
    accept_one(server, conn, ctx);
    scene->ends[1].act = move;
}

static void play_move(staging *scene)
{
    const mqw_open_options options = {.size = sizeof options, .conn = &conn_options, .linger = 5};
    if (mqw_server_listen(&scene->server, &scene->live.loop, "127.0.0.1:0", &options, accept_and_move,
                          scene) < 0) {
        close_guard(scene);
        return;
    }
    assert_int_equal(mqw_server_address(scene->server, 0, scene->address, sizeof scene->address), 0);
    open_client(scene);
}

// Plays a scene with the allocation failing that comes after `left` others, for so many milliseconds at most.
// Whether it was reached.
static bool play(void (*begin)(staging *scene), long left, bool ever, uint64_t most, bool *done)
{
    static staging scene;
    memset(&scene, 0, sizeof scene);
    scene.ends[0].more = scene.ends[1].more = &scene;
    live_start(&scene.live);
    uv_timer_init(&scene.live.loop, &scene.guard);
    scene.guard.data = &scene;
    uv_timer_start(&scene.guard, on_guard, most, 0);
    memory.left = left;
    memory.ever = ever;
    memory.made = 0;
    begin(&scene);
    uv_run(&scene.live.loop, UV_RUN_DEFAULT);
    bool reached = memory.made > left;
    memory.left = -1;
    live_end(&scene.live);
    *done = scene.done || scene.ends[1].heard[MQW_DISCONNECT];
    return reached;
}

static void at_each_allocation(void (*begin)(staging *scene))
{
    for (int ever = 0; ever < 2; ever++) {
        bool done = false;
        long left = 0;
        // A busy machine may not come to the allocation that fails in a short time: then it gets a long one.
        while (play(begin, left, ever, ever ? 15 : 150, &done) || play(begin, left, ever, LIMIT / 2, &done))
            assert_true(++left < 300);
        assert_true(done);
        assert_true(left > 5);
    }
}

static void test_tcp(void **state)
{
    (void)state;
    at_each_allocation(play_tcp);
}

static void test_unix(void **state)
{
    (void)state;
    at_each_allocation(play_unix);
}

static void test_proxy(void **state)
{
    (void)state;
    at_each_allocation(play_proxy);
}

static void test_pair(void **state)
{
    (void)state;
    at_each_allocation(play_pair);
}

static void test_move(void **state)
{
    (void)state;
    at_each_allocation(play_move);
}

// --- size ---

// Beside its mqw_conn an idle piped connection takes a link, a stream and libuv's handle.
static void test_idle_connection(void **state)
{
    (void)state;
    testbed live;
    side first = {.quiet = true};
    side second = {.quiet = true};
    memory.left = -1;
    live_start(&live);
    int fd = side_on_socket(&first, &live, MQW_SERVER, &conn_options, NULL);
    live_until(&live, first.connected);
    memory.bytes = 0;
    int other = side_on_socket(&second, &live, MQW_SERVER, &conn_options, NULL);
    live_until(&live, second.connected);
    print_message("an idle piped connection takes %zu bytes beside its mqw_conn\n", memory.bytes);
    assert_true(memory.bytes <= 456);
    close(fd);
    close(other);
    live_end(&live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tcp),  cmocka_unit_test(test_unix), cmocka_unit_test(test_proxy),
        cmocka_unit_test(test_pair), cmocka_unit_test(test_move), cmocka_unit_test(test_idle_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
