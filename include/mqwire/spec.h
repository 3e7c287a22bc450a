// SPDX-License-Identifier: MIT
/**
 * @file spec.h
 * The MQTT standard as tables. Everything else in mqwire reads these rows: enums, structs, decoding,
 * encoding, checks, printing and JSON. A packet, property, reason code or rule is named in one row.
 */
#ifndef MQWIRE_SPEC_H
#define MQWIRE_SPEC_H

#ifdef __cplusplus
extern "C" {
#endif

/** What the libraries export. */
#if defined(__GNUC__)
#define MQW_API __attribute__((visibility("default")))
#else
#define MQW_API
#endif

/** Protocol versions (the level byte of CONNECT). */
typedef enum mqw_version {
    MQW_3_1 = 3,   /**< MQIsdp of 2010. */
    MQW_3_1_1 = 4, /**< OASIS standard of 2014, ISO/IEC 20922. */
    MQW_5_0 = 5    /**< OASIS standard of 2019. */
} mqw_version;

/** Who holds an end of a connection, or who sent a packet. */
typedef enum mqw_role {
    MQW_ANY = 0,    /**< A sniffer: what either side may send is legal. */
    MQW_CLIENT = 1, /**< Who connects. */
    MQW_SERVER = 2  /**< Who is connected to. */
} mqw_role;

/**
 * Packet types: id, NAME, name, fixed header flags (bits 3..0; PUBLISH has its own), the version since
 * which a client and a server may send it (0: never), the rule that its flags break when they differ.
 */
#define MQW_PACKETS(X)                                            \
    X(1, CONNECT, connect, 0x0, 3, 0, HEADER_FLAGS)               \
    X(2, CONNACK, connack, 0x0, 0, 3, HEADER_FLAGS)               \
    X(3, PUBLISH, publish, 0x0, 3, 3, HEADER_FLAGS)               \
    X(4, PUBACK, puback, 0x0, 3, 3, HEADER_FLAGS)                 \
    X(5, PUBREC, pubrec, 0x0, 3, 3, HEADER_FLAGS)                 \
    X(6, PUBREL, pubrel, 0x2, 3, 3, FLAGS_PUBREL)                 \
    X(7, PUBCOMP, pubcomp, 0x0, 3, 3, HEADER_FLAGS)               \
    X(8, SUBSCRIBE, subscribe, 0x2, 3, 0, FLAGS_SUBSCRIBE)        \
    X(9, SUBACK, suback, 0x0, 0, 3, HEADER_FLAGS)                 \
    X(10, UNSUBSCRIBE, unsubscribe, 0x2, 3, 0, FLAGS_UNSUBSCRIBE) \
    X(11, UNSUBACK, unsuback, 0x0, 0, 3, HEADER_FLAGS)            \
    X(12, PINGREQ, pingreq, 0x0, 3, 0, HEADER_FLAGS)              \
    X(13, PINGRESP, pingresp, 0x0, 0, 3, HEADER_FLAGS)            \
    X(14, DISCONNECT, disconnect, 0x0, 3, 5, FLAGS_DISCONNECT)    \
    X(15, AUTH, auth, 0x0, 5, 5, FLAGS_AUTH)

/* clang-format off */

/**
 * @name Sets of packet types
 * A 16-bit mask: bit number = packet type; bit 0 stands for the will inside CONNECT.
 */
/**@{*/
#define MQW_IN_NONE        0x0000 /**< No packet. */
#define MQW_IN_WILL        0x0001 /**< The will inside CONNECT. */
#define MQW_IN_CONNECT     0x0002 /**< CONNECT */
#define MQW_IN_CONNACK     0x0004 /**< CONNACK */
#define MQW_IN_PUBLISH     0x0008 /**< PUBLISH */
#define MQW_IN_PUBACK      0x0010 /**< PUBACK */
#define MQW_IN_PUBREC      0x0020 /**< PUBREC */
#define MQW_IN_PUBREL      0x0040 /**< PUBREL */
#define MQW_IN_PUBCOMP     0x0080 /**< PUBCOMP */
#define MQW_IN_SUBSCRIBE   0x0100 /**< SUBSCRIBE */
#define MQW_IN_SUBACK      0x0200 /**< SUBACK */
#define MQW_IN_UNSUBSCRIBE 0x0400 /**< UNSUBSCRIBE */
#define MQW_IN_UNSUBACK    0x0800 /**< UNSUBACK */
#define MQW_IN_PINGREQ     0x1000 /**< PINGREQ */
#define MQW_IN_PINGRESP    0x2000 /**< PINGRESP */
#define MQW_IN_DISCONNECT  0x4000 /**< DISCONNECT */
#define MQW_IN_AUTH        0x8000 /**< AUTH */
#define MQW_IN_MESSAGE     (MQW_IN_PUBLISH | MQW_IN_WILL)    /**< What carries a message. */
#define MQW_IN_OPENING     (MQW_IN_CONNECT | MQW_IN_CONNACK) /**< What opens a connection. */
/** What acknowledges a PUBLISH. */
#define MQW_IN_ACKS        (MQW_IN_PUBACK | MQW_IN_PUBREC | MQW_IN_PUBREL | MQW_IN_PUBCOMP)
/** In what a server can explain itself with a reason string. */
#define MQW_IN_EXPLAINED   (MQW_IN_CONNACK | MQW_IN_ACKS | MQW_IN_SUBACK | MQW_IN_UNSUBACK | MQW_IN_DISCONNECT | MQW_IN_AUTH)
/** Every packet that has properties, and the will. */
#define MQW_IN_ALL         (0xFFFF & ~(MQW_IN_PINGREQ | MQW_IN_PINGRESP))
/**@}*/

/**
 * Properties of 5.0: id, field, wire type, packets in which a client may send it, packets in which a server may,
 * packets in which it may repeat, value rule, reason code when the value is wrong, value when absent.
 * Wire types: U8 U16 U32 TEXT (UTF-8 string) BLOB (binary data) VARS (variable byte integers) PAIRS (string pairs).
 * Value rules: ANY, FLAG (0 or 1), NONZERO, TOPIC (a topic name). VARS and PAIRS are lists in wire form.
 */
#define MQW_PROPERTIES(X) \
    X(0x01, payload_format,             U8,    MQW_IN_MESSAGE,                      MQW_IN_PUBLISH,    MQW_IN_NONE,    FLAG,    0x82, 0) \
    X(0x02, message_expiry,             U32,   MQW_IN_MESSAGE,                      MQW_IN_PUBLISH,    MQW_IN_NONE,    ANY,     0x82, 0) \
    X(0x03, content_type,               TEXT,  MQW_IN_MESSAGE,                      MQW_IN_PUBLISH,    MQW_IN_NONE,    ANY,     0x82, 0) \
    X(0x08, response_topic,             TEXT,  MQW_IN_MESSAGE,                      MQW_IN_PUBLISH,    MQW_IN_NONE,    TOPIC,   0x82, 0) \
    X(0x09, correlation_data,           BLOB,  MQW_IN_MESSAGE,                      MQW_IN_PUBLISH,    MQW_IN_NONE,    ANY,     0x82, 0) \
    X(0x0B, subscription_ids,           VARS,  MQW_IN_SUBSCRIBE,                    MQW_IN_PUBLISH,    MQW_IN_PUBLISH, NONZERO, 0x82, 0) \
    X(0x11, session_expiry,             U32,   MQW_IN_CONNECT | MQW_IN_DISCONNECT,  MQW_IN_CONNACK,    MQW_IN_NONE,    ANY,     0x82, 0) \
    X(0x12, assigned_client_id,         TEXT,  MQW_IN_NONE,                         MQW_IN_CONNACK,    MQW_IN_NONE,    ANY,     0x82, 0) \
    X(0x13, server_keep_alive,          U16,   MQW_IN_NONE,                         MQW_IN_CONNACK,    MQW_IN_NONE,    ANY,     0x82, 0) \
    X(0x15, auth_method,                TEXT,  MQW_IN_CONNECT | MQW_IN_AUTH,        MQW_IN_CONNACK | MQW_IN_AUTH, MQW_IN_NONE, ANY, 0x82, 0) \
    X(0x16, auth_data,                  BLOB,  MQW_IN_CONNECT | MQW_IN_AUTH,        MQW_IN_CONNACK | MQW_IN_AUTH, MQW_IN_NONE, ANY, 0x82, 0) \
    X(0x17, request_problem_info,       U8,    MQW_IN_CONNECT,                      MQW_IN_NONE,       MQW_IN_NONE,    FLAG,    0x82, 1) \
    X(0x18, will_delay,                 U32,   MQW_IN_WILL,                         MQW_IN_NONE,       MQW_IN_NONE,    ANY,     0x82, 0) \
    X(0x19, request_response_info,      U8,    MQW_IN_CONNECT,                      MQW_IN_NONE,       MQW_IN_NONE,    FLAG,    0x82, 0) \
    X(0x1A, response_info,              TEXT,  MQW_IN_NONE,                         MQW_IN_CONNACK,    MQW_IN_NONE,    ANY,     0x82, 0) \
    X(0x1C, server_reference,           TEXT,  MQW_IN_NONE,                         MQW_IN_CONNACK | MQW_IN_DISCONNECT, MQW_IN_NONE, ANY, 0x82, 0) \
    X(0x1F, reason_string,              TEXT,  MQW_IN_ACKS | MQW_IN_DISCONNECT | MQW_IN_AUTH, MQW_IN_EXPLAINED, MQW_IN_NONE, ANY, 0x82, 0) \
    X(0x21, receive_maximum,            U16,   MQW_IN_CONNECT,                      MQW_IN_CONNACK,    MQW_IN_NONE,    NONZERO, 0x82, 65535) \
    X(0x22, topic_alias_maximum,        U16,   MQW_IN_CONNECT,                      MQW_IN_CONNACK,    MQW_IN_NONE,    ANY,     0x82, 0) \
    X(0x23, topic_alias,                U16,   MQW_IN_PUBLISH,                      MQW_IN_PUBLISH,    MQW_IN_NONE,    NONZERO, 0x94, 0) \
    X(0x24, maximum_qos,                U8,    MQW_IN_NONE,                         MQW_IN_CONNACK,    MQW_IN_NONE,    FLAG,    0x82, 2) \
    X(0x25, retain_available,           U8,    MQW_IN_NONE,                         MQW_IN_CONNACK,    MQW_IN_NONE,    FLAG,    0x82, 1) \
    X(0x26, user,                       PAIRS, MQW_IN_ALL,                          MQW_IN_ALL,        MQW_IN_ALL,     ANY,     0x82, 0) \
    X(0x27, maximum_packet_size,        U32,   MQW_IN_CONNECT,                      MQW_IN_CONNACK,    MQW_IN_NONE,    NONZERO, 0x82, MQW_PACKET_MAX) \
    X(0x28, wildcards_available,        U8,    MQW_IN_NONE,                         MQW_IN_CONNACK,    MQW_IN_NONE,    FLAG,    0x82, 1) \
    X(0x29, subscription_ids_available, U8,    MQW_IN_NONE,                         MQW_IN_CONNACK,    MQW_IN_NONE,    FLAG,    0x82, 1) \
    X(0x2A, shared_available,           U8,    MQW_IN_NONE,                         MQW_IN_CONNACK,    MQW_IN_NONE,    FLAG,    0x82, 1)

/** Largest Remaining Length that the fixed header can declare. */
#define MQW_LENGTH_MAX 268435455u
/** Largest packet, its fixed header included. */
#define MQW_PACKET_MAX 268435460u

/** What answers a PUBLISH. */
#define MQW_IN_PUBS (MQW_IN_PUBACK | MQW_IN_PUBREC)
/** What answers a list of filters. */
#define MQW_IN_SUBS (MQW_IN_SUBACK | MQW_IN_UNSUBACK)

/** Reason codes of 5.0: value, NAME, packets in which a client may use it, packets in which a server may, text. */
#define MQW_REASONS(X) \
    X(0x00, SUCCESS,                  MQW_IN_ACKS | MQW_IN_DISCONNECT, MQW_IN_CONNACK | MQW_IN_ACKS | MQW_IN_SUBS | MQW_IN_DISCONNECT | MQW_IN_AUTH, "success") \
    X(0x01, GRANTED_QOS_1,            MQW_IN_NONE,       MQW_IN_SUBACK,                     "granted QoS 1") \
    X(0x02, GRANTED_QOS_2,            MQW_IN_NONE,       MQW_IN_SUBACK,                     "granted QoS 2") \
    X(0x04, DISCONNECT_WITH_WILL,     MQW_IN_DISCONNECT, MQW_IN_NONE,                       "disconnect with will message") \
    X(0x10, NO_MATCHING_SUBSCRIBERS,  MQW_IN_NONE,       MQW_IN_PUBS,                       "no matching subscribers") \
    X(0x11, NO_SUBSCRIPTION_EXISTED,  MQW_IN_NONE,       MQW_IN_UNSUBACK,                   "no subscription existed") \
    X(0x18, CONTINUE_AUTHENTICATION,  MQW_IN_AUTH,       MQW_IN_AUTH,                       "continue authentication") \
    X(0x19, REAUTHENTICATE,           MQW_IN_AUTH,       MQW_IN_NONE,                       "re-authenticate") \
    X(0x80, UNSPECIFIED_ERROR,        MQW_IN_PUBS | MQW_IN_DISCONNECT, MQW_IN_CONNACK | MQW_IN_PUBS | MQW_IN_SUBS | MQW_IN_DISCONNECT, "unspecified error") \
    X(0x81, MALFORMED_PACKET,         MQW_IN_DISCONNECT, MQW_IN_CONNACK | MQW_IN_DISCONNECT, "malformed packet") \
    X(0x82, PROTOCOL_ERROR,           MQW_IN_DISCONNECT, MQW_IN_CONNACK | MQW_IN_DISCONNECT, "protocol error") \
    X(0x83, IMPLEMENTATION_SPECIFIC,  MQW_IN_PUBS | MQW_IN_DISCONNECT, MQW_IN_CONNACK | MQW_IN_PUBS | MQW_IN_SUBS | MQW_IN_DISCONNECT, "implementation specific error") \
    X(0x84, UNSUPPORTED_VERSION,      MQW_IN_NONE,       MQW_IN_CONNACK,                    "unsupported protocol version") \
    X(0x85, CLIENT_ID_NOT_VALID,      MQW_IN_NONE,       MQW_IN_CONNACK,                    "client identifier not valid") \
    X(0x86, BAD_USERNAME_OR_PASSWORD, MQW_IN_NONE,       MQW_IN_CONNACK,                    "bad user name or password") \
    X(0x87, NOT_AUTHORIZED,           MQW_IN_PUBS,       MQW_IN_CONNACK | MQW_IN_PUBS | MQW_IN_SUBS | MQW_IN_DISCONNECT, "not authorized") \
    X(0x88, SERVER_UNAVAILABLE,       MQW_IN_NONE,       MQW_IN_CONNACK,                    "server unavailable") \
    X(0x89, SERVER_BUSY,              MQW_IN_NONE,       MQW_IN_CONNACK | MQW_IN_DISCONNECT, "server busy") \
    X(0x8A, BANNED,                   MQW_IN_NONE,       MQW_IN_CONNACK,                    "banned") \
    X(0x8B, SERVER_SHUTTING_DOWN,     MQW_IN_NONE,       MQW_IN_DISCONNECT,                 "server shutting down") \
    X(0x8C, BAD_AUTH_METHOD,          MQW_IN_NONE,       MQW_IN_CONNACK,                    "bad authentication method") \
    X(0x8D, KEEP_ALIVE_TIMEOUT,       MQW_IN_NONE,       MQW_IN_DISCONNECT,                 "keep alive timeout") \
    X(0x8E, SESSION_TAKEN_OVER,       MQW_IN_NONE,       MQW_IN_DISCONNECT,                 "session taken over") \
    X(0x8F, TOPIC_FILTER_INVALID,     MQW_IN_NONE,       MQW_IN_SUBS | MQW_IN_DISCONNECT,   "topic filter invalid") \
    X(0x90, TOPIC_NAME_INVALID,       MQW_IN_PUBS | MQW_IN_DISCONNECT, MQW_IN_CONNACK | MQW_IN_PUBS | MQW_IN_DISCONNECT, "topic name invalid") \
    X(0x91, PACKET_ID_IN_USE,         MQW_IN_PUBS,       MQW_IN_PUBS | MQW_IN_SUBS,         "packet identifier in use") \
    X(0x92, PACKET_ID_NOT_FOUND,      MQW_IN_PUBREL | MQW_IN_PUBCOMP, MQW_IN_PUBREL | MQW_IN_PUBCOMP, "packet identifier not found") \
    X(0x93, RECEIVE_MAXIMUM_EXCEEDED, MQW_IN_DISCONNECT, MQW_IN_DISCONNECT,                 "receive maximum exceeded") \
    X(0x94, TOPIC_ALIAS_INVALID,      MQW_IN_DISCONNECT, MQW_IN_DISCONNECT,                 "topic alias invalid") \
    X(0x95, PACKET_TOO_LARGE,         MQW_IN_DISCONNECT, MQW_IN_CONNACK | MQW_IN_DISCONNECT, "packet too large") \
    X(0x96, MESSAGE_RATE_TOO_HIGH,    MQW_IN_DISCONNECT, MQW_IN_DISCONNECT,                 "message rate too high") \
    X(0x97, QUOTA_EXCEEDED,           MQW_IN_PUBS | MQW_IN_DISCONNECT, MQW_IN_CONNACK | MQW_IN_PUBS | MQW_IN_SUBACK | MQW_IN_DISCONNECT, "quota exceeded") \
    X(0x98, ADMINISTRATIVE_ACTION,    MQW_IN_DISCONNECT, MQW_IN_DISCONNECT,                 "administrative action") \
    X(0x99, PAYLOAD_FORMAT_INVALID,   MQW_IN_PUBS | MQW_IN_DISCONNECT, MQW_IN_CONNACK | MQW_IN_PUBS | MQW_IN_DISCONNECT, "payload format invalid") \
    X(0x9A, RETAIN_NOT_SUPPORTED,     MQW_IN_NONE,       MQW_IN_CONNACK | MQW_IN_DISCONNECT, "retain not supported") \
    X(0x9B, QOS_NOT_SUPPORTED,        MQW_IN_NONE,       MQW_IN_CONNACK | MQW_IN_DISCONNECT, "QoS not supported") \
    X(0x9C, USE_ANOTHER_SERVER,       MQW_IN_NONE,       MQW_IN_CONNACK | MQW_IN_DISCONNECT, "use another server") \
    X(0x9D, SERVER_MOVED,             MQW_IN_NONE,       MQW_IN_CONNACK | MQW_IN_DISCONNECT, "server moved") \
    X(0x9E, SHARED_NOT_SUPPORTED,     MQW_IN_NONE,       MQW_IN_SUBACK | MQW_IN_DISCONNECT, "shared subscriptions not supported") \
    X(0x9F, CONNECTION_RATE_EXCEEDED, MQW_IN_NONE,       MQW_IN_CONNACK | MQW_IN_DISCONNECT, "connection rate exceeded") \
    X(0xA0, MAXIMUM_CONNECT_TIME,     MQW_IN_NONE,       MQW_IN_DISCONNECT,                 "maximum connect time") \
    X(0xA1, SUBSCRIPTION_IDS_NOT_SUPPORTED, MQW_IN_NONE, MQW_IN_SUBACK | MQW_IN_DISCONNECT, "subscription identifiers not supported") \
    X(0xA2, WILDCARDS_NOT_SUPPORTED,  MQW_IN_NONE,       MQW_IN_SUBACK | MQW_IN_DISCONNECT, "wildcard subscriptions not supported")

/** Answers to CONNECT before 5.0: return code, the reason code of 5.0 that says the same, text. */
#define MQW_RETURN_CODES(X) \
    X(0, 0x00, "accepted") \
    X(1, 0x84, "unacceptable protocol version") \
    X(2, 0x85, "identifier rejected") \
    X(3, 0x88, "server unavailable") \
    X(4, 0x86, "bad user name or password") \
    X(5, 0x87, "not authorized")

/**
 * Rules of the standard that a packet or a peer can break: NAME, clause in 3.1.1, clause in 5.0, first and last version
 * in which it holds, reason code to answer with, what a send that breaks it is (MISUSE: only the program can have caused
 * it; CONTENT: a peer's content can), what holds by default (REFUSE, IGNORE; ALWAYS: a length, bound or grammar that no
 * policy switches off), text. "MQTT-…" is a normative statement; "section …" a place where the text has no number.
 */
#define MQW_RULES(X) \
    /* one packet by itself: the codec */ \
    X(HEADER_FLAGS,        "MQTT-2.2.2-1",  "MQTT-2.1.3-1",  4, 5, 0x81, CONTENT, REFUSE, "reserved flags of the fixed header differ from the table") \
    X(FLAGS_PUBREL,        "MQTT-3.6.1-1",  "MQTT-3.6.1-1",  4, 5, 0x81, CONTENT, REFUSE, "flags of PUBREL are not 0010") \
    X(FLAGS_SUBSCRIBE,     "MQTT-3.8.1-1",  "MQTT-3.8.1-1",  4, 5, 0x81, CONTENT, REFUSE, "flags of SUBSCRIBE are not 0010") \
    X(FLAGS_UNSUBSCRIBE,   "MQTT-3.10.1-1", "MQTT-3.10.1-1", 4, 5, 0x81, CONTENT, REFUSE, "flags of UNSUBSCRIBE are not 0010") \
    X(FLAGS_DISCONNECT,    "MQTT-3.14.1-1", "MQTT-3.14.1-1", 4, 5, 0x81, CONTENT, REFUSE, "flags of DISCONNECT are not 0000") \
    X(FLAGS_AUTH,          "",              "MQTT-3.15.1-1", 5, 5, 0x81, CONTENT, REFUSE, "flags of AUTH are not 0000") \
    X(LENGTH_OVERLONG,     "",              "MQTT-1.5.5-1",  5, 5, 0x81, CONTENT, REFUSE, "variable byte integer is not in its shortest form") \
    X(DUP_QOS_0,           "MQTT-3.3.1-2",  "MQTT-3.3.1-2",  4, 5, 0x82, CONTENT, REFUSE, "DUP is set on a PUBLISH of QoS 0") \
    X(PACKET_ID_ZERO,      "MQTT-2.3.1-1",  "MQTT-2.2.1-3",  3, 5, 0x82, MISUSE,  REFUSE, "packet identifier is 0") \
    X(UTF8,                "MQTT-1.5.3-1",  "MQTT-1.5.4-1",  4, 5, 0x81, CONTENT, REFUSE, "text is not well-formed UTF-8") \
    X(UTF8_NUL,            "MQTT-1.5.3-2",  "MQTT-1.5.4-2",  4, 5, 0x81, CONTENT, REFUSE, "text contains U+0000") \
    X(UTF8_CONTROL,        "section 1.5.3", "section 1.5.4", 4, 5, 0x81, CONTENT, IGNORE, "text contains a control character or non-character") \
    X(TOPIC_EMPTY,         "MQTT-4.7.3-1",  "MQTT-4.7.3-1",  3, 5, 0x82, CONTENT, REFUSE, "topic name is empty") \
    X(TOPIC_WILDCARD,      "MQTT-3.3.2-2",  "MQTT-3.3.2-2",  3, 5, 0x90, CONTENT, REFUSE, "topic name contains a wildcard") \
    X(RESPONSE_TOPIC,      "",              "MQTT-3.3.2-14", 5, 5, 0x82, CONTENT, REFUSE, "response topic is empty or contains a wildcard") \
    X(FILTER_EMPTY,        "MQTT-4.7.3-1",  "MQTT-4.7.3-1",  3, 5, 0x8F, CONTENT, REFUSE, "topic filter is empty") \
    X(FILTER_HASH,         "MQTT-4.7.1-2",  "MQTT-4.7.1-1",  3, 5, 0x8F, CONTENT, REFUSE, "# is not alone in the last level of the topic filter") \
    X(FILTER_PLUS,         "MQTT-4.7.1-3",  "MQTT-4.7.1-2",  3, 5, 0x8F, CONTENT, REFUSE, "+ does not fill a level of the topic filter") \
    X(SHARE_NAME,          "",              "MQTT-4.8.2-1",  5, 5, 0x8F, CONTENT, REFUSE, "share name of a shared subscription is empty") \
    X(SHARE_FILTER,        "",              "MQTT-4.8.2-2",  5, 5, 0x8F, CONTENT, REFUSE, "share name has a wildcard or no topic filter behind it") \
    X(SHARE_NO_LOCAL,      "",              "MQTT-3.8.3-4",  5, 5, 0x82, CONTENT, REFUSE, "No Local is set on a shared subscription") \
    X(PROPERTY_REPEATED,   "",              "section 2.2.2.2", 5, 5, 0x82, CONTENT, REFUSE, "property stands twice") \
    X(PROPERTY_MISPLACED,  "",              "section 2.2.2.2", 5, 5, 0x81, CONTENT, REFUSE, "property is not allowed in this packet") \
    X(PROPERTY_SENDER,     "",              "section 2.2.2.2", 5, 5, 0x82, CONTENT, REFUSE, "property may not be sent by this side") \
    X(PROPERTY_VALUE,      "",              "section 2.2.2.2", 5, 5, 0x82, CONTENT, REFUSE, "property has a value that it may not have") \
    X(SUBSCRIPTION_ID_CLIENT, "",           "MQTT-3.3.4-6",  5, 5, 0x82, CONTENT, REFUSE, "client's PUBLISH has a Subscription Identifier") \
    X(SESSION_EXPIRY_SERVER, "",            "MQTT-3.14.2-2", 5, 5, 0x82, CONTENT, REFUSE, "server's DISCONNECT has a Session Expiry Interval") \
    X(ALIAS_ZERO,          "",              "MQTT-3.3.2-8",  5, 5, 0x94, CONTENT, REFUSE, "topic alias is 0") \
    X(CONNECT_FLAG,        "MQTT-3.1.2-3",  "MQTT-3.1.2-3",  4, 5, 0x81, CONTENT, REFUSE, "reserved flag of CONNECT is set") \
    X(WILL_QOS,            "MQTT-3.1.2-14", "MQTT-3.1.2-12", 3, 5, 0x81, CONTENT, REFUSE, "will QoS is 3") \
    X(WILL_QOS_UNSET,      "MQTT-3.1.2-13", "MQTT-3.1.2-11", 4, 5, 0x81, CONTENT, REFUSE, "will QoS without a will") \
    X(WILL_RETAIN_UNSET,   "MQTT-3.1.2-15", "MQTT-3.1.2-13", 4, 5, 0x81, CONTENT, REFUSE, "will retain without a will") \
    X(PASSWORD_ALONE,      "MQTT-3.1.2-22", "",              3, 4, 0x81, CONTENT, REFUSE, "password without a user name") \
    X(CLIENT_ID_EMPTY,     "MQTT-3.1.3-8",  "",              3, 4, 0x85, CONTENT, REFUSE, "client identifier is empty") \
    X(CLIENT_ID_LONG,      "section 3.1",   "",              3, 3, 0x85, CONTENT, IGNORE, "client identifier is longer than 23 characters") \
    X(CONNACK_FLAGS,       "section 3.2.2.1", "MQTT-3.2.2-1", 4, 5, 0x81, CONTENT, REFUSE, "reserved acknowledge flags of CONNACK are set") \
    X(SESSION_PRESENT,     "MQTT-3.2.2-4",  "MQTT-3.2.2-6",  4, 5, 0x82, CONTENT, REFUSE, "Session Present in a CONNACK that refuses") \
    X(REASON_CONNACK,      "section 3.2.2.3", "MQTT-3.2.2-8", 3, 5, 0x82, CONTENT, REFUSE, "reason code is not one of CONNACK") \
    X(REASON_PUBACK,       "",              "MQTT-3.4.2-1",  5, 5, 0x82, CONTENT, REFUSE, "reason code is not one of PUBACK") \
    X(REASON_PUBREC,       "",              "MQTT-3.5.2-1",  5, 5, 0x82, CONTENT, REFUSE, "reason code is not one of PUBREC") \
    X(REASON_PUBREL,       "",              "MQTT-3.6.2-1",  5, 5, 0x82, CONTENT, REFUSE, "reason code is not one of PUBREL") \
    X(REASON_PUBCOMP,      "",              "MQTT-3.7.2-1",  5, 5, 0x82, CONTENT, REFUSE, "reason code is not one of PUBCOMP") \
    X(REASON_SUBACK,       "MQTT-3.9.3-2",  "MQTT-3.9.3-2",  3, 5, 0x82, CONTENT, REFUSE, "reason code is not one of SUBACK") \
    X(REASON_UNSUBACK,     "",              "MQTT-3.11.3-2", 5, 5, 0x82, CONTENT, REFUSE, "reason code is not one of UNSUBACK") \
    X(REASON_DISCONNECT,   "",              "MQTT-3.14.2-1", 5, 5, 0x82, CONTENT, REFUSE, "reason code is not one that this side may use in DISCONNECT") \
    X(REASON_AUTH,         "",              "MQTT-3.15.2-1", 5, 5, 0x82, CONTENT, REFUSE, "reason code is not one that this side may use in AUTH") \
    X(SUBSCRIBE_EMPTY,     "MQTT-3.8.3-3",  "MQTT-3.8.3-2",  3, 5, 0x82, CONTENT, REFUSE, "SUBSCRIBE has no topic filter") \
    X(UNSUBSCRIBE_EMPTY,   "MQTT-3.10.3-2", "MQTT-3.10.3-2", 3, 5, 0x82, CONTENT, REFUSE, "UNSUBSCRIBE has no topic filter") \
    X(REASONS_EMPTY,       "MQTT-3.8.4-5",  "MQTT-3.8.4-6",  3, 5, 0x82, CONTENT, REFUSE, "acknowledgement has no reason code") \
    X(OPTIONS_RESERVED,    "MQTT-3.8.3-4",  "MQTT-3.8.3-5",  4, 5, 0x81, CONTENT, REFUSE, "reserved bits of the subscription options are set") \
    X(OPTIONS_QOS,         "MQTT-3.8.3-4",  "section 3.8.3.1", 3, 5, 0x82, CONTENT, REFUSE, "requested QoS is 3") \
    X(OPTIONS_RETAIN_HANDLING, "",          "section 3.8.3.1", 5, 5, 0x82, CONTENT, REFUSE, "Retain Handling is 3") \
    X(AUTH_DATA_ALONE,     "",              "section 3.1.2.11.10", 5, 5, 0x82, CONTENT, REFUSE, "authentication data without a method") \
    X(AUTH_NO_METHOD,      "",              "section 3.15.2.2.2", 5, 5, 0x82, CONTENT, REFUSE, "AUTH without an authentication method") \
    X(PAYLOAD_FORMAT,      "",              "section 3.3.2.3.2", 5, 5, 0x99, CONTENT, IGNORE, "payload is not UTF-8 although its format says so") \
    X(NOT_IN_VERSION,      "section 2.2",   "section 2.1",   3, 5, 0x82, CONTENT, ALWAYS, "this protocol version cannot say that") \
    /* the order of packets: who may say what, when */ \
    X(ROLE,                "section 2.2.1", "section 2.1.2", 3, 5, 0x82, MISUSE,  REFUSE, "packet that only the other side may send") \
    X(CONNECT_FIRST,       "MQTT-3.1.0-1",  "MQTT-3.1.0-1",  3, 5, 0x82, MISUSE,  REFUSE, "first packet of a client is not CONNECT") \
    X(CONNECT_TWICE,       "MQTT-3.1.0-2",  "MQTT-3.1.0-2",  3, 5, 0x82, MISUSE,  REFUSE, "second CONNECT on a connection") \
    X(CONNACK_FIRST,       "MQTT-3.2.0-1",  "MQTT-3.2.0-1",  3, 5, 0x82, MISUSE,  REFUSE, "packet of a server before its CONNACK") \
    X(CONNACK_TWICE,       "section 3.2",   "MQTT-3.2.0-2",  3, 5, 0x82, MISUSE,  REFUSE, "second CONNACK on a connection") \
    X(DISCONNECT_EARLY,    "section 3.14",  "MQTT-3.14.0-1", 5, 5, 0x82, MISUSE,  REFUSE, "DISCONNECT of a server before a CONNACK that accepts") \
    X(AFTER_DISCONNECT,    "MQTT-3.14.4-2", "MQTT-3.14.4-1", 3, 5, 0x82, MISUSE,  REFUSE, "packet after DISCONNECT") \
    X(AFTER_REFUSAL,       "MQTT-3.2.2-5",  "MQTT-3.2.2-7",  3, 5, 0x82, MISUSE,  REFUSE, "packet after a CONNACK that refuses") \
    X(AUTH_ONLY,           "",              "MQTT-3.1.2-30", 5, 5, 0x82, MISUSE,  REFUSE, "packet other than AUTH or DISCONNECT while authenticating") \
    X(AUTH_UNASKED_SERVER, "",              "MQTT-4.12.0-6", 5, 5, 0x82, CONTENT, REFUSE, "authentication of a server without a method in CONNECT") \
    X(AUTH_UNASKED_CLIENT, "",              "MQTT-4.12.0-7", 5, 5, 0x82, MISUSE,  REFUSE, "AUTH of a client without a method in CONNECT") \
    X(AUTH_REASON_SERVER,  "",              "MQTT-4.12.0-2", 5, 5, 0x82, MISUSE,  REFUSE, "AUTH of a server while connecting is not 0x18") \
    X(AUTH_REASON_CLIENT,  "",              "MQTT-4.12.0-3", 5, 5, 0x82, MISUSE,  REFUSE, "AUTH of a client while connecting is not 0x18") \
    X(AUTH_METHOD,         "",              "MQTT-4.12.0-5", 5, 5, 0x82, CONTENT, REFUSE, "authentication method differs from that of CONNECT") \
    X(AUTH_METHOD_AGAIN,   "",              "MQTT-4.12.1-1", 5, 5, 0x82, MISUSE,  REFUSE, "re-authentication with another method") \
    X(SESSION_PRESENT_CLEAN, "MQTT-3.2.2-1", "MQTT-3.2.2-2", 4, 5, 0x82, CONTENT, REFUSE, "Session Present although the client started clean") \
    X(ASSIGNED_CLIENT_ID,  "",              "MQTT-3.2.2-16", 5, 5, 0x82, CONTENT, REFUSE, "CONNACK assigns no client identifier though CONNECT had none") \
    X(RESPONSE_INFO,       "",              "MQTT-3.1.2-28", 5, 5, 0x82, CONTENT, REFUSE, "response information that was not asked for") \
    X(SESSION_EXPIRY_RAISED, "",            "section 3.14.2.2.2", 5, 5, 0x82, CONTENT, REFUSE, "DISCONNECT sets a session expiry although CONNECT had none") \
    /* what the peers agreed: limits */ \
    X(RECEIVE_MAXIMUM_SERVER, "",           "MQTT-3.3.4-7",  5, 5, 0x93, CONTENT, REFUSE, "more unacknowledged PUBLISH than the server's receive maximum") \
    X(RECEIVE_MAXIMUM_CLIENT, "",           "MQTT-3.3.4-9",  5, 5, 0x93, CONTENT, REFUSE, "more unacknowledged PUBLISH than the client's receive maximum") \
    X(ALIAS_MAXIMUM_SERVER, "",             "MQTT-3.3.2-9",  5, 5, 0x94, CONTENT, REFUSE, "topic alias above the server's maximum") \
    X(ALIAS_MAXIMUM_CLIENT, "",             "MQTT-3.3.2-11", 5, 5, 0x94, CONTENT, REFUSE, "topic alias above the client's maximum") \
    X(ALIAS_UNKNOWN,       "",              "section 3.3.2.3.4", 5, 5, 0x82, CONTENT, REFUSE, "topic alias that stands for no topic") \
    X(MAXIMUM_QOS,         "",              "MQTT-3.2.2-11", 5, 5, 0x9B, CONTENT, REFUSE, "QoS above the server's maximum") \
    X(RETAIN_UNAVAILABLE,  "",              "MQTT-3.2.2-14", 5, 5, 0x9A, CONTENT, REFUSE, "retain although the server has none") \
    X(WILDCARDS_UNAVAILABLE, "",            "section 3.2.2.3.11", 5, 5, 0xA2, CONTENT, REFUSE, "wildcard although the server has none") \
    X(SHARED_UNAVAILABLE,  "",              "section 3.2.2.3.13", 5, 5, 0x9E, CONTENT, REFUSE, "shared subscription although the server has none") \
    X(SUBSCRIPTION_IDS_UNAVAILABLE, "",     "section 3.2.2.3.12", 5, 5, 0xA1, CONTENT, REFUSE, "subscription identifier although the server has none") \
    X(PROBLEM_INFO,        "",              "MQTT-3.1.2-29", 5, 5, 0x82, CONTENT, REFUSE, "reason string or user property that was not asked for") \
    /* grammar, bounds and time: never switched off */ \
    X(TYPE_RESERVED,       "section 2.2.1", "section 2.1.2", 3, 5, 0x81, CONTENT, ALWAYS, "packet type is reserved") \
    X(LENGTH_BYTES,        "section 2.2.3", "section 1.5.5", 3, 5, 0x81, CONTENT, ALWAYS, "variable byte integer has more than four bytes") \
    X(TRUNCATED,           "section 2.2.3", "section 2.1.4", 3, 5, 0x81, CONTENT, ALWAYS, "packet ends inside a field") \
    X(SURPLUS,             "section 2.2.3", "section 2.1.4", 3, 5, 0x81, CONTENT, ALWAYS, "bytes behind the last field of the packet") \
    X(QOS,                 "MQTT-3.3.1-4",  "MQTT-3.3.1-4",  3, 5, 0x81, CONTENT, ALWAYS, "QoS is 3") \
    X(PROTOCOL_NAME,       "MQTT-3.1.2-1",  "MQTT-3.1.2-1",  3, 5, 0x84, CONTENT, ALWAYS, "protocol name is unknown") \
    X(PROTOCOL_VERSION,    "MQTT-3.1.2-2",  "MQTT-3.1.2-2",  3, 5, 0x84, CONTENT, ALWAYS, "protocol version is unknown") \
    X(PROPERTY_UNKNOWN,    "",              "section 2.2.2.2", 5, 5, 0x81, CONTENT, ALWAYS, "property identifier is unknown") \
    X(TEXT_TOO_LONG,       "MQTT-4.7.3-3",  "MQTT-4.7.3-3",  3, 5, 0x81, MISUSE,  ALWAYS, "text is longer than 65,535 bytes") \
    X(FIELD_RANGE,         "section 2.2",   "section 2.1",   3, 5, 0x82, MISUSE,  ALWAYS, "argument is out of its range") \
    X(ACK_EARLY,           "section 4.3",   "section 4.3",   3, 5, 0x83, MISUSE,  ALWAYS, "acknowledgement before the last piece of the payload") \
    X(PACKET_SIZE_SERVER,  "section 2.2.3", "MQTT-3.2.2-15", 3, 5, 0x95, CONTENT, ALWAYS, "packet is larger than the server takes") \
    X(PACKET_SIZE_CLIENT,  "section 2.2.3", "MQTT-3.1.2-24", 3, 5, 0x95, CONTENT, ALWAYS, "packet is larger than the client takes") \
    X(SILENT,              "MQTT-3.1.2-24", "MQTT-3.1.2-22", 3, 5, 0x8D, CONTENT, ALWAYS, "peer was silent for longer than its keep alive allows") \
    X(NO_ANSWER,           "section 3.1.2.10", "section 3.12.4", 3, 5, 0x8D, CONTENT, ALWAYS, "no answer to PINGREQ") \
    X(NO_CONNECT,          "section 3.1",   "section 3.1.4", 3, 5, 0x80, CONTENT, ALWAYS, "no CONNECT, or no answer to it, in time") \
    X(STREAM_ENDED,        "MQTT-4.8.0-1",  "MQTT-4.13.1-1", 3, 5, 0x81, CONTENT, ALWAYS, "stream ended inside a packet") \
    X(SPEAKS_HTTP,         "section 3.1",   "section 3.1",   3, 5, 0x81, CONTENT, ALWAYS, "peer speaks HTTP, not MQTT") \
    X(SPEAKS_TLS,          "section 3.1",   "section 3.1",   3, 5, 0x81, CONTENT, ALWAYS, "peer speaks TLS on a connection without TLS") \
    X(OUTPUT_FULL,         "MQTT-4.8.0-2",  "section 4.13.1", 3, 5, 0x97, CONTENT, ALWAYS, "peer does not read what it asks for") \
    X(MEMORY_FULL,         "MQTT-4.8.0-2",  "section 4.13.1", 3, 5, 0x97, CONTENT, ALWAYS, "memory for connections is used up")

/* clang-format on */

/** Negative results of calls: value, NAME, text. 0 or more is good. */
#define MQW_RESULTS(X)                                                      \
    X(-1, E_MALFORMED, "malformed packet")                                  \
    X(-2, E_PROTOCOL, "protocol error")                                     \
    X(-3, E_TOO_LARGE, "packet too large")                                  \
    X(-4, E_NO_ROOM, "not enough room")                                     \
    X(-5, E_MISUSE, "misuse by the program")                                \
    X(-6, E_NO_MEMORY, "out of memory")                                     \
    X(-7, E_REFUSED, "refused: the peer or its version does not take that") \
    X(-8, E_QUOTA, "refused: the peer's receive maximum is used up")        \
    X(-9, E_BUSY, "refused: output is full")                                \
    X(-10, E_CLOSED, "connection is closed")                                \
    X(-11, E_TIMEOUT, "peer was silent too long")                           \
    X(-12, E_END, "end of stream")                                          \
    X(-13, E_ADDRESS, "address is not understood")                          \
    X(-14, E_STREAM, "stream failed")                                       \
    X(-15, E_AGAIN, "nothing can be moved now")                             \
    X(-16, E_FULL, "refused: the queue is full")                            \
    X(-17, E_EXPIRED, "message expired before it was sent")

/** Packet types, as they stand in the fixed header. */
typedef enum mqw_packet_type {
    MQW_PIECE = 0, /**< Not a packet of the standard: a piece of a PUBLISH's payload (mqw_packet.piece). */
#define X(id, NAME, ...) MQW_##NAME = id,
    MQW_PACKETS(X)
#undef X
} mqw_packet_type;

/** Property identifiers of 5.0, which are also the bit numbers of mqw_props.has. */
typedef enum mqw_property_id {
#define X(id, field, ...) MQW_ID_##field = id,
    MQW_PROPERTIES(X)
#undef X
} mqw_property_id;

/** Reason codes of 5.0. */
typedef enum mqw_reason_code {
#define X(value, NAME, ...) MQW_REASON_##NAME = value,
    MQW_REASONS(X)
#undef X
        MQW_REASON_NORMAL_DISCONNECTION = 0x00, /**< MQW_REASON_SUCCESS in DISCONNECT. */
    MQW_REASON_GRANTED_QOS_0 = 0x00             /**< MQW_REASON_SUCCESS in SUBACK. */
} mqw_reason_code;

/** Rules of the standard: a row of MQW_RULES each. */
typedef enum mqw_rule {
    MQW_RULE_NONE = 0, /**< No rule, or none that has a row. */
#define X(NAME, ...) MQW_RULE_##NAME,
    MQW_RULES(X)
#undef X
        MQW_RULE_COUNT /**< One more than the last. */
} mqw_rule;

/** Results of calls; 0 or more is good. */
typedef enum mqw_result {
    MQW_OK = 0, /**< All is well. */
#define X(value, NAME, ...) MQW_##NAME = value,
    MQW_RESULTS(X)
#undef X
} mqw_result;

#ifdef __cplusplus
}
#endif
#endif
