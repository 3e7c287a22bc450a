// SPDX-License-Identifier: MIT
// Sending: payloads in pieces with other packets behind them, raw bytes, the tap, and what is left out for a
// peer that does not take it.
#include "unit/two_ends.h"

static mqw_publish message(const char *topic)
{
    return (mqw_publish){.topic = {topic, strlen(topic)}};
}

static mqw_counters counters_of(const mqw_conn *conn)
{
    mqw_counters counters;
    mqw_conn_counters(conn, &counters);
    return counters;
}

// ---- payloads in pieces ----

static void begin_write_end(void **state)
{
    (void)state;
    for (uint8_t version = 3; version <= 5; version++) {
        mqw_conn *server = opened(MQW_SERVER, version, NULL);
        mqw_publish publish = message("t");
        publish.payload = bytes_of("ignored");
        publish.payload_left = 9;
        assert_int_equal(mqw_conn_publish_begin(server, &publish, 6), 0);
        assert_int_equal(mqw_conn_publish_write(server, bytes_of("abc")), 0);
        assert_int_equal(mqw_conn_publish_write(server, bytes_of("")), 0);
        assert_int_equal(mqw_conn_publish_write(server, (mqw_bytes){NULL, 0}), 0);
        assert_int_equal(mqw_conn_publish_write(server, bytes_of("def")), 0);
        assert_int_equal(mqw_conn_publish_end(server), 0);
        writes(server, version == 5 ? "30 0a 0001 't' 00 'abcdef'" : "30 09 0001 't' 'abcdef'");
        mqw_conn_free(server);
    }
}

static void an_empty_payload_in_pieces(void **state)
{
    (void)state;
    mqw_conn *server = opened(MQW_SERVER, 4, NULL);
    mqw_publish publish = message("t");
    assert_int_equal(mqw_conn_publish_begin(server, &publish, 0), 0);
    refused_by(server, mqw_conn_publish_write(server, bytes_of("x")), MQW_E_MISUSE, MQW_RULE_FIELD_RANGE,
               "payload");
    assert_int_equal(mqw_conn_publish_end(server), 0);
    writes(server, "30 03 0001 't'");
    mqw_conn_free(server);
}

// Other packets wait behind it, whatever they are.
static void others_queue_behind(void **state)
{
    (void)state;
    mqw_conn *server = opened(MQW_SERVER, 4, NULL);
    mqw_publish publish = message("t");
    assert_int_equal(mqw_conn_publish_begin(server, &publish, 4), 0);
    says(server, "PINGRESP");
    assert_int_equal(mqw_conn_publish_write(server, bytes_of("ab")), 0);
    assert_int_equal(mqw_conn_send_raw(server, hex("ee")), 0);
    says(server, "PUBLISH topic=\"u\"");
    writes(server, "30 07 0001 't' 'ab'");
    assert_int_equal(mqw_conn_waiting(server), 2 + 1 + 5);
    assert_int_equal(mqw_conn_publish_write(server, bytes_of("cd")), 0);
    writes(server, "'cd'");
    mqw_counters before = counters_of(server);
    assert_int_equal(mqw_conn_publish_end(server), 0);
    writes(server, "d000 ee 30 03 0001 'u'");
    mqw_counters after = counters_of(server);
    assert_int_equal(after.packets_queued - before.packets_queued, 1); // it counts when it is whole
    assert_int_equal(after.packets_written, after.packets_queued);
    assert_int_equal(after.bytes_written, after.bytes_queued);
    mqw_conn_free(server);
}

static void several_in_a_row(void **state)
{
    (void)state;
    mqw_conn *server = opened(MQW_SERVER, 4, NULL), *client = opened(MQW_CLIENT, 4, NULL);
    mqw_publish publish = message("t");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(mqw_conn_publish_begin(server, &publish, 2), 0);
        says(server, "PINGRESP");
        assert_int_equal(mqw_conn_publish_write(server, bytes_of("hi")), 0);
        assert_int_equal(mqw_conn_publish_end(server), 0);
    }
    assert_int_equal(carry(server, client), 0);
    hears("PUBLISH topic=\"t\" payload=\"hi\"\nPINGRESP\nPUBLISH topic=\"t\" payload=\"hi\"\nPINGRESP\n"
          "PUBLISH topic=\"t\" payload=\"hi\"\nPINGRESP");
    mqw_conn_free(server);
    mqw_conn_free(client);
}

