// SPDX-License-Identifier: MIT
// Who may say what, when: each packet type in each state, from either side, in each version, sent and
// received.
#include "unit/two_ends.h"

static const char *const lines[16] = {
    [MQW_CONNECT] = "CONNECT client_id=\"c\"",
    [MQW_CONNACK] = "CONNACK",
    [MQW_PUBLISH] = "PUBLISH topic=\"t\"",
    [MQW_PUBACK] = "PUBACK packet_id=1",
    [MQW_PUBREC] = "PUBREC packet_id=1",
    [MQW_PUBREL] = "PUBREL packet_id=1",
    [MQW_PUBCOMP] = "PUBCOMP packet_id=1",
    [MQW_SUBSCRIBE] = "SUBSCRIBE packet_id=1 filter=\"a\":0",
    [MQW_SUBACK] = "SUBACK packet_id=1 reasons=0",
    [MQW_UNSUBSCRIBE] = "UNSUBSCRIBE packet_id=1 filter=\"a\"",
    [MQW_UNSUBACK] = "UNSUBACK packet_id=1",
    [MQW_PINGREQ] = "PINGREQ",
    [MQW_PINGRESP] = "PINGRESP",
    [MQW_DISCONNECT] = "DISCONNECT",
    [MQW_AUTH] = "AUTH reason=0x18 auth_method=\"m\"",
};

static mqw_packet sample(uint8_t version, mqw_state at, int type)
{
    if (version == 5 && type == MQW_UNSUBACK)
        return packet_of("UNSUBACK packet_id=1 reasons=0");
    if (at == MQW_STATE_AUTHENTICATING && type == MQW_CONNACK)
        return packet_of("CONNACK auth_method=\"m\"");
    if (at == MQW_STATE_UNSUPPORTED && type == MQW_CONNACK)
        return packet_of("CONNACK reason=0x84");
    mqw_packet packet = packet_of(lines[type]);
    if (type == MQW_CONNECT)
        packet.connect.version = version;
    return packet;
}

// ---- the law, as a reader of the standard says it ----

static const uint16_t of_clients = MQW_IN_CONNECT | MQW_IN_PUBLISH | MQW_IN_ACKS | MQW_IN_SUBSCRIBE |
                                   MQW_IN_UNSUBSCRIBE | MQW_IN_PINGREQ | MQW_IN_DISCONNECT;
static const uint16_t of_servers =
    MQW_IN_CONNACK | MQW_IN_PUBLISH | MQW_IN_ACKS | MQW_IN_SUBACK | MQW_IN_UNSUBACK | MQW_IN_PINGRESP;

static bool role_may(uint8_t version, mqw_role sender, int type)
{
    uint16_t may = sender == MQW_CLIENT ? of_clients : of_servers;
    if (version == 5)
        may |= MQW_IN_AUTH | (sender == MQW_SERVER ? MQW_IN_DISCONNECT : 0);
    return may >> type & 1;
}

static mqw_rule law_of_clients(mqw_state at, int type)
{
    if (at == MQW_STATE_NEW)
        return type == MQW_CONNECT ? MQW_RULE_NONE : MQW_RULE_CONNECT_FIRST;
    if (type == MQW_CONNECT)
        return MQW_RULE_CONNECT_TWICE;
    if (at == MQW_STATE_AUTHENTICATING)
        return type == MQW_AUTH || type == MQW_DISCONNECT ? MQW_RULE_NONE : MQW_RULE_AUTH_ONLY;
    return type == MQW_AUTH ? MQW_RULE_AUTH_UNASKED_CLIENT : MQW_RULE_NONE;
}

static mqw_rule law_of_servers(mqw_state at, int type)
{
    if (at == MQW_STATE_OPEN && type == MQW_CONNACK)
        return MQW_RULE_CONNACK_TWICE;
    if (at == MQW_STATE_OPEN)
        return type == MQW_AUTH ? MQW_RULE_AUTH_UNASKED_SERVER : MQW_RULE_NONE;
    if (at != MQW_STATE_NEW && type == MQW_CONNACK)
        return MQW_RULE_NONE;
    if (at == MQW_STATE_AUTHENTICATING && type == MQW_AUTH)
        return MQW_RULE_NONE;
    if (type == MQW_DISCONNECT)
        return MQW_RULE_DISCONNECT_EARLY;
    return at == MQW_STATE_CONNECTING && type == MQW_AUTH ? MQW_RULE_AUTH_UNASKED_SERVER
                                                          : MQW_RULE_CONNACK_FIRST;
}

