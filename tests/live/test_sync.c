// SPDX-License-Identifier: MIT
// The client that blocks, against a server on another thread, and against mosquitto: what it gives back, how
// long it takes, and what is left of it.
#include "live/scripted.h"

#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <mqwire/sync.h>

enum { SHORT = 30, LONG = 10000 };

static uint64_t now(void)
{
    return uv_hrtime() / 1000000;
}

static int descriptors;

static int count_before(void **state)
{
    uv_loop_t loop;
    (void)state;
    // what libuv opens once and for all does not count
    uv_loop_init(&loop);
    uv_loop_close(&loop);
    descriptors = live_descriptors();
    return 0;
}

static int none_are_left(void **state)
{
    (void)state;
    return live_descriptors() == descriptors ? 0 : -1;
}

static mqw_sync *open_at(const char *address, const mqw_client_options *given)
{
    mqw_client_options options = given ? *given : (mqw_client_options){.max_attempts = 1};
    mqw_sync *sync = NULL;
    char why[200] = "?";
    options.address = address;
    int result = mqw_sync_open(&sync, &options, LONG, why, sizeof why);
    if (result != 0)
        fail_msg("%s: %d %s", address, result, why);
    assert_string_equal(why, "");
    return sync;
}

static mqw_publish message(const char *topic, const char *payload, uint8_t qos)
{
    return (mqw_publish){
        .topic = {topic, strlen(topic)}, .payload = {(const uint8_t *)payload, strlen(payload)}, .qos = qos};
}

static void next_is(mqw_sync *sync, const char *topic, const char *payload, uint8_t qos)
{
    const mqw_publish *got = NULL;
    assert_int_equal(mqw_sync_next(sync, &got, LONG), 1);
    assert_int_equal(got->topic.len, strlen(topic));
    assert_memory_equal(got->topic.data, topic, got->topic.len);
    assert_int_equal(got->payload.len, strlen(payload));
    if (got->payload.len)
        assert_memory_equal(got->payload.data, payload, got->payload.len);
    assert_int_equal(got->qos, qos);
}

// --- a server that sends back what it gets ---

static bool echoes(scripted *server, mqw_conn *conn, const mqw_packet *packet)
{
    static uint16_t id;
    (void)server;
    if (packet->type == MQW_PUBLISH) {
        mqw_publish back = packet->publish;
        back.packet_id = back.qos ? ++id ? id : ++id : 0;
        mqw_conn_publish(conn, &back);
    }
    return false;
}

static void calls_give_what_they_promise(void **state)
{
    scripted server = {.act = echoes, .granted = 2};
    (void)state;
    scripted_start(&server);
    mqw_sync *sync = open_at(server.address, NULL);
    assert_int_equal(mqw_sync_subscribe(sync, "a/#", 2, LONG), 2);
    for (uint8_t qos = 0; qos < 3; qos++) {
        mqw_publish publish = message("a/b", qos ? "words" : "", qos);
        assert_int_equal(mqw_sync_publish(sync, &publish, LONG), 0);
        assert_string_equal(mqw_sync_error(sync), "");
        next_is(sync, "a/b", qos ? "words" : "", qos);
    }
    const mqw_publish *none = NULL;
    assert_int_equal(mqw_sync_next(sync, &none, 0), 0);
    assert_int_equal(mqw_sync_next(sync, &none, SHORT), 0);
    assert_null(none);
    assert_int_equal(mqw_sync_unsubscribe(sync, "a/#", LONG), 0);
    assert_int_equal(mqw_sync_close(sync, LONG), 0);
    scripted_stop(&server);
    assert_int_equal(server.heard[MQW_PUBACK], 1);
    assert_int_equal(server.heard[MQW_PUBREC], 1);
    assert_int_equal(server.heard[MQW_DISCONNECT], 1);
}

