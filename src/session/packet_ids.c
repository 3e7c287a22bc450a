// SPDX-License-Identifier: MIT
// Packet identifiers without collision (MQTT-2.2.1-3): a table from identifier to entry, as large as what is
// in use.
#include <string.h>

#include "session/inside.h"

enum {
    SMALLEST = 64,   /* one word of bits */
    LARGEST = 65536, /* each identifier has a slot of its own */
    KEPT = 1024      /* a larger table goes when nothing is in use */
};

static size_t bytes_of(uint32_t size)
{
    return size * sizeof(mqw__entry *) + size / 8;
}

static void put(mqw__packet_ids *ids, mqw__entry *entry)
{
    uint32_t slot = entry->promise.packet_id & (ids->size - 1);
    ids->slots[slot] = entry;
    ids->taken[slot / 64] |= UINT64_C(1) << slot % 64;
    ids->count++;
}

/* What differs in a smaller table differs in a larger one: all find their slots free. */
static int grow(mqw__packet_ids *ids, const mqw_allocator *allocator)
{
    mqw__packet_ids larger = {.size = ids->size ? ids->size * 2 : SMALLEST, .last = ids->last};
    larger.slots = mqw__alloc(allocator, bytes_of(larger.size));
    if (!larger.slots)
        return MQW_E_NO_MEMORY;
    memset(larger.slots, 0, bytes_of(larger.size));
    larger.taken = (uint64_t *)(void *)(larger.slots + larger.size);
    if (larger.size == LARGEST)
        larger.taken[0] = 1; /* 0 is no identifier */
    for (uint32_t i = 0; i < ids->size; i++)
        if (ids->slots[i])
            put(&larger, ids->slots[i]);
    mqw__ids_free(ids, allocator);
    *ids = larger;
    return 0;
}

/* The first free slot from `from` on, around the end. There is one. */
static uint32_t free_slot(const mqw__packet_ids *ids, uint32_t from)
{
    uint32_t word = from / 64;
    uint64_t vacant = ~ids->taken[word] & UINT64_MAX << from % 64;
    while (!vacant) {
        word = (word + 1) & (ids->size / 64 - 1);
        vacant = ~ids->taken[word];
    }
    return word * 64 + (uint32_t)__builtin_ctzll(vacant);
}

/* The first one behind the last whose slot is free. */
static uint16_t choose(const mqw__packet_ids *ids)
{
    uint32_t from = ids->last + 1u, mask = ids->size - 1;
    uint16_t id = (uint16_t)(from + ((free_slot(ids, from & mask) - from) & mask));
    return id ? id : (uint16_t)(1 + ((free_slot(ids, 1) - 1) & mask));
}

int mqw__ids_take(mqw__packet_ids *ids, const mqw_allocator *allocator, mqw__entry *entry)
{
    if (ids->count == MQW__IDS)
        return 0;
    if (ids->count >= ids->size / 2 && ids->size < LARGEST && grow(ids, allocator) < 0)
        return MQW_E_NO_MEMORY;
    entry->promise.packet_id = ids->last = choose(ids);
    put(ids, entry);
    return 1;
}

int mqw__ids_claim(mqw__packet_ids *ids, const mqw_allocator *allocator, mqw__entry *entry)
{
    uint16_t id = entry->promise.packet_id;
    if (mqw__ids_find(ids, id))
        return MQW_E_MISUSE;
    while (ids->count >= ids->size / 2 || ids->slots[id & (ids->size - 1)]) {
        if (ids->size == LARGEST)
            break; /* each has its own slot */
        if (grow(ids, allocator) < 0)
            return MQW_E_NO_MEMORY;
    }
    ids->last = id;
    put(ids, entry);
    return 0;
}

void mqw__ids_give(mqw__packet_ids *ids, const mqw_allocator *allocator, uint16_t id)
{
    uint32_t slot = id & (ids->size - 1);
    ids->slots[slot] = NULL;
    ids->taken[slot / 64] &= ~(UINT64_C(1) << slot % 64);
    if (--ids->count == 0 && ids->size > KEPT)
        mqw__ids_free(ids, allocator);
}

void mqw__ids_free(mqw__packet_ids *ids, const mqw_allocator *allocator)
{
    mqw__free(allocator, ids->slots, bytes_of(ids->size));
    *ids = (mqw__packet_ids){.last = ids->last};
}
