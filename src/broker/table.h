// SPDX-License-Identifier: MIT
// A hash table of things that carry their own key: found by where they belong and a text. It grows and
// shrinks by one bucket at a time, so that no call takes long; a secret seed keeps peers from choosing
// collisions.
#ifndef MQW_BROKER_TABLE_H
#define MQW_BROKER_TABLE_H

#include "base/alloc.h"

/** The first member of what is in a table. */
typedef struct mqw__entry {
    struct mqw__entry *next; /**< In its bucket. */
    const void *under;       /**< Where the key belongs: any address; keys of different places do not meet. */
    uint32_t hash;
    uint16_t len; /**< Of the key … */
    uint16_t at;  /**< … which begins so many bytes behind the begin of the entry. */
} mqw__entry;

typedef struct mqw__table {
    const mqw_allocator *allocator;
    uint64_t *memory;
    uint64_t seed[2];
    mqw__entry **buckets;
    uint32_t count; /**< Buckets in use. */
    uint32_t half;  /**< The power of two that is not larger. */
    uint32_t cap;
    uint32_t entries;
} mqw__table;

/** An empty table. `memory` grows and shrinks with what it holds, without its entries. `seed`: random. */
void mqw__table_init(mqw__table *table, const mqw_allocator *allocator, uint64_t *memory, uint64_t seed);
/** Frees the table, not its entries. */
void mqw__table_free(mqw__table *table);
/** NULL: it is not there. */
mqw__entry *mqw__table_find(const mqw__table *table, const void *under, mqw_text key);
/** Makes room for one more entry. False: no memory. */
bool mqw__table_ready(mqw__table *table);
/** Puts an entry whose under, at and len are set into the room that was made. */
void mqw__table_put(mqw__table *table, mqw__entry *entry);
/** Takes it out again. */
void mqw__table_take(mqw__table *table, mqw__entry *entry);
/** Takes out any one; NULL: it is empty. */
mqw__entry *mqw__table_pop(mqw__table *table);

#endif
