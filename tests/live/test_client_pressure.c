// SPDX-License-Identifier: MIT
// Whoever is faster waits: a server that sends a gigabyte at once to a client that is slow, paused, or
// acknowledges when it likes, and a client that publishes to a server that reads nothing. Memory stays where
// it was, nothing is lost, and the order holds; plain, through TLS, and through WebSocket.
#include <mqwire/client.h>

#include "pressure.h"

enum {
    MESSAGE = 16 * 1024,
    GIGABYTE = 65536,      // messages
    GROWTH = 16 << 20,     // bytes of memory
    ON_THE_WAY = 32 << 20, // bytes in buffers of the system and of both ends
    WINDOW = 10,           // receive maximum
    TIME_LIMIT = 60000
};

static const char *const schemes[] = {"mqtt", "mqtts", "ws"};
enum { SCHEMES = sizeof schemes / sizeof *schemes };

typedef struct program {
    testbed live;
    mqw_client *client;
    uv_timer_t timer;
    mqw_token tokens[WINDOW];
    int kept; // tokens
    int opened, closed;
    uint64_t heard, pieces, bytes, pause_each;
    uint64_t at_first, peak; // memory in use
    uint64_t accepted, done, bad;
    bool in_order;
} program;

// --- what it hears ---

static void on_open(mqw_client *client, const mqw_connack *connack, void *ctx)
{
    (void)client, (void)connack;
    ((program *)ctx)->opened++;
}

static void on_lost(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    (void)client;
    (void)ctx;
    fail_msg("%s", failure->words);
}

static void on_close(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    (void)client, (void)failure;
    ((program *)ctx)->closed++;
}

static void measure(program *self)
{
    uint64_t now = memory_in_use();
    if (self->at_first == 0)
        self->at_first = now;
    if (now > self->peak)
        self->peak = now;
}

static void wait_a_little(const program *self, uint64_t now)
{
    if (self->pause_each && now % self->pause_each == 0)
        mqw_client_pause(self->client);
}

static void on_message(mqw_client *client, const mqw_publish *publish, mqw_token token, void *ctx)
{
    program *self = ctx;
    (void)client;
    uint32_t number = publish->payload_left ? (uint32_t)self->heard : pressure_number(publish->payload);
    self->in_order = self->in_order && number == self->heard;
    self->heard++;
    self->bytes += publish->payload.len;
    if (token) {
        assert_true(self->kept < WINDOW);
        self->tokens[self->kept++] = token;
    }
    if (self->heard % 256 == 1)
        measure(self);
    wait_a_little(self, self->heard);
}

static void on_piece(mqw_client *client, const mqw_publish *publish, const mqw_piece *piece, mqw_token token,
                     void *ctx)
{
    program *self = ctx;
    (void)client, (void)publish, (void)token;
    assert_non_null(piece);
    self->bytes += piece->bytes.len;
    if (++self->pieces % 256 == 1)
        measure(self);
    wait_a_little(self, self->pieces);
}

static void on_done(mqw_client *client, int result, const mqw_packet *answer, void *ctx)
{
    program *self = ctx;
    (void)client, (void)answer;
    self->done++;
    self->bad += result != 0 && result != MQW_REASON_NO_MATCHING_SUBSCRIBERS;
}

// Its work takes a while; then it goes on.
static void on_time(uv_timer_t *timer)
{
    mqw_client_resume(((program *)timer->data)->client);
}

static void on_limit(uv_timer_t *timer)
{
    const program *self = timer->data;
    fail_msg("not over in time: %llu messages, %llu bytes heard", (unsigned long long)self->heard,
             (unsigned long long)self->bytes);
}

// --- scenes ---

static mqw_client_options usual(program *self)
{
    static const mqw_connect connect = {.client_id = MQW_TEXT("pressed"), .clean_start = true, .version = 5};
    return (mqw_client_options){.size = sizeof(mqw_client_options),
                                .connect = &connect,
                                .retry_min = 1,
                                .ctx = self,
                                .handlers = {.size = sizeof(mqw_client_handlers),
                                             .on_open = on_open,
                                             .on_message = on_message,
                                             .on_piece = on_piece,
                                             .on_lost = on_lost,
                                             .on_close = on_close}};
}

