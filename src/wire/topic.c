// SPDX-License-Identifier: MIT
// Topic names and topic filters: their grammar, matching, shared subscriptions (sections 4.7 and 4.8.2).
#include "wire/topic.h"

static const char share[] = "$share/";
enum { SHARE_SIZE = sizeof share - 1 };

static const char *find_slash(mqw_text text)
{
    return text.len ? memchr(text.data, '/', text.len) : NULL;
}

bool mqw__is_shared(mqw_text filter)
{
    return filter.len >= SHARE_SIZE && memcmp(filter.data, share, SHARE_SIZE) == 0;
}

/* + must fill a level, # the last one. */
static unsigned wildcard_flaws(mqw_text filter)
{
    unsigned flaws = 0;
    for (size_t i = 0; i < filter.len; i++) {
        bool begins = i == 0 || filter.data[i - 1] == '/';
        bool last = i + 1 == filter.len;
        if (filter.data[i] == '#' && !(begins && last))
            flaws |= MQW__FLAW(FILTER_HASH);
        if (filter.data[i] == '+' && !(begins && (last || filter.data[i + 1] == '/')))
            flaws |= MQW__FLAW(FILTER_PLUS);
    }
    return flaws;
}

/* What stands behind `$share/`: a name without wildcards, a slash, a filter. */
static unsigned shared_flaws(mqw_text rest)
{
    const char *slash = find_slash(rest);
    size_t name = slash ? (size_t)(slash - rest.data) : rest.len;
    unsigned flaws = name == 0 ? MQW__FLAW(SHARE_NAME) : 0;
    if (!slash || name + 1 == rest.len || (mqw__utf8_scan(rest.data, name) & MQW__UTF8_WILDCARD))
        return flaws | MQW__FLAW(SHARE_FILTER);
    return flaws | wildcard_flaws((mqw_text){slash + 1, rest.len - name - 1});
}

unsigned mqw__filter_flaws(mqw_text filter, uint8_t version)
{
    if (filter.len == 0)
        return MQW__FLAW(FILTER_EMPTY);
    unsigned found = mqw__utf8_scan(filter.data, filter.len);
    unsigned flaws = found & MQW__FLAWS_OF_TEXT;
    if (version == MQW_5_0 && mqw__is_shared(filter))
        flaws |= shared_flaws((mqw_text){filter.data + SHARE_SIZE, filter.len - SHARE_SIZE});
    else if (found & MQW__UTF8_WILDCARD)
        flaws |= wildcard_flaws(filter);
    return flaws;
}

/* The first rule that a text breaks; characters that are merely unusual break none. */
static int first_rule(unsigned flaws)
{
    flaws &= ~MQW__FLAW(UTF8_CONTROL);
    return flaws ? MQW_RULE_UTF8 + __builtin_ctz(flaws) : 0;
}

bool mqw__break_topic(mqw__check *check, unsigned flaws, const uint8_t *at, uint8_t field)
{
    if (check->body)
        return mqw__break_flaws(check, flaws, at, field);
    int rule = first_rule(flaws);
    return rule && mqw__refuse(check, (unsigned)rule, at, field);
}

int mqw_utf8_check(mqw_text text)
{
    unsigned flaws = mqw__utf8_scan(text.data, text.len);
    return (flaws & MQW__FLAW(UTF8)) ? MQW_RULE_UTF8 : (flaws & MQW__FLAW(UTF8_NUL)) ? MQW_RULE_UTF8_NUL : 0;
}

int mqw_topic_check(mqw_text name)
{
    return name.len > 0xFFFF ? MQW_RULE_TEXT_TOO_LONG : first_rule(mqw__topic_flaws(name));
}

int mqw_filter_check(mqw_text filter, uint8_t version)
{
    return filter.len > 0xFFFF ? MQW_RULE_TEXT_TOO_LONG : first_rule(mqw__filter_flaws(filter, version));
}

bool mqw_share_split(mqw_text shared, mqw_text *name, mqw_text *filter)
{
    if (!mqw__is_shared(shared))
        return false;
    mqw_text rest = {shared.data + SHARE_SIZE, shared.len - SHARE_SIZE};
    const char *slash = find_slash(rest);
    if (!slash || slash == rest.data || slash + 1 == rest.data + rest.len)
        return false;
    *name = (mqw_text){rest.data, (size_t)(slash - rest.data)};
    *filter = (mqw_text){slash + 1, rest.len - name->len - 1};
    return true;
}

bool mqw_topic_matches(mqw_text filter, mqw_text name)
{
    mqw_text group;
    mqw_share_split(filter, &group, &filter);
    if (filter.len == 0 || name.len == 0)
        return false;
    if (name.data[0] == '$' && (filter.data[0] == '+' || filter.data[0] == '#'))
        return false;
    size_t at = 0;
    for (size_t f = 0; f < filter.len; f++) {
        if (filter.data[f] == '#')
            return true;
        if (filter.data[f] == '+') {
            while (at < name.len && name.data[at] != '/')
                at++;
        } else if (at < name.len && name.data[at] == filter.data[f]) {
            at++;
        } else {
            /* The parent of # matches too. */
            return at == name.len && filter.len - f == 2 && memcmp(filter.data + f, "/#", 2) == 0;
        }
    }
    return at == name.len;
}
