// SPDX-License-Identifier: MIT
// What one end wants of a WebSocket: the program's options, checked and copied once for any number of
// connections.
#ifndef MQW_TRANSPORT_TERMS_H
#define MQW_TRANSPORT_TERMS_H

#include "mqwire/conn.h"
#include "mqwire/websocket.h"

/** Counted; each connection has a reference only until its handshake is over. */
typedef struct mqw__terms {
    unsigned refs;
    mqw_role role;
    mqw_websocket_options options; /**< Defaults filled in; the texts lie behind it. */
    bool any_protocol;             /**< Server: also clients that name no subprotocol. */
    const char *host;              /**< Client: value of Host. */
} mqw__terms;

/**
 * `path`: that of the address, empty for none; `host`: for a client's Host header.
 * 0 with *out, MQW_E_NO_MEMORY, or MQW_E_MISUSE: an option could not stand in a header.
 */
int mqw__terms_new(mqw__terms **out, mqw_role role, const mqw_websocket_options *options, const char *path,
                   const char *host);
mqw__terms *mqw__terms_keep(mqw__terms *terms);
/** NULL is fine. */
void mqw__terms_drop(mqw__terms *terms);

#endif
