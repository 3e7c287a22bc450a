// SPDX-License-Identifier: MIT
// Numbers of messages that were passed over; see bench_gaps.h.
#include "bench_gaps.h"

#include <stdlib.h>
#include <string.h>

enum { RANGES_MAX = 1 << 18 };

// Room for one more range behind the others: those that are filled go, then there is more room, and at the
// bound the oldest goes.
static bool make_room(bench_gaps *gaps)
{
    if (gaps->ranges && gaps->count < gaps->room)
        return true;
    if (gaps->ranges && gaps->first > gaps->room / 2) {
        gaps->count -= gaps->first;
        memmove(gaps->ranges, gaps->ranges + gaps->first, gaps->count * sizeof(*gaps->ranges));
        gaps->first = 0;
        return true;
    }
    size_t room = gaps->room ? gaps->room * 2 : 16;
    bench_range *more = room <= RANGES_MAX ? realloc(gaps->ranges, room * sizeof(*more)) : NULL;
    if (more) {
        gaps->ranges = more;
        gaps->room = room;
    } else if (gaps->ranges && gaps->count > 0) {
        memmove(gaps->ranges, gaps->ranges + 1, --gaps->count * sizeof(*gaps->ranges));
    }
    return gaps->ranges && gaps->count < gaps->room;
}

void gaps_open(bench_gaps *gaps, uint64_t from, uint64_t to)
{
    bench_range *last = gaps->count > gaps->first ? &gaps->ranges[gaps->count - 1] : NULL;
    if (last && last->to == from)
        last->to = to;
    else if (make_room(gaps))
        gaps->ranges[gaps->count++] = (bench_range){from, to};
}

// The first range that ends behind the number.
static size_t find(const bench_gaps *gaps, uint64_t number)
{
    size_t low = gaps->first, high = gaps->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (gaps->ranges[middle].to <= number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

// The numbers in front of `number` become a range of their own.
static void split(bench_gaps *gaps, size_t at, uint64_t number)
{
    bench_range front = {gaps->ranges[at].from, number};
    gaps->ranges[at].from = number + 1;
    if (gaps->first > 0 && at == gaps->first) {
        gaps->ranges[--gaps->first] = front;
        return;
    }
    size_t before = gaps->count;
    if (!make_room(gaps) || before - gaps->count > at)
        return;                 // it was the oldest, and is forgotten
    at -= before - gaps->count; // they may have moved up
    memmove(gaps->ranges + at + 1, gaps->ranges + at, (gaps->count - at) * sizeof(front));
    gaps->ranges[at] = front;
    gaps->count++;
}

bool gaps_fill(bench_gaps *gaps, uint64_t number)
{
    size_t at = find(gaps, number);
    if (at == gaps->count || gaps->ranges[at].from > number)
        return false;
    bench_range *range = &gaps->ranges[at];
    if (range->from == number)
        range->from++;
    else if (range->to == number + 1)
        range->to--;
    else
        split(gaps, at, number);
    while (gaps->first < gaps->count && gaps->ranges[gaps->first].from == gaps->ranges[gaps->first].to)
        gaps->first++;
    return true;
}

void gaps_free(bench_gaps *gaps)
{
    free(gaps->ranges);
    *gaps = (bench_gaps){0};
}
