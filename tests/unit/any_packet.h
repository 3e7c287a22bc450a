// SPDX-License-Identifier: MIT
// Packets for tests: random ones in which all that may be indeterminate is, and a comparison field by field.
#ifndef MQW_TESTS_ANY_PACKET_H
#define MQW_TESTS_ANY_PACKET_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <mqwire/codec.h>

// Where random packets come from; their bytes lie in `bytes` until the next one.
typedef struct any_source {
    uint64_t state;
    size_t used;
    uint8_t bytes[1 << 16];
} any_source;

static inline uint32_t any_number(any_source *from, uint32_t below)
{
    from->state = from->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(from->state >> 33) % below;
}

static inline bool any_bool(any_source *from)
{
    return any_number(from, 2) == 1;
}

// Small numbers, large ones, and those at the edges.
static inline uint32_t any_value(any_source *from, uint32_t most)
{
    switch (any_number(from, 4)) {
    case 0: return 0;
    case 1: return most;
    case 2: return any_number(from, most < 300 ? most : 300);
    default: return any_number(from, most);
    }
}

static inline uint8_t *any_room(any_source *from, size_t len)
{
    uint8_t *room = from->bytes + from->used;
    assert_true(len <= sizeof(from->bytes) - from->used);
    from->used += len;
    return room;
}

// A few pieces of all that is hard to quote: controls, quotes, escapes, cut and overlong sequences, other
// alphabets.
static inline mqw_bytes any_bytes(any_source *from)
{
    static const char *const pieces[] = {
        "a",
        "/",
        "topic/name",
        "\"",
        "\\",
        "\\x41",
        "\n",
        "\r",
        "\t",
        "\x01",
        "\x7F",
        "\xC2\x85",
        "\xC3\xA9",
        "\x80",
        "\xC3",
        "\xE2\x82\xAC",
        "\xE2\x82",
        "\xC0\x80",
        "\xED\xA0\x80",
        "\xE2\x80\xA8",
        "\xE2\x80\xAE",
        "\xFF",
        " # ",
        "\xF0\x9F\x98\x80",
        "=",
        ":",
        " ",
        "0x",
        "#",
        "x",
        "u",
        "\xEF\xBF\xBF",
    };
    enum { COUNT = sizeof(pieces) / sizeof(pieces[0]) };
    uint8_t *start = any_room(from, 0);
    for (uint32_t left = any_number(from, 8); left > 0; left--) {
        uint32_t pick = any_number(from, COUNT + 1);
        if (pick == COUNT)
            *any_room(from, 1) = 0;
        else
            memcpy(any_room(from, strlen(pieces[pick])), pieces[pick], strlen(pieces[pick]));
    }
    return (mqw_bytes){start, (size_t)(any_room(from, 0) - start)};
}

static inline mqw_text any_text(any_source *from)
{
    mqw_bytes bytes = any_bytes(from);
    return (mqw_text){(const char *)bytes.data, bytes.len};
}

enum { ANY_ITEMS = 4 };

static inline mqw_list any_pairs(any_source *from)
{
    mqw_pair items[ANY_ITEMS];
    uint32_t count = 1 + any_number(from, ANY_ITEMS);
    for (uint32_t i = 0; i < count; i++)
        items[i] = (mqw_pair){any_text(from), any_text(from)};
    uint8_t *room = any_room(from, 2048);
    mqw_list list = mqw_list_pairs(room, 2048, items, count);
    assert_true(list.wire.len > 0);
    return list;
}

static inline mqw_list any_ids(any_source *from)
{
    uint32_t items[ANY_ITEMS], count = 1 + any_number(from, ANY_ITEMS);
    for (uint32_t i = 0; i < count; i++)
        items[i] = any_value(from, MQW_LENGTH_MAX);
    uint8_t *room = any_room(from, 64);
    return mqw_list_ids(room, 64, items, count);
}

static inline mqw_list any_filters(any_source *from)
{
    mqw_filter items[ANY_ITEMS];
    uint32_t count = any_number(from, ANY_ITEMS + 1);
    for (uint32_t i = 0; i < count; i++)
        items[i] = (mqw_filter){any_text(from), (uint8_t)any_number(from, 4), any_bool(from), any_bool(from),
                                (uint8_t)any_number(from, 4)};
    uint8_t *room = any_room(from, 2048);
    return mqw_list_filters(room, 2048, items, count);
}

