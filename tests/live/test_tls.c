// SPDX-License-Identifier: MIT
// Connections through TLS over every other kind of stream: conversations, closing at any moment, words for
// what goes wrong, moving to another loop.
#include "live/live.h"

#include <errno.h>
#include <netinet/in.h>

#include <openssl/err.h>

#include "unit/tls_ends.h"

#include "transport/tls.h"

enum { TLS_PAYLOAD = 900000, PATIENCE = 100000 };

static uint8_t payload[TLS_PAYLOAD];
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

// --- ends ---

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

// `more` is where the words go, which are longer than those of a side.
static void note_words(side *one, const char *event, const mqw_packet *packet)
{
    (void)packet;
    if (strcmp(event, "error") == 0)
        snprintf(one->more, MQW__TLS_WORDS, "%s", mqw_conn_stream_error(one->conn));
}

static void pipe_one(side *one, mqw_stream *stream, mqw_role role, const mqw_open_options *options)
{
    one->conn = mqw_conn_new(role, NULL);
    assert_non_null(one->conn);
    assert_int_equal(mqw_conn_pipe(one->conn, stream, options, &end_handlers, one), 0);
}

static void converse(testbed *live, side ends[2])
{
    send_connect(&ends[0], "c");
    send_publish(&ends[0], payload, sizeof payload);
    live_until(live, ends[0].closes && ends[1].closes);
    assert_string_equal(ends[0].words, "");
    assert_string_equal(ends[1].words, "");
    assert_int_equal(ends[0].payload, sizeof payload);
    assert_int_equal(ends[1].heard[MQW_DISCONNECT], 1);
}

// --- every other stream ---

static void check_facts(const side *one, bool client)
{
    mqw_stream_facts facts = {.size = sizeof facts};
    assert_int_equal(mqw_stream_facts_of(mqw_conn_stream(one->conn), &facts), 0);
    assert_string_equal(facts.tls_version, "TLSv1.3");
    assert_string_equal(facts.tls_alpn, "mqtt");
    assert_string_equal(facts.tls_subject, client ? "O=mqwire,CN=server" : "");
}

static void test_listeners(void **state)
{
    (void)state;
    static const struct {
        const char *listens, *opens; // %s: the host and port, or the path
    } rows[] = {{"mqtts://127.0.0.1:0", "mqtts://%s"}, {"ssl://[::1]:0", "tls://%s"}, {"unix:%s", "unix:%s"}};
    const mqw_open_options ours = {.size = sizeof ours, .tls = client_tls};
    const mqw_open_options theirs = {.size = sizeof theirs, .tls = server_tls};
    const mqw_tls_options named = {.ca_file = in_certificates("ca.pem"), .server_name = "localhost"};
    mqw_tls *by_name = new_tls(MQW_CLIENT, &named);
    const mqw_open_options ours_by_name = {.size = sizeof ours, .tls = by_name};
    for (size_t i = 0; i < COUNT(rows); i++) {
        testbed live;
        hosting host;
        char address[256], path[100];
        side ends[2] = {{.act = leave_at_echo}, {.act = echo}};
        live_start(&live);
        snprintf(path, sizeof path, "%s/socket", certificates);
        snprintf(address, sizeof address, rows[i].listens, path);
        host_listen(&host, &live, address, &theirs, &ends[1], 1);
        snprintf(address, sizeof address, rows[i].opens, i == 2 ? path : host.address + strlen("tcp://"));
        end_open(&ends[0], &live, address, i == 2 ? &ours_by_name : &ours);
        live_until(&live, ends[0].connected && ends[1].connected);
        check_facts(&ends[0], true);
        check_facts(&ends[1], false);
        converse(&live, ends);
        host_close(&host, false);
        live_end(&live);
    }
    mqw_tls_free(by_name);
}

static void put_tls(mqw_stream *streams[2])
{
    assert_int_equal(mqw_stream_tls(streams[0], client_tls, "localhost"), 0);
    assert_int_equal(mqw_stream_tls(streams[1], server_tls, NULL), 0);
}

static void test_pair(void **state)
{
    (void)state;
    testbed live;
    side ends[2] = {{.act = leave_at_echo}, {.act = echo}};
    mqw_stream *streams[2];
    live_start(&live);
    assert_int_equal(mqw_stream_pair(streams, &live.loop), 0);
    put_tls(streams);
    pipe_one(&ends[0], streams[0], MQW_CLIENT, NULL);
    pipe_one(&ends[1], streams[1], MQW_SERVER, NULL);
    converse(&live, ends);
    live_end(&live);
}

