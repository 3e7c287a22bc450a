// SPDX-License-Identifier: MIT
// One run of a load against one broker: its connections, and the step that it is in. Each turn of the loop
// asks the step what is to be done; a step goes on to the next one by itself.
#ifndef MQW_BENCH_LOAD_H
#define MQW_BENCH_LOAD_H

#include "bench_member.h"
#include "bench_publisher.h"
#include "bench_result.h"

typedef struct bench_load bench_load;
typedef void bench_step(bench_load *load);

// What was so at one moment.
typedef struct bench_moment {
    uint64_t time; // ns
    uint64_t sent;
    uint64_t delivered;
    double own_cpu;
    double broker_cpu;
    double broker_memory;
    bool has_broker;
} bench_moment;

// One that logs in and goes.
typedef struct bench_storm_peer {
    bench_peer peer;
    bench_load *load;
} bench_storm_peer;

struct bench_load {
    const tool_settings *settings;
    uint32_t pid; // of the broker; 0: not known
    bench_plan plan;
    uv_loop_t loop;
    uv_prepare_t turn;
    uv_timer_t timer; // so that turns come
    uv_idle_t spin;   // no sleep
    uv_signal_t signal;
    bench_crew crew;
    bench_step *step;
    bench_step *behind_idle; // what follows when the idle connections stand
    bench_result *result;
    uint64_t now;   // ns, at the beginning of this turn
    uint64_t since; // when this step has begun
    bench_moment from;
    bench_moment to;

    bench_publisher *publishers;
    bench_member *members;
    bench_member *idle;
    bench_storm_peer *storm;
    bench_sent sent;
    bench_audience audience;
    bench_histogram latency; // of connecting
    bench_histogram late;    // how far behind plan messages were sent
    uint64_t start;          // of the plan at a fixed rate
    uint64_t planned;        // messages that were due so far
    uint64_t forgiven;       // deliveries that are not waited for any more
    bool behind;             // at a fixed rate: somebody could not send what was due
    uint32_t turn_of;        // the publisher whose turn it is
    uint64_t settled;        // what had come …
    uint64_t settled_at;     // … when something came last
    bool spinning;
    bool stopped; // by a signal
    bool answered;
    bool forgotten;    // sessions, by the broker
    uint64_t shown_at; // live
    bench_moment shown;
};

// Runs a load against an address. Returns the exit code; *result has the figures.
int load_run(const tool_settings *settings, const char *address, uint32_t pid, tool_secure *secure,
             const mqw_connect *connect, bench_result *result);

// For steps.
void load_go(bench_load *load, bench_step *step);
// Ends it: everybody says goodbye.
void load_close(bench_load *load);
void load_fail(bench_load *load, const char *why);
// Whether the loop is to go on without sleep.
void load_spin(bench_load *load, bool on);
// A turn is due in so many milliseconds.
void load_wake(bench_load *load, uint64_t ms);
bench_moment load_moment(const bench_load *load);
// Whether nothing came and nothing was answered for as long as --settle says.
bool load_is_quiet(bench_load *load);
// Time since this step began, in seconds.
double load_seconds(const bench_load *load);
// Puts what lies between two moments into the result.
void load_note_span(bench_load *load, const bench_moment *from, const bench_moment *to);
// Puts what came into the result, and whether it was right.
void load_note_tally(bench_load *load);

// The first steps of each kind of load.
bench_step messages_begin;
bench_step idle_begin;
bench_step retained_begin;
bench_step storm_begin;

#endif