static mqw_rule law(uint8_t version, mqw_state at, mqw_role sender, int type)
{
    if (!role_may(version, sender, type))
        return MQW_RULE_ROLE;
    return sender == MQW_CLIENT ? law_of_clients(at, type) : law_of_servers(at, type);
}

// ---- ends in a state ----

static void passes(mqw_conn *client, mqw_conn *server, const char *line)
{
    mqw_packet packet = packet_of(line);
    bool connect = packet.type == MQW_CONNECT || packet.type == MQW_DISCONNECT;
    mqw_conn *from = connect ? client : server, *to = connect ? server : client;
    assert_int_equal(say_packet(from, &packet), 0);
    assert_int_equal(carry(from, to), 0);
    heard[0] = '\0';
}

static void advance(mqw_conn *client, mqw_conn *server, uint8_t version, mqw_state at)
{
    if (at == MQW_STATE_NEW)
        return;
    if (at == MQW_STATE_AUTHENTICATING) {
        passes(client, server, "CONNECT version=5 client_id=\"c\" auth_method=\"m\"");
        return;
    }
    passes(client, server, plain_connects[version - 3]);
    if (at == MQW_STATE_REFUSED)
        passes(client, server, version == 5 ? "CONNACK reason=0x87" : "CONNACK reason=5");
    if (at == MQW_STATE_OPEN || at == MQW_STATE_ENDED)
        passes(client, server, "CONNACK");
    if (at == MQW_STATE_ENDED)
        passes(client, server, "DISCONNECT");
}

static mqw_conn *in_state(mqw_role role, uint8_t version, mqw_state at)
{
    mqw_conn_options options = {.version = version};
    mqw_conn *client = make(MQW_CLIENT, &options), *server = make(MQW_SERVER, &options);
    advance(client, server, version, at);
    mqw_conn *conn = role == MQW_CLIENT ? client : server;
    mqw_conn_free(role == MQW_CLIENT ? server : client);
    assert_int_equal(mqw_conn_state(conn), at);
    return conn;
}

// ---- trials ----

static void send_is_tried(uint8_t version, mqw_state at, mqw_role sender, int type)
{
    mqw_rule rule = law(version, at, sender, type);
    mqw_conn *conn = in_state(sender, version, at);
    mqw_packet packet = sample(version, at, type);
    int rc = say_packet(conn, &packet);
    bool peers = rule == MQW_RULE_AUTH_UNASKED_SERVER; // what CONNECT says is the peer's
    if (rule)
        refused_by(conn, rc, peers ? MQW_E_REFUSED : MQW_E_MISUSE, (int)rule, NULL);
    else
        assert_int_equal(rc, 0);
    mqw_conn_free(conn);
}

static mqw_bytes encoded(uint8_t version, const mqw_packet *packet)
{
    static uint8_t room[256];
    mqw_codec codec = {.version = version};
    int len = mqw_encode(&codec, packet, room, sizeof room, NULL);
    assert_true(len > 0);
    return (mqw_bytes){room, (size_t)len};
}

// A packet of the other side may also be found out by what only that side may put into it.
static bool is_of_role(int rule, int type)
{
    return rule == MQW_RULE_ROLE || (type == MQW_CONNACK && rule == MQW_RULE_REASON_CONNACK) ||
           (type == MQW_SUBACK && rule == MQW_RULE_REASON_SUBACK) ||
           (type == MQW_UNSUBACK && rule == MQW_RULE_REASON_UNSUBACK);
}

static void is_delivered_or_faulted(mqw_conn *conn, int rc, mqw_rule rule, int type)
{
    mqw_error why;
    if (rule == MQW_RULE_NONE) {
        assert_int_equal(rc, 0);
        assert_null(mqw_conn_error(conn, &why));
        assert_string_not_equal(heard, "");
        return;
    }
    assert_int_equal(rc, MQW_E_PROTOCOL);
    assert_non_null(mqw_conn_error(conn, &why));
    if (rule == MQW_RULE_ROLE ? !is_of_role(why.rule, type) : why.rule != rule)
        fail_msg("%s: %s, not %s", mqw_packet_name(type), mqw_rule_name(why.rule), mqw_rule_name((int)rule));
    assert_int_equal(why.type, type);
    assert_int_equal(why.reason, MQW_REASON_PROTOCOL_ERROR);
    assert_true(why.by_peer);
    assert_string_equal(heard, "");
}

