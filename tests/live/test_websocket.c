// SPDX-License-Identifier: MIT
// Connections through WebSocket over every other kind of stream, and what servers and clients say to those
// who speak something else.
#include "live/live.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>

static const mqw_websocket_options plain_options = {.size = sizeof plain_options};
static const mqw_open_options with_websocket = {.size = sizeof with_websocket, .websocket = &plain_options};

static uint8_t payload[500000];

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

static void converse(testbed *live, side ends[2])
{
    send_connect(&ends[0], "c");
    send_publish(&ends[0], payload, sizeof payload);
    live_until(live, ends[0].closes && ends[1].closes);
    assert_int_equal(ends[0].errors + ends[1].errors, 0);
    assert_int_equal(ends[0].payload, sizeof payload);
    assert_int_equal(ends[1].heard[MQW_DISCONNECT], 1);
}

// --- every other stream ---

static void test_listeners(void **state)
{
    (void)state;
    static const struct {
        const char *listens, *opens; // %s: what comes behind `tcp://`, or the path
        const char *path;
    } pairs[] = {{"ws://127.0.0.1:0", "ws://%s", "/mqtt"},
                 {"ws://127.0.0.1:0/a", "ws://user:word@%s/a?b=c", "/a?b=c"},
                 {"ws://[::1]:0/", "ws://%s/", "/"},
                 {"unix:%s", "unix:%s", "/mqtt"}};
    for (size_t i = 0; i < 4; i++) {
        testbed live;
        hosting host;
        char address[256], path[100];
        side ends[2] = {{.act = leave_at_echo}, {.act = echo}};
        live_start(&live);
        snprintf(path, sizeof path, "/tmp/mqwire-ws-%d.socket", (int)getpid());
        snprintf(address, sizeof address, pairs[i].listens, path);
        host_listen(&host, &live, address, &with_websocket, &ends[1], 1);
        const char *place = i == 3 ? path : host.address + strlen("tcp://");
        assert_int_equal(strncmp(host.address, i == 3 ? "unix:" : "tcp://", i == 3 ? 5 : 6), 0);
        snprintf(address, sizeof address, pairs[i].opens, place);
        end_open(&ends[0], &live, address, &with_websocket);
        live_until(&live, ends[0].connected && ends[1].connected);
        for (int end = 0; end < 2; end++) {
            mqw_stream_facts facts = {.size = sizeof facts};
            assert_int_equal(mqw_stream_facts_of(mqw_conn_stream(ends[end].conn), &facts), 0);
            assert_string_equal(facts.ws_protocol, "mqtt");
            assert_string_equal(facts.ws_path, pairs[i].path);
            assert_string_equal(facts.ws_origin, "");
        }
        converse(&live, ends);
        host_close(&host, false);
        live_end(&live);
    }
}

static void pipe_one(side *end, mqw_stream *stream, mqw_role role)
{
    end->conn = mqw_conn_new(role, NULL);
    assert_non_null(end->conn);
    assert_int_equal(mqw_stream_websocket(stream, role, "host", NULL), 0);
    assert_int_equal(mqw_conn_pipe(end->conn, stream, NULL, &end_handlers, end), 0);
}

static void test_pair(void **state)
{
    (void)state;
    testbed live;
    mqw_stream *streams[2];
    side ends[2] = {{.act = leave_at_echo}, {.act = echo}};
    live_start(&live);
    assert_int_equal(mqw_stream_pair(streams, &live.loop), 0);
    pipe_one(&ends[0], streams[0], MQW_CLIENT);
    pipe_one(&ends[1], streams[1], MQW_SERVER);
    converse(&live, ends);
    live_end(&live);
}

static void test_descriptors(void **state)
{
    (void)state;
    testbed live;
    int fds[2];
    char address[32];
    mqw_stream *stream = NULL;
    side ends[2] = {{.act = leave_at_echo}, {.act = echo}};
    live_start(&live);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    snprintf(address, sizeof address, "fd:%d", fds[0]);
    end_open(&ends[0], &live, address, &with_websocket);
    assert_int_equal(mqw_stream_descriptor(&stream, &live.loop, fds[1], fds[1]), 0);
    pipe_one(&ends[1], stream, MQW_SERVER);
    converse(&live, ends);
    live_end(&live);
}

