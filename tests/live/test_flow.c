// SPDX-License-Identifier: MIT
// The flow of bytes through a piped connection: floods, water marks, pausing, misuse, deadlines, fair turns.
#include <signal.h>
#include <sys/wait.h>

#include "live/live.h"

static const mqw_open_options quick = {.size = sizeof quick, .linger = 1};
static const uint8_t connect_image[] = "\x10\x0e\0\4MQTT\4\2\0\0\0\2ab";
enum { CONNECT_LEN = sizeof connect_image - 1 };

static void plain_send(testbed *live, int fd, const void *bytes, size_t len)
{
    for (size_t at = 0; at < len;) {
        ssize_t went = send(fd, (const uint8_t *)bytes + at, len - at, MSG_NOSIGNAL);
        if (went > 0)
            at += (size_t)went;
        else
            uv_run(&live->loop, UV_RUN_NOWAIT);
    }
}

// Known fault of the original: ten thousand packets in one chunk overflowed the stack.
static void test_ten_thousand_pingreq_in_one_chunk(void **state)
{
    (void)state;
    enum { COUNT = 10000 };
    testbed live;
    side end = {.quiet = false};
    const mqw_conn_options options = {.size = sizeof options, .answers = MQW_ANSWER_PINGRESP};
    static uint8_t image[CONNECT_LEN + 2 * COUNT];
    memcpy(image, connect_image, CONNECT_LEN);
    for (int i = 0; i < COUNT; i++)
        image[CONNECT_LEN + 2 * i] = 0xc0;
    live_start(&live);
    int fd = side_on_socket(&end, &live, MQW_SERVER, &options, &quick);
    plain_send(&live, fd, image, sizeof image);
    uint8_t room[4 + 2 * COUNT];
    size_t got = 0;
    while (got < sizeof room) {
        ssize_t more = plain_read(fd, room + got, sizeof room - got);
        got += more > 0 ? (size_t)more : 0;
        uv_run(&live.loop, UV_RUN_NOWAIT);
    }
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(room[4 + 2 * i], 0xd0);
    assert_int_equal(end.heard[MQW_PINGREQ], COUNT);
    plain_close(fd);
    live_end(&live);
    assert_int_equal(end.errors, 0);
}

// 20 MB of payload streamed through, in bytes as they come: nothing of it is kept.
static void test_large_payload_in_pieces(void **state)
{
    (void)state;
    enum { SIZE = 20 * 1024 * 1024 };
    testbed live;
    side end = {.quiet = false};
    const mqw_conn_options options = {
        .size = sizeof options, .stream_over = 1000, .max_packet_size = SIZE + 100};
    static uint8_t block[100000];
    live_start(&live);
    int fd = side_on_socket(&end, &live, MQW_SERVER, &options, &quick);
    plain_send(&live, fd, connect_image, CONNECT_LEN);
    static const uint8_t head[] = {0x30, 0x83, 0x80, 0x80, 0x0a, 0, 1, 'a'};
    plain_send(&live, fd, head, sizeof head);
    for (size_t at = 0; at < SIZE; at += sizeof block)
        plain_send(&live, fd, block, SIZE - at < sizeof block ? SIZE - at : sizeof block);
    live_until(&live, end.payload == SIZE);
    plain_close(fd);
    live_end(&live);
    assert_int_equal(end.errors, 0);
    assert_int_equal(end.heard[MQW_PUBLISH], 1);
}

// The same as one packet, which is read straight into the connection's own block.
static void test_large_packet_whole(void **state)
{
    (void)state;
    enum { SIZE = 20 * 1024 * 1024 };
    testbed live;
    side end = {.quiet = false};
    const mqw_conn_options options = {.size = sizeof options, .max_packet_size = SIZE + 100};
    static uint8_t block[100000];
    live_start(&live);
    int fd = side_on_socket(&end, &live, MQW_SERVER, &options, &quick);
    plain_send(&live, fd, connect_image, CONNECT_LEN);
    static const uint8_t head[] = {0x30, 0x83, 0x80, 0x80, 0x0a, 0, 1, 'a'};
    plain_send(&live, fd, head, sizeof head);
    for (size_t at = 0; at < SIZE; at += sizeof block)
        plain_send(&live, fd, block, SIZE - at < sizeof block ? SIZE - at : sizeof block);
    plain_send(&live, fd, "\xc0\0\xc0\0", 4);
    live_until(&live, end.heard[MQW_PINGREQ] == 2);
    assert_int_equal(end.payload, SIZE);
    plain_close(fd);
    live_end(&live);
    assert_int_equal(end.errors, 0);
}

