// SPDX-License-Identifier: MIT
// Messages that wait or are in flight: how many there may be, who gives way, what expires, and who hears that
// one is over.
#include <stdlib.h>

#include "inside.h"

enum { LOOK_EVERY = 1000 }; // ms: waiting QoS 0 is looked through for what has expired

// --- who gives way ---

static bool fits(const mqw_client *client, const mqw__message *message)
{
    return client->queued < client->max_queued &&
           client->queued_bytes + message->size <= client->max_queued_bytes;
}

// The oldest that was never sent; NULL: all are in flight.
static mqw__message *oldest(const mqw_client *client)
{
    mqw__message *idle = client->idle.first, *unsent = client->unsent.first;
    if (!idle || !unsent)
        return idle ? idle : unsent;
    return idle->after < unsent->promise->sequence ? idle : unsent;
}

static mqw__message *victim(const mqw_client *client)
{
    if (client->when_full == MQW_FULL_DROP_OLDEST)
        return oldest(client);
    return client->when_full == MQW_FULL_DROP_NEWEST_QOS0 ? client->idle.last : NULL;
}

int mqw__backlog_admit(mqw_client *client, const mqw__message *message)
{
    if (message->size > client->max_queued_bytes)
        return MQW_E_TOO_LARGE;
    bool yields = client->when_full == MQW_FULL_DROP_NEWEST_QOS0 && message->qos == 0;
    while (!fits(client, message)) {
        mqw__message *gone = yields ? NULL : victim(client);
        client->was_full = true;
        if (!gone)
            return MQW_E_FULL;
        client->dropped++;
        mqw__backlog_doom(client, gone, MQW_E_FULL);
    }
    return 0;
}

static bool is_low(const mqw_client *client)
{
    return client->queued <= client->max_queued / 4 && client->queued_bytes <= client->max_queued_bytes / 4;
}

// --- in and out ---

void mqw__backlog_count(mqw_client *client, mqw__message *message)
{
    message->counted = true;
    client->queued++;
    client->queued_bytes += message->size;
    if (client->queued > client->max_queued / 2 || client->queued_bytes > client->max_queued_bytes / 2)
        client->was_full = true;
}

void mqw__backlog_add(mqw_client *client, mqw__message *message)
{
    mqw__backlog_count(client, message);
    if (message->qos == 0 && message->expires < client->idle_expiry) {
        client->idle_expiry = message->expires;
        mqw__client_wake(client, mqw__backlog_due(client));
    }
    message->in_queue = true;
    mqw__messages_add(message->qos ? &client->unsent : &client->idle, message);
}

void mqw__backlog_remove(mqw_client *client, mqw__message *message)
{
    if (message->in_queue)
        mqw__messages_remove(message->qos ? &client->unsent : &client->idle, message);
    if (message->in_fresh)
        mqw__fresh_remove(&client->fresh, message);
    if (message->counted) {
        client->queued--;
        client->queued_bytes -= message->size;
    }
    message->in_queue = message->in_fresh = message->counted = false;
    if (client->leaving || (client->was_full && is_low(client)))
        mqw__client_wake(client, 0);
}

// It is over: nothing refers to it but the caller.
static void take_out(mqw_client *client, mqw__message *message)
{
    mqw__backlog_remove(client, message);
    if (!message->promise)
        return;
    (void)mqw__durable_forget(client, message->promise->sequence); // else it is sent once more one day
    (void)mqw_session_drop(client->session, message->promise);
    message->promise = NULL;
}

static void tell(mqw_client *client, mqw__message *message, int result, const mqw_packet *answer)
{
    mqw_client_done *done = message->done;
    void *ctx = message->ctx;
    mqw__message_free(message);
    if (result >= 0 && result < 0x80)
        client->published++;
    if (done)
        done(client, result, answer, ctx);
}

void mqw__backlog_end(mqw_client *client, mqw__message *message, int result, const mqw_packet *answer)
{
    take_out(client, message);
    tell(client, message, result, answer);
}

void mqw__backlog_doom(mqw_client *client, mqw__message *message, int result)
{
    take_out(client, message);
    message->result = result;
    mqw__messages_add(&client->doomed, message);
    mqw__client_wake(client, 0);
}

void mqw__backlog_tell(mqw_client *client)
{
    mqw__messages over = client->doomed;
    client->doomed = (mqw__messages){NULL, NULL};
    for (mqw__message *message; (message = over.first);) {
        mqw__messages_remove(&over, message);
        tell(client, message, message->result, NULL);
    }
    if (!client->was_full || !is_low(client) || !mqw__client_accepts(client))
        return;
    client->was_full = false;
    if (client->handlers.on_drain)
        client->handlers.on_drain(client, client->ctx);
}

// --- time ---

// It is told on the next turn: a program that publishes anew then does not hold up this one.
static void expire(mqw_client *client, mqw__message *message)
{
    client->dropped++;
    mqw__backlog_doom(client, message, MQW_E_EXPIRED);
}

static void expire_idle(mqw_client *client, uint64_t wall)
{
    if (client->idle_expiry > wall)
        return;
    client->idle_expiry = UINT64_MAX;
    for (mqw__message *message = client->idle.first, *next; message; message = next) {
        next = message->queue.next;
        if (message->expires <= wall)
            expire(client, message);
        else if (message->expires < client->idle_expiry)
            client->idle_expiry = message->expires;
    }
    if (client->idle_expiry < wall + LOOK_EVERY)
        client->idle_expiry = wall + LOOK_EVERY;
}

void mqw__backlog_expire(mqw_client *client)
{
    uint64_t wall = mqw__client_wall(client);
    for (mqw_promise *promise; (promise = mqw_session_expired(client->session, wall));)
        expire(client, promise->message);
    expire_idle(client, wall);
}

uint64_t mqw__backlog_due(const mqw_client *client)
{
    uint64_t expiry = mqw_session_expiry(client->session), wall = mqw__client_wall(client);
    if (client->idle_expiry < expiry)
        expiry = client->idle_expiry;
    if (expiry == UINT64_MAX)
        return UINT64_MAX;
    return mqw__client_now(client) + (expiry > wall ? expiry - wall : 0);
}

void mqw__backlog_clear(mqw_client *client, int result)
{
    while (client->idle.first)
        mqw__backlog_doom(client, client->idle.first, result);
    for (mqw_promise *promise; (promise = mqw_session_each(client->session, NULL));) {
        mqw__message *message = promise->message;
        mqw__backlog_remove(client, message);
        (void)mqw_session_drop(client->session, promise);
        message->promise = NULL; // its record stays
        message->result = result;
        mqw__messages_add(&client->doomed, message);
    }
}
