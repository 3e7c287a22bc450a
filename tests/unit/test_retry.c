// SPDX-License-Identifier: MIT
// Trying again: servers in turn, versions, pauses, references, and when to give up. Time is a number.
// Linked with its own allocation in place of the library's.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the headers above
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "client/retry.h"
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

// --- shorthand ---

static mqw__retry retry;
static uint64_t now;
static uint32_t random_number; // for endings that bring none

static void begin(mqw_client_options options)
{
    mqw__retry_free(&retry);
    assert_int_equal(mqw__retry_init(&retry, &options), 0);
    now = 1000;
    random_number = 0;
}

static int end(void **state)
{
    (void)state;
    mqw__retry_free(&retry);
    return 0;
}

static int64_t lost(mqw__ending ending)
{
    ending.now = now;
    if (ending.random == 0)
        ending.random = random_number;
    return mqw__retry_lost(&retry, &ending);
}

static int64_t unreachable(uint32_t random)
{
    return lost((mqw__ending){.result = MQW_E_STREAM, .random = random});
}

static int64_t refused(uint8_t reason)
{
    return lost((mqw__ending){.type = MQW_CONNACK, .reason = reason});
}

static int64_t expelled(uint8_t reason)
{
    return lost((mqw__ending){.type = MQW_DISCONNECT, .reason = reason});
}

static int64_t sent_to(uint8_t type, uint8_t reason, const char *reference)
{
    return lost((mqw__ending){.type = type, .reason = reason, .reference = {reference, strlen(reference)}});
}

static void opened(uint64_t lasting)
{
    mqw__retry_opened(&retry, now);
    now += lasting;
}

static void is_at(const char *address)
{
    assert_string_equal(mqw__retry_server(&retry)->address, address);
}

// --- addresses ---

static void lists_of_servers(void **state)
{
    static const struct {
        const char *list;
        const char *first, *second;
        unsigned count;
    } samples[] = {
        {NULL, "localhost", NULL, 1},     {"", "localhost", NULL, 1},
        {" , ", "localhost", NULL, 1},    {"a", "a", NULL, 1},
        {" a ,b", "a", "b", 2},           {"mqtt://a:1,wss://b/path?x", "mqtt://a:1", "wss://b/path?x", 2},
        {"fd:3,4 a", "fd:3,4", "a", 2},   {"pipe:/x,/y a", "pipe:/x,/y", "a", 2},
        {"unix:/x,a", "unix:/x", "a", 2}, {"[::1]:5 [::2]", "[::1]:5", "[::2]", 2},
    };
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        begin((mqw_client_options){.address = samples[i].list});
        assert_int_equal(retry.servers.count, samples[i].count);
        assert_string_equal(retry.servers.at[0]->address, samples[i].first);
        if (samples[i].second)
            assert_string_equal(retry.servers.at[1]->address, samples[i].second);
    }
}

static void users_stand_in_addresses(void **state)
{
    (void)state;
    begin((mqw_client_options){.address =
                                   "mqtt://us%65r:p%40ss@host:1/ ws://name@b/p@th mqtt://:pw@c mqtt://d"});
    const mqw__server *at = retry.servers.at[0];
    assert_string_equal(at->address, "mqtt://host:1/");
    assert_true(at->has_username && at->has_password);
    assert_int_equal(at->username.len, 4);
    assert_memory_equal(at->username.data, "user", 4);
    assert_int_equal(at->password.len, 4);
    assert_memory_equal(at->password.data, "p@ss", 4);
    at = retry.servers.at[1];
    assert_string_equal(at->address, "ws://b/p@th");
    assert_true(at->has_username && !at->has_password);
    at = retry.servers.at[2];
    assert_string_equal(at->address, "mqtt://c");
    assert_int_equal(at->username.len, 0);
    assert_int_equal(at->password.len, 2);
    at = retry.servers.at[3];
    assert_true(!at->has_username && !at->has_password);
}

static void bad_addresses_are_refused(void **state)
{
    static const char *const bad[] = {"a b c:99999", "mqtt://a%zz@b", "nowhere://x", "mqtt://a%00b@c", "a/b"};
    char many[] = "a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a";
    (void)state;
    mqw__retry_free(&retry);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        mqw_client_options options = {.address = bad[i]};
        assert_int_equal(mqw__retry_init(&retry, &options), MQW_E_ADDRESS);
        assert_int_equal(retry.servers.count, 0);
    }
    mqw_client_options options = {.address = many};
    assert_int_equal(mqw__retry_init(&retry, &options), MQW_E_ADDRESS);
    many[sizeof many - 2] = '\0';
    assert_int_equal(mqw__retry_init(&retry, &options), 0);
    assert_int_equal(retry.servers.count, MQW__SERVERS_MAX);
}

