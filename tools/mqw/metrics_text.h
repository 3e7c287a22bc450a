// SPDX-License-Identifier: MIT
// Counters of a broker in the text format of Prometheus.
#ifndef MQW_METRICS_TEXT_H
#define MQW_METRICS_TEXT_H

#include <mqwire/broker.h>

// All rows of MQW_BROKER_STATUS and what the process takes. Freed by the caller; NULL: no memory.
char *metrics_text(const mqw_broker_status *status, size_t *len);

#endif
