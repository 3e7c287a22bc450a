// SPDX-License-Identifier: MIT
// A packet on its way out: what its trial (trial.c) and its way into the output (send.c) share.
#ifndef MQW_CONN_SENDING_H
#define MQW_CONN_SENDING_H

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

/* forward.c: as mqw__encode, for a sending with `forward`. */
int mqw__forward_encode(const mqw_conn *conn, const mqw__sending *s, bool whole, uint8_t *room, size_t cap,
                        mqw_error *why);

#endif
