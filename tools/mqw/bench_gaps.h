// SPDX-License-Identifier: MIT
// Numbers of messages that were passed over and may still come: ranges in ascending order.
#ifndef MQW_BENCH_GAPS_H
#define MQW_BENCH_GAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct bench_range {
    uint64_t from;
    uint64_t to; // the one behind the last
} bench_range;

typedef struct bench_gaps {
    bench_range *ranges;
    size_t first; // in front of it all are filled
    size_t count; // up to here
    size_t room;
} bench_gaps;

// `from` up to `to` were passed over; all numbers are above those of earlier calls. When there is no room the
// oldest are forgotten: what comes of them later counts as a duplicate.
void gaps_open(bench_gaps *gaps, uint64_t from, uint64_t to);
// Fills a number in. False: it was not missing.
bool gaps_fill(bench_gaps *gaps, uint64_t number);
void gaps_free(bench_gaps *gaps);

#endif
