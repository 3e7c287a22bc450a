// SPDX-License-Identifier: MIT
// Packets in, bytes out: the bytes of a packet at the tail of the output, and what follows from it.
#include <string.h>

#include "conn/output.h"
#include "conn/sending.h"
#include "wire/plain.h"

/* ---- bytes ---- */

static int closed(const mqw_conn *conn)
{
    return (conn->flags & (MQW__FAULTED | MQW__SHUT | MQW__PEER_ENDED)) ? MQW_E_CLOSED : 0;
}

static mqw__queue *target(mqw_conn *conn)
{
    return conn->flags & MQW__STREAM_OUT ? &conn->extra->later : &conn->output;
}

static mqw_bytes payload_apart(const mqw__sending *s)
{
    if (s->type != MQW_PUBLISH)
        return (mqw_bytes){NULL, 0};
    mqw_bytes payload = ((const mqw_publish *)s->body)->payload;
    return s->shared || s->open_end || payload.len > MQW__PAYLOAD_APART ? payload : (mqw_bytes){NULL, 0};
}

static int encode_at(const mqw_conn *conn, const mqw__sending *s, bool whole, uint8_t *at, size_t left,
                     mqw_error *why)
{
    mqw_codec codec = {conn->version, conn->role, NULL};
    return s->forward ? mqw__forward_encode(conn, s, whole, at, left, why)
                      : mqw__encode(&codec, s->type, s->body, whole, at, left, why);
}

/* Encodes at the tail of the queue, or into a new chunk when it does not fit there. Nothing is taken yet:
 * *fresh is the chunk that is to be linked, *at where the bytes stand. */
static int encode(mqw_conn *conn, const mqw__sending *s, bool head, mqw__chunk **fresh, uint8_t **at)
{
    mqw__queue *queue = target(conn);
    mqw_error why = {.offset = 0};
    size_t left = mqw__queue_left(queue);
    *at = left ? queue->last->data + queue->last->end : NULL;
    int len = left ? encode_at(conn, s, !head, *at, left, &why) : MQW_E_NO_ROOM;
    while (len == MQW_E_NO_ROOM) {
        mqw__chunks_free(conn->config, *fresh);
        *fresh = mqw__chunk_new(conn->config, (size_t)why.offset);
        if (!*fresh)
            return MQW_E_NO_MEMORY;
        *at = (*fresh)->data;
        len = encode_at(conn, s, !head, *at, (*fresh)->cap, &why);
    }
    return len < 0 ? mqw__sending_refuse(conn, s, why.rule, why.field) : len;
}

/* No room now: `drain` says when there is, also where high_water was not passed. */
static int busy(mqw_conn *conn)
{
    conn->flags |= MQW__ABOVE_HIGH;
    return MQW_E_BUSY;
}

/* Acknowledgements, pings and what ends the connection may use the reserve. */
#define RESERVED \
    (MQW_IN_ACKS | MQW_IN_SUBACK | MQW_IN_UNSUBACK | MQW_IN_PINGREQ | MQW_IN_PINGRESP | MQW_IN_DISCONNECT)

static int output_full(mqw_conn *conn, const mqw__sending *s, uint64_t len)
{
    const mqw_conn_options *o = &conn->config->options;
    uint64_t total = mqw_conn_waiting(conn) + len;
    if (total <= o->max_output)
        return 0;
    if (!(RESERVED >> s->type & 1))
        return len > o->max_output
                   ? mqw__conn_refuse(conn, MQW_E_TOO_LARGE, MQW_RULE_OUTPUT_FULL, s->type, NULL)
                   : busy(conn);
    if (total <= (uint64_t)o->max_output + o->reserve)
        return 0;
    (void)mqw__conn_fault_by_rule(conn, MQW_RULE_OUTPUT_FULL, MQW_E_PROTOCOL);
    return MQW_E_CLOSED;
}

