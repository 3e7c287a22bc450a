// SPDX-License-Identifier: MIT
// Messages that come: to the program before they are acknowledged, acknowledged in order, QoS 2 once, in
// pieces, and not faster than the program wants.
#include <mqwire/client.h>

#include "unit/client_world.h"

enum { TOKENS = 16 };

static mqw_token tokens[TOKENS];
static int held;

static void hold(mqw_client *client, const mqw_publish *publish, mqw_token token, void *ctx)
{
    on_message(client, publish, token, ctx);
    assert_true(held < TOKENS);
    tokens[held++] = token;
}

static mqw_client_options by_hand(void)
{
    mqw_client_options options = usual();
    options.handlers.on_message = hold;
    options.manual_ack = true;
    held = 0;
    return options;
}

static void send_some(const char *lines)
{
    char copy[1024], *rest = copy;
    snprintf(copy, sizeof copy, "%s", lines);
    for (char *line; (line = strtok_r(rest, "\n", &rest));)
        says(server(), line);
    settle();
}

// ---- by itself ----

// v4:MQTT-4.5.0-2, v5:MQTT-4.5.0-2, v5:MQTT-3.3.4-1
static void acknowledged_when_the_handler_has_returned(void **state)
{
    (void)state;
    open_usual();
    send_some("PUBLISH topic=\"t\" payload=\"a\"\n"
              "PUBLISH topic=\"t\" payload=\"b\" qos=1 packet_id=7\n"
              "PUBLISH topic=\"t\" payload=\"c\" qos=2 packet_id=8");
    hears("- message t a\n"
          "- message t b\n"
          "- message t c\n"
          "PUBACK packet_id=7\n"
          "PUBREC packet_id=8");
    send_some("PUBREL packet_id=8");
    hears("PUBCOMP packet_id=8");
    finish();
}

// v5:MQTT-4.3.3-10
static void qos_2_is_delivered_once(void **state)
{
    (void)state;
    open_usual();
    send_some("PUBLISH topic=\"t\" payload=\"c\" qos=2 packet_id=8");
    heard[0] = '\0';
    cut();
    passes(2000);
    server_says("CONNACK session_present");
    heard[0] = '\0';
    send_some("PUBLISH topic=\"t\" payload=\"c\" qos=2 packet_id=8 dup");
    hears("PUBREC packet_id=8");
    send_some("PUBREL packet_id=8\nPUBREL packet_id=8");
    hears("PUBCOMP packet_id=8\n"
          "PUBCOMP packet_id=8 reason=0x92");
    send_some("PUBLISH topic=\"t\" payload=\"d\" qos=2 packet_id=8");
    hears("- message t d\n"
          "PUBREC packet_id=8");
    finish();
}

// The server has lost the session: an identifier that it uses then is a new message.
static void a_lost_session_takes_the_inbox(void **state)
{
    (void)state;
    open_usual();
    send_some("PUBLISH topic=\"t\" payload=\"c\" qos=2 packet_id=8");
    cut();
    passes(2000);
    server_says("CONNACK reason=0x00");
    heard[0] = '\0';
    send_some("PUBLISH topic=\"t\" payload=\"d\" qos=2 packet_id=8");
    hears("- message t d\n"
          "PUBREC packet_id=8");
    finish();
}

// ---- by the program ----

// v4:MQTT-4.6.0-2, v5:MQTT-4.6.0-2, v4:MQTT-4.6.0-3, v5:MQTT-4.6.0-3
static void acknowledged_in_any_order_sent_in_theirs(void **state)
{
    (void)state;
    mqw_client_options options = by_hand();
    open_with(&options, "CONNACK reason=0x00");
    send_some("PUBLISH topic=\"t\" payload=\"a\" qos=1 packet_id=1\n"
              "PUBLISH topic=\"t\" payload=\"b\" qos=2 packet_id=2\n"
              "PUBLISH topic=\"t\" payload=\"c\" qos=1 packet_id=3\n"
              "PUBLISH topic=\"t\" payload=\"d\" qos=2 packet_id=4\n"
              "PUBLISH topic=\"t\" payload=\"e\"");
    hears("- message t a *\n"
          "- message t b *\n"
          "- message t c *\n"
          "- message t d *\n"
          "- message t e");
    assert_true(tokens[4] == 0);
    mqw_client_facts facts = {.size = sizeof facts};
    assert_int_equal(mqw_client_facts_of(w.client, &facts), 0);
    assert_int_equal(facts.unacknowledged, 4);
    assert_int_equal(mqw_client_ack(w.client, tokens[2], 0), 0);
    assert_int_equal(mqw_client_ack(w.client, tokens[3], 0x87), 0);
    settle();
    hears("");
    assert_int_equal(mqw_client_ack(w.client, tokens[0], 0), 0);
    settle();
    hears("PUBACK packet_id=1\n"
          "PUBACK packet_id=3");
    assert_int_equal(mqw_client_ack(w.client, tokens[1], 0), 0);
    settle();
    hears("PUBREC packet_id=2\n"
          "PUBREC packet_id=4 reason=0x87");
    assert_int_equal(mqw_client_facts_of(w.client, &facts), 0);
    assert_int_equal(facts.unacknowledged, 0);
    finish();
}

