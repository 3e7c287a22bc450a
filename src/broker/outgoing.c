// SPDX-License-Identifier: MIT
// What leaves for a client: QoS 0 at once or when there is room, QoS 1 and 2 as promises that are kept.
#include "outgoing.h"

enum { RETRY_AFTER = 100 }; // milliseconds

// --- telling ---

bool mqw__outgoing_may(mqw__session *session, const mqw_publish *publish)
{
    mqw_broker *broker = session->broker;
    if (!broker->hooks.may_receive)
        return true;
    broker->told++;
    bool may = broker->hooks.may_receive(broker, session->peer, publish->topic, broker->options.ctx);
    broker->told--;
    return may;
}

void mqw__outgoing_delivered(mqw__session *session, const mqw_publish *publish, uint8_t qos, bool retain)
{
    mqw_broker *broker = session->broker;
    if (!broker->hooks.on_delivered)
        return;
    mqw_publish given = *publish;
    given.qos = qos;
    given.retain = retain;
    broker->told++;
    broker->hooks.on_delivered(broker, mqw__session_id(session), &given, broker->options.ctx);
    broker->told--;
}

void mqw__outgoing_dropped(mqw__session *session, mqw__letter *letter, mqw_drop why)
{
    mqw_publish publish;
    mqw__letter_read(letter, &publish);
    mqw__broker_dropped(session, &publish, why);
}

static int dropped(mqw__session *session, const mqw__post *post, mqw_drop why)
{
    mqw__broker_dropped(session, post->publish, why);
    return (int)why;
}

// --- bytes ---

int mqw__outgoing_pass(mqw__session *session, mqw_conn *conn, const mqw__post *post, const mqw__terms *terms)
{
    const mqw_publish *publish = post->publish;
    mqw_forward forward = {.topic = mqw__unmounted(session, publish->topic),
                           .payload = publish->payload,
                           .shared = post->letter ? &post->letter->shared : NULL,
                           .props = post->props,
                           .ids = terms->ids,
                           .id_count = terms->id_count,
                           .expiry = post->left,
                           .retain = terms->retain};
    int result = mqw_conn_forward(conn, &forward);
    session->broker->counts.publish_sent += result >= 0;
    return result;
}

static int publish_promise(mqw__session *session, mqw_conn *conn, const mqw_promise *promise)
{
    const mqw__delivery *delivery = promise->message;
    mqw__letter *letter = delivery->letter;
    mqw_forward forward = {.topic = mqw__unmounted(session, mqw__letter_topic(letter)),
                           .payload = letter->shared.bytes,
                           .shared = &letter->shared,
                           .props = mqw__letter_props(letter),
                           .ids = delivery->ids,
                           .id_count = delivery->id_count,
                           .expiry = mqw__seconds_left(session->broker, letter->expires),
                           .packet_id = promise->packet_id,
                           .qos = promise->qos,
                           .retain = delivery->retain,
                           .dup = promise->stage == MQW_PUBLISHED};
    return mqw_conn_forward(conn, &forward);
}

// --- promises ---

mqw__delivery *mqw__outgoing_end(mqw__session *session, mqw_promise *promise)
{
    mqw__delivery *delivery = promise->message;
    session->broker->counts.inflight -= promise->stage != MQW_WAITING;
    mqw__record_over(session, promise);
    (void)mqw_session_drop(session->promises, promise);
    return delivery;
}

static void drop_promise(mqw__session *session, mqw_promise *promise, mqw_drop why)
{
    mqw__delivery *delivery = mqw__outgoing_end(session, promise);
    mqw__letter *letter = mqw__letter_keep(delivery->letter);
    mqw__waiting_free(session, delivery);
    mqw__outgoing_dropped(session, letter, why);
    mqw__letter_drop(letter);
}

static mqw_promise *promise_of(mqw__session *session, mqw__post *post, const mqw__terms *terms)
{
    mqw_session *promises = mqw__session_promises(session);
    mqw__letter *letter = promises ? mqw__post_keep(session->broker, post) : NULL;
    mqw__delivery *delivery = letter ? mqw__waiting_new(session, letter, terms) : NULL;
    mqw_promise *promise =
        delivery ? mqw_session_promise(promises, terms->qos, post->expires, delivery) : NULL;
    if (!promise && delivery)
        mqw__waiting_free(session, delivery);
    else if (!delivery)
        mqw__letter_drop(letter);
    return promise;
}

