// SPDX-License-Identifier: MIT
// The packets as tables; see fields.h.
#include "wire/fields.h"

#define AT(member) ((uint16_t)offsetof(mqw_packet, member))
#define FIELD(name, kind, always, member, has)                          \
    {                                                                   \
        name, sizeof(name) - 1, MQW__##kind, 0, always, AT(member), has \
    }
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { LEFT_OUT = false, SHOWN = true, THERE = 0 };

_Static_assert(sizeof(mqw_packet) <= UINT16_MAX, "offsets of mqw_packet are 16 bits wide");

static const mqw__field connect_fields[] = {
    FIELD("version", VERSION, SHOWN, connect.version, THERE),
    FIELD("bridge", FLAG, LEFT_OUT, connect.bridge, THERE),
    FIELD("unsupported", FLAG, LEFT_OUT, connect.unsupported, THERE),
    FIELD("protocol_name", PROTOCOL, LEFT_OUT, connect.protocol_name, THERE),
    FIELD("client_id", TEXT, SHOWN, connect.client_id, THERE),
    FIELD("keep_alive", U16, LEFT_OUT, connect.keep_alive, THERE),
    FIELD("clean_start", FLAG, LEFT_OUT, connect.clean_start, THERE),
    FIELD("will.topic", TEXT, SHOWN, connect.will.topic, AT(connect.has_will)),
    FIELD("will.payload", BLOB, SHOWN, connect.will.payload, AT(connect.has_will)),
    FIELD("will.qos", U8, LEFT_OUT, connect.will.qos, AT(connect.has_will)),
    FIELD("will.retain", FLAG, LEFT_OUT, connect.will.retain, AT(connect.has_will)),
    FIELD("username", TEXT, SHOWN, connect.username, AT(connect.has_username)),
    FIELD("password", SECRET, SHOWN, connect.password, AT(connect.has_password)),
};

// How many of them are there when the level is unknown.
enum { UNSUPPORTED_FIELDS = 3 };

static const mqw__field connack_fields[] = {
    FIELD("session_present", FLAG, LEFT_OUT, connack.session_present, THERE),
    FIELD("reason", REASON, SHOWN, connack.reason, THERE),
};

static const mqw__field publish_fields[] = {
    FIELD("topic", TEXT, SHOWN, publish.topic, THERE),
    FIELD("payload", BLOB, SHOWN, publish.payload, THERE),
    FIELD("payload_left", U32, LEFT_OUT, publish.payload_left, THERE),
    FIELD("qos", U8, LEFT_OUT, publish.qos, THERE),
    FIELD("packet_id", U16, LEFT_OUT, publish.packet_id, THERE),
    FIELD("retain", FLAG, LEFT_OUT, publish.retain, THERE),
    FIELD("dup", FLAG, LEFT_OUT, publish.dup, THERE),
};

static const mqw__field ack_fields[] = {
    FIELD("packet_id", U16, SHOWN, puback.packet_id, THERE),
    FIELD("reason", REASON, LEFT_OUT, puback.reason, THERE),
};

static const mqw__field pubrel_fields[] = {
    FIELD("packet_id", U16, SHOWN, pubrel.packet_id, THERE),
    FIELD("reason", REASON, LEFT_OUT, pubrel.reason, THERE),
    FIELD("dup", FLAG, LEFT_OUT, pubrel.dup, THERE),
};

static const mqw__field subscribe_fields[] = {
    FIELD("packet_id", U16, SHOWN, subscribe.packet_id, THERE),
    FIELD("dup", FLAG, LEFT_OUT, subscribe.dup, THERE),
    FIELD("filter", FILTERS, LEFT_OUT, subscribe.filters, THERE),
};

static const mqw__field unsubscribe_fields[] = {
    FIELD("packet_id", U16, SHOWN, unsubscribe.packet_id, THERE),
    FIELD("dup", FLAG, LEFT_OUT, unsubscribe.dup, THERE),
    FIELD("filter", TOPICS, LEFT_OUT, unsubscribe.filters, THERE),
};

