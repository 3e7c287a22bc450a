// SPDX-License-Identifier: MIT
// A session: its life, identifiers for SUBSCRIBE, and the order of what was restored.
#include <string.h>

#include "session/inside.h"

mqw_session *mqw_session_new(const mqw_session_options *options)
{
    mqw_session_options given = {0};
    if (options)
        memcpy(&given, options, options->size && options->size < sizeof given ? options->size : sizeof given);
    mqw_allocator allocator = mqw__allocator(given.allocator);
    mqw_session *session = mqw__alloc(&allocator, sizeof *session);
    if (!session)
        return NULL;
    memset(session, 0, sizeof *session);
    session->allocator = allocator;
    session->max_promises = given.max_promises;
    session->dropped = given.dropped;
    session->ctx = given.ctx;
    return session;
}

void mqw_session_clear(mqw_session *session)
{
    while (session->order.head) {
        void *message = mqw_session_drop(session, &session->order.head->promise);
        if (session->dropped)
            session->dropped(session->ctx, message);
    }
    session->unsorted = false;
    session->counted = 0;
    mqw__inbox_free(&session->inbox, &session->allocator);
}

void mqw_session_free(mqw_session *session)
{
    if (!session)
        return;
    mqw_session_clear(session);
    mqw__ids_free(&session->ids, &session->allocator);
    mqw__pool_free(&session->pool, &session->allocator);
    mqw_allocator allocator = session->allocator;
    mqw__free(&allocator, session, sizeof *session);
}

/* ---- identifiers for SUBSCRIBE and UNSUBSCRIBE: entries that are no promise ---- */

uint16_t mqw_session_take_id(mqw_session *session)
{
    mqw__entry *entry = mqw__pool_take(&session->pool, &session->allocator);
    if (!entry)
        return 0;
    if (mqw__ids_take(&session->ids, &session->allocator, entry) <= 0) {
        mqw__pool_give(&session->pool, &session->allocator, entry);
        return 0;
    }
    return entry->promise.packet_id;
}

void mqw_session_give_id(mqw_session *session, uint16_t packet_id)
{
    mqw__entry *entry = mqw__ids_find(&session->ids, packet_id);
    if (!entry || entry->promise.qos)
        return;
    mqw__ids_give(&session->ids, &session->allocator, packet_id);
    mqw__pool_give(&session->pool, &session->allocator, entry);
}

/* ---- order of PUBRELs ---- */

static mqw__entry *merge(mqw__entry *a, mqw__entry *b)
{
    mqw__entry *first = NULL, **end = &first;
    while (a && b) {
        mqw__entry **lesser = a->promise.released <= b->promise.released ? &a : &b;
        *end = *lesser;
        end = &(*lesser)->links[MQW__RELEASED].next;
        *lesser = *end;
    }
    *end = a ? a : b;
    return first;
}

/* Runs of 1, 2, 4 … entries, each merged as soon as there are two of a length. */
static mqw__entry *sort(mqw__entry *first)
{
    enum { LENGTHS = 17 }; /* there are at most 65,535 */
    mqw__entry *runs[LENGTHS] = {NULL}, *all = NULL;
    while (first) {
        mqw__entry *run = first;
        first = run->links[MQW__RELEASED].next;
        run->links[MQW__RELEASED].next = NULL;
        size_t length = 0;
        for (; runs[length]; length++) {
            run = merge(runs[length], run);
            runs[length] = NULL;
        }
        runs[length] = run;
    }
    for (size_t length = 0; length < LENGTHS; length++)
        all = merge(runs[length], all);
    return all;
}

void mqw__outbox_sort(mqw_session *session)
{
    mqw__entry *entry = sort(session->released.head);
    session->released = (mqw__list){NULL, NULL, 0};
    session->release = entry;
    while (entry) {
        mqw__entry *next = entry->links[MQW__RELEASED].next;
        mqw__list_append(&session->released, entry, MQW__RELEASED);
        entry = next;
    }
    session->unsorted = false;
}
