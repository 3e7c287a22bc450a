// SPDX-License-Identifier: MIT
// The client and brokers that others wrote, mosquitto and aedes, with a proxy in between that cuts at a byte,
// goes silent, delays and hands on in small pieces, and with a broker that goes and comes back, with its
// sessions and without: QoS 1 at least once, QoS 2 exactly once, in order, subscriptions restored. Each
// harm is done to a client of its own, all at the same time.
#include <mqwire/client.h>

#include "brokers.h"
#include "fault_proxy.h"

enum { MESSAGES = 8, CUTS = 30, TIME_LIMIT = 30000 };

typedef struct program {
    testbed *live;
    fault_proxy proxy;
    mqw_client *client;
    int opened, lost, closed, over, bad, granted;
    int heard[3][MESSAGES];
    int fresh[MESSAGES]; // QoS 2 without DUP
    int next[3];         // the first that has not come yet
    uint8_t version;     // asked for; 0: any
    uint8_t spoken;
    uint8_t qos; // the highest
    bool in_order;
    bool twice_is_fine; // QoS 2 with DUP
    char name[24], topic[24];
    char words[96];  // of the last loss
    char order[100]; // of what has come, by QoS and number
} program;

// --- what it hears ---

static void on_open(mqw_client *client, const mqw_connack *connack, void *ctx)
{
    program *self = ctx;
    (void)connack;
    self->opened++;
    self->spoken = mqw_conn_version(mqw_client_conn(client));
}

static void on_lost(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    program *self = ctx;
    (void)client;
    self->lost++;
    snprintf(self->words, sizeof self->words, "%s", failure->words);
}

static void on_close(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    program *self = ctx;
    (void)client;
    if (failure)
        fail_msg("%s has given up: %s", self->name, failure->words);
    self->closed++;
}

// What is sent again may come again; what is new comes in order.
static void on_message(mqw_client *client, const mqw_publish *publish, mqw_token token, void *ctx)
{
    program *self = ctx;
    (void)client, (void)token;
    assert_int_equal(publish->payload.len, 1);
    int number = publish->payload.data[0];
    assert_in_range(number, 0, MESSAGES - 1);
    size_t len = strlen(self->order);
    if (len + 4 < sizeof self->order)
        sprintf(self->order + len, " %c%d", "abc"[publish->qos], number);
    self->fresh[number] += publish->qos == 2 && !publish->dup;
    if (self->heard[publish->qos][number]++ == 0) {
        self->in_order = self->in_order && number == self->next[publish->qos];
        self->next[publish->qos]++;
    }
}

static void on_done(mqw_client *client, int result, const mqw_packet *answer, void *ctx)
{
    program *self = ctx;
    (void)client, (void)answer;
    self->over++;
    self->bad += result < 0 || result >= 0x80;
}

static void on_granted(mqw_client *client, int result, const mqw_packet *answer, void *ctx)
{
    (void)client, (void)answer;
    ((program *)ctx)->granted += result == 2;
}

// --- what it does ---

static void publishes(program *self, int which, uint8_t qos)
{
    const uint8_t number = (uint8_t)which;
    const mqw_publish publish = {
        .topic = {self->topic, strlen(self->topic)}, .payload = {&number, 1}, .qos = qos};
    assert_int_equal(mqw_client_publish(self->client, &publish, on_done, self), 0);
}

static void subscribes(program *self)
{
    const mqw_filter filter = {.filter = {self->topic, strlen(self->topic)}, .qos = 2};
    assert_int_equal(mqw_client_subscribe(self->client, &filter, 1, NULL, on_granted, self), 0);
}

// The proxy, its server and its harm are set before.
static void starts(program *self, testbed *live)
{
    static int last_number; // sessions are kept: nobody has that of another one
    self->live = live;
    self->in_order = true;
    snprintf(self->name, sizeof self->name, "faults-%d-%d", ++last_number, self->version);
    snprintf(self->topic, sizeof self->topic, "faults/%d/%d", last_number, self->version);
    fault_proxy_start(&self->proxy, &live->loop);
    mqw_connect connect = {.version = self->version,
                           .client_id = {self->name, strlen(self->name)},
                           .keep_alive = 1,
                           .has_username = true,
                           .username = MQW_TEXT("u"),
                           .has_password = true,
                           .password = {(const uint8_t *)"right", 5}};
    mqw_set(&connect.props, session_expiry, 1000);
    const mqw_conn_options conn = {.size = sizeof conn, .ping_timeout = 1000};
    const mqw_open_options open = {.size = sizeof open, .conn = &conn, .linger = 100};
    const mqw_client_options options = {.size = sizeof options,
                                        .address = self->proxy.address,
                                        .connect = &connect,
                                        .open = &open,
                                        .connect_timeout = 3000,
                                        .retry_min = 1,
                                        .retry_max = 50,
                                        .ctx = self,
                                        .handlers = {.size = sizeof options.handlers,
                                                     .on_open = on_open,
                                                     .on_message = on_message,
                                                     .on_lost = on_lost,
                                                     .on_close = on_close}};
    assert_int_equal(mqw_client_open(&self->client, &live->loop, &options), 0);
}

