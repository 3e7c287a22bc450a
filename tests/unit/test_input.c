// SPDX-License-Identifier: MIT
// Bytes in, packets out: any chunking, what it costs in memory and time, size limits, payloads in pieces,
// reading straight into the packet that is unfinished, and taking it over.
#include "conn/inside.h"
#include "unit/two_ends.h"

enum { LARGE = 1 << 20 };

static uint8_t large[LARGE + 16];

// A PUBLISH of QoS 0 to "t" with that many bytes of payload.
static mqw_bytes large_publish(uint8_t *room, size_t cap, size_t payload)
{
    static const mqw_codec codec = {.version = 4};
    mqw_packet packet = {.type = MQW_PUBLISH,
                         .publish = {.topic = MQW_TEXT("t"), .payload = {large, payload}}};
    int len = mqw_encode(&codec, &packet, room, cap, NULL);
    assert_true(len > 0);
    return (mqw_bytes){room, (size_t)len};
}

static mqw_conn *counted_server(heap *memory, mqw_conn_options options)
{
    mqw_allocator allocator = heap_allocator(memory);
    options.allocator = &allocator;
    return opened(MQW_SERVER, 4, &options);
}

// ---- chunks ----

static const char stream[] =
    "10 0d 0004 'MQTT' 04 02 0000 0001 'c'"
    "c0 00"
    "30 09 0003 'a/b' 'data'"
    "34 06 0001 't' 0007 00"
    "62 02 0007"
    "82 0a 0008 0001 '#' 02 0001 '+' 00"
    "a2 05 0009 0001 '#'"
    "30 8a 01 0001 't' '0123456789012345678901234567890123456789012345678901234567890123456789"
    "01234567890123456789012345678901234567890123456789012345678901234'"
    "e0 00";
static const char stream_heard[] =
    "CONNECT version=4 client_id=\"c\" clean_start\nPINGREQ\nPUBLISH topic=\"a/b\" payload=\"data\"\n"
    "PUBLISH topic=\"t\" payload=0x00 qos=2 packet_id=7\nPUBREL packet_id=7\n"
    "SUBSCRIBE packet_id=8 filter=\"#\":2 filter=\"+\":0\nUNSUBSCRIBE packet_id=9 filter=\"#\"\n"
    "PUBLISH topic=\"t\" payload=\"0123456789012345678901234567890123456789012345678901234567890123456789"
    "01234567890123456789012345678901234567890123456789012345678901234\"\nDISCONNECT";

static void any_chunking_gives_the_same(void **state)
{
    (void)state;
    mqw_bytes bytes = hex(stream);
    for (size_t step = 1; step <= bytes.len; step++) {
        mqw_conn *server = make(MQW_SERVER, &(mqw_conn_options){.policy = MQW_POLICY_ORIGINAL});
        assert_int_equal(feed_in(server, bytes, step), 0);
        hears(stream_heard);
        assert_int_equal(mqw_conn_end(server), 0);
        assert_int_equal(mqw_conn_config(server)->held, 0);
        mqw_conn_free(server);
    }
}

// Cut in three at each two places.
static void any_two_cuts_give_the_same(void **state)
{
    (void)state;
    mqw_bytes bytes = hex("82 0a 0008 0001 '#' 02 0001 '+' 00 30 03 0001 't' 40 02 0001");
    for (size_t a = 0; a <= bytes.len; a++)
        for (size_t b = a; b <= bytes.len; b++) {
            mqw_conn *server = opened(MQW_SERVER, 4, NULL);
            assert_int_equal(feed_in(server, (mqw_bytes){bytes.data, a}, a + 1), 0);
            assert_int_equal(feed_in(server, (mqw_bytes){bytes.data + a, b - a}, b + 1), 0);
            assert_int_equal(feed_in(server, (mqw_bytes){bytes.data + b, bytes.len - b}, bytes.len + 1), 0);
            hears(
                "SUBSCRIBE packet_id=8 filter=\"#\":2 filter=\"+\":0\nPUBLISH topic=\"t\" payload=\"\"\nPUBACK packet_id=1");
            mqw_conn_free(server);
        }
}

static void whole_packets_are_read_where_they_lie(void **state)
{
    (void)state;
    heap memory = {0};
    mqw_conn *server = counted_server(&memory, (mqw_conn_options){.version = 0});
    unsigned before = memory.allocations;
    mqw_bytes in = hex("30 05 0001 't' 'xy' 82 06 0001 0001 'a' 00"), all = in;
    mqw_packet packet;
    assert_int_equal(mqw_conn_recv(server, &in, &packet), 1);
    assert_ptr_equal(packet.publish.topic.data, all.data + 4);
    assert_ptr_equal(packet.publish.payload.data, all.data + 5);
    assert_int_equal(mqw_conn_recv(server, &in, &packet), 1);
    assert_ptr_equal(packet.subscribe.filters.wire.data, all.data + 11);
    assert_int_equal(mqw_conn_recv(server, &in, &packet), 0);
    assert_int_equal(memory.allocations, before);
    mqw_conn_free(server);
}

