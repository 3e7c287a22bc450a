// SPDX-License-Identifier: MIT
// A server for tests of clients: it lets in, grants and acknowledges, unless a test says otherwise packet by
// packet. It lives on the loop of the test, or on a thread of its own for clients that block.
#ifndef MQW_TESTS_SCRIPTED_H
#define MQW_TESTS_SCRIPTED_H

#include <stdatomic.h>

#include "live/live.h"

typedef struct scripted scripted;
struct scripted {
    /** Before anything else is done with a packet. True: that was all. */
    bool (*act)(scripted *server, mqw_conn *conn, const mqw_packet *packet);
    void *more;          /**< For act. */
    mqw_connack welcome; /**< The answer to CONNECT. */
    uint8_t granted;     /**< The answer to each filter. */
    bool no_acks;        /**< Messages are acknowledged by the test, or not at all. */
    mqw_server *server;
    mqw_conn *conn;       /**< The last one that has connected; NULL: it is gone. */
    atomic_int heard[16]; /**< How often, per packet type; read from the test's thread, too. */
    char filter[128];     /**< The last one subscribed to. */
    char address[160];
    // on a thread
    uv_loop_t loop;
    uv_thread_t thread;
    uv_async_t bell;
    uv_sem_t listening;
    void (*errand)(scripted *server); /**< Run on the thread at the next ring. */
    uv_sem_t done;
};

static inline void scripted_subscribed(scripted *server, mqw_conn *conn, const mqw_subscribe *subscribe)
{
    uint8_t reasons[64];
    mqw_list left = subscribe->filters;
    mqw_filter filter;
    size_t count = 0;
    while (mqw_next_filter(&left, &filter) && count < sizeof reasons) {
        snprintf(server->filter, sizeof server->filter, "%.*s", (int)filter.filter.len, filter.filter.data);
        reasons[count++] = server->granted;
    }
    mqw_conn_suback(conn, &(mqw_suback){.packet_id = subscribe->packet_id, .reasons = {reasons, count}});
}

static inline void scripted_unsubscribed(mqw_conn *conn, const mqw_subscribe *unsubscribe)
{
    uint8_t reasons[64] = {0};
    mqw_list left = unsubscribe->filters;
    mqw_text filter;
    size_t count = 0;
    while (mqw_next_topic(&left, &filter))
        count++;
    if (mqw_conn_version(conn) < MQW_5_0)
        count = 0;
    mqw_conn_unsuback(conn, &(mqw_suback){.packet_id = unsubscribe->packet_id, .reasons = {reasons, count}});
}

static inline void scripted_welcome(const scripted *server, mqw_conn *conn, const mqw_connect *connect)
{
    mqw_connack connack = server->welcome;
    bool named = connect->client_id.len > 0 || connect->version < MQW_5_0;
    if (connack.reason == 0 && !named) // MQTT-3.2.2-16
        mqw_set(&connack.props, assigned_client_id, MQW_TEXT("somebody"));
    mqw_conn_connack(conn, &connack);
}

static inline void scripted_packet(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    scripted *server = ctx;
    server->heard[packet->type]++;
    if (packet->type == MQW_CONNECT)
        server->conn = conn;
    if (server->act && server->act(server, conn, packet))
        return;
    if (packet->type == MQW_CONNECT)
        scripted_welcome(server, conn, &packet->connect);
    else if (packet->type == MQW_SUBSCRIBE)
        scripted_subscribed(server, conn, &packet->subscribe);
    else if (packet->type == MQW_UNSUBSCRIBE)
        scripted_unsubscribed(conn, &packet->unsubscribe);
}

static inline void scripted_error(mqw_conn *conn, const mqw_error *error, void *ctx)
{
    (void)conn, (void)ctx;
    if (!error->by_peer && error->code == MQW_E_MISUSE)
        fail_msg("the server misuses its connection: %s", mqw_error_text(error));
}

static inline void scripted_closed(mqw_conn *conn, void *ctx)
{
    scripted *server = ctx;
    if (server->conn == conn)
        server->conn = NULL;
}

/** Listens on a port of its own. What the test wants otherwise is set before. */
static inline void scripted_listen(scripted *server, uv_loop_t *loop)
{
    mqw_handlers handlers = {.packet = scripted_packet, .error = scripted_error, .close = scripted_closed};
    mqw_conn_options each = {.handlers = &handlers, .handlers_ctx = server};
    each.answers = (uint8_t)(MQW_ANSWER_PINGRESP | (server->no_acks ? 0 : MQW_ANSWER_ACKS));
    mqw_open_options options = {.conn = &each};
    server->server = NULL;
    assert_int_equal(mqw_server_listen(&server->server, loop, "tcp://127.0.0.1:0", &options, NULL, NULL), 0);
    assert_int_equal(mqw_server_address(server->server, 0, server->address, sizeof server->address), 0);
}

static inline void scripted_end(scripted *server)
{
    mqw_server_close(server->server, true, NULL, NULL);
}

/** Sends the client a message. */
static inline int scripted_publish(mqw_conn *conn, mqw_text topic, const char *payload, mqw_bytes correlation,
                                   uint8_t qos)
{
    mqw_publish publish = {
        .topic = topic, .payload = {(const uint8_t *)payload, strlen(payload)}, .qos = qos};
    publish.packet_id = qos ? 1 : 0;
    if (correlation.len)
        mqw_set(&publish.props, correlation_data, correlation);
    return mqw_conn_publish(conn, &publish);
}

// --- on a thread ---

static inline void scripted_rung(uv_async_t *bell)
{
    scripted *server = bell->data;
    void (*errand)(scripted *) = server->errand;
    server->errand = NULL;
    if (errand)
        errand(server);
    uv_sem_post(&server->done);
}

static inline void scripted_run(void *arg)
{
    scripted *server = arg;
    uv_loop_init(&server->loop);
    uv_async_init(&server->loop, &server->bell, scripted_rung);
    server->bell.data = server;
    scripted_listen(server, &server->loop);
    uv_sem_post(&server->listening);
    uv_run(&server->loop, UV_RUN_DEFAULT);
    uv_loop_close(&server->loop);
}

static inline void scripted_start(scripted *server)
{
    uv_sem_init(&server->listening, 0);
    uv_sem_init(&server->done, 0);
    assert_int_equal(uv_thread_create(&server->thread, scripted_run, server), 0);
    uv_sem_wait(&server->listening);
}

/** Runs a function on the thread of the server, to its end. */
static inline void scripted_do(scripted *server, void (*errand)(scripted *server))
{
    server->errand = errand;
    uv_async_send(&server->bell);
    uv_sem_wait(&server->done);
}

static inline void scripted_leave(scripted *server)
{
    scripted_end(server);
    uv_close((uv_handle_t *)&server->bell, NULL);
}

static inline void scripted_stop(scripted *server)
{
    scripted_do(server, scripted_leave);
    uv_thread_join(&server->thread);
    uv_sem_destroy(&server->listening);
    uv_sem_destroy(&server->done);
}

#endif
