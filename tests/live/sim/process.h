// SPDX-License-Identifier: MIT
// A process in a simulation: the world of its client, what is seen on its wire, how it starts and crashes.
#ifndef MQW_SIM_PROCESS_H
#define MQW_SIM_PROCESS_H

#include "program.h"

enum { PATIENCE = 30 * 60 * 1000, STEPS = 400000 };

// ---- the world of a client ----

static inline uint64_t env_now(void *self)
{
    return ((process *)self)->in->on.now;
}

static inline uint64_t env_wall(void *self)
{
    return WALL + ((process *)self)->in->on.now;
}

static inline uint32_t env_random(void *self)
{
    return world_random(&((process *)self)->in->on);
}

static inline int env_open(void *self, const char *address, const mqw_open_options *options, mqw_conn **out)
{
    process *p = self;
    sim *s = p->in;
    bool trouble = s->on.now < s->plan.calm && s->faults < s->plan.faults;
    (void)address;
    if (p->dead || (trouble && one_in(&s->on, 12)))
        return MQW_E_STREAM;
    line *l = calloc(1, sizeof *l);
    assert_non_null(l);
    l->client = mqw_conn_new_shared(MQW_CLIENT, options->config);
    if (!l->client) {
        free(l);
        return MQW_E_NO_MEMORY;
    }
    l->on = &s->on;
    l->process = p;
    l->latency = s->plan.latency;
    l->refused = s->host.down || (trouble && one_in(&s->on, 12));
    l->due = s->on.now + 1 + chance(&s->on, l->latency);
    l->clean = one_in(&s->on, 2);
    way_start(&l->up, &s->on);
    way_start(&l->down, &s->on);
    if (!s->lines && s->plan.cut_up)
        l->up.cut_after = s->plan.cut_up;
    if (!s->lines && s->plan.cut_down)
        l->down.cut_after = s->plan.cut_down;
    s->plan.cut_up = s->plan.cut_down = 0;
    watch_start(&l->seen);
    l->next = s->lines;
    s->lines = l;
    mqw_conn_clock(l->client, s->on.now);
    mqw_conn_set_link(l->client, l, line_woken);
    note(&s->on, "dials%s", l->refused ? ", will be refused" : "");
    *out = l->client;
    return 0;
}

static inline void env_close(void *self, mqw_conn *conn)
{
    (void)self;
    line_close(mqw_conn_link(conn));
}

static inline void env_abort(void *self, mqw_conn *conn)
{
    (void)self;
    line_abort(mqw_conn_link(conn));
}

static inline void env_flush(void *self, mqw_conn *conn)
{
    line *l = mqw_conn_link(conn);
    (void)self;
    if (l->phase == UP)
        way_load(&l->up, l->on, conn, l->latency);
}

static inline const char *env_why(void *self, const mqw_conn *conn)
{
    (void)self;
    return conn ? "the line was cut" : "";
}

static inline void env_wake(void *self, uint64_t deadline)
{
    ((process *)self)->wake = deadline;
}

static inline void env_free(void *self)
{
    process *p = self;
    if (!p->client || !p->closed)
        wrong(&p->in->on, "a client is freed twice, or before on_close");
    p->client = NULL;
    if (p->in->present == p)
        p->in->present = NULL;
}

// ---- what is seen on the wire ----

/* A promise is on disk before QoS 2 is said of it. */
static inline void check_disk(sim *s, const mqw_packet *packet)
{
    char text[16];
    if (packet->type == MQW_PUBLISH && packet->publish.qos == 2) {
        int number = number_in(packet->publish.payload, "up");
        snprintf(text, sizeof text, "up %d ", number);
        if (!depot_holds(&s->depot, text))
            wrong(&s->on, "up %d is published before it is on disk", number);
    }
    uint32_t whose = packet->type == MQW_PUBREL ? s->book.ids[packet->pubrel.packet_id % IDS] : 0;
    if (whose && whose != REQUEST && s->book.up[whose - 1].changed >= s->depot.committed)
        wrong(&s->on, "up %u is released before that is on disk", whose - 1);
}