static void talks(program *self)
{
    subscribes(self);
    for (int i = 0; i < MESSAGES; i++)
        for (uint8_t qos = 1; qos <= self->qos; qos++)
            publishes(self, i, qos);
}

static bool is_done(const program *self)
{
    bool done = self->granted == 1 && self->over == self->qos * MESSAGES;
    for (int qos = 1; qos <= self->qos; qos++)
        done = done && self->next[qos] == MESSAGES;
    return done;
}

static void tell_about(const program *self)
{
    print_message("%s: harm %d at byte %d of direction %d: %d connections, %d open, %d over; heard%s; %s\n",
                  self->name, self->proxy.kind, (int)self->proxy.at, self->proxy.direction,
                  self->proxy.connections, self->opened, self->over, self->order, self->words);
}

static void check(const program *self)
{
    bool right = self->bad == 0 && (self->in_order || self->proxy.port);
    for (int i = 0; i < MESSAGES; i++)
        right = right && self->fresh[i] <= 1 && (self->heard[2][i] <= 1 || self->twice_is_fine);
    if (right && self->proxy.kind)
        right = self->proxy.harmed == 1 && self->proxy.connections >= 2 && self->lost >= 1;
    if (right)
        return;
    tell_about(self);
    fail_msg("%d bad, %s", self->bad, self->in_order ? "in order" : "out of order");
}

// --- all at once ---

typedef struct crowd {
    program *programs;
    int count;
} crowd;

static void on_limit(uv_timer_t *timer)
{
    const crowd *all = timer->data;
    for (int i = 0; i < all->count; i++)
        tell_about(&all->programs[i]);
    fail_msg("%s", "not over in time");
}

static void set_limit(crowd *all, testbed *live)
{
    live->limit.data = all;
    uv_timer_start(&live->limit, on_limit, TIME_LIMIT, 0);
}

static void until_done(crowd *all, testbed *live)
{
    set_limit(all, live);
    for (int i = 0; i < all->count; i++)
        while (!is_done(&all->programs[i]))
            (void)uv_run(&live->loop, UV_RUN_ONCE);
}

static void go(crowd *all, testbed *live)
{
    for (int i = 0; i < all->count; i++)
        mqw_client_close(all->programs[i].client, NULL);
    for (int i = 0; i < all->count; i++)
        while (all->programs[i].closed == 0)
            (void)uv_run(&live->loop, UV_RUN_ONCE);
    for (int i = 0; i < all->count; i++)
        fault_proxy_end(&all->programs[i].proxy);
    live_end(live);
}

// aedes 0.51 closes the connection when a PUBREL comes again that it has answered (MQTT-4.3.3-12 wants
// PUBCOMP), each time: after a cut no QoS 2 message gets any further.
static uint8_t highest_qos(const broker *at)
{
    return at->port ? 1 : 2;
}

static void upstream(program *self, const broker *at)
{
    self->proxy.path = at->port ? NULL : at->path;
    self->proxy.port = at->port;
}

/** Bytes of both directions of a conversation without harm. */
static void measure(const broker *at, uint8_t version, uint64_t bytes[2])
{
    testbed live;
    program self = {.version = version, .qos = highest_qos(at)};
    crowd all = {&self, 1};
    live_start(&live);
    upstream(&self, at);
    starts(&self, &live);
    talks(&self);
    until_done(&all, &live);
    check(&self);
    assert_int_equal(self.opened, 1);
    assert_int_equal(self.spoken, version ? version : at->port ? MQW_3_1_1 : MQW_5_0);
    bytes[0] = self.proxy.passed[0];
    bytes[1] = self.proxy.passed[1];
    go(&all, &live);
}

/** Harm of a kind at bytes of both directions, equally far from each other. */
static void harms(const broker *at, uint8_t version, enum fault_kind kind, int count)
{
    program *programs = calloc(2 * (size_t)count, sizeof *programs);
    uint64_t bytes[2];
    testbed live;
    assert_non_null(programs);
    measure(at, version, bytes);
    live_start(&live);
    crowd all = {programs, 2 * count};
    for (int i = 0; i < all.count; i++) {
        program *self = &programs[i];
        *self = (program){.version = version, .qos = highest_qos(at)};
        self->proxy.kind = kind;
        self->proxy.direction = i % 2;
        // the last bytes are answers which nobody waits for
        self->proxy.at = bytes[i % 2] * 95 / 100 * (uint64_t)(i / 2) / (uint64_t)count;
        self->proxy.piece = i % 3 == 1 ? 3 : 0;
        upstream(self, at);
        starts(self, &live);
        talks(self);
    }
    until_done(&all, &live);
    for (int i = 0; i < all.count; i++)
        check(&programs[i]);
    go(&all, &live);
    free(programs);
}

