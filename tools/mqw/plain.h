// SPDX-License-Identifier: MIT
// What strangers have written, made harmless for terminals and logs: whatever is no printable UTF-8 is shown
// as \x1B.
#ifndef MQW_PLAIN_H
#define MQW_PLAIN_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#include <mqwire/packet.h>

// A character that has begun; its rest comes with the next piece of the text.
typedef struct tool_plain {
    unsigned char begun[4];
    size_t have;
} tool_plain;

typedef void plain_put(void *out, const void *bytes, size_t len);

// A piece of a text. `blocks`: line feeds and tabs may stay as they are.
void plain_text(tool_plain *plain, mqw_text text, bool blocks, plain_put *put, void *out);
// The text is over: what has begun will never be a character.
void plain_end(tool_plain *plain, plain_put *put, void *out);
// JSON that is sound: escapes what a terminal would still take for a command (DEL, U+0080 to U+009F).
void plain_json(mqw_text json, plain_put *put, void *out);

// A line that is made of texts of strangers, too.
void plain_print(FILE *file, const char *format, ...) __attribute__((format(printf, 2, 3)));
void plain_vprint(FILE *file, const char *format, va_list arguments) __attribute__((format(printf, 2, 0)));

#endif