static void receipt_is_tried(uint8_t version, mqw_state at, mqw_role sender, int type)
{
    mqw_conn *conn = in_state(sender == MQW_CLIENT ? MQW_SERVER : MQW_CLIENT, version, at);
    mqw_packet packet = sample(version, at, type);
    mqw_bytes bytes = encoded(version, &packet);
    int rc = feed_in(conn, bytes, bytes.len);
    is_delivered_or_faulted(conn, rc, law(version, at, sender, type), type);
    heard[0] = '\0';
    mqw_conn_free(conn);
}

typedef void trial(uint8_t version, mqw_state at, mqw_role sender, int type);

static void each_type_in_each_state(trial *is_tried)
{
    static const mqw_state states[] = {MQW_STATE_NEW, MQW_STATE_CONNECTING, MQW_STATE_AUTHENTICATING,
                                       MQW_STATE_OPEN};
    for (uint8_t version = 3; version <= 5; version++)
        for (size_t i = 0; i < COUNT(states); i++)
            for (int type = 1; type <= (version == 5 ? MQW_AUTH : MQW_DISCONNECT); type++)
                for (int sender = MQW_CLIENT; sender <= MQW_SERVER; sender++)
                    if (version == 5 || states[i] != MQW_STATE_AUTHENTICATING)
                        is_tried(version, states[i], (mqw_role)sender, type);
}

static void what_is_sent(void **state)
{
    (void)state;
    each_type_in_each_state(send_is_tried);
}

static void what_is_received(void **state)
{
    (void)state;
    each_type_in_each_state(receipt_is_tried);
}

// ---- after the end ----

// MQTT-3.14.4-1: who said DISCONNECT says nothing more. MQTT-3.2.2-7: nor who refused.
static void who_ended_it_is_silent(void **state)
{
    (void)state;
    for (uint8_t version = 3; version <= 5; version++)
        for (int type = 1; type <= MQW_DISCONNECT; type++) {
            mqw_packet packet = sample(version, MQW_STATE_ENDED, type);
            mqw_conn *client = in_state(MQW_CLIENT, version, MQW_STATE_ENDED);
            mqw_rule rule = role_may(version, MQW_CLIENT, type) ? MQW_RULE_AFTER_DISCONNECT : MQW_RULE_ROLE;
            refused_by(client, say_packet(client, &packet), MQW_E_MISUSE, (int)rule, NULL);
            mqw_conn_free(client);
            mqw_conn *server = in_state(MQW_SERVER, version, MQW_STATE_REFUSED);
            rule = role_may(version, MQW_SERVER, type) ? MQW_RULE_AFTER_REFUSAL : MQW_RULE_ROLE;
            refused_by(server, say_packet(server, &packet), MQW_E_MISUSE, (int)rule, NULL);
            mqw_conn_free(server);
        }
}

// What the other side still says crossed the end on its way: it is thrown away.
static void who_ended_it_is_deaf(void **state)
{
    (void)state;
    for (uint8_t version = 3; version <= 5; version++) {
        mqw_conn *client = in_state(MQW_CLIENT, version, MQW_STATE_ENDED);
        assert_int_equal(feed(client, "30 03 0001 't' d0 00 ff ff ff ff ff"), 0);
        mqw_conn *server = in_state(MQW_SERVER, version, MQW_STATE_REFUSED);
        assert_int_equal(feed(server, "30 03 0001 't' c0 00 e0"), 0);
        hears("");
        mqw_counters counters;
        mqw_conn_counters(server, &counters);
        assert_int_equal(counters.packets_received, 1);
        assert_int_equal(mqw_conn_end(server), 0);
        mqw_conn_free(client);
        mqw_conn_free(server);
    }
}

// The other side can send nothing more, and that is no bug of its program.
static void whose_peer_ended_it_is_closed(void **state)
{
    (void)state;
    for (uint8_t version = 3; version <= 5; version++) {
        mqw_conn *server = in_state(MQW_SERVER, version, MQW_STATE_ENDED);
        assert_int_equal(say(server, "PUBLISH topic=\"t\""), MQW_E_CLOSED);
        mqw_conn_free(server);
        mqw_conn *client = in_state(MQW_CLIENT, version, MQW_STATE_REFUSED);
        assert_int_equal(say(client, "PUBLISH topic=\"t\""), MQW_E_CLOSED);
        assert_int_equal(mqw_conn_send_raw(client, hex("c000")), MQW_E_CLOSED);
        mqw_conn_free(client);
    }
}

