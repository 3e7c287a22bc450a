// SPDX-License-Identifier: MIT
// A scripted server: one client, its session in small arrays, acknowledgements late but in order, QoS 2
// handed on with PUBLISH or with PUBREL. It judges strictly what it is sent. Mutants of it break a promise
// each, to show that the checks notice.
#ifndef MQW_SIM_SERVER_H
#define MQW_SIM_SERVER_H

#include "line.h"

#include <mqwire/session.h>

typedef enum mutant {
    SOUND,
    FORGETS_INBOX, /**< Hands QoS 2 on with every PUBLISH. */
    ACKS_UNSEEN,   /**< Acknowledges what it throws away. */
    SWAPS,         /**< Hands a message on behind the next one. */
    LOSES_DOWN,    /**< Takes a message as delivered that is on its way. */
    DOUBLES_DOWN,  /**< Sends a QoS 2 message again after PUBCOMP. */
    BLURS_DUP,     /**< The wire loses the DUP flag. */
    LIES_PRESENT,  /**< Says that it has a session that it has lost. */
    FORGETS_SUBSCRIPTIONS,
    MUTANTS
} mutant;

/** A message on its way to the client. */
typedef struct letter {
    unsigned number;
    uint16_t id;
    uint8_t stage; /**< mqw_stage */
    bool sent;     /**< On this connection. */
} letter;

typedef struct answer {
    uint64_t at;
    int type;
    uint16_t id;
    uint8_t reason;
} answer;

typedef struct server {
    world *on;
    ledger *book;
    // what it is like
    uint8_t version; /**< Highest that it speaks. */
    uint16_t receive_maximum, alias_maximum, keep_alive;
    uint32_t max_packet, slowness;
    bool shuffles, refuses;
    mutant mutant;
    // its session
    bool session, brief;     /**< Brief: it ends with its connection (3.x, clean session). */
    uint8_t granted[TOPICS]; /**< QoS + 1. */
    letter letters[MESSAGES];
    unsigned count;
    uint16_t last_id;
    uint32_t inbox[IDS]; /**< A number + 1. */
    int swapped;         /**< Mutant: handed on behind the next one. */
    // its present
    bool down, unwell; /**< Not there; refuses every CONNECT. */
    line *line;        /**< Of the client that was accepted. */
    answer answers[4 * MESSAGES];
    unsigned owed;
} server;

static inline void server_start(server *host, world *on, ledger *book)
{
    memset(host, 0, sizeof *host);
    host->on = on;
    host->book = book;
    host->swapped = -1;
}

static inline void server_forget(server *host)
{
    for (unsigned i = 0; i < host->count; i++)
        host->book->down[host->letters[i].number].excused = true;
    host->count = 0;
    host->session = false;
    host->last_id = 0;
    memset(host->granted, 0, sizeof host->granted);
    memset(host->inbox, 0, sizeof host->inbox);
    ledger_excuse(host->book);
}

/* The connection is over on its side. */
static inline void server_gone(server *host, line *l)
{
    mqw_conn_free(l->server);
    l->server = NULL;
    l->down.ended = true;
    if (host->line != l)
        return;
    host->line = NULL;
    host->owed = 0;
    if (host->brief)
        server_forget(host);
}

static inline void server_close(server *host, line *l)
{
    way_load(&l->down, l->on, l->server, l->latency);
    server_gone(host, l);
}

static inline void server_accept(server *host, line *l)
{
    const mqw_conn_options options = {.answers = MQW_ANSWER_PINGRESP, .alias_out = MQW_ALIAS_RECENT};
    l->server = mqw_conn_new(MQW_SERVER, &options);
    assert_non_null(l->server);
    mqw_conn_clock(l->server, host->on->now);
}

/* Its own sends have to succeed. */
static inline void server_says(server *host, line *l, int result)
{
    mqw_error why;
    char text[200] = "";
    if (result >= 0)
        return;
    if (mqw_conn_refusal(l->server, &why))
        mqw_error_print(text, sizeof text, &why);
    wrong(host->on, "the server cannot send: %s: %s", mqw_strerror(result), text);
}

// ---- letters: what the client is to have ----

static inline void letter_end(server *host, letter *gone)
{
    size_t at = (size_t)(gone - host->letters);
    memmove(gone, gone + 1, (host->count - at - 1) * sizeof *gone);
    host->count--;
}