static void memory_may_run_out(void **state)
{
    (void)state;
    mqw__retry_free(&retry);
    mqw_client_options options = {.address = "a mqtt://u:p@b c"};
    for (long n = 0; n < 3; n++) {
        allocations_left = n;
        assert_int_equal(mqw__retry_init(&retry, &options), MQW_E_NO_MEMORY);
        assert_int_equal(retry.servers.count, 0);
    }
    allocations_left = -1;
    options.follow_reference = true;
    begin(options);
    allocations_left = 1; // of two references
    assert_int_equal(sent_to(MQW_CONNACK, 0x9C, "x y"), 0);
    allocations_left = -1;
    is_at("mqtt://b"); // as if it had named none
    assert_int_equal(retry.detour.count, 0);
}

// --- pauses ---

static void pauses_double_with_full_jitter(void **state)
{
    (void)state;
    begin((mqw_client_options){.retry_min = 1000, .retry_max = 6000});
    static const uint32_t caps[] = {1000, 2000, 4000, 6000, 6000};
    for (size_t i = 0; i < 5; i++) {
        mqw__retry before = retry;
        assert_int_equal(unreachable(0), MQW__RETRY_FLOOR);
        retry = before;
        assert_int_equal(unreachable(caps[i] - MQW__RETRY_FLOOR), caps[i]);
        assert_int_equal(retry.attempts, i + 1);
    }
    for (int i = 0; i < 100; i++) // no shift too far
        assert_int_equal(unreachable(0), MQW__RETRY_FLOOR);
    assert_int_equal(unreachable(5900), 6000);
}

static void defaults_are_a_second_and_a_minute(void **state)
{
    (void)state;
    begin((mqw_client_options){0});
    assert_int_equal(unreachable(900), 1000);
    for (int i = 0; i < 20; i++)
        unreachable(0);
    assert_int_equal(unreachable(59900), 60000);
    begin((mqw_client_options){.retry_min = 5, .retry_max = 7});
    assert_int_equal(unreachable(123), 5); // the floor is no more than the cap
    assert_int_equal(unreachable(123), 7);
    begin((mqw_client_options){.retry_min = 500, .retry_max = 200});
    assert_int_equal(unreachable(100), 200);
}

// A server that accepts and drops at once meets longer and longer pauses.
static void only_a_stable_connection_begins_anew(void **state)
{
    (void)state;
    begin((mqw_client_options){0});
    for (uint32_t i = 0; i < 4; i++) {
        opened(9999);
        assert_int_equal(unreachable((1000u << i) - 100), 1000 << i);
    }
    opened(10000);
    assert_int_equal(unreachable(900), 1000);
    assert_int_equal(retry.attempts, 1);
}

static void no_storm_whatever_happens(void **state)
{
    (void)state;
    begin((mqw_client_options){.address = "a b", .follow_reference = true, .stubborn = true});
    uint32_t seed = 1;
    uint64_t tries = 0;
    for (uint64_t until = now + 3600000; now < until; tries++) {
        seed = seed * 1664525u + 1013904223u;
        int64_t wait = 0;
        random_number = seed >> 1;
        switch (seed >> 16 & 7) {
        case 0: wait = sent_to(MQW_CONNACK, 0x9C, "x y z"); break;
        case 1: wait = sent_to(MQW_CONNACK, 0x9D, "a b"); break;
        case 2: wait = refused(MQW_REASON_UNSUPPORTED_VERSION); break;
        case 3:
            opened(0);
            wait = expelled(0x8E);
            break;
        case 4:
            opened(1);
            wait = sent_to(MQW_DISCONNECT, 0x9C, "a");
            break;
        case 5: wait = refused(MQW_REASON_NOT_AUTHORIZED); break;
        default: wait = unreachable(seed);
        }
        assert_true(wait >= 0);
        now += (uint64_t)wait;
        mqw__retry_version(&retry);
        assert_true(retry.servers.count <= MQW__SERVERS_MAX);
    }
    assert_true(tries < 20000); // in an hour, in spite of everything at once
}

// --- servers in turn ---

static void all_are_tried_before_a_pause(void **state)
{
    (void)state;
    begin((mqw_client_options){.address = "a b c"});
    for (int round = 0; round < 3; round++) {
        is_at("a");
        assert_int_equal(unreachable(0), 0);
        is_at("b");
        assert_int_equal(unreachable(0), 0);
        is_at("c");
        assert_int_equal(unreachable((1000u << round) - 100), 1000 << round);
    }
}

