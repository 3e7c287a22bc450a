// SPDX-License-Identifier: MIT
// Retained messages: storing many, giving them to a new subscriber, and removing them.
#include <stdlib.h>

#include "bench_load.h"

static bench_step step_open, step_store, step_answer, step_feed, step_remove, step_removed;

static void on_answer(void *ctx)
{
    ((bench_load *)ctx)->answered = true;
}

void retained_begin(bench_load *load)
{
    load->publishers = calloc(1, sizeof(*load->publishers));
    load->members = calloc(load->plan.members + 1, sizeof(*load->members));
    load->audience.sample = UINT32_MAX;
    load->audience.verify.retained = true;
    if (!load->publishers || !load->members ||
        !publisher_make(&load->publishers[0], &load->crew, 0, &load->sent)) {
        load_fail(load, "out of memory");
        return;
    }
    load->publishers[0].on_answer = on_answer;
    load->publishers[0].ctx = load;
    load_go(load, step_open);
}

static void step_open(bench_load *load)
{
    if (!crew_open(&load->crew))
        return;
    load->from = load_moment(load);
    load_go(load, step_store);
}

// Publishes what is left of so many. Returns whether all have gone, and were answered where that is due.
static bool publish_all(bench_load *load, uint64_t all)
{
    uint64_t sent = publisher_send(&load->publishers[0], all - load->publishers[0].sent, load->now);
    load_spin(load, sent > 0);
    return load->publishers[0].sent == all && (load->plan.qos == 0 || load->publishers[0].ended == all);
}

// An answer to a ping comes behind everything that was sent before it.
static void ask(bench_load *load, bench_step *next)
{
    load->answered = false;
    (void)mqw_conn_pingreq(load->publishers[0].peer.conn);
    load_go(load, next);
}

static void step_store(bench_load *load)
{
    if (publish_all(load, load->settings->bench.retained))
        ask(load, step_answer);
}

static void note_stored(bench_load *load)
{
    double count = load->settings->bench.retained;
    load_note_span(load, &load->from, &load->to);
    result_set(load->result, FIGURE_STORE_RATE, count / ((double)(load->to.time - load->from.time) * 1e-9));
    if (load->from.has_broker && load->to.has_broker)
        result_set(load->result, FIGURE_STORE_BYTES,
                   (load->to.broker_memory - load->from.broker_memory) / count);
}

static void step_answer(bench_load *load)
{
    if (!load->answered)
        return;
    load->to = load_moment(load);
    note_stored(load);
    load->from = load_moment(load);
    for (uint32_t i = 0; i < load->plan.members; i++)
        if (!member_make(&load->members[i], &load->crew, i, &load->audience)) {
            load_fail(load, "out of memory");
            return;
        }
    load_go(load, step_feed);
}

static void step_feed(bench_load *load)
{
    bool over = load->audience.verify.tally.delivered >= load->sent.expected && crew_open(&load->crew);
    if (!over && !load_is_quiet(load))
        return;
    load->to = load_moment(load);
    double seconds = (double)(load->to.time - load->from.time) * 1e-9;
    result_set(load->result, FIGURE_FEED_RATE, (double)load->audience.verify.tally.delivered / seconds);
    load_note_tally(load);
    for (uint32_t i = 0; i < load->plan.members; i++)
        peer_close(&load->members[i].peer);
    publisher_rewind(&load->publishers[0]);
    load_go(load, load->settings->bench.keep ? step_removed : step_remove);
    load->answered = load->settings->bench.keep;
}

static void step_remove(bench_load *load)
{
    if (publish_all(load, 2 * (uint64_t)load->settings->bench.retained))
        ask(load, step_removed);
}

static void step_removed(bench_load *load)
{
    if (load->answered)
        load_close(load);
}
