// SPDX-License-Identifier: MIT
// Connections over loopback TCP against plain write and read of as many bytes: two processes, one at each
// end.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measure.h"
#include "mqwire/mqwire.h"
#include "mqwire/transport.h"

enum {
    ROUNDS = 11,
    VARIANTS = 6,
    TOPIC_LEN = 20,
    BYTES = 192 << 20,
    TIME_LIMIT = 300,
    PUMP = 128 << 10 /**< The sender stops when so much waits, until half of it is gone. */
};

/** What one run came to. Processor times are in seconds. */
typedef struct run {
    double seconds;
    double sender_cpu;
    double receiver_cpu;
    uint64_t bytes;
    uint64_t packets;
} run;

typedef struct variant {
    const char *name;
    uint32_t piece;   /**< Plain: bytes per write and read. */
    uint32_t payload; /**< Ours: bytes of payload. */
    double target;    /**< Least ratio to the best plain variant. */
    run runs[ROUNDS];
} variant;

static variant variants[VARIANTS] = {
    {.name = "plain, 32 KiB pieces", .piece = 32 << 10},
    {.name = "plain, 64 KiB pieces", .piece = 64 << 10},
    {.name = "plain, 256 KiB pieces", .piece = 256 << 10},
    {.name = "mqw_conn, 64-byte payloads", .payload = 64, .target = 0.5},
    {.name = "mqw_conn, 1 KiB payloads", .payload = 1024, .target = 0.8},
    {.name = "mqw_conn, 16 KiB payloads", .payload = 16384},
};

static _Noreturn void fail(const char *what)
{
    perror(what);
    exit(1);
}

/** Whether each end keeps to a processor of its own; else the scheduler decides. */
static bool apart;

static void keep_to(unsigned processor)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    if (apart && sched_setaffinity(0, sizeof set, &set) != 0)
        fail("sched_setaffinity");
}

static double cpu_of(const struct rusage *usage)
{
    const struct timeval *u = &usage->ru_utime, *s = &usage->ru_stime;
    return (double)(u->tv_sec + s->tv_sec) + (double)(u->tv_usec + s->tv_usec) * 1e-6;
}

static double own_cpu(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return cpu_of(&usage);
}

/** Waits for the sender and returns its processor time. */
static double reap(pid_t sender)
{
    struct rusage usage;
    int status;
    if (wait4(sender, &status, 0, &usage) != sender || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail("the sender failed");
    return cpu_of(&usage);
}

/* --- plain
 * -------------------------------------------------------------------------------------------------------- */

static int plain_listen(struct sockaddr_in *address)
{
    socklen_t len = sizeof *address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd < 0 || bind(fd, (struct sockaddr *)address, len) != 0 || listen(fd, 1) != 0 ||
        getsockname(fd, (struct sockaddr *)address, &len) != 0)
        fail("listen");
    return fd;
}

static void plain_send(const struct sockaddr_in *address, uint32_t piece)
{
    char *bytes = calloc(1, piece);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bytes == NULL || connect(fd, (const struct sockaddr *)address, sizeof *address) != 0)
        fail("connect");
    for (size_t left = BYTES; left > 0;) {
        ssize_t wrote = write(fd, bytes, left < piece ? left : piece);
        if (wrote < 0)
            fail("write");
        left -= (size_t)wrote;
    }
    close(fd);
    free(bytes);
}

static void plain_receive(int listener, uint32_t piece, run *out)
{
    char *bytes = calloc(1, piece);
    int fd = accept(listener, NULL, NULL);
    *out = (run){0};
    double cpu = own_cpu();
    uint64_t start = 0;
    ssize_t got;
    if (bytes == NULL || fd < 0)
        fail("accept");
    while ((got = read(fd, bytes, piece)) > 0) {
        start = start != 0 ? start : measure_wall_ns();
        out->bytes += (uint64_t)got;
    }
    out->seconds = (double)(measure_wall_ns() - start) * 1e-9;
    out->receiver_cpu = own_cpu() - cpu;
    if (out->bytes != BYTES)
        fail("bytes are missing");
    close(fd);
    free(bytes);
}

static void run_plain(const variant *what, run *out)
{
    struct sockaddr_in address;
    int listener = plain_listen(&address);
    pid_t sender = fork();
    if (sender == 0) {
        keep_to(1);
        plain_send(&address, what->piece);
        _exit(0);
    }
    plain_receive(listener, what->piece, out);
    out->sender_cpu = reap(sender);
    close(listener);
}

