// SPDX-License-Identifier: MIT
// WebSocket as a layer: bytes of MQTT in binary frames.
#ifndef MQW_TRANSPORT_WEBSOCKET_H
#define MQW_TRANSPORT_WEBSOCKET_H

#include "layer.h"
#include "terms.h"

/** A layer that shakes hands on these terms. NULL: no memory. */
mqw__layer *mqw__websocket_new(mqw__terms *terms);

#endif
