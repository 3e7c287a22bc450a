// SPDX-License-Identifier: MIT
// A stream between two connections in memory, on virtual time: bytes travel in pieces, late, stand still, and
// are cut anywhere. The client's end does what a link does.
#ifndef MQW_SIM_LINE_H
#define MQW_SIM_LINE_H

#include "ledger.h"
#include "way.h"

enum { LINGER = 20 };

typedef enum phase { DIALING, UP, CLOSING, DEAD } phase;

/** A connection that the client has opened. */
typedef struct line {
    world *on;
    struct line *next;
    phase phase;      /**< Of the client's end. */
    mqw_conn *client; /**< NULL: gone. */
    mqw_conn *server; /**< NULL: not there yet, or gone. */
    void *process;    /**< Who opened it. */
    way up, down;
    uint64_t due; /**< Dialing: when it is through. Closing, dead: when it goes on. */
    bool refused; /**< The dialing fails. */
    bool woken;
    bool clean; /**< A cut is an end of the stream, else a failure. */
    uint8_t *kept;
    size_t kept_len;
    uint32_t latency;
    watch seen;
} line;

// ---- the client's end, as a link ----

static inline void line_die(line *l)
{
    if (l->phase == DEAD)
        return;
    mqw_conn_shut(l->client);
    l->phase = DEAD;
    l->due = l->on->now;
    if (l->up.stalled > l->on->now) // what stood still does not arrive after all
        way_drop(&l->up);
    l->up.ended = true;
}

static inline void line_close(line *l)
{
    if (l->phase >= CLOSING)
        return;
    mqw_conn_shut(l->client);
    if (l->phase == DIALING) {
        line_die(l);
        return;
    }
    l->phase = CLOSING;
    l->up.window = SIZE_MAX;
    way_load(&l->up, l->on, l->client, l->latency);
    l->up.ended = true;
    l->due = l->on->now + chance(l->on, LINGER);
}

/* What is in flight may be lost. */
static inline void line_abort(line *l)
{
    if (one_in(l->on, 2))
        way_drop(&l->up);
    line_die(l);
}

static inline void line_tell(line *l)
{
    mqw_bytes nothing = {NULL, 0};
    (void)mqw_conn_dispatch(l->client, &nothing, NULL, NULL);
}

static inline void line_settle(line *l)
{
    if (l->phase == DEAD || !l->client)
        return;
    if (mqw_conn_freed(l->client)) {
        line_die(l);
        return;
    }
    mqw_state state = mqw_conn_state(l->client);
    if (l->phase == UP && (state == MQW_STATE_ENDED || state == MQW_STATE_REFUSED))
        line_close(l);
    if (l->phase == UP)
        way_load(&l->up, l->on, l->client, l->latency);
}

/* The stream has failed. */
static inline void line_fail(line *l)
{
    if (l->phase >= CLOSING || mqw_conn_freed(l->client)) {
        line_die(l);
        return;
    }
    mqw_conn_fail(l->client, MQW_E_STREAM, (mqw_rule)0);
    line_tell(l);
    line_die(l);
}

/* The server has ended. */
static inline void line_end(line *l)
{
    if (l->phase != UP || mqw_conn_freed(l->client)) {
        line_die(l);
        return;
    }
    if (mqw_conn_end(l->client) < 0)
        line_tell(l);
    line_close(l);
}

static inline void line_hear(line *l, const uint8_t *bytes, size_t len)
{
    if (l->phase != UP)
        return;
    mqw_bytes left = {bytes, len};
    if (l->kept_len) {
        l->kept = realloc(l->kept, l->kept_len + len);
        assert_non_null(l->kept);
        memcpy(l->kept + l->kept_len, bytes, len);
        l->kept_len += len;
        return;
    }
    if (mqw_conn_dispatch(l->client, &left, NULL, NULL) < 0 || l->phase != UP || left.len == 0)
        return;
    l->kept = malloc(left.len);
    assert_non_null(l->kept);
    memcpy(l->kept, left.data, left.len);
    l->kept_len = left.len;
}

static inline void line_hear_kept(line *l)
{
    if (l->phase != UP || !l->kept_len || mqw_conn_paused(l->client))
        return;
    uint8_t *kept = l->kept;
    size_t len = l->kept_len;
    l->kept = NULL;
    l->kept_len = 0;
    line_hear(l, kept, len);
    free(kept);
}

static inline void line_woken(mqw_conn *conn, void *link)
{
    line *l = link;
    l->woken = true;
    mqw_conn_clock(conn, l->on->now);
}

/* The last that is heard of the client's end. */
static inline void line_bury(line *l)
{
    void *ctx = NULL;
    mqw_conn *conn = l->client;
    const mqw_handlers *handlers = mqw_conn_handlers(conn, &ctx);
    bool silent = mqw_conn_freed(conn);
    mqw_conn_set_link(conn, l, NULL);
    if (handlers->close && !silent)
        handlers->close(conn, ctx);
    mqw_conn_set_link(conn, NULL, NULL);
    mqw_conn_free(conn);
    l->client = NULL;
    free(l->kept);
    l->kept = NULL;
    l->kept_len = 0;
}

static inline void line_free(line *l)
{
    free(l->up.bytes);
    free(l->down.bytes);
    free(l->kept);
    free(l);
}

#endif
