// SPDX-License-Identifier: MIT
// Topic aliases (section 3.3.2.3.4): those of the peer resolved or left as they are, ours by hand or by
// recency.
#include "conn/inside.h"
#include "unit/two_ends.h"

static mqw_conn *taking(mqw_role role, unsigned maximum, const mqw_conn_options *options)
{
    char connect[100], connack[100];
    snprintf(connect, sizeof connect, "CONNECT version=5 client_id=\"c\" topic_alias_maximum=%u", maximum);
    snprintf(connack, sizeof connack, "CONNACK topic_alias_maximum=%u", maximum);
    return opened_with(role, connect, connack, options);
}

static const mqw_conn_options recent = {.alias_out = MQW_ALIAS_RECENT};
static const mqw_conn_options raw = {.alias_in = MQW_ALIAS_RAW};

// ---- received ----

// MQTT-3.3.2-7: topic and alias set what it stands for, alias alone uses it; each side has its own.
static void aliases_are_resolved(void **state)
{
    (void)state;
    for (int role = MQW_CLIENT; role <= MQW_SERVER; role++) {
        mqw_conn *conn = taking((mqw_role)role, 2, NULL);
        assert_int_equal(feed(conn, "30 09 0003 'one' 03 23 0001"), 0);
        assert_int_equal(feed(conn, "30 07 0000 03 23 0001 'x'"), 0);
        assert_int_equal(
            feed(conn, "30 09 0003 'two' 03 23 0002 30 06 0000 03 23 0002 30 06 0000 03 23 0001"), 0);
        assert_int_equal(
            feed(conn, "30 0b 0005 'three' 03 23 0001 30 06 0000 03 23 0001 30 07 0001 'a' 03 23 0001"), 0);
        assert_int_equal(feed(conn, "30 06 0000 03 23 0001"), 0);
        hears(
            "PUBLISH topic=\"one\" payload=\"\" topic_alias=1\nPUBLISH topic=\"one\" payload=\"x\" topic_alias=1\n"
            "PUBLISH topic=\"two\" payload=\"\" topic_alias=2\nPUBLISH topic=\"two\" payload=\"\" topic_alias=2\n"
            "PUBLISH topic=\"one\" payload=\"\" topic_alias=1\n"
            "PUBLISH topic=\"three\" payload=\"\" topic_alias=1\nPUBLISH topic=\"three\" payload=\"\" topic_alias=1\n"
            "PUBLISH topic=\"a\" payload=\"\" topic_alias=1\nPUBLISH topic=\"a\" payload=\"\" topic_alias=1");
        mqw_conn_free(conn);
    }
}

static void aliases_byte_by_byte_and_in_pieces(void **state)
{
    (void)state;
    mqw_conn *server = taking(MQW_SERVER, 9, &(mqw_conn_options){.stream_over = 2});
    assert_int_equal(feed_in(server, hex("30 09 0003 'one' 03 23 0009 30 09 0000 03 23 0009 'xyz'"), 1), 0);
    hears("PUBLISH topic=\"one\" payload=\"\" topic_alias=9\n"
          "PUBLISH topic=\"one\" payload=\"\" payload_left=3 topic_alias=9\n"
          "x at 0, 2 left, id 0, qos 0\ny at 1, 1 left, id 0, qos 0\nz at 2, 0 left, id 0, qos 0");
    mqw_conn_free(server);
}

// A proxy has them as on the wire, and they are tried all the same.
static void aliases_as_on_the_wire(void **state)
{
    (void)state;
    mqw_conn *server = taking(MQW_SERVER, 2, &raw);
    assert_int_equal(feed(server, "30 09 0003 'one' 03 23 0001 30 06 0000 03 23 0001"), 0);
    hears("PUBLISH topic=\"one\" payload=\"\" topic_alias=1\nPUBLISH topic=\"\" payload=\"\" topic_alias=1");
    assert_true(mqw_conn_config(server)->held < 100); // no topic is kept
    faulted_by(server, feed(server, "30 06 0000 03 23 0002"), MQW_E_PROTOCOL, MQW_RULE_ALIAS_UNKNOWN);
    mqw_conn_free(server);
}

