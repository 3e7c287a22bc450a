// SPDX-License-Identifier: MIT
// Messages meet subscriptions: which copies, how many, with what in them.
#include <mqwire/broker.h>

#include "unit/broker_world.h"

#define SAYS " reason=0x00 receive_maximum=1024 topic_alias_maximum=16 maximum_packet_size=1048576"

static void joins(const char *name, int version, const char *more)
{
    char line[200];
    snprintf(line, sizeof line, "CONNECT version=%d client_id=\"%s\" clean_start%s", version, name, more);
    is_there(name, line);
}

// The program's own message.
static int publishes(const char *line)
{
    mqw_packet packet = packet_of(line);
    int result = mqw_broker_publish(w.broker, &packet.publish);
    settle();
    return result;
}

// --- the ordinary way ---

// v4:MQTT-3.3.5-1 v5:MQTT-3.3.5-1 … to all three versions, with the lesser QoS of the two (v4:MQTT-3.8.4-6,
// v5:MQTT-3.8.4-8).
static void reaches_all_versions_with_the_lesser_qos(void **state)
{
    (void)state;
    start(NULL);
    joins("a", 3, "");
    joins("b", 4, "");
    joins("c", 5, "");
    does("a", "SUBSCRIBE packet_id=1 filter=\"t\":0");
    does("b", "SUBSCRIBE packet_id=1 filter=\"t\":1");
    does("c", "SUBSCRIBE packet_id=1 filter=\"t\":2");
    tells("c", "PUBLISH topic=\"t\" payload=\"x\" qos=1 packet_id=9 content_type=\"text\"");
    hears("a: PUBLISH topic=\"t\" payload=\"x\"\n"
          "b: PUBLISH topic=\"t\" payload=\"x\" qos=1 packet_id=1\n"
          "c: PUBLISH topic=\"t\" payload=\"x\" qos=1 packet_id=1 content_type=\"text\"\n"
          "c: PUBACK packet_id=9");
    finish();
}

// v5:MQTT-3.3.2-4 v5:MQTT-3.3.2-15 v5:MQTT-3.3.2-16 v5:MQTT-3.3.2-17 v5:MQTT-3.3.2-18 v5:MQTT-3.3.2-20: as
// they were, in their order; v5:MQTT-3.3.2-6: the expiry counted down.
static void forwards_properties_unaltered(void **state)
{
    (void)state;
    start(NULL);
    joins("a", 5, "");
    joins("p", 5, "");
    does("a", "SUBSCRIBE packet_id=1 filter=\"t\":1");
    static const char with[] =
        "PUBLISH topic=\"t\" payload=\"x\" payload_format=1 message_expiry=9 content_type=\"text\" "
        "response_topic=\"r/t\" correlation_data=0x00ff user=\"b\":\"1\" "
        "user=\"a\":\"2\" user=\"b\":\"3\"";
    tells("p", with);
    char expected[400];
    snprintf(expected, sizeof expected, "a: %s", with);
    hears(expected);
    finish();
}

// Properties that take more room than a post has.
static void forwards_many_properties(void **state)
{
    (void)state;
    start(NULL);
    joins("a", 5, "");
    joins("p", 5, "");
    does("a", "SUBSCRIBE packet_id=1 filter=\"t\":0");
    char line[2000], expected[2010], value[1001];
    memset(value, 'v', 1000);
    value[1000] = '\0';
    snprintf(line, sizeof line, "PUBLISH topic=\"t\" payload=\"x\" user=\"n\":\"%s\"", value);
    snprintf(expected, sizeof expected, "a: %s", line);
    tells("p", line);
    hears(expected);
    finish();
}

static void tells_a_publisher_that_nobody_has_subscribed(void **state)
{
    (void)state;
    start(NULL);
    joins("p", 5, "");
    tells("p", "PUBLISH topic=\"t\" payload=\"x\" qos=1 packet_id=9");
    hears("p: PUBACK packet_id=9 reason=0x10");
    finish();
}

// --- overlapping subscriptions ---

