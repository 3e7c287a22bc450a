// SPDX-License-Identifier: MIT
// For tests of the broker: a store whose commits come when the test says so, that can fail, and of which only
// what was committed is left when the broker dies.
#ifndef MQW_TESTS_BROKER_DISK_H
#define MQW_TESTS_BROKER_DISK_H

#include <mqwire/store.h>

#include "unit/broker_world.h"

enum { RECORDS = 4096, COMMITS = 256 };

typedef struct record {
    uint8_t *data; // the key, then the value
    size_t key_len, value_len;
} record;

// Sorted by key.
typedef struct pile {
    record records[RECORDS];
    int count;
} pile;

static struct disk {
    mqw_store *store;
    uv_loop_t loop;
    pile seen; // what the broker sees …
    pile kept; // … and what is left of it when it dies
    struct {
        mqw_store_done *done;
        void *ctx;
    } commits[COMMITS];
    int asked;
    int puts, removes;
    int fails;         // what put gives
    int fails_to_drop; // what remove gives
    int fails_asking;  // what commit gives
    const char *why;   // NULL: all is well
    bool dead;         // nothing reaches it
} disk;

static inline mqw_bytes record_key(const record *at)
{
    return (mqw_bytes){at->data, at->key_len};
}

static inline mqw_bytes record_value(const record *at)
{
    return (mqw_bytes){at->data + at->key_len, at->value_len};
}