/* --- ours: the sender
 * --------------------------------------------------------------------------------------------- */

typedef struct sender {
    mqw_publish publish;
    uint64_t left;
} sender;

/** Sends until enough waits; drain calls again. */
static void pump(mqw_conn *conn, sender *self)
{
    while (self->left > 0 && mqw_conn_waiting(conn) <= PUMP) {
        if (mqw_conn_publish(conn, &self->publish) != 0)
            fail("publish");
        self->left--;
    }
    if (self->left == 0)
        mqw_conn_close(conn);
}

static void on_connected(mqw_conn *conn, void *ctx)
{
    (void)ctx;
    mqw_conn_connect(conn, &(mqw_connect){.clean_start = true, .client_id = MQW_TEXT("sender")});
}

static void on_connack(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    (void)packet;
    pump(conn, ctx);
}

static void on_drain(mqw_conn *conn, void *ctx)
{
    pump(conn, ctx);
}

static void on_error(mqw_conn *conn, const mqw_error *error, void *ctx)
{
    (void)conn, (void)ctx;
    fprintf(stderr, "bench_tcp: %s\n", mqw_error_text(error));
    _exit(1);
}

static uint64_t packet_size(uint32_t payload)
{
    uint64_t length = 2 + TOPIC_LEN + payload;
    return length + (length < 0x80 ? 2 : length < 0x4000 ? 3 : 4);
}

static void send_ours(const char *address, uint32_t payload)
{
    static const mqw_handlers handlers = {.size = sizeof handlers,
                                          .connected = on_connected,
                                          .connack = on_connack,
                                          .drain = on_drain,
                                          .error = on_error};
    static const mqw_conn_options conn_options = {
        .size = sizeof conn_options, .high_water = PUMP, .low_water = PUMP / 2};
    static const mqw_open_options options = {.size = sizeof options, .conn = &conn_options};
    static const uint8_t bytes[1 << 16];
    sender self = {.publish = {.topic = MQW_TEXT("site/7/sensor/0042/t"), .payload = {bytes, payload}},
                   .left = BYTES / packet_size(payload)};
    uv_loop_t loop;
    mqw_conn *conn;
    uv_loop_init(&loop);
    if (mqw_conn_open(&conn, &loop, address, &options, &handlers, &self) != 0)
        fail("open");
    uv_run(&loop, UV_RUN_DEFAULT);
    if (self.left > 0)
        fail("packets were left");
}

/* --- ours: the receiver
 * ------------------------------------------------------------------------------------------- */

typedef struct receiver {
    uint64_t wanted;
    uint64_t packets;
    uint64_t sum;
    uint64_t start;
    uint64_t end;
    double cpu;
    mqw_server *server;
} receiver;

static void on_connect(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    (void)packet, (void)ctx;
    mqw_conn_connack(conn, &(mqw_connack){.reason = 0});
}

static void on_publish(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    receiver *self = ctx;
    (void)conn;
    if (self->packets++ == 0)
        self->start = measure_wall_ns();
    self->sum += packet->publish.payload.data[0] + packet->publish.topic.len;
    if (self->packets == self->wanted) {
        self->end = measure_wall_ns();
        self->cpu = own_cpu() - self->cpu;
    }
}

static void on_close(mqw_conn *conn, void *ctx)
{
    receiver *self = ctx;
    (void)conn;
    mqw_server_close(self->server, false, NULL, NULL);
}

static void on_connection(mqw_server *server, mqw_conn *conn, void *ctx)
{
    static const mqw_handlers handlers = {.size = sizeof handlers,
                                          .connect = on_connect,
                                          .publish = on_publish,
                                          .close = on_close,
                                          .error = on_error};
    receiver *self = ctx;
    self->server = server;
    self->cpu = own_cpu();
    mqw_conn_handle_shared(conn, &handlers, self);
}

