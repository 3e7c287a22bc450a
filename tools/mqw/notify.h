// SPDX-License-Identifier: MIT
// What a service manager is told, and what it has given: sd_notify(3) and sd_listen_fds(3) without
// libsystemd.
#ifndef MQW_NOTIFY_H
#define MQW_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Sends a state, as "READY=1\nSTATUS=..."; nothing when nobody wants to know. False: it could not be sent.
bool notify_send(const char *state);
// RELOADING=1 with the time that systemd wants beside it.
bool notify_reloading(void);
// Milliseconds within which a sign of life is wanted; 0: none.
uint64_t notify_watchdog(void);

// How many sockets were handed over to us; the first is descriptor 3.
int notify_sockets(void);
// The name of one of them; "" when it has none.
void notify_socket_name(int index, char *out, size_t cap);

#endif
