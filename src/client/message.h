// SPDX-License-Identifier: MIT
// A message of the program that waits or is in flight: its PUBLISH in wire form of 5.0, and who waits for it.
#ifndef MQW_CLIENT_MESSAGE_H
#define MQW_CLIENT_MESSAGE_H

#include "mqwire/client.h"
#include "mqwire/session.h"

typedef struct mqw__message mqw__message;

/** A place in a list. */
typedef struct mqw__hook {
    mqw__message *next, *back;
} mqw__hook;

struct mqw__message {
    mqw__hook queue;      /**< In `idle`, `unsent` or `doomed` of the client. */
    mqw__hook fresh;      /**< In `fresh`. */
    mqw_promise *promise; /**< QoS 1 and 2; NULL: QoS 0, or over. */
    mqw_client_done *done;
    void *ctx;
    mqw_source *source;   /**< The payload is read from there; NULL: it is in `wire`. */
    uint64_t expires;     /**< Wall clock; UINT64_MAX: never. */
    uint64_t after;       /**< QoS 0: sequence of the promise that was made before it. */
    uint32_t batch;       /**< Of its record. */
    uint32_t size;        /**< Of `wire`. */
    int32_t result;       /**< Doomed: what it is told. */
    uint16_t stored_id;   /**< Packet identifier in the record. */
    uint8_t stored_stage; /**< mqw_stage in the record. */
    uint8_t qos;
    uint8_t reason; /**< QoS 2: of PUBREC. */
    bool in_queue;  /**< In `idle` or `unsent`. */
    bool in_fresh;
    bool counted; /**< In client->queued. */
    bool told;    /**< The program has heard that it is taken. */
    uint8_t wire[];
};

typedef struct mqw__messages {
    mqw__message *first, *last;
} mqw__messages;

/** A list by the other hook. */
typedef struct mqw__fresh {
    mqw__message *first, *last;
} mqw__fresh;

/** A copy of *publish that waits from `wall` on. 0 with *out, MQW_E_MISUSE, MQW_E_TOO_LARGE or
 * MQW_E_NO_MEMORY. */
int mqw__message_new(mqw__message **out, const mqw_publish *publish, uint64_t wall);
/** One whose PUBLISH is in wire form already, or (empty: QoS 2) is not needed any more. 0 with *out,
 * MQW_E_STREAM (it is none) or MQW_E_NO_MEMORY. */
int mqw__message_from(mqw__message **out, mqw_bytes wire);
/** Frees it; its source is released. */
void mqw__message_free(mqw__message *message);
/** Views of it, with the seconds that are left of its expiry at `wall`; properties only in 5.0. */
void mqw__message_read(const mqw__message *message, uint8_t version, uint64_t wall, mqw_packet *out);

void mqw__messages_add(mqw__messages *list, mqw__message *message);
void mqw__messages_remove(mqw__messages *list, mqw__message *message);
void mqw__fresh_add(mqw__fresh *chain, mqw__message *message);
void mqw__fresh_remove(mqw__fresh *chain, mqw__message *message);

#endif
