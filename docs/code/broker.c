// SPDX-License-Identifier: MIT
// A broker in a program of one's own: limits, hooks, its own messages, listeners, a store, and its end.
#include <mqwire/broker.h>
#include <mqwire/client.h>

#include <unistd.h>

#include "ends.h"

typedef struct house {
    mqw_store *store;
    mqw_broker *broker;
    mqw_client *client;
    mqw_scram_secret secret; // ann's
    int heard;
    int let_in;
} house;

// --- opening ---

// Everything has a bound, and each bound a default. These are for many small devices.
static mqw_broker_limits limits_of_devices(void)
{
    return (mqw_broker_limits){.max_packet_size = 16 * 1024,
                               .max_queued = 100,
                               .max_queued_bytes = 256 * 1024,
                               .max_session_expiry = 24 * 3600,
                               .max_publish_rate = 50,
                               .max_subscriptions = 20};
}

static mqw_broker_hooks hooks_of(void);

static int open_broker(house *self, uv_loop_t *loop, const char *path)
{
    char why[256];
    int result = mqw_store_sqlite(&self->store, loop, path, NULL, why, sizeof why);
    if (result < 0) {
        fprintf(stderr, "%s\n", why);
        return result;
    }
    mqw_broker_options options = {.limits = limits_of_devices(), .hooks = hooks_of(), .ctx = self};
    options.store = self->store;
    options.max_connections = 5000;
    options.max_memory = 256 << 20;
    return mqw_broker_open(&self->broker, loop, &options);
}

// One broker, any number of listeners: each may have TLS, WebSocket or a proxy in front of it.
static int listen_on(mqw_broker *broker, mqw_tls *tls)
{
    const mqw_open_options behind_proxy = {.proxy_protocol = true};
    const mqw_open_options secure = {.tls = tls};
    int result = mqw_broker_listen(broker, "tcp://127.0.0.1:0", NULL);
    if (result == 0)
        result = mqw_broker_listen(broker, "ws://127.0.0.1:0/mqtt", &behind_proxy);
    if (result == 0 && tls)
        result = mqw_broker_listen(broker, "mqtts://127.0.0.1:0", &secure);
    return result;
}

// --- hooks ---

static bool starts_with(mqw_text text, const char *start)
{
    size_t len = strlen(start);
    return text.len >= len && memcmp(text.data, start, len) == 0;
}

// Who is it, and what may it do? The answer may also come later: see mqw_peer_defer.
static int on_connect(mqw_broker *broker, mqw_peer *peer, const mqw_connect *connect, void *ctx)
{
    mqw_broker_limits *limits = mqw_peer_limits(peer);
    (void)broker, (void)ctx;
    if (!limits)
        return MQW_REASON_SERVER_BUSY;
    if (starts_with(connect->client_id, "gateway-")) {
        limits->max_publish_rate = 0; // no limit
        limits->max_queued = 10000;
    }
    if (mqw_peer_auth(peer)) // it has proved who it is
        return 0;
    return mqw_peer_mount(peer, MQW_TEXT("guests/")) == 0 ? 0 : MQW_REASON_SERVER_BUSY;
}

static int find_user(mqw_text user, mqw_scram_secret *out, void *ctx)
{
    if (user.len != 3 || memcmp(user.data, "ann", 3) != 0)
        return -1;
    *out = ((house *)ctx)->secret;
    return 0;
}

// Enhanced authentication: the broker runs the exchange, the program brings the method.
static int on_auth(mqw_broker *broker, mqw_peer *peer, mqw_text method, mqw_auth *out, void *ctx)
{
    const mqw_bytes key = {(const uint8_t *)"made once at random, kept secret", 32};
    (void)broker, (void)peer;
    if (!starts_with(method, "SCRAM-SHA-256"))
        return MQW_REASON_BAD_AUTH_METHOD;
    return mqw_scram_server(out, find_user, ctx, key) == 0 ? 0 : MQW_REASON_SERVER_BUSY;
}

static int on_publish(mqw_broker *broker, mqw_peer *peer, mqw_publish *publish, void *ctx)
{
    (void)broker, (void)ctx;
    if (!peer) // a will
        return 0;
    if (starts_with(publish->topic, "commands/") && !mqw_peer_auth(peer))
        return MQW_REASON_NOT_AUTHORIZED;
    if (starts_with(publish->topic, "readings/"))
        publish->retain = true; // the last one is always at hand
    return 0;
}

