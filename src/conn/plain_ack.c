// SPDX-License-Identifier: MIT
// The commonest acknowledgements, by the short way: no reason, no properties, room for them.
#include "conn/sending.h"

enum { SIZE = 4, PUBREL_FLAGS = 2 };

/* One that says nothing but the packet identifier, at a time when it may be said. */
static bool is_plain(const mqw_conn *conn, int type, const mqw_ack *ack)
{
    if (!mqw__conn_is_plain(conn) || conn->role == MQW_ANY || !ack->packet_id)
        return false;
    if (ack->reason || ack->dup || ack->props.has)
        return false;
    bool may_be_early = (conn->flags & MQW__STREAM_IN) && (type == MQW_PUBACK || type == MQW_PUBREC);
    return !may_be_early && conn->theirs.max_packet >= SIZE;
}

bool mqw__ack_behind(mqw_conn *conn, int type, const mqw_ack *ack)
{
    if (!is_plain(conn, type, ack))
        return false;
    uint64_t total = mqw_conn_waiting(conn) + SIZE;
    if (total > conn->config->options.max_output)
        return false;
    uint8_t *at = mqw__conn_room_behind(conn, SIZE);
    if (!at)
        return false;
    at[0] = (uint8_t)(type << 4 | (type == MQW_PUBREL ? PUBREL_FLAGS : 0));
    at[1] = 2;
    at[2] = (uint8_t)(ack->packet_id >> 8);
    at[3] = (uint8_t)ack->packet_id;
    bool ends = type == MQW_PUBACK || type == MQW_PUBCOMP;
    if (ends && conn->version == MQW_5_0 && conn->ours.in_flight > 0)
        conn->ours.in_flight--;
    mqw__conn_took_behind(conn, SIZE, total);
    return true;
}