static void socket_streams(mqw_stream *streams[2], testbed *live)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(mqw_stream_descriptor(&streams[i], &live->loop, fds[i], fds[i]), 0);
}

static void test_descriptor(void **state)
{
    (void)state;
    testbed live;
    side ends[2] = {{.act = leave_at_echo}, {.act = echo}};
    mqw_stream *streams[2];
    live_start(&live);
    socket_streams(streams, &live);
    put_tls(streams);
    pipe_one(&ends[0], streams[0], MQW_CLIENT, NULL);
    pipe_one(&ends[1], streams[1], MQW_SERVER, NULL);
    converse(&live, ends);
    live_end(&live);
}

// A stream of the program's own: each end holds what the other has written, a little at a time.
typedef struct own {
    struct own *peer;
    mqw_stream *stream;
    uint8_t held[5000];
    size_t from, to;
    bool shut;
} own;

static int own_read(void *self, uint8_t *room, size_t cap)
{
    own *me = self;
    size_t len = me->to - me->from < cap ? me->to - me->from : cap;
    if (len == 0)
        return me->peer->shut ? 0 : MQW_E_AGAIN;
    memcpy(room, me->held + me->from, len);
    me->from += len;
    if (me->peer->stream)
        mqw_stream_ready(me->peer->stream, MQW_WRITABLE);
    return (int)len;
}

static int own_write(void *self, const mqw_bytes *views, int count)
{
    own *to = ((own *)self)->peer;
    (void)count;
    if (to->from == to->to)
        to->from = to->to = 0;
    size_t len = sizeof to->held - to->to < views[0].len ? sizeof to->held - to->to : views[0].len;
    if (len == 0)
        return MQW_E_AGAIN;
    memcpy(to->held + to->to, views[0].data, len);
    to->to += len;
    if (to->stream)
        mqw_stream_ready(to->stream, MQW_READABLE);
    return (int)len;
}

static void own_shut(void *self)
{
    own *me = self;
    me->shut = true;
    if (me->peer->stream)
        mqw_stream_ready(me->peer->stream, MQW_READABLE);
}

static void own_close(void *self)
{
    own_shut(self);
    ((own *)self)->stream = NULL;
}

static void test_custom(void **state)
{
    (void)state;
    static const mqw_stream_ops ops = {
        .size = sizeof ops, .read = own_read, .write = own_write, .shut = own_shut, .close = own_close};
    static own both[2];
    testbed live;
    side ends[2] = {{.act = leave_at_echo}, {.act = echo}};
    mqw_stream *streams[2];
    live_start(&live);
    for (int i = 0; i < 2; i++) {
        both[i].peer = &both[1 - i];
        assert_int_equal(mqw_stream_custom(&streams[i], &live.loop, &ops, &both[i]), 0);
        both[i].stream = streams[i];
    }
    put_tls(streams);
    pipe_one(&ends[0], streams[0], MQW_CLIENT, NULL);
    pipe_one(&ends[1], streams[1], MQW_SERVER, NULL);
    converse(&live, ends);
    live_end(&live);
}

static void test_misuse(void **state)
{
    (void)state;
    testbed live;
    mqw_stream *streams[2];
    side one = {.quiet = true};
    live_start(&live);
    assert_int_equal(mqw_stream_pair(streams, &live.loop), 0);
    assert_int_equal(mqw_stream_tls(NULL, client_tls, "localhost"), MQW_E_MISUSE);
    assert_int_equal(mqw_stream_tls(streams[0], NULL, "localhost"), MQW_E_MISUSE);
    assert_int_equal(mqw_stream_tls(streams[0], client_tls, NULL), MQW_E_MISUSE); // no name to verify
    pipe_one(&one, streams[0], MQW_CLIENT, NULL);
    assert_int_equal(mqw_stream_tls(streams[0], client_tls, "localhost"),
                     MQW_E_MISUSE); // it has a connection
    mqw_conn_abort(one.conn);
    mqw_stream_close(streams[1]);
    live_end(&live);
}

// --- closing ---

