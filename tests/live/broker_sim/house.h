// SPDX-License-Identifier: MIT
// The broker in a simulation: its world, its hooks, which tell the oracle what it sees, its start and its
// crash.
#ifndef MQW_BROKER_SIM_HOUSE_H
#define MQW_BROKER_SIM_HOUSE_H

#include <broker/environment.h>

#include "../sim/depot.h"
#include "mutants.h"

enum { TICKETS = 16, LIVES = 8 };

typedef struct plan {
    unsigned guests, plans, faults, crashes;
    uint64_t calm; /**< No faults any more, and everybody comes back. */
    uint32_t latency, pace;
    bool durable;
    bool defers;  /**< Hooks answer later. */
    bool denies;  /**< Hooks say no now and then. */
    bool starves; /**< Memory runs out now and then. */
    bool fails;   /**< The disk fails now and then. */
    bool kicks;
    mqw_broker_limits limits;
} plan;

typedef struct ticket {
    mqw_ticket *ticket;
    uint64_t at;
    uint8_t reason;
} ticket;

typedef struct stage stage;

/** A process that runs a broker. */
typedef struct house {
    stage *in;
    mqw_broker *broker; /**< NULL: it is gone. */
    uint64_t wake;
    bool dead; /**< It has crashed: what it still does is not real. */
    bool closed;
} house;

struct stage {
    world on;
    plan plan;
    guest guests[GUESTS];
    cable *cables, *spent;
    unsigned cable_count;
    house houses[LIVES];
    unsigned house_count;
    house *open; /**< NULL: it does not run. */
    uint64_t next_fault, next_start, went_down;
    unsigned faults, crashes, numbers, steps, failures;
    ticket tickets[TICKETS];
    unsigned ticket_count;
    mutant mutant;
    // memory of the broker
    mqw_allocator allocator;
    size_t held;
    uint32_t hunger; /**< One allocation in so many fails; 0: none. */
    bool leaving;
    depot depot;
    model book;
};

// ---- the world of the broker ----

static inline uint64_t house_now(void *self)
{
    return ((house *)self)->in->on.now;
}

static inline uint64_t house_wall(void *self)
{
    return WALL + ((house *)self)->in->on.now;
}

static inline int house_random(void *self, void *out, size_t len)
{
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)out)[i] = (uint8_t)world_random(&((house *)self)->in->on);
    return 0;
}

static inline void house_close(void *self, mqw_conn *conn)
{
    (void)self;
    cable_close(mqw_conn_link(conn));
}

static inline void house_abort(void *self, mqw_conn *conn)
{
    (void)self;
    cable_abort(mqw_conn_link(conn));
}

static inline int house_facts(void *self, const mqw_conn *conn, mqw_stream_facts *out)
{
    (void)self, (void)conn, (void)out;
    return -1;
}

static inline void house_wake(void *self, uint64_t deadline)
{
    ((house *)self)->wake = deadline;
}

static inline void house_stop(void *self)
{
    (void)self;
}

static inline bool house_stopped(void *self)
{
    (void)self;
    return true;
}

static inline void house_free(void *self)
{
    house *h = self;
    if (h->broker && !h->closed)
        wrong(&h->in->on, "the broker is freed before on_closed");
    h->broker = NULL;
}

static inline void house_closed(mqw_broker *broker, void *ctx)
{
    house *h = ctx;
    if (h->closed || broker != h->broker)
        wrong(&h->in->on, "on_closed is called twice");
    h->closed = true;
}

static inline void *house_resize(void *ctx, void *old, size_t old_size, size_t new_size)
{
    stage *s = ctx;
    if (new_size > old_size && s->hunger && one_in(&s->on, s->hunger))
        return NULL;
    if (new_size == 0) {
        free(old);
        s->held -= old_size;
        return NULL;
    }
    void *block = realloc(old, new_size);
    assert_non_null(block);
    s->held += new_size - old_size;
    return block;
}

// ---- hooks ----

static inline cable *cable_of(mqw_peer *peer)
{
    return mqw_conn_link(mqw_peer_conn(peer));
}

static inline int who_is(mqw_text id)
{
    return id.len == 2 && id.data[0] == 'g' && id.data[1] >= '0' && id.data[1] < '0' + GUESTS
               ? id.data[1] - '0'
               : -1;
}

/* Now, later, or no. */
static inline int decide(house *h, mqw_peer *peer, uint8_t no)
{
    stage *s = h->in;
    uint8_t reason = !h->dead && s->plan.denies && s->on.now < s->plan.calm && one_in(&s->on, 30) ? no : 0;
    if (h->dead || !s->plan.defers || s->ticket_count == TICKETS || !one_in(&s->on, 4))
        return reason;
    mqw_ticket *later = mqw_peer_defer(peer);
    if (!later)
        return no;
    s->tickets[s->ticket_count++] = (ticket){later, s->on.now + chance(&s->on, 500), reason};
    return MQW_LATER;
}

