// SPDX-License-Identifier: MIT
// The codec as a whole: the fixed header (section 2.1), rules, policies, errors, and reason codes
// (section 2.4).
#include "wire/codec.h"

#include "wire.h"

/* ---- the fixed header ---- */

// Table 2-4 (3.1.1), section 1.5.5: Remaining Lengths of each size.
static void test_packet_size(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        int size;
    } rows[] = {
        {"", 0},
        {"30", 0},
        {"3080", 0},
        {"30ffff", 0},
        {"30ffffff", 0},
        {"3000", 2},
        {"307f", 129},
        {"308001", 131},
        {"30ff7f", 16386},
        {"30808001", 16388},
        {"30ffff7f", 2097155},
        {"3080808001", 2097157},
        {"30ffffff7f", MQW_PACKET_MAX},
        {"30ffffffff", MQW_E_MALFORMED},
        {"3080808080", MQW_E_MALFORMED},
        {"0000", 2},
        {"308000", 3},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        mqw_bytes in = hex(rows[i].bytes);
        assert_int_equal(mqw_packet_size(in), rows[i].size);
        mqw__header header = {0, 0, 0};
        int read = mqw__header_read(in, &header);
        if (rows[i].size <= 0) {
            assert_int_equal(read, rows[i].size);
            continue;
        }
        assert_int_equal(header.size + header.length, rows[i].size);
        assert_int_equal(header.first, in.data[0]);
        assert_int_equal(read, header.size);
    }
}

// section 2.2.3, section 1.5.5: never a fifth byte of length, and no policy lets it pass.
static void test_fifth_length_byte(void **state)
{
    (void)state;
    for (int version = 3; version <= 5; version++)
        for (unsigned type = 0; type < 16; type++) {
            char bytes[16];
            snprintf(bytes, sizeof bytes, "%x0 ffffffff", type);
            expect_always(version, MQW_ANY, hex(bytes), MQW_RULE_LENGTH_BYTES, 1, "length");
        }
}

// MQTT-1.5.5-1: the Remaining Length in its shortest form, since 5.0.
static void test_overlong_length(void **state)
{
    (void)state;
    static const char *const pings[] = {"c0 8000", "c0 808000", "c0 80808000"};
    for (size_t i = 0; i < 3; i++) {
        expect_rule(5, MQW_CLIENT, hex(pings[i]), MQW_RULE_LENGTH_OVERLONG, 1, "length");
        expect_good(4, MQW_CLIENT, hex(pings[i]));
        expect_good(3, MQW_CLIENT, hex(pings[i]));
    }
    expect_rule(5, MQW_ANY, hex("30 8400 0001 61 00"), MQW_RULE_LENGTH_OVERLONG, 1, "length");
    expect_rule(5, MQW_ANY, hex("40 828000 0001"), MQW_RULE_LENGTH_OVERLONG, 1, "length");
    expect_good(4, MQW_ANY, hex("40 8200 0001"));
    assert_int_equal(out.length, 2);
}

// section 2.2.1, section 2.1.2
static void test_reserved_types(void **state)
{
    (void)state;
    for (int version = 3; version <= 5; version++)
        for (unsigned flags = 0; flags < 16; flags++) {
            expect_always(version, MQW_ANY, packet_hex(flags, ""), MQW_RULE_TYPE_RESERVED, 0, NULL);
            expect_always(version, MQW_ANY, packet_hex(flags, "0001"), MQW_RULE_TYPE_RESERVED, 0, NULL);
            if (version < 5)
                expect_always(version, MQW_ANY, packet_hex(0xF0 | flags, ""), MQW_RULE_TYPE_RESERVED, 0,
                              NULL);
        }
    const mqw_packet none = {.type = (mqw_packet_type)0};
    expect_unsendable(4, MQW_ANY, &none, MQW_E_MISUSE, MQW_RULE_FIELD_RANGE, "type");
    const mqw_packet beyond = {.type = (mqw_packet_type)16};
    expect_unsendable(5, MQW_ANY, &beyond, MQW_E_MISUSE, MQW_RULE_FIELD_RANGE, "type");
}

