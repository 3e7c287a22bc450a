// SPDX-License-Identifier: MIT
// CONNECT and CONNACK (sections 3.1 and 3.2).
#include "wire.h"

#define NAME_3 "0006 4d5149736470 03 "
#define NAME_4 "0004 4d515454 04 "
#define NAME_5 "0004 4d515454 05 "

static mqw_bytes connect(const char *body)
{
    return packet_hex(0x10, body);
}

/* ---- CONNECT: samples ---- */

static void test_minimal(void **state)
{
    (void)state;
    expect_sample(3, MQW_CLIENT, connect(NAME_3 "00 001e 0004 74657374"));
    assert_int_equal(out.connect.version, 3);
    expect_text(out.connect.protocol_name, "MQIsdp");
    assert_int_equal(out.connect.keep_alive, 30);
    expect_text(out.connect.client_id, "test");
    assert_false(out.connect.clean_start || out.connect.has_will || out.connect.has_username ||
                 out.connect.has_password || out.connect.bridge || out.connect.unsupported);
    assert_int_equal(out.length, 18);
    expect_sample(4, MQW_CLIENT, connect(NAME_4 "02 0000 0000"));
    assert_true(out.connect.clean_start);
    assert_int_equal(out.connect.props.has, 0);
    expect_sample(5, MQW_CLIENT, connect(NAME_5 "00 ffff 00 0000"));
    assert_int_equal(out.connect.keep_alive, 65535);
}

static void test_maximal(void **state)
{
    (void)state;
    expect_sample(
        3, MQW_CLIENT,
        connect(NAME_3
                "f6 001e 0004 74657374 0005 746f706963 0007 7061796c6f6164 0004 75736572 0004 70617373"));
    assert_int_equal(out.length, 18 + 7 + 9 + 6 + 6);
    assert_true(out.connect.has_will && out.connect.has_username && out.connect.has_password);
    assert_int_equal(out.connect.will.qos, 2);
    assert_true(out.connect.will.retain);
    expect_text(out.connect.will.topic, "topic");
    expect_bytes(out.connect.will.payload, "7061796c6f6164");
    expect_text(out.connect.username, "user");
    expect_bytes(out.connect.password, "70617373");
    assert_int_equal(out.connect.will.props.has, 0);
    expect_sample(
        5, MQW_CLIENT,
        connect(NAME_5 "ce 003c 05 11 00000001 0001 63 05 18 00000002 0001 74 0000 0001 75 0001 70"));
    assert_int_equal(mqw_value(&out.connect.props, session_expiry), 1);
    assert_int_equal(mqw_value(&out.connect.will.props, will_delay), 2);
    assert_int_equal(out.connect.will.qos, 1);
}

/* A CONNECT brings its own version, whatever was spoken before. */
static void test_own_version(void **state)
{
    (void)state;
    static const char *const bodies[] = {NAME_3 "00 0000 0001 61", NAME_4 "00 0000 0001 61",
                                         NAME_5 "00 0000 00 0001 61"};
    for (int spoken_before = 0; spoken_before <= 5; spoken_before += spoken_before ? 1 : 3)
        for (uint8_t i = 0; i < 3; i++) {
            expect_sample(spoken_before, MQW_CLIENT, connect(bodies[i]));
            assert_int_equal(out.connect.version, 3 + i);
        }
    /* and its errors are of that version */
    assert_true(decode_with(4, MQW_CLIENT, NULL, connect(NAME_5 "01 0000 00 0001 61")) < 0);
    assert_int_equal(why.version, 5);
}

// MQTT-3.1.3-11 … in binary: what is not text may be any bytes, empty ones too.
static void test_binary_and_empty(void **state)
{
    (void)state;
    expect_sample(4, MQW_CLIENT, connect(NAME_4 "c0 0000 0001 61 0003 0c0d0e 0003 0f1011"));
    expect_bytes(out.connect.password, "0f1011");
    expect_sample(4, MQW_CLIENT, connect(NAME_4 "04 0000 0001 61 0001 74 0003 ff00c0"));
    expect_bytes(out.connect.will.payload, "ff00c0");
    expect_sample(4, MQW_CLIENT, connect(NAME_4 "c4 0000 0001 61 0001 74 0000 0000 0000"));
    assert_true(out.connect.has_username && out.connect.has_password);
    expect_sample(4, MQW_CLIENT, connect(NAME_4 "00 0000 0002 c2a7"));
}

