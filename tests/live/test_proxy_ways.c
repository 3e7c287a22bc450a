// SPDX-License-Identifier: MIT
// Outgoing connections through HTTP and SOCKS5 proxies, below MQTT, TLS, WebSocket and both; the proxy stands
// in the same loop and checks logins. Also wss and TLS without a proxy.
#include "live/live.h"

#include <netinet/in.h>

#include "transport/wrap.h"
#include "unit/tls_ends.h"

enum { ROOM = 64 * 1024, PAYLOAD = 200000 };

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

// --- a proxy for one connection at a time ---

typedef struct relay {
    uv_tcp_t door;
    uv_tcp_t ends[2]; // the client's, the server's
    uv_connect_t request;
    int port;
    bool open;
    int connected;
    char asked[64];   // host:port that was asked for
    char login[64];   // what was given
    const char *want; // what has to be given; NULL: nothing
    int refuse;       // an HTTP status or a SOCKS reply instead of a way
    uint8_t head[4096];
    size_t len;
    int stage;
} relay;

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)handle, (void)suggested;
    *buf = uv_buf_init(malloc(ROOM), ROOM);
}

typedef struct writing {
    uv_write_t request;
    char *data;
} writing;

static void on_written(uv_write_t *request, int status)
{
    (void)status;
    free(((writing *)request)->data);
    free(request);
}

static void put(uv_tcp_t *to, const void *data, size_t len)
{
    writing *one = calloc(1, sizeof *one);
    one->data = malloc(len + 1);
    memcpy(one->data, data, len);
    uv_buf_t buf = uv_buf_init(one->data, (unsigned)len);
    if (uv_write(&one->request, (uv_stream_t *)to, &buf, 1, on_written) != 0)
        on_written(&one->request, 0);
}

static void hang_up(relay *self)
{
    for (int i = 0; i < 2; i++)
        if (!uv_is_closing((uv_handle_t *)&self->ends[i]))
            uv_close((uv_handle_t *)&self->ends[i], NULL);
}

static void on_shut(uv_shutdown_t *request, int status)
{
    (void)status;
    free(request);
}

static void on_relayed(uv_stream_t *from, ssize_t got, const uv_buf_t *buf)
{
    relay *self = from->data;
    uv_tcp_t *to = &self->ends[from == (uv_stream_t *)&self->ends[0]];
    if (got > 0) {
        put(to, buf->base, (size_t)got);
    } else if (got == UV_EOF) {
        uv_shutdown_t *request = malloc(sizeof *request);
        uv_read_stop(from);
        if (uv_shutdown(request, (uv_stream_t *)to, on_shut) != 0)
            free(request);
        if (++self->connected == 3)
            hang_up(self);
    } else if (got < 0) {
        hang_up(self);
    }
    free(buf->base);
}

static void on_way(uv_connect_t *request, int status)
{
    relay *self = request->data;
    static const char http[] = "HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n";
    static const char socks[] = "\5\0\0\1\177\0\0\1\0\1";
    assert_int_equal(status, 0);
    self->connected = 1;
    if (self->stage == 0)
        put(&self->ends[0], http, sizeof http - 1);
    else
        put(&self->ends[0], socks, sizeof socks - 1);
    uv_read_start((uv_stream_t *)&self->ends[0], on_room, on_relayed);
    uv_read_start((uv_stream_t *)&self->ends[1], on_room, on_relayed);
}

// Every name leads to this machine.
static void lead(relay *self, int port)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    name.sin_port = htons((uint16_t)port);
    uv_read_stop((uv_stream_t *)&self->ends[0]);
    self->request.data = self;
    assert_int_equal(uv_tcp_connect(&self->request, &self->ends[1], (struct sockaddr *)&name, on_way), 0);
}

