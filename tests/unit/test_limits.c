// SPDX-License-Identifier: MIT
// What the peers agreed in CONNECT and CONNACK: receive maximum both ways, exactly as section 4.9 says;
// maximum packet size, QoS, retain, wildcards, shared subscriptions, subscription identifiers; problem
// information.
#include "unit/two_ends.h"

static mqw_conn *agreed(mqw_role role, const char *connect_has, const char *connack_has,
                        const mqw_conn_options *options)
{
    char connect[200], connack[200];
    snprintf(connect, sizeof connect, "CONNECT version=5 client_id=\"c\" %s", connect_has);
    snprintf(connack, sizeof connack, "CONNACK %s", connack_has);
    return opened_with(role, connect, connack, options);
}

static int publish(mqw_conn *conn, uint8_t qos, uint16_t id)
{
    mqw_publish message = {.topic = MQW_TEXT("t"), .qos = qos, .packet_id = id};
    return mqw_conn_publish(conn, &message);
}

// ---- receive maximum: what we send ----

static void the_send_quota(void **state)
{
    (void)state;
    // MQTT-3.3.4-7 of the client, MQTT-3.3.4-9 of the server, MQTT-4.9.0-2: at zero nothing of QoS above 0 is
    // sent
    for (int role = MQW_CLIENT; role <= MQW_SERVER; role++) {
        mqw_conn *conn = agreed((mqw_role)role, "receive_maximum=3", "receive_maximum=3", NULL);
        assert_int_equal(mqw_conn_quota(conn), 3);
        assert_int_equal(publish(conn, 1, 1), 0);
        assert_int_equal(publish(conn, 2, 2), 0);
        assert_int_equal(publish(conn, 2, 3), 0);
        assert_int_equal(mqw_conn_quota(conn), 0);
        refused_by(conn, publish(conn, 1, 4), MQW_E_QUOTA,
                   role == MQW_CLIENT ? MQW_RULE_RECEIVE_MAXIMUM_SERVER : MQW_RULE_RECEIVE_MAXIMUM_CLIENT,
                   "packet_id");
        clause_is(conn, role == MQW_CLIENT ? "MQTT-3.3.4-7" : "MQTT-3.3.4-9");
        assert_int_equal(publish(conn, 0, 0), 0); // MQTT-4.9.0-3: all else goes on
        says(conn, "PUBREL packet_id=2");
        assert_int_equal(feed(conn, "40 02 0001"), 0); // PUBACK
        assert_int_equal(mqw_conn_quota(conn), 1);
        assert_int_equal(feed(conn, "50 02 0002"), 0); // PUBREC
        assert_int_equal(mqw_conn_quota(conn), 1);
        assert_int_equal(feed(conn, "50 03 0003 97"), 0); // PUBREC that ends it
        assert_int_equal(mqw_conn_quota(conn), 2);
        assert_int_equal(feed(conn, "70 02 0002"), 0); // PUBCOMP
        assert_int_equal(mqw_conn_quota(conn), 3);
        assert_int_equal(feed(conn, "40 02 0009 70 02 0009"), 0); // MQTT-4.9.0-1: never above the start
        assert_int_equal(mqw_conn_quota(conn), 3);
        mqw_conn_free(conn);
        heard[0] = '\0';
    }
}

static void the_default_quota(void **state)
{
    (void)state;
    mqw_conn *client = agreed(MQW_CLIENT, "", "", NULL);
    assert_int_equal(mqw_conn_quota(client), 65535);
    assert_int_equal(publish(client, 1, 1), 0);
    assert_int_equal(mqw_conn_quota(client), 65534);
    mqw_conn_free(client);
    client = opened(MQW_CLIENT, 4, NULL); // before 5.0 there is none
    for (unsigned i = 1; i < 70000; i++) {
        assert_int_equal(publish(client, 1, (uint16_t)(i | 1)), 0);
        if (i % 1000 == 0)
            drop_output(client);
    }
    assert_int_equal(mqw_conn_quota(client), 65535);
    mqw_conn_free(client);
    mqw_conn *sniffer = make(MQW_ANY, &(mqw_conn_options){.version = 5}); // nor has who only listens
    assert_int_equal(feed(sniffer, "32 06 0001 't' 0001 00"), 0);
    assert_int_equal(mqw_conn_quota(sniffer), 65535);
    mqw_conn_free(sniffer);
    heard[0] = '\0';
}

