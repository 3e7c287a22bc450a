// SPDX-License-Identifier: MIT
// A broadcast server: every PUBLISH goes to all clients that have subscribed, whatever to. broadcast
// [ADDRESS]
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
        mqw_conn_connack(conn, &(mqw_connack){.reason = MQW_REASON_SUCCESS});
    } else if (packet->type == MQW_SUBSCRIBE) {
        on_subscribe(conn, &packet->subscribe);
    } else if (packet->type == MQW_PUBLISH) {
        mqw_publish copy = {.topic = packet->publish.topic, .payload = packet->publish.payload};
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
    mqw_open_options options = {.conn = &each};
    mqw_server *server = NULL;
    if (mqw_server_listen(&server, uv_default_loop(), count > 1 ? words[1] : "localhost", &options, NULL,
                          NULL) < 0)
        return 1;
    mqw_server_address(server, 0, bound, sizeof(bound));
    fprintf(stderr, "listening on %s\n", bound);
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
