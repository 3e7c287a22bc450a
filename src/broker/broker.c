// SPDX-License-Identifier: MIT
// The life of a broker: opening, its turns, closing; memory, deadlines and words that all rooms use.
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "inside.h"

// --- memory ---

bool mqw__hold(mqw_broker *broker, size_t bytes)
{
    if (bytes > broker->options.max_memory || broker->memory > broker->options.max_memory - bytes)
        return false;
    broker->memory += bytes;
    if (broker->memory > broker->counts.memory_maximum)
        broker->counts.memory_maximum = broker->memory;
    return true;
}

void mqw__let_go(mqw_broker *broker, size_t bytes)
{
    broker->memory -= bytes;
}

void *mqw__broker_new_block(mqw_broker *broker, size_t size)
{
    if (!mqw__hold(broker, size))
        return NULL;
    void *block = mqw__alloc(&broker->allocator, size);
    if (block)
        return memset(block, 0, size);
    mqw__let_go(broker, size);
    return NULL;
}

void mqw__broker_free_block(mqw_broker *broker, void *block, size_t size)
{
    if (!block)
        return;
    mqw__free(&broker->allocator, block, size);
    mqw__let_go(broker, size);
}

uint8_t *mqw__broker_scratch(mqw_broker *broker, size_t size)
{
    if (size <= broker->scratch_size)
        return broker->scratch;
    uint8_t *grown = mqw__resize(&broker->allocator, broker->scratch, broker->scratch_size, size);
    if (!grown)
        return NULL;
    broker->scratch = grown;
    broker->scratch_size = size;
    return grown;
}

// --- time ---

static void wake(mqw_broker *broker, uint64_t at)
{
    if (at >= broker->wakes_at)
        return;
    broker->wakes_at = at;
    broker->world.wake(broker->world.self, at);
}

void mqw__broker_due(mqw_broker *broker, mqw__deadline *deadline, uint64_t at)
{
    mqw__wheel_set(&broker->wheel, deadline, at);
    wake(broker, mqw__wheel_next(&broker->wheel));
}

void mqw__broker_undue(mqw_broker *broker, mqw__deadline *deadline)
{
    mqw__wheel_clear(&broker->wheel, deadline);
}

void mqw__broker_soon(mqw_broker *broker)
{
    wake(broker, 0);
}

// --- words ---

void mqw__broker_log(mqw_broker *broker, int level, const char *format, ...)
{
    char words[512];
    va_list arguments;
    if (!broker->hooks.on_log)
        return;
    va_start(arguments, format);
    (void)vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    broker->hooks.on_log(broker, level, words, broker->options.ctx);
}

// Which counter counts which reason.
static uint64_t *counter_of(mqw__counts *counts, mqw_drop why)
{
    switch (why) {
    case MQW_DROP_EXPIRED: return &counts->dropped_expired;
    case MQW_DROP_QUEUE_FULL: return &counts->dropped_full;
    case MQW_DROP_TOO_LARGE: return &counts->dropped_too_large;
    case MQW_DROP_SESSION_OVER: return &counts->dropped_session;
    case MQW_DROP_REFUSED: return &counts->dropped_refused;
    case MQW_DROP_NO_MEMORY: return &counts->dropped_memory;
    case MQW_DROP_STORE: break;
    }
    return &counts->dropped_store;
}

void mqw__broker_dropped(mqw__session *session, const mqw_publish *publish, mqw_drop why)
{
    mqw_broker *broker = session->broker;
    ++*counter_of(&broker->counts, why);
    if (!broker->hooks.on_dropped)
        return;
    broker->told++;
    broker->hooks.on_dropped(broker, mqw__session_id(session), publish, why, broker->options.ctx);
    broker->told--;
}

// --- life ---

static void release(mqw_broker *broker)
{
    mqw__surroundings world = broker->world;
    mqw_allocator allocator = broker->allocator;
    mqw__status_free(broker);
    mqw__tickets_forget(broker);
    mqw__retain_end(broker); // before the sessions: their deadlines go with their memory, not off the wheel
    mqw__locals_free(broker);
    mqw__sessions_free(broker);
    mqw__tree_free(broker->tree);
    mqw__retained_free(broker->retained);
    mqw__record_free(broker);
    mqw__mail_free(broker);
    mqw__limits_free(broker);
    mqw__settings_end(broker);
    mqw__free(&allocator, broker->scratch, broker->scratch_size);
    mqw__free(&allocator, broker, sizeof *broker);
    if (world.free)
        world.free(world.self);
}