// What was not sent takes no place.
static void refused_sends_take_no_quota(void **state)
{
    (void)state;
    mqw_conn *client = agreed(MQW_CLIENT, "", "receive_maximum=1 maximum_packet_size=50",
                              &(mqw_conn_options){.max_output = 80});
    static const char text[100];
    mqw_publish message = {
        .topic = MQW_TEXT("t"), .qos = 1, .packet_id = 1, .payload = {(const uint8_t *)text, 60}};
    assert_int_equal(mqw_conn_publish(client, &message), MQW_E_TOO_LARGE);
    message.packet_id = 0;
    message.payload.len = 0;
    assert_int_equal(mqw_conn_publish(client, &message), MQW_E_MISUSE);
    message.packet_id = 1;
    message.topic = MQW_TEXT("+");
    assert_int_equal(mqw_conn_publish(client, &message), MQW_E_REFUSED);
    assert_int_equal(mqw_conn_send_raw(client, (mqw_bytes){(const uint8_t *)text, 79}), 0);
    assert_int_equal(publish(client, 1, 1), MQW_E_BUSY);
    drop_output(client);
    assert_int_equal(mqw_conn_quota(client), 1);
    assert_int_equal(publish(client, 1, 1), 0);
    mqw_conn_free(client);
}

// What is sent before the CONNACK counts, too: the server's maximum is not known yet.
static void before_connack(void **state)
{
    (void)state;
    mqw_conn *client = make(MQW_CLIENT, NULL), *server = make(MQW_SERVER, NULL);
    says(client, "CONNECT version=5 client_id=\"c\"");
    assert_int_equal(publish(client, 1, 1), 0);
    assert_int_equal(publish(client, 1, 2), 0);
    assert_int_equal(carry(client, server), 0);
    says(server, "CONNACK receive_maximum=2");
    assert_int_equal(carry(server, client), 0);
    assert_int_equal(mqw_conn_quota(client), 0);
    assert_int_equal(feed(client, "40 02 0001"), 0);
    assert_int_equal(mqw_conn_quota(client), 1);
    mqw_conn_free(client);
    mqw_conn_free(server);
    heard[0] = '\0';
}

// ---- receive maximum: what we receive ----

static void a_peer_above_our_receive_maximum(void **state)
{
    (void)state;
    for (int role = MQW_CLIENT; role <= MQW_SERVER; role++) {
        mqw_conn *conn = agreed((mqw_role)role, "receive_maximum=2", "receive_maximum=2", NULL);
        assert_int_equal(feed(conn, "32 06 0001 't' 0001 00 34 06 0001 't' 0002 00 30 04 0001 't' 00"), 0);
        says(conn, "PUBREC packet_id=2"); // gives nothing back
        says(conn, "PUBACK packet_id=1");
        assert_int_equal(feed(conn, "32 06 0001 't' 0003 00"), 0);
        says(conn, "PUBCOMP packet_id=2");
        assert_int_equal(feed(conn, "34 06 0001 't' 0004 00"), 0);
        says(conn, "PUBREC packet_id=4 reason=0x80");
        assert_int_equal(feed(conn, "34 06 0001 't' 0005 00"), 0);
        drop_output(conn);
        faulted_by(conn, feed(conn, "32 06 0001 't' 0006 00"), MQW_E_PROTOCOL,
                   role == MQW_CLIENT ? MQW_RULE_RECEIVE_MAXIMUM_CLIENT : MQW_RULE_RECEIVE_MAXIMUM_SERVER);
        clause_is(conn, role == MQW_CLIENT ? "MQTT-3.3.4-9" : "MQTT-3.3.4-7");
        writes(conn, "e0 01 93");
        mqw_conn_free(conn);
        heard[0] = '\0';
    }
}

