// SPDX-License-Identifier: MIT
// Retained messages: set, replaced, taken out, expired; and how new subscriptions get them.
#include <mqwire/broker.h>

#include "unit/broker_world.h"

static void joins(const char *name, int version, const char *more)
{
    char line[200];
    snprintf(line, sizeof line, "CONNECT version=%d client_id=\"%s\"%s", version, name, more);
    is_there(name, line);
}

static mqw_broker_status status(void)
{
    mqw_broker_status now = {.size = sizeof now};
    mqw_broker_status_of(w.broker, &now);
    return now;
}

// n/0 … n/count-1, each with its topic as its payload.
static void retains(int count, int qos)
{
    char topic[16];
    for (int i = 0; i < count; i++) {
        snprintf(topic, sizeof topic, "n/%d", i);
        mqw_publish publish = {
            .topic = {topic, strlen(topic)}, .payload = bytes_of(topic), .qos = (uint8_t)qos, .retain = true};
        assert_int_equal(mqw_broker_publish(w.broker, &publish), 0);
    }
    settle();
}

// Takes PUBLISH off the head of a client's output, counting those that it has not got yet.
static bool seen[20000];
static int seen_count;

static void see(mqw_conn *client, const mqw_packet *packet)
{
    int number = -1;
    if (packet->type != MQW_PUBLISH)
        return;
    char topic[16] = {0};
    memcpy(topic, packet->publish.topic.data, packet->publish.topic.len);
    assert_int_equal(sscanf(topic, "n/%d", &number), 1);
    assert_in_range(number, 0, 19999);
    assert_true(packet->publish.retain);
    assert_false(seen[number] && !packet->publish.dup);
    seen_count += !seen[number];
    seen[number] = true;
    mqw_ack ack = {.packet_id = packet->publish.packet_id};
    if (packet->publish.qos)
        assert_int_equal(mqw_conn_puback(client, &ack), 0);
}

// A client that takes what is there: one load of output.
static void takes_some(const char *name)
{
    wire *at = wire_of(name);
    mqw_bytes all = take_output(at->server), left = all, nothing = {NULL, 0};
    mqw_packet packet;
    while (mqw_conn_recv(at->client, &left, &packet) > 0)
        see(at->client, &packet);
    free((void *)(uintptr_t)all.data);
    (void)mqw_conn_dispatch(at->server, &nothing, NULL, NULL);
}

static void takes_all(const char *name)
{
    for (int i = 0; i < 10000; i++) {
        wire *at = wire_of(name);
        at->stalled = true;
        settle();
        if (mqw_conn_waiting(at->server) == 0)
            return;
        takes_some(name);
    }
    fail();
}

static void sees_nothing_yet(void)
{
    memset(seen, 0, sizeof seen);
    seen_count = 0;
}

// --- subscribing ---

// v4:MQTT-3.3.1-6 v5:MQTT-3.3.1-5 v4:MQTT-3.3.1-5 v4:MQTT-3.3.1-8 v5:MQTT-3.3.1-8 v4:MQTT-3.8.4-3
// v5:MQTT-3.8.4-4: with the flag, the lesser QoS and the identifier, each time that it subscribes.
static void gives_retained_messages_to_new_subscriptions(void **state)
{
    (void)state;
    start(NULL);
    joins("p", 5, "");
    joins("a", 5, "");
    joins("b", 3, "");
    tells("p",
          "PUBLISH topic=\"t\" payload=\"x\" qos=1 packet_id=1 retain content_type=\"c\" message_expiry=100");
    hears("p: PUBACK packet_id=1 reason=0x10");
    passes(1500);
    tells("a", "SUBSCRIBE packet_id=1 filter=\"t\":2 subscription_id=4");
    hears(
        "a: SUBACK packet_id=1 reasons=0x02\n"
        "a: PUBLISH topic=\"t\" payload=\"x\" qos=1 packet_id=1 retain message_expiry=99 content_type=\"c\" subscription_id=4");
    tells("b", "SUBSCRIBE packet_id=1 filter=\"+\":0");
    hears("b: SUBACK packet_id=1 reasons=0x00\nb: PUBLISH topic=\"t\" payload=\"x\" retain");
    tells("b", "SUBSCRIBE packet_id=1 filter=\"+\":0");
    hears("b: SUBACK packet_id=1 reasons=0x00\nb: PUBLISH topic=\"t\" payload=\"x\" retain");
    finish();
}