static int furnish(mqw_broker *broker)
{
    if (broker->world.random(broker->world.self, &broker->seed, sizeof broker->seed))
        return MQW_E_STREAM;
    broker->tree = mqw__tree_new(&broker->allocator, &broker->memory, broker->seed);
    broker->retained = mqw__retained_new(&broker->allocator, &broker->memory, broker->seed);
    if (!broker->tree || !broker->retained)
        return MQW_E_NO_MEMORY;
    int result = mqw__sessions_open(broker);
    if (result == 0 && broker->options.store)
        result = mqw__record_open(broker, broker->options.store);
    return result == 0 ? mqw__status_open(broker) : result;
}

int mqw__broker_new(mqw_broker **out, const mqw__surroundings *world, const mqw_broker_options *options)
{
    mqw_allocator allocator = mqw__broker_allocator(options ? options->allocator : NULL);
    mqw_broker *broker = mqw__alloc(&allocator, sizeof *broker);
    if (!broker)
        return MQW_E_NO_MEMORY;
    memset(broker, 0, sizeof *broker);
    broker->world = *world;
    broker->wakes_at = UINT64_MAX;
    broker->began = broker->wheel.now = mqw__broker_now(broker);
    int result = mqw__settings_of(broker, options);
    if (result == 0)
        result = furnish(broker);
    if (result == 0) {
        *out = broker;
        return 0;
    }
    broker->world.free = NULL;
    release(broker);
    return result;
}

static bool is_over(mqw_broker *broker)
{
    return broker->closing && !broker->peers && broker->world.stopped(broker->world.self) &&
           !mqw__record_busy(broker);
}

static void finish(mqw_broker *broker)
{
    if (broker->on_closed)
        broker->on_closed(broker, broker->on_closed_ctx);
    release(broker);
}

// Everybody goes; whoever waits for a commit is heard no more, and goes when its answers have left.
static void dismiss(mqw_broker *broker)
{
    bool well = mqw__record_well(broker);
    broker->dismissing = false;
    for (mqw_peer *peer = broker->peers, *next; peer; peer = next) {
        next = peer->next;
        if (peer->answers && well && peer->stand == MQW__WELCOME) {
            mqw__peer_pause(peer, MQW__PAUSE_CLOSING);
            broker->dismissing = true;
        } else {
            mqw__peer_end(peer, MQW_REASON_SERVER_SHUTTING_DOWN, "the broker closes");
        }
    }
}

void mqw__broker_turn(mqw_broker *broker)
{
    broker->work = 0;
    broker->wakes_at = UINT64_MAX; // what is asked for meanwhile is heard
    mqw__wheel_advance(&broker->wheel, mqw__broker_now(broker));
    if (broker->dismissing)
        dismiss(broker);
    mqw__peers_turn(broker);
    mqw__locals_turn(broker);
    mqw__gate_turn(broker);
    if (is_over(broker))
        finish(broker);
    else
        wake(broker, mqw__wheel_next(&broker->wheel));
}

void mqw_broker_close(mqw_broker *broker, void (*on_closed)(mqw_broker *broker, void *ctx), void *ctx)
{
    if (!broker || broker->closing)
        return;
    broker->closing = true;
    broker->on_closed = on_closed;
    broker->on_closed_ctx = ctx;
    broker->world.stop(broker->world.self);
    dismiss(broker);
    mqw__broker_soon(broker);
}

mqw_config *mqw__broker_config(const mqw_broker *broker)
{
    return broker->config;
}

void *mqw__broker_world(const mqw_broker *broker)
{
    return broker->world.self;
}

int mqw__broker_serve(mqw_broker *broker, mqw_conn *conn, const mqw_connect *connect)
{
    if (!broker || !conn || mqw_conn_role(conn) != MQW_SERVER)
        return MQW_E_MISUSE;
    return broker->closing ? MQW_E_CLOSED : mqw__peer_new(broker, conn, connect);
}

// --- the program's own messages ---

// A hook that publishes about what it hears would hear of that, too, and so on.
enum { DEEPEST = 2 };

int mqw_broker_publish(mqw_broker *broker, const mqw_publish *publish)
{
    if (!broker || !publish || mqw_topic_check(publish->topic) || publish->qos > 2 || publish->payload_left ||
        mqw_has(&publish->props, topic_alias))
        return MQW_E_MISUSE;
    if (broker->closing)
        return MQW_E_CLOSED;
    if (broker->told >= DEEPEST)
        return MQW_E_FULL;
    mqw__post post;
    int result = mqw__post_begin(broker, &post, publish);
    if (result < 0)
        return result;
    int reason = mqw__deliver(broker, &post);
    mqw__post_end(&post);
    return reason < 0 ? reason : reason < 0x80 ? 0 : MQW_E_FULL;
}
