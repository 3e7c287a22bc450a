// SPDX-License-Identifier: MIT
// Bytes that wait to leave: a chain of chunks, some of which refer to bytes that others share.
#include "conn/output.h"

#include <string.h>

/* ---- chunks ---- */

static mqw__chunk *spare_chunk(mqw_config *config)
{
    mqw__chunk *chunk = config->spare;
    if (!chunk)
        return mqw__alloc(&config->allocator, MQW__CHUNK_SIZE);
    config->spare = chunk->next;
    config->spares--;
    return chunk;
}

mqw__chunk *mqw__chunk_new(mqw_config *config, size_t room)
{
    bool common = room <= MQW__CHUNK_ROOM;
    size_t cap = common ? MQW__CHUNK_ROOM : room;
    if (!mqw__config_hold(config, cap))
        return NULL;
    mqw__chunk *chunk = common ? spare_chunk(config) : mqw__alloc(&config->allocator, sizeof *chunk + room);
    if (!chunk) {
        mqw__config_let_go(config, cap);
        return NULL;
    }
    *chunk = (mqw__chunk){.cap = (uint32_t)cap};
    return chunk;
}

mqw__chunk *mqw__chunk_shared(mqw_config *config, mqw_shared *shared)
{
    mqw__chunk *chunk = mqw__alloc(&config->allocator, sizeof *chunk);
    if (!chunk)
        return NULL;
    shared->refs++;
    *chunk = (mqw__chunk){.shared = shared, .end = (uint32_t)shared->bytes.len};
    return chunk;
}

static void chunk_free(mqw_config *config, mqw__chunk *chunk)
{
    mqw__config_let_go(config, chunk->cap);
    if (chunk->cap != MQW__CHUNK_ROOM) {
        mqw_shared_drop(chunk->shared);
        mqw__free(&config->allocator, chunk, sizeof *chunk + chunk->cap);
    } else if (config->spares < config->options.keep_output / MQW__CHUNK_SIZE) {
        chunk->next = config->spare;
        config->spare = chunk;
        config->spares++;
    } else {
        mqw__free(&config->allocator, chunk, MQW__CHUNK_SIZE);
    }
}

void mqw__chunks_free(mqw_config *config, mqw__chunk *first)
{
    while (first) {
        mqw__chunk *next = first->next;
        chunk_free(config, first);
        first = next;
    }
}

void mqw_shared_drop(mqw_shared *shared)
{
    if (shared && --shared->refs == 0 && shared->release)
        shared->release(shared);
}

/* ---- queues ---- */

void mqw__queue_link(mqw__queue *queue, mqw__chunk *chunk)
{
    if (!chunk)
        return;
    if (queue->last)
        queue->last->next = chunk;
    else
        queue->first = chunk;
    queue->last = chunk;
    queue->bytes += chunk->end - chunk->begin;
}

int mqw__queue_put(mqw_config *config, mqw__queue *queue, mqw_bytes bytes)
{
    size_t here = mqw__queue_left(queue);
    if (here > bytes.len)
        here = bytes.len;
    size_t rest = bytes.len - here;
    mqw__chunk *more = NULL;
    if (rest) {
        more = mqw__chunk_new(config, rest);
        if (!more)
            return MQW_E_NO_MEMORY;
        memcpy(more->data, bytes.data + here, rest);
        more->end = (uint32_t)rest;
    }
    if (here) {
        memcpy(queue->last->data + queue->last->end, bytes.data, here);
        queue->last->end += (uint32_t)here;
        queue->bytes += (uint32_t)here;
    }
    mqw__queue_link(queue, more);
    return 0;
}

void mqw__queue_mark(mqw__queue *queue)
{
    queue->last->packets++;
    queue->packets++;
}

void mqw__queue_join(mqw__queue *queue, mqw__queue *later)
{
    if (!later->first)
        return;
    if (queue->last)
        queue->last->next = later->first;
    else
        queue->first = later->first;
    queue->last = later->last;
    queue->bytes += later->bytes;
    queue->packets += later->packets;
    *later = (mqw__queue){0};
}

/* ---- what a writer sees ---- */

int mqw_conn_output(mqw_conn *conn, mqw_bytes *views, int max)
{
    int count = 0;
    for (const mqw__chunk *at = conn->output.first; at && count < max; at = at->next) {
        const uint8_t *data = at->shared ? at->shared->bytes.data : at->data;
        if (at->end > at->begin)
            views[count++] = (mqw_bytes){data + at->begin, at->end - at->begin};
    }
    return count;
}

/* The first chunk was written: it goes, and an idle connection keeps none. */
static void drop_first(mqw_config *config, mqw__queue *queue)
{
    mqw__chunk *gone = queue->first;
    queue->first = gone->next;
    if (!queue->first)
        queue->last = NULL;
    queue->packets -= gone->packets;
    chunk_free(config, gone);
}

/* Whether output that was above high_water has just fallen below low_water: the drain handler is due. */
static bool has_drained(mqw_conn *conn)
{
    if (!(conn->flags & MQW__ABOVE_HIGH) || mqw_conn_waiting(conn) >= conn->config->options.low_water)
        return false;
    conn->flags = (uint16_t)((conn->flags & ~MQW__ABOVE_HIGH) | MQW__DRAINED);
    return true;
}

int mqw_conn_written(mqw_conn *conn, size_t len)
{
    mqw__queue *queue = &conn->output;
    if (len > queue->bytes)
        len = queue->bytes;
    queue->bytes -= (uint32_t)len;
    while (queue->first) {
        size_t waiting = queue->first->end - queue->first->begin;
        if (len < waiting) {
            queue->first->begin += (uint32_t)len;
            break;
        }
        len -= waiting;
        drop_first(conn->config, queue);
    }
    return has_drained(conn);
}

void mqw_conn_want_drain(mqw_conn *conn)
{
    if (mqw_conn_waiting(conn) > 0)
        conn->flags |= MQW__ABOVE_HIGH;
}

void mqw_conn_holding(mqw_conn *conn, uint32_t bytes)
{
    mqw__extra *extra = bytes || conn->extra ? mqw__conn_extra(conn) : NULL;
    if (extra)
        extra->holding = bytes;
    if (has_drained(conn) && conn->on_output)
        conn->on_output(conn, conn->link);
}

size_t mqw_conn_waiting(const mqw_conn *conn)
{
    const mqw__extra *extra = conn->extra;
    return (size_t)conn->output.bytes + (extra ? (size_t)extra->holding + extra->later.bytes : 0);
}

/* ---- output that outlives its connection ---- */

struct mqw_output {
    mqw_config *config;
    mqw__chunk *first;
};

mqw_output *mqw_conn_take_output(mqw_conn *conn)
{
    mqw_config *config = conn->config;
    mqw_output *taken = conn->output.first ? mqw__alloc(&config->allocator, sizeof *taken) : NULL;
    if (!taken)
        return NULL;
    *taken = (mqw_output){mqw_config_keep(config), conn->output.first};
    conn->output = (mqw__queue){0};
    return taken;
}

void mqw_output_free(mqw_output *output)
{
    if (!output)
        return;
    mqw_config *config = output->config;
    mqw__chunks_free(config, output->first);
    mqw__free(&config->allocator, output, sizeof *output);
    mqw_config_free(config);
}
