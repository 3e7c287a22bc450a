// SPDX-License-Identifier: MIT
// A PUBLISH that goes on to many: the same packets as those of mqw_conn_publish, within the same bounds.
#include "conn/inside.h"
#include "unit/two_ends.h"

enum { LARGE = 70000 };

static uint8_t large[LARGE];

static int fill_large(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof large; i++)
        large[i] = (uint8_t)(i * 31 + (i >> 8));
    return 0;
}

static mqw_forward message(size_t payload, uint8_t qos)
{
    return (mqw_forward){.topic = MQW_TEXT("a/topic/of/20/bytes!"),
                         .payload = {large, payload},
                         .qos = qos,
                         .packet_id = qos ? 0x1234 : 0,
                         .expiry = -1};
}

// What mqw_conn_publish takes for the same message.
static mqw_publish publish_of(const mqw_forward *m)
{
    return (mqw_publish){.topic = m->topic,
                         .payload = m->payload,
                         .qos = m->qos,
                         .packet_id = m->packet_id,
                         .retain = m->retain,
                         .dup = m->dup};
}

static mqw_conn *server_with(const char *connect, const mqw_conn_options *options)
{
    return opened_with(MQW_SERVER, connect, "CONNACK reason=0x00", options);
}

static const mqw_conn_options recent = {.alias_out = MQW_ALIAS_RECENT};

static void same_output(mqw_conn *a, mqw_conn *b)
{
    mqw_bytes one = take_output(a), two = take_output(b);
    same_bytes(one, two);
    free((void *)(uintptr_t)one.data);
    free((void *)(uintptr_t)two.data);
}

static void same_counters(const mqw_conn *a, const mqw_conn *b)
{
    mqw_counters one, two;
    mqw_conn_counters(a, &one);
    mqw_conn_counters(b, &two);
    assert_memory_equal(&one, &two, sizeof one);
    assert_int_equal(mqw_conn_waiting(a), mqw_conn_waiting(b));
    assert_int_equal(mqw_conn_quota(a), mqw_conn_quota(b));
}

// ---- the same bytes ----

static void forward_like_publish(mqw_conn *forwards, mqw_conn *publishes, const mqw_forward *m)
{
    mqw_publish publish = publish_of(m);
    assert_int_equal(mqw_conn_forward(forwards, m), mqw_conn_publish(publishes, &publish));
    same_counters(forwards, publishes);
}

static void same_bytes_in_each_version(void **state)
{
    (void)state;
    static const size_t sizes[] = {0,   1,   15,   16,   64,   97,   98,   99,
                                   100, 128, 1000, 1024, 1025, 4000, 4096, LARGE};
    for (uint8_t version = 3; version <= 5; version++) {
        mqw_conn *forwards = opened(MQW_SERVER, version, NULL),
                 *publishes = opened(MQW_SERVER, version, NULL);
        for (unsigned turn = 0; turn < 3 * COUNT(sizes) * 12; turn++) {
            mqw_forward m = message(sizes[turn % COUNT(sizes)], (uint8_t)(turn / COUNT(sizes) % 3));
            m.retain = turn % 5 == 0;
            m.dup = m.qos && turn % 7 == 0;
            forward_like_publish(forwards, publishes, &m);
            if (turn % 100 == 99)
                same_output(forwards, publishes);
        }
        same_output(forwards, publishes);
        mqw_conn_free(forwards);
        mqw_conn_free(publishes);
    }
}

// A broker's end of both roles: a client's connection takes the general way.
static void clients_forward_too(void **state)
{
    (void)state;
    for (uint8_t version = 3; version <= 5; version++) {
        mqw_conn *forwards = opened(MQW_CLIENT, version, NULL),
                 *publishes = opened(MQW_CLIENT, version, NULL);
        for (size_t size = 0; size < 3000; size += 500) {
            mqw_forward m = message(size, size % 1000 ? 1 : 0);
            forward_like_publish(forwards, publishes, &m);
        }
        same_output(forwards, publishes);
        mqw_conn_free(forwards);
        mqw_conn_free(publishes);
    }
}

// ---- properties ----

