// SPDX-License-Identifier: MIT
// A store for simulations: what was put, what is committed, late and in batches, and what a crash leaves.
#ifndef MQW_SIM_DEPOT_H
#define MQW_SIM_DEPOT_H

#include "world.h"

enum { RECORDS = 2048, COMMITS = 256 };

typedef struct record {
    uint8_t *key, *value; /**< malloc. */
    size_t key_len, value_len;
    bool gone;       /**< The operation deletes. */
    bool prefix;     /**< … all that begin so. */
    uint64_t number; /**< Of the operation. */
} record;

typedef struct commit {
    mqw_store_done *done;
    void *ctx;
    uint64_t number; /**< Of the last operation that it holds. */
    uint64_t at;
} commit;

typedef struct depot {
    world *on;
    mqw_store *store;
    uv_loop_t loop; /**< Nobody runs it. */
    record disk[RECORDS];
    size_t count;
    record log[RECORDS]; /**< Operations that are not on disk. */
    size_t logged;
    commit commits[COMMITS];
    size_t pending;
    uint64_t operations, committed;
    uint32_t slowness;
    bool dead;   /**< The process has crashed: nothing gets here any more. */
    bool lies;   /**< Mutant: says that it is on disk before it is. */
    bool broken; /**< Nothing gets there any more: puts and commits fail. */
    bool closing;
} depot;

static inline bool begins(const record *r, mqw_bytes prefix)
{
    return r->key_len >= prefix.len && !memcmp(r->key, prefix.data, prefix.len);
}

static inline int compare_keys(const record *r, mqw_bytes key)
{
    size_t len = r->key_len < key.len ? r->key_len : key.len;
    int order = len ? memcmp(r->key, key.data, len) : 0;
    return order ? order : (r->key_len > key.len) - (r->key_len < key.len);
}

static inline uint8_t *copy_of_bytes(mqw_bytes bytes)
{
    uint8_t *copy = malloc(bytes.len + 1);
    assert_non_null(copy);
    if (bytes.len)
        memcpy(copy, bytes.data, bytes.len);
    return copy;
}

static inline void record_free(record *r)
{
    free(r->key);
    free(r->value);
}

static inline void disk_remove(record *disk, size_t *count, size_t at)
{
    record_free(&disk[at]);
    memmove(&disk[at], &disk[at + 1], (*count - at - 1) * sizeof *disk);
    --*count;
}

static inline void disk_delete(record *disk, size_t *count, mqw_bytes key, bool prefix)
{
    for (size_t i = *count; i-- > 0;)
        if (prefix ? begins(&disk[i], key) : compare_keys(&disk[i], key) == 0)
            disk_remove(disk, count, i);
}

static inline void disk_put(record *disk, size_t *count, mqw_bytes key, mqw_bytes value)
{
    size_t at = 0;
    disk_delete(disk, count, key, false);
    assert_true(*count < RECORDS);
    while (at < *count && compare_keys(&disk[at], key) < 0)
        at++;
    memmove(&disk[at + 1], &disk[at], (*count - at) * sizeof *disk);
    disk[at] = (record){copy_of_bytes(key), copy_of_bytes(value), key.len, value.len, false, false, 0};
    ++*count;
}

static inline void disk_apply(record *disk, size_t *count, const record *r)
{
    mqw_bytes key = {r->key, r->key_len}, value = {r->value, r->value_len};
    if (r->gone)
        disk_delete(disk, count, key, r->prefix);
    else
        disk_put(disk, count, key, value);
}

// ---- as a store ----

static inline int depot_log(depot *d, mqw_bytes key, mqw_bytes value, bool gone, bool prefix)
{
    d->operations++;
    if (d->dead)
        return 0;
    if (d->broken)
        return MQW_E_STREAM;
    assert_true(d->logged < RECORDS);
    d->log[d->logged++] =
        (record){copy_of_bytes(key), copy_of_bytes(value), key.len, value.len, gone, prefix, d->operations};
    return 0;
}

static inline int depot_put(void *self, mqw_bytes key, mqw_bytes value)
{
    return depot_log(self, key, value, false, false);
}

