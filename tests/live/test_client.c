// SPDX-License-Identifier: MIT
// The client on a loop: against a server of ours that answers by itself, over TCP and a Unix socket, with
// functions posted from threads, floods, sources, and the end at any moment.
#include <mqwire/client.h>

#include <pthread.h>

#include "live.h"

enum { MANY = 20000, THREADS = 4, POSTS = 2000, SOURCE = 3000000 };

// ---- a server that acknowledges ----

static mqw_open_options answering(void)
{
    static const mqw_conn_options conn = {
        .size = sizeof conn, .answers = MQW_ANSWER_PINGRESP | MQW_ANSWER_ACKS, .max_packet_size = 8 << 20};
    return (mqw_open_options){.size = sizeof(mqw_open_options), .conn = &conn};
}

static void on_connection(mqw_server *server, mqw_conn *conn, void *ctx)
{
    hosting *host = ctx;
    assert_ptr_equal(server, host->server);
    side *end = &host->ends[host->count++];
    end->conn = conn;
    mqw_conn_handle(conn, &end_handlers, end);
}

static void listens(hosting *host, testbed *live, const char *address, side *ends)
{
    mqw_open_options options = answering();
    *host = (hosting){.live = live, .ends = ends, .max = 8};
    assert_int_equal(mqw_server_listen(&host->server, &live->loop, address, &options, on_connection, host),
                     0);
    assert_int_equal(mqw_server_address(host->server, 0, host->address, sizeof host->address), 0);
}

// ---- a program ----

typedef struct program {
    mqw_client *client;
    int opened, done, bad, drained, lost, closed, messages;
    uint64_t bytes;
    int last_result;
} program;

static void on_open(mqw_client *client, const mqw_connack *connack, void *ctx)
{
    (void)client;
    (void)connack;
    ((program *)ctx)->opened++;
}

static void on_lost(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    (void)client;
    (void)failure;
    ((program *)ctx)->lost++;
}

static void on_message(mqw_client *client, const mqw_publish *publish, mqw_token token, void *ctx)
{
    (void)client;
    (void)token;
    ((program *)ctx)->messages++;
    ((program *)ctx)->bytes += publish->payload.len;
}

static void on_drain(mqw_client *client, void *ctx)
{
    (void)client;
    ((program *)ctx)->drained++;
}

static void on_close(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    (void)client;
    (void)failure;
    ((program *)ctx)->closed++;
}

static void on_done(mqw_client *client, int result, const mqw_packet *answer, void *ctx)
{
    program *self = ctx;
    (void)client;
    (void)answer;
    self->done++;
    self->last_result = result;
    self->bad += result < 0 || result >= 0x80;
}

static void starts(program *self, testbed *live, const char *address, uint8_t version)
{
    const mqw_connect connect = {
        .client_id = MQW_TEXT("live"), .clean_start = true, .version = version, .keep_alive = 30};
    const mqw_client_options options = {.size = sizeof options,
                                        .address = address,
                                        .connect = &connect,
                                        .retry_min = 1,
                                        .retry_max = 20,
                                        .ctx = self,
                                        .handlers = {.size = sizeof options.handlers,
                                                     .on_open = on_open,
                                                     .on_message = on_message,
                                                     .on_lost = on_lost,
                                                     .on_drain = on_drain,
                                                     .on_close = on_close}};
    memset(self, 0, sizeof *self);
    assert_int_equal(mqw_client_open(&self->client, &live->loop, &options), 0);
}

// ---- tests ----

static void floods_of_each_qos(void **state)
{
    (void)state;
    for (uint8_t qos = 0; qos < 3; qos++) {
        testbed live;
        side ends[8] = {{.quiet = false}};
        hosting host;
        program self;
        const mqw_publish publish = {
            .topic = MQW_TEXT("a/b"), .payload = {(const uint8_t *)"0123456789", 10}, .qos = qos};
        live_start(&live);
        listens(&host, &live, "tcp://127.0.0.1:0", ends);
        starts(&self, &live, host.address, qos == 1 ? 4 : 5);
        int accepted = 0, refused = 0;
        while (self.done < MANY) {
            int result = accepted < MANY ? mqw_client_publish(self.client, &publish, on_done, &self) : 1;
            accepted += result == 0;
            refused += result == MQW_E_FULL;
            assert_true(result >= 0 || result == MQW_E_FULL);
            if (result != 0)
                (void)uv_run(&live.loop, UV_RUN_ONCE);
        }
        assert_int_equal(self.bad, 0);
        assert_true(refused == 0 || self.drained > 0);
        mqw_client_close(self.client, NULL);
        host_close(&host, false);
        live_end(&live);
        assert_int_equal(self.done, MANY);
        assert_int_equal(self.closed, 1);
        assert_int_equal(ends[0].heard[MQW_PUBLISH], MANY);
        assert_int_equal(ends[0].heard[MQW_DISCONNECT], 1);
    }
}

