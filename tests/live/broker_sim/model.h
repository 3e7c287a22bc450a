// SPDX-License-Identifier: MIT
// The oracle: a plain model of the standard. It is told what the broker saw, in that order, and says what
// each subscriber must and may receive.
//
// Messages are numbers, subscribers are indices, filters and topics stand in two small tables. For each
// message that is taken the model notes a copy for everybody who has to be given it (a live copy, one of a
// shared subscription, a retained one); each PUBLISH that arrives has to be one of these copies, and in the
// end each copy that is a must has to have arrived. A crash of the broker leaves doubts: what was not
// acknowledged by then may or may not be.
#ifndef MQW_BROKER_SIM_MODEL_H
#define MQW_BROKER_SIM_MODEL_H

#include "../sim/world.h"

enum {
    GUESTS = 6,
    PROGRAM = GUESTS, /**< The program of the broker, as a publisher. */
    NUMBERS = 160,
    COPIES = 12000,
    PARTIES = 1200,
    NOBODY = 255,
    LATE = 1000 /**< Milliseconds that a timer of whole seconds may be late. */
};

static const char *const topics[] = {"a", "a/b", "a/c", "b", "b/a/c", "$a/b", "a/"};
static const char *const filters[] = {
    "a", "a/b", "#", "+/b", "a/#", "a/+", "b/#", "+", "$share/g/a/#", "$share/h/a/b", "$share/g/+/b", "$a/#"};
enum {
    TOPICS = sizeof topics / sizeof *topics,
    FILTERS = sizeof filters / sizeof *filters,
    FIRST_SHARED = 8,
    LAST_SHARED = 10
};

/** A message, by its number. */
typedef struct message {
    uint8_t from, topic, qos;
    bool retain, will, props, empty;
    bool is_5;          /**< Published by a client of 5.0: it can have properties. */
    uint32_t expiry;    /**< Seconds; 0: never. */
    uint64_t expires;   /**< As the broker took it; NEVER. */
    unsigned sent;      /**< By its publisher, so often. */
    unsigned taken;     /**< By the broker. */
    unsigned crash;     /**< Crashes when it was taken last. */
    bool acked;         /**< Its publisher has heard so. */
    bool refused;       /**< … or otherwise. */
    bool anew;          /**< Sent again to another session than before. */
    bool late;          /**< Refused at first, unheard, and taken when it was sent again, behind others. */
    bool denied;        /**< A hook has said no: it is not taken, whatever its publisher hears. */
    unsigned witnessed; /**< By the subscription of the program. */
    uint8_t early;      /**< Guests for whom it was dropped while it was being taken, as bits. */
} message;

typedef struct subscription {
    bool there, sure;
    bool leaving; /**< Its UNSUBSCRIBE was taken, and not answered yet. */
    bool no_local, as_published, identified;
    uint8_t qos;
    unsigned fed; /**< The connection that was fed retained messages for it; 0: none. */
} subscription;

/** The session of a guest, as the broker should have it. */
typedef struct account {
    bool exists, maybe; /**< maybe: a crash has left it in doubt whether, and what, it is. */
    bool sure;          /**< Its client has heard CONNACK. */
    bool heard;         /**< … of this connection, and with it how long it is kept from now on. */
    uint64_t before;    /**< When it would have ended without this connection. */
    bool connected;
    bool doomed;         /**< Its queue is full, and it is to end for that. */
    bool clean;          /**< It asks for a clean start: its session ends when it is let in. */
    bool cleared;        /**< … and was then not let in: perhaps it is over all the same. */
    bool ghost;          /**< A crash may have brought back what was over. */
    unsigned life;       /**< Which session of this guest. */
    unsigned connection; /**< Which connection of the run. */
    uint8_t version;
    uint32_t expiry;             /**< Seconds. */
    uint64_t ends_from, ends_to; /**< When it ends, between. */
    uint32_t largest;            /**< Bytes of a packet. */
    subscription of[FILTERS];
} account;

