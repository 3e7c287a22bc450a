// SPDX-License-Identifier: MIT
// The outbox: what was promised to be delivered, and what of it leaves next (sections 4.3, 4.4, 4.6 and 4.9).
#include "session/inside.h"

/* Identifiers that promises which only wait leave alone. */
enum { LEFT_FREE = 1024 };

static bool expires(const mqw__entry *entry)
{
    return entry->promise.stage == MQW_WAITING && entry->promise.expires != UINT64_MAX;
}

static void append(mqw_session *session, mqw__entry *entry)
{
    mqw__list_append(&session->order, entry, MQW__ORDER);
    if (!session->publish)
        session->publish = entry;
    if (expires(entry))
        mqw__expiry_enter(&session->expiring, entry);
}

mqw_promise *mqw_session_promise(mqw_session *session, uint8_t qos, uint64_t expires, void *message)
{
    if (qos < 1 || qos > 2 || (session->max_promises && session->order.count >= session->max_promises))
        return NULL;
    mqw__entry *entry = mqw__pool_take(&session->pool, &session->allocator);
    if (!entry)
        return NULL;
    if (session->ids.count < MQW__IDS - LEFT_FREE &&
        mqw__ids_take(&session->ids, &session->allocator, entry) < 0) {
        mqw__pool_give(&session->pool, &session->allocator, entry);
        return NULL;
    }
    entry->promise.qos = qos;
    entry->promise.expires = expires;
    entry->promise.message = message;
    entry->promise.sequence = ++session->sequence;
    append(session, entry);
    return &entry->promise;
}

void mqw__outbox_remove(mqw_session *session, mqw__entry *entry)
{
    if (expires(entry))
        mqw__expiry_leave(&session->expiring, entry);
    if (entry->promise.stage == MQW_PUBLISHED) {
        session->published--;
        session->on_wire -= entry->promise.sent;
    }
    if (session->release == entry)
        session->release = entry->links[MQW__RELEASED].next;
    if (entry->promise.stage == MQW_RELEASED)
        mqw__list_remove(&session->released, entry, MQW__RELEASED);
    if (session->publish == entry)
        session->publish = entry->links[MQW__ORDER].next;
    mqw__list_remove(&session->order, entry, MQW__ORDER);
    if (entry->promise.packet_id)
        mqw__ids_give(&session->ids, &session->allocator, entry->promise.packet_id);
    mqw__pool_give(&session->pool, &session->allocator, entry);
}

/* ---- what leaves ---- */

/* PUBLISH on the wire and messages that the peer still holds: see the head of session.h. `quota` and what was
 * counted together are the peer's receive maximum. */
static bool peer_takes_more(const mqw_session *session, uint16_t quota)
{
    return quota && session->on_wire + session->released.count < quota + session->counted;
}

mqw_promise *mqw_session_next(mqw_session *session, uint16_t quota)
{
    if (session->unsorted)
        mqw__outbox_sort(session);
    if (session->release && !session->release->promise.held)
        return &session->release->promise;
    while (session->publish && session->publish->promise.stage == MQW_RELEASED)
        session->publish = session->publish->links[MQW__ORDER].next;
    mqw__entry *entry = session->publish;
    if (!entry || entry->promise.held || !peer_takes_more(session, quota))
        return NULL;
    if (!entry->promise.packet_id && mqw__ids_take(&session->ids, &session->allocator, entry) <= 0)
        return NULL;
    return &entry->promise;
}

void mqw_session_sent(mqw_session *session, mqw_promise *promise)
{
    mqw__entry *entry = mqw__entry_of(promise);
    promise->sent = true;
    if (entry == session->release) {
        session->release = entry->links[MQW__RELEASED].next;
        return;
    }
    if (expires(entry))
        mqw__expiry_leave(&session->expiring, entry);
    if (promise->stage == MQW_WAITING)
        session->published++;
    promise->stage = MQW_PUBLISHED;
    session->publish = entry->links[MQW__ORDER].next;
    session->on_wire++;
    session->counted++;
}

void mqw_session_hold(mqw_session *session, mqw_promise *promise, bool on)
{
    (void)session;
    promise->held = on;
}

void mqw_session_lost(mqw_session *session)
{
    for (mqw__entry *entry = session->order.head; entry != session->publish;
         entry = entry->links[MQW__ORDER].next)
        entry->promise.sent = false;
    for (mqw__entry *entry = session->released.head; entry != session->release;
         entry = entry->links[MQW__RELEASED].next)
        entry->promise.sent = false;
    session->publish = session->order.head;
    session->release = session->released.head;
    session->on_wire = session->counted = 0;
}

void mqw_session_renew(mqw_session *session)
{
    for (mqw__entry *entry = session->order.head; entry; entry = entry->links[MQW__ORDER].next) {
        if (entry->promise.stage != MQW_PUBLISHED || entry->promise.sent)
            continue;
        entry->promise.stage = MQW_WAITING;
        session->published--;
        if (expires(entry))
            mqw__expiry_enter(&session->expiring, entry);
    }
}