// ---- posting ----

typedef struct poster {
    pthread_t thread;
    program *program;
    int number, posted, ran;
} poster;

typedef struct posting {
    poster *from;
    int number;
} posting;

static void posted(mqw_client *client, void *ctx)
{
    posting *it = ctx;
    assert_ptr_equal(client, it->from->program->client);
    assert_int_equal(it->number, it->from->ran++); // in their order
    free(it);
}

static void *post_many(void *arg)
{
    poster *self = arg;
    for (int i = 0; i < POSTS; i++) {
        posting *it = malloc(sizeof *it);
        *it = (posting){self, i};
        if (mqw_client_post(self->program->client, posted, it) == 0)
            self->posted++;
        else
            free(it);
    }
    return NULL;
}

static void functions_posted_from_threads(void **state)
{
    (void)state;
    testbed live;
    program self;
    poster posters[THREADS];
    live_start(&live);
    starts(&self, &live, "tcp://127.0.0.1:1", 5); // nobody is there: that does not matter
    for (int i = 0; i < THREADS; i++) {
        posters[i] = (poster){.program = &self, .number = i};
        assert_int_equal(pthread_create(&posters[i].thread, NULL, post_many, &posters[i]), 0);
    }
    int ran = 0;
    while (ran < THREADS * POSTS) {
        (void)uv_run(&live.loop, UV_RUN_ONCE);
        ran = 0;
        for (int i = 0; i < THREADS; i++)
            ran += posters[i].ran;
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(posters[i].thread, NULL), 0);
    mqw_client_close(self.client, NULL);
    assert_int_equal(mqw_client_post(self.client, posted, NULL), MQW_E_CLOSED);
    live_end(&live);
    assert_int_equal(self.closed, 1);
}

// ---- sources ----

static int read_source(void *self, uint32_t offset, uint8_t *room, size_t cap)
{
    int *reads = self;
    size_t some = cap > 5000 ? 5000 : cap;
    ++*reads;
    for (size_t i = 0; i < some; i++)
        room[i] = (uint8_t)((offset + i) % 251);
    return (int)some;
}

static void let_go(void *self)
{
    *(int *)self = -*(int *)self;
}

static int read_nothing(void *self, uint32_t offset, uint8_t *room, size_t cap)
{
    (void)self;
    (void)room;
    (void)cap;
    return offset < 100 ? 100 : -1;
}

static bool right;

static void look_at_payload(side *end, const char *event, const mqw_packet *packet)
{
    (void)end;
    if (strcmp(event, "publish") != 0)
        return;
    right = packet->publish.payload.len == SOURCE;
    for (size_t i = 0; i < packet->publish.payload.len; i++)
        right = right && packet->publish.payload.data[i] == (uint8_t)(i % 251);
}

static void payloads_from_sources(void **state)
{
    (void)state;
    for (uint8_t qos = 0; qos < 3; qos++) {
        testbed live;
        side ends[8] = {{.act = look_at_payload}};
        hosting host;
        program self;
        int reads = 0;
        const mqw_source source = {.size = sizeof source,
                                   .payload_size = SOURCE,
                                   .read = read_source,
                                   .release = let_go,
                                   .self = &reads};
        const mqw_publish publish = {.topic = MQW_TEXT("big"), .qos = qos};
        const mqw_publish behind = {.topic = MQW_TEXT("small"), .qos = 1};
        right = false;
        live_start(&live);
        listens(&host, &live, "unix:client-test.socket", ends);
        starts(&self, &live, host.address, 5);
        assert_int_equal(mqw_client_publish_from(self.client, &publish, &source, on_done, &self), 0);
        assert_int_equal(mqw_client_publish(self.client, &behind, on_done, &self), 0);
        live_until(&live, right);
        live_until(&live, self.done == 2);
        assert_true(reads < -SOURCE / 5000 + 1);
        assert_int_equal(self.bad, 0);
        mqw_client_close(self.client, NULL);
        host_close(&host, false);
        live_end(&live);
    }
}

