// SPDX-License-Identifier: MIT
// Closing, aborting, detaching, pausing inside every handler; peers that never read, that go while we write,
// that end anywhere.
#include <signal.h>
#include <sys/uio.h>

#include "live/live.h"

// --- a stream on which everything happens: role ANY hears both sides ---

enum { IMAGE = 4096 };

static size_t add(uint8_t *image, size_t at, const mqw_packet *packet)
{
    return at + image_of(image + at, IMAGE - at, 5, packet);
}

static size_t everything(uint8_t *image)
{
    static uint8_t filters[64];
    static uint8_t topics[64];
    const mqw_filter filter = {.filter = MQW_TEXT("a/+"), .qos = 2};
    const mqw_text topic = MQW_TEXT("a/+");
    static const uint8_t zero[1];
    static const uint8_t long_payload[600];
    const mqw_list subscribe = mqw_list_filters(filters, sizeof filters, &filter, 1);
    const mqw_list unsubscribe = mqw_list_topics(topics, sizeof topics, &topic, 1);
    mqw_connect connect = {.version = 5, .clean_start = true, .client_id = MQW_TEXT("c")};
    mqw_set(&connect.props, auth_method, MQW_TEXT("m"));
    mqw_connack connack = {.reason = 0};
    mqw_set(&connack.props, auth_method, MQW_TEXT("m"));
    mqw_disconnect auth = {.reason = MQW_REASON_REAUTHENTICATE};
    mqw_set(&auth.props, auth_method, MQW_TEXT("m"));
    const mqw_packet packets[] = {
        {.type = MQW_CONNECT, .connect = connect},
        {.type = MQW_CONNACK, .connack = connack},
        {.type = MQW_SUBSCRIBE, .subscribe = {.packet_id = 1, .filters = subscribe}},
        {.type = MQW_SUBACK, .suback = {.packet_id = 1, .reasons = {zero, 1}}},
        {.type = MQW_PUBLISH, .publish = {.topic = MQW_TEXT("a\x01"), .packet_id = 2, .qos = 1}},
        {.type = MQW_PUBACK, .puback = {.packet_id = 2}},
        {.type = MQW_PUBLISH,
         .publish = {.topic = MQW_TEXT("a"), .payload = {long_payload, sizeof long_payload}}},
        {.type = MQW_PUBREC, .pubrec = {.packet_id = 3}},
        {.type = MQW_PUBREL, .pubrel = {.packet_id = 3}},
        {.type = MQW_PUBCOMP, .pubcomp = {.packet_id = 3}},
        {.type = MQW_UNSUBSCRIBE, .unsubscribe = {.packet_id = 4, .filters = unsubscribe}},
        {.type = MQW_UNSUBACK, .unsuback = {.packet_id = 4, .reasons = {zero, 1}}},
        {.type = MQW_PINGREQ},
        {.type = MQW_PINGRESP},
        {.type = MQW_AUTH, .auth = auth},
    };
    size_t len = 0;
    for (size_t i = 0; i < sizeof packets / sizeof packets[0]; i++)
        len = add(image, len, &packets[i]);
    image[len++] = 0x00; // a reserved type: error
    return len;
}

static const char baseline[] =
    "connected drain packet connect packet connack packet subscribe packet suback violation packet publish packet "
    "puback packet publish payload packet pubrec packet pubrel packet pubcomp packet unsubscribe packet unsuback "
    "packet pingreq packet pingresp packet auth error close ";

typedef struct staging {
    testbed *live;
    void (*action)(side *end, struct staging *scene);
    int at; // which event
    int events;
    bool done;
} staging;

static const mqw_open_options quick = {.size = sizeof quick, .linger = 1, .close_timeout = 5000};

static void do_close(side *end, staging *scene)
{
    (void)scene;
    mqw_conn_close(end->conn);
    mqw_conn_close(end->conn);
}

