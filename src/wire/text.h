// SPDX-License-Identifier: MIT
// What print, scan and words share: writing text as snprintf does, and which characters stand for themselves.
#ifndef MQW_WIRE_TEXT_H
#define MQW_WIRE_TEXT_H

#include <mqwire/packet.h>

// Where a line is written: `at` counts on when nothing fits any more.
typedef struct mqw__out {
    char *to;
    size_t cap;
    size_t at;
} mqw__out;

void mqw__put(mqw__out *out, const char *text, size_t len);
void mqw__put_text(mqw__out *out, const char *text);
void mqw__put_number(mqw__out *out, uint64_t number);
void mqw__put_hex(mqw__out *out, uint8_t byte); // two digits, nothing in front
// Terminates the line; returns the length that it has or would have.
size_t mqw__put_end(const mqw__out *out);

// How a character is written between quotes: as itself, escaped, or escaped and so foreign to texts that
// bytes with it are better shown in hexadecimal.
typedef enum mqw__look { MQW__PLAIN, MQW__ESCAPED, MQW__BINARY } mqw__look;

// The look of the character at `at`, of which `left` bytes (at least one) can be read. Returns its length; 1
// when the bytes there are not well-formed UTF-8.
size_t mqw__glyph(const uint8_t *at, size_t left, mqw__look *look);

// The value of a reason code's name, in any case; negative: there is none of that name.
int mqw__reason_by_name(const char *name, size_t len);
// Whether two words are the same but for case.
bool mqw__same_word(const char *a, size_t a_len, const char *b, size_t b_len);

#endif