static void aliases_that_are_not_allowed(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        int rule;
        const char *clause, *reply;
    } rows[] = {
        {"30 07 0001 't' 03 23 0000", MQW_RULE_ALIAS_ZERO, "MQTT-3.3.2-8", "e0 01 94"},
        {"30 07 0001 't' 03 23 0003", MQW_RULE_ALIAS_MAXIMUM_SERVER, "MQTT-3.3.2-9", "e0 01 94"},
        {"30 06 0000 03 23 0001", MQW_RULE_ALIAS_UNKNOWN, "section 3.3.2.3.4", "e0 01 82"},
        {"30 07 0001 't' 03 23 0002 30 06 0000 03 23 0001", MQW_RULE_ALIAS_UNKNOWN, "section 3.3.2.3.4",
         "e0 01 82"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        mqw_conn *server = taking(MQW_SERVER, 2, NULL);
        faulted_by(server, feed(server, rows[i].bytes), MQW_E_PROTOCOL, rows[i].rule);
        clause_is(server, rows[i].clause);
        writes(server, rows[i].reply);
        mqw_conn_free(server);
    }
    mqw_conn *client = taking(MQW_CLIENT, 2, NULL);
    faulted_by(client, feed(client, "30 07 0001 't' 03 23 0003"), MQW_E_PROTOCOL,
               MQW_RULE_ALIAS_MAXIMUM_CLIENT);
    clause_is(client, "MQTT-3.3.2-11");
    mqw_conn_free(client);
    client = opened(MQW_CLIENT, 5, NULL); // none until asked for
    faulted_by(client, feed(client, "30 07 0001 't' 03 23 0001"), MQW_E_PROTOCOL,
               MQW_RULE_ALIAS_MAXIMUM_CLIENT);
    mqw_conn_free(client);
    heard[0] = '\0';
}

// What a policy lets pass is not resolved to anything.
static void aliases_that_are_tolerated(void **state)
{
    (void)state;
    mqw_conn *server =
        taking(MQW_SERVER, 2, &(mqw_conn_options){.version = 5, .policy = MQW_POLICY_ORIGINAL});
    assert_int_equal(
        feed(server, "30 07 0001 't' 03 23 0000 30 07 0001 't' 03 23 ffff 30 06 0000 03 23 ffff"), 0);
    assert_int_equal(feed(server, "30 06 0000 03 23 0001"), 0);
    hears(
        "PUBLISH topic=\"t\" payload=\"\" topic_alias=0\nPUBLISH topic=\"t\" payload=\"\" topic_alias=65535\n"
        "PUBLISH topic=\"\" payload=\"\" topic_alias=65535\nPUBLISH topic=\"\" payload=\"\" topic_alias=1");
    mqw_conn_free(server);
}

// They cost what is used of them, within the total of all connections.
static void memory_of_aliases(void **state)
{
    (void)state;
    mqw_conn *server = taking(MQW_SERVER, 65535, &(mqw_conn_options){.max_total = 100000});
    mqw_config *config = mqw_conn_config(server);
    assert_int_equal(config->held, 0);
    assert_int_equal(feed(server, "30 09 0003 'one' 03 23 0001"), 0);
    assert_int_equal(config->held, 3 + sizeof(mqw__alias));
    assert_int_equal(feed(server, "30 0b 0005 'three' 03 23 0001"), 0);
    assert_int_equal(config->held, 5 + sizeof(mqw__alias));
    assert_int_equal(feed(server, "30 07 0001 't' 03 23 0001"), 0);
    assert_int_equal(config->held, 1 + sizeof(mqw__alias));
    assert_int_equal(feed(server, "30 07 0001 't' 03 23 0400"), 0);
    assert_int_equal(config->held, 2 + 1024 * sizeof(mqw__alias));
    faulted_by(server, feed(server, "30 07 0001 't' 03 23 ffff"), MQW_E_NO_MEMORY, MQW_RULE_MEMORY_FULL);
    writes(server, "e0 01 97");
    config = mqw_config_keep(config);
    mqw_conn_free(server);
    assert_int_equal(config->held, 0);
    mqw_config_free(config);
    heard[0] = '\0';
}

