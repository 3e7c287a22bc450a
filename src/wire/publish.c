// SPDX-License-Identifier: MIT
// PUBLISH (section 3.3).
#include "wire/packets.h"
#include "wire/topic.h"

/* 5.0 lets an alias stand for the topic. */
static bool has_alias(const mqw_publish *publish)
{
    return mqw_has(&publish->props, topic_alias);
}

static inline void read_flags(mqw__reader *r, mqw_publish *out)
{
    uint8_t first = r->check->first;
    out->dup = (first & 8) != 0;
    out->qos = first >> 1 & 3;
    out->retain = (first & 1) != 0;
    if (MQW__RARE(out->qos == 3))
        mqw__reader_break(r, MQW_RULE_QOS, NULL, MQW__F(qos));
    if (MQW__RARE(out->dup && out->qos == 0))
        mqw__reader_break(r, MQW_RULE_DUP_QOS_0, NULL, MQW__F(dup));
}

void mqw__publish_read(mqw__check *check, const uint8_t *at, mqw_packet *packet)
{
    mqw__reader r = mqw__reader_at(check, at);
    mqw_publish *out = &packet->publish;
    read_flags(&r, out);
    mqw_text topic;
    mqw__read_raw_text(&r, &topic, MQW__F(topic));
    mqw__reader_judge(&r, topic, mqw__utf8_find(topic.data, topic.len), MQW__F(topic));
    out->topic = topic;
    out->packet_id = packet->qos ? mqw__read_packet_id(&r) : 0;
    mqw__read_properties(&r, MQW_IN_PUBLISH, &out->props);
    if (MQW__RARE(topic.len == 0 && !has_alias(out)))
        mqw__reader_break(&r, MQW_RULE_TOPIC_EMPTY, at, MQW__F(topic));
    mqw_bytes payload = mqw__read_rest(&r);
    out->payload = payload;
    out->payload_left = packet->length - (uint32_t)(check->end - check->body);
    mqw__reader_judge_payload(&r, &out->props, payload, MQW__F(payload));
}

static inline void write_flags(mqw__writer *w, const mqw_publish *in)
{
    if (MQW__RARE(in->qos > 2))
        mqw__refuse(w->check, MQW_RULE_FIELD_RANGE, NULL, MQW__F(qos));
    if (MQW__RARE(in->dup && in->qos == 0))
        mqw__break(w->check, MQW_RULE_DUP_QOS_0, NULL, MQW__F(dup));
    w->check->first |= (uint8_t)((in->dup ? 8u : 0) | (unsigned)in->qos << 1 | (in->retain ? 1u : 0));
}

static inline void write_packet_id(mqw__writer *w, const mqw_publish *in)
{
    if (in->qos)
        mqw__write_packet_id(w, in->packet_id);
    else if (MQW__RARE(in->packet_id != 0))
        mqw__refuse(w->check, MQW_RULE_FIELD_RANGE, NULL, MQW__F(packet_id));
}

/* Bytes behind the head: the payload, or what will follow in pieces. */
static inline size_t payload_size(mqw__check *check, const mqw_publish *in, bool whole)
{
    size_t size = in->payload.len;
    if (MQW__RARE(size > MQW_LENGTH_MAX))
        return MQW_LENGTH_MAX;
    if (!whole)
        return size + in->payload_left;
    if (MQW__RARE(in->payload_left != 0))
        mqw__refuse(check, MQW_RULE_FIELD_RANGE, NULL, MQW__F(payload_left));
    if (MQW__RARE(!in->payload.data && size))
        mqw__refuse(check, MQW_RULE_FIELD_RANGE, NULL, MQW__F(payload));
    return size;
}

static inline size_t write_behind(mqw__check *check, unsigned guess, const mqw_publish *in, size_t payload,
                                  bool whole)
{
    mqw__writer w = mqw__writer_at(check, 1 + (size_t)guess);
    write_flags(&w, in);
    mqw__write_topic(&w, in->topic, has_alias(in), MQW__F(topic));
    write_packet_id(&w, in);
    mqw__write_properties(&w, MQW_IN_PUBLISH, &in->props);
    mqw__write_header(&w, guess, payload);
    if (whole && !MQW__RARE(check->rule != 0))
        mqw__write_bytes(&w, in->payload.data, payload);
    return w.at;
}

