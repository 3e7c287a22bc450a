// SPDX-License-Identifier: MIT
// Connecting: CONNECT and what CONNACK changes in it, versions, failures and what follows them, keep alive,
// and the end at every moment.
#include <mqwire/client.h>

#include "unit/client_world.h"

// ---- CONNECT ----

static void without_options(void **state)
{
    (void)state;
    start(NULL);
    hears("CONNECT version=5 client_id=\"\" keep_alive=60 clean_start" ADDED);
    server_says("CONNACK reason=0x00 assigned_client_id=\"made\"");
    mqw_client_facts facts = {.size = sizeof facts};
    assert_int_equal(mqw_client_facts_of(w.client, &facts), 0);
    assert_true(facts.open);
    assert_int_equal(facts.version, 5);
    assert_int_equal(facts.client_id.len, 4);
    assert_int_equal(facts.connections, 1);
    finish();
}

// v5:MQTT-3.2.2-16 asks for it; with session expiry 0 there is nothing to go on with.
static void the_assigned_identifier_is_used_again(void **state)
{
    (void)state;
    start(NULL);
    server_says("CONNACK reason=0x00 assigned_client_id=\"made\"");
    heard[0] = '\0';
    cut();
    passes(2000);
    hears("CONNECT version=5 client_id=\"made\" keep_alive=60 clean_start" ADDED);
    finish();
}

static void the_session_is_resumed(void **state)
{
    (void)state;
    open_usual();
    cut();
    heard[0] = '\0';
    passes(2000);
    hears("CONNECT version=5 client_id=\"c\" session_expiry=1000" ADDED);
    server_says("CONNACK session_present session_expiry=0"); // it will not outlive this connection
    cut();
    heard[0] = '\0';
    passes(2000);
    hears("CONNECT version=5 client_id=\"c\" clean_start session_expiry=1000" ADDED);
    finish();
}

static void change_password(mqw_client *client, mqw_connect *connect, void *ctx)
{
    static char password[32];
    static int number;
    (void)client;
    (void)ctx;
    snprintf(password, sizeof password, "secret %d", ++number);
    connect->has_username = connect->has_password = true;
    connect->username = MQW_TEXT("u");
    connect->password = bytes_of(password);
}

static void connect_may_be_changed_each_time(void **state)
{
    (void)state;
    mqw_client_options options = usual();
    options.handlers.on_connect = change_password;
    start(&options);
    hears(
        "CONNECT version=5 client_id=\"c\" clean_start username=\"u\" password=\"secret 1\" session_expiry=1000" ADDED);
    cut();
    passes(2000);
    hears(
        "- lost -14 0x00 connection reset by peer; 1 at localhost, again in 818\n"
        "CONNECT version=5 client_id=\"c\" clean_start username=\"u\" password=\"secret 2\" session_expiry=1000" ADDED);
    finish();
}

static void user_and_password_of_the_address(void **state)
{
    (void)state;
    mqw_client_options options = usual();
    options.address = "mqtt://me:pass%20word@host:1234";
    start(&options);
    assert_string_equal(w.addresses[0], "mqtt://host:1234");
    hears(
        "CONNECT version=5 client_id=\"c\" clean_start username=\"me\" password=\"pass word\" session_expiry=1000" ADDED);
    finish();
}

static void what_cannot_be_said_is_misuse(void **state)
{
    (void)state;
    mqw_client_options options = usual();
    mqw_connect bad = {.client_id = MQW_TEXT("c"), .has_will = true, .will = {.topic = MQW_TEXT("a/#")}};
    options.connect = &bad;
    assert_int_equal(start_quietly(&options), MQW_E_MISUSE);
    bad = (mqw_connect){.version = 4}; // no identifier and no clean session
    assert_int_equal(start_quietly(&options), MQW_E_MISUSE);
    bad = (mqw_connect){.version = 3};
    assert_int_equal(start_quietly(&options), MQW_E_MISUSE);
    bad = (mqw_connect){.version = 6, .client_id = MQW_TEXT("c")};
    assert_int_equal(start_quietly(&options), MQW_E_MISUSE);
    options = usual();
    options.address = "nonsense://host";
    assert_true(start_quietly(&options) < 0);
    options = usual();
    options.when_full = 3;
    assert_int_equal(start_quietly(&options), MQW_E_MISUSE);
}

