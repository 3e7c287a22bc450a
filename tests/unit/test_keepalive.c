// SPDX-License-Identifier: MIT
// Time: how long a conversation may take to begin, keep alive at both ends, answers to PINGREQ, clocks of any
// kind.
#include "unit/two_ends.h"

enum { S = 1000 };

// An end whose clock has been told since the beginning, and CONNECT passed at `start`.
static mqw_conn *timed(mqw_role role, uint64_t start, const char *connect, const char *connack,
                       const mqw_conn_options *options)
{
    mqw_conn *client = make(MQW_CLIENT, options), *server = make(MQW_SERVER, options);
    mqw_conn_clock(client, start);
    mqw_conn_clock(server, start);
    join(client, server, connect, connack);
    mqw_conn_free(role == MQW_CLIENT ? server : client);
    return role == MQW_CLIENT ? client : server;
}

static void due_at(mqw_conn *conn, uint64_t when)
{
    assert_int_equal(mqw_conn_deadline(conn), when);
}

static void quiet_until(mqw_conn *conn, uint64_t when)
{
    due_at(conn, when);
    assert_int_equal(mqw_conn_tick(conn, when - 1), 0);
    due_at(conn, when);
}

static void too_silent_at(mqw_conn *conn, uint64_t when, mqw_rule rule)
{
    quiet_until(conn, when);
    faulted_by(conn, mqw_conn_tick(conn, when), MQW_E_TIMEOUT, (int)rule);
    due_at(conn, UINT64_MAX);
    assert_int_equal(mqw_conn_tick(conn, when + 1), MQW_E_TIMEOUT);
}

static const char four[] = "CONNECT client_id=\"c\" keep_alive=20";
static const char five[] = "CONNECT version=5 client_id=\"c\" keep_alive=20";

// ---- the beginning ----

static void no_connect_comes(void **state)
{
    (void)state;
    mqw_conn *server = make(MQW_SERVER, NULL);
    mqw_conn_clock(server, 5000);
    too_silent_at(server, 15000, MQW_RULE_NO_CONNECT);
    writes(server, "");
    mqw_conn_free(server);
    server = make(MQW_SERVER, &(mqw_conn_options){.connect_timeout = 100});
    mqw_conn_clock(server, 5000);
    too_silent_at(server, 5100, MQW_RULE_NO_CONNECT);
    mqw_conn_free(server);
}

// However slowly it comes: it is to be there in time.
static void connect_drips(void **state)
{
    (void)state;
    mqw_conn *server = make(MQW_SERVER, NULL);
    mqw_bytes connect = hex("10 0d 0004 'MQTT' 04 02 0000 0001 'c'");
    for (size_t i = 0; i + 1 < connect.len; i++) {
        mqw_conn_clock(server, 1 + i * 600);
        assert_int_equal(feed_in(server, (mqw_bytes){connect.data + i, 1}, 1), 0);
    }
    too_silent_at(server, 10001, MQW_RULE_NO_CONNECT);
    mqw_conn_free(server);
}

// After CONNECT the program takes its time; nothing is due but what the client's keep alive asks.
static void the_program_takes_its_time(void **state)
{
    (void)state;
    mqw_conn *server = make(MQW_SERVER, NULL);
    mqw_conn_clock(server, 1);
    assert_int_equal(feed(server, "10 0d 0004 'MQTT' 04 02 0000 0001 'c'"), 0);
    due_at(server, UINT64_MAX);
    mqw_conn_free(server);
    server = make(MQW_SERVER, NULL);
    mqw_conn_clock(server, 1);
    assert_int_equal(feed(server, "10 0d 0004 'MQTT' 04 02 0014 0001 'c'"), 0);
    due_at(server, 30001);
    mqw_conn_free(server);
    heard[0] = '\0';
}