int mqw__outgoing_owe(mqw__session *session, mqw__post *post, const mqw__terms *terms)
{
    int full = mqw__waiting_room(session, mqw__post_size(post));
    if (full)
        return dropped(session, post, (mqw_drop)full);
    mqw_promise *promise = promise_of(session, post, terms);
    if (!promise)
        return dropped(session, post, MQW_DROP_NO_MEMORY);
    if (mqw__record_promised(session, promise) < 0) {
        mqw__delivery *delivery = mqw_session_drop(session->promises, promise);
        mqw__waiting_free(session, delivery);
        return dropped(session, post, MQW_DROP_STORE);
    }
    return 0;
}

void mqw__outgoing_retry(mqw__session *session)
{
    if (!mqw__waiting_again(session, RETRY_AFTER))
        mqw__peer_end(session->peer, MQW_REASON_UNSPECIFIED_ERROR, "there is no memory");
}

// What became of a PUBLISH or PUBREL. True: go on with the next one.
static bool sent(mqw__session *session, mqw_conn *conn, mqw_promise *promise, int result)
{
    if (result >= 0) {
        session->broker->counts.inflight += promise->stage == MQW_WAITING;
        session->broker->counts.publish_sent += promise->stage != MQW_RELEASED;
        mqw_session_sent(session->promises, promise);
        return true;
    }
    bool open = mqw_conn_state(conn) == MQW_STATE_OPEN;
    switch (result) {
    case MQW_E_BUSY: mqw_conn_want_drain(conn); return false;
    case MQW_E_NO_MEMORY: mqw__outgoing_retry(session); return false;
    case MQW_E_TOO_LARGE: drop_promise(session, promise, MQW_DROP_TOO_LARGE); return true;
    case MQW_E_REFUSED:
    case MQW_E_MISUSE:
        if (open)
            drop_promise(session, promise, MQW_DROP_REFUSED);
        return open;
    default: return false;
    }
}

// Whether one that was never sent may be: it has not expired (MQTT-3.3.2-5), and its client may have it.
static bool is_wanted(mqw__session *session, mqw_promise *promise)
{
    mqw_broker *broker = session->broker;
    mqw_drop why = MQW_DROP_EXPIRED;
    if (promise->expires == UINT64_MAX || promise->expires >= mqw__broker_wall(broker)) {
        if (!broker->hooks.may_receive)
            return true;
        const mqw__delivery *delivery = promise->message;
        mqw_publish publish = {.topic = mqw__letter_topic(delivery->letter)};
        if (mqw__outgoing_may(session, &publish))
            return true;
        why = MQW_DROP_REFUSED;
    }
    drop_promise(session, promise, why);
    return false;
}

static bool send_publish(mqw__session *session, mqw_conn *conn, mqw_promise *promise)
{
    if (promise->stage == MQW_WAITING) {
        if (mqw_session_inflight(session->promises) >= mqw__limits_of(session)->max_inflight)
            return false;
        if (!is_wanted(session, promise))
            return true;
    }
    return mqw__record_leaves(session, promise) != 0 ||
           sent(session, conn, promise, publish_promise(session, conn, promise));
}

static bool send_release(mqw__session *session, mqw_conn *conn, mqw_promise *promise)
{
    mqw_ack ack = {.packet_id = promise->packet_id};
    return mqw__record_leaves(session, promise) != 0 ||
           sent(session, conn, promise, mqw_conn_pubrel(conn, &ack));
}

static bool send_next(mqw__session *session, mqw_conn *conn)
{
    mqw_promise *promise = mqw_session_next(session->promises, mqw_conn_quota(conn));
    if (!promise)
        return false;
    if (promise->stage == MQW_RELEASED)
        return send_release(session, conn, promise);
    if (mqw__output_takes(session, conn))
        return send_publish(session, conn, promise);
    mqw_conn_want_drain(conn);
    return false;
}

void mqw__outgoing_push(mqw__session *session, mqw_conn *conn)
{
    if (session->pushed)
        return;
    session->pushed = true;
    while (session->promises && send_next(session, conn)) {
    }
    session->pushed = false;
}

