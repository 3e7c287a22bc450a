// SPDX-License-Identifier: MIT
// Connections of a client: begun, opened by CONNECT and CONNACK, given up. What comes on them is passed on to
// the other rooms.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth.h"
#include "inside.h"
#include "response.h"
#include "transport/alloc.h"

enum { ALIASES_IN = 16, MADE_ID = 16 };

static void on_gone(mqw_conn *conn, void *ctx)
{
    mqw_client *client = ctx;
    (void)conn;
    client->lingering--;
    mqw__client_wake(client, 0);
}

// Nobody listens to a connection that was given up, but its end is waited for.
static const mqw_handlers given_up = {.size = sizeof given_up, .close = on_gone};

void mqw__connect_release(mqw_client *client)
{
    mqw__outgoing_lost(client);
    mqw__requests_lost(client);
    mqw__delivery_lost(client);
    mqw__auth_lost(client);
    mqw_conn_handle_shared(client->conn, &given_up, client);
    client->lingering++;
    client->conn = NULL;
}

// --- giving up ---

void mqw__client_fail(mqw_client *client, int result, const char *words)
{
    mqw_conn *conn = client->conn;
    mqw__loss loss = {.ending = {.result = result}, .words = words ? words : mqw_strerror(result)};
    if (!conn || client->store_failed) // the next turn gives up
        return;
    if (result == MQW_E_TIMEOUT || result == MQW_E_STREAM || mqw_conn_version(conn) < MQW_5_0) {
        client->world.abort(client->world.self, conn);
    } else {
        mqw_disconnect farewell = {.reason = MQW_REASON_UNSPECIFIED_ERROR};
        (void)mqw_conn_disconnect(conn, &farewell);
        client->world.close(client->world.self, conn);
    }
    mqw__client_lost(client, &loss);
}

static void blame(mqw_client *client, uint8_t reason, const mqw__loss *loss)
{
    mqw_conn *conn = client->conn;
    mqw_disconnect farewell = {.reason = reason};
    if (!conn)
        return;
    if (mqw_conn_version(conn) == MQW_5_0)
        (void)mqw_conn_disconnect(conn, &farewell);
    client->world.close(client->world.self, conn);
    mqw__client_lost(client, loss);
}

void mqw__client_blame(mqw_client *client, uint8_t reason, const char *words)
{
    mqw__loss loss = {.ending = {.result = MQW_E_PROTOCOL}, .words = words};
    blame(client, reason, &loss);
}

void mqw__client_distrust(mqw_client *client, const char *words)
{
    mqw__loss loss = {.ending = {.result = MQW_E_REFUSED, .hopeless = true}, .words = words};
    blame(client, MQW_REASON_UNSPECIFIED_ERROR, &loss);
}

// --- CONNECT ---

// 3.1 knows no empty identifier: one is made, once.
static int make_id(mqw_client *client)
{
    if (!client->assigned) {
        client->assigned = mqw__uv_new(MADE_ID);
        if (!client->assigned)
            return MQW_E_NO_MEMORY;
        snprintf(client->assigned, MADE_ID, "mqwire%08x", (unsigned)client->world.random(client->world.self));
    }
    return 0;
}

// What older versions cannot say is left out.
static int make_older(mqw_client *client, mqw_connect *connect)
{
    connect->props.has = connect->will.props.has = 0;
    connect->clean_start = client->hello->connect.clean_start || client->hello->connect.client_id.len == 0;
    if (connect->has_password && !connect->has_username) {
        connect->has_username = true;
        connect->username = MQW_TEXT("");
    }
    if (connect->client_id.len > 0 || connect->version == MQW_3_1_1)
        return 0;
    int result = make_id(client);
    if (result == 0)
        connect->client_id = (mqw_text){client->assigned, strlen(client->assigned)};
    return result;
}

static void make_newest(mqw_client *client, mqw_connect *connect)
{
    mqw_props *props = &connect->props;
    if (client->has_opened)
        connect->clean_start = !client->has_session;
    if (!mqw_has(props, maximum_packet_size) && client->max_packet < MQW_PACKET_MAX)
        mqw_set(props, maximum_packet_size, client->max_packet);
    if (!mqw_has(props, topic_alias_maximum))
        mqw_set(props, topic_alias_maximum, ALIASES_IN);
}

static int make_connect(mqw_client *client, mqw_connect *connect)
{
    const mqw__server *server = mqw__retry_server(&client->retry);
    *connect = client->hello->connect;
    connect->version = mqw__retry_version(&client->retry);
    if (connect->version != client->hello->connect.version)
        connect->protocol_name = (mqw_text){NULL, 0};
    if (connect->client_id.len == 0 && client->assigned)
        connect->client_id = (mqw_text){client->assigned, strlen(client->assigned)};
    if (server->has_username) {
        connect->has_username = true;
        connect->username = server->username;
    }
    if (server->has_password) {
        connect->has_password = true;
        connect->password = server->password;
    }
    if (connect->version < MQW_5_0)
        return make_older(client, connect);
    make_newest(client, connect);
    return 0;
}

