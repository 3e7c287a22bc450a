// SPDX-License-Identifier: MIT
// A scripted client: it connects, subscribes and publishes as chance has it, keeps its own side of QoS 1 and
// 2, and tells the oracle what it receives.
#ifndef MQW_BROKER_SIM_GUEST_H
#define MQW_BROKER_SIM_GUEST_H

#include "cable.h"
#include "judge.h"

enum { PARCELS = 24, IDS = 4096, ANSWERS = 512, ASKED = 8, ROOM = 1024 };

/** A message of QoS 1 or 2 that it is publishing. */
typedef struct parcel {
    unsigned number;
    uint16_t id;
    uint8_t qos;
    bool sent; /**< On this connection. */
    bool ever;
    bool released;
} parcel;

typedef struct answer {
    uint8_t type, reason;
    uint16_t id;
    uint64_t at;
} answer;

/** A SUBSCRIBE (or UNSUBSCRIBE) on its way. */
typedef struct asking {
    uint16_t id;
    uint8_t count;
    bool off;
    uint8_t filters[3], qos[3];
} asking;

/** What the oracle's judgement is made blind or deaf to: a test of the test. */
typedef enum mutant {
    SOUND,
    LOSES,         /**< A message that arrives is taken for none. */
    DOUBLES,       /**< … for two. */
    SWAPS,         /**< … comes behind the next one. */
    FLIPS_RETAIN,  /**< Its retain flag is turned around. */
    DROPS_ID,      /**< Its subscription identifiers are gone. */
    LOWERS_QOS,    /**< It comes with a lower QoS. */
    MISLEADS,      /**< It comes to another guest. */
    BLURS_TOPIC,   /**< It comes on another topic. */
    AGES,          /**< Its expiry is not counted down. */
    SINGS_DUP,     /**< Each has DUP. */
    LOSES_SESSION, /**< A session that goes on is taken for a new one. */
    KEEPS_SESSION, /**< A new one is taken for one that goes on. */
    ACKS_UNSEEN,   /**< An acknowledgement of what was never taken. */
    HUSHES_DROPS,  /**< What is dropped is not told. */
    STEALS_SHARED, /**< A shared message comes to two members. */
    LIES_ON_DISK,  /**< The store says too early that something is on disk. */
    MUTANTS
} mutant;

typedef struct guest {
    world *on;
    model *book;
    cable *at; /**< NULL: not connected. */
    mutant mutant;
    uint8_t who, version;
    bool leaves_wills;
    uint16_t receive_maximum, alias_maximum, keep_alive;
    uint32_t largest;
    uint64_t next; /**< When it does something of its own. */
    uint32_t slowness;
    unsigned plans;   /**< What it may still do. */
    unsigned life;    /**< Of its session, as it knows. */
    unsigned crashes; /**< Of the broker, when it connected last. */
    // its side of the session
    parcel parcels[PARCELS];
    unsigned parcel_count;
    uint16_t last_id;
    uint16_t inbox[IDS];  /**< Number + 1 of the QoS 2 message of this identifier that was not released. */
    bool denied[IDS];     /**< … which it has refused: then the identifier may be free. */
    uint16_t flying[IDS]; /**< … of what was sent to it and it has not acknowledged. */
    answer answers[ANSWERS];
    unsigned answered, owed;
    asking asked[ASKED];
    unsigned asked_count;
    // for mutants
    mqw_packet *held;
} guest;

static inline mqw_text text_of(const char *text)
{
    return (mqw_text){text, strlen(text)};
}

// ---- what a message is like ----

static inline mqw_bytes payload_of(unsigned number, char *room, size_t cap)
{
    size_t len = (size_t)snprintf(room, cap, "n%u ", number);
    size_t want = number % 7 == 0 ? 300 : number % 5 == 0 ? 40 : len; // some are larger
    while (len < want && len < cap)
        room[len++] = '.';
    return (mqw_bytes){(const uint8_t *)room, len};
}

