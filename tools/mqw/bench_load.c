// SPDX-License-Identifier: MIT
// One run of a load against one broker; see bench_load.h.
#include "bench_load.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "bench_live.h"
#include "bench_process.h"
#include "tool.h"

enum { TICK = 20, MILLION = 1000000 };

/* --- Moments ------------------------------------------------------------------------------------------- */

bench_moment load_moment(const bench_load *load)
{
    bench_moment moment = {.time = uv_hrtime(),
                           .sent = load->sent.sent,
                           .delivered = load->audience.verify.tally.delivered,
                           .own_cpu = process_own_cpu()};
    moment.has_broker =
        process_cpu(load->pid, &moment.broker_cpu) && process_memory(load->pid, &moment.broker_memory);
    return moment;
}

static void note_processor(bench_result *result, const bench_moment *from, const bench_moment *to,
                           double seconds, double delivered)
{
    double own = to->own_cpu - from->own_cpu, broker = to->broker_cpu - from->broker_cpu;
    result_set(result, FIGURE_OWN_CPU, own);
    result_set(result, FIGURE_OWN_LOAD, 100 * own / seconds);
    if (!from->has_broker || !to->has_broker)
        return;
    result_set(result, FIGURE_BROKER_CPU, broker);
    result_set(result, FIGURE_BROKER_LOAD, 100 * broker / seconds);
    result_set(result, FIGURE_BROKER_MEMORY, to->broker_memory);
    if (delivered > 0)
        result_set(result, FIGURE_BROKER_COST, broker * MILLION / delivered);
}

void load_note_span(bench_load *load, const bench_moment *from, const bench_moment *to)
{
    bench_result *result = load->result;
    double seconds = (double)(to->time - from->time) * 1e-9;
    double delivered = (double)(to->delivered - from->delivered);
    if (seconds <= 0)
        return;
    result_set(result, FIGURE_SECONDS, seconds);
    if (load->plan.publishers)
        result_set(result, FIGURE_PUBLISH_RATE, (double)(to->sent - from->sent) / seconds);
    if (load->plan.members) {
        result_set(result, FIGURE_DELIVER_RATE, delivered / seconds);
        result_set(result, FIGURE_PAYLOAD_RATE, delivered * load->plan.size / seconds);
    }
    note_processor(result, from, to, seconds, delivered);
}

void load_note_tally(bench_load *load)
{
    bench_result *result = load->result;
    const bench_tally *tally = &load->audience.verify.tally;
    double lost = (double)load->sent.expected - (double)tally->delivered;
    double acks = (double)load->sent.refused + (double)load->sent.unknown;
    double wrong = (double)tally->duplicates + (double)tally->reordered + (double)tally->corrupt +
                   (double)tally->strange + acks;
    if (load->plan.qos && !load->stopped)
        acks += (double)(load->sent.sent - load->sent.ended);
    result_set(result, FIGURE_PUBLISHED, (double)load->sent.sent);
    result_set(result, FIGURE_DELIVERED, (double)tally->delivered);
    result_set(result, FIGURE_LOST, lost > 0 ? lost : 0);
    result_set(result, FIGURE_DUPLICATES, (double)tally->duplicates);
    result_set(result, FIGURE_REORDERED, (double)tally->reordered);
    result_set(result, FIGURE_CORRUPT, (double)tally->corrupt);
    result_set(result, FIGURE_STRANGE, (double)tally->strange);
    result_set(result, FIGURE_REFUSED, acks);
    bool may_lose = load->settings->bench.lossy && load->plan.give_qos == 0;
    if ((wrong > 0 || acks > 0 || (lost > 0 && !may_lose)) && result->status == TOOL_OK)
        result->status = TOOL_DIFFERS;
}

/* --- Steps --------------------------------------------------------------------------------------------- */

double load_seconds(const bench_load *load)
{
    return (double)(load->now - load->since) * 1e-9;
}

void load_go(bench_load *load, bench_step *step)
{
    load->step = step;
    load->since = load->settled_at = load->now;
    load_spin(load, false);
}

static void on_spin(uv_idle_t *spin)
{
    (void)spin; // that it runs keeps the loop from sleeping
}

void load_spin(bench_load *load, bool on)
{
    if (on && !load->spinning)
        uv_idle_start(&load->spin, on_spin);
    else if (!on && load->spinning)
        uv_idle_stop(&load->spin);
    load->spinning = on;
}

static void on_timer(uv_timer_t *timer)
{
    (void)timer; // a turn was due
}

void load_wake(bench_load *load, uint64_t ms)
{
    uv_timer_start(&load->timer, on_timer, ms < TICK ? ms : TICK, TICK);
}