static const mqw__field suback_fields[] = {
    FIELD("packet_id", U16, SHOWN, suback.packet_id, THERE),
    FIELD("reasons", REASONS, LEFT_OUT, suback.reasons, THERE),
};

static const mqw__field disconnect_fields[] = {
    FIELD("reason", REASON, LEFT_OUT, disconnect.reason, THERE),
};

#define SHAPE(table, props)               \
    {                                     \
        table, COUNT(table), AT(props), 0 \
    }

static const mqw__shape shapes[16] = {
    [MQW_CONNECT] = {connect_fields, COUNT(connect_fields), AT(connect.props), AT(connect.will.props)},
    [MQW_CONNACK] = SHAPE(connack_fields, connack.props),
    [MQW_PUBLISH] = SHAPE(publish_fields, publish.props),
    [MQW_PUBACK] = SHAPE(ack_fields, puback.props),
    [MQW_PUBREC] = SHAPE(ack_fields, pubrec.props),
    [MQW_PUBREL] = SHAPE(pubrel_fields, pubrel.props),
    [MQW_PUBCOMP] = SHAPE(ack_fields, pubcomp.props),
    [MQW_SUBSCRIBE] = SHAPE(subscribe_fields, subscribe.props),
    [MQW_SUBACK] = SHAPE(suback_fields, suback.props),
    [MQW_UNSUBSCRIBE] = SHAPE(unsubscribe_fields, unsubscribe.props),
    [MQW_UNSUBACK] = SHAPE(suback_fields, unsuback.props),
    [MQW_DISCONNECT] = SHAPE(disconnect_fields, disconnect.props),
    [MQW_AUTH] = SHAPE(disconnect_fields, auth.props),
};

// A text names one item of a list: `subscription_id=5`.
#define PROPERTY_LEN(id, field) (sizeof(#field) - 1 - ((id) == MQW_ID_subscription_ids))
#define PROPERTY_KIND(id, wire) ((id) == MQW_ID_auth_data ? MQW__SECRET : MQW__##wire)

const mqw__field mqw__property_fields[MQW__PROPERTY_COUNT] = {
#define X(id, field, wire, ...) \
    {#field, PROPERTY_LEN(id, field), PROPERTY_KIND(id, wire), id, true, offsetof(mqw_props, field), 0},
    MQW_PROPERTIES(X)
#undef X
};

mqw__shape mqw__shape_of_type(unsigned type)
{
    return shapes[type < COUNT(shapes) ? type : 0];
}

mqw__shape mqw__shape_of(const mqw_packet *packet)
{
    mqw__shape shape = mqw__shape_of_type(packet->type);
    if (packet->type != MQW_CONNECT)
        return shape;
    if (packet->connect.unsupported)
        return (mqw__shape){connect_fields, UNSUPPORTED_FIELDS, 0, 0};
    if (!packet->connect.has_will)
        shape.will_props = 0;
    return shape;
}

unsigned mqw__header_flags(const mqw_packet *packet)
{
    return (packet->dup ? 8u : 0u) | (packet->qos & 3u) << 1 | (packet->retain ? 1u : 0u);
}

// Whether the packet's own field says that it is a repeat.
static bool is_repeat(const mqw_packet *packet)
{
    switch (packet->type) {
    case MQW_PUBREL: return packet->pubrel.dup;
    case MQW_SUBSCRIBE:
    case MQW_UNSUBSCRIBE: return packet->subscribe.dup;
    default: return false;
    }
}

unsigned mqw__own_flags(const mqw_packet *packet)
{
    static const uint8_t flags[16] = {
#define X(id, NAME, name, flags, ...) [id] = flags,
        MQW_PACKETS(X)
#undef X
    };
    return flags[packet->type & 15] | (is_repeat(packet) ? 8u : 0u);
}
