// SPDX-License-Identifier: MIT
// Routes: a tree of filters against mqw_topic_matches, changes inside handlers, and memory that runs out.
// Linked with its own allocation in place of the library's.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the headers above
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/routes.h"
#include "transport/alloc.h"

static long allocations_left = -1; // negative: none fails

static bool fails(void)
{
    return allocations_left >= 0 && allocations_left-- == 0;
}

void *mqw__uv_new(size_t size)
{
    return fails() ? NULL : calloc(1, size);
}

void *mqw__uv_resize(void *old, size_t size)
{
    return fails() ? NULL : realloc(old, size);
}

// --- what handlers do ---

static mqw__routes routes;
static unsigned calls;
static const char *late_filter; // for handlers that change routes

static void count(mqw_client *client, const mqw_publish *publish, mqw_token token, void *ctx)
{
    (void)client, (void)publish;
    assert_int_equal(token, 77);
    calls++;
    if (ctx)
        ++*(unsigned *)ctx;
}

static bool call(const char *topic)
{
    mqw_publish publish = {.topic = {topic, strlen(topic)}};
    calls = 0;
    return mqw__routes_call(&routes, NULL, &publish, 77);
}

static void set(const char *filter, mqw_message_handler *handler, void *ctx)
{
    assert_int_equal(mqw__routes_set(&routes, filter, handler, ctx), 0);
}

static int is_empty(void **state)
{
    (void)state;
    mqw__routes_free(&routes);
    assert_null(routes.root);
    assert_int_equal(routes.count, 0);
    return 0;
}

// --- matching ---

static void every_match_is_called(void **state)
{
    static const char *const filters[] = {
        "a/b", "a/+", "+/b", "+/+", "#", "a/#", "a/b/#", "a", "+/b/#", "+/#", "$share/g/a/+/c",
        "/",   "+",   "b/+"};
    unsigned heard[14] = {0};
    (void)state;
    for (size_t i = 0; i < 14; i++)
        set(filters[i], count, &heard[i]);
    assert_int_equal(routes.count, 14);
    assert_true(call("a/b"));
    assert_int_equal(calls, 9);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(heard[i], i != 7);
    assert_true(call("a/x/c"));
    assert_int_equal(heard[10], 1);
    // `/` has two empty levels
    assert_true(call("/"));
    assert_int_equal(heard[11], 1);
    assert_int_equal(calls, 4);
}

// Without a route, and with none that matches, nobody takes it.
static void nobody_may_match(void **state)
{
    (void)state;
    assert_false(call("a"));
    set("a/b", count, NULL);
    assert_false(call("a"));
    assert_false(call("a/b/c"));
    assert_false(call(""));
    assert_true(call("a/b"));
}

// v5:MQTT-4.7.2-1 v4:MQTT-4.7.2-1: a leading wildcard does not match what begins with $.
static void dollar_topics_are_kept_from_leading_wildcards(void **state)
{
    unsigned wild = 0;
    unsigned named = 0;
    (void)state;
    set("#", count, &wild);
    set("+/x", count, &wild);
    set("+/#", count, &wild);
    assert_false(call("$SYS/x"));
    set("$SYS/#", count, &named);
    set("$SYS/+", count, &named);
    set("$SYS/+/#", count, &named);
    assert_true(call("$SYS/x"));
    assert_int_equal(wild, 0);
    assert_int_equal(named, 3);
    assert_true(call("a/$SYS"));
}

static void the_same_filter_replaces(void **state)
{
    unsigned first = 0;
    unsigned second = 0;
    (void)state;
    set("a/+/#", count, &first);
    set("a/+/#", count, &second);
    set("$share/group/a/+/#", count, &second);
    assert_int_equal(routes.count, 1);
    assert_true(call("a/b"));
    assert_int_equal(first, 0);
    assert_int_equal(second, 1);
    set("$share/other/a/+/#", NULL, NULL);
    assert_int_equal(routes.count, 0);
    assert_int_equal(routes.nodes, 0);
    set("a/+/#", NULL, NULL);
    set("never/there", NULL, NULL);
    assert_int_equal(routes.nodes, 0);
}

