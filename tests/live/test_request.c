// SPDX-License-Identifier: MIT
// Requests and responses (section 4.10): a client against a server that answers well, badly, late, or never.
#include "live/scripted.h"

#include <mqwire/client.h>

typedef struct asked {
    int calls, result;
    char payload[64];
} asked;

typedef struct scene {
    testbed live;
    scripted server;
    mqw_client *client;
    int opens, closes, losses, unsubscribed;
    mqw_client_options options;
    mqw_connect connect;
} scene;

static void on_open(mqw_client *client, const mqw_connack *connack, void *ctx)
{
    scene *on = ctx;
    (void)client, (void)connack;
    on->opens++;
}

static void on_lost(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    scene *on = ctx;
    (void)client, (void)failure;
    on->losses++;
}

static void on_close(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    scene *on = ctx;
    (void)client, (void)failure;
    on->closes++;
    on->client = NULL;
}

static void on_unsubscribed(mqw_client *client, mqw_text filter, int result, void *ctx)
{
    (void)client, (void)filter, (void)result;
    ((scene *)ctx)->unsubscribed++;
}

static void on_response(mqw_client *client, int result, const mqw_publish *response, void *ctx)
{
    asked *request = ctx;
    (void)client;
    request->calls++;
    request->result = result;
    assert_int_equal(result == 0 || result == MQW_E_TOO_LARGE, response != NULL);
    if (response)
        snprintf(request->payload, sizeof request->payload, "%.*s", (int)response->payload.len,
                 (const char *)response->payload.data);
}

static void never(mqw_client *client, const mqw_publish *publish, mqw_token token, void *ctx)
{
    (void)client, (void)publish, (void)token, (void)ctx;
    fail_msg("%s", "an answer is no message for everybody");
}

static void begin(scene *on)
{
    live_start(&on->live);
    scripted_listen(&on->server, &on->live.loop);
    on->options.address = on->server.address;
    on->options.retry_min = on->options.retry_max = 1;
    on->options.ctx = on;
    on->options.handlers.on_open = on_open;
    on->options.handlers.on_lost = on_lost;
    on->options.handlers.on_close = on_close;
    on->options.handlers.on_unsubscribed = on_unsubscribed;
    on->options.handlers.on_message = never;
    assert_int_equal(mqw_client_open(&on->client, &on->live.loop, &on->options), 0);
}

static void begin_open(scene *on)
{
    begin(on);
    live_until(&on->live, on->opens == 1);
}

static void end(scene *on)
{
    if (on->client)
        mqw_client_close(on->client, &(mqw_client_goodbye){.now = true});
    live_until(&on->live, on->closes == 1);
    scripted_end(&on->server);
    live_end(&on->live);
}

static int ask(scene *on, const char *payload, uint8_t qos, uint32_t timeout, asked *request)
{
    mqw_publish publish = {.topic = MQW_TEXT("service"), .qos = qos};
    publish.payload = (mqw_bytes){(const uint8_t *)payload, strlen(payload)};
    return mqw_client_request(on->client, &publish, timeout, on_response, request);
}

// --- servers ---

// What a request must be like; an answer with its payload turned round.
static bool answers(scripted *server, mqw_conn *conn, const mqw_packet *packet)
{
    const mqw_props *props = &packet->publish.props;
    char turned[64] = "";
    if (packet->type != MQW_PUBLISH)
        return false;
    assert_true(mqw_has(props, response_topic) && mqw_has(props, correlation_data));
    assert_int_equal(mqw_topic_check(props->response_topic), 0);         // v5:MQTT-3.3.2-14
    assert_int_equal(props->response_topic.len, strlen(server->filter)); // subscribed to before
    assert_memory_equal(props->response_topic.data, server->filter, props->response_topic.len);
    size_t len = packet->publish.payload.len;
    for (size_t i = 0; i < len; i++)
        turned[i] = (char)packet->publish.payload.data[len - 1 - i];
    scripted_publish(conn, props->response_topic, turned, props->correlation_data, 1);
    return false;
}

