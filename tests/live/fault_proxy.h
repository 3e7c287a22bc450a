// SPDX-License-Identifier: MIT
// A TCP proxy that does harm once: it cuts, or goes silent, at a byte of one direction, counted over all
// connections; and it may slow everything down and hand it on in small pieces. After that it does its work.
#ifndef MQW_TESTS_FAULT_PROXY_H
#define MQW_TESTS_FAULT_PROXY_H

#include <signal.h>

#include "live/live.h"

enum fault_kind { FAULT_NONE, FAULT_CUT, FAULT_RESET, FAULT_STALL };
enum { TO_SERVER, TO_CLIENT };

typedef union fault_end {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
} fault_end;

typedef struct fault_proxy fault_proxy;
typedef struct fault_link fault_link;

/** One direction of a connection: a chunk is read when the one before is gone. */
typedef struct fault_way {
    fault_link *link;
    fault_end *from, *to;
    uv_timer_t timer;
    uv_write_t write;
    size_t len, gone, some;
    char chunk[4096];
} fault_way;

struct fault_link {
    fault_proxy *proxy;
    fault_link *next;
    fault_end ends[2]; // the server's, the client's
    fault_way ways[2];
    uv_connect_t connect;
    bool stalled;
    int open; // handles
};

struct fault_proxy {
    uv_loop_t *loop;
    const char *path; // where the server is: a Unix socket
    int port;         // or a TCP port
    // the harm
    enum fault_kind kind;
    int direction;
    uint64_t at;
    unsigned delay; // milliseconds before each piece
    size_t piece;   // 0: what has come
    // what has happened
    uint64_t passed[2];
    int connections, harmed;
    fault_link *links;
    uv_tcp_t listener;
    char address[48];
};

static inline void fault_unlink(fault_link *link)
{
    fault_link **at = &link->proxy->links;
    while (*at != link)
        at = &(*at)->next;
    *at = link->next;
    free(link);
}

static inline void fault_gone(uv_handle_t *handle)
{
    fault_link *link = handle->data;
    if (--link->open == 0)
        fault_unlink(link);
}

static inline void fault_close(fault_link *link)
{
    for (int i = 0; i < 2; i++) {
        if (!uv_is_closing(&link->ends[i].handle))
            uv_close(&link->ends[i].handle, fault_gone);
        if (!uv_is_closing((uv_handle_t *)&link->ways[i].timer))
            uv_close((uv_handle_t *)&link->ways[i].timer, fault_gone);
    }
}

static inline void fault_harm(fault_link *link)
{
    fault_proxy *proxy = link->proxy;
    proxy->harmed++;
    if (proxy->kind == FAULT_STALL) {
        link->stalled = true;
        return;
    }
    if (proxy->kind == FAULT_RESET)
        uv_tcp_close_reset(&link->ends[TO_CLIENT].tcp, (uv_close_cb)fault_gone);
    fault_close(link);
}

static inline bool fault_is_due(const fault_way *way)
{
    const fault_proxy *proxy = way->link->proxy;
    return proxy->kind && !proxy->harmed && way == &way->link->ways[proxy->direction] &&
           proxy->passed[proxy->direction] >= proxy->at;
}

static inline void fault_read(fault_way *way);
static inline void fault_piece(uv_timer_t *timer);

static inline void fault_written(uv_write_t *write, int status)
{
    fault_way *way = write->data;
    if (uv_is_closing(&way->from->handle))
        return;
    if (status) {
        fault_close(way->link);
        return;
    }
    way->gone += way->some;
    way->link->proxy->passed[way - way->link->ways] += way->some;
    if (fault_is_due(way))
        fault_harm(way->link);
    else if (way->gone < way->len)
        uv_timer_start(&way->timer, fault_piece, way->link->proxy->delay, 0);
    else
        fault_read(way);
}

// How much of the chunk goes now: not beyond the byte where harm is done.
static inline size_t fault_next(const fault_way *way)
{
    const fault_proxy *proxy = way->link->proxy;
    size_t some = way->len - way->gone;
    if (proxy->piece && some > proxy->piece)
        some = proxy->piece;
    if (proxy->kind && !proxy->harmed && way == &way->link->ways[proxy->direction] &&
        some > proxy->at - proxy->passed[proxy->direction])
        some = (size_t)(proxy->at - proxy->passed[proxy->direction]);
    return some;
}

static inline void fault_piece(uv_timer_t *timer)
{
    fault_way *way = (fault_way *)((char *)timer - offsetof(fault_way, timer));
    if (way->link->stalled)
        return;
    way->some = fault_next(way);
    uv_buf_t buf = uv_buf_init(way->chunk + way->gone, (unsigned)way->some);
    way->write.data = way;
    if (uv_write(&way->write, &way->to->stream, &buf, 1, fault_written))
        fault_close(way->link);
}