static inline int keys_compare(mqw_bytes a, mqw_bytes b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common ? memcmp(a.data, b.data, common) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

// The first whose key is not below.
static inline int pile_find(const pile *on, mqw_bytes key)
{
    int at = 0;
    while (at < on->count && keys_compare(record_key(&on->records[at]), key) < 0)
        at++;
    return at;
}

static inline bool pile_has(const pile *on, int at, mqw_bytes key)
{
    return at < on->count && keys_compare(record_key(&on->records[at]), key) == 0;
}

static inline void pile_remove(pile *on, int at)
{
    free(on->records[at].data);
    on->count--;
    memmove(&on->records[at], &on->records[at + 1], (size_t)(on->count - at) * sizeof(record));
}

static inline void pile_set(pile *on, mqw_bytes key, mqw_bytes value)
{
    int at = pile_find(on, key);
    if (pile_has(on, at, key))
        pile_remove(on, at);
    assert_true(on->count < RECORDS);
    memmove(&on->records[at + 1], &on->records[at], (size_t)(on->count - at) * sizeof(record));
    on->count++;
    record *made = &on->records[at];
    *made = (record){malloc(key.len + value.len + 1), key.len, value.len};
    assert_non_null(made->data);
    memcpy(made->data, key.data, key.len);
    if (value.len)
        memcpy(made->data + key.len, value.data, value.len);
}

static inline void pile_clear(pile *on)
{
    while (on->count > 0)
        pile_remove(on, on->count - 1);
}

static inline void pile_copy(pile *to, const pile *from)
{
    pile_clear(to);
    for (int i = 0; i < from->count; i++)
        pile_set(to, record_key(&from->records[i]), record_value(&from->records[i]));
}

// Records of that kind: the byte behind 'b'.
static inline int records(char kind)
{
    int count = 0;
    for (int i = 0; i < disk.seen.count; i++)
        count += disk.seen.records[i].data[1] == (uint8_t)kind;
    return count;
}

// ---- the store ----

static inline int disk_put(void *self, mqw_bytes key, mqw_bytes value)
{
    (void)self;
    disk.puts++;
    if (disk.fails)
        return disk.fails;
    if (!disk.dead)
        pile_set(&disk.seen, key, value);
    return 0;
}

static inline int disk_remove(void *self, mqw_bytes key, bool prefix)
{
    (void)self;
    disk.removes++;
    if (disk.fails_to_drop)
        return disk.fails_to_drop;
    int at = pile_find(&disk.seen, key);
    while (!disk.dead && at < disk.seen.count &&
           (prefix ? disk.seen.records[at].key_len >= key.len &&
                         memcmp(disk.seen.records[at].data, key.data, key.len) == 0
                   : pile_has(&disk.seen, at, key)))
        pile_remove(&disk.seen, at);
    return 0;
}

static inline int disk_commit(void *self, mqw_store *store, mqw_store_done *done, void *ctx)
{
    (void)self;
    (void)store;
    if (disk.fails_asking)
        return disk.fails_asking;
    assert_true(disk.asked < COMMITS);
    disk.commits[disk.asked].done = done;
    disk.commits[disk.asked++].ctx = ctx;
    return 0;
}

static inline int disk_read(void *self, mqw_bytes prefix, mqw_store_each *each, void *ctx)
{
    static pile all; // `each` may change what is there
    int result = 0;
    (void)self;
    pile_copy(&all, &disk.seen);
    for (int i = 0; i < all.count && result == 0; i++)
        if (all.records[i].key_len >= prefix.len && memcmp(all.records[i].data, prefix.data, prefix.len) == 0)
            result = each(record_key(&all.records[i]), record_value(&all.records[i]), ctx);
    pile_clear(&all);
    return result;
}

static inline const char *disk_error(void *self)
{
    (void)self;
    return disk.why ? disk.why : "";
}

static inline void disk_close(void *self, mqw_store *store)
{
    (void)self;
    mqw_store_closed(store);
}

static inline void disk_start(void)
{
    static const mqw_store_ops ops = {.size = sizeof ops,
                                      .put = disk_put,
                                      .remove = disk_remove,
                                      .commit = disk_commit,
                                      .read = disk_read,
                                      .error = disk_error,
                                      .close = disk_close};
    memset(&disk, 0, sizeof disk);
    assert_int_equal(uv_loop_init(&disk.loop), 0);
    assert_int_equal(mqw_store_custom(&disk.store, &disk.loop, &ops, NULL), 0);
}

static inline void disk_end(void)
{
    mqw_store_close(disk.store, NULL, NULL);
    assert_int_equal(uv_loop_close(&disk.loop), 0);
    pile_clear(&disk.seen);
    pile_clear(&disk.kept);
}

// Tells the commits that were asked for until now.
static inline void commits_with(int result)
{
    int asked = disk.asked;
    disk.asked = 0;
    if (result == 0 && asked)
        pile_copy(&disk.kept, &disk.seen);
    for (int i = 0; i < asked; i++)
        disk.commits[i].done(disk.store, result, disk.commits[i].ctx);
    settle();
}

static inline void commits(void)
{
    commits_with(0);
}

// As long as there are any.
static inline void commits_all(void)
{
    for (int i = 0; disk.asked; i++) {
        assert_true(i < 100);
        commits();
    }
}

// ---- a broker on it ----

// The clock on the wall goes on, and has gone on for so long meanwhile. The allocation with that number fails
// (0: none does).
static inline int opens_failing(uint64_t ms, const mqw_broker_options *options, unsigned fail_at)
{
    static mqw_allocator allocator;
    int64_t shift = w.clock_shift + (int64_t)(w.now + ms);
    mqw_broker_options with = options ? *options : (mqw_broker_options){0};
    const mqw__surroundings around = world_around();
    memset(&w, 0, sizeof w);
    heard[0] = '\0';
    w.wake = UINT64_MAX;
    w.clock_shift = shift;
    w.memory.fail_at = fail_at;
    allocator = heap_allocator(&w.memory);
    with.allocator = &allocator;
    with.status_interval = -1;
    with.store = disk.store;
    disk.dead = false;
    disk.why = NULL;
    return mqw__broker_new(&w.broker, &around, &with);
}

static inline int opens_after(uint64_t ms, const mqw_broker_options *options)
{
    return opens_failing(ms, options, 0);
}

static inline void restarts_after(uint64_t ms, const mqw_broker_options *options)
{
    assert_int_equal(opens_after(ms, options), 0);
    settle();
    commits_all();
}

static inline void restarts(void)
{
    restarts_after(0, NULL);
}

static inline void begins(const mqw_broker_options *options)
{
    disk_start();
    memset(&w, 0, sizeof w);
    restarts_after(0, options);
}

// What was not committed is gone with it.
static inline void dies(void)
{
    disk.dead = true;
    disk.why = "the process is gone";
    commits_with(MQW_E_STREAM);
    if (w.broker)
        mqw_broker_close(w.broker, NULL, NULL);
    settle();
    commits_with(MQW_E_STREAM);
    finish();
    pile_copy(&disk.seen, &disk.kept);
}

// It is closed as is fit.
static inline void closes(void)
{
    mqw_broker_close(w.broker, NULL, NULL);
    settle();
    commits_all();
    finish();
}

static inline void ends(void)
{
    closes();
    disk_end();
}

#endif
