// SPDX-License-Identifier: MIT
// What a WebSocket costs: first frames alone, made and read by the library wslay and by us; then connections
// over loopback, plain and through WebSocket, one process at each end.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wslay/wslay.h>

#include "measure.h"
#include "mqwire/transport.h"
#include "transport/frame.h"

enum { ROUNDS = 7, TIME_LIMIT = 300, TOPIC_LEN = 20, BYTES = 96 << 20, PUMP = 128 << 10 };

static _Noreturn void fail(const char *what)
{
    perror(what);
    exit(1);
}

/* --- frames alone --- */

enum { FRAME = 32 << 10, FRAMES = 2000 };

/** Bytes that a reader or writer of wslay takes from here or puts there. */
typedef struct tape {
    uint8_t *data;
    size_t len;
    size_t at;
} tape;

static ssize_t tape_read(uint8_t *room, size_t cap, int flags, void *arg)
{
    tape *from = arg;
    size_t len = from->len - from->at < cap ? from->len - from->at : cap;
    (void)flags;
    memcpy(room, from->data + from->at, len);
    from->at += len;
    return (ssize_t)len;
}

static ssize_t tape_write(const uint8_t *bytes, size_t len, int flags, void *arg)
{
    tape *to = arg;
    (void)flags;
    memcpy(to->data + to->at, bytes, len);
    to->at += len;
    return (ssize_t)len;
}

static int tape_mask(uint8_t *key, size_t len, void *arg)
{
    (void)arg;
    memcpy(key, "\x37\xfa\x21\x3d", len);
    return 0;
}

static const struct wslay_frame_callbacks on_tape = {tape_write, tape_read, tape_mask};

static uint8_t source[FRAME], wire[FRAME + MQW__FRAME_HEAD], again[FRAME + MQW__FRAME_HEAD];

static double seconds_since(uint64_t start)
{
    return (double)(measure_thread_ns() - start) * 1e-9;
}

static double wslay_writes(void)
{
    tape to = {.data = wire};
    wslay_frame_context_ptr ctx;
    if (wslay_frame_context_init(&ctx, &on_tape, &to) != 0)
        fail("wslay");
    uint64_t start = measure_thread_ns();
    for (int i = 0; i < FRAMES; i++) {
        struct wslay_frame_iocb frame = {.fin = 1,
                                         .opcode = WSLAY_BINARY_FRAME,
                                         .payload_length = FRAME,
                                         .mask = 1,
                                         .data = source,
                                         .data_length = FRAME};
        to.at = 0;
        while (frame.data_length > 0) {
            ssize_t went = wslay_frame_send(ctx, &frame);
            if (went < 0)
                fail("wslay_frame_send");
            frame.data += went;
            frame.data_length -= (size_t)went;
        }
    }
    double seconds = seconds_since(start);
    wslay_frame_context_free(ctx);
    return seconds;
}

static double we_write(void)
{
    const mqw__frame frame = {.len = FRAME,
                              .opcode = MQW__WS_BINARY,
                              .last = true,
                              .masked = true,
                              .key = {0x37, 0xfa, 0x21, 0x3d}};
    uint64_t start = measure_thread_ns();
    for (int i = 0; i < FRAMES; i++) {
        size_t head = mqw__frame_write(wire, &frame);
        mqw__frame_mask(wire + head, source, FRAME, frame.key, 0);
        source[i % FRAME] = (uint8_t)i;
    }
    return seconds_since(start);
}

static double wslay_reads(void)
{
    tape from = {.data = wire, .len = sizeof wire - 6}; // a head of 8 bytes
    wslay_frame_context_ptr ctx;
    if (wslay_frame_context_init(&ctx, &on_tape, &from) != 0)
        fail("wslay");
    uint64_t start = measure_thread_ns();
    for (int i = 0; i < FRAMES; i++) {
        size_t got = 0;
        from.at = 0;
        while (got < FRAME) {
            struct wslay_frame_iocb frame;
            memset(&frame, 0, sizeof frame);
            ssize_t more = wslay_frame_recv(ctx, &frame);
            if (more < 0)
                fail("wslay_frame_recv");
            got += (size_t)more;
        }
    }
    double seconds = seconds_since(start);
    wslay_frame_context_free(ctx);
    return seconds;
}

static double we_read(void)
{
    double seconds = 0;
    for (int i = 0; i < FRAMES; i++) {
        mqw__frame frame;
        memcpy(again, wire, sizeof wire);
        uint64_t start = measure_thread_ns();
        int head = mqw__frame_read(&frame, again, sizeof again);
        if (head <= 0 || frame.len != FRAME)
            fail("frame");
        mqw__frame_mask(again + head, again + head, FRAME, frame.key, 0);
        seconds += seconds_since(start);
    }
    return seconds;
}

