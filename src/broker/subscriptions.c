// SPDX-License-Identifier: MIT
// Making the topic tree: nodes that are split where filters branch, and go when nobody needs them.
#include "tree.h"

#include "session.h"

enum { FIRST_ROOM = 16 };

// --- memory ---

void *mqw__tree_resize(mqw__tree *tree, void *old, size_t old_size, size_t size)
{
    void *block = NULL;
    if (size > 0)
        block = mqw__resize(&tree->allocator, old, old_size, size);
    else
        mqw__free(&tree->allocator, old, old_size);
    if (block || size == 0)
        *tree->memory += size - old_size;
    return block;
}

bool mqw__tree_room(mqw__tree *tree, void *array, size_t *cap, size_t count, size_t size)
{
    size_t grown = *cap > 0 ? *cap : FIRST_ROOM;
    void *items;
    if (count <= *cap)
        return true;
    while (grown < count)
        grown *= 2;
    memcpy(&items, array, sizeof items);
    items = mqw__tree_resize(tree, items, *cap * size, grown * size);
    if (!items)
        return false;
    memcpy(array, &items, sizeof items);
    *cap = grown;
    return true;
}

// --- nodes ---

static mqw_text key_of(const mqw__node *node)
{
    return (mqw_text){mqw__node_text(node), node->entry.len};
}

static bool is_listed(const mqw__node *node)
{
    return node->shy || mqw__is_wild(key_of(node));
}

static mqw__node *child_of(const mqw__tree *tree, const mqw__node *node, mqw_text level, bool shy)
{
    if (!shy && !mqw__is_wild(level))
        return node->children ? (mqw__node *)mqw__table_find(&tree->nodes, node, level) : NULL;
    mqw__node *child = node->wild;
    while (child && (child->shy != shy || !mqw__is_level(key_of(child), level)))
        child = child->beside;
    return child;
}

// Puts a node below its parent. There is room in the table.
static void attach(mqw__tree *tree, mqw__node *node)
{
    node->entry.under = node->parent;
    if (is_listed(node)) {
        node->beside = node->parent->wild;
        node->parent->wild = node;
    } else {
        node->parent->children++;
        mqw__table_put(&tree->nodes, &node->entry);
    }
}

static void detach(mqw__tree *tree, mqw__node *node)
{
    if (!is_listed(node)) {
        node->parent->children--;
        mqw__table_take(&tree->nodes, &node->entry);
        return;
    }
    mqw__node **at = &node->parent->wild;
    while (*at != node)
        at = &(*at)->beside;
    *at = node->beside;
}

// `key`: length of what it is found by.
static mqw__node *new_node(mqw__tree *tree, mqw__node *parent, mqw_text levels, size_t key, bool shy)
{
    if (!mqw__table_ready(&tree->nodes))
        return NULL;
    mqw__node *node = mqw__tree_resize(tree, NULL, 0, sizeof *node + levels.len);
    if (!node)
        return NULL;
    memset(node, 0, sizeof *node);
    if (levels.len > 0)
        memcpy(mqw__node_text(node), levels.data, levels.len);
    node->entry.at = sizeof *node;
    node->entry.len = (uint16_t)key;
    node->len = node->room = (uint16_t)levels.len;
    node->parent = parent;
    node->shy = shy;
    return node;
}

static void free_node(mqw__tree *tree, mqw__node *node)
{
    (void)mqw__tree_resize(tree, node, sizeof *node + node->room, 0);
}

// Frees a node and those above it as far as nobody needs them.
static void prune(mqw__tree *tree, mqw__node *node)
{
    while (node->parent && !node->children && !node->wild && !node->groups && node->crowd.count == 0) {
        mqw__node *parent = node->parent;
        detach(tree, node);
        free_node(tree, node);
        node = parent;
    }
}

// --- the way to a filter ---