static void topics_within_the_total(void **state)
{
    (void)state;
    static char topic[3000];
    memset(topic, 't', sizeof topic);
    mqw_conn *liar = make(MQW_ANY, &(mqw_conn_options){.version = 5});
    mqw_conn *server = taking(MQW_SERVER, 10, &(mqw_conn_options){.max_total = 5000});
    mqw_publish publish = {.topic = {topic, sizeof topic}};
    mqw_set(&publish.props, topic_alias, 1);
    assert_int_equal(mqw_conn_publish(liar, &publish), 0);
    assert_int_equal(carry(liar, server), 0);
    mqw_set(&publish.props, topic_alias, 2);
    assert_int_equal(mqw_conn_publish(liar, &publish), 0);
    faulted_by(server, carry(liar, server), MQW_E_NO_MEMORY, MQW_RULE_MEMORY_FULL);
    mqw_conn_free(server);
    mqw_conn_free(liar);
    heard[0] = '\0';
}

// ---- sent by hand ----

static void aliases_by_hand(void **state)
{
    (void)state;
    for (int role = MQW_CLIENT; role <= MQW_SERVER; role++) {
        mqw_conn *conn = taking((mqw_role)role, 2, NULL),
                 *peer = taking(role == MQW_CLIENT ? MQW_SERVER : MQW_CLIENT, 2, NULL);
        refused_by(conn, say(conn, "PUBLISH topic_alias=1"), MQW_E_REFUSED, MQW_RULE_ALIAS_UNKNOWN,
                   "topic_alias");
        refused_by(conn, say(conn, "PUBLISH topic=\"t\" topic_alias=3"), MQW_E_REFUSED,
                   role == MQW_CLIENT ? MQW_RULE_ALIAS_MAXIMUM_SERVER : MQW_RULE_ALIAS_MAXIMUM_CLIENT,
                   "topic_alias");
        refused_by(conn, say(conn, "PUBLISH topic=\"t\" topic_alias=0"), MQW_E_REFUSED, MQW_RULE_ALIAS_ZERO,
                   "topic_alias");
        assert_int_equal(say(conn, "PUBLISH topic=\"+\" topic_alias=1"), MQW_E_REFUSED); // was not said
        refused_by(conn, say(conn, "PUBLISH topic_alias=1"), MQW_E_REFUSED, MQW_RULE_ALIAS_UNKNOWN,
                   "topic_alias");
        says(conn, "PUBLISH topic=\"t\" topic_alias=1");
        says(conn, "PUBLISH topic_alias=1");
        says(conn, "PUBLISH topic=\"u\" topic_alias=1");
        says(conn, "PUBLISH topic_alias=1");
        says(conn, "PUBLISH topic=\"plain\"");
        assert_int_equal(carry(conn, peer), 0);
        hears(
            "PUBLISH topic=\"t\" payload=\"\" topic_alias=1\nPUBLISH topic=\"t\" payload=\"\" topic_alias=1\n"
            "PUBLISH topic=\"u\" payload=\"\" topic_alias=1\nPUBLISH topic=\"u\" payload=\"\" topic_alias=1\n"
            "PUBLISH topic=\"plain\" payload=\"\"");
        mqw_conn_free(conn);
        mqw_conn_free(peer);
    }
}

// The two directions have nothing to do with each other.
static void directions_are_apart(void **state)
{
    (void)state;
    mqw_conn *server = taking(MQW_SERVER, 2, NULL);
    assert_int_equal(feed(server, "30 07 0001 't' 03 23 0001"), 0);
    refused_by(server, say(server, "PUBLISH topic_alias=1"), MQW_E_REFUSED, MQW_RULE_ALIAS_UNKNOWN,
               "topic_alias");
    says(server, "PUBLISH topic=\"out\" topic_alias=2");
    faulted_by(server, feed(server, "30 06 0000 03 23 0002"), MQW_E_PROTOCOL, MQW_RULE_ALIAS_UNKNOWN);
    mqw_conn_free(server);
    heard[0] = '\0';
}

// ---- sent by recency ----

