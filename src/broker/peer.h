// SPDX-License-Identifier: MIT
// A connected client: one function per packet type, and its way from CONNECT to its end.
#ifndef MQW_BROKER_PEER_H
#define MQW_BROKER_PEER_H

#include "session.h"

typedef enum mqw__stand {
    MQW__ARRIVED = 0,    /**< No CONNECT yet. */
    MQW__AUTHENTICATING, /**< Enhanced authentication runs. */
    MQW__ASKED,          /**< on_connect has deferred its decision. */
    MQW__WELCOME,        /**< Let in; CONNACK may wait for the store. */
    MQW__GONE            /**< Its end has begun; its `close` is waited for. */
} mqw__stand;

/** Bytes and packets a second, with bursts of a second. */
typedef struct mqw__bucket mqw__bucket;
/** What few peers need: what waits for a decision, enhanced authentication, CONNECT that is kept. peer.c's
 * and its neighbours' own. */
typedef struct mqw__affairs mqw__affairs;

struct mqw_peer {
    mqw_broker *broker;
    mqw_conn *conn;
    mqw__session *session; /**< NULL until it was let in. */
    mqw__affairs *affairs; /**< NULL: nothing special. */
    mqw__bucket *bucket;   /**< NULL: no rate is limited. */
    void *user;
    char *user_name;        /**< Its own block; NULL: none. */
    mqw_peer *next, **link; /**< Of all peers. */
    void *from;             /**< limits.c's: its address, when those are counted; NULL: not. */
    void *answers;          /**< durable.c's: what waits for a commit; NULL: nothing. */
    uint16_t user_name_len;
    uint8_t stand;  /**< mqw__stand */
    uint8_t reason; /**< Why it ends. */
    bool counted;   /**< In clients_connected. */
    bool no_will;   /**< It has said goodbye (MQTT-3.1.2-10). */
    bool aliases;   /**< Aliases are used towards it. */
};

/** Takes a connection into the broker. See mqw__broker_serve. */
int mqw__peer_new(mqw_broker *broker, mqw_conn *conn, const mqw_connect *connect);
/** Ends its connection: DISCONNECT with `reason` in 5.0 (0: none is sent), then it closes. `words` for
 * on_disconnected: a literal. */
void mqw__peer_end(mqw_peer *peer, uint8_t reason, const char *words);
/** Publishes for it, in its name: see the PUBLISH handler. */

#endif
