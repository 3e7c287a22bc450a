// SPDX-License-Identifier: MIT
// Connecting to the broker: CONNECT and CONNACK of all three versions, identifiers, limits, the program's
// say.
#include <mqwire/broker.h>

#include "unit/broker_world.h"

#define LIMITS " receive_maximum=1024 topic_alias_maximum=16 maximum_packet_size=1048576"

// ---- versions ----

// v4:MQTT-3.2.0-1, v4:MQTT-3.1.4-4, v5:MQTT-3.1.4-5, v5:MQTT-3.2.0-1: CONNACK comes first.
static void every_version_is_let_in(void **state)
{
    (void)state;
    start(NULL);
    connects("a", "CONNECT version=3 client_id=\"a\" clean_start");
    hears("a: CONNACK reason=0x00");
    connects("b", "CONNECT version=4 client_id=\"b\" clean_start");
    hears("b: CONNACK reason=0x00");
    connects("c", "CONNECT version=5 client_id=\"c\" clean_start");
    hears("c: CONNACK reason=0x00" LIMITS);
    finish();
}

// v5:MQTT-3.1.2-2, v4:MQTT-3.1.2-2: the answer of 3.x, then the end.
static void an_unknown_level_is_refused(void **state)
{
    (void)state;
    start(NULL);
    served("a");
    tells_raw("a", "10 0d 00 04 'MQTT' 06 02 00 3c 00 01 'a'");
    hears("a: 20 02 00 01\na: closed");
    finish();
}

// v5:MQTT-3.1.2-1, v5:MQTT-3.1.4-1, v4:MQTT-3.1.4-1, v4:MQTT-3.1.2-1: nothing but the end for who speaks
// something else.
static void another_protocol_is_closed(void **state)
{
    (void)state;
    start(NULL);
    served("a");
    tells_raw("a", "10 0d 00 04 'MQXX' 04 02 00 3c 00 01 'a'");
    hears("a: closed");
    finish();
}

// v5:MQTT-3.1.0-1, v4:MQTT-3.1.0-1
static void connect_comes_first(void **state)
{
    (void)state;
    start(NULL);
    served("a");
    tells_raw("a", "c0 00");
    hears("a: closed");
    finish();
}

// v5:MQTT-3.1.0-2, v4:MQTT-3.1.0-2
static void connect_comes_once(void **state)
{
    (void)state;
    start(NULL);
    is_there("a", "CONNECT version=5 client_id=\"a\" clean_start");
    tells_raw("a", "10 0e 00 04 'MQTT' 05 02 00 3c 00 00 01 'a'");
    hears("a: DISCONNECT reason=0x82\na: closed");
    is_there("b", "CONNECT version=4 client_id=\"b\" clean_start");
    tells_raw("b", "10 0d 00 04 'MQTT' 04 02 00 3c 00 01 'a'");
    hears("b: closed");
    finish();
}

static void silence_before_connect_ends(void **state)
{
    (void)state;
    start(NULL);
    served("a");
    passes(9999);
    hears("");
    passes(1);
    hears("a: closed");
    finish();
}

// ---- identifiers ----

// v5:MQTT-3.1.3-6, -7, v5:MQTT-3.2.2-16: unique, and told.
static void an_empty_identifier_becomes_one(void **state)
{
    (void)state;
    start(NULL);
    connects("a", "CONNECT version=5 client_id=\"\" clean_start");
    hears("a: CONNACK reason=0x00 assigned_client_id=\"ijklmnopqrstuvwxyz23456\"" LIMITS);
    assert_non_null(mqw_broker_find(w.broker, MQW_TEXT("ijklmnopqrstuvwxyz23456")));
    connects("b", "CONNECT version=5 client_id=\"\" clean_start");
    hears("b: CONNACK reason=0x00 assigned_client_id=\"7abcdefghijklmnopqrstuv\"" LIMITS);
    finish();
}

// v4:MQTT-3.1.3-6, -7: only with a clean session; v4:MQTT-3.1.3-8, -9: else 2, and the end.
static void before_5_an_empty_identifier_needs_a_clean_session(void **state)
{
    (void)state;
    start(NULL);
    connects("a", "CONNECT version=4 client_id=\"\" clean_start");
    hears("a: CONNACK reason=0x00");
    served("b");
    tells_raw("b", "10 0c 00 04 'MQTT' 04 00 00 3c 00 00");
    hears("b: 20 02 00 02\nb: closed");
    finish();
}

