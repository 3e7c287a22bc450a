// SPDX-License-Identifier: MIT
// What store.h promises of every store, as tests that are run for each kind.
#ifndef MQW_STORE_CONTRACT_H
#define MQW_STORE_CONTRACT_H

#include <mqwire/store.h>

#include "live/live.h"

/** A store on a loop, and what was heard of it. */
typedef struct shelf {
    testbed live;
    mqw_store *store;
    bool inside; /**< A call of the store is under way: nothing may be told. */
    char told[256];
    int told_count;
    bool closed;
} shelf;

/** Removes what tests before have left. */
static void shelf_clean(void);
/** Opens a store of the kind that is tested; defined by the test program. */
static void shelf_open(shelf *on);
/** Whether the records are there again when it is closed and opened. */
static bool shelf_keeps(void);

static inline mqw_bytes bytes(const char *text)
{
    return (mqw_bytes){(const uint8_t *)text, strlen(text)};
}

static inline void on_store_closed(void *ctx)
{
    shelf *on = ctx;
    assert_false(on->inside);
    assert_false(on->closed);
    on->closed = true;
    on->store = NULL;
}

#define CALL(on, call) ((on)->inside = true, shelf_called((on), (call)))
static inline int shelf_called(shelf *on, int result)
{
    on->inside = false;
    return result;
}

static inline void shelf_start(shelf *on)
{
    memset(on, 0, sizeof *on);
    shelf_clean();
    live_start(&on->live);
    shelf_open(on);
}

static inline void shelf_close(shelf *on)
{
    on->closed = false;
    on->inside = true;
    mqw_store_close(on->store, on_store_closed, on);
    on->inside = false;
    live_until(&on->live, on->closed);
}

static inline void shelf_end(shelf *on)
{
    if (on->store)
        shelf_close(on);
    live_end(&on->live);
}

/** A commit's `done`: writes its letter down. */
typedef struct ticket {
    shelf *on;
    char letter;
    int result;
    int told;
} ticket;

static inline void on_done(mqw_store *store, int result, void *ctx)
{
    ticket *mine = ctx;
    assert_false(mine->on->inside);
    assert_ptr_equal(store, mine->on->store);
    assert_int_equal(mine->told, 0);
    mine->told++;
    mine->result = result;
    if (mine->letter)
        mine->on->told[mine->on->told_count++] = mine->letter;
}

static inline int put(shelf *on, const char *key, const char *value)
{
    return CALL(on, mqw_store_put(on->store, bytes(key), bytes(value)));
}

static inline int drop(shelf *on, const char *key)
{
    return CALL(on, mqw_store_delete(on->store, bytes(key)));
}

static inline int drop_all(shelf *on, const char *prefix)
{
    return CALL(on, mqw_store_delete_all(on->store, bytes(prefix)));
}

static inline int commit(shelf *on, ticket *one, char letter)
{
    *one = (ticket){on, letter, 1, 0};
    return CALL(on, mqw_store_commit(on->store, on_done, one));
}

static inline void commit_now(shelf *on)
{
    ticket one;
    assert_int_equal(commit(on, &one, '\0'), 0);
    live_until(&on->live, one.told);
    assert_int_equal(one.result, 0);
}

static inline int write_down(mqw_bytes key, mqw_bytes value, void *ctx)
{
    char *list = ctx;
    size_t len = strlen(list);
    snprintf(list + len, 1024 - len, "%.*s=%.*s ", (int)key.len, (const char *)key.data, (int)value.len,
             (const char *)value.data);
    return 0;
}

/** The records whose keys begin with prefix, as "key=value key=value ". */
static inline const char *records(shelf *on, const char *prefix)
{
    static char list[1024];
    list[0] = '\0';
    assert_int_equal(mqw_store_read(on->store, bytes(prefix), write_down, list), 0);
    return list;
}

/** What is on disk; of a store that keeps nothing, what it has. */
static inline void shelf_again(shelf *on)
{
    commit_now(on);
    if (!shelf_keeps())
        return;
    shelf_close(on);
    shelf_open(on);
}

// --- records ---

