// SPDX-License-Identifier: MIT
// Corners of the broker where two things happen at once: an end and an identifier, a failure and its word, a
// hook and what it was asked about, a restart and a restart.
#include <mqwire/broker.h>

#include "unit/broker_disk.h"

#define KEPT  " session_expiry=3600"
#define OPEN5 " receive_maximum=1024 topic_alias_maximum=16 maximum_packet_size=1048576"

enum { BALLAST = 150000, LOAD = 60000 };

static void retains(const char *topic, size_t len)
{
    static uint8_t payload[BALLAST];
    mqw_publish publish = {.topic = {topic, strlen(topic)}, .payload = {payload, len}, .retain = true};
    assert_int_equal(mqw_broker_publish(w.broker, &publish), 0);
}

static void sends_load(const char *name, bool dup)
{
    static uint8_t payload[LOAD];
    mqw_packet packet = {.type = MQW_PUBLISH};
    packet.publish = (mqw_publish){.topic = MQW_TEXT("t"),
                                   .payload = {payload, sizeof payload},
                                   .qos = 2,
                                   .packet_id = 1,
                                   .dup = dup,
                                   .retain = true};
    assert_true(mqw_conn_send(wire_of(name)->client, &packet) >= 0);
    settle();
}

static uint64_t retained(void)
{
    mqw_broker_status status = {.size = sizeof status};
    mqw_broker_status_of(w.broker, &status);
    return status.retained;
}

// v3:MQTT-4.3.3-2: what was not taken is taken when it is sent again.
static void what_could_not_be_kept_is_taken_later(void **state)
{
    (void)state;
    const mqw_broker_options options = {.max_memory = 200000};
    start(&options);
    is_there("p", "CONNECT version=4 client_id=\"p\"");
    retains("ballast", BALLAST);
    sends_load("p", false);
    hears("p: closed");
    assert_int_equal(retained(), 1);
    retains("ballast", 0);
    connects("p", "CONNECT version=4 client_id=\"p\"");
    hears("p: CONNACK session_present reason=0x00");
    sends_load("p", true);
    hears("p: PUBREC packet_id=1");
    assert_int_equal(retained(), 1);
    finish();
}

static int lets_all_pass(mqw_broker *broker, mqw_peer *peer, mqw_publish *publish, void *ctx)
{
    (void)peer;
    (void)publish;
    (void)ctx;
    (void)broker;
    return 0;
}

static void kicks_the_publisher(mqw_broker *broker, mqw_text id, const mqw_publish *publish, mqw_drop why,
                                void *ctx)
{
    (void)id;
    (void)publish;
    (void)why;
    (void)ctx;
    (void)mqw_broker_kick(broker, MQW_TEXT("p"), 0x98, false);
}

static void what_was_refused_at_the_end_is_taken_later(void **state)
{
    (void)state;
    const mqw_broker_options options = {
        .hooks = {.on_publish = lets_all_pass, .on_dropped = kicks_the_publisher},
        .limits = {.max_queued = 1, .when_full = MQW_QUEUE_REFUSE}};
    start(&options);
    is_there("s", "CONNECT version=4 client_id=\"s\"");
    does("s", "SUBSCRIBE packet_id=1 filter=\"t\":2");
    cut("s");
    is_there("p", "CONNECT version=5 client_id=\"p\"" KEPT);
    does("p", "PUBLISH topic=\"t\" payload=\"1\" qos=1 packet_id=1");
    tells("p", "PUBLISH topic=\"t\" payload=\"2\" qos=2 packet_id=2");
    hears("p: DISCONNECT reason=0x98\np: closed");
    connects("s", "CONNECT version=4 client_id=\"s\"");
    does("s", "PUBACK packet_id=1");
    is_there("p", "CONNECT version=5 client_id=\"p\"" KEPT);
    tells("p", "PUBLISH topic=\"t\" payload=\"2\" qos=2 packet_id=2 dup");
    hears("s: PUBLISH topic=\"t\" payload=\"2\" qos=2 packet_id=2\np: PUBREC packet_id=2");
    finish();
}

// ---- an acknowledgement with words that waits for the disk ----

static mqw_ticket *ticket;

static int later(mqw_broker *broker, mqw_peer *peer, mqw_publish *publish, void *ctx)
{
    (void)broker;
    (void)publish;
    (void)ctx;
    ticket = mqw_peer_defer(peer);
    return MQW_LATER;
}

static void words_wait_for_the_disk(void **state)
{
    (void)state;
    const mqw_broker_options options = {.hooks = {.on_publish = later}};
    begins(&options);
    is_there("s", "CONNECT version=5 client_id=\"s\"" KEPT);
    commits_all();
    does("s", "SUBSCRIBE packet_id=1 filter=\"t\":1");
    commits_all();
    is_there("p", "CONNECT version=5 client_id=\"p\" clean_start request_problem_info=1");
    does("p", "PUBLISH topic=\"t\" payload=\"1\" qos=1 packet_id=1");
    mqw_props props = {0};
    mqw_set(&props, reason_string, MQW_TEXT("in time"));
    mqw_peer_decide(ticket, 0, &props);
    settle();
    hears("s: PUBLISH topic=\"t\" payload=\"1\" qos=1 packet_id=1");
    commits_all();
    hears("p: PUBACK packet_id=1 reason_string=\"in time\"");
    ends();
}

