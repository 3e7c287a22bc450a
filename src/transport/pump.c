// SPDX-License-Identifier: MIT
// Bytes from the stream to the connection and back. Without layers nothing is copied on either way.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "foreign.h"
#include "link.h"

enum {
    VIEWS = 64,
    DIRECT_MIN = 16 * 1024, /**< A smaller room of an unfinished packet is not worth a read of its own. */
    WRITE_BUDGET = 1024 * 1024,
    SEND_BUDGET = 64 * 1024 /**< What layers are given at a time: they hold all of it. */
};

static size_t size_of(const mqw_bytes *views, int count)
{
    size_t size = 0;
    for (int i = 0; i < count; i++)
        size += views[i].len;
    return size;
}

// --- in ---

// What the connection has left of some bytes, because it was paused in their midst, is kept.
static void keep(mqw__link *link, mqw_bytes left)
{
    mqw__stash *stash = mqw__uv_new(sizeof *stash + left.len);
    if (!stash) {
        mqw__link_fail(link, UV_ENOMEM, NULL);
        return;
    }
    memcpy(stash->bytes, left.data, left.len);
    stash->to = left.len;
    link->stash = stash;
}

// Whether the link is still one that delivers, and may be given more.
static bool goes_on(const mqw__link *link)
{
    return link->phase == MQW__OPEN && !mqw_conn_paused(link->conn);
}

// Who detaches the connection in a handler takes what is left of it.
static void give(const mqw__link *link, mqw_bytes *input)
{
    link->loop->input = input;
    link->loop->given = input ? link : NULL;
}

// Calls the handlers with what they say. What is left of the bytes then is returned.
static mqw_bytes dispatch(mqw__link *link, mqw_bytes bytes)
{
    mqw_bytes left = bytes;
    give(link, &left);
    int result = mqw_conn_dispatch(link->conn, &left, NULL, NULL);
    give(link, NULL);
    if (result < 0 || link->phase != MQW__OPEN)
        left.len = 0;
    return left;
}

static bool deliver(mqw__link *link, mqw_bytes bytes)
{
    mqw_bytes left = dispatch(link, bytes);
    if (left.len > 0)
        keep(link, left);
    return goes_on(link) && !link->stash;
}

void mqw__pump_tell(mqw__link *link)
{
    mqw_bytes nothing = {NULL, 0};
    (void)mqw_conn_dispatch(link->conn, &nothing, NULL, NULL);
}

static void end_of_stream(mqw__link *link)
{
    mqw__layers *layers = link->stream->layers;
    int result = layers && link->phase < MQW__FLUSHING ? mqw__layers_end(layers) : 0;
    link->ended = true;
    if (link->phase == MQW__LINGERING)
        mqw__link_kill(link);
    else if (result < 0)
        mqw__link_refuse(link, result);
    else if (link->phase == MQW__STARTING)
        mqw__link_fail(link, UV_EOF, NULL);
    if (link->phase != MQW__OPEN)
        return;
    if (mqw_conn_end(link->conn) < 0)
        mqw__pump_tell(link);
    if (link->phase == MQW__OPEN)
        mqw__link_close(link);
}

// Layers whose work is done leave the way free.
static void drop_layers(mqw_stream *stream)
{
    if (!mqw__layers_done(stream->layers))
        return;
    mqw__layers_free(stream->layers);
    stream->layers = NULL;
}

// We close: nothing is delivered any more, but layers go on listening. They may have to answer, and the peer
// may end within them.
static void discard(mqw__link *link)
{
    mqw__layers *layers = link->stream->layers;
    mqw_bytes piece;
    int result = 0;
    do
        result = mqw__layers_next(layers, &piece);
    while (result > 0);
    link->kept = false;
    link->deaf = result < 0;
    if (link->phase == MQW__LINGERING) // what they answer can no longer be sent
        mqw__layers_wrote(layers, mqw__layers_wire(layers).len);
    if (result == 0 && mqw__layers_ended(layers) && !link->ended)
        end_of_stream(link);
}

