// SPDX-License-Identifier: MIT
// The one place where a message meets subscriptions; and what leaves for a client, and when.
#ifndef MQW_BROKER_DELIVERY_H
#define MQW_BROKER_DELIVERY_H

#include "session.h"

// delivery.c

/**
 * Gives a message to everybody who has subscribed to it: one copy for overlapping subscriptions, at the
 * highest QoS, with all identifiers (MQTT-3.3.4-2, -3); to one member of each shared subscription that can
 * take it (4.8.2). Retains it first when publish->retain says so. 0: somebody got it; 0x10: nobody has
 * subscribed; 0x97: whoever has could not take it (or it could not be retained); 0x83: it could not be
 * stored.
 */
int mqw__deliver(mqw_broker *broker, mqw__post *post);
/** The retained messages for a subscription that was just made (`existed`: before), as its retain handling
 * says. They leave as the client takes them. */
void mqw__deliver_retained(mqw__subscription *subscription, bool existed);
/** A retained message: sets it, or (empty payload) takes it out; in the store too. 0, MQW_E_FULL,
 * MQW_E_NO_MEMORY or MQW_E_STREAM. */
int mqw__retain(mqw_broker *broker, mqw__post *post);

// outgoing.c

/** One message for one session: sent at once, or queued within its bounds. `qos`: that of the delivery;
 * `retain`: the flag that it leaves with; `ids`: subscription identifiers. 0, or the mqw_drop that the hook
 * has heard of already. */
int mqw__outgoing_give(mqw__session *session, mqw__post *post, uint8_t qos, bool retain, const uint32_t *ids,
                       size_t id_count);
/** Whether it could take one more of this size and QoS now: for shared subscriptions. */
bool mqw__outgoing_takes(const mqw__session *session, uint8_t qos, size_t size);
/** Sends what may go now: after an acknowledgement, a drain, a commit, a connection that goes on. */
void mqw__outgoing_go_on(mqw__session *session);
/** PUBACK, PUBREC, PUBCOMP of the client. 0, or a reason code: a protocol error that ends the connection. */
int mqw__outgoing_answer(mqw__session *session, int type, const mqw_ack *ack);
/** The connection is gone: what was sent and not answered is sent again later; QoS 0 that waits is dropped,
 * and so are feeds. */
void mqw__outgoing_cut(mqw__session *session);
/** The session ends: all that waits is dropped, and told so. */
void mqw__outgoing_clear(mqw__session *session);
/** A promise restored from the store: its message, identifiers and flags. 0 or MQW_E_NO_MEMORY. */
int mqw__outgoing_restore(mqw__session *session, const mqw_promise *was, mqw__letter *letter, bool retain,
                          const uint32_t *ids, size_t id_count);

/** A delivery that was promised (QoS 1 and 2): mqw_promise.message. */
typedef struct mqw__delivery {
    mqw__letter *letter;
    uint64_t
        record;     /**< Number of its record in the store; 0: none. This and the next two are records.c's: */
    uint64_t batch; /**< the commit that its record waits for … */
    uint8_t form;   /**< … and what it says. */
    bool retain;
    uint8_t id_count; /**< Of ids; more than 255 are cut. */
    uint32_t ids[];
} mqw__delivery;

#endif
