// SPDX-License-Identifier: MIT
// A broker among many, slow, silent and noisy peers: memory stays within what the bounds say, nobody starves,
// turns are short. BROKER_CROWD=15000 BROKER_STREAMS=50000: the long form (./dev soak).
#include "live/broker_house.h"

enum { CROWD = 1000, STREAMS = 3000, TURN = 20000 /**< Microseconds. */ };

static size_t number_from(const char *name, size_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoul(text, NULL, 10) : otherwise;
}

/* With sanitizers, or on a machine that is busy, a turn takes as long as it takes. */
static void check_turns(const house *h)
{
    uint64_t longest = atomic_load(&h->board->longest);
    print_message("longest turn %.1f ms\n", (double)longest / 1000);
    if (!WITH_SANITIZER && getenv("BROKER_CROWD"))
        assert_true(longest < TURN);
    assert_true(longest < 25 * TURN);
}

static void a_crowd(void **state)
{
    size_t count = number_from("BROKER_CROWD", CROWD), room = more_descriptors();
    house h;
    (void)state;
    count = count + 100 < room ? count : room - 100;
    int *fds = malloc(count * sizeof *fds);
    assert_non_null(fds);
    house_opens(&h, NULL);
    house_asked(&h);
    uint64_t begin = now_ms(), empty = atomic_load(&h.board->memory);
    for (size_t i = 0; i < count; i++)
        fds[i] = call(&h, (unsigned)i);
    for (size_t i = 0; i < count; i++)
        welcomed(fds[i]);
    print_message("%zu connections in %llu ms\n", count, (unsigned long long)(now_ms() - begin));
    for (size_t i = 0; i < count; i++)
        subscribes(fds[i], "news");
    await_clients(&h, count);
    uint64_t each = (atomic_load(&h.board->memory) - empty) / count;
    print_message("%llu bytes each count towards max_memory\n", (unsigned long long)each);
    assert_true(each < 4000);
    mqw_packet news = {.type = MQW_PUBLISH,
                       .publish = {.topic = MQW_TEXT("news"), .payload = {(const uint8_t *)"!", 1}}};
    say_packet(fds[0], &news);
    for (size_t i = 0; i < count; i++)
        hear(fds[i], "\x30\x07\x00\x04news!", 9);
    check_turns(&h);
    for (size_t i = 0; i < count; i++)
        close(fds[i]);
    await_connections(&h, 0);
    house_closes(&h);
    free(fds);
}

static void half_open_peers(void **state)
{
    const mqw_broker_options options = {.connect_timeout = 200, .max_connections = 50};
    int fds[40];
    house h;
    (void)state;
    house_opens(&h, &options);
    for (int i = 0; i < 40; i++) {
        fds[i] = dial(&h);
        if (i % 2)
            say(fds[i], "\x10\xff\x7f\x00\x04MQ", 7); // a long CONNECT that never comes
    }
    await_connections(&h, 40);
    await_connections(&h, 0);
    for (int i = 0; i < 40; i++) {
        char byte;
        assert_true(read(fds[i], &byte, 1) <= 0);
        close(fds[i]);
    }
    // more than there may be are closed at once
    int more[60];
    for (int i = 0; i < 60; i++)
        more[i] = call(&h, (unsigned)i);
    await_clients(&h, 50);
    for (int i = 0; i < 60; i++)
        close(more[i]);
    await_connections(&h, 0);
    house_closes(&h);
}

/* Publishes until so much is on its way; others do something in between. */
static void flood(int fd, size_t bytes, void (*between)(void *ctx), void *ctx)
{
    static uint8_t burst[64 * 1040];
    uint8_t payload[1024];
    memset(payload, 'x', sizeof payload);
    mqw_packet packet = {.type = MQW_PUBLISH,
                         .publish = {.topic = MQW_TEXT("flood"), .payload = {payload, sizeof payload}}};
    mqw_codec codec = {.version = 4, .sender = MQW_CLIENT};
    size_t len = 0;
    for (int i = 0; i < 60; i++)
        len += (size_t)mqw_encode(&codec, &packet, burst + len, sizeof burst - len, NULL);
    for (size_t sent = 0; sent < bytes; sent += len) {
        for (size_t at = 0; at < len;) {
            ssize_t some = write(fd, burst + at, len - at);
            assert_true(some > 0);
            at += (size_t)some;
        }
        if (between)
            between(ctx);
    }
}