// v5:MQTT-3.1.3-5, v4:MQTT-3.1.3-5, v5:MQTT-3.1.3-2, v4:MQTT-3.1.3-2: and longer ones, and others; each has
// its session.
static void identifiers_are_taken_as_they_are(void **state)
{
    (void)state;
    start(NULL);
    connects("a", "CONNECT version=4 client_id=\"0123456789abcdefghijklM\"");
    connects("b", "CONNECT version=4 client_id=\"0123456789abcdefghijklm\"");
    connects("c", "CONNECT version=5 client_id=\"caf\xc3\xa9 / + # $ much longer than twenty-three\"");
    connects("d", "CONNECT version=3 client_id=\"d\"");
    hears("a: CONNACK reason=0x00\nb: CONNACK reason=0x00\nc: CONNACK reason=0x00" LIMITS
          "\nd: CONNACK reason=0x00");
    finish();
}

// ---- keep alive ----

// v5:MQTT-3.1.2-22, v4:MQTT-3.1.2-24, v5:MQTT-3.2.2-22: one and a half times, no more and no less.
static void silence_ends_a_client(void **state)
{
    (void)state;
    start(NULL);
    is_there("a", "CONNECT version=5 client_id=\"a\" clean_start keep_alive=10");
    is_there("b", "CONNECT version=4 client_id=\"b\" clean_start keep_alive=20");
    is_there("c", "CONNECT version=4 client_id=\"c\" clean_start");
    passes(14999);
    hears("");
    passes(1);
    hears("a: DISCONNECT reason=0x8d\na: closed");
    tells("b", "PINGREQ"); // v5:MQTT-3.12.4-1, v4:MQTT-3.12.4-1
    hears("b: PINGRESP");
    passes(30000);
    hears("b: closed");
    passes(10000000);
    hears("");
    finish();
}

static void keep_alive_has_a_bound(void **state)
{
    (void)state;
    const mqw_broker_options options = {.limits.max_keep_alive = 10};
    start(&options);
    connects("a", "CONNECT version=5 client_id=\"a\" clean_start keep_alive=11");
    hears("a: CONNACK reason=0x00 server_keep_alive=10" LIMITS);
    connects("b", "CONNECT version=5 client_id=\"b\" clean_start");
    hears("b: CONNACK reason=0x00 server_keep_alive=10" LIMITS);
    is_there("c", "CONNECT version=4 client_id=\"c\" clean_start");
    is_there("d", "CONNECT version=4 client_id=\"d\" clean_start keep_alive=9");
    passes(13500);
    hears("d: closed");
    passes(1500);
    hears("a: DISCONNECT reason=0x8d\nb: DISCONNECT reason=0x8d\nc: closed\na: closed\nb: closed");
    finish();
}

// ---- what CONNACK tells ----

// v5:MQTT-3.2.2-9: the highest QoS, and all else that this broker does not do.
static void limits_are_told(void **state)
{
    (void)state;
    const mqw_broker_options options = {.limits = {.max_packet_size = 100000,
                                                   .receive_maximum = 3,
                                                   .topic_alias_maximum = UINT16_MAX,
                                                   .max_qos = 1,
                                                   .no_retain = true,
                                                   .no_wildcards = true,
                                                   .no_shared = true,
                                                   .no_subscription_ids = true}};
    start(&options);
    connects("a", "CONNECT version=5 client_id=\"a\" clean_start");
    hears("a: CONNACK reason=0x00 receive_maximum=3 maximum_qos=1 retain_available=0 "
          "maximum_packet_size=100000 wildcards_available=0 subscription_ids_available=0 "
          "shared_available=0");
    connects("b", "CONNECT version=4 client_id=\"b\" clean_start");
    hears("b: CONNACK reason=0x00");
    finish();
}

// v5:MQTT-3.1.2-28: only who asks is told.
static void response_information_is_for_who_asks(void **state)
{
    (void)state;
    const mqw_broker_options options = {.response_information = MQW_TEXT("answers/")};
    start(&options);
    connects("a", "CONNECT version=5 client_id=\"a\" clean_start request_response_info=1");
    hears("a: CONNACK reason=0x00 response_info=\"answers/\"" LIMITS);
    connects("b", "CONNECT version=5 client_id=\"b\" clean_start request_response_info=0");
    connects("c", "CONNECT version=5 client_id=\"c\" clean_start");
    hears("b: CONNACK reason=0x00" LIMITS "\nc: CONNACK reason=0x00" LIMITS);
    finish();
}

