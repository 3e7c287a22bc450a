// SPDX-License-Identifier: MIT
// Names that stand for several addresses, for none, or that take their time: with a look-up of the test's own
// in place of libuv's, so that no test depends on what a machine knows.
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>

#include "live/live.h"

// --- the look-up ---

static const struct {
    const char *name;
    const char *addresses[3]; // in the order of the answer; none: the name is not known
    unsigned after;           // milliseconds
} known[] = {
    {"six-four.test", {"::1", "127.0.0.1"}, 0},
    {"four-six.test", {"127.0.0.1", "::1"}, 0},
    {"slow.test", {"127.0.0.1"}, 40},
    {"none.test", {NULL}, 0},
};

typedef struct lookup {
    uv_timer_t timer;
    uv_getaddrinfo_t *request;
    uv_getaddrinfo_cb cb;
    struct addrinfo *found;
    int status;
} lookup;

static lookup *running;

static void forget(uv_handle_t *handle)
{
    free(handle);
}

static void answer(uv_timer_t *timer)
{
    lookup *self = (lookup *)timer;
    running = NULL;
    self->cb(self->request, self->status, self->status ? NULL : self->found);
    if (self->status && self->found)
        freeaddrinfo(self->found);
    uv_close((uv_handle_t *)timer, forget);
}

static struct addrinfo *address_of(const char *host, const char *port)
{
    struct addrinfo wanted = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
    struct addrinfo *found = NULL;
    assert_int_equal(getaddrinfo(host, port, &wanted, &found), 0);
    return found;
}

int uv_getaddrinfo(uv_loop_t *loop, uv_getaddrinfo_t *req, uv_getaddrinfo_cb cb, const char *node,
                   const char *service, const struct addrinfo *hints)
{
    lookup *self = calloc(1, sizeof *self);
    assert_non_null(self);
    assert_int_equal(hints->ai_socktype, SOCK_STREAM);
    self->request = req;
    self->cb = cb;
    self->status = UV_EAI_NONAME;
    unsigned after = 0;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(known[i].name, node) != 0)
            continue;
        struct addrinfo **last = &self->found;
        for (int j = 0; known[i].addresses[j]; j++) {
            *last = address_of(known[i].addresses[j], service);
            last = &(*last)->ai_next;
        }
        self->status = self->found ? 0 : UV_EAI_NONAME;
        after = known[i].after;
    }
    uv_timer_init(loop, &self->timer);
    uv_timer_start(&self->timer, answer, after, 0);
    running = self;
    return 0;
}

int uv_cancel(uv_req_t *req)
{
    if (!running || (uv_req_t *)running->request != req)
        return UV_EBUSY;
    running->status = UV_ECANCELED;
    return 0;
}

// --- the tests ---

static void leave(side *end, const char *event, const mqw_packet *packet)
{
    (void)packet;
    if (strcmp(event, "connack") == 0)
        assert_int_equal(mqw_conn_disconnect(end->conn, NULL), 0);
}

// What listens on one of two families is found, whichever comes first in the answer.
static void test_both_families(void **state)
{
    (void)state;
    static const char *const names[] = {"six-four.test", "four-six.test"};
    static const char *const listens[] = {"127.0.0.1:0", "[::1]:0"};
    for (size_t i = 0; i < 4; i++) {
        testbed live;
        hosting host;
        side client = {.act = leave};
        side peer = {.quiet = false};
        char address[64];
        live_start(&live);
        host_listen(&host, &live, listens[i / 2], NULL, &peer, 1);
        snprintf(address, sizeof address, "mqtt://%s%s", names[i % 2], strrchr(host.address, ':'));
        end_open(&client, &live, address, NULL);
        send_connect(&client, "c");
        live_until(&live, client.closes && peer.closes);
        assert_string_equal(client.log, "connected connack close ");
        host_close(&host, false);
        live_end(&live);
    }
}

// One family does not answer at all: after a quarter of a second the other one is tried too, and wins.
static void test_one_family_is_silent(void **state)
{
    (void)state;
    testbed live;
    hosting host;
    side client = {.act = leave};
    side peer = {.quiet = false};
    char address[64];
    int fillers[4];
    live_start(&live);
    host_listen(&host, &live, "127.0.0.1:0", NULL, &peer, 1);
    snprintf(address, sizeof address, "six-four.test%s", strrchr(host.address, ':'));
    // A listener on the same port of the other family whose backlog is full.
    struct sockaddr_in6 name = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    name.sin6_port = htons((uint16_t)atoi(strrchr(host.address, ':') + 1));
    int full = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(full, (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(listen(full, 0), 0);
    for (int i = 0; i < 4; i++) {
        fillers[i] = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)connect(fillers[i], (struct sockaddr *)&name, sizeof name);
    }
    uint64_t start = uv_now(&live.loop);
    end_open(&client, &live, address, NULL);
    send_connect(&client, "c");
    live_until(&live, client.closes && peer.closes);
    assert_true(uv_now(&live.loop) - start >= 250);
    assert_string_equal(client.log, "connected connack close ");
    for (int i = 0; i < 4; i++)
        close(fillers[i]);
    close(full);
    host_close(&host, false);
    live_end(&live);
}

static void test_unknown(void **state)
{
    (void)state;
    static const char *const addresses[] = {"none.test", "mqtt://nobody-knows.test:1"};
    for (size_t i = 0; i < 2; i++) {
        testbed live;
        side client = {.quiet = true};
        live_start(&live);
        end_open(&client, &live, addresses[i], NULL);
        send_connect(&client, "c");
        live_end(&live);
        assert_string_equal(client.log, "error close ");
        assert_int_equal(client.error.code, MQW_E_STREAM);
        assert_string_equal(client.words, "unknown node or service");
    }
}

static void test_refused_by_both(void **state)
{
    (void)state;
    testbed live;
    side client = {.quiet = true};
    hosting host;
    char address[64];
    live_start(&live);
    host_listen(&host, &live, "127.0.0.1:0", NULL, NULL, 0);
    snprintf(address, sizeof address, "six-four.test%s", strrchr(host.address, ':'));
    host_close(&host, false);
    live_end(&live);
    live_start(&live);
    end_open(&client, &live, address, NULL);
    live_end(&live);
    assert_string_equal(client.log, "error close ");
    assert_string_equal(client.words, "connection refused");
}

// The time-out counts the look-up too; its answer comes to nobody then.
static void test_timeout_while_looking_up(void **state)
{
    (void)state;
    testbed live;
    side client = {.quiet = true};
    const mqw_open_options options = {.size = sizeof options, .connect_timeout = 10};
    live_start(&live);
    end_open(&client, &live, "slow.test:9", &options);
    live_until(&live, client.closes);
    assert_non_null(running);
    live_end(&live);
    assert_string_equal(client.log, "error close ");
    assert_string_equal(client.words, "connection timed out");
}

static void test_abort_while_looking_up(void **state)
{
    (void)state;
    testbed live;
    side client = {.quiet = true};
    live_start(&live);
    end_open(&client, &live, "slow.test:9", NULL);
    live_until(&live, running);
    mqw_conn_abort(client.conn);
    live_until(&live, client.closes);
    assert_non_null(running);
    live_end(&live);
    assert_string_equal(client.log, "close ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_families),
        cmocka_unit_test(test_one_family_is_silent),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_refused_by_both),
        cmocka_unit_test(test_timeout_while_looking_up),
        cmocka_unit_test(test_abort_while_looking_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
