// SPDX-License-Identifier: MIT
// The program in a simulation: a process with a client, what it asks of it, and what it hears.
#ifndef MQW_SIM_PROGRAM_H
#define MQW_SIM_PROGRAM_H

#include "client/environment.h"
#include "depot.h"
#include "server.h"

enum { TOKENS = 256, REQUESTS = 32, PROCESSES = 8 };

typedef struct sim sim;

/** What happens at a given byte. */
typedef enum mishap { CUT, RESTART, FORGET, STALL, CRASH, MISHAPS } mishap;

/** What a run is like. */
typedef struct plan {
    uint8_t version;     /**< Of the client: 0, 3, 4 or 5. */
    unsigned ups, downs; /**< Messages. */
    unsigned requests;
    unsigned faults, crashes;
    uint64_t calm; /**< No more faults from then on. */
    uint16_t keep_alive, receive_maximum, alias_maximum;
    uint32_t latency, pace;
    bool manual, durable, clean, early;
    bool plain;                /**< Small messages of QoS 0, 1, 2 in turn, all at once. */
    uint64_t cut_up, cut_down; /**< Something happens to the first connection there; 0: nothing. */
    mishap mishap;
    bool lies; /**< Mutant: the store says that it has what it has not. */
} plan;

/** A client and its world; one that has crashed is heard no more. */
typedef struct process {
    sim *in;
    mqw_client *client; /**< NULL: freed. */
    uint64_t wake;
    bool dead, closed, gave_up;
} process;

typedef struct token {
    mqw_token name;
    unsigned number;
    uint64_t at;
} token;

typedef struct request {
    process *asks;
    unsigned topic, done;
    int result;
    bool on;
} request;

struct sim {
    world on;
    ledger book;
    server host;
    depot depot;
    plan plan;
    process processes[PROCESSES];
    process *present; /**< NULL: it has crashed, and is not yet back. */
    unsigned started;
    line *lines;
    token tokens[TOKENS];
    unsigned unacked;
    request requests[REQUESTS];
    unsigned requested;
    bool calling; /**< The program is inside a call that may not call back. */
    bool leaving;
    bool happened;                  /**< The mishap at a given byte. */
    const mqw_allocator *allocator; /**< Of connections; NULL: malloc. */
    unsigned faults, crashes;
    uint64_t next_up, next_down, next_request, next_fault, next_start, steps;
};

// ---- what it hears ----

static inline bool is_starved(const sim *s, int result)
{
    return s->book.starved && result == MQW_E_NO_MEMORY;
}

static inline void on_done(mqw_client *client, int result, const mqw_packet *packet, void *ctx)
{
    process *self = mqw_client_ctx(client);
    entry *e = ctx;
    (void)packet;
    if (self->dead)
        return;
    note(&self->in->on, "up %d is over: %d", (int)(e - self->in->book.up), result);
    if (self->in->calling)
        wrong(&self->in->on, "a completion is called inside the call");
    if (!e->accepted || e->orphan)
        wrong(&self->in->on, "up %d ends, which was not accepted here", (int)(e - self->in->book.up));
    if (e->qos == 2 && result >= 0 && result < 0x80 && !e->taken)
        wrong(&self->in->on, "up %d ends before it was taken", (int)(e - self->in->book.up));
    e->done++;
    e->result = result;
}

static inline void on_taken(mqw_client *client, void *ctx)
{
    process *self = mqw_client_ctx(client);
    entry *e = ctx;
    if (self->dead)
        return;
    if (e->taken || self->in->calling)
        wrong(&self->in->on, "up %d is taken again, or inside the call", (int)(e - self->in->book.up));
    e->taken = true;
}

static inline void on_request(mqw_client *client, int result, const mqw_packet *packet, void *ctx)
{
    process *self = mqw_client_ctx(client);
    request *r = ctx;
    (void)packet;
    if (self->dead)
        return;
    if (self->in->calling)
        wrong(&self->in->on, "a completion is called inside the call");
    r->done++;
    r->result = result;
}

static inline void on_message(mqw_client *client, const mqw_publish *publish, mqw_token name, void *ctx)
{
    process *self = ctx;
    sim *s = self->in;
    int number = number_in(publish->payload, "down");
    char topic[16];
    (void)client;
    if (self->dead)
        return;
    ledger_arrived(&s->book, false, number);
    if (s->on.wrong[0])
        return;
    entry *e = &s->book.down[number];
    if (e->unsure)
        e->owned = 0; // the program that had it is gone
    e->unsure = false;
    int len = snprintf(topic, sizeof topic, "down/%u", e->topic);
    if (publish->topic.len != (size_t)len || memcmp(publish->topic.data, topic, publish->topic.len))
        wrong(&s->on, "down %d has another topic", number);
    if ((name != 0) != (s->plan.manual && e->qos > 0))
        wrong(&s->on, "down %d has a token, or none", number);
    if (!name)
        e->owned++;
    else if (s->unacked < TOKENS)
        s->tokens[s->unacked++] =
            (token){name, (unsigned)number, s->on.now + chance(&s->on, s->plan.pace * 4)};
}

static inline void on_open(mqw_client *client, const mqw_connack *connack, void *ctx)
{
    const process *self = ctx;
    (void)client;
    note(&self->in->on, "open, session %s", connack->session_present ? "present" : "new");
}

static inline void on_lost(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    const process *self = ctx;
    (void)client;
    note(&self->in->on, "lost: %s, retry in %lld", failure->words, (long long)failure->retry_in);
}