// ---- wills that are not taken ----

// v5:MQTT-3.2.2-12, -13
static void a_will_keeps_to_the_limits(void **state)
{
    (void)state;
    const mqw_broker_options options = {.limits = {.max_qos = 1, .no_retain = true}};
    start(&options);
    connects("a",
             "CONNECT version=5 client_id=\"a\" clean_start will.topic=\"w\" will.payload=\"x\" will.qos=2");
    hears("a: CONNACK reason=0x9b\na: closed");
    connects("b",
             "CONNECT version=5 client_id=\"b\" clean_start will.topic=\"w\" will.payload=\"x\" will.retain");
    hears("b: CONNACK reason=0x9a\nb: closed");
    connects("c", "CONNECT version=5 client_id=\"c\" clean_start will.topic=\"$SYS/x\" will.payload=\"x\"");
    hears("c: CONNACK reason=0x90\nc: closed");
    connects("d",
             "CONNECT version=4 client_id=\"d\" clean_start will.topic=\"w\" will.payload=\"x\" will.qos=2");
    hears("d: CONNACK reason=0x05\nd: closed");
    finish();
}

// ---- the program's say ----

typedef struct program {
    int answer;
    mqw_text rename, mount;
    uint32_t max_packet_size;
    bool limited, kicks, closes;
} program;

static program p;

static int may_connect(mqw_broker *broker, mqw_peer *peer, const mqw_connect *connect, void *ctx)
{
    (void)ctx;
    note("- connect? %.*s user %.*s", (int)connect->client_id.len, connect->client_id.data,
         (int)mqw_peer_user_name(peer).len, mqw_peer_user_name(peer).data);
    if (p.rename.len)
        assert_int_equal(mqw_peer_rename(peer, p.rename), 0);
    if (p.mount.len)
        assert_int_equal(mqw_peer_mount(peer, p.mount), 0);
    if (p.limited)
        mqw_peer_limits(peer)->max_packet_size = p.max_packet_size;
    mqw_peer_set_user(peer, &p);
    if (p.closes)
        mqw_broker_close(broker, NULL, NULL);
    return p.answer;
}

static void told_connected(mqw_broker *broker, mqw_peer *peer, bool present, void *ctx)
{
    (void)ctx;
    assert_ptr_equal(mqw_peer_user(peer), &p);
    assert_ptr_equal(mqw_broker_find(broker, mqw_peer_id(peer)), peer);
    note("- connected %.*s%s", (int)mqw_peer_id(peer).len, mqw_peer_id(peer).data, present ? " present" : "");
    if (p.kicks)
        assert_int_equal(mqw_broker_kick(broker, mqw_peer_id(peer), 0x98, true), 0);
}

static void told_disconnected(mqw_broker *broker, mqw_peer *peer, uint8_t reason, const char *words,
                              void *ctx)
{
    (void)ctx;
    assert_ptr_equal(mqw_peer_user(peer), &p);
    assert_null(mqw_broker_find(broker, mqw_peer_id(peer)));
    note("- disconnected %.*s 0x%02x %s", (int)mqw_peer_id(peer).len, mqw_peer_id(peer).data, reason, words);
}

static void told_refused(mqw_broker *broker, mqw_peer *peer, uint8_t reason, const char *words, void *ctx)
{
    (void)broker;
    (void)peer;
    (void)ctx;
    note("- refused 0x%02x %s", reason, words);
}

static void start_program(const mqw_broker_limits *limits)
{
    p = (program){0};
    mqw_broker_options options = {.hooks = {.on_connect = may_connect,
                                            .on_connected = told_connected,
                                            .on_disconnected = told_disconnected,
                                            .on_refused = told_refused}};
    if (limits)
        options.limits = *limits;
    start(&options);
}

