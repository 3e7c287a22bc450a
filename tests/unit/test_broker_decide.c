// SPDX-License-Identifier: MIT
// Decisions of the broker's program that come later, and enhanced authentication.
#include <mqwire/broker.h>

#include "unit/broker_world.h"

#define LIMITS  " receive_maximum=1024 topic_alias_maximum=16 maximum_packet_size=1048576"
#define WELCOME ": CONNACK reason=0x00" LIMITS

// ---- the program ----

enum { TICKETS = 8 };

typedef struct program {
    bool later_connect, later_publish, later_subscribe;
    int at_once; // decided in the hook itself: the reason; -1: not
    bool takes_back;
    mqw_ticket *tickets[TICKETS];
    int count;
} program;

static program p;

static int later(mqw_peer *peer)
{
    mqw_ticket *ticket = mqw_peer_defer(peer);
    if (!ticket)
        return 0x80;
    assert_null(mqw_peer_defer(peer)); // there is one already
    assert_ptr_equal(mqw_ticket_peer(ticket), peer);
    if (p.at_once >= 0) {
        mqw_peer_decide(ticket, (uint8_t)p.at_once, NULL);
    } else {
        assert_true(p.count < TICKETS);
        p.tickets[p.count++] = ticket;
    }
    return p.takes_back ? 0 : MQW_LATER;
}

static int may_connect(mqw_broker *broker, mqw_peer *peer, const mqw_connect *connect, void *ctx)
{
    (void)broker;
    (void)ctx;
    note("- connect? %.*s", (int)connect->client_id.len, connect->client_id.data);
    return p.later_connect ? later(peer) : 0;
}

static int may_publish(mqw_broker *broker, mqw_peer *peer, mqw_publish *publish, void *ctx)
{
    (void)broker;
    (void)ctx;
    note("- publish? %.*s %.*s", (int)publish->topic.len, publish->topic.data, (int)publish->payload.len,
         (const char *)publish->payload.data);
    if (!peer) {
        assert_null(mqw_peer_defer(peer));
        return MQW_LATER;
    }
    return p.later_publish ? later(peer) : 0;
}

static int may_subscribe(mqw_broker *broker, mqw_peer *peer, mqw_filter *item, void *ctx)
{
    (void)broker;
    (void)ctx;
    note("- subscribe? %.*s", (int)item->filter.len, item->filter.data);
    return p.later_subscribe ? later(peer) : 0;
}

static void told_disconnected(mqw_broker *broker, mqw_peer *peer, uint8_t reason, const char *words,
                              void *ctx)
{
    (void)broker;
    (void)ctx;
    assert_null(mqw_peer_defer(peer)); // nothing is asked
    note("- disconnected %.*s 0x%02x %s", (int)mqw_peer_id(peer).len, mqw_peer_id(peer).data, reason, words);
}

static void told_refused(mqw_broker *broker, mqw_peer *peer, uint8_t reason, const char *words, void *ctx)
{
    (void)broker;
    (void)ctx;
    note("- refused %.*s 0x%02x %s", (int)mqw_peer_id(peer).len, mqw_peer_id(peer).data, reason, words);
}

static int no_auth(mqw_broker *broker, mqw_peer *peer, mqw_text method, mqw_auth *out, void *ctx);

static void start_program(void)
{
    const mqw_broker_options options = {.hooks = {.on_connect = may_connect,
                                                  .on_publish = may_publish,
                                                  .on_subscribe = may_subscribe,
                                                  .on_disconnected = told_disconnected,
                                                  .on_refused = told_refused,
                                                  .on_auth = no_auth},
                                        .auth_timeout = 5000};
    p = (program){.at_once = -1};
    start(&options);
}

static void decides(int number, uint8_t reason, const mqw_props *props)
{
    mqw_peer_decide(p.tickets[number], reason, props);
    settle();
}

static mqw_broker_status status_now(void)
{
    mqw_broker_status status = {.size = sizeof status};
    mqw_broker_status_of(w.broker, &status);
    return status;
}

// ---- CONNECT ----

static void a_client_waits_to_be_let_in(void **state)
{
    (void)state;
    start_program();
    p.later_connect = true;
    served("a");
    says(wire_of("a")->client, "CONNECT version=5 client_id=\"a\" keep_alive=1");
    tells("a", "SUBSCRIBE packet_id=1 filter=\"#\":0");
    hears("- connect? a");
    assert_int_equal(status_now().decisions, 1);
    passes(20000); // its keep alive does not count while the broker itself does not read it
    hears("");
    decides(0, 0, NULL);
    hears("- subscribe? #\na" WELCOME "\na: SUBACK packet_id=1 reasons=0x00");
    assert_int_equal(status_now().decisions, 0);
    passes(1499);
    hears("");
    passes(1);
    hears("a: DISCONNECT reason=0x8d\n"
          "- disconnected a 0x8d peer was silent for longer than its keep alive allows\na: closed");
    finish();
}

