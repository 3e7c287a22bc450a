// SPDX-License-Identifier: MIT
// A raw client: one function per packet that comes, one call per packet that goes. raw_client [ADDRESS]
#include <mqwire/transport.h>
#include <stdio.h>

static void on_packet(mqw_conn *conn, const mqw_packet *packet, void *failed)
{
    char line[512];
    (void)conn, (void)failed;
    mqw_print(line, sizeof(line), packet, MQW_SHORT);
    puts(line);
}

static void on_connack(mqw_conn *conn, const mqw_packet *packet, void *failed)
{
    uint8_t room[64];
    mqw_filter filter = {.filter = MQW_TEXT("news/#"), .qos = 1};
    (void)packet, (void)failed;
    mqw_list filters = mqw_list_filters(room, sizeof(room), &filter, 1);
    mqw_conn_subscribe(conn, &(mqw_subscribe){.packet_id = 1, .filters = filters});
}

static void on_suback(mqw_conn *conn, const mqw_packet *packet, void *failed)
{
    (void)packet, (void)failed;
    mqw_bytes payload = {(const uint8_t *)"it rains", 8};
    mqw_publish news = {.topic = MQW_TEXT("news/today"), .payload = payload, .qos = 1, .packet_id = 2};
    mqw_set(&news.props, content_type, MQW_TEXT("text/plain"));
    mqw_conn_publish(conn, &news);
}

static void on_publish(mqw_conn *conn, const mqw_packet *packet, void *failed)
{
    (void)failed;
    if (packet->publish.qos == 1)
        mqw_conn_puback(conn, &(mqw_ack){.packet_id = packet->publish.packet_id});
    mqw_conn_disconnect(conn, NULL);
    mqw_conn_close(conn);
}

static void on_error(mqw_conn *conn, const mqw_error *error, void *failed)
{
    fprintf(stderr, "%s: %s\n", mqw_strerror(error->code), mqw_conn_stream_error(conn));
    *(int *)failed = 1;
}

int main(int count, char **words)
{
    int failed = 0;
    const char *address = count > 1 ? words[1] : "localhost";
    mqw_connect connect = {.version = MQW_5_0, .client_id = MQW_TEXT("raw"), .clean_start = true};
    mqw_handlers handlers = {.packet = on_packet, .connack = on_connack, .suback = on_suback};
    handlers.publish = on_publish, handlers.error = on_error;
    mqw_conn *conn;
    if (mqw_conn_open(&conn, uv_default_loop(), address, NULL, &handlers, &failed) < 0)
        return 1;
    mqw_conn_connect(conn, &connect);
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT) || failed;
}