// A piece that finds the output full is written again after `drain`.
static void busy_in_the_middle(void **state)
{
    (void)state;
    mqw_conn *server = opened(MQW_SERVER, 4, &(mqw_conn_options){.max_output = 10});
    mqw_publish publish = message("t");
    assert_int_equal(mqw_conn_publish_begin(server, &publish, 12), 0);
    assert_int_equal(mqw_conn_publish_write(server, bytes_of("abcdef")), MQW_E_BUSY);
    assert_int_equal(mqw_conn_publish_write(server, bytes_of("abcde")), 0);
    assert_int_equal(mqw_conn_publish_write(server, bytes_of("f")), MQW_E_BUSY);
    writes(server, "30 0f 0001 't' 'abcde'");
    assert_int_equal(mqw_conn_publish_write(server, bytes_of("fghijkl")), 0);
    assert_int_equal(say(server, "PUBLISH topic=\"t\""), MQW_E_BUSY); // what waits behind counts, too
    says(server, "PINGRESP");
    assert_int_equal(mqw_conn_publish_end(server), 0);
    writes(server, "'fghijkl' d000");
    mqw_conn_free(server);
}

static void a_piece_that_never_fits(void **state)
{
    (void)state;
    mqw_conn *server = opened(MQW_SERVER, 4, &(mqw_conn_options){.max_output = 10});
    mqw_publish publish = message("t");
    assert_int_equal(mqw_conn_publish_begin(server, &publish, 100), 0);
    refused_by(server, mqw_conn_publish_write(server, bytes_of("01234567890")), MQW_E_TOO_LARGE,
               MQW_RULE_OUTPUT_FULL, "payload");
    drop_output(server);
    assert_int_equal(mqw_conn_publish_write(server, bytes_of("0123456789")), 0);
    mqw_conn_free(server);
}

static void misuse_of_pieces(void **state)
{
    (void)state;
    mqw_conn *server = opened(MQW_SERVER, 4, NULL);
    mqw_publish publish = message("t");
    refused_by(server, mqw_conn_publish_write(server, bytes_of("x")), MQW_E_MISUSE, MQW_RULE_FIELD_RANGE,
               "payload");
    refused_by(server, mqw_conn_publish_end(server), MQW_E_MISUSE, MQW_RULE_FIELD_RANGE, "payload");
    refused_by(server, mqw_conn_publish_begin(server, NULL, 1), MQW_E_MISUSE, MQW_RULE_FIELD_RANGE, "packet");
    refused_by(server, mqw_conn_publish_begin(server, &publish, MQW_LENGTH_MAX + 1), MQW_E_MISUSE,
               MQW_RULE_FIELD_RANGE, "payload");
    assert_int_equal(mqw_conn_publish_begin(server, &publish, 3), 0);
    refused_by(server, mqw_conn_publish_begin(server, &publish, 3), MQW_E_MISUSE, MQW_RULE_FIELD_RANGE,
               "payload");
    refused_by(server, mqw_conn_publish_write(server, bytes_of("abcd")), MQW_E_MISUSE, MQW_RULE_FIELD_RANGE,
               "payload");
    refused_by(server, mqw_conn_publish_write(server, (mqw_bytes){NULL, 1}), MQW_E_MISUSE,
               MQW_RULE_FIELD_RANGE, "payload");
    assert_int_equal(mqw_conn_publish_write(server, bytes_of("ab")), 0);
    refused_by(server, mqw_conn_publish_end(server), MQW_E_MISUSE, MQW_RULE_FIELD_RANGE, "payload");
    assert_int_equal(mqw_conn_publish_write(server, bytes_of("c")), 0);
    assert_int_equal(mqw_conn_publish_end(server), 0);
    refused_by(server, mqw_conn_publish_end(server), MQW_E_MISUSE, MQW_RULE_FIELD_RANGE, "payload");
    writes(server, "30 06 0001 't' 'abc'");
    mqw_conn_free(server);
}

