// SPDX-License-Identifier: MIT
// Addresses as people write them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the headers above
#include <arpa/inet.h>
#include <cmocka.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include <mqwire/transport.h>

#include "transport/address.h"

typedef struct sample {
    const char *text;
    mqw__address_kind kind;
    const char *first; // host or path
    const char *second;
    unsigned port;
    int in;
    int out;
    unsigned baud;
} sample;

static const sample good[] = {
    {.text = "mqtt://example.org:1884", .first = "example.org", .port = 1884},
    {.text = "MQTT://example.org", .first = "example.org", .port = 1883},
    {.text = "tcp://example.org/", .first = "example.org", .port = 1883},
    {.text = "tcp://127.0.0.1:0", .first = "127.0.0.1", .port = 0},
    {.text = "tcp://", .first = "localhost", .port = 1883},
    {.text = "tcp://:65535", .first = "localhost", .port = 65535},
    {.text = ":1", .first = "localhost", .port = 1},
    {.text = "example.org", .first = "example.org", .port = 1883},
    {.text = "example.org:99", .first = "example.org", .port = 99},
    {.text = "[::1]", .first = "::1", .port = 1883},
    {.text = "[fe80::1%lo]:5", .first = "fe80::1%lo", .port = 5},
    {.text = "mqtt://[::1]:8080/", .first = "::1", .port = 8080},
    {.text = "*:1883", .first = "*", .port = 1883},
    {.text = "unix:/run/a socket", .kind = MQW__UNIX, .first = "/run/a socket"},
    {.text = "unix:relative", .kind = MQW__UNIX, .first = "relative"},
    {.text = "fd:7", .kind = MQW__FD, .in = 7, .out = 7},
    {.text = "fd:0,12", .kind = MQW__FD, .in = 0, .out = 12},
    {.text = "stdio:", .kind = MQW__FD, .in = 0, .out = 1},
    {.text = "pipe:/a/in,/a/out", .kind = MQW__PIPE, .first = "/a/in", .second = "/a/out"},
    {.text = "tty:/dev/ttyS0", .kind = MQW__TTY, .first = "/dev/ttyS0"},
    {.text = "tty:/dev/ttyS0,115200", .kind = MQW__TTY, .first = "/dev/ttyS0", .baud = 115200},
};

static const char *const bad[] = {
    "",
    " ",
    "a b",
    "http://example.org",
    "user@example.org",
    "mqtt://us er@example.org",
    "mqtt://a%2@b",
    "mqtt://a%2g@b",
    "mqtt://a%@b",
    "mqtt://a%00b@c",
    "mqtt://a:%00@c",
    "mqtt://a@b@c:d",
    "mqtts://a/b",
    "ws://a/b c",
    "ws://a/b#c",
    "ws://a?b",
    "ws://a/\r\nX: y",
    "ws://a/\xc3\xa9",
    "ws://[::1\r\n]/",
    "ws:/a",
    "https://a",
    "socks5://a:1",
    "socks5h://a",
    "a:",
    "a:b",
    "a:-1",
    "a:65536",
    "a:99999999999999999999",
    "a:1:2",
    "::1",
    "[]",
    "[::1",
    "[::1]x",
    "[[::1]]",
    "a]",
    "a/b",
    "mqtt://a/b",
    "mqtt://a:1//",
    "a?b",
    "unix:",
    "fd:",
    "fd:x",
    "fd:-1",
    "fd:1,",
    "fd:,1",
    "fd:1,2,3",
    "fd:99999999999",
    "stdio:x",
    "pipe:",
    "pipe:/a",
    "pipe:/a,",
    "pipe:,/a",
    "pipe:/a,/b,/c",
    "tty:",
    "tty:,9600",
    "tty:/dev/x,",
    "tty:/dev/x,fast",
    "tty:/dev/x,0",
    "a\nb:1883",
    "a\x7f",
    "tcp://[::1]:",
    "mqtt:////",
    "tcp://a\\b",
};

