// SPDX-License-Identifier: MIT
// What clients of the broker say once they are let in: PUBLISH, PUBREL, SUBSCRIBE, UNSUBSCRIBE, PINGREQ.
#include <mqwire/broker.h>

#include "unit/broker_world.h"

static void a_and_b(const mqw_broker_options *options)
{
    start(options);
    is_there("a", "CONNECT version=5 client_id=\"a\" clean_start");
    is_there("b", "CONNECT version=4 client_id=\"b\" clean_start");
    does("a", "SUBSCRIBE packet_id=1 filter=\"t/#\":2");
}

// ---- PUBLISH ----

// v5:MQTT-4.3.1-1, v5:MQTT-4.3.2-4, -5, v5:MQTT-4.3.3-8 to -11, v4:MQTT-4.3.1-1, v4:MQTT-4.3.2-2,
// v4:MQTT-4.3.3-2, v5:MQTT-3.3.4-1, v4:MQTT-3.3.4-1
static void each_qos_has_its_answer(void **state)
{
    (void)state;
    a_and_b(NULL);
    tells("a", "PUBLISH topic=\"x\" payload=\"0\"");
    tells("a", "PUBLISH topic=\"x\" payload=\"1\" qos=1 packet_id=1");
    tells("a", "PUBLISH topic=\"x\" payload=\"2\" qos=2 packet_id=1");
    tells("a", "PUBREL packet_id=1");
    hears("a: PUBACK packet_id=1 reason=0x10\na: PUBREC packet_id=1 reason=0x10\na: PUBCOMP packet_id=1");
    tells("b", "PUBLISH topic=\"x\" payload=\"1\" qos=1 packet_id=9");
    tells("b", "PUBLISH topic=\"x\" payload=\"2\" qos=2 packet_id=9");
    tells("b", "PUBREL packet_id=9");
    hears("b: PUBACK packet_id=9\nb: PUBREC packet_id=9\nb: PUBCOMP packet_id=9");
    finish();
}

// v5:MQTT-4.3.3-10, v4:MQTT-4.3.3-2, v5:MQTT-3.3.1-1: what was taken is not taken twice; once it is released
// it may come again. v5:MQTT-4.3.2-5: QoS 1 is.
static void qos_2_is_taken_once(void **state)
{
    (void)state;
    a_and_b(NULL);
    tells("b", "PUBLISH topic=\"t/1\" payload=\"2\" qos=2 packet_id=9");
    tells("b", "PUBLISH topic=\"t/1\" payload=\"2\" qos=2 packet_id=9 dup");
    tells("b", "PUBREL packet_id=9");
    tells("b", "PUBREL packet_id=9");
    tells("b", "PUBLISH topic=\"t/1\" payload=\"3\" qos=2 packet_id=9");
    hears(
        "a: PUBLISH topic=\"t/1\" payload=\"2\" qos=2 packet_id=1\nb: PUBREC packet_id=9\nb: PUBREC packet_id=9"
        "\nb: PUBCOMP packet_id=9\nb: PUBCOMP packet_id=9\n"
        "a: PUBLISH topic=\"t/1\" payload=\"3\" qos=2 packet_id=2\nb: PUBREC packet_id=9");
    tells("b", "PUBLISH topic=\"t/1\" payload=\"1\" qos=1 packet_id=3");
    tells("b", "PUBLISH topic=\"t/1\" payload=\"1\" qos=1 packet_id=3 dup");
    hears("a: PUBLISH topic=\"t/1\" payload=\"1\" qos=1 packet_id=3\nb: PUBACK packet_id=3\n"
          "a: PUBLISH topic=\"t/1\" payload=\"1\" qos=1 packet_id=4\nb: PUBACK packet_id=3");
    finish();
}