static void each_request_has_its_answer(void **state)
{
    scene on = {.server.act = answers};
    asked requests[3] = {{0}};
    (void)state;
    begin_open(&on);
    assert_int_equal(ask(&on, "abc", 0, 0, &requests[0]), 0);
    assert_int_equal(ask(&on, "def", 1, 0, &requests[1]), 0);
    assert_int_equal(ask(&on, "ghi", 2, 0, &requests[2]), 0);
    assert_int_equal(requests[0].calls, 0);
    live_until(&on.live, requests[0].calls && requests[1].calls && requests[2].calls);
    assert_string_equal(requests[0].payload, "cba");
    assert_string_equal(requests[1].payload, "fed");
    assert_string_equal(requests[2].payload, "ihg");
    assert_int_equal(on.server.heard[MQW_SUBSCRIBE], 1); // once for all
    assert_memory_equal(on.server.filter, "mqwire/response/", 16);
    assert_int_equal(strlen(on.server.filter), 16 + 32);
    end(&on);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(requests[i].calls, 1);
        assert_int_equal(requests[i].result, 0);
    }
}

// Before there is a connection it waits for one.
static void a_request_may_be_early(void **state)
{
    scene on = {.server.act = answers};
    asked request = {0};
    (void)state;
    begin(&on);
    assert_int_equal(ask(&on, "early", 1, 0, &request), 0);
    live_until(&on.live, request.calls);
    assert_string_equal(request.payload, "ylrae");
    end(&on);
}

// The server names a basis when it is asked for one (section 3.2.2.3.15).
static void the_server_may_name_the_topic(void **state)
{
    static const struct {
        const char *basis, *begins;
    } samples[] = {{"here/you", "here/you/"}, {"here/", "here/"}, {"not/#", "mqwire/response/"}};
    (void)state;
    for (int i = 0; i < 3; i++) {
        scene on = {.server.act = answers};
        asked request = {0};
        mqw_set(&on.connect.props, request_response_info, 1);
        on.connect.clean_start = true;
        on.options.connect = &on.connect;
        mqw_set(&on.server.welcome.props, response_info,
                ((mqw_text){samples[i].basis, strlen(samples[i].basis)}));
        begin_open(&on);
        assert_int_equal(ask(&on, "x", 0, 0, &request), 0);
        live_until(&on.live, request.calls);
        assert_memory_equal(on.server.filter, samples[i].begins, strlen(samples[i].begins));
        assert_int_equal(strlen(on.server.filter), strlen(samples[i].begins) + 32);
        end(&on);
    }
}

static bool is_silent(scripted *server, mqw_conn *conn, const mqw_packet *packet)
{
    (void)server, (void)conn, (void)packet;
    return false;
}

static void an_answer_may_never_come(void **state)
{
    scene on = {.server.act = is_silent};
    asked late = {0};
    asked later = {0};
    (void)state;
    begin_open(&on);
    assert_int_equal(ask(&on, "x", 0, 40, &later), 0);
    assert_int_equal(ask(&on, "x", 1, 20, &late), 0);
    live_until(&on.live, late.calls);
    assert_int_equal(later.calls, 0);
    live_until(&on.live, later.calls);
    assert_int_equal(late.result, MQW_E_TIMEOUT);
    assert_int_equal(later.result, MQW_E_TIMEOUT);
    end(&on);
    assert_int_equal(late.calls, 1);
}

// Without a server, too.
static void a_request_does_not_wait_for_ever(void **state)
{
    scene on = {.opens = 0};
    asked request = {0};
    (void)state;
    live_start(&on.live);
    on.options.address = "unix:/nowhere/at/all";
    on.options.ctx = &on;
    on.options.handlers.on_close = on_close;
    assert_int_equal(mqw_client_open(&on.client, &on.live.loop, &on.options), 0);
    assert_int_equal(ask(&on, "x", 1, 20, &request), 0);
    live_until(&on.live, request.calls);
    assert_int_equal(request.result, MQW_E_TIMEOUT);
    mqw_client_close(on.client, NULL);
    live_until(&on.live, on.closes);
    live_end(&on.live);
}

// Twice, with a correlation that is unknown, empty or cut, without one; then the right one.
static bool answers_badly(scripted *server, mqw_conn *conn, const mqw_packet *packet)
{
    const mqw_props *props = &packet->publish.props;
    uint8_t wrong[16];
    (void)server;
    if (packet->type != MQW_PUBLISH)
        return false;
    mqw_bytes right = props->correlation_data;
    memcpy(wrong, right.data, sizeof wrong);
    wrong[15] ^= 1;
    scripted_publish(conn, props->response_topic, "wrong", (mqw_bytes){wrong, sizeof wrong}, 0);
    scripted_publish(conn, props->response_topic, "cut", (mqw_bytes){right.data, 15}, 0);
    scripted_publish(conn, props->response_topic, "none", (mqw_bytes){NULL, 0}, 0);
    scripted_publish(conn, props->response_topic, "right", right, 0);
    scripted_publish(conn, props->response_topic, "again", right, 0);
    return false;
}

