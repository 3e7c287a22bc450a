// SPDX-License-Identifier: MIT
// The broker's store: whether it is well, and when it is asked to commit.
#include <string.h>

#include "kept.h"

enum {
    PRESSED = 16 << 20, // bytes that are not on disk yet; stores refuse more above 64 MiB
    LOOK = 1000,        // ms between two looks at a store that works …
    REST = 60000,       // … or rests
    AGAIN = 100,        // ms until a commit that found no memory is asked for again
    CLOCK = 10000,      // ms between two records of the clock, when something else is written
};

// --- whether it is well ---

// It is told on the next turn: whoever asks may stand in the midst of subscriptions.
static void look_after(mqw__durable *durable)
{
    bool ill = mqw_store_error(durable->store)[0] || durable->lost;
    if (ill == durable->ill)
        return;
    durable->ill = ill;
    durable->broker->counts.store_failures += ill;
    mqw__broker_soon(durable->broker);
}

// What is said about the store changes: once each way.
static void tell(mqw__durable *durable)
{
    const char *why = mqw_store_error(durable->store);
    if (durable->told == durable->ill)
        return;
    durable->told = durable->ill;
    if (durable->ill)
        mqw__broker_log(durable->broker, MQW_LOG_ERROR, "the store fails: %s; new messages are refused",
                        why[0] ? why : "it is closed");
    else
        mqw__broker_log(durable->broker, MQW_LOG_NOTICE, "the store works again");
}

bool mqw__record_well(const mqw_broker *broker)
{
    mqw__durable *durable = broker->durable;
    if (!durable)
        return true;
    look_after(durable);
    return !durable->ill;
}

bool mqw__record_busy(const mqw_broker *broker)
{
    const mqw__durable *durable = broker->durable;
    return durable && !durable->ill && (durable->dirty || durable->commits);
}

// --- changes ---

void mqw__kept_changed(mqw__durable *durable)
{
    if (!durable->dirty)
        mqw__broker_soon(durable->broker);
    durable->dirty = true;
}

static int changed(mqw__durable *durable, int result)
{
    if (result >= 0)
        mqw__kept_changed(durable);
    return result;
}

int mqw__kept_put(mqw__durable *durable, mqw_bytes key)
{
    const mqw__draft *draft = &durable->draft;
    if (draft->failed)
        return MQW_E_NO_MEMORY;
    durable->put += key.len + draft->len;
    return changed(durable, mqw_store_put(durable->store, key, (mqw_bytes){draft->data, draft->len}));
}

bool mqw__kept_pressed(const mqw__durable *durable)
{
    return durable->put - durable->written > PRESSED;
}

// How much of what was put is on disk is known from time to time, which is enough.
static void mark(mqw__durable *durable)
{
    if (durable->mark > durable->committed)
        return;
    durable->written = durable->marked;
    durable->marked = durable->put;
    durable->mark = durable->batch - !durable->dirty;
}

int mqw__kept_delete(mqw__durable *durable, mqw_bytes key)
{
    return changed(durable, mqw_store_delete(durable->store, key));
}

int mqw__kept_delete_all(mqw__durable *durable, mqw_bytes prefix)
{
    return changed(durable, mqw_store_delete_all(durable->store, prefix));
}

// --- commits ---

static void release(mqw__durable *durable)
{
    mqw_allocator allocator = durable->allocator;
    mqw__free(&allocator, durable, sizeof *durable);
}

static void on_commit(mqw_store *store, int result, void *ctx)
{
    mqw__durable *durable = ctx;
    (void)store;
    durable->commits--;
    durable->committed += result >= 0;
    durable->lost |= result < 0;
    if (!durable->broker) {
        if (durable->commits == 0)
            release(durable);
        return;
    }
    look_after(durable);
    mark(durable);
    mqw__gate_open(durable);
    mqw__broker_soon(durable->broker);
}

// When the broker was alive: sessions that are connected when it dies expire from then on.
static int put_clock(mqw__durable *durable)
{
    uint8_t key[MQW__KEY];
    uint64_t wall = mqw__broker_wall(durable->broker);
    mqw__draft_number(mqw__kept_draft(durable), wall);
    durable->clocked = wall;
    return mqw__kept_put(durable, mqw__key_of(key, MQW__KIND_CLOCK, 0));
}

static void look_in(mqw__durable *durable, uint64_t ms)
{
    mqw__broker_due(durable->broker, &durable->look, mqw__broker_now(durable->broker) + ms);
}

void mqw__gate_turn(mqw_broker *broker)
{
    mqw__durable *durable = broker->durable;
    if (durable)
        tell(durable);
    if (!durable || !durable->dirty || durable->lost)
        return;
    if (mqw__broker_wall(broker) >= durable->clocked + CLOCK)
        (void)put_clock(durable);
    int result = mqw_store_commit(durable->store, on_commit, durable);
    if (result == 0) {
        durable->dirty = false;
        durable->batch++;
        durable->commits++;
        broker->counts.commits++;
    } else if (result == MQW_E_NO_MEMORY) {
        look_in(durable, AGAIN);
        return;
    } else {
        durable->lost = true;
        look_after(durable);
    }
    look_in(durable, LOOK);
}

static void on_look(mqw__deadline *deadline)
{
    mqw__durable *durable = (mqw__durable *)(void *)((char *)deadline - offsetof(mqw__durable, look));
    mqw_broker *broker = durable->broker;
    look_after(durable);
    if (durable->sessions && broker->counts.clients_connected &&
        mqw__broker_wall(broker) >= durable->clocked + REST)
        (void)put_clock(durable);
    look_in(durable, durable->commits || durable->ill ? LOOK : REST);
}

// --- life ---

int mqw__record_open(mqw_broker *broker, mqw_store *store)
{
    mqw__durable *durable = mqw__alloc(&broker->allocator, sizeof *durable);
    if (!durable)
        return MQW_E_NO_MEMORY;
    memset(durable, 0, sizeof *durable);
    broker->durable = durable;
    durable->broker = broker;
    durable->store = store;
    durable->allocator = broker->allocator;
    durable->draft.allocator = &durable->allocator;
    durable->batch = 1;
    durable->look.fire = on_look;
    durable->filter = mqw__alloc(&durable->allocator, MQW__FILTER_ROOM);
    int result = durable->filter ? mqw__restore(durable) : MQW_E_NO_MEMORY;
    if (result == 0)
        result = put_clock(durable);
    if (result == 0)
        look_in(durable, REST);
    return result;
}

void mqw__record_free(mqw_broker *broker)
{
    mqw__durable *durable = broker->durable;
    if (!durable)
        return;
    broker->durable = NULL;
    mqw__gate_free(durable);
    mqw__free(&durable->allocator, durable->filter, MQW__FILTER_ROOM);
    mqw__free(&durable->allocator, durable->draft.data, durable->draft.cap);
    durable->broker = NULL;
    if (durable->commits == 0)
        release(durable);
}