static void a_peer_that_goes_on_after_its_end(void **state)
{
    (void)state;
    for (uint8_t version = 3; version <= 5; version++) {
        mqw_conn *server = in_state(MQW_SERVER, version, MQW_STATE_ENDED);
        faulted_by(server, feed(server, "c0 00"), MQW_E_PROTOCOL, MQW_RULE_AFTER_DISCONNECT);
        clause_is(server, version == 5 ? "MQTT-3.14.4-1" : "MQTT-3.14.4-2");
        writes(server, ""); // it would not be read
        mqw_conn_free(server);
        mqw_conn *client = in_state(MQW_CLIENT, version, MQW_STATE_REFUSED);
        faulted_by(client, feed(client, "d0 00"), MQW_E_PROTOCOL, MQW_RULE_AFTER_REFUSAL);
        clause_is(client, version == 5 ? "MQTT-3.2.2-7" : "MQTT-3.2.2-5");
        mqw_conn_free(client);
    }
}

// MQTT-3.14.0-1: a server's DISCONNECT comes after a CONNACK that accepts, and ends the connection, too.
static void disconnect_of_a_server(void **state)
{
    (void)state;
    mqw_conn *server = in_state(MQW_SERVER, 5, MQW_STATE_OPEN),
             *client = in_state(MQW_CLIENT, 5, MQW_STATE_OPEN);
    says(server, "DISCONNECT reason=0x8b");
    assert_int_equal(mqw_conn_state(server), MQW_STATE_ENDED);
    assert_int_equal(carry(server, client), 0);
    hears("DISCONNECT reason=0x8b");
    assert_int_equal(mqw_conn_state(client), MQW_STATE_ENDED);
    assert_int_equal(say(client, "PINGREQ"), MQW_E_CLOSED);
    mqw_conn_free(server);
    mqw_conn_free(client);
}

// ---- an unsupported level ----

static mqw_conn *asked_for_level(const char *connect)
{
    mqw_conn *server = make(MQW_SERVER, NULL);
    assert_int_equal(feed(server, connect), 0);
    assert_int_equal(mqw_conn_state(server), MQW_STATE_UNSUPPORTED);
    return server;
}

// MQTT-3.1.2-2: the program hears of it and answers; 0x84 becomes 1, the form that every old client can read.
static void unsupported_level(void **state)
{
    (void)state;
    mqw_conn *server = asked_for_level("10 0d 0004 'MQTT' 06 02 0000 0001 'c' c0 00 ff ff ff ff ff");
    hears("CONNECT version=6 unsupported");
    for (int type = 1; type <= MQW_DISCONNECT; type++) {
        mqw_packet packet = sample(4, MQW_STATE_OPEN, type);
        mqw_rule rule = role_may(4, MQW_SERVER, type) ? MQW_RULE_CONNACK_FIRST : MQW_RULE_ROLE;
        if (type != MQW_CONNACK)
            refused_by(server, say_packet(server, &packet), MQW_E_MISUSE, (int)rule, NULL);
    }
    assert_int_equal(feed(server, "c0 00 c0 00"), 0);
    hears("");
    assert_int_equal(say(server, "CONNACK reason=0x84 reason_string=\"six?\""), 0);
    writes(server, "20 02 00 01");
    assert_int_equal(mqw_conn_state(server), MQW_STATE_REFUSED);
    mqw_conn_free(server);
}

static void unsupported_level_is_never_accepted(void **state)
{
    (void)state;
    mqw_conn *server = asked_for_level("10 0d 0004 'MQTT' 85 02 0000 0001 'c'");
    hears("CONNECT version=133 unsupported");
    refused_by(server, say(server, "CONNACK"), MQW_E_REFUSED, MQW_RULE_PROTOCOL_VERSION, "reason");
    refused_by(server, say(server, "CONNACK reason=0x87"), MQW_E_REFUSED, MQW_RULE_REASON_CONNACK, "reason");
    assert_int_equal(say(server, "CONNACK reason=2"), 0);
    writes(server, "20 02 00 02");
    mqw_conn_free(server);
}

