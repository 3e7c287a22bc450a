// SPDX-License-Identifier: MIT
// Memory: one configuration for many connections, an allocator that counts, blocks that change hands, and
// bytes that many connections send.
#include <string.h>

#include "ends.h"

enum { LARGE = 50 * 1000, CLIENTS = 3 };

// As realloc, but it knows how much is in use, and could say no.
static void *resize(void *ctx, void *old, size_t old_size, size_t new_size)
{
    size_t *in_use = ctx;
    void *block = NULL;
    if (new_size > 0 && !(block = realloc(old, new_size)))
        return NULL;
    if (new_size == 0)
        free(old);
    *in_use = *in_use - old_size + new_size;
    return block;
}

// What all connections of a server share. The allocator is copied, and so are the handlers.
static mqw_config *make_config(size_t *in_use, const mqw_handlers *handlers)
{
    const mqw_allocator counting = {.resize = resize, .ctx = in_use};
    mqw_conn_options options = {
        .max_packet_size = 256 * 1024, .max_total = 64 * 1024 * 1024, .allocator = &counting};
    options.handlers = handlers;
    return mqw_config_new(&options);
}

typedef struct message {
    uint8_t *block; // NULL: a copy was made
    size_t size;
    mqw_packet *copy;
    mqw_publish publish; // its views point into one of the two
} message;

// Keeps a PUBLISH: takes over the block in which it lies, or else copies it.
static void keep(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    message *kept = ctx;
    kept->block = mqw_conn_take(conn, &kept->size);
    if (!kept->block)
        kept->copy = mqw_packet_copy(packet, NULL);
    if (kept->block)
        kept->publish = packet->publish;
    else if (kept->copy)
        kept->publish = kept->copy->publish;
}

static void let_go(mqw_config *config, message *kept)
{
    if (kept->block)
        mqw_config_give_back(config, kept->block, kept->size);
    mqw_packet_free(kept->copy, NULL);
    memset(kept, 0, sizeof *kept);
}

// Bytes that are sent by reference, and what becomes of them when nobody needs them any more.
typedef struct blob {
    mqw_shared shared; // first, so that one is the other
    bool gone;
} blob;

static void release(mqw_shared *shared)
{
    ((blob *)shared)->gone = true; // or free it
}

// Sends one payload to everybody; nobody copies it.
static void fan_out(mqw_conn **clients, int count, mqw_text topic, mqw_shared *payload)
{
    for (int i = 0; i < count; i++)
        mqw_conn_publish_shared(clients[i], &(mqw_publish){.topic = topic}, payload);
    mqw_shared_drop(payload); // our own reference
}

int main(void)
{
    static const uint8_t large[LARGE];
    blob shared = {.shared = {.bytes = {large, LARGE}, .refs = 1, .release = release}};
    size_t in_use = 0;
    message kept = {0};
    const mqw_handlers handlers = {.connect = welcome, .publish = keep};
    mqw_config *config = make_config(&in_use, &handlers);
    mqw_conn *clients[CLIENTS], *servers[CLIENTS];
    CHECK(config);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = mqw_conn_new(MQW_CLIENT, NULL);
        servers[i] = mqw_conn_new_shared(MQW_SERVER, config);
        CHECK(clients[i] && servers[i]);
        mqw_conn_handle(servers[i], &handlers, &kept);
        shake_hands(clients[i], servers[i], MQW_3_1_1);
    }
    fan_out(clients, CLIENTS, MQW_TEXT("large"), &shared.shared);
    for (int i = 0; i < CLIENTS; i++) {
        CHECK(carry(clients[i], servers[i]) == 0); // its head and its payload come apart: it lies in a block
        CHECK(kept.block && kept.publish.payload.len == LARGE && in_use > LARGE);
        let_go(config, &kept);
    }
    CHECK(shared.gone);
    CHECK(mqw_conn_publish(clients[0], &(mqw_publish){.topic = MQW_TEXT("small")}) == 0);
    CHECK(carry(clients[0], servers[0]) == 0 && kept.copy && kept.publish.topic.len == 5);
    let_go(config, &kept);
    for (int i = 0; i < CLIENTS; i++) {
        mqw_conn_free(clients[i]);
        mqw_conn_free(servers[i]);
    }
    mqw_config_free(config);
    CHECK(in_use == 0);
    return 0;
}
