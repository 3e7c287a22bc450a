// SPDX-License-Identifier: MIT
// The way through a SOCKS5 proxy (RFC 1928, RFC 1929) as a layer.
#ifndef MQW_TRANSPORT_SOCKS5_H
#define MQW_TRANSPORT_SOCKS5_H

#include "address.h"
#include "layer.h"

/** Asks the proxy for a way to host (a name is looked up by the proxy) and port, with its user and password
 * if it has some, and then lets all bytes through. NULL: no memory. */
mqw__layer *mqw__socks5_new(const mqw__address *proxy, const char *host, uint16_t port);

#endif
