// SPDX-License-Identifier: MIT
// The table of subscriptions.h.
#include "subscriptions.h"

#include <stdlib.h>
#include <string.h>

#include "transport/alloc.h"

enum { FIRST_SIZE = 16 };

mqw__subscription *mqw__subscription_new(const mqw_filter *filter, uint32_t id)
{
    mqw__subscription *made = mqw__uv_new(sizeof *made + filter->filter.len);
    if (!made)
        return NULL;
    char *text = (char *)(made + 1);
    memcpy(text, filter->filter.data, filter->filter.len);
    made->options = *filter;
    made->options.filter.data = text;
    made->id = id;
    return made;
}

static uint32_t hash(mqw_text text)
{
    uint32_t value = 2166136261u; // FNV-1a
    for (size_t i = 0; i < text.len; i++)
        value = (value ^ (uint8_t)text.data[i]) * 16777619u;
    return value;
}

static bool same(mqw_text a, mqw_text b)
{
    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

// Where the pointer to it stands, or would stand.
static mqw__subscription **place(const mqw__subscriptions *all, mqw_text filter)
{
    mqw__subscription **at = &all->buckets[hash(filter) & (all->size - 1)];
    while (*at && !same((*at)->options.filter, filter))
        at = &(*at)->chain;
    return at;
}

// Without memory for more buckets the chains grow.
static bool grow(mqw__subscriptions *all)
{
    uint32_t size = all->size ? all->size * 2 : FIRST_SIZE;
    mqw__subscription **buckets = mqw__uv_new(size * sizeof(void *));
    if (!buckets)
        return all->size > 0;
    free(all->buckets);
    all->buckets = buckets;
    all->size = size;
    for (mqw__subscription *at = all->first; at; at = at->next) {
        mqw__subscription **bucket = &buckets[hash(at->options.filter) & (size - 1)];
        at->chain = *bucket;
        *bucket = at;
    }
    return true;
}

bool mqw__subscriptions_reserve(mqw__subscriptions *all)
{
    return all->size > 0 || grow(all);
}

mqw__subscription *mqw__subscriptions_find(const mqw__subscriptions *all, mqw_text filter)
{
    return all->size ? *place(all, filter) : NULL;
}

void mqw__subscriptions_drop(mqw__subscriptions *all, mqw_text filter)
{
    mqw__subscription **at = all->size ? place(all, filter) : NULL, *gone = at ? *at : NULL;
    if (!gone)
        return;
    *at = gone->chain;
    *(gone->back ? &gone->back->next : &all->first) = gone->next;
    *(gone->next ? &gone->next->back : &all->last) = gone->back;
    all->count--;
    free(gone);
}

void mqw__subscriptions_put(mqw__subscriptions *all, mqw__subscription *made)
{
    mqw__subscriptions_drop(all, made->options.filter);
    if (all->count >= all->size)
        (void)grow(all);
    mqw__subscription **bucket = &all->buckets[hash(made->options.filter) & (all->size - 1)];
    made->chain = *bucket;
    *bucket = made;
    made->next = NULL;
    made->back = all->last;
    *(all->last ? &all->last->next : &all->first) = made;
    all->last = made;
    all->count++;
}

void mqw__subscriptions_free(mqw__subscriptions *all)
{
    for (mqw__subscription *at = all->first, *next; at; at = next) {
        next = at->next;
        free(at);
    }
    free(all->buckets);
    memset(all, 0, sizeof *all);
}