static double median_of(double (*run)(void))
{
    double values[ROUNDS];
    for (int i = 0; i < ROUNDS; i++)
        values[i] = (double)FRAME * FRAMES / run() / 1e6;
    return measure_median(values, ROUNDS);
}

static void measure_frames(void)
{
    printf("frames of 32 KiB with a mask, alone        MB/s\n");
    double writes = median_of(wslay_writes), ours = median_of(we_write);
    printf(
        "  written by wslay                     %8.0f\n  written by us                        %8.0f  %5.1f times\n",
        writes, ours, ours / writes);
    double reads = median_of(wslay_reads);
    ours = median_of(we_read);
    printf(
        "  read by wslay                        %8.0f\n  read by us                           %8.0f  %5.1f times\n\n",
        reads, ours, ours / reads);
}

/* --- connections: the sender --- */

typedef struct sender {
    mqw_publish publish;
    uint64_t left;
} sender;

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
    (void)error, (void)ctx;
    fprintf(stderr, "bench_websocket: %s\n", mqw_conn_stream_error(conn));
    _exit(1);
}

static uint64_t packet_size(uint32_t payload)
{
    uint64_t length = 2 + TOPIC_LEN + payload;
    return length + (length < 0x80 ? 2 : length < 0x4000 ? 3 : 4);
}

static void send_all(const char *address, uint32_t payload)
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

/* --- connections: the receiver --- */

typedef struct receiver {
    uint64_t wanted;
    uint64_t packets;
    uint64_t start;
    uint64_t end;
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
    (void)conn, (void)packet;
    if (self->packets++ == 0)
        self->start = measure_wall_ns();
    if (self->packets == self->wanted)
        self->end = measure_wall_ns();
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
    mqw_conn_handle_shared(conn, &handlers, self);
}

/** Seconds of both processes so far. */
static double cpu_of_both(void)
{
    double seconds = 0;
    for (int i = 0; i < 2; i++) {
        struct rusage usage;
        getrusage(i == 0 ? RUSAGE_SELF : RUSAGE_CHILDREN, &usage);
        seconds += (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                   (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
    }
    return seconds;
}

/** Bytes of MQTT in a second; *cpu gets the seconds of both processes for each GiB. */
static double run(const char *scheme, uint32_t payload, double *cpu)
{
    double before = cpu_of_both();
    char bound[128], address[160];
    int channel[2], status;
    if (pipe(channel) != 0)
        fail("pipe");
    pid_t child = fork();
    if (child == 0) {
        if (read(channel[0], address, sizeof address) <= 0)
            fail("no address");
        send_all(address, payload);
        _exit(0);
    }
    receiver self = {.wanted = BYTES / packet_size(payload)};
    mqw_server *server = NULL;
    uv_loop_t loop;
    uv_loop_init(&loop);
    snprintf(address, sizeof address, "%s://127.0.0.1:0", scheme);
    if (mqw_server_listen(&server, &loop, address, NULL, on_connection, &self) != 0 ||
        mqw_server_address(server, 0, bound, sizeof bound) < 0)
        fail("listen");
    snprintf(address, sizeof address, "%s%s", scheme, strchr(bound, ':'));
    if (write(channel[1], address, strlen(address) + 1) < 0)
        fail("write");
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    if (waitpid(child, &status, 0) != child || status != 0 || self.packets != self.wanted)
        fail("packets are missing");
    close(channel[0]);
    close(channel[1]);
    *cpu = (cpu_of_both() - before) * (double)(1 << 30) / (double)BYTES;
    return (double)(self.packets * packet_size(payload)) / ((double)(self.end - self.start) * 1e-9);
}

int main(void)
{
    static const uint32_t payloads[] = {64, 1024, 16384};
    alarm(TIME_LIMIT);
    measure_frames();
    printf(
        "connections, MB/s of MQTT      plain TCP  WebSocket  ratio   least  reached   CPU seconds a GiB\n");
    for (size_t i = 0; i < sizeof payloads / sizeof payloads[0]; i++) {
        double plain[ROUNDS], through[ROUNDS], ratio[ROUNDS], cpu[2][ROUNDS];
        for (int round = 0; round < ROUNDS; round++) {
            plain[round] = run("tcp", payloads[i], &cpu[0][round]) / 1e6;
            through[round] = run("ws", payloads[i], &cpu[1][round]) / 1e6;
            ratio[round] = through[round] / plain[round];
        }
        double middle = measure_median(ratio, ROUNDS);
        printf("  payloads of %5u bytes       %9.0f  %9.0f  %5.2f   0.60   %-8s  %5.2f  %5.2f\n", payloads[i],
               measure_median(plain, ROUNDS), measure_median(through, ROUNDS), middle,
               middle >= 0.6 ? "yes" : "NO", measure_median(cpu[0], ROUNDS), measure_median(cpu[1], ROUNDS));
    }
    return 0;
}