static void do_abort(side *end, staging *scene)
{
    (void)scene;
    mqw_conn_abort(end->conn);
    mqw_conn_close(end->conn);
    mqw_conn_abort(end->conn);
}

static void do_flush_and_close(side *end, staging *scene)
{
    (void)scene;
    mqw_conn_send_raw(end->conn, (mqw_bytes){(const uint8_t *)"\xd0\0", 2});
    mqw_conn_flush(end->conn);
    mqw_conn_close(end->conn);
    mqw_conn_flush(end->conn);
}

static void do_close_then_abort(side *end, staging *scene)
{
    (void)scene;
    mqw_conn_close(end->conn);
    mqw_conn_abort(end->conn);
}

static void do_detach(side *end, staging *scene)
{
    mqw_detached detached;
    (void)scene;
    if (mqw_conn_detach(end->conn, &detached) != 0)
        return;
    assert_null(mqw_conn_stream(end->conn));
    assert_null(mqw_conn_loop(end->conn));
    mqw_detached_close(&detached);
    mqw_conn_free(end->conn);
    end->conn = NULL;
}

static void do_free(side *end, staging *scene)
{
    (void)scene;
    mqw_conn_free(end->conn);
    end->conn = NULL;
}

static void do_adopt(side *end, staging *scene)
{
    mqw_detached detached;
    if (mqw_conn_detach(end->conn, &detached) == 0)
        assert_int_equal(mqw_conn_adopt(end->conn, &scene->live->loop, &detached, &quick, NULL, NULL), 0);
}

static void do_pause(side *end, staging *scene)
{
    (void)scene;
    mqw_conn_pause(end->conn);
    mqw_conn_pause(end->conn);
}

static void act_at(side *end, const char *event, const mqw_packet *packet)
{
    staging *scene = end->more;
    (void)packet;
    if (strcmp(event, "connected") == 0) {
        static uint8_t much[5000];
        assert_int_equal(mqw_conn_send_raw(end->conn, (mqw_bytes){much, sizeof much}), 0);
    }
    if (scene->events++ == scene->at) {
        scene->done = true;
        scene->action(end, scene);
    }
}

// The first `count` events of the baseline.
static void beginning(char *out, int count)
{
    const char *at = baseline;
    while (count-- > 0)
        at = strchr(at, ' ') + 1;
    memcpy(out, baseline, (size_t)(at - baseline));
    out[at - baseline] = '\0';
}

static int events_of_baseline(void)
{
    int count = 0;
    for (const char *at = baseline; *at; at++)
        count += *at == ' ';
    return count;
}

static mqw_conn_options all_options(void)
{
    mqw_conn_options options = {
        .size = sizeof options, .version = 5, .stream_over = 500, .high_water = 1000, .low_water = 100};
    mqw_rule_add(&options.policy.report, MQW_RULE_UTF8_CONTROL);
    return options;
}

// Plays the stream, doing something at one event. `chunk`: bytes per write of the peer.
static void play(side *end, staging *scene, testbed *live, size_t chunk)
{
    uint8_t image[IMAGE];
    size_t len = everything(image);
    const mqw_conn_options options = all_options();
    *end = (side){.note_packets = true, .act = act_at, .more = scene};
    scene->live = live;
    int fd = side_on_socket(end, live, MQW_ANY, &options, &quick);
    for (size_t at = 0; at < len; at += chunk) {
        size_t piece = len - at < chunk ? len - at : chunk;
        ssize_t went = send(fd, image + at, piece, MSG_NOSIGNAL);
        assert_true(went == (ssize_t)piece || scene->done);
        if (chunk < len)
            uv_run(&live->loop, UV_RUN_NOWAIT);
    }
    shutdown(fd, SHUT_WR);
    live_until(live, !end->conn || (mqw_conn_paused(end->conn) && scene->done));
    if (end->conn && !end->errors) {
        // Paused: nothing more may come, whatever the loop does, until it is resumed.
        char before[sizeof end->log];
        strcpy(before, end->log);
        for (int i = 0; i < 5; i++)
            uv_run(&live->loop, UV_RUN_NOWAIT);
        assert_string_equal(end->log, before);
        mqw_conn_resume(end->conn);
    }
    live_until(live, !end->conn);
    close(fd);
}

