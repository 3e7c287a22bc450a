// SPDX-License-Identifier: MIT
// A broker whose disk loses its power at any change, or is full or fails for a while, life after life:
// nothing that was acknowledged is lost, nothing of QoS 2 comes twice, and it goes on by itself. MQW_SEED=n
// plays that one, MQW_FIRST and MQW_RUNS set from which on how many there are.
#include "live/broker_crowd.h"
#include "live/disk.h"

enum { LIVES = 12, RUNS = 4, FAILURES = 4 };

static uint64_t playing; // its seed; 0: all went well

/** One run. */
typedef struct world {
    testbed live;
    disk disk;
    crowd crowd;
    mqw_store *store;
    mqw_broker *broker;
    uint64_t seed;
    uint32_t cuts, failures, recoveries;
    bool closed; /**< What was asked to is. */
    char dir[32];
} world;

static uint32_t choose(world *on, uint32_t below)
{
    on->seed = on->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(on->seed >> 33) % below;
}

// Once each way, and nothing else.
static void on_log(mqw_broker *broker, int level, const char *words, void *ctx)
{
    world *on = ctx;
    (void)broker;
    bool fails = strstr(words, "the store fails: ") != NULL;
    bool works = strcmp(words, "the store works again") == 0;
    if (!on->disk.dark && !fails && !works)
        fail_msg("%s", words);
    assert_int_equal(on->failures - on->recoveries, on->disk.dark ? on->failures - on->recoveries : works);
    assert_int_equal(level, fails ? MQW_LOG_ERROR : works ? MQW_LOG_NOTICE : level);
    on->failures += fails;
    on->recoveries += works;
}

static bool open_broker(world *on)
{
    mqw_sqlite_options disk_options = {.size = sizeof disk_options, .vfs = "disk", .keep_trying = true};
    mqw_broker_options options = {
        .size = sizeof options,
        .limits = {.max_queued = UINT32_MAX, .max_queued_bytes = UINT32_MAX, .max_inflight = 64},
        .hooks = {.size = sizeof options.hooks, .on_log = on_log},
        .ctx = on,
        .status_interval = -1};
    char why[256];
    on->broker = NULL;
    on->failures = on->recoveries = 0;
    int rc = mqw_store_sqlite(&on->store, &on->live.loop, "t.db", &disk_options, why, sizeof why);
    if (rc != 0 && !on->disk.dark)
        fail_msg("%s", why);
    if (rc != 0)
        return false;
    options.store = on->store;
    rc = mqw_broker_open(&on->broker, &on->live.loop, &options);
    if (rc != 0 && !on->disk.dark)
        fail_msg("the broker does not open: %s", mqw_strerror(rc));
    if (rc == 0)
        assert_int_equal(mqw_broker_listen(on->broker, on->crowd.address, NULL), 0);
    return true;
}

static void on_broker_closed(mqw_broker *broker, void *ctx)
{
    (void)broker;
    ((world *)ctx)->closed = true;
}

static void on_store_closed(void *ctx)
{
    ((world *)ctx)->closed = true;
}

// Quite closed: what is open while the power is off must not see it come back.
static void close_broker(world *on)
{
    on->closed = !on->broker;
    mqw_broker_close(on->broker, on_broker_closed, on);
    live_until(&on->live, on->closed);
    on->closed = false;
    mqw_store_close(on->store, on_store_closed, on);
    live_until(&on->live, on->closed);
}

static void runs_until(world *on, uint32_t events)
{
    while (on->crowd.events < events && !on->disk.dark)
        (void)uv_run(&on->live.loop, UV_RUN_ONCE);
}

static void live_once(world *on)
{
    on->disk.cut_at = on->disk.ops + 1 + (int)choose(on, 200);
    if (open_broker(on)) {
        if (on->broker)
            runs_until(on, on->crowd.events + choose(on, 600));
        if (!on->disk.dark && choose(on, 4))
            disk_cut(&on->disk);
        close_broker(on);
    }
    on->disk.cut_at = 0;
    on->cuts += on->disk.dark;
    disk_power_on(&on->disk);
}

static void set_disk(world *on, int after, int code)
{
    pthread_mutex_lock(&on->disk.lock);
    on->disk.fail_at = after ? on->disk.ops + after : 0;
    on->disk.failure = code;
    pthread_mutex_unlock(&on->disk.lock);
}

