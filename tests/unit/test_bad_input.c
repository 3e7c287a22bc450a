// SPDX-License-Identifier: MIT
// Any byte sequence, in any chunking, on either role: packets, or one clear error.
#include "conn/inside.h"
#include "unit/two_ends.h"

// ---- much of it ----

static void count_packets(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    (void)conn;
    (void)packet;
    ++*(unsigned *)ctx;
}

static void ten_thousand_packets_in_one_chunk(void **state)
{
    (void)state;
    static uint8_t pings[20000];
    unsigned count = 0;
    const mqw_handlers handlers = {.pingreq = count_packets};
    for (size_t i = 0; i < sizeof pings; i += 2)
        pings[i] = 0xC0;
    heap memory = {0};
    mqw_allocator allocator = heap_allocator(&memory);
    mqw_conn *server = opened(MQW_SERVER, 4, &(mqw_conn_options){.allocator = &allocator});
    mqw_conn_handle_shared(server, &handlers, &count);
    size_t before = memory.peak;
    mqw_bytes in = {pings, sizeof pings};
    assert_int_equal(mqw_conn_dispatch(server, &in, NULL, NULL), 0);
    assert_int_equal(count, 10000);
    assert_int_equal(memory.peak, before);
    mqw_conn_free(server);
}

// ---- a peer that speaks something else ----

static void who_speaks_http(void **state)
{
    (void)state;
    static const char *const requests[] = {
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /x HTTP/1.1\r\n\r\n",
        "HEAD / HTTP/1.0\r\n\r\n",
        "PUT / HTTP/1.1\r\n\r\n",
        "DELETE / HTTP/1.1\r\n",
        "OPTIONS * HTTP/1.1\r\n",
        "CONNECT a:1 HTTP/1.1\r\n",
        "PATCH / HTTP/1.1\r\n",
        "HTTP/1.1 400 Bad Request\r\n\r\n",
    };
    for (uint8_t version = 3; version <= 5; version++)
        for (size_t i = 0; i < COUNT(requests) * 2; i++) {
            mqw_conn *server = make(MQW_SERVER, &(mqw_conn_options){.version = version});
            mqw_bytes request = bytes_of(requests[i / 2]);
            mqw_error error;
            faulted_by(server, feed_in(server, request, i % 2 ? 1 : request.len), MQW_E_PROTOCOL,
                       MQW_RULE_SPEAKS_HTTP);
            assert_non_null(mqw_conn_error(server, &error));
            assert_non_null(strstr(mqw_error_text(&error), "HTTP"));
            writes(server, "");
            mqw_conn_free(server);
        }
}

static void who_speaks_tls(void **state)
{
    (void)state;
    static const char *const hellos[] = {"16 03 01 02 00 01 00 01 fc 03 03", "16 03 03 00 05 01 00",
                                         "15 03 03 00 02 02 28"};
    for (uint8_t version = 3; version <= 5; version++)
        for (size_t i = 0; i < COUNT(hellos) * 2; i++) {
            mqw_conn *server = make(MQW_SERVER, &(mqw_conn_options){.version = version});
            mqw_bytes hello = hex(hellos[i / 2]);
            mqw_error error;
            faulted_by(server, feed_in(server, hello, i % 2 ? 1 : hello.len), MQW_E_PROTOCOL,
                       MQW_RULE_SPEAKS_TLS);
            assert_non_null(mqw_conn_error(server, &error));
            assert_non_null(strstr(mqw_error_text(&error), "TLS"));
            mqw_conn_free(server);
        }
}

// A client finds out about its server, too.
static void whom_the_client_called(void **state)
{
    (void)state;
    static const char *const answers[] = {"HTTP/1.1 400 Bad Request\r\n\r\n", "\x15\x03\x03"};
    static const int rules[] = {MQW_RULE_SPEAKS_HTTP, MQW_RULE_SPEAKS_TLS};
    for (size_t i = 0; i < COUNT(answers); i++)
        for (size_t step = 1; step <= 3; step++) {
            mqw_conn *client = make(MQW_CLIENT, NULL);
            says(client, "CONNECT client_id=\"c\"");
            faulted_by(client, feed_in(client, bytes_of(answers[i]), step), MQW_E_PROTOCOL, rules[i]);
            mqw_conn_free(client);
        }
}

// Only at the beginning; later the same bytes are what they are.
static void in_the_middle_it_is_no_http(void **state)
{
    (void)state;
    mqw_conn *server = opened(MQW_SERVER, 4, NULL);
    mqw_error error;
    assert_true(
        feed(
            server,
            "'GET / HTTP/1.1' 0d0a 'Host: localhost' 0d0a 'User-Agent: x' 0d0a 'Accept: *' 0d0a 'And-More: y' 0d0a") <
        0);
    assert_non_null(mqw_conn_error(server, &error));
    assert_int_not_equal(error.rule, MQW_RULE_SPEAKS_HTTP);
    mqw_conn_free(server);
}

// ---- cut packets ----