static int too_large_for_peer(mqw_conn *conn, const mqw__sending *s)
{
    return mqw__conn_refuse(conn, MQW_E_TOO_LARGE,
                            conn->role == MQW_CLIENT ? MQW_RULE_PACKET_SIZE_SERVER
                                                     : MQW_RULE_PACKET_SIZE_CLIENT,
                            s->type, "length");
}

/* A payload that goes by itself is not seen by the codec. 0, or the result of the call. */
static int payload_refused(mqw_conn *conn, const mqw__sending *s)
{
    const mqw_publish *publish = s->body;
    if (s->type != MQW_PUBLISH || s->open_end)
        return 0;
    if (publish->payload_left)
        return mqw__sending_refuse(conn, s, MQW_RULE_FIELD_RANGE, "payload_left");
    if (!publish->payload.data && publish->payload.len)
        return mqw__sending_refuse(conn, s, MQW_RULE_FIELD_RANGE, "payload");
    return 0;
}

/* Takes the encoded head and the payload behind it into the queue: both or neither. */
static int take(mqw_conn *conn, const mqw__sending *s, mqw__chunk *fresh, size_t len, mqw_bytes payload)
{
    mqw__queue *queue = target(conn);
    mqw__chunk *more = NULL;
    bool copied = payload.len && !s->open_end && !s->shared;
    if (s->shared && payload.len)
        more = mqw__chunk_shared(conn->config, s->shared);
    else if (copied)
        more = mqw__chunk_new(conn->config, payload.len);
    if (payload.len && !s->open_end && !more)
        return MQW_E_NO_MEMORY;
    if (copied) {
        memcpy(more->data, payload.data, payload.len);
        more->end = (uint32_t)payload.len;
    }
    if (fresh) {
        fresh->end = (uint32_t)len;
        mqw__queue_link(queue, fresh);
    } else {
        queue->last->end += (uint32_t)len;
        queue->bytes += (uint32_t)len;
    }
    mqw__queue_link(queue, more);
    return 0;
}

/* ---- it is queued: what follows ---- */

static void tell_tap_bytes(mqw_conn *conn, mqw_bytes bytes)
{
    const mqw_conn_options *o = &conn->config->options;
    if (o->tap && bytes.len)
        o->tap(conn, true, NULL, bytes, o->tap_ctx);
}

/* The properties of a message that goes on are known in wire form only. */
static void show_forward(const mqw_conn *conn, mqw__header header, mqw_bytes head, mqw_bytes payload,
                         mqw_packet *packet)
{
    mqw_codec codec = {conn->version, conn->role, NULL};
    if (mqw__decode_publish_head(&codec, header, head.data + header.size, head.len - header.size, packet,
                                 NULL) == 0 &&
        payload.len) {
        packet->publish.payload = payload;
        packet->publish.payload_left = 0;
    }
}

MQW__COLD static void tell_tap(mqw_conn *conn, const mqw__sending *s, mqw_bytes head, mqw_bytes payload)
{
    const mqw_conn_options *o = &conn->config->options;
    mqw__header header = mqw__header_at(head);
    mqw_packet packet = {.type = (mqw_packet_type)s->type,
                         .dup = header.first >> 3 & 1,
                         .qos = header.first >> 1 & 3,
                         .retain = header.first & 1,
                         .length = header.length};
    if (mqw__body_size[s->type])
        memcpy(&packet.connect, s->body, mqw__body_size[s->type]);
    if (s->forward)
        show_forward(conn, header, head, payload, &packet);
    if (s->open_end) {
        packet.publish.payload_left = (uint32_t)payload.len;
        packet.publish.payload = (mqw_bytes){NULL, 0};
    }
    o->tap(conn, true, &packet, head, o->tap_ctx);
    if (!s->open_end)
        tell_tap_bytes(conn, payload);
}

/* Output grew: it may have been empty, or be above high_water now. */
static void wake(mqw_conn *conn, bool was_empty)
{
    const mqw_conn_options *o = &conn->config->options;
    if (mqw_conn_waiting(conn) > o->high_water)
        conn->flags |= MQW__ABOVE_HIGH;
    if (was_empty && conn->output.bytes && !conn->on_output && o->on_output)
        o->on_output(conn, o->on_output_ctx);
}