static void peers_that_never_read(void **state)
{
    enum { DEAF = 20, OUTPUT = 256 * 1024 };
    const mqw_broker_options options = {.limits = {.max_output = OUTPUT, .max_queued_bytes = OUTPUT}};
    int deaf[DEAF], small = 4096;
    house h;
    (void)state;
    house_opens(&h, &options);
    for (unsigned i = 0; i < DEAF; i++) {
        deaf[i] = call(&h, i);
        setsockopt(deaf[i], SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
        welcomed(deaf[i]);
        subscribes(deaf[i], "#");
    }
    int noisy = call(&h, DEAF), good = call(&h, DEAF + 1);
    welcomed(noisy);
    welcomed(good);
    subscribes(good, "good");
    flood(noisy, 40 << 20, NULL, NULL);
    mqw_packet packet = {.type = MQW_PUBLISH,
                         .publish = {.topic = MQW_TEXT("good"), .payload = {(const uint8_t *)"!", 1}}};
    say_packet(noisy, &packet);
    hear(good, "\x30\x07\x00\x04good!", 9); // they cost nobody else anything
    house_asked(&h);
    uint64_t most = atomic_load(&h.board->memory_maximum);
    print_message("%d peers that do not read: at most %.1f MB\n", DEAF, (double)most / 1e6);
    assert_true(most < (DEAF + 2) * (2 * OUTPUT + 128 * 1024));
    assert_true(atomic_load(&h.board->dropped) > 0);
    check_turns(&h);
    for (unsigned i = 0; i < DEAF; i++)
        close(deaf[i]);
    close(noisy);
    close(good);
    await_connections(&h, 0);
    house_closes(&h);
}

typedef struct patience {
    int fd;
    uint64_t longest;
} patience;

static void ping(void *ctx)
{
    patience *p = ctx;
    uint64_t begin = microseconds();
    say(p->fd, "\xc0\x00", 2);
    hear(p->fd, "\xd0\x00", 2);
    uint64_t took = microseconds() - begin;
    p->longest = took > p->longest ? took : p->longest;
}

/* While several clients send as fast as they can, another one is still heard. */
static void a_flood_starves_nobody(void **state)
{
    house h;
    (void)state;
    house_opens(&h, NULL);
    pid_t floods[2];
    for (unsigned i = 0; i < 2; i++) {
        floods[i] = fork();
        assert_true(floods[i] >= 0);
        if (floods[i] == 0) {
            int fd = call(&h, i);
            welcomed(fd);
            flood(fd, 30 << 20, NULL, NULL);
            _exit(0);
        }
    }
    patience p = {.fd = call(&h, 2)};
    welcomed(p.fd);
    int status, gone = 0;
    for (unsigned pings = 0; gone < 2; pings++) {
        ping(&p);
        gone += waitpid(floods[gone], &status, WNOHANG) == floods[gone];
        assert_true(pings < 10000000);
    }
    print_message("longest round trip beside two floods: %.1f ms\n", (double)p.longest / 1000);
    assert_true(p.longest < 1000000);
    check_turns(&h);
    close(p.fd);
    await_connections(&h, 0);
    house_closes(&h);
}

// ---- without sockets ----

typedef struct crowd {
    size_t welcomed, heard, closed;
} crowd;

static void on_connack(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    (void)conn;
    assert_int_equal(packet->connack.reason, 0);
    ((crowd *)ctx)->welcomed++;
}

static void on_news(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    (void)conn, (void)packet;
    ((crowd *)ctx)->heard++;
}

static void on_error(mqw_conn *conn, const mqw_error *error, void *ctx)
{
    (void)conn, (void)ctx;
    assert_true(error->by_peer || error->code == MQW_E_STREAM);
}

static void on_close(mqw_conn *conn, void *ctx)
{
    (void)conn;
    ((crowd *)ctx)->closed++;
}

static void streams_in_memory(void **state)
{
    static const mqw_handlers handlers = {.size = sizeof handlers,
                                          .connack = on_connack,
                                          .publish = on_news,
                                          .error = on_error,
                                          .close = on_close};
    size_t count = number_from("BROKER_STREAMS", STREAMS);
    const mqw_broker_options options = {.max_connections = (uint32_t)count};
    mqw_broker_status before = {.size = sizeof before}, after = {.size = sizeof after};
    uint8_t room[32];
    mqw_filter item = {.filter = MQW_TEXT("news")};
    crowd all = {0};
    mqw_broker *broker;
    mqw_stream *stream;
    uv_loop_t loop;
    char id[24];
    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(mqw_broker_open(&broker, &loop, &options), 0);
    mqw_config *config = mqw_config_new(NULL);
    mqw_broker_status_of(broker, &before);
    for (size_t i = 0; i < count; i++) {
        mqw_conn *conn = mqw_conn_new_shared(MQW_CLIENT, config);
        snprintf(id, sizeof id, "c%zu", i);
        mqw_connect connect = {.version = 5, .client_id = {id, strlen(id)}};
        mqw_subscribe subscribe = {.packet_id = 1, .filters = mqw_list_filters(room, sizeof room, &item, 1)};
        assert_int_equal(mqw_broker_connect_stream(broker, &stream), 0);
        assert_int_equal(mqw_conn_pipe(conn, stream, NULL, &handlers, &all), 0);
        assert_int_equal(mqw_conn_connect(conn, &connect), 0);
        assert_int_equal(mqw_conn_subscribe(conn, &subscribe), 0);
        (void)uv_run(&loop, UV_RUN_NOWAIT);
    }
    assert_int_equal(mqw_broker_connect_stream(broker, &stream), MQW_E_FULL);
    while (all.welcomed < count)
        (void)uv_run(&loop, UV_RUN_NOWAIT);
    mqw_publish news = {.topic = MQW_TEXT("news"), .payload = {(const uint8_t *)"!", 1}};
    for (after.subscriptions = 0; after.subscriptions < count; mqw_broker_status_of(broker, &after))
        (void)uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(after.clients_connected, count);
    uint64_t each = (after.memory - before.memory) / count;
    print_message("%zu streams: %llu bytes each\n", count, (unsigned long long)each);
    assert_true(each < 4000);
    uint64_t begin = microseconds();
    assert_int_equal(mqw_broker_publish(broker, &news), 0);
    while (all.heard < count)
        (void)uv_run(&loop, UV_RUN_NOWAIT);
    print_message("one message to all of them: %.1f ms\n", (double)(microseconds() - begin) / 1000);
    mqw_broker_close(broker, NULL, NULL);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(all.closed, count);
    mqw_config_free(config);
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crowd),
        cmocka_unit_test(half_open_peers),
        cmocka_unit_test(peers_that_never_read),
        cmocka_unit_test(a_flood_starves_nobody),
        cmocka_unit_test(streams_in_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
