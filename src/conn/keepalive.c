// SPDX-License-Identifier: MIT
// Time: keep alive for both roles, and how long a conversation may take to begin (section 3.1.2.10).
#include "conn/inside.h"

/* Times are kept as the low halves of milliseconds; no interval is longer than half their range. */
typedef struct mqw__due {
    uint32_t since; /* when the waiting began */
    uint32_t after; /* how long it may last; 0: it may last for ever */
    uint8_t rule;   /* what is broken then; MQW_RULE_NONE: a PINGREQ is due */
} mqw__due;

static const mqw__due nothing = {0, 0, 0};

static uint32_t ping_timeout(const mqw_conn *conn)
{
    uint32_t set = conn->config->options.ping_timeout;
    return set ? set : conn->keep_alive * 500u;
}

static mqw__due server_due(const mqw_conn *conn)
{
    if (conn->state == MQW_STATE_NEW || conn->state == MQW_STATE_UNSUPPORTED)
        return (mqw__due){conn->last_received, conn->config->options.connect_timeout, MQW_RULE_NO_CONNECT};
    return (mqw__due){conn->last_received, conn->keep_alive * 1500u, MQW_RULE_SILENT};
}

static mqw__due client_due(const mqw_conn *conn)
{
    if (conn->state == MQW_STATE_NEW)
        return nothing;
    if (conn->state < MQW_STATE_OPEN)
        return (mqw__due){conn->last_received, conn->config->options.connect_timeout, MQW_RULE_NO_CONNECT};
    if (conn->flags & MQW__STREAM_OUT) /* no PINGREQ overtakes the payload */
        return nothing;
    if ((conn->flags & (MQW__PING_OUT | MQW__PAUSED)) == MQW__PING_OUT)
        return (mqw__due){conn->pinged, ping_timeout(conn), MQW_RULE_NO_ANSWER};
    return (mqw__due){conn->last_sent, conn->keep_alive * 1000u, MQW_RULE_NONE};
}

static mqw__due due(const mqw_conn *conn)
{
    if (conn->state >= MQW_STATE_REFUSED || (conn->flags & (MQW__FAULTED | MQW__SHUT)) ||
        conn->role == MQW_ANY)
        return nothing;
    mqw__due d = conn->role == MQW_SERVER ? server_due(conn) : client_due(conn);
    return d.rule && (conn->flags & MQW__PAUSED) ? nothing : d; /* who does not listen hears nothing */
}

void mqw_conn_clock(mqw_conn *conn, uint64_t now_ms)
{
    if (!conn->timed)
        conn->last_received = conn->last_sent = conn->pinged = (uint32_t)now_ms;
    conn->timed = true;
    conn->now = now_ms;
}

uint64_t mqw_conn_deadline(const mqw_conn *conn)
{
    mqw__due d = due(conn);
    if (!d.after)
        return UINT64_MAX;
    int32_t left = (int32_t)(d.since + d.after - (uint32_t)conn->now);
    return left < 0 ? conn->now : conn->now + (uint32_t)left;
}

static int ping_due(mqw_conn *conn)
{
    if (conn->config->options.answers & MQW_ANSWER_PINGREQ)
        (void)mqw__conn_queue(conn, MQW_PINGREQ, NULL, NULL, false);
    conn->last_sent = (uint32_t)conn->now; /* told once per interval */
    return conn->flags & MQW__FAULTED ? conn->blame.code : 1;
}

int mqw_conn_tick(mqw_conn *conn, uint64_t now_ms)
{
    mqw_conn_clock(conn, now_ms);
    if (conn->flags & MQW__FAULTED)
        return conn->blame.code;
    mqw__due d = due(conn);
    if (!d.after || (int32_t)(d.since + d.after - (uint32_t)conn->now) > 0)
        return 0;
    if (d.rule == MQW_RULE_NONE)
        return ping_due(conn);
    return mqw__conn_fault_by_rule(conn, (mqw_rule)d.rule, MQW_E_TIMEOUT);
}

void mqw_conn_set_keep_alive(mqw_conn *conn, uint16_t seconds)
{
    conn->keep_alive = seconds;
    if (conn->on_output)
        conn->on_output(conn, conn->link); /* its deadline may be another one now */
}

uint16_t mqw_conn_keep_alive(const mqw_conn *conn)
{
    return conn->keep_alive;
}
