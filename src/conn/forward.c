// SPDX-License-Identifier: MIT
// A PUBLISH that goes on to many: what is in it was checked when it was received, so it is only put together.
#include "conn/output.h"
#include "conn/sending.h"
#include "wire/cursor.h"

/* What its receiver gets of a message, and how large that is. */
typedef struct image {
    mqw_text topic;
    uint16_t alias;      /* 0: none */
    uint32_t properties; /* bytes, without their length */
    uint64_t length;     /* Remaining Length */
} image;

/* ---- sizes ---- */

static inline uint64_t properties_of(const mqw_forward *m, uint16_t alias)
{
    uint64_t size = m->props.len + (m->expiry >= 0 ? 5u : 0) + (alias ? 3u : 0);
    for (size_t i = 0; i < m->id_count; i++)
        size += 1 + mqw__vbi_size(m->ids[i]);
    return size;
}

static inline image image_of(uint8_t version, const mqw_forward *m, mqw_text topic, uint16_t alias)
{
    uint64_t properties = version == MQW_5_0 ? properties_of(m, alias) : 0;
    uint64_t length = 2 + (uint64_t)topic.len + (m->qos ? 2u : 0) + m->payload.len;
    if (version == MQW_5_0)
        length += mqw__vbi_size(properties) + properties;
    return (image){topic, alias, (uint32_t)properties, length};
}

static inline uint64_t size_of(const image *i)
{
    return 1 + mqw__vbi_size(i->length) + i->length;
}

/* ---- bytes ---- */

static inline uint8_t *put_u16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
    return at + 2;
}

static inline uint8_t *put(uint8_t *at, const void *bytes, size_t len)
{
    mqw__copy(at, bytes, len);
    return at + len;
}

MQW__APART static uint8_t *put_properties(uint8_t *at, const image *i, const mqw_forward *m)
{
    at += mqw__vbi_store(at, i->properties);
    if (m->expiry >= 0) {
        uint32_t expiry = m->expiry < UINT32_MAX ? (uint32_t)m->expiry : UINT32_MAX;
        *at++ = MQW_ID_message_expiry;
        at = put_u16(at, expiry >> 16);
        at = put_u16(at, expiry & 0xFFFF);
    }
    for (size_t n = 0; n < m->id_count; n++) {
        *at++ = MQW_ID_subscription_ids;
        at += mqw__vbi_store(at, m->ids[n]);
    }
    if (i->alias) {
        *at++ = MQW_ID_topic_alias;
        at = put_u16(at, i->alias);
    }
    return put(at, m->props.data, m->props.len);
}

/* All but the payload; returns where that goes. */
static inline uint8_t *put_head(uint8_t *at, uint8_t version, const image *i, const mqw_forward *m)
{
    *at++ = (uint8_t)(MQW_PUBLISH << 4 | (m->dup ? 8 : 0) | m->qos << 1 | (m->retain ? 1 : 0));
    at += mqw__vbi_store(at, (uint32_t)i->length);
    at = put_u16(at, (unsigned)i->topic.len);
    at = put(at, i->topic.data, i->topic.len);
    if (m->qos)
        at = put_u16(at, m->packet_id);
    if (version != MQW_5_0)
        return at;
    if (i->properties)
        return put_properties(at, i, m);
    *at++ = 0;
    return at;
}

/* ---- the short way ---- */

static inline bool is_sound(const mqw_forward *m)
{
    return m->qos <= 2 && (m->qos != 0) == (m->packet_id != 0) && m->topic.len <= 0xFFFF;
}

/* Whether nobody has to be asked: a server's connection, and no aliases of our own choice. */
static inline bool is_usual(const mqw_conn *conn, const mqw_forward *m)
{
    const mqw_conn_options *o = &conn->config->options;
    if (!mqw__conn_is_plain(conn) || conn->role != MQW_SERVER)
        return false;
    if (m->payload.len > MQW__PAYLOAD_APART || !is_sound(m))
        return false;
    if (conn->version != MQW_5_0)
        return true;
    if (o->alias_out == MQW_ALIAS_RECENT && conn->theirs.alias_maximum)
        return false;
    return !m->qos || conn->theirs.in_flight < conn->theirs.receive_maximum;
}

static inline bool forward_behind(mqw_conn *conn, const mqw_forward *m)
{
    if (!is_usual(conn, m))
        return false;
    image i = image_of(conn->version, m, m->topic, 0);
    uint64_t len = size_of(&i);
    uint64_t total = mqw_conn_waiting(conn) + len;
    if (len > conn->theirs.max_packet || total > conn->config->options.max_output)
        return false;
    uint8_t *at = mqw__conn_room_behind(conn, (size_t)len);
    if (!at)
        return false;
    at = put_head(at, conn->version, &i, m);
    mqw__copy(at, m->payload.data, m->payload.len);
    if (m->qos && conn->version == MQW_5_0)
        conn->theirs.in_flight++;
    mqw__conn_took_behind(conn, (size_t)len, total);
    return true;
}

/* ---- the general way ---- */

static int refuse(mqw_error *why, mqw_rule rule, const char *field)
{
    *why = (mqw_error){.code = MQW_E_REFUSED, .rule = (uint8_t)rule, .field = field};
    return MQW_E_REFUSED;
}

static int refuse_fields(const mqw_forward *m, mqw_error *why)
{
    if (m->qos > 2)
        return refuse(why, MQW_RULE_FIELD_RANGE, "qos");
    if (m->topic.len > 0xFFFF)
        return refuse(why, MQW_RULE_TEXT_TOO_LONG, "topic");
    return refuse(why, m->qos ? MQW_RULE_PACKET_ID_ZERO : MQW_RULE_FIELD_RANGE, "packet_id");
}

int mqw__forward_encode(const mqw_conn *conn, const mqw__sending *s, bool whole, uint8_t *room, size_t cap,
                        mqw_error *why)
{
    const mqw_forward *m = s->forward;
    const mqw_publish *publish = s->body;
    if (!is_sound(m))
        return refuse_fields(m, why);
    image i = image_of(conn->version, m, publish->topic, mqw_get(&publish->props, topic_alias, 0));
    if (i.length > MQW_LENGTH_MAX)
        return refuse(why,
                      conn->role == MQW_CLIENT ? MQW_RULE_PACKET_SIZE_SERVER : MQW_RULE_PACKET_SIZE_CLIENT,
                      "length");
    uint64_t size = size_of(&i) - (whole ? 0 : m->payload.len);
    if (size > cap) {
        *why = (mqw_error){.code = MQW_E_NO_ROOM, .offset = size};
        return MQW_E_NO_ROOM;
    }
    uint8_t *at = put_head(room, conn->version, &i, m);
    if (whole)
        mqw__copy(at, m->payload.data, m->payload.len);
    return (int)size;
}

MQW__APART static int forward_otherwise(mqw_conn *conn, const mqw_forward *m)
{
    const mqw_publish publish = {.topic = m->topic,
                                 .payload = m->payload,
                                 .packet_id = m->packet_id,
                                 .qos = m->qos,
                                 .retain = m->retain,
                                 .dup = m->dup};
    mqw__sending s;
    s.body = &publish;
    s.forward = m;
    s.shared = m->payload.len > MQW__PAYLOAD_APART ? m->shared : NULL;
    s.alias = NULL;
    s.type = MQW_PUBLISH;
    s.typed = s.open_end = s.stripped = false;
    return mqw__sending_go(conn, &s);
}

int mqw_conn_forward(mqw_conn *conn, const mqw_forward *message)
{
    return forward_behind(conn, message) ? 0 : forward_otherwise(conn, message);
}
