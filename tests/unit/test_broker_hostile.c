// SPDX-License-Identifier: MIT
// Clients of the broker that keep to no order, under a policy that lets nearly everything pass: they end, or
// are answered, and nothing else happens.
#include <mqwire/broker.h>

#include "unit/broker_world.h"

// One of each packet, with identifiers that nobody has asked for, and with none.
static const char *const packets[] = {
    "10 0d 00 04 'MQTT' 04 02 00 3c 00 01 'a'",
    "10 0e 00 04 'MQTT' 05 02 00 3c 00 00 01 'a'",
    "20 02 00 00",
    "30 04 00 01 't' 'x'",
    "32 06 00 01 't' 00 00 'x'",
    "34 06 00 01 't' 00 00 'x'",
    "34 06 00 01 't' 00 07 'x'",
    "32 05 00 00 00 05 'x'",
    "40 02 00 00",
    "40 02 00 09",
    "50 02 00 09",
    "62 02 00 00",
    "62 02 00 09",
    "60 02 00 07",
    "70 02 00 09",
    "82 06 00 00 00 01 't' 00",
    "82 06 00 05 00 01 '#' 02",
    "82 02 00 05",
    "82 0d 00 05 00 08 '$share/g' 02",
    "90 03 00 05 00",
    "a2 05 00 00 00 01 't'",
    "a2 05 00 05 00 01 '#'",
    "a2 02 00 05",
    "b0 02 00 05",
    "c0 00",
    "d0 00",
    "e0 00",
    "f0 00",
    "f0 02 18 00",
};

static const char *const firsts[] = {
    NULL,
    "10 0d 00 04 'MQTT' 04 02 00 3c 00 01 'a'",
    "10 0e 00 04 'MQTT' 05 02 00 3c 00 00 01 'a'",
    "10 0f 00 06 'MQIsdp' 03 02 00 3c 00 01 'a'",
};

static void tries_raw(wire *at, const char *bytes)
{
    if (at->dead)
        return;
    if (mqw_conn_send_raw(at->client, hex(bytes)) == 0)
        settle();
}

// A client that says two of them, after a CONNECT or without.
static void two(const mqw_broker_options *options, size_t first, size_t one, size_t other)
{
    start(options);
    wire *at = arrives("a");
    at->deaf = true;
    assert_int_equal(mqw__broker_serve(w.broker, at->server, NULL), 0);
    if (firsts[first])
        tries_raw(at, firsts[first]);
    tries_raw(at, packets[one]);
    tries_raw(at, packets[other]);
    heard[0] = '\0';
    // it has not hurt anybody
    connects("z", "CONNECT version=4 client_id=\"z\"");
    tells("z", "PUBLISH topic=\"z\" payload=\"\" qos=1 packet_id=1");
    hears("z: CONNACK reason=0x00\nz: PUBACK packet_id=1");
    finish();
}

static void in_any_order(const mqw_broker_options *options)
{
    for (size_t first = 0; first < COUNT(firsts); first++)
        for (size_t one = 0; one < COUNT(packets); one++)
            for (size_t other = 0; other < COUNT(packets); other++)
                two(options, first, one, other);
}

static void by_the_standard(void **state)
{
    (void)state;
    in_any_order(NULL);
}

static void by_no_rule(void **state)
{
    (void)state;
    mqw_broker_options options = {.policy = MQW_POLICY_ORIGINAL};
    in_any_order(&options);
    for (int rule = 1; rule < MQW_RULE_COUNT; rule++)
        mqw_rule_add(&options.policy.ignore, (mqw_rule)rule);
    in_any_order(&options);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_the_standard),
        cmocka_unit_test(by_no_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
