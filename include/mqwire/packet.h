// SPDX-License-Identifier: MIT
/**
 * @file packet.h
 * Packets as values: one struct per packet type, properties as typed fields, views that never own their
 * bytes.
 */
#ifndef MQWIRE_PACKET_H
#define MQWIRE_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spec.h"

#ifdef __cplusplus
extern "C" {
#endif

/** UTF-8 text; not terminated by a NUL. A view: it does not own what it points at. */
typedef struct mqw_text {
    const char *data; /**< Where it begins; NULL when it is empty, perhaps. */
    size_t len;       /**< Bytes. */
} mqw_text;

/** Bytes. A view: it does not own what it points at. */
typedef struct mqw_bytes {
    const uint8_t *data; /**< Where they begin; NULL when there are none, perhaps. */
    size_t len;          /**< How many. */
} mqw_bytes;

/** Items of one kind in wire form, read with an iterator (mqw_next_filter, _topic, _pair, _id). A view. */
typedef struct mqw_list {
    /** From the first item to the last; of properties, others may stand between them. */
    mqw_bytes wire;
} mqw_list;

/* clang-format off */
#ifdef __cplusplus
#define MQW_TEXT(literal) mqw_text{literal, sizeof(literal) - 1}
#else
/** A string literal as mqw_text. */
#define MQW_TEXT(literal) ((mqw_text){literal, sizeof(literal) - 1})
#endif
/* clang-format on */

#define MQW_C_U8    uint8_t
#define MQW_C_U16   uint16_t
#define MQW_C_U32   uint32_t
#define MQW_C_TEXT  mqw_text
#define MQW_C_BLOB  mqw_bytes
#define MQW_C_VARS  mqw_list
#define MQW_C_PAIRS mqw_list

/**
 * Properties of a packet: one field per row of MQW_PROPERTIES, and one bit of `has` (bit number = property
 * id). A field whose bit is not set is indeterminate: read it with mqw_get or mqw_value. `{0}` is: no
 * properties.
 */
typedef struct mqw_props {
    uint64_t has; /**< Which are there: mqw_has, MQW_BIT. */
#define X(id, field, wire, ...) MQW_C_##wire field;
    MQW_PROPERTIES(X)
#undef X
} mqw_props;

/** The bit of a property in mqw_props.has. */
#define MQW_BIT(field) (UINT64_C(1) << MQW_ID_##field)
/** Whether a property is there. */
#define mqw_has(props, field) (((props)->has & MQW_BIT(field)) != 0)
/** A property, or `absent` when it is not there. */
#define mqw_get(props, field, absent) (mqw_has(props, field) ? (props)->field : (absent))
/** Sets a property. */
#define mqw_set(props, field, value) ((void)((props)->has |= MQW_BIT(field), (props)->field = (value)))
/** A property, or the value that the standard gives it when it is not there (empty for texts, bytes and
 * lists). */
#define mqw_value(props, field) mqw_value_##field(props)

/* clang-format off */
#define MQW_V_U8(absent)    absent
#define MQW_V_U16(absent)   absent
#define MQW_V_U32(absent)   absent
#define MQW_V_TEXT(absent)  {NULL, absent}
#define MQW_V_BLOB(absent)  {NULL, absent}
#define MQW_V_VARS(absent)  {{NULL, absent}}
#define MQW_V_PAIRS(absent) {{NULL, absent}}
/* clang-format on */
#define X(id, field, wire, client, server, repeat, rule, reason, absent) \
    static inline MQW_C_##wire mqw_value_##field(const mqw_props *props) \
    {                                                                    \
        MQW_C_##wire value = MQW_V_##wire(absent);                       \
        if (mqw_has(props, field))                                       \
            value = props->field;                                        \
        return value;                                                    \
    }
MQW_PROPERTIES(X)
#undef X

/** The message that a server publishes when its client's connection ends without a normal DISCONNECT. */
typedef struct mqw_will {
    mqw_text topic;    /**< Where it is published; without wildcards, not empty. */
    mqw_bytes payload; /**< At most 65,535 bytes. */
    uint8_t qos;       /**< 0 to 2. */
    bool retain;       /**< Whether it is published as a retained message. */
    mqw_props props;   /**< Those of the will (5.0), will_delay among them. */
} mqw_will;

/** CONNECT. `username`, `password` and `will` are indeterminate unless has_username, has_password,
 * has_will. */
typedef struct mqw_connect {
    /** 3, 4 or 5; 0 when sending: 4. When `unsupported`: the level byte as it stood there. */
    uint8_t version;
    bool bridge; /**< The 0x80 bit that bridges set on the level byte of 3.1 and 3.1.1. */
    /** Received only: a level that nobody knows; only the fields above it are valid. */
    bool unsupported;
    bool clean_start;  /**< Clean session in 3.1 and 3.1.1. */
    bool has_will;     /**< There is a will. */
    bool has_username; /**< There is a user name, perhaps an empty one. */
    /** There is a password, perhaps an empty one; before 5.0 only with a user name. */
    bool has_password;
    uint16_t keep_alive;    /**< Seconds; 0: off. */
    mqw_text protocol_name; /**< Empty when sending: `MQIsdp` for 3.1, else `MQTT`. */
    /** Empty: the server picks one; not in 3.1, in 3.1.1 only with clean_start. */
    mqw_text client_id;
    mqw_text username;  /**< With has_username. */
    mqw_bytes password; /**< With has_password; at most 65,535 bytes. */
    mqw_will will;      /**< With has_will. */
    mqw_props props;    /**< Properties of CONNECT (5.0). */
} mqw_connect;

/** CONNACK. `reason` is the return code (0 to 5) in 3.1 and 3.1.1, a reason code in 5.0. */
typedef struct mqw_connack {
    /** The server goes on with a session; false with a reason other than 0. */
    bool session_present;
    uint8_t reason;  /**< 0: accepted. */
    mqw_props props; /**< What the server does not do, and its limits (5.0). */
} mqw_connack;

/** PUBLISH. */
typedef struct mqw_publish {
    mqw_text topic;    /**< Empty only with a topic alias. */
    mqw_bytes payload; /**< Any bytes, or none. */
    /** Received in pieces: bytes of the payload that follow as mqw_piece; else 0. */
    uint32_t payload_left;
    uint16_t packet_id; /**< 0 with QoS 0, and only then. */
    uint8_t qos;        /**< 0 to 2. */
    bool retain;        /**< To a server: keep it; from a server: it was kept. */
    bool dup;           /**< Sent before, perhaps; not with QoS 0. */
    mqw_props props;    /**< Properties of the message (5.0). */
} mqw_publish;

/** PUBACK, PUBREC, PUBREL, PUBCOMP. `dup`: on PUBREL of 3.1 only. */
typedef struct mqw_ack {
    uint16_t packet_id; /**< Of the PUBLISH that it is about; not 0. */
    uint8_t reason;     /**< 0 before 5.0. */
    bool dup;           /**< PUBREL of 3.1: sent before, perhaps. */
    mqw_props props;    /**< Reason string and user properties (5.0). */
} mqw_ack;

/** SUBSCRIBE (filters with options) and UNSUBSCRIBE (filters alone), in wire form. `dup`: in 3.1 only. */
typedef struct mqw_subscribe {
    uint16_t packet_id; /**< Not 0. */
    bool dup;           /**< In 3.1: sent before, perhaps. */
    mqw_list filters;   /**< One or more: mqw_next_filter, or mqw_next_topic for UNSUBSCRIBE. */
    mqw_props props;    /**< Subscription identifier and user properties (5.0). */
} mqw_subscribe;

/** SUBACK and UNSUBACK: one reason code per filter, in the order of the filters (none in UNSUBACK before
 * 5.0). */
typedef struct mqw_suback {
    uint16_t packet_id; /**< Of the packet that it answers; not 0. */
    mqw_bytes reasons;  /**< A byte each: the QoS granted (0 to 2), or why not (0x80 and above). */
    mqw_props props;    /**< Reason string and user properties (5.0). */
} mqw_suback;

/** DISCONNECT and AUTH. */
typedef struct mqw_disconnect {
    uint8_t reason;  /**< 0 before 5.0. */
    mqw_props props; /**< 5.0; AUTH: method and data. */
} mqw_disconnect;

/** A piece of the payload of the PUBLISH that was delivered last (mqw_conn_options.stream_over). */
typedef struct mqw_piece {
    mqw_bytes bytes;    /**< The piece itself: one byte or more. */
    uint32_t offset;    /**< Where the piece starts in the payload. */
    uint32_t left;      /**< Bytes that follow behind it; 0: the last one. */
    uint16_t packet_id; /**< Of the PUBLISH. */
    uint8_t qos;        /**< Of the PUBLISH. */
} mqw_piece;

/** A set of rules: bit `rule % 64` of word `rule / 64`. */
typedef struct mqw_rule_set {
    uint64_t bits[2]; /**< Use mqw_rule_add and mqw_rule_in. */
} mqw_rule_set;

/**
 * Any packet. `dup`, `qos`, `retain` and `length` are the static header as it stood on the wire, also where
 * it means nothing; a send does not read them (PUBLISH and the 3.1 repeats have their own fields), nor
 * `violations`.
 */
typedef struct mqw_packet {
    mqw_packet_type type;    /**< Says which member of the union is the packet. */
    bool dup;                /**< Bit 3 of the first byte. */
    bool retain;             /**< Bit 0 of the first byte. */
    uint8_t qos;             /**< Bits 2 and 1 of the first byte. */
    uint32_t length;         /**< Remaining Length. */
    mqw_rule_set violations; /**< Rules that it broke and that the policy says to report. */
    union {
        mqw_connect connect; /**< CONNECT */
        mqw_connack connack; /**< CONNACK */
        mqw_publish publish; /**< PUBLISH */
        /** One struct for the four acknowledgements of a PUBLISH. */
        mqw_ack puback, pubrec, pubrel, pubcomp;
        mqw_subscribe subscribe, unsubscribe; /**< One struct for SUBSCRIBE and UNSUBSCRIBE. */
        mqw_suback suback, unsuback;          /**< One struct for SUBACK and UNSUBACK. */
        mqw_disconnect disconnect, auth;      /**< One struct for DISCONNECT and AUTH. */
        mqw_piece piece;                      /**< MQW_PIECE */
    };
} mqw_packet;

/** One item of SUBSCRIBE. Before 5.0 only `filter` and `qos` mean anything: in 3.1 the other bits may hold
 * whatever. */
typedef struct mqw_filter {
    mqw_text filter;          /**< A topic filter, perhaps with `$share/name/` before it (5.0). */
    uint8_t qos;              /**< Highest QoS wanted: 0 to 2. */
    bool no_local;            /**< 5.0: not what this client publishes itself; not with `$share`. */
    bool retain_as_published; /**< 5.0: the retain flag stays as it was published. */
    /** 0: send retained messages, 1: only to a new subscription, 2: none. */
    uint8_t retain_handling;
} mqw_filter;

/** A user property. */
typedef struct mqw_pair {
    mqw_text name;  /**< May stand more than once. */
    mqw_text value; /**< May be empty. */
} mqw_pair;

/**
 * @name Iterators
 * Each takes the first item off `left` and returns true, or returns false at the end (or at an item that is
 * cut short, which a list that was decoded never has). Work on a copy of the packet's list to keep that.
 */
/**@{*/
/** Of SUBSCRIBE. */
MQW_API bool mqw_next_filter(mqw_list *left, mqw_filter *out);
/** Of UNSUBSCRIBE. */
MQW_API bool mqw_next_topic(mqw_list *left, mqw_text *out);
/** Of user properties. */
MQW_API bool mqw_next_pair(mqw_list *left, mqw_pair *out);
/** Of subscription identifiers. */
MQW_API bool mqw_next_id(mqw_list *left, uint32_t *out);
/**@}*/

/**
 * @name Lists
 * Each writes `count` items to `room` in wire form and returns a view of them; an empty list when `cap` is
 * too small, a text is longer than 65,535 bytes, or an identifier above 268,435,455. Texts may lie in
 * `room` themselves, behind the place where they go. The room must live until the packet with the list was
 * sent.
 */
/**@{*/
/** For SUBSCRIBE. Room: 3 bytes each, and their texts. */
MQW_API mqw_list mqw_list_filters(uint8_t *room, size_t cap, const mqw_filter *items, size_t count);
/** For UNSUBSCRIBE. Room: 2 bytes each, and their texts. */
MQW_API mqw_list mqw_list_topics(uint8_t *room, size_t cap, const mqw_text *items, size_t count);
/** User properties. Room: 5 bytes each, and their texts. */
MQW_API mqw_list mqw_list_pairs(uint8_t *room, size_t cap, const mqw_pair *items, size_t count);
/** Subscription identifiers. Room: 5 bytes each. */
MQW_API mqw_list mqw_list_ids(uint8_t *room, size_t cap, const uint32_t *items, size_t count);
/**@}*/

/** Memory comes from here. One function does it all, as realloc does: old NULL allocates, new_size 0
 * frees. */
typedef struct mqw_allocator {
    /** NULL: no memory; `old` stays. */
    void *(*resize)(void *ctx, void *old, size_t old_size, size_t new_size);
    void *ctx; /**< For resize. */
} mqw_allocator;

/**
 * Copies a packet with everything that its views point at into one block, of which it returns the packet at
 * the start. `allocator` NULL: malloc. Free it with mqw_packet_free and the same allocator. NULL: no
 * memory.
 */
MQW_API mqw_packet *mqw_packet_copy(const mqw_packet *packet, const mqw_allocator *allocator);
/** Frees what mqw_packet_copy returned; NULL is fine. Copies of CONNECT and AUTH, which may hold secrets, are
 * wiped. */
MQW_API void mqw_packet_free(mqw_packet *copy, const mqw_allocator *allocator);

/**
 * Changes a packet of 5.0 so that `version` (3, 4 or 5) can say it: properties go, reason codes become the
 * nearest that the version has, subscription options beside QoS go (the filters are then rewritten into
 * `room`, which needs at most their size). Returns the bytes of room used, or MQW_E_NO_ROOM, or
 * MQW_E_REFUSED for what the version cannot say at all (AUTH, a server's DISCONNECT, a client's that keeps
 * the will, a topic that is only an alias, a failed SUBACK in 3.1, a password without a user name, an empty
 * client identifier where the version needs one); the packet is then unchanged. `sender` is the role of who
 * will send it.
 */
MQW_API int mqw_packet_downgrade(mqw_packet *packet, uint8_t version, mqw_role sender, uint8_t *room,
                                 size_t cap);

#ifdef __cplusplus
}
#endif
#endif
