// SPDX-License-Identifier: MIT
// Back-pressure: a producer that is faster than its peer, and a consumer that wants to wait.
#include "ends.h"

enum { MESSAGES = 1000, SIZE = 1000 };

typedef struct producer {
    uint8_t payload[SIZE];
    int sent;
} producer;

// Publishes until all is sent or enough waits; on_drain goes on.
static void produce(mqw_conn *conn, producer *self)
{
    mqw_publish publish = {.topic = MQW_TEXT("flood"), .payload = {self->payload, SIZE}};
    while (self->sent < MESSAGES && mqw_conn_publish(conn, &publish) >= 0)
        self->sent++;
}

static void on_drain(mqw_conn *conn, void *ctx)
{
    produce(conn, ctx);
}

// A consumer that can take a few messages only, and then pauses.
static void on_publish(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    int *room = ctx;
    (void)packet;
    if (--*room == 0)
        mqw_conn_pause(conn);
}

int main(void)
{
    producer self = {.sent = 0};
    int room = 3;
    const mqw_handlers sends = {.drain = on_drain};
    const mqw_handlers takes = {.connect = welcome, .publish = on_publish};
    mqw_conn_options small = {.max_output = 64 * 1024, .high_water = 16 * 1024, .low_water = 4 * 1024};
    mqw_conn *client = mqw_conn_new(MQW_CLIENT, &small);
    mqw_conn *server = mqw_conn_new(MQW_SERVER, NULL);
    mqw_bytes view;
    CHECK(client && server);
    mqw_conn_handle_shared(client, &sends, &self);
    mqw_conn_handle_shared(server, &takes, &room);
    shake_hands(client, server, MQW_3_1_1);
    produce(client, &self);
    CHECK(self.sent < MESSAGES && mqw_conn_waiting(client) <= 64 * 1024);
    CHECK(mqw_conn_output(client, &view, 1) == 1);
    mqw_bytes in = view;
    CHECK(mqw_conn_dispatch(server, &in, NULL, NULL) == 0 && mqw_conn_paused(server) && in.len > 0);
    room = MESSAGES;
    mqw_conn_resume(server);
    CHECK(mqw_conn_dispatch(server, &in, NULL, NULL) == 0 && in.len == 0); // goes on where it stopped
    mqw_conn_written(client, view.len);
    while (self.sent < MESSAGES) {
        mqw_bytes nothing = {NULL, 0};
        CHECK(carry(client, server) == 0);
        CHECK(mqw_conn_dispatch(client, &nothing, NULL, NULL) == 0); // drain is told here
    }
    mqw_conn_free(client);
    mqw_conn_free(server);
    return 0;
}
