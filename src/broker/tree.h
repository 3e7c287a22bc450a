// SPDX-License-Identifier: MIT
// The inside of the topic tree, for the files that make and search it.
#ifndef MQW_BROKER_TREE_H
#define MQW_BROKER_TREE_H

#include <string.h>

#include "subscriptions.h"

/**
 * Some levels of a filter in a row, as long as nothing branches off between them: the filters
 * `dev/12345/+` and `dev/67890/+` have the nodes `dev`, `12345/+` and `67890/+`. A filter without wildcards
 * is one node, outside of the tree.
 */
struct mqw__node {
    mqw__entry entry; /**< Key: the first level, or the whole of a filter without wildcards. */
    mqw__node *parent;
    mqw__node *wild;    /**< Its first child that is not in the table: begins with a wildcard, or is shy. */
    mqw__node *beside;  /**< The parent's next one of these. */
    mqw__group *groups; /**< Shared subscriptions that end here. */
    mqw__crowd crowd;   /**< Subscriptions that end here. */
    uint32_t children;  /**< That are in the table. */
    uint16_t len;       /**< Of its levels, with the slashes between them. */
    uint16_t room;      /**< Bytes that it was made with. */
    bool shy;           /**< Takes no level that begins with `$` (MQTT-4.7.2-1), and not nothing. */
};

/** A node that has matched: where the level behind it begins in the topic; behind the end: there is none. */
typedef struct mqw__step {
    const mqw__node *node;
    size_t at;
} mqw__step;

enum { MQW__LAST_MAX = 128 };

struct mqw__tree {
    mqw_allocator allocator;
    uint64_t *memory;
    mqw__table nodes; /**< By parent and level. */
    mqw__table named; /**< Groups, by node and name. */
    mqw__node root;
    mqw__node exact; /**< The parent of filters without wildcards. */
    uint64_t count, groups;
    uint32_t number;  /**< Of the group made last. */
    mqw__step *steps; /**< Room for a match: enough for the deepest filter. */
    const mqw__node **hits;
    mqw__subscription **found; /**< What matches, when it is of several nodes. */
    mqw__group **found_groups;
    size_t step_cap, hit_cap, found_cap, group_cap;
    mqw__matches
        last;        /**< What was found last, while nothing has changed: publishers keep to their topics. */
    size_t last_len; /**< 0: not known any more. */
    char last_topic[MQW__LAST_MAX];
};

/** Memory that counts. NULL: none. */
void *mqw__tree_resize(mqw__tree *tree, void *old, size_t old_size, size_t size);
/** Grows an array, whose pointer lies at `array`, to `count` items of this size or more. False: no memory. */
bool mqw__tree_room(mqw__tree *tree, void *array, size_t *cap, size_t count, size_t size);

// crowds.c

/** False: no memory. */
bool mqw__crowd_join(mqw__tree *tree, mqw__crowd *crowd, mqw__subscription *subscription);
/** `turn` (may be NULL) goes on with the member whose turn it was. */
void mqw__crowd_leave(mqw__tree *tree, mqw__crowd *crowd, const mqw__subscription *subscription,
                      uint32_t *turn);
/** Finds the group of a node, or makes it. NULL: no memory. */
mqw__group *mqw__group_make(mqw__tree *tree, mqw__node *node, mqw_text name);
mqw__group *mqw__group_find(const mqw__tree *tree, const mqw__node *node, mqw_text name);
void mqw__group_free(mqw__tree *tree, mqw__group *group);
/** Frees all groups with their members, which leaves nodes that do not know it. */
void mqw__groups_free(mqw__tree *tree);
/** Frees the members, and what was allocated for them. */
void mqw__crowd_free(mqw__tree *tree, mqw__crowd *crowd);

static inline char *mqw__node_text(const mqw__node *node)
{
    return (char *)(node + 1);
}

static inline mqw_text mqw__group_name(const mqw__group *group)
{
    return (mqw_text){(const char *)(group + 1), group->entry.len};
}

static inline mqw_text mqw__level_at(mqw_text text, size_t at)
{
    const char *slash = at < text.len ? (const char *)memchr(text.data + at, '/', text.len - at) : NULL;
    return (mqw_text){text.data + at, (slash ? (size_t)(slash - text.data) : text.len) - at};
}

static inline bool mqw__is_level(mqw_text one, mqw_text other)
{
    return one.len == other.len && (one.len == 0 || memcmp(one.data, other.data, one.len) == 0);
}

static inline bool mqw__is_wild(mqw_text level)
{
    return level.len == 1 && (level.data[0] == '+' || level.data[0] == '#');
}

#endif
