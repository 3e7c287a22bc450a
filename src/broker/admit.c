// SPDX-License-Identifier: MIT
// A client is let in: it gets its session, and hears in CONNACK what it may do.
#include <string.h>

#include "affairs.h"

enum { ASSIGNED_LEN = 23, ASSIGNED_TRIES = 4 };

// What is being arranged.
typedef struct mqw__entrance {
    const mqw_connect *connect;
    mqw_text id, mount;
    bool present;  // the session was there
    bool waits;    // what happens to its session is to be on disk before its client hears of it
    bool assigned; // the client does not know its identifier
    char room[ASSIGNED_LEN];
} mqw__entrance;

// --- its identifier ---

// Nobody can guess it (115 bits), and no session has it (MQTT-3.2.2-16).
static bool assign(mqw_broker *broker, mqw__entrance *entrance)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
    for (int i = 0; i < ASSIGNED_TRIES; i++) {
        uint8_t bytes[ASSIGNED_LEN];
        if (broker->world.random(broker->world.self, bytes, sizeof bytes))
            return false;
        for (size_t k = 0; k < sizeof bytes; k++)
            entrance->room[k] = letters[bytes[k] & 31];
        entrance->id = (mqw_text){entrance->room, sizeof entrance->room};
        if (!mqw__session_named(broker, entrance->id, NULL))
            return true;
    }
    return false;
}

static bool find_names(mqw_peer *peer, mqw__entrance *entrance)
{
    const mqw__affairs *affairs = peer->affairs;
    entrance->id = entrance->connect->client_id;
    entrance->assigned = entrance->id.len == 0;
    if (affairs && affairs->mount)
        entrance->mount = (mqw_text){affairs->mount, affairs->mount_len};
    if (affairs && affairs->id)
        entrance->id = (mqw_text){affairs->id, affairs->id_len};
    return entrance->id.len || assign(peer->broker, entrance);
}

// --- its session ---

// A stored session can only end while the store works: else it would be there again after a crash.
static bool cannot_end(mqw_broker *broker, const mqw__entrance *entrance)
{
    const mqw__session *session = mqw__session_find(broker, entrance->mount, entrance->id);
    return session && session->durable && entrance->connect->clean_start && !mqw__record_well(broker);
}

// MQTT-3.1.4-3: who is there with this identifier has to leave. Its session may go with it.
static mqw__session *take_over(mqw_broker *broker, mqw__entrance *entrance)
{
    mqw__session *session = mqw__session_find(broker, entrance->mount, entrance->id);
    entrance->waits = session && session->durable;
    if (session && session->peer) {
        mqw_peer *old = session->peer;
        mqw__peer_end(old, MQW_REASON_SESSION_TAKEN_OVER, "another connection has taken its session over");
        mqw__peer_leave(old);
        session = mqw__session_find(broker, entrance->mount, entrance->id);
    }
    if (session)
        mqw__will_overdue(session);
    if (session && (entrance->connect->clean_start || mqw__session_is_over(session))) { // MQTT-3.1.2-4
        mqw__will_publish(session);
        mqw__session_end(session);
        session = NULL;
    }
    return session;
}

static mqw__session *make_session(mqw_broker *broker, const mqw__entrance *entrance, int *why)
{
    mqw__session *session = mqw__session_new(broker, entrance->mount, entrance->id, 0);
    *why = session ? mqw__session_enter(session) : MQW_E_NO_MEMORY;
    if (*why == 0 || !session)
        return session;
    mqw__session_end(session);
    return NULL;
}

// Before 5.0 a session without clean session has no end; one with it ends with its connection. One whose
// identifier its client cannot know ends, too.
static uint32_t expiry_of(const mqw_peer *peer, const mqw__entrance *entrance)
{
    const mqw_connect *connect = entrance->connect;
    uint32_t wish = mqw_value(&connect->props, session_expiry);
    if (connect->version != MQW_5_0)
        wish = connect->clean_start || entrance->assigned ? 0 : UINT32_MAX;
    uint32_t most = mqw__peer_bounds(peer)->max_session_expiry;
    return wish < most ? wish : most;
}