/** What is to be forwarded with it, in wire form where it is a list. */
static inline void props_of(const message *msg, mqw_props *out)
{
    static const uint8_t pairs[] = {0x26, 0, 1, 'b',  0, 1, '2', 0x26, 0, 1,
                                    'a',  0, 0, 0x26, 0, 1, 'b', 0,    1, '1'};
    out->has = 0;
    if (!msg->props || !msg->is_5)
        return;
    mqw_set(out, payload_format, 1);
    mqw_set(out, content_type, text_of("text/plain"));
    mqw_set(out, response_topic, text_of("answers"));
    mqw_set(out, correlation_data, ((mqw_bytes){(const uint8_t *)"\0\1\2", 3}));
    mqw_set(out, user, ((mqw_list){{pairs, sizeof pairs}}));
}

static inline mqw_publish publish_of(const model *m, unsigned number, char *room, size_t cap)
{
    const message *msg = &m->messages[number];
    mqw_publish p = {.topic = text_of(topics[msg->topic]), .qos = msg->qos, .retain = msg->retain};
    if (!msg->empty)
        p.payload = payload_of(number, room, cap);
    props_of(msg, &p.props);
    if (msg->expiry)
        mqw_set(&p.props, message_expiry, msg->expiry);
    return p;
}

// ---- sending ----

static inline void guest_loses(guest *g)
{
    g->at = NULL;
    g->asked_count = g->owed = g->answered = 0;
    for (unsigned i = 0; i < g->parcel_count; i++)
        g->parcels[i].sent = false;
}

/* Ends its side of the connection. */
static inline void guest_closes(guest *g, cable *c)
{
    if (g->at == c)
        guest_loses(g);
    if (!c->client)
        return;
    mqw_conn_shut(c->client);
    way_load(&c->up, c->on, c->client, c->latency);
    c->up.ended = true;
    mqw_conn_free(c->client);
    c->client = NULL;
}

static inline void parcel_remove(guest *g, unsigned at)
{
    memmove(&g->parcels[at], &g->parcels[at + 1], (--g->parcel_count - at) * sizeof *g->parcels);
}

static inline parcel *parcel_find(guest *g, uint16_t id)
{
    for (unsigned i = 0; i < g->parcel_count; i++)
        if (g->parcels[i].id == id && g->parcels[i].ever)
            return &g->parcels[i];
    return NULL;
}

/* Sends what is queued, in order, as far as the broker allows. */
static inline void guest_posts(guest *g)
{
    char room[ROOM];
    cable *c = g->at;
    if (!c || !c->client || !c->welcomed)
        return;
    for (unsigned i = 0; i < g->parcel_count; i++) {
        parcel *p = &g->parcels[i];
        mqw_ack ack = {.packet_id = p->id};
        if (p->sent)
            continue;
        mqw_publish packet = publish_of(g->book, p->number, room, sizeof room);
        packet.packet_id = p->id;
        packet.dup = p->ever;
        if ((p->released ? mqw_conn_pubrel(c->client, &ack) : mqw_conn_publish(c->client, &packet)) < 0)
            return;
        g->book->messages[p->number].sent += !p->released;
        p->sent = p->ever = true;
    }
}

static inline void guest_publishes(guest *g, unsigned number)
{
    char room[ROOM];
    const message *msg = &g->book->messages[number];
    if (msg->qos) {
        if (++g->last_id >= IDS)
            g->last_id = 1;
        g->parcels[g->parcel_count++] = (parcel){.number = number, .id = g->last_id, .qos = msg->qos};
        guest_posts(g);
    } else {
        mqw_publish packet = publish_of(g->book, number, room, sizeof room);
        g->book->messages[number].sent += mqw_conn_publish(g->at->client, &packet) >= 0;
    }
}

