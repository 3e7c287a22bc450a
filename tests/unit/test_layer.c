// SPDX-License-Identifier: MIT
// The stack of layers, with the PROXY protocol and with a toy: a layer that shakes hands, masks bytes in
// records, holds decoded bytes back, says goodbye and can fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the headers above
#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "transport/proxy.h"
#include "unit/toy_layer.h"

static mqw__layers *with_toys(mqw__proxied *proxied, int toys)
{
    mqw__layers *stack = mqw__layers_new();
    assert_non_null(stack);
    if (proxied) {
        mqw__layer *layer = mqw__proxy_new(proxied);
        assert_non_null(layer);
        mqw__layers_push(stack, layer);
    }
    for (int i = 0; i < toys; i++) {
        mqw__layer *made = toy_new();
        assert_non_null(made);
        mqw__layers_push(stack, made);
    }
    return stack;
}

// --- what comes out ---

typedef struct hearing {
    uint8_t bytes[4096];
    size_t len;
    bool ready;
    int result;
} hearing;

static void pull(mqw__layers *stack, hearing *heard, int most)
{
    mqw_bytes piece;
    for (int i = 0; i != most && (heard->result = mqw__layers_next(stack, &piece)) > 0; i++) {
        assert_true(mqw__layers_ready(stack));
        assert_true(piece.len > 0 && heard->len + piece.len <= sizeof heard->bytes);
        memcpy(heard->bytes + heard->len, piece.data, piece.len);
        heard->len += piece.len;
    }
    heard->ready = mqw__layers_ready(stack);
}

// Each piece is fed from a block of its own, which is gone afterwards: what is kept must have been copied.
static void feed(mqw__layers *stack, const uint8_t *bytes, size_t len, hearing *heard)
{
    uint8_t *block = malloc(len ? len : 1);
    assert_non_null(block);
    memcpy(block, bytes, len);
    mqw__layers_feed(stack, (mqw__span){block, len}, (mqw__span){NULL, 0});
    pull(stack, heard, -1);
    free(block);
}

static void feed_and_stop(mqw__layers *stack, const uint8_t *bytes, size_t len, hearing *heard, int most)
{
    uint8_t *block = malloc(len ? len : 1);
    assert_non_null(block);
    memcpy(block, bytes, len);
    mqw__layers_feed(stack, (mqw__span){block, len}, (mqw__span){NULL, 0});
    pull(stack, heard, most);
    assert_int_equal(mqw__layers_keep(stack), 0);
    free(block);
}

// What the other side of a stack of toys would have sent.
static size_t image(uint8_t *out, size_t cap, const char *head, size_t head_len, int toys, const char *text,
                    bool goodbye)
{
    mqw__layers *stack = with_toys(NULL, toys);
    size_t len = head_len;
    memcpy(out, head, head_len);
    assert_int_equal(mqw__layers_start(stack), 0);
    // Toys that talk to themselves: each greeting is what the peer's would have been.
    for (int i = 0; i < toys; i++) {
        mqw_bytes wire = mqw__layers_wire(stack);
        assert_true(len + wire.len <= cap);
        memcpy(out + len, wire.data, wire.len);
        uint8_t again[64];
        assert_true(wire.len <= sizeof again);
        memcpy(again, wire.data, wire.len);
        size_t again_len = wire.len;
        len += wire.len;
        mqw__layers_wrote(stack, wire.len);
        mqw_bytes piece;
        mqw__layers_feed(stack, (mqw__span){again, again_len}, (mqw__span){NULL, 0});
        assert_int_equal(mqw__layers_next(stack, &piece), 0);
    }
    assert_true(mqw__layers_ready(stack));
    mqw_bytes views[2] = {{(const uint8_t *)text, strlen(text) / 2},
                          {(const uint8_t *)text + strlen(text) / 2, strlen(text) - strlen(text) / 2}};
    assert_int_equal(mqw__layers_send(stack, views, 2), 0);
    if (goodbye)
        assert_int_equal(mqw__layers_shut(stack), 0);
    mqw_bytes wire = mqw__layers_wire(stack);
    assert_true(len + wire.len <= cap);
    memcpy(out + len, wire.data, wire.len);
    len += wire.len;
    mqw__layers_wrote(stack, wire.len);
    assert_int_equal(mqw__layers_wire(stack).len, 0);
    mqw__layers_free(stack);
    return len;
}

// --- PROXY headers ---

