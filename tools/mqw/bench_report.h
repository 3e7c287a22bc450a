// SPDX-License-Identifier: MIT
// What a bench prints: a table for people, or one JSON object.
#ifndef MQW_BENCH_REPORT_H
#define MQW_BENCH_REPORT_H

#include "bench_result.h"
#include "options.h"

// One broker.
void report_one(const tool_settings *settings, const bench_result *result);
// Two, next to each other: `ratio` is the median of the second one's figures to the first one's in each
// round.
void report_two(const tool_settings *settings, const bench_result results[2], const bench_result *ratio);

#endif