// What a scheme, a user and a path say.
static const struct {
    const char *text;
    unsigned port;
    bool any_port, plain, tls, websocket;
    const char *path, *user, *password;
} urls[] = {
    {"h", 1883, true, false, false, false, "", NULL, NULL},
    {"h:1", 1, false, false, false, false, "", NULL, NULL},
    {"tcp://h", 1883, true, true, false, false, "", NULL, NULL},
    {"mqtt://u@h:5", 5, false, true, false, false, "", "u", NULL},
    {"mqtts://h", 8883, true, false, true, false, "", NULL, NULL},
    {"SSL://u:p@h/", 8883, true, false, true, false, "", "u", "p"},
    {"tls://:@h:1", 1, false, false, true, false, "", "", ""},
    {"ws://h", 80, true, true, false, true, "", NULL, NULL},
    {"ws://h/", 80, true, true, false, true, "/", NULL, NULL},
    {"wss://h:8/mqtt?a=b/c@d", 8, false, false, true, true, "/mqtt?a=b/c@d", NULL, NULL},
    {"wss://a%40b%3a:c:d%2F%c3%A9%25@h/x", 443, true, false, true, true, "/x", "a@b:", "c:d/\xc3\xa9%"},
    {"mqtt://a@b@h", 1883, true, true, false, false, "", "a@b", NULL},
};

static void test_urls(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        mqw__address out;
        memset(&out, 0xA5, sizeof out);
        assert_int_equal(mqw__address_read(&out, urls[i].text), 0);
        assert_string_equal(out.host, "h");
        assert_int_equal(out.port, urls[i].port);
        assert_int_equal(out.any_port, urls[i].any_port);
        assert_int_equal(out.plain, urls[i].plain);
        assert_int_equal(out.tls, urls[i].tls);
        assert_int_equal(out.websocket, urls[i].websocket);
        assert_string_equal(out.path, urls[i].path);
        assert_int_equal(out.has_user, urls[i].user != NULL);
        assert_int_equal(out.has_password, urls[i].password != NULL);
        assert_string_equal(out.user, urls[i].user ? urls[i].user : "");
        assert_string_equal(out.password, urls[i].password ? urls[i].password : "");
    }
}

static void test_proxies(void **state)
{
    (void)state;
    mqw__address out;
    char shown[MQW__PLACE_MAX + 1];
    assert_int_equal(mqw__address_read_proxy(&out, "http://proxy.example:3128"), 0);
    assert_int_equal(out.proxy, MQW__HTTP_CONNECT);
    assert_string_equal(out.host, "proxy.example");
    assert_int_equal(out.port, 3128);
    mqw__address_show_proxy(shown, sizeof shown, &out);
    assert_string_equal(shown, "proxy.example:3128");
    assert_int_equal(mqw__address_read_proxy(&out, "http://u:p%3a@[::1]/"), 0);
    assert_string_equal(out.host, "::1");
    assert_string_equal(out.password, "p:");
    assert_int_equal(out.port, 80);
    mqw__address_show_proxy(shown, sizeof shown, &out);
    assert_string_equal(shown, "[::1]:80"); // the login is nobody else's
    assert_int_equal(mqw__address_read_proxy(&out, "socks5h://a"), 0);
    assert_int_equal(out.proxy, MQW__SOCKS5);
    assert_int_equal(out.port, 1080);
    static const char *const wrong[] = {"",          "a",          "a:1",        "mqtt://a",
                                        "https://a", "http://*",   "http://a:0", "socks4://a",
                                        "unix:/a",   "http://a/b", "http://\n",  "socks5://a:b:c"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (mqw__address_read_proxy(&out, wrong[i]) != MQW_E_ADDRESS)
            fail_msg("accepted: '%s'", wrong[i]);
}

static void test_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        mqw__address out;
        memset(&out, 0xA5, sizeof out);
        assert_int_equal(mqw__address_read(&out, good[i].text), 0);
        assert_int_equal(out.kind, good[i].kind);
        assert_string_equal(good[i].kind == MQW__TCP ? out.host : out.path,
                            good[i].first ? good[i].first : "");
        assert_string_equal(out.out_path, good[i].second ? good[i].second : "");
        assert_int_equal(out.port, good[i].port);
        assert_int_equal(out.in, good[i].in);
        assert_int_equal(out.out, good[i].out);
        assert_int_equal(out.baud, good[i].baud);
    }
}

static void test_bad(void **state)
{
    (void)state;
    mqw__address out;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (mqw__address_read(&out, bad[i]) != MQW_E_ADDRESS)
            fail_msg("accepted: '%s'", bad[i]);
}

