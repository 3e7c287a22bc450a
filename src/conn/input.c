// SPDX-License-Identifier: MIT
// Bytes in, packets out. A packet that has arrived whole is decoded where it lies; one that was cut is put
// together in the stash, which grows with what has arrived, not with what was declared.
#include "conn/rules.h"
#include "wire/plain.h"

#include <string.h>

/* ---- time ---- */

static void alive(mqw_conn *conn)
{
    conn->last_received = (uint32_t)conn->now;
    conn->partial = 0;
    conn->flags &= (uint16_t)~MQW__PING_OUT;
}

/* Bytes of an unfinished packet count as life when they come fast enough. */
static void alive_by_bytes(mqw_conn *conn)
{
    uint64_t elapsed = (uint32_t)conn->now - conn->last_received;
    if (conn->state >= MQW_STATE_OPEN && conn->partial &&
        conn->partial * UINT64_C(1000) >= conn->config->options.min_rate * elapsed)
        alive(conn);
}

/* ---- a packet has arrived ---- */

/* Before any packet has come: does the peer speak something else? */
static mqw_rule foreign_tongue(uint8_t a, uint8_t b)
{
    static const char methods[] =
        "GEPOHEPUDEOPCOPAHT"; /* GET POST HEAD PUT DELETE OPTIONS CONNECT PATCH HTTP */
    if ((a == 0x16 || a == 0x15) && b == 0x03)
        return MQW_RULE_SPEAKS_TLS;
    for (size_t i = 0; i + 1 < sizeof methods; i += 2)
        if (a == (uint8_t)methods[i] && b == (uint8_t)methods[i + 1])
            return MQW_RULE_SPEAKS_HTTP;
    return MQW_RULE_NONE;
}

/* The packet at `at` could not be decoded. */
MQW__COLD static int fault_at(mqw_conn *conn, mqw_error *why, uint64_t start, const uint8_t *at)
{
    mqw_rule foreign = conn->packets_received == 0 ? foreign_tongue(at[0], at[1]) : MQW_RULE_NONE;
    if (foreign)
        return mqw__conn_fault_by_rule(conn, foreign, MQW_E_PROTOCOL);
    why->offset += start;
    return mqw__conn_fault(conn, why);
}

/* Remembers the acknowledgement that goes out when the program has had the packet. */
static int plan_ack(mqw_conn *conn, uint8_t type, uint16_t packet_id)
{
    conn->ack_type = (uint16_t)(type & 15u);
    conn->ack_id = packet_id;
    conn->flags |= MQW__ACK_DUE;
    return 1;
}

static int plan_answer(mqw_conn *conn, const mqw_packet *packet)
{
    uint8_t answers = conn->config->options.answers;
    if (packet->type == MQW_PINGREQ && (answers & MQW_ANSWER_PINGRESP))
        return plan_ack(conn, MQW_PINGRESP, 0);
    if (!(answers & MQW_ANSWER_ACKS))
        return 1;
    if (packet->type == MQW_PUBLISH && packet->publish.qos)
        return plan_ack(conn, packet->publish.qos == 1 ? MQW_PUBACK : MQW_PUBREC, packet->publish.packet_id);
    if (packet->type == MQW_PUBREC && packet->pubrec.reason < 0x80)
        return plan_ack(conn, MQW_PUBREL, packet->pubrec.packet_id);
    if (packet->type == MQW_PUBREL)
        return plan_ack(conn, MQW_PUBCOMP, packet->pubrel.packet_id);
    return 1;
}

static int answer_now(mqw_conn *conn)
{
    mqw_ack ack = {.packet_id = conn->ack_id};
    conn->flags &= (uint16_t)~MQW__ACK_DUE;
    if (mqw__conn_queue(conn, conn->ack_type, &ack, NULL, false) == MQW_E_NO_MEMORY)
        return mqw__conn_fault_by_rule(conn, MQW_RULE_MEMORY_FULL, MQW_E_NO_MEMORY);
    return conn->flags & MQW__FAULTED ? conn->blame.code : 0;
}

/* Keeps what later packets refer to. */
static int remember(mqw_conn *conn, mqw_packet *packet)
{
    if (packet->type == MQW_CONNECT)
        return packet->connect.unsupported ? 0 : mqw__limits_remember(conn, &packet->connect);
    bool alias = packet->type == MQW_PUBLISH && conn->version == MQW_5_0 && conn->role != MQW_ANY &&
                 mqw_has(&packet->publish.props, topic_alias);
    return alias ? mqw__alias_resolve(conn, &packet->publish) : 0;
}

