// SPDX-License-Identifier: MIT
// What clients publish: PUBLISH in, and the acknowledgements that answer it.
#include <string.h>

#include "affairs.h"

enum { A_TURN = 1 << 20 }; // work of all peers: some milliseconds

// --- answers ---

// Before 5.0 nobody can be told why a message is not taken.
static void answer(mqw_peer *peer, uint8_t qos, uint16_t packet_id, int reason)
{
    mqw_ack ack = {.packet_id = packet_id};
    int type = qos == 1 ? MQW_PUBACK : MQW_PUBREC;
    if (qos == 0 || peer->stand != MQW__WELCOME)
        return;
    if (peer->session->version == MQW_5_0) {
        ack.reason = mqw__reason_in(type, reason, MQW_REASON_IMPLEMENTATION_SPECIFIC);
        mqw__peer_explain(peer, type, &ack.props);
    }
    if (mqw__gate_answer(peer, type, &ack, reason < 0x80) < 0)
        mqw__peer_end(peer, MQW_REASON_QUOTA_EXCEEDED, "no memory");
}

static void refuse(mqw_peer *peer, const mqw_publish *publish, int reason)
{
    peer->broker->counts.publish_refused++;
    answer(peer, publish->qos, publish->packet_id, reason);
}

// --- a message is taken ---

// What the hook made of it is not what the client sent, and is looked at again.
static bool is_sound(const mqw_publish *publish)
{
    return publish->qos <= 2 && publish->topic.len <= UINT16_MAX && mqw_topic_check(publish->topic) == 0;
}

// The message itself: whoever has subscribed gets it. A reason code, or negative: the broker has failed.
static int deliver(mqw_peer *peer, const mqw_publish *publish, mqw_conn *conn)
{
    mqw__session *session = peer->session;
    mqw__post post;
    int result = mqw__post_begin(peer->broker, &post, publish);
    if (result < 0)
        return result == MQW_E_NO_MEMORY ? result : MQW_REASON_IMPLEMENTATION_SPECIFIC;
    post.from = session->number;
    post.from_id = mqw__session_id(session);
    post.conn = conn;
    result = mqw__deliver(peer->broker, &post);
    mqw__post_end(&post);
    return result;
}

// A QoS 2 identifier is taken before the message is, and free again when that was refused. Negative: it
// cannot be kept.
static int take_id(mqw__session *session, uint16_t packet_id)
{
    mqw_session *promises = mqw__session_promises(session);
    if (!promises || mqw_session_receive(promises, packet_id) < 0)
        return MQW_E_NO_MEMORY;
    int result = mqw__record_received(session, packet_id);
    if (result < 0)
        (void)mqw_session_release(promises, packet_id);
    return result;
}

// Negative: it cannot be stored that it is free.
static int give_id(mqw__session *session, uint16_t packet_id)
{
    int result = mqw__record_unreceived(session, packet_id);
    if (result == 0)
        (void)mqw_session_release(session->promises, packet_id);
    return result;
}

// Before 5.0 a message that the broker itself could not keep can only be answered by an end: its
// acknowledgement would be a lie.
static bool is_lost(const mqw_peer *peer, uint8_t qos, int reason)
{
    return qos > 0 && peer->session->version != MQW_5_0 &&
           (reason < 0 || (reason >= 0x80 && !mqw__record_well(peer->broker)));
}

// Also when its own queue has ended it: others have the message.
static void tell(mqw_peer *peer, const mqw_publish *publish)
{
    mqw_broker *broker = peer->broker;
    if (broker->hooks.on_published)
        broker->hooks.on_published(broker, peer, publish, broker->options.ctx);
}

// `reason`: what has become of a message; `taken`: its identifier is. Negative reasons are the broker's own.
// The identifier of what was refused is free whatever has become of the client, which will send it again.
static void settle(mqw_peer *peer, uint8_t qos, uint16_t packet_id, int reason, bool taken)
{
    bool refused = reason < 0 || reason >= 0x80;
    if (qos == 0 && !refused)
        return;
    peer->broker->counts.publish_refused += refused;
    bool stuck = refused && taken && give_id(peer->session, packet_id) < 0;
    if (peer->stand != MQW__WELCOME)
        return;
    if (stuck || is_lost(peer, qos, reason))
        mqw__peer_end(peer, MQW_REASON_QUOTA_EXCEEDED, "its message could not be kept");
    else
        answer(peer, qos, packet_id, reason < 0 ? MQW_REASON_QUOTA_EXCEEDED : reason);
}

// QoS and identifier are as they came: the answer goes by them, whatever the hook has made of the message.
static void take(mqw_peer *peer, const mqw_publish *publish, uint8_t qos, uint16_t packet_id, mqw_conn *conn)
{
    int reason = qos == 2 ? take_id(peer->session, packet_id) : 0;
    bool taken = qos == 2 && reason == 0;
    if (reason == 0)
        reason = deliver(peer, publish, conn);
    if (reason >= 0 && reason < 0x80)
        tell(peer, publish);
    settle(peer, qos, packet_id, reason, taken);
}

// --- the program's decision ---

static int ask(mqw_peer *peer, mqw_publish *publish)
{
    mqw_broker *broker = peer->broker;
    mqw__question question;
    mqw__question_begin(&question, peer, MQW_PUBLISH, publish);
    return mqw__question_end(&question, broker->hooks.on_publish(broker, peer, publish, broker->options.ctx));
}

