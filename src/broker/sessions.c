// SPDX-License-Identifier: MIT
// Sessions: found by client identifier, kept as long as their clients wish and the broker allows.
#include <string.h>

#include "inside.h"

struct mqw__sessions {
    mqw__table table;
};

// --- the table ---

int mqw__sessions_open(mqw_broker *broker)
{
    broker->sessions = mqw__broker_new_block(broker, sizeof *broker->sessions);
    if (!broker->sessions)
        return MQW_E_NO_MEMORY;
    mqw__table_init(&broker->sessions->table, &broker->allocator, &broker->memory, broker->seed);
    return 0;
}

static bool is_named(const mqw__session *session, mqw_text id)
{
    return session->id_len == id.len && memcmp(mqw__session_id(session).data, id.data, id.len) == 0;
}

mqw__session *mqw__session_named(const mqw_broker *broker, mqw_text id, const mqw__session *after)
{
    if (id.len == 0 || id.len > UINT16_MAX)
        return NULL;
    const mqw__entry *entry = after ? after->entry.next : mqw__table_find(&broker->sessions->table, NULL, id);
    while (entry && !is_named((const mqw__session *)entry, id))
        entry = entry->next;
    return (mqw__session *)entry;
}

mqw__session *mqw__session_find(mqw_broker *broker, mqw_text mount, mqw_text id)
{
    mqw__session *session = mqw__session_named(broker, id, NULL);
    while (session && (session->mount_len != mount.len ||
                       (mount.len && memcmp(mqw__session_mount(session).data, mount.data, mount.len) != 0)))
        session = mqw__session_named(broker, id, session);
    return session;
}

mqw__session *mqw__session_each(mqw_broker *broker, const mqw__session *after)
{
    const mqw__table *table = &broker->sessions->table;
    uint32_t bucket = 0;
    if (after) {
        if (after->entry.next)
            return (mqw__session *)after->entry.next;
        bucket = after->entry.hash & (table->half * 2 - 1);
        bucket -= bucket < table->count ? 0 : table->half;
        bucket++;
    }
    while (bucket < table->count && !table->buckets[bucket])
        bucket++;
    return bucket < table->count ? (mqw__session *)table->buckets[bucket] : NULL;
}

// --- life ---

static size_t size_of(const mqw__session *session)
{
    return sizeof *session + session->mount_len + session->id_len;
}

mqw__session *mqw__session_new(mqw_broker *broker, mqw_text mount, mqw_text id, uint64_t number)
{
    mqw__session *session = mqw__broker_new_block(broker, sizeof *session + mount.len + id.len);
    if (!session)
        return NULL;
    session->broker = broker;
    session->mount_len = (uint16_t)mount.len;
    session->id_len = (uint16_t)id.len;
    if (id.len)
        memcpy(session->text, id.data, id.len);
    if (mount.len)
        memcpy(session->text + id.len, mount.data, mount.len);
    session->entry.at = (uint16_t)offsetof(mqw__session, text);
    session->entry.len = session->id_len;
    if (number > broker->number)
        broker->number = number;
    session->number = number ? number : ++broker->number;
    return session;
}

int mqw__session_enter(mqw__session *session)
{
    mqw_broker *broker = session->broker;
    mqw__table *table = &broker->sessions->table;
    if (table->entries >= broker->options.max_sessions)
        return MQW_E_FULL;
    if (!mqw__table_ready(table))
        return MQW_E_NO_MEMORY;
    mqw__table_put(table, &session->entry);
    session->entered = true;
    broker->counts.clients_total++;
    return 0;
}

mqw_session *mqw__session_promises(mqw__session *session)
{
    if (!session->promises) {
        const mqw_session_options options = {.size = sizeof options,
                                             .allocator = &session->broker->allocator};
        session->promises = mqw_session_new(&options);
    }
    return session->promises;
}

const mqw_broker_limits *mqw__session_limits(const mqw__session *session)
{
    return session->own ? session->own : &session->broker->options.limits;
}

// What it holds by itself.
static void release(mqw__session *session)
{
    mqw_broker *broker = session->broker;
    mqw_session_free(session->promises);
    mqw__session_stays(session);
    mqw__broker_free_block(broker, session->lease, sizeof *session->lease);
    mqw__broker_free_block(broker, session->own, sizeof *session->own);
    mqw__broker_free_block(broker, session, size_of(session));
}

static void end_subscriptions(mqw__session *session)
{
    for (mqw__subscription *subscription; (subscription = session->subscriptions);) {
        mqw__session_unsubscribed(session, subscription);
        mqw__tree_remove(session->broker->tree, subscription);
    }
}

