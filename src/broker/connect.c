// SPDX-License-Identifier: MIT
// From CONNECT to the decision whether its client is let in.
#include <string.h>

#include "affairs.h"

// --- what every CONNECT is asked ---

bool mqw__topic_is_taken(const mqw_peer *peer, mqw_text topic)
{
    bool mounted = peer->session ? peer->session->mount_len > 0 : peer->affairs && peer->affairs->mount;
    return mounted ? topic.len > 0 && topic.data[0] == '$' : mqw__topic_is_status(topic);
}

// MQTT-3.2.2-12, -13: what a later PUBLISH may not be, a will may not, either.
static uint8_t will_refused(const mqw_peer *peer, const mqw_will *will)
{
    const mqw_broker_limits *limits = mqw__peer_bounds(peer);
    if (will->qos > mqw__limits_qos(limits))
        return MQW_REASON_QOS_NOT_SUPPORTED;
    if (will->retain && limits->no_retain)
        return MQW_REASON_RETAIN_NOT_SUPPORTED;
    if (mqw__topic_is_taken(peer, will->topic) || mqw__levels(will->topic) > limits->max_filter_levels)
        return MQW_REASON_TOPIC_NAME_INVALID;
    return 0;
}

static int keep_user_name(mqw_peer *peer, const mqw_connect *connect)
{
    if (!connect->has_username || connect->username.len == 0)
        return 0;
    peer->user_name = mqw__copy_text(peer->broker, connect->username);
    peer->user_name_len = peer->user_name ? (uint16_t)connect->username.len : 0;
    return peer->user_name ? 0 : MQW_E_NO_MEMORY;
}

static void look_at(mqw_peer *peer, const mqw_connect *connect)
{
    if (connect->unsupported) {
        mqw__peer_refuse(peer, MQW_REASON_UNSUPPORTED_VERSION, "its protocol version is unknown");
    } else if (peer->broker->closing) {
        mqw__peer_refuse(peer, MQW_REASON_SERVER_SHUTTING_DOWN, "the broker closes");
    } else if (keep_user_name(peer, connect) < 0) {
        mqw__peer_refuse(peer, MQW_REASON_QUOTA_EXCEEDED, "no memory");
    } else {
        peer->bridge = connect->bridge;
        if (mqw__authenticate_begin(peer, connect))
            mqw__peer_may_connect(peer, connect);
    }
}

void mqw__peer_connect(mqw_peer *peer, const mqw_connect *connect)
{
    peer->hello = connect->unsupported ? NULL : connect;
    look_at(peer, connect);
    if (peer->stand != MQW__GONE)
        peer->hello = NULL;
}

// --- the program's decision ---

static int ask(mqw_peer *peer, const mqw_connect *connect)
{
    mqw_broker *broker = peer->broker;
    mqw__question question;
    if (!broker->hooks.on_connect)
        return 0;
    mqw__question_begin(&question, peer, MQW_CONNECT, connect);
    return mqw__question_end(&question, broker->hooks.on_connect(broker, peer, connect, broker->options.ctx));
}

void mqw__peer_may_connect(mqw_peer *peer, const mqw_connect *connect)
{
    peer->stand = MQW__ASKED;
    int answer = ask(peer, connect);
    if (answer != MQW_LATER)
        mqw__peer_judge(peer, connect, answer);
}

void mqw__peer_judge(mqw_peer *peer, const mqw_connect *connect, int verdict)
{
    if (peer->stand == MQW__GONE)
        return;
    if (verdict != 0) {
        mqw__peer_refuse(peer, mqw__reason_in(MQW_CONNACK, verdict, MQW_REASON_NOT_AUTHORIZED),
                         "it was refused");
        return;
    }
    if (peer->affairs && peer->affairs->limits)
        mqw__limits_complete(peer->affairs->limits);
    uint8_t refused = connect->has_will ? will_refused(peer, &connect->will) : 0;
    if (refused)
        mqw__peer_refuse(peer, refused, "its will is not taken");
    else
        mqw__peer_admit(peer, connect);
}
