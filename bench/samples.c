// SPDX-License-Identifier: MIT
// Builds the packets that are measured.
#include "samples.h"

#include <string.h>

uint32_t sample_random(uint32_t *state)
{
    uint32_t x = *state;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *state = x;
}

/** Appends to a set; what was appended is where the view says. */
static span put(sample_set *set, const void *data, size_t len)
{
    uint8_t *to = set->bytes + set->len;
    memcpy(to, data, len);
    set->len += len;
    return (span){to, len};
}

static void put_u8(sample_set *set, unsigned value)
{
    set->bytes[set->len++] = (uint8_t)value;
}

static void put_u16(sample_set *set, size_t value)
{
    put_u8(set, (unsigned)(value >> 8) & 0xFF);
    put_u8(set, (unsigned)value & 0xFF);
}

static void put_varint(sample_set *set, size_t value)
{
    for (; value >= 0x80; value >>= 7)
        put_u8(set, (unsigned)(value & 0x7F) | 0x80);
    put_u8(set, (unsigned)value);
}

/** A topic such as `k3/f0a9/zq/1x`: letters, digits, and a level every few characters. */
static span put_topic(sample_set *set, size_t len, uint32_t *seed)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    char topic[64];
    for (size_t i = 0; i < len; i++) {
        uint32_t random = sample_random(seed);
        topic[i] = i % 6 == 5 ? '/' : letters[random % (sizeof letters - 1)];
    }
    put_u16(set, len);
    return put(set, topic, len);
}

static span put_noise(sample_set *set, size_t len, uint32_t *seed)
{
    uint8_t noise[512];
    for (size_t i = 0; i < len; i++)
        noise[i] = (uint8_t)(sample_random(seed) >> 8);
    return put(set, noise, len);
}

static span put_string(sample_set *set, const char *text)
{
    put_u16(set, strlen(text));
    return put(set, text, strlen(text));
}

/** Ends the packet that began at `start`. */
static void close_packet(sample_set *set, sample *item, size_t start)
{
    item->wire = (span){set->bytes + start, set->len - start};
}

void sample_publish(sample_set *set)
{
    uint32_t seed = 1;
    *set = (sample_set){.len = 0};
    for (int i = 0; i < SAMPLES; i++) {
        size_t start = set->len;
        put_u8(set, 0x30);
        put_varint(set, 2 + TOPIC_LEN + PAYLOAD_LEN);
        set->items[i].topic = put_topic(set, TOPIC_LEN, &seed);
        set->items[i].payload = put_noise(set, PAYLOAD_LEN, &seed);
        close_packet(set, &set->items[i], start);
    }
}

void sample_publish_mixed(sample_set *set)
{
    uint32_t seed = 2;
    *set = (sample_set){.len = 0};
    for (int i = 0; i < SAMPLES; i++) {
        size_t start = set->len;
        size_t topic = 5 + sample_random(&seed) % 56, payload = sample_random(&seed) % 301;
        unsigned qos = sample_random(&seed) % 3;
        put_u8(set, 0x30 | qos << 1);
        put_varint(set, 2 + topic + (qos > 0 ? 2 : 0) + payload);
        set->items[i].topic = put_topic(set, topic, &seed);
        if (qos > 0) {
            set->items[i].packet_id = (uint16_t)(1 + i);
            put_u16(set, 1 + (size_t)i);
        }
        set->items[i].payload = put_noise(set, payload, &seed);
        close_packet(set, &set->items[i], start);
    }
}

static void put_four_properties(sample_set *set, sample *item, uint32_t *seed)
{
    put_varint(set, 5 + 3 + CONTENT_TYPE_LEN + 3 + TOPIC_LEN + 3 + CORRELATION_LEN);
    item->message_expiry = sample_random(seed);
    put_u8(set, 0x02);
    put_u16(set, item->message_expiry >> 16);
    put_u16(set, item->message_expiry & 0xFFFF);
    put_u8(set, 0x03);
    item->content_type = put_string(set, "application/json");
    put_u8(set, 0x08);
    item->response_topic = put_topic(set, TOPIC_LEN, seed);
    put_u8(set, 0x09);
    put_u16(set, CORRELATION_LEN);
    item->correlation_data = put_noise(set, CORRELATION_LEN, seed);
}

void sample_publish5(sample_set *set)
{
    uint32_t seed = 3;
    *set = (sample_set){.len = 0};
    for (int i = 0; i < SAMPLES; i++) {
        size_t start = set->len;
        size_t props = 5 + 3 + CONTENT_TYPE_LEN + 3 + TOPIC_LEN + 3 + CORRELATION_LEN;
        put_u8(set, 0x30);
        put_varint(set, 2 + TOPIC_LEN + 1 + props + PAYLOAD_LEN);
        set->items[i].topic = put_topic(set, TOPIC_LEN, &seed);
        put_four_properties(set, &set->items[i], &seed);
        set->items[i].payload = put_noise(set, PAYLOAD_LEN, &seed);
        close_packet(set, &set->items[i], start);
    }
}

void sample_connect(sample_set *set)
{
    uint32_t seed = 4;
    *set = (sample_set){.len = 0};
    for (int i = 0; i < SAMPLES; i++) {
        size_t start = set->len;
        put_u8(set, 0x10);
        put_varint(set, 10 + 2 + 16 + 2 + TOPIC_LEN + 2 + 16 + 2 + 10 + 2 + 12);
        put_string(set, "MQTT");
        put_u8(set, 4);
        put_u8(set, 0xCE); // user name, password, will of QoS 1, clean session
        put_u16(set, 60);
        put_topic(set, 16, &seed); // a client identifier
        set->items[i].topic = put_topic(set, TOPIC_LEN, &seed);
        put_u16(set, 16);
        set->items[i].payload = put_noise(set, 16, &seed);
        put_topic(set, 10, &seed); // a user name
        put_u16(set, 12);
        put_noise(set, 12, &seed); // a password
        close_packet(set, &set->items[i], start);
    }
}

void sample_puback(sample_set *set)
{
    *set = (sample_set){.len = 0};
    for (int i = 0; i < SAMPLES; i++) {
        size_t start = set->len;
        put_u8(set, 0x40);
        put_u8(set, 2);
        put_u16(set, 1 + (size_t)i * 7);
        set->items[i].packet_id = (uint16_t)(1 + i * 7);
        close_packet(set, &set->items[i], start);
    }
}
