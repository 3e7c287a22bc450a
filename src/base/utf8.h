// SPDX-License-Identifier: MIT
// UTF-8 strings: one pass over a text that tells everything about it that a standard may forbid.
#ifndef MQW_BASE_UTF8_H
#define MQW_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__SSE2__) && !defined(MQW_PORTABLE)
#define MQW__UTF8_SSE2
#include <emmintrin.h>
#endif

/* What mqw__utf8_scan finds in a text. */
enum {
    MQW__UTF8_ILL_FORMED = 1, /* not UTF-8: overlong, surrogate, above U+10FFFF, cut short */
    MQW__UTF8_ZERO = 2,       /* U+0000 */
    MQW__UTF8_UNUSUAL = 4,    /* another control character, or a non-character */
    MQW__UTF8_WILDCARD = 16   /* + or # */
};

/* The findings in a text, 0 for most; at most linear time, nothing read beyond it. */
unsigned mqw__utf8_scan(const void *text, size_t len);

/* Length (1 to 4) of the well-formed sequence at the start of text, with its code point; 0: there is none. */
size_t mqw__utf8_next(const uint8_t *text, size_t len, uint32_t *code);

#ifdef MQW__UTF8_SSE2

static inline __m128i mqw__utf8_load(const uint8_t *at)
{
    return _mm_loadu_si128((const void *)at);
}

/* A text of 8 to 15 bytes: its two ends overlap in the middle. */
static inline __m128i mqw__utf8_load_ends(const uint8_t *at, size_t len)
{
    return _mm_unpacklo_epi64(_mm_loadl_epi64((const void *)at),
                              _mm_loadl_epi64((const void *)(at + len - 8)));
}

/* Leaves 0 of the bytes that are plain: from ' ' to '~', and neither + nor #, which differ in one bit. */
static inline __m128i mqw__utf8_odd_bytes(__m128i v)
{
    __m128i outside = _mm_subs_epu8(_mm_sub_epi8(v, _mm_set1_epi8(' ')), _mm_set1_epi8('~' - ' '));
    __m128i wild = _mm_cmpeq_epi8(_mm_and_si128(v, _mm_set1_epi8(~('+' ^ '#'))), _mm_set1_epi8('#'));
    return _mm_or_si128(outside, wild);
}

static inline bool mqw__utf8_none(__m128i odd)
{
    return _mm_movemask_epi8(_mm_cmpeq_epi8(odd, _mm_setzero_si128())) == 0xFFFF;
}

#endif

/* The same as mqw__utf8_scan; for a plain text of a length that most have without a call. */
#if defined(MQW__UTF8_SSE2) && !defined(__OPTIMIZE_SIZE__)
static inline unsigned mqw__utf8_find(const void *text, size_t len)
{
    const uint8_t *at = text;
    if (len >= 16 && len <= 32 &&
        mqw__utf8_none(_mm_or_si128(mqw__utf8_odd_bytes(mqw__utf8_load(at)),
                                    mqw__utf8_odd_bytes(mqw__utf8_load(at + len - 16)))))
        return 0;
    if (len >= 8 && len < 16 && mqw__utf8_none(mqw__utf8_odd_bytes(mqw__utf8_load_ends(at, len))))
        return 0;
    return mqw__utf8_scan(text, len);
}
#else
#define mqw__utf8_find mqw__utf8_scan
#endif

#endif
