// SPDX-License-Identifier: MIT
// PUBLISH (section 3.3), whole and in pieces.
#include "wire/codec.h"

#include "wire.h"

static void test_samples(void **state)
{
    (void)state;
    for (int version = 3; version <= 4; version++) {
        expect_sample(version, MQW_ANY, hex("300a 0004 74657374 74657374"));
        expect_text(out.publish.topic, "test");
        expect_bytes(out.publish.payload, "74657374");
        assert_int_equal(out.publish.qos, 0);
        assert_int_equal(out.publish.packet_id, 0);
        assert_int_equal(out.publish.payload_left, 0);
        assert_int_equal(out.publish.props.has, 0);
        assert_false(out.publish.dup || out.publish.retain);
        expect_sample(version, MQW_ANY, hex("3d0c 0004 74657374 000a 74657374"));
        assert_int_equal(out.publish.qos, 2);
        assert_int_equal(out.publish.packet_id, 10);
        assert_true(out.publish.dup && out.publish.retain);
        assert_true(out.dup && out.retain && out.qos == 2 && out.length == 12 && out.type == MQW_PUBLISH);
        expect_sample(version, MQW_ANY, hex("3006 0004 74657374"));
        assert_int_equal(out.publish.payload.len, 0);
        expect_sample(version, MQW_ANY, hex("3205 0001 61 0001"));
    }
    expect_sample(5, MQW_ANY, hex("3005 0001 61 00 78"));
    expect_sample(5, MQW_ANY, hex("3b0a 0001 61 ffff 02 01 01 7879"));
    expect_sample(5, MQW_ANY, hex("3008 0001 61 03 23 0001 78"));
    expect_sample(5, MQW_ANY, hex("3006 0000 03 23 0001")); // MQTT-3.3.2-8: an alias stands for the topic
    assert_int_equal(out.publish.topic.len, 0);
}

// MQTT-3.3.1-4
static void test_qos_3(void **state)
{
    (void)state;
    for (int version = 3; version <= 5; version++)
        for (unsigned flags = 6; flags < 16; flags++)
            if ((flags & 6) == 6)
                expect_always(version, MQW_ANY, packet_hex(0x30 | flags, "0001 61 0001 00"), MQW_RULE_QOS, 0,
                              "qos");
}

// MQTT-3.3.1-2; 3.1 does not say so.
static void test_dup_of_qos_0(void **state)
{
    (void)state;
    for (int version = 4; version <= 5; version++) {
        expect_rule(version, MQW_ANY, packet_hex(0x38, "0001 61 00"), MQW_RULE_DUP_QOS_0, 0, "dup");
        mqw_packet packet = {.type = MQW_PUBLISH, .publish = {.topic = text("a"), .dup = true}};
        expect_unsendable(version, MQW_ANY, &packet,
                          mqw__rule(MQW_RULE_DUP_QOS_0)->misuse ? MQW_E_MISUSE : MQW_E_REFUSED,
                          MQW_RULE_DUP_QOS_0, "dup");
    }
    expect_sample(3, MQW_ANY, packet_hex(0x38, "0001 61 00"));
}

// MQTT-2.3.1-1 MQTT-2.2.1-3
static void test_packet_id(void **state)
{
    (void)state;
    for (int version = 3; version <= 5; version++)
        for (unsigned qos = 1; qos <= 2; qos++) {
            mqw_bytes in = packet_hex(0x30 | qos << 1, "0001 61 0000 00");
            expect_rule(version, MQW_ANY, in, MQW_RULE_PACKET_ID_ZERO, 5, "packet_id");
            mqw_packet packet = {.type = MQW_PUBLISH, .publish = {.topic = text("a"), .qos = (uint8_t)qos}};
            expect_unsendable(version, MQW_ANY, &packet, MQW_E_MISUSE, MQW_RULE_PACKET_ID_ZERO, "packet_id");
        }
}

