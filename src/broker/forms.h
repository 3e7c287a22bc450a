// SPDX-License-Identifier: MIT
// The records of a broker as bytes, and back again. What is read is checked: lengths, ranges, texts. Numbers
// are in groups of seven bits, the lowest first, but in keys, whose order they make.
#ifndef MQW_BROKER_FORMS_H
#define MQW_BROKER_FORMS_H

#include "delivery.h"

enum {
    MQW__FORMAT = 1,         /**< Of all records. */
    MQW__KEY = 2 + 8 + 2,    /**< The longest key but for those of subscriptions. */
    MQW__FILTER_IN_KEY = 768 /**< A longer filter has its digest there. */
};

/** Kinds of records: the byte behind 'b' in their keys, which is the order in which they are restored. */
typedef enum mqw__kind {
    MQW__KIND_ABOUT = 'A',    /**< One: format, and where numbers of sessions begin. */
    MQW__KIND_CLOCK = 'C',    /**< One: when the broker was alive last. */
    MQW__KIND_SESSION = 'S',  /**< Number of the session. */
    MQW__KIND_FILTER = 'T',   /**< Number of the session, filter. */
    MQW__KIND_RECEIVED = 'U', /**< Number of the session, packet identifier: QoS 2 that was received. */
    MQW__KIND_WILL = 'W',     /**< Number of the session. */
    MQW__KIND_MESSAGE = 'X'   /**< Its own number. */
} mqw__kind;

/** Bytes that are being written. */
typedef struct mqw__draft {
    const mqw_allocator *allocator;
    uint8_t *data;
    size_t len, cap;
    bool failed; /**< No memory. */
} mqw__draft;

/** Bytes that are being read. */
typedef struct mqw__extract {
    const uint8_t *at, *end;
    bool damaged;
} mqw__extract;

void mqw__draft_number(mqw__draft *draft, uint64_t number);
/** Length, and the bytes. */
void mqw__draft_bytes(mqw__draft *draft, mqw_bytes bytes);
/** The bytes alone. */
void mqw__draft_rest(mqw__draft *draft, mqw_bytes bytes);
uint64_t mqw__extract_number(mqw__extract *extract, uint64_t most);
mqw_bytes mqw__extract_bytes(mqw__extract *extract);
/** All has been read, and was right. */
bool mqw__extract_done(const mqw__extract *extract);

/** A key of 'b', kind, number, in this room. */
mqw_bytes mqw__key_of(uint8_t key[MQW__KEY], mqw__kind kind, uint64_t number);
/** The number in a key of that kind; 0: it has none. */
uint64_t mqw__number_in(mqw_bytes key);

/** A session. `limits` only with `own`. */
typedef struct mqw__session_form {
    mqw_text mount, id;
    uint64_t ends_at; /**< UINT64_MAX: never, or connected. */
    uint64_t sent;    /**< When it was not connected: its last promise that was sent; 0: none. */
    uint32_t expiry;
    uint8_t version;
    bool connected;
    bool own;
    mqw_broker_limits limits;
} mqw__session_form;
void mqw__form_session(mqw__draft *draft, const mqw__session_form *form);
bool mqw__parse_session(mqw_bytes value, const mqw_policy *policy, mqw__session_form *out);

/** A subscription. */
typedef struct mqw__filter_form {
    mqw_filter item;
    uint32_t identifier;
} mqw__filter_form;
/** The key of a subscription. Returns its length; 0: OpenSSL has no memory. */
size_t mqw__filter_key(uint8_t key[MQW_STORE_MAX_KEY], uint64_t session, mqw_text filter);
void mqw__form_filter(mqw__draft *draft, const mqw__filter_form *form);
bool mqw__parse_filter(mqw_bytes key, mqw_bytes value, const mqw_policy *policy, mqw__filter_form *out);

/** A message itself. */
typedef struct mqw__letter_form {
    mqw_text topic;
    mqw_bytes props, payload;
    uint64_t expires, from;
    uint8_t qos;
    bool retain;
} mqw__letter_form;

/** A will. */
typedef struct mqw__will_form {
    uint64_t due;   /**< UINT64_MAX: its delay does not run. */
    int64_t expiry; /**< Negative: none. */
    uint32_t delay;
    mqw__letter_form letter;
} mqw__will_form;
void mqw__form_will(mqw__draft *draft, const mqw__will_form *form);
/** `draft`: room for checking it, here and below; when that fails, nothing is known about the record. */
bool mqw__parse_will(mqw_bytes value, const mqw_policy *policy, mqw__draft *draft, mqw__will_form *out);

/** A delivery to one session. */
typedef struct mqw__delivery_form {
    uint64_t session, sequence;
    uint64_t released; /**< With MQW__IS_RELEASED. */
    uint16_t packet_id;
    uint8_t qos;
    bool retain;
    size_t id_count;
    const uint32_t *ids;
} mqw__delivery_form;

/** mqw__message_form.parts */
enum {
    MQW__HAS_DELIVERY = 1, /**< For one session. */
    MQW__HAS_LETTER = 2,   /**< The message itself; a delivery without it says which record has it. */
    MQW__IS_RETAINED = 4,  /**< The message is that of its topic. */
    MQW__IS_RELEASED = 8   /**< PUBREC has come for the delivery: without a letter, its topic is left. */
};
/** A message, or a delivery of one, or both. */
typedef struct mqw__message_form {
    uint8_t parts;
    uint64_t record; /**< Which has the letter. */
    mqw__delivery_form delivery;
    mqw__letter_form letter;
} mqw__message_form;
void mqw__form_message(mqw__draft *draft, const mqw__message_form *form);
/** `ids`: room for those of the delivery. */
bool mqw__parse_message(mqw_bytes value, const mqw_policy *policy, mqw__draft *draft, uint32_t ids[UINT8_MAX],
                        mqw__message_form *out);

#endif