static void refill(side *end, const char *event, const mqw_packet *packet)
{
    static const uint8_t bytes[1000];
    int *left = end->more;
    (void)packet;
    if (strcmp(event, "connected") != 0 && strcmp(event, "drain") != 0)
        return;
    while (*left > 0 && mqw_conn_waiting(end->conn) < 200000) {
        assert_int_equal(mqw_conn_send_raw(end->conn, (mqw_bytes){bytes, sizeof bytes}), 0);
        (*left)--;
    }
}

// A sender that lives on `drain` alone gets everything out, through a peer that reads slowly.
static void test_drain_keeps_a_sender_going(void **state)
{
    (void)state;
    enum { COUNT = 5000 };
    int left = COUNT;
    testbed live;
    side end = {.act = refill, .more = &left};
    uint8_t room[30000];
    size_t got = 0;
    live_start(&live);
    int fd = side_on_socket(&end, &live, MQW_SERVER, NULL, &quick);
    while (got < (size_t)COUNT * 1000) {
        ssize_t more = plain_read(fd, room, sizeof room);
        got += more > 0 ? (size_t)more : 0;
        uv_run(&live.loop, UV_RUN_NOWAIT);
    }
    assert_int_equal(left, 0);
    assert_true(end.drains >= COUNT / 200 - 1);
    plain_close(fd);
    live_end(&live);
}

// --- pausing ---

static void test_pause_stops_reading(void **state)
{
    (void)state;
    testbed live;
    side end = {.quiet = false};
    uint8_t block[4096];
    memset(block, 0, sizeof block);
    for (size_t i = 0; i < sizeof block; i += 2)
        block[i] = 0xc0;
    live_start(&live);
    int fd = side_on_socket(&end, &live, MQW_SERVER, NULL, &quick);
    plain_send(&live, fd, connect_image, CONNECT_LEN);
    live_until(&live, end.heard[MQW_CONNECT]);
    mqw_conn_pause(end.conn);
    // The peer can fill the socket and one read, no more.
    size_t sent = 0;
    for (int idle = 0; idle < 50; idle++) {
        ssize_t went = send(fd, block, sizeof block, MSG_NOSIGNAL);
        if (went > 0) {
            assert_int_equal(went % 2, 0);
            sent += (size_t)went;
            idle = 0;
        }
        uv_run(&live.loop, UV_RUN_NOWAIT);
        assert_true(sent < 4 * 1024 * 1024);
    }
    assert_int_equal(end.heard[MQW_PINGREQ], 0);
    mqw_stream_facts facts = {.size = sizeof facts};
    assert_int_equal(mqw_stream_facts_of(mqw_conn_stream(end.conn), &facts), 0);
    assert_true(facts.bytes_read <= CONNECT_LEN + 256 * 1024);
    // Sending goes on meanwhile.
    assert_int_equal(mqw_conn_send_raw(end.conn, (mqw_bytes){block, 2}), 0);
    uint8_t room[64];
    live_until(&live, plain_read(fd, room, sizeof room) > 0);
    mqw_conn_resume(end.conn);
    live_until(&live, (size_t)end.heard[MQW_PINGREQ] * 2 == sent);
    plain_close(fd);
    live_end(&live);
}

static void pause_each(side *end, const char *event, const mqw_packet *packet)
{
    (void)packet;
    if (strcmp(event, "pingreq") == 0)
        mqw_conn_pause(end->conn);
}

static void pause_and_resume(side *end, const char *event, const mqw_packet *packet)
{
    (void)packet;
    if (strcmp(event, "pingreq") != 0)
        return;
    mqw_conn_pause(end->conn);
    mqw_conn_resume(end->conn);
}