// Expiry, identifiers and alias first, then what stays as it was on the wire.
static void properties_are_put_together(void **state)
{
    (void)state;
    static const uint32_t ids[] = {1, 127, 128, MQW_LENGTH_MAX};
    mqw_conn *server = opened(MQW_SERVER, 5, NULL), *client = opened(MQW_CLIENT, 5, NULL);
    mqw_forward m = {.topic = MQW_TEXT("t"),
                     .payload = bytes_of("p"),
                     .expiry = 258,
                     .ids = ids,
                     .id_count = COUNT(ids),
                     .props = hex("01 01 03 0001 'j' 26 0001 'k' 0001 'v'")};
    assert_int_equal(mqw_conn_forward(server, &m), 0);
    writes(server, "30 23 0001 't' 1e 02 00000102 0b01 0b7f 0b8001 0bffffff7f"
                   " 01 01 03 0001 'j' 26 0001 'k' 0001 'v' 'p'");
    m.expiry = INT64_MAX;
    assert_int_equal(mqw_conn_forward(server, &m), 0);
    assert_int_equal(carry(server, client), 0);
    hears("PUBLISH topic=\"t\" payload=\"p\" payload_format=1 message_expiry=4294967295 content_type=\"j\" "
          "subscription_id=1 subscription_id=127 subscription_id=128 subscription_id=268435455 "
          "user=\"k\":\"v\"");
    mqw_conn_free(server);
    mqw_conn_free(client);
}

// With a property length of one, two and three bytes.
static void properties_of_any_size(void **state)
{
    (void)state;
    static const unsigned sizes[] = {0, 1, 120, 121, 122, 123, 124, 3000, 16370, 16376, 16380, 40000};
    static uint8_t props[50000];
    for (size_t i = 0; i < COUNT(sizes); i++) {
        mqw_conn *server = opened(MQW_SERVER, 5, NULL), *client = opened(MQW_CLIENT, 5, NULL);
        memcpy(props, "\x26\x00\x01k", 4);
        props[4] = (uint8_t)(sizes[i] >> 8);
        props[5] = (uint8_t)sizes[i];
        memset(props + 6, 'v', sizes[i]);
        mqw_forward m = {.topic = MQW_TEXT("t"), .props = {props, 6 + sizes[i]}, .expiry = -1};
        for (int n = 0; n < 2; n++) {
            assert_int_equal(mqw_conn_forward(server, &m), 0);
            mqw_bytes all = take_output(server), left = all;
            mqw_packet packet;
            assert_int_equal(mqw_conn_recv(client, &left, &packet), 1);
            assert_int_equal(left.len, 0);
            mqw_list users = packet.publish.props.user;
            mqw_pair pair;
            assert_true(mqw_next_pair(&users, &pair));
            assert_int_equal(pair.value.len, sizes[i]);
            free((void *)(uintptr_t)all.data);
        }
        mqw_conn_free(server);
        mqw_conn_free(client);
    }
}

static void properties_are_left_out_before_5(void **state)
{
    (void)state;
    static const uint32_t ids[] = {1};
    for (uint8_t version = 3; version <= 4; version++) {
        mqw_conn *server = opened(MQW_SERVER, version, NULL);
        mqw_forward m = {.topic = MQW_TEXT("t"),
                         .payload = bytes_of("p"),
                         .expiry = 258,
                         .ids = ids,
                         .id_count = 1,
                         .props = hex("01 01")};
        assert_int_equal(mqw_conn_forward(server, &m), 0);
        writes(server, "30 04 0001 't' 'p'");
        mqw_conn_free(server);
    }
}

// ---- aliases ----

