// SPDX-License-Identifier: MIT
// Both ends of a session whose client loses its process or its power: a server that never forgets, and a
// client that keeps its session, and what it receives, in a store. Messages are numbers.
#ifndef MQW_DURABLE_H
#define MQW_DURABLE_H

#include <mqwire/client.h>
#include <mqwire/session.h>

#include "live/live.h"

enum {
    PER_LIFE = 1000, /**< Numbers of messages that a life of the client may use. */
    MOST_LIVES = 400,
    WINDOW = 20 /**< Messages under way, each direction. */
};

static inline mqw_bytes bytes_of(const uint32_t *number)
{
    return (mqw_bytes){(const uint8_t *)number, sizeof *number};
}

static inline uint32_t number_of(mqw_bytes bytes)
{
    uint32_t number;
    assert_int_equal(bytes.len, sizeof number);
    memcpy(&number, bytes.data, sizeof number);
    return number;
}

/** Odd numbers have QoS 1, even ones QoS 2. */
static inline uint8_t qos_of(uint32_t number)
{
    return (uint8_t)(2 - number % 2);
}

// --- the server ---

/** The server's end of one session. */
typedef struct keeper {
    mqw_server *server;
    mqw_conn *conn; /**< NULL: the client is away. */
    mqw_session *session;
    char address[128];
    bool known;                              /**< It has been here before. */
    uint32_t down;                           /**< The last number sent to the client. */
    uint32_t down_most;                      /**< It is not passed. */
    uint32_t unfinished;                     /**< Messages of QoS 2 without their PUBREL. */
    uint8_t arrived[MOST_LIVES * PER_LIFE];  /**< How often. */
    uint8_t promised[MOST_LIVES * PER_LIFE]; /**< The client was told that it was taken. */
    uint32_t arrivals, promises;
} keeper;

static inline void keeper_pump(keeper *on)
{
    mqw_promise *next;
    while (on->down < on->down_most && mqw_session_promises(on->session) < WINDOW)
        assert_non_null(mqw_session_promise(on->session, 2, UINT64_MAX, (void *)(uintptr_t)++on->down));
    while (on->conn && (next = mqw_session_next(on->session, mqw_conn_quota(on->conn))) != NULL) {
        uint32_t number = (uint32_t)(uintptr_t)next->message;
        mqw_publish publish = {.topic = MQW_TEXT("down"),
                               .payload = bytes_of(&number),
                               .qos = 2,
                               .packet_id = next->packet_id,
                               .dup = next->stage == MQW_PUBLISHED};
        mqw_ack pubrel = {.packet_id = next->packet_id};
        int rc = next->stage == MQW_RELEASED ? mqw_conn_pubrel(on->conn, &pubrel)
                                             : mqw_conn_publish(on->conn, &publish);
        if (rc < 0)
            return;
        mqw_session_sent(on->session, next);
    }
}

static inline void keeper_connect(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    keeper *on = ctx;
    mqw_conn *before = on->conn;
    assert_false(packet->connect.clean_start);
    on->conn = conn;
    if (before)
        mqw_conn_abort(before);
    mqw_session_lost(on->session);
    mqw_conn_connack(conn, &(mqw_connack){.session_present = on->known});
    on->known = true;
    keeper_pump(on);
}

static inline void keeper_publish(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    keeper *on = ctx;
    const mqw_publish *publish = &packet->publish;
    uint32_t number = number_of(publish->payload);
    assert_true(number < sizeof on->arrived);
    assert_int_equal(publish->qos, qos_of(number));
    mqw_ack ack = {.packet_id = publish->packet_id};
    if (publish->qos == 1 || mqw_session_receive(on->session, publish->packet_id) == 1) {
        if (on->arrived[number] < UINT8_MAX)
            on->arrived[number]++;
        on->arrivals++;
        on->unfinished += publish->qos == 2;
    }
    (void)(publish->qos == 1 ? mqw_conn_puback(conn, &ack) : mqw_conn_pubrec(conn, &ack));
}

static inline void keeper_pubrel(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    keeper *on = ctx;
    mqw_ack ack = {.packet_id = packet->pubrel.packet_id};
    if (mqw_session_release(on->session, ack.packet_id) == 1)
        on->unfinished--;
    (void)mqw_conn_pubcomp(conn, &ack);
}

static inline void keeper_answer(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    keeper *on = ctx;
    mqw_promise over;
    (void)conn;
    (void)mqw_session_answer(on->session, (int)packet->type, packet->puback.packet_id, packet->puback.reason,
                             &over);
    keeper_pump(on);
}

static inline void keeper_error(mqw_conn *conn, const mqw_error *error, void *ctx)
{
    char words[256];
    (void)conn, (void)ctx;
    mqw_error_print(words, sizeof words, error);
    assert_string_equal(error->code == MQW_E_STREAM || error->code == MQW_E_END ? "" : words, "");
}

static inline void keeper_close(mqw_conn *conn, void *ctx)
{
    keeper *on = ctx;
    if (on->conn != conn)
        return;
    on->conn = NULL;
    if (on->session)
        mqw_session_lost(on->session);
}

static inline void keeper_connection(mqw_server *server, mqw_conn *conn, void *ctx)
{
    static const mqw_handlers handlers = {.size = sizeof handlers,
                                          .connect = keeper_connect,
                                          .publish = keeper_publish,
                                          .puback = keeper_answer,
                                          .pubrec = keeper_answer,
                                          .pubcomp = keeper_answer,
                                          .pubrel = keeper_pubrel,
                                          .error = keeper_error,
                                          .close = keeper_close};
    (void)server;
    assert_int_equal(mqw_conn_handle(conn, &handlers, ctx), 0);
}