// v5:MQTT-3.3.4-2 v5:MQTT-3.3.4-3 v5:MQTT-3.3.4-4 v5:MQTT-3.3.4-5 v4:MQTT-3.3.5-1
static void gives_one_copy_to_overlapping_subscriptions(void **state)
{
    (void)state;
    start(NULL);
    joins("a", 5, "");
    joins("b", 4, "");
    joins("p", 5, "");
    does("a", "SUBSCRIBE packet_id=1 filter=\"t/+\":0 subscription_id=5");
    does("a", "SUBSCRIBE packet_id=2 filter=\"t/#\":2 subscription_id=300");
    does("a", "SUBSCRIBE packet_id=3 filter=\"t/x\":1:retain_as_published");
    does("b", "SUBSCRIBE packet_id=1 filter=\"t/+\":1 filter=\"#\":0");
    tells("p", "PUBLISH topic=\"t/x\" payload=\"x\" qos=1 packet_id=9");
    assert_non_null(strstr(heard, " subscription_id=5"));
    assert_non_null(strstr(heard, " subscription_id=300"));
    int copies = 0;
    for (const char *each = heard; (each = strstr(each, ": PUBLISH")); each++)
        copies++;
    assert_int_equal(copies, 2);
    assert_non_null(strstr(heard, "a: PUBLISH topic=\"t/x\" payload=\"x\" qos=1 packet_id=1"));
    assert_non_null(strstr(heard, "b: PUBLISH topic=\"t/x\" payload=\"x\" qos=1 packet_id=1"));
    heard[0] = '\0';
    finish();
}

// More of them than fit on the stack.
static void merges_many_overlapping_subscriptions(void **state)
{
    (void)state;
    start(NULL);
    joins("a", 5, "");
    joins("p", 5, "");
    for (int i = 0; i < 64; i++) {
        char line[200], filter[24] = "x/x/x/x/x/x";
        for (int bit = 0; bit < 6; bit++)
            filter[2 * bit] = (i >> bit & 1) != 0 ? '+' : 'x';
        snprintf(line, sizeof line, "SUBSCRIBE packet_id=1 filter=\"%s\":0 subscription_id=%d", filter,
                 i + 1);
        does("a", line);
    }
    tells("p", "PUBLISH topic=\"x/x/x/x/x/x\" payload=\"y\"");
    assert_null(strchr(heard, '\n'));
    int count = 0;
    for (const char *at = heard; (at = strstr(at, " subscription_id=")); at++)
        count++;
    assert_int_equal(count, 64);
    heard[0] = '\0';
    finish();
}

// --- options of a subscription ---

// v5:MQTT-3.8.3-3
static void keeps_a_message_from_its_publisher_with_no_local(void **state)
{
    (void)state;
    start(NULL);
    joins("a", 5, "");
    joins("b", 5, "");
    does("a", "SUBSCRIBE packet_id=1 filter=\"t\":1:no_local");
    does("b", "SUBSCRIBE packet_id=1 filter=\"t\":0");
    tells("a", "PUBLISH topic=\"t\" payload=\"x\"");
    hears("b: PUBLISH topic=\"t\" payload=\"x\"");
    tells("b", "PUBLISH topic=\"t\" payload=\"y\"");
    hears("a: PUBLISH topic=\"t\" payload=\"y\"\nb: PUBLISH topic=\"t\" payload=\"y\"");
    finish();
}

// v5:MQTT-3.3.1-12 v5:MQTT-3.3.1-13 v4:MQTT-3.3.1-9
static void keeps_the_retain_flag_for_those_who_want_it(void **state)
{
    (void)state;
    start(NULL);
    joins("a", 5, "");
    joins("b", 5, "");
    joins("c", 4, "");
    does("a", "SUBSCRIBE packet_id=1 filter=\"t\":0:retain_as_published");
    does("b", "SUBSCRIBE packet_id=1 filter=\"t\":0");
    does("c", "SUBSCRIBE packet_id=1 filter=\"t\":0");
    tells("c", "PUBLISH topic=\"t\" payload=\"x\" retain");
    hears("a: PUBLISH topic=\"t\" payload=\"x\" retain\n"
          "b: PUBLISH topic=\"t\" payload=\"x\"\n"
          "c: PUBLISH topic=\"t\" payload=\"x\"");
    tells("c", "PUBLISH topic=\"t\" payload=\"x\"");
    hears("a: PUBLISH topic=\"t\" payload=\"x\"\n"
          "b: PUBLISH topic=\"t\" payload=\"x\"\n"
          "c: PUBLISH topic=\"t\" payload=\"x\"");
    finish();
}

