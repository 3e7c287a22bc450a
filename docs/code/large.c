// SPDX-License-Identifier: MIT
// Payloads larger than memory, both ways.
#include "ends.h"

enum { SIZE = 10 * 1000 * 1000, PIECE = 100 * 1000 };

typedef struct transfer {
    uint32_t left;    // of what comes
    uint32_t written; // of what goes
    bool done;
} transfer;

// The PUBLISH itself: everything but its payload.
static void on_publish(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    transfer *self = ctx;
    (void)conn;
    self->left = packet->publish.payload_left; // 0: it came whole
}

static void on_payload(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    transfer *self = ctx;
    const mqw_piece *piece = &packet->piece;
    self->left -= (uint32_t)piece->bytes.len; // write piece->bytes to a file at piece->offset
    if (piece->left > 0)
        return;
    self->done = true;
    if (piece->qos == 1)
        mqw_conn_puback(conn, &(mqw_ack){.packet_id = piece->packet_id});
}

// Sends pieces until the output is full; called first after mqw_conn_publish_begin, then by on_drain.
static void send_pieces(mqw_conn *conn, transfer *self)
{
    static const uint8_t piece[PIECE]; // read it from a file at self->written
    while (self->written < SIZE && mqw_conn_publish_write(conn, (mqw_bytes){piece, PIECE}) == 0)
        self->written += PIECE;
    if (self->written == SIZE)
        mqw_conn_publish_end(conn);
}

static void on_drain(mqw_conn *conn, void *ctx)
{
    send_pieces(conn, ctx);
}

static int send_file(mqw_conn *conn, transfer *self)
{
    mqw_publish publish = {.topic = MQW_TEXT("firmware"), .qos = 1, .packet_id = 1};
    int result = mqw_conn_publish_begin(conn, &publish, SIZE);
    if (result >= 0)
        send_pieces(conn, self);
    return result;
}

int main(void)
{
    transfer self = {.left = 0};
    const mqw_handlers sends = {.drain = on_drain};
    const mqw_handlers takes = {.connect = welcome, .publish = on_publish, .payload = on_payload};
    mqw_conn_options large = {.max_packet_size = 20 * 1000 * 1000, .stream_over = 64 * 1024};
    mqw_conn_options small = {.max_output = 1000 * 1000};
    mqw_conn *client = mqw_conn_new(MQW_CLIENT, &small);
    mqw_conn *server = mqw_conn_new(MQW_SERVER, &large);
    CHECK(client && server);
    mqw_conn_handle_shared(client, &sends, &self);
    mqw_conn_handle_shared(server, &takes, &self);
    shake_hands(client, server, MQW_3_1_1);
    CHECK(send_file(client, &self) == 0);
    while (!self.done) {
        mqw_bytes nothing = {NULL, 0};
        CHECK(carry(client, server) == 0);
        CHECK(mqw_conn_dispatch(client, &nothing, NULL, NULL) == 0);
    }
    CHECK(self.left == 0 && self.written == SIZE);
    mqw_conn_free(client);
    mqw_conn_free(server);
    return 0;
}