static void pull(mqw__link *link)
{
    mqw__layers *layers = link->stream->layers;
    mqw_bytes piece = {NULL, 0};
    int result = 0;
    while ((result = mqw__layers_next(layers, &piece)) > 0) {
        give(link, &piece);
        mqw__link_begin(link);
        give(link, NULL);
        if (link->phase != MQW__OPEN || !deliver(link, piece))
            break;
    }
    if (result >= 0 && link->phase < MQW__FLUSHING) {
        link->kept = result > 0;
        mqw__link_begin(link);
    }
    if (link->phase == MQW__DEAD || link->deaf)
        return;
    if (link->phase >= MQW__FLUSHING)
        discard(link);
    else if (result < 0)
        mqw__link_refuse(link, result);
    else if (link->kept && mqw__layers_keep(layers) < 0)
        mqw__link_fail(link, UV_ENOMEM, NULL);
    else if (!link->kept && mqw__layers_ended(layers) && !link->ended)
        end_of_stream(link);
    else if (!link->kept)
        drop_layers(link->stream);
}

void mqw__pump_kept(mqw__link *link)
{
    mqw__stash *stash = link->stash;
    if (mqw_conn_paused(link->conn))
        return;
    if (stash) {
        mqw_bytes left = dispatch(link, (mqw_bytes){stash->bytes + stash->from, stash->to - stash->from});
        stash->from = stash->to - left.len;
        if (left.len > 0)
            return;
        free(stash);
        link->stash = NULL;
    }
    if (link->kept && goes_on(link))
        pull(link);
}

static void feed(mqw__link *link, uint8_t *data, size_t len)
{
    uint8_t *half = link->loop->buffer + MQW__BUFFER / 2;
    mqw__layers_feed(link->stream->layers, (mqw__span){data, len}, (mqw__span){half, MQW__BUFFER / 2});
}

static void take(mqw__link *link, uint8_t *data, size_t len)
{
    bool first = link->stream->bytes_read == len;
    const char *words = NULL;
    if (link->stream->layers) {
        feed(link, data, len);
        pull(link);
    } else if (first && (words = mqw__foreign(mqw_conn_role(link->conn), data, len))) {
        mqw__link_fail(link, UV_EPROTO, words);
    } else {
        deliver(link, (mqw_bytes){data, len});
    }
}

static void take_late(mqw__link *link, uint8_t *data, size_t len)
{
    if (!link->stream->layers || link->deaf)
        return;
    if (link->kept)
        discard(link);
    if (link->deaf || link->phase == MQW__DEAD)
        return;
    feed(link, data, len);
    discard(link);
}

// Where to read to: the shared buffer, or the room of a large packet that is unfinished.
static bool room_for(mqw__link *link, mqw__span *room)
{
    size_t budget = mqw__loop_budget(link->loop);
    uint8_t *at = NULL;
    if (link->stream->layers) {
        *room = (mqw__span){link->loop->buffer, budget < MQW__BUFFER / 2 ? budget : MQW__BUFFER / 2};
        return false;
    }
    *room = (mqw__span){link->loop->buffer, budget};
    int wanted = link->phase == MQW__OPEN ? mqw_conn_room(link->conn, &at) : 0;
    if (wanted < DIRECT_MIN)
        return false;
    *room = (mqw__span){at, (size_t)wanted < budget ? (size_t)wanted : budget};
    return true;
}

bool mqw__pump_in(mqw__link *link)
{
    mqw__span room;
    bool direct = room_for(link, &room);
    link->pumping = true;
    int got = mqw__stream_read(link->stream, room.data, room.len);
    link->pumping = false;
    if (got == -EAGAIN || link->phase == MQW__DEAD)
        return false;
    link->loop->took += got > 0 ? (size_t)got : 0;
    if (got < 0)
        mqw__link_fail(link, got, NULL);
    else if (got == 0)
        end_of_stream(link);
    else if (link->phase >= MQW__FLUSHING)
        take_late(link, room.data, (size_t)got);
    else if (!direct)
        take(link, room.data, (size_t)got);
    else if (mqw_conn_filled(link->conn, (size_t)got) >= 0)
        deliver(link, (mqw_bytes){NULL, 0});
    return got > 0;
}

