// SPDX-License-Identifier: MIT
// Enhanced authentication (section 4.12): the program's method says what comes next, in CONNECT and again
// while connected.
#include <string.h>

#include "affairs.h"

static bool has_method(const mqw_connect *connect)
{
    return connect->version == MQW_5_0 && mqw_has(&connect->props, auth_method);
}

// --- a step ---

static void on_time_out(mqw__deadline *deadline)
{
    mqw__affairs *affairs = (mqw__affairs *)(void *)((char *)deadline - offsetof(mqw__affairs, auth_due));
    mqw__peer_end(affairs->peer, MQW_REASON_NOT_AUTHORIZED, "its authentication took too long");
}

// The program's method, begun anew. 0, or a reason code.
static int begin(mqw__affairs *affairs, mqw_text method, mqw_auth *auth)
{
    mqw_broker *broker = affairs->peer->broker;
    if (!broker->hooks.on_auth)
        return MQW_REASON_BAD_AUTH_METHOD;
    int reason = broker->hooks.on_auth(broker, affairs->peer, method, auth, broker->options.ctx);
    if (reason == 0 && !auth->step)
        reason = MQW_REASON_IMPLEMENTATION_SPECIFIC;
    if (reason) {
        *auth = (mqw_auth){0};
        return reason;
    }
    if (auth->reset)
        auth->reset(auth->self);
    affairs->auth_due.fire = on_time_out;
    mqw__broker_due(broker, &affairs->auth_due, mqw__broker_now(broker) + broker->options.auth_timeout);
    return 0;
}

// As mqw_auth.step, with a verdict in `out` that lives until the next one.
static int step(mqw__affairs *affairs, const mqw_auth *auth, const mqw_props *said, mqw_bytes *out)
{
    *out = (mqw_bytes){NULL, 0};
    int result = auth->step ? auth->step(auth->self, mqw_value(said, auth_data), out) : -1;
    if (result <= 0)
        mqw__broker_undue(affairs->peer->broker, &affairs->auth_due);
    return result;
}

// MQTT-4.12.0-2, -5: with the method of CONNECT, which is the only one that may be said.
static void send_auth(mqw_peer *peer, uint8_t reason, mqw_text method, mqw_bytes data)
{
    mqw_disconnect auth = {.reason = reason};
    mqw_set(&auth.props, auth_method, method);
    if (data.len)
        mqw_set(&auth.props, auth_data, data);
    if (mqw__peer_is_in(peer))
        (void)mqw__peer_send(peer, MQW_AUTH, &auth);
    else if (mqw_conn_auth(peer->conn, &auth) < 0)
        mqw__peer_end(peer, MQW_REASON_QUOTA_EXCEEDED, "an answer could not be sent");
}

static void take_back(mqw_auth *auth)
{
    mqw_auth_free(auth);
    *auth = (mqw_auth){0};
}

// --- CONNECT ---

static bool keep_connect(mqw__affairs *affairs, const mqw_connect *connect)
{
    mqw_packet packet = {.type = MQW_CONNECT, .connect = *connect};
    if (!affairs->packet)
        affairs->packet = mqw_packet_copy(&packet, &affairs->peer->broker->allocator);
    return affairs->packet != NULL;
}

// True: it is satisfied.
static bool go_on(mqw_peer *peer, mqw__affairs *affairs, const mqw_connect *connect, const mqw_props *said)
{
    mqw_bytes out;
    int result = step(affairs, &affairs->auth, said, &out);
    if (result < 0) {
        mqw__peer_refuse(peer, MQW_REASON_NOT_AUTHORIZED, "its authentication has failed"); // MQTT-4.12.0-4
    } else if (result > 0 && !keep_connect(affairs, connect)) {
        mqw__peer_refuse(peer, MQW_REASON_QUOTA_EXCEEDED, "no memory");
    } else if (result > 0) {
        peer->stand = MQW__AUTHENTICATING;
        send_auth(peer, MQW_REASON_CONTINUE_AUTHENTICATION, connect->props.auth_method, out);
    } else {
        affairs->last_word = out;
    }
    return result == 0;
}

bool mqw__authenticate_begin(mqw_peer *peer, const mqw_connect *connect)
{
    if (!has_method(connect))
        return true;
    mqw__affairs *affairs = mqw__affairs_of(peer);
    int reason =
        affairs ? begin(affairs, connect->props.auth_method, &affairs->auth) : MQW_REASON_QUOTA_EXCEEDED;
    if (reason)
        mqw__peer_refuse(peer, mqw__reason_in(MQW_CONNACK, reason, MQW_REASON_NOT_AUTHORIZED),
                         "its authentication is not taken"); // MQTT-4.12.0-1
    return affairs && peer->stand != MQW__GONE && go_on(peer, affairs, connect, &connect->props);
}

// --- again ---

// The new identity takes the place of the old one.
static void succeed(mqw__affairs *affairs)
{
    affairs->last_word = (mqw_bytes){NULL, 0};
    take_back(&affairs->auth);
    affairs->auth = affairs->again;
    affairs->again = (mqw_auth){0};
}

static void go_on_again(mqw_peer *peer, mqw__affairs *affairs, const mqw_props *said)
{
    mqw_bytes out;
    int result = step(affairs, &affairs->again, said, &out);
    if (result < 0) {
        mqw__peer_end(peer, MQW_REASON_NOT_AUTHORIZED, "its authentication has failed"); // MQTT-4.12.1-2
        return;
    }
    send_auth(peer, result ? MQW_REASON_CONTINUE_AUTHENTICATION : MQW_REASON_SUCCESS, said->auth_method, out);
    if (result == 0 && peer->stand != MQW__GONE)
        succeed(affairs);
}

static void begin_again(mqw_peer *peer, const mqw_props *said)
{
    mqw__affairs *affairs = mqw__affairs_of(peer);
    int reason = affairs ? begin(affairs, said->auth_method, &affairs->again) : MQW_REASON_QUOTA_EXCEEDED;
    if (reason)
        mqw__peer_end(peer, mqw__reason_in(MQW_DISCONNECT, reason, MQW_REASON_NOT_AUTHORIZED),
                      "its authentication is not taken");
    else if (peer->stand != MQW__GONE)
        go_on_again(peer, affairs, said);
}

void mqw__authenticate_next(mqw_peer *peer, const mqw_disconnect *auth)
{
    mqw__affairs *affairs = peer->affairs;
    bool again = auth->reason == MQW_REASON_REAUTHENTICATE;
    bool runs = affairs && (affairs->again.step || peer->stand == MQW__AUTHENTICATING);
    if (again == runs || !mqw_has(&auth->props, auth_method)) {
        mqw__peer_end(peer, MQW_REASON_PROTOCOL_ERROR, "its authentication is out of order");
    } else if (again) {
        begin_again(peer, &auth->props);
    } else if (peer->stand == MQW__WELCOME) {
        go_on_again(peer, affairs, &auth->props);
    } else {
        if (go_on(peer, affairs, &affairs->packet->connect, &auth->props))
            mqw__peer_may_connect(peer, &affairs->packet->connect);
        mqw__decide_settle(peer);
    }
}

void mqw__authenticate_end(mqw_peer *peer)
{
    mqw__broker_undue(peer->broker, &peer->affairs->auth_due);
    take_back(&peer->affairs->auth);
    take_back(&peer->affairs->again);
}
