// SPDX-License-Identifier: MIT
// Packets and errors as JSON objects.
#ifndef MQW_JSON_H
#define MQW_JSON_H

#include <jansson.h>
#include <mqwire/mqwire.h>

// Adds the packet to an object: `type`, its fields, `properties`, and `violations` of rules. Bytes are text
// when they are UTF-8 (without NUL), else base64, and then a field NAME_encoding beside NAME says so.
void json_put_packet(json_t *object, const mqw_packet *packet, uint8_t version);

// Adds an error: `error`, `text`, `clause`, `offset` and what else is known.
void json_put_error(json_t *object, const mqw_error *error);

#endif