// ---- what CONNECT said counts in CONNACK ----

static int answer(const char *connect, const char *connack, const char *field, int code, int rule)
{
    mqw_conn *client = make(MQW_CLIENT, NULL), *server = make(MQW_SERVER, NULL);
    says(client, connect);
    assert_int_equal(carry(client, server), 0);
    int rc = say(server, connack);
    if (rc < 0)
        refused_by(server, rc, code, rule, field);
    mqw_packet packet = packet_of(connack);
    mqw_bytes bytes = encoded(mqw_conn_version(server), &packet);
    int received = feed_in(client, bytes, bytes.len);
    assert_int_equal(rc < 0, received < 0); // both ends judge alike
    if (rc < 0)
        faulted_by(client, received, MQW_E_PROTOCOL, rule);
    mqw_conn_free(client);
    mqw_conn_free(server);
    return rc;
}

static void connack_answers_connect(void **state)
{
    (void)state;
    // MQTT-3.2.2-1, MQTT-3.2.2-2
    answer("CONNECT clean_start client_id=\"c\"", "CONNACK session_present", "session_present", MQW_E_REFUSED,
           MQW_RULE_SESSION_PRESENT_CLEAN);
    assert_int_equal(answer("CONNECT version=5 clean_start client_id=\"c\"", "CONNACK session_present",
                            "session_present", MQW_E_REFUSED, MQW_RULE_SESSION_PRESENT_CLEAN),
                     MQW_E_REFUSED);
    assert_int_equal(answer("CONNECT client_id=\"c\"", "CONNACK session_present", NULL, 0, 0), 0);
    // MQTT-3.2.2-16
    assert_int_equal(answer("CONNECT version=5 client_id=\"\"", "CONNACK", "assigned_client_id",
                            MQW_E_REFUSED, MQW_RULE_ASSIGNED_CLIENT_ID),
                     MQW_E_REFUSED);
    assert_int_equal(
        answer("CONNECT version=5 client_id=\"\"", "CONNACK assigned_client_id=\"x\"", NULL, 0, 0), 0);
    assert_int_equal(answer("CONNECT version=5 client_id=\"\"", "CONNACK reason=0x85", NULL, 0, 0), 0);
    // MQTT-3.1.2-28
    assert_int_equal(answer("CONNECT version=5 client_id=\"c\"", "CONNACK response_info=\"r\"",
                            "response_info", MQW_E_REFUSED, MQW_RULE_RESPONSE_INFO),
                     MQW_E_REFUSED);
    assert_int_equal(answer("CONNECT version=5 client_id=\"c\" request_response_info=1",
                            "CONNACK response_info=\"r\"", NULL, 0, 0),
                     0);
    assert_int_equal(answer("CONNECT version=5 client_id=\"c\" request_response_info=0",
                            "CONNACK response_info=\"r\"", "response_info", MQW_E_REFUSED,
                            MQW_RULE_RESPONSE_INFO),
                     MQW_E_REFUSED);
}

static void connack_names_the_method(void **state)
{
    (void)state;
    // MQTT-4.12.0-5, MQTT-4.12.0-6
    assert_int_equal(answer("CONNECT version=5 client_id=\"c\"", "CONNACK auth_method=\"m\"", "auth_method",
                            MQW_E_REFUSED, MQW_RULE_AUTH_UNASKED_SERVER),
                     MQW_E_REFUSED);
    assert_int_equal(answer("CONNECT version=5 client_id=\"c\" auth_method=\"m\"", "CONNACK", "auth_method",
                            MQW_E_REFUSED, MQW_RULE_AUTH_METHOD),
                     MQW_E_REFUSED);
    assert_int_equal(answer("CONNECT version=5 client_id=\"c\" auth_method=\"m\"",
                            "CONNACK auth_method=\"n\"", "auth_method", MQW_E_REFUSED, MQW_RULE_AUTH_METHOD),
                     MQW_E_REFUSED);
    assert_int_equal(answer("CONNECT version=5 client_id=\"c\" auth_method=\"m\"",
                            "CONNACK auth_method=\"m\"", NULL, 0, 0),
                     0);
    assert_int_equal(
        answer("CONNECT version=5 client_id=\"c\" auth_method=\"\"", "CONNACK auth_method=\"\"", NULL, 0, 0),
        0);
    assert_int_equal(answer("CONNECT version=5 client_id=\"c\" auth_method=\"\"", "CONNACK auth_method=\"x\"",
                            "auth_method", MQW_E_REFUSED, MQW_RULE_AUTH_METHOD),
                     MQW_E_REFUSED);
    assert_int_equal(
        answer("CONNECT version=5 client_id=\"c\" auth_method=\"m\"", "CONNACK reason=0x8c", NULL, 0, 0), 0);
}

