// SPDX-License-Identifier: MIT
// Subscribing and unsubscribing: requests that wait, that were sent, that are over; and what is restored.
#include "requests.h"
#include "response.h"

#include <stdlib.h>
#include <string.h>

#include "inside.h"
#include "transport/alloc.h"

enum { FIRST_SIZE = 8, RESTORE_FILTERS = 64, RESTORE_BYTES = 16 * 1024 };

// --- lists ---

static void add(mqw__requests *list, mqw__request *request)
{
    request->next = NULL;
    request->back = list->last;
    *(list->last ? &list->last->next : &list->first) = request;
    list->last = request;
}

static void take_out(mqw__requests *list, mqw__request *request)
{
    *(request->back ? &request->back->next : &list->first) = request->next;
    *(request->next ? &request->next->back : &list->last) = request->back;
}

// --- by packet identifier ---

static mqw__request **place(const mqw__pending *ids, uint16_t packet_id)
{
    mqw__request **at = &ids->buckets[packet_id & (ids->size - 1)];
    while (*at && (*at)->packet_id != packet_id)
        at = &(*at)->chain;
    return at;
}

static bool grow(mqw__pending *ids)
{
    uint32_t size = ids->size ? ids->size * 2 : FIRST_SIZE;
    mqw__request **buckets = mqw__uv_new(size * sizeof(void *));
    if (!buckets)
        return ids->size > 0;
    for (uint32_t i = 0; i < ids->size; i++)
        for (mqw__request *at = ids->buckets[i], *next; at; at = next) {
            next = at->chain;
            at->chain = buckets[at->packet_id & (size - 1)];
            buckets[at->packet_id & (size - 1)] = at;
        }
    free(ids->buckets);
    ids->buckets = buckets;
    ids->size = size;
    return true;
}

static bool file(mqw__pending *ids, mqw__request *request)
{
    if (ids->count >= ids->size && !grow(ids))
        return false;
    mqw__request **bucket = &ids->buckets[request->packet_id & (ids->size - 1)];
    request->chain = *bucket;
    *bucket = request;
    ids->count++;
    return true;
}

// Its identifier is free again.
static void unfile(mqw_client *client, mqw__request *request)
{
    mqw__pending *ids = &client->pending;
    *place(ids, request->packet_id) = request->chain;
    ids->count--;
    mqw_session_give_id(client->session, request->packet_id);
    request->packet_id = 0;
}

// --- how many there are ---

// What is restored was granted already: it does not count.
static int admit(const mqw_client *client, const mqw__request *request)
{
    if (request->room > client->max_queued_bytes)
        return MQW_E_TOO_LARGE;
    bool fits =
        client->asked < client->max_queued && client->asked_bytes + request->room <= client->max_queued_bytes;
    return fits ? 0 : MQW_E_FULL;
}

static void count(mqw_client *client, const mqw__request *request)
{
    client->asked++;
    client->asked_bytes += request->room;
}

static void drop(mqw_client *client, mqw__request *request)
{
    if (!request->restores) {
        client->asked--;
        client->asked_bytes -= request->room;
    }
    mqw__request_free(request);
}

// --- the end of a request ---

static void tell_unsubscribed(mqw_client *client, mqw_text filter, int result)
{
    mqw__responses_unsubscribed(client, filter);
    if (client->handlers.on_unsubscribed)
        client->handlers.on_unsubscribed(client, filter, result, client->ctx);
}

static void tell(mqw_client *client, mqw__request *request, int result, const mqw_packet *answer)
{
    mqw_client_done *done = request->done;
    void *ctx = request->ctx;
    for (mqw__subscription *at = request->restores ? request->filters : NULL; at; at = at->chain) {
        mqw__subscriptions_drop(&client->subscriptions, at->options.filter);
        tell_unsubscribed(client, at->options.filter, result);
    }
    drop(client, request);
    if (done)
        done(client, result, answer, ctx);
}

static void doom(mqw_client *client, mqw__requests *list, mqw__request *request, int result)
{
    take_out(list, request);
    request->result = result;
    add(&client->refused, request);
    mqw__client_wake(client, 0);
}

void mqw__requests_tell(mqw_client *client)
{
    mqw__requests over = client->refused;
    client->refused = (mqw__requests){NULL, NULL};
    for (mqw__request *request; (request = over.first);) {
        take_out(&over, request);
        tell(client, request, request->result, NULL);
    }
}

// --- sending ---

static void wait(mqw_client *client, mqw__request *request)
{
    request->deadline = mqw__client_now(client) + client->request_timeout;
    add(&client->waiting, request);
    mqw__client_wake(client, request->deadline);
}

// Asks again for what was subscribed to; false: no memory.
static bool restore(mqw_client *client, const mqw_filter *items, uint32_t count, uint32_t id)
{
    mqw__request *request = NULL;
    mqw_props props = {.has = 0};
    uint8_t room[5];
    mqw_list ids = mqw_list_ids(room, sizeof room, &id, 1);
    if (id)
        mqw_set(&props, subscription_ids, ids);
    int result = mqw__request_new(&request, MQW_SUBSCRIBE, items, count, &props);
    if (result < 0) {
        client->doubtful = true;
        mqw__outgoing_break(client, result);
        return false;
    }
    request->restores = true;
    wait(client, request);
    return true;
}

