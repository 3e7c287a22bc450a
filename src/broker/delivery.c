// SPDX-License-Identifier: MIT
// A message meets subscriptions.
#include "outgoing.h"

enum {
    FEW = 32,                   // receivers that need no block of their own
    MOST_IDS = 255,             // subscription identifiers of one delivery
    SHARE_FROM = 1024,          // bytes of payload from which several receivers refer to one copy
    KEEP_FROM = 4 * SHARE_FROM, // and from which even one does
    A_RECEIVER = 32             // what one costs, in bytes that are compared
};

// What becomes of a message.
typedef struct round {
    mqw_broker *broker;
    mqw__post *post;
    bool met;   // somebody has subscribed to it
    bool taken; // and has it, or wants none of it
} round;

static void note(round *r, int result)
{
    r->met = true;
    r->taken |= result == 0 || result == MQW_DROP_TOO_LARGE || result == MQW_DROP_REFUSED; // MQTT-3.1.2-25
}

// --- one receiver ---

static uint8_t lesser(uint8_t a, uint8_t b)
{
    return a < b ? a : b;
}

// MQTT-3.8.3-3.
static bool is_own(const round *r, const mqw__subscription *subscription)
{
    return subscription->no_local && r->post->from && subscription->session->number == r->post->from;
}

// The flag stays only for those who want it (MQTT-3.3.1-12, -13).
static bool retain_for(const round *r, const mqw__subscription *subscription)
{
    return subscription->retain_as_published && r->post->publish->retain;
}

static int give_one(round *r, const mqw__subscription *subscription, uint32_t group)
{
    uint8_t qos = lesser(subscription->qos, r->post->publish->qos);
    bool retain = retain_for(r, subscription);
    if (subscription->local)
        return mqw__local_give(subscription->local, r->post, qos, retain);
    mqw__terms terms = {.ids = &subscription->identifier,
                        .id_count = subscription->identifier != 0,
                        .group = group,
                        .qos = qos,
                        .retain = retain};
    return mqw__outgoing_give(subscription->session, r->post, &terms);
}

static void give_each(round *r, mqw__subscription *const *all, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (all[i]->local || !is_own(r, all[i]))
            note(r, give_one(r, all[i], 0));
}

// --- overlapping subscriptions ---

// One for each match. Those of one session hang together behind the first one, which has the best of all.
typedef struct receiver {
    mqw__session *session; // NULL: it is part of another
    uint32_t next;         // the next one of this session; 0: none
    uint32_t identifier;
    uint8_t qos;
    bool retain;
} receiver;

static void join(round *r, receiver *all, uint32_t at, const mqw__subscription *subscription)
{
    mqw__session *session = subscription->session;
    bool first = session->mark != r->broker->serial;
    receiver *one = first ? &all[at] : &all[session->mark_at];
    uint8_t qos = lesser(subscription->qos, r->post->publish->qos);
    bool retain = retain_for(r, subscription);
    all[at] = (receiver){first ? session : NULL, 0, subscription->identifier, qos, retain};
    if (first) {
        session->mark = r->broker->serial;
        session->mark_at = at;
        return;
    }
    one->qos = one->qos > qos ? one->qos : qos;
    one->retain |= retain;
    all[at].next = one->next;
    one->next = at;
}

// Locals have no session, and each of their subscriptions is a receiver of its own.
static void join_all(round *r, receiver *all, mqw__subscription *const *plain, size_t count)
{
    r->broker->serial++;
    for (size_t i = 0; i < count; i++) {
        all[i].session = NULL;
        if (plain[i]->local)
            note(r, give_one(r, plain[i], 0));
        else if (!is_own(r, plain[i]))
            join(r, all, (uint32_t)i, plain[i]);
    }
}

static uint32_t ids_of(const receiver *all, const receiver *one, uint32_t *ids)
{
    uint32_t count = 0;
    for (const receiver *at = one;; at = &all[at->next]) {
        if (at->identifier && count < MOST_IDS)
            ids[count++] = at->identifier;
        if (!at->next)
            return count;
    }
}

