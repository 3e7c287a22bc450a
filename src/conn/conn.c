// SPDX-License-Identifier: MIT
// The life of a connection, its facts and knobs, and how it ends by the peer's fault.
#include "conn/inside.h"

#include <string.h>

#include "conn/output.h"
#include "conn/rules.h"

/* Of one connection that waits: a broker has many of them. */
_Static_assert(sizeof(void *) > 8 || sizeof(mqw_conn) <= 184, "an idle connection stays small");

mqw_conn *mqw_conn_new_shared(mqw_role role, mqw_config *config)
{
    if (!config || role > MQW_SERVER)
        return NULL;
    mqw_conn *conn = mqw__alloc(&config->allocator, sizeof *conn);
    if (!conn)
        return NULL;
    memset(conn, 0, sizeof *conn);
    conn->config = mqw_config_keep(config);
    conn->handlers = &config->handlers;
    conn->ctx = config->options.handlers_ctx;
    conn->role = (uint8_t)role;
    conn->version = config->options.version;
    conn->ours = conn->theirs = (mqw__side){.max_packet = MQW_PACKET_MAX, .receive_maximum = UINT16_MAX};
    const mqw_conn_options *o = &config->options;
    conn->ours.max_packet = role == MQW_SERVER ? o->max_first_packet : o->max_packet_size;
    return conn;
}

mqw_conn *mqw_conn_new(mqw_role role, const mqw_conn_options *options)
{
    mqw_config *config = mqw_config_new(options);
    mqw_conn *conn = mqw_conn_new_shared(role, config);
    mqw_config_free(config);
    return conn;
}

void mqw__text_free(mqw_config *config, mqw__extra *extra)
{
    mqw__free(&config->allocator, extra->text, extra->text_cap);
    mqw__config_let_go(config, extra->text_cap);
    extra->text = NULL;
    extra->text_cap = 0;
}

static void extra_free(mqw_config *config, mqw__extra *extra)
{
    if (!extra)
        return;
    mqw__aliases_free(config, &extra->alias_in);
    mqw__aliases_free(config, &extra->alias_out);
    mqw__auth_method_free(config, extra);
    mqw__text_free(config, extra);
    mqw__chunks_free(config, extra->later.first);
    mqw__free(&config->allocator, extra, sizeof *extra);
}

static void drop_handlers(mqw_conn *conn)
{
    if (conn->flags & MQW__OWN_HANDLERS)
        // NOLINTNEXTLINE(performance-no-int-to-ptr): the only way to shed const without a warning
        mqw__free(&conn->config->allocator, (void *)(uintptr_t)conn->handlers, sizeof *conn->handlers);
    conn->flags &= (uint16_t)~MQW__OWN_HANDLERS;
}

void mqw__conn_destroy(mqw_conn *conn)
{
    mqw_config *config = conn->config;
    mqw__chunk *output = conn->output.first;
    conn->output = (mqw__queue){0};
    conn->flags |= MQW__SHUT; /* who lets shared bytes go may want to send the next ones */
    mqw__chunks_free(config, output);
    drop_handlers(conn);
    mqw__stash_clear(conn);
    extra_free(config, conn->extra);
    mqw__free(&config->allocator, conn, sizeof *conn);
    mqw_config_free(config);
}

void mqw_conn_free(mqw_conn *conn)
{
    if (!conn)
        return;
    if (!conn->depth && !conn->link) {
        mqw__conn_destroy(conn);
        return;
    }
    conn->flags |= MQW__FREED | MQW__SHUT;
    mqw_conn_handle_shared(conn, NULL, NULL);
    if (conn->on_output)
        conn->on_output(conn, conn->link);
}

bool mqw_conn_freed(const mqw_conn *conn)
{
    return (conn->flags & MQW__FREED) != 0;
}

int mqw_conn_handle(mqw_conn *conn, const mqw_handlers *handlers, void *ctx)
{
    mqw_handlers *copy = mqw__alloc(&conn->config->allocator, sizeof *copy);
    if (!copy)
        return MQW_E_NO_MEMORY;
    mqw__handlers_copy(copy, handlers);
    mqw_conn_handle_shared(conn, copy, ctx);
    conn->flags |= MQW__OWN_HANDLERS;
    return 0;
}

