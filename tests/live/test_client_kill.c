// SPDX-License-Identifier: MIT
// A client with a store in a process that is killed at any moment and started again: what it was told to be
// promised arrives, QoS 2 once; what it receives with QoS 2 it has once, in order. The server, which never
// forgets, is in the parent.
#include "live/durable.h"

#include <signal.h>

enum { KILLS = 60, TIME_LIMIT = 12 };

// --- the child: says through its standard output which messages were promised ---

static void say_promised(guest *on, uint32_t number)
{
    (void)on;
    if (write(STDOUT_FILENO, &number, sizeof number) != sizeof number)
        _exit(4);
}

// The parent is gone: nobody would kill us.
static void on_silence(uv_poll_t *parent, int status, int events)
{
    (void)parent, (void)status, (void)events;
    _exit(6);
}

static int child(const char *address, const char *path, const char *life, bool last)
{
    char why[256];
    uv_loop_t *loop = uv_default_loop();
    uv_poll_t parent;
    int rc = uv_poll_init(loop, &parent, STDIN_FILENO);
    if (rc != 0 || (rc = uv_poll_start(&parent, UV_READABLE | UV_DISCONNECT, on_silence)) != 0) {
        fprintf(stderr, "child: %s\n", uv_strerror(rc));
        return 7;
    }
    guest on = {.loop = loop,
                .life = (uint32_t)strtoul(life, NULL, 10),
                .most = last ? 0 : PER_LIFE,
                .promised = say_promised};
    if (mqw_store_sqlite(&on.store, loop, path, NULL, why, sizeof why) != 0) {
        fprintf(stderr, "child: %s\n", why);
        return 3;
    }
    if (guest_start(&on, address, on.life % 3 ? MQW_5_0 : MQW_3_1_1) != 0)
        return 5;
    return uv_run(loop, UV_RUN_DEFAULT);
}

// --- the parent ---

/** A child, until it is gone and all was heard that it said. */
typedef struct prey {
    keeper *keeper;
    uv_process_t process;
    uv_pipe_t said, lifeline; /**< It ends when the other end of this one does. */
    uv_timer_t death;
    uint8_t room[4096];
    size_t left; /**< Bytes of a number that is not complete. */
    bool exited, silent, killed;
} prey;

static void give_room(uv_handle_t *handle, size_t size, uv_buf_t *buffer)
{
    prey *on = handle->data;
    (void)size;
    *buffer = uv_buf_init((char *)on->room + on->left, (unsigned)(sizeof on->room - on->left));
}

static void on_said(uv_stream_t *stream, ssize_t len, const uv_buf_t *buffer)
{
    prey *on = stream->data;
    uint32_t number;
    (void)buffer;
    if (len < 0) {
        on->silent = true;
        uv_close((uv_handle_t *)stream, NULL);
        return;
    }
    size_t all = on->left + (size_t)len, at = 0;
    for (; at + sizeof number <= all; at += sizeof number) {
        memcpy(&number, on->room + at, sizeof number);
        on->keeper->promised[number] = 1;
        on->keeper->promises++;
    }
    on->left = all - at;
    memmove(on->room, on->room + at, on->left);
}

static void on_exit_of(uv_process_t *process, int64_t status, int signal)
{
    prey *on = process->data;
    assert_true(on->killed); // it has not given up by itself
    assert_int_equal(status, 0);
    assert_int_equal(signal, SIGKILL);
    on->exited = true;
    uv_close((uv_handle_t *)process, NULL);
}

static void kill_it(prey *on)
{
    if (on->killed)
        return;
    on->killed = true;
    assert_int_equal(uv_process_kill(&on->process, SIGKILL), 0);
    uv_close((uv_handle_t *)&on->death, NULL);
    uv_close((uv_handle_t *)&on->lifeline, NULL);
}

static void on_death(uv_timer_t *timer)
{
    kill_it(timer->data);
}

