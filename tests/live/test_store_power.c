// SPDX-License-Identifier: MIT
// mqw_store_sqlite when the power goes: thousands of seeded cuts, at any change of the disk. After each the
// store holds the state after some turn, whole, and not one before what was told to be on disk. When a run
// fails it prints its seed; MQW_SEED=that plays only that one, MQW_FIRST and MQW_RUNS set from which on how
// many there are.
#include "live/disk.h"
#include "live/live.h"

#include <mqwire/store.h>

enum { KEYS = 24, TURNS = 200, LIVES = 4, STEPS = 6, LONGEST = 30000 };

/** A disk, and what should be on it. */
typedef struct world {
    uint64_t seed;
    disk disk;
    uv_loop_t loop;
    mqw_store *store;
    uint32_t turn;               /**< The last that was played … */
    uint32_t told;               /**< … and the last that was told to be on disk. */
    uint32_t state[TURNS][KEYS]; /**< After each turn: the turn in which a key got its value; 0: none. */
    uint32_t found[KEYS];        /**< The same, as it is read. */
    uint32_t found_turn;
    uint32_t waiting; /**< Commits under way. */
    bool closed;
    bool lost; /**< Only noted, for a disk that is expected to lose something. */
    int cuts;
} world;

static uint32_t choose(world *on, uint32_t below)
{
    on->seed = on->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(on->seed >> 33) % below;
}

// Values can be told from all others by their bytes.
static mqw_bytes value_of(uint32_t turn, uint32_t key)
{
    static uint8_t value[LONGEST];
    uint32_t mix = (turn * 2654435761U) ^ (key * 40503U);
    size_t len = mix % 8 == 0 ? 4000 + mix % (LONGEST - 4000) : 8 + mix % 300;
    memcpy(value, &turn, 4);
    memcpy(value + 4, &key, 4);
    for (size_t i = 8; i < len; i++)
        value[i] = (uint8_t)(mix + i * 13);
    return (mqw_bytes){value, len};
}

static mqw_bytes key_of(uint32_t key)
{
    static char name[16];
    return (mqw_bytes){(const uint8_t *)name, (size_t)snprintf(name, sizeof name, "k%u/%02u", key / 8, key)};
}

// --- turns ---

/** A commit of a turn. */
typedef struct ticket {
    world *on;
    uint32_t turn;
} ticket;

static void on_done(mqw_store *store, int result, void *ctx)
{
    ticket *mine = ctx;
    mine->on->waiting--;
    if (result == 0) {
        assert_true(mine->turn >= mine->on->told);
        mine->on->told = mine->turn;
    } else {
        assert_int_equal(result, MQW_E_STREAM);
        assert_true(mqw_store_error(store)[0] != '\0');
    }
    free(mine);
}

static bool set(world *on, uint32_t key)
{
    uint32_t *state = on->state[on->turn];
    int rc;
    if (choose(on, 3)) {
        rc = mqw_store_put(on->store, key_of(key), value_of(on->turn, key));
        state[key] = on->turn;
    } else if (choose(on, 8)) {
        rc = mqw_store_delete(on->store, key_of(key));
        state[key] = 0;
    } else {
        rc = mqw_store_delete_all(on->store, (mqw_bytes){key_of(key).data, 3});
        memset(state + key / 8 * 8, 0, 8 * sizeof *state);
    }
    return rc == 0;
}

// False: the store has failed.
static bool play_turn(world *on)
{
    if (on->turn + 1 == TURNS)
        return true;
    on->turn++;
    memcpy(on->state[on->turn], on->state[on->turn - 1], sizeof on->state[0]);
    for (uint32_t changes = choose(on, 5); changes > 0; changes--)
        if (!set(on, choose(on, KEYS)))
            return false;
    if (mqw_store_put(on->store, (mqw_bytes){(const uint8_t *)"turn", 4},
                      (mqw_bytes){(const uint8_t *)&on->turn, 4}) != 0)
        return false;
    if (choose(on, 4) == 0)
        return true;
    ticket *mine = malloc(sizeof *mine);
    assert_non_null(mine);
    *mine = (ticket){on, on->turn};
    on->waiting++;
    assert_int_equal(mqw_store_commit(on->store, on_done, mine), 0);
    return true;
}

// Turns while the disk is slow, so that they share batches; then all are waited for, so that what happens is
// the same each time.
static void play_step(world *on)
{
    uint32_t slow = choose(on, 3) ? choose(on, 5) : 0;
    disk_gate(&on->disk, slow == 0);
    for (uint32_t turns = 1 + slow; turns > 0 && play_turn(on); turns--)
        for (uint32_t runs = choose(on, 3); runs > 0; runs--)
            (void)uv_run(&on->loop, UV_RUN_NOWAIT);
    disk_gate(&on->disk, true);
    ticket *last = malloc(sizeof *last);
    assert_non_null(last);
    *last = (ticket){on, on->turn};
    on->waiting++;
    assert_int_equal(mqw_store_commit(on->store, on_done, last), 0);
    while (on->waiting > 0)
        (void)uv_run(&on->loop, UV_RUN_ONCE);
}

// --- after the cut ---

