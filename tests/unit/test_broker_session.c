// SPDX-License-Identifier: MIT
// Sessions of the broker: what is kept, for how long, and who takes them over; and wills.
#include <mqwire/broker.h>

#include "unit/broker_world.h"

#define LIMITS  " receive_maximum=1024 topic_alias_maximum=16 maximum_packet_size=1048576"
#define WELCOME ": CONNACK reason=0x00" LIMITS
#define AGAIN   ": CONNACK session_present reason=0x00" LIMITS

// A subscriber that hears what happens meanwhile.
static void start_with_ears(const mqw_broker_options *options)
{
    start(options);
    is_there("ear", "CONNECT version=5 client_id=\"ear\" clean_start");
    does("ear", "SUBSCRIBE packet_id=1 filter=\"#\":2:retain_as_published");
}

static mqw_broker_status status_now(void)
{
    mqw_broker_status status = {.size = sizeof status};
    mqw_broker_status_of(w.broker, &status);
    return status;
}

// ---- kept or not ----

// v5:MQTT-3.1.2-5, v5:MQTT-3.1.2-23, v5:MQTT-3.2.2-3, v4:MQTT-3.1.2-4, v4:MQTT-3.2.2-2, v4:MQTT-3.1.2-5,
// v5:MQTT-4.1.0-1: subscriptions and what was published meanwhile are there again.
static void a_session_is_gone_on_with(void **state)
{
    (void)state;
    start(NULL);
    is_there("a", "CONNECT version=5 client_id=\"a\" session_expiry=100");
    does("a", "SUBSCRIBE packet_id=1 filter=\"t\":1");
    cut("a");
    is_there("b", "CONNECT version=4 client_id=\"b\"");
    does("b", "SUBSCRIBE packet_id=1 filter=\"t\":2");
    cut("b");
    is_there("c", "CONNECT version=4 client_id=\"c\"");
    does("c", "PUBLISH topic=\"t\" payload=\"x\" qos=2 packet_id=1");
    connects("a", "CONNECT version=5 client_id=\"a\" session_expiry=100");
    hears("a" AGAIN "\na: PUBLISH topic=\"t\" payload=\"x\" qos=1 packet_id=1");
    connects("b", "CONNECT version=4 client_id=\"b\"");
    hears("b: CONNACK session_present reason=0x00\nb: PUBLISH topic=\"t\" payload=\"x\" qos=2 packet_id=1");
    finish();
}

// v5:MQTT-3.1.2-4, v5:MQTT-3.1.2-6, v5:MQTT-3.1.4-4, v5:MQTT-3.2.2-2, v4:MQTT-3.1.2-6, v4:MQTT-3.2.2-1,
// v4:MQTT-3.2.2-3
static void a_clean_start_is_one(void **state)
{
    (void)state;
    start(NULL);
    connects("a", "CONNECT version=5 client_id=\"a\" session_expiry=100");
    hears("a" WELCOME);
    does("a", "SUBSCRIBE packet_id=1 filter=\"t\":1");
    cut("a");
    heard[0] = '\0';
    assert_int_equal(status_now().subscriptions, 1);
    connects("a", "CONNECT version=5 client_id=\"a\" session_expiry=100 clean_start");
    hears("a" WELCOME);
    assert_int_equal(status_now().subscriptions, 0);
    cut("a");
    is_there("a", "CONNECT version=4 client_id=\"a\"");
    cut("a");
    heard[0] = '\0';
    connects("a", "CONNECT version=4 client_id=\"a\" clean_start");
    hears("a: CONNACK reason=0x00");
    cut("a");
    heard[0] = '\0';
    connects("a", "CONNECT version=4 client_id=\"a\"");
    hears("a: CONNACK reason=0x00");
    finish();
}

// v5:MQTT-4.1.0-2: without an expiry it ends with the connection.
static void a_session_without_expiry_ends(void **state)
{
    (void)state;
    start(NULL);
    is_there("a", "CONNECT version=5 client_id=\"a\"");
    cut("a");
    assert_int_equal(status_now().clients_total, 0);
    heard[0] = '\0';
    connects("a", "CONNECT version=5 client_id=\"a\"");
    hears("a" WELCOME);
    finish();
}