static void tokens_are_judged(void **state)
{
    (void)state;
    mqw_client_options options = by_hand();
    open_with(&options, "CONNACK reason=0x00");
    send_some("PUBLISH topic=\"t\" payload=\"a\" qos=1 packet_id=1\n"
              "PUBLISH topic=\"t\" payload=\"b\" qos=1 packet_id=2");
    assert_int_equal(mqw_client_ack(w.client, 0, 0), MQW_E_MISUSE);
    assert_int_equal(mqw_client_ack(w.client, tokens[0] + 10, 0), MQW_E_MISUSE);
    assert_int_equal(mqw_client_ack(w.client, tokens[0], 0x10), MQW_E_MISUSE); // a server's word
    assert_int_equal(mqw_client_ack(w.client, tokens[0], 0x92), MQW_E_MISUSE);
    assert_int_equal(mqw_client_ack(w.client, tokens[1], 0), 0);
    assert_int_equal(mqw_client_ack(w.client, tokens[1], 0), MQW_E_MISUSE);
    assert_int_equal(mqw_client_ack(w.client, tokens[0], 0x97), 0);
    assert_int_equal(mqw_client_ack(w.client, tokens[0], 0), MQW_E_MISUSE);
    send_some("PUBLISH topic=\"t\" payload=\"c\" qos=2 packet_id=3");
    cut();
    assert_int_equal(mqw_client_ack(w.client, tokens[2], 0), MQW_E_CLOSED);
    passes(2000);
    server_says("CONNACK session_present");
    assert_int_equal(mqw_client_ack(w.client, tokens[2], 0), MQW_E_CLOSED);
    heard[0] = '\0';
    send_some("PUBLISH topic=\"t\" payload=\"c\" qos=2 packet_id=3 dup"); // it was not taken
    hears("- message t c *");
    finish();
}

static void acknowledge_at_once(mqw_client *client, const mqw_publish *publish, mqw_token token, void *ctx)
{
    on_message(client, publish, token, ctx);
    if (token)
        assert_int_equal(mqw_client_ack(client, token, 0), 0);
}

static void acknowledged_inside_the_handler(void **state)
{
    (void)state;
    mqw_client_options options = by_hand();
    options.handlers.on_message = acknowledge_at_once;
    open_with(&options, "CONNACK reason=0x00");
    send_some("PUBLISH topic=\"t\" payload=\"a\" qos=1 packet_id=1\n"
              "PUBLISH topic=\"t\" payload=\"b\" qos=2 packet_id=2");
    hears("- message t a *\n"
          "- message t b *\n"
          "PUBACK packet_id=1\n"
          "PUBREC packet_id=2");
    finish();
}

// ---- pieces ----

static void on_piece(mqw_client *client, const mqw_publish *publish, const mqw_piece *piece, mqw_token token,
                     void *ctx)
{
    (void)client;
    (void)ctx;
    if (piece)
        note("- piece %.*s at %u of %.*s, %u left%s", (int)piece->bytes.len, (const char *)piece->bytes.data,
             (unsigned)piece->offset, (int)publish->topic.len, publish->topic.data, (unsigned)piece->left,
             token ? " *" : "");
    else
        note("- void %.*s", (int)publish->topic.len, publish->topic.data);
}

static mqw_client_options in_pieces(void)
{
    static const mqw_conn_options conn = {.size = sizeof conn, .stream_over = 4};
    static const mqw_open_options open = {.size = sizeof open, .conn = &conn};
    mqw_client_options options = by_hand();
    options.open = &open;
    options.handlers.on_piece = on_piece;
    return options;
}

