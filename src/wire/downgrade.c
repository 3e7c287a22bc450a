// SPDX-License-Identifier: MIT
// A packet of 5.0 for a peer that speaks 3.1.1 or 3.1: one function per packet that needs more than to lose
// its properties.
#include <mqwire/packet.h>

#include "wire/fields.h"

// What is asked for, and how much of the room was used.
typedef struct downgrade {
    uint8_t version;
    mqw_role sender;
    uint8_t *room;
    size_t cap;
    size_t used;
} downgrade;

// Reason codes of CONNACK and the return code for each: the one that says the same; else 3 (server
// unavailable) where the same CONNECT may be accepted later or elsewhere, 5 (not authorized) where the client
// would have to ask for something else. What is not in the table is 3, too.
static const uint8_t return_codes[][2] = {
#define X(code, reason, text) {reason, code},
    MQW_RETURN_CODES(X)
#undef X
        {MQW_REASON_MALFORMED_PACKET, 5},
    {MQW_REASON_PROTOCOL_ERROR, 5},
    {MQW_REASON_BANNED, 5},
    {MQW_REASON_BAD_AUTH_METHOD, 5},
    {MQW_REASON_TOPIC_NAME_INVALID, 5},
    {MQW_REASON_PACKET_TOO_LARGE, 5},
    {MQW_REASON_PAYLOAD_FORMAT_INVALID, 5},
    {MQW_REASON_RETAIN_NOT_SUPPORTED, 5},
    {MQW_REASON_QOS_NOT_SUPPORTED, 5},
};

enum { SERVER_UNAVAILABLE = 3, LAST_RETURN_CODE = 5 };

static uint8_t return_code(uint8_t reason)
{
    if (reason <= LAST_RETURN_CODE)
        return reason; // of 3.x already
    for (size_t i = 0; i < sizeof(return_codes) / sizeof(return_codes[0]); i++)
        if (return_codes[i][0] == reason)
            return return_codes[i][1];
    return SERVER_UNAVAILABLE;
}

// An empty client identifier asks for one, which 3.1 does not know, and 3.1.1 only without a session.
static int to_connect(mqw_packet *packet, downgrade *to)
{
    mqw_connect *connect = &packet->connect;
    if (connect->unsupported)
        return MQW_E_REFUSED;
    uint8_t version = connect->version ? connect->version : MQW_3_1_1;
    bool changes = version > to->version;
    if (changes)
        version = to->version;
    bool nameless = connect->client_id.len == 0 && (version == MQW_3_1 || !connect->clean_start);
    if (nameless || (connect->has_password && !connect->has_username))
        return MQW_E_REFUSED;
    connect->version = version;
    if (changes)
        connect->protocol_name = (mqw_text){"", 0};
    return MQW_OK;
}

static int to_connack(mqw_packet *packet, downgrade *to)
{
    mqw_connack *connack = &packet->connack;
    connack->reason = return_code(connack->reason);
    if (to->version == MQW_3_1 || connack->reason != 0)
        connack->session_present = false;
    return MQW_OK;
}

// A topic that is only an alias was said to somebody else.
static int to_publish(mqw_packet *packet, downgrade *to)
{
    (void)to;
    return packet->publish.topic.len == 0 ? MQW_E_REFUSED : MQW_OK;
}

// 3.x acknowledges what it takes and what it throws away alike.
static int to_ack(mqw_packet *packet, downgrade *to)
{
    packet->puback.reason = 0;
    packet->puback.dup = packet->type == MQW_PUBREL && packet->puback.dup && to->version == MQW_3_1;
    return MQW_OK;
}

static bool has_options(mqw_list filters)
{
    mqw_filter filter;
    while (mqw_next_filter(&filters, &filter))
        if (filters.wire.data[-1] & ~3) /* the options of the item that was just taken off */
            return true;
    return false;
}

