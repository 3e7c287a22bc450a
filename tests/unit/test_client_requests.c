// SPDX-License-Identifier: MIT
// Subscribing and unsubscribing: answers, time-outs, limits of the server, and what is restored when a server
// has lost the session.
#include <mqwire/client.h>

#include "unit/client_world.h"

static void unsubscribed(mqw_client *client, mqw_text filter, int result, void *ctx)
{
    (void)client;
    (void)ctx;
    note("- unsubscribed %.*s %d", (int)filter.len, filter.data, result);
}

static int unsubscribe_from(const char *filter, const char *name)
{
    mqw_text item = {filter, strlen(filter)};
    return mqw_client_unsubscribe(w.client, &item, 1, NULL, done, (void *)(uintptr_t)name);
}

// The server answers what it heard last.
static void answer_last(const char *reasons)
{
    static const char asked[] = "SUBSCRIBE packet_id=";
    const char *last = NULL;
    char line[128];
    for (const char *at = heard; (at = strstr(at, asked)); at++)
        last = at;
    assert_non_null(last);
    bool takes_back = last > heard && last[-1] == 'N';
    unsigned id = (unsigned)strtoul(last + sizeof asked - 1, NULL, 10);
    snprintf(line, sizeof line, "%s packet_id=%u reasons=%s", takes_back ? "UNSUBACK" : "SUBACK", id,
             reasons);
    server_says(line);
}

static void subscribes(const char *filter)
{
    assert_int_equal(subscribe_to(filter, 1, filter), 0);
    settle();
    answer_last("0x01");
}

static void loses_its_session(const char *connack)
{
    cut();
    reconnects();
    heard[0] = '\0';
    server_says(connack);
}

// ---- answers ----

static void answers_come_with_their_reasons(void **state)
{
    (void)state;
    open_usual();
    mqw_filter two[] = {{.filter = MQW_TEXT("a"), .qos = 2},
                        {.filter = MQW_TEXT("b"), .qos = 1, .no_local = true}};
    assert_int_equal(mqw_client_subscribe(w.client, two, 2, NULL, done, (void *)(uintptr_t) "two"), 0);
    hears("");
    settle();
    hears("SUBSCRIBE packet_id=1 filter=\"a\":2 filter=\"b\":1:no_local");
    server_says("SUBACK packet_id=1 reasons=0x01,0x87");
    hears("- done two 135");
    assert_int_equal(unsubscribe_from("a", "away"), 0);
    settle();
    hears("UNSUBSCRIBE packet_id=2 filter=\"a\"");
    server_says("UNSUBACK packet_id=2 reasons=0x11");
    hears("- done away 17");
    finish();
}

// v4:MQTT-3.8.4-5, v5:MQTT-3.8.4-6: one reason for each filter.
static void an_answer_that_does_not_fit(void **state)
{
    (void)state;
    open_usual();
    assert_int_equal(subscribe_to("a", 1, "a"), 0);
    settle();
    heard[0] = '\0';
    server_says("SUBACK packet_id=1 reasons=0x01,0x01");
    hears(
        "- lost -2 0x00 the server's answer does not fit what it was asked (MQTT-3.8.4-6); 1 at localhost, again in 818\n"
        "DISCONNECT reason=0x82");
    passes(2000);
    server_says("CONNACK session_present");
    hears("CONNECT version=5 client_id=\"c\" session_expiry=1000" ADDED "\n"
          "- open, present\n"
          "SUBSCRIBE packet_id=2 filter=\"a\":1"); // asked again
    server_says("UNSUBACK packet_id=2 reasons=0x00");
    hears(
        "- lost -2 0x00 the server's answer does not fit what it was asked (MQTT-3.8.4-6); 1 at localhost, again in 1534\n"
        "DISCONNECT reason=0x82");
    finish();
}

static void answers_to_nothing(void **state)
{
    (void)state;
    open_usual();
    server_says("SUBACK packet_id=5 reasons=0x00");
    hears("");
    finish();
}

static void no_answer_in_time(void **state)
{
    (void)state;
    mqw_client_options options = usual();
    options.request_timeout = 1000;
    open_with(&options, "CONNACK reason=0x00");
    assert_int_equal(subscribe_to("a", 1, "a"), 0);
    settle();
    heard[0] = '\0';
    passes(999);
    hears("");
    passes(1);
    hears("- done a -11");
    assert_int_equal(subscribe_to("b", 1, "b"), 0); // its identifier is not that of the first
    settle();
    hears("SUBSCRIBE packet_id=2 filter=\"b\":1");
    server_says("SUBACK packet_id=1 reasons=0x00");
    hears("");
    cut();
    heard[0] = '\0';
    w.refuse = 100;
    passes(1000);
    hears("- lost -14 0x00 stream failed; 2 at localhost, again in 1534\n"
          "- done b -11");
    finish();
}

