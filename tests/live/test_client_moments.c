// SPDX-License-Identifier: MIT
// The client ends cleanly at any moment, over every kind of stream: each request ends once, nothing is left
// on the loop, no descriptor. And a server that throws it out at once, or just after it was let in, is not
// stormed.
#include <mqwire/client.h>

#include "pressure.h"

enum { MOMENTS = 320, REQUESTS = 6, WATCHED = 2000, RETRY_MAX = 320 };

// --- servers on the loop of the test ---

typedef struct bouncer {
    uv_loop_t *loop;
    mqw_server *server;
    int came;
    bool lets_in; // and throws out 10 ms later
    char address[128];
} bouncer;

static void throw_out(uv_handle_t *handle)
{
    free(handle);
}

static void on_later(uv_timer_t *timer)
{
    mqw_conn_close(timer->data);
    uv_close((uv_handle_t *)timer, throw_out);
}

static void on_connect(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    bouncer *self = ctx;
    (void)packet;
    assert_int_equal(mqw_conn_connack(conn, &(mqw_connack){.reason = 0}), 0);
    uv_timer_t *timer = malloc(sizeof *timer);
    assert_non_null(timer);
    uv_timer_init(self->loop, timer);
    timer->data = conn;
    uv_timer_start(timer, on_later, 10, 0);
}

static void on_connection(mqw_server *server, mqw_conn *conn, void *ctx)
{
    bouncer *self = ctx;
    (void)server;
    self->came++;
    if (!self->lets_in)
        mqw_conn_abort(conn);
}

static void listens(bouncer *self, uv_loop_t *loop)
{
    static const mqw_handlers handlers = {.size = sizeof handlers, .connect = on_connect};
    const mqw_conn_options each = {.size = sizeof each, .handlers = &handlers, .handlers_ctx = self};
    const mqw_open_options options = {.size = sizeof options, .conn = &each};
    self->loop = loop;
    assert_int_equal(
        mqw_server_listen(&self->server, loop, "tcp://127.0.0.1:0", &options, on_connection, self), 0);
    assert_int_equal(mqw_server_address(self->server, 0, self->address, sizeof self->address), 0);
}

// --- the program ---

typedef struct program {
    mqw_client *client;
    uv_timer_t timer;
    int opened, lost, closed, ended;
    bool over;
} program;

static void on_open(mqw_client *client, const mqw_connack *connack, void *ctx)
{
    (void)client, (void)connack;
    ((program *)ctx)->opened++;
}

static void on_lost(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    (void)client;
    assert_true(failure->retry_in <= RETRY_MAX);
    ((program *)ctx)->lost++;
}

static void on_close(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    (void)client, (void)failure;
    ((program *)ctx)->closed++;
}

static void on_done(mqw_client *client, int result, const mqw_packet *answer, void *ctx)
{
    (void)client, (void)result, (void)answer;
    ((program *)ctx)->ended++;
}

static void on_time(uv_timer_t *timer)
{
    ((program *)timer->data)->over = true;
}

static void starts(program *self, uv_loop_t *loop, const char *address, mqw_tls *tls)
{
    const mqw_connect connect = {.client_id = MQW_TEXT("moment"), .clean_start = true};
    const mqw_open_options open = {.size = sizeof open, .tls = tls, .linger = 100};
    const mqw_client_options options = {
        .size = sizeof options,
        .address = address,
        .connect = &connect,
        .open = &open,
        .retry_min = 20,
        .retry_max = RETRY_MAX,
        .ctx = self,
        .handlers = {
            .size = sizeof options.handlers, .on_open = on_open, .on_lost = on_lost, .on_close = on_close}};
    *self = (program){.client = NULL};
    uv_timer_init(loop, &self->timer);
    self->timer.data = self;
    assert_int_equal(mqw_client_open(&self->client, loop, &options), 0);
}

// --- storms ---

