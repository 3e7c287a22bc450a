// SPDX-License-Identifier: MIT
// The queue of a session: its bounds, QoS 0 that waits for room in the output, and what expires meanwhile.
#include <string.h>

#include "outgoing.h"

enum { MOST_IDS = 255, LEAST_PAUSE = 1000 }; // milliseconds between looks through QoS 0 that waits

struct mqw__waiting {
    mqw__session *session;
    mqw__delivery *first, **last;
    mqw__deadline due;
    uint64_t soonest; // when one of QoS 0 expires, by the wall clock, or earlier; UINT64_MAX: never
    uint64_t looked;  // when QoS 0 was looked through last
};

// --- deliveries ---

static size_t size_of(size_t id_count)
{
    return sizeof(mqw__delivery) + id_count * sizeof(uint32_t);
}

mqw__delivery *mqw__waiting_new(mqw__session *session, mqw__letter *letter, const mqw__terms *terms)
{
    mqw_broker *broker = session->broker;
    size_t id_count = terms->id_count < MOST_IDS ? terms->id_count : MOST_IDS;
    mqw__delivery *delivery = mqw__mail_take(broker, size_of(id_count));
    if (!delivery)
        return NULL;
    memset(delivery, 0, sizeof *delivery);
    delivery->letter = letter;
    delivery->group = terms->group;
    delivery->retain = terms->retain;
    delivery->id_count = (uint8_t)id_count;
    for (uint8_t i = 0; i < delivery->id_count; i++)
        delivery->ids[i] = terms->ids[i];
    size_t bytes = mqw__letter_size(letter);
    session->queued++;
    session->queued_bytes += bytes;
    broker->counts.queued++;
    broker->counts.queued_bytes += bytes;
    return delivery;
}

void mqw__waiting_free(mqw__session *session, mqw__delivery *delivery)
{
    mqw_broker *broker = session->broker;
    size_t bytes = mqw__letter_size(delivery->letter);
    session->queued--;
    session->queued_bytes -= bytes;
    broker->counts.queued--;
    broker->counts.queued_bytes -= bytes;
    mqw__letter_drop(delivery->letter);
    mqw__mail_give(broker, delivery, size_of(delivery->id_count));
}

// --- QoS 0 that waits ---

static void on_due(mqw__deadline *deadline);

static mqw__waiting *waiting_of(mqw__session *session)
{
    if (session->waiting)
        return session->waiting;
    mqw__waiting *waiting = mqw__broker_new_block(session->broker, sizeof *waiting);
    if (!waiting)
        return NULL;
    waiting->session = session;
    waiting->last = &waiting->first;
    waiting->due.fire = on_due;
    waiting->soonest = UINT64_MAX;
    session->waiting = waiting;
    return waiting;
}

bool mqw__waiting_any(const mqw__session *session)
{
    return session->waiting && session->waiting->first;
}

// Takes out the one that *link points at.
static mqw__delivery *unlink_at(mqw__waiting *waiting, mqw__delivery **link)
{
    mqw__delivery *delivery = *link;
    *link = delivery->next;
    if (!*link)
        waiting->last = link;
    return delivery;
}

static void drop_at(mqw__session *session, mqw__delivery **link, mqw_drop why)
{
    mqw__delivery *delivery = unlink_at(session->waiting, link);
    mqw__letter *letter = mqw__letter_keep(delivery->letter);
    mqw__waiting_free(session, delivery);
    mqw__outgoing_dropped(session, letter, why);
    mqw__letter_drop(letter);
}

void mqw__waiting_drop(mqw__session *session)
{
    while (mqw__waiting_any(session))
        drop_at(session, &session->waiting->first, MQW_DROP_SESSION_OVER);
}

void mqw__waiting_end(mqw__session *session)
{
    mqw__waiting *waiting = session->waiting;
    if (!waiting)
        return;
    while (waiting->first)
        mqw__waiting_free(session, unlink_at(waiting, &waiting->first));
    mqw__broker_undue(session->broker, &waiting->due);
    mqw__broker_free_block(session->broker, waiting, sizeof *waiting);
    session->waiting = NULL;
}

// --- bounds ---

