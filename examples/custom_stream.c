// SPDX-License-Identifier: MIT
// A stream of the program's own: a server that is nothing but an array of bytes, for trying a client without
// a network. What the client says is printed. custom_stream
#include <mqwire/transport.h>
#include <stdio.h>
#include <string.h>

typedef struct fake_server {
    mqw_stream *stream;
    const uint8_t *answer; // what the server will have said
    size_t len;
    bool asked;
} fake_server;

static int read_some(void *self, uint8_t *room, size_t cap)
{
    fake_server *server = self;
    size_t len = server->len < cap ? server->len : cap;
    if (!server->asked)
        return MQW_E_AGAIN; // and mqw_stream_ready when there is something
    memcpy(room, server->answer, len);
    server->answer += len;
    server->len -= len;
    return (int)len; // 0: the server has ended
}

static int write_some(void *self, const mqw_bytes *views, int count)
{
    fake_server *server = self;
    (void)count; // taking a part is enough
    for (size_t i = 0; i < views->len; i++)
        printf("%02x%c", views->data[i], i + 1 < views->len ? ' ' : '\n');
    server->asked = true;
    mqw_stream_ready(server->stream, MQW_READABLE);
    return (int)views->len;
}

static void on_packet(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    char line[256];
    (void)conn, (void)ctx;
    mqw_print(line, sizeof(line), packet, MQW_SHORT);
    puts(line);
}

int main(void)
{
    static const uint8_t answer[] = {0x20, 2, 0, 0, 0x30, 6, 0, 3, 'a', '/', 'b', '!'};
    const mqw_stream_ops ops = {.read = read_some, .write = write_some};
    const mqw_handlers handlers = {.packet = on_packet};
    fake_server server = {.answer = answer, .len = sizeof(answer)};
    mqw_conn *conn = mqw_conn_new(MQW_CLIENT, NULL);
    if (conn == NULL || mqw_stream_custom(&server.stream, uv_default_loop(), &ops, &server) < 0)
        return 1;
    mqw_conn_pipe(conn, server.stream, NULL, &handlers, NULL);
    mqw_conn_connect(conn, &(mqw_connect){.client_id = MQW_TEXT("me"), .clean_start = true});
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
