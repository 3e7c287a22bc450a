// SPDX-License-Identifier: MIT
// mqw bench: rounds of a load against one broker, or against two in turn.
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "bench_load.h"
#include "bench_report.h"
#include "secret.h"
#include "target.h"
#include "tool.h"

enum { SIDES = 2, COMPARE_ROUNDS = 3 };

typedef struct bench {
    const tool_settings *settings;
    tool_target targets[SIDES];
    tool_secure secures[SIDES];
    uint32_t pids[SIDES];
    uint32_t sides;
    uint32_t rounds;
    mqw_connect connect;
    char password[CREW_SECRET];
    bench_result *results; // a round's two behind each other
} bench;

/* --- The command line ---------------------------------------------------------------------------------- */

static bool wrong(const char *what)
{
    tool_complain("bench: %s", what);
    return false;
}

static bool read_pids(bench *b)
{
    const tool_texts *watch = &b->settings->bench.watch;
    if (watch->count > b->sides)
        return wrong("--watch: one for each broker");
    for (size_t i = 0; i < watch->count; i++) {
        char *end;
        unsigned long pid = strtoul(watch->items[i], &end, 10);
        if (*end || pid == 0 || pid > INT32_MAX)
            return wrong("--watch: that is not the number of a process");
        b->pids[i] = (uint32_t)pid;
    }
    return true;
}

static bool find_login(bench *b)
{
    const tool_settings *settings = b->settings;
    const char *user = settings->username, *password = settings->password;
    const char *environment = getenv("MQW_PASSWORD");
    int len = 0;
    if ((password != NULL) + (settings->password_file != NULL) + settings->ask_password > 1)
        return wrong("-P, --password-file and --ask-password exclude each other");
    if (settings->ask_password)
        len = secret_from_terminal("Password: ", b->password, sizeof(b->password));
    else if (settings->password_file)
        len = secret_from_file(settings->password_file, b->password, sizeof(b->password));
    if (len < 0)
        return false;
    if (settings->ask_password || settings->password_file)
        password = b->password;
    else if (password == NULL && user)
        password = environment;
    b->connect.has_username = user != NULL;
    b->connect.username = (mqw_text){user, user ? strlen(user) : 0};
    b->connect.has_password = password != NULL;
    b->connect.password = (mqw_bytes){(const uint8_t *)password, password ? strlen(password) : 0};
    b->connect.keep_alive = (uint16_t)settings->keep_alive;
    b->connect.version = (uint8_t)(settings->version ? settings->version : MQW_5_0);
    if (password && !user && b->connect.version < MQW_5_0)
        return wrong("a password needs a user name (-u) before MQTT 5.0");
    return true;
}

// What each address says, with what is asked of TLS.
static bool find_targets(bench *b)
{
    for (uint32_t i = 0; i < b->sides; i++) {
        tool_settings one = *b->settings;
        one.urls = (tool_texts){&b->settings->urls.items[i], 1};
        if (!target_make(&b->targets[i], &one) ||
            !secure_make(&b->secures[i], b->settings, MQW_CLIENT, b->targets[i].addresses))
            return false;
        if (b->targets[i].topics.count > 0)
            return wrong("an address has no topic here");
    }
    return true;
}

// As many connections as this process may have.
static void raise_limits(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static bool prepare(bench *b, const tool_settings *settings)
{
    uint32_t wanted = settings->bench.compare ? 2 : 1;
    b->settings = settings;
    b->sides = wanted;
    b->rounds = settings->bench.rounds;
    if (b->rounds == 0)
        b->rounds = settings->bench.compare ? COMPARE_ROUNDS : 1;
    if (settings->urls.count != wanted)
        return wrong(settings->bench.compare ? "--compare wants two addresses" : "one address is wanted");
    b->results = calloc((size_t)b->rounds * SIDES, sizeof(*b->results));
    if (b->results == NULL)
        return wrong("out of memory");
    return read_pids(b) && find_login(b) && find_targets(b);
}

/* --- Rounds -------------------------------------------------------------------------------------------- */

// Whether it makes no sense to go on.
static bool is_over(int status)
{
    return status != TOOL_OK && status != TOOL_DIFFERS;
}

// Returns how many rounds there were.
static uint32_t run_rounds(bench *b)
{
    for (uint32_t round = 0; round < b->rounds; round++)
        for (uint32_t side = 0; side < b->sides; side++) {
            bench_result *result = &b->results[(size_t)round * SIDES + side];
            if (is_over(load_run(b->settings, b->targets[side].addresses, b->pids[side], &b->secures[side],
                                 &b->connect, result)))
                return round + 1;
        }
    return b->rounds;
}

static bench_result side_of(const bench *b, uint32_t rounds, uint32_t side)
{
    bench_result *runs = calloc((size_t)rounds + 1, sizeof(*runs));
    bench_result all = {.status = TOOL_BROKEN};
    for (uint32_t i = 0; runs && i < rounds; i++)
        runs[i] = b->results[(size_t)i * SIDES + side];
    if (runs)
        all = result_median(runs, rounds);
    free(runs);
    return all;
}

static bench_result ratio_of(const bench *b, uint32_t rounds)
{
    bench_result *ratios = calloc((size_t)rounds + 1, sizeof(*ratios)), all = {.status = 0};
    for (uint32_t i = 0; ratios && i < rounds; i++)
        result_divide(&ratios[i], &b->results[(size_t)i * SIDES + 1], &b->results[(size_t)i * SIDES]);
    if (ratios)
        all = result_median(ratios, rounds);
    free(ratios);
    return all;
}

static int report(const bench *b, uint32_t rounds)
{
    bench_result results[SIDES] = {side_of(b, rounds, 0), side_of(b, rounds, 1)};
    if (b->sides == 1) {
        report_one(b->settings, &results[0]);
        return results[0].status;
    }
    bench_result ratio = ratio_of(b, rounds);
    report_two(b->settings, results, &ratio);
    return results[0].status > results[1].status ? results[0].status : results[1].status;
}

int bench_run(const tool_settings *settings)
{
    static bench b;
    int status = TOOL_USAGE;
    raise_limits();
    if (prepare(&b, settings))
        status = report(&b, run_rounds(&b));
    for (uint32_t i = 0; i < SIDES; i++) {
        secure_free(&b.secures[i]);
        target_free(&b.targets[i]);
    }
    free(b.results);
    return status;
}
