// SPDX-License-Identifier: MIT
// What is on disk: records of sessions, subscriptions, promises, retained messages and wills; and what waits
// for them to be written. Without a store every call here does nothing and everything goes at once.
#ifndef MQW_BROKER_DURABLE_H
#define MQW_BROKER_DURABLE_H

#include "delivery.h"
#include "mqwire/store.h"
#include "peer.h"

typedef struct mqw__durable mqw__durable; /**< NULL in the broker: there is no store. */

/** Reads the store and restores what is in it. 0, or the result of mqw_broker_open. */
int mqw__record_open(mqw_broker *broker, mqw_store *store);
/** Whether commits, and what waits for them, can still be waited for: not when the store fails. */
bool mqw__record_busy(const mqw_broker *broker);
/** Frees it; sessions and peers may be gone already. Nothing is told by the store afterwards. */
void mqw__record_free(mqw_broker *broker);
/** Whether the store takes anything now: not when its disk is full or has failed; new messages are refused
 * then (0x97). */
bool mqw__record_well(const mqw_broker *broker);

// Records. Each call is about what has just changed in memory. Negative: it cannot be stored (MQW_E_BUSY,
// _FULL, _STREAM, _NO_MEMORY); the caller then undoes the change or refuses the packet. Of a session that is
// not in the store nothing is stored, and the result is 0.

/** The session: identifier, mount, expiry, version, limits of its own, whether it is connected. It comes into
 * the store (session->durable) once it is to outlive its connection (expiry above 0). */
int mqw__record_session(mqw__session *session);
/** It is over: everything of it goes, but its promises, which go one by one. */
void mqw__record_session_over(mqw__session *session);
/** The broker ends: frees what is kept here for the session. Its records stay. */
void mqw__record_forget(mqw__session *session);
int mqw__record_subscription(const mqw__subscription *subscription);
int mqw__record_unsubscribed(const mqw__subscription *subscription);
int mqw__record_retained(mqw_broker *broker, mqw__letter *letter);
/** It is retained no more. When that cannot be stored it is still. */
int mqw__record_unretained(mqw_broker *broker, mqw__letter *old);
int mqw__record_will(mqw__session *session);
void mqw__record_will_over(mqw__session *session);
/** A delivery was promised. */
int mqw__record_promised(mqw__session *session, mqw_promise *promise);
/** Before it leaves: QoS 2 PUBLISH and PUBREL must be on disk. 0: it may go; 1: it is held
 * (mqw_session_hold), and mqw__outgoing_go_on comes when it is. */
int mqw__record_leaves(mqw__session *session, mqw_promise *promise);
/** PUBREC has come. What cannot be stored now is before PUBREL leaves. */
void mqw__record_released(mqw__session *session, mqw_promise *promise);
/** It is over: acknowledged, or dropped. */
void mqw__record_over(mqw__session *session, const mqw_promise *was);
/** A QoS 2 identifier was taken, or is to be free again. When that cannot be stored it stays taken. */
int mqw__record_received(mqw__session *session, uint16_t packet_id);
int mqw__record_unreceived(mqw__session *session, uint16_t packet_id);

// What waits for a commit.

/** Sends an answer to a peer (MQW_PUBACK, PUBREC, PUBCOMP, SUBACK, UNSUBACK, CONNACK with its body); `waits`:
 * once everything that has been stored so far is on disk. At once when there is no store, or nothing to wait
 * for; copies what it points at when not. Answers to one peer leave in the order of the calls. Behind a
 * CONNACK that has waited and accepted, mqw__outgoing_go_on comes. 0, or what kept it from going. */
int mqw__gate_answer(mqw_peer *peer, int type, const void *body, bool waits);
/** The peer is gone: nothing of it waits any more. */
void mqw__gate_forget(mqw_peer *peer);
/** The broker's turn is over: asks for a commit when something has changed. */
void mqw__gate_turn(mqw_broker *broker);

#endif
