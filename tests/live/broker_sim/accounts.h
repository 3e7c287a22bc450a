// SPDX-License-Identifier: MIT
// The oracle, continued: sessions (section 4.1), their subscriptions, and wills.
#ifndef MQW_BROKER_SIM_ACCOUNTS_H
#define MQW_BROKER_SIM_ACCOUNTS_H

#include "model.h"

static inline uint64_t later_by(uint64_t now, uint32_t seconds)
{
    return seconds == UINT32_MAX ? NEVER : now + seconds * UINT64_C(1000);
}

// ---- wills ----

static inline will *will_of(model *m, unsigned who)
{
    for (unsigned i = 0; i < NUMBERS; i++)
        if (m->wills[i].number >= 0 && m->wills[i].who == who && !m->wills[i].waits && !m->wills[i].over &&
            !m->messages[i].taken)
            return &m->wills[i];
    return NULL;
}

/* It is due between now and then; `doubtful`: perhaps never. */
static inline void will_due(model *m, will *w, uint64_t from, uint64_t until)
{
    note(m->on, "will %d is due at %llu", w->number, (unsigned long long)from);
    w->waits = true;
    w->from = from;
    w->until = until == NEVER ? NEVER : until + LATE;
}

/* The connection goes (MQTT-3.1.2-8): the will is published after its delay or the session, what comes first;
 * never after DISCONNECT with 0. */
static inline void will_left(model *m, unsigned who, bool goodbye)
{
    will *w = will_of(m, who);
    const account *a = &m->accounts[who];
    if (!w)
        return;
    uint32_t delay = w->delay < a->expiry ? w->delay : a->expiry;
    if (goodbye)
        w->over = true;
    else
        will_due(m, w, later_by(m->on->now, delay), later_by(m->on->now, delay));
}

/* The client is back (MQTT-3.1.3-9), or its session ends. */
static inline void wills_of_before(model *m, unsigned who, bool goes_on)
{
    uint64_t now = m->on->now;
    for (unsigned i = 0; i < NUMBERS; i++) {
        will *w = &m->wills[i];
        if (w->number < 0 || w->who != who || !w->waits || w->over)
            continue;
        if (goes_on && now < w->from)
            w->over = true;
        else if (goes_on)
            w->doubtful |= now <= w->until;
        else if (w->from > now)
            will_due(m, w, now, now);
    }
}

// ---- sessions ----

static inline void session_ends(model *m, unsigned who)
{
    account *a = &m->accounts[who];
    if (a->exists)
        model_bequeaths(m, who);
    wills_of_before(m, who, false);
    memset(a->of, 0, sizeof a->of);
    a->exists = a->maybe = a->sure = a->doomed = false;
}

/* Time passes: what may be over is in doubt, and what has to be is over. */
static inline void model_time(model *m)
{
    for (unsigned who = 0; who < GUESTS; who++) {
        account *a = &m->accounts[who];
        bool may_be_over = a->cleared || a->clean || (!a->connected && m->on->now >= a->ends_from);
        if (a->exists && !a->connected && m->on->now > a->ends_to)
            session_ends(m, who);
        else if (a->exists && may_be_over)
            model_bequeaths(m, who);
    }
}

/** Its connection has ended. `goodbye`: with DISCONNECT of 0; `expiry`: what then holds. */
static inline void model_left(model *m, unsigned who, bool goodbye, uint32_t expiry)
{
    account *a = &m->accounts[who];
    uint64_t now = m->on->now;
    if (!a->connected)
        return;
    a->expiry = expiry;
    note(m->on, "guest %u has left a session for %u s", who, expiry);
    will_left(m, who, goodbye);
    a->connected = false;
    a->ends_from = later_by(now, expiry);
    a->ends_to = expiry == UINT32_MAX ? NEVER : a->ends_from + (expiry ? LATE : 0);
    if (!expiry)
        session_ends(m, who);
}

/** The session has ended, by the program's will or for a queue that is full. */
static inline void model_ended(model *m, unsigned who)
{
    if (m->accounts[who].connected)
        m->accounts[who].doomed = true;
    else
        session_ends(m, who);
}