typedef struct will {
    int number; /**< -1: none. */
    uint8_t who;
    uint32_t delay;
    bool waits;     /**< The connection is gone. */
    bool over;      /**< It must not come any more. */
    bool promised;  /**< Its client has heard CONNACK. */
    bool doubtful;  /**< It need not come. */
    uint64_t from;  /**< It may come from here on. */
    uint64_t until; /**< … and has to have come here. */
} will;

typedef enum kind { LIVE, SHARED, KEPT } kind;

/** What one subscriber gets of one message. */
typedef struct copy {
    int next; /**< Of the same message; -1: the last. */
    uint8_t kind, who, qos;
    bool retain, must, dropped, delivered;
    uint8_t again; /**< It was taken so often more, and may come so often more. */
    uint8_t here;  /**< Arrivals on the last connection. */
    unsigned life;
    unsigned since;   /**< The connection when it was made; 0: none. */
    unsigned last;    /**< The connection on which it arrived last. */
    unsigned arrived; /**< How often. */
    uint32_t ids;     /**< Filters whose identifiers it has, as bits. */
    int party;        /**< SHARED: of which delivery. */
    uint8_t filter;   /**< KEPT: by which subscription. */
} copy;

/** A message for a group of a shared subscription: for one of its members. */
typedef struct party {
    uint8_t taker; /**< NOBODY: not seen yet. */
    bool must;
    uint8_t filter;
    int heir;   /**< Those to whom it was handed on; -1: nobody. */
    bool vague; /**< What has come may have been this, or something else that looks the same. */
} party;

typedef struct keeper {
    int number; /**< -1: none. */
    bool doubtful;
} keeper;

typedef struct model {
    world *on;
    message messages[NUMBERS];
    account accounts[GUESTS];
    will wills[NUMBERS]; /**< By number. */
    keeper retained[TOPICS];
    int first[NUMBERS]; /**< Of copies. */
    copy copies[COPIES];
    int copy_count;
    party parties[PARTIES];
    int party_count;
    int last[GUESTS][GUESTS + 1][TOPICS][3][2]; /**< Highest number by receiver, publisher, topic, QoS. */
    unsigned crashes, arrived, dropped;
    bool bounded;  /**< Queues are: that of the program, too, of which nobody is told when it is full. */
    bool closes;   /**< Who has a full queue is closed, and what it has just published is not told of. */
    bool doubtful; /**< Memory or disk may fail: what is not acknowledged need not be. */
} model;

static inline void model_start(model *m, world *on)
{
    memset(m, 0, offsetof(model, copies));
    m->copy_count = m->party_count = 0;
    memset(m->last, -1, sizeof m->last);
    memset(m->first, -1, sizeof m->first);
    m->crashes = m->arrived = m->dropped = 0;
    m->doubtful = m->closes = m->bounded = false;
    m->on = on;
    for (int i = 0; i < TOPICS; i++)
        m->retained[i].number = -1;
    for (int i = 0; i < NUMBERS; i++)
        m->wills[i].number = -1;
}

// ---- section 4.7 ----

static inline const char *bare_filter(unsigned filter)
{
    const char *text = filters[filter];
    return filter >= FIRST_SHARED && filter <= LAST_SHARED ? strchr(text + 7, '/') + 1 : text;
}

static inline bool levels_match(const char *filter, const char *topic)
{
    if (filter[0] == '#')
        return true;
    if (filter[0] == '+') {
        topic += strcspn(topic, "/");
        filter++;
    } else {
        for (; *filter && *filter != '/' && *filter == *topic; filter++)
            topic++;
    }
    if (*topic == '\0')
        return *filter == '\0' || strcmp(filter, "/#") == 0;
    return *topic == '/' && *filter == '/' && levels_match(filter + 1, topic + 1);
}

