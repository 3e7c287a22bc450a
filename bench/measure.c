// SPDX-License-Identifier: MIT
// Measures two ways to do the same in turn, and prints the table.
#include "measure.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 41, BLOCK = 1 << 18 };

/** Nanoseconds per packet of one side, round by round. */
typedef struct side {
    double ns[ROUNDS];
    uint64_t sum;
} side;

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t measure_thread_ns(void)
{
    return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t measure_wall_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double measure_median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, ascending);
    return count % 2 != 0 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static void run_block(measure_fn *fn, void *arg, side *to, int round)
{
    uint64_t start = measure_thread_ns();
    to->sum = fn(arg, BLOCK);
    to->ns[round] = (double)(measure_thread_ns() - start) / BLOCK;
}

static const char *verdict(double ratio, double target)
{
    if (target == 0)
        return "";
    return ratio <= target ? "yes" : "NO";
}

static void print_row(const measure_case *row, side *ours, side *limit)
{
    double ratios[ROUNDS];
    for (int i = 0; i < ROUNDS; i++)
        ratios[i] = ours->ns[i] / limit->ns[i];
    double ratio = measure_median(ratios, ROUNDS);
    double ours_median = measure_median(ours->ns, ROUNDS), limit_median = measure_median(limit->ns, ROUNDS);
    char target[16] = "";
    if (row->target > 0)
        snprintf(target, sizeof target, "%.2f", row->target);
    printf("%-44s %7.1f %7.1f %8.1f %7.1f %7.2f %7s  %s\n", row->name, ours_median, ours->ns[0], limit_median,
           limit->ns[0], ratio, target, verdict(ratio, row->target));
    fflush(stdout);
}

static int measure_case_run(const measure_case *row)
{
    side ours, limit;
    row->ours(row->arg, BLOCK / 4); // warm up
    row->limit(row->arg, BLOCK / 4);
    for (int i = 0; i < ROUNDS; i++) {
        run_block(row->ours, row->arg, &ours, i);
        run_block(row->limit, row->arg, &limit, i);
    }
    if (ours.sum != limit.sum) {
        printf("%-44s results differ: %" PRIx64 " and %" PRIx64 "\n", row->name, ours.sum, limit.sum);
        return 1;
    }
    print_row(row, &ours, &limit);
    return 0;
}

int measure_cases(const measure_case *cases, size_t count, const char *only)
{
    int wrong = 0;
    printf("%d rounds of %d packets on each side in turn; ns of processor time per packet\n\n", ROUNDS,
           BLOCK);
    printf("%-44s %15s %16s %7s %7s\n", "", "ours", "limit", "", "");
    printf("%-44s %7s %7s %8s %7s %7s %7s  %s\n", "case", "median", "least", "median", "least", "ratio",
           "target", "reached");
    for (size_t i = 0; i < count; i++) {
        if (only == NULL || strstr(cases[i].name, only) != NULL)
            wrong += measure_case_run(&cases[i]);
    }
    return wrong;
}
