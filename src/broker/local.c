// SPDX-License-Identifier: MIT
// Subscriptions of the program itself: messages wait for the next turn, so that a handler is never called
// inside a call that the program makes.
#include <string.h>

#include "inside.h"

enum { RETAINED_PER_TURN = 256 };

// A message for one local subscription, with the client identifier of its publisher behind it.
typedef struct mqw__told {
    struct mqw__told *next;
    mqw__letter *letter;
    uint8_t qos;
    bool retain;
    uint16_t from_len;
    char from[];
} mqw__told;

struct mqw_local {
    mqw_broker *broker;
    mqw_local *next, **link;
    mqw__subscription *subscription; // NULL: ended, and only waits to be freed
    mqw_local_handler *handler;
    void *ctx;
    mqw__walk *walk;   // retained messages that are still to be told
    uint64_t retained; // the last of them: newer ones are heard as they come
    mqw__told *first, **last;
    uint64_t bytes;
    uint32_t count;
    bool busy; // its handler runs
};

// --- the queue ---

static size_t told_size(const mqw__told *told)
{
    return sizeof *told + told->from_len;
}

static void free_told(mqw_broker *broker, mqw__told *told)
{
    mqw__letter_drop(told->letter);
    mqw__broker_free_block(broker, told, told_size(told));
}

static mqw__told *take_first(mqw_local *local)
{
    mqw__told *told = local->first;
    if (!told)
        return NULL;
    local->first = told->next;
    if (!local->first)
        local->last = &local->first;
    local->count--;
    local->bytes -= mqw__letter_size(told->letter);
    return told;
}

static void append(mqw_local *local, mqw__told *told)
{
    *local->last = told;
    local->last = &told->next;
    local->count++;
    local->bytes += mqw__letter_size(told->letter);
    mqw__broker_soon(local->broker);
}

static mqw_drop dropped(mqw_broker *broker, mqw_drop why)
{
    ++*(why == MQW_DROP_QUEUE_FULL ? &broker->counts.dropped_full : &broker->counts.dropped_memory);
    return why;
}

int mqw__local_give(mqw_local *local, mqw__post *post, uint8_t qos, bool retain)
{
    mqw_broker *broker = local->broker;
    const mqw_broker_limits *limits = &broker->options.limits;
    uint64_t size = post->publish->topic.len + post->publish->payload.len;
    if (local->count >= limits->max_queued || local->bytes + size > limits->max_queued_bytes)
        return (int)dropped(broker, MQW_DROP_QUEUE_FULL);
    mqw__letter *letter = mqw__post_keep(broker, post);
    mqw__told *told = letter ? mqw__broker_new_block(broker, sizeof *told + post->from_id.len) : NULL;
    if (!told) {
        mqw__letter_drop(letter);
        return (int)dropped(broker, MQW_DROP_NO_MEMORY);
    }
    told->letter = letter;
    told->qos = qos;
    told->retain = retain;
    told->from_len = (uint16_t)post->from_id.len;
    if (told->from_len)
        memcpy(told->from, post->from_id.data, told->from_len);
    append(local, told);
    return 0;
}

// --- telling ---

static void free_local(mqw_local *local)
{
    mqw_broker *broker = local->broker;
    for (mqw__told *told; (told = take_first(local));)
        free_told(broker, told);
    mqw__walk_end(local->walk);
    *local->link = local->next;
    if (local->next)
        local->next->link = local->link;
    mqw__broker_free_block(broker, local, sizeof *local);
}

static bool is_expired(const mqw_broker *broker, const mqw__letter *letter)
{
    return letter->expires <= mqw__broker_wall(broker);
}

// What is left of its time is told as a client would hear it (MQTT-3.3.2-6).
static void tell(mqw_local *local, mqw__letter *letter, uint8_t qos, bool retain, mqw_text from)
{
    mqw_publish publish;
    mqw__letter_read(letter, &publish);
    publish.qos = qos;
    publish.retain = retain;
    if (letter->expires != UINT64_MAX) {
        uint64_t left = letter->expires - mqw__broker_wall(local->broker);
        mqw_set(&publish.props, message_expiry, (uint32_t)((left + 999) / 1000));
    }
    local->handler(local->broker, &publish, from, local->ctx);
}

