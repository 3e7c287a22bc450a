// SPDX-License-Identifier: MIT
// The law: the client speaks first and says CONNECT, the server answers with CONNACK, after AUTH both ways if
// CONNECT named a method. Then each says what its role may say, until a DISCONNECT or a refusal, after which
// nobody says anything. None of this knows which side we are: what we send and what we receive stand the same
// trial.
#include "conn/rules.h"

/* What each side may say in each state, beside what its role forbids: [state][client, server]. */
static const uint16_t may_say[][2] = {
    [MQW_STATE_NEW] = {MQW_IN_CONNECT, MQW_IN_NONE},
    [MQW_STATE_CONNECTING] = {0xFFFF & ~MQW_IN_CONNECT & ~MQW_IN_AUTH, MQW_IN_CONNACK},
    [MQW_STATE_AUTHENTICATING] = {MQW_IN_AUTH | MQW_IN_DISCONNECT, MQW_IN_AUTH | MQW_IN_CONNACK},
    [MQW_STATE_UNSUPPORTED] = {MQW_IN_NONE, MQW_IN_CONNACK},
    [MQW_STATE_OPEN] = {0xFFFF & ~MQW_IN_CONNECT, 0xFFFF & ~MQW_IN_CONNACK},
    [MQW_STATE_REFUSED] = {MQW_IN_NONE, MQW_IN_NONE},
    [MQW_STATE_ENDED] = {MQW_IN_NONE, MQW_IN_NONE},
};

/* What each role may say at all: [version - 3][client, server]. */
#define SINCE(id, since, version)                             ((since) && (since) <= (version) ? 1u << (id) : 0)
#define CLIENT_3(id, NAME, name, flags, client, server, rule) | SINCE(id, client, 3)
#define CLIENT_4(id, NAME, name, flags, client, server, rule) | SINCE(id, client, 4)
#define CLIENT_5(id, NAME, name, flags, client, server, rule) | SINCE(id, client, 5)
#define SERVER_3(id, NAME, name, flags, client, server, rule) | SINCE(id, server, 3)
#define SERVER_4(id, NAME, name, flags, client, server, rule) | SINCE(id, server, 4)
#define SERVER_5(id, NAME, name, flags, client, server, rule) | SINCE(id, server, 5)
static const uint16_t role_says[][2] = {
    {0 MQW_PACKETS(CLIENT_3), 0 MQW_PACKETS(SERVER_3)},
    {0 MQW_PACKETS(CLIENT_4), 0 MQW_PACKETS(SERVER_4)},
    {0 MQW_PACKETS(CLIENT_5), 0 MQW_PACKETS(SERVER_5)},
};

/* The rule that a side breaks when it says something out of turn, where it does not depend on the packet. */
static const uint8_t out_of_turn[][2] = {
    [MQW_STATE_NEW] = {MQW_RULE_CONNECT_FIRST, MQW_RULE_CONNACK_FIRST},
    [MQW_STATE_CONNECTING] = {MQW_RULE_CONNECT_TWICE, MQW_RULE_CONNACK_FIRST},
    [MQW_STATE_AUTHENTICATING] = {MQW_RULE_AUTH_ONLY, MQW_RULE_CONNACK_FIRST},
    [MQW_STATE_UNSUPPORTED] = {MQW_RULE_CONNECT_TWICE, MQW_RULE_CONNACK_FIRST},
    [MQW_STATE_OPEN] = {MQW_RULE_CONNECT_TWICE, MQW_RULE_CONNACK_TWICE},
    [MQW_STATE_REFUSED] = {MQW_RULE_AFTER_REFUSAL, MQW_RULE_AFTER_REFUSAL},
    [MQW_STATE_ENDED] = {MQW_RULE_AFTER_DISCONNECT, MQW_RULE_AFTER_DISCONNECT},
};

static mqw_rule turn_rule(unsigned state, bool server, int type)
{
    if (state <= MQW_STATE_UNSUPPORTED && server && type == MQW_DISCONNECT)
        return MQW_RULE_DISCONNECT_EARLY;
    if (state == MQW_STATE_CONNECTING && type == MQW_AUTH)
        return server ? MQW_RULE_AUTH_UNASKED_SERVER : MQW_RULE_AUTH_UNASKED_CLIENT;
    if (state == MQW_STATE_AUTHENTICATING && type == MQW_CONNECT)
        return MQW_RULE_CONNECT_TWICE;
    return (mqw_rule)out_of_turn[state][server];
}

bool mqw__trial_breaks(const mqw_conn *conn, mqw__trial *trial, mqw_rule rule, const char *field)
{
    int verdict = mqw__judge(conn->config->policy, conn->version, rule);
    if (verdict == 1 && trial->reported)
        mqw_rule_add(trial->reported, rule);
    if (verdict != 2)
        return false;
    trial->rule = (uint8_t)rule;
    trial->field = field;
    return true;
}

static bool same_method(const mqw_conn *conn, const mqw_props *props)
{
    const mqw__extra *extra = conn->extra;
    return mqw_has(props, auth_method) && extra &&
           mqw__same_text(props->auth_method, (mqw_text){extra->auth_method, extra->auth_method_len});
}

