// SPDX-License-Identifier: MIT
// The order of keys, and the skip lists that keep it.
#ifndef MQW_STORE_KEYS_H
#define MQW_STORE_KEYS_H

#include <string.h>

#include "mqwire/packet.h"

enum { MQW__LEVELS = 12 /**< Of a skip list: enough for 16 million. */ };

/** Bytes are unsigned; a key comes before those that begin with it. */
static inline int mqw__key_compare(mqw_bytes a, mqw_bytes b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common ? memcmp(a.data, b.data, common) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static inline bool mqw__key_begins(mqw_bytes key, mqw_bytes prefix)
{
    return key.len >= prefix.len && (prefix.len == 0 || memcmp(key.data, prefix.data, prefix.len) == 0);
}

/** On how many levels a new entry stands: one more with a chance of one in four (xorshift64; never 0). */
static inline unsigned mqw__key_levels(uint64_t *random)
{
    uint64_t x = *random;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    *random = x;
    unsigned levels = 1;
    for (; levels < MQW__LEVELS && (x & 3) == 0; x >>= 2)
        levels++;
    return levels;
}

#endif
