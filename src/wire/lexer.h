// SPDX-License-Identifier: MIT
// The words and values of which the text form of packets is made, taken off a line one after the other. As
// soon as something is not as it must be, the lexer has failed: it stands at the end of the line and yields
// zeros.
#ifndef MQW_WIRE_LEXER_H
#define MQW_WIRE_LEXER_H

#include <mqwire/packet.h>

typedef struct mqw__lexer {
    const char *line;
    const char *at;
    const char *end;
    uint8_t *room; // where values are unescaped to
    size_t used;
    size_t cap;
    bool storing; // else values are only checked, and yielded empty
    int code;     // of the failure; 0: none
    const char *expected;
    const char *failed_at;
} mqw__lexer;

// Only the first failure counts.
void mqw__lex_fail(mqw__lexer *in, const char *at, const char *expected);
void mqw__lex_no_room(mqw__lexer *in);

// The next character; NUL at the end.
char mqw__lex_peek(const mqw__lexer *in);
// Takes a character when it is the next one.
bool mqw__lex_take(mqw__lexer *in, char c);
// Takes blanks; false: there was none.
bool mqw__lex_blanks(mqw__lexer *in);
// Takes letters, digits, underscores and `also`; may be empty.
mqw_text mqw__lex_word(mqw__lexer *in, char also);
bool mqw__lex_is(mqw_text word, mqw_text name);

// A number, decimal or hexadecimal; `expected` says how large it may be.
uint32_t mqw__lex_number(mqw__lexer *in, uint32_t most, const char *expected);
// A reason code: its name, or a number.
uint8_t mqw__lex_reason(mqw__lexer *in);
// Reason codes with commas between them.
mqw_bytes mqw__lex_reasons(mqw__lexer *in);
// A quoted text, or hexadecimal digits.
mqw_bytes mqw__lex_bytes(mqw__lexer *in);

#endif