typedef struct sample {
    const char *bytes;
    size_t len;
    const char *peer; // NULL: not a header; "": none is known
    unsigned port;
} sample;

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define H(text, host, port)                \
    {                                      \
        text, sizeof(text) - 1, host, port \
    }

static const sample headers[] = {
    H("PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n", "192.0.2.1", 56324),
    H("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255", 65535),
    H("PROXY TCP6 2001:db8::1 ::1 1 0\r\n", "2001:db8::1", 1),
    H("PROXY TCP6 ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", NULL, 0),
    H("PROXY UNKNOWN\r\n", "", 0),
    H("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
      "", 0),
    H("PROXY TCP4 192.0.2.1 192.0.2.2 56324\r\n", NULL, 0),
    H("PROXY TCP4 192.0.2.1 192.0.2.2 56324 443 1\r\n", NULL, 0),
    H("PROXY TCP4 192.0.2.1 192.0.2.2 56324 65536\r\n", NULL, 0),
    H("PROXY TCP4 192.0.2.1 192.0.2.2 56324 -1\r\n", NULL, 0),
    H("PROXY TCP4 192.0.2.1 192.0.2.2 56324 4x\r\n", NULL, 0),
    H("PROXY TCP4 192.0.2.1 192.0.2.2  443\r\n", NULL, 0),
    H("PROXY TCP4 ::1 192.0.2.2 56324 443\r\n", NULL, 0),
    H("PROXY TCP4\r\n", NULL, 0),
    H("PROXY \r\n", NULL, 0),
    H("PROXY\r\n", NULL, 0),
    H("PROXY UDP4 192.0.2.1 192.0.2.2 56324 443\r\n", NULL, 0),
    H("PRXY", NULL, 0),
    H("PROXY TCP4 \n", NULL, 0),
    H("PROXY UNKNOWN xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n",
      NULL, 0),
    H(SIGNATURE "\x21\x11\0\x0c\xc0\0\x02\x01\xc0\0\x02\x02\xdc\x04\x01\xbb", "192.0.2.1", 56324),
    H(SIGNATURE "\x21\x11\0\x0f\xc0\0\x02\x01\xc0\0\x02\x02\xdc\x04\x01\xbb\x04\0\0", "192.0.2.1", 56324),
    H(SIGNATURE
      "\x21\x21\0\x24\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\x07\0\x08",
      "2001:db8::1", 7),
    H(SIGNATURE "\x20\0\0\0", "", 0),
    H(SIGNATURE "\x20\0\0\x02xx", "", 0),
    H(SIGNATURE "\x21\0\0\0", "", 0),
    H(SIGNATURE "\x21\x11\0\x0b\xc0\0\x02\x01\xc0\0\x02\x02\xdc\x04\x01", NULL, 0),
    H(SIGNATURE "\x22\x11\0\0", NULL, 0),
    H(SIGNATURE "\x11\x11\0\0", NULL, 0),
    H(SIGNATURE "\x21\x41\0\0", NULL, 0),
    H(SIGNATURE "\x21\x13\0\0", NULL, 0),
    H("\r\n\r\n\0\r\nQUIS", NULL, 0),
    H("\x10\x12\0\x04MQTT", NULL, 0),
};

enum { HEADERS = sizeof headers / sizeof headers[0] };

static void check_peer(const mqw__proxied *proxied, const sample *header)
{
    char text[INET6_ADDRSTRLEN] = "";
    unsigned port = 0;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    memcpy(&v4, &proxied->peer, sizeof v4);
    memcpy(&v6, &proxied->peer, sizeof v6);
    if (proxied->len == sizeof v4) {
        inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
        port = ntohs(v4.sin_port);
    } else if (proxied->len == sizeof v6) {
        inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
        port = ntohs(v6.sin6_port);
    }
    assert_string_equal(text, header->peer);
    assert_int_equal(port, header->port);
}

// One cut of one sample: the header, then text through `toys` toys.
static void try_split(const sample *header, int toys, size_t first)
{
    uint8_t bytes[1024];
    size_t len = image(bytes, sizeof bytes, header->bytes, header->len, toys, "0123456789", false);
    mqw__proxied proxied = {.len = 0};
    hearing heard = {.len = 0};
    if (first > len)
        first = len;
    mqw__layers *stack = with_toys(&proxied, toys);
    assert_int_equal(mqw__layers_start(stack), 0);
    feed(stack, bytes, first, &heard);
    if (heard.result >= 0)
        feed(stack, bytes + first, len - first, &heard);
    if (header->peer) {
        assert_int_equal(heard.result, 0);
        assert_true(heard.ready);
        assert_int_equal(heard.len, 10);
        assert_memory_equal(heard.bytes, "0123456789", 10);
        check_peer(&proxied, header);
        assert_int_equal(mqw__layers_done(stack), toys == 0);
    } else {
        assert_int_equal(heard.result, MQW_E_STREAM);
        assert_string_equal(mqw__layers_why(stack), "peer did not send a header of the PROXY protocol");
        assert_int_equal(heard.len, 0);
    }
    mqw__layers_free(stack);
}