static void bad_answers_are_passed_over(void **state)
{
    scene on = {.server.act = answers_badly};
    asked first = {0};
    asked second = {0};
    (void)state;
    begin_open(&on);
    assert_int_equal(ask(&on, "x", 0, 0, &first), 0);
    live_until(&on.live, first.calls);
    assert_int_equal(ask(&on, "y", 0, 0, &second), 0);
    live_until(&on.live, second.calls);
    assert_string_equal(first.payload, "right");
    assert_string_equal(second.payload, "right");
    assert_int_equal(first.calls, 1);
    end(&on);
}

// What was sent before the connection broke is answered on the next one.
static bool hangs_up_first(scripted *server, mqw_conn *conn, const mqw_packet *packet)
{
    static mqw_packet *kept;
    if (packet->type == MQW_PUBLISH && !kept) {
        kept = mqw_packet_copy(packet, NULL);
        server->welcome.session_present = true;
        mqw_conn_abort(conn);
        return true;
    }
    if (packet->type == MQW_CONNECT && kept) {
        mqw_conn_connack(conn, &server->welcome);
        const mqw_props *props = &kept->publish.props;
        scripted_publish(conn, props->response_topic, "back", props->correlation_data, 0);
        mqw_packet_free(kept, NULL);
        kept = NULL;
        server->act = NULL;
        return true;
    }
    return false;
}

static void an_answer_finds_its_way_after_a_loss(void **state)
{
    scene on = {.server.act = hangs_up_first};
    asked request = {0};
    (void)state;
    mqw_set(&on.connect.props, session_expiry, 100);
    on.connect.client_id = MQW_TEXT("returns");
    on.options.connect = &on.connect;
    begin_open(&on);
    assert_int_equal(ask(&on, "x", 0, 0, &request), 0);
    live_until(&on.live, request.calls);
    assert_string_equal(request.payload, "back");
    assert_int_equal(on.opens, 2);
    assert_int_equal(on.server.heard[MQW_SUBSCRIBE], 1); // the session has it
    end(&on);
}

// When the session is gone, the topic is subscribed to again before anything is asked.
static void the_topic_is_subscribed_to_again(void **state)
{
    scene on = {.server.act = answers};
    asked first = {0};
    asked second = {0};
    (void)state;
    begin_open(&on);
    assert_int_equal(ask(&on, "x", 0, 0, &first), 0);
    live_until(&on.live, first.calls);
    memset(on.server.filter, 0, sizeof on.server.filter);
    mqw_conn_abort(on.server.conn);
    live_until(&on.live, on.losses == 1);
    assert_int_equal(ask(&on, "yz", 1, 0, &second), 0);
    live_until(&on.live, second.calls);
    assert_string_equal(second.payload, "zy");
    assert_int_equal(on.server.heard[MQW_SUBSCRIBE], 2);
    end(&on);
}

static void a_refused_topic_ends_requests(void **state)
{
    scene on = {.server.granted = MQW_REASON_NOT_AUTHORIZED};
    asked requests[2] = {{0}};
    (void)state;
    begin(&on);
    assert_int_equal(ask(&on, "x", 0, 0, &requests[0]), 0);
    assert_int_equal(ask(&on, "y", 1, 0, &requests[1]), 0);
    live_until(&on.live, requests[0].calls && requests[1].calls);
    assert_int_equal(requests[0].result, MQW_REASON_NOT_AUTHORIZED);
    assert_int_equal(requests[1].result, MQW_REASON_NOT_AUTHORIZED);
    assert_int_equal(on.server.heard[MQW_PUBLISH], 0);
    on.server.granted = 0;
    on.server.act = answers;
    requests[0].calls = 0; // the next one asks again
    assert_int_equal(ask(&on, "x", 0, 0, &requests[0]), 0);
    live_until(&on.live, requests[0].calls);
    assert_int_equal(requests[0].result, 0);
    end(&on);
}

