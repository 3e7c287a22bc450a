// SPDX-License-Identifier: MIT
// SUBSCRIBE and UNSUBSCRIBE: each filter is judged by itself, and all of them are answered at once.
#include <string.h>

#include "affairs.h"

typedef struct mqw__made {
    mqw__subscription *subscription;
    bool existed;
} mqw__made;

// A SUBSCRIBE under way: first each filter is judged, then those that are granted are made.
struct mqw__filters {
    const mqw_subscribe *subscribe; // of the connection, or the copy that is kept
    mqw_list left;                  // filters that are not judged yet
    size_t size, count;
    size_t at;        // how many are judged
    uint8_t *reasons; // of each
    mqw__made made[]; // one for each
};

// --- what is asked for ---

static bool has_wildcard(mqw_text filter)
{
    return memchr(filter.data, '+', filter.len) || memchr(filter.data, '#', filter.len);
}

// 0, or the reason why it is not taken.
static uint8_t examine(const mqw_peer *peer, const mqw_filter *item, bool has_id)
{
    const mqw_broker_limits *limits = mqw__session_limits(peer->session);
    mqw_text name, filter = item->filter;
    bool shared = item->filter.len >= 7 && memcmp(item->filter.data, "$share/", 7) == 0;
    if (mqw_filter_check(item->filter, MQW_5_0)) // before 5.0 a filter may look like a share that it is not
        return MQW_REASON_TOPIC_FILTER_INVALID;
    if (shared && limits->no_shared)
        return MQW_REASON_SHARED_NOT_SUPPORTED;
    (void)mqw_share_split(item->filter, &name, &filter);
    if (limits->no_wildcards && has_wildcard(filter))
        return MQW_REASON_WILDCARDS_NOT_SUPPORTED;
    if (limits->no_subscription_ids && has_id)
        return MQW_REASON_SUBSCRIPTION_IDS_NOT_SUPPORTED;
    if (mqw__levels(filter) > limits->max_filter_levels)
        return MQW_REASON_TOPIC_FILTER_INVALID;
    return 0;
}

// Before 5.0 there are no options; a bridge then has those that keep messages as they are and from running in
// circles.
static void complete(const mqw_peer *peer, mqw_filter *item)
{
    mqw_text name, filter;
    uint8_t most = mqw__limits_qos(mqw__session_limits(peer->session));
    bool shared = mqw_share_split(item->filter, &name, &filter);
    if (peer->session->version != MQW_5_0) {
        item->no_local = peer->bridge && !shared;
        item->retain_as_published = peer->bridge;
        item->retain_handling = 0;
    }
    item->qos = item->qos < most ? item->qos : most;
}

static uint32_t identifier_of(const mqw_subscribe *subscribe)
{
    mqw_list ids = mqw_value(&subscribe->props, subscription_ids);
    uint32_t id = 0;
    return mqw_next_id(&ids, &id) ? id : 0;
}

// --- each is judged ---

// Behind its mount point, as the broker knows it.
static bool mount(const mqw_peer *peer, mqw_filter *item, char *room)
{
    return mqw__mount_filter(mqw__session_mount(peer->session), &item->filter, room);
}

static int ask(mqw_peer *peer, const mqw_subscribe *subscribe, mqw_filter *item)
{
    mqw_broker *broker = peer->broker;
    mqw__question question;
    uint8_t granted = item->qos;
    if (!broker->hooks.on_subscribe)
        return granted;
    mqw__question_begin(&question, peer, MQW_SUBSCRIBE, subscribe);
    int verdict =
        mqw__question_end(&question, broker->hooks.on_subscribe(broker, peer, item, broker->options.ctx));
    if (verdict != 0)
        return verdict;
    return item->qos < granted ? item->qos : granted;
}