void mqw_conn_handle_shared(mqw_conn *conn, const mqw_handlers *handlers, void *ctx)
{
    static const mqw_handlers nobody;
    drop_handlers(conn);
    conn->handlers = handlers ? handlers : &nobody;
    conn->ctx = ctx;
}

mqw__extra *mqw__conn_extra(mqw_conn *conn)
{
    if (!conn->extra) {
        conn->extra = mqw__alloc(&conn->config->allocator, sizeof *conn->extra);
        if (conn->extra)
            memset(conn->extra, 0, sizeof *conn->extra);
    }
    return conn->extra;
}

/* ---- the peer's fault ---- */

/* Before 5.0 only one fault has an answer: an identifier that is refused (MQTT-3.1.3-8). */
static void answer_3(mqw_conn *conn, const mqw_error *error)
{
    mqw_connack refusal = {.reason = 2};
    if (conn->role == MQW_SERVER && error->type == MQW_CONNECT &&
        error->reason == MQW_REASON_CLIENT_ID_NOT_VALID)
        (void)mqw__conn_reply(conn, MQW_CONNACK, &refusal);
}

/* 5.0: CONNACK while the client waits for it, DISCONNECT from then on (MQTT-3.14.0-1). */
static void answer_5(mqw_conn *conn, const mqw_error *error)
{
    bool server = conn->role == MQW_SERVER;
    bool waits = conn->state == MQW_STATE_CONNECTING || conn->state == MQW_STATE_AUTHENTICATING;
    bool in_connect = conn->state == MQW_STATE_NEW && error->type == MQW_CONNECT;
    if (server && (waits || in_connect)) {
        uint8_t reason = mqw__reason_or(MQW_CONNACK, MQW_SERVER, error->reason, MQW_REASON_PROTOCOL_ERROR);
        mqw_connack refusal = {.reason = reason};
        (void)mqw__conn_reply(conn, MQW_CONNACK, &refusal);
    } else if (conn->state == MQW_STATE_OPEN || (!server && waits)) {
        uint8_t reason = mqw__reason_or(MQW_DISCONNECT, conn->role, error->reason, MQW_REASON_PROTOCOL_ERROR);
        mqw_disconnect farewell = {.reason = reason};
        (void)mqw__conn_reply(conn, MQW_DISCONNECT, &farewell);
    }
}

int mqw__conn_fault(mqw_conn *conn, const mqw_error *error)
{
    if (conn->flags & MQW__FAULTED)
        return conn->blame.code;
    conn->flags |= MQW__FAULTED;
    bool hears = error->code != MQW_E_END && error->code != MQW_E_STREAM && conn->role != MQW_ANY &&
                 !(conn->flags & (MQW__STREAM_OUT | MQW__DEAF | MQW__PEER_ENDED));
    if (error->type == MQW_CONNECT && conn->state == MQW_STATE_NEW)
        conn->version = error->version;
    if (hears && conn->version == MQW_5_0)
        answer_5(conn, error);
    else if (hears)
        answer_3(conn, error);
    conn->blame = (mqw__blame){(int8_t)error->code, error->rule, error->reason, error->type & 15u,
                               error->version & 15u};
    mqw__extra *extra = mqw__conn_extra(conn);
    if (extra) {
        extra->fault_offset = error->offset;
        extra->fault_field = error->field;
    }
    conn->state = MQW_STATE_ENDED;
    conn->flags &= (uint16_t) ~(MQW__STREAM_IN | MQW__ACK_DUE);
    if (!(conn->flags & MQW__IN_STASH)) /* else the program may be looking at the packet in it */
        mqw__stash_clear(conn);
    if (conn->on_output)
        conn->on_output(conn, conn->link);
    return error->code;
}

int mqw__conn_fault_in(mqw_conn *conn, mqw_rule rule, int code, unsigned type, uint64_t offset,
                       const char *field)
{
    mqw_codec codec = {conn->version, 0, NULL};
    mqw_error why;
    (void)mqw__fault(&why, &codec, rule, (uint8_t)type, offset, field);
    if (code)
        why.code = code;
    return mqw__conn_fault(conn, &why);
}

int mqw__conn_fault_by_rule(mqw_conn *conn, mqw_rule rule, int code)
{
    return mqw__conn_fault_in(conn, rule, code, 0, conn->bytes_received, NULL);
}

