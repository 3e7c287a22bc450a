// SPDX-License-Identifier: MIT
// What the rooms of a peer share: the way from CONNECT to CONNACK, authentication, decisions that wait.
#ifndef MQW_BROKER_AFFAIRS_H
#define MQW_BROKER_AFFAIRS_H

#include "inside.h"

typedef struct mqw__filters mqw__filters; /**< A SUBSCRIBE under way: subscribe.c's own. */
/** Bytes and packets a second, with bursts of a second: limits.c's own. */
typedef struct mqw__bucket mqw__bucket;

/** What few peers need. It goes when nothing of it is needed any more. */
struct mqw__affairs {
    mqw_peer *peer;
    mqw_broker_limits *limits; /**< Of its own, until its session has them; NULL: those of the broker. */
    char *mount, *id;          /**< Blocks of their own; NULL: none, and the one that CONNECT has. */
    uint16_t mount_len, id_len;
    mqw_packet *packet;    /**< What waits, a copy: CONNECT, PUBLISH or SUBSCRIBE. */
    mqw__filters *filters; /**< With SUBSCRIBE. */
    mqw__bucket *bucket;   /**< NULL: no rate is limited. */
    mqw_ticket *ticket;    /**< Who has been asked; NULL: nobody, or it is decided. */
    mqw_packet *answer;    /**< What the decision says besides, as the properties of a DISCONNECT. */
    mqw_auth auth;         /**< Has succeeded, or is the one of CONNECT; `step` NULL: none. */
    mqw_auth again;        /**< A re-authentication under way. */
    mqw_bytes last_word;   /**< Authentication data for CONNACK. */
    mqw__deadline decide_due, auth_due;
    uint16_t packet_id; /**< Of the PUBLISH that waits, as it came … */
    uint8_t qos;        /**< … with its QoS. */
    uint8_t verdict;
    bool decided; /**< There is a verdict. */
    bool arrived; /**< `packet` is a CONNECT that came with the connection. */
};

static inline mqw__bucket *mqw__bucket_of(const mqw_peer *peer)
{
    return peer->affairs ? peer->affairs->bucket : NULL;
}

// peer.c

/** Its affairs, made when they are needed. NULL: no memory. */
mqw__affairs *mqw__affairs_of(mqw_peer *peer);
/** Frees what is not needed any more. */
void mqw__affairs_tidy(mqw_peer *peer);
/** Takes copies of texts; NULL: no memory (or the text is empty). */
char *mqw__copy_text(mqw_broker *broker, mqw_text text);
/** The limits that hold for it. */
const mqw_broker_limits *mqw__peer_bounds(const mqw_peer *peer);
/** It has ended: it leaves its session, with its will, and hooks are told; once. Frees no peer, but perhaps
 * the session. */
void mqw__peer_leave(mqw_peer *peer);
/** It is not let in: CONNACK with `reason` and what a decision says besides. */
void mqw__peer_refuse(mqw_peer *peer, uint8_t reason, const char *words);
/** What its program has to say besides, put into an answer of `type`. */
void mqw__peer_explain(const mqw_peer *peer, int type, mqw_props *props);
/** `reason` if a server may say it in a packet of `type`, else `other`. */
uint8_t mqw__reason_in(int type, int reason, uint8_t other);

static inline uint8_t mqw__limits_qos(const mqw_broker_limits *limits)
{
    return limits->max_qos == 0 ? 2 : limits->max_qos == UINT8_MAX ? 0 : limits->max_qos;
}

static inline bool mqw__peer_is_in(const mqw_peer *peer)
{
    return peer->stand == MQW__ADMITTED || peer->stand == MQW__WELCOME;
}

// peers.c

void mqw__peer_keep_name(mqw_peer *peer);

// connect.c

void mqw__peer_connect(mqw_peer *peer, const mqw_connect *connect);
/** Whether its clients may not publish to this topic: that of the broker itself; behind a mount point any
 * that begins with `$`, which other clients there would not expect (MQTT-4.7.2-1). */
bool mqw__topic_is_taken(const mqw_peer *peer, mqw_text topic);
/** Authentication has succeeded, or there is none: on_connect is asked. */
void mqw__peer_may_connect(mqw_peer *peer, const mqw_connect *connect);
/** The decision of on_connect. */
void mqw__peer_judge(mqw_peer *peer, const mqw_connect *connect, int verdict);

// admit.c

/** Lets it in: session, will, CONNACK. */
void mqw__peer_admit(mqw_peer *peer, const mqw_connect *connect);

// authenticate.c

/** CONNECT names a method. True: it is done, on_connect may be asked; false: it goes on, or has failed. */
bool mqw__authenticate_begin(mqw_peer *peer, const mqw_connect *connect);
void mqw__authenticate_next(mqw_peer *peer, const mqw_disconnect *auth);
/** The peer is gone. */
void mqw__authenticate_end(mqw_peer *peer);

// wills.c

/** Publishes a will whose delay is over, although its deadline has not fired yet. */
void mqw__will_overdue(mqw__session *session);
/** Frees a will that is no session's any more. NULL is fine. */
void mqw__will_drop(mqw__will *will);

// incoming.c

void mqw__incoming_publish(mqw_peer *peer, const mqw_packet *packet);
void mqw__incoming_pubrel(mqw_peer *peer, const mqw_ack *ack);
/** The decision about the PUBLISH that waits. */
void mqw__incoming_judge(mqw_peer *peer, const mqw_publish *publish, int verdict);

// subscribe.c

void mqw__peer_subscribe(mqw_peer *peer, const mqw_subscribe *subscribe);
void mqw__peer_unsubscribe(mqw_peer *peer, const mqw_subscribe *unsubscribe);
/** The decision about the filter that waits. */
void mqw__filters_judge(mqw_peer *peer, int verdict);
void mqw__filters_free(mqw_peer *peer);

// decide.c

/** What a hook is asked about: CONNECT, PUBLISH or SUBSCRIBE. */
typedef struct mqw__question {
    mqw_peer *peer;
    const void *body; /**< The member of mqw_packet for `type`. */
    int type;
    mqw_ticket *ticket; /**< The hook has deferred it. */
    bool copied;        /**< And the packet was copied for that. */
} mqw__question;

/** A hook is about to be asked. */
void mqw__question_begin(mqw__question *question, mqw_peer *peer, int type, const void *body);
/** It has answered `answer`: 0 or a reason code, or MQW_LATER when that is true. The peer may have ended. */
int mqw__question_end(mqw__question *question, int answer);
/** What a hook, or the program later, has answered: what is neither yes nor a reason why not is no. */
int mqw__verdict_of(int answer);
/** The peer's decision has been made: it goes on. */
void mqw__decided(mqw_peer *peer);
/** What was kept for decisions goes when none is waited for, and the peer is read again. */
void mqw__decide_settle(mqw_peer *peer);
/** Nobody waits for a decision any more. */
void mqw__decide_end(mqw_peer *peer);

// mount.c

/** Puts a mount point before a topic, into room of 65,535 bytes; leaves it as it is when there is none.
 * False: it is too long. */
bool mqw__mount_join(mqw_text mount, mqw_text *topic, char *room);
/** The same with a filter: behind `$share/name/`. */
bool mqw__mount_filter(mqw_text mount, mqw_text *filter, char *room);
/** Levels of a topic. */
size_t mqw__levels(mqw_text topic);

#endif