static int judge(mqw_peer *peer, mqw__filters *filters)
{
    char room[UINT16_MAX];
    mqw_filter item;
    mqw_list left = filters->left;
    if (!mqw_next_filter(&left, &item))
        return MQW_REASON_UNSPECIFIED_ERROR;
    if (filters->at >= mqw__session_limits(peer->session)->max_subscriptions) // one packet takes no longer
        return MQW_REASON_QUOTA_EXCEEDED;
    uint8_t reason = examine(peer, &item, mqw_has(&filters->subscribe->props, subscription_ids));
    if (reason)
        return reason;
    complete(peer, &item);
    return mount(peer, &item, room) ? ask(peer, filters->subscribe, &item) : MQW_REASON_TOPIC_FILTER_INVALID;
}

static void settle(mqw__filters *filters, int reason)
{
    mqw_filter item;
    bool granted = reason >= 0 && reason <= 2;
    filters->reasons[filters->at++] =
        granted ? (uint8_t)reason : mqw__reason_in(MQW_SUBACK, reason, MQW_REASON_UNSPECIFIED_ERROR);
    (void)mqw_next_filter(&filters->left, &item);
}

// --- those that are granted are made ---

// The tree counts its memory, but asks nobody.
static bool has_room(mqw_broker *broker, mqw_text filter)
{
    size_t cost = mqw__tree_cost(filter);
    bool held = mqw__hold(broker, cost);
    if (held)
        mqw__let_go(broker, cost);
    return held;
}

static bool is_full(const mqw__session *session, mqw_text filter)
{
    bool full = session->subscription_count >= mqw__session_limits(session)->max_subscriptions ||
                !has_room(session->broker, filter);
    return full && !mqw__tree_find(session->broker->tree, filter, session, NULL);
}

static void remove_subscription(mqw__session *session, mqw__subscription *subscription)
{
    mqw__session_unsubscribed(session, subscription);
    mqw__tree_remove(session->broker->tree, subscription);
}

static void revert(mqw__subscription *subscription, const mqw__subscription *before)
{
    subscription->identifier = before->identifier;
    subscription->qos = before->qos;
    subscription->retain_handling = before->retain_handling;
    subscription->no_local = before->no_local;
    subscription->retain_as_published = before->retain_as_published;
}

// MQTT-3.8.4-3: one that is there for the same filter is replaced. A reason code.
static uint8_t make(mqw__session *session, const mqw_filter *item, uint32_t identifier, mqw__made *made)
{
    if (is_full(session, item->filter))
        return MQW_REASON_QUOTA_EXCEEDED;
    const mqw__subscription *old = mqw__tree_find(session->broker->tree, item->filter, session, NULL);
    mqw__subscription before = old ? *old : (mqw__subscription){0};
    int result = mqw__tree_add(session->broker->tree, item, identifier, session, NULL, &made->subscription);
    if (result < 0)
        return MQW_REASON_QUOTA_EXCEEDED;
    made->existed = result == 0;
    if (!made->existed)
        mqw__session_subscribed(session, made->subscription);
    if (mqw__record_subscription(made->subscription) == 0)
        return item->qos;
    if (made->existed)
        revert(made->subscription, &before);
    else
        remove_subscription(session, made->subscription);
    made->subscription = NULL;
    return MQW_REASON_QUOTA_EXCEEDED;
}

static void make_all(mqw_peer *peer, mqw__filters *filters)
{
    mqw_broker *broker = peer->broker;
    mqw_list left = filters->subscribe->filters;
    uint32_t identifier = identifier_of(filters->subscribe);
    char room[UINT16_MAX];
    mqw_filter item;
    for (size_t i = 0; i < filters->count && mqw_next_filter(&left, &item); i++) {
        if (filters->reasons[i] > 2)
            continue;
        complete(peer, &item);
        (void)mount(peer, &item, room);
        item.qos = filters->reasons[i];
        filters->reasons[i] = make(peer->session, &item, identifier, &filters->made[i]);
        if (filters->made[i].subscription && broker->hooks.on_subscribed)
            broker->hooks.on_subscribed(broker, peer, &item, broker->options.ctx);
        if (peer->stand != MQW__WELCOME)
            return;
    }
}