static void judge(mqw_peer *peer, const mqw_publish *came, const mqw_publish *publish, int verdict,
                  mqw_conn *conn)
{
    if (peer->stand != MQW__WELCOME || verdict == MQW_LATER)
        return;
    if (verdict >= 0x80)
        refuse(peer, came, verdict);
    else if (!is_sound(publish))
        refuse(peer, came, MQW_REASON_TOPIC_NAME_INVALID);
    else
        take(peer, publish, came->qos, came->packet_id, conn);
}

void mqw__incoming_judge(mqw_peer *peer, const mqw_publish *publish, int verdict)
{
    const mqw_publish came = {.qos = peer->affairs->qos, .packet_id = peer->affairs->packet_id};
    judge(peer, &came, publish, verdict, NULL);
}

// The hook is given a copy to write to; where it lies in the connection's block it is still shared.
static void ask_first(mqw_peer *peer, const mqw_publish *publish)
{
    mqw_publish copy = *publish;
    int verdict = ask(peer, &copy);
    if (verdict == MQW_LATER && peer->affairs) {
        peer->affairs->qos = publish->qos;
        peer->affairs->packet_id = publish->packet_id;
    }
    bool same = copy.payload.data == publish->payload.data && copy.payload.len == publish->payload.len;
    judge(peer, publish, &copy, verdict, same ? peer->conn : NULL);
}

static void go_on(mqw_peer *peer, const mqw_publish *publish)
{
    if (peer->broker->hooks.on_publish)
        ask_first(peer, publish);
    else
        take(peer, publish, publish->qos, publish->packet_id, peer->conn);
}

// --- PUBLISH ---

static __attribute__((noinline)) void go_on_mounted(mqw_peer *peer, const mqw_publish *publish)
{
    char room[UINT16_MAX];
    mqw_publish mounted = *publish;
    if (mqw__mount_join(mqw__session_mount(peer->session), &mounted.topic, room))
        go_on(peer, &mounted);
    else
        refuse(peer, publish, MQW_REASON_TOPIC_NAME_INVALID);
}

static uint32_t size_of(const mqw_packet *packet)
{
    uint32_t length = packet->length;
    return 2 + length + (length > 0x7F) + (length > 0x3FFF) + (length > 0x1FFFFF);
}

// What the connection has not judged already: its limits are those of 5.0, and those that all connections
// share. 0, or a reason to end.
static uint8_t breaks_limits(const mqw_broker_limits *limits, const mqw_packet *packet)
{
    const mqw_publish *publish = &packet->publish;
    if (size_of(packet) > limits->max_packet_size)
        return MQW_REASON_PACKET_TOO_LARGE;
    if (publish->qos > mqw__limits_qos(limits))
        return MQW_REASON_QOS_NOT_SUPPORTED;
    if (publish->retain && limits->no_retain)
        return MQW_REASON_RETAIN_NOT_SUPPORTED;
    return publish->qos && publish->packet_id == 0 ? MQW_REASON_PROTOCOL_ERROR : 0;
}

static bool is_allowed(const mqw_peer *peer, const mqw_broker_limits *limits, mqw_text topic)
{
    if (topic.len == 0 || (topic.data[0] == '$' && mqw__topic_is_taken(peer, topic)))
        return false;
    return topic.len < limits->max_filter_levels || mqw__levels(topic) <= limits->max_filter_levels;
}

// MQTT-4.3.3-10: what was taken already is not taken again.
static bool came_before(const mqw__session *session, const mqw_publish *publish)
{
    return publish->qos == 2 && session->promises &&
           mqw_session_received(session->promises, publish->packet_id);
}

void mqw__incoming_publish(mqw_peer *peer, const mqw_packet *packet)
{
    const mqw_publish *publish = &packet->publish;
    const mqw_broker_limits *limits = mqw__session_limits(peer->session);
    peer->broker->counts.publish_received++;
    uint8_t broken = breaks_limits(limits, packet);
    if (broken) {
        mqw__peer_end(peer, broken, "it publishes what it may not");
        return;
    }
    if (mqw__bucket_of(peer))
        mqw__limits_published(peer, size_of(packet));
    if (came_before(peer->session, publish))
        answer(peer, 2, publish->packet_id, 0);
    else if (!is_allowed(peer, limits, publish->topic))
        refuse(peer, publish, MQW_REASON_TOPIC_NAME_INVALID);
    else if (peer->session->mount_len)
        go_on_mounted(peer, publish);
    else
        go_on(peer, publish);
    if (peer->broker->work > A_TURN && peer->stand == MQW__WELCOME)
        mqw__peer_rest(peer);
}

// --- PUBREL ---

void mqw__incoming_pubrel(mqw_peer *peer, const mqw_ack *ack)
{
    mqw__session *session = peer->session;
    mqw_ack end = {.packet_id = ack->packet_id};
    bool known = session->promises && mqw_session_received(session->promises, ack->packet_id);
    if (known && give_id(session, ack->packet_id) < 0) {
        mqw__peer_end(peer, MQW_REASON_QUOTA_EXCEEDED, "its PUBREL could not be stored");
        return;
    }
    if (!known && session->version == MQW_5_0)
        end.reason = MQW_REASON_PACKET_ID_NOT_FOUND;
    if (mqw__gate_answer(peer, MQW_PUBCOMP, &end, known) < 0)
        mqw__peer_end(peer, MQW_REASON_QUOTA_EXCEEDED, "no memory");
}