static inline mqw_list any_topics(any_source *from)
{
    mqw_text items[ANY_ITEMS];
    uint32_t count = any_number(from, ANY_ITEMS + 1);
    for (uint32_t i = 0; i < count; i++)
        items[i] = any_text(from);
    uint8_t *room = any_room(from, 2048);
    return mqw_list_topics(room, 2048, items, count);
}

#define ANY_U8(from)    (uint8_t) any_value(from, UINT8_MAX)
#define ANY_U16(from)   (uint16_t) any_value(from, UINT16_MAX)
#define ANY_U32(from)   any_value(from, UINT32_MAX)
#define ANY_TEXT(from)  any_text(from)
#define ANY_BLOB(from)  any_bytes(from)
#define ANY_VARS(from)  any_ids(from)
#define ANY_PAIRS(from) any_pairs(from)

// Any properties, allowed there or not; those that are not there stay as they are.
static inline void any_props(any_source *from, mqw_props *out)
{
    uint32_t often = 1 + any_number(from, 8);
    out->has = 0;
#define X(id, field, wire, ...)                         \
    if (any_number(from, often) == 0 && any_bool(from)) \
        mqw_set(out, field, ANY_##wire(from));
    MQW_PROPERTIES(X)
#undef X
}

static inline void any_connect(any_source *from, mqw_connect *out)
{
    static const char *const names[] = {"", "MQTT", "MQIsdp", "mqtt\n"};
    const char *name = names[any_number(from, 4)];
    out->version = (uint8_t)(3 + any_number(from, 3));
    out->bridge = any_bool(from);
    out->unsupported = any_number(from, 10) == 0;
    if (out->unsupported)
        return; // what follows is indeterminate
    out->clean_start = any_bool(from);
    out->has_will = any_bool(from);
    out->has_username = any_bool(from);
    out->has_password = any_bool(from);
    out->keep_alive = ANY_U16(from);
    out->protocol_name = (mqw_text){name, strlen(name)};
    out->client_id = any_text(from);
    if (out->has_username)
        out->username = any_text(from);
    if (out->has_password)
        out->password = any_bytes(from);
    any_props(from, &out->props);
    if (!out->has_will)
        return;
    out->will.topic = any_text(from);
    out->will.payload = any_bytes(from);
    out->will.qos = (uint8_t)any_number(from, 4);
    out->will.retain = any_bool(from);
    any_props(from, &out->will.props);
}

static inline void any_publish(any_source *from, mqw_publish *out)
{
    out->topic = any_text(from);
    out->payload = any_bytes(from);
    out->payload_left = ANY_U32(from);
    out->packet_id = ANY_U16(from);
    out->qos = (uint8_t)any_number(from, 4);
    out->retain = any_bool(from);
    out->dup = any_bool(from);
    any_props(from, &out->props);
}

static inline void any_ack(any_source *from, mqw_ack *out, bool may_repeat)
{
    out->packet_id = ANY_U16(from);
    out->reason = ANY_U8(from);
    out->dup = may_repeat && any_bool(from);
    any_props(from, &out->props);
}

static inline void any_subscribe(any_source *from, mqw_subscribe *out, bool with_options)
{
    out->packet_id = ANY_U16(from);
    out->dup = any_bool(from);
    out->filters = with_options ? any_filters(from) : any_topics(from);
    any_props(from, &out->props);
}

static inline void any_suback(any_source *from, mqw_suback *out)
{
    out->packet_id = ANY_U16(from);
    out->reasons = any_bytes(from);
    any_props(from, &out->props);
}

static inline void any_disconnect(any_source *from, mqw_disconnect *out)
{
    out->reason = ANY_U8(from);
    any_props(from, &out->props);
}

// A random packet of that type in a block of its own, in which only what is determinate has been written. To
// be freed.
static inline mqw_packet *any_packet(any_source *from, int type)
{
    mqw_packet *out = malloc(sizeof(*out));
    assert_non_null(out);
    if (any_bool(from))
        memset(out, 0xA5, sizeof(*out));
    from->used = 0;
    out->type = (mqw_packet_type)type;
    out->dup = out->retain = false;
    out->qos = 0;
    out->length = 0;
    memset(&out->violations, 0, sizeof(out->violations));
    switch (out->type) {
    case MQW_CONNECT: any_connect(from, &out->connect); break;
    case MQW_CONNACK:
        out->connack.session_present = any_bool(from);
        out->connack.reason = ANY_U8(from);
        any_props(from, &out->connack.props);
        break;
    case MQW_PUBLISH: any_publish(from, &out->publish); break;
    case MQW_PUBACK:
    case MQW_PUBREC:
    case MQW_PUBREL:
    case MQW_PUBCOMP: any_ack(from, &out->puback, type == MQW_PUBREL); break;
    case MQW_SUBSCRIBE:
    case MQW_UNSUBSCRIBE: any_subscribe(from, &out->subscribe, type == MQW_SUBSCRIBE); break;
    case MQW_SUBACK:
    case MQW_UNSUBACK: any_suback(from, &out->suback); break;
    case MQW_DISCONNECT:
    case MQW_AUTH: any_disconnect(from, &out->disconnect); break;
    default: break;
    }
    return out;
}

/* ---- comparison ---- */

static inline void same_bytes(mqw_bytes a, mqw_bytes b)
{
    assert_int_equal(a.len, b.len);
    if (a.len > 0)
        assert_memory_equal(a.data, b.data, a.len);
}

static inline void same_text(mqw_text a, mqw_text b)
{
    same_bytes((mqw_bytes){(const uint8_t *)a.data, a.len}, (mqw_bytes){(const uint8_t *)b.data, b.len});
}

static inline void same_pairs(mqw_list a, mqw_list b)
{
    mqw_pair x, y;
    while (mqw_next_pair(&a, &x)) {
        assert_true(mqw_next_pair(&b, &y));
        same_text(x.name, y.name);
        same_text(x.value, y.value);
    }
    assert_false(mqw_next_pair(&b, &y));
}

static inline void same_ids(mqw_list a, mqw_list b)
{
    uint32_t x, y;
    while (mqw_next_id(&a, &x)) {
        assert_true(mqw_next_id(&b, &y));
        assert_int_equal(x, y);
    }
    assert_false(mqw_next_id(&b, &y));
}

static inline void same_filters(mqw_list a, mqw_list b)
{
    mqw_filter x, y;
    while (mqw_next_filter(&a, &x)) {
        assert_true(mqw_next_filter(&b, &y));
        same_text(x.filter, y.filter);
        assert_int_equal(x.qos, y.qos);
        assert_int_equal(x.no_local, y.no_local);
        assert_int_equal(x.retain_as_published, y.retain_as_published);
        assert_int_equal(x.retain_handling, y.retain_handling);
    }
    assert_false(mqw_next_filter(&b, &y));
}

static inline void same_topics(mqw_list a, mqw_list b)
{
    mqw_text x, y;
    while (mqw_next_topic(&a, &x)) {
        assert_true(mqw_next_topic(&b, &y));
        same_text(x, y);
    }
    assert_false(mqw_next_topic(&b, &y));
}

#define SAME_U8(a, b)    assert_int_equal(a, b)
#define SAME_U16(a, b)   assert_int_equal(a, b)
#define SAME_U32(a, b)   assert_int_equal(a, b)
#define SAME_TEXT(a, b)  same_text(a, b)
#define SAME_BLOB(a, b)  same_bytes(a, b)
#define SAME_VARS(a, b)  same_ids(a, b)
#define SAME_PAIRS(a, b) same_pairs(a, b)

static inline void same_props(const mqw_props *a, const mqw_props *b)
{
    assert_int_equal(a->has, b->has);
#define X(id, field, wire, ...) \
    if (mqw_has(a, field))      \
        SAME_##wire(a->field, b->field);
    MQW_PROPERTIES(X)
#undef X
}

static inline mqw_text protocol_name_of(const mqw_connect *connect)
{
    if (connect->protocol_name.len > 0)
        return connect->protocol_name;
    return connect->version == MQW_3_1 ? MQW_TEXT("MQIsdp") : MQW_TEXT("MQTT");
}

static inline void same_connect(const mqw_connect *a, const mqw_connect *b)
{
    assert_int_equal(a->version ? a->version : MQW_3_1_1, b->version ? b->version : MQW_3_1_1);
    assert_int_equal(a->bridge, b->bridge);
    assert_int_equal(a->unsupported, b->unsupported);
    if (a->unsupported)
        return;
    assert_int_equal(a->clean_start, b->clean_start);
    assert_int_equal(a->has_will, b->has_will);
    assert_int_equal(a->has_username, b->has_username);
    assert_int_equal(a->has_password, b->has_password);
    assert_int_equal(a->keep_alive, b->keep_alive);
    same_text(protocol_name_of(a), protocol_name_of(b));
    same_text(a->client_id, b->client_id);
    if (a->has_username)
        same_text(a->username, b->username);
    if (a->has_password)
        same_bytes(a->password, b->password);
    same_props(&a->props, &b->props);
    if (!a->has_will)
        return;
    same_text(a->will.topic, b->will.topic);
    same_bytes(a->will.payload, b->will.payload);
    assert_int_equal(a->will.qos, b->will.qos);
    assert_int_equal(a->will.retain, b->will.retain);
    same_props(&a->will.props, &b->will.props);
}

static inline void same_publish(const mqw_publish *a, const mqw_publish *b)
{
    same_text(a->topic, b->topic);
    same_bytes(a->payload, b->payload);
    assert_int_equal(a->payload_left, b->payload_left);
    assert_int_equal(a->packet_id, b->packet_id);
    assert_int_equal(a->qos, b->qos);
    assert_int_equal(a->retain, b->retain);
    assert_int_equal(a->dup, b->dup);
    same_props(&a->props, &b->props);
}

// Everything that a send reads is the same in both.
static inline void same_packet(const mqw_packet *a, const mqw_packet *b)
{
    assert_int_equal(a->type, b->type);
    assert_memory_equal(&a->violations, &b->violations, sizeof(a->violations));
    switch (a->type) {
    case MQW_CONNECT: same_connect(&a->connect, &b->connect); break;
    case MQW_CONNACK:
        assert_int_equal(a->connack.session_present, b->connack.session_present);
        assert_int_equal(a->connack.reason, b->connack.reason);
        same_props(&a->connack.props, &b->connack.props);
        break;
    case MQW_PUBLISH: same_publish(&a->publish, &b->publish); break;
    case MQW_PUBACK:
    case MQW_PUBREC:
    case MQW_PUBREL:
    case MQW_PUBCOMP:
        assert_int_equal(a->puback.packet_id, b->puback.packet_id);
        assert_int_equal(a->puback.reason, b->puback.reason);
        assert_int_equal(a->puback.dup, b->puback.dup);
        same_props(&a->puback.props, &b->puback.props);
        break;
    case MQW_SUBSCRIBE:
    case MQW_UNSUBSCRIBE:
        assert_int_equal(a->subscribe.packet_id, b->subscribe.packet_id);
        assert_int_equal(a->subscribe.dup, b->subscribe.dup);
        (a->type == MQW_SUBSCRIBE ? same_filters : same_topics)(a->subscribe.filters, b->subscribe.filters);
        same_props(&a->subscribe.props, &b->subscribe.props);
        break;
    case MQW_SUBACK:
    case MQW_UNSUBACK:
        assert_int_equal(a->suback.packet_id, b->suback.packet_id);
        same_bytes(a->suback.reasons, b->suback.reasons);
        same_props(&a->suback.props, &b->suback.props);
        break;
    case MQW_DISCONNECT:
    case MQW_AUTH:
        assert_int_equal(a->disconnect.reason, b->disconnect.reason);
        same_props(&a->disconnect.props, &b->disconnect.props);
        break;
    default: break;
    }
}

/* ---- lines ---- */

static inline mqw_text text_of(const char *line)
{
    return (mqw_text){line, strlen(line)};
}

// Scans a line that must be good, with just the room that is promised to be enough. The room is to be freed.
static inline uint8_t *scan_good(const char *line, mqw_packet *out)
{
    size_t cap = strlen(line) + 16;
    uint8_t *room = malloc(cap);
    mqw_error why;
    assert_non_null(room);
    if (mqw_scan(text_of(line), out, room, cap, &why) != 0)
        fail_msg("%s: expected %s at %d", line, why.field, (int)why.offset);
    return room;
}

#endif