// v5:MQTT-4.1.0-2, by the wall clock; v5:MQTT-4.1.0-1: not while it is connected.
static void a_session_expires(void **state)
{
    (void)state;
    start(NULL);
    is_there("a", "CONNECT version=5 client_id=\"a\" session_expiry=10");
    passes(60000);
    assert_int_equal(status_now().clients_total, 1);
    cut("a");
    passes(9999);
    assert_int_equal(status_now().clients_total, 1);
    passes(1);
    assert_int_equal(status_now().clients_total, 0);
    assert_int_equal(status_now().clients_expired, 1);
    is_there("b", "CONNECT version=5 client_id=\"b\" session_expiry=10");
    cut("b");
    w.clock_shift = -5000; // the clock was set back
    passes(10000);
    assert_int_equal(status_now().clients_total, 1);
    passes(5000);
    assert_int_equal(status_now().clients_total, 0);
    is_there("c", "CONNECT version=5 client_id=\"c\" session_expiry=4294967295");
    cut("c");
    passes(UINT64_C(5000000000000));
    assert_int_equal(status_now().clients_total, 1);
    finish();
}

static void an_expiry_has_a_bound(void **state)
{
    (void)state;
    const mqw_broker_options options = {.limits.max_session_expiry = 20};
    start(&options);
    connects("a", "CONNECT version=5 client_id=\"a\" session_expiry=21");
    hears("a: CONNACK reason=0x00 session_expiry=20" LIMITS);
    connects("b", "CONNECT version=4 client_id=\"b\"");
    hears("b: CONNACK reason=0x00");
    cut("a");
    cut("b");
    passes(19999);
    assert_int_equal(status_now().clients_total, 2);
    passes(1);
    assert_int_equal(status_now().clients_total, 0);
    finish();
}

// Section 3.14.2.2.2, v5:MQTT-3.1.2-23
static void an_expiry_changes_at_the_end(void **state)
{
    (void)state;
    start(NULL);
    is_there("a", "CONNECT version=5 client_id=\"a\" session_expiry=10");
    does("a", "DISCONNECT session_expiry=20");
    passes(19999);
    assert_int_equal(status_now().clients_total, 1);
    passes(1);
    assert_int_equal(status_now().clients_total, 0);
    is_there("a", "CONNECT version=5 client_id=\"a\" session_expiry=10");
    does("a", "DISCONNECT session_expiry=0");
    assert_int_equal(status_now().clients_total, 0);
    is_there("a", "CONNECT version=5 client_id=\"a\"");
    tells_raw("a", "e0 07 00 05 11 00 00 00 05");
    hears("a: DISCONNECT reason=0x82\na: closed");
    finish();
}

// ---- take-over ----

// v5:MQTT-3.1.4-3, v4:MQTT-3.1.4-2
static void the_older_connection_goes(void **state)
{
    (void)state;
    start(NULL);
    is_there("a", "CONNECT version=5 client_id=\"a\" session_expiry=10");
    does("a", "SUBSCRIBE packet_id=1 filter=\"t\":1");
    connects("b", "CONNECT version=5 client_id=\"a\" session_expiry=10");
    hears("a: DISCONNECT reason=0x8e\nb" AGAIN "\na: closed");
    tells("b", "PUBLISH topic=\"t\" payload=\"x\"");
    hears("b: PUBLISH topic=\"t\" payload=\"x\"");
    connects("c", "CONNECT version=4 client_id=\"a\"");
    hears("b: DISCONNECT reason=0x8e\nc: CONNACK session_present reason=0x00\nb: closed");
    connects("d", "CONNECT version=3 client_id=\"a\"");
    hears("c: closed\nd: CONNACK reason=0x00");
    assert_int_equal(status_now().clients_connected, 1);
    finish();
}