// … also when it was granted before, to another session.
static void a_topic_that_is_not_restored_is_asked_for_anew(void **state)
{
    scene on = {.server.act = answers};
    asked requests[3] = {{0}};
    (void)state;
    begin_open(&on);
    assert_int_equal(ask(&on, "x", 0, 0, &requests[0]), 0);
    live_until(&on.live, requests[0].calls);
    on.server.granted = MQW_REASON_QUOTA_EXCEEDED;
    mqw_conn_abort(on.server.conn);
    live_until(&on.live, on.unsubscribed == 1);
    assert_int_equal(ask(&on, "x", 0, 0, &requests[1]), 0);
    live_until(&on.live, requests[1].calls);
    assert_int_equal(requests[1].result, MQW_REASON_QUOTA_EXCEEDED);
    on.server.granted = 0;
    assert_int_equal(ask(&on, "xy", 0, 0, &requests[2]), 0);
    live_until(&on.live, requests[2].calls);
    assert_string_equal(requests[2].payload, "yx");
    end(&on);
}

static bool refuses_messages(scripted *server, mqw_conn *conn, const mqw_packet *packet)
{
    if (packet->type == MQW_PUBLISH)
        mqw_conn_puback(
            conn, &(mqw_ack){.packet_id = packet->publish.packet_id, .reason = *(uint8_t *)server->more});
    return packet->type == MQW_PUBLISH;
}

// Also when nobody has subscribed to what is asked: there will be no answer.
static void a_refused_request_is_over(void **state)
{
    static uint8_t reasons[] = {MQW_REASON_NOT_AUTHORIZED, MQW_REASON_NO_MATCHING_SUBSCRIBERS};
    (void)state;
    for (int i = 0; i < 2; i++) {
        scene on = {.server.act = refuses_messages, .server.no_acks = true, .server.more = &reasons[i]};
        asked request = {0};
        begin_open(&on);
        assert_int_equal(ask(&on, "x", 1, 0, &request), 0);
        live_until(&on.live, request.calls);
        assert_int_equal(request.result, reasons[i]);
        end(&on);
        assert_int_equal(request.calls, 1);
    }
}

// At whatever stage: each ends, once.
static void closing_ends_requests(void **state)
{
    (void)state;
    for (int stage = 0; stage < 4; stage++) {
        scene on = {.server.act = is_silent};
        asked requests[2] = {{0}};
        begin(&on);
        if (stage > 0)
            live_until(&on.live, on.opens == 1);
        assert_int_equal(ask(&on, "x", 0, 0, &requests[0]), 0);
        assert_int_equal(ask(&on, "y", 2, 0, &requests[1]), 0);
        if (stage > 1)
            live_until(&on.live, on.server.heard[MQW_SUBSCRIBE]);
        if (stage > 2)
            live_until(&on.live, on.server.heard[MQW_PUBLISH] == 2);
        mqw_client_close(on.client, &(mqw_client_goodbye){.now = true});
        assert_int_equal(ask(&on, "z", 2, 0, NULL), MQW_E_CLOSED);
        live_until(&on.live, on.closes);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(requests[i].calls, 1);
            assert_int_equal(requests[i].result, MQW_E_CLOSED);
        }
        end(&on);
    }
}

static void closes_inside(mqw_client *client, int result, const mqw_publish *response, void *ctx)
{
    on_response(client, result, response, ctx);
    mqw_client_close(client, NULL);
    assert_int_equal(mqw_client_request(client, &(mqw_publish){.topic = MQW_TEXT("a")}, 0, on_response, ctx),
                     MQW_E_CLOSED);
}

static void asks_again_inside(mqw_client *client, int result, const mqw_publish *response, void *ctx)
{
    asked *request = ctx;
    on_response(client, result, response, ctx);
    mqw_publish publish = {.topic = MQW_TEXT("service"), .payload = {(const uint8_t *)"next", 4}};
    assert_int_equal(
        mqw_client_request(client, &publish, 0, request->calls < 5 ? asks_again_inside : closes_inside, ctx),
        0);
}

static void every_call_is_legal_inside(void **state)
{
    scene on = {.server.act = answers};
    asked request = {0};
    mqw_publish publish = {.topic = MQW_TEXT("service"), .payload = {(const uint8_t *)"first", 5}};
    (void)state;
    begin_open(&on);
    assert_int_equal(mqw_client_request(on.client, &publish, 0, asks_again_inside, &request), 0);
    live_until(&on.live, on.closes);
    assert_int_equal(request.calls, 6);
    end(&on);
}

