// SPDX-License-Identifier: MIT
// Opening, for those who open again and again.
#ifndef MQW_TRANSPORT_OPEN_H
#define MQW_TRANSPORT_OPEN_H

#include "mqwire/transport.h"

/** Whether mqw_conn_open could open such an address at all: 0, or what it would return now and always. */
int mqw__open_check(uv_loop_t *uv, const char *address, const mqw_open_options *options);

#endif
