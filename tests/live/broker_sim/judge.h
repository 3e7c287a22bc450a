// SPDX-License-Identifier: MIT
// The oracle, concluded: whether a PUBLISH that has arrived is right, and whether all have in the end.
#ifndef MQW_BROKER_SIM_JUDGE_H
#define MQW_BROKER_SIM_JUDGE_H

#include "accounts.h"

/** A PUBLISH as a guest has received it. */
typedef struct receipt {
    unsigned who, life, connection;
    uint8_t version;
    const mqw_publish *publish;
    uint64_t left; /**< It left the broker since then, at the earliest. */
} receipt;

/** The number that a payload begins with; -1: none. */
static inline int number_of(mqw_bytes payload)
{
    char text[16];
    unsigned number;
    size_t len = payload.len < sizeof text - 1 ? payload.len : sizeof text - 1;
    if (len)
        memcpy(text, payload.data, len);
    text[len] = '\0';
    return sscanf(text, "n%u ", &number) == 1 && number < NUMBERS ? (int)number : -1;
}

static inline uint32_t identifiers_of(const mqw_publish *publish)
{
    mqw_list left = mqw_value(&publish->props, subscription_ids);
    uint32_t id, found = 0;
    while (mqw_next_id(&left, &id))
        found |= id >= 1 && id <= FILTERS ? 1u << (id - 1) : 1u << 31;
    return found;
}

// ---- which copy it is ----

/* One member of a group has it; another one only when that one is gone without acknowledging QoS 1. */
static inline bool may_take(const model *m, const copy *c)
{
    const party *group = c->party < 0 ? NULL : &m->parties[c->party];
    if (!group || group->vague || group->taker == NOBODY || group->taker == c->who)
        return true;
    const account *first = &m->accounts[group->taker];
    for (const copy *other = m->copies; other < m->copies + m->copy_count; other++)
        if (other->party == c->party && other->who == group->taker)
            return c->qos == 1 && !other->delivered &&
                   !(first->connected && first->connection == other->last && first->life == other->life);
    return false;
}

static inline bool could_be(const model *m, const copy *c, const receipt *r, uint32_t ids)
{
    const mqw_publish *p = r->publish;
    uint32_t expected = r->version == MQW_5_0 ? c->ids : 0;
    if (c->kind == KEPT && !c->must) // handed out little by little, as the subscription is by then
        return c->who == r->who && c->life == r->life && c->qos >= p->qos && p->retain;
    return c->who == r->who && c->life == r->life && c->qos == p->qos && c->retain == p->retain &&
           expected == ids && may_take(m, c);
}

/* How well it fits: a copy that has not come and has to, best; with DUP one that an earlier connection had.
 */
static inline int merit(const copy *c, const receipt *r, uint32_t ids)
{
    bool before = c->arrived > 0, older = c->since != r->connection;
    if (r->publish->dup && before && c->qos == 1 && c->last != r->connection && !c->delivered)
        return 30;
    if (!before && (c->qos != r->publish->qos || (r->version == MQW_5_0 && c->ids != ids)))
        return 5; // of a subscription that has changed meanwhile
    if (!before)
        return (c->dropped ? 2
                : c->must  ? 12
                           : 8) +
               4 * (c->kind == LIVE) + 2 * (c->qos == r->publish->qos) + 2 * (c->ids == ids) +
               (r->publish->dup == older);
    return c->again && c->here <= c->again           ? (c->ids == ids ? 12 : 6)
           : c->qos == 1 && c->last != r->connection ? 4
                                                     : 2;
}

static inline void party_is_vague(model *m, const copy *c)
{
    if (c->party < 0)
        return;
    m->parties[c->party].vague = true;
    m->parties[c->party].must = false;
}

static inline copy *find_copy(model *m, unsigned number, const receipt *r, unsigned *choices)
{
    uint32_t ids = identifiers_of(r->publish);
    copy *best = NULL;
    *choices = 0;
    each_copy(m, number, c)
    {
        if (!could_be(m, c, r, ids))
            continue;
        ++*choices;
        if (!best || merit(c, r, ids) > merit(best, r, ids))
            best = c;
    }
    each_copy(m, number, c) if ((*choices > 1 || m->messages[number].taken > 1) && could_be(m, c, r, ids))
        party_is_vague(m, c);
    return best;
}

static inline void list_copies(const model *m, unsigned number, unsigned who, const copy *it, char *text,
                               size_t cap)
{
    static const char *const names[] = {"live", "shared", "retained"};
    size_t len = 0;
    *text = '\0';
    each_copy(m, number, c) if (c->who == who && len + 80 < cap) len += (size_t)snprintf(
        text + len, cap - len, "%s [%s, QoS %u, retain %d, ids %x, life %u, came %u]", c == it ? " =>" : "",
        names[c->kind], c->qos, c->retain, c->ids, c->life, c->arrived);
}