// Only the cut packet is put together elsewhere; those behind it are read where they lie.
static void what_stands_behind_a_cut_packet(void **state)
{
    (void)state;
    mqw_conn *server = opened(MQW_SERVER, 4, NULL);
    mqw_packet packet;
    mqw_bytes in = hex("30 05 00"), rest = hex("01 't' 'xy' 30 05 0001 'u' 'zz' c000"), all = rest;
    assert_int_equal(mqw_conn_recv(server, &in, &packet), 0);
    assert_int_equal(mqw_conn_recv(server, &rest, &packet), 1);
    assert_memory_equal(packet.publish.topic.data, "t", 1);
    assert_int_equal(mqw_conn_recv(server, &rest, &packet), 1);
    assert_ptr_equal(packet.publish.topic.data, all.data + 8);
    assert_int_equal(mqw_conn_recv(server, &rest, &packet), 1);
    assert_int_equal(packet.type, MQW_PINGREQ);
    assert_int_equal(mqw_conn_recv(server, &rest, &packet), 0);
    assert_int_equal(mqw_conn_config(server)->held, 0);
    mqw_conn_free(server);
}

static void pending_bytes(void **state)
{
    (void)state;
    mqw_conn *server = opened(MQW_SERVER, 4, NULL);
    mqw_packet packet;
    mqw_bytes in = hex("c000 30 05 00"), rest = hex("01 't' 'xy'");
    assert_int_equal(mqw_conn_pending(server).len, 0);
    assert_int_equal(feed_some(server, &in), 0);
    same_bytes(mqw_conn_pending(server), hex("30 05 00"));
    assert_int_equal(mqw_conn_recv(server, &rest, &packet), 1);
    assert_int_equal(mqw_conn_pending(server).len, 0); // it is not unfinished any more
    mqw_conn_free(server);
    heard[0] = '\0';
}

// ---- what it costs ----

static void a_declared_length_costs_nothing(void **state)
{
    (void)state;
    for (int with_room = 0; with_room < 2; with_room++) {
        heap memory = {0};
        mqw_conn *server = counted_server(&memory, (mqw_conn_options){.max_packet_size = UINT32_MAX});
        size_t before = memory.held;
        uint8_t *at;
        assert_int_equal(feed(server, "30 ff ff ff 7f"), 0);
        if (with_room)
            assert_true(mqw_conn_room(server, &at) > 0);
        assert_true(memory.peak - before < 64 << 10);
        mqw_conn_free(server);
        assert_int_equal(memory.held, 0);
    }
}

// Room is doubled, so that each byte is moved less than twice.
static void any_chunking_costs_linear_time(void **state)
{
    (void)state;
    static uint8_t room[LARGE + 16];
    mqw_bytes bytes = large_publish(room, sizeof room, LARGE - 16);
    static const size_t steps[] = {1, 7, 1000, 65536};
    for (size_t i = 0; i < COUNT(steps); i++) {
        heap memory = {0};
        mqw_conn *server = counted_server(&memory, (mqw_conn_options){.version = 0});
        unsigned before = memory.allocations;
        mqw_packet packet;
        int rc = 0;
        for (size_t at = 0; at < bytes.len; at += steps[i]) {
            mqw_bytes in = {bytes.data + at, bytes.len - at < steps[i] ? bytes.len - at : steps[i]};
            rc = mqw_conn_recv(server, &in, &packet);
        }
        assert_int_equal(rc, 1);
        same_bytes(packet.publish.payload, (mqw_bytes){large, LARGE - 16});
        assert_true(memory.allocations - before <= 14);
        assert_true(memory.copied < 2 * bytes.len);
        assert_true(memory.peak < bytes.len + 8192);
        mqw_conn_free(server);
    }
}

static void memory_is_given_back(void **state)
{
    (void)state;
    static uint8_t room[LARGE + 16];
    mqw_bytes bytes = large_publish(room, sizeof room, 100000);
    mqw_conn *server = opened(MQW_SERVER, 4, NULL);
    mqw_config *config = mqw_conn_config(server);
    mqw_bytes first = {bytes.data, 50000}, second = {bytes.data + 50000, bytes.len - 50000};
    mqw_packet packet;
    assert_int_equal(mqw_conn_recv(server, &first, &packet), 0);
    assert_true(config->held >= 50000);
    assert_int_equal(mqw_conn_recv(server, &second, &packet), 1);
    assert_true(config->held >= 100000);
    assert_int_equal(mqw_conn_recv(server, &second, &packet), 0); // nothing is left of it
    assert_int_equal(config->held, 0);
    mqw_conn_free(server);
}

// ---- limits ----

static void a_packet_above_the_limit(void **state)
{
    (void)state;
    mqw_conn *server = opened(MQW_SERVER, 5, &(mqw_conn_options){.max_packet_size = 1000});
    mqw_error error;
    assert_int_equal(feed(server, "30 e6 07"), MQW_E_TOO_LARGE); // at the length field: 998 and 3
    assert_non_null(mqw_conn_error(server, &error));
    assert_int_equal(error.rule, MQW_RULE_PACKET_SIZE_SERVER);
    assert_int_equal(error.type, MQW_PUBLISH);
    assert_int_equal(error.offset, 16);
    assert_string_equal(error.field, "length");
    writes(server, "e0 01 95");
    mqw_conn_free(server);
    server = opened(MQW_SERVER, 5, &(mqw_conn_options){.max_packet_size = 1000});
    assert_int_equal(feed(server, "30 e5 07"), 0); // exactly 1000
    mqw_conn_free(server);
}