// MQTT-2.3.1-5 MQTT-2.2.1-2: a PUBLISH of QoS 0 has no packet identifier.
static void test_sending_misuse(void **state)
{
    (void)state;
    for (int version = 3; version <= 5; version++) {
        mqw_packet packet = {.type = MQW_PUBLISH, .publish = {.topic = text("a"), .packet_id = 1}};
        expect_unsendable(version, MQW_ANY, &packet, MQW_E_MISUSE, MQW_RULE_FIELD_RANGE, "packet_id");
        for (unsigned qos = 3; qos < 256; qos++) {
            packet.publish.qos = (uint8_t)qos;
            expect_unsendable(version, MQW_ANY, &packet, MQW_E_MISUSE, MQW_RULE_FIELD_RANGE, "qos");
        }
        packet = (mqw_packet){.type = MQW_PUBLISH, .publish = {.topic = {NULL, 1}}};
        expect_unsendable(version, MQW_ANY, &packet, MQW_E_MISUSE, MQW_RULE_FIELD_RANGE, "topic");
        packet = (mqw_packet){.type = MQW_PUBLISH, .publish = {.topic = text("a"), .payload = {NULL, 1}}};
        expect_unsendable(version, MQW_ANY, &packet, MQW_E_MISUSE, MQW_RULE_FIELD_RANGE, "payload");
        packet = (mqw_packet){.type = MQW_PUBLISH, .publish = {.topic = text("a"), .payload_left = 1}};
        expect_unsendable(version, MQW_ANY, &packet, MQW_E_MISUSE, MQW_RULE_FIELD_RANGE, "payload_left");
        static char long_topic[65536];
        memset(long_topic, 'a', sizeof long_topic);
        packet = (mqw_packet){.type = MQW_PUBLISH, .publish = {.topic = {long_topic, 65536}}};
        expect_unsendable(version, MQW_ANY, &packet, MQW_E_MISUSE, MQW_RULE_TEXT_TOO_LONG, "topic");
    }
}

// MQTT-4.7.3-1: an empty topic, in 5.0 only without an alias (section 3.3.2.3.4).
static void test_empty_topic(void **state)
{
    (void)state;
    for (int version = 3; version <= 5; version++) {
        mqw_bytes in = packet_hex(0x30, version == 5 ? "0000 00" : "0000");
        expect_rule(version, MQW_ANY, in, MQW_RULE_TOPIC_EMPTY, 2, "topic");
        mqw_packet packet = {.type = MQW_PUBLISH};
        expect_unsendable(version, MQW_ANY, &packet, MQW_E_REFUSED, MQW_RULE_TOPIC_EMPTY, "topic");
    }
}

// MQTT-3.3.2-2 MQTT-4.7.1-1
static void test_wildcards(void **state)
{
    (void)state;
    for (int version = 3; version <= 5; version++) {
        const char *end = version == 5 ? "00" : "";
        char body[64];
        snprintf(body, sizeof body, "0003 612f23 %s", end);
        expect_rule(version, MQW_ANY, packet_hex(0x30, body), MQW_RULE_TOPIC_WILDCARD, 2, "topic");
        snprintf(body, sizeof body, "0001 2b %s", end);
        expect_rule(version, MQW_ANY, packet_hex(0x30, body), MQW_RULE_TOPIC_WILDCARD, 2, "topic");
        mqw_packet packet = {.type = MQW_PUBLISH, .publish = {.topic = text("a/+")}};
        expect_unsendable(version, MQW_ANY, &packet, MQW_E_REFUSED, MQW_RULE_TOPIC_WILDCARD, "topic");
    }
}

// MQTT-3.3.2-1 MQTT-1.5.4-1 MQTT-1.5.4-2: topics are UTF-8; 3.1 receives what it likes, but we do not send
// it.
static void test_text_of_topic(void **state)
{
    (void)state;
    for (int version = 4; version <= 5; version++) {
        expect_rule(version, MQW_ANY, packet_hex(0x30, "0003 61ff62 00"), MQW_RULE_UTF8, 2, "topic");
        expect_rule(version, MQW_ANY, packet_hex(0x30, "0003 610062 00"), MQW_RULE_UTF8_NUL, 2, "topic");
        mqw_bytes control = packet_hex(0x30, "0001 01 00");
        expect_good(version, MQW_ANY, control);
        expect_policies(version, MQW_ANY, control, MQW_RULE_UTF8_CONTROL);
        expect_encoded(version, MQW_ANY, control);
    }
    expect_good(3, MQW_ANY, packet_hex(0x30, "0003 61ff62"));
    expect_good(3, MQW_ANY, packet_hex(0x30, "0003 610062"));
    mqw_packet packet = out;
    expect_unsendable(3, MQW_ANY, &packet, MQW_E_REFUSED, MQW_RULE_UTF8_NUL, "topic");
    packet.publish.topic = text("a\xff");
    expect_unsendable(3, MQW_ANY, &packet, MQW_E_REFUSED, MQW_RULE_UTF8, "topic");
}