/* The link hears of output before time is read: it sets the clock. */
static void wake_link(mqw_conn *conn, bool was_empty)
{
    if (was_empty && conn->output.bytes && conn->on_output)
        conn->on_output(conn, conn->link);
}

void mqw__conn_grew(mqw_conn *conn, bool was_empty)
{
    wake_link(conn, was_empty);
    wake(conn, was_empty);
}

static void follow(mqw_conn *conn, const mqw__sending *s)
{
    mqw_role role = (mqw_role)conn->role;
    conn->last_sent = (uint32_t)conn->now;
    if (mqw__free_to_say(conn, s->type))
        return;
    if ((1u << s->type) & (MQW_IN_CONNECT | MQW_IN_CONNACK | MQW_IN_DISCONNECT)) {
        mqw__rules_passed(conn, role, s->type, s->body);
        conn->last_received = s->type == MQW_DISCONNECT ? conn->last_received : (uint32_t)conn->now;
    }
    if (s->type == MQW_PINGREQ && !(conn->flags & MQW__PING_OUT)) {
        conn->flags |= MQW__PING_OUT;
        conn->pinged = (uint32_t)conn->now;
    }
    mqw__limits_passed(conn, role, s->type, s->body);
    if (s->alias)
        mqw__alias_settle(conn, s->alias, s->topic);
}

static int queue_packet(mqw_conn *conn, mqw__sending *s)
{
    mqw__chunk *fresh = NULL;
    uint8_t *at;
    mqw_bytes payload = payload_apart(s);
    bool apart = payload.len > 0 || s->open_end || s->shared;
    int len = encode(conn, s, apart, &fresh, &at);
    if (len > 0 && (uint64_t)len + payload.len > conn->theirs.max_packet && conn->role != MQW_ANY) {
        bool fits = mqw__sending_lighten(s) && (len = encode(conn, s, apart, &fresh, &at)) > 0 &&
                    (uint64_t)len + payload.len <= conn->theirs.max_packet;
        if (!fits && len > 0)
            len = too_large_for_peer(conn, s);
    }
    int full = len > 0 ? output_full(conn, s, (uint64_t)len + (s->open_end ? 0 : payload.len)) : 0;
    bool was_empty = conn->output.bytes == 0;
    int rc = len <= 0 ? len : full ? full : take(conn, s, fresh, (size_t)len, payload);
    if (rc < 0) {
        mqw__chunks_free(conn->config, fresh);
        return rc;
    }
    if (!s->open_end)
        mqw__queue_mark(target(conn));
    conn->packets_queued += !s->open_end;
    conn->bytes_queued += (uint64_t)len + (s->open_end ? 0 : payload.len);
    if (conn->config->options.tap)
        tell_tap(conn, s, (mqw_bytes){at, (size_t)len}, payload);
    wake_link(conn, was_empty);
    follow(conn, s);
    wake(conn, was_empty);
    return s->stripped;
}

int mqw__sending_go(mqw_conn *conn, mqw__sending *s)
{
    int rc = closed(conn);
    if (rc == 0 && !mqw__free_to_say(conn, s->type)) {
        rc = mqw__sending_try(conn, s);
        if (rc == 0)
            rc = mqw__sending_prepare(conn, s);
    }
    if (rc == 0)
        rc = payload_refused(conn, s);
    return rc == 0 ? queue_packet(conn, s) : rc;
}

/* The short way of a PUBLISH that goes behind others which wait already, into the room of the last chunk:
 * nobody has to be asked or told. False: not this one. */