// ---- versions ----

static const mqw_connect any_version = {.clean_start = true, .keep_alive = 10};

static mqw_client_options any(void)
{
    mqw_client_options options = usual();
    options.connect = &any_version;
    return options;
}

static void the_version_falls_back(void **state)
{
    (void)state;
    mqw_client_options options = any();
    start(&options);
    heard[0] = '\0';
    (void)mqw_conn_send_raw(server(), hex("20 02 00 01"));
    settle();
    hears("- lost 0 0x84 the server refused: unsupported protocol version; 1 at localhost, again in 0\n"
          "CONNECT version=4 client_id=\"\" keep_alive=10 clean_start");
    (void)mqw_conn_send_raw(server(), hex("20 02 00 01"));
    settle();
    hears("- lost 0 0x01 the server refused: unacceptable protocol version; 2 at localhost, again in 0\n"
          "CONNECT version=3 client_id=\"mqwire12345678\" keep_alive=10 clean_start");
    server_says("CONNACK reason=0x00");
    hears("- open");
    cut();
    heard[0] = '\0';
    passes(2000);
    hears("CONNECT version=3 client_id=\"mqwire12345678\" keep_alive=10 clean_start"); // remembered
    finish();
}

static void a_refused_login_is_no_matter_of_versions(void **state)
{
    (void)state;
    mqw_client_options options = any();
    start(&options);
    heard[0] = '\0';
    server_says("CONNACK reason=0x86 reason_string=\"who are you\"");
    hears(
        "- lost 0 0x86 the server refused: bad user name or password: who are you; 1 at localhost, again in -1\n"
        "- close: the server refused: bad user name or password: who are you");
    assert_true(w.gone);
}

static void a_version_can_be_fixed(void **state)
{
    (void)state;
    mqw_client_options options = usual();
    start(&options);
    heard[0] = '\0';
    server_says("CONNACK reason=0x84");
    hears("- lost 0 0x84 the server refused: unsupported protocol version; 1 at localhost, again in -1\n"
          "- close: the server refused: unsupported protocol version");
    assert_true(w.gone);
}

static void older_versions_leave_properties_out(void **state)
{
    (void)state;
    mqw_connect old = {
        .version = 4, .client_id = MQW_TEXT("c"), .has_will = true, .will = {.topic = MQW_TEXT("w")}};
    mqw_set(&old.props, session_expiry, 1000);
    mqw_set(&old.will.props, will_delay, 5);
    mqw_client_options options = usual();
    options.connect = &old;
    start(&options);
    hears("CONNECT version=4 client_id=\"c\" will.topic=\"w\" will.payload=\"\"");
    finish();
}

// ---- failures ----

static void it_tries_again(void **state)
{
    (void)state;
    mqw_client_options options = usual();
    options.max_attempts = 3;
    start(&options);
    heard[0] = '\0';
    cut();
    passes(1);
    w.refuse = 10;
    passes(60000);
    hears("- lost -14 0x00 connection reset by peer; 1 at localhost, again in 818\n"
          "- lost -14 0x00 stream failed; 2 at localhost, again in 1534\n"
          "- lost -14 0x00 stream failed; 3 at localhost, again in -1\n"
          "- close: stream failed");
    assert_true(w.gone);
}

