// SPDX-License-Identifier: MIT
// Properties of 5.0 (section 2.2.2): each in each packet from each side, against section 3 of the standard as
// a list.
#include "wire/properties.h"

#include "wire.h"

/* Packets with properties: what stands before the property length, and behind the properties. */
typedef struct place {
    const char *name;
    unsigned first;
    const char *before;
    const char *after;
    const char *client; /* ids that a client may send, as section 3 names them */
    const char *server;
} place;

#define ACK_IDS "1f 26 "
static const place places[] = {
    {"CONNECT", 0x10, "0004 4d515454 05 02 003c", "0000", "11 15 16 17 19 21 22 26 27 ", ""},
    {"will", 0x10, "0004 4d515454 05 06 003c 00 0000", "0001 61 0000", "01 02 03 08 09 18 26 ", ""},
    {"CONNACK", 0x20, "00 00", "", "", "11 12 13 15 16 1a 1c 1f 21 22 24 25 26 27 28 29 2a "},
    {"PUBLISH", 0x30, "0001 61", "", "01 02 03 08 09 23 26 ", "01 02 03 08 09 0b 23 26 "},
    {"PUBACK", 0x40, "0001 00", "", ACK_IDS, ACK_IDS},
    {"PUBREC", 0x50, "0001 00", "", ACK_IDS, ACK_IDS},
    {"PUBREL", 0x62, "0001 00", "", ACK_IDS, ACK_IDS},
    {"PUBCOMP", 0x70, "0001 00", "", ACK_IDS, ACK_IDS},
    {"SUBSCRIBE", 0x82, "0001", "0001 61 00", "0b 26 ", ""},
    {"SUBACK", 0x90, "0001", "00", "", ACK_IDS},
    {"UNSUBSCRIBE", 0xA2, "0001", "0001 61", "26 ", ""},
    {"UNSUBACK", 0xB0, "0001", "00", "", ACK_IDS},
    {"DISCONNECT", 0xE0, "00", "", "11 1f 26 ", "1c 1f 26 "},
    {"AUTH", 0xF0, "18", "", "15 16 1f 26 ", "15 16 1f 26 "},
};
enum { PLACES = sizeof places / sizeof *places };

static const place *place_of(const char *name)
{
    for (size_t i = 0; i < PLACES; i++)
        if (strcmp(places[i].name, name) == 0)
            return &places[i];
    fail_msg("no place %s", name);
    return NULL;
}

/* Some good value of each property, with its id. */
static const char *const samples[] = {
    [0x01] = "01 01",
    [0x02] = "02 00000001",
    [0x03] = "03 0001 61",
    [0x08] = "08 0001 61",
    [0x09] = "09 0001 ff",
    [0x0B] = "0b 8001",
    [0x11] = "11 00000001",
    [0x12] = "12 0001 61",
    [0x13] = "13 0001",
    [0x15] = "15 0001 6d",
    [0x16] = "16 0001 ff",
    [0x17] = "17 00",
    [0x18] = "18 00000001",
    [0x19] = "19 01",
    [0x1A] = "1a 0001 61",
    [0x1C] = "1c 0001 61",
    [0x1F] = "1f 0001 61",
    [0x21] = "21 0001",
    [0x22] = "22 0001",
    [0x23] = "23 0001",
    [0x24] = "24 01",
    [0x25] = "25 00",
    [0x26] = "26 0001 6e 0001 76",
    [0x27] = "27 00000001",
    [0x28] = "28 00",
    [0x29] = "29 00",
    [0x2A] = "2a 00",
};
static const char *const names[] = {
#define X(id, field, ...) [id] = #field,
    MQW_PROPERTIES(X)
#undef X
};
enum { IDS = sizeof samples / sizeof *samples };

static bool lists_id(const char *ids, unsigned id)
{
    char word[8];
    snprintf(word, sizeof word, "%02x ", id);
    return strstr(ids, word) != NULL;
}

