// SPDX-License-Identifier: MIT
/**
 * @file session.h
 * The state of an MQTT session that outlives its connections (section 4.1): what was promised to be delivered
 * (the outbox, in order), which QoS 2 identifiers were taken (the inbox), and packet identifiers without
 * collision. It knows neither bytes nor connections; a client has one, a broker one for each client.
 *
 * A promise is a message of QoS 1 or 2 that will be delivered. It waits, is published, with QoS 2 then
 * released, and is gone when the last acknowledgement has come. Its message is the owner's pointer, which
 * comes back when the promise goes.
 *
 * What leaves, and in which order (mqw_session_next):
 * - PUBREL first, in the order in which PUBREC came (MQTT-4.6.0-4). None waits for the receive maximum.
 * - Then PUBLISH, in the order in which the promises were made (MQTT-4.6.0-1). After mqw_session_lost those
 *   that were sent come again first, with DUP and their old identifier (MQTT-4.4.0-1), and then new ones.
 * - A promise that is held stops those behind it of its own kind: PUBLISH or PUBREL.
 *
 * On a connection that goes on with a session, a QoS 2 message that was released counts towards the receive
 * maximum until its PUBCOMP has come, although its PUBLISH was sent on an older connection. Section 4.9 asks
 * for less, but a server counts what it still holds, and would be right to close with 0x93.
 */
#ifndef MQWIRE_SESSION_H
#define MQWIRE_SESSION_H

#include "packet.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The state of a session. */
typedef struct mqw_session mqw_session;

/** How far a promise is. */
typedef enum mqw_stage {
    MQW_WAITING = 0, /**< It was not sent on any connection. */
    MQW_PUBLISHED,   /**< PUBLISH was sent; PUBACK or PUBREC has not come. */
    MQW_RELEASED     /**< PUBREC has come: PUBREL goes out, PUBCOMP has not come. */
} mqw_stage;

/** A message of QoS 1 or 2 that will be delivered. Its fields are for reading, `message` also for writing. */
typedef struct mqw_promise {
    void *message;     /**< The owner's. */
    uint64_t sequence; /**< Rises with each promise of a session: its order, and its name in a store. */
    uint64_t released; /**< Rises with each PUBREC: the order of PUBRELs; 0 before. */
    uint64_t expires;  /**< Wall clock in milliseconds since 1970; UINT64_MAX: never. Not once it was sent. */
    uint16_t packet_id; /**< 0: none yet (few are left): mqw_session_next gives it one. */
    uint8_t qos;        /**< 1 or 2. */
    uint8_t stage;      /**< mqw_stage. */
    bool sent;          /**< On the present connection (PUBLISH or, when released, PUBREL). */
    bool held;          /**< Not to be sent yet: what it needs is not on disk (mqw_session_hold). */
} mqw_promise;

/** Zero is the default of every field. */
typedef struct mqw_session_options {
    size_t size;                    /**< sizeof(mqw_session_options); 0: the first layout. */
    uint32_t max_promises;          /**< Most promises at a time; 0: no limit but memory. */
    const mqw_allocator *allocator; /**< Copied; NULL: malloc. */
    /** A promise that mqw_session_clear or mqw_session_free ends gives its message back here. It may not call
     * into the session. NULL: nobody asks. */
    void (*dropped)(void *ctx, void *message);
    void *ctx; /**< For dropped. */
} mqw_session_options;

/** An empty session. NULL: no memory. It allocates nothing more until it is used. */
MQW_API mqw_session *mqw_session_new(const mqw_session_options *options);
/** Frees it; NULL is fine. */
MQW_API void mqw_session_free(mqw_session *session);
/** Ends the session's state (clean start; session not present): promises are dropped, the inbox is empty.
 * Identifiers of mqw_session_take_id stay taken until they are given back. */
MQW_API void mqw_session_clear(mqw_session *session);

/* --- Packet identifiers --------------------------------------------------------------------------------- */

/** Takes an identifier that is not in use (MQTT-2.2.1-3), for a SUBSCRIBE or UNSUBSCRIBE. 0: all are taken,
 * or no memory. */
MQW_API uint16_t mqw_session_take_id(mqw_session *session);
/** It is free again. Only for identifiers of mqw_session_take_id. */
MQW_API void mqw_session_give_id(mqw_session *session, uint16_t packet_id);

/* --- Outbox --------------------------------------------------------------------------------------------- */

/** Makes a promise, the last in order. It has a packet identifier as long as at least 1,024 are left for what
 * is sent and for SUBSCRIBE. It lives until it is answered or dropped. NULL: no memory, max_promises, or no
 * such QoS. */
