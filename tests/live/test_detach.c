// SPDX-License-Identifier: MIT
// Handing a connection to another owner: its bytes both ways go with it, also to another loop in another
// thread.
#include "live/live.h"

static const uint8_t connect_image[] = "\x10\x0e\0\4MQTT\4\2\0\0\0\2ab";
enum { CONNECT_LEN = sizeof connect_image - 1 };
static const mqw_open_options quick = {.size = sizeof quick, .linger = 1};

static void detach(side *end, mqw_detached *out)
{
    assert_int_equal(mqw_conn_detach(end->conn, out), 0);
    assert_null(mqw_conn_loop(end->conn));
    assert_non_null(out->stream);
}

static void to_other_loop(testbed *from, testbed *to, side *end, mqw_detached *detached)
{
    detach(end, detached);
    // The first loop has nothing left to do.
    live_end(from);
    live_start(to);
    assert_int_equal(mqw_conn_adopt(end->conn, &to->loop, detached, &quick, NULL, NULL), 0);
    assert_null(detached->stream);
    assert_ptr_equal(mqw_conn_loop(end->conn), &to->loop);
}

// At each point of a conversation, and with a packet cut in the middle, both ends' state survives the move.
static void test_at_each_byte(void **state)
{
    (void)state;
    static const uint8_t said[] = "\x10\x0e\0\4MQTT\4\2\0\0\0\2ab\x32\7\0\1a\0\7hi\xc0\0\xe0";
    for (size_t cut = 0; cut <= sizeof said; cut++) {
        testbed first;
        testbed second;
        side end = {.quiet = false};
        mqw_detached detached;
        live_start(&first);
        int fd = side_on_socket(&end, &first, MQW_SERVER, NULL, &quick);
        live_until(&first, end.connected);
        assert_int_equal(send(fd, said, cut, MSG_NOSIGNAL), (ssize_t)cut);
        for (int i = 0; i < 3; i++)
            uv_run(&first.loop, UV_RUN_NOWAIT);
        if (cut == sizeof said) {
            plain_close(fd);
            live_until(&first, end.closes);
            live_end(&first);
            continue;
        }
        first.descriptors += 2;
        to_other_loop(&first, &second, &end, &detached);
        second.descriptors -= 2;
        assert_int_equal(send(fd, said + cut, sizeof said - cut, MSG_NOSIGNAL), (ssize_t)(sizeof said - cut));
        live_until(&second, end.heard[MQW_DISCONNECT]);
        plain_close(fd);
        live_end(&second);
        assert_string_equal(end.log, "connected connect publish pingreq disconnect close ");
        assert_int_equal(end.payload, 2);
    }
}

// Output that waits goes along.
static void test_with_output(void **state)
{
    (void)state;
    testbed first;
    testbed second;
    side end = {.quiet = true};
    mqw_detached detached;
    static uint8_t much[1000000];
    live_start(&first);
    int fd = side_on_socket(&end, &first, MQW_SERVER, NULL, &quick);
    live_until(&first, end.connected);
    assert_int_equal(mqw_conn_send_raw(end.conn, (mqw_bytes){much, sizeof much}), 0);
    for (int i = 0; i < 3; i++)
        uv_run(&first.loop, UV_RUN_NOWAIT);
    assert_true(mqw_conn_waiting(end.conn) > 0 && mqw_conn_waiting(end.conn) < sizeof much);
    first.descriptors += 2;
    to_other_loop(&first, &second, &end, &detached);
    second.descriptors -= 2;
    mqw_conn_close(end.conn);
    assert_int_equal(plain_drain(&second, fd), sizeof much);
    close(fd);
    live_end(&second);
    assert_string_equal(end.log, "connected close ");
}

// What was read while the connection was paused is in detached.input, and a later owner gets it.
static void test_while_paused(void **state)
{
    (void)state;
    testbed live;
    side end = {.quiet = false};
    mqw_detached detached;
    live_start(&live);
    int fd = side_on_socket(&end, &live, MQW_SERVER, NULL, &quick);
    assert_int_equal(send(fd, connect_image, CONNECT_LEN, MSG_NOSIGNAL), CONNECT_LEN);
    live_until(&live, end.heard[MQW_CONNECT]);
    mqw_conn_pause(end.conn);
    assert_int_equal(send(fd, "\xc0\0\xc0", 3, MSG_NOSIGNAL), 3);
    detach(&end, &detached);
    assert_int_equal(detached.input_len, 0);
    assert_int_equal(mqw_conn_adopt(end.conn, &live.loop, &detached, &quick, NULL, NULL), 0);
    mqw_conn_resume(end.conn);
    assert_int_equal(send(fd, "\0", 1, MSG_NOSIGNAL), 1);
    live_until(&live, end.heard[MQW_PINGREQ] == 2);
    plain_close(fd);
    live_end(&live);
}

