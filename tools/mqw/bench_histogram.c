// SPDX-License-Identifier: MIT
// Durations by how often they came; see bench_histogram.h. A cell is a power of two cut into 64.
#include "bench_histogram.h"

#include <string.h>

void histogram_clear(bench_histogram *histogram)
{
    memset(histogram, 0, sizeof(*histogram));
}

static unsigned top_bit(uint64_t value)
{
    unsigned bit = 0;
    for (unsigned half = 32; half; half /= 2)
        if (value >> half) {
            bit += half;
            value >>= half;
        }
    return bit;
}

static unsigned cell_of(uint64_t ns)
{
    if (ns < (uint64_t)2 * HISTOGRAM_FINE)
        return (unsigned)ns;
    unsigned shift = top_bit(ns) - 6;
    return shift * HISTOGRAM_FINE + (unsigned)(ns >> shift);
}

// The largest duration that falls into a cell.
static uint64_t end_of(unsigned cell)
{
    if (cell < 2 * HISTOGRAM_FINE)
        return cell;
    unsigned shift = cell / HISTOGRAM_FINE - 1;
    return ((uint64_t)(cell % HISTOGRAM_FINE + HISTOGRAM_FINE + 1) << shift) - 1;
}

void histogram_add(bench_histogram *histogram, uint64_t ns)
{
    unsigned cell = cell_of(ns);
    histogram->cells[cell < HISTOGRAM_CELLS ? cell : HISTOGRAM_CELLS - 1]++;
    if (histogram->count++ == 0 || ns < histogram->least)
        histogram->least = ns;
    if (ns > histogram->most)
        histogram->most = ns;
}

uint64_t histogram_at(const bench_histogram *histogram, double part)
{
    uint64_t wanted = (uint64_t)((double)histogram->count * part + 0.999999), seen = 0;
    if (histogram->count == 0)
        return 0;
    for (unsigned cell = 0; cell < HISTOGRAM_CELLS; cell++) {
        seen += histogram->cells[cell];
        if (seen >= wanted && seen > 0)
            return end_of(cell) < histogram->most ? end_of(cell) : histogram->most;
    }
    return histogram->most;
}
