// SPDX-License-Identifier: MIT
// How each packet type is read and written. The cursors stand behind the fixed header; of `out` and the
// packet, the union is theirs. A write returns where the writer then stands.
#ifndef MQW_WIRE_PACKETS_H
#define MQW_WIRE_PACKETS_H

#include "wire/codec.h"
#include "wire/cursor.h"
#include "wire/properties.h"

void mqw__connect_read(mqw__check *check, const uint8_t *at, mqw_packet *packet);
size_t mqw__connect_write(mqw__check *check, size_t at, const void *body);
void mqw__connack_read(mqw__check *check, const uint8_t *at, mqw_packet *packet);
size_t mqw__connack_write(mqw__check *check, size_t at, const void *body);

void mqw__publish_read(mqw__check *check, const uint8_t *at, mqw_packet *packet);
/* With its fixed header; without its payload unless `whole`. Returns the size. */
size_t mqw__publish_write(mqw__check *check, const mqw_publish *in, bool whole);

/* mqw__encode_checked for a whole PUBLISH, in half the time for the commonest ones. */
int mqw__publish_encode(const mqw_codec *codec, const mqw_publish *in, uint8_t *room, size_t cap,
                        mqw_error *why);

/* mqw__encode of any packet, which it checks field by field. */
int mqw__encode_checked(const mqw_codec *codec, unsigned type, const void *body, bool whole, uint8_t *room,
                        size_t cap, mqw_error *why);

void mqw__ack_read(mqw__check *check, const uint8_t *at, mqw_packet *packet);
size_t mqw__ack_write(mqw__check *check, size_t at, const void *body);

/* Reason and properties in the shortest form that 5.0 has for them; before it, neither can be said. */
void mqw__write_outcome(mqw__writer *w, uint8_t reason, const mqw_props *props);

void mqw__subscribe_read(mqw__check *check, const uint8_t *at, mqw_packet *packet);
size_t mqw__subscribe_write(mqw__check *check, size_t at, const void *body);
void mqw__suback_read(mqw__check *check, const uint8_t *at, mqw_packet *packet);
size_t mqw__suback_write(mqw__check *check, size_t at, const void *body);

void mqw__disconnect_read(mqw__check *check, const uint8_t *at, mqw_packet *packet);
size_t mqw__disconnect_write(mqw__check *check, size_t at, const void *body);
void mqw__auth_read(mqw__check *check, const uint8_t *at, mqw_packet *packet);
size_t mqw__auth_write(mqw__check *check, size_t at, const void *body);
void mqw__ping_read(mqw__check *check, const uint8_t *at, mqw_packet *packet);
size_t mqw__ping_write(mqw__check *check, size_t at, const void *body);

/* Judges flags and Remaining Length of the fixed header; CONNECT does so itself when it knows its version. */
void mqw__judge_header(mqw__check *check, uint32_t length);

/* A packet must not be larger than its length can say. */
MQW__COLD void mqw__refuse_size(mqw__check *check);

/* Writes the fixed header in front of a body that stands behind room for `guess` bytes of length; behind it
 * `tail` bytes will follow. A guess that was too high is mended only where the body fitted nevertheless. */
MQW__INLINE void mqw__write_header(mqw__writer *w, unsigned guess, size_t tail)
{
    size_t length = w->at - 1 - guess + tail;
    unsigned size = mqw__vbi_size(length);
    if (MQW__RARE(length > MQW_LENGTH_MAX))
        mqw__refuse_size(w->check);
    if (MQW__RARE(size > guess))
        mqw__writer_shift(w, 1 + (size_t)guess, size - guess);
    else if (MQW__FORESEEN > 0 && MQW__RARE(size < guess))
        mqw__writer_unshift(w, 1 + (size_t)guess, guess - size);
    if (w->at <= w->cap) {
        w->room[0] = w->check->first;
        mqw__vbi_store(w->room + 1, (uint32_t)length);
    }
}

/* The packet's type. */
MQW__INLINE uint8_t mqw__type(const mqw__check *check)
{
    return check->first >> 4;
}

/* The bit of the packet's type in the tables. */
MQW__INLINE unsigned mqw__place(const mqw__check *check)
{
    return 1u << mqw__type(check);
}

/* Only 3.1 repeats packets other than PUBLISH. */
MQW__INLINE bool mqw__read_dup(const mqw__reader *r)
{
    return r->check->version == MQW_3_1 && (r->check->first & 8) != 0;
}

void mqw__write_dup(mqw__writer *w, bool dup);

MQW__INLINE bool mqw__wrong_reason(const mqw__check *check, uint8_t reason)
{
    return !mqw__reason_ok(check->version, mqw__type(check), check->codec->sender, reason);
}

MQW__INLINE uint8_t mqw__read_reason(mqw__reader *r)
{
    uint8_t reason = mqw__read_u8(r, MQW__F(reason));
    if (MQW__RARE(mqw__wrong_reason(r->check, reason)))
        mqw__reader_break(r, mqw__reason_rule(mqw__type(r->check)), r->at - 1, MQW__F(reason));
    return reason;
}

MQW__INLINE void mqw__write_reason(mqw__writer *w, uint8_t reason)
{
    if (MQW__RARE(mqw__wrong_reason(w->check, reason)))
        mqw__break(w->check, mqw__reason_rule(mqw__type(w->check)), NULL, MQW__F(reason));
    mqw__write_u8(w, reason);
}

#endif
