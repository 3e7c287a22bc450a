// SPDX-License-Identifier: MIT
// The same with handlers: a table of functions, one per event.
#include "ends.h"

static void on_connect(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    int *guests = ctx;
    uint8_t reason = packet->connect.unsupported ? MQW_REASON_UNSUPPORTED_VERSION : MQW_REASON_SUCCESS;
    mqw_connack connack = {.reason = reason};
    if (packet->connect.version == MQW_5_0 && packet->connect.client_id.len == 0)
        mqw_set(&connack.props, assigned_client_id, MQW_TEXT("guest")); // MQTT-3.2.2-16
    *guests += reason == MQW_REASON_SUCCESS;
    mqw_conn_connack(conn, &connack);
}

static void on_publish(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    const mqw_publish *publish = &packet->publish;
    (void)ctx;
    if (publish->qos == 1)
        mqw_conn_puback(conn, &(mqw_ack){.packet_id = publish->packet_id});
}

static void on_error(mqw_conn *conn, const mqw_error *error, void *ctx)
{
    char text[256];
    (void)conn;
    (void)ctx;
    mqw_error_print(text, sizeof text, error);
    fprintf(stderr, "%s\n", text);
}

static const mqw_handlers handlers = {.connect = on_connect, .publish = on_publish, .error = on_error};

// Takes all of the bytes. Negative: the peer's fault, of which on_error has heard.
static int feed(mqw_conn *conn, int *guests, const uint8_t *data, size_t len)
{
    mqw_bytes in = {data, len};
    return mqw_conn_dispatch(conn, &in, &handlers, guests);
}

int main(void)
{
    int guests = 0;
    mqw_conn *client = mqw_conn_new(MQW_CLIENT, NULL);
    mqw_conn *server = mqw_conn_new(MQW_SERVER, NULL);
    mqw_publish publish = {.topic = MQW_TEXT("t"), .qos = 1, .packet_id = 1};
    CHECK(client && server);
    mqw_conn_handle_shared(server, &handlers, &guests);
    shake_hands(client, server, MQW_3_1_1);
    CHECK(guests == 1);
    CHECK(mqw_conn_publish(client, &publish) == 0 && carry(client, server) == 0);
    CHECK(mqw_conn_waiting(server) == 4); // the PUBACK
    CHECK(feed(server, &guests, (const uint8_t *)"\xF0\x00", 2) < 0);
    mqw_conn_free(client);
    mqw_conn_free(server);
    return 0;
}