// Closing right after the last word, before there was a handshake: the word arrives.
static void test_close_before_the_handshake(void **state)
{
    (void)state;
    testbed live;
    side ends[2] = {{.quiet = true}, {.quiet = false}};
    mqw_stream *streams[2];
    live_start(&live);
    socket_streams(streams, &live);
    put_tls(streams);
    pipe_one(&ends[0], streams[0], MQW_CLIENT, NULL);
    pipe_one(&ends[1], streams[1], MQW_SERVER, NULL);
    send_connect(&ends[0], "c");
    send_publish(&ends[0], payload, sizeof payload);
    assert_int_equal(mqw_conn_disconnect(ends[0].conn, NULL), 0);
    mqw_conn_close(ends[0].conn);
    live_end(&live);
    assert_string_equal(ends[0].log, "close ");
    assert_string_equal(ends[1].log, "connected connect publish disconnect close ");
    assert_int_equal(ends[1].payload, sizeof payload);
}

// A peer that is OpenSSL by itself, on a descriptor.
typedef struct other {
    SSL_CTX *ctx;
    SSL *ssl;
    int fd;
} other;

static const mqw_open_options patient = {
    .size = sizeof patient, .linger = PATIENCE, .close_timeout = PATIENCE, .connect_timeout = PATIENCE};

static void open_other(other *peer, side *one, testbed *live)
{
    int fds[2];
    mqw_stream *stream = NULL;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    assert_int_equal(mqw_stream_descriptor(&stream, &live->loop, fds[0], fds[0]), 0);
    assert_int_equal(mqw_stream_tls(stream, server_tls, NULL), 0);
    pipe_one(one, stream, MQW_SERVER, &patient);
    peer->fd = fds[1];
    peer->ctx = SSL_CTX_new(TLS_client_method());
    peer->ssl = SSL_new(peer->ctx);
    SSL_set_fd(peer->ssl, fds[1]);
    while (SSL_connect(peer->ssl) != 1)
        uv_run(&live->loop, UV_RUN_NOWAIT);
    live_until(live, one->connected);
}

static void close_other(other *peer)
{
    SSL_free(peer->ssl);
    SSL_CTX_free(peer->ctx);
    close(peer->fd);
    ERR_clear_error();
}

// Reads until the goodbye of the other end; how much came before it.
static size_t read_to_goodbye(other *peer, testbed *live)
{
    static uint8_t room[65536];
    size_t total = 0;
    for (;;) {
        int got = SSL_read(peer->ssl, room, sizeof room);
        if (got > 0)
            total += (size_t)got;
        else if (SSL_get_error(peer->ssl, got) == SSL_ERROR_ZERO_RETURN)
            return total;
        else
            assert_int_equal(SSL_get_error(peer->ssl, got), SSL_ERROR_WANT_READ);
        uv_run(&live->loop, UV_RUN_NOWAIT);
    }
}

// We close first. The peer answers with its goodbye, and leaves the stream below open: that is its end, and
// is not waited for any longer.
static void test_goodbye_is_the_end(void **state)
{
    (void)state;
    testbed live;
    other peer;
    side one = {.quiet = true};
    live_start(&live);
    open_other(&peer, &one, &live);
    mqw_conn_close(one.conn);
    assert_int_equal(read_to_goodbye(&peer, &live), 0);
    assert_int_equal(one.closes, 0);
    SSL_shutdown(peer.ssl);
    live_until(&live, one.closes);
    close_other(&peer);
    live_end(&live);
    assert_string_equal(one.log, "connected close ");
}