// The limit holds for what is whole as for what is cut.
static void a_whole_packet_above_the_limit(void **state)
{
    (void)state;
    uint8_t room[200];
    mqw_conn *server = opened(MQW_SERVER, 4, &(mqw_conn_options){.max_packet_size = 100});
    mqw_bytes bytes = large_publish(room, sizeof room, 95);
    assert_int_equal(bytes.len, 100);
    assert_int_equal(feed_in(server, bytes, bytes.len), 0);
    bytes = large_publish(room, sizeof room, 96);
    faulted_by(server, feed_in(server, bytes, bytes.len), MQW_E_TOO_LARGE, MQW_RULE_PACKET_SIZE_SERVER);
    mqw_conn_free(server);
    heard[0] = '\0';
}

static void the_first_packet_has_a_limit_of_its_own(void **state)
{
    (void)state;
    for (uint8_t version = 4; version <= 5; version++) {
        mqw_conn_options options = {.max_first_packet = 50, .max_packet_size = 1000};
        mqw_conn *server = make(MQW_SERVER, &options), *client = make(MQW_CLIENT, &options);
        faulted_by(server, feed(server, "10 31"), MQW_E_TOO_LARGE, MQW_RULE_PACKET_SIZE_SERVER);
        mqw_conn_free(server);
        server = make(MQW_SERVER, &options);
        says(client, plain_connects[version - 3]);
        assert_int_equal(carry(client, server), 0);
        faulted_by(server, feed(server, "30 31"), MQW_E_TOO_LARGE, MQW_RULE_PACKET_SIZE_SERVER);
        mqw_conn_free(server);
        server = opened(MQW_SERVER, version, &options); // until it was accepted
        assert_int_equal(feed(server, "30 80 07"), 0);
        mqw_conn_free(server);
        assert_int_equal(feed(client, "20 30"), 0); // a client knows whom it called
        mqw_conn_free(client);
        heard[0] = '\0';
    }
}

// The default of 64 KiB holds until CONNACK, that of 1 MiB from then on.
static void default_limits(void **state)
{
    (void)state;
    mqw_conn *server = make(MQW_SERVER, NULL);
    assert_int_equal(feed(server, "10 fc ff 03"), 0);
    mqw_conn_free(server);
    server = make(MQW_SERVER, NULL);
    assert_int_equal(feed(server, "10 fd ff 03"), MQW_E_TOO_LARGE);
    mqw_conn_free(server);
    server = opened(MQW_SERVER, 4, NULL);
    assert_int_equal(feed(server, "30 fc ff 3f"), 0);
    mqw_conn_free(server);
    server = opened(MQW_SERVER, 4, NULL);
    assert_int_equal(feed(server, "30 fd ff 3f"), MQW_E_TOO_LARGE);
    mqw_conn_free(server);
}

static void memory_of_all_is_full(void **state)
{
    (void)state;
    mqw_conn *server = opened(MQW_SERVER, 5, &(mqw_conn_options){.max_total = 10000});
    mqw_bytes part = {large, 9000};
    assert_int_equal(feed(server, "30 80 80 01"), 0);
    faulted_by(server, feed_in(server, part, part.len), MQW_E_NO_MEMORY, MQW_RULE_MEMORY_FULL);
    writes(server, "e0 01 97");
    mqw_conn_free(server);
}

// ---- payloads in pieces ----

static const char pieces_stream[] = "30 04 0001 'a' 'x'"
                                    "32 0d 0003 't/u' 0007 'abcdef'"
                                    "c000"
                                    "30 06 0001 'b' 'xyz'"
                                    "30 07 0001 'c' 'wxyz'";

static void pieces_in_one_input(void **state)
{
    (void)state;
    mqw_conn *server = opened(MQW_SERVER, 4, &(mqw_conn_options){.stream_over = 3});
    assert_int_equal(feed(server, pieces_stream), 0);
    hears("PUBLISH topic=\"a\" payload=\"x\"\n"
          "PUBLISH topic=\"t/u\" payload=\"\" payload_left=6 qos=1 packet_id=7\n"
          "abcdef at 0, 0 left, id 7, qos 1\n"
          "PINGREQ\n"
          "PUBLISH topic=\"b\" payload=\"xyz\"\n"
          "PUBLISH topic=\"c\" payload=\"\" payload_left=4\n"
          "wxyz at 0, 0 left, id 0, qos 0");
    assert_int_equal(mqw_conn_config(server)->held, 0);
    mqw_conn_free(server);
}

