// SPDX-License-Identifier: MIT
// A broker and its clients in one process, without a socket: what modules of a program tell each other, other
// programs could hear, too.
#include <mqwire/broker.h>
#include <mqwire/client.h>
#include <stdio.h>

static int connect_in_process(void *broker, mqw_stream **out)
{
    return mqw_broker_connect_stream(broker, out);
}

// The program itself needs no client to publish and subscribe.
static void on_reading(mqw_broker *broker, const mqw_publish *reading, mqw_text from, void *ctx)
{
    mqw_publish answer = {.topic = MQW_TEXT("heater"), .payload = {(const uint8_t *)"on", 2}, .qos = 1};
    (void)ctx;
    printf("%.*s measures %.*s degrees\n", (int)from.len, from.data, (int)reading->payload.len,
           (const char *)reading->payload.data);
    mqw_broker_publish(broker, &answer);
}

static void on_order(mqw_client *client, const mqw_publish *order, mqw_token token, void *broker)
{
    (void)token;
    printf("%.*s %.*s\n", (int)order->topic.len, order->topic.data, (int)order->payload.len,
           (const char *)order->payload.data);
    mqw_client_close(client, NULL);
    mqw_broker_close(broker, NULL, NULL);
}

int main(void)
{
    mqw_broker *broker;
    mqw_client *client;
    mqw_connect connect = {.client_id = MQW_TEXT("thermometer"), .clean_start = true};
    mqw_filter readings = {.filter = MQW_TEXT("readings/+")},
               heater = {.filter = MQW_TEXT("heater"), .qos = 1};
    mqw_publish cold = {
        .topic = MQW_TEXT("readings/cellar"), .payload = {(const uint8_t *)"12", 2}, .qos = 1};
    if (mqw_broker_open(&broker, uv_default_loop(), NULL) < 0 ||
        mqw_broker_subscribe(broker, &readings, on_reading, NULL, NULL) < 0)
        return 1;
    mqw_client_options options = {.stream = connect_in_process, .ctx = broker, .connect = &connect};
    if (mqw_client_open(&client, uv_default_loop(), &options) < 0)
        return 1;
    mqw_client_route(client, "heater", on_order, broker);
    mqw_client_subscribe(client, &heater, 1, NULL, NULL, NULL);
    mqw_client_publish(client, &cold, NULL, NULL);
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
