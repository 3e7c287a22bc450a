// SPDX-License-Identifier: MIT
// Files that are never whole in memory: published from a file, received into another one.
#include <mqwire/client.h>

#include <fcntl.h>
#include <unistd.h>

#include "host.h"

enum { SIZE = 900000, ROOM = 64 * 1024 };

typedef struct transfer {
    host host;
    int in, out;
    bool sent, received;
} transfer;

// Called when the connection has room; again from the start when it was lost in between.
static int read_file(void *self, uint32_t offset, uint8_t *room, size_t cap)
{
    const transfer *files = self;
    return (int)pread(files->in, room, cap, offset); // 0 or less: the file is not what it was
}

static void on_sent(mqw_client *client, int result, const mqw_packet *answer, void *ctx)
{
    (void)client, (void)answer;
    ((transfer *)ctx)->sent = result == MQW_REASON_SUCCESS;
}

static int send_file(mqw_client *client, transfer *self)
{
    mqw_publish publish = {.topic = MQW_TEXT("firmware"), .qos = 1};
    mqw_source source = {.payload_size = SIZE, .read = read_file, .self = self};
    return mqw_client_publish_from(client, &publish, &source, on_sent, self);
}

// The message itself: everything but its payload.
static void on_message(mqw_client *client, const mqw_publish *publish, mqw_token token, void *ctx)
{
    transfer *self = ctx;
    (void)client, (void)token;
    if (publish->payload_left == 0) { // a small one comes whole
        self->received = pwrite(self->out, publish->payload.data, publish->payload.len, 0) >= 0;
        return;
    }
    CHECK(ftruncate(self->out, 0) == 0);
}

static void on_piece(mqw_client *client, const mqw_publish *publish, const mqw_piece *piece, mqw_token token,
                     void *ctx)
{
    transfer *self = ctx;
    (void)publish, (void)token;
    if (!piece) // the connection was lost; the message comes again from its start
        return;
    if (pwrite(self->out, piece->bytes.data, piece->bytes.len, piece->offset) < 0)
        mqw_client_close(client, NULL);
    if (piece->left > 0)
        return;
    self->received = true;
    mqw_client_close(client, NULL);
}

static void on_close(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    (void)client;
    CHECK(failure == NULL);
    host_stop(&((transfer *)ctx)->host);
}

// Payloads above ROOM come in pieces; max_packet_size still counts (64 MiB, unless it is set).
static int open_client(mqw_client **out, uv_loop_t *loop, transfer *self)
{
    mqw_conn_options conn = {.stream_over = ROOM};
    mqw_open_options open = {.conn = &conn};
    mqw_client_options options = {.address = self->host.address, .open = &open, .ctx = self};
    options.handlers =
        (mqw_client_handlers){.on_message = on_message, .on_piece = on_piece, .on_close = on_close};
    return mqw_client_open(out, loop, &options);
}

static int scratch_file(void)
{
    char path[] = "/tmp/mqwire-docs-XXXXXX";
    int file = mkstemp(path);
    CHECK(file >= 0 && unlink(path) == 0);
    return file;
}

int main(void)
{
    static uint8_t in[SIZE], out[SIZE];
    transfer self = {.host = {.echoes = true}, .in = scratch_file(), .out = scratch_file()};
    uv_loop_t *loop = uv_default_loop();
    mqw_client *client;
    for (size_t i = 0; i < SIZE; i++)
        in[i] = (uint8_t)(i * 7 / 3);
    CHECK(pwrite(self.in, in, SIZE, 0) == SIZE);
    host_start(&self.host, loop, "127.0.0.1:0", NULL);
    CHECK(open_client(&client, loop, &self) == 0);
    CHECK(send_file(client, &self) == 0);
    run_to_the_end(loop);
    CHECK(self.sent && self.received);
    CHECK(pread(self.out, out, SIZE, 0) == SIZE && memcmp(in, out, SIZE) == 0);
    close(self.in);
    close(self.out);
    return 0;
}
