// SPDX-License-Identifier: MIT
// The life of a connected client: what its packets lead to, and how it ends.
#include <string.h>

#include "affairs.h"

enum { ANSWERS = 64 << 10 }; // bytes of them that may wait behind messages

// --- what it holds ---

char *mqw__copy_text(mqw_broker *broker, mqw_text text)
{
    char *copy = text.len ? mqw__broker_new_block(broker, text.len) : NULL;
    if (copy)
        memcpy(copy, text.data, text.len);
    return copy;
}

mqw__affairs *mqw__affairs_of(mqw_peer *peer)
{
    if (!peer->affairs) {
        peer->affairs = mqw__broker_new_block(peer->broker, sizeof *peer->affairs);
        if (peer->affairs)
            peer->affairs->peer = peer;
    }
    return peer->affairs;
}

static void free_affairs(mqw_peer *peer)
{
    mqw_broker *broker = peer->broker;
    mqw__affairs *affairs = peer->affairs;
    if (!affairs)
        return;
    mqw__decide_end(peer);
    mqw__authenticate_end(peer);
    mqw__broker_free_block(broker, affairs->limits, sizeof *affairs->limits);
    mqw__broker_free_block(broker, affairs->mount, affairs->mount_len);
    mqw__broker_free_block(broker, affairs->id, affairs->id_len);
    mqw__broker_free_block(broker, affairs, sizeof *affairs);
    peer->affairs = NULL;
}

// The mount point, the identifier and the limits are in the session by now.
void mqw__affairs_tidy(mqw_peer *peer)
{
    const mqw__affairs *affairs = peer->affairs;
    if (affairs && peer->session && !affairs->auth.step && !affairs->again.step && !affairs->ticket &&
        !affairs->decided && !affairs->packet && !affairs->bucket)
        free_affairs(peer);
}

const mqw_broker_limits *mqw__peer_bounds(const mqw_peer *peer)
{
    if (peer->session)
        return mqw__session_limits(peer->session);
    return peer->affairs && peer->affairs->limits ? peer->affairs->limits : &peer->broker->options.limits;
}

// --- reading ---

void mqw__peer_pause(mqw_peer *peer, uint8_t why)
{
    peer->pauses |= why;
    if (peer->conn)
        mqw_conn_pause(peer->conn);
}

void mqw__peer_resume(mqw_peer *peer, uint8_t why)
{
    bool paused = peer->pauses != 0;
    peer->pauses &= (uint8_t)~why;
    if (paused && !peer->pauses && peer->conn)
        mqw_conn_resume(peer->conn);
}

void mqw__peer_rest(mqw_peer *peer)
{
    mqw__peer_pause(peer, MQW__PAUSE_TURN);
    mqw__peer_later(peer);
}

// --- answers ---

// Which reason codes a server may say in which packets.
static const uint16_t said_in[256] = {
#define X(value, NAME, client, server, text) [value] = server,
    MQW_REASONS(X)
#undef X
};

uint8_t mqw__reason_in(int type, int reason, uint8_t other)
{
    return reason >= 0 && reason <= UINT8_MAX && said_in[reason] >> type & 1 ? (uint8_t)reason : other;
}

void mqw__peer_explain(const mqw_peer *peer, int type, mqw_props *props)
{
    const uint64_t referring = type == MQW_CONNACK || type == MQW_DISCONNECT ? MQW_BIT(server_reference) : 0;
    const uint64_t wanted = MQW_BIT(reason_string) | MQW_BIT(user) | referring;
    if (!peer->affairs || !peer->affairs->answer)
        return;
    const mqw_props *from = &peer->affairs->answer->disconnect.props;
    uint64_t has = from->has & wanted & ~props->has;
    props->has |= has;
    if (has & MQW_BIT(reason_string))
        props->reason_string = from->reason_string;
    if (has & MQW_BIT(user))
        props->user = from->user;
    if (has & MQW_BIT(server_reference))
        props->server_reference = from->server_reference;
}