static void test_proxy_at_every_split(void **state)
{
    (void)state;
    for (int i = 0; i < HEADERS; i++)
        for (int toys = 0; toys <= 2; toys++)
            for (size_t first = 0; first <= headers[i].len + 30; first++)
                try_split(&headers[i], toys, first);
}

static void test_proxy_byte_by_byte(void **state)
{
    (void)state;
    for (int i = 0; i < HEADERS; i++) {
        mqw__proxied proxied = {.len = 0};
        hearing heard = {.len = 0};
        mqw__layers *stack = with_toys(&proxied, 0);
        assert_int_equal(mqw__layers_start(stack), 0);
        for (size_t at = 0; at < headers[i].len && heard.result >= 0; at++) {
            assert_false(heard.ready);
            feed(stack, (const uint8_t *)headers[i].bytes + at, 1, &heard);
        }
        assert_int_equal(heard.ready, headers[i].peer != NULL);
        assert_int_equal(heard.result < 0, headers[i].peer == NULL);
        mqw__layers_free(stack);
    }
}

static void test_proxy_skips_a_long_rest(void **state)
{
    (void)state;
    uint8_t bytes[16 + 65535 + 2];
    memset(bytes, 'x', sizeof bytes);
    memcpy(bytes, SIGNATURE "\x21\x31\xff\xff", 16);
    bytes[16] = '/';
    bytes[17] = '\0';
    mqw__proxied proxied = {.len = 0};
    hearing heard = {.len = 0};
    mqw__layers *stack = with_toys(&proxied, 0);
    assert_int_equal(mqw__layers_start(stack), 0);
    for (size_t at = 0; at < sizeof bytes; at += 1000)
        feed(stack, bytes + at, sizeof bytes - at < 1000 ? sizeof bytes - at : 1000, &heard);
    assert_int_equal(heard.result, 0);
    assert_int_equal(heard.len, 2);
    assert_int_equal(proxied.len, sizeof(struct sockaddr_un));
    struct sockaddr_un local;
    memcpy(&local, &proxied.peer, sizeof local);
    assert_string_equal(local.sun_path, "/");
    mqw__layers_free(stack);
}

static void test_proxy_cut_off(void **state)
{
    (void)state;
    mqw__proxied proxied = {.len = 0};
    hearing heard = {.len = 0};
    mqw__layers *stack = with_toys(&proxied, 0);
    assert_int_equal(mqw__layers_start(stack), 0);
    feed(stack, (const uint8_t *)"PROXY TCP4", 10, &heard);
    assert_int_equal(mqw__layers_end(stack), MQW_E_STREAM);
    assert_non_null(mqw__layers_why(stack));
    feed(stack, (const uint8_t *)" 1.2.3.4 1.2.3.4 1 1\r\n", 22, &heard);
    assert_int_equal(mqw__layers_end(stack), 0);
    mqw__layers_free(stack);
}

// --- the stack ---

// Stopping after any number of pieces and going on later gives the same bytes: nothing is lost that a layer
// holds back.
static void test_held_back_bytes_come_later(void **state)
{
    (void)state;
    char text[1001];
    uint8_t bytes[2048];
    memset(text, 'a', 1000);
    for (int i = 0; i < 1000; i++)
        text[i] = (char)('a' + i % 26);
    text[1000] = '\0';
    for (int toys = 1; toys <= 3; toys++) {
        size_t len = image(bytes, sizeof bytes, "", 0, toys, text, true);
        for (int most = 0; most < 8; most++) {
            hearing heard = {.len = 0};
            mqw__layers *stack = with_toys(NULL, toys);
            assert_int_equal(mqw__layers_start(stack), 0);
            feed_and_stop(stack, bytes, len, &heard, most);
            for (int turns = 0; mqw__layers_kept(stack) > 0 || heard.result > 0; turns++) {
                assert_true(turns < 20);
                pull(stack, &heard, 2);
                assert_int_equal(mqw__layers_keep(stack), 0);
            }
            pull(stack, &heard, -1);
            assert_int_equal(heard.result, 0);
            assert_int_equal(heard.len, 1000);
            assert_memory_equal(heard.bytes, text, 1000);
            assert_true(mqw__layers_ended(stack));
            assert_int_equal(mqw__layers_end(stack), 0);
            mqw__layers_free(stack);
        }
    }
}

