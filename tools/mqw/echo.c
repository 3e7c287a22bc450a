// SPDX-License-Identifier: MIT
// Subscriptions of mqw listen, and messages sent to them; see echo.h. A shared subscription counts as a plain
// one.
#include "echo.h"

#include <stdlib.h>
#include <string.h>

#include "console.h"

static size_t find(const tool_subscriptions *subscriptions, mqw_text filter)
{
    size_t i = 0;
    while (i < subscriptions->count && (subscriptions->items[i].len != filter.len ||
                                        memcmp(subscriptions->items[i].filter, filter.data, filter.len) != 0))
        i++;
    return i;
}

static bool append(tool_subscriptions *subscriptions, mqw_text filter)
{
    size_t size = (subscriptions->count + 1) * sizeof(*subscriptions->items);
    tool_subscription *items = realloc(subscriptions->items, size);
    if (items == NULL)
        return false;
    subscriptions->items = items;
    char *copy = strndup(filter.data, filter.len);
    if (copy == NULL)
        return false;
    items[subscriptions->count++] = (tool_subscription){.filter = copy, .len = filter.len};
    return true;
}

uint8_t subscriptions_add(tool_subscriptions *subscriptions, const mqw_filter *filter, uint32_t id)
{
    size_t at = find(subscriptions, filter->filter);
    if (at == subscriptions->count && (at == SUBSCRIPTIONS_MAX || !append(subscriptions, filter->filter)))
        return MQW_REASON_QUOTA_EXCEEDED;
    tool_subscription *item = &subscriptions->items[at];
    item->id = id;
    item->qos = filter->qos;
    item->no_local = filter->no_local;
    item->retain_as_published = filter->retain_as_published;
    return filter->qos;
}

uint8_t subscriptions_remove(tool_subscriptions *subscriptions, mqw_text filter)
{
    size_t at = find(subscriptions, filter);
    if (at == subscriptions->count)
        return MQW_REASON_NO_SUBSCRIPTION_EXISTED;
    free(subscriptions->items[at].filter);
    subscriptions->items[at] = subscriptions->items[--subscriptions->count];
    return MQW_REASON_SUCCESS;
}

void subscriptions_free(tool_subscriptions *subscriptions)
{
    for (size_t i = 0; i < subscriptions->count; i++)
        free(subscriptions->items[i].filter);
    free(subscriptions->items);
    *subscriptions = (tool_subscriptions){NULL, 0};
}

/* --- Delivering --------------------------------------------------------------------------------------- */

enum { IDS_MAX = 64 }; // subscription identifiers in one delivery

// What the subscriptions of a peer make of a message: one delivery, however many match.
typedef struct delivery {
    bool wanted;
    bool retain_as_published;
    uint8_t qos;
    uint32_t ids[IDS_MAX];
    size_t id_count;
} delivery;

static void match(delivery *out, const tool_subscription *item, mqw_text topic, bool own)
{
    if (!mqw_topic_matches((mqw_text){item->filter, item->len}, topic) || (own && item->no_local))
        return;
    out->wanted = true;
    out->retain_as_published |= item->retain_as_published;
    out->qos = item->qos > out->qos ? item->qos : out->qos;
    if (item->id && out->id_count < IDS_MAX)
        out->ids[out->id_count++] = item->id;
}

static uint16_t next_packet_id(tool_peer *to)
{
    to->packet_id = to->packet_id == UINT16_MAX ? 1 : to->packet_id + 1;
    return to->packet_id;
}

// What of a message is passed on (section 3.3.2.3).
static mqw_props forwarded(const tool_peer *to, const mqw_publish *publish)
{
    mqw_props props = publish->props;
    props.has &= MQW_BIT(payload_format) | MQW_BIT(message_expiry) | MQW_BIT(content_type) |
                 MQW_BIT(response_topic) | MQW_BIT(correlation_data) | MQW_BIT(user);
    if (mqw_conn_version(to->conn) < MQW_5_0)
        props.has = 0;
    return props;
}

static void deliver(tool_peer *to, const mqw_publish *publish, const delivery *how)
{
    uint8_t room[IDS_MAX * 4];
    bool identified = how->id_count && mqw_conn_version(to->conn) == MQW_5_0;
    mqw_list ids = mqw_list_ids(room, sizeof(room), how->ids, how->id_count);
    mqw_publish copy = *publish;
    copy.props = forwarded(to, publish);
    copy.payload_left = 0;
    copy.dup = false;
    copy.retain = publish->retain && how->retain_as_published;
    copy.qos = publish->qos < how->qos ? publish->qos : how->qos;
    copy.packet_id = copy.qos ? next_packet_id(to) : 0;
    if (identified)
        mqw_set(&copy.props, subscription_ids, ids);
    int result = mqw_conn_publish(to->conn, &copy);
    if (result < 0)
        show_event(&to->console->show, peer_shown(to), PAINT_BAD, "not-sent", mqw_strerror(result));
}

void echo_publish(tool_peer *from, const mqw_publish *publish)
{
    for (tool_peer *to = from->console->peers; to; to = to->next) {
        delivery how = {0};
        for (size_t i = 0; i < to->subscriptions.count; i++)
            match(&how, &to->subscriptions.items[i], publish->topic, to == from);
        if (how.wanted)
            deliver(to, publish, &how);
    }
}
