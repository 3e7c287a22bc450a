// SPDX-License-Identifier: MIT
// mqw_packet_downgrade: what 3.1.1 and 3.1 can say of each packet, and what they cannot.
#include "unit/any_packet.h"

// Downgrades the packet of a line; `expected` is the line of what comes out, which that version can say, or
// NULL when it is refused.
static void turns_into(const char *line, uint8_t version, mqw_role sender, const char *expected)
{
    mqw_packet p;
    mqw_codec codec = {.version = version, .sender = (uint8_t)sender};
    uint8_t *scanned = scan_good(line, &p), room[256], wire[256];
    char printed[512];
    int used = mqw_packet_downgrade(&p, version, sender, room, sizeof(room));
    mqw_print(printed, sizeof(printed), &p, MQW_FULL);
    if (expected) {
        assert_true(used >= 0);
        assert_string_equal(printed, expected);
        assert_true(mqw_encode(&codec, &p, wire, sizeof(wire), NULL) > 0);
    } else {
        assert_int_equal(used, MQW_E_REFUSED);
        assert_string_equal(printed, line); // it stays as it was
    }
    free(scanned);
}

static void both(const char *line, const char *expected)
{
    turns_into(line, MQW_3_1_1, MQW_ANY, expected);
    turns_into(line, MQW_3_1, MQW_ANY, expected);
}

static void connects(void **state)
{
    (void)state;
    static const char full[] =
        "CONNECT version=5 client_id=\"c\" keep_alive=9 clean_start will.topic=\"w\" will.payload=\"p\" will.qos=1 "
        "will.retain username=\"u\" password=\"p\" will.will_delay=1 will.user=\"a\":\"b\" session_expiry=8";
    turns_into(
        full, 4, MQW_CLIENT,
        "CONNECT version=4 client_id=\"c\" keep_alive=9 clean_start will.topic=\"w\" will.payload=\"p\" "
        "will.qos=1 will.retain username=\"u\" password=\"p\"");
    turns_into(
        full, 3, MQW_CLIENT,
        "CONNECT version=3 client_id=\"c\" keep_alive=9 clean_start will.topic=\"w\" will.payload=\"p\" "
        "will.qos=1 will.retain username=\"u\" password=\"p\"");
    turns_into(full, 5, MQW_CLIENT, full);
    turns_into("CONNECT version=4 client_id=\"c\"", 3, MQW_CLIENT, "CONNECT version=3 client_id=\"c\"");
    turns_into("CONNECT version=3 client_id=\"c\"", 4, MQW_CLIENT, "CONNECT version=3 client_id=\"c\"");
    turns_into("CONNECT version=5 protocol_name=\"MQIsdp\" client_id=\"c\"", 4, MQW_CLIENT,
               "CONNECT version=4 client_id=\"c\"");
    both("CONNECT version=5 client_id=\"c\" password=\"p\"", NULL);
    both("CONNECT version=5 client_id=\"\"", NULL);
    turns_into("CONNECT version=5 client_id=\"\" clean_start", 4, MQW_CLIENT,
               "CONNECT version=4 client_id=\"\" clean_start");
    turns_into("CONNECT version=5 client_id=\"\" clean_start", 3, MQW_CLIENT, NULL);
    both("CONNECT version=9 unsupported", NULL);
}

// The version's own name goes with the version; a packet that was made without one is 3.1.1.
static void protocol_name(void **state)
{
    (void)state;
    mqw_packet p = {.type = MQW_CONNECT,
                    .connect = {.version = 5, .protocol_name = MQW_TEXT("MQTT"), .client_id = MQW_TEXT("c")}};
    assert_int_equal(mqw_packet_downgrade(&p, 3, MQW_CLIENT, NULL, 0), 0);
    assert_int_equal(p.connect.protocol_name.len, 0);
    p.connect.version = 0;
    assert_int_equal(mqw_packet_downgrade(&p, 4, MQW_CLIENT, NULL, 0), 0);
    assert_int_equal(p.connect.version, 4);
    p.connect.version = 0;
    assert_int_equal(mqw_packet_downgrade(&p, 3, MQW_CLIENT, NULL, 0), 0);
    assert_int_equal(p.connect.version, 3);
}

static void connacks(void **state)
{
    (void)state;
    static const struct {
        uint8_t reason, code;
    } cases[] = {
        {0x00, 0}, {0x84, 1}, {0x85, 2}, {0x88, 3}, {0x86, 4}, {0x87, 5}, // the same in other words
        {0x80, 3}, {0x83, 3}, {0x89, 3}, {0x97, 3}, {0x9C, 3}, {0x9D, 3}, {0x9F, 3}, // another time or place
        {0x81, 5}, {0x82, 5}, {0x8A, 5}, {0x8C, 5}, {0x90, 5}, {0x95, 5}, {0x99, 5}, {0x9A, 5},
        {0x9B, 5}, {1, 1},    {2, 2},    {3, 3},    {4, 4},    {5, 5},    {0xFF, 3}, {0x7F, 3},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        mqw_packet p = {.type = MQW_CONNACK, .connack = {.reason = cases[i].reason}};
        assert_int_equal(mqw_packet_downgrade(&p, 4, MQW_SERVER, NULL, 0), 0);
        assert_int_equal(p.connack.reason, cases[i].code);
    }
    turns_into("CONNACK session_present reason=0x00 receive_maximum=5", 4, MQW_SERVER,
               "CONNACK session_present reason=0x00");
    turns_into("CONNACK session_present reason=0x00", 3, MQW_SERVER, "CONNACK reason=0x00");
    turns_into("CONNACK session_present reason=0x87", 4, MQW_SERVER, "CONNACK reason=0x05");
}