static int say(mqw_conn *conn, int type, const void *body)
{
    switch (type) {
    case MQW_CONNACK: return mqw_conn_connack(conn, body);
    case MQW_PUBACK: return mqw_conn_puback(conn, body);
    case MQW_PUBREC: return mqw_conn_pubrec(conn, body);
    case MQW_PUBREL: return mqw_conn_pubrel(conn, body);
    case MQW_PUBCOMP: return mqw_conn_pubcomp(conn, body);
    case MQW_SUBACK: return mqw_conn_suback(conn, body);
    case MQW_UNSUBACK: return mqw_conn_unsuback(conn, body);
    case MQW_AUTH: return mqw_conn_auth(conn, body);
    default: return mqw_conn_pingresp(conn);
    }
}

// It asks, and does not read: its messages have their bound (outgoing.c), and one of them may be large.
static bool does_not_read(const mqw_peer *peer)
{
    uint64_t most = mqw__session_limits(peer->session)->max_output;
    return mqw_conn_waiting(peer->conn) > most + peer->broker->options.limits.max_packet_size + ANSWERS;
}

int mqw__peer_send(mqw_peer *peer, int type, const void *body)
{
    if (!mqw__peer_is_in(peer))
        return MQW_E_CLOSED;
    int result = does_not_read(peer) ? MQW_E_BUSY : say(peer->conn, type, body);
    if (result < 0) {
        mqw__peer_end(peer, MQW_REASON_QUOTA_EXCEEDED, "an answer could not be sent");
        return result;
    }
    if (type == MQW_CONNACK) {
        peer->stand = MQW__WELCOME;
        peer->fresh = false;
        mqw__peer_resume(peer, MQW__PAUSE_CONNACK);
        mqw__outgoing_go_on(peer->session);
    }
    return 0;
}

// --- the end ---

void mqw__peer_later(mqw_peer *peer)
{
    mqw_broker *broker = peer->broker;
    if (peer->listed)
        return;
    peer->listed = true;
    peer->later = NULL;
    *(broker->busy ? broker->busy_last : &broker->busy) = peer;
    broker->busy_last = &peer->later;
    mqw__broker_soon(broker);
}

// From here on nothing is sent to it, and nothing of it is taken.
static void begin_end(mqw_peer *peer, uint8_t reason, const char *words)
{
    peer->stand = MQW__GONE;
    peer->reason = reason;
    peer->words = words;
    mqw__gate_forget(peer);
    peer->broker->world.close(peer->broker->world.self, peer->conn);
    mqw__peer_later(peer);
}

static void refer(const mqw_peer *peer, uint8_t reason, mqw_props *props)
{
    mqw_text reference = peer->broker->options.server_reference;
    if (reason == MQW_REASON_SERVER_SHUTTING_DOWN && reference.len)
        mqw_set(props, server_reference, reference);
}

void mqw__peer_refuse(mqw_peer *peer, uint8_t reason, const char *words)
{
    mqw_packet packet = {.type = MQW_CONNACK};
    mqw_state state = mqw_conn_state(peer->conn);
    bool closing = reason == MQW_REASON_SERVER_SHUTTING_DOWN;
    refer(peer, reason, &packet.connack.props);
    mqw__peer_explain(peer, MQW_CONNACK, &packet.connack.props);
    packet.connack.reason = mqw__reason_in(
        MQW_CONNACK, reason, closing ? MQW_REASON_SERVER_UNAVAILABLE : MQW_REASON_UNSPECIFIED_ERROR);
    if (state == MQW_STATE_UNSUPPORTED)
        packet.connack = (mqw_connack){.reason = MQW_REASON_UNSUPPORTED_VERSION};
    else
        (void)mqw_packet_downgrade(&packet, mqw_conn_version(peer->conn), MQW_SERVER, NULL, 0);
    if (state >= MQW_STATE_CONNECTING && state <= MQW_STATE_UNSUPPORTED)
        (void)mqw_conn_connack(peer->conn, &packet.connack);
    mqw__peer_keep_name(peer);
    begin_end(peer, reason, words);
}