// MQTT-3.1.2-1 MQTT-3.1.2-2: bridges set 0x80 on the level of 3.1 and 3.1.1.
static void test_bridges(void **state)
{
    (void)state;
    expect_sample(3, MQW_CLIENT, connect("0006 4d5149736470 83 00 0000 0001 61"));
    assert_true(out.connect.bridge);
    assert_int_equal(out.connect.version, 3);
    expect_sample(4, MQW_CLIENT, connect("0004 4d515454 84 00 0000 0001 61"));
    assert_true(out.connect.bridge);
    assert_int_equal(out.connect.version, 4);
    expect_good(4, MQW_CLIENT, connect("0004 4d515454 85 00 0000 00 0001 61"));
    assert_true(out.connect.unsupported);
    mqw_packet packet = {.type = MQW_CONNECT, .connect = {.version = 5, .bridge = true}};
    expect_unsendable(5, MQW_CLIENT, &packet, MQW_E_REFUSED, MQW_RULE_NOT_IN_VERSION, "bridge");
}

// MQTT-3.1.2-2: a level that nobody knows is told to the program; the rest is not looked at.
static void test_unknown_levels(void **state)
{
    (void)state;
    for (unsigned level = 0; level < 256; level++)
        for (int old = 0; old < 2; old++) {
            char body[64];
            snprintf(body, sizeof body, "%s %02x ff", old ? "0006 4d5149736470" : "0004 4d515454", level);
            bool is_old = level == 3 || level == 0x83;
            if (is_old || level == 4 || level == 5 || level == 0x84) {
                if (is_old == (old != 0))
                    continue; /* a level that belongs to the name */
                expect_always(4, MQW_CLIENT, connect(body), MQW_RULE_PROTOCOL_NAME, 2, "protocol_name");
                continue;
            }
            expect_good(4, MQW_CLIENT, connect(body));
            assert_true(out.connect.unsupported);
            assert_false(out.connect.bridge);
            assert_int_equal(out.connect.version, level);
            expect_text(out.connect.protocol_name, old ? "MQIsdp" : "MQTT");
            mqw_packet packet = out; /* the rest of which is rubbish, and must not be looked at */
            bool zero = level == 0;  /* which says 3.1.1 when sending */
            expect_unsendable(4, MQW_CLIENT, &packet, MQW_E_MISUSE, MQW_RULE_FIELD_RANGE,
                              zero ? "unsupported" : "version");
        }
}

