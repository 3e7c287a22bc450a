// SPDX-License-Identifier: MIT
// Enhanced authentication (section 4.12): a client with SCRAM-SHA-256 against servers that know it, break it,
// or leave it.
#include "live/scripted.h"

#include <mqwire/client.h>

typedef struct scene {
    testbed live;
    scripted server;
    mqw_client *client;
    mqw_auth ours, theirs;
    mqw_client_options options;
    mqw_connect connect;
    int opens, closes, losses, again, again_result;
    int result; // of the last failure
    uint8_t reason;
    int64_t retry_in;
    char words[160];
    // what the server does amiss
    bool wrong_proof, no_proof, in_auth, wrong_later, silent_later;
    int goodbye; // reason of the client's DISCONNECT; -1: none
    int steps;
} scene;

static mqw_scram_secret secret;

static int find(mqw_text user, mqw_scram_secret *out, void *ctx)
{
    (void)ctx;
    *out = secret;
    return user.len == 4 && memcmp(user.data, "user", 4) == 0 ? 0 : -1;
}

// --- the server ---

static void set_method(mqw_props *props, mqw_bytes data)
{
    mqw_set(props, auth_method, MQW_TEXT("SCRAM-SHA-256"));
    if (data.len)
        mqw_set(props, auth_data, data);
}

static void refuse(mqw_conn *conn, bool again)
{
    if (again)
        mqw_conn_disconnect(conn, &(mqw_disconnect){.reason = MQW_REASON_NOT_AUTHORIZED});
    else
        mqw_conn_connack(conn, &(mqw_connack){.reason = MQW_REASON_NOT_AUTHORIZED}); // MQTT-4.12.0-4
    mqw_conn_close(conn);
}

static void go_on(mqw_conn *conn, uint8_t reason, mqw_bytes data)
{
    mqw_disconnect auth = {.reason = reason};
    set_method(&auth.props, data);
    mqw_conn_auth(conn, &auth);
}

static void accept_it(const scene *on, mqw_conn *conn, mqw_bytes data, bool again)
{
    uint8_t wrong[64];
    memcpy(wrong, data.data, data.len);
    if (again ? on->wrong_later : on->wrong_proof)
        wrong[data.len - 2] ^= 1;
    data.data = wrong;
    if (on->no_proof)
        data.len = 0;
    if (again) {
        go_on(conn, MQW_REASON_SUCCESS, data);
        return;
    }
    mqw_connack connack = {.reason = 0};
    set_method(&connack.props, data);
    mqw_set(&connack.props, assigned_client_id, MQW_TEXT("somebody"));
    mqw_conn_connack(conn, &connack);
}

static void step_of_server(scene *on, mqw_conn *conn, const mqw_props *props, bool again)
{
    mqw_bytes out;
    int rc = on->theirs.step(on->theirs.self, mqw_value(props, auth_data), &out);
    on->steps++;
    if (rc < 0)
        refuse(conn, again);
    else if (rc == 1)
        go_on(conn, MQW_REASON_CONTINUE_AUTHENTICATION, out); // MQTT-4.12.0-2
    else if (on->in_auth && !again)
        go_on(conn, MQW_REASON_CONTINUE_AUTHENTICATION, out);
    else
        accept_it(on, conn, out, again);
}

static bool asks_for_proof(scripted *server, mqw_conn *conn, const mqw_packet *packet)
{
    scene *on = server->more;
    static bool again;
    if (packet->type == MQW_DISCONNECT)
        on->goodbye = packet->disconnect.reason;
    if (packet->type == MQW_CONNECT) {
        again = false;
        on->theirs.reset(on->theirs.self);
        assert_true(mqw_has(&packet->connect.props, auth_method));
        step_of_server(on, conn, &packet->connect.props, false);
        return true;
    }
    if (packet->type != MQW_AUTH)
        return false;
    if (packet->auth.reason == MQW_REASON_REAUTHENTICATE) { // MQTT-4.12.1-1
        again = true;
        on->theirs.reset(on->theirs.self);
        if (on->silent_later)
            return true;
    } else {
        assert_int_equal(packet->auth.reason, MQW_REASON_CONTINUE_AUTHENTICATION); // MQTT-4.12.0-3
    }
    if (on->in_auth && !again && mqw_value(&packet->auth.props, auth_data).len == 0)
        accept_it(on, conn, (mqw_bytes){(const uint8_t *)"", 0}, false);
    else
        step_of_server(on, conn, &packet->auth.props, again);
    return true;
}

