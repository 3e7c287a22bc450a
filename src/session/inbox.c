// SPDX-License-Identifier: MIT
// The inbox: which QoS 2 messages were taken, so that none is delivered twice (section 4.3.3).
#include "session/inbox.h"

#include <string.h>

#include "session/inside.h"

static mqw__page *page_of(const mqw__inbox *inbox, uint16_t id)
{
    return inbox->pages ? inbox->pages[id / MQW__PAGE_BITS] : NULL;
}

static uint64_t *word_of(mqw__page *page, uint16_t id)
{
    return &page->bits[id % MQW__PAGE_BITS / 64];
}

static uint64_t bit_of(uint16_t id)
{
    return UINT64_C(1) << id % 64;
}

static void *zeros(const mqw_allocator *allocator, size_t size)
{
    void *block = mqw__alloc(allocator, size);
    return block ? memset(block, 0, size) : NULL;
}

static mqw__page *page_for(mqw__inbox *inbox, const mqw_allocator *allocator, uint16_t id)
{
    if (!inbox->pages)
        inbox->pages = zeros(allocator, MQW__PAGES * sizeof(mqw__page *));
    if (!inbox->pages)
        return NULL;
    mqw__page **page = &inbox->pages[id / MQW__PAGE_BITS];
    if (!*page && inbox->spare) {
        *page = inbox->spare;
        inbox->spare = NULL;
    } else if (!*page) {
        *page = zeros(allocator, sizeof **page);
    }
    return *page;
}

int mqw_session_receive(mqw_session *session, uint16_t packet_id)
{
    mqw__page *page = page_for(&session->inbox, &session->allocator, packet_id);
    if (!page)
        return MQW_E_NO_MEMORY;
    uint64_t *word = word_of(page, packet_id);
    if (*word & bit_of(packet_id))
        return 0;
    *word |= bit_of(packet_id);
    page->count++;
    return 1;
}

bool mqw_session_received(const mqw_session *session, uint16_t packet_id)
{
    mqw__page *page = page_of(&session->inbox, packet_id);
    return page && (*word_of(page, packet_id) & bit_of(packet_id));
}

int mqw_session_release(mqw_session *session, uint16_t packet_id)
{
    if (!mqw_session_received(session, packet_id))
        return 0;
    mqw__inbox *inbox = &session->inbox;
    mqw__page *page = page_of(inbox, packet_id);
    *word_of(page, packet_id) &= ~bit_of(packet_id);
    if (--page->count == 0) {
        inbox->pages[packet_id / MQW__PAGE_BITS] = NULL;
        mqw__free(&session->allocator, inbox->spare, sizeof *page);
        inbox->spare = page;
    }
    return 1;
}

/* The first identifier of a page from bit `from` on; 0: none. */
static uint32_t first_in(const mqw__page *page, uint32_t number, uint32_t from)
{
    for (uint32_t bit = from; bit < MQW__PAGE_BITS; bit = (bit | 63) + 1) {
        uint64_t ahead = page->bits[bit / 64] >> bit % 64;
        if (ahead)
            return number * MQW__PAGE_BITS + bit + (uint32_t)__builtin_ctzll(ahead);
    }
    return 0;
}

uint16_t mqw_session_each_received(const mqw_session *session, uint16_t after)
{
    const mqw__inbox *inbox = &session->inbox;
    uint32_t from = after + 1u, found = 0;
    for (; inbox->pages && from < 65536 && !found; from = (from | (MQW__PAGE_BITS - 1)) + 1) {
        const mqw__page *page = inbox->pages[from / MQW__PAGE_BITS];
        found = page ? first_in(page, from / MQW__PAGE_BITS, from % MQW__PAGE_BITS) : 0;
    }
    return (uint16_t)found;
}

void mqw__inbox_free(mqw__inbox *inbox, const mqw_allocator *allocator)
{
    for (uint32_t i = 0; inbox->pages && i < MQW__PAGES; i++)
        mqw__free(allocator, inbox->pages[i], sizeof *inbox->pages[i]);
    mqw__free(allocator, inbox->pages, MQW__PAGES * sizeof(mqw__page *));
    mqw__free(allocator, inbox->spare, sizeof *inbox->spare);
    *inbox = (mqw__inbox){NULL, NULL};
}
