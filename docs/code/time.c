// SPDX-License-Identifier: MIT
// Time comes in as a number: here a made-up clock, so that an hour takes no time.
#include "ends.h"

// Sleeps until something is due at one of two connections; nothing comes in meanwhile.
static uint64_t sleep_until_due(const mqw_conn *a, const mqw_conn *b)
{
    uint64_t due = mqw_conn_deadline(a);
    return mqw_conn_deadline(b) < due ? mqw_conn_deadline(b) : due;
}

int main(void)
{
    uint64_t now = 1000;
    int pings = 0, result = 0;
    mqw_connect connect = {.client_id = MQW_TEXT("me"), .clean_start = true, .keep_alive = 60};
    const mqw_handlers handlers = {.connect = welcome};
    mqw_conn_options answers = {.answers = MQW_ANSWER_PINGREQ | MQW_ANSWER_PINGRESP, .handlers = &handlers};
    mqw_conn *client = mqw_conn_new(MQW_CLIENT, &answers);
    mqw_conn *server = mqw_conn_new(MQW_SERVER, &answers);
    CHECK(client && server);
    mqw_conn_clock(client, now);
    mqw_conn_clock(server, now);
    CHECK(mqw_conn_connect(client, &connect) == 0);
    CHECK(carry(client, server) == 0 && carry(server, client) == 0);
    while (now < 3600 * 1000) {
        now = sleep_until_due(client, server);
        pings += mqw_conn_tick(client, now) == 1;
        CHECK(mqw_conn_tick(server, now) == 0);
        CHECK(carry(client, server) == 0 && carry(server, client) == 0);
    }
    CHECK(pings == 60);
    while (result == 0) // the client has lost its power: nothing comes any more
        result = mqw_conn_tick(server, now = mqw_conn_deadline(server));
    CHECK(result == MQW_E_TIMEOUT && now == 3601 * 1000 + 90 * 1000); // 1.5 times the keep alive
    mqw_conn_free(client);
    mqw_conn_free(server);
    return 0;
}