/* A packet with these properties; where they begin. */
static mqw_bytes packet_with(const place *at, const char *properties, size_t *offset)
{
    char body[2048];
    snprintf(body, sizeof body, "%s%02x%s%s", at->before, (unsigned)hex(properties).len, properties,
             at->after);
    *offset = 2 + hex(at->before).len + 1;
    return packet_hex(at->first, body);
}

/* What must stand beside a property, so that nothing else is wrong. */
static void sample_of(char *text, size_t size, const place *at, unsigned id)
{
    bool method = (at->first == 0xF0 || id == 0x16) && id != 0x15 &&
                  (at->first == 0xF0 || at->first == 0x10 || at->first == 0x20);
    if (strcmp(at->name, "will") == 0)
        method = false;
    snprintf(text, size, "%s%s", samples[id], method ? " 15 0001 6d" : "");
}

static int expected_rule(const place *at, unsigned id, int sender)
{
    bool client = lists_id(at->client, id);
    bool server = lists_id(at->server, id);
    if ((client && sender != MQW_SERVER) || (server && sender != MQW_CLIENT))
        return 0;
    if (!client && !server)
        return MQW_RULE_PROPERTY_MISPLACED;
    if (id == 0x0B && at->first == 0x30)
        return MQW_RULE_SUBSCRIPTION_ID_CLIENT; // MQTT-3.3.4-6
    if (id == 0x11 && at->first == 0xE0)
        return MQW_RULE_SESSION_EXPIRY_SERVER; // MQTT-3.14.2-2
    return MQW_RULE_PROPERTY_SENDER;
}

/* A sender of packets that only the other side sends has no properties there, so it is left out. */
static bool plausible(const place *at, int sender)
{
    if (sender == MQW_CLIENT)
        return at->client[0] != 0;
    return sender == MQW_ANY || at->server[0] != 0;
}

static void test_each_in_each_packet_from_each_side(void **state)
{
    (void)state;
    size_t shown = 0;
    for (size_t p = 0; p < PLACES; p++)
        for (unsigned id = 1; id < IDS; id++)
            for (int sender = MQW_ANY; sender <= MQW_SERVER; sender++) {
                const place *at = &places[p];
                if (!samples[id] || !plausible(at, sender))
                    continue;
                char properties[128];
                size_t offset;
                sample_of(properties, sizeof properties, at, id);
                mqw_bytes in = packet_with(at, properties, &offset);
                int rule = expected_rule(at, id, sender);
                if (rule)
                    expect_rule(5, sender, in, rule, offset, names[id]);
                else
                    expect_good(5, sender, in);
                shown++;
            }
    assert_int_equal(shown, 27 * (PLACES + 11 + 10)); /* places of any side, of a client, of a server */
}

/* The same, sent: refused for the same reasons, else the same bytes. */
static void test_each_is_sent_as_it_is_received(void **state)
{
    (void)state;
    mqw_policy tolerant = {.ignore = {{~UINT64_C(0), ~UINT64_C(0)}}};
    for (size_t p = 0; p < PLACES; p++)
        for (unsigned id = 1; id < IDS; id++)
            for (int sender = MQW_ANY; sender <= MQW_SERVER; sender++) {
                const place *at = &places[p];
                if (!samples[id] || !plausible(at, sender))
                    continue;
                size_t offset;
                mqw_bytes in = packet_with(at, samples[id], &offset);
                assert_int_equal(decode_with(5, sender, &tolerant, in), in.len);
                mqw_packet packet = out;
                int rule = expected_rule(at, id, sender);
                if (rule)
                    expect_unsendable(5, sender, &packet, MQW_E_REFUSED, rule, names[id]);
                else if (at->first == 0xF0 && id != 0x15)
                    expect_unsendable(5, sender, &packet, MQW_E_REFUSED, MQW_RULE_AUTH_NO_METHOD,
                                      "auth_method");
                else if (id == 0x16)
                    expect_unsendable(5, sender, &packet, MQW_E_REFUSED, MQW_RULE_AUTH_DATA_ALONE,
                                      "auth_data");
                else
                    expect_encoded(5, sender, in);
            }
}

