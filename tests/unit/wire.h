// SPDX-License-Identifier: MIT
// Packets from hex for the tests of src/wire: bytes on the heap with nothing behind them, and what to expect
// of them.
#ifndef MQW_TESTS_WIRE_H
#define MQW_TESTS_WIRE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <mqwire/codec.h>

enum { HELD = 64 };

/* The last few copies, so that views into them stay good for the length of a test; freed as new ones come. */
static uint8_t *held[HELD];
static size_t held_next;

/* A copy on the heap, exactly as long as it is. */
static inline mqw_bytes alone(const void *data, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);
    assert_non_null(copy);
    if (len)
        memcpy(copy, data, len);
    return (mqw_bytes){copy, len};
}

static inline mqw_bytes hold(const void *data, size_t len)
{
    mqw_bytes copy = alone(data, len);
    uint8_t **slot = &held[held_next++ % HELD];
    free(*slot);
    *slot = (uint8_t *)(uintptr_t)copy.data;
    return copy;
}

static inline int release_held(void **state)
{
    (void)state;
    for (size_t i = 0; i < HELD; i++) {
        free(held[i]);
        held[i] = NULL;
    }
    return 0;
}

static inline int hex_digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* The bytes of a line of hex; spaces count for nothing. */
static inline mqw_bytes hex(const char *text)
{
    uint8_t bytes[4096];
    size_t len = 0;
    for (const char *at = text; *at; at++) {
        if (*at == ' ')
            continue;
        assert_true(hex_digit(at[0]) >= 0 && hex_digit(at[1]) >= 0 && len < sizeof bytes);
        bytes[len++] = (uint8_t)(hex_digit(at[0]) << 4 | hex_digit(at[1]));
        at++;
    }
    return hold(bytes, len);
}

/* The bytes of a packet: its first byte and its body in hex, with the length between them counted. */
static inline mqw_bytes packet_hex(unsigned first, const char *body)
{
    mqw_bytes rest = hex(body);
    uint8_t bytes[4200];
    size_t len = 0;
    bytes[len++] = (uint8_t)first;
    size_t left = rest.len;
    for (; left >= 0x80; left >>= 7)
        bytes[len++] = (uint8_t)(left | 0x80);
    bytes[len++] = (uint8_t)left;
    memcpy(bytes + len, rest.data, rest.len);
    return hold(bytes, len + rest.len);
}

static mqw_error why;
static mqw_packet out;

static inline mqw_codec spoken(int version, int sender, const mqw_policy *policy)
{
    return (mqw_codec){.version = (uint8_t)version, .sender = (uint8_t)sender, .policy = policy};
}

/* Decodes into `out`, which is full of rubbish before. */
static inline int decode_with(int version, int sender, const mqw_policy *policy, mqw_bytes in)
{
    mqw_codec codec = spoken(version, sender, policy);
    memset(&out, 0xA5, sizeof out);
    memset(&why, 0xA5, sizeof why);
    return mqw_decode(&codec, in, &out, &why);
}

/* A packet breaks a rule, at an offset, in a field (NULL: none). */
static inline void expect_broken(int version, int sender, mqw_bytes in, int rule, size_t offset,
                                 const char *field)
{
    int code = decode_with(version, sender, NULL, in);
    if (code >= 0 || why.rule != rule || why.offset != offset)
        print_message("expected %s at %zu; got code %d, %s at %d, %s\n", mqw_rule_name(rule), offset, code,
                      code < 0 ? mqw_rule_name(why.rule) : "nothing", (int)why.offset,
                      code < 0 ? why.field : "");
    assert_true(code < 0);
    assert_int_equal(why.rule, rule);
    assert_int_equal(why.code, code);
    assert_int_equal(why.offset, offset);
    assert_true(why.by_peer);
    assert_int_equal(why.type, in.data[0] >> 4);
    assert_true(why.reason >= 0x80);
    if (field)
        assert_string_equal(why.field, field);
    else
        assert_null(why.field);
}

static inline bool violated(int rule)
{
    return mqw_rule_in(&out.violations, (mqw_rule)rule);
}

static inline bool none_violated(void)
{
    return (out.violations.bits[0] | out.violations.bits[1]) == 0;
}

/* The rule can be refused, reported and ignored, each by a policy. */
static inline void expect_policies(int version, int sender, mqw_bytes in, int rule)
{
    mqw_policy refuse = {0};
    mqw_policy report = {0};
    mqw_policy ignore = {0};
    mqw_rule_add(&refuse.refuse, (mqw_rule)rule);
    mqw_rule_add(&report.report, (mqw_rule)rule);
    mqw_rule_add(&ignore.ignore, (mqw_rule)rule);
    assert_true(decode_with(version, sender, &refuse, in) < 0);
    assert_int_equal(why.rule, rule);
    assert_int_equal(decode_with(version, sender, &report, in), in.len);
    assert_true(violated(rule));
    out.violations.bits[rule / 64] &= ~(UINT64_C(1) << rule % 64);
    assert_true(none_violated());
    assert_int_equal(decode_with(version, sender, &ignore, in), in.len);
    assert_true(none_violated());
}

