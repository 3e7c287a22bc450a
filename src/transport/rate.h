// SPDX-License-Identifier: MIT
// How many peers a server accepts a second.
#ifndef MQW_TRANSPORT_RATE_H
#define MQW_TRANSPORT_RATE_H

#include "mqwire/transport.h"

/** Accepts so many a second at most, with bursts of a second; others wait in the backlog. 0: no limit. */
void mqw__server_set_rate(mqw_server *server, uint32_t rate);

#endif
