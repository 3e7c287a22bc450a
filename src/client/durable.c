// SPDX-License-Identifier: MIT
// The session in a store: a record for each promise, one for each QoS 2 identifier that was taken. What was
// put in one turn shares one commit.
//
// Keys: 'c', length and text of the client identifier, then 'p' and the sequence of a promise, or 'i' and a
// packet identifier; numbers are big endian, so that records stand in their order.
#include <stdlib.h>
#include <string.h>

#include "inside.h"
#include "transport/alloc.h"

enum {
    FORMAT = 1,
    HEAD = 1 + 1 + 1 + 2 + 8 + 8, // format, stage, QoS, identifier, expiry, order of PUBREL
    NUMBER = 8,
    PROMISE = 'p',
    INBOX = 'i',
    AGAIN = 100 // ms until a commit that found no memory is asked for again
};

static void write_number(uint8_t *at, uint64_t number, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--, number >>= 8)
        at[i] = (uint8_t)number;
}

static uint64_t read_number(const uint8_t *at, int bytes)
{
    uint64_t number = 0;
    for (int i = 0; i < bytes; i++)
        number = number << 8 | at[i];
    return number;
}

static mqw_bytes key_of(mqw_client *client, uint8_t kind, uint64_t number, int bytes)
{
    uint8_t *at = client->prefix + client->prefix_len;
    at[0] = kind;
    write_number(at + 1, number, bytes);
    return (mqw_bytes){client->prefix, client->prefix_len + 1 + (size_t)bytes};
}

// --- writing ---

void mqw__durable_wanted(mqw_client *client)
{
    client->dirty = true;
    mqw__client_wake(client, 0);
}

// A store that has failed cannot hold promises: the client gives up.
static void fail(mqw_client *client, int result)
{
    client->store_failed = result;
    mqw__client_wake(client, 0);
}

// What came of a change.
static int put(mqw_client *client, int result)
{
    if (result >= 0)
        mqw__durable_wanted(client);
    else if (result == MQW_E_STREAM)
        fail(client, result);
    return result;
}

int mqw__durable_promise(mqw_client *client, mqw__message *message)
{
    const mqw_promise *promise = message->promise;
    bool released = promise->stage == MQW_RELEASED; // the server has the message
    size_t size = HEAD + (released ? 0 : (size_t)message->size);
    uint8_t *value = mqw__uv_new(size);
    if (!value)
        return MQW_E_NO_MEMORY;
    value[0] = FORMAT;
    value[1] = promise->stage;
    value[2] = promise->qos;
    write_number(value + 3, promise->packet_id, 2);
    write_number(value + 5, promise->expires, 8);
    write_number(value + 13, promise->released, 8);
    memcpy(value + HEAD, message->wire, size - HEAD);
    int result = mqw_store_put(client->store, key_of(client, PROMISE, promise->sequence, NUMBER),
                               (mqw_bytes){value, size});
    free(value);
    if (result >= 0) {
        message->stored_id = promise->packet_id;
        message->stored_stage = promise->stage;
    }
    return put(client, result);
}

int mqw__durable_forget(mqw_client *client, uint64_t sequence)
{
    return client->store
               ? put(client, mqw_store_delete(client->store, key_of(client, PROMISE, sequence, NUMBER)))
               : 0;
}

int mqw__durable_received(mqw_client *client, uint16_t packet_id, bool is)
{
    static const uint8_t format = FORMAT;
    mqw_bytes key = key_of(client, INBOX, packet_id, 2);
    return put(client, is ? mqw_store_put(client->store, key, (mqw_bytes){&format, 1})
                          : mqw_store_delete(client->store, key));
}

int mqw__durable_received_none(mqw_client *client)
{
    return client->store ? put(client, mqw_store_delete_all(client->store, key_of(client, INBOX, 0, 0))) : 0;
}

// --- committing ---

