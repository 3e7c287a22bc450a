// SPDX-License-Identifier: MIT
// The stack of layers between a stream and a connection: passes bytes up and down, holds what cannot move on.
#include "layer.h"

#include <stdlib.h>
#include <string.h>

#include "alloc.h"

enum { WIRE_MIN = 4096 };

struct mqw__layers {
    mqw__layer *bottom;
    mqw__layer *top;
    mqw__span room;
    uint8_t *wire;
    size_t wire_from; /**< What waits lies between these two. */
    size_t wire_to;
    size_t wire_cap;
};

mqw__layers *mqw__layers_new(void)
{
    return mqw__uv_new(sizeof(mqw__layers));
}

void mqw__layers_free(mqw__layers *stack)
{
    if (!stack)
        return;
    for (mqw__layer *layer = stack->bottom; layer;) {
        mqw__layer *above = layer->above;
        free(layer->kept);
        layer->kind->free(layer);
        layer = above;
    }
    free(stack->wire);
    free(stack);
}

void mqw__layers_push(mqw__layers *stack, mqw__layer *layer)
{
    layer->stack = stack;
    layer->below = stack->top;
    layer->above = NULL;
    if (stack->top)
        stack->top->above = layer;
    else
        stack->bottom = layer;
    stack->top = layer;
}

mqw__layer *mqw__layers_top(const mqw__layers *stack)
{
    return stack->top;
}

// Starts each layer whose lower neighbour is ready.
static int start_from(mqw__layer *layer)
{
    for (; layer && !layer->started; layer = layer->above) {
        layer->started = true;
        if (!layer->kind->start)
            layer->ready = true;
        int result = layer->kind->start ? layer->kind->start(layer) : 0;
        if (result < 0 || !layer->ready)
            return result;
    }
    return 0;
}

int mqw__layers_start(mqw__layers *stack)
{
    return start_from(stack->bottom);
}

bool mqw__layers_ready(const mqw__layers *stack)
{
    return !stack->top || stack->top->ready;
}

bool mqw__layers_bottom_ready(const mqw__layers *stack)
{
    return !stack || !stack->bottom || stack->bottom->ready;
}

bool mqw__layers_done(const mqw__layers *stack)
{
    for (const mqw__layer *layer = stack->bottom; layer; layer = layer->above)
        if (!layer->through || layer->in.len > 0)
            return false;
    return stack->wire_from == stack->wire_to;
}

static void drop_kept(mqw__layer *layer)
{
    if (layer->in.len > 0)
        return;
    free(layer->kept);
    layer->kept = NULL;
}

// What was kept goes only when the piece that may lie in it has been taken: at the next call.
static int decode(mqw__layer *layer, mqw__span *out)
{
    drop_kept(layer);
    if (layer->through || layer->ended) {
        *out = layer->in;
        layer->in.len = 0;
        return out->len > 0 && !layer->ended;
    }
    bool was_ready = layer->ready;
    int result = layer->kind->decode(layer, &layer->in, layer->stack->room, out);
    if (result >= 0 && layer->ready && !was_ready) {
        int started = start_from(layer->above);
        return started < 0 ? started : result;
    }
    return result;
}

void mqw__layers_feed(mqw__layers *stack, mqw__span in, mqw__span room)
{
    stack->bottom->in = in;
    stack->room = room;
}

// From the top down, the first layer that has something to give gives it to its upper neighbour.
int mqw__layers_next(mqw__layers *stack, mqw_bytes *out)
{
    mqw__span piece = {0};
    for (mqw__layer *layer = stack->top; layer;) {
        int result = decode(layer, &piece);
        if (result < 0)
            return result;
        if (result == 0) {
            drop_kept(layer);
            layer = layer->below;
        } else if (layer->above) {
            layer->above->in = piece;
            layer = stack->top;
        } else {
            *out = (mqw_bytes){piece.data, piece.len};
            return 1;
        }
    }
    return 0;
}

int mqw__layers_keep(mqw__layers *stack)
{
    for (mqw__layer *layer = stack->bottom; layer; layer = layer->above) {
        if (layer->in.len == 0 || layer->kept)
            continue;
        layer->kept = mqw__uv_new(layer->in.len);
        if (!layer->kept)
            return MQW_E_NO_MEMORY;
        memcpy(layer->kept, layer->in.data, layer->in.len);
        layer->in.data = layer->kept;
    }
    stack->room = (mqw__span){0};
    return 0;
}

size_t mqw__layers_kept(const mqw__layers *stack)
{
    size_t kept = 0;
    for (const mqw__layer *layer = stack->bottom; layer; layer = layer->above)
        kept += layer->in.len;
    return kept;
}