// section 2.2.2.2: twice is a protocol error, but for user properties and a server's subscription
// identifiers.
static void test_repeats(void **state)
{
    (void)state;
    for (size_t p = 0; p < PLACES; p++)
        for (unsigned id = 1; id < IDS; id++) {
            const place *at = &places[p];
            if (!samples[id] || !(lists_id(at->client, id) || lists_id(at->server, id)))
                continue;
            char properties[128];
            size_t offset;
            snprintf(properties, sizeof properties, "%s %s%s", samples[id], samples[id],
                     at->first == 0xF0 || id == 0x16 ? (id == 0x15 ? "" : " 15 0001 6d") : "");
            mqw_bytes in = packet_with(at, properties, &offset);
            if (id == 0x26 || (id == 0x0B && at->first == 0x30))
                expect_good(5, MQW_ANY, in);
            else
                expect_rule(5, MQW_ANY, in, MQW_RULE_PROPERTY_REPEATED, offset + hex(samples[id]).len,
                            names[id]);
        }
}

static void test_tolerated_repeat_takes_the_last(void **state)
{
    (void)state;
    mqw_policy policy = {0};
    mqw_rule_add(&policy.ignore, MQW_RULE_PROPERTY_REPEATED);
    size_t offset;
    decode_with(5, MQW_ANY, &policy,
                packet_with(place_of("PUBLISH"), "02 00000001 03 0001 61 02 00000007 03 0001 62", &offset));
    assert_int_equal(out.publish.props.message_expiry, 7);
    expect_text(out.publish.props.content_type, "b");
    /* a second subscription identifier of SUBSCRIBE is there when it is let pass, and is not sent on */
    decode_with(5, MQW_ANY, &policy, packet_with(place_of("SUBSCRIBE"), "0b 01 0b 02", &offset));
    mqw_list ids = out.subscribe.props.subscription_ids;
    uint32_t id;
    assert_true(mqw_next_id(&ids, &id) && id == 1);
    assert_true(mqw_next_id(&ids, &id) && id == 2);
    mqw_packet packet = out;
    expect_unsendable(5, MQW_ANY, &packet, MQW_E_REFUSED, MQW_RULE_PROPERTY_REPEATED, "subscription_ids");
}

static void test_tolerated_misplaced_is_set(void **state)
{
    (void)state;
    mqw_policy policy = {0};
    mqw_rule_add(&policy.report, MQW_RULE_PROPERTY_MISPLACED);
    size_t offset;
    decode_with(5, MQW_ANY, &policy, packet_with(place_of("PUBACK"), "13 0009", &offset));
    assert_true(violated(MQW_RULE_PROPERTY_MISPLACED));
    assert_int_equal(mqw_get(&out.puback.props, server_keep_alive, 0), 9);
}