// v5:MQTT-3.3.1-9 v5:MQTT-3.3.1-10 v5:MQTT-3.3.1-11
static void handles_retained_messages_as_asked(void **state)
{
    (void)state;
    start(NULL);
    joins("a", 5, "");
    retains(1, 0);
    tells("a", "SUBSCRIBE packet_id=1 filter=\"n/0\":0:retain_handling=1");
    hears("a: SUBACK packet_id=1 reasons=0x00\na: PUBLISH topic=\"n/0\" payload=\"n/0\" retain");
    tells("a", "SUBSCRIBE packet_id=2 filter=\"n/0\":0:retain_handling=1");
    hears("a: SUBACK packet_id=2 reasons=0x00");
    tells("a", "SUBSCRIBE packet_id=3 filter=\"n/+\":0:retain_handling=2");
    hears("a: SUBACK packet_id=3 reasons=0x00");
    tells("a", "SUBSCRIBE packet_id=4 filter=\"n/0\":0");
    hears("a: SUBACK packet_id=4 reasons=0x00\na: PUBLISH topic=\"n/0\" payload=\"n/0\" retain");
    finish();
}

// Section 4.8.2.
static void gives_none_to_shared_subscriptions(void **state)
{
    (void)state;
    start(NULL);
    joins("a", 5, "");
    retains(1, 0);
    tells("a", "SUBSCRIBE packet_id=1 filter=\"$share/g/n/0\":0");
    hears("a: SUBACK packet_id=1 reasons=0x00");
    finish();
}

// v5:MQTT-3.8.3-3 holds for them, too.
static void gives_none_of_its_own_with_no_local(void **state)
{
    (void)state;
    start(NULL);
    joins("a", 5, "");
    does("a", "PUBLISH topic=\"t\" payload=\"x\" retain");
    tells("a", "SUBSCRIBE packet_id=1 filter=\"t\":0:no_local");
    hears("a: SUBACK packet_id=1 reasons=0x00");
    finish();
}

// --- setting and taking out ---

// v4:MQTT-3.3.1-7 v4:MQTT-3.3.1-10 v4:MQTT-3.3.1-11 v4:MQTT-3.3.1-12 v5:MQTT-3.3.1-6 v5:MQTT-3.3.1-7
static void replaces_and_takes_out(void **state)
{
    (void)state;
    start(NULL);
    joins("p", 4, "");
    joins("a", 4, "");
    does("p", "PUBLISH topic=\"t\" payload=\"1\" qos=1 packet_id=1 retain");
    does("p", "PUBLISH topic=\"t\" payload=\"2\" retain");
    does("p", "PUBLISH topic=\"t\" payload=\"3\"");
    tells("a", "SUBSCRIBE packet_id=1 filter=\"t\":1");
    hears("a: SUBACK packet_id=1 reasons=0x01\na: PUBLISH topic=\"t\" payload=\"2\" retain");
    tells("p", "PUBLISH topic=\"t\" payload=\"\" retain");
    hears("a: PUBLISH topic=\"t\" payload=\"\"");
    tells("a", "SUBSCRIBE packet_id=1 filter=\"t\":1");
    hears("a: SUBACK packet_id=1 reasons=0x01");
    assert_int_equal(status().messages_stored, 0);
    finish();
}