static void begins(program *self, pressure *server, const mqw_client_options *options,
                   const mqw_conn_options *conn)
{
    mqw_tls *tls = pressure_tls(MQW_CLIENT);
    const mqw_open_options open = {.size = sizeof open, .tls = tls, .conn = conn};
    pressure_start(server);
    live_start(&self->live);
    uv_timer_start(&self->live.limit, on_limit, TIME_LIMIT, 0);
    uv_timer_init(&self->live.loop, &self->timer);
    self->timer.data = self->live.limit.data = self;
    self->in_order = true;
    mqw_client_options all = *options;
    all.address = pressure_address(server);
    all.open = &open;
    assert_int_equal(mqw_client_open(&self->client, &self->live.loop, &all), 0);
    mqw_tls_free(tls);
}

static void goes(program *self, pressure *server)
{
    mqw_client_close(self->client, NULL);
    uv_close((uv_handle_t *)&self->timer, NULL);
    live_end(&self->live);
    assert_int_equal(self->opened, 1);
    assert_int_equal(self->closed, 1);
    assert_true(self->in_order);
    if (self->peak > self->at_first + GROWTH)
        fail_msg("%s: memory has grown by %llu KiB", server->scheme,
                 (unsigned long long)(self->peak - self->at_first) >> 10);
    pressure_end(server);
}

static void until_heard(program *self, uint64_t messages)
{
    while (self->heard < messages)
        (void)uv_run(&self->live.loop, UV_RUN_ONCE);
    measure(self);
}

// --- a server that floods ---

static void a_gigabyte(void **state)
{
    (void)state;
    for (int i = 0; i < SCHEMES; i++) {
        pressure server = {.scheme = schemes[i], .total = GIGABYTE, .size = MESSAGE};
        program self = {.heard = 0};
        mqw_client_options options = usual(&self);
        begins(&self, &server, &options, NULL);
        until_heard(&self, GIGABYTE);
        assert_true(self.bytes == (uint64_t)GIGABYTE * MESSAGE);
        goes(&self, &server);
    }
}

// It stops after every 64 messages and goes on a millisecond later.
static void a_slow_program(void **state)
{
    (void)state;
    for (int i = 0; i < SCHEMES; i++) {
        pressure server = {.scheme = schemes[i], .total = GIGABYTE / 4, .size = MESSAGE};
        program self = {.pause_each = 64};
        mqw_client_options options = usual(&self);
        begins(&self, &server, &options, NULL);
        uv_timer_start(&self.timer, on_time, 1, 1);
        until_heard(&self, GIGABYTE / 4);
        goes(&self, &server);
    }
}

static void a_program_that_stops(void **state)
{
    (void)state;
    for (int i = 0; i < SCHEMES; i++) {
        pressure server = {.scheme = schemes[i], .total = GIGABYTE / 4, .size = MESSAGE};
        program self = {.pause_each = 100};
        mqw_client_options options = usual(&self);
        begins(&self, &server, &options, NULL);
        until_heard(&self, 100);
        live_until(&self.live, atomic_load(&server.board->stuck) >= 3);
        measure(&self);
        assert_true(self.heard < 200); // the pause takes hold within a turn
        assert_true((atomic_load(&server.board->sent) - self.heard) * MESSAGE <= ON_THE_WAY);
        self.pause_each = 0;
        mqw_client_resume(self.client);
        until_heard(&self, GIGABYTE / 4);
        goes(&self, &server);
    }
}

static uint32_t unacknowledged(const program *self)
{
    mqw_client_facts facts = {.size = sizeof facts};
    assert_int_equal(mqw_client_facts_of(self->client, &facts), 0);
    return facts.unacknowledged;
}

// Receive maximum is back-pressure from end to end: no more come than the program has room for.
static void a_program_that_acknowledges_late(void **state)
{
    (void)state;
    for (int i = 0; i < SCHEMES; i++) {
        for (uint8_t qos = 1; qos <= 2; qos++) {
            pressure server = {.scheme = schemes[i], .total = 2000, .size = MESSAGE, .qos = qos};
            program self = {.heard = 0};
            mqw_client_options options = usual(&self);
            mqw_connect connect = {.version = MQW_5_0, .client_id = MQW_TEXT("late"), .clean_start = true};
            mqw_set(&connect.props, receive_maximum, WINDOW);
            options.connect = &connect;
            options.manual_ack = true;
            begins(&self, &server, &options, NULL);
            until_heard(&self, WINDOW);
            live_until(&self.live, atomic_load(&server.board->stuck) >= 3);
            assert_int_equal(self.heard, WINDOW);
            assert_int_equal(unacknowledged(&self), WINDOW);
            assert_int_equal(atomic_load(&server.board->sent), WINDOW);
            for (uint64_t last = WINDOW; self.kept > 0; last = self.heard) {
                while (self.kept > 0) // the last first
                    assert_int_equal(mqw_client_ack(self.client, self.tokens[--self.kept], 0), 0);
                while (self.heard == last && last < 2000)
                    (void)uv_run(&self.live.loop, UV_RUN_ONCE);
            }
            goes(&self, &server);
            assert_int_equal(self.heard, 2000);
        }
    }
}