// Bytes of the whole levels that both begin with.
static size_t common(mqw_text one, mqw_text other)
{
    size_t same = 0;
    for (size_t i = 0;; i++) {
        bool one_ends = i == one.len || one.data[i] == '/';
        bool other_ends = i == other.len || other.data[i] == '/';
        if (one_ends && other_ends)
            same = i;
        if (one_ends != other_ends || i == one.len || i == other.len || one.data[i] != other.data[i])
            return same;
    }
}

// Puts the first `same` bytes of a node's levels into a node of their own above it. NULL: no memory.
static mqw__node *split(mqw__tree *tree, mqw__node *node, size_t same)
{
    char *text = mqw__node_text(node);
    mqw__node *upper = new_node(tree, node->parent, (mqw_text){text, same}, node->entry.len, node->shy);
    if (!upper)
        return NULL;
    detach(tree, node);
    node->len = (uint16_t)(node->len - same - 1);
    memmove(text, text + same + 1, node->len);
    node->entry.len = (uint16_t)mqw__level_at((mqw_text){text, node->len}, 0).len;
    node->shy = false;
    node->parent = upper;
    attach(tree, upper);
    attach(tree, node);
    return upper;
}

// Follows levels down from a node, and makes what is missing when `make` says so. NULL: it is not there, or
// no memory: nobody can tell a difference then.
static mqw__node *follow(mqw__tree *tree, mqw__node *node, mqw_text levels, bool shy, bool make)
{
    for (size_t at = 0; node && at <= levels.len; shy = false) {
        mqw_text rest = {levels.data + at, levels.len - at};
        mqw_text level = mqw__level_at(rest, 0);
        mqw__node *child = child_of(tree, node, level, shy);
        if (!child) {
            child = make ? new_node(tree, node, rest, level.len, shy) : NULL;
            if (child)
                attach(tree, child);
            return child;
        }
        size_t same = common((mqw_text){mqw__node_text(child), child->len}, rest);
        if (same < child->len)
            child = make ? split(tree, child, same) : NULL;
        node = child;
        at += same + 1;
    }
    return node;
}

static mqw__node *exact_node(mqw__tree *tree, mqw_text filter, bool make)
{
    mqw__node *node = (mqw__node *)mqw__table_find(&tree->nodes, &tree->exact, filter);
    if (node || !make)
        return node;
    node = new_node(tree, &tree->exact, filter, filter.len, false);
    if (node)
        attach(tree, node);
    return node;
}

// A wildcard that is the subscriber's first level begins a node of its own. Behind a mount point an empty
// level does, too: `/#` would take the mount point itself.
static mqw__node *wild_node(mqw__tree *tree, mqw_text filter, size_t mount_len, bool make)
{
    mqw_text first = mqw__level_at(filter, mount_len);
    bool shy = mqw__is_wild(first) || (mount_len > 0 && first.len == 0);
    if (!shy)
        return follow(tree, &tree->root, filter, false, make);
    mqw__node *mount = &tree->root;
    if (mount_len > 0)
        mount = follow(tree, mount, (mqw_text){filter.data, mount_len - 1}, false, make);
    if (!mount)
        return NULL;
    mqw_text rest = {filter.data + mount_len, filter.len - mount_len};
    mqw__node *node = follow(tree, mount, rest, true, make);
    if (!node)
        prune(tree, mount);
    return node;
}

// Levels of a filter without wildcards: 0.
static size_t wild_levels(mqw_text filter)
{
    size_t levels = 0;
    bool wild = false;
    for (size_t at = 0; at <= filter.len; levels++) {
        mqw_text level = mqw__level_at(filter, at);
        wild |= mqw__is_wild(level);
        at += level.len + 1;
    }
    return wild ? levels : 0;
}