// A stream of the program's own that moves a few bytes at a time.
typedef struct slow {
    mqw_stream *stream;
    int fd;
    int polls;
} slow;

static int slow_read(void *self, uint8_t *room, size_t cap)
{
    ssize_t got = read(((slow *)self)->fd, room, cap < 7 ? cap : 7);
    return got >= 0 ? (int)got : MQW_E_AGAIN;
}

static int slow_write(void *self, const mqw_bytes *views, int count)
{
    (void)count;
    ssize_t went = send(((slow *)self)->fd, views[0].data, views[0].len < 5 ? views[0].len : 5, MSG_NOSIGNAL);
    return went > 0 ? (int)went : MQW_E_AGAIN;
}

static void slow_shut(void *self)
{
    shutdown(((slow *)self)->fd, SHUT_WR);
}

static void slow_close(void *self)
{
    close(((slow *)self)->fd);
    ((slow *)self)->stream = NULL;
}

static void test_custom(void **state)
{
    (void)state;
    testbed live;
    int fds[2];
    slow own[2];
    const mqw_stream_ops ops = {sizeof ops, slow_read, slow_write, slow_shut, slow_close};
    side ends[2] = {{.act = leave_at_echo}, {.act = echo}};
    live_start(&live);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    for (int i = 0; i < 2; i++) {
        own[i] = (slow){.fd = fds[i]};
        assert_int_equal(mqw_stream_custom(&own[i].stream, &live.loop, &ops, &own[i]), 0);
        pipe_one(&ends[i], own[i].stream, i == 0 ? MQW_CLIENT : MQW_SERVER);
    }
    send_connect(&ends[0], "c");
    send_publish(&ends[0], payload, 3000);
    while (!ends[0].closes || !ends[1].closes) {
        for (int i = 0; i < 2; i++)
            if (own[i].stream)
                mqw_stream_ready(own[i].stream, MQW_READABLE | MQW_WRITABLE);
        uv_run(&live.loop, UV_RUN_NOWAIT);
    }
    assert_int_equal(ends[0].errors + ends[1].errors, 0);
    assert_int_equal(ends[0].payload, 3000);
    live_end(&live);
}

// --- back-pressure and moving ---

static void pause_each(side *end, const char *event, const mqw_packet *packet)
{
    (void)packet;
    if (strcmp(event, "pingreq") == 0)
        mqw_conn_pause(end->conn);
}

// Many packets in one frame, taken one at a time.
static void test_pause(void **state)
{
    (void)state;
    enum { PINGS = 100 };
    testbed live;
    mqw_stream *streams[2];
    side ends[2] = {{.quiet = false}, {.act = pause_each}};
    live_start(&live);
    assert_int_equal(mqw_stream_pair(streams, &live.loop), 0);
    pipe_one(&ends[0], streams[0], MQW_CLIENT);
    pipe_one(&ends[1], streams[1], MQW_SERVER);
    send_connect(&ends[0], "c");
    live_until(&live, ends[0].heard[MQW_CONNACK]);
    for (int i = 0; i < PINGS; i++)
        assert_int_equal(mqw_conn_pingreq(ends[0].conn), 0);
    assert_int_equal(mqw_conn_disconnect(ends[0].conn, NULL), 0);
    for (int i = 1; i <= PINGS; i++) {
        live_until(&live, ends[1].heard[MQW_PINGREQ] == i);
        uv_run(&live.loop, UV_RUN_NOWAIT);
        assert_int_equal(ends[1].heard[MQW_PINGREQ], i);
        mqw_conn_resume(ends[1].conn);
    }
    live_until(&live, ends[1].heard[MQW_DISCONNECT]);
    live_end(&live);
    assert_int_equal(ends[0].errors + ends[1].errors, 0);
}

static void move(side *end, const char *event, const mqw_packet *packet)
{
    mqw_detached detached;
    (void)packet;
    if (strcmp(event, "pingreq") != 0)
        return;
    assert_int_equal(mqw_conn_detach(end->conn, &detached), 0);
    assert_int_equal(mqw_detached_descriptor(&detached), -1); // the WebSocket would be lost
    assert_int_equal(mqw_conn_adopt(end->conn, end->more, &detached, NULL, &end_handlers, end), 0);
}