// This server does not take all of it: each filter is asked for by itself.
static void divide(mqw_client *client, mqw__request *request)
{
    take_out(&client->waiting, request);
    for (const mqw__subscription *at = request->filters; at; at = at->chain)
        if (!restore(client, &at->options, 1, at->id))
            break;
    drop(client, request);
}

static bool send_first(mqw_client *client)
{
    mqw__request *request = client->waiting.first;
    request->packet_id = mqw_session_take_id(client->session);
    if (!request->packet_id)
        return false; // the next answer frees one
    if (!file(&client->pending, request)) {
        mqw_session_give_id(client->session, request->packet_id);
        request->packet_id = 0;
        mqw__outgoing_break(client, MQW_E_NO_MEMORY);
        return false;
    }
    int result = mqw__request_send(request, client->conn);
    if (result >= 0) {
        take_out(&client->waiting, request);
        request->deadline = mqw__client_now(client) + client->request_timeout;
        add(&client->sent, request);
        mqw__client_wake(client, request->deadline);
        return true;
    }
    unfile(client, request);
    if (result == MQW_E_BUSY || result == MQW_E_CLOSED)
        return false;
    if (result == MQW_E_NO_MEMORY)
        mqw__outgoing_break(client, result);
    else if (request->restores && request->count > 1)
        divide(client, request);
    else
        doom(client, &client->waiting, request, result);
    return result != MQW_E_NO_MEMORY;
}

void mqw__requests_pump(mqw_client *client)
{
    while (client->phase == MQW__ACCEPTED && client->waiting.first && mqw__outgoing_room(client))
        if (!send_first(client))
            return;
}

static int ask(mqw_client *client, mqw__request *request, mqw_client_done *done, void *ctx)
{
    int result = admit(client, request);
    if (result < 0) {
        mqw__request_free(request);
        return result;
    }
    count(client, request);
    request->done = done;
    request->ctx = ctx;
    wait(client, request);
    mqw__requests_pump(client);
    return 0;
}

int mqw_client_subscribe(mqw_client *client, const mqw_filter *filters, size_t count, const mqw_props *props,
                         mqw_client_done *done, void *ctx)
{
    mqw__request *request = NULL;
    if (!client)
        return MQW_E_MISUSE;
    if (!mqw__client_accepts(client))
        return MQW_E_CLOSED;
    if (!mqw__subscriptions_reserve(&client->subscriptions))
        return MQW_E_NO_MEMORY;
    int result = mqw__request_new(&request, MQW_SUBSCRIBE, filters, count, props);
    return result < 0 ? result : ask(client, request, done, ctx);
}

int mqw_client_unsubscribe(mqw_client *client, const mqw_text *filters, size_t count, const mqw_props *props,
                           mqw_client_done *done, void *ctx)
{
    mqw__request *request = NULL;
    if (!client || !filters || !count || count > MQW_LENGTH_MAX)
        return MQW_E_MISUSE;
    if (!mqw__client_accepts(client))
        return MQW_E_CLOSED;
    mqw_filter *items = mqw__uv_new(count * sizeof *items);
    if (!items)
        return MQW_E_NO_MEMORY;
    for (size_t i = 0; i < count; i++)
        items[i].filter = filters[i];
    int result = mqw__request_new(&request, MQW_UNSUBSCRIBE, items, count, props);
    free(items);
    return result < 0 ? result : ask(client, request, done, ctx);
}

// --- answers ---

// The first that was refused, else the first.
static uint8_t summary(mqw_bytes reasons)
{
    for (size_t i = 0; i < reasons.len; i++)
        if (reasons.data[i] >= 0x80)
            return reasons.data[i];
    return reasons.len ? reasons.data[0] : 0;
}

static void learn(mqw_client *client, mqw__request *request, const mqw_suback *answer)
{
    mqw__subscription *at = request->filters;
    request->filters = NULL;
    for (uint32_t i = 0; at; i++) {
        mqw__subscription *next = at->chain;
        uint8_t reason = i < answer->reasons.len ? answer->reasons.data[i] : 0;
        bool subscribed = request->type == MQW_SUBSCRIBE && reason < 0x80;
        if (subscribed) {
            at->asked = client->epoch;
            mqw__subscriptions_put(&client->subscriptions, at);
        } else if (request->type == MQW_UNSUBSCRIBE ? reason < 0x80 : request->restores) {
            mqw__subscriptions_drop(&client->subscriptions, at->options.filter);
        }
        if (!subscribed && request->restores)
            tell_unsubscribed(client, at->options.filter, reason);
        if (!subscribed)
            free(at);
        at = next;
    }
}