// ---- authentication ----

static void authenticating(mqw_conn **client, mqw_conn **server)
{
    *client = make(MQW_CLIENT, NULL);
    *server = make(MQW_SERVER, NULL);
    says(*client, "CONNECT version=5 client_id=\"c\" auth_method=\"m\"");
    assert_int_equal(carry(*client, *server), 0);
    assert_int_equal(mqw_conn_state(*server), MQW_STATE_AUTHENTICATING);
    assert_int_equal(mqw_conn_state(*client), MQW_STATE_AUTHENTICATING);
    heard[0] = '\0';
}

static void authentication(void **state)
{
    (void)state;
    mqw_conn *client, *server;
    authenticating(&client, &server);
    says(server, "AUTH reason=0x18 auth_method=\"m\" auth_data=\"1\"");
    assert_int_equal(carry(server, client), 0);
    says(client, "AUTH reason=0x18 auth_method=\"m\" auth_data=\"2\"");
    assert_int_equal(carry(client, server), 0);
    says(server, "CONNACK auth_method=\"m\"");
    assert_int_equal(carry(server, client), 0);
    says(client, "AUTH reason=0x19 auth_method=\"m\"");
    assert_int_equal(carry(client, server), 0);
    says(server, "AUTH auth_method=\"m\"");
    assert_int_equal(carry(server, client), 0);
    hears("AUTH reason=0x18 auth_method=\"m\" auth_data=\"1\"\n"
          "AUTH reason=0x18 auth_method=\"m\" auth_data=\"2\"\n"
          "CONNACK reason=0x00 auth_method=\"m\"\n"
          "AUTH reason=0x19 auth_method=\"m\"\n"
          "AUTH auth_method=\"m\"");
    mqw_conn_free(client);
    mqw_conn_free(server);
}

// MQTT-4.12.0-2, MQTT-4.12.0-3, MQTT-4.12.0-5
static void authentication_goes_wrong(void **state)
{
    (void)state;
    mqw_conn *client, *server;
    authenticating(&client, &server);
    refused_by(server, say(server, "AUTH auth_method=\"m\""), MQW_E_MISUSE, MQW_RULE_AUTH_REASON_SERVER,
               "reason");
    refused_by(client, say(client, "AUTH reason=0x19 auth_method=\"m\""), MQW_E_MISUSE,
               MQW_RULE_AUTH_REASON_CLIENT, "reason");
    refused_by(client, say(client, "AUTH reason=0x18 auth_method=\"mm\""), MQW_E_REFUSED,
               MQW_RULE_AUTH_METHOD, "auth_method");
    refused_by(client, say(client, "AUTH reason=0x18 auth_method=\"n\""), MQW_E_REFUSED, MQW_RULE_AUTH_METHOD,
               "auth_method");
    faulted_by(client, feed(client, "f0 06 00 04 15 0001 'm'"), MQW_E_PROTOCOL, MQW_RULE_AUTH_REASON_SERVER);
    writes(client, "e0 01 82");
    faulted_by(server, feed(server, "f0 06 18 04 15 0001 'n'"), MQW_E_PROTOCOL, MQW_RULE_AUTH_METHOD);
    writes(server, "20 03 00 82 00");
    mqw_conn_free(client);
    mqw_conn_free(server);
}

// MQTT-4.12.1-1
static void re_authentication_goes_wrong(void **state)
{
    (void)state;
    const mqw_conn_options options = {.version = 5};
    mqw_conn *server = opened_with(MQW_SERVER, "CONNECT version=5 client_id=\"c\" auth_method=\"m\"",
                                   "CONNACK auth_method=\"m\"", &options);
    faulted_by(server, feed(server, "f0 06 19 04 15 0001 'n'"), MQW_E_PROTOCOL, MQW_RULE_AUTH_METHOD_AGAIN);
    clause_is(server, "MQTT-4.12.1-1");
    writes(server, "e0 01 82");
    mqw_conn_free(server);
}