static bool publish_behind(mqw_conn *conn, const mqw_publish *publish)
{
    const unsigned special = MQW__FAULTED | MQW__SHUT | MQW__PEER_ENDED | MQW__STREAM_OUT | MQW__ABOVE_HIGH;
    mqw__chunk *last = conn->output.last;
    bool room = last && !last->shared && conn->output.bytes &&
                mqw_conn_waiting(conn) + MQW__CHUNK_SIZE <= conn->config->options.high_water;
    if (!room || !mqw__free_to_say(conn, MQW_PUBLISH) || (conn->flags & special) ||
        conn->config->options.tap || publish->payload.len > MQW__PAYLOAD_APART || conn->role == MQW_ANY)
        return false;
    mqw_codec codec = {conn->version, conn->role, NULL};
    int len =
        mqw__encode(&codec, MQW_PUBLISH, publish, true, last->data + last->end, last->cap - last->end, NULL);
    if (len <= 0)
        return false;
    last->end += (uint32_t)len;
    conn->output.bytes += (uint32_t)len;
    mqw__queue_mark(&conn->output);
    conn->packets_queued++;
    conn->bytes_queued += (uint64_t)len;
    conn->last_sent = (uint32_t)conn->now;
    return true;
}

int mqw__conn_queue(mqw_conn *conn, int type, const void *body, mqw_shared *shared, bool typed)
{
    if (MQW__QUICK && type == MQW_PUBLISH && !shared && publish_behind(conn, body))
        return 0;
    if (MQW__QUICK && (MQW_IN_ACKS >> type & 1) && mqw__ack_behind(conn, type, body))
        return 0;
    mqw__sending s;
    s.body = body;
    s.forward = NULL;
    s.shared = shared;
    s.alias = NULL;
    s.type = (uint8_t)type;
    s.typed = typed;
    s.open_end = s.stripped = false;
    return mqw__sending_go(conn, &s);
}

int mqw_conn_send(mqw_conn *conn, const mqw_packet *packet)
{
    if (!packet || packet->type < MQW_CONNECT || packet->type > MQW_AUTH)
        return mqw__conn_refuse(conn, MQW_E_MISUSE, MQW_RULE_FIELD_RANGE, 0, "type");
    return mqw__conn_queue(conn, (int)packet->type, &packet->connect, NULL, false);
}

int mqw__conn_reply(mqw_conn *conn, int type, const void *body)
{
    mqw_codec codec = {conn->version, conn->role, NULL};
    uint8_t bytes[16];
    int len = mqw__encode(&codec, type, body, true, bytes, sizeof bytes, NULL);
    bool was_empty = conn->output.bytes == 0;
    int rc = len < 0 ? len : mqw__queue_put(conn->config, &conn->output, (mqw_bytes){bytes, (size_t)len});
    if (rc < 0)
        return rc;
    mqw__queue_mark(&conn->output);
    conn->packets_queued++;
    conn->bytes_queued += (uint64_t)len;
    mqw__sending s = {.body = body, .type = (uint8_t)type};
    if (conn->config->options.tap)
        tell_tap(conn, &s, (mqw_bytes){bytes, (size_t)len}, (mqw_bytes){NULL, 0});
    wake_link(conn, was_empty);
    wake(conn, was_empty);
    return 0;
}

int mqw_conn_send_raw(mqw_conn *conn, mqw_bytes bytes)
{
    int rc = closed(conn);
    if (rc < 0)
        return rc;
    if (!bytes.data && bytes.len)
        return mqw__conn_refuse(conn, MQW_E_MISUSE, MQW_RULE_FIELD_RANGE, 0, "bytes");
    if (bytes.len > conn->config->options.max_output)
        return mqw__conn_refuse(conn, MQW_E_TOO_LARGE, MQW_RULE_OUTPUT_FULL, 0, "bytes");
    if (mqw_conn_waiting(conn) + bytes.len > conn->config->options.max_output)
        return busy(conn);
    bool was_empty = conn->output.bytes == 0;
    rc = mqw__queue_put(conn->config, target(conn), bytes);
    if (rc < 0)
        return rc;
    conn->bytes_queued += bytes.len;
    tell_tap_bytes(conn, bytes);
    wake_link(conn, was_empty);
    conn->last_sent = (uint32_t)conn->now;
    wake(conn, was_empty);
    return 0;
}

