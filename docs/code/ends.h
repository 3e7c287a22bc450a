// SPDX-License-Identifier: MIT
// What the programs of this folder share: a check, and the wire between two connections.
#ifndef ENDS_H
#define ENDS_H

#include <mqwire/mqwire.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(good) ((good) ? (void)0 : check_failed(#good, __FILE__, __LINE__))

static inline void check_failed(const char *what, const char *file, int line)
{
    fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
    exit(1);
}

// Brings what waits at one end to the other, whose handlers are called. 0, or the fault.
static inline int carry(mqw_conn *from, mqw_conn *to)
{
    int result = 0;
    for (mqw_bytes view; result == 0 && mqw_conn_output(from, &view, 1) > 0;) {
        mqw_bytes in = view;
        result = mqw_conn_dispatch(to, &in, NULL, NULL);
        mqw_conn_written(from, view.len);
    }
    return result;
}

// A server's handler that lets everybody in.
static inline void welcome(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    (void)packet;
    (void)ctx;
    mqw_conn_connack(conn, &(mqw_connack){.reason = MQW_REASON_SUCCESS});
}

// CONNECT and CONNACK, with handlers as they are.
static inline void shake_hands(mqw_conn *client, mqw_conn *server, uint8_t version)
{
    mqw_connect connect = {.version = version, .client_id = MQW_TEXT("me"), .clean_start = true};
    CHECK(mqw_conn_connect(client, &connect) == 0);
    CHECK(carry(client, server) == 0);
    CHECK(carry(server, client) == 0);
    CHECK(mqw_conn_state(client) == MQW_STATE_OPEN);
}

#endif