static void on_commit(mqw_store *store, int result, void *ctx)
{
    mqw_client *client = ctx;
    (void)store;
    client->commits--;
    client->committed += result >= 0;
    if (result < 0)
        fail(client, result);
    mqw__client_wake(client, 0);
}

void mqw__durable_commit(mqw_client *client)
{
    if (!client->dirty || client->store_failed)
        return;
    int result = mqw_store_commit(client->store, on_commit, client);
    if (result == MQW_E_NO_MEMORY) {
        mqw__client_wake(client, mqw__client_now(client) + AGAIN);
        return;
    }
    if (result < 0) {
        fail(client, result);
        return;
    }
    client->dirty = false;
    client->batch++;
    client->commits++;
}

// --- reading ---

static int restore_promise(mqw_client *client, mqw_bytes number, mqw_bytes value)
{
    if (number.len != NUMBER || value.len < HEAD || value.data[0] != FORMAT)
        return MQW_E_STREAM;
    mqw_promise was = {.stage = value.data[1], .qos = value.data[2]};
    was.sequence = read_number(number.data, NUMBER);
    was.packet_id = (uint16_t)read_number(value.data + 3, 2);
    was.expires = read_number(value.data + 5, 8);
    was.released = read_number(value.data + 13, 8);
    if (was.stage == MQW_WAITING && was.packet_id)
        was.stage = MQW_PUBLISHED; // it may have been sent
    mqw__message *message = NULL;
    int result = mqw__message_from(&message, (mqw_bytes){value.data + HEAD, value.len - HEAD});
    if (result < 0)
        return result;
    bool fits = message->qos == was.qos && (message->size > 0 || was.stage == MQW_RELEASED);
    message->expires = was.expires;
    message->stored_id = was.packet_id;
    message->stored_stage = was.stage;
    message->told = true;
    was.message = message;
    result = fits ? mqw_session_restore(client->session, &was) : MQW_E_STREAM;
    if (result == 0)
        return 0;
    mqw__message_free(message);
    return result == MQW_E_NO_MEMORY ? result : MQW_E_STREAM;
}

static int on_record(mqw_bytes key, mqw_bytes value, void *ctx)
{
    mqw_client *client = ctx;
    if (key.len <= client->prefix_len)
        return MQW_E_STREAM;
    mqw_bytes number = {key.data + client->prefix_len + 1, key.len - client->prefix_len - 1};
    uint8_t kind = key.data[client->prefix_len];
    if (kind == PROMISE)
        return restore_promise(client, number, value);
    if (kind != INBOX || number.len != 2)
        return MQW_E_STREAM;
    int result = mqw_session_receive(client->session, (uint16_t)read_number(number.data, 2));
    return result < 0 ? result : 0;
}

static void count_promises(mqw_client *client)
{
    for (mqw_promise *promise = NULL; (promise = mqw_session_each(client->session, promise));) {
        mqw__message *message = promise->message;
        message->promise = promise;
        client->sequence = promise->sequence;
        mqw__backlog_count(client, message);
        message->in_queue = promise->stage == MQW_WAITING;
        if (message->in_queue)
            mqw__messages_add(&client->unsent, message);
    }
}

int mqw__durable_open(mqw_client *client)
{
    mqw_text id = client->hello->connect.client_id;
    client->batch = 1;
    if (!client->store)
        return 0;
    if (id.len == 0 || id.len + 3 + 1 + NUMBER > MQW_STORE_MAX_KEY)
        return MQW_E_MISUSE;
    client->prefix_len = 3 + id.len;
    client->prefix = mqw__uv_new(client->prefix_len + 1 + NUMBER);
    if (!client->prefix)
        return MQW_E_NO_MEMORY;
    client->prefix[0] = 'c';
    write_number(client->prefix + 1, id.len, 2);
    memcpy(client->prefix + 3, id.data, id.len);
    int result =
        mqw_store_read(client->store, (mqw_bytes){client->prefix, client->prefix_len}, on_record, client);
    count_promises(client);
    return result ? result : mqw__delivery_doubt(client);
}
