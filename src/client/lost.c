// SPDX-License-Identifier: MIT
// What follows when a connection is gone or was not made: who hears why, and what happens next.
#include <stdio.h>
#include <string.h>

#include "inside.h"

static mqw_text reason_string(const mqw_packet *packet, uint8_t version)
{
    const mqw_props *props = packet->type == MQW_CONNACK ? &packet->connack.props : &packet->disconnect.props;
    mqw_text none = {"", 0};
    return version == MQW_5_0 ? mqw_get(props, reason_string, none) : none;
}

static void tell_packet(mqw_client *client, const mqw__loss *loss)
{
    uint8_t version = client->conn ? mqw_conn_version(client->conn) : MQW_5_0;
    uint8_t reason = loss->ending.reason;
    if (version < MQW_5_0 && loss->ending.type == MQW_CONNACK)
        version = MQW_3_1_1;
    mqw_text why = reason_string(loss->packet, version);
    snprintf(client->words, sizeof client->words, "the server %s: %s%s%.*s",
             loss->ending.type == MQW_CONNACK ? "refused" : "ended the connection",
             mqw_reason_name(version, reason), why.len ? ": " : "", (int)(why.len < 100 ? why.len : 100),
             why.data);
}

static void put_in_words(mqw_client *client, const mqw__loss *loss)
{
    if (loss->packet)
        tell_packet(client, loss);
    else if (loss->words && loss->words[0])
        snprintf(client->words, sizeof client->words, "%s", loss->words);
    else if (loss->error)
        (void)mqw_error_print(client->words, sizeof client->words, loss->error);
    else
        snprintf(client->words, sizeof client->words, "%s", mqw_strerror(loss->ending.result));
}

static int64_t decide(mqw_client *client, const mqw__loss *loss)
{
    mqw__ending ending = loss->ending;
    ending.now = mqw__client_now(client);
    if (loss->redial) {
        mqw__retry_again(&client->retry, ending.now);
        return 0;
    }
    ending.random = client->world.random(client->world.self);
    return mqw__retry_lost(&client->retry, &ending);
}

void mqw__client_lost(mqw_client *client, const mqw__loss *loss)
{
    mqw_client_failure failure = {.result = loss->packet ? 0 : loss->ending.result,
                                  .reason = loss->ending.reason,
                                  .words = client->words,
                                  .address = client->where,
                                  .packet = loss->packet,
                                  .error = loss->error};
    snprintf(client->where, sizeof client->where, "%s", mqw__retry_server(&client->retry)->address);
    put_in_words(client, loss);
    int64_t delay = decide(client, loss);
    failure.attempts = client->retry.attempts;
    failure.retry_in = delay;
    client->failure = failure;
    client->failure.packet = NULL;
    client->failure.error = NULL;
    client->due = mqw__client_now(client) + (uint64_t)(delay > 0 ? delay : 0);
    client->phase = MQW__RESTING;
    if (client->conn)
        mqw__connect_release(client);
    if (client->handlers.on_lost)
        client->handlers.on_lost(client, &failure, client->ctx);
    if (delay < 0 && client->phase == MQW__RESTING)
        mqw__client_part(client, true);
    mqw__client_wake(client, 0);
}