// 3.1 gets one made up; before 5.0 a password brings a user name along.
static void older_versions_without_an_identifier(void **state)
{
    (void)state;
    static const char *const expected[] = {
        "CONNECT version=3 client_id=\"mqwire12345678\" clean_start username=\"\" password=\"pw\"",
        "CONNECT version=4 client_id=\"\" clean_start username=\"\" password=\"pw\""};
    for (uint8_t version = MQW_3_1; version < MQW_5_0; version++) {
        mqw_connect connect = {.version = version, .clean_start = true, .has_password = true};
        connect.password = bytes_of("pw");
        mqw_client_options options = usual();
        options.connect = &connect;
        start(&options);
        hears(expected[version - MQW_3_1]);
        w.refuse = 1;
        cut();
        reconnects();
        assert_non_null(strstr(heard, expected[version - MQW_3_1]));
        finish();
    }
}

static void run_at_last(mqw_client *client, void *ctx)
{
    (void)client;
    (void)ctx;
    note("- posted");
}

static void post_when_lost(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    on_lost(client, failure, ctx);
    note("- post %d", mqw_client_post(client, run_at_last, NULL));
}

// What was accepted before it gave up is run.
static void what_is_posted_before_the_end_is_run(void **state)
{
    (void)state;
    mqw_client_options options = usual();
    options.max_attempts = 1;
    options.handlers.on_lost = post_when_lost;
    assert_int_equal(start_quietly(&options), 0);
    w.refuse = 1;
    settle();
    hears("- lost -14 0x00 stream failed; 1 at localhost, again in -1\n"
          "- post 0\n"
          "- posted\n"
          "- close: stream failed");
    assert_true(w.gone);
}

static void no_connack_in_time(void **state)
{
    (void)state;
    mqw_client_options options = usual();
    options.connect_timeout = 700;
    options.max_attempts = 1;
    start(&options);
    heard[0] = '\0';
    passes(699);
    hears("");
    passes(1);
    hears(
        "- lost -11 0x00 peer was silent too long: no CONNECT, or no answer to it, in time [section 3.1.4]; 1 at localhost, again in -1\n"
        "DISCONNECT reason=0x80\n"
        "- close: peer was silent too long: no CONNECT, or no answer to it, in time [section 3.1.4]");
    assert_true(w.gone);
}

static void reasons_of_disconnect_are_told(void **state)
{
    (void)state;
    open_usual();
    server_says("DISCONNECT reason=0x8b reason_string=\"night\"");
    hears(
        "- lost 0 0x8b the server ended the connection: server shutting down: night; 1 at localhost, again in 818");
    finish();
}

static void the_end_of_the_stream(void **state)
{
    (void)state;
    open_usual();
    present()->closing = present()->cut = true;
    settle();
    hears("- lost -12 0x00 the server closed the connection; 1 at localhost, again in 818");
    finish();
}

// v5:MQTT-4.13.1-1 is the server's; a client that sees a rule broken ends the connection with the reason.
static void a_server_that_breaks_a_rule(void **state)
{
    (void)state;
    open_usual();
    (void)mqw_conn_send_raw(server(), hex("30 06 0003 'a/#' 00"));
    settle();
    hears(
        "- lost -2 0x00 protocol error: PUBLISH topic at byte 7: topic name contains a wildcard [MQTT-3.3.2-2]; 1 at localhost, again in 818\n"
        "DISCONNECT reason=0x90");
    finish();
}

// v5:MQTT-3.2.2-4: who has no session does not take one.
static void a_session_that_we_do_not_have(void **state)
{
    (void)state;
    mqw_client_options options = usual();
    start(&options);
    heard[0] = '\0';
    (void)mqw_conn_send_raw(server(), hex("20 03 01 00 00"));
    settle();
    hears(
        "- lost -2 0x00 protocol error: CONNACK session_present at byte 0: Session Present although the client started clean [MQTT-3.2.2-2]; 1 at localhost, again in 818\n"
        "DISCONNECT reason=0x82");
    finish();
}

static void once_is_once(void **state)
{
    (void)state;
    mqw_client_options options = usual();
    options.once = true;
    open_with(&options, "CONNACK reason=0x00");
    cut();
    hears("- lost -14 0x00 connection reset by peer; 1 at localhost, again in -1\n"
          "- close: connection reset by peer");
    assert_true(w.gone);
}

