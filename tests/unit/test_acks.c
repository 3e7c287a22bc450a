// SPDX-License-Identifier: MIT
// PUBACK, PUBREC, PUBREL and PUBCOMP (sections 3.4 to 3.7).
#include "wire.h"

static const struct {
    unsigned first;
    int reason_rule;
} acks[] = {{0x40, MQW_RULE_REASON_PUBACK},
            {0x50, MQW_RULE_REASON_PUBREC},
            {0x62, MQW_RULE_REASON_PUBREL},
            {0x70, MQW_RULE_REASON_PUBCOMP}};

static void test_samples(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        for (int version = 3; version <= 5; version++) {
            expect_sample(version, MQW_ANY, packet_hex(acks[i].first, "0002"));
            assert_int_equal(out.type, acks[i].first >> 4);
            assert_int_equal(out.puback.packet_id, 2);
            assert_int_equal(out.puback.reason, 0);
            assert_int_equal(out.puback.props.has, 0);
            assert_false(out.puback.dup || out.dup || out.retain);
            assert_int_equal(out.qos, acks[i].first >> 1 & 3);
            assert_int_equal(out.length, 2);
            expect_sample(version, MQW_ANY, packet_hex(acks[i].first, "ffff"));
        }
        expect_sample(5, MQW_ANY, packet_hex(acks[i].first, i < 2 ? "0002 10" : "0002 92"));
        expect_sample(5, MQW_ANY,
                      packet_hex(acks[i].first, i < 2 ? "0002 10 04 1f 0001 61" : "0002 92 04 1f 0001 61"));
        expect_text(mqw_value(&out.puback.props, reason_string), "a");
        expect_sample(5, MQW_ANY, packet_hex(acks[i].first, "0002 00 05 26 0000 0000"));
    }
}

// sections 3.4.2.1 to 3.7.2.1: longer forms than needed are read, the shortest is written.
static void test_short_forms(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        expect_good(5, MQW_ANY, packet_hex(acks[i].first, "0002 00"));
        expect_encoded(5, MQW_ANY, packet_hex(acks[i].first, "0002"));
        expect_good(5, MQW_ANY, packet_hex(acks[i].first, "0002 00 00"));
        expect_encoded(5, MQW_ANY, packet_hex(acks[i].first, "0002"));
        expect_good(5, MQW_ANY, packet_hex(acks[i].first, i < 2 ? "0002 87 00" : "0002 92 00"));
        expect_encoded(5, MQW_ANY, packet_hex(acks[i].first, i < 2 ? "0002 87" : "0002 92"));
        expect_always(5, MQW_ANY, packet_hex(acks[i].first, "0002 00 00 00"), MQW_RULE_SURPLUS, 6, NULL);
        expect_always(5, MQW_ANY, packet_hex(acks[i].first, "00"), MQW_RULE_TRUNCATED, 2, "packet_id");
        expect_always(5, MQW_ANY, packet_hex(acks[i].first, ""), MQW_RULE_TRUNCATED, 2, "packet_id");
    }
}

// sections 3.4 to 3.7 of 3.1.1: exactly two bytes.
static void test_lengths_before_5(void **state)
{
    (void)state;
    for (int version = 3; version <= 4; version++)
        for (size_t i = 0; i < 4; i++) {
            expect_always(version, MQW_ANY, packet_hex(acks[i].first, "0002 00"), MQW_RULE_SURPLUS, 4, NULL);
            expect_always(version, MQW_ANY, packet_hex(acks[i].first, "00"), MQW_RULE_TRUNCATED, 2,
                          "packet_id");
            expect_always(version, MQW_ANY, packet_hex(acks[i].first, ""), MQW_RULE_TRUNCATED, 2,
                          "packet_id");
        }
}

