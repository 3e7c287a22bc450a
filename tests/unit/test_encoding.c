// SPDX-License-Identifier: MIT
// Parts of a packet as text: each encoding, bad sequences, characters cut in two between pieces, bounds.
#include "conn/inside.h"
#include "unit/two_ends.h"

static mqw_packet publish_of(mqw_bytes payload)
{
    return (mqw_packet){.type = MQW_PUBLISH, .publish = {.topic = MQW_TEXT("t"), .payload = payload}};
}

static void text_is(mqw_text text, const char *expected)
{
    assert_non_null(text.data);
    assert_int_equal(text.len, strlen(expected));
    assert_memory_equal(text.data, expected, text.len);
}

static const char *const names[] = {"binary", "utf8", "ascii", "latin1", "utf16le", "hex", "base64"};

static const struct {
    mqw_encoding encoding;
    const char *bytes;
    const char *text;
} samples[] = {
    {MQW_BINARY, "'abc'", "abc"},
    {MQW_BINARY, "", ""},
    {MQW_UTF8, "", ""},
    {MQW_UTF8, "'abc'", "abc"},
    {MQW_UTF8, "c3a9 e282ac f09f9880 f48fbfbf", "\u00e9\u20ac\U0001F600\U0010FFFF"},
    {MQW_UTF8, "'a' 80 'b'", "a\uFFFDb"},
    {MQW_UTF8, "c080 'a'", "\uFFFD\uFFFDa"},         // overlong
    {MQW_UTF8, "e08080 'a'", "\uFFFD\uFFFD\uFFFDa"}, // overlong
    {MQW_UTF8, "eda080 'a'", "\uFFFD\uFFFD\uFFFDa"}, // a surrogate
    {MQW_UTF8, "f0808080 'a'", "\uFFFD\uFFFD\uFFFD\uFFFDa"},
    {MQW_UTF8, "f4908080 'a'", "\uFFFD\uFFFD\uFFFD\uFFFDa"}, // above U+10FFFF
    {MQW_UTF8, "f5 ff 'a'", "\uFFFD\uFFFDa"},
    {MQW_UTF8, "e282 'a'", "\uFFFDa"}, // the longest beginning is one
    {MQW_UTF8, "f09f98 'a' e2 c3a9", "\uFFFDa\uFFFD\u00e9"},
    {MQW_UTF8, "'a' f09f98", "a\uFFFD"},
    {MQW_UTF8, "'a' c3", "a\uFFFD"},
    {MQW_UTF8, "ed9fbf ee8080", "\uD7FF\uE000"},
    {MQW_ASCII, "'az' 7f 80 ff", "az\x7f\uFFFD\uFFFD"},
    {MQW_LATIN1, "'az' 7f 80 e9 ff", "az\x7f\xc2\x80\u00e9\u00ff"},
    {MQW_UTF16LE, "6100 e900 ac20", "a\u00e9\u20ac"},
    {MQW_UTF16LE, "3dd8 00de 6100", "\U0001F600a"},
    {MQW_UTF16LE, "ffdb ffdf", "\U0010FFFF"},
    {MQW_UTF16LE, "00de 6100", "\uFFFDa"}, // a low surrogate alone
    {MQW_UTF16LE, "3dd8 6100", "\uFFFDa"}, // a high one
    {MQW_UTF16LE, "6100 62", "a\uFFFD"},
    {MQW_UTF16LE, "6100 3dd8", "a\uFFFD"},
    {MQW_UTF16LE, "6100 3dd8 00", "a\uFFFD\uFFFD"},
    {MQW_HEX, "00 7f ff a5", "007fffa5"},
    {MQW_HEX, "", ""},
    {MQW_BASE64, "", ""},
    {MQW_BASE64, "'f'", "Zg=="},
    {MQW_BASE64, "'fo'", "Zm8="},
    {MQW_BASE64, "'foo'", "Zm9v"},
    {MQW_BASE64, "'foob'", "Zm9vYg=="},
    {MQW_BASE64, "'fooba'", "Zm9vYmE="},
    {MQW_BASE64, "'foobar'", "Zm9vYmFy"},
    {MQW_BASE64, "fbff bf", "+/+/"},
};