static inline void tap(mqw_conn *conn, bool sent, const mqw_packet *packet, mqw_bytes raw, void *ctx)
{
    process *p = ctx;
    sim *s = p->in;
    line *l = mqw_conn_link(conn);
    (void)raw;
    if (!packet || p->dead || !l)
        return;
    note_packet(&s->on, sent ? "client >" : "client <", packet);
    if (!sent) {
        client_hears(&s->book, &l->seen, packet, s->depot.operations);
        return;
    }
    if (s->plan.durable)
        check_disk(s, packet);
    mqw_packet seen = *packet;
    if (s->host.mutant == BLURS_DUP && packet->type == MQW_PUBLISH)
        seen.publish.dup = false;
    client_says(&s->book, &l->seen, &seen);
}

// ---- starting and stopping a client ----

static inline void sim_start_client(sim *s)
{
    process *p = &s->processes[s->started++];
    const mqw__environment around = {.self = p,
                                     .now = env_now,
                                     .wall = env_wall,
                                     .random = env_random,
                                     .open = env_open,
                                     .close = env_close,
                                     .abort = env_abort,
                                     .flush = env_flush,
                                     .why = env_why,
                                     .wake = env_wake,
                                     .free = env_free};
    const mqw_conn_options conn = {.tap = tap, .tap_ctx = p, .allocator = s->allocator};
    const mqw_open_options open = {.conn = &conn};
    mqw_connect connect = {.version = s->plan.version,
                           .clean_start = s->plan.clean && !s->plan.durable,
                           .keep_alive = s->plan.keep_alive,
                           .client_id = MQW_TEXT("sim")};
    if (s->plan.version == 0 || s->plan.version == MQW_5_0) {
        mqw_set(&connect.props, session_expiry, UINT32_MAX);
        if (s->plan.receive_maximum)
            mqw_set(&connect.props, receive_maximum, s->plan.receive_maximum);
        if (s->plan.alias_maximum)
            mqw_set(&connect.props, topic_alias_maximum, s->plan.alias_maximum);
    }
    mqw_client_options options = {
        .address = "one, two",
        .connect = &connect,
        .open = &open,
        .handlers = {.on_open = on_open, .on_message = on_message, .on_lost = on_lost, .on_close = on_close},
        .ctx = p,
        .store = s->plan.durable ? s->depot.store : NULL,
        .connect_timeout = 5000,
        .retry_max = 2000,
        .stubborn = true,
        .manual_ack = s->plan.manual,
        .request_timeout = PATIENCE};
    p->in = s;
    p->wake = NEVER;
    int result = mqw__client_new(&p->client, &around, &options);
    if (result < 0) {
        if (!is_starved(s, result))
            wrong(&s->on, "no client: %s", mqw_strerror(result));
        p->gave_up = true;
        return;
    }
    mqw_client_on_taken(p->client, on_taken);
    s->present = p;
    for (unsigned topic = 0; topic < TOPICS && s->plan.downs; topic++)
        program_asks(s, topic, true);
}

/* The process is gone: its streams end behind what has left already, and nothing more gets anywhere. */
static inline void sim_crash(sim *s)
{
    process *p = s->present;
    const mqw_client_goodbye goodbye = {.now = true};
    char text[16];
    note(&s->on, "the client crashes");
    for (unsigned i = 0; i < s->book.ups; i++) {
        snprintf(text, sizeof text, "up %u ", i);
        bool kept = s->book.up[i].rank || depot_holds(&s->depot, text); // released: without its text
        ledger_orphan(&s->book, i, kept);
    }
    ledger_crash(&s->book, s->depot.committed);
    p->dead = true;
    depot_crash(&s->depot);
    for (line *l = s->lines; l; l = l->next) {
        if (l->process != p)
            continue;
        l->up.ended = true;
        way_drop(&l->down);
    }
    s->unacked = 0;
    s->present = NULL;
    s->crashes++;
    s->next_start = s->on.now + chance(&s->on, 3000);
    mqw_client_close(p->client, &goodbye);
}

#endif
