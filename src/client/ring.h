// SPDX-License-Identifier: MIT
// A queue of small values in one block, which doubles when it is full and is let go when it is empty and
// large.
#ifndef MQW_CLIENT_RING_H
#define MQW_CLIENT_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Zero, but for `item`, is an empty one. */
typedef struct mqw__ring {
    uint8_t *data;
    uint32_t item;  /**< Bytes of one value. */
    uint32_t cap;   /**< A power of two, or 0. */
    uint32_t first; /**< Number of the oldest value; numbers rise by one and wrap around. */
    uint32_t count;
} mqw__ring;

/** Makes sure of room for one more; false: no memory. */
bool mqw__ring_reserve(mqw__ring *ring);
void mqw__ring_free(mqw__ring *ring);
/** All are gone. */
void mqw__ring_clear(mqw__ring *ring);
/** The oldest is gone. */
void mqw__ring_pop(mqw__ring *ring);

/** The value with that number, which must be there. */
static inline void *mqw__ring_at(const mqw__ring *ring, uint32_t number)
{
    return ring->data + (size_t)(number & (ring->cap - 1)) * ring->item;
}

/** Room for a new value behind the others; NULL: no memory. */
static inline void *mqw__ring_push(mqw__ring *ring)
{
    if (ring->count == ring->cap && !mqw__ring_reserve(ring))
        return NULL;
    return mqw__ring_at(ring, ring->first + ring->count++);
}

/** The oldest value; NULL: none. */
static inline void *mqw__ring_first(const mqw__ring *ring)
{
    return ring->count ? mqw__ring_at(ring, ring->first) : NULL;
}

#endif
