// SPDX-License-Identifier: MIT
// What a broker needs from the world: clocks, chance, a timer, the ends of streams. On libuv it is uv.c; in
// simulations time is a number.
#ifndef MQW_BROKER_ENVIRONMENT_H
#define MQW_BROKER_ENVIRONMENT_H

#include "mqwire/broker.h"

/** The world of one broker. `self` is the environment's own. Nothing here calls back into the broker at once.
 */
typedef struct mqw__surroundings {
    void *self;
    /** Milliseconds that never run back. */
    uint64_t (*now)(void *self);
    /** Milliseconds since 1970. */
    uint64_t (*wall)(void *self);
    /** Random bytes that nobody can guess. 0, or it cannot. */
    int (*random)(void *self, void *out, size_t len);
    /** As mqw_conn_close and mqw_conn_abort: the connection's `close` handler is heard later, once. */
    void (*close)(void *self, mqw_conn *conn);
    void (*abort)(void *self, mqw_conn *conn);
    /** Facts of a connection's stream. Non-zero: nothing is known. */
    int (*facts)(void *self, const mqw_conn *conn, mqw_stream_facts *out);
    /** Calls mqw__broker_turn when now() has reached `deadline` (UINT64_MAX: never; 0: on the next turn of
     * the loop), instead of the time set before. */
    void (*wake)(void *self, uint64_t deadline);
    /** The broker closes: no connection is to be brought any more. When listeners are gone, mqw__broker_turn.
     */
    void (*stop)(void *self);
    /** Whether they are. */
    bool (*stopped)(void *self);
    /** The broker is gone. The last call. */
    void (*free)(void *self);
} mqw__surroundings;

/** A broker in a world that is already there, which it owns when 0 is returned. Results of mqw_broker_open.
 */
int mqw__broker_new(mqw_broker **out, const mqw__surroundings *world, const mqw_broker_options *options);
/** Its time has come: does what is due. It may be gone afterwards. */
void mqw__broker_turn(mqw_broker *broker);
/** Serves a connection of role server; see mqw_broker_connect_conn. */
int mqw__broker_serve(mqw_broker *broker, mqw_conn *conn, const mqw_connect *connect);
/** The configuration for connections that the world makes: limits, policy; handlers come with
 * mqw__broker_serve. Not counted for the caller. */
mqw_config *mqw__broker_config(const mqw_broker *broker);
/** What the world made of the broker. */
void *mqw__broker_world(const mqw_broker *broker);

#endif