static void the_program_hears_of_all(void **state)
{
    (void)state;
    start_program(NULL);
    connects("a", "CONNECT version=4 client_id=\"a\" clean_start username=\"me\" password=\"x\"");
    hears("- connect? a user me\n- connected a\na: CONNACK reason=0x00");
    assert_int_equal(mqw_peer_user_name(mqw_broker_find(w.broker, MQW_TEXT("a"))).len, 2);
    assert_ptr_equal(mqw_broker_each(w.broker, NULL), mqw_broker_find(w.broker, MQW_TEXT("a")));
    assert_null(mqw_broker_each(w.broker, mqw_broker_find(w.broker, MQW_TEXT("a"))));
    tells("a", "DISCONNECT");
    hears("- disconnected a 0x00 it disconnected\na: closed");
    served("b");
    cut("b");
    hears("- refused 0x80 its connection was closed\nb: closed");
    finish();
}

// v5:MQTT-3.1.4-2, v4:MQTT-3.1.4-2, v5:MQTT-3.2.2-7, v4:MQTT-3.2.2-5, v5:MQTT-3.2.2-6, v4:MQTT-3.2.2-4
static void a_refusal_is_told_as_the_version_can(void **state)
{
    (void)state;
    start_program(NULL);
    p.answer = 0x86;
    connects("a", "CONNECT version=5 client_id=\"a\"");
    hears("- connect? a user \n- refused 0x86 it was refused\na: CONNACK reason=0x86\na: closed");
    connects("b", "CONNECT version=4 client_id=\"b\"");
    hears("- connect? b user \n- refused 0x86 it was refused\nb: CONNACK reason=0x04\nb: closed");
    p.answer = 0x9d;
    connects("c", "CONNECT version=3 client_id=\"c\"");
    hears("- connect? c user \n- refused 0x9d it was refused\nc: CONNACK reason=0x03\nc: closed");
    p.answer = 1; // not one of CONNACK
    connects("d", "CONNECT version=5 client_id=\"d\"");
    hears("- connect? d user \n- refused 0x87 it was refused\nd: CONNACK reason=0x87\nd: closed");
    p.answer = MQW_LATER; // without mqw_peer_defer
    connects("e", "CONNECT version=5 client_id=\"e\"");
    hears("- connect? e user \n- refused 0x83 it was refused\ne: CONNACK reason=0x83\ne: closed");
    assert_null(mqw_broker_each(w.broker, NULL));
    finish();
}

// v5:MQTT-3.1.4-6, v4:MQTT-3.1.4-5: what was sent behind the CONNECT is thrown away.
static void nothing_is_taken_of_who_is_refused(void **state)
{
    (void)state;
    start_program(NULL);
    p.answer = 0x87;
    served("a");
    says(wire_of("a")->client, "CONNECT version=5 client_id=\"a\"");
    says(wire_of("a")->client, "SUBSCRIBE packet_id=1 filter=\"#\":0");
    tells("a", "PUBLISH topic=\"t\" payload=\"x\" qos=1 packet_id=2");
    hears("- connect? a user \n- refused 0x87 it was refused\na: CONNACK reason=0x87\na: closed");
    finish();
}

static void what_comes_behind_connect_waits_for_connack(void **state)
{
    (void)state;
    start(NULL);
    served("a");
    says(wire_of("a")->client, "CONNECT version=4 client_id=\"a\"");
    says(wire_of("a")->client, "SUBSCRIBE packet_id=1 filter=\"#\":0");
    tells("a", "PUBLISH topic=\"t\" payload=\"x\"");
    hears("a: CONNACK reason=0x00\na: SUBACK packet_id=1 reasons=0x00\na: PUBLISH topic=\"t\" payload=\"x\"");
    finish();
}

static void the_program_names_a_client(void **state)
{
    (void)state;
    start_program(NULL);
    p.rename = MQW_TEXT("other");
    connects("a", "CONNECT version=5 client_id=\"a\"");
    hears("- connect? a user \n- connected other\na: CONNACK reason=0x00" LIMITS);
    p.rename = MQW_TEXT("third");
    connects("b", "CONNECT version=5 client_id=\"\"");
    hears("- connect?  user \n- connected third\nb: CONNACK reason=0x00 assigned_client_id=\"third\"" LIMITS);
    assert_int_equal(mqw_peer_rename(mqw_broker_find(w.broker, MQW_TEXT("third")), MQW_TEXT("x")),
                     MQW_E_MISUSE);
    finish();
}