// --- hooks ---

static bool not_to_a(mqw_broker *broker, mqw_peer *peer, mqw_text topic, void *ctx)
{
    (void)broker;
    (void)ctx;
    note("- may %.*s have %.*s", (int)mqw_peer_id(peer).len, mqw_peer_id(peer).data, (int)topic.len,
         topic.data);
    return mqw_peer_id(peer).data[0] != 'a';
}

static void was_delivered(mqw_broker *broker, mqw_text id, const mqw_publish *publish, void *ctx)
{
    (void)broker;
    (void)ctx;
    note("- %.*s has %.*s, qos %d%s", (int)id.len, id.data, (int)publish->payload.len,
         (const char *)publish->payload.data, publish->qos, publish->retain ? ", retain" : "");
}

static const char *const drops[] = {"?",       "expired",   "queue full", "too large", "session over",
                                    "refused", "no memory", "store"};

static void was_dropped(mqw_broker *broker, mqw_text id, const mqw_publish *publish, mqw_drop why, void *ctx)
{
    (void)broker;
    (void)ctx;
    note("- %.*s has not %.*s: %s", (int)id.len, id.data, (int)publish->payload.len,
         (const char *)publish->payload.data, drops[why]);
}

static const mqw_broker_options with_ears = {
    .hooks = {.on_delivered = was_delivered, .on_dropped = was_dropped},
};

static void asks_and_tells_hooks(void **state)
{
    (void)state;
    mqw_broker_options options = with_ears;
    options.hooks.may_receive = not_to_a;
    start(&options);
    joins("a", 5, "");
    joins("b", 5, "");
    does("a", "SUBSCRIBE packet_id=1 filter=\"t\":1");
    does("b", "SUBSCRIBE packet_id=1 filter=\"t\":1");
    tells("b", "PUBLISH topic=\"t\" payload=\"x\"");
    hears("- may a have t\n- a has not x: refused\n- may b have t\n- b has x, qos 0\n"
          "b: PUBLISH topic=\"t\" payload=\"x\"");
    tells("b", "PUBLISH topic=\"t\" payload=\"y\" qos=1 packet_id=3");
    hears("- may a have t\n- a has not y: refused\n- may b have t\n"
          "b: PUBLISH topic=\"t\" payload=\"y\" qos=1 packet_id=1\nb: PUBACK packet_id=3");
    tells("b", "PUBACK packet_id=1");
    hears("- b has y, qos 1");
    finish();
}

static void publishes_again(mqw_broker *broker, mqw_text id, const mqw_publish *publish, void *ctx)
{
    (void)ctx;
    (void)id;
    static const uint8_t again[] = "again";
    mqw_publish other = {.topic = MQW_TEXT("t/+again"), .payload = {again, 5}, .qos = 1};
    other.topic = MQW_TEXT("t/2");
    if (publish->payload.len == 1)
        assert_int_equal(mqw_broker_publish(broker, &other), 0);
}

// A hook publishes, while the message that it was told of is still on its way to others.
static void may_publish_in_a_hook(void **state)
{
    (void)state;
    mqw_broker_options options = {.hooks = {.on_delivered = publishes_again}};
    start(&options);
    joins("a", 5, "");
    joins("b", 5, "");
    does("a", "SUBSCRIBE packet_id=1 filter=\"t/#\":0 filter=\"t/1\":0");
    does("b", "SUBSCRIBE packet_id=1 filter=\"t/+\":0 filter=\"t/1\":0");
    does("b", "SUBSCRIBE packet_id=1 filter=\"$share/g/t/1\":0");
    tells("b", "PUBLISH topic=\"t/1\" payload=\"x\"");
    int first = 0, again = 0;
    for (const char *at = heard; (at = strstr(at, "payload=\"x\"")); at++)
        first++;
    for (const char *at = heard; (at = strstr(at, "payload=\"again\"")); at++)
        again++;
    assert_int_equal(first, 3);
    assert_int_equal(again, 6);
    heard[0] = '\0';
    finish();
}

// --- shared subscriptions ---