// What a session was before, in case that its client cannot be let in.
typedef struct mqw__before {
    mqw_broker_limits *own;
    mqw__will *will;
    uint64_t ends_at;
    uint32_t expiry;
    uint8_t version;
} mqw__before;

// A peer and a session belong to each other from now on. A will that waits is not published (MQTT-3.1.3-9).
static mqw__before join(mqw_peer *peer, mqw__session *session, uint32_t expiry, const mqw_connect *connect)
{
    mqw__affairs *affairs = peer->affairs;
    const mqw__before before = {session->own, session->will, mqw__session_ends_at(session), session->expiry,
                                session->version};
    mqw__session_stays(session);
    if (session->will)
        mqw__record_will_over(session);
    session->will = NULL;
    session->own = affairs ? affairs->limits : NULL;
    if (affairs)
        affairs->limits = NULL;
    session->expiry = expiry;
    session->version = connect->version;
    session->peer = peer;
    peer->session = session;
    peer->stand = MQW__ADMITTED;
    return before;
}

static int settle(mqw_peer *peer, const mqw_connect *connect)
{
    mqw__session *session = peer->session;
    int result = mqw__session_lease(session);
    if (result == 0)
        result = mqw__record_session(session);
    if (result == 0 && connect->has_will)
        result = mqw__will_keep(session, &connect->will);
    return result == 0 ? mqw__limits_begin(peer) : result;
}

// It stays: what it had before is not needed any more.
static void forget(mqw__session *session, const mqw__before *before)
{
    mqw__broker_free_block(session->broker, before->own, sizeof *before->own);
    mqw__will_drop(before->will);
}

// Something that it needs is not there: it is refused, and a session that was there before is as it was.
static void part_again(mqw_peer *peer, const mqw__before *before, bool present)
{
    mqw__session *session = peer->session;
    mqw__limits_end(peer);
    peer->session = NULL;
    session->peer = NULL;
    peer->stand = MQW__ASKED;
    mqw__will_free(session);
    mqw__broker_free_block(peer->broker, session->own, sizeof *session->own);
    session->own = before->own;
    session->will = before->will;
    session->expiry = before->expiry;
    session->version = before->version;
    mqw__peer_refuse(peer, MQW_REASON_QUOTA_EXCEEDED, "its session could not be kept");
    if (!present) {
        mqw__session_end(session);
        return;
    }
    mqw__session_left_at(session, before->ends_at);
    if (mqw__record_session(session) < 0 || (session->will && mqw__record_will(session) < 0))
        mqw__broker_log(session->broker, MQW_LOG_WARNING, "a session could not be stored again");
}

// --- CONNACK ---

static void say_limits(const mqw_broker_limits *limits, mqw_props *props)
{
    mqw_set(props, receive_maximum, limits->receive_maximum);
    mqw_set(props, maximum_packet_size, limits->max_packet_size);
    if (limits->topic_alias_maximum != UINT16_MAX)
        mqw_set(props, topic_alias_maximum, limits->topic_alias_maximum);
    if (mqw__limits_qos(limits) < 2)
        mqw_set(props, maximum_qos, mqw__limits_qos(limits)); // MQTT-3.2.2-9
    if (limits->no_retain)
        mqw_set(props, retain_available, 0);
    if (limits->no_wildcards)
        mqw_set(props, wildcards_available, 0);
    if (limits->no_shared)
        mqw_set(props, shared_available, 0);
    if (limits->no_subscription_ids)
        mqw_set(props, subscription_ids_available, 0);
}

static void say_facts(const mqw_peer *peer, const mqw__entrance *entrance, mqw_props *props)
{
    const mqw_props *wish = &entrance->connect->props;
    mqw_text information = peer->broker->options.response_information;
    if (entrance->assigned)
        mqw_set(props, assigned_client_id, mqw__session_id(peer->session)); // MQTT-3.1.3-7
    if (peer->session->expiry != mqw_value(wish, session_expiry))
        mqw_set(props, session_expiry, peer->session->expiry);
    if (mqw_value(wish, request_response_info) && information.len) // MQTT-3.1.2-28
        mqw_set(props, response_info, information);
    if (peer->affairs && peer->affairs->auth.step) {
        mqw_set(props, auth_method, wish->auth_method); // MQTT-4.12.0-5
        if (peer->affairs->last_word.len)
            mqw_set(props, auth_data, peer->affairs->last_word);
    }
}