static void take_http(relay *self)
{
    char host[40], login[40] = "";
    int port = 0;
    self->head[self->len] = '\0';
    if (self->len < 4 || memcmp(self->head + self->len - 4, "\r\n\r\n", 4) != 0)
        return;
    assert_int_equal(sscanf((char *)self->head, "CONNECT %39[^:]:%d HTTP/1.1\r\n", host, &port), 2);
    snprintf(self->asked, sizeof self->asked, "%s:%d", host, port);
    const char *given = strstr((char *)self->head, "Proxy-Authorization: Basic ");
    if (given)
        sscanf(given, "Proxy-Authorization: Basic %39s", login);
    snprintf(self->login, sizeof self->login, "%s", login);
    char answer[64];
    int status = self->want && strcmp(self->want, login) != 0 ? 407 : self->refuse;
    if (status == 0) {
        lead(self, port);
        return;
    }
    int len = snprintf(answer, sizeof answer, "HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n", status);
    put(&self->ends[0], answer, (size_t)len);
}

static void take_socks(relay *self)
{
    const uint8_t *head = self->head;
    if (self->stage == 1 && self->len >= 2 && self->len == 2U + head[1]) {
        bool can = head[1] == 2;
        put(&self->ends[0], !self->want ? "\5\0" : can ? "\5\2" : "\5\377", 2);
        self->stage = self->want ? 2 : 3;
        self->len = 0;
    } else if (self->stage == 2 && self->len >= 2) {
        size_t user = head[1], password = self->len > 2 + user ? head[2 + user] : 255;
        if (self->len != 3 + user + password)
            return;
        snprintf(self->login, sizeof self->login, "%.*s:%.*s", (int)user, head + 2, (int)password,
                 head + 3 + user);
        put(&self->ends[0], strcmp(self->login, self->want) == 0 ? "\1\0" : "\1\1", 2);
        self->stage = 3;
        self->len = 0;
    } else if (self->stage == 3 && self->len > 5 && head[3] == 3 && self->len == 7U + head[4]) {
        const uint8_t *behind = head + 5 + head[4];
        int port = behind[0] << 8 | behind[1];
        snprintf(self->asked, sizeof self->asked, "%.*s:%d", head[4], head + 5, port);
        const uint8_t no[] = {5, (uint8_t)self->refuse, 0, 1, 0, 0, 0, 0, 0, 0};
        if (self->refuse)
            put(&self->ends[0], no, sizeof no);
        else
            lead(self, port);
    }
}

static void on_head(uv_stream_t *from, ssize_t got, const uv_buf_t *buf)
{
    relay *self = from->data;
    if (got < 0)
        hang_up(self);
    for (ssize_t i = 0; i < got; i++) {
        assert_true(self->len < sizeof self->head - 1);
        self->head[self->len++] = (uint8_t)buf->base[i];
        if (self->len == 1 && self->head[0] == 5 && self->stage == 0)
            self->stage = 1;
        if (self->stage == 0)
            take_http(self);
        else
            take_socks(self);
    }
    free(buf->base);
}

static void on_client(uv_stream_t *door, int status)
{
    relay *self = door->data;
    assert_int_equal(status, 0);
    for (int i = 0; i < 2; i++) {
        uv_tcp_init(door->loop, &self->ends[i]);
        self->ends[i].data = self;
    }
    assert_int_equal(uv_accept(door, (uv_stream_t *)&self->ends[0]), 0);
    uv_read_start((uv_stream_t *)&self->ends[0], on_room, on_head);
    uv_close((uv_handle_t *)&self->door, NULL);
}

static void relay_start(relay *self, uv_loop_t *loop)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int len = sizeof name;
    uv_tcp_init(loop, &self->door);
    self->door.data = self;
    assert_int_equal(uv_tcp_bind(&self->door, (struct sockaddr *)&name, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&self->door, 1, on_client), 0);
    assert_int_equal(uv_tcp_getsockname(&self->door, (struct sockaddr *)&name, &len), 0);
    self->port = ntohs(name.sin_port);
}

// --- conversations ---

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

static const struct {
    const char *scheme;
    bool tls, websocket;
} streams[] = {{"mqtt", false, false}, {"mqtts", true, false}, {"ws", false, true}, {"wss", true, true}};

static const struct {
    const char *proxy; // %d: its port; NULL: none
    const char *want;
} proxies[] = {{NULL, NULL},
               {"http://127.0.0.1:%d", NULL},
               {"http://me:secret@127.0.0.1:%d/", "bWU6c2VjcmV0"},
               {"socks5://127.0.0.1:%d", NULL},
               {"socks5h://me:secret@127.0.0.1:%d", "me:secret"}};