static void a_client_is_refused_later(void **state)
{
    (void)state;
    start_program();
    p.later_connect = true;
    connects("a", "CONNECT version=5 client_id=\"a\"");
    uint8_t room[100];
    const mqw_pair pair = {MQW_TEXT("k"), MQW_TEXT("v")};
    mqw_props props = {0};
    mqw_set(&props, reason_string, MQW_TEXT("no such client"));
    mqw_set(&props, server_reference, MQW_TEXT("other.example"));
    mqw_set(&props, user, mqw_list_pairs(room, sizeof room, &pair, 1));
    mqw_set(&props, receive_maximum, 5); // not for the program to say
    decides(0, 0x9d, &props);
    hears("- connect? a\na: CONNACK reason=0x9d "
          "server_reference=\"other.example\" reason_string=\"no such client\" user=\"k\":\"v\"\n"
          "- refused a 0x9d it was refused\na: closed");
    connects("b", "CONNECT version=4 client_id=\"b\"");
    decides(1, 0x86, &props);
    hears("- connect? b\nb: CONNACK reason=0x04\n- refused b 0x86 it was refused\nb: closed");
    finish();
}

static void nobody_waits_for_ever(void **state)
{
    (void)state;
    start_program();
    p.later_connect = true;
    connects("a", "CONNECT version=5 client_id=\"a\"");
    passes(29999);
    hears("- connect? a");
    passes(1);
    hears("a: CONNACK reason=0x88\n- refused a 0x88 it was refused\na: closed");
    assert_null(mqw_ticket_peer(p.tickets[0]));
    assert_null(mqw_ticket_publish(p.tickets[0]));
    decides(0, 0, NULL);
    p.later_connect = false;
    p.later_publish = p.later_subscribe = true;
    is_there("b", "CONNECT version=5 client_id=\"b\"");
    tells("b", "PUBLISH topic=\"t\" payload=\"x\" qos=1 packet_id=1");
    passes(30000);
    hears("- publish? t x\nb: PUBACK packet_id=1 reason=0x87");
    tells("b", "SUBSCRIBE packet_id=1 filter=\"t\":0");
    passes(30000);
    hears("- subscribe? t\nb: SUBACK packet_id=1 reasons=0x87");
    decides(1, 0, NULL);
    decides(2, 0, NULL);
    hears("");
    finish();
}

static void a_ticket_outlives_its_peer(void **state)
{
    (void)state;
    start_program();
    p.later_connect = true;
    connects("a", "CONNECT version=5 client_id=\"a\"");
    cut("a");
    hears("- connect? a\n- refused a 0x80 its connection was closed\na: closed");
    assert_null(mqw_ticket_peer(p.tickets[0]));
    decides(0, 0, NULL);
    p.later_connect = false;
    p.later_publish = true;
    is_there("b", "CONNECT version=5 client_id=\"b\" session_expiry=100");
    tells("b", "PUBLISH topic=\"t\" payload=\"x\" qos=1 packet_id=1");
    assert_non_null(mqw_ticket_publish(p.tickets[1]));
    is_there("c", "CONNECT version=5 client_id=\"b\" session_expiry=100"); // takes it over
    assert_null(mqw_ticket_publish(p.tickets[1]));
    decides(1, 0, NULL);
    hears("");
    finish();
}

static void a_ticket_outlives_the_broker(void **state)
{
    (void)state;
    start_program();
    p.later_publish = true;
    is_there("a", "CONNECT version=5 client_id=\"a\"");
    tells("a", "PUBLISH topic=\"t\" payload=\"x\" qos=1 packet_id=1");
    mqw_broker_close(w.broker, NULL, NULL);
    settle();
    assert_true(w.gone);
    assert_null(mqw_ticket_peer(p.tickets[0]));
    mqw_peer_decide(p.tickets[0], 0, NULL);
    assert_int_equal(w.memory.held, 0);
    finish();
}

// ---- PUBLISH ----