// MQTT-2.2.1-3
static void test_packet_id_0(void **state)
{
    (void)state;
    for (int version = 3; version <= 5; version++)
        for (size_t i = 0; i < 4; i++) {
            expect_rule(version, MQW_ANY, packet_hex(acks[i].first, "0000"), MQW_RULE_PACKET_ID_ZERO, 2,
                        "packet_id");
            mqw_packet packet = {.type = (mqw_packet_type)(acks[i].first >> 4)};
            expect_unsendable(version, MQW_ANY, &packet, MQW_E_MISUSE, MQW_RULE_PACKET_ID_ZERO, "packet_id");
        }
}

// MQTT-2.2.2-1 MQTT-2.1.3-1 MQTT-3.6.1-1; 3.1 checks no flags.
static void test_flags(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4; i++)
        for (unsigned flags = 0; flags < 16; flags++) {
            unsigned first = (acks[i].first & 0xF0) | flags;
            mqw_bytes in = packet_hex(first, "0002");
            expect_good(3, MQW_ANY, in);
            assert_int_equal(out.puback.dup, i == 2 && (flags & 8));
            assert_int_equal(out.dup, flags >> 3);
            assert_int_equal(out.qos, flags >> 1 & 3);
            assert_int_equal(out.retain, flags & 1);
            if (first == acks[i].first)
                continue;
            int rule = i == 2 ? MQW_RULE_FLAGS_PUBREL : MQW_RULE_HEADER_FLAGS;
            expect_rule(4, MQW_ANY, in, rule, 0, NULL);
            expect_rule(5, MQW_ANY, in, rule, 0, NULL);
            assert_false(out.puback.dup);
        }
}

/* 3.1 repeats PUBREL with DUP. */
static void test_dup(void **state)
{
    (void)state;
    expect_sample(3, MQW_ANY, packet_hex(0x6A, "0002"));
    assert_true(out.pubrel.dup);
    mqw_packet packet = {.type = MQW_PUBREL, .pubrel = {.packet_id = 1, .dup = true}};
    expect_unsendable(4, MQW_ANY, &packet, MQW_E_REFUSED, MQW_RULE_NOT_IN_VERSION, "dup");
    expect_unsendable(5, MQW_ANY, &packet, MQW_E_REFUSED, MQW_RULE_NOT_IN_VERSION, "dup");
    for (int version = 3; version <= 5; version++)
        for (size_t i = 0; i < 4; i++) {
            packet.type = (mqw_packet_type)(acks[i].first >> 4);
            if (i != 2)
                expect_unsendable(version, MQW_ANY, &packet, MQW_E_REFUSED, MQW_RULE_NOT_IN_VERSION, "dup");
        }
}

static void test_reasons_before_5(void **state)
{
    (void)state;
    for (int version = 3; version <= 4; version++)
        for (size_t i = 0; i < 4; i++) {
            mqw_packet packet = {.type = (mqw_packet_type)(acks[i].first >> 4),
                                 .puback = {.packet_id = 1, .reason = 0x92}};
            expect_unsendable(version, MQW_ANY, &packet, MQW_E_REFUSED, MQW_RULE_NOT_IN_VERSION, "reason");
        }
}

// MQTT-3.4.2-1 MQTT-3.5.2-1 MQTT-3.6.2-1 MQTT-3.7.2-1
static void test_wrong_reasons(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        mqw_bytes in = packet_hex(acks[i].first, "0002 81");
        expect_rule(5, MQW_ANY, in, acks[i].reason_rule, 4, "reason");
        mqw_packet packet = out;
        expect_unsendable(5, MQW_ANY, &packet, MQW_E_REFUSED, acks[i].reason_rule, "reason");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_short_forms),
        cmocka_unit_test(test_lengths_before_5),
        cmocka_unit_test(test_packet_id_0),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_dup),
        cmocka_unit_test(test_wrong_reasons),
        cmocka_unit_test(test_reasons_before_5),
    };
    return cmocka_run_group_tests(tests, NULL, release_held);
}
