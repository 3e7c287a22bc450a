// SPDX-License-Identifier: MIT
// How mqw sub prints a message: payload, topic and payload, as a format says, or as JSON.
#ifndef MQW_FORMAT_H
#define MQW_FORMAT_H

#include <time.h>

#include <mqwire/packet.h>

#include "outlet.h"

typedef struct tool_message {
    const mqw_publish *publish;
    struct timespec now;
    bool pretty; // JSON with line feeds
} tool_message;

enum { FORMAT_WHY = 80 };

// Whether a format can be understood; else `why`.
bool format_check(const char *format, char why[FORMAT_WHY]);
// Prints a message as a format says that was checked. NULL, or why a part could not be printed.
const char *format_print(tool_outlet *out, const char *format, const tool_message *message);

#endif
