// SPDX-License-Identifier: MIT
// One method per packet: what each writes in each version, what it refuses and which field it then names, and
// what is misuse (a bug of the program) and what a refusal (a peer's content may have caused it).
#include "unit/two_ends.h"

enum { C = MQW_CLIENT, S = MQW_SERVER };

// The end that may say a packet of that type now.
static mqw_conn *speaker(mqw_role role, uint8_t version, mqw_packet_type type,
                         const mqw_conn_options *options)
{
    mqw_conn_options o = options ? *options : (mqw_conn_options){.version = version};
    if (type == MQW_CONNECT)
        return make(role, &o);
    if (type == MQW_AUTH && version == 5)
        return opened_with(role, "CONNECT version=5 client_id=\"c\" auth_method=\"m\"",
                           "CONNACK auth_method=\"m\"", &o);
    if (type != MQW_CONNACK)
        return opened(role, version, &o);
    mqw_conn *server = make(role, &o), *client = make(MQW_CLIENT, NULL);
    says(client,
         version == 5 ? "CONNECT version=5 client_id=\"c\" session_expiry=9" : plain_connects[version - 3]);
    assert_int_equal(carry(client, server), 0);
    mqw_conn_free(client);
    return server;
}

// ---- what they write ----

typedef struct written_row {
    uint8_t version;
    uint8_t role;
    const char *line;
    const char *bytes;
} written_row;

static const written_row written[] = {
    {4, C, "CONNECT client_id=\"a\"", "10 0d 0004 'MQTT' 04 00 0000 0001 'a'"},
    {4, C, "CONNECT version=3 client_id=\"a\"", "10 0f 0006 'MQIsdp' 03 00 0000 0001 'a'"},
    {4, C, "CONNECT version=3 protocol_name=\"MQIsdp\" client_id=\"a\"",
     "10 0f 0006 'MQIsdp' 03 00 0000 0001 'a'"},
    {4, C, "CONNECT version=5 client_id=\"\"", "10 0d 0004 'MQTT' 05 00 0000 00 0000"},
    {4, C, "CONNECT version=4 clean_start client_id=\"\"", "10 0c 0004 'MQTT' 04 02 0000 0000"},
    {4, C, "CONNECT version=4 bridge client_id=\"a\"", "10 0d 0004 'MQTT' 84 00 0000 0001 'a'"},
    {4, C, "CONNECT version=3 bridge client_id=\"a\"", "10 0f 0006 'MQIsdp' 83 00 0000 0001 'a'"},
    {4, C, "CONNECT version=3 client_id=\"0123456789012345678901234\"",
     "10 27 0006 'MQIsdp' 03 00 0000 0019 '0123456789012345678901234'"},
    {4, C, "CONNECT keep_alive=65535 client_id=\"a\" username=\"\" password=\"\"",
     "10 11 0004 'MQTT' 04 c0 ffff 0001 'a' 0000 0000"},
    {4, C,
     "CONNECT version=3 clean_start keep_alive=30 client_id=\"test\" will.topic=\"topic\" will.payload=\"payload\" will.qos=2 "
     "will.retain username=\"username\" password=\"password\"",
     "10 36 0006 'MQIsdp' 03 f6 001e 0004 'test' 0005 'topic' 0007 'payload' 0008 'username' 0008 'password'"},
    {4, C, "CONNECT version=5 client_id=\"a\" password=\"p\"",
     "10 11 0004 'MQTT' 05 40 0000 00 0001 'a' 0001 'p'"},
    {4, S, "CONNACK", "20 02 00 00"},
    {4, S, "CONNACK session_present", "20 02 01 00"},
    {3, S, "CONNACK reason=5", "20 02 00 05"},
    {5, S, "CONNACK reason=0x87 reason_string=\"no\"", "20 08 00 87 05 1f 0002 'no'"},
    {5, S, "CONNACK session_present", "20 03 01 00 00"},
    {4, C, "PUBLISH topic=\"t\"", "30 03 0001 't'"},
    {4, S, "PUBLISH topic=\"t\" payload=\"xy\" qos=2 packet_id=7 retain dup", "3d 07 0001 't' 0007 'xy'"},
    {5, C, "PUBLISH topic=\"t\" qos=1 packet_id=65535", "32 06 0001 't' ffff 00"},
    {5, S, "PUBLISH topic=\"t\" message_expiry=1", "30 09 0001 't' 05 02 00000001"},
    {3, C, "PUBACK packet_id=30", "40 02 001e"},
    {5, S, "PUBACK packet_id=30", "40 02 001e"},
    {5, S, "PUBACK packet_id=30 reason=0x10", "40 03 001e 10"},
    {5, C, "PUBACK packet_id=30 reason_string=\"r\"", "40 08 001e 00 04 1f 0001 'r'"},
    {4, S, "PUBREC packet_id=3", "50 02 0003"},
    {5, C, "PUBREC packet_id=3 reason=0x87", "50 03 0003 87"},
    {4, C, "PUBREL packet_id=6", "62 02 0006"},
    {3, S, "PUBREL packet_id=6 dup", "6a 02 0006"},
    {5, S, "PUBREL packet_id=6 reason=0x92", "62 03 0006 92"},
    {4, S, "PUBCOMP packet_id=9", "70 02 0009"},
    {5, C, "PUBCOMP packet_id=9 reason=0x92", "70 03 0009 92"},
    {4, C, "SUBSCRIBE packet_id=7 filter=\"a/+\":1 filter=\"#\":2", "82 0c 0007 0003 'a/+' 01 0001 '#' 02"},
    {3, C, "SUBSCRIBE packet_id=7 dup filter=\"a\":0", "8a 06 0007 0001 'a' 00"},
    {5, C,
     "SUBSCRIBE packet_id=7 filter=\"a\":1:no_local:retain_as_published:retain_handling=2 subscription_id=5",
     "82 09 0007 02 0b05 0001 'a' 2d"},
    {4, S, "SUBACK packet_id=4 reasons=0,1,2,0x80", "90 06 0004 00010280"},
    {3, S, "SUBACK packet_id=4 reasons=0", "90 03 0004 00"},
    {5, S, "SUBACK packet_id=4 reasons=0x9e", "90 04 0004 00 9e"},
    {4, C, "UNSUBSCRIBE packet_id=6 filter=\"ab\" filter=\"+\"", "a2 09 0006 0002 'ab' 0001 '+'"},
    {3, C, "UNSUBSCRIBE packet_id=6 dup filter=\"a\"", "aa 05 0006 0001 'a'"},
    {4, S, "UNSUBACK packet_id=8", "b0 02 0008"},
    {5, S, "UNSUBACK packet_id=8 reasons=0,0x11", "b0 05 0008 00 0011"},
    {4, C, "PINGREQ", "c0 00"},
    {5, S, "PINGRESP", "d0 00"},
    {3, C, "DISCONNECT", "e0 00"},
    {5, C, "DISCONNECT reason=4", "e0 01 04"},
    {5, S, "DISCONNECT reason=0x8b", "e0 01 8b"},
    {5, C, "AUTH reason=0x19 auth_method=\"m\"", "f0 06 19 04 15 0001 'm'"},
    {5, S, "AUTH reason=0x18 auth_method=\"m\" auth_data=\"d\"", "f0 0a 18 08 15 0001 'm' 16 0001 'd'"},
};