static void a_message_waits(void **state)
{
    (void)state;
    start_program();
    is_there("ear", "CONNECT version=4 client_id=\"ear\"");
    does("ear", "SUBSCRIBE packet_id=1 filter=\"#\":2");
    is_there("a", "CONNECT version=5 client_id=\"a\" request_problem_info=1");
    p.later_publish = true;
    says(wire_of("a")->client, "PUBLISH topic=\"t\" payload=\"1\" qos=1 packet_id=1 user=\"k\":\"v\"");
    says(wire_of("a")->client, "PUBLISH topic=\"t\" payload=\"2\" qos=2 packet_id=2");
    tells("a", "PINGREQ");
    hears("- publish? t 1");
    mqw_publish *publish = mqw_ticket_publish(p.tickets[0]);
    char topic[] = "changed";
    publish->topic = (mqw_text){topic, 7};
    publish->qos = 0;
    mqw_props props = {0};
    mqw_set(&props, reason_string, MQW_TEXT("changed it"));
    mqw_peer_decide(p.tickets[0], 0, &props);
    memset(topic, 'x', sizeof topic); // it lives until that call has returned, no longer
    settle();
    hears("ear: PUBLISH topic=\"changed\" payload=\"1\"\n- publish? t 2\n"
          "a: PUBACK packet_id=1 reason_string=\"changed it\"");
    decides(1, 0x99, NULL);
    hears("a: PUBREC packet_id=2 reason=0x99\na: PINGRESP");
    finish();
}

// v5:MQTT-3.1.2-29: who asked for no reason strings gets none.
static void who_wants_no_words_gets_none(void **state)
{
    (void)state;
    start_program();
    is_there("a", "CONNECT version=5 client_id=\"a\" request_problem_info=0");
    p.later_publish = p.later_subscribe = true;
    mqw_props props = {0};
    mqw_set(&props, reason_string, MQW_TEXT("words"));
    tells("a", "PUBLISH topic=\"t\" payload=\"1\" qos=1 packet_id=1");
    decides(0, 0x87, &props);
    tells("a", "SUBSCRIBE packet_id=2 filter=\"t\":1");
    decides(1, 0x87, &props);
    hears("- publish? t 1\na: PUBACK packet_id=1 reason=0x87\n"
          "- subscribe? t\na: SUBACK packet_id=2 reasons=0x87");
    finish();
}

static void a_decision_in_the_hook_itself(void **state)
{
    (void)state;
    start_program();
    p.later_connect = p.later_publish = p.later_subscribe = true;
    p.at_once = 0;
    connects("a", "CONNECT version=5 client_id=\"a\"");
    hears("- connect? a\na" WELCOME);
    tells("a", "SUBSCRIBE packet_id=1 filter=\"t\":1 filter=\"u\":2");
    hears("- subscribe? t\n- subscribe? u\na: SUBACK packet_id=1 reasons=0x01,0x02");
    tells("a", "PUBLISH topic=\"t\" payload=\"1\" qos=2 packet_id=1");
    hears("- publish? t 1\na: PUBLISH topic=\"t\" payload=\"1\" qos=1 packet_id=1\na: PUBREC packet_id=1");
    p.takes_back = true; // it has deferred, and answers at once all the same
    tells("a", "PUBLISH topic=\"u\" payload=\"2\"");
    tells("a", "SUBSCRIBE packet_id=2 filter=\"v\":1 filter=\"w\":2");
    hears("- publish? u 2\na: PUBLISH topic=\"u\" payload=\"2\"\n"
          "- subscribe? v\n- subscribe? w\na: SUBACK packet_id=2 reasons=0x01,0x02");
    p.at_once = -1;
    tells("a", "PUBLISH topic=\"u\" payload=\"3\"");
    hears("- publish? u 3\na: PUBLISH topic=\"u\" payload=\"3\"");
    decides(0, 0, NULL); // it is still the program's
    finish();
}

// ---- SUBSCRIBE ----

