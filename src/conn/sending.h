// SPDX-License-Identifier: MIT
// A packet on its way out: what its trial (trial.c) and its way into the output (send.c) share.
#ifndef MQW_CONN_SENDING_H
#define MQW_CONN_SENDING_H

#include "conn/output.h"
#include "conn/rules.h"

typedef struct mqw__sending {
    mqw_packet packet; /* a copy, made only where something in it has to change */
    const void *body;
    const mqw_forward
        *forward; /* what is to be written, of which the body holds what is judged; NULL: body */
    mqw_shared *shared;
    mqw__alias *alias;
    mqw_text topic; /* that the alias will stand for */
    uint8_t type;
    bool typed;
    bool open_end; /* the payload follows in pieces */
    bool stripped;
} mqw__sending;

enum { MQW__PAYLOAD_APART = 1024 }; /* a larger payload is copied by itself, not with its head */

/* Sizes of the members of mqw_packet by type; 0: the packet has none. */
extern const size_t mqw__body_size[16];

/* A rule stops it; returns the result of the call. */
int mqw__sending_refuse(mqw_conn *conn, const mqw__sending *s, int rule, const char *field);
/* Whether it may be sent now; changes nothing. 0, or the result of the call. */
int mqw__sending_try(mqw_conn *conn, const mqw__sending *s);
/* Changes in a copy what the peer has to get otherwise. 0, or the result of the call. */
int mqw__sending_prepare(mqw_conn *conn, mqw__sending *s);
/* Makes it smaller when it is too large for the peer. False: it cannot be. */
bool mqw__sending_lighten(mqw__sending *s);

/* send.c */
/* Tries it, and queues it. 0, or the result of the call. */
int mqw__sending_go(mqw_conn *conn, mqw__sending *s);
/* Output grew, and was empty before or may be above high_water now: who is to hear of that does. */
void mqw__conn_grew(mqw_conn *conn, bool was_empty);

/* ---- the short way: what goes behind others, or first in a turn, and is usual in all that matters ---- */

/* Whether nobody has to be asked who may send: it is open, and no payload goes in pieces. */
static inline bool mqw__conn_is_plain(const mqw_conn *conn)
{
    const unsigned special = MQW__FAULTED | MQW__SHUT | MQW__PEER_ENDED | MQW__STREAM_OUT;
    return conn->state == MQW_STATE_OPEN && !(conn->flags & special) && !conn->config->options.tap;
}

/* Room behind what waits, or in a chunk that is new. NULL: no memory. */
static inline uint8_t *mqw__conn_room_behind(mqw_conn *conn, size_t len)
{
    mqw__queue *queue = &conn->output;
    if (mqw__queue_left(queue) < len) {
        mqw__chunk *fresh = mqw__chunk_new(conn->config, len);
        if (!fresh)
            return NULL;
        mqw__queue_link(queue, fresh);
    }
    return queue->last->data + queue->last->end;
}

/* A packet was written there; `total` bytes wait now. */
static inline void mqw__conn_took_behind(mqw_conn *conn, size_t len, uint64_t total)
{
    bool was_empty = conn->output.bytes == 0;
    conn->output.last->end += (uint32_t)len;
    conn->output.bytes += (uint32_t)len;
    mqw__queue_mark(&conn->output);
    conn->packets_queued++;
    conn->bytes_queued += len;
    if (was_empty || (total > conn->config->options.high_water && !(conn->flags & MQW__ABOVE_HIGH)))
        mqw__conn_grew(conn, was_empty);
    conn->last_sent = (uint32_t)conn->now;
}

/* plain_ack.c: an acknowledgement by the short way. False: not this one. */
bool mqw__ack_behind(mqw_conn *conn, int type, const mqw_ack *ack);

/* forward.c: as mqw__encode, for a sending with `forward`. */
int mqw__forward_encode(const mqw_conn *conn, const mqw__sending *s, bool whole, uint8_t *room, size_t cap,
                        mqw_error *why);

#endif
