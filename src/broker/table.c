// SPDX-License-Identifier: MIT
// The table of buckets: linear hashing, about as many buckets as entries.
#include "table.h"

#include <string.h>

enum { FIRST_CAP = 16 };

// --- hash ---

// Both halves of a product of two secrets and what is hashed: nobody who does not know them can find texts
// that meet.
static inline uint64_t fold(uint64_t a, uint64_t b)
{
#ifdef __SIZEOF_INT128__
    __extension__ unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
#else
    uint64_t low = (a & UINT32_MAX) * (b & UINT32_MAX), high = (a >> 32) * (b >> 32);
    uint64_t left = (a >> 32) * (b & UINT32_MAX), right = (a & UINT32_MAX) * (b >> 32);
    uint64_t middle = (low >> 32) + (left & UINT32_MAX) + (right & UINT32_MAX);
    low = (low & UINT32_MAX) | middle << 32;
    return low ^ (high + (left >> 32) + (right >> 32) + (middle >> 32));
#endif
}

static inline uint64_t read_8(const char *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static inline uint64_t read_4(const char *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

// Up to eight bytes as a number; their count is hashed, too.
static inline uint64_t read_few(const char *at, size_t len)
{
    if (len >= 4)
        return read_4(at) | read_4(at + len - 4) << 32;
    if (len == 0)
        return 0;
    return (uint64_t)(uint8_t)at[0] | (uint64_t)(uint8_t)at[len / 2] << 8 |
           (uint64_t)(uint8_t)at[len - 1] << 16;
}

static uint32_t hash_of(const mqw__table *table, const void *under, mqw_text key)
{
    const char *at = key.data;
    size_t len = key.len;
    uint64_t hash = fold(table->seed[0] ^ (uintptr_t)under, table->seed[1] ^ len);
    for (; len > 16; at += 16, len -= 16)
        hash = fold(hash ^ read_8(at), table->seed[1] ^ read_8(at + 8));
    if (len > 8)
        hash = fold(hash ^ read_8(at), table->seed[1] ^ read_8(at + len - 8));
    else
        hash = fold(hash ^ read_few(at, len), table->seed[1]);
    return (uint32_t)(hash ^ hash >> 32);
}

// A second secret out of the first.
static uint64_t scatter(uint64_t seed)
{
    seed += UINT64_C(0x9e3779b97f4a7c15);
    seed = (seed ^ seed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    seed = (seed ^ seed >> 27) * UINT64_C(0x94d049bb133111eb);
    return seed ^ seed >> 31;
}

// --- buckets ---

void mqw__table_init(mqw__table *table, const mqw_allocator *allocator, uint64_t *memory, uint64_t seed)
{
    *table = (mqw__table){.allocator = allocator};
    table->memory = memory;
    table->seed[0] = scatter(seed);
    table->seed[1] = scatter(table->seed[0]);
}

static bool set_cap(mqw__table *table, uint32_t cap)
{
    size_t old = table->cap * sizeof(mqw__entry *), size = cap * sizeof(mqw__entry *);
    mqw__entry **buckets = mqw__resize(table->allocator, table->buckets, old, size);
    if (!buckets && cap > 0)
        return false;
    table->buckets = buckets;
    table->cap = cap;
    *table->memory += size - old;
    return true;
}

void mqw__table_free(mqw__table *table)
{
    if (table->cap > 0)
        (void)set_cap(table, 0);
    table->count = table->half = table->entries = 0;
}

// Of the buckets 0 … count - 1, those from `half` on have taken over a part of the one that is `half` below.
static mqw__entry **bucket_of(const mqw__table *table, uint32_t hash)
{
    uint32_t number = hash & (table->half * 2 - 1);
    return &table->buckets[number < table->count ? number : number - table->half];
}

static void add_bucket(mqw__table *table)
{
    uint32_t number = table->count++;
    mqw__entry **stay = &table->buckets[number - table->half], **move = &table->buckets[number];
    while (*stay) {
        mqw__entry *entry = *stay;
        if (!(entry->hash & table->half)) {
            stay = &entry->next;
            continue;
        }
        *stay = entry->next;
        *move = entry;
        move = &entry->next;
    }
    *move = NULL;
    if (table->count == table->half * 2)
        table->half = table->count;
}

static void drop_bucket(mqw__table *table)
{
    if (table->count == table->half)
        table->half /= 2;
    uint32_t number = --table->count;
    mqw__entry **end = &table->buckets[number - table->half];
    while (*end)
        end = &(*end)->next;
    *end = table->buckets[number];
}

// --- entries ---

static inline const char *key_of(const mqw__entry *entry)
{
    return (const char *)entry + entry->at;
}

mqw__entry *mqw__table_find(const mqw__table *table, const void *under, mqw_text key)
{
    if (table->entries == 0)
        return NULL;
    uint32_t hash = hash_of(table, under, key);
    mqw__entry *entry = *bucket_of(table, hash);
    while (entry && (entry->hash != hash || entry->under != under || entry->len != key.len ||
                     memcmp(key_of(entry), key.data, key.len) != 0))
        entry = entry->next;
    return entry;
}

bool mqw__table_ready(mqw__table *table)
{
    if (table->cap == 0) {
        if (!set_cap(table, FIRST_CAP))
            return false;
        table->count = table->half = 1;
        table->buckets[0] = NULL;
    }
    return table->count + 2 <= table->cap || set_cap(table, table->cap * 2);
}

void mqw__table_put(mqw__table *table, mqw__entry *entry)
{
    table->entries++;
    for (int i = 0; i < 2 && table->count < table->entries; i++)
        add_bucket(table);
    entry->hash = hash_of(table, entry->under, (mqw_text){key_of(entry), entry->len});
    mqw__entry **bucket = bucket_of(table, entry->hash);
    entry->next = *bucket;
    *bucket = entry;
}

void mqw__table_take(mqw__table *table, mqw__entry *entry)
{
    mqw__entry **at = bucket_of(table, entry->hash);
    while (*at != entry)
        at = &(*at)->next;
    *at = entry->next;
    table->entries--;
    for (int i = 0; i < 2 && table->count > table->entries * 2 && table->count > 1; i++)
        drop_bucket(table);
    if (table->count < table->cap / 4 && table->cap > FIRST_CAP)
        (void)set_cap(table, table->cap / 2);
}

mqw__entry *mqw__table_pop(mqw__table *table)
{
    if (table->entries == 0)
        return NULL;
    while (!table->buckets[table->count - 1])
        drop_bucket(table);
    mqw__entry *entry = table->buckets[table->count - 1];
    table->buckets[table->count - 1] = entry->next;
    table->entries--;
    return entry;
}
