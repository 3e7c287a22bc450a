// SPDX-License-Identifier: MIT
// A packet as a transcript expects it: fields that it does not name are not compared, `!name` is one that
// must not be there (or have its default), `*` stands for any value, and `$name` for one that is kept and can
// stand in later lines.
#ifndef MQW_EXPECTATION_H
#define MQW_EXPECTATION_H

#include <mqwire/mqwire.h>

enum { VARIABLES_MAX = 64 };

typedef struct variables {
    char *names[VARIABLES_MAX];
    char *values[VARIABLES_MAX];
    size_t count;
} tool_variables;

void variables_free(tool_variables *variables);
// The line with the value of each variable that is known; to be freed. NULL: no memory.
char *variables_expand(const tool_variables *variables, mqw_text line);

typedef struct expectation tool_expectation;

// Reads a line. NULL: it is not understood, `why` tells.
tool_expectation *expectation_new(const tool_variables *variables, mqw_text line, mqw_error *why);
void expectation_free(tool_expectation *expected);

unsigned expectation_type(const tool_expectation *expected);
// The line as it was given, values of variables put in.
const char *expectation_text(const tool_expectation *expected);

// Hears of each field that differs. A side that does not have it: "".
typedef void expectation_difference(void *ctx, mqw_text name, const char *expected, const char *got);

// Compares; returns how many fields differ, of which `told` (may be NULL) hears. `exact`: those that the line
// does not name are compared, too. Negative: no memory.
int expectation_compare(const tool_expectation *expected, const mqw_packet *packet, bool exact,
                        expectation_difference *told, void *ctx);

// Keeps the values that the line has named `$name`.
void expectation_keep(const tool_expectation *expected, const mqw_packet *packet, tool_variables *variables);

// A packet in its full form; to be freed. NULL: no memory.
char *packet_text(const mqw_packet *packet);

#endif