// --- tests ---

static void mosquitto_and_cuts(void **state)
{
    (void)state;
    if (!mosquitto_is_there())
        without("mosquitto");
    broker at = {.pid = 0};
    broker_start(&at, false);
    for (int each = MQW_3_1; each <= MQW_5_0; each++) {
        uint8_t version = (uint8_t)each;
        harms(&at, version, FAULT_CUT, version == MQW_3_1 ? 8 : CUTS);
        harms(&at, version, FAULT_RESET, 8);
    }
    broker_end(&at);
}

// Half-open connections are found by keep alive, and by the time-out of connecting.
static void mosquitto_and_silence(void **state)
{
    (void)state;
    if (!mosquitto_is_there())
        without("mosquitto");
    broker at = {.pid = 0};
    broker_start(&at, false);
    harms(&at, MQW_5_0, FAULT_STALL, CUTS);
    broker_end(&at);
}

// aedes knows only 3.1 and 3.1.1: the client falls back by itself (version 0).
static void aedes_and_cuts(void **state)
{
    (void)state;
    if (!aedes_is_there())
        without("aedes");
    broker at = {.pid = 0};
    aedes_start(&at);
    harms(&at, MQW_3_1_1, FAULT_CUT, CUTS);
    harms(&at, 0, FAULT_CUT, 10);
    harms(&at, MQW_3_1_1, FAULT_STALL, 10);
    broker_stop(&at, SIGKILL);
}

static void begin_slowly(crowd *all, testbed *live, const broker *at)
{
    for (int i = 0; i < all->count; i++) {
        program *self = &all->programs[i];
        *self = (program){.version = i % 2 ? MQW_5_0 : MQW_3_1_1, .qos = 2};
        self->proxy.delay = (unsigned)(i % 4);
        self->proxy.piece = (size_t)(i % 3) * 7;
        upstream(self, at);
        starts(self, live);
        talks(self);
    }
}

static int done_of(const crowd *all)
{
    int done = 0;
    for (int i = 0; i < all->count; i++)
        done += all->programs[i].over;
    return done;
}

static void until_halfway(const crowd *all, testbed *live)
{
    while (done_of(all) < all->count * MESSAGES)
        (void)uv_run(&live->loop, UV_RUN_ONCE);
}

// Slow lines, and a broker that goes halfway and comes back with its sessions. mosquitto 2.0.11 then sends
// PUBLISH again, with DUP, for which it has sent PUBREL before it went (against section 4.3.3): such a
// message is a new one for everybody who had that PUBREL. It would be without DUP if the client had published
// twice.
static void mosquitto_comes_back(void **state)
{
    (void)state;
    if (!mosquitto_is_there())
        without("mosquitto");
    program programs[20];
    crowd all = {programs, 20};
    broker at = {.pid = 0};
    testbed live;
    broker_start(&at, true);
    live_start(&live);
    begin_slowly(&all, &live, &at);
    until_halfway(&all, &live);
    broker_stop(&at, SIGTERM);
    broker_run(&at);
    until_done(&all, &live);
    for (int i = 0; i < all.count; i++) {
        programs[i].twice_is_fine = true;
        check(&programs[i]);
    }
    go(&all, &live);
    broker_end(&at);
}

// It is killed halfway and has forgotten everything: subscriptions are restored, requests are over.
static void mosquitto_forgets(void **state)
{
    (void)state;
    if (!mosquitto_is_there())
        without("mosquitto");
    program programs[20];
    crowd all = {programs, 20};
    broker at = {.pid = 0};
    testbed live;
    int opened[20] = {0};
    broker_start(&at, false);
    live_start(&live);
    begin_slowly(&all, &live, &at);
    until_halfway(&all, &live);
    broker_stop(&at, SIGKILL);
    for (int i = 0; i < all.count; i++)
        opened[i] = programs[i].opened;
    broker_run(&at);
    set_limit(&all, &live);
    for (int i = 0; i < all.count; i++)
        while (programs[i].opened == opened[i] || programs[i].over < 2 * MESSAGES)
            (void)uv_run(&live.loop, UV_RUN_ONCE);
    for (int i = 0; i < all.count; i++) {
        program *self = &programs[i];
        int before = self->heard[1][MESSAGES - 1];
        publishes(self, MESSAGES - 1, 1);
        while (self->heard[1][MESSAGES - 1] == before)
            (void)uv_run(&live.loop, UV_RUN_ONCE);
        assert_int_equal(self->bad, 0);
        assert_int_equal(self->granted, 1);
    }
    go(&all, &live);
    broker_end(&at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mosquitto_and_cuts), cmocka_unit_test(mosquitto_and_silence),
        cmocka_unit_test(aedes_and_cuts),     cmocka_unit_test(mosquitto_comes_back),
        cmocka_unit_test(mosquitto_forgets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
