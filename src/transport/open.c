// SPDX-License-Identifier: MIT
// Opening connections, and what a program may ask of a piped one.
#include "open.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "connect.h"
#include "link.h"
#include "tty.h"

enum { CONNECT_TIMEOUT = 10000, CLOSE_TIMEOUT = 5000, LINGER = 2000, BACKLOG = 511, UNIX_MODE = 0600 };

mqw_open_options mqw__options(const mqw_open_options *options)
{
    mqw_open_options all;
    memset(&all, 0, sizeof all);
    if (options)
        memcpy(&all, options, options->size && options->size < sizeof all ? options->size : sizeof all);
    all.connect_timeout = all.connect_timeout ? all.connect_timeout : CONNECT_TIMEOUT;
    all.close_timeout = all.close_timeout ? all.close_timeout : CLOSE_TIMEOUT;
    all.linger = all.linger ? all.linger : LINGER;
    all.backlog = all.backlog > 0 ? all.backlog : BACKLOG;
    all.unix_mode = all.unix_mode ? all.unix_mode : UNIX_MODE;
    return all;
}

void mqw__options_apply(const mqw_open_options *options, mqw_stream *stream)
{
    if (!options->nagle)
        (void)mqw_stream_nodelay(stream, true);
    if (options->tcp_keepalive)
        (void)mqw_stream_keepalive(stream, options->tcp_keepalive);
}

int mqw__handle(mqw_conn *conn, const mqw_handlers *handlers, void *ctx)
{
    return handlers ? mqw_conn_handle(conn, handlers, ctx) : 0;
}

static mqw__link *link_of(const mqw_conn *conn)
{
    return conn ? mqw_conn_link(conn) : NULL;
}

static int pipe_to(mqw_conn *conn, mqw_stream *stream, const mqw_open_options *options)
{
    mqw__link *link = mqw__link_on(conn, mqw__stream_uv(stream), options);
    if (!link)
        return MQW_E_NO_MEMORY;
    int failed = mqw__link_attach(link, stream);
    if (!failed)
        return 0;
    mqw__link_undo(link);
    errno = -failed;
    return failed == UV_ENOMEM ? MQW_E_NO_MEMORY : MQW_E_STREAM;
}

int mqw_conn_pipe(mqw_conn *conn, mqw_stream *stream, const mqw_open_options *options,
                  const mqw_handlers *handlers, void *ctx)
{
    if (!conn || !stream || stream->owner || stream->closed || link_of(conn))
        return MQW_E_MISUSE;
    mqw_open_options all = mqw__options(options);
    int result = mqw__handle(conn, handlers, ctx);
    return result < 0 ? result : pipe_to(conn, stream, &all);
}

// --- opening ---

static int open_stream(mqw_stream **out, uv_loop_t *uv, const mqw__address *address)
{
    if (address->kind == MQW__FD)
        return mqw_stream_descriptor(out, uv, address->in, address->out);
    int fd = mqw__tty_open(address->path, address->baud);
    if (fd < 0)
        return fd;
    int result = mqw_stream_descriptor(out, uv, fd, fd);
    if (result < 0)
        close(fd);
    return result;
}

static int open_at_once(mqw_conn *conn, uv_loop_t *uv, const mqw__address *address,
                        const mqw_open_options *options, const mqw__wrap *wrap)
{
    mqw_stream *stream = NULL;
    int result = open_stream(&stream, uv, address);
    if (result < 0)
        return result;
    mqw__options_apply(options, stream);
    result = mqw__wrap_put(wrap, stream);
    if (result == 0)
        result = pipe_to(conn, stream, options);
    if (result < 0) {
        int fd = mqw__stream_forget(stream);
        if (address->kind == MQW__TTY)
            close(fd);
    }
    return result;
}

static int open_later(mqw_conn *conn, uv_loop_t *uv, const mqw__address *address,
                      const mqw_open_options *options, mqw__wrap *wrap)
{
    mqw__link *link = mqw__link_on(conn, uv, options);
    if (!link)
        return MQW_E_NO_MEMORY;
    int result = mqw__connect_start(link, address, options, wrap);
    if (result < 0)
        mqw__link_undo(link);
    return result;
}

