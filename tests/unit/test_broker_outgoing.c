// SPDX-License-Identifier: MIT
// What leaves for a client, and when: bounds, acknowledgements, connections that break, expiry.
#include <mqwire/broker.h>

#include "unit/broker_world.h"

static const char *const drops[] = {"?",       "expired",   "queue full", "too large", "session over",
                                    "refused", "no memory", "store"};

static void was_dropped(mqw_broker *broker, mqw_text id, const mqw_publish *publish, mqw_drop why, void *ctx)
{
    (void)broker;
    (void)ctx;
    note("- %.*s has not %.*s: %s", (int)id.len, id.data, (int)publish->payload.len,
         (const char *)publish->payload.data, drops[why]);
}

static void joins(const char *name, int version, const char *more)
{
    char line[200];
    snprintf(line, sizeof line, "CONNECT version=%d client_id=\"%s\"%s", version, name, more);
    is_there(name, line);
}

static mqw_broker_options with_limits(mqw_broker_limits limits)
{
    return (mqw_broker_options){.limits = limits, .hooks = {.on_dropped = was_dropped}};
}

static mqw_broker_status status(void)
{
    mqw_broker_status now = {.size = sizeof now};
    mqw_broker_status_of(w.broker, &now);
    return now;
}

// A client takes nothing for a while.
static void stalls(const char *name, bool on)
{
    wire_of(name)->stalled = on;
    settle();
}

// Publishes payloads of one letter each: "abc" are three messages.
static void publishes(const char *letters, int qos)
{
    for (uint16_t id = 1; *letters; letters++, id++) {
        mqw_publish publish = {
            .topic = MQW_TEXT("t"), .payload = {(const uint8_t *)letters, 1}, .qos = (uint8_t)qos};
        (void)mqw_broker_publish(w.broker, &publish);
    }
    settle();
}

// --- QoS 0 and a reader that is slow ---

static void fills(const char *name)
{
    (void)name;
    static uint8_t much[3000];
    mqw_publish publish = {.topic = MQW_TEXT("t"), .payload = {much, sizeof much}};
    assert_int_equal(mqw_broker_publish(w.broker, &publish), 0);
    settle();
    heard[0] = '\0';
}

// What finds no room in the output waits, up to the bound of the queue; the oldest gives way.
static void lets_the_oldest_of_qos_0_give_way(void **state)
{
    (void)state;
    mqw_broker_options options = with_limits((mqw_broker_limits){.max_output = 2000, .max_queued = 2});
    start(&options);
    joins("a", 5, " clean_start");
    does("a", "SUBSCRIBE packet_id=1 filter=\"t\":1");
    stalls("a", true);
    fills("a");
    publishes("abc", 0);
    hears("- a has not a: queue full");
    assert_int_equal(status().queued, 2);
    assert_int_equal(status().queued_bytes, 4);
    publishes("d", 1);
    hears("- a has not b: queue full");
    publishes("e", 1);
    hears("- a has not c: queue full");
    assert_int_equal(
        mqw_broker_publish(w.broker,
                           &(mqw_publish){.topic = MQW_TEXT("t"), .payload = bytes_of("f"), .qos = 1}),
        MQW_E_FULL);
    hears("- a has not f: queue full");
    publishes("g", 0);
    hears("- a has not g: queue full");
    wire_of("a")->deaf = true;
    wire_of("a")->stalled = false;
    (void)wire_down(wire_of("a"));
    wire_of("a")->deaf = false;
    settle();
    hears(
        "a: PUBLISH topic=\"t\" payload=\"d\" qos=1 packet_id=1\na: PUBLISH topic=\"t\" payload=\"e\" qos=1 packet_id=2");
    does("a", "PUBACK packet_id=1");
    does("a", "PUBACK packet_id=2");
    assert_int_equal(status().queued, 0);
    assert_int_equal(status().dropped_full, 5);
    finish();
}

static void sends_what_has_waited_in_its_order(void **state)
{
    (void)state;
    mqw_broker_options options = with_limits((mqw_broker_limits){.max_output = 2000});
    start(&options);
    joins("a", 4, " clean_start");
    does("a", "SUBSCRIBE packet_id=1 filter=\"t\":0");
    stalls("a", true);
    fills("a");
    publishes("abc", 0);
    wire_of("a")->deaf = true;
    wire_of("a")->stalled = false;
    (void)wire_down(wire_of("a"));
    wire_of("a")->deaf = false;
    settle();
    hears(
        "a: PUBLISH topic=\"t\" payload=\"a\"\na: PUBLISH topic=\"t\" payload=\"b\"\na: PUBLISH topic=\"t\" payload=\"c\"");
    assert_int_equal(status().messages_stored, 0);
    finish();
}

