// SPDX-License-Identifier: MIT
// What --help shows of the options, and the table for shells; see help.h.
#include "help.h"

#include <string.h>

#include "table.h"

enum { HELP_COLUMN = 26, HELP_WIDTH = 80 };

void help_wrap(FILE *out, const char *text, int indent, int column)
{
    while (*text) {
        int len = (int)strcspn(text, " \n");
        if (column > indent && column + 1 + len > HELP_WIDTH) {
            fputc('\n', out);
            column = 0;
        }
        if (column < indent)
            column += fprintf(out, "%*s", indent - column, "");
        else if (column > indent)
            column += fprintf(out, " ");
        column += fprintf(out, "%.*s", len, text);
        text += len;
        if (*text == '\n') {
            fputc('\n', out);
            column = 0;
        }
        text += *text != '\0';
    }
    fputc('\n', out);
}

static void help_row(FILE *out, char letter, const char *name, const char *value, const char *help)
{
    int column = letter ? fprintf(out, "  -%c, ", letter) : fprintf(out, "      ");
    column += fprintf(out, "--%s%s%s", name, value ? " " : "", value ? value : "");
    if (column > HELP_COLUMN - 2) {
        fputc('\n', out);
        column = 0;
    }
    help_wrap(out, help, HELP_COLUMN, column);
}

void help_options(FILE *out, const tool_command *command)
{
    bool letter = false, first = true;
    for (size_t i = 0; i < option_count; i++) {
        const tool_option *option = &option_table[i];
        if ((option->commands & command->bit) == 0)
            continue;
        letter |= option->letter == 'h';
        if (first && option->kind != OPTION_HEADING)
            fputs("options:\n", out);
        if (option->kind == OPTION_HEADING)
            fprintf(out, "%s%s:\n", first ? "" : "\n", option->help);
        else
            help_row(out, option->letter, option->name, option->value, option->help);
        first = false;
    }
    help_row(out, letter ? 0 : 'h', "help", NULL, "this text");
}

static void dump_words(FILE *out, const tool_option_word *words)
{
    for (const tool_option_word *word = words; word && word->word; word++)
        fprintf(out, "%s%s", word == words ? "" : " ", word->word);
}

void help_dump(FILE *out, const tool_command *command)
{
    bool letter = false;
    for (size_t i = 0; i < option_count; i++) {
        const tool_option *option = &option_table[i];
        if ((option->commands & command->bit) == 0 || option->kind == OPTION_HEADING)
            continue;
        letter |= option->letter == 'h';
        if (option->letter)
            fprintf(out, "-%c", option->letter);
        fprintf(out, "\t--%s\t%s\t", option->name, option->value ? option->value : "");
        dump_words(out, option->words);
        fprintf(out, "\t%s\n", option->help);
    }
    fprintf(out, "%s\t--help\t\t\tthis text\n", letter ? "" : "-h");
}
