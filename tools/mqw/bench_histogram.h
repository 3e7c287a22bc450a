// SPDX-License-Identifier: MIT
// Durations by how often they came, within 2 % of each, whatever their size: for percentiles.
#ifndef MQW_BENCH_HISTOGRAM_H
#define MQW_BENCH_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_FINE = 64, HISTOGRAM_CELLS = HISTOGRAM_FINE * 58 };

typedef struct bench_histogram {
    uint64_t count;
    uint64_t least;
    uint64_t most;
    uint64_t cells[HISTOGRAM_CELLS];
} bench_histogram;

void histogram_clear(bench_histogram *histogram);
void histogram_add(bench_histogram *histogram, uint64_t ns);
// What `part` (0 to 1) of the durations do not pass; 0 when there are none.
uint64_t histogram_at(const bench_histogram *histogram, double part);

#endif