static void filters_wait_one_by_one(void **state)
{
    (void)state;
    start_program();
    is_there("a", "CONNECT version=5 client_id=\"a\"");
    is_there("b", "CONNECT version=5 client_id=\"b\"");
    p.later_subscribe = true;
    tells("a",
          "SUBSCRIBE packet_id=1 filter=\"t\":1 filter=\"$share/g/u\":2 filter=\"v\":0 subscription_id=7");
    tells("b", "SUBSCRIBE packet_id=2 filter=\"x\":2"); // another decision meanwhile
    hears("- subscribe? t\n- subscribe? x");
    assert_int_equal(status_now().decisions, 2);
    decides(0, 0, NULL);
    hears("- subscribe? $share/g/u");
    decides(1, 0, NULL);
    hears("b: SUBACK packet_id=2 reasons=0x02");
    mqw_props props = {0};
    mqw_set(&props, reason_string, MQW_TEXT("not all"));
    decides(2, 0x87, &props);
    hears("- subscribe? v");
    decides(3, 0, NULL);
    hears("a: SUBACK packet_id=1 reasons=0x01,0x87,0x00 reason_string=\"not all\"");
    tells("b", "PUBLISH topic=\"v\" payload=\"1\"");
    hears("- publish? v 1\na: PUBLISH topic=\"v\" payload=\"1\" subscription_id=7");
    finish();
}

static void who_waits_is_kicked(void **state)
{
    (void)state;
    start_program();
    is_there("a", "CONNECT version=5 client_id=\"a\"");
    p.later_subscribe = true;
    tells("a", "SUBSCRIBE packet_id=1 filter=\"t\":1 filter=\"u\":2");
    assert_int_equal(mqw_broker_kick(w.broker, MQW_TEXT("a"), 0x98, true), 0);
    mqw_peer_decide(p.tickets[0], 0, NULL);
    settle();
    hears("- subscribe? t\na: DISCONNECT reason=0x98\n- disconnected a 0x98 it was kicked\na: closed");
    finish();
}

// ---- enhanced authentication ----

// A method in which the client answers the number of each challenge: two of them, "no" fails.
typedef struct toy {
    int step;
    char words[16];
} toy;

static int made, freed;

static int toy_step(void *self, mqw_bytes in, mqw_bytes *out)
{
    toy *at = self;
    if (in.len == 2 && memcmp(in.data, "no", 2) == 0)
        return -1;
    int len = snprintf(at->words, sizeof at->words, "word %d", at->step);
    *out = (mqw_bytes){(const uint8_t *)at->words, (size_t)len};
    return at->step++ < 2 ? 1 : 0;
}

static void toy_reset(void *self)
{
    ((toy *)self)->step = 0;
}

static void toy_free(void *self)
{
    freed++;
    free(self);
}

static int no_auth(mqw_broker *broker, mqw_peer *peer, mqw_text method, mqw_auth *out, void *ctx)
{
    (void)broker;
    (void)peer;
    (void)ctx;
    if (method.len != 3 || memcmp(method.data, "toy", 3) != 0)
        return 0x8c;
    made++;
    *out = (mqw_auth){.size = sizeof *out,
                      .method = "toy",
                      .self = calloc(1, sizeof(toy)),
                      .reset = toy_reset,
                      .step = toy_step,
                      .free = toy_free};
    return 0;
}

static void start_auth(void)
{
    made = freed = 0;
    start_program();
}

static void finish_auth(void)
{
    finish();
    assert_int_equal(made, freed);
}

#define TOY     " auth_method=\"toy\""
#define LET_IN  ": CONNACK reason=0x00 auth_method=\"toy\" auth_data=\"word 2\"" LIMITS
#define CONNECT "CONNECT version=5 client_id=\"a\"" TOY

// v5:MQTT-4.12.0-2, -5, v5:MQTT-3.1.4-2
static void a_client_authenticates(void **state)
{
    (void)state;
    start_auth();
    connects("a", CONNECT " auth_data=\"begin\"");
    hears("a: AUTH reason=0x18" TOY " auth_data=\"word 0\"");
    tells("a", "AUTH reason=0x18" TOY " auth_data=\"1\"");
    hears("a: AUTH reason=0x18" TOY " auth_data=\"word 1\"");
    p.later_connect = true; // asked only now
    tells("a", "AUTH reason=0x18" TOY " auth_data=\"2\"");
    hears("- connect? a");
    decides(0, 0, NULL);
    hears("a" LET_IN);
    assert_non_null(mqw_peer_auth(mqw_broker_find(w.broker, MQW_TEXT("a"))));
    finish_auth();
}

// v5:MQTT-4.12.0-1
static void a_method_is_unknown(void **state)
{
    (void)state;
    start_auth();
    connects("a", "CONNECT version=5 client_id=\"a\" auth_method=\"other\"");
    hears("- refused a 0x8c its authentication is not taken\na: CONNACK reason=0x8c\na: closed");
    finish_auth();
    start(NULL);
    connects("a", CONNECT);
    hears("a: CONNACK reason=0x8c\na: closed");
    finish();
}