// The session is there.
static void a_stable_connection_is_sought_where_it_was(void **state)
{
    (void)state;
    begin((mqw_client_options){.address = "a b"});
    assert_int_equal(unreachable(0), 0);
    is_at("b");
    opened(20000);
    assert_int_equal(unreachable(0), MQW__RETRY_FLOOR);
    is_at("b");
    assert_int_equal(unreachable(0), 0);
    is_at("a");
    assert_true(unreachable(0) > 0);
    is_at("b");
}

// --- versions ---

static void falls_back_at_once(void **state)
{
    (void)state;
    begin((mqw_client_options){.max_attempts = 1});
    assert_int_equal(mqw__retry_version(&retry), 5);
    assert_int_equal(refused(MQW_REASON_UNSUPPORTED_VERSION), 0);
    assert_int_equal(mqw__retry_version(&retry), 4);
    assert_int_equal(refused(1), 0); // the return code of 3.x
    assert_int_equal(mqw__retry_version(&retry), 3);
    opened(20000);
    assert_true(unreachable(0) > 0);
    assert_int_equal(mqw__retry_version(&retry), 3); // remembered
    // the server was replaced by a newer one
    assert_int_equal(refused(1), 0);
    assert_int_equal(mqw__retry_version(&retry), 5);
    opened(0);
    assert_int_equal(mqw__retry_version(&retry), 5);
}

static void none_of_the_versions_is_known(void **state)
{
    (void)state;
    for (int stubborn = 0; stubborn < 2; stubborn++) {
        begin((mqw_client_options){.stubborn = stubborn});
        assert_int_equal(refused(0x84), 0);
        assert_int_equal(refused(1), 0);
        int64_t wait = refused(1);
        assert_true(stubborn ? wait > 0 : wait < 0);
        assert_int_equal(mqw__retry_version(&retry), 5);
    }
}

static void a_version_is_remembered_per_server(void **state)
{
    (void)state;
    begin((mqw_client_options){.address = "a b"});
    assert_int_equal(refused(0x84), 0);
    is_at("a");
    assert_int_equal(mqw__retry_version(&retry), 4);
    assert_int_equal(unreachable(0), 0);
    is_at("b");
    assert_int_equal(mqw__retry_version(&retry), 5);
    unreachable(0);
    is_at("a");
    assert_int_equal(mqw__retry_version(&retry), 4);
}

static void no_falling_back_after_a_refused_login_or_with_a_fixed_version(void **state)
{
    (void)state;
    begin((mqw_client_options){.stubborn = true});
    for (uint8_t reason = 2; reason != 0; reason++) {
        if (reason == MQW_REASON_UNSUPPORTED_VERSION)
            continue;
        refused(reason);
        assert_int_equal(mqw__retry_version(&retry), 5);
    }
    expelled(MQW_REASON_UNSUPPORTED_VERSION);
    lost((mqw__ending){.result = MQW_E_END});
    assert_int_equal(mqw__retry_version(&retry), 5);
    for (uint8_t version = 3; version <= 5; version++) {
        mqw_connect connect = {.version = version};
        begin((mqw_client_options){.connect = &connect});
        assert_int_equal(mqw__retry_version(&retry), version);
        assert_true(refused(version == 5 ? MQW_REASON_UNSUPPORTED_VERSION : 1) < 0);
    }
    mqw_auth auth = {0}; // nor does who does not know 5.0 get round authentication
    begin((mqw_client_options){.auth = &auth});
    assert_true(refused(1) < 0);
    assert_int_equal(mqw__retry_version(&retry), 5);
}

// --- giving up ---

static void some_refusals_will_not_change(void **state)
{
    static const uint8_t hopeless[] = {0x81, 0x82, 0x85, 0x86, 0x87, 0x8A, 0x8C,
                                       0x90, 0x95, 0x99, 0x9A, 0x9B, 0x9D};
    static const uint8_t gone[] = {0x87, 0x8A, 0x8C, 0x8E, 0x9D};
    (void)state;
    for (unsigned reason = 6; reason < 256; reason++) {
        bool expected = memchr(hopeless, (int)reason, sizeof hopeless) != NULL;
        if (reason == MQW_REASON_UNSUPPORTED_VERSION)
            continue;
        begin((mqw_client_options){0});
        assert_int_equal(refused((uint8_t)reason) < 0, expected);
        begin((mqw_client_options){.stubborn = true});
        assert_true(refused((uint8_t)reason) > 0);
        begin((mqw_client_options){0});
        opened(50000);
        assert_int_equal(expelled((uint8_t)reason) < 0, memchr(gone, (int)reason, sizeof gone) != NULL);
        begin((mqw_client_options){.stubborn = true});
        opened(50000);
        assert_true(expelled((uint8_t)reason) > 0);
    }
}

