// SPDX-License-Identifier: MIT
// Layers: byte transformers between a stream and a connection. They do no I/O and are tested with arrays.
//
// Bytes that arrive are pulled up: a layer takes them from `in` and gives pieces. Bytes that leave are pushed
// down: a layer gives what it makes of them to mqw__layer_down, from where they reach the layer below and at
// last the wire: bytes that wait to be written. A layer may push at any time, also by itself (a handshake, a
// goodbye).
#ifndef MQW_TRANSPORT_LAYER_H
#define MQW_TRANSPORT_LAYER_H

#include "mqwire/packet.h"

/** Bytes that may be changed in place. */
typedef struct mqw__span {
    uint8_t *data;
    size_t len;
} mqw__span;

typedef struct mqw__layer mqw__layer;
typedef struct mqw__layers mqw__layers;
struct mqw_stream_facts;

/** What a kind of layer does. Every function returns 0 or more when all is well, else an mqw_result (see
 * why). */
typedef struct mqw__layer_kind {
    /** The layer below is ready. May push, and may be ready at once. NULL: it is. */
    int (*start)(mqw__layer *layer);
    /**
     * Moves `in` forward and gives the next piece of what it means.
     * 1: *out, valid until the next call; the layers above may change it in place. 0: `in` is empty and
     * nothing is held back. `room`: scratch that lives as long as *out, for a layer that cannot decode in
     * place; may be empty.
     */
    int (*decode)(mqw__layer *layer, mqw__span *in, mqw__span room, mqw__span *out);
    /** Takes all of the views and pushes what they become. */
    int (*encode)(mqw__layer *layer, const mqw_bytes *views, int count);
    /** The stream below has ended. An error when it may not end here. NULL: it may. */
    int (*end)(mqw__layer *layer);
    /** We end: pushes what has to be said last. NULL: nothing. */
    int (*shut)(mqw__layer *layer);
    /** Fills in what it knows. NULL: nothing. */
    void (*facts)(const mqw__layer *layer, struct mqw_stream_facts *facts);
    /** Does what is due by the clock. Returns when it is due again (UINT64_MAX: never). NULL: never. */
    uint64_t (*tick)(mqw__layer *layer, uint64_t now);
    /** Frees the layer. */
    void (*free)(mqw__layer *layer);
} mqw__layer_kind;

/** The common part of a layer; a layer's own struct starts with it. */
struct mqw__layer {
    const mqw__layer_kind *kind;
    mqw__layers *stack;
    mqw__layer *above;
    mqw__layer *below;
    mqw__span in;    /**< What the layer below gave and this one has not taken yet. */
    uint8_t *kept;   /**< `in` lies here when it had to outlive a turn. */
    const char *why; /**< In words, when a call has failed; lives as long as the layer. */
    bool started;
    bool ready;   /**< Bytes from above may pass. */
    bool through; /**< Its work is done: bytes pass as they are, both ways. */
    bool ended;   /**< The peer has ended within this layer: nothing more will come up. */
};

/** An empty stack. NULL: no memory. */
mqw__layers *mqw__layers_new(void);
/** NULL is fine. Frees the layers too. */
void mqw__layers_free(mqw__layers *stack);
/** Puts a layer on top; the stack owns it. */
void mqw__layers_push(mqw__layers *stack, mqw__layer *layer);

/** The uppermost layer; NULL: there is none. */
mqw__layer *mqw__layers_top(const mqw__layers *stack);

/** The stream is ready for bytes. */
int mqw__layers_start(mqw__layers *stack);
/** Whether all layers are. */
bool mqw__layers_ready(const mqw__layers *stack);
/** Whether the lowest one is, or there is none; also for NULL: the stack is gone. */
bool mqw__layers_bottom_ready(const mqw__layers *stack);
/** Whether no layer will do anything any more, and nothing waits: the stack may go. */
bool mqw__layers_done(const mqw__layers *stack);

/** Bytes have come from the stream. They must stay where they are until all was taken or mqw__layers_keep is
 * called. */
void mqw__layers_feed(mqw__layers *stack, mqw__span in, mqw__span room);
/** Gives the next piece for the connection: 1: *out; 0: all was taken; negative: a layer has failed. */
int mqw__layers_next(mqw__layers *stack, mqw_bytes *out);
/** Copies what nobody has taken yet, so that it outlives the bytes that were fed. MQW_E_NO_MEMORY: it is
 * lost. */
int mqw__layers_keep(mqw__layers *stack);
/** Bytes that wait to be taken. */
size_t mqw__layers_kept(const mqw__layers *stack);
/** The stream has ended, after all that was fed. Negative: it may not end there. */
int mqw__layers_end(mqw__layers *stack);
/** Whether the peer has ended within a layer. */
bool mqw__layers_ended(const mqw__layers *stack);

/** Sends bytes of the connection; all layers must be ready. */
int mqw__layers_send(mqw__layers *stack, const mqw_bytes *views, int count);
/** We end, from the top down. */
int mqw__layers_shut(mqw__layers *stack);
/** What waits to be written to the stream. It moves with the next call that may push. */
mqw_bytes mqw__layers_wire(const mqw__layers *stack);
void mqw__layers_wrote(mqw__layers *stack, size_t len);
/** Does what is due by the clock; when more will be. */
uint64_t mqw__layers_tick(mqw__layers *stack, uint64_t now);
/** Fills in what the layers know. */
void mqw__layers_facts(const mqw__layers *stack, struct mqw_stream_facts *facts);
/** Why a layer failed, in words; NULL: none did, or it has none. */
const char *mqw__layers_why(const mqw__layers *stack);

/** For layers: gives bytes to the layer below, or to the wire. */
int mqw__layer_down(mqw__layer *layer, const mqw_bytes *views, int count);
/** For layers that would rather write to the wire themselves than have it copied: room for `len` bytes, which
 * count as given when 0 is returned; or MQW_E_NO_MEMORY, or MQW_E_REFUSED: there is a layer below that wants
 * to see them. */
int mqw__layer_put(mqw__layer *layer, size_t len, uint8_t **room);

#endif
