// SPDX-License-Identifier: MIT
// Bytes on their way from one connection to another in memory, on virtual time: in pieces, late, cut
// anywhere.
#ifndef MQW_SIM_WAY_H
#define MQW_SIM_WAY_H

#include "world.h"

enum { PIECES = 64 };

typedef struct piece {
    uint64_t at;
    size_t len;
} piece;

/** One direction. */
typedef struct way {
    uint8_t *bytes; /**< In flight. */
    size_t len, cap;
    piece pieces[PIECES];
    unsigned first, end; /**< Of pieces, modulo PIECES. */
    uint64_t passed;     /**< Bytes that have arrived. */
    uint64_t cut_after;  /**< Then the line is cut. */
    uint64_t stalled;    /**< Nothing arrives before that. */
    size_t window;       /**< Most in flight. */
    bool ended;          /**< The writer has ended: behind the last byte is the end. */
} way;

static inline void way_start(way *w, world *on)
{
    memset(w, 0, sizeof *w);
    w->cut_after = NEVER;
    w->window = one_in(on, 4) ? 50 + chance(on, 500) : 65536;
}

static inline void way_put(way *w, const uint8_t *bytes, size_t len, uint64_t at)
{
    if (w->len + len > w->cap) {
        w->cap = (w->len + len) * 2;
        w->bytes = realloc(w->bytes, w->cap);
        assert_non_null(w->bytes);
    }
    memcpy(w->bytes + w->len, bytes, len);
    w->len += len;
    if (w->end - w->first == PIECES) {
        w->pieces[(w->end - 1) % PIECES].len += len;
        return;
    }
    uint64_t before = w->end > w->first ? w->pieces[(w->end - 1) % PIECES].at : 0;
    w->pieces[w->end++ % PIECES] = (piece){at > before ? at : before, len};
}

/* All that waits in the connection, as far as the window goes, in pieces of any size, each so
 * late at most. True: the drain handler is due, which the link tells. */
static inline bool way_load(way *w, world *on, mqw_conn *conn, uint32_t latency)
{
    mqw_bytes view;
    bool drained = false;
    while (!w->ended && w->len < w->window && mqw_conn_output(conn, &view, 1) > 0) {
        size_t len = view.len < w->window - w->len ? view.len : w->window - w->len;
        if (one_in(on, 3))
            len = 1 + chance(on, (uint32_t)len);
        way_put(w, view.data, len, on->now + 1 + chance(on, latency));
        drained |= mqw_conn_written(conn, len) > 0;
    }
    return drained;
}

static inline uint64_t way_due(const way *w)
{
    if (w->first == w->end)
        return NEVER;
    uint64_t at = w->pieces[w->first % PIECES].at;
    return at > w->stalled ? at : w->stalled;
}

/* Takes the next piece off; the caller frees it. */
static inline uint8_t *way_take(way *w, size_t *len)
{
    piece *p = &w->pieces[w->first % PIECES];
    *len = p->len;
    if (w->cut_after - w->passed < *len)
        *len = (size_t)(w->cut_after - w->passed);
    uint8_t *copy = malloc(*len + 1);
    assert_non_null(copy);
    memcpy(copy, w->bytes, *len);
    w->len -= *len;
    memmove(w->bytes, w->bytes + *len, w->len);
    w->passed += *len;
    p->len -= *len;
    w->first += p->len == 0;
    return copy;
}

static inline bool way_is_cut(const way *w)
{
    return w->passed >= w->cut_after;
}

static inline void way_drop(way *w)
{
    w->len = 0;
    w->first = w->end;
    w->ended = true;
}

#endif
