// SPDX-License-Identifier: MIT
// Whole scenarios in which the n-th allocation fails, for each n: no crash, no leak, a clean error, and never
// a wrong topic.
#include "conn/inside.h"
#include "unit/two_ends.h"

// ---- a scenario on two ends, whose memory is one ----

typedef struct stage {
    heap memory;
    mqw_config *config;
    mqw_conn *client, *server;
    const char *expected; // the topic of the PUBLISH that is on its way
    unsigned delivered;
    bool stopped; // at the first error
    bool goes_on; // after errors, as far as they let it
} stage;

// A step that fails only because memory did.
static bool step(stage *on, int rc)
{
    if (rc >= 0)
        return true;
    assert_true(on->memory.failed);
    if (!on->stopped)
        assert_true(rc == MQW_E_NO_MEMORY || rc == MQW_E_CLOSED);
    on->stopped = true;
    return false;
}

static bool ends(const stage *on)
{
    return on->stopped && !on->goes_on;
}

static void check_publish(stage *on, const mqw_packet *packet)
{
    on->delivered++;
    if (on->expected && packet->publish.topic.len)
        same_bytes((mqw_bytes){(const uint8_t *)packet->publish.topic.data, packet->publish.topic.len},
                   bytes_of(on->expected));
}

static void deliver(stage *on, mqw_conn *to, mqw_bytes in)
{
    mqw_packet packet;
    int rc;
    while ((rc = mqw_conn_recv(to, &in, &packet)) > 0) {
        if (packet.type == MQW_PUBLISH)
            check_publish(on, &packet);
        (void)mqw_text_of(to, &packet, MQW_PAYLOAD);
    }
    mqw_error error;
    if (rc < 0 && !on->stopped) {
        assert_non_null(mqw_conn_error(to, &error));
        assert_int_equal(error.code, MQW_E_NO_MEMORY);
        assert_int_equal(error.rule, MQW_RULE_MEMORY_FULL);
    }
    (void)step(on, rc);
}

static void move(stage *on, mqw_conn *from, mqw_conn *to, size_t piece)
{
    mqw_bytes view;
    while (!ends(on) && mqw_conn_output(from, &view, 1) > 0) {
        if (view.len > piece)
            view.len = piece;
        uint8_t *copy = malloc(view.len);
        assert_non_null(copy);
        memcpy(copy, view.data, view.len);
        (void)mqw_conn_written(from, view.len);
        deliver(on, to, (mqw_bytes){copy, view.len});
        free(copy);
    }
}

static void exchange(stage *on, size_t piece)
{
    move(on, on->client, on->server, piece);
    move(on, on->server, on->client, piece);
}

static void tell(stage *on, mqw_conn *from, const char *line)
{
    if (ends(on))
        return;
    mqw_packet packet = packet_of(line);
    on->expected = packet.type == MQW_PUBLISH && packet.publish.topic.len ? packet.publish.topic.data : NULL;
    char topic[32] = "";
    if (on->expected) {
        memcpy(topic, packet.publish.topic.data, packet.publish.topic.len);
        on->expected = topic;
    }
    (void)step(on, say_packet(from, &packet));
    exchange(on, 7);
    on->expected = NULL;
}

typedef void scenario(stage *on);

static bool run(scenario *play, mqw_conn_options options, unsigned fail_at, bool fail_on, bool goes_on)
{
    stage on = {.memory = {.fail_at = fail_at, .fail_on = fail_on}, .goes_on = goes_on};
    mqw_allocator allocator = heap_allocator(&on.memory);
    options.allocator = &allocator;
    on.config = mqw_config_new(&options);
    if (on.config) {
        on.client = mqw_conn_new_shared(MQW_CLIENT, on.config);
        on.server = mqw_conn_new_shared(MQW_SERVER, on.config);
        if (on.client && on.server)
            play(&on);
        mqw_conn_free(on.client);
        mqw_conn_free(on.server);
        assert_int_equal(on.config->held, 0);
        mqw_config_free(on.config);
    }
    assert_int_equal(on.memory.held, 0);
    heard[0] = '\0';
    return on.memory.failed;
}

// Each allocation fails: alone or with all behind it; the programs give up or go on.
static void with_each_failure(scenario *play, mqw_conn_options options)
{
    assert_false(run(play, options, 0, false, false));
    for (int manner = 0; manner < 4; manner++) {
        unsigned n = 1;
        while (run(play, options, n, manner & 1, manner & 2))
            n++;
        assert_true(n > 4);
    }
}

// ---- connecting, in each version ----

