// SPDX-License-Identifier: MIT
// A client on a network that fails, on virtual time: QoS 1 arrives at least once, QoS 2 exactly once, in
// order, both ways; every request ends once; nothing is leaked; nothing stands still.
//
// What a client has to keep to is judged on its wire (sim/ledger.h), by a strict server (sim/server.h) and in
// what arrives: v4:MQTT-2.3.1-2, v4:MQTT-2.3.1-3, v4:MQTT-4.3.2-1, v4:MQTT-4.3.3-1, v4:MQTT-4.3.3-2,
// v4:MQTT-4.4.0-1, v4:MQTT-4.6.0-1 to v4:MQTT-4.6.0-4, v5:MQTT-2.2.1-3, v5:MQTT-4.3.3-10, v5:MQTT-4.4.0-1,
// v5:MQTT-4.4.0-2, v5:MQTT-4.6.0-1, v5:MQTT-4.6.0-2, v5:MQTT-4.6.0-3, v5:MQTT-4.6.0-4, v5:MQTT-3.3.4-7.
//
// SIM_SEED=n plays that one run and tells what happens. SIM_RUNS=n plays so many, from SIM_FIRST=n on (./dev
// soak).
#include "sim/sim.h"

#include <time.h>

enum { RUNS = 20000, ENOUGH = 20 /**< Failing runs that are told of. */ };

static sim *stage;

static sim *prepare(uint64_t seed)
{
    memset(stage, 0, sizeof *stage);
    world_start(&stage->on, seed);
    ledger_start(&stage->book, &stage->on);
    server_start(&stage->host, &stage->on, &stage->book);
    return stage;
}

static int make_stage(void **state)
{
    (void)state;
    stage = malloc(sizeof *stage);
    return stage ? 0 : -1;
}

static int drop_stage(void **state)
{
    (void)state;
    free(stage);
    return 0;
}

// ---- any conversation, any faults ----

static const uint8_t versions[] = {0, 0, 5, 5, 5, 4, 4, 3};

static void choose(sim *s)
{
    world *on = &s->on;
    plan *p = &s->plan;
    p->version = versions[chance(on, sizeof versions)];
    p->ups = chance(on, 40);
    p->downs = chance(on, 40);
    p->requests = one_in(on, 3) ? chance(on, 8) : 0;
    p->faults = chance(on, 16);
    p->calm = 1000 + chance(on, 20000);
    p->keep_alive = (uint16_t)(2 + chance(on, 10));
    p->receive_maximum = one_in(on, 2) ? (uint16_t)(1 + chance(on, 4)) : 0;
    p->alias_maximum = one_in(on, 2) ? (uint16_t)chance(on, 4) : 0;
    p->latency = 1 + chance(on, 60);
    p->pace = 1 + chance(on, one_in(on, 3) ? 1000 : 100);
    p->manual = one_in(on, 3);
    p->durable = one_in(on, 3);
    p->crashes = p->durable ? chance(on, 4) : 0;
    p->clean = one_in(on, 4);
    p->early = one_in(on, 10);
    server *host = &s->host;
    host->version = p->version ? p->version : (uint8_t)(5 - (one_in(on, 3) ? chance(on, 3) : 0));
    host->receive_maximum = one_in(on, 2) ? (uint16_t)(1 + chance(on, 4)) : 0;
    host->alias_maximum = one_in(on, 2) ? (uint16_t)(1 + chance(on, 4)) : 0;
    host->keep_alive = one_in(on, 4) ? (uint16_t)(1 + chance(on, 5)) : 0;
    host->max_packet = one_in(on, 8) ? 1000 : 0;
    host->slowness = one_in(on, 2) ? chance(on, 400) : 0;
    host->shuffles = one_in(on, 6);
    host->refuses = host->version == MQW_5_0 && one_in(on, 8);
    s->book.hasty = one_in(on, 2);
    s->book.unordered = host->shuffles && !s->book.hasty;
    s->book.blind = host->version == MQW_3_1;
}

// ---- one conversation, and something happens at a byte of it ----

/* What happens is in the seed: version, mishap, direction, byte. */
static uint64_t seed_of(uint8_t version, mishap what, bool up, unsigned byte)
{
    return ((uint64_t)version << 8 | (uint64_t)what << 1 | up) << 32 | byte;
}

