// SPDX-License-Identifier: MIT
// What is sent, in which order, and what is answered. Messages leave in the order in which they were
// published, but QoS 0 does not wait for QoS 1 and 2 that may not go yet (section 4.9).
#include "inside.h"

enum {
    FLUSH_AT = 64 * 1024,
    STORE_BUSY = 100 // ms until a store that took nothing is asked again
};

// --- the output ---

void mqw__outgoing_break(mqw_client *client, int result)
{
    client->broken = result;
    mqw__client_wake(client, 0);
}

bool mqw__outgoing_room(mqw_client *client)
{
    mqw_conn *conn = client->conn;
    if (client->choked || client->broken)
        return false;
    if (mqw_conn_waiting(conn) <= FLUSH_AT)
        return true;
    if (client->world.flush)
        client->world.flush(client->world.self, conn);
    if (mqw_conn_waiting(conn) <= FLUSH_AT)
        return true;
    client->choked = true;
    mqw_conn_want_drain(conn);
    return false;
}

bool mqw__outgoing_is_clear(mqw_client *client)
{
    return client->phase == MQW__ACCEPTED && !client->idle.first && !client->feed &&
           mqw__outgoing_room(client);
}

// --- QoS 0 whose bytes are on their way ---

typedef struct mqw__leaver {
    uint64_t mark; // bytes that have left then
    mqw_client_done *done;
    void *ctx;
} mqw__leaver;

void mqw__outgoing_init(mqw_client *client)
{
    client->leavers.item = sizeof(mqw__leaver);
}

bool mqw__outgoing_when_left(mqw_client *client, mqw_client_done *done, void *ctx)
{
    mqw_counters counters;
    mqw__leaver *leaver = mqw__ring_push(&client->leavers);
    if (!leaver)
        return false;
    mqw_conn_counters(client->conn, &counters);
    *leaver = (mqw__leaver){counters.bytes_queued, done, ctx};
    mqw__client_wake(client, 0);
    return true;
}

// Tells those that have left, and in the end, with a result, the others.
static void tell_leavers(mqw_client *client, uint64_t left, int result)
{
    for (uint32_t count = client->leavers.count; count > 0; count--) {
        mqw__leaver leaver = *(mqw__leaver *)mqw__ring_first(&client->leavers);
        if (leaver.mark > left && !result)
            return;
        mqw__ring_pop(&client->leavers);
        client->published += leaver.mark <= left;
        leaver.done(client, leaver.mark <= left ? 0 : result, NULL, leaver.ctx);
    }
}

static uint64_t bytes_left(const mqw_conn *conn)
{
    mqw_counters counters;
    mqw_conn_counters(conn, &counters);
    return counters.bytes_queued - mqw_conn_waiting(conn);
}

void mqw__outgoing_left(mqw_client *client)
{
    if (!client->leavers.count || !client->conn)
        return;
    tell_leavers(client, bytes_left(client->conn), 0);
    if (client->leaving && !client->leavers.count)
        mqw__client_wake(client, 0);
    if (client->leavers.count && client->conn)
        mqw_conn_want_drain(client->conn);
}

int mqw__outgoing_send_now(mqw_client *client, const mqw_publish *publish, mqw_client_done *done, void *ctx)
{
    mqw_publish copy;
    bool old = client->limits.version < MQW_5_0;
    if (publish->packet_id || publish->dup || publish->payload_left || (old && publish->props.has)) {
        copy = *publish;
        copy.packet_id = 0;
        copy.dup = false;
        copy.payload_left = 0;
        copy.props.has = old ? 0 : copy.props.has;
        publish = &copy;
    }
    if (done && !mqw__ring_reserve(&client->leavers))
        return MQW_E_NO_MEMORY;
    int result = mqw_conn_publish(client->conn, publish);
    if (result == MQW_E_REFUSED && (!publish->retain || client->limits.retain))
        return MQW_E_MISUSE; // not by the server
    if (result < 0)
        return result;
    if (done)
        (void)mqw__outgoing_when_left(client, done, ctx);
    else
        client->published++;
    return 0;
}

