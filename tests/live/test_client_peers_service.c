// SPDX-License-Identifier: MIT
// Request and response with npm's mqtt client, both ways, through mosquitto (section 4.10).
#include <mqwire/client.h>

#include "brokers.h"

typedef struct program {
    mqw_client *client;
    const broker *at;
    pid_t node;
    int answers, asked, opened, closed;
} program;

static void start_node(program *self)
{
    self->node = fork();
    assert_true(self->node >= 0);
    if (self->node > 0)
        return;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    execl("/usr/bin/node", "node", "tests/live/peer_client_service.mjs", node_dir(), self->at->path,
          (char *)NULL);
    _exit(127);
}

static void on_open(mqw_client *client, const mqw_connack *connack, void *ctx)
{
    (void)client, (void)connack;
    ((program *)ctx)->opened++;
}

static void on_close(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    (void)client, (void)failure;
    ((program *)ctx)->closed++;
}

static void on_granted(mqw_client *client, int result, const mqw_packet *answer, void *ctx)
{
    (void)client, (void)answer;
    assert_int_equal(result, 1);
    start_node(ctx);
}

static bool reads(mqw_bytes bytes, const char *text)
{
    return bytes.len == strlen(text) && memcmp(bytes.data, text, bytes.len) == 0;
}

static void on_response(mqw_client *client, int result, const mqw_publish *response, void *ctx)
{
    (void)client;
    assert_int_equal(result, 0);
    assert_true(reads(response->payload, "npm has 43"));
    assert_true(mqw_has(&response->props, user));
    ((program *)ctx)->answers++;
}

// npm is there and asks: so it can be asked.
static void on_request(mqw_client *client, const mqw_publish *request, mqw_token token, void *ctx)
{
    const mqw_publish ours = {
        .topic = MQW_TEXT("service/npm"), .payload = {(const uint8_t *)"43", 2}, .qos = 1};
    const mqw_publish answer = {.payload = {(const uint8_t *)"we have 42", 10}, .qos = 2};
    (void)token;
    ((program *)ctx)->asked++;
    assert_true(reads(request->payload, "42"));
    assert_int_equal(mqw_client_respond(client, request, &answer, NULL, NULL), 0);
    assert_int_equal(mqw_client_request(client, &ours, 10000, on_response, ctx), 0);
}

static void both_ask_and_answer(void **state)
{
    (void)state;
    char module[256];
    snprintf(module, sizeof module, "%s/node_modules/mqtt", node_dir());
    if (!mosquitto_is_there() || access(module, R_OK) != 0)
        without("mosquitto, or npm's mqtt");
    broker at = {.pid = 0};
    program self = {.at = &at};
    testbed live;
    char address[96];
    int status;
    const mqw_filter filter = {.filter = MQW_TEXT("service/ours"), .qos = 1};
    broker_start(&at, false);
    live_start(&live);
    uv_timer_start(&live.limit, live_over, 30000, 0); // node takes its time
    snprintf(address, sizeof address, "unix:%s", at.path);
    const mqw_client_options options = {
        .size = sizeof options,
        .address = address,
        .retry_min = 1,
        .retry_max = 20,
        .ctx = &self,
        .handlers = {.size = sizeof options.handlers, .on_open = on_open, .on_close = on_close}};
    assert_int_equal(mqw_client_open(&self.client, &live.loop, &options), 0);
    assert_int_equal(mqw_client_route(self.client, "service/ours", on_request, &self), 0);
    assert_int_equal(mqw_client_subscribe(self.client, &filter, 1, NULL, on_granted, &self), 0);
    live_until(&live, self.answers > 0);
    live_until(&live, waitpid(self.node, &status, WNOHANG) == self.node); // our answer is still on its way
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(self.asked, 1);
    assert_int_equal(self.answers, 1);
    mqw_client_close(self.client, NULL);
    live_end(&live);
    broker_end(&at);
    assert_int_equal(self.closed, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(both_ask_and_answer)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