/* The trial of a packet received, and what follows from it. `start`: where it began in the stream. */
static MQW__APART int judge(mqw_conn *conn, mqw_packet *packet, uint64_t start)
{
    mqw_role sender = mqw__conn_peer(conn);
    int type = (int)packet->type;
    if (sender != MQW_ANY) {
        mqw__trial trial = {&packet->violations, (uint8_t)sender, (uint8_t)type, 0, NULL};
        if (!mqw__rules_allow(conn, &trial, &packet->connect) ||
            !mqw__limits_allow(conn, &trial, &packet->connect))
            return mqw__conn_fault_in(conn, (mqw_rule)trial.rule, 0, trial.type, start, trial.field);
    }
    if (remember(conn, packet) < 0)
        return mqw__conn_fault_by_rule(conn, MQW_RULE_MEMORY_FULL, MQW_E_NO_MEMORY);
    mqw__rules_passed(conn, sender, type, &packet->connect);
    mqw__limits_passed(conn, sender, type, &packet->connect);
    return 0;
}

/* What a configuration does by itself with each packet. */
static MQW__APART int hooks(mqw_conn *conn, const mqw_packet *packet, mqw_bytes raw)
{
    const mqw_conn_options *o = &conn->config->options;
    if (o->tap)
        o->tap(conn, false, packet, raw, o->tap_ctx);
    return plan_answer(conn, packet);
}

static inline int taken(mqw_conn *conn, const mqw_packet *packet, mqw_bytes raw)
{
    conn->packets_received++;
    alive(conn);
    return conn->config->hooked ? hooks(conn, packet, raw) : 1;
}

static int received(mqw_conn *conn, mqw_packet *packet, mqw_bytes raw, uint64_t start)
{
    int rc = mqw__free_to_say(conn, (int)packet->type) ? 0 : judge(conn, packet, start);
    return rc < 0 ? rc : taken(conn, packet, raw);
}

static MQW__APART int decode_any(mqw_conn *conn, mqw__header header, const uint8_t *at, mqw_packet *out,
                                 uint64_t start)
{
    mqw_codec codec = {conn->version, (uint8_t)mqw__conn_peer(conn), conn->config->policy};
    mqw_error why;
    if (mqw__decode_body(&codec, header, at + header.size, out, &why) < 0)
        return fault_at(conn, &why, start, at);
    return received(conn, out, (mqw_bytes){at, header.size + header.length}, start);
}

/* Whether a PUBLISH with that first byte needs no trial: in 5.0 one that is not acknowledged nor retained. */
static inline bool needs_no_trial(const mqw_conn *conn, uint8_t first)
{
    return conn->state == MQW_STATE_OPEN && (conn->version != MQW_5_0 || (first & 15) == 0);
}

static inline __attribute__((always_inline)) int decode(mqw_conn *conn, mqw__header header, const uint8_t *at,
                                                        mqw_packet *out, uint64_t start)
{
    if (MQW__QUICK && needs_no_trial(conn, header.first) &&
        mqw__plain_publish(conn->version, header, at + header.size, out))
        return taken(conn, out, (mqw_bytes){at, header.size + header.length});
    return decode_any(conn, header, at, out, start);
}

/* ---- payloads in pieces ---- */

static int begin_pieces(mqw_conn *conn, const mqw__header *header, uint32_t head, mqw_packet *out,
                        uint64_t start)
{
    mqw_codec codec = {conn->version, (uint8_t)mqw__conn_peer(conn), conn->config->policy};
    mqw_error why;
    mqw__extra *extra = mqw__conn_extra(conn);
    if (!extra)
        return mqw__conn_fault_by_rule(conn, MQW_RULE_MEMORY_FULL, MQW_E_NO_MEMORY);
    if (mqw__decode_publish_head(&codec, *header, conn->stash->data + header->size, head, out, &why) < 0)
        return fault_at(conn, &why, start, conn->stash->data);
    int rc = received(conn, out, (mqw_bytes){conn->stash->data, header->size + head}, start);
    if (rc < 0)
        return rc;
    extra->in_total = extra->in_left = out->publish.payload_left;
    extra->in_packet_id = out->publish.packet_id;
    extra->in_qos = out->publish.qos;
    extra->carry_len = 0;
    conn->flags |= MQW__STREAM_IN;
    return 1;
}