void mqw__outgoing_go_on(mqw__session *session)
{
    mqw_conn *conn = mqw__conn_of(session);
    if (!conn || mqw_conn_state(conn) != MQW_STATE_OPEN)
        return;
    mqw__outgoing_push(session, conn);
    if (session->waiting)
        mqw__waiting_go_on(session, conn);
    if (session->feed)
        mqw__feeds_go_on(session, conn);
}

// --- one message for one session ---

// What waits for room waits behind what waits already; what may not leave yet, too.
static int pass(mqw__session *session, mqw_conn *conn, mqw__post *post, const mqw__terms *terms)
{
    int result = mqw__outgoing_pass(session, conn, post, terms);
    if (result >= 0) {
        mqw__outgoing_delivered(session, post->publish, 0, terms->retain);
        return 0;
    }
    switch (result) {
    case MQW_E_BUSY: return mqw__waiting_add(session, post, terms);
    case MQW_E_TOO_LARGE: return dropped(session, post, MQW_DROP_TOO_LARGE);
    case MQW_E_NO_MEMORY: return dropped(session, post, MQW_DROP_NO_MEMORY);
    case MQW_E_CLOSED: return 0;
    default: break;
    }
    if (mqw_conn_state(conn) != MQW_STATE_OPEN)
        return mqw__waiting_add(session, post, terms);
    return dropped(session, post, MQW_DROP_REFUSED);
}

// QoS 0: whoever is not connected has not missed anything that was promised.
static int give_at_once(mqw__session *session, mqw__post *post, const mqw__terms *terms)
{
    mqw_conn *conn = mqw__conn_of(session);
    if (!conn)
        return 0;
    if (session->broker->hooks.may_receive && !mqw__outgoing_may(session, post->publish))
        return dropped(session, post, MQW_DROP_REFUSED);
    if (mqw__waiting_any(session) || !mqw__output_takes(session, conn))
        return mqw__waiting_add(session, post, terms);
    return pass(session, conn, post, terms);
}

int mqw__outgoing_give(mqw__session *session, mqw__post *post, const mqw__terms *terms)
{
    if (session->doomed)
        return 0;
    if (session->feed)
        mqw__feeds_hurry(session, post);
    if (terms->qos == 0)
        return give_at_once(session, post, terms);
    int why = mqw__outgoing_owe(session, post, terms);
    if (why)
        return why;
    mqw__outgoing_go_on(session);
    if (post->expires != UINT64_MAX)
        mqw__waiting_settle(session);
    return 0;
}

static bool leaves_at_once(const mqw__session *session, const mqw_conn *conn)
{
    const mqw_session *promises = session->promises;
    if (!promises)
        return true;
    uint32_t inflight = mqw_session_inflight(promises);
    return inflight == mqw_session_promises(promises) && inflight < mqw__limits_of(session)->max_inflight &&
           mqw_conn_quota(conn) > 0;
}

int mqw__outgoing_takes(const mqw__session *session, uint8_t qos, size_t size)
{
    const mqw_peer *peer = session->peer;
    bool connected = peer && (peer->stand == MQW__ADMITTED || peer->stand == MQW__WELCOME);
    bool room = mqw__waiting_has_room(session, size);
    if (session->doomed || (!connected && (qos == 0 || session->expiry == 0)))
        return 0;
    if (!connected)
        return room ? 1 : 0;
    if (peer->stand == MQW__ADMITTED) // nothing leaves before its CONNACK
        return room ? 2 : 0;
    bool free = !mqw__waiting_any(session) && mqw__output_takes(session, peer->conn);
    if (qos == 0)
        return free ? 3 : room ? 2 : 0;
    return !room ? 0 : free && leaves_at_once(session, peer->conn) ? 3 : 2;
}

// --- answers ---

static void over(mqw__session *session, const mqw_promise *was, bool accepted)
{
    mqw__delivery *delivery = was->message;
    mqw__letter *letter = mqw__letter_keep(delivery->letter);
    bool retain = delivery->retain;
    session->broker->counts.inflight--;
    mqw__record_over(session, was);
    mqw__waiting_free(session, delivery);
    if (!accepted) {
        mqw__outgoing_dropped(session, letter, MQW_DROP_REFUSED);
    } else if (session->broker->hooks.on_delivered) {
        mqw_publish publish;
        mqw__letter_read(letter, &publish);
        mqw__outgoing_delivered(session, &publish, was->qos, retain);
    }
    mqw__letter_drop(letter);
}