static void check_facts(const side *one, bool tls, bool websocket)
{
    mqw_stream_facts facts = {.size = sizeof facts};
    assert_int_equal(mqw_stream_facts_of(mqw_conn_stream(one->conn), &facts), 0);
    assert_int_equal(facts.tls_version[0] != '\0', tls);
    assert_string_equal(facts.tls_alpn, !tls ? "" : websocket ? "http/1.1" : "mqtt");
    assert_string_equal(facts.ws_protocol, websocket ? "mqtt" : "");
}

static void converse(size_t stream, size_t proxy)
{
    testbed live;
    hosting host;
    relay between = {.want = proxies[proxy].want};
    char address[160], through[80], expected[40];
    side ends[2] = {{.act = leave_at_echo}, {.act = echo}};
    bool tls = streams[stream].tls, websocket = streams[stream].websocket;
    mqw_open_options ours = {.size = sizeof ours, .tls = tls ? client_tls : NULL};
    const mqw_open_options theirs = {.size = sizeof theirs, .tls = tls ? server_tls : NULL};
    live_start(&live);
    snprintf(address, sizeof address, "%s://127.0.0.1:0", streams[stream].scheme);
    host_listen(&host, &live, address, &theirs, &ends[1], 1);
    const char *port = strrchr(host.address, ':');
    if (proxies[proxy].proxy) {
        relay_start(&between, &live.loop);
        snprintf(through, sizeof through, proxies[proxy].proxy, between.port);
        ours.proxy = through;
    }
    snprintf(address, sizeof address, "%s://localhost%s", streams[stream].scheme, port);
    if (!proxies[proxy].proxy)
        snprintf(address, sizeof address, "%s://127.0.0.1%s", streams[stream].scheme, port);
    end_open(&ends[0], &live, address, &ours);
    memset(through, 'x', sizeof through - 1); // it was copied
    live_until(&live, (ends[0].connected && ends[1].connected) || ends[0].errors);
    if (ends[0].errors)
        fail_msg("%s: %s", address, ends[0].words);
    check_facts(&ends[0], tls, websocket);
    check_facts(&ends[1], tls, websocket);
    send_connect(&ends[0], "c");
    send_publish(&ends[0], payload, sizeof payload);
    live_until(&live, ends[0].closes && ends[1].closes);
    assert_int_equal(ends[0].errors + ends[1].errors, 0);
    assert_int_equal(ends[0].payload, sizeof payload);
    assert_int_equal(ends[1].heard[MQW_DISCONNECT], 1);
    if (proxies[proxy].proxy) {
        snprintf(expected, sizeof expected, "localhost%s", port);
        assert_string_equal(between.asked, expected);
        assert_string_equal(between.login, proxies[proxy].want ? proxies[proxy].want : "");
    }
    host_close(&host, false);
    live_end(&live);
}

static void test_every_stream_through_every_proxy(void **state)
{
    (void)state;
    for (size_t stream = 0; stream < sizeof streams / sizeof streams[0]; stream++)
        for (size_t proxy = 0; proxy < sizeof proxies / sizeof proxies[0]; proxy++)
            converse(stream, proxy);
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *proxy, *want;
        int refuse;
        const char *words;
    } refusals[] = {
        {"http://127.0.0.1:%d", "bWU6c2VjcmV0", 0, " refuses: 407 No; it wants a user and a password"},
        {"http://me:wrong@127.0.0.1:%d", "bWU6c2VjcmV0", 0,
         " refuses: 407 No; it wants a user and a password"},
        {"http://127.0.0.1:%d", NULL, 502, " refuses: 502 No; it cannot reach the server"},
        {"socks5://127.0.0.1:%d", "me:secret", 0, " wants a login"},
        {"socks5://me:wrong@127.0.0.1:%d", "me:secret", 0, " does not accept this user or password"},
        {"socks5://127.0.0.1:%d", NULL, 5, ": server refuses the proxy's connection"},
    };
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        testbed live;
        relay between = {.want = refusals[i].want, .refuse = refusals[i].refuse};
        side one = {.quiet = true};
        char through[80], words[96];
        live_start(&live);
        relay_start(&between, &live.loop);
        snprintf(through, sizeof through, refusals[i].proxy, between.port);
        snprintf(words, sizeof words, "proxy 127.0.0.1:%d%s", between.port, refusals[i].words);
        const mqw_open_options ours = {.size = sizeof ours, .proxy = through};
        end_open(&one, &live, "ws://broker.invalid", &ours);
        live_until(&live, one.closes);
        live_end(&live);
        assert_string_equal(one.log, "error close ");
        if (strncmp(one.words, words, strlen(words)) != 0)
            fail_msg("says '%s'", one.words);
    }
}