// v4:MQTT-3.8.3-4: before 5.0 the options are left out.
static void before_5_0(void **state)
{
    (void)state;
    mqw_client_options options = usual();
    const mqw_connect connect = {.client_id = MQW_TEXT("c"), .version = 4, .clean_start = true};
    options.connect = &connect;
    open_with(&options, "CONNACK reason=0x00");
    mqw_filter item = {.filter = MQW_TEXT("a"), .qos = 2, .no_local = true, .retain_handling = 2};
    mqw_props props = {.has = 0};
    uint32_t id = 5;
    uint8_t room[5];
    mqw_set(&props, subscription_ids, mqw_list_ids(room, sizeof room, &id, 1));
    assert_int_equal(mqw_client_subscribe(w.client, &item, 1, &props, done, (void *)(uintptr_t) "a"), 0);
    settle();
    hears("SUBSCRIBE packet_id=1 filter=\"a\":2");
    server_says("SUBACK packet_id=1 reasons=0x80");
    hears("- done a 128");
    assert_int_equal(unsubscribe_from("a", "away"), 0);
    settle();
    server_says("UNSUBACK packet_id=2");
    hears("UNSUBSCRIBE packet_id=2 filter=\"a\"\n"
          "- done away 0");
    finish();
}

static void what_cannot_be_asked(void **state)
{
    (void)state;
    open_usual();
    mqw_filter item = {.filter = MQW_TEXT("a"), .qos = 3};
    assert_int_equal(subscribe_to("a/#/b", 0, "x"), MQW_E_MISUSE);
    assert_int_equal(subscribe_to("", 0, "x"), MQW_E_MISUSE);
    assert_int_equal(mqw_client_subscribe(w.client, &item, 1, NULL, done, NULL), MQW_E_MISUSE);
    assert_int_equal(mqw_client_subscribe(w.client, &item, 0, NULL, done, NULL), MQW_E_MISUSE);
    assert_int_equal(mqw_client_subscribe(w.client, NULL, 1, NULL, done, NULL), MQW_E_MISUSE);
    assert_int_equal(unsubscribe_from("#a", "x"), MQW_E_MISUSE);
    settle();
    hears("");
    finish();
}

// v5: wildcards, shared subscriptions and identifiers that the server has not.
static void what_the_server_does_not_do(void **state)
{
    (void)state;
    mqw_client_options options = usual();
    open_with(&options, "CONNACK reason=0x00 wildcards_available=0 shared_available=0");
    assert_int_equal(subscribe_to("a/#", 0, "wild"), 0);
    assert_int_equal(subscribe_to("$share/g/a", 0, "shared"), 0);
    hears("");
    settle();
    hears("- done wild -7\n"
          "- done shared -7");
    finish();
}

// ---- restoring ----

// A session that another server has kept does not know what was subscribed at the last one.
static void subscriptions_go_along_to_another_server(void **state)
{
    (void)state;
    mqw_client_options options = usual();
    options.address = "one,two";
    open_with(&options, "CONNACK reason=0x00");
    subscribes("a");
    cut();
    w.refuse = 1; // "one" is not there any more
    passes(5000);
    assert_string_not_equal(w.addresses[0], w.addresses[w.opened - 1]);
    heard[0] = '\0';
    server_says("CONNACK session_present");
    hears("- open, present\n"
          "SUBSCRIBE packet_id=2 filter=\"a\":1");
    finish();
}

static void subscriptions_are_restored(void **state)
{
    (void)state;
    mqw_client_options options = usual();
    options.handlers.on_unsubscribed = unsubscribed;
    open_with(&options, "CONNACK reason=0x00");
    mqw_filter item = {.filter = MQW_TEXT("with"), .qos = 2, .retain_as_published = true};
    mqw_props props = {.has = 0};
    uint32_t id = 5;
    uint8_t room[5];
    mqw_set(&props, subscription_ids, mqw_list_ids(room, sizeof room, &id, 1));
    subscribes("a");
    subscribes("b");
    assert_int_equal(mqw_client_subscribe(w.client, &item, 1, &props, done, (void *)(uintptr_t) "with"), 0);
    settle();
    answer_last("0x02");
    assert_int_equal(unsubscribe_from("b", "away"), 0);
    settle();
    answer_last("0x00");
    subscribes("c");
    loses_its_session("CONNACK session_present");
    hears("- open, present");
    loses_its_session("CONNACK reason=0x00");
    static char was[sizeof heard];
    memcpy(was, heard, sizeof heard);
    hears("- open\n"
          "SUBSCRIBE packet_id=6 filter=\"a\":1\n"
          "SUBSCRIBE packet_id=7 filter=\"with\":2:retain_as_published subscription_id=5\n"
          "SUBSCRIBE packet_id=8 filter=\"c\":1");
    memcpy(heard, was, sizeof heard);
    answer_last("0x87");
    memmove(heard, heard + strlen(was) + 1, strlen(heard + strlen(was) + 1) + 1);
    hears("- unsubscribed c 135");
    loses_its_session("CONNACK reason=0x00");
    hears("- open\n"
          "SUBSCRIBE packet_id=9 filter=\"a\":1\n"
          "SUBSCRIBE packet_id=10 filter=\"with\":2:retain_as_published subscription_id=5");
    finish();
}