static void reconnecting_at_once(void **state)
{
    (void)state;
    open_usual();
    mqw_client_reconnect(w.client);
    hears("");
    settle();
    hears("- lost -10 0x00 the program wants a new connection; 0 at localhost, again in 0\n"
          "CONNECT version=5 client_id=\"c\" session_expiry=1000" ADDED);
    server_says("CONNACK session_present");
    cut();
    heard[0] = '\0';
    mqw_client_reconnect(w.client); // does not wait for its time
    settle();
    hears("CONNECT version=5 client_id=\"c\" session_expiry=1000" ADDED);
    finish();
}

// ---- keep alive ----

// v5:MQTT-3.1.2-20, v5:MQTT-3.1.2-21, v5:MQTT-3.2.2-21: the server's keep alive counts; an answer that does
// not come ends the connection.
static void silence_is_noticed(void **state)
{
    (void)state;
    mqw_client_options options = usual();
    open_with(&options, "CONNACK reason=0x00 server_keep_alive=10");
    passes(9999);
    hears("");
    passes(1);
    hears("PINGREQ");
    server_says("PINGRESP");
    passes(10000);
    heard[0] = '\0';
    passes(4999);
    hears("");
    passes(1);
    hears(
        "- lost -11 0x00 peer was silent too long: at byte 10: no answer to PINGREQ [section 3.12.4]; 1 at localhost, again in 818\n"
        "DISCONNECT reason=0x82");
    finish();
}

// ---- the end ----

static void closing_with_and_without_will(void **state)
{
    (void)state;
    const mqw_client_goodbye will = {.with_will = true};
    mqw_client_goodbye reasoned = {.reason = 0x98};
    open_usual();
    mqw_client_close(w.client, &will);
    settle();
    hears("DISCONNECT reason=0x04\n"
          "- close");
    open_usual();
    mqw_client_close(w.client, &reasoned);
    settle();
    hears("DISCONNECT reason=0x98\n"
          "- close");
    mqw_client_options options = usual();
    const mqw_connect old = {.client_id = MQW_TEXT("c"), .version = 4};
    options.connect = &old;
    open_with(&options, "CONNACK reason=0x00");
    mqw_client_close(w.client, &will);
    settle();
    hears("- close"); // v4: without a word
    assert_true(w.gone);
}

static void who_hurries_leaves_the_will(void **state)
{
    (void)state;
    const mqw_client_goodbye will = {.with_will = true}, now = {.now = true};
    open_usual();
    mqw_client_close(w.client, &will);
    mqw_client_close(w.client, &now);
    settle();
    hears("DISCONNECT reason=0x04\n"
          "- close");
    assert_true(w.gone);
}

static void closing_at_every_moment(void **state)
{
    (void)state;
    static const char *const moments[] = {"made", "connecting", "open", "offline", "waiting"};
    for (size_t i = 0; i < COUNT(moments); i++) {
        mqw_client_options options = usual();
        assert_int_equal(start_quietly(&options), 0);
        if (i >= 1)
            settle();
        if (i >= 2)
            server_says("CONNACK reason=0x00");
        if (i >= 3)
            cut();
        if (i >= 4)
            passes(100);
        heard[0] = '\0';
        mqw_client_close(w.client, NULL);
        mqw_client_close(w.client, NULL);
        hears("");
        settle();
        hears(i == 2 ? "DISCONNECT\n- close" : "- close");
        assert_true(w.gone);
    }
}

static const char *closes_in;

static void close_in(const char *where, mqw_client *client)
{
    if (strcmp(closes_in, where) == 0)
        mqw_client_close(client, NULL);
}

static void closing_on_open(mqw_client *client, const mqw_connack *connack, void *ctx)
{
    on_open(client, connack, ctx);
    close_in("open", client);
}

static void closing_on_message(mqw_client *client, const mqw_publish *publish, mqw_token token, void *ctx)
{
    on_message(client, publish, token, ctx);
    close_in("message", client);
}