static void at_every_event(void (*action)(side *end, staging *scene), bool goes_on, bool closes)
{
    static const size_t chunks[] = {IMAGE, 7};
    int events = events_of_baseline();
    for (size_t c = 0; c < 2; c++) {
        for (int at = 0; at < events; at++) {
            testbed live;
            side end;
            staging scene = {.action = action, .at = at};
            char expected[sizeof baseline + 8];
            live_start(&live);
            play(&end, &scene, &live, chunks[c]);
            assert_true(scene.done);
            beginning(expected, goes_on ? events : at + 1);
            if (!goes_on && closes && at + 1 < events)
                strcat(expected, "close ");
            assert_string_equal(end.log, expected);
            live_end(&live);
        }
    }
}

static void test_baseline(void **state)
{
    (void)state;
    at_every_event(do_close, false, true);
}

static void test_abort_in_every_handler(void **state)
{
    (void)state;
    at_every_event(do_abort, false, true);
}

static void test_flush_and_close_in_every_handler(void **state)
{
    (void)state;
    at_every_event(do_flush_and_close, false, true);
}

static void test_close_then_abort_in_every_handler(void **state)
{
    (void)state;
    at_every_event(do_close_then_abort, false, true);
}

static void test_detach_in_every_handler(void **state)
{
    (void)state;
    at_every_event(do_detach, false, false);
}

static void test_free_in_every_handler(void **state)
{
    (void)state;
    at_every_event(do_free, false, false);
}

static void test_adopt_in_every_handler(void **state)
{
    (void)state;
    at_every_event(do_adopt, true, true);
}

// Who is told of the end may still ask for something: nothing comes of it (defect: it woke a freed link).
static void ask_at_the_end(side *end, const char *event, const mqw_packet *packet)
{
    (void)packet;
    if (strcmp(event, "close") != 0)
        return;
    mqw_conn_resume(end->conn);
    assert_int_equal(mqw_conn_set_encoding(end->conn, (mqw_encoding)99), MQW_E_MISUSE);
    assert_int_equal(mqw_conn_pingreq(end->conn), MQW_E_CLOSED);
    mqw_conn_flush(end->conn);
}

static void test_requests_in_the_close_handler(void **state)
{
    (void)state;
    testbed live;
    live_start(&live);
    side end = {.act = ask_at_the_end};
    int fd = side_on_socket(&end, &live, MQW_CLIENT, NULL, &quick);
    live_until(&live, end.connected);
    mqw_conn_abort(end.conn);
    live_until(&live, end.closes);
    assert_string_equal(end.log, "connected close ");
    close(fd);
    live_end(&live);
}

static void test_pause_in_every_handler(void **state)
{
    (void)state;
    at_every_event(do_pause, true, true);
}

// --- peers ---

enum { MUCH = 4 * 1024 * 1024 };

// Fills the socket and what the connection may hold, so that most of it cannot leave.
static void send_much(side *end)
{
    static uint8_t much[65536];
    mqw_bytes bytes = {much, sizeof much};
    for (size_t sent = 0; sent < MUCH; sent += sizeof much)
        assert_int_equal(mqw_conn_send_raw(end->conn, bytes), 0);
}

static void test_close_flushes_all(void **state)
{
    (void)state;
    testbed live;
    side end = {.quiet = true};
    live_start(&live);
    int fd = side_on_socket(&end, &live, MQW_SERVER, NULL, &quick);
    send_much(&end);
    mqw_conn_close(end.conn);
    assert_int_equal(mqw_conn_pingresp(end.conn), MQW_E_CLOSED);
    assert_int_equal(plain_drain(&live, fd), MUCH);
    assert_int_equal(close(fd), 0);
    live_end(&live);
    assert_string_equal(end.log, "close ");
}