static void aliases_by_recency(void **state)
{
    (void)state;
    mqw_conn *client = taking(MQW_CLIENT, 2, &recent);
    static const struct {
        const char *topic, *bytes;
    } steps[] = {
        {"a", "30 07 0001 'a' 03 23 0001"}, {"a", "30 06 0000 03 23 0001"},
        {"b", "30 07 0001 'b' 03 23 0002"}, {"a", "30 06 0000 03 23 0001"},
        {"c", "30 07 0001 'c' 03 23 0002"}, // b was used longest ago
        {"a", "30 06 0000 03 23 0001"},     {"c", "30 06 0000 03 23 0002"},
        {"b", "30 07 0001 'b' 03 23 0001"}, {"a", "30 07 0001 'a' 03 23 0002"},
    };
    for (size_t i = 0; i < COUNT(steps); i++) {
        mqw_publish publish = {.topic = {steps[i].topic, 1}};
        assert_int_equal(mqw_conn_publish(client, &publish), 0);
        assert_int_equal(publish.topic.len, 1); // the program's own stays as it was
        assert_int_equal(publish.props.has, 0);
        writes(client, steps[i].bytes);
    }
    mqw_conn_free(client);
}

// Up to 32, and the peer's maximum; what arrives is what was sent.
static void many_topics(void **state)
{
    (void)state;
    static const unsigned maxima[] = {1, 5, 32, 33, 65535};
    for (size_t i = 0; i < COUNT(maxima); i++) {
        mqw_conn *client = taking(MQW_CLIENT, maxima[i], &recent),
                 *server = taking(MQW_SERVER, maxima[i], NULL);
        for (unsigned n = 0; n < 500; n++) {
            char topic[20];
            snprintf(topic, sizeof topic, "topic/%u", n * n % 41);
            mqw_publish publish = {.topic = {topic, strlen(topic)}};
            assert_int_equal(mqw_conn_publish(client, &publish), 0);
            mqw_bytes all = take_output(client), left = all;
            mqw_packet packet;
            assert_int_equal(mqw_conn_recv(server, &left, &packet), 1);
            assert_int_equal(packet.publish.topic.len, strlen(topic));
            assert_memory_equal(packet.publish.topic.data, topic, strlen(topic));
            assert_in_range(packet.publish.props.topic_alias, 1, maxima[i] < 32 ? maxima[i] : 32);
            free((void *)(uintptr_t)all.data);
        }
        mqw_conn_free(client);
        mqw_conn_free(server);
    }
}

static void none_are_taken(void **state)
{
    (void)state;
    mqw_conn *client = taking(MQW_CLIENT, 0, &recent);
    says(client, "PUBLISH topic=\"t\"");
    writes(client, "30 04 0001 't' 00");
    mqw_conn_free(client);
    client = opened(MQW_CLIENT, 4, &recent);
    says(client, "PUBLISH topic=\"t\"");
    writes(client, "30 03 0001 't'");
    mqw_conn_free(client);
    mqw_conn *sniffer = make(MQW_ANY, &(mqw_conn_options){.alias_out = MQW_ALIAS_RECENT, .version = 5});
    assert_int_equal(feed(sniffer, "10 11 0004 'MQTT' 05 02 0000 03 22 0005 0001 'c'"), 0);
    says(sniffer, "PUBLISH topic=\"t\"");
    says(sniffer, "PUBLISH topic_alias=7");
    writes(sniffer, "30 04 0001 't' 00 30 06 0000 03 23 0007");
    mqw_conn_free(sniffer);
    heard[0] = '\0';
}

// The program's own aliases are kept, and free ones are taken before used ones.
static void own_aliases_among_those_by_recency(void **state)
{
    (void)state;
    mqw_conn *client = taking(MQW_CLIENT, 3, &recent);
    says(client, "PUBLISH topic=\"own\" topic_alias=1");
    drop_output(client);
    says(client, "PUBLISH topic=\"a\"");
    writes(client, "30 07 0001 'a' 03 23 0002");
    says(client, "PUBLISH topic=\"b\"");
    writes(client, "30 07 0001 'b' 03 23 0003");
    says(client, "PUBLISH topic=\"own\"");
    writes(client, "30 06 0000 03 23 0001");
    says(client, "PUBLISH topic_alias=2");
    writes(client, "30 06 0000 03 23 0002");
    mqw_conn_free(client);
}

