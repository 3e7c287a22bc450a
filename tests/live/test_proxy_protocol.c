// SPDX-License-Identifier: MIT
// Listeners behind a load balancer that speaks the PROXY protocol.
#include <arpa/inet.h>
#include <netinet/in.h>

#include "live/live.h"

#define SAID "\x10\x0c\0\4MQTT\4\2\0\0\0\0\xe0\0"

typedef struct sample {
    const char *bytes;
    size_t len;
    const char *peer; // "": that of the socket
    const char *local;
} sample;

#define S(text, peer, local)                          \
    {                                                 \
        text SAID, sizeof(text SAID) - 1, peer, local \
    }

static const sample samples[] = {
    S("PROXY TCP4 192.0.2.1 198.51.100.7 56324 1883\r\n", "tcp://192.0.2.1:56324", "tcp://198.51.100.7:1883"),
    S("PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n", "tcp://[2001:db8::1]:1", "tcp://[2001:db8::2]:2"),
    S("PROXY UNKNOWN\r\n", "", ""),
    S("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x07\xdc\x04\x07\x5b",
      "tcp://192.0.2.1:56324", "tcp://198.51.100.7:1883"),
    S("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", "", ""),
};

typedef struct seen {
    char peer[120];
    char local[120];
} seen;

static void look(side *end, const char *event, const mqw_packet *packet)
{
    seen *all = end->more;
    mqw_stream_facts facts = {.size = sizeof facts};
    (void)packet;
    if (strcmp(event, "connect") != 0)
        return;
    assert_int_equal(mqw_stream_facts_of(mqw_conn_stream(end->conn), &facts), 0);
    strcpy(all->peer, facts.peer);
    strcpy(all->local, facts.local);
}

static int plain_connect(const char *address)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    name.sin_port = htons((uint16_t)atoi(strrchr(address, ':') + 1));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

static const mqw_open_options behind = {.size = sizeof behind, .proxy_protocol = true, .linger = 1};

// Cut into two at each byte: the client's address is known before its first packet is heard.
static void test_headers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        for (size_t cut = 0; cut <= samples[i].len; cut++) {
            testbed live;
            hosting host;
            seen all = {.peer = ""};
            side peer = {.act = look, .more = &all};
            char room[64];
            live_start(&live);
            host_listen(&host, &live, "127.0.0.1:0", &behind, &peer, 1);
            int fd = plain_connect(host.address);
            assert_int_equal(send(fd, samples[i].bytes, cut, MSG_NOSIGNAL), (ssize_t)cut);
            live_until(&live, host.count);
            for (int turns = 0; turns < 3; turns++)
                uv_run(&live.loop, UV_RUN_NOWAIT);
            assert_true(peer.connected == 0 || cut >= samples[i].len - sizeof SAID + 1);
            size_t rest = samples[i].len - cut;
            if (peer.conn)
                assert_int_equal(send(fd, samples[i].bytes + cut, rest, MSG_NOSIGNAL), (ssize_t)rest);
            live_until(&live, plain_read(fd, room, sizeof room) == 4);
            live_until(&live, plain_read(fd, room, sizeof room) == 0);
            close(fd);
            live_until(&live, peer.closes);
            assert_string_equal(peer.log, "accepted connected connect disconnect close ");
            if (samples[i].peer[0])
                assert_string_equal(all.peer, samples[i].peer);
            else
                assert_memory_equal(all.peer, "tcp://127.0.0.1:", 16);
            assert_string_equal(all.local, samples[i].local[0] ? samples[i].local : host.address);
            host_close(&host, false);
            live_end(&live);
        }
    }
}

static void fails(const char *said, size_t len, bool ends, const char *words)
{
    testbed live;
    hosting host;
    side peer = {.quiet = true};
    mqw_open_options options = behind;
    options.connect_timeout = 50;
    live_start(&live);
    host_listen(&host, &live, "127.0.0.1:0", &options, &peer, 1);
    int fd = plain_connect(host.address);
    assert_int_equal(send(fd, said, len, MSG_NOSIGNAL), (ssize_t)len);
    if (ends)
        shutdown(fd, SHUT_WR);
    live_until(&live, peer.closes);
    assert_string_equal(peer.log, "accepted error close ");
    assert_int_equal(peer.error.code, MQW_E_STREAM);
    assert_string_equal(peer.words, words);
    close(fd);
    host_close(&host, false);
    live_end(&live);
}

