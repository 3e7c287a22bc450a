// SPDX-License-Identifier: MIT
// The inside of a broker, which its rooms share.
#ifndef MQW_BROKER_INSIDE_H
#define MQW_BROKER_INSIDE_H

#include "base/alloc.h"
#include "delivery.h"
#include "durable.h"
#include "environment.h"
#include "mail.h"
#include "peer.h"
#include "retained.h"

typedef struct mqw__sessions mqw__sessions; /**< The table: sessions.c's own. */
typedef struct mqw__wills mqw__wills;
typedef struct mqw__status mqw__status; /**< What $SYS needs: status.c's own. */

/** Counters that only grow, or are kept up to date where things change; the others are reckoned when asked.
 */
typedef struct mqw__counts {
#define X(field, topic, text) uint64_t field;
    MQW_BROKER_STATUS(X)
#undef X
} mqw__counts;

struct mqw_broker {
    mqw__surroundings world;
    mqw_broker_options options; /**< Defaults filled in; texts and allocator are its own. */
    mqw_broker_hooks hooks;
    mqw_allocator allocator;
    mqw_config *config;
    mqw__wheel wheel; /**< All deadlines, in world.now. */
    mqw__tree *tree;
    mqw__retained *retained;
    mqw__sessions *sessions;
    mqw__durable *durable; /**< NULL: no store. */
    mqw__status *status;   /**< NULL: no $SYS. */
    mqw_peer *peers;
    mqw_peer *busy;                 /**< Those that mqw__peers_turn looks at, first come first … */
    mqw_peer **busy_last;           /**< … and where the next one goes; NULL: at the beginning. */
    struct mqw__question *question; /**< What a hook is being asked (decide.c); NULL: nothing. */
    mqw_local *locals;
    mqw_ticket *tickets;
    void *addresses; /**< limits.c's: connections by address. */
    mqw__counts counts;
    uint64_t memory; /**< Towards max_memory. */
    uint64_t serial; /**< Of the message that was matched last. */
    uint64_t number; /**< Of the session made last. */
    uint64_t began;  /**< world.now when it was opened. */
    mqw__mail mail;  /**< What letters and deliveries are made of. */
    uint8_t *scratch;
    size_t scratch_size;
    void (*on_closed)(mqw_broker *broker, void *ctx);
    void *on_closed_ctx;
    uint64_t work;               /**< What messages have cost in this turn, in bytes that were compared. */
    uint64_t wakes_at;           /**< What the world was asked for. */
    uint64_t seed;               /**< For tables whose keys peers choose. */
    const mqw__session *freeing; /**< Its queue gives way to a message; NULL: none does. */
    uint8_t told;                /**< Hooks about deliveries that run, inside each other. */
    bool closing;
    bool dismissing; /**< It closes, and somebody still waits for a commit. */
};

// settings.c

/** Fills in `broker->options`, `hooks`, `allocator` and `config`. 0, MQW_E_MISUSE or MQW_E_NO_MEMORY. */
int mqw__settings_of(mqw_broker *broker, const mqw_broker_options *options);
/** Where memory comes from: what the program gave, or the C library. (That of libmqwire is not visible here.)
 */
mqw_allocator mqw__broker_allocator(const mqw_allocator *given);
void mqw__settings_end(mqw_broker *broker);
/** Limits with their defaults filled in: what on_connect has set to 0 again, too. */
void mqw__limits_complete(mqw_broker_limits *limits);

// broker.c

/** Takes `bytes` of max_memory. False: they are not there. */
bool mqw__hold(mqw_broker *broker, size_t bytes);
void mqw__let_go(mqw_broker *broker, size_t bytes);
/** Memory that counts towards max_memory; zeros. NULL: none. Freed with its size. */
void *mqw__broker_new_block(mqw_broker *broker, size_t size);
void mqw__broker_free_block(mqw_broker *broker, void *block, size_t size);
/** At least `size` bytes that live until the next call; what was in it before stays when it grows. NULL: no
 * memory. */
