// SPDX-License-Identifier: MIT
// A server in a process of its own, so that its memory is not ours: it floods its client as fast as that
// takes it, or it is deaf until it is told to listen. What it has done stands in memory that both see.
#ifndef MQW_TESTS_PRESSURE_H
#define MQW_TESTS_PRESSURE_H

#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "live/live.h"

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ADDRESS_SANITIZER
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ADDRESS_SANITIZER
#endif
#endif
#ifdef WITH_ADDRESS_SANITIZER
size_t __sanitizer_get_current_allocated_bytes(void); // NOLINT: gcc has no header for it
#endif

enum { STUCK_AFTER = 100, PIECE = 64 * 1024 };

/** What parent and child see of each other. */
typedef struct pressure_board {
    _Atomic uint64_t sent;   // messages (or pieces) that the child has queued
    _Atomic uint64_t heard;  // messages that the child has received
    _Atomic uint64_t wrong;  // those that were not the next one
    _Atomic uint64_t stuck;  // tenths of a second without progress
    _Atomic uint64_t served; // CONNECT packets
    char address[160];
} pressure_board;

typedef struct pressure {
    // what the child does
    const char *scheme; // mqtt, mqtts or ws
    uint64_t total;     // messages to send; 0: it is deaf at first
    uint32_t size;      // of a payload; 4 bytes at least, the number comes first
    uint8_t qos;
    bool in_pieces;
    bool answers; // neither: it is an ordinary server, without subscriptions
    // the child's own
    mqw_conn *conn;
    uint64_t sent;
    uint32_t left; // of the payload that is being sent in pieces
    uint64_t seen; // at the last tick
    // the parent's
    pressure_board *board;
    pid_t pid;
    int control;
} pressure;

static const uint8_t psk_key[16] = "0123456789abcde";

static inline int pressure_find_psk(mqw_text identity, uint8_t *room, size_t cap, void *ctx)
{
    (void)identity, (void)ctx;
    assert_true(cap >= sizeof psk_key);
    memcpy(room, psk_key, sizeof psk_key);
    return sizeof psk_key;
}

/** TLS with a pre-shared key: no certificates are needed. */
static inline mqw_tls *pressure_tls(mqw_role role)
{
    mqw_tls_options options = {.size = sizeof options};
    mqw_tls *tls = NULL;
    char why[200];
    if (role == MQW_SERVER) {
        options.find_psk = pressure_find_psk;
    } else {
        options.psk_identity = "us";
        options.psk = (mqw_bytes){psk_key, sizeof psk_key};
    }
    if (mqw_tls_new(&tls, role, &options, why, sizeof why) != 0)
        fail_msg("%s", why);
    return tls;
}

// --- the child ---

static inline uint32_t pressure_number(mqw_bytes payload)
{
    uint32_t number = UINT32_MAX;
    if (payload.len >= sizeof number)
        memcpy(&number, payload.data, sizeof number);
    return number;
}

// False: there is no room now; it is asked again.
static inline bool pressure_message(pressure *self)
{
    static uint8_t payload[PIECE];
    uint32_t number = (uint32_t)self->sent;
    mqw_publish publish = {.topic = MQW_TEXT("flood"), .payload = {payload, self->size}, .qos = self->qos};
    publish.packet_id = (uint16_t)(self->qos ? self->sent % 65535 + 1 : 0);
    memcpy(payload, &number, sizeof number);
    return mqw_conn_publish(self->conn, &publish) == 0;
}

static inline bool pressure_piece(pressure *self)
{
    static const uint8_t piece[PIECE];
    mqw_publish publish = {.topic = MQW_TEXT("flood")};
    if (self->left == 0) {
        if (mqw_conn_publish_begin(self->conn, &publish, self->size) != 0)
            return false;
        self->left = self->size;
    }
    uint32_t some = self->left < PIECE ? self->left : PIECE;
    if (mqw_conn_publish_write(self->conn, (mqw_bytes){piece, some}) != 0)
        return false;
    self->left -= some;
    return self->left > 0 || mqw_conn_publish_end(self->conn) == 0;
}

static inline void pressure_fill(pressure *self)
{
    while (self->conn && self->sent < self->total) {
        if (!(self->in_pieces ? pressure_piece(self) : pressure_message(self)))
            return;
        self->sent += self->left == 0;
        atomic_fetch_add(&self->board->sent, 1);
    }
}

