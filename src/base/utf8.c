// SPDX-License-Identifier: MIT
// UTF-8 strings. Plain text (printable ASCII without + and #) passes in blocks, all else character by
// character.
#include "base/utf8.h"

#include <stdbool.h>
#include <string.h>

#ifdef MQW__UTF8_SSE2

enum { BLOCK = 16 };

static inline bool block_is_plain(const uint8_t *at)
{
    return mqw__utf8_none(mqw__utf8_odd_bytes(mqw__utf8_load(at)));
}

/* A text of less than a block: its two ends are loaded so that they overlap in the middle. */
static inline bool short_is_plain(const uint8_t *at, size_t len)
{
    if (len >= 8)
        return mqw__utf8_none(mqw__utf8_odd_bytes(mqw__utf8_load_ends(at, len)));
    uint32_t head = 0x20202020;
    uint32_t tail = head;
    if (len >= 4) {
        memcpy(&head, at, 4);
        memcpy(&tail, at + len - 4, 4);
    } else if (len > 0) {
        head = 0x20000000 | (uint32_t)at[0] << 16 | (uint32_t)at[len / 2] << 8 | at[len - 1];
    }
    return mqw__utf8_none(mqw__utf8_odd_bytes(_mm_set_epi32((int)head, (int)tail, (int)head, (int)tail)));
}

/* A text of at least a block: as above, and in one question. */
static inline bool long_is_plain(const uint8_t *at, size_t len)
{
    const uint8_t *last = at + len - BLOCK;
    __m128i odd =
        _mm_or_si128(mqw__utf8_odd_bytes(mqw__utf8_load(at)), mqw__utf8_odd_bytes(mqw__utf8_load(last)));
    for (at += BLOCK; at < last; at += BLOCK)
        odd = _mm_or_si128(odd, mqw__utf8_odd_bytes(mqw__utf8_load(at)));
    return mqw__utf8_none(odd);
}

#else

typedef size_t word;
enum { BLOCK = sizeof(word) };

#define EVERY(byte) ((word)-1 / 0xFF * (byte))

/* The top bit of a byte of `hit` is set where a byte is not plain; a borrow or carry can set more, but only
 * then. */
static inline bool word_is_plain(word w)
{
    word plus = w ^ EVERY('+');
    word hash = w ^ EVERY('#');
    word hit = w | (w + EVERY(1)) | (w - EVERY(' ')) | (plus - EVERY(1)) | (hash - EVERY(1));
    return (hit & EVERY(0x80)) == 0;
}

static inline bool block_is_plain(const uint8_t *at)
{
    word w;
    memcpy(&w, at, sizeof w);
    return word_is_plain(w);
}

static inline bool short_is_plain(const uint8_t *at, size_t len)
{
    word w = EVERY(' ');
    for (size_t i = 0; i < len; i++)
        w = w << 8 | at[i];
    return word_is_plain(w);
}

/* The last block overlaps the one before it. */
static inline bool long_is_plain(const uint8_t *at, size_t len)
{
    for (; len > BLOCK; len -= BLOCK, at += BLOCK)
        if (!block_is_plain(at))
            return false;
    return block_is_plain(at + len - BLOCK);
}

#endif

size_t mqw__utf8_next(const uint8_t *text, size_t len, uint32_t *code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (len == 0)
        return 0;
    uint32_t first = text[0];
    size_t size = first < 0x80   ? 1
                  : first < 0xC2 ? 0
                  : first < 0xE0 ? 2
                  : first < 0xF0 ? 3
                  : first < 0xF5 ? 4
                                 : 0;
    if (size == 0 || size > len)
        return 0;
    uint32_t c = size == 1 ? first : first & (0x7Fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((text[i] & 0xC0) != 0x80)
            return 0;
        c = c << 6 | (text[i] & 0x3F);
    }
    if (c < least[size] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
        return 0;
    *code = c;
    return size;
}

static unsigned kind_of(uint32_t c)
{
    if (c == 0)
        return MQW__UTF8_ZERO;
    if (c == '+' || c == '#')
        return MQW__UTF8_WILDCARD;
    bool control = c < 0x20 || (c >= 0x7F && c < 0xA0);
    bool never_a_character = (c >= 0xFDD0 && c <= 0xFDEF) || (c & 0xFFFE) == 0xFFFE;
    return control || never_a_character ? MQW__UTF8_UNUSUAL : 0;
}

/* Character by character, except where whole blocks are plain. */
__attribute__((noinline)) static unsigned scan_slowly(const uint8_t *at, size_t len)
{
    unsigned found = 0;
    while (len > 0) {
        uint32_t code = 0;
        size_t size = BLOCK;
        if (len < BLOCK || !block_is_plain(at)) {
            size = mqw__utf8_next(at, len, &code);
            found |= size ? kind_of(code) : MQW__UTF8_ILL_FORMED;
            size += !size;
        }
        at += size;
        len -= size;
    }
    return found;
}

unsigned mqw__utf8_scan(const void *text, size_t len)
{
    if (len >= BLOCK ? long_is_plain(text, len) : short_is_plain(text, len))
        return 0;
    return scan_slowly(text, len);
}
