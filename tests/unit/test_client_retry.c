// SPDX-License-Identifier: MIT
// What retry.h decides, done by a client: it falls back, follows references, and gives up. Time is a number.
#include <mqwire/client.h>

#include "client/retry.h"
#include "unit/client_world.h"

static void was_at(int attempt, const char *address)
{
    assert_string_equal(w.addresses[attempt], address);
}

static void a_reference_is_followed_at_once(void **state)
{
    mqw_client_options options = usual();
    (void)state;
    options.address = "mqtts://user:secret@one:1,two";
    options.follow_reference = true;
    start(&options);
    uint64_t begun = w.now;
    server_says("CONNACK reason=0x9c server_reference=\"three:3 four\"");
    assert_int_equal(w.opened, 2);
    was_at(0, "mqtts://one:1");
    was_at(1, "mqtts://three:3");
    assert_non_null(strstr(heard, "username=\"user\" password=\"secret\""));
    server_says("CONNACK reason=0x00");
    server_says("DISCONNECT reason=0x9d server_reference=\"five\"");
    assert_int_equal(w.opened, 3);
    was_at(2, "mqtts://five");
    assert_int_equal(w.now, begun);
    finish();
}

static void a_circle_of_references_ends(void **state)
{
    mqw_client_options options = usual();
    (void)state;
    options.address = "one";
    options.follow_reference = true;
    start(&options);
    for (int i = 0; i < MQW__RETRY_HOPS; i++)
        server_says(i % 2 ? "CONNACK reason=0x9c server_reference=\"one\""
                          : "CONNACK reason=0x9c server_reference=\"two\"");
    assert_int_equal(w.opened, MQW__RETRY_HOPS + 1);
    server_says("CONNACK reason=0x9c server_reference=\"two\"");
    assert_int_equal(w.opened, MQW__RETRY_HOPS + 1); // now there is a pause
    passes(2000);
    assert_int_equal(w.opened, MQW__RETRY_HOPS + 2);
    finish();
}

static void a_refused_login_is_no_reason_to_fall_back(void **state)
{
    mqw_connect connect = {.client_id = MQW_TEXT("c"), .clean_start = true};
    mqw_client_options options = usual();
    (void)state;
    options.connect = &connect;
    start(&options);
    server_says("CONNACK reason=0x84"); // its level is unknown
    assert_int_equal(w.opened, 2);
    assert_int_equal(mqw_conn_version(present()->client), MQW_3_1_1);
    server_says("CONNACK reason=5");
    assert_int_equal(w.opened, 2);
    assert_true(w.gone);
    finish();
}

// Ten minutes of a server that lets in and hangs up.
static void no_storm(void **state)
{
    mqw_client_options options = usual();
    (void)state;
    start(&options);
    for (uint64_t end = w.now + 600000; w.now < end;) {
        assert_true(w.opened < WIRES - 1);
        server_says("CONNACK reason=0x00");
        cut();
        reconnects();
    }
    assert_true(w.opened > 8);
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reference_is_followed_at_once),
        cmocka_unit_test(a_circle_of_references_ends),
        cmocka_unit_test(a_refused_login_is_no_reason_to_fall_back),
        cmocka_unit_test(no_storm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