static void give_joined(round *r, const receiver *all, size_t count)
{
    uint32_t ids[MOST_IDS];
    for (const receiver *one = all; one < all + count; one++) {
        if (!one->session)
            continue;
        mqw__terms terms = {.ids = ids, .qos = one->qos, .retain = one->retain};
        terms.id_count = ids_of(all, one, ids);
        note(r, mqw__outgoing_give(one->session, r->post, &terms));
    }
}

// One copy for each session, at the highest QoS, with all identifiers (MQTT-3.3.4-2, -3). Nothing of the
// tree is looked at once hooks may have been called.
static void give_merged(round *r, mqw__subscription *const *plain, size_t count)
{
    receiver few[FEW];
    size_t size = count * sizeof(receiver);
    receiver *all = count <= FEW ? few : mqw__broker_new_block(r->broker, size);
    if (!all) {
        r->met = true;
        r->broker->counts.dropped_memory += count;
        return;
    }
    join_all(r, all, plain, count);
    give_joined(r, all, count);
    if (all != few)
        mqw__broker_free_block(r->broker, all, size);
}

// Whether a session is among them twice. Those of one node are different ones.
static bool overlap(mqw_broker *broker, mqw__subscription *const *plain, size_t count)
{
    if (count < 2 || plain[0]->node == plain[count - 1]->node)
        return false;
    broker->serial++;
    for (size_t i = 0; i < count; i++) {
        mqw__session *session = plain[i]->session;
        if (!session)
            continue;
        if (session->mark == broker->serial)
            return true;
        session->mark = broker->serial;
    }
    return false;
}

static bool has_hooks(const mqw_broker *broker)
{
    const mqw_broker_hooks *hooks = &broker->hooks;
    return hooks->may_receive || hooks->on_delivered || hooks->on_dropped;
}

static void give_plain(round *r, const mqw__matches *m)
{
    bool merge = m->plain_count > 1 && (has_hooks(r->broker) || overlap(r->broker, m->plain, m->plain_count));
    if (merge)
        give_merged(r, m->plain, m->plain_count);
    else
        give_each(r, m->plain, m->plain_count);
}

// --- shared subscriptions ---

// Who of its members is not asked any more.
typedef struct tried {
    uint64_t mark; // in sessions that have failed
    bool locals;   // one of them has
} tried;

static int takes(const round *r, const mqw__subscription *subscription, const tried *barred)
{
    if (subscription->local)
        return barred->locals ? 0 : 3;
    if (subscription->session->mark == barred->mark)
        return 0;
    uint8_t qos = lesser(subscription->qos, r->post->publish->qos);
    return mqw__outgoing_takes(subscription->session, qos, mqw__post_size(r->post));
}

// The member that takes it best, from the one on whose turn it is. NULL: none does.
static mqw__subscription *choose(const round *r, mqw__group *group, const tried *barred)
{
    const mqw__crowd *crowd = &group->crowd;
    mqw__subscription *best = NULL;
    int most = 0;
    uint32_t at = group->turn;
    r->broker->work += (uint64_t)crowd->count * A_RECEIVER;
    for (uint32_t left = crowd->count; left > 0 && most < 3; left--) {
        mqw__subscription *member = crowd->members[at];
        at = at + 1 < crowd->count ? at + 1 : 0;
        int how = takes(r, member, barred);
        if (how <= most)
            continue;
        most = how;
        best = member;
        group->turn = at;
    }
    return best;
}

static mqw__group *group_of(const mqw__matches *m, uint32_t number)
{
    for (size_t i = 0; i < m->group_count; i++)
        if (m->groups[i]->number == number)
            return m->groups[i];
    return NULL;
}

// After hooks, the tree may not be what it was.
static mqw__group *find_group(const round *r, uint32_t number)
{
    mqw__matches m;
    (void)mqw__tree_match(r->broker->tree, r->post->publish->topic, &m);
    r->broker->work += m.work;
    return group_of(&m, number);
}

// A member that would take it if it had room; NULL: all sessions are about to end, or it is QoS 0 and nobody
// is connected.
static mqw__session *full_member(const round *r, const mqw__group *group)
{
    size_t size = mqw__post_size(r->post);
    for (uint32_t i = 0; r->post->publish->qos && i < group->crowd.count; i++) {
        mqw__session *session = group->crowd.members[i]->session;
        if (session && !session->doomed && !mqw__waiting_has_room(session, size))
            return session;
    }
    return NULL;
}

