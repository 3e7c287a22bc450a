// SPDX-License-Identifier: MIT
// Whether a packet may be sent, why not, and what has to change in it before.
#include "conn/sending.h"

/* ---- refusals ---- */

static int refuse(mqw_conn *conn, int code, int rule, unsigned type, unsigned version, const char *field)
{
    if (conn->flags & MQW__FAULTED)
        return code;
    conn->blame = (mqw__blame){(int8_t)code, (uint8_t)rule, mqw__rule(rule)->reason, type & 15, version & 15};
    mqw__extra *extra = field || conn->extra ? mqw__conn_extra(conn) : NULL;
    if (extra)
        extra->refusal_field = field;
    if (code != MQW_E_MISUSE || conn->config->options.on_misuse == MQW_RETURN_ONLY)
        return code;
    extra = mqw__conn_extra(conn);
    if (extra) {
        extra->misuse = conn->blame;
        extra->misuse_field = field;
        conn->flags |= MQW__MISUSED;
    }
    if (conn->on_output)
        conn->on_output(conn, conn->link);
    return code;
}

int mqw__conn_refuse(mqw_conn *conn, int code, int rule, int type, const char *field)
{
    return refuse(conn, code, rule, (unsigned)type, conn->version, field);
}

/* CONNECT brings its own version. */
static uint8_t version_of(const mqw_conn *conn, const mqw__sending *s)
{
    uint8_t version = s->type == MQW_CONNECT ? ((const mqw_connect *)s->body)->version : conn->version;
    return version >= MQW_3_1 && version <= MQW_5_0 ? version : conn->version;
}

/* A rule stops the packet. It is misuse only when nobody but the program can have caused it: not when the
 * packet may be one that a peer sent, nor when the policy would have let a peer send it. */
int mqw__sending_refuse(mqw_conn *conn, const mqw__sending *s, int rule, const char *field)
{
    uint8_t version = version_of(conn, s);
    mqw_codec codec = {version, 0, NULL};
    int code = mqw__refusal(NULL, &codec, (mqw_rule)rule, s->type, field);
    bool tolerated = mqw__rule(rule)->standing != MQW__ALWAYS &&
                     mqw__judge(conn->config->policy, version, (mqw_rule)rule) != 2;
    if (code == MQW_E_MISUSE && (!s->typed || tolerated))
        code = MQW_E_REFUSED;
    return refuse(conn, code, rule, s->type, version, field);
}

/* ---- trials ---- */

/* An acknowledgement promises that the message is there: not while pieces of it are still to come. */
static bool too_early(const mqw_conn *conn, const mqw__sending *s)
{
    return (conn->flags & MQW__STREAM_IN) && (s->type == MQW_PUBACK || s->type == MQW_PUBREC) &&
           conn->extra->in_qos && ((const mqw_ack *)s->body)->packet_id == conn->extra->in_packet_id;
}

int mqw__sending_try(mqw_conn *conn, const mqw__sending *s)
{
    if (too_early(conn, s))
        return mqw__sending_refuse(conn, s, MQW_RULE_ACK_EARLY, "packet_id");
    if (conn->role == MQW_ANY)
        return 0;
    if (s->type == MQW_AUTH && conn->version != MQW_5_0)
        return mqw__sending_refuse(conn, s, MQW_RULE_NOT_IN_VERSION, NULL);
    mqw__trial t = {NULL, conn->role, s->type, 0, NULL};
    if (mqw__rules_allow(conn, &t, s->body) && mqw__limits_allow(conn, &t, s->body))
        return 0;
    return mqw__sending_refuse(conn, s, t.rule, t.field);
}

/* ---- what a send may change in a copy of the packet ---- */

const size_t mqw__body_size[16] = {
    [MQW_CONNECT] = sizeof(mqw_connect), [MQW_CONNACK] = sizeof(mqw_connack),
    [MQW_PUBLISH] = sizeof(mqw_publish), [MQW_PUBACK] = sizeof(mqw_ack),
    [MQW_PUBREC] = sizeof(mqw_ack),      [MQW_PUBREL] = sizeof(mqw_ack),
    [MQW_PUBCOMP] = sizeof(mqw_ack),     [MQW_SUBSCRIBE] = sizeof(mqw_subscribe),
    [MQW_SUBACK] = sizeof(mqw_suback),   [MQW_UNSUBSCRIBE] = sizeof(mqw_subscribe),
    [MQW_UNSUBACK] = sizeof(mqw_suback), [MQW_DISCONNECT] = sizeof(mqw_disconnect),
    [MQW_AUTH] = sizeof(mqw_disconnect),
};