/* Each rule by itself: two at once are both reported. */
static void test_two_reports(void **state)
{
    (void)state;
    mqw_policy policy = {.report = {{~UINT64_C(0), ~UINT64_C(0)}}};
    mqw_bytes in = packet_hex(0x38, "0003 ff002b 00");
    assert_int_equal(decode_with(4, MQW_ANY, &policy, in), in.len);
    assert_true(violated(MQW_RULE_UTF8) && violated(MQW_RULE_UTF8_NUL) && violated(MQW_RULE_TOPIC_WILDCARD) &&
                violated(MQW_RULE_DUP_QOS_0));
    assert_false(violated(MQW_RULE_TOPIC_EMPTY));
    expect_good(4, MQW_ANY, packet_hex(0x30, "0001 61")); /* and forgotten by the next packet */
}

// section 3.3.2.3.2
static void test_payload_format(void **state)
{
    (void)state;
    mqw_bytes in = packet_hex(0x30, "0001 61 02 01 01 ff");
    expect_good(5, MQW_ANY, in);
    expect_policies(5, MQW_ANY, in, MQW_RULE_PAYLOAD_FORMAT);
    expect_encoded(5, MQW_ANY, in);
    mqw_policy refuse = {0};
    mqw_rule_add(&refuse.refuse, MQW_RULE_PAYLOAD_FORMAT);
    assert_true(decode_with(5, MQW_ANY, &refuse, in) < 0);
    assert_int_equal(why.offset, 8);
    assert_string_equal(why.field, "payload");
    assert_int_equal(decode_with(5, MQW_ANY, &refuse, packet_hex(0x30, "0001 61 02 01 01 00c3a9")), 11);
    assert_int_equal(decode_with(5, MQW_ANY, &refuse, packet_hex(0x30, "0001 61 02 01 00 ff")), 9);
    assert_int_equal(decode_with(5, MQW_ANY, &refuse, packet_hex(0x30, "0001 61 00 ff")), 7);
}

static void test_cut_inside(void **state)
{
    (void)state;
    expect_always(4, MQW_ANY, hex("3000"), MQW_RULE_TRUNCATED, 2, "topic");
    expect_always(4, MQW_ANY, hex("3001 00"), MQW_RULE_TRUNCATED, 2, "topic");
    expect_always(4, MQW_ANY, hex("3003 0002 61"), MQW_RULE_TRUNCATED, 2, "topic");
    expect_always(4, MQW_ANY, hex("3204 0001 61 00"), MQW_RULE_TRUNCATED, 5, "packet_id");
    expect_always(5, MQW_ANY, hex("3205 0001 61 0001"), MQW_RULE_TRUNCATED, 7, "properties");
}

/* Payloads around the sizes at which the length needs another byte, and at which copies change their way. */
static void test_payload_sizes(void **state)
{
    (void)state;
    static uint8_t payload[2097152 + 100];
    for (size_t i = 0; i < sizeof payload; i++)
        payload[i] = (uint8_t)(i * 31);
    static const size_t around[] = {0, 16, 32, 64, 124, 144, 2048, 16380, 2097148};
    for (size_t k = 0; k < sizeof around / sizeof *around; k++)
        for (size_t len = around[k]; len < around[k] + 8; len++)
            for (int version = 3; version <= 5; version++)
                for (uint8_t qos = 0; qos < 2; qos++) {
                    mqw_codec codec = spoken(version, MQW_ANY, NULL);
                    mqw_packet packet = {
                        .type = MQW_PUBLISH,
                        .publish = {
                            .topic = text("a"), .payload = {payload, len}, .qos = qos, .packet_id = qos}};
                    size_t body = 3 + (qos ? 2u : 0) + (version == 5) + len;
                    size_t size = 1 + (body < 128 ? 1u : body < 16384 ? 2u : body < 2097152 ? 3u : 4u) + body;
                    for (size_t spare = 0; spare < 9; spare += 4) {
                        uint8_t *room = malloc(size + spare);
                        assert_non_null(room);
                        assert_int_equal(mqw_encode(&codec, &packet, room, size + spare, &why), size);
                        assert_int_equal(decode_with(version, MQW_ANY, NULL, (mqw_bytes){room, size}), size);
                        assert_int_equal(out.publish.payload.len, len);
                        assert_memory_equal(out.publish.payload.data, payload, len);
                        assert_int_equal(mqw_encode(&codec, &packet, room, size - 1, &why), MQW_E_NO_ROOM);
                        assert_int_equal(why.offset, size);
                        free(room);
                    }
                    if (len > 20000)
                        break;
                }
}