static void a_payload_in_pieces(void **state)
{
    (void)state;
    mqw_client_options options = in_pieces();
    options.manual_ack = false;
    open_with(&options, "CONNACK reason=0x00");
    (void)mqw_conn_send_raw(server(), hex("32 10 0001 't' 0009 00 'abcde'"));
    settle();
    hears("- message t \n"
          "- piece abcde at 0 of t, 5 left");
    (void)mqw_conn_send_raw(server(), hex("'fghij'"));
    settle();
    hears("- piece fghij at 5 of t, 0 left\n"
          "PUBACK packet_id=9");
    finish();
}

static void a_payload_that_breaks_off(void **state)
{
    (void)state;
    mqw_client_options options = in_pieces();
    open_with(&options, "CONNACK reason=0x00");
    (void)mqw_conn_send_raw(server(), hex("34 10 0001 't' 0009 00 'abcde'"));
    settle();
    assert_int_equal(mqw_client_ack(w.client, tokens[0], 0), 0); // early: it waits for the rest
    settle();
    hears("- message t  *\n"
          "- piece abcde at 0 of t, 5 left *");
    cut();
    hears("- void t\n"
          "- lost -14 0x00 connection reset by peer; 1 at localhost, again in 818");
    passes(2000);
    server_says("CONNACK session_present");
    heard[0] = '\0';
    (void)mqw_conn_send_raw(server(), hex("3c 10 0001 't' 0009 00 'abcdefghij'"));
    settle();
    hears("- message t  *\n"
          "- piece abcdefghij at 0 of t, 0 left *");
    assert_int_equal(mqw_client_ack(w.client, tokens[1], 0), 0);
    settle();
    hears("PUBREC packet_id=9");
    finish();
}

// What was taken is not taken back when it comes again and breaks off.
static void a_duplicate_that_breaks_off(void **state)
{
    (void)state;
    mqw_client_options options = in_pieces();
    options.manual_ack = false;
    options.handlers.on_message = on_message;
    open_with(&options, "CONNACK reason=0x00");
    (void)mqw_conn_send_raw(server(), hex("34 10 0001 't' 0009 00 'abcdefghij'"));
    settle();
    hears("- message t \n"
          "- piece abcdefghij at 0 of t, 0 left\n"
          "PUBREC packet_id=9");
    for (int i = 0; i < 2; i++) {
        cut();
        reconnects();
        server_says("CONNACK session_present");
        heard[0] = '\0';
        (void)mqw_conn_send_raw(server(), hex("3c 10 0001 't' 0009 00 'abcde'"));
        settle();
        hears("");
    }
    (void)mqw_conn_send_raw(server(), hex("'fghij'"));
    settle();
    hears("PUBREC packet_id=9");
    finish();
}

// Without memory to take it a message is not taken: it is heard when it comes again, though the place in
// which its acknowledgement is kept was that of another one.
static void a_payload_without_memory_comes_again(void **state)
{
    (void)state;
    mqw_client_options options = in_pieces();
    options.manual_ack = false;
    options.handlers.on_message = on_message;
    bool lost = true;
    for (unsigned later = 1; lost; later++) {
        open_with(&options, "CONNACK reason=0x00");
        for (int i = 0; i < 16; i++) {
            (void)mqw_conn_send_raw(server(), hex("34 10 0001 't' 0001 00 'abcdefghij'"));
            settle();
            server_says("PUBREL packet_id=1");
        }
        heard[0] = '\0';
        memory = (heap){.fail_at = later};
        (void)mqw_conn_send_raw(server(), hex("34 10 0001 't' 0009 00 'abcdefghij'"));
        settle();
        lost = strstr(heard, "- lost") != NULL;
        memory = (heap){.fail_at = 0};
        if (lost) {
            reconnects();
            server_says("CONNACK session_present");
            (void)mqw_conn_send_raw(server(), hex("3c 10 0001 't' 0009 00 'abcdefghij'"));
            settle();
        }
        assert_non_null(strstr(heard, "- piece abcdefghij at 0 of t, 0 left\nPUBREC packet_id=9"));
        finish();
    }
}

// ---- back-pressure ----

static void a_pause_outlives_the_connection(void **state)
{
    (void)state;
    open_usual();
    mqw_client_pause(w.client);
    (void)say(server(), "PUBLISH topic=\"t\" payload=\"a\"");
    settle();
    hears("");
    mqw_client_resume(w.client);
    settle();
    hears("- message t a");
    mqw_client_pause(w.client);
    cut();
    passes(2000);
    server_says("CONNACK session_present");
    heard[0] = '\0';
    (void)say(server(), "PUBLISH topic=\"t\" payload=\"b\"");
    settle();
    hears("");
    mqw_client_resume(w.client);
    settle();
    hears("- message t b");
    finish();
}

