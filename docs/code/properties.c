// SPDX-License-Identifier: MIT
// What 5.0 brought: properties, topic aliases, receive maximum.
#include <string.h>

#include "ends.h"

// Asks a question: properties are set one by one, lists are written into room of the caller.
static int ask(mqw_conn *conn, mqw_text question)
{
    uint8_t room[64];
    const mqw_pair pairs[] = {{MQW_TEXT("unit"), MQW_TEXT("celsius")}, {MQW_TEXT("room"), MQW_TEXT("7")}};
    mqw_publish publish = {.topic = MQW_TEXT("ask"), .qos = 1, .packet_id = 1};
    publish.payload = (mqw_bytes){(const uint8_t *)question.data, question.len};
    mqw_set(&publish.props, message_expiry, 60);
    mqw_set(&publish.props, response_topic, MQW_TEXT("answers/me"));
    mqw_set(&publish.props, user, mqw_list_pairs(room, sizeof room, pairs, 2));
    return mqw_conn_publish(conn, &publish);
}

// Reads them: mqw_has asks, mqw_get takes a default of ours, mqw_value that of the standard.
static int read_question(const mqw_publish *publish)
{
    const mqw_props *props = &publish->props;
    mqw_text back = mqw_get(props, response_topic, MQW_TEXT("answers"));
    mqw_list left = mqw_value(props, user);
    int count = 0;
    for (mqw_pair pair; mqw_next_pair(&left, &pair); count++)
        printf("%.*s=%.*s\n", (int)pair.name.len, pair.name.data, (int)pair.value.len, pair.value.data);
    if (mqw_has(props, message_expiry))
        printf("to %.*s within %u s\n", (int)back.len, back.data, (unsigned)props->message_expiry);
    return count;
}

static void on_publish(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    int *pairs = ctx;
    (void)conn;
    *pairs += read_question(&packet->publish);
}

// A server says in CONNACK what it takes.
static void on_connect(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    mqw_connack connack = {.reason = MQW_REASON_SUCCESS};
    (void)packet;
    (void)ctx;
    mqw_set(&connack.props, receive_maximum, 1);
    mqw_set(&connack.props, topic_alias_maximum, 8);
    mqw_conn_connack(conn, &connack);
}

// The bytes that a PUBLISH takes; with MQW_ALIAS_RECENT the second one of a topic takes fewer.
static size_t cost(mqw_conn *conn, mqw_text topic)
{
    size_t before = mqw_conn_waiting(conn);
    CHECK(mqw_conn_publish(conn, &(mqw_publish){.topic = topic}) == 0);
    return mqw_conn_waiting(conn) - before;
}

int main(void)
{
    int pairs = 0;
    const mqw_handlers handlers = {.connect = on_connect, .publish = on_publish};
    mqw_conn *client = mqw_conn_new(MQW_CLIENT, &(mqw_conn_options){.alias_out = MQW_ALIAS_RECENT});
    mqw_conn *server = mqw_conn_new(MQW_SERVER, NULL);
    CHECK(client && server);
    mqw_conn_handle_shared(server, &handlers, &pairs);
    shake_hands(client, server, MQW_5_0);
    CHECK(mqw_conn_quota(client) == 1);
    CHECK(ask(client, MQW_TEXT("how warm?")) == 0);
    CHECK(mqw_conn_quota(client) == 0 && ask(client, MQW_TEXT("how cold?")) == MQW_E_QUOTA);
    CHECK(carry(client, server) == 0 && pairs == 2);
    CHECK(mqw_conn_puback(server, &(mqw_ack){.packet_id = 1}) == 0 && carry(server, client) == 0);
    CHECK(mqw_conn_quota(client) == 1);
    size_t first = cost(client, MQW_TEXT("a/rather/long/topic"));
    CHECK(cost(client, MQW_TEXT("a/rather/long/topic")) == first - strlen("a/rather/long/topic"));
    CHECK(carry(client, server) == 0);
    mqw_conn_free(client);
    mqw_conn_free(server);
    return 0;
}