// MQTT-3.1.2-1
static void test_protocol_names(void **state)
{
    (void)state;
    static const char *const names[] = {
        "0000", "0003 4d5154", "0004 6d717474", "0005 4d51545454", "0006 4d5149736471", "0004 48545450"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (int level = 3; level <= 6; level++) {
            char body[64];
            snprintf(body, sizeof body, "%s %02x 00 0000 0001 61", names[i], (unsigned)level);
            expect_always(4, MQW_CLIENT, connect(body), MQW_RULE_PROTOCOL_NAME, 2, "protocol_name");
            assert_int_equal(why.reason, MQW_REASON_UNSUPPORTED_VERSION);
        }
    expect_always(3, MQW_CLIENT, hex("1004 0006 4d51"), MQW_RULE_TRUNCATED, 2, "protocol_name");
    expect_always(3, MQW_CLIENT, hex("1001 00"), MQW_RULE_TRUNCATED, 2, "protocol_name");
    expect_always(3, MQW_CLIENT, hex("1000"), MQW_RULE_TRUNCATED, 2, "protocol_name");
    expect_always(3, MQW_CLIENT, connect("0004 4d515454"), MQW_RULE_TRUNCATED, 8, "version");
}

/* ---- CONNECT: flags ---- */

// MQTT-3.1.2-3 MQTT-3.1.2-11 to -15 MQTT-3.1.2-22: all 256 flag bytes in each version, with the fields that
// they name.
static void test_all_flags(void **state)
{
    (void)state;
    for (int version = 3; version <= 5; version++)
        for (unsigned flags = 0; flags < 256; flags++) {
            bool will = flags & 4;
            unsigned qos = flags >> 3 & 3;
            char body[256];
            snprintf(body, sizeof body, "%s %02x 0000 %s 0001 63 %s %s %s %s",
                     version == 3   ? NAME_3
                     : version == 4 ? NAME_4
                                    : NAME_5,
                     flags, version == 5 ? "00" : "", will && version == 5 ? "00" : "",
                     will ? "0001 74 0001 70" : "", flags & 0x80 ? "0001 75" : "",
                     flags & 0x40 ? "0001 70" : "");
            mqw_bytes in = connect(body);
            size_t at = version == 3 ? 11 : 9;
            int rule = 0;
            const char *field = "flags";
            if ((flags & 1) && version > 3)
                rule = MQW_RULE_CONNECT_FLAG;
            else if (will && qos == 3)
                rule = MQW_RULE_WILL_QOS, field = "will.qos";
            else if (!will && qos && version > 3)
                rule = MQW_RULE_WILL_QOS_UNSET, field = "will.qos";
            else if (!will && (flags & 0x20) && version > 3)
                rule = MQW_RULE_WILL_RETAIN_UNSET, field = "will.retain";
            else if ((flags & 0xC0) == 0x40 && version < 5)
                rule = MQW_RULE_PASSWORD_ALONE, field = "password";
            if (rule)
                expect_broken(4, MQW_CLIENT, in, rule, at, field);
            else
                expect_good(4, MQW_CLIENT, in);
        }
}

static void test_flag_rules_by_policy(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        int rule;
    } rows[] = {
        {NAME_4 "01 0000 0001 61", MQW_RULE_CONNECT_FLAG},
        {NAME_3 "1c 0000 0001 61 0001 74 0000", MQW_RULE_WILL_QOS},
        {NAME_4 "1c 0000 0001 61 0001 74 0000", MQW_RULE_WILL_QOS},
        {NAME_4 "08 0000 0001 61", MQW_RULE_WILL_QOS_UNSET},
        {NAME_4 "20 0000 0001 61", MQW_RULE_WILL_RETAIN_UNSET},
        {NAME_4 "40 0000 0001 61 0001 70", MQW_RULE_PASSWORD_ALONE},
        {NAME_3 "40 0000 0001 61 0001 70", MQW_RULE_PASSWORD_ALONE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        expect_policies(4, MQW_CLIENT, connect(rows[i].body), rows[i].rule);
    expect_good(4, MQW_CLIENT,
                connect(NAME_5 "40 0000 00 0001 61 0001 70")); // 5.0 lets a password stand alone
    assert_true(out.connect.has_password && !out.connect.has_username);
    /* a will QoS that was let pass is not sent on */
    mqw_policy policy = {0};
    mqw_rule_add(&policy.ignore, MQW_RULE_WILL_QOS);
    decode_with(4, MQW_CLIENT, &policy, connect(rows[2].body));
    assert_int_equal(out.connect.will.qos, 3);
    mqw_packet packet = out;
    expect_unsendable(4, MQW_CLIENT, &packet, MQW_E_REFUSED, MQW_RULE_WILL_QOS, "will.qos");
}

// 3.1: user name and password flags whose fields are missing are legal, as the length wins.
static void test_missing_credentials(void **state)
{
    (void)state;
    expect_good(3, MQW_CLIENT, connect(NAME_3 "c0 0000 0001 61"));
    assert_false(out.connect.has_username || out.connect.has_password);
    expect_good(3, MQW_CLIENT, connect(NAME_3 "c0 0000 0001 61 0001 75"));
    assert_true(out.connect.has_username && !out.connect.has_password);
    expect_always(3, MQW_CLIENT, connect(NAME_3 "c0 0000 0001 61 00"), MQW_RULE_TRUNCATED, 17, "username");
    expect_always(3, MQW_CLIENT, connect(NAME_3 "c0 0000 0001 61 0001 75 0002 70"), MQW_RULE_TRUNCATED, 20,
                  "password");
    expect_always(4, MQW_CLIENT, connect(NAME_4 "c0 0000 0001 61"), MQW_RULE_TRUNCATED, 15, "username");
    expect_always(5, MQW_CLIENT, connect(NAME_5 "c0 0000 00 0001 61 0001 75"), MQW_RULE_TRUNCATED, 19,
                  "password");
}

/* ---- CONNECT: texts ---- */

// MQTT-3.1.3-8 (3.1.1): an empty client identifier only with a clean session; 3.1 never; 5.0 always
// (MQTT-3.1.3-6).
static void test_empty_client_id(void **state)
{
    (void)state;
    expect_rule(4, MQW_CLIENT, connect(NAME_4 "00 0000 0000"), MQW_RULE_CLIENT_ID_EMPTY, 12, "client_id");
    assert_int_equal(decode_with(4, MQW_CLIENT, NULL, connect(NAME_4 "00 0000 0000")), MQW_E_PROTOCOL);
    assert_int_equal(why.reason, MQW_REASON_CLIENT_ID_NOT_VALID);
    expect_rule(4, MQW_CLIENT, connect(NAME_3 "00 0000 0000"), MQW_RULE_CLIENT_ID_EMPTY, 14, "client_id");
    expect_rule(4, MQW_CLIENT, connect(NAME_3 "02 0000 0000"), MQW_RULE_CLIENT_ID_EMPTY, 14, "client_id");
    expect_good(4, MQW_CLIENT, connect(NAME_4 "02 0000 0000"));
    expect_good(4, MQW_CLIENT, connect(NAME_5 "00 0000 00 0000"));
    mqw_packet packet = {.type = MQW_CONNECT};
    expect_unsendable(4, MQW_CLIENT, &packet, MQW_E_REFUSED, MQW_RULE_CLIENT_ID_EMPTY, "client_id");
    packet.connect = (mqw_connect){.version = 3, .clean_start = true};
    expect_unsendable(4, MQW_CLIENT, &packet, MQW_E_REFUSED, MQW_RULE_CLIENT_ID_EMPTY, "client_id");
}

/* 3.1: 23 characters; let pass unless a policy asks. */
static void test_long_client_id(void **state)
{
    (void)state;
    char body[256] = NAME_3 "00 0000 0018 ";
    for (int i = 0; i < 24; i++)
        strcat(body, "61");
    expect_good(3, MQW_CLIENT, connect(body));
    expect_policies(3, MQW_CLIENT, connect(body), MQW_RULE_CLIENT_ID_LONG);
    mqw_policy refuse = {0};
    mqw_rule_add(&refuse.refuse, MQW_RULE_CLIENT_ID_LONG);
    char exact[256] = NAME_3 "00 0000 002e ";
    for (int i = 0; i < 23; i++)
        strcat(exact, "c3a9"); /* 23 characters of two bytes */
    assert_true(decode_with(3, MQW_CLIENT, &refuse, connect(exact)) > 0);
    char newer[256] = NAME_4 "00 0000 0018 ";
    for (int i = 0; i < 24; i++)
        strcat(newer, "61");
    assert_true(decode_with(3, MQW_CLIENT, &refuse, connect(newer)) > 0);
}

// MQTT-3.1.3-4 MQTT-3.1.3-11 MQTT-3.1.3-12 (MQTT-3.1.3-10 in 3.1.1): texts are UTF-8; 3.1 does not ask.
static void test_texts(void **state)
{
    (void)state;
    expect_rule(4, MQW_CLIENT, connect(NAME_4 "00 0000 0001 ff"), MQW_RULE_UTF8, 12, "client_id");
    expect_rule(4, MQW_CLIENT, connect(NAME_4 "00 0000 0001 00"), MQW_RULE_UTF8_NUL, 12, "client_id");
    expect_rule(4, MQW_CLIENT, connect(NAME_4 "04 0000 0001 61 0001 ff 0000"), MQW_RULE_UTF8, 15,
                "will.topic");
    expect_rule(4, MQW_CLIENT, connect(NAME_4 "80 0000 0001 61 0001 ff"), MQW_RULE_UTF8, 15, "username");
    expect_rule(5, MQW_CLIENT, connect(NAME_5 "80 0000 00 0001 61 0002 c080"), MQW_RULE_UTF8, 16, "username");
    expect_sample(3, MQW_CLIENT, connect(NAME_3 "80 0000 0001 ff 0001 00"));
    expect_good(3, MQW_CLIENT, connect(NAME_3 "04 0000 0001 61 0001 ff 0000"));
    mqw_bytes control = connect(NAME_4 "80 0000 0001 61 0001 01");
    expect_good(4, MQW_CLIENT, control);
    expect_policies(4, MQW_CLIENT, control, MQW_RULE_UTF8_CONTROL);
}

// MQTT-4.7.1-1 MQTT-4.7.3-1
static void test_will_topic(void **state)
{
    (void)state;
    static const char *const names[] = {NAME_3, NAME_4, NAME_5};
    for (int version = 3; version <= 5; version++) {
        char body[128];
        size_t at = version == 3 ? 17 : version == 4 ? 15 : 17;
        const char *props = version == 5 ? "00" : "";
        snprintf(body, sizeof body, "%s 04 0000 %s 0001 61 %s 0000 0000", names[version - 3], props, props);
        expect_rule(version, MQW_CLIENT, connect(body), MQW_RULE_TOPIC_EMPTY, at, "will.topic");
        snprintf(body, sizeof body, "%s 04 0000 %s 0001 61 %s 0003 612f2b 0000", names[version - 3], props,
                 props);
        expect_rule(version, MQW_CLIENT, connect(body), MQW_RULE_TOPIC_WILDCARD, at, "will.topic");
    }
}

// section 3.1.3.2.3: a will payload that is called UTF-8, when a policy asks.
static void test_will_payload_format(void **state)
{
    (void)state;
    mqw_bytes in = connect(NAME_5 "04 0000 00 0001 61 02 01 01 0001 74 0001 ff");
    expect_good(5, MQW_CLIENT, in);
    expect_policies(5, MQW_CLIENT, in, MQW_RULE_PAYLOAD_FORMAT);
    mqw_policy refuse = {0};
    mqw_rule_add(&refuse.refuse, MQW_RULE_PAYLOAD_FORMAT);
    assert_true(decode_with(5, MQW_CLIENT, &refuse, in) < 0);
    assert_string_equal(why.field, "will.payload");
    assert_int_equal(why.reason, MQW_REASON_PAYLOAD_FORMAT_INVALID);
    assert_true(decode_with(5, MQW_CLIENT, &refuse,
                            connect(NAME_5 "04 0000 00 0001 61 02 01 00 0001 74 0001 ff")) > 0);
    assert_true(decode_with(5, MQW_CLIENT, &refuse, connect(NAME_5 "04 0000 00 0001 61 00 0001 74 0001 ff")) >
                0);
    /* U+0000 may stand in a payload */
    assert_true(decode_with(5, MQW_CLIENT, &refuse,
                            connect(NAME_5 "04 0000 00 0001 61 02 01 01 0001 74 0001 00")) > 0);
}

// section 3.1.2.11.10
static void test_auth_data_alone(void **state)
{
    (void)state;
    mqw_bytes in = connect(NAME_5 "00 0000 04 16 0001 ff 0001 61");
    expect_rule(5, MQW_CLIENT, in, MQW_RULE_AUTH_DATA_ALONE, 12, "auth_data");
    expect_sample(5, MQW_CLIENT, connect(NAME_5 "00 0000 08 15 0001 6d 16 0001 ff 0001 61"));
    in = packet_hex(0x20, "00 00 04 16 0001 ff");
    expect_rule(5, MQW_SERVER, in, MQW_RULE_AUTH_DATA_ALONE, 4, "auth_data");
    mqw_packet packet = {.type = MQW_CONNACK};
    mqw_set(&packet.connack.props, auth_data, ((mqw_bytes){(const uint8_t *)"x", 1}));
    expect_unsendable(5, MQW_SERVER, &packet, MQW_E_REFUSED, MQW_RULE_AUTH_DATA_ALONE, "auth_data");
}

// MQTT-2.2.2-1 MQTT-2.1.3-1: judged by the version that CONNECT brings.
static void test_header(void **state)
{
    (void)state;
    for (unsigned flags = 1; flags < 16; flags++) {
        expect_rule(3, MQW_CLIENT, packet_hex(0x10 | flags, NAME_4 "00 0000 0001 61"), MQW_RULE_HEADER_FLAGS,
                    0, NULL);
        expect_rule(3, MQW_CLIENT, packet_hex(0x10 | flags, NAME_5 "00 0000 00 0001 61"),
                    MQW_RULE_HEADER_FLAGS, 0, NULL);
        expect_good(5, MQW_CLIENT, packet_hex(0x10 | flags, NAME_3 "00 0000 0001 61"));
    }
    expect_rule(4, MQW_CLIENT, hex("10 8e00" NAME_5 "00 0000 00 0001 61"), MQW_RULE_LENGTH_OVERLONG, 1,
                "length");
    expect_good(5, MQW_CLIENT, hex("10 8d00" NAME_4 "00 0000 0001 61"));
}

static void test_surplus(void **state)
{
    (void)state;
    expect_always(4, MQW_CLIENT, connect(NAME_4 "00 0000 0001 61 00"), MQW_RULE_SURPLUS, 15, NULL);
    expect_always(3, MQW_CLIENT, connect(NAME_3 "00 0000 0001 61 00"), MQW_RULE_SURPLUS, 17, NULL);
    expect_always(5, MQW_CLIENT, connect(NAME_5 "00 0000 00 0001 61 0001 75"), MQW_RULE_SURPLUS, 16, NULL);
}

/* ---- CONNECT: sent ---- */

static void test_sending_defaults(void **state)
{
    (void)state;
    out = (mqw_packet){.type = MQW_CONNECT, .connect = {.client_id = text("test"), .keep_alive = 30}};
    expect_encoded(5, MQW_CLIENT, connect(NAME_4 "00 001e 0004 74657374"));
    out.connect.version = 3;
    expect_encoded(5, MQW_CLIENT, connect(NAME_3 "00 001e 0004 74657374"));
    out.connect.version = 5;
    expect_encoded(3, MQW_CLIENT, connect(NAME_5 "00 001e 00 0004 74657374"));
    out.connect.protocol_name = text("MQTT");
    expect_encoded(3, MQW_CLIENT, connect(NAME_5 "00 001e 00 0004 74657374"));
}

static void test_sending_refuses(void **state)
{
    (void)state;
    static char long_text[65536];
    memset(long_text, 'a', sizeof long_text);
    const mqw_text too_long = {long_text, sizeof long_text};
    const mqw_packet good = {.type = MQW_CONNECT, .connect = {.version = 4, .client_id = text("a")}};
    mqw_packet p;
    for (unsigned version = 0; version < 256; version++) {
        p = good;
        p.connect.version = (uint8_t)version;
        if (version != 0 && (version < 3 || version > 5))
            expect_unsendable(4, MQW_CLIENT, &p, MQW_E_MISUSE, MQW_RULE_FIELD_RANGE, "version");
    }
    p = good, p.connect.unsupported = true;
    expect_unsendable(4, MQW_CLIENT, &p, MQW_E_MISUSE, MQW_RULE_FIELD_RANGE, "unsupported");
    p = good, p.connect.protocol_name = text("MQIsdp");
    expect_unsendable(4, MQW_CLIENT, &p, MQW_E_REFUSED, MQW_RULE_PROTOCOL_NAME, "protocol_name");
    p = good, p.connect.protocol_name = text("MQTT"), p.connect.version = 3;
    expect_unsendable(4, MQW_CLIENT, &p, MQW_E_REFUSED, MQW_RULE_PROTOCOL_NAME, "protocol_name");
    p = good, p.connect.protocol_name = (mqw_text){NULL, 4};
    expect_unsendable(4, MQW_CLIENT, &p, MQW_E_REFUSED, MQW_RULE_PROTOCOL_NAME, "protocol_name");
    p = good, p.connect.client_id = too_long;
    expect_unsendable(4, MQW_CLIENT, &p, MQW_E_MISUSE, MQW_RULE_TEXT_TOO_LONG, "client_id");
    p = good, p.connect.client_id = text("\xff");
    expect_unsendable(4, MQW_CLIENT, &p, MQW_E_REFUSED, MQW_RULE_UTF8, "client_id");
    p = good, p.connect.has_password = true;
    expect_unsendable(4, MQW_CLIENT, &p, MQW_E_REFUSED, MQW_RULE_PASSWORD_ALONE, "password");
    p.connect.version = 3;
    expect_unsendable(4, MQW_CLIENT, &p, MQW_E_REFUSED, MQW_RULE_PASSWORD_ALONE, "password");
    p = good, p.connect.has_username = true, p.connect.username = (mqw_text){NULL, 1};
    expect_unsendable(4, MQW_CLIENT, &p, MQW_E_MISUSE, MQW_RULE_FIELD_RANGE, "username");
    p = good, p.connect.has_username = p.connect.has_password = true, p.connect.username = text("u");
    p.connect.password = (mqw_bytes){(const uint8_t *)long_text, 65536};
    expect_unsendable(4, MQW_CLIENT, &p, MQW_E_MISUSE, MQW_RULE_TEXT_TOO_LONG, "password");
    p = good, p.connect.has_will = true, p.connect.will.topic = text("t"), p.connect.will.qos = 4;
    expect_unsendable(4, MQW_CLIENT, &p, MQW_E_MISUSE, MQW_RULE_FIELD_RANGE, "will.qos");
    p.connect.will.qos = 0, p.connect.will.payload = (mqw_bytes){(const uint8_t *)long_text, 65536};
    expect_unsendable(4, MQW_CLIENT, &p, MQW_E_MISUSE, MQW_RULE_TEXT_TOO_LONG, "will.payload");
    /* will topics are checked in 3.1, too */
    static const struct {
        mqw_text topic;
        int rule;
    } topics[] = {{{"", 0}, MQW_RULE_TOPIC_EMPTY},
                  {{"+", 1}, MQW_RULE_TOPIC_WILDCARD},
                  {{"a\0", 2}, MQW_RULE_UTF8_NUL},
                  {{"\xff", 1}, MQW_RULE_UTF8}};
    for (int version = 3; version <= 5; version++)
        for (size_t i = 0; i < 4; i++) {
            p = good, p.connect.version = (uint8_t)version, p.connect.has_will = true;
            p.connect.will.topic = topics[i].topic;
            expect_unsendable(4, MQW_CLIENT, &p, MQW_E_REFUSED, topics[i].rule, "will.topic");
        }
}

/* ---- CONNACK ---- */

static void test_connack(void **state)
{
    (void)state;
    expect_sample(3, MQW_SERVER, hex("20020000"));
    expect_sample(3, MQW_SERVER, hex("20020005"));
    assert_int_equal(out.connack.reason, 5);
    assert_int_equal(out.connack.props.has, 0);
    expect_sample(4, MQW_SERVER, hex("20020100"));
    assert_true(out.connack.session_present);
    expect_sample(5, MQW_SERVER, hex("2003 00 00 00"));
    expect_sample(5, MQW_SERVER, hex("2006 01 00 03 21 0001"));
}

// MQTT-3.2.2-1 (5.0), section 3.2.2.1; 3.1 has nothing there, and nothing is read.
static void test_connack_flags(void **state)
{
    (void)state;
    for (unsigned flags = 2; flags < 256; flags++) {
        char body[16];
        snprintf(body, sizeof body, "%02x 00", flags);
        expect_rule(4, MQW_SERVER, packet_hex(0x20, body), MQW_RULE_CONNACK_FLAGS, 2, "flags");
        expect_good(3, MQW_SERVER, packet_hex(0x20, body));
        assert_false(out.connack.session_present);
    }
    expect_good(3, MQW_SERVER, hex("20020100"));
    assert_false(out.connack.session_present);
    expect_rule(5, MQW_SERVER, hex("2003 02 00 00"), MQW_RULE_CONNACK_FLAGS, 2, "flags");
}

// MQTT-3.2.2-4 (3.1.1) MQTT-3.2.2-6 (5.0)
static void test_session_present(void **state)
{
    (void)state;
    expect_rule(4, MQW_SERVER, hex("2002 01 05"), MQW_RULE_SESSION_PRESENT, 2, "session_present");
    expect_rule(5, MQW_SERVER, hex("2003 01 80 00"), MQW_RULE_SESSION_PRESENT, 2, "session_present");
    mqw_packet packet = {.type = MQW_CONNACK, .connack = {.session_present = true, .reason = 5}};
    expect_unsendable(4, MQW_SERVER, &packet, MQW_E_REFUSED, MQW_RULE_SESSION_PRESENT, "session_present");
    packet.connack.reason = 0;
    expect_unsendable(3, MQW_SERVER, &packet, MQW_E_REFUSED, MQW_RULE_NOT_IN_VERSION, "session_present");
}

/* MQTT-3.1.2-2: a server that knows 3.x only refuses 5.0 in its own form, which says what to do next. */
static void test_connack_of_3(void **state)
{
    (void)state;
    expect_good(5, MQW_SERVER, hex("20020001"));
    assert_int_equal(out.connack.reason, MQW_REASON_UNSUPPORTED_VERSION);
    assert_false(out.connack.session_present);
    assert_int_equal(out.connack.props.has, 0);
    expect_broken(5, MQW_CLIENT, hex("20020001"), MQW_RULE_REASON_CONNACK, 3, "reason");
}

static void test_connack_length(void **state)
{
    (void)state;
    for (int version = 3; version <= 4; version++) {
        expect_always(version, MQW_SERVER, hex("2003 00 00 00"), MQW_RULE_SURPLUS, 4, NULL);
        expect_always(version, MQW_SERVER, hex("2001 00"), MQW_RULE_TRUNCATED, 3, "reason");
        expect_always(version, MQW_SERVER, hex("2000"), MQW_RULE_TRUNCATED, 2, "flags");
    }
    expect_always(5, MQW_SERVER, hex("2002 00 00"), MQW_RULE_TRUNCATED, 4, "properties");
    expect_always(5, MQW_SERVER, hex("2004 00 00 00 00"), MQW_RULE_SURPLUS, 5, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_minimal),
        cmocka_unit_test(test_maximal),
        cmocka_unit_test(test_own_version),
        cmocka_unit_test(test_binary_and_empty),
        cmocka_unit_test(test_bridges),
        cmocka_unit_test(test_unknown_levels),
        cmocka_unit_test(test_protocol_names),
        cmocka_unit_test(test_all_flags),
        cmocka_unit_test(test_flag_rules_by_policy),
        cmocka_unit_test(test_missing_credentials),
        cmocka_unit_test(test_empty_client_id),
        cmocka_unit_test(test_long_client_id),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_will_topic),
        cmocka_unit_test(test_will_payload_format),
        cmocka_unit_test(test_auth_data_alone),
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_surplus),
        cmocka_unit_test(test_sending_defaults),
        cmocka_unit_test(test_sending_refuses),
        cmocka_unit_test(test_connack),
        cmocka_unit_test(test_connack_flags),
        cmocka_unit_test(test_session_present),
        cmocka_unit_test(test_connack_of_3),
        cmocka_unit_test(test_connack_length),
    };
    return cmocka_run_group_tests(tests, NULL, release_held);
}
