// SPDX-License-Identifier: MIT
// Entries in blocks: one allocation for many promises, and none while they come and go.
#include <string.h>

#include "session/inside.h"

enum { FEWEST = 8, MOST = 64 };

struct mqw__block {
    mqw__block *next;
    uint32_t count;
    mqw__entry entries[];
};

static size_t bytes_of(uint32_t count)
{
    return sizeof(mqw__block) + count * sizeof(mqw__entry);
}

/* Spare entries hang together by their links in order. */
static void spare_all(mqw__pool *pool, mqw__block *block)
{
    for (uint32_t i = block->count; i-- > 0;) {
        block->entries[i].links[MQW__ORDER].next = pool->spare;
        pool->spare = &block->entries[i];
    }
}

static bool grow(mqw__pool *pool, const mqw_allocator *allocator)
{
    uint32_t count = !pool->blocks ? FEWEST : pool->blocks->count < MOST ? pool->blocks->count * 2 : MOST;
    mqw__block *block = mqw__alloc(allocator, bytes_of(count));
    if (!block)
        return false;
    block->next = pool->blocks;
    block->count = count;
    pool->blocks = block;
    spare_all(pool, block);
    return true;
}

mqw__entry *mqw__pool_take(mqw__pool *pool, const mqw_allocator *allocator)
{
    if (!pool->spare && !grow(pool, allocator))
        return NULL;
    mqw__entry *entry = pool->spare;
    pool->spare = entry->links[MQW__ORDER].next;
    pool->live++;
    memset(entry, 0, sizeof *entry);
    return entry;
}

static void free_newest(mqw__pool *pool, const mqw_allocator *allocator)
{
    mqw__block *block = pool->blocks;
    pool->blocks = block->next;
    mqw__free(allocator, block, bytes_of(block->count));
}

void mqw__pool_give(mqw__pool *pool, const mqw_allocator *allocator, mqw__entry *entry)
{
    entry->links[MQW__ORDER].next = pool->spare;
    pool->spare = entry;
    if (--pool->live > 0 || !pool->blocks->next)
        return;
    while (pool->blocks->next)
        free_newest(pool, allocator);
    pool->spare = NULL;
    spare_all(pool, pool->blocks);
}

void mqw__pool_free(mqw__pool *pool, const mqw_allocator *allocator)
{
    while (pool->blocks)
        free_newest(pool, allocator);
    *pool = (mqw__pool){NULL, NULL, 0};
}
