// SPDX-License-Identifier: MIT
// PINGREQ, PINGRESP, DISCONNECT and AUTH (sections 3.12 to 3.15).
#include "wire.h"

static void test_pings(void **state)
{
    (void)state;
    for (int version = 3; version <= 5; version++) {
        expect_sample(version, MQW_CLIENT, hex("c000"));
        assert_int_equal(out.type, MQW_PINGREQ);
        assert_int_equal(out.length, 0);
        expect_sample(version, MQW_SERVER, hex("d000"));
        assert_int_equal(out.type, MQW_PINGRESP);
        expect_always(version, MQW_CLIENT, hex("c001 00"), MQW_RULE_SURPLUS, 2, NULL);
        expect_always(version, MQW_SERVER, hex("d002 0000"), MQW_RULE_SURPLUS, 2, NULL);
    }
}

// MQTT-2.2.2-1 MQTT-2.1.3-1 MQTT-3.14.1-1 MQTT-3.15.1-1; 3.1 checks no flags.
static void test_flags(void **state)
{
    (void)state;
    static const struct {
        unsigned type;
        const char *body;
        int rule;
        int since;
    } rows[] = {{0xC0, "", MQW_RULE_HEADER_FLAGS, 3},
                {0xD0, "", MQW_RULE_HEADER_FLAGS, 3},
                {0xE0, "", MQW_RULE_FLAGS_DISCONNECT, 3},
                {0xF0, "18 04 15 0001 6d", MQW_RULE_FLAGS_AUTH, 5}};
    for (size_t i = 0; i < 4; i++)
        for (unsigned flags = 1; flags < 16; flags++)
            for (int version = rows[i].since; version <= 5; version++) {
                mqw_bytes in = packet_hex(rows[i].type | flags, rows[i].body);
                if (version == 3)
                    expect_good(3, MQW_ANY, in);
                else
                    expect_rule(version, MQW_ANY, in, rows[i].rule, 0, NULL);
            }
}

static void test_disconnect(void **state)
{
    (void)state;
    for (int version = 3; version <= 4; version++) {
        expect_sample(version, MQW_CLIENT, hex("e000"));
        assert_int_equal(out.disconnect.reason, 0);
        assert_int_equal(out.disconnect.props.has, 0);
        expect_always(version, MQW_CLIENT, hex("e001 00"), MQW_RULE_SURPLUS, 2, NULL);
    }
    expect_sample(5, MQW_CLIENT, hex("e000"));
    expect_sample(5, MQW_CLIENT, hex("e001 04"));
    assert_int_equal(out.disconnect.reason, 4);
    expect_sample(5, MQW_SERVER, hex("e006 8b 04 1c 0001 61"));
    expect_sample(5, MQW_CLIENT, hex("e007 00 05 11 00000009"));
    /* longer forms are read, the shortest is written */
    expect_good(5, MQW_CLIENT, hex("e001 00"));
    expect_encoded(5, MQW_CLIENT, hex("e000"));
    expect_good(5, MQW_CLIENT, hex("e002 00 00"));
    expect_encoded(5, MQW_CLIENT, hex("e000"));
    expect_good(5, MQW_CLIENT, hex("e002 04 00"));
    expect_encoded(5, MQW_CLIENT, hex("e001 04"));
    expect_always(5, MQW_CLIENT, hex("e003 00 00 00"), MQW_RULE_SURPLUS, 4, NULL);
    expect_always(5, MQW_CLIENT, hex("e002 00 01"), MQW_RULE_TRUNCATED, 3, "properties");
}

// MQTT-3.14.2-1
static void test_reasons_of_disconnect(void **state)
{
    (void)state;
    expect_rule(5, MQW_CLIENT, hex("e001 8b"), MQW_RULE_REASON_DISCONNECT, 2,
                "reason"); // shutting down: a server's
    expect_rule(5, MQW_SERVER, hex("e001 04"), MQW_RULE_REASON_DISCONNECT, 2,
                "reason"); // with will: a client's
    expect_good(5, MQW_ANY, hex("e001 8b"));
    expect_good(5, MQW_ANY, hex("e001 04"));
    mqw_packet packet = {.type = MQW_DISCONNECT, .disconnect.reason = 4};
    expect_unsendable(5, MQW_SERVER, &packet, MQW_E_REFUSED, MQW_RULE_REASON_DISCONNECT, "reason");
    for (int version = 3; version <= 4; version++)
        expect_unsendable(version, MQW_CLIENT, &packet, MQW_E_REFUSED, MQW_RULE_NOT_IN_VERSION, "reason");
}

