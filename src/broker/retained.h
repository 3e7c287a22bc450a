// SPDX-License-Identifier: MIT
// Retained messages: the last one of each topic, found by filter.
#ifndef MQW_BROKER_RETAINED_H
#define MQW_BROKER_RETAINED_H

#include "letter.h"

typedef struct mqw__retained mqw__retained;

/** A walk over the retained messages that match a filter, which may take many turns: messages may come and go
 * meanwhile. One that is there from beginning to end is met exactly once. */
typedef struct mqw__walk mqw__walk;

mqw__retained *mqw__retained_new(const mqw_allocator *allocator, uint64_t *memory, uint64_t seed);
/** Frees all, the letters' references included. NULL is fine. No walk may be under way. */
void mqw__retained_free(mqw__retained *retained);
/** Sets the message of a topic and takes a reference; *old (may be NULL) gets the reference of the one
 * before, or NULL. 0 or MQW_E_NO_MEMORY. */
int mqw__retained_set(mqw__retained *retained, mqw__letter *letter, mqw__letter **old);
/** Takes out the message of a topic, whose reference is the caller's; NULL: there is none. */
mqw__letter *mqw__retained_take(mqw__retained *retained, mqw_text topic);
/** The message of a topic, not counted; NULL: none. */
mqw__letter *mqw__retained_find(const mqw__retained *retained, mqw_text topic);
uint64_t mqw__retained_count(const mqw__retained *retained);
/** The same, without those that are the broker's own. */
uint64_t mqw__retained_of_clients(const mqw__retained *retained);
/** Whether a topic is the broker's own: `$SYS` and below, but not `$SYS/broker/connection/`, where bridges
 * tell how they are. */
bool mqw__topic_is_status(mqw_text topic);

/** Begins a walk. `filter` is copied; without `$share`, and with the mount point that is its first
 * `mount_len` bytes: a wildcard behind that takes no level that begins with `$`. An empty filter takes every
 * topic. NULL: no memory. */
mqw__walk *mqw__retained_walk(mqw__retained *retained, mqw_text filter, size_t mount_len);
/** The next message that matches, not counted; NULL: no more, or (mqw__walk_over is false) none was found in
 * a time that is fair to others: go on in the next turn. Expired ones are met, too. Linear in what matches,
 * not in what does not, but for levels that a wildcard stands for. */
mqw__letter *mqw__walk_next(mqw__walk *walk);
/** Whether the message of this topic is there, matches, and was not met yet. */
bool mqw__walk_will_meet(const mqw__walk *walk, mqw_text topic);
/** Whether nothing is left. */
bool mqw__walk_over(const mqw__walk *walk);
/** Ends it, at any time. NULL is fine. */
void mqw__walk_end(mqw__walk *walk);

#endif
