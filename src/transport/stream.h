// SPDX-License-Identifier: MIT
// Streams: what all kinds have in common, and what a kind has to do.
#ifndef MQW_TRANSPORT_STREAM_H
#define MQW_TRANSPORT_STREAM_H

#include <sys/socket.h>

#include "layer.h"
#include "loop.h"
#include "mqwire/transport.h"

/** What a kind of stream can do. Errors are negative errno values (as libuv's); -EAGAIN: nothing now. */
typedef struct mqw__stream_kind {
    /** Starts to be pumped on stream->loop. 0 or an error. NULL: nothing to do. */
    int (*attach)(mqw_stream *stream);
    /** The opposite: leaves the loop, and can be attached again. NULL: nothing to do. */
    void (*detach)(mqw_stream *stream);
    /** Watches for what a descriptor is wanted for. NULL: readiness is only told (mqw__stream_ready). */
    void (*arm)(mqw_stream *stream, int what);
    /** Bytes read, 0 at the end, or an error. */
    int (*read)(mqw_stream *stream, uint8_t *room, size_t cap);
    /** Bytes written, at least 1, or an error. */
    int (*write)(mqw_stream *stream, const mqw_bytes *views, int count);
    /** Ends the sending side. Whether a peer can notice that (and may then answer with its own end). */
    bool (*shut)(mqw_stream *stream);
    /** Lets go of everything but the memory of the stream. Off the loop already. */
    void (*close)(mqw_stream *stream);
    /** Fills in peer, local and descriptor. */
    void (*facts)(const mqw_stream *stream, mqw_stream_facts *facts);
    /** The descriptor, when there is exactly one and it may be given away; else -1. NULL: -1. */
    int (*release)(mqw_stream *stream);
    bool one_loop;  /**< It cannot move to another loop. */
    bool closes_it; /**< Closing ends the sending side, too: `shut` may be left out. */
} mqw__stream_kind;

/** Whose end a stream is when something stands in between (the PROXY protocol). */
typedef struct mqw__proxied {
    struct sockaddr_storage peer;
    struct sockaddr_storage local;
    socklen_t len; /**< 0: nothing is known. */
} mqw__proxied;

struct mqw_stream {
    const mqw__stream_kind *kind;
    union {
        uv_loop_t *uv;
        mqw__loop *loop; /**< While attached. */
    };
    mqw__task *owner;      /**< To list when the stream becomes ready; NULL: nobody listens. */
    mqw__layers *layers;   /**< NULL: none. */
    mqw__proxied *proxied; /**< NULL: nothing is in between. */
    uint64_t bytes_read;
    uint64_t bytes_written;
    uint8_t ready; /**< Told, not watched: what may be tried. */
    uint8_t armed; /**< What is wanted. */
    bool closed;
    uint8_t bits;   /**< The kind's own … */
    int descriptor; /**< … and this, too. */
};

static inline uv_loop_t *mqw__stream_uv(const mqw_stream *stream)
{
    return stream->owner ? stream->loop->uv : stream->uv;
}

/** Attaches to a loop. `owner` is listed, or mqw__link_ready called, when what was armed is ready. 0 or an
 * error. */
int mqw__stream_attach(mqw_stream *stream, mqw__loop *loop, mqw__task *owner);
void mqw__stream_detach(mqw_stream *stream);
void mqw__stream_arm(mqw_stream *stream, int what);
/** What was told, is wanted, and has not been tried yet. */
int mqw__stream_told(const mqw_stream *stream);
int mqw__stream_read(mqw_stream *stream, uint8_t *room, size_t cap);
int mqw__stream_write(mqw_stream *stream, const mqw_bytes *views, int count);
/** Lets go of the descriptor or what else is below; the memory stays. */
void mqw__stream_end(mqw_stream *stream);
/** Frees the memory too. NULL is fine. */
void mqw__stream_free(mqw_stream *stream);

/** Puts a layer on top; the stream owns it, also when this fails: MQW_E_NO_MEMORY. */
int mqw__stream_push(mqw_stream *stream, mqw__layer *layer);

/** Frees a stream that is off the loop without closing what is below: its only descriptor, or -1. */
int mqw__stream_forget(mqw_stream *stream);

/** A stream over a connected or accepted socket. NULL: no memory, the socket is still the caller's. */
mqw_stream *mqw__socket_stream(uv_loop_t *uv, int fd);

#endif
