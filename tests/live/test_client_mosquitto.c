// SPDX-License-Identifier: MIT
// The client and the broker mosquitto, in 5.0, 3.1.1 and 3.1: every QoS there and back, in order, also while
// the broker goes and comes back, with its sessions and without.
#include <mqwire/client.h>

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "live.h"

enum { ROUNDS = 300 };

// ---- the broker ----

typedef struct broker {
    testbed *live;
    char address[96];
    pid_t pid;
} broker;

static bool is_there(void)
{
    return access("/usr/sbin/mosquitto", X_OK) == 0;
}

static void broker_start(broker *self, bool persistent)
{
    char path[128];
    snprintf(path, sizeof path, "%s/conf", self->live->dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file,
            "listener 0 %s/socket\nallow_anonymous true\nmax_topic_alias 10\nuser root\n"
            "max_inflight_messages 0\nmax_queued_messages 0\n",
            self->live->dir);
    if (persistent)
        fprintf(file, "persistence true\npersistence_location %s/\n", self->live->dir);
    assert_int_equal(fclose(file), 0);
    self->pid = fork();
    assert_true(self->pid >= 0);
    if (self->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); // also when the test fails
        int null = open("/dev/null", O_WRONLY);
        (void)dup2(null, 1);
        (void)dup2(null, 2);
        execl("/usr/sbin/mosquitto", "mosquitto", "-c", path, (char *)NULL);
        _exit(127);
    }
}

static void broker_stop(broker *self, int how)
{
    int status;
    assert_int_equal(kill(self->pid, how), 0);
    assert_int_equal(waitpid(self->pid, &status, 0), self->pid);
}

static void broker_begin(broker *self, testbed *live, bool persistent)
{
    live_start(live);
    snprintf(live->dir, sizeof live->dir, "/tmp/mqwire-XXXXXX");
    assert_non_null(mkdtemp(live->dir));
    self->live = live;
    snprintf(self->address, sizeof self->address, "unix:%s/socket", live->dir);
    broker_start(self, persistent);
}

static void broker_end(broker *self)
{
    static const char *const names[] = {"conf", "socket", "mosquitto.db"};
    char path[128];
    broker_stop(self, SIGKILL);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", self->live->dir, names[i]);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(self->live->dir), 0);
}

// ---- the program ----

typedef struct program {
    mqw_client *client;
    int opened, present, lost, closed, over, bad, granted;
    int heard[3][ROUNDS]; // by QoS and number
    int last[3];
    bool in_order;
} program;

static void on_open(mqw_client *client, const mqw_connack *connack, void *ctx)
{
    program *self = ctx;
    (void)client;
    self->opened++;
    self->present += connack->session_present;
}

static void on_lost(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    (void)client;
    (void)failure;
    ((program *)ctx)->lost++;
}

static void on_close(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    (void)client;
    assert_null(failure);
    ((program *)ctx)->closed++;
}

static void on_message(mqw_client *client, const mqw_publish *publish, mqw_token token, void *ctx)
{
    program *self = ctx;
    char text[16];
    (void)client;
    assert_true(token == 0);
    snprintf(text, sizeof text, "%.*s", (int)publish->payload.len, (const char *)publish->payload.data);
    int number = atoi(text);
    assert_in_range(number, 0, ROUNDS - 1);
    self->in_order = self->in_order && number >= self->last[publish->qos];
    self->last[publish->qos] = number;
    self->heard[publish->qos][number]++;
}

static void on_done(mqw_client *client, int result, const mqw_packet *answer, void *ctx)
{
    program *self = ctx;
    (void)client;
    (void)answer;
    self->over++;
    self->bad += result < 0 || result >= 0x80;
}

static void on_granted(mqw_client *client, int result, const mqw_packet *answer, void *ctx)
{
    (void)client;
    (void)answer;
    ((program *)ctx)->granted += result == 2;
}