void mqw__session_end(mqw__session *session)
{
    mqw_broker *broker = session->broker;
    if (session->entered) { // hooks that hear of its messages do not find it any more
        mqw__table_take(&broker->sessions->table, &session->entry);
        broker->counts.clients_total--;
    }
    mqw__will_free(session);
    end_subscriptions(session);
    mqw__outgoing_clear(session);
    mqw__record_session_over(session);
    release(session);
}

void mqw__sessions_free(mqw_broker *broker)
{
    if (!broker->sessions)
        return;
    for (mqw__session *session; (session = mqw__session_each(broker, NULL));) {
        mqw__table_take(&broker->sessions->table, &session->entry);
        mqw__will_free(session);
        mqw__outgoing_free(session);
        mqw__record_forget(session);
        release(session);
    }
    mqw__table_free(&broker->sessions->table);
    mqw__broker_free_block(broker, broker->sessions, sizeof *broker->sessions);
    broker->sessions = NULL;
}

// --- expiry ---

void mqw__session_stays(mqw__session *session)
{
    if (!session->lease)
        return;
    session->lease->ends_at = UINT64_MAX;
    mqw__broker_undue(session->broker, &session->lease->due);
}

bool mqw__session_is_over(const mqw__session *session)
{
    return session->doomed || mqw__session_ends_at(session) <= mqw__broker_wall(session->broker);
}

// Times are those of the wall clock: what passes while the broker is down counts.
static void set_end(mqw__session *session, uint64_t ends_at)
{
    mqw_broker *broker = session->broker;
    uint64_t wall = mqw__broker_wall(broker), now = mqw__broker_now(broker);
    session->lease->ends_at = ends_at;
    mqw__broker_due(broker, &session->lease->due, ends_at > wall ? now + (ends_at - wall) : now);
}

static void on_end(mqw__deadline *deadline)
{
    mqw__lease *lease = (mqw__lease *)(void *)((char *)deadline - offsetof(mqw__lease, due));
    mqw__session *session = lease->session;
    if (session->peer)
        return;
    if (!mqw__session_is_over(session)) {
        set_end(session, lease->ends_at);
        return;
    }
    session->broker->counts.clients_expired += !session->doomed;
    mqw__will_publish(session); // MQTT-3.1.2-8: with the session, when its delay is longer
    mqw__session_end(session);
}

static bool take_lease(mqw__session *session)
{
    if (session->lease)
        return true;
    session->lease = mqw__broker_new_block(session->broker, sizeof *session->lease);
    if (!session->lease)
        return false;
    *session->lease = (mqw__lease){.due.fire = on_end, .session = session, .ends_at = UINT64_MAX};
    return true;
}

int mqw__session_lease(mqw__session *session)
{
    bool ends = session->expiry > 0 && session->expiry < UINT32_MAX;
    return !ends || take_lease(session) ? 0 : MQW_E_NO_MEMORY;
}

void mqw__session_left_at(mqw__session *session, uint64_t ends_at)
{
    if (ends_at == UINT64_MAX)
        mqw__session_stays(session);
    else if (take_lease(session))
        set_end(session, ends_at);
    else
        mqw__broker_log(session->broker, MQW_LOG_WARNING, "a session will not expire for want of memory");
}

void mqw__session_left(mqw__session *session)
{
    if (session->expiry == 0 || session->doomed) {
        mqw__will_publish(session);
        mqw__session_end(session);
        return;
    }
    uint64_t wall = mqw__broker_wall(session->broker);
    mqw__session_left_at(session, session->expiry == UINT32_MAX ? UINT64_MAX
                                                                : wall + session->expiry * UINT64_C(1000));
    if (mqw__record_session(session) < 0) // else it would be kept for ever when the broker dies
        mqw__broker_log(session->broker, MQW_LOG_WARNING, "the end of a session could not be stored");
}

// Without memory for that it goes when its client comes.
void mqw__session_doom(mqw__session *session)
{
    session->doomed = true;
    if (!session->peer && take_lease(session))
        set_end(session, 0);
}

// --- subscriptions ---

void mqw__session_subscribed(mqw__session *session, mqw__subscription *subscription)
{
    subscription->back = NULL;
    subscription->next = session->subscriptions;
    if (subscription->next)
        subscription->next->back = subscription;
    session->subscriptions = subscription;
    session->subscription_count++;
}

void mqw__session_unsubscribed(mqw__session *session, mqw__subscription *subscription)
{
    mqw__deliver_retained_stop(subscription);
    if (subscription->back)
        subscription->back->next = subscription->next;
    else
        session->subscriptions = subscription->next;
    if (subscription->next)
        subscription->next->back = subscription->back;
    session->subscription_count--;
}