// v5:MQTT-4.3.3-10, v4:MQTT-4.4.0-1: over connections, too.
static void qos_2_is_taken_once_in_a_session(void **state)
{
    (void)state;
    start(NULL);
    is_there("ear", "CONNECT version=5 client_id=\"ear\" clean_start");
    does("ear", "SUBSCRIBE packet_id=1 filter=\"#\":0");
    is_there("a", "CONNECT version=5 client_id=\"a\" session_expiry=100");
    does("a", "PUBLISH topic=\"t\" payload=\"2\" qos=2 packet_id=9");
    cut("a");
    is_there("a", "CONNECT version=5 client_id=\"a\" session_expiry=100");
    tells("a", "PUBLISH topic=\"t\" payload=\"2\" qos=2 packet_id=9 dup");
    tells("a", "PUBREL packet_id=9");
    hears("a: PUBREC packet_id=9\na: PUBCOMP packet_id=9");
    finish();
}

// Section 3.7.2.1
static void a_pubrel_of_nothing_is_answered(void **state)
{
    (void)state;
    a_and_b(NULL);
    tells("a", "PUBREL packet_id=5");
    tells("b", "PUBREL packet_id=5");
    hears("a: PUBCOMP packet_id=5 reason=0x92\nb: PUBCOMP packet_id=5");
    finish();
}

// v5:MQTT-3.3.2-7 and before: an alias stands for its topic on this connection.
static void aliases_stand_for_topics(void **state)
{
    (void)state;
    a_and_b(NULL);
    tells("a", "PUBLISH topic=\"t/long\" payload=\"1\" topic_alias=16");
    tells("a", "PUBLISH topic=\"\" payload=\"2\" topic_alias=16");
    hears("a: PUBLISH topic=\"t/long\" payload=\"1\"\na: PUBLISH topic=\"t/long\" payload=\"2\"");
    tells_raw("a", "30 0a 00 03 't/x' 03 23 00 11 'x'");
    hears("a: DISCONNECT reason=0x94\na: closed");
    finish();
}

// Section 3.3.4: no more than was told.
static void a_receive_maximum_is_held(void **state)
{
    (void)state;
    const mqw_broker_options options = {.limits.receive_maximum = 1};
    a_and_b(&options);
    tells("a", "PUBLISH topic=\"x\" payload=\"1\" qos=2 packet_id=1");
    tells_raw("a", "34 08 00 01 'x' 00 02 00 '22'");
    hears("a: PUBREC packet_id=1 reason=0x10\na: DISCONNECT reason=0x93\na: closed");
    finish();
}

static void the_brokers_own_topics_are_refused(void **state)
{
    (void)state;
    a_and_b(NULL);
    tells("a", "PUBLISH topic=\"$SYS/x\" payload=\"\" qos=1 packet_id=1");
    tells("a", "PUBLISH topic=\"$SYS\" payload=\"\" qos=2 packet_id=2");
    tells("a", "PUBLISH topic=\"$SYSTEM\" payload=\"\" qos=1 packet_id=3");
    tells("b", "PUBLISH topic=\"$SYS/x\" payload=\"\" qos=1 packet_id=1");
    hears("a: PUBACK packet_id=1 reason=0x90\na: PUBREC packet_id=2 reason=0x90\n"
          "a: PUBACK packet_id=3 reason=0x10\nb: PUBACK packet_id=1");
    tells("a", "PUBREL packet_id=2");
    hears("a: PUBCOMP packet_id=2 reason=0x92");
    finish();
}

static void levels_have_a_bound(void **state)
{
    (void)state;
    const mqw_broker_options options = {.limits.max_filter_levels = 3};
    a_and_b(&options);
    tells("a", "PUBLISH topic=\"t/2/3\" payload=\"\" qos=1 packet_id=1");
    tells("a", "PUBLISH topic=\"t/2/3/4\" payload=\"\" qos=1 packet_id=2");
    hears("a: PUBLISH topic=\"t/2/3\" payload=\"\" qos=1 packet_id=1\na: PUBACK packet_id=1\n"
          "a: PUBACK packet_id=2 reason=0x90");
    tells("a", "SUBSCRIBE packet_id=7 filter=\"1/2/3\":0 filter=\"1/2/3/4\":0 filter=\"$share/g/1/2/3\":0");
    hears("a: SUBACK packet_id=7 reasons=0x00,0x8f,0x00");
    finish();
}

