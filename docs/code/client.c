// SPDX-License-Identifier: MIT
// A client: opening, publishing with a completion, subscribing, coming back, leaving.
#include <mqwire/client.h>

#include "host.h"

// What the handlers know.
typedef struct program {
    host host;
    uint64_t connections;
    int lost;
    int delivered;
    int heard;
    int closed;
} program;

// Each time it is connected. Subscriptions of before are there again by themselves.
static void on_open(mqw_client *client, const mqw_connack *connack, void *ctx)
{
    program *self = ctx;
    mqw_client_facts facts = {.size = sizeof facts};
    mqw_client_facts_of(client, &facts);
    printf("%s: version %d, %s\n", facts.address, facts.version,
           connack->session_present ? "the session goes on" : "a new session");
    self->connections = facts.connections;
}

// Each time it is not connected any more, or could not be. It comes back by itself.
static void on_lost(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    (void)client;
    ((program *)ctx)->lost++;
    if (failure->retry_in < 0)
        fprintf(stderr, "%s: %s, giving up\n", failure->address, failure->words);
    else
        fprintf(stderr, "%s: %s, again in %d ms\n", failure->address, failure->words, (int)failure->retry_in);
}

// Once, and last: the client is freed when this has returned.
static void on_close(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    program *self = ctx;
    (void)client;
    self->closed++;
    if (failure) // NULL: we have closed it
        fprintf(stderr, "gave up: %s\n", failure->words);
    host_stop(&self->host);
}

static mqw_client *open_client(uv_loop_t *loop, program *self)
{
    mqw_connect connect = {.client_id = MQW_TEXT("thermometer-7"), .clean_start = true, .keep_alive = 30};
    mqw_set(&connect.props, session_expiry, 3600); // 5.0: the session outlives a connection by an hour
    mqw_client_options options = {.address = self->host.address, .connect = &connect, .ctx = self};
    options.handlers = (mqw_client_handlers){.on_open = on_open, .on_lost = on_lost, .on_close = on_close};
    options.retry_min = 10; // default: a second
    mqw_client *client;
    int result = mqw_client_open(&client, loop, &options);
    if (result < 0)
        fprintf(stderr, "%s: %s\n", options.address, mqw_strerror(result));
    return result < 0 ? NULL : client;
}

// The end of a request, whatever became of it.
static void on_published(mqw_client *client, int result, const mqw_packet *answer, void *ctx)
{
    (void)client;
    (void)answer; // PUBACK or PUBCOMP with its properties; NULL: there was none
    if (result < 0)
        fprintf(stderr, "not delivered: %s\n", mqw_strerror(result));
    else if (result >= MQW_REASON_UNSPECIFIED_ERROR)
        fprintf(stderr, "refused: %s\n", mqw_reason_name(MQW_5_0, (uint8_t)result));
    else
        ((program *)ctx)->delivered++;
}

static int report(mqw_client *client, const char *degrees, program *self)
{
    mqw_publish publish = {.topic = MQW_TEXT("home/kitchen/temperature"), .qos = 1, .retain = true};
    publish.payload = (mqw_bytes){(const uint8_t *)degrees, strlen(degrees)};
    mqw_set(&publish.props, message_expiry, 60); // after a minute it is of no use to anybody
    return mqw_client_publish(client, &publish, on_published, self);
}

// Messages of rooms go to their own handlers; what no route takes would go to on_message.
static void on_temperature(mqw_client *client, const mqw_publish *publish, mqw_token token, void *ctx)
{
    program *self = ctx;
    (void)token;
    printf("%.*s: %.*s\n", (int)publish->topic.len, publish->topic.data, (int)publish->payload.len,
           (const char *)publish->payload.data);
    if (++self->heard == 1)
        mqw_conn_abort(self->host.conn); // the network fails
    else
        mqw_client_close(client, NULL);
}

static int listen_to_rooms(mqw_client *client, program *self)
{
    const mqw_filter filters[] = {{.filter = MQW_TEXT("home/+/temperature"), .qos = 1}};
    int result = mqw_client_route(client, "home/+/temperature", on_temperature, self);
    return result < 0 ? result : mqw_client_subscribe(client, filters, 1, NULL, NULL, NULL);
}

int main(void)
{
    program self = {.host = {.echoes = true}};
    uv_loop_t *loop = uv_default_loop();
    host_start(&self.host, loop, "127.0.0.1:0", NULL);
    mqw_client *client = open_client(loop, &self);
    CHECK(client);
    CHECK(listen_to_rooms(client, &self) == 0);
    CHECK(report(client, "21", &self) == 0); // all this waits for the connection
    while (self.lost == 0 || mqw_client_conn(client) == NULL)
        uv_run(loop, UV_RUN_ONCE);
    CHECK(report(client, "22", &self) == 0);
    run_to_the_end(loop);
    CHECK(self.delivered == 2 && self.heard >= 2 && self.connections == 2 && self.lost == 1 &&
          self.closed == 1);
    return 0;
}