static bool auth_allowed(const mqw_conn *conn, mqw__trial *trial, const mqw_disconnect *auth)
{
    bool server = trial->sender == MQW_SERVER;
    bool again = conn->state == MQW_STATE_OPEN;
    if (!(conn->agreed & MQW__AUTH_METHOD))
        return !mqw__trial_breaks(conn, trial,
                                  server ? MQW_RULE_AUTH_UNASKED_SERVER : MQW_RULE_AUTH_UNASKED_CLIENT, NULL);
    if (!again && auth->reason != MQW_REASON_CONTINUE_AUTHENTICATION &&
        mqw__trial_breaks(conn, trial, server ? MQW_RULE_AUTH_REASON_SERVER : MQW_RULE_AUTH_REASON_CLIENT,
                          "reason"))
        return false;
    return same_method(conn, &auth->props) ||
           !mqw__trial_breaks(conn, trial,
                              again && !server ? MQW_RULE_AUTH_METHOD_AGAIN : MQW_RULE_AUTH_METHOD,
                              "auth_method");
}

static bool connack_allowed(const mqw_conn *conn, mqw__trial *trial, const mqw_connack *connack)
{
    bool accepts = connack->reason == 0;
    if (accepts && connack->session_present && (conn->agreed & MQW__CLEAN_START) &&
        mqw__trial_breaks(conn, trial, MQW_RULE_SESSION_PRESENT_CLEAN, "session_present"))
        return false;
    if (conn->version != MQW_5_0)
        return true;
    const mqw_props *props = &connack->props;
    if (accepts && (conn->agreed & MQW__EMPTY_ID) && !mqw_has(props, assigned_client_id) &&
        mqw__trial_breaks(conn, trial, MQW_RULE_ASSIGNED_CLIENT_ID, "assigned_client_id"))
        return false;
    if (mqw_has(props, response_info) && !(conn->agreed & MQW__RESPONSE_INFO) &&
        mqw__trial_breaks(conn, trial, MQW_RULE_RESPONSE_INFO, "response_info"))
        return false;
    if (!(conn->agreed & MQW__AUTH_METHOD))
        return !mqw_has(props, auth_method) ||
               !mqw__trial_breaks(conn, trial, MQW_RULE_AUTH_UNASKED_SERVER, "auth_method");
    return !accepts || same_method(conn, props) ||
           !mqw__trial_breaks(conn, trial, MQW_RULE_AUTH_METHOD, "auth_method");
}

static bool disconnect_allowed(const mqw_conn *conn, mqw__trial *trial, const mqw_disconnect *disconnect)
{
    bool raised = conn->version == MQW_5_0 && trial->sender == MQW_CLIENT &&
                  (conn->agreed & MQW__NO_EXPIRY) && mqw_value(&disconnect->props, session_expiry) != 0;
    return !raised || !mqw__trial_breaks(conn, trial, MQW_RULE_SESSION_EXPIRY_RAISED, "session_expiry");
}

bool mqw__rules_allow(const mqw_conn *conn, mqw__trial *trial, const void *body)
{
    bool server = trial->sender == MQW_SERVER;
    uint16_t bit = (uint16_t)(1u << trial->type);
    unsigned version = conn->version - MQW_3_1;
    if (trial->type == MQW_CONNECT && conn->state == MQW_STATE_NEW)
        return !server || !mqw__trial_breaks(conn, trial, MQW_RULE_ROLE, NULL);
    if (!(role_says[version][server] & bit) && mqw__trial_breaks(conn, trial, MQW_RULE_ROLE, NULL))
        return false;
    if (!(may_say[conn->state][server] & bit) &&
        mqw__trial_breaks(conn, trial, turn_rule(conn->state, server, trial->type), NULL))
        return false;
    switch (trial->type) {
    case MQW_CONNACK: return connack_allowed(conn, trial, body);
    case MQW_DISCONNECT: return disconnect_allowed(conn, trial, body);
    case MQW_AUTH: return auth_allowed(conn, trial, body);
    default: return true;
    }
}

static uint8_t state_after_connect(const mqw_connect *connect)
{
    if (connect->unsupported)
        return MQW_STATE_UNSUPPORTED;
    bool method = connect->version == MQW_5_0 && mqw_has(&connect->props, auth_method);
    return method ? MQW_STATE_AUTHENTICATING : MQW_STATE_CONNECTING;
}

/* Nothing comes after a farewell or a refusal, unless the policy knows no order. */
static bool is_the_end(const mqw_conn *conn)
{
    return conn->state >= MQW_STATE_REFUSED &&
           mqw__judge(conn->config->policy, conn->version, (mqw_rule)out_of_turn[conn->state][0]) == 2;
}

void mqw__rules_passed(mqw_conn *conn, mqw_role sender, int type, const void *body)
{
    bool ours = (uint8_t)sender == conn->role;
    if (type == MQW_CONNECT) {
        const mqw_connect *connect = body;
        conn->version = connect->unsupported ? MQW_3_1_1 : connect->version ? connect->version : MQW_3_1_1;
        if (conn->state == MQW_STATE_NEW)
            conn->state = state_after_connect(connect);
    } else if (type == MQW_CONNACK) {
        const mqw_connack *connack = body;
        conn->state = connack->reason == 0 ? MQW_STATE_OPEN : MQW_STATE_REFUSED;
    } else if (type == MQW_DISCONNECT) {
        conn->state = MQW_STATE_ENDED;
    } else {
        return;
    }
    if (conn->role == MQW_ANY)
        return;
    if (is_the_end(conn))
        conn->flags |= ours ? MQW__DEAF : MQW__PEER_ENDED;
    else if (conn->state == MQW_STATE_UNSUPPORTED)
        conn->flags |= MQW__DEAF;
}
