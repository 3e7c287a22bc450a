// SPDX-License-Identifier: MIT
// What one address may take of a broker, on sockets: the address is that of the socket, or what a proxy says.
#include <arpa/inet.h>
#include <netinet/in.h>

#include <mqwire/broker.h>

#include "live/live.h"

#define HELLO "\x10\x0c\0\4MQTT\4\2\0\0\0\0"

static testbed live;
static mqw_broker *broker;
static char address[128];

static void start(bool behind_proxy)
{
    const mqw_broker_options options = {.size = sizeof options, .max_per_address = 2};
    const mqw_open_options behind = {.size = sizeof behind, .proxy_protocol = behind_proxy, .linger = 1};
    live_start(&live);
    assert_int_equal(mqw_broker_open(&broker, &live.loop, &options), 0);
    assert_int_equal(mqw_broker_listen(broker, "127.0.0.1:0", &behind), 0);
    assert_true(mqw_broker_address(broker, 0, address, sizeof address) >= 0);
}

static void on_closed(mqw_broker *gone, void *ctx)
{
    (void)gone;
    *(bool *)ctx = true;
}

static void stop(void)
{
    bool closed = false;
    mqw_broker_close(broker, on_closed, &closed);
    live_until(&live, closed);
    live_end(&live);
}

static mqw_broker_status status(void)
{
    mqw_broker_status all = {.size = sizeof all};
    mqw_broker_status_of(broker, &all);
    return all;
}

static int says(const char *header)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char bytes[128];
    size_t len = strlen(header);
    name.sin_port = htons((uint16_t)atoi(strrchr(address, ':') + 1));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    memcpy(bytes, header, len);
    memcpy(bytes + len, HELLO, sizeof HELLO - 1);
    len += sizeof HELLO - 1;
    assert_int_equal(send(fd, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
    return fd;
}

static int is_let_in(const char *header)
{
    char room[64];
    ssize_t got = -1;
    int fd = says(header);
    live_until(&live, (got = plain_read(fd, room, sizeof room)) >= 0);
    assert_int_equal(got, 4);
    return fd;
}

static void is_closed(const char *header)
{
    char room[64];
    ssize_t got = -1;
    uint64_t before = status().connections_refused;
    int fd = says(header);
    live_until(&live, (got = plain_read(fd, room, sizeof room)) == 0 || errno == ECONNRESET);
    assert_true(got <= 0);
    assert_int_equal(status().connections_refused, before + 1);
    close(fd);
}

static void an_address_is_that_of_the_socket(void **state)
{
    (void)state;
    start(false);
    int one = is_let_in(""), other = is_let_in("");
    is_closed("");
    close(one);
    live_until(&live, status().connections == 1);
    one = is_let_in("");
    close(one);
    close(other);
    stop();
}

static void an_address_is_what_the_proxy_says(void **state)
{
    static const char one[] = "PROXY TCP4 192.0.2.1 198.51.100.7 56324 1883\r\n";
    static const char other[] = "PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n";
    static const char near_it[] = "PROXY TCP6 2001:db8::9 2001:db8::2 1 2\r\n";
    static const char nobody[] = "PROXY UNKNOWN\r\n";
    (void)state;
    start(true);
    int all[] = {is_let_in(one),     is_let_in(other),  is_let_in(one),
                 is_let_in(near_it), is_let_in(nobody), is_let_in(nobody)};
    is_closed(one);
    is_closed(other);
    is_closed(nobody);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        close(all[i]);
    stop();
}

// Nobody is turned away, but who comes after the burst of a second waits.
static void a_rate_of_connections_is_kept_by_not_accepting(void **state)
{
    enum { RATE = 4, ALL = 6 };
    const mqw_broker_options options = {.size = sizeof options, .max_connect_rate = RATE};
    const mqw_open_options plain = {.size = sizeof plain, .linger = 1};
    int fds[ALL];
    (void)state;
    live_start(&live);
    assert_int_equal(mqw_broker_open(&broker, &live.loop, &options), 0);
    assert_int_equal(mqw_broker_listen(broker, "127.0.0.1:0", &plain), 0);
    assert_int_equal(mqw_broker_listen(broker, "127.0.0.1:0", &plain), 0);
    assert_true(mqw_broker_address(broker, 0, address, sizeof address) >= 0);
    uv_update_time(&live.loop);
    uint64_t began = uv_now(&live.loop);
    for (int i = 0; i < ALL; i++) {
        assert_true(mqw_broker_address(broker, i & 1, address, sizeof address) >= 0);
        fds[i] = says("");
    }
    live_until(&live, status().connections_accepted >= RATE);
    assert_int_equal(status().connections_accepted, RATE);
    live_until(&live, status().clients_connected == ALL);
    uv_update_time(&live.loop);
    assert_true(uv_now(&live.loop) - began >= (ALL - RATE) * 1000 / RATE);
    for (int i = 0; i < ALL; i++)
        close(fds[i]);
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_that_of_the_socket),
        cmocka_unit_test(an_address_is_what_the_proxy_says),
        cmocka_unit_test(a_rate_of_connections_is_kept_by_not_accepting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
