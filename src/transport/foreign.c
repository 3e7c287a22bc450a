// SPDX-License-Identifier: MIT
// HTTP and TLS on a stream for plain MQTT. To the codec they would be nothing but malformed packets.
#include "foreign.h"

#include <string.h>

static const struct {
    const char *opening;
    uint8_t len;
    mqw_role ours;
    const char *words;
} openings[] = {
    {"GET ", 4, MQW_SERVER, "peer speaks HTTP; this port is for plain MQTT, WebSocket needs a ws listener"},
    {"POST ", 5, MQW_SERVER, "peer speaks HTTP; this port is for plain MQTT"},
    {"HEAD ", 5, MQW_SERVER, "peer speaks HTTP; this port is for plain MQTT"},
    {"OPTIONS ", 8, MQW_SERVER, "peer speaks HTTP; this port is for plain MQTT"},
    {"CONNECT ", 8, MQW_SERVER, "peer speaks HTTP; this port is for plain MQTT"},
    {"PRI * HTTP/2", 12, MQW_SERVER, "peer speaks HTTP; this port is for plain MQTT"},
    {"PROXY ", 6, MQW_SERVER, "peer sent a PROXY header; the listener does not expect one (proxy_protocol)"},
    {"\r\n\r\n\0\r\nQUIT\n", 12, MQW_SERVER,
     "peer sent a PROXY header; the listener does not expect one (proxy_protocol)"},
    {"\x16\x03", 2, MQW_SERVER, "peer speaks TLS; this port is for plain MQTT, TLS needs a mqtts listener"},
    {"\x15\x03", 2, MQW_CLIENT, "peer speaks TLS; use mqtts://"},
    {"HTTP/1.", 7, MQW_CLIENT, "peer speaks HTTP; perhaps it serves WebSocket: use ws://, or wss:// for TLS"},
};

const char *mqw__foreign(mqw_role ours, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < sizeof openings / sizeof openings[0]; i++)
        if (openings[i].ours == ours && len >= openings[i].len &&
            memcmp(bytes, openings[i].opening, openings[i].len) == 0)
            return openings[i].words;
    return NULL;
}
