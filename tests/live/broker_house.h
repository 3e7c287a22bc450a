// SPDX-License-Identifier: MIT
// A broker in a process of its own, which tells how it is: how many clients, how much memory, its longest
// turn.
#ifndef MQW_TESTS_BROKER_HOUSE_H
#define MQW_TESTS_BROKER_HOUSE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the headers above
#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <mqwire/broker.h>

#if defined(__SANITIZE_ADDRESS__)
#define WITH_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_SANITIZER 1
#endif
#endif
#ifndef WITH_SANITIZER
#define WITH_SANITIZER 0
#endif

/** What parent and child see of each other. */
typedef struct board {
    _Atomic uint64_t longest; /**< Turn, in microseconds. */
    _Atomic uint64_t clients, connections, memory, memory_maximum, dropped;
    _Atomic uint64_t told; /**< How often the figures were renewed. */
    char address[128];
} board;

typedef struct house {
    mqw_broker_options options; /**< Given by the test. */
    board *board;
    pid_t pid;
    int control; /**< Its end ends the child. */
    // the child's own
    mqw_broker *broker;
    uint64_t turned;
} house;

static inline uint64_t microseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static inline uint64_t now_ms(void)
{
    return microseconds() / 1000;
}

// ---- the child ----

static inline void house_wakes(uv_check_t *check)
{
    ((house *)check->data)->turned = microseconds();
}

static inline void house_sleeps(uv_prepare_t *prepare)
{
    house *h = prepare->data;
    uint64_t took = h->turned ? microseconds() - h->turned : 0;
    if (took > atomic_load(&h->board->longest))
        atomic_store(&h->board->longest, took);
}

static inline void house_tells(uv_timer_t *timer)
{
    house *h = timer->data;
    mqw_broker_status status = {.size = sizeof status};
    mqw_broker_status_of(h->broker, &status);
    atomic_store(&h->board->clients, status.clients_connected);
    atomic_store(&h->board->connections, status.connections);
    atomic_store(&h->board->memory, status.memory);
    atomic_store(&h->board->memory_maximum, status.memory_maximum);
    atomic_store(&h->board->dropped, status.dropped_full);
    atomic_fetch_add(&h->board->told, 1);
}

static inline void house_over(uv_poll_t *poll, int status, int events)
{
    (void)poll, (void)status, (void)events;
    _exit(0);
}

static inline void house_serves(house *h, int control)
{
    uv_loop_t loop;
    uv_poll_t poll;
    uv_timer_t timer;
    uv_check_t check;
    uv_prepare_t prepare;
    if (uv_loop_init(&loop) || mqw_broker_open(&h->broker, &loop, &h->options) ||
        mqw_broker_listen(h->broker, "tcp://127.0.0.1:0", NULL) ||
        mqw_broker_address(h->broker, 0, h->board->address, sizeof h->board->address))
        _exit(1);
    uv_poll_init(&loop, &poll, control);
    uv_timer_init(&loop, &timer);
    uv_check_init(&loop, &check);
    uv_prepare_init(&loop, &prepare);
    poll.data = timer.data = check.data = prepare.data = h;
    uv_poll_start(&poll, UV_READABLE | UV_DISCONNECT, house_over);
    uv_timer_start(&timer, house_tells, 10, 10);
    uv_check_start(&check, house_wakes);
    uv_prepare_start(&prepare, house_sleeps);
    if (write(control, "r", 1) != 1)
        _exit(1);
    uv_run(&loop, UV_RUN_DEFAULT);
    _exit(0);
}

// ---- the parent ----

/** As many descriptors as there may be. */
static inline size_t more_descriptors(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
    return (size_t)limit.rlim_cur;
}

static inline void house_opens(house *h, const mqw_broker_options *options)
{
    int ends[2];
    char byte;
    memset(h, 0, sizeof *h);
    if (options)
        h->options = *options;
    h->board = mmap(NULL, sizeof *h->board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(h->board != MAP_FAILED);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    h->pid = fork();
    assert_true(h->pid >= 0);
    if (h->pid == 0) {
        close(ends[0]);
        house_serves(h, ends[1]);
    }
    close(ends[1]);
    h->control = ends[0];
    assert_int_equal(read(h->control, &byte, 1), 1);
}

static inline void house_closes(house *h)
{
    int status;
    close(h->control);
    assert_int_equal(waitpid(h->pid, &status, 0), h->pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    munmap(h->board, sizeof *h->board);
}

/** Figures that are newer than this call. */
static inline void house_asked(const house *h)
{
    uint64_t before = atomic_load(&h->board->told), limit = now_ms() + 10000;
    while (atomic_load(&h->board->told) < before + 2) {
        poll(NULL, 0, 1);
        assert_true(now_ms() < limit);
    }
}

static inline void await_clients(const house *h, uint64_t count)
{
    uint64_t limit = now_ms() + 30000;
    while (house_asked(h), atomic_load(&h->board->clients) != count)
        assert_true(now_ms() < limit);
}

static inline void await_connections(const house *h, uint64_t count)
{
    uint64_t limit = now_ms() + 30000;
    while (house_asked(h), atomic_load(&h->board->connections) != count)
        assert_true(now_ms() < limit);
}

// ---- clients that are sockets ----

static inline int dial(const house *h)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    struct timeval patience = {10, 0};
    assert_true(fd >= 0);
    to.sin_port = htons((uint16_t)strtoul(strrchr(h->board->address, ':') + 1, NULL, 10));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static inline void say(int fd, const void *bytes, size_t len)
{
    assert_int_equal(write(fd, bytes, len), (ssize_t)len);
}

static inline void say_packet(int fd, const mqw_packet *packet)
{
    uint8_t room[2048];
    mqw_codec codec = {.version = 4, .sender = MQW_CLIENT};
    int len = mqw_encode(&codec, packet, room, sizeof room, NULL);
    assert_true(len > 0);
    say(fd, room, (size_t)len);
}

static inline void hear(int fd, const char *expected, size_t len)
{
    char bytes[64];
    size_t got = 0;
    while (got < len) {
        ssize_t some = read(fd, bytes + got, len - got);
        assert_true(some > 0);
        got += (size_t)some;
    }
    assert_memory_equal(bytes, expected, len);
}

/** CONNECT, without waiting for CONNACK. */
static inline int call(const house *h, unsigned number)
{
    char id[16];
    int fd = dial(h);
    snprintf(id, sizeof id, "c%u", number);
    mqw_packet packet = {.type = MQW_CONNECT,
                         .connect = {.version = 4, .clean_start = true, .client_id = {id, strlen(id)}}};
    say_packet(fd, &packet);
    return fd;
}

static inline void welcomed(int fd)
{
    hear(fd, "\x20\x02\x00\x00", 4);
}

static inline void subscribes(int fd, const char *filter)
{
    uint8_t room[64];
    mqw_filter item = {.filter = {filter, strlen(filter)}};
    mqw_packet packet = {
        .type = MQW_SUBSCRIBE,
        .subscribe = {.packet_id = 1, .filters = mqw_list_filters(room, sizeof room, &item, 1)}};
    say_packet(fd, &packet);
    hear(fd, "\x90\x03\x00\x01\x00", 5);
}

#endif
