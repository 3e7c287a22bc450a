// SPDX-License-Identifier: MIT
// SUBSCRIBE, SUBACK, UNSUBSCRIBE and UNSUBACK (sections 3.8 to 3.11).
#include "wire.h"

static void test_subscribe_samples(void **state)
{
    (void)state;
    for (int version = 3; version <= 4; version++) {
        expect_sample(version, MQW_CLIENT, hex("8209 0006 0004 74657374 00"));
        assert_int_equal(out.subscribe.packet_id, 6);
        assert_false(out.subscribe.dup);
        assert_int_equal(out.subscribe.props.has, 0);
        expect_sample(version, MQW_CLIENT,
                      hex("8217 0006 0004 74657374 00 0004 75657374 01 0004 74667374 02"));
        mqw_list left = out.subscribe.filters;
        mqw_filter item;
        const char *const filters[] = {"test", "uest", "tfst"};
        for (uint8_t i = 0; i < 3; i++) {
            assert_true(mqw_next_filter(&left, &item));
            expect_text(item.filter, filters[i]);
            assert_int_equal(item.qos, i);
        }
        assert_false(mqw_next_filter(&left, &item));
    }
    expect_sample(5, MQW_CLIENT, hex("820d 0006 02 0b07 0005 746573742f 2e"));
    mqw_filter item;
    assert_true(mqw_next_filter(&out.subscribe.filters, &item));
    assert_true(item.no_local && item.retain_as_published && item.qos == 2 && item.retain_handling == 2);
}

static void test_unsubscribe_samples(void **state)
{
    (void)state;
    for (int version = 3; version <= 4; version++) {
        expect_sample(version, MQW_CLIENT, hex("a20e 0007 0004 74667374 0004 74657374"));
        mqw_text topic;
        assert_true(mqw_next_topic(&out.unsubscribe.filters, &topic));
        expect_text(topic, "tfst");
    }
    expect_sample(5, MQW_CLIENT, hex("a20b 0007 05 26 0000 0000 0001 2b"));
}

// MQTT-2.3.1-1 MQTT-2.2.1-3
static void test_packet_id_0(void **state)
{
    (void)state;
    static const struct {
        unsigned first;
        const char *three;
        const char *five;
    } rows[] = {{0x82, "0000 0001 61 00", "0000 00 0001 61 00"},
                {0xA2, "0000 0001 61", "0000 00 0001 61"},
                {0x90, "0000 00", "0000 00 00"},
                {0xB0, "0000", "0000 00 00"}};
    for (size_t i = 0; i < 4; i++)
        for (int version = 3; version <= 5; version++) {
            mqw_bytes in = packet_hex(rows[i].first, version == 5 ? rows[i].five : rows[i].three);
            expect_rule(version, MQW_ANY, in, MQW_RULE_PACKET_ID_ZERO, 2, "packet_id");
            mqw_packet packet = out;
            expect_unsendable(version, MQW_ANY, &packet, MQW_E_MISUSE, MQW_RULE_PACKET_ID_ZERO, "packet_id");
        }
}

