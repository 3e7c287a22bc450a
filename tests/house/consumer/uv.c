// SPDX-License-Identifier: MIT
// A user of libmqwire-uv: compiled and run against an installed tree.

#include <mqwire/transport.h>
#include <stdio.h>

int main(void)
{
    mqw_stream *ends[2];
    if (mqw_stream_pair(ends, uv_default_loop()) != 0)
        return 1;
    mqw_stream_close(ends[0]);
    mqw_stream_close(ends[1]);
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    puts(mqw_packet_name(MQW_PINGREQ));
    return uv_loop_close(uv_default_loop()) == 0 ? 0 : 1;
}
