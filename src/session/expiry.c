// SPDX-License-Identifier: MIT
// Which promise expires first: a pairing heap whose links lie in the entries, so that nothing is allocated.
#include "session/inside.h"

/* An entry's `back` is the sibling before it or, of a first child, the parent. */
static mqw__links *links_of(mqw__entry *entry)
{
    return &entry->links[MQW__EXPIRY];
}

/* Both are roots, or NULL. */
static mqw__entry *meld(mqw__entry *a, mqw__entry *b)
{
    if (!a || !b)
        return a ? a : b;
    if (b->promise.expires < a->promise.expires) {
        mqw__entry *first = b;
        b = a;
        a = first;
    }
    *links_of(b) = (mqw__links){a, a->child};
    if (a->child)
        links_of(a->child)->back = b;
    a->child = b;
    return a;
}

/* Makes one heap of siblings: in pairs from the first to the last, then all from the last to the first. */
static mqw__entry *meld_siblings(mqw__entry *first)
{
    mqw__entry *pairs = NULL, *root = NULL;
    while (first) {
        mqw__entry *a = first, *b = links_of(a)->next;
        first = b ? links_of(b)->next : NULL;
        *links_of(a) = (mqw__links){NULL, NULL};
        if (b)
            *links_of(b) = (mqw__links){NULL, NULL};
        a = meld(a, b);
        links_of(a)->next = pairs;
        pairs = a;
    }
    while (pairs) {
        mqw__entry *a = pairs;
        pairs = links_of(a)->next;
        links_of(a)->next = NULL;
        root = meld(a, root);
    }
    return root;
}

void mqw__expiry_enter(mqw__entry **root, mqw__entry *entry)
{
    *links_of(entry) = (mqw__links){NULL, NULL};
    *root = meld(*root, entry);
}

void mqw__expiry_leave(mqw__entry **root, mqw__entry *entry)
{
    mqw__links *links = links_of(entry);
    mqw__entry *children = meld_siblings(entry->child);
    entry->child = NULL;
    if (entry == *root) {
        *root = children;
        return;
    }
    *(links->back->child == entry ? &links->back->child : &links_of(links->back)->next) = links->next;
    if (links->next)
        links_of(links->next)->back = links->back;
    *root = meld(*root, children);
}