// Retained messages come first, some in each turn.
static void tell_retained(mqw_local *local)
{
    uint8_t qos = local->subscription->qos;
    for (int i = 0; i < RETAINED_PER_TURN && local->walk && local->subscription; i++) {
        mqw__letter *letter = mqw__walk_next(local->walk);
        if (!letter && !mqw__walk_over(local->walk))
            return;
        if (!letter) {
            mqw__walk_end(local->walk);
            local->walk = NULL;
        } else if (letter->retained <= local->retained && !is_expired(local->broker, letter)) {
            (void)mqw__letter_keep(letter);
            tell(local, letter, letter->qos < qos ? letter->qos : qos, true, (mqw_text){NULL, 0});
            mqw__letter_drop(letter);
        }
    }
}

static void tell_queued(mqw_local *local)
{
    for (uint32_t left = local->count; left > 0 && local->subscription; left--) {
        mqw__told *told = take_first(local);
        if (is_expired(local->broker, told->letter))
            local->broker->counts.dropped_expired++;
        else
            tell(local, told->letter, told->qos, told->retain, (mqw_text){told->from, told->from_len});
        free_told(local->broker, told);
    }
}

void mqw__locals_turn(mqw_broker *broker)
{
    for (mqw_local *local = broker->locals, *next; local; local = next) {
        local->busy = true;
        if (local->walk)
            tell_retained(local);
        if (!local->walk && local->subscription)
            tell_queued(local);
        local->busy = false;
        next = local->next;
        if (!local->subscription)
            free_local(local);
        else if (local->walk || local->first)
            mqw__broker_soon(broker);
    }
}

// --- life ---

static int begin_walk(mqw_local *local, const mqw_filter *item)
{
    if (item->retain_handling == 2 || local->subscription->group)
        return 0;
    local->walk = mqw__retained_walk(local->broker->retained, item->filter, 0);
    local->retained = local->broker->mail.retained;
    mqw__broker_soon(local->broker);
    return local->walk ? 0 : MQW_E_NO_MEMORY;
}

static int begin(mqw_local *local, const mqw_filter *item)
{
    mqw_broker *broker = local->broker;
    int result = mqw__tree_add(broker->tree, item, 0, NULL, local, &local->subscription);
    if (result < 0)
        return result;
    result = begin_walk(local, item);
    if (result < 0)
        mqw__tree_remove(broker->tree, local->subscription);
    return result;
}

int mqw_broker_subscribe(mqw_broker *broker, const mqw_filter *item, mqw_local_handler *handler, void *ctx,
                         mqw_local **out)
{
    if (!broker || !item || !handler || item->qos > 2 || item->retain_handling > 2 ||
        mqw_filter_check(item->filter, MQW_5_0))
        return MQW_E_MISUSE;
    if (broker->closing)
        return MQW_E_CLOSED;
    mqw_local *local = mqw__broker_new_block(broker, sizeof *local);
    if (!local)
        return MQW_E_NO_MEMORY;
    local->broker = broker;
    local->handler = handler;
    local->ctx = ctx;
    local->last = &local->first;
    int result = begin(local, item);
    if (result < 0) {
        mqw__broker_free_block(broker, local, sizeof *local);
        return result;
    }
    local->next = broker->locals;
    local->link = &broker->locals;
    if (local->next)
        local->next->link = &local->next;
    broker->locals = local;
    if (out)
        *out = local;
    return 0;
}

void mqw_broker_unsubscribe(mqw_local *local)
{
    if (!local || !local->subscription)
        return;
    mqw__tree_remove(local->broker->tree, local->subscription);
    local->subscription = NULL;
    if (!local->busy)
        free_local(local);
}

void mqw__locals_free(mqw_broker *broker)
{
    while (broker->locals)
        free_local(broker->locals);
}
