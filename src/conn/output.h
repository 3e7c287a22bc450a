// SPDX-License-Identifier: MIT
// Bytes that wait to leave: a chain of chunks, some of which refer to bytes that others share.
#ifndef MQW_CONN_OUTPUT_H
#define MQW_CONN_OUTPUT_H

#include "conn/inside.h"

/* A chunk with at least that much room, counted; NULL: no memory. */
mqw__chunk *mqw__chunk_new(mqw_config *config, size_t room);
/* A chunk that refers to shared bytes, of which it takes a reference. NULL: no memory. */
mqw__chunk *mqw__chunk_shared(mqw_config *config, mqw_shared *shared);
void mqw__chunks_free(mqw_config *config, mqw__chunk *first);

/* Room behind what waits already, without taking it. */
static inline size_t mqw__queue_left(const mqw__queue *queue)
{
    const mqw__chunk *last = queue->last;
    return last && !last->shared ? last->cap - last->end : 0;
}

/* Puts a chunk (NULL: none) behind the others. */
void mqw__queue_link(mqw__queue *queue, mqw__chunk *chunk);
/* Copies bytes behind what waits already: all of them or none. 0, or MQW_E_NO_MEMORY. */
int mqw__queue_put(mqw_config *config, mqw__queue *queue, mqw_bytes bytes);
/* A packet ends where the queue ends now. */
void mqw__queue_mark(mqw__queue *queue);
/* Puts all that waits in `later` behind what waits in `queue`. */
void mqw__queue_join(mqw__queue *queue, mqw__queue *later);

#endif