// A session that ends with its connection has ended when another takes its name.
static void nothing_is_left_to_take_over(void **state)
{
    (void)state;
    start(NULL);
    is_there("a", "CONNECT version=5 client_id=\"a\"");
    connects("b", "CONNECT version=5 client_id=\"a\" session_expiry=10");
    hears("a: DISCONNECT reason=0x8e\nb" WELCOME "\na: closed");
    finish();
}

// ---- kicked ----

static void a_session_is_kicked(void **state)
{
    (void)state;
    start(NULL);
    is_there("a", "CONNECT version=5 client_id=\"a\" session_expiry=10");
    assert_int_equal(mqw_broker_kick(w.broker, MQW_TEXT("a"), 0x98, false), 0);
    assert_int_equal(mqw_broker_kick(w.broker, MQW_TEXT("a"), 0x98, false), MQW_E_REFUSED);
    settle();
    hears("a: DISCONNECT reason=0x98\na: closed");
    assert_int_equal(status_now().clients_total, 1);
    assert_int_equal(mqw_broker_kick(w.broker, MQW_TEXT("a"), 0x98, true), 0);
    connects("b", "CONNECT version=5 client_id=\"a\" session_expiry=10"); // before its next turn
    hears("b" WELCOME);
    assert_int_equal(mqw_broker_kick(w.broker, MQW_TEXT("a"), 0x9c, true), 0);
    settle();
    hears("b: DISCONNECT reason=0x9c\nb: closed");
    assert_int_equal(status_now().clients_total, 0);
    assert_int_equal(mqw_broker_kick(w.broker, MQW_TEXT("a"), 0x98, true), MQW_E_REFUSED);
    finish();
}

// ---- wills ----

// v5:MQTT-3.1.2-7, -8, v4:MQTT-3.1.2-8: when the stream ends, when it breaks a rule, when it is silent.
static void a_will_is_published(void **state)
{
    (void)state;
    start_with_ears(NULL);
    const char *line =
        "CONNECT version=5 client_id=\"a\" will.topic=\"w\" will.payload=\"x\" will.qos=1 keep_alive=10";
    is_there("a", line);
    cut("a");
    hears("a: closed\near: PUBLISH topic=\"w\" payload=\"x\" qos=1 packet_id=1");
    is_there("a", line);
    tells_raw("a", "30 00");
    hears("ear: PUBLISH topic=\"w\" payload=\"x\" qos=1 packet_id=2\na: DISCONNECT reason=0x81\na: closed");
    is_there("a", line);
    passes(15000);
    hears("a: DISCONNECT reason=0x8d\near: PUBLISH topic=\"w\" payload=\"x\" qos=1 packet_id=3\na: closed");
    is_there("a", line);
    tells("a", "DISCONNECT reason=0x04");
    hears("ear: PUBLISH topic=\"w\" payload=\"x\" qos=1 packet_id=4\na: closed");
    is_there("a", "CONNECT version=4 client_id=\"a\" will.topic=\"w\" will.payload=\"y\"");
    cut("a");
    hears("a: closed\near: PUBLISH topic=\"w\" payload=\"y\"");
    finish();
}

// v5:MQTT-3.1.2-10, v5:MQTT-3.14.4-3, v4:MQTT-3.1.2-10, v4:MQTT-3.14.4-3
static void who_says_goodbye_leaves_no_will(void **state)
{
    (void)state;
    start_with_ears(NULL);
    const char *line =
        "CONNECT version=5 client_id=\"a\" session_expiry=10 will.topic=\"w\" will.payload=\"x\"";
    is_there("a", line);
    tells("a", "DISCONNECT");
    hears("a: closed");
    passes(20000);
    hears("");
    is_there("b", "CONNECT version=4 client_id=\"b\" will.topic=\"w\" will.payload=\"x\"");
    tells("b", "DISCONNECT");
    hears("b: closed");
    finish();
}

