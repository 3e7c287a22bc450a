// SPDX-License-Identifier: MIT
// UTF-8 (sections 1.5.3 and 1.5.4): every short sequence and every code point against the tables of Unicode,
// and the portable path against the other.
#include "base/utf8.h"

/* A second copy, which does without what the machine has. */
#undef MQW__UTF8_SSE2
#define mqw__utf8_scan portable_scan
#define mqw__utf8_next portable_next
#include "base/utf8.c"
#undef mqw__utf8_scan
#undef mqw__utf8_next

#include "wire.h"

/* Table 3-7 of the Unicode standard: ranges of each byte of a well-formed sequence. */
static const uint8_t forms[][8] = {
    {0x00, 0x7F},
    {0xC2, 0xDF, 0x80, 0xBF},
    {0xE0, 0xE0, 0xA0, 0xBF, 0x80, 0xBF},
    {0xE1, 0xEC, 0x80, 0xBF, 0x80, 0xBF},
    {0xED, 0xED, 0x80, 0x9F, 0x80, 0xBF},
    {0xEE, 0xEF, 0x80, 0xBF, 0x80, 0xBF},
    {0xF0, 0xF0, 0x90, 0xBF, 0x80, 0xBF, 0x80, 0xBF},
    {0xF1, 0xF3, 0x80, 0xBF, 0x80, 0xBF, 0x80, 0xBF},
    {0xF4, 0xF4, 0x80, 0x8F, 0x80, 0xBF, 0x80, 0xBF},
};

static size_t form_size(const uint8_t *form)
{
    size_t size = 1;
    while (size < 4 && form[2 * size + 1])
        size++;
    return size;
}

static size_t naive_next(const uint8_t *at, size_t len)
{
    for (size_t f = 0; f < sizeof forms / sizeof *forms; f++) {
        size_t size = form_size(forms[f]);
        bool fits = size <= len;
        for (size_t i = 0; fits && i < size; i++)
            fits = at[i] >= forms[f][2 * i] && at[i] <= forms[f][2 * i + 1];
        if (fits)
            return size;
    }
    return 0;
}

static bool is_control(uint32_t c)
{
    return (c >= 0x01 && c <= 0x1F) || (c >= 0x7F && c <= 0x9F);
}

static bool is_noncharacter(uint32_t c)
{
    if (c >= 0xFDD0 && c <= 0xFDEF)
        return true;
    for (uint32_t plane = 0; plane <= 0x10; plane++)
        if (c == plane * 0x10000 + 0xFFFE || c == plane * 0x10000 + 0xFFFF)
            return true;
    return false;
}

static uint32_t naive_code(const uint8_t *at, size_t size)
{
    static const uint8_t lead[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    uint32_t code = at[0] & lead[size];
    for (size_t i = 1; i < size; i++)
        code = code * 64 + (at[i] & 63);
    return code;
}

static unsigned naive_scan(const uint8_t *at, size_t len)
{
    unsigned found = 0;
    for (size_t i = 0; i < len;) {
        size_t size = naive_next(at + i, len - i);
        if (size == 0) {
            found |= MQW__UTF8_ILL_FORMED;
            i++;
            continue;
        }
        uint32_t code = naive_code(at + i, size);
        if (code == 0)
            found |= MQW__UTF8_ZERO;
        if (code == '+' || code == '#')
            found |= MQW__UTF8_WILDCARD;
        if (is_control(code) || is_noncharacter(code))
            found |= MQW__UTF8_UNUSUAL;
        i += size;
    }
    return found;
}

static void compare(const uint8_t *at, size_t len)
{
    unsigned expected = naive_scan(at, len);
    if (mqw__utf8_scan(at, len) != expected || portable_scan(at, len) != expected) {
        print_message("%zu bytes: %02x %02x %02x %02x\n", len, at[0], at[1], at[2], at[3]);
        fail();
    }
}

// MQTT-1.5.3-1 MQTT-1.5.4-1: ill-formed sequences, among them overlong ones and surrogates.
static void test_every_sequence_of_up_to_three_bytes(void **state)
{
    (void)state;
    uint8_t at[4] = {0};
    for (unsigned a = 0; a < 256; a++) {
        at[0] = (uint8_t)a;
        compare(at, 1);
        for (unsigned b = 0; b < 256; b++) {
            at[1] = (uint8_t)b;
            compare(at, 2);
            if (a < 0x80)
                continue; /* the pair that follows was compared by itself */
            for (unsigned c = 0; c < 256; c++) {
                at[2] = (uint8_t)c;
                unsigned expected = naive_scan(at, 3);
                assert_int_equal(mqw__utf8_scan(at, 3), expected);
                assert_int_equal(portable_scan(at, 3), expected);
            }
        }
    }
}

static void test_sequences_of_four_bytes(void **state)
{
    (void)state;
    static const uint8_t edges[] = {0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0xBE, 0xBF, 0xC0, 0xFF};
    uint8_t at[4];
    for (unsigned a = 0xE0; a < 256; a++)
        for (unsigned b = 0; b < 256; b++)
            for (unsigned c = 0; c < sizeof edges; c++)
                for (unsigned d = 0; d < sizeof edges; d++) {
                    at[0] = (uint8_t)a;
                    at[1] = (uint8_t)b;
                    at[2] = edges[c];
                    at[3] = edges[d];
                    compare(at, 4);
                }
}

static size_t put(uint8_t *to, uint32_t c)
{
    size_t size = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint8_t lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = size; i-- > 1; c >>= 6)
        to[i] = (uint8_t)(0x80 | (c & 0x3F));
    to[0] = (uint8_t)(lead[size] | c);
    return size;
}

