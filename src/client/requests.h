// SPDX-License-Identifier: MIT
// A SUBSCRIBE or UNSUBSCRIBE of the program, or one that restores.
#ifndef MQW_CLIENT_REQUESTS_H
#define MQW_CLIENT_REQUESTS_H

#include "client/subscriptions.h"

typedef struct mqw__request mqw__request;

struct mqw__request {
    mqw__request *next, *back; /**< In a list of requests. */
    mqw__request *chain;       /**< In its bucket of mqw__pending. */
    mqw_client_done *done;
    void *ctx;
    uint64_t deadline;
    mqw__subscription *filters; /**< In their order, by `chain`. UNSUBSCRIBE: the same, without options. */
    uint32_t count;             /**< Of filters. */
    uint32_t size;              /**< Of `wire`. */
    uint64_t room;              /**< Bytes that it takes in all. */
    int result;                 /**< Over: what it is told. */
    uint16_t packet_id;         /**< 0: not sent. */
    uint8_t type;               /**< MQW_SUBSCRIBE or MQW_UNSUBSCRIBE. */
    bool restores;              /**< Ours. */
    bool over;                  /**< Told already; only its identifier waits for the answer. */
    uint8_t wire[];             /**< In 5.0's form. */
};

/** Requests in order of their deadlines. */
typedef struct mqw__requests {
    mqw__request *first, *last;
} mqw__requests;

/** Requests that were sent, by packet identifier. */
typedef struct mqw__pending {
    mqw__request **buckets; /**< A power of two. */
    uint32_t size, count;
} mqw__pending;

/** A request of `count` filters with `props` (NULL: none). 0 with *out, MQW_E_MISUSE, MQW_E_TOO_LARGE or
 * MQW_E_NO_MEMORY. */
int mqw__request_new(mqw__request **out, int type, const mqw_filter *filters, size_t count,
                     const mqw_props *props);
void mqw__request_free(mqw__request *request);
/** Queues it on a connection. Results as mqw_conn_subscribe. */
int mqw__request_send(const mqw__request *request, mqw_conn *conn);

#endif