// Writes the filters with nothing but their QoS to the room.
static int strip_options(mqw_list *filters, downgrade *to)
{
    mqw_list left = *filters;
    mqw_filter filter;
    while (mqw_next_filter(&left, &filter)) {
        mqw_filter plain = {.filter = filter.filter, .qos = filter.qos};
        mqw_list one = {0};
        if (to->used < to->cap)
            one = mqw_list_filters(to->room + to->used, to->cap - to->used, &plain, 1);
        if (one.wire.len == 0)
            return MQW_E_NO_ROOM;
        to->used += one.wire.len;
    }
    if (left.wire.len > 0)
        return MQW_E_MISUSE;
    filters->wire = (mqw_bytes){to->room, to->used};
    return MQW_OK;
}

static int to_subscribe(mqw_packet *packet, downgrade *to)
{
    int result = MQW_OK;
    if (packet->type == MQW_SUBSCRIBE && has_options(packet->subscribe.filters))
        result = strip_options(&packet->subscribe.filters, to);
    if (result == MQW_OK)
        packet->subscribe.dup = packet->subscribe.dup && to->version == MQW_3_1;
    return result;
}

// 3.1.1 has one code for failure, 3.1 none.
static int to_suback(mqw_packet *packet, downgrade *to)
{
    mqw_bytes *reasons = &packet->suback.reasons;
    bool differ = false;
    for (size_t i = 0; i < reasons->len; i++) {
        if (reasons->data[i] >= 0x80 && to->version == MQW_3_1)
            return MQW_E_REFUSED;
        differ = differ || reasons->data[i] > 0x80;
    }
    if (!differ)
        return MQW_OK;
    if (to->cap < reasons->len)
        return MQW_E_NO_ROOM;
    for (; to->used < reasons->len; to->used++) {
        uint8_t reason = reasons->data[to->used];
        to->room[to->used] = reason > 0x80 ? 0x80 : reason;
    }
    reasons->data = to->room;
    return MQW_OK;
}

static int to_unsuback(mqw_packet *packet, downgrade *to)
{
    (void)to;
    packet->unsuback.reasons.len = 0;
    return MQW_OK;
}

static int unchanged(mqw_packet *packet, downgrade *to)
{
    (void)packet;
    (void)to;
    return MQW_OK;
}

// A DISCONNECT of 3.x comes from a client and always takes back the will; any reason but 0 keeps it,
// which 3.x says by closing without a DISCONNECT.
static int to_disconnect(mqw_packet *packet, downgrade *to)
{
    return to->sender == MQW_SERVER || packet->disconnect.reason != 0 ? MQW_E_REFUSED : MQW_OK;
}

static int (*const functions[16])(mqw_packet *packet, downgrade *to) = {
    [MQW_CONNECT] = to_connect,   [MQW_CONNACK] = to_connack,
    [MQW_PUBLISH] = to_publish,   [MQW_PUBACK] = to_ack,
    [MQW_PUBREC] = to_ack,        [MQW_PUBREL] = to_ack,
    [MQW_PUBCOMP] = to_ack,       [MQW_SUBSCRIBE] = to_subscribe,
    [MQW_SUBACK] = to_suback,     [MQW_UNSUBSCRIBE] = to_subscribe,
    [MQW_UNSUBACK] = to_unsuback, [MQW_PINGREQ] = unchanged,
    [MQW_PINGRESP] = unchanged,   [MQW_DISCONNECT] = to_disconnect,
};

static void clear_props(mqw_packet *packet, uint16_t offset)
{
    if (offset)
        ((mqw_props *)(void *)((uint8_t *)packet + offset))->has = 0;
}

int mqw_packet_downgrade(mqw_packet *packet, uint8_t version, mqw_role sender, uint8_t *room, size_t cap)
{
    if (version < MQW_3_1 || version > MQW_5_0)
        return MQW_E_MISUSE;
    if (version == MQW_5_0)
        return 0;
    downgrade to = {.version = version, .sender = sender, .cap = cap};
    to.room = room;
    if ((unsigned)packet->type > MQW_AUTH || functions[packet->type] == NULL)
        return MQW_E_REFUSED;
    int result = functions[packet->type](packet, &to);
    if (result != MQW_OK)
        return result;
    mqw__shape shape = mqw__shape_of_type(packet->type);
    clear_props(packet, shape.props);
    clear_props(packet, shape.will_props);
    return (int)to.used;
}
