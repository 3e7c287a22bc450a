// SPDX-License-Identifier: MIT
// The command line: one table of options for all subcommands, the parser that reads it, and the help made
// from it.
#ifndef MQW_OPTIONS_H
#define MQW_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { COMMAND_DECODE = 1, COMMAND_OPEN = 2, COMMAND_LISTEN = 4 };

typedef enum tool_paint_when { PAINT_AUTO, PAINT_ALWAYS, PAINT_NEVER } tool_paint_when;
typedef enum tool_policy_kind { POLICY_STRICT, POLICY_REPORT, POLICY_ORIGINAL } tool_policy_kind;

#define WAIT_FOREVER UINT32_MAX

// What the command line says. Zero is the default where the table names no other.
typedef struct tool_settings {
    const char *argument; // FILE or ADDRESS; NULL: none
    uint32_t colour;      // paint_when
    bool json;
    bool full;
    uint32_t version; // 0: not said
    uint32_t from;    // mqw_role
    bool hex;
    bool lenient;
    uint32_t policy; // policy_kind
    const char *script;
    bool expect;
    bool exact;
    bool unordered;
    bool notes;
    uint32_t timeout; // ms
    uint32_t answers; // MQW_ANSWER_…
    bool connect;
    const char *client_id;
    const char *username;
    const char *password;
    uint32_t keep_alive;
    bool clean;
    uint32_t wait; // ms, or WAIT_FOREVER
    bool answer;
    bool echo;
    bool once;
    uint32_t max_peers;
    uint32_t max_packet; // bytes; 0: the default of the connection
} tool_settings;

struct tool_command;

// Reads the words behind the name of a subcommand. Returns 0, or an exit code when that is all: help was
// wanted (then *help is true and nothing is printed yet), or something was wrong (then it was said).
int options_parse(const struct tool_command *command, int count, char **words, tool_settings *out,
                  bool *help);

// Prints the options of a subcommand, aligned, as --help shows them.
void options_help(FILE *out, const struct tool_command *command);

// Prints text in lines of at most 80 columns, each behind `indent` blanks; `column` is where the first line
// stands.
void options_wrap(FILE *out, const char *text, int indent, int column);

// How many letters differ between two words, neighbours that changed places counting once.
unsigned options_distance(const char *a, const char *b);

#endif
