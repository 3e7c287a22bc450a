// SPDX-License-Identifier: MIT
// A connection that subscribes, and gives what comes to the verifier.
#ifndef MQW_BENCH_MEMBER_H
#define MQW_BENCH_MEMBER_H

#include "bench_histogram.h"
#include "bench_peer.h"
#include "bench_verify.h"

// What all subscribers share.
typedef struct bench_audience {
    bench_verify verify;
    bench_histogram latency;
    uint64_t began;  // messages that were sent from then …
    uint64_t ended;  // … to then are measured
    uint32_t sample; // one of so many is measured: a power of two, less 1
} bench_audience;

typedef struct bench_member {
    bench_peer peer;
    bench_audience *audience;
    uint32_t asked; // filters
    bool idle;      // subscribes to a topic of its own, or to none
} bench_member;

bool member_make(bench_member *self, bench_crew *crew, uint32_t index, bench_audience *audience);
// Before 5.0, when it has gone: connects once more, so that the broker forgets its session.
bool member_forget(bench_member *self);
// One that hears nothing; `subscribed`: with a subscription.
bool member_make_idle(bench_member *self, bench_crew *crew, uint32_t index, bool subscribed);

#endif