static void aliases_by_recency(void **state)
{
    (void)state;
    mqw_conn *server = server_with("CONNECT version=5 client_id=\"c\" topic_alias_maximum=2", &recent);
    static const struct {
        const char *topic, *bytes;
    } steps[] = {
        {"a", "30 0a 0001 'a' 05 23 0001 01 01 'p'"}, {"a", "30 09 0000 05 23 0001 01 01 'p'"},
        {"b", "30 0a 0001 'b' 05 23 0002 01 01 'p'"}, {"a", "30 09 0000 05 23 0001 01 01 'p'"},
        {"c", "30 0a 0001 'c' 05 23 0002 01 01 'p'"}, {"a", "30 09 0000 05 23 0001 01 01 'p'"},
    };
    for (size_t i = 0; i < COUNT(steps); i++) {
        mqw_forward m = {
            .topic = {steps[i].topic, 1}, .payload = bytes_of("p"), .props = hex("01 01"), .expiry = -1};
        assert_int_equal(mqw_conn_forward(server, &m), 0);
        writes(server, steps[i].bytes);
    }
    mqw_conn_free(server);
    server = server_with("CONNECT version=5 client_id=\"c\"", &recent); // that peer takes none
    mqw_forward m = {.topic = MQW_TEXT("a"), .expiry = -1};
    assert_int_equal(mqw_conn_forward(server, &m), 0);
    writes(server, "30 04 0001 'a' 00");
    mqw_conn_free(server);
}

// A packet that fits without an alias is sent without one.
static void an_alias_does_not_make_it_too_large(void **state)
{
    (void)state;
    mqw_conn *server = server_with(
        "CONNECT version=5 client_id=\"c\" topic_alias_maximum=1 maximum_packet_size=20", &recent);
    mqw_forward m = {.topic = MQW_TEXT("t"), .payload = bytes_of("01234567890123"), .expiry = -1};
    assert_int_equal(mqw_conn_forward(server, &m), 0);
    writes(server, "30 12 0001 't' 00 '01234567890123'");
    m.payload = bytes_of("01234567890");
    assert_int_equal(mqw_conn_forward(server, &m), 0);
    writes(server, "30 12 0001 't' 03 23 0001 '01234567890'");
    m.payload = bytes_of("012345678901234");
    refused_by(server, mqw_conn_forward(server, &m), MQW_E_TOO_LARGE, MQW_RULE_PACKET_SIZE_CLIENT, "length");
    mqw_conn_free(server);
}

// ---- payloads by reference ----

static void release(mqw_shared *shared)
{
    shared->bytes.len = 0;
}

static void large_payloads_go_by_reference(void **state)
{
    (void)state;
    static const size_t sizes[] = {10, 1024, 1025, 5000, LARGE};
    for (uint8_t version = 3; version <= 5; version++)
        for (size_t i = 0; i < COUNT(sizes); i++) {
            mqw_conn *server = opened(MQW_SERVER, version, NULL), *other = opened(MQW_SERVER, version, NULL);
            mqw_shared shared = {.bytes = {large, sizes[i]}, .refs = 1, .release = release};
            mqw_forward m = message(sizes[i], 1);
            m.shared = &shared;
            mqw_publish publish = publish_of(&m);
            for (int n = 0; n < 3; n++) {
                assert_int_equal(mqw_conn_forward(server, &m), 0);
                assert_int_equal(mqw_conn_publish(other, &publish), 0);
            }
            assert_int_equal(shared.refs, sizes[i] > 1024 ? 4 : 1);
            same_counters(server, other);
            same_output(server, other);
            assert_int_equal(shared.refs, 1);
            assert_int_equal(mqw_conn_forward(server, &m), 0);
            mqw_shared_drop(&shared);
            mqw_conn_free(server);
            assert_int_equal(shared.bytes.len, 0);
            mqw_conn_free(other);
        }
}

// ---- bounds ----

static void receive_maximum_counts(void **state)
{
    (void)state;
    mqw_conn *server = server_with("CONNECT version=5 client_id=\"c\" receive_maximum=2", NULL);
    mqw_forward m = message(10, 1), free_of_it = message(10, 0);
    assert_int_equal(mqw_conn_forward(server, &m), 0);
    m.qos = 2;
    assert_int_equal(mqw_conn_forward(server, &m), 0);
    assert_int_equal(mqw_conn_quota(server), 0);
    refused_by(server, mqw_conn_forward(server, &m), MQW_E_QUOTA, MQW_RULE_RECEIVE_MAXIMUM_CLIENT,
               "packet_id");
    clause_is(server, "MQTT-3.3.4-9");
    assert_int_equal(mqw_conn_forward(server, &free_of_it), 0);
    assert_int_equal(feed(server, "40 02 1234"), 0);
    assert_int_equal(mqw_conn_quota(server), 1);
    assert_int_equal(mqw_conn_forward(server, &m), 0);
    heard[0] = '\0';
    mqw_conn_free(server);
}