/** Its queue has no room, and it is closed for that (MQW_QUEUE_CLOSE): its session ends; unless the message
 * was one for a group, which nobody takes. */
static inline void model_overflows(model *m, unsigned number, unsigned who)
{
    account *a = &m->accounts[who];
    for (unsigned f = FIRST_SHARED; f <= LAST_SHARED; f++)
        if (a->of[f].there && model_matches(f, m->messages[number].topic))
            a->cleared = true;
    if (!a->cleared)
        model_ended(m, who);
}

typedef struct arrival {
    unsigned who, connection;
    uint8_t version;
    bool clean;
    uint32_t expiry, largest;
    int will; /**< Its number; -1: none. */
    uint32_t will_delay;
} arrival;

static inline void new_life(model *m, const arrival *as)
{
    account *a = &m->accounts[as->who];
    session_ends(m, as->who);
    a->exists = true;
    a->life++;
}

/** A client was let in (MQTT-3.1.2-4 and following). */
static inline void model_connected(model *m, const arrival *as, bool present)
{
    account *a = &m->accounts[as->who];
    uint64_t now = m->on->now;
    model_time(m);
    if (a->connected)
        wrong(m->on, "guest %u is connected twice (MQTT-3.1.4-3)", as->who);
    bool certain = a->exists && a->sure && !a->maybe && !a->cleared && now < a->ends_from,
         possible = a->exists || a->ghost;
    if (as->clean && present)
        wrong(m->on, "a clean start of guest %u finds a session (MQTT-3.2.2-2)", as->who);
    else if (!as->clean && certain && !present)
        wrong(m->on, "the session of guest %u is lost (MQTT-3.1.2-5)", as->who);
    else if (present && !possible)
        wrong(m->on, "guest %u finds a session that is over (MQTT-4.1.0-2)", as->who);
    if (present)
        wills_of_before(m, as->who, true);
    else
        new_life(m, as);
    if (present && (!a->exists || a->cleared))
        a->exists = a->maybe = true;
    a->ghost = a->clean = a->cleared = false;
    a->connected = true;
    a->connection = as->connection;
    a->heard = false;
    a->before = a->ends_from;
    a->version = as->version;
    a->expiry = as->expiry;
    a->largest = as->largest;
    if (as->will >= 0)
        m->wills[as->will] = (will){.number = as->will, .who = (uint8_t)as->who, .delay = as->will_delay};
}

/** The client has heard CONNACK: from now on the session is promised. */
static inline void model_welcomed(model *m, unsigned who, unsigned life)
{
    if (m->accounts[who].life == life)
        m->accounts[who].sure = m->accounts[who].heard = true;
    will *w = will_of(m, who);
    if (w)
        w->promised = true;
}

// ---- subscriptions ----

/* What a subscription was still to be given: when that goes it need not come (section 3.10.4 asks only for
 * what has begun), and when it is made anew perhaps with other flags. */
static inline void kept_no_more(model *m, unsigned who, unsigned filter)
{
    for (unsigned n = 0; n < NUMBERS; n++)
        each_copy(m, n, c) if (c->kind == KEPT && c->who == who && c->filter == filter)
            each_copy(m, n, like) if (like->kind == KEPT && like->who == who && !like->arrived &&
                                      like->qos == c->qos && like->ids == c->ids) // which came is not known
            like->must = false;
}

/* A subscription is replaced: what it still owes of retained messages comes at the QoS that holds by then. */
static inline void kept_comes_as(model *m, unsigned who, unsigned filter, uint8_t qos)
{
    for (unsigned n = 0; n < NUMBERS; n++)
        each_copy(m, n, c) if (c->kind == KEPT && c->who == who && c->filter == filter && !c->arrived &&
                               c->qos < lower(m->messages[n].qos, qos)) c->qos =
            lower(m->messages[n].qos, qos);
}