static inline letter *letter_by_id(server *host, uint16_t id)
{
    for (unsigned i = 0; i < host->count; i++)
        if (host->letters[i].id == id)
            return &host->letters[i];
    return NULL;
}

static inline int letter_send(server *host, line *l, const letter *to, bool dup)
{
    char topic[16], payload[16];
    const entry *e = &host->book->down[to->number];
    int topic_len = snprintf(topic, sizeof topic, "down/%u", e->topic);
    int len = snprintf(payload, sizeof payload, "down %u ", to->number);
    mqw_publish publish = {.topic = {topic, (size_t)topic_len},
                           .payload = {(const uint8_t *)payload, (size_t)len},
                           .packet_id = to->id,
                           .qos = e->qos,
                           .dup = dup};
    return mqw_conn_publish(l->server, &publish);
}

static inline void server_post(server *host)
{
    line *l = host->line;
    for (unsigned i = 0; i < host->count; i++) {
        letter *to = &host->letters[i];
        mqw_ack ack = {.packet_id = to->id};
        if (to->sent)
            continue;
        if (to->stage == MQW_RELEASED) {
            server_says(host, l, mqw_conn_pubrel(l->server, &ack));
        } else if (mqw_conn_quota(l->server) == 0) {
            return;
        } else {
            if (!to->id)
                to->id = ++host->last_id;
            server_says(host, l, letter_send(host, l, to, to->stage == MQW_PUBLISHED));
            to->stage = MQW_PUBLISHED;
        }
        to->sent = true;
    }
}

/** The server has a message for the client, if that has subscribed. */
static inline void server_tell(server *host, uint8_t qos, uint8_t topic)
{
    ledger *book = host->book;
    if (!host->session || !host->granted[topic] || book->downs == MESSAGES || host->count == MESSAGES)
        return;
    entry *e = &book->down[book->downs];
    e->qos = qos < host->granted[topic] ? qos : (uint8_t)(host->granted[topic] - 1);
    e->topic = topic;
    e->accepted = true;
    letter to = {.number = book->downs++};
    if (e->qos)
        host->letters[host->count++] = to;
    else if (host->line)
        server_says(host, host->line, letter_send(host, host->line, &to, false));
}

static inline void letter_answered(server *host, const mqw_packet *packet)
{
    uint16_t id = packet->puback.packet_id;
    letter *to = letter_by_id(host, id);
    if (!to || !to->sent) {
        wrong(host->on, "the client answers %u, which was not sent", id);
        return;
    }
    bool refused = packet->puback.reason >= 0x80;
    uint8_t qos = host->book->down[to->number].qos;
    if (qos != (packet->type == MQW_PUBACK ? 1 : 2))
        wrong(host->on, "the client answers %u of QoS %u with another packet", id, qos);
    if (packet->type == MQW_PUBREC && !refused) {
        to->stage = MQW_RELEASED;
        to->sent = false;
    } else if (packet->type == MQW_PUBCOMP && to->stage != MQW_RELEASED) {
        wrong(host->on, "PUBCOMP %u without PUBREL", id);
    } else if (host->mutant == DOUBLES_DOWN && packet->type == MQW_PUBCOMP && one_in(host->on, 4)) {
        *to = (letter){.number = to->number};
    } else {
        letter_end(host, to);
    }
}

// ---- what the client has for it ----

static inline void owe(server *host, int type, uint16_t id, uint8_t reason)
{
    if (host->owed == sizeof host->answers / sizeof *host->answers) {
        wrong(host->on, "the server owes too many answers");
        return;
    }
    uint64_t at = host->on->now + chance(host->on, host->slowness + 1);
    unsigned where = host->owed++;
    if (host->shuffles)
        where = chance(host->on, host->owed);
    memmove(&host->answers[where + 1], &host->answers[where],
            (host->owed - 1 - where) * sizeof *host->answers);
    host->answers[where] = (answer){at, type, id, reason};
}

static inline void hand_on(server *host, int number)
{
    if (host->mutant == ACKS_UNSEEN && one_in(host->on, 8))
        return;
    if (host->mutant == SWAPS && host->swapped < 0 && one_in(host->on, 4)) {
        host->swapped = number;
        return;
    }
    ledger_arrived(host->book, true, number);
    if (host->swapped >= 0)
        ledger_arrived(host->book, true, host->swapped);
    host->swapped = -1;
}

static inline bool server_refuses(server *host, int number)
{
    if (!host->refuses || !one_in(host->on, 20))
        return false;
    host->book->up[number].refused = true;
    return true;
}

