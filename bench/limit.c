// SPDX-License-Identifier: MIT
// The hand-written limit: one routine per packet, byte by byte, with the checks of the standard.
#include "limit.h"

#include <string.h>

enum { NOT_VALID = -1 };

static unsigned u16_at(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

static uint32_t u32_at(const uint8_t *at)
{
    return (uint32_t)u16_at(at) << 16 | u16_at(at + 2);
}

/** Length of the UTF-8 sequence of two to four bytes that starts at `at`; 0: none does. */
static size_t sequence(const uint8_t *at, const uint8_t *end)
{
    size_t left = (size_t)(end - at);
    if (left < 2 || (at[1] & 0xC0) != 0x80)
        return 0;
    if (at[0] >= 0xC2 && at[0] <= 0xDF)
        return 2;
    if (left < 3 || (at[2] & 0xC0) != 0x80)
        return 0;
    if ((at[0] & 0xF0) == 0xE0) {
        bool overlong = at[0] == 0xE0 && at[1] < 0xA0;
        bool surrogate = at[0] == 0xED && at[1] >= 0xA0;
        return overlong || surrogate ? 0 : 3;
    }
    if (left < 4 || (at[3] & 0xC0) != 0x80 || at[0] < 0xF0 || at[0] > 0xF4)
        return 0;
    bool overlong = at[0] == 0xF0 && at[1] < 0x90;
    bool beyond = at[0] == 0xF4 && at[1] >= 0x90;
    return overlong || beyond ? 0 : 4;
}

/** What a byte of a text is: a character of its own, one that topic names may not have, or neither. */
enum { PLAIN = 0, WILDCARD = 1, OTHER = 2 };
static const uint8_t kinds[256] = {
    [0] = OTHER,
    ['#'] = WILDCARD,
    ['+'] = WILDCARD,
    [0x80 ... 0xFF] = OTHER,
};

static bool text_valid(limit_view text)
{
    const uint8_t *at = text.data, *end = at + text.len;
    for (;;) {
        while (at < end && kinds[*at] != OTHER)
            at++;
        if (at == end)
            return true;
        size_t len = sequence(at, end);
        if (len == 0)
            return false;
        at += len;
    }
}

static bool topic_valid(limit_view topic)
{
    const uint8_t *at = topic.data, *end = at + topic.len;
    if (at == end)
        return false;
    for (;;) {
        while (at < end && kinds[*at] == PLAIN)
            at++;
        if (at == end)
            return true;
        size_t len = kinds[*at] == OTHER ? sequence(at, end) : 0;
        if (len == 0)
            return false;
        at += len;
    }
}

/** A variable byte integer: bytes that it takes, 0: it is cut short, -1: it is too long or not the shortest.
 */
static int varint(const uint8_t *at, const uint8_t *end, uint32_t *value)
{
    uint32_t result = 0;
    if (at < end && *at < 0x80) { // as nearly always
        *value = *at;
        return 1;
    }
    for (int i = 0; i < 4; i++) {
        if (at + i == end)
            return 0;
        result |= (uint32_t)(at[i] & 0x7F) << (7 * i);
        if (at[i] < 0x80) {
            *value = result;
            return i > 0 && at[i] == 0 ? NOT_VALID : i + 1;
        }
    }
    return NOT_VALID;
}

/** The fixed header: bytes of it, with *length what follows and is all there; 0 or -1 as the decoders. */
static int fixed_header(limit_view in, uint32_t *length)
{
    if (in.len < 2)
        return 0;
    int size = varint(in.data + 1, in.data + in.len, length);
    if (size <= 0)
        return size;
    return in.len - 1 - (size_t)size < *length ? 0 : 1 + size;
}

/** Text or binary data with its length in front: false when it does not fit. */
static bool take_view(const uint8_t **at, const uint8_t *end, limit_view *out)
{
    if (end - *at < 2)
        return false;
    size_t len = u16_at(*at);
    if ((size_t)(end - *at) - 2 < len)
        return false;
    *out = (limit_view){*at + 2, len};
    *at += 2 + len;
    return true;
}

/** What a PUBLISH has in front of its payload in every version. */
static bool publish_head(const uint8_t **at, const uint8_t *end, uint8_t first, limit_publish *out)
{
    out->qos = first >> 1 & 3;
    out->retain = first & 1;
    out->dup = first >> 3 & 1;
    if (first >> 4 != 3 || out->qos == 3 || (out->dup && out->qos == 0))
        return false;
    if (!take_view(at, end, &out->topic))
        return false;
    out->packet_id = 0;
    if (out->qos > 0) {
        if (end - *at < 2)
            return false;
        out->packet_id = (uint16_t)u16_at(*at);
        *at += 2;
        if (out->packet_id == 0)
            return false;
    }
    return true;
}

int limit_publish_decode(limit_view in, limit_publish *out)
{
    uint32_t length;
    int head = fixed_header(in, &length);
    if (head <= 0)
        return head;
    const uint8_t *at = in.data + head, *end = at + length;
    if (!publish_head(&at, end, in.data[0], out) || !topic_valid(out->topic))
        return NOT_VALID;
    out->payload = (limit_view){at, (size_t)(end - at)};
    return (int)(end - in.data);
}

/** One property behind its identifier. */
static bool property(uint8_t id, const uint8_t **at, const uint8_t *end, limit_props *out)
{
    limit_view name, value;
    uint32_t number;
    int size;
    switch (id) {
    case 0x01:
        if (end - *at < 1 || **at > 1)
            return false;
        out->payload_format = *(*at)++;
        return true;
    case 0x02:
        if (end - *at < 4)
            return false;
        out->message_expiry = u32_at(*at);
        *at += 4;
        return true;
    case 0x03: return take_view(at, end, &out->content_type) && text_valid(out->content_type);
    case 0x08: return take_view(at, end, &out->response_topic) && topic_valid(out->response_topic);
    case 0x09: return take_view(at, end, &out->correlation_data);
    case 0x0B:
        size = varint(*at, end, &number);
        *at += size;
        return size > 0 && number > 0;
    case 0x23:
        if (end - *at < 2)
            return false;
        out->topic_alias = (uint16_t)u16_at(*at);
        *at += 2;
        return out->topic_alias > 0;
    case 0x26:
        return take_view(at, end, &name) && text_valid(name) && take_view(at, end, &value) &&
               text_valid(value);
    default: return false;
    }
}

static bool properties(const uint8_t **at, const uint8_t *end, limit_props *out)
{
    uint32_t length;
    int size = varint(*at, end, &length);
    if (size <= 0 || (size_t)(end - *at) - (size_t)size < length)
        return false;
    *at += size;
    end = *at + length;
    out->has = 0;
    out->wire = (limit_view){*at, length};
    while (*at < end) {
        uint8_t id = *(*at)++;
        uint64_t bit = id < 64 ? LIMIT_HAS(id) : 0;
        if ((out->has & bit) != 0 && id != 0x26 && id != 0x0B)
            return false;
        out->has |= bit;
        if (!property(id, at, end, out))
            return false;
    }
    return true;
}

int limit_publish5_decode(limit_view in, limit_publish5 *out)
{
    uint32_t length;
    int head = fixed_header(in, &length);
    if (head <= 0)
        return head;
    const uint8_t *at = in.data + head, *end = at + length;
    if (!publish_head(&at, end, in.data[0], &out->base) || !properties(&at, end, &out->props))
        return NOT_VALID;
    bool nameless = out->base.topic.len == 0 && (out->props.has & LIMIT_HAS(0x23)) != 0;
    if (!nameless && !topic_valid(out->base.topic))
        return NOT_VALID;
    out->base.payload = (limit_view){at, (size_t)(end - at)};
    return (int)(end - in.data);
}

/** The fields that the flags of a CONNECT name. */
static bool connect_payload(const uint8_t **at, const uint8_t *end, limit_connect *out)
{
    if (!take_view(at, end, &out->client_id) || !text_valid(out->client_id))
        return false;
    if (out->client_id.len == 0 && (out->flags & 0x02) == 0)
        return false;
    if ((out->flags & 0x04) != 0) {
        if (!take_view(at, end, &out->will_topic) || !topic_valid(out->will_topic))
            return false;
        if (!take_view(at, end, &out->will_payload))
            return false;
    }
    if ((out->flags & 0x80) != 0 && (!take_view(at, end, &out->username) || !text_valid(out->username)))
        return false;
    if ((out->flags & 0x40) != 0 && !take_view(at, end, &out->password))
        return false;
    return *at == end;
}

int limit_connect_decode(limit_view in, limit_connect *out)
{
    uint32_t length;
    int head = fixed_header(in, &length);
    if (head <= 0)
        return head;
    const uint8_t *at = in.data + head, *end = at + length;
    if (in.data[0] != 0x10 || length < 12 || memcmp(at, "\0\4MQTT\4", 7) != 0)
        return NOT_VALID;
    uint8_t flags = at[7];
    bool reserved = flags & 1, will = flags & 4, will_qos = flags & 0x18, will_retain = flags & 0x20;
    if (reserved || (flags & 0x18) == 0x18 || (!will && (will_qos || will_retain)) || (flags & 0xC0) == 0x40)
        return NOT_VALID;
    out->flags = flags;
    out->keep_alive = (uint16_t)u16_at(at + 8);
    at += 10;
    return connect_payload(&at, end, out) ? (int)(end - in.data) : NOT_VALID;
}

int limit_puback_decode(limit_view in, limit_ack *out)
{
    uint32_t length;
    int head = fixed_header(in, &length);
    if (head <= 0 || length < 2)
        return head <= 0 ? head : NOT_VALID;
    out->packet_id = (uint16_t)u16_at(in.data + head);
    out->reason = length > 2 ? in.data[head + 2] : 0;
    return head + (int)length;
}

static uint8_t *put_u16(uint8_t *to, size_t value)
{
    to[0] = (uint8_t)(value >> 8);
    to[1] = (uint8_t)value;
    return to + 2;
}

static uint8_t *put_view(uint8_t *to, limit_view view)
{
    to = put_u16(to, view.len);
    memcpy(to, view.data, view.len);
    return to + view.len;
}

static uint8_t *put_varint(uint8_t *to, size_t value)
{
    while (value >= 0x80) {
        *to++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *to++ = (uint8_t)value;
    return to;
}

static size_t varint_size(size_t value)
{
    return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : 4;
}

static bool publish_valid(const limit_publish *packet)
{
    if (packet->qos > 2 || (packet->dup && packet->qos == 0))
        return false;
    return (packet->packet_id != 0) == (packet->qos > 0) && packet->topic.len <= 0xFFFF;
}

static uint8_t *put_head(uint8_t *to, const limit_publish *packet, size_t length)
{
    *to++ = (uint8_t)(0x30 | packet->dup << 3 | packet->qos << 1 | (int)packet->retain);
    to = put_view(put_varint(to, length), packet->topic);
    return packet->qos > 0 ? put_u16(to, packet->packet_id) : to;
}

static int put_payload(uint8_t *to, limit_view payload, const uint8_t *room)
{
    if (payload.len > 0)
        memcpy(to, payload.data, payload.len);
    return (int)(to + payload.len - room);
}

/** Whether a packet with `length` bytes behind its fixed header may be, and fits. */
static bool fits(size_t length, size_t cap)
{
    return length <= 268435455 && 1 + varint_size(length) + length <= cap;
}

int limit_publish_encode(const limit_publish *packet, uint8_t *room, size_t cap)
{
    if (!publish_valid(packet) || !topic_valid(packet->topic))
        return NOT_VALID;
    size_t length = 2 + packet->topic.len + (packet->qos > 0 ? 2 : 0) + packet->payload.len;
    if (!fits(length, cap))
        return NOT_VALID;
    return put_payload(put_head(room, packet, length), packet->payload, room);
}

/** Size of the properties without their length. */
static size_t props_size(const limit_props *props)
{
    size_t size = 0;
    if (props->has & LIMIT_HAS(0x01))
        size += 2;
    if (props->has & LIMIT_HAS(0x02))
        size += 5;
    if (props->has & LIMIT_HAS(0x03))
        size += 3 + props->content_type.len;
    if (props->has & LIMIT_HAS(0x08))
        size += 3 + props->response_topic.len;
    if (props->has & LIMIT_HAS(0x09))
        size += 3 + props->correlation_data.len;
    if (props->has & LIMIT_HAS(0x23))
        size += 3;
    return size;
}

static bool view_short(uint64_t has, unsigned id, limit_view view)
{
    return (has & LIMIT_HAS(id)) == 0 || view.len <= 0xFFFF;
}

static bool props_valid(const limit_props *props)
{
    uint64_t has = props->has;
    if ((has & LIMIT_HAS(0x01)) && props->payload_format > 1)
        return false;
    if ((has & LIMIT_HAS(0x23)) && props->topic_alias == 0)
        return false;
    if (!view_short(has, 0x03, props->content_type) || !view_short(has, 0x08, props->response_topic) ||
        !view_short(has, 0x09, props->correlation_data))
        return false;
    if ((has & LIMIT_HAS(0x03)) && !text_valid(props->content_type))
        return false;
    return !(has & LIMIT_HAS(0x08)) || topic_valid(props->response_topic);
}

static uint8_t *put_props(uint8_t *to, const limit_props *props, size_t size)
{
    to = put_varint(to, size);
    if (props->has & LIMIT_HAS(0x01)) {
        *to++ = 0x01;
        *to++ = props->payload_format;
    }
    if (props->has & LIMIT_HAS(0x02)) {
        *to++ = 0x02;
        to = put_u16(put_u16(to, props->message_expiry >> 16), props->message_expiry & 0xFFFF);
    }
    if (props->has & LIMIT_HAS(0x03)) {
        *to++ = 0x03;
        to = put_view(to, props->content_type);
    }
    if (props->has & LIMIT_HAS(0x08)) {
        *to++ = 0x08;
        to = put_view(to, props->response_topic);
    }
    if (props->has & LIMIT_HAS(0x09)) {
        *to++ = 0x09;
        to = put_view(to, props->correlation_data);
    }
    if (props->has & LIMIT_HAS(0x23)) {
        *to++ = 0x23;
        to = put_u16(to, props->topic_alias);
    }
    return to;
}

int limit_publish5_encode(const limit_publish5 *packet, uint8_t *room, size_t cap)
{
    const limit_publish *base = &packet->base;
    bool nameless = base->topic.len == 0 && (packet->props.has & LIMIT_HAS(0x23)) != 0;
    if (!publish_valid(base) || !props_valid(&packet->props) || !(nameless || topic_valid(base->topic)))
        return NOT_VALID;
    size_t props = props_size(&packet->props);
    size_t length =
        2 + base->topic.len + (base->qos > 0 ? 2 : 0) + varint_size(props) + props + base->payload.len;
    if (!fits(length, cap))
        return NOT_VALID;
    uint8_t *to = put_props(put_head(room, base, length), &packet->props, props);
    return put_payload(to, base->payload, room);
}

/** Size of the packet of which `len` bytes are at `data`; 0: not known yet. */
static int declared(const uint8_t *data, size_t len)
{
    uint32_t length;
    if (len < 2)
        return 0;
    int size = varint(data + 1, data + len, &length);
    return size <= 0 ? size : 1 + size + (int)length;
}

/** Moves up to `len` bytes from the front of `in` behind what the stash has. */
static void stash(limit_stream *stream, limit_view *in, size_t len)
{
    if (len > in->len)
        len = in->len;
    memcpy(stream->stash + stream->have, in->data, len);
    stream->have += len;
    in->data += len;
    in->len -= len;
}

/** The packet of which the stash has the beginning. */
static int stashed(limit_stream *stream, limit_view *in, limit_publish *out)
{
    for (;;) {
        int size = declared(stream->stash, stream->have);
        if (size < 0 || (size_t)size > sizeof stream->stash)
            return NOT_VALID;
        if (size > 0 && (size_t)size <= stream->have) {
            stream->have = 0;
            return limit_publish_decode((limit_view){stream->stash, (size_t)size}, out) > 0 ? 1 : NOT_VALID;
        }
        if (in->len == 0)
            return 0;
        stash(stream, in, size > 0 ? (size_t)size - stream->have : 1);
    }
}

int limit_stream_next(limit_stream *stream, limit_view *in, limit_publish *out)
{
    if (stream->have > 0)
        return stashed(stream, in, out);
    int size = limit_publish_decode(*in, out);
    if (size < 0)
        return NOT_VALID;
    if (size == 0) {
        if (in->len > sizeof stream->stash)
            return NOT_VALID;
        stash(stream, in, in->len);
        return 0;
    }
    in->data += size;
    in->len -= (size_t)size;
    return 1;
}
