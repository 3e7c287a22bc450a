// SPDX-License-Identifier: MIT
// An application message on its way (a post), and one that is kept for somebody (a letter): immutable,
// counted, stored once whatever the number of its receivers.
#ifndef MQW_BROKER_LETTER_H
#define MQW_BROKER_LETTER_H

#include "mqwire/broker.h"

/** A block that a connection has received, in which a payload lies. */
typedef struct mqw__taken mqw__taken;

/** One block: this, then topic, properties, payload (unless that lies in a block that was taken). */
typedef struct mqw__letter {
    mqw_shared shared; /**< bytes: the payload. Its references are the letter's. */
    mqw_broker *broker;
    mqw__taken *taken;  /**< NULL: the payload is behind the properties. */
    uint64_t expires;   /**< Wall clock, milliseconds; UINT64_MAX: never. */
    uint64_t stored;    /**< durable.c's: number of its record in the store; 0: none. */
    uint64_t from;      /**< Number of the session that published it (No Local); 0: none. */
    uint64_t retained;  /**< Rises with each message that is retained; 0: it was not, or before a restart. */
    uint32_t size;      /**< Of this block. */
    uint32_t holds;     /**< durable.c's: records that refer to its record. */
    uint32_t props_len; /**< Properties that are forwarded, in wire form, behind the topic. */
    uint16_t topic_len;
    uint8_t qos; /**< As it was published. */
    bool retain; /**< As it was published. */
    char topic[];
} mqw__letter;

enum { MQW__POST_ROOM = 256 };

/** A message that passes through: views that live as long as the call. It becomes a letter when somebody has
 * to keep it, at most once. */
typedef struct mqw__post {
    mqw_broker *broker;
    const mqw_publish *publish; /**< Topic with the mount point; no alias. */
    mqw_bytes props;            /**< Properties that are forwarded (MQTT-3.3.2-4 …), in wire form. */
    uint64_t expires;           /**< Wall clock; UINT64_MAX: never. */
    int64_t left;               /**< Seconds until then; negative: never. */
    uint64_t from;              /**< Number of the session that published it; 0: none. */
    mqw_text from_id;           /**< Its client identifier; empty: none. */
    mqw_conn *conn;             /**< It was received here, last (mqw_conn_take); NULL: elsewhere. */
    mqw__letter *letter;        /**< NULL: nobody keeps it yet. */
    mqw__taken *taken;          /**< letter.c's: the block in which *publish lies, when it was taken. */
    uint8_t *block;             /**< Where many properties are; NULL: in `room`, or there are none. */
    uint32_t block_size;
    uint8_t room[MQW__POST_ROOM];
} mqw__post;

/** Prepares a post: all of *post is set, with nobody as its publisher and no connection. `publish` lives
 * until mqw__post_end, which is to be called. 0; MQW_E_NO_MEMORY or MQW_E_MISUSE (a property that may not
 * be): there is nothing to end. */
int mqw__post_begin(mqw_broker *broker, mqw__post *post, const mqw_publish *publish);
/** The same of a letter that is given out again; `room` is filled in. */
void mqw__post_of(mqw__post *post, mqw_publish *room, mqw__letter *letter);
/** Seconds until then (MQTT-3.3.2-6), the last one begun counted whole; -1: it is never. */
int64_t mqw__seconds_left(const mqw_broker *broker, uint64_t expires);
/** Its letter, made the first time; a reference for the caller. NULL: no memory, or max_memory is reached. */
mqw__letter *mqw__post_keep(mqw_broker *broker, mqw__post *post);
/** The post's own reference goes. */
void mqw__post_end(mqw__post *post);
/** Bytes that it takes of the bounds of a queue: topic, properties, payload. */
static inline size_t mqw__post_size(const mqw__post *post)
{
    return post->publish->topic.len + post->props.len + post->publish->payload.len;
}

/** A letter of parts, as a store has them. NULL: no memory. */
mqw__letter *mqw__letter_new(mqw_broker *broker, mqw_text topic, mqw_bytes props, mqw_bytes payload,
                             uint64_t expires, uint8_t qos, bool retain, uint64_t from);
static inline mqw__letter *mqw__letter_keep(mqw__letter *letter)
{
    letter->shared.refs++;
    return letter;
}
/** Drops a reference; the last one frees it. NULL is fine. */
void mqw__letter_drop(mqw__letter *letter);
/** Bytes that it takes of the bounds of a queue: topic, properties, payload. */
static inline size_t mqw__letter_size(const mqw__letter *letter)
{
    return letter->topic_len + letter->props_len + letter->shared.bytes.len;
}
static inline mqw_text mqw__letter_topic(const mqw__letter *letter)
{
    return (mqw_text){letter->topic, letter->topic_len};
}
static inline mqw_bytes mqw__letter_props(const mqw__letter *letter)
{
    return (mqw_bytes){(const uint8_t *)letter->topic + letter->topic_len, letter->props_len};
}
/** The whole as a packet, views into it, without its expiry: for hooks and handlers. */
void mqw__letter_read(const mqw__letter *letter, mqw_publish *out);

#endif
