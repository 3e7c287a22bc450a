// SPDX-License-Identifier: MIT
// Deadlines against a list that is searched from end to end.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the headers above
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "transport/wheel.h"

typedef struct entry {
    mqw__deadline deadline;
    uint64_t wanted; // UINT64_MAX: not set
    uint64_t fired_at;
    unsigned fired;
} entry;

static mqw__wheel wheel;
static uint64_t now;
static uint32_t seed;

static uint32_t any(uint32_t below)
{
    seed = seed * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)seed * below) >> 32);
}

static void on_fire(mqw__deadline *deadline)
{
    entry *e = (entry *)deadline;
    e->fired++;
    e->fired_at = wheel.now;
    assert_true(e->wanted <= wheel.now);
    e->wanted = UINT64_MAX;
}

static void start(uint64_t at)
{
    memset(&wheel, 0, sizeof wheel);
    wheel.now = now = at;
    seed = 7;
}

static void set(entry *e, uint64_t at)
{
    e->deadline.fire = on_fire;
    e->wanted = at;
    mqw__wheel_set(&wheel, &e->deadline, at);
}

static uint64_t any_time(void)
{
    static const uint64_t spans[] = {2, 100, 5000, 300000, 100000000, UINT64_C(1) << 40, 1};
    uint64_t span = spans[any(7)];
    return now + (((uint64_t)any(UINT32_MAX) << 16) % span);
}

static void advance(uint64_t to)
{
    now = to;
    mqw__wheel_advance(&wheel, now);
}

static void test_fires_at_its_millisecond(void **state)
{
    (void)state;
    static const uint64_t after[] = {1, 2, 63, 64, 65, 4095, 4096, 4097, 262143, 262144, 1000000, 90000000};
    for (size_t i = 0; i < sizeof after / sizeof after[0]; i++) {
        entry e = {0};
        start(1000003 + i * 17);
        set(&e, now + after[i]);
        uint64_t wanted = e.wanted;
        while (!e.fired) {
            uint64_t next = mqw__wheel_next(&wheel);
            assert_true(next <= wanted);
            assert_true(next > now || next == wanted);
            advance(next);
        }
        assert_int_equal(e.fired, 1);
        assert_int_equal(e.fired_at, wanted);
        assert_true(mqw__wheel_next(&wheel) == UINT64_MAX);
    }
}

static void test_a_late_advance_fires_all_in_order(void **state)
{
    (void)state;
    entry e[3] = {{{0}, 0, 0, 0}, {{0}, 0, 0, 0}, {{0}, 0, 0, 0}};
    start(500);
    set(&e[0], 70000);
    set(&e[1], 501);
    set(&e[2], 900);
    advance(80000);
    assert_int_equal(e[0].fired + e[1].fired + e[2].fired, 3);
    assert_int_equal(e[1].fired_at, 501);
    assert_int_equal(e[2].fired_at, 900);
    assert_int_equal(e[0].fired_at, 70000);
}

static void test_moving_later_costs_nothing_until_the_slot_comes(void **state)
{
    (void)state;
    entry e = {0};
    start(0);
    set(&e, 100);
    uint64_t filed = e.deadline.filed;
    for (uint64_t at = 101; at < 200; at++) {
        set(&e, at);
        assert_int_equal(e.deadline.filed, filed);
    }
    advance(198);
    assert_int_equal(e.fired, 0);
    advance(199);
    assert_int_equal(e.fired, 1);
}

static void test_none_means_never(void **state)
{
    (void)state;
    entry e = {0};
    start(0);
    set(&e, UINT64_MAX);
    assert_true(mqw__wheel_next(&wheel) == UINT64_MAX);
    set(&e, 50);
    set(&e, UINT64_MAX);
    advance(1000);
    assert_int_equal(e.fired, 0);
    assert_true(mqw__wheel_next(&wheel) == UINT64_MAX);
    set(&e, 1001);
    advance(1001);
    assert_int_equal(e.fired, 1);
}

static void set_again(mqw__deadline *deadline)
{
    entry *e = (entry *)deadline;
    e->fired++;
    mqw__wheel_set(&wheel, deadline, 0);
}

