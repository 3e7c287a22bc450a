// SPDX-License-Identifier: MIT
// Small writers of text and the look of characters; see text.h.
#include "wire/text.h"

#include <string.h>

#include "base/utf8.h"

static const char HEX[] = "0123456789abcdef";

void mqw__put(mqw__out *out, const char *text, size_t len)
{
    if (out->at < out->cap && len > 0) {
        size_t room = out->cap - out->at;
        memcpy(out->to + out->at, text, len < room ? len : room);
    }
    out->at += len;
}

void mqw__put_text(mqw__out *out, const char *text)
{
    mqw__put(out, text, strlen(text));
}

void mqw__put_number(mqw__out *out, uint64_t number)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    mqw__put(out, digits + at, sizeof(digits) - at);
}

void mqw__put_hex(mqw__out *out, uint8_t byte)
{
    char digits[2] = {HEX[byte >> 4], HEX[byte & 15]};
    mqw__put(out, digits, 2);
}

size_t mqw__put_end(const mqw__out *out)
{
    if (out->cap > 0)
        out->to[out->at < out->cap ? out->at : out->cap - 1] = '\0';
    return out->at;
}

// Characters that end a line or turn its direction would let a peer forge what a log shows.
static mqw__look look_of(uint32_t rune)
{
    if (rune < 0xA0)
        return MQW__BINARY;
    if ((rune >= 0x2028 && rune <= 0x202E) || (rune >= 0x2066 && rune <= 0x2069))
        return MQW__ESCAPED;
    return MQW__PLAIN;
}

static mqw__look look_of_ascii(uint8_t byte)
{
    if (byte == '"' || byte == '\\' || byte == '\n' || byte == '\r' || byte == '\t')
        return MQW__ESCAPED;
    return byte < 0x20 || byte == 0x7F ? MQW__BINARY : MQW__PLAIN;
}

size_t mqw__glyph(const uint8_t *at, size_t left, mqw__look *look)
{
    if (at[0] < 0x80) {
        *look = look_of_ascii(at[0]);
        return 1;
    }
    uint32_t rune = 0;
    size_t len = mqw__utf8_next(at, left, &rune);
    *look = len == 0 ? MQW__BINARY : look_of(rune);
    return len == 0 ? 1 : len;
}

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

bool mqw__same_word(const char *a, size_t a_len, const char *b, size_t b_len)
{
    if (a_len != b_len)
        return false;
    for (size_t i = 0; i < a_len; i++)
        if (upper(a[i]) != upper(b[i]))
            return false;
    return true;
}
