// SPDX-License-Identifier: MIT
// Waiting for what the peer says. With --expect every packet of the peer is kept until a line asks for it;
// else packets are only counted.
#ifndef MQW_AWAIT_H
#define MQW_AWAIT_H

#include <mqwire/mqwire.h>

#include "expectation.h"

enum { AWAIT_CLOSE = 0, AWAIT_ANSWERS = 16, HELD_MAX = 256 };

struct console;
struct peer;

typedef struct await {
    bool active;
    unsigned type;              // of the packet, or AWAIT_…
    tool_expectation *expected; // NULL: the type is enough
    unsigned number;            // of the peer
    char *postponed;            // the line to do with AWAIT_ANSWERS
    uint32_t timeout;           // ms
    char where[128];            // the line
    mqw_packet *held[HELD_MAX]; // came and were not asked for, oldest first
    size_t held_count;
    tool_variables variables;
} tool_await;

// A line asks for a packet of that type or as `expected` (taken over) says. The input rests until it is
// there.
void await_packet(struct console *console, struct peer *peer, unsigned type, tool_expectation *expected,
                  uint32_t timeout);

// A line is done when every request before it is answered.
void await_answers(struct console *console, struct peer *peer, const char *line);

void await_heard(struct peer *peer, const mqw_packet *packet);
void await_closed(struct peer *peer);
void await_timeout(struct console *console);
void await_free(tool_await *await);

#endif
