// SPDX-License-Identifier: MIT
// Packet identifiers of QoS 2 messages that were taken and not released: a bit each, in pages that come and
// go.
#ifndef MQW_SESSION_INBOX_H
#define MQW_SESSION_INBOX_H

#include "base/alloc.h"

enum { MQW__PAGE_BITS = 1024, MQW__PAGES = 65536 / MQW__PAGE_BITS };

typedef struct mqw__page {
    uint64_t bits[MQW__PAGE_BITS / 64];
    uint32_t count;
} mqw__page;

typedef struct mqw__inbox {
    mqw__page **pages; /* NULL: nothing was ever taken */
    mqw__page *spare;  /* an empty one, so that a single message back and forth allocates nothing */
} mqw__inbox;

void mqw__inbox_free(mqw__inbox *inbox, const mqw_allocator *allocator);

#endif