// An acknowledgement that could not be sent gives no place.
static void refused_acknowledgements_give_nothing_back(void **state)
{
    (void)state;
    mqw_conn *server = agreed(MQW_SERVER, "", "receive_maximum=1", NULL);
    assert_int_equal(feed(server, "32 06 0001 't' 0001 00"), 0);
    assert_int_equal(say(server, "PUBACK packet_id=1 reason=0x92"), MQW_E_REFUSED);
    faulted_by(server, feed(server, "32 06 0001 't' 0002 00"), MQW_E_PROTOCOL,
               MQW_RULE_RECEIVE_MAXIMUM_SERVER);
    mqw_conn_free(server);
    heard[0] = '\0';
}

static void a_tolerated_flood(void **state)
{
    (void)state;
    mqw_conn_options options = {.version = 5};
    mqw_rule_add(&options.policy.ignore, MQW_RULE_RECEIVE_MAXIMUM_SERVER);
    mqw_conn *server = agreed(MQW_SERVER, "", "receive_maximum=1", &options);
    for (int i = 0; i < 70000; i++) {
        assert_int_equal(feed(server, "32 06 0001 't' 0001 00"), 0);
        heard[0] = '\0';
    }
    mqw_conn_free(server);
}

// ---- maximum packet size ----

static void their_maximum_packet_size(void **state)
{
    (void)state;
    mqw_conn *server = agreed(MQW_SERVER, "maximum_packet_size=10", "", NULL);
    assert_int_equal(say(server, "PUBLISH topic=\"t\" payload=\"1234\""), 0); // exactly
    refused_by(server, say(server, "PUBLISH topic=\"t\" payload=\"1234567\""), MQW_E_TOO_LARGE,
               MQW_RULE_PACKET_SIZE_CLIENT, "length");
    clause_is(server, "MQTT-3.1.2-24");
    mqw_conn_free(server);
    mqw_conn *client = agreed(MQW_CLIENT, "", "maximum_packet_size=10", NULL);
    refused_by(client, say(client, "PUBLISH topic=\"t\" payload=\"1234567\""), MQW_E_TOO_LARGE,
               MQW_RULE_PACKET_SIZE_SERVER, "length");
    clause_is(client, "MQTT-3.2.2-15");
    mqw_conn_free(client);
}

// Also CONNACK, to a client that says so in its CONNECT.
static void a_connack_that_is_too_large(void **state)
{
    (void)state;
    mqw_conn *server = make(MQW_SERVER, NULL), *client = make(MQW_CLIENT, NULL);
    says(client, "CONNECT version=5 client_id=\"\" maximum_packet_size=12");
    assert_int_equal(carry(client, server), 0);
    assert_int_equal(say(server, "CONNACK assigned_client_id=\"abcdef\""), MQW_E_TOO_LARGE);
    assert_int_equal(mqw_conn_state(server), MQW_STATE_CONNECTING);
    assert_int_equal(say(server, "CONNACK assigned_client_id=\"abc\" reason_string=\"welcome\""), 1);
    assert_int_equal(carry(server, client), 0);
    assert_int_equal(mqw_conn_state(client), MQW_STATE_OPEN);
    mqw_conn_free(client);
    mqw_conn_free(server);
    heard[0] = '\0';
}

// What we said ourselves holds for what we receive, but never more than the option.
static void our_maximum_packet_size(void **state)
{
    (void)state;
    mqw_conn *server = agreed(MQW_SERVER, "", "maximum_packet_size=100", NULL);
    assert_int_equal(feed(server, "30 62"), 0);
    mqw_conn_free(server);
    server = agreed(MQW_SERVER, "", "maximum_packet_size=100", NULL);
    faulted_by(server, feed(server, "30 63"), MQW_E_TOO_LARGE, MQW_RULE_PACKET_SIZE_SERVER);
    mqw_conn_free(server);
    mqw_conn *client = agreed(MQW_CLIENT, "maximum_packet_size=100", "", NULL);
    faulted_by(client, feed(client, "30 63"), MQW_E_TOO_LARGE, MQW_RULE_PACKET_SIZE_CLIENT);
    mqw_conn_free(client);
    client = agreed(MQW_CLIENT, "maximum_packet_size=10000", "", &(mqw_conn_options){.max_packet_size = 100});
    faulted_by(client, feed(client, "30 63"), MQW_E_TOO_LARGE, MQW_RULE_PACKET_SIZE_CLIENT);
    mqw_conn_free(client);
}