static inline void pressure_packet(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    pressure *self = ctx;
    if (packet->type == MQW_CONNECT) {
        self->conn = conn;
        atomic_fetch_add(&self->board->served, 1);
        assert_int_equal(mqw_conn_connack(conn, &(mqw_connack){.reason = 0}), 0);
        if (self->total == 0 && !self->answers)
            mqw_conn_pause(conn);
    }
    if (packet->type == MQW_SUBSCRIBE)
        mqw_conn_suback(conn, &(mqw_suback){packet->subscribe.packet_id, {(const uint8_t *)"\2", 1}, {0}});
    if (packet->type == MQW_PUBLISH) {
        uint64_t number = atomic_fetch_add(&self->board->heard, 1);
        if (pressure_number(packet->publish.payload) != number)
            atomic_fetch_add(&self->board->wrong, 1);
    }
    pressure_fill(self);
}

static inline void pressure_drain(mqw_conn *conn, void *ctx)
{
    (void)conn;
    pressure_fill(ctx);
}

static inline void pressure_closed(mqw_conn *conn, void *ctx)
{
    pressure *self = ctx;
    if (self->conn == conn)
        self->conn = NULL;
}

static inline void pressure_error(mqw_conn *conn, const mqw_error *error, void *ctx)
{
    (void)conn, (void)error, (void)ctx;
}

static inline void pressure_tick(uv_timer_t *timer)
{
    pressure *self = timer->data;
    uint64_t now = atomic_load(&self->board->sent);
    if (now == self->seen)
        atomic_fetch_add(&self->board->stuck, 1);
    self->seen = now;
}

// A byte: listen from now on. The end: the test is over, one way or another.
static inline void pressure_told(uv_poll_t *poll, int status, int events)
{
    pressure *self = poll->data;
    char byte;
    (void)status, (void)events;
    if (read(self->control, &byte, 1) != 1)
        _exit(0);
    if (self->conn)
        mqw_conn_resume(self->conn);
}

static inline void pressure_serve(pressure *self, int ready)
{
    static const mqw_handlers handlers = {.size = sizeof handlers,
                                          .packet = pressure_packet,
                                          .error = pressure_error,
                                          .drain = pressure_drain,
                                          .close = pressure_closed};
    const mqw_conn_options each = {.size = sizeof each,
                                   .answers = MQW_ANSWER_ACKS | MQW_ANSWER_PINGRESP,
                                   .max_output = 1 << 20,
                                   .handlers = &handlers,
                                   .handlers_ctx = self};
    const mqw_open_options options = {.size = sizeof options, .conn = &each, .tls = pressure_tls(MQW_SERVER)};
    char listen[64];
    uv_loop_t loop;
    uv_poll_t control;
    uv_timer_t ticks;
    mqw_server *server = NULL;
    snprintf(listen, sizeof listen, "%s://127.0.0.1:0", self->scheme);
    if (uv_loop_init(&loop) || mqw_server_listen(&server, &loop, listen, &options, NULL, NULL) ||
        mqw_server_address(server, 0, self->board->address, sizeof self->board->address))
        _exit(1);
    uv_poll_init(&loop, &control, self->control);
    uv_timer_init(&loop, &ticks);
    control.data = ticks.data = self;
    uv_poll_start(&control, UV_READABLE | UV_DISCONNECT, pressure_told);
    uv_timer_start(&ticks, pressure_tick, STUCK_AFTER, STUCK_AFTER);
    if (write(ready, "r", 1) != 1)
        _exit(1);
    uv_run(&loop, UV_RUN_DEFAULT);
    _exit(0);
}

// --- the parent ---

/** Starts it. Before the loop of the test, whose descriptors are counted. */
static inline void pressure_start(pressure *self)
{
    int ends[2];
    char byte;
    self->board = mmap(NULL, sizeof *self->board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(self->board != MAP_FAILED);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    self->pid = fork();
    assert_true(self->pid >= 0);
    if (self->pid == 0) {
        close(ends[0]);
        self->control = ends[1];
        pressure_serve(self, ends[1]);
    }
    close(ends[1]);
    self->control = ends[0];
    assert_int_equal(read(self->control, &byte, 1), 1);
}

/** Its address for a client; lives until the next call. */
static inline const char *pressure_address(const pressure *self)
{
    static char address[192];
    const char *rest = strstr(self->board->address, "://");
    assert_non_null(rest);
    snprintf(address, sizeof address, "%s%s", self->scheme, rest);
    return address;
}

static inline void pressure_listen(const pressure *self)
{
    assert_int_equal(write(self->control, "l", 1), 1);
}

static inline void pressure_end(pressure *self)
{
    int status;
    close(self->control);
    assert_int_equal(waitpid(self->pid, &status, 0), self->pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    munmap(self->board, sizeof *self->board);
}

/** Memory of this process, in bytes: what is resident; with AddressSanitizer, which keeps what was freed for
 * a while, what is allocated. */
static inline uint64_t memory_in_use(void)
{
#ifdef WITH_ADDRESS_SANITIZER
    return __sanitizer_get_current_allocated_bytes();
#else
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*u %lu", &pages), 1); // NOLINT: a file of the kernel
    fclose(file);
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
#endif
}

#endif
