// SPDX-License-Identifier: MIT
// What all kinds of streams have in common: being attached, being ready, counting bytes, facts.
#include "stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"

int mqw__stream_attach(mqw_stream *stream, mqw__loop *loop, mqw__task *owner)
{
    uv_loop_t *before = stream->uv;
    stream->loop = loop;
    stream->armed = 0;
    int failed = stream->kind->attach ? stream->kind->attach(stream) : 0;
    if (failed) {
        stream->uv = before;
        return failed;
    }
    stream->owner = owner;
    return 0;
}

void mqw__stream_detach(mqw_stream *stream)
{
    if (!stream->owner)
        return;
    if (stream->kind->detach)
        stream->kind->detach(stream);
    if (stream->loop->shown == stream)
        stream->loop->shown = NULL;
    stream->owner = NULL;
    stream->uv = stream->loop->uv;
    stream->armed = 0;
}

int mqw__stream_told(const mqw_stream *stream)
{
    return stream->ready & stream->armed;
}

void mqw__stream_arm(mqw_stream *stream, int what)
{
    stream->armed = (uint8_t)what;
    if (stream->kind->arm)
        stream->kind->arm(stream, what);
    if (mqw__stream_told(stream))
        mqw__loop_task(stream->loop, stream->owner);
}

void mqw_stream_ready(mqw_stream *stream, int what)
{
    stream->ready |= (uint8_t)(what & (MQW_READABLE | MQW_WRITABLE));
    if (stream->owner && mqw__stream_told(stream))
        mqw__loop_task(stream->loop, stream->owner);
}

int mqw__stream_read(mqw_stream *stream, uint8_t *room, size_t cap)
{
    int got = stream->kind->read(stream, room, cap);
    if (got > 0)
        stream->bytes_read += (unsigned)got;
    else if (got == -EAGAIN)
        stream->ready &= (uint8_t)~MQW_READABLE;
    return got;
}

int mqw__stream_write(mqw_stream *stream, const mqw_bytes *views, int count)
{
    int went = stream->kind->write(stream, views, count);
    if (went > 0)
        stream->bytes_written += (unsigned)went;
    else if (went == -EAGAIN)
        stream->ready &= (uint8_t)~MQW_WRITABLE;
    return went;
}

void mqw__stream_end(mqw_stream *stream)
{
    mqw__stream_detach(stream);
    if (stream->closed)
        return;
    stream->closed = true;
    if (stream->kind->close)
        stream->kind->close(stream);
}

void mqw__stream_free(mqw_stream *stream)
{
    if (!stream)
        return;
    mqw__stream_end(stream);
    mqw__layers_free(stream->layers);
    free(stream->proxied);
    free(stream);
}

int mqw__stream_push(mqw_stream *stream, mqw__layer *layer)
{
    if (!stream->layers)
        stream->layers = mqw__layers_new();
    if (!stream->layers) {
        layer->kind->free(layer);
        return MQW_E_NO_MEMORY;
    }
    mqw__layers_push(stream->layers, layer);
    return 0;
}

int mqw__stream_forget(mqw_stream *stream)
{
    int fd = stream->kind->release ? stream->kind->release(stream) : -1;
    stream->closed = true;
    mqw__stream_free(stream);
    return fd;
}

void mqw_stream_close(mqw_stream *stream)
{
    if (stream && !stream->owner)
        mqw__stream_free(stream);
}

int mqw_stream_facts_of(const mqw_stream *stream, mqw_stream_facts *facts)
{
    if (!stream || !facts)
        return MQW_E_MISUSE;
    mqw_stream_facts all;
    size_t size = facts->size && facts->size < sizeof all ? facts->size : sizeof all;
    memset(&all, 0, sizeof all);
    all.descriptor = -1;
    all.bytes_read = stream->bytes_read;
    all.bytes_written = stream->bytes_written;
    stream->kind->facts(stream, &all);
    if (stream->layers)
        mqw__layers_facts(stream->layers, &all);
    if (stream->proxied && stream->proxied->len > 0) {
        const mqw__proxied *proxied = stream->proxied;
        mqw__address_show(all.peer, sizeof all.peer, (const struct sockaddr *)&proxied->peer, proxied->len);
        mqw__address_show(all.local, sizeof all.local, (const struct sockaddr *)&proxied->local,
                          proxied->len);
    } else if (stream->proxied && !mqw__layers_bottom_ready(stream->layers)) {
        all.peer[0] = '\0'; // the proxy is not who it is
    }
    all.size = size;
    memcpy(facts, &all, size);
    return 0;
}