static void connects(stage *on)
{
    tell(on, on->client,
         "CONNECT version=5 client_id=\"c\" auth_method=\"method\" topic_alias_maximum=9 receive_maximum=5");
    tell(on, on->server, "AUTH reason=0x18 auth_method=\"method\"");
    tell(on, on->client, "AUTH reason=0x18 auth_method=\"method\"");
    tell(on, on->server, "CONNACK auth_method=\"method\" topic_alias_maximum=9");
    tell(on, on->client, "AUTH reason=0x19 auth_method=\"method\"");
    tell(on, on->client, "DISCONNECT");
    (void)mqw_conn_end(on->server);
}

static void connects_3(stage *on)
{
    tell(on, on->client, "CONNECT version=3 client_id=\"c\"");
    tell(on, on->server, "CONNACK");
    tell(on, on->client, "SUBSCRIBE packet_id=1 filter=\"a\":0 filter=\"b\":1");
    tell(on, on->server, "SUBACK packet_id=1 reasons=0,1");
    tell(on, on->server, "PUBLISH topic=\"t\"");
}

static void connecting(void **state)
{
    (void)state;
    with_each_failure(connects, (mqw_conn_options){.answers = 7});
    with_each_failure(connects_3, (mqw_conn_options){.answers = 7});
}

// ---- aliases: the wrong topic would be worse than none ----

static void opens(stage *on)
{
    tell(on, on->client, "CONNECT version=5 client_id=\"c\" topic_alias_maximum=9");
    tell(on, on->server, "CONNACK topic_alias_maximum=3");
}

static void uses_aliases_by_recency(stage *on)
{
    static const char *const topics[] = {
        "one", "two",  "one", "three", "four",  "two",   "one",  "a much longer one",
        "one", "four", "two", "three", "three", "seven", "four", "one"};
    opens(on);
    for (size_t i = 0; i < COUNT(topics) * 2; i++) {
        char line[64];
        snprintf(line, sizeof line, "PUBLISH topic=\"%s\"", topics[i % COUNT(topics)]);
        tell(on, on->client, line);
        tell(on, on->server, line);
    }
}

// A name for each alias at the time, as the program knows it when its send succeeded.
static void uses_aliases_by_hand(stage *on)
{
    static const char *const topics[] = {"one", "two", "three", "a much longer one", "s"};
    const char *stands_for[4] = {NULL, NULL, NULL, NULL};
    opens(on);
    for (unsigned i = 0; i < 60 && !ends(on); i++) {
        unsigned alias = 1 + i * 7 % 3;
        const char *topic = i % 3 ? NULL : topics[i % COUNT(topics)];
        mqw_publish publish = {.topic = {topic, topic ? strlen(topic) : 0}};
        mqw_set(&publish.props, topic_alias, (uint16_t)alias);
        int rc = mqw_conn_publish(on->client, &publish);
        if (rc == MQW_E_REFUSED) // nobody knows it
            continue;
        if (rc == 0 && topic)
            stands_for[alias] = topic;
        on->expected = stands_for[alias];
        (void)step(on, rc);
        exchange(on, 11);
        on->expected = NULL;
    }
}

static void aliases(void **state)
{
    (void)state;
    with_each_failure(uses_aliases_by_recency, (mqw_conn_options){.alias_out = MQW_ALIAS_RECENT});
    with_each_failure(uses_aliases_by_hand, (mqw_conn_options){.alias_in = MQW_ALIAS_RESOLVE});
    with_each_failure(uses_aliases_by_hand, (mqw_conn_options){.alias_in = MQW_ALIAS_RAW});
}

// ---- large packets ----

static uint8_t large[50000];

static void sends_large_packets(stage *on)
{
    opens(on);
    for (size_t len = 500; len < sizeof large && !ends(on); len *= 3) {
        mqw_publish publish = {.topic = MQW_TEXT("t"), .payload = {large, len}, .qos = 1, .packet_id = 1};
        (void)step(on, mqw_conn_publish(on->client, &publish));
        exchange(on, 333);
    }
}

static void fills_the_room(stage *on)
{
    opens(on);
    uint8_t *at;
    size_t size;
    if (ends(on))
        return;
    mqw_publish publish = {.topic = MQW_TEXT("t"), .payload = {large, sizeof large}};
    if (!step(on, mqw_conn_publish(on->client, &publish)))
        return;
    mqw_bytes all = take_output(on->client), left = {all.data, 100};
    mqw_packet packet;
    int rc = mqw_conn_recv(on->server, &left, &packet);
    for (size_t done = 100; rc == 0 && done < all.len;) {
        rc = mqw_conn_room(on->server, &at);
        size_t len = all.len - done < 2000 ? all.len - done : 2000;
        left = (mqw_bytes){all.data + done, len};
        if (rc > 0) {
            memcpy(at, all.data + done, len = (size_t)rc < len ? (size_t)rc : len);
            assert_int_equal(mqw_conn_filled(on->server, len), 0);
            left = (mqw_bytes){NULL, 0};
        }
        done += len;
        if (rc >= 0)
            rc = mqw_conn_recv(on->server, &left, &packet);
    }
    if (step(on, rc)) {
        uint8_t *block = mqw_conn_take(on->server, &size);
        assert_non_null(block);
        same_bytes(packet.publish.payload, (mqw_bytes){large, sizeof large});
        mqw_config_give_back(on->config, block, size);
    }
    free((void *)(uintptr_t)all.data);
}