// v5:MQTT-4.8.2-1: one member for each message, in turn.
static void gives_a_shared_subscription_to_one_member_in_turn(void **state)
{
    (void)state;
    start(NULL);
    joins("a", 5, "");
    joins("b", 5, "");
    joins("p", 5, "");
    does("a", "SUBSCRIBE packet_id=1 filter=\"$share/g/t\":0");
    does("b", "SUBSCRIBE packet_id=1 filter=\"$share/g/t\":0");
    tells("p", "PUBLISH topic=\"t\" payload=\"1\"");
    tells("p", "PUBLISH topic=\"t\" payload=\"2\"");
    tells("p", "PUBLISH topic=\"t\" payload=\"3\"");
    hears(
        "a: PUBLISH topic=\"t\" payload=\"1\"\nb: PUBLISH topic=\"t\" payload=\"2\"\na: PUBLISH topic=\"t\" "
        "payload=\"3\"");
    finish();
}

// Whoever also has an ordinary subscription gets it as well, by itself.
static void counts_shared_and_ordinary_subscriptions_apart(void **state)
{
    (void)state;
    start(NULL);
    joins("a", 5, "");
    does("a", "SUBSCRIBE packet_id=1 filter=\"$share/g/t\":0 subscription_id=1");
    does("a", "SUBSCRIBE packet_id=2 filter=\"t\":0 subscription_id=2");
    tells("a", "PUBLISH topic=\"t\" payload=\"1\"");
    hears("a: PUBLISH topic=\"t\" payload=\"1\" subscription_id=2\n"
          "a: PUBLISH topic=\"t\" payload=\"1\" subscription_id=1");
    finish();
}

// A member that is not connected is passed over as long as there is another; QoS 1 waits for it when not.
static void prefers_members_that_are_connected(void **state)
{
    (void)state;
    start(NULL);
    joins("a", 5, " session_expiry=100");
    joins("b", 5, "");
    joins("p", 5, "");
    does("a", "SUBSCRIBE packet_id=1 filter=\"$share/g/t\":1");
    does("b", "SUBSCRIBE packet_id=1 filter=\"$share/g/t\":1");
    cut("a");
    heard[0] = '\0';
    tells("p", "PUBLISH topic=\"t\" payload=\"1\" qos=1 packet_id=1");
    tells("p", "PUBLISH topic=\"t\" payload=\"2\" qos=1 packet_id=2");
    hears("b: PUBLISH topic=\"t\" payload=\"1\" qos=1 packet_id=1\np: PUBACK packet_id=1\n"
          "b: PUBLISH topic=\"t\" payload=\"2\" qos=1 packet_id=2\np: PUBACK packet_id=2");
    does("b", "UNSUBSCRIBE packet_id=1 filter=\"$share/g/t\"");
    tells("p", "PUBLISH topic=\"t\" payload=\"3\" qos=1 packet_id=3");
    hears("p: PUBACK packet_id=3");
    connects("a", "CONNECT version=5 client_id=\"a\"");
    hears("a: CONNACK session_present" SAYS "\na: PUBLISH topic=\"t\" payload=\"3\" qos=1 packet_id=1");
    finish();
}

// Section 4.8.2: what a member has not acknowledged when its session ends goes to another; v5:MQTT-4.8.2-5:
// not when it was sent with QoS 2.
static void hands_on_what_a_member_leaves(void **state)
{
    (void)state;
    start(&with_ears);
    joins("a", 5, " receive_maximum=2");
    joins("p", 5, "");
    does("a", "SUBSCRIBE packet_id=1 filter=\"$share/g/t\":2");
    does("p", "PUBLISH topic=\"t\" payload=\"1\" qos=1 packet_id=1");
    does("p", "PUBLISH topic=\"t\" payload=\"2\" qos=2 packet_id=2");
    does("p", "PUBLISH topic=\"t\" payload=\"3\" qos=2 packet_id=3");
    joins("b", 5, "");
    does("b", "SUBSCRIBE packet_id=1 filter=\"$share/g/t\":2");
    cut("a");
    hears("- a has not 2: session over\na: closed\n"
          "b: PUBLISH topic=\"t\" payload=\"1\" qos=1 packet_id=1\n"
          "b: PUBLISH topic=\"t\" payload=\"3\" qos=2 packet_id=2");
    finish();
}

