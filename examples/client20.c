// SPDX-License-Identifier: MIT
// A client in twenty lines: connects, publishes one message, and leaves. client20 [ADDRESS]
#include <mqwire/transport.h>

static void on_connack(mqw_conn *conn, const mqw_packet *packet, void *hello)
{
    if (packet->connack.reason == MQW_REASON_SUCCESS)
        mqw_conn_publish(conn, hello);
    mqw_conn_disconnect(conn, NULL);
    mqw_conn_close(conn);
}

int main(int count, char **words)
{
    mqw_publish hello = {.topic = MQW_TEXT("greeting"), .payload = {(const uint8_t *)"hello", 5}};
    mqw_handlers handlers = {.connack = on_connack};
    mqw_connect connect = {.version = MQW_5_0, .client_id = MQW_TEXT("client20"), .clean_start = true};
    const char *address = count > 1 ? words[1] : "localhost";
    mqw_conn *conn;
    if (mqw_conn_open(&conn, uv_default_loop(), address, NULL, &handlers, &hello) < 0)
        return 1;
    mqw_conn_connect(conn, &connect); // waits until the stream is ready
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