static void each_method_writes_its_packet(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(written); i++) {
        mqw_packet packet = packet_of(written[i].line);
        mqw_conn *conn = speaker((mqw_role)written[i].role, written[i].version, packet.type, NULL);
        says(conn, written[i].line);
        writes(conn, written[i].bytes);
        mqw_conn_free(conn);
    }
}

static void send_writes_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(written); i++) {
        mqw_packet packet = packet_of(written[i].line);
        mqw_conn *conn = speaker((mqw_role)written[i].role, written[i].version, packet.type, NULL);
        assert_int_equal(pass(conn, written[i].line), 0);
        writes(conn, written[i].bytes);
        mqw_conn_free(conn);
    }
}

static void disconnect_without_arguments(void **state)
{
    (void)state;
    for (uint8_t version = 3; version <= 5; version++) {
        mqw_conn *conn = opened(MQW_CLIENT, version, NULL);
        assert_int_equal(mqw_conn_disconnect(conn, NULL), 0);
        writes(conn, "e0 00");
        mqw_conn_free(conn);
    }
}

// ---- what they refuse ----

typedef struct refused_row {
    uint8_t version;
    uint8_t role;
    const char *line;
    int code; // of the method; mqw_conn_send never says misuse
    int rule;
    const char *field;
} refused_row;

#define MISUSE     MQW_E_MISUSE
#define REFUSED    MQW_E_REFUSED
#define RULE(NAME) MQW_RULE_##NAME

