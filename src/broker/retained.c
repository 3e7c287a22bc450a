// SPDX-License-Identifier: MIT
// A tree of topics, level by level. What a walk stands on stays until it has gone on, so that everything else
// may change meanwhile.
#include "retained.h"

#include <string.h>

#include "table.h"

enum { STEPS_PER_TURN = 1000 };

typedef struct topic_node {
    mqw__entry entry; // key: its level
    struct topic_node *parent;
    struct topic_node *first;        // child
    struct topic_node *next, **link; // of the parent's children
    mqw__letter *letter;             // NULL: none
    uint32_t walks;                  // that stand here
    uint32_t number;                 // rises: the first of siblings is the one made last
} topic_node;

struct mqw__retained {
    mqw_allocator allocator;
    uint64_t *memory;
    mqw__table nodes; // by parent and level
    topic_node root;
    uint64_t count;
    uint64_t ours;   // of these, below $SYS/
    uint32_t number; // of the node made last
};

struct mqw__walk {
    mqw__retained *retained;
    topic_node *node; // where it stands; its level in the filter is depth - 1
    size_t depth;
    size_t levels; // of the filter, without `#`
    size_t shy;    // the level whose wildcard takes no `$…`; SIZE_MAX: none
    size_t longer; // a topic has more bytes than this
    size_t size;   // of this block
    bool below;    // the filter ends with `#`
    bool over;
    mqw_text level[];
};

// --- nodes ---

static void *resize(mqw__retained *retained, void *old, size_t old_size, size_t size)
{
    void *block = NULL;
    if (size > 0)
        block = mqw__resize(&retained->allocator, old, old_size, size);
    else
        mqw__free(&retained->allocator, old, old_size);
    if (block || size == 0)
        *retained->memory += size - old_size;
    return block;
}

static mqw_text level_at(mqw_text text, size_t at)
{
    const char *slash = at < text.len ? memchr(text.data + at, '/', text.len - at) : NULL;
    return (mqw_text){text.data + at, (slash ? (size_t)(slash - text.data) : text.len) - at};
}

static topic_node *child_of(const mqw__retained *retained, const topic_node *node, mqw_text level)
{
    return node->first ? (topic_node *)mqw__table_find(&retained->nodes, node, level) : NULL;
}

static topic_node *new_node(mqw__retained *retained, topic_node *parent, mqw_text level)
{
    topic_node *node = NULL;
    if (mqw__table_ready(&retained->nodes))
        node = resize(retained, NULL, 0, sizeof *node + level.len);
    if (!node)
        return NULL;
    *node = (topic_node){.parent = parent, .next = parent->first, .link = &parent->first};
    node->number = ++retained->number;
    node->entry.under = parent;
    node->entry.at = sizeof *node;
    node->entry.len = (uint16_t)level.len;
    memcpy(node + 1, level.data, level.len);
    if (node->next)
        node->next->link = &node->next;
    parent->first = node;
    mqw__table_put(&retained->nodes, &node->entry);
    return node;
}

static void free_node(mqw__retained *retained, topic_node *node)
{
    (void)resize(retained, node, sizeof *node + node->entry.len, 0);
}

// Frees a node and those above it as far as nobody needs them.
static void prune(mqw__retained *retained, topic_node *node)
{
    while (node->parent && !node->first && !node->letter && node->walks == 0) {
        topic_node *parent = node->parent;
        *node->link = node->next;
        if (node->next)
            node->next->link = node->link;
        mqw__table_take(&retained->nodes, &node->entry);
        free_node(retained, node);
        node = parent;
    }
}

static topic_node *find(const mqw__retained *retained, mqw_text topic)
{
    const topic_node *node = &retained->root;
    for (size_t at = 0; node && at <= topic.len;) {
        mqw_text level = level_at(topic, at);
        node = child_of(retained, node, level);
        at += level.len + 1;
    }
    return (topic_node *)node;
}

static topic_node *make(mqw__retained *retained, mqw_text topic)
{
    topic_node *node = &retained->root;
    for (size_t at = 0; at <= topic.len;) {
        mqw_text level = level_at(topic, at);
        topic_node *child = child_of(retained, node, level);
        if (!child)
            child = new_node(retained, node, level);
        if (!child) {
            prune(retained, node);
            return NULL;
        }
        node = child;
        at += level.len + 1;
    }
    return node;
}

// --- messages ---