// What a PUBLISH may not be, it may not be in pieces.
static void begin_is_tried(void **state)
{
    (void)state;
    mqw_conn *server = make(MQW_SERVER, NULL);
    mqw_publish publish = message("t");
    refused_by(server, mqw_conn_publish_begin(server, &publish, 3), MQW_E_MISUSE, MQW_RULE_CONNACK_FIRST,
               NULL);
    mqw_conn_free(server);
    server =
        opened_with(MQW_SERVER, "CONNECT version=5 client_id=\"c\" maximum_packet_size=100 receive_maximum=1",
                    "CONNACK", NULL);
    refused_by(server, mqw_conn_publish_begin(server, &publish, 95), MQW_E_TOO_LARGE,
               MQW_RULE_PACKET_SIZE_CLIENT, "length");
    publish = message("#");
    refused_by(server, mqw_conn_publish_begin(server, &publish, 3), MQW_E_REFUSED, MQW_RULE_TOPIC_WILDCARD,
               "topic");
    publish = message("t");
    publish.qos = 1;
    refused_by(server, mqw_conn_publish_begin(server, &publish, 3), MQW_E_MISUSE, MQW_RULE_PACKET_ID_ZERO,
               "packet_id");
    publish.packet_id = 1;
    assert_int_equal(mqw_conn_publish_begin(server, &publish, 92), 0); // 100 bytes in all
    assert_int_equal(mqw_conn_quota(server), 0);
    mqw_conn_free(server);
}

// The largest packet there is; its bytes are never all in memory.
static void the_largest_payload(void **state)
{
    (void)state;
    static uint8_t piece[1 << 16];
    mqw_conn *server = opened(MQW_SERVER, 4, NULL);
    mqw_publish publish = message("t");
    refused_by(server, mqw_conn_publish_begin(server, &publish, MQW_LENGTH_MAX - 2), MQW_E_TOO_LARGE,
               MQW_RULE_PACKET_SIZE_CLIENT, NULL);
    assert_int_equal(mqw_conn_publish_begin(server, &publish, MQW_LENGTH_MAX - 3), 0);
    mqw_bytes head = take_output(server);
    same_bytes(head, hex("30 ffffff7f 0001 't'"));
    free((void *)(uintptr_t)head.data);
    for (uint32_t left = MQW_LENGTH_MAX - 3, len; left > 0; left -= len) {
        len = left < sizeof piece ? left : sizeof piece;
        assert_int_equal(mqw_conn_publish_write(server, (mqw_bytes){piece, len}), 0);
        (void)mqw_conn_written(server, len);
    }
    assert_int_equal(mqw_conn_publish_end(server), 0);
    mqw_counters counters = counters_of(server);
    assert_int_equal(counters.packets_written, counters.packets_queued);
    mqw_conn_free(server);
}

static void a_farewell_behind_a_payload(void **state)
{
    (void)state;
    mqw_conn *client = opened(MQW_CLIENT, 4, NULL);
    mqw_publish publish = message("t");
    assert_int_equal(mqw_conn_publish_begin(client, &publish, 2), 0);
    says(client, "DISCONNECT");
    assert_int_equal(mqw_conn_publish_write(client, bytes_of("hi")), 0);
    assert_int_equal(mqw_conn_publish_end(client), 0);
    writes(client, "30 05 0001 't' 'hi' e000");
    mqw_conn_free(client);
}

// Giving up is closing, and what waits behind goes with it.
static void freed_in_the_middle(void **state)
{
    (void)state;
    heap memory = {0};
    mqw_allocator allocator = heap_allocator(&memory);
    mqw_conn *server = opened(MQW_SERVER, 4, &(mqw_conn_options){.allocator = &allocator});
    mqw_publish publish = message("t");
    assert_int_equal(mqw_conn_publish_begin(server, &publish, 2), 0);
    says(server, "PINGRESP");
    mqw_conn_shut(server);
    assert_int_equal(mqw_conn_publish_write(server, bytes_of("hi")), MQW_E_CLOSED);
    mqw_conn_free(server);
    assert_int_equal(memory.held, 0);
}

// ---- raw bytes ----

