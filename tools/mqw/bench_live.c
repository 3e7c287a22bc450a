// SPDX-License-Identifier: MIT
// How a load goes while it runs; see bench_live.h.
#include "bench_live.h"

#include <unistd.h>

#include "paint.h"

enum { EVERY = 500000000, CELL = 32 };

static bool is_wanted(const tool_settings *settings)
{
    return settings->progress == PAINT_ALWAYS || (settings->progress == PAINT_AUTO && isatty(STDERR_FILENO));
}

static double per_second(uint64_t amount, uint64_t ns)
{
    return ns ? (double)amount * 1e9 / (double)ns : 0;
}

static void show_messages(const bench_load *load, const bench_moment *now)
{
    char published[CELL], delivered[CELL];
    uint64_t ns = now->time - load->shown.time;
    const bench_tally *tally = &load->audience.verify.tally;
    result_show(UNIT_RATE, per_second(now->sent - load->shown.sent, ns), published, CELL);
    result_show(UNIT_RATE, per_second(now->delivered - load->shown.delivered, ns), delivered, CELL);
    fprintf(stderr, "published %s  delivered %s", published, delivered);
    if (load->audience.latency.count > 0) {
        char latency[CELL];
        double p99 = (double)histogram_at(&load->audience.latency, 0.99) * 1e-9;
        fprintf(stderr, "  p99 %s", result_show(UNIT_SECONDS, p99, latency, CELL));
    }
    unsigned long long wrong =
        tally->missing + tally->duplicates + tally->reordered + tally->corrupt + tally->strange;
    if (wrong > 0)
        fprintf(stderr, "  %s%llu wrong%s", paint_code(true, PAINT_BAD), wrong,
                paint_code(true, PAINT_PLAIN));
}

void live_show(bench_load *load)
{
    if (!is_wanted(load->settings) || load->now - load->shown_at < EVERY)
        return;
    bench_moment now = load_moment(load);
    if (load->shown.time == 0)
        load->shown = (bench_moment){.time = load->since};
    fprintf(stderr, "\r\x1B[K%lu connections  ", (unsigned long)load->crew.ready);
    if (now.sent > 0)
        show_messages(load, &now);
    fflush(stderr);
    load->shown = now;
    load->shown_at = load->now;
}

void live_hide(bench_load *load)
{
    if (load->shown_at)
        fputs("\r\x1B[K", stderr);
    load->shown_at = 0;
}