static const char *const samples[] = {
    "CONNECT version=3 client_id=\"test\" will.topic=\"w\" will.payload=\"gone\" will.qos=1 username=\"u\" password=\"p\"",
    "CONNECT version=4 client_id=\"test\" clean_start will.topic=\"w\" username=\"u\" password=\"p\"",
    "CONNECT version=5 client_id=\"test\" will.topic=\"w\" will.content_type=\"x\" username=\"u\" session_expiry=5 user=\"k\":\"v\"",
    "PUBLISH topic=\"a/b\" payload=\"hi\" qos=1 packet_id=7",
    "PUBLISH topic=\"a/b\" qos=2 packet_id=7 content_type=\"x\" user=\"k\":\"v\"",
    "PUBACK packet_id=7 reason=0x87 reason_string=\"none\"",
    "PUBREL packet_id=7",
    "SUBSCRIBE packet_id=6 filter=\"a/#\":1 filter=\"b\":2",
    "SUBSCRIBE packet_id=6 filter=\"a/#\":1 subscription_id=300",
    "UNSUBSCRIBE packet_id=7 filter=\"tfst\" filter=\"test\"",
    "PINGREQ",
    "DISCONNECT reason=4 session_expiry=0",
    "AUTH reason=0x18 auth_method=\"m\" auth_data=\"d\"",
};

static size_t encoded(uint8_t version, const char *line, uint8_t *room, size_t cap)
{
    mqw_codec codec = {.version = version};
    mqw_packet packet = packet_of(line);
    int len = mqw_encode(&codec, &packet, room, cap, NULL);
    return len > 0 ? (size_t)len : 0;
}

static mqw_conn *expecting(uint8_t version, bool connect)
{
    mqw_conn_options options = {.version = version};
    if (connect)
        return make(MQW_SERVER, &options);
    if (version == 5)
        return opened_with(MQW_SERVER, "CONNECT version=5 client_id=\"c\" auth_method=\"m\"",
                           "CONNACK auth_method=\"m\"", &options);
    return opened(MQW_SERVER, version, &options);
}

// A packet whose length says less than its fields need: it is delivered when it can be read that way, else it
// is one error; never both, and never what lies behind it.
static void is_read_or_refused(uint8_t version, const uint8_t *bytes, size_t len, size_t cut, size_t step)
{
    uint8_t packet[256];
    memcpy(packet, bytes, len);
    packet[1] = (uint8_t)cut;
    packet[2 + cut] = 0xC0;
    packet[3 + cut] = 0;
    mqw_conn *server = expecting(version, packet[0] == 0x10);
    int rc = feed_in(server, (mqw_bytes){packet, 2 + cut}, step);
    mqw_error error;
    assert_int_equal(rc < 0, heard[0] == '\0');
    assert_int_equal(rc < 0, mqw_conn_error(server, &error) != NULL);
    if (rc < 0) {
        assert_true(error.code == MQW_E_MALFORMED || error.code == MQW_E_PROTOCOL);
        assert_int_not_equal(error.rule, 0);
        assert_int_equal(error.type, packet[0] >> 4);
    }
    heard[0] = '\0';
    assert_int_equal(feed(server, "c000") < 0, rc < 0 || packet[0] >> 4 == MQW_DISCONNECT);
    heard[0] = '\0';
    mqw_conn_free(server);
}

static void truncated_packets(void **state)
{
    (void)state;
    for (uint8_t version = 3; version <= 5; version++)
        for (size_t i = 0; i < COUNT(samples); i++) {
            uint8_t bytes[256];
            size_t len = encoded(version, samples[i], bytes, sizeof bytes - 2);
            if (len == 0) // this version cannot say it
                continue;
            for (size_t cut = 0; cut < len - 2; cut++) {
                is_read_or_refused(version, bytes, len, cut, 1);
                is_read_or_refused(version, bytes, len, cut, len);
            }
        }
}

// The stream ends at each place of each packet.
static void the_stream_ends_anywhere(void **state)
{
    (void)state;
    for (uint8_t version = 3; version <= 5; version++)
        for (size_t i = 0; i < COUNT(samples); i++) {
            uint8_t bytes[256];
            size_t len = encoded(version, samples[i], bytes, sizeof bytes);
            for (size_t cut = 0; len && cut <= len; cut++) {
                mqw_conn *server = expecting(version, bytes[0] == 0x10);
                assert_int_equal(cut ? feed_in(server, (mqw_bytes){bytes, cut}, cut) : 0, 0);
                assert_int_equal(mqw_conn_end(server), cut == 0 || cut == len ? 0 : MQW_E_END);
                assert_int_equal(heard[0] != '\0', cut == len);
                heard[0] = '\0';
                mqw_conn_free(server);
            }
        }
}

// ---- anything at all ----

static uint64_t seed;

static uint32_t any(uint32_t below)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(seed >> 33) % below;
}

// Well-formed packets, in which a few bytes are changed.
static size_t any_stream(uint8_t version, uint8_t *room, size_t cap)
{
    size_t len = encoded(version, "CONNECT client_id=\"c\"", room, cap);
    if (version != 4)
        len = encoded(version, version == 3 ? plain_connects[0] : plain_connects[2], room, cap);
    for (unsigned n = any(12); n > 0; n--)
        len += encoded(version, samples[any(COUNT(samples))], room + len, cap - len);
    for (unsigned n = any(4); n > 0 && len; n--)
        room[any((uint32_t)len)] = (uint8_t)any(256);
    return len;
}

