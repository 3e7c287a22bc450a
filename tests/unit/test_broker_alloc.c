// SPDX-License-Identifier: MIT
// The broker when memory fails: at each allocation of a scene in turn, and from each one on. It never breaks,
// loses nothing that it holds, and works again when there is memory.
#include <mqwire/broker.h>

#include "unit/broker_world.h"

// ---- a program that decides later ----

static mqw_ticket *tickets[64];
static int count;

static int later(mqw_peer *peer)
{
    mqw_ticket *ticket = peer && count < (int)COUNT(tickets) ? mqw_peer_defer(peer) : NULL;
    if (!ticket)
        return 0;
    tickets[count++] = ticket;
    return MQW_LATER;
}

static int may_connect(mqw_broker *broker, mqw_peer *peer, const mqw_connect *connect, void *ctx)
{
    (void)broker;
    (void)ctx;
    if (connect->client_id.len && connect->client_id.data[0] == 'm')
        (void)mqw_peer_mount(peer, MQW_TEXT("m/"));
    if (mqw_peer_limits(peer))
        mqw_peer_limits(peer)->max_publish_rate = 1000;
    return later(peer);
}

static int may_publish(mqw_broker *broker, mqw_peer *peer, mqw_publish *publish, void *ctx)
{
    (void)broker;
    (void)ctx;
    publish->payload = (mqw_bytes){(const uint8_t *)"new", 3};
    return later(peer);
}

static int may_subscribe(mqw_broker *broker, mqw_peer *peer, mqw_filter *item, void *ctx)
{
    (void)broker;
    (void)item;
    (void)ctx;
    return later(peer);
}

static int step(void *self, mqw_bytes in, mqw_bytes *out)
{
    (void)self;
    *out = in;
    return in.len ? 1 : 0;
}

static int no_auth(mqw_broker *broker, mqw_peer *peer, mqw_text method, mqw_auth *out, void *ctx)
{
    (void)broker;
    (void)peer;
    (void)method;
    (void)ctx;
    *out = (mqw_auth){.size = sizeof *out, .step = step};
    return 0;
}

static void decide_all(void)
{
    mqw_props props = {0};
    mqw_set(&props, reason_string, MQW_TEXT("because"));
    for (int rounds = 0; count > 0 && rounds < 20; rounds++) {
        int some = count;
        mqw_ticket *now[COUNT(tickets)];
        memcpy(now, tickets, sizeof now);
        count = 0;
        for (int i = 0; i < some; i++) {
            mqw_publish *publish = mqw_ticket_publish(now[i]);
            if (publish)
                publish->topic = MQW_TEXT("changed");
            mqw_peer_decide(now[i], 0, &props);
        }
        settle();
    }
}

// ---- the scene ----

// A client may be gone, or not: whatever it can still say, it says.
static void tries(const char *name, const char *line)
{
    wire *at = find_wire(name);
    if (!at || at->dead)
        return;
    (void)say(at->client, line);
    settle();
    decide_all();
}

static void comes(const char *name, const char *line)
{
    wire *at = tries_to_arrive(name);
    if (!at)
        return;
    at->deaf = true;
    if (mqw__broker_serve(w.broker, at->server, NULL) < 0) {
        at->closing = true;
        settle();
        return;
    }
    tries(name, line);
}

static void scene(void)
{
    comes("a", "CONNECT version=5 client_id=\"a\" session_expiry=100 username=\"u\" will.topic=\"w\" "
               "will.payload=\"x\" will.will_delay=5 will.message_expiry=7");
    tries("a", "SUBSCRIBE packet_id=1 filter=\"#\":2 filter=\"$share/g/t\":1 filter=\"x/+/y\":0");
    comes("m", "CONNECT version=4 client_id=\"m\" will.topic=\"w\" will.payload=\"y\" will.qos=1");
    tries("m", "SUBSCRIBE packet_id=1 filter=\"t\":2 filter=\"u/+\":0");
    tries("m", "PUBLISH topic=\"t\" payload=\"1\" qos=2 packet_id=1 retain");
    tries("m", "PUBREL packet_id=1");
    tries("m", "PUBLISH topic=\"t\" payload=\"3\" qos=1 packet_id=2");
    tries("a", "PUBLISH topic=\"t\" payload=\"2\" qos=1 packet_id=1 user=\"k\":\"v\"");
    tries("a", "UNSUBSCRIBE packet_id=3 filter=\"#\"");
    comes("e", "CONNECT version=5 client_id=\"\" auth_method=\"x\" auth_data=\"d\"");
    tries("e", "AUTH reason=0x18 auth_method=\"x\"");
    tries("e", "AUTH reason=0x19 auth_method=\"x\" auth_data=\"d\"");
    tries("e", "AUTH reason=0x18 auth_method=\"x\"");
    comes("b", "CONNECT version=5 client_id=\"a\" session_expiry=10 will.topic=\"w\" will.payload=\"z\"");
    tries("b", "DISCONNECT reason=0x04 session_expiry=20");
    passes(30000);
    decide_all();
}

// Memory is there again: the broker does its work.
static void works_again(void)
{
    w.memory.fail_at = 0;
    w.memory.fail_on = w.memory.failed = false;
    comes("z", "CONNECT version=5 client_id=\"z\" clean_start");
    heard[0] = '\0';
    assert_false(wire_of("z")->dead);
    wire_of("z")->deaf = false;
    tries("z", "SUBSCRIBE packet_id=1 filter=\"changed\":1");
    tries("z", "PUBLISH topic=\"t\" payload=\"x\"");
    assert_non_null(strstr(heard, "z: SUBACK packet_id=1 reasons=0x01"));
    assert_non_null(strstr(heard, "z: PUBLISH topic=\"changed\" payload=\"new\""));
}

static bool play(unsigned fail_at, bool fail_on)
{
    const mqw_broker_options options = {.hooks = {.on_connect = may_connect,
                                                  .on_publish = may_publish,
                                                  .on_subscribe = may_subscribe,
                                                  .on_auth = no_auth}};
    count = 0;
    start(&options);
    w.memory.allocations = 0;
    w.memory.fail_at = fail_at;
    w.memory.fail_on = fail_on;
    scene();
    bool failed = w.memory.failed;
    works_again();
    finish();
    return failed;
}

static void at_each_allocation(void **state)
{
    (void)state;
    unsigned at = 1;
    while (play(at, false))
        at++;
    assert_true(at > 100);
}

static void from_each_allocation_on(void **state)
{
    (void)state;
    unsigned at = 1;
    while (play(at, true))
        at++;
    assert_true(at > 100);
}

static void a_broker_is_not_opened(void **state)
{
    (void)state;
    for (unsigned at = 1;; at++) {
        const mqw_broker_options options = {.response_information = MQW_TEXT("r"),
                                            .server_reference = MQW_TEXT("s")};
        heap *memory = &w.memory;
        static mqw_allocator allocator;
        mqw_broker_options with = options;
        const mqw__surroundings around = world_around();
        memset(&w, 0, sizeof w);
        memory->fail_at = at;
        allocator = heap_allocator(memory);
        with.allocator = &allocator;
        int result = mqw__broker_new(&w.broker, &around, &with);
        if (result == 0)
            break;
        assert_int_equal(result, MQW_E_NO_MEMORY);
        assert_int_equal(memory->held, 0);
        assert_true(at < 100);
    }
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_each_allocation),
        cmocka_unit_test(from_each_allocation_on),
        cmocka_unit_test(a_broker_is_not_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