static const refused_row refused[] = {
    // CONNECT
    {4, C, "CONNECT version=6 client_id=\"a\"", MISUSE, RULE(FIELD_RANGE), "version"},
    {4, C, "CONNECT version=2 client_id=\"a\"", MISUSE, RULE(FIELD_RANGE), "version"},
    {4, C, "CONNECT version=6 unsupported", MISUSE, RULE(FIELD_RANGE), "version"},
    {4, C, "CONNECT version=4 unsupported", MISUSE, RULE(FIELD_RANGE), "unsupported"},
    {4, C, "CONNECT version=4 protocol_name=\"MQIsdp\" client_id=\"a\"", REFUSED, RULE(PROTOCOL_NAME),
     "protocol_name"},
    {4, C, "CONNECT version=3 protocol_name=\"MQTT\" client_id=\"a\"", REFUSED, RULE(PROTOCOL_NAME),
     "protocol_name"},
    {4, C, "CONNECT version=5 protocol_name=\"mqtt\" client_id=\"a\"", REFUSED, RULE(PROTOCOL_NAME),
     "protocol_name"},
    {4, C, "CONNECT version=5 bridge client_id=\"a\"", REFUSED, RULE(NOT_IN_VERSION), "bridge"},
    {4, C, "CONNECT version=3 client_id=\"\"", REFUSED, RULE(CLIENT_ID_EMPTY), "client_id"},
    {4, C, "CONNECT version=3 clean_start client_id=\"\"", REFUSED, RULE(CLIENT_ID_EMPTY), "client_id"},
    {4, C, "CONNECT version=4 client_id=\"\"", REFUSED, RULE(CLIENT_ID_EMPTY), "client_id"},
    {4, C, "CONNECT client_id=0xff", REFUSED, RULE(UTF8), "client_id"},
    {4, C, "CONNECT client_id=0x00", REFUSED, RULE(UTF8_NUL), "client_id"},
    {4, C, "CONNECT client_id=\"a\" will.topic=\"t\" will.qos=3", REFUSED, RULE(WILL_QOS), "will.qos"},
    {4, C, "CONNECT client_id=\"a\" will.topic=\"t\" will.qos=4", MISUSE, RULE(FIELD_RANGE), "will.qos"},
    {4, C, "CONNECT client_id=\"a\" will.payload=\"x\"", REFUSED, RULE(TOPIC_EMPTY), "will.topic"},
    {4, C, "CONNECT client_id=\"a\" will.topic=\"a/+\"", REFUSED, RULE(TOPIC_WILDCARD), "will.topic"},
    {4, C, "CONNECT client_id=\"a\" will.topic=\"#\"", REFUSED, RULE(TOPIC_WILDCARD), "will.topic"},
    {4, C, "CONNECT client_id=\"a\" will.topic=\"a\\x00\"", REFUSED, RULE(UTF8_NUL), "will.topic"},
    {4, C, "CONNECT client_id=\"a\" will.topic=\"\\xc0\"", REFUSED, RULE(UTF8), "will.topic"},
    {4, C, "CONNECT version=3 client_id=\"a\" password=\"p\"", REFUSED, RULE(PASSWORD_ALONE), "password"},
    {4, C, "CONNECT version=4 client_id=\"a\" password=\"p\"", REFUSED, RULE(PASSWORD_ALONE), "password"},
    {4, C, "CONNECT version=4 client_id=\"a\" receive_maximum=3", REFUSED, RULE(NOT_IN_VERSION),
     "receive_maximum"},
    {4, C, "CONNECT version=4 client_id=\"a\" will.topic=\"a\" will.will_delay=3", REFUSED,
     RULE(NOT_IN_VERSION), "will_delay"},
    {4, C, "CONNECT version=5 client_id=\"a\" receive_maximum=0", REFUSED, RULE(PROPERTY_VALUE),
     "receive_maximum"},
    {4, C, "CONNECT version=5 client_id=\"a\" auth_data=\"x\"", REFUSED, RULE(AUTH_DATA_ALONE), "auth_data"},
    {4, C, "CONNECT version=5 client_id=\"a\" topic_alias=1", REFUSED, RULE(PROPERTY_MISPLACED),
     "topic_alias"},
    {4, S, "CONNECT client_id=\"a\"", MISUSE, RULE(ROLE), NULL},
    // CONNACK
    {3, S, "CONNACK session_present", REFUSED, RULE(NOT_IN_VERSION), "session_present"},
    {4, S, "CONNACK session_present reason=1", REFUSED, RULE(SESSION_PRESENT), "session_present"},
    {5, S, "CONNACK session_present reason=0x80", REFUSED, RULE(SESSION_PRESENT), "session_present"},
    {3, S, "CONNACK reason=6", REFUSED, RULE(REASON_CONNACK), "reason"},
    {4, S, "CONNACK reason=0x80", REFUSED, RULE(REASON_CONNACK), "reason"},
    {5, S, "CONNACK reason=1", REFUSED, RULE(REASON_CONNACK), "reason"},
    {5, S, "CONNACK reason=0x94", REFUSED, RULE(REASON_CONNACK), "reason"},
    {4, S, "CONNACK reason_string=\"r\"", REFUSED, RULE(NOT_IN_VERSION), "reason_string"},
    {5, S, "CONNACK maximum_qos=2", REFUSED, RULE(PROPERTY_VALUE), "maximum_qos"},
    {5, S, "CONNACK response_info=\"r\"", REFUSED, RULE(RESPONSE_INFO), "response_info"},
    {5, S, "CONNACK auth_method=\"m\"", REFUSED, RULE(AUTH_UNASKED_SERVER), "auth_method"},
    // PUBLISH
    {4, C, "PUBLISH payload=\"x\"", REFUSED, RULE(TOPIC_EMPTY), "topic"},
    {5, C, "PUBLISH payload=\"x\"", REFUSED, RULE(TOPIC_EMPTY), "topic"},
    {4, C, "PUBLISH topic=\"a/#\"", REFUSED, RULE(TOPIC_WILDCARD), "topic"},
    {3, C, "PUBLISH topic=\"+\"", REFUSED, RULE(TOPIC_WILDCARD), "topic"},
    {4, S, "PUBLISH topic=\"a\\x00b\"", REFUSED, RULE(UTF8_NUL), "topic"},
    {3, S, "PUBLISH topic=\"a\\x00b\"", REFUSED, RULE(UTF8_NUL), "topic"},
    {4, S, "PUBLISH topic=0xeda080", REFUSED, RULE(UTF8), "topic"},
    {4, C, "PUBLISH topic=\"t\" qos=3 packet_id=1", MISUSE, RULE(FIELD_RANGE), "qos"},
    {4, C, "PUBLISH topic=\"t\" qos=255 packet_id=1", MISUSE, RULE(FIELD_RANGE), "qos"},
    {4, C, "PUBLISH topic=\"t\" dup", REFUSED, RULE(DUP_QOS_0), "dup"},
    {4, C, "PUBLISH topic=\"t\" qos=1", MISUSE, RULE(PACKET_ID_ZERO), "packet_id"},
    {5, S, "PUBLISH topic=\"t\" qos=2", MISUSE, RULE(PACKET_ID_ZERO), "packet_id"},
    {4, C, "PUBLISH topic=\"t\" packet_id=1", MISUSE, RULE(FIELD_RANGE), "packet_id"},
    {4, C, "PUBLISH topic=\"t\" payload_left=1", MISUSE, RULE(FIELD_RANGE), "payload_left"},
    {4, C, "PUBLISH topic=\"t\" content_type=\"x\"", REFUSED, RULE(NOT_IN_VERSION), "content_type"},
    {5, C, "PUBLISH topic=\"t\" subscription_id=1", REFUSED, RULE(SUBSCRIPTION_ID_CLIENT),
     "subscription_ids"},
    {5, C, "PUBLISH topic=\"t\" response_topic=\"a/+\"", REFUSED, RULE(RESPONSE_TOPIC), "response_topic"},
    {5, C, "PUBLISH topic=\"t\" payload_format=2", REFUSED, RULE(PROPERTY_VALUE), "payload_format"},
    {5, C, "PUBLISH topic=\"t\" topic_alias=0", REFUSED, RULE(ALIAS_ZERO), "topic_alias"},
    {5, C, "PUBLISH topic=\"t\" topic_alias=1", REFUSED, RULE(ALIAS_MAXIMUM_SERVER), "topic_alias"},
    {5, S, "PUBLISH topic=\"t\" topic_alias=1", REFUSED, RULE(ALIAS_MAXIMUM_CLIENT), "topic_alias"},
    // PUBACK, PUBREC, PUBREL, PUBCOMP
    {4, C, "PUBACK packet_id=0", MISUSE, RULE(PACKET_ID_ZERO), "packet_id"},
    {5, S, "PUBREC packet_id=0", MISUSE, RULE(PACKET_ID_ZERO), "packet_id"},
    {3, C, "PUBREL packet_id=0", MISUSE, RULE(PACKET_ID_ZERO), "packet_id"},
    {4, S, "PUBCOMP packet_id=0", MISUSE, RULE(PACKET_ID_ZERO), "packet_id"},
    {5, C, "PUBACK packet_id=1 reason=0x92", REFUSED, RULE(REASON_PUBACK), "reason"},
    {5, C, "PUBREC packet_id=1 reason=1", REFUSED, RULE(REASON_PUBREC), "reason"},
    {5, C, "PUBREL packet_id=1 reason=0x10", REFUSED, RULE(REASON_PUBREL), "reason"},
    {5, C, "PUBCOMP packet_id=1 reason=0x80", REFUSED, RULE(REASON_PUBCOMP), "reason"},
    {4, C, "PUBACK packet_id=1 reason=0x10", REFUSED, RULE(NOT_IN_VERSION), "reason"},
    {3, S, "PUBCOMP packet_id=1 user=\"a\":\"b\"", REFUSED, RULE(NOT_IN_VERSION), "user"},
    {4, C, "PUBREL packet_id=1 dup", REFUSED, RULE(NOT_IN_VERSION), "dup"},
    {5, C, "PUBREL packet_id=1 dup", REFUSED, RULE(NOT_IN_VERSION), "dup"},
    // SUBSCRIBE
    {4, C, "SUBSCRIBE packet_id=0 filter=\"a\":0", MISUSE, RULE(PACKET_ID_ZERO), "packet_id"},
    {4, C, "SUBSCRIBE packet_id=1", REFUSED, RULE(SUBSCRIBE_EMPTY), "filters"},
    {4, C, "SUBSCRIBE packet_id=1 filter=\"\":0", REFUSED, RULE(FILTER_EMPTY), "filters"},
    {4, C, "SUBSCRIBE packet_id=1 filter=\"a#\":0", REFUSED, RULE(FILTER_HASH), "filters"},
    {3, C, "SUBSCRIBE packet_id=1 filter=\"a\":0 filter=\"#/b\":0", REFUSED, RULE(FILTER_HASH), "filters"},
    {5, C, "SUBSCRIBE packet_id=1 filter=\"a/b+\":0", REFUSED, RULE(FILTER_PLUS), "filters"},
    {5, C, "SUBSCRIBE packet_id=1 filter=\"$share/g/a\":0:no_local", REFUSED, RULE(SHARE_NO_LOCAL),
     "filters"},
    {5, C, "SUBSCRIBE packet_id=1 filter=\"$share//a\":0", REFUSED, RULE(SHARE_NAME), "filters"},
    {5, C, "SUBSCRIBE packet_id=1 filter=\"$share/g\":0", REFUSED, RULE(SHARE_FILTER), "filters"},
    {4, C, "SUBSCRIBE packet_id=1 filter=\"a\":3", REFUSED, RULE(OPTIONS_QOS), "filters"},
    {4, C, "SUBSCRIBE packet_id=1 filter=\"a\":0:no_local", REFUSED, RULE(NOT_IN_VERSION), "filters"},
    {3, C, "SUBSCRIBE packet_id=1 filter=\"a\":0:retain_handling=1", REFUSED, RULE(NOT_IN_VERSION),
     "filters"},
    {5, C, "SUBSCRIBE packet_id=1 filter=\"a\":0:retain_handling=3", REFUSED, RULE(OPTIONS_RETAIN_HANDLING),
     "filters"},
    {4, C, "SUBSCRIBE packet_id=1 dup filter=\"a\":0", REFUSED, RULE(NOT_IN_VERSION), "dup"},
    {5, C, "SUBSCRIBE packet_id=1 filter=\"a\":0 subscription_id=0", REFUSED, RULE(PROPERTY_VALUE),
     "subscription_ids"},
    {5, C, "SUBSCRIBE packet_id=1 filter=\"a\":0 subscription_id=1 subscription_id=2", REFUSED,
     RULE(PROPERTY_REPEATED), "subscription_ids"},
    {4, S, "SUBSCRIBE packet_id=1 filter=\"a\":0", MISUSE, RULE(ROLE), NULL},
    // SUBACK
    {4, S, "SUBACK packet_id=0 reasons=0", MISUSE, RULE(PACKET_ID_ZERO), "packet_id"},
    {4, S, "SUBACK packet_id=1", REFUSED, RULE(REASONS_EMPTY), "reasons"},
    {3, S, "SUBACK packet_id=1 reasons=0,0x80", REFUSED, RULE(REASON_SUBACK), "reasons"},
    {4, S, "SUBACK packet_id=1 reasons=3", REFUSED, RULE(REASON_SUBACK), "reasons"},
    {5, S, "SUBACK packet_id=1 reasons=0x11", REFUSED, RULE(REASON_SUBACK), "reasons"},
    {4, S, "SUBACK packet_id=1 reasons=0 reason_string=\"r\"", REFUSED, RULE(NOT_IN_VERSION),
     "reason_string"},
    {4, C, "SUBACK packet_id=1 reasons=0", MISUSE, RULE(ROLE), NULL},
    // UNSUBSCRIBE
    {4, C, "UNSUBSCRIBE packet_id=0 filter=\"a\"", MISUSE, RULE(PACKET_ID_ZERO), "packet_id"},
    {4, C, "UNSUBSCRIBE packet_id=1", REFUSED, RULE(UNSUBSCRIBE_EMPTY), "filters"},
    {4, C, "UNSUBSCRIBE packet_id=1 filter=\"a/#/b\"", REFUSED, RULE(FILTER_HASH), "filters"},
    {4, C, "UNSUBSCRIBE packet_id=1 filter=\"\\xff\"", REFUSED, RULE(UTF8), "filters"},
    {5, C, "UNSUBSCRIBE packet_id=1 dup filter=\"a\"", REFUSED, RULE(NOT_IN_VERSION), "dup"},
    {5, S, "UNSUBSCRIBE packet_id=1 filter=\"a\"", MISUSE, RULE(ROLE), NULL},
    // UNSUBACK
    {4, S, "UNSUBACK packet_id=0", MISUSE, RULE(PACKET_ID_ZERO), "packet_id"},
    {5, S, "UNSUBACK packet_id=1", REFUSED, RULE(REASONS_EMPTY), "reasons"},
    {4, S, "UNSUBACK packet_id=1 reasons=0", REFUSED, RULE(NOT_IN_VERSION), "reasons"},
    {5, S, "UNSUBACK packet_id=1 reasons=1", REFUSED, RULE(REASON_UNSUBACK), "reasons"},
    {5, C, "UNSUBACK packet_id=1 reasons=0", MISUSE, RULE(ROLE), NULL},
    // PINGREQ, PINGRESP
    {4, S, "PINGREQ", MISUSE, RULE(ROLE), NULL},
    {4, C, "PINGRESP", MISUSE, RULE(ROLE), NULL},
    // DISCONNECT
    {4, C, "DISCONNECT reason=4", REFUSED, RULE(NOT_IN_VERSION), "reason"},
    {3, C, "DISCONNECT session_expiry=4", REFUSED, RULE(NOT_IN_VERSION), "session_expiry"},
    {5, C, "DISCONNECT reason=0x8b", REFUSED, RULE(REASON_DISCONNECT), "reason"},
    {5, S, "DISCONNECT reason=4", REFUSED, RULE(REASON_DISCONNECT), "reason"},
    {5, S, "DISCONNECT session_expiry=4", REFUSED, RULE(SESSION_EXPIRY_SERVER), "session_expiry"},
    {5, C, "DISCONNECT server_reference=\"s\"", REFUSED, RULE(PROPERTY_SENDER), "server_reference"},
    {5, C, "DISCONNECT session_expiry=4", REFUSED, RULE(SESSION_EXPIRY_RAISED), "session_expiry"},
    {4, S, "DISCONNECT", MISUSE, RULE(ROLE), NULL},
    // AUTH
    {4, C, "AUTH reason=0x18 auth_method=\"m\"", REFUSED, RULE(NOT_IN_VERSION), NULL},
    {3, S, "AUTH reason=0x18 auth_method=\"m\"", REFUSED, RULE(NOT_IN_VERSION), NULL},
    {5, S, "AUTH reason=0x19 auth_method=\"m\"", REFUSED, RULE(REASON_AUTH), "reason"},
    {5, C, "AUTH reason=0x18", MISUSE, RULE(AUTH_METHOD_AGAIN), "auth_method"},
    {5, C, "AUTH reason=0x19 auth_method=\"n\"", MISUSE, RULE(AUTH_METHOD_AGAIN), "auth_method"},
    {5, S, "AUTH reason=0x18 auth_method=\"n\"", REFUSED, RULE(AUTH_METHOD), "auth_method"},
};

