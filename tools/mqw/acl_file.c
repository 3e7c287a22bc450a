// SPDX-License-Identifier: MIT
// Reading of an ACL file; see acl.h. A line is `user NAME`, `anonymous`, `topic [ACCESS] FILTER` (of the user
// above; in front of the first of anonymous clients) or `pattern [ACCESS] FILTER` (everybody's, %c and %u).
#include "acl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mqwire/codec.h>
#include <mqwire/spec.h>

#include "tool.h"

enum { LINE_LONGEST = 66000 };

typedef struct reading {
    tool_acl *acl;
    size_t user; // + 1; 0: anonymous clients
} reading;

static const char out_of_memory[] = "out of memory";

static const char *add_rule(acl_rules *rules, uint8_t what, const char *filter, bool pattern)
{
    acl_rule *more = realloc(rules->rules, (rules->count + 1) * sizeof(*more));
    if (more == NULL)
        return out_of_memory;
    rules->rules = more;
    acl_rule *rule = &more[rules->count];
    *rule = (acl_rule){.what = what, .filter = strdup(filter)};
    rule->replaced = pattern && (strstr(filter, "%c") || strstr(filter, "%u"));
    rules->count += rule->filter != NULL;
    return rule->filter ? NULL : out_of_memory;
}

// The first word of a text, cut off; the rest is behind the blanks.
static char *cut_word(char *text)
{
    char *end = text + strcspn(text, " \t");
    if (*end)
        *end++ = '\0';
    return end + strspn(end, " \t");
}

static const char *take_rule(acl_rules *rules, char *text, bool pattern)
{
    static const struct {
        const char *word;
        uint8_t what;
    } words[] = {{"read ", ACL_READ},
                 {"write ", ACL_WRITE},
                 {"readwrite ", ACL_READ | ACL_WRITE},
                 {"deny ", ACL_DENY}};
    uint8_t what = ACL_READ | ACL_WRITE;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strncmp(text, words[i].word, strlen(words[i].word)) == 0) {
            what = words[i].what;
            text = cut_word(text);
            break;
        } else if (strlen(text) + 1 == strlen(words[i].word) &&
                   strncmp(text, words[i].word, strlen(text)) == 0) {
            return "the filter is missing";
        }
    if (mqw_filter_check((mqw_text){text, strlen(text)}, MQW_5_0) != 0)
        return "that is no topic filter";
    if (strncmp(text, "$share/", 7) == 0)
        return "the filter alone counts: without $share/NAME/";
    return add_rule(rules, what, text, pattern);
}

static const char *take_user(reading *r, const char *name)
{
    tool_acl *acl = r->acl;
    if (*name == '\0')
        return "user NAME is wanted";
    for (r->user = 1; r->user <= acl->count; r->user++)
        if (strcmp(acl->users[r->user - 1].name, name) == 0)
            return NULL;
    acl_user *more = realloc(acl->users, (acl->count + 1) * sizeof(*more));
    if (more == NULL)
        return out_of_memory;
    acl->users = more;
    more[acl->count] = (acl_user){.name = strdup(name)};
    acl->count += more[acl->count].name != NULL;
    return r->user == acl->count ? NULL : out_of_memory;
}

static const char *take_line(reading *r, char *line)
{
    line[strcspn(line, "\r\n")] = '\0';
    line += strspn(line, " \t");
    for (size_t len = strlen(line); len > 0 && (line[len - 1] == ' ' || line[len - 1] == '\t'); len--)
        line[len - 1] = '\0';
    if (*line == '\0' || *line == '#')
        return NULL;
    char *rest = cut_word(line);
    if (strcmp(line, "user") == 0)
        return take_user(r, rest);
    if (strcmp(line, "pattern") == 0)
        return take_rule(&r->acl->everybody, rest, true);
    if (strcmp(line, "topic") == 0)
        return take_rule(r->user ? &r->acl->users[r->user - 1].rules : &r->acl->anonymous, rest, false);
    if (strcmp(line, "anonymous") != 0 || *rest)
        return "a line is `user NAME`, `anonymous`, `topic [ACCESS] FILTER` or `pattern [ACCESS] FILTER`";
    r->user = 0;
    return NULL;
}

static bool read_lines(reading *r, FILE *file, const char *called)
{
    char *line = NULL;
    size_t cap = 0;
    unsigned number = 0;
    bool good = true;
    for (ssize_t len; (len = getline(&line, &cap, file)) >= 0;) {
        const char *wrong = (size_t)len != strlen(line) ? "there is a zero byte in the line"
                            : len > LINE_LONGEST        ? "the line is too long"
                                                        : take_line(r, line);
        number++;
        if (wrong)
            tool_complain("%s:%u: %s", called, number, wrong);
        good &= wrong == NULL;
    }
    free(line);
    if (ferror(file))
        tool_complain("cannot read %s: %s", called, strerror(errno));
    return good && !ferror(file);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const acl_user *)a)->name, ((const acl_user *)b)->name);
}

tool_acl *acl_read(const char *file)
{
    reading r = {.acl = calloc(1, sizeof(*r.acl))};
    FILE *stream = r.acl ? fopen(file, "re") : NULL;
    bool good = false;
    if (stream) {
        good = read_lines(&r, stream, file);
        fclose(stream);
    } else {
        tool_complain("cannot read %s: %s", file, r.acl ? strerror(errno) : out_of_memory);
    }
    if (good && r.acl->count > 1)
        qsort(r.acl->users, r.acl->count, sizeof(acl_user), by_name);
    if (good)
        return r.acl;
    acl_free(r.acl);
    return NULL;
}

static void free_rules(acl_rules *rules)
{
    for (size_t i = 0; i < rules->count; i++)
        free(rules->rules[i].filter);
    free(rules->rules);
}

void acl_free(tool_acl *acl)
{
    if (acl == NULL)
        return;
    free_rules(&acl->everybody);
    free_rules(&acl->anonymous);
    for (size_t i = 0; i < acl->count; i++) {
        free_rules(&acl->users[i].rules);
        free(acl->users[i].name);
    }
    free(acl->users);
    free(acl);
}