static inline void take_twice_safe(server *host, int number, const mqw_publish *p)
{
    if (p->packet_id >= IDS) {
        wrong(host->on, "identifier %u", p->packet_id);
        return;
    }
    uint32_t *taken = &host->inbox[p->packet_id];
    if (*taken && *taken != (uint32_t)number + 1)
        wrong(host->on, "up %d has the identifier of up %u, which was not released", number, *taken - 1);
    bool fresh = !*taken || host->mutant == FORGETS_INBOX;
    if (!*taken && server_refuses(host, number)) {
        owe(host, MQW_PUBREC, p->packet_id, 0x97);
        return;
    }
    *taken = (uint32_t)number + 1;
    if (fresh && host->book->hasty)
        hand_on(host, number);
    owe(host, MQW_PUBREC, p->packet_id, 0);
}

static inline void server_takes(server *host, const mqw_publish *p)
{
    int number = number_in(p->payload, "up");
    if (number < 0 || (unsigned)number >= host->book->ups) {
        wrong(host->on, "the server is sent what the program did not publish");
        return;
    }
    char topic[16];
    int len = snprintf(topic, sizeof topic, "up/%u", host->book->up[number].topic);
    if (p->topic.len != (size_t)len || memcmp(p->topic.data, topic, p->topic.len))
        wrong(host->on, "up %d has another topic", number);
    if (p->qos == 2) {
        take_twice_safe(host, number, p);
    } else if (p->qos == 1 && server_refuses(host, number)) {
        owe(host, MQW_PUBACK, p->packet_id, 0x97);
    } else {
        hand_on(host, number);
        if (p->qos)
            owe(host, MQW_PUBACK, p->packet_id, 0);
    }
}

static inline void server_releases(server *host, const mqw_ack *ack)
{
    uint32_t *taken = ack->packet_id < IDS ? &host->inbox[ack->packet_id] : NULL;
    bool known = taken && *taken;
    bool modern = mqw_conn_version(host->line->server) == MQW_5_0;
    if (known && !host->book->hasty)
        hand_on(host, (int)*taken - 1);
    if (known)
        *taken = 0;
    owe(host, MQW_PUBCOMP, ack->packet_id, known || !modern ? 0 : MQW_REASON_PACKET_ID_NOT_FOUND);
}

static inline void server_subscribes(server *host, const mqw_subscribe *packet, bool on)
{
    uint8_t reasons[TOPICS * 4];
    size_t count = 0;
    mqw_list left = packet->filters;
    mqw_filter filter = {.qos = 0};
    while (count < sizeof reasons &&
           (on ? mqw_next_filter(&left, &filter) : mqw_next_topic(&left, &filter.filter))) {
        unsigned topic = (unsigned)(filter.filter.data[filter.filter.len - 1] - '0');
        if (topic >= TOPICS)
            wrong(host->on, "a filter that the program did not name");
        else if (host->mutant != FORGETS_SUBSCRIPTIONS || one_in(host->on, 2))
            host->granted[topic] = on ? (uint8_t)(filter.qos + 1) : 0;
        reasons[count++] = on ? filter.qos : 0;
    }
    mqw_conn *conn = host->line->server;
    bool none = !on && mqw_conn_version(conn) < MQW_5_0;
    mqw_suback ack = {.packet_id = packet->packet_id, .reasons = {none ? NULL : reasons, none ? 0 : count}};
    server_says(host, host->line, on ? mqw_conn_suback(conn, &ack) : mqw_conn_unsuback(conn, &ack));
}

// ---- CONNECT ----

static inline void server_denies(server *host, line *l, uint8_t version)
{
    static const uint8_t old[] = {0x20, 2, 0, 1};
    mqw_connack connack = {.reason = 0x84};
    if (version == MQW_5_0 && one_in(host->on, 2))
        server_says(host, l, mqw_conn_connack(l->server, &connack));
    else
        server_says(host, l, mqw_conn_send_raw(l->server, (mqw_bytes){old, sizeof old}));
    server_close(host, l);
}

