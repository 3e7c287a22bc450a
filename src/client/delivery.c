// SPDX-License-Identifier: MIT
// Messages that come: to the program first, then acknowledged, in the order in which they came.
#include "inside.h"
#include "response.h"

#include <stdlib.h>
#include <string.h>

#include "transport/alloc.h"

// An acknowledgement that is owed.
typedef struct mqw__ack_due {
    uint16_t packet_id;
    uint8_t reason;
    uint8_t state;
    uint32_t batch; // it waits for that commit
} mqw__ack_due;

enum {
    ACKED = 1,    // the program is done with it
    ARRIVING = 2, // its payload is still coming
    AGAIN = 4     // it was taken before
};

// PUBCOMP that waits for a commit.
typedef struct mqw__comp_due {
    uint16_t packet_id;
    uint32_t batch;
} mqw__comp_due;

enum { OWED_MOST = UINT16_MAX, OWED_AGAIN = OWED_MOST / 2 };

// --- tokens: 24 bits of the connection's number, the ring, the number in it ---

static mqw_token token_of(const mqw_client *client, int kind, uint32_t number)
{
    return (uint64_t)(client->epoch & 0xFFFFFF) << 40 | (uint64_t)kind << 32 | number;
}

void mqw__delivery_init(mqw_client *client)
{
    client->acks[0].item = client->acks[1].item = sizeof(mqw__ack_due);
    client->comps.item = sizeof(mqw__comp_due);
}

// --- acknowledging ---

// Reading stops while more acknowledgements are owed than packet identifiers exist, which needs a server that
// uses them twice.
static void bound(mqw_client *client)
{
    uint32_t owed =
        client->acks[0].count > client->acks[1].count ? client->acks[0].count : client->acks[1].count;
    if (owed >= OWED_MOST && !client->swamped) {
        client->swamped = true;
        mqw_conn_pause(client->conn);
    } else if (owed < OWED_AGAIN && client->swamped) {
        client->swamped = false;
        if (!client->paused)
            mqw_conn_resume(client->conn);
    }
}

static bool is_ready(const mqw__ack_due *due)
{
    return (due->state & (ACKED | ARRIVING)) == ACKED;
}

// False: the connection takes no more.
static bool say(mqw_client *client, int kind, uint16_t packet_id, uint8_t reason)
{
    mqw_ack ack;
    ack.packet_id = packet_id;
    ack.reason = client->limits.version == MQW_5_0 ? reason : 0;
    ack.dup = false;
    ack.props.has = 0;
    int result = kind == 0 ? mqw_conn_puback(client->conn, &ack) : mqw_conn_pubrec(client->conn, &ack);
    if (result == MQW_E_NO_MEMORY)
        mqw__outgoing_break(client, result);
    return result >= 0;
}

static void flush(mqw_client *client, int kind)
{
    mqw__ring *ring = &client->acks[kind];
    for (const mqw__ack_due *due; (due = mqw__ring_first(ring));) {
        if (!is_ready(due) || (client->store && !mqw__durable_has(client, due->batch)))
            break;
        if (!say(client, kind, due->packet_id, due->reason))
            return;
        if (kind == 1 && due->reason >= 0x80)
            (void)mqw_session_release(client->session, due->packet_id);
        mqw__ring_pop(ring);
    }
    bound(client);
}

// With a store what the handler has put into it, and the identifier that is taken, are on disk first. One
// that came again was kept when it was acknowledged, or waits for that.
static int acknowledge(mqw_client *client, int kind, mqw__ack_due *due, uint8_t reason)
{
    bool taken = client->store && kind == 1 && reason < 0x80 && !(due->state & AGAIN);
    int result = taken ? mqw__durable_received(client, due->packet_id, true) : 0;
    if (result < 0)
        return result;
    due->state |= ACKED;
    due->reason = reason;
    due->batch = client->batch;
    if (client->store)
        mqw__durable_wanted(client);
    flush(client, kind);
    return 0;
}

// Reason codes with which a client may refuse, or not, a message.
static const uint16_t said_in[256] = {
#define X(value, NAME, client, server, text) [value] = (client)&MQW_IN_PUBS,
    MQW_REASONS(X)
#undef X
};

int mqw_client_ack(mqw_client *client, mqw_token token, uint8_t reason)
{
    if (!client || !token || said_in[reason] != MQW_IN_PUBS)
        return MQW_E_MISUSE;
    int kind = (int)(token >> 32 & 1);
    mqw__ring *ring = &client->acks[kind];
    if (token >> 40 != (client->epoch & 0xFFFFFF) || client->phase != MQW__ACCEPTED)
        return MQW_E_CLOSED;
    if ((uint32_t)token - ring->first >= ring->count)
        return MQW_E_MISUSE;
    mqw__ack_due *due = mqw__ring_at(ring, (uint32_t)token);
    if (due->state & ACKED)
        return MQW_E_MISUSE;
    int result = 0;
    if (due->state & ARRIVING) {
        due->state |= ACKED;
        due->reason = reason; // it waits for the last piece
    } else {
        result = acknowledge(client, kind, due, reason);
    }
    client->unacknowledged -= result == 0;
    return result;
}

