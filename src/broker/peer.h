// SPDX-License-Identifier: MIT
// A connected client: one function per packet type, and its way from CONNECT to its end.
#ifndef MQW_BROKER_PEER_H
#define MQW_BROKER_PEER_H

#include "session.h"

typedef enum mqw__stand {
    MQW__ARRIVED = 0,    /**< No CONNECT yet. */
    MQW__AUTHENTICATING, /**< Enhanced authentication runs. */
    MQW__ASKED,          /**< CONNECT is kept: on_connect has deferred its decision, or its turn comes. */
    MQW__ADMITTED,       /**< Let in; its CONNACK waits for the store, and nothing else may be sent yet. */
    MQW__WELCOME,        /**< CONNACK has left. */
    MQW__GONE            /**< Its end has begun; its `close` is waited for. */
} mqw__stand;

/** Why a peer is not read: several may hold at a time. */
enum {
    MQW__PAUSE_RATE = 1,     /**< It is too fast (limits.c). */
    MQW__PAUSE_DECISION = 2, /**< A packet of it waits (decide.c, connect.c). */
    MQW__PAUSE_CONNACK = 4,  /**< Its CONNACK waits for the store. */
    MQW__PAUSE_STORE = 8,    /**< Too many answers to it wait for the store (gate.c). */
    MQW__PAUSE_TURN = 16,    /**< What it has published was much work: others come first. */
    MQW__PAUSE_CLOSING = 32  /**< The broker closes, and answers to it still wait for the store. */
};

/** What few peers need: what waits for a decision, enhanced authentication, CONNECT that is kept. peer.c's
 * and its neighbours' own. */
typedef struct mqw__affairs mqw__affairs;

struct mqw_peer {
    mqw_broker *broker;
    mqw_conn *conn;        /**< NULL: closed, and only waits to be freed. */
    mqw__session *session; /**< NULL until it was let in, and again when it has left. */
    mqw__affairs *affairs; /**< NULL: nothing special. */
    void *user;
    char *user_name;        /**< Its own block; NULL: none. */
    mqw_peer *next, **link; /**< Of all peers. */
    mqw_peer *later;        /**< Of those that mqw__peers_turn looks at. */
    void *from;             /**< limits.c's: its address, when those are counted; NULL: not. */
    void *answers;          /**< gate.c's: what waits for a commit; NULL: nothing. */
    union {
        const mqw_connect *hello; /**< CONNECT, while it is being looked at; NULL: not now. */
        const char *words;        /**< MQW__GONE: why it ends, a literal. */
    };
    uint16_t user_name_len;
    uint8_t stand;    /**< mqw__stand */
    uint8_t reason;   /**< Why it ends. */
    uint8_t pauses;   /**< MQW__PAUSE_… */
    bool listed : 1;  /**< mqw__peers_turn will look at it. */
    bool counted : 1; /**< In clients_connected. */
    bool fresh : 1;   /**< Its session is new, and its CONNACK has not left. */
    bool parted : 1;  /**< It has left its session, or was told as refused. */
    bool no_will : 1; /**< It has said goodbye (MQTT-3.1.2-10). */
    bool bridge : 1;  /**< It has set the bridge bit of 3.x. */
};

_Static_assert(sizeof(void *) > 8 || sizeof(mqw_peer) <= 104, "an idle connection stays small");

/** Takes a connection into the broker. See mqw__broker_serve. */
int mqw__peer_new(mqw_broker *broker, mqw_conn *conn, const mqw_connect *connect);
/** Ends its connection: DISCONNECT with `reason` in 5.0 (0: none is sent), or CONNACK when it was not let in
 * yet; then it closes. Session and hooks follow on the next turn. `words` for on_disconnected: a literal. */
void mqw__peer_end(mqw_peer *peer, uint8_t reason, const char *words);
/** Has mqw__peers_turn look at it. */
void mqw__peer_later(mqw_peer *peer);
/** Does what waits for a turn: peers that have ended leave their sessions, decisions take effect. */
void mqw__peers_turn(mqw_broker *broker);
/** Does not read it any more, or again, for one of the reasons MQW__PAUSE_…. */
void mqw__peer_pause(mqw_peer *peer, uint8_t why);
void mqw__peer_resume(mqw_peer *peer, uint8_t why);
/** Does not read it any more in this turn. */
void mqw__peer_rest(mqw_peer *peer);
/** Sends an answer (MQW_CONNACK, PUBACK, PUBREC, PUBREL that is no promise's, PUBCOMP, SUBACK, UNSUBACK,
 * AUTH, PINGRESP with its body) now; ends the peer when it cannot be sent, or too much waits already. Behind
 * a CONNACK that accepts the session goes on. */
int mqw__peer_send(mqw_peer *peer, int type, const void *body);

/** The connection to which something of a session may be sent now; NULL: there is none. */
static inline mqw_conn *mqw__session_conn(const mqw__session *session)
{
    const mqw_peer *peer = session->peer;
    return peer && peer->stand == MQW__WELCOME ? peer->conn : NULL;
}

#endif