static void raw_bytes_are_unchecked(void **state)
{
    (void)state;
    mqw_conn *client = make(MQW_CLIENT, NULL);
    assert_int_equal(mqw_conn_send_raw(client, hex("00 ff 30 80 80 80 80 80")), 0);
    assert_int_equal(mqw_conn_send_raw(client, hex("")), 0);
    writes(client, "00 ff 30 80 80 80 80 80");
    assert_int_equal(mqw_conn_state(client), MQW_STATE_NEW);
    static uint8_t large[20000];
    memset(large, 7, sizeof large);
    assert_int_equal(mqw_conn_send_raw(client, hex("01")), 0);
    assert_int_equal(mqw_conn_send_raw(client, (mqw_bytes){large, sizeof large}), 0);
    mqw_bytes all = take_output(client);
    assert_int_equal(all.len, 20001);
    assert_int_equal(all.data[0], 1);
    assert_memory_equal(all.data + 1, large, sizeof large);
    free((void *)(uintptr_t)all.data);
    mqw_conn_free(client);
}

// ---- what a peer does not take ----

// MQTT-3.2.2-19, MQTT-3.2.2-20, MQTT-3.4.2-2, MQTT-3.4.2-3, MQTT-3.5.2-2, MQTT-3.5.2-3, MQTT-3.6.2-2,
// MQTT-3.6.2-3, MQTT-3.7.2-2, MQTT-3.7.2-3, MQTT-3.9.2-1, MQTT-3.9.2-2, MQTT-3.11.2-1, MQTT-3.11.2-2,
// MQTT-3.14.2-3, MQTT-3.14.2-4, MQTT-3.15.2-2, MQTT-3.15.2-3: left out rather than above the receiver's
// maximum packet size
static const struct {
    const char *line;
    const char *bytes;
} explained[] = {
    {"CONNACK auth_method=\"m\"", "20 07 00 00 04 15 0001 'm'"},
    {"PUBACK packet_id=1", "40 02 0001"},
    {"PUBREC packet_id=1 reason=0x80", "50 03 0001 80"},
    {"PUBREL packet_id=1", "62 02 0001"},
    {"PUBCOMP packet_id=1 reason=0x92", "70 03 0001 92"},
    {"SUBACK packet_id=1 reasons=0,0x80", "90 05 0001 00 00 80"},
    {"UNSUBACK packet_id=1 reasons=0x11", "b0 04 0001 00 11"},
    {"AUTH reason=0x18 auth_method=\"m\"", "f0 06 18 04 15 0001 'm'"},
    {"DISCONNECT reason=0x8b", "e0 01 8b"},
};

static mqw_conn *to_a_client_that_says(const char *property, mqw_packet_type type)
{
    char connect[200];
    snprintf(connect, sizeof connect, "CONNECT version=5 client_id=\"c\" auth_method=\"m\" %s", property);
    if (type != MQW_CONNACK)
        return opened_with(MQW_SERVER, connect, "CONNACK auth_method=\"m\"", NULL);
    mqw_conn *server = make(MQW_SERVER, NULL), *client = make(MQW_CLIENT, NULL);
    says(client, connect);
    assert_int_equal(carry(client, server), 0);
    mqw_conn_free(client);
    heard[0] = '\0';
    return server;
}

static void explanations_are_left_out_when_they_do_not_fit(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(explained); i++) {
        char line[200];
        snprintf(line, sizeof line, "%s reason_string=\"a long one\" user=\"k\":\"v\"", explained[i].line);
        mqw_conn *server = to_a_client_that_says("maximum_packet_size=12", packet_of(line).type);
        assert_int_equal(say(server, line), 1);
        writes(server, explained[i].bytes);
        mqw_conn_free(server);
    }
}

