// SPDX-License-Identifier: MIT
// A broker that asks the program who may connect and publish. An answer may take its time: the loop goes on.
// broker_with_hooks [ADDRESS]
#include <mqwire/broker.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is(mqw_text text, const char *wanted)
{
    return text.len == strlen(wanted) && memcmp(text.data, wanted, text.len) == 0;
}

// The data base of users has answered; the client may have gone meanwhile.
static void on_found(uv_timer_t *query)
{
    mqw_peer_decide(query->data, 0, NULL);
    uv_close((uv_handle_t *)query, (uv_close_cb)free);
}

static int on_connect(mqw_broker *broker, mqw_peer *peer, const mqw_connect *connect, void *ctx)
{
    mqw_ticket *ticket;
    uv_timer_t *query;
    (void)broker, (void)ctx;
    if (!connect->has_username)
        return MQW_REASON_NOT_AUTHORIZED;
    if (is(connect->username, "guest") && mqw_peer_mount(peer, MQW_TEXT("guests/")) == 0)
        return 0; // it neither sees nor leaves these topics
    if (!(query = malloc(sizeof(*query))) || !(ticket = mqw_peer_defer(peer))) {
        free(query);
        return MQW_REASON_SERVER_BUSY;
    }
    uv_timer_init(uv_default_loop(), query);
    uv_timer_start(query, on_found, 10, 0);
    query->data = ticket;
    return MQW_LATER;
}

static int on_publish(mqw_broker *broker, mqw_peer *peer, mqw_publish *publish, void *ctx)
{
    (void)broker, (void)peer, (void)ctx;
    publish->retain = publish->retain && publish->payload.len < 1024;
    return is(publish->topic, "forbidden") ? MQW_REASON_NOT_AUTHORIZED : 0;
}

int main(int count, char **words)
{
    mqw_broker_options options = {.hooks = {.on_connect = on_connect, .on_publish = on_publish}};
    mqw_broker *broker;
    char bound[160];
    if (mqw_broker_open(&broker, uv_default_loop(), &options) < 0 ||
        mqw_broker_listen(broker, count > 1 ? words[1] : "localhost", NULL) < 0)
        return 1;
    mqw_broker_address(broker, 0, bound, sizeof(bound));
    fprintf(stderr, "listening on %s\n", bound);
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