// A socket on a port of its own, where nobody listens yet.
static int bind_port(int *port)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof name;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &len), 0);
    *port = ntohs(name.sin_port);
    return fd;
}

static void test_no_proxy_there(void **state)
{
    (void)state;
    testbed live;
    side one = {.quiet = true};
    int port;
    char through[80], words[80];
    live_start(&live);
    int fd = bind_port(&port);
    snprintf(through, sizeof through, "http://me:secret@127.0.0.1:%d", port);
    snprintf(words, sizeof words, "proxy 127.0.0.1:%d: connection refused", port);
    const mqw_open_options ours = {.size = sizeof ours, .proxy = through};
    end_open(&one, &live, "mqtt://broker.invalid", &ours);
    live_until(&live, one.closes);
    assert_string_equal(one.words, words);
    close(fd);
    live_end(&live);
}

// Once it has answered, what fails is not the proxy's; before, it is.
static void test_a_reset_before_and_after_the_answer(void **state)
{
    (void)state;
    static const char answer[] = "HTTP/1.1 200 OK\r\n\r\n";
    const struct linger reset = {.l_onoff = 1};
    for (int answered = 0; answered < 2; answered++) {
        testbed live;
        side one = {.quiet = true};
        int port, peer;
        char through[80], words[96], head[1024];
        live_start(&live);
        int fd = bind_port(&port);
        assert_int_equal(listen(fd, 1), 0);
        snprintf(through, sizeof through, "http://127.0.0.1:%d", port);
        const mqw_open_options ours = {.size = sizeof ours, .proxy = through};
        end_open(&one, &live, "mqtt://broker.invalid", &ours);
        live_until(&live, (peer = accept(fd, NULL, NULL)) >= 0);
        live_until(&live, recv(peer, head, sizeof head, MSG_DONTWAIT) > 0);
        if (answered) {
            assert_int_equal(send(peer, answer, sizeof answer - 1, 0), sizeof answer - 1);
            live_until(&live, one.connected);
        }
        setsockopt(peer, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        close(peer);
        live_until(&live, one.closes);
        snprintf(words, sizeof words, "proxy 127.0.0.1:%d ended before it had answered", port);
        assert_string_equal(one.words, answered ? "connection reset by peer" : words);
        close(fd);
        live_end(&live);
    }
}

// A default port is that of TLS where TLS was asked for.
static void test_default_ports(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        unsigned with_tls, without;
        bool takes_tls;
    } ports[] = {{"h", 8883, 1883, true},
                 {"h:1883", 1883, 1883, true},
                 {"mqtt://h", 1883, 1883, false},
                 {"ws://h", 80, 80, false}};
    testbed live;
    live_start(&live);
    for (size_t i = 0; i < sizeof ports / sizeof ports[0]; i++) {
        for (int tls = 0; tls < 2; tls++) {
            mqw__address address;
            mqw__wrap wrap;
            const mqw_open_options options = {.size = sizeof options, .tls = tls ? client_tls : NULL};
            mqw__loop *loop = mqw__loop_use(&live.loop);
            assert_int_equal(mqw__address_read(&address, ports[i].address), 0);
            assert_int_equal(mqw__wrap_set(&wrap, MQW_CLIENT, loop, &address, &options), 0);
            assert_int_equal(address.port, tls ? ports[i].with_tls : ports[i].without);
            assert_int_equal(wrap.tls != NULL, tls && ports[i].takes_tls);
            mqw__wrap_clear(&wrap);
            mqw__loop_drop(loop);
        }
    }
    live_end(&live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_stream_through_every_proxy),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_no_proxy_there),
        cmocka_unit_test(test_a_reset_before_and_after_the_answer),
        cmocka_unit_test(test_default_ports),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
