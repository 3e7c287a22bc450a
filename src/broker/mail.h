// SPDX-License-Identifier: MIT
// What letters and deliveries are made of: small blocks, of which spare ones are kept.
#ifndef MQW_BROKER_MAIL_H
#define MQW_BROKER_MAIL_H

#include "mqwire/broker.h"
#include "transport/wheel.h"

enum { MQW__MAIL_STEP = 16, MQW__MAIL_SIZES = 64 };

/** All zeros: nothing is kept. */
typedef struct mqw__mail {
    void *spare[MQW__MAIL_SIZES]; /**< By size; each points at the next one. */
    size_t spare_bytes;
    mqw__deadline sweep;        /**< When retained messages are looked through for expired ones. */
    struct mqw__walk *sweeping; /**< retain.c's: the walk that does so; NULL: none. */
    uint64_t sweep_next;        /**< What is known to expire first, by the wall clock; 0: nothing does. */
    uint64_t retained;          /**< Serial number of the message retained last. */
} mqw__mail;

/** A block, counted towards max_memory, its bytes indeterminate. NULL: none. */
void *mqw__mail_take(mqw_broker *broker, size_t size);
/** Gives one back, with the size that it was taken with. */
void mqw__mail_give(mqw_broker *broker, void *block, size_t size);
/** Frees what is spare. */
void mqw__mail_free(mqw_broker *broker);

#endif
