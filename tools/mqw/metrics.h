// SPDX-License-Identifier: MIT
// /metrics for Prometheus and /healthz, by libmicrohttpd, which our loop drives.
#ifndef MQW_METRICS_H
#define MQW_METRICS_H

#include <uv.h>

#include <mqwire/broker.h>

typedef struct tool_metrics tool_metrics;

// What they tell of. `trouble` says in words why all is not well; "" when it is.
typedef struct metrics_source {
    void (*status)(void *ctx, mqw_broker_status *out);
    const char *(*trouble)(void *ctx);
    void *ctx;
} metrics_source;

// Binds an address, HOST:PORT or PORT (of 127.0.0.1), or takes a socket that listens already (`socket`, else
// -1). Returns a socket, or negative: `why` gets words.
int metrics_bind(const char *address, char *why, size_t cap);
// Whether such an address can be reached from another machine.
bool metrics_is_remote(const char *address);
// Serves on a socket, which is then its own. NULL: it cannot.
tool_metrics *metrics_open(uv_loop_t *loop, int socket, const metrics_source *source);
// Where it listens, as HOST:PORT.
void metrics_address(const tool_metrics *metrics, char *out, size_t cap);
void metrics_close(tool_metrics *metrics);

#endif
