// SPDX-License-Identifier: MIT
// What single options of a client do: no aliases of its own, what counts as a stable connection, and the
// bound of what waits, for requests, too.
#include <mqwire/client.h>

#include "unit/client_world.h"

// ---- no_aliases ----

static void publishes_twice(bool no_aliases, const char *expected)
{
    mqw_client_options options = usual();
    options.no_aliases = no_aliases;
    open_with(&options, "CONNACK reason=0x00 topic_alias_maximum=2");
    publishes("a", 0);
    publishes("b", 0);
    settle();
    hears(expected);
    finish();
}

// v5:MQTT-3.3.2-9: the server allows aliases, it does not demand them.
static void topics_are_said_in_full(void **state)
{
    (void)state;
    publishes_twice(false, "PUBLISH topic=\"t\" payload=\"a\" topic_alias=1\n"
                           "PUBLISH topic=\"t\" payload=\"b\" topic_alias=1\n" // resolved by the server
                           "- done a 0\n- done b 0");
    publishes_twice(true, "PUBLISH topic=\"t\" payload=\"a\"\n"
                          "PUBLISH topic=\"t\" payload=\"b\"\n"
                          "- done a 0\n- done b 0");
}

// ---- stable ----

// Milliseconds until it tries again after a connection that lasted so long.
static uint64_t pause_after(uint64_t lasting)
{
    server_says("CONNACK reason=0x00");
    passes(lasting);
    cut();
    uint64_t begun = w.now;
    int before = w.opened;
    for (int i = 0; w.opened == before; i++) {
        assert_true(i < 100000);
        passes(1);
    }
    return w.now - begun;
}

// Pauses go up to 1, 2, 4, 8 seconds, and begin anew after a connection that lasted long enough.
static void back_off_begins_anew_after_a_stable_connection(void **state)
{
    static const uint32_t stables[] = {0, 3000}, bounds[] = {10000, 3000}; // 0: the default
    (void)state;
    for (int i = 0; i < 2; i++) {
        mqw_client_options options = usual();
        options.stable = stables[i];
        start(&options);
        uint64_t first = pause_after(0);
        uint64_t second = pause_after(bounds[i] - 1);
        uint64_t third = pause_after(bounds[i] - 1);
        assert_in_range(first, 1, 1000);
        assert_true(second > 1000 && third > 2000); // of the random number of this world
        assert_int_equal(pause_after(bounds[i]), first);
        assert_int_equal(pause_after(bounds[i] - 1), second);
        finish();
    }
}

// What the program asks for is no failure.
static void reconnecting_does_not_lengthen_pauses(void **state)
{
    (void)state;
    mqw_client_options options = usual();
    options.max_attempts = 3;
    start(&options);
    uint64_t first = pause_after(0);
    for (int i = 0; i < 6; i++) {
        server_says("CONNACK reason=0x00");
        mqw_client_reconnect(w.client); // of a connection
        settle();
    }
    for (int i = 0; i < 6; i++) {
        mqw_client_reconnect(w.client); // of an attempt
        settle();
    }
    uint64_t second = pause_after(0);
    assert_true(second > first && second <= 2000);
    assert_false(w.gone);
    finish();
}

// A server that does not answer does not hold up a program that wants to be elsewhere.
static void reconnecting_leaves_an_attempt_for_the_next_server(void **state)
{
    (void)state;
    mqw_client_options options = usual();
    options.address = "one two";
    start(&options);
    mqw_client_reconnect(w.client);
    settle();
    assert_string_equal(w.addresses[1], "two");
    server_says("CONNACK reason=0x00");
    mqw_client_reconnect(w.client);
    settle();
    assert_string_equal(w.addresses[2], "two"); // the session is there
    finish();
}

// ---- max_queued, for requests ----

static int unsubscribe_from(const char *filter)
{
    mqw_text item = {filter, strlen(filter)};
    return mqw_client_unsubscribe(w.client, &item, 1, NULL, NULL, NULL);
}

