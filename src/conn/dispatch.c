// SPDX-License-Identifier: MIT
// Push on top of pull: a loop over recv that calls the handlers.
#include "conn/inside.h"

enum { DEPTH_MAX = 127 }; /* handlers that dispatch, whose handlers dispatch … */

/* Where the handler of each packet type stands. */
static const uint16_t handler_at[16] = {
#define X(id, NAME, name, ...) [id] = offsetof(mqw_handlers, name),
    MQW_PACKETS(X)
#undef X
        [MQW_PIECE] = offsetof(mqw_handlers, payload),
};

/* Who listens: the handlers that were given, or those that the connection has at the moment. */
typedef struct mqw__audience {
    const mqw_handlers *given;
    void *ctx;
} mqw__audience;

static const mqw_handlers *listeners(const mqw_conn *conn, const mqw__audience *audience, void **ctx)
{
    *ctx = audience->given ? audience->ctx : conn->ctx;
    return audience->given ? audience->given : conn->handlers;
}

static bool over(const mqw_conn *conn)
{
    return (conn->flags & (MQW__SHUT | MQW__FREED)) != 0;
}

static void tell_error(mqw_conn *conn, const mqw__audience *audience, const mqw_error *error)
{
    void *ctx;
    const mqw_handlers *handlers = listeners(conn, audience, &ctx);
    if (handlers->error)
        handlers->error(conn, error, ctx);
}

static void tell_misuse(mqw_conn *conn, const mqw__audience *audience)
{
    if ((conn->flags & (MQW__MISUSED | MQW__FREED)) != MQW__MISUSED)
        return;
    void *ctx;
    if (conn->link && !listeners(conn, audience, &ctx)->error)
        return; /* mqw_conn_misused: nobody but its link hears of it */
    mqw_error error;
    mqw__blame_explain(conn->extra->misuse, &error);
    error.field = conn->extra->misuse_field;
    conn->flags &= (uint16_t)~MQW__MISUSED;
    tell_error(conn, audience, &error);
}

static void tell_drain(mqw_conn *conn, const mqw__audience *audience)
{
    if (!(conn->flags & MQW__DRAINED) || over(conn))
        return;
    void *ctx;
    const mqw_handlers *handlers = listeners(conn, audience, &ctx);
    conn->flags &= (uint16_t)~MQW__DRAINED;
    if (handlers->drain)
        handlers->drain(conn, ctx);
}

static void tell_violations(mqw_conn *conn, const mqw__audience *audience, const mqw_packet *packet)
{
    for (int rule = 1; rule < MQW_RULE_COUNT && !over(conn); rule++) {
        if (!mqw_rule_in(&packet->violations, (mqw_rule)rule))
            continue;
        mqw_codec codec = {conn->version, 0, NULL};
        mqw_error error;
        (void)mqw__fault(&error, &codec, (mqw_rule)rule, (uint8_t)packet->type, conn->bytes_received, NULL);
        void *ctx;
        const mqw_handlers *handlers = listeners(conn, audience, &ctx);
        if (handlers->violation)
            handlers->violation(conn, packet, &error, ctx);
    }
}

static void tell_packet(mqw_conn *conn, const mqw__audience *audience, const mqw_packet *packet)
{
    if (packet->violations.bits[0] | packet->violations.bits[1])
        tell_violations(conn, audience, packet);
    void *ctx;
    const mqw_handlers *handlers = listeners(conn, audience, &ctx);
    if (packet->type != MQW_PIECE && handlers->packet && !over(conn))
        handlers->packet(conn, packet, ctx);
    if (over(conn))
        return;
    handlers = listeners(conn, audience, &ctx);
    mqw_packet_handler *handler =
        *(mqw_packet_handler *const *)(const void *)((const char *)handlers + handler_at[packet->type]);
    if (handler)
        handler(conn, packet, ctx);
}

static void tell_fault(mqw_conn *conn, const mqw__audience *audience)
{
    mqw_error error;
    if ((conn->flags & MQW__FAULT_TOLD) || over(conn) || !mqw_conn_error(conn, &error))
        return;
    conn->flags |= MQW__FAULT_TOLD;
    tell_error(conn, audience, &error);
}

bool mqw_conn_misused(const mqw_conn *conn)
{
    return (conn->flags & (MQW__MISUSED | MQW__FREED)) == MQW__MISUSED && !conn->handlers->error;
}

int mqw_conn_dispatch(mqw_conn *conn, mqw_bytes *in, const mqw_handlers *handlers, void *ctx)
{
    const mqw__audience audience = {handlers, ctx};
    mqw_packet packet;
    if (conn->depth == DEPTH_MAX)
        return mqw__conn_refuse(conn, MQW_E_MISUSE, MQW_RULE_FIELD_RANGE, 0, "handlers");
    conn->depth++;
    tell_misuse(conn, &audience);
    tell_drain(conn, &audience);
    int rc = 0;
    while (!over(conn) && (rc = mqw_conn_recv(conn, in, &packet)) > 0) {
        tell_packet(conn, &audience, &packet);
        tell_misuse(conn, &audience);
    }
    if (rc < 0)
        tell_fault(conn, &audience);
    tell_misuse(conn, &audience);
    if (--conn->depth == 0 && (conn->flags & MQW__FREED) && !conn->link)
        mqw__conn_destroy(conn);
    return rc < 0 ? rc : 0;
}