// v5:MQTT-4.12.0-4
static void an_authentication_fails(void **state)
{
    (void)state;
    start_auth();
    connects("a", CONNECT " auth_data=\"no\"");
    hears("- refused a 0x87 its authentication has failed\na: CONNACK reason=0x87\na: closed");
    connects("b", CONNECT);
    tells("b", "AUTH reason=0x18" TOY " auth_data=\"no\"");
    hears("b: AUTH reason=0x18" TOY " auth_data=\"word 0\"\n- refused a 0x87 its authentication has failed\n"
          "b: CONNACK reason=0x87\nb: closed");
    finish_auth();
}

// v5:MQTT-4.12.0-6: without a method nothing is said about it, and AUTH of the client is an error.
static void without_a_method_there_is_no_auth(void **state)
{
    (void)state;
    start_auth();
    connects("a", "CONNECT version=5 client_id=\"a\"");
    hears("- connect? a\na" WELCOME);
    tells_raw("a", "f0 08 19 06 15 00 03 'toy'");
    hears("- disconnected a 0x82 AUTH of a client without a method in CONNECT\n"
          "a: DISCONNECT reason=0x82\na: closed");
    finish_auth();
}

static void an_authentication_takes_too_long(void **state)
{
    (void)state;
    start_auth();
    connects("a", CONNECT);
    passes(4999);
    hears("a: AUTH reason=0x18" TOY " auth_data=\"word 0\"");
    passes(1);
    hears("- refused a 0x87 its authentication took too long\na: CONNACK reason=0x87\na: closed");
    finish_auth();
}

static void who_authenticates_may_go(void **state)
{
    (void)state;
    start_auth();
    connects("a", CONNECT);
    tells("a", "DISCONNECT");
    hears("a: AUTH reason=0x18" TOY " auth_data=\"word 0\"\n- refused a 0x00 it disconnected\na: closed");
    connects("b", CONNECT);
    cut("b");
    heard[0] = '\0';
    finish_auth();
}

static void is_in(void)
{
    start_auth();
    connects("a", CONNECT);
    tells("a", "AUTH reason=0x18" TOY);
    does("a", "AUTH reason=0x18" TOY);
}

// v5:MQTT-4.12.1-1: and other packets go on meanwhile.
static void a_client_authenticates_again(void **state)
{
    (void)state;
    is_in();
    const mqw_auth *first = mqw_peer_auth(mqw_broker_find(w.broker, MQW_TEXT("a")));
    void *self = first->self;
    tells("a", "AUTH reason=0x19" TOY);
    tells("a", "PINGREQ");
    tells("a", "AUTH reason=0x18" TOY);
    assert_ptr_equal(mqw_peer_auth(mqw_broker_find(w.broker, MQW_TEXT("a")))->self, self);
    tells("a", "AUTH reason=0x18" TOY);
    hears("a: AUTH reason=0x18" TOY " auth_data=\"word 0\"\na: PINGRESP\n"
          "a: AUTH reason=0x18" TOY " auth_data=\"word 1\"\na: AUTH" TOY " auth_data=\"word 2\"");
    assert_ptr_not_equal(mqw_peer_auth(mqw_broker_find(w.broker, MQW_TEXT("a")))->self, self);
    assert_int_equal(freed, 1);
    passes(10000); // its time-out is over
    hears("");
    finish_auth();
}

// v5:MQTT-4.12.1-2
static void a_second_authentication_fails(void **state)
{
    (void)state;
    is_in();
    tells("a", "AUTH reason=0x19" TOY " auth_data=\"no\"");
    hears("- disconnected a 0x87 its authentication has failed\na: DISCONNECT reason=0x87\na: closed");
    finish_auth();
    is_in();
    tells("a", "AUTH reason=0x19" TOY);
    passes(5000);
    hears("a: AUTH reason=0x18" TOY " auth_data=\"word 0\"\n"
          "- disconnected a 0x87 its authentication took too long\na: DISCONNECT reason=0x87\na: closed");
    finish_auth();
}

static void an_authentication_out_of_order(void **state)
{
    (void)state;
    is_in();
    tells("a", "AUTH reason=0x18" TOY); // none runs
    hears("- disconnected a 0x82 its authentication is out of order\na: DISCONNECT reason=0x82\na: closed");
    finish_auth();
    is_in();
    tells("a", "AUTH reason=0x19" TOY);
    tells("a", "AUTH reason=0x19" TOY); // one runs
    hears("a: AUTH reason=0x18" TOY " auth_data=\"word 0\"\n"
          "- disconnected a 0x82 its authentication is out of order\na: DISCONNECT reason=0x82\na: closed");
    finish_auth();
}