static void the_peers_maximum_packet_size(void **state)
{
    (void)state;
    mqw_conn *server = server_with("CONNECT version=5 client_id=\"c\" maximum_packet_size=100", NULL);
    mqw_forward m = message(100 - 25, 0);
    for (int waits = 0; waits < 2; waits++) {
        m.payload.len++;
        refused_by(server, mqw_conn_forward(server, &m), MQW_E_TOO_LARGE, MQW_RULE_PACKET_SIZE_CLIENT,
                   "length");
        clause_is(server, "MQTT-3.1.2-24");
        m.payload.len--;
        assert_int_equal(mqw_conn_forward(server, &m), 0);
    }
    assert_int_equal(mqw_conn_waiting(server), 200);
    mqw_conn_free(server);
}

static void output_is_bounded(void **state)
{
    (void)state;
    mqw_conn *server = opened(MQW_SERVER, 4, &(mqw_conn_options){.max_output = 2000, .low_water = 100});
    mqw_forward m = message(976, 0);
    assert_int_equal(mqw_conn_forward(server, &m), 0);
    m.payload.len = 977;
    assert_int_equal(mqw_conn_forward(server, &m), MQW_E_BUSY);
    assert_int_equal(mqw_conn_waiting(server), 1001);
    m.payload.len = 974;
    assert_int_equal(mqw_conn_forward(server, &m), 0);
    assert_int_equal(mqw_conn_waiting(server), 2000);
    assert_int_equal(mqw_conn_written(server, 2000), 1); // who was told to try again hears when
    m.payload.len = 3000;
    refused_by(server, mqw_conn_forward(server, &m), MQW_E_TOO_LARGE, MQW_RULE_OUTPUT_FULL, NULL);
    mqw_conn_free(server);
}

static void high_and_low_water(void **state)
{
    (void)state;
    mqw_conn *server = opened(MQW_SERVER, 4, &(mqw_conn_options){.high_water = 240, .low_water = 100});
    mqw_forward m = message(76, 0);
    assert_int_equal(mqw_conn_forward(server, &m), 0);
    assert_int_equal(mqw_conn_forward(server, &m), 0);
    assert_int_equal(mqw_conn_written(server, 150), 0); // it was never above
    assert_int_equal(mqw_conn_forward(server, &m), 0);
    assert_int_equal(mqw_conn_forward(server, &m), 0);
    assert_int_equal(mqw_conn_written(server, 100), 0);
    assert_int_equal(mqw_conn_written(server, 100), 1);
    mqw_conn_free(server);
}

static void count_call(mqw_conn *conn, void *ctx)
{
    (void)conn;
    ++*(int *)ctx;
}

static void the_writer_hears_of_output(void **state)
{
    (void)state;
    int count = 0;
    mqw_conn *server =
        opened(MQW_SERVER, 4, &(mqw_conn_options){.on_output = count_call, .on_output_ctx = &count});
    mqw_forward m = message(64, 0);
    for (int turn = 0; turn < 3; turn++) {
        count = 0;
        assert_int_equal(mqw_conn_forward(server, &m), 0);
        assert_int_equal(mqw_conn_forward(server, &m), 0);
        assert_int_equal(count, 1);
        drop_output(server);
    }
    mqw_conn_free(server);
}

// ---- who may ----