typedef struct catching {
    mqw_detached detached;
    bool done;
} catching;

static void catch_at_ping(side *end, const char *event, const mqw_packet *packet)
{
    catching *catcher = end->more;
    (void)packet;
    if (strcmp(event, "pingreq") == 0 && !catcher->done) {
        catcher->done = true;
        detach(end, &catcher->detached);
        assert_int_equal(mqw_conn_detach(end->conn, &catcher->detached), MQW_E_MISUSE);
    }
}

typedef struct paused_owner {
    testbed *live;
    bool adopted;
} paused_owner;

static void pause_then_change_owner(side *end, const char *event, const mqw_packet *packet)
{
    paused_owner *owner = end->more;
    if (packet && packet->type == MQW_PINGREQ && end->heard[MQW_PINGREQ] == 1)
        mqw_conn_pause(end->conn);
    if (strcmp(event, "error") != 0)
        return;
    mqw_detached detached;
    assert_int_equal(mqw_conn_detach(end->conn, &detached), 0);
    assert_int_equal(detached.input_len, 4);
    assert_int_equal(mqw_conn_adopt(end->conn, &owner->live->loop, &detached, &quick, NULL, NULL), 0);
    owner->adopted = true;
}

// What was kept because of a pause goes along, also when the handler that detaches was told of something
// else.
static void test_while_paused_inside_the_error_handler(void **state)
{
    (void)state;
    testbed live;
    paused_owner owner = {.live = &live};
    side end = {.act = pause_then_change_owner, .more = &owner};
    live_start(&live);
    int fd = side_on_socket(&end, &live, MQW_SERVER, NULL, &quick);
    assert_int_equal(send(fd, connect_image, CONNECT_LEN, MSG_NOSIGNAL), CONNECT_LEN);
    live_until(&live, end.heard[MQW_CONNECT]);
    assert_int_equal(send(fd, "\xc0\0\xc0\0\xc0\0", 6, MSG_NOSIGNAL), 6);
    live_until(&live, mqw_conn_paused(end.conn));
    assert_int_equal(mqw_conn_set_encoding(end.conn, (mqw_encoding)99), MQW_E_MISUSE);
    live_until(&live, owner.adopted);
    mqw_conn_resume(end.conn);
    live_until(&live, end.heard[MQW_PINGREQ] == 3);
    plain_close(fd);
    live_end(&live);
}

// Inside a handler, in the midst of a chunk: the rest of the chunk is the new owner's.
static void test_inside_a_handler(void **state)
{
    (void)state;
    testbed live;
    catching catcher = {.done = false};
    side end = {.quiet = false, .act = catch_at_ping, .more = &catcher};
    side other = {.quiet = false};
    uint8_t image[CONNECT_LEN + 9];
    memcpy(image, connect_image, CONNECT_LEN);
    memcpy(image + CONNECT_LEN, "\xc0\0\xc0\0\x30\3\0\1a", 9);
    live_start(&live);
    int fd = side_on_socket(&end, &live, MQW_SERVER, NULL, &quick);
    assert_int_equal(send(fd, image, sizeof image, MSG_NOSIGNAL), sizeof image);
    live_until(&live, catcher.done);
    for (int i = 0; i < 5; i++)
        uv_run(&live.loop, UV_RUN_NOWAIT);
    assert_int_equal(end.heard[MQW_PINGREQ], 1);
    assert_int_equal(catcher.detached.input_len, 7);
    assert_memory_equal(catcher.detached.input, "\xc0\0\x30\3\0\1a", 7);
    // Another connection takes over the same stream: here one that hears everything.
    other.conn = mqw_conn_new(MQW_ANY, NULL);
    assert_int_equal(mqw_conn_adopt(other.conn, &live.loop, &catcher.detached, &quick, &end_handlers, &other),
                     0);
    mqw_conn_free(end.conn);
    live_until(&live, other.heard[MQW_PUBLISH]);
    plain_close(fd);
    live_end(&live);
    assert_string_equal(end.log, "connected connect pingreq ");
    assert_string_equal(other.log, "pingreq publish close ");
}