static inline int depot_remove(void *self, mqw_bytes key, bool prefix)
{
    return depot_log(self, key, (mqw_bytes){NULL, 0}, true, prefix);
}

static inline int depot_commit(void *self, mqw_store *store, mqw_store_done *done, void *ctx)
{
    depot *d = self;
    (void)store;
    assert_true(d->pending < COMMITS);
    uint64_t before = d->pending ? d->commits[d->pending - 1].at : 0;
    uint64_t at = d->on->now + chance(d->on, d->slowness + 1);
    d->commits[d->pending++] = (commit){done, ctx, d->operations, at > before ? at : before};
    return 0;
}

static inline int depot_read(void *self, mqw_bytes prefix, mqw_store_each *each, void *ctx)
{
    depot *d = self;
    int result = 0;
    assert_int_equal(d->logged, 0); // it is read at the start
    for (size_t i = 0; i < d->count && result == 0; i++)
        if (begins(&d->disk[i], prefix))
            result = each((mqw_bytes){d->disk[i].key, d->disk[i].key_len},
                          (mqw_bytes){d->disk[i].value, d->disk[i].value_len}, ctx);
    return result;
}

static inline const char *depot_error(void *self)
{
    return ((depot *)self)->broken ? "the disk is gone" : "";
}

static inline void depot_close(void *self, mqw_store *store)
{
    (void)store;
    ((depot *)self)->closing = true;
}

static inline void depot_open(depot *d, world *on, uint32_t slowness)
{
    memset(d, 0, sizeof *d);
    d->on = on;
    d->slowness = slowness;
    assert_int_equal(uv_loop_init(&d->loop), 0);
    const mqw_store_ops ops = {.size = sizeof ops,
                               .put = depot_put,
                               .remove = depot_remove,
                               .commit = depot_commit,
                               .read = depot_read,
                               .error = depot_error,
                               .close = depot_close};
    assert_int_equal(mqw_store_custom(&d->store, &d->loop, &ops, d), 0);
}

static inline void depot_free(depot *d)
{
    mqw_store_close(d->store, NULL, NULL);
    assert_true(d->closing);
    mqw_store_closed(d->store);
    while (d->count)
        record_free(&d->disk[--d->count]);
    while (d->logged)
        record_free(&d->log[--d->logged]);
    assert_int_equal(uv_loop_close(&d->loop), 0);
}

// ---- its time ----

static inline uint64_t depot_due(const depot *d)
{
    return d->pending ? d->commits[0].at : NEVER;
}

static inline void depot_write(depot *d, uint64_t number)
{
    size_t written = 0;
    for (; written < d->logged && d->log[written].number <= number; written++) {
        disk_apply(d->disk, &d->count, &d->log[written]);
        record_free(&d->log[written]);
    }
    memmove(d->log, d->log + written, (d->logged - written) * sizeof *d->log);
    d->logged -= written;
    d->committed = number;
}

static inline void depot_works(depot *d)
{
    while (d->pending && d->commits[0].at <= d->on->now) {
        commit first = d->commits[0];
        memmove(d->commits, d->commits + 1, --d->pending * sizeof *d->commits);
        if (!d->dead && !d->lies && !d->broken)
            depot_write(d, first.number);
        else
            d->committed = first.number;
        note(d->on, "committed %llu%s", (unsigned long long)first.number, d->dead ? ", not really" : "");
        first.done(d->store, d->broken ? MQW_E_STREAM : 0, first.ctx);
    }
}

/* The process is gone: what is not on disk will never be. */
static inline void depot_crash(depot *d)
{
    d->dead = true;
    while (d->logged)
        record_free(&d->log[--d->logged]);
}

/* Another process opens it. */
static inline void depot_revive(depot *d)
{
    assert_int_equal(d->pending, 0);
    d->dead = d->broken = false;
}

/* Whether a record on disk holds this text. */
static inline bool depot_holds(const depot *d, const char *text)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < d->count; i++)
        for (size_t at = 0; at + len <= d->disk[i].value_len; at++)
            if (!memcmp(d->disk[i].value + at, text, len))
                return true;
    return false;
}

#endif
