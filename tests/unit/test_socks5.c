// SPDX-License-Identifier: MIT
// The way through a SOCKS5 proxy, fed with arrays at every split (RFC 1928, RFC 1929): logins, kinds of
// addresses, and every reply in words.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the headers above
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/socks5.h"
#include "unit/way.h"

#define BYTES(text) text, sizeof(text) - 1

static mqw__layer *make(const way *through)
{
    mqw__address proxy;
    assert_int_equal(mqw__address_read_proxy(&proxy, through->proxy), 0);
    return mqw__socks5_new(&proxy, through->host, through->port);
}

static const way plain = {"socks5://p", "h", 1883};
static const way with_login = {"socks5h://me:secret@p", "h", 1883};

static void test_what_is_said(void **state)
{
    (void)state;
    static const struct {
        way through;
        const char *answers;
        size_t answers_len;
        const char *said;
        size_t said_len;
    } talks[] = {
        {{"socks5://p", "example.org", 8883}, BYTES("\5\0"), BYTES("\5\1\0\5\1\0\3\13example.org\x22\xb3")},
        {{"socks5://p", "192.0.2.7", 1}, BYTES("\5\0"), BYTES("\5\1\0\5\1\0\1\xc0\0\2\7\0\1")},
        {{"socks5://p", "::1", 65535},
         BYTES("\5\0"),
         BYTES("\5\1\0\5\1\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\xff\xff")},
        {{"socks5://me:secret@p", "h", 256},
         BYTES("\5\2\1\0"),
         BYTES("\5\2\0\2\1\2me\6secret\5\1\0\3\1h\1\0")},
        {{"socks5://me@p", "h", 1}, BYTES("\5\2\1\0"), BYTES("\5\2\0\2\1\2me\0\5\1\0\3\1h\0\1")},
        {{"socks5://me:secret@p", "h", 1}, BYTES("\5\0"), BYTES("\5\2\0\2\5\1\0\3\1h\0\1")},
    };
    for (size_t i = 0; i < sizeof talks / sizeof talks[0]; i++) {
        for (size_t first = 0; first <= talks[i].answers_len; first++) {
            tried one;
            try_start(&one, make(&talks[i].through));
            try_feed(&one, (const uint8_t *)talks[i].answers, first);
            try_feed(&one, (const uint8_t *)talks[i].answers + first, talks[i].answers_len - first);
            assert_int_equal(one.result, 0);
            assert_int_equal(one.said_len, talks[i].said_len);
            assert_memory_equal(one.said, talks[i].said, one.said_len);
            try_end(&one);
        }
    }
}

static void test_longest(void **state)
{
    (void)state;
    mqw__address proxy;
    char host[MQW__HOST_MAX + 1];
    tried one;
    memset(&proxy, 0, sizeof proxy);
    memset(host, 'h', MQW__HOST_MAX);
    host[MQW__HOST_MAX] = '\0';
    proxy.has_user = true;
    memset(proxy.user, 'u', MQW__USER_MAX);
    memset(proxy.password, 'p', MQW__SOCKS_MAX);
    try_start(&one, mqw__socks5_new(&proxy, host, 1));
    try_feed(&one, (const uint8_t *)"\5\2\1\0", 4);
    assert_int_equal(one.said_len, 4 + 3 + 255 + 255 + 7 + 255);
    try_end(&one);
}

#define FREE "\5\0\0\1\1\2\3\4\0\1"

static const struct {
    const way *through;
    const char *answers;
    size_t len;
    const char *why;
} answers[] = {
    {&plain, BYTES("\5\0" FREE), NULL},
    {&plain, BYTES("\5\0\5\0\0\4................\0\1"), NULL},
    {&plain, BYTES("\5\0\5\0\0\3\4name\0\1"), NULL},
    {&plain, BYTES("\5\0\5\0\0\3\0\0\1"), NULL},
    {&with_login, BYTES("\5\2\1\0" FREE), NULL},
    {&with_login, BYTES("\5\0" FREE), NULL},
    {&with_login, BYTES("\5\2\1\1"), "does not accept this user or password"},
    {&with_login, BYTES("\5\xff"), "proxy takes neither our password nor a connection without one"},
    {&plain, BYTES("\5\xff"), "proxy wants a login: socks5://user:password@host:port"},
    {&plain, BYTES("\5\2"), "a login that it was not offered"},
    {&plain, BYTES("\5\1"), "a login that it was not offered"},
    {&plain, BYTES("\4\0"), "proxy does not speak SOCKS5"},
    {&plain, BYTES("HTTP/1.1 400"), "proxy does not speak SOCKS5"},
    {&plain, BYTES("\5\0\4\0\0\1\1\2\3\4\0\1"), "proxy does not speak SOCKS5"},
    {&plain, BYTES("\5\0\5\0\0\2\1\2\3\4\0\1"), "proxy does not speak SOCKS5"},
    {&plain, BYTES("\5\0\5\1"), "proxy has failed"},
    {&plain, BYTES("\5\0\5\2\0\1\0\0\0\0\0\0"), "proxy does not allow this host or port"},
    {&plain, BYTES("\5\0\5\3\0\1\0\0\0\0\0\0"), "proxy cannot reach the server's network"},
    {&plain, BYTES("\5\0\5\4\0\1\0\0\0\0\0\0"), "proxy cannot reach the server"},
    {&plain, BYTES("\5\0\5\5\0\1\0\0\0\0\0\0"), "server refuses the proxy's connection"},
    {&plain, BYTES("\5\0\5\6\0\1\0\0\0\0\0\0"), "does not answer the proxy in time"},
    {&plain, BYTES("\5\0\5\7\0\1\0\0\0\0\0\0"), "proxy does not open connections"},
    {&plain, BYTES("\5\0\5\10\0\1\0\0\0\0\0\0"), "proxy does not know this kind of address"},
    {&plain, BYTES("\5\0\5\11"), "for a reason of its own"},
    {&plain, BYTES("\5\0\5\xff"), "for a reason of its own"},
};

static void test_answers_at_every_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++)
        for (size_t first = 0; first <= answers[i].len + 6; first++)
            try_answer(make(answers[i].through), answers[i].answers, answers[i].len, first, answers[i].why);
}

static void test_cut_off(void **state)
{
    (void)state;
    tried one;
    try_start(&one, make(&plain));
    assert_int_equal(mqw__layers_end(one.stack), MQW_E_STREAM);
    assert_string_equal(mqw__layers_why(one.stack), "proxy ended before it had answered");
    try_end(&one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_said),
        cmocka_unit_test(test_longest),
        cmocka_unit_test(test_answers_at_every_split),
        cmocka_unit_test(test_cut_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