static void the_program_bounds_a_client(void **state)
{
    (void)state;
    start_program(NULL);
    p.limited = true;
    p.max_packet_size = 1000;
    connects("a", "CONNECT version=5 client_id=\"a\"");
    hears("- connect? a user \n- connected a\n"
          "a: CONNACK reason=0x00 receive_maximum=1024 topic_alias_maximum=16 maximum_packet_size=1000");
    is_there("b", "CONNECT version=4 client_id=\"b\"");
    char line[2000];
    snprintf(line, sizeof line, "PUBLISH topic=\"t\" payload=\"%01100d\"", 0);
    tells("b", line);
    hears("- disconnected b 0x95 it publishes what it may not\nb: closed");
    p.max_packet_size = 0; // the default again
    connects("c", "CONNECT version=5 client_id=\"c\"");
    hears("- connect? c user \n- connected c\nc: CONNACK reason=0x00" LIMITS);
    finish();
}

static void two_mounts_do_not_meet(void **state)
{
    (void)state;
    start_program(NULL);
    p.mount = MQW_TEXT("one/");
    is_there("a", "CONNECT version=4 client_id=\"x\"");
    p.mount = MQW_TEXT("two/");
    connects("b", "CONNECT version=4 client_id=\"x\"");
    hears("- connect? x user \n- connected x\nb: CONNACK reason=0x00");
    assert_int_equal(mqw_broker_kick(w.broker, MQW_TEXT("x"), 0x98, false), 0);
    settle();
    hears("- disconnected x 0x98 it was kicked\na: closed\n- disconnected x 0x98 it was kicked\nb: closed");
    assert_int_equal(mqw_broker_kick(w.broker, MQW_TEXT("x"), 0x98, false), MQW_E_REFUSED);
    finish();
}

static void mounts_have_a_form(void **state)
{
    (void)state;
    start_program(NULL);
    wire *at = arrives("a");
    assert_int_equal(mqw__broker_serve(w.broker, at->server, NULL), 0);
    void *ctx;
    (void)mqw_conn_handlers(at->server, &ctx);
    mqw_peer *peer = ctx;
    assert_int_equal(mqw_peer_mount(peer, MQW_TEXT("a")), MQW_E_MISUSE);
    assert_int_equal(mqw_peer_mount(peer, MQW_TEXT("a/+/")), MQW_E_MISUSE);
    assert_int_equal(mqw_peer_mount(peer, MQW_TEXT("$SYS/")), MQW_E_MISUSE);
    assert_int_equal(mqw_peer_mount(peer, MQW_TEXT("a/")), 0);
    assert_int_equal(mqw_peer_mount(peer, (mqw_text){NULL, 0}), 0);
    assert_int_equal(mqw_peer_rename(peer, (mqw_text){NULL, 0}), MQW_E_MISUSE);
    finish();
}

// ---- ends in every hook ----

static void a_client_is_kicked_as_it_comes(void **state)
{
    (void)state;
    start_program(NULL);
    p.kicks = true;
    connects("a", "CONNECT version=5 client_id=\"a\" session_expiry=100");
    hears("- connect? a user \n- connected a\n- disconnected a 0x98 it was kicked\na: closed");
    connects("b", "CONNECT version=4 client_id=\"b\"");
    hears("- connect? b user \n- connected b\n- disconnected b 0x98 it was kicked\nb: closed");
    mqw_broker_status status = {.size = sizeof status};
    mqw_broker_status_of(w.broker, &status);
    assert_int_equal(status.clients_total, 0);
    assert_int_equal(status.clients_connected, 0);
    assert_int_equal(status.clients_maximum, 1);
    finish();
}

static void the_broker_closes_as_a_client_comes(void **state)
{
    (void)state;
    start_program(NULL);
    p.closes = true;
    connects("a", "CONNECT version=5 client_id=\"a\" session_expiry=100");
    hears("- connect? a user \n- refused 0x8b the broker closes\na: CONNACK reason=0x88\na: closed");
    assert_true(w.gone);
    finish();
}

