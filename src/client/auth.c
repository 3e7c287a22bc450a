// SPDX-License-Identifier: MIT
// Enhanced authentication: the method's words in CONNECT, AUTH and CONNACK, and a server that has to keep its
// side of it.
#include "auth.h"

#include <stdlib.h>
#include <string.h>

#include "transport/alloc.h"

/** An exchange, of the connection or again on it. */
struct mqw__exchange {
    bool satisfied;        // our method has nothing left to ask
    bool again;            // a re-authentication is under way
    mqw_client_done *done; // of that
    void *ctx;
    uint64_t deadline;
};

static const char unproven[] = "the server did not prove who it is";

const char *mqw__auth_words(void)
{
    return unproven;
}

// Puts method and data into properties.
static void say(const mqw_client *client, mqw_props *props, mqw_bytes data)
{
    mqw_text method = {client->auth->method, strlen(client->auth->method)};
    mqw_set(props, auth_method, method); // MQTT-4.12.0-5
    props->has &= ~MQW_BIT(auth_data);
    if (data.len > 0)
        mqw_set(props, auth_data, data);
}

static int step(mqw_client *client, mqw_bytes in, mqw_bytes *out)
{
    *out = (mqw_bytes){NULL, 0};
    int result = client->auth->step(client->auth->self, in, out);
    client->exchange->satisfied = result == 0;
    return result;
}

static int first_step(mqw_client *client, mqw_bytes *out)
{
    if (client->auth->reset)
        client->auth->reset(client->auth->self);
    return step(client, (mqw_bytes){NULL, 0}, out);
}

int mqw__auth_begin(mqw_client *client, mqw_connect *connect)
{
    mqw_bytes data;
    if (connect->version != MQW_5_0)
        return MQW_E_REFUSED;
    if (!client->exchange)
        client->exchange = mqw__uv_new(sizeof *client->exchange);
    if (!client->exchange)
        return MQW_E_NO_MEMORY;
    int result = first_step(client, &data);
    if (result >= 0)
        say(client, &connect->props, data);
    return result < 0 ? result : 0;
}

static int send_auth(mqw_client *client, uint8_t reason, mqw_bytes data)
{
    mqw_disconnect auth = {.reason = reason};
    say(client, &auth.props, data);
    return mqw_conn_auth(mqw_client_conn(client), &auth);
}

// --- again ---

// Tells the program that a re-authentication is over, if there was one.
static void end_again(mqw_client *client, int result)
{
    mqw__exchange *exchange = client->exchange;
    if (!exchange || !exchange->again)
        return;
    exchange->again = false;
    if (exchange->done)
        exchange->done(client, result, NULL, exchange->ctx);
}

int mqw_client_reauthenticate(mqw_client *client, mqw_client_done *done, void *ctx)
{
    mqw_bytes data;
    if (!client || !client->auth)
        return MQW_E_MISUSE;
    if (!mqw__client_accepts(client))
        return MQW_E_CLOSED;
    if (client->phase != MQW__ACCEPTED || !client->exchange || client->exchange->again)
        return MQW_E_REFUSED;
    int result = first_step(client, &data);
    if (result >= 0)
        result = send_auth(client, MQW_REASON_REAUTHENTICATE, data); // MQTT-4.12.1-1
    if (result < 0)
        return result;
    client->exchange->again = true;
    client->exchange->done = done;
    client->exchange->ctx = ctx;
    client->exchange->deadline = mqw__client_now(client) + client->request_timeout;
    mqw__client_wake(client, client->exchange->deadline);
    return 0;
}

// --- what comes ---

// MQTT-4.12.1-2: what has failed ends the connection.
static void fail(mqw_client *client)
{
    end_again(client, MQW_E_PROTOCOL);
    mqw__client_distrust(client, unproven);
}

// The last word of a server, which has let us in: whether our method lets it pass.
static bool is_proven(mqw_client *client, const mqw_props *props)
{
    mqw_bytes out;
    mqw_bytes data = mqw_value(props, auth_data);
    if (client->exchange->satisfied && data.len == 0)
        return true;
    return step(client, data, &out) == 0 && out.len == 0;
}

bool mqw__auth_accepted(mqw_client *client, const mqw_connack *connack)
{
    return !client->auth || (client->exchange && is_proven(client, &connack->props));
}

void mqw__auth_received(mqw_client *client, const mqw_disconnect *auth)
{
    mqw_bytes out;
    if (!client->auth || !client->exchange || (client->phase == MQW__ACCEPTED && !client->exchange->again)) {
        mqw__client_blame(client, MQW_REASON_PROTOCOL_ERROR, "the server began an authentication by itself");
    } else if (auth->reason == MQW_REASON_CONTINUE_AUTHENTICATION) {
        // MQTT-4.12.0-3; what cannot be sent waits for its time-out
        if (step(client, mqw_value(&auth->props, auth_data), &out) < 0)
            fail(client);
        else
            (void)send_auth(client, MQW_REASON_CONTINUE_AUTHENTICATION, out);
    } else if (client->exchange->again && is_proven(client, &auth->props)) {
        end_again(client, auth->reason);
    } else {
        fail(client);
    }
}

void mqw__auth_lost(mqw_client *client)
{
    end_again(client, MQW_E_CLOSED);
}

uint64_t mqw__auth_due(mqw_client *client)
{
    const mqw__exchange *exchange = client->exchange;
    if (!exchange || !exchange->again)
        return UINT64_MAX;
    if (exchange->deadline > mqw__client_now(client))
        return exchange->deadline;
    end_again(client, MQW_E_TIMEOUT);
    mqw__client_fail(client, MQW_E_TIMEOUT, "the server did not answer a re-authentication");
    return UINT64_MAX;
}

void mqw__auth_end(mqw_client *client)
{
    end_again(client, MQW_E_CLOSED);
    free(client->exchange);
    client->exchange = NULL;
}