/* Properties of usual size are foreseen in the length; where the room is too small for that, they are not. */
size_t mqw__publish_write(mqw__check *check, const mqw_publish *in, bool whole)
{
    size_t payload = payload_size(check, in, whole);
    size_t known = 2 + in->topic.len + payload;
    unsigned least = mqw__vbi_size(known);
    unsigned guess = in->props.has ? mqw__vbi_size(known + MQW__FORESEEN) : least;
    size_t size = write_behind(check, guess, in, payload, whole);
    if (MQW__RARE(MQW__FORESEEN > 0 && size > check->cap && guess > least))
        size = write_behind(check, least, in, payload, whole);
    return size;
}

#ifndef __OPTIMIZE_SIZE__

static inline uint8_t *put_u16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
    return at + 2;
}

/* Largest Remaining Length of two bytes. */
enum { PLAIN_MAX = 0x3FFF };

/* Remaining Length of a PUBLISH with which nothing is wrong or unusual; 0: something is. */
static inline size_t plain_length(uint8_t version, const mqw_publish *in)
{
    size_t topic = in->topic.len;
    size_t payload = in->payload.len;
    bool id = in->qos != 0;
    if ((in->props.has | in->payload_left) != 0 || in->qos > 2 || id != (in->packet_id != 0) ||
        (in->dup && !id))
        return 0;
    if (topic == 0 || topic > PLAIN_MAX || !in->topic.data || payload > PLAIN_MAX ||
        (!in->payload.data && payload))
        return 0;
    if (version < MQW_3_1 || version > MQW_5_0 || mqw__utf8_find(in->topic.data, topic) != 0)
        return 0;
    return 2 + topic + (id ? 2u : 0) + (version == MQW_5_0) + payload;
}

int mqw__publish_encode(const mqw_codec *codec, const mqw_publish *in, uint8_t *room, size_t cap,
                        mqw_error *why)
{
    uint8_t version = mqw__version(codec);
    size_t length = plain_length(version, in);
    if (length == 0 || length > PLAIN_MAX || length + 3 > cap)
        return mqw__encode_checked(codec, MQW_PUBLISH, in, true, room, cap, why);
    uint8_t *at = room;
    *at++ = (uint8_t)(MQW_PUBLISH << 4 | (in->dup ? 8 : 0) | in->qos << 1 | in->retain);
    if (length >= 0x80)
        *at++ = (uint8_t)(length | 0x80);
    *at++ = (uint8_t)(length >= 0x80 ? length >> 7 : length);
    at = put_u16(at, (uint16_t)in->topic.len);
    mqw__copy(at, (const uint8_t *)in->topic.data, in->topic.len);
    at += in->topic.len;
    if (in->qos)
        at = put_u16(at, in->packet_id);
    if (version == MQW_5_0)
        *at++ = 0;
    mqw__copy(at, in->payload.data, in->payload.len);
    return (int)(at - room) + (int)in->payload.len;
}

#endif

int mqw__publish_head_size(uint8_t version, const mqw__header *header, mqw_bytes body_so_far, uint32_t *need)
{
    uint32_t size = 2;
    for (int known = 0; known < 2; known++) {
        if (size > header->length)
            return MQW_E_MALFORMED;
        *need = size;
        if (size > body_so_far.len)
            return 0;
        if (known == 0)
            size += mqw__load_u16(body_so_far.data) + (header->first & 6 ? 2u : 0);
    }
    if (version != MQW_5_0)
        return 1;
    uint32_t properties = 0;
    int length = mqw__vbi_peek((mqw_bytes){body_so_far.data + size, body_so_far.len - size}, &properties);
    if (length > 0)
        size += (uint32_t)length + properties;
    else
        size = (uint32_t)body_so_far.len + 1;
    if (length < 0 || size > header->length)
        return MQW_E_MALFORMED;
    *need = size;
    return length > 0;
}