/* Values that a property may not have; reason 0x94 for an alias, else 0x82. */
static void test_values(void **state)
{
    (void)state;
    static const struct {
        const char *place;
        const char *bytes;
        int rule;
        const char *field;
    } rows[] = {
        {"PUBLISH", "01 02", MQW_RULE_PROPERTY_VALUE, "payload_format"},
        {"PUBLISH", "01 ff", MQW_RULE_PROPERTY_VALUE, "payload_format"},
        {"will", "01 02", MQW_RULE_PROPERTY_VALUE, "payload_format"},
        {"PUBLISH", "23 0000", MQW_RULE_ALIAS_ZERO, "topic_alias"}, // MQTT-3.3.2-8
        {"PUBLISH", "0b 00", MQW_RULE_PROPERTY_VALUE, "subscription_ids"},
        {"SUBSCRIBE", "0b 00", MQW_RULE_PROPERTY_VALUE, "subscription_ids"},
        {"PUBLISH", "08 0000", MQW_RULE_RESPONSE_TOPIC, "response_topic"}, // MQTT-3.3.2-14
        {"PUBLISH", "08 0001 2b", MQW_RULE_RESPONSE_TOPIC, "response_topic"},
        {"will", "08 0003 612f23", MQW_RULE_RESPONSE_TOPIC, "response_topic"},
        {"PUBLISH", "08 0001 ff", MQW_RULE_UTF8, "response_topic"}, // MQTT-3.3.2-13
        {"PUBLISH", "03 0001 ff", MQW_RULE_UTF8, "content_type"},   // MQTT-3.3.2-19
        {"PUBLISH", "03 0001 00", MQW_RULE_UTF8_NUL, "content_type"},
        {"PUBLISH", "26 0001 ff 0000", MQW_RULE_UTF8, "user"},
        {"PUBLISH", "26 0000 0001 00", MQW_RULE_UTF8_NUL, "user"},
        {"CONNECT", "17 02", MQW_RULE_PROPERTY_VALUE, "request_problem_info"},
        {"CONNECT", "19 02", MQW_RULE_PROPERTY_VALUE, "request_response_info"},
        {"CONNECT", "21 0000", MQW_RULE_PROPERTY_VALUE, "receive_maximum"},
        {"CONNECT", "27 00000000", MQW_RULE_PROPERTY_VALUE, "maximum_packet_size"},
        {"CONNACK", "21 0000", MQW_RULE_PROPERTY_VALUE, "receive_maximum"},
        {"CONNACK", "27 00000000", MQW_RULE_PROPERTY_VALUE, "maximum_packet_size"},
        {"CONNACK", "24 02", MQW_RULE_PROPERTY_VALUE, "maximum_qos"},
        {"CONNACK", "25 02", MQW_RULE_PROPERTY_VALUE, "retain_available"},
        {"CONNACK", "28 02", MQW_RULE_PROPERTY_VALUE, "wildcards_available"},
        {"CONNACK", "29 02", MQW_RULE_PROPERTY_VALUE, "subscription_ids_available"},
        {"CONNACK", "2a 02", MQW_RULE_PROPERTY_VALUE, "shared_available"},
        {"CONNACK", "1f 0002 c080", MQW_RULE_UTF8, "reason_string"},
    };
    mqw_policy tolerant = {.ignore = {{~UINT64_C(0), ~UINT64_C(0)}}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t offset;
        mqw_bytes in = packet_with(place_of(rows[i].place), rows[i].bytes, &offset);
        expect_rule(5, MQW_ANY, in, rows[i].rule, offset, rows[i].field);
        decode_with(5, MQW_ANY, NULL, in);
        assert_int_equal(why.reason, rows[i].rule == MQW_RULE_ALIAS_ZERO ? 0x94
                                     : rows[i].rule == MQW_RULE_UTF8 || rows[i].rule == MQW_RULE_UTF8_NUL
                                         ? 0x81
                                         : 0x82);
        decode_with(5, MQW_ANY, &tolerant, in);
        mqw_packet packet = out;
        expect_unsendable(5, MQW_ANY, &packet, MQW_E_REFUSED, rows[i].rule, rows[i].field);
    }
}

/* The edges that are allowed. */
static void test_good_values(void **state)
{
    (void)state;
    size_t offset;
    expect_sample(
        5, MQW_SERVER,
        packet_with(place_of("CONNACK"), "11 ffffffff 13 0000 21 ffff 22 0000 24 00 27 ffffffff", &offset));
    assert_int_equal(mqw_value(&out.connack.props, session_expiry), 0xFFFFFFFF);
    assert_int_equal(mqw_value(&out.connack.props, maximum_qos), 0);
    expect_sample(5, MQW_SERVER, packet_with(place_of("PUBLISH"), "0b ffffff7f 23 ffff", &offset));
    expect_sample(5, MQW_CLIENT,
                  packet_with(place_of("PUBLISH"), "01 00 03 0000 09 0000 26 0000 0000", &offset));
}

// MQTT-1.5.4-1, section 1.5.4: control characters are let pass unless a policy asks.
static void test_controls(void **state)
{
    (void)state;
    size_t offset;
    mqw_bytes in = packet_with(place_of("PUBLISH"), "03 0001 01", &offset);
    expect_good(5, MQW_ANY, in);
    expect_policies(5, MQW_ANY, in, MQW_RULE_UTF8_CONTROL);
    in = packet_with(place_of("PUBLISH"), "26 0002 c280 0000", &offset);
    expect_good(5, MQW_ANY, in);
    expect_policies(5, MQW_ANY, in, MQW_RULE_UTF8_CONTROL);
}