// MQTT-3.8.1-1 MQTT-3.10.1-1 MQTT-2.1.3-1; 3.1 checks no flags and keeps DUP.
static void test_flags(void **state)
{
    (void)state;
    static const struct {
        unsigned type;
        unsigned flags;
        const char *three;
        const char *five;
        int rule;
    } rows[] = {{0x80, 2, "0001 0001 61 00", "0001 00 0001 61 00", MQW_RULE_FLAGS_SUBSCRIBE},
                {0xA0, 2, "0001 0001 61", "0001 00 0001 61", MQW_RULE_FLAGS_UNSUBSCRIBE},
                {0x90, 0, "0001 00", "0001 00 00", MQW_RULE_HEADER_FLAGS},
                {0xB0, 0, "0001", "0001 00 00", MQW_RULE_HEADER_FLAGS}};
    for (size_t i = 0; i < 4; i++)
        for (unsigned flags = 0; flags < 16; flags++) {
            expect_good(3, MQW_ANY, packet_hex(rows[i].type | flags, rows[i].three));
            if (i < 2)
                assert_int_equal(out.subscribe.dup, flags >> 3);
            if (flags == rows[i].flags)
                continue;
            expect_rule(4, MQW_ANY, packet_hex(rows[i].type | flags, rows[i].three), rows[i].rule, 0, NULL);
            expect_rule(5, MQW_ANY, packet_hex(rows[i].type | flags, rows[i].five), rows[i].rule, 0, NULL);
        }
    expect_sample(3, MQW_CLIENT, hex("8a06 0001 0001 61 00"));
    mqw_packet packet = out;
    expect_unsendable(4, MQW_CLIENT, &packet, MQW_E_REFUSED, MQW_RULE_NOT_IN_VERSION, "dup");
    expect_sample(3, MQW_CLIENT, hex("aa05 0001 0001 61"));
    packet = out;
    expect_unsendable(5, MQW_CLIENT, &packet, MQW_E_REFUSED, MQW_RULE_NOT_IN_VERSION, "dup");
}

// MQTT-3.8.3-3 MQTT-3.8.3-2 MQTT-3.10.3-2
static void test_no_filters(void **state)
{
    (void)state;
    for (int version = 3; version <= 5; version++) {
        const char *body = version == 5 ? "0001 00" : "0001";
        size_t at = version == 5 ? 5 : 4;
        expect_rule(version, MQW_CLIENT, packet_hex(0x82, body), MQW_RULE_SUBSCRIBE_EMPTY, at, "filters");
        mqw_packet packet = out;
        expect_unsendable(version, MQW_CLIENT, &packet, MQW_E_REFUSED, MQW_RULE_SUBSCRIBE_EMPTY, "filters");
        expect_rule(version, MQW_CLIENT, packet_hex(0xA2, body), MQW_RULE_UNSUBSCRIBE_EMPTY, at, "filters");
        packet = out;
        expect_unsendable(version, MQW_CLIENT, &packet, MQW_E_REFUSED, MQW_RULE_UNSUBSCRIBE_EMPTY, "filters");
    }
}

// MQTT-4.7.1-2 MQTT-4.7.1-3 MQTT-4.7.3-1 MQTT-4.8.2-1 MQTT-4.8.2-2 MQTT-3.8.3-1 MQTT-3.10.3-1: the second of
// two filters.
static void test_bad_filters(void **state)
{
    (void)state;
    static const struct {
        const char *filter; /* in hex */
        int since;
        int rule;
    } rows[] = {
        {"0000", 3, MQW_RULE_FILTER_EMPTY},
        {"0002 6123", 3, MQW_RULE_FILTER_HASH},
        {"0003 232f61", 3, MQW_RULE_FILTER_HASH},
        {"0002 612b", 3, MQW_RULE_FILTER_PLUS},
        {"0001 ff", 4, MQW_RULE_UTF8},
        {"0001 00", 4, MQW_RULE_UTF8_NUL},
        {"0009 2473686172652f2f61", 5, MQW_RULE_SHARE_NAME},     /* $share//a */
        {"0008 2473686172652f67", 5, MQW_RULE_SHARE_FILTER},     /* $share/g */
        {"000a 2473686172652f2b2f61", 5, MQW_RULE_SHARE_FILTER}, /* $share/+/a */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int version = 3; version <= 5; version++)
            for (int with_options = 0; with_options < 2; with_options++) {
                const char *options = with_options ? "00" : "";
                char body[128];
                snprintf(body, sizeof body, "0001 %s 0001 61 %s %s %s", version == 5 ? "00" : "", options,
                         rows[i].filter, options);
                mqw_bytes in = packet_hex(with_options ? 0x82 : 0xA2, body);
                size_t at = (version == 5 ? 8u : 7u) + (size_t)with_options;
                if (version >= rows[i].since)
                    expect_rule(version, MQW_CLIENT, in, rows[i].rule, at, "filters");
                else
                    expect_good(version, MQW_CLIENT, in);
                /* what is sent is checked in 3.1, too, but for what only 5.0 knows */
                mqw_packet packet = out;
                if (version >= rows[i].since || rows[i].since == 4)
                    expect_unsendable(version, MQW_CLIENT, &packet, MQW_E_REFUSED, rows[i].rule, "filters");
            }
    mqw_bytes control = hex("8206 0001 0001 01 00");
    expect_good(4, MQW_CLIENT, control);
    expect_policies(4, MQW_CLIENT, control, MQW_RULE_UTF8_CONTROL);
    expect_encoded(4, MQW_CLIENT, control);
}

