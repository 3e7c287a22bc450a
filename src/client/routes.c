// SPDX-License-Identifier: MIT
// The tree of routes. Children are found through one table for the whole tree; `+` is a child like others,
// `#` belongs to the node above it.
#define _GNU_SOURCE
#include "routes.h"

#include <stdlib.h>
#include <string.h>

#include "transport/alloc.h"

enum { FIRST_SIZE = 16 };

typedef struct route {
    mqw_message_handler *handler; // NULL: none
    void *ctx;
} route;

struct mqw__node {
    mqw__node *parent;
    mqw__node *next;       // in its bucket
    mqw__node *plus;       // the child `+`
    mqw__node *next_stale; // in mqw__routes.stale
    route here;            // the filter that ends with this level
    route below;           // … and the one with `/#` behind it
    uint32_t children;
    uint32_t hash;
    bool stale;
    uint16_t len;
    char level[];
};

// --- nodes ---

static mqw_text level_at(mqw_text text, size_t at)
{
    const char *slash = at < text.len ? memchr(text.data + at, '/', text.len - at) : NULL;
    return (mqw_text){text.data + at, (slash ? (size_t)(slash - text.data) : text.len) - at};
}

static bool is_wildcard(mqw_text level, char which)
{
    return level.len == 1 && level.data[0] == which;
}

static uint32_t hash_of(const mqw__node *parent, mqw_text level)
{
    uint64_t hash = (uintptr_t)parent ^ UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < level.len; i++)
        hash = (hash ^ (uint8_t)level.data[i]) * UINT64_C(0x100000001b3);
    hash *= UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(hash >> 32);
}

static mqw__node *find(const mqw__routes *routes, const mqw__node *parent, mqw_text level)
{
    if (!parent || parent->children == 0)
        return NULL;
    uint32_t hash = hash_of(parent, level);
    mqw__node *node = routes->buckets[hash & (routes->size - 1)];
    while (node && (node->hash != hash || node->parent != parent || node->len != level.len ||
                    memcmp(node->level, level.data, level.len) != 0))
        node = node->next;
    return node;
}

static void link_node(mqw__node **buckets, uint32_t size, mqw__node *node)
{
    mqw__node **bucket = &buckets[node->hash & (size - 1)];
    node->next = *bucket;
    *bucket = node;
}

// Keeps the table at least as large as its contents.
static bool grow(mqw__routes *routes)
{
    if (routes->nodes < routes->size)
        return true;
    uint32_t size = routes->size ? routes->size * 2 : FIRST_SIZE;
    mqw__node **buckets = mqw__uv_new(size * sizeof(mqw__node *));
    if (!buckets)
        return false;
    for (uint32_t i = 0; i < routes->size; i++)
        for (mqw__node *node = routes->buckets[i], *next; node; node = next) {
            next = node->next;
            link_node(buckets, size, node);
        }
    free(routes->buckets);
    routes->buckets = buckets;
    routes->size = size;
    return true;
}

static mqw__node *new_node(mqw__routes *routes, mqw__node *parent, mqw_text level)
{
    mqw__node *node = grow(routes) ? mqw__uv_new(sizeof(mqw__node) + level.len) : NULL;
    if (!node)
        return NULL;
    node->parent = parent;
    node->len = (uint16_t)level.len;
    node->hash = hash_of(parent, level);
    if (level.len)
        memcpy(node->level, level.data, level.len);
    link_node(routes->buckets, routes->size, node);
    routes->nodes++;
    parent->children++;
    if (is_wildcard(level, '+'))
        parent->plus = node;
    return node;
}

static void free_node(mqw__routes *routes, mqw__node *node)
{
    mqw__node **at = &routes->buckets[node->hash & (routes->size - 1)];
    while (*at != node)
        at = &(*at)->next;
    *at = node->next;
    routes->nodes--;
    node->parent->children--;
    if (node->parent->plus == node)
        node->parent->plus = NULL;
    free(node);
}

// Frees a node and those above it as far as nothing is there any more. One that is still to be looked through
// by itself stays until then.
static void prune(mqw__routes *routes, mqw__node *node)
{
    while (node->parent && !node->stale && !node->children && !node->here.handler && !node->below.handler) {
        mqw__node *parent = node->parent;
        free_node(routes, node);
        node = parent;
    }
}

// Something was taken from a node. While a walk stands on it, it has to stay.
static void tidy(mqw__routes *routes, mqw__node *node)
{
    if (routes->walking == 0) {
        prune(routes, node);
    } else if (!node->stale) {
        node->stale = true;
        node->next_stale = routes->stale;
        routes->stale = node;
    }
}

