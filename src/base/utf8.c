// SPDX-License-Identifier: MIT
// UTF-8 strings. Plain text (printable ASCII without + and #) passes in blocks, all else character by
// character.
#include "base/utf8.h"

#include <stdbool.h>
#include <string.h>

#if defined(__SSE2__) && !defined(MQW_PORTABLE)

#include <emmintrin.h>

enum { BLOCK = 16 };

/* Bytes compare signed here, so that those above 0x7F are below a space, too. */
static inline bool vector_is_plain(__m128i v)
{
    __m128i odd = _mm_or_si128(_mm_cmplt_epi8(v, _mm_set1_epi8(' ')), _mm_cmpeq_epi8(v, _mm_set1_epi8(0x7F)));
    __m128i wild = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('+')), _mm_cmpeq_epi8(v, _mm_set1_epi8('#')));
    return _mm_movemask_epi8(_mm_or_si128(odd, wild)) == 0;
}

static inline bool block_is_plain(const uint8_t *at)
{
    return vector_is_plain(_mm_loadu_si128((const void *)at));
}

/* Less than a block: the ends are loaded so that they overlap in the middle. */
static inline bool rest_is_plain(const uint8_t *at, size_t len)
{
    if (len >= 8)
        return vector_is_plain(_mm_unpacklo_epi64(_mm_loadl_epi64((const void *)at),
                                                  _mm_loadl_epi64((const void *)(at + len - 8))));
    uint32_t head = 0x20202020;
    uint32_t tail = head;
    if (len >= 4) {
        memcpy(&head, at, 4);
        memcpy(&tail, at + len - 4, 4);
    } else if (len > 0) {
        head = 0x20000000 | (uint32_t)at[0] << 16 | (uint32_t)at[len / 2] << 8 | at[len - 1];
    }
    return vector_is_plain(_mm_set_epi32((int)head, (int)tail, (int)head, (int)tail));
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

static inline bool rest_is_plain(const uint8_t *at, size_t len)
{
    word w = EVERY(' ');
    if (len > 0)
        memcpy(&w, at, len);
    return word_is_plain(w);
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

/* Adds to *found what the characters that begin before `stop` are; returns the place behind the last of them.
 */
static const uint8_t *scan_slowly(const uint8_t *at, const uint8_t *stop, const uint8_t *end, unsigned *found)
{
    while (at < stop) {
        uint32_t code = 0;
        size_t size = mqw__utf8_next(at, (size_t)(end - at), &code);
        *found |= size ? kind_of(code) : MQW__UTF8_ILL_FORMED;
        at += size ? size : 1;
    }
    return at;
}

unsigned mqw__utf8_scan(const void *text, size_t len)
{
    if (len == 0)
        return 0;
    unsigned found = 0;
    const uint8_t *at = text;
    const uint8_t *end = at + len;
    while ((size_t)(end - at) >= BLOCK) {
        if (block_is_plain(at))
            at += BLOCK;
        else
            at = scan_slowly(at, at + BLOCK, end, &found);
    }
    if (at < end && !(len >= BLOCK ? block_is_plain(end - BLOCK) : rest_is_plain(at, (size_t)(end - at))))
        scan_slowly(at, end, end, &found);
    return found;
}