static inline bool is_asked(const guest *g, unsigned filter)
{
    for (unsigned i = 0; i < g->asked_count; i++)
        for (unsigned j = 0; j < g->asked[i].count; j++)
            if (g->asked[i].filters[j] == filter)
                return true;
    return false;
}

static inline void choose_filters(guest *g, asking *a, unsigned most)
{
    unsigned below = g->version == MQW_5_0 ? FILTERS : FIRST_SHARED;
    a->count = 0;
    for (unsigned tries = 0; tries < 6 && a->count < most; tries++) {
        uint8_t filter = (uint8_t)chance(g->on, below);
        bool twice = is_asked(g, filter);
        for (unsigned i = 0; i < a->count; i++)
            twice |= a->filters[i] == filter;
        if (!twice)
            a->filters[a->count++] = filter;
    }
}

static inline void guest_subscribes(guest *g)
{
    uint8_t room[ROOM];
    mqw_filter items[3] = {0};
    mqw_subscribe packet = {0};
    world *on = g->on;
    asking a = {.off = one_in(on, 4)};
    bool identified = !a.off && g->version == MQW_5_0 && one_in(on, 2);
    if (g->asked_count == ASKED)
        return;
    choose_filters(g, &a, identified ? 1 : 1 + chance(on, 3));
    if (!a.count)
        return;
    if (++g->last_id >= IDS)
        g->last_id = 1;
    a.id = packet.packet_id = g->last_id;
    mqw_text names[3];
    for (unsigned i = 0; i < a.count; i++) {
        bool shared = is_shared(a.filters[i]), is_5 = g->version == MQW_5_0;
        a.qos[i] = (uint8_t)chance(on, 3);
        names[i] = text_of(filters[a.filters[i]]);
        items[i] = (mqw_filter){.filter = names[i],
                                .qos = a.qos[i],
                                .no_local = is_5 && !shared && one_in(on, 4),
                                .retain_as_published = is_5 && one_in(on, 2),
                                .retain_handling = is_5 ? (uint8_t)chance(on, 3) : 0};
    }
    if (identified) {
        uint32_t id = a.filters[0] + 1u;
        uint8_t wire[8];
        mqw_set(&packet.props, subscription_ids, mqw_list_ids(wire, sizeof wire, &id, 1));
        packet.filters = mqw_list_filters(room, sizeof room, items, a.count);
        if (mqw_conn_subscribe(g->at->client, &packet) < 0)
            return;
    } else {
        packet.filters = a.off ? mqw_list_topics(room, sizeof room, names, a.count)
                               : mqw_list_filters(room, sizeof room, items, a.count);
        if ((a.off ? mqw_conn_unsubscribe(g->at->client, &packet)
                   : mqw_conn_subscribe(g->at->client, &packet)) < 0)
            return;
    }
    for (unsigned i = 0; i < a.count && !a.off; i++)
        g->at->identified[a.filters[i]] = identified;
    g->asked[g->asked_count++] = a;
}

// ---- receiving ----

static inline void owe(guest *g, uint8_t type, uint16_t id, uint8_t reason)
{
    uint64_t at = g->on->now + (g->slowness ? chance(g->on, g->slowness) : 0);
    uint64_t before = g->owed > g->answered ? g->answers[(g->owed - 1) % ANSWERS].at : 0;
    assert_true(g->owed - g->answered < ANSWERS);
    g->answers[g->owed++ % ANSWERS] = (answer){type, reason, id, at > before ? at : before};
}

static inline void guest_answers(guest *g)
{
    while (g->at && g->at->client && g->answered < g->owed) {
        const answer *a = &g->answers[g->answered % ANSWERS];
        mqw_ack ack = {.packet_id = a->id, .reason = a->reason};
        if (a->at > g->on->now)
            return;
        int result = a->type == MQW_PUBACK   ? mqw_conn_puback(g->at->client, &ack)
                     : a->type == MQW_PUBREC ? mqw_conn_pubrec(g->at->client, &ack)
                                             : mqw_conn_pubcomp(g->at->client, &ack);
        if (result < 0)
            return;
        if (a->type == MQW_PUBACK || a->type == MQW_PUBCOMP || a->reason >= 0x80)
            g->flying[a->id % IDS] = 0;
        g->answered++;
    }
}