// MQTT-3.8.3-4 MQTT-3.8.3-5, section 3.8.3.1: all option bytes in each version.
static void test_all_options(void **state)
{
    (void)state;
    for (unsigned options = 0; options < 256; options++)
        for (int version = 3; version <= 5; version++)
            for (int shared = 0; shared < 2; shared++) {
                char body[64];
                snprintf(body, sizeof body, "0001 %s %s %02x", version == 5 ? "00" : "",
                         shared ? "000a 2473686172652f672f61" : "0001 61", options);
                mqw_bytes in = packet_hex(0x82, body);
                size_t at = in.len - 1;
                int rule = 0;
                if (version == 4 && (options & 0xFC))
                    rule = MQW_RULE_OPTIONS_RESERVED;
                else if (version == 5 && (options & 0xC0))
                    rule = MQW_RULE_OPTIONS_RESERVED;
                else if ((options & 3) == 3)
                    rule = MQW_RULE_OPTIONS_QOS;
                else if (version == 5 && (options & 0x30) == 0x30)
                    rule = MQW_RULE_OPTIONS_RETAIN_HANDLING;
                else if (version == 5 && (options & 4) && shared)
                    rule = MQW_RULE_SHARE_NO_LOCAL;
                if (rule)
                    expect_broken(version, MQW_CLIENT, in, rule, at, "filters");
                else
                    expect_good(version, MQW_CLIENT, in);
                mqw_policy tolerant = {.ignore = {{~UINT64_C(0), ~UINT64_C(0)}}};
                assert_int_equal(decode_with(version, MQW_CLIENT, &tolerant, in), in.len);
                mqw_packet packet = out;
                if (version < 5 && (options & 0xFC))
                    expect_unsendable(version, MQW_CLIENT, &packet, MQW_E_REFUSED, MQW_RULE_NOT_IN_VERSION,
                                      "filters");
                else if (rule)
                    expect_unsendable(version, MQW_CLIENT, &packet, MQW_E_REFUSED, rule, "filters");
                else
                    expect_encoded(version, MQW_CLIENT, in);
            }
}

static void test_option_rules_by_policy(void **state)
{
    (void)state;
    expect_policies(4, MQW_CLIENT, hex("8206 0001 0001 61 04"), MQW_RULE_OPTIONS_RESERVED);
    expect_policies(5, MQW_CLIENT, hex("8207 0001 00 0001 61 40"), MQW_RULE_OPTIONS_RESERVED);
    expect_policies(3, MQW_CLIENT, hex("8206 0001 0001 61 03"), MQW_RULE_OPTIONS_QOS);
    expect_policies(5, MQW_CLIENT, hex("8207 0001 00 0001 61 30"), MQW_RULE_OPTIONS_RETAIN_HANDLING);
    expect_policies(5, MQW_CLIENT, hex("8210 0001 00 000a 2473686172652f672f61 04"), MQW_RULE_SHARE_NO_LOCAL);
}

