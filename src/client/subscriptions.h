// SPDX-License-Identifier: MIT
// What the server was asked to send, by filter and in order, so that it can be asked again.
#ifndef MQW_CLIENT_SUBSCRIPTIONS_H
#define MQW_CLIENT_SUBSCRIPTIONS_H

#include "mqwire/client.h"

/** A filter with its options. While a request is under way it belongs to that. */
typedef struct mqw__subscription {
    struct mqw__subscription *chain; /**< In its bucket, or in its request. */
    struct mqw__subscription *next, *back;
    mqw_filter options; /**< Its text is behind it. */
    uint32_t id;        /**< Subscription identifier; 0: none. */
    uint32_t asked;     /**< Number of the connection on which the program asked for it last. */
} mqw__subscription;

typedef struct mqw__subscriptions {
    mqw__subscription **buckets; /**< A power of two. */
    mqw__subscription *first, *last;
    uint32_t size, count;
} mqw__subscriptions;

/** NULL: no memory. */
mqw__subscription *mqw__subscription_new(const mqw_filter *filter, uint32_t id);
/** The one with that filter; NULL: none. */
mqw__subscription *mqw__subscriptions_find(const mqw__subscriptions *all, mqw_text filter);
/** Makes sure that mqw__subscriptions_put works; false: no memory. */
bool mqw__subscriptions_reserve(mqw__subscriptions *all);
/** Takes it over, instead of the one that has the same filter. */
void mqw__subscriptions_put(mqw__subscriptions *all, mqw__subscription *made);
/** Forgets it, if it is there. */
void mqw__subscriptions_drop(mqw__subscriptions *all, mqw_text filter);
void mqw__subscriptions_free(mqw__subscriptions *all);

#endif