static void pieces_byte_by_byte(void **state)
{
    (void)state;
    mqw_conn *server = opened(MQW_SERVER, 4, &(mqw_conn_options){.stream_over = 3});
    assert_int_equal(feed_in(server, hex(pieces_stream), 1), 0);
    hears("PUBLISH topic=\"a\" payload=\"x\"\n"
          "PUBLISH topic=\"t/u\" payload=\"\" payload_left=6 qos=1 packet_id=7\n"
          "a at 0, 5 left, id 7, qos 1\nb at 1, 4 left, id 7, qos 1\nc at 2, 3 left, id 7, qos 1\n"
          "d at 3, 2 left, id 7, qos 1\ne at 4, 1 left, id 7, qos 1\nf at 5, 0 left, id 7, qos 1\n"
          "PINGREQ\n"
          "PUBLISH topic=\"b\" payload=\"xyz\"\n"
          "PUBLISH topic=\"c\" payload=\"\" payload_left=4\n"
          "w at 0, 3 left, id 0, qos 0\nx at 1, 2 left, id 0, qos 0\ny at 2, 1 left, id 0, qos 0\n"
          "z at 3, 0 left, id 0, qos 0");
    mqw_conn_free(server);
}

// 5.0: it is the payload that counts, not the properties in front of it.
static void pieces_with_properties(void **state)
{
    (void)state;
    mqw_bytes whole = hex("30 11 0001 't' 0a 26 0003 'key' 0002 'vl' 'xyz'");
    mqw_bytes parts = hex("30 12 0001 't' 0a 26 0003 'key' 0002 'vl' 'wxyz'");
    for (size_t step = 1; step <= parts.len; step++) {
        mqw_conn *server = opened(MQW_SERVER, 5, &(mqw_conn_options){.stream_over = 3});
        assert_int_equal(feed_in(server, whole, step), 0);
        hears("PUBLISH topic=\"t\" payload=\"xyz\" user=\"key\":\"vl\"");
        assert_int_equal(feed_in(server, parts, step), 0);
        assert_ptr_equal(
            strstr(heard, "PUBLISH topic=\"t\" payload=\"\" payload_left=4 user=\"key\":\"vl\"\n"), heard);
        heard[0] = '\0';
        mqw_conn_free(server);
    }
}

// A property length of several bytes, cut anywhere.
static void pieces_behind_long_properties(void **state)
{
    (void)state;
    uint8_t room[600];
    char name[301];
    memset(name, 'n', 300);
    name[300] = '\0';
    char line[400];
    snprintf(line, sizeof line, "PUBLISH topic=\"t\" payload=\"payload\" user=\"%s\":\"\"", name);
    mqw_packet packet = packet_of(line);
    mqw_codec codec = {.version = 5};
    int len = mqw_encode(&codec, &packet, room, sizeof room, NULL);
    assert_true(len > 300);
    for (size_t step = 1; step <= (size_t)len; step++) {
        mqw_conn *server = opened(MQW_SERVER, 5, &(mqw_conn_options){.stream_over = 3});
        assert_int_equal(feed_in(server, (mqw_bytes){room, (size_t)len}, step), 0);
        assert_non_null(strstr(heard, "payload_left=7"));
        assert_non_null(strstr(heard, ", 0 left, id 0, qos 0"));
        heard[0] = '\0';
        mqw_conn_free(server);
    }
}

// What is wrong with it is said at once, not when all of it has come.
static void a_malformed_head(void **state)
{
    (void)state;
    static const struct {
        uint8_t version;
        const char *bytes;
        int code, rule;
    } heads[] = {
        {4, "30 90 4e ffff", MQW_E_MALFORMED, MQW_RULE_TRUNCATED},
        {4, "36 90 4e 0001 't' 0001", MQW_E_MALFORMED, MQW_RULE_QOS},
        {4, "30 90 4e 0001 '+'", MQW_E_PROTOCOL, MQW_RULE_TOPIC_WILDCARD},
        {4, "32 90 4e 0001 't' 0000", MQW_E_PROTOCOL, MQW_RULE_PACKET_ID_ZERO},
        {5, "30 90 4e 0001 't' ffffff7f", MQW_E_MALFORMED, MQW_RULE_TRUNCATED},
        {5, "30 90 4e 0001 't' ffffffff", MQW_E_MALFORMED, MQW_RULE_LENGTH_BYTES},
        {5, "30 90 4e 0001 't' 02 0102", MQW_E_PROTOCOL, MQW_RULE_PROPERTY_VALUE},
        {5, "30 90 4e 0000 00", MQW_E_PROTOCOL, MQW_RULE_TOPIC_EMPTY},
    };
    for (size_t i = 0; i < COUNT(heads); i++)
        for (size_t step = 1; step < 12; step++) {
            mqw_conn *server = opened(MQW_SERVER, heads[i].version, &(mqw_conn_options){.stream_over = 3});
            faulted_by(server, feed_in(server, hex(heads[i].bytes), step), heads[i].code, heads[i].rule);
            hears("");
            mqw_conn_free(server);
        }
}

// A payload in pieces stands the same trial as a whole one, before any piece is given.
static void pieces_out_of_turn(void **state)
{
    (void)state;
    mqw_conn *client = make(MQW_CLIENT, &(mqw_conn_options){.stream_over = 3});
    says(client, "CONNECT client_id=\"c\"");
    faulted_by(client, feed(client, "30 09 0001 't' 'abcdef'"), MQW_E_PROTOCOL, MQW_RULE_CONNACK_FIRST);
    hears("");
    mqw_conn_free(client);
}