static void test_cut_filters(void **state)
{
    (void)state;
    expect_always(4, MQW_CLIENT, hex("8205 0001 0001 61"), MQW_RULE_TRUNCATED, 7, "filters");
    expect_always(4, MQW_CLIENT, hex("8206 0001 0003 6161"), MQW_RULE_TRUNCATED, 4, "filters");
    expect_always(4, MQW_CLIENT, hex("8207 0001 0001 61 00 00"), MQW_RULE_TRUNCATED, 8, "filters");
    expect_always(4, MQW_CLIENT, hex("a206 0001 0001 61 00"), MQW_RULE_TRUNCATED, 7, "filters");
}

static void test_misuse(void **state)
{
    (void)state;
    mqw_packet packet = {.type = MQW_SUBSCRIBE, .subscribe = {.packet_id = 1, .filters = {{NULL, 4}}}};
    expect_unsendable(4, MQW_CLIENT, &packet, MQW_E_MISUSE, MQW_RULE_FIELD_RANGE, "filters");
    packet.subscribe.filters.wire = hex("0001 61");
    expect_unsendable(4, MQW_CLIENT, &packet, MQW_E_MISUSE, MQW_RULE_FIELD_RANGE, "filters");
    packet.subscribe.filters.wire = hex("0001 61 00 00");
    expect_unsendable(4, MQW_CLIENT, &packet, MQW_E_MISUSE, MQW_RULE_FIELD_RANGE, "filters");
    packet.type = MQW_UNSUBSCRIBE;
    packet.subscribe.filters.wire = hex("0001 61 00");
    expect_unsendable(4, MQW_CLIENT, &packet, MQW_E_MISUSE, MQW_RULE_FIELD_RANGE, "filters");
    packet.subscribe.filters.wire.len = (size_t)MQW_LENGTH_MAX + 1;
    expect_unsendable(4, MQW_CLIENT, &packet, MQW_E_MISUSE, MQW_RULE_FIELD_RANGE, "filters");
}

/* Many filters: the length takes two bytes more than was guessed. */
static void test_many_filters(void **state)
{
    (void)state;
    static mqw_filter filters[4000];
    static uint8_t list[20000];
    static uint8_t room[20010];
    for (size_t i = 0; i < 4000; i++)
        filters[i] = (mqw_filter){.filter = text("ab"), .qos = (uint8_t)(i % 3)};
    mqw_packet packet = {.type = MQW_SUBSCRIBE, .subscribe = {.packet_id = 1}};
    packet.subscribe.filters = mqw_list_filters(list, sizeof list, filters, 4000);
    assert_int_equal(packet.subscribe.filters.wire.len, 20000);
    mqw_codec codec = spoken(4, MQW_CLIENT, NULL);
    int size = mqw_encode(&codec, &packet, room, sizeof room, &why);
    assert_int_equal(size, 1 + 3 + 2 + 20000);
    assert_int_equal(decode_with(4, MQW_CLIENT, NULL, (mqw_bytes){room, (size_t)size}), size);
    assert_memory_equal(out.subscribe.filters.wire.data, list, sizeof list);
    assert_int_equal(mqw_encode(&codec, &packet, room, (size_t)size - 1, &why), MQW_E_NO_ROOM);
    assert_int_equal(why.offset, size);
}

/* ---- acknowledgements ---- */

static void test_suback_samples(void **state)
{
    (void)state;
    expect_sample(4, MQW_SERVER, hex("9006 0006 00010280"));
    expect_bytes(out.suback.reasons, "00010280");
    expect_sample(3, MQW_SERVER, hex("9005 0006 000102"));
    expect_sample(5, MQW_SERVER, hex("9009 0006 00 0001028087a2"));
    expect_sample(5, MQW_SERVER, hex("9008 0006 04 1f 0001 61 00"));
    for (int version = 3; version <= 4; version++) {
        expect_sample(version, MQW_SERVER, hex("b002 0008"));
        assert_int_equal(out.unsuback.reasons.len, 0);
        expect_always(version, MQW_SERVER, hex("b003 0008 00"), MQW_RULE_SURPLUS, 4, NULL);
        expect_always(version, MQW_SERVER, hex("b001 00"), MQW_RULE_TRUNCATED, 2, "packet_id");
    }
    expect_sample(5, MQW_SERVER, hex("b005 0008 00 0011"));
    expect_bytes(out.unsuback.reasons, "0011");
}

