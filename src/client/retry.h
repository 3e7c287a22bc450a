// SPDX-License-Identifier: MIT
// Whether, when, where and in which version a client tries again: decisions on numbers, no I/O and no clock.
//
// Servers are tried in turn, then there is a pause: random between a floor and a cap that doubles with each
// round (full jitter) and begins anew after a connection that was stable. A lost stable connection is first
// sought where it was. Version and server references change at once, without a pause, but not for ever.
#ifndef MQW_CLIENT_RETRY_H
#define MQW_CLIENT_RETRY_H

#include "client/servers.h"
#include "mqwire/client.h"

enum {
    MQW__RETRY_FLOOR = 100, /**< Shortest pause in ms, unless the longest is shorter. */
    MQW__RETRY_HOPS = 8     /**< References followed before there is a pause. */
};

typedef struct mqw__retry {
    // as the program chose
    uint32_t min, max, stable, max_attempts;
    uint8_t version; /**< 0: falls back. */
    bool once, follow, stubborn;
    // where it is
    mqw__servers servers;
    mqw__servers detour; /**< Where a server has sent us for a while; goes before `servers`. */
    uint32_t index;      /**< In servers. */
    uint32_t side;       /**< In detour, if there is one. */
    uint32_t tried;      /**< Servers that have failed in this round. */
    uint32_t rounds;     /**< Pauses since the last stable connection: the exponent. */
    uint32_t failed;     /**< Rounds without a connection since the last one: for max_attempts. */
    uint32_t attempts;   /**< Failures in a row: mqw_client_failure.attempts. */
    uint32_t hops;       /**< References followed since the last pause. */
    uint64_t opened;     /**< When the present connection was accepted. */
    bool open;           /**< There is one. */
} mqw__retry;

/** What ended a connection or an attempt. */
typedef struct mqw__ending {
    uint8_t type;       /**< MQW_CONNACK or MQW_DISCONNECT that came; 0: neither. */
    uint8_t reason;     /**< As it came: before 5.0 a return code. */
    int result;         /**< Without a packet: an mqw_result. */
    bool hopeless;      /**< It will fail again whatever the packet says: a server with a wrong proof. */
    mqw_text reference; /**< Server reference; empty: none. */
    uint64_t now;
    uint32_t random;
} mqw__ending;

/** Takes addresses, times and version from `options`. 0, or an mqw_result of mqw__servers_read. */
int mqw__retry_init(mqw__retry *retry, const mqw_client_options *options);
void mqw__retry_free(mqw__retry *retry);

/** The server to try next, or that is connected. It lives until mqw__retry_lost. */
const mqw__server *mqw__retry_server(const mqw__retry *retry);
/** The version to speak with it: 5, 4 or 3. */
uint8_t mqw__retry_version(const mqw__retry *retry);

/** CONNACK 0 has come. */
void mqw__retry_opened(mqw__retry *retry, uint64_t now);
/** The connection is gone or was not made: milliseconds until the next attempt, 0: at once; negative: never.
 */
int64_t mqw__retry_lost(mqw__retry *retry, const mqw__ending *ending);
/** The program has given it up to try at once, which is no failure: a connection is sought where it was,
 * after an attempt the next server has its turn. */
void mqw__retry_again(mqw__retry *retry, uint64_t now);

#endif