// --- promises ---

// Their records are written before QoS 2 leaves, and before the program hears that they are taken.
static int record(mqw_client *client, mqw__message *message)
{
    mqw_promise *promise = message->promise;
    bool kept = client->store && !message->source;
    int result = kept ? mqw__durable_promise(client, message) : 0;
    if (result < 0 || (!kept && !client->taken))
        return result;
    if (message->in_fresh)
        mqw__fresh_remove(&client->fresh, message);
    message->in_fresh = true;
    message->batch = client->batch;
    mqw__fresh_add(&client->fresh, message);
    if (kept && message->qos == 2)
        mqw_session_hold(client->session, promise, true);
    mqw__client_wake(client, 0);
    return 0;
}

int mqw__outgoing_promise(mqw_client *client, mqw__message *message)
{
    mqw_promise *promise = mqw_session_promise(client->session, message->qos, message->expires, message);
    if (!promise)
        return MQW_E_NO_MEMORY;
    message->promise = promise;
    client->sequence = promise->sequence;
    int result = record(client, message);
    if (result < 0) {
        (void)mqw_session_drop(client->session, promise);
        message->promise = NULL;
    }
    return result;
}

void mqw__outgoing_committed(mqw_client *client)
{
    if (!client->store) // what is promised from here on is told on the next turn
        client->committed = client->batch++;
    for (mqw__message *message; (message = client->fresh.first);) {
        if (!(client->store && message->source) && !mqw__durable_has(client, message->batch))
            break;
        void *ctx = message->ctx;
        bool told = message->told || !client->taken;
        message->told = true;
        message->in_fresh = false;
        mqw__fresh_remove(&client->fresh, message);
        mqw_session_hold(client->session, message->promise, false);
        if (!told)
            client->taken(client, ctx);
    }
    mqw__outgoing_pump(client);
}

// --- sending ---

// What a send came to. True: go on with the next one.
static bool sent(mqw_client *client, mqw__message *message, int result)
{
    switch (result) {
    case MQW_E_MISUSE:
    case MQW_E_REFUSED:
    case MQW_E_TOO_LARGE: mqw__backlog_doom(client, message, result); return true;
    case MQW_E_NO_MEMORY: mqw__outgoing_break(client, result); return false;
    case MQW_E_BUSY:
        client->choked = true;
        mqw_conn_want_drain(client->conn);
        return false;
    default: return result >= 0;
    }
}

static int put(mqw_client *client, mqw__message *message, const mqw_publish *publish)
{
    return message->source ? mqw__feed_begin(client, message, publish)
                           : mqw_conn_publish(client->conn, publish);
}

static bool send_idle(mqw_client *client, mqw__message *message)
{
    uint64_t wall = message->expires == UINT64_MAX ? 0 : mqw__client_wall(client);
    if (message->expires <= wall) {
        client->dropped++;
        mqw__backlog_doom(client, message, MQW_E_EXPIRED);
        return true;
    }
    mqw_packet packet;
    mqw__message_read(message, client->limits.version, wall, &packet);
    bool waits = message->done && !message->source;
    if (waits && !mqw__ring_reserve(&client->leavers)) {
        mqw__outgoing_break(client, MQW_E_NO_MEMORY);
        return false;
    }
    int result = put(client, message, &packet.publish);
    if (!sent(client, message, result))
        return false;
    if (result < 0 || message->source)
        return true;
    if (waits)
        (void)mqw__outgoing_when_left(client, message->done, message->ctx);
    else
        client->published++;
    mqw__backlog_remove(client, message);
    mqw__message_free(message);
    return true;
}

