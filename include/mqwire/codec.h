// SPDX-License-Identifier: MIT
/**
 * @file codec.h
 * The codec: bytes to packets and packets to bytes, without state and without allocation. Also topics, text
 * form, words.
 */
#ifndef MQWIRE_CODEC_H
#define MQWIRE_CODEC_H

#include "packet.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * What to do when a rule (MQW_RULES) is broken, where it differs from the table: a rule in
 * `refuse` is an error, else one in `report` is let pass and told of (mqw_packet.violations), else one in
 * `ignore` is let pass. `{0}` is the standard. Rules marked ALWAYS cannot be changed.
 */
typedef struct mqw_policy {
    mqw_rule_set refuse; /**< Broken: an error. */
    mqw_rule_set report; /**< Broken: let pass and told of. */
    mqw_rule_set ignore; /**< Broken: let pass. */
} mqw_policy;

/** Adds a rule to a set. */
static inline void mqw_rule_add(mqw_rule_set *set, mqw_rule rule)
{
    set->bits[(unsigned)rule / 64] |= UINT64_C(1) << ((unsigned)rule % 64);
}

/** Whether a rule is in a set. */
static inline bool mqw_rule_in(const mqw_rule_set *set, mqw_rule rule)
{
    return (set->bits[(unsigned)rule / 64] >> ((unsigned)rule % 64) & 1) != 0;
}

/** Behaves as the raw connection of MQTT.js 0.3 did: no role, order or header flag checks, packet
 * identifier 0 passes … */
MQW_API extern const mqw_policy MQW_POLICY_ORIGINAL;

/** How to read and write: which version, who sends, what to do with broken rules. `{0}`: 3.1.1, either
 * side, strict. */
typedef struct mqw_codec {
    uint8_t version; /**< 3, 4 or 5; 0: 4. A CONNECT brings its own. */
    uint8_t sender;  /**< mqw_role of who sends the packet; ANY: what either side may say is legal. */
    const mqw_policy *policy; /**< NULL: the standard. */
} mqw_codec;

/** What went wrong. Open it with mqw_error_clause and mqw_error_text. */
typedef struct mqw_error {
    int code;        /**< mqw_result */
    uint8_t reason;  /**< Reason code of 5.0 that says so to the peer. */
    uint8_t type;    /**< Packet type in which it happened; 0: none yet. */
    uint8_t rule;    /**< mqw_rule; 0: none, see code. */
    uint8_t version; /**< Version that was spoken. */
    bool by_peer;    /**< The peer's fault, not ours. */
    /** Byte offset: in the packet (codec), since the beginning of the stream (connection). */
    uint64_t offset;
    const char *field; /**< Name of the field, as in the structs; NULL: not one field. */
} mqw_error;

/**
 * Decodes the packet at the start of `in`. Its views point into `in`.
 * @return bytes of `in` that the packet takes; 0: not a whole packet yet (`out` is untouched); negative: an
 *         mqw_result, with `why` (may be NULL) filled in. Nothing is read beyond `in`, nothing allocated;
 *         at most linear time.
 */
MQW_API int mqw_decode(const mqw_codec *codec, mqw_bytes in, mqw_packet *out, mqw_error *why);

/**
 * Size of the packet that starts at `in`, from its fixed header alone: 0: header incomplete; negative:
 * malformed. A declared size is only that: check it against your limit before reserving anything.
 */
MQW_API int mqw_packet_size(mqw_bytes in);

/**
 * Encodes a packet into room. Strict whatever the policy: broken rules are MQW_E_MISUSE or MQW_E_REFUSED
 * with `why` (may be NULL) naming rule and field.
 * @return bytes written, or negative: MQW_E_NO_ROOM with why->offset = the room it needs.
 */
MQW_API int mqw_encode(const mqw_codec *codec, const mqw_packet *packet, uint8_t *room, size_t cap,
                       mqw_error *why);

/** The same without the bytes of a PUBLISH's payload, which must follow (their length is in the header). */
MQW_API int mqw_encode_head(const mqw_codec *codec, const mqw_packet *packet, uint8_t *room, size_t cap,
                            mqw_error *why);

/** Whether a topic name matches a topic filter (section 4.7), `$` topics kept from leading wildcards. For a
 * filter `$share/name/filter` it is the filter behind the name that counts. Both must be valid; nothing is
 * normalised. */
MQW_API bool mqw_topic_matches(mqw_text filter, mqw_text name);
/** 0 when `name` is a valid topic name in 3.1.1 and 5.0, else the mqw_rule it breaks. */
MQW_API int mqw_topic_check(mqw_text name);
/** 0 when `filter` is a valid topic filter in `version`, else the mqw_rule it breaks. */
MQW_API int mqw_filter_check(mqw_text filter, uint8_t version);
/** Splits `$share/name/filter`; false (out-parameters untouched) when it is not a shared subscription. */
MQW_API bool mqw_share_split(mqw_text shared, mqw_text *name, mqw_text *filter);
/** 0 when text is a valid UTF-8 string of the standard, else the mqw_rule it breaks (UTF8, UTF8_NUL). */
MQW_API int mqw_utf8_check(mqw_text text);

/** Forms of mqw_print. */
typedef enum mqw_form {
    MQW_FULL = 0, /**< Says everything; mqw_scan reads it back. */
    MQW_SHORT = 1 /**< For the eye: cuts long values, names reason codes, shows no password. */
} mqw_form;

/**
 * Prints a packet on one line: `PUBLISH topic="a/b" payload="hi" qos=1 packet_id=7`. Grammar: docs/text.md.
 * @return length of the whole line without its NUL, as snprintf does; what does not fit is cut, a NUL is
 *         always there when cap > 0.
 */
MQW_API size_t mqw_print(char *out, size_t cap, const mqw_packet *packet, mqw_form form);

/**
 * Reads a line of mqw_print. Values are unescaped into `room` (never more than line.len + 16 bytes), to
 * which the views of `out` point. Every field of `out` is set: to its default when the line does not name
 * it.
 * @return 0, or MQW_E_MALFORMED with why->offset = where in the line and why->field = what was expected, or
 *         MQW_E_NO_ROOM.
 */
MQW_API int mqw_scan(mqw_text line, mqw_packet *out, uint8_t *room, size_t cap, mqw_error *why);

/** The clause of the standard that was broken, as `MQTT-3.3.1-4` or `section 2.1.4`; "" when there is
 * none. */
MQW_API const char *mqw_error_clause(const mqw_error *error);
/** What was broken, in words. */
MQW_API const char *mqw_error_text(const mqw_error *error);
/** A whole sentence: code, packet, field, offset, clause, text; as mqw_print it returns the length it
 * needs. */
MQW_API size_t mqw_error_print(char *out, size_t cap, const mqw_error *error);
/** Text of an mqw_result. */
MQW_API const char *mqw_strerror(int result);
/** "PUBLISH"; "?" when unknown. */
MQW_API const char *mqw_packet_name(int type);
/** Text of a reason code of 5.0, or of a return code of CONNACK before. */
MQW_API const char *mqw_reason_name(uint8_t version, uint8_t reason);
/** "TOPIC_WILDCARD". */
MQW_API const char *mqw_rule_name(int rule);

#ifdef __cplusplus
}
#endif
#endif
