// SPDX-License-Identifier: MIT
// What can be counted in a broker: the snapshot against what was done, and the topics of $SYS.
#include "broker/inside.h"
#include "unit/broker_world.h"

static mqw_broker_status status(void)
{
    mqw_broker_status all = {.size = sizeof all};
    mqw_broker_status_of(w.broker, &all);
    return all;
}

static void start_telling(int32_t seconds)
{
    const mqw_broker_options options = {.status_interval = seconds};
    start(&options);
}

// ---- the snapshot ----

static void a_new_broker_has_nothing(void **state)
{
    (void)state;
    start(NULL);
    passes(2500);
    mqw_broker_status all = status();
    assert_int_equal(all.uptime, 2);
    assert_int_equal(all.connections, 0);
    assert_int_equal(all.clients_total, 0);
    assert_int_equal(all.subscriptions, 0);
    assert_int_equal(all.retained, 0);
    assert_int_equal(all.messages_stored, 0);
    assert_true(all.memory > 0 && all.memory_maximum >= all.memory);
    finish();
}

static void clients_and_what_they_have_are_counted(void **state)
{
    (void)state;
    start(NULL);
    is_there("a", "CONNECT version=5 client_id=\"a\" session_expiry=100");
    is_there("b", "CONNECT version=4 client_id=\"b\" clean_start");
    does("a", "SUBSCRIBE packet_id=1 filter=\"t/#\":1 filter=\"$share/g/s\":0");
    does("b", "SUBSCRIBE packet_id=1 filter=\"t/+\":0");
    does("b", "PUBLISH topic=\"t/1\" qos=1 packet_id=1 retain payload=\"one\"");
    mqw_broker_status all = status();
    assert_int_equal(all.connections, 2);
    assert_int_equal(all.clients_connected, 2);
    assert_int_equal(all.clients_maximum, 2);
    assert_int_equal(all.subscriptions, 3);
    assert_int_equal(all.shared_subscriptions, 1);
    assert_int_equal(all.retained, 1);
    assert_int_equal(all.publish_received, 1);
    assert_int_equal(all.publish_sent, 2);
    assert_int_equal(all.inflight, 1);
    assert_int_equal(all.queued, 1);
    assert_int_equal(all.packets_received, 5);
    assert_int_equal(all.packets_sent, 7);
    cut("a");
    all = status();
    assert_int_equal(all.clients_connected, 1);
    assert_int_equal(all.clients_disconnected, 1);
    assert_int_equal(all.clients_total, 2);
    assert_int_equal(all.packets_received, 5);
    passes(101000);
    all = status();
    assert_int_equal(all.clients_expired, 1);
    assert_int_equal(all.subscriptions, 1);
    assert_int_equal(all.inflight, 0);
    finish();
}

// Bytes of connections that are there and of those that are gone.
static void bytes_are_counted_once(void **state)
{
    (void)state;
    start(NULL);
    is_there("a", "CONNECT version=4 client_id=\"a\" clean_start");
    assert_int_equal(status().bytes_received, 15);
    assert_int_equal(status().bytes_sent, 4);
    cut("a");
    assert_int_equal(status().bytes_received, 15);
    assert_int_equal(status().bytes_sent, 4);
    assert_int_equal(status().connections, 0);
    assert_int_equal(status().connections_accepted, 1);
    finish();
}

// A program of an older version has room for less.
static void a_shorter_snapshot_is_filled_as_far_as_it_goes(void **state)
{
    struct {
        mqw_broker_status all;
    } room;
    (void)state;
    start(NULL);
    passes(1000);
    memset(&room, 0xEE, sizeof room);
    room.all.size = offsetof(mqw_broker_status, clients_connected);
    mqw_broker_status_of(w.broker, &room.all);
    assert_int_equal(room.all.size, offsetof(mqw_broker_status, clients_connected));
    assert_int_equal(room.all.uptime, 1);
    assert_int_equal(room.all.clients_connected, UINT64_C(0xEEEEEEEEEEEEEEEE));
    mqw_broker_status_of(NULL, &room.all);
    mqw_broker_status_of(w.broker, NULL);
    finish();
}

// ---- $SYS ----

static void subscribers_of_sys_hear_what_changes(void **state)
{
    (void)state;
    start_telling(10);
    passes(1);
    is_there("a", "CONNECT version=5 client_id=\"a\" clean_start keep_alive=0");
    tells("a", "SUBSCRIBE packet_id=1 filter=\"$SYS/broker/clients/+\":2 filter=\"$SYS/broker/version\":0");
    assert_non_null(strstr(heard, "PUBLISH topic=\"$SYS/broker/clients/connected\" payload=\"0\" retain"));
    assert_non_null(strstr(heard, "PUBLISH topic=\"$SYS/broker/version\" payload=\"mqwire "));
    heard[0] = '\0';
    passes(9999);
    hears("");
    passes(1);
    assert_non_null(strstr(heard, "PUBLISH topic=\"$SYS/broker/clients/connected\" payload=\"1\"\n"));
    assert_null(strstr(heard, "clients/expired"));
    heard[0] = '\0';
    passes(10000);
    hears("");
    finish();
}