static inline bool model_matches(unsigned filter, unsigned topic)
{
    const char *text = bare_filter(filter);
    if (topics[topic][0] == '$' && (text[0] == '#' || text[0] == '+'))
        return false;
    return levels_match(text, topics[topic]);
}

static inline bool is_shared(unsigned filter)
{
    return filter >= FIRST_SHARED && filter <= LAST_SHARED;
}

// ---- copies ----

static inline uint8_t lower(uint8_t a, uint8_t b)
{
    return a < b ? a : b;
}

static inline copy *copy_new(model *m, unsigned number, kind what, unsigned who)
{
    const account *a = &m->accounts[who];
    assert_true(m->copy_count < COPIES);
    copy *c = &m->copies[m->copy_count];
    *c = (copy){.next = m->first[number],
                .kind = (uint8_t)what,
                .who = (uint8_t)who,
                .life = a->life,
                .since = a->connected ? a->connection : 0,
                .party = -1};
    m->first[number] = m->copy_count++;
    return c;
}

/* As strchr does, for those who only look, too. */
static inline copy *copy_at(const model *m, int at)
{
    return at < 0 ? NULL : (copy *)&m->copies[at];
}

#define each_copy(m, number, c) \
    for (copy *c = copy_at(m, (m)->first[number]); (c); (c) = copy_at(m, (c)->next))

/* The same message taken anew, as QoS 1, a crash or a publisher whose session was another by then has it:
 * whether somebody has his copy already. */
static inline bool copy_again(model *m, unsigned number, const copy *like)
{
    each_copy(m, number, c)
    {
        if (c->kind != LIVE || c->who != like->who || c->life != like->life || c->qos != like->qos ||
            c->retain != like->retain || c->ids != like->ids)
            continue;
        c->again = (uint8_t)(c->again + (c->qos < 2 || m->messages[number].anew));
        c->must = c->must || like->must;
        return true;
    }
    return false;
}

static inline void give_live(model *m, unsigned number, unsigned who)
{
    const message *msg = &m->messages[number];
    const account *a = &m->accounts[who];
    uint32_t ids = 0;
    bool any = false, sure = true, retain = false;
    uint8_t qos = 0;
    for (unsigned f = 0; f < FILTERS; f++) {
        const subscription *s = &a->of[f];
        if (!s->there || is_shared(f) || !model_matches(f, msg->topic) || (s->no_local && msg->from == who))
            continue;
        any = true;
        sure &= s->sure || !m->crashes;
        qos = qos > lower(msg->qos, s->qos) ? qos : lower(msg->qos, s->qos);
        retain |= s->as_published && msg->retain;
        ids |= s->identified ? 1u << f : 0;
    }
    if (!any)
        return;
    copy like = {.kind = LIVE,
                 .who = (uint8_t)who,
                 .life = a->life,
                 .qos = qos,
                 .retain = retain,
                 .ids = ids,
                 .must = sure && !a->maybe && (qos > 0 || a->connected)};
    if (copy_again(m, number, &like))
        return;
    copy *c = copy_new(m, number, LIVE, who);
    c->qos = qos;
    c->retain = retain;
    c->ids = ids;
    c->must = like.must;
}

static inline void give_shared(model *m, unsigned number, unsigned filter)
{
    const message *msg = &m->messages[number];
    int which = -1;
    for (unsigned who = 0; who < GUESTS; who++) {
        const account *a = &m->accounts[who];
        const subscription *s = &a->of[filter];
        if (!a->exists || !s->there)
            continue;
        if (which < 0) {
            assert_true(m->party_count < PARTIES);
            which = m->party_count++;
            m->parties[which] = (party){.taker = NOBODY, .must = true, .filter = (uint8_t)filter, .heir = -1};
        }
        copy *c = copy_new(m, number, SHARED, who);
        c->party = which;
        c->qos = lower(msg->qos, s->qos);
        c->retain = s->as_published && msg->retain;
        c->ids = s->identified ? 1u << filter : 0;
        m->parties[which].must &= c->qos > 0 && s->sure && !a->maybe && !msg->taken;
    }
}