// v5:MQTT-3.2.2-11, -14: a client of 5.0 was told. One of 3.x was not, and is closed.
static void what_is_not_done_is_refused(void **state)
{
    (void)state;
    const mqw_broker_options options = {.limits = {.max_qos = UINT8_MAX, .no_retain = true}};
    start(&options);
    is_there("a", "CONNECT version=5 client_id=\"a\" clean_start");
    tells_raw("a", "32 07 00 01 'x' 00 01 00 'y'");
    hears("a: DISCONNECT reason=0x9b\na: closed");
    is_there("a", "CONNECT version=5 client_id=\"a\" clean_start");
    tells_raw("a", "31 05 00 01 'x' 00 'y'");
    hears("a: DISCONNECT reason=0x9a\na: closed");
    is_there("b", "CONNECT version=4 client_id=\"b\" clean_start");
    tells("b", "PUBLISH topic=\"x\" payload=\"\" qos=1 packet_id=1");
    hears("b: closed");
    is_there("b", "CONNECT version=4 client_id=\"b\" clean_start");
    tells("b", "PUBLISH topic=\"x\" payload=\"\" retain");
    hears("b: closed");
    finish();
}

// v5:MQTT-3.1.2-29: reason strings are for who has not declined them. (Of PUBACK, see decisions.)

// ---- the program's say ----

typedef struct program {
    int answer;
    mqw_text topic, payload;
    bool lower, raise, kicks, publishes, closes;
    uint8_t qos;
} program;

static program p;

static int may_publish(mqw_broker *broker, mqw_peer *peer, mqw_publish *publish, void *ctx)
{
    (void)ctx;
    note("- publish? %.*s %.*s qos %d", (int)mqw_peer_id(peer).len, mqw_peer_id(peer).data,
         (int)publish->topic.len, publish->topic.data, publish->qos);
    if (p.topic.len)
        publish->topic = p.topic;
    if (p.payload.len)
        publish->payload = (mqw_bytes){(const uint8_t *)p.payload.data, p.payload.len};
    if (p.lower)
        publish->qos = p.qos;
    if (p.kicks)
        (void)mqw_broker_kick(broker, mqw_peer_id(peer), 0x98, true);
    if (p.closes)
        mqw_broker_close(broker, NULL, NULL);
    return p.answer;
}

static int may_subscribe(mqw_broker *broker, mqw_peer *peer, mqw_filter *item, void *ctx)
{
    (void)ctx;
    note("- subscribe? %.*s %d", (int)item->filter.len, item->filter.data, item->qos);
    if (p.lower)
        item->qos = p.qos;
    if (p.kicks)
        (void)mqw_broker_kick(broker, mqw_peer_id(peer), 0x98, true);
    return p.answer;
}

static void published(mqw_broker *broker, mqw_peer *peer, const mqw_publish *publish, void *ctx)
{
    (void)ctx;
    (void)peer;
    note("- published %.*s", (int)publish->topic.len, publish->topic.data);
    const mqw_publish more = {.topic = MQW_TEXT("t/more"), .payload = publish->payload};
    if (p.publishes)
        assert_int_equal(mqw_broker_publish(broker, &more), 0);
}

static void subscribed(mqw_broker *broker, mqw_peer *peer, const mqw_filter *item, void *ctx)
{
    (void)broker;
    (void)peer;
    (void)ctx;
    note("- subscribed %.*s %d", (int)item->filter.len, item->filter.data, item->qos);
}

static void unsubscribed(mqw_broker *broker, mqw_peer *peer, mqw_text filter, void *ctx)
{
    (void)broker;
    (void)peer;
    (void)ctx;
    note("- unsubscribed %.*s", (int)filter.len, filter.data);
}

static void start_program(void)
{
    const mqw_broker_options options = {.hooks = {.on_publish = may_publish,
                                                  .on_published = published,
                                                  .on_subscribe = may_subscribe,
                                                  .on_subscribed = subscribed,
                                                  .on_unsubscribed = unsubscribed}};
    p = (program){0};
    a_and_b(&options);
}

