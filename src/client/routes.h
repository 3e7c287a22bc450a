// SPDX-License-Identifier: MIT
// Which handlers hear of a topic: a tree by topic level, so that thousands of filters cost no more than one.
//
// Changing routes is legal inside handlers: one that is removed is not called any more, one that is added may
// be called already for the message at hand.
#ifndef MQW_CLIENT_ROUTES_H
#define MQW_CLIENT_ROUTES_H

#include "mqwire/client.h"

typedef struct mqw__node mqw__node;

/** Zero is an empty set of routes. */
typedef struct mqw__routes {
    mqw__node *root;
    mqw__node **buckets; /**< Every node but the root, by parent and level. */
    uint32_t size;       /**< Buckets: a power of two. */
    uint32_t nodes;      /**< In them. */
    uint32_t count;      /**< Routes. */
    uint32_t walking;    /**< Walks that are under way, one in the other: nodes stay. */
    mqw__node *stale;    /**< Nodes to be looked through when the last walk is over. */
} mqw__routes;

/** Sets the handler of a filter; NULL removes it. 0, MQW_E_MISUSE (not a filter) or MQW_E_NO_MEMORY. */
int mqw__routes_set(mqw__routes *routes, mqw_text filter, mqw_message_handler *handler, void *ctx);

/** Calls `call` with each handler whose filter matches, while it returns true. Returns how often it was
 * called. `topic` must stay where it is until then. */
uint32_t mqw__routes_walk(mqw__routes *routes, mqw_text topic,
                          bool (*call)(void *self, mqw_message_handler *handler, void *ctx), void *self);

/** Frees what is in it. Not inside a walk. */
void mqw__routes_clear(mqw__routes *routes);

#endif