static void on_connected(mqw_broker *broker, mqw_peer *peer, bool session_present, void *ctx)
{
    (void)broker, (void)peer, (void)session_present;
    ((house *)ctx)->let_in++;
}

static void on_log(mqw_broker *broker, int level, const char *words, void *ctx)
{
    (void)broker, (void)ctx;
    if (level <= MQW_LOG_WARNING)
        fprintf(stderr, "broker: %s\n", words);
}

static mqw_broker_hooks hooks_of(void)
{
    return (mqw_broker_hooks){.on_connect = on_connect,
                              .on_auth = on_auth,
                              .on_publish = on_publish,
                              .on_connected = on_connected,
                              .on_log = on_log};
}

// --- the program's own messages ---

static void on_reading(mqw_broker *broker, const mqw_publish *reading, mqw_text from, void *ctx)
{
    house *self = ctx;
    mqw_publish order = {.topic = MQW_TEXT("commands/pump"), .qos = 1, .payload = reading->payload};
    (void)from;
    self->heard++;
    mqw_broker_publish(broker, &order);
}

static int watch_readings(house *self)
{
    const mqw_filter readings = {.filter = MQW_TEXT("readings/#"), .qos = 1};
    return mqw_broker_subscribe(self->broker, &readings, on_reading, self, NULL);
}

// --- looking, and ending ---

static void show(const mqw_broker *broker)
{
    mqw_broker_status status = {.size = sizeof status};
    mqw_broker_status_of(broker, &status);
#define X(field, topic, text) printf("%-42s %llu\n", topic, (unsigned long long)status.field);
    MQW_BROKER_STATUS(X)
#undef X
}

// Everybody was told, and all is on disk: now the store may go.
static void on_closed(mqw_broker *broker, void *ctx)
{
    house *self = ctx;
    (void)broker;
    mqw_store_close(self->store, NULL, NULL);
}

static void stop(house *self)
{
    mqw_broker_close(self->broker, on_closed, self);
}

// --- trying it: a client in the same process, without a socket ---

static int connect_in_process(void *ctx, mqw_stream **out)
{
    return mqw_broker_connect_stream(((house *)ctx)->broker, out);
}

static void on_order(mqw_client *client, const mqw_publish *order, mqw_token token, void *ctx)
{
    (void)order, (void)token, (void)ctx;
    mqw_client_close(client, NULL);
}

static void on_close(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    house *self = ctx;
    (void)client;
    CHECK(!failure);
    show(self->broker);
    stop(self);
}

static void try_it(house *self, uv_loop_t *loop)
{
    mqw_auth auth;
    CHECK(mqw_scram_client(&auth, MQW_TEXT("ann"), MQW_TEXT("secret")) == 0);
    mqw_client_options options = {.stream = connect_in_process, .auth = &auth, .ctx = self};
    options.handlers.on_close = on_close;
    mqw_filter orders = {.filter = MQW_TEXT("commands/#"), .qos = 1};
    mqw_publish reading = {.topic = MQW_TEXT("readings/cellar"), .qos = 1};
    reading.payload = (mqw_bytes){(const uint8_t *)"12", 2};
    CHECK(mqw_client_open(&self->client, loop, &options) == 0);
    CHECK(mqw_client_route(self->client, "commands/#", on_order, self) == 0);
    CHECK(mqw_client_subscribe(self->client, &orders, 1, NULL, NULL, NULL) == 0);
    CHECK(mqw_client_publish(self->client, &reading, NULL, NULL) == 0);
    CHECK(uv_run(loop, UV_RUN_DEFAULT) == 0);
    mqw_auth_free(&auth);
}

int main(void)
{
    char path[64];
    house self = {.heard = 0};
    uv_loop_t *loop = uv_default_loop();
    snprintf(path, sizeof path, "/tmp/mqwire-broker-%d.db", (int)getpid());
    CHECK(mqw_scram_secret_make(&self.secret, MQW_TEXT("secret"), 0) == 0);
    CHECK(open_broker(&self, loop, path) == 0);
    CHECK(listen_on(self.broker, NULL) == 0);
    CHECK(watch_readings(&self) == 0);
    try_it(&self, loop);
    CHECK(self.heard == 1 && self.let_in == 1);
    CHECK(uv_loop_close(loop) == 0);
    unlink(path);
    return 0;
}