// One packet per resume, from a single chunk; then the end of the stream.
static void test_pause_after_each_packet(void **state)
{
    (void)state;
    testbed live;
    side end = {.quiet = false, .act = pause_each};
    uint8_t image[CONNECT_LEN + 200];
    memset(image, 0, sizeof image);
    memcpy(image, connect_image, CONNECT_LEN);
    for (int i = 0; i < 100; i++)
        image[CONNECT_LEN + 2 * i] = 0xc0;
    live_start(&live);
    int fd = side_on_socket(&end, &live, MQW_SERVER, NULL, &quick);
    plain_send(&live, fd, image, sizeof image);
    shutdown(fd, SHUT_WR);
    for (int i = 1; i <= 100; i++) {
        live_until(&live, end.heard[MQW_PINGREQ] == i);
        for (int turns = 0; turns < 5; turns++)
            uv_run(&live.loop, UV_RUN_NOWAIT);
        assert_int_equal(end.heard[MQW_PINGREQ], i);
        assert_int_equal(end.closes, 0);
        mqw_conn_resume(end.conn);
    }
    live_until(&live, end.closes);
    plain_close(fd);
    live_end(&live);
    assert_int_equal(end.errors, 0);
}

static void test_pause_and_resume_inside_a_handler(void **state)
{
    (void)state;
    testbed live;
    side end = {.quiet = false, .act = pause_and_resume};
    live_start(&live);
    int fd = side_on_socket(&end, &live, MQW_SERVER, NULL, &quick);
    plain_send(&live, fd, connect_image, CONNECT_LEN);
    plain_send(&live, fd, "\xc0\0\xc0\0\xc0\0", 6);
    live_until(&live, end.heard[MQW_PINGREQ] == 3);
    plain_close(fd);
    live_end(&live);
}

// A paused connection keeps the loop running, and its resume by somebody else wakes it.
static void resume_it(uv_timer_t *timer)
{
    mqw_conn_resume(timer->data);
    uv_close((uv_handle_t *)timer, NULL);
}

static void test_resume_from_a_timer(void **state)
{
    (void)state;
    testbed live;
    side end = {.quiet = false, .act = pause_each};
    uv_timer_t timer;
    live_start(&live);
    int fd = side_on_socket(&end, &live, MQW_SERVER, NULL, &quick);
    plain_send(&live, fd, connect_image, CONNECT_LEN);
    plain_send(&live, fd, "\xc0\0\xe0\0", 4);
    live_until(&live, end.heard[MQW_PINGREQ]);
    plain_close(fd);
    uv_timer_init(&live.loop, &timer);
    timer.data = end.conn;
    uv_timer_start(&timer, resume_it, 5, 0);
    live_end(&live);
    assert_string_equal(end.log, "connected connect pingreq disconnect close ");
}

// --- misuse ---

// The error handler hears of it on a later turn, once, and the connection goes on.
static void test_misuse_is_told_later(void **state)
{
    (void)state;
    testbed live;
    side end = {.quiet = false};
    live_start(&live);
    int fd = side_on_socket(&end, &live, MQW_SERVER, NULL, &quick);
    plain_send(&live, fd, connect_image, CONNECT_LEN);
    live_until(&live, end.heard[MQW_CONNECT]);
    assert_int_equal(mqw_conn_publish(end.conn, &(mqw_publish){.topic = MQW_TEXT("a"), .qos = 1}),
                     MQW_E_MISUSE);
    assert_int_equal(end.errors, 0);
    live_until(&live, end.errors);
    assert_int_equal(end.error.code, MQW_E_MISUSE);
    assert_false(end.error.by_peer);
    plain_send(&live, fd, "\xc0\0", 2);
    live_until(&live, end.heard[MQW_PINGREQ]);
    plain_close(fd);
    live_end(&live);
    assert_int_equal(end.errors, 1);
}