// v5:MQTT-3.1.2-14, -15, v4:MQTT-3.1.2-16, v4:MQTT-3.1.2-17
static void a_will_is_retained_when_it_says_so(void **state)
{
    (void)state;
    start_with_ears(NULL);
    is_there("a", "CONNECT version=5 client_id=\"a\" will.topic=\"w/1\" will.payload=\"x\" will.retain");
    cut("a");
    is_there("b", "CONNECT version=4 client_id=\"b\" will.topic=\"w/2\" will.payload=\"x\"");
    cut("b");
    hears("b: closed\near: PUBLISH topic=\"w/2\" payload=\"x\"");
    is_there("c", "CONNECT version=4 client_id=\"c\"");
    tells("c", "SUBSCRIBE packet_id=1 filter=\"w/+\":0");
    hears("c: SUBACK packet_id=1 reasons=0x00\nc: PUBLISH topic=\"w/1\" payload=\"x\" retain");
    finish();
}

// v5:MQTT-3.1.3-10, section 3.1.3.2: properties, their order, and an expiry that begins when it is published.
static void a_will_has_properties(void **state)
{
    (void)state;
    start_with_ears(NULL);
    is_there("a", "CONNECT version=5 client_id=\"a\" session_expiry=100 will.topic=\"w\" will.payload=\"x\" "
                  "will.payload_format=1 will.message_expiry=30 will.content_type=\"text\" "
                  "will.response_topic=\"r\" will.correlation_data=\"c\" will.will_delay=50 "
                  "will.user=\"b\":\"1\" will.user=\"a\":\"2\" will.user=\"b\":\"0\"");
    cut("a");
    heard[0] = '\0';
    passes(50000);
    hears("ear: PUBLISH topic=\"w\" payload=\"x\" payload_format=1 message_expiry=30 content_type=\"text\" "
          "response_topic=\"r\" correlation_data=\"c\" user=\"b\":\"1\" user=\"a\":\"2\" user=\"b\":\"0\"");
    finish();
}

// v5:MQTT-3.1.2-8: after its delay, or with its session, whichever is first.
static void a_will_waits(void **state)
{
    (void)state;
    start_with_ears(NULL);
    is_there("a", "CONNECT version=5 client_id=\"a\" session_expiry=100 will.topic=\"w\" will.payload=\"x\" "
                  "will.will_delay=10");
    cut("a");
    assert_int_equal(status_now().wills, 1);
    passes(9999);
    hears("a: closed");
    passes(1);
    hears("ear: PUBLISH topic=\"w\" payload=\"x\"");
    assert_int_equal(status_now().wills, 0);
    is_there("b", "CONNECT version=5 client_id=\"b\" session_expiry=5 will.topic=\"w\" will.payload=\"y\" "
                  "will.will_delay=10");
    cut("b");
    passes(4999);
    hears("b: closed");
    passes(1);
    hears("ear: PUBLISH topic=\"w\" payload=\"y\"");
    passes(10000);
    is_there("c", "CONNECT version=5 client_id=\"c\" will.topic=\"w\" will.payload=\"z\" will.will_delay=10");
    cut("c");
    hears("c: closed\near: PUBLISH topic=\"w\" payload=\"z\"");
    finish();
}

// v5:MQTT-3.1.3-9
static void who_comes_back_takes_the_will_with_him(void **state)
{
    (void)state;
    start_with_ears(NULL);
    is_there("a", "CONNECT version=5 client_id=\"a\" session_expiry=100 will.topic=\"w\" will.payload=\"x\" "
                  "will.will_delay=10");
    cut("a");
    passes(5000);
    is_there("a", "CONNECT version=5 client_id=\"a\" session_expiry=100");
    passes(20000);
    cut("a");
    passes(20000);
    hears("a: closed");
    finish();
}

// Section 3.1.2.5: the session ends with a clean start, and so the will that waits is published.
static void a_clean_start_publishes_the_will(void **state)
{
    (void)state;
    start_with_ears(NULL);
    const char *line = "CONNECT version=5 client_id=\"a\" session_expiry=100 will.topic=\"w\" "
                       "will.payload=\"x\" will.will_delay=10";
    is_there("a", line);
    cut("a");
    heard[0] = '\0';
    connects("b", "CONNECT version=5 client_id=\"a\" clean_start");
    hears("ear: PUBLISH topic=\"w\" payload=\"x\"\nb" WELCOME);
    finish();
}