/** The broker has made a subscription: retained messages follow as its handling says. */
static inline void model_subscribed(model *m, unsigned who, unsigned filter, const mqw_filter *item,
                                    bool identified)
{
    account *a = &m->accounts[who];
    subscription *s = &a->of[filter];
    bool known = s->there, in_doubt = m->crashes && known && !s->sure;
    *s = (subscription){.there = true,
                        .no_local = item->no_local,
                        .as_published = item->retain_as_published,
                        .identified = identified,
                        .qos = item->qos};
    note(m->on, "subscribed: guest %u to %s, QoS %u", who, filters[filter], item->qos);
    kept_no_more(m, who, filter);
    kept_comes_as(m, who, filter, item->qos);
    if (is_shared(filter) || item->retain_handling == 2 ||
        (item->retain_handling == 1 && known && !in_doubt && !a->maybe))
        return;
    s->fed = a->connection;
    bool maybe = item->retain_handling == 1 && (in_doubt || a->maybe);
    for (unsigned t = 0; t < TOPICS; t++) {
        keeper *k = &m->retained[t];
        if (k->number < 0 || !model_matches(filter, t))
            continue;
        const message *msg = &m->messages[k->number];
        bool own = item->no_local && msg->from == who;
        if (m->on->now < msg->expires)
            give_kept(m, (unsigned)k->number, who, filter, !maybe && !own && !k->doubtful && !m->doubtful);
    }
}

/** The client has heard SUBACK. */
static inline void model_granted(model *m, unsigned who, unsigned life, unsigned filter)
{
    if (m->accounts[who].life == life)
        m->accounts[who].of[filter].sure = true;
}

static inline void model_unsubscribed(model *m, unsigned who, unsigned filter)
{
    note(m->on, "unsubscribed: guest %u from %s", who, filters[filter]);
    kept_no_more(m, who, filter);
    m->accounts[who].of[filter] = (subscription){.leaving = true};
}

/** The client has heard UNSUBACK. */
static inline void model_released(model *m, unsigned who, unsigned life, unsigned filter)
{
    if (m->accounts[who].life == life)
        m->accounts[who].of[filter].leaving = false;
}

// ---- a crash of the broker ----

static inline void messages_in_doubt(model *m)
{
    for (unsigned n = 0; n < NUMBERS; n++) {
        const message *msg = &m->messages[n];
        each_copy(m, n, c)
        {
            c->delivered = false;
            c->must &= msg->acked && c->qos > 0 && c->kind == LIVE;
            if (c->party >= 0)
                m->parties[c->party].must &= msg->acked;
        }
    }
    for (unsigned t = 0; t < TOPICS; t++) {
        keeper *k = &m->retained[t];
        k->doubtful |= k->number >= 0 && !(m->messages[k->number].acked && m->messages[k->number].qos);
    }
}

/* What is not promised may be there or not: then it is a session of which nothing is known. */
static inline void account_in_doubt(account *a)
{
    a->maybe |= !a->sure;
    for (unsigned f = 0; f < FILTERS; f++)
        a->maybe |= (a->of[f].there && !a->of[f].sure) || a->of[f].leaving;
}

/** All connections are gone, without a word; `down`: milliseconds until it runs again. */
static inline void model_crashed(model *m, uint64_t down)
{
    m->crashes++;
    for (unsigned who = 0; who < GUESTS; who++) {
        account *a = &m->accounts[who];
        a->ghost |= !a->exists || m->doubtful; // the disk has failed: it may not know of the end
        if (!a->exists)
            continue;
        account_in_doubt(a);
        if (a->connected) {
            uint32_t expiry = a->expiry;
            model_left(m, who, false, expiry);
            if (!a->heard && a->before < a->ends_from) // the connection is perhaps not on disk
                a->ends_from = a->before;
            if (expiry && expiry != UINT32_MAX)
                a->ends_to += down + LATE;
        }
        a->ghost |= !a->exists;
    }
    for (unsigned i = 0; i < NUMBERS; i++) {
        will *w = &m->wills[i];
        bool forgotten = w->over || m->messages[i].taken; // but perhaps not on disk
        if (w->number < 0)
            continue;
        w->doubtful |= forgotten || !w->promised || !m->accounts[w->who].sure || !m->accounts[w->who].exists;
        w->waits |= forgotten;
        w->over = false;
        w->until = w->until == NEVER ? NEVER : w->until + down + LATE;
    }
    messages_in_doubt(m);
}

#endif
