// SPDX-License-Identifier: MIT
// What the oracle has to notice: a message that arrives is told to it otherwise than it came.
#ifndef MQW_BROKER_SIM_MUTANTS_H
#define MQW_BROKER_SIM_MUTANTS_H

#include "guest.h"

static inline void report_to(guest *g, const cable *c, const mqw_publish *p, unsigned who)
{
    mqw_props was = {0};
    int number = number_of(p->payload);
    const account *a = &g->book->accounts[who];
    receipt r = {who, a->life, a->connection, g->version, p, c->left};
    if (number >= 0)
        props_of(&g->book->messages[number], &was);
    model_arrived(g->book, &r, &was);
}

static inline bool has_shared(const model *m, int number, unsigned who)
{
    bool found = false;
    if (number >= 0)
        each_copy(m, number, c) found |= c->kind == SHARED && c->who == who;
    return found;
}

static inline void steal(guest *g, const cable *c, const mqw_publish *p)
{
    for (unsigned who = 0; who < GUESTS; who++)
        if (who != g->who && has_shared(g->book, number_of(p->payload), who))
            report_to(g, c, p, who);
}

/* The message is told behind the next one. */
static inline bool swap(guest *g, const cable *c, const mqw_publish *p)
{
    mqw_packet packet = {.type = MQW_PUBLISH, .publish = *p};
    if (!g->held) {
        g->held = mqw_packet_copy(&packet, NULL);
        return true;
    }
    mqw_packet *before = g->held;
    g->held = NULL;
    guest_reports(g, c, p);
    if (g->at == c)
        guest_reports(g, c, &before->publish);
    mqw_packet_free(before, NULL);
    return true;
}

/* True: it was told already, or is not to be. */
static inline bool mutate(guest *g, const cable *c, mqw_publish *p)
{
    switch (g->mutant) {
    case LOSES: return p->qos && one_in(g->on, 20);
    case DOUBLES: guest_reports(g, c, p); return false;
    case SWAPS: return swap(g, c, p);
    case FLIPS_RETAIN: p->retain = !p->retain; return false;
    case DROPS_ID: p->props.has &= ~MQW_BIT(subscription_ids); return false;
    case LOWERS_QOS: p->qos = p->qos ? (uint8_t)(p->qos - 1) : 0; return false;
    case MISLEADS: report_to(g, c, p, (g->who + 1u) % GUESTS); return true;
    case BLURS_TOPIC: p->topic = text_of("z"); return false;
    case AGES: p->props.message_expiry = mqw_value(&p->props, message_expiry) + 60; return false;
    case SINGS_DUP: p->dup = p->qos > 0; return false;
    case STEALS_SHARED: steal(g, c, p); return false;
    default: return false;
    }
}

#endif
