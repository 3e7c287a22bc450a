// SPDX-License-Identifier: MIT
// Memory that grows, and the notation in which transcripts write bytes.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec.h"

static void reserve(spec_bytes *to, size_t more)
{
    size_t need = to->len + more + 1;
    if (need <= to->cap)
        return;
    to->cap = need > 2 * to->cap ? need : 2 * to->cap;
    to->data = realloc(to->data, to->cap);
    if (to->data == NULL)
        abort();
}

void spec_put(spec_bytes *to, const void *data, size_t len)
{
    reserve(to, len);
    if (len > 0)
        memcpy(to->data + to->len, data, len);
    to->len += len;
    to->data[to->len] = 0;
}

void spec_put_byte(spec_bytes *to, unsigned byte)
{
    uint8_t value = (uint8_t)byte;
    spec_put(to, &value, 1);
}

void spec_put_vbi(spec_bytes *to, size_t value)
{
    for (; value >= 0x80; value >>= 7)
        spec_put_byte(to, (unsigned)(value & 0x7F) | 0x80);
    spec_put_byte(to, (unsigned)value);
}

void spec_vprintf(spec_bytes *to, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    if (len < 0)
        abort();
    reserve(to, (size_t)len);
    vsnprintf((char *)to->data + to->len, (size_t)len + 1, format, again);
    va_end(again);
    to->len += (size_t)len;
}

void spec_printf(spec_bytes *to, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    spec_vprintf(to, format, args);
    va_end(args);
}

const char *spec_text(const spec_bytes *text)
{
    return text->data == NULL ? "" : (const char *)text->data;
}

void spec_clear(spec_bytes *bytes)
{
    bytes->len = 0;
    if (bytes->data != NULL)
        bytes->data[0] = 0;
}

void spec_free(spec_bytes *bytes)
{
    free(bytes->data);
    *bytes = (spec_bytes){0};
}

mqw_bytes spec_view(const spec_bytes *bytes)
{
    return (mqw_bytes){bytes->data, bytes->len};
}

uint8_t *spec_exact(const void *data, size_t len)
{
    uint8_t *copy = malloc(len);
    if (copy == NULL && len > 0)
        abort();
    if (len > 0)
        memcpy(copy, data, len);
    return copy;
}

/* --- the notation --- */

typedef struct cursor {
    const char *at;
    const char *why;
} cursor;

static bool read_items(cursor *in, spec_bytes *out, char closing);

static bool wrong(cursor *in, const char *why)
{
    in->why = why;
    return false;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void skip_blanks(cursor *in)
{
    for (;;) {
        in->at += strspn(in->at, " \t\n");
        if (*in->at != '#')
            return;
        in->at += strcspn(in->at, "\n");
    }
}

static bool read_hex(cursor *in, spec_bytes *out)
{
    while (digit(in->at[0]) >= 0) {
        if (digit(in->at[1]) < 0)
            return wrong(in, "odd number of digits");
        spec_put_byte(out, (unsigned)(digit(in->at[0]) << 4 | digit(in->at[1])));
        in->at += 2;
    }
    return true;
}

static bool read_quoted(cursor *in, spec_bytes *out)
{
    for (in->at++; *in->at != '"'; in->at++) {
        if (*in->at == '\0' || *in->at == '\n')
            return wrong(in, "closing quote is missing");
        if (*in->at == '\\')
            in->at++;
        spec_put_byte(out, (unsigned char)*in->at);
    }
    in->at++;
    return true;
}

/* `( ... )` has its length in front as a variable byte integer, `[ ... ]` in two bytes. */
static bool read_group(cursor *in, spec_bytes *out, char closing)
{
    spec_bytes inside = {0};
    in->at++;
    bool good = read_items(in, &inside, closing);
    if (good && closing == ')')
        spec_put_vbi(out, inside.len);
    if (good && closing == ']') {
        spec_put_byte(out, (unsigned)(inside.len >> 8 & 0xFF));
        spec_put_byte(out, (unsigned)(inside.len & 0xFF));
    }
    if (good && closing == ']' && inside.len > 0xFFFF)
        good = wrong(in, "more than 65,535 bytes in [ ]");
    if (good)
        spec_put(out, inside.data, inside.len);
    spec_free(&inside);
    return good;
}

static bool read_item(cursor *in, spec_bytes *out)
{
    if (*in->at == '(')
        return read_group(in, out, ')');
    if (*in->at == '[')
        return read_group(in, out, ']');
    if (*in->at == '"')
        return read_quoted(in, out);
    if (digit(*in->at) >= 0)
        return read_hex(in, out);
    return wrong(in, "neither hexadecimal digits, \", ( nor [");
}

/* `*3` behind an item: three times. */
static void repeat(cursor *in, spec_bytes *out, size_t start)
{
    if (*in->at != '*')
        return;
    char *end = NULL;
    unsigned long times = strtoul(in->at + 1, &end, 10);
    in->at = end;
    size_t len = out->len - start;
    uint8_t *item = spec_exact(out->data + start, len);
    out->len = start;
    for (; times > 0; times--)
        spec_put(out, item, len);
    free(item);
}

static bool read_items(cursor *in, spec_bytes *out, char closing)
{
    for (skip_blanks(in); *in->at != closing; skip_blanks(in)) {
        if (*in->at == '\0')
            return wrong(in, "a bracket is not closed");
        size_t start = out->len;
        if (!read_item(in, out))
            return false;
        repeat(in, out, start);
    }
    if (closing != '\0')
        in->at++;
    return true;
}

bool spec_notation(const char *text, spec_bytes *out, const char **why)
{
    cursor in = {text, NULL};
    if (read_items(&in, out, '\0'))
        return true;
    *why = in.why;
    return false;
}

bool spec_expand(const char *line, spec_bytes *out, const char **why)
{
    for (;;) {
        const char *macro = strstr(line, "${");
        spec_put(out, line, macro == NULL ? strlen(line) : (size_t)(macro - line));
        if (macro == NULL)
            return true;
        cursor in = {macro + 2, NULL};
        if (!read_items(&in, out, '}')) {
            *why = in.why;
            return false;
        }
        line = in.at;
    }
}