/* ---- what is answered ---- */

static int end(mqw_session *session, mqw__entry *entry, mqw_promise *over)
{
    *over = entry->promise;
    mqw__outbox_remove(session, entry);
    return 2;
}

/* Its PUBREL goes behind those of the PUBRECs before (MQTT-4.6.0-4). */
static int release(mqw_session *session, mqw__entry *entry)
{
    mqw_promise *promise = &entry->promise;
    if (promise->stage == MQW_RELEASED) {
        if (!promise->sent)
            return 1;
        mqw__list_remove(&session->released, entry, MQW__RELEASED);
    } else {
        session->published--;
        session->on_wire -= promise->sent;
    }
    promise->stage = MQW_RELEASED;
    promise->released = ++session->releases;
    promise->sent = false;
    mqw__list_append(&session->released, entry, MQW__RELEASED);
    if (!session->release)
        session->release = entry;
    return 1;
}

/* What each packet answers. */
static const struct {
    uint8_t qos, stage;
} answers[16] = {
    [MQW_PUBACK] = {1, MQW_PUBLISHED},
    [MQW_PUBREC] = {2, MQW_PUBLISHED},
    [MQW_PUBCOMP] = {2, MQW_RELEASED},
};

int mqw_session_answer(mqw_session *session, int type, uint16_t packet_id, uint8_t reason, mqw_promise *over)
{
    if (type < 0 || type > 15 || !answers[type].qos)
        return MQW_E_MISUSE;
    bool accepted = type == MQW_PUBREC && reason < 0x80;
    if (!accepted && session->counted)
        session->counted--;
    mqw__entry *entry = mqw__ids_find(&session->ids, packet_id);
    if (!entry || !entry->promise.qos)
        return 0;
    bool again = accepted && entry->promise.stage == MQW_RELEASED;
    if (entry->promise.qos != answers[type].qos || (entry->promise.stage != answers[type].stage && !again))
        return MQW_E_PROTOCOL;
    return accepted ? release(session, entry) : end(session, entry, over);
}

mqw_promise *mqw_session_find(mqw_session *session, uint16_t packet_id)
{
    mqw__entry *entry = mqw__ids_find(&session->ids, packet_id);
    return entry && entry->promise.qos ? &entry->promise : NULL;
}

void *mqw_session_drop(mqw_session *session, mqw_promise *promise)
{
    void *message = promise->message;
    mqw__outbox_remove(session, mqw__entry_of(promise));
    return message;
}

/* ---- what is there ---- */

mqw_promise *mqw_session_expired(mqw_session *session, uint64_t now)
{
    mqw__entry *entry = session->expiring;
    return entry && entry->promise.expires <= now ? &entry->promise : NULL;
}

uint64_t mqw_session_expiry(const mqw_session *session)
{
    return session->expiring ? session->expiring->promise.expires : UINT64_MAX;
}

uint32_t mqw_session_promises(const mqw_session *session)
{
    return session->order.count;
}

uint32_t mqw_session_inflight(const mqw_session *session)
{
    return session->published + session->released.count;
}

mqw_promise *mqw_session_each(const mqw_session *session, const mqw_promise *after)
{
    mqw__entry *entry = after ? mqw__entry_of_const(after)->links[MQW__ORDER].next : session->order.head;
    return entry ? &entry->promise : NULL;
}

/* ---- what is put back ---- */

static bool can_be(const mqw_session *session, const mqw_promise *was)
{
    if (was->qos < 1 || was->qos > 2 || was->stage > MQW_RELEASED || was->sequence <= session->sequence)
        return false;
    if (was->stage == MQW_RELEASED && was->qos != 2)
        return false;
    return was->packet_id || was->stage == MQW_WAITING;
}

static void restore_release(mqw_session *session, mqw__entry *entry)
{
    mqw_promise *promise = &entry->promise;
    if (!promise->released)
        promise->released = session->releases + 1;
    if (promise->released > session->releases)
        session->releases = promise->released;
    else
        session->unsorted = true;
    mqw__list_append(&session->released, entry, MQW__RELEASED);
    if (!session->release)
        session->release = entry;
}

int mqw_session_restore(mqw_session *session, const mqw_promise *was)
{
    if (!can_be(session, was))
        return MQW_E_MISUSE;
    mqw__entry *entry = mqw__pool_take(&session->pool, &session->allocator);
    if (!entry)
        return MQW_E_NO_MEMORY;
    entry->promise = *was;
    entry->promise.sent = entry->promise.held = false;
    int rc = was->packet_id ? mqw__ids_claim(&session->ids, &session->allocator, entry) : 0;
    if (rc < 0) {
        mqw__pool_give(&session->pool, &session->allocator, entry);
        return rc;
    }
    session->sequence = was->sequence;
    append(session, entry);
    session->published += was->stage == MQW_PUBLISHED;
    if (was->stage == MQW_RELEASED)
        restore_release(session, entry);
    return 0;
}
