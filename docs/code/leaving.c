// SPDX-License-Identifier: MIT
// What a client says first and last: a fresh password, a will, goodbye.
#include <mqwire/client.h>

#include "host.h"

typedef struct program {
    host host;
    char password[32];
    int attempts;
    bool with_will;
} program;

// Before each CONNECT: a password that is good for a few minutes only.
static void on_connect(mqw_client *client, mqw_connect *connect, void *ctx)
{
    program *self = ctx;
    (void)client;
    int len = snprintf(self->password, sizeof self->password, "token-%d", ++self->attempts);
    connect->has_username = connect->has_password = true;
    connect->username = MQW_TEXT("pump");
    connect->password = (mqw_bytes){(const uint8_t *)self->password, (size_t)len}; // lives long enough
}

// The server publishes this when the connection ends without a goodbye, or with one that asks for it.
static void set_will(mqw_connect *connect)
{
    connect->has_will = true;
    connect->will = (mqw_will){.topic = MQW_TEXT("pumps/3/state"), .qos = 1, .retain = true};
    connect->will.payload = (mqw_bytes){(const uint8_t *)"gone", 4};
    mqw_set(&connect->will.props, will_delay, 30); // 5.0: not if it is back within half a minute
}

// Leaves with what is queued delivered, within ten seconds; or at once, and the will is published.
static void leave(mqw_client *client, bool in_haste)
{
    mqw_client_goodbye goodbye = {.timeout = 10000};
    if (in_haste)
        goodbye.now = goodbye.with_will = true;
    mqw_client_close(client, &goodbye);
}

static void on_open(mqw_client *client, const mqw_connack *connack, void *ctx)
{
    program *self = ctx;
    (void)connack;
    leave(client, self->with_will);
}

static void on_close(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    (void)client;
    CHECK(failure == NULL);
    host_stop(&((program *)ctx)->host);
}

static void run(program *self)
{
    uv_loop_t loop;
    mqw_client *client;
    CHECK(uv_loop_init(&loop) == 0);
    host_start(&self->host, &loop, "127.0.0.1:0", NULL);
    mqw_connect connect = {.client_id = MQW_TEXT("pump-3"), .clean_start = true};
    set_will(&connect);
    mqw_client_options options = {.address = self->host.address, .connect = &connect, .ctx = self};
    options.handlers =
        (mqw_client_handlers){.on_connect = on_connect, .on_open = on_open, .on_close = on_close};
    CHECK(mqw_client_open(&client, &loop, &options) == 0);
    run_to_the_end(&loop);
    CHECK(strcmp(self->host.password, "token-1") == 0);
}

int main(void)
{
    program polite = {.attempts = 0}, hasty = {.with_will = true};
    run(&polite);
    CHECK(polite.host.goodbye == MQW_REASON_SUCCESS);
    run(&hasty);
    CHECK(hasty.host.goodbye == MQW_REASON_DISCONNECT_WITH_WILL);
    return 0;
}