static void tidy_all(mqw__routes *routes)
{
    while (routes->stale) {
        mqw__node *node = routes->stale;
        routes->stale = node->next_stale;
        node->stale = false;
        prune(routes, node);
    }
}

// --- setting ---

// The node of a filter whose last `#` is taken off; NULL: there is none (without `make`), or no memory.
static mqw__node *node_of(mqw__routes *routes, mqw_text filter, bool make)
{
    if (!routes->root && make)
        routes->root = mqw__uv_new(sizeof(mqw__node));
    mqw__node *node = routes->root;
    for (size_t at = 0; node && at <= filter.len;) {
        mqw_text level = level_at(filter, at);
        if (is_wildcard(level, '#'))
            break;
        mqw__node *child = find(routes, node, level);
        if (!child && make && !(child = new_node(routes, node, level)))
            tidy(routes, node);
        node = child;
        at += level.len + 1;
    }
    return node;
}

int mqw__routes_set(mqw__routes *routes, const char *filter, mqw_message_handler *handler, void *ctx)
{
    mqw_text group;
    mqw_text bare = {filter, filter ? strlen(filter) : 0};
    if (mqw_filter_check(bare, MQW_5_0) != 0)
        return MQW_E_MISUSE;
    (void)mqw_share_split(bare, &group, &bare);
    mqw__node *node = node_of(routes, bare, handler != NULL);
    if (!node)
        return handler ? MQW_E_NO_MEMORY : 0;
    route *at = bare.data[bare.len - 1] == '#' ? &node->below : &node->here;
    routes->count += handler != NULL;
    routes->count -= at->handler != NULL;
    *at = (route){handler, ctx};
    if (!handler)
        tidy(routes, node);
    return 0;
}

void mqw__routes_free(mqw__routes *routes)
{
    for (uint32_t i = 0; i < routes->size; i++)
        for (mqw__node *node = routes->buckets[i], *next; node; node = next) {
            next = node->next;
            free(node);
        }
    free(routes->buckets);
    free(routes->root);
    *routes = (mqw__routes){0};
}

// --- walking ---

// A walk goes down a branch as far as the topic does, then up to the next `+`. It needs no memory: where it
// stands in the topic follows from where it stands in the tree.
typedef struct walk {
    mqw__routes *routes;
    mqw_text topic;
    mqw__node *node;
    size_t at; // where the level below the node begins; behind the end: there is none
    mqw_client *client;
    const mqw_publish *publish;
    mqw_token token;
    bool told;
} walk;

// A wildcard in the first level does not match a topic that begins with $ (MQTT-4.7.2-1).
static bool takes_wildcards(const walk *w)
{
    return w->node->parent || w->topic.data[0] != '$';
}

static void tell(walk *w, const route *to)
{
    if (!to->handler)
        return;
    w->told = true;
    to->handler(w->client, w->publish, w->token, to->ctx);
}

// Calls what ends at this node.
static void visit(walk *w)
{
    if (takes_wildcards(w))
        tell(w, &w->node->below);
    if (w->at > w->topic.len)
        tell(w, &w->node->here);
}

static bool step_to(walk *w, mqw__node *child)
{
    if (!child)
        return false;
    w->at += level_at(w->topic, w->at).len + 1;
    w->node = child;
    return true;
}

static bool go_down(walk *w)
{
    if (w->at > w->topic.len)
        return false;
    mqw__node *child = find(w->routes, w->node, level_at(w->topic, w->at));
    return step_to(w, child ? child : takes_wildcards(w) ? w->node->plus : NULL);
}

static void step_back(walk *w)
{
    size_t end = w->at - 1;
    const char *slash = end ? memrchr(w->topic.data, '/', end) : NULL;
    w->at = slash ? (size_t)(slash - w->topic.data) + 1 : 0;
    w->node = w->node->parent;
}

// To the next branch that was not walked; false: there is none.
static bool go_on(walk *w)
{
    while (w->node->parent) {
        const mqw__node *done = w->node;
        step_back(w);
        if (w->node->plus != done && takes_wildcards(w) && step_to(w, w->node->plus))
            return true;
    }
    return false;
}

bool mqw__routes_call(mqw__routes *routes, mqw_client *client, const mqw_publish *publish, mqw_token token)
{
    walk w = {.routes = routes, .topic = publish->topic, .node = routes->root, .client = client};
    w.publish = publish;
    w.token = token;
    if (routes->count == 0 || w.topic.len == 0)
        return false;
    routes->walking++;
    do
        visit(&w);
    while (go_down(&w) || go_on(&w));
    if (--routes->walking == 0)
        tidy_all(routes);
    return w.told;
}