static void the_program_refuses_messages(void **state)
{
    (void)state;
    start_program();
    p.answer = 0x87;
    tells("a", "PUBLISH topic=\"t/1\" payload=\"x\"");
    tells("a", "PUBLISH topic=\"t/1\" payload=\"x\" qos=1 packet_id=1");
    tells("a", "PUBLISH topic=\"t/1\" payload=\"x\" qos=2 packet_id=2");
    tells("b", "PUBLISH topic=\"t/1\" payload=\"x\" qos=2 packet_id=2");
    hears("- publish? a t/1 qos 0\n- publish? a t/1 qos 1\na: PUBACK packet_id=1 reason=0x87\n"
          "- publish? a t/1 qos 2\na: PUBREC packet_id=2 reason=0x87\n"
          "- publish? b t/1 qos 2\nb: PUBREC packet_id=2");
    p.answer = 0x92; // not one of PUBACK
    tells("a", "PUBLISH topic=\"t/1\" payload=\"x\" qos=1 packet_id=1");
    hears("- publish? a t/1 qos 1\na: PUBACK packet_id=1 reason=0x83");
    mqw_broker_status status = {.size = sizeof status};
    mqw_broker_status_of(w.broker, &status);
    assert_int_equal(status.publish_refused, 5);
    assert_int_equal(status.publish_received, 5);
    finish();
}

static void the_program_changes_messages(void **state)
{
    (void)state;
    start_program();
    p.topic = MQW_TEXT("t/new");
    p.payload = MQW_TEXT("new");
    p.lower = true;
    tells("b", "PUBLISH topic=\"t/1\" payload=\"x\" qos=2 packet_id=2");
    hears("- publish? b t/1 qos 2\n- published t/new\n"
          "a: PUBLISH topic=\"t/new\" payload=\"new\"\nb: PUBREC packet_id=2");
    p.qos = 2;
    p.publishes = true;
    tells("b", "PUBLISH topic=\"t/1\" payload=\"x\"");
    hears("- publish? b t/1 qos 0\n- published t/new\na: PUBLISH topic=\"t/new\" payload=\"new\" qos=2 "
          "packet_id=1\na: PUBLISH topic=\"t/more\" payload=\"new\"");
    p.topic = MQW_TEXT("t/#");
    tells("a", "PUBLISH topic=\"t/1\" payload=\"x\" qos=1 packet_id=1");
    hears("- publish? a t/1 qos 1\na: PUBACK packet_id=1 reason=0x90");
    finish();
}

static void who_publishes_is_kicked(void **state)
{
    (void)state;
    start_program();
    p.kicks = true;
    tells("b", "PUBLISH topic=\"t/1\" payload=\"x\" qos=1 packet_id=1");
    hears("- publish? b t/1 qos 1\nb: closed");
    tells("a", "SUBSCRIBE packet_id=3 filter=\"x\":0 filter=\"y\":0");
    hears("- subscribe? x 0\na: DISCONNECT reason=0x98\na: closed");
    finish();
}

static void the_broker_closes_at_a_message(void **state)
{
    (void)state;
    start_program();
    p.closes = true;
    tells("b", "PUBLISH topic=\"t/1\" payload=\"x\" qos=1 packet_id=1");
    hears("- publish? b t/1 qos 1\na: DISCONNECT reason=0x8b\nb: closed\na: closed");
    assert_true(w.gone);
    finish();
}

// It has more than its queue takes, of its own: it ends, but the message has come to others.
static void a_message_that_ends_its_publisher(void **state)
{
    (void)state;
    const mqw_broker_options options = {.limits = {.max_queued = 1, .when_full = MQW_QUEUE_CLOSE},
                                        .hooks.on_published = published};
    p = (program){0};
    start(&options);
    is_there("ear", "CONNECT version=5 client_id=\"ear\" clean_start");
    does("ear", "SUBSCRIBE packet_id=1 filter=\"#\":0");
    is_there("a", "CONNECT version=5 client_id=\"a\" clean_start");
    does("a", "SUBSCRIBE packet_id=1 filter=\"#\":1");
    does("a", "PUBLISH topic=\"t\" payload=\"1\" qos=1 packet_id=1");
    tells("a", "PUBLISH topic=\"t\" payload=\"2\" qos=1 packet_id=2");
    hears("- published t\near: PUBLISH topic=\"t\" payload=\"2\"\na: DISCONNECT reason=0x97\na: closed");
    finish();
}

