// SPDX-License-Identifier: MIT
// The queue of ring.h.
#include "ring.h"

#include <stdlib.h>
#include <string.h>

#include "transport/alloc.h"

enum { FIRST_CAP = 16, KEPT_CAP = 64 };

bool mqw__ring_reserve(mqw__ring *ring)
{
    if (ring->count < ring->cap)
        return true;
    uint32_t cap = ring->cap ? ring->cap * 2 : FIRST_CAP;
    uint8_t *data = cap > ring->cap ? mqw__uv_new((size_t)cap * ring->item) : NULL;
    if (!data)
        return false;
    mqw__ring larger = *ring;
    larger.data = data;
    larger.cap = cap;
    for (uint32_t i = 0; i < ring->count; i++)
        memcpy(mqw__ring_at(&larger, ring->first + i), mqw__ring_at(ring, ring->first + i), ring->item);
    free(ring->data);
    *ring = larger;
    return true;
}

void mqw__ring_free(mqw__ring *ring)
{
    free(ring->data);
    ring->data = NULL;
    ring->cap = 0;
    ring->first += ring->count;
    ring->count = 0;
}

void mqw__ring_clear(mqw__ring *ring)
{
    ring->first += ring->count;
    ring->count = 0;
    if (ring->cap > KEPT_CAP)
        mqw__ring_free(ring);
}

void mqw__ring_pop(mqw__ring *ring)
{
    ring->first++;
    if (--ring->count == 0)
        mqw__ring_clear(ring);
}