static void an_unsupported_level_is_not_answered(void **state)
{
    (void)state;
    mqw_conn *server = make(MQW_SERVER, NULL);
    mqw_conn_clock(server, 1);
    mqw_conn_clock(server, 3000);
    assert_int_equal(feed(server, "10 0d 0004 'MQTT' 09 02 0014 0001 'c'"), 0);
    too_silent_at(server, 13000, MQW_RULE_NO_CONNECT);
    mqw_conn_free(server);
    heard[0] = '\0';
}

static void no_answer_to_connect(void **state)
{
    (void)state;
    mqw_conn *client = make(MQW_CLIENT, NULL);
    mqw_conn_clock(client, 1);
    due_at(client, UINT64_MAX); // the program has not said anything
    mqw_conn_clock(client, 7000);
    says(client, five);
    drop_output(client);
    too_silent_at(client, 17000, MQW_RULE_NO_CONNECT);
    writes(client, "e0 01 80");
    mqw_conn_free(client);
}

// Each step of an authentication is an answer.
static void authentication_takes_steps(void **state)
{
    (void)state;
    mqw_conn *client = make(MQW_CLIENT, NULL);
    mqw_conn_clock(client, 1000);
    says(client, "CONNECT version=5 client_id=\"c\" auth_method=\"m\"");
    mqw_conn_clock(client, 9000);
    assert_int_equal(feed(client, "f0 06 18 04 15 0001 'm'"), 0);
    too_silent_at(client, 19000, MQW_RULE_NO_CONNECT);
    mqw_conn_free(client);
    heard[0] = '\0';
}

// ---- the server ----

// MQTT-3.1.2-24 of 3.1.1, MQTT-3.1.2-22: one and a half times the keep alive.
static void a_silent_client(void **state)
{
    (void)state;
    mqw_conn *server = timed(MQW_SERVER, 1000, four, "CONNACK", NULL);
    too_silent_at(server, 31000, MQW_RULE_SILENT);
    clause_is(server, "MQTT-3.1.2-24");
    writes(server, "");
    mqw_conn_free(server);
    server = timed(MQW_SERVER, 1000, five, "CONNACK", NULL);
    too_silent_at(server, 31000, MQW_RULE_SILENT);
    clause_is(server, "MQTT-3.1.2-22");
    writes(server, "e0 01 8d");
    mqw_conn_free(server);
}

static void any_packet_is_life(void **state)
{
    (void)state;
    mqw_conn *server = timed(MQW_SERVER, 1000, four, "CONNACK", NULL);
    mqw_conn_clock(server, 20000);
    assert_int_equal(feed(server, "40 02 0001"), 0);
    due_at(server, 50000);
    mqw_conn_clock(server, 49000);
    says(server, "PINGRESP"); // what we say is not the client's life
    due_at(server, 50000);
    assert_int_equal(feed(server, "c000"), 0);
    too_silent_at(server, 79000, MQW_RULE_SILENT);
    mqw_conn_free(server);
    heard[0] = '\0';
}

static void keep_alive_off(void **state)
{
    (void)state;
    mqw_conn *server = timed(MQW_SERVER, 1000, "CONNECT client_id=\"c\"", "CONNACK", NULL);
    due_at(server, UINT64_MAX);
    assert_int_equal(mqw_conn_tick(server, 1000000000), 0);
    mqw_conn_free(server);
    mqw_conn *client = timed(MQW_CLIENT, 1000, "CONNECT client_id=\"c\"", "CONNACK", NULL);
    due_at(client, UINT64_MAX);
    assert_int_equal(mqw_conn_tick(client, 1000000000), 0);
    mqw_conn_free(client);
}

// MQTT-3.1.2-21, MQTT-3.2.2-21, MQTT-3.2.2-22: the server's word counts at both ends.
static void server_keep_alive(void **state)
{
    (void)state;
    mqw_conn *server = timed(MQW_SERVER, 1000, five, "CONNACK server_keep_alive=100", NULL);
    due_at(server, 151000);
    mqw_conn_free(server);
    mqw_conn *client = timed(MQW_CLIENT, 1000, five, "CONNACK server_keep_alive=100", NULL);
    due_at(client, 101000);
    mqw_conn_free(client);
    client = timed(MQW_CLIENT, 1000, five, "CONNACK server_keep_alive=0", NULL);
    due_at(client, UINT64_MAX);
    mqw_conn_free(client);
    server =
        timed(MQW_SERVER, 1000, "CONNECT version=5 client_id=\"c\"", "CONNACK server_keep_alive=65535", NULL);
    due_at(server, 1000 + 98302500);
    mqw_conn_free(server);
}