// Nobody takes it.
static void lose(round *r, const mqw__group *group)
{
    mqw__session *full = full_member(r, group);
    r->met = true;
    r->taken |= !full;
    if (full)
        mqw__broker_dropped(full, r->post->publish, MQW_DROP_QUEUE_FULL);
}

// One member gets it (4.8.2); when that fails, of which the hook hears, the next one.
static bool give_group(round *r, mqw__group *group)
{
    uint32_t number = group->number;
    bool failed = false;
    tried barred = {++r->broker->serial, false};
    for (uint32_t left = group->crowd.count; left > 0; left--) {
        const mqw__subscription *member = choose(r, group, &barred);
        if (!member)
            break;
        mqw__session *session = member->session;
        int result = give_one(r, member, number);
        note(r, result);
        if (result == 0)
            return true;
        failed = true;
        if (session)
            session->mark = barred.mark;
        barred.locals |= !session;
        group = has_hooks(r->broker) ? find_group(r, number) : group;
        if (!group)
            return false;
    }
    if (!failed)
        lose(r, group);
    return false;
}

// Groups are known by their numbers once hooks may have changed the tree.
static void give_both(round *r, const mqw__matches *m)
{
    bool hooks = has_hooks(r->broker);
    uint32_t few[FEW];
    size_t count = m->group_count, size = count * sizeof *few;
    uint32_t *numbers = count <= FEW ? few : mqw__broker_new_block(r->broker, size);
    for (size_t i = 0; numbers && i < count; i++)
        numbers[i] = m->groups[i]->number;
    give_plain(r, m);
    for (size_t i = 0; numbers && i < count; i++) {
        mqw__group *group = hooks ? find_group(r, numbers[i]) : m->groups[i];
        if (group)
            (void)give_group(r, group);
    }
    if (!numbers) {
        r->met = true;
        r->broker->counts.dropped_memory += count;
    } else if (numbers != few) {
        mqw__broker_free_block(r->broker, numbers, size);
    }
}

bool mqw__deliver_to_group(mqw_broker *broker, mqw__letter *letter, uint32_t number)
{
    mqw_publish publish;
    mqw__post post;
    round r = {.broker = broker, .post = &post};
    if (letter->expires <= mqw__broker_wall(broker))
        return false;
    mqw__post_of(&post, &publish, letter);
    mqw__group *group = find_group(&r, number);
    bool given = group && give_group(&r, group);
    mqw__post_end(&post);
    return given;
}

// --- everybody ---

// A large payload is copied once at most. Without memory it is copied for each as far as that goes.
static void share(round *r, const mqw__matches *m)
{
    size_t receivers = m->plain_count + m->group_count;
    size_t len = r->post->publish->payload.len;
    if (len > KEEP_FROM || (len > SHARE_FROM && receivers > 1))
        mqw__letter_drop(mqw__post_keep(r->broker, r->post)); // it keeps a reference of its own
}

int mqw__deliver(mqw_broker *broker, mqw__post *post)
{
    round r = {.broker = broker, .post = post};
    int retained = post->publish->retain ? mqw__retain(broker, post) : 0;
    mqw__matches m;
    if (retained < 0 && retained != MQW_E_FULL) // nobody hears what its publisher may send again
        return retained;
    bool all = mqw__tree_match(broker->tree, post->publish->topic, &m) == 0;
    broker->work += m.work + m.plain_count * A_RECEIVER;
    if (!all && post->publish->qos) // the same; QoS 0 goes to whom was found
        return MQW_E_NO_MEMORY;
    if (m.plain_count + m.group_count > 0 && post->publish->payload.len > SHARE_FROM)
        share(&r, &m);
    if (m.group_count)
        give_both(&r, &m);
    else
        give_plain(&r, &m);
    if (retained < 0 || !all)
        return MQW_REASON_QUOTA_EXCEEDED;
    return !r.met ? MQW_REASON_NO_MATCHING_SUBSCRIBERS : r.taken ? 0 : MQW_REASON_QUOTA_EXCEEDED;
}