/* A version that nobody knows is the program's fault, not the peer's. */
static void test_unknown_versions(void **state)
{
    (void)state;
    static const int versions[] = {1, 2, 6, 0x84, 255};
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        assert_int_equal(decode_with(versions[i], MQW_ANY, NULL, hex("c000")), MQW_E_MISUSE);
        assert_int_equal(why.rule, MQW_RULE_FIELD_RANGE);
        assert_string_equal(why.field, "version");
        assert_false(why.by_peer);
        assert_int_equal(decode_with(versions[i], MQW_ANY, NULL, hex("4002 0001")), MQW_E_MISUSE);
        assert_int_equal(decode_with(versions[i], MQW_ANY, NULL, hex("3003 0001 61")), MQW_E_MISUSE);
        const mqw_packet ping = {.type = MQW_PINGREQ};
        expect_unsendable(versions[i], MQW_ANY, &ping, MQW_E_MISUSE, MQW_RULE_FIELD_RANGE, "version");
        const mqw_packet publish = {.type = MQW_PUBLISH, .publish.topic = text("a")};
        expect_unsendable(versions[i], MQW_ANY, &publish, MQW_E_MISUSE, MQW_RULE_FIELD_RANGE, "version");
    }
    assert_int_equal(decode_with(0, MQW_ANY, NULL, hex("e000")), 2); /* 0 is 3.1.1 */
    assert_int_equal(decode_with(0, MQW_ANY, NULL, hex("f000")), MQW_E_MALFORMED);
    assert_int_equal(why.version, 4);
}

/* The static header as it stood there, also where it means nothing; what follows is left alone. */
static void test_static_header(void **state)
{
    (void)state;
    mqw_bytes in = hex("cf00 d000");
    assert_int_equal(decode_with(3, MQW_ANY, NULL, in), 2);
    assert_true(out.dup && out.retain && out.qos == 3 && out.length == 0 && out.type == MQW_PINGREQ);
}

/* A good packet under a policy that reports everything reports nothing. */
static void test_nothing_to_report(void **state)
{
    (void)state;
    const mqw_policy all = {.report = {{~UINT64_C(0), ~UINT64_C(0)}}};
    static const char *const good[] = {"c000", "4002 0001", "3004 0001 61 00", "8207 0001 00 0001 61 00",
                                       "e000"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        mqw_bytes in = hex(good[i]);
        assert_int_equal(decode_with(5, MQW_ANY, &all, in), in.len);
        assert_true(none_violated());
    }
}

/* ---- rules and policies ---- */

static void test_rule_rows(void **state)
{
    (void)state;
    static const struct {
        int rule;
        uint8_t reason;
        uint8_t since;
        uint8_t until;
        bool misuse;
        uint8_t standing;
    } rows[] = {
        {MQW_RULE_HEADER_FLAGS, 0x81, 4, 5, false, MQW__REFUSE},
        {MQW_RULE_PACKET_ID_ZERO, 0x82, 3, 5, true, MQW__REFUSE},
        {MQW_RULE_UTF8_CONTROL, 0x81, 4, 5, false, MQW__IGNORE},
        {MQW_RULE_CLIENT_ID_LONG, 0x85, 3, 3, false, MQW__IGNORE},
        {MQW_RULE_TRUNCATED, 0x81, 3, 5, false, MQW__ALWAYS},
        {MQW_RULE_FIELD_RANGE, 0x82, 3, 5, true, MQW__ALWAYS},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const mqw__rule_row *row = mqw__rule(rows[i].rule);
        assert_int_equal(row->reason, rows[i].reason);
        assert_int_equal(row->since, rows[i].since);
        assert_int_equal(row->until, rows[i].until);
        assert_int_equal(row->misuse, rows[i].misuse);
        assert_int_equal(row->standing, rows[i].standing);
    }
    assert_int_equal(mqw__rule(-1)->reason, 0);
    assert_int_equal(mqw__rule(0)->reason, 0);
    assert_int_equal(mqw__rule(MQW_RULE_COUNT)->reason, 0);
}

static int expected_judgement(const mqw__rule_row *row, int version, bool refuse, bool report, bool ignore)
{
    if (version < row->since || version > row->until)
        return 0;
    if (row->standing == MQW__ALWAYS || refuse)
        return 2;
    if (report || ignore)
        return report;
    return row->standing == MQW__REFUSE ? 2 : 0;
}

