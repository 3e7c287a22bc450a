// SPDX-License-Identifier: MIT
// The hand-written limit: what a good C programmer writes for one packet each, with its checks, nothing
// around it.
#ifndef MQW_BENCH_LIMIT_H
#define MQW_BENCH_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Bytes of somebody else. */
typedef struct limit_view {
    const uint8_t *data;
    size_t len;
} limit_view;

/** PUBLISH of 3.1.1. */
typedef struct limit_publish {
    limit_view topic;
    limit_view payload;
    uint16_t packet_id;
    uint8_t qos;
    bool retain;
    bool dup;
} limit_publish;

/** Bit n stands for property n. */
#define LIMIT_HAS(id) (UINT64_C(1) << (id))

/** The properties of a PUBLISH of 5.0. Lists (user properties, subscription identifiers) stay in wire form.
 */
typedef struct limit_props {
    uint64_t has;
    uint32_t message_expiry;
    uint16_t topic_alias;
    uint8_t payload_format;
    limit_view content_type;
    limit_view response_topic;
    limit_view correlation_data;
    limit_view wire; /**< All of them, for the lists. */
} limit_props;

/** PUBLISH of 5.0. */
typedef struct limit_publish5 {
    limit_publish base;
    limit_props props;
} limit_publish5;

/** CONNECT of 3.1.1. */
typedef struct limit_connect {
    limit_view client_id;
    limit_view will_topic;
    limit_view will_payload;
    limit_view username;
    limit_view password;
    uint16_t keep_alive;
    uint8_t flags;
} limit_connect;

/** PUBACK. */
typedef struct limit_ack {
    uint16_t packet_id;
    uint8_t reason;
} limit_ack;

/** A stream of PUBLISH packets of 3.1.1, cut anywhere. */
typedef struct limit_stream {
    size_t have; /**< Bytes in `stash`: the beginning of a packet. */
    uint8_t stash[4096];
} limit_stream;

/** @name Decoders: bytes that the packet takes, 0 when it is not all there, -1 when it is not valid. */
/**@{*/
int limit_publish_decode(limit_view in, limit_publish *out);
int limit_publish5_decode(limit_view in, limit_publish5 *out);
int limit_connect_decode(limit_view in, limit_connect *out);
/** Bare: nothing is looked at but whether it is all there. */
int limit_puback_decode(limit_view in, limit_ack *out);
/**@}*/

/** @name Encoders: bytes written, -1 when the packet is not valid or does not fit. */
/**@{*/
int limit_publish_encode(const limit_publish *packet, uint8_t *room, size_t cap);
int limit_publish5_encode(const limit_publish5 *packet, uint8_t *room, size_t cap);
/**@}*/

/** Takes bytes off the front of `in`: 1: the next packet, 0: `in` is used up, -1: a packet is not valid. */
int limit_stream_next(limit_stream *stream, limit_view *in, limit_publish *out);

#endif
