// SPDX-License-Identifier: MIT
// A client's session (section 4.1), connected or not.
#ifndef MQW_BROKER_SESSION_H
#define MQW_BROKER_SESSION_H

#include "letter.h"
#include "mqwire/session.h"
#include "subscriptions.h"
#include "table.h"
#include "transport/wheel.h"

typedef struct mqw__will mqw__will;
typedef struct mqw__waiting
    mqw__waiting;                   /**< QoS 0 messages that wait for room in the output: outgoing.c's own. */
typedef struct mqw__feed mqw__feed; /**< Retained messages that are still to be sent: outgoing.c's own. */

/** The time that a session has without a connection. */
typedef struct mqw__lease {
    mqw__deadline due;
    mqw__session *session;
    uint64_t ends_at; /**< Wall clock; UINT64_MAX: it is connected, or has no end. */
} mqw__lease;

struct mqw__session {
    mqw__entry entry; /**< Of the table: by client identifier. */
    mqw_broker *broker;
    mqw_peer *peer;         /**< Its connection; NULL: none. */
    mqw_session *promises;  /**< QoS 1 and 2, both ways; made when it is needed (mqw__session_promises). */
    mqw__waiting *waiting;  /**< NULL: none. */
    mqw__feed *feed;        /**< NULL: none. */
    mqw__will *will;        /**< NULL: none. */
    mqw_broker_limits *own; /**< Limits of its own; NULL: those of the broker. */
    mqw__subscription *subscriptions;
    void *kept;        /**< durable.c's; NULL: it is not in the store. */
    mqw__lease *lease; /**< When it expires; NULL: never, or with its connection. */
    uint64_t number;   /**< Names it for good, in the store too; never 0, never used again. */
    uint64_t mark; /**< Serial number of the message that was matched last, for overlapping subscriptions. */
    uint64_t queued_bytes;
    uint32_t queued; /**< Promises, and QoS 0 that wait. */
    uint32_t subscription_count;
    uint32_t expiry;  /**< Seconds after the connection; 0: it ends with it; UINT32_MAX: never. */
    uint32_t mark_at; /**< Where its delivery stands, with `mark`. */
    uint8_t version;  /**< Of its last connection. */
    bool entered : 1; /**< It is in the table. */
    bool doomed : 1;  /**< It ends with its connection, or on the next turn. */
    bool durable : 1; /**< It is in the store: kept beyond its connection, and there is a store. */
    bool pushed : 1;  /**< Its promises are being sent: not again by what a hook does. */
    uint16_t mount_len;
    uint16_t id_len;
    char text[]; /**< Client identifier, then mount point. */
};

static inline mqw_text mqw__session_id(const mqw__session *session)
{
    return (mqw_text){session->text, session->id_len};
}

/** When it expires, by the wall clock; UINT64_MAX: never, or it is connected. */
static inline uint64_t mqw__session_ends_at(const mqw__session *session)
{
    return session->lease ? session->lease->ends_at : UINT64_MAX;
}

static inline mqw_text mqw__session_mount(const mqw__session *session)
{
    return (mqw_text){session->text + session->id_len, session->mount_len};
}

/** A session that is not in the table yet when it is made. `number` 0: a new one. NULL: no memory. */
mqw__session *mqw__session_new(mqw_broker *broker, mqw_text mount, mqw_text id, uint64_t number);
/** Puts it into the table. 0, MQW_E_FULL (max_sessions) or MQW_E_NO_MEMORY. */
int mqw__session_enter(mqw__session *session);
/** By client identifier (and mount point: clients of different mounts do not meet); NULL: none. */
mqw__session *mqw__session_find(mqw_broker *broker, mqw_text mount, mqw_text id);
/** The next of all; `after` NULL: the first. The table may not change in between. */
mqw__session *mqw__session_each(mqw_broker *broker, const mqw__session *after);
/** Its QoS 1 and 2 state, made when it is needed. NULL: no memory. */
mqw_session *mqw__session_promises(mqw__session *session);
/** Its limits. */
const mqw_broker_limits *mqw__session_limits(const mqw__session *session);
/** Ends its state and frees it: subscriptions, promises (told as dropped), what waits, its records. Its will
 * was seen to before. */
void mqw__session_end(mqw__session *session);
/** Its connection is gone: it ends now, or its expiry begins. */
void mqw__session_left(mqw__session *session);
/** It is not connected, and ends at this time of the wall clock (UINT64_MAX: never). */
void mqw__session_left_at(mqw__session *session, uint64_t ends_at);
/** Makes room for the time of its end, if it has one. 0 or MQW_E_NO_MEMORY. */
int mqw__session_lease(mqw__session *session);
/** It is connected: its time does not run. */
void mqw__session_stays(mqw__session *session);
/** Whether its time has come, although it is still there. */
bool mqw__session_is_over(const mqw__session *session);
/** It ends, on the next turn, whatever its expiry. A connection is ended by the caller. */
void mqw__session_doom(mqw__session *session);
/** The session of this client identifier behind any mount point: the next after `after`; NULL: the first. */
mqw__session *mqw__session_named(const mqw_broker *broker, mqw_text id, const mqw__session *after);
/** Subscriptions are put on the session's list when they are new, and taken off before they are removed. */
void mqw__session_subscribed(mqw__session *session, mqw__subscription *subscription);
void mqw__session_unsubscribed(mqw__session *session, mqw__subscription *subscription);
/** Frees the memory of all sessions without telling anybody: the broker ends. */
void mqw__sessions_free(mqw_broker *broker);

#endif
