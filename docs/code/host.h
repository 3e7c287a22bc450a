// SPDX-License-Identifier: MIT
// What the programs about clients share: a small server on their loop, which lets everybody in, grants what
// is asked for, and sends back what it gets.
#ifndef HOST_H
#define HOST_H

#include <mqwire/transport.h>

#include "ends.h"

typedef struct host {
    mqw_server *server;
    char address[160];
    mqw_conn *conn; // the one that came last; NULL: it has gone
    uint16_t packet_id;
    bool echoes;       // sends back what it gets
    bool present;      // says that it kept the session
    unsigned received; // messages
    unsigned closed;   // connections that are gone
    char password[32]; // of the last CONNECT
    int goodbye;       // reason of the last DISCONNECT; -1: none came
} host;

static inline void host_grant(mqw_conn *conn, const mqw_subscribe *subscribe)
{
    uint8_t granted[8];
    mqw_suback suback = {.packet_id = subscribe->packet_id, .reasons = {granted, 0}};
    mqw_list left = subscribe->filters;
    for (mqw_filter filter; suback.reasons.len < sizeof granted && mqw_next_filter(&left, &filter);)
        granted[suback.reasons.len++] = filter.qos;
    mqw_conn_suback(conn, &suback);
}

static inline void host_welcome(host *self, mqw_conn *conn, const mqw_connect *connect)
{
    mqw_connack connack = {.session_present = self->present};
    self->conn = conn;
    self->goodbye = -1;
    if (connect->has_password)
        snprintf(self->password, sizeof self->password, "%.*s", (int)connect->password.len,
                 (const char *)connect->password.data);
    if (connect->version == MQW_5_0 && connect->client_id.len == 0)
        mqw_set(&connack.props, assigned_client_id, MQW_TEXT("guest"));
    mqw_conn_connack(conn, &connack);
}

static inline void host_packet(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    host *self = ctx;
    if (packet->type == MQW_CONNECT) {
        host_welcome(self, conn, &packet->connect);
    } else if (packet->type == MQW_SUBSCRIBE) {
        host_grant(conn, &packet->subscribe);
    } else if (packet->type == MQW_DISCONNECT) {
        self->goodbye = packet->disconnect.reason;
    } else if (packet->type == MQW_PUBLISH) {
        mqw_publish back = packet->publish;
        self->received++;
        back.dup = false;
        back.packet_id = back.qos ? ++self->packet_id : 0;
        if (self->echoes)
            mqw_conn_publish(conn, &back);
    }
}

static inline void host_gone(mqw_conn *conn, void *ctx)
{
    host *self = ctx;
    self->closed++;
    if (self->conn == conn)
        self->conn = NULL;
}

static inline void host_error(mqw_conn *conn, const mqw_error *error, void *ctx)
{
    char text[256];
    (void)ctx;
    mqw_error_print(text, sizeof text, error);
    fprintf(stderr, "host: %s %s\n", text, mqw_conn_stream_error(conn));
}

// Listens at `address`; self->address says where. `options` may have TLS and WebSocket in it; NULL: plain.
static inline void host_start(host *self, uv_loop_t *loop, const char *address,
                              const mqw_open_options *options)
{
    static const mqw_handlers handlers = {.packet = host_packet, .error = host_error, .close = host_gone};
    mqw_open_options own = options ? *options : (mqw_open_options){0};
    mqw_conn_options conn = own.conn ? *own.conn : (mqw_conn_options){0};
    conn.answers = MQW_ANSWER_ACKS | MQW_ANSWER_PINGRESP;
    conn.handlers = &handlers;
    conn.handlers_ctx = self;
    own.conn = &conn;
    CHECK(mqw_server_listen(&self->server, loop, address, &own, NULL, NULL) == 0);
    CHECK(mqw_server_address(self->server, 0, self->address, sizeof self->address) == 0);
}

static inline void host_stop(host *self)
{
    mqw_server_close(self->server, true, NULL, NULL);
}

// Runs the loop until nothing is left on it.
static inline void run_to_the_end(uv_loop_t *loop)
{
    CHECK(uv_run(loop, UV_RUN_DEFAULT) == 0);
    CHECK(uv_loop_close(loop) == 0);
}

static inline bool is_text(mqw_bytes bytes, const char *text)
{
    return bytes.len == strlen(text) && memcmp(bytes.data, text, bytes.len) == 0;
}

#endif