// Bytes of an unfinished packet are life when they come fast enough.
// A server that bounds what a client before 5.0 asked for.
static void keep_alive_that_is_set(void **state)
{
    (void)state;
    mqw_conn *server = timed(MQW_SERVER, 1000, "CONNECT client_id=\"c\" keep_alive=0", "CONNACK", NULL);
    assert_int_equal(mqw_conn_keep_alive(server), 0);
    due_at(server, UINT64_MAX);
    mqw_conn_set_keep_alive(server, 60);
    assert_int_equal(mqw_conn_keep_alive(server), 60);
    too_silent_at(server, 1000 + 90 * S, MQW_RULE_SILENT);
    mqw_conn_free(server);
}

static void a_slow_packet(void **state)
{
    (void)state;
    mqw_conn *server = timed(MQW_SERVER, 1000, four, "CONNACK", NULL);
    assert_int_equal(feed(server, "30 80 80 04"), 0);
    due_at(server, 31000);
    static const uint8_t bytes[4000];
    mqw_conn_clock(server, 21000); // 2,000 bytes in 20 seconds, and a few
    assert_int_equal(feed_in(server, (mqw_bytes){bytes, 1990}, 1990), 0);
    due_at(server, 31000);
    assert_int_equal(feed_in(server, (mqw_bytes){bytes, 10}, 10), 0);
    due_at(server, 51000);
    mqw_conn_clock(server, 41000);
    assert_int_equal(feed_in(server, (mqw_bytes){bytes, 1999}, 1999), 0);
    too_silent_at(server, 51000, MQW_RULE_SILENT);
    mqw_conn_free(server);
}

static void a_slow_payload_in_pieces(void **state)
{
    (void)state;
    mqw_conn *server =
        timed(MQW_SERVER, 1000, four, "CONNACK", &(mqw_conn_options){.stream_over = 100, .min_rate = 1});
    assert_int_equal(feed(server, "30 80 80 04 0001 't'"), 0);
    mqw_conn_clock(server, 11000);
    assert_int_equal(feed(server, "'123456789'"), 0);
    due_at(server, 31000);
    assert_int_equal(feed(server, "'x'"), 0);
    too_silent_at(server, 41000, MQW_RULE_SILENT);
    mqw_conn_free(server);
    heard[0] = '\0';
}

// The end of a payload is the end of a packet.
static void the_last_piece_is_life(void **state)
{
    (void)state;
    mqw_conn *server = timed(MQW_SERVER, 1000, four, "CONNACK", &(mqw_conn_options){.stream_over = 2});
    assert_int_equal(feed(server, "30 06 0001 't' 'x'"), 0);
    mqw_conn_clock(server, 30000);
    assert_int_equal(feed(server, "'yz'"), 0);
    due_at(server, 60000);
    mqw_conn_free(server);
    heard[0] = '\0';
}

// Who does not listen cannot say that nothing was said.
static void a_paused_server(void **state)
{
    (void)state;
    mqw_conn *server = timed(MQW_SERVER, 1000, four, "CONNACK", NULL);
    mqw_conn_pause(server);
    due_at(server, UINT64_MAX);
    assert_int_equal(mqw_conn_tick(server, 100000), 0);
    mqw_conn_resume(server);
    mqw_conn_resume(server);
    too_silent_at(server, 130000, MQW_RULE_SILENT);
    mqw_conn_free(server);
}

// ---- the client ----