// --- SUBACK ---

// In 3.1 there is no code for failure. Whom the program refuses a filter is promised the least; who is
// refused for want of room is not lied to.
static bool is_unsayable(const mqw_peer *peer, const mqw__filters *filters)
{
    return peer->session->version == MQW_3_1 &&
           memchr(filters->reasons, MQW_REASON_QUOTA_EXCEEDED, filters->count);
}

// In 3.1.1 there is one code for failure.
static void answer(mqw_peer *peer, mqw__filters *filters)
{
    mqw_suback suback = {.packet_id = filters->subscribe->packet_id};
    uint8_t version = peer->session->version;
    if (is_unsayable(peer, filters)) {
        mqw__peer_end(peer, MQW_REASON_QUOTA_EXCEEDED, "its subscription cannot be refused in words");
        return;
    }
    for (size_t i = 0; i < filters->count && version != MQW_5_0; i++)
        if (filters->reasons[i] >= 0x80)
            filters->reasons[i] = version == MQW_3_1 ? 0 : 0x80;
    suback.reasons = (mqw_bytes){filters->reasons, filters->count};
    if (version == MQW_5_0)
        mqw__peer_explain(peer, MQW_SUBACK, &suback.props);
    if (mqw__gate_answer(peer, MQW_SUBACK, &suback, true) < 0)
        mqw__peer_end(peer, MQW_REASON_QUOTA_EXCEEDED, "no memory");
}

static void give_retained(mqw_peer *peer, const mqw__filters *filters)
{
    for (size_t i = 0; i < filters->count && peer->stand == MQW__WELCOME; i++)
        if (filters->made[i].subscription)
            mqw__deliver_retained(filters->made[i].subscription, filters->made[i].existed);
}

static void finish(mqw_peer *peer, mqw__filters *filters)
{
    make_all(peer, filters);
    if (peer->stand == MQW__WELCOME)
        answer(peer, filters);
    if (peer->stand == MQW__WELCOME)
        give_retained(peer, filters);
}

// --- SUBSCRIBE ---

static mqw__filters *new_filters(mqw_broker *broker, const mqw_subscribe *subscribe)
{
    mqw_list left = subscribe->filters;
    mqw_filter item;
    size_t count = 0;
    while (mqw_next_filter(&left, &item))
        count++;
    size_t size = sizeof(mqw__filters) + count * (sizeof(mqw__made) + 1);
    mqw__filters *filters = mqw__broker_new_block(broker, size);
    if (!filters)
        return NULL;
    filters->subscribe = subscribe;
    filters->left = subscribe->filters;
    filters->size = size;
    filters->count = count;
    filters->reasons = (uint8_t *)&filters->made[count];
    return filters;
}

// It waits for a decision: what it points at becomes the copy.
static void keep(mqw_peer *peer, mqw__filters *filters)
{
    const mqw_subscribe *copy = &peer->affairs->packet->subscribe;
    size_t done = filters->subscribe->filters.wire.len - filters->left.wire.len;
    filters->subscribe = copy;
    filters->left.wire.data = copy->filters.wire.data + done;
    peer->affairs->filters = filters;
}

// Goes on where it was. True: it waits.
static bool go_on(mqw_peer *peer, mqw__filters *filters)
{
    while (filters->at < filters->count) {
        int reason = judge(peer, filters);
        if (peer->stand != MQW__WELCOME)
            return false;
        if (reason == MQW_LATER) {
            keep(peer, filters);
            return true;
        }
        settle(filters, reason);
    }
    finish(peer, filters);
    return false;
}

