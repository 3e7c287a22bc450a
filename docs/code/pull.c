// SPDX-License-Identifier: MIT
// Bytes in, packets out; packets in, bytes out. Nobody calls anybody back.
#include <string.h>

#include "ends.h"

// Answers the packets that `in` holds. 0: all of it was taken; negative: the peer's fault.
static int take(mqw_conn *conn, mqw_bytes in)
{
    mqw_packet packet;
    int result;
    while ((result = mqw_conn_recv(conn, &in, &packet)) > 0) {
        if (packet.type == MQW_CONNECT)
            mqw_conn_connack(conn, &(mqw_connack){.reason = MQW_REASON_SUCCESS});
        else if (packet.type == MQW_PINGREQ)
            mqw_conn_pingresp(conn);
        else if (packet.type == MQW_PUBLISH)
            printf("%zu bytes for %.*s\n", packet.publish.payload.len, (int)packet.publish.topic.len,
                   packet.publish.topic.data);
    }
    return result;
}

// Moves what waits to be written to `room`, as far as it fits. Returns how much that is.
static size_t give(mqw_conn *conn, uint8_t *room, size_t cap)
{
    size_t total = 0;
    for (mqw_bytes view; total < cap && mqw_conn_output(conn, &view, 1) > 0;) {
        size_t len = view.len < cap - total ? view.len : cap - total;
        memcpy(room + total, view.data, len);
        mqw_conn_written(conn, len);
        total += len;
    }
    return total;
}

int main(void)
{
    static const uint8_t connect[] = {0x10, 0x0D, 0,   4,    'M', 'Q', 'T', 'T', 4,   2,   0,  0,
                                      0,    1,    'a', 0x30, 6,   0,   1,   't', 'h', 'i', '!'};
    mqw_conn *conn = mqw_conn_new(MQW_SERVER, NULL);
    uint8_t room[16];
    CHECK(conn);
    CHECK(take(conn, (mqw_bytes){connect, 5}) == 0); // cut anywhere
    CHECK(take(conn, (mqw_bytes){connect + 5, sizeof connect - 5}) == 0);
    CHECK(give(conn, room, sizeof room) == 4);
    CHECK(memcmp(room, "\x20\x02\x00\x00", 4) == 0);
    mqw_conn_free(conn);
    return 0;
}