static mqw_counters counters_of(const mqw_conn *conn)
{
    mqw_counters counters;
    mqw_conn_counters(conn, &counters);
    return counters;
}

// Refused, and nothing has happened.
static void is_refused(mqw_conn *conn, int rc, const refused_row *row, int code)
{
    if (rc != code)
        fail_msg("version %d: %s: %s", row->version, row->line, mqw_strerror(rc));
    mqw_error why;
    refused_by(conn, rc, code, row->rule, row->field);
    assert_non_null(mqw_conn_refusal(conn, &why));
    assert_string_not_equal(mqw_error_clause(&why), "");
    assert_int_equal(mqw_conn_waiting(conn), 0);
}

static void each_method_names_what_it_refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refused); i++) {
        const refused_row *row = &refused[i];
        mqw_packet packet = packet_of(row->line);
        mqw_conn *conn = speaker((mqw_role)row->role, row->version, packet.type, NULL);
        mqw_state before = mqw_conn_state(conn);
        mqw_counters counters = counters_of(conn);
        is_refused(conn, say(conn, row->line), row, row->code);
        assert_int_equal(mqw_conn_state(conn), before);
        mqw_counters after = counters_of(conn);
        assert_memory_equal(&counters, &after, sizeof counters);
        mqw_conn_free(conn);
    }
}

