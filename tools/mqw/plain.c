// SPDX-License-Identifier: MIT
// Texts of strangers without what commands a terminal; see plain.h.
#include "plain.h"

#include <stdlib.h>

#include <mqwire/codec.h>

enum { DEL = 0x7F, LEAD = 0xC0, CONTROL_LEAD = 0xC2, CONTROL_MAX = 0x9F };

static bool goes_on(unsigned char c)
{
    return (c & LEAD) == 0x80;
}

// Bytes of a character that begins so; 1: it stands alone, or begins none.
static size_t length_of(unsigned char c)
{
    if (c < CONTROL_LEAD || c > 0xF4)
        return 1;
    return c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
}

static bool is_plain(unsigned char c, bool blocks)
{
    return (c >= ' ' && c < DEL) || (blocks && (c == '\n' || c == '\t'));
}

static void put_hidden(unsigned char c, plain_put *put, void *out)
{
    char shown[8];
    put(out, shown, (size_t)snprintf(shown, sizeof(shown), "\\x%02X", c));
}

void plain_end(tool_plain *plain, plain_put *put, void *out)
{
    for (size_t i = 0; i < plain->have; i++)
        put_hidden(plain->begun[i], put, out);
    plain->have = 0;
}

// A character is complete. U+0080 to U+009F are commands, too; of their two bytes the second one names them.
static void put_character(tool_plain *plain, plain_put *put, void *out)
{
    mqw_text text = {(const char *)plain->begun, plain->have};
    if (plain->begun[0] == CONTROL_LEAD && plain->begun[1] <= CONTROL_MAX)
        put_hidden(plain->begun[1], put, out);
    else if (mqw_utf8_check(text) != MQW_RULE_UTF8)
        put(out, plain->begun, plain->have);
    else
        plain_end(plain, put, out);
    plain->have = 0;
}

static void take(tool_plain *plain, unsigned char c, plain_put *put, void *out)
{
    if (plain->have > 0 && !goes_on(c))
        plain_end(plain, put, out);
    if (plain->have == 0 && length_of(c) == 1) {
        put_hidden(c, put, out);
        return;
    }
    plain->begun[plain->have++] = c;
    if (plain->have == length_of(plain->begun[0]))
        put_character(plain, put, out);
}

void plain_text(tool_plain *plain, mqw_text text, bool blocks, plain_put *put, void *out)
{
    for (size_t at = 0; at < text.len;) {
        size_t run = 0;
        while (at + run < text.len && is_plain((unsigned char)text.data[at + run], blocks))
            run++;
        if (run > 0) {
            plain_end(plain, put, out);
            put(out, text.data + at, run);
            at += run;
        } else {
            take(plain, (unsigned char)text.data[at++], put, out);
        }
    }
}

void plain_json(mqw_text json, plain_put *put, void *out)
{
    size_t from = 0;
    for (size_t at = 0; at < json.len; at++) {
        unsigned char c = (unsigned char)json.data[at],
                      next = at + 1 < json.len ? (unsigned char)json.data[at + 1] : 0;
        bool two = c == CONTROL_LEAD && goes_on(next) && next <= CONTROL_MAX;
        char shown[8];
        if (c != DEL && !two)
            continue;
        put(out, json.data + from, at - from);
        put(out, shown, (size_t)snprintf(shown, sizeof(shown), "\\u%04X", two ? next : c));
        at += two;
        from = at + 1;
    }
    put(out, json.data + from, json.len - from);
}

static void put_file(void *file, const void *bytes, size_t len)
{
    fwrite(bytes, 1, len, file);
}

void plain_vprint(FILE *file, const char *format, va_list arguments)
{
    tool_plain plain = {.have = 0};
    va_list again;
    va_copy(again, arguments);
    int len = vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *text = len < 0 ? NULL : malloc((size_t)len + 1);
    if (text == NULL)
        return;
    vsnprintf(text, (size_t)len + 1, format, arguments);
    plain_text(&plain, (mqw_text){text, (size_t)len}, false, put_file, file);
    plain_end(&plain, put_file, file);
    free(text);
}

void plain_print(FILE *file, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    plain_vprint(file, format, arguments);
    va_end(arguments);
}