static int note(mqw_bytes key, mqw_bytes value, void *ctx)
{
    world *on = ctx;
    uint32_t turn, number;
    if (key.len == 4) {
        assert_memory_equal(key.data, "turn", 4);
        assert_int_equal(value.len, 4);
        memcpy(&on->found_turn, value.data, 4);
        return 0;
    }
    assert_true(value.len >= 8);
    memcpy(&turn, value.data, 4);
    memcpy(&number, value.data + 4, 4);
    assert_true(number < KEYS);
    mqw_bytes wanted = key_of(number);
    assert_int_equal(key.len, wanted.len);
    assert_memory_equal(key.data, wanted.data, key.len);
    wanted = value_of(turn, number);
    assert_int_equal(value.len, wanted.len);
    assert_memory_equal(value.data, wanted.data, value.len);
    on->found[number] = turn;
    return 0;
}

static void check(world *on)
{
    memset(on->found, 0, sizeof on->found);
    on->found_turn = 0;
    int rc = mqw_store_read(on->store, (mqw_bytes){NULL, 0}, note, on);
    if (on->disk.dark) // cut while it was read
        return;
    assert_int_equal(rc, 0);
    assert_true(on->found_turn <= on->turn);
    on->lost = on->lost || on->found_turn < on->told;
    assert_true(on->disk.lazy || !on->lost);
    assert_memory_equal(on->found, on->state[on->found_turn], sizeof on->found);
    on->turn = on->told = on->found_turn;
}

static void on_closed(void *ctx)
{
    ((world *)ctx)->closed = true;
}

static void close_store(world *on)
{
    on->closed = false;
    mqw_store_close(on->store, on_closed, on);
    while (!on->closed)
        (void)uv_run(&on->loop, UV_RUN_ONCE);
    on->store = NULL;
}

// One that has not stopped by itself within some tries at a dark disk is opened with the power on.
static bool open_store(world *on)
{
    mqw_sqlite_options options = {.vfs = "disk"};
    char why[256];
    int rc = mqw_store_sqlite(&on->store, &on->loop, "t.db", &options, why, sizeof why);
    if (rc == 0)
        return true;
    if (on->disk.lazy && !on->disk.dark) { // damaged for good
        on->lost = true;
        return false;
    }
    if (!on->disk.dark)
        fail_msg("%s", why);
    return false;
}

// One life of the computer, until its power goes.
static void live_once(world *on)
{
    on->disk.cut_at = on->disk.ops + 1 + (int)choose(on, choose(on, 2) ? 20 : 150);
    if (open_store(on)) {
        check(on);
        for (uint32_t steps = choose(on, STEPS); steps > 0 && !on->disk.dark; steps--)
            play_step(on);
        if (!on->disk.dark && choose(on, 2))
            disk_cut(&on->disk);
        close_store(on);
    }
    on->disk.cut_at = 0;
    if (on->disk.dark)
        on->cuts++;
    else
        on->told = on->turn; // it was closed in peace
    disk_power_on(&on->disk);
}

static world *start_world(uint64_t seed)
{
    world *on = calloc(1, sizeof *on);
    assert_non_null(on);
    on->seed = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
    disk_start(&on->disk, seed);
    on->disk.psow = choose(on, 2);
    on->disk.checkpoint = 1 + (int)choose(on, 30);
    uv_loop_init(&on->loop);
    return on;
}

static void end_world(world *on)
{
    assert_int_equal(uv_loop_close(&on->loop), 0);
    disk_end(&on->disk);
    free(on);
}

static uint64_t playing; // its seed; 0: all went well

static int play_world(uint64_t seed)
{
    playing = seed;
    world *on = start_world(seed);
    for (int lives = 0; lives < LIVES; lives++)
        live_once(on);
    if (open_store(on)) { // nothing happens to the last one
        check(on);
        close_store(on);
    }
    int cuts = on->cuts;
    end_world(on);
    return cuts;
}

static uint64_t number_from(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

static void keeps_what_was_told(void **state)
{
    (void)state;
    bool one = getenv("MQW_SEED") != NULL;
    uint64_t first = number_from("MQW_SEED", number_from("MQW_FIRST", 1));
    uint64_t runs = one ? 1 : number_from("MQW_RUNS", 1000);
    int cuts = 0;
    for (uint64_t seed = first; seed < first + runs; seed++)
        cuts += play_world(seed);
    playing = 0;
    print_message("%llu runs, %d cuts\n", (unsigned long long)runs, cuts);
    assert_true(one || cuts > (int)runs * 2);
}

// A test that cannot fail shows nothing: without syncs, records are lost, and that is seen.
static void would_notice_a_lazy_store(void **state)
{
    (void)state;
    int lost = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        world *on = start_world(seed);
        on->disk.lazy = true;
        for (int lives = 0; lives < LIVES && !on->lost; lives++)
            live_once(on);
        lost += on->lost;
        end_world(on);
    }
    print_message("lost in %d of 20 runs\n", lost);
    assert_true(lost > 10);
}

static int print_seed(void **state)
{
    (void)state;
    if (playing)
        print_message("MQW_SEED=%llu\n", (unsigned long long)playing);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(would_notice_a_lazy_store),
        cmocka_unit_test(keeps_what_was_told),
    };
    return cmocka_run_group_tests(tests, NULL, print_seed);
}