static void test_nobody_adopts(void **state)
{
    (void)state;
    testbed live;
    side end = {.quiet = false};
    mqw_detached detached;
    live_start(&live);
    int fd = side_on_socket(&end, &live, MQW_SERVER, NULL, &quick);
    live_until(&live, end.connected);
    detach(&end, &detached);
    mqw_detached_close(&detached);
    mqw_detached_close(&detached);
    mqw_detached_close(NULL);
    mqw_conn_free(end.conn);
    uint8_t byte;
    assert_int_equal(plain_read(fd, &byte, 1), 0);
    close(fd);
    live_end(&live);
}

static void test_the_descriptor(void **state)
{
    (void)state;
    testbed live;
    side end = {.quiet = false};
    mqw_detached detached;
    mqw_stream *ends[2];
    live_start(&live);
    int fd = side_on_socket(&end, &live, MQW_SERVER, NULL, &quick);
    live_until(&live, end.connected);
    detach(&end, &detached);
    int own = mqw_detached_descriptor(&detached);
    assert_true(own >= 0);
    assert_null(detached.stream);
    assert_int_equal(mqw_detached_descriptor(&detached), -1);
    mqw_detached_close(&detached);
    mqw_conn_free(end.conn);
    assert_int_equal(send(own, "x", 1, MSG_NOSIGNAL), 1);
    uint8_t byte = 0;
    assert_int_equal(plain_read(fd, &byte, 1), 1);
    assert_int_equal(byte, 'x');
    close(own);
    close(fd);
    // A pair has none, and cannot move to another loop.
    end = (side){.quiet = true};
    assert_int_equal(mqw_stream_pair(ends, &live.loop), 0);
    end.conn = mqw_conn_new(MQW_CLIENT, NULL);
    assert_int_equal(mqw_conn_pipe(end.conn, ends[0], NULL, &end_handlers, &end), 0);
    assert_int_equal(mqw_conn_detach(end.conn, &detached), MQW_E_REFUSED); // not connected yet
    live_until(&live, end.connected);
    detach(&end, &detached);
    assert_int_equal(mqw_detached_descriptor(&detached), -1);
    uv_loop_t elsewhere;
    uv_loop_init(&elsewhere);
    assert_int_equal(mqw_conn_adopt(end.conn, &elsewhere, &detached, NULL, NULL, NULL), MQW_E_REFUSED);
    assert_int_equal(uv_loop_close(&elsewhere), 0);
    assert_int_equal(mqw_conn_adopt(end.conn, NULL, &detached, NULL, NULL, NULL), MQW_E_MISUSE);
    assert_int_equal(mqw_conn_adopt(end.conn, &live.loop, &detached, NULL, NULL, NULL), 0);
    mqw_stream_close(ends[1]);
    live_end(&live);
    assert_string_equal(end.log, "connected close ");
}

// --- another thread ---

/** Takes a stream over in a thread, with a connection and a loop of its own. */
typedef struct worker {
    uv_thread_t thread;
    mqw_detached detached;
    side end;
} worker;

typedef struct crew {
    worker workers[4];
    int count;
} crew;

static void work(void *arg)
{
    worker *self = arg;
    uv_loop_t loop;
    uv_loop_init(&loop);
    self->end.conn = mqw_conn_new(MQW_SERVER, NULL);
    if (mqw_conn_adopt(self->end.conn, &loop, &self->detached, &quick, &end_handlers, &self->end) == 0)
        uv_run(&loop, UV_RUN_DEFAULT);
    if (uv_loop_close(&loop) != 0)
        abort();
}

static void hand_over(mqw_conn *conn, void *ctx)
{
    crew *all = ctx;
    worker *self = &all->workers[all->count++];
    assert_int_equal(mqw_conn_detach(conn, &self->detached), 0);
    mqw_conn_free(conn);
    assert_int_equal(uv_thread_create(&self->thread, work, self), 0);
}

static void leave(side *end, const char *event, const mqw_packet *packet)
{
    (void)packet;
    if (strcmp(event, "connack") == 0)
        assert_int_equal(mqw_conn_disconnect(end->conn, NULL), 0);
}

