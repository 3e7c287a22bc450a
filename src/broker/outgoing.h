// SPDX-License-Identifier: MIT
// What the rooms that send for a session share: outgoing.c, waiting.c, feed.c.
#ifndef MQW_BROKER_OUTGOING_H
#define MQW_BROKER_OUTGOING_H

#include "inside.h"

static inline const mqw_broker_limits *mqw__limits_of(const mqw__session *session)
{
    return session->own ? session->own : &session->broker->options.limits;
}

static inline mqw_conn *mqw__conn_of(const mqw__session *session)
{
    return session->peer ? session->peer->conn : NULL;
}

/** Whether it may be written more to the output of this client. */
static inline bool mqw__output_takes(const mqw__session *session, const mqw_conn *conn)
{
    return mqw_conn_waiting(conn) < mqw__limits_of(session)->max_output;
}

/** The topic as the client sees it. */
static inline mqw_text mqw__unmounted(const mqw__session *session, mqw_text topic)
{
    return (mqw_text){topic.data + session->mount_len, topic.len - session->mount_len};
}

// outgoing.c

/** Promises a message of QoS 1 or 2, without sending it. Result as mqw__outgoing_give. */
int mqw__outgoing_owe(mqw__session *session, mqw__post *post, const mqw__terms *terms);
/** Sends promises. */
void mqw__outgoing_push(mqw__session *session, mqw_conn *conn);
/** One of QoS 0 into the output. Result of mqw_conn_forward. */
int mqw__outgoing_pass(mqw__session *session, mqw_conn *conn, const mqw__post *post, const mqw__terms *terms);
/** What waits behind a refusal that is nobody's fault is tried again soon. */
void mqw__outgoing_retry(mqw__session *session);
/** Whether the hook lets the client have it; else it is dropped. */
bool mqw__outgoing_may(mqw__session *session, const mqw_publish *publish);
/** Counts and tells that it was delivered. */
void mqw__outgoing_delivered(mqw__session *session, const mqw_publish *publish, uint8_t qos, bool retain);
void mqw__outgoing_dropped(mqw__session *session, mqw__letter *letter, mqw_drop why);
/** A promise ends: its record, its place in the counts. Its delivery is the caller's to free. */
mqw__delivery *mqw__outgoing_end(mqw__session *session, mqw_promise *promise);

// waiting.c

/** A delivery of a session's queue. NULL: no memory. */
mqw__delivery *mqw__waiting_new(mqw__session *session, mqw__letter *letter, const mqw__terms *terms);
void mqw__waiting_free(mqw__session *session, mqw__delivery *delivery);
/** Whether the queue has room for one more, for which waiting QoS 0 may have to give way. 0, or why not. */
int mqw__waiting_room(mqw__session *session, size_t size);
/** The same without giving way to it. */
bool mqw__waiting_has_room(const mqw__session *session, size_t size);
bool mqw__waiting_any(const mqw__session *session);
/** One of QoS 0 waits. Result as mqw__outgoing_give. */
int mqw__waiting_add(mqw__session *session, mqw__post *post, const mqw__terms *terms);
/** Sends those that wait. */
void mqw__waiting_go_on(mqw__session *session, mqw_conn *conn);
/** Sets the time at which something that waits expires. */
void mqw__waiting_settle(mqw__session *session);
/** Calls mqw__outgoing_go_on in so many milliseconds. False: no memory. */
bool mqw__waiting_again(mqw__session *session, uint32_t after);
/** Drops all of QoS 0, and tells so. */
void mqw__waiting_drop(mqw__session *session);
/** Frees it all, without a word. */
void mqw__waiting_end(mqw__session *session);

// feed.c

/** Sends retained messages. */
void mqw__feeds_go_on(mqw__session *session, mqw_conn *conn);
/** A message is about to be given to the session: what is retained on its topic, comes from the same
 * publisher and was not fed yet goes before it (MQTT-4.6.0-5). */
void mqw__feeds_hurry(mqw__session *session, const mqw__post *post);
void mqw__feeds_end(mqw__session *session);

#endif