static inline keeper *keeper_start(uv_loop_t *loop)
{
    keeper *on = calloc(1, sizeof *on);
    assert_non_null(on);
    on->session = mqw_session_new(NULL);
    assert_non_null(on->session);
    assert_int_equal(mqw_server_listen(&on->server, loop, "127.0.0.1:0", NULL, keeper_connection, on), 0);
    assert_int_equal(mqw_server_address(on->server, 0, on->address, sizeof on->address), 0);
    return on;
}

/** Whether all is over: what was promised has come, what was sent is acknowledged. */
static inline bool keeper_is_done(const keeper *on)
{
    if (on->unfinished || mqw_session_promises(on->session) || on->down < on->down_most)
        return false;
    for (uint32_t number = 0; number < sizeof on->promised; number++)
        if (on->promised[number] && !on->arrived[number])
            return false;
    return true;
}

/** QoS 1 at least once, QoS 2 once. */
static inline void keeper_check(const keeper *on)
{
    for (uint32_t number = 0; number < sizeof on->promised; number++) {
        assert_true(!on->promised[number] || on->arrived[number] > 0);
        assert_true(qos_of(number) == 1 || on->arrived[number] <= 1);
    }
}

static inline void keeper_end(keeper *on)
{
    mqw_server_close(on->server, false, NULL, NULL);
    mqw_session_free(on->session);
    on->session = NULL;
}

// --- the client ---

/** A client with a store, in one of its lives. */
typedef struct guest {
    uv_loop_t *loop;
    mqw_store *store;
    mqw_client *client;
    uint32_t life;
    uint32_t made;  /**< Messages published in this life. */
    uint32_t most;  /**< It is not passed. */
    uint32_t heard; /**< Messages received in this life. */
    bool closed;
    void (*promised)(struct guest *on, uint32_t number); /**< It was taken. */
    void *more;
} guest;

static inline void guest_publish(guest *on);

static inline void guest_done(mqw_client *client, int result, const mqw_packet *answer, void *ctx)
{
    (void)answer, (void)ctx;
    if (result >= 0)
        guest_publish(mqw_client_ctx(client));
}

static inline void guest_taken(mqw_client *client, void *ctx)
{
    guest *on = mqw_client_ctx(client);
    on->promised(on, (uint32_t)(uintptr_t)ctx);
}

static inline void guest_publish(guest *on)
{
    if (on->made == on->most)
        return;
    uint32_t number = on->life * PER_LIFE + on->made++;
    mqw_publish publish = {.topic = MQW_TEXT("up"), .payload = bytes_of(&number), .qos = qos_of(number)};
    (void)mqw_client_publish(on->client, &publish, guest_done, (void *)(uintptr_t)number);
}

static inline void guest_open(mqw_client *client, const mqw_connack *connack, void *ctx)
{
    guest *on = ctx;
    (void)client, (void)connack;
    while (on->made < on->most && on->made < WINDOW)
        guest_publish(on);
}

// The record of a message is in the same commit as its identifier.
static inline void guest_message(mqw_client *client, const mqw_publish *publish, mqw_token token, void *ctx)
{
    guest *on = ctx;
    char key[32];
    (void)client, (void)token;
    int len = snprintf(key, sizeof key, "received/%04u/%06u", on->life, on->heard++);
    (void)mqw_store_put(on->store, (mqw_bytes){(const uint8_t *)key, (size_t)len}, publish->payload);
}

static inline void guest_closed(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    guest *on = ctx;
    (void)client, (void)failure;
    on->client = NULL;
    on->closed = true;
}

/** A result of mqw_client_open. */
static inline int guest_start(guest *on, const char *address, uint8_t version)
{
    mqw_connect connect = {.version = version, .client_id = MQW_TEXT("durable"), .keep_alive = 60};
    if (version == MQW_5_0)
        mqw_set(&connect.props, session_expiry, UINT32_MAX);
    mqw_client_options options = {.size = sizeof options,
                                  .address = address,
                                  .connect = &connect,
                                  .handlers = {.size = sizeof options.handlers,
                                               .on_open = guest_open,
                                               .on_message = guest_message,
                                               .on_close = guest_closed},
                                  .ctx = on,
                                  .store = on->store,
                                  .retry_min = 10,
                                  .retry_max = 50};
    int rc = mqw_client_open(&on->client, on->loop, &options);
    if (rc == 0)
        mqw_client_on_taken(on->client, guest_taken);
    return rc;
}

// --- what it has received ---

/** Numbers in the order in which they came. */
typedef struct received {
    uint32_t last;
    uint32_t count;
} received;

static inline int received_next(mqw_bytes key, mqw_bytes value, void *ctx)
{
    received *all = ctx;
    (void)key;
    uint32_t number = number_of(value);
    assert_int_equal(number, all->last + 1); // none is missing, none is there twice, and they are in order
    all->last = number;
    all->count++;
    return 0;
}

/** How many: from the first, each once, in order. */
static inline uint32_t received_count(mqw_store *store)
{
    received all = {0, 0};
    mqw_bytes prefix = {(const uint8_t *)"received/", 9};
    assert_int_equal(mqw_store_read(store, prefix, received_next, &all), 0);
    return all.count;
}

#endif
