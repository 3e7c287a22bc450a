// SPDX-License-Identifier: MIT
// Connections that do nothing: what each costs the broker.
#include <stdlib.h>

#include "bench_load.h"

enum { SETTLE_MS = 300, WARM = 64 };

static bench_step step_warm, step_open, step_settle, step_hold;

static bool add(bench_load *load, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++)
        if (!member_make_idle(&load->idle[i], &load->crew, i, load->settings->bench.idle_subscribe))
            return false;
    return true;
}

static uint32_t warm_count(const bench_load *load)
{
    return load->settings->bench.idle > 2 * WARM ? WARM : 0;
}

// The first few are not counted: a broker makes room when it needs it first.
void idle_begin(bench_load *load)
{
    load->idle = calloc(load->settings->bench.idle, sizeof(*load->idle));
    if (load->idle && add(load, 0, warm_count(load)))
        load_go(load, step_warm);
    else
        load_fail(load, "out of memory");
}

static void step_warm(bench_load *load)
{
    if (!crew_open(&load->crew) || (warm_count(load) && load_seconds(load) * 1000 < SETTLE_MS))
        return;
    load->from = load_moment(load);
    if (add(load, warm_count(load), load->settings->bench.idle))
        load_go(load, step_open);
    else
        load_fail(load, "out of memory");
}

static void step_open(bench_load *load)
{
    if (!crew_open(&load->crew))
        return;
    double count = load->settings->bench.idle - warm_count(load);
    load->to = load_moment(load);
    result_set(load->result, FIGURE_CONNECTIONS, load->settings->bench.idle);
    result_set(load->result, FIGURE_CONNECT_RATE, count / ((double)(load->to.time - load->from.time) * 1e-9));
    load_go(load, step_settle);
}

static void step_settle(bench_load *load)
{
    if (load_seconds(load) * 1000 < SETTLE_MS)
        return;
    double count = load->settings->bench.idle - warm_count(load);
    load->to = load_moment(load);
    if (load->from.has_broker && load->to.has_broker) {
        result_set(load->result, FIGURE_CONNECT_BYTES,
                   (load->to.broker_memory - load->from.broker_memory) / count);
        result_set(load->result, FIGURE_CONNECT_CPU, (load->to.broker_cpu - load->from.broker_cpu) / count);
    }
    load_go(load, load->behind_idle ? load->behind_idle : step_hold);
}

static void step_hold(bench_load *load)
{
    const tool_bench_settings *bench = &load->settings->bench;
    if (!bench->has_duration || load_seconds(load) * 1000 >= bench->duration)
        load_close(load);
}
