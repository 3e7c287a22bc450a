// SPDX-License-Identifier: MIT
// What stands between a stream and its connection: a way through a proxy, TLS, WebSocket, as an address and
// options ask for it.
#ifndef MQW_TRANSPORT_WRAP_H
#define MQW_TRANSPORT_WRAP_H

#include "address.h"
#include "link.h"
#include "terms.h"

/** Made once; then put on one stream, or on many. */
typedef struct mqw__wrap {
    mqw_role role;
    mqw_tls *tls;      /**< NULL: none. */
    mqw__terms *terms; /**< Of a WebSocket; NULL: none. */
    bool proxy_protocol;
    mqw__address *proxy; /**< That the stream leads to; NULL: it leads to the peer itself. */
    uint16_t port;
    char host[MQW__HOST_MAX + 1]; /**< Of the peer; empty: it has none. */
} mqw__wrap;

/**
 * Copies what is needed of address and options. A default port for an address that is found to use TLS is
 * filled in. 0, MQW_E_MISUSE, MQW_E_ADDRESS (of the proxy), MQW_E_REFUSED (TLS could not be set up) or
 * MQW_E_NO_MEMORY: there is nothing to clear then.
 */
int mqw__wrap_set(mqw__wrap *out, mqw_role role, mqw__loop *loop, mqw__address *address,
                  const mqw_open_options *options);
/** Puts the layers on a stream. 0 or an mqw_result. */
int mqw__wrap_put(const mqw__wrap *wrap, mqw_stream *stream);
void mqw__wrap_clear(mqw__wrap *wrap);

#endif