// Our end is seen, and what the peer still says is thrown away until its own end; nothing is reset.
static void test_close_waits_for_the_peers_end(void **state)
{
    (void)state;
    testbed live;
    side end = {.quiet = true};
    const mqw_open_options patient = {.size = sizeof patient, .linger = LIMIT, .close_timeout = LIMIT};
    uint8_t byte = 0;
    live_start(&live);
    int fd = side_on_socket(&end, &live, MQW_SERVER, NULL, &patient);
    mqw_conn_close(end.conn);
    assert_int_equal(plain_drain(&live, fd), 0);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(send(fd, "\xc0\0", 2, MSG_NOSIGNAL), 2);
        uv_run(&live.loop, UV_RUN_NOWAIT);
    }
    assert_int_equal(end.closes, 0);
    assert_int_equal(close(fd), 0);
    live_end(&live);
    assert_string_equal(end.log, "close ");
    (void)byte;
}

static void test_linger_ends(void **state)
{
    (void)state;
    testbed live;
    side end = {.quiet = true};
    const mqw_open_options brief = {.size = sizeof brief, .linger = 20, .close_timeout = LIMIT};
    live_start(&live);
    int fd = side_on_socket(&end, &live, MQW_SERVER, NULL, &brief);
    uint64_t start = uv_now(&live.loop);
    mqw_conn_close(end.conn);
    live_until(&live, end.closes);
    assert_true(uv_now(&live.loop) - start >= 20);
    close(fd);
    live_end(&live);
}

// A peer that never reads cannot hold us for longer than close_timeout.
static void test_close_of_a_peer_that_never_reads(void **state)
{
    (void)state;
    testbed live;
    side end = {.quiet = true};
    const mqw_open_options brief = {.size = sizeof brief, .linger = LIMIT, .close_timeout = 30};
    live_start(&live);
    int fd = side_on_socket(&end, &live, MQW_SERVER, NULL, &brief);
    send_much(&end);
    uint64_t start = uv_now(&live.loop);
    mqw_conn_close(end.conn);
    live_until(&live, end.closes);
    assert_true(uv_now(&live.loop) - start >= 30);
    close(fd);
    live_end(&live);
    assert_string_equal(end.log, "close ");
}

static void test_a_peer_that_never_reads_fills_the_output(void **state)
{
    (void)state;
    testbed live;
    side end = {.quiet = true};
    const mqw_conn_options options = {
        .size = sizeof options, .max_output = 100000, .high_water = 5000, .low_water = 1000};
    uint8_t bytes[1000] = {0};
    live_start(&live);
    int fd = side_on_socket(&end, &live, MQW_SERVER, &options, &quick);
    live_until(&live, end.connected);
    int result = 0;
    for (int i = 0; i < 100000 && result == 0; i++) {
        result = mqw_conn_send_raw(end.conn, (mqw_bytes){bytes, sizeof bytes});
        uv_run(&live.loop, UV_RUN_NOWAIT);
    }
    assert_int_equal(result, MQW_E_BUSY);
    assert_true(mqw_conn_waiting(end.conn) <= 100000);
    assert_int_equal(end.errors, 0);
    mqw_counters counters;
    mqw_conn_counters(end.conn, &counters);
    assert_true(counters.bytes_queued > counters.bytes_written);
    // It reads after all.
    uint8_t room[65536];
    int before = end.drains;
    while (end.drains == before) {
        (void)!read(fd, room, sizeof room);
        uv_run(&live.loop, UV_RUN_NOWAIT);
    }
    assert_true(mqw_conn_waiting(end.conn) < 1000);
    close(fd);
    live_end(&live);
    assert_int_equal(end.closes, 1);
}