static void start_child(prey *on, testbed *live, keeper *host, const char *path, uint32_t life, bool last)
{
    char number[16];
    snprintf(number, sizeof number, "%u", life);
    char *args[] = {
        (char *)"child", host->address, (char *)path, number, (char *)(last ? "last" : "next"), NULL};
    uv_stdio_container_t io[3] = {{.flags = (uv_stdio_flags)(UV_CREATE_PIPE | UV_READABLE_PIPE),
                                   .data.stream = (uv_stream_t *)&on->lifeline},
                                  {.flags = (uv_stdio_flags)(UV_CREATE_PIPE | UV_WRITABLE_PIPE),
                                   .data.stream = (uv_stream_t *)&on->said},
                                  {.flags = UV_INHERIT_FD, .data.fd = 2}};
    uv_process_options_t options = {
        .file = "/proc/self/exe", .args = args, .stdio = io, .stdio_count = 3, .exit_cb = on_exit_of};
    memset(on, 0, sizeof *on);
    on->keeper = host;
    on->process.data = on->said.data = on->death.data = on;
    assert_int_equal(uv_pipe_init(&live->loop, &on->said, 0), 0);
    assert_int_equal(uv_pipe_init(&live->loop, &on->lifeline, 0), 0);
    assert_int_equal(uv_spawn(&live->loop, &on->process, &options), 0);
    assert_int_equal(uv_read_start((uv_stream_t *)&on->said, give_room, on_said), 0);
    uv_timer_init(&live->loop, &on->death);
}

// A life: until so much has happened, and some milliseconds more.
static void live_once(testbed *live, keeper *host, const char *path, uint32_t life, uint32_t events,
                      uint32_t more_ms)
{
    prey on;
    uint32_t until = host->promises + host->arrivals + events;
    start_child(&on, live, host, path, life, false);
    if (events == 0)
        more_ms *= 4; // while it starts
    else
        while (host->promises + host->arrivals < until)
            (void)uv_run(&live->loop, UV_RUN_ONCE);
    uv_timer_start(&on.death, on_death, more_ms, 0);
    live_until(live, on.exited && on.silent);
}

static void live_to_the_end(testbed *live, keeper *host, const char *path, uint32_t life)
{
    prey on;
    start_child(&on, live, host, path, life, true);
    while (!keeper_is_done(host))
        (void)uv_run(&live->loop, UV_RUN_ONCE);
    kill_it(&on);
    live_until(live, on.exited && on.silent);
}

static char directory[64], path[96];

static void check_store(testbed *live, const keeper *host)
{
    mqw_store *store;
    char why[256];
    assert_int_equal(mqw_store_sqlite(&store, &live->loop, path, NULL, why, sizeof why), 0);
    assert_int_equal(received_count(store), host->down);
    mqw_store_close(store, NULL, NULL);
}

static void keeps_promises(void **state)
{
    (void)state;
    testbed live;
    uint64_t seed = 1, until = uv_hrtime() + TIME_LIMIT * UINT64_C(1000000000);
    uint32_t life = 0;
    live_start(&live);
    keeper *host = keeper_start(&live.loop);
    for (; life < KILLS && uv_hrtime() < until; life++) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        uint32_t events = (uint32_t)(seed >> 33) % 400, more = (uint32_t)(seed >> 50) % 6;
        host->down_most += (uint32_t)(seed >> 40) % 100;
        uv_timer_start(&live.limit, live_over, LIMIT, 0);
        live_once(&live, host, path, life, events < 320 ? events : 0, more);
    }
    uv_timer_start(&live.limit, live_over, LIMIT, 0);
    live_to_the_end(&live, host, path, life);
    keeper_check(host);
    check_store(&live, host);
    print_message("%u kills, %u promised, %u arrived, %u received\n", life, host->promises, host->arrivals,
                  host->down);
    assert_true(life >= 10 && host->promises > 100 && host->down > 100);
    keeper_end(host);
    live_end(&live);
    free(host);
}

static int make_directory(void **state)
{
    (void)state;
    strcpy(directory, "/tmp/mqw-kill-XXXXXX");
    if (!mkdtemp(directory))
        return -1;
    snprintf(path, sizeof path, "%s/t.db", directory);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    char log[112];
    snprintf(log, sizeof log, "%s-wal", path);
    (void)unlink(path);
    (void)unlink(log);
    return rmdir(directory);
}

int main(int argc, char **argv)
{
    if (argc == 5)
        return child(argv[1], argv[2], argv[3], strcmp(argv[4], "last") == 0);
    const struct CMUnitTest tests[] = {cmocka_unit_test(keeps_promises)};
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