// What recv gave can be sent on: then a broken rule is nobody's bug.
static void send_never_says_misuse(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refused); i++) {
        const refused_row *row = &refused[i];
        mqw_packet packet = packet_of(row->line);
        mqw_conn *conn = speaker((mqw_role)row->role, row->version, packet.type, NULL);
        is_refused(conn, pass(conn, row->line), row, REFUSED);
        assert_false(mqw_conn_misused(conn));
        mqw_conn_free(conn);
    }
}

// With a policy under which a peer may have broken the rule, neither do the methods. What no peer can cause
// stays misuse.
static void methods_under_a_tolerant_policy(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refused); i++) {
        const refused_row *row = &refused[i];
        mqw_conn_options options = {.version = row->version, .policy = MQW_POLICY_ORIGINAL};
        mqw_packet packet = packet_of(row->line);
        mqw_conn *conn = speaker((mqw_role)row->role, row->version, packet.type, &options);
        int rc = say(conn, row->line);
        if (row->rule == MQW_RULE_FIELD_RANGE)
            assert_int_equal(rc, MISUSE);
        else
            assert_int_not_equal(rc, MISUSE);
        mqw_conn_free(conn);
    }
}

static void nothing_given(void **state)
{
    (void)state;
    mqw_conn *conn = make(MQW_CLIENT, NULL);
    const int results[] = {
        mqw_conn_connect(conn, NULL),     mqw_conn_connack(conn, NULL),   mqw_conn_publish(conn, NULL),
        mqw_conn_puback(conn, NULL),      mqw_conn_pubrec(conn, NULL),    mqw_conn_pubrel(conn, NULL),
        mqw_conn_pubcomp(conn, NULL),     mqw_conn_subscribe(conn, NULL), mqw_conn_suback(conn, NULL),
        mqw_conn_unsubscribe(conn, NULL), mqw_conn_unsuback(conn, NULL),  mqw_conn_auth(conn, NULL),
    };
    for (size_t i = 0; i < COUNT(results); i++)
        refused_by(conn, results[i], MISUSE, MQW_RULE_FIELD_RANGE, "packet");
    refused_by(conn, mqw_conn_send(conn, NULL), MISUSE, MQW_RULE_FIELD_RANGE, "type");
    mqw_packet piece = {.type = MQW_PIECE}, unknown = {.type = (mqw_packet_type)16};
    refused_by(conn, mqw_conn_send(conn, &piece), MISUSE, MQW_RULE_FIELD_RANGE, "type");
    refused_by(conn, mqw_conn_send(conn, &unknown), MISUSE, MQW_RULE_FIELD_RANGE, "type");
    refused_by(conn, mqw_conn_send_raw(conn, (mqw_bytes){NULL, 1}), MISUSE, MQW_RULE_FIELD_RANGE, "bytes");
    mqw_conn_free(conn);
}