void mqw__peer_subscribe(mqw_peer *peer, const mqw_subscribe *subscribe)
{
    if (subscribe->packet_id == 0) {
        mqw__peer_end(peer, MQW_REASON_PROTOCOL_ERROR, "its SUBSCRIBE has no packet identifier");
        return;
    }
    mqw__filters *filters = new_filters(peer->broker, subscribe);
    if (!filters)
        mqw__peer_end(peer, MQW_REASON_QUOTA_EXCEEDED, "no memory");
    else if (!go_on(peer, filters))
        mqw__broker_free_block(peer->broker, filters, filters->size);
}

void mqw__filters_judge(mqw_peer *peer, int verdict)
{
    mqw__filters *filters = peer->affairs->filters;
    mqw_list left = filters->left;
    mqw_filter item;
    peer->affairs->filters = NULL;
    if (mqw_next_filter(&left, &item) && verdict == 0) {
        complete(peer, &item);
        verdict = item.qos;
    }
    settle(filters, verdict);
    if (!go_on(peer, filters))
        mqw__broker_free_block(peer->broker, filters, filters->size);
}

void mqw__filters_free(mqw_peer *peer)
{
    mqw__filters *filters = peer->affairs->filters;
    if (filters)
        mqw__broker_free_block(peer->broker, filters, filters->size);
    peer->affairs->filters = NULL;
}

// --- UNSUBSCRIBE ---

static uint8_t unsubscribe_one(mqw_peer *peer, mqw_text filter)
{
    mqw_broker *broker = peer->broker;
    mqw__session *session = peer->session;
    char room[UINT16_MAX];
    mqw__subscription *subscription = NULL;
    if (session->subscriptions && mqw__mount_filter(mqw__session_mount(session), &filter, room))
        subscription = mqw__tree_find(broker->tree, filter, session, NULL);
    if (!subscription)
        return MQW_REASON_NO_SUBSCRIPTION_EXISTED;
    if (mqw__record_unsubscribed(subscription) < 0)
        return MQW_REASON_IMPLEMENTATION_SPECIFIC;
    remove_subscription(session, subscription);
    if (broker->hooks.on_unsubscribed)
        broker->hooks.on_unsubscribed(broker, peer, filter, broker->options.ctx);
    return MQW_REASON_SUCCESS;
}

static void answer_unsubscribe(mqw_peer *peer, uint16_t packet_id, mqw_bytes reasons)
{
    mqw_suback unsuback = {.packet_id = packet_id};
    if (peer->session->version == MQW_5_0)
        unsuback.reasons = reasons;
    if (mqw__gate_answer(peer, MQW_UNSUBACK, &unsuback, true) < 0)
        mqw__peer_end(peer, MQW_REASON_QUOTA_EXCEEDED, "no memory");
}

// No more than it may have, or has: each is looked for among all of them.
static size_t most_filters(const mqw__session *session)
{
    uint32_t most = mqw__session_limits(session)->max_subscriptions;
    return most > session->subscription_count ? most : session->subscription_count;
}

void mqw__peer_unsubscribe(mqw_peer *peer, const mqw_subscribe *unsubscribe)
{
    mqw_list left = unsubscribe->filters;
    mqw_text filter;
    size_t count = 0, most = most_filters(peer->session);
    while (count <= most && mqw_next_topic(&left, &filter))
        count++;
    uint8_t *reasons = count <= most ? mqw__broker_new_block(peer->broker, count) : NULL;
    if (!reasons || unsubscribe->packet_id == 0) {
        mqw__peer_end(peer, reasons ? MQW_REASON_PROTOCOL_ERROR : MQW_REASON_QUOTA_EXCEEDED,
                      "its UNSUBSCRIBE cannot be answered");
    } else {
        size_t at = 0;
        left = unsubscribe->filters;
        while (peer->stand == MQW__WELCOME && mqw_next_topic(&left, &filter))
            reasons[at++] = unsubscribe_one(peer, filter);
        if (peer->stand == MQW__WELCOME)
            answer_unsubscribe(peer, unsubscribe->packet_id, (mqw_bytes){reasons, count});
    }
    mqw__broker_free_block(peer->broker, reasons, count);
}
