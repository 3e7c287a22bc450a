// SPDX-License-Identifier: MIT
// Messages that are kept: one block each, or a small one and the block in which a connection received it.
#include "letter.h"

#include <string.h>

#include "inside.h"

struct mqw__taken {
    mqw_config *config;
    uint8_t *block;
    size_t size;
};

// --- life ---

static void give_back(mqw_broker *broker, mqw__taken *taken)
{
    if (!taken)
        return;
    mqw__let_go(broker, taken->size);
    mqw_config_give_back(taken->config, taken->block, taken->size);
    mqw_config_free(taken->config);
    mqw__mail_give(broker, taken, sizeof *taken);
}

static void release(mqw_shared *shared)
{
    mqw__letter *letter = (mqw__letter *)(void *)shared; // its first member
    mqw_broker *broker = letter->broker;
    broker->counts.messages_stored--;
    broker->counts.messages_bytes -= mqw__letter_size(letter);
    give_back(broker, letter->taken);
    mqw__mail_give(broker, letter, letter->size);
}

void mqw__letter_drop(mqw__letter *letter)
{
    if (letter)
        mqw_shared_drop(&letter->shared);
}

// Topic and properties, and the payload unless `taken` has it. The other fields are the caller's to set.
static mqw__letter *make(mqw_broker *broker, mqw_text topic, mqw_bytes props, mqw_bytes payload,
                         mqw__taken *taken)
{
    size_t size = sizeof(mqw__letter) + topic.len + props.len + (taken ? 0 : payload.len);
    mqw__letter *letter = size <= UINT32_MAX ? mqw__mail_take(broker, size) : NULL;
    if (!letter)
        return NULL;
    memset(letter, 0, sizeof *letter);
    memcpy(letter->topic, topic.data, topic.len);
    char *at = letter->topic + topic.len;
    if (props.len)
        memcpy(at, props.data, props.len);
    at += props.len;
    if (!taken && payload.len)
        memcpy(at, payload.data, payload.len);
    letter->shared.bytes = taken ? payload : (mqw_bytes){(const uint8_t *)at, payload.len};
    letter->shared.refs = 1;
    letter->shared.release = release;
    letter->broker = broker;
    letter->taken = taken;
    letter->size = (uint32_t)size;
    letter->props_len = (uint32_t)props.len;
    letter->topic_len = (uint16_t)topic.len;
    broker->counts.messages_stored++;
    broker->counts.messages_bytes += mqw__letter_size(letter);
    return letter;
}

mqw__letter *mqw__letter_new(mqw_broker *broker, mqw_text topic, mqw_bytes props, mqw_bytes payload,
                             uint64_t expires, uint8_t qos, bool retain, uint64_t from)
{
    mqw__letter *letter = make(broker, topic, props, payload, NULL);
    if (!letter)
        return NULL;
    letter->expires = expires;
    letter->qos = qos;
    letter->retain = retain;
    letter->from = from;
    return letter;
}

// --- of a post ---

enum { TAKE_WORTH = 4096 }; // mqw_conn_take gives no smaller block

static bool lies_in(mqw_bytes bytes, const uint8_t *block, size_t size)
{
    return bytes.data >= block && bytes.data + bytes.len <= block + size;
}

// The block in which the payload was received, instead of a copy. Topic and properties of the packet lie in
// it, too: whoever has taken it keeps it as long as the post.
static mqw__taken *take(mqw_broker *broker, mqw__post *post)
{
    if (!post->conn || post->publish->payload.len < TAKE_WORTH)
        return NULL;
    mqw__taken *taken = mqw__mail_take(broker, sizeof *taken);
    if (!taken)
        return NULL;
    taken->config = mqw_conn_config(post->conn);
    taken->block = mqw_conn_take(post->conn, &taken->size);
    if (!taken->block) {
        mqw__mail_give(broker, taken, sizeof *taken);
        return NULL;
    }
    (void)mqw_config_keep(taken->config);
    broker->memory += taken->size; // it is held already; one more packet than the bound, at most
    return taken;
}

static mqw__letter *letter_of(mqw_broker *broker, mqw__post *post)
{
    const mqw_publish *publish = post->publish;
    if (!post->taken)
        post->taken = take(broker, post);
    mqw__taken *taken = post->taken;
    bool inside = taken && lies_in(publish->payload, taken->block, taken->size);
    mqw__letter *letter = make(broker, publish->topic, post->props, publish->payload, inside ? taken : NULL);
    if (!letter)
        return NULL;
    if (inside)
        post->taken = NULL;
    letter->expires = post->expires;
    letter->qos = publish->qos;
    letter->retain = publish->retain;
    letter->from = post->from;
    return letter;
}

mqw__letter *mqw__post_keep(mqw_broker *broker, mqw__post *post)
{
    if (!post->letter)
        post->letter = letter_of(broker, post);
    return post->letter ? mqw__letter_keep(post->letter) : NULL;
}

void mqw__post_end(mqw__post *post)
{
    mqw__letter_drop(post->letter);
    give_back(post->broker, post->taken);
    mqw__broker_free_block(post->broker, post->block, post->block_size);
}