static inline void guest_reports(guest *g, const cable *c, const mqw_publish *publish)
{
    mqw_props was = {0};
    int number = number_of(publish->payload);
    receipt r = {g->who, c->life, c->number, g->version, publish, c->left};
    if (number >= 0)
        props_of(&g->book->messages[number], &was);
    model_arrived(g->book, &r, &was);
}

static inline bool mutate(guest *g, const cable *c, mqw_publish *p); // mutants.h

/* Identifiers: one that is in use names the same message, and comes only with DUP (MQTT-2.2.1-4). */
static inline bool is_repeated(guest *g, const mqw_publish *p)
{
    uint16_t now = (uint16_t)(number_of(p->payload) + 1);
    uint16_t flying = g->flying[p->packet_id % IDS];
    if (p->packet_id >= IDS) {
        wrong(g->on, "guest %u gets packet identifier %u", g->who, p->packet_id);
        return true;
    }
    if (flying && !p->dup)
        wrong(g->on, "guest %u gets packet identifier %u, which is in use (MQTT-2.2.1-4)", g->who,
              p->packet_id);
    bool had = p->qos == 2 && g->inbox[p->packet_id] && (p->dup || !g->denied[p->packet_id]);
    if (had && g->inbox[p->packet_id] != now)
        wrong(g->on, "packet identifier %u is another message before PUBREL", p->packet_id);
    return had;
}

static inline void guest_gets(guest *g, const cable *c, const mqw_publish *publish)
{
    mqw_publish p = *publish;
    uint8_t reason = g->version == MQW_5_0 && one_in(g->on, 40) ? 0x80 : 0;
    bool had = p.qos && is_repeated(g, &p);
    if (p.qos) {
        g->flying[p.packet_id % IDS] = (uint16_t)(number_of(p.payload) + 1);
        if (p.qos == 2 && !had) {
            g->inbox[p.packet_id % IDS] = (uint16_t)(number_of(p.payload) + 1);
            g->denied[p.packet_id % IDS] = reason != 0;
        }
        owe(g, p.qos == 1 ? MQW_PUBACK : MQW_PUBREC, p.packet_id, had ? 0 : reason);
    }
    if (!had && !mutate(g, c, &p))
        guest_reports(g, c, &p);
}

static inline void guest_forgets(guest *g)
{
    g->parcel_count = 0;
    memset(g->inbox, 0, sizeof g->inbox);
    memset(g->flying, 0, sizeof g->flying);
}

static inline void guest_welcomed(guest *g, cable *c, const mqw_connack *connack)
{
    if (connack->reason)
        return;
    if (!c->let_in)
        wrong(g->on, "guest %u hears CONNACK and was not let in", g->who);
    else if (g->version > MQW_3_1 && connack->session_present != c->present)
        wrong(g->on, "CONNACK tells guest %u other than what is (MQTT-3.2.2-2)", g->who);
    // Of QoS 1 that was not on disk a broker that has crashed does not know the identifier any more; what it
    // had sent before may still have come after the crash.
    if (g->crashes != c->crashes)
        memset(g->flying, 0, sizeof g->flying);
    g->crashes = c->crashes;
    // A session has come and gone of which it did not hear: what it sends again is new to the broker.
    for (unsigned i = 0; i < g->parcel_count && g->life != c->life; i++)
        g->book->messages[g->parcels[i].number].anew = true;
    g->life = c->life;
    c->welcomed = true;
    model_welcomed(g->book, g->who, c->life);
    if (!c->present)
        guest_forgets(g);
    guest_posts(g);
}

