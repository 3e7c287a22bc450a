// SPDX-License-Identifier: MIT
// What the tests of live streams share: a loop with a time limit, and ends of connections that write down
// what they hear.
#ifndef MQW_LIVE_H
#define MQW_LIVE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the headers above
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mqwire/transport.h>

enum { LIMIT = 10000 };

/** A loop that must come to its end by itself, and descriptors that must all be gone then. */
typedef struct testbed {
    uv_loop_t loop;
    uv_timer_t limit;
    int descriptors;
    char dir[64]; /**< For paths of a test; removed at its end. */
} testbed;

static inline int live_descriptors(void)
{
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (dir && readdir(dir))
        count++;
    if (dir)
        closedir(dir);
    return count;
}

static inline void live_over(uv_timer_t *timer)
{
    (void)timer;
    fail_msg("%s", "the loop did not come to its end in time");
}

static inline void live_start(testbed *live)
{
    memset(live, 0, sizeof *live);
    // What libuv opens once and for all does not count.
    assert_int_equal(uv_loop_init(&live->loop), 0);
    assert_int_equal(uv_loop_close(&live->loop), 0);
    live->descriptors = live_descriptors();
    assert_int_equal(uv_loop_init(&live->loop), 0);
    uv_timer_init(&live->loop, &live->limit);
    uv_unref((uv_handle_t *)&live->limit);
    uv_timer_start(&live->limit, live_over, LIMIT, 0);
}

static inline void live_end(testbed *live)
{
    assert_int_equal(uv_run(&live->loop, UV_RUN_DEFAULT), 0);
    uv_close((uv_handle_t *)&live->limit, NULL);
    assert_int_equal(uv_run(&live->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&live->loop), 0);
    assert_int_equal(live_descriptors(), live->descriptors);
}

/** Runs until the condition holds. It does not wait in the loop: not every condition is an event of it. */
#define live_until(live, condition)                 \
    do                                              \
        (void)uv_run(&(live)->loop, UV_RUN_NOWAIT); \
    while (!(condition))

/** One end of a connection: what it has heard, and what it does when it hears something. */
typedef struct side side;
struct side {
    mqw_conn *conn; /**< NULL once `close` was heard. */
    int heard[16];  /**< How often, per packet type; [0]: pieces. */
    int connected;
    int packets;
    int drains;
    int closes;
    int errors;
    int violations;
    mqw_error error;
    char words[96];    /**< mqw_conn_stream_error when the error was heard. */
    uint64_t payload;  /**< Bytes of payload heard. */
    char log[1024];    /**< Names of events, each with a blank behind. */
    bool quiet;        /**< Do not answer CONNECT. */
    bool note_packets; /**< Log `packet` too. */
    void (*act)(side *end, const char *event, const mqw_packet *packet);
    void *more;
};

static inline void end_note(side *end, const char *event, const mqw_packet *packet)
{
    size_t len = strlen(end->log);
    if (len + strlen(event) + 2 < sizeof end->log)
        sprintf(end->log + len, "%s ", event);
    if (end->act)
        end->act(end, event, packet);
}

static inline void end_connected(mqw_conn *conn, void *ctx)
{
    side *end = ctx;
    (void)conn;
    end->connected++;
    end_note(end, "connected", NULL);
}

static inline void end_packet(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    side *end = ctx;
    (void)conn;
    end->packets++;
    end->heard[packet->type]++;
    if (packet->type == MQW_PUBLISH)
        end->payload += packet->publish.payload.len;
    if (end->note_packets)
        end_note(end, "packet", packet);
}

