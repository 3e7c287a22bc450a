// SPDX-License-Identifier: MIT
// TLS and WebSocket as the options say.
#ifndef MQW_SECURE_H
#define MQW_SECURE_H

#include <mqwire/transport.h>

#include "options.h"

typedef struct tool_secure {
    const tool_settings *settings;
    mqw_tls *tls; // NULL: the default
    mqw_websocket_options websocket;
    bool web;
    char *headers;
    uint8_t psk[256];
    size_t psk_len;
} tool_secure;

// Whether an option asks for TLS where the address does not say.
bool secure_wanted(const tool_settings *settings);
// Whether an option asks for a WebSocket.
bool secure_web_wanted(const tool_settings *settings);
// Makes what the options say for these addresses (by blanks). False: it was said what is wrong. secure_free
// is due in any case.
bool secure_make(tool_secure *secure, const tool_settings *settings, mqw_role ours, const char *addresses);
void secure_free(tool_secure *secure);
// Puts it into the options of a stream.
void secure_apply(const tool_secure *secure, mqw_open_options *options);

#endif