void mqw__peer_end(mqw_peer *peer, uint8_t reason, const char *words)
{
    if (peer->stand == MQW__GONE)
        return;
    if (!mqw__peer_is_in(peer)) {
        mqw__peer_refuse(peer, reason ? reason : MQW_REASON_UNSPECIFIED_ERROR, words);
        return;
    }
    if (reason && mqw_conn_version(peer->conn) == MQW_5_0 && mqw_conn_state(peer->conn) == MQW_STATE_OPEN) {
        mqw_disconnect farewell = {.reason =
                                       mqw__reason_in(MQW_DISCONNECT, reason, MQW_REASON_UNSPECIFIED_ERROR)};
        refer(peer, reason, &farewell.props);
        (void)mqw_conn_disconnect(peer->conn, &farewell);
    }
    begin_end(peer, reason, words);
}

// It leaves its session, and those who wait for it hear of it.
static void part(mqw_peer *peer)
{
    mqw_broker *broker = peer->broker;
    mqw__session *session = peer->session;
    if (!session)
        return;
    mqw__limits_end(peer);
    mqw__outgoing_cut(session);
    session->peer = NULL;
    broker->counts.clients_connected -= peer->counted;
    peer->counted = false;
    if (broker->hooks.on_disconnected)
        broker->hooks.on_disconnected(broker, peer, peer->reason, peer->words, broker->options.ctx);
    peer->session = NULL;
    session->doomed |= peer->fresh; // its client never heard that the one before is gone
    mqw__will_due(session, peer->no_will);
    mqw__session_left(session);
}

static void tell_refused(mqw_peer *peer)
{
    mqw_broker *broker = peer->broker;
    broker->counts.connects_refused++;
    if (broker->hooks.on_refused)
        broker->hooks.on_refused(broker, peer, peer->reason, peer->words, broker->options.ctx);
}

void mqw__peer_leave(mqw_peer *peer)
{
    if (peer->parted)
        return;
    peer->parted = true;
    if (peer->session)
        part(peer);
    else
        tell_refused(peer);
    free_affairs(peer);
}

static void free_peer(mqw_peer *peer)
{
    mqw_broker *broker = peer->broker;
    *peer->link = peer->next;
    if (peer->next)
        peer->next->link = peer->link;
    mqw__limits_left(peer);
    mqw__broker_free_block(broker, peer->user_name, peer->user_name_len);
    mqw__broker_free_block(broker, peer, sizeof *peer);
    if (broker->closing)
        mqw__broker_soon(broker);
}

static void do_later(mqw_peer *peer)
{
    if (peer->stand != MQW__GONE && peer->pauses & MQW__PAUSE_TURN)
        mqw__peer_resume(peer, MQW__PAUSE_TURN);
    if (peer->stand == MQW__GONE)
        mqw__peer_leave(peer);
    else if (peer->affairs && (peer->affairs->decided || peer->affairs->arrived))
        mqw__decided(peer);
    if (!peer->conn)
        free_peer(peer);
}

// Who is listed meanwhile has to wait: a program that decides at once does not hold the loop up.
void mqw__peers_turn(mqw_broker *broker)
{
    mqw_peer *next, *peer = broker->busy;
    broker->busy = NULL;
    for (; peer; peer = next) {
        next = peer->later;
        peer->listed = false;
        do_later(peer);
    }
}

// --- what it says ---

static void on_connect_packet(mqw_peer *peer, const mqw_packet *packet)
{
    mqw__peer_connect(peer, &packet->connect);
}

static void on_publish(mqw_peer *peer, const mqw_packet *packet)
{
    mqw__incoming_publish(peer, packet);
}