static void retains_no_more_than_it_may(void **state)
{
    (void)state;
    mqw_broker_options options = {.max_retained = 2};
    start(&options);
    joins("p", 5, "");
    joins("a", 5, "");
    does("a", "SUBSCRIBE packet_id=1 filter=\"#\":0");
    retains(2, 0);
    heard[0] = '\0';
    tells("p", "PUBLISH topic=\"t\" payload=\"x\" qos=1 packet_id=1 retain");
    hears("a: PUBLISH topic=\"t\" payload=\"x\"\np: PUBACK packet_id=1 reason=0x97");
    tells("p", "PUBLISH topic=\"n/1\" payload=\"x\" qos=1 packet_id=1 retain");
    hears("a: PUBLISH topic=\"n/1\" payload=\"x\"\np: PUBACK packet_id=1");
    assert_int_equal(status().retained, 2);
    finish();
}

// v5:MQTT-3.3.2-5: not given once it has expired, and soon forgotten.
static void forgets_what_has_expired(void **state)
{
    (void)state;
    start(NULL);
    joins("p", 5, " keep_alive=0");
    does("p", "PUBLISH topic=\"t\" payload=\"x\" retain message_expiry=2");
    does("p", "PUBLISH topic=\"u\" payload=\"x\" retain message_expiry=30");
    does("p", "PUBLISH topic=\"v\" payload=\"x\" retain");
    passes(2500);
    tells("p", "SUBSCRIBE packet_id=1 filter=\"t\":0");
    hears("p: SUBACK packet_id=1 reasons=0x00");
    passes(10000);
    assert_int_equal(status().retained, 2);
    passes(40000);
    assert_int_equal(status().retained, 1);
    assert_int_equal(status().messages_stored, 1);
    finish();
}

// --- many ---

static void feeds_what_a_client_takes(int qos, int count)
{
    sees_nothing_yet();
    retains(count, qos);
    joins("a", 5, " clean_start session_expiry=100 receive_maximum=10");
    wire_of("a")->stalled = true;
    char line[100];
    snprintf(line, sizeof line, "SUBSCRIBE packet_id=1 filter=\"#\":%d", qos);
    uint64_t before = status().memory;
    tells("a", line);
    assert_in_range(mqw_conn_waiting(wire_of("a")->server), 1, 70000);
    assert_in_range(status().memory - before, 0, 200000); // references, not copies
    takes_all("a");
    assert_int_equal(seen_count, count);
    assert_int_equal(status().queued, 0);
}

static void feeds_many_to_a_client_that_is_slow(void **state)
{
    (void)state;
    start(NULL);
    feeds_what_a_client_takes(0, 20000);
    finish();
    start(NULL);
    feeds_what_a_client_takes(1, 5000);
    finish();
}

// The rest comes on the next connection of the session.
static void goes_on_after_a_break(void **state)
{
    (void)state;
    start(NULL);
    sees_nothing_yet();
    retains(5000, 1);
    joins("a", 5, " clean_start session_expiry=100 receive_maximum=10");
    wire_of("a")->stalled = true;
    tells("a", "SUBSCRIBE packet_id=1 filter=\"#\":1");
    takes_some("a");
    assert_in_range(seen_count, 1, 4999);
    wire_end(wire_of("a"));
    settle();
    served("a");
    wire_of("a")->stalled = true;
    tells("a", "CONNECT version=5 client_id=\"a\" session_expiry=100");
    takes_all("a");
    assert_int_equal(seen_count, 5000);
    finish();
}

// v5:MQTT-3.10.4-1 v5:MQTT-3.10.4-2 v4:MQTT-3.10.4-2: nothing new once it has unsubscribed.
static void stops_when_the_client_unsubscribes(void **state)
{
    (void)state;
    start(NULL);
    sees_nothing_yet();
    retains(5000, 0);
    joins("a", 5, " clean_start");
    wire_of("a")->stalled = true;
    tells("a", "SUBSCRIBE packet_id=1 filter=\"#\":1");
    tells("a", "SUBSCRIBE packet_id=2 filter=\"n/#\":1");
    tells("a", "UNSUBSCRIBE packet_id=3 filter=\"#\" filter=\"n/#\"");
    takes_all("a");
    assert_in_range(seen_count, 1, 4999);
    finish();
}

