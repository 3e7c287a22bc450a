// SPDX-License-Identifier: MIT
// A thread that measures, and a client on the loop that publishes what it has measured.
#include <mqwire/client.h>

#include "host.h"

enum { VALUES = 100 };

typedef struct program {
    host host;
    mqw_client *client;
    uv_thread_t thread;
    int published;
} program;

typedef struct value {
    program *program;
    int number;
} value;

static void on_published(mqw_client *client, int result, const mqw_packet *answer, void *ctx)
{
    program *self = ctx;
    (void)answer;
    CHECK(result == MQW_REASON_SUCCESS);
    if (++self->published == VALUES)
        mqw_client_close(client, NULL);
}

// Runs on the loop, where every call is legal.
static void publish_value(mqw_client *client, void *ctx)
{
    value *self = ctx;
    char text[16];
    int len = snprintf(text, sizeof text, "%d", self->number);
    mqw_publish publish = {.topic = MQW_TEXT("values"), .qos = 1};
    publish.payload = (mqw_bytes){(const uint8_t *)text, (size_t)len};
    CHECK(mqw_client_publish(client, &publish, on_published, self->program) == 0);
    free(self);
}

// The thread: mqw_client_post is the only call that it may make.
static void measure(void *ctx)
{
    program *self = ctx;
    for (int i = 0; i < VALUES; i++) {
        value *next = malloc(sizeof *next);
        CHECK(next);
        *next = (value){.program = self, .number = i};
        if (mqw_client_post(self->client, publish_value, next) < 0) { // MQW_E_CLOSED: it is leaving
            free(next);
            return;
        }
    }
}

// The client is freed when this has returned: the thread must have ended.
static void on_close(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    program *self = ctx;
    (void)client;
    (void)failure;
    uv_thread_join(&self->thread);
    host_stop(&self->host);
}

int main(void)
{
    program self = {.published = 0};
    uv_loop_t *loop = uv_default_loop();
    host_start(&self.host, loop, "127.0.0.1:0", NULL);
    mqw_client_options options = {.address = self.host.address, .handlers.on_close = on_close, .ctx = &self};
    CHECK(mqw_client_open(&self.client, loop, &options) == 0);
    CHECK(uv_thread_create(&self.thread, measure, &self) == 0);
    run_to_the_end(loop);
    CHECK(self.published == VALUES && self.host.received == VALUES);
    return 0;
}
