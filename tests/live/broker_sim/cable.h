// SPDX-License-Identifier: MIT
// A connection between a guest and the broker: bytes travel in pieces, late, stand still, and are cut
// anywhere. The broker's end does what a link does.
#ifndef MQW_BROKER_SIM_CABLE_H
#define MQW_BROKER_SIM_CABLE_H

#include "../sim/way.h"
#include "accounts.h"

typedef enum stand { FRESH, UP, CLOSING, DEAD } stand;

typedef struct cable {
    world *on;
    struct cable *next;
    mqw_conn *server; /**< The broker's end; NULL: gone. */
    mqw_conn *client; /**< The guest's; NULL: gone. */
    stand stand;      /**< Of the broker's end. */
    way up, down;     /**< To the broker, to the guest. */
    uint64_t due;     /**< Closing, dead: when it goes on. */
    bool woken;
    bool clean; /**< A cut is an end of the stream, else a failure. */
    uint8_t *kept;
    size_t kept_len;
    uint32_t latency;
    uint64_t left; /**< When nothing was on its way down for the last time. */
    // what is known of it
    unsigned who, number, life;
    unsigned crashes;     /**< Of the broker, when it was plugged. */
    bool let_in, present; /**< As the broker says. */
    bool welcomed;        /**< The guest has heard CONNACK. */
    bool farewell;        /**< The guest has sent DISCONNECT. */
    uint8_t farewell_reason;
    uint32_t farewell_expiry;
    bool identified[FILTERS]; /**< Whether the subscription has an identifier, as asked last. */
    arrival as;               /**< CONNECT, as the guest has sent it. */
} cable;

static inline void cable_die(cable *c)
{
    if (c->stand == DEAD)
        return;
    mqw_conn_shut(c->server);
    c->stand = DEAD;
    c->due = c->on->now;
    if (c->down.stalled > c->on->now)
        way_drop(&c->down);
    c->down.ended = true;
}

static inline void cable_load(cable *c)
{
    if (c->down.len == 0 && mqw_conn_waiting(c->server) == 0)
        c->left = c->on->now;
    if (way_load(&c->down, c->on, c->server, c->latency)) // as a link does: the drain handler is due
        c->woken = true;
}

static inline void cable_close(cable *c)
{
    if (c->stand >= CLOSING)
        return;
    mqw_conn_shut(c->server);
    c->stand = CLOSING;
    c->down.window = SIZE_MAX;
    cable_load(c);
    c->down.ended = true;
    c->due = c->on->now + chance(c->on, 20);
}

static inline void cable_abort(cable *c)
{
    if (one_in(c->on, 2))
        way_drop(&c->down);
    cable_die(c);
}

/* What waits to be told there: misuse, drain, an end. */
static inline void cable_tell(cable *c)
{
    mqw_bytes nothing = {NULL, 0};
    (void)mqw_conn_dispatch(c->server, &nothing, NULL, NULL);
}

static inline void cable_settle(cable *c)
{
    if (c->stand == DEAD || !c->server)
        return;
    if (mqw_conn_freed(c->server)) {
        cable_die(c);
        return;
    }
    mqw_state state = mqw_conn_state(c->server);
    if (c->stand <= UP && (state == MQW_STATE_ENDED || state == MQW_STATE_REFUSED))
        cable_close(c);
    if (c->stand <= UP)
        cable_load(c);
}

/* The broker's end hears that the guest's is gone, or that the line has failed. */
static inline void cable_gone(cable *c, bool failed)
{
    if (c->stand >= CLOSING || mqw_conn_freed(c->server)) {
        cable_die(c);
        return;
    }
    if (failed)
        mqw_conn_fail(c->server, MQW_E_STREAM, (mqw_rule)0);
    if (failed || mqw_conn_end(c->server) < 0)
        cable_tell(c);
    if (failed)
        cable_die(c);
    else
        cable_close(c);
}