// One that asks for the past each time it fires comes up once a millisecond, not for ever within one.
static void test_the_past_is_the_next_millisecond(void **state)
{
    (void)state;
    entry e = {.deadline = {.fire = set_again}};
    start(1000);
    mqw__wheel_set(&wheel, &e.deadline, 1);
    advance(1000);
    assert_int_equal(e.fired, 0);
    advance(1010);
    assert_int_equal(e.fired, 10);
    mqw__wheel_clear(&wheel, &e.deadline);
    mqw__wheel_clear(&wheel, &e.deadline);
    advance(2000);
    assert_int_equal(e.fired, 10);
}

static entry *victims[2];

static void clear_other(mqw__deadline *deadline)
{
    entry *e = (entry *)deadline;
    e->fired++;
    mqw__wheel_clear(&wheel, &victims[e == victims[0]]->deadline);
}

static void test_one_that_fires_may_clear_another_of_the_same_slot(void **state)
{
    (void)state;
    entry e[2] = {{.deadline = {.fire = clear_other}}, {.deadline = {.fire = clear_other}}};
    victims[0] = &e[0];
    victims[1] = &e[1];
    start(0);
    mqw__wheel_set(&wheel, &e[0].deadline, 5);
    mqw__wheel_set(&wheel, &e[1].deadline, 5);
    advance(5);
    assert_int_equal(e[0].fired + e[1].fired, 1);
    assert_true(mqw__wheel_next(&wheel) == UINT64_MAX);
}

static void check_model(entry *entries, int count)
{
    uint64_t first = UINT64_MAX;
    for (int i = 0; i < count; i++) {
        assert_true(entries[i].wanted > now || (entries[i].deadline.filed == now + 1));
        if (entries[i].wanted < first)
            first = entries[i].wanted;
    }
    assert_true(mqw__wheel_next(&wheel) <= (first > now ? first : now + 1));
}

static void test_as_the_model(void **state)
{
    (void)state;
    enum { COUNT = 200, STEPS = 20000 };
    static entry entries[COUNT];
    memset(entries, 0, sizeof entries);
    start(UINT64_C(123456789012));
    for (int i = 0; i < COUNT; i++)
        set(&entries[i], UINT64_MAX);
    for (int step = 0; step < STEPS; step++) {
        entry *e = &entries[any(COUNT)];
        if (any(8) == 0) {
            mqw__wheel_clear(&wheel, &e->deadline);
            e->wanted = UINT64_MAX;
        } else {
            set(e, any_time() + 1);
        }
        if (any(4) == 0)
            advance(any(2) ? now + any(5000) : any_time());
        check_model(entries, COUNT);
    }
}

static void test_a_hundred_thousand(void **state)
{
    (void)state;
    enum { COUNT = 100000, KEEP_ALIVE = 90000, SECONDS = 200 };
    entry *entries = calloc(COUNT, sizeof *entries);
    assert_non_null(entries);
    start(77);
    for (int i = 0; i < COUNT; i++)
        set(&entries[i], now + KEEP_ALIVE + any(1000));
    // Each of them hears something every 200 ms for a while: nothing may be filed anew for that.
    for (int turn = 0; turn < 20; turn++) {
        advance(now + 200);
        for (int i = 0; i < COUNT; i++)
            set(&entries[i], now + KEEP_ALIVE);
    }
    for (int i = 0; i < SECONDS; i++)
        advance(now + 1000);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(entries[i].fired, 1);
    free(entries);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fires_at_its_millisecond),
        cmocka_unit_test(test_a_late_advance_fires_all_in_order),
        cmocka_unit_test(test_moving_later_costs_nothing_until_the_slot_comes),
        cmocka_unit_test(test_none_means_never),
        cmocka_unit_test(test_the_past_is_the_next_millisecond),
        cmocka_unit_test(test_one_that_fires_may_clear_another_of_the_same_slot),
        cmocka_unit_test(test_as_the_model),
        cmocka_unit_test(test_a_hundred_thousand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