// A packet that was not sent has told the peer nothing.
static void refused_packets_say_nothing(void **state)
{
    (void)state;
    mqw_conn *client = opened_with(MQW_CLIENT, "CONNECT version=5 client_id=\"c\"",
                                   "CONNACK topic_alias_maximum=1 receive_maximum=1 maximum_packet_size=40",
                                   &(mqw_conn_options){.alias_out = MQW_ALIAS_RECENT, .max_output = 50});
    says(client, "PUBLISH topic=\"a\"");
    assert_int_equal(say(client, "PUBLISH topic=\"b\" payload=\"0123456789012345678901234567890123456789\""),
                     MQW_E_TOO_LARGE);
    assert_int_equal(say(client, "PUBLISH topic=\"b\" qos=3"), MQW_E_MISUSE);
    assert_int_equal(
        mqw_conn_send_raw(client,
                          hex("01020304050607080910 01020304050607080910 01020304050607080910 0102030405")),
        0);
    assert_int_equal(say(client, "PUBLISH topic=\"b\""), MQW_E_BUSY);
    drop_output(client);
    says(client, "PUBLISH topic=\"a\"");
    writes(client, "30 06 0000 03 23 0001");
    says(client, "PUBLISH topic=\"b\"");
    writes(client, "30 07 0001 'b' 03 23 0001");
    mqw_conn_free(client);
}

// A packet that fits without an alias is sent without one.
static void an_alias_does_not_make_it_too_large(void **state)
{
    (void)state;
    mqw_conn *client = opened_with(MQW_CLIENT, "CONNECT version=5 client_id=\"c\"",
                                   "CONNACK topic_alias_maximum=1 maximum_packet_size=20", &recent);
    says(client, "PUBLISH topic=\"t\" payload=\"01234567890123\"");
    writes(client, "30 12 0001 't' 00 '01234567890123'");
    says(client, "PUBLISH topic=\"t\" payload=\"01234567890\"");
    writes(client, "30 12 0001 't' 03 23 0001 '01234567890'");
    says(client, "PUBLISH topic=\"t\" payload=\"01234567890123\"");
    writes(client, "30 12 0001 't' 00 '01234567890123'");
    refused_by(client, say(client, "PUBLISH topic=\"u\" payload=\"012345678901234\""), MQW_E_TOO_LARGE,
               MQW_RULE_PACKET_SIZE_SERVER, "length");
    mqw_conn_free(client);
}

static void recency_with_shared_bytes_and_pieces(void **state)
{
    (void)state;
    mqw_conn *client = taking(MQW_CLIENT, 2, &recent);
    mqw_shared shared = {.bytes = bytes_of("shared"), .refs = 1};
    mqw_publish publish = {.topic = MQW_TEXT("t")};
    assert_int_equal(mqw_conn_publish_shared(client, &publish, &shared), 0);
    assert_int_equal(mqw_conn_publish_shared(client, &publish, &shared), 0);
    assert_int_equal(mqw_conn_publish_begin(client, &publish, 2), 0);
    assert_int_equal(mqw_conn_publish_write(client, bytes_of("hi")), 0);
    assert_int_equal(mqw_conn_publish_end(client), 0);
    writes(client,
           "30 0d 0001 't' 03 23 0001 'shared' 30 0c 0000 03 23 0001 'shared' 30 08 0000 03 23 0001 'hi'");
    mqw_conn_free(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aliases_are_resolved),
        cmocka_unit_test(aliases_byte_by_byte_and_in_pieces),
        cmocka_unit_test(aliases_as_on_the_wire),
        cmocka_unit_test(aliases_that_are_not_allowed),
        cmocka_unit_test(aliases_that_are_tolerated),
        cmocka_unit_test(memory_of_aliases),
        cmocka_unit_test(topics_within_the_total),
        cmocka_unit_test(aliases_by_hand),
        cmocka_unit_test(directions_are_apart),
        cmocka_unit_test(aliases_by_recency),
        cmocka_unit_test(many_topics),
        cmocka_unit_test(none_are_taken),
        cmocka_unit_test(own_aliases_among_those_by_recency),
        cmocka_unit_test(refused_packets_say_nothing),
        cmocka_unit_test(an_alias_does_not_make_it_too_large),
        cmocka_unit_test(recency_with_shared_bytes_and_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