static void only_when_open(void **state)
{
    (void)state;
    mqw_forward m = message(64, 0);
    mqw_conn *server = make(MQW_SERVER, NULL);
    refused_by(server, mqw_conn_forward(server, &m), MQW_E_REFUSED, MQW_RULE_CONNACK_FIRST, NULL);
    assert_int_equal(feed(server, "10 0d 0004 'MQTT' 04 02 0000 0001 'c'"), 0);
    refused_by(server, mqw_conn_forward(server, &m), MQW_E_REFUSED, MQW_RULE_CONNACK_FIRST, NULL);
    says(server, "CONNACK reason=0x00");
    assert_int_equal(mqw_conn_forward(server, &m), 0);
    mqw_conn_shut(server);
    assert_int_equal(mqw_conn_forward(server, &m), MQW_E_CLOSED);
    mqw_conn_free(server);
    server = opened(MQW_SERVER, 5, NULL);
    says(server, "DISCONNECT");
    assert_int_equal(mqw_conn_forward(server, &m), MQW_E_REFUSED);
    mqw_conn_free(server);
    server = opened(MQW_SERVER, 5, NULL);
    assert_int_equal(feed(server, "e0 00"), 0);
    assert_int_equal(mqw_conn_forward(server, &m), MQW_E_CLOSED);
    mqw_conn_free(server);
    server = opened(MQW_SERVER, 5, NULL);
    assert_true(feed(server, "c1 00") < 0);
    assert_int_equal(mqw_conn_forward(server, &m), MQW_E_CLOSED);
    mqw_conn_free(server);
    heard[0] = '\0';
}

// What its maker got wrong is refused, but never misuse: no peer is sent bytes that are no packet.
static void what_is_unsound_is_refused(void **state)
{
    (void)state;
    static char long_topic[0x10000];
    memset(long_topic, 't', sizeof long_topic);
    mqw_conn *server = opened(MQW_SERVER, 5, NULL);
    mqw_forward m = message(64, 1);
    m.packet_id = 0;
    refused_by(server, mqw_conn_forward(server, &m), MQW_E_REFUSED, MQW_RULE_PACKET_ID_ZERO, "packet_id");
    m = message(64, 0);
    m.packet_id = 1;
    refused_by(server, mqw_conn_forward(server, &m), MQW_E_REFUSED, MQW_RULE_FIELD_RANGE, "packet_id");
    m = message(64, 3);
    refused_by(server, mqw_conn_forward(server, &m), MQW_E_REFUSED, MQW_RULE_FIELD_RANGE, "qos");
    m = message(64, 0);
    m.topic = (mqw_text){long_topic, sizeof long_topic};
    refused_by(server, mqw_conn_forward(server, &m), MQW_E_REFUSED, MQW_RULE_TEXT_TOO_LONG, "topic");
    assert_int_equal(mqw_conn_waiting(server), 0);
    mqw_conn_free(server);
}

// Behind a payload that goes in pieces.
static void it_waits_for_pieces(void **state)
{
    (void)state;
    mqw_conn *server = opened(MQW_SERVER, 4, NULL);
    mqw_publish publish = {.topic = MQW_TEXT("t")};
    mqw_forward m = {.topic = MQW_TEXT("u"), .expiry = -1};
    assert_int_equal(mqw_conn_publish_begin(server, &publish, 2), 0);
    assert_int_equal(mqw_conn_forward(server, &m), 0);
    assert_int_equal(mqw_conn_publish_write(server, bytes_of("hi")), 0);
    assert_int_equal(mqw_conn_publish_end(server), 0);
    writes(server, "30 05 0001 't' 'hi' 30 03 0001 'u'");
    mqw_conn_free(server);
}

// ---- tap ----

static void tell_line(mqw_conn *conn, bool sent, const mqw_packet *packet, mqw_bytes raw, void *ctx)
{
    (void)conn;
    (void)ctx;
    if (packet && sent && packet->type == MQW_PUBLISH)
        hear_packet(packet);
    else if (sent && !packet)
        hear(raw.len == 5000 ? "5000 bytes" : "bytes");
}