// MQTT-3.8.4-5 MQTT-3.8.4-6 MQTT-3.11.3-1
static void test_no_reasons(void **state)
{
    (void)state;
    expect_rule(3, MQW_SERVER, hex("9002 0001"), MQW_RULE_REASONS_EMPTY, 4, "reasons");
    expect_rule(4, MQW_SERVER, hex("9002 0001"), MQW_RULE_REASONS_EMPTY, 4, "reasons");
    expect_rule(5, MQW_SERVER, hex("9003 0001 00"), MQW_RULE_REASONS_EMPTY, 5, "reasons");
    expect_rule(5, MQW_SERVER, hex("b003 0001 00"), MQW_RULE_REASONS_EMPTY, 5, "reasons");
    mqw_packet packet = {.type = MQW_UNSUBACK, .unsuback.packet_id = 1};
    expect_unsendable(5, MQW_SERVER, &packet, MQW_E_REFUSED, MQW_RULE_REASONS_EMPTY, "reasons");
    packet.type = MQW_SUBACK;
    expect_unsendable(4, MQW_SERVER, &packet, MQW_E_REFUSED, MQW_RULE_REASONS_EMPTY, "reasons");
}

// MQTT-3.9.3-2 MQTT-3.11.3-2: any wrong one among good ones.
static void test_wrong_reasons(void **state)
{
    (void)state;
    expect_rule(4, MQW_SERVER, hex("9005 0001 00 03 00"), MQW_RULE_REASON_SUBACK, 5, "reasons");
    expect_rule(3, MQW_SERVER, hex("9004 0001 00 80"), MQW_RULE_REASON_SUBACK, 5, "reasons");
    expect_rule(5, MQW_SERVER, hex("9005 0001 00 00 11"), MQW_RULE_REASON_SUBACK, 6, "reasons");
    expect_rule(5, MQW_SERVER, hex("b005 0001 00 00 01"), MQW_RULE_REASON_UNSUBACK, 6, "reasons");
    mqw_packet packet = {.type = MQW_SUBACK, .suback = {.packet_id = 1, .reasons = hex("0080")}};
    expect_unsendable(3, MQW_SERVER, &packet, MQW_E_REFUSED, MQW_RULE_REASON_SUBACK, "reasons");
    packet.type = MQW_UNSUBACK;
    packet.unsuback.reasons = hex("01");
    expect_unsendable(5, MQW_SERVER, &packet, MQW_E_REFUSED, MQW_RULE_REASON_UNSUBACK, "reasons");
    packet.unsuback.reasons = hex("00");
    expect_unsendable(4, MQW_SERVER, &packet, MQW_E_REFUSED, MQW_RULE_NOT_IN_VERSION, "reasons");
    packet.unsuback.reasons = (mqw_bytes){NULL, 1};
    expect_unsendable(5, MQW_SERVER, &packet, MQW_E_MISUSE, MQW_RULE_FIELD_RANGE, "reasons");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_subscribe_samples), cmocka_unit_test(test_unsubscribe_samples),
        cmocka_unit_test(test_packet_id_0),       cmocka_unit_test(test_flags),
        cmocka_unit_test(test_no_filters),        cmocka_unit_test(test_bad_filters),
        cmocka_unit_test(test_all_options),       cmocka_unit_test(test_option_rules_by_policy),
        cmocka_unit_test(test_cut_filters),       cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_many_filters),      cmocka_unit_test(test_suback_samples),
        cmocka_unit_test(test_no_reasons),        cmocka_unit_test(test_wrong_reasons),
    };
    return cmocka_run_group_tests(tests, NULL, release_held);
}