static void test_lengths(void **state)
{
    (void)state;
    static const struct {
        const char *prefix;
        size_t max;
    } limits[] = {{"tcp://", 255},
                  {"wss://h/", 1022},
                  {"ssl://", 255},
                  {"unix:", sizeof((struct sockaddr_un *)NULL)->sun_path - 1},
                  {"tty:", 1023}};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        char text[2048];
        mqw__address out;
        size_t prefix = strlen(limits[i].prefix);
        memset(text, 'x', sizeof text);
        memcpy(text, limits[i].prefix, prefix);
        text[prefix + limits[i].max] = '\0';
        assert_int_equal(mqw__address_read(&out, text), 0);
        assert_int_equal(strlen(out.path[0] ? out.path : out.host),
                         limits[i].max + (i == 1)); // its slash is a part of the path
        text[prefix + limits[i].max] = 'x';
        text[prefix + limits[i].max + 1] = '\0';
        assert_int_equal(mqw__address_read(&out, text), MQW_E_ADDRESS);
    }
}

static void test_show(void **state)
{
    (void)state;
    char out[40];
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(1883)};
    struct sockaddr_in6 v6 = {
        .sin6_family = AF_INET6, .sin6_port = htons(40000), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr_un local = {.sun_family = AF_UNIX, .sun_path = "/run/mqtt"};
    v4.sin_addr.s_addr = htonl(0x7F000001);
    mqw__address_show(out, sizeof out, (struct sockaddr *)&v4, sizeof v4);
    assert_string_equal(out, "tcp://127.0.0.1:1883");
    mqw__address_show(out, sizeof out, (struct sockaddr *)&v6, sizeof v6);
    assert_string_equal(out, "tcp://[::1]:40000");
    mqw__address_show(out, sizeof out, (struct sockaddr *)&local, sizeof local);
    assert_string_equal(out, "unix:/run/mqtt");
    mqw__address_show(out, sizeof out, (struct sockaddr *)&local, sizeof(sa_family_t));
    assert_string_equal(out, "unix:");
    mqw__address_show(out, sizeof out, (struct sockaddr *)&local, 0);
    assert_string_equal(out, "");
    mqw__address_show(out, 8, (struct sockaddr *)&local, sizeof local);
    assert_string_equal(out, "unix:/r");
}

static void test_names_take_turns(void **state)
{
    (void)state;
    struct sockaddr_in v4[2] = {{.sin_family = AF_INET, .sin_port = 1},
                                {.sin_family = AF_INET, .sin_port = 2}};
    struct sockaddr_in6 v6[2] = {{.sin6_family = AF_INET6, .sin6_port = 1},
                                 {.sin6_family = AF_INET6, .sin6_port = 2}};
    struct addrinfo list[5];
    memset(list, 0, sizeof list);
    // v6 v6 v4 v4 and the first one again
    for (int i = 0; i < 5; i++) {
        bool six = i < 2 || i == 4;
        list[i].ai_family = six ? AF_INET6 : AF_INET;
        list[i].ai_addr = six ? (struct sockaddr *)&v6[i % 2] : (struct sockaddr *)&v4[i % 2];
        list[i].ai_addrlen = six ? sizeof v6[0] : sizeof v4[0];
        list[i].ai_next = i < 4 ? &list[i + 1] : NULL;
    }
    mqw__names names;
    mqw__names_of(&names, list);
    assert_int_equal(names.count, 4);
    static const int family[] = {AF_INET6, AF_INET, AF_INET6, AF_INET};
    for (int i = 0; i < 4; i++)
        assert_int_equal(names.at[i].name.ss_family, family[i]);
    mqw__names_of(&names, NULL);
    assert_int_equal(names.count, 0);
}

static void test_too_many_names(void **state)
{
    (void)state;
    enum { MANY = 40 };
    struct sockaddr_in v4[MANY];
    struct addrinfo list[MANY];
    memset(v4, 0, sizeof v4);
    memset(list, 0, sizeof list);
    for (int i = 0; i < MANY; i++) {
        v4[i].sin_family = AF_INET;
        v4[i].sin_port = (in_port_t)i;
        list[i].ai_family = AF_INET;
        list[i].ai_addr = (struct sockaddr *)&v4[i];
        list[i].ai_addrlen = sizeof v4[0];
        list[i].ai_next = i + 1 < MANY ? &list[i + 1] : NULL;
    }
    mqw__names names;
    mqw__names_of(&names, list);
    assert_int_equal(names.count, MQW__NAMES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_proxies),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_show),
        cmocka_unit_test(test_names_take_turns),
        cmocka_unit_test(test_too_many_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
