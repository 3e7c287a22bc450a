// SPDX-License-Identifier: MIT
// Both ends in one program, joined by a pair in memory; and a connection that moves to another loop.
#include <mqwire/transport.h>

#include "ends.h"

static void on_connack(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    (void)packet;
    (void)ctx;
    mqw_conn_disconnect(conn, NULL); // written before the stream closes
}

static void on_close(mqw_conn *conn, void *ctx)
{
    (void)conn;
    ++*(int *)ctx; // the last that is heard of it
}

// A client and a server, each at its end of a pair. They are owned by their streams from now on.
static int join(uv_loop_t *loop, const mqw_handlers *client, const mqw_handlers *server, int *closed)
{
    mqw_connect connect = {.client_id = MQW_TEXT("me"), .clean_start = true};
    mqw_conn *conns[] = {mqw_conn_new(MQW_CLIENT, NULL), mqw_conn_new(MQW_SERVER, NULL)};
    mqw_stream *ends[2];
    CHECK(conns[0] && conns[1] && mqw_stream_pair(ends, loop) == 0);
    int result = mqw_conn_pipe(conns[0], ends[0], NULL, client, closed);
    if (result >= 0)
        result = mqw_conn_pipe(conns[1], ends[1], NULL, server, closed);
    return result < 0 ? result : mqw_conn_connect(conns[0], &connect);
}

typedef struct handover {
    mqw_detached detached;
    mqw_conn *conn;
    const mqw_handlers *handlers;
    int closed;
} handover;

// On the first loop: whoever has said CONNECT is handed on, with all that has come behind it.
static void on_connect(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    handover *self = ctx;
    (void)packet;
    if (mqw_conn_detach(conn, &self->detached) == 0)
        self->conn = conn;
}

// On the second one: its new owner answers.
static int take_over(handover *self, uv_loop_t *loop)
{
    int result = mqw_conn_adopt(self->conn, loop, &self->detached, NULL, self->handlers, &self->closed);
    if (result >= 0)
        return mqw_conn_connack(self->conn, &(mqw_connack){.reason = MQW_REASON_SUCCESS});
    mqw_detached_close(&self->detached);
    mqw_conn_free(self->conn);
    return result;
}

static void on_connection(mqw_server *server, mqw_conn *conn, void *ctx)
{
    static const mqw_handlers first = {.connect = on_connect};
    mqw_conn_handle_shared(conn, &first, ctx);
    mqw_server_close(server, false, NULL, NULL); // one is enough here
}

static void hand_over(void)
{
    uv_loop_t second;
    char address[160];
    const mqw_handlers theirs = {.connack = on_connack}, ours = {.close = on_close};
    handover self = {.handlers = &ours};
    mqw_connect connect = {.client_id = MQW_TEXT("me"), .clean_start = true};
    mqw_server *server = NULL;
    mqw_conn *client;
    CHECK(uv_loop_init(&second) == 0);
    CHECK(mqw_server_listen(&server, uv_default_loop(), "127.0.0.1:0", NULL, on_connection, &self) == 0);
    CHECK(mqw_server_address(server, 0, address, sizeof address) == 0);
    CHECK(mqw_conn_open(&client, &second, address, NULL, &theirs, NULL) == 0);
    CHECK(mqw_conn_connect(client, &connect) == 0);
    while (!self.conn) {
        uv_run(&second, UV_RUN_NOWAIT);
        uv_run(uv_default_loop(), UV_RUN_NOWAIT);
    }
    CHECK(take_over(&self, &second) == 0);
    CHECK(uv_run(&second, UV_RUN_DEFAULT) == 0 && self.closed == 1);
    CHECK(uv_run(uv_default_loop(), UV_RUN_DEFAULT) == 0);
    CHECK(uv_loop_close(&second) == 0);
}

int main(void)
{
    int closed = 0;
    const mqw_handlers client = {.connack = on_connack, .close = on_close};
    const mqw_handlers server = {.connect = welcome, .close = on_close};
    CHECK(join(uv_default_loop(), &client, &server, &closed) == 0);
    CHECK(uv_run(uv_default_loop(), UV_RUN_DEFAULT) == 0 && closed == 2);
    hand_over();
    CHECK(uv_loop_close(uv_default_loop()) == 0);
    return 0;
}
