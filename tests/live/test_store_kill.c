// SPDX-License-Identifier: MIT
// mqw_store_sqlite when its process is killed at any moment: a child writes turn after turn and says through
// a pipe what it was told is on disk; the parent kills it, opens the file, and finds the state after one
// turn, whole, and not before what was said.
#include "live/live.h"

#include <mqwire/store.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

enum { SLOTS = 16, KILLS = 120, TIME_LIMIT = 10 };

static mqw_bytes text(const char *words)
{
    return (mqw_bytes){(const uint8_t *)words, strlen(words)};
}

// --- what a turn does: slot t sets its key, the one half way round loses it ---

static uint32_t age_of(uint32_t turn, uint32_t slot)
{
    return (turn - slot) % SLOTS;
}

// In which turn the slot got its value; 0: it has none.
static uint32_t set_in(uint32_t turn, uint32_t slot)
{
    uint32_t age = age_of(turn, slot);
    return age < SLOTS / 2 && turn > age ? turn - age : 0;
}

static const char *name_of(uint32_t slot)
{
    static char name[16];
    snprintf(name, sizeof name, "slot%02u", slot % SLOTS);
    return name;
}

// Long enough for several pages.
static mqw_bytes value_of(uint32_t turn)
{
    static uint8_t value[12000];
    memset(value, (int)(turn % 251), sizeof value);
    memcpy(value, &turn, sizeof turn);
    return (mqw_bytes){value, turn % 5 ? 100 : sizeof value};
}

// --- the child ---

/** The child's store. */
typedef struct writer {
    uv_loop_t loop;
    mqw_store *store;
    const char *path;
    int pipe;
    uint32_t turn;
    uint32_t rest; /**< Turns until it closes and opens again. */
} writer;

/** A turn that is being committed. */
typedef struct ticket {
    writer *on;
    uint32_t turn;
} ticket;

static _Noreturn void give_up(const char *why)
{
    fprintf(stderr, "child: %s\n", why);
    _exit(3);
}

static void play_turn(writer *on);

static void on_done(mqw_store *store, int result, void *ctx)
{
    ticket *mine = ctx;
    writer *on = mine->on;
    if (result != 0)
        give_up(mqw_store_error(store));
    if (write(on->pipe, &mine->turn, sizeof mine->turn) != sizeof mine->turn)
        give_up("nobody listens");
    free(mine);
    if (on->rest == 0)
        return;
    on->rest--;
    play_turn(on);
}

static void play_turn(writer *on)
{
    uint32_t turn = ++on->turn;
    ticket *mine = malloc(sizeof *mine);
    *mine = (ticket){on, turn};
    int bad = mqw_store_put(on->store, text(name_of(turn)), value_of(turn));
    bad |= mqw_store_delete(on->store, text(name_of(turn + SLOTS / 2)));
    bad |= mqw_store_put(on->store, text("turn"), (mqw_bytes){(const uint8_t *)&turn, sizeof turn});
    bad |= mqw_store_commit(on->store, on_done, mine);
    if (bad)
        give_up("a call is refused");
}

static int take_turn(mqw_bytes key, mqw_bytes value, void *ctx)
{
    (void)key;
    memcpy(ctx, value.data, sizeof(uint32_t));
    return 0;
}

static int child(const char *path, int pipe)
{
    writer on = {.path = path, .pipe = pipe};
    char why[256];
    uv_loop_init(&on.loop);
    for (;;) {
        if (mqw_store_sqlite(&on.store, &on.loop, path, NULL, why, sizeof why) != 0)
            give_up(why);
        if (mqw_store_read(on.store, text("turn"), take_turn, &on.turn) != 0)
            give_up("no turn is read");
        on.rest = 40;
        play_turn(&on);
        play_turn(&on); // two chains, which share batches
        uv_run(&on.loop, UV_RUN_DEFAULT);
        mqw_store_close(on.store, NULL, NULL);
        uv_run(&on.loop, UV_RUN_DEFAULT);
    }
}

// --- the parent ---

static char directory[64], path[96];

static pid_t start_child(int *said)
{
    int ends[2];
    char number[16];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(ends[0]);
        snprintf(number, sizeof number, "%d", ends[1]);
        execl("/proc/self/exe", "child", path, number, (char *)NULL);
        _exit(4);
    }
    close(ends[1]);
    *said = ends[0];
    return pid;
}

// Listens for so many turns, then for so many milliseconds, then kills. Returns the last turn that was said.
static uint32_t listen_and_kill(int turns, int more_ms)
{
    int said;
    uint32_t turn, last = 0;
    pid_t pid = start_child(&said);
    while (turns-- > 0 && read(said, &turn, sizeof turn) == sizeof turn)
        last = turn;
    struct pollfd never = {.fd = -1};
    (void)poll(&never, 1, more_ms);
    assert_int_equal(kill(pid, SIGKILL), 0);
    while (read(said, &turn, sizeof turn) == sizeof turn)
        last = turn;
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status)); // it has not given up by itself
    close(said);
    return last;
}

/** What is read. */
typedef struct findings {
    uint32_t turn;
    uint32_t set_in[SLOTS];
} findings;

static int note(mqw_bytes key, mqw_bytes value, void *ctx)
{
    findings *found = ctx;
    uint32_t turn;
    memcpy(&turn, value.data, sizeof turn);
    if (key.len == 4) {
        found->turn = turn;
        return 0;
    }
    mqw_bytes wanted = value_of(turn);
    assert_int_equal(value.len, wanted.len);
    assert_memory_equal(value.data, wanted.data, value.len);
    found->set_in[turn % SLOTS] = turn;
    return 0;
}

static uint32_t check_file(void)
{
    testbed live;
    mqw_store *store;
    char why[256];
    findings found = {0};
    live_start(&live);
    assert_int_equal(mqw_store_sqlite(&store, &live.loop, path, NULL, why, sizeof why), 0);
    assert_int_equal(mqw_store_read(store, text(""), note, &found), 0);
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        assert_int_equal(found.set_in[slot], set_in(found.turn, slot));
    mqw_store_close(store, NULL, NULL);
    live_end(&live);
    return found.turn;
}

static void keeps_what_was_told(void **state)
{
    (void)state;
    uint64_t seed = 1, until = uv_hrtime() + TIME_LIMIT * UINT64_C(1000000000);
    uint32_t before = 0;
    int kills = 0;
    while (kills < KILLS && uv_hrtime() < until) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        int turns = (int)(seed >> 33) % 80, more = (int)(seed >> 53) % 4;
        uint32_t said = listen_and_kill(turns < 60 ? turns : 0, turns < 60 ? more : 10 * more);
        uint32_t found = check_file();
        assert_true(found >= said);
        assert_true(found >= before);
        before = found;
        kills++;
    }
    print_message("%d kills, %u turns\n", kills, before);
    assert_true(kills >= 20 && before > 100);
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
    char name[112];
    (void)unlink(path);
    snprintf(name, sizeof name, "%s-wal", path);
    (void)unlink(name);
    return rmdir(directory);
}

int main(int argc, char **argv)
{
    if (argc == 3)
        return child(argv[1], (int)strtol(argv[2], NULL, 10));
    const struct CMUnitTest tests[] = {cmocka_unit_test(keeps_what_was_told)};
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