// ---- session expiry (section 3.14.2.2.2) ----

static void disconnect_cannot_raise_session_expiry(void **state)
{
    (void)state;
    mqw_conn *server = opened(MQW_SERVER, 5, NULL), *client = opened(MQW_CLIENT, 5, NULL);
    assert_int_equal(say(client, "DISCONNECT session_expiry=0"), 0);
    faulted_by(server, feed(server, "e0 07 00 05 11 00000001"), MQW_E_PROTOCOL,
               MQW_RULE_SESSION_EXPIRY_RAISED);
    mqw_conn_free(server);
    mqw_conn_free(client);
    client = opened_with(MQW_CLIENT, "CONNECT version=5 client_id=\"c\" session_expiry=1", "CONNACK", NULL);
    assert_int_equal(say(client, "DISCONNECT session_expiry=1000"), 0);
    mqw_conn_free(client);
}

// ---- policy ----

// Each rule by itself: refused, reported, ignored.
static void policy_decides_per_rule(void **state)
{
    (void)state;
    mqw_conn_options options = {.version = 4};
    mqw_conn *server = make(MQW_SERVER, &options);
    faulted_by(server, feed(server, "c0 00"), MQW_E_PROTOCOL, MQW_RULE_CONNECT_FIRST);
    mqw_conn_free(server);
    mqw_rule_add(&options.policy.report, MQW_RULE_CONNECT_FIRST);
    server = make(MQW_SERVER, &options);
    assert_int_equal(feed(server, "c0 00"), 0);
    hears("PINGREQ\n~ CONNECT_FIRST");
    mqw_conn_free(server);
    mqw_rule_add(&options.policy.refuse,
                 MQW_RULE_CONNECT_FIRST); // refuse goes before report, report before ignore
    server = make(MQW_SERVER, &options);
    faulted_by(server, feed(server, "c0 00"), MQW_E_PROTOCOL, MQW_RULE_CONNECT_FIRST);
    mqw_conn_free(server);
    options.policy = (mqw_policy){.refuse = {{0, 0}}};
    mqw_rule_add(&options.policy.ignore, MQW_RULE_CONNECT_FIRST);
    server = make(MQW_SERVER, &options);
    assert_int_equal(feed(server, "c0 00"), 0);
    hears("PINGREQ");
    mqw_conn_free(server);
}

// Rules of what CONNECT and CONNACK agreed, each reported by policy: the packet passes at both ends.
static void agreements_can_be_reported(void **state)
{
    (void)state;
    static const struct {
        const char *connect, *connack, *line;
        int rule;
    } rows[] = {
        {"clean_start", NULL, "CONNACK session_present", MQW_RULE_SESSION_PRESENT_CLEAN},
        {"client_id=\"\"", NULL, "CONNACK", MQW_RULE_ASSIGNED_CLIENT_ID},
        {"", NULL, "CONNACK response_info=\"r\"", MQW_RULE_RESPONSE_INFO},
        {"", NULL, "CONNACK auth_method=\"m\"", MQW_RULE_AUTH_UNASKED_SERVER},
        {"auth_method=\"m\"", NULL, "CONNACK auth_method=\"n\"", MQW_RULE_AUTH_METHOD},
        {"", "CONNACK", "AUTH reason=0x18 auth_method=\"m\"", MQW_RULE_AUTH_UNASKED_SERVER},
        {"auth_method=\"m\"", NULL, "AUTH auth_method=\"m\"", MQW_RULE_AUTH_REASON_SERVER},
        {"auth_method=\"m\"", "CONNACK auth_method=\"m\"", "AUTH auth_method=\"n\"", MQW_RULE_AUTH_METHOD},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char connect[100], told[64];
        mqw_conn_options options = {.version = 5};
        mqw_rule_add(&options.policy.report, (mqw_rule)rows[i].rule);
        mqw_conn *client = make(MQW_CLIENT, &options), *server = make(MQW_SERVER, &options);
        bool named = strstr(rows[i].connect, "client_id") != NULL;
        snprintf(connect, sizeof connect, "CONNECT version=5 %s %s", named ? "" : "client_id=\"c\"",
                 rows[i].connect);
        passes(client, server, connect);
        if (rows[i].connack)
            passes(client, server, rows[i].connack);
        assert_int_equal(say(server, rows[i].line), 0);
        assert_int_equal(carry(server, client), 0);
        snprintf(told, sizeof told, "\n~ %s", mqw_rule_name(rows[i].rule));
        assert_non_null(strstr(heard, told));
        heard[0] = '\0';
        mqw_conn_free(client);
        mqw_conn_free(server);
    }
}

