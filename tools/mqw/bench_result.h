// SPDX-License-Identifier: MIT
// What a run came to, figure by figure.
#ifndef MQW_BENCH_RESULT_H
#define MQW_BENCH_RESULT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef enum bench_unit {
    UNIT_COUNT,
    UNIT_RATE,
    UNIT_BYTES,
    UNIT_BYTE_RATE,
    UNIT_SECONDS,
    UNIT_PERCENT
} bench_unit;

// Name; name in JSON; unit; 1: more is better, -1: less is; words.
#define BENCH_FIGURES(X)                                                      \
    X(DELIVER_RATE, deliver_rate, RATE, 1, "delivered a second")              \
    X(PUBLISH_RATE, publish_rate, RATE, 1, "published a second")              \
    X(PAYLOAD_RATE, payload_rate, BYTE_RATE, 1, "payload delivered")          \
    X(SECONDS, seconds, SECONDS, 0, "measured for")                           \
    X(PUBLISHED, published, COUNT, 0, "published in all")                     \
    X(DELIVERED, delivered, COUNT, 0, "delivered in all")                     \
    X(LOST, lost, COUNT, -1, "lost")                                          \
    X(DUPLICATES, duplicates, COUNT, -1, "duplicates")                        \
    X(REORDERED, reordered, COUNT, -1, "out of order")                        \
    X(CORRUPT, corrupt, COUNT, -1, "changed")                                 \
    X(STRANGE, strange, COUNT, -1, "misdirected")                             \
    X(REFUSED, refused, COUNT, -1, "refused")                                 \
    X(LATENCY_MIN, latency_min, SECONDS, -1, "latency, least")                \
    X(LATENCY_P50, latency_p50, SECONDS, -1, "latency, 50 %")                 \
    X(LATENCY_P90, latency_p90, SECONDS, -1, "latency, 90 %")                 \
    X(LATENCY_P99, latency_p99, SECONDS, -1, "latency, 99 %")                 \
    X(LATENCY_P999, latency_p999, SECONDS, -1, "latency, 99.9 %")             \
    X(LATENCY_MAX, latency_max, SECONDS, -1, "latency, most")                 \
    X(LATE_P99, late_p99, SECONDS, 0, "sent behind plan, 99 %")               \
    X(CONNECTIONS, connections, COUNT, 0, "connections")                      \
    X(CONNECT_RATE, connect_rate, RATE, 1, "connected a second")              \
    X(CONNECT_P50, connect_p50, SECONDS, -1, "connecting, 50 %")              \
    X(CONNECT_P99, connect_p99, SECONDS, -1, "connecting, 99 %")              \
    X(CONNECT_CPU, connect_cpu, SECONDS, -1, "broker's time for each")        \
    X(CONNECT_BYTES, connect_bytes, BYTES, -1, "broker's memory for each")    \
    X(STORE_RATE, store_rate, RATE, 1, "retained a second")                   \
    X(STORE_BYTES, store_bytes, BYTES, -1, "broker's memory for each")        \
    X(FEED_RATE, feed_rate, RATE, 1, "given to a subscriber a second")        \
    X(BROKER_CPU, broker_cpu, SECONDS, -1, "processor time, broker")          \
    X(BROKER_COST, broker_cost, SECONDS, -1, "of it for a million delivered") \
    X(BROKER_LOAD, broker_load, PERCENT, 0, "of a processor, broker")         \
    X(BROKER_MEMORY, broker_memory, BYTES, -1, "memory, broker")              \
    X(OWN_CPU, own_cpu, SECONDS, 0, "processor time, load")                   \
    X(OWN_LOAD, own_load, PERCENT, 0, "of a processor, load")

typedef enum bench_figure {
#define X(NAME, name, UNIT, better, words) FIGURE_##NAME,
    BENCH_FIGURES(X)
#undef X
        FIGURE_COUNT
} bench_figure;

typedef struct bench_figure_row {
    const char *name;
    bench_unit unit;
    int better;
    const char *words;
} bench_figure_row;

extern const bench_figure_row bench_figures[FIGURE_COUNT];

enum { RESULT_WHY = 200 };

typedef struct bench_result {
    double value[FIGURE_COUNT];
    bool has[FIGURE_COUNT];
    int status; // exit code
    char why[RESULT_WHY];
} bench_result;

void result_set(bench_result *result, bench_figure figure, double value);
// The median of each figure of several runs; what went wrong is of the worst.
bench_result result_median(const bench_result *runs, uint32_t count);
// How many times each figure of `a` is that of `b`, where both have it.
void result_divide(bench_result *out, const bench_result *a, const bench_result *b);
// A value as people read it: 1,234,567/s, 12.3 MB, 36 us.
const char *result_show(bench_unit unit, double value, char *room, size_t cap);

#endif
