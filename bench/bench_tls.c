// SPDX-License-Identifier: MIT
// TLS next to plain SSL_write and SSL_read of as many bytes, with the same cipher: as a layer in memory, and
// as connections over loopback TCP, a process at each end.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measure.h"
#include "mqwire/mqwire.h"
#include "mqwire/transport.h"
#include "transport/tls.h"

enum {
    ROUNDS = 9,
    BYTES = 256 << 20,
    PIECE = 64 << 10,
    TOPIC_LEN = 20,
    TIME_LIMIT = 300,
    PUMP = 128 << 10 /**< The sender stops when so much waits, until half of it is gone. */
};

#define SUITE "TLS_AES_128_GCM_SHA256"

static const uint8_t key[32] = "any key is as good as another";
static uint8_t bytes[PIECE];

static _Noreturn void fail(const char *what)
{
    perror(what);
    exit(1);
}

// --- plain: OpenSSL by itself ---

static unsigned tell_key(SSL *ssl, const char *hint, char *identity, unsigned identity_cap,
                         unsigned char *room, unsigned cap)
{
    (void)ssl, (void)hint, (void)cap;
    snprintf(identity, identity_cap, "bench");
    memcpy(room, key, sizeof key);
    return sizeof key;
}

static unsigned find_key(SSL *ssl, const char *identity, unsigned char *room, unsigned cap)
{
    (void)ssl, (void)identity, (void)cap;
    memcpy(room, key, sizeof key);
    return sizeof key;
}

static SSL *plain_new(bool client)
{
    SSL_CTX *ctx = SSL_CTX_new(client ? TLS_client_method() : TLS_server_method());
    if (ctx == NULL || SSL_CTX_set_ciphersuites(ctx, SUITE) != 1)
        fail("SSL_CTX_new");
    if (client)
        SSL_CTX_set_psk_client_callback(ctx, tell_key);
    else
        SSL_CTX_set_psk_server_callback(ctx, find_key);
    SSL_CTX_set_num_tickets(ctx, 0); // a sender that does not read them would reset the connection
    SSL *ssl = SSL_new(ctx);
    SSL_CTX_free(ctx);
    if (client)
        SSL_set_connect_state(ssl);
    else
        SSL_set_accept_state(ssl);
    return ssl;
}

static void plain_free(SSL *ssl)
{
    SSL_free(ssl);
}

// --- ours ---

static int find_psk(mqw_text identity, uint8_t *room, size_t cap, void *ctx)
{
    (void)identity, (void)cap, (void)ctx;
    memcpy(room, key, sizeof key);
    return sizeof key;
}

static mqw_tls *ours_new(mqw_role role)
{
    const mqw_tls_options client = {
        .size = sizeof client, .psk_identity = "bench", .psk = {key, sizeof key}, .ciphersuites = SUITE};
    const mqw_tls_options server = {.size = sizeof server, .find_psk = find_psk, .ciphersuites = SUITE};
    mqw_tls *tls = NULL;
    if (mqw_tls_new(&tls, role, role == MQW_CLIENT ? &client : &server, NULL, 0) != 0)
        fail("mqw_tls_new");
    return tls;
}

// --- in memory: bytes in, records, bytes out, in one thread ---

static double plain_in_memory(void)
{
    BIO *client_end, *server_end;
    SSL *client = plain_new(true), *server = plain_new(false);
    static uint8_t room[PIECE];
    if (BIO_new_bio_pair(&client_end, 4 * PIECE, &server_end, 4 * PIECE) != 1)
        fail("BIO_new_bio_pair");
    SSL_set_bio(client, client_end, client_end);
    SSL_set_bio(server, server_end, server_end);
    for (int i = 0; i < 4; i++) { // so many flights are enough
        SSL_do_handshake(client);
        SSL_do_handshake(server);
    }
    if (!SSL_is_init_finished(client) || !SSL_is_init_finished(server))
        fail("SSL_do_handshake");
    uint64_t start = measure_wall_ns();
    for (size_t done = 0; done < BYTES; done += PIECE) {
        if (SSL_write(client, bytes, PIECE) != PIECE)
            fail("SSL_write");
        for (int got, left = PIECE; left > 0; left -= got)
            if ((got = SSL_read(server, room, PIECE)) <= 0)
                fail("SSL_read");
    }
    double seconds = (double)(measure_wall_ns() - start) * 1e-9;
    plain_free(client);
    plain_free(server);
    return BYTES / seconds;
}

static mqw__layers *stack_of(mqw_tls *tls)
{
    mqw__layers *stack = mqw__layers_new();
    mqw__layer *layer = NULL;
    if (stack == NULL || mqw__tls_layer_new(&layer, tls, "bench", "mqtt") != 0)
        fail("mqw__tls_layer_new");
    mqw__layers_push(stack, layer);
    mqw__layers_start(stack);
    return stack;
}

