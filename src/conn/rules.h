// SPDX-License-Identifier: MIT
// Who may say what, when: a trial of one packet, the same for both roles and for both directions.
#ifndef MQW_CONN_RULES_H
#define MQW_CONN_RULES_H

#include <string.h>

#include "conn/inside.h"

/* One packet on its way through a connection, and the rule for which it is stopped. */
typedef struct mqw__trial {
    mqw_rule_set *reported; /* receiving: rules that the policy lets pass and reports; NULL when sending */
    uint8_t sender;
    uint8_t type;
    uint8_t rule; /* 0: it may pass */
    const char *field;
} mqw__trial;

/* A rule is broken. True: it is refused, and the trial is over; false: the policy lets it pass. */
MQW__COLD bool mqw__trial_breaks(const mqw_conn *conn, mqw__trial *trial, mqw_rule rule, const char *field);

/* Whether the packet may pass; it changes nothing. `body` is the member of mqw_packet for trial->type. */
bool mqw__rules_allow(const mqw_conn *conn, mqw__trial *trial, const void *body);
/* It has passed: the state of the connection follows. */
void mqw__rules_passed(mqw_conn *conn, mqw_role sender, int type, const void *body);

/* Once open, either side may PUBLISH, and before 5.0 nothing more was agreed about it: there is nothing to
 * judge. */
static inline bool mqw__free_to_say(const mqw_conn *conn, int type)
{
    return type == MQW_PUBLISH && conn->state == MQW_STATE_OPEN && conn->version != MQW_5_0;
}

/* limits.c: the same for what the peers agreed. */
bool mqw__limits_allow(const mqw_conn *conn, mqw__trial *trial, const void *body);
void mqw__limits_passed(mqw_conn *conn, mqw_role sender, int type, const void *body);
/* Keeps what later packets are compared with, before the CONNECT passes. 0, or MQW_E_NO_MEMORY. */
int mqw__limits_remember(mqw_conn *conn, const mqw_connect *connect);
void mqw__auth_method_free(mqw_config *config, mqw__extra *extra);

/* aliases.c */
bool mqw__aliases_allow(const mqw_conn *conn, mqw__trial *trial, const mqw_publish *publish);
/* Learns the alias of a packet received, and fills in its topic. 0, or MQW_E_NO_MEMORY. */
int mqw__alias_resolve(mqw_conn *conn, mqw_publish *publish);
/* The row of an outgoing alias that the program gave. NULL: no memory. */
mqw__alias *mqw__alias_row(mqw_conn *conn, uint16_t alias);
/* With MQW_ALIAS_RECENT: gives the topic an alias, and empties it when the peer knows it. NULL: none. */
mqw__alias *mqw__alias_assign(mqw_conn *conn, mqw_publish *publish);
/* The packet was queued: the peer knows what the alias stands for (`topic` empty: it did already). */
void mqw__alias_settle(mqw_conn *conn, mqw__alias *row, mqw_text topic);
void mqw__aliases_free(mqw_config *config, mqw__aliases *aliases);

/* Texts that the codec has not seen yet may point nowhere. */
static inline bool mqw__same_text(mqw_text a, mqw_text b)
{
    return a.len == b.len && (a.len == 0 || (a.data && b.data && memcmp(a.data, b.data, a.len) == 0));
}

/* The properties of a packet; NULL: it has none. */
const mqw_props *mqw__props_of(int type, const void *body);

#endif