// What is kept of a packet has a limit, too: its head, or all of a packet that has no pieces.
static void stored_of_a_packet_in_pieces(void **state)
{
    (void)state;
    const mqw_conn_options options = {.stream_over = 100, .max_stored = 200};
    mqw_conn *server = opened(MQW_SERVER, 4, &options);
    assert_int_equal(feed(server, "82 c3 01"), 0); // 198 in all
    mqw_conn_free(server);
    server = opened(MQW_SERVER, 4, &options);
    faulted_by(server, feed(server, "82 c6 01"), MQW_E_TOO_LARGE, MQW_RULE_PACKET_SIZE_SERVER);
    mqw_conn_free(server);
    server = opened(MQW_SERVER, 4, &options);
    assert_int_equal(feed(server, "30 e8 07 00c3"), 0);
    mqw_conn_free(server);
    server = opened(MQW_SERVER, 4, &options);
    faulted_by(server, feed(server, "30 e8 07 00c9"), MQW_E_TOO_LARGE, MQW_RULE_PACKET_SIZE_SERVER);
    mqw_conn_free(server);
    server = opened(MQW_SERVER, 5, &options);
    faulted_by(server, feed(server, "30 e8 07 0001 't' c801"), MQW_E_TOO_LARGE, MQW_RULE_PACKET_SIZE_SERVER);
    mqw_conn_free(server);
    server = opened(MQW_SERVER, 5, &options); // with a payload that is not for pieces: 91 and 100
    faulted_by(server, feed(server, "30 d9 01 0001 't' 7f"), MQW_E_TOO_LARGE, MQW_RULE_PACKET_SIZE_SERVER);
    mqw_conn_free(server);
}

// max_packet_size still applies.
static void pieces_above_the_limit(void **state)
{
    (void)state;
    mqw_conn *server = opened(MQW_SERVER, 4, &(mqw_conn_options){.stream_over = 100});
    faulted_by(server, feed(server, "30 80 80 80 01"), MQW_E_TOO_LARGE, MQW_RULE_PACKET_SIZE_SERVER);
    mqw_conn_free(server);
}

// An acknowledgement before the last piece promises what may never come.
static void acknowledged_too_early(void **state)
{
    (void)state;
    mqw_conn *server = opened(MQW_SERVER, 4, &(mqw_conn_options){.stream_over = 2});
    assert_int_equal(feed(server, "32 08 0001 't' 0007 'x'"), 0);
    refused_by(server, say(server, "PUBACK packet_id=7"), MQW_E_MISUSE, MQW_RULE_ACK_EARLY, "packet_id");
    refused_by(server, say(server, "PUBREC packet_id=7"), MQW_E_MISUSE, MQW_RULE_ACK_EARLY, "packet_id");
    refused_by(server, pass(server, "PUBACK packet_id=7"), MQW_E_REFUSED, MQW_RULE_ACK_EARLY, "packet_id");
    says(server, "PUBACK packet_id=8");  // of another one
    says(server, "PUBCOMP packet_id=7"); // of ours
    says(server, "PINGRESP");
    assert_int_equal(feed(server, "'yz'"), 0);
    says(server, "PUBACK packet_id=7");
    assert_int_equal(feed(server, "30 06 0001 't' 'x'"), 0); // QoS 0 has nothing to acknowledge
    says(server, "PUBREC packet_id=7");
    mqw_conn_free(server);
    heard[0] = '\0';
}

// Nothing of 200 MB in chunks of one byte is stored.
static void a_large_payload_byte_by_byte(void **state)
{
    (void)state;
    enum { SIZE = 200000000 };
    heap memory = {0};
    mqw_conn *server =
        counted_server(&memory, (mqw_conn_options){.max_packet_size = UINT32_MAX, .stream_over = 65536});
    mqw_packet packet;
    uint32_t seen = 0;
    assert_int_equal(feed(server, "30 83 84 af 5f 0001 't'"), 0);
    hears("PUBLISH topic=\"t\" payload=\"\" payload_left=200000000");
    size_t before = memory.held;
    unsigned allocations = memory.allocations;
    uint8_t byte = 7;
    for (; seen < SIZE; seen++) {
        mqw_bytes in = {&byte, 1};
        if (mqw_conn_recv(server, &in, &packet) != 2 || packet.piece.offset != seen ||
            packet.piece.bytes.len != 1)
            fail_msg("at %u", (unsigned)seen);
    }
    assert_int_equal(packet.piece.left, 0);
    assert_true(memory.held <= before);
    assert_int_equal(memory.allocations, allocations);
    assert_int_equal(feed(server, "c000"), 0);
    hears("PINGREQ");
    mqw_conn_free(server);
}

// ---- reading straight into the stash ----

// As a link does it: into the room when there is some, else into a buffer of its own.
static int read_by_room(mqw_conn *conn, mqw_bytes from, size_t step, size_t *direct)
{
    mqw_packet packet;
    int rc = 0;
    for (size_t at = 0; at < from.len && rc >= 0;) {
        uint8_t *room;
        int space = mqw_conn_room(conn, &room);
        assert_true(space >= 0);
        size_t len = from.len - at < step ? from.len - at : step;
        mqw_bytes in = {from.data + at, len};
        if (space > 0) {
            len = len < (size_t)space ? len : (size_t)space;
            memcpy(room, from.data + at, len);
            assert_int_equal(mqw_conn_filled(conn, len), 0);
            *direct += len;
            in = (mqw_bytes){NULL, 0};
        }
        at += len;
        while ((rc = mqw_conn_recv(conn, &in, &packet)) > 0)
            if (packet.type == MQW_PUBLISH)
                same_bytes(packet.publish.payload, (mqw_bytes){large, packet.publish.payload.len});
    }
    return rc;
}

