// SPDX-License-Identifier: MIT
// Who has subscribed to the same: the subscribers of a node, and the members of its shared subscriptions.
#include "tree.h"

// --- crowds ---

bool mqw__crowd_join(mqw__tree *tree, mqw__crowd *crowd, mqw__subscription *subscription)
{
    if (crowd->cap == 0) {
        crowd->members = &crowd->only;
        crowd->cap = 1;
    }
    if (crowd->count == crowd->cap) {
        size_t old = crowd->cap > 1 ? crowd->cap * sizeof(mqw__subscription *) : 0;
        size_t cap = crowd->cap > 1 ? (size_t)crowd->cap * 2 : 4;
        mqw__subscription **members =
            mqw__tree_resize(tree, old ? crowd->members : NULL, old, cap * sizeof(mqw__subscription *));
        if (!members)
            return false;
        if (!old)
            members[0] = crowd->only;
        crowd->members = members;
        crowd->cap = (uint32_t)cap;
    }
    subscription->at = crowd->count;
    crowd->members[crowd->count++] = subscription;
    return true;
}

static void free_members(mqw__tree *tree, mqw__crowd *crowd)
{
    if (crowd->cap > 1)
        (void)mqw__tree_resize(tree, crowd->members, crowd->cap * sizeof(mqw__subscription *), 0);
    crowd->members = NULL;
    crowd->cap = 0;
}

// Gives back what a crowd does not need any more. Without memory it stays as it is.
static void shrink(mqw__tree *tree, mqw__crowd *crowd)
{
    size_t cap = crowd->cap / 2;
    if (crowd->count == 0) {
        free_members(tree, crowd);
    } else if (crowd->count == 1 && crowd->cap > 1) {
        crowd->only = crowd->members[0];
        free_members(tree, crowd);
        crowd->members = &crowd->only;
        crowd->cap = 1;
    } else if (crowd->cap > 4 && crowd->count <= crowd->cap / 4) {
        mqw__subscription **members =
            mqw__tree_resize(tree, crowd->members, crowd->cap * sizeof(mqw__subscription *),
                             cap * sizeof(mqw__subscription *));
        if (!members)
            return;
        crowd->members = members;
        crowd->cap = (uint32_t)cap;
    }
}

void mqw__crowd_leave(mqw__tree *tree, mqw__crowd *crowd, const mqw__subscription *subscription,
                      uint32_t *turn)
{
    uint32_t at = subscription->at, last = --crowd->count;
    crowd->members[at] = crowd->members[last];
    crowd->members[at]->at = at;
    if (turn && *turn >= last)
        *turn = *turn == last && at < last ? at : 0;
    shrink(tree, crowd);
}

void mqw__crowd_free(mqw__tree *tree, mqw__crowd *crowd)
{
    for (uint32_t i = 0; i < crowd->count; i++)
        (void)mqw__tree_resize(tree, crowd->members[i], sizeof *crowd->members[i], 0);
    free_members(tree, crowd);
}

// --- groups ---

mqw__group *mqw__group_find(const mqw__tree *tree, const mqw__node *node, mqw_text name)
{
    return (mqw__group *)mqw__table_find(&tree->named, node, name);
}

mqw__group *mqw__group_make(mqw__tree *tree, mqw__node *node, mqw_text name)
{
    mqw__group *group = mqw__group_find(tree, node, name);
    if (group || !mqw__table_ready(&tree->named))
        return group;
    group = mqw__tree_resize(tree, NULL, 0, sizeof *group + name.len);
    if (!group)
        return NULL;
    memset(group, 0, sizeof *group);
    memcpy(group + 1, name.data, name.len);
    group->entry.under = group->node = node;
    group->entry.at = sizeof *group;
    group->entry.len = (uint16_t)name.len;
    mqw__table_put(&tree->named, &group->entry);
    group->next = node->groups;
    group->link = &node->groups;
    if (group->next)
        group->next->link = &group->next;
    node->groups = group;
    tree->groups++;
    group->number = ++tree->number ? tree->number : ++tree->number;
    return group;
}

static void free_block(mqw__tree *tree, mqw__group *group)
{
    tree->groups--;
    (void)mqw__tree_resize(tree, group, sizeof *group + group->entry.len, 0);
}

void mqw__group_free(mqw__tree *tree, mqw__group *group)
{
    mqw__table_take(&tree->named, &group->entry);
    *group->link = group->next;
    if (group->next)
        group->next->link = group->link;
    free_block(tree, group);
}

void mqw__groups_free(mqw__tree *tree)
{
    mqw__group *group;
    while ((group = (mqw__group *)mqw__table_pop(&tree->named)) != NULL) {
        mqw__crowd_free(tree, &group->crowd);
        free_block(tree, group);
    }
}
