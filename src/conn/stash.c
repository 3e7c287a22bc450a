// SPDX-License-Identifier: MIT
// The stash, in which a packet that was cut is put together. It grows with what has arrived, not with what
// was declared.
#include "conn/inside.h"

#include <string.h>

enum { STASH_FIRST = 256, ROOM_FIRST = 32 << 10, ROOM_WORTH = 16 << 10, TAKE_WORTH = 4 << 10 };

void mqw__stash_clear(mqw_conn *conn)
{
    mqw__config_let_go(conn->config, conn->stash_cap);
    mqw__free(&conn->config->allocator, conn->stash, conn->stash_cap);
    conn->stash = NULL;
    conn->stash_len = conn->stash_cap = 0;
}

static int stash_resize(mqw_conn *conn, uint32_t cap)
{
    if (!mqw__config_hold(conn->config, cap - conn->stash_cap))
        return mqw__conn_fault_by_rule(conn, MQW_RULE_MEMORY_FULL, MQW_E_NO_MEMORY);
    uint8_t *stash = mqw__resize(&conn->config->allocator, conn->stash, conn->stash_cap, cap);
    if (!stash) {
        mqw__config_let_go(conn->config, cap - conn->stash_cap);
        return mqw__conn_fault_by_rule(conn, MQW_RULE_MEMORY_FULL, MQW_E_NO_MEMORY);
    }
    conn->stash = stash;
    conn->stash_cap = cap;
    return 0;
}

/* Room for `len` bytes of a packet of `total`: doubled each time, so that any chunking costs linear time. */
static int stash_fit(mqw_conn *conn, uint32_t len, uint32_t total)
{
    if (len <= conn->stash_cap)
        return 0;
    uint32_t cap = conn->stash_cap ? conn->stash_cap : STASH_FIRST;
    while (cap < len)
        cap *= 2;
    return stash_resize(conn, cap > total && total >= len ? total : cap);
}

int mqw__stash_up_to(mqw_conn *conn, mqw_bytes *in, uint32_t want, uint32_t total)
{
    if (conn->stash_len >= want)
        return 1;
    uint32_t len = want - conn->stash_len;
    if (len > in->len)
        len = (uint32_t)in->len;
    if (len == 0)
        return 0;
    int rc = stash_fit(conn, conn->stash_len + len, total);
    if (rc < 0)
        return rc;
    memcpy(conn->stash + conn->stash_len, in->data, len);
    conn->stash_len += len;
    conn->bytes_received += len;
    conn->partial += len;
    in->data += len;
    in->len -= len;
    return conn->stash_len == want;
}

/* ---- reading straight into the stash ---- */

/* Where the room for the packet in the stash ends: what comes behind it belongs to the next one. */
static uint32_t room_end(const mqw_conn *conn)
{
    mqw__header header = mqw__header_at((mqw_bytes){conn->stash, conn->stash_len});
    uint32_t total = header.size + header.length;
    uint32_t end = total < conn->stash_cap ? total : conn->stash_cap;
    return end > conn->stash_len ? end : conn->stash_len;
}

int mqw_conn_room(mqw_conn *conn, uint8_t **at)
{
    mqw__header header = mqw__header_at((mqw_bytes){conn->stash, conn->stash_len});
    uint32_t total = header.size + header.length, head;
    if ((conn->flags & MQW__RECV_SLOW) || total < conn->stash_len + ROOM_WORTH ||
        mqw__input_wanted(conn, &header, &head) != total)
        return 0;
    if (room_end(conn) - conn->stash_len < ROOM_WORTH) {
        uint32_t cap = conn->stash_cap * 2 > ROOM_FIRST ? conn->stash_cap * 2 : ROOM_FIRST;
        int rc = stash_resize(conn, cap < total ? cap : total);
        if (rc < 0)
            return rc;
    }
    *at = conn->stash + conn->stash_len;
    return (int)(room_end(conn) - conn->stash_len);
}

int mqw_conn_filled(mqw_conn *conn, size_t len)
{
    if (len > room_end(conn) - conn->stash_len)
        return mqw__conn_refuse(conn, MQW_E_MISUSE, MQW_RULE_FIELD_RANGE, 0, "len");
    conn->stash_len += (uint32_t)len;
    conn->bytes_received += len;
    conn->partial += (uint32_t)len;
    return 0;
}

uint8_t *mqw_conn_take(mqw_conn *conn, size_t *size)
{
    if (!(conn->flags & MQW__IN_STASH) || (conn->flags & MQW__STREAM_IN) || conn->stash_len < TAKE_WORTH)
        return NULL;
    uint8_t *block = conn->stash;
    *size = conn->stash_cap;
    mqw__config_let_go(conn->config, conn->stash_cap);
    conn->stash = NULL;
    conn->stash_len = conn->stash_cap = 0;
    conn->flags &= (uint16_t)~MQW__IN_STASH;
    return block;
}

mqw_bytes mqw_conn_pending(const mqw_conn *conn)
{
    bool given = (conn->flags & MQW__IN_STASH) != 0;
    return (mqw_bytes){conn->stash, given ? 0 : conn->stash_len};
}
