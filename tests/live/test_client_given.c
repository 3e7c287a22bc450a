// SPDX-License-Identifier: MIT
// A client that gets its streams from a function: over a pair in memory, again after a loss, and after
// failures.
#include <errno.h>

#include "live/live.h"

#include <mqwire/client.h>

typedef struct scene {
    testbed live;
    mqw_client *client;
    mqw_conn *server; // its end of the pair
    uint8_t version;
    bool unusable;
    int calls, lost, opened, received, closed;
    char words[200];
    int results[4];
    int result; // of the failure that ended it
} scene;

/* --- a server at the other end --- */

static void on_connect(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    (void)ctx, (void)packet;
    assert_int_equal(mqw_conn_connack(conn, &(mqw_connack){.reason = 0}), 0);
}

static void on_subscribe(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    (void)ctx;
    mqw_suback suback = {.packet_id = packet->subscribe.packet_id, .reasons = {(const uint8_t *)"\1", 1}};
    assert_int_equal(mqw_conn_suback(conn, &suback), 0);
}

static void on_publish(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    (void)ctx;
    assert_int_equal(mqw_conn_publish(conn, &packet->publish), 0);
}

static void on_server_close(mqw_conn *conn, void *ctx)
{
    (void)conn;
    ((scene *)ctx)->server = NULL;
}

static void serve(scene *on, mqw_stream *stream)
{
    static const mqw_handlers handlers = {.size = sizeof handlers,
                                          .connect = on_connect,
                                          .subscribe = on_subscribe,
                                          .publish = on_publish,
                                          .close = on_server_close};
    mqw_conn_options options = {.size = sizeof options, .answers = MQW_ANSWER_ACKS};
    on->server = mqw_conn_new(MQW_SERVER, &options);
    assert_non_null(on->server);
    assert_int_equal(mqw_conn_pipe(on->server, stream, NULL, &handlers, on), 0);
}

/* --- the client --- */

/* Two failures, then a pair each time. */
static int give_stream(void *ctx, mqw_stream **out)
{
    scene *on = ctx;
    mqw_stream *ends[2];
    errno = ECONNREFUSED;
    if (++on->calls <= 2)
        return on->calls == 1 ? MQW_E_STREAM : MQW_E_NO_MEMORY;
    assert_int_equal(mqw_stream_pair(ends, &on->live.loop), 0);
    serve(on, ends[1]);
    *out = ends[0];
    return 0;
}

static void on_message(mqw_client *client, const mqw_publish *publish, mqw_token token, void *ctx)
{
    scene *on = ctx;
    (void)token;
    assert_int_equal(publish->payload.len, 4);
    if (++on->received == 1)
        mqw_conn_abort(on->server);
    else
        mqw_client_close(client, NULL);
}

static void on_open(mqw_client *client, const mqw_connack *connack, void *ctx)
{
    scene *on = ctx;
    mqw_filter all = {.filter = MQW_TEXT("#"), .qos = 1};
    mqw_publish message = {.topic = MQW_TEXT("a/b"), .payload = {(const uint8_t *)"fro.", 4}, .qos = 1};
    (void)connack;
    on->opened++;
    assert_int_equal(mqw_conn_version(mqw_client_conn(client)), on->version);
    assert_int_equal(mqw_client_subscribe(client, &all, 1, NULL, NULL, NULL), 0);
    assert_int_equal(mqw_client_publish(client, &message, NULL, NULL), 0);
}

static void on_lost(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    scene *on = ctx;
    (void)client;
    if (on->lost == 0)
        snprintf(on->words, sizeof on->words, "%s", failure->words);
    on->results[on->lost++ % 4] = failure->result;
}

static void on_close(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    scene *on = ctx;
    (void)client;
    on->closed++;
    on->result = failure ? failure->result : 0;
}

static void runs(scene *on, int (*stream)(void *ctx, mqw_stream **out))
{
    // What stands in the address is not looked at.
    mqw_connect connect = {.version = on->version, .client_id = MQW_TEXT("c"), .clean_start = true};
    mqw_client_options options = {.size = sizeof options,
                                  .address = "mqtts://nowhere.invalid",
                                  .connect = &connect,
                                  .retry_min = 1,
                                  .handlers = {.size = sizeof options.handlers,
                                               .on_open = on_open,
                                               .on_message = on_message,
                                               .on_lost = on_lost,
                                               .on_close = on_close},
                                  .ctx = on,
                                  .stream = stream};
    live_start(&on->live);
    assert_int_equal(mqw_client_open(&on->client, &on->live.loop, &options), 0);
    live_end(&on->live);
    assert_int_equal(on->closed, 1);
}

static void over_a_pair(void **state)
{
    (void)state;
    for (uint8_t version = MQW_3_1; version <= MQW_5_0; version++) {
        scene on = {.version = version};
        runs(&on, give_stream);
        assert_int_equal(on.calls, 4);
        assert_int_equal(on.opened, 2);
        assert_int_equal(on.lost, 3);
        assert_int_equal(on.results[0], MQW_E_STREAM);
        assert_string_equal(on.words, "connection refused");
        assert_int_equal(on.results[1], MQW_E_NO_MEMORY);
        assert_int_equal(on.result, 0);
        assert_null(on.server);
    }
}

static int give_nothing(void *ctx, mqw_stream **out)
{
    ((scene *)ctx)->calls++;
    *out = NULL;
    return 0;
}

/* A stream that lives on another loop. */
static int give_foreign(void *ctx, mqw_stream **out)
{
    scene *on = ctx;
    static uv_loop_t other;
    mqw_stream *ends[2];
    on->calls++;
    assert_int_equal(mqw_stream_pair(ends, &other), 0);
    mqw_stream_close(ends[1]);
    *out = ends[0];
    return 0;
}

/* One that a connection has already. */
static int give_taken(void *ctx, mqw_stream **out)
{
    scene *on = ctx;
    mqw_stream *ends[2];
    on->calls++;
    assert_int_equal(mqw_stream_pair(ends, &on->live.loop), 0);
    mqw_stream_close(ends[1]);
    serve(on, ends[0]);
    *out = ends[0];
    return 0;
}

static void what_cannot_be_used_ends_it(void **state)
{
    static int (*const sources[])(void *ctx, mqw_stream **out) = {give_nothing, give_foreign, give_taken};
    (void)state;
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        scene on = {.version = 5};
        runs(&on, sources[i]);
        assert_int_equal(on.calls, 1);
        assert_int_equal(on.result, MQW_E_MISUSE);
        assert_null(on.server);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(over_a_pair),
        cmocka_unit_test(what_cannot_be_used_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