static void on_refused(mqw_client *client, int result, const mqw_packet *answer, void *ctx)
{
    (void)client, (void)answer;
    assert_int_equal(result, 0x97);
    ((guest *)ctx)->acknowledged++;
}

// Who comes meanwhile hears that nothing can be kept.
static void is_refused(world *on)
{
    guest one = {.crowd = &on->crowd};
    mqw_client_options options = {.size = sizeof options,
                                  .address = on->crowd.address,
                                  .handlers = {.size = sizeof options.handlers, .on_close = crowd_closed},
                                  .ctx = &one};
    mqw_publish publish = {
        .topic = MQW_TEXT("kept"), .payload = {(const uint8_t *)"x", 1}, .qos = 1, .retain = true};
    assert_int_equal(mqw_client_open(&one.client, &on->live.loop, &options), 0);
    for (publish.qos = 1; publish.qos <= 2; publish.qos++)
        assert_int_equal(mqw_client_publish(one.client, &publish, on_refused, &one), 0);
    live_until(&on->live, one.acknowledged == 2);
    crowd_leave(&on->crowd, &one);
}

// The disk fails under load, for some time, and is well again.
static void fail_once(world *on)
{
    static const int codes[] = {SQLITE_FULL, SQLITE_IOERR_WRITE, SQLITE_IOERR_FSYNC};
    uint32_t before = on->failures;
    set_disk(on, 1 + (int)choose(on, 20), codes[choose(on, 3)]);
    live_until(&on->live, on->failures > before);
    is_refused(on);
    set_disk(on, 0, 0);
    live_until(&on->live, on->recoveries == on->failures);
    runs_until(on, on->crowd.events + choose(on, 200));
}

static world *begin(uint64_t seed)
{
    world *on = calloc(1, sizeof *on);
    assert_non_null(on);
    playing = on->seed = seed;
    live_start(&on->live);
    uv_timer_start(&on->live.limit, live_over, 60000, 0);
    strcpy(on->dir, "/tmp/mqw-power-XXXXXX");
    assert_non_null(mkdtemp(on->dir));
    snprintf(on->crowd.address, sizeof on->crowd.address, "unix:%s/s", on->dir);
    disk_start(&on->disk, seed);
    on->disk.psow = choose(on, 2);
    on->disk.checkpoint = 2 + (int)choose(on, 50);
    assert_true(open_broker(on));
    crowd_start(&on->crowd, &on->live.loop);
    return on;
}

static void end(world *on)
{
    crowd_settle(&on->crowd);
    crowd_check_retained(&on->crowd);
    crowd_end(&on->crowd);
    close_broker(on);
    live_end(&on->live);
    disk_end(&on->disk);
    assert_int_equal(rmdir(on->dir), 0);
    free(on);
}

static uint32_t cut(uint64_t seed)
{
    world *on = begin(seed);
    close_broker(on);
    for (int life = 0; life < LIVES; life++)
        live_once(on);
    assert_true(open_broker(on));
    uint32_t cuts = on->cuts;
    end(on);
    return cuts;
}

static uint64_t number_from(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

static void survives_power_cuts(void **state)
{
    (void)state;
    bool one = getenv("MQW_SEED") != NULL;
    uint64_t first = number_from("MQW_SEED", number_from("MQW_FIRST", 1));
    uint64_t runs = one ? 1 : number_from("MQW_RUNS", RUNS);
    uint32_t cuts = 0;
    for (uint64_t seed = first; seed < first + runs; seed++)
        cuts += cut(seed);
    playing = 0;
    assert_true(one || cuts > runs * LIVES / 2);
}

static void recovers_from_failures(void **state)
{
    (void)state;
    world *on = begin(number_from("MQW_SEED", 99));
    on->crowd.may_refuse = true;
    for (int i = 0; i < FAILURES; i++)
        fail_once(on);
    end(on);
    playing = 0;
}

static int tell(void **state)
{
    (void)state;
    if (playing)
        print_message("MQW_SEED=%llu\n", (unsigned long long)playing);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(survives_power_cuts, tell),
        cmocka_unit_test_teardown(recovers_from_failures, tell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
