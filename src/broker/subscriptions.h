// SPDX-License-Identifier: MIT
// The topic tree: who has subscribed to what. Its cost does not grow with subscriptions that do not match.
#ifndef MQW_BROKER_SUBSCRIPTIONS_H
#define MQW_BROKER_SUBSCRIPTIONS_H

#include "mqwire/broker.h"
#include "table.h"

typedef struct mqw__session mqw__session;
typedef struct mqw__node mqw__node;   /**< Levels of a filter in the tree: tree.h. */
typedef struct mqw__group mqw__group; /**< The members of a shared subscription. */

/** One filter of one subscriber. Made and freed by the tree; the flags may be changed by its owner. */
typedef struct mqw__subscription {
    mqw__session *session; /**< Whose it is; NULL: local. */
    mqw_local *local;      /**< Of the program; NULL: of a session. */
    mqw__node *node;
    mqw__group *group;              /**< NULL: not shared. */
    struct mqw__subscription *next; /**< Of the session's list (session.h). */
    struct mqw__subscription *back;
    uint32_t at;         /**< Its place in its crowd. */
    uint32_t identifier; /**< Subscription identifier; 0: none. */
    uint8_t qos : 2;
    uint8_t retain_handling : 2;
    bool no_local : 1;
    bool retain_as_published : 1;
} mqw__subscription;

/** Subscriptions to the same, in no order. */
typedef struct mqw__crowd {
    mqw__subscription **members;
    mqw__subscription *only; /**< Where `members` points as long as one is enough. */
    uint32_t count, cap;
} mqw__crowd;

struct mqw__group {
    mqw__entry entry; /**< Key: its name. */
    mqw__crowd crowd;
    mqw__node *node;
    mqw__group *next, **link; /**< Of the node's groups. */
    uint32_t number;          /**< Names it: never 0, and not used again soon. */
    uint32_t turn;            /**< Whose turn it is: less than crowd.count; moved on by whoever delivers. */
};

/** What matches a topic. Lives until the tree changes or the next match. */
typedef struct mqw__matches {
    mqw__subscription *const *plain;
    size_t plain_count;
    mqw__group *const *groups; /**< Of each, one member is to be given the message. */
    size_t group_count;
    size_t work; /**< What the search took, in bytes that were compared; nothing when it was known already. */
} mqw__matches;

typedef struct mqw__tree mqw__tree;

/** An empty tree. NULL: no memory. `memory`: grows and shrinks with what the tree holds. `allocator` and
 * `memory` must outlive it. */
mqw__tree *mqw__tree_new(const mqw_allocator *allocator, uint64_t *memory, uint64_t seed);
/** Frees it with all subscriptions. NULL is fine. */
void mqw__tree_free(mqw__tree *tree);
/** More bytes than a new subscription takes, arrays and tables that grow with all of them left out. */
static inline size_t mqw__tree_cost(mqw_text filter)
{
    return 512 + filter.len;
}
/** Adds a subscription, or finds the one that the subscriber has for this filter (with its `$share/name/`):
 * flags and identifier are set to those of `item` either way. `item->filter` is valid and has its mount point
 * behind `$share/name/`; how long that is, is asked of the session. 1: new; 0: it was there;
 * MQW_E_NO_MEMORY: nothing has changed. */
int mqw__tree_add(mqw__tree *tree, const mqw_filter *item, uint32_t identifier, mqw__session *session,
                  mqw_local *local, mqw__subscription **out);
/** The subscription of a subscriber for this filter; NULL: none. */
mqw__subscription *mqw__tree_find(mqw__tree *tree, mqw_text filter, const mqw__session *session,
                                  const mqw_local *local);
/** Takes it out and frees it (off the session's list already). */
void mqw__tree_remove(mqw__tree *tree, mqw__subscription *subscription);
/** Its filter, with `$share/name/`, into `room` of 65,536 bytes or more: a view of it. */
mqw_text mqw__tree_filter(const mqw__subscription *subscription, char *room);
/** What matches a topic name (section 4.7). A wildcard in a subscriber's first level, which is the one behind
 * its mount point, takes no level that begins with `$`. Without memory it is what could be found: returns
 * MQW_E_NO_MEMORY then, else 0. */
int mqw__tree_match(mqw__tree *tree, mqw_text topic, mqw__matches *out);
/** Subscriptions, and groups of shared ones. */
uint64_t mqw__tree_count(const mqw__tree *tree);
uint64_t mqw__tree_groups(const mqw__tree *tree);

#endif
