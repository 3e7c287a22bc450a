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
int mqw__routes_set(mqw__routes *routes, const char *filter, mqw_message_handler *handler, void *ctx);

/** Calls every handler whose filter matches the topic of *publish, which must stay until then. False: there
 * is none. O(levels), and O(1) without any route. */
bool mqw__routes_call(mqw__routes *routes, mqw_client *client, const mqw_publish *publish, mqw_token token);

/** Frees what is in it. Not inside mqw__routes_call. */
void mqw__routes_free(mqw__routes *routes);

#endif
