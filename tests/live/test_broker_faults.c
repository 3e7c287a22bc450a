// SPDX-License-Identifier: MIT
// The broker with many clients on virtual time: cuts, take-overs, expiries, wills, slow readers, a disk that
// fails, memory that runs out, crashes. An oracle (broker_sim/model.h) says what each subscriber must and may
// have received.
//
// SIM_SEED=n plays that one run and tells what happens. SIM_RUNS=n plays so many, from SIM_FIRST=n on (./dev
// soak).
#include "broker_sim/stage.h"

#include <time.h>

enum { RUNS = 10000, ENOUGH = 20 /**< Failing runs that are told of. */ };

static stage *theatre;

static stage *prepare(uint64_t seed)
{
    memset(theatre, 0, offsetof(stage, depot));
    world_start(&theatre->on, seed);
    model_start(&theatre->book, &theatre->on);
    return theatre;
}

static int make_stage(void **state)
{
    (void)state;
    theatre = calloc(1, sizeof *theatre);
    return theatre ? 0 : -1;
}

static int drop_stage(void **state)
{
    (void)state;
    free(theatre);
    return 0;
}

// ---- any guests, any faults ----

static void choose_limits(stage *s)
{
    world *on = &s->on;
    mqw_broker_limits *l = &s->plan.limits;
    if (one_in(on, 6))
        l->max_queued = 2 + chance(on, 12);
    if (one_in(on, 10))
        l->max_queued_bytes = 200 + chance(on, 2000);
    if (one_in(on, 3))
        l->max_output = 200 + chance(on, 4000);
    if (one_in(on, 4))
        l->receive_maximum = (uint16_t)(1 + chance(on, 5));
    if (one_in(on, 4))
        l->max_inflight = (uint16_t)(1 + chance(on, 5));
    if (one_in(on, 4))
        l->topic_alias_maximum = UINT16_MAX;
    l->when_full = (uint8_t)chance(on, 3);
}

static void choose_guest(stage *s, unsigned who)
{
    static const uint8_t versions[] = {5, 5, 5, 4, 4, 3};
    world *on = &s->on;
    guest *g = &s->guests[who];
    *g =
        (guest){.on = on, .book = &s->book, .mutant = s->mutant, .who = (uint8_t)who, .plans = s->plan.plans};
    g->version = versions[chance(on, sizeof versions)];
    g->leaves_wills = one_in(on, 2);
    g->receive_maximum = one_in(on, 2) ? (uint16_t)(1 + chance(on, 4)) : 0;
    g->alias_maximum = one_in(on, 2) ? (uint16_t)(1 + chance(on, 4)) : 0;
    g->largest = one_in(on, 8) ? 60 + chance(on, 200) : 0;
    g->keep_alive = one_in(on, 3) ? (uint16_t)(2 + chance(on, 10)) : 0;
    g->slowness = one_in(on, 2) ? chance(on, 300) : 0;
}

static void choose(stage *s)
{
    world *on = &s->on;
    plan *p = &s->plan;
    p->guests = 2 + chance(on, GUESTS - 1);
    p->plans = 5 + chance(on, 30);
    p->faults = chance(on, 14);
    p->calm = 1000 + chance(on, 15000);
    p->latency = 1 + chance(on, 60);
    p->pace = 10 + chance(on, one_in(on, 3) ? 1000 : 200);
    p->durable = one_in(on, 2);
    p->crashes = p->durable && one_in(on, 2) ? 1 + chance(on, 3) : 0;
    p->fails = p->durable && one_in(on, 6);
    p->starves = one_in(on, 8);
    p->defers = one_in(on, 5);
    p->denies = one_in(on, 6);
    p->kicks = one_in(on, 4);
    choose_limits(s);
    for (unsigned who = 0; who < p->guests; who++)
        choose_guest(s, who);
}

typedef struct totals {
    uint64_t runs, taken, arrived, dropped, faults, crashes, connections;
} totals;

static void count(totals *all, const stage *s)
{
    all->runs++;
    all->taken += s->numbers;
    all->arrived += s->book.arrived;
    all->dropped += s->book.dropped;
    all->faults += s->faults;
    all->crashes += s->crashes;
    all->connections += s->cable_count;
}

static void print_totals(const totals *all, clock_t begin)
{
    print_message(
        "%llu runs: %llu messages, %llu deliveries, %llu told as dropped, %llu connections, %llu faults, "
        "%llu crashes, %.1f s\n",
        (unsigned long long)all->runs, (unsigned long long)all->taken, (unsigned long long)all->arrived,
        (unsigned long long)all->dropped, (unsigned long long)all->connections,
        (unsigned long long)all->faults, (unsigned long long)all->crashes,
        (double)(clock() - begin) / CLOCKS_PER_SEC);
}

static uint64_t number_from(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

static void any_faults(void **state)
{
    (void)state;
    totals all = {0};
    uint64_t first = number_from("SIM_SEED", number_from("SIM_FIRST", 1)),
             runs = getenv("SIM_SEED") ? 1 : number_from("SIM_RUNS", RUNS);
    clock_t begin = clock();
    unsigned failed = 0;
    for (uint64_t i = 0; i < runs && failed < ENOUGH; i++) {
        stage *s = prepare(first + i);
        choose(s);
        stage_runs(s);
        count(&all, s);
        failed += s->on.wrong[0] != '\0';
        if (s->on.wrong[0])
            print_message("SIM_SEED=%llu: %s\n", (unsigned long long)(first + i), s->on.wrong);
    }
    print_totals(&all, begin);
    assert_int_equal(failed, 0);
}

// ---- the oracle notices what it is for ----

typedef struct offence {
    mutant mutant;
    const char *noticed;
} offence;

static const offence offences[] = {
    {LOSES, "never got"},
    {DOUBLES, "twice on one connection"},
    {SWAPS, "behind"},
    {FLIPS_RETAIN, "retain"},
    {DROPS_ID, "ids 0"},
    {LOWERS_QOS, "should not get"},
    {MISLEADS, "should not get"},
    {BLURS_TOPIC, "has changed"},
    {AGES, "expiry"},
    {SINGS_DUP, "has DUP when it comes first"},
    {LOSES_SESSION, "is lost"},
    {KEEPS_SESSION, "finds a session"},
    {ACKS_UNSEEN, "was not taken"},
    {HUSHES_DROPS, "never got"},
    {STEALS_SHARED, "should not get"},
    {LIES_ON_DISK, ""},
};

static unsigned runs_until_noticed(const offence *what)
{
    for (unsigned seed = 1; seed <= 500; seed++) {
        stage *s = prepare(seed);
        s->mutant = what->mutant;
        choose(s);
        stage_runs(s);
        if (s->on.wrong[0] && strstr(s->on.wrong, what->noticed))
            return seed;
    }
    return 0;
}

static void planted_faults_are_noticed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof offences / sizeof *offences; i++) {
        unsigned runs = runs_until_noticed(&offences[i]);
        print_message("mutant %d: \"%s\" after %u runs\n", (int)offences[i].mutant, offences[i].noticed,
                      runs);
        assert_true(runs > 0);
    }
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(planted_faults_are_noticed),
        cmocka_unit_test(any_faults),
    };
    const struct CMUnitTest one[] = {cmocka_unit_test(any_faults)};
    return getenv("SIM_SEED") || getenv("SIM_RUNS") ? cmocka_run_group_tests(one, make_stage, drop_stage)
                                                    : cmocka_run_group_tests(all, make_stage, drop_stage);
}
