// SPDX-License-Identifier: MIT
// What is wrong with a topic name or a topic filter, as a set of flaws.
#ifndef MQW_WIRE_TOPIC_H
#define MQW_WIRE_TOPIC_H

#include "wire/cursor.h"

/* Judges the flaws of a topic name or filter; what is sent is checked in 3.1, too. True: refused. */
MQW__COLD bool mqw__break_topic(mqw__check *check, unsigned flaws, const uint8_t *at, uint8_t field);

/* Of a topic name. */
static inline unsigned mqw__topic_flaws(mqw_text name)
{
    return mqw__utf8_find(name.data, name.len) | (name.len == 0 ? MQW__FLAW(TOPIC_EMPTY) : 0);
}

/* Writes a topic name, which is checked in 3.1, too; `may_be_empty`: an alias stands for it. */
static inline void mqw__write_topic(mqw__writer *w, mqw_text name, bool may_be_empty, uint8_t field)
{
    mqw__write_blob(w, name.data, name.len, field);
    if (MQW__RARE(w->check->rule != 0))
        return;
    unsigned flaws = may_be_empty ? mqw__utf8_find(name.data, name.len) : mqw__topic_flaws(name);
    if (MQW__RARE(flaws != 0))
        mqw__break_topic(w->check, flaws, NULL, field);
}

unsigned mqw__filter_flaws(mqw_text filter, uint8_t version);
bool mqw__is_shared(mqw_text filter);

#endif