static inline void on_close(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    process *self = ctx;
    (void)client;
    if (self->closed)
        wrong(&self->in->on, "closed twice");
    self->closed = true;
    self->gave_up = failure != NULL;
    if (!self->dead && (failure ? !is_starved(self->in, failure->result) : !self->in->leaving))
        wrong(&self->in->on, "the client gave up: %s", failure ? failure->words : "closed by nobody");
}

// ---- what it asks ----

static inline void program_publishes(sim *s)
{
    static uint8_t payload[6000];
    char topic[16];
    ledger *book = &s->book;
    unsigned number = book->ups++;
    entry *e = &book->up[number];
    bool plain = s->plan.plain;
    e->qos = (uint8_t)(plain ? number % 3 : chance(&s->on, 3));
    e->topic = (uint8_t)(plain ? 0 : chance(&s->on, TOPICS));
    e->expires = !plain && one_in(&s->on, 12);
    e->taken = e->qos == 0;
    int at = snprintf((char *)payload, 16, "up %u ", number);
    size_t len = plain ? 8 : one_in(&s->on, 16) ? 5000 : 10 + chance(&s->on, 60);
    memset(payload + at, 'x', sizeof payload - (size_t)at);
    e->large = len > 1000;
    int topic_len = snprintf(topic, sizeof topic, "up/%u", e->topic);
    mqw_publish publish = {
        .topic = {topic, (size_t)topic_len}, .payload = {payload, len}, .qos = e->qos, .packet_id = 77};
    if (e->expires)
        mqw_set(&publish.props, message_expiry, 1 + chance(&s->on, 4));
    e->accepted = true;
    s->calling = true;
    int result = mqw_client_publish(s->present->client, &publish, on_done, e);
    s->calling = false;
    e->accepted = result == 0;
    note(&s->on, "program publishes up %u, QoS %u: %d", number, e->qos, result);
    if (result < 0 && !(result == MQW_E_TOO_LARGE && e->large) && !is_starved(s, result))
        wrong(&s->on, "up %u is not accepted: %s", number, mqw_strerror(result));
}

static inline void program_asks(sim *s, unsigned topic, bool on)
{
    char name[16];
    if (s->requested == REQUESTS)
        return;
    for (unsigned i = 0; i < s->requested; i++)
        if (s->requests[i].topic == topic && s->requests[i].asks == s->present && !s->requests[i].done)
            return;
    request *r = &s->requests[s->requested++];
    *r = (request){.asks = s->present, .topic = topic, .on = on};
    size_t len = (size_t)snprintf(name, sizeof name, "down/%u", topic);
    mqw_filter filter = {.filter = {name, len}, .qos = 2};
    s->calling = true;
    int result = on ? mqw_client_subscribe(s->present->client, &filter, 1, NULL, on_request, r)
                    : mqw_client_unsubscribe(s->present->client, &filter.filter, 1, NULL, on_request, r);
    s->calling = false;
    note(&s->on, "program %ssubscribes %s: %d", on ? "" : "un", name, result);
    if (result < 0)
        s->requested--;
    if (result < 0 && !is_starved(s, result))
        wrong(&s->on, "a request is not accepted: %s", mqw_strerror(result));
}

/* Acknowledges one of those that are due, whichever. */
static inline void program_acks(sim *s)
{
    unsigned which = chance(&s->on, s->unacked);
    token t = s->tokens[which];
    if (t.at > s->on.now)
        return;
    s->tokens[which] = s->tokens[--s->unacked];
    entry *e = &s->book.down[t.number];
    e->owned++; // it may be said before the call returns
    int result = mqw_client_ack(s->present->client, t.name, 0);
    e->owned -= result != 0;
    if (is_starved(s, result))
        s->tokens[s->unacked++] = t;
    else if (result != 0 && result != MQW_E_CLOSED)
        wrong(&s->on, "down %u cannot be acknowledged: %s", t.number, mqw_strerror(result));
}

/* What the server grants is what was asked for last. */
static inline bool topic_is_settled(const sim *s, unsigned topic)
{
    for (unsigned i = s->requested; i-- > 0;)
        if (s->requests[i].topic == topic && !s->requests[i].asks->dead &&
            !is_starved(s, s->requests[i].result))
            return (s->host.granted[topic] > 0) == s->requests[i].on;
    return true;
}

static inline bool program_is_done(const sim *s)
{
    const ledger *book = &s->book;
    if (book->ups < s->plan.ups || s->unacked || s->host.count)
        return false;
    for (unsigned i = 0; i < book->ups; i++)
        if (book->up[i].accepted && !book->up[i].orphan && !book->up[i].done)
            return false;
    for (unsigned i = 0; i < s->requested; i++)
        if (s->requests[i].asks == s->present && !s->requests[i].done)
            return false;
    for (unsigned topic = 0; topic < TOPICS; topic++)
        if (!s->host.line || !topic_is_settled(s, topic))
            return false;
    for (unsigned i = 0; i < book->ups; i++) // those nobody waits for
        if (is_lost(&book->up[i]))
            return false;
    return true;
}

static inline void program_check(sim *s)
{
    for (unsigned i = 0; i < s->requested; i++) {
        const request *r = &s->requests[i];
        if (r->asks->dead)
            continue;
        if (r->done != 1)
            wrong(&s->on, "a request was ended %u times", r->done);
        if (r->result < 0 && !(r->result == MQW_E_CLOSED && s->book.early) && !is_starved(s, r->result))
            wrong(&s->on, "a request failed: %s", mqw_strerror(r->result));
    }
    for (unsigned topic = 0; topic < TOPICS && !s->leaving; topic++)
        if (!topic_is_settled(s, topic))
            wrong(&s->on, "down/%u is %ssubscribed in the end", topic, s->host.granted[topic] ? "" : "not ");
}

#endif
