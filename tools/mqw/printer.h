// SPDX-License-Identifier: MIT
// What a message looks like on standard output: payload, topic and payload, as a format says, or JSON.
#ifndef MQW_PRINTER_H
#define MQW_PRINTER_H

#include "options.h"
#include "outlet.h"

typedef struct tool_printer {
    const tool_settings *settings;
    tool_outlet out;
    bool colours;
} tool_printer;

void printer_init(tool_printer *printer, const tool_settings *settings);
// Prints a message; one whose payload comes in pieces is then ended by printer_end. NULL, or what of it could
// not be printed.
const char *printer_message(tool_printer *printer, const mqw_publish *publish, uint8_t version);
void printer_payload(tool_printer *printer, mqw_bytes payload);
// `empty`: nothing was printed of a payload.
void printer_end(tool_printer *printer, bool empty);

#endif
