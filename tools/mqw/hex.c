// SPDX-License-Identifier: MIT
// Hexadecimal text to bytes; see hex.h. What the first word of the text is decides: an offset begins a dump,
// where each line begins with one and may end with a column of text; everything else is bare digits.
#include "hex.h"

#include <stdlib.h>
#include <string.h>

enum { START, HEAD, COLON, PLAIN, LINE, OFFSET, DUMP, SKIP, STATES };

enum { OFFSET_DIGITS = 4 }; // fewer are no offset

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static bool is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

static void fail(hex_reader *hex, const char *error)
{
    if (hex->error == NULL)
        hex->error = error;
}

static void take_digit(hex_reader *hex, int digit)
{
    if (hex->nibble < 0) {
        hex->nibble = digit;
        return;
    }
    hex->out[hex->used++] = (uint8_t)(hex->nibble << 4 | digit);
    hex->count++;
    hex->nibble = -1;
}

static void end_bytes(hex_reader *hex)
{
    if (hex->nibble >= 0)
        fail(hex, "a byte has two digits, here is one");
}

/* --- Bare digits -------------------------------------------------------------------------------------- */

static void in_plain(hex_reader *hex, char c)
{
    int digit = digit_of(c);
    if (digit >= 0) {
        take_digit(hex, digit);
    } else if (c == 'x' && (hex->nibble == 0 || hex->last == '\\')) {
        hex->nibble = -1; // 0x, \x
    } else {
        end_bytes(hex);
        if (c == '#')
            hex->state = SKIP;
        else if (c != '\n' && !is_blank(c) && !is_one_of(c, ",:;\\"))
            fail(hex, "this is no hexadecimal digit");
    }
}

// The first word was none of a dump.
static void become_plain(hex_reader *hex)
{
    unsigned len = hex->head_len;
    hex->state = PLAIN;
    hex->head_len = 0;
    for (unsigned i = 0; i < len; i++)
        in_plain(hex, hex->head[i]);
}

/* --- The first word ----------------------------------------------------------------------------------- */

static bool is_zero(const hex_reader *hex)
{
    return hex->head_len >= OFFSET_DIGITS && strspn(hex->head, "0") == hex->head_len;
}

static void begin_dump(hex_reader *hex, bool colon)
{
    hex->base = strtoull(hex->head, NULL, 16);
    hex->head_len = 0;
    hex->dump = true;
    hex->colon = colon;
    hex->blanks = 0;
    hex->nibble = -1;
    hex->state = DUMP;
}

static void in_start(hex_reader *hex, char c)
{
    if (c == '\n' || is_blank(c))
        return;
    if (c == '#') {
        hex->state = SKIP;
        return;
    }
    hex->state = HEAD;
    hex->head_len = 0;
    hex->head[0] = '\0';
    if (digit_of(c) < 0) {
        become_plain(hex);
        in_plain(hex, c);
        return;
    }
    hex->head[hex->head_len++] = c;
    hex->head[hex->head_len] = '\0';
}

// A packet cannot begin with 00: zeros are an offset.
static void in_head(hex_reader *hex, char c)
{
    if (digit_of(c) >= 0 && hex->head_len < HEX_HEAD_MAX) {
        hex->head[hex->head_len++] = c;
        hex->head[hex->head_len] = '\0';
    } else if (c == ':' && hex->head_len >= OFFSET_DIGITS) {
        hex->state = COLON;
    } else if (is_blank(c) && is_zero(hex)) {
        begin_dump(hex, false);
    } else {
        become_plain(hex);
        in_plain(hex, c);
    }
}

static void in_colon(hex_reader *hex, char c)
{
    if (is_blank(c)) {
        begin_dump(hex, true);
        return;
    }
    become_plain(hex);
    in_plain(hex, ':');
    in_plain(hex, c);
}

/* --- A dump ------------------------------------------------------------------------------------------- */

static void in_line(hex_reader *hex, char c)
{
    if (c == '\n' || is_blank(c))
        return;
    if (c == '#')
        hex->state = SKIP;
    else if (c == '*')
        fail(hex, "lines were left out here (*): dump again with hexdump -v or od -v");
    else if (digit_of(c) < 0)
        fail(hex, "each line of a dump begins with an offset");
    hex->state = hex->state == SKIP ? SKIP : OFFSET;
    hex->head[0] = c;
    hex->head[1] = '\0';
    hex->head_len = 1;
}

// Offsets are hexadecimal, those of od octal.
static void check_offset(hex_reader *hex)
{
    uint64_t expected = hex->base + hex->count;
    if (strtoull(hex->head, NULL, 16) != expected && strtoull(hex->head, NULL, 8) != expected)
        fail(hex, "the offset does not fit the number of bytes before it");
    hex->head_len = 0;
    hex->blanks = 0;
}

static void in_offset(hex_reader *hex, char c)
{
    if (digit_of(c) >= 0 && hex->head_len < HEX_HEAD_MAX) {
        hex->head[hex->head_len++] = c;
        hex->head[hex->head_len] = '\0';
        return;
    }
    check_offset(hex);
    hex->state = c == '\n' ? LINE : DUMP;
    if (c != '\n' && c != ':' && !is_blank(c))
        fail(hex, "each line of a dump begins with an offset");
}

// Blanks behind a byte lead to the column of text: two with xxd, three elsewhere (in the middle of a line
// stand two).
static void in_dump(hex_reader *hex, char c)
{
    int digit = digit_of(c);
    if (c == '\n') {
        end_bytes(hex);
        hex->state = LINE;
    } else if (is_blank(c)) {
        end_bytes(hex);
        hex->blanks += hex->blanks > 0;
        if (hex->blanks > (hex->colon ? 2u : 3u))
            hex->state = SKIP;
    } else if (digit >= 0) {
        if (!hex->colon && hex->blanks == 1 && hex->nibble < 0)
            fail(hex, "these are words of two bytes or more: dump with xxd, hexdump -C or od -t x1");
        take_digit(hex, digit);
        hex->blanks = 1;
    } else if (is_one_of(c, "|>#")) {
        hex->state = SKIP;
    } else {
        fail(hex, "this is no hexadecimal digit");
    }
}

static void in_skip(hex_reader *hex, char c)
{
    if (c != '\n')
        return;
    hex->state = hex->dump ? LINE : hex->count > 0 ? PLAIN : START;
}

static void (*const steps[STATES])(hex_reader *, char) = {
    [START] = in_start, [HEAD] = in_head,     [COLON] = in_colon, [PLAIN] = in_plain,
    [LINE] = in_line,   [OFFSET] = in_offset, [DUMP] = in_dump,   [SKIP] = in_skip,
};

void hex_init(hex_reader *hex)
{
    *hex = (hex_reader){.state = START, .line = 1, .nibble = -1};
}

size_t hex_read(hex_reader *hex, const char *text, size_t len, uint8_t *out)
{
    hex->out = out;
    hex->used = 0;
    for (size_t i = 0; i < len && hex->error == NULL; i++) {
        steps[hex->state](hex, text[i]);
        hex->last = text[i];
        hex->line += text[i] == '\n' && hex->error == NULL;
    }
    return hex->used;
}

size_t hex_finish(hex_reader *hex, uint8_t *out)
{
    hex->out = out;
    hex->used = 0;
    if (hex->error == NULL && (hex->state == HEAD || hex->state == COLON))
        become_plain(hex);
    if (hex->error == NULL)
        end_bytes(hex);
    return hex->used;
}
