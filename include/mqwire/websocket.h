// SPDX-License-Identifier: MIT
/**
 * @file websocket.h
 * WebSocket for streams (RFC 6455): MQTT in binary frames, at either end (MQTT 5.0 section 6).
 */
#ifndef MQWIRE_WEBSOCKET_H
#define MQWIRE_WEBSOCKET_H

#include "packet.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Zero is the default of every field. Everything is copied. */
typedef struct mqw_websocket_options {
    size_t size; /**< sizeof(mqw_websocket_options); 0: the first layout. */
    /** Client: asked for instead of the path of the address (default `/mqtt` when that has none). Server: the
     * only path that is accepted, else 404; NULL: any. */
    const char *path;
    /** Subprotocols by commas, the best first; NULL: client `mqtt`, server `mqtt,mqttv3.1` and clients that
     * name none. */
    const char *protocols;
    const char *headers; /**< Client: more header lines, each `Name: value`, separated by line feeds. */
    const char *origin;  /**< Client: value of Origin; NULL: no such header. */
    /** Server: origins that are accepted, by commas, else 403; NULL: any. Requests without Origin (not from
     * browsers) are accepted always. */
    const char *origins;
    /** Server: HTML that a plain GET gets; NULL: a short page that says what this port is for. */
    const char *page;
    uint32_t max_handshake; /**< Bytes of the other end's handshake; default 8 KiB. */
    uint32_t ping_interval; /**< Milliseconds between pings of our own; 0: none. */
} mqw_websocket_options;

#ifdef __cplusplus
}
#endif
#endif