static MQW__APART int next_piece(mqw_conn *conn, mqw_bytes *in, mqw_packet *out)
{
    mqw__extra *extra = conn->extra;
    uint32_t len = in->len < extra->in_left ? (uint32_t)in->len : extra->in_left;
    if (len == 0)
        return 0;
    out->type = MQW_PIECE;
    out->dup = out->retain = false;
    out->qos = extra->in_qos;
    out->length = len;
    out->violations = (mqw_rule_set){{0, 0}};
    out->piece = (mqw_piece){{in->data, len},
                             extra->in_total - extra->in_left,
                             extra->in_left - len,
                             extra->in_packet_id,
                             extra->in_qos};
    in->data += len;
    in->len -= len;
    conn->bytes_received += len;
    conn->partial += len;
    extra->in_left -= len;
    if (extra->in_left == 0) {
        conn->flags &= (uint16_t)~MQW__STREAM_IN;
        alive(conn);
    } else {
        alive_by_bytes(conn);
    }
    if (conn->config->options.tap)
        conn->config->options.tap(conn, false, out, out->piece.bytes, conn->config->options.tap_ctx);
    return 2;
}

/* ---- a packet that is not whole in the input ---- */

static int too_large(mqw_conn *conn, uint8_t type, uint64_t start)
{
    mqw_rule rule = conn->role == MQW_CLIENT ? MQW_RULE_PACKET_SIZE_CLIENT : MQW_RULE_PACKET_SIZE_SERVER;
    return mqw__conn_fault_in(conn, rule, 0, type, start, "length");
}

/* All of a packet of that size, if so much may be kept. */
static int64_t all_of(const mqw_conn *conn, uint32_t total)
{
    return total > conn->config->options.max_stored ? MQW_E_TOO_LARGE : (int64_t)total;
}

int64_t mqw__input_wanted(const mqw_conn *conn, const mqw__header *header, uint32_t *head)
{
    uint32_t total = header->size + header->length;
    *head = 0;
    if (header->first >> 4 != MQW_PUBLISH || header->length <= conn->config->whole)
        return all_of(conn, total);
    if (mqw__stash_len(conn) < header->size)
        return header->size;
    mqw_bytes body = {conn->stash->data + header->size, conn->stash->len - header->size};
    uint32_t need;
    int rc = mqw__publish_head_size(conn->version, header, body, &need);
    if (rc < 0)
        need = (uint32_t)body.len; /* decoding what is there says what is wrong */
    else if (header->size + need > conn->config->options.max_stored)
        return MQW_E_TOO_LARGE;
    else if (rc == 1 && header->length - need <= conn->config->whole)
        return all_of(conn, total);
    if (rc != 0)
        *head = need;
    return (int64_t)header->size + need;
}

/* The header is known. */
static int stashed_packet(mqw_conn *conn, mqw_bytes *in, const mqw__header *header, mqw_packet *out,
                          uint64_t start)
{
    uint32_t total = header->size + header->length;
    if (total > conn->ours.max_packet)
        return too_large(conn, header->first >> 4, start);
    for (;;) {
        uint32_t head;
        int64_t want = mqw__input_wanted(conn, header, &head);
        if (want < 0)
            return too_large(conn, header->first >> 4, start);
        bool last = head || want == total;
        int rc = mqw__stash_up_to(conn, in, (uint32_t)want, (uint32_t)want);
        if (rc <= 0)
            return rc;
        if (!last)
            continue;
        rc = head ? begin_pieces(conn, header, head, out, start)
                  : decode(conn, *header, conn->stash->data, out, start);
        conn->flags |= rc > 0 ? MQW__IN_STASH : 0;
        return rc;
    }
}

/* Reads the header of the packet that the stash holds or that begins in `in`; puts it together in the stash
 * when it is cut. Its size; 0: more is wanted; negative: fault. */
static int stashed_header(mqw_conn *conn, mqw_bytes *in, mqw__header *header)
{
    int size = mqw__stash_len(conn) ? 0 : mqw__header_read(*in, header);
    for (uint32_t want = mqw__stash_len(conn) > 2 ? mqw__stash_len(conn) : 2; size == 0; want++) {
        int rc = mqw__stash_up_to(conn, in, want, UINT32_MAX);
        if (rc <= 0)
            return rc;
        size = mqw__header_read(mqw__stash_bytes(conn), header);
    }
    return size;
}

/* Before anything else has come: a peer that speaks something else deserves to be told so. */
static int first_packet(mqw_conn *conn, mqw_bytes *in, const mqw__header *header, mqw_packet *out,
                        uint64_t start)
{
    mqw_rule rule = foreign_tongue(header->first, header->length < 0x80 ? (uint8_t)header->length : 0);
    return rule ? mqw__conn_fault_by_rule(conn, rule, MQW_E_PROTOCOL)
                : stashed_packet(conn, in, header, out, start);
}

