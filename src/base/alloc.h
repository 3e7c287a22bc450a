// SPDX-License-Identifier: MIT
// Memory through the program's allocator: one function that allocates, grows and frees.
#ifndef MQW_BASE_ALLOC_H
#define MQW_BASE_ALLOC_H

#include "mqwire/packet.h"

/* The allocator to use for `given`: itself, or malloc when it is NULL. */
mqw_allocator mqw__allocator(const mqw_allocator *given);

static inline void *mqw__resize(const mqw_allocator *allocator, void *old, size_t old_size, size_t new_size)
{
    return allocator->resize(allocator->ctx, old, old_size, new_size);
}

static inline void *mqw__alloc(const mqw_allocator *allocator, size_t size)
{
    return mqw__resize(allocator, NULL, 0, size);
}

static inline void mqw__free(const mqw_allocator *allocator, void *block, size_t size)
{
    if (block)
        (void)mqw__resize(allocator, block, size, 0);
}

#endif
