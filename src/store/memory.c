// SPDX-License-Identifier: MIT
// Records in memory: a skip list, so that they are in order and each is found in a few steps.
#include <stdlib.h>

#include "alloc.h"
#include "keys.h"
#include "mqwire/store.h"

/** Its key and value lie behind the links. */
typedef struct record {
    struct record *dead; /**< The next that is to be freed when nobody reads any more. */
    size_t key_len, value_len;
    unsigned levels;
    struct record *next[];
} record;

/** Waits for a commit. */
typedef struct waiter {
    struct waiter *next;
    mqw_store_done *done;
    void *ctx;
} waiter;

typedef struct memory {
    mqw_store *store;
    uv_idle_t later; /**< Active while somebody is to be told something; only then it holds the loop. */
    waiter *first, **last;
    bool closing;
    unsigned readers;
    uint64_t changes;
    uint64_t random;
    record *dead;
    record *head[MQW__LEVELS];
} memory;

/** The places that point at what comes next, at each level. */
typedef struct path {
    record **at[MQW__LEVELS];
} path;

static mqw_bytes key_of(const record *at)
{
    return (mqw_bytes){(const uint8_t *)(at->next + at->levels), at->key_len};
}

static mqw_bytes value_of(const record *at)
{
    return (mqw_bytes){key_of(at).data + at->key_len, at->value_len};
}

// The first record whose key is not below, and the way to it.
static record *find(memory *self, mqw_bytes key, path *way)
{
    record **links = self->head;
    for (int level = MQW__LEVELS - 1; level >= 0; level--) {
        while (links[level] && mqw__key_compare(key_of(links[level]), key) < 0)
            links = links[level]->next;
        way->at[level] = &links[level];
    }
    return links[0];
}

// Whoever reads may hold views of it.
static void bury(memory *self, record *gone)
{
    if (self->readers == 0) {
        free(gone);
        return;
    }
    gone->dead = self->dead;
    self->dead = gone;
}

static void unlink_at(memory *self, const path *way)
{
    record *gone = *way->at[0];
    unsigned level = 0;
    do // every record is on the first
        *way->at[level] = gone->next[level];
    while (++level < gone->levels);
    self->changes++;
    bury(self, gone);
}

static bool is_at(const record *found, mqw_bytes key)
{
    return found && mqw__key_compare(key_of(found), key) == 0;
}

static record *make(memory *self, mqw_bytes key, mqw_bytes value)
{
    unsigned levels = mqw__key_levels(&self->random);
    record *made = mqw__store_alloc(sizeof *made + levels * sizeof(record *) + key.len + value.len);
    if (!made)
        return NULL;
    made->levels = levels;
    made->key_len = key.len;
    made->value_len = value.len;
    uint8_t *at = (uint8_t *)(made->next + levels);
    memcpy(at, key.data, key.len);
    if (value.len)
        memcpy(at + key.len, value.data, value.len);
    return made;
}

static int put(void *arg, mqw_bytes key, mqw_bytes value)
{
    memory *self = arg;
    path way;
    record *made = make(self, key, value);
    if (!made)
        return MQW_E_NO_MEMORY;
    if (is_at(find(self, key, &way), key))
        unlink_at(self, &way);
    for (unsigned level = 0; level < made->levels; level++) {
        made->next[level] = *way.at[level];
        *way.at[level] = made;
    }
    self->changes++;
    return 0;
}

static int take_out(void *arg, mqw_bytes key, bool prefix)
{
    memory *self = arg;
    path way;
    record *found = find(self, key, &way);
    while (found && (prefix ? mqw__key_begins(key_of(found), key) : is_at(found, key))) {
        unlink_at(self, &way);
        found = *way.at[0];
    }
    return 0;
}

static void tidy(memory *self)
{
    while (self->dead) {
        record *gone = self->dead;
        self->dead = gone->dead;
        free(gone);
    }
}

// `each` may have changed anything, this record included, which stays readable until reading is over.
static record *behind(memory *self, const record *at, uint64_t changes)
{
    path way;
    if (changes == self->changes)
        return at->next[0];
    record *found = find(self, key_of(at), &way);
    return is_at(found, key_of(at)) ? found->next[0] : found;
}

static int read_all(void *arg, mqw_bytes prefix, mqw_store_each *each, void *ctx)
{
    memory *self = arg;
    path way;
    int result = 0;
    self->readers++;
    record *at = find(self, prefix, &way);
    while (at && result == 0 && mqw__key_begins(key_of(at), prefix)) {
        uint64_t changes = self->changes;
        result = each(key_of(at), value_of(at), ctx);
        at = behind(self, at, changes);
    }
    if (--self->readers == 0)
        tidy(self);
    return result;
}

// --- what is told later ---

static void on_closed(uv_handle_t *handle)
{
    memory *self = handle->data;
    mqw_store *store = self->store;
    take_out(self, (mqw_bytes){NULL, 0}, true);
    free(self);
    mqw_store_closed(store);
}

static void tell(memory *self)
{
    waiter *next = self->first;
    self->first = NULL;
    self->last = &self->first;
    while (next) {
        waiter *now = next;
        next = now->next;
        if (now->done)
            now->done(self->store, 0, now->ctx);
        free(now);
    }
}

static void on_later(uv_idle_t *idle)
{
    memory *self = idle->data;
    tell(self);
    if (self->first)
        return;
    uv_idle_stop(idle);
    if (self->closing)
        uv_close((uv_handle_t *)idle, on_closed);
}

static int commit(void *arg, mqw_store *store, mqw_store_done *done, void *ctx)
{
    (void)store;
    memory *self = arg;
    waiter *one = mqw__store_alloc(sizeof *one);
    if (!one)
        return MQW_E_NO_MEMORY;
    *one = (waiter){NULL, done, ctx};
    *self->last = one;
    self->last = &one->next;
    uv_idle_start(&self->later, on_later);
    return 0;
}

static void close_it(void *arg, mqw_store *store)
{
    (void)store;
    memory *self = arg;
    self->closing = true;
    uv_idle_start(&self->later, on_later);
}

static const mqw_store_ops ops = {.size = sizeof ops,
                                  .put = put,
                                  .remove = take_out,
                                  .commit = commit,
                                  .read = read_all,
                                  .close = close_it};

int mqw_store_memory(mqw_store **out, uv_loop_t *loop)
{
    if (!out || !loop)
        return MQW_E_MISUSE;
    memory *self = mqw__store_alloc(sizeof *self);
    if (!self)
        return MQW_E_NO_MEMORY;
    int failed = mqw_store_custom(out, loop, &ops, self);
    if (failed) {
        free(self);
        return failed;
    }
    self->store = *out;
    self->last = &self->first;
    self->random = UINT64_C(0x9E3779B97F4A7C15);
    uv_idle_init(loop, &self->later);
    self->later.data = self;
    return 0;
}
