// SPDX-License-Identifier: MIT
// A stream of the program's own, given as a table of functions.
#include <errno.h>
#include <string.h>

#include "alloc.h"
#include "stream.h"

enum { VIEWS = 64 };

typedef struct custom {
    mqw_stream stream;
    mqw_stream_ops ops;
    void *self;
} custom;

// Results of the program's functions are mqw_results.
static int result_of(int result)
{
    if (result == MQW_E_AGAIN)
        return -EAGAIN;
    return result < 0 ? -EIO : result;
}

static int read_some(mqw_stream *stream, uint8_t *room, size_t cap)
{
    custom *own = (custom *)stream;
    int got = own->ops.read(own->self, room, cap);
    return result_of(got > 0 && (size_t)got > cap ? MQW_E_STREAM : got);
}

static size_t size_of(const mqw_bytes *views, int count)
{
    size_t size = 0;
    for (int i = 0; i < count; i++)
        size += views[i].len;
    return size;
}

static int write_some(mqw_stream *stream, const mqw_bytes *views, int count)
{
    custom *own = (custom *)stream;
    int went = own->ops.write(own->self, views, count > VIEWS ? VIEWS : count);
    bool wrong = went == 0 || (went > 0 && (size_t)went > size_of(views, count));
    return result_of(wrong ? MQW_E_STREAM : went);
}

static bool shut(mqw_stream *stream)
{
    custom *own = (custom *)stream;
    if (!own->ops.shut)
        return false;
    own->ops.shut(own->self);
    return true;
}

static void close_it(mqw_stream *stream)
{
    custom *own = (custom *)stream;
    if (own->ops.close)
        own->ops.close(own->self);
}

static void facts(const mqw_stream *stream, mqw_stream_facts *out)
{
    (void)stream;
    strcpy(out->peer, "custom:");
}

static const mqw__stream_kind kind = {
    .read = read_some, .write = write_some, .shut = shut, .close = close_it, .facts = facts};

int mqw_stream_custom(mqw_stream **out, uv_loop_t *loop, const mqw_stream_ops *ops, void *self)
{
    if (!out || !loop || !ops || !ops->read || !ops->write)
        return MQW_E_MISUSE;
    custom *own = mqw__uv_new(sizeof *own);
    if (!own)
        return MQW_E_NO_MEMORY;
    memcpy(&own->ops, ops, ops->size && ops->size < sizeof own->ops ? ops->size : sizeof own->ops);
    own->self = self;
    own->stream.kind = &kind;
    own->stream.uv = loop;
    own->stream.ready = MQW_READABLE | MQW_WRITABLE;
    *out = &own->stream;
    return 0;
}
