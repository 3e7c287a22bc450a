// SPDX-License-Identifier: MIT
// One message, receivers of three versions.
#include "ends.h"

// Sends a packet of 5.0 to a peer of any version, with what that version can say of it.
static int deliver(mqw_conn *conn, const mqw_packet *packet)
{
    uint8_t room[1024]; // for the filters of a SUBSCRIBE
    mqw_packet own = *packet;
    int result = mqw_packet_downgrade(&own, mqw_conn_version(conn), mqw_conn_role(conn), room, sizeof room);
    return result < 0 ? result : mqw_conn_send(conn, &own);
}

// Refuses versions that this server does not want; the answer to one that nobody knows is the program's, too.
static void on_connect(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    const mqw_connect *connect = &packet->connect;
    mqw_connack answer = {.reason = MQW_REASON_SUCCESS};
    (void)ctx;
    if (connect->unsupported)
        answer.reason = MQW_REASON_UNSUPPORTED_VERSION; // goes out as return code 1
    else if (connect->version == MQW_3_1)
        answer.reason = 1; // before 5.0: return codes
    mqw_conn_connack(conn, &answer);
}

static void on_publish(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    int *expiry = ctx;
    (void)conn;
    *expiry = (int)mqw_get(&packet->publish.props, message_expiry, 0);
}

int main(void)
{
    static const uint8_t level_9[] = {0x10, 13, 0, 4, 'M', 'Q', 'T', 'T', 9, 2, 0, 0, 0, 1, 'a'};
    static const uint8_t versions[] = {MQW_3_1_1, MQW_5_0};
    const mqw_handlers server_handlers = {.connect = on_connect};
    const mqw_handlers client_handlers = {.publish = on_publish};
    mqw_packet message = {.type = MQW_PUBLISH, .publish = {.topic = MQW_TEXT("t")}};
    mqw_set(&message.publish.props, message_expiry, 60);
    for (int i = 0; i < 2; i++) {
        int expiry = -1;
        mqw_conn *client = mqw_conn_new(MQW_CLIENT, NULL);
        mqw_conn *server = mqw_conn_new(MQW_SERVER, NULL);
        CHECK(client && server);
        mqw_conn_handle_shared(server, &server_handlers, NULL);
        mqw_conn_handle_shared(client, &client_handlers, &expiry);
        shake_hands(client, server, versions[i]);
        CHECK(deliver(server, &message) == 0 && carry(server, client) == 0);
        CHECK(expiry == (versions[i] == MQW_5_0 ? 60 : 0));
        mqw_conn_free(client);
        mqw_conn_free(server);
    }
    mqw_conn *server = mqw_conn_new(MQW_SERVER, NULL);
    mqw_bytes in = {level_9, sizeof level_9}, view;
    CHECK(server && mqw_conn_dispatch(server, &in, &server_handlers, NULL) == 0);
    CHECK(mqw_conn_output(server, &view, 1) == 1 && view.len == 4 && view.data[3] == 1);
    mqw_conn_free(server);
    return 0;
}