// CONNECT cannot be said: with another server or at another time neither.
static void give_up(mqw_client *client, int result, const char *words)
{
    mqw__loss loss = {.ending = {.result = result, .hopeless = result != MQW_E_NO_MEMORY},
                      .words = words ? words : mqw_strerror(result)};
    client->world.abort(client->world.self, client->conn);
    mqw__client_lost(client, &loss);
}

static void on_connected(mqw_conn *conn, void *ctx)
{
    mqw_client *client = ctx;
    mqw_connect connect;
    int result = make_connect(client, &connect);
    if (result == 0 && client->handlers.on_connect)
        client->handlers.on_connect(client, &connect, client->ctx);
    if (client->phase != MQW__CONNECTING || (client->leaving && client->hurried))
        return;
    if (result == 0 && client->auth) {
        result = mqw__auth_begin(client, &connect);
        if (result < 0) {
            give_up(client, result, result == MQW_E_NO_MEMORY ? NULL : mqw__auth_words());
            return;
        }
    }
    client->clean = connect.clean_start;
    client->expiry = mqw_value(&connect.props, session_expiry);
    if (result == 0)
        result = mqw_conn_connect(conn, &connect);
    if (result < 0) {
        give_up(client, result, NULL);
        return;
    }
    client->doubtful = client->doubtful || client->greeted;
    client->greeted = true;
}

void mqw__connect_begin(mqw_client *client)
{
    const mqw__server *server = mqw__retry_server(&client->retry);
    client->phase = MQW__CONNECTING;
    client->due = mqw__client_now(client) + client->connect_timeout;
    int result = client->world.open(client->world.self, server->address, &client->open, &client->conn);
    if (result >= 0)
        return;
    client->conn = NULL;
    mqw__loss loss = {.ending = {.result = result, .hopeless = result == MQW_E_MISUSE}};
    if (result == MQW_E_STREAM)
        loss.words = client->world.why(client->world.self, NULL);
    mqw__client_lost(client, &loss);
}

// --- CONNACK ---

static void learn_limits(mqw_client *client, const mqw_connack *connack)
{
    bool newest = mqw_conn_version(client->conn) == MQW_5_0;
    const mqw_props none = {.has = 0}, *props = newest ? &connack->props : &none;
    client->limits = (mqw__limits){
        .version = mqw_conn_version(client->conn),
        .maximum_qos = mqw_value(props, maximum_qos),
        .retain = mqw_value(props, retain_available) != 0,
        .packet_size = mqw_value(props, maximum_packet_size),
    };
    if (newest)
        client->has_session = mqw_get(props, session_expiry, client->expiry) != 0;
    else
        client->has_session = !client->clean;
}

static bool keep_connack(mqw_client *client, const mqw_packet *packet)
{
    const mqw_props *props = &packet->connack.props;
    mqw_packet *copy = mqw_packet_copy(packet, mqw__client_allocator());
    char *assigned = NULL;
    if (copy && mqw_has(props, assigned_client_id)) {
        mqw_text id = props->assigned_client_id;
        assigned = mqw__uv_new(id.len + 1);
        if (assigned)
            memcpy(assigned, id.data, id.len);
    }
    if (!copy || (mqw_has(props, assigned_client_id) && !assigned)) {
        mqw_packet_free(copy, mqw__client_allocator());
        return false;
    }
    mqw_packet_free(client->connack, mqw__client_allocator());
    client->connack = copy;
    if (assigned) {
        free(client->assigned);
        client->assigned = assigned;
    }
    return true;
}

// 3.1 does not tell whether it kept the session: it is taken at its word, and subscriptions are asked for
// again. So they are when the session that is present may have been made by a CONNECT whose CONNACK was lost.
static bool is_present(const mqw_client *client, const mqw_connack *connack)
{
    return connack->session_present || (client->limits.version == MQW_3_1 && !client->clean);
}

// A session that another server keeps knows nothing of what has passed at the last one.
static void note_home(mqw_client *client)
{
    char home[sizeof client->home];
    snprintf(home, sizeof home, "%s", mqw__retry_server(&client->retry)->address);
    client->doubtful = client->doubtful || (client->has_opened && strcmp(home, client->home) != 0);
    memcpy(client->home, home, sizeof home);
}

static void open_up(mqw_client *client, const mqw_connack *connack)
{
    bool present = is_present(client, connack);
    note_home(client);
    client->phase = MQW__ACCEPTED;
    client->has_opened = true;
    client->greeted = false;
    client->connections++;
    mqw__delivery_opened(client, present);
    mqw__outgoing_opened(client, present);
    if (client->paused)
        mqw_conn_pause(client->conn);
    client->choked = client->opening = true;
    if (client->handlers.on_open)
        client->handlers.on_open(client, connack, client->ctx);
    client->choked = client->opening = false;
    if (client->responses)
        mqw__responses_opened(client);
    bool restore = !connack->session_present || client->doubtful;
    client->doubtful = false;
    if (restore)
        mqw__requests_restore(client);
    mqw__requests_pump(client);
    mqw__outgoing_pump(client);
    mqw__client_wake(client, 0);
}