// section 2.2.2.2: unknown identifiers, whatever the policy.
static void test_unknown(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        int rule;
    } rows[] = {{"8101 00", MQW_RULE_PROPERTY_UNKNOWN},
                {"ffffff7f 00", MQW_RULE_PROPERTY_UNKNOWN},
                {"ffffffff 00", MQW_RULE_LENGTH_BYTES}};
    const place *publish = place_of("PUBLISH");
    size_t offset;
    for (unsigned id = 0; id < 128; id++) {
        char properties[16];
        snprintf(properties, sizeof properties, "%02x 00", id);
        mqw_bytes in = packet_with(publish, properties, &offset);
        if (id >= IDS || !samples[id])
            expect_always(5, MQW_ANY, in, MQW_RULE_PROPERTY_UNKNOWN, offset, "properties");
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        mqw_bytes in = packet_with(publish, rows[i].bytes, &offset);
        expect_always(5, MQW_ANY, in, rows[i].rule, offset, "properties");
    }
}

// MQTT-1.5.5-1: identifiers, lengths and values in more bytes than they need.
static void test_overlong(void **state)
{
    (void)state;
    size_t offset;
    mqw_bytes in = packet_with(place_of("PUBLISH"), "8100 01", &offset);
    expect_rule(5, MQW_ANY, in, MQW_RULE_LENGTH_OVERLONG, offset, "properties");
    in = packet_with(place_of("PUBLISH"), "0b 8100", &offset);
    expect_rule(5, MQW_ANY, in, MQW_RULE_LENGTH_OVERLONG, offset + 1, "subscription_ids");
    in = packet_hex(0x30, "0001 61 8000");
    expect_rule(5, MQW_ANY, in, MQW_RULE_LENGTH_OVERLONG, 5, "properties");
    in = packet_hex(0x30, "0001 61 828000 0101");
    expect_rule(5, MQW_ANY, in, MQW_RULE_LENGTH_OVERLONG, 5, "properties");
    assert_int_equal(out.publish.props.payload_format, 1);
}

/* What was let pass goes out in its shortest form. */
static void test_overlong_is_mended(void **state)
{
    (void)state;
    mqw_policy policy = {0};
    mqw_rule_add(&policy.ignore, MQW_RULE_LENGTH_OVERLONG);
    size_t offset;
    mqw_bytes in = packet_with(place_of("PUBLISH"), "0b 8100 8b00 858000 a600 0001 61 0001 62", &offset);
    assert_int_equal(decode_with(5, MQW_SERVER, &policy, in), in.len);
    expect_encoded(5, MQW_SERVER, packet_with(place_of("PUBLISH"), "0b01 0b05 26 0001 61 0001 62", &offset));
}

/* A property, or the property length, that runs past where it may. */
static void test_cut(void **state)
{
    (void)state;
    for (unsigned id = 1; id < IDS; id++) {
        if (!samples[id])
            continue;
        mqw_policy policy = {0};
        mqw_rule_add(&policy.ignore, MQW_RULE_PROPERTY_MISPLACED);
        mqw_bytes whole = hex(samples[id]);
        for (size_t len = 1; len < whole.len; len++) {
            /* the property block ends, the packet ends with it, or goes on */
            for (int more = 0; more < 2; more++) {
                uint8_t body[64] = {0x30, 0, 0, 1, 'a', (uint8_t)len};
                memcpy(body + 6, whole.data, len);
                memset(body + 6 + len, 'x', 8);
                size_t size = 6 + len + (more ? 8 : 0);
                body[1] = (uint8_t)(size - 2);
                assert_true(decode_with(5, MQW_ANY, &policy, hold(body, size)) < 0);
                assert_int_equal(why.rule, MQW_RULE_TRUNCATED);
            }
        }
    }
    expect_always(5, MQW_ANY, packet_hex(0x30, "0001 61 02 01"), MQW_RULE_TRUNCATED, 5, "properties");
    expect_always(5, MQW_ANY, packet_hex(0x30, "0001 61"), MQW_RULE_TRUNCATED, 5, "properties");
    expect_always(5, MQW_ANY, packet_hex(0x30, "0001 61 80"), MQW_RULE_TRUNCATED, 5, "properties");
    expect_always(5, MQW_ANY, packet_hex(0x30, "0001 61 ffffff7f"), MQW_RULE_TRUNCATED, 5, "properties");
    expect_always(5, MQW_ANY, packet_hex(0x30, "0001 61 ffffffff 01"), MQW_RULE_LENGTH_BYTES, 5,
                  "properties");
}