// The peer closes while we write. The test runs with SIGPIPE as it is by default: a signal would end it.
static void goes_while_we_write(bool with_input)
{
    testbed live;
    side end = {.quiet = true};
    live_start(&live);
    struct sigaction before;
    assert_int_equal(sigaction(SIGPIPE, NULL, &before), 0);
    assert_true(before.sa_handler == SIG_DFL);
    int fd = side_on_socket(&end, &live, MQW_SERVER, NULL, &quick);
    live_until(&live, end.connected);
    if (with_input)
        assert_int_equal(send(fd, "\x10\x0c\0\4MQTT\4\2\0\0\0\0", 14, MSG_NOSIGNAL), 14);
    close(fd);
    send_much(&end);
    mqw_conn_flush(end.conn);
    live_end(&live);
    assert_string_equal(end.log, with_input ? "connected connect close " : "connected close ");
    assert_int_equal(end.closes, 1);
}

static void test_a_peer_that_closes_while_we_write(void **state)
{
    (void)state;
    goes_while_we_write(false);
}

// What it said last is heard nevertheless.
static void test_last_words_of_a_peer_that_closes_while_we_write(void **state)
{
    (void)state;
    goes_while_we_write(true);
}

// The stream ends at each position of a CONNECT (MQTT-4.13.1-1): an error inside the packet, none at its
// ends.
static void test_end_of_stream_in_each_position(void **state)
{
    (void)state;
    static const uint8_t image[] = "\x10\x0e\0\4MQTT\4\2\0\x3c\0\2ab\xc0";
    for (size_t len = 0; len < sizeof image; len++) {
        testbed live;
        side end = {.quiet = true};
        live_start(&live);
        int fd = side_on_socket(&end, &live, MQW_SERVER, NULL, &quick);
        assert_int_equal(send(fd, image, len, MSG_NOSIGNAL), (ssize_t)len);
        close(fd);
        live_end(&live);
        bool whole = len == 0 || len == 16;
        assert_int_equal(end.errors, !whole);
        assert_int_equal(end.heard[MQW_CONNECT], len >= 16);
        assert_int_equal(end.closes, 1);
        if (!whole) {
            assert_int_equal(end.error.code, MQW_E_END);
            assert_true(end.error.by_peer);
        }
    }
}

// MQTT-3.14.4-1: after our DISCONNECT nothing is sent any more, and the connection closes by itself once it
// is written.
static void test_we_leave(void **state)
{
    (void)state;
    testbed live;
    side end = {.quiet = true};
    uint8_t room[64];
    live_start(&live);
    int fd = side_on_socket(&end, &live, MQW_CLIENT, NULL, &quick);
    send_connect(&end, "c");
    live_until(&live, end.connected);
    assert_int_equal(send(fd, "\x20\2\0\0", 4, MSG_NOSIGNAL), 4);
    live_until(&live, end.heard[MQW_CONNACK]);
    assert_int_equal(plain_read(fd, room, sizeof room), 15);
    assert_int_equal(mqw_conn_disconnect(end.conn, NULL), 0);
    assert_int_equal(plain_drain(&live, fd), 2);
    close(fd);
    live_end(&live);
    assert_string_equal(end.log, "connected connack close ");
}

// Section 3.14.4: a server whose client has said DISCONNECT closes.
static void test_the_client_leaves(void **state)
{
    (void)state;
    testbed live;
    side end = {.quiet = false};
    live_start(&live);
    int fd = side_on_socket(&end, &live, MQW_SERVER, NULL, &quick);
    static const uint8_t said[] = "\x10\x0c\0\4MQTT\4\2\0\0\0\0\xe0\0";
    assert_int_equal(send(fd, said, 16, MSG_NOSIGNAL), 16);
    assert_int_equal(plain_drain(&live, fd), 4);
    close(fd);
    live_end(&live);
    assert_string_equal(end.log, "connected connect disconnect close ");
}