// ---- SCRAM ----

static mqw_scram_secret secret;

static int find_secret(mqw_text user, mqw_scram_secret *out, void *ctx)
{
    (void)ctx;
    *out = secret;
    return user.len == 2 && memcmp(user.data, "me", 2) == 0 ? 0 : -1;
}

static int with_scram(mqw_broker *broker, mqw_peer *peer, mqw_text method, mqw_auth *out, void *ctx)
{
    (void)broker;
    (void)peer;
    (void)ctx;
    return method.len == 13 ? mqw_scram_server(out, find_secret, NULL, (mqw_bytes){NULL, 0}) : 0x8c;
}

static int told_user(mqw_broker *broker, mqw_peer *peer, const mqw_connect *connect, void *ctx)
{
    (void)broker;
    (void)connect;
    (void)ctx;
    mqw_text user = mqw_scram_user(mqw_peer_auth(peer));
    note("- user %.*s", (int)user.len, user.data);
    return 0;
}

// A client that proves who it is; -1 when the broker has not.
static int scram(const char *password)
{
    const mqw_broker_options options = {.hooks = {.on_auth = with_scram, .on_connect = told_user}};
    mqw_auth auth;
    mqw_bytes out;
    start(&options);
    assert_int_equal(mqw_scram_secret_make(&secret, MQW_TEXT("pencil"), 0), 0);
    assert_int_equal(mqw_scram_client(&auth, MQW_TEXT("me"), (mqw_text){password, strlen(password)}), 0);
    wire *at = arrives("a");
    assert_int_equal(mqw__broker_serve(w.broker, at->server, NULL), 0);
    at->deaf = true;
    at->stalled = true;
    mqw_connect connect = {.version = 5, .client_id = MQW_TEXT("a")};
    mqw_set(&connect.props, auth_method, MQW_TEXT("SCRAM-SHA-256"));
    assert_int_equal(auth.step(auth.self, (mqw_bytes){NULL, 0}, &out), 1);
    mqw_set(&connect.props, auth_data, out);
    assert_int_equal(mqw_conn_connect(at->client, &connect), 0);
    int result = 1;
    for (int i = 0; i < 4 && result == 1; i++) {
        settle();
        mqw_bytes all = take_output(at->server), left = all;
        mqw_packet packet;
        assert_int_equal(mqw_conn_recv(at->client, &left, &packet), 1);
        mqw_disconnect answer = {.reason = 0x18};
        if (packet.type == MQW_CONNACK)
            result =
                packet.connack.reason || auth.step(auth.self, packet.connack.props.auth_data, &out) ? -1 : 0;
        else if (auth.step(auth.self, packet.auth.props.auth_data, &out) >= 0) {
            mqw_set(&answer.props, auth_method, MQW_TEXT("SCRAM-SHA-256"));
            mqw_set(&answer.props, auth_data, out);
            assert_int_equal(mqw_conn_auth(at->client, &answer), 0);
        }
        free((void *)(uintptr_t)all.data);
    }
    mqw_auth_free(&auth);
    return result;
}

static void scram_works(void **state)
{
    (void)state;
    assert_int_equal(scram("pencil"), 0);
    hears("- user me");
    finish();
    assert_int_equal(scram("pen"), -1);
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_waits_to_be_let_in),
        cmocka_unit_test(a_client_is_refused_later),
        cmocka_unit_test(nobody_waits_for_ever),
        cmocka_unit_test(a_ticket_outlives_its_peer),
        cmocka_unit_test(a_ticket_outlives_the_broker),
        cmocka_unit_test(a_message_waits),
        cmocka_unit_test(who_wants_no_words_gets_none),
        cmocka_unit_test(a_decision_in_the_hook_itself),
        cmocka_unit_test(filters_wait_one_by_one),
        cmocka_unit_test(who_waits_is_kicked),
        cmocka_unit_test(a_client_authenticates),
        cmocka_unit_test(a_method_is_unknown),
        cmocka_unit_test(an_authentication_fails),
        cmocka_unit_test(without_a_method_there_is_no_auth),
        cmocka_unit_test(an_authentication_takes_too_long),
        cmocka_unit_test(who_authenticates_may_go),
        cmocka_unit_test(a_client_authenticates_again),
        cmocka_unit_test(a_second_authentication_fails),
        cmocka_unit_test(an_authentication_out_of_order),
        cmocka_unit_test(scram_works),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