// Payloads of a quarter of a gigabyte each are never whole in memory.
static void payloads_larger_than_memory(void **state)
{
    (void)state;
    for (int i = 0; i < SCHEMES; i++) {
        const uint32_t size = 256 << 20;
        pressure server = {.scheme = schemes[i], .total = i == 0 ? 4 : 1, .in_pieces = true};
        server.size = size - 1024;
        program self = {.pause_each = 500};
        mqw_client_options options = usual(&self);
        mqw_conn_options conn = {.size = sizeof conn, .stream_over = 1 << 20, .max_packet_size = 268435460};
        begins(&self, &server, &options, &conn);
        uv_timer_start(&self.timer, on_time, 1, 1);
        while (self.bytes < server.total * server.size)
            (void)uv_run(&self.live.loop, UV_RUN_ONCE);
        measure(&self);
        goes(&self, &server);
    }
}

// --- a server that reads nothing ---

static int publishes(program *self, uint32_t size, uint8_t qos)
{
    static uint8_t payload[MESSAGE];
    uint32_t number = (uint32_t)self->accepted;
    const mqw_publish publish = {.topic = MQW_TEXT("up"), .payload = {payload, size}, .qos = qos};
    memcpy(payload, &number, sizeof number);
    int result = mqw_client_publish(self->client, &publish, on_done, self);
    self->accepted += result == 0;
    return result;
}

static void on_patience(uv_timer_t *timer)
{
    uv_timer_stop(timer);
}

// Publishes until nothing is taken for a fifth of a second.
static void fill(program *self, uint32_t size, uint8_t qos)
{
    uv_timer_start(&self->timer, on_patience, 200, 0);
    while (uv_is_active((uv_handle_t *)&self->timer)) {
        int result = publishes(self, size, qos);
        if (result == 0)
            uv_timer_again(&self->timer);
        else
            assert_int_equal(result, MQW_E_FULL);
        if (result != 0 || self->accepted % 64 == 0)
            (void)uv_run(&self->live.loop, UV_RUN_NOWAIT);
        if (result == 0)
            uv_timer_start(&self->timer, on_patience, 200, 0);
    }
}

static void up(const char *scheme, uint8_t qos, uint32_t size)
{
    enum { COUNT = 1000, BYTES = 4 << 20 };
    pressure server = {.scheme = scheme};
    program self = {.heard = 0};
    mqw_client_options options = usual(&self);
    mqw_client_facts facts = {.size = sizeof facts};
    options.max_queued = COUNT;
    options.max_queued_bytes = BYTES;
    begins(&self, &server, &options, NULL);
    live_until(&self.live, self.opened == 1);
    measure(&self);
    fill(&self, size, qos);
    measure(&self);
    assert_int_equal(mqw_client_facts_of(self.client, &facts), 0);
    assert_in_range(facts.queued, 1, COUNT);
    assert_in_range(facts.queued_bytes, 1, BYTES);
    assert_true(facts.queued == COUNT || facts.queued_bytes + size + 512 > BYTES);
    for (int i = 0; i < 100000; i++)
        assert_int_equal(publishes(&self, size, qos), MQW_E_FULL);
    measure(&self);
    pressure_listen(&server);
    live_until(&self.live, self.done == self.accepted);
    live_until(&self.live, atomic_load(&server.board->heard) == self.accepted);
    assert_int_equal(publishes(&self, size, qos), 0);
    live_until(&self.live, atomic_load(&server.board->heard) == self.accepted);
    live_until(&self.live, self.done == self.accepted);
    assert_int_equal(atomic_load(&server.board->wrong), 0);
    assert_int_equal(self.bad, 0);
    goes(&self, &server);
}

static void a_server_that_reads_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < SCHEMES; i++) {
        for (uint8_t qos = 0; qos <= 2; qos++) {
            up(schemes[i], qos, 16);
            up(schemes[i], qos, MESSAGE);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gigabyte),
        cmocka_unit_test(a_slow_program),
        cmocka_unit_test(a_program_that_stops),
        cmocka_unit_test(a_program_that_acknowledges_late),
        cmocka_unit_test(payloads_larger_than_memory),
        cmocka_unit_test(a_server_that_reads_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
