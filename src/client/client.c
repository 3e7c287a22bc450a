// SPDX-License-Identifier: MIT
// The life of a client: made, turn by turn, closed, gone.
#include <stdlib.h>
#include <string.h>

#include "auth.h"
#include "inside.h"
#include "response.h"
#include "transport/alloc.h"

enum { GOODBYE_TIMEOUT = 5000 };

// --- memory ---

static void *resize(void *ctx, void *old, size_t old_size, size_t new_size)
{
    (void)ctx;
    (void)old_size;
    if (new_size > 0)
        return mqw__uv_resize(old, new_size);
    free(old);
    return NULL;
}

const mqw_allocator *mqw__client_allocator(void)
{
    static const mqw_allocator allocator = {resize, NULL};
    return &allocator;
}

// Messages that nobody hears of any more.
static void drop_messages(mqw_client *client)
{
    for (mqw_promise *promise; client->session && (promise = mqw_session_each(client->session, NULL));)
        mqw__message_free(mqw_session_drop(client->session, promise));
    mqw_session_free(client->session);
}

static void release(mqw_client *client)
{
    drop_messages(client);
    mqw__requests_free(client);
    mqw__responses_end(client);
    mqw__delivery_free(client);
    mqw__routes_free(&client->routes);
    mqw__ring_free(&client->leavers);
    mqw_packet_free(client->connack, mqw__client_allocator());
    mqw_packet_free(client->goodbye, mqw__client_allocator());
    mqw__settings_free(client);
    free(client->assigned);
    free(client->prefix);
    free(client);
}

// What cannot work with any of the servers is said now, not again and again.
static int check(const mqw_client *client)
{
    const mqw__servers *servers = &client->retry.servers;
    int result = 0;
    for (uint32_t i = 0; client->world.check && result == 0 && i < servers->count; i++)
        result = client->world.check(client->world.self, servers->at[i]->address, &client->open);
    return result;
}

static int begin(mqw_client *client, const mqw_client_options *options)
{
    mqw_session_options session = {.size = sizeof session, .allocator = mqw__client_allocator()};
    client->wake_at = client->idle_expiry = UINT64_MAX;
    mqw__outgoing_init(client);
    mqw__delivery_init(client);
    int result = mqw__settings_read(client, options);
    if (result == 0)
        result = check(client);
    if (result < 0)
        return result;
    client->session = mqw_session_new(&session);
    return client->session ? mqw__durable_open(client) : MQW_E_NO_MEMORY;
}

int mqw__client_new(mqw_client **out, const mqw__environment *environment, const mqw_client_options *options)
{
    mqw_client *client = mqw__uv_new(sizeof *client);
    if (!client)
        return MQW_E_NO_MEMORY;
    client->world = *environment;
    int result = begin(client, options);
    if (result < 0) {
        release(client);
        return result;
    }
    *out = client;
    mqw__client_wake(client, 0);
    return 0;
}

// --- the end ---

void mqw__client_part(mqw_client *client, bool gave_up)
{
    int result = client->store_failed ? client->store_failed : MQW_E_CLOSED;
    if (client->phase >= MQW__PARTING)
        return;
    client->gave_up = gave_up;
    mqw__connect_part(client);
    client->phase = MQW__PARTING;
    if (client->world.seal)
        client->world.seal(client->world.self);
    mqw__requests_clear(client, result);
    mqw__backlog_clear(client, result);
    mqw__responses_end(client);
    mqw__client_wake(client, 0);
}

// Whether all that was asked for before the goodbye is done.
static bool is_done(const mqw_client *client)
{
    return client->queued == 0 && client->leavers.count == 0 && mqw__requests_idle(client) &&
           !client->dirty && client->commits == 0;
}

static void leave(mqw_client *client)
{
    if (client->leaving && client->phase < MQW__PARTING &&
        (client->hurried || is_done(client) || mqw__client_now(client) >= client->leave_by))
        mqw__client_part(client, false);
}

// The last turn: nobody refers to it any more. True: it is gone.
static bool finish(mqw_client *client)
{
    bool waits = client->lingering > 0 || client->commits > 0 || (client->dirty && !client->store_failed) ||
                 client->doomed.first || client->refused.first;
    if (client->phase != MQW__PARTING || waits)
        return false;
    client->phase = MQW__GONE;
    if (client->handlers.on_close)
        client->handlers.on_close(client, client->gave_up ? &client->failure : NULL, client->ctx);
    mqw__environment world = client->world;
    release(client);
    world.free(world.self);
    return true;
}