static void what_is_no_filter_is_misuse(void **state)
{
    static const char *const bad[] = {"", "a#", "a/#/b", "a+", "$share//a", "$share/g", "$share/g/", "\xFF"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(mqw__routes_set(&routes, bad[i], count, NULL), MQW_E_MISUSE);
    assert_int_equal(mqw__routes_set(&routes, NULL, count, NULL), MQW_E_MISUSE);
    assert_int_equal(routes.count, 0);
}

// As deep as a topic can be: nothing grows on the stack.
static void depth_is_no_danger(void **state)
{
    static char deep[UINT16_MAX + 1];
    (void)state;
    memset(deep, '/', UINT16_MAX);
    set(deep, count, NULL);
    memset(deep, 'x', 1);
    assert_false(call(deep));
    deep[0] = '/';
    assert_true(call(deep));
    for (size_t i = 0; i < UINT16_MAX; i += 2)
        deep[i] = '+';
    set(deep, count, NULL);
    memset(deep, '/', UINT16_MAX);
    assert_true(call(deep));
    assert_int_equal(calls, 1); // the other one has fewer levels
    deep[UINT16_MAX - 1] = '\0';
    set(deep, NULL, NULL);
}

// --- changes inside handlers ---

static void remove_late(mqw_client *client, const mqw_publish *publish, mqw_token token, void *ctx)
{
    (void)client, (void)publish, (void)token, (void)ctx;
    calls++;
    set(late_filter, NULL, NULL);
}

static void add_late(mqw_client *client, const mqw_publish *publish, mqw_token token, void *ctx)
{
    char filter[32];
    (void)client, (void)publish, (void)token, (void)ctx;
    calls++;
    for (int i = 0; i < 100; i++) {
        snprintf(filter, sizeof filter, "late/%d/x", i);
        set(filter, count, NULL);
    }
    set(late_filter, count, NULL);
}

static void one_that_is_removed_meanwhile_is_not_called(void **state)
{
    (void)state;
    set("#", remove_late, NULL); // is called first
    set("a/+/c", count, NULL);
    late_filter = "a/+/c";
    assert_true(call("a/b/c"));
    assert_int_equal(calls, 1);
    assert_int_equal(routes.nodes, 0);
    // itself
    late_filter = "x/y";
    set("x/y", remove_late, NULL);
    set("#", NULL, NULL);
    assert_true(call("x/y"));
    assert_int_equal(routes.count, 0);
    assert_int_equal(routes.nodes, 0);
}

static void one_that_is_added_meanwhile_is_no_danger(void **state)
{
    (void)state;
    set("#", add_late, NULL);
    late_filter = "a/+";
    assert_true(call("a/b"));
    assert_int_equal(calls, 2);
    assert_int_equal(routes.count, 102);
}

static void again_from_inside(mqw_client *client, const mqw_publish *publish, mqw_token token, void *ctx)
{
    unsigned *left = ctx;
    calls++;
    if (*left == 0)
        return;
    --*left;
    set("a/b", NULL, NULL);
    mqw__routes_call(&routes, client, publish, token);
    set("a/b", count, NULL);
}

static void a_walk_inside_a_walk(void **state)
{
    unsigned left = 3;
    (void)state;
    set("a/#", again_from_inside, &left);
    set("a/b", count, NULL);
    assert_true(call("a/b"));
    assert_int_equal(routes.walking, 0);
    assert_null(routes.stale);
    assert_int_equal(routes.nodes, 2);
    assert_int_equal(calls, 4 + 3); // in the innermost walk it was gone
}

static void removed_and_added_again_within_a_handler(mqw_client *client, const mqw_publish *publish,
                                                     mqw_token token, void *ctx)
{
    (void)client, (void)publish, (void)token, (void)ctx;
    set("a/b/c/d", NULL, NULL);
    set("a/b/c", NULL, NULL);
    set("a/b/c/d", count, NULL);
    set("a/b", NULL, NULL);
    set("a/b/c/d", NULL, NULL);
}

static void a_branch_is_taken_down_within_a_handler(void **state)
{
    (void)state;
    set("a/#", removed_and_added_again_within_a_handler, NULL);
    set("a/b/c/d", count, NULL);
    set("a/b/c", count, NULL);
    set("a/b", count, NULL);
    assert_true(call("a/b/c/d"));
    assert_int_equal(calls, 0);
    assert_int_equal(routes.nodes, 1);
}

// --- against the naive model ---

enum { FILTERS = 300, TOPICS = 3000 };

static uint32_t chance_state;

static uint32_t chance(uint32_t below)
{
    chance_state = chance_state * 1664525u + 1013904223u;
    return (chance_state >> 8) % below;
}

// Up to five levels of a few words, which are rare enough to meet often.
static void invent(char *out, bool filter)
{
    static const char *const words[] = {"a", "b", "", "ab", "$x", "c"};
    size_t len = 0;
    uint32_t levels = 1 + chance(5);
    for (uint32_t i = 0; i < levels; i++) {
        bool last = i + 1 == levels;
        const char *word = words[chance(6)];
        if (filter && chance(3) == 0)
            word = last && chance(2) ? "#" : "+";
        len += (size_t)snprintf(out + len, 32 - len, "%s%s", i ? "/" : "", word);
    }
}

static void agrees_with_the_model(void **state)
{
    static char filters[FILTERS][32];
    static unsigned heard[FILTERS];
    bool live[FILTERS] = {false};
    (void)state;
    for (uint32_t seed = 1; seed <= 20; seed++) {
        chance_state = seed;
        for (int t = 0; t < TOPICS; t++) {
            uint32_t at = chance(FILTERS);
            char topic[32];
            if (!filters[at][0] || !live[at]) {
                invent(filters[at], true);
                for (int i = 0; i < FILTERS; i++) // one entry per filter
                    if (live[i] && strcmp(filters[i], filters[at]) == 0)
                        live[i] = false;
                live[at] = mqw__routes_set(&routes, filters[at], count, &heard[at]) == 0;
            } else if (chance(3) == 0) {
                set(filters[at], NULL, NULL);
                live[at] = false;
            }
            invent(topic, false);
            memset(heard, 0, sizeof heard);
            call(topic);
            for (int i = 0; i < FILTERS; i++) {
                mqw_text filter = {filters[i], strlen(filters[i])};
                bool expected = live[i] && mqw_topic_matches(filter, (mqw_text){topic, strlen(topic)});
                if (heard[i] != expected)
                    fail_msg("seed %u: filter \"%s\", topic \"%s\": heard %u", seed, filters[i], topic,
                             heard[i]);
            }
        }
    }
    for (int i = 0; i < FILTERS; i++)
        if (live[i])
            set(filters[i], NULL, NULL);
    assert_int_equal(routes.count, 0);
    assert_int_equal(routes.nodes, 0);
}

static void memory_may_run_out(void **state)
{
    (void)state;
    for (long n = 0;; n++) {
        allocations_left = n;
        int rc = mqw__routes_set(&routes, "a/b/c/+/d/e/#", count, NULL);
        allocations_left = -1;
        if (rc == 0) {
            assert_int_equal(n, 6); // levels; root and table are there by then
            break;
        }
        assert_int_equal(rc, MQW_E_NO_MEMORY);
        assert_int_equal(routes.count, 0);
        assert_int_equal(routes.nodes, 0);
        assert_false(call("a/b/c/x/d/e"));
    }
    assert_true(call("a/b/c/x/d/e"));
    char filter[32];
    for (int i = 0; i < 100; i++) {
        snprintf(filter, sizeof filter, "many/%d", i);
        allocations_left = 1; // the node, or the larger table
        int rc = mqw__routes_set(&routes, filter, count, NULL);
        allocations_left = -1;
        assert_true(rc == 0 || rc == MQW_E_NO_MEMORY);
        assert_int_equal(call(filter), rc == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(every_match_is_called, is_empty),
        cmocka_unit_test_teardown(nobody_may_match, is_empty),
        cmocka_unit_test_teardown(dollar_topics_are_kept_from_leading_wildcards, is_empty),
        cmocka_unit_test_teardown(the_same_filter_replaces, is_empty),
        cmocka_unit_test_teardown(what_is_no_filter_is_misuse, is_empty),
        cmocka_unit_test_teardown(depth_is_no_danger, is_empty),
        cmocka_unit_test_teardown(one_that_is_removed_meanwhile_is_not_called, is_empty),
        cmocka_unit_test_teardown(one_that_is_added_meanwhile_is_no_danger, is_empty),
        cmocka_unit_test_teardown(a_walk_inside_a_walk, is_empty),
        cmocka_unit_test_teardown(a_branch_is_taken_down_within_a_handler, is_empty),
        cmocka_unit_test_teardown(agrees_with_the_model, is_empty),
        cmocka_unit_test_teardown(memory_may_run_out, is_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