// MQTT-3.1.3-10 MQTT-3.3.2-18: user properties keep their order, also with others between them; only they are
// sent on.
static void test_lists_with_gaps(void **state)
{
    (void)state;
    size_t offset;
    mqw_bytes in = packet_with(
        place_of("PUBLISH"),
        "26 0001 61 0001 31  0b 01  01 00  26 0001 61 0001 32  0b 02  26 0001 62 0001 33  02 00000009  0b 03",
        &offset);
    expect_good(5, MQW_SERVER, in);
    mqw_list left = out.publish.props.user;
    mqw_pair pair;
    const char *const values[] = {"1", "2", "3"};
    for (size_t i = 0; i < 3; i++) {
        assert_true(mqw_next_pair(&left, &pair));
        expect_text(pair.value, values[i]);
    }
    assert_false(mqw_next_pair(&left, &pair));
    left = out.publish.props.subscription_ids;
    uint32_t id;
    for (uint32_t i = 1; i <= 3; i++) {
        assert_true(mqw_next_id(&left, &id));
        assert_int_equal(id, i);
    }
    assert_false(mqw_next_id(&left, &id));
    expect_encoded(
        5, MQW_SERVER,
        packet_with(
            place_of("PUBLISH"),
            "01 00  02 00000009  0b 01 0b 02 0b 03  26 0001 61 0001 31  26 0001 61 0001 32  26 0001 62 0001 33",
            &offset));
}

/* More than 127 bytes of properties, and more than that of a packet: both lengths grow after they were
 * guessed. */
static void test_lengths_grow(void **state)
{
    (void)state;
    for (size_t size = 100; size < 300; size++) {
        static char value[300];
        memset(value, 'v', sizeof value);
        mqw_packet packet = {.type = MQW_PUBACK, .puback.packet_id = 1};
        mqw_set(&packet.puback.props, reason_string, ((mqw_text){value, size}));
        mqw_codec codec = spoken(5, MQW_ANY, NULL);
        uint8_t room[400];
        int len = mqw_encode(&codec, &packet, room, sizeof room, &why);
        assert_true(len > 0);
        assert_int_equal(decode_with(5, MQW_ANY, NULL, hold(room, (size_t)len)), len);
        assert_int_equal(out.puback.props.reason_string.len, size);
        mqw_bytes again = hold(room, (size_t)len);
        expect_encoded(5, MQW_ANY, again);
    }
}

// section 2.1: no properties before 5.0.
static void test_before_5(void **state)
{
    (void)state;
    for (int version = 3; version <= 4; version++) {
        mqw_packet packet = {.type = MQW_PUBLISH, .publish = {.topic = text("a")}};
        mqw_set(&packet.publish.props, content_type, text("x"));
        mqw_set(&packet.publish.props, topic_alias, 1);
        expect_unsendable(version, MQW_ANY, &packet, MQW_E_REFUSED, MQW_RULE_NOT_IN_VERSION, "content_type");
        packet = (mqw_packet){.type = MQW_CONNECT,
                              .connect = {.version = (uint8_t)version, .client_id = text("a")}};
        packet.connect.has_will = true;
        packet.connect.will.topic = text("t");
        mqw_set(&packet.connect.will.props, will_delay, 1);
        expect_unsendable(version, MQW_ANY, &packet, MQW_E_REFUSED, MQW_RULE_NOT_IN_VERSION, "will_delay");
        packet = (mqw_packet){.type = MQW_DISCONNECT};
        packet.disconnect.props.has = 1;
        expect_unsendable(version, MQW_ANY, &packet, MQW_E_REFUSED, MQW_RULE_NOT_IN_VERSION, "props");
    }
}

