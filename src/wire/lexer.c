// SPDX-License-Identifier: MIT
// Words and values of the text form; see lexer.h.
#include "wire/lexer.h"

#include <string.h>

#include "wire/text.h"

enum { NO_DIGIT = 16 };

void mqw__lex_fail(mqw__lexer *in, const char *at, const char *expected)
{
    if (in->code == 0) {
        in->code = MQW_E_MALFORMED;
        in->expected = expected;
        in->failed_at = at;
    }
    in->at = in->end;
}

void mqw__lex_no_room(mqw__lexer *in)
{
    if (in->code == 0)
        in->code = MQW_E_NO_ROOM;
    in->at = in->end;
}

/* ---- characters and words ---- */

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static unsigned digit(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    if (c >= 'a' && c <= 'f')
        return (unsigned)(c - 'a') + 10;
    return c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10 : NO_DIGIT;
}

char mqw__lex_peek(const mqw__lexer *in)
{
    return in->at < in->end ? *in->at : '\0';
}

bool mqw__lex_take(mqw__lexer *in, char c)
{
    bool found = in->at < in->end && *in->at == c;
    in->at += found;
    return found;
}

bool mqw__lex_blanks(mqw__lexer *in)
{
    const char *start = in->at;
    while (in->at < in->end && (*in->at == ' ' || *in->at == '\t' || *in->at == '\r' || *in->at == '\n'))
        in->at++;
    return in->at > start;
}

mqw_text mqw__lex_word(mqw__lexer *in, char also)
{
    const char *start = in->at;
    while (in->at < in->end && (is_word(*in->at) || *in->at == also))
        in->at++;
    return (mqw_text){start, (size_t)(in->at - start)};
}

bool mqw__lex_is(mqw_text word, mqw_text name)
{
    return word.len == name.len && memcmp(word.data, name.data, name.len) == 0;
}

/* ---- numbers ---- */

static bool take_0x(mqw__lexer *in)
{
    bool found = in->end - in->at >= 2 && in->at[0] == '0' && (in->at[1] == 'x' || in->at[1] == 'X');
    in->at += found ? 2 : 0;
    return found;
}

uint32_t mqw__lex_number(mqw__lexer *in, uint32_t most, const char *expected)
{
    const char *start = in->at;
    unsigned base = take_0x(in) ? 16 : 10;
    const char *digits = in->at;
    uint64_t number = 0;
    while (digit(mqw__lex_peek(in)) < base && number <= most)
        number = number * base + digit(*in->at++);
    if (in->at > digits && number <= most)
        return (uint32_t)number;
    mqw__lex_fail(in, start, expected);
    return 0;
}

uint8_t mqw__lex_reason(mqw__lexer *in)
{
    static const char expected[] = "a reason code: its name, or a number up to 255";
    if (digit(mqw__lex_peek(in)) < 10)
        return (uint8_t)mqw__lex_number(in, UINT8_MAX, expected);
    mqw_text name = mqw__lex_word(in, '_');
    int reason = mqw__reason_by_name(name.data, name.len);
    if (reason >= 0)
        return (uint8_t)reason;
    mqw__lex_fail(in, name.data, expected);
    return 0;
}

/* ---- texts and bytes ---- */

static void store(mqw__lexer *in, const void *bytes, size_t len)
{
    if (!in->storing || len == 0)
        return;
    if (in->used > in->cap || len > in->cap - in->used) {
        mqw__lex_no_room(in);
        return;
    }
    memcpy(in->room + in->used, bytes, len);
    in->used += len;
}

// What was stored from `start` on. An empty room may be NULL, but a view never is.
static mqw_bytes stored(const mqw__lexer *in, size_t start)
{
    size_t len = in->used - start;
    return (mqw_bytes){len > 0 ? in->room + start : (const uint8_t *)"", len};
}

static void store_hex(mqw__lexer *in)
{
    unsigned high = digit(mqw__lex_peek(in));
    unsigned low = in->end - in->at >= 2 ? digit(in->at[1]) : NO_DIGIT;
    if (high == NO_DIGIT || low == NO_DIGIT) {
        mqw__lex_fail(in, in->at, "two hexadecimal digits for each byte");
        return;
    }
    in->at += 2;
    store(in, &(uint8_t){(uint8_t)(high << 4 | low)}, 1);
}

// The backslash is taken.
static void store_escape(mqw__lexer *in)
{
    static const char letters[] = "\"\\nrt", bytes[] = "\"\\\n\r\t";
    const char *backslash = in->at - 1;
    if (mqw__lex_take(in, 'x')) {
        store_hex(in);
        return;
    }
    char c = mqw__lex_peek(in);
    const char *letter = c ? strchr(letters, c) : NULL;
    if (letter == NULL) {
        mqw__lex_fail(in, backslash, "an escape: \\\" \\\\ \\n \\r \\t or \\x and two digits");
        return;
    }
    in->at++;
    store(in, &bytes[letter - letters], 1);
}

// The opening quote is taken.
static void store_quoted(mqw__lexer *in)
{
    while (!mqw__lex_take(in, '"')) {
        const char *plain = in->at;
        while (in->at < in->end && *in->at != '"' && *in->at != '\\')
            in->at++;
        store(in, plain, (size_t)(in->at - plain));
        if (mqw__lex_take(in, '\\'))
            store_escape(in);
        if (in->at == in->end) {
            mqw__lex_fail(in, in->end, "a closing quote");
            return;
        }
    }
}

mqw_bytes mqw__lex_bytes(mqw__lexer *in)
{
    size_t start = in->used;
    if (mqw__lex_take(in, '"'))
        store_quoted(in);
    else if (take_0x(in))
        while (is_word(mqw__lex_peek(in)))
            store_hex(in);
    else
        mqw__lex_fail(in, in->at, "a quoted text, or 0x and hexadecimal digits");
    return stored(in, start);
}

mqw_bytes mqw__lex_reasons(mqw__lexer *in)
{
    size_t start = in->used;
    do
        store(in, &(uint8_t){mqw__lex_reason(in)}, 1);
    while (mqw__lex_take(in, ','));
    return stored(in, start);
}