uint8_t *mqw__broker_scratch(mqw_broker *broker, size_t size);
/** Sets a deadline of the broker's wheel, and wakes the world for it. */
void mqw__broker_due(mqw_broker *broker, mqw__deadline *deadline, uint64_t at);
void mqw__broker_undue(mqw_broker *broker, mqw__deadline *deadline);
/** Something is to be done on the next turn. */
void mqw__broker_soon(mqw_broker *broker);
/** Tells on_log. */
void mqw__broker_log(mqw_broker *broker, int level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/** Counts and tells a delivery that was dropped. */
void mqw__broker_dropped(mqw__session *session, const mqw_publish *publish, mqw_drop why);

static inline uint64_t mqw__broker_now(const mqw_broker *broker)
{
    return broker->world.now(broker->world.self);
}

static inline uint64_t mqw__broker_wall(const mqw_broker *broker)
{
    return broker->world.wall(broker->world.self);
}

// sessions.c

/** The table. 0 or MQW_E_NO_MEMORY. mqw__sessions_free ends it. */
int mqw__sessions_open(mqw_broker *broker);

// decide.c

/** The broker is going: tickets stay, without effect. */
void mqw__tickets_forget(mqw_broker *broker);

// local.c

/** A message for a subscription of the program: queued, told on the next turn. 0, or why it is dropped
 * (mqw_drop). */
int mqw__local_give(mqw_local *local, mqw__post *post, uint8_t qos, bool retain);
/** Tells what is queued. */
void mqw__locals_turn(mqw_broker *broker);
void mqw__locals_free(mqw_broker *broker);

// wills.c

/** The will of a session. */
struct mqw__will {
    mqw__deadline due;
    mqw__session *session;
    mqw__letter *letter; /**< As it will be published; its `expires` means nothing. */
    uint64_t due_at;     /**< When its delay is over, by the wall clock; UINT64_MAX: it does not run. */
    int64_t expiry;      /**< Message expiry in seconds, from when it is published; negative: none. */
    uint32_t delay;      /**< Seconds. */
};

/** Keeps the will of a CONNECT for a session; the one before goes. 0, MQW_E_NO_MEMORY, MQW_E_STREAM. */
int mqw__will_keep(mqw__session *session, const mqw_will *given);
/** The connection has ended: publishes it now, or after its delay, or (`goodbye`) never. */
void mqw__will_due(mqw__session *session, bool goodbye);
/** The session goes on with a new connection: a will that waits is not published (MQTT-3.1.3-9). */
void mqw__will_forget(mqw__session *session);
/** The session ends: a will that waits is published now. */
void mqw__will_publish(mqw__session *session);
/** A will as the store has it; a reference to the letter is taken. `due_at` UINT64_MAX: its delay begins now.
 * 0 or MQW_E_NO_MEMORY. */
int mqw__will_restore(mqw__session *session, mqw__letter *letter, int64_t expiry, uint32_t delay,
                      uint64_t due_at);
/** Frees it without a word. */
void mqw__will_free(mqw__session *session);

// status.c

int mqw__status_open(mqw_broker *broker);
void mqw__status_free(mqw_broker *broker);

// limits.c: what is taken from the whole world

void mqw__limits_free(mqw_broker *broker);
/** A connection has come: 0, or it is one too many (max_connections, max_per_address). */
int mqw__limits_arrived(mqw_peer *peer);
/** Where it comes from is known now, if it was not: 0, MQW_E_FULL (max_per_address) or MQW_E_NO_MEMORY. */
int mqw__limits_located(mqw_peer *peer);
void mqw__limits_left(mqw_peer *peer);
/** A PUBLISH of so many bytes: pauses the peer when it is too fast. */
void mqw__limits_published(mqw_peer *peer, size_t bytes);
/** The rates of a peer that was let in. 0 or MQW_E_NO_MEMORY. */
int mqw__limits_begin(mqw_peer *peer);
void mqw__limits_end(mqw_peer *peer);

#endif