static void refused(mqw_client *client, const mqw_packet *packet)
{
    const mqw_connack *connack = &packet->connack;
    bool newest = mqw_conn_version(client->conn) == MQW_5_0;
    mqw__loss loss = {.ending = {.type = MQW_CONNACK, .reason = connack->reason}, .packet = packet};
    if (newest)
        loss.ending.reference = mqw_value(&connack->props, server_reference);
    client->world.close(client->world.self, client->conn);
    mqw__client_lost(client, &loss);
}

static void on_connack(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    mqw_client *client = ctx;
    const mqw_connack *connack = &packet->connack;
    (void)conn;
    if (connack->reason != 0) {
        client->greeted = false;
        refused(client, packet);
        return;
    }
    if (client->auth && !mqw__auth_accepted(client, connack)) {
        mqw__client_distrust(client, mqw__auth_words());
        return;
    }
    learn_limits(client, connack);
    if (!keep_connack(client, packet)) {
        mqw__client_fail(client, MQW_E_NO_MEMORY, NULL);
        return;
    }
    mqw__retry_opened(&client->retry, mqw__client_now(client));
    mqw_config_trim(client->open.config);
    open_up(client, connack);
}

// --- what comes ---

// Nothing else has to be said now: room that was used for more is given back.
static void on_pingresp(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    (void)conn;
    (void)packet;
    mqw_config_trim(((mqw_client *)ctx)->open.config);
}

static void on_publish(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    (void)conn;
    mqw__delivery_publish(ctx, &packet->publish);
}

static void on_payload(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    (void)conn;
    mqw__delivery_piece(ctx, &packet->piece);
}

static void on_pubrel(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    (void)conn;
    mqw__delivery_release(ctx, &packet->pubrel);
}

static void on_answer(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    (void)conn;
    mqw__outgoing_answered(ctx, packet);
}

static void on_suback(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    (void)conn;
    mqw__requests_answered(ctx, packet);
}

static void on_auth(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    (void)conn;
    mqw__auth_received(ctx, &packet->auth);
}

static void on_drain(mqw_conn *conn, void *ctx)
{
    (void)conn;
    mqw__outgoing_drained(ctx);
}

// --- the end by the peer ---

static void on_disconnect(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    mqw_client *client = ctx;
    mqw__loss loss = {.ending = {.type = MQW_DISCONNECT, .reason = packet->disconnect.reason},
                      .packet = packet};
    loss.ending.reference = mqw_value(&packet->disconnect.props, server_reference);
    client->world.close(client->world.self, conn);
    mqw__client_lost(client, &loss);
}

static void on_error(mqw_conn *conn, const mqw_error *error, void *ctx)
{
    mqw_client *client = ctx;
    mqw__loss loss = {.ending = {.result = error->code}, .error = error};
    if (error->code == MQW_E_STREAM)
        loss.words = client->world.why(client->world.self, conn);
    client->world.close(client->world.self, conn);
    mqw__client_lost(client, &loss);
}

static void on_close(mqw_conn *conn, void *ctx)
{
    mqw_client *client = ctx;
    mqw__loss loss = {.ending = {.result = MQW_E_END}, .words = "the server closed the connection"};
    (void)conn;
    mqw__client_lost(client, &loss);
    client->lingering--;
    mqw__client_wake(client, 0);
}

const mqw_handlers *mqw__connect_handlers(void)
{
    static const mqw_handlers handlers = {
        .size = sizeof handlers,
        .connected = on_connected,
        .connack = on_connack,
        .publish = on_publish,
        .payload = on_payload,
        .puback = on_answer,
        .pubrec = on_answer,
        .pubcomp = on_answer,
        .pubrel = on_pubrel,
        .suback = on_suback,
        .unsuback = on_suback,
        .auth = on_auth,
        .pingresp = on_pingresp,
        .disconnect = on_disconnect,
        .drain = on_drain,
        .error = on_error,
        .close = on_close,
    };
    return &handlers;
}

// --- the end by us ---

// 5.0 says whether the will is wanted, and what else; before that a DISCONNECT is what prevents it.
static void say_goodbye(mqw_client *client)
{
    bool newest = client->limits.version == MQW_5_0;
    mqw_disconnect plain = {.reason = client->with_will ? MQW_REASON_DISCONNECT_WITH_WILL : 0};
    if (newest && client->goodbye && mqw_conn_disconnect(client->conn, &client->goodbye->disconnect) >= 0)
        return;
    if (newest || !client->with_will) {
        plain.reason = newest ? plain.reason : 0;
        (void)mqw_conn_disconnect(client->conn, &plain);
    }
}

void mqw__connect_part(mqw_client *client)
{
    mqw_conn *conn = client->conn;
    if (!conn)
        return;
    if (client->phase == MQW__ACCEPTED) {
        say_goodbye(client);
        client->world.close(client->world.self, conn);
    } else {
        client->world.abort(client->world.self, conn);
    }
    mqw__connect_release(client);
}