static void refuses_when_it_is_told_to(void **state)
{
    (void)state;
    mqw_broker_options options =
        with_limits((mqw_broker_limits){.max_output = 2000, .max_queued = 1, .when_full = MQW_QUEUE_REFUSE});
    start(&options);
    joins("a", 5, " clean_start");
    joins("p", 5, " clean_start");
    does("a", "SUBSCRIBE packet_id=1 filter=\"t\":1");
    stalls("a", true);
    fills("a");
    publishes("ab", 0);
    hears("- a has not b: queue full");
    tells("p", "PUBLISH topic=\"t\" payload=\"c\" qos=1 packet_id=5");
    hears("- a has not c: queue full\np: PUBACK packet_id=5 reason=0x97");
    finish();
}

static void closes_when_it_is_told_to(void **state)
{
    (void)state;
    mqw_broker_options options =
        with_limits((mqw_broker_limits){.max_queued = 2, .when_full = MQW_QUEUE_CLOSE});
    start(&options);
    joins("a", 5, " session_expiry=1000");
    does("a", "SUBSCRIBE packet_id=1 filter=\"t\":1");
    publishes("abc", 1);
    assert_non_null(strstr(heard, "a: DISCONNECT reason=0x97"));
    heard[0] = '\0';
    assert_int_equal(status().clients_total, 0);
    joins("b", 5, " session_expiry=1000");
    does("b", "SUBSCRIBE packet_id=1 filter=\"t\":1");
    cut("b");
    publishes("abc", 1);
    passes(1);
    assert_int_equal(status().clients_total, 0);
    assert_int_equal(status().queued, 0);
    finish();
}

static void bounds_the_bytes_of_a_queue(void **state)
{
    (void)state;
    mqw_broker_options options = with_limits((mqw_broker_limits){.max_queued_bytes = 7});
    start(&options);
    joins("a", 4, "");
    does("a", "SUBSCRIBE packet_id=1 filter=\"t\":1");
    cut("a");
    heard[0] = '\0';
    publishes("abcd", 1);
    hears("- a has not d: queue full");
    finish();
}

// --- flow control ---

// v5:MQTT-3.3.4-9 v5:MQTT-4.9.0-1 v5:MQTT-4.9.0-2 v5:MQTT-4.6.0-5 v4:MQTT-4.6.0-5: no more than the client's
// receive maximum, in order; QoS 0 does not wait.
static void keeps_to_the_receive_maximum(void **state)
{
    (void)state;
    start(NULL);
    joins("a", 5, " clean_start receive_maximum=2");
    does("a", "SUBSCRIBE packet_id=1 filter=\"t\":2");
    publishes("abc", 1);
    publishes("d", 0);
    hears(
        "a: PUBLISH topic=\"t\" payload=\"a\" qos=1 packet_id=1\na: PUBLISH topic=\"t\" payload=\"b\" qos=1 packet_id=2\n"
        "a: PUBLISH topic=\"t\" payload=\"d\"");
    assert_int_equal(status().inflight, 2);
    assert_int_equal(status().queued, 3);
    tells("a", "PUBACK packet_id=1");
    hears("a: PUBLISH topic=\"t\" payload=\"c\" qos=1 packet_id=3");
    does("a", "PUBACK packet_id=2");
    does("a", "PUBACK packet_id=3");
    assert_int_equal(status().inflight, 0);
    assert_int_equal(status().queued, 0);
    finish();
}

static void keeps_to_its_own_bound_in_flight(void **state)
{
    (void)state;
    mqw_broker_options options = with_limits((mqw_broker_limits){.max_inflight = 1});
    start(&options);
    joins("a", 4, " clean_start");
    does("a", "SUBSCRIBE packet_id=1 filter=\"t\":2");
    publishes("ab", 2);
    hears("a: PUBLISH topic=\"t\" payload=\"a\" qos=2 packet_id=1");
    tells("a", "PUBREC packet_id=1");
    hears("a: PUBREL packet_id=1");
    tells("a", "PUBCOMP packet_id=1");
    hears("a: PUBLISH topic=\"t\" payload=\"b\" qos=2 packet_id=2");
    finish();
}