static void *own_copy(mqw__sending *s)
{
    if (s->body != &s->packet.connect)
        memcpy(&s->packet.connect, s->body, mqw__body_size[s->type]);
    s->body = &s->packet.connect;
    return &s->packet.connect;
}

/* Leaves out what only explains: reason string and user properties. False: there are none. */
static bool strip(mqw__sending *s)
{
    const uint64_t spare = MQW_BIT(reason_string) | MQW_BIT(user);
    const mqw_props *props = mqw__props_of(s->type, s->body);
    if (!(MQW_IN_EXPLAINED >> s->type & 1) || !(props->has & spare))
        return false;
    size_t at = (size_t)((const char *)props - (const char *)s->body);
    ((mqw_props *)(void *)((char *)own_copy(s) + at))->has &= ~spare;
    s->stripped = true;
    return true;
}

/* A client that asked for no problem information gets none (MQTT-3.1.2-29). */
static bool unasked(const mqw_conn *conn, int type)
{
    return (conn->agreed & MQW__NO_PROBLEM_INFO) && conn->role == MQW_SERVER && conn->version == MQW_5_0 &&
           !((MQW_IN_PUBLISH | MQW_IN_CONNACK | MQW_IN_DISCONNECT) >> type & 1);
}

static int prepare_alias(mqw_conn *conn, mqw__sending *s)
{
    const mqw_publish *publish = s->body;
    s->topic = publish->topic;
    if (conn->role == MQW_ANY)
        return 0;
    if (mqw_has(&publish->props, topic_alias)) {
        uint16_t alias = publish->props.topic_alias;
        s->alias = alias ? mqw__alias_row(conn, alias) : NULL;
        return s->alias || !alias ? 0 : MQW_E_NO_MEMORY; /* the codec refuses alias 0 */
    }
    if (conn->config->options.alias_out != MQW_ALIAS_RECENT || !conn->theirs.alias_maximum)
        return 0;
    mqw_publish *copy = own_copy(s);
    s->alias = mqw__alias_assign(conn, copy);
    if (copy->topic.len == 0)
        s->topic.len = 0;
    return 0;
}

/* To a client of a level that nobody knows only a refusal in the form of 3.x can be said; 0x84 is 1 there. */
static int prepare_unsupported(mqw_conn *conn, mqw__sending *s)
{
    mqw_connack *connack = own_copy(s);
    if (connack->reason == MQW_REASON_UNSUPPORTED_VERSION)
        *connack = (mqw_connack){.reason = 1};
    return connack->reason ? 0 : mqw__sending_refuse(conn, s, MQW_RULE_PROTOCOL_VERSION, "reason");
}

int mqw__sending_prepare(mqw_conn *conn, mqw__sending *s)
{
    if (s->type == MQW_CONNACK && conn->state == MQW_STATE_UNSUPPORTED)
        return prepare_unsupported(conn, s);
    if (s->type == MQW_PUBLISH && conn->version == MQW_5_0)
        return prepare_alias(conn, s);
    if (s->type == MQW_CONNECT)
        return mqw__limits_remember(conn, s->body);
    if (unasked(conn, s->type))
        (void)strip(s);
    return 0;
}

/* An alias of our own choice costs bytes that may be too many. */
static bool drop_alias(mqw__sending *s)
{
    mqw_publish *publish = &s->packet.publish;
    if (!s->alias || s->body != publish)
        return false;
    publish->props.has &= ~MQW_BIT(topic_alias);
    publish->topic.len = publish->topic.len ? publish->topic.len : s->alias->len;
    s->alias = NULL;
    return true;
}

/* Makes a packet smaller that is too large for the peer. False: it cannot be. */
bool mqw__sending_lighten(mqw__sending *s)
{
    return s->type == MQW_PUBLISH ? drop_alias(s) : strip(s);
}