// What the record says must be on disk before the server hears it.
static bool is_stored(mqw_client *client, mqw__message *message)
{
    const mqw_promise *promise = message->promise;
    bool knows = promise->stage != MQW_RELEASED || message->stored_stage == MQW_RELEASED;
    if (!client->store || message->source || (knows && message->stored_id == promise->packet_id))
        return true;
    int result = record(client, message);
    if (result == MQW_E_BUSY)
        mqw__client_wake(client, mqw__client_now(client) + STORE_BUSY);
    else if (result < 0)
        mqw__outgoing_break(client, result);
    return result >= 0 && message->qos == 1;
}

static bool send_release(mqw_client *client, mqw_promise *promise)
{
    mqw_ack ack = {.packet_id = promise->packet_id};
    if (!is_stored(client, promise->message))
        return promise->held;
    int result = mqw_conn_pubrel(client->conn, &ack);
    if (result == MQW_E_NO_MEMORY)
        mqw__outgoing_break(client, result);
    if (result < 0)
        return false;
    mqw_session_sent(client->session, promise);
    return true;
}

static bool send_publish(mqw_client *client, mqw_promise *promise)
{
    mqw__message *message = promise->message;
    bool again = promise->stage == MQW_PUBLISHED;
    uint64_t wall = message->expires == UINT64_MAX ? 0 : mqw__client_wall(client);
    if (!again && message->expires <= wall) {
        client->dropped++;
        mqw__backlog_doom(client, message, MQW_E_EXPIRED);
        return true;
    }
    if (!is_stored(client, message))
        return promise->held;
    mqw_packet packet;
    mqw__message_read(message, client->limits.version, wall, &packet);
    packet.publish.packet_id = promise->packet_id;
    packet.publish.dup = again;
    int result = put(client, message, &packet.publish);
    if (!sent(client, message, result))
        return false;
    if (result < 0)
        return true;
    mqw_session_sent(client->session, promise);
    if (message->in_queue) {
        mqw__messages_remove(&client->unsent, message);
        message->in_queue = false;
    }
    return true;
}

static bool send_promise(mqw_client *client, mqw_promise *promise)
{
    return promise->stage == MQW_RELEASED ? send_release(client, promise) : send_publish(client, promise);
}

static bool send_next(mqw_client *client)
{
    mqw_promise *promise = mqw_session_next(client->session, mqw_conn_quota(client->conn));
    mqw__message *idle = client->idle.first;
    if (idle && (!promise || (promise->stage == MQW_WAITING && idle->after < promise->sequence)))
        return send_idle(client, idle);
    return promise && send_promise(client, promise);
}

void mqw__outgoing_pump(mqw_client *client)
{
    while (client->phase == MQW__ACCEPTED && !client->feed && mqw__outgoing_room(client))
        if (!send_next(client))
            return;
}

void mqw__outgoing_drained(mqw_client *client)
{
    client->choked = client->opening;
    mqw__outgoing_left(client);
    if (client->phase != MQW__ACCEPTED)
        return;
    mqw__feed_go(client);
    mqw__requests_pump(client);
    mqw__outgoing_pump(client);
}

// --- answers ---

static void unknown(mqw_client *client, const mqw_packet *packet)
{
    mqw_ack ack = {.packet_id = packet->pubrec.packet_id};
    if (client->limits.version == MQW_5_0)
        ack.reason = MQW_REASON_PACKET_ID_NOT_FOUND;
    if (packet->type == MQW_PUBREC && packet->pubrec.reason < 0x80 &&
        mqw_conn_pubrel(client->conn, &ack) == MQW_E_NO_MEMORY)
        mqw__client_fail(client, MQW_E_NO_MEMORY, NULL);
}

// The last word on it. PUBCOMP tells nothing new: 0x92 is no error once the server has taken the message
// (section 3.7.2.1), so that the reason of PUBREC stays.
static void over(mqw_client *client, mqw__message *message, const mqw_packet *packet)
{
    uint8_t reason = packet->type == MQW_PUBCOMP ? message->reason : packet->puback.reason;
    message->promise = NULL;
    mqw__backlog_end(client, message, reason, packet);
}