// Where a filter ends in the tree; `name`: that of its shared subscription, or empty.
static mqw__node *node_of(mqw__tree *tree, mqw_text filter, size_t mount_len, bool make, mqw_text *name)
{
    mqw_text bare = filter;
    *name = (mqw_text){NULL, 0};
    (void)mqw_share_split(filter, name, &bare);
    size_t levels = wild_levels(bare);
    if (levels == 0)
        return exact_node(tree, bare, make);
    // A search never puts more aside than three children of each level.
    if (make && !mqw__tree_room(tree, &tree->steps, &tree->step_cap, levels * 3 + 2, sizeof *tree->steps))
        return NULL;
    return wild_node(tree, bare, mount_len, make);
}

// --- subscriptions ---

static size_t mount_of(const mqw__session *session)
{
    return session ? session->mount_len : 0;
}

static mqw__subscription *find_in_crowd(const mqw__crowd *crowd, const mqw__session *session,
                                        const mqw_local *local)
{
    for (uint32_t i = 0; i < crowd->count; i++)
        if (crowd->members[i]->session == session && crowd->members[i]->local == local)
            return crowd->members[i];
    return NULL;
}

// Looks where there is less to look at: among those who subscribed to this, or to what the session has.
static mqw__subscription *find_own(mqw__node *node, mqw__group *group, const mqw__session *session,
                                   const mqw_local *local)
{
    const mqw__crowd *crowd = group ? &group->crowd : &node->crowd;
    if (!session || crowd->count <= session->subscription_count)
        return find_in_crowd(crowd, session, local);
    mqw__subscription *own = session->subscriptions;
    while (own && (own->node != node || own->group != group))
        own = own->next;
    return own;
}

mqw__subscription *mqw__tree_find(mqw__tree *tree, mqw_text filter, const mqw__session *session,
                                  const mqw_local *local)
{
    mqw_text name;
    mqw__node *node = node_of(tree, filter, mount_of(session), false, &name);
    if (!node)
        return NULL;
    mqw__group *group = name.len > 0 ? mqw__group_find(tree, node, name) : NULL;
    return name.len > 0 && !group ? NULL : find_own(node, group, session, local);
}

static void set(mqw__subscription *subscription, const mqw_filter *item, uint32_t identifier)
{
    subscription->identifier = identifier;
    subscription->qos = item->qos & 3U;
    subscription->retain_handling = item->retain_handling & 3U;
    subscription->no_local = item->no_local;
    subscription->retain_as_published = item->retain_as_published;
}

static void leave(mqw__tree *tree, mqw__node *node, mqw__group *group)
{
    if (group && group->crowd.count == 0)
        mqw__group_free(tree, group);
    prune(tree, node);
}

static mqw__subscription *new_subscription(mqw__tree *tree, mqw__node *node, mqw__group *group)
{
    mqw__subscription *made = mqw__tree_resize(tree, NULL, 0, sizeof *made);
    if (made && !mqw__crowd_join(tree, group ? &group->crowd : &node->crowd, made)) {
        (void)mqw__tree_resize(tree, made, sizeof *made, 0);
        made = NULL;
    }
    if (!made)
        return NULL;
    uint32_t at = made->at;
    *made = (mqw__subscription){.node = node, .group = group, .at = at};
    tree->count++;
    return made;
}

int mqw__tree_add(mqw__tree *tree, const mqw_filter *item, uint32_t identifier, mqw__session *session,
                  mqw_local *local, mqw__subscription **out)
{
    mqw_text name;
    tree->last_len = 0;
    mqw__node *node = node_of(tree, item->filter, mount_of(session), true, &name);
    if (!node)
        return MQW_E_NO_MEMORY;
    mqw__group *group = name.len > 0 ? mqw__group_make(tree, node, name) : NULL;
    bool ready = group || name.len == 0;
    mqw__subscription *own = ready ? find_own(node, group, session, local) : NULL;
    bool is_new = !own;
    if (ready && is_new)
        own = new_subscription(tree, node, group);
    if (!own) {
        leave(tree, node, group);
        return MQW_E_NO_MEMORY;
    }
    if (is_new) {
        own->session = session;
        own->local = local;
    }
    set(own, item, identifier);
    *out = own;
    return is_new;
}