static void each_encoding(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(samples); i++) {
        mqw_conn *conn = make(MQW_SERVER, NULL);
        assert_int_equal(mqw_conn_set_encoding(conn, samples[i].encoding), 0);
        mqw_packet packet = publish_of(hex(samples[i].bytes));
        mqw_text text = mqw_text_of(conn, &packet, MQW_PAYLOAD);
        if (text.len != strlen(samples[i].text) || memcmp(text.data, samples[i].text, text.len))
            fail_msg("%s of %s: %.*s", names[samples[i].encoding], samples[i].bytes, (int)text.len,
                     text.data);
        mqw_conn_free(conn);
    }
}

// No copy by default, nor for what is as it is.
static void binary_is_no_copy(void **state)
{
    (void)state;
    mqw_conn *conn = make(MQW_SERVER, NULL);
    mqw_packet packet = publish_of(hex("00 ff 80"));
    mqw_text text = mqw_text_of(conn, &packet, MQW_PAYLOAD);
    assert_ptr_equal(text.data, packet.publish.payload.data);
    assert_int_equal(text.len, 3);
    assert_int_equal(mqw_conn_set_encoding(conn, MQW_HEX), 0);
    assert_int_equal(mqw_conn_set_encoding(conn, MQW_BINARY), 0);
    assert_ptr_equal(mqw_text_of(conn, &packet, MQW_PAYLOAD).data, packet.publish.payload.data);
    mqw_conn_free(conn);
}

static void unknown_encoding(void **state)
{
    (void)state;
    mqw_conn *conn = make(MQW_SERVER, NULL);
    assert_int_equal(mqw_conn_set_encoding(conn, MQW_HEX), 0);
    refused_by(conn, mqw_conn_set_encoding(conn, (mqw_encoding)7), MQW_E_MISUSE, MQW_RULE_FIELD_RANGE,
               "encoding");
    refused_by(conn, mqw_conn_set_encoding(conn, (mqw_encoding)-1), MQW_E_MISUSE, MQW_RULE_FIELD_RANGE,
               "encoding");
    mqw_packet packet = publish_of(hex("ff"));
    text_is(mqw_text_of(conn, &packet, MQW_PAYLOAD), "ff"); // the old one stays
    mqw_conn_free(conn);
}

// ---- parts ----

static void each_part(void **state)
{
    (void)state;
    mqw_conn *conn = make(MQW_SERVER, NULL);
    mqw_packet packet;
    assert_int_equal(mqw_conn_set_encoding(conn, MQW_HEX), 0);
    mqw_bytes in = hex("10 1e 0004 'MQTT' 04 c6 0000 0001 'c' 0001 'w' 0003 ff0000 0002 c3a9 0003 00ff01");
    assert_int_equal(mqw_conn_recv(conn, &in, &packet), 1);
    text_is(mqw_text_of(conn, &packet, MQW_WILL_PAYLOAD), "ff0000");
    text_is(mqw_text_of(conn, &packet, MQW_USERNAME), "c3a9");
    text_is(mqw_text_of(conn, &packet, MQW_PASSWORD), "00ff01");
    assert_null(mqw_text_of(conn, &packet, MQW_PAYLOAD).data);
    assert_null(mqw_text_of(conn, &packet, (mqw_part)4).data);
    same_bytes(packet.connect.password, hex("00ff01")); // what the packet holds is not affected
    mqw_conn_free(conn);
}