// --- the client ---

static void on_open(mqw_client *client, const mqw_connack *connack, void *ctx)
{
    (void)client, (void)connack;
    ((scene *)ctx)->opens++;
}

static void on_lost(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    scene *on = ctx;
    (void)client;
    on->losses++;
    on->result = failure->result;
    on->reason = failure->reason;
    on->retry_in = failure->retry_in;
    snprintf(on->words, sizeof on->words, "%s", failure->words);
}

static void on_close(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    scene *on = ctx;
    (void)client, (void)failure;
    on->closes++;
    on->client = NULL;
}

static void on_again(mqw_client *client, int result, const mqw_packet *answer, void *ctx)
{
    scene *on = ctx;
    (void)client, (void)answer;
    on->again++;
    on->again_result = result;
}

static int begin(scene *on, const char *password)
{
    live_start(&on->live);
    on->goodbye = -1;
    on->server.more = on;
    if (!on->server.act)
        on->server.act = asks_for_proof;
    scripted_listen(&on->server, &on->live.loop);
    assert_int_equal(mqw_scram_client(&on->ours, MQW_TEXT("user"), (mqw_text){password, strlen(password)}),
                     0);
    assert_int_equal(mqw_scram_server(&on->theirs, find, NULL, (mqw_bytes){NULL, 0}), 0);
    on->options.address = on->server.address;
    on->options.auth = &on->ours;
    on->options.retry_min = on->options.retry_max = 1;
    on->options.ctx = on;
    on->options.handlers =
        (mqw_client_handlers){.on_open = on_open, .on_lost = on_lost, .on_close = on_close};
    return mqw_client_open(&on->client, &on->live.loop, &on->options);
}

static void end(scene *on)
{
    if (on->client)
        mqw_client_close(on->client, NULL);
    live_until(&on->live, on->closes == 1);
    scripted_end(&on->server);
    live_end(&on->live);
    mqw_auth_free(&on->ours);
    mqw_auth_free(&on->theirs);
}

static int make_secret(void **state)
{
    (void)state;
    return mqw_scram_secret_make(&secret, MQW_TEXT("pencil"), 0);
}

// MQTT-4.12.0-1, -2, -3, -5: method and data in CONNECT, AUTH and CONNACK.
static void both_ends_prove_themselves(void **state)
{
    scene on = {.opens = 0};
    (void)state;
    assert_int_equal(begin(&on, "pencil"), 0);
    live_until(&on.live, on.opens == 1);
    assert_int_equal(on.steps, 2);
    assert_int_equal(mqw_scram_user(&on.theirs).len, 4);
    // … on each connection
    mqw_client_reconnect(on.client);
    live_until(&on.live, on.opens == 2);
    assert_int_equal(on.steps, 4);
    end(&on);
    assert_int_equal(on.goodbye, 0);
}

// The server may say its last word in an AUTH, too.
static void the_last_word_may_come_in_an_auth(void **state)
{
    scene on = {.in_auth = true};
    (void)state;
    assert_int_equal(begin(&on, "pencil"), 0);
    live_until(&on.live, on.opens == 1);
    end(&on);
}

static void a_wrong_password_is_refused(void **state)
{
    scene on = {.opens = 0};
    (void)state;
    assert_int_equal(begin(&on, "pen"), 0);
    live_until(&on.live, on.closes);
    assert_int_equal(on.reason, MQW_REASON_NOT_AUTHORIZED);
    assert_true(on.retry_in < 0); // it would be the same
    assert_int_equal(on.opens, 0);
    end(&on);
}

// It let us in, but does not know the password: whoever it is, it is told nothing.
static void an_impostor_is_found_out(void **state)
{
    (void)state;
    for (int missing = 0; missing < 2; missing++) {
        scene on = {.wrong_proof = !missing, .no_proof = missing};
        assert_int_equal(begin(&on, "pencil"), 0);
        assert_int_equal(
            mqw_client_publish(on.client, &(mqw_publish){.topic = MQW_TEXT("private")}, NULL, NULL), 0);
        live_until(&on.live, on.closes);
        assert_int_equal(on.opens, 0);
        assert_true(on.retry_in < 0);
        assert_string_equal(on.words, "the server did not prove who it is");
        live_until(&on.live, on.goodbye >= 0);
        assert_int_equal(on.goodbye, MQW_REASON_UNSPECIFIED_ERROR);
        assert_int_equal(on.server.heard[MQW_PUBLISH], 0);
        end(&on);
    }
}

