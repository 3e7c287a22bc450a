// SPDX-License-Identifier: MIT
/**
 * @file websocket.h
 * WebSocket for streams (RFC 6455): MQTT in binary frames, at either end (MQTT 5.0 section 6).
 *
 * A connection on a WebSocket is closed with code 1000. A peer that closes with another code than 1000 or
 * 1001, ends without closing, or breaks the rules, is an error in words (mqw_conn_stream_error); it is told
 * by a code (1002: wrong frame, 1003: text) or, before there is a WebSocket, by an HTTP answer (400, 403,
 * 404, 405, 426, 431). Frames have no limit of size of their own, because nothing of them is gathered: that
 * of packets counts.
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
    /** Client: more header lines, each `Name: value`, separated by line feeds; none that the handshake writes
     * itself. */
    const char *headers;
    const char *origin; /**< Client: value of Origin; NULL: no such header. */
    /** Server: origins that are accepted, by commas, else 403; NULL: any. Requests without Origin (not from
     * browsers) are accepted always. */
    const char *origins;
    /** Server: HTML that a plain GET gets; NULL: a short page that says what this port is for. */
    const char *page;
    uint32_t max_handshake; /**< Bytes of the other end's handshake; default 8 KiB, at least 256. */
    /** Milliseconds between pings of our own, which keep the way open through what stands in between; 0:
     * none. Nothing waits for their answers: that is the business of MQTT's keep alive. */
    uint32_t ping_interval;
} mqw_websocket_options;

#ifdef __cplusplus
}
#endif
#endif