/* A copy of what was handed on, unless there is one. */
static inline void inherit(model *m, unsigned number, int heir, unsigned who)
{
    const message *msg = &m->messages[number];
    unsigned filter = m->parties[heir].filter;
    const account *a = &m->accounts[who];
    const subscription *s = &a->of[filter];
    copy like = {.qos = lower(msg->qos, s->qos),
                 .retain = s->as_published && msg->retain,
                 .ids = s->identified ? 1u << filter : 0};
    if (!a->exists || !s->there)
        return;
    each_copy(m, number, c) if (c->party == heir && c->who == who && c->life == a->life &&
                                c->qos == like.qos && c->retain == like.retain && c->ids == like.ids) return;
    copy *c = copy_new(m, number, SHARED, who);
    c->party = heir;
    c->qos = like.qos;
    c->retain = like.retain;
    c->ids = like.ids;
}

static inline int heir_of(model *m, int which)
{
    party *p = &m->parties[which];
    p->must = false;
    if (p->heir < 0) {
        assert_true(m->party_count < PARTIES);
        p->heir = m->party_count++;
        m->parties[p->heir] = (party){.taker = NOBODY, .filter = p->filter, .vague = true, .heir = p->heir};
    }
    return p->heir;
}

/* Whether a session that ends leaves it to the others: what it has not acknowledged of QoS 1, and of QoS 2
 * what it has never got (MQTT-4.8.2-5). */
static inline bool is_left(const model *m, const copy *c, unsigned who)
{
    const party *p = c->party < 0 ? NULL : &m->parties[c->party];
    return p && c->who == who && c->life == m->accounts[who].life && c->qos && !c->delivered &&
           (c->qos == 1 || !c->arrived) && (p->vague || p->taker == NOBODY || p->taker == who);
}

/** The session of a guest ends, or may have ended: shared messages of it may go to whoever is in the group by
 * now, as each has subscribed (section 4.8.2). */
static inline void model_bequeaths(model *m, unsigned who)
{
    for (unsigned n = 0; n < NUMBERS; n++)
        each_copy(m, n, c) if (is_left(m, c, who)) for (unsigned other = 0; other < GUESTS;
                                                        other++) if (other != who)
            inherit(m, n, heir_of(m, c->party), other);
}

static inline void give_kept(model *m, unsigned number, unsigned who, unsigned filter, bool must)
{
    const subscription *s = &m->accounts[who].of[filter];
    copy *c = copy_new(m, number, KEPT, who);
    c->qos = lower(m->messages[number].qos, s->qos);
    c->retain = true;
    c->filter = (uint8_t)filter;
    c->ids = s->identified ? 1u << filter : 0;
    c->must = must;
}

static inline void copies_dropped(model *m, unsigned number, unsigned who)
{
    each_copy(m, number, c)
    {
        if (c->who != who)
            continue;
        c->dropped = true;
        if (c->party >= 0)
            m->parties[c->party].must = false;
    }
}

// ---- messages ----

/* Retained messages are handed out little by little: one that changes meanwhile comes as it is then. */
static inline void retained_changes(model *m, unsigned topic, int number)
{
    for (unsigned who = 0; who < GUESTS; who++)
        for (unsigned f = 0; f < FILTERS; f++) {
            const subscription *s = &m->accounts[who].of[f];
            bool fed = s->there && s->fed && s->fed == m->accounts[who].connection && model_matches(f, topic);
            if (fed && number >= 0)
                give_kept(m, (unsigned)number, who, f, false);
        }
    int before = m->retained[topic].number;
    if (before >= 0)
        each_copy(m, before, c) if (c->kind == KEPT) c->must = false;
    m->retained[topic] = (keeper){number, false};
}

