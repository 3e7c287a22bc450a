// SPDX-License-Identifier: MIT
// mqw_store_sqlite with keep_trying: a disk that is full or fails for a while costs time, and nothing else.
#include "live/disk.h"
#include "live/live.h"

#include <mqwire/store.h>

/** A store on a disk, and what was heard. */
typedef struct scene {
    testbed live;
    disk disk;
    mqw_store *store;
    char why[256];
    int told;   /**< Commits that went well … */
    int failed; /**< … and those that did not. */
    bool closed;
} scene;

static mqw_bytes text(const char *words)
{
    return (mqw_bytes){(const uint8_t *)words, strlen(words)};
}

static int open_store(scene *on)
{
    mqw_sqlite_options options = {
        .size = sizeof options, .vfs = "disk", .max_pending = 100000, .keep_trying = true};
    return mqw_store_sqlite(&on->store, &on->live.loop, "t.db", &options, on->why, sizeof on->why);
}

static void start(scene *on, uint64_t seed)
{
    memset(on, 0, sizeof *on);
    live_start(&on->live);
    disk_start(&on->disk, seed);
    assert_int_equal(open_store(on), 0);
}

static void on_closed(void *ctx)
{
    ((scene *)ctx)->closed = true;
}

static void close_store(scene *on)
{
    on->closed = false;
    mqw_store_close(on->store, on_closed, on);
    assert_int_equal(uv_run(&on->live.loop, UV_RUN_DEFAULT), 0);
    assert_true(on->closed);
}

static void finish(scene *on)
{
    close_store(on);
    disk_end(&on->disk);
    live_end(&on->live);
}

/** From its n-th change on the disk fails with this code; 0: it works. */
static void set_disk(scene *on, int after, int code)
{
    pthread_mutex_lock(&on->disk.lock);
    on->disk.fail_at = after ? on->disk.ops + after : 0;
    on->disk.failure = code;
    pthread_mutex_unlock(&on->disk.lock);
}

/** Changes of the disk so far. */
static int changes(scene *on)
{
    pthread_mutex_lock(&on->disk.lock);
    int ops = on->disk.ops;
    pthread_mutex_unlock(&on->disk.lock);
    return ops;
}

static void on_done(mqw_store *store, int result, void *ctx)
{
    scene *on = ctx;
    (void)store;
    on->told += result == 0;
    on->failed += result != 0;
}

static int put(scene *on, const char *key, const char *value)
{
    return mqw_store_put(on->store, text(key), text(value));
}

static void commit(scene *on)
{
    assert_int_equal(mqw_store_commit(on->store, on_done, on), 0);
}

static int note(mqw_bytes key, mqw_bytes value, void *ctx)
{
    char *list = ctx;
    size_t len = strlen(list);
    snprintf(list + len, 256 - len, "%.*s=%.*s ", (int)key.len, (const char *)key.data, (int)value.len,
             value.len ? (const char *)value.data : "");
    return 0;
}

static const char *records(scene *on)
{
    static char list[256];
    list[0] = '\0';
    assert_int_equal(mqw_store_read(on->store, text(""), note, list), 0);
    return list;
}

static bool fails(scene *on)
{
    return mqw_store_error(on->store)[0] != '\0';
}

// --- the disk comes back ---

static void recovers_from(int code, int after, const char *words)
{
    scene on;
    start(&on, (uint64_t)after);
    assert_int_equal(put(&on, "old", "1"), 0);
    commit(&on);
    live_until(&on.live, on.told == 1);
    set_disk(&on, after, code);
    assert_int_equal(put(&on, "new", "1"), 0);
    assert_int_equal(mqw_store_delete(on.store, text("old")), 0);
    commit(&on);
    live_until(&on.live, fails(&on));
    assert_non_null(strstr(mqw_store_error(on.store), words));
    assert_int_equal(on.told + on.failed, 1);
    assert_int_equal(put(&on, "newer", "1"), 0); // it still takes what comes, within its bound
    assert_int_equal(mqw_store_delete(on.store, text("new")), 0);
    commit(&on);
    set_disk(&on, 0, 0);
    live_until(&on.live, on.told == 3);
    assert_false(fails(&on));
    disk_cut(&on.disk); // what was told survives this
    close_store(&on);
    disk_power_on(&on.disk);
    assert_int_equal(open_store(&on), 0);
    assert_string_equal(records(&on), "newer=1 ");
    assert_int_equal(on.failed, 0);
    finish(&on);
}