// v4:MQTT-4.7.2-1, v5:MQTT-4.7.2-1: # sees none of it.
static void nobody_else_hears_of_it(void **state)
{
    (void)state;
    start_telling(1);
    is_there("a", "CONNECT version=4 client_id=\"a\" clean_start keep_alive=0");
    does("a", "SUBSCRIBE packet_id=1 filter=\"#\":0 filter=\"+/broker/uptime\":0");
    passes(5000);
    hears("");
    assert_int_equal(status().retained, 0);
    tells("a", "PUBLISH topic=\"$SYS/broker/uptime\" payload=\"x\" retain");
    assert_int_equal(status().publish_refused, 1);
    finish();
}

static void every_counter_has_its_topic(void **state)
{
    static const char *const topics[] = {
#define X(field, topic, text) "$SYS/broker/" topic,
        MQW_BROKER_STATUS(X)
#undef X
    };
    (void)state;
    start_telling(10);
    passes(1);
    for (size_t i = 0; i < COUNT(topics); i++)
        assert_non_null(mqw__retained_find(w.broker->retained, (mqw_text){topics[i], strlen(topics[i])}));
    finish();
}

static const char *retained_at(const char *topic)
{
    static char words[64];
    const mqw__letter *letter = mqw__retained_find(w.broker->retained, (mqw_text){topic, strlen(topic)});
    assert_non_null(letter);
    mqw_bytes payload = letter->shared.bytes;
    (void)snprintf(words, sizeof words, "%.*s", (int)payload.len, (const char *)payload.data);
    return words;
}

static void bounds_are_told(void **state)
{
    const mqw_broker_options options = {
        .status_interval = 10, .max_per_address = 7, .limits = {.max_filter_levels = 9}};
    (void)state;
    start(&options);
    passes(1);
    assert_string_equal(retained_at("$SYS/broker/limits/connections"), "100000");
    assert_string_equal(retained_at("$SYS/broker/limits/connections/per_address"), "7");
    assert_string_equal(retained_at("$SYS/broker/limits/memory"), "1073741824");
    assert_string_equal(retained_at("$SYS/broker/limits/client/levels"), "9");
    assert_string_equal(retained_at("$SYS/broker/limits/client/publish/rate"), "0");
    finish();
}

// Averages by the minute come up, and fade.
static void loads_are_averages_a_minute(void **state)
{
    static const char one[] = "$SYS/broker/load/publish/received/1min";
    static const char fifteen[] = "$SYS/broker/load/publish/received/15min";
    (void)state;
    start_telling(10);
    passes(1);
    is_there("a", "CONNECT version=4 client_id=\"a\" clean_start keep_alive=0");
    assert_string_equal(retained_at(one), "0.00");
    for (int i = 0; i < 90; i++) {
        for (int k = 0; k < 10; k++)
            says(wire_of("a")->client, "PUBLISH topic=\"t\"");
        passes(10000);
    }
    assert_string_equal(retained_at(one), "60.00");
    assert_string_equal(retained_at(fifteen), "37.93"); // 60 * (1 - 1/e)
    passes(60000);
    assert_string_equal(retained_at(one), "22.07"); // 60 / e
    finish();
}

// They are not for the bounds of clients.
static void sys_takes_no_room_from_retained_messages(void **state)
{
    const mqw_broker_options options = {.status_interval = 1, .max_retained = 1};
    (void)state;
    start(&options);
    passes(2000);
    is_there("a", "CONNECT version=5 client_id=\"a\" clean_start keep_alive=0");
    tells("a", "PUBLISH topic=\"t\" qos=1 packet_id=1 retain payload=\"x\"");
    hears("a: PUBACK packet_id=1 reason=0x10");
    tells("a", "PUBLISH topic=\"u\" qos=1 packet_id=2 retain payload=\"x\"");
    hears("a: PUBACK packet_id=2 reason=0x97");
    assert_int_equal(status().retained, 1);
    finish();
}

static void without_memory_it_goes_on(void **state)
{
    (void)state;
    start_telling(1);
    passes(1);
    w.memory.fail_on = w.memory.failed = true;
    passes(3000);
    w.memory.fail_on = false;
    passes(1000);
    assert_string_equal(retained_at("$SYS/broker/uptime"), "4");
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_broker_has_nothing),
        cmocka_unit_test(clients_and_what_they_have_are_counted),
        cmocka_unit_test(bytes_are_counted_once),
        cmocka_unit_test(a_shorter_snapshot_is_filled_as_far_as_it_goes),
        cmocka_unit_test(subscribers_of_sys_hear_what_changes),
        cmocka_unit_test(nobody_else_hears_of_it),
        cmocka_unit_test(every_counter_has_its_topic),
        cmocka_unit_test(bounds_are_told),
        cmocka_unit_test(loads_are_averages_a_minute),
        cmocka_unit_test(sys_takes_no_room_from_retained_messages),
        cmocka_unit_test(without_memory_it_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
