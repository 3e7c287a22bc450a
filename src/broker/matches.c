// SPDX-License-Identifier: MIT
// What matches a topic: one lookup for filters without wildcards, and a walk along the branches of the tree
// that the topic's levels and wildcards open.
#include "tree.h"

// --- nodes that match ---

static size_t next_level(mqw_text topic, size_t at)
{
    return at + mqw__level_at(topic, at).len + 1;
}

// One level without wildcards, from `f` on in the node and *at in the topic; moves both behind it.
static bool passes_level(mqw_text levels, size_t *f, mqw_text topic, size_t *at)
{
    size_t i = *f, t = *at;
    while (i < levels.len && levels.data[i] != '/') {
        if (t >= topic.len || topic.data[t] != levels.data[i])
            return false;
        i++;
        t++;
    }
    *f = i + 1;
    *at = t + 1;
    return t == topic.len || topic.data[t] == '/';
}

// Whether the levels of a node from `f` on are those of the topic from *at on, which moves behind them.
static bool passes(const mqw__node *node, size_t f, mqw_text topic, size_t *at)
{
    mqw_text levels = {mqw__node_text(node), node->len};
    while (f <= levels.len) {
        char first = f < levels.len ? levels.data[f] : '/';
        if (first == '#') {
            *at = topic.len + 1;
            return true;
        }
        if (*at > topic.len)
            return false;
        if (first == '+') {
            *at = next_level(topic, *at);
            f += 2;
        } else if (!passes_level(levels, &f, topic, at)) {
            return false;
        }
    }
    return true;
}

static bool is_too_shy(const mqw__node *node, mqw_text topic, size_t at)
{
    return node->shy && (at >= topic.len || topic.data[at] == '$');
}

// --- the search ---

enum { A_NODE = 8 }; // what a node costs, in bytes that are compared

typedef struct search {
    mqw__tree *tree;
    mqw_text topic;
    size_t depth; // of tree->steps
    size_t hits;
    size_t plain, groups; // behind these hits
    size_t work;          // bytes of the topic that were looked at, and nodes
    bool failed;          // no memory
} search;

static void hit(search *s, const mqw__node *node)
{
    mqw__tree *tree = s->tree;
    if (node->crowd.count == 0 && !node->groups)
        return;
    if (!mqw__tree_room(tree, &tree->hits, &tree->hit_cap, s->hits + 1, sizeof(mqw__node *))) {
        s->failed = true;
        return;
    }
    tree->hits[s->hits++] = node;
    s->plain += node->crowd.count;
    for (const mqw__group *group = node->groups; group; group = group->next)
        s->groups++;
}

// A child whose first levels, up to `f`, are known to match.
static void try_child(search *s, const mqw__node *child, size_t f, size_t at)
{
    size_t before = at;
    bool same = passes(child, f, s->topic, &at);
    s->work += at - before + A_NODE;
    if (!same)
        return;
    if (at > s->topic.len)
        hit(s, child);
    if (child->wild || child->children > 0)
        s->tree->steps[s->depth++] = (mqw__step){child, at};
}

static void try_children(search *s, mqw__step from)
{
    for (const mqw__node *child = from.node->wild; child; child = child->beside)
        if (!is_too_shy(child, s->topic, from.at))
            try_child(s, child, 0, from.at);
    if (from.node->children == 0 || from.at > s->topic.len)
        return;
    mqw_text level = mqw__level_at(s->topic, from.at);
    const mqw__node *child = (const mqw__node *)mqw__table_find(&s->tree->nodes, from.node, level);
    if (child)
        try_child(s, child, level.len + 1, from.at + level.len + 1);
}

static void search_all(search *s)
{
    mqw__tree *tree = s->tree;
    if (tree->exact.children > 0) {
        const mqw__entry *same = mqw__table_find(&tree->nodes, &tree->exact, s->topic);
        if (same)
            hit(s, (const mqw__node *)same);
    }
    if (tree->root.wild || tree->root.children > 0)
        tree->steps[s->depth++] = (mqw__step){&tree->root, 0};
    while (s->depth > 0)
        try_children(s, tree->steps[--s->depth]);
}

// --- what they hold ---

static void give_plain(search *s, mqw__matches *out)
{
    mqw__tree *tree = s->tree;
    if (s->hits == 1) {
        out->plain = tree->hits[0]->crowd.members;
        out->plain_count = tree->hits[0]->crowd.count;
        return;
    }
    size_t count = 0;
    s->failed |= !mqw__tree_room(tree, &tree->found, &tree->found_cap, s->plain, sizeof(mqw__subscription *));
    for (size_t i = 0; i < s->hits; i++) {
        const mqw__crowd *crowd = &tree->hits[i]->crowd;
        for (uint32_t k = 0; k < crowd->count && count < tree->found_cap; k++)
            tree->found[count++] = crowd->members[k];
    }
    out->plain = tree->found;
    out->plain_count = count;
}

static void give_groups(search *s, mqw__matches *out)
{
    mqw__tree *tree = s->tree;
    size_t count = 0;
    if (s->groups > 0)
        s->failed |=
            !mqw__tree_room(tree, &tree->found_groups, &tree->group_cap, s->groups, sizeof(mqw__group *));
    for (size_t i = 0; i < s->hits && s->groups > 0; i++)
        for (mqw__group *group = tree->hits[i]->groups; group && count < tree->group_cap; group = group->next)
            tree->found_groups[count++] = group;
    out->groups = tree->found_groups;
    out->group_count = count;
}

// --- the same topic again ---

static bool is_last(const mqw__tree *tree, mqw_text topic)
{
    return topic.len > 0 && topic.len == tree->last_len &&
           memcmp(topic.data, tree->last_topic, topic.len) == 0;
}

static void keep_last(mqw__tree *tree, mqw_text topic, const mqw__matches *found)
{
    tree->last_len = topic.len <= MQW__LAST_MAX ? topic.len : 0;
    if (tree->last_len > 0)
        memcpy(tree->last_topic, topic.data, topic.len);
    tree->last = *found;
    tree->last.work = 0;
}

int mqw__tree_match(mqw__tree *tree, mqw_text topic, mqw__matches *out)
{
    if (is_last(tree, topic)) {
        *out = tree->last;
        return 0;
    }
    search s = {.tree = tree, .topic = topic};
    tree->last_len = 0;
    search_all(&s);
    give_plain(&s, out);
    give_groups(&s, out);
    out->work = s.work;
    if (s.failed)
        return MQW_E_NO_MEMORY;
    keep_last(tree, topic, out);
    return 0;
}
