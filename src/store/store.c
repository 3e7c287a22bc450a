// SPDX-License-Identifier: MIT
// What all stores have in common: what a key may be, and that nothing is asked of a store that was closed.
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "mqwire/store.h"

struct mqw_store {
    mqw_store_ops ops;
    void *self;
    uv_loop_t *loop;
    void (*closed)(void *ctx);
    void *ctx;
    bool closing;
};

int mqw_store_custom(mqw_store **out, uv_loop_t *loop, const mqw_store_ops *ops, void *self)
{
    if (!out || !loop || !ops || !ops->put || !ops->remove || !ops->commit || !ops->read || !ops->close)
        return MQW_E_MISUSE;
    mqw_store *store = mqw__store_alloc(sizeof *store);
    if (!store)
        return MQW_E_NO_MEMORY;
    memcpy(&store->ops, ops, ops->size && ops->size < sizeof *ops ? ops->size : sizeof *ops);
    store->self = self;
    store->loop = loop;
    *out = store;
    return 0;
}

void mqw_store_closed(mqw_store *store)
{
    if (store->closed)
        store->closed(store->ctx);
    free(store);
}

void *mqw_store_self(const mqw_store *store)
{
    return store->self;
}

uv_loop_t *mqw_store_loop(const mqw_store *store)
{
    return store->loop;
}

// 0: a record can have that key.
static int judge(const mqw_store *store, mqw_bytes key)
{
    if (key.len == 0 || key.len > MQW_STORE_MAX_KEY)
        return MQW_E_MISUSE;
    return store->closing ? MQW_E_CLOSED : 0;
}

int mqw_store_put(mqw_store *store, mqw_bytes key, mqw_bytes value)
{
    int wrong = judge(store, key);
    if (wrong)
        return wrong;
    if (value.len > MQW_STORE_MAX_VALUE)
        return MQW_E_TOO_LARGE;
    return store->ops.put(store->self, key, value);
}

int mqw_store_delete(mqw_store *store, mqw_bytes key)
{
    int wrong = judge(store, key);
    return wrong ? wrong : store->ops.remove(store->self, key, false);
}

int mqw_store_delete_all(mqw_store *store, mqw_bytes prefix)
{
    if (prefix.len > MQW_STORE_MAX_KEY)
        return MQW_E_MISUSE;
    return store->closing ? MQW_E_CLOSED : store->ops.remove(store->self, prefix, true);
}

int mqw_store_commit(mqw_store *store, mqw_store_done *done, void *ctx)
{
    return store->closing ? MQW_E_CLOSED : store->ops.commit(store->self, store, done, ctx);
}

int mqw_store_read(mqw_store *store, mqw_bytes prefix, mqw_store_each *each, void *ctx)
{
    if (prefix.len > MQW_STORE_MAX_KEY)
        return MQW_E_MISUSE;
    return store->closing ? MQW_E_CLOSED : store->ops.read(store->self, prefix, each, ctx);
}

const char *mqw_store_error(const mqw_store *store)
{
    return store->ops.error ? store->ops.error(store->self) : "";
}

void mqw_store_close(mqw_store *store, void (*closed)(void *ctx), void *ctx)
{
    if (store->closing)
        return;
    store->closing = true;
    store->closed = closed;
    store->ctx = ctx;
    store->ops.close(store->self, store);
}