static void test_auth(void **state)
{
    (void)state;
    expect_sample(5, MQW_ANY, hex("f006 18 04 15 0001 6d"));
    assert_int_equal(out.auth.reason, 0x18);
    expect_sample(5, MQW_ANY, hex("f00b 18 09 15 0001 6d 16 0002 0102"));
    expect_sample(5, MQW_SERVER, hex("f006 00 04 15 0001 6d"));
    expect_sample(5, MQW_CLIENT, hex("f006 19 04 15 0001 6d"));
    expect_always(5, MQW_ANY, hex("f001 18"), MQW_RULE_TRUNCATED, 3,
                  "properties"); // only the empty form leaves it out
    expect_always(5, MQW_ANY, hex("f007 18 04 15 0001 6d 00"), MQW_RULE_SURPLUS, 8, NULL);
}

// section 3.15.2.2.2
static void test_auth_without_method(void **state)
{
    (void)state;
    expect_rule(5, MQW_ANY, hex("f000"), MQW_RULE_AUTH_NO_METHOD, 2, "auth_method");
    assert_int_equal(out.auth.reason, 0);
    assert_int_equal(out.auth.props.has, 0);
    expect_rule(5, MQW_ANY, hex("f002 18 00"), MQW_RULE_AUTH_NO_METHOD, 3, "auth_method");
    expect_rule(5, MQW_ANY, hex("f006 18 04 16 0001 6d"), MQW_RULE_AUTH_NO_METHOD, 3, "auth_method");
    mqw_packet packet = {.type = MQW_AUTH, .auth.reason = 0x18};
    expect_unsendable(5, MQW_ANY, &packet, MQW_E_REFUSED, MQW_RULE_AUTH_NO_METHOD, "auth_method");
}

// MQTT-3.15.2-1
static void test_reasons_of_auth(void **state)
{
    (void)state;
    expect_rule(5, MQW_CLIENT, hex("f006 00 04 15 0001 6d"), MQW_RULE_REASON_AUTH, 2, "reason");
    expect_rule(5, MQW_SERVER, hex("f006 19 04 15 0001 6d"), MQW_RULE_REASON_AUTH, 2, "reason");
    expect_rule(5, MQW_ANY, hex("f006 80 04 15 0001 6d"), MQW_RULE_REASON_AUTH, 2, "reason");
    mqw_packet packet = {.type = MQW_AUTH, .auth.reason = 0x80};
    mqw_set(&packet.auth.props, auth_method, text("m"));
    expect_unsendable(5, MQW_ANY, &packet, MQW_E_REFUSED, MQW_RULE_REASON_AUTH, "reason");
}

// section 2.2.1: before 5.0 there is no AUTH.
static void test_auth_before_5(void **state)
{
    (void)state;
    for (int version = 3; version <= 4; version++) {
        expect_always(version, MQW_ANY, hex("f000"), MQW_RULE_TYPE_RESERVED, 0, NULL);
        expect_always(version, MQW_ANY, hex("f006 18 04 15 0001 6d"), MQW_RULE_TYPE_RESERVED, 0, NULL);
        mqw_packet packet = {.type = MQW_AUTH};
        expect_unsendable(version, MQW_ANY, &packet, MQW_E_REFUSED, MQW_RULE_NOT_IN_VERSION, NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pings),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_disconnect),
        cmocka_unit_test(test_reasons_of_disconnect),
        cmocka_unit_test(test_auth),
        cmocka_unit_test(test_auth_without_method),
        cmocka_unit_test(test_reasons_of_auth),
        cmocka_unit_test(test_auth_before_5),
    };
    return cmocka_run_group_tests(tests, NULL, release_held);
}