// A PUBREC that nobody waits for is answered all the same, so that the client can forget it
// (section 3.6.2.1).
static void unknown(mqw__session *session, int type, const mqw_ack *ack)
{
    mqw_conn *conn = mqw__conn_of(session);
    if (type != MQW_PUBREC || ack->reason >= 0x80 || !conn)
        return;
    mqw_ack release = {.packet_id = ack->packet_id};
    if (mqw_conn_version(conn) == MQW_5_0)
        release.reason = MQW_REASON_PACKET_ID_NOT_FOUND;
    (void)mqw__peer_send(session->peer, MQW_PUBREL, &release);
}

int mqw__outgoing_answer(mqw__session *session, int type, const mqw_ack *ack)
{
    mqw_promise was;
    int result = session->promises
                     ? mqw_session_answer(session->promises, type, ack->packet_id, ack->reason, &was)
                     : 0;
    if (result < 0)
        return MQW_REASON_PROTOCOL_ERROR;
    if (result == 2) // PUBCOMP says nothing new: the client has had the message
        over(session, &was, type == MQW_PUBCOMP || ack->reason < 0x80);
    else if (result == 1)
        mqw__record_released(session, mqw_session_find(session->promises, ack->packet_id));
    else
        unknown(session, type, ack);
    mqw__outgoing_go_on(session);
    return 0;
}

// --- connections and sessions ---

void mqw__outgoing_cut(mqw__session *session)
{
    if (session->promises)
        mqw_session_lost(session->promises);
    if (session->waiting)
        mqw__waiting_drop(session);
}

// Whether another member of a shared subscription may have it: not once it was sent with QoS 2
// (MQTT-4.8.2-5).
static bool may_go_on(const mqw_promise *promise)
{
    const mqw__delivery *delivery = promise->message;
    return delivery->group && (promise->qos == 1 || promise->stage == MQW_WAITING);
}

void mqw__outgoing_clear(mqw__session *session)
{
    mqw__feeds_end(session);
    for (mqw_promise *promise; session->promises && (promise = mqw_session_each(session->promises, NULL));) {
        mqw_promise was = *promise;
        mqw__delivery *delivery = mqw__outgoing_end(session, promise);
        mqw__letter *letter = mqw__letter_keep(delivery->letter);
        uint32_t group = may_go_on(&was) ? delivery->group : 0;
        mqw__waiting_free(session, delivery);
        if (!group || !mqw__deliver_to_group(session->broker, letter, group))
            mqw__outgoing_dropped(session, letter, MQW_DROP_SESSION_OVER);
        mqw__letter_drop(letter);
    }
    mqw__waiting_drop(session);
    mqw__waiting_end(session);
}

void mqw__outgoing_free(mqw__session *session)
{
    mqw__feeds_end(session);
    for (mqw_promise *promise; session->promises && (promise = mqw_session_each(session->promises, NULL));)
        mqw__waiting_free(session, mqw_session_drop(session->promises, promise));
    mqw__waiting_end(session);
}

int mqw__outgoing_restore(mqw__session *session, mqw_promise *was, mqw__letter *letter, bool retain,
                          const uint32_t *ids, size_t id_count)
{
    mqw__terms terms = {.ids = ids, .id_count = (uint32_t)id_count, .qos = was->qos, .retain = retain};
    if (!mqw__session_promises(session))
        return MQW_E_NO_MEMORY;
    mqw__delivery *delivery = mqw__waiting_new(session, mqw__letter_keep(letter), &terms);
    if (!delivery) {
        mqw__letter_drop(letter);
        return MQW_E_NO_MEMORY;
    }
    was->message = delivery;
    int result = mqw_session_restore(session->promises, was);
    if (result < 0) {
        mqw__waiting_free(session, delivery);
        return result;
    }
    session->broker->counts.inflight += was->stage != MQW_WAITING;
    if (was->stage == MQW_WAITING && was->expires != UINT64_MAX)
        mqw__waiting_settle(session);
    return 0;
}