static void large_packets(void **state)
{
    (void)state;
    with_each_failure(sends_large_packets, (mqw_conn_options){.answers = MQW_ANSWER_ACKS});
    with_each_failure(sends_large_packets,
                      (mqw_conn_options){.answers = MQW_ANSWER_ACKS, .stream_over = 100});
    with_each_failure(fills_the_room, (mqw_conn_options){.version = 5});
}

// ---- payloads in pieces, shared ones, output that is taken ----

static void sends_in_pieces(stage *on)
{
    opens(on);
    mqw_publish publish = {.topic = MQW_TEXT("t"), .qos = 2, .packet_id = 1};
    if (ends(on) || !step(on, mqw_conn_publish_begin(on->client, &publish, 9000)))
        return;
    tell(on, on->client, "PINGREQ");
    for (size_t left = 9000; left > 0 && !ends(on); left -= 3000)
        (void)step(on, mqw_conn_publish_write(on->client, (mqw_bytes){large, 3000}));
    if (!on->stopped)
        (void)step(on, mqw_conn_publish_end(on->client));
    exchange(on, 100);
}

static void release(mqw_shared *shared)
{
    shared->bytes.len = 0;
}

static void sends_shared_bytes(stage *on)
{
    opens(on);
    mqw_shared shared = {.bytes = {large, 5000}, .refs = 1, .release = release};
    mqw_publish publish = {.topic = MQW_TEXT("t")};
    for (int i = 0; i < 3 && !ends(on); i++)
        (void)step(on, mqw_conn_publish_shared(on->server, &publish, &shared));
    mqw_output *taken = mqw_conn_take_output(on->server);
    mqw_conn_free(on->server);
    on->server = NULL;
    mqw_output_free(taken);
    assert_int_equal(shared.refs, 1);
    mqw_shared_drop(&shared);
    assert_int_equal(shared.bytes.len, 0);
}

static void pieces_and_shared_bytes(void **state)
{
    (void)state;
    with_each_failure(sends_in_pieces, (mqw_conn_options){.stream_over = 10, .answers = 7});
    with_each_failure(sends_in_pieces, (mqw_conn_options){.answers = 7});
    with_each_failure(sends_shared_bytes, (mqw_conn_options){.version = 5});
}

// ---- knobs ----

static void nobody_hears(mqw_conn *conn, const mqw_error *error, void *ctx)
{
    (void)conn;
    (void)error;
    ++*(unsigned *)ctx;
}

static void turns_knobs(stage *on)
{
    unsigned errors = 0;
    const mqw_handlers handlers = {.error = nobody_hears};
    (void)step(on, mqw_conn_handle(on->server, &handlers, &errors));
    (void)step(on, mqw_conn_set_encoding(on->server, MQW_BASE64));
    mqw_conn_holding(on->server, 100);
    int rc = mqw_conn_puback(on->server, NULL);
    assert_int_equal(rc, MQW_E_MISUSE); // memory or not
    mqw_error why;
    assert_non_null(mqw_conn_refusal(on->server, &why));
    assert_int_equal(why.code, MQW_E_MISUSE);
    mqw_bytes nothing = {NULL, 0};
    assert_int_equal(mqw_conn_dispatch(on->server, &nothing, NULL, NULL), 0);
    opens(on);
    tell(on, on->client, "PUBLISH topic=\"t\" payload=\"some text\"");
    mqw_bytes bad = hex("c1 00");
    assert_true(mqw_conn_dispatch(on->server, &bad, NULL, NULL) < 0 ||
                on->stopped); // the fault is told without memory, too
    assert_true(mqw_conn_error(on->server, &why) || on->stopped);
    mqw_conn_fail(on->client, MQW_E_NO_MEMORY, MQW_RULE_NONE);
}

static void knobs(void **state)
{
    (void)state;
    with_each_failure(turns_knobs, (mqw_conn_options){.version = 5});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connecting),    cmocka_unit_test(aliases),
        cmocka_unit_test(large_packets), cmocka_unit_test(pieces_and_shared_bytes),
        cmocka_unit_test(knobs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
