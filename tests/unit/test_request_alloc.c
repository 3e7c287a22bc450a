// SPDX-License-Identifier: MIT
// Requests and authentication while each allocation, and each random number, fails: every request that was
// accepted ends once, nothing leaks, nothing hangs.
#include <mqwire/client.h>

#include "client/chance.h"
#include "unit/client_world.h"

static int accepted, over, answered;
static unsigned chances, chance_fails; // which of them; 0: none

bool mqw__chance(void *out, size_t len)
{
    static uint8_t number;
    if (++chances == chance_fails)
        return false;
    memset(out, ++number, len);
    return true;
}

static mqw_scram_secret secret;

static int find(mqw_text user, mqw_scram_secret *out, void *ctx)
{
    (void)user, (void)ctx;
    *out = secret;
    return 0;
}

// --- the server: proves itself and answers ---

static mqw_auth theirs;

static void prove(mqw_conn *conn, const mqw_props *said, bool again)
{
    mqw_bytes out = {NULL, 0};
    int rc = theirs.step(theirs.self, mqw_value(said, auth_data), &out);
    mqw_connack connack = {.reason = rc < 0 ? MQW_REASON_NOT_AUTHORIZED : 0};
    mqw_disconnect auth = {.reason = rc == 1 ? MQW_REASON_CONTINUE_AUTHENTICATION : 0};
    mqw_props *props = rc == 1 || again ? &auth.props : &connack.props;
    if (rc >= 0) {
        mqw_set(props, auth_method, MQW_TEXT("SCRAM-SHA-256"));
        if (out.len)
            mqw_set(props, auth_data, out);
    }
    if (rc == 1 || (again && rc == 0))
        (void)mqw_conn_auth(conn, &auth);
    else if (!again)
        (void)mqw_conn_connack(conn, &connack);
}

static bool serve(mqw_conn *conn, const mqw_packet *packet)
{
    static bool again;
    static const uint8_t granted[1] = {2};
    mqw_suback suback = {.packet_id = packet->subscribe.packet_id, .reasons = {granted, 1}};
    const mqw_props *props = &packet->publish.props;
    bool begins = packet->type == MQW_CONNECT ||
                  (packet->type == MQW_AUTH && packet->auth.reason == MQW_REASON_REAUTHENTICATE);
    if (begins) {
        again = packet->type == MQW_AUTH;
        theirs.reset(theirs.self);
    }
    if (packet->type == MQW_CONNECT)
        prove(conn, &packet->connect.props, false);
    else if (packet->type == MQW_AUTH)
        prove(conn, &packet->auth.props, again);
    else if (packet->type == MQW_SUBSCRIBE)
        (void)mqw_conn_suback(conn, &suback);
    else if (packet->type == MQW_PUBLISH && packet->publish.qos == 1)
        (void)mqw_conn_puback(conn, &(mqw_ack){.packet_id = packet->publish.packet_id});
    if (packet->type == MQW_PUBLISH) {
        mqw_publish answer = {.topic = props->response_topic};
        mqw_set(&answer.props, correlation_data, props->correlation_data);
        (void)mqw_conn_publish(conn, &answer);
    }
    return true;
}

// --- the program ---

static void on_response(mqw_client *client, int result, const mqw_publish *response, void *ctx)
{
    (void)client, (void)ctx;
    over++;
    answered += response != NULL;
    assert_true((result == 0) == (response != NULL));
}

static void ask(uint8_t qos)
{
    mqw_publish request = {.topic = MQW_TEXT("service"), .payload = bytes_of("question"), .qos = qos};
    int result = mqw_client_request(w.client, &request, 5000, on_response, NULL);
    assert_true(result == 0 || result == MQW_E_NO_MEMORY);
    accepted += result == 0;
}

static void on_again(mqw_client *client, int result, const mqw_packet *answer, void *ctx)
{
    (void)client, (void)result, (void)answer, (void)ctx;
    over++;
}

static void talk(void)
{
    ask(0);
    ask(1);
    passes(100);
    for (int i = 0; i < 20; i++) // the table grows
        ask((uint8_t)(i % 2));
    int result = w.gone ? MQW_E_CLOSED : mqw_client_reauthenticate(w.client, on_again, NULL);
    accepted += result == 0;
    passes(100);
    if (w.opened > 0 && !present()->dead && !present()->closing)
        cut();
    ask(1);
    passes(10000);
}

static void run(unsigned fail_at, bool fail_on, unsigned chance_at)
{
    mqw_client_options options = usual();
    mqw_auth ours;
    memory = (heap){.fail_at = 0};
    chances = chance_fails = 0;
    assert_int_equal(mqw_scram_client(&ours, MQW_TEXT("user"), MQW_TEXT("pencil")), 0);
    assert_int_equal(mqw_scram_server(&theirs, find, NULL, (mqw_bytes){(const uint8_t *)"key", 3}), 0);
    options.auth = &ours;
    options.handlers.on_message = NULL;
    options.stubborn = true;
    accepted = over = answered = 0;
    memory = (heap){.fail_at = fail_at, .fail_on = fail_on};
    chance_fails = chance_at;
    int result = start_quietly(&options);
    w.quiet = true;
    w.answer = serve;
    if (result == 0) {
        settle();
        talk();
        memory.fail_on = false; // there is memory again: everything goes on
        passes(60000);
        finish();
    }
    assert_int_equal(over, accepted);
    mqw_auth_free(&ours);
    mqw_auth_free(&theirs);
}

static unsigned all_allocations(void)
{
    run(0, false, 0);
    assert_int_equal(answered, 23);
    assert_int_equal(accepted, 24);
    return memory.allocations;
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    unsigned all = all_allocations();
    assert_in_range(all, 60, 2000);
    for (unsigned at = 1; at <= all; at++)
        run(at, false, 0);
    for (unsigned at = 1; at <= all; at++)
        run(at, true, 0);
}

static void each_random_number_may_fail(void **state)
{
    (void)state;
    (void)all_allocations();
    unsigned all = chances;
    assert_in_range(all, 20, 200);
    for (unsigned at = 1; at <= all; at++)
        run(0, false, at);
}

static int make_secret(void **state)
{
    (void)state;
    return mqw_scram_secret_make(&secret, MQW_TEXT("pencil"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_may_fail),
        cmocka_unit_test(each_random_number_may_fail),
    };
    return cmocka_run_group_tests(tests, make_secret, NULL);
}
