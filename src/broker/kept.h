// SPDX-License-Identifier: MIT
// The broker and its store, as durable.c, records.c, restore.c and gate.c see them.
#ifndef MQW_BROKER_KEPT_H
#define MQW_BROKER_KEPT_H

#include "forms.h"
#include "inside.h"

enum { MQW__FILTER_ROOM = 65536 };

/** A session in the store, and what of it waits for a commit: at most a PUBLISH and a PUBREL, since those
 * behind them wait with them. */
typedef struct mqw__kept {
    mqw__session *session;          /**< NULL: over. */
    struct mqw__kept *next, **link; /**< Of those in which something waits; link NULL: it is none of them. */
    mqw_promise *held[2];           /**< PUBLISH, PUBREL; NULL: none. */
    uint64_t batch[2];              /**< The commit that it waits for. */
    bool late;                      /**< Its record could not be written: again after the next commit. */
} mqw__kept;

typedef struct mqw__answers mqw__answers; /**< Of one peer: gate.c's own. */

/** Changes are counted in batches: each has one commit. */
struct mqw__durable {
    mqw_broker *broker; /**< NULL: gone; this is freed with the last commit. */
    mqw_store *store;
    mqw_allocator allocator;
    mqw__draft draft;
    uint64_t batch;     /**< The one that collects. */
    uint64_t committed; /**< This one and all before it are on disk. */
    uint64_t records;   /**< Number of the record of a message that was made last. */
    uint64_t put;       /**< Bytes of all that was put … */
    uint64_t marked;    /**< … when `mark` was the batch that collects … */
    uint64_t mark;
    uint64_t written;      /**< … and at least so many of them are on disk. */
    uint64_t clocked;      /**< Wall clock when MQW__KIND_CLOCK was written. */
    uint32_t commits;      /**< Asked for, and not told yet. */
    bool dirty;            /**< Something has changed since the last commit was asked for. */
    bool lost;             /**< The store has failed for good. */
    bool ill;              /**< The store fails. */
    bool told;             /**< It was said that it does. */
    mqw__deadline look;    /**< Looks after the store from time to time. */
    mqw__kept *waiting;    /**< Sessions of which something waits. */
    mqw__answers *answers; /**< Peers of which answers wait. */
    uint32_t sessions;     /**< In the store. */
    char *filter;          /**< Room for a topic filter. */
};

/** So much is not on disk yet that whoever publishes more has to wait. */
bool mqw__kept_pressed(const mqw__durable *durable);
/** Something has changed. */
void mqw__kept_changed(mqw__durable *durable);
/** Puts what is in the draft, deletes; both count as changes. 0 or the result of the store. */
int mqw__kept_put(mqw__durable *durable, mqw_bytes key);
int mqw__kept_delete(mqw__durable *durable, mqw_bytes key);
int mqw__kept_delete_all(mqw__durable *durable, mqw_bytes prefix);
/** The batch with which all that has changed so far is on disk. */
static inline uint64_t mqw__kept_last(const mqw__durable *durable)
{
    return durable->batch - !durable->dirty;
}
/** An empty draft. */
static inline mqw__draft *mqw__kept_draft(mqw__durable *durable)
{
    durable->draft.len = 0;
    durable->draft.failed = false;
    return &durable->draft;
}
// records.c

/** The session is one of the store from now on. 0 or MQW_E_NO_MEMORY. */
int mqw__kept_begin(mqw__session *session);
/** A delivery has come from the record of this number. */
void mqw__kept_restored(mqw__delivery *delivery, uint64_t number, const mqw_promise *was);
/** Deletes the record of a message. */
int mqw__kept_forget_message(mqw__durable *durable, uint64_t number);

/** Writes the record of a session again. */
int mqw__kept_again(mqw__session *session);

// restore.c

/** Reads the store. 0, MQW_E_STREAM, MQW_E_NO_MEMORY or MQW_E_MALFORMED. */
int mqw__restore(mqw__durable *durable);

// gate.c

/** Has mqw__gate_open look at the session after the next commit. */
void mqw__gate_wait(mqw__kept *kept);
/** Holds back a QoS 2 promise, until a batch is on disk. */
void mqw__gate_hold(mqw__kept *kept, mqw_promise *promise, uint64_t batch);
/** Nothing of a session waits any more. */
void mqw__gate_forget_session(mqw__kept *kept);
/** A promise is over. */
void mqw__gate_unhold(mqw__kept *kept, uint64_t sequence);
/** A commit is over: what waits for it goes. */
void mqw__gate_open(mqw__durable *durable);
/** Frees what waits. */
void mqw__gate_free(mqw__durable *durable);

#endif