static void a_tap_sees_its_properties(void **state)
{
    (void)state;
    static const uint32_t ids[] = {7};
    mqw_conn *server = opened(MQW_SERVER, 5, &(mqw_conn_options){.tap = tell_line});
    mqw_shared shared = {.bytes = {large, 5000}, .refs = 1};
    mqw_forward m = {.topic = MQW_TEXT("t"),
                     .payload = bytes_of("p"),
                     .expiry = 9,
                     .ids = ids,
                     .id_count = 1,
                     .props = hex("03 0001 'j'"),
                     .qos = 1,
                     .packet_id = 3};
    assert_int_equal(mqw_conn_forward(server, &m), 0);
    hears("PUBLISH topic=\"t\" payload=\"p\" qos=1 packet_id=3 message_expiry=9 content_type=\"j\" "
          "subscription_id=7");
    m.payload = shared.bytes;
    m.shared = &shared;
    assert_int_equal(mqw_conn_forward(server, &m), 0);
    assert_non_null(strstr(heard, "content_type=\"j\""));
    assert_non_null(strstr(heard, "5000 bytes"));
    heard[0] = '\0';
    drop_output(server);
    mqw_conn_free(server);
}

// ---- memory ----

static void forwards_all(mqw_conn *server, heap *memory, mqw_shared *shared)
{
    static const size_t sizes[] = {64, 1000, 1024, 3000, 5000};
    for (unsigned turn = 0; turn < 40; turn++) {
        mqw_forward m = message(sizes[turn % COUNT(sizes)], 0);
        m.shared = turn % 3 ? shared : NULL;
        m.payload = m.shared ? shared->bytes : m.payload;
        size_t waiting = mqw_conn_waiting(server);
        memory->failed = false;
        int rc = mqw_conn_forward(server, &m);
        assert_int_equal(rc, memory->failed && rc ? MQW_E_NO_MEMORY : 0);
        assert_true(rc == 0 || mqw_conn_waiting(server) == waiting);
    }
}

// Whole packets, all of them with that topic.
static void takes_all(mqw_conn *server, mqw_conn *client)
{
    mqw_bytes all = take_output(server), left = all;
    mqw_packet packet;
    int rc;
    while ((rc = mqw_conn_recv(client, &left, &packet)) > 0)
        same_bytes((mqw_bytes){(const uint8_t *)packet.publish.topic.data, packet.publish.topic.len},
                   bytes_of("a/topic/of/20/bytes!"));
    assert_int_equal(rc, 0);
    assert_int_equal(mqw_conn_pending(client).len, 0);
    free((void *)(uintptr_t)all.data);
}

static void each_allocation_fails(void **state)
{
    (void)state;
    for (uint8_t alias = 0; alias < 2; alias++)
        for (unsigned n = 1; n < 60; n++) {
            heap memory = {0};
            mqw_allocator allocator = heap_allocator(&memory);
            mqw_shared shared = {.bytes = {large, 2000}, .refs = 1};
            mqw_conn *server = server_with("CONNECT version=5 client_id=\"c\" topic_alias_maximum=3",
                                           &(mqw_conn_options){.allocator = &allocator, .alias_out = alias});
            mqw_conn *client = opened(MQW_CLIENT, 5, NULL);
            client->ours.alias_maximum = 3;
            memory.fail_at = memory.allocations + n;
            forwards_all(server, &memory, &shared);
            takes_all(server, client);
            mqw_conn_free(server);
            mqw_conn_free(client);
            assert_int_equal(memory.held, 0);
            assert_int_equal(shared.refs, 1);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bytes_in_each_version),
        cmocka_unit_test(clients_forward_too),
        cmocka_unit_test(properties_are_put_together),
        cmocka_unit_test(properties_of_any_size),
        cmocka_unit_test(properties_are_left_out_before_5),
        cmocka_unit_test(aliases_by_recency),
        cmocka_unit_test(an_alias_does_not_make_it_too_large),
        cmocka_unit_test(large_payloads_go_by_reference),
        cmocka_unit_test(receive_maximum_counts),
        cmocka_unit_test(the_peers_maximum_packet_size),
        cmocka_unit_test(output_is_bounded),
        cmocka_unit_test(high_and_low_water),
        cmocka_unit_test(the_writer_hears_of_output),
        cmocka_unit_test(only_when_open),
        cmocka_unit_test(what_is_unsound_is_refused),
        cmocka_unit_test(it_waits_for_pieces),
        cmocka_unit_test(a_tap_sees_its_properties),
        cmocka_unit_test(each_allocation_fails),
    };
    return cmocka_run_group_tests(tests, fill_large, NULL);
}
