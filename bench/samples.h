// SPDX-License-Identifier: MIT
// What is measured: packets that differ, back to back in memory, written here byte by byte by neither of the
// two sides.
#ifndef MQW_BENCH_SAMPLES_H
#define MQW_BENCH_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

enum {
    SAMPLES = 256, /**< Packets of one kind. */
    TOPIC_LEN = 20,
    PAYLOAD_LEN = 64,
    CONTENT_TYPE_LEN = 16,
    CORRELATION_LEN = 12
};

/** Where a field lies. */
typedef struct span {
    const uint8_t *data;
    size_t len;
} span;

/** A packet on the wire, and its fields where they lie in it. */
typedef struct sample {
    span wire;
    span topic;
    span payload;
    span content_type;
    span response_topic;
    span correlation_data;
    uint32_t message_expiry;
    uint16_t packet_id;
} sample;

/** SAMPLES packets of one kind, one behind the other. */
typedef struct sample_set {
    sample items[SAMPLES];
    uint8_t bytes[SAMPLES * 512];
    size_t len;
} sample_set;

/** A random number generator: what it gives depends on where it starts alone. */
uint32_t sample_random(uint32_t *state);

/** @name Sets. All but the mixed one: topics of TOPIC_LEN and payloads of PAYLOAD_LEN bytes. */
/**@{*/
void sample_publish(sample_set *set); /**< PUBLISH of 3.1.1, QoS 0. */
void sample_publish_mixed(
    sample_set *set); /**< The same, QoS 0 to 2, topics of 5 to 60 and payloads of 0 to 300 bytes. */
void sample_publish5(
    sample_set *set); /**< PUBLISH of 5.0: expiry, content type, response topic, correlation data. */
void sample_connect(sample_set *set); /**< CONNECT of 3.1.1: client identifier, will, user name, password. */
void sample_puback(sample_set *set);  /**< PUBACK of 3.1.1. */
/**@}*/

#endif