bool mqw__waiting_has_room(const mqw__session *session, size_t size)
{
    const mqw_broker_limits *limits = mqw__limits_of(session);
    return session->queued < limits->max_queued && session->queued_bytes + size <= limits->max_queued_bytes;
}

static void close_full(mqw__session *session)
{
    if (session->peer)
        mqw__peer_end(session->peer, MQW_REASON_QUOTA_EXCEEDED, "its queue is full");
    mqw__session_doom(session);
}

// Those of QoS 0 give way, the oldest first. A hook that hears of them does not take their place.
static bool make_room(mqw__session *session, size_t size)
{
    mqw_broker *broker = session->broker;
    const mqw__session *outer = broker->freeing;
    broker->freeing = session;
    while (!mqw__waiting_has_room(session, size) && mqw__waiting_any(session))
        drop_at(session, &session->waiting->first, MQW_DROP_QUEUE_FULL);
    broker->freeing = outer;
    return mqw__waiting_has_room(session, size);
}

int mqw__waiting_room(mqw__session *session, size_t size)
{
    if (session->broker->freeing == session)
        return (int)MQW_DROP_QUEUE_FULL;
    if (mqw__waiting_has_room(session, size))
        return 0;
    uint8_t policy = mqw__limits_of(session)->when_full;
    if (policy == MQW_QUEUE_DROP_OLDEST && make_room(session, size))
        return 0;
    if (policy == MQW_QUEUE_CLOSE)
        close_full(session);
    return (int)MQW_DROP_QUEUE_FULL;
}

// --- coming and going ---

static int dropped(mqw__session *session, const mqw__post *post, mqw_drop why)
{
    mqw__broker_dropped(session, post->publish, why);
    return (int)why;
}

int mqw__waiting_add(mqw__session *session, mqw__post *post, const mqw__terms *terms)
{
    int full = mqw__waiting_room(session, mqw__post_size(post));
    if (full)
        return dropped(session, post, (mqw_drop)full);
    mqw__waiting *waiting = waiting_of(session);
    mqw__letter *letter = waiting ? mqw__post_keep(session->broker, post) : NULL;
    mqw__delivery *delivery = letter ? mqw__waiting_new(session, letter, terms) : NULL;
    if (!delivery) {
        mqw__letter_drop(letter);
        return dropped(session, post, MQW_DROP_NO_MEMORY);
    }
    *waiting->last = delivery;
    waiting->last = &delivery->next;
    mqw_conn_want_drain(mqw__conn_of(session));
    if (post->expires < waiting->soonest) {
        waiting->soonest = post->expires;
        mqw__waiting_settle(session);
    }
    return 0;
}

static int pass(mqw__session *session, mqw_conn *conn, const mqw__delivery *delivery, mqw__post *post)
{
    mqw__terms terms = {.ids = delivery->ids, .id_count = delivery->id_count, .retain = delivery->retain};
    if (post->expires < mqw__broker_wall(session->broker))
        return MQW_E_EXPIRED;
    return mqw__outgoing_pass(session, conn, post, &terms);
}

static mqw_drop reason_of(int result)
{
    return result == MQW_E_EXPIRED     ? MQW_DROP_EXPIRED
           : result == MQW_E_TOO_LARGE ? MQW_DROP_TOO_LARGE
                                       : MQW_DROP_REFUSED;
}

// What became of the first one. True: it has left, or never will.
static bool sent(mqw__session *session, const mqw_publish *publish, int result)
{
    mqw__waiting *waiting = session->waiting;
    if (result == MQW_E_NO_MEMORY)
        mqw__outgoing_retry(session);
    if (result == MQW_E_NO_MEMORY || result == MQW_E_BUSY || result == MQW_E_CLOSED)
        return false;
    if (result < 0) {
        drop_at(session, &waiting->first, reason_of(result));
        return true;
    }
    bool retain = waiting->first->retain;
    mqw__waiting_free(session, unlink_at(waiting, &waiting->first));
    mqw__outgoing_delivered(session, publish, 0, retain);
    return true;
}

static bool send_first(mqw__session *session, mqw_conn *conn)
{
    const mqw__delivery *delivery = session->waiting->first;
    mqw_publish publish;
    mqw__post post;
    mqw__post_of(&post, &publish, delivery->letter);
    bool gone = sent(session, &publish, pass(session, conn, delivery, &post));
    mqw__post_end(&post);
    return gone;
}