// --- acknowledgements ---

// v4:MQTT-4.3.3-1 v5:MQTT-4.3.3-7 v5:MQTT-4.3.3-8; section 3.6.2.1: a PUBREC that nobody waits for is
// answered.
static void answers_what_it_does_not_know(void **state)
{
    (void)state;
    start(NULL);
    joins("a", 5, " clean_start");
    joins("b", 4, " clean_start");
    tells("a", "PUBREC packet_id=7");
    hears("a: PUBREL packet_id=7 reason=0x92");
    tells("b", "PUBREC packet_id=7");
    hears("b: PUBREL packet_id=7");
    tells("a", "PUBACK packet_id=7");
    tells("a", "PUBCOMP packet_id=7 reason=0x92");
    tells("a", "PUBREC packet_id=7 reason=0x80");
    hears("");
    finish();
}

static void ends_who_answers_what_was_not_asked(void **state)
{
    (void)state;
    start(NULL);
    joins("a", 5, " clean_start");
    does("a", "SUBSCRIBE packet_id=1 filter=\"t\":2");
    publishes("a", 2);
    heard[0] = '\0';
    tells("a", "PUBACK packet_id=1");
    assert_non_null(strstr(heard, "a: DISCONNECT reason=0x82"));
    heard[0] = '\0';
    finish();
}

// v5:MQTT-4.3.3-4 … unless PUBREC says 0x80 or more; v5:MQTT-4.4.0-2: then it is over.
static void drops_what_a_client_refuses(void **state)
{
    (void)state;
    mqw_broker_options options = with_limits((mqw_broker_limits){0});
    start(&options);
    joins("a", 5, " session_expiry=100");
    does("a", "SUBSCRIBE packet_id=1 filter=\"t\":2");
    publishes("a", 1);
    publishes("b", 2);
    heard[0] = '\0';
    tells("a", "PUBACK packet_id=1 reason=0x87");
    tells("a", "PUBREC packet_id=2 reason=0x83");
    hears("- a has not a: refused\n- a has not b: refused");
    cut("a");
    heard[0] = '\0';
    connects("a", "CONNECT version=5 client_id=\"a\"");
    assert_null(strstr(heard, "PUBLISH"));
    heard[0] = '\0';
    finish();
}

// --- sessions that go on ---

// v4:MQTT-4.4.0-1 v5:MQTT-4.4.0-1 v4:MQTT-4.1.0-1 v4:MQTT-4.6.0-1 v5:MQTT-4.6.0-1 v5:MQTT-3.3.1-1: again with
// DUP, their identifiers and their order, and then what has come meanwhile.
static void sends_again_after_a_break(void **state)
{
    (void)state;
    start(NULL);
    joins("a", 4, "");
    does("a", "SUBSCRIBE packet_id=1 filter=\"t\":2");
    publishes("a", 1);
    publishes("b", 2);
    publishes("c", 2);
    does("a", "PUBREC packet_id=2");
    cut("a");
    publishes("d", 1);
    publishes("e", 0);
    heard[0] = '\0';
    connects("a", "CONNECT version=4 client_id=\"a\"");
    hears("a: CONNACK session_present reason=0x00\na: PUBREL packet_id=2\n"
          "a: PUBLISH topic=\"t\" payload=\"a\" qos=1 packet_id=1 dup\n"
          "a: PUBLISH topic=\"t\" payload=\"c\" qos=2 packet_id=3 dup\n"
          "a: PUBLISH topic=\"t\" payload=\"d\" qos=1 packet_id=4");
    does("a", "PUBCOMP packet_id=2");
    does("a", "PUBACK packet_id=1");
    does("a", "PUBREC packet_id=3");
    does("a", "PUBCOMP packet_id=3");
    does("a", "PUBACK packet_id=4");
    assert_int_equal(status().inflight, 0);
    assert_int_equal(status().queued, 0);
    assert_int_equal(status().messages_stored, 0);
    finish();
}

