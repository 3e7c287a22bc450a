// SPDX-License-Identifier: MIT
// Topic names and filters: which are valid, what matches what, and what a shared subscription consists of.
#include <stdlib.h>
#include <string.h>

#include "spec.h"

/* Length of `"text"`, with what repeats it, or of `<bytes>`; 0: neither stands there. */
static size_t operand_length(const char *start)
{
    const char *end = start;
    if (*start == '<')
        return strcspn(start, ">") + 1;
    if (*start != '"')
        return 0;
    for (end++; *end != '"' && *end != '\0'; end++)
        end += *end == '\\';
    end += *end == '"';
    return (size_t)(end - start) + strcspn(end, " \t");
}

/* Takes a text off the line. */
static bool take_text(const char **line, spec_bytes *out)
{
    const char *start = *line + strspn(*line, " \t"), *why = NULL;
    size_t len = operand_length(start);
    if (len == 0)
        return false;
    bool angled = *start == '<';
    spec_bytes piece = {0};
    spec_printf(&piece, "%.*s", (int)(angled ? len - 2 : len), start + angled);
    spec_clear(out);
    bool good = spec_notation(spec_text(&piece), out, &why);
    spec_free(&piece);
    *line = start + len;
    return good;
}

/* In a block of its size. */
static mqw_text exact_text(const spec_bytes *bytes)
{
    return (mqw_text){(const char *)spec_exact(bytes->data, bytes->len), bytes->len};
}

static void forget(mqw_text text)
{
    free((void *)(uintptr_t)text.data);
}

static bool same(mqw_text text, const spec_bytes *expected)
{
    return text.len == expected->len && (text.len == 0 || memcmp(text.data, expected->data, text.len) == 0);
}

static void check_match(const char *filter_text, const char *line, int number)
{
    spec_bytes filter = {0}, name = {0};
    char word[16] = "";
    bool read =
        take_text(&filter_text, &filter) && spec_word(&line, word, sizeof word) && take_text(&line, &name);
    if (spec_check(read, number, "not understood")) {
        mqw_text a = exact_text(&filter), b = exact_text(&name);
        bool expected = strcmp(word, "matches") == 0;
        spec_check(mqw_topic_matches(a, b) == expected, number, "it does%s match", expected ? " not" : "");
        forget(a);
        forget(b);
    }
    spec_free(&filter);
    spec_free(&name);
}

/* `ok`, or the clause that the rule has in this version. */
static void check_verdict(int rule, uint8_t version, const char *expected, int number)
{
    const char *clause = rule == 0 ? "ok" : spec_clause((mqw_rule)rule, version);
    expected += strspn(expected, " \t!");
    spec_check(strcmp(clause, expected) == 0, number, "v%u: %s", version, clause);
}

static void check_valid(const char *line, int number, uint8_t version, char what)
{
    spec_bytes bytes = {0};
    if (spec_check(take_text(&line, &bytes), number, "not understood")) {
        mqw_text text = exact_text(&bytes);
        int rule = what == 'f'   ? mqw_filter_check(text, version)
                   : what == 'n' ? mqw_topic_check(text)
                                 : mqw_utf8_check(text);
        check_verdict(rule, version, line, number);
        spec_showed_rule((unsigned)rule);
        forget(text);
    }
    spec_free(&bytes);
}

static void check_share(const char *line, int number)
{
    spec_bytes whole = {0}, name = {0}, filter = {0};
    if (spec_check(take_text(&line, &whole), number, "not understood")) {
        mqw_text text = exact_text(&whole), got_name = {0}, got_filter = {0};
        bool expected = take_text(&line, &name) && take_text(&line, &filter);
        bool shared = mqw_share_split(text, &got_name, &got_filter);
        spec_check(shared == expected, number, "it is %sa shared subscription", shared ? "" : "not ");
        spec_check(!shared || (same(got_name, &name) && same(got_filter, &filter)), number,
                   "it is split elsewhere");
        spec_check(shared || (got_name.data == NULL && got_filter.data == NULL), number, "something is set");
        forget(text);
    }
    spec_free(&whole);
    spec_free(&name);
    spec_free(&filter);
}

static void check_line(const char *line, int number, uint8_t version)
{
    const char *rest;
    if ((rest = spec_behind(line, "filter ")) != NULL)
        check_valid(rest, number, version, 'f');
    else if ((rest = spec_behind(line, "name ")) != NULL)
        check_valid(rest, number, version, 'n');
    else if ((rest = spec_behind(line, "text ")) != NULL)
        check_valid(rest, number, version, 't');
    else if ((rest = spec_behind(line, "share ")) != NULL)
        check_share(rest, number);
    else {
        spec_bytes filter = {0};
        rest = line;
        take_text(&rest, &filter);
        spec_free(&filter);
        check_match(line, rest, number);
    }
}

void spec_run_topics(const spec_block *block)
{
    const char *at = block->words;
    char word[8];
    unsigned versions = 0;
    while (spec_word(&at, word, sizeof word))
        versions |= spec_version_bit(word);
    spec_check(versions != 0, block->number, "the block names no version");
    for (uint8_t version = 3; version <= 5; version++)
        for (size_t i = 0; i < block->count; i++) {
            const char *line = block->lines[i].text;
            if (!(versions >> version & 1) || spec_is_blank(line) || *line == '#' ||
                !spec_for_version(&line, version))
                continue;
            spec_showed_version(version);
            check_line(line, block->lines[i].number, version);
        }
}