static void test_toys_at_every_split(void **state)
{
    (void)state;
    uint8_t bytes[512];
    for (int toys = 1; toys <= 3; toys++) {
        size_t len = image(bytes, sizeof bytes, "", 0, toys, "some text that is long enough", false);
        for (size_t first = 0; first <= len; first++) {
            hearing heard = {.len = 0};
            mqw__layers *stack = with_toys(NULL, toys);
            assert_int_equal(mqw__layers_start(stack), 0);
            feed(stack, bytes, first, &heard);
            feed(stack, bytes + first, len - first, &heard);
            assert_int_equal(heard.len, 29);
            assert_memory_equal(heard.bytes, "some text that is long enough", 29);
            assert_false(mqw__layers_ended(stack));
            assert_int_equal(mqw__layers_end(stack), MQW_E_STREAM);
            assert_string_equal(mqw__layers_why(stack), "cut off");
            mqw__layers_free(stack);
        }
    }
}

static void test_a_layer_starts_when_the_one_below_is_ready(void **state)
{
    (void)state;
    hearing heard = {.len = 0};
    mqw__layers *stack = with_toys(NULL, 2);
    assert_int_equal(mqw__layers_start(stack), 0);
    assert_int_equal(mqw__layers_wire(stack).len, GREETING);
    mqw__layers_wrote(stack, GREETING);
    feed(stack, greeting, GREETING - 1, &heard);
    assert_int_equal(mqw__layers_wire(stack).len, 0);
    feed(stack, greeting + GREETING - 1, 1, &heard);
    // The greeting of the upper one, as a record of the lower one.
    mqw_bytes wire = mqw__layers_wire(stack);
    assert_int_equal(wire.len, GREETING + 1);
    assert_int_equal(wire.data[0], GREETING);
    assert_int_equal(wire.data[1], 'H' ^ MASK);
    assert_false(heard.ready);
    mqw__layers_free(stack);
}

static void test_a_layer_fails_in_words(void **state)
{
    (void)state;
    hearing heard = {.len = 0};
    mqw__layers *stack = with_toys(NULL, 2);
    assert_int_equal(mqw__layers_start(stack), 0);
    assert_null(mqw__layers_why(stack));
    feed(stack, (const uint8_t *)"HEXXX", 5, &heard);
    assert_int_equal(heard.result, MQW_E_STREAM);
    assert_string_equal(mqw__layers_why(stack), "no greeting");
    mqw__layers_free(stack);
}

// The wire takes any amounts in any rhythm and gives them back in order.
static void test_wire(void **state)
{
    (void)state;
    mqw__layers *stack = mqw__layers_new();
    assert_non_null(stack);
    uint8_t chunk[3000];
    uint32_t sent = 0;
    uint32_t got = 0;
    for (int step = 0; step < 300; step++) {
        size_t len = (size_t)(step * 37) % sizeof chunk;
        for (size_t i = 0; i < len; i++)
            chunk[i] = (uint8_t)(sent++ * 7);
        mqw_bytes views[2] = {{chunk, len / 3}, {chunk + len / 3, len - len / 3}};
        assert_int_equal(mqw__layers_send(stack, views, 2), 0);
        mqw_bytes wire = mqw__layers_wire(stack);
        size_t take = step % 10 == 9 ? wire.len : wire.len / 2;
        for (size_t i = 0; i < take; i++)
            assert_int_equal(wire.data[i], (uint8_t)(got++ * 7));
        mqw__layers_wrote(stack, take);
    }
    assert_int_equal(sent, got + mqw__layers_wire(stack).len);
    assert_true(mqw__layers_ready(stack) && mqw__layers_done(stack) == (sent == got));
    mqw__layers_free(stack);
    mqw__layers_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_proxy_at_every_split),
        cmocka_unit_test(test_proxy_byte_by_byte),
        cmocka_unit_test(test_proxy_skips_a_long_rest),
        cmocka_unit_test(test_proxy_cut_off),
        cmocka_unit_test(test_held_back_bytes_come_later),
        cmocka_unit_test(test_toys_at_every_split),
        cmocka_unit_test(test_a_layer_starts_when_the_one_below_is_ready),
        cmocka_unit_test(test_a_layer_fails_in_words),
        cmocka_unit_test(test_wire),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
