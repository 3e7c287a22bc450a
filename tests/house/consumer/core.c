// SPDX-License-Identifier: MIT
// A user of libmqwire: compiled and run against an installed tree.

#include <mqwire/codec.h>
#include <stdio.h>

int main(void)
{
    static const uint8_t ping[] = {0xC0, 0x00};
    mqw_packet packet;
    if (mqw_decode(&(mqw_codec){0}, (mqw_bytes){ping, sizeof ping}, &packet, NULL) != (int)sizeof ping)
        return 1;
    puts(mqw_packet_name((int)packet.type));
    return 0;
}