void mqw__delivery_committed(mqw_client *client)
{
    if (client->phase != MQW__ACCEPTED)
        return;
    flush(client, 0);
    flush(client, 1);
    for (const mqw__comp_due *due; (due = mqw__ring_first(&client->comps));) {
        mqw_ack ack = {.packet_id = due->packet_id};
        if (!mqw__durable_has(client, due->batch))
            return;
        int result = mqw_conn_pubcomp(client->conn, &ack);
        if (result == MQW_E_NO_MEMORY)
            mqw__outgoing_break(client, result);
        if (result < 0)
            return;
        mqw__ring_pop(&client->comps);
    }
}

// --- what comes ---

static void hear(mqw_client *client, const mqw_publish *publish, mqw_token token)
{
    client->received++;
    if (client->responses && mqw__responses_take(client, publish)) {
        client->arriving_again = client->arriving != NULL; // its pieces are nobody's
        if (token && client->manual_ack)
            (void)mqw_client_ack(client, token, 0);
        return;
    }
    if (!mqw__routes_call(&client->routes, client, publish, token) && client->handlers.on_message)
        client->handlers.on_message(client, publish, token, client->ctx);
}

// A payload in pieces: its PUBLISH is kept for as long as they come.
static bool keep_arriving(mqw_client *client, const mqw_publish *publish, mqw_token token, bool again)
{
    mqw_packet packet;
    packet.type = MQW_PUBLISH;
    packet.publish = *publish;
    client->arriving = mqw_packet_copy(&packet, mqw__client_allocator());
    client->arriving_token = token;
    client->arriving_again = again;
    return client->arriving != NULL;
}

static void take_plain(mqw_client *client, const mqw_publish *publish)
{
    if (publish->payload_left && !keep_arriving(client, publish, 0, false))
        mqw__client_fail(client, MQW_E_NO_MEMORY, NULL);
    else
        hear(client, publish, 0);
}

// What follows once the program has had all of it.
static void had(mqw_client *client, int kind, uint32_t number, bool again)
{
    mqw__ack_due *due = mqw__ring_at(&client->acks[kind], number);
    bool early = due->state == (ACKED | ARRIVING);
    due->state &= (uint8_t)~ARRIVING;
    if (!early && (due->state & ACKED || (client->manual_ack && !again))) {
        flush(client, kind);
        return;
    }
    int result = acknowledge(client, kind, due, due->reason);
    if (result < 0)
        mqw__client_fail(client, result, NULL);
}

static void take_in_order(mqw_client *client, const mqw_publish *publish, bool again)
{
    int kind = publish->qos - 1;
    mqw__ring *ring = &client->acks[kind];
    mqw__ack_due *due = mqw__ring_push(ring);
    uint32_t number = ring->first + ring->count - 1;
    mqw_token token = token_of(client, kind, number);
    bool pieces = publish->payload_left > 0;
    uint8_t state = (uint8_t)((pieces ? ARRIVING : 0) | (again ? AGAIN : 0));
    if (due)
        *due = (mqw__ack_due){publish->packet_id, 0, state, 0};
    if (!due || (pieces && !keep_arriving(client, publish, token, again))) {
        if (!due && kind == 1 && !again)
            (void)mqw_session_release(client->session, publish->packet_id);
        mqw__client_fail(client, MQW_E_NO_MEMORY, NULL);
        return;
    }
    bool waits = client->manual_ack && !again;
    client->unacknowledged += waits;
    bound(client);
    if (!again)
        hear(client, publish, waits ? token : 0);
    if (!pieces && (!waits || (uint32_t)number - ring->first < ring->count))
        had(client, kind, number, again);
}

static bool forget_stale(mqw_client *client, uint16_t packet_id)
{
    uint8_t bit = (uint8_t)(1u << packet_id % 8);
    bool was = client->stale && client->stale[packet_id / 8] & bit;
    if (was)
        client->stale[packet_id / 8] &= (uint8_t)~bit;
    return was;
}

int mqw__delivery_doubt(mqw_client *client)
{
    uint16_t id = mqw_session_each_received(client->session, 0);
    if (id && !client->stale)
        client->stale = mqw__uv_new((UINT16_MAX + 1) / 8);
    if (id && !client->stale)
        return MQW_E_NO_MEMORY;
    for (; id; id = mqw_session_each_received(client->session, id))
        client->stale[id / 8] |= (uint8_t)(1u << id % 8);
    return 0;
}