/* Every rule in every version under every policy about it. */
static void test_judgements(void **state)
{
    (void)state;
    for (int rule = 1; rule < MQW_RULE_COUNT; rule++)
        for (int version = 3; version <= 5; version++)
            for (unsigned sets = 0; sets < 8; sets++) {
                mqw_policy policy = {0};
                if (sets & 1)
                    mqw_rule_add(&policy.refuse, (mqw_rule)rule);
                if (sets & 2)
                    mqw_rule_add(&policy.report, (mqw_rule)rule);
                if (sets & 4)
                    mqw_rule_add(&policy.ignore, (mqw_rule)rule);
                int expected = expected_judgement(mqw__rule(rule), version, sets & 1, sets & 2, sets & 4);
                assert_int_equal(mqw__judge(&policy, (uint8_t)version, (mqw_rule)rule), expected);
                if (sets == 0)
                    assert_int_equal(mqw__judge(NULL, (uint8_t)version, (mqw_rule)rule), expected);
            }
}

static void test_faults_and_refusals(void **state)
{
    (void)state;
    const mqw_codec codec = {.version = MQW_5_0};
    for (int rule = 1; rule < MQW_RULE_COUNT; rule++) {
        const mqw__rule_row *row = mqw__rule(rule);
        int code = mqw__fault(&why, &codec, (mqw_rule)rule, MQW_PUBLISH, 77, "field");
        assert_int_equal(code, row->reason == 0x81   ? MQW_E_MALFORMED
                               : row->reason == 0x95 ? MQW_E_TOO_LARGE
                                                     : MQW_E_PROTOCOL);
        assert_true(why.code == code && why.rule == rule && why.reason == row->reason && why.by_peer);
        assert_true(why.version == 5 && why.type == MQW_PUBLISH && why.offset == 77);
        assert_string_equal(why.field, "field");
        assert_int_equal(mqw__fault(NULL, &codec, (mqw_rule)rule, 0, 0, NULL), code);
        code = mqw__refusal(&why, &codec, (mqw_rule)rule, MQW_CONNECT, NULL);
        if (row->misuse)
            assert_int_equal(code, MQW_E_MISUSE);
        else
            assert_int_equal(code, row->reason == 0x95   ? MQW_E_TOO_LARGE
                                   : row->reason == 0x93 ? MQW_E_QUOTA
                                                         : MQW_E_REFUSED);
        assert_true(why.code == code && why.rule == rule && why.reason == row->reason && !why.by_peer);
        assert_true(why.type == MQW_CONNECT && why.field == NULL && why.offset == 0);
    }
}

/* ---- reason codes ---- */

/* Section 3 of 5.0, packet by packet: codes of both sides, of a client, of a server. */
static const struct {
    uint8_t type;
    const char *both;
    const char *client;
    const char *server;
} tables[] = {
    {MQW_CONNACK, "", "", "00 80 81 82 83 84 85 86 87 88 89 8a 8c 90 95 97 99 9a 9b 9c 9d 9f "},
    {MQW_PUBACK, "00 10 80 83 87 90 91 97 99 ", "", ""},
    {MQW_PUBREC, "00 10 80 83 87 90 91 97 99 ", "", ""},
    {MQW_PUBREL, "00 92 ", "", ""},
    {MQW_PUBCOMP, "00 92 ", "", ""},
    {MQW_SUBACK, "", "", "00 01 02 80 83 87 8f 91 97 9e a1 a2 "},
    {MQW_UNSUBACK, "", "", "00 11 80 83 87 8f 91 "},
    {MQW_DISCONNECT, "00 80 81 82 83 90 93 94 95 96 97 98 99 ", "04 ",
     "87 89 8b 8d 8e 8f 9a 9b 9c 9d 9e 9f a0 a1 a2 "},
    {MQW_AUTH, "18 ", "19 ", "00 "},
};

static bool listed(const char *codes, unsigned code)
{
    char word[8];
    snprintf(word, sizeof word, "%02x ", code);
    return strstr(codes, word) != NULL;
}

static bool only_servers(uint8_t type)
{
    return type == MQW_CONNACK || type == MQW_SUBACK || type == MQW_UNSUBACK;
}