/* What only a program can do wrong. */
static void test_misuse(void **state)
{
    (void)state;
    mqw_packet packet = {.type = MQW_PUBLISH, .publish = {.topic = text("a")}};
    packet.publish.props.has = 1;
    expect_unsendable(5, MQW_ANY, &packet, MQW_E_MISUSE, MQW_RULE_FIELD_RANGE, "props");
    packet.publish.props.has = UINT64_C(1) << 63;
    expect_unsendable(5, MQW_ANY, &packet, MQW_E_MISUSE, MQW_RULE_FIELD_RANGE, "props");
    packet.publish.props.has = 0;
    mqw_set(&packet.publish.props, content_type, ((mqw_text){NULL, 3}));
    expect_unsendable(5, MQW_ANY, &packet, MQW_E_MISUSE, MQW_RULE_FIELD_RANGE, "content_type");
    packet.publish.props.has = 0;
    static const uint8_t long_blob[65536];
    mqw_set(&packet.publish.props, correlation_data, ((mqw_bytes){long_blob, 65536}));
    expect_unsendable(5, MQW_ANY, &packet, MQW_E_MISUSE, MQW_RULE_TEXT_TOO_LONG, "correlation_data");
    packet.publish.props.has = 0;
    mqw_set(&packet.publish.props, user, ((mqw_list){{NULL, 3}}));
    expect_unsendable(5, MQW_ANY, &packet, MQW_E_MISUSE, MQW_RULE_FIELD_RANGE, "user");
    packet.publish.props.user.wire = hex("26 0001 61 0001");
    expect_unsendable(5, MQW_ANY, &packet, MQW_E_MISUSE, MQW_RULE_FIELD_RANGE, "user");
    packet.publish.props.user.wire = hex("77");
    expect_unsendable(5, MQW_ANY, &packet, MQW_E_MISUSE, MQW_RULE_FIELD_RANGE, "user");
    packet.publish.props.user.wire = (mqw_bytes){long_blob, (size_t)MQW_LENGTH_MAX + 1};
    expect_unsendable(5, MQW_ANY, &packet, MQW_E_MISUSE, MQW_RULE_FIELD_RANGE, "user");
}

/* A list that is set but empty says nothing. */
static void test_empty_lists(void **state)
{
    (void)state;
    out = (mqw_packet){.type = MQW_PUBACK, .puback.packet_id = 1};
    mqw_set(&out.puback.props, user, ((mqw_list){{NULL, 0}}));
    expect_encoded(5, MQW_ANY, hex("40 02 0001"));
    out = (mqw_packet){.type = MQW_PUBLISH, .publish.topic = text("a")};
    mqw_set(&out.publish.props, subscription_ids, ((mqw_list){{NULL, 0}}));
    expect_encoded(5, MQW_SERVER, hex("30 04 0001 61 00"));
}

static void test_sizes(void **state)
{
    (void)state;
    for (unsigned id = 0; id < 70; id++) {
        mqw_bytes whole = id < IDS && samples[id] ? hex(samples[id]) : hex("00 00000000000000");
        mqw_bytes value = {whole.data + 1, whole.len - 1};
        bool known = id < IDS && samples[id];
        assert_int_equal(mqw__property_size(id, value), known ? value.len : 0);
        for (size_t len = 0; known && len < value.len; len++)
            assert_int_equal(mqw__property_size(id, hold(value.data, len)), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_in_each_packet_from_each_side),
        cmocka_unit_test(test_each_is_sent_as_it_is_received),
        cmocka_unit_test(test_repeats),
        cmocka_unit_test(test_tolerated_repeat_takes_the_last),
        cmocka_unit_test(test_tolerated_misplaced_is_set),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_good_values),
        cmocka_unit_test(test_controls),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_overlong),
        cmocka_unit_test(test_overlong_is_mended),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_lists_with_gaps),
        cmocka_unit_test(test_lengths_grow),
        cmocka_unit_test(test_before_5),
        cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_empty_lists),
        cmocka_unit_test(test_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, release_held);
}