// A policy without order leaves a connection open to both sides whatever passed.
static void no_order_after_the_end(void **state)
{
    (void)state;
    mqw_conn_options options = {.policy = MQW_POLICY_ORIGINAL};
    mqw_conn *server = make(MQW_SERVER, &options), *client = make(MQW_CLIENT, &options);
    assert_int_equal(feed(server, "e0 00 c0 00"), 0);
    hears("DISCONNECT\nPINGREQ");
    assert_int_equal(say(server, "PINGRESP"), 0);
    assert_int_equal(say(client, "DISCONNECT"), 0);
    assert_int_equal(feed(client, "20 02 00 05 d0 00"), 0);
    hears("CONNACK reason=0x05\nPINGRESP");
    assert_int_equal(say(client, "PINGREQ"), 0);
    mqw_conn_free(server);
    mqw_conn_free(client);
}

// ---- the sniffer ----

// Both sides' packets are legal in any order.
static void sniffer(void **state)
{
    (void)state;
    for (uint8_t version = 3; version <= 5; version++) {
        mqw_conn *sniffer = make(MQW_ANY, &(mqw_conn_options){.version = version});
        for (int again = 0; again < 2; again++)
            for (int type = 1; type <= (version == 5 ? MQW_AUTH : MQW_DISCONNECT); type++) {
                mqw_packet packet = sample(version, MQW_STATE_OPEN, type);
                mqw_bytes bytes = encoded(version, &packet);
                assert_int_equal(feed_in(sniffer, bytes, bytes.len), 0);
                assert_string_not_equal(heard, "");
                heard[0] = '\0';
                assert_int_equal(say_packet(sniffer, &packet), 0);
            }
        assert_int_equal(mqw_conn_deadline(sniffer), UINT64_MAX);
        mqw_conn_free(sniffer);
    }
}

static void sniffer_learns_versions(void **state)
{
    (void)state;
    mqw_conn *sniffer = make(MQW_ANY, NULL);
    assert_int_equal(feed(sniffer, "10 0e 0004 'MQTT' 05 02 0000 00 0001 'c' 20 03 00 00 00 e0 01 8b"), 0);
    hears("CONNECT version=5 client_id=\"c\" clean_start\nCONNACK reason=0x00\nDISCONNECT reason=0x8b");
    assert_int_equal(mqw_conn_version(sniffer), 5);
    assert_int_equal(mqw_conn_set_version(sniffer, 3), 0);
    assert_int_equal(feed(sniffer, "60 02 0001"), 0);
    hears("PUBREL packet_id=1 flags=0x00 length=2");
    assert_int_equal(feed(sniffer, "10 0d 0004 'MQTT' 09 02 0000 0001 'c' 20 02 00 01"), 0);
    hears("CONNECT version=9 unsupported\nCONNACK reason=0x01");
    faulted_by(sniffer, feed(sniffer, "00 00"), MQW_E_MALFORMED, MQW_RULE_TYPE_RESERVED);
    writes(sniffer, "");
    mqw_conn_free(sniffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_sent),
        cmocka_unit_test(what_is_received),
        cmocka_unit_test(who_ended_it_is_silent),
        cmocka_unit_test(who_ended_it_is_deaf),
        cmocka_unit_test(whose_peer_ended_it_is_closed),
        cmocka_unit_test(a_peer_that_goes_on_after_its_end),
        cmocka_unit_test(disconnect_of_a_server),
        cmocka_unit_test(unsupported_level),
        cmocka_unit_test(unsupported_level_is_never_accepted),
        cmocka_unit_test(connack_answers_connect),
        cmocka_unit_test(connack_names_the_method),
        cmocka_unit_test(authentication),
        cmocka_unit_test(authentication_goes_wrong),
        cmocka_unit_test(re_authentication_goes_wrong),
        cmocka_unit_test(disconnect_cannot_raise_session_expiry),
        cmocka_unit_test(policy_decides_per_rule),
        cmocka_unit_test(agreements_can_be_reported),
        cmocka_unit_test(no_order_after_the_end),
        cmocka_unit_test(sniffer),
        cmocka_unit_test(sniffer_learns_versions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
