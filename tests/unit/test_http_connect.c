// SPDX-License-Identifier: MIT
// The way through an HTTP proxy, fed with arrays at every split: what is asked, which answers open the way,
// and what the others mean.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the headers above
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "transport/http_connect.h"
#include "unit/way.h"

static mqw__layer *make(const way *through)
{
    mqw__address proxy;
    assert_int_equal(mqw__address_read_proxy(&proxy, through->proxy), 0);
    return mqw__http_connect_new(&proxy, through->host, through->port);
}

static void test_requests(void **state)
{
    (void)state;
    static const struct {
        way through;
        const char *asks;
    } requests[] = {
        {{"http://p:3128", "broker.example", 8883},
         "CONNECT broker.example:8883 HTTP/1.1\r\nHost: broker.example:8883\r\n\r\n"},
        {{"http://p", "2001:db8::1", 1883},
         "CONNECT [2001:db8::1]:1883 HTTP/1.1\r\nHost: [2001:db8::1]:1883\r\n\r\n"},
        {{"http://Aladdin:open%20sesame@p", "h", 1},
         "CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\nProxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n"},
        {{"http://user@p", "h", 1},
         "CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\nProxy-Authorization: Basic dXNlcjo=\r\n\r\n"},
        {{"http://a%0d%0aX:%0d%0a@p", "h", 1},
         "CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\nProxy-Authorization: Basic YQ0KWDoNCg==\r\n\r\n"},
    };
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        tried one;
        try_start(&one, make(&requests[i].through));
        assert_int_equal(one.said_len, strlen(requests[i].asks));
        assert_memory_equal(one.said, requests[i].asks, one.said_len);
        try_end(&one);
    }
}

// The longest names and passwords that an address can hold.
static void test_longest(void **state)
{
    (void)state;
    mqw__address proxy;
    char host[MQW__HOST_MAX + 1];
    memset(&proxy, 0, sizeof proxy);
    memset(host, 'h', sizeof host - 1);
    host[MQW__HOST_MAX] = '\0';
    proxy.has_user = proxy.has_password = true;
    memset(proxy.user, 'u', MQW__USER_MAX);
    memset(proxy.password, 'p', MQW__PASSWORD_MAX);
    tried one;
    try_start(&one, mqw__http_connect_new(&proxy, host, 65535));
    assert_true(one.said_len > 2 * MQW__HOST_MAX + MQW__USER_MAX + MQW__PASSWORD_MAX);
    assert_memory_equal(one.said + one.said_len - 4, "\r\n\r\n", 4);
    try_end(&one);
}

static const struct {
    const char *text;
    const char *why; // NULL: the way is free, and `behind` arrives
} answers[] = {
    {"HTTP/1.1 200 Connection established\r\n\r\n", NULL},
    {"HTTP/1.0 200\r\nVia: x\r\n\r\n", NULL},
    {"HTTP/1.1 204 x\r\nContent-Length: 100\r\n\r\n", NULL},
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", NULL},
    {"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n",
     "proxy refuses: 407 Proxy Authentication Required; it wants a user and a password"},
    {"HTTP/1.1 403 Forbidden\r\n\r\n", "403 Forbidden; it does not allow this host or port"},
    {"HTTP/1.1 405 Method Not Allowed\r\n\r\n", "405 Method Not Allowed; perhaps it is no proxy"},
    {"HTTP/1.1 502 Bad\xff\r\n\r\n", "502 Bad?; it cannot reach the server"},
    {"HTTP/1.1 503 \r\n\r\n", "503 ; it cannot reach the server"},
    {"HTTP/1.1 504 Gateway Timeout\r\n\r\n", "504 Gateway Timeout; the server does not answer it"},
    {"HTTP/1.1 302 Found\r\n\r\n", "proxy refuses: 302 Found"},
    {"HTTP/1.1 20 x\r\n\r\n", "proxy does not speak HTTP"},
    {"HTTP/1.1 200 OK\nA: b\n\n", "proxy does not speak HTTP"},
    {"\x05\xff", "proxy does not speak HTTP"},
    {"220 smtp\r\n", "proxy does not speak HTTP"},
};

static void test_answers_at_every_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++)
        for (size_t first = 0; first <= strlen(answers[i].text) + 6; first++)
            try_answer(make(&(way){"http://p", "h", 1}), answers[i].text, strlen(answers[i].text), first,
                       answers[i].why);
}

static void test_endless_answer(void **state)
{
    (void)state;
    static char text[9000] = "HTTP/1.1 200 OK\r\nA: ";
    memset(text + strlen(text), 'x', sizeof text - strlen(text) - 1);
    try_answer(make(&(way){"http://p", "h", 1}), text, sizeof text - 1, 100, "proxy's answer is too long");
}

static void test_cut_off(void **state)
{
    (void)state;
    tried one;
    try_start(&one, make(&(way){"http://p", "h", 1}));
    assert_int_equal(mqw__layers_end(one.stack), MQW_E_STREAM);
    assert_string_equal(mqw__layers_why(one.stack), "proxy ended before it had answered");
    try_end(&one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_longest),
        cmocka_unit_test(test_answers_at_every_split),
        cmocka_unit_test(test_endless_answer),
        cmocka_unit_test(test_cut_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
