// SPDX-License-Identifier: MIT
// Policies that have a name.
#include <mqwire/codec.h>

/* The raw connection of MQTT.js 0.3 looked at lengths and packet types only, which no policy switches off. */
const mqw_policy MQW_POLICY_ORIGINAL = {.ignore = {{UINT64_MAX, UINT64_MAX}}};
