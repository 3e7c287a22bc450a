// SPDX-License-Identifier: MIT
// A server for browsers: MQTT through WebSocket, and a short page for who comes without. It sends back what
// it gets. websocket_server [ADDRESS]
#include <mqwire/transport.h>
#include <stdio.h>

static void on_connect(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    mqw_stream_facts facts = {.size = sizeof(facts)};
    mqw_connack welcome = {.reason = MQW_REASON_SUCCESS};
    (void)ctx;
    mqw_stream_facts_of(mqw_conn_stream(conn), &facts);
    printf("%s comes from %s to %s\n", facts.peer, facts.ws_origin[0] ? facts.ws_origin : "no page",
           facts.ws_path);
    if (packet->connect.version == MQW_5_0 && packet->connect.client_id.len == 0)
        mqw_set(&welcome.props, assigned_client_id, MQW_TEXT("guest"));
    mqw_conn_connack(conn, &welcome);
}

static void on_subscribe(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    static const uint8_t granted[100]; // QoS 0, each
    mqw_suback suback = {.packet_id = packet->subscribe.packet_id, .reasons = {granted, 0}};
    mqw_list left = packet->subscribe.filters;
    (void)ctx;
    for (mqw_filter filter; suback.reasons.len < sizeof(granted) && mqw_next_filter(&left, &filter);)
        suback.reasons.len++;
    mqw_conn_suback(conn, &suback);
}

static void on_publish(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    mqw_publish back = {.topic = packet->publish.topic, .payload = packet->publish.payload};
    (void)ctx;
    mqw_conn_publish(conn, &back); // acknowledgements leave by themselves
}

int main(int count, char **words)
{
    char bound[160];
    const char *address = count > 1 ? words[1] : "ws://localhost:8080";
    mqw_handlers handlers = {.connect = on_connect, .subscribe = on_subscribe, .publish = on_publish};
    mqw_conn_options each = {.answers = MQW_ANSWER_PINGRESP | MQW_ANSWER_ACKS, .handlers = &handlers};
    mqw_websocket_options websocket = {.path = "/mqtt",
                                       .page = "<h1>Speak MQTT through WebSocket here.</h1>"};
    mqw_open_options options = {.conn = &each, .websocket = &websocket};
    mqw_server *server = NULL;
    if (mqw_server_listen(&server, uv_default_loop(), address, &options, NULL, NULL) < 0)
        return 1;
    setvbuf(stdout, NULL, _IOLBF, 0);
    mqw_server_address(server, 0, bound, sizeof(bound));
    fprintf(stderr, "listening on %s\n", bound);
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