static void test_detach_within_a_frame(void **state)
{
    (void)state;
    enum { PINGS = 50 };
    testbed live;
    hosting host;
    char address[160];
    side ends[2] = {{.quiet = false}, {.act = move}};
    live_start(&live);
    ends[1].more = &live.loop;
    host_listen(&host, &live, "ws://127.0.0.1:0", NULL, &ends[1], 1);
    snprintf(address, sizeof address, "ws://%s", host.address + strlen("tcp://"));
    end_open(&ends[0], &live, address, NULL);
    send_connect(&ends[0], "c");
    live_until(&live, ends[0].heard[MQW_CONNACK]);
    for (int i = 0; i < PINGS; i++)
        assert_int_equal(mqw_conn_pingreq(ends[0].conn), 0);
    live_until(&live, ends[1].heard[MQW_PINGREQ] == PINGS);
    assert_int_equal(mqw_conn_disconnect(ends[0].conn, NULL), 0);
    host_close(&host, false);
    live_end(&live);
    assert_int_equal(ends[1].heard[MQW_DISCONNECT], 1);
    assert_int_equal(ends[0].errors + ends[1].errors, 0);
}

// --- plain peers ---

static int plain_connect(const hosting *host)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    name.sin_port = htons((uint16_t)strtoul(strrchr(host->address, ':') + 1, NULL, 10));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

// Reads until the end, which must be an end and no reset.
static size_t read_all(testbed *live, int fd, char *room, size_t cap)
{
    size_t total = 0;
    for (;;) {
        ssize_t got = read(fd, room + total, cap - 1 - total);
        if (got == 0)
            break;
        assert_true(got > 0 || errno == EAGAIN);
        total += got > 0 ? (size_t)got : 0;
        assert_true(uv_run(&live->loop, UV_RUN_NOWAIT) >= 0);
    }
    room[total] = '\0';
    return total;
}

static void say(int fd, const char *text, size_t len)
{
    assert_int_equal(send(fd, text, len, MSG_NOSIGNAL), (ssize_t)len);
}

#define TEXT(literal)                \
    {                                \
        literal, sizeof(literal) - 1 \
    }
enum { MORE = 7000 };

