// SPDX-License-Identifier: MIT
// The rules of an ACL applied to topics and filters; see acl.h.
#include "acl.h"

#include <string.h>

#include <mqwire/codec.h>

/* --- Levels ------------------------------------------------------------------------------------------- */

// Cuts the next level off. False: there is none.
static bool next_level(mqw_text *left, mqw_text *level)
{
    if (left->data == NULL)
        return false;
    const char *slash = left->len ? memchr(left->data, '/', left->len) : NULL;
    level->data = left->data;
    level->len = slash ? (size_t)(slash - left->data) : left->len;
    *left = slash ? (mqw_text){slash + 1, left->len - level->len - 1} : (mqw_text){NULL, 0};
    return true;
}

static bool is(mqw_text level, char wildcard)
{
    return level.len == 1 && level.data[0] == wildcard;
}

// A name that stands for %c or %u has to stay within one level, and be no wildcard.
static bool is_harmless(mqw_text name)
{
    return name.len > 0 && memchr(name.data, '/', name.len) == NULL &&
           memchr(name.data, '+', name.len) == NULL && memchr(name.data, '#', name.len) == NULL;
}

static bool begins(mqw_text text, mqw_text start)
{
    return text.len >= start.len && memcmp(text.data, start.data, start.len) == 0;
}

// Whether a level of a rule, names put in, is that level.
static bool is_level(const acl_rule *rule, mqw_text own, mqw_text level, const acl_who *who)
{
    size_t i = 0;
    while (i < own.len) {
        mqw_text part = {own.data + i, 1};
        bool user = rule->replaced && i + 1 < own.len && own.data[i] == '%' && own.data[i + 1] == 'u';
        bool client = rule->replaced && i + 1 < own.len && own.data[i] == '%' && own.data[i + 1] == 'c';
        if (user || client) {
            part = user ? who->user : who->client_id;
            if (!is_harmless(part))
                return false;
            i++;
        }
        if (!begins(level, part))
            return false;
        level.data += part.len;
        level.len -= part.len;
        i++;
    }
    return level.len == 0;
}

// What begins with a dollar is the server's: a wildcard in front does not mean it.
static bool is_kept_from(mqw_text wild, mqw_text topic)
{
    return topic.len > 0 && topic.data[0] == '$' && wild.len > 0 &&
           (wild.data[0] == '+' || wild.data[0] == '#');
}

// And no client names itself after what is the server's.
static bool begins_with_name(const acl_rule *rule)
{
    const char *filter = rule->filter;
    return rule->replaced && filter[0] == '%' && (filter[1] == 'c' || filter[1] == 'u');
}

/* --- Rules -------------------------------------------------------------------------------------------- */

typedef enum relation { MATCHES, MEETS, COVERS } relation;

// Whether a rule matches a topic; meets a filter (some topic matches both); or covers it (every topic that
// matches the filter).
static bool relates(const acl_rule *rule, mqw_text other, const acl_who *who, relation wanted)
{
    mqw_text left = {rule->filter, strlen(rule->filter)}, own, level;
    if (begins_with_name(rule) && other.len > 0 && other.data[0] == '$')
        return false;
    if (is_kept_from(left, other) || (wanted != COVERS && is_kept_from(other, left)))
        return false;
    for (;;) {
        bool more = next_level(&left, &own), others = next_level(&other, &level);
        if (more && is(own, '#'))
            return true;
        if (others && wanted != MATCHES && is(level, '#'))
            return wanted == MEETS;
        if (!more || !others)
            return more == others;
        bool wild = is(own, '+') || (wanted == MEETS && is(level, '+'));
        if (!wild && !is_level(rule, own, level, who))
            return false;
    }
}

static bool any(const acl_rules *rules, uint8_t what, mqw_text other, const acl_who *who, relation wanted)
{
    for (size_t i = 0; i < rules->count; i++)
        if ((rules->rules[i].what & what) && relates(&rules->rules[i], other, who, wanted))
            return true;
    return false;
}

static bool any_of(const tool_acl *acl, uint8_t what, mqw_text other, const acl_who *who, relation wanted)
{
    return any(who->own, what, other, who, wanted) || any(&acl->everybody, what, other, who, wanted);
}

bool acl_may(const tool_acl *acl, const acl_who *who, uint8_t what, mqw_text topic)
{
    return any_of(acl, what, topic, who, MATCHES) && !any_of(acl, ACL_DENY, topic, who, MATCHES);
}

bool acl_may_subscribe(const tool_acl *acl, const acl_who *who, mqw_text filter)
{
    mqw_text share;
    (void)mqw_share_split(filter, &share, &filter);
    return any_of(acl, ACL_READ, filter, who, MEETS) && !any_of(acl, ACL_DENY, filter, who, COVERS);
}

const acl_rules *acl_of(const tool_acl *acl, mqw_text user)
{
    static const acl_rules nothing = {NULL, 0};
    if (user.len == 0)
        return &acl->anonymous;
    for (size_t low = 0, high = acl->count; low < high;) {
        size_t middle = low + (high - low) / 2, len = strlen(acl->users[middle].name);
        size_t least = len < user.len ? len : user.len;
        int order = memcmp(user.data, acl->users[middle].name, least);
        order = order ? order : user.len > len ? 1 : user.len < len ? -1 : 0;
        if (order == 0)
            return &acl->users[middle].rules;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return &nothing;
}