typedef struct outcome {
    int rc;
    mqw_error error;
    char text[sizeof heard];
} outcome;

// What comes of it in steps of that size (0: of any size).
static void come_of(outcome *out, const mqw_conn_options *options, mqw_role role, mqw_bytes bytes,
                    size_t step)
{
    mqw_conn *conn = make(role, options);
    size_t at = 0;
    out->rc = 0;
    heard[0] = '\0';
    while (at < bytes.len && out->rc >= 0) {
        size_t len = step ? step : 1 + any(20);
        if (len > bytes.len - at)
            len = bytes.len - at;
        out->rc = feed_in(conn, (mqw_bytes){bytes.data + at, len}, len);
        at += len;
    }
    if (out->rc >= 0)
        out->rc = mqw_conn_end(conn);
    out->error = (mqw_error){0};
    assert_int_equal(out->rc < 0, mqw_conn_error(conn, &out->error) != NULL);
    if (out->rc < 0) {
        assert_int_equal(out->error.code, out->rc);
        assert_true(out->error.by_peer);
        assert_string_not_equal(mqw_error_clause(&out->error), "");
        assert_true(out->error.offset <= bytes.len);
        assert_int_equal(mqw_conn_state(conn), MQW_STATE_ENDED);
    }
    memcpy(out->text, heard, sizeof heard);
    mqw_conn_free(conn);
    heard[0] = '\0';
}

// The chunks do not matter to it.
static void same_in_any_chunks(const mqw_conn_options *options, mqw_role role, mqw_bytes bytes)
{
    static outcome whole, cut;
    static const size_t steps[] = {1, 2, 3, 7, 0};
    come_of(&whole, options, role, bytes, bytes.len);
    for (size_t i = 0; i < COUNT(steps); i++) {
        come_of(&cut, options, role, bytes, steps[i]);
        assert_int_equal(cut.rc, whole.rc);
        assert_string_equal(cut.text, whole.text);
        assert_string_equal(mqw_rule_name(cut.error.rule), mqw_rule_name(whole.error.rule));
        assert_int_equal(cut.error.offset, whole.error.offset);
        assert_int_equal(cut.error.type, whole.error.type);
    }
}

static void changed_packets_in_any_chunks(void **state)
{
    (void)state;
    uint8_t room[2048];
    for (unsigned n = 0; n < 1500; n++) {
        seed = n;
        uint8_t version = (uint8_t)(3 + any(3));
        mqw_conn_options options = {.version = version};
        if (any(2)) // without order more of the packets are reached
            options.policy = MQW_POLICY_ORIGINAL;
        size_t len = any_stream(version, room, sizeof room);
        same_in_any_chunks(&options, any(4) ? MQW_SERVER : MQW_ANY, (mqw_bytes){room, len});
    }
}

static void noise_in_any_chunks(void **state)
{
    (void)state;
    uint8_t room[64];
    for (unsigned n = 0; n < 3000; n++) {
        seed = n;
        mqw_conn_options options = {.version = (uint8_t)(3 + any(3))};
        if (any(2))
            options.policy = MQW_POLICY_ORIGINAL;
        size_t len = any(sizeof room);
        for (size_t i = 0; i < len; i++)
            room[i] = (uint8_t)(any(3) ? any(16) : any(256));
        same_in_any_chunks(&options, (mqw_role)any(3), (mqw_bytes){room, len});
    }
}

// With pieces the payloads differ by chunk; that nothing breaks, and nothing is kept, is what counts.
static void noise_in_pieces(void **state)
{
    (void)state;
    static outcome out;
    uint8_t room[2048];
    for (unsigned n = 0; n < 1500; n++) {
        seed = n;
        uint8_t version = (uint8_t)(3 + any(3));
        heap memory = {0};
        mqw_allocator allocator = heap_allocator(&memory);
        mqw_conn_options options = {.version = version,
                                    .stream_over = 1 + any(8),
                                    .answers = (uint8_t)any(8),
                                    .allocator = &allocator};
        if (any(2))
            options.policy = MQW_POLICY_ORIGINAL;
        size_t len = any_stream(version, room, sizeof room);
        come_of(&out, &options, (mqw_role)any(3), (mqw_bytes){room, len}, any(9));
        assert_int_equal(memory.held, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_thousand_packets_in_one_chunk),
        cmocka_unit_test(who_speaks_http),
        cmocka_unit_test(who_speaks_tls),
        cmocka_unit_test(whom_the_client_called),
        cmocka_unit_test(in_the_middle_it_is_no_http),
        cmocka_unit_test(truncated_packets),
        cmocka_unit_test(the_stream_ends_anywhere),
        cmocka_unit_test(changed_packets_in_any_chunks),
        cmocka_unit_test(noise_in_any_chunks),
        cmocka_unit_test(noise_in_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