static void test_failures(void **state)
{
    (void)state;
    static const char words[] = "peer did not send a header of the PROXY protocol";
    fails(SAID, sizeof SAID - 1, false, words);
    fails("PROXY TCP5", 10, false, "connection timed out");
    fails("PROXY TCP4 1.2.3.4", 18, true, words);
    fails("", 0, true, words);
    fails("", 0, false, "connection timed out");
}

static void pause_it(side *end, const char *event, const mqw_packet *packet)
{
    (void)packet;
    if (strcmp(event, "connected") == 0)
        mqw_conn_pause(end->conn);
}

// Pausing where `connected` is heard holds back what came right behind the header.
static void test_pause_behind_the_header(void **state)
{
    (void)state;
    testbed live;
    hosting host;
    side peer = {.act = pause_it};
    char room[64];
    live_start(&live);
    host_listen(&host, &live, "127.0.0.1:0", &behind, &peer, 1);
    int fd = plain_connect(host.address);
    assert_int_equal(send(fd, samples[0].bytes, samples[0].len, MSG_NOSIGNAL), (ssize_t)samples[0].len);
    live_until(&live, peer.connected);
    for (int i = 0; i < 5; i++)
        uv_run(&live.loop, UV_RUN_NOWAIT);
    assert_string_equal(peer.log, "accepted connected ");
    mqw_conn_resume(peer.conn);
    live_until(&live, plain_read(fd, room, sizeof room) == 4);
    live_until(&live, plain_read(fd, room, sizeof room) == 0);
    close(fd);
    live_until(&live, peer.closes);
    assert_string_equal(peer.log, "accepted connected connect disconnect close ");
    host_close(&host, false);
    live_end(&live);
}

static void close_it(side *end, const char *event, const mqw_packet *packet)
{
    (void)packet;
    if (strcmp(event, (const char *)end->more) == 0)
        mqw_conn_close(end->conn);
}

static void detach_it(side *end, const char *event, const mqw_packet *packet)
{
    mqw_detached *detached = end->more;
    (void)packet;
    if (strcmp(event, "connected") == 0 && !detached->stream)
        assert_int_equal(mqw_conn_detach(end->conn, detached), 0);
}

static void test_close_before_and_behind_the_header(void **state)
{
    (void)state;
    static char *const events[] = {"accepted", "connected"};
    for (int i = 0; i < 2; i++) {
        testbed live;
        hosting host;
        side peer = {.act = close_it, .more = events[i]};
        live_start(&live);
        host_listen(&host, &live, "127.0.0.1:0", &behind, &peer, 1);
        int fd = plain_connect(host.address);
        assert_int_equal(send(fd, samples[0].bytes, samples[0].len, MSG_NOSIGNAL), (ssize_t)samples[0].len);
        live_until(&live, peer.closes);
        assert_string_equal(peer.log, i ? "accepted connected close " : "accepted close ");
        close(fd);
        host_close(&host, false);
        live_end(&live);
    }
}

// Detached where `connected` is heard: what came behind the header, and who the client is, go along.
static void test_detach_behind_the_header(void **state)
{
    (void)state;
    testbed live;
    hosting host;
    mqw_detached detached = {.stream = NULL};
    mqw_stream_facts facts = {.size = sizeof facts};
    side peer = {.act = detach_it, .more = &detached};
    char room[64];
    live_start(&live);
    host_listen(&host, &live, "127.0.0.1:0", &behind, &peer, 1);
    int fd = plain_connect(host.address);
    assert_int_equal(send(fd, samples[0].bytes, samples[0].len, MSG_NOSIGNAL), (ssize_t)samples[0].len);
    live_until(&live, detached.stream);
    assert_int_equal(detached.input_len, sizeof SAID - 1);
    assert_memory_equal(detached.input, SAID, sizeof SAID - 1);
    assert_int_equal(mqw_stream_facts_of(detached.stream, &facts), 0);
    assert_string_equal(facts.peer, samples[0].peer);
    peer.act = NULL;
    assert_int_equal(mqw_conn_adopt(peer.conn, &live.loop, &detached, &behind, NULL, NULL), 0);
    live_until(&live, plain_read(fd, room, sizeof room) == 4);
    live_until(&live, plain_read(fd, room, sizeof room) == 0);
    close(fd);
    live_until(&live, peer.closes);
    assert_string_equal(peer.log, "accepted connected connect disconnect close ");
    host_close(&host, false);
    live_end(&live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_pause_behind_the_header),
        cmocka_unit_test(test_close_before_and_behind_the_header),
        cmocka_unit_test(test_detach_behind_the_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