static void absent_parts(void **state)
{
    (void)state;
    mqw_conn *conn = make(MQW_SERVER, NULL);
    mqw_packet packet = packet_of("CONNECT client_id=\"c\"");
    for (int encoding = MQW_BINARY; encoding <= MQW_BASE64; encoding++) {
        assert_int_equal(mqw_conn_set_encoding(conn, (mqw_encoding)encoding), 0);
        for (int part = MQW_PAYLOAD; part <= MQW_PASSWORD; part++) {
            mqw_text text = mqw_text_of(conn, &packet, (mqw_part)part);
            assert_null(text.data);
            assert_int_equal(text.len, 0);
        }
    }
    mqw_packet publish = publish_of(hex("00"));
    assert_null(mqw_text_of(conn, &publish, MQW_USERNAME).data);
    assert_null(mqw_text_of(conn, &publish, MQW_WILL_PAYLOAD).data);
    mqw_packet ping = {.type = MQW_PINGREQ};
    assert_null(mqw_text_of(conn, &ping, MQW_PAYLOAD).data);
    mqw_conn_free(conn);
}

// A part that is there but empty is a text.
static void empty_parts(void **state)
{
    (void)state;
    mqw_conn *conn = make(MQW_SERVER, NULL);
    mqw_packet packet;
    for (int encoding = MQW_BINARY; encoding <= MQW_BASE64; encoding++) {
        assert_int_equal(mqw_conn_set_encoding(conn, (mqw_encoding)encoding), 0);
        mqw_conn *source = make(MQW_ANY, NULL);
        mqw_bytes in = hex("10 11 0004 'MQTT' 04 c2 0000 0001 'c' 0000 0000 30 03 0001 't'");
        assert_int_equal(mqw_conn_recv(source, &in, &packet), 1);
        text_is(mqw_text_of(conn, &packet, MQW_USERNAME), "");
        text_is(mqw_text_of(conn, &packet, MQW_PASSWORD), "");
        assert_int_equal(mqw_conn_recv(source, &in, &packet), 1);
        text_is(mqw_text_of(conn, &packet, MQW_PAYLOAD), "");
        mqw_conn_free(source);
    }
    mqw_conn_free(conn);
}

// ---- pieces ----

// A character that is cut between two pieces comes with the second; whatever the cuts, the texts together are
// the whole.
static void pieces_give_the_same(size_t sample, size_t step)
{
    mqw_conn *conn = opened(MQW_SERVER, 4, &(mqw_conn_options){.stream_over = 1});
    assert_int_equal(mqw_conn_set_encoding(conn, samples[sample].encoding), 0);
    mqw_bytes payload = hex(samples[sample].bytes);
    uint8_t head[5] = {0x30, (uint8_t)(3 + payload.len), 0, 1, 't'};
    mqw_packet packet;
    char together[200] = "";
    mqw_bytes in = {head, sizeof head};
    assert_int_equal(mqw_conn_recv(conn, &in, &packet), 1);
    for (size_t at = 0; at < payload.len; at += step) {
        in = (mqw_bytes){payload.data + at, payload.len - at < step ? payload.len - at : step};
        assert_int_equal(mqw_conn_recv(conn, &in, &packet), 2);
        mqw_text text = mqw_text_of(conn, &packet, MQW_PAYLOAD);
        assert_non_null(text.data);
        strncat(together, text.data, text.len);
    }
    assert_string_equal(together, samples[sample].text);
    mqw_conn_free(conn);
}

static void characters_cut_between_pieces(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(samples); i++)
        for (size_t step = 1; step <= 8; step++)
            if (hex(samples[i].bytes).len > 1)
                pieces_give_the_same(i, step);
}

// Nothing is carried over from one payload to the next.
static void payloads_are_apart(void **state)
{
    (void)state;
    mqw_conn *conn = opened(MQW_SERVER, 4, &(mqw_conn_options){.stream_over = 1});
    assert_int_equal(mqw_conn_set_encoding(conn, MQW_UTF8), 0);
    mqw_packet packet;
    mqw_bytes in = hex("30 06 0001 't' e282"), rest = hex("ac 30 06 0001 't' 'abc'");
    assert_int_equal(mqw_conn_recv(conn, &in, &packet), 1);
    assert_int_equal(mqw_conn_recv(conn, &in, &packet), 2);
    text_is(mqw_text_of(conn, &packet, MQW_PAYLOAD), "");
    assert_int_equal(mqw_conn_recv(conn, &rest, &packet), 2); // of which nobody asks for the text
    assert_int_equal(mqw_conn_recv(conn, &rest, &packet), 1);
    text_is(mqw_text_of(conn, &packet, MQW_PAYLOAD), "");
    assert_int_equal(mqw_conn_recv(conn, &rest, &packet), 2);
    text_is(mqw_text_of(conn, &packet, MQW_PAYLOAD), "abc");
    mqw_conn_free(conn);
}