// Another server may do less: what it takes is restored, the rest is told.
static void a_server_that_does_less(void **state)
{
    (void)state;
    mqw_client_options options = usual();
    options.handlers.on_unsubscribed = unsubscribed;
    open_with(&options, "CONNACK reason=0x00");
    subscribes("a");
    subscribes("b/#");
    subscribes("c");
    loses_its_session("CONNACK reason=0x00 wildcards_available=0");
    hears("- open\n"
          "- unsubscribed b/# -7\n"
          "SUBSCRIBE packet_id=5 filter=\"a\":1\n"
          "SUBSCRIBE packet_id=7 filter=\"c\":1");
    loses_its_session("CONNACK reason=0x00");
    hears("- open\n"
          "SUBSCRIBE packet_id=8 filter=\"a\":1 filter=\"c\":1");
    finish();
}

static void subscribe_again(mqw_client *client, const mqw_connack *connack, void *ctx)
{
    on_open(client, connack, ctx);
    assert_int_equal(subscribe_to("a", 1, "again"), 0);
}

// What the program asks for itself is not asked twice, and what it takes back is not brought back.
static void the_program_goes_first(void **state)
{
    (void)state;
    mqw_client_options options = usual();
    options.handlers.on_open = subscribe_again;
    open_with(&options, "CONNACK reason=0x00");
    server_says("SUBACK packet_id=1 reasons=0x01");
    subscribes("b");
    subscribes("c");
    cut();
    assert_int_equal(unsubscribe_from("c", "away"), 0);
    passes(2000);
    heard[0] = '\0';
    server_says("CONNACK reason=0x00");
    hears("- open\n"
          "UNSUBSCRIBE packet_id=4 filter=\"c\"\n"
          "SUBSCRIBE packet_id=5 filter=\"a\":1\n"
          "SUBSCRIBE packet_id=6 filter=\"b\":1");
    finish();
}

static void many_subscriptions(void **state)
{
    (void)state;
    open_usual();
    w.quiet = true;
    char filter[32];
    static mqw_filter items[1000];
    static char names[1000][16];
    for (int i = 0; i < 1000; i++) {
        snprintf(names[i], sizeof names[i], "f/%d", i);
        items[i] = (mqw_filter){.filter = {names[i], strlen(names[i])}};
    }
    static uint8_t reasons[1000];
    assert_int_equal(mqw_client_subscribe(w.client, items, 1000, NULL, NULL, NULL), 0);
    settle();
    mqw_suback answer = {.packet_id = 1, .reasons = {reasons, sizeof reasons}};
    assert_int_equal(mqw_conn_suback(server(), &answer), 0);
    settle();
    for (int i = 0; i < 1000; i += 2) {
        snprintf(filter, sizeof filter, "f/%d", i);
        assert_int_equal(unsubscribe_from(filter, "x"), 0);
    }
    settle();
    for (uint16_t id = 501; id > 1; id--) { // the last first
        char line[64];
        snprintf(line, sizeof line, "UNSUBACK packet_id=%u reasons=0x00", (unsigned)id);
        says(server(), line);
    }
    settle();
    w.quiet = false;
    loses_its_session("CONNACK reason=0x00");
    int filters = 0;
    for (const char *at = heard; (at = strstr(at, "\"f/")); at++)
        filters++;
    assert_int_equal(filters, 500);
    heard[0] = '\0';
    finish();
}

static void closing_ends_requests(void **state)
{
    (void)state;
    const mqw_client_goodbye now = {.now = true};
    open_usual();
    assert_int_equal(subscribe_to("a", 1, "a"), 0);
    settle();
    heard[0] = '\0';
    mqw_client_close(w.client, &now);
    hears("");
    settle();
    hears("DISCONNECT\n"
          "- done a -10\n"
          "- close");
    assert_true(w.gone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_come_with_their_reasons),
        cmocka_unit_test(an_answer_that_does_not_fit),
        cmocka_unit_test(answers_to_nothing),
        cmocka_unit_test(no_answer_in_time),
        cmocka_unit_test(before_5_0),
        cmocka_unit_test(what_cannot_be_asked),
        cmocka_unit_test(what_the_server_does_not_do),
        cmocka_unit_test(subscriptions_go_along_to_another_server),
        cmocka_unit_test(subscriptions_are_restored),
        cmocka_unit_test(a_server_that_does_less),
        cmocka_unit_test(the_program_goes_first),
        cmocka_unit_test(many_subscriptions),
        cmocka_unit_test(closing_ends_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