// v5:MQTT-3.1.4-3: whose connection is taken over, his will is published: unless it has a delay, and the
// session goes on.
static void a_take_over_handles_the_will(void **state)
{
    (void)state;
    start_with_ears(NULL);
    const char *at_once =
        "CONNECT version=5 client_id=\"a\" session_expiry=100 will.topic=\"w\" will.payload=\"x\"";
    is_there("a", at_once);
    connects("b", "CONNECT version=5 client_id=\"a\" session_expiry=100 will.topic=\"w\" will.payload=\"y\" "
                  "will.will_delay=10");
    hears("ear: PUBLISH topic=\"w\" payload=\"x\"\na: DISCONNECT reason=0x8e\nb" AGAIN "\na: closed");
    connects("c", at_once);
    passes(20000);
    hears("b: DISCONNECT reason=0x8e\nc" AGAIN "\nb: closed");
    tells("c", "DISCONNECT");
    is_there("d", "CONNECT version=5 client_id=\"a\" session_expiry=100 will.topic=\"w\" will.payload=\"z\" "
                  "will.will_delay=10");
    connects("e", "CONNECT version=5 client_id=\"a\" clean_start");
    hears("ear: PUBLISH topic=\"w\" payload=\"z\"\nd: DISCONNECT reason=0x8e\ne" WELCOME "\nd: closed");
    finish();
}

static int may_publish(mqw_broker *broker, mqw_peer *peer, mqw_publish *publish, void *ctx)
{
    (void)broker;
    (void)ctx;
    note("- publish? %s %.*s", peer ? "somebody" : "a will", (int)publish->topic.len, publish->topic.data);
    if (publish->payload.len == 1 && publish->payload.data[0] == 'n')
        return 0x87;
    publish->topic = MQW_TEXT("elsewhere");
    return 0;
}

static void the_program_judges_wills(void **state)
{
    (void)state;
    const mqw_broker_options options = {.hooks = {.on_publish = may_publish}};
    start_with_ears(&options);
    is_there("a", "CONNECT version=5 client_id=\"a\" will.topic=\"w\" will.payload=\"x\"");
    cut("a");
    hears("- publish? a will w\na: closed\near: PUBLISH topic=\"elsewhere\" payload=\"x\"");
    is_there("a", "CONNECT version=5 client_id=\"a\" will.topic=\"w\" will.payload=\"n\"");
    cut("a");
    hears("- publish? a will w\na: closed");
    finish();
}

// A broker that closes publishes the wills of those who are there, and forgets none that wait.
static void a_broker_that_closes_publishes_wills(void **state)
{
    (void)state;
    start(NULL);
    is_there("a", "CONNECT version=5 client_id=\"a\" will.topic=\"w\" will.payload=\"x\" session_expiry=10 "
                  "will.will_delay=10");
    is_there("b", "CONNECT version=5 client_id=\"b\" will.topic=\"w\" will.payload=\"x\"");
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_is_gone_on_with),
        cmocka_unit_test(a_clean_start_is_one),
        cmocka_unit_test(a_session_without_expiry_ends),
        cmocka_unit_test(a_session_expires),
        cmocka_unit_test(an_expiry_has_a_bound),
        cmocka_unit_test(an_expiry_changes_at_the_end),
        cmocka_unit_test(the_older_connection_goes),
        cmocka_unit_test(nothing_is_left_to_take_over),
        cmocka_unit_test(a_session_is_kicked),
        cmocka_unit_test(a_will_is_published),
        cmocka_unit_test(who_says_goodbye_leaves_no_will),
        cmocka_unit_test(a_will_is_retained_when_it_says_so),
        cmocka_unit_test(a_will_has_properties),
        cmocka_unit_test(a_will_waits),
        cmocka_unit_test(who_comes_back_takes_the_will_with_him),
        cmocka_unit_test(a_clean_start_publishes_the_will),
        cmocka_unit_test(a_take_over_handles_the_will),
        cmocka_unit_test(the_program_judges_wills),
        cmocka_unit_test(a_broker_that_closes_publishes_wills),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