static void run_ours(const variant *what, run *out)
{
    char address[128];
    int channel[2];
    if (pipe(channel) != 0)
        fail("pipe");
    pid_t child = fork();
    if (child == 0) {
        keep_to(1);
        if (read(channel[0], address, sizeof address) <= 0)
            fail("no address");
        send_ours(address, what->payload);
        _exit(0);
    }
    receiver self = {.wanted = BYTES / packet_size(what->payload)};
    mqw_server *server = NULL;
    uv_loop_t loop;
    uv_loop_init(&loop);
    if (mqw_server_listen(&server, &loop, "127.0.0.1:0", NULL, on_connection, &self) != 0 ||
        mqw_server_address(server, 0, address, sizeof address) < 0 ||
        write(channel[1], address, strlen(address) + 1) < 0)
        fail("listen");
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    *out = (run){.seconds = (double)(self.end - self.start) * 1e-9,
                 .receiver_cpu = self.cpu,
                 .bytes = self.packets * packet_size(what->payload),
                 .packets = self.packets};
    out->sender_cpu = reap(child);
    if (self.packets != self.wanted)
        fail("packets are missing");
    close(channel[0]);
    close(channel[1]);
}

/* --- the table
 * ---------------------------------------------------------------------------------------------------- */

static double speed(const run *one)
{
    return (double)one->bytes / one->seconds;
}

static double sender_cost(const run *one)
{
    return one->sender_cpu * 1e6 / (double)one->packets;
}

static double receiver_cost(const run *one)
{
    return one->receiver_cpu * 1e6 / (double)one->packets;
}

static double cpu_per_gib(const run *one)
{
    return (one->sender_cpu + one->receiver_cpu) * (double)(1 << 30) / (double)one->bytes;
}

static double median_of(const variant *what, double (*get)(const run *))
{
    double values[ROUNDS];
    for (int i = 0; i < ROUNDS; i++)
        values[i] = get(&what->runs[i]);
    return measure_median(values, ROUNDS);
}

/** Median of the ratios to the other variant in the same round; 0: there is no other. */
static double ratio_of(const variant *what, const variant *to)
{
    double ratios[ROUNDS];
    for (int i = 0; to != NULL && i < ROUNDS; i++)
        ratios[i] = speed(&what->runs[i]) / speed(&to->runs[i]);
    return to != NULL ? measure_median(ratios, ROUNDS) : 0;
}

static void print_variant(const variant *what, const variant *best)
{
    double bytes = median_of(what, speed), ratio = ratio_of(what, best);
    printf("%-28s %8.0f", what->name, bytes / 1e6);
    if (what->payload > 0)
        printf(" %11.0f %6.2f", bytes / (double)packet_size(what->payload), ratio);
    else
        printf(" %11s %6.2f", "", ratio);
    printf(" %11.2f", median_of(what, cpu_per_gib));
    if (what->payload > 0)
        printf(" %9.3f %9.3f", median_of(what, sender_cost), median_of(what, receiver_cost));
    if (what->target > 0)
        printf("   %4.2f  %s", what->target, ratio >= what->target ? "yes" : "NO");
    printf("\n");
}

/** All variants in turn, round by round, and their table. */
static void measure(const char *title, const char *only)
{
    const variant *best = NULL;
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < VARIANTS; i++) {
            if (strstr(variants[i].name, only) != NULL)
                (variants[i].piece > 0 ? run_plain : run_ours)(&variants[i], &variants[i].runs[round]);
        }
    }
    for (int i = 0; i < VARIANTS; i++) {
        bool ran = variants[i].piece > 0 && strstr(variants[i].name, only) != NULL;
        if (ran && (best == NULL || median_of(&variants[i], speed) > median_of(best, speed)))
            best = &variants[i];
    }
    printf("\n%s\n", title);
    for (int i = 0; i < VARIANTS; i++) {
        if (strstr(variants[i].name, only) != NULL)
            print_variant(&variants[i], best);
    }
    fflush(stdout);
}

int main(int argc, char **argv)
{
    const char *only = argc > 1 ? argv[1] : "";
    alarm(TIME_LIMIT);
    printf("%d MiB in each run, medians of %d rounds; CPU in seconds, of both processes\n\n", BYTES >> 20,
           ROUNDS);
    printf("%-28s %8s %11s %6s %11s %19s   %4s  %s\n", "", "", "", "to the", "CPU", "CPU per 1e6 packets", "",
           "");
    printf("%-28s %8s %11s %6s %11s %9s %9s  %5s  %s\n", "", "MB/s", "packets/s", "best", "per GiB", "sender",
           "receiver", "least", "reached");
    measure("the scheduler places both ends (often on one processor)", only);
    if (sysconf(_SC_NPROCESSORS_ONLN) > 1) {
        apart = true;
        keep_to(0);
        measure("each end on a processor of its own", only);
    }
    return 0;
}
