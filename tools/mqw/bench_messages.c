// SPDX-License-Identifier: MIT
// The load of messages: as many as go, or so many a second.
#include <stdlib.h>

#include "bench_load.h"
#include "tool.h"

enum { MILLION = 1000000, SPIN_NS = 2 * MILLION, FORGIVE_NS = 500 * MILLION };
enum { AHEAD_BYTES = 1 << 20, AHEAD_LEAST = 16, AHEAD_MOST = 2500, CROWD = 8, SAMPLE = 64 };

static bench_step step_open, step_warm, step_measure, step_drain;

/* --- As many as go ------------------------------------------------------------------------------------- */

// How many deliveries may be on their way: all together they should fit into the caches, and each of many
// publishers needs some of them to send more than one at a time.
static uint64_t most_ahead(const bench_load *load)
{
    const bench_plan *plan = &load->plan;
    uint64_t each = AHEAD_BYTES / plan->size;
    uint32_t crowd = plan->publishers / CROWD;
    if (load->settings->bench.ahead)
        return (uint64_t)load->settings->bench.ahead * plan->receivers;
    each = each < AHEAD_LEAST ? AHEAD_LEAST : each > AHEAD_MOST ? AHEAD_MOST : each;
    return each * (plan->receivers > crowd ? plan->receivers : crowd);
}

// Messages that may be published without a subscriber falling too far behind.
static uint64_t may_send(bench_load *load)
{
    const bench_tally *tally = &load->audience.verify.tally;
    uint64_t on_way = load->sent.expected - load->forgiven - tally->delivered - tally->missing;
    uint64_t most = most_ahead(load);
    if (load->plan.receivers == 0)
        return UINT64_MAX;
    if (on_way < most)
        return (most - on_way) / load->plan.reach_of[0] + 1;
    if (load->now - load->settled_at >= FORGIVE_NS)
        load->forgiven += on_way; // they were lost, and nothing comes behind them
    return 0;
}

static uint64_t messages_left(const bench_load *load)
{
    uint32_t all = load->settings->bench.messages;
    return all == 0 ? UINT64_MAX : all - load->sent.sent;
}

static void pump(bench_load *load)
{
    uint32_t publishers = load->plan.publishers;
    uint64_t may = may_send(load), left = messages_left(load), sent = 0;
    may = may < left ? may : left;
    uint64_t each = may / publishers + 1;
    for (uint32_t i = 0; i < publishers && sent < may; i++) {
        uint64_t most = may - sent < each ? may - sent : each;
        sent += publisher_send(&load->publishers[load->turn_of], most, load->now);
        load->turn_of = load->turn_of + 1 < publishers ? load->turn_of + 1 : 0;
    }
    load_spin(load, sent > 0);
}

// The broker is given work while we are still busy with what it has sent.
static void on_room(bench_publisher *publisher, void *ctx)
{
    bench_load *load = ctx;
    uint64_t may = may_send(load), left = messages_left(load);
    if (load->step != step_warm && load->step != step_measure)
        return;
    if (publisher_send(publisher, may < left ? may : left, uv_hrtime()) > 0)
        mqw_conn_flush(publisher->peer.conn);
}

/* --- So many a second ---------------------------------------------------------------------------------- */

static uint64_t time_of(const bench_load *load, uint64_t message)
{
    return load->start + (uint64_t)((double)message * 1e9 / load->settings->bench.rate);
}

// Sends what is due of a publisher, each with the time at which it should have been sent.
static bool catch_up(bench_load *load, uint32_t index)
{
    bench_publisher *publisher = &load->publishers[index];
    while (publisher->sent < publisher->due) {
        uint64_t when = time_of(load, publisher->sent * load->plan.publishers + index);
        uint64_t now = uv_hrtime();
        if (publisher_send(publisher, 1, when) == 0)
            return false;
        histogram_add(&load->late, now > when ? now - when : 0);
    }
    return true;
}

