// SPDX-License-Identifier: MIT
// A link pumps bytes between a stream and a connection, and keeps the connection's deadlines.
#ifndef MQW_TRANSPORT_LINK_H
#define MQW_TRANSPORT_LINK_H

#include "stream.h"

typedef enum mqw__phase {
    MQW__CONNECTING, /**< There is no stream yet. */
    MQW__STARTING,   /**< There is; its layers are not ready, or `connected` has not been heard. */
    MQW__OPEN,
    MQW__FLUSHING,  /**< We close: what is queued is written; what arrives is for layers only. */
    MQW__LINGERING, /**< Our end was sent; waiting for the peer's. */
    MQW__DEAD       /**< The stream is closed; `close` will be heard. */
} mqw__phase;

/** Bytes that the connection has not taken: it was paused. */
typedef struct mqw__stash {
    size_t from;
    size_t to;
    uint8_t bytes[];
} mqw__stash;

typedef struct mqw__link mqw__link;
typedef struct mqw__connecting mqw__connecting;

/** Each of a server's connections has one. */
struct mqw__link {
    mqw__task task;
    mqw__deadline deadline; /**< Open: the connection's. Else: when the phase must be over. */
    mqw__loop *loop;
    mqw_conn *conn;     /**< NULL: detached; the link only waits to be freed. */
    mqw_stream *stream; /**< NULL while connecting. */
    mqw_server *server; /**< That has accepted it; NULL: none. */
    union {
        mqw__link *next; /**< Of that server. */
        char *proxy;     /**< Without a server: host:port of the proxy in between, or what was said of it, in
                            `why`; NULL: none. */
    };
    mqw__link **link; /**< Of that server. */
    union {
        mqw__stash *stash;
        mqw__connecting *connecting; /**< With `dials`: what makes the stream. */
    };
    const char *why; /**< What failed, in words; NULL: nothing. */
    union {
        uint32_t close_timeout;
        uint32_t died; /**< Turn of the loop in which it did. */
    };
    uint32_t linger;
    int broken; /**< Why writing failed; 0: it did not. */
    uint8_t phase;
    uint8_t last_reads; /**< How often more is read after writing has failed. */
    bool closing : 1;   /**< We shall close as soon as there is a stream. */
    bool blocked : 1;   /**< Waiting for the stream to take more. */
    bool ended : 1;     /**< The peer's end was read. */
    bool kept : 1;      /**< Layers hold bytes that the connection has not taken. */
    bool pumping : 1;   /**< Inside a function of the stream. */
    bool parted : 1;    /**< The layers have said goodbye, or have failed. */
    bool deaf : 1;      /**< While closing: the layers understand no more of what arrives. */
    bool dials : 1;     /**< The stream is being made. */
    bool announced : 1; /**< `connected` was heard earlier, on another loop. */
};

_Static_assert(sizeof(void *) > 8 || sizeof(mqw__link) <= 136, "an idle connection stays small");

/** Links a connection; without a stream yet. NULL: no memory, or it has a link. `until`: when it must be
 * connected. */
mqw__link *mqw__link_new(mqw_conn *conn, mqw__loop *loop, const mqw_open_options *options);
/** The same on a loop of libuv. */
mqw__link *mqw__link_on(mqw_conn *conn, uv_loop_t *uv, const mqw_open_options *options);
/** Gives it its stream, which it owns then. 0, or an error (the stream is still the caller's). */
int mqw__link_attach(mqw__link *link, mqw_stream *stream);
/** Something makes the stream; NULL: no more. */
void mqw__link_dials(mqw__link *link, mqw__connecting *connecting);
/** Undoes mqw__link_new before anything else has happened. */
void mqw__link_undo(mqw__link *link);
/** The stream could not be made, or has failed: `error` as from libuv, or `why` in words. The error handler
 * hears of it. */
void mqw__link_fail(mqw__link *link, int error, const char *why);
/** A layer has failed (`result`): the error handler hears of it; its last words are still written. */
void mqw__link_refuse(mqw__link *link, int result);
/** See mqw_conn_close, mqw_conn_abort. */
void mqw__link_close(mqw__link *link);
void mqw__link_kill(mqw__link *link);
/** Takes the connection and the stream from the link, which goes by itself. */
void mqw__link_leave(mqw__link *link);
/** Once the stream and its layers are ready: `connected`. */
void mqw__link_begin(mqw__link *link);
/** Sets what is watched, and the deadline. Calls no handler. */
void mqw__link_watch(mqw__link *link);
/** The same after anything has changed: also closes what is over. */
void mqw__link_settle(mqw__link *link);

// pump.c

/** Reads once and delivers. Whether there was something to read. */
bool mqw__pump_in(mqw__link *link);
/** Delivers what was kept while the connection was paused, unless it still is. */
void mqw__pump_kept(mqw__link *link);
/** Writes what waits, as far as it goes. */
void mqw__pump_out(mqw__link *link);
/** Whether all that was sent has been written. */
bool mqw__pump_idle(const mqw__link *link);
/** Tells the handlers what waits to be told. */
void mqw__pump_tell(mqw__link *link);

/** The stream has become ready for what was wanted. */
void mqw__link_ready(mqw__task *task, int what);

// connect.c

/** Gives up, with all that is under way. */
void mqw__connect_stop(mqw__connecting *self);

// server.c

/** A connection of the server is gone, or has been detached. */
void mqw__server_left(mqw__link *link);

// open.c

/** The options with their defaults filled in. */
mqw_open_options mqw__options(const mqw_open_options *options);
/** Sets up a TCP socket as the options say. */
void mqw__options_apply(const mqw_open_options *options, mqw_stream *stream);
/** Sets up a socket that listens so that those which it accepts are set up. Whether that is so. */
bool mqw__options_inherit(const mqw_open_options *options, int fd);
/** Gives handlers to a connection; NULL leaves those that it has. */
int mqw__handle(mqw_conn *conn, const mqw_handlers *handlers, void *ctx);

#endif
