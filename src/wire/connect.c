// SPDX-License-Identifier: MIT
// CONNECT and CONNACK (sections 3.1 and 3.2).
#include "wire/packets.h"
#include "wire/topic.h"

enum {
    RESERVED = 0x01,
    CLEAN_START = 0x02,
    WILL = 0x04,
    WILL_RETAIN = 0x20,
    PASSWORD = 0x40,
    USERNAME = 0x80,
    BRIDGE = 0x80 /* in the level byte */
};

/* ---- protocol name and level ---- */

static mqw_text name_of(uint8_t version)
{
    return version == MQW_3_1 ? MQW_TEXT("MQIsdp") : MQW_TEXT("MQTT");
}

static bool same(mqw_text a, mqw_text b)
{
    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

/* 3.1, 3.1.1 and 5.0, of which the first two have bridges. */
static bool level_known(uint8_t level)
{
    uint8_t version = level & (uint8_t)~BRIDGE;
    return version == MQW_3_1 || version == MQW_3_1_1 || level == MQW_5_0;
}

/* Learns the version; false: nobody knows it, or the packet has failed. */
static bool read_version(mqw__reader *r, mqw_connect *out)
{
    const uint8_t *mark = r->at;
    mqw__read_raw_text(r, &out->protocol_name, MQW__F(protocol_name));
    uint8_t level = mqw__read_u8(r, MQW__F(version));
    bool old = same(out->protocol_name, name_of(MQW_3_1));
    out->unsupported = !level_known(level);
    out->version = out->unsupported ? level : level & (uint8_t)~BRIDGE;
    out->bridge = out->version != level;
    if (!(old || same(out->protocol_name, name_of(MQW_5_0))) ||
        (!out->unsupported && old != (out->version == MQW_3_1)))
        mqw__reader_break(r, MQW_RULE_PROTOCOL_NAME, mark, MQW__F(protocol_name));
    return !out->unsupported && !r->check->rule;
}

static void write_version(mqw__writer *w, const mqw_connect *in)
{
    mqw_text name = name_of(w->check->version);
    if (MQW__RARE(in->unsupported))
        mqw__refuse(w->check, MQW_RULE_FIELD_RANGE, NULL, MQW__F(unsupported));
    if (MQW__RARE(in->bridge && w->check->version == MQW_5_0))
        mqw__refuse(w->check, MQW_RULE_NOT_IN_VERSION, NULL, MQW__F(bridge));
    if (in->protocol_name.len && (!in->protocol_name.data || !same(in->protocol_name, name)))
        mqw__refuse(w->check, MQW_RULE_PROTOCOL_NAME, NULL, MQW__F(protocol_name));
    mqw__write_blob(w, name.data, name.len, MQW__F(protocol_name));
    mqw__write_u8(w, (uint8_t)(w->check->version | (in->bridge ? BRIDGE : 0)));
}

/* ---- connect flags ---- */

static void read_flags(mqw__reader *r, mqw_connect *out)
{
    const uint8_t *mark = r->at;
    uint8_t flags = mqw__read_u8(r, MQW__F(flags));
    uint8_t qos = flags >> 3 & 3;
    out->clean_start = (flags & CLEAN_START) != 0;
    out->has_will = (flags & WILL) != 0;
    out->has_password = (flags & PASSWORD) != 0;
    out->has_username = (flags & USERNAME) != 0;
    out->will.qos = qos;
    out->will.retain = (flags & WILL_RETAIN) != 0;
    if (MQW__RARE(flags & RESERVED))
        mqw__reader_break(r, MQW_RULE_CONNECT_FLAG, mark, MQW__F(flags));
    if (MQW__RARE(out->has_will && qos > 2))
        mqw__reader_break(r, MQW_RULE_WILL_QOS, mark, MQW__F(will_qos));
    if (MQW__RARE(!out->has_will && qos))
        mqw__reader_break(r, MQW_RULE_WILL_QOS_UNSET, mark, MQW__F(will_qos));
    if (MQW__RARE(!out->has_will && out->will.retain))
        mqw__reader_break(r, MQW_RULE_WILL_RETAIN_UNSET, mark, MQW__F(will_retain));
    if (MQW__RARE(out->has_password && !out->has_username))
        mqw__reader_break(r, MQW_RULE_PASSWORD_ALONE, mark, MQW__F(password));
}

static void write_flags(mqw__writer *w, const mqw_connect *in)
{
    unsigned flags = (in->clean_start ? CLEAN_START : 0u) | (in->has_password ? PASSWORD : 0u) |
                     (in->has_username ? USERNAME : 0u);
    if (in->has_will) {
        flags |= WILL | (unsigned)in->will.qos << 3 | (in->will.retain ? WILL_RETAIN : 0u);
        if (MQW__RARE(in->will.qos == 3))
            mqw__break(w->check, MQW_RULE_WILL_QOS, NULL, MQW__F(will_qos));
        if (MQW__RARE(in->will.qos > 3))
            mqw__refuse(w->check, MQW_RULE_FIELD_RANGE, NULL, MQW__F(will_qos));
    }
    if (MQW__RARE(in->has_password && !in->has_username))
        mqw__break(w->check, MQW_RULE_PASSWORD_ALONE, NULL, MQW__F(password));
    mqw__write_u8(w, (uint8_t)flags);
}

/* ---- client identifier ---- */

enum { CLIENT_ID_MAX = 23 };

static size_t characters(mqw_text text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += ((uint8_t)text.data[i] & 0xC0) != 0x80;
    return count;
}

/* The rule that a client identifier by itself breaks; 0: none. 3.1.1 lets the server name who starts clean.
 */
static unsigned client_id_rule(uint8_t version, mqw_text id, bool clean_start)
{
    if (id.len == 0)
        return version == MQW_3_1 || !clean_start ? MQW_RULE_CLIENT_ID_EMPTY : 0;
    if (version == MQW_3_1 && id.len > CLIENT_ID_MAX && characters(id) > CLIENT_ID_MAX)
        return MQW_RULE_CLIENT_ID_LONG;
    return 0;
}

static void read_client_id(mqw__reader *r, mqw_connect *out)
{
    const uint8_t *mark = r->at;
    mqw__read_text(r, &out->client_id, MQW__F(client_id));
    unsigned rule = client_id_rule(out->version, out->client_id, out->clean_start);
    if (MQW__RARE(rule != 0))
        mqw__reader_break(r, rule, mark, MQW__F(client_id));
}

static void write_client_id(mqw__writer *w, const mqw_connect *in)
{
    mqw__write_text(w, in->client_id, MQW__F(client_id));
    unsigned rule = client_id_rule(w->check->version, in->client_id, in->clean_start);
    if (MQW__RARE(rule != 0))
        mqw__break(w->check, rule, NULL, MQW__F(client_id));
}

/* ---- CONNECT ---- */

static void read_will(mqw__reader *r, mqw_will *out)
{
    mqw__read_properties(r, MQW_IN_WILL, &out->props);
    mqw__read_raw_text(r, &out->topic, MQW__F(will_topic));
    mqw__reader_judge(r, out->topic, mqw__topic_flaws(out->topic), MQW__F(will_topic));
    mqw__read_blob(r, &out->payload, MQW__F(will_payload));
    mqw__reader_judge_payload(r, &out->props, out->payload, MQW__F(will_payload));
}

/* 3.1: a flag whose field is missing means nothing. */
static bool there(const mqw__reader *r, bool flag)
{
    return flag && (r->at < r->end || r->check->version != MQW_3_1);
}

static void read_credentials(mqw__reader *r, mqw_connect *out)
{
    out->has_username = there(r, out->has_username);
    if (out->has_username)
        mqw__read_text(r, &out->username, MQW__F(username));
    out->has_password = there(r, out->has_password);
    if (out->has_password)
        mqw__read_blob(r, &out->password, MQW__F(password));
}

/* Authentication data needs a method. */
static void judge_auth_data(mqw__check *check, const mqw_props *props, const uint8_t *at)
{
    if (MQW__RARE(mqw_has(props, auth_data) && !mqw_has(props, auth_method)))
        mqw__break(check, MQW_RULE_AUTH_DATA_ALONE, at, MQW__F(auth_data));
}

void mqw__connect_read(mqw__check *check, const uint8_t *at, mqw_packet *packet)
{
    mqw__reader r = mqw__reader_at(check, at);
    mqw_connect *out = &packet->connect;
    if (!read_version(&r, out))
        return;
    r.check->version = out->version;
    mqw__judge_header(r.check, packet->length);
    read_flags(&r, out);
    out->keep_alive = mqw__read_u16(&r, MQW__F(keep_alive));
    const uint8_t *mark = r.at;
    mqw__read_properties(&r, MQW_IN_CONNECT, &out->props);
    judge_auth_data(r.check, &out->props, mark);
    read_client_id(&r, out);
    if (out->has_will)
        read_will(&r, &out->will);
    read_credentials(&r, out);
    mqw__reader_end(&r);
}

static void write_will(mqw__writer *w, const mqw_will *in)
{
    mqw__write_properties(w, MQW_IN_WILL, &in->props);
    mqw__write_topic(w, in->topic, false, MQW__F(will_topic));
    mqw__write_blob(w, in->payload.data, in->payload.len, MQW__F(will_payload));
}

size_t mqw__connect_write(mqw__check *check, size_t at, const void *body)
{
    mqw__writer w = mqw__writer_at(check, at);
    const mqw_connect *in = body;
    write_version(&w, in);
    if (MQW__RARE(in->unsupported))
        return w.at; /* nothing else of it is determinate */
    write_flags(&w, in);
    mqw__write_u16(&w, in->keep_alive);
    mqw__write_properties(&w, MQW_IN_CONNECT, &in->props);
    judge_auth_data(w.check, &in->props, NULL);
    write_client_id(&w, in);
    if (in->has_will)
        write_will(&w, &in->will);
    if (in->has_username)
        mqw__write_text(&w, in->username, MQW__F(username));
    if (in->has_password)
        mqw__write_blob(&w, in->password.data, in->password.len, MQW__F(password));
    return w.at;
}

/* ---- CONNACK ---- */

/* A server that speaks 3.x only says so in its own form, return code 1 without properties. */
static bool is_refusal_of_3(const mqw__reader *r)
{
    return r->check->version == MQW_5_0 && r->check->codec->sender != MQW_CLIENT && r->end - r->at == 2 &&
           r->at[0] == 0 && r->at[1] == 1;
}

void mqw__connack_read(mqw__check *check, const uint8_t *at, mqw_packet *packet)
{
    mqw__reader r = mqw__reader_at(check, at);
    mqw_connack *out = &packet->connack;
    if (MQW__RARE(is_refusal_of_3(&r))) {
        out->session_present = false;
        out->reason = MQW_REASON_UNSUPPORTED_VERSION;
        out->props.has = 0;
        return;
    }
    const uint8_t *mark = r.at;
    uint8_t flags = mqw__read_u8(&r, MQW__F(flags));
    out->session_present = (flags & 1) != 0 && r.check->version != MQW_3_1;
    if (MQW__RARE(flags > 1))
        mqw__reader_break(&r, MQW_RULE_CONNACK_FLAGS, mark, MQW__F(flags));
    out->reason = mqw__read_reason(&r);
    if (MQW__RARE(out->session_present && out->reason))
        mqw__reader_break(&r, MQW_RULE_SESSION_PRESENT, mark, MQW__F(session_present));
    mark = r.at;
    mqw__read_properties(&r, MQW_IN_CONNACK, &out->props);
    judge_auth_data(r.check, &out->props, mark);
    mqw__reader_end(&r);
}

size_t mqw__connack_write(mqw__check *check, size_t at, const void *body)
{
    mqw__writer w = mqw__writer_at(check, at);
    const mqw_connack *in = body;
    if (MQW__RARE(in->session_present && w.check->version == MQW_3_1))
        mqw__refuse(w.check, MQW_RULE_NOT_IN_VERSION, NULL, MQW__F(session_present));
    if (MQW__RARE(in->session_present && in->reason))
        mqw__break(w.check, MQW_RULE_SESSION_PRESENT, NULL, MQW__F(session_present));
    mqw__write_u8(&w, in->session_present);
    mqw__write_reason(&w, in->reason);
    mqw__write_properties(&w, MQW_IN_CONNACK, &in->props);
    judge_auth_data(w.check, &in->props, NULL);
    return w.at;
}