static inline void server_welcomes(server *host, line *l, const mqw_connect *connect)
{
    mqw_connack connack = {.session_present = host->session && connect->version > MQW_3_1};
    if (host->mutant == LIES_PRESENT && connect->version > MQW_3_1 && !connect->clean_start)
        connack.session_present = true;
    host->book->made += !host->session;
    host->session = true;
    host->brief = connect->clean_start && connect->version < MQW_5_0;
    if (connect->version == MQW_5_0) {
        if (host->receive_maximum)
            mqw_set(&connack.props, receive_maximum, host->receive_maximum);
        if (host->alias_maximum)
            mqw_set(&connack.props, topic_alias_maximum, host->alias_maximum);
        if (host->keep_alive)
            mqw_set(&connack.props, server_keep_alive, host->keep_alive);
        if (host->max_packet)
            mqw_set(&connack.props, maximum_packet_size, host->max_packet);
    }
    server_says(host, l, mqw_conn_connack(l->server, &connack));
    host->line = l;
    for (unsigned i = 0; i < host->count; i++)
        host->letters[i].sent = false;
}

static inline void server_greets(server *host, line *l, const mqw_connect *connect)
{
    if (host->line && host->line != l)
        server_close(host, host->line); // it takes the session over (MQTT-3.1.4-3)
    if (connect->version > host->version) {
        server_denies(host, l, connect->version);
        return;
    }
    if (host->unwell) {
        mqw_connack connack = {.reason = connect->version == MQW_5_0 ? 0x88 : 3};
        server_says(host, l, mqw_conn_connack(l->server, &connack));
        server_close(host, l);
        return;
    }
    if (connect->clean_start)
        server_forget(host);
    server_welcomes(host, l, connect);
}

// ---- what it hears ----

static inline void server_handles(server *host, line *l, const mqw_packet *packet)
{
    note_packet(host->on, "   server <", packet);
    switch (packet->type) {
    case MQW_CONNECT: server_greets(host, l, &packet->connect); break;
    case MQW_PUBLISH: server_takes(host, &packet->publish); break;
    case MQW_PUBREL: server_releases(host, &packet->pubrel); break;
    case MQW_PUBACK:
    case MQW_PUBREC:
    case MQW_PUBCOMP: letter_answered(host, packet); break;
    case MQW_SUBSCRIBE: server_subscribes(host, &packet->subscribe, true); break;
    case MQW_UNSUBSCRIBE: server_subscribes(host, &packet->unsubscribe, false); break;
    case MQW_DISCONNECT: server_close(host, l); break;
    default: break;
    }
}

static inline void server_judges(server *host, const line *l)
{
    mqw_error why;
    char text[200] = "";
    if (mqw_conn_error(l->server, &why))
        mqw_error_print(text, sizeof text, &why);
    wrong(host->on, "the client broke a rule: %s", text);
}

static inline void server_hears(server *host, line *l, const uint8_t *bytes, size_t len)
{
    mqw_packet packet;
    mqw_bytes left = {bytes, len};
    int result = 0;
    if (!l->server)
        return;
    mqw_conn_clock(l->server, host->on->now);
    while (l->server && (result = mqw_conn_recv(l->server, &left, &packet)) > 0)
        server_handles(host, l, &packet);
    if (l->server && result < 0) {
        server_judges(host, l);
        server_close(host, l);
    }
}

// ---- its time ----

static inline void server_answers(server *host)
{
    while (host->owed && (host->answers[0].at <= host->on->now)) {
        answer first = host->answers[0];
        mqw_ack ack = {.packet_id = first.id, .reason = first.reason};
        mqw_conn *conn = host->line->server;
        memmove(host->answers, host->answers + 1, --host->owed * sizeof *host->answers);
        server_says(host, host->line,
                    first.type == MQW_PUBACK   ? mqw_conn_puback(conn, &ack)
                    : first.type == MQW_PUBREC ? mqw_conn_pubrec(conn, &ack)
                                               : mqw_conn_pubcomp(conn, &ack));
    }
}

static inline uint64_t server_due(const server *host)
{
    return host->line && host->owed ? host->answers[0].at : NEVER;
}

/* All that it has to say on a line, and its patience. */
static inline void server_works(server *host, line *l)
{
    if (!l->server)
        return;
    mqw_conn_clock(l->server, host->on->now);
    if (host->line == l) {
        server_answers(host);
        server_post(host);
        if (host->mutant == LOSES_DOWN && host->count && one_in(host->on, 20))
            letter_end(host, &host->letters[0]);
    }
    if (mqw_conn_deadline(l->server) <= host->on->now && mqw_conn_tick(l->server, host->on->now) < 0) {
        note(host->on, "the server has lost its patience");
        server_close(host, l);
        return;
    }
    way_load(&l->down, l->on, l->server, l->latency);
}

#endif
