// SPDX-License-Identifier: MIT
// A connection that publishes: prepared packets, of which only stream, number and time change.
#ifndef MQW_BENCH_PUBLISHER_H
#define MQW_BENCH_PUBLISHER_H

#include "bench_peer.h"

// What all publishers count together.
typedef struct bench_sent {
    uint64_t sent;
    uint64_t expected; // deliveries that these should come to
    uint64_t ended;    // of QoS 1 and 2: acknowledged
    uint64_t refused;  // of these, with a reason of 0x80 and above
    uint64_t unknown;  // acknowledgements for what was not on its way
} bench_sent;

typedef struct bench_publisher {
    bench_peer peer;
    bench_sent *all;
    uint32_t stream; // of the next message
    uint64_t number; // of it
    uint64_t sent;
    uint64_t due; // at a fixed rate: so many should have been sent
    uint64_t ended;
    uint32_t window; // QoS 1 and 2
    uint16_t next_id;
    bool retain;
    bool empty;         // payloads, which removes what was retained
    uint8_t *flying;    // by packet identifier, a bit each
    uint8_t *image;     // the packet
    uint32_t image_len; // without the payload when that is sent by reference
    uint32_t id_at;
    uint32_t payload_at;
    struct bench_block *blocks;                               // large payloads that are free
    void (*on_room)(struct bench_publisher *self, void *ctx); // a part of the window is free
    void (*on_answer)(void *ctx);                             // PINGRESP
    void *ctx;
} bench_publisher;

bool publisher_make(bench_publisher *self, bench_crew *crew, uint32_t index, bench_sent *all);
void publisher_free(bench_publisher *self);
// Publishes up to `most` messages, as many as window and socket take, which say that they were sent at
// `when`. Returns how many.
uint64_t publisher_send(bench_publisher *self, uint64_t most, uint64_t when);
// Begins with number 0 again, with empty payloads.
void publisher_rewind(bench_publisher *self);

#endif