void mqw__waiting_go_on(mqw__session *session, mqw_conn *conn)
{
    while (mqw__waiting_any(session)) {
        if (!mqw__output_takes(session, conn) || !send_first(session, conn)) {
            mqw_conn_want_drain(conn);
            return;
        }
    }
    if (session->waiting && !session->waiting->due.link)
        mqw__waiting_end(session);
}

// --- time ---

static void set_due(mqw__waiting *waiting, uint64_t after)
{
    mqw_broker *broker = waiting->session->broker;
    uint64_t at = mqw__broker_now(broker) + after;
    if (!waiting->due.link || waiting->due.at > at)
        mqw__broker_due(broker, &waiting->due, at);
}

bool mqw__waiting_again(mqw__session *session, uint32_t after)
{
    mqw__waiting *waiting = waiting_of(session);
    if (waiting)
        set_due(waiting, after);
    return waiting != NULL;
}

void mqw__waiting_settle(mqw__session *session)
{
    uint64_t expires = session->promises ? mqw_session_expiry(session->promises) : UINT64_MAX;
    if (session->waiting && session->waiting->soonest < expires)
        expires = session->waiting->soonest;
    mqw__waiting *waiting = expires != UINT64_MAX ? waiting_of(session) : NULL;
    if (!waiting) // without memory what has expired goes when it is its turn to leave
        return;
    uint64_t wall = mqw__broker_wall(session->broker);
    set_due(waiting, expires > wall ? expires - wall : 0);
}

static void expire_promises(mqw__session *session, uint64_t wall)
{
    for (mqw_promise *promise;
         session->promises && (promise = mqw_session_expired(session->promises, wall));) {
        mqw__delivery *delivery = mqw__outgoing_end(session, promise);
        mqw__letter *letter = mqw__letter_keep(delivery->letter);
        mqw__waiting_free(session, delivery);
        mqw__outgoing_dropped(session, letter, MQW_DROP_EXPIRED);
        mqw__letter_drop(letter);
    }
}

// Takes those of QoS 0 that have expired out of the queue, before anybody hears of them.
static mqw__delivery *take_expired(mqw__waiting *waiting, uint64_t wall)
{
    mqw__delivery *gone = NULL, **end = &gone;
    waiting->soonest = UINT64_MAX;
    for (mqw__delivery **link = &waiting->first; *link;) {
        uint64_t expires = (*link)->letter->expires;
        if (expires <= wall) {
            mqw__delivery *delivery = unlink_at(waiting, link);
            delivery->next = NULL;
            *end = delivery;
            end = &delivery->next;
        } else {
            waiting->soonest = expires < waiting->soonest ? expires : waiting->soonest;
            link = &(*link)->next;
        }
    }
    return gone;
}

static void expire_waiting(mqw__session *session, uint64_t wall)
{
    for (mqw__delivery *gone = take_expired(session->waiting, wall), *next; gone; gone = next) {
        mqw__letter *letter = mqw__letter_keep(gone->letter);
        next = gone->next;
        mqw__waiting_free(session, gone);
        mqw__outgoing_dropped(session, letter, MQW_DROP_EXPIRED);
        mqw__letter_drop(letter);
    }
}

// Not too often, for it looks at all of them.
static void look_through(mqw__session *session, uint64_t wall)
{
    mqw__waiting *waiting = session->waiting;
    if (wall < waiting->looked + LEAST_PAUSE) {
        waiting->soonest = waiting->looked + LEAST_PAUSE;
        return;
    }
    waiting->looked = wall;
    expire_waiting(session, wall);
}

static void on_due(mqw__deadline *deadline)
{
    mqw__waiting *waiting = (mqw__waiting *)(void *)((char *)(void *)deadline - offsetof(mqw__waiting, due));
    mqw__session *session = waiting->session;
    uint64_t wall = mqw__broker_wall(session->broker);
    expire_promises(session, wall);
    if (session->waiting && session->waiting->soonest <= wall)
        look_through(session, wall);
    mqw__waiting_settle(session);
    mqw__outgoing_go_on(session);
}