/* 0x10 says that nobody listened: servers know, clients do not. */
static bool allowed_5(size_t row, int sender, unsigned code)
{
    bool client = !only_servers(tables[row].type) &&
                  (listed(tables[row].both, code) || listed(tables[row].client, code));
    bool server = listed(tables[row].both, code) || listed(tables[row].server, code);
    if (code == 0x10)
        client = false;
    return (client && sender != MQW_SERVER) || (server && sender != MQW_CLIENT);
}

static void test_all_reasons_of_5(void **state)
{
    (void)state;
    for (size_t row = 0; row < sizeof tables / sizeof *tables; row++)
        for (int sender = MQW_ANY; sender <= MQW_SERVER; sender++)
            for (unsigned code = 0; code < 256; code++) {
                uint8_t type = tables[row].type;
                bool expected = allowed_5(row, sender, code);
                assert_int_equal(mqw__reason_ok(5, type, (uint8_t)sender, (uint8_t)code), expected);
                assert_int_equal(mqw__reason_or(type, (uint8_t)sender, (uint8_t)code, 0x77),
                                 expected ? code : 0x77);
            }
}

static void test_all_reasons_before_5(void **state)
{
    (void)state;
    for (uint8_t version = 3; version <= 4; version++)
        for (unsigned type = 1; type < 16; type++)
            for (unsigned code = 0; code < 256; code++) {
                bool expected = code == 0;
                if (type == MQW_CONNACK)
                    expected = code <= 5;
                if (type == MQW_SUBACK)
                    expected = code <= 2 || (version == 4 && code == 0x80);
                assert_int_equal(mqw__reason_ok(version, (uint8_t)type, MQW_ANY, (uint8_t)code), expected);
            }
}

/* A packet of each type with a reason, on the wire. */
static mqw_bytes packet_with_reason(int version, uint8_t type, unsigned code)
{
    static const char *const bodies[16] = {
        [MQW_CONNACK] = "00 %02x 00",    [MQW_PUBACK] = "0001 %02x",  [MQW_PUBREC] = "0001 %02x",
        [MQW_PUBREL] = "0001 %02x",      [MQW_PUBCOMP] = "0001 %02x", [MQW_SUBACK] = "0001 00 %02x",
        [MQW_UNSUBACK] = "0001 00 %02x", [MQW_DISCONNECT] = "%02x",   [MQW_AUTH] = "%02x 04 15 0001 6d"};
    char body[64];
    const char *form = bodies[type];
    if (version < 5)
        form = type == MQW_CONNACK ? "00 %02x" : "0001 %02x";
    snprintf(body, sizeof body, form, code);
    return packet_hex((unsigned)type << 4 | (type == MQW_PUBREL ? 2 : 0), body);
}

static int reason_rule(uint8_t type)
{
    switch (type) {
    case MQW_CONNACK: return MQW_RULE_REASON_CONNACK;       // MQTT-3.2.2-8
    case MQW_PUBACK: return MQW_RULE_REASON_PUBACK;         // MQTT-3.4.2-1
    case MQW_PUBREC: return MQW_RULE_REASON_PUBREC;         // MQTT-3.5.2-1
    case MQW_PUBREL: return MQW_RULE_REASON_PUBREL;         // MQTT-3.6.2-1
    case MQW_PUBCOMP: return MQW_RULE_REASON_PUBCOMP;       // MQTT-3.7.2-1
    case MQW_SUBACK: return MQW_RULE_REASON_SUBACK;         // MQTT-3.9.3-2
    case MQW_UNSUBACK: return MQW_RULE_REASON_UNSUBACK;     // MQTT-3.11.3-2
    case MQW_DISCONNECT: return MQW_RULE_REASON_DISCONNECT; // MQTT-3.14.2-1
    default: return MQW_RULE_REASON_AUTH;                   // MQTT-3.15.2-1
    }
}