void mqw__tree_remove(mqw__tree *tree, mqw__subscription *subscription)
{
    mqw__node *node = subscription->node;
    mqw__group *group = subscription->group;
    tree->last_len = 0;
    if (group)
        mqw__crowd_leave(tree, &group->crowd, subscription, &group->turn);
    else
        mqw__crowd_leave(tree, &node->crowd, subscription, NULL);
    (void)mqw__tree_resize(tree, subscription, sizeof *subscription, 0);
    tree->count--;
    leave(tree, node, group);
}

// Puts a text before what is in the room already.
static char *put_before(char *at, mqw_text text)
{
    if (text.len > 0)
        memcpy(at -= text.len, text.data, text.len);
    return at;
}

mqw_text mqw__tree_filter(const mqw__subscription *subscription, char *room)
{
    const mqw_text slash = MQW_TEXT("/");
    const mqw__group *group = subscription->group;
    const mqw__node *node = subscription->node;
    char *end = room + 65536, *at = put_before(end, (mqw_text){mqw__node_text(node), node->len});
    while ((node = node->parent)->parent)
        at = put_before(put_before(at, slash), (mqw_text){mqw__node_text(node), node->len});
    if (group) {
        at = put_before(put_before(at, slash), mqw__group_name(group));
        at = put_before(at, (mqw_text)MQW_TEXT("$share/"));
    }
    return (mqw_text){at, (size_t)(end - at)};
}

// --- the tree ---

mqw__tree *mqw__tree_new(const mqw_allocator *allocator, uint64_t *memory, uint64_t seed)
{
    mqw__tree *tree = mqw__alloc(allocator, sizeof *tree);
    if (!tree)
        return NULL;
    memset(tree, 0, sizeof *tree);
    tree->allocator = *allocator;
    tree->memory = memory;
    *memory += sizeof *tree;
    mqw__table_init(&tree->nodes, &tree->allocator, memory, seed);
    mqw__table_init(&tree->named, &tree->allocator, memory, seed);
    return tree;
}

// Frees the children that begin with wildcards, theirs, and so on; the others are found in the table.
static void free_wild(mqw__tree *tree, mqw__node *top)
{
    for (mqw__node *node = top;;) {
        if (node->wild) {
            node = node->wild;
        } else if (node == top) {
            return;
        } else {
            mqw__node *parent = node->parent;
            parent->wild = node->beside;
            mqw__crowd_free(tree, &node->crowd);
            free_node(tree, node);
            node = parent;
        }
    }
}

void mqw__tree_free(mqw__tree *tree)
{
    mqw__node *node;
    if (!tree)
        return;
    mqw__groups_free(tree);
    free_wild(tree, &tree->root);
    while ((node = (mqw__node *)mqw__table_pop(&tree->nodes)) != NULL) {
        free_wild(tree, node);
        mqw__crowd_free(tree, &node->crowd);
        free_node(tree, node);
    }
    mqw__table_free(&tree->nodes);
    mqw__table_free(&tree->named);
    (void)mqw__tree_resize(tree, tree->steps, tree->step_cap * sizeof *tree->steps, 0);
    (void)mqw__tree_resize(tree, tree->hits, tree->hit_cap * sizeof(mqw__node *), 0);
    (void)mqw__tree_resize(tree, tree->found, tree->found_cap * sizeof(mqw__subscription *), 0);
    (void)mqw__tree_resize(tree, tree->found_groups, tree->group_cap * sizeof(mqw__group *), 0);
    mqw_allocator allocator = tree->allocator;
    *tree->memory -= sizeof *tree;
    mqw__free(&allocator, tree, sizeof *tree);
}

uint64_t mqw__tree_count(const mqw__tree *tree)
{
    return tree->count;
}

uint64_t mqw__tree_groups(const mqw__tree *tree)
{
    return tree->groups;
}