/** Moves all that one end has written; how many bytes came out of it. */
static size_t pass(mqw__layers *from, mqw__layers *to, uint8_t *room)
{
    size_t total = 0;
    mqw_bytes piece, wire = mqw__layers_wire(from);
    mqw__layers_feed(to, (mqw__span){(uint8_t *)(uintptr_t)wire.data, wire.len},
                     (mqw__span){room, 2 * PIECE});
    while (mqw__layers_next(to, &piece) > 0)
        total += piece.len;
    mqw__layers_wrote(from, wire.len);
    return total;
}

static double ours_in_memory(void)
{
    mqw_tls *tls[2] = {ours_new(MQW_CLIENT), ours_new(MQW_SERVER)};
    mqw__layers *client = stack_of(tls[0]), *server = stack_of(tls[1]);
    static uint8_t room[2 * PIECE];
    while (!mqw__layers_ready(client) || !mqw__layers_ready(server)) {
        pass(client, server, room);
        pass(server, client, room);
    }
    uint64_t start = measure_wall_ns();
    for (size_t done = 0; done < BYTES; done += PIECE) {
        mqw_bytes views[16];
        for (int i = 0; i < 16; i++)
            views[i] = (mqw_bytes){bytes + i * (PIECE / 16), PIECE / 16};
        if (mqw__layers_send(client, views, 16) != 0 || pass(client, server, room) != PIECE)
            fail("bytes are missing");
    }
    double seconds = (double)(measure_wall_ns() - start) * 1e-9;
    mqw__layers_free(client);
    mqw__layers_free(server);
    mqw_tls_free(tls[0]);
    mqw_tls_free(tls[1]);
    return BYTES / seconds;
}

// --- over loopback TCP ---

static bool apart; // each end on a processor of its own

static void keep_to(unsigned processor)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    if (apart && sched_setaffinity(0, sizeof set, &set) != 0)
        fail("sched_setaffinity");
}

static void reap(pid_t child)
{
    int status;
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail("the sender failed");
}

static void plain_send(const struct sockaddr_in *address)
{
    SSL *ssl = plain_new(true);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof *address) != 0)
        fail("connect");
    SSL_set_fd(ssl, fd);
    for (size_t done = 0; done < BYTES; done += PIECE)
        if (SSL_write(ssl, bytes, PIECE) != PIECE)
            fail("SSL_write");
    plain_free(ssl);
    close(fd);
}

static double plain_receive(int listener)
{
    SSL *ssl = plain_new(false);
    static uint8_t room[PIECE];
    int fd = accept(listener, NULL, NULL), got;
    uint64_t start = 0;
    size_t total = 0;
    SSL_set_fd(ssl, fd);
    while (total < BYTES && (got = SSL_read(ssl, room, PIECE)) > 0) {
        start = start != 0 ? start : measure_wall_ns();
        total += (size_t)got;
    }
    double seconds = (double)(measure_wall_ns() - start) * 1e-9;
    if (total != BYTES)
        fail("bytes are missing");
    plain_free(ssl);
    close(fd);
    return BYTES / seconds;
}

static double plain_over_tcp(uint32_t payload)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    (void)payload;
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, len) != 0 || listen(listener, 1) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &len) != 0)
        fail("listen");
    pid_t child = fork();
    if (child == 0) {
        keep_to(1);
        plain_send(&address);
        _exit(0);
    }
    double speed = plain_receive(listener);
    reap(child);
    close(listener);
    return speed;
}

typedef struct sender {
    mqw_publish publish;
    uint64_t left;
} sender;

/** Sends until enough waits; drain calls again. */
static void pump(mqw_conn *conn, sender *self)
{
    for (; self->left > 0 && mqw_conn_waiting(conn) <= PUMP; self->left--)
        if (mqw_conn_publish(conn, &self->publish) != 0)
            fail("publish");
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
    (void)ctx;
    fprintf(stderr, "bench_tls: %s %s\n", mqw_error_text(error), mqw_conn_stream_error(conn));
    _exit(1);
}

static uint64_t packet_size(uint32_t payload)
{
    uint64_t length = 2 + TOPIC_LEN + payload;
    return length + (length < 0x80 ? 2 : length < 0x4000 ? 3 : 4);
}

