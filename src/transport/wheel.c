// SPDX-License-Identifier: MIT
// Deadlines on one timer. A slot of level n spans 64^n milliseconds; what comes up above level 0 is filed
// again lower.
#include "wheel.h"

#include <stddef.h>

enum { BITS = 6 };

// What the wheel covers, twelve days, less the present slot of the highest level.
#define FARTHEST \
    ((UINT64_C(1) << (BITS * MQW__WHEEL_LEVELS)) - (UINT64_C(1) << (BITS * (MQW__WHEEL_LEVELS - 1))))

static unsigned level_of(uint64_t now, uint64_t at)
{
    uint64_t differ = (now ^ at) | (MQW__WHEEL_SLOTS - 1);
    unsigned level = (63 - (unsigned)__builtin_clzll(differ)) / BITS;
    return level < MQW__WHEEL_LEVELS ? level : MQW__WHEEL_LEVELS - 1;
}

static void put(mqw__deadline **head, mqw__deadline *entry)
{
    entry->next = *head;
    if (entry->next)
        entry->next->link = &entry->next;
    entry->link = head;
    *head = entry;
}

static void take(mqw__deadline *entry)
{
    *entry->link = entry->next;
    if (entry->next)
        entry->next->link = entry->link;
    entry->link = NULL;
}

// The past is filed one millisecond ahead, so that an entry which sets itself again cannot hold advance for
// ever.
static void file(mqw__wheel *wheel, mqw__deadline *entry)
{
    uint64_t at = entry->at > wheel->now ? entry->at : wheel->now + 1;
    if (at - wheel->now > FARTHEST)
        at = wheel->now + FARTHEST;
    unsigned level = level_of(wheel->now, at);
    unsigned number = (unsigned)(at >> (BITS * level)) & (MQW__WHEEL_SLOTS - 1);
    entry->filed = (uint32_t)at;
    entry->slot = level * MQW__WHEEL_SLOTS + number;
    put(&wheel->slots[entry->slot], entry);
    wheel->used[level] |= UINT64_C(1) << number;
}

void mqw__wheel_clear(mqw__wheel *wheel, mqw__deadline *entry)
{
    if (!entry->link)
        return;
    take(entry);
    if (!wheel->slots[entry->slot])
        wheel->used[entry->slot / MQW__WHEEL_SLOTS] &= ~(UINT64_C(1) << entry->slot % MQW__WHEEL_SLOTS);
}

void mqw__wheel_set(mqw__wheel *wheel, mqw__deadline *entry, uint64_t at)
{
    entry->at = at;
    if (entry->link ? at >= mqw__wheel_filed(wheel, entry) : at == UINT64_MAX)
        return;
    mqw__wheel_clear(wheel, entry);
    file(wheel, entry);
}

// The next slot of a level to come up, and when it starts. Slots before the present one belong to the next
// round.
static uint64_t slot_start(const mqw__wheel *wheel, unsigned level, unsigned *number)
{
    unsigned shift = BITS * level;
    unsigned present = (unsigned)(wheel->now >> shift) & (MQW__WHEEL_SLOTS - 1);
    uint64_t used = wheel->used[level];
    uint64_t ahead = used >> present << present;
    *number = (unsigned)__builtin_ctzll(ahead ? ahead : used);
    uint64_t round = wheel->now >> shift >> BITS << BITS << shift;
    uint64_t start = round + ((uint64_t)*number << shift);
    return ahead ? start : start + (UINT64_C(1) << (shift + BITS));
}

// A lower level always comes up before a higher one.
static uint64_t first_slot(const mqw__wheel *wheel, unsigned *slot)
{
    for (unsigned level = 0; level < MQW__WHEEL_LEVELS; level++) {
        if (wheel->used[level]) {
            uint64_t start = slot_start(wheel, level, slot);
            *slot += level * MQW__WHEEL_SLOTS;
            return start;
        }
    }
    return UINT64_MAX;
}

uint64_t mqw__wheel_next(const mqw__wheel *wheel)
{
    unsigned slot = 0;
    return first_slot(wheel, &slot);
}

static void come_up(mqw__wheel *wheel, unsigned slot)
{
    mqw__deadline *due = NULL;
    while (wheel->slots[slot]) {
        mqw__deadline *entry = wheel->slots[slot];
        mqw__wheel_clear(wheel, entry);
        if (entry->at <= wheel->now)
            put(&due, entry);
        else if (entry->at != UINT64_MAX)
            file(wheel, entry);
    }
    // What fires may clear others, which must then find themselves in a list that is nobody's slot.
    while (due) {
        mqw__deadline *entry = due;
        take(entry);
        entry->fire(entry);
    }
}

void mqw__wheel_advance(mqw__wheel *wheel, uint64_t now)
{
    unsigned slot = 0;
    for (;;) {
        uint64_t start = first_slot(wheel, &slot);
        if (start > now)
            break;
        if (start > wheel->now)
            wheel->now = start;
        come_up(wheel, slot);
    }
    if (now > wheel->now)
        wheel->now = now;
}