static void keep_rate(bench_load *load)
{
    uint32_t publishers = load->plan.publishers;
    uint64_t all = load->settings->bench.messages ? load->settings->bench.messages : UINT64_MAX;
    if (load->start == 0)
        load->start = load->now;
    if (load->behind) {
        load->behind = false;
        for (uint32_t i = 0; i < publishers; i++)
            load->behind |= !catch_up(load, i);
    }
    for (; load->planned < all && time_of(load, load->planned) <= load->now; load->planned++) {
        uint32_t index = (uint32_t)(load->planned % publishers);
        load->publishers[index].due++;
        load->behind |= !catch_up(load, index);
    }
    uint64_t next = time_of(load, load->planned), now = uv_hrtime();
    bool soon = next < now + SPIN_NS;
    load_spin(load, soon && !load->behind);
    if (!soon)
        load_wake(load, (next - now) / MILLION - 1);
}

static void publish(bench_load *load)
{
    (void)load_is_quiet(load);
    if (load->plan.publishers == 0)
        return;
    if (load->settings->bench.rate)
        keep_rate(load);
    else
        pump(load);
}

/* --- Steps --------------------------------------------------------------------------------------------- */

static bool make_all(bench_load *load)
{
    const bench_plan *plan = &load->plan;
    load->members = calloc(plan->members + 1, sizeof(*load->members));
    load->publishers = calloc(plan->publishers + 1, sizeof(*load->publishers));
    if (load->members == NULL || load->publishers == NULL)
        return false;
    for (uint32_t i = 0; i < plan->members; i++)
        if (!member_make(&load->members[i], &load->crew, i, &load->audience))
            return false;
    for (uint32_t i = 0; i < plan->publishers; i++) {
        if (!publisher_make(&load->publishers[i], &load->crew, i, &load->sent))
            return false;
        load->publishers[i].on_room = load->settings->bench.rate ? NULL : on_room;
        load->publishers[i].ctx = load;
    }
    return true;
}

void messages_begin(bench_load *load)
{
    load->audience.sample = load->settings->bench.rate ? 0 : SAMPLE - 1;
    load->audience.began = UINT64_MAX;
    if (make_all(load))
        load_go(load, step_open);
    else
        load_fail(load, "out of memory");
}

static void begin_measuring(bench_load *load)
{
    load->from = load_moment(load);
    load->audience.began = load->from.time;
    load->audience.ended = UINT64_MAX;
    histogram_clear(&load->late);
    load_go(load, step_measure);
}

static void step_open(bench_load *load)
{
    if (!crew_open(&load->crew))
        return;
    load->start = 0;
    load_go(load, step_warm);
}

static void step_warm(bench_load *load)
{
    bool counted = load->settings->bench.messages > 0;
    if (counted || load_seconds(load) * 1000 >= load->settings->bench.warmup)
        begin_measuring(load);
    publish(load);
}

static void step_measure(bench_load *load)
{
    uint32_t all = load->settings->bench.messages;
    publish(load);
    if (all ? load->sent.sent < all : load_seconds(load) * 1000 < load->settings->bench.duration)
        return;
    load->to = load_moment(load);
    load->audience.ended = load->to.time;
    load_go(load, step_drain);
}

static void note_latency(bench_load *load)
{
    static const struct {
        bench_figure figure;
        double part;
    } rows[] = {{FIGURE_LATENCY_P50, 0.5},
                {FIGURE_LATENCY_P90, 0.9},
                {FIGURE_LATENCY_P99, 0.99},
                {FIGURE_LATENCY_P999, 0.999}};
    const bench_histogram *latency = &load->audience.latency;
    if (latency->count > 0) {
        result_set(load->result, FIGURE_LATENCY_MIN, (double)latency->least * 1e-9);
        result_set(load->result, FIGURE_LATENCY_MAX, (double)latency->most * 1e-9);
    }
    for (size_t i = 0; latency->count > 0 && i < sizeof(rows) / sizeof(rows[0]); i++)
        result_set(load->result, rows[i].figure, (double)histogram_at(latency, rows[i].part) * 1e-9);
    if (load->late.count > 0)
        result_set(load->result, FIGURE_LATE_P99, (double)histogram_at(&load->late, 0.99) * 1e-9);
}

static void step_drain(bench_load *load)
{
    bool given = load->audience.verify.tally.delivered >= load->sent.expected;
    bool answered = load->plan.qos == 0 || load->sent.ended >= load->sent.sent;
    bool over = given && answered;
    if (!over && !load_is_quiet(load))
        return;
    if (load->settings->bench.messages && over)
        load->to = load_moment(load);
    load_note_span(load, &load->from, &load->to);
    note_latency(load);
    load_note_tally(load);
    load_close(load);
}
