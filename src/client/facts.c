// SPDX-License-Identifier: MIT
// What a client tells of itself, and its knobs.
#include <string.h>

#include "inside.h"

static mqw_text client_id(const mqw_client *client)
{
    if (client->assigned)
        return (mqw_text){client->assigned, strlen(client->assigned)};
    return client->hello->connect.client_id;
}

int mqw_client_facts_of(const mqw_client *client, mqw_client_facts *facts)
{
    if (!client || !facts)
        return MQW_E_MISUSE;
    bool open = client->phase == MQW__ACCEPTED;
    mqw_client_facts all = {
        .size = facts->size,
        .open = open,
        .version = open ? client->limits.version : mqw__retry_version(&client->retry),
        .client_id = client_id(client),
        .address = mqw__retry_server(&client->retry)->address,
        .connack = client->connack ? &client->connack->connack : NULL,
        .queued = client->queued,
        .queued_bytes = client->queued_bytes,
        .unacknowledged = client->unacknowledged,
        .connections = client->connections,
        .published = client->published,
        .received = client->received,
        .dropped = client->dropped,
    };
    memcpy(facts, &all, facts->size && facts->size < sizeof all ? facts->size : sizeof all);
    return 0;
}

mqw_conn *mqw_client_conn(const mqw_client *client)
{
    return client ? client->conn : NULL;
}

uv_loop_t *mqw_client_loop(const mqw_client *client)
{
    return client && client->world.loop ? client->world.loop(client->world.self) : NULL;
}

void *mqw_client_ctx(const mqw_client *client)
{
    return client ? client->ctx : NULL;
}

int mqw_client_route(mqw_client *client, const char *filter, mqw_message_handler *handler, void *ctx)
{
    return client && filter ? mqw__routes_set(&client->routes, filter, handler, ctx) : MQW_E_MISUSE;
}

void mqw_client_pause(mqw_client *client)
{
    if (!client || client->paused)
        return;
    client->paused = true;
    if (client->phase == MQW__ACCEPTED)
        mqw_conn_pause(client->conn);
}

void mqw_client_resume(mqw_client *client)
{
    if (!client || !client->paused)
        return;
    client->paused = false;
    if (client->phase == MQW__ACCEPTED && !client->swamped)
        mqw_conn_resume(client->conn);
}