// Waiting doubles from 10 ms on average to 160 ms: in two seconds about 17 times, with luck fewer or more.
static void is_not_stormed(bool lets_in)
{
    testbed live;
    bouncer server = {.lets_in = lets_in};
    program self;
    live_start(&live);
    listens(&server, &live.loop);
    starts(&self, &live.loop, server.address, NULL);
    uv_timer_start(&self.timer, on_time, WATCHED, 0);
    while (!self.over)
        (void)uv_run(&live.loop, UV_RUN_ONCE);
    assert_in_range(server.came, 5, 50);
    assert_in_range(self.lost, server.came - 1, server.came);
    assert_true(lets_in ? self.opened >= 4 : self.opened == 0);
    mqw_client_close(self.client, &(mqw_client_goodbye){.now = true});
    mqw_server_close(server.server, true, NULL, NULL);
    uv_close((uv_handle_t *)&self.timer, NULL);
    live_end(&live);
    assert_int_equal(self.closed, 1);
}

static void thrown_out_at_once(void **state)
{
    (void)state;
    is_not_stormed(false);
}

static void thrown_out_after_being_let_in(void **state)
{
    (void)state;
    is_not_stormed(true);
}

// --- moments ---

static uint32_t next_random(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

static int asks(program *self)
{
    const mqw_filter filter = {.filter = MQW_TEXT("up"), .qos = 2};
    mqw_publish publish = {.topic = MQW_TEXT("up"), .payload = {(const uint8_t *)"0123", 4}};
    int asked = mqw_client_subscribe(self->client, &filter, 1, NULL, on_done, self) == 0;
    for (; asked < REQUESTS; asked++) {
        publish.qos = (uint8_t)(asked % 3);
        assert_int_equal(mqw_client_publish(self->client, &publish, on_done, self), 0);
    }
    return asked;
}

// Up to 16 ms, or 64 turns of the loop: before, in and after every phase.
static void passes(testbed *live, uint32_t chance)
{
    if (chance % 2) {
        for (uint32_t turns = chance / 2 % 64; turns > 0; turns--)
            (void)uv_run(&live->loop, UV_RUN_NOWAIT);
        return;
    }
    uint64_t until = uv_hrtime() + UINT64_C(1000) * (chance / 2 % 16000);
    while (uv_hrtime() < until)
        (void)uv_run(&live->loop, UV_RUN_NOWAIT);
}

static void one_moment(const char *address, mqw_tls *tls, uint32_t *seed)
{
    uint32_t at = *seed, chance = next_random(seed);
    testbed live;
    program self;
    mqw_client_goodbye bye = {.size = sizeof bye, .timeout = 50};
    bye.now = chance % 3 == 0;
    bye.with_will = chance % 5 == 0;
    live_start(&live);
    starts(&self, &live.loop, address, tls);
    int asked = asks(&self);
    passes(&live, next_random(seed));
    if (chance % 7 == 0)
        mqw_client_reconnect(self.client);
    if (chance % 11 == 0)
        mqw_client_pause(self.client);
    mqw_client_close(self.client, &bye);
    uv_close((uv_handle_t *)&self.timer, NULL);
    live_end(&live);
    if (self.closed != 1 || self.ended != asked)
        fail_msg("%s, seed %u: closed %d times, %d of %d requests ended", address, at, self.closed,
                 self.ended, asked);
}

static void closed_at_any_moment(void **state)
{
    static const char *const schemes[] = {"mqtt", "mqtts", "ws"};
    uint32_t seed = (uint32_t)uv_hrtime() | 1;
    mqw_tls *tls = pressure_tls(MQW_CLIENT);
    (void)state;
    const char *again = getenv("MQW_SEED");
    if (again)
        seed = (uint32_t)strtoul(again, NULL, 10);
    print_message("MQW_SEED=%u\n", seed);
    for (int i = 0; i < 3; i++) {
        pressure server = {.scheme = schemes[i], .answers = true};
        pressure_start(&server);
        for (int moment = 0; moment < MOMENTS / 4; moment++)
            one_moment(pressure_address(&server), tls, &seed);
        pressure_end(&server);
    }
    for (int moment = 0; moment < MOMENTS / 4; moment++)
        one_moment(moment % 2 ? "mqtt://127.0.0.1:1" : "ws://localhost:1", tls, &seed);
    mqw_tls_free(tls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thrown_out_at_once),
        cmocka_unit_test(thrown_out_after_being_let_in),
        cmocka_unit_test(closed_at_any_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