/* Properties whose length was not foreseen, in front of a payload. */
static void test_properties_move_the_head(void **state)
{
    (void)state;
    static char value[200];
    memset(value, 'v', sizeof value);
    static const uint8_t payload[300];
    for (size_t prop = 0; prop < sizeof value; prop++)
        for (size_t len = 0; len < sizeof payload; len += 37) {
            mqw_codec codec = spoken(5, MQW_ANY, NULL);
            mqw_packet packet = {.type = MQW_PUBLISH,
                                 .publish = {.topic = text("a"), .payload = {payload, len}}};
            mqw_set(&packet.publish.props, content_type, ((mqw_text){value, prop}));
            uint8_t room[600];
            int size = mqw_encode(&codec, &packet, room, sizeof room, &why);
            assert_true(size > 0);
            assert_int_equal(decode_with(5, MQW_ANY, NULL, (mqw_bytes){room, (size_t)size}), size);
            assert_int_equal(out.publish.props.content_type.len, prop);
            assert_int_equal(out.publish.payload.len, len);
            assert_int_equal(mqw_encode(&codec, &packet, room, (size_t)size - 1, &why), MQW_E_NO_ROOM);
            assert_int_equal(why.offset, size);
        }
}

/* A length that was foreseen as longer than it is, in a room that fits exactly. */
static void test_too_much_foreseen(void **state)
{
    (void)state;
    static char topic[130];
    memset(topic, 't', sizeof topic);
    for (size_t len = 60; len < sizeof topic; len++) {
        out = (mqw_packet){.type = MQW_PUBLISH,
                           .publish = {.topic = {topic, len}, .payload = {(const uint8_t *)"p", 1}}};
        mqw_set(&out.publish.props, payload_format, 1);
        mqw_codec codec = spoken(5, MQW_ANY, NULL);
        uint8_t room[200];
        int size = mqw_encode(&codec, &out, room, sizeof room, &why);
        size_t body = 2 + len + 3 + 1;
        assert_int_equal(size, 1u + (body < 128 ? 1u : 2u) + body);
        expect_encoded(5, MQW_ANY, hold(room, (size_t)size));
    }
}

// section 2.2.3: the largest Remaining Length, and one more.
static void test_largest(void **state)
{
    (void)state;
    mqw_codec codec = spoken(4, MQW_CLIENT, NULL);
    uint8_t room[16];
    mqw_packet packet = {.type = MQW_PUBLISH,
                         .publish = {.topic = text("a"), .payload = {NULL, MQW_LENGTH_MAX - 3}}};
    assert_int_equal(mqw_encode_head(&codec, &packet, room, sizeof room, &why), 8);
    expect_bytes((mqw_bytes){room, 8}, "30 ffffff7f 0001 61");
    packet.publish.payload.len++;
    assert_int_equal(mqw_encode_head(&codec, &packet, room, sizeof room, &why), MQW_E_TOO_LARGE);
    assert_int_equal(why.rule, MQW_RULE_PACKET_SIZE_SERVER);
    assert_int_equal(why.reason, MQW_REASON_PACKET_TOO_LARGE);
    codec.sender = MQW_SERVER;
    packet.publish.payload.len = SIZE_MAX;
    assert_int_equal(mqw_encode_head(&codec, &packet, room, sizeof room, &why), MQW_E_TOO_LARGE);
    assert_int_equal(why.rule, MQW_RULE_PACKET_SIZE_CLIENT);
    packet.publish.payload.data = room;
    assert_int_equal(mqw_encode(&codec, &packet, room, sizeof room, &why), MQW_E_TOO_LARGE);
    packet.publish.payload.len = (size_t)MQW_LENGTH_MAX - 3;
    assert_int_equal(mqw_encode(&codec, &packet, room, sizeof room, &why), MQW_E_NO_ROOM);
    assert_int_equal(why.offset, MQW_PACKET_MAX);
}

/* A head that came in pieces goes on in pieces. */
static void test_head_alone(void **state)
{
    (void)state;
    mqw_codec codec = spoken(5, MQW_ANY, NULL);
    uint8_t room[16];
    mqw_packet packet = {
        .type = MQW_PUBLISH,
        .publish = {
            .topic = text("a"), .payload = {room, 100}, .payload_left = 200, .qos = 1, .packet_id = 7}};
    assert_int_equal(mqw_encode_head(&codec, &packet, room, sizeof room, &why), 9);
    expect_bytes((mqw_bytes){room, 9}, "32 b202 0001 61 0007 00");
    assert_int_equal(mqw_encode_head(&codec, &packet, room, 8, &why), MQW_E_NO_ROOM);
    assert_int_equal(why.offset, 9);
    packet = (mqw_packet){.type = MQW_PINGREQ};
    assert_int_equal(mqw_encode_head(&codec, &packet, room, sizeof room, &why), 2);
}

