// SPDX-License-Identifier: MIT
// Peers that speak something else than MQTT: known by their first bytes.
#ifndef MQW_TRANSPORT_FOREIGN_H
#define MQW_TRANSPORT_FOREIGN_H

#include "mqwire/packet.h"

/** What a peer speaks whose first bytes these are, in words, and the way out; NULL: perhaps MQTT. No packet
 * of MQTT can start like that. */
const char *mqw__foreign(mqw_role ours, const uint8_t *bytes, size_t len);

#endif