// What each side of the conversation takes is no limit of who only listens.
static void a_sniffer_has_its_own_limit(void **state)
{
    (void)state;
    mqw_conn *sniffer = make(MQW_ANY, NULL);
    assert_int_equal(feed(sniffer, "10 13 0004 'MQTT' 05 02 0000 05 27 0000000a 0001 'c'"), 0);
    assert_int_equal(feed(sniffer, "20 08 00 00 05 27 0000000a"), 0);
    assert_int_equal(feed(sniffer, "30 0e 0001 't' 00 '0123456789'"), 0);
    assert_int_equal(feed(sniffer, "30 fc ff 3f"), 0);
    assert_int_equal(say(sniffer, "PUBLISH topic=\"t\" payload=\"0123456789\""), 0);
    mqw_conn_free(sniffer);
    sniffer = make(MQW_ANY, NULL);
    assert_int_equal(feed(sniffer, "30 fd ff 3f"), MQW_E_TOO_LARGE);
    mqw_conn_free(sniffer);
    heard[0] = '\0';
}

// ---- what a server does without ----

static const struct {
    const char *connack;
    const char *line;
    int rule;
    const char *field;
    const char *clause;
    uint8_t reason;
} without[] = {
    {"maximum_qos=0", "PUBLISH topic=\"t\" qos=1 packet_id=1", MQW_RULE_MAXIMUM_QOS, "qos", "MQTT-3.2.2-11",
     0x9b},
    {"maximum_qos=1", "PUBLISH topic=\"t\" qos=2 packet_id=1", MQW_RULE_MAXIMUM_QOS, "qos", "MQTT-3.2.2-11",
     0x9b},
    {"retain_available=0", "PUBLISH topic=\"t\" retain", MQW_RULE_RETAIN_UNAVAILABLE, "retain",
     "MQTT-3.2.2-14", 0x9a},
    {"wildcards_available=0", "SUBSCRIBE packet_id=1 filter=\"a\":0 filter=\"a/+\":0",
     MQW_RULE_WILDCARDS_UNAVAILABLE, "filters", "section 3.2.2.3.11", 0xa2},
    {"wildcards_available=0", "SUBSCRIBE packet_id=1 filter=\"$share/g/#\":0", MQW_RULE_WILDCARDS_UNAVAILABLE,
     "filters", "section 3.2.2.3.11", 0xa2},
    {"shared_available=0", "SUBSCRIBE packet_id=1 filter=\"$share/g/a\":0", MQW_RULE_SHARED_UNAVAILABLE,
     "filters", "section 3.2.2.3.13", 0x9e},
    {"subscription_ids_available=0", "SUBSCRIBE packet_id=1 filter=\"a\":0 subscription_id=1",
     MQW_RULE_SUBSCRIPTION_IDS_UNAVAILABLE, "subscription_ids", "section 3.2.2.3.12", 0xa1},
};

static void is_refused_at_both_ends(size_t i)
{
    mqw_conn *client = agreed(MQW_CLIENT, "", without[i].connack, NULL);
    mqw_conn *server = agreed(MQW_SERVER, "", without[i].connack, NULL);
    mqw_conn *liar = make(MQW_ANY, &(mqw_conn_options){.version = 5});
    mqw_error error;
    refused_by(client, say(client, without[i].line), MQW_E_REFUSED, without[i].rule, without[i].field);
    clause_is(client, without[i].clause);
    says(liar, without[i].line);
    faulted_by(server, carry(liar, server), MQW_E_PROTOCOL, without[i].rule);
    assert_non_null(mqw_conn_error(server, &error));
    assert_int_equal(error.reason, without[i].reason);
    assert_string_equal(error.field, without[i].field);
    hears("");
    mqw_conn_free(client);
    mqw_conn_free(server);
    mqw_conn_free(liar);
}

