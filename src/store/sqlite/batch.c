// SPDX-License-Identifier: MIT
// Changes collected on the loop, in order of their keys: a skip list whose memory is freed at once.
#include "batch.h"

#include <stdlib.h>

#include "alloc.h"

enum { BLOCK = 32 * 1024 };

/** Memory that is given out from its start. */
typedef struct mqw__block {
    struct mqw__block *next;
    size_t used, size;
    max_align_t bytes[];
} mqw__block;

/** The places that point at what comes next, at each level. */
typedef struct path {
    mqw__change **at[MQW__LEVELS];
} path;

// A large piece gets a block of its own, behind the one that is being given out.
static mqw__block *add_block(mqw__batch *batch, size_t size)
{
    bool own = batch->blocks && size > BLOCK / 4;
    mqw__block **place = own ? &batch->blocks->next : &batch->blocks;
    mqw__block *block = mqw__sqlite_alloc(sizeof *block + (size > BLOCK / 4 ? size : BLOCK));
    if (!block)
        return NULL;
    *block = (mqw__block){*place, 0, size > BLOCK / 4 ? size : BLOCK};
    *place = block;
    return block;
}

static void *take(mqw__batch *batch, size_t size)
{
    mqw__block *block = batch->blocks;
    size = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    if (!block || block->size - block->used < size)
        block = add_block(batch, size);
    if (!block)
        return NULL;
    void *taken = (uint8_t *)block->bytes + block->used;
    block->used += size;
    batch->bytes += size;
    return taken;
}

void mqw__batch_init(mqw__batch *batch)
{
    *batch = (mqw__batch){.random = UINT64_C(0x9E3779B97F4A7C15)};
}

void mqw__batch_clear(mqw__batch *batch)
{
    while (batch->blocks) {
        mqw__block *block = batch->blocks;
        batch->blocks = block->next;
        free(block);
    }
    *batch = (mqw__batch){.random = batch->random};
}

bool mqw__batch_empty(const mqw__batch *batch)
{
    return !batch->head[0] && !batch->prefixes;
}

mqw_bytes mqw__change_key(const mqw__change *change)
{
    return (mqw_bytes){(const uint8_t *)(change->next + change->levels), change->key_len};
}

// The first whose key is not below, and the way to it.
static mqw__change *find(mqw__batch *batch, mqw_bytes key, path *way)
{
    mqw__change **links = batch->head;
    for (int level = MQW__LEVELS - 1; level >= 0; level--) {
        while (links[level] && mqw__key_compare(mqw__change_key(links[level]), key) < 0)
            links = links[level]->next;
        way->at[level] = &links[level];
    }
    return links[0];
}

// An entry that deletes, at the end of the way.
static mqw__change *insert(mqw__batch *batch, mqw_bytes key, const path *way)
{
    unsigned levels = mqw__key_levels(&batch->random);
    mqw__change *made = take(batch, sizeof *made + levels * sizeof(mqw__change *) + key.len);
    if (!made)
        return NULL;
    *made = (mqw__change){.key_len = (uint16_t)key.len, .levels = (uint8_t)levels, .deleted = true};
    memcpy(made->next + levels, key.data, key.len);
    for (unsigned level = 0; level < levels; level++) {
        made->next[level] = *way->at[level];
        *way->at[level] = made;
    }
    return made;
}

static bool is_at(const mqw__change *found, mqw_bytes key)
{
    return found && mqw__key_compare(mqw__change_key(found), key) == 0;
}

int mqw__batch_put(mqw__batch *batch, mqw_bytes key, mqw_bytes value)
{
    path way;
    mqw__change *change = find(batch, key, &way);
    if (!is_at(change, key))
        change = NULL;
    bool fits = change && change->value && change->room >= value.len; // one that deletes has no room
    uint8_t *room = fits ? change->value : take(batch, value.len);
    if (room && !change)
        change = insert(batch, key, &way);
    if (!room || !change)
        return MQW_E_NO_MEMORY;
    if (change->value != room) {
        change->value = room;
        change->room = value.len;
    }
    if (value.len)
        memcpy(room, value.data, value.len);
    change->value_len = value.len;
    change->deleted = false;
    return 0;
}

int mqw__batch_delete(mqw__batch *batch, mqw_bytes key)
{
    path way;
    mqw__change *change = find(batch, key, &way);
    if (!is_at(change, key))
        change = insert(batch, key, &way);
    if (!change)
        return MQW_E_NO_MEMORY;
    change->deleted = true;
    return 0;
}

int mqw__batch_delete_all(mqw__batch *batch, mqw_bytes prefix)
{
    path way;
    mqw__prefix *made = take(batch, sizeof *made + prefix.len);
    if (!made)
        return MQW_E_NO_MEMORY;
    *made = (mqw__prefix){batch->prefixes, prefix.len};
    if (prefix.len)
        memcpy(made->bytes, prefix.data, prefix.len);
    batch->prefixes = made;
    mqw__change *gone = find(batch, prefix, &way);
    for (; gone && mqw__key_begins(mqw__change_key(gone), prefix); gone = *way.at[0])
        for (unsigned level = 0; level < gone->levels; level++)
            *way.at[level] = gone->next[level];
    return 0;
}
