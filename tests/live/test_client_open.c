// SPDX-License-Identifier: MIT
// Options of streams that cannot work are refused when a client is made; what fails later is said in words
// that name what has failed: the proxy, or what the system says.
#include <mqwire/client.h>

#include <netinet/in.h>

#include "live.h"
#include "unit/tls_ends.h"

// ---- refused at once ----

static void is_refused(const char *address, const mqw_open_options *open, int result)
{
    testbed live;
    mqw_client *client = NULL;
    mqw_conn *conn = NULL;
    const mqw_client_options options = {.size = sizeof options, .address = address, .open = open};
    live_start(&live);
    assert_int_equal(mqw_client_open(&client, &live.loop, &options), result);
    assert_null(client);
    if (!strchr(address, ' '))
        assert_int_equal(mqw_conn_open(&conn, &live.loop, address, open, NULL, NULL), result);
    live_end(&live);
}

static void options_that_cannot_work(void **state)
{
    (void)state;
    mqw_tls *tls = server_with("server.pem");
    const mqw_open_options for_servers = {.size = sizeof for_servers, .tls = tls};
    is_refused("mqtts://localhost", &for_servers, MQW_E_MISUSE);
    is_refused("unix:/nobody", &for_servers, MQW_E_MISUSE);
    mqw_tls_free(tls);
    const mqw_websocket_options web = {.size = sizeof web, .headers = "nonsense"};
    const mqw_open_options headers = {.size = sizeof headers, .websocket = &web};
    is_refused("ws://localhost", &headers, MQW_E_MISUSE);
    is_refused("unix:/nobody", &headers, MQW_E_MISUSE);
    const mqw_open_options proxy = {.size = sizeof proxy, .proxy = "ftp://a"};
    is_refused("localhost", &proxy, MQW_E_ADDRESS);
    const mqw_open_options bound = {.size = sizeof bound, .bind = "localhost"};
    is_refused("localhost", &bound, MQW_E_ADDRESS);
    is_refused("localhost:0", NULL, MQW_E_ADDRESS);
    is_refused("*", NULL, MQW_E_ADDRESS);
    is_refused("tty:/dev/null,12345", NULL, MQW_E_ADDRESS);
    is_refused("mqtt://localhost ws://localhost", &headers, MQW_E_MISUSE); // one of several
}

// ---- words ----

typedef struct program {
    mqw_client *client;
    char words[200];
    int result;
    int closes;
} program;

static void on_lost(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    program *self = ctx;
    const mqw_client_goodbye now = {.size = sizeof now, .now = true};
    snprintf(self->words, sizeof self->words, "%s", failure->words);
    self->result = failure->result;
    mqw_client_close(client, &now);
}

static void on_close(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    (void)client, (void)failure;
    ((program *)ctx)->closes++;
}

static void runs(program *self, testbed *live, const char *address, const mqw_open_options *open)
{
    const mqw_client_options options = {
        .size = sizeof options,
        .address = address,
        .open = open,
        .ctx = self,
        .handlers = {.size = sizeof options.handlers, .on_lost = on_lost, .on_close = on_close}};
    memset(self, 0, sizeof *self);
    assert_int_equal(mqw_client_open(&self->client, &live->loop, &options), 0);
    live_until(live, self->closes);
    assert_int_equal(self->result, MQW_E_STREAM);
}

static void fails_with(const char *address, const char *words)
{
    testbed live;
    program self;
    live_start(&live);
    runs(&self, &live, address, NULL);
    assert_string_equal(self.words, words);
    live_end(&live);
}

static void what_fails_at_once(void **state)
{
    (void)state;
    fails_with("tty:/no/such/line", "no such file or directory");
    fails_with("tty:/dev/null", "inappropriate ioctl for device");
    fails_with("fd:9999", "bad file descriptor");
    fails_with("unix:/no/such/path", "no such file or directory");
}

// A socket on a port of its own; with `backlog` it listens, and nobody answers.
static int door(char *address, size_t cap, const char *scheme, bool listens)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof name;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &len), 0);
    if (listens)
        assert_int_equal(listen(fd, 8), 0);
    snprintf(address, cap, "%s127.0.0.1:%d", scheme, ntohs(name.sin_port));
    return fd;
}

// The failure is the proxy's until it has answered, and the words say so.
static void a_proxy_that_is_not_there_is_named(void **state)
{
    static const char *const schemes[] = {"http://", "socks5h://me:hidden@"};
    (void)state;
    for (int i = 0; i < 4; i++) {
        testbed live;
        program self;
        char proxy[80], words[120];
        const char *scheme = schemes[i & 1];
        bool listens = i > 1;
        live_start(&live);
        int fd = door(proxy, sizeof proxy, scheme, listens);
        const mqw_open_options open = {
            .size = sizeof open, .proxy = proxy, .connect_timeout = listens ? 50 : 0};
        runs(&self, &live, "mqtts://broker.invalid", &open);
        snprintf(words, sizeof words, "proxy %s: %s", proxy + strlen(scheme),
                 listens ? "connection timed out" : "connection refused");
        assert_string_equal(self.words, words);
        close(fd);
        live_end(&live);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_that_cannot_work),
        cmocka_unit_test(what_fails_at_once),
        cmocka_unit_test(a_proxy_that_is_not_there_is_named),
    };
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
