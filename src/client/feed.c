// SPDX-License-Identifier: MIT
// Payloads that are read from a source while they are sent. Other messages wait until all of it has gone.
#include "inside.h"

enum { PIECE = 16 * 1024, PIECES_A_TURN = 64 };

int mqw__feed_begin(mqw_client *client, mqw__message *message, const mqw_publish *publish)
{
    int result = mqw_conn_publish_begin(client->conn, publish, message->source->payload_size);
    if (result < 0)
        return result;
    client->feed = message;
    client->fed = 0;
    if (message->qos == 0) {
        mqw__messages_remove(&client->idle, message);
        message->in_queue = false;
    }
    mqw__client_wake(client, 0); // the program is asked for bytes then
    return 0;
}

static void finish(mqw_client *client)
{
    mqw__message *message = client->feed;
    bool waits = message->qos == 0 && message->done;
    if (waits && !mqw__ring_reserve(&client->leavers)) {
        mqw__outgoing_break(client, MQW_E_NO_MEMORY);
        return;
    }
    (void)mqw_conn_publish_end(client->conn);
    client->feed = NULL;
    if (message->qos > 0)
        return;
    if (waits)
        (void)mqw__outgoing_when_left(client, message->done, message->ctx);
    else
        client->published++;
    mqw__backlog_remove(client, message);
    mqw__message_free(message);
}

// The peer waits for the rest, which nobody has.
static void fail(mqw_client *client)
{
    mqw__message *message = client->feed;
    client->feed = NULL;
    mqw__backlog_doom(client, message, MQW_E_STREAM);
    mqw__outgoing_break(client, MQW_E_STREAM);
}

// Moves a piece; false: not now.
static bool move(mqw_client *client)
{
    uint8_t piece[PIECE];
    const mqw_source *source = client->feed->source;
    uint32_t left = source->payload_size - client->fed;
    size_t want = left < PIECE ? left : PIECE;
    int got = source->read(source->self, client->fed, piece, want);
    if (got <= 0 || (size_t)got > want) {
        fail(client);
        return false;
    }
    int result = mqw_conn_publish_write(client->conn, (mqw_bytes){piece, (size_t)got});
    if (result == MQW_E_NO_MEMORY)
        mqw__outgoing_break(client, result);
    if (result < 0)
        return false;
    client->fed += (uint32_t)got;
    return true;
}

void mqw__feed_go(mqw_client *client)
{
    int turn = PIECES_A_TURN; // a peer that takes all at once does not keep the loop from everything else
    while (turn-- > 0 && client->phase == MQW__ACCEPTED && client->feed && mqw__outgoing_room(client)) {
        if (client->fed == client->feed->source->payload_size)
            finish(client);
        else if (!move(client))
            return;
    }
    if (turn < 0)
        mqw__client_wake(client, 0);
}

void mqw__feed_lost(mqw_client *client)
{
    mqw__message *message = client->feed;
    client->feed = NULL;
    if (message && message->qos == 0)
        mqw__backlog_end(client, message, MQW_E_CLOSED, NULL);
}
