// SPDX-License-Identifier: MIT
// Messages of message.h.
#include "message.h"

#include <stdlib.h>
#include <string.h>

#include "mqwire/codec.h"
#include "transport/alloc.h"

enum { PLACEHOLDER = 1, HEAD_MAX = 5 + 2 + 2 + 1 };

static const mqw_codec wire_form = {MQW_5_0, MQW_CLIENT, NULL};

static uint64_t expiry_of(const mqw_props *props, uint64_t wall)
{
    return mqw_has(props, message_expiry) ? wall + props->message_expiry * UINT64_C(1000) : UINT64_MAX;
}

// Encodes behind the head of a message that grows until it fits.
static int encode(mqw__message **out, const mqw_packet *packet)
{
    const mqw_publish *publish = &packet->publish;
    mqw_error why = {.offset = HEAD_MAX + publish->topic.len + publish->payload.len};
    int len = MQW_E_NO_ROOM;
    while (len == MQW_E_NO_ROOM) {
        size_t room = (size_t)why.offset;
        free(*out);
        *out = room <= MQW_PACKET_MAX ? mqw__uv_resize(NULL, sizeof **out + room) : NULL;
        if (!*out)
            return room <= MQW_PACKET_MAX ? MQW_E_NO_MEMORY : MQW_E_TOO_LARGE;
        len = mqw_encode(&wire_form, packet, (*out)->wire, room, &why);
    }
    return len == MQW_E_REFUSED ? MQW_E_MISUSE : len;
}

int mqw__message_new(mqw__message **out, const mqw_publish *publish, uint64_t wall)
{
    mqw_packet packet;
    packet.type = MQW_PUBLISH;
    packet.publish = *publish;
    packet.publish.packet_id = publish->qos ? PLACEHOLDER : 0;
    packet.publish.dup = false;
    packet.publish.payload_left = 0;
    *out = NULL;
    if (mqw_has(&publish->props, topic_alias) || (!publish->payload.data && publish->payload.len))
        return MQW_E_MISUSE;
    int len = encode(out, &packet);
    if (len < 0) {
        free(*out);
        return len;
    }
    memset(*out, 0, offsetof(mqw__message, wire));
    (*out)->size = (uint32_t)len;
    (*out)->qos = publish->qos;
    (*out)->expires = expiry_of(&publish->props, wall);
    return 0;
}

int mqw__message_from(mqw__message **out, mqw_bytes wire)
{
    mqw_packet packet;
    bool is_one = mqw_decode(&wire_form, wire, &packet, NULL) == (int)wire.len && packet.type == MQW_PUBLISH;
    if (wire.len > 0 && !is_one)
        return MQW_E_STREAM;
    *out = mqw__uv_new(sizeof **out + wire.len);
    if (!*out)
        return MQW_E_NO_MEMORY;
    if (wire.len > 0)
        memcpy((*out)->wire, wire.data, wire.len);
    (*out)->size = (uint32_t)wire.len;
    (*out)->qos = wire.len > 0 ? packet.publish.qos : 2;
    return 0;
}

void mqw__message_free(mqw__message *message)
{
    if (message->source) {
        if (message->source->release)
            message->source->release(message->source->self);
        free(message->source);
    }
    free(message);
}

// What has waited is told less (MQTT-3.3.2-6 asks it of servers); what may not be dropped any more keeps a
// second.
static void tell_expiry(mqw_props *props, uint64_t expires, uint64_t wall)
{
    uint64_t left = expires > wall ? (expires - wall + 999) / 1000 : 1;
    if (left < props->message_expiry)
        props->message_expiry = (uint32_t)left;
}

void mqw__message_read(const mqw__message *message, uint8_t version, uint64_t wall, mqw_packet *out)
{
    (void)mqw_decode(&wire_form, (mqw_bytes){message->wire, message->size}, out, NULL);
    mqw_props *props = &out->publish.props;
    if (version < MQW_5_0)
        props->has = 0;
    else if (mqw_has(props, message_expiry))
        tell_expiry(props, message->expires, wall);
}

// --- lists ---

// Doubly linked by one of the hooks, which stands at `at` in a message.
static mqw__hook *hook(mqw__message *message, size_t at)
{
    return (mqw__hook *)(void *)((char *)message + at);
}

static void add(mqw__message **first, mqw__message **last, mqw__message *message, size_t at)
{
    *hook(message, at) = (mqw__hook){NULL, *last};
    if (*last)
        hook(*last, at)->next = message;
    else
        *first = message;
    *last = message;
}

static void take_out(mqw__message **first, mqw__message **last, mqw__message *message, size_t at)
{
    mqw__hook own = *hook(message, at);
    if (own.back)
        hook(own.back, at)->next = own.next;
    else
        *first = own.next;
    if (own.next)
        hook(own.next, at)->back = own.back;
    else
        *last = own.back;
}

void mqw__messages_add(mqw__messages *list, mqw__message *message)
{
    add(&list->first, &list->last, message, offsetof(mqw__message, queue));
}

void mqw__messages_remove(mqw__messages *list, mqw__message *message)
{
    take_out(&list->first, &list->last, message, offsetof(mqw__message, queue));
}

void mqw__fresh_add(mqw__fresh *chain, mqw__message *message)
{
    add(&chain->first, &chain->last, message, offsetof(mqw__message, fresh));
}

void mqw__fresh_remove(mqw__fresh *chain, mqw__message *message)
{
    take_out(&chain->first, &chain->last, message, offsetof(mqw__message, fresh));
}