static inline void guest_granted(guest *g, const cable *c, const mqw_suback *suback)
{
    const asking a = g->asked[0];
    if (!g->asked_count || a.id != suback->packet_id) {
        wrong(g->on, "SUBACK or UNSUBACK %u is out of order", suback->packet_id);
        return;
    }
    memmove(g->asked, g->asked + 1, --g->asked_count * sizeof *g->asked);
    for (unsigned i = 0; i < a.count && a.off; i++)
        model_released(g->book, g->who, c->life, a.filters[i]);
    if (a.off && g->version < MQW_5_0)
        return;
    if (suback->reasons.len != a.count) {
        wrong(g->on, "%zu reasons for %u filters (MQTT-3.8.4-6)", suback->reasons.len, a.count);
        return;
    }
    for (unsigned i = 0; i < a.count; i++) {
        uint8_t reason = suback->reasons.data[i];
        bool unsaid = g->version == MQW_3_1 && g->book->doubtful; // it has no word for no
        if (!a.off && reason < 0x80 && reason != a.qos[i] && !(unsaid && reason == 0))
            wrong(g->on, "QoS %u is granted for %u", reason, a.qos[i]);
        if (reason >= 0x80 && !g->book->doubtful)
            wrong(g->on, "filter %s is refused: 0x%02x", filters[a.filters[i]], reason);
        if (!a.off && reason < 0x80)
            model_granted(g->book, g->who, c->life, a.filters[i]);
    }
}

static inline void guest_acked(guest *g, uint8_t type, const mqw_ack *ack)
{
    parcel *p = parcel_find(g, ack->packet_id);
    bool expected = p && p->sent && (type == MQW_PUBACK ? p->qos == 1 : p->qos == 2);
    if (!expected) {
        wrong(g->on, "guest %u gets an acknowledgement of nothing: %u", g->who, ack->packet_id);
        return;
    }
    if (type != MQW_PUBCOMP)
        model_answered(g->book, p->number, ack->reason);
    if (type == MQW_PUBREC && ack->reason < 0x80) {
        p->released = true;
        p->sent = false;
    } else {
        parcel_remove(g, (unsigned)(p - g->parcels));
    }
    guest_posts(g);
}

static inline void guest_handles(guest *g, cable *c, const mqw_packet *packet)
{
    char name[16];
    snprintf(name, sizeof name, "  guest %u <", g->who);
    note_packet(g->on, name, packet);
    switch (packet->type) {
    case MQW_CONNACK: guest_welcomed(g, c, &packet->connack); break;
    case MQW_PUBLISH: guest_gets(g, c, &packet->publish); break;
    case MQW_PUBACK:
    case MQW_PUBREC:
    case MQW_PUBCOMP: guest_acked(g, (uint8_t)packet->type, &packet->puback); break;
    case MQW_PUBREL:
        g->inbox[packet->pubrel.packet_id % IDS] = 0;
        owe(g, MQW_PUBCOMP, packet->pubrel.packet_id, 0);
        break;
    case MQW_SUBACK:
    case MQW_UNSUBACK: guest_granted(g, c, &packet->suback); break;
    default: break;
    }
}

/* What comes when the guest has gone on to another connection is not heard. */
static inline void guest_hears(guest *g, cable *c, const uint8_t *bytes, size_t len)
{
    mqw_packet packet;
    mqw_bytes left = {bytes, len};
    mqw_error why;
    char text[200] = "";
    int result = 0;
    if (!c->client || g->at != c)
        return;
    mqw_conn_clock(c->client, g->on->now);
    while (c->client && (result = mqw_conn_recv(c->client, &left, &packet)) > 0)
        guest_handles(g, c, &packet);
    if (!c->client || result >= 0)
        return;
    if (mqw_conn_error(c->client, &why))
        mqw_error_print(text, sizeof text, &why);
    wrong(g->on, "the broker breaks a rule: %s", text);
    guest_closes(g, c);
}

#endif
