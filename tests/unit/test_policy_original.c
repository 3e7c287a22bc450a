// SPDX-License-Identifier: MIT
// MQW_POLICY_ORIGINAL: what the raw connection of MQTT.js 0.3 let pass, and its known faults, each shown
// absent.
#include "unit/two_ends.h"

static mqw_conn *original(mqw_role role)
{
    return make(role, &(mqw_conn_options){.policy = MQW_POLICY_ORIGINAL});
}

// The length of a PUBLISH without a payload, and its topic, as the original's tests write them.
#define TEST "0004 'test'"

// ---- what it lets pass ----

static const struct {
    const char *bytes;
    const char *line;
} received[] = {
    {"10 12 0006 'MQIsdp' 03 00 001e " TEST, "CONNECT version=3 client_id=\"test\" keep_alive=30"},
    {"20 02 00 05", "CONNACK reason=0x05"},
    {"30 0a " TEST "'test'", "PUBLISH topic=\"test\" payload=\"test\""},
    {"3d 0c " TEST "000a 'test'", "PUBLISH topic=\"test\" payload=\"test\" qos=2 packet_id=10 retain dup"},
    {"40 02 0002", "PUBACK packet_id=2"},
    {"50 02 0003", "PUBREC packet_id=3"},
    {"60 02 0004", "PUBREL packet_id=4 flags=0x00 length=2"},
    {"62 02 0004", "PUBREL packet_id=4"},
    {"70 02 0005", "PUBCOMP packet_id=5"},
    {"82 09 0006 " TEST " 00", "SUBSCRIBE packet_id=6 filter=\"test\":0"},
    {"80 09 0006 " TEST " 00", "SUBSCRIBE packet_id=6 filter=\"test\":0 flags=0x00 length=9"},
    {"90 06 0006 00010280", "SUBACK packet_id=6 reasons=0x00,0x01,0x02,0x80"},
    {"a2 0e 0007 0004 'tfst' " TEST, "UNSUBSCRIBE packet_id=7 filter=\"tfst\" filter=\"test\""},
    {"b0 02 0008", "UNSUBACK packet_id=8"},
    {"c0 00", "PINGREQ"},
    {"d0 00", "PINGRESP"},
    {"e0 00", "DISCONNECT"},
    // no header flags
    {"cf 00", "PINGREQ flags=0x0f"},
    {"41 02 0002", "PUBACK packet_id=2 flags=0x01 length=2"},
    // identifiers, reasons, strings
    {"32 08 " TEST "0000", "PUBLISH topic=\"test\" payload=\"\" qos=1"},
    {"40 02 0000", "PUBACK packet_id=0"},
    {"38 06 " TEST, "PUBLISH topic=\"test\" payload=\"\" dup"},
    {"20 02 00 06", "CONNACK reason=0x06"},
    {"90 03 0001 07", "SUBACK packet_id=1 reasons=0x07"},
    {"30 02 0000", "PUBLISH topic=\"\" payload=\"\""},
    {"30 05 0003 'a/#'", "PUBLISH topic=\"a/#\" payload=\"\""},
    {"30 04 0002 ff00", "PUBLISH topic=\"\\xff\\x00\" payload=\"\""},
    {"82 06 0001 0001 '#' 07", "SUBSCRIBE packet_id=1 filter=\"#\":3:no_local"},
    {"82 02 0001", "SUBSCRIBE packet_id=1"},
    {"10 0e 0006 'MQIsdp' 03 00 001e 0000", "CONNECT version=3 client_id=\"\" keep_alive=30"},
};

// Each by itself on a new connection: no role, no order.
static void each_packet_on_either_role(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(received); i++)
        for (int role = MQW_ANY; role <= MQW_SERVER; role++) {
            mqw_conn *conn = original((mqw_role)role);
            if (feed(conn, received[i].bytes) != 0)
                fail_msg("%s", received[i].line);
            hears(received[i].line);
            mqw_conn_free(conn);
        }
}

// And all of them one behind the other, twice.
static void all_packets_on_one_connection(void **state)
{
    (void)state;
    mqw_conn *conn = original(MQW_SERVER);
    for (size_t i = 0; i < COUNT(received) * 2; i++) {
        assert_int_equal(feed(conn, received[i % COUNT(received)].bytes), 0);
        hears(received[i % COUNT(received)].line);
    }
    mqw_conn_free(conn);
}

// What was delivered that way can be sent on or is refused, and is nobody's bug.
static void sending_it_on_is_never_misuse(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(received); i++) {
        mqw_conn *conn = original(MQW_SERVER);
        mqw_bytes in = hex(received[i].bytes);
        mqw_packet packet;
        assert_int_equal(mqw_conn_recv(conn, &in, &packet), 1);
        int sent = mqw_conn_send(conn, &packet), said = say_packet(conn, &packet);
        assert_true(sent == 0 || sent == MQW_E_REFUSED);
        assert_int_equal(said, sent);
        mqw_conn_free(conn);
    }
}

