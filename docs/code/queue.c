// SPDX-License-Identifier: MIT
// The queue of a client: a producer that is faster than its server, and one that would rather lose the
// oldest.
#include <mqwire/client.h>

#include "host.h"

enum { MESSAGES = 5000, ROOM = 100 };

typedef struct producer {
    host host;
    int made;
    int delivered;
    int gave_way;
} producer;

static void on_delivered(mqw_client *client, int result, const mqw_packet *answer, void *ctx)
{
    producer *self = ctx;
    (void)answer;
    self->delivered += result >= 0;
    self->gave_way += result == MQW_E_FULL;
    if (self->delivered + self->gave_way == MESSAGES)
        mqw_client_close(client, NULL);
}

// Publishes until all is made or the queue is full; on_drain goes on.
static void produce(mqw_client *client, producer *self)
{
    mqw_publish publish = {.topic = MQW_TEXT("log"), .qos = 1};
    while (self->made < MESSAGES && mqw_client_publish(client, &publish, on_delivered, self) == 0)
        self->made++;
}

static void on_drain(mqw_client *client, void *ctx)
{
    produce(client, ctx);
}

// A sensor: only its newest values count. None of these calls is refused; who gives way ends with MQW_E_FULL.
static void measure(mqw_client *client, producer *self)
{
    mqw_publish publish = {.topic = MQW_TEXT("level"), .qos = 1};
    while (self->made < MESSAGES && mqw_client_publish(client, &publish, on_delivered, self) == 0)
        self->made++;
}

static void on_close(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    (void)client;
    CHECK(failure == NULL);
    host_stop(&((producer *)ctx)->host);
}

static mqw_client *open_client(uv_loop_t *loop, producer *self, uint8_t when_full)
{
    mqw_client *client;
    mqw_client_options options = {.max_queued = ROOM, .max_queued_bytes = 64 * 1024, .when_full = when_full};
    options.handlers = (mqw_client_handlers){.on_drain = on_drain, .on_close = on_close};
    options.address = self->host.address;
    options.ctx = self;
    return mqw_client_open(&client, loop, &options) < 0 ? NULL : client;
}

int main(void)
{
    uv_loop_t *loop = uv_default_loop();
    producer all = {.made = 0}, newest = {.made = 0};
    host_start(&all.host, loop, "127.0.0.1:0", NULL);
    mqw_client *client = open_client(loop, &all, MQW_FULL_REFUSE);
    CHECK(client);
    produce(client, &all);
    CHECK(all.made == ROOM); // the rest after drain
    CHECK(uv_run(loop, UV_RUN_DEFAULT) == 0);
    CHECK(all.delivered == MESSAGES && all.gave_way == 0);

    host_start(&newest.host, loop, "127.0.0.1:0", NULL);
    client = open_client(loop, &newest, MQW_FULL_DROP_OLDEST);
    CHECK(client);
    measure(client, &newest);
    CHECK(newest.made == MESSAGES);
    run_to_the_end(loop);
    CHECK(newest.delivered == ROOM && newest.gave_way == MESSAGES - ROOM);
    return 0;
}
