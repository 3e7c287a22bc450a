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
 * subscribed; 0x97: whoever has could not take it, or there are too many retained messages. Negative: it
 * could not be retained, or there is no memory to find out for whom it is (QoS 1 and 2), and nobody has got
 * it: MQW_E_NO_MEMORY, or a result of the store.
 */
int mqw__deliver(mqw_broker *broker, mqw__post *post);
/** A letter that a member of a shared subscription has not acknowledged goes to another one. False: there is
 * none, or none takes it. */
bool mqw__deliver_to_group(mqw_broker *broker, mqw__letter *letter, uint32_t group);

// retain.c

/** A retained message: sets it, or (empty payload) takes it out; in the store too. 0, MQW_E_FULL,
 * MQW_E_NO_MEMORY or MQW_E_STREAM. */
int mqw__retain(mqw_broker *broker, mqw__post *post);
/** One that is retained now (by mqw__retain; or restored) is to go when it has expired. */
void mqw__retain_watch(mqw_broker *broker, const mqw__letter *letter);
/** The broker ends: nothing is looked through any more. */
void mqw__retain_end(mqw_broker *broker);

// feed.c

/** The retained messages for a subscription of a session that was just made (`existed`: before), as its
 * retain handling says. They leave as the client takes them, after a new connection too. */
void mqw__deliver_retained(mqw__subscription *subscription, bool existed);
/** The subscription is about to go: nothing more of that. */
void mqw__deliver_retained_stop(const mqw__subscription *subscription);

// outgoing.c

/** How a message leaves for one receiver. */
typedef struct mqw__terms {
    const uint32_t *ids; /**< Subscription identifiers. */
    uint32_t id_count;
    uint32_t group; /**< Of a shared subscription: its number; 0: none. */
    uint8_t qos;
    bool retain; /**< The flag that it leaves with. */
} mqw__terms;

/** One message for one session: sent at once, or queued within its bounds. 0, or the mqw_drop that the hook
 * has heard of already. */
int mqw__outgoing_give(mqw__session *session, mqw__post *post, const mqw__terms *terms);
/** How well it could take one more of this size and QoS now, for shared subscriptions: 3: it leaves at once;
 * 2: it waits for the client; 1: for its connection; 0: not. */
int mqw__outgoing_takes(const mqw__session *session, uint8_t qos, size_t size);
/** Sends what may go now: after an acknowledgement, a drain, a commit, a connection that goes on. */
void mqw__outgoing_go_on(mqw__session *session);
/** PUBACK, PUBREC, PUBCOMP of the client. 0, or a reason code: a protocol error that ends the connection. */
int mqw__outgoing_answer(mqw__session *session, int type, const mqw_ack *ack);
/** The connection is gone: what was sent and not answered is sent again later; QoS 0 that waits is dropped.
 */
void mqw__outgoing_cut(mqw__session *session);
/** The session ends: all that waits is dropped, and told so; what came by a shared subscription and may still
 * go to another member (MQTT-4.8.2-5) does so. Its subscriptions are gone already. */
void mqw__outgoing_clear(mqw__session *session);
/** The same without a word: the broker ends. */
void mqw__outgoing_free(mqw__session *session);
/** A promise restored from the store: its message (which becomes was->message), identifiers and flags. 0,
 * MQW_E_NO_MEMORY or MQW_E_MISUSE (mqw_session_restore). */
int mqw__outgoing_restore(mqw__session *session, mqw_promise *was, mqw__letter *letter, bool retain,
                          const uint32_t *ids, size_t id_count);

/** A delivery that was promised (QoS 1 and 2): mqw_promise.message. Or one of QoS 0 that waits. */
typedef struct mqw__delivery {
    mqw__letter *letter;
    uint64_t record; /**< Number of its record in the store; 0: none. This, batch and form are records.c's. */
    union {
        uint64_t batch;             /**< The commit that its record waits for … */
        struct mqw__delivery *next; /**< QoS 0: waiting.c's. */
    };
    uint32_t group; /**< Number of the shared subscription that it came by; 0: none. */
    uint8_t form;   /**< … and what that says. */
    bool retain;
    uint8_t id_count; /**< Of ids; more than 255 are cut. */
    uint32_t ids[];
} mqw__delivery;

#endif