static void released(mqw_client *client, uint16_t packet_id, uint8_t reason)
{
    mqw_promise *promise = mqw_session_find(client->session, packet_id);
    mqw__message *message = promise->message;
    message->reason = reason;
    int result = client->store && !message->source ? record(client, message) : 0;
    if (result < 0 && result != MQW_E_BUSY) // then it is stored before PUBREL leaves
        mqw__client_fail(client, result, NULL);
}

// Whether a packet is the last answer that a promise waits for.
static bool ends(const mqw_promise *promise, const mqw_packet *packet)
{
    static const struct {
        uint8_t qos, stage;
    } last[16] = {
        [MQW_PUBACK] = {1, MQW_PUBLISHED},
        [MQW_PUBREC] = {2, MQW_PUBLISHED},
        [MQW_PUBCOMP] = {2, MQW_RELEASED},
    };
    if (packet->type == MQW_PUBREC && packet->pubrec.reason < 0x80)
        return false;
    return promise->qos == last[packet->type].qos && promise->stage == last[packet->type].stage;
}

// What its record is worth is known before the promise is changed: without memory for that it is answered
// again on the next connection.
static bool forget(mqw_client *client, const mqw_packet *packet)
{
    mqw_promise *promise = client->store ? mqw_session_find(client->session, packet->puback.packet_id) : NULL;
    return !promise || !ends(promise, packet) || mqw__durable_forget(client, promise->sequence) >= 0;
}

// Nobody can answer a message that has not all left.
static bool is_early(const mqw_client *client, uint16_t packet_id)
{
    const mqw__message *feed = client->feed;
    return feed && feed->promise && feed->promise->packet_id == packet_id;
}

void mqw__outgoing_answered(mqw_client *client, const mqw_packet *packet)
{
    static const char unasked[] = "the server answered what was not asked";
    mqw_promise gone;
    if (is_early(client, packet->puback.packet_id)) {
        mqw__client_blame(client, MQW_REASON_PROTOCOL_ERROR, unasked);
        return;
    }
    if (!forget(client, packet)) {
        mqw__client_fail(client, MQW_E_NO_MEMORY, NULL);
        return;
    }
    int result = mqw_session_answer(client->session, (int)packet->type, packet->puback.packet_id,
                                    packet->puback.reason, &gone);
    if (result == 2)
        over(client, gone.message, packet);
    else if (result == 1)
        released(client, packet->pubrec.packet_id, packet->pubrec.reason);
    else if (result == 0)
        unknown(client, packet);
    else
        mqw__client_blame(client, MQW_REASON_PROTOCOL_ERROR, unasked);
    if (client->conn)
        mqw__outgoing_pump(client);
}

// --- connections ---

// The server has lost the session (MQTT-3.2.2-5): what it may have is sent as new, in the same order and
// under its record in the store; QoS 2 that it has taken is over.
static void begin_anew(mqw_client *client)
{
    client->unsent = (mqw__messages){NULL, NULL};
    mqw_session_renew(client->session);
    for (mqw_promise *promise = mqw_session_each(client->session, NULL), *next; promise; promise = next) {
        mqw__message *message = promise->message;
        next = mqw_session_each(client->session, promise);
        message->in_queue = promise->stage == MQW_WAITING;
        if (message->in_queue)
            mqw__messages_add(&client->unsent, message);
        else
            mqw__backlog_doom(client, message, message->reason);
    }
}

void mqw__outgoing_opened(mqw_client *client, bool present)
{
    if (!present && mqw_session_inflight(client->session) > 0)
        begin_anew(client);
}

void mqw__outgoing_lost(mqw_client *client)
{
    uint64_t left = bytes_left(client->conn);
    client->choked = false;
    client->broken = 0;
    mqw_session_lost(client->session);
    mqw__feed_lost(client);
    tell_leavers(client, left, MQW_E_CLOSED);
}