// The peer ends while much is still queued: it gets all of it.
static void test_goodbye_while_flushing(void **state)
{
    (void)state;
    testbed live;
    other peer;
    side one = {.quiet = true};
    live_start(&live);
    open_other(&peer, &one, &live);
    uint8_t connect[64];
    const mqw_packet hello = {.type = MQW_CONNECT,
                              .connect = {.version = 4, .clean_start = true, .client_id = MQW_TEXT("c")}};
    size_t len = image_of(connect, sizeof connect, 4, &hello);
    assert_int_equal(SSL_write(peer.ssl, connect, (int)len), (int)len);
    live_until(&live, one.heard[MQW_CONNECT]);
    assert_int_equal(mqw_conn_connack(one.conn, &(mqw_connack){0}), 0);
    send_publish(&one, payload, sizeof payload);
    mqw_conn_close(one.conn);
    for (int i = 0; i < 20; i++)
        uv_run(&live.loop, UV_RUN_NOWAIT);
    // What comes now is not for the program, but TLS goes on: new keys, and at last the goodbye.
    assert_int_equal(SSL_key_update(peer.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
    assert_int_equal(SSL_write(peer.ssl, "\xc0", 2), 2);
    SSL_shutdown(peer.ssl);
    size_t total = read_to_goodbye(&peer, &live);
    assert_true(total > sizeof payload);
    live_until(&live, one.closes);
    close_other(&peer);
    live_end(&live);
    assert_int_equal(one.heard[MQW_PINGREQ], 0);
    assert_int_equal(one.errors, 0);
}

// --- words ---

// Both ends fail, or one; what each says.
static void fail_with(mqw_tls *ours, mqw_tls *theirs, const char *client_words, const char *server_words)
{
    testbed live;
    hosting host;
    char words[2][MQW__TLS_WORDS] = {"", ""};
    side ends[2] = {{.act = note_words, .more = words[0]}, {.act = note_words, .more = words[1]}};
    const mqw_open_options client = {.size = sizeof client, .tls = ours, .linger = 1000};
    const mqw_open_options server = {.size = sizeof server, .tls = theirs, .linger = 1000};
    char address[160];
    live_start(&live);
    host_listen(&host, &live, theirs ? "mqtts://127.0.0.1:0" : "mqtt://127.0.0.1:0", &server, &ends[1], 1);
    snprintf(address, sizeof address, "%s://%s", ours ? "mqtts" : "mqtt", host.address + strlen("tcp://"));
    end_open(&ends[0], &live, address, &client);
    send_connect(&ends[0], "c");
    live_until(&live, ends[0].closes && ends[1].closes);
    host_close(&host, false);
    live_end(&live);
    assert_string_equal(words[0], client_words);
    assert_string_equal(words[1], server_words);
    assert_int_equal(ends[0].error.code, MQW_E_STREAM);
    assert_int_equal(ends[1].error.code, MQW_E_STREAM);
}

static void test_plain_on_the_wrong_port(void **state)
{
    (void)state;
    fail_with(NULL, server_tls, "peer speaks TLS; use mqtts://",
              "client speaks MQTT without TLS, but this port is for TLS (connect with mqtts://)");
    fail_with(client_tls, NULL,
              "127.0.0.1 has closed the connection without an answer in TLS (is this port for TLS?)",
              "peer speaks TLS; this port is for plain MQTT, TLS needs a mqtts listener");
}

// The one that refuses tells the other why: its alert arrives though the connection is closed at once.
static void test_alerts_arrive(void **state)
{
    (void)state;
    for (int newer = 0; newer < 2; newer++) {
        const uint16_t version = newer ? TLS1_3_VERSION : TLS1_2_VERSION;
        const mqw_tls_options strict = {.certificate_file = in_certificates("both.pem"),
                                        .ca_file = in_certificates("ca.pem"),
                                        .client_certificate = MQW_TLS_REQUIRED,
                                        .max_version = version};
        mqw_tls *demanding = new_tls(MQW_SERVER, &strict), *expired = server_with("expired.pem");
        fail_with(client_tls, demanding, "server demands a client certificate (give certificate and key)",
                  "client gave no certificate, but one is demanded here");
        const mqw_tls_options older = {.ca_file = in_certificates("stranger.pem"), .max_version = version};
        mqw_tls *stranger = new_tls(MQW_CLIENT, &older);
        fail_with(stranger, server_tls,
                  "certificate of 127.0.0.1 is from the unknown CA \"Test CA\" (give that CA as CA file)",
                  "client does not know the CA of our certificate (it has to be given that CA)");
        mqw_tls_free(demanding);
        mqw_tls_free(expired);
        mqw_tls_free(stranger);
    }
}

// --- moving ---

static void move_on(side *one, const char *event, const mqw_packet *packet)
{
    mqw_detached detached;
    (void)packet;
    if (strcmp(event, "pingreq") != 0)
        return;
    assert_int_equal(mqw_conn_detach(one->conn, &detached), 0);
    assert_int_equal(mqw_detached_descriptor(&detached), -1);
    assert_int_equal(mqw_conn_adopt(one->conn, one->more, &detached, NULL, NULL, NULL), 0);
}

static void pause_each(side *one, const char *event, const mqw_packet *packet)
{
    (void)packet;
    if (strcmp(event, "pingreq") == 0)
        mqw_conn_pause(one->conn);
}

// Detached, or paused, at each packet of many: none is lost.
static void test_interrupted(void **state)
{
    (void)state;
    enum { PINGS = 100 };
    for (int paused = 0; paused < 2; paused++) {
        testbed live;
        side ends[2] = {{.quiet = false}, {.act = paused ? pause_each : move_on}};
        mqw_stream *streams[2];
        live_start(&live);
        ends[1].more = &live.loop;
        socket_streams(streams, &live);
        put_tls(streams);
        pipe_one(&ends[0], streams[0], MQW_CLIENT, NULL);
        pipe_one(&ends[1], streams[1], MQW_SERVER, NULL);
        send_connect(&ends[0], "c");
        live_until(&live, ends[0].heard[MQW_CONNACK]);
        for (int i = 0; i < PINGS; i++)
            assert_int_equal(mqw_conn_pingreq(ends[0].conn), 0);
        assert_int_equal(mqw_conn_disconnect(ends[0].conn, NULL), 0);
        for (int i = 1; i <= PINGS; i++) {
            live_until(&live, ends[1].heard[MQW_PINGREQ] >= i);
            if (paused) {
                assert_int_equal(ends[1].heard[MQW_PINGREQ], i);
                mqw_conn_resume(ends[1].conn);
            }
        }
        live_end(&live);
        assert_int_equal(ends[1].heard[MQW_DISCONNECT], 1);
        assert_int_equal(ends[0].errors + ends[1].errors, 0);
    }
}

static void answer(side *one, const char *event, const mqw_packet *packet)
{
    (void)packet;
    if (strcmp(event, "pingreq") == 0)
        assert_int_equal(mqw_conn_pingresp(one->conn), 0);
}

// A reload while connections are there: they go on, and new ones see the new certificate.
static void test_reload(void **state)
{
    (void)state;
    testbed live;
    hosting host;
    char path[128], command[400], address[160];
    side ends[4] = {{.quiet = false}, {.quiet = false}, {.act = answer}, {.act = answer}};
    live_start(&live);
    snprintf(path, sizeof path, "%s/reload.pem", certificates);
    snprintf(command, sizeof command, "cp %s/server.pem %s", certificates, path);
    assert_int_equal(system(command), 0); // NOLINT: paths of ours
    const mqw_tls_options options = {.certificate_file = path, .key_file = in_certificates("key.pem")};
    mqw_tls *server = new_tls(MQW_SERVER, &options);
    const mqw_open_options theirs = {.size = sizeof theirs, .tls = server},
                           ours = {.size = sizeof ours, .tls = client_tls};
    host_listen(&host, &live, "mqtts://127.0.0.1:0", &theirs, &ends[2], 2);
    snprintf(address, sizeof address, "mqtts://%s", host.address + strlen("tcp://"));
    for (int i = 0; i < 2; i++) {
        mqw_stream_facts facts = {.size = sizeof facts};
        end_open(&ends[i], &live, address, &ours);
        send_connect(&ends[i], "c");
        live_until(&live, ends[i].heard[MQW_CONNACK]);
        assert_int_equal(mqw_stream_facts_of(mqw_conn_stream(ends[i].conn), &facts), 0);
        assert_string_equal(facts.tls_subject, i ? "O=mqwire,CN=second" : "O=mqwire,CN=server");
        snprintf(command, sizeof command, "cp %s/second.pem %s", certificates, path);
        assert_int_equal(system(command), 0); // NOLINT: paths of ours
        assert_int_equal(mqw_tls_reload(server, NULL, 0), 0);
        // A client that has its session goes on with it, old certificate and all, so it is made to forget.
        assert_int_equal(mqw_tls_reload(client_tls, NULL, 0), 0);
        assert_int_equal(mqw_conn_pingreq(ends[0].conn), 0);
        live_until(&live, ends[0].heard[MQW_PINGRESP] == i + 1);
    }
    mqw_conn_close(ends[0].conn);
    mqw_conn_close(ends[1].conn);
    host_close(&host, false);
    live_end(&live);
    mqw_tls_free(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_listeners),
        cmocka_unit_test(test_pair),
        cmocka_unit_test(test_descriptor),
        cmocka_unit_test(test_custom),
        cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_close_before_the_handshake),
        cmocka_unit_test(test_goodbye_is_the_end),
        cmocka_unit_test(test_goodbye_while_flushing),
        cmocka_unit_test(test_plain_on_the_wrong_port),
        cmocka_unit_test(test_alerts_arrive),
        cmocka_unit_test(test_interrupted),
        cmocka_unit_test(test_reload),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
