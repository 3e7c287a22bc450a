// SPDX-License-Identifier: MIT
// A pair of streams in memory: what is written to one end waits at the other until it is read.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "stream.h"

enum { ROOM_MIN = 4096, ROOM_MAX = 256 * 1024 };

typedef struct end {
    mqw_stream stream;
    struct end *other; /**< NULL: it has closed. */
    bool other_ended;  /**< Nothing more will come. */
    uint8_t *room;     /**< What has come lies in [from, to). */
    uint32_t cap;
    uint32_t from;
    uint32_t to;
} end;

static int read_some(mqw_stream *stream, uint8_t *room, size_t cap)
{
    end *self = (end *)stream;
    size_t len = self->to - self->from;
    if (len == 0 && self->other_ended)
        return 0;
    if (len == 0)
        return -EAGAIN;
    if (len > cap)
        len = cap;
    memcpy(room, self->room + self->from, len);
    self->from += (uint32_t)len;
    if (self->from == self->to) {
        free(self->room);
        self->room = NULL;
        self->cap = self->from = self->to = 0;
    }
    if (self->other)
        mqw_stream_ready(&self->other->stream, MQW_WRITABLE);
    return (int)len;
}

// Makes room behind what waits, for up to `len` bytes; how many there are then, or an error.
static int reserve(end *self, size_t len)
{
    uint32_t waiting = self->to - self->from;
    if (self->from > 0) {
        memmove(self->room, self->room + self->from, waiting);
        self->from = 0;
        self->to = waiting;
    }
    if (len > ROOM_MAX - waiting)
        len = ROOM_MAX - waiting;
    uint32_t cap = self->cap ? self->cap : ROOM_MIN;
    while (cap < waiting + len)
        cap *= 2;
    if (cap > self->cap) {
        uint8_t *room = mqw__uv_resize(self->room, cap);
        if (!room)
            return -ENOMEM;
        self->room = room;
        self->cap = cap;
    }
    return (int)len;
}

static int write_some(mqw_stream *stream, const mqw_bytes *views, int count)
{
    end *other = ((end *)stream)->other;
    if (!other)
        return -EPIPE;
    size_t len = 0;
    for (int i = 0; i < count; i++)
        len += views[i].len;
    int room = reserve(other, len);
    if (room < 0)
        return room;
    if (room == 0)
        return -EAGAIN;
    size_t left = (size_t)room;
    for (int i = 0; i < count && left > 0; i++) {
        size_t piece = views[i].len < left ? views[i].len : left;
        memcpy(other->room + other->to, views[i].data, piece);
        other->to += (uint32_t)piece;
        left -= piece;
    }
    mqw_stream_ready(&other->stream, MQW_READABLE);
    return room;
}

static bool shut(mqw_stream *stream)
{
    end *other = ((end *)stream)->other;
    if (!other)
        return false;
    other->other_ended = true;
    mqw_stream_ready(&other->stream, MQW_READABLE);
    return true;
}

static void close_end(mqw_stream *stream)
{
    end *self = (end *)stream;
    shut(stream);
    if (self->other) {
        self->other->other = NULL;
        mqw_stream_ready(&self->other->stream, MQW_WRITABLE);
    }
    self->other = NULL;
    free(self->room);
    self->room = NULL;
    self->from = self->to = self->cap = 0;
}

static void facts(const mqw_stream *stream, mqw_stream_facts *out)
{
    (void)stream;
    strcpy(out->peer, "memory:");
}

static const mqw__stream_kind kind = {.one_loop = true,
                                      .read = read_some,
                                      .write = write_some,
                                      .shut = shut,
                                      .close = close_end,
                                      .facts = facts};

static end *make(uv_loop_t *loop)
{
    end *made = mqw__uv_new(sizeof *made);
    if (!made)
        return NULL;
    made->stream.kind = &kind;
    made->stream.uv = loop;
    made->stream.ready = MQW_READABLE | MQW_WRITABLE;
    return made;
}

int mqw_stream_pair(mqw_stream *ends[2], uv_loop_t *loop)
{
    if (!ends || !loop)
        return MQW_E_MISUSE;
    end *one = make(loop);
    end *two = one ? make(loop) : NULL;
    if (!two) {
        free(one);
        return MQW_E_NO_MEMORY;
    }
    one->other = two;
    two->other = one;
    ends[0] = &one->stream;
    ends[1] = &two->stream;
    return 0;
}