// An answer is acknowledged though the program does not see its token.
static void answers_are_acknowledged(void **state)
{
    (void)state;
    for (int manual = 0; manual < 2; manual++) {
        scene on = {.server.act = answers, .options.manual_ack = manual};
        asked request = {0};
        begin_open(&on);
        assert_int_equal(ask(&on, "x", 0, 0, &request), 0);
        live_until(&on.live, request.calls && on.server.heard[MQW_PUBACK] == 1);
        end(&on);
    }
}

static bool answers_at_length(scripted *server, mqw_conn *conn, const mqw_packet *packet)
{
    static char large[5000];
    (void)server;
    memset(large, 'x', sizeof large - 1);
    if (packet->type != MQW_PUBLISH)
        return false;
    const mqw_props *props = &packet->publish.props;
    return scripted_publish(conn, props->response_topic, large, props->correlation_data, 1) != 0;
}

static void no_piece(mqw_client *client, const mqw_publish *publish, const mqw_piece *piece, mqw_token token,
                     void *ctx)
{
    (void)client, (void)publish, (void)piece, (void)token, (void)ctx;
    fail_msg("%s", "a piece of an answer");
}

// One that comes in pieces is too large, and its pieces are nobody's.
static void a_long_answer_is_too_large(void **state)
{
    (void)state;
    for (int manual = 0; manual < 2; manual++) {
        mqw_conn_options conn = {.stream_over = 1000};
        mqw_open_options open = {.conn = &conn};
        scene on = {.server.act = answers_at_length, .options.manual_ack = manual, .options.open = &open};
        asked request = {0};
        on.options.handlers.on_piece = no_piece;
        begin_open(&on);
        assert_int_equal(ask(&on, "x", 0, 0, &request), 0);
        live_until(&on.live, request.calls && on.server.heard[MQW_PUBACK] == 1);
        assert_int_equal(request.result, MQW_E_TOO_LARGE);
        end(&on);
    }
}

// They are bounded as messages are.
static void requests_are_bounded(void **state)
{
    scene on = {.server.act = is_silent};
    asked requests[3] = {{0}};
    static char large[2000];
    (void)state;
    memset(large, 'x', sizeof large - 1);
    on.options.max_queued = 2;
    on.options.max_queued_bytes = 1500;
    begin(&on);
    assert_int_equal(ask(&on, large, 0, 0, &requests[2]), MQW_E_TOO_LARGE);
    large[1000] = '\0';
    assert_int_equal(ask(&on, large, 0, 0, &requests[0]), 0);
    assert_int_equal(ask(&on, large, 0, 0, &requests[2]), MQW_E_FULL);
    assert_int_equal(ask(&on, "x", 0, 0, &requests[1]), 0);
    assert_int_equal(ask(&on, "x", 0, 0, &requests[2]), MQW_E_FULL);
    end(&on);
    assert_int_equal(requests[0].calls + requests[1].calls, 2);
    assert_int_equal(requests[2].calls, 0);
}

static void misuse(void **state)
{
    scene on = {.server.act = is_silent};
    asked request = {0};
    mqw_publish bad = {.topic = MQW_TEXT("a/#")};
    (void)state;
    begin(&on);
    assert_int_equal(mqw_client_request(on.client, NULL, 0, on_response, &request), MQW_E_MISUSE);
    assert_int_equal(mqw_client_request(NULL, &bad, 0, on_response, &request), MQW_E_MISUSE);
    assert_int_equal(mqw_client_request(on.client, &bad, 0, on_response, &request),
                     MQW_E_MISUSE); // while waiting
    live_until(&on.live, on.opens == 1);
    assert_int_equal(mqw_client_request(on.client, &bad, 0, on_response, &request), MQW_E_MISUSE);
    assert_int_equal(mqw_client_respond(on.client, &bad, &bad, NULL, NULL), MQW_E_REFUSED);
    assert_int_equal(mqw_client_respond(on.client, NULL, &bad, NULL, NULL), MQW_E_MISUSE);
    end(&on);
    assert_int_equal(request.calls, 0);
}

