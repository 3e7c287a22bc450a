// SPDX-License-Identifier: MIT
// mqw_client next to libmosquitto, Paho C and a bare connection: messages a second and processor time for
// each message, publishing and receiving, all against the same sink and source on loopback TCP. bench_client
// [-5] [-r ROUNDS] [WORD]: in 5.0 instead of 3.1.1; only rows in whose title WORD is.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "contest.h"
#include "measure.h"

enum { MOST_ROUNDS = 31, SIDES = 6, REFERENCE = 2, TIME_LIMIT = 300, FIRST = 20000, LEAST = 4000 };
static const double run_time = 0.25; /* seconds that a run should take */

typedef struct result {
    double rate; /* messages a second */
    double cpu;  /* microseconds of the client's processor time for each */
} result;

/** A way to do the job. */
typedef struct side {
    const char *name;
    contest_side *run;
    bool limit;     /**< No client: only where QoS is 0. */
    bool ours;      /**< Held against the target. */
    uint32_t count; /**< Messages in a run of the present scenario. */
    result runs[MOST_ROUNDS];
} side;

static side sides[SIDES] = {
    {.name = "the bytes alone, 256 KiB at once", .run = contest_bytes, .limit = true},
    {.name = "a write, or two reads, for each", .run = contest_writes, .limit = true},
    {.name = "libmosquitto", .run = contest_mosquitto},
    {.name = "Paho C, asynchronous", .run = contest_paho},
    {.name = "mqw_conn", .run = contest_mqw_conn},
    {.name = "mqw_client", .run = contest_mqw_client, .ours = true},
};

/** What is measured. `target`: how many times libmosquitto's rate it shall be; 0: none was set. */
typedef struct scenario {
    const char *title;
    bool receive;
    uint8_t qos;
    double target;
} scenario;

static const scenario scenarios[] = {
    {"publish QoS 0", false, 0, 10}, {"publish QoS 1", false, 1, 6}, {"publish QoS 2", false, 2, 0},
    {"receive QoS 0", true, 0, 10},  {"receive QoS 1", true, 1, 6},  {"receive QoS 2", true, 2, 0},
};

static uint8_t version = 4;
static int rounds = 5;

_Noreturn void contest_fail(const char *what)
{
    perror(what);
    _exit(1);
}

/* Sink and client keep to a processor each: where they share one, nothing is measured but their sum. */
static void keep_to(unsigned processor)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    if (sysconf(_SC_NPROCESSORS_ONLN) > 1 && sched_setaffinity(0, sizeof set, &set) != 0)
        contest_fail("sched_setaffinity");
}

static int listen_at(char *address, size_t cap, int *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, len) != 0 || listen(fd, 1) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) != 0)
        contest_fail("listen");
    *port = ntohs(at.sin_port);
    snprintf(address, cap, "127.0.0.1:%d", *port);
    return fd;
}

static pid_t start(void)
{
    fflush(stdout);
    pid_t child = fork();
    if (child < 0)
        contest_fail("fork");
    return child;
}

/** Waits for a process and returns its processor time in seconds. */
static double reap(pid_t child, const char *name)
{
    struct rusage usage;
    int status;
    if (wait4(child, &status, 0, &usage) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "bench_client: %s has failed\n", name);
        exit(1);
    }
    const struct timeval *u = &usage.ru_utime, *s = &usage.ru_stime;
    return (double)(u->tv_sec + s->tv_sec) + (double)(u->tv_usec + s->tv_usec) * 1e-6;
}