static void refuse(side *end, const char *event, const mqw_packet *packet)
{
    if (strcmp(event, "connect") != 0)
        return;
    uint8_t reason = packet->connect.version == 5 ? MQW_REASON_NOT_AUTHORIZED : 5;
    assert_int_equal(mqw_conn_connack(end->conn, &(mqw_connack){.reason = reason}), 0);
}

// MQTT-3.2.2-5, in 5.0 MQTT-3.2.2-7: a server that refuses closes after its CONNACK, which arrives.
static void test_we_refuse(void **state)
{
    (void)state;
    static const char *const said[] = {"\x10\x0c\0\4MQTT\4\2\0\0\0\0", "\x10\x0d\0\4MQTT\5\2\0\0\0\0\0"};
    for (size_t v = 0; v < 2; v++) {
        testbed live;
        side end = {.quiet = true, .act = refuse};
        live_start(&live);
        int fd = side_on_socket(&end, &live, MQW_SERVER, NULL, &quick);
        assert_int_equal(send(fd, said[v], 14 + v, MSG_NOSIGNAL), 14 + (int)v);
        assert_int_equal(plain_drain(&live, fd), 4 + v);
        close(fd);
        live_end(&live);
        assert_string_equal(end.log, "connected connect close ");
    }
}

// A fault of a 5.0 peer is answered with DISCONNECT and its reason before we close (MQTT-4.13.1-1,
// MQTT-3.14.0-1).
static void test_a_fault_is_answered(void **state)
{
    (void)state;
    testbed live;
    side end = {.quiet = false};
    uint8_t room[64];
    live_start(&live);
    int fd = side_on_socket(&end, &live, MQW_SERVER, NULL, &quick);
    static const uint8_t said[] = "\x10\x0e\0\4MQTT\5\2\0\0\0\0\1a\x36\3\0\1a";
    assert_int_equal(send(fd, said, 21, MSG_NOSIGNAL), 21);
    ssize_t len = 0;
    live_until(&live, (len = plain_read(fd, room, sizeof room)) > 0);
    static const uint8_t answer[] = {0x20, 3, 0, 0, 0, 0xe0, 1, 0x81};
    assert_int_equal(len, sizeof answer);
    assert_memory_equal(room, answer, sizeof answer);
    assert_int_equal(plain_read(fd, room, sizeof room), 0);
    assert_int_equal(end.error.reason, 0x81);
    close(fd);
    live_end(&live);
    assert_string_equal(end.log, "connected connect error close ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_baseline),
        cmocka_unit_test(test_abort_in_every_handler),
        cmocka_unit_test(test_flush_and_close_in_every_handler),
        cmocka_unit_test(test_close_then_abort_in_every_handler),
        cmocka_unit_test(test_detach_in_every_handler),
        cmocka_unit_test(test_free_in_every_handler),
        cmocka_unit_test(test_adopt_in_every_handler),
        cmocka_unit_test(test_pause_in_every_handler),
        cmocka_unit_test(test_requests_in_the_close_handler),
        cmocka_unit_test(test_close_flushes_all),
        cmocka_unit_test(test_close_waits_for_the_peers_end),
        cmocka_unit_test(test_linger_ends),
        cmocka_unit_test(test_close_of_a_peer_that_never_reads),
        cmocka_unit_test(test_a_peer_that_never_reads_fills_the_output),
        cmocka_unit_test(test_a_peer_that_closes_while_we_write),
        cmocka_unit_test(test_last_words_of_a_peer_that_closes_while_we_write),
        cmocka_unit_test(test_end_of_stream_in_each_position),
        cmocka_unit_test(test_we_leave),
        cmocka_unit_test(test_the_client_leaves),
        cmocka_unit_test(test_we_refuse),
        cmocka_unit_test(test_a_fault_is_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
