// SPDX-License-Identifier: MIT
// A client with a store on a disk whose power is cut, life after life, at any change of the disk: what it was
// told to be promised arrives, QoS 2 once; what it receives with QoS 2 it has once, in order.
// MQW_SEED=n plays that one, MQW_FIRST and MQW_RUNS set from which on how many there are.
#include "live/disk.h"
#include "live/durable.h"

enum { LIVES = 12, RUNS = 30 };

static uint64_t playing; // its seed; 0: all went well

/** One run. */
typedef struct world {
    testbed live;
    disk disk;
    keeper *keeper;
    guest guest;
    uint64_t seed;
    uint32_t cuts;
    bool closed; /**< The store is. */
} world;

static uint32_t choose(world *on, uint32_t below)
{
    on->seed = on->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(on->seed >> 33) % below;
}

static void on_promised(guest *from, uint32_t number)
{
    keeper *keeps = from->more;
    keeps->promised[number] = 1;
    keeps->promises++;
}

static bool open_store(world *on)
{
    mqw_sqlite_options options = {.vfs = "disk"};
    char why[256];
    int rc = mqw_store_sqlite(&on->guest.store, &on->live.loop, "t.db", &options, why, sizeof why);
    if (rc != 0 && !on->disk.dark && !on->disk.lazy)
        fail_msg("%s", why);
    return rc == 0;
}

static void on_closed(void *ctx)
{
    ((world *)ctx)->closed = true;
}

// Quite closed: what is open while the power is off must not see it come back.
static void close_store(world *on)
{
    on->closed = false;
    mqw_store_close(on->guest.store, on_closed, on);
    live_until(&on->live, on->closed);
}

static void run_client(world *on, uint32_t life, bool last)
{
    uint32_t until = on->keeper->promises + on->keeper->arrivals + choose(on, 200);
    on->guest = (guest){.loop = &on->live.loop,
                        .store = on->guest.store,
                        .life = life,
                        .most = last ? 0 : PER_LIFE,
                        .promised = on_promised,
                        .more = on->keeper};
    int rc = guest_start(&on->guest, on->keeper->address, life % 3 ? MQW_5_0 : MQW_3_1_1);
    if (rc != 0) {
        assert_int_equal(rc, MQW_E_STREAM);
        assert_true(on->disk.dark);
        return;
    }
    while (last ? !keeper_is_done(on->keeper)
                : !on->disk.dark && on->keeper->promises + on->keeper->arrivals < until)
        (void)uv_run(&on->live.loop, UV_RUN_ONCE);
    if (!last && !on->disk.dark && choose(on, 4))
        disk_cut(&on->disk);
    if (on->guest.client)
        mqw_client_close(on->guest.client, &(mqw_client_goodbye){.now = true});
    live_until(&on->live, on->guest.closed);
}

static void live_once(world *on, uint32_t life, bool last)
{
    if (!last)
        on->disk.cut_at = on->disk.ops + 1 + (int)choose(on, 300);
    if (open_store(on)) {
        run_client(on, life, last);
        close_store(on);
        live_until(&on->live, !on->keeper->conn); // the server has noticed, too
    }
    on->disk.cut_at = 0;
    on->cuts += on->disk.dark;
    disk_power_on(&on->disk);
}

static uint32_t play(uint64_t seed)
{
    world *on = calloc(1, sizeof *on);
    assert_non_null(on);
    playing = seed;
    on->seed = seed;
    live_start(&on->live);
    disk_start(&on->disk, seed);
    on->disk.psow = choose(on, 2);
    on->disk.checkpoint = 2 + (int)choose(on, 50);
    on->keeper = keeper_start(&on->live.loop);
    for (uint32_t life = 0; life < LIVES; life++) {
        on->keeper->down_most += choose(on, 100);
        live_once(on, life, false);
    }
    live_once(on, LIVES, true);
    keeper_check(on->keeper);
    assert_true(open_store(on));
    assert_int_equal(received_count(on->guest.store), on->keeper->down);
    close_store(on);
    keeper_end(on->keeper);
    uint32_t cuts = on->cuts;
    live_end(&on->live);
    disk_end(&on->disk);
    free(on->keeper);
    free(on);
    return cuts;
}

static uint64_t number_from(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

static void keeps_promises(void **state)
{
    (void)state;
    bool one = getenv("MQW_SEED") != NULL;
    uint64_t first = number_from("MQW_SEED", number_from("MQW_FIRST", 1));
    uint64_t runs = one ? 1 : number_from("MQW_RUNS", RUNS);
    uint32_t cuts = 0;
    for (uint64_t seed = first; seed < first + runs; seed++)
        cuts += play(seed);
    playing = 0;
    assert_true(one || cuts > runs * LIVES / 2);
}

// --- without a server: what is promised stays in the store, and would be missed ---

static int count_one(mqw_bytes key, mqw_bytes value, void *ctx)
{
    (void)key, (void)value;
    ++*(uint32_t *)ctx;
    return 0;
}

// How many of the promises that were told a cut loses.
static uint32_t lost_offline(uint64_t seed, bool lazy)
{
    world *on = calloc(1, sizeof *on);
    assert_non_null(on);
    playing = seed;
    live_start(&on->live);
    disk_start(&on->disk, seed);
    on->disk.lazy = lazy;
    on->keeper = keeper_start(&on->live.loop); // to write promises down; nobody calls it
    assert_true(open_store(on));
    on->guest = (guest){.loop = &on->live.loop,
                        .store = on->guest.store,
                        .most = WINDOW,
                        .promised = on_promised,
                        .more = on->keeper};
    assert_int_equal(guest_start(&on->guest, "127.0.0.1:1", MQW_5_0), 0);
    for (int i = 0; i < WINDOW; i++)
        guest_publish(&on->guest);
    live_until(&on->live, on->keeper->promises == WINDOW);
    disk_cut(&on->disk);
    mqw_client_close(on->guest.client, &(mqw_client_goodbye){.now = true});
    live_until(&on->live, on->guest.closed);
    close_store(on);
    keeper_end(on->keeper);
    assert_int_equal(uv_run(&on->live.loop, UV_RUN_DEFAULT), 0);
    disk_power_on(&on->disk);
    uint32_t found = 0;
    if (open_store(on)) {
        (void)mqw_store_read(on->guest.store, (mqw_bytes){(const uint8_t *)"c", 1}, count_one, &found);
        close_store(on);
    }
    live_end(&on->live);
    disk_end(&on->disk);
    free(on->keeper);
    free(on);
    return WINDOW - found;
}

static void keeps_promises_offline(void **state)
{
    (void)state;
    uint32_t lost_by_lazy = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        assert_int_equal(lost_offline(seed, false), 0);
        lost_by_lazy += lost_offline(seed, true);
    }
    playing = 0;
    assert_true(lost_by_lazy > 10 * WINDOW);
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(keeps_promises_offline),
                                       cmocka_unit_test(keeps_promises)};
    return cmocka_run_group_tests(tests, NULL, print_seed);
}
