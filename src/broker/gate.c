// SPDX-License-Identifier: MIT
// What waits for a commit: answers to peers, and QoS 2 messages on their way out.
#include "inside.h"

// Straight to the connection.
static int send_answer(mqw_peer *peer, int type, const void *body)
{
    switch (type) {
    case MQW_PUBACK: return mqw_conn_puback(peer->conn, body);
    case MQW_PUBREC: return mqw_conn_pubrec(peer->conn, body);
    case MQW_PUBCOMP: return mqw_conn_pubcomp(peer->conn, body);
    case MQW_SUBACK: return mqw_conn_suback(peer->conn, body);
    case MQW_UNSUBACK: return mqw_conn_unsuback(peer->conn, body);
    case MQW_CONNACK: return mqw_conn_connack(peer->conn, body);
    default: return MQW_E_MISUSE;
    }
}

int mqw__gate_answer(mqw_peer *peer, int type, const void *body, bool waits)
{
    (void)waits;
    return send_answer(peer, type, body);
}

void mqw__gate_forget(mqw_peer *peer)
{
    peer->answers = NULL;
}

void mqw__gate_turn(mqw_broker *broker)
{
    (void)broker;
}