static void return_codes_of_3_are_understood(void **state)
{
    static const bool hopeless[] = {[2] = true, [3] = false, [4] = true, [5] = true};
    mqw_connect connect = {.version = 4};
    (void)state;
    for (uint8_t code = 2; code <= 5; code++) {
        begin((mqw_client_options){.connect = &connect});
        assert_int_equal(refused(code) < 0, hopeless[code]);
    }
}

static void results_of_our_own(void **state)
{
    (void)state;
    for (int result = MQW_E_EXPIRED; result < 0; result++) {
        begin((mqw_client_options){0});
        bool expected = result == MQW_E_ADDRESS || result == MQW_E_REFUSED;
        assert_int_equal(lost((mqw__ending){.result = result}) < 0, expected);
    }
    begin((mqw_client_options){0});
    assert_true(lost((mqw__ending){.result = MQW_E_PROTOCOL, .hopeless = true}) < 0);
}

// Another server may know the user.
static void one_hopeless_server_of_several(void **state)
{
    (void)state;
    begin((mqw_client_options){.address = "a b c"});
    assert_int_equal(refused(0x86), 0);
    is_at("b");
    assert_int_equal(unreachable(0), 0);
    is_at("c");
    assert_true(unreachable(0) > 0);
    is_at("b"); // a is left out
    opened(0);
    assert_int_equal(unreachable(0), 0);
    is_at("c");
    assert_int_equal(unreachable(0), 0);
    is_at("a"); // there was a connection: a may be tried again
    assert_true(refused(0x86) > 0);
    is_at("b");
    assert_int_equal(refused(0x87), 0);
    is_at("c");
    assert_true(refused(0x87) < 0);
}

// Two with one identifier would fight for ever, whichever servers they use.
static void a_session_taken_over_is_not_taken_back(void **state)
{
    (void)state;
    begin((mqw_client_options){.address = "a b"});
    opened(1);
    assert_true(expelled(MQW_REASON_SESSION_TAKEN_OVER) < 0);
}

static void attempts_are_counted(void **state)
{
    (void)state;
    begin((mqw_client_options){.max_attempts = 3});
    assert_true(unreachable(0) > 0);
    assert_true(unreachable(0) > 0);
    opened(1);
    assert_true(unreachable(0) > 0); // of the connection, not of an attempt
    assert_true(unreachable(0) > 0);
    assert_true(unreachable(0) > 0);
    assert_true(unreachable(0) < 0);
    assert_int_equal(retry.attempts, 4);
    begin((mqw_client_options){.max_attempts = 1, .address = "a b"}); // each once
    assert_int_equal(unreachable(0), 0);
    assert_true(unreachable(0) < 0);
}

static void once_is_enough(void **state)
{
    (void)state;
    begin((mqw_client_options){.once = true});
    assert_true(unreachable(0) > 0);
    assert_true(unreachable(0) > 0);
    opened(50000);
    assert_true(unreachable(0) < 0);
}

// --- server references (section 4.11) ---

static void a_reference_is_followed_for_a_while(void **state)
{
    (void)state;
    begin((mqw_client_options){.address = "mqtts://u:p@a:1 b", .follow_reference = true});
    assert_int_equal(sent_to(MQW_CONNACK, 0x9C, "x [::1]:77  y:5"), 0);
    is_at("mqtts://x");
    assert_int_equal(mqw__retry_server(&retry)->username.len, 1);
    assert_int_equal(mqw__retry_server(&retry)->password.len, 1);
    assert_int_equal(unreachable(0), 0);
    is_at("mqtts://[::1]:77");
    opened(50000);
    assert_true(unreachable(0) > 0);
    is_at("mqtts://[::1]:77"); // the session is there
    assert_int_equal(unreachable(0), 0);
    is_at("mqtts://y:5");
    assert_int_equal(unreachable(0), 0);
    is_at("b"); // a's turn is over
    assert_true(unreachable(0) > 0);
    is_at("mqtts://a:1");
}