static void publishing_straight_away(void **state)
{
    (void)state;
    mqw_conn *client = original(MQW_CLIENT), *server = original(MQW_SERVER);
    says(client, "PUBLISH topic=\"t\" payload=\"x\"");
    says(server, "PUBLISH topic=\"u\" payload=\"y\"");
    says(server, "PINGREQ");
    assert_int_equal(carry(client, server), 0);
    assert_int_equal(carry(server, client), 0);
    hears("PUBLISH topic=\"t\" payload=\"x\"\nPUBLISH topic=\"u\" payload=\"y\"\nPINGREQ");
    mqw_conn_free(client);
    mqw_conn_free(server);
}

// Lengths and bounds are no rules.
static void what_no_policy_lets_pass(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        int code, rule;
    } rows[] = {
        {"00 00", MQW_E_MALFORMED, MQW_RULE_TYPE_RESERVED},
        {"f0 00", MQW_E_MALFORMED, MQW_RULE_TYPE_RESERVED},
        {"36 08 " TEST "0001", MQW_E_MALFORMED, MQW_RULE_QOS},
        {"40 01 00", MQW_E_MALFORMED, MQW_RULE_TRUNCATED},
        {"40 03 0001 00", MQW_E_MALFORMED, MQW_RULE_SURPLUS},
        {"10 04 0006 4d51", MQW_E_MALFORMED, MQW_RULE_TRUNCATED},
        {"10 12 0006 'MQIsdq' 03 00 001e " TEST, MQW_E_PROTOCOL, MQW_RULE_PROTOCOL_NAME},
        {"30 ffffff7f", MQW_E_TOO_LARGE, MQW_RULE_PACKET_SIZE_SERVER},
        {"30 ffffffff", MQW_E_MALFORMED, MQW_RULE_LENGTH_BYTES},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        mqw_conn *server = original(MQW_SERVER);
        faulted_by(server, feed(server, rows[i].bytes), rows[i].code, rows[i].rule);
        hears("");
        mqw_conn_free(server);
    }
}

// ---- known faults of the original ----

// Input went deaf after any error. Here our own mistakes do not touch it, and the peer's end one connection
// with one error.
static void input_is_not_deaf_after_an_error(void **state)
{
    (void)state;
    mqw_conn *server = original(MQW_SERVER);
    assert_int_equal(mqw_conn_puback(server, NULL), MQW_E_MISUSE);
    assert_int_equal(say(server, "PUBLISH topic=\"+\""), MQW_E_REFUSED);
    assert_int_equal(feed(server, "c000"), 0);
    hears("PINGREQ");
    assert_int_equal(feed(server, "00 00 c000"), MQW_E_MALFORMED);
    assert_int_equal(feed(server, "c000"), MQW_E_MALFORMED); // told, every time
    hears("");
    mqw_conn_free(server);
    server = original(MQW_SERVER);
    assert_int_equal(feed(server, "c000"), 0);
    hears("PINGREQ");
    mqw_conn_free(server);
}

// A truncated CONNECT, PUBLISH or SUBSCRIBE ended the process.
static void truncated_packets_are_errors(void **state)
{
    (void)state;
    static const char *const packets[] = {
        "10 36 0006 'MQIsdp' 03 f6 001e " TEST " 0005 'topic' 0007 'payload' 0008 'username' 0008 'password'",
        "32 0b 0005 'topic' 0001 'xy'",
        "82 10 0001 0004 'tes1' 00 0004 'tes2' 01",
    };
    for (size_t i = 0; i < COUNT(packets); i++) {
        mqw_bytes packet = hex(packets[i]);
        uint8_t cut[80];
        memcpy(cut, packet.data, packet.len);
        for (size_t len = 0; len < packet.len - 2; len++) {
            mqw_conn *server = original(MQW_SERVER);
            cut[1] = (uint8_t)len;
            int rc = feed_in(server, (mqw_bytes){cut, 2 + len}, 2 + len);
            assert_true(rc == MQW_E_MALFORMED ||
                        (rc == 0 && heard[0] != '\0')); // 3.1: credentials may be missing
            heard[0] = '\0';
            mqw_conn_free(server);
        }
    }
}

// Ten thousand packets in one chunk overflowed the stack.
static void ten_thousand_packets(void **state)
{
    (void)state;
    static uint8_t pings[20000];
    for (size_t i = 0; i < sizeof pings; i += 2)
        pings[i] = 0xC0;
    mqw_conn *server = original(MQW_SERVER);
    mqw_bytes in = {pings, sizeof pings};
    mqw_packet packet;
    unsigned count = 0;
    while (mqw_conn_recv(server, &in, &packet) > 0)
        count++;
    assert_int_equal(count, 10000);
    mqw_conn_free(server);
}