// One loop accepts, others do the work.
static void test_to_other_threads(void **state)
{
    (void)state;
    enum { COUNT = 4 };
    testbed live;
    static crew all;
    side clients[COUNT];
    const mqw_handlers handlers = {.size = sizeof handlers, .connected = hand_over};
    const mqw_conn_options conn_options = {
        .size = sizeof conn_options, .handlers = &handlers, .handlers_ctx = &all};
    const mqw_open_options options = {.size = sizeof options, .conn = &conn_options};
    mqw_server *server = NULL;
    char address[128];
    memset(&all, 0, sizeof all);
    memset(clients, 0, sizeof clients);
    live_start(&live);
    assert_int_equal(mqw_server_listen(&server, &live.loop, "127.0.0.1:0", &options, NULL, NULL), 0);
    assert_int_equal(mqw_server_address(server, 0, address, sizeof address), 0);
    for (int i = 0; i < COUNT; i++) {
        clients[i].act = leave;
        end_open(&clients[i], &live, address, NULL);
        send_connect(&clients[i], "c");
    }
    for (int i = 0; i < COUNT; i++)
        live_until(&live, clients[i].closes);
    assert_int_equal(mqw_server_connections(server), 0);
    mqw_server_close(server, true, NULL, NULL);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(uv_thread_join(&all.workers[i].thread), 0);
        assert_string_equal(all.workers[i].end.log, "connect disconnect close ");
        assert_string_equal(clients[i].log, "connected connack close ");
    }
    live_end(&live);
}

// What a thread remembers of a loop must not outlive that loop, whoever ran it last.
static void run_it(void *arg)
{
    uv_run(arg, UV_RUN_DEFAULT);
}

static void test_a_loop_that_ends_in_another_thread(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        uv_loop_t loop; // at the same place each time
        uv_thread_t thread;
        side end = {.quiet = true};
        mqw_stream *ends[2];
        assert_int_equal(uv_loop_init(&loop), 0);
        assert_int_equal(mqw_stream_pair(ends, &loop), 0);
        end.conn = mqw_conn_new(MQW_CLIENT, NULL);
        assert_int_equal(mqw_conn_pipe(end.conn, ends[0], &quick, &end_handlers, &end), 0);
        mqw_stream_close(ends[1]);
        assert_int_equal(uv_thread_create(&thread, run_it, &loop), 0);
        assert_int_equal(uv_thread_join(&thread), 0);
        assert_int_equal(end.closes, 1);
        assert_int_equal(uv_loop_close(&loop), 0);
    }
}

// Two loops in one thread, used by turns: each has a state of its own, however often it is looked for.
static void test_two_loops_by_turns(void **state)
{
    (void)state;
    enum { COUNT = 6 };
    testbed live[2];
    side ends[COUNT];
    int fds[COUNT];
    live_start(&live[0]);
    live_start(&live[1]);
    for (int i = 0; i < COUNT; i++) {
        ends[i] = (side){.quiet = false};
        fds[i] = side_on_socket(&ends[i], &live[i % 2], MQW_SERVER, NULL, &quick);
        assert_int_equal(send(fds[i], connect_image, CONNECT_LEN, MSG_NOSIGNAL), CONNECT_LEN);
    }
    for (int i = 0; i < 10; i++)
        uv_run(&live[0].loop, UV_RUN_NOWAIT);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(ends[i].heard[MQW_CONNECT], i % 2 == 0);
    for (int i = 0; i < COUNT; i++) {
        live_until(&live[i % 2], ends[i].heard[MQW_CONNECT]);
        plain_close(fds[i]);
    }
    for (int i = 0; i < COUNT; i++)
        live_until(&live[i % 2], ends[i].closes);
    assert_int_equal(uv_run(&live[1].loop, UV_RUN_DEFAULT), 0);
    uv_close((uv_handle_t *)&live[1].limit, NULL);
    assert_int_equal(uv_run(&live[1].loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&live[1].loop), 0);
    live_end(&live[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_at_each_byte),
        cmocka_unit_test(test_with_output),
        cmocka_unit_test(test_while_paused),
        cmocka_unit_test(test_while_paused_inside_the_error_handler),
        cmocka_unit_test(test_inside_a_handler),
        cmocka_unit_test(test_nobody_adopts),
        cmocka_unit_test(test_the_descriptor),
        cmocka_unit_test(test_to_other_threads),
        cmocka_unit_test(test_a_loop_that_ends_in_another_thread),
        cmocka_unit_test(test_two_loops_by_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