static void a_reference_is_followed_for_good(void **state)
{
    (void)state;
    begin((mqw_client_options){.address = "a ws://b/p c", .follow_reference = true});
    assert_int_equal(unreachable(0), 0);
    opened(50000);
    assert_int_equal(sent_to(MQW_DISCONNECT, 0x9D, "x:1 y"), 0);
    assert_int_equal(retry.servers.count, 4);
    is_at("ws://x:1/p");
    assert_int_equal(unreachable(0), 0);
    is_at("ws://y/p");
    assert_int_equal(unreachable(0), 0);
    is_at("c");
    assert_int_equal(unreachable(0), 0);
    is_at("a");
    assert_true(unreachable(0) > 0);
    is_at("ws://x:1/p");
}

static void circles_of_references_end(void **state)
{
    (void)state;
    for (uint8_t reason = 0x9C; reason <= 0x9D; reason++) {
        begin((mqw_client_options){.follow_reference = true});
        for (int i = 0; i < MQW__RETRY_HOPS; i++)
            assert_int_equal(sent_to(MQW_CONNACK, reason, i % 2 ? "a" : "b"), 0);
        int64_t wait = sent_to(MQW_CONNACK, reason, "a");
        assert_true(reason == 0x9C ? wait > 0 : wait < 0);
    }
    // a list does not grow without end
    begin((mqw_client_options){.follow_reference = true, .stubborn = true});
    for (int i = 0; i < 200; i++)
        sent_to(MQW_CONNACK, 0x9D, "a b c d e f g");
    assert_int_equal(retry.servers.count, MQW__SERVERS_MAX);
}

static void references_are_not_trusted(void **state)
{
    static const char *const bad[] = {"",        " ",  "a/b",       "u@host", "fd:3",   "unix:/x", "mqtt://b",
                                      "a:99999", "*#", "host,host", "[::1",   "stdio:", "\xFF/",   "a:b"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        begin((mqw_client_options){.follow_reference = true});
        assert_true(sent_to(MQW_CONNACK, 0x9C, bad[i]) > 0);
        assert_true(sent_to(MQW_CONNACK, 0x9D, bad[i]) < 0);
        is_at("localhost");
    }
    begin((mqw_client_options){.follow_reference = true}); // what is good among them counts
    assert_int_equal(sent_to(MQW_CONNACK, 0x9C, "a/b good"), 0);
    is_at("good");
    begin(
        (mqw_client_options){.address = "unix:/x", .follow_reference = true}); // no scheme that could be kept
    assert_true(sent_to(MQW_CONNACK, 0x9C, "good") > 0);
    begin((mqw_client_options){0}); // not allowed
    assert_true(sent_to(MQW_CONNACK, 0x9C, "good") > 0);
    assert_true(sent_to(MQW_CONNACK, 0x9D, "good") < 0);
    is_at("localhost");
}

static void a_detour_that_is_refused(void **state)
{
    (void)state;
    begin((mqw_client_options){.follow_reference = true});
    assert_int_equal(sent_to(MQW_CONNACK, 0x9C, "x"), 0);
    assert_true(refused(0x86) < 0);
    begin((mqw_client_options){.follow_reference = true, .once = true});
    opened(1);
    assert_true(sent_to(MQW_DISCONNECT, 0x9C, "x") < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_of_servers),
        cmocka_unit_test(users_stand_in_addresses),
        cmocka_unit_test(bad_addresses_are_refused),
        cmocka_unit_test(memory_may_run_out),
        cmocka_unit_test(pauses_double_with_full_jitter),
        cmocka_unit_test(defaults_are_a_second_and_a_minute),
        cmocka_unit_test(only_a_stable_connection_begins_anew),
        cmocka_unit_test(no_storm_whatever_happens),
        cmocka_unit_test(all_are_tried_before_a_pause),
        cmocka_unit_test(a_stable_connection_is_sought_where_it_was),
        cmocka_unit_test(falls_back_at_once),
        cmocka_unit_test(none_of_the_versions_is_known),
        cmocka_unit_test(a_version_is_remembered_per_server),
        cmocka_unit_test(no_falling_back_after_a_refused_login_or_with_a_fixed_version),
        cmocka_unit_test(some_refusals_will_not_change),
        cmocka_unit_test(return_codes_of_3_are_understood),
        cmocka_unit_test(results_of_our_own),
        cmocka_unit_test(one_hopeless_server_of_several),
        cmocka_unit_test(a_session_taken_over_is_not_taken_back),
        cmocka_unit_test(attempts_are_counted),
        cmocka_unit_test(once_is_enough),
        cmocka_unit_test(a_reference_is_followed_for_a_while),
        cmocka_unit_test(a_reference_is_followed_for_good),
        cmocka_unit_test(circles_of_references_end),
        cmocka_unit_test(references_are_not_trusted),
        cmocka_unit_test(a_detour_that_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, end);
}
