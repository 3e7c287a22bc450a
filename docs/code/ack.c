// SPDX-License-Identifier: MIT
// Acknowledging when the work is done: messages go to a pool of threads, and no more come than are worked on.
#include <mqwire/client.h>

#include "host.h"

enum { AT_A_TIME = 4, MESSAGES = 50 };

typedef struct pool {
    mqw_client *client; // NULL: it is gone
    host host;
    int under_way;
    int most_under_way;
    int done;
} pool;

// A message that is worked on: a copy, for the views of a message end with its handler.
typedef struct job {
    uv_work_t work;
    pool *pool;
    mqw_packet *message;
    mqw_token token;
    bool good;
} job;

// On a thread of the pool: nothing of the client is touched here.
static void work(uv_work_t *request)
{
    job *self = request->data;
    self->good = self->message->publish.payload.len > 0;
}

// On the loop again.
static void after_work(uv_work_t *request, int status)
{
    job *self = request->data;
    pool *all = self->pool;
    uint8_t reason = status == 0 && self->good ? MQW_REASON_SUCCESS : MQW_REASON_PAYLOAD_FORMAT_INVALID;
    all->under_way--;
    all->done++;
    if (all->client) // MQW_E_CLOSED: the connection was lost meanwhile, and the message comes again
        mqw_client_ack(all->client, self->token, reason);
    mqw_packet_free(self->message, NULL);
    free(self);
    if (all->client && all->done == MESSAGES)
        mqw_client_close(all->client, NULL);
}

static void on_message(mqw_client *client, const mqw_publish *publish, mqw_token token, void *ctx)
{
    pool *all = ctx;
    mqw_packet packet = {.type = MQW_PUBLISH, .publish = *publish};
    job *self = malloc(sizeof *self);
    mqw_packet *copy = mqw_packet_copy(&packet, NULL);
    if (!self || !copy) {
        mqw_packet_free(copy, NULL);
        free(self);
        mqw_client_ack(client, token, MQW_REASON_QUOTA_EXCEEDED);
        return;
    }
    *self = (job){.work.data = self, .pool = all, .message = copy, .token = token};
    if (++all->under_way > all->most_under_way)
        all->most_under_way = all->under_way;
    uv_queue_work(mqw_client_loop(client), &self->work, work, after_work);
}

static void on_close(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    pool *all = ctx;
    (void)client;
    CHECK(failure == NULL);
    all->client = NULL;
    host_stop(&all->host);
}

// The server sends no more than AT_A_TIME messages that are not acknowledged.
static int open_pool(uv_loop_t *loop, pool *self)
{
    mqw_connect connect = {.client_id = MQW_TEXT("pool"), .clean_start = true, .keep_alive = 60};
    mqw_set(&connect.props, receive_maximum, AT_A_TIME);
    mqw_client_options options = {.address = self->host.address, .connect = &connect, .manual_ack = true};
    options.handlers = (mqw_client_handlers){.on_message = on_message, .on_close = on_close};
    options.ctx = self;
    return mqw_client_open(&self->client, loop, &options);
}

// The program that gives the work.
static void feed(mqw_conn *conn, pool *self)
{
    mqw_publish task = {.topic = MQW_TEXT("tasks"), .payload = {(const uint8_t *)"dig", 3}, .qos = 1};
    while (self->host.received < MESSAGES) {
        task.packet_id = (uint16_t)(self->host.received + 1);
        if (mqw_conn_publish(conn, &task) < 0)
            return; // MQW_E_QUOTA
        self->host.received++;
    }
}

int main(void)
{
    pool self = {.done = 0};
    uv_loop_t *loop = uv_default_loop();
    host_start(&self.host, loop, "127.0.0.1:0", NULL);
    CHECK(open_pool(loop, &self) == 0);
    while (self.client) {
        if (self.host.conn && mqw_conn_state(self.host.conn) == MQW_STATE_OPEN)
            feed(self.host.conn, &self);
        uv_run(loop, UV_RUN_ONCE);
    }
    run_to_the_end(loop);
    CHECK(self.done == MESSAGES && self.most_under_way <= AT_A_TIME);
    return 0;
}