/* All 256 codes in each packet from each side, received and sent. */
static void test_all_reasons_on_the_wire(void **state)
{
    (void)state;
    mqw_policy tolerant = {.ignore = {{~UINT64_C(0), ~UINT64_C(0)}}};
    for (size_t row = 0; row < sizeof tables / sizeof *tables; row++)
        for (int sender = MQW_ANY; sender <= MQW_SERVER; sender++)
            for (unsigned code = 0; code < 256; code++) {
                uint8_t type = tables[row].type;
                mqw_bytes in = packet_with_reason(5, type, code);
                bool suback = type == MQW_SUBACK || type == MQW_UNSUBACK;
                assert_int_equal(decode_with(5, sender, &tolerant, in), in.len);
                mqw_packet packet = out;
                mqw_codec codec = spoken(5, sender, NULL);
                uint8_t room[32];
                if (allowed_5(row, sender, code)) {
                    expect_good(5, sender, in);
                    assert_true(mqw_encode(&codec, &packet, room, sizeof room, &why) > 0);
                } else {
                    size_t at = type == MQW_DISCONNECT || type == MQW_AUTH ? 2
                                : type == MQW_CONNACK                      ? 3
                                : suback                                   ? 5
                                                                           : 4;
                    expect_broken(5, sender, in, reason_rule(type), at, suback ? "reasons" : "reason");
                    expect_unsendable(5, sender, &packet, MQW_E_REFUSED, reason_rule(type),
                                      suback ? "reasons" : "reason");
                }
            }
}

static void test_reasons_by_policy(void **state)
{
    (void)state;
    for (size_t row = 0; row < sizeof tables / sizeof *tables; row++)
        expect_policies(5, MQW_ANY, packet_with_reason(5, tables[row].type, 0x55),
                        reason_rule(tables[row].type));
    for (int version = 3; version <= 4; version++) {
        for (unsigned code = 6; code < 256; code++)
            expect_broken(version, MQW_SERVER, packet_with_reason(version, MQW_CONNACK, code),
                          MQW_RULE_REASON_CONNACK, 3, "reason");
        expect_policies(version, MQW_SERVER, packet_with_reason(version, MQW_CONNACK, 6),
                        MQW_RULE_REASON_CONNACK);
        mqw_packet packet = {.type = MQW_CONNACK, .connack.reason = 0x87};
        expect_unsendable(version, MQW_SERVER, &packet, MQW_E_REFUSED, MQW_RULE_REASON_CONNACK, "reason");
    }
}

/* ---- any bytes ---- */

/* Whatever stands there: packets or one error, nothing read beyond, and what was decoded can be sent, or not.
 */
static void test_random_bytes(void **state)
{
    (void)state;
    uint32_t random = 7;
    mqw_policy tolerant = {.ignore = {{~UINT64_C(0), ~UINT64_C(0)}}};
    for (unsigned round = 0; round < 200000; round++) {
        uint8_t bytes[40];
        for (size_t i = 0; i < sizeof bytes; i++) {
            random = random * 1664525 + 1013904223;
            bytes[i] = (uint8_t)(random >> 24) & (uint8_t)(round % 3 ? 0x0F : 0xFF);
        }
        bytes[0] = (uint8_t)(random >> 16);
        size_t len = random >> 8 & 31;
        bytes[1] = (uint8_t)len;
        mqw_bytes in = alone(bytes, len + 2);
        int version = 3 + (int)(round % 3);
        mqw_codec codec = spoken(version, (int)(round / 3 % 3), round % 2 ? &tolerant : NULL);
        mqw_packet packet;
        int size = mqw_decode(&codec, in, &packet, &why);
        assert_true(size == (int)in.len || size < 0);
        if (size < 0) {
            assert_true(why.offset <= in.len);
            assert_true(why.rule != 0 && why.code == size);
        } else {
            uint8_t room[64];
            int again = mqw_encode(&codec, &packet, room, sizeof room, &why);
            assert_true(again <= (int)in.len);
            assert_true(again > 0 || codec.policy != NULL || version == 3);
        }
        free((void *)(uintptr_t)in.data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_packet_size),
        cmocka_unit_test(test_fifth_length_byte),
        cmocka_unit_test(test_overlong_length),
        cmocka_unit_test(test_reserved_types),
        cmocka_unit_test(test_unknown_versions),
        cmocka_unit_test(test_static_header),
        cmocka_unit_test(test_nothing_to_report),
        cmocka_unit_test(test_rule_rows),
        cmocka_unit_test(test_judgements),
        cmocka_unit_test(test_faults_and_refusals),
        cmocka_unit_test(test_all_reasons_of_5),
        cmocka_unit_test(test_all_reasons_before_5),
        cmocka_unit_test(test_all_reasons_on_the_wire),
        cmocka_unit_test(test_reasons_by_policy),
        cmocka_unit_test(test_random_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, release_held);
}
