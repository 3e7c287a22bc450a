// SPDX-License-Identifier: MIT
// The codec alone: no connection, no allocation, no state.
#include <string.h>

#include "ends.h"

// Counts the packets of a capture of one direction. The version is learned from its CONNECT.
static int count_packets(mqw_bytes capture)
{
    mqw_codec codec = {.version = MQW_3_1_1, .sender = MQW_CLIENT};
    mqw_packet packet;
    mqw_error why;
    int size, count = 0;
    for (; (size = mqw_decode(&codec, capture, &packet, &why)) > 0; count++) {
        if (packet.type == MQW_CONNECT && !packet.connect.unsupported)
            codec.version = packet.connect.version;
        capture.data += size;
        capture.len -= (size_t)size;
    }
    if (size < 0)
        fprintf(stderr, "%s at byte %d of packet %d\n", mqw_error_text(&why), (int)why.offset, count + 1);
    return size < 0 ? size : count;
}

// Writes a packet behind others. 0: there is no room for it.
static size_t append(uint8_t *room, size_t cap, size_t used, const mqw_packet *packet)
{
    mqw_codec codec = {.version = MQW_3_1_1, .sender = MQW_CLIENT};
    mqw_error why;
    int len = mqw_encode(&codec, packet, room + used, cap - used, &why);
    if (len == MQW_E_NO_ROOM)
        fprintf(stderr, "needs %d bytes\n", (int)why.offset);
    return len < 0 ? 0 : used + (size_t)len;
}

int main(void)
{
    uint8_t room[64];
    mqw_packet connect = {.type = MQW_CONNECT};
    mqw_packet publish = {.type = MQW_PUBLISH, .publish = {.topic = MQW_TEXT("t")}};
    connect.connect.client_id = MQW_TEXT("me");
    size_t used = append(room, sizeof room, 0, &connect);
    CHECK(used > 0 && (used = append(room, sizeof room, used, &publish)) > 0);
    CHECK(count_packets((mqw_bytes){room, used}) == 2);
    CHECK(append(room, used + 1, used, &publish) == 0);
    CHECK(mqw_topic_matches(MQW_TEXT("sport/+/score/#"), MQW_TEXT("sport/tennis/score")));
    CHECK(mqw_filter_check(MQW_TEXT("sport#"), MQW_5_0) == MQW_RULE_FILTER_HASH);
    return 0;
}
