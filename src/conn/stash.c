// SPDX-License-Identifier: MIT
// The stash, in which a packet that was cut is put together. It grows with what has arrived, not with what
// was declared.
#include "conn/inside.h"

#include <string.h>

enum { STASH_FIRST = 256, ROOM_FIRST = 32 << 10, ROOM_WORTH = 16 << 10, TAKE_WORTH = 4 << 10 };

/* Of a stash with that capacity, the packet's room and what stands before it. */
static size_t size_of(uint32_t cap)
{
    return cap ? sizeof(mqw__stash) + cap : 0;
}

static uint32_t cap_of(const mqw_conn *conn)
{
    return conn->stash ? conn->stash->cap : 0;
}

void mqw__stash_clear(mqw_conn *conn)
{
    uint32_t cap = cap_of(conn);
    mqw__config_let_go(conn->config, cap);
    mqw__free(&conn->config->allocator, conn->stash, size_of(cap));
    conn->stash = NULL;
}

static int stash_resize(mqw_conn *conn, uint32_t cap)
{
    uint32_t old = cap_of(conn), len = mqw__stash_len(conn);
    if (!mqw__config_hold(conn->config, cap - old))
        return mqw__conn_fault_by_rule(conn, MQW_RULE_MEMORY_FULL, MQW_E_NO_MEMORY);
    mqw__stash *stash = mqw__resize(&conn->config->allocator, conn->stash, size_of(old), size_of(cap));
    if (!stash) {
        mqw__config_let_go(conn->config, cap - old);
        return mqw__conn_fault_by_rule(conn, MQW_RULE_MEMORY_FULL, MQW_E_NO_MEMORY);
    }
    stash->len = len;
    stash->cap = cap;
    conn->stash = stash;
    return 0;
}

/* Room for `len` bytes of a packet of `total`: doubled each time, so that any chunking costs linear time. */
static int stash_fit(mqw_conn *conn, uint32_t len, uint32_t total)
{
    uint32_t cap = cap_of(conn);
    if (len <= cap)
        return 0;
    if (!cap)
        cap = STASH_FIRST;
    while (cap < len)
        cap *= 2;
    return stash_resize(conn, cap > total && total >= len ? total : cap);
}

int mqw__stash_up_to(mqw_conn *conn, mqw_bytes *in, uint32_t want, uint32_t total)
{
    uint32_t there = mqw__stash_len(conn);
    if (there >= want)
        return 1;
    uint32_t len = want - there;
    if (len > in->len)
        len = (uint32_t)in->len;
    if (len == 0)
        return 0;
    int rc = stash_fit(conn, there + len, total);
    if (rc < 0)
        return rc;
    memcpy(conn->stash->data + there, in->data, len);
    conn->stash->len += len;
    conn->bytes_received += len;
    conn->partial += len;
    in->data += len;
    in->len -= len;
    return conn->stash->len == want;
}

/* ---- reading straight into the stash ---- */

/* Where the room for the packet in the stash ends: what comes behind it belongs to the next one. */
static uint32_t room_end(const mqw_conn *conn)
{
    mqw__header header = mqw__header_at(mqw__stash_bytes(conn));
    uint32_t total = header.size + header.length;
    uint32_t end = total < cap_of(conn) ? total : cap_of(conn);
    return end > mqw__stash_len(conn) ? end : mqw__stash_len(conn);
}

int mqw_conn_room(mqw_conn *conn, uint8_t **at)
{
    mqw__header header = mqw__header_at(mqw__stash_bytes(conn));
    uint32_t total = header.size + header.length, head, len = mqw__stash_len(conn);
    if ((conn->flags & MQW__RECV_SLOW) || total < len + ROOM_WORTH ||
        mqw__input_wanted(conn, &header, &head) != total)
        return 0;
    if (room_end(conn) - len < ROOM_WORTH) {
        uint32_t cap = cap_of(conn) * 2 > ROOM_FIRST ? cap_of(conn) * 2 : ROOM_FIRST;
        int rc = stash_resize(conn, cap < total ? cap : total);
        if (rc < 0)
            return rc;
    }
    *at = conn->stash->data + len;
    return (int)(room_end(conn) - len);
}

int mqw_conn_filled(mqw_conn *conn, size_t len)
{
    if (len > room_end(conn) - mqw__stash_len(conn))
        return mqw__conn_refuse(conn, MQW_E_MISUSE, MQW_RULE_FIELD_RANGE, 0, "len");
    if (conn->stash)
        conn->stash->len += (uint32_t)len;
    conn->bytes_received += len;
    conn->partial += (uint32_t)len;
    return 0;
}

uint8_t *mqw_conn_take(mqw_conn *conn, size_t *size)
{
    bool given = (conn->flags & MQW__IN_STASH) && !(conn->flags & MQW__STREAM_IN);
    if (!given || mqw__stash_len(conn) < TAKE_WORTH)
        return NULL;
    mqw__stash *block = conn->stash;
    *size = size_of(block->cap);
    mqw__config_let_go(conn->config, block->cap);
    conn->stash = NULL;
    conn->flags &= (uint16_t)~MQW__IN_STASH;
    return (uint8_t *)block;
}

mqw_bytes mqw_conn_pending(const mqw_conn *conn)
{
    mqw_bytes bytes = mqw__stash_bytes(conn);
    if (conn->flags & MQW__IN_STASH)
        bytes.len = 0;
    return bytes;
}