static void misuse_without_handler(const mqw_conn_options *options)
{
    testbed live;
    side end = {.quiet = false};
    mqw_handlers deaf = {.size = sizeof deaf};
    live_start(&live);
    int fd = side_on_socket(&end, &live, MQW_CLIENT, options, &quick);
    assert_int_equal(mqw_conn_handle(end.conn, &deaf, NULL), 0);
    assert_int_equal(mqw_conn_pingresp(end.conn), MQW_E_MISUSE);
    for (int i = 0; i < 10; i++)
        uv_run(&live.loop, UV_RUN_NOWAIT);
    plain_close(fd);
    live_end(&live);
}

static void misuses(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    (void)packet;
    (void)ctx;
    assert_int_equal(mqw_conn_pingresp(conn), MQW_E_MISUSE);
}

static void misuse_in_a_handler(const mqw_conn_options *options)
{
    static const mqw_handlers deaf = {.size = sizeof deaf, .connack = misuses};
    const mqw_connect hello = {.client_id = MQW_TEXT("c")};
    static const uint8_t accepted[] = {0x20, 2, 0, 0};
    testbed live;
    side end = {.quiet = false};
    live_start(&live);
    int fd = side_on_socket(&end, &live, MQW_CLIENT, options, &quick);
    assert_int_equal(mqw_conn_handle(end.conn, &deaf, NULL), 0);
    assert_int_equal(mqw_conn_connect(end.conn, &hello), 0);
    assert_int_equal(write(fd, accepted, sizeof accepted), sizeof accepted);
    for (int i = 0; i < 10; i++)
        uv_run(&live.loop, UV_RUN_NOWAIT);
    plain_close(fd);
    live_end(&live);
}

// It is a bug in the program: one line on standard error and the end, unless that is turned off.
static void ends_the_program(void (*misuse)(const mqw_conn_options *options))
{
    int ends[2];
    char line[512] = "";
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        signal(SIGABRT, SIG_DFL);
        misuse(NULL);
        _exit(0);
    }
    close(ends[1]);
    size_t len = 0;
    for (ssize_t got = 0; (got = read(ends[0], line + len, sizeof line - 1 - len)) > 0;)
        len += (size_t)got;
    close(ends[0]);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(line, "mqwire: misuse"));
    assert_ptr_equal(strchr(line, '\n'), line + len - 1);
    const mqw_conn_options returns = {.size = sizeof returns, .on_misuse = MQW_RETURN_ONLY};
    misuse(&returns);
}

static void test_misuse_without_an_error_handler_ends_the_program(void **state)
{
    (void)state;
    ends_the_program(misuse_without_handler);
    ends_the_program(misuse_in_a_handler);
}

// --- deadlines ---

static void test_no_connect_in_time(void **state)
{
    (void)state;
    testbed live;
    side end = {.quiet = false};
    const mqw_conn_options options = {.size = sizeof options, .connect_timeout = 30};
    live_start(&live);
    uint64_t start = uv_now(&live.loop);
    int fd = side_on_socket(&end, &live, MQW_SERVER, &options, &quick);
    live_until(&live, end.closes);
    assert_true(uv_now(&live.loop) - start >= 30);
    assert_int_equal(end.error.rule, MQW_RULE_NO_CONNECT);
    plain_close(fd);
    live_end(&live);
    assert_string_equal(end.log, "connected error close ");
}

// MQTT-3.1.2-24, in 5.0 MQTT-3.1.2-22: one and a half times its keep alive.
static void test_silent_client(void **state)
{
    (void)state;
    testbed live;
    side end = {.quiet = false};
    live_start(&live);
    int fd = side_on_socket(&end, &live, MQW_SERVER, NULL, &quick);
    plain_send(&live, fd, "\x10\x0e\0\4MQTT\4\2\0\1\0\2ab", CONNECT_LEN);
    live_until(&live, end.heard[MQW_CONNECT]);
    uint64_t start = uv_now(&live.loop);
    live_until(&live, uv_now(&live.loop) - start >= 800);
    plain_send(&live, fd, "\xc0\0", 2); // life moves the deadline
    live_until(&live, end.heard[MQW_PINGREQ]);
    uint64_t last = uv_now(&live.loop);
    live_until(&live, end.errors);
    assert_true(uv_now(&live.loop) - last >= 1499);
    assert_true(uv_now(&live.loop) - last < 3000);
    assert_int_equal(end.error.rule, MQW_RULE_SILENT);
    plain_close(fd);
    live_end(&live);
    assert_string_equal(end.log, "connected connect pingreq error close ");
}