// Before 5.0 there is no response topic.
static void older_versions_cannot(void **state)
{
    scene on = {.server.act = is_silent};
    asked request = {0};
    (void)state;
    on.connect.version = MQW_3_1_1;
    on.connect.clean_start = true;
    on.options.connect = &on.connect;
    begin_open(&on);
    assert_int_equal(ask(&on, "x", 0, 0, &request), MQW_E_REFUSED);
    end(&on);
}

static bool knows_3_only(scripted *server, mqw_conn *conn, const mqw_packet *packet)
{
    static const uint8_t unacceptable[] = {0x20, 2, 0, 1};
    (void)server;
    if (packet->type != MQW_CONNECT || packet->connect.version < MQW_5_0)
        return false;
    mqw_conn_send_raw(conn, (mqw_bytes){unacceptable, sizeof unacceptable});
    mqw_conn_close(conn);
    return true;
}

static void a_server_may_turn_out_to_be_older(void **state)
{
    scene on = {.server.act = knows_3_only};
    asked request = {0};
    (void)state;
    begin(&on);
    assert_int_equal(ask(&on, "x", 0, 0, &request), 0);
    live_until(&on.live, request.calls);
    assert_int_equal(request.result, MQW_E_REFUSED);
    assert_int_equal(on.server.heard[MQW_PUBLISH], 0);
    end(&on);
}

// --- the other side ---

static void respond(mqw_client *client, const mqw_publish *publish, mqw_token token, void *ctx)
{
    mqw_publish answer = {.payload = {(const uint8_t *)"pong", 4}, .qos = 1};
    (void)token;
    *(int *)ctx = mqw_client_respond(client, publish, &answer, NULL, NULL);
}

static bool asks(scripted *server, mqw_conn *conn, const mqw_packet *packet)
{
    if (packet->type == MQW_SUBSCRIBE) {
        mqw_publish request = {.topic = MQW_TEXT("ping")};
        mqw_set(&request.props, response_topic, MQW_TEXT("my/topic"));
        mqw_set(&request.props, correlation_data, ((mqw_bytes){(const uint8_t *)"\0\1", 2}));
        mqw_conn_publish(conn, &request);
        request.props.has = 0;
        mqw_conn_publish(conn, &request);
    }
    if (packet->type == MQW_PUBLISH) {
        assert_int_equal(packet->publish.topic.len, 8);
        assert_memory_equal(packet->publish.topic.data, "my/topic", 8);
        assert_int_equal(packet->publish.props.correlation_data.len, 2);
        assert_memory_equal(packet->publish.props.correlation_data.data, "\0\1", 2);
        assert_memory_equal(packet->publish.payload.data, "pong", 4);
        *(int *)server->more += 1;
    }
    return false;
}

static void a_request_can_be_answered(void **state)
{
    int answers_heard = 0;
    int result = 99;
    scene on = {.server.act = asks, .server.more = &answers_heard};
    mqw_filter filter = {.filter = MQW_TEXT("ping")};
    (void)state;
    begin_open(&on);
    assert_int_equal(mqw_client_route(on.client, "ping", respond, &result), 0);
    assert_int_equal(mqw_client_subscribe(on.client, &filter, 1, NULL, NULL, NULL), 0);
    live_until(&on.live, answers_heard == 1 && result == MQW_E_REFUSED); // the second one names no topic
    end(&on);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_request_has_its_answer),
        cmocka_unit_test(a_request_may_be_early),
        cmocka_unit_test(the_server_may_name_the_topic),
        cmocka_unit_test(an_answer_may_never_come),
        cmocka_unit_test(a_request_does_not_wait_for_ever),
        cmocka_unit_test(bad_answers_are_passed_over),
        cmocka_unit_test(an_answer_finds_its_way_after_a_loss),
        cmocka_unit_test(the_topic_is_subscribed_to_again),
        cmocka_unit_test(a_refused_topic_ends_requests),
        cmocka_unit_test(a_topic_that_is_not_restored_is_asked_for_anew),
        cmocka_unit_test(a_refused_request_is_over),
        cmocka_unit_test(closing_ends_requests),
        cmocka_unit_test(every_call_is_legal_inside),
        cmocka_unit_test(answers_are_acknowledged),
        cmocka_unit_test(a_long_answer_is_too_large),
        cmocka_unit_test(requests_are_bounded),
        cmocka_unit_test(misuse),
        cmocka_unit_test(older_versions_cannot),
        cmocka_unit_test(a_server_may_turn_out_to_be_older),
        cmocka_unit_test(a_request_can_be_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