// What the packet is about is never left out.
static void nothing_else_is_left_out(void **state)
{
    (void)state;
    mqw_conn *client =
        opened_with(MQW_CLIENT, "CONNECT version=5 client_id=\"c\"", "CONNACK maximum_packet_size=20", NULL);
    static const char *const lines[] = {
        "SUBSCRIBE packet_id=1 filter=\"a\":0 user=\"key\":\"value\"",
        "UNSUBSCRIBE packet_id=1 filter=\"abc\" user=\"key\":\"value\"",
        "PUBLISH topic=\"a\" user=\"key\":\"long value\"",
        "PUBLISH topic=\"a\" payload=\"more than what fits\"",
    };
    for (size_t i = 0; i < COUNT(lines); i++)
        refused_by(client, say(client, lines[i]), MQW_E_TOO_LARGE, MQW_RULE_PACKET_SIZE_SERVER, "length");
    clause_is(client, "MQTT-3.2.2-15");
    assert_int_equal(mqw_conn_waiting(client), 0);
    mqw_conn_free(client);
    mqw_conn *server = to_a_client_that_says("maximum_packet_size=12", MQW_SUBACK);
    refused_by(server, say(server, "SUBACK packet_id=1 reasons=0,0,0,0,0,0,0,0,0 reason_string=\"r\""),
               MQW_E_TOO_LARGE, MQW_RULE_PACKET_SIZE_CLIENT, "length");
    clause_is(server, "MQTT-3.1.2-24");
    mqw_conn_free(server);
}

static void large_payloads_are_measured_with_their_head(void **state)
{
    (void)state;
    static uint8_t payload[2000];
    mqw_conn *client = opened_with(MQW_CLIENT, "CONNECT version=5 client_id=\"c\"",
                                   "CONNACK maximum_packet_size=2007", NULL);
    mqw_publish publish = message("t");
    publish.payload = (mqw_bytes){payload, sizeof payload};
    assert_int_equal(mqw_conn_publish(client, &publish), 0);
    publish.topic = MQW_TEXT("tt");
    refused_by(client, mqw_conn_publish(client, &publish), MQW_E_TOO_LARGE, MQW_RULE_PACKET_SIZE_SERVER,
               "length");
    assert_int_equal(mqw_conn_waiting(client), 2007);
    mqw_conn_free(client);
}

// MQTT-3.1.2-29: only CONNACK, DISCONNECT and PUBLISH explain themselves to who asked for no problem
// information.
static void explanations_that_nobody_asked_for(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(explained); i++) {
        char line[200];
        snprintf(line, sizeof line, "%s reason_string=\"r\"", explained[i].line);
        mqw_packet_type type = packet_of(line).type;
        mqw_conn *server = to_a_client_that_says("request_problem_info=0", type);
        bool kept = type == MQW_CONNACK || type == MQW_DISCONNECT;
        assert_int_equal(say(server, line), !kept);
        if (!kept)
            writes(server, explained[i].bytes);
        assert_int_equal(mqw_conn_waiting(server) > strlen(explained[i].bytes) / 3, kept);
        mqw_conn_free(server);
    }
    mqw_conn *server = to_a_client_that_says("request_problem_info=0", MQW_PUBLISH);
    assert_int_equal(say(server, "PUBLISH topic=\"t\" user=\"k\":\"v\""), 0);
    writes(server, "30 0b 0001 't' 07 26 0001 'k' 0001 'v'");
    assert_int_equal(say(server, "PUBACK packet_id=1"), 0); // there is nothing to leave out
    mqw_conn_free(server);
    server = to_a_client_that_says("request_problem_info=1", MQW_PUBACK);
    assert_int_equal(say(server, "PUBACK packet_id=1 reason_string=\"r\""), 0);
    writes(server, "40 08 0001 00 04 1f 0001 'r'");
    mqw_conn_free(server);
}

// ---- the tap ----

typedef struct tapped {
    uint8_t sent[4096], received[4096];
    size_t sent_len, received_len;
} tapped;

static void on_tap(mqw_conn *conn, bool sent, const mqw_packet *packet, mqw_bytes raw, void *ctx)
{
    tapped *tap = ctx;
    (void)conn;
    memcpy(sent ? tap->sent + tap->sent_len : tap->received + tap->received_len, raw.data, raw.len);
    *(sent ? &tap->sent_len : &tap->received_len) += raw.len;
    hear(sent ? ">" : "<");
    if (packet)
        hear_packet(packet);
    else
        hear("bytes");
}