static void a_source_that_fails(void **state)
{
    (void)state;
    testbed live;
    side ends[8] = {{.quiet = false}};
    hosting host;
    program self;
    const mqw_source source = {.size = sizeof source, .payload_size = SOURCE, .read = read_nothing};
    const mqw_publish publish = {.topic = MQW_TEXT("big"), .qos = 1};
    live_start(&live);
    listens(&host, &live, "tcp://127.0.0.1:0", ends);
    starts(&self, &live, host.address, 5);
    assert_int_equal(mqw_client_publish_from(self.client, &publish, &source, on_done, &self), 0);
    live_until(&live, self.done == 1);
    assert_int_equal(self.last_result, MQW_E_STREAM);
    live_until(&live, self.opened == 2); // it goes on
    mqw_client_close(self.client, NULL);
    host_close(&host, false);
    live_end(&live);
    assert_int_equal(self.lost, 1);
}

// ---- the end ----

// At each turn of the loop from the first one on.
static void closing_at_any_turn(void **state)
{
    (void)state;
    static const mqw_client_goodbye now = {.size = sizeof now, .now = true};
    for (int turns = 0; turns < 30; turns++) {
        testbed live;
        side ends[8] = {{.quiet = false}};
        hosting host;
        program self;
        const mqw_publish publish = {.topic = MQW_TEXT("a"), .qos = 2};
        live_start(&live);
        listens(&host, &live, "tcp://127.0.0.1:0", ends);
        starts(&self, &live, turns % 2 ? host.address : "tcp://localhost:1", 5);
        assert_int_equal(mqw_client_publish(self.client, &publish, on_done, &self), 0);
        for (int i = 0; i < turns; i++)
            (void)uv_run(&live.loop, UV_RUN_NOWAIT);
        mqw_client_close(self.client, &now);
        mqw_client_close(self.client, NULL);
        host_close(&host, true);
        live_end(&live);
        assert_int_equal(self.closed, 1);
        assert_int_equal(self.done, 1);
    }
}

// What the client was told is pushed out before it says goodbye.
static void publish_and_go(void **state)
{
    (void)state;
    testbed live;
    side ends[8] = {{.quiet = false}};
    hosting host;
    program self;
    const mqw_publish publish = {.topic = MQW_TEXT("a")};
    live_start(&live);
    listens(&host, &live, "tcp://127.0.0.1:0", ends);
    starts(&self, &live, host.address, 5);
    assert_int_equal(mqw_client_publish(self.client, &publish, NULL, NULL), 0);
    mqw_client_close(self.client, NULL);
    live_until(&live, self.closed == 1);
    host_close(&host, false);
    live_end(&live);
    assert_int_equal(ends[0].heard[MQW_PUBLISH], 1);
    assert_int_equal(ends[0].heard[MQW_DISCONNECT], 1);
}

// The server goes and comes back at the same place.
static void a_server_that_starts_again(void **state)
{
    (void)state;
    testbed live;
    side ends[8] = {{.quiet = false}}, later[8] = {{.quiet = false}};
    hosting host, again;
    program self;
    const mqw_publish publish = {.topic = MQW_TEXT("a"), .qos = 1};
    live_start(&live);
    listens(&host, &live, "tcp://127.0.0.1:0", ends);
    starts(&self, &live, host.address, 5);
    live_until(&live, self.opened == 1);
    host_close(&host, true);
    live_until(&live, host.closed == 1 && self.lost > 0);
    assert_int_equal(mqw_client_publish(self.client, &publish, on_done, &self), 0);
    listens(&again, &live, host.address, later);
    live_until(&live, self.opened == 2 && self.done == 1);
    assert_int_equal(self.bad, 0);
    mqw_client_close(self.client, NULL);
    host_close(&again, false);
    live_end(&live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(floods_of_each_qos),         cmocka_unit_test(functions_posted_from_threads),
        cmocka_unit_test(payloads_from_sources),      cmocka_unit_test(a_source_that_fails),
        cmocka_unit_test(closing_at_any_turn),        cmocka_unit_test(publish_and_go),
        cmocka_unit_test(a_server_that_starts_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