static void goes_on_when_there_is_room_again(void **state)
{
    (void)state;
    for (int after = 1; after <= 2; after++) {
        recovers_from(SQLITE_FULL, after, "disk full");
        recovers_from(SQLITE_IOERR_WRITE, after, "cannot be read or written");
        recovers_from(SQLITE_IOERR_FSYNC, after, "cannot be read or written");
        recovers_from(SQLITE_NOMEM, after, "finds no memory");
    }
}

// However long it takes, and however often it fails anew.
static void tries_more_than_once(void **state)
{
    (void)state;
    scene on;
    start(&on, 7);
    assert_int_equal(put(&on, "key", "value"), 0);
    commit(&on);
    set_disk(&on, 1, SQLITE_FULL);
    int before = changes(&on);
    for (int tries = 0; tries < 3; before = changes(&on), tries++)
        live_until(&on.live, changes(&on) > before);
    assert_int_equal(on.told + on.failed, 0);
    set_disk(&on, 0, 0);
    live_until(&on.live, on.told == 1);
    assert_string_equal(records(&on), "key=value ");
    finish(&on);
}

static void keeps_its_bound_meanwhile(void **state)
{
    (void)state;
    static char value[30001];
    scene on;
    int rc = 0, taken = 0;
    start(&on, 3);
    memset(value, 'v', sizeof value - 1);
    set_disk(&on, 1, SQLITE_FULL);
    for (; rc == 0 && taken < 10; taken += rc == 0) {
        char key[16];
        snprintf(key, sizeof key, "key%d", taken);
        rc = put(&on, key, value);
        commit(&on);
        (void)uv_run(&on.live.loop, UV_RUN_NOWAIT);
    }
    assert_int_equal(rc, MQW_E_BUSY);
    assert_int_equal(taken, 4);
    assert_int_equal(mqw_store_delete(on.store, text("key0")), 0);
    commit(&on);
    set_disk(&on, 0, 0);
    live_until(&on.live, on.told == 6);
    assert_int_equal(put(&on, "more", "1"), 0);
    assert_int_equal(mqw_store_delete_all(on.store, text("key")), 0);
    assert_string_equal(records(&on), "more=1 ");
    finish(&on);
}

// --- reading and closing meanwhile ---

static void reads_when_it_can_write(void **state)
{
    (void)state;
    char none[1] = "";
    scene on;
    start(&on, 4);
    set_disk(&on, 1, SQLITE_FULL);
    assert_int_equal(put(&on, "key", "value"), 0);
    assert_int_equal(mqw_store_read(on.store, text(""), note, none), MQW_E_STREAM);
    assert_true(fails(&on));
    set_disk(&on, 0, 0);
    assert_string_equal(records(&on), "key=value ");
    assert_false(fails(&on));
    finish(&on);
}

// Closing does not wait for a disk that does not come back.
static void gives_up_when_it_is_closed(void **state)
{
    (void)state;
    scene on;
    start(&on, 5);
    set_disk(&on, 1, SQLITE_FULL);
    assert_int_equal(put(&on, "key", "value"), 0);
    commit(&on);
    live_until(&on.live, fails(&on));
    assert_int_equal(put(&on, "more", "value"), 0);
    commit(&on);
    close_store(&on);
    assert_int_equal(on.told, 0);
    assert_int_equal(on.failed, 2);
    set_disk(&on, 0, 0);
    assert_int_equal(open_store(&on), 0);
    assert_string_equal(records(&on), "");
    finish(&on);
}

static void closing_is_a_try_too(void **state)
{
    (void)state;
    scene on;
    start(&on, 6);
    set_disk(&on, 1, SQLITE_IOERR_WRITE);
    assert_int_equal(put(&on, "key", "value"), 0);
    commit(&on);
    live_until(&on.live, fails(&on));
    assert_int_equal(put(&on, "more", "value"), 0);
    set_disk(&on, 0, 0);
    close_store(&on);
    assert_int_equal(on.told, 1);
    assert_int_equal(open_store(&on), 0);
    assert_string_equal(records(&on), "key=value more=value ");
    finish(&on);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_on_when_there_is_room_again), cmocka_unit_test(tries_more_than_once),
        cmocka_unit_test(keeps_its_bound_meanwhile),        cmocka_unit_test(reads_when_it_can_write),
        cmocka_unit_test(gives_up_when_it_is_closed),       cmocka_unit_test(closing_is_a_try_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