// A client that comes back in another version gets what it can say.
static void downgrades_what_has_waited(void **state)
{
    (void)state;
    start(NULL);
    joins("a", 5, " session_expiry=100");
    joins("p", 5, "");
    does("a", "SUBSCRIBE packet_id=1 filter=\"t\":1 subscription_id=9");
    cut("a");
    does("p", "PUBLISH topic=\"t\" payload=\"x\" qos=1 packet_id=1 content_type=\"c\" message_expiry=50");
    connects("a", "CONNECT version=4 client_id=\"a\"");
    hears("a: CONNACK session_present reason=0x00\na: PUBLISH topic=\"t\" payload=\"x\" qos=1 packet_id=1");
    cut("a");
    heard[0] = '\0';
    passes(2500);
    connects("a", "CONNECT version=5 client_id=\"a\"");
    assert_non_null(strstr(heard,
                           "a: PUBLISH topic=\"t\" payload=\"x\" qos=1 packet_id=1 dup message_expiry=48 "
                           "content_type=\"c\" subscription_id=9"));
    heard[0] = '\0';
    finish();
}

// What a session holds when it ends is told as dropped.
static void tells_what_a_session_leaves(void **state)
{
    (void)state;
    mqw_broker_options options = with_limits((mqw_broker_limits){.max_output = 2000});
    start(&options);
    joins("a", 5, " session_expiry=10");
    does("a", "SUBSCRIBE packet_id=1 filter=\"t\":1");
    publishes("a", 1);
    stalls("a", true);
    fills("a");
    publishes("b", 0);
    wire_end(wire_of("a"));
    settle();
    hears("- a has not b: session over\na: closed");
    passes(11000);
    hears("- a has not a: session over");
    assert_int_equal(status().messages_stored, 0);
    assert_int_equal(status().inflight, 0);
    finish();
}

// --- size and time ---

// v5:MQTT-3.1.2-24 v5:MQTT-3.1.2-25: it is as if it had been sent.
static void drops_what_is_too_large_for_the_client(void **state)
{
    (void)state;
    mqw_broker_options options = with_limits((mqw_broker_limits){0});
    start(&options);
    joins("a", 5, " clean_start maximum_packet_size=20");
    joins("p", 5, "");
    does("a", "SUBSCRIBE packet_id=1 filter=\"t\":1");
    tells("p", "PUBLISH topic=\"t\" payload=\"01234567890123456789\" qos=1 packet_id=1");
    hears("- a has not 01234567890123456789: too large\np: PUBACK packet_id=1");
    tells("p", "PUBLISH topic=\"t\" payload=\"01234567890123456789\"");
    hears("- a has not 01234567890123456789: too large");
    tells("p", "PUBLISH topic=\"t\" payload=\"x\" qos=1 packet_id=1");
    hears("a: PUBLISH topic=\"t\" payload=\"x\" qos=1 packet_id=2\np: PUBACK packet_id=1");
    finish();
}

// v5:MQTT-3.3.2-5: what waits goes when its time is over, whether the client comes or not.
static void drops_what_has_expired(void **state)
{
    (void)state;
    mqw_broker_options options = with_limits((mqw_broker_limits){0});
    start(&options);
    joins("a", 5, " session_expiry=100");
    joins("p", 5, " keep_alive=0");
    does("a", "SUBSCRIBE packet_id=1 filter=\"t\":1");
    cut("a");
    does("p", "PUBLISH topic=\"t\" payload=\"x\" qos=1 packet_id=1 message_expiry=5");
    does("p", "PUBLISH topic=\"t\" payload=\"y\" qos=1 packet_id=1 message_expiry=3");
    does("p", "PUBLISH topic=\"t\" payload=\"z\" qos=1 packet_id=1");
    passes(2000);
    hears("");
    passes(1500);
    hears("- a has not y: expired");
    passes(2000);
    hears("- a has not x: expired");
    assert_int_equal(status().messages_stored, 1);
    assert_int_equal(status().dropped_expired, 2);
    finish();
}

static void drops_qos_0_that_has_expired(void **state)
{
    (void)state;
    mqw_broker_options options = with_limits((mqw_broker_limits){.max_output = 2000});
    start(&options);
    joins("a", 5, " clean_start");
    joins("p", 5, " keep_alive=0");
    does("a", "SUBSCRIBE packet_id=1 filter=\"t\":1");
    stalls("a", true);
    fills("a");
    does("p", "PUBLISH topic=\"t\" payload=\"x\" message_expiry=2");
    does("p", "PUBLISH topic=\"t\" payload=\"y\"");
    does("p", "PUBLISH topic=\"t\" payload=\"z\" message_expiry=1");
    passes(1100);
    hears("- a has not z: expired");
    passes(2000);
    hears("- a has not x: expired");
    assert_int_equal(status().queued, 1);
    finish();
}