// Its keep alive, or the one that the broker asks for.
static void bound_silence(const mqw_peer *peer, const mqw_connect *connect, mqw_props *props)
{
    uint16_t most = mqw__session_limits(peer->session)->max_keep_alive;
    if (most == 0 || (connect->keep_alive && connect->keep_alive <= most))
        return;
    if (connect->version == MQW_5_0)
        mqw_set(props, server_keep_alive, most);
    else
        mqw_conn_set_keep_alive(peer->conn, most);
}

static void welcome(mqw_peer *peer, const mqw__entrance *entrance)
{
    mqw_packet packet = {.type = MQW_CONNACK};
    mqw_connack *connack = &packet.connack;
    connack->session_present = entrance->present;
    bound_silence(peer, entrance->connect, &connack->props);
    say_limits(mqw__session_limits(peer->session), &connack->props);
    say_facts(peer, entrance, &connack->props);
    mqw__peer_explain(peer, MQW_CONNACK, &connack->props);
    (void)mqw_packet_downgrade(&packet, entrance->connect->version, MQW_SERVER, NULL, 0);
    if (mqw__gate_answer(peer, MQW_CONNACK, connack, entrance->waits || peer->session->durable) < 0)
        mqw__peer_end(peer, MQW_REASON_QUOTA_EXCEEDED, "no memory");
    if (peer->stand == MQW__ADMITTED)
        mqw__peer_pause(peer, MQW__PAUSE_CONNACK);
}

// --- all of it ---

static void count(mqw_peer *peer)
{
    mqw__counts *counts = &peer->broker->counts;
    peer->counted = true;
    counts->clients_connected++;
    if (counts->clients_maximum < counts->clients_connected)
        counts->clients_maximum = counts->clients_connected;
}

static void tell(mqw_peer *peer, bool present)
{
    mqw_broker *broker = peer->broker;
    if (broker->hooks.on_connected)
        broker->hooks.on_connected(broker, peer, present, broker->options.ctx);
}

// The session that the client will have; NULL: it is refused, or gone.
static mqw__session *find_session(mqw_peer *peer, mqw__entrance *entrance)
{
    int why = 0;
    mqw__session *session = take_over(peer->broker, entrance);
    if (peer->stand == MQW__GONE) // a hook that has heard of the old one ended it
        return NULL;
    entrance->present = session != NULL;
    if (!session)
        session = make_session(peer->broker, entrance, &why);
    if (!session)
        mqw__peer_refuse(peer, MQW_REASON_QUOTA_EXCEEDED,
                         why == MQW_E_FULL ? "there are too many sessions" : "no memory");
    return session;
}

static void let_in(mqw_peer *peer, mqw__entrance *entrance)
{
    uint32_t expiry = expiry_of(peer, entrance);
    mqw__session *session = find_session(peer, entrance);
    if (!session)
        return;
    mqw__before before = join(peer, session, expiry, entrance->connect);
    if (settle(peer, entrance->connect) < 0) {
        part_again(peer, &before, entrance->present);
        return;
    }
    forget(session, &before);
    peer->fresh = !entrance->present;
    count(peer);
    tell(peer, entrance->present);
    if (peer->stand == MQW__ADMITTED)
        welcome(peer, entrance);
    mqw__affairs_tidy(peer);
}

void mqw__peer_admit(mqw_peer *peer, const mqw_connect *connect)
{
    mqw__entrance entrance = {.connect = connect};
    if (!find_names(peer, &entrance))
        mqw__peer_refuse(peer, MQW_REASON_SERVER_UNAVAILABLE, "no identifier could be assigned");
    else if (cannot_end(peer->broker, &entrance))
        mqw__peer_refuse(peer, MQW_REASON_SERVER_UNAVAILABLE, "the store does not work");
    else
        let_in(peer, &entrance);
}
