// SPDX-License-Identifier: MIT
// Publishing, as the program asks for it.
#include <stdlib.h>
#include <string.h>

#include "inside.h"
#include "transport/alloc.h"

// What the present server does not do. Without one everything is taken, and it shows when there is one.
static int refuses(const mqw_client *client, const mqw_publish *publish, size_t payload)
{
    const mqw__limits *limits = &client->limits;
    if (client->phase != MQW__ACCEPTED)
        return 0;
    if (publish->qos > limits->maximum_qos || (publish->retain && !limits->retain))
        return MQW_E_REFUSED;
    return payload > limits->packet_size ? MQW_E_TOO_LARGE : 0;
}

static int enqueue(mqw_client *client, mqw__message *message)
{
    int result = mqw__backlog_admit(client, message);
    if (result < 0)
        return result;
    if (message->qos)
        result = mqw__outgoing_promise(client, message);
    else
        message->after = client->sequence;
    if (result < 0)
        return result == MQW_E_BUSY ? MQW_E_FULL : result; // a store that cannot keep up
    mqw__backlog_add(client, message);
    mqw__outgoing_pump(client);
    return 0;
}

static int wait(mqw_client *client, const mqw_publish *publish, mqw_source *source, mqw_client_done *done,
                void *ctx)
{
    mqw__message *message = NULL;
    int result = refuses(client, publish, source ? source->payload_size : publish->payload.len);
    if (result == 0)
        result = mqw__message_new(&message, publish, mqw__client_wall(client));
    if (result < 0)
        return result;
    message->done = done;
    message->ctx = ctx;
    message->source = source;
    result = enqueue(client, message);
    if (result == 0)
        return 0;
    message->source = NULL;
    mqw__message_free(message);
    return result;
}

int mqw_client_publish(mqw_client *client, const mqw_publish *publish, mqw_client_done *done, void *ctx)
{
    if (!client || !publish || publish->qos > 2 || mqw_has(&publish->props, topic_alias))
        return MQW_E_MISUSE;
    if (!mqw__client_accepts(client))
        return MQW_E_CLOSED;
    if (publish->qos == 0 && publish->payload.len <= client->max_queued_bytes &&
        mqw__outgoing_is_clear(client)) {
        int result = mqw__outgoing_send_now(client, publish, done, ctx);
        if (result != MQW_E_BUSY && result != MQW_E_CLOSED)
            return result;
    }
    return wait(client, publish, NULL, done, ctx);
}

static int from(mqw_client *client, const mqw_publish *publish, const mqw_source *source,
                mqw_client_done *done, void *ctx)
{
    if (!client || !publish || publish->qos > 2 || !source->read || source->payload_size > MQW_LENGTH_MAX)
        return MQW_E_MISUSE;
    if (!mqw__client_accepts(client))
        return MQW_E_CLOSED;
    mqw_source *copy = mqw__uv_new(sizeof *copy);
    if (!copy)
        return MQW_E_NO_MEMORY;
    mqw_publish without = *publish;
    without.payload = (mqw_bytes){NULL, 0};
    *copy = *source;
    int result = wait(client, &without, copy, done, ctx);
    if (result < 0)
        free(copy);
    return result;
}

int mqw_client_publish_from(mqw_client *client, const mqw_publish *publish, const mqw_source *source,
                            mqw_client_done *done, void *ctx)
{
    mqw_source own;
    memset(&own, 0, sizeof own);
    if (!source)
        return MQW_E_MISUSE;
    memcpy(&own, source, source->size && source->size < sizeof own ? source->size : sizeof own);
    int result = from(client, publish, &own, done, ctx);
    if (result < 0 && own.release)
        own.release(own.self);
    return result;
}

void mqw_client_on_taken(mqw_client *client, void (*taken)(mqw_client *client, void *ctx))
{
    if (client)
        client->taken = taken;
}