// --- memory ---

static void refuses_above_the_bound_of_memory(void **state)
{
    (void)state;
    mqw_broker_options options = {.hooks = {.on_dropped = was_dropped}, .max_memory = 20000};
    start(&options);
    joins("a", 4, "");
    joins("p", 5, "");
    does("a", "SUBSCRIBE packet_id=1 filter=\"t\":1");
    cut("a");
    heard[0] = '\0';
    int taken = 0;
    char payload[1024] = {0};
    mqw_publish publish = {
        .topic = MQW_TEXT("t"), .payload = {(const uint8_t *)payload, sizeof payload}, .qos = 1};
    while (mqw_broker_publish(w.broker, &publish) == 0)
        taken++;
    assert_in_range(taken, 5, 20);
    assert_in_range(status().memory, 15000, 20000);
    heard[0] = '\0';
    connects("a", "CONNECT version=4 client_id=\"a\" clean_start");
    settle();
    assert_in_range(status().memory, 0, 15000);
    heard[0] = '\0';
    finish();
}

// Every allocation of a busy hour fails once: nothing breaks, and nothing stays.
static void busy_hour(void)
{
    static const char *const lines[] = {
        "SUBSCRIBE packet_id=1 filter=\"t/#\":2 filter=\"t/+\":1 filter=\"$share/g/t/1\":1",
        "PUBLISH topic=\"t/1\" payload=\"x\" qos=1 packet_id=1 retain message_expiry=9 user=\"a\":\"b\"",
        "PUBLISH topic=\"t/2\" payload=\"y\" qos=2 packet_id=2 retain",
        "PUBREL packet_id=2",
        "PUBLISH topic=\"t/3\" payload=\"z\" message_expiry=1",
        "SUBSCRIBE packet_id=2 filter=\"+/+\":1",
    };
    for (size_t i = 0; i < COUNT(lines); i++) {
        wire *at = wire_of("a");
        if (at->dead || at->closing || say(at->client, lines[i]) < 0)
            continue;
        settle();
    }
    if (!wire_of("a")->dead)
        cut("a");
    passes(3000);
    heard[0] = '\0';
}

static bool survives(unsigned fail_at)
{
    mqw_broker_options options = with_limits((mqw_broker_limits){.max_output = 1});
    start(&options);
    wire *at = arrives("a");
    w.memory.allocations = 0;
    w.memory.fail_at = fail_at;
    if (mqw__broker_serve(w.broker, at->server, NULL) < 0) {
        at->closing = at->deaf = true;
        mqw_conn_free(at->client);
        mqw_conn_set_link(at->server, NULL, NULL);
        mqw_conn_free(at->server);
        w.opened--;
    } else {
        tells("a", "CONNECT version=5 client_id=\"a\" session_expiry=100 receive_maximum=1");
        busy_hour();
    }
    bool failed = w.memory.failed;
    w.memory.fail_at = 0;
    finish();
    return failed;
}

static void survives_each_failure_of_memory(void **state)
{
    (void)state;
    unsigned at = 1;
    while (survives(at))
        assert_true(++at < 2000);
    assert_true(at > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lets_the_oldest_of_qos_0_give_way),
        cmocka_unit_test(sends_what_has_waited_in_its_order),
        cmocka_unit_test(refuses_when_it_is_told_to),
        cmocka_unit_test(closes_when_it_is_told_to),
        cmocka_unit_test(bounds_the_bytes_of_a_queue),
        cmocka_unit_test(keeps_to_the_receive_maximum),
        cmocka_unit_test(keeps_to_its_own_bound_in_flight),
        cmocka_unit_test(answers_what_it_does_not_know),
        cmocka_unit_test(ends_who_answers_what_was_not_asked),
        cmocka_unit_test(drops_what_a_client_refuses),
        cmocka_unit_test(sends_again_after_a_break),
        cmocka_unit_test(downgrades_what_has_waited),
        cmocka_unit_test(tells_what_a_session_leaves),
        cmocka_unit_test(drops_what_is_too_large_for_the_client),
        cmocka_unit_test(drops_what_has_expired),
        cmocka_unit_test(drops_qos_0_that_has_expired),
        cmocka_unit_test(refuses_above_the_bound_of_memory),
        cmocka_unit_test(survives_each_failure_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
