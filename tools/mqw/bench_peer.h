// SPDX-License-Identifier: MIT
// The connections of a load: opening many at a time, login, and how they end.
#ifndef MQW_BENCH_PEER_H
#define MQW_BENCH_PEER_H

#include <mqwire/transport.h>

#include "bench_plan.h"
#include "secure.h"

enum { CREW_SECRET = 4096, CREW_WHY = 200 };

typedef struct bench_peer bench_peer;

// What all of them share.
typedef struct bench_crew {
    const tool_settings *settings;
    const bench_plan *plan;
    const char *address;
    uv_loop_t *loop;
    mqw_config *config;
    tool_secure *secure;
    mqw_connect connect;  // as whom, client identifier apart
    bench_peer **waiting; // to be opened
    size_t waiting_count;
    size_t waiting_next;
    size_t waiting_room;
    uint32_t opening;
    uint32_t ready;     // so far
    uint32_t alive;     // connections that there are
    uint32_t lost;      // that failed, or that the broker has ended
    bool ending;        // they end because we want it
    char why[CREW_WHY]; // the first was lost
    int status;         // exit code that belongs to that
} bench_crew;

// One of them; the first member of what it is.
struct bench_peer {
    bench_crew *crew;
    mqw_conn *conn; // NULL: none
    const mqw_handlers *handlers;
    void (*on_open)(bench_peer *peer, const mqw_connack *connack); // it was let in
    void (*on_gone)(bench_peer *peer);                             // NULL: nothing to do
    const char *kind;                                              // of its client identifier
    uint32_t index;
    bool persistent;
    bool ready;     // or lost before
    bool leaving;   // it was closed by us
    uint64_t begun; // ns
};

// False: it was said what is wrong. crew_free is due in any case.
bool crew_make(bench_crew *crew, const bench_plan *plan, const char *address, uv_loop_t *loop,
               tool_secure *secure, const mqw_connect *connect);
void crew_free(bench_crew *crew);
// Adds one that is to be opened when it is its turn. False: no memory.
bool crew_add(bench_crew *crew, bench_peer *peer);
// Opens as many as may be on their way. Returns whether all are ready, or lost.
bool crew_open(bench_crew *crew);

// It may begin: its place among those being opened is free.
void peer_ready(bench_peer *peer);
// Says goodbye.
void peer_close(bench_peer *peer);
// It cannot go on. The first words are kept.
void peer_fail(bench_peer *peer, const char *words);

// Handlers that all of them have.
void peer_connected(mqw_conn *conn, void *ctx);
void peer_connack(mqw_conn *conn, const mqw_packet *packet, void *ctx);
void peer_disconnect(mqw_conn *conn, const mqw_packet *packet, void *ctx);
void peer_error(mqw_conn *conn, const mqw_error *error, void *ctx);
void peer_closed(mqw_conn *conn, void *ctx);

#define PEER_HANDLERS                                                                   \
    .size = sizeof(mqw_handlers), .connected = peer_connected, .connack = peer_connack, \
    .disconnect = peer_disconnect, .error = peer_error, .close = peer_closed

#endif