// Views that point nowhere.
static void missing_bytes(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 1024, 1025, 100000};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        mqw_conn *conn = opened(MQW_SERVER, 4, NULL);
        mqw_publish publish = {.topic = MQW_TEXT("t"), .payload = {NULL, sizes[i]}};
        refused_by(conn, mqw_conn_publish(conn, &publish), MISUSE, MQW_RULE_FIELD_RANGE, "payload");
        mqw_suback suback = {.packet_id = 1, .reasons = {NULL, sizes[i]}};
        refused_by(conn, mqw_conn_suback(conn, &suback), MISUSE, MQW_RULE_FIELD_RANGE, "reasons");
        mqw_shared shared = {.bytes = {NULL, sizes[i]}, .refs = 1};
        publish.payload = (mqw_bytes){NULL, 0};
        refused_by(conn, mqw_conn_publish_shared(conn, &publish, &shared), MISUSE, MQW_RULE_FIELD_RANGE,
                   "payload");
        assert_int_equal(shared.refs, 1);
        mqw_conn_free(conn);
    }
}

// What came in pieces cannot be sent on as if it were whole, however much of it is there.
static void payload_that_is_not_all_there(void **state)
{
    (void)state;
    static const uint8_t bytes[5000];
    static const size_t sizes[] = {0, 10, 1024, 1025, 5000};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        mqw_conn *conn = opened(MQW_SERVER, 5, NULL);
        mqw_packet packet = {
            .type = MQW_PUBLISH,
            .publish = {.topic = MQW_TEXT("t"), .payload = {bytes, sizes[i]}, .payload_left = 9}};
        refused_by(conn, mqw_conn_publish(conn, &packet.publish), MISUSE, MQW_RULE_FIELD_RANGE,
                   "payload_left");
        refused_by(conn, mqw_conn_send(conn, &packet), REFUSED, MQW_RULE_FIELD_RANGE, "payload_left");
        assert_int_equal(mqw_conn_waiting(conn), 0);
        mqw_conn_free(conn);
    }
}

