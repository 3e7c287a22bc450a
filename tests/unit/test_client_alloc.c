// SPDX-License-Identifier: MIT
// Each allocation fails once, and once with all behind it: a call is refused or the connection is lost and
// comes back; what was accepted ends once, nothing leaks, nothing hangs.
#include <mqwire/client.h>

#include "unit/client_world.h"

static int accepted, over;

static void count(mqw_client *client, int result, const mqw_packet *answer, void *ctx)
{
    (void)client;
    (void)result;
    (void)answer;
    (void)ctx;
    over++;
}

static void publish_some(uint8_t qos)
{
    mqw_publish publish = {.topic = MQW_TEXT("topic"), .payload = bytes_of("payload"), .qos = qos};
    int result = mqw_client_publish(w.client, &publish, count, NULL);
    assert_true(result == 0 || result == MQW_E_NO_MEMORY);
    accepted += result == 0;
}

static int read_some(void *self, uint32_t offset, uint8_t *room, size_t cap)
{
    (void)self;
    (void)offset;
    memset(room, 'x', cap);
    return (int)cap;
}

static int released;

static void release(void *self)
{
    (void)self;
    released++;
}

static void publish_source(uint8_t qos)
{
    mqw_publish publish = {.topic = MQW_TEXT("topic"), .qos = qos};
    mqw_source source = {.payload_size = 100000, .read = read_some, .release = release};
    int result = mqw_client_publish_from(w.client, &publish, &source, count, NULL);
    assert_true(result == 0 || result == MQW_E_NO_MEMORY);
    accepted += result == 0;
}

static void ask(bool subscribe, const char *filter)
{
    mqw_text text = {filter, strlen(filter)};
    mqw_filter item = {.filter = text, .qos = 2};
    int result = subscribe ? mqw_client_subscribe(w.client, &item, 1, NULL, count, NULL)
                           : mqw_client_unsubscribe(w.client, &text, 1, NULL, count, NULL);
    assert_true(result == 0 || result == MQW_E_NO_MEMORY);
    accepted += result == 0;
}

// A server that answers everything.
static bool answer(mqw_conn *conn, const mqw_packet *packet)
{
    static const uint8_t granted[1] = {2};
    mqw_ack ack = {.packet_id = packet->publish.packet_id};
    mqw_suback suback = {.packet_id = packet->subscribe.packet_id, .reasons = {granted, 1}};
    mqw_connack connack = {.reason = 0};
    mqw_set(&connack.props, topic_alias_maximum, 4);
    mqw_set(&connack.props, assigned_client_id, MQW_TEXT("made"));
    switch (packet->type) {
    case MQW_CONNECT: (void)mqw_conn_connack(conn, &connack); break;
    case MQW_PUBLISH:
        if (packet->publish.qos == 1)
            (void)mqw_conn_puback(conn, &ack);
        else if (packet->publish.qos == 2)
            (void)mqw_conn_pubrec(conn, &ack);
        break;
    case MQW_PUBREL: (void)mqw_conn_pubcomp(conn, &(mqw_ack){.packet_id = packet->pubrel.packet_id}); break;
    case MQW_SUBSCRIBE: (void)mqw_conn_suback(conn, &suback); break;
    case MQW_UNSUBSCRIBE:
        suback.reasons.data = (const uint8_t *)"";
        (void)mqw_conn_unsuback(conn, &suback);
        break;
    default: break;
    }
    return true;
}

static mqw_client_options conversation(void)
{
    static const mqw_connect connect = {.clean_start = true, .keep_alive = 30};
    static const mqw_conn_options conn = {.size = sizeof conn, .stream_over = 64};
    static const mqw_websocket_options websocket = {.size = sizeof websocket, .path = "/p", .origin = "o"};
    static const mqw_open_options open = {
        .size = sizeof open, .conn = &conn, .websocket = &websocket, .proxy = "socks5://p"};
    mqw_client_options options = usual();
    options.connect = &connect;
    options.open = &open;
    options.address = "one,two";
    options.handlers.on_message = NULL;
    options.stubborn = true;
    return options;
}

static void say_some(void)
{
    static char large[200];
    memset(large, 'x', sizeof large - 1);
    mqw_publish publish = {.topic = MQW_TEXT("t"), .payload = bytes_of("p"), .qos = 1, .packet_id = 5};
    if (w.opened == 0 || present()->dead || mqw_conn_state(server()) != MQW_STATE_OPEN)
        return;
    mqw_set(&publish.props, topic_alias, 3);
    (void)mqw_conn_publish(server(), &publish);
    publish.qos = 2;
    (void)mqw_conn_publish(server(), &publish);
    publish.payload = bytes_of(large);
    publish.packet_id = 6;
    (void)mqw_conn_publish(server(), &publish);
    (void)mqw_conn_pubrel(server(), &(mqw_ack){.packet_id = 5});
    settle();
}

static void talk(void)
{
    for (uint8_t qos = 0; qos < 3; qos++)
        publish_some(qos);
    ask(true, "a/#");
    passes(100);
    for (uint8_t qos = 0; qos < 3; qos++)
        publish_some(qos);
    publish_source(0);
    publish_source(2);
    ask(true, "b");
    ask(false, "a/#");
    say_some();
    passes(100);
    if (w.opened > 0 && !present()->dead && !present()->closing)
        cut();
    publish_some(1);
    passes(20000);
    say_some();
}

// How many allocations there were.
static unsigned run(unsigned fail_at, bool fail_on)
{
    mqw_client_options options = conversation();
    unsigned made;
    memory = (heap){.fail_at = fail_at, .fail_on = fail_on};
    accepted = over = 0;
    int sources = released = 0;
    int result = start_quietly(&options);
    w.quiet = true;
    w.answer = answer;
    if (result == 0) {
        settle();
        talk();
        sources = 2;
        memory.fail_on = false; // there is memory again: everything goes on
        passes(60000);
        finish();
        assert_int_equal(over, accepted);
    } else {
        assert_int_equal(result, MQW_E_NO_MEMORY);
    }
    assert_int_equal(released, sources);
    made = memory.allocations;
    memory = (heap){.fail_at = 0};
    return made;
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    unsigned all = run(0, false);
    assert_in_range(all, 60, 2000);
    for (unsigned at = 1; at <= all; at++)
        (void)run(at, false);
}

static void all_allocations_from_one_on_may_fail(void **state)
{
    (void)state;
    unsigned all = run(0, false);
    for (unsigned at = 1; at <= all; at++)
        (void)run(at, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_may_fail),
        cmocka_unit_test(all_allocations_from_one_on_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