// ---- the log ----

static bool inside;
static int logs;

static void on_log(mqw_broker *broker, int level, const char *words, void *ctx)
{
    const mqw_publish publish = {.topic = MQW_TEXT("log/1"), .payload = {(const uint8_t *)words, 3}};
    (void)level;
    (void)ctx;
    assert_false(inside);
    logs++;
    (void)mqw_broker_publish(broker, &publish);
}

// No callback is called inside a call of the program, and none while subscriptions are looked through.
static void the_log_is_told_between(void **state)
{
    (void)state;
    const mqw_broker_options options = {.hooks = {.on_log = on_log}};
    begins(&options);
    is_there("s", "CONNECT version=5 client_id=\"s\"" KEPT);
    commits_all();
    does("s", "SUBSCRIBE packet_id=1 filter=\"t/1\":1 filter=\"log/1\":0");
    commits_all();
    is_there("r", "CONNECT version=5 client_id=\"r\"" KEPT);
    commits_all();
    does("r", "SUBSCRIBE packet_id=1 filter=\"t/+\":1 filter=\"log/+\":0");
    commits_all();
    heard[0] = '\0';
    logs = 0;
    disk.why = "the disk is full";
    const mqw_publish publish = {.topic = MQW_TEXT("t/1"), .qos = 1};
    inside = true;
    assert_int_equal(mqw_broker_publish(w.broker, &publish), MQW_E_FULL);
    inside = false;
    assert_int_equal(logs, 0);
    settle();
    assert_int_equal(logs, 1);
    assert_non_null(strstr(heard, "s: PUBLISH topic=\"log/1\" payload=\"the\""));
    assert_non_null(strstr(heard, "r: PUBLISH topic=\"log/1\" payload=\"the\""));
    disk.why = NULL;
    passes(1000);
    commits_all();
    assert_int_equal(logs, 2);
    heard[0] = '\0';
    ends();
}

// ---- a hook that publishes to whom it is asked about ----

static int asked;

static bool audits(mqw_broker *broker, mqw_peer *peer, mqw_text topic, void *ctx)
{
    const mqw_publish publish = {.topic = MQW_TEXT("audit"), .qos = 1};
    (void)peer;
    (void)ctx;
    asked++;
    if (topic.len == 1)
        (void)mqw_broker_publish(broker, &publish);
    return true;
}

static void a_hook_that_publishes_doubles_nothing(void **state)
{
    (void)state;
    const mqw_broker_options options = {.hooks = {.may_receive = audits}};
    start(&options);
    is_there("s", "CONNECT version=4 client_id=\"s\" clean_start");
    does("s", "SUBSCRIBE packet_id=1 filter=\"#\":1");
    asked = 0;
    const mqw_publish publish = {.topic = MQW_TEXT("t"), .qos = 1};
    assert_int_equal(mqw_broker_publish(w.broker, &publish), 0);
    settle();
    hears("s: PUBLISH topic=\"t\" payload=\"\" qos=1 packet_id=1\n"
          "s: PUBLISH topic=\"audit\" payload=\"\" qos=1 packet_id=2");
    assert_int_equal(asked, 2);
    finish();
}

// ---- a delay over two restarts ----

// v5:MQTT-3.1.2-8.
static void a_delay_goes_on_over_restarts(void **state)
{
    (void)state;
    begins(NULL);
    is_there("s", "CONNECT version=5 client_id=\"s\"" KEPT);
    commits_all();
    does("s", "SUBSCRIBE packet_id=1 filter=\"w\":1");
    commits_all();
    connects("a", "CONNECT version=5 client_id=\"a\"" KEPT
                  " will.topic=\"w\" will.payload=\"A\" will.qos=1 will.will_delay=100");
    commits_all();
    dies();
    restarts_after(0, NULL);
    passes(60000);
    commits_all();
    dies();
    restarts_after(0, NULL);
    connects("s", "CONNECT version=5 client_id=\"s\"" KEPT);
    commits_all();
    hears("s: CONNACK session_present reason=0x00" OPEN5);
    passes(41000);
    commits_all();
    hears("s: PUBLISH topic=\"w\" payload=\"A\" qos=1 packet_id=1");
    ends();
}

// ---- a packet that would take a second ----

static void many_filters_are_not_looked_for(void **state)
{
    (void)state;
    const mqw_broker_options options = {.limits = {.max_subscriptions = 2}};
    start(&options);
    is_there("a", "CONNECT version=4 client_id=\"a\" clean_start");
    tells("a", "UNSUBSCRIBE packet_id=1 filter=\"x\" filter=\"y\"");
    hears("a: UNSUBACK packet_id=1");
    tells("a", "UNSUBSCRIBE packet_id=1 filter=\"x\" filter=\"y\" filter=\"z\"");
    hears("a: closed");
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_could_not_be_kept_is_taken_later),
        cmocka_unit_test(what_was_refused_at_the_end_is_taken_later),
        cmocka_unit_test(words_wait_for_the_disk),
        cmocka_unit_test(the_log_is_told_between),
        cmocka_unit_test(a_hook_that_publishes_doubles_nothing),
        cmocka_unit_test(a_delay_goes_on_over_restarts),
        cmocka_unit_test(many_filters_are_not_looked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