static void on_ack(mqw_peer *peer, const mqw_packet *packet)
{
    int reason = mqw__outgoing_answer(peer->session, (int)packet->type, &packet->puback);
    if (reason)
        mqw__peer_end(peer, (uint8_t)reason, "it acknowledged what was not sent");
}

static void on_pubrel(mqw_peer *peer, const mqw_packet *packet)
{
    mqw__incoming_pubrel(peer, &packet->pubrel);
}

static void on_subscribe(mqw_peer *peer, const mqw_packet *packet)
{
    mqw__peer_subscribe(peer, &packet->subscribe);
}

static void on_unsubscribe(mqw_peer *peer, const mqw_packet *packet)
{
    mqw__peer_unsubscribe(peer, &packet->unsubscribe);
}

static void on_pingreq(mqw_peer *peer, const mqw_packet *packet)
{
    (void)packet;
    (void)mqw__peer_send(peer, MQW_PINGRESP, NULL);
}

// MQTT-3.14.4-3: reason 0 takes the will back. An expiry of 0 may not be raised (section 3.14.2.2.2).
static void on_disconnect(mqw_peer *peer, const mqw_packet *packet)
{
    const mqw_disconnect *farewell = &packet->disconnect;
    mqw__session *session = peer->session;
    if (session && session->expiry && mqw_has(&farewell->props, session_expiry)) {
        uint32_t most = mqw__session_limits(session)->max_session_expiry;
        uint32_t wish = farewell->props.session_expiry;
        session->expiry = wish < most ? wish : most;
    }
    peer->no_will = farewell->reason == MQW_REASON_NORMAL_DISCONNECTION;
    begin_end(peer, farewell->reason, "it disconnected");
}

static void on_auth(mqw_peer *peer, const mqw_packet *packet)
{
    mqw__authenticate_next(peer, &packet->auth);
}

typedef struct mqw__habit {
    void (*take)(mqw_peer *peer, const mqw_packet *packet);
    uint8_t stands; // in which of them
} mqw__habit;

enum {
    WHEN_ARRIVED = 1 << MQW__ARRIVED,
    WHEN_AUTHENTICATING = 1 << MQW__AUTHENTICATING,
    WHEN_WELCOME = 1 << MQW__WELCOME
};

static const mqw__habit habits[16] = {
    [MQW_CONNECT] = {on_connect_packet, WHEN_ARRIVED},
    [MQW_PUBLISH] = {on_publish, WHEN_WELCOME},
    [MQW_PUBACK] = {on_ack, WHEN_WELCOME},
    [MQW_PUBREC] = {on_ack, WHEN_WELCOME},
    [MQW_PUBREL] = {on_pubrel, WHEN_WELCOME},
    [MQW_PUBCOMP] = {on_ack, WHEN_WELCOME},
    [MQW_SUBSCRIBE] = {on_subscribe, WHEN_WELCOME},
    [MQW_UNSUBSCRIBE] = {on_unsubscribe, WHEN_WELCOME},
    [MQW_PINGREQ] = {on_pingreq, WHEN_WELCOME},
    [MQW_DISCONNECT] = {on_disconnect, WHEN_AUTHENTICATING | WHEN_WELCOME},
    [MQW_AUTH] = {on_auth, WHEN_AUTHENTICATING | WHEN_WELCOME},
};

// The connection has judged who may say what, unless its policy lets everything pass.
static void hear(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    mqw_peer *peer = ctx;
    const mqw__habit *habit = &habits[packet->type & 15];
    (void)conn;
    if (habit->stands >> peer->stand & 1)
        habit->take(peer, packet);
    else if (peer->stand != MQW__GONE)
        mqw__peer_end(peer, MQW_REASON_PROTOCOL_ERROR, "a packet came out of turn");
}

