// SPDX-License-Identifier: MIT
// A client for which memory runs out at any moment: it loses its connection perhaps, or ends requests with
// MQW_E_NO_MEMORY, and keeps every promise that it does not take back. Nothing is leaked.
//
// SIM_SEED=n plays that one run and tells what happens.
#include "sim/sim.h"
#include "transport/alloc.h"

// ---- memory: that of the client, of its session, and of its connections ----

static struct {
    unsigned made;
    unsigned fail_at; // which one; 0: none
    unsigned many;    // so many in a row
    unsigned failed;
    bool on;
} memory;

static bool refuses(void)
{
    if (!memory.on)
        return false;
    unsigned number = ++memory.made;
    bool no = memory.fail_at && number >= memory.fail_at && number - memory.fail_at < memory.many;
    memory.failed += no;
    return no;
}

void *mqw__uv_new(size_t size)
{
    return refuses() ? NULL : calloc(1, size);
}

void *mqw__uv_resize(void *old, size_t size)
{
    return refuses() ? NULL : realloc(old, size);
}

static void *resize(void *ctx, void *old, size_t old_size, size_t new_size)
{
    (void)ctx;
    (void)old_size;
    if (new_size == 0) {
        free(old);
        return NULL;
    }
    return refuses() ? NULL : realloc(old, new_size);
}

// ---- runs ----

static sim *stage;

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

/* The plan, without the seed of chance: what is asked of the client is the same for each allocation. */
static void script(sim *s, unsigned kind)
{
    static const mqw_allocator allocator = {resize, NULL};
    static const uint8_t versions[] = {MQW_5_0, MQW_3_1_1};
    s->allocator = &allocator;
    s->plan = (plan){.version = versions[kind & 1],
                     .ups = 8,
                     .downs = 8,
                     .requests = 3,
                     .keep_alive = 5,
                     .alias_maximum = 3,
                     .latency = 10,
                     .pace = 20,
                     .manual = kind >> 1 & 1,
                     .durable = kind >> 2 & 1,
                     .cut_up = kind >> 3 & 1 ? 300 : 0,
                     .mishap = kind >> 4 & 1 ? FORGET : CUT};
    s->host.version = s->plan.version;
    s->host.alias_maximum = 2;
    s->host.receive_maximum = 3;
    s->book.starved = true;
}

enum { KINDS = 32 };

/* What fails is in the seed. The run's result: whether an allocation failed. */
static bool play(uint64_t seed, unsigned *wrongs)
{
    sim *s = stage;
    memset(s, 0, sizeof *s);
    world_start(&s->on, seed % KINDS);
    ledger_start(&s->book, &s->on);
    server_start(&s->host, &s->on, &s->book);
    script(s, (unsigned)(seed % KINDS));
    memory.made = memory.failed = 0;
    memory.fail_at = (unsigned)(seed / KINDS / 2);
    memory.many = seed / KINDS & 1 ? 20 : 1;
    memory.on = true;
    sim_run(s);
    memory.on = false;
    if (s->on.wrong[0] && ++*wrongs < 20)
        print_message("SIM_SEED=%llu: %s\n", (unsigned long long)seed, s->on.wrong);
    return memory.failed > 0;
}

static void each_allocation_fails(void **state)
{
    (void)state;
    unsigned wrongs = 0, runs = 0;
    const char *only = getenv("SIM_SEED");
    if (only) {
        (void)play(strtoull(only, NULL, 10), &wrongs);
        assert_int_equal(wrongs, 0);
        return;
    }
    for (unsigned kind = 0; kind < KINDS; kind++) {
        unsigned at = 1;
        for (; play(((uint64_t)at * 2 + at % 2) * KINDS + kind, &wrongs) && wrongs < 20; at++)
            runs++;
        assert_true(at > 50 || wrongs > 0);
    }
    print_message("%u runs\n", runs);
    assert_int_equal(wrongs, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_allocation_fails)};
    return cmocka_run_group_tests(tests, make_stage, drop_stage);
}