static void starts(program *self, broker *at, uint8_t version)
{
    mqw_connect connect = {.client_id = MQW_TEXT("live"), .version = version, .keep_alive = 30};
    if (version == MQW_5_0)
        mqw_set(&connect.props, session_expiry, 1000);
    const mqw_client_options options = {.size = sizeof options,
                                        .address = at->address,
                                        .connect = &connect,
                                        .retry_min = 1,
                                        .retry_max = 20,
                                        .ctx = self,
                                        .handlers = {.size = sizeof options.handlers,
                                                     .on_open = on_open,
                                                     .on_message = on_message,
                                                     .on_lost = on_lost,
                                                     .on_close = on_close}};
    const mqw_filter filter = {.filter = MQW_TEXT("topic/+"), .qos = 2};
    memset(self, 0, sizeof *self);
    self->in_order = true;
    assert_int_equal(mqw_client_open(&self->client, &at->live->loop, &options), 0);
    assert_int_equal(mqw_client_subscribe(self->client, &filter, 1, NULL, on_granted, self), 0);
    live_until(at->live, self->granted == 1);
}

static void publishes(program *self, int number, uint8_t qos)
{
    char text[16];
    int len = snprintf(text, sizeof text, "%d", number);
    const mqw_publish publish = {
        .topic = MQW_TEXT("topic/of"), .payload = {(const uint8_t *)text, (size_t)len}, .qos = qos};
    assert_int_equal(mqw_client_publish(self->client, &publish, on_done, self), 0);
}

static int heard(const program *self, int qos)
{
    int count = 0;
    for (int i = 0; i < ROUNDS; i++)
        count += self->heard[qos][i] > 0;
    return count;
}

static void goes(program *self, broker *at)
{
    mqw_client_close(self->client, NULL);
    live_until(at->live, self->closed == 1);
    live_end(at->live);
    broker_end(at);
}

// ---- tests ----

static void there_and_back(void **state)
{
    (void)state;
    if (!is_there())
        skip();
    for (uint8_t version = 3; version <= 5; version++) {
        testbed live;
        broker at;
        program self;
        broker_begin(&at, &live, false);
        starts(&self, &at, version);
        for (int i = 0; i < ROUNDS; i++)
            for (uint8_t qos = 0; qos < 3; qos++)
                publishes(&self, i, qos);
        live_until(&live, self.over == 3 * ROUNDS);
        for (int qos = 0; qos < 3; qos++)
            live_until(&live, heard(&self, qos) == ROUNDS);
        assert_int_equal(self.bad, 0);
        assert_int_equal(self.opened, 1);
        assert_true(self.in_order);
        for (int i = 0; i < ROUNDS; i++)
            for (int qos = 0; qos < 3; qos++)
                assert_int_equal(self.heard[qos][i], 1);
        goes(&self, &at);
    }
}

// It goes in order and comes back with its sessions: QoS 2 once, QoS 1 at least once.
static void a_broker_that_comes_back(void **state)
{
    (void)state;
    if (!is_there())
        skip();
    for (uint8_t version = 4; version <= 5; version++) {
        testbed live;
        broker at;
        program self;
        broker_begin(&at, &live, true);
        starts(&self, &at, version);
        for (int i = 0; i < ROUNDS; i++) {
            publishes(&self, i, 1);
            publishes(&self, i, 2);
            if (i == ROUNDS / 2) {
                live_until(&live, self.over > ROUNDS / 4);
                broker_stop(&at, SIGTERM);
                broker_start(&at, true);
            }
        }
        live_until(&live, self.over == 2 * ROUNDS);
        live_until(&live, heard(&self, 1) == ROUNDS && heard(&self, 2) == ROUNDS);
        assert_int_equal(self.bad, 0);
        assert_int_equal(self.opened, 2);
        assert_int_equal(self.present, 1);
        for (int i = 0; i < ROUNDS; i++)
            assert_int_equal(self.heard[2][i], 1);
        goes(&self, &at);
    }
}

// It is killed and has forgotten everything: subscriptions are restored, what was promised is sent again.
static void a_broker_that_has_forgotten(void **state)
{
    (void)state;
    if (!is_there())
        skip();
    testbed live;
    broker at;
    program self;
    broker_begin(&at, &live, false);
    starts(&self, &at, 0);
    broker_stop(&at, SIGKILL);
    for (int i = 0; i < ROUNDS; i++)
        publishes(&self, i, 1);
    broker_start(&at, false);
    live_until(&live, self.over == ROUNDS);
    live_until(&live, heard(&self, 1) == ROUNDS);
    assert_int_equal(self.bad, 0);
    assert_int_equal(self.present, 0);
    goes(&self, &at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(a_broker_that_comes_back),
        cmocka_unit_test(a_broker_that_has_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
