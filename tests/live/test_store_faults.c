// SPDX-License-Identifier: MIT
// mqw_store_sqlite on a disk that fails, is full, slow, busy or read-only, and without memory; and what a
// batch costs there.
#define _GNU_SOURCE
#include "live/disk.h"
#include "live/live.h"
#include "store/alloc.h"
#include "store/sqlite/alloc.h"

#include <dlfcn.h>
#include <mqwire/store.h>

static unsigned allocations, failing;

static bool fails_now(void)
{
    return __atomic_add_fetch(&allocations, 1, __ATOMIC_RELAXED) == failing;
}

// Memory of the store comes from here: the n-th allocation fails.
void *mqw__sqlite_alloc(size_t size)
{
    return fails_now() ? NULL : malloc(size);
}

void *mqw__store_alloc(size_t size)
{
    return fails_now() ? NULL : calloc(1, size);
}

// And that of SQLite, which wants to know sizes.
typedef union block {
    size_t size;
    max_align_t align;
} block;

static void *sqlite_malloc(int size)
{
    block *made = fails_now() ? NULL : malloc(sizeof *made + (size_t)size);
    if (!made)
        return NULL;
    made->size = (size_t)size;
    return made + 1;
}

static void sqlite_free(void *old)
{
    free((block *)old - 1);
}

static int sqlite_size(void *old)
{
    return old ? (int)((block *)old - 1)->size : 0;
}

static void *sqlite_realloc(void *old, int size)
{
    void *made = sqlite_malloc(size);
    if (!made)
        return NULL;
    memcpy(made, old, (size_t)(sqlite_size(old) < size ? sqlite_size(old) : size));
    sqlite_free(old);
    return made;
}

static int sqlite_roundup(int size)
{
    return (size + 7) & ~7;
}

static int sqlite_init(void *arg)
{
    (void)arg;
    return SQLITE_OK;
}

static void sqlite_shutdown(void *arg)
{
    (void)arg;
}

// And these two of libuv fail on demand.
static bool no_thread, no_async;

int uv_thread_create(uv_thread_t *thread, uv_thread_cb run, void *arg)
{
    int (*real)(uv_thread_t *, uv_thread_cb, void *) = NULL;
    *(void **)&real = dlsym(RTLD_NEXT, "uv_thread_create");
    return no_thread ? UV_EAGAIN : real(thread, run, arg);
}

int uv_async_init(uv_loop_t *loop, uv_async_t *async, uv_async_cb run)
{
    int (*real)(uv_loop_t *, uv_async_t *, uv_async_cb) = NULL;
    *(void **)&real = dlsym(RTLD_NEXT, "uv_async_init");
    return no_async ? UV_EMFILE : real(loop, async, run);
}

// --- a store on a disk ---

/** Both, and what was heard. */
typedef struct scene {
    testbed live;
    disk disk;
    mqw_store *store;
    char why[256];
    int told, failed; /**< Commits; failed is the last result that was not 0. */
    int before;       /**< Changes of the disk when the scene began. */
} scene;

static mqw_bytes text(const char *words)
{
    return (mqw_bytes){(const uint8_t *)words, strlen(words)};
}

static int open_store(scene *on)
{
    mqw_sqlite_options options = {.size = sizeof options, .vfs = "disk", .max_pending = 100000};
    return mqw_store_sqlite(&on->store, &on->live.loop, "t.db", &options, on->why, sizeof on->why);
}

static void start(scene *on)
{
    memset(on, 0, sizeof *on);
    live_start(&on->live);
    disk_start(&on->disk, 1);
    assert_int_equal(open_store(on), 0);
    on->before = on->disk.ops;
}

static void close_store(scene *on)
{
    mqw_store_close(on->store, NULL, NULL);
    assert_int_equal(uv_run(&on->live.loop, UV_RUN_DEFAULT), 0);
}

