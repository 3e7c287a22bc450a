// SPDX-License-Identifier: MIT
// Verifies each message that comes: whose it is, whether it is whole, and whether it is lost, doubled or out
// of order.
#ifndef MQW_BENCH_VERIFY_H
#define MQW_BENCH_VERIFY_H

#include <mqwire/packet.h>

#include "bench_gaps.h"
#include "bench_plan.h"

// What came, all receivers together.
typedef struct bench_tally {
    uint64_t delivered; // each message counts once for each of its receivers
    uint64_t missing;   // passed over, and not come so far
    uint64_t duplicates;
    uint64_t reordered;
    uint64_t corrupt; // another payload, QoS or retain flag than it should have
    uint64_t strange; // under a topic that is not its own, or at somebody who has not subscribed to it
} bench_tally;

// Who hears messages: a subscriber, or a group of them.
typedef struct bench_receiver {
    uint64_t *next;   // by slot: the number that should come next
    bench_gaps *gaps; // by slot; NULL: nothing was passed over so far
    uint32_t class;
} bench_receiver;

typedef struct bench_verify {
    const bench_plan *plan;
    bench_receiver *receivers;
    uint64_t *
        *last; // by member of a group and slot: one behind the highest number that came; NULL: no groups
    bench_tally tally;
    uint32_t middle; // bytes of a large payload that are not compared, from PART on
    bool retained;   // messages come because they were retained
} bench_verify;

// False: no memory, which was said. verify_free is due in any case.
bool verify_make(bench_verify *verify, const bench_plan *plan);
void verify_free(bench_verify *verify);

// Takes a message that came to a subscriber. True: it is one of ours, and whole; *number and *sent are then
// what its head says.
bool verify_take(bench_verify *verify, uint32_t member, const mqw_publish *publish, uint64_t *number,
                 uint64_t *sent);

// The head of a payload: stream and number, and the time at which it was sent.
void verify_head(uint8_t head[PLAN_HEAD], uint32_t stream, uint64_t number, uint64_t sent);

#endif