static inline int on_connect(mqw_broker *broker, mqw_peer *peer, const mqw_connect *connect, void *ctx)
{
    const house *h = ctx;
    (void)broker;
    if (!h->dead) {
        account *a = &h->in->book.accounts[cable_of(peer)->who];
        a->cleared |= a->clean;
        a->clean = connect->clean_start;
    }
    return decide(ctx, peer, 0x87);
}

static inline int on_publish(mqw_broker *broker, mqw_peer *peer, mqw_publish *publish, void *ctx)
{
    house *h = ctx;
    int number = number_of(publish->payload);
    (void)broker;
    if (!peer)
        return 0; // a will
    int result = decide(h, peer, 0x87);
    if (number >= 0 &&
        (result == 0x87 || (result == MQW_LATER && h->in->tickets[h->in->ticket_count - 1].reason)))
        h->in->book.messages[number].denied = true;
    return result;
}

static inline int on_subscribe(mqw_broker *broker, mqw_peer *peer, mqw_filter *item, void *ctx)
{
    house *h = ctx;
    (void)broker, (void)item;
    int result = h->in->plan.denies ? 0 : decide(h, peer, 0x87);
    return result;
}

static inline void on_connected(mqw_broker *broker, mqw_peer *peer, bool session_present, void *ctx)
{
    house *h = ctx;
    cable *c = cable_of(peer);
    stage *s = h->in;
    (void)broker;
    if (h->dead)
        return;
    if (s->mutant == LOSES_SESSION || s->mutant == KEEPS_SESSION)
        session_present = s->mutant == KEEPS_SESSION;
    note(&s->on, "let in: guest %u on cable %u%s", c->who, c->number, session_present ? ", session" : "");
    model_connected(&s->book, &c->as, session_present);
    c->let_in = true;
    c->present = session_present;
    c->life = s->book.accounts[c->who].life;
    mqw_peer_set_user(peer, c);
}

static inline void on_disconnected(mqw_broker *broker, mqw_peer *peer, uint8_t reason, const char *words,
                                   void *ctx)
{
    house *h = ctx;
    cable *c = mqw_peer_user(peer);
    stage *s = h->in;
    (void)broker;
    if (h->dead)
        return;
    note(&s->on, "gone: guest %u on cable %u, 0x%02x %s", c->who, c->number, reason, words);
    bool said = c->farewell && reason == c->farewell_reason;
    if (reason == 0 && !said)
        wrong(&s->on, "guest %u has not said goodbye", c->who);
    model_left(&s->book, c->who, reason == 0, said ? c->farewell_expiry : c->as.expiry);
    if (s->book.accounts[c->who].doomed || strstr(words, "queue"))
        model_ended(&s->book, c->who);
}

static inline void on_subscribed(mqw_broker *broker, mqw_peer *peer, const mqw_filter *item, void *ctx)
{
    house *h = ctx;
    const cable *c = cable_of(peer);
    (void)broker;
    for (unsigned f = 0; f < FILTERS && !h->dead; f++)
        if (same_bytes(item->filter.data, item->filter.len, filters[f], strlen(filters[f])))
            model_subscribed(&h->in->book, c->who, f, item, c->identified[f]);
}

static inline void on_unsubscribed(mqw_broker *broker, mqw_peer *peer, mqw_text filter, void *ctx)
{
    house *h = ctx;
    (void)broker;
    for (unsigned f = 0; f < FILTERS && !h->dead; f++)
        if (same_bytes(filter.data, filter.len, filters[f], strlen(filters[f])))
            model_unsubscribed(&h->in->book, cable_of(peer)->who, f);
}

static inline void on_published(mqw_broker *broker, mqw_peer *peer, const mqw_publish *publish, void *ctx)
{
    house *h = ctx;
    stage *s = h->in;
    int number = number_of(publish->payload);
    (void)broker;
    if (h->dead || (s->mutant == ACKS_UNSEEN && one_in(&s->on, 10)))
        return;
    for (unsigned t = 0; t < TOPICS && publish->payload.len == 0 && publish->retain; t++)
        if (same_bytes(publish->topic.data, publish->topic.len, topics[t], strlen(topics[t])))
            model_retained_gone(&s->book, t);
    if (number < 0 && publish->payload.len && publish->topic.data[0] != '$')
        wrong(&s->on, "the broker takes what nobody has published");
    if (number < 0 || (!peer && s->book.messages[number].from == PROGRAM))
        return;
    if (peer && cable_of(peer)->who != s->book.messages[number].from)
        wrong(&s->on, "message %d is taken from another", number);
    model_taken(&s->book, (unsigned)number);
}

static inline void on_delivered(mqw_broker *broker, mqw_text client_id, const mqw_publish *publish, void *ctx)
{
    house *h = ctx;
    int who = who_is(client_id), number = number_of(publish->payload);
    (void)broker;
    if (!h->dead && who >= 0 && number >= 0 && publish->qos)
        model_delivered(&h->in->book, (unsigned)number, (unsigned)who);
}