// ---- SUBSCRIBE ----

// v5:MQTT-3.8.4-1, -2, -5 to -7, v5:MQTT-3.9.3-1, v4:MQTT-3.8.4-1, -2, -4, -5, v4:MQTT-3.9.3-1
static void each_filter_is_answered(void **state)
{
    (void)state;
    start_program();
    p.lower = true;
    p.qos = 1;
    tells("a", "SUBSCRIBE packet_id=7 filter=\"1\":2 filter=\"2\":0 filter=\"3\":1");
    hears("- subscribe? 1 2\n- subscribe? 2 0\n- subscribe? 3 1\n- subscribed 1 1\n- subscribed 2 0\n"
          "- subscribed 3 1\na: SUBACK packet_id=7 reasons=0x01,0x00,0x01");
    p.answer = 0x87;
    tells("a", "SUBSCRIBE packet_id=8 filter=\"4\":2");
    tells("b", "SUBSCRIBE packet_id=8 filter=\"4\":2");
    hears("- subscribe? 4 2\na: SUBACK packet_id=8 reasons=0x87\n- subscribe? 4 2\n"
          "b: SUBACK packet_id=8 reasons=0x80");
    p.answer = 0x10; // not one of SUBACK
    tells("a", "SUBSCRIBE packet_id=9 filter=\"4\":2");
    hears("- subscribe? 4 2\na: SUBACK packet_id=9 reasons=0x80");
    is_there("c", "CONNECT version=3 client_id=\"c\"");
    p.answer = 0x87;
    tells("c", "SUBSCRIBE packet_id=9 filter=\"4\":2");
    hears("- subscribe? 4 2\nc: SUBACK packet_id=9 reasons=0x00");
    finish();
}

// v5:MQTT-3.8.4-3, -4, v4:MQTT-3.8.4-3: one takes the place of the other, and retained messages come again.
static void a_filter_is_replaced(void **state)
{
    (void)state;
    start(NULL);
    is_there("a", "CONNECT version=5 client_id=\"a\" clean_start");
    does("a", "PUBLISH topic=\"t\" payload=\"r\" retain");
    tells("a", "SUBSCRIBE packet_id=1 filter=\"t\":0 subscription_id=1");
    tells("a", "SUBSCRIBE packet_id=2 filter=\"t\":1 subscription_id=2");
    tells("a", "SUBSCRIBE packet_id=3 filter=\"t\":1:retain_handling=1");
    tells("a", "PUBLISH topic=\"t\" payload=\"x\" qos=1 packet_id=1");
    hears(
        "a: SUBACK packet_id=1 reasons=0x00\na: PUBLISH topic=\"t\" payload=\"r\" retain subscription_id=1\n"
        "a: SUBACK packet_id=2 reasons=0x01\na: PUBLISH topic=\"t\" payload=\"r\" retain subscription_id=2\n"
        "a: SUBACK packet_id=3 reasons=0x01\n"
        "a: PUBLISH topic=\"t\" payload=\"x\" qos=1 packet_id=1\na: PUBACK packet_id=1");
    mqw_broker_status status = {.size = sizeof status};
    mqw_broker_status_of(w.broker, &status);
    assert_int_equal(status.subscriptions, 1);
    finish();
}

// v5:MQTT-3.2.2-10: any QoS may be asked for, what is granted is what there is.
static void qos_is_granted_as_there_is(void **state)
{
    (void)state;
    const mqw_broker_options options = {.limits.max_qos = 1};
    start(&options);
    is_there("a", "CONNECT version=5 client_id=\"a\" clean_start");
    tells("a", "SUBSCRIBE packet_id=1 filter=\"0\":0 filter=\"1\":1 filter=\"2\":2");
    hears("a: SUBACK packet_id=1 reasons=0x00,0x01,0x01");
    finish();
}