// A client's pings go out by themselves (MQTT-3.1.2-23), and a server that does not answer them is left.
static void test_client_pings(void **state)
{
    (void)state;
    testbed live;
    side end = {.quiet = false};
    const mqw_conn_options options = {
        .size = sizeof options, .answers = MQW_ANSWER_PINGREQ, .ping_timeout = 50};
    mqw_connect connect = {.clean_start = true, .client_id = MQW_TEXT("c"), .keep_alive = 1};
    uint8_t room[64];
    live_start(&live);
    int fd = side_on_socket(&end, &live, MQW_CLIENT, &options, &quick);
    assert_int_equal(mqw_conn_connect(end.conn, &connect), 0);
    live_until(&live, plain_read(fd, room, sizeof room) > 0);
    plain_send(&live, fd, "\x20\2\0\0", 4);
    for (int i = 0; i < 2; i++) {
        ssize_t got = 0;
        live_until(&live, (got = plain_read(fd, room, sizeof room)) > 0);
        assert_int_equal(got, 2);
        assert_int_equal(room[0], 0xc0);
        if (i == 0)
            plain_send(&live, fd, "\xd0\0", 2);
    }
    live_until(&live, end.errors);
    assert_int_equal(end.error.rule, MQW_RULE_NO_ANSWER);
    plain_close(fd);
    live_end(&live);
}

// --- turns ---

typedef struct racer {
    side end;
    int fd;
} racer;

// Many that flood at once get their turns: none is far ahead of the others.
static void test_fair_turns(void **state)
{
    (void)state;
    enum { RACERS = 20, EACH = 150000 };
    testbed live;
    static racer racers[RACERS];
    static uint8_t block[EACH];
    for (size_t i = 0; i < sizeof block; i += 2)
        block[i] = 0xc0;
    memset(racers, 0, sizeof racers);
    live_start(&live);
    for (int i = 0; i < RACERS; i++) {
        racers[i].fd = side_on_socket(&racers[i].end, &live, MQW_SERVER, NULL, &quick);
        plain_send(&live, racers[i].fd, connect_image, CONNECT_LEN);
    }
    for (int i = 0; i < RACERS; i++)
        live_until(&live, racers[i].end.heard[MQW_CONNECT]);
    for (int i = 0; i < RACERS; i++)
        assert_int_equal(send(racers[i].fd, block, sizeof block, MSG_NOSIGNAL), sizeof block);
    // One turn: nobody read more than the share of one among many, once that was noticed.
    uv_run(&live.loop, UV_RUN_NOWAIT);
    int most = 0;
    for (int i = 10; i < RACERS; i++)
        most = racers[i].end.heard[MQW_PINGREQ] > most ? racers[i].end.heard[MQW_PINGREQ] : most;
    assert_true(most > 0 && most <= 32 * 1024 / 2);
    for (int i = 0; i < RACERS; i++) {
        live_until(&live, racers[i].end.heard[MQW_PINGREQ] == EACH / 2);
        plain_close(racers[i].fd);
    }
    live_end(&live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ten_thousand_pingreq_in_one_chunk),
        cmocka_unit_test(test_large_payload_in_pieces),
        cmocka_unit_test(test_large_packet_whole),
        cmocka_unit_test(test_drain_keeps_a_sender_going),
        cmocka_unit_test(test_pause_stops_reading),
        cmocka_unit_test(test_pause_after_each_packet),
        cmocka_unit_test(test_pause_and_resume_inside_a_handler),
        cmocka_unit_test(test_resume_from_a_timer),
        cmocka_unit_test(test_misuse_is_told_later),
        cmocka_unit_test(test_misuse_without_an_error_handler_ends_the_program),
        cmocka_unit_test(test_no_connect_in_time),
        cmocka_unit_test(test_silent_client),
        cmocka_unit_test(test_client_pings),
        cmocka_unit_test(test_fair_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