// MQTT-3.1.2-23 of 3.1.1, MQTT-3.1.2-20: without an answer by itself the program is told, once per interval.
static void a_ping_is_due(void **state)
{
    (void)state;
    mqw_conn *client = timed(MQW_CLIENT, 1000, four, "CONNACK", NULL);
    quiet_until(client, 21000);
    assert_int_equal(mqw_conn_tick(client, 21000), 1);
    assert_int_equal(mqw_conn_tick(client, 21000), 0);
    writes(client, "");
    quiet_until(client, 41000);
    assert_int_equal(mqw_conn_tick(client, 41500), 1);
    quiet_until(client, 61500);
    mqw_conn_free(client);
}

static void whatever_is_sent_puts_it_off(void **state)
{
    (void)state;
    mqw_conn *client = timed(MQW_CLIENT, 1000, four, "CONNACK", NULL);
    mqw_conn_clock(client, 6000);
    says(client, "PUBLISH topic=\"t\"");
    due_at(client, 26000);
    mqw_conn_clock(client, 7000);
    assert_int_equal(mqw_conn_send_raw(client, hex("c000")), 0);
    due_at(client, 27000);
    mqw_conn_clock(client, 8000);
    assert_int_equal(feed(client, "30 03 0001 't'"), 0); // what is received does not
    due_at(client, 27000);
    assert_int_equal(say(client, "PUBLISH topic=\"+\""), MQW_E_REFUSED);
    due_at(client, 27000);
    mqw_conn_free(client);
    heard[0] = '\0';
}

static void pings_by_itself(void **state)
{
    (void)state;
    mqw_conn *client =
        timed(MQW_CLIENT, 1000, four, "CONNACK", &(mqw_conn_options){.answers = MQW_ANSWER_PINGREQ});
    assert_int_equal(mqw_conn_tick(client, 21000), 1);
    writes(client, "c000");
    due_at(client, 31000); // half the keep alive for the answer
    mqw_conn_clock(client, 24000);
    assert_int_equal(feed(client, "d000"), 0);
    due_at(client, 41000);
    assert_int_equal(mqw_conn_tick(client, 41000), 1);
    writes(client, "c000");
    mqw_conn_clock(client, 42000);
    assert_int_equal(feed(client, "30 03 0001 't'"), 0); // anything that comes will do
    due_at(client, 61000);
    mqw_conn_free(client);
    heard[0] = '\0';
}

static void no_answer_to_a_ping(void **state)
{
    (void)state;
    for (int version = 4; version <= 5; version++) {
        mqw_conn *client = timed(MQW_CLIENT, 1000, version == 5 ? five : four, "CONNACK", NULL);
        mqw_conn_clock(client, 3000);
        says(client, "PINGREQ");
        drop_output(client);
        too_silent_at(client, 13000, MQW_RULE_NO_ANSWER);
        clause_is(client, version == 5 ? "section 3.12.4" : "section 3.1.2.10");
        mqw_conn_free(client);
    }
}

static void ping_timeout_is_an_option(void **state)
{
    (void)state;
    const mqw_conn_options options = {.ping_timeout = 700};
    mqw_conn *client = timed(MQW_CLIENT, 1000, four, "CONNACK", &options);
    says(client, "PINGREQ");
    too_silent_at(client, 1700, MQW_RULE_NO_ANSWER);
    mqw_conn_free(client);
    client =
        timed(MQW_CLIENT, 1000, "CONNECT client_id=\"c\"", "CONNACK", &options); // also without keep alive
    due_at(client, UINT64_MAX);
    says(client, "PINGREQ");
    too_silent_at(client, 1700, MQW_RULE_NO_ANSWER);
    mqw_conn_free(client);
}

// A program that pings often does not wait longer.
static void several_pings(void **state)
{
    (void)state;
    mqw_conn *client = timed(MQW_CLIENT, 1000, four, "CONNACK", NULL);
    for (uint64_t now = 2000; now <= 11000; now += 3000) {
        mqw_conn_clock(client, now);
        says(client, "PINGREQ");
        due_at(client, 12000);
    }
    too_silent_at(client, 12000, MQW_RULE_NO_ANSWER);
    mqw_conn_free(client);
}