static void subscriptions_have_a_bound(void **state)
{
    (void)state;
    const mqw_broker_options options = {.limits.max_subscriptions = 2};
    start(&options);
    is_there("a", "CONNECT version=5 client_id=\"a\" clean_start");
    tells("a",
          "SUBSCRIBE packet_id=1 filter=\"1\":0 filter=\"1\":1 filter=\"2\":0 filter=\"3\":0 filter=\"2\":1");
    hears("a: SUBACK packet_id=1 reasons=0x00,0x01,0x97,0x97,0x97");
    tells("a", "SUBSCRIBE packet_id=1 filter=\"2\":0 filter=\"1\":1");
    hears("a: SUBACK packet_id=1 reasons=0x00,0x01");
    does("a", "UNSUBSCRIBE packet_id=2 filter=\"1\"");
    tells("a", "SUBSCRIBE packet_id=3 filter=\"3\":0");
    hears("a: SUBACK packet_id=3 reasons=0x00");
    is_there("b", "CONNECT version=4 client_id=\"b\"");
    tells("b", "SUBSCRIBE packet_id=1 filter=\"1\":0 filter=\"2\":0 filter=\"3\":0");
    hears("b: SUBACK packet_id=1 reasons=0x00,0x00,0x80");
    is_there("c", "CONNECT version=3 client_id=\"c\"");
    tells("c", "SUBSCRIBE packet_id=1 filter=\"1\":0 filter=\"2\":0 filter=\"3\":0");
    hears("c: closed");
    finish();
}

// Section 3.2.2.3.11 to .13: a client of 5.0 was told and is closed, one of 3.1.1 hears of failure.
static void features_that_are_off_are_refused(void **state)
{
    (void)state;
    const mqw_broker_options options = {
        .limits = {.no_wildcards = true, .no_shared = true, .no_subscription_ids = true}};
    start(&options);
    static const char *const raw[][2] = {
        {"82 07 00 01 00 00 01 '#' 00", "a: DISCONNECT reason=0xa2\na: closed"},
        {"82 10 00 01 00 00 0a '$share/g/t' 00", "a: DISCONNECT reason=0x9e\na: closed"},
        {"82 09 00 01 02 0b 05 00 01 't' 00", "a: DISCONNECT reason=0xa1\na: closed"},
    };
    for (size_t i = 0; i < COUNT(raw); i++) {
        is_there("a", "CONNECT version=5 client_id=\"a\" clean_start");
        tells_raw("a", raw[i][0]);
        hears(raw[i][1]);
    }
    is_there("b", "CONNECT version=4 client_id=\"b\" clean_start");
    tells("b", "SUBSCRIBE packet_id=1 filter=\"#\":0 filter=\"t\":0 filter=\"$share/g/t\":0");
    hears("b: SUBACK packet_id=1 reasons=0x80,0x00,0x80");
    finish();
}

// Before 5.0 a filter may look like a share without being one.
static void a_share_that_is_none_is_refused(void **state)
{
    (void)state;
    start(NULL);
    is_there("a", "CONNECT version=4 client_id=\"a\" clean_start");
    tells("a", "SUBSCRIBE packet_id=1 filter=\"$share/g\":0 filter=\"$share/g/t\":0 filter=\"$share//t\":0 "
               "filter=\"$share\":0");
    hears("a: SUBACK packet_id=1 reasons=0x80,0x00,0x80,0x00");
    finish();
}

// A bridge of 3.x hears its own messages not, and others as they were published.
static void a_bridge_is_one(void **state)
{
    (void)state;
    start(NULL);
    is_there("a", "CONNECT version=4 bridge client_id=\"a\" clean_start");
    is_there("b", "CONNECT version=4 client_id=\"b\" clean_start");
    does("a", "SUBSCRIBE packet_id=1 filter=\"#\":0 filter=\"$share/g/t\":0");
    tells("a", "PUBLISH topic=\"x\" payload=\"1\"");
    tells("b", "PUBLISH topic=\"x\" payload=\"2\" retain");
    hears("a: PUBLISH topic=\"x\" payload=\"2\" retain");
    finish();
}