/* Whether there can be such a cause. */
static inline bool is_plausible(const stage *s, unsigned who, const message *msg, mqw_drop why)
{
    const plan *p = &s->plan;
    switch (why) {
    case MQW_DROP_EXPIRED: return msg->expiry && (s->on.now >= msg->expires || msg->taken > 1);
    case MQW_DROP_QUEUE_FULL:
        return p->limits.max_queued || p->limits.max_queued_bytes || p->limits.max_output;
    case MQW_DROP_TOO_LARGE: return s->book.accounts[who].largest > 0;
    case MQW_DROP_NO_MEMORY: return p->starves;
    case MQW_DROP_STORE: return p->fails || p->starves;
    default: return true;
    }
}

static inline void on_dropped(mqw_broker *broker, mqw_text client_id, const mqw_publish *publish,
                              mqw_drop why, void *ctx)
{
    house *h = ctx;
    stage *s = h->in;
    int who = who_is(client_id), number = number_of(publish->payload);
    (void)broker;
    if (h->dead || who < 0 || number < 0 || s->mutant == HUSHES_DROPS)
        return;
    note(&s->on, "dropped: %d for guest %d, %d", number, who, (int)why);
    if (!is_plausible(s, (unsigned)who, &s->book.messages[number], why))
        wrong(&s->on, "message %d for guest %d is dropped without cause: %d", number, who, (int)why);
    model_dropped(&s->book, (unsigned)number, (unsigned)who);
    if (why == MQW_DROP_QUEUE_FULL && s->plan.limits.when_full == MQW_QUEUE_CLOSE)
        model_overflows(&s->book, (unsigned)number, (unsigned)who);
}

static inline void on_log(mqw_broker *broker, int level, const char *words, void *ctx)
{
    const house *h = ctx;
    (void)broker;
    note(&h->in->on, "log %d: %s%s", level, words, h->dead ? " (dead)" : "");
}

/* The program itself hears all but what begins with `$`. */
static inline void on_witnessed(mqw_broker *broker, const mqw_publish *publish, mqw_text from, void *ctx)
{
    const house *h = ctx;
    model *book = &h->in->book;
    int number = number_of(publish->payload);
    (void)broker, (void)from;
    if (h->dead || number < 0)
        return;
    message *msg = &book->messages[number];
    if (++msg->witnessed > msg->taken && !book->doubtful && !book->closes)
        wrong(&h->in->on, "the program hears message %d too often", number);
}

// ---- starting and crashing ----

static inline void stage_starts(stage *s)
{
    house *h = &s->houses[s->house_count++];
    const mqw__surroundings around = {.self = h,
                                      .now = house_now,
                                      .wall = house_wall,
                                      .random = house_random,
                                      .close = house_close,
                                      .abort = house_abort,
                                      .facts = house_facts,
                                      .wake = house_wake,
                                      .stop = house_stop,
                                      .stopped = house_stopped,
                                      .free = house_free};
    const mqw_filter all = {.filter = MQW_TEXT("#"), .retain_handling = 2};
    mqw_broker_options options = {.limits = s->plan.limits,
                                  .hooks = {.on_connect = on_connect,
                                            .on_publish = on_publish,
                                            .on_subscribe = on_subscribe,
                                            .on_connected = on_connected,
                                            .on_disconnected = on_disconnected,
                                            .on_subscribed = on_subscribed,
                                            .on_unsubscribed = on_unsubscribed,
                                            .on_published = on_published,
                                            .on_delivered = on_delivered,
                                            .on_dropped = on_dropped,
                                            .on_log = on_log},
                                  .ctx = h,
                                  .store = s->plan.durable ? s->depot.store : NULL,
                                  .status_interval = -1,
                                  .allocator = &s->allocator};
    uint32_t hunger = s->hunger;
    *h = (house){.in = s, .wake = NEVER};
    s->hunger = 0;
    s->next_start = NEVER;
    int result = mqw__broker_new(&h->broker, &around, &options);
    if (result < 0) {
        wrong(&s->on, "no broker: %s", mqw_strerror(result));
        return;
    }
    s->open = h;
    if (mqw_broker_subscribe(h->broker, &all, on_witnessed, h, NULL) < 0)
        wrong(&s->on, "the program may not subscribe");
    s->hunger = hunger;
}

/* The process is gone: its connections end behind what has left, and nothing more gets anywhere. */
static inline void stage_crashes(stage *s)
{
    house *h = s->open;
    note(&s->on, "the broker crashes");
    h->dead = true;
    s->open = NULL;
    s->crashes++;
    s->went_down = s->on.now;
    s->next_start = s->on.now + chance(&s->on, 3000);
    model_crashed(&s->book, s->next_start - s->on.now);
    depot_crash(&s->depot);
    for (cable *c = s->cables; c; c = c->next) {
        c->down.ended = true;
        way_drop(&c->up);
        c->up.cut_after = c->down.cut_after = NEVER;
    }
    mqw_broker_close(h->broker, house_closed, h);
}

#endif