// A message is acknowledged when the next one is asked for, not before.
static void a_message_is_acknowledged_when_it_was_had(void **state)
{
    scripted server = {.act = echoes};
    const mqw_publish *got = NULL;
    (void)state;
    scripted_start(&server);
    mqw_sync *sync = open_at(server.address, NULL);
    mqw_publish publish = message("a", "1", 1);
    assert_int_equal(mqw_sync_publish(sync, &publish, LONG), 0);
    assert_int_equal(mqw_sync_next(sync, &got, LONG), 1);
    publish.qos = 0;
    assert_int_equal(mqw_sync_publish(sync, &publish, LONG), 0); // the loop runs
    assert_int_equal(server.heard[MQW_PUBACK], 0);
    next_is(sync, "a", "1", 0);
    assert_int_equal(mqw_sync_next(sync, &got, SHORT), 0);
    assert_int_equal(mqw_sync_close(sync, LONG), 0);
    scripted_stop(&server);
    assert_int_equal(server.heard[MQW_PUBACK], 1);
}

// --- refusals and time limits ---

static void a_refusal_has_its_reason(void **state)
{
    mqw_connect old = {.version = MQW_3_1_1, .clean_start = true};
    const struct {
        uint8_t reason;
        const mqw_connect *connect;
        int expected;
        const char *words;
    } samples[] = {
        {MQW_REASON_BAD_USERNAME_OR_PASSWORD, NULL, 0x86, "bad user name or password"},
        {4, &old, 0x86, "bad user name or password"},
        {5, &old, 0x87, "not authorized"},
        {MQW_REASON_BANNED, NULL, 0x8A, "banned"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        scripted server = {.welcome.reason = samples[i].reason};
        mqw_client_options options = {.connect = samples[i].connect};
        char why[200] = "";
        mqw_sync *sync = NULL;
        scripted_start(&server);
        options.address = server.address;
        assert_int_equal(mqw_sync_open(&sync, &options, LONG, why, sizeof why), samples[i].expected);
        assert_null(sync);
        if (!strstr(why, samples[i].words))
            fail_msg("no word of it: %s", why);
        scripted_stop(&server);
    }
}

static void nobody_may_be_there(void **state)
{
    mqw_client_options options = {.address = "unix:/nowhere/at/all", .max_attempts = 1};
    char why[200] = "";
    mqw_sync *sync = NULL;
    (void)state;
    assert_int_equal(mqw_sync_open(&sync, &options, LONG, why, sizeof why), MQW_E_STREAM);
    assert_non_null(strstr(why, "no such file"));
    options.max_attempts = 0; // again and again, until time is up
    options.retry_min = 1;
    uint64_t start = now();
    assert_int_equal(mqw_sync_open(&sync, &options, SHORT, why, sizeof why), MQW_E_TIMEOUT);
    assert_non_null(strstr(why, "no such file"));
    assert_true(now() - start < 1000);
    options.address = "?";
    assert_int_equal(mqw_sync_open(&sync, &options, SHORT, why, sizeof why), MQW_E_ADDRESS);
    assert_string_equal(why, mqw_strerror(MQW_E_ADDRESS));
    assert_int_equal(mqw_sync_open(&sync, &options, SHORT, NULL, 0), MQW_E_ADDRESS);
    assert_null(sync);
}

static bool says_nothing(scripted *server, mqw_conn *conn, const mqw_packet *packet)
{
    (void)server, (void)conn, (void)packet;
    return true;
}

static bool is_mute_later(scripted *server, mqw_conn *conn, const mqw_packet *packet)
{
    (void)server, (void)conn;
    return packet->type != MQW_CONNECT;
}

// Each call keeps its time, whatever the server does not do.
static void every_call_keeps_its_time(void **state)
{
    scripted silent = {.act = says_nothing};
    scripted mute = {.act = is_mute_later, .no_acks = true};
    mqw_sync *sync = NULL;
    const mqw_publish *none;
    (void)state;
    scripted_start(&silent);
    mqw_client_options options = {.address = silent.address};
    uint64_t start = now();
    assert_int_equal(mqw_sync_open(&sync, &options, SHORT, NULL, 0), MQW_E_TIMEOUT);
    assert_true(now() - start < 1500);
    scripted_stop(&silent);
    scripted_start(&mute);
    sync = open_at(mute.address, NULL);
    start = now();
    mqw_publish publish = message("a", "b", 2);
    assert_int_equal(mqw_sync_publish(sync, &publish, SHORT), MQW_E_TIMEOUT);
    assert_int_equal(mqw_sync_subscribe(sync, "a", 0, SHORT), MQW_E_TIMEOUT);
    assert_int_equal(mqw_sync_unsubscribe(sync, "a", SHORT), MQW_E_TIMEOUT);
    assert_int_equal(mqw_sync_next(sync, &none, SHORT), 0);
    assert_true(now() - start < 1500);
    assert_int_equal(mqw_sync_close(sync, SHORT), MQW_E_TIMEOUT); // they were lost
    assert_true(now() - start < 3000);
    scripted_stop(&mute);
}

static void go_deaf(scripted *server)
{
    mqw_conn_pause(server->conn);
}

// Nor does it wait for a server that does not hang up.
static void closing_keeps_its_time(void **state)
{
    (void)state;
    for (int full = 0; full < 2; full++) {
        scripted server = {.act = NULL};
        static uint8_t large[1000000];
        mqw_publish publish = {.topic = MQW_TEXT("a"), .payload = {large, sizeof large}};
        scripted_start(&server);
        mqw_sync *sync = open_at(server.address, NULL);
        scripted_do(&server, go_deaf);
        for (int i = 0; i < 20 && full; i++) // more than the stream holds
            (void)mqw_client_publish(mqw_sync_client(sync), &publish, NULL, NULL);
        uint64_t start = now();
        (void)mqw_sync_close(sync, SHORT);
        uint64_t took = now() - start;
        if (took > 1500)
            fail_msg("it took %d ms", (int)took);
        scripted_stop(&server);
    }
}

// What was not over in time goes on in later calls.
static bool acknowledges_late(scripted *server, mqw_conn *conn, const mqw_packet *packet)
{
    (void)server;
    static uint16_t held;
    if (packet->type == MQW_PUBLISH && packet->publish.qos == 2)
        held = packet->publish.packet_id;
    if (packet->type == MQW_SUBSCRIBE && held)
        mqw_conn_pubrec(conn, &(mqw_ack){.packet_id = held});
    if (packet->type == MQW_PUBREL)
        mqw_conn_pubcomp(conn, &(mqw_ack){.packet_id = packet->pubrel.packet_id});
    return packet->type == MQW_PUBLISH;
}

static void what_is_late_goes_on(void **state)
{
    scripted server = {.act = acknowledges_late, .no_acks = true};
    (void)state;
    scripted_start(&server);
    mqw_sync *sync = open_at(server.address, NULL);
    mqw_publish publish = message("a", "b", 2);
    mqw_client_facts facts = {.size = sizeof facts};
    assert_int_equal(mqw_sync_publish(sync, &publish, SHORT), MQW_E_TIMEOUT);
    assert_int_equal(mqw_sync_subscribe(sync, "x", 0, LONG), 0);
    const mqw_publish *none;
    for (int i = 0; i < 500 && server.heard[MQW_PUBREL] == 0; i++)
        assert_int_equal(mqw_sync_next(sync, &none, 10), 0);
    assert_int_equal(mqw_client_facts_of(mqw_sync_client(sync), &facts), 0);
    assert_int_equal(mqw_sync_close(sync, LONG), 0);
    scripted_stop(&server);
    assert_int_equal(server.heard[MQW_PUBREL], 1);
}

static void misuse_is_told(void **state)
{
    scripted server = {.act = NULL};
    mqw_publish bad = message("a/#", "b", 1);
    const mqw_publish *none;
    mqw_store_ops ops = {.size = sizeof ops};
    (void)state, (void)ops;
    assert_int_equal(mqw_sync_open(NULL, NULL, SHORT, NULL, 0), MQW_E_MISUSE);
    assert_int_equal(mqw_sync_publish(NULL, &bad, SHORT), MQW_E_MISUSE);
    assert_int_equal(mqw_sync_subscribe(NULL, "a", 0, SHORT), MQW_E_MISUSE);
    assert_int_equal(mqw_sync_unsubscribe(NULL, "a", SHORT), MQW_E_MISUSE);
    assert_int_equal(mqw_sync_next(NULL, &none, SHORT), MQW_E_MISUSE);
    assert_int_equal(mqw_sync_close(NULL, SHORT), 0);
    assert_null(mqw_sync_client(NULL));
    assert_string_equal(mqw_sync_error(NULL), "");
    mqw_sync_interrupt(NULL);
    scripted_start(&server);
    mqw_sync *sync = open_at(server.address, NULL);
    assert_int_equal(mqw_sync_publish(sync, &bad, LONG), MQW_E_MISUSE);
    assert_string_equal(mqw_sync_error(sync), mqw_strerror(MQW_E_MISUSE));
    assert_int_equal(mqw_sync_publish(sync, NULL, LONG), MQW_E_MISUSE);
    assert_int_equal(mqw_sync_subscribe(sync, "a#", 0, LONG), MQW_E_MISUSE);
    assert_int_equal(mqw_sync_subscribe(sync, NULL, 0, LONG), MQW_E_MISUSE);
    assert_int_equal(mqw_sync_unsubscribe(sync, NULL, LONG), MQW_E_MISUSE);
    assert_int_equal(mqw_sync_next(sync, NULL, LONG), MQW_E_MISUSE);
    assert_int_equal(mqw_sync_close(sync, LONG), 0);
    mqw_client_options options = {.address = server.address,
                                  .store = (mqw_store *)&server}; // never looked at
    assert_int_equal(mqw_sync_open(&sync, &options, SHORT, NULL, 0), MQW_E_MISUSE);
    scripted_stop(&server);
}

// --- floods, losses, ends ---

enum { FLOOD = 3000 };

static bool floods(scripted *server, mqw_conn *conn, const mqw_packet *packet)
{
    static char large[1000];
    (void)server;
    memset(large, 'x', sizeof large - 1);
    if (packet->type != MQW_SUBSCRIBE)
        return false;
    for (int i = 0; i < FLOOD; i++)
        scripted_publish(conn, MQW_TEXT("flood"), large, (mqw_bytes){NULL, 0}, 0);
    return false;
}

// At most 64 are kept; the others wait at the server's.
static void a_flood_waits_outside(void **state)
{
    scripted server = {.act = floods};
    const mqw_publish *got = NULL;
    mqw_client_facts facts = {.size = sizeof facts};
    (void)state;
    scripted_start(&server);
    mqw_sync *sync = open_at(server.address, NULL);
    assert_int_equal(mqw_sync_subscribe(sync, "flood", 0, SHORT), MQW_E_TIMEOUT); // SUBACK is behind it
    for (int i = 0; i < 300 && facts.received < 64; i++) {
        assert_int_equal(mqw_sync_unsubscribe(sync, "other", SHORT), MQW_E_TIMEOUT);
        assert_int_equal(mqw_client_facts_of(mqw_sync_client(sync), &facts), 0);
    }
    assert_int_equal(facts.received, 64);
    for (uint64_t i = 1; i <= FLOOD; i++) {
        assert_int_equal(mqw_sync_next(sync, &got, LONG), 1);
        assert_int_equal(got->payload.len, 999);
        assert_int_equal(mqw_client_facts_of(mqw_sync_client(sync), &facts), 0);
        assert_true(facts.received <= i + 64);
    }
    assert_int_equal(mqw_sync_next(sync, &got, SHORT), 0);
    assert_int_equal(mqw_sync_close(sync, LONG), 0);
    scripted_stop(&server);
}

static void hang_up(scripted *server)
{
    mqw_conn_abort(server->conn);
}

static void it_comes_back(void **state)
{
    scripted server = {.act = echoes};
    mqw_client_options options = {.retry_min = 1, .retry_max = 1};
    (void)state;
    scripted_start(&server);
    mqw_sync *sync = open_at(server.address, &options);
    for (int i = 0; i < 5; i++) {
        mqw_publish publish = message("a", "again", 1);
        scripted_do(&server, hang_up);
        assert_int_equal(mqw_sync_publish(sync, &publish, LONG), 0);
        next_is(sync, "a", "again", 1);
    }
    assert_int_equal(mqw_sync_close(sync, LONG), 0);
    scripted_stop(&server);
    assert_true(server.heard[MQW_CONNECT] >= 6);
}

static void expel(scripted *server)
{
    mqw_conn_disconnect(server->conn, &(mqw_disconnect){.reason = MQW_REASON_SESSION_TAKEN_OVER});
    mqw_conn_close(server->conn);
}

static bool sends_one_and_expels(scripted *server, mqw_conn *conn, const mqw_packet *packet)
{
    if (packet->type != MQW_SUBSCRIBE)
        return false;
    scripted_subscribed(server, conn, &packet->subscribe);
    scripted_publish(conn, MQW_TEXT("last"), "words", (mqw_bytes){NULL, 0}, 1);
    expel(server);
    return true;
}

// What had come before it gave up is still given.
static void it_gives_up(void **state)
{
    scripted server = {.act = sends_one_and_expels};
    mqw_publish publish = message("a", "b", 1);
    const mqw_publish *none;
    (void)state;
    scripted_start(&server);
    mqw_sync *sync = open_at(server.address, NULL);
    assert_int_equal(mqw_sync_subscribe(sync, "last", 1, LONG), 0);
    next_is(sync, "last", "words", 1);
    assert_int_equal(mqw_sync_next(sync, &none, LONG), MQW_E_CLOSED);
    assert_non_null(strstr(mqw_sync_error(sync), "session taken over"));
    assert_int_equal(mqw_sync_publish(sync, &publish, LONG), MQW_E_CLOSED);
    assert_int_equal(mqw_sync_subscribe(sync, "a", 0, LONG), MQW_E_CLOSED);
    assert_int_equal(mqw_sync_unsubscribe(sync, "a", LONG), MQW_E_CLOSED);
    assert_non_null(strstr(mqw_sync_error(sync), "session taken over"));
    assert_null(mqw_sync_client(sync));
    assert_int_equal(mqw_sync_close(sync, LONG), 0);
    scripted_stop(&server);
}

// It is over in the middle of a call that waits.
static bool expels_on_publish(scripted *server, mqw_conn *conn, const mqw_packet *packet)
{
    (void)conn;
    if (packet->type == MQW_PUBLISH)
        expel(server);
    return packet->type == MQW_PUBLISH;
}

static void it_gives_up_inside_a_call(void **state)
{
    scripted server = {.act = expels_on_publish, .no_acks = true};
    mqw_publish publish = message("a", "b", 1);
    (void)state;
    scripted_start(&server);
    mqw_sync *sync = open_at(server.address, NULL);
    assert_int_equal(mqw_sync_publish(sync, &publish, LONG), MQW_E_CLOSED);
    assert_non_null(strstr(mqw_sync_error(sync), "session taken over"));
    assert_int_equal(mqw_sync_close(sync, LONG), 0);
    scripted_stop(&server);
}

// --- interruption ---

static mqw_sync *to_interrupt;
static volatile sig_atomic_t signals;

static void on_signal(int number)
{
    (void)number;
    signals++;
    mqw_sync_interrupt(to_interrupt);
}

static void interrupts(void *arg)
{
    pthread_kill(*(pthread_t *)arg, SIGUSR1);
}

static void a_signal_may_end_a_call(void **state)
{
    scripted server = {.act = NULL};
    struct sigaction action = {.sa_handler = on_signal};
    struct sigaction before;
    const mqw_publish *none;
    pthread_t self = pthread_self();
    uv_thread_t thread;
    (void)state;
    scripted_start(&server);
    mqw_sync *sync = to_interrupt = open_at(server.address, NULL);
    sigaction(SIGUSR1, &action, &before);
    uint64_t start = now();
    uv_thread_create(&thread, interrupts, &self); // before the call, or in it
    assert_int_equal(mqw_sync_next(sync, &none, LONG), 0);
    uv_thread_join(&thread);
    assert_int_equal(signals, 1);
    assert_true(now() - start < LONG / 2);
    // the next one is as good as before
    mqw_publish publish = message("a", "b", 1);
    assert_int_equal(mqw_sync_publish(sync, &publish, LONG), 0);
    mqw_sync_interrupt(sync);
    server.act = is_mute_later;
    assert_int_equal(mqw_sync_subscribe(sync, "a", 0, LONG), MQW_E_TIMEOUT);
    sigaction(SIGUSR1, &before, NULL);
    (void)mqw_sync_close(sync, SHORT);
    scripted_stop(&server);
}

// --- silence between calls ---

// The program may think for longer than the keep alive allows; what the server has said meanwhile was said in
// time.
static bool pings_back(scripted *server, mqw_conn *conn, const mqw_packet *packet)
{
    (void)conn;
    if (packet->type == MQW_PINGREQ)
        uv_sem_post(server->more);
    return false;
}

static void a_program_may_think(void **state)
{
    uv_sem_t pinged;
    scripted server = {.act = pings_back, .more = &pinged};
    mqw_connect connect = {.keep_alive = 1, .clean_start = true};
    mqw_conn_options conn = {.ping_timeout = 50};
    mqw_open_options open = {.conn = &conn};
    mqw_client_options options = {.connect = &connect, .open = &open, .max_attempts = 1, .once = true};
    const mqw_publish *none;
    mqw_client_facts facts = {.size = sizeof facts};
    (void)state;
    uv_sem_init(&pinged, 0);
    scripted_start(&server);
    mqw_sync *sync = open_at(server.address, &options);
    for (int i = 0; i < 300 && server.heard[MQW_PINGREQ] == 0; i++)
        assert_int_equal(mqw_sync_next(sync, &none, 10), 0);
    uv_sem_wait(&pinged);
    uint64_t start = now();
    while (now() - start < 200) // far beyond ping_timeout, without running the loop
        continue;
    assert_int_equal(mqw_sync_next(sync, &none, SHORT), 0);
    assert_int_equal(mqw_client_facts_of(mqw_sync_client(sync), &facts), 0);
    assert_int_equal(facts.connections, 1);
    assert_int_equal(mqw_sync_close(sync, LONG), 0);
    scripted_stop(&server);
    uv_sem_destroy(&pinged);
}

// --- the client inside ---

static void on_routed(mqw_client *client, const mqw_publish *publish, mqw_token token, void *ctx)
{
    (void)publish;
    ++*(int *)ctx;
    assert_int_equal(mqw_client_ack(client, token, 0), 0);
}

static void the_client_inside_is_there_for_more(void **state)
{
    scripted server = {.act = echoes};
    int routed = 0;
    (void)state;
    scripted_start(&server);
    mqw_sync *sync = open_at(server.address, NULL);
    mqw_publish publish = message("r/x", "b", 1);
    assert_int_equal(mqw_client_route(mqw_sync_client(sync), "r/#", on_routed, &routed), 0);
    assert_int_equal(mqw_sync_publish(sync, &publish, LONG), 0);
    const mqw_publish *none;
    for (int i = 0; i < 500 && !routed; i++)
        assert_int_equal(mqw_sync_next(sync, &none, 10), 0);
    assert_int_equal(routed, 1);
    assert_int_equal(mqw_sync_close(sync, LONG), 0);
    scripted_stop(&server);
}

static void on_routed_again(mqw_client *client, const mqw_publish *publish, mqw_token token, void *ctx)
{
    mqw_sync *sync = *(mqw_sync **)ctx;
    const mqw_publish *none = NULL;
    assert_int_equal(mqw_sync_publish(sync, publish, LONG), MQW_E_MISUSE);
    assert_int_equal(mqw_sync_subscribe(sync, "a", 0, LONG), MQW_E_MISUSE);
    assert_int_equal(mqw_sync_unsubscribe(sync, "a", LONG), MQW_E_MISUSE);
    assert_int_equal(mqw_sync_next(sync, &none, LONG), MQW_E_MISUSE);
    assert_int_equal(mqw_sync_close(sync, LONG), MQW_E_MISUSE);
    assert_int_equal(mqw_client_ack(client, token, 0), 0);
    *(mqw_sync **)ctx = NULL;
}

static void calls_inside_calls_are_misuse(void **state)
{
    scripted server = {.act = echoes};
    (void)state;
    scripted_start(&server);
    mqw_sync *sync = open_at(server.address, NULL), *inside = sync;
    mqw_publish publish = message("r/x", "b", 1);
    assert_int_equal(mqw_client_route(mqw_sync_client(sync), "r/#", on_routed_again, &inside), 0);
    assert_int_equal(mqw_sync_publish(sync, &publish, LONG), 0);
    const mqw_publish *none;
    for (int i = 0; i < 500 && inside; i++)
        assert_int_equal(mqw_sync_next(sync, &none, 10), 0);
    assert_null(inside);
    assert_int_equal(mqw_sync_close(sync, LONG), 0);
    scripted_stop(&server);
}

// --- mosquitto ---

static pid_t broker;
static char dir[] = "/tmp/mqwire-sync-XXXXXX";
static char socket_address[64];

static int start_broker(void **state)
{
    char file[64];
    char *words[] = {"mosquitto", "-c", file, NULL};
    char *env[] = {"PATH=/usr/sbin:/usr/bin:/bin", NULL};
    posix_spawn_file_actions_t actions;
    (void)state;
    if (!mkdtemp(dir) || chmod(dir, 0755) != 0)
        return -1;
    snprintf(file, sizeof file, "%s/conf", dir);
    snprintf(socket_address, sizeof socket_address, "unix:%s/socket", dir);
    FILE *conf = fopen(file, "w");
    if (!conf)
        return -1;
    fprintf(conf,
            "listener 0 %s/socket\nallow_anonymous true\npersistence false\nuser root\nmax_keepalive 600\n",
            dir);
    fclose(conf);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    if (access("/usr/sbin/mosquitto", X_OK) == 0 &&
        posix_spawn(&broker, "/usr/sbin/mosquitto", &actions, NULL, words, env) != 0)
        broker = 0;
    posix_spawn_file_actions_destroy(&actions);
    return count_before(state);
}

static int stop_broker(void **state)
{
    char path[64];
    (void)state;
    if (broker) {
        kill(broker, SIGTERM);
        waitpid(broker, NULL, 0);
    }
    snprintf(path, sizeof path, "%s/conf", dir);
    unlink(path);
    snprintf(path, sizeof path, "%s/socket", dir);
    unlink(path);
    return rmdir(dir);
}

static void with_mosquitto(void **state)
{
    (void)state;
    if (!broker)
        skip();
    for (uint8_t version = 3; version <= 5; version++) {
        mqw_connect connect = {.version = version, .clean_start = true, .client_id = MQW_TEXT("sync")};
        mqw_client_options options = {.connect = &connect, .retry_min = 1, .retry_max = 10}; // until it is up
        mqw_sync *sync = open_at(socket_address, &options);
        assert_int_equal(mqw_sync_subscribe(sync, "sync/+", 2, LONG), 2);
        for (int i = 0; i < 30; i++) {
            char payload[16];
            snprintf(payload, sizeof payload, "%d", i);
            mqw_publish publish = message("sync/x", payload, (uint8_t)(i % 3));
            int result = mqw_sync_publish(sync, &publish, LONG);
            assert_int_equal(result, 0);
            next_is(sync, "sync/x", payload, (uint8_t)(i % 3));
        }
        assert_int_equal(mqw_sync_unsubscribe(sync, "sync/+", LONG), 0);
        mqw_publish publish = message("sync/x", "nobody", 1);
        assert_int_equal(mqw_sync_publish(sync, &publish, LONG),
                         version == 5 ? MQW_REASON_NO_MATCHING_SUBSCRIBERS : 0);
        assert_int_equal(mqw_sync_close(sync, LONG), 0);
    }
}

// --- a request through mosquitto ---

static void on_response(mqw_client *client, int result, const mqw_publish *response, void *ctx)
{
    (void)client;
    assert_int_equal(result, 0);
    assert_int_equal(response->payload.len, 4);
    assert_memory_equal(response->payload.data, "pong", 4);
    ++*(int *)ctx;
}

static void requests_through_mosquitto(void **state)
{
    mqw_client_options options = {.retry_min = 1, .retry_max = 10};
    const mqw_publish *got = NULL;
    int answers = 0;
    (void)state;
    if (!broker)
        skip();
    mqw_sync *asking = open_at(socket_address, &options);
    mqw_sync *answering = open_at(socket_address, &options);
    mqw_publish request = message("service/ping", "ping", 1);
    mqw_publish answer = message("", "pong", 1);
    assert_int_equal(mqw_sync_subscribe(answering, "service/ping", 2, LONG), 2);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(mqw_client_request(mqw_sync_client(asking), &request, LONG, on_response, &answers),
                         0);
        while (mqw_sync_next(answering, &got, 10) != 1)
            assert_int_equal(mqw_sync_next(asking, &got, 10), 0);
        assert_int_equal(mqw_client_respond(mqw_sync_client(answering), got, &answer, NULL, NULL), 0);
        for (int turns = 0; turns < 500 && answers <= i; turns++) {
            assert_int_equal(mqw_sync_next(answering, &got, 10), 0);
            assert_int_equal(mqw_sync_next(asking, &got, 10), 0);
        }
        assert_int_equal(answers, i + 1);
    }
    assert_int_equal(mqw_sync_close(asking, LONG), 0);
    assert_int_equal(mqw_sync_close(answering, LONG), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(calls_give_what_they_promise, none_are_left),
        cmocka_unit_test_teardown(a_message_is_acknowledged_when_it_was_had, none_are_left),
        cmocka_unit_test_teardown(a_refusal_has_its_reason, none_are_left),
        cmocka_unit_test_teardown(nobody_may_be_there, none_are_left),
        cmocka_unit_test_teardown(every_call_keeps_its_time, none_are_left),
        cmocka_unit_test_teardown(closing_keeps_its_time, none_are_left),
        cmocka_unit_test_teardown(what_is_late_goes_on, none_are_left),
        cmocka_unit_test_teardown(misuse_is_told, none_are_left),
        cmocka_unit_test_teardown(a_flood_waits_outside, none_are_left),
        cmocka_unit_test_teardown(it_comes_back, none_are_left),
        cmocka_unit_test_teardown(it_gives_up, none_are_left),
        cmocka_unit_test_teardown(it_gives_up_inside_a_call, none_are_left),
        cmocka_unit_test_teardown(a_signal_may_end_a_call, none_are_left),
        cmocka_unit_test_teardown(a_program_may_think, none_are_left),
        cmocka_unit_test_teardown(the_client_inside_is_there_for_more, none_are_left),
        cmocka_unit_test_teardown(calls_inside_calls_are_misuse, none_are_left),
        cmocka_unit_test_teardown(with_mosquitto, none_are_left),
        cmocka_unit_test_teardown(requests_through_mosquitto, none_are_left),
    };
    return cmocka_run_group_tests(tests, start_broker, stop_broker);
}
