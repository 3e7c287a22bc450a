// SPDX-License-Identifier: MIT
// Servers: accepted peers become connections of role server; closing stops accepting and can drain.
#include "server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"

// --- connections ---

static void enter(mqw_server *server, mqw__link *link)
{
    link->server = server;
    link->next = server->links;
    link->link = &server->links;
    if (link->next)
        link->next->link = &link->next;
    server->links = link;
    server->connections++;
}

void mqw__server_left(mqw__link *link)
{
    mqw_server *server = link->server;
    *link->link = link->next;
    if (link->next)
        link->next->link = link->link;
    link->server = NULL;
    link->proxy = NULL;
    server->connections--;
    if (server->closing && server->connections == 0)
        mqw__loop_task(server->loop, &server->task);
    for (mqw__listener *listener = server->listeners; listener && !server->closing; listener = listener->next)
        mqw__listener_watch(listener);
}

static mqw__link *link_to(mqw__listener *listener, mqw_stream *stream)
{
    mqw_conn *conn = mqw_conn_new_shared(MQW_SERVER, listener->config);
    mqw__link *link = conn ? mqw__link_new(conn, listener->server->loop, &listener->options) : NULL;
    if (link && mqw__link_attach(link, stream) == 0)
        return link;
    if (link)
        mqw__link_undo(link);
    mqw_conn_free(conn);
    return NULL;
}

bool mqw__server_welcome(mqw__listener *listener, int fd)
{
    mqw_stream *stream = mqw__socket_stream(listener->server->loop->uv, fd);
    if (!stream) {
        close(fd);
        return false;
    }
    mqw__link *link = NULL;
    if (mqw__wrap_put(&listener->wrap, stream) == 0)
        link = link_to(listener, stream);
    if (!link) {
        mqw__stream_free(stream);
        return false;
    }
    if (!listener->inherited)
        mqw__options_apply(&listener->options, stream);
    enter(listener->server, link);
    if (listener->on_connection)
        listener->on_connection(listener->server, link->conn, listener->ctx);
    return true;
}

// --- life ---

static void free_listener(mqw__listener *listener)
{
    mqw__wrap_clear(&listener->wrap);
    mqw_config_free(listener->config);
    free(listener);
}

static void release(mqw_server *server)
{
    mqw__loop *loop = server->loop;
    while (server->listeners) {
        mqw__listener *next = server->listeners->next;
        free_listener(server->listeners);
        server->listeners = next;
    }
    free(server);
    mqw__loop_drop(loop);
}

static void run(mqw__task *task)
{
    mqw_server *server = (mqw_server *)task;
    if (server->on_closed)
        server->on_closed(server, server->closed_ctx);
    release(server);
}

static mqw_server *make_server(uv_loop_t *uv)
{
    mqw_server *server = mqw__uv_new(sizeof *server);
    if (!server)
        return NULL;
    server->task.run = run;
    server->loop = mqw__loop_use(uv);
    if (server->loop)
        return server;
    free(server);
    return NULL;
}

static int make_listener(mqw__listener **out, mqw_server *server, mqw__address *address,
                         const mqw_open_options *options)
{
    mqw__listener *listener = mqw__uv_new(sizeof *listener);
    if (!listener)
        return MQW_E_NO_MEMORY;
    listener->server = server;
    listener->options = mqw__options(options);
    int result = mqw__wrap_set(&listener->wrap, MQW_SERVER, server->loop, address, &listener->options);
    if (result == 0) {
        listener->config = listener->options.config ? mqw_config_keep(listener->options.config)
                                                    : mqw_config_new(listener->options.conn);
        result = listener->config ? 0 : MQW_E_NO_MEMORY;
    }
    if (result < 0)
        free_listener(listener);
    else
        *out = listener;
    return result;
}

static void add(mqw_server *server, mqw__listener *listener)
{
    mqw__listener **last = &server->listeners;
    while (*last)
        last = &(*last)->next;
    *last = listener;
}

static int listen_on(mqw_server *server, mqw__address *address, const mqw_open_options *options,
                     mqw_connection_handler *on_connection, void *ctx)
{
    mqw__listener *listener = NULL;
    int result = make_listener(&listener, server, address, options);
    if (result < 0)
        return result;
    listener->on_connection = on_connection;
    listener->ctx = ctx;
    int failed = mqw__listener_open(listener, address);
    if (!failed) {
        add(server, listener);
        return 0;
    }
    free_listener(listener);
    errno = -failed;
    return failed == UV_ENOMEM ? MQW_E_NO_MEMORY : MQW_E_STREAM;
}

int mqw_server_listen(mqw_server **server, uv_loop_t *loop, const char *address,
                      const mqw_open_options *options, mqw_connection_handler *on_connection, void *ctx)
{
    if (!server || !address || (!*server && !loop) || (*server && (*server)->closing))
        return MQW_E_MISUSE;
    mqw__address where;
    int result = mqw__address_read(&where, address);
    if (result < 0)
        return result;
    if (where.kind == MQW__PIPE || where.kind == MQW__TTY || (where.kind == MQW__FD && where.in != where.out))
        return MQW_E_ADDRESS;
    mqw_server *made = *server ? *server : make_server(loop);
    if (!made)
        return MQW_E_NO_MEMORY;
    result = listen_on(made, &where, options, on_connection, ctx);
    if (result == 0) {
        *server = made;
    } else if (!*server) {
        int failure = errno;
        release(made);
        errno = failure;
    }
    return result;
}

int mqw_server_address(const mqw_server *server, int index, char *out, size_t cap)
{
    const mqw__listener *listener = server ? server->listeners : NULL;
    for (int i = 0; i < index && listener; i++)
        listener = listener->next;
    if (!listener || index < 0 || listener->count == 0)
        return MQW_E_REFUSED;
    struct sockaddr_storage name;
    socklen_t len = sizeof name;
    if (!out || cap == 0 || getsockname(listener->doors[0].fd, (struct sockaddr *)&name, &len))
        return MQW_E_MISUSE;
    mqw__address_show(out, cap, (const struct sockaddr *)&name, len);
    return 0;
}

uint32_t mqw_server_connections(const mqw_server *server)
{
    return server ? server->connections : 0;
}

void mqw_server_close(mqw_server *server, bool drain, void (*on_closed)(mqw_server *server, void *ctx),
                      void *ctx)
{
    if (!server)
        return;
    if (!server->closing) {
        server->closing = true;
        server->on_closed = on_closed;
        server->closed_ctx = ctx;
        for (mqw__listener *listener = server->listeners; listener; listener = listener->next)
            mqw__listener_close(listener);
        if (server->connections == 0)
            mqw__loop_task(server->loop, &server->task);
    }
    for (mqw__link *link = server->links; link && drain; link = link->next)
        mqw__link_close(link);
}