// A text of 65,535 bytes fits its length field, and one byte more does not.
static void texts_have_a_limit(void **state)
{
    (void)state;
    static char text[65536];
    memset(text, 'a', sizeof text);
    mqw_text fits = {text, 65535}, too_long = {text, 65536};
    mqw_conn *conn = make(MQW_CLIENT, NULL);
    mqw_connect connect = {.client_id = too_long};
    refused_by(conn, mqw_conn_connect(conn, &connect), MISUSE, MQW_RULE_TEXT_TOO_LONG, "client_id");
    connect = (mqw_connect){.client_id = MQW_TEXT("c"), .has_username = true, .username = too_long};
    refused_by(conn, mqw_conn_connect(conn, &connect), MISUSE, MQW_RULE_TEXT_TOO_LONG, "username");
    connect = (mqw_connect){.client_id = MQW_TEXT("c"), .has_will = true, .will = {.topic = too_long}};
    refused_by(conn, mqw_conn_connect(conn, &connect), MISUSE, MQW_RULE_TEXT_TOO_LONG, "will.topic");
    connect.client_id = fits;
    connect.has_will = false;
    assert_int_equal(mqw_conn_connect(conn, &connect), 0);
    mqw_conn_free(conn);
    conn = opened(MQW_SERVER, 4, NULL);
    mqw_publish publish = {.topic = too_long};
    refused_by(conn, mqw_conn_publish(conn, &publish), MISUSE, MQW_RULE_TEXT_TOO_LONG, "topic");
    clause_is(conn, "MQTT-4.7.3-3");
    publish.topic = fits;
    assert_int_equal(mqw_conn_publish(conn, &publish), 0);
    mqw_conn_free(conn);
}

