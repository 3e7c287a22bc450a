// SPDX-License-Identifier: MIT
// Handing a piped connection with all that is under way to another owner or another loop.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "link.h"

// What was read and not taken: the rest of what a handler is in the midst of, or what was kept.
static mqw_bytes left_over(const mqw__link *link)
{
    if (link->loop->given == link)
        return *link->loop->input;
    if (link->stash)
        return (mqw_bytes){link->stash->bytes + link->stash->from, link->stash->to - link->stash->from};
    return (mqw_bytes){NULL, 0};
}

int mqw_conn_detach(mqw_conn *conn, mqw_detached *out)
{
    mqw__link *link = conn ? mqw_conn_link(conn) : NULL;
    if (!link || !out)
        return MQW_E_MISUSE;
    if (link->phase != MQW__OPEN || link->pumping)
        return MQW_E_REFUSED;
    mqw_detached all = {.stream = link->stream};
    mqw_bytes left = left_over(link);
    if (left.len > 0) {
        all.input = mqw__uv_new(left.len);
        if (!all.input)
            return MQW_E_NO_MEMORY;
        memcpy(all.input, left.data, left.len);
        all.input_len = left.len;
    }
    if (all.stream->layers && mqw__layers_keep(all.stream->layers) < 0) {
        free(all.input);
        return MQW_E_NO_MEMORY;
    }
    if (link->loop->given == link)
        link->loop->input->len = 0;
    mqw__link_leave(link);
    *out = all;
    return 0;
}

static mqw__stash *stash_of(const mqw_detached *detached)
{
    mqw__stash *stash = mqw__uv_new(sizeof *stash + detached->input_len);
    if (stash) {
        memcpy(stash->bytes, detached->input, detached->input_len);
        stash->to = detached->input_len;
    }
    return stash;
}

static int put_on(mqw__link *link, mqw_detached *detached)
{
    if (detached->input_len > 0 && !(link->stash = stash_of(detached)))
        return UV_ENOMEM;
    int failed = mqw__link_attach(link, detached->stream);
    if (failed)
        return failed;
    link->announced = true;
    link->kept = detached->stream->layers && mqw__layers_kept(detached->stream->layers) > 0;
    free(detached->input);
    memset(detached, 0, sizeof *detached);
    return 0;
}

int mqw_conn_adopt(mqw_conn *conn, uv_loop_t *loop, mqw_detached *detached, const mqw_open_options *options,
                   const mqw_handlers *handlers, void *ctx)
{
    if (!conn || !loop || !detached || !detached->stream || detached->stream->owner || mqw_conn_link(conn))
        return MQW_E_MISUSE;
    if (detached->stream->kind->one_loop && mqw__stream_uv(detached->stream) != loop)
        return MQW_E_REFUSED;
    mqw_open_options all = mqw__options(options);
    int result = mqw__handle(conn, handlers, ctx);
    if (result < 0)
        return result;
    mqw__link *link = mqw__link_on(conn, loop, &all);
    if (!link)
        return MQW_E_NO_MEMORY;
    int failed = put_on(link, detached);
    if (!failed)
        return 0;
    mqw__link_undo(link);
    errno = -failed;
    return failed == UV_ENOMEM ? MQW_E_NO_MEMORY : MQW_E_STREAM;
}

void mqw_detached_close(mqw_detached *detached)
{
    if (!detached)
        return;
    mqw_stream_close(detached->stream);
    free(detached->input);
    memset(detached, 0, sizeof *detached);
}

int mqw_detached_descriptor(mqw_detached *detached)
{
    mqw_stream *stream = detached ? detached->stream : NULL;
    if (!stream || stream->owner || stream->layers || !stream->kind->release ||
        stream->kind->release(stream) < 0)
        return -1;
    detached->stream = NULL;
    return mqw__stream_forget(stream);
}