void mqw_conn_fail(mqw_conn *conn, int code, mqw_rule rule)
{
    if (code == MQW_E_NO_MEMORY && !rule)
        rule = MQW_RULE_MEMORY_FULL;
    (void)mqw__conn_fault_by_rule(conn, rule, code);
}

void mqw__blame_explain(mqw__blame blame, mqw_error *out)
{
    *out = (mqw_error){.code = blame.code,
                       .reason = blame.reason,
                       .type = blame.type,
                       .rule = blame.rule,
                       .version = blame.version};
}

const mqw_error *mqw_conn_error(const mqw_conn *conn, mqw_error *out)
{
    if (!(conn->flags & MQW__FAULTED))
        return NULL;
    mqw__blame_explain(conn->blame, out);
    out->by_peer = conn->blame.code != MQW_E_STREAM;
    if (conn->extra) {
        out->offset = conn->extra->fault_offset;
        out->field = conn->extra->fault_field;
    }
    return out;
}

const mqw_error *mqw_conn_refusal(const mqw_conn *conn, mqw_error *out)
{
    if ((conn->flags & MQW__FAULTED) || !conn->blame.code)
        return NULL;
    mqw__blame_explain(conn->blame, out);
    if (conn->extra)
        out->field = conn->extra->refusal_field;
    return out;
}

/* ---- facts and knobs ---- */

mqw_state mqw_conn_state(const mqw_conn *conn)
{
    return (mqw_state)conn->state;
}

bool mqw_conn_peer_ended(const mqw_conn *conn)
{
    return (conn->flags & MQW__PEER_ENDED) != 0;
}

mqw_role mqw_conn_role(const mqw_conn *conn)
{
    return (mqw_role)conn->role;
}

uint8_t mqw_conn_version(const mqw_conn *conn)
{
    return conn->version;
}

int mqw_conn_set_version(mqw_conn *conn, uint8_t version)
{
    if (version < MQW_3_1 || version > MQW_5_0 || (conn->state != MQW_STATE_NEW && conn->role != MQW_ANY))
        return mqw__conn_refuse(conn, MQW_E_MISUSE, MQW_RULE_FIELD_RANGE, 0, "version");
    conn->version = version;
    return 0;
}

void mqw_conn_counters(const mqw_conn *conn, mqw_counters *out)
{
    const mqw__extra *extra = conn->extra;
    uint32_t bytes = conn->output.bytes + (extra ? extra->later.bytes : 0);
    uint32_t packets = conn->output.packets + (extra ? extra->later.packets : 0);
    *out = (mqw_counters){conn->bytes_received, conn->packets_received,     conn->bytes_queued,
                          conn->packets_queued, conn->bytes_queued - bytes, conn->packets_queued - packets};
}

void mqw_conn_shut(mqw_conn *conn)
{
    conn->flags |= MQW__SHUT;
}

void mqw_conn_pause(mqw_conn *conn)
{
    conn->flags |= MQW__PAUSED;
}

void mqw_conn_resume(mqw_conn *conn)
{
    bool paused = (conn->flags & MQW__PAUSED) != 0;
    conn->flags &= (uint16_t)~MQW__PAUSED;
    if (conn->on_output)
        conn->on_output(conn, conn->link);
    if (paused) /* the peer's silence begins now */
        conn->last_received = conn->pinged = (uint32_t)conn->now;
}

bool mqw_conn_paused(const mqw_conn *conn)
{
    return (conn->flags & MQW__PAUSED) != 0;
}

void mqw_conn_set_user(mqw_conn *conn, void *user)
{
    conn->user = user;
}

void *mqw_conn_user(const mqw_conn *conn)
{
    return conn->user;
}

mqw_config *mqw_conn_config(const mqw_conn *conn)
{
    return conn->config;
}

void mqw_conn_set_link(mqw_conn *conn, void *link, void (*on_output)(mqw_conn *conn, void *link))
{
    conn->link = link;
    conn->on_output = on_output;
}

void *mqw_conn_link(const mqw_conn *conn)
{
    return conn->link;
}

const mqw_handlers *mqw_conn_handlers(const mqw_conn *conn, void **ctx)
{
    *ctx = conn->ctx;
    return conn->handlers;
}