static void finish(scene *on)
{
    close_store(on);
    disk_end(&on->disk);
    live_end(&on->live);
}

static void on_done(mqw_store *store, int result, void *ctx)
{
    scene *on = ctx;
    on->told++;
    if (result == 0)
        return;
    on->failed = result;
    assert_true(mqw_store_error(store)[0] != '\0');
}

static int put(scene *on, const char *key, const char *value)
{
    return mqw_store_put(on->store, text(key), text(value));
}

static void commit(scene *on)
{
    assert_int_equal(mqw_store_commit(on->store, on_done, on), 0);
}

static int commit_now(scene *on)
{
    on->failed = 0;
    commit(on);
    assert_int_equal(uv_run(&on->live.loop, UV_RUN_DEFAULT), 0);
    return on->failed;
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

// --- what a batch costs ---

static void one_turn_is_one_sync(void **state)
{
    (void)state;
    scene on;
    start(&on);
    int syncs = on.disk.syncs;
    for (int i = 0; i < 100; i++) {
        char key[16];
        snprintf(key, sizeof key, "key%d", i);
        assert_int_equal(put(&on, key, "value"), 0);
        commit(&on);
    }
    assert_int_equal(uv_run(&on.live.loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(on.told, 100);
    assert_int_equal(on.disk.syncs - syncs, 1);
    finish(&on);
}

// All that comes while a batch is being written shares the next.
static void who_waits_shares_the_next_sync(void **state)
{
    (void)state;
    scene on;
    start(&on);
    int syncs = on.disk.syncs;
    disk_gate(&on.disk, false);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(put(&on, "key", i % 2 ? "odd" : "even"), 0);
        commit(&on);
        (void)uv_run(&on.live.loop, UV_RUN_NOWAIT);
        assert_int_equal(on.told, 0);
    }
    disk_gate(&on.disk, true);
    assert_int_equal(uv_run(&on.live.loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(on.told, 20);
    assert_int_equal(on.disk.syncs - syncs, 2);
    assert_string_equal(records(&on), "key=odd ");
    finish(&on);
}

// Most promises of QoS 1 are answered before they were written.
static void what_is_deleted_at_once_is_not_written(void **state)
{
    (void)state;
    scene on;
    start(&on);
    for (int i = 0; i < 100; i++) {
        char key[16];
        snprintf(key, sizeof key, "key%d", i);
        assert_int_equal(put(&on, key, "value"), 0);
        assert_int_equal(mqw_store_delete(on.store, text(key)), 0);
    }
    assert_int_equal(commit_now(&on), 0);
    assert_int_equal(on.disk.ops, on.before);
    finish(&on);
}

static void nothing_costs_nothing(void **state)
{
    (void)state;
    scene on;
    start(&on);
    assert_int_equal(commit_now(&on), 0);
    assert_int_equal(mqw_store_delete(on.store, text("nothing")), 0);
    assert_int_equal(commit_now(&on), 0);
    assert_int_equal(on.disk.ops, on.before);
    finish(&on);
}

static void takes_no_more_than_it_may(void **state)
{
    (void)state;
    static char value[30001];
    scene on;
    start(&on);
    memset(value, 'v', sizeof value - 1);
    disk_gate(&on.disk, false);
    int rc = 0, taken = 0;
    for (; rc == 0 && taken < 10; taken += rc == 0) {
        char key[16];
        snprintf(key, sizeof key, "key%d", taken);
        rc = put(&on, key, value);
        if (rc == 0)
            commit(&on);
        (void)uv_run(&on.live.loop, UV_RUN_NOWAIT);
    }
    assert_int_equal(rc, MQW_E_BUSY);
    assert_int_equal(taken, 4); // the first above 100,000 bytes is still taken
    assert_int_equal(mqw_store_delete(on.store, text("key0")), 0);
    assert_int_equal(mqw_store_delete_all(on.store, text("key1")), 0);
    commit(&on);
    assert_string_equal(mqw_store_error(on.store), "");
    disk_gate(&on.disk, true);
    assert_int_equal(uv_run(&on.live.loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(on.told, 5);
    assert_int_equal(on.failed, 0);
    assert_int_equal(put(&on, "more", value), 0);
    finish(&on);
}

// Commits do not wait for the threads of libuv, which may all hang in name look-ups.
static uv_sem_t held;

static void hold_thread(uv_work_t *work)
{
    (void)work;
    uv_sem_wait(&held);
}

static void goes_on_without_the_thread_pool(void **state)
{
    (void)state;
    enum { THREADS = 16 };
    uv_work_t work[THREADS];
    scene on;
    start(&on);
    uv_sem_init(&held, 0);
    for (int i = 0; i < THREADS; i++)
        uv_queue_work(&on.live.loop, &work[i], hold_thread, NULL);
    assert_int_equal(put(&on, "key", "value"), 0);
    commit(&on);
    live_until(&on.live, on.told == 1);
    assert_int_equal(on.failed, 0);
    for (int i = 0; i < THREADS; i++)
        uv_sem_post(&held);
    assert_int_equal(uv_run(&on.live.loop, UV_RUN_DEFAULT), 0);
    uv_sem_destroy(&held);
    finish(&on);
}

// --- failures ---

/** A disk that fails with this code, at its n-th change from now on. */
static void fails_with(int code, int after, const char *words)
{
    scene on;
    start(&on);
    assert_int_equal(put(&on, "old", "1"), 0);
    assert_int_equal(commit_now(&on), 0);
    on.disk.failure = code;
    on.disk.fail_at = on.disk.ops + after;
    on.told = 0;
    disk_gate(&on.disk, false);
    assert_int_equal(put(&on, "new", "1"), 0);
    assert_int_equal(put(&on, "also", "1"), 0);
    commit(&on);
    (void)uv_run(&on.live.loop, UV_RUN_NOWAIT);
    assert_int_equal(put(&on, "newer", "1"), 0); // in the next batch, which is never written
    commit(&on);
    disk_gate(&on.disk, true);
    assert_int_equal(uv_run(&on.live.loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(on.told, 2);
    assert_int_equal(on.failed, MQW_E_STREAM);
    assert_non_null(strstr(mqw_store_error(on.store), "t.db"));
    assert_non_null(strstr(mqw_store_error(on.store), words));
    // It stays so, also when the disk is well again.
    on.disk.fail_at = 0;
    assert_int_equal(put(&on, "late", "1"), MQW_E_STREAM);
    assert_int_equal(mqw_store_delete(on.store, text("old")), MQW_E_STREAM);
    assert_int_equal(mqw_store_delete_all(on.store, text("old")), MQW_E_STREAM);
    assert_int_equal(mqw_store_read(on.store, text(""), note, NULL), MQW_E_STREAM);
    assert_int_equal(commit_now(&on), MQW_E_STREAM);
    close_store(&on);
    assert_int_equal(open_store(&on), 0);
    const char *left = records(&on); // the batch is there whole or not at all; the one behind it is not
    assert_true(strcmp(left, "old=1 ") == 0 || strcmp(left, "also=1 new=1 old=1 ") == 0);
    finish(&on);
}

static void tells_when_the_disk_fails(void **state)
{
    (void)state;
    fails_with(SQLITE_FULL, 1, "disk full");
    fails_with(SQLITE_FULL, 2, "disk full");
    fails_with(SQLITE_IOERR_WRITE, 1, "cannot be read or written");
    for (int after = 1; after <= 3; after++)
        fails_with(SQLITE_IOERR_FSYNC, after, "cannot be read or written");
    fails_with(SQLITE_READONLY, 1, "can only be read");
}

static void fails_while_closing(void **state)
{
    (void)state;
    scene on;
    start(&on);
    assert_int_equal(put(&on, "old", "1"), 0);
    assert_int_equal(commit_now(&on), 0);
    assert_int_equal(put(&on, "new", "1"), 0);
    on.told = 0;
    commit(&on);
    on.disk.failure = SQLITE_IOERR_WRITE;
    on.disk.fail_at = on.disk.ops + 1;
    close_store(&on);
    assert_int_equal(on.told, 1);
    assert_int_equal(on.failed, MQW_E_STREAM);
    on.disk.fail_at = 0;
    assert_int_equal(open_store(&on), 0);
    assert_string_equal(records(&on), "old=1 ");
    finish(&on);
}

static void opens_what_can_be_opened(void **state)
{
    (void)state;
    scene on;
    start(&on);
    assert_int_equal(put(&on, "old", "1"), 0);
    close_store(&on);
    mqw_store *none = on.store = NULL;
    on.disk.read_only = true;
    assert_int_equal(open_store(&on), MQW_E_STREAM);
    assert_non_null(strstr(on.why, "t.db can only be read"));
    on.disk.read_only = false;
    on.disk.failure = SQLITE_FULL;
    on.disk.fail_at = on.disk.ops + 1;
    assert_int_equal(open_store(&on), MQW_E_STREAM);
    assert_non_null(strstr(on.why, "t.db finds the disk full"));
    on.disk.fail_at = 0;
    on.disk.busy = 1;
    assert_int_equal(open_store(&on), MQW_E_STREAM);
    assert_non_null(strstr(on.why, "t.db is in use by another process or store"));
    on.disk.no_log = true;
    mqw_sqlite_options options = {.vfs = "disk"};
    assert_int_equal(mqw_store_sqlite(&on.store, &on.live.loop, "new.db", &options, on.why, sizeof on.why),
                     MQW_E_STREAM);
    assert_string_equal(on.why, "new.db cannot have a write-ahead log");
    on.disk.no_log = false;
    assert_ptr_equal(on.store, none);
    assert_int_equal(open_store(&on), 0);
    assert_string_equal(on.why, "");
    finish(&on);
}

// Nothing is left on the loop then, and the file is closed.
static void needs_a_thread(void **state)
{
    (void)state;
    scene on;
    start(&on);
    close_store(&on);
    no_thread = true;
    assert_int_equal(open_store(&on), MQW_E_STREAM);
    assert_string_equal(on.why, "no thread can be started: resource temporarily unavailable");
    no_thread = false;
    no_async = true;
    assert_int_equal(open_store(&on), MQW_E_STREAM);
    assert_string_equal(on.why, "no thread can be started: too many open files");
    no_async = false;
    assert_false(uv_loop_alive(&on.live.loop));
    assert_int_equal(open_store(&on), 0);
    finish(&on);
}

static void waits_for_another_process(void **state)
{
    (void)state;
    scene on;
    start(&on);
    close_store(&on);
    mqw_sqlite_options options = {.vfs = "disk", .busy_timeout = 30};
    on.disk.busy = 1000;
    uint64_t began = uv_hrtime();
    int rc = mqw_store_sqlite(&on.store, &on.live.loop, "t.db", &options, NULL, 0);
    assert_int_equal(rc, MQW_E_STREAM);
    assert_true(uv_hrtime() - began >= 30000000);
    options.busy_timeout = LIMIT;
    on.disk.busy = 3;
    rc = mqw_store_sqlite(&on.store, &on.live.loop, "t.db", &options, NULL, 0);
    assert_int_equal(rc, 0);
    assert_int_equal(on.disk.busy, 0);
    finish(&on);
}

// --- no memory ---

static bool is_sound(int rc)
{
    return rc == 0 || rc == MQW_E_NO_MEMORY || rc == MQW_E_STREAM;
}

static int count_records(mqw_bytes key, mqw_bytes value, void *ctx)
{
    assert_true(key.len > 0 && value.len > 0);
    ++*(int *)ctx;
    return 0;
}

// So much that it lies in several pieces of memory, which end anywhere.
static void fill_blocks(scene *on)
{
    static char key[1000];
    memset(key, 'x', sizeof key - 1);
    for (int i = 0; i < 40; i++) {
        key[1] = (char)('A' + i);
        assert_true(is_sound(mqw_store_delete(on->store, text(key))));
        assert_true(is_sound(put(on, key + 900, key + 800)));
        assert_true(is_sound(mqw_store_delete(on->store, text(key + 900))));
        assert_true(is_sound(put(on, key, key + 300)));
        assert_true(is_sound(mqw_store_delete(on->store, text(key))));
    }
}

// A conversation with a store; whatever is told to be on disk is counted.
static int use_store(scene *on)
{
    static char value[9000];
    memset(value, 'v', sizeof value - 1);
    int kept = 0, seen = 0;
    int one = put(on, "a1", "1"), two = put(on, "a2", value);
    assert_true(is_sound(one) && is_sound(two));
    assert_true(is_sound(mqw_store_delete(on->store, text("b"))));
    fill_blocks(on);
    on->failed = on->told = 0;
    int asked = mqw_store_commit(on->store, on_done, on);
    assert_int_equal(uv_run(&on->live.loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(on->told, asked == 0);
    if (asked == 0 && on->failed == 0)
        kept = (one == 0) + (two == 0);
    int rc = mqw_store_read(on->store, text("a"), count_records, &seen);
    assert_true(is_sound(rc));
    if (rc == 0 && on->failed == 0 && asked == 0)
        assert_int_equal(seen, kept);
    assert_true(is_sound(mqw_store_delete_all(on->store, text("b"))));
    close_store(on);
    return kept;
}

static bool lives_with_failure(unsigned at)
{
    scene on;
    memset(&on, 0, sizeof on);
    live_start(&on.live);
    disk_start(&on.disk, 1);
    allocations = 0;
    failing = at;
    int kept = 0, seen = 0, rc = open_store(&on);
    assert_true(is_sound(rc));
    assert_int_equal(rc != 0, on.why[0] != '\0');
    if (rc == 0)
        kept = use_store(&on);
    bool reached = __atomic_load_n(&allocations, __ATOMIC_RELAXED) >= at;
    failing = 0;
    assert_int_equal(open_store(&on), 0);
    assert_int_equal(mqw_store_read(on.store, text("a"), count_records, &seen), 0);
    assert_true(seen >= kept);
    finish(&on);
    return reached;
}

static void survives_failing_allocations(void **state)
{
    (void)state;
    unsigned at = 1;
    while (lives_with_failure(at))
        at++;
    print_message("%u allocations\n", at);
    assert_true(at > 100);
}

int main(void)
{
    static const sqlite3_mem_methods memory = {.xMalloc = sqlite_malloc,
                                               .xFree = sqlite_free,
                                               .xRealloc = sqlite_realloc,
                                               .xSize = sqlite_size,
                                               .xRoundup = sqlite_roundup,
                                               .xInit = sqlite_init,
                                               .xShutdown = sqlite_shutdown};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_turn_is_one_sync),
        cmocka_unit_test(who_waits_shares_the_next_sync),
        cmocka_unit_test(what_is_deleted_at_once_is_not_written),
        cmocka_unit_test(nothing_costs_nothing),
        cmocka_unit_test(takes_no_more_than_it_may),
        cmocka_unit_test(goes_on_without_the_thread_pool),
        cmocka_unit_test(tells_when_the_disk_fails),
        cmocka_unit_test(fails_while_closing),
        cmocka_unit_test(opens_what_can_be_opened),
        cmocka_unit_test(needs_a_thread),
        cmocka_unit_test(waits_for_another_process),
        cmocka_unit_test(survives_failing_allocations),
    };
    sqlite3_config(SQLITE_CONFIG_MALLOC, &memory);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
