// SPDX-License-Identifier: MIT
// The one table of all options of all subcommands.
#ifndef MQW_TABLE_H
#define MQW_TABLE_H

#include "options.h"

typedef enum tool_option_kind {
    OPTION_HEADING, // no option: `help` stands above those that follow
    OPTION_FLAG,    // bool
    OPTION_TEXT,    // const char *
    OPTION_SECRET,  // const char *, which is wiped from the list of processes
    OPTION_TEXTS,   // tool_texts: may be given again and again
    OPTION_NUMBER,  // uint32_t, or one of the words
    OPTION_DECIMAL, // uint32_t: a decimal number, in thousandths
    OPTION_WORD,    // uint32_t: one of the words
    OPTION_WORDS,   // uint32_t: bits of words between commas
    OPTION_PROPERTY // tool_properties: three words, or four
} tool_option_kind;

typedef struct tool_option_word {
    const char *word;
    uint32_t value;
} tool_option_word;

typedef struct tool_option {
    unsigned commands; // that have it
    char letter;       // 0: none
    const char *name;
    tool_option_kind kind;
    size_t at;                     // in settings
    const char *value;             // how the help names the value
    const tool_option_word *words; // up to one without a word
    uint32_t least;                // of a number
    uint32_t most;
    const char *help;
    size_t given; // in settings, a bool; 0: nobody needs to know
} tool_option;

extern const tool_option option_table[];
extern const size_t option_count;

#endif