// A broker that closes says so, and where to go instead.
static void a_broker_that_closes_says_so(void **state)
{
    (void)state;
    const mqw_broker_options options = {.server_reference = MQW_TEXT("other.example")};
    start(&options);
    is_there("a", "CONNECT version=5 client_id=\"a\" session_expiry=100");
    is_there("b", "CONNECT version=4 client_id=\"b\"");
    mqw_broker_close(w.broker, NULL, NULL);
    settle();
    hears("a: DISCONNECT reason=0x8b server_reference=\"other.example\"\nb: closed\na: closed");
    finish();
}

// ---- bounds ----

static void there_are_so_many_sessions(void **state)
{
    (void)state;
    const mqw_broker_options options = {.max_sessions = 1};
    start(&options);
    is_there("a", "CONNECT version=5 client_id=\"a\" session_expiry=100");
    connects("b", "CONNECT version=5 client_id=\"b\" clean_start");
    hears("b: CONNACK reason=0x97\nb: closed");
    connects("c", "CONNECT version=5 client_id=\"a\" clean_start");
    hears("a: DISCONNECT reason=0x8e\nc: CONNACK reason=0x00" LIMITS "\na: closed");
    finish();
}

static void a_first_packet_has_a_bound(void **state)
{
    (void)state;
    const mqw_broker_options options = {.max_first_packet = 100};
    start(&options);
    char line[400];
    snprintf(line, sizeof line, "CONNECT version=5 client_id=\"%0120d\" clean_start", 0);
    connects("a", line);
    hears("a: closed");
    finish();
}

// ---- a connection of the program ----

static void a_connection_is_handed_over(void **state)
{
    (void)state;
    start_program(NULL);
    wire *at = arrives("a");
    mqw_connect connect = {.version = 4, .client_id = MQW_TEXT("a"), .clean_start = true};
    assert_int_equal(mqw__broker_serve(w.broker, at->server, &connect), MQW_E_MISUSE);
    says(at->client, "CONNECT version=4 client_id=\"a\" clean_start");
    says(at->client, "SUBSCRIBE packet_id=1 filter=\"#\":0");
    mqw_bytes all = take_output(at->client), left = all;
    mqw_packet packet;
    assert_int_equal(mqw_conn_recv(at->server, &left, &packet), 1);
    assert_int_equal(mqw__broker_serve(w.broker, at->server, NULL), MQW_E_MISUSE);
    assert_int_equal(mqw__broker_serve(w.broker, at->server, &packet.connect), 0);
    memset((void *)(uintptr_t)all.data, 0, all.len - left.len);
    give(at, left);
    free((void *)(uintptr_t)all.data);
    hears(""); // nothing is called inside that call
    settle();
    hears("- connect? a user \n- connected a\na: CONNACK reason=0x00\na: SUBACK packet_id=1 reasons=0x00");
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_version_is_let_in),
        cmocka_unit_test(an_unknown_level_is_refused),
        cmocka_unit_test(another_protocol_is_closed),
        cmocka_unit_test(connect_comes_first),
        cmocka_unit_test(connect_comes_once),
        cmocka_unit_test(silence_before_connect_ends),
        cmocka_unit_test(an_empty_identifier_becomes_one),
        cmocka_unit_test(before_5_an_empty_identifier_needs_a_clean_session),
        cmocka_unit_test(identifiers_are_taken_as_they_are),
        cmocka_unit_test(silence_ends_a_client),
        cmocka_unit_test(keep_alive_has_a_bound),
        cmocka_unit_test(limits_are_told),
        cmocka_unit_test(response_information_is_for_who_asks),
        cmocka_unit_test(a_will_keeps_to_the_limits),
        cmocka_unit_test(the_program_hears_of_all),
        cmocka_unit_test(a_refusal_is_told_as_the_version_can),
        cmocka_unit_test(nothing_is_taken_of_who_is_refused),
        cmocka_unit_test(what_comes_behind_connect_waits_for_connack),
        cmocka_unit_test(the_program_names_a_client),
        cmocka_unit_test(the_program_bounds_a_client),
        cmocka_unit_test(two_mounts_do_not_meet),
        cmocka_unit_test(mounts_have_a_form),
        cmocka_unit_test(a_client_is_kicked_as_it_comes),
        cmocka_unit_test(the_broker_closes_as_a_client_comes),
        cmocka_unit_test(a_broker_that_closes_says_so),
        cmocka_unit_test(there_are_so_many_sessions),
        cmocka_unit_test(a_first_packet_has_a_bound),
        cmocka_unit_test(a_connection_is_handed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
