// SPDX-License-Identifier: MIT
// What mqw pub publishes: a text, a file that is read as it is sent, or what a pipe has given.
#ifndef MQW_PAYLOAD_H
#define MQW_PAYLOAD_H

#include <mqwire/client.h>

#include "options.h"

typedef struct tool_payload {
    const char *name; // of the file
    int fd;           // -1: it is in memory
    off_t start;      // in the file
    uint8_t *memory;  // ours
    const uint8_t *data;
    uint32_t size;
    int error;                                   // errno of a read that failed
    void (*on_read)(void *ctx, uint32_t offset); // so far
    void *ctx;
} tool_payload;

// Finds the payload; a pipe is read to its end. False: it was said why not. payload_free is due in any case.
bool payload_make(tool_payload *payload, const tool_settings *settings);
void payload_free(tool_payload *payload);

// Publishes it once.
int payload_publish(tool_payload *payload, mqw_client *client, mqw_publish *publish, mqw_client_done *done,
                    void *ctx);

#endif