static void reading_straight_into_a_large_packet(void **state)
{
    (void)state;
    static uint8_t room[2 * LARGE];
    static const size_t steps[] = {1000, 4096, 30000, 65536, 262144};
    for (size_t i = 0; i < COUNT(steps); i++) {
        mqw_conn *server = opened(MQW_SERVER, 4, NULL);
        mqw_bytes bytes = large_publish(room, sizeof room, 900000);
        size_t direct = 0;
        assert_int_equal(read_by_room(server, bytes, steps[i], &direct), 0);
        assert_true(direct > 500000);
        mqw_counters counters;
        mqw_conn_counters(server, &counters);
        assert_int_equal(counters.packets_received, 2);
        assert_int_equal(counters.bytes_received, 15 + bytes.len);
        mqw_conn_free(server);
    }
}

// Never more room than the packet takes: what follows it belongs to the next one, also when an earlier packet
// was larger.
static void room_ends_with_the_packet(void **state)
{
    (void)state;
    static uint8_t room[2 * LARGE];
    mqw_conn *server = opened(MQW_SERVER, 4, NULL);
    size_t len = 0;
    static const size_t sizes[] = {300000, 50000, 20000, 300000, 17000, 0, 40000};
    for (size_t i = 0; i < COUNT(sizes); i++)
        len += large_publish(room + len, sizeof room - len, sizes[i]).len;
    for (size_t step = 100; step < 400000; step = step * 2 + 7) {
        size_t direct = 0;
        mqw_counters before, after;
        mqw_conn_counters(server, &before);
        assert_int_equal(read_by_room(server, (mqw_bytes){room, len}, step, &direct), 0);
        mqw_conn_counters(server, &after);
        assert_int_equal(after.packets_received - before.packets_received, COUNT(sizes));
        assert_int_equal(after.bytes_received - before.bytes_received, len);
    }
    mqw_conn_free(server);
}

// The block of a larger packet before is still there, and so would be room for bytes of the next packet.
static void room_in_a_larger_block(void **state)
{
    (void)state;
    static uint8_t room[LARGE];
    mqw_conn *server = opened(MQW_SERVER, 4, NULL);
    mqw_bytes first = large_publish(room, sizeof room, 300000);
    mqw_bytes second = large_publish(room + first.len, sizeof room - first.len, 50000);
    mqw_packet packet;
    mqw_bytes in = {first.data, 1000};
    assert_int_equal(mqw_conn_recv(server, &in, &packet), 0);
    in = (mqw_bytes){first.data + 1000, first.len - 1000 + 100};
    assert_int_equal(mqw_conn_recv(server, &in, &packet), 1);
    assert_int_equal(mqw_conn_recv(server, &in, &packet), 0);
    uint8_t *at;
    int space = mqw_conn_room(server, &at);
    assert_in_range(space, 1, second.len - 100);
    mqw_conn_free(server);
}

static void no_room(void **state)
{
    (void)state;
    static uint8_t room[LARGE];
    uint8_t *at;
    mqw_conn *server = opened(MQW_SERVER, 4, &(mqw_conn_options){.stream_over = 100000});
    assert_int_equal(mqw_conn_room(server, &at), 0); // nothing is unfinished
    assert_int_equal(mqw_conn_filled(server, 0), 0);
    refused_by(server, mqw_conn_filled(server, 1), MQW_E_MISUSE, MQW_RULE_FIELD_RANGE, "len");
    assert_int_equal(feed(server, "30 ff"), 0);
    assert_int_equal(mqw_conn_room(server, &at), 0); // not even a header
    assert_int_equal(feed(server, "ff"), 0);
    assert_int_equal(mqw_conn_room(server, &at), 0);
    mqw_conn_free(server);
    server = opened(MQW_SERVER, 4, &(mqw_conn_options){.stream_over = 100000, .max_packet_size = UINT32_MAX});
    assert_int_equal(feed(server, "30 80 80 80 01 0001"), 0);
    assert_int_equal(mqw_conn_room(server, &at), 0); // it comes in pieces
    mqw_conn_free(server);
    server = opened(MQW_SERVER, 4, NULL);
    mqw_bytes bytes = large_publish(room, sizeof room, 20000);
    assert_int_equal(feed_in(server, (mqw_bytes){bytes.data, 10000}, 10000), 0);
    assert_int_equal(mqw_conn_room(server, &at), 0); // it is not worth it
    mqw_conn_free(server);
}

