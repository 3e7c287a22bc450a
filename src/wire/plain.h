// SPDX-License-Identifier: MIT
// The commonest packet, taken without a cursor: a PUBLISH that breaks no rule of any version and has no
// properties. On the slightest doubt it is left to the general way, which finds the words for what is wrong.
#ifndef MQW_WIRE_PLAIN_H
#define MQW_WIRE_PLAIN_H

#include <mqwire/codec.h>

#include "base/utf8.h"
#include "wire/codec.h"

#ifdef __OPTIMIZE_SIZE__
enum { MQW__QUICK = 0 };
#else
enum { MQW__QUICK = 1 };
#endif

/* Flags of a PUBLISH: not QoS 3, no DUP with QoS 0. */
static inline bool mqw__plain_flags(uint8_t first)
{
    return first >> 4 == MQW_PUBLISH && (first & 6) != 6 && (first & 14) != 8;
}

/* Decodes a plain PUBLISH whose body is at `body`. False: it is not plain, and nothing is in `out` that
 * counts. */
static inline __attribute__((always_inline)) bool mqw__plain_publish(uint8_t version, mqw__header header,
                                                                     const uint8_t *body, mqw_packet *out)
{
    if (header.size > 2 && header.length >> (7 * (header.size - 2u)) == 0)
        return false; /* over-long, which 5.0 forbids */
    if (!mqw__plain_flags(header.first) || header.length < 2)
        return false;
    mqw_publish *publish = &out->publish;
    unsigned qos = header.first >> 1 & 3;
    size_t topic = (size_t)body[0] << 8 | body[1];
    size_t at = 2 + topic;
    unsigned id = 0;
    if (qos) {
        if (at + 2 > header.length)
            return false;
        id = (unsigned)body[at] << 8 | body[at + 1];
        at += 2;
        if (id == 0)
            return false;
    }
    if (version == MQW_5_0 && (at >= header.length || body[at++] != 0))
        return false;
    if (at > header.length || topic == 0 || mqw__utf8_find(body + 2, topic))
        return false;
    out->type = MQW_PUBLISH;
    out->dup = publish->dup = (header.first & 8) != 0;
    out->qos = publish->qos = (uint8_t)qos;
    out->retain = publish->retain = (header.first & 1) != 0;
    out->length = header.length;
    out->violations = (mqw_rule_set){{0, 0}};
    publish->topic = (mqw_text){(const char *)body + 2, topic};
    publish->payload = (mqw_bytes){body + at, header.length - at};
    publish->payload_left = 0;
    publish->packet_id = (uint16_t)id;
    publish->props.has = 0;
    return true;
}

#endif