mqw__retained *mqw__retained_new(const mqw_allocator *allocator, uint64_t *memory, uint64_t seed)
{
    mqw__retained *retained = mqw__alloc(allocator, sizeof *retained);
    if (!retained)
        return NULL;
    *retained = (mqw__retained){.allocator = *allocator, .memory = memory};
    *memory += sizeof *retained;
    mqw__table_init(&retained->nodes, &retained->allocator, memory, seed);
    return retained;
}

void mqw__retained_free(mqw__retained *retained)
{
    topic_node *node;
    if (!retained)
        return;
    while ((node = (topic_node *)mqw__table_pop(&retained->nodes)) != NULL) {
        mqw__letter_drop(node->letter);
        free_node(retained, node);
    }
    mqw__table_free(&retained->nodes);
    mqw_allocator allocator = retained->allocator;
    *retained->memory -= sizeof *retained;
    mqw__free(&allocator, retained, sizeof *retained);
}

static bool begins_with(mqw_text topic, const char *start, size_t len)
{
    return topic.len >= len && memcmp(topic.data, start, len) == 0;
}

// Bridges tell there how they are, with a will: mosquitto's do so if nobody forbids it.
bool mqw__topic_is_status(mqw_text topic)
{
    static const char status[] = "$SYS/", bridges[] = "$SYS/broker/connection/";
    if (!begins_with(topic, status, sizeof status - 1))
        return topic.len == sizeof status - 2 && memcmp(topic.data, status, topic.len) == 0;
    return !begins_with(topic, bridges, sizeof bridges - 1);
}

// Keeps the counts when a message comes or goes.
static void count(mqw__retained *retained, const mqw__letter *letter, int change)
{
    retained->count += (uint64_t)change;
    retained->ours += mqw__topic_is_status(mqw__letter_topic(letter)) ? (uint64_t)change : 0;
}

int mqw__retained_set(mqw__retained *retained, mqw__letter *letter, mqw__letter **old)
{
    topic_node *node = make(retained, mqw__letter_topic(letter));
    if (!node)
        return MQW_E_NO_MEMORY;
    mqw__letter *before = node->letter;
    node->letter = mqw__letter_keep(letter);
    if (!before)
        count(retained, letter, 1);
    if (old)
        *old = before;
    else
        mqw__letter_drop(before);
    return 0;
}

mqw__letter *mqw__retained_take(mqw__retained *retained, mqw_text topic)
{
    topic_node *node = find(retained, topic);
    mqw__letter *letter = node ? node->letter : NULL;
    if (!letter)
        return NULL;
    node->letter = NULL;
    count(retained, letter, -1);
    prune(retained, node);
    return letter;
}

mqw__letter *mqw__retained_find(const mqw__retained *retained, mqw_text topic)
{
    const topic_node *node = find(retained, topic);
    return node ? node->letter : NULL;
}

uint64_t mqw__retained_count(const mqw__retained *retained)
{
    return retained->count;
}

uint64_t mqw__retained_of_clients(const mqw__retained *retained)
{
    return retained->count - retained->ours;
}

// --- walks ---

static bool is_wild(mqw_text level, char which)
{
    return level.len == 1 && level.data[0] == which;
}

static size_t count_levels(mqw_text filter)
{
    size_t levels = 1;
    for (size_t i = 0; i < filter.len; i++)
        levels += filter.data[i] == '/';
    return levels;
}

static void read_filter(mqw__walk *walk, mqw_text filter, size_t mount_len)
{
    walk->shy = SIZE_MAX;
    walk->below = filter.len == 0;
    for (size_t at = 0; at <= filter.len && !walk->below;) {
        mqw_text level = level_at(filter, at);
        walk->below = is_wild(level, '#');
        if (at == mount_len && (walk->below || is_wild(level, '+')))
            walk->shy = walk->levels;
        if (!walk->below)
            walk->level[walk->levels++] = level;
        at += level.len + 1;
    }
}

mqw__walk *mqw__retained_walk(mqw__retained *retained, mqw_text filter, size_t mount_len)
{
    size_t levels = count_levels(filter);
    size_t size = sizeof(mqw__walk) + levels * sizeof(mqw_text) + filter.len;
    mqw__walk *walk = resize(retained, NULL, 0, size);
    if (!walk)
        return NULL;
    *walk = (mqw__walk){.retained = retained, .node = &retained->root, .longer = mount_len, .size = size};
    char *text = (char *)(walk->level + levels);
    memcpy(text, filter.data, filter.len);
    read_filter(walk, (mqw_text){text, filter.len}, mount_len);
    retained->root.walks++;
    return walk;
}