// 1: it is new; 0: it was taken before; negative: an mqw_result.
static int receive(mqw_client *client, const mqw_publish *publish)
{
    uint16_t packet_id = publish->packet_id;
    if (publish->qos == 1)
        return 1;
    int result = mqw_session_receive(client->session, packet_id);
    if (!forget_stale(client, packet_id) || result != 0 || publish->dup)
        return result;
    result = client->store ? mqw__durable_received(client, packet_id, false) : 0;
    return result < 0 ? result : 1;
}

void mqw__delivery_publish(mqw_client *client, const mqw_publish *publish)
{
    bool plain = !client->manual_ack && !client->store && !publish->payload_left;
    if (publish->qos == 0) {
        take_plain(client, publish);
        return;
    }
    int fresh = receive(client, publish);
    if (fresh < 0) {
        mqw__client_fail(client, fresh, NULL);
    } else if (plain && client->acks[publish->qos - 1].count == 0) {
        if (fresh)
            hear(client, publish, 0);
        (void)say(client, publish->qos - 1, publish->packet_id, 0);
    } else {
        take_in_order(client, publish, !fresh);
    }
}

void mqw__delivery_piece(mqw_client *client, const mqw_piece *piece)
{
    mqw_packet *arriving = client->arriving;
    if (!arriving)
        return;
    mqw_token token = client->arriving_token;
    bool again = client->arriving_again, waits = client->manual_ack && !again;
    if (piece->left == 0)
        client->arriving = NULL;
    if (!again && client->handlers.on_piece)
        client->handlers.on_piece(client, &arriving->publish, piece, waits ? token : 0, client->ctx);
    if (piece->left)
        return;
    mqw_packet_free(arriving, mqw__client_allocator());
    if (token)
        had(client, (int)(token >> 32 & 1), (uint32_t)token, again);
}

void mqw__delivery_release(mqw_client *client, const mqw_ack *pubrel)
{
    uint16_t packet_id = pubrel->packet_id;
    (void)forget_stale(client, packet_id);
    bool known = mqw_session_received(client->session, packet_id);
    mqw_ack ack = {.packet_id = packet_id};
    if (!known && client->limits.version == MQW_5_0)
        ack.reason = MQW_REASON_PACKET_ID_NOT_FOUND;
    int result = 0;
    if (known && client->store) {
        mqw__comp_due *due = mqw__ring_push(&client->comps);
        result = due ? mqw__durable_received(client, packet_id, false) : MQW_E_NO_MEMORY;
        if (due)
            *due = (mqw__comp_due){packet_id, client->batch};
    } else {
        result = mqw_conn_pubcomp(client->conn, &ack);
    }
    if (known && result >= 0)
        (void)mqw_session_release(client->session, packet_id);
    if (result == MQW_E_NO_MEMORY || (result < 0 && client->store))
        mqw__client_fail(client, result, NULL);
}

// --- connections ---

void mqw__delivery_opened(mqw_client *client, bool present)
{
    client->epoch++;
    if (present && client->doubtful && mqw__delivery_doubt(client) < 0)
        mqw__outgoing_break(client, MQW_E_NO_MEMORY);
    if (present)
        return;
    free(client->stale);
    client->stale = NULL;
    for (uint16_t id; (id = mqw_session_each_received(client->session, 0));)
        (void)mqw_session_release(client->session, id);
    int result = mqw__durable_received_none(client);
    if (result < 0)
        mqw__outgoing_break(client, result);
}

// What the program has not acknowledged comes again, as new.
static void take_back(mqw_client *client)
{
    mqw__ring *ring = &client->acks[1];
    for (uint32_t i = 0; i < ring->count; i++) {
        const mqw__ack_due *due = mqw__ring_at(ring, ring->first + i);
        if (!(due->state & AGAIN) && (!is_ready(due) || due->reason >= 0x80))
            (void)mqw_session_release(client->session, due->packet_id);
    }
}

void mqw__delivery_lost(mqw_client *client)
{
    mqw_packet *arriving = client->arriving;
    take_back(client);
    mqw__ring_clear(&client->acks[0]);
    mqw__ring_clear(&client->acks[1]);
    mqw__ring_clear(&client->comps);
    client->unacknowledged = 0;
    client->swamped = false;
    client->arriving = NULL;
    if (!arriving)
        return;
    if (!client->arriving_again && client->handlers.on_piece)
        client->handlers.on_piece(client, &arriving->publish, NULL, 0, client->ctx);
    mqw_packet_free(arriving, mqw__client_allocator());
}

void mqw__delivery_free(mqw_client *client)
{
    mqw__ring_free(&client->acks[0]);
    mqw__ring_free(&client->acks[1]);
    mqw__ring_free(&client->comps);
    free(client->stale);
    mqw_packet_free(client->arriving, mqw__client_allocator());
}