static void sets_and_deletes(void **state)
{
    (void)state;
    shelf on;
    shelf_start(&on);
    assert_string_equal(records(&on, ""), "");
    assert_int_equal(put(&on, "b", "2"), 0);
    assert_int_equal(put(&on, "a", "1"), 0);
    assert_int_equal(put(&on, "c", ""), 0);
    assert_string_equal(records(&on, ""), "a=1 b=2 c= ");
    assert_int_equal(put(&on, "b", "3"), 0);
    assert_int_equal(drop(&on, "a"), 0);
    assert_int_equal(drop(&on, "nothing"), 0);
    assert_string_equal(records(&on, ""), "b=3 c= ");
    shelf_again(&on);
    assert_string_equal(records(&on, ""), "b=3 c= ");
    assert_int_equal(drop(&on, "b"), 0);
    assert_int_equal(put(&on, "b", "4"), 0);
    assert_int_equal(put(&on, "d", "5"), 0);
    assert_int_equal(drop(&on, "d"), 0);
    assert_int_equal(drop(&on, "e"), 0);
    assert_int_equal(put(&on, "e", ""), 0);
    shelf_again(&on);
    assert_string_equal(records(&on, ""), "b=4 c= e= ");
    shelf_end(&on);
}

// Keys are bytes, compared as unsigned; a key comes before all that begin with it.
static void orders_by_unsigned_bytes(void **state)
{
    (void)state;
    static const char *const keys[] = {"\xFF", "\x7F", "\x80",     "a",       "ab",
                                       "\x01", "b",    "\xFF\xFF", "\xFF\x01"};
    shelf on;
    shelf_start(&on);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        assert_int_equal(put(&on, keys[i], "."), 0);
    const char *all = "\x01=. a=. ab=. b=. \x7F=. \x80=. \xFF=. \xFF\x01=. \xFF\xFF=. ";
    assert_string_equal(records(&on, ""), all);
    assert_string_equal(records(&on, "\xFF"), "\xFF=. \xFF\x01=. \xFF\xFF=. ");
    assert_string_equal(records(&on, "a"), "a=. ab=. ");
    assert_string_equal(records(&on, "ab"), "ab=. ");
    assert_string_equal(records(&on, "abc"), "");
    shelf_again(&on);
    assert_string_equal(records(&on, ""), all);
    shelf_end(&on);
}