int mqw__layers_end(mqw__layers *stack)
{
    for (mqw__layer *layer = stack->bottom; layer; layer = layer->above) {
        if (layer->through || layer->ended || !layer->started)
            continue;
        int result = layer->kind->end ? layer->kind->end(layer) : 0;
        if (result < 0)
            return result;
    }
    return 0;
}

bool mqw__layers_ended(const mqw__layers *stack)
{
    for (const mqw__layer *layer = stack->bottom; layer; layer = layer->above)
        if (layer->ended)
            return true;
    return false;
}

static bool wire_room(mqw__layers *stack, size_t len)
{
    if (stack->wire_from == stack->wire_to)
        stack->wire_from = stack->wire_to = 0;
    if (stack->wire_cap - stack->wire_to >= len)
        return true;
    size_t waiting = stack->wire_to - stack->wire_from;
    if (stack->wire_from > 0) {
        memmove(stack->wire, stack->wire + stack->wire_from, waiting);
        stack->wire_from = 0;
        stack->wire_to = waiting;
    }
    size_t cap = stack->wire_cap ? stack->wire_cap : WIRE_MIN;
    while (cap - waiting < len)
        cap *= 2;
    if (cap == stack->wire_cap)
        return true;
    uint8_t *wire = mqw__uv_resize(stack->wire, cap);
    if (!wire)
        return false;
    stack->wire = wire;
    stack->wire_cap = cap;
    return true;
}

static int to_wire(mqw__layers *stack, const mqw_bytes *views, int count)
{
    for (int i = 0; i < count; i++) {
        if (views[i].len == 0)
            continue;
        if (!wire_room(stack, views[i].len))
            return MQW_E_NO_MEMORY;
        memcpy(stack->wire + stack->wire_to, views[i].data, views[i].len);
        stack->wire_to += views[i].len;
    }
    return 0;
}

static int send_by(mqw__layers *stack, mqw__layer *layer, const mqw_bytes *views, int count)
{
    while (layer && layer->through)
        layer = layer->below;
    return layer ? layer->kind->encode(layer, views, count) : to_wire(stack, views, count);
}

int mqw__layer_down(mqw__layer *layer, const mqw_bytes *views, int count)
{
    return send_by(layer->stack, layer->below, views, count);
}

int mqw__layer_put(mqw__layer *layer, size_t len, uint8_t **room)
{
    mqw__layers *stack = layer->stack;
    for (const mqw__layer *lower = layer->below; lower; lower = lower->below)
        if (!lower->through)
            return MQW_E_REFUSED;
    if (!wire_room(stack, len))
        return MQW_E_NO_MEMORY;
    *room = stack->wire + stack->wire_to;
    stack->wire_to += len;
    return 0;
}

int mqw__layers_send(mqw__layers *stack, const mqw_bytes *views, int count)
{
    return send_by(stack, stack->top, views, count);
}

int mqw__layers_shut(mqw__layers *stack)
{
    for (mqw__layer *layer = stack->top; layer; layer = layer->below) {
        if (layer->through || !layer->started || !layer->kind->shut)
            continue;
        int result = layer->kind->shut(layer);
        if (result < 0)
            return result;
    }
    return 0;
}

mqw_bytes mqw__layers_wire(const mqw__layers *stack)
{
    size_t len = stack->wire_to - stack->wire_from;
    return (mqw_bytes){len > 0 ? stack->wire + stack->wire_from : NULL, len};
}

// An idle connection keeps no buffer.
void mqw__layers_wrote(mqw__layers *stack, size_t len)
{
    stack->wire_from += len;
    if (stack->wire_from < stack->wire_to)
        return;
    free(stack->wire);
    stack->wire = NULL;
    stack->wire_from = stack->wire_to = stack->wire_cap = 0;
}

uint64_t mqw__layers_tick(mqw__layers *stack, uint64_t now)
{
    uint64_t next = UINT64_MAX;
    for (mqw__layer *layer = stack->bottom; layer; layer = layer->above) {
        uint64_t due = layer->kind->tick && layer->ready ? layer->kind->tick(layer, now) : UINT64_MAX;
        next = due < next ? due : next;
    }
    return next;
}

void mqw__layers_facts(const mqw__layers *stack, struct mqw_stream_facts *facts)
{
    for (const mqw__layer *layer = stack->bottom; layer; layer = layer->above)
        if (layer->kind->facts)
            layer->kind->facts(layer, facts);
}

const char *mqw__layers_why(const mqw__layers *stack)
{
    for (const mqw__layer *layer = stack->bottom; layer; layer = layer->above)
        if (layer->why)
            return layer->why;
    return NULL;
}