// One that is replaced while others are fed is delivered once: as it comes.
static void gives_new_ones_once(void **state)
{
    (void)state;
    start(NULL);
    sees_nothing_yet();
    retains(5000, 0);
    joins("a", 5, " clean_start");
    wire_of("a")->stalled = true;
    tells("a", "SUBSCRIBE packet_id=1 filter=\"#\":0:retain_as_published");
    for (int i = 0; i < 5000; i += 100) {
        char topic[16];
        snprintf(topic, sizeof topic, "n/%d", i + 10000);
        mqw_publish publish = {.topic = {topic, strlen(topic)}, .payload = bytes_of("new"), .retain = true};
        assert_int_equal(mqw_broker_publish(w.broker, &publish), 0);
    }
    takes_all("a");
    assert_int_equal(seen_count, 5050);
    finish();
}

// v4:MQTT-4.6.0-6 v5:MQTT-4.6.0-5: what a publisher says next on a topic does not overtake what is retained
// there and was not fed yet.
static bool live[20000];

static void see_in_order(const mqw_packet *packet)
{
    int number = -1;
    if (packet->type != MQW_PUBLISH)
        return;
    assert_int_equal(sscanf(packet->publish.topic.data, "n/%d", &number), 1);
    if (packet->publish.retain) {
        assert_false(seen[number]);
        assert_false(live[number]);
        seen[number] = true;
        seen_count++;
    } else {
        assert_true(seen[number]);
        assert_false(live[number]);
        live[number] = true;
    }
}

static void takes_in_order(const char *name)
{
    wire *at = wire_of(name);
    mqw_packet packet;
    mqw_bytes nothing = {NULL, 0};
    for (int i = 0; i < 10000 && mqw_conn_waiting(at->server) > 0; i++) {
        mqw_bytes all = take_output(at->server), left = all;
        while (mqw_conn_recv(at->client, &left, &packet) > 0)
            see_in_order(&packet);
        free((void *)(uintptr_t)all.data);
        (void)mqw_conn_dispatch(at->server, &nothing, NULL, NULL);
        settle();
    }
}

static void overtakes_no_retained_message(void **state)
{
    (void)state;
    enum { MANY = 4000 };
    start(NULL);
    sees_nothing_yet();
    memset(live, 0, sizeof live);
    retains(MANY, 0);
    joins("a", 5, " clean_start");
    wire_of("a")->stalled = true;
    tells("a", "SUBSCRIBE packet_id=1 filter=\"#\":0");
    for (int i = 0; i < MANY; i += 3) {
        char topic[16];
        snprintf(topic, sizeof topic, "n/%d", i);
        mqw_publish publish = {.topic = {topic, strlen(topic)}, .payload = bytes_of("new")};
        assert_int_equal(mqw_broker_publish(w.broker, &publish), 0);
    }
    takes_in_order("a");
    assert_int_equal(seen_count, MANY);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(live[i], i % 3 == 0);
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_retained_messages_to_new_subscriptions),
        cmocka_unit_test(handles_retained_messages_as_asked),
        cmocka_unit_test(gives_none_to_shared_subscriptions),
        cmocka_unit_test(gives_none_of_its_own_with_no_local),
        cmocka_unit_test(replaces_and_takes_out),
        cmocka_unit_test(retains_no_more_than_it_may),
        cmocka_unit_test(forgets_what_has_expired),
        cmocka_unit_test(feeds_many_to_a_client_that_is_slow),
        cmocka_unit_test(goes_on_after_a_break),
        cmocka_unit_test(stops_when_the_client_unsubscribes),
        cmocka_unit_test(gives_new_ones_once),
        cmocka_unit_test(overtakes_no_retained_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
