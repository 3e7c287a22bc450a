// SPDX-License-Identifier: MIT
// What a client needs from the world: clocks, chance, a timer, streams. On libuv it is uv.c; in simulations
// time is a number.
#ifndef MQW_CLIENT_ENVIRONMENT_H
#define MQW_CLIENT_ENVIRONMENT_H

#include "mqwire/client.h"

/** The world of one client. `self` is the environment's own. Nothing here calls back into the client at once.
 */
typedef struct mqw__environment {
    void *self;
    /** Milliseconds that never run back. */
    uint64_t (*now)(void *self);
    /** Milliseconds since 1970. */
    uint64_t (*wall)(void *self);
    /** A random number. */
    uint32_t (*random)(void *self);
    /** Whether `open` could ever succeed: 0, or the mqw_result that it would give. May be NULL. */
    int (*check)(void *self, const char *address, const mqw_open_options *options);
    /** Makes a connection of role client to one server; options->config has its handlers and their context.
     * 0 with *out, or an mqw_result. What fails later comes through its `error` and `close` handlers. */
    int (*open)(void *self, const char *address, const mqw_open_options *options, mqw_conn **out);
    /** As mqw_conn_close and mqw_conn_abort: its `close` handler is heard later, once. */
    void (*close)(void *self, mqw_conn *conn);
    void (*abort)(void *self, mqw_conn *conn);
    /** As mqw_conn_flush. May be NULL. */
    void (*flush)(void *self, mqw_conn *conn);
    /** Why a stream failed, in words; `conn` NULL: why the last `open` did. Empty: not known. */
    const char *(*why)(void *self, const mqw_conn *conn);
    /** Calls mqw__client_turn when now() has reached `deadline` (UINT64_MAX: never; 0: on the next turn),
     * instead of the time set before. */
    void (*wake)(void *self, uint64_t deadline);
    /** See mqw_client_post: calls run(client, ctx) before a later mqw__client_turn. NULL: it cannot. */
    int (*post)(void *self, void (*run)(mqw_client *client, void *ctx), void *ctx);
    /** No more is to be posted; what was is run before the next mqw__client_turn. May be NULL. */
    void (*seal)(void *self);
    /** The loop; NULL: there is none. May be NULL. */
    uv_loop_t *(*loop)(void *self);
    /** The client is gone. The last call. */
    void (*free)(void *self);
} mqw__environment;

/** A client in a world that is already there, which it owns when 0 is returned. */
int mqw__client_new(mqw_client **out, const mqw__environment *environment, const mqw_client_options *options);
/** Its time has come: does what is due. It may be gone afterwards. */
void mqw__client_turn(mqw_client *client);

#endif