// v5:MQTT-4.8.2-6: one that its member refuses goes to nobody else.
static void hands_on_nothing_that_was_refused(void **state)
{
    (void)state;
    start(&with_ears);
    joins("a", 5, "");
    joins("b", 5, "");
    does("a", "SUBSCRIBE packet_id=1 filter=\"$share/g/t\":1");
    does("b", "SUBSCRIBE packet_id=1 filter=\"$share/g/t\":1");
    does("b", "PUBLISH topic=\"t\" payload=\"1\" qos=1 packet_id=1");
    tells("a", "PUBACK packet_id=1 reason=0x80");
    hears("- a has not 1: refused");
    finish();
}

// v5:MQTT-3.1.2-25: what is too large for the only member counts as delivered.
static void tells_what_no_member_can_take(void **state)
{
    (void)state;
    start(&with_ears);
    joins("a", 5, " maximum_packet_size=20");
    joins("b", 5, "");
    does("a", "SUBSCRIBE packet_id=1 filter=\"$share/g/t\":1");
    tells("b", "PUBLISH topic=\"t\" payload=\"01234567890123456789\"");
    hears("- a has not 01234567890123456789: too large");
    tells("b", "PUBLISH topic=\"t\" payload=\"01234567890123456789\" qos=1 packet_id=1");
    hears("- a has not 01234567890123456789: too large\nb: PUBACK packet_id=1");
    finish();
}

// A member for whom the message is too large is passed over.
static void passes_over_a_member_that_cannot_take_it(void **state)
{
    (void)state;
    start(NULL);
    joins("a", 5, " maximum_packet_size=20");
    joins("b", 5, "");
    does("a", "SUBSCRIBE packet_id=1 filter=\"$share/g/t\":0");
    does("b", "SUBSCRIBE packet_id=1 filter=\"$share/g/t\":0");
    tells("b", "PUBLISH topic=\"t\" payload=\"01234567890123456789\"");
    hears("b: PUBLISH topic=\"t\" payload=\"01234567890123456789\"");
    finish();
}

// --- the program ---

static void told(mqw_broker *broker, const mqw_publish *publish, mqw_text from, void *ctx)
{
    (void)broker;
    note("- %s: %.*s of \"%.*s\"", (const char *)ctx, (int)publish->payload.len,
         (const char *)publish->payload.data, (int)from.len, from.len ? from.data : "");
}

static void reaches_the_program(void **state)
{
    (void)state;
    mqw_filter item = {.filter = MQW_TEXT("t/#"), .qos = 1};
    mqw_filter shared = {.filter = MQW_TEXT("$share/g/t/+"), .qos = 1};
    start(NULL);
    joins("a", 5, "");
    does("a", "SUBSCRIBE packet_id=1 filter=\"t/1\":0");
    static char one[] = "one", two[] = "two", three[] = "three";
    assert_int_equal(mqw_broker_subscribe(w.broker, &item, told, one, NULL), 0);
    assert_int_equal(mqw_broker_subscribe(w.broker, &item, told, two, NULL), 0);
    assert_int_equal(mqw_broker_subscribe(w.broker, &shared, told, three, NULL), 0);
    tells("a", "PUBLISH topic=\"t/1\" payload=\"x\"");
    assert_non_null(strstr(heard, "a: PUBLISH topic=\"t/1\" payload=\"x\""));
    assert_non_null(strstr(heard, "- one: x of \"a\""));
    assert_non_null(strstr(heard, "- two: x of \"a\""));
    assert_non_null(strstr(heard, "- three: x of \"a\""));
    heard[0] = '\0';
    assert_int_equal(publishes("PUBLISH topic=\"t/2\" payload=\"y\" qos=1 packet_id=1"), 0);
    assert_non_null(strstr(heard, "- one: y of \"\""));
    heard[0] = '\0';
    finish();
}

// --- large payloads ---

static void carries_large_payloads(void **state)
{
    (void)state;
    start(NULL);
    joins("a", 5, "");
    joins("b", 4, "");
    joins("p", 5, "");
    does("a", "SUBSCRIBE packet_id=1 filter=\"t\":1");
    does("b", "SUBSCRIBE packet_id=1 filter=\"t\":0");
    for (size_t len = 1000; len <= 8000; len += 3500) {
        char *line = malloc(len + 200), *expected = malloc(2 * len + 400), *payload = malloc(len + 1);
        assert_true(line && expected && payload);
        memset(payload, 'p', len);
        payload[len] = '\0';
        snprintf(line, len + 200, "PUBLISH topic=\"t\" payload=\"%s\" qos=0 content_type=\"c\"", payload);
        snprintf(
            expected, 2 * len + 400,
            "a: PUBLISH topic=\"t\" payload=\"%s\" content_type=\"c\"\nb: PUBLISH topic=\"t\" payload=\"%s\"",
            payload, payload);
        tells("p", line);
        hears(expected);
        free(line);
        free(expected);
        free(payload);
    }
    finish();
}