// v5:MQTT-3.3.4-7 seen from the other side: what is not acknowledged holds up the server.
static void receive_maximum_is_back_pressure(void **state)
{
    (void)state;
    mqw_client_options options = by_hand();
    mqw_connect connect = *options.connect;
    mqw_set(&connect.props, receive_maximum, 2);
    options.connect = &connect;
    open_with(&options, "CONNACK reason=0x00");
    send_some("PUBLISH topic=\"t\" payload=\"a\" qos=1 packet_id=1\n"
              "PUBLISH topic=\"t\" payload=\"b\" qos=1 packet_id=2");
    assert_int_equal(say(server(), "PUBLISH topic=\"t\" payload=\"c\" qos=1 packet_id=3"), MQW_E_QUOTA);
    assert_int_equal(mqw_client_ack(w.client, tokens[0], 0), 0);
    settle();
    assert_int_equal(say(server(), "PUBLISH topic=\"t\" payload=\"c\" qos=1 packet_id=3"), 0);
    finish();
}

// Before 5.0 nothing limits a server but its identifiers: one that uses them twice is not read any more.
static void owed_acknowledgements_are_bounded(void **state)
{
    (void)state;
    mqw_client_options options = usual();
    const mqw_connect connect = {.client_id = MQW_TEXT("c"), .version = 4, .clean_start = true};
    options.connect = &connect;
    options.manual_ack = true;
    open_with(&options, "CONNACK reason=0x00");
    w.quiet = true;
    mqw_publish publish = {.topic = MQW_TEXT("t"), .qos = 1};
    for (uint32_t i = 0; i < 3 * 65535; i++) {
        publish.packet_id = (uint16_t)(i % 65535 + 1);
        assert_int_equal(mqw_conn_publish(server(), &publish), 0);
        if (i % 1000 == 0)
            settle();
    }
    settle();
    mqw_client_facts facts = {.size = sizeof facts};
    assert_int_equal(mqw_client_facts_of(w.client, &facts), 0);
    assert_int_equal(facts.unacknowledged, 65535);
    assert_true(mqw_conn_paused(mqw_client_conn(w.client)));
    finish();
}

// ---- routes ----

static void routed(mqw_client *client, const mqw_publish *publish, mqw_token token, void *ctx)
{
    (void)client;
    (void)token;
    note("- route %s: %.*s", (const char *)ctx, (int)publish->topic.len, publish->topic.data);
}

static void routes_go_before_the_handler(void **state)
{
    (void)state;
    open_usual();
    assert_int_equal(mqw_client_route(w.client, "a/+", routed, (void *)(uintptr_t) "one"), 0);
    assert_int_equal(mqw_client_route(w.client, "a/#", routed, (void *)(uintptr_t) "all"), 0);
    assert_int_equal(mqw_client_route(w.client, "a/#b", routed, NULL), MQW_E_MISUSE);
    send_some("PUBLISH topic=\"a/b\" payload=\"\" qos=1 packet_id=1\nPUBLISH topic=\"b\" payload=\"\"");
    assert_non_null(strstr(heard, "- route one: a/b"));
    assert_non_null(strstr(heard, "- route all: a/b"));
    assert_non_null(strstr(heard, "- message b"));
    assert_non_null(strstr(heard, "PUBACK packet_id=1"));
    assert_null(strstr(heard, "- message a/b"));
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(acknowledged_when_the_handler_has_returned),
        cmocka_unit_test(qos_2_is_delivered_once),
        cmocka_unit_test(a_lost_session_takes_the_inbox),
        cmocka_unit_test(acknowledged_in_any_order_sent_in_theirs),
        cmocka_unit_test(tokens_are_judged),
        cmocka_unit_test(acknowledged_inside_the_handler),
        cmocka_unit_test(a_payload_in_pieces),
        cmocka_unit_test(a_payload_that_breaks_off),
        cmocka_unit_test(a_duplicate_that_breaks_off),
        cmocka_unit_test(a_payload_without_memory_comes_again),
        cmocka_unit_test(a_pause_outlives_the_connection),
        cmocka_unit_test(receive_maximum_is_back_pressure),
        cmocka_unit_test(owed_acknowledgements_are_bounded),
        cmocka_unit_test(routes_go_before_the_handler),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
