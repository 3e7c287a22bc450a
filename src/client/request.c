// SPDX-License-Identifier: MIT
// One SUBSCRIBE or UNSUBSCRIBE: made, sent, freed.
#include <stdlib.h>
#include <string.h>

#include "requests.h"
#include "transport/alloc.h"

enum { PLACEHOLDER = 1, ITEM_MAX = 3, HEAD_MAX = 5 + 2 + 4 };

static const mqw_codec wire_form = {MQW_5_0, MQW_CLIENT, NULL};

static mqw_list list_of(int type, const mqw_filter *filters, size_t count, uint8_t *room, size_t cap)
{
    if (type == MQW_SUBSCRIBE)
        return mqw_list_filters(room, cap, filters, count);
    mqw_text *texts = mqw__uv_new(count * sizeof *texts);
    for (size_t i = 0; texts && i < count; i++)
        texts[i] = filters[i].filter;
    mqw_list list = {{NULL, 0}};
    if (texts)
        list = mqw_list_topics(room, cap, texts, count);
    free(texts);
    return list;
}

// The packet in wire form behind a new request.
static int encode(mqw__request **out, int type, mqw_list list, const mqw_props *props)
{
    mqw_packet packet;
    memset(&packet, 0, sizeof packet);
    packet.type = (mqw_packet_type)type;
    packet.subscribe.packet_id = PLACEHOLDER;
    packet.subscribe.filters = list;
    if (props)
        packet.subscribe.props = *props;
    mqw_error why = {.offset = HEAD_MAX + list.wire.len};
    int len = MQW_E_NO_ROOM;
    *out = NULL;
    while (len == MQW_E_NO_ROOM) {
        size_t room = (size_t)why.offset;
        free(*out);
        *out = mqw__uv_new(sizeof **out + room);
        if (!*out)
            return MQW_E_NO_MEMORY;
        len = mqw_encode(&wire_form, &packet, (*out)->wire, room, &why);
    }
    if (len >= 0) {
        (*out)->size = (uint32_t)len;
        (*out)->room = sizeof **out + (uint32_t)len;
        (*out)->type = (uint8_t)type;
        return 0;
    }
    free(*out);
    return len == MQW_E_REFUSED ? MQW_E_MISUSE : len;
}

static uint32_t identifier_of(const mqw_props *props)
{
    mqw_list left = {{NULL, 0}};
    uint32_t id = 0;
    if (props && mqw_has(props, subscription_ids))
        left = props->subscription_ids;
    return mqw_next_id(&left, &id) ? id : 0;
}

static bool keep_filters(mqw__request *request, const mqw_filter *filters, size_t count, uint32_t id)
{
    mqw__subscription **end = &request->filters;
    for (size_t i = 0; i < count; i++) {
        *end = mqw__subscription_new(&filters[i], id);
        if (!*end)
            return false;
        end = &(*end)->chain;
        request->count++;
        request->room += sizeof **end + filters[i].filter.len;
    }
    return true;
}

int mqw__request_new(mqw__request **out, int type, const mqw_filter *filters, size_t count,
                     const mqw_props *props)
{
    size_t cap = 0;
    if (!filters || count == 0 || count > MQW_LENGTH_MAX)
        return MQW_E_MISUSE;
    for (size_t i = 0; i < count; i++) {
        if (filters[i].filter.len > UINT16_MAX || (!filters[i].filter.data && filters[i].filter.len))
            return MQW_E_MISUSE;
        cap += ITEM_MAX + filters[i].filter.len;
    }
    if (cap > MQW_LENGTH_MAX)
        return MQW_E_TOO_LARGE;
    uint8_t *room = mqw__uv_new(cap);
    mqw_list list = {{NULL, 0}};
    if (room)
        list = list_of(type, filters, count, room, cap);
    int result = list.wire.len ? encode(out, type, list, props) : MQW_E_NO_MEMORY;
    free(room);
    if (result == 0 && !keep_filters(*out, filters, count, identifier_of(props))) {
        mqw__request_free(*out);
        return MQW_E_NO_MEMORY;
    }
    return result;
}

void mqw__request_free(mqw__request *request)
{
    for (mqw__subscription *at = request->filters, *next; at; at = next) {
        next = at->chain;
        free(at);
    }
    free(request);
}

// Before 5.0 options and properties cannot be said: the filters are rewritten.
static int send_older(mqw_conn *conn, mqw_packet *packet)
{
    uint8_t version = mqw_conn_version(conn);
    size_t cap = packet->subscribe.filters.wire.len;
    uint8_t *room = mqw__uv_new(cap);
    if (!room)
        return MQW_E_NO_MEMORY;
    int result = mqw_packet_downgrade(packet, version, MQW_CLIENT, room, cap);
    if (result >= 0)
        result = mqw_conn_send(conn, packet);
    free(room);
    return result;
}

int mqw__request_send(const mqw__request *request, mqw_conn *conn)
{
    mqw_packet packet;
    (void)mqw_decode(&wire_form, (mqw_bytes){request->wire, request->size}, &packet, NULL);
    packet.subscribe.packet_id = request->packet_id;
    return mqw_conn_version(conn) == MQW_5_0 ? mqw_conn_send(conn, &packet) : send_older(conn, &packet);
}