/* ---- in pieces ---- */

static const struct {
    int version;
    const char *packet;
    size_t head; /* of the body */
} streamed[] = {
    {3, "3008 0001 61 7879787978", 3},          {4, "320a 0001 61 0001 7879787978", 5},
    {5, "300b 0001 61 02 01 00 7879787978", 6}, {5, "340f 0001 61 ffff 04 03 0001 63 7879787978", 10},
    {5, "3009 0001 61 00 7879787978", 4},       {4, "3003 0001 61", 3},
};

static void test_head_size(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof streamed / sizeof *streamed; i++) {
        mqw_bytes in = hex(streamed[i].packet);
        mqw__header header;
        assert_int_equal(mqw__header_read(in, &header), 2);
        for (size_t len = 0; len <= in.len - 2; len++) {
            uint32_t need = 0;
            mqw_bytes so_far = hold(in.data + 2, len);
            int known = mqw__publish_head_size((uint8_t)streamed[i].version, &header, so_far, &need);
            assert_true(known >= 0);
            if (known) {
                assert_int_equal(need, streamed[i].head);
            } else {
                assert_true(need > len && need <= streamed[i].head);
                assert_true(len < streamed[i].head);
            }
        }
    }
}

static void test_head_size_past_the_end(void **state)
{
    (void)state;
    static const struct {
        int version;
        const char *packet;
    } rows[] = {{4, "3001 00"},         {4, "3003 0002 61"},       {4, "3204 0001 61 00"},
                {5, "3003 0001 61"},    {5, "3005 0001 61 02 01"}, {5, "3007 0001 61 ffffffff"},
                {5, "3004 0001 61 80"}, {3, "3003 ffff 61"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        mqw_bytes in = hex(rows[i].packet);
        mqw__header header;
        assert_int_equal(mqw__header_read(in, &header), 2);
        uint32_t need = 0;
        assert_int_equal(mqw__publish_head_size((uint8_t)rows[i].version, &header,
                                                (mqw_bytes){in.data + 2, in.len - 2}, &need),
                         MQW_E_MALFORMED);
    }
}

static void test_decoding_heads(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof streamed / sizeof *streamed; i++) {
        mqw_bytes in = hex(streamed[i].packet);
        mqw_codec codec = spoken(streamed[i].version, MQW_ANY, NULL);
        mqw__header header;
        mqw__header_read(in, &header);
        mqw_bytes head = hold(in.data + 2, streamed[i].head);
        memset(&out, 0xA5, sizeof out);
        assert_int_equal(mqw__decode_publish_head(&codec, header, head.data, head.len, &out, &why), 0);
        expect_text(out.publish.topic, "a");
        assert_int_equal(out.publish.payload.len, 0);
        assert_int_equal(out.publish.payload_left, in.len - 2 - head.len);
        assert_int_equal(out.length, in.len - 2);
        mqw_bytes body = hold(in.data + 2, in.len - 2);
        assert_int_equal(mqw__decode_body(&codec, header, body.data, &out, &why), 0);
        assert_int_equal(out.publish.payload_left, 0);
        assert_int_equal(out.publish.payload.len, in.len - 2 - head.len);
    }
    mqw_codec codec = spoken(4, MQW_ANY, NULL);
    mqw__header header = {0x30, 5, 1000000};
    mqw_bytes head = hex("0001 2b");
    assert_true(mqw__decode_publish_head(&codec, header, head.data, head.len, &out, &why) < 0);
    assert_int_equal(why.rule, MQW_RULE_TOPIC_WILDCARD);
    assert_int_equal(why.offset, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_qos_3),
        cmocka_unit_test(test_dup_of_qos_0),
        cmocka_unit_test(test_packet_id),
        cmocka_unit_test(test_sending_misuse),
        cmocka_unit_test(test_empty_topic),
        cmocka_unit_test(test_wildcards),
        cmocka_unit_test(test_text_of_topic),
        cmocka_unit_test(test_two_reports),
        cmocka_unit_test(test_payload_format),
        cmocka_unit_test(test_cut_inside),
        cmocka_unit_test(test_payload_sizes),
        cmocka_unit_test(test_properties_move_the_head),
        cmocka_unit_test(test_too_much_foreseen),
        cmocka_unit_test(test_largest),
        cmocka_unit_test(test_head_alone),
        cmocka_unit_test(test_head_size),
        cmocka_unit_test(test_head_size_past_the_end),
        cmocka_unit_test(test_decoding_heads),
    };
    return cmocka_run_group_tests(tests, NULL, release_held);
}
