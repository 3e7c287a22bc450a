// SPDX-License-Identifier: MIT
// Measures two ways to do the same in turn, and prints the table.
#ifndef MQW_BENCH_MEASURE_H
#define MQW_BENCH_MEASURE_H

#include <stddef.h>
#include <stdint.h>

/** Does `packets` packets of what `arg` holds and returns a checksum of the results. */
typedef uint64_t measure_fn(void *arg, uint32_t packets);

/** One row: two sides that must come to the same checksum. */
typedef struct measure_case {
    const char *name;
    double target; /**< Highest ratio of ours to the limit; 0: none was set. */
    measure_fn *ours;
    measure_fn *limit;
    void *arg;
} measure_case;

/** Processor time of this thread in nanoseconds. */
uint64_t measure_thread_ns(void);
/** Time of a clock on the wall in nanoseconds. */
uint64_t measure_wall_ns(void);

/** The value in the middle; sorts. */
double measure_median(double *values, size_t count);

/** Measures the cases whose name contains `only` (NULL: all) and prints a line each. Returns how many went
 * wrong. */
int measure_cases(const measure_case *cases, size_t count, const char *only);

#endif