/* Broken by default, at an offset, in a field; and as a policy says. */
static inline void expect_rule(int version, int sender, mqw_bytes in, int rule, size_t offset,
                               const char *field)
{
    expect_broken(version, sender, in, rule, offset, field);
    expect_policies(version, sender, in, rule);
}

/* No policy can switch it off. */
static inline void expect_always(int version, int sender, mqw_bytes in, int rule, size_t offset,
                                 const char *field)
{
    mqw_policy tolerant = {.ignore = {{~UINT64_C(0), ~UINT64_C(0)}}};
    expect_broken(version, sender, in, rule, offset, field);
    assert_true(decode_with(version, sender, &tolerant, in) < 0);
    assert_int_equal(why.rule, rule);
}

static inline void expect_good(int version, int sender, mqw_bytes in)
{
    int size = decode_with(version, sender, NULL, in);
    if (size < 0)
        print_message("refused: %s at %d\n", mqw_rule_name(why.rule), (int)why.offset);
    assert_int_equal(size, in.len);
    assert_true(none_violated());
}

/* Encodes `out` as that, however large the room is. */
static inline void expect_encoded(int version, int sender, mqw_bytes expected)
{
    mqw_codec codec = spoken(version, sender, NULL);
    for (size_t cap = 0; cap <= expected.len + 8; cap++) {
        uint8_t *room = malloc(cap ? cap : 1);
        assert_non_null(room);
        int size = mqw_encode(&codec, &out, room, cap, &why);
        if (cap < expected.len) {
            assert_int_equal(size, MQW_E_NO_ROOM);
            assert_int_equal(why.code, MQW_E_NO_ROOM);
            assert_int_equal(why.offset, expected.len);
        } else {
            assert_int_equal(size, expected.len);
            assert_memory_equal(room, expected.data, expected.len);
        }
        free(room);
    }
}

/* Each beginning of a packet is incomplete, and leaves `out` alone. */
static inline void expect_cuts(int version, int sender, mqw_bytes in)
{
    mqw_codec codec = spoken(version, sender, NULL);
    for (size_t len = 0; len < in.len; len++) {
        mqw_packet untouched;
        memset(&untouched, 0x5A, sizeof untouched);
        mqw_packet before = untouched;
        mqw_bytes beginning = alone(in.data, len);
        assert_int_equal(mqw_decode(&codec, beginning, &untouched, NULL), 0);
        assert_memory_equal(&untouched, &before, sizeof before);
        free((void *)(uintptr_t)beginning.data);
    }
}

/* A body that ends early, while the length says so, is read no further. */
static inline void expect_short_bodies(int version, int sender, mqw_bytes in)
{
    assert_true(in.len >= 2 && in.data[1] < 0x80);
    for (size_t len = 2; len < in.len; len++) {
        uint8_t bytes[256];
        memcpy(bytes, in.data, len);
        bytes[1] = (uint8_t)(len - 2);
        mqw_bytes cut = alone(bytes, len);
        int size = decode_with(version, sender, NULL, cut);
        assert_true(size == (int)len || size < 0);
        free((void *)(uintptr_t)cut.data);
    }
}

/* A packet that is good, comes back the same, and is incomplete until it is whole. */
static inline void expect_sample(int version, int sender, mqw_bytes in)
{
    expect_cuts(version, sender, in);
    expect_short_bodies(version, sender, in);
    expect_good(version, sender, in);
    expect_encoded(version, sender, in);
}

/* Sending is refused: by a rule, in a field (NULL: none). */
static inline void expect_unsendable(int version, int sender, const mqw_packet *packet, int code, int rule,
                                     const char *field)
{
    mqw_policy tolerant = {.ignore = {{~UINT64_C(0), ~UINT64_C(0)}}};
    mqw_codec codec = spoken(version, sender, &tolerant); /* a policy must make no difference */
    uint8_t room[1024];
    int result = mqw_encode(&codec, packet, room, sizeof room, &why);
    if (result != code || why.rule != rule)
        print_message("expected %d %s; got %d %s\n", code, mqw_rule_name(rule), result,
                      result < 0 ? mqw_rule_name(why.rule) : "nothing");
    assert_int_equal(result, code);
    assert_int_equal(why.code, code);
    assert_int_equal(why.rule, rule);
    assert_false(why.by_peer);
    if (field)
        assert_string_equal(why.field, field);
    else
        assert_null(why.field);
    assert_int_equal(mqw_encode(&codec, packet, room, sizeof room, NULL), code);
}

static inline mqw_text text(const char *s)
{
    return (mqw_text){s, strlen(s)};
}

static inline void expect_text(mqw_text have, const char *want)
{
    assert_int_equal(have.len, strlen(want));
    assert_memory_equal(have.data, want, have.len);
}

static inline void expect_bytes(mqw_bytes have, const char *want)
{
    mqw_bytes wanted = hex(want);
    assert_int_equal(have.len, wanted.len);
    assert_memory_equal(have.data, wanted.data, have.len);
}

#endif