static void what_a_server_does_without(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(without); i++)
        is_refused_at_both_ends(i);
}

// Each of them can be tolerated.
static void what_a_server_does_without_but_tolerates(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(without); i++) {
        mqw_conn_options options = {.version = 5};
        mqw_rule_add(&options.policy.report, (mqw_rule)without[i].rule);
        mqw_conn *client = agreed(MQW_CLIENT, "", without[i].connack, &options);
        mqw_conn *server = agreed(MQW_SERVER, "", without[i].connack, &options);
        assert_int_equal(say(client, without[i].line), 0);
        assert_int_equal(carry(client, server), 0);
        char told[64];
        snprintf(told, sizeof told, "\n~ %s", mqw_rule_name(without[i].rule));
        assert_non_null(strstr(heard, told));
        heard[0] = '\0';
        mqw_conn_free(client);
        mqw_conn_free(server);
    }
}

// Where the server has it, or the limit is for others.
static void what_stays_allowed(void **state)
{
    (void)state;
    mqw_conn *client = agreed(MQW_CLIENT, "", "", NULL);
    for (size_t i = 0; i < COUNT(without); i++)
        says(client, without[i].line);
    mqw_conn_free(client);
    const char *nothing = "maximum_qos=0 retain_available=0 wildcards_available=0 shared_available=0 "
                          "subscription_ids_available=0";
    client = agreed(MQW_CLIENT, "", nothing, NULL);
    says(client,
         "SUBSCRIBE packet_id=1 filter=\"a/b\":2 filter=\"$shared/g\":1"); // MQTT-3.2.2-10 is the server's
    says(client, "UNSUBSCRIBE packet_id=1 filter=\"#\" filter=\"$share/g/a\"");
    says(client, "PUBLISH topic=\"t\"");
    mqw_conn_free(client);
    mqw_conn *server = agreed(MQW_SERVER, "", nothing, NULL);
    says(server, "PUBLISH topic=\"t\" qos=2 packet_id=1 retain subscription_id=1");
    mqw_conn_free(server);
    client = agreed(MQW_CLIENT, "", "maximum_qos=1", NULL);
    says(client, "PUBLISH topic=\"t\" qos=1 packet_id=1");
    mqw_conn_free(client);
}

// What the client says of its method is kept, within the total of all connections.
static void a_method_that_cannot_be_kept(void **state)
{
    (void)state;
    mqw_conn *server = make(MQW_SERVER, &(mqw_conn_options){.max_total = 9});
    const char *connect = "10 1b 0004 'MQTT' 05 02 0000 0d 15 000a '0123456789' 0001 'c'";
    faulted_by(server, feed(server, connect), MQW_E_NO_MEMORY, MQW_RULE_MEMORY_FULL);
    mqw_conn_free(server);
    server = make(MQW_SERVER, &(mqw_conn_options){.max_total = 10});
    assert_int_equal(feed(server, connect), 0);
    mqw_conn_free(server);
    heard[0] = '\0';
}

// ---- views that point nowhere ----

// What is looked at before the codec sees it.
static void missing_texts(void **state)
{
    (void)state;
    mqw_conn *client = make(MQW_CLIENT, NULL);
    mqw_connect connect = {.version = 5};
    mqw_set(&connect.props, auth_method, ((mqw_text){NULL, 3}));
    refused_by(client, mqw_conn_connect(client, &connect), MQW_E_MISUSE, MQW_RULE_FIELD_RANGE, "auth_method");
    mqw_conn_free(client);
    client = agreed(MQW_CLIENT, "auth_method=\"m\"",
                    "auth_method=\"m\" wildcards_available=0 shared_available=0 topic_alias_maximum=5",
                    &(mqw_conn_options){.alias_out = MQW_ALIAS_RECENT});
    mqw_disconnect auth = {.reason = MQW_REASON_REAUTHENTICATE};
    mqw_set(&auth.props, auth_method, ((mqw_text){NULL, 1}));
    assert_int_equal(mqw_conn_auth(client, &auth), MQW_E_MISUSE);
    mqw_subscribe subscribe = {.packet_id = 1, .filters = {{NULL, 4}}};
    refused_by(client, mqw_conn_subscribe(client, &subscribe), MQW_E_MISUSE, MQW_RULE_FIELD_RANGE, "filters");
    says(client, "PUBLISH topic=\"t\"");
    mqw_publish publish = {.topic = {NULL, 1}};
    refused_by(client, mqw_conn_publish(client, &publish), MQW_E_MISUSE, MQW_RULE_FIELD_RANGE, "topic");
    mqw_conn_free(client);
}