static bool opens_at_once(const mqw__address *address)
{
    return address->kind == MQW__FD || address->kind == MQW__TTY;
}

static int open_by(mqw_conn *conn, mqw__loop *loop, mqw__address *address, const mqw_open_options *options)
{
    mqw__wrap wrap;
    int result = mqw__wrap_set(&wrap, MQW_CLIENT, loop, address, options);
    if (result < 0)
        return result;
    result = opens_at_once(address) ? open_at_once(conn, loop->uv, address, options, &wrap)
                                    : open_later(conn, loop->uv, address, options, &wrap);
    mqw__wrap_clear(&wrap);
    return result;
}

static int read_address(mqw__address *out, const char *text)
{
    int result = mqw__address_read(out, text);
    bool nowhere = result == 0 && out->kind == MQW__TCP && (out->port == 0 || strcmp(out->host, "*") == 0);
    return nowhere ? MQW_E_ADDRESS : result;
}

int mqw__open_check(uv_loop_t *uv, const char *address, const mqw_open_options *options)
{
    mqw__address where;
    mqw__wrap wrap;
    struct sockaddr_storage ours;
    socklen_t len;
    mqw_open_options all = mqw__options(options);
    int result = read_address(&where, address);
    if (result == 0 && where.kind == MQW__TTY && !mqw__tty_knows(where.baud))
        result = MQW_E_ADDRESS;
    if (result == 0 && !opens_at_once(&where))
        result = mqw__connect_from(&ours, &len, all.bind);
    if (result < 0)
        return result;
    mqw__loop *loop = mqw__loop_use(uv);
    if (!loop)
        return MQW_E_NO_MEMORY;
    result = mqw__wrap_set(&wrap, MQW_CLIENT, loop, &where, &all);
    if (result == 0)
        mqw__wrap_clear(&wrap);
    mqw__loop_drop(loop);
    return result;
}

int mqw_conn_open(mqw_conn **out, uv_loop_t *loop, const char *address, const mqw_open_options *options,
                  const mqw_handlers *handlers, void *ctx)
{
    if (!out || !loop || !address)
        return MQW_E_MISUSE;
    mqw__address where;
    int result = read_address(&where, address);
    if (result < 0)
        return result;
    mqw_open_options all = mqw__options(options);
    mqw_conn *conn =
        all.config ? mqw_conn_new_shared(MQW_CLIENT, all.config) : mqw_conn_new(MQW_CLIENT, all.conn);
    if (!conn)
        return MQW_E_NO_MEMORY;
    mqw__loop *state = mqw__loop_use(loop); // what is made for all connections of the loop stays
    result = state ? mqw__handle(conn, handlers, ctx) : MQW_E_NO_MEMORY;
    if (result >= 0)
        result = open_by(conn, state, &where, &all);
    int failure = errno;
    if (state)
        mqw__loop_drop(state);
    if (result < 0)
        mqw_conn_free(conn);
    else
        *out = conn;
    errno = failure;
    return result;
}

// --- what a program may ask ---

mqw_stream *mqw_conn_stream(const mqw_conn *conn)
{
    const mqw__link *link = link_of(conn);
    return link ? link->stream : NULL;
}

uv_loop_t *mqw_conn_loop(const mqw_conn *conn)
{
    const mqw__link *link = link_of(conn);
    return link ? link->loop->uv : NULL;
}

void mqw_conn_close(mqw_conn *conn)
{
    mqw__link *link = link_of(conn);
    if (link)
        mqw__link_close(link);
}

void mqw_conn_abort(mqw_conn *conn)
{
    mqw__link *link = link_of(conn);
    if (link)
        mqw__link_kill(link);
}

void mqw_conn_flush(mqw_conn *conn)
{
    mqw__link *link = link_of(conn);
    if (!link || link->pumping || link->phase == MQW__DEAD)
        return;
    mqw__pump_out(link);
    mqw__link_watch(link);
}

const char *mqw_conn_stream_error(const mqw_conn *conn)
{
    const mqw__link *link = link_of(conn);
    return link && link->why ? link->why : "";
}
