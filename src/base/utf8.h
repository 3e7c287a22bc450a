// SPDX-License-Identifier: MIT
// UTF-8 strings: one pass over a text that tells everything about it that a standard may forbid.
#ifndef MQW_BASE_UTF8_H
#define MQW_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

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

#endif