static void publishes(void **state)
{
    (void)state;
    both("PUBLISH topic=\"t\" payload=\"p\" qos=1 packet_id=7 retain dup topic_alias=3 user=\"k\":\"v\"",
         "PUBLISH topic=\"t\" payload=\"p\" qos=1 packet_id=7 retain dup");
    both("PUBLISH topic=\"\" payload=\"p\" topic_alias=3", NULL);
    both("PUBLISH topic=\"\" payload=\"p\"", NULL);
}

static void acknowledgements(void **state)
{
    (void)state;
    both("PUBACK packet_id=7 reason=0x87 reason_string=\"no\"", "PUBACK packet_id=7");
    both("PUBREC packet_id=7 reason=0x10", "PUBREC packet_id=7");
    both("PUBREL packet_id=7 reason=0x92", "PUBREL packet_id=7");
    both("PUBCOMP packet_id=7 user=\"a\":\"b\"", "PUBCOMP packet_id=7");
    turns_into("PUBREL packet_id=7 dup", 3, MQW_CLIENT, "PUBREL packet_id=7 dup");
    mqw_packet p = {.type = MQW_PUBREL, .pubrel = {.packet_id = 7, .dup = true}};
    assert_int_equal(mqw_packet_downgrade(&p, 4, MQW_CLIENT, NULL, 0), 0);
    assert_false(p.pubrel.dup); // only 3.1 repeats it so
}

static void subscriptions(void **state)
{
    (void)state;
    both(
        "SUBSCRIBE packet_id=6 filter=\"a/#\":1:no_local filter=\"b\":2:retain_as_published:retain_handling=2 "
        "filter=\"$share/g/c\":0 subscription_id=1",
        "SUBSCRIBE packet_id=6 filter=\"a/#\":1 filter=\"b\":2 filter=\"$share/g/c\":0");
    both("SUBSCRIBE packet_id=6 filter=\"a\":1:no_local", "SUBSCRIBE packet_id=6 filter=\"a\":1");
    both("SUBSCRIBE packet_id=6 filter=\"a\":1:retain_as_published", "SUBSCRIBE packet_id=6 filter=\"a\":1");
    both("SUBSCRIBE packet_id=6 filter=\"a\":1:retain_handling=1", "SUBSCRIBE packet_id=6 filter=\"a\":1");
    both("SUBSCRIBE packet_id=6 filter=\"a\":1 user=\"k\":\"v\"", "SUBSCRIBE packet_id=6 filter=\"a\":1");
    both("UNSUBSCRIBE packet_id=6 filter=\"a\" user=\"k\":\"v\"", "UNSUBSCRIBE packet_id=6 filter=\"a\"");
    turns_into("UNSUBSCRIBE packet_id=6 dup filter=\"a\"", 3, MQW_CLIENT,
               "UNSUBSCRIBE packet_id=6 dup filter=\"a\"");
}

// A tolerant policy lets reserved bits of the options in; they go with the rest of them.
static void reserved_options(void **state)
{
    (void)state;
    uint8_t room[8];
    mqw_packet p = {.type = MQW_SUBSCRIBE};
    p.subscribe.packet_id = 6;
    p.subscribe.filters.wire = (mqw_bytes){(const uint8_t *)"\0\1a\x42", 4};
    assert_int_equal(mqw_packet_downgrade(&p, 4, MQW_CLIENT, room, sizeof room), 4);
    assert_memory_equal(p.subscribe.filters.wire.data, "\0\1a\2", 4);
}

// Nothing is written when nothing has to be; else at most what the filters take.
static void room_for_filters(void **state)
{
    (void)state;
    mqw_packet p;
    uint8_t *scanned = scan_good("SUBSCRIBE packet_id=1 filter=\"a\":1 filter=\"bc\":2", &p);
    const uint8_t *before = p.subscribe.filters.wire.data;
    assert_int_equal(mqw_packet_downgrade(&p, 4, MQW_CLIENT, NULL, 0), 0);
    assert_ptr_equal(p.subscribe.filters.wire.data, before);
    free(scanned);
    scanned =
        scan_good("SUBSCRIBE packet_id=1 dup filter=\"a\":1 filter=\"bc\":2:no_local user=\"k\":\"v\"", &p);
    size_t size = p.subscribe.filters.wire.len;
    for (size_t cap = 0; cap < size; cap++) {
        uint8_t *room = malloc(cap ? cap : 1);
        assert_int_equal(mqw_packet_downgrade(&p, 4, MQW_CLIENT, cap ? room : NULL, cap), MQW_E_NO_ROOM);
        assert_true(p.subscribe.dup && p.subscribe.props.has && p.subscribe.filters.wire.len == size);
        free(room);
    }
    uint8_t *room = malloc(size);
    assert_non_null(room);
    assert_int_equal(mqw_packet_downgrade(&p, 4, MQW_CLIENT, room, size), size);
    assert_ptr_equal(p.subscribe.filters.wire.data, room);
    assert_false(p.subscribe.dup);
    free(room);
    free(scanned);
    mqw_packet broken = {.type = MQW_SUBSCRIBE};
    broken.subscribe.filters.wire = (mqw_bytes){(const uint8_t *)"\0\1a\4\0\5b", 7};
    uint8_t enough[16];
    assert_int_equal(mqw_packet_downgrade(&broken, 4, MQW_CLIENT, enough, sizeof(enough)), MQW_E_MISUSE);
}

