// SPDX-License-Identifier: MIT
// Our broker as broker.sh measures it: embedded, with its bounds out of the way of the load.
//
// bench_server ADDRESS [FILE] prints where it listens; FILE is its store, in SQLite.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <mqwire/broker.h>

enum { QUEUED = 10000000, OUTPUT = 64 << 20, INFLIGHT = 65535 };

typedef struct server {
    uv_loop_t loop;
    uv_signal_t signal;
    mqw_broker *broker;
    mqw_store *store;
} server;

static _Noreturn void fail(const char *what, int result)
{
    fprintf(stderr, "%s: %s\n", what, mqw_strerror(result));
    exit(1);
}

static void on_closed(mqw_broker *broker, void *ctx)
{
    server *self = ctx;
    (void)broker;
    if (self->store)
        mqw_store_close(self->store, NULL, NULL);
}

static void on_signal(uv_signal_t *signal, int number)
{
    server *self = signal->data;
    (void)number;
    uv_close((uv_handle_t *)signal, NULL);
    mqw_broker_close(self->broker, on_closed, self);
}

static void on_log(mqw_broker *broker, int level, const char *words, void *ctx)
{
    (void)broker, (void)ctx;
    if (level <= MQW_LOG_WARNING)
        fprintf(stderr, "%s\n", words);
}

int main(int argc, char **argv)
{
    static server self;
    char address[128], why[256];
    mqw_broker_options options = {.size = sizeof options,
                                  .limits = {.size = sizeof options.limits,
                                             .max_packet_size = MQW_PACKET_MAX,
                                             .max_queued = QUEUED,
                                             .max_queued_bytes = UINT32_MAX,
                                             .max_output = OUTPUT,
                                             .max_subscriptions = QUEUED,
                                             .receive_maximum = INFLIGHT,
                                             .max_inflight = INFLIGHT},
                                  .hooks = {.size = sizeof options.hooks, .on_log = on_log},
                                  .max_memory = (uint64_t)4 << 30,
                                  .max_retained = QUEUED};
    if (argc < 2)
        return 2;
    uv_loop_init(&self.loop);
    int result = argc > 2 ? mqw_store_sqlite(&self.store, &self.loop, argv[2], NULL, why, sizeof why) : 0;
    if (result < 0)
        fail("the store cannot be opened", result);
    options.store = self.store;
    if ((result = mqw_broker_open(&self.broker, &self.loop, &options)) < 0)
        fail("the broker cannot be opened", result);
    if ((result = mqw_broker_listen(self.broker, argv[1], NULL)) < 0 ||
        (result = mqw_broker_address(self.broker, 0, address, sizeof address)) < 0)
        fail("cannot listen", result);
    printf("%s\n", address);
    fflush(stdout);
    uv_signal_init(&self.loop, &self.signal);
    self.signal.data = &self;
    uv_signal_start(&self.signal, on_signal, SIGTERM);
    uv_run(&self.loop, UV_RUN_DEFAULT);
    return 0;
}