// --- out ---

// Bytes written; 0: none now, or never again.
static size_t write_some(mqw__link *link, const mqw_bytes *views, int count)
{
    link->pumping = true;
    int went = mqw__stream_write(link->stream, views, count);
    link->pumping = false;
    if (link->phase == MQW__DEAD)
        return 0;
    if (went < 0 && went != -EAGAIN) {
        link->broken = went;
        mqw__loop_task(link->loop, &link->task);
        return 0;
    }
    size_t taken = went > 0 ? (size_t)went : 0;
    link->loop->gave += taken;
    link->blocked = taken < size_of(views, count);
    return taken;
}

// Fallen below low water: the handler hears of it when the link runs next.
static void written(mqw__link *link, size_t len)
{
    if (mqw_conn_written(link->conn, len))
        mqw__loop_task(link->loop, &link->task);
}

static void out_plain(mqw__link *link)
{
    mqw_bytes views[VIEWS];
    size_t total = 0;
    while (total < WRITE_BUDGET && !link->blocked && !link->broken) {
        int count = mqw_conn_output(link->conn, views, VIEWS);
        size_t taken = count > 0 ? write_some(link, views, count) : 0;
        if (taken == 0)
            return;
        written(link, taken);
        total += taken;
    }
    if (!link->blocked)
        mqw__loop_task(link->loop, &link->task);
}

static int cut(mqw_bytes *views, int count, size_t most)
{
    for (int i = 0; i < count; i++) {
        if (views[i].len >= most) {
            views[i].len = most;
            return i + 1;
        }
        most -= views[i].len;
    }
    return count;
}

// Whether the layers were given something of what the connection has.
static bool encode_some(mqw__link *link)
{
    mqw__layers *layers = link->stream->layers;
    mqw_bytes views[VIEWS];
    if (link->phase == MQW__STARTING || link->parted)
        return false;
    int count = cut(views, mqw_conn_output(link->conn, views, VIEWS), SEND_BUDGET);
    if (count <= 0)
        return false;
    int result = mqw__layers_send(layers, views, count);
    if (result < 0) {
        link->why = mqw__layers_why(layers);
        link->broken = result == MQW_E_NO_MEMORY ? UV_ENOMEM : UV_EPROTO;
        mqw__loop_task(link->loop, &link->task);
        return false;
    }
    written(link, size_of(views, count));
    return true;
}

static void out_layers(mqw__link *link)
{
    mqw__layers *layers = link->stream->layers;
    size_t total = 0;
    while (total < WRITE_BUDGET && !link->blocked && !link->broken) {
        mqw_bytes wire = mqw__layers_wire(layers);
        if (wire.len == 0 && !encode_some(link))
            return;
        if (wire.len == 0)
            continue;
        size_t taken = write_some(link, &wire, 1);
        if (link->phase == MQW__DEAD)
            return;
        mqw__layers_wrote(layers, taken);
        mqw_conn_holding(link->conn, (uint32_t)mqw__layers_wire(layers).len);
        total += taken;
    }
    if (!link->blocked && !link->broken)
        mqw__loop_task(link->loop, &link->task);
}

void mqw__pump_out(mqw__link *link)
{
    if (!link->stream || link->blocked || link->broken || link->phase > MQW__FLUSHING)
        return;
    if (link->stream->layers)
        out_layers(link);
    else if (link->phase != MQW__STARTING)
        out_plain(link);
}

bool mqw__pump_idle(const mqw__link *link)
{
    mqw_bytes view;
    if (link->stream->layers && mqw__layers_wire(link->stream->layers).len > 0)
        return false;
    return link->parted || mqw_conn_output(link->conn, &view, 1) <= 0;
}