void mqw__requests_answered(mqw_client *client, const mqw_packet *packet)
{
    const mqw_suback *answer = &packet->suback;
    mqw__request *request = client->pending.size ? *place(&client->pending, answer->packet_id) : NULL;
    if (!request)
        return; // as with acknowledgements, what nobody waits for does no harm
    bool subscribes = request->type == MQW_SUBSCRIBE;
    bool counts = subscribes || client->limits.version == MQW_5_0;
    if ((packet->type == MQW_SUBACK) != subscribes || (counts && answer->reasons.len != request->count)) {
        mqw__client_blame(client, MQW_REASON_PROTOCOL_ERROR,
                          "the server's answer does not fit what it was asked (MQTT-3.8.4-6)");
        return;
    }
    unfile(client, request);
    if (!request->over)
        take_out(&client->sent, request);
    learn(client, request, answer);
    tell(client, request, summary(answer->reasons), packet);
    if (client->conn)
        mqw__requests_pump(client);
    if (client->leaving)
        mqw__client_wake(client, 0);
}

// --- time ---

static void time_out(mqw_client *client, mqw__requests *list, uint64_t now)
{
    for (mqw__request *request; (request = list->first) && request->deadline <= now;) {
        mqw_client_done *done = request->done;
        take_out(list, request);
        request->over = true;
        request->done = NULL;
        void *ctx = request->ctx;
        client->doubtful = client->doubtful || request->restores;
        if (!request->packet_id)
            drop(client, request);
        if (done)
            done(client, MQW_E_TIMEOUT, NULL, ctx);
    }
}

uint64_t mqw__requests_due(mqw_client *client)
{
    uint64_t now = mqw__client_now(client), due = UINT64_MAX;
    time_out(client, &client->waiting, now);
    time_out(client, &client->sent, now);
    if (client->waiting.first)
        due = client->waiting.first->deadline;
    if (client->sent.first && client->sent.first->deadline < due)
        due = client->sent.first->deadline;
    return due;
}

// --- connections ---

// What was not answered is asked again; what was over is forgotten, and so is ours, which the next connection
// begins with, whatever its CONNACK says.
static void ask_again(mqw_client *client, mqw__request *request, mqw__requests *again)
{
    bool over = request->over;
    if (!over)
        take_out(&client->sent, request);
    unfile(client, request);
    client->doubtful = client->doubtful || request->restores;
    if (over || request->restores) {
        drop(client, request);
        return;
    }
    request->deadline = mqw__client_now(client) + client->request_timeout;
    add(again, request);
}

void mqw__requests_lost(mqw_client *client)
{
    mqw__requests again = {NULL, NULL};
    while (client->sent.first)
        ask_again(client, client->sent.first, &again);
    for (uint32_t i = 0; i < client->pending.size; i++)
        while (client->pending.buckets[i])
            ask_again(client, client->pending.buckets[i], &again);
    for (mqw__request *request; (request = client->waiting.first);) {
        take_out(&client->waiting, request);
        if (request->restores) {
            client->doubtful = true;
            drop(client, request);
            continue;
        }
        request->deadline = mqw__client_now(client) + client->request_timeout;
        add(&again, request);
    }
    client->waiting = again;
}

// As many filters as go into one SUBSCRIBE: they share an identifier.
static uint32_t gather(mqw__subscription **at, mqw_filter *items, uint32_t epoch, uint32_t *id)
{
    uint32_t count = 0;
    size_t bytes = 0;
    for (; *at && count < RESTORE_FILTERS; *at = (*at)->next) {
        if ((*at)->asked == epoch)
            continue;
        bytes += (*at)->options.filter.len;
        if (count && (bytes > RESTORE_BYTES || (*at)->id != *id))
            break;
        *id = (*at)->id;
        items[count++] = (*at)->options;
    }
    return count;
}

// What the program has asked for itself is left to that.
static void mark_asked(mqw_client *client)
{
    for (const mqw__request *request = client->waiting.first; request; request = request->next)
        for (const mqw__subscription *at = request->filters; at; at = at->chain) {
            mqw__subscription *known = mqw__subscriptions_find(&client->subscriptions, at->options.filter);
            if (known)
                known->asked = client->epoch;
        }
}

void mqw__requests_restore(mqw_client *client)
{
    mqw_filter items[RESTORE_FILTERS];
    mqw__subscription *at = client->subscriptions.first;
    mark_asked(client);
    for (uint32_t count, id = 0; (count = gather(&at, items, client->epoch, &id)) > 0;)
        if (!restore(client, items, count, id))
            return;
    mqw__requests_pump(client);
}

bool mqw__requests_idle(const mqw_client *client)
{
    return !client->waiting.first && !client->sent.first;
}

void mqw__requests_clear(mqw_client *client, int result)
{
    mqw__requests_lost(client);
    while (client->waiting.first)
        doom(client, &client->waiting, client->waiting.first, result);
}

void mqw__requests_free(mqw_client *client)
{
    free(client->pending.buckets);
    mqw__subscriptions_free(&client->subscriptions);
}