static void on_error(mqw_conn *conn, const mqw_error *error, void *ctx)
{
    mqw_peer *peer = ctx;
    (void)conn;
    if (error->code == MQW_E_MISUSE || peer->stand == MQW__GONE)
        return;
    begin_end(peer, error->reason ? error->reason : MQW_REASON_UNSPECIFIED_ERROR, mqw_error_text(error));
}

// Where it comes from is known now.
static void on_ready(mqw_conn *conn, void *ctx)
{
    mqw_peer *peer = ctx;
    (void)conn;
    if (peer->stand == MQW__ARRIVED && mqw__limits_located(peer) < 0)
        mqw__peer_refuse(peer, MQW_REASON_CONNECTION_RATE_EXCEEDED, "its address has too many connections");
}

static void on_drain(mqw_conn *conn, void *ctx)
{
    mqw_peer *peer = ctx;
    (void)conn;
    if (peer->stand == MQW__WELCOME)
        mqw__outgoing_go_on(peer->session);
}

static void count(mqw__counts *counts, const mqw_conn *conn)
{
    mqw_counters c;
    mqw_conn_counters(conn, &c);
    counts->bytes_received += c.bytes_received;
    counts->packets_received += c.packets_received;
    counts->bytes_sent += c.bytes_written;
    counts->packets_sent += c.packets_written;
}

static void on_close(mqw_conn *conn, void *ctx)
{
    mqw_peer *peer = ctx;
    if (peer->stand != MQW__GONE) {
        peer->stand = MQW__GONE;
        peer->reason = MQW_REASON_UNSPECIFIED_ERROR;
        peer->words = "its connection was closed";
        mqw__gate_forget(peer);
    }
    mqw__peer_leave(peer);
    count(&peer->broker->counts, conn);
    peer->conn = NULL;
    if (!peer->listed)
        free_peer(peer);
}

static const mqw_handlers handlers = {.size = sizeof handlers,
                                      .connected = on_ready,
                                      .packet = hear,
                                      .error = on_error,
                                      .drain = on_drain,
                                      .close = on_close};

// --- the beginning ---

// A CONNECT that came before the connection is answered on the next turn, like every other one by the loop.
static int keep_connect(mqw_peer *peer, const mqw_connect *connect)
{
    mqw_packet packet = {.type = MQW_CONNECT, .connect = *connect};
    mqw__affairs *affairs = mqw__affairs_of(peer);
    if (affairs)
        affairs->packet = mqw_packet_copy(&packet, &peer->broker->allocator);
    if (!affairs || !affairs->packet)
        return MQW_E_NO_MEMORY;
    affairs->arrived = true;
    mqw__peer_pause(peer, MQW__PAUSE_DECISION);
    mqw__peer_later(peer);
    return 0;
}

static bool is_due(const mqw_conn *conn, const mqw_connect *connect)
{
    mqw_state state = mqw_conn_state(conn);
    return connect ? state >= MQW_STATE_CONNECTING && state <= MQW_STATE_UNSUPPORTED : state == MQW_STATE_NEW;
}

int mqw__peer_new(mqw_broker *broker, mqw_conn *conn, const mqw_connect *connect)
{
    if (!is_due(conn, connect))
        return MQW_E_MISUSE;
    mqw_peer *peer = mqw__broker_new_block(broker, sizeof *peer);
    if (!peer)
        return MQW_E_NO_MEMORY;
    peer->broker = broker;
    peer->conn = conn;
    int result = mqw__limits_arrived(peer);
    if (result == 0 && connect && (result = keep_connect(peer, connect)) < 0)
        mqw__limits_left(peer);
    if (result < 0) {
        free_affairs(peer);
        mqw__broker_free_block(broker, peer, sizeof *peer);
        return result;
    }
    peer->next = broker->peers;
    peer->link = &broker->peers;
    if (peer->next)
        peer->next->link = &peer->next;
    broker->peers = peer;
    mqw_conn_handle_shared(conn, &handlers, peer);
    return 0;
}