static inline void tell_copies(const model *m, unsigned number, unsigned who, const copy *it)
{
    char text[600];
    list_copies(m, number, who, it, text, sizeof text);
    note(m->on, "  message %u for guest %u:%s", number, who, text);
}

static inline void tell_expected(model *m, unsigned number, const receipt *r)
{
    char text[300];
    list_copies(m, number, r->who, NULL, text, sizeof text);
    wrong(m->on, "guest %u should not get message %u so: QoS %u, retain %d, ids %x, life %u; expected%s",
          r->who, number, r->publish->qos, r->publish->retain, identifiers_of(r->publish), r->life,
          *text ? text : " none");
}

// ---- whether it may come so ----

static inline void judge_repeat(model *m, unsigned number, copy *c, const receipt *r)
{
    const account *a = &m->accounts[r->who];
    const mqw_publish *p = r->publish;
    if (a->maybe && a->life == r->life) // nobody knows what it has subscribed to, and so how often it comes
        return;
    if (c->last == r->connection && c->here > c->again)
        wrong(m->on, "guest %u gets message %u of QoS %u twice on one connection (MQTT-4.4.0-1)", r->who,
              number, p->qos);
    else if (p->qos != 1 && c->arrived > c->again)
        wrong(m->on, "guest %u gets message %u of QoS %u twice", r->who, number, p->qos);
    else if (c->delivered && !c->again)
        wrong(m->on, "guest %u gets message %u again, which it has acknowledged", r->who, number);
    else if (!p->dup && !c->again && !m->crashes)
        wrong(m->on, "message %u comes again without DUP (MQTT-3.3.1-1)", number);
}

static inline void judge_first(model *m, unsigned number, const copy *c, const receipt *r, bool alone)
{
    const message *msg = &m->messages[number];
    int *last = &m->last[r->who][msg->from][msg->topic][c->qos][msg->qos > 0];
    if (r->publish->dup && c->since == r->connection && !m->crashes && alone && msg->taken == 1)
        wrong(m->on, "message %u has DUP when it comes first (MQTT-3.3.1-3)", number);
    if (c->kind != LIVE || !alone || msg->will || msg->taken > 1 || msg->late)
        return;
    if ((int)number < *last)
        wrong(m->on, "guest %u gets message %u behind %d (MQTT-4.6.0-6)", r->who, number, *last);
    else
        *last = (int)number;
}

static inline void judge_party(model *m, const copy *c, const receipt *r)
{
    if (c->party < 0)
        return;
    m->parties[c->party].taker = (uint8_t)r->who;
}

/* MQTT-3.3.2-5, MQTT-3.3.2-6: counted down by what it has waited, and gone when that is all. */
static inline void judge_expiry(model *m, unsigned number, const receipt *r)
{
    const message *msg = &m->messages[number];
    const mqw_publish *p = r->publish;
    if (r->version != MQW_5_0)
        return;
    if (mqw_has(&p->props, message_expiry) != (msg->expires != NEVER)) {
        wrong(m->on, "message %u comes with%s expiry", number, msg->expires == NEVER ? "" : "out");
        return;
    }
    if (msg->expires == NEVER || m->crashes || msg->taken > 1) // taken again it began again
        return;
    uint64_t most = msg->expires > r->left ? (msg->expires - r->left + 999) / 1000 : 0;
    uint64_t least = msg->expires > m->on->now ? (msg->expires - m->on->now) / 1000 : 0;
    if (p->props.message_expiry > most || p->props.message_expiry < least)
        wrong(m->on, "message %u comes with an expiry of %u; %llu to %llu are left (MQTT-3.3.2-6)", number,
              p->props.message_expiry, (unsigned long long)least, (unsigned long long)most);
    else if (r->left >= msg->expires && !p->dup)
        wrong(m->on, "message %u comes after it has expired (MQTT-3.3.2-5)", number);
}

static inline bool same_bytes(const void *a, size_t a_len, const void *b, size_t b_len)
{
    return a_len == b_len && (a_len == 0 || memcmp(a, b, a_len) == 0);
}