static void subscription_answers(void **state)
{
    (void)state;
    turns_into("SUBACK packet_id=6 reasons=0x00,0x01,0x02,0x80,0x87,0xa2 reason_string=\"x\"", 4, MQW_SERVER,
               "SUBACK packet_id=6 reasons=0x00,0x01,0x02,0x80,0x80,0x80");
    turns_into("SUBACK packet_id=6 reasons=0x00,0x80", 3, MQW_SERVER, NULL);
    turns_into("SUBACK packet_id=6 reasons=0x00,0x02", 3, MQW_SERVER, "SUBACK packet_id=6 reasons=0x00,0x02");
    both("UNSUBACK packet_id=6 reasons=0x00,0x11", "UNSUBACK packet_id=6");
    mqw_packet p = {.type = MQW_SUBACK, .suback = {.reasons = {(const uint8_t *)"\x87\x80", 2}}};
    uint8_t room[2];
    assert_int_equal(mqw_packet_downgrade(&p, 4, MQW_SERVER, room, 1), MQW_E_NO_ROOM);
    assert_int_equal(mqw_packet_downgrade(&p, 4, MQW_SERVER, room, 2), 2);
    assert_int_equal(mqw_packet_downgrade(&p, 4, MQW_SERVER, NULL, 0), 0); // now it is one of 3.1.1
}

static void farewells(void **state)
{
    (void)state;
    both("PINGREQ", "PINGREQ");
    both("PINGRESP", "PINGRESP");
    both("DISCONNECT session_expiry=1", "DISCONNECT");
    both("DISCONNECT reason=0x04", NULL); // a plain DISCONNECT would take the will back
    turns_into("DISCONNECT", 4, MQW_CLIENT, "DISCONNECT");
    turns_into("DISCONNECT", 4, MQW_SERVER, NULL);
    turns_into("DISCONNECT reason=0x8b", 3, MQW_SERVER, NULL);
    both("AUTH reason=0x18 auth_method=\"m\"", NULL);
}

static void arguments(void **state)
{
    (void)state;
    mqw_packet p = {.type = MQW_PINGREQ};
    assert_int_equal(mqw_packet_downgrade(&p, 2, MQW_ANY, NULL, 0), MQW_E_MISUSE);
    assert_int_equal(mqw_packet_downgrade(&p, 6, MQW_ANY, NULL, 0), MQW_E_MISUSE);
    memset(&p, 0, sizeof(p));
    assert_int_equal(mqw_packet_downgrade(&p, 4, MQW_ANY, NULL, 0), MQW_E_REFUSED);
    p.type = (mqw_packet_type)16;
    assert_int_equal(mqw_packet_downgrade(&p, 4, MQW_ANY, NULL, 0), MQW_E_REFUSED);
}

// Whatever the packet, what comes out has no properties; and downgrading twice is downgrading once.
static void random_packets(void **state)
{
    (void)state;
    static any_source from = {.state = 9};
    for (int i = 0; i < 15000; i++) {
        mqw_packet *p = any_packet(&from, 1 + i % 15);
        uint8_t room[4096], version = (uint8_t)(3 + any_number(&from, 2));
        static char once[1 << 17], twice[1 << 17];
        int used = mqw_packet_downgrade(p, version, MQW_ANY, room, sizeof(room));
        assert_true(used >= 0 || used == MQW_E_REFUSED);
        if (used >= 0) {
            mqw_print(once, sizeof(once), p, MQW_FULL);
            assert_null(strstr(once, " user="));
            assert_null(strstr(once, ".user="));
            assert_int_equal(mqw_packet_downgrade(p, version, MQW_ANY, NULL, 0), 0);
            mqw_print(twice, sizeof(twice), p, MQW_FULL);
            assert_string_equal(once, twice);
        }
        free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connects),
        cmocka_unit_test(protocol_name),
        cmocka_unit_test(connacks),
        cmocka_unit_test(publishes),
        cmocka_unit_test(acknowledgements),
        cmocka_unit_test(subscriptions),
        cmocka_unit_test(reserved_options),
        cmocka_unit_test(room_for_filters),
        cmocka_unit_test(subscription_answers),
        cmocka_unit_test(farewells),
        cmocka_unit_test(arguments),
        cmocka_unit_test(random_packets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