static void pings_that_fill_the_output(void **state)
{
    (void)state;
    mqw_conn *client =
        timed(MQW_CLIENT, 1000, "CONNECT client_id=\"c\" keep_alive=20", "CONNACK",
              &(mqw_conn_options){.answers = MQW_ANSWER_PINGREQ, .max_output = 100, .reserve = 1});
    static const uint8_t zeros[100];
    assert_int_equal(mqw_conn_send_raw(client, (mqw_bytes){zeros, sizeof zeros}), 0);
    faulted_by(client, mqw_conn_tick(client, 21000), MQW_E_PROTOCOL, MQW_RULE_OUTPUT_FULL);
    mqw_conn_free(client);
}

// A PINGREQ cannot overtake a payload in pieces, which shows that we are alive.
static void no_ping_inside_a_payload(void **state)
{
    (void)state;
    mqw_conn *client =
        timed(MQW_CLIENT, 1000, four, "CONNACK", &(mqw_conn_options){.answers = MQW_ANSWER_PINGREQ});
    mqw_publish publish = {.topic = MQW_TEXT("t")};
    assert_int_equal(mqw_conn_publish_begin(client, &publish, 2), 0);
    due_at(client, UINT64_MAX);
    assert_int_equal(mqw_conn_tick(client, 100000), 0);
    says(client, "PINGREQ");
    assert_int_equal(mqw_conn_tick(client, 200000), 0);
    assert_int_equal(mqw_conn_publish_write(client, bytes_of("hi")), 0);
    assert_int_equal(mqw_conn_publish_end(client), 0);
    writes(client, "30 05 0001 't' 'hi' c000");
    due_at(client, 210000); // it goes now, and has its time
    assert_int_equal(feed(client, "d000"), 0);
    due_at(client, 220000);
    mqw_conn_free(client);
    heard[0] = '\0';
}

// A client that does not listen still pings.
static void a_paused_client(void **state)
{
    (void)state;
    mqw_conn *client =
        timed(MQW_CLIENT, 1000, four, "CONNACK", &(mqw_conn_options){.answers = MQW_ANSWER_PINGREQ});
    mqw_conn_pause(client);
    assert_int_equal(mqw_conn_tick(client, 21000), 1);
    assert_int_equal(mqw_conn_tick(client, 31000), 0);
    assert_int_equal(mqw_conn_tick(client, 41000), 1);
    writes(client, "c000 c000");
    mqw_conn_resume(client);
    too_silent_at(client, 51000, MQW_RULE_NO_ANSWER);
    mqw_conn_free(client);
}

// ---- nothing is due ----

static void nothing_is_due_at_the_end(void **state)
{
    (void)state;
    mqw_conn *client = timed(MQW_CLIENT, 1000, four, "CONNACK", NULL);
    says(client, "DISCONNECT");
    due_at(client, UINT64_MAX);
    assert_int_equal(mqw_conn_tick(client, 1000000), 0);
    mqw_conn_free(client);
    mqw_conn *server = timed(MQW_SERVER, 1000, four, "CONNACK", NULL);
    assert_int_equal(feed(server, "e000"), 0);
    due_at(server, UINT64_MAX);
    mqw_conn_free(server);
    server = timed(MQW_SERVER, 1000, four, "CONNACK", NULL);
    mqw_conn_shut(server);
    due_at(server, UINT64_MAX);
    assert_int_equal(mqw_conn_tick(server, 1000000), 0);
    mqw_conn_free(server);
    heard[0] = '\0';
}

// ---- clocks ----