static inline void fault_room(uv_handle_t *handle, size_t wanted, uv_buf_t *buf)
{
    fault_link *link = handle->data;
    fault_way *way = &link->ways[handle == &link->ends[TO_CLIENT].handle ? TO_SERVER : TO_CLIENT];
    (void)wanted;
    *buf = uv_buf_init(way->chunk, sizeof way->chunk);
}

static inline void fault_came(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf)
{
    fault_link *link = stream->data;
    fault_way *way =
        &link->ways[(uv_handle_t *)stream == &link->ends[TO_CLIENT].handle ? TO_SERVER : TO_CLIENT];
    (void)buf;
    if (got < 0) {
        fault_close(link);
        return;
    }
    if (got == 0 || link->stalled) // silence: what comes is lost
        return;
    uv_read_stop(stream);
    way->len = (size_t)got;
    way->gone = 0;
    if (fault_is_due(way)) // byte 0
        fault_harm(link);
    else if (link->proxy->delay)
        uv_timer_start(&way->timer, fault_piece, link->proxy->delay, 0);
    else
        fault_piece(&way->timer);
}

static inline void fault_read(fault_way *way)
{
    if (!way->link->stalled)
        uv_read_start(&way->from->stream, fault_room, fault_came);
}

static inline void fault_connected(uv_connect_t *connect, int status)
{
    fault_link *link = connect->data;
    if (status) {
        fault_close(link);
        return;
    }
    fault_read(&link->ways[TO_SERVER]);
    fault_read(&link->ways[TO_CLIENT]);
}

static inline void fault_reach(fault_link *link)
{
    fault_proxy *proxy = link->proxy;
    struct sockaddr_in at;
    link->connect.data = link;
    if (proxy->path) {
        uv_pipe_init(proxy->loop, &link->ends[TO_SERVER].pipe, 0);
        link->ends[TO_SERVER].handle.data = link;
        uv_pipe_connect(&link->connect, &link->ends[TO_SERVER].pipe, proxy->path, fault_connected);
        return;
    }
    uv_tcp_init(proxy->loop, &link->ends[TO_SERVER].tcp);
    link->ends[TO_SERVER].handle.data = link;
    uv_ip4_addr("127.0.0.1", proxy->port, &at);
    assert_int_equal(
        uv_tcp_connect(&link->connect, &link->ends[TO_SERVER].tcp, (struct sockaddr *)&at, fault_connected),
        0);
}

static inline void fault_peer(uv_stream_t *listener, int status)
{
    fault_proxy *proxy = listener->data;
    fault_link *link = calloc(1, sizeof *link);
    assert_int_equal(status, 0);
    assert_non_null(link);
    *link = (fault_link){.proxy = proxy, .next = proxy->links, .open = 4};
    proxy->links = link;
    proxy->connections++;
    for (int i = 0; i < 2; i++) {
        fault_way *way = &link->ways[i];
        way->link = link;
        way->to = &link->ends[i];
        way->from = &link->ends[!i];
        uv_timer_init(proxy->loop, &way->timer);
        way->timer.data = link;
    }
    uv_tcp_init(proxy->loop, &link->ends[TO_CLIENT].tcp);
    link->ends[TO_CLIENT].handle.data = link;
    assert_int_equal(uv_accept(listener, &link->ends[TO_CLIENT].stream), 0);
    uv_tcp_nodelay(&link->ends[TO_CLIENT].tcp, 1);
    fault_reach(link);
}

/** Listens. The harm, the server, and the pace are set before. */
static inline void fault_proxy_start(fault_proxy *proxy, uv_loop_t *loop)
{
    struct sockaddr_in at;
    int len = sizeof at;
    signal(SIGPIPE, SIG_IGN); // libuv's own writes raise it
    proxy->loop = loop;
    uv_tcp_init(loop, &proxy->listener);
    proxy->listener.data = proxy;
    uv_ip4_addr("127.0.0.1", 0, &at);
    assert_int_equal(uv_tcp_bind(&proxy->listener, (struct sockaddr *)&at, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&proxy->listener, 16, fault_peer), 0);
    assert_int_equal(uv_tcp_getsockname(&proxy->listener, (struct sockaddr *)&at, &len), 0);
    snprintf(proxy->address, sizeof proxy->address, "mqtt://127.0.0.1:%u",
             (unsigned)((uint8_t *)&at.sin_port)[0] << 8 | ((uint8_t *)&at.sin_port)[1]);
}

static inline void fault_proxy_end(fault_proxy *proxy)
{
    uv_close((uv_handle_t *)&proxy->listener, NULL);
    for (fault_link *link = proxy->links; link; link = link->next)
        fault_close(link);
}

#endif