static void closing_on_lost(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    on_lost(client, failure, ctx);
    close_in("lost", client);
}

static void closing_on_connect(mqw_client *client, mqw_connect *connect, void *ctx)
{
    (void)connect;
    (void)ctx;
    close_in("connect", client);
}

static void closing_done(mqw_client *client, int result, const mqw_packet *answer, void *ctx)
{
    done(client, result, answer, ctx);
    close_in("done", client);
}

static void closing_in_every_callback(void **state)
{
    (void)state;
    static const char *const places[] = {"connect", "open", "message", "done", "lost"};
    for (size_t i = 0; i < COUNT(places); i++) {
        mqw_client_options options = usual();
        options.handlers.on_connect = closing_on_connect;
        options.handlers.on_open = closing_on_open;
        options.handlers.on_message = closing_on_message;
        options.handlers.on_lost = closing_on_lost;
        closes_in = places[i];
        start(&options);
        mqw_publish publish = {.topic = MQW_TEXT("t"), .qos = 1};
        if (i > 0 && i != 1)
            assert_int_equal(mqw_client_publish(w.client, &publish, closing_done, (void *)(uintptr_t) "p"),
                             0);
        if (i > 0)
            server_says("CONNACK reason=0x00");
        if (i == 2)
            (void)say(server(), "PUBLISH topic=\"t\" payload=\"m\" qos=1 packet_id=9");
        if (i == 3)
            (void)say(server(), "PUBACK packet_id=1");
        settle();
        if (i == 4)
            cut();
        passes(6000);
        assert_true(w.gone);
        assert_non_null(strstr(heard, "- close"));
        heard[0] = '\0';
    }
}

// ---- functions from elsewhere ----

static void posted(mqw_client *client, void *ctx)
{
    assert_ptr_equal(client, w.client);
    note("- posted %s", (const char *)ctx);
}

static void posted_functions_run_in_order(void **state)
{
    (void)state;
    open_usual();
    assert_int_equal(mqw_client_post(w.client, posted, (void *)(uintptr_t) "a"), 0);
    assert_int_equal(mqw_client_post(w.client, posted, (void *)(uintptr_t) "b"), 0);
    hears("");
    mqw_client_close(w.client, NULL);
    assert_int_equal(mqw_client_post(w.client, posted, (void *)(uintptr_t) "c"), MQW_E_CLOSED);
    settle();
    hears("- posted a\n"
          "- posted b\n"
          "DISCONNECT\n"
          "- close");
    assert_true(w.gone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_options),
        cmocka_unit_test(the_assigned_identifier_is_used_again),
        cmocka_unit_test(the_session_is_resumed),
        cmocka_unit_test(connect_may_be_changed_each_time),
        cmocka_unit_test(user_and_password_of_the_address),
        cmocka_unit_test(what_cannot_be_said_is_misuse),
        cmocka_unit_test(the_version_falls_back),
        cmocka_unit_test(a_refused_login_is_no_matter_of_versions),
        cmocka_unit_test(a_version_can_be_fixed),
        cmocka_unit_test(older_versions_leave_properties_out),
        cmocka_unit_test(it_tries_again),
        cmocka_unit_test(older_versions_without_an_identifier),
        cmocka_unit_test(what_is_posted_before_the_end_is_run),
        cmocka_unit_test(no_connack_in_time),
        cmocka_unit_test(reasons_of_disconnect_are_told),
        cmocka_unit_test(the_end_of_the_stream),
        cmocka_unit_test(a_server_that_breaks_a_rule),
        cmocka_unit_test(a_session_that_we_do_not_have),
        cmocka_unit_test(once_is_once),
        cmocka_unit_test(reconnecting_at_once),
        cmocka_unit_test(silence_is_noticed),
        cmocka_unit_test(closing_with_and_without_will),
        cmocka_unit_test(who_hurries_leaves_the_will),
        cmocka_unit_test(closing_at_every_moment),
        cmocka_unit_test(closing_in_every_callback),
        cmocka_unit_test(posted_functions_run_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