// ---- UNSUBSCRIBE ----

// v5:MQTT-3.10.4-1, -2, -4 to -6, v5:MQTT-3.11.3-1, v4:MQTT-3.10.4-1, -2, -4, -5, -6
static void filters_are_taken_back(void **state)
{
    (void)state;
    start_program();
    tells("a", "UNSUBSCRIBE packet_id=5 filter=\"t\" filter=\"t/#\" filter=\"t/#\" filter=\"T/#\"");
    tells("b", "UNSUBSCRIBE packet_id=5 filter=\"t\"");
    hears("- unsubscribed t/#\na: UNSUBACK packet_id=5 reasons=0x11,0x00,0x11,0x11\nb: UNSUBACK packet_id=5");
    tells("b", "PUBLISH topic=\"t/1\" payload=\"x\"");
    hears("- publish? b t/1 qos 0\n- published t/1");
    finish();
}

// v5:MQTT-3.10.4-3: what was begun is finished.
static void what_was_begun_is_finished(void **state)
{
    (void)state;
    a_and_b(NULL);
    tells("b", "PUBLISH topic=\"t/1\" payload=\"x\" qos=2 packet_id=1");
    hears("a: PUBLISH topic=\"t/1\" payload=\"x\" qos=2 packet_id=1\nb: PUBREC packet_id=1");
    does("a", "UNSUBSCRIBE packet_id=5 filter=\"t/#\"");
    tells("a", "PUBREC packet_id=1");
    hears("a: PUBREL packet_id=1");
    tells("a", "PUBCOMP packet_id=1");
    hears("");
    finish();
}

// ---- mount points ----

static int mounts(mqw_broker *broker, mqw_peer *peer, const mqw_connect *connect, void *ctx)
{
    (void)broker;
    (void)ctx;
    return connect->client_id.data[0] == 'm' ? mqw_peer_mount(peer, MQW_TEXT("home/m/")) : 0;
}

static void a_mounted_client_sees_its_own_world(void **state)
{
    (void)state;
    const mqw_broker_options options = {.hooks = {.on_connect = mounts, .on_subscribed = subscribed}};
    start(&options);
    is_there("m", "CONNECT version=5 client_id=\"m\" clean_start will.topic=\"w\" will.payload=\"x\"");
    is_there("n", "CONNECT version=5 client_id=\"m2\" clean_start");
    is_there("a", "CONNECT version=5 client_id=\"a\" clean_start");
    tells("m", "SUBSCRIBE packet_id=1 filter=\"#\":0");
    tells("n", "SUBSCRIBE packet_id=1 filter=\"$share/g/+\":0");
    does("a", "SUBSCRIBE packet_id=1 filter=\"#\":0");
    tells("m", "PUBLISH topic=\"t\" payload=\"1\"");
    hears("n: PUBLISH topic=\"t\" payload=\"1\"\na: PUBLISH topic=\"home/m/t\" payload=\"1\"\n"
          "m: PUBLISH topic=\"t\" payload=\"1\"");
    tells("a", "PUBLISH topic=\"home/m/u\" payload=\"2\"");
    hears("m: PUBLISH topic=\"u\" payload=\"2\"\nn: PUBLISH topic=\"u\" payload=\"2\"\n"
          "a: PUBLISH topic=\"home/m/u\" payload=\"2\"");
    tells("a", "PUBLISH topic=\"t\" payload=\"3\"");
    hears("a: PUBLISH topic=\"t\" payload=\"3\"");
    tells("m", "PUBLISH topic=\"$x\" payload=\"4\" qos=1 packet_id=1");
    hears("m: PUBACK packet_id=1 reason=0x90");
    tells("n", "UNSUBSCRIBE packet_id=2 filter=\"$share/g/+\"");
    hears("n: UNSUBACK packet_id=2 reasons=0x00");
    cut("m");
    hears("m: closed\na: PUBLISH topic=\"home/m/w\" payload=\"x\"");
    finish();
}

