// SPDX-License-Identifier: MIT
// What is wrong with a topic name or a topic filter, as a set of flaws.
#ifndef MQW_WIRE_TOPIC_H
#define MQW_WIRE_TOPIC_H

#include "wire/cursor.h"

static inline unsigned mqw__topic_flaws(mqw_text name)
{
    return mqw__utf8_scan(name.data, name.len) | (name.len == 0 ? MQW__FLAW(TOPIC_EMPTY) : 0);
}

unsigned mqw__filter_flaws(mqw_text filter, uint8_t version);
bool mqw__is_shared(mqw_text filter);

#endif