static void script(sim *s)
{
    uint64_t seed = s->on.seed;
    uint8_t version = (uint8_t)(seed >> 40);
    mishap what = (mishap)(seed >> 33 & 127);
    s->plan = (plan){.version = version,
                     .plain = true,
                     .ups = 6,
                     .downs = 6,
                     .keep_alive = 2,
                     .latency = 1 + chance(&s->on, 8),
                     .pace = 1 + chance(&s->on, 20),
                     .manual = one_in(&s->on, 2),
                     .durable = what == CRASH || one_in(&s->on, 3),
                     .mishap = what};
    *(seed >> 32 & 1 ? &s->plan.cut_up : &s->plan.cut_down) = (uint32_t)seed;
    s->host.version = version;
    s->host.slowness = chance(&s->on, 20);
    s->book.hasty = one_in(&s->on, 2);
    s->book.blind = version == MQW_3_1;
}

// ---- runs ----

typedef struct totals {
    uint64_t runs, up, down, present, lost, faults, crashes;
} totals;

static void count(totals *all, const sim *s)
{
    all->runs++;
    all->up += s->book.ups;
    all->down += s->book.downs;
    all->present += s->book.present;
    all->lost += s->book.lost;
    all->faults += s->faults;
    all->crashes += s->crashes;
}

static void print_totals(const totals *all, clock_t begin)
{
    print_message("%llu runs: %llu messages up, %llu down, %llu faults, %llu sessions resumed, %llu messages "
                  "begun anew, %llu crashes, %.1f s\n",
                  (unsigned long long)all->runs, (unsigned long long)all->up, (unsigned long long)all->down,
                  (unsigned long long)all->faults, (unsigned long long)all->present,
                  (unsigned long long)all->lost, (unsigned long long)all->crashes,
                  (double)(clock() - begin) / CLOCKS_PER_SEC);
}

static bool play(uint64_t seed, totals *all)
{
    sim *s = prepare(seed);
    if (seed >> 32)
        script(s);
    else
        choose(s);
    sim_run(s);
    count(all, s);
    if (s->on.wrong[0])
        print_message("SIM_SEED=%llu: %s\n", (unsigned long long)seed, s->on.wrong);
    return !s->on.wrong[0];
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
    for (uint64_t i = 0; i < runs && failed < ENOUGH; i++)
        failed += !play(first + i, &all);
    print_totals(&all, begin);
    assert_int_equal(failed, 0);
}

static void each_byte(void **state)
{
    (void)state;
    totals all = {0};
    unsigned failed = 0;
    clock_t begin = clock();
    for (uint8_t version = MQW_3_1; version <= MQW_5_0; version++)
        for (mishap what = CUT; what < MISHAPS; what++)
            for (int up = 0; up < 2; up++) {
                unsigned byte = 1;
                for (unsigned missed = 0; missed < 30 && failed < ENOUGH; byte++) { // lengths vary a little
                    failed += !play(seed_of(version, what, up, byte), &all);
                    missed = stage->happened ? 0 : missed + 1;
                }
                assert_true(byte > 150 || failed);
            }
    print_totals(&all, begin);
    assert_int_equal(failed, 0);
}

// ---- the checks notice what they are for ----

typedef struct offence {
    mutant mutant;
    bool lies;
    const char *noticed;
} offence;

static const offence offences[] = {
    {FORGETS_INBOX, false, "arrived twice"}, {ACKS_UNSEEN, false, "is lost"},
    {SWAPS, false, "arrived behind"},        {LOSES_DOWN, false, "is lost"},
    {DOUBLES_DOWN, false, "arrived twice"},  {BLURS_DUP, false, "without DUP"},
    {LIES_PRESENT, false, "in the end"},     {FORGETS_SUBSCRIPTIONS, false, "subscribed in the end"},
    {SOUND, true, "is not on disk"},         {SOUND, true, "before it is on disk"},
};

static unsigned runs_until_noticed(const offence *what)
{
    for (unsigned seed = 1; seed <= 500; seed++) {
        sim *s = prepare(seed);
        choose(s);
        s->host.mutant = what->mutant;
        s->plan.lies = what->lies;
        sim_run(s);
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
        print_message("mutant %d%s: \"%s\" after %u runs\n", (int)offences[i].mutant,
                      offences[i].lies ? ", a store that lies" : "", offences[i].noticed, runs);
        assert_true(runs > 0);
    }
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(planted_faults_are_noticed),
        cmocka_unit_test(each_byte),
        cmocka_unit_test(any_faults),
    };
    const struct CMUnitTest one[] = {cmocka_unit_test(any_faults)};
    return getenv("SIM_SEED") || getenv("SIM_RUNS") ? cmocka_run_group_tests(one, make_stage, drop_stage)
                                                    : cmocka_run_group_tests(all, make_stage, drop_stage);
}