static inline void cable_cut(cable *c)
{
    note(c->on, "cable %u is cut after %llu up, %llu down", c->number, (unsigned long long)c->up.passed,
         (unsigned long long)c->down.passed);
    c->up.cut_after = c->down.cut_after = NEVER;
    way_drop(&c->up);
    way_drop(&c->down);
    if (c->server && !c->clean)
        cable_gone(c, true);
}

static inline void cable_keep(cable *c, const uint8_t *bytes, size_t len)
{
    c->kept = realloc(c->kept, c->kept_len + len);
    assert_non_null(c->kept);
    memcpy(c->kept + c->kept_len, bytes, len);
    c->kept_len += len;
}

static inline void cable_hear(cable *c, const uint8_t *bytes, size_t len)
{
    if (c->stand > UP)
        return;
    mqw_bytes left = {bytes, len};
    if (c->kept_len)
        cable_keep(c, bytes, len);
    else if (mqw_conn_dispatch(c->server, &left, NULL, NULL) >= 0 && c->stand <= UP && left.len)
        cable_keep(c, left.data, left.len);
}

static inline void cable_hear_kept(cable *c)
{
    if (c->stand > UP || !c->kept_len || mqw_conn_paused(c->server))
        return;
    uint8_t *kept = c->kept;
    size_t len = c->kept_len;
    c->kept = NULL;
    c->kept_len = 0;
    cable_hear(c, kept, len);
    free(kept);
}

static inline void cable_woken(mqw_conn *conn, void *link)
{
    cable *c = link;
    c->woken = true;
    mqw_conn_clock(conn, c->on->now);
}

/* The last that is heard of the broker's end. */
static inline void cable_bury(cable *c)
{
    void *ctx = NULL;
    mqw_conn *conn = c->server;
    const mqw_handlers *handlers = mqw_conn_handlers(conn, &ctx);
    if (handlers->close && !mqw_conn_freed(conn))
        handlers->close(conn, ctx);
    mqw_conn_set_link(conn, NULL, NULL);
    mqw_conn_free(conn);
    c->server = NULL;
    free(c->kept);
    c->kept = NULL;
    c->kept_len = 0;
}

static inline void cable_opens(cable *c)
{
    void *ctx = NULL;
    const mqw_handlers *handlers = mqw_conn_handlers(c->server, &ctx);
    c->stand = UP;
    if (handlers->connected)
        handlers->connected(c->server, ctx);
}

static inline uint64_t cable_due(const cable *c)
{
    uint64_t at = NEVER;
    bool over = c->up.ended && c->up.first == c->up.end && c->server;
    bool done = c->down.ended && c->down.first == c->down.end && c->client;
    if (c->server && c->stand != UP)
        at = c->due;
    if (c->server && c->stand == UP)
        at = c->woken ? 0 : mqw_conn_deadline(c->server);
    if (c->client)
        at = sooner(at, mqw_conn_deadline(c->client));
    if (over && c->stand <= UP && c->up.stalled != NEVER)
        at = sooner(at, c->up.stalled);
    if (done && c->down.stalled != NEVER)
        at = sooner(at, c->down.stalled);
    return sooner(at, sooner(way_due(&c->up), way_due(&c->down)));
}

/* The broker's end: what is due there. */
static inline void cable_acts(cable *c)
{
    uint64_t now = c->on->now;
    mqw_conn_clock(c->server, now);
    if (c->stand == FRESH)
        cable_opens(c);
    if (c->stand == UP && mqw_conn_deadline(c->server) <= now && mqw_conn_tick(c->server, now) < 0)
        cable_tell(c);
    if (c->woken) {
        c->woken = false;
        if (c->stand == UP)
            cable_tell(c);
        cable_hear_kept(c);
    }
    if (c->stand == CLOSING && c->due <= now)
        cable_die(c);
    else if (c->stand == DEAD && c->due <= now)
        cable_bury(c);
    if (c->server)
        cable_settle(c);
}

static inline void cable_free(cable *c)
{
    free(c->up.bytes);
    free(c->down.bytes);
    free(c->kept);
    free(c);
}

#endif