// MQTT-1.5.4-2, section 1.5.4: what each code point is; U+FEFF is data (MQTT-1.5.4-3).
static void test_every_code_point(void **state)
{
    (void)state;
    for (uint32_t c = 0; c <= 0x10FFFF; c++) {
        uint8_t at[4];
        size_t size = put(at, c);
        unsigned expected = 0;
        if (c == 0)
            expected = MQW__UTF8_ZERO;
        else if (c == '+' || c == '#')
            expected = MQW__UTF8_WILDCARD;
        else if (c >= 0xD800 && c <= 0xDFFF)
            expected = MQW__UTF8_ILL_FORMED;
        else if (is_control(c) || is_noncharacter(c))
            expected = MQW__UTF8_UNUSUAL;
        assert_int_equal(mqw__utf8_scan(at, size), expected);
        assert_int_equal(portable_scan(at, size), expected);
        uint32_t code = 0;
        assert_int_equal(mqw__utf8_next(at, size, &code), expected == MQW__UTF8_ILL_FORMED ? 0 : size);
        if (expected != MQW__UTF8_ILL_FORMED)
            assert_int_equal(code, c);
        if (size > 1)
            assert_int_equal(mqw__utf8_next(at, size - 1, &code), 0);
    }
    uint32_t code;
    assert_int_equal(mqw__utf8_next((const uint8_t *)"", 0, &code), 0);
}

/* One piece of a random text; mostly plain. */
static size_t put_piece(uint8_t *to, uint32_t random)
{
    static const char *const pieces[] = {"+",
                                         "#",
                                         "\x01",
                                         "\x7f",
                                         "\xc2\x80",
                                         "\xc3\xa9",
                                         "\xe2\x82\xac",
                                         "\xf0\x9f\x98\x80",
                                         "\xed\xa0\x80",
                                         "\xc0\x80",
                                         "\xff",
                                         "\xef\xbf\xbf",
                                         "\xe2\x82",
                                         "\x80",
                                         "~",
                                         " "};
    if (random % 8 != 0) {
        to[0] = (uint8_t)('a' + random / 8 % 26);
        return 1;
    }
    const char *piece = pieces[random / 8 % 16];
    size_t len = strlen(piece);
    memcpy(to, piece, len);
    return len;
}

/* Every length up to 70 at every alignment, with nothing behind it that could be read. */
static void test_random_texts(void **state)
{
    (void)state;
    uint32_t random = 1;
    for (unsigned round = 0; round < 24; round++)
        for (size_t align = 0; align < 16; align++)
            for (size_t len = 0; len <= 70; len++) {
                uint8_t *block = malloc(align + len + 1);
                assert_non_null(block);
                uint8_t *at = block + align + 1; /* the block ends where the text does */
                uint8_t text[80];
                size_t used = 0;
                while (used < len) {
                    random = random * 1664525 + 1013904223;
                    used += put_piece(text + used, random >> 8);
                }
                if (round == 0)
                    memset(text, 'x', sizeof text);
                if (round == 1 && len)
                    text[random % len] = 0;
                if (len)
                    memcpy(at, text, len);
                unsigned expected = naive_scan(text, len);
                assert_int_equal(mqw__utf8_scan(at, len), expected);
                assert_int_equal(mqw__utf8_find(at, len), expected);
                assert_int_equal(portable_scan(at, len), expected);
                free(block);
            }
}

/* One odd byte in a plain text is found wherever it stands. */
static void test_one_odd_byte(void **state)
{
    (void)state;
    for (size_t len = 1; len <= 70; len++)
        for (size_t at = 0; at < len; at++)
            for (unsigned byte = 0; byte < 256; byte++) {
                uint8_t text[70];
                memset(text, '/', sizeof text);
                text[at] = (uint8_t)byte;
                unsigned expected = naive_scan(text + at, 1);
                assert_int_equal(mqw__utf8_scan(text, len), expected);
                assert_int_equal(mqw__utf8_find(text, len), expected);
                assert_int_equal(portable_scan(text, len), expected);
            }
}

// MQTT-1.5.3-1 MQTT-1.5.4-1 MQTT-1.5.3-2 MQTT-1.5.4-2
static void test_public_check(void **state)
{
    (void)state;
    assert_int_equal(mqw_utf8_check((mqw_text){NULL, 0}), 0);
    assert_int_equal(mqw_utf8_check(text("+/# \xef\xbb\xbf \x01")), 0);
    assert_int_equal(mqw_utf8_check((mqw_text){"a\0b", 3}), MQW_RULE_UTF8_NUL);
    assert_int_equal(mqw_utf8_check((mqw_text){"a\0\xff", 3}), MQW_RULE_UTF8);
    assert_int_equal(mqw_utf8_check(text("\xed\xbf\xbf")), MQW_RULE_UTF8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_sequence_of_up_to_three_bytes),
        cmocka_unit_test(test_sequences_of_four_bytes),
        cmocka_unit_test(test_every_code_point),
        cmocka_unit_test(test_random_texts),
        cmocka_unit_test(test_one_odd_byte),
        cmocka_unit_test(test_public_check),
    };
    return cmocka_run_group_tests(tests, NULL, release_held);
}