// ---- problem information ----

// MQTT-3.1.2-29: whoever explains itself unasked breaks a rule; CONNACK, DISCONNECT and PUBLISH may.
static void explanations_that_nobody_asked_for(void **state)
{
    (void)state;
    static const char *const unasked[] = {
        "40 08 0001 00 04 1f 0001 'r'", "50 08 0001 00 04 1f 0001 'r'",
        "62 08 0001 00 04 1f 0001 'r'", "70 08 0001 00 04 1f 0001 'r'",
        "90 08 0001 04 1f 0001 'r' 00", "b0 0b 0001 07 26 0001 'k' 0001 'v' 00",
    };
    for (size_t i = 0; i < COUNT(unasked); i++) {
        mqw_conn *client = agreed(MQW_CLIENT, "request_problem_info=0", "", NULL);
        faulted_by(client, feed(client, unasked[i]), MQW_E_PROTOCOL, MQW_RULE_PROBLEM_INFO);
        clause_is(client, "MQTT-3.1.2-29");
        writes(client, "e0 01 82");
        mqw_conn_free(client);
        client = agreed(MQW_CLIENT, "request_problem_info=1", "", NULL);
        assert_int_equal(feed(client, unasked[i]), 0);
        mqw_conn_free(client);
        mqw_conn *server = agreed(MQW_SERVER, "request_problem_info=0", "", NULL);
        if (i < 4) // the client's own are not meant
            assert_int_equal(feed(server, unasked[i]), 0);
        mqw_conn_free(server);
    }
    mqw_conn *client = agreed(MQW_CLIENT, "request_problem_info=0", "", NULL);
    assert_int_equal(
        feed(client, "30 0b 0001 't' 07 26 0001 'k' 0001 'v' d000 40 02 0001 e0 06 00 04 1f 0001 'r'"), 0);
    mqw_conn_free(client);
    heard[0] = '\0';
}

// A refusal teaches nothing.
static void a_refusal_has_no_limits(void **state)
{
    (void)state;
    mqw_conn *client = make(MQW_CLIENT, NULL);
    says(client, "CONNECT version=5 client_id=\"c\" keep_alive=10");
    assert_int_equal(feed(client, "20 06 00 87 03 13 0001"), 0);
    assert_int_equal(mqw_conn_state(client), MQW_STATE_REFUSED);
    assert_int_equal(mqw_conn_deadline(client), UINT64_MAX);
    mqw_conn_free(client);
    heard[0] = '\0';
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_send_quota),
        cmocka_unit_test(the_default_quota),
        cmocka_unit_test(refused_sends_take_no_quota),
        cmocka_unit_test(before_connack),
        cmocka_unit_test(a_peer_above_our_receive_maximum),
        cmocka_unit_test(refused_acknowledgements_give_nothing_back),
        cmocka_unit_test(a_tolerated_flood),
        cmocka_unit_test(their_maximum_packet_size),
        cmocka_unit_test(a_connack_that_is_too_large),
        cmocka_unit_test(our_maximum_packet_size),
        cmocka_unit_test(a_sniffer_has_its_own_limit),
        cmocka_unit_test(what_a_server_does_without),
        cmocka_unit_test(what_a_server_does_without_but_tolerates),
        cmocka_unit_test(what_stays_allowed),
        cmocka_unit_test(a_method_that_cannot_be_kept),
        cmocka_unit_test(missing_texts),
        cmocka_unit_test(explanations_that_nobody_asked_for),
        cmocka_unit_test(a_refusal_has_no_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