static void the_tap_sees_everything(void **state)
{
    (void)state;
    tapped tap = {.sent_len = 0};
    mqw_conn *server =
        make(MQW_SERVER, &(mqw_conn_options){.tap = on_tap, .tap_ctx = &tap, .stream_over = 3});
    const char *input = "10 0d 0004 'MQTT' 04 02 0000 0001 'c' c000 30 07 0001 't' 'abcd'";
    assert_int_equal(feed(server, input), 0);
    hears(
        "<\nCONNECT version=4 client_id=\"c\" clean_start\nCONNECT version=4 client_id=\"c\" clean_start\n"
        "<\nPINGREQ\nPINGREQ\n<\nPUBLISH topic=\"t\" payload=\"\" payload_left=4\nPUBLISH topic=\"t\" payload=\"\" "
        "payload_left=4\n<\nabcd at 0, 0 left, id 0, qos 0\nabcd at 0, 0 left, id 0, qos 0");
    same_bytes((mqw_bytes){tap.received, tap.received_len}, hex(input));
    says(server, "CONNACK");
    says(server, "PUBLISH topic=\"t\" payload=\"x\" qos=1 packet_id=2 retain");
    assert_int_equal(say(server, "PUBLISH topic=\"+\""), MQW_E_REFUSED); // not what was not sent
    mqw_publish publish = message("u");
    assert_int_equal(mqw_conn_publish_begin(server, &publish, 2), 0);
    assert_int_equal(mqw_conn_publish_write(server, bytes_of("hi")), 0);
    assert_int_equal(mqw_conn_publish_end(server), 0);
    assert_int_equal(mqw_conn_send_raw(server, hex("ff")), 0);
    hears(">\nCONNACK reason=0x00\n>\nPUBLISH topic=\"t\" payload=\"x\" qos=1 packet_id=2 retain\n"
          ">\nPUBLISH topic=\"u\" payload=\"\" payload_left=2\n>\nbytes\n>\nbytes");
    same_bytes((mqw_bytes){tap.sent, tap.sent_len},
               hex("20020000 33 06 0001 't' 0002 'x' 30 05 0001 'u' 'hi' ff"));
    writes(server, "20020000 33 06 0001 't' 0002 'x' 30 05 0001 'u' 'hi' ff");
    mqw_conn_free(server);
}

static void the_tap_sees_large_payloads_and_farewells(void **state)
{
    (void)state;
    static uint8_t payload[2000];
    tapped tap = {.sent_len = 0};
    mqw_conn *server = make(MQW_SERVER, &(mqw_conn_options){.tap = on_tap, .tap_ctx = &tap, .version = 5});
    assert_int_equal(feed(server, "10 0e 0004 'MQTT' 05 02 0000 00 0001 'c'"), 0);
    says(server, "CONNACK");
    heard[0] = '\0';
    mqw_publish publish = message("t");
    publish.payload = (mqw_bytes){payload, sizeof payload};
    assert_int_equal(mqw_conn_publish(server, &publish), 0);
    heard[0] = '\0';
    assert_int_equal(feed(server, "c1 00"), MQW_E_MALFORMED);
    hears(">\nDISCONNECT reason=0x81");
    mqw_bytes all = take_output(server);
    same_bytes((mqw_bytes){tap.sent, tap.sent_len}, all);
    free((void *)(uintptr_t)all.data);
    mqw_conn_free(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(begin_write_end),
        cmocka_unit_test(an_empty_payload_in_pieces),
        cmocka_unit_test(others_queue_behind),
        cmocka_unit_test(several_in_a_row),
        cmocka_unit_test(busy_in_the_middle),
        cmocka_unit_test(a_piece_that_never_fits),
        cmocka_unit_test(misuse_of_pieces),
        cmocka_unit_test(begin_is_tried),
        cmocka_unit_test(the_largest_payload),
        cmocka_unit_test(a_farewell_behind_a_payload),
        cmocka_unit_test(freed_in_the_middle),
        cmocka_unit_test(raw_bytes_are_unchecked),
        cmocka_unit_test(explanations_are_left_out_when_they_do_not_fit),
        cmocka_unit_test(nothing_else_is_left_out),
        cmocka_unit_test(large_payloads_are_measured_with_their_head),
        cmocka_unit_test(explanations_that_nobody_asked_for),
        cmocka_unit_test(the_tap_sees_everything),
        cmocka_unit_test(the_tap_sees_large_payloads_and_farewells),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
