// SPDX-License-Identifier: MIT
// What each peer of mqw listen has subscribed to, and messages sent to them.
#ifndef MQW_ECHO_H
#define MQW_ECHO_H

#include <mqwire/mqwire.h>

enum { SUBSCRIPTIONS_MAX = 1000 }; // of one peer

typedef struct subscription {
    char *filter;
    size_t len;
    uint32_t id; // subscription identifier; 0: none
    uint8_t qos;
    bool no_local;
    bool retain_as_published;
} tool_subscription;

typedef struct subscriptions {
    tool_subscription *items;
    size_t count;
} tool_subscriptions;

struct console;
struct peer;

// Adds or replaces; returns the reason code of SUBACK.
uint8_t subscriptions_add(tool_subscriptions *subscriptions, const mqw_filter *filter, uint32_t id);
// Returns the reason code of UNSUBACK.
uint8_t subscriptions_remove(tool_subscriptions *subscriptions, mqw_text filter);
void subscriptions_free(tool_subscriptions *subscriptions);

// Sends a message of `from` to all who have subscribed to it.
void echo_publish(struct peer *from, const mqw_publish *publish);

#endif