// They may begin anywhere, also at 0, and pass any 32-bit boundary.
static void clocks_begin_anywhere(void **state)
{
    (void)state;
    static const uint64_t starts[] = {0,
                                      1,
                                      5000,
                                      INT32_MAX - 9 * S,
                                      UINT32_MAX - 15 * S,
                                      UINT32_MAX,
                                      UINT32_MAX + UINT64_C(1),
                                      UINT64_C(1) << 40,
                                      UINT64_MAX / 2};
    for (size_t i = 0; i < COUNT(starts); i++) {
        mqw_conn *server = make(MQW_SERVER, NULL);
        mqw_conn_clock(server, starts[i]);
        too_silent_at(server, starts[i] + 10000, MQW_RULE_NO_CONNECT);
        mqw_conn_free(server);
        server = timed(MQW_SERVER, starts[i], four, "CONNACK", NULL);
        too_silent_at(server, starts[i] + 30000, MQW_RULE_SILENT);
        mqw_conn_free(server);
        mqw_conn *client = timed(MQW_CLIENT, starts[i], four, "CONNACK", NULL);
        quiet_until(client, starts[i] + 20000);
        assert_int_equal(mqw_conn_tick(client, starts[i] + 20000), 1);
        mqw_conn_free(client);
    }
}

// What passed before anybody told the time passed when it was told first.
static void the_time_is_told_late(void **state)
{
    (void)state;
    mqw_conn *server = opened_with(MQW_SERVER, four, "CONNACK", NULL);
    assert_int_equal(mqw_conn_tick(server, UINT64_C(1) << 41), 0);
    too_silent_at(server, (UINT64_C(1) << 41) + 30000, MQW_RULE_SILENT);
    mqw_conn_free(server);
}

static void a_tick_that_comes_late(void **state)
{
    (void)state;
    mqw_conn *server = timed(MQW_SERVER, 1000, four, "CONNACK", NULL);
    mqw_conn_clock(server, 100000);
    due_at(server, 100000); // now
    faulted_by(server, mqw_conn_tick(server, 1000000), MQW_E_TIMEOUT, MQW_RULE_SILENT);
    mqw_conn_free(server);
}

// As long as can be.
static void endless_timeouts(void **state)
{
    (void)state;
    mqw_conn_options options = {.connect_timeout = UINT32_MAX, .ping_timeout = UINT32_MAX};
    mqw_conn *server = make(MQW_SERVER, &options);
    mqw_conn_clock(server, 7);
    assert_int_equal(mqw_conn_tick(server, UINT64_C(24) * 3600 * S), 0);
    mqw_conn_free(server);
    mqw_conn *client = timed(MQW_CLIENT, 7, four, "CONNACK", &options);
    says(client, "PINGREQ");
    assert_int_equal(mqw_conn_tick(client, UINT64_C(24) * 3600 * S), 0);
    mqw_conn_free(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_connect_comes),
        cmocka_unit_test(connect_drips),
        cmocka_unit_test(the_program_takes_its_time),
        cmocka_unit_test(an_unsupported_level_is_not_answered),
        cmocka_unit_test(no_answer_to_connect),
        cmocka_unit_test(authentication_takes_steps),
        cmocka_unit_test(a_silent_client),
        cmocka_unit_test(any_packet_is_life),
        cmocka_unit_test(keep_alive_off),
        cmocka_unit_test(server_keep_alive),
        cmocka_unit_test(keep_alive_that_is_set),
        cmocka_unit_test(a_slow_packet),
        cmocka_unit_test(a_slow_payload_in_pieces),
        cmocka_unit_test(the_last_piece_is_life),
        cmocka_unit_test(a_paused_server),
        cmocka_unit_test(a_ping_is_due),
        cmocka_unit_test(whatever_is_sent_puts_it_off),
        cmocka_unit_test(pings_by_itself),
        cmocka_unit_test(no_answer_to_a_ping),
        cmocka_unit_test(ping_timeout_is_an_option),
        cmocka_unit_test(several_pings),
        cmocka_unit_test(pings_that_fill_the_output),
        cmocka_unit_test(no_ping_inside_a_payload),
        cmocka_unit_test(a_paused_client),
        cmocka_unit_test(nothing_is_due_at_the_end),
        cmocka_unit_test(clocks_begin_anywhere),
        cmocka_unit_test(the_time_is_told_late),
        cmocka_unit_test(a_tick_that_comes_late),
        cmocka_unit_test(endless_timeouts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