/* ---- payloads by reference, and in pieces ---- */

int mqw_conn_publish_shared(mqw_conn *conn, const mqw_publish *publish, mqw_shared *payload)
{
    if (!publish || !payload)
        return mqw__conn_refuse(conn, MQW_E_MISUSE, MQW_RULE_FIELD_RANGE, MQW_PUBLISH,
                                publish ? "payload" : "packet");
    mqw_publish with = *publish;
    with.payload = payload->bytes;
    with.payload_left = 0;
    bool worth_it =
        payload->bytes.len > MQW__PAYLOAD_APART; /* a reference costs a chunk before and behind it */
    return mqw__conn_queue(conn, MQW_PUBLISH, &with, worth_it ? payload : NULL, true);
}

int mqw_conn_publish_begin(mqw_conn *conn, const mqw_publish *publish, uint32_t payload_size)
{
    if (!publish || (conn->flags & MQW__STREAM_OUT) || payload_size > MQW_LENGTH_MAX)
        return mqw__conn_refuse(conn, MQW_E_MISUSE, MQW_RULE_FIELD_RANGE, MQW_PUBLISH,
                                publish ? "payload" : "packet");
    mqw__extra *extra = mqw__conn_extra(conn);
    if (!extra)
        return MQW_E_NO_MEMORY;
    mqw_publish with = *publish;
    with.payload = (mqw_bytes){NULL, payload_size};
    with.payload_left = 0;
    mqw__sending s = {.body = &with, .type = MQW_PUBLISH, .typed = true, .open_end = true};
    int rc = mqw__sending_go(conn, &s);
    if (rc < 0)
        return rc;
    extra->out_left = payload_size;
    conn->flags |= MQW__STREAM_OUT;
    return rc;
}

int mqw_conn_publish_write(mqw_conn *conn, mqw_bytes piece)
{
    int rc = closed(conn);
    if (rc < 0)
        return rc;
    if (!(conn->flags & MQW__STREAM_OUT) || piece.len > conn->extra->out_left || (!piece.data && piece.len))
        return mqw__conn_refuse(conn, MQW_E_MISUSE, MQW_RULE_FIELD_RANGE, MQW_PUBLISH, "payload");
    if (piece.len > conn->config->options.max_output)
        return mqw__conn_refuse(conn, MQW_E_TOO_LARGE, MQW_RULE_OUTPUT_FULL, MQW_PUBLISH, "payload");
    if (mqw_conn_waiting(conn) + piece.len > conn->config->options.max_output)
        return busy(conn);
    bool was_empty = conn->output.bytes == 0;
    rc = mqw__queue_put(conn->config, &conn->output, piece);
    if (rc < 0)
        return rc;
    conn->extra->out_left -= (uint32_t)piece.len;
    conn->bytes_queued += piece.len;
    tell_tap_bytes(conn, piece);
    wake_link(conn, was_empty);
    conn->last_sent = (uint32_t)conn->now;
    wake(conn, was_empty);
    return 0;
}

int mqw_conn_publish_end(mqw_conn *conn)
{
    int rc = closed(conn);
    if (rc < 0)
        return rc;
    if (!(conn->flags & MQW__STREAM_OUT) || conn->extra->out_left)
        return mqw__conn_refuse(conn, MQW_E_MISUSE, MQW_RULE_FIELD_RANGE, MQW_PUBLISH, "payload");
    conn->flags &= (uint16_t)~MQW__STREAM_OUT;
    bool was_empty = conn->output.bytes == 0;
    conn->packets_queued++;
    if (conn->output.last)
        mqw__queue_mark(&conn->output);
    mqw__queue_join(&conn->output, &conn->extra->later);
    wake_link(conn, was_empty);
    conn->last_sent = conn->pinged = (uint32_t)conn->now; /* a PINGREQ behind it goes out now */
    wake(conn, was_empty);
    return 0;
}