// v5:MQTT-4.7.3-3: what would be too long with its mount point.
static void a_mounted_topic_has_its_length(void **state)
{
    (void)state;
    const mqw_broker_options options = {.hooks = {.on_connect = mounts}};
    start(&options);
    is_there("m", "CONNECT version=5 client_id=\"m\" clean_start");
    static char topic[65536], line[66000];
    memset(topic, 'x', 65530);
    snprintf(line, sizeof line, "PUBLISH topic=\"%s\" payload=\"\" qos=1 packet_id=1", topic);
    tells("m", line);
    hears("m: PUBACK packet_id=1 reason=0x90");
    snprintf(line, sizeof line, "SUBSCRIBE packet_id=1 filter=\"%s\":0", topic);
    tells("m", line);
    hears("m: SUBACK packet_id=1 reasons=0x8f");
    snprintf(line, sizeof line, "UNSUBSCRIBE packet_id=1 filter=\"%s\"", topic);
    tells("m", line);
    hears("m: UNSUBACK packet_id=1 reasons=0x11");
    finish();
}

// ---- acknowledgements ----

static void an_answer_to_nothing_ends(void **state)
{
    (void)state;
    a_and_b(NULL);
    does("b", "PUBLISH topic=\"t/1\" payload=\"x\" qos=1 packet_id=1");
    tells("a", "PUBCOMP packet_id=1");
    hears("a: DISCONNECT reason=0x82\na: closed");
    finish();
}

// Whatever its packets ask for, a client that reads nothing costs no more than its bounds.
static void who_does_not_read_is_closed(void **state)
{
    (void)state;
    const mqw_broker_options options = {.max_memory = 8 << 20};
    a_and_b(&options);
    wire_of("a")->stalled = true;
    for (int i = 0; i < 20000 && !wire_of("a")->closing; i++) {
        for (int k = 0;
             k < 100 && mqw_conn_send(wire_of("a")->client, &(mqw_packet){.type = MQW_PINGREQ}) == 0;)
            k++;
        settle();
    }
    assert_true(wire_of("a")->closing);
    assert_true(w.memory.peak < 16 << 20);
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_qos_has_its_answer),
        cmocka_unit_test(qos_2_is_taken_once),
        cmocka_unit_test(qos_2_is_taken_once_in_a_session),
        cmocka_unit_test(a_pubrel_of_nothing_is_answered),
        cmocka_unit_test(aliases_stand_for_topics),
        cmocka_unit_test(a_receive_maximum_is_held),
        cmocka_unit_test(the_brokers_own_topics_are_refused),
        cmocka_unit_test(levels_have_a_bound),
        cmocka_unit_test(what_is_not_done_is_refused),
        cmocka_unit_test(the_program_refuses_messages),
        cmocka_unit_test(the_program_changes_messages),
        cmocka_unit_test(who_publishes_is_kicked),
        cmocka_unit_test(the_broker_closes_at_a_message),
        cmocka_unit_test(a_message_that_ends_its_publisher),
        cmocka_unit_test(each_filter_is_answered),
        cmocka_unit_test(a_filter_is_replaced),
        cmocka_unit_test(qos_is_granted_as_there_is),
        cmocka_unit_test(subscriptions_have_a_bound),
        cmocka_unit_test(features_that_are_off_are_refused),
        cmocka_unit_test(a_share_that_is_none_is_refused),
        cmocka_unit_test(a_bridge_is_one),
        cmocka_unit_test(filters_are_taken_back),
        cmocka_unit_test(what_was_begun_is_finished),
        cmocka_unit_test(a_mounted_client_sees_its_own_world),
        cmocka_unit_test(a_mounted_topic_has_its_length),
        cmocka_unit_test(an_answer_to_nothing_ends),
        cmocka_unit_test(who_does_not_read_is_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
