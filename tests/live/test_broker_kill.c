// SPDX-License-Identifier: MIT
// A broker with a store in a process that is killed at any moment, hundreds of times under load, and started
// again: nothing that was acknowledged is lost, nothing of QoS 2 comes twice, sessions are there.
#include "live/broker_crowd.h"

#include <signal.h>
#include <sys/prctl.h>

enum { KILLS = 300, TIME_LIMIT = 60 };

// --- the child: the broker ---

static int child(const char *address, const char *path)
{
    char why[256];
    mqw_store *store;
    mqw_broker *broker;
    uv_loop_t *loop = uv_default_loop();
    mqw_sqlite_options disk = {.size = sizeof disk, .keep_trying = true, .busy_timeout = 1000};
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (mqw_store_sqlite(&store, loop, path, &disk, why, sizeof why) != 0) {
        fprintf(stderr, "child: %s\n", why);
        return 3;
    }
    mqw_broker_options options = {
        .size = sizeof options,
        .limits = {.max_queued = UINT32_MAX, .max_queued_bytes = UINT32_MAX, .max_inflight = 64},
        .store = store,
        .status_interval = -1};
    int rc = mqw_broker_open(&broker, loop, &options);
    if (rc == 0)
        rc = mqw_broker_listen(broker, address, NULL);
    if (rc != 0) {
        fprintf(stderr, "child: %s\n", mqw_strerror(rc));
        return 4;
    }
    return uv_run(loop, UV_RUN_DEFAULT);
}

// --- the parent ---

typedef struct prey {
    uv_process_t process;
    uv_timer_t death;
    bool killed;
    int closed; /**< Of the two. */
} prey;

static char directory[64], path[96], address[96];

static void on_handle_closed(uv_handle_t *handle)
{
    ((prey *)handle->data)->closed++;
}

static void on_exit_of(uv_process_t *process, int64_t status, int signal)
{
    prey *on = process->data;
    assert_int_equal(status, 0);
    assert_int_equal(signal, SIGKILL);
    assert_true(on->killed); // it has not given up by itself
    uv_close((uv_handle_t *)process, on_handle_closed);
    uv_close((uv_handle_t *)&on->death, on_handle_closed);
}

static void kill_it(prey *on)
{
    on->killed = true;
    assert_true(on->process.pid > 0);
    assert_int_equal(uv_process_kill(&on->process, SIGKILL), 0);
}

static void on_death(uv_timer_t *timer)
{
    kill_it(timer->data);
}

static void start_child(prey *on, uv_loop_t *loop)
{
    char *args[] = {(char *)"child", address, path, NULL};
    uv_stdio_container_t io[3] = {
        {.flags = UV_IGNORE}, {.flags = UV_IGNORE}, {.flags = UV_INHERIT_FD, .data.fd = 2}};
    uv_process_options_t options = {
        .file = "/proc/self/exe", .args = args, .stdio = io, .stdio_count = 3, .exit_cb = on_exit_of};
    memset(on, 0, sizeof *on);
    on->process.data = on->death.data = on;
    uv_timer_init(loop, &on->death);
    assert_int_equal(uv_spawn(loop, &on->process, &options), 0);
}

static void wait_for_death(prey *on, uv_loop_t *loop)
{
    while (on->closed < 2)
        (void)uv_run(loop, UV_RUN_ONCE);
}

// A life: until so much has happened, and some milliseconds more.
static void live_once(crowd *all, uint32_t events, uint32_t more_ms)
{
    prey on;
    uint32_t until = all->events + events;
    start_child(&on, all->loop);
    if (events == 0)
        more_ms *= 4; // while it starts
    else
        while (all->events < until)
            (void)uv_run(all->loop, UV_RUN_ONCE);
    uv_timer_start(&on.death, on_death, more_ms, 0);
    wait_for_death(&on, all->loop);
}

static void keeps_what_it_has_acknowledged(void **state)
{
    (void)state;
    static crowd all;
    testbed live;
    prey first, last;
    uint64_t seed = 1, until = uv_hrtime() + TIME_LIMIT * UINT64_C(1000000000);
    int kills = 0;
    live_start(&live);
    uv_timer_stop(&live.limit);
    uv_timer_start(&live.limit, live_over, (TIME_LIMIT + 40) * 1000, 0);
    snprintf(all.address, sizeof all.address, "%s", address);
    start_child(&first, &live.loop);
    crowd_start(&all, &live.loop);
    kill_it(&first);
    wait_for_death(&first, &live.loop);
    for (; kills < KILLS && uv_hrtime() < until; kills++) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        uint32_t events = (uint32_t)(seed >> 33) % 600, more = (uint32_t)(seed >> 50) % 6;
        live_once(&all, events < 480 ? events : 0, more);
    }
    start_child(&last, &live.loop);
    crowd_settle(&all);
    crowd_check_retained(&all);
    print_message("%d kills, %u events\n", kills, all.events);
    crowd_end(&all);
    kill_it(&last);
    wait_for_death(&last, &live.loop);
    assert_true(kills >= 100 && all.events > 10000);
    live_end(&live);
}

static int make_directory(void **state)
{
    (void)state;
    strcpy(directory, "/tmp/mqw-kill-XXXXXX");
    if (!mkdtemp(directory))
        return -1;
    snprintf(path, sizeof path, "%s/t.db", directory);
    snprintf(address, sizeof address, "unix:%s/s", directory);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    char name[128];
    (void)unlink(path);
    snprintf(name, sizeof name, "%s-wal", path);
    (void)unlink(name);
    snprintf(name, sizeof name, "%s/s", directory);
    (void)unlink(name);
    snprintf(name, sizeof name, "%s/s.lock", directory);
    (void)unlink(name);
    return rmdir(directory);
}

int main(int argc, char **argv)
{
    if (argc == 3)
        return child(argv[1], argv[2]);
    const struct CMUnitTest tests[] = {cmocka_unit_test(keeps_what_it_has_acknowledged)};
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