bool load_is_quiet(bench_load *load)
{
    uint64_t now = load->audience.verify.tally.delivered + load->sent.ended + load->sent.sent;
    if (now != load->settled) {
        load->settled = now;
        load->settled_at = load->now;
    }
    return load->now - load->settled_at >= (uint64_t)load->settings->bench.settle * MILLION;
}

// In 5.0 goodbye says that a session is over; before, a new one has to take its place.
static bool must_forget(const bench_load *load)
{
    return load->settings->bench.persistent && load->plan.version < MQW_5_0 && load->members &&
           load->crew.lost == 0 && !load->stopped && !load->forgotten;
}

static void forget_all(bench_load *load)
{
    load->forgotten = true;
    load->crew.ending = false;
    for (uint32_t i = 0; i < load->plan.members; i++)
        if (!member_forget(&load->members[i])) {
            load_fail(load, "out of memory");
            return;
        }
}

// Everybody has gone.
static void step_end(bench_load *load)
{
    if (load->crew.alive > 0 || (!load->crew.ending && !crew_open(&load->crew)))
        return;
    if (must_forget(load)) {
        forget_all(load);
        return;
    }
    uv_close((uv_handle_t *)&load->turn, NULL);
    uv_close((uv_handle_t *)&load->timer, NULL);
    uv_close((uv_handle_t *)&load->spin, NULL);
    uv_close((uv_handle_t *)&load->signal, NULL);
}

void load_close(bench_load *load)
{
    load->crew.ending = true;
    for (size_t i = 0; i < load->crew.waiting_next; i++)
        peer_close(load->crew.waiting[i]);
    load_go(load, step_end);
}

void load_fail(bench_load *load, const char *why)
{
    load->result->status = TOOL_BROKEN;
    snprintf(load->result->why, sizeof(load->result->why), "%s", why);
    load_close(load);
}

static void on_turn(uv_prepare_t *turn)
{
    bench_load *load = turn->data;
    load->now = uv_hrtime();
    if (load->crew.lost > 0 && !load->crew.ending) {
        load->result->status = load->crew.status;
        snprintf(load->result->why, sizeof(load->result->why), "%s", load->crew.why);
        load_close(load);
        return;
    }
    (void)crew_open(&load->crew);
    load->step(load);
    live_show(load);
}

// The first one ends the load, and says what it was; the second one ends the program.
static void on_signal(uv_signal_t *signal, int number)
{
    bench_load *load = signal->data;
    (void)number;
    uv_signal_stop(signal);
    load->stopped = true;
    if (load->step != step_end)
        load_close(load);
}

static void begin(bench_load *load)
{
    uv_prepare_init(&load->loop, &load->turn);
    uv_timer_init(&load->loop, &load->timer);
    uv_idle_init(&load->loop, &load->spin);
    uv_signal_init(&load->loop, &load->signal);
    load->turn.data = load->signal.data = load;
    uv_timer_start(&load->timer, on_timer, TICK, TICK);
    uv_signal_start(&load->signal, on_signal, SIGINT);
    uv_prepare_start(&load->turn, on_turn);
    load->now = uv_hrtime();
    const tool_bench_settings *bench = &load->settings->bench;
    bench_step *first = bench->retained ? retained_begin : bench->storm ? storm_begin : messages_begin;
    load->behind_idle = load->plan.publishers + load->plan.members > 0 ? first : NULL;
    load_go(load, bench->idle ? idle_begin : first);
}

static void free_all(bench_load *load)
{
    for (uint32_t i = 0; load->publishers && i < load->plan.publishers; i++)
        publisher_free(&load->publishers[i]);
    free(load->publishers);
    free(load->members);
    free(load->idle);
    free(load->storm);
    verify_free(&load->audience.verify);
    crew_free(&load->crew);
    plan_free(&load->plan);
}

int load_run(const tool_settings *settings, const char *address, uint32_t pid, tool_secure *secure,
             const mqw_connect *connect, bench_result *result)
{
    bench_load *load = calloc(1, sizeof(*load));
    *result = (bench_result){.status = TOOL_BROKEN};
    if (load == NULL)
        return result->status;
    *load = (bench_load){.settings = settings, .pid = pid, .result = result};
    uv_loop_init(&load->loop);
    if (plan_make(&load->plan, settings) && verify_make(&load->audience.verify, &load->plan) &&
        crew_make(&load->crew, &load->plan, address, &load->loop, secure, connect)) {
        result->status = TOOL_OK;
        begin(load);
        uv_run(&load->loop, UV_RUN_DEFAULT);
        live_hide(load);
        if (load->stopped)
            result->status = TOOL_BROKEN;
    } else {
        result->status = TOOL_USAGE;
    }
    free_all(load);
    uv_run(&load->loop, UV_RUN_DEFAULT);
    uv_loop_close(&load->loop);
    free(load);
    return result->status;
}
