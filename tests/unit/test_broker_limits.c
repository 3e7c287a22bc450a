// SPDX-License-Identifier: MIT
// What the broker takes from the whole world: connections in all and from one address, and how fast clients
// publish: who is too fast is read later, and loses nothing.
#include "broker/inside.h"
#include "unit/broker_world.h"

// ---- connections ----

static const char *address; // of whoever comes next; NULL: nothing is known

static int facts(void *self, const mqw_conn *conn, mqw_stream_facts *out)
{
    (void)self;
    (void)conn;
    if (!address)
        return -1;
    memset(out, 0, sizeof *out);
    (void)snprintf(out->peer, sizeof out->peer, "%s", address);
    return 0;
}

static void start_with(mqw_broker_options options)
{
    start(&options);
    w.broker->world.facts = facts;
}

static mqw_broker_status status(void)
{
    mqw_broker_status all = {.size = sizeof all};
    mqw_broker_status_of(w.broker, &all);
    return all;
}

// Whether somebody who comes from there is served.
static bool comes_from(const char *name, const char *where)
{
    address = where;
    wire *at = arrives(name);
    int result = mqw__broker_serve(w.broker, at->server, NULL);
    if (result == 0)
        return true;
    assert_int_equal(result, MQW_E_FULL);
    mqw_conn_set_link(at->server, NULL, NULL);
    mqw_conn_free(at->server);
    mqw_conn_free(at->client);
    w.opened--;
    return false;
}

static void there_are_so_many_connections(void **state)
{
    (void)state;
    start_with((mqw_broker_options){.max_connections = 2});
    assert_true(comes_from("a", NULL));
    assert_true(comes_from("b", "tcp://192.0.2.1:1"));
    assert_false(comes_from("c", NULL));
    assert_int_equal(status().connections, 2);
    assert_int_equal(status().connections_accepted, 2);
    assert_int_equal(status().connections_refused, 1);
    cut("a");
    assert_int_equal(status().connections, 1);
    assert_true(comes_from("c", NULL));
    finish();
}

static void an_address_has_so_many_of_them(void **state)
{
    static const char *const one[][2] = {
        {"tcp://192.0.2.1:1", "tcp://192.0.2.1:65535"},
        {"tcp://[2001:db8:1:2::1]:1", "tcp://[2001:db8:1:2:ffff::2]:1"},
        {"tcp://[fe80::1%eth0]:1", "tcp://[fe80::2%eth1]:7"},
        {"tcp://[::ffff:192.0.2.7]:1", "tcp://192.0.2.7:1"},
    };
    static const char *const other[] = {"tcp://192.0.2.2:1",
                                        "tcp://[2001:db8:1:3::1]:1",
                                        "unix:/run/a",
                                        "unix:/run/a",
                                        "",
                                        "fd:4",
                                        "tcp://host:1",
                                        "tcp://[::1"};
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    (void)state;
    start_with((mqw_broker_options){.max_per_address = 1});
    for (size_t i = 0; i < COUNT(one); i++) {
        assert_true(comes_from("first", one[i][0]));
        assert_false(comes_from("second", one[i][1]));
        cut("first");
        assert_true(comes_from("second", one[i][1]));
        cut("second");
    }
    assert_int_equal(status().connections_refused, COUNT(one));
    for (size_t i = 0; i < COUNT(other); i++)
        assert_true(comes_from(names[i], other[i]));
    assert_true(comes_from("i", NULL));
    assert_int_equal(status().connections, COUNT(other) + 1);
    finish();
}

// Behind a proxy it is known later, and counted once.
static void an_address_may_be_known_later(void **state)
{
    (void)state;
    start_with((mqw_broker_options){.max_per_address = 1});
    assert_true(comes_from("a", ""));
    mqw_peer *first = w.broker->peers;
    assert_true(comes_from("b", ""));
    mqw_peer *second = w.broker->peers;
    address = "tcp://192.0.2.1:1";
    assert_int_equal(mqw__limits_located(first), 0);
    assert_int_equal(mqw__limits_located(first), 0);
    assert_int_equal(mqw__limits_located(second), MQW_E_FULL);
    cut("a");
    assert_int_equal(mqw__limits_located(second), 0);
    finish();
}

static void memory_for_an_address_may_not_be_there(void **state)
{
    (void)state;
    start_with((mqw_broker_options){.max_per_address = 1});
    address = "tcp://192.0.2.1:1";
    wire *at = arrives("a");
    int result = MQW_E_NO_MEMORY;
    for (unsigned nth = 1; result == MQW_E_NO_MEMORY; nth++) {
        w.memory.fail_at = w.memory.allocations + nth;
        w.memory.failed = false;
        result = mqw__broker_serve(w.broker, at->server, NULL);
        w.memory.fail_at = 0;
        assert_int_equal(result, w.memory.failed ? MQW_E_NO_MEMORY : 0);
        assert_int_equal(status().connections, result == 0);
    }
    finish();
}

