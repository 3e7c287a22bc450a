// SPDX-License-Identifier: MIT
// Sends every PUBLISH to all clients that have subscribed, whatever to. broadcast [ADDRESS]
#include <mqwire/transport.h>
#include <stdio.h>

enum { CLIENTS = 1000 };
static mqw_conn *clients[CLIENTS]; // that have subscribed
static int subscribed;

static void on_subscribe(mqw_conn *conn, const mqw_subscribe *subscribe)
{
    static const uint8_t granted[CLIENTS]; // QoS 0, each
    mqw_suback suback = {.packet_id = subscribe->packet_id, .reasons = {granted, 0}};
    mqw_list left = subscribe->filters;
    for (mqw_filter filter; suback.reasons.len < CLIENTS && mqw_next_filter(&left, &filter);)
        suback.reasons.len++;
    mqw_conn_suback(conn, &suback);
    if (subscribed < CLIENTS)
        clients[subscribed++] = conn;
}

static void on_packet(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    (void)ctx;
    if (packet->type == MQW_CONNECT) {
        mqw_connack welcome = {.reason = MQW_REASON_SUCCESS};
        if (packet->connect.version == MQW_5_0 && packet->connect.client_id.len == 0)
            mqw_set(&welcome.props, assigned_client_id, MQW_TEXT("guest"));
        mqw_conn_connack(conn, &welcome);
    } else if (packet->type == MQW_SUBSCRIBE) {
        on_subscribe(conn, &packet->subscribe);
    } else if (packet->type == MQW_PUBLISH) {
        const mqw_publish copy = {.topic = packet->publish.topic, .payload = packet->publish.payload};
        for (int i = 0; i < subscribed; i++)
            mqw_conn_publish(clients[i], &copy); // who is too slow misses it (MQW_E_BUSY)
    }
}

static void on_close(mqw_conn *conn, void *ctx)
{
    (void)ctx;
    for (int i = subscribed - 1; i >= 0; i--)
        if (clients[i] == conn)
            clients[i] = clients[--subscribed];
}

int main(int count, char **words)
{
    char bound[160];
    mqw_handlers handlers = {.packet = on_packet, .close = on_close};
    mqw_conn_options each = {.answers = MQW_ANSWER_PINGRESP | MQW_ANSWER_ACKS, .handlers = &handlers};
    mqw_open_options open = {.conn = &each};
    mqw_server *hub = NULL;
    if (mqw_server_listen(&hub, uv_default_loop(), count > 1 ? words[1] : "localhost", &open, NULL, NULL) < 0)
        return 1;
    mqw_server_address(hub, 0, bound, sizeof(bound));
    fprintf(stderr, "listening on %s\n", bound);
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