// What recv gave, send takes: every packet, through both ends, is the same on the wire.
static void what_was_received_can_be_sent_on(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(written); i++) {
        mqw_packet packet = packet_of(written[i].line);
        mqw_role role = (mqw_role)written[i].role, other = role == MQW_CLIENT ? MQW_SERVER : MQW_CLIENT;
        mqw_conn *from = speaker(role, written[i].version, packet.type, NULL);
        mqw_conn *listener = make(MQW_ANY, &(mqw_conn_options){.version = written[i].version});
        mqw_conn *onwards = speaker(role, written[i].version, packet.type, NULL);
        (void)other;
        says(from, written[i].line);
        mqw_bytes bytes = take_output(from), left = bytes;
        mqw_packet received;
        assert_int_equal(mqw_conn_recv(listener, &left, &received), 1);
        assert_int_equal(mqw_conn_send(onwards, &received), 0);
        writes(onwards, written[i].bytes);
        free((void *)(uintptr_t)bytes.data);
        mqw_conn_free(from);
        mqw_conn_free(listener);
        mqw_conn_free(onwards);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_method_writes_its_packet),
        cmocka_unit_test(send_writes_the_same),
        cmocka_unit_test(disconnect_without_arguments),
        cmocka_unit_test(each_method_names_what_it_refuses),
        cmocka_unit_test(send_never_says_misuse),
        cmocka_unit_test(methods_under_a_tolerant_policy),
        cmocka_unit_test(nothing_given),
        cmocka_unit_test(missing_bytes),
        cmocka_unit_test(payload_that_is_not_all_there),
        cmocka_unit_test(texts_have_a_limit),
        cmocka_unit_test(what_was_received_can_be_sent_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