// MQTT-4.12.0-6: one that knows no method ignores it, which is no proof.
static bool knows_no_method(scripted *server, mqw_conn *conn, const mqw_packet *packet)
{
    (void)server;
    if (packet->type != MQW_CONNECT)
        return false;
    mqw_connack connack = {.reason = 0};
    mqw_set(&connack.props, assigned_client_id, MQW_TEXT("somebody"));
    uint8_t room[64];
    mqw_packet answer = {.type = MQW_CONNACK, .connack = connack};
    int len = mqw_encode(&(mqw_codec){MQW_5_0, MQW_SERVER, NULL}, &answer, room, sizeof room, NULL);
    assert_true(len > 0);
    mqw_conn_send_raw(conn, (mqw_bytes){room, (size_t)len});
    return true;
}

static void a_server_without_methods_is_refused(void **state)
{
    scene on = {.server.act = knows_no_method};
    (void)state;
    on.options.max_attempts = 1;
    assert_int_equal(begin(&on, "pencil"), 0);
    live_until(&on.live, on.closes);
    assert_int_equal(on.opens, 0);
    end(&on);
}

static bool does_not_know_5(scripted *server, mqw_conn *conn, const mqw_packet *packet)
{
    static const uint8_t unacceptable[] = {0x20, 2, 0, 1};
    (void)server;
    if (packet->type == MQW_CONNECT)
        mqw_conn_send_raw(conn, (mqw_bytes){unacceptable, sizeof unacceptable});
    return true;
}

// Who says that 5.0 is unknown does not get round authentication.
static void there_is_no_falling_back(void **state)
{
    scene on = {.server.act = does_not_know_5};
    (void)state;
    assert_int_equal(begin(&on, "pencil"), 0);
    live_until(&on.live, on.closes);
    assert_int_equal(on.server.heard[MQW_CONNECT], 1);
    assert_true(on.retry_in < 0);
    end(&on);
}

static void an_older_version_is_misuse(void **state)
{
    scene on = {.opens = 0};
    (void)state;
    on.connect.version = MQW_3_1_1;
    on.connect.clean_start = true;
    on.options.connect = &on.connect;
    assert_int_equal(begin(&on, "pencil"), MQW_E_MISUSE);
    on.closes = 1;
    end(&on);
}

// --- again ---

static void it_can_be_done_again(void **state)
{
    scene on = {.opens = 0};
    (void)state;
    assert_int_equal(begin(&on, "pencil"), 0);
    assert_int_equal(mqw_client_reauthenticate(on.client, on_again, &on), MQW_E_REFUSED); // not connected
    live_until(&on.live, on.opens == 1);
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(mqw_client_reauthenticate(on.client, on_again, &on), 0);
        assert_int_equal(mqw_client_reauthenticate(on.client, on_again, &on), MQW_E_REFUSED); // one at a time
        live_until(&on.live, on.again == i);
        assert_int_equal(on.again_result, 0);
        assert_int_equal(on.steps, 2 + 2 * i);
    }
    assert_int_equal(on.losses, 0);
    end(&on);
}

// MQTT-4.12.1-2: what fails later ends the connection.
static void an_impostor_is_found_out_later(void **state)
{
    scene on = {.wrong_later = true};
    (void)state;
    assert_int_equal(begin(&on, "pencil"), 0);
    live_until(&on.live, on.opens == 1);
    assert_int_equal(mqw_client_reauthenticate(on.client, on_again, &on), 0);
    live_until(&on.live, on.again == 1 && on.closes);
    assert_int_equal(on.again_result, MQW_E_PROTOCOL);
    assert_true(on.retry_in < 0);
    live_until(&on.live, on.goodbye == MQW_REASON_UNSPECIFIED_ERROR);
    end(&on);
}