static void deletes_by_prefix(void **state)
{
    (void)state;
    shelf on;
    shelf_start(&on);
    static const char *const keys[] = {"a", "a/1", "a/2", "a0", "b", "\xFF", "\xFF\xFF", "\xFF\xFF!"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        assert_int_equal(put(&on, keys[i], "."), 0);
    commit_now(&on);
    assert_int_equal(drop_all(&on, "a/"), 0);
    assert_string_equal(records(&on, "a"), "a=. a0=. ");
    assert_int_equal(drop_all(&on, "\xFF\xFF"), 0); // nothing comes after such a prefix
    assert_string_equal(records(&on, "\xFF"), "\xFF=. ");
    // What is set behind it, in the same batch, stays; what was set before goes.
    assert_int_equal(put(&on, "a/1", "before"), 0);
    assert_int_equal(put(&on, "a/3", "before"), 0);
    assert_int_equal(drop_all(&on, "a"), 0);
    assert_int_equal(put(&on, "a/1", "behind"), 0);
    shelf_again(&on);
    assert_string_equal(records(&on, ""), "a/1=behind b=. \xFF=. ");
    assert_int_equal(drop_all(&on, ""), 0);
    shelf_again(&on);
    assert_string_equal(records(&on, ""), "");
    shelf_end(&on);
}

static int compare_large(mqw_bytes key, mqw_bytes value, void *ctx)
{
    const mqw_bytes *record = ctx;
    assert_int_equal(key.len, record[0].len);
    assert_memory_equal(key.data, record[0].data, key.len);
    assert_int_equal(value.len, record[1].len);
    assert_memory_equal(value.data, record[1].data, value.len);
    return 77;
}

static void takes_long_keys_and_values(void **state)
{
    (void)state;
    shelf on;
    shelf_start(&on);
    static uint8_t key[MQW_STORE_MAX_KEY + 1], value[3000000];
    for (size_t i = 0; i < sizeof value; i++)
        value[i] = (uint8_t)(i * 7 + i / 256);
    memset(key, 0, sizeof key);
    mqw_bytes record[] = {{key, MQW_STORE_MAX_KEY}, {value, sizeof value}};
    assert_int_equal(mqw_store_put(on.store, record[0], record[1]), 0);
    shelf_again(&on);
    assert_int_equal(mqw_store_read(on.store, record[0], compare_large, record), 77);
    assert_int_equal(mqw_store_delete_all(on.store, record[0]), 0);
    assert_string_equal(records(&on, ""), "");
    shelf_end(&on);
}

static void copies_what_it_is_given(void **state)
{
    (void)state;
    shelf on;
    shelf_start(&on);
    char key[] = "key", value[] = "value";
    assert_int_equal(put(&on, key, value), 0);
    memset(key, 'x', 3);
    memset(value, 'x', 5);
    assert_string_equal(records(&on, ""), "key=value ");
    shelf_end(&on);
}

static void refuses_what_cannot_be(void **state)
{
    (void)state;
    shelf on;
    shelf_start(&on);
    static uint8_t key[MQW_STORE_MAX_KEY + 1];
    mqw_bytes none = {NULL, 0}, too_long = {key, sizeof key}, one = {key, 1};
    mqw_bytes too_large = {key, (size_t)MQW_STORE_MAX_VALUE + 1};
    assert_int_equal(mqw_store_put(on.store, none, one), MQW_E_MISUSE);
    assert_int_equal(mqw_store_put(on.store, too_long, one), MQW_E_MISUSE);
    assert_int_equal(mqw_store_put(on.store, one, too_large), MQW_E_TOO_LARGE);
    assert_int_equal(mqw_store_delete(on.store, none), MQW_E_MISUSE);
    assert_int_equal(mqw_store_delete(on.store, too_long), MQW_E_MISUSE);
    assert_int_equal(mqw_store_delete_all(on.store, too_long), MQW_E_MISUSE);
    assert_int_equal(mqw_store_read(on.store, too_long, write_down, NULL), MQW_E_MISUSE);
    assert_int_equal(mqw_store_put(on.store, one, none), 0);
    assert_string_equal(mqw_store_error(on.store), "");
    assert_ptr_equal(mqw_store_loop(on.store), &on.live.loop);
    shelf_end(&on);
}

// --- reading ---

static int stop_at_b(mqw_bytes key, mqw_bytes value, void *ctx)
{
    write_down(key, value, ctx);
    return key.data[0] == 'b' ? -1234 : 0;
}

static void reads_until_told_to_stop(void **state)
{
    (void)state;
    shelf on;
    shelf_start(&on);
    char list[1024] = "";
    for (const char *key = "abc"; *key; key++)
        assert_int_equal(mqw_store_put(on.store, (mqw_bytes){(const uint8_t *)key, 1}, bytes("")), 0);
    assert_int_equal(mqw_store_read(on.store, bytes(""), stop_at_b, list), -1234);
    assert_string_equal(list, "a= b= ");
    shelf_end(&on);
}

static int change_all(mqw_bytes key, mqw_bytes value, void *ctx)
{
    shelf *on = ctx;
    char seen[32];
    snprintf(seen, sizeof seen, "%.*s", (int)key.len, (const char *)key.data);
    assert_int_equal(mqw_store_delete(on->store, key), 0);
    assert_int_equal(mqw_store_delete_all(on->store, bytes(seen[0] == 'b' ? "c" : "zz")), 0);
    assert_int_equal(mqw_store_put(on->store, bytes("d"), bytes("new")), 0);
    assert_int_equal(memcmp(key.data, seen, key.len), 0); // the views still live
    assert_true(value.len >= 3);
    on->told_count++;
    return on->told_count < 9 ? 0 : -1;
}

static void reading_may_change(void **state)
{
    (void)state;
    shelf on;
    shelf_start(&on);
    static const char *const keys[] = {"a", "b", "c1", "c2", "d"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        assert_int_equal(put(&on, keys[i], "old"), 0);
    (void)mqw_store_read(on.store, bytes(""), change_all, &on);
    assert_true(on.told_count >= 3);
    on.told_count = 0;
    // Whether the last record seen was "d" is not said; it was set again behind its deletion.
    shelf_again(&on);
    assert_string_equal(records(&on, ""), "d=new ");
    shelf_end(&on);
}

static int read_again(mqw_bytes key, mqw_bytes value, void *ctx)
{
    (void)key, (void)value;
    assert_string_equal(records(ctx, "b"), "b=2 ");
    ((shelf *)ctx)->told_count++;
    return 0;
}

static void reads_while_reading(void **state)
{
    (void)state;
    shelf on;
    shelf_start(&on);
    assert_int_equal(put(&on, "a", "1"), 0);
    assert_int_equal(put(&on, "b", "2"), 0);
    assert_int_equal(mqw_store_read(on.store, bytes(""), read_again, &on), 0);
    assert_int_equal(on.told_count, 2);
    shelf_end(&on);
}

static int close_in_read(mqw_bytes key, mqw_bytes value, void *ctx)
{
    shelf *on = ctx;
    on->inside = true;
    mqw_store_close(on->store, on_store_closed, on);
    on->inside = false;
    assert_int_equal(key.data[0] + value.data[0], 'a' + '1');
    return 0;
}

static void closes_while_reading(void **state)
{
    (void)state;
    shelf on;
    shelf_start(&on);
    assert_int_equal(put(&on, "a", "1"), 0);
    assert_int_equal(mqw_store_read(on.store, bytes(""), close_in_read, &on), 0);
    assert_int_equal(mqw_store_read(on.store, bytes(""), close_in_read, &on), MQW_E_CLOSED);
    live_until(&on.live, on.closed);
    shelf_end(&on);
}

// --- commits ---

static void tells_in_order(void **state)
{
    (void)state;
    shelf on;
    shelf_start(&on);
    ticket t[6];
    assert_int_equal(commit(&on, &t[0], 'a'), 0); // nothing was changed
    assert_int_equal(put(&on, "k", "1"), 0);
    assert_int_equal(commit(&on, &t[1], 'b'), 0);
    assert_int_equal(commit(&on, &t[2], 'c'), 0);
    (void)uv_run(&on.live.loop, UV_RUN_NOWAIT);
    assert_int_equal(put(&on, "k", "2"), 0);
    assert_int_equal(commit(&on, &t[3], 'd'), 0);
    assert_int_equal(mqw_store_commit(on.store, NULL, NULL), 0);
    (void)uv_run(&on.live.loop, UV_RUN_NOWAIT);
    assert_int_equal(commit(&on, &t[4], 'e'), 0);
    assert_string_equal(records(&on, ""), "k=2 ");
    assert_int_equal(commit(&on, &t[5], 'f'), 0);
    assert_int_equal(uv_run(&on.live.loop, UV_RUN_DEFAULT), 0); // waits for all, and for nothing else
    assert_string_equal(on.told, "abcdef");
    for (int i = 0; i < 6; i++)
        assert_int_equal(t[i].result, 0);
    shelf_end(&on);
}

static void does_not_hold_the_loop(void **state)
{
    (void)state;
    shelf on;
    shelf_start(&on);
    assert_int_equal(uv_run(&on.live.loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(put(&on, "k", "1"), 0);
    assert_int_equal(uv_run(&on.live.loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(mqw_store_commit(on.store, NULL, NULL), 0);
    assert_int_equal(uv_run(&on.live.loop, UV_RUN_DEFAULT), 0);
    shelf_end(&on);
}

static void commit_again(mqw_store *store, int result, void *ctx)
{
    shelf *on = ctx;
    ticket *one = (ticket *)(void *)(on + 1);
    assert_int_equal(result, 0);
    assert_int_equal(mqw_store_put(store, bytes("again"), bytes("1")), 0);
    assert_string_equal(records(on, "again"), "again=1 ");
    assert_int_equal(commit(on, one, '2'), 0);
    on->told[on->told_count++] = '1';
}

static void commits_inside_done(void **state)
{
    (void)state;
    struct {
        shelf on;
        ticket one;
    } it;
    shelf_start(&it.on);
    assert_int_equal(mqw_store_commit(it.on.store, commit_again, &it.on), 0);
    assert_int_equal(uv_run(&it.on.live.loop, UV_RUN_DEFAULT), 0);
    assert_string_equal(it.on.told, "12");
    shelf_end(&it.on);
}

// --- closing ---

static void close_in_done(mqw_store *store, int result, void *ctx)
{
    shelf *on = ctx;
    ticket none = {0};
    assert_int_equal(result, 0);
    on->inside = true;
    mqw_store_close(store, on_store_closed, on);
    mqw_store_close(store, NULL, NULL); // does nothing
    assert_int_equal(mqw_store_put(store, bytes("k"), bytes("late")), MQW_E_CLOSED);
    assert_int_equal(mqw_store_delete(store, bytes("k")), MQW_E_CLOSED);
    assert_int_equal(mqw_store_delete_all(store, bytes("k")), MQW_E_CLOSED);
    assert_int_equal(mqw_store_commit(store, on_done, &none), MQW_E_CLOSED);
    on->inside = false;
    on->told[on->told_count++] = 'x';
}

static void closes_inside_done(void **state)
{
    (void)state;
    shelf on;
    shelf_start(&on);
    ticket t[2];
    assert_int_equal(put(&on, "k", "1"), 0);
    assert_int_equal(commit(&on, &t[0], 'a'), 0);
    assert_int_equal(mqw_store_commit(on.store, close_in_done, &on), 0);
    assert_int_equal(commit(&on, &t[1], 'b'), 0);
    assert_int_equal(uv_run(&on.live.loop, UV_RUN_DEFAULT), 0);
    assert_true(on.closed);
    assert_string_equal(on.told, "axb");
    shelf_end(&on);
}

static void closing_commits_what_is_left(void **state)
{
    (void)state;
    for (int turns = 0; turns < 3; turns++) {
        shelf on;
        shelf_start(&on);
        ticket t;
        assert_int_equal(put(&on, "a", "1"), 0);
        assert_int_equal(commit(&on, &t, 'a'), 0);
        for (int i = 0; i < turns; i++)
            (void)uv_run(&on.live.loop, UV_RUN_NOWAIT);
        assert_int_equal(put(&on, "b", "2"), 0); // nobody asked to commit that
        shelf_close(&on);
        assert_int_equal(t.result, 0);
        assert_string_equal(on.told, "a");
        shelf_open(&on);
        assert_string_equal(records(&on, ""), shelf_keeps() ? "a=1 b=2 " : "");
        shelf_end(&on);
    }
}

static void closes_unheard(void **state)
{
    (void)state;
    shelf on;
    shelf_start(&on);
    mqw_store_close(on.store, NULL, NULL);
    on.store = NULL;
    shelf_end(&on);
}

// --- a long run against a model ---

static inline uint32_t next_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*seed >> 33);
}

enum { MODEL_KEYS = 64 };

/** What the records should be: key "p/nn" for the n-th, its value a number; 0: none. */
typedef struct model {
    uint32_t value[MODEL_KEYS];
    int at;
} model;

static inline int check_next(mqw_bytes key, mqw_bytes value, void *ctx)
{
    model *all = ctx;
    char wanted[32];
    while (all->at < MODEL_KEYS && all->value[all->at] == 0)
        all->at++;
    assert_true(all->at < MODEL_KEYS);
    int len = snprintf(wanted, sizeof wanted, "%d/%02d", all->at / 16, all->at);
    assert_int_equal(key.len, len);
    assert_memory_equal(key.data, wanted, key.len);
    len = snprintf(wanted, sizeof wanted, "%u", all->value[all->at]);
    assert_int_equal(value.len, len);
    assert_memory_equal(value.data, wanted, value.len);
    all->at++;
    return 0;
}

static inline void check_model(shelf *on, model *all)
{
    all->at = 0;
    assert_int_equal(mqw_store_read(on->store, bytes(""), check_next, all), 0);
    while (all->at < MODEL_KEYS && all->value[all->at] == 0)
        all->at++;
    assert_int_equal(all->at, MODEL_KEYS);
}

static inline void change_at_random(shelf *on, model *all, uint64_t *seed)
{
    uint32_t what = next_random(seed) % 100, n = next_random(seed) % MODEL_KEYS;
    char key[16], value[16];
    snprintf(key, sizeof key, "%d/%02d", (int)(n / 16), (int)n);
    if (what < 60) {
        all->value[n] = 1 + next_random(seed) % 100000;
        snprintf(value, sizeof value, "%u", all->value[n]);
        assert_int_equal(put(on, key, value), 0);
    } else if (what < 97) {
        all->value[n] = 0;
        assert_int_equal(drop(on, key), 0);
    } else {
        key[1] = '\0';
        memset(all->value + n / 16 * 16, 0, 16 * sizeof *all->value);
        assert_int_equal(drop_all(on, key), 0);
    }
}

static void agrees_with_a_model(void **state)
{
    (void)state;
    shelf on;
    model all = {{0}, 0};
    uint64_t seed = 7;
    shelf_start(&on);
    for (int round = 0; round < 4000; round++) {
        change_at_random(&on, &all, &seed);
        uint32_t then = next_random(&seed) % 64;
        if (then < 8)
            (void)uv_run(&on.live.loop, UV_RUN_NOWAIT);
        else if (then == 8)
            check_model(&on, &all);
        else if (then == 9 && round % 16 == 0)
            shelf_again(&on);
    }
    check_model(&on, &all);
    shelf_end(&on);
}

#define STORE_CONTRACT                                                                       \
    cmocka_unit_test(sets_and_deletes), cmocka_unit_test(orders_by_unsigned_bytes),          \
        cmocka_unit_test(deletes_by_prefix), cmocka_unit_test(takes_long_keys_and_values),   \
        cmocka_unit_test(copies_what_it_is_given), cmocka_unit_test(refuses_what_cannot_be), \
        cmocka_unit_test(reads_until_told_to_stop), cmocka_unit_test(reading_may_change),    \
        cmocka_unit_test(reads_while_reading), cmocka_unit_test(closes_while_reading),       \
        cmocka_unit_test(tells_in_order), cmocka_unit_test(does_not_hold_the_loop),          \
        cmocka_unit_test(commits_inside_done), cmocka_unit_test(closes_inside_done),         \
        cmocka_unit_test(closing_commits_what_is_left), cmocka_unit_test(closes_unheard),    \
        cmocka_unit_test(agrees_with_a_model)

#endif
