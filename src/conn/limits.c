// SPDX-License-Identifier: MIT
// What the peers agreed in CONNECT and CONNACK: sizes, receive maximum, what the server does without.
#include "conn/rules.h"

#include <string.h>

#define NONE UINT16_MAX

/* Where the properties of each packet type stand in its body. */
static const uint16_t props_at[16] = {
    [0] = NONE,
    [MQW_CONNECT] = offsetof(mqw_connect, props),
    [MQW_CONNACK] = offsetof(mqw_connack, props),
    [MQW_PUBLISH] = offsetof(mqw_publish, props),
    [MQW_PUBACK] = offsetof(mqw_ack, props),
    [MQW_PUBREC] = offsetof(mqw_ack, props),
    [MQW_PUBREL] = offsetof(mqw_ack, props),
    [MQW_PUBCOMP] = offsetof(mqw_ack, props),
    [MQW_SUBSCRIBE] = offsetof(mqw_subscribe, props),
    [MQW_SUBACK] = offsetof(mqw_suback, props),
    [MQW_UNSUBSCRIBE] = offsetof(mqw_subscribe, props),
    [MQW_UNSUBACK] = offsetof(mqw_suback, props),
    [MQW_PINGREQ] = NONE,
    [MQW_PINGRESP] = NONE,
    [MQW_DISCONNECT] = offsetof(mqw_disconnect, props),
    [MQW_AUTH] = offsetof(mqw_disconnect, props),
};

const mqw_props *mqw__props_of(int type, const void *body)
{
    uint16_t at = props_at[type & 15];
    return at == NONE ? NULL : (const mqw_props *)(const void *)((const char *)body + at);
}

/* ---- trial ---- */

static bool publish_allowed(const mqw_conn *conn, mqw__trial *trial, const mqw_publish *publish)
{
    bool client = trial->sender == MQW_CLIENT;
    const mqw__side *acceptor = mqw__conn_acceptor(conn, (mqw_role)trial->sender);
    if (publish->qos && acceptor->in_flight >= acceptor->receive_maximum &&
        mqw__trial_breaks(conn, trial,
                          client ? MQW_RULE_RECEIVE_MAXIMUM_SERVER : MQW_RULE_RECEIVE_MAXIMUM_CLIENT,
                          "packet_id"))
        return false;
    if (client && (conn->agreed & (MQW__MAX_QOS_0 | MQW__MAX_QOS_1)) &&
        publish->qos > (conn->agreed & MQW__MAX_QOS_0 ? 0 : 1) &&
        mqw__trial_breaks(conn, trial, MQW_RULE_MAXIMUM_QOS, "qos"))
        return false;
    if (client && publish->retain && (conn->agreed & MQW__NO_RETAIN) &&
        mqw__trial_breaks(conn, trial, MQW_RULE_RETAIN_UNAVAILABLE, "retain"))
        return false;
    return !mqw_has(&publish->props, topic_alias) || mqw__aliases_allow(conn, trial, publish);
}

static bool has_wildcard(mqw_text filter)
{
    for (size_t i = 0; i < filter.len; i++)
        if (filter.data[i] == '+' || filter.data[i] == '#')
            return true;
    return false;
}

static bool subscribe_allowed(const mqw_conn *conn, mqw__trial *trial, const mqw_subscribe *subscribe)
{
    if ((conn->agreed & MQW__NO_SUBSCRIPTION_IDS) && mqw_has(&subscribe->props, subscription_ids) &&
        mqw__trial_breaks(conn, trial, MQW_RULE_SUBSCRIPTION_IDS_UNAVAILABLE, "subscription_ids"))
        return false;
    if (!(conn->agreed & (MQW__NO_WILDCARDS | MQW__NO_SHARED)) || !subscribe->filters.wire.data)
        return true;
    mqw_list left = subscribe->filters;
    for (mqw_filter item; mqw_next_filter(&left, &item);) {
        mqw_text name, filter = item.filter;
        if (mqw_share_split(item.filter, &name, &filter) && (conn->agreed & MQW__NO_SHARED) &&
            mqw__trial_breaks(conn, trial, MQW_RULE_SHARED_UNAVAILABLE, "filters"))
            return false;
        if ((conn->agreed & MQW__NO_WILDCARDS) && has_wildcard(filter) &&
            mqw__trial_breaks(conn, trial, MQW_RULE_WILDCARDS_UNAVAILABLE, "filters"))
            return false;
    }
    return true;
}

/* Packets in which a server explains itself only to a client that asked for it. */
#define UNASKED (MQW_IN_ALL & ~(MQW_IN_PUBLISH | MQW_IN_CONNACK | MQW_IN_DISCONNECT))

bool mqw__limits_allow(const mqw_conn *conn, mqw__trial *trial, const void *body)
{
    if (conn->version != MQW_5_0)
        return true;
    if (trial->type == MQW_PUBLISH)
        return publish_allowed(conn, trial, body);
    if (trial->type == MQW_SUBSCRIBE)
        return subscribe_allowed(conn, trial, body);
    if (!(conn->agreed & MQW__NO_PROBLEM_INFO) || trial->sender != MQW_SERVER || !trial->reported ||
        !(UNASKED >> trial->type & 1))
        return true;
    const mqw_props *props = mqw__props_of(trial->type, body);
    return !props || !(mqw_has(props, reason_string) || mqw_has(props, user)) ||
           !mqw__trial_breaks(conn, trial, MQW_RULE_PROBLEM_INFO, "reason_string");
}

/* ---- what CONNECT and CONNACK say ---- */

