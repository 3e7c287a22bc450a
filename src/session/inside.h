// SPDX-License-Identifier: MIT
// The inside of a session, which its rooms share.
#ifndef MQW_SESSION_INSIDE_H
#define MQW_SESSION_INSIDE_H

#include "base/alloc.h"
#include "mqwire/session.h"
#include "session/inbox.h"

typedef struct mqw__entry mqw__entry;

typedef struct mqw__links {
    mqw__entry *back, *next;
} mqw__links;

/* Which of an entry's links. A promise waits or is released, never both. */
enum { MQW__ORDER = 0, MQW__RELEASED = 1, MQW__EXPIRY = 1 };

/* A promise, or (qos 0) an identifier taken for SUBSCRIBE or UNSUBSCRIBE. */
struct mqw__entry {
    mqw_promise promise; /* first: a promise is the entry that it lies in */
    mqw__links links[2];
    mqw__entry *child; /* in the heap of expiries */
};

static inline mqw__entry *mqw__entry_of(mqw_promise *promise)
{
    return (mqw__entry *)(void *)promise;
}

static inline const mqw__entry *mqw__entry_of_const(const mqw_promise *promise)
{
    return (const mqw__entry *)(const void *)promise;
}

/* ---- entries: blocks of them ---- */

typedef struct mqw__block mqw__block;

typedef struct mqw__pool {
    mqw__block *blocks; /* the last one made first */
    mqw__entry *spare;
    uint32_t live;
} mqw__pool;

/* An entry of zeros; NULL: no memory. */
mqw__entry *mqw__pool_take(mqw__pool *pool, const mqw_allocator *allocator);
/* Keeps a block when nothing lives any more. */
void mqw__pool_give(mqw__pool *pool, const mqw_allocator *allocator, mqw__entry *entry);
/* Frees all, living or not. */
void mqw__pool_free(mqw__pool *pool, const mqw_allocator *allocator);

/* ---- lists of entries ---- */

typedef struct mqw__list {
    mqw__entry *head, *tail;
    uint32_t count;
} mqw__list;

static inline void mqw__list_append(mqw__list *list, mqw__entry *entry, int which)
{
    entry->links[which] = (mqw__links){list->tail, NULL};
    *(list->tail ? &list->tail->links[which].next : &list->head) = entry;
    list->tail = entry;
    list->count++;
}

static inline void mqw__list_remove(mqw__list *list, mqw__entry *entry, int which)
{
    mqw__links *links = &entry->links[which];
    *(links->back ? &links->back->links[which].next : &list->head) = links->next;
    *(links->next ? &links->next->links[which].back : &list->tail) = links->back;
    list->count--;
}

/* ---- packet identifiers ---- */

/*
 * From identifier to entry. An identifier has its own slot, `id % size`, or is not chosen: so nothing is ever
 * sought. The table doubles when it is half full.
 */
typedef struct mqw__packet_ids {
    mqw__entry **slots; /* NULL: nothing is taken */
    uint64_t *taken;    /* a bit per slot, behind the slots */
    uint32_t size;      /* a power of two, 64 or more */
    uint32_t count;
    uint16_t last; /* the one chosen last: the next is sought behind it */
} mqw__packet_ids;

enum { MQW__IDS = 65535 };

static inline mqw__entry *mqw__ids_find(const mqw__packet_ids *ids, uint16_t id)
{
    mqw__entry *entry = ids->slots ? ids->slots[id & (ids->size - 1)] : NULL;
    return entry && entry->promise.packet_id == id ? entry : NULL;
}

/* Chooses an identifier for the entry. 1; 0: all are taken; MQW_E_NO_MEMORY. */
int mqw__ids_take(mqw__packet_ids *ids, const mqw_allocator *allocator, mqw__entry *entry);
/* The entry's own identifier becomes taken. 0, MQW_E_MISUSE (it is), MQW_E_NO_MEMORY. */
int mqw__ids_claim(mqw__packet_ids *ids, const mqw_allocator *allocator, mqw__entry *entry);
void mqw__ids_give(mqw__packet_ids *ids, const mqw_allocator *allocator, uint16_t id);
void mqw__ids_free(mqw__packet_ids *ids, const mqw_allocator *allocator);

/* ---- expiries: a heap, of which `root` expires first ---- */

void mqw__expiry_enter(mqw__entry **root, mqw__entry *entry);
void mqw__expiry_leave(mqw__entry **root, mqw__entry *entry);

/* ---- the session ---- */

struct mqw_session {
    mqw_allocator allocator;
    void (*dropped)(void *ctx, void *message);
    void *ctx;
    mqw__pool pool;
    mqw__packet_ids ids;
    mqw__list order;      /* all promises, by sequence */
    mqw__list released;   /* those released, by PUBREC */
    mqw__entry *publish;  /* in order: the PUBLISH of all before it was sent on this connection */
    mqw__entry *release;  /* in released: the PUBREL of all before it was sent on this connection */
    mqw__entry *expiring; /* heap of those that wait and expire */
    uint64_t sequence, releases;
    uint32_t max_promises;
    uint32_t published; /* PUBLISH was sent on any connection, and was not answered */
    uint32_t on_wire;   /* of them on this one */
    uint32_t counted;   /* what section 4.9 takes for PUBLISH in flight on this connection */
    bool unsorted;      /* restored: `released` is not in order yet */
    mqw__inbox inbox;
};

/* Takes it out of everything and frees it. */
void mqw__outbox_remove(mqw_session *session, mqw__entry *entry);
/* Brings those released into the order of their PUBRECs, after they were restored. */
void mqw__outbox_sort(mqw_session *session);

#endif