// ---- bounds ----

static void texts_are_bounded(void **state)
{
    (void)state;
    mqw_conn *conn = make(MQW_SERVER, &(mqw_conn_options){.max_text = 6});
    assert_int_equal(mqw_conn_set_encoding(conn, MQW_HEX), 0);
    mqw_packet fits = publish_of(hex("010203")), too_long = publish_of(hex("01020304"));
    text_is(mqw_text_of(conn, &fits, MQW_PAYLOAD), "010203");
    mqw_text text = mqw_text_of(conn, &too_long, MQW_PAYLOAD);
    assert_null(text.data);
    assert_int_equal(text.len, 0);
    text_is(mqw_text_of(conn, &fits, MQW_PAYLOAD), "010203");
    mqw_conn_free(conn);
}

// The text counts among what connections hold, and goes with the packet.
static void texts_are_counted(void **state)
{
    (void)state;
    static const uint8_t zeros[3000];
    heap memory = {0};
    mqw_allocator allocator = heap_allocator(&memory);
    mqw_conn *conn = opened(MQW_SERVER, 4, &(mqw_conn_options){.allocator = &allocator, .max_total = 10000});
    assert_int_equal(mqw_conn_set_encoding(conn, MQW_HEX), 0);
    mqw_packet packet = publish_of((mqw_bytes){zeros, 3000});
    assert_int_equal(mqw_text_of(conn, &packet, MQW_PAYLOAD).len, 6000);
    assert_true(mqw_conn_config(conn)->held >= 6000);
    mqw_packet small = publish_of(hex("ff"));
    unsigned before = memory.allocations;
    text_is(mqw_text_of(conn, &small, MQW_PAYLOAD), "ff"); // in the same place
    assert_int_equal(memory.allocations, before);
    mqw_bytes nothing = {NULL, 0};
    assert_int_equal(mqw_conn_recv(conn, &nothing, &packet), 0);
    assert_int_equal(mqw_conn_config(conn)->held, 0);
    packet = publish_of((mqw_bytes){zeros, 3000});
    assert_int_equal(mqw_conn_send_raw(conn, (mqw_bytes){zeros, 3000}), 0);
    assert_int_equal(mqw_conn_send_raw(conn, (mqw_bytes){zeros, 3000}), 0);
    assert_null(mqw_text_of(conn, &packet, MQW_PAYLOAD).data); // the total is used up
    mqw_conn_free(conn);
    assert_int_equal(memory.held, 0);
}

// Sending is never affected.
static void sending_is_not_affected(void **state)
{
    (void)state;
    mqw_conn *conn = opened(MQW_SERVER, 4, NULL);
    assert_int_equal(mqw_conn_set_encoding(conn, MQW_BASE64), 0);
    says(conn, "PUBLISH topic=\"t\" payload=0xff00");
    writes(conn, "30 05 0001 't' ff00");
    mqw_conn_free(conn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_encoding),
        cmocka_unit_test(binary_is_no_copy),
        cmocka_unit_test(unknown_encoding),
        cmocka_unit_test(each_part),
        cmocka_unit_test(absent_parts),
        cmocka_unit_test(empty_parts),
        cmocka_unit_test(characters_cut_between_pieces),
        cmocka_unit_test(payloads_are_apart),
        cmocka_unit_test(texts_are_bounded),
        cmocka_unit_test(texts_are_counted),
        cmocka_unit_test(sending_is_not_affected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