static void room_is_no_licence(void **state)
{
    (void)state;
    static uint8_t room[LARGE];
    uint8_t *at;
    mqw_conn *server = opened(MQW_SERVER, 4, NULL);
    mqw_bytes bytes = large_publish(room, sizeof room, 25000);
    assert_int_equal(feed_in(server, (mqw_bytes){bytes.data, 10}, 10), 0);
    int space = mqw_conn_room(server, &at);
    assert_int_equal(space, bytes.len - 10);
    refused_by(server, mqw_conn_filled(server, (size_t)space + 1), MQW_E_MISUSE, MQW_RULE_FIELD_RANGE, "len");
    mqw_conn_pause(server);
    assert_int_equal(mqw_conn_room(server, &at), 0);
    mqw_conn_resume(server);
    mqw_conn_shut(server);
    assert_int_equal(mqw_conn_room(server, &at), 0);
    mqw_conn_free(server);
}

static void room_without_memory(void **state)
{
    (void)state;
    uint8_t *at;
    mqw_conn *server = opened(MQW_SERVER, 4, &(mqw_conn_options){.max_total = 10000});
    assert_int_equal(feed(server, "30 80 80 04 00"), 0);
    faulted_by(server, mqw_conn_room(server, &at), MQW_E_NO_MEMORY, MQW_RULE_MEMORY_FULL);
    mqw_conn_free(server);
}

// ---- taking a packet over ----

static void a_packet_is_taken_over(void **state)
{
    (void)state;
    static uint8_t room[LARGE];
    heap memory = {0};
    mqw_conn *server = counted_server(&memory, (mqw_conn_options){.version = 0});
    mqw_config *config = mqw_config_keep(mqw_conn_config(server));
    mqw_bytes bytes = large_publish(room, sizeof room, 10000), first = {bytes.data, 5000};
    mqw_packet packet;
    assert_int_equal(mqw_conn_recv(server, &first, &packet), 0);
    mqw_bytes rest = {bytes.data + 5000, bytes.len - 5000};
    assert_int_equal(mqw_conn_recv(server, &rest, &packet), 1);
    size_t size = 0;
    uint8_t *block = mqw_conn_take(server, &size);
    assert_non_null(block);
    assert_int_equal(size, sizeof(mqw__stash) + bytes.len);
    assert_int_equal(config->held, 0);
    assert_null(mqw_conn_take(server, &size)); // once
    assert_int_equal(feed(server, "c000 30"), 0);
    mqw_conn_free(server);
    same_bytes(packet.publish.payload, (mqw_bytes){large, 10000}); // its views live on
    mqw_config_give_back(config, block, size);
    mqw_config_free(config);
    assert_int_equal(memory.held, 0);
    heard[0] = '\0';
}

static void what_is_not_taken_over(void **state)
{
    (void)state;
    static uint8_t room[LARGE];
    mqw_conn *server = opened(MQW_SERVER, 4, &(mqw_conn_options){.stream_over = 20000});
    mqw_packet packet;
    size_t size = 77;
    assert_null(mqw_conn_take(server, &size));
    mqw_bytes in = large_publish(room, sizeof room, 10000);
    assert_int_equal(mqw_conn_recv(server, &in, &packet), 1);
    assert_null(mqw_conn_take(server, &size)); // it lies in the caller's own input
    mqw_bytes small = large_publish(room, sizeof room, 4000), half = {small.data, 100};
    assert_int_equal(mqw_conn_recv(server, &half, &packet), 0);
    assert_null(mqw_conn_take(server, &size)); // it is not complete
    half = (mqw_bytes){small.data + 100, small.len - 100};
    assert_int_equal(mqw_conn_recv(server, &half, &packet), 1);
    assert_null(mqw_conn_take(server, &size)); // it is not worth it
    in = large_publish(room, sizeof room, 30000);
    assert_int_equal(mqw_conn_recv(server, &in, &packet), 1);
    assert_null(mqw_conn_take(server, &size)); // its payload is yet to come
    assert_int_equal(size, 77);
    mqw_conn_free(server);
}

// ---- answers by itself ----

static void answers(void **state)
{
    (void)state;
    mqw_conn_options options = {.answers = MQW_ANSWER_PINGRESP | MQW_ANSWER_ACKS};
    mqw_conn *server = opened(MQW_SERVER, 5, &options);
    assert_int_equal(feed(server,
                          "c000 30 04 0001 't' 00 32 06 0001 't' 0001 00 34 06 0001 't' 0002 00 62 02 0002 "
                          "50 02 0003 50 03 0004 80 40 02 0005 70 02 0006"),
                     0);
    heard[0] = '\0';
    writes(server, "d000 40 02 0001 50 02 0002 70 02 0002 62 02 0003");
    mqw_conn_free(server);
    server = opened(MQW_SERVER, 4, &(mqw_conn_options){.answers = MQW_ANSWER_ACKS});
    assert_int_equal(feed(server, "c000 32 05 0001 't' 0001"), 0);
    writes(server, "40 02 0001"); // each by itself
    mqw_conn_free(server);
    server = opened(MQW_SERVER, 4, &(mqw_conn_options){.answers = MQW_ANSWER_PINGRESP});
    assert_int_equal(feed(server, "c000 32 05 0001 't' 0001"), 0);
    writes(server, "d000");
    mqw_conn_free(server);
    server = opened(MQW_SERVER, 4, NULL);
    assert_int_equal(feed(server, "c000 32 05 0001 't' 0001"), 0);
    writes(server, ""); // the original
    mqw_conn_free(server);
    heard[0] = '\0';
}