static void ours_send(const char *address, uint32_t payload)
{
    static const mqw_handlers handlers = {.size = sizeof handlers,
                                          .connected = on_connected,
                                          .connack = on_connack,
                                          .drain = on_drain,
                                          .error = on_error};
    static const mqw_conn_options conn_options = {
        .size = sizeof conn_options, .high_water = PUMP, .low_water = PUMP / 2};
    const mqw_open_options options = {
        .size = sizeof options, .conn = &conn_options, .tls = ours_new(MQW_CLIENT)};
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

typedef struct receiver {
    uint64_t left;
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
    if (self->start == 0)
        self->start = measure_wall_ns();
    if (--self->left == 0)
        self->end = measure_wall_ns();
}

static void on_close(mqw_conn *conn, void *ctx)
{
    (void)conn;
    mqw_server_close(((receiver *)ctx)->server, false, NULL, NULL);
}

static void on_connection(mqw_server *server, mqw_conn *conn, void *ctx)
{
    static const mqw_handlers handlers = {.size = sizeof handlers,
                                          .connect = on_connect,
                                          .publish = on_publish,
                                          .close = on_close,
                                          .error = on_error};
    ((receiver *)ctx)->server = server;
    mqw_conn_handle_shared(conn, &handlers, ctx);
}

static double ours_over_tcp(uint32_t payload)
{
    char address[128] = "mqtts", at[100];
    int channel[2];
    if (pipe(channel) != 0)
        fail("pipe");
    pid_t child = fork();
    if (child == 0) {
        keep_to(1);
        if (read(channel[0], address, sizeof address) <= 0)
            fail("no address");
        ours_send(address, payload);
        _exit(0);
    }
    mqw_tls *tls = ours_new(MQW_SERVER);
    const mqw_open_options options = {.size = sizeof options, .tls = tls};
    const uint64_t packets = BYTES / packet_size(payload);
    receiver self = {.left = packets};
    mqw_server *server = NULL;
    uv_loop_t loop;
    uv_loop_init(&loop);
    if (mqw_server_listen(&server, &loop, "mqtts://127.0.0.1:0", &options, on_connection, &self) != 0 ||
        mqw_server_address(server, 0, at, sizeof at) < 0)
        fail("listen");
    snprintf(address, sizeof address, "mqtts%s", strstr(at, "://"));
    if (write(channel[1], address, strlen(address) + 1) < 0)
        fail("write");
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    mqw_tls_free(tls);
    reap(child);
    close(channel[0]);
    close(channel[1]);
    if (self.left > 0)
        fail("packets are missing");
    return (double)(packets * packet_size(payload)) / ((double)(self.end - self.start) * 1e-9);
}

// --- the table ---

static double in_memory(uint32_t payload)
{
    (void)payload;
    return ours_in_memory();
}

static double plain_memory(uint32_t payload)
{
    (void)payload;
    return plain_in_memory();
}

typedef struct variant {
    const char *name;
    double (*run)(uint32_t payload); /**< Bytes a second. */
    uint32_t payload;
    double target; /**< Least ratio to the plain variant, which is the first. */
} variant;

static void measure(const char *title, const variant *variants, int count)
{
    double speeds[8][ROUNDS], ratios[8][ROUNDS];
    printf("\n%s\n", title);
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < count; i++) {
            speeds[i][round] = variants[i].run(variants[i].payload);
            ratios[i][round] = speeds[i][round] / speeds[0][round];
        }
    for (int i = 0; i < count; i++) {
        double ratio = measure_median(ratios[i], ROUNDS);
        printf("%-36s %8.0f %6.2f", variants[i].name, measure_median(speeds[i], ROUNDS) / 1e6, ratio);
        if (variants[i].target > 0)
            printf("   %4.2f  %s", variants[i].target, ratio >= variants[i].target ? "yes" : "NO");
        printf("\n");
    }
    fflush(stdout);
}

int main(void)
{
    static const variant memory[] = {{"SSL_write and SSL_read, 64 KiB", plain_memory, 0, 0},
                                     {"the layer, views of 4 KiB", in_memory, 0, 0.8}};
    static const variant tcp[] = {{"SSL_write and SSL_read, 64 KiB", plain_over_tcp, 0, 0},
                                  {"mqw_conn, 64-byte payloads", ours_over_tcp, 64, 0},
                                  {"mqw_conn, 1 KiB payloads", ours_over_tcp, 1024, 0.8},
                                  {"mqw_conn, 16 KiB payloads", ours_over_tcp, 16384, 0.8}};
    alarm(TIME_LIMIT);
    printf("%s, %d MiB in each run, medians of %d rounds\n\n", SUITE, BYTES >> 20, ROUNDS);
    printf("%-36s %8s %6s   %5s\n", "", "MB/s", "ratio", "least");
    measure("in memory, one thread", memory, 2);
    measure("loopback TCP (the scheduler places both ends)", tcp, 4);
    if (sysconf(_SC_NPROCESSORS_ONLN) > 1) {
        apart = true;
        keep_to(0);
        measure("loopback TCP, each end on a processor of its own", tcp, 4);
    }
    return 0;
}