#define X(id, NAME, name, ...)                                                         \
    static inline void end_##name(mqw_conn *conn, const mqw_packet *packet, void *ctx) \
    {                                                                                  \
        side *end = ctx;                                                               \
        (void)conn;                                                                    \
        if (id == MQW_CONNECT && !end->quiet)                                          \
            mqw_conn_connack(conn, &(mqw_connack){0});                                 \
        end_note(end, #name, packet);                                                  \
    }
MQW_PACKETS(X)
#undef X

static inline void end_payload(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    side *end = ctx;
    (void)conn;
    end->heard[0]++;
    end->payload += packet->piece.bytes.len;
    if (packet->piece.offset == 0)
        end_note(end, "payload", packet);
}

static inline void end_violation(mqw_conn *conn, const mqw_packet *packet, const mqw_error *error, void *ctx)
{
    side *end = ctx;
    (void)conn;
    end->violations++;
    end->error = *error;
    end_note(end, "violation", packet);
}

static inline void end_error(mqw_conn *conn, const mqw_error *error, void *ctx)
{
    side *end = ctx;
    end->errors++;
    end->error = *error;
    snprintf(end->words, sizeof end->words, "%s", mqw_conn_stream_error(conn));
    end_note(end, "error", NULL);
}

static inline void end_drain(mqw_conn *conn, void *ctx)
{
    side *end = ctx;
    (void)conn;
    end->drains++;
    end_note(end, "drain", NULL);
}

static inline void end_close(mqw_conn *conn, void *ctx)
{
    side *end = ctx;
    assert_ptr_equal(conn, end->conn);
    end->closes++;
    end_note(end, "close", NULL);
    end->conn = NULL;
}

static const mqw_handlers end_handlers = {
    .size = sizeof(mqw_handlers),
    .connected = end_connected,
#define X(id, NAME, name, ...) .name = end_##name,
    MQW_PACKETS(X)
#undef X
        .packet = end_packet,
    .payload = end_payload,
    .violation = end_violation,
    .error = end_error,
    .drain = end_drain,
    .close = end_close,
};

static inline void end_open(side *end, testbed *live, const char *address, const mqw_open_options *options)
{
    assert_int_equal(mqw_conn_open(&end->conn, &live->loop, address, options, &end_handlers, end), 0);
}

/** A server that gives each peer the next of its ends. */
typedef struct hosting {
    testbed *live;
    mqw_server *server;
    side *ends;
    int max;
    int count;
    char address[128];
    int closed;
} hosting;

static inline void host_connection(mqw_server *server, mqw_conn *conn, void *ctx)
{
    hosting *host = ctx;
    assert_ptr_equal(server, host->server);
    assert_true(host->count < host->max);
    side *end = &host->ends[host->count++];
    end->conn = conn;
    assert_int_equal(mqw_conn_role(conn), MQW_SERVER);
    assert_int_equal(mqw_conn_handle(conn, &end_handlers, end), 0);
    end_note(end, "accepted", NULL);
}

static inline void host_closed(mqw_server *server, void *ctx)
{
    hosting *host = ctx;
    assert_ptr_equal(server, host->server);
    host->closed++;
    host->server = NULL;
}

static inline void host_listen(hosting *host, testbed *live, const char *address,
                               const mqw_open_options *options, side *ends, int max)
{
    *host = (struct hosting){.live = live, .ends = ends, .max = max};
    assert_int_equal(mqw_server_listen(&host->server, &live->loop, address, options, host_connection, host),
                     0);
    assert_int_equal(mqw_server_address(host->server, 0, host->address, sizeof host->address), 0);
}

static inline void host_close(hosting *host, bool drain)
{
    mqw_server_close(host->server, drain, host_closed, host);
}

static inline void send_connect(side *end, const char *client_id)
{
    mqw_connect connect = {.version = 4, .clean_start = true, .client_id = {client_id, strlen(client_id)}};
    assert_int_equal(mqw_conn_connect(end->conn, &connect), 0);
}

static inline void send_publish(side *end, const void *payload, size_t len)
{
    mqw_publish publish = {.topic = MQW_TEXT("a/b"), .payload = {payload, len}};
    assert_int_equal(mqw_conn_publish(end->conn, &publish), 0);
}

/** A connection on one end of a socket pair; the other end is plain and does not block. */
static inline int side_on_socket(side *end, testbed *live, mqw_role role, const mqw_conn_options *options,
                                 const mqw_open_options *open)
{
    int ends[2];
    mqw_stream *stream = NULL;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    assert_int_equal(mqw_stream_descriptor(&stream, &live->loop, ends[0], ends[0]), 0);
    end->conn = mqw_conn_new(role, options);
    assert_non_null(end->conn);
    assert_int_equal(mqw_conn_pipe(end->conn, stream, open, &end_handlers, end), 0);
    return ends[1];
}

/** Reads what is there; 0 at the end, -1 when there is nothing now. */
static inline ssize_t plain_read(int fd, void *room, size_t cap)
{
    return read(fd, room, cap);
}

/** Reads and throws away all that comes until the end, which must come; how much it was. */
static inline size_t plain_drain(testbed *live, int fd)
{
    uint8_t room[65536];
    size_t total = 0;
    ssize_t got = 0;
    while ((got = read(fd, room, sizeof room)) != 0) {
        if (got > 0)
            total += (size_t)got;
        else
            assert_true(uv_run(&live->loop, UV_RUN_NOWAIT) >= 0);
    }
    return total;
}

/** Closes as a peer does that has read everything: what lies unread would make it a reset. */
static inline void plain_close(int fd)
{
    uint8_t room[4096];
    while (read(fd, room, sizeof room) > 0)
        continue;
    close(fd);
}

/** Encodes a packet; how long it is. */
static inline size_t image_of(uint8_t *room, size_t cap, uint8_t version, const mqw_packet *packet)
{
    mqw_codec codec = {.version = version};
    int len = mqw_encode(&codec, packet, room, cap, NULL);
    assert_true(len > 0);
    return (size_t)len;
}

#endif