static void side_learn(mqw_conn *conn, const mqw_props *props, bool ours)
{
    mqw__side *side = ours ? &conn->ours : &conn->theirs;
    uint32_t most = ours ? conn->config->options.max_packet_size : MQW_PACKET_MAX;
    uint32_t said = mqw_value(props, maximum_packet_size);
    side->max_packet = said < most ? said : most;
    side->receive_maximum = mqw_value(props, receive_maximum);
    side->alias_maximum = mqw_value(props, topic_alias_maximum);
}

void mqw__auth_method_free(mqw_config *config, mqw__extra *extra)
{
    mqw__free(&config->allocator, extra->auth_method, extra->auth_method_len);
    mqw__config_let_go(config, extra->auth_method_len);
    extra->auth_method = NULL;
    extra->auth_method_len = 0;
}

static int keep_auth_method(mqw_conn *conn, mqw_text method)
{
    mqw__extra *extra = mqw__conn_extra(conn);
    if (!extra)
        return MQW_E_NO_MEMORY;
    mqw__auth_method_free(conn->config, extra);
    if (method.len == 0 || !method.data || method.len > UINT16_MAX)
        return 0; /* there is nothing to keep, or the codec refuses it */
    if (!mqw__config_hold(conn->config, method.len))
        return MQW_E_NO_MEMORY;
    extra->auth_method = mqw__alloc(&conn->config->allocator, method.len);
    if (!extra->auth_method) {
        mqw__config_let_go(conn->config, method.len);
        return MQW_E_NO_MEMORY;
    }
    memcpy(extra->auth_method, method.data, method.len);
    extra->auth_method_len = (uint32_t)method.len;
    return 0;
}

int mqw__limits_remember(mqw_conn *conn, const mqw_connect *connect)
{
    bool method = connect->version == MQW_5_0 && mqw_has(&connect->props, auth_method);
    return method && conn->role != MQW_ANY ? keep_auth_method(conn, connect->props.auth_method) : 0;
}

static void learn_connect(mqw_conn *conn, const mqw_connect *connect, bool ours)
{
    if (connect->unsupported)
        return;
    conn->keep_alive = connect->keep_alive;
    conn->agreed = connect->clean_start ? MQW__CLEAN_START : 0;
    if (conn->version != MQW_5_0)
        return;
    const mqw_props *props = &connect->props;
    side_learn(conn, props, ours);
    unsigned agreed = conn->agreed;
    agreed |= connect->client_id.len == 0 ? MQW__EMPTY_ID : 0;
    agreed |= mqw_value(props, session_expiry) == 0 ? MQW__NO_EXPIRY : 0;
    agreed |= mqw_value(props, request_problem_info) == 0 ? MQW__NO_PROBLEM_INFO : 0;
    agreed |= mqw_value(props, request_response_info) != 0 ? MQW__RESPONSE_INFO : 0;
    agreed |= mqw_has(props, auth_method) ? MQW__AUTH_METHOD : 0;
    conn->agreed = agreed & MQW__AGREED;
}

static void learn_connack(mqw_conn *conn, const mqw_connack *connack, bool ours)
{
    if (connack->reason != 0)
        return;
    if (ours)
        conn->ours.max_packet = conn->config->options.max_packet_size;
    if (conn->version != MQW_5_0)
        return;
    const mqw_props *props = &connack->props;
    side_learn(conn, props, ours);
    conn->keep_alive = mqw_get(props, server_keep_alive, conn->keep_alive);
    unsigned agreed = conn->agreed;
    agreed |= mqw_value(props, retain_available) ? 0 : MQW__NO_RETAIN;
    agreed |= mqw_value(props, wildcards_available) ? 0 : MQW__NO_WILDCARDS;
    agreed |= mqw_value(props, shared_available) ? 0 : MQW__NO_SHARED;
    agreed |= mqw_value(props, subscription_ids_available) ? 0 : MQW__NO_SUBSCRIPTION_IDS;
    agreed |= mqw_value(props, maximum_qos) == 0   ? MQW__MAX_QOS_0
              : mqw_value(props, maximum_qos) == 1 ? MQW__MAX_QOS_1
                                                   : 0;
    conn->agreed = agreed & MQW__AGREED;
}

/* A PUBLISH that is to be acknowledged takes a place in the quota of the side that it goes to; the
 * acknowledgement that ends it gives the place back (section 4.9). */
static void count_in_flight(mqw_conn *conn, bool ours, int type, const void *body)
{
    mqw__side *acceptor = ours ? &conn->theirs : &conn->ours;
    mqw__side *acknowledger = ours ? &conn->ours : &conn->theirs;
    bool ends = type == MQW_PUBACK || type == MQW_PUBCOMP ||
                (type == MQW_PUBREC && ((const mqw_ack *)body)->reason >= 0x80);
    if (type == MQW_PUBLISH && ((const mqw_publish *)body)->qos && acceptor->in_flight < UINT16_MAX)
        acceptor->in_flight++;
    else if (ends && acknowledger->in_flight > 0)
        acknowledger->in_flight--;
}

void mqw__limits_passed(mqw_conn *conn, mqw_role sender, int type, const void *body)
{
    bool ours = (uint8_t)sender == conn->role;
    if (conn->role == MQW_ANY) /* nothing that it hears is agreed with it */
        return;
    if (type == MQW_CONNECT)
        learn_connect(conn, body, ours);
    else if (type == MQW_CONNACK)
        learn_connack(conn, body, ours);
    if (conn->version == MQW_5_0)
        count_in_flight(conn, ours, type, body);
}

uint16_t mqw_conn_quota(const mqw_conn *conn)
{
    const mqw__side *peer = &conn->theirs;
    if (conn->version != MQW_5_0)
        return UINT16_MAX;
    return peer->in_flight < peer->receive_maximum ? (uint16_t)(peer->receive_maximum - peer->in_flight) : 0;
}