static void a_server_may_refuse_it_later(void **state)
{
    scene on = {.opens = 0};
    mqw_scram_secret kept = secret;
    (void)state;
    assert_int_equal(begin(&on, "pencil"), 0);
    live_until(&on.live, on.opens == 1);
    secret.stored_key[0] ^= 1; // the password was changed
    assert_int_equal(mqw_client_reauthenticate(on.client, on_again, &on), 0);
    live_until(&on.live, on.again == 1 && on.closes);
    assert_int_equal(on.again_result, MQW_E_CLOSED);
    assert_int_equal(on.reason, MQW_REASON_NOT_AUTHORIZED);
    end(&on);
    secret = kept;
}

static void a_server_may_not_answer_it(void **state)
{
    scene on = {.silent_later = true};
    (void)state;
    on.options.request_timeout = 20;
    assert_int_equal(begin(&on, "pencil"), 0);
    live_until(&on.live, on.opens == 1);
    assert_int_equal(mqw_client_reauthenticate(on.client, on_again, &on), 0);
    live_until(&on.live, on.again == 1);
    assert_int_equal(on.again_result, MQW_E_TIMEOUT);
    live_until(&on.live, on.opens == 2); // begins anew
    // closing in the middle of it
    assert_int_equal(mqw_client_reauthenticate(on.client, on_again, &on), 0);
    mqw_client_close(on.client, &(mqw_client_goodbye){.now = true});
    live_until(&on.live, on.closes);
    assert_int_equal(on.again, 2);
    assert_int_equal(on.again_result, MQW_E_CLOSED);
    end(&on);
}

static void say_auth(scripted *server, uint8_t reason)
{
    go_on(server->conn, reason, (mqw_bytes){(const uint8_t *)"x", 1});
}

// Only a client begins.
static void a_server_may_not_begin(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        scene on = {.opens = 0};
        assert_int_equal(begin(&on, "pencil"), 0);
        live_until(&on.live, on.opens == 1);
        say_auth(&on.server, i ? MQW_REASON_SUCCESS : MQW_REASON_CONTINUE_AUTHENTICATION);
        live_until(&on.live, on.losses == 1);
        live_until(&on.live, on.goodbye >= 0);
        assert_int_equal(on.goodbye, MQW_REASON_PROTOCOL_ERROR);
        end(&on);
    }
}

static void misuse(void **state)
{
    scene on = {.opens = 0};
    (void)state;
    assert_int_equal(mqw_client_reauthenticate(NULL, NULL, NULL), MQW_E_MISUSE);
    assert_int_equal(begin(&on, "pencil"), 0);
    mqw_client_close(on.client, NULL);
    assert_int_equal(mqw_client_reauthenticate(on.client, NULL, NULL), MQW_E_CLOSED);
    end(&on);
}

// --- a method that breaks off ---

static int fails_at_once(void *self, mqw_bytes in, mqw_bytes *out)
{
    (void)self, (void)in, (void)out;
    return MQW_E_REFUSED;
}

static void a_method_may_fail_by_itself(void **state)
{
    scene on = {.opens = 0};
    mqw_auth broken = {.method = "broken", .step = fails_at_once};
    (void)state;
    on.options.auth = &broken;
    live_start(&on.live);
    scripted_listen(&on.server, &on.live.loop);
    on.options.address = on.server.address;
    on.options.ctx = &on;
    on.options.handlers = (mqw_client_handlers){.on_open = on_open, .on_lost = on_lost, .on_close = on_close};
    assert_int_equal(mqw_client_open(&on.client, &on.live.loop, &on.options), 0);
    live_until(&on.live, on.closes);
    assert_int_equal(on.server.heard[MQW_CONNECT], 0);
    assert_true(on.retry_in < 0);
    end(&on);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ends_prove_themselves),
        cmocka_unit_test(the_last_word_may_come_in_an_auth),
        cmocka_unit_test(a_wrong_password_is_refused),
        cmocka_unit_test(an_impostor_is_found_out),
        cmocka_unit_test(a_server_without_methods_is_refused),
        cmocka_unit_test(there_is_no_falling_back),
        cmocka_unit_test(an_older_version_is_misuse),
        cmocka_unit_test(it_can_be_done_again),
        cmocka_unit_test(an_impostor_is_found_out_later),
        cmocka_unit_test(a_server_may_refuse_it_later),
        cmocka_unit_test(a_server_may_not_answer_it),
        cmocka_unit_test(a_server_may_not_begin),
        cmocka_unit_test(misuse),
        cmocka_unit_test(a_method_may_fail_by_itself),
    };
    return cmocka_run_group_tests(tests, make_secret, NULL);
}