MQW_API mqw_promise *mqw_session_promise(mqw_session *session, uint8_t qos, uint64_t expires, void *message);
/**
 * What to send next on this connection: the PUBREL of a promise that is released, or its PUBLISH (with DUP
 * when stage is MQW_PUBLISHED already). Call mqw_session_sent once it has left; a promise that must not leave
 * yet, because the identifier that it has just been given is not stored, is held. `quota`: how many more
 * PUBLISH the peer takes, as section 4.9 counts (mqw_conn_quota). NULL: nothing now; ask again after an
 * answer, a promise, or the end of a hold. O(1).
 */
MQW_API mqw_promise *mqw_session_next(mqw_session *session, uint16_t quota);
/** What mqw_session_next gave last was sent on the present connection. */
MQW_API void mqw_session_sent(mqw_session *session, mqw_promise *promise);
/** Holds it back (`on`) until its record is stored, or lets it go. */
MQW_API void mqw_session_hold(mqw_session *session, mqw_promise *promise, bool on);
/** The promise with this identifier; NULL: none. */
MQW_API mqw_promise *mqw_session_find(mqw_session *session, uint16_t packet_id);
/**
 * PUBACK, PUBREC or PUBCOMP has come. Tell of all of them, for they are counted (section 4.9). One for what
 * was sent on an older connection only is taken, too. A PUBREC that comes again has its PUBREL sent again.
 * @return 2: the promise is over, *over is a copy of it (its message is the owner's again) and its identifier
 * is free; a PUBREC of 0x80 and above does that (MQTT-4.4.0-2). 1: it is released now, and PUBREL is what
 * mqw_session_next gives. 0: nobody waits for that (a PUBREC is still to be answered, with PUBREL 0x92).
 * MQW_E_PROTOCOL: not the answer to what was sent. MQW_E_MISUSE: another type of packet.
 */
MQW_API int mqw_session_answer(mqw_session *session, int type, uint16_t packet_id, uint8_t reason,
                               mqw_promise *over);
/** Takes a promise out, whatever its stage, and frees its identifier. Returns its message. */
MQW_API void *mqw_session_drop(mqw_session *session, mqw_promise *promise);
/** The promise that expires first of those that wait and have expired at `now` (wall clock); NULL: none. It
 * stays until it is dropped. */
MQW_API mqw_promise *mqw_session_expired(mqw_session *session, uint64_t now);
/** When the next one expires; UINT64_MAX: none. */
MQW_API uint64_t mqw_session_expiry(const mqw_session *session);
/** The connection is gone: everything that was sent and not answered has to be sent again. Identifiers of
 * mqw_session_take_id stay taken until they are given back. */
MQW_API void mqw_session_lost(mqw_session *session);
/** The peer has lost the session, and what was published on older connections is to be sent again as new: it
 * waits, without DUP, with its identifier and in its order, and may expire as before. What is released is not
 * changed; drop it, for the peer has had it. */
MQW_API void mqw_session_renew(mqw_session *session);
/** Promises in all. */
MQW_API uint32_t mqw_session_promises(const mqw_session *session);
/** Promises that were published or released on some connection and not answered. */
MQW_API uint32_t mqw_session_inflight(const mqw_session *session);
/** The promises in their order: the one after `after`; NULL: the first one. */
MQW_API mqw_promise *mqw_session_each(const mqw_session *session, const mqw_promise *after);
/** Puts a promise back as it was exported: all of *was but `sent` and `held`. In rising sequence, before
 * anything is sent; `released` 0 of one that is released: after those before it. Neither max_promises nor the
 * 1,024 identifiers stand in its way. A record that may be older than what was sent (one of QoS 1 that is not
 * written again) is put back as MQW_PUBLISHED. MQW_E_MISUSE: out of order, identifier taken, or no such
 * promise can be; MQW_E_NO_MEMORY. */
MQW_API int mqw_session_restore(mqw_session *session, const mqw_promise *was);

/* --- Inbox ---------------------------------------------------------------------------------------------- */

/** A QoS 2 PUBLISH has come. 1: it is new, and now taken; 0: it was taken before, do not deliver it again
 * (MQTT-4.3.3-10); MQW_E_NO_MEMORY. */
MQW_API int mqw_session_receive(mqw_session *session, uint16_t packet_id);
/** Whether it is taken. */
MQW_API bool mqw_session_received(const mqw_session *session, uint16_t packet_id);
/** PUBREL has come (or PUBREC refused it): the identifier is free. 1; 0: it was not taken (PUBCOMP 0x92). */
MQW_API int mqw_session_release(mqw_session *session, uint16_t packet_id);
/** The identifiers taken, rising: the next after `after` (0: from the start); 0: no more. */
MQW_API uint16_t mqw_session_each_received(const mqw_session *session, uint16_t after);

#ifdef __cplusplus
}
#endif
#endif