static void read_goodbye(mqw_client *client, const mqw_client_goodbye *goodbye)
{
    client->hurried = client->hurried || goodbye->now;
    client->with_will = client->with_will || goodbye->with_will;
    if (!goodbye->reason && !goodbye->props)
        return;
    mqw_packet packet;
    memset(&packet, 0, sizeof packet);
    packet.type = MQW_DISCONNECT;
    packet.disconnect.reason = goodbye->reason      ? goodbye->reason
                               : goodbye->with_will ? MQW_REASON_DISCONNECT_WITH_WILL
                                                    : MQW_REASON_SUCCESS;
    if (goodbye->props)
        packet.disconnect.props = *goodbye->props;
    mqw_packet_free(client->goodbye, mqw__client_allocator());
    client->goodbye = mqw_packet_copy(&packet, mqw__client_allocator());
}

void mqw_client_close(mqw_client *client, const mqw_client_goodbye *goodbye)
{
    mqw_client_goodbye own;
    memset(&own, 0, sizeof own);
    if (!client || client->phase >= MQW__PARTING)
        return;
    if (goodbye)
        memcpy(&own, goodbye, goodbye->size && goodbye->size < sizeof own ? goodbye->size : sizeof own);
    uint64_t by = mqw__client_now(client) + (own.timeout ? own.timeout : GOODBYE_TIMEOUT);
    if (!client->leaving || by < client->leave_by)
        client->leave_by = by;
    client->leaving = true;
    read_goodbye(client, &own);
    if (client->world.seal)
        client->world.seal(client->world.self);
    mqw__client_wake(client, 0);
}

// --- turns ---

void mqw__client_wake(mqw_client *client, uint64_t at)
{
    if (at >= client->wake_at || client->phase == MQW__GONE)
        return;
    client->wake_at = at;
    client->world.wake(client->world.self, at);
}

void mqw_client_reconnect(mqw_client *client)
{
    if (!client)
        return;
    client->redial = true;
    mqw__client_wake(client, 0);
}

static void redial(mqw_client *client)
{
    mqw__loss loss = {
        .ending = {.result = MQW_E_CLOSED}, .words = "the program wants a new connection", .redial = true};
    client->redial = false;
    if (client->conn) {
        client->world.abort(client->world.self, client->conn);
        mqw__client_lost(client, &loss);
    }
    client->due = 0;
}

// What has failed inside a call of the program.
static void mend(mqw_client *client)
{
    if (client->redial && client->phase < MQW__PARTING)
        redial(client);
    if (client->broken && client->conn)
        mqw__client_fail(client, client->broken,
                         client->broken == MQW_E_STREAM ? "the source of a payload has failed" : NULL);
    if (!client->store_failed || client->phase >= MQW__PARTING)
        return;
    client->failure = (mqw_client_failure){.result = client->store_failed,
                                           .words = mqw_store_error(client->store),
                                           .address = "",
                                           .retry_in = -1};
    mqw__client_part(client, true);
}

static void keep_time(mqw_client *client)
{
    if (client->phase >= MQW__PARTING)
        return;
    uint64_t now = mqw__client_now(client);
    if (client->phase == MQW__CONNECTING && now >= client->due)
        mqw__client_fail(client, MQW_E_TIMEOUT, "the server did not answer in time");
    if (client->phase == MQW__RESTING && now >= client->due && !client->hurried)
        mqw__connect_begin(client);
    mqw__backlog_expire(client);
}

static void go_on(mqw_client *client)
{
    mqw__outgoing_left(client);
    mqw__feed_go(client);
    mqw__requests_pump(client);
    mqw__outgoing_committed(client);
    mqw__delivery_committed(client);
    mqw__durable_commit(client);
}

static void set_alarm(mqw_client *client, uint64_t requests)
{
    uint64_t responses = mqw__responses_due(client);
    if (client->phase == MQW__RESTING || client->phase == MQW__CONNECTING)
        mqw__client_wake(client, client->due);
    if (client->phase >= MQW__PARTING)
        return;
    mqw__client_wake(client, requests);
    mqw__client_wake(client, responses);
    mqw__client_wake(client, mqw__backlog_due(client));
    if (client->leaving)
        mqw__client_wake(client, client->leave_by);
}

void mqw__client_turn(mqw_client *client)
{
    bool parting = client->phase == MQW__PARTING; // then all that was posted before has run
    client->wake_at = UINT64_MAX;
    mend(client);
    mqw__requests_tell(client);
    mqw__backlog_tell(client);
    keep_time(client);
    uint64_t requests = mqw__requests_due(client);
    go_on(client);
    leave(client);
    if (!parting || !finish(client))
        set_alarm(client, requests);
}

int mqw_client_post(mqw_client *client, void (*run)(mqw_client *client, void *ctx), void *ctx)
{
    if (!client || !run)
        return MQW_E_MISUSE;
    return client->world.post ? client->world.post(client->world.self, run, ctx) : MQW_E_REFUSED;
}
