// SPDX-License-Identifier: MIT
// Enhanced authentication (section 4.12): a made-up method, in which the server asks and the client answers.
#include <string.h>

#include "ends.h"

static const mqw_text method = {"RIDDLE", 6};

static mqw_bytes bytes_of(const char *text)
{
    return (mqw_bytes){(const uint8_t *)text, strlen(text)};
}

static int say(mqw_conn *conn, uint8_t reason, mqw_bytes data)
{
    mqw_disconnect auth = {.reason = reason};
    mqw_set(&auth.props, auth_method, method);
    mqw_set(&auth.props, auth_data, data);
    return mqw_conn_auth(conn, &auth);
}

// Server: CONNECT names the method; nothing but AUTH goes until CONNACK.
static void on_connect(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    mqw_text asked = mqw_value(&packet->connect.props, auth_method);
    (void)ctx;
    if (asked.len == method.len && memcmp(asked.data, method.data, method.len) == 0)
        say(conn, MQW_REASON_CONTINUE_AUTHENTICATION, bytes_of("what has roots as nobody sees?"));
    else
        mqw_conn_connack(conn, &(mqw_connack){.reason = MQW_REASON_BAD_AUTH_METHOD});
}

// Server: the answer. While connecting CONNACK ends it, later AUTH with success.
static void on_answer(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    mqw_bytes answer = mqw_value(&packet->auth.props, auth_data);
    bool good = answer.len == 8 && memcmp(answer.data, "mountain", 8) == 0;
    (void)ctx;
    if (mqw_conn_state(conn) == MQW_STATE_OPEN) {
        say(conn, MQW_REASON_SUCCESS, (mqw_bytes){NULL, 0});
        return;
    }
    mqw_connack connack = {.reason = good ? MQW_REASON_SUCCESS : MQW_REASON_NOT_AUTHORIZED};
    mqw_set(&connack.props, auth_method, method);
    mqw_conn_connack(conn, &connack);
}

// Client: answers what is asked.
static void on_riddle(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    int *asked = ctx;
    ++*asked;
    if (packet->auth.reason == MQW_REASON_CONTINUE_AUTHENTICATION)
        say(conn, MQW_REASON_CONTINUE_AUTHENTICATION, bytes_of("mountain"));
}

int main(void)
{
    int asked = 0;
    const mqw_handlers asks = {.connect = on_connect, .auth = on_answer};
    const mqw_handlers answers = {.auth = on_riddle};
    mqw_connect connect = {.version = MQW_5_0, .client_id = MQW_TEXT("me"), .clean_start = true};
    mqw_conn *client = mqw_conn_new(MQW_CLIENT, NULL);
    mqw_conn *server = mqw_conn_new(MQW_SERVER, NULL);
    CHECK(client && server);
    mqw_conn_handle_shared(server, &asks, NULL);
    mqw_conn_handle_shared(client, &answers, &asked);
    mqw_set(&connect.props, auth_method, method);
    CHECK(mqw_conn_connect(client, &connect) == 0);
    CHECK(mqw_conn_state(client) == MQW_STATE_AUTHENTICATING);
    CHECK(carry(client, server) == 0 && carry(server, client) == 0 && asked == 1);
    CHECK(carry(client, server) == 0 && carry(server, client) == 0);
    CHECK(mqw_conn_state(client) == MQW_STATE_OPEN);
    CHECK(say(client, MQW_REASON_REAUTHENTICATE, bytes_of("again")) == 0);
    CHECK(carry(client, server) == 0 && carry(server, client) == 0 && asked == 2);
    mqw_conn_free(client);
    mqw_conn_free(server);
    return 0;
}