// ---- memory ----

// Subscriptions are refused, too, when all memory is taken; those that are there can still be changed.
static void subscriptions_are_bounded_by_memory(void **state)
{
    const size_t most = 300000;
    int granted = 0;
    (void)state;
    start_with((mqw_broker_options){.max_memory = most, .limits = {.max_subscriptions = UINT32_MAX}});
    is_there("a", "CONNECT version=5 client_id=\"a\" clean_start keep_alive=0");
    heard[0] = '\0';
    for (; granted < 10000 && !strstr(heard, "0x97"); granted++) {
        char line[128];
        (void)snprintf(line, sizeof line, "SUBSCRIBE packet_id=1 filter=\"dev/%05d/+\":0", granted);
        heard[0] = '\0';
        tells("a", line);
    }
    assert_in_range(granted, 500, 9999);
    assert_true(status().memory <= most);
    heard[0] = '\0';
    tells("a", "SUBSCRIBE packet_id=1 filter=\"dev/00007/+\":1");
    hears("a: SUBACK packet_id=1 reasons=0x01");
    finish();
}

// ---- rates ----

static void publish_many(const char *name, int count)
{
    for (int i = 0; i < count; i++)
        says(wire_of(name)->client, "PUBLISH topic=\"t\" payload=\"0123456789\"");
    settle();
}

static void let_in(mqw_broker_limits limits)
{
    start_with((mqw_broker_options){.limits = limits});
    is_there("a", "CONNECT version=4 client_id=\"a\" clean_start keep_alive=0");
}

// A second's worth at once, then one at a time; nothing is lost.
static void publish_rate_is_kept_by_not_reading(void **state)
{
    (void)state;
    let_in((mqw_broker_limits){.max_publish_rate = 10});
    publish_many("a", 30);
    assert_int_equal(status().publish_received, 10);
    assert_int_equal(status().paused, 1);
    passes(99);
    assert_int_equal(status().publish_received, 10);
    passes(1);
    assert_int_equal(status().publish_received, 11);
    passes(900);
    assert_int_equal(status().publish_received, 20);
    passes(1000);
    assert_int_equal(status().publish_received, 30);
    passes(100);
    assert_int_equal(status().paused, 0);
    // what was not used in long silence is no more than a second's
    passes(100000);
    publish_many("a", 30);
    assert_int_equal(status().publish_received, 40);
    finish();
}

static void byte_rate_is_kept_in_the_same_way(void **state)
{
    enum { SIZE = 15 }; // of one PUBLISH
    (void)state;
    let_in((mqw_broker_limits){.max_byte_rate = 10 * SIZE});
    publish_many("a", 30);
    assert_int_equal(status().publish_received, 10);
    passes(1000);
    assert_in_range(status().publish_received, 20, 21);
    passes(1000);
    assert_int_equal(status().publish_received, 30);
    finish();
}

// One that is larger than a second's bytes passes, and is paid for afterwards.
static void a_large_message_is_paid_for_later(void **state)
{
    (void)state;
    let_in((mqw_broker_limits){.max_byte_rate = 1, .max_publish_rate = UINT32_MAX});
    publish_many("a", 2);
    assert_int_equal(status().publish_received, 1);
    passes(14000);
    assert_int_equal(status().publish_received, 1);
    passes(1);
    assert_int_equal(status().publish_received, 2);
    finish();
}

// A client that is too fast keeps nobody waiting, and may go while it is.
static void only_who_is_too_fast_waits(void **state)
{
    (void)state;
    let_in((mqw_broker_limits){.max_publish_rate = 1});
    is_there("b", "CONNECT version=4 client_id=\"b\" clean_start keep_alive=0");
    publish_many("a", 5);
    publish_many("b", 1);
    assert_int_equal(status().publish_received, 2);
    assert_int_equal(status().paused, 2);
    cut("a");
    assert_int_equal(status().paused, 1);
    passes(1000);
    assert_int_equal(status().paused, 0);
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_are_so_many_connections),
        cmocka_unit_test(an_address_has_so_many_of_them),
        cmocka_unit_test(an_address_may_be_known_later),
        cmocka_unit_test(memory_for_an_address_may_not_be_there),
        cmocka_unit_test(subscriptions_are_bounded_by_memory),
        cmocka_unit_test(publish_rate_is_kept_by_not_reading),
        cmocka_unit_test(byte_rate_is_kept_in_the_same_way),
        cmocka_unit_test(a_large_message_is_paid_for_later),
        cmocka_unit_test(only_who_is_too_fast_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
