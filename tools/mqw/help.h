// SPDX-License-Identifier: MIT
// What --help shows of the options of a subcommand, and the same as a table for shells.
#ifndef MQW_HELP_H
#define MQW_HELP_H

#include <stdio.h>

#include "tool.h"

// Prints the options of a subcommand in their groups, aligned.
void help_options(FILE *out, const tool_command *command);
// One option per line: letter, name, how the value is named, the words that it may be, what it is for;
// between tabs.
void help_dump(FILE *out, const tool_command *command);

// Prints text in lines of at most 80 columns, each behind `indent` blanks; `column` is where the first line
// stands.
void help_wrap(FILE *out, const char *text, int indent, int column);

#endif