// A payload in many chunks cost quadratic time.
static void two_megabytes_in_many_chunks(void **state)
{
    (void)state;
    enum { SIZE = 2 << 20 };
    static const uint8_t zeros[SIZE];
    heap memory = {0};
    mqw_allocator allocator = heap_allocator(&memory);
    mqw_conn *server = make(MQW_SERVER, &(mqw_conn_options){.policy = MQW_POLICY_ORIGINAL,
                                                            .allocator = &allocator,
                                                            .max_first_packet = 4 << 20,
                                                            .max_packet_size = 4 << 20});
    assert_int_equal(feed(server, "30 86808001 " TEST), 0);
    mqw_packet packet;
    int rc = 0;
    for (size_t at = 0; at < SIZE; at += 16) {
        mqw_bytes in = {zeros + at, 16};
        rc = mqw_conn_recv(server, &in, &packet);
    }
    assert_int_equal(rc, 1);
    assert_int_equal(packet.length, 2097158);
    assert_int_equal(packet.publish.payload.len, SIZE);
    assert_true(memory.copied < 2 * SIZE);
    mqw_conn_free(server);
}

// The end of the stream in the middle of a packet was silent.
static void the_end_inside_a_packet_is_told(void **state)
{
    (void)state;
    mqw_conn *server = original(MQW_SERVER);
    assert_int_equal(feed(server, "30 0a 0004 'te"
                                  "'"),
                     0);
    faulted_by(server, mqw_conn_end(server), MQW_E_END, MQW_RULE_STREAM_ENDED);
    mqw_conn_free(server);
}

// A fifth length byte was swallowed.
static void a_fifth_length_byte(void **state)
{
    (void)state;
    mqw_conn *server = original(MQW_SERVER);
    faulted_by(server, feed_in(server, hex("30 80808080 01 " TEST), 1), MQW_E_MALFORMED,
               MQW_RULE_LENGTH_BYTES);
    mqw_conn_free(server);
}

// There was no size limit.
static void there_is_a_size_limit(void **state)
{
    (void)state;
    mqw_conn *server =
        make(MQW_SERVER, &(mqw_conn_options){.policy = MQW_POLICY_ORIGINAL, .max_packet_size = 100});
    faulted_by(server, feed(server, "30 63"), MQW_E_TOO_LARGE, MQW_RULE_PACKET_SIZE_SERVER);
    mqw_conn_free(server);
}

// Non-ASCII client id, user name, password or will topic corrupted the packet.
static void texts_are_not_ascii(void **state)
{
    (void)state;
    mqw_conn *client = original(MQW_CLIENT), *server = original(MQW_SERVER);
    says(
        client,
        "CONNECT version=3 client_id=\"\u00a7\" will.topic=\"\u00a7/\u20ac\" will.payload=\"\u00a7\" username=\"\u00fc\" "
        "password=0xc2a7ff");
    mqw_bytes all = take_output(client);
    same_bytes(
        all,
        hex("10 25 0006 'MQIsdp' 03 c4 0000 0002 c2a7 0006 c2a72fe282ac 0002 c2a7 0002 c3bc 0003 c2a7ff"));
    assert_int_equal(feed_in(server, all, all.len), 0);
    hears(
        "CONNECT version=3 client_id=\"\u00a7\" will.topic=\"\u00a7/\u20ac\" will.payload=\"\u00a7\" username=\"\u00fc\" "
        "password=0xc2a7ff");
    free((void *)(uintptr_t)all.data);
    mqw_conn_free(client);
    mqw_conn_free(server);
}

// Bytes right behind CONNECT were lost when the version was learned, and the connect callback fired twice.
static void bytes_behind_connect(void **state)
{
    (void)state;
    static const char *const streams[] = {
        "10 12 0006 'MQIsdp' 03 00 001e " TEST " 30 0a " TEST "'test' c000",
        "10 10 0004 'MQTT' 04 00 001e " TEST " 30 0a " TEST "'test' c000",
        "10 11 0004 'MQTT' 05 00 001e 00 " TEST " 30 0b " TEST "00 'test' c000",
    };
    for (size_t i = 0; i < COUNT(streams); i++)
        for (size_t step = 1; step < 40; step++) {
            mqw_conn *server = original(MQW_SERVER);
            char expected[200];
            snprintf(
                expected, sizeof expected,
                "CONNECT version=%u client_id=\"test\" keep_alive=30\nPUBLISH topic=\"test\" payload=\"test\"\nPINGREQ",
                (unsigned)i + 3);
            assert_int_equal(feed_in(server, hex(streams[i]), step), 0);
            hears(expected);
            mqw_conn_free(server);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_packet_on_either_role),    cmocka_unit_test(all_packets_on_one_connection),
        cmocka_unit_test(sending_it_on_is_never_misuse), cmocka_unit_test(publishing_straight_away),
        cmocka_unit_test(what_no_policy_lets_pass),      cmocka_unit_test(input_is_not_deaf_after_an_error),
        cmocka_unit_test(truncated_packets_are_errors),  cmocka_unit_test(ten_thousand_packets),
        cmocka_unit_test(two_megabytes_in_many_chunks),  cmocka_unit_test(the_end_inside_a_packet_is_told),
        cmocka_unit_test(a_fifth_length_byte),           cmocka_unit_test(there_is_a_size_limit),
        cmocka_unit_test(texts_are_not_ascii),           cmocka_unit_test(bytes_behind_connect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
