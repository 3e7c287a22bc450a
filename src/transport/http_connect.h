// SPDX-License-Identifier: MIT
// The way through an HTTP proxy (CONNECT) as a layer.
#ifndef MQW_TRANSPORT_HTTP_CONNECT_H
#define MQW_TRANSPORT_HTTP_CONNECT_H

#include "address.h"
#include "layer.h"

/** Asks the proxy for a way to host and port, with its user and password if it has some, and then lets all
 * bytes through. NULL: no memory. */
mqw__layer *mqw__http_connect_new(const mqw__address *proxy, const char *host, uint16_t port);

#endif