static bool is_hidden(const topic_node *node)
{
    return node->entry.len > 0 && *(const char *)(node + 1) == '$';
}

// The first of these siblings that a wildcard at this level of the filter stands for.
static topic_node *first_of(const mqw__walk *walk, topic_node *node, size_t level)
{
    while (node && level == walk->shy && is_hidden(node))
        node = node->next;
    return node;
}

// Whether any level may stand here.
static bool is_open(const mqw__walk *walk, size_t level)
{
    return level >= walk->levels || is_wild(walk->level[level], '+');
}

static topic_node *go_down(const mqw__walk *walk)
{
    if (walk->depth >= walk->levels && !walk->below)
        return NULL;
    if (is_open(walk, walk->depth))
        return first_of(walk, walk->node->first, walk->depth);
    return child_of(walk->retained, walk->node, walk->level[walk->depth]);
}

// The next branch beside where it stands or above; NULL: there is none.
static topic_node *go_on(mqw__walk *walk)
{
    for (; walk->depth > 0; walk->depth--, walk->node = walk->node->parent)
        if (is_open(walk, walk->depth - 1)) {
            topic_node *next = first_of(walk, walk->node->next, walk->depth - 1);
            if (next)
                return next;
        }
    return NULL;
}

static bool step(mqw__walk *walk)
{
    topic_node *next = go_down(walk);
    if (next)
        walk->depth++;
    else
        next = go_on(walk);
    if (next)
        walk->node = next;
    return next != NULL;
}

static mqw__letter *letter_here(const mqw__walk *walk)
{
    mqw__letter *letter = walk->depth >= walk->levels ? walk->node->letter : NULL;
    return letter && (walk->longer == 0 || letter->topic_len > walk->longer) ? letter : NULL;
}

static void leave(mqw__retained *retained, topic_node *node)
{
    node->walks--;
    prune(retained, node);
}

mqw__letter *mqw__walk_next(mqw__walk *walk)
{
    topic_node *before = walk->node;
    mqw__letter *letter = NULL;
    for (int steps = 0; steps < STEPS_PER_TURN && !letter && !walk->over; steps++) {
        walk->over = !step(walk);
        letter = walk->over ? NULL : letter_here(walk);
    }
    walk->node->walks++;
    leave(walk->retained, before);
    return letter;
}

static bool level_matches(const mqw__walk *walk, size_t level, mqw_text name)
{
    bool open = is_open(walk, level);
    if (open && level == walk->shy && name.len > 0 && name.data[0] == '$')
        return false;
    const mqw_text *own = &walk->level[level];
    return open || (own->len == name.len && memcmp(own->data, name.data, name.len) == 0);
}

static bool walk_matches(const mqw__walk *walk, mqw_text topic)
{
    size_t level = 0;
    for (size_t at = 0; at <= topic.len; level++) {
        mqw_text name = level_at(topic, at);
        if ((level >= walk->levels && !walk->below) || !level_matches(walk, level, name))
            return false;
        at += name.len + 1;
    }
    return level >= walk->levels && (walk->longer == 0 || topic.len > walk->longer);
}

static size_t depth_of(const topic_node *node)
{
    size_t depth = 0;
    for (; node->parent; node = node->parent)
        depth++;
    return depth;
}

// Whether a walk that stands at `at` comes to `node` later: below it, or on a branch that was made before.
static bool comes_later(const topic_node *at, const topic_node *node)
{
    size_t here = depth_of(at), there = depth_of(node);
    bool below = there > here;
    for (; there > here; there--)
        node = node->parent;
    for (; here > there; here--)
        at = at->parent;
    if (at == node)
        return below;
    for (; at->parent != node->parent; at = at->parent)
        node = node->parent;
    return (int32_t)(at->number - node->number) > 0;
}

bool mqw__walk_will_meet(const mqw__walk *walk, mqw_text topic)
{
    const topic_node *node = walk->over || !walk_matches(walk, topic) ? NULL : find(walk->retained, topic);
    return node && node->letter && comes_later(walk->node, node);
}

bool mqw__walk_over(const mqw__walk *walk)
{
    return walk->over;
}

void mqw__walk_end(mqw__walk *walk)
{
    if (!walk)
        return;
    leave(walk->retained, walk->node);
    (void)resize(walk->retained, walk, walk->size, 0);
}