static result run_once(const side *who, const scenario *what, uint32_t messages)
{
    static contest_job *job;
    char address[64];
    if (job == NULL)
        job = mmap(NULL, sizeof *job, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (job == MAP_FAILED)
        contest_fail("mmap");
    *job =
        (contest_job){.version = version, .qos = what->qos, .receive = what->receive, .messages = messages};
    int listener = listen_at(address, sizeof address, &job->port);
    job->address = address;
    pid_t sink = start();
    if (sink == 0) {
        keep_to(1);
        contest_sink(listener, job);
        _exit(0);
    }
    close(listener);
    pid_t client = start();
    if (client == 0) {
        keep_to(0);
        who->run(job);
        _exit(0);
    }
    double cpu = reap(client, who->name);
    reap(sink, "the sink");
    if (job->end <= job->start)
        contest_fail("there is no end");
    return (result){(double)messages * 1e9 / (double)(job->end - job->start), cpu * 1e6 / messages};
}

/** Whether a side takes part. */
static bool plays(const side *who, const scenario *what)
{
    return !who->limit || what->qos == 0;
}

/** Finds out, by a short run and a longer one, how many messages take about run_time. */
static void size_up(side *who, const scenario *what)
{
    who->count = FIRST;
    for (int i = 0; i < 2; i++) {
        double fits = run_once(who, what, who->count).rate * run_time;
        who->count = fits < LEAST ? LEAST : fits > 4e7 ? 40000000 : (uint32_t)fits;
    }
}

static double median_of(const side *who, bool cpu)
{
    double values[MOST_ROUNDS];
    for (int i = 0; i < rounds; i++)
        values[i] = cpu ? who->runs[i].cpu : who->runs[i].rate;
    return measure_median(values, (size_t)rounds);
}

/** Median of the ratios to libmosquitto in the same round: of rates, or of its processor time to ours. */
static double ratio_of(const side *who, bool cpu)
{
    double values[MOST_ROUNDS];
    for (int i = 0; i < rounds; i++) {
        const result *mine = &who->runs[i], *theirs = &sides[REFERENCE].runs[i];
        values[i] = cpu ? theirs->cpu / mine->cpu : mine->rate / theirs->rate;
    }
    return measure_median(values, (size_t)rounds);
}

static void print_row(const side *who, const scenario *what)
{
    double ratio = ratio_of(who, false);
    printf("  %-34s %11.0f %8.2f %11.3f %8.2f", who->name, median_of(who, false), ratio, median_of(who, true),
           ratio_of(who, true));
    if (who->ours && what->target > 0)
        printf(" %7.0f  %s", what->target, ratio >= what->target ? "yes" : "NO");
    printf("\n");
}

static void measure(const scenario *what)
{
    for (int i = 0; i < SIDES; i++) {
        if (plays(&sides[i], what))
            size_up(&sides[i], what);
    }
    for (int round = 0; round < rounds; round++) {
        for (int i = 0; i < SIDES; i++) {
            if (plays(&sides[i], what))
                sides[i].runs[round] = run_once(&sides[i], what, sides[i].count);
        }
    }
    printf("%s\n", what->title);
    for (int i = 0; i < SIDES; i++) {
        if (plays(&sides[i], what))
            print_row(&sides[i], what);
    }
}

static const char *read_options(int argc, char **argv)
{
    int option;
    while ((option = getopt(argc, argv, "5r:")) != -1) {
        if (option == '5')
            version = 5;
        else if (option == 'r')
            rounds = atoi(optarg);
        else
            exit(2);
    }
    if (rounds < 1 || rounds > MOST_ROUNDS)
        exit(2);
    return optind < argc ? argv[optind] : "";
}

int main(int argc, char **argv)
{
    const char *only = read_options(argc, argv);
    alarm(TIME_LIMIT);
    printf(
        "MQTT %s, payloads of %d bytes, at most %d messages of QoS 1 and 2 in flight; medians of %d rounds\n\n",
        version == 5 ? "5.0" : "3.1.1", CONTEST_PAYLOAD, CONTEST_WINDOW, rounds);
    printf("%-36s %11s %8s %11s %8s %7s  %s\n", "", "messages", "times", "CPU: us", "times", "", "");
    printf("%-36s %11s %8s %11s %8s %7s  %s\n", "", "a second", "libmosq.", "a message", "less", "target",
           "reached");
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++) {
        if (strstr(scenarios[i].title, only) != NULL)
            measure(&scenarios[i]);
    }
    return 0;
}