// Whoever has the wrong port gets an answer, all of it, and then an end instead of a reset, even when he goes
// on talking.
static void test_answers(void **state)
{
    (void)state;
    static const struct {
        mqw_text says;
        const char *starts;
        const char *words;
    } talks[] = {{TEXT("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), "HTTP/1.1 200 OK\r\n", "plain HTTP request"},
                 {TEXT("BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n"), "HTTP/1.1 405 ", "other than GET"},
                 {TEXT("GET / HTTP/1.1\r\nA\r\n\r\n"), "HTTP/1.1 400 ", "not sound HTTP"},
                 {TEXT("\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01"), "", "plain MQTT"}};
    static const mqw_websocket_options options = {.size = sizeof options, .page = "<h1>here</h1>"};
    static const mqw_open_options open = {.size = sizeof open, .websocket = &options};
    for (size_t i = 0; i < 4; i++) {
        testbed live;
        hosting host;
        side end = {.quiet = true};
        char room[4096], more[MORE];
        live_start(&live);
        host_listen(&host, &live, "ws://127.0.0.1:0", &open, &end, 1);
        int fd = plain_connect(&host);
        memset(more, 'x', sizeof more);
        say(fd, talks[i].says.data, talks[i].says.len);
        if (i < 3)
            say(fd, more, sizeof more);
        read_all(&live, fd, room, sizeof room);
        assert_memory_equal(room, talks[i].starts, strlen(talks[i].starts));
        assert_true(i > 0 || strstr(room, "\r\n\r\n<h1>here</h1>"));
        close(fd);
        live_until(&live, end.closes);
        assert_string_equal(end.log, "accepted error close ");
        if (!strstr(end.words, talks[i].words))
            fail_msg("says '%s'", end.words);
        host_close(&host, false);
        live_end(&live);
    }
}

// The reverse: HTTP, TLS and WebSocket on a port for plain MQTT.
static void test_foreigners_on_a_plain_port(void **state)
{
    (void)state;
    static const struct {
        mqw_text says;
        const char *words;
    } talks[] = {{TEXT("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), "peer speaks HTTP"},
                 {TEXT("POST /x HTTP/1.1\r\n"), "peer speaks HTTP"},
                 {TEXT("\x16\x03\x01\x02\x05\x01"), "peer speaks TLS"}};
    for (size_t i = 0; i < 3; i++) {
        testbed live;
        hosting host;
        side end = {.quiet = true};
        char room[64];
        live_start(&live);
        host_listen(&host, &live, "127.0.0.1:0", NULL, &end, 1);
        int fd = plain_connect(&host);
        say(fd, talks[i].says.data, talks[i].says.len);
        live_until(&live, end.closes);
        assert_int_equal(read_all(&live, fd, room, sizeof room), 0);
        close(fd);
        assert_string_equal(end.log, "accepted connected error close ");
        assert_int_equal(end.error.code, MQW_E_STREAM);
        if (!strstr(end.words, talks[i].words))
            fail_msg("says '%s'", end.words);
        host_close(&host, false);
        live_end(&live);
    }
}

static void test_client_on_wrong_ports(void **state)
{
    (void)state;
    static const struct {
        bool websocket;
        mqw_text hears;
        const char *words;
    } talks[] = {
        {true, TEXT("HTTP/1.1 404 Not Found\r\n\r\n"), "server refuses the WebSocket: 404 Not Found"},
        {true, TEXT("\x20\x02\x00\x00"), "perhaps it is one for plain MQTT"},
        {false, TEXT("HTTP/1.1 400 Bad Request\r\n\r\n"), "peer speaks HTTP"},
        {false, TEXT("\x15\x03\x03\x00\x02\x02\x28"), "peer speaks TLS"}};
    for (size_t i = 0; i < 4; i++) {
        testbed live;
        int fds[2];
        char address[32];
        side end = {.quiet = true};
        live_start(&live);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
        snprintf(address, sizeof address, "fd:%d", fds[0]);
        end_open(&end, &live, address, talks[i].websocket ? &with_websocket : NULL);
        say(fds[1], talks[i].hears.data, talks[i].hears.len);
        live_until(&live, end.errors);
        plain_close(fds[1]);
        live_until(&live, end.closes);
        if (!strstr(end.words, talks[i].words))
            fail_msg("says '%s'", end.words);
        live_end(&live);
    }
}

// --- the end ---

// A peer that breaks the rules gets the code, all of it, and then an end.
static void test_close_code_arrives(void **state)
{
    (void)state;
    testbed live;
    hosting host;
    side end = {.quiet = true};
    char room[1024];
    live_start(&live);
    host_listen(&host, &live, "ws://127.0.0.1:0", NULL, &end, 1);
    int fd = plain_connect(&host);
    static const char request[] =
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Protocol: mqtt\r\n\r\n\x81\x82....hi";
    say(fd, request, sizeof request - 1);
    size_t len = read_all(&live, fd, room, sizeof room);
    close(fd);
    assert_memory_equal(room, "HTTP/1.1 101 ", 13);
    assert_true(len > 4);
    assert_memory_equal(room + len - 4, "\x88\x02\x03\xeb", 4);
    live_until(&live, end.closes);
    assert_string_equal(end.log, "accepted error close ");
    assert_string_equal(end.words, "peer sent text; MQTT goes in binary frames (MQTT-6.0.0-1)");
    host_close(&host, false);
    live_end(&live);
}

// Pings of our own go out by the clock.
static void test_ping_interval(void **state)
{
    (void)state;
    testbed live;
    int fds[2];
    char room[4096];
    size_t got = 0;
    const mqw_websocket_options options = {.size = sizeof options, .ping_interval = 5};
    mqw_stream *stream = NULL;
    side end = {.quiet = true};
    live_start(&live);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    assert_int_equal(mqw_stream_descriptor(&stream, &live.loop, fds[0], fds[0]), 0);
    assert_int_equal(mqw_stream_websocket(stream, MQW_SERVER, NULL, &options), 0);
    end.conn = mqw_conn_new(MQW_SERVER, NULL);
    assert_int_equal(mqw_conn_pipe(end.conn, stream, NULL, &end_handlers, &end), 0);
    static const char request[] =
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    say(fds[1], request, sizeof request - 1);
    while (got < 6 || memcmp(room + got - 6, "\x89\0\x89\0\x89\0", 6) != 0) {
        ssize_t more = read(fds[1], room + got, sizeof room - got);
        got += more > 0 ? (size_t)more : 0;
        uv_run(&live.loop, UV_RUN_NOWAIT);
    }
    mqw_conn_abort(end.conn);
    live_until(&live, end.closes);
    close(fds[1]);
    live_end(&live);
}

// A server that never answers the handshake.
static void test_handshake_takes_too_long(void **state)
{
    (void)state;
    testbed live;
    int fds[2];
    char address[32];
    side end = {.quiet = true};
    const mqw_open_options brief = {.size = sizeof brief, .connect_timeout = 30, .websocket = &plain_options};
    live_start(&live);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    snprintf(address, sizeof address, "fd:%d", fds[0]);
    end_open(&end, &live, address, &brief);
    live_until(&live, end.closes);
    close(fds[1]);
    live_end(&live);
    assert_string_equal(end.log, "error close ");
    assert_string_equal(end.words, "connection timed out");
}

// A server that does not understand the handshake and just hangs up.
static void test_reset_within_the_handshake(void **state)
{
    (void)state;
    testbed live;
    side end = {.quiet = true};
    char address[64];
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof name;
    live_start(&live);
    int door = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(door, (struct sockaddr *)&name, len) | listen(door, 1), 0);
    assert_int_equal(getsockname(door, (struct sockaddr *)&name, &len), 0);
    snprintf(address, sizeof address, "ws://127.0.0.1:%d", ntohs(name.sin_port));
    end_open(&end, &live, address, NULL);
    uv_run(&live.loop, UV_RUN_NOWAIT);
    int fd = accept(door, NULL, NULL);
    assert_true(fd >= 0);
    const struct linger at_once = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
    live_until(&live, end.closes);
    close(door);
    live_end(&live);
    assert_string_equal(end.log, "error close ");
    if (!strstr(end.words, "server ended before it had answered the WebSocket handshake"))
        fail_msg("says '%s'", end.words);
}

static void test_misuse(void **state)
{
    (void)state;
    testbed live;
    mqw_stream *ends[2];
    mqw_conn *conn = NULL;
    mqw_server *server = NULL;
    const mqw_websocket_options bad = {.size = sizeof bad, .headers = "A: b\r\nC: d"};
    const mqw_open_options open = {.size = sizeof open, .websocket = &bad};
    live_start(&live);
    assert_int_equal(mqw_stream_websocket(NULL, MQW_CLIENT, "h", NULL), MQW_E_MISUSE);
    assert_int_equal(mqw_stream_pair(ends, &live.loop), 0);
    assert_int_equal(mqw_stream_websocket(ends[0], MQW_ANY, "h", NULL), MQW_E_MISUSE);
    assert_int_equal(mqw_stream_websocket(ends[0], MQW_CLIENT, "a\r\nb", NULL), MQW_E_MISUSE);
    assert_int_equal(mqw_stream_websocket(ends[0], MQW_CLIENT, "h", &bad), MQW_E_MISUSE);
    mqw_stream_close(ends[0]);
    mqw_stream_close(ends[1]);
    assert_int_equal(mqw_conn_open(&conn, &live.loop, "ws://127.0.0.1:1", &open, &end_handlers, NULL),
                     MQW_E_MISUSE);
    assert_int_equal(mqw_server_listen(&server, &live.loop, "ws://127.0.0.1:0", &open, NULL, NULL),
                     MQW_E_MISUSE);
    assert_int_equal(mqw_server_listen(&server, &live.loop, "wss://127.0.0.1:0", NULL, NULL, NULL),
                     MQW_E_MISUSE);
    live_end(&live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_listeners),
        cmocka_unit_test(test_pair),
        cmocka_unit_test(test_descriptors),
        cmocka_unit_test(test_custom),
        cmocka_unit_test(test_pause),
        cmocka_unit_test(test_detach_within_a_frame),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_foreigners_on_a_plain_port),
        cmocka_unit_test(test_client_on_wrong_ports),
        cmocka_unit_test(test_close_code_arrives),
        cmocka_unit_test(test_ping_interval),
        cmocka_unit_test(test_handshake_takes_too_long),
        cmocka_unit_test(test_reset_within_the_handshake),
        cmocka_unit_test(test_misuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