// A PUBLISH that comes in pieces is put together in a block of the connection, which is taken over.
static void arrives_in_pieces(const char *name, const mqw_publish *publish)
{
    wire *at = wire_of(name);
    assert_int_equal(mqw_conn_publish(at->client, publish), 0);
    mqw_bytes all = take_output(at->client);
    for (size_t from = 0; from < all.len; from += 3000)
        give(at, (mqw_bytes){all.data + from, all.len - from < 3000 ? all.len - from : 3000});
    free((void *)(uintptr_t)all.data);
    settle();
}

static uint8_t large[9000];

static int changes_payload(mqw_broker *broker, mqw_peer *peer, mqw_publish *publish, void *ctx)
{
    (void)broker;
    (void)peer;
    (void)ctx;
    if (publish->payload.len == 8000)
        publish->payload = (mqw_bytes){large, sizeof large};
    return 0;
}

static void has_payloads(const char *name, size_t len, int count)
{
    char line[60];
    const char *at = heard;
    snprintf(line, sizeof line, "%s: PUBLISH topic=\"t\" payload=\"", name);
    for (; (at = strstr(at, line)); count--) {
        at += strlen(line);
        assert_int_equal(strspn(at, "p"), len);
    }
    assert_int_equal(count, 0);
}

static void takes_over_large_payloads(void **state)
{
    (void)state;
    mqw_broker_options options = {.hooks = {.on_publish = changes_payload}};
    start(&options);
    joins("a", 5, "");
    joins("b", 4, "");
    joins("p", 5, "");
    does("a", "SUBSCRIBE packet_id=1 filter=\"t\":1");
    does("b", "SUBSCRIBE packet_id=1 filter=\"t\":0");
    memset(large, 'p', sizeof large);
    mqw_publish publish = {
        .topic = MQW_TEXT("t"), .payload = {large, 7000}, .qos = 1, .packet_id = 1, .retain = true};
    arrives_in_pieces("p", &publish);
    has_payloads("a", 7000, 1);
    has_payloads("b", 7000, 1);
    heard[0] = '\0';
    publish.payload.len = 8000;
    publish.packet_id = 2;
    arrives_in_pieces("p", &publish);
    has_payloads("a", 9000, 1);
    has_payloads("b", 9000, 1);
    heard[0] = '\0';
    tells("b", "SUBSCRIBE packet_id=1 filter=\"+\":0");
    has_payloads("b", 9000, 1);
    heard[0] = '\0';
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reaches_all_versions_with_the_lesser_qos),
        cmocka_unit_test(forwards_properties_unaltered),
        cmocka_unit_test(forwards_many_properties),
        cmocka_unit_test(tells_a_publisher_that_nobody_has_subscribed),
        cmocka_unit_test(gives_one_copy_to_overlapping_subscriptions),
        cmocka_unit_test(merges_many_overlapping_subscriptions),
        cmocka_unit_test(keeps_a_message_from_its_publisher_with_no_local),
        cmocka_unit_test(keeps_the_retain_flag_for_those_who_want_it),
        cmocka_unit_test(asks_and_tells_hooks),
        cmocka_unit_test(may_publish_in_a_hook),
        cmocka_unit_test(gives_a_shared_subscription_to_one_member_in_turn),
        cmocka_unit_test(counts_shared_and_ordinary_subscriptions_apart),
        cmocka_unit_test(prefers_members_that_are_connected),
        cmocka_unit_test(hands_on_what_a_member_leaves),
        cmocka_unit_test(hands_on_nothing_that_was_refused),
        cmocka_unit_test(tells_what_no_member_can_take),
        cmocka_unit_test(passes_over_a_member_that_cannot_take_it),
        cmocka_unit_test(reaches_the_program),
        cmocka_unit_test(carries_large_payloads),
        cmocka_unit_test(takes_over_large_payloads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
