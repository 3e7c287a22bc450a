// SPDX-License-Identifier: MIT
// Connecting to the broker: CONNECT and CONNACK of all three versions, identifiers, sessions, take-over.
#include <mqwire/broker.h>

#include "unit/broker_world.h"

#define V5   "CONNECT version=5 client_id=\"a\" clean_start"
#define SAYS " topic_alias_maximum=16 maximum_packet_size=1048576 receive_maximum=1024"

static void runs(void **state)
{
    (void)state;
    start(NULL);
    connects("a", "CONNECT version=4 client_id=\"a\" clean_start");
    tells("a", "SUBSCRIBE packet_id=1 filter=\"t\":1");
    connects("b", "CONNECT version=5 client_id=\"b\" clean_start");
    tells("b", "PUBLISH topic=\"t\" payload=\"x\" qos=1 packet_id=7");
    tells("b", "DISCONNECT");
    puts(heard);
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
