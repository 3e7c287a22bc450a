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
        mqw__reader_break(r, MQW_RULE_QOS, NULL, "qos");
    if (MQW__RARE(out->dup && out->qos == 0))
        mqw__reader_break(r, MQW_RULE_DUP_QOS_0, NULL, "dup");
}

void mqw__publish_read(mqw__check *check, const uint8_t *at, mqw_packet *packet)
{
    mqw__reader r = mqw__reader_at(check, at);
    mqw_publish *out = &packet->publish;
    read_flags(&r, out);
    mqw_text topic = mqw__read_raw_text(&r, "topic");
    mqw__reader_judge(&r, topic, mqw__utf8_scan(topic.data, topic.len), "topic");
    out->topic = topic;
    out->packet_id = packet->qos ? mqw__read_packet_id(&r) : 0;
    mqw__read_properties(&r, MQW_IN_PUBLISH, &out->props);
    if (MQW__RARE(topic.len == 0 && !has_alias(out)))
        mqw__reader_break(&r, MQW_RULE_TOPIC_EMPTY, at, "topic");
    mqw_bytes payload = mqw__read_rest(&r);
    out->payload = payload;
    out->payload_left = packet->length - (uint32_t)(check->end - check->body);
    mqw__reader_judge_payload(&r, &out->props, payload, "payload");
}

static void write_flags(mqw__writer *w, const mqw_publish *in)
{
    if (MQW__RARE(in->qos > 2))
        mqw__refuse(w->check, MQW_RULE_FIELD_RANGE, NULL, "qos");
    if (MQW__RARE(in->dup && in->qos == 0))
        mqw__break(w->check, MQW_RULE_DUP_QOS_0, NULL, "dup");
    w->check->first |= (uint8_t)((in->dup ? 8u : 0) | (unsigned)in->qos << 1 | (in->retain ? 1u : 0));
}

static void write_packet_id(mqw__writer *w, const mqw_publish *in)
{
    if (in->qos)
        mqw__write_packet_id(w, in->packet_id);
    else if (MQW__RARE(in->packet_id != 0))
        mqw__refuse(w->check, MQW_RULE_FIELD_RANGE, NULL, "packet_id");
}

size_t mqw__publish_write(mqw__check *check, size_t at, const void *body)
{
    mqw__writer w = mqw__writer_at(check, at);
    const mqw_publish *in = body;
    write_flags(&w, in);
    mqw__write_topic(&w, in->topic, has_alias(in), "topic");
    write_packet_id(&w, in);
    mqw__write_properties(&w, MQW_IN_PUBLISH, &in->props);
    return w.at;
}

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