/* What is forwarded stays as it was (MQTT-3.3.2-4, -15 to -20). */
static inline void judge_content(model *m, unsigned number, const receipt *r, const mqw_props *was)
{
    const mqw_publish *p = r->publish;
    const message *msg = &m->messages[number];
    bool same = same_bytes(p->topic.data, p->topic.len, topics[msg->topic], strlen(topics[msg->topic]));
#define SAME(field, data, len)                                                            \
    same &= same_bytes(mqw_value(&p->props, field) data, mqw_value(&p->props, field) len, \
                       mqw_value(was, field) data, mqw_value(was, field) len)
    if (r->version == MQW_5_0) {
        SAME(content_type, .data, .len);
        SAME(response_topic, .data, .len);
        SAME(correlation_data, .data, .len);
        SAME(user, .wire.data, .wire.len);
        same &= mqw_value(&p->props, payload_format) == mqw_value(was, payload_format);
    }
#undef SAME
    if (!same)
        wrong(m->on, "message %u has changed on its way", number);
}

/** A guest has received a message which it had not got by the same packet identifier. */
static inline void model_arrived(model *m, const receipt *r, const mqw_props *was)
{
    int number = number_of(r->publish->payload);
    unsigned choices;
    if (number < 0) {
        if (r->publish->payload.len)
            wrong(m->on, "guest %u gets what nobody has published", r->who);
        return; // what deletes a retained message has no number
    }
    copy *c = find_copy(m, (unsigned)number, r, &choices);
    m->arrived++;
    judge_content(m, (unsigned)number, r, was);
    if (!c && ((m->doubtful && !m->messages[number].taken && m->messages[number].sent) ||
               (!m->messages[number].taken && m->messages[number].retain && r->publish->retain) ||
               (m->closes && !m->messages[number].taken && m->messages[number].sent) ||
               (m->crashes && m->messages[number].retain && r->publish->retain)))
        return; // refused in the middle of it, for want of memory or disk; or back from the disk
    if (!c) {
        if (!m->accounts[r->who].maybe || m->accounts[r->who].life != r->life)
            tell_expected(m, (unsigned)number, r);
        return;
    }
    if (m->on->trace)
        tell_copies(m, (unsigned)number, r->who, c);
    judge_expiry(m, (unsigned)number, r);
    judge_party(m, c, r);
    if (c->arrived)
        judge_repeat(m, (unsigned)number, c, r);
    else
        judge_first(m, (unsigned)number, c, r, choices == 1);
    c->arrived++;
    c->here = c->last == r->connection ? (uint8_t)(c->here + 1) : 1;
    c->last = r->connection;
}

// ---- in the end ----

/* Whether another copy that looks the same has come, so that it may have been this one. */
static inline bool may_have_come(const model *m, unsigned number, const copy *it)
{
    each_copy(m, number, c) if (c != it && c->who == it->who && c->life == it->life && c->arrived &&
                                c->retain == it->retain && c->qos == it->qos) return true;
    return false;
}

/* Whether the session for which it was is there for certain. */
static inline bool is_here(const model *m, const copy *c)
{
    const account *a = &m->accounts[c->who];
    return a->exists && a->life == c->life && !a->maybe && (a->connected || m->on->now < a->ends_from);
}

static inline bool copy_is_due(const model *m, const copy *c, const message *msg)
{
    const account *a = &m->accounts[c->who];
    bool cut = !a->connected || a->connection != c->since; // of QoS 0 and retained ones nothing is kept
    return c->must && is_here(m, c) && !c->dropped && !c->arrived && msg->expires == NEVER &&
           (c->kind == LIVE && c->qos > 0 ? true : !cut);
}

static inline void check_party(model *m, unsigned number, int which)
{
    const party *group = &m->parties[which];
    bool whole = group->must && group->taker == NOBODY;
    each_copy(m, number, c) if (c->party == which) whole &= is_here(m, c);
    if (whole)
        wrong(m->on, "message %u came to no member of a group", number);
}

static inline void check_message(model *m, unsigned number)
{
    const message *msg = &m->messages[number];
    const will *w = &m->wills[number];
    if (w->number >= 0 && w->waits && !w->over && !w->doubtful && !msg->early && !m->doubtful &&
        m->on->now > w->until)
        wrong(m->on, "will %u was not published", number);
    each_copy(m, number, c)
    {
        if (c->party >= 0 && msg->expires == NEVER)
            check_party(m, number, c->party);
        else if (copy_is_due(m, c, msg) && !(c->retain && may_have_come(m, number, c)))
            wrong(m->on, "guest %u never got message %u of QoS %u%s", c->who, number, c->qos,
                  c->kind == KEPT ? ", retained" : "");
    }
}

/** All is over: nothing that had to come is missing. */
static inline void model_check(model *m)
{
    for (unsigned number = 0; number < NUMBERS; number++)
        if (m->messages[number].taken || m->wills[number].number >= 0)
            check_message(m, number);
}

#endif