static int recv_stashed(mqw_conn *conn, mqw_bytes *in, mqw_packet *out)
{
    uint64_t start = conn->bytes_received - mqw__stash_len(conn);
    mqw__header header;
    int size = stashed_header(conn, in, &header);
    if (size > 0)
        return conn->packets_received == 0 && conn->role != MQW_ANY
                   ? first_packet(conn, in, &header, out, start)
                   : stashed_packet(conn, in, &header, out, start);
    if (size != MQW_E_MALFORMED || (conn->flags & MQW__FAULTED))
        return size;
    uint8_t first = mqw__stash_len(conn) ? conn->stash->data[0] : in->data[0];
    return mqw__conn_fault_in(conn, MQW_RULE_LENGTH_BYTES, 0, first >> 4, start + 1, "length");
}

/* What has to happen before the next packet. 1: go on; else the result of recv. */
static MQW__APART int prepare(mqw_conn *conn, mqw_bytes *in)
{
    if ((conn->flags & MQW__ACK_DUE) && !(conn->flags & MQW__STREAM_IN)) {
        int rc = answer_now(conn);
        if (rc < 0)
            return rc;
    }
    if (conn->flags & MQW__IN_STASH) {
        conn->flags &= (uint16_t)~MQW__IN_STASH;
        if (conn->stash)
            conn->stash->len = 0;
    }
    if (conn->flags & (MQW__FAULTED | MQW__DEAF | MQW__SHUT | MQW__STREAM_IN))
        mqw__stash_clear(conn);
    if (conn->flags & MQW__FAULTED)
        return conn->blame.code;
    if (conn->flags & (MQW__DEAF | MQW__SHUT)) {
        conn->bytes_received += in->len;
        *in = (mqw_bytes){in->len ? in->data + in->len : in->data, 0};
        return 0;
    }
    return conn->flags & MQW__PAUSED ? 0 : 1;
}

/* Whether `in` starts with a packet that can be decoded where it lies. */
static inline bool whole(mqw_conn *conn, mqw_bytes in, mqw__header header)
{
    return header.size && in.len - header.size >= header.length &&
           header.size + header.length <= conn->ours.max_packet && header.length <= conn->config->whole;
}

/* The packet is not whole in `in`, or it needs a closer look. */
static MQW__APART int recv_cut(mqw_conn *conn, mqw_bytes *in, mqw_packet *out)
{
    if (in->len == 0 && mqw__stash_len(conn) == 0) { /* an idle connection owns no buffer */
        mqw__stash_clear(conn);
        if (conn->extra)
            mqw__text_free(conn->config, conn->extra);
        return 0;
    }
    int rc = recv_stashed(conn, in, out);
    if (rc == 0)
        alive_by_bytes(conn);
    return rc;
}

int mqw_conn_recv(mqw_conn *conn, mqw_bytes *in, mqw_packet *out)
{
    if (conn->flags & MQW__RECV_SLOW) {
        int rc = prepare(conn, in);
        if (rc <= 0)
            return rc;
        if (conn->flags & MQW__STREAM_IN)
            return next_piece(conn, in, out);
    }
    mqw__header header = {0, 0, 0};
    if (mqw__stash_len(conn) == 0)
        header = mqw__header_at(*in);
    if (!whole(conn, *in, header))
        return recv_cut(conn, in, out);
    uint32_t total = header.size + header.length;
    const uint8_t *at = in->data;
    uint64_t start = conn->bytes_received;
    in->data += total;
    in->len -= total;
    conn->bytes_received += total;
    return decode(conn, header, at, out, start);
}

int mqw_conn_end(mqw_conn *conn)
{
    if (conn->flags & MQW__FAULTED)
        return conn->blame.code;
    bool pieces = (conn->flags & MQW__STREAM_IN) != 0;
    bool inside = pieces || (mqw__stash_len(conn) && !(conn->flags & MQW__IN_STASH));
    if (inside && !(conn->flags & (MQW__DEAF | MQW__SHUT)))
        return mqw__conn_fault_in(conn, MQW_RULE_STREAM_ENDED, MQW_E_END,
                                  pieces ? MQW_PUBLISH : conn->stash->data[0] >> 4, conn->bytes_received,
                                  pieces ? "payload" : NULL);
    conn->state = MQW_STATE_ENDED;
    conn->flags |= MQW__PEER_ENDED;
    return 0;
}
