// SPDX-License-Identifier: MIT
// Messages that pass through: which of their properties are forwarded, and in which form.
#include <string.h>

#include "inside.h"

// Those that a server passes on unaltered (MQTT-3.3.2-4, -15, -16, -17, -18, -20); the others are its own.
#define FORWARDED                                                                                            \
    (MQW_BIT(payload_format) | MQW_BIT(content_type) | MQW_BIT(response_topic) | MQW_BIT(correlation_data) | \
     MQW_BIT(user))

// --- properties in wire form ---

static size_t length_size(const uint8_t *at)
{
    size_t size = 1;
    while (at[size - 1] & 0x80)
        size++;
    return size;
}

// What is behind the fixed header, a topic of one byte, and the length of the properties.
static mqw_bytes behind_topic(const uint8_t *at, size_t len)
{
    size_t topic = 1 + length_size(at + 1);
    size_t begin = topic + 3 + length_size(at + topic + 3);
    return (mqw_bytes){at + begin, len - begin};
}

// The properties as a PUBLISH has them, which the codec judges, too.
static int encode(const mqw_publish *publish, uint8_t *room, size_t cap, mqw_bytes *out, size_t *need)
{
    mqw_codec codec = {MQW_5_0, MQW_SERVER, NULL};
    mqw_error why = {.code = 0};
    mqw_packet packet = {.type = MQW_PUBLISH};
    packet.publish.topic = MQW_TEXT("t");
    packet.publish.props = publish->props;
    packet.publish.props.has &= FORWARDED;
    int len = mqw_encode_head(&codec, &packet, room, cap, &why);
    if (len > 0)
        *out = behind_topic(room, (size_t)len);
    *need = (size_t)why.offset;
    return len;
}

static int write_properties(mqw__post *post)
{
    size_t need;
    int len = encode(post->publish, post->room, sizeof post->room, &post->props, &need);
    if (len == MQW_E_NO_ROOM) {
        post->block = need <= UINT32_MAX ? mqw__broker_new_block(post->broker, need) : NULL;
        if (!post->block)
            return MQW_E_NO_MEMORY;
        post->block_size = (uint32_t)need;
        len = encode(post->publish, post->block, need, &post->props, &need);
    }
    if (len >= 0)
        return 0;
    mqw__broker_free_block(post->broker, post->block, post->block_size);
    return MQW_E_MISUSE;
}

// --- posts ---

static void clear(mqw_broker *broker, mqw__post *post, const mqw_publish *publish)
{
    post->broker = broker;
    post->publish = publish;
    post->props = (mqw_bytes){NULL, 0};
    post->expires = UINT64_MAX;
    post->left = -1;
    post->from = 0;
    post->from_id = (mqw_text){NULL, 0};
    post->conn = NULL;
    post->letter = NULL;
    post->taken = NULL;
    post->block = NULL;
    post->block_size = 0;
}

int mqw__post_begin(mqw_broker *broker, mqw__post *post, const mqw_publish *publish)
{
    clear(broker, post, publish);
    if (!publish->props.has)
        return 0;
    if (mqw_has(&publish->props, message_expiry)) {
        post->left = publish->props.message_expiry;
        post->expires = mqw__broker_wall(broker) + publish->props.message_expiry * UINT64_C(1000);
    }
    return (publish->props.has & FORWARDED) != 0 ? write_properties(post) : 0;
}

int64_t mqw__seconds_left(const mqw_broker *broker, uint64_t expires)
{
    if (expires == UINT64_MAX)
        return -1;
    uint64_t wall = mqw__broker_wall(broker);
    return expires > wall ? (int64_t)((expires - wall + 999) / 1000) : 0;
}

void mqw__post_of(mqw__post *post, mqw_publish *room, mqw__letter *letter)
{
    mqw__letter_read(letter, room);
    clear(letter->broker, post, room);
    post->props = mqw__letter_props(letter);
    post->expires = letter->expires;
    post->left = mqw__seconds_left(letter->broker, letter->expires);
    post->from = letter->from;
    post->letter = mqw__letter_keep(letter);
}

// --- a letter as a packet ---

// The value of one property behind its identifier; returns its size. They were encoded by the codec.
static size_t read_value(uint8_t id, const uint8_t *at, mqw_props *out)
{
    size_t len = id == MQW_ID_payload_format ? 0 : (size_t)(at[0] << 8 | at[1]);
    mqw_text text = {(const char *)at + 2, len};
    switch (id) {
    case MQW_ID_payload_format: mqw_set(out, payload_format, at[0]); return 1;
    case MQW_ID_content_type: mqw_set(out, content_type, text); return 2 + len;
    case MQW_ID_response_topic: mqw_set(out, response_topic, text); return 2 + len;
    case MQW_ID_correlation_data: mqw_set(out, correlation_data, ((mqw_bytes){at + 2, len})); return 2 + len;
    default: return 2 + len;
    }
}

// User properties are the last ones.
static void read_properties(mqw_bytes wire, mqw_props *out)
{
    size_t at = 0;
    while (at < wire.len && wire.data[at] != MQW_ID_user)
        at += 1 + read_value(wire.data[at], wire.data + at + 1, out);
    if (at < wire.len)
        mqw_set(out, user, ((mqw_list){{wire.data + at, wire.len - at}}));
}

void mqw__letter_read(const mqw__letter *letter, mqw_publish *out)
{
    memset(out, 0, sizeof *out);
    out->topic = mqw__letter_topic(letter);
    out->payload = letter->shared.bytes;
    out->qos = letter->qos;
    out->retain = letter->retain;
    read_properties(mqw__letter_props(letter), &out->props);
}
