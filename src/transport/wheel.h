// SPDX-License-Identifier: MIT
// Deadlines by the hundred thousand on one timer: a hierarchical wheel of milliseconds.
#ifndef MQW_TRANSPORT_WHEEL_H
#define MQW_TRANSPORT_WHEEL_H

#include <stdint.h>

enum { MQW__WHEEL_LEVELS = 5, MQW__WHEEL_SLOTS = 64 };

/** A deadline inside what owns it. All zeros: not set. */
typedef struct mqw__deadline {
    struct mqw__deadline *next;
    struct mqw__deadline **link; /**< What points at this one; NULL: in no slot. */
    uint64_t at;                 /**< When it is wanted. */
    void (*fire)(struct mqw__deadline
                     *entry); /**< Called once per set, at `at` or later; it may set, clear and free. */
    uint32_t filed;           /**< Low half of when its slot comes up: never later than `at`. */
    uint32_t slot;            /**< level * SLOTS + number in the level */
} mqw__deadline;

typedef struct mqw__wheel {
    uint64_t now;
    uint64_t used[MQW__WHEEL_LEVELS]; /**< A bit per slot that is not empty. */
    mqw__deadline *slots[MQW__WHEEL_LEVELS * MQW__WHEEL_SLOTS];
} mqw__wheel;

/** Sets or moves a deadline; UINT64_MAX: none. Moving it later costs nothing until its old slot comes up. */
void mqw__wheel_set(mqw__wheel *wheel, mqw__deadline *entry, uint64_t at);
/** When the slot of one that is set comes up. */
static inline uint64_t mqw__wheel_filed(const mqw__wheel *wheel, const mqw__deadline *entry)
{
    return wheel->now + (uint32_t)(entry->filed - (uint32_t)wheel->now);
}
/** Takes a deadline out; needed before its memory goes. */
void mqw__wheel_clear(mqw__wheel *wheel, mqw__deadline *entry);
/** When mqw__wheel_advance wants to be called (at the latest); UINT64_MAX: nothing is set. */
uint64_t mqw__wheel_next(const mqw__wheel *wheel);
/** Time goes on: fires what is due, in the order of milliseconds. */
void mqw__wheel_advance(mqw__wheel *wheel, uint64_t now);

#endif