static void requests_are_bounded(void **state)
{
    (void)state;
    mqw_client_options options = usual();
    options.max_queued = 3;
    options.request_timeout = 1000;
    start(&options); // not connected yet
    assert_int_equal(subscribe_to("a", 1, "a"), 0);
    assert_int_equal(unsubscribe_from("b"), 0);
    assert_int_equal(subscribe_to("c", 1, "c"), 0);
    assert_int_equal(subscribe_to("d", 1, "d"), MQW_E_FULL);
    assert_int_equal(unsubscribe_from("d"), MQW_E_FULL);
    publishes("x", 1); // messages have a bound of their own
    heard[0] = '\0';
    server_says("CONNACK reason=0x00");
    assert_int_equal(subscribe_to("d", 1, "d"), MQW_E_FULL); // in flight
    heard[0] = '\0';
    server_says("SUBACK packet_id=2 reasons=0x01"); // 1 is that of the message
    hears("- done a 1");
    assert_int_equal(subscribe_to("d", 1, "d"), 0);
    assert_int_equal(subscribe_to("e", 1, "e"), MQW_E_FULL);
    passes(1000); // those without answer are told, but keep their identifiers
    assert_int_equal(subscribe_to("e", 1, "e"), MQW_E_FULL);
    server_says("UNSUBACK packet_id=3 reasons=0x00");
    assert_int_equal(subscribe_to("e", 1, "e"), 0);
    cut(); // no answer is waited for any more
    assert_int_equal(subscribe_to("f", 1, "f"), 0);
    assert_int_equal(subscribe_to("g", 1, "g"), 0);
    assert_int_equal(subscribe_to("h", 1, "h"), MQW_E_FULL);
    finish();
}

// Also when one is told its end: no more of them are held than the bound says.
static void requests_that_time_out_make_room(void **state)
{
    (void)state;
    mqw_client_options options = usual();
    options.max_queued = 2;
    options.request_timeout = 1000;
    start(&options);
    for (int round = 0; round < 3; round++) {
        assert_int_equal(subscribe_to("a", 1, "a"), 0);
        assert_int_equal(subscribe_to("b", 1, "b"), 0);
        assert_int_equal(subscribe_to("c", 1, "c"), MQW_E_FULL);
        passes(1000);
    }
    finish();
}

static void bytes_of_requests_are_bounded(void **state)
{
    static char filter[9000];
    (void)state;
    mqw_client_options options = usual();
    options.max_queued_bytes = 20000;
    start(&options);
    memset(filter, 'f', sizeof filter - 1);
    assert_int_equal(subscribe_to(filter, 1, "a"), 0);
    assert_int_equal(subscribe_to(filter, 1, "b"), MQW_E_FULL); // in wire form, and as a subscription
    assert_int_equal(subscribe_to("c", 1, "c"), 0);
    const mqw_filter two[] = {{.filter = {filter, 5000}}, {.filter = {filter, 5001}}};
    assert_int_equal(mqw_client_subscribe(w.client, two, 2, NULL, NULL, NULL), MQW_E_TOO_LARGE);
    finish();
}

// What is restored was granted already.
static void the_bound_does_not_stop_restoring(void **state)
{
    static const char *const names[] = {"a", "b", "c", "d", "e"};
    (void)state;
    mqw_client_options options = usual();
    options.max_queued = 2;
    open_with(&options, "CONNACK reason=0x00");
    for (int i = 0; i < 5; i++) {
        char answer[64];
        assert_int_equal(subscribe_to(names[i], (uint8_t)(i & 1), names[i]), 0);
        settle();
        snprintf(answer, sizeof answer, "SUBACK packet_id=%d reasons=0x0%d", i + 1, i & 1);
        server_says(answer);
    }
    cut();
    reconnects();
    assert_int_equal(subscribe_to("x", 1, "x"), 0);
    assert_int_equal(subscribe_to("y", 1, "y"), 0);
    heard[0] = '\0';
    server_says("CONNACK reason=0x00");
    hears("- open\n"
          "SUBSCRIBE packet_id=6 filter=\"x\":1\n"
          "SUBSCRIBE packet_id=7 filter=\"y\":1\n"
          "SUBSCRIBE packet_id=8 filter=\"a\":0 filter=\"b\":1 filter=\"c\":0 filter=\"d\":1 filter=\"e\":0");
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(topics_are_said_in_full),
        cmocka_unit_test(back_off_begins_anew_after_a_stable_connection),
        cmocka_unit_test(reconnecting_does_not_lengthen_pauses),
        cmocka_unit_test(reconnecting_leaves_an_attempt_for_the_next_server),
        cmocka_unit_test(requests_are_bounded),
        cmocka_unit_test(requests_that_time_out_make_room),
        cmocka_unit_test(bytes_of_requests_are_bounded),
        cmocka_unit_test(the_bound_does_not_stop_restoring),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