// The acknowledgement goes out when the program has had the packet, that is with the next recv.
static void answers_come_after_the_program(void **state)
{
    (void)state;
    mqw_conn *server =
        opened(MQW_SERVER, 4, &(mqw_conn_options){.answers = MQW_ANSWER_ACKS, .stream_over = 2});
    mqw_bytes in = hex("32 05 0001 't' 0001 32 08 0001 't' 0002 'x'");
    mqw_packet packet;
    assert_int_equal(mqw_conn_recv(server, &in, &packet), 1);
    writes(server, "");
    assert_int_equal(mqw_conn_recv(server, &in, &packet), 1); // a payload in pieces
    writes(server, "40 02 0001");
    assert_int_equal(mqw_conn_recv(server, &in, &packet), 2);
    assert_int_equal(mqw_conn_recv(server, &in, &packet), 0);
    writes(server, "");
    in = hex("'yz'");
    assert_int_equal(mqw_conn_recv(server, &in, &packet), 2);
    writes(server, "");
    mqw_conn_pause(server);
    assert_int_equal(mqw_conn_recv(server, &in, &packet), 0);
    writes(server, "40 02 0002");
    mqw_conn_free(server);
}

// Who closes instead of taking the packet acknowledges nothing.
static void no_answers_behind_the_end(void **state)
{
    (void)state;
    mqw_conn *server = opened(MQW_SERVER, 4, &(mqw_conn_options){.answers = MQW_ANSWER_ACKS});
    mqw_bytes in = hex("32 05 0001 't' 0001 c000");
    mqw_packet packet;
    assert_int_equal(mqw_conn_recv(server, &in, &packet), 1);
    mqw_conn_shut(server);
    assert_int_equal(mqw_conn_recv(server, &in, &packet), 0);
    writes(server, "");
    mqw_conn_free(server);
}

// An acknowledgement that cannot be sent is not forgotten in silence.
static void answers_without_memory(void **state)
{
    (void)state;
    mqw_conn *server =
        opened(MQW_SERVER, 5, &(mqw_conn_options){.answers = MQW_ANSWER_ACKS, .max_total = 5000});
    assert_int_equal(mqw_conn_send_raw(server, (mqw_bytes){large, MQW__CHUNK_ROOM}), 0);
    faulted_by(server, feed(server, "32 06 0001 't' 0001 00 c000"), MQW_E_NO_MEMORY, MQW_RULE_MEMORY_FULL);
    hears("PUBLISH topic=\"t\" payload=\"\" qos=1 packet_id=1");
    mqw_conn_free(server);
    server =
        opened(MQW_SERVER, 5, &(mqw_conn_options){.answers = MQW_ANSWER_ACKS, .max_output = 5, .reserve = 1});
    assert_int_equal(mqw_conn_send_raw(server, (mqw_bytes){large, 5}), 0);
    faulted_by(server, feed(server, "32 06 0001 't' 0001 00 c000"), MQW_E_PROTOCOL, MQW_RULE_OUTPUT_FULL);
    heard[0] = '\0';
    mqw_conn_free(server);
}

static int fill_large(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof large; i++)
        large[i] = (uint8_t)(i * 31 + (i >> 8));
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_chunking_gives_the_same),
        cmocka_unit_test(any_two_cuts_give_the_same),
        cmocka_unit_test(whole_packets_are_read_where_they_lie),
        cmocka_unit_test(what_stands_behind_a_cut_packet),
        cmocka_unit_test(pending_bytes),
        cmocka_unit_test(a_declared_length_costs_nothing),
        cmocka_unit_test(any_chunking_costs_linear_time),
        cmocka_unit_test(memory_is_given_back),
        cmocka_unit_test(a_packet_above_the_limit),
        cmocka_unit_test(a_whole_packet_above_the_limit),
        cmocka_unit_test(the_first_packet_has_a_limit_of_its_own),
        cmocka_unit_test(default_limits),
        cmocka_unit_test(memory_of_all_is_full),
        cmocka_unit_test(pieces_in_one_input),
        cmocka_unit_test(pieces_byte_by_byte),
        cmocka_unit_test(pieces_with_properties),
        cmocka_unit_test(pieces_behind_long_properties),
        cmocka_unit_test(a_malformed_head),
        cmocka_unit_test(pieces_out_of_turn),
        cmocka_unit_test(stored_of_a_packet_in_pieces),
        cmocka_unit_test(pieces_above_the_limit),
        cmocka_unit_test(acknowledged_too_early),
        cmocka_unit_test(a_large_payload_byte_by_byte),
        cmocka_unit_test(reading_straight_into_a_large_packet),
        cmocka_unit_test(room_ends_with_the_packet),
        cmocka_unit_test(room_in_a_larger_block),
        cmocka_unit_test(no_room),
        cmocka_unit_test(room_is_no_licence),
        cmocka_unit_test(room_without_memory),
        cmocka_unit_test(a_packet_is_taken_over),
        cmocka_unit_test(what_is_not_taken_over),
        cmocka_unit_test(answers),
        cmocka_unit_test(answers_come_after_the_program),
        cmocka_unit_test(no_answers_behind_the_end),
        cmocka_unit_test(answers_without_memory),
    };
    return cmocka_run_group_tests(tests, fill_large, NULL);
}
