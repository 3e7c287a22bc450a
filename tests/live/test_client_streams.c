// SPDX-License-Identifier: MIT
// A client over each kind of ordered, lossless stream in both directions (v4:MQTT-7.1.2-1): it subscribes,
// publishes, and receives what it has published.
#include "live/live.h"

#include <mqwire/client.h>

typedef struct scene {
    testbed live;
    mqw_server *server;
    mqw_client *client;
    uint8_t version, qos;
    int answered, received, closed;
} scene;

static const char payload[] = "to and fro";

/* --- a server that sends back what it is sent --- */

static void on_subscribe(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    mqw_suback suback = {.packet_id = packet->subscribe.packet_id, .reasons = {(const uint8_t *)"\2", 1}};
    (void)ctx;
    assert_int_equal(mqw_conn_suback(conn, &suback), 0);
}

static void on_publish(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    mqw_publish back = packet->publish;
    (void)ctx;
    assert_int_equal(mqw_conn_publish(conn, &back), 0);
}

static void on_connect(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    (void)ctx;
    assert_int_equal(packet->connect.version, ((scene *)ctx)->version);
    assert_int_equal(mqw_conn_connack(conn, &(mqw_connack){.reason = 0}), 0);
}

/* --- the client --- */

static void on_answer(mqw_client *client, int result, const mqw_packet *answer, void *ctx)
{
    scene *on = ctx;
    (void)client;
    assert_int_equal(result, 0);
    assert_int_equal(answer != NULL, on->qos > 0);
    on->answered++;
}

static void leave_when_done(scene *on)
{
    if (on->answered && on->received)
        mqw_client_close(on->client, NULL);
}

static void on_published(mqw_client *client, int result, const mqw_packet *answer, void *ctx)
{
    on_answer(client, result, answer, ctx);
    leave_when_done(ctx);
}

static void on_message(mqw_client *client, const mqw_publish *publish, mqw_token token, void *ctx)
{
    scene *on = ctx;
    (void)client, (void)token;
    assert_int_equal(publish->qos, on->qos);
    assert_int_equal(publish->payload.len, strlen(payload));
    assert_memory_equal(publish->payload.data, payload, strlen(payload));
    on->received++;
    leave_when_done(on);
}

static void on_open(mqw_client *client, const mqw_connack *connack, void *ctx)
{
    scene *on = ctx;
    mqw_filter all = {.filter = MQW_TEXT("#"), .qos = 2};
    mqw_publish message = {
        .topic = MQW_TEXT("a/b"), .payload = {(const uint8_t *)payload, strlen(payload)}, .qos = on->qos};
    (void)connack;
    assert_int_equal(mqw_client_subscribe(client, &all, 1, NULL, NULL, NULL), 0);
    assert_int_equal(mqw_client_publish(client, &message, on_published, on), 0);
}

static void on_lost(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    (void)client, (void)ctx;
    fail_msg("%s: %s", failure->address, failure->words);
}

static void on_close(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    scene *on = ctx;
    (void)client;
    assert_null(failure);
    on->closed++;
    mqw_server_close(on->server, false, NULL, NULL);
}

/* There and back at that address. */
static void there_and_back(scene *on, const char *listen)
{
    static const mqw_handlers handlers = {
        .size = sizeof handlers, .connect = on_connect, .subscribe = on_subscribe, .publish = on_publish};
    mqw_conn_options each = {.size = sizeof each,
                             .answers = MQW_ANSWER_ACKS | MQW_ANSWER_PINGRESP,
                             .handlers = &handlers,
                             .handlers_ctx = on};
    mqw_open_options serve = {.size = sizeof serve, .conn = &each};
    mqw_connect connect = {.version = on->version, .client_id = MQW_TEXT("c"), .clean_start = true};
    char address[160], url[176];
    live_start(&on->live);
    assert_int_equal(mqw_server_listen(&on->server, &on->live.loop, listen, &serve, NULL, NULL), 0);
    assert_int_equal(mqw_server_address(on->server, 0, address, sizeof address), 0);
    // what is bound is a TCP address, whatever is spoken there
    if (strncmp(listen, "ws://", 5) == 0)
        snprintf(url, sizeof url, "ws://%s", address + strlen("tcp://"));
    else
        snprintf(url, sizeof url, "%s", address);
    mqw_client_options options = {.size = sizeof options,
                                  .address = url,
                                  .connect = &connect,
                                  .handlers = {.size = sizeof options.handlers,
                                               .on_open = on_open,
                                               .on_message = on_message,
                                               .on_lost = on_lost,
                                               .on_close = on_close},
                                  .ctx = on};
    assert_int_equal(mqw_client_open(&on->client, &on->live.loop, &options), 0);
    live_end(&on->live);
    assert_int_equal(on->answered, 1);
    assert_int_equal(on->received, 1);
    assert_int_equal(on->closed, 1);
}

static void every_version_and_qos(const char *listen)
{
    for (uint8_t version = MQW_3_1; version <= MQW_5_0; version++) {
        for (uint8_t qos = 0; qos <= 2; qos++) {
            scene on = {.version = version, .qos = qos};
            there_and_back(&on, listen);
        }
    }
}

static void over_tcp(void **state)
{
    (void)state;
    every_version_and_qos("127.0.0.1:0");
    every_version_and_qos("[::1]:0");
}

static void over_unix_sockets(void **state)
{
    char dir[] = "/tmp/mqwire-XXXXXX", listen[64];
    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(listen, sizeof listen, "unix:%s/socket", dir);
    every_version_and_qos(listen);
    assert_int_equal(rmdir(dir), 0);
}

static void over_websocket(void **state)
{
    (void)state;
    every_version_and_qos("ws://127.0.0.1:0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(over_tcp),
        cmocka_unit_test(over_unix_sockets),
        cmocka_unit_test(over_websocket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
