// SPDX-License-Identifier: MIT
// The PROXY protocol, versions 1 and 2, as a layer: who the peer of a load balancer is.
#ifndef MQW_TRANSPORT_PROXY_H
#define MQW_TRANSPORT_PROXY_H

#include "stream.h"

/** Reads one header, fills in `out` (which must outlive the layer) and then lets all bytes through. NULL: no
 * memory. */
mqw__layer *mqw__proxy_new(mqw__proxied *out);

#endif