static inline void model_retained_gone(model *m, unsigned topic)
{
    retained_changes(m, topic, -1);
}

static inline void will_taken(model *m, unsigned number)
{
    will *w = &m->wills[number];
    world *on = m->on;
    if (w->number < 0 || !w->waits || w->over)
        wrong(on, "will %u is published without cause (MQTT-3.1.2-10)", number);
    else if (on->now < w->from && w->promised && !m->accounts[w->who].clean && !m->accounts[w->who].cleared &&
             !m->doubtful)
        wrong(on, "will %u is published %llu ms too early", number, (unsigned long long)(w->from - on->now));
    else if (m->messages[number].taken && !m->crashes)
        wrong(on, "will %u is published twice", number);
    w->waits = false;
}

/* What its publisher sends again is a message that comes then. */
static inline bool is_late(const model *m, unsigned number)
{
    const message *msg = &m->messages[number];
    bool behind = false;
    for (unsigned n = number + 1; n < NUMBERS && msg->sent > 1 && !msg->taken; n++)
        behind |= m->messages[n].taken && m->messages[n].from == msg->from;
    return behind;
}

/** The broker has taken a message. */
static inline void model_taken(model *m, unsigned number)
{
    message *msg = &m->messages[number];
    bool doubt = m->crashes != msg->crash; // it was taken by one that has crashed
    note(m->on, "taken: %u on %s from %u, QoS %u%s", number, topics[msg->topic], msg->from, msg->qos,
         msg->retain ? ", retain" : "");
    if (msg->will)
        will_taken(m, number);
    else if (msg->taken >= msg->sent || (msg->taken && msg->qos == 2 && !doubt && !msg->anew))
        wrong(m->on, "message %u of QoS %u is taken %u times", number, msg->qos, msg->taken + 1);
    msg->late |= is_late(m, number);
    msg->expires = msg->expiry ? m->on->now + msg->expiry * UINT64_C(1000) : NEVER;
    for (unsigned who = 0; who < GUESTS; who++)
        if (m->accounts[who].exists)
            give_live(m, number, who);
    for (unsigned f = FIRST_SHARED; f <= LAST_SHARED; f++)
        if (model_matches(f, msg->topic))
            give_shared(m, number, f);
    if (msg->retain)
        retained_changes(m, msg->topic, (int)number);
    for (unsigned who = 0; who < GUESTS; who++)
        if (msg->early & 1u << who)
            copies_dropped(m, number, who);
    msg->early = 0;
    msg->taken++;
    msg->crash = m->crashes;
}

/** Its publisher has heard of it: acknowledged, or not. */
static inline void model_answered(model *m, unsigned number, uint8_t reason)
{
    message *msg = &m->messages[number];
    if (reason >= 0x80) {
        msg->refused = true;
        each_copy(m, number, c)
        {
            c->must = false;
            if (c->party >= 0)
                m->parties[c->party].must = false;
        }
        return;
    }
    bool excused =
        msg->denied || msg->empty || msg->early || m->doubtful || m->bounded; // early: nobody could take it
    if (!msg->taken && !excused)
        wrong(m->on, "message %u is acknowledged and was not taken", number);
    msg->acked = true;
}

/** The broker says that a message will not reach somebody: perhaps before it says that it has taken it. */
static inline void model_dropped(model *m, unsigned number, unsigned who)
{
    m->dropped++;
    copies_dropped(m, number, who);
    m->messages[number].early |= (uint8_t)(1u << who);
}

/** The broker says that it was delivered: acknowledged. Which of several copies is not said. */
static inline void model_delivered(model *m, unsigned number, unsigned who)
{
    copy *one = NULL;
    unsigned count = 0;
    each_copy(m, number, c)
    {
        count += c->who == who;
        one = c->who == who ? c : one;
    }
    if (count == 1 && one->arrived && one->life == m->accounts[who].life && !one->again)
        one->delivered = true;
}

#endif
