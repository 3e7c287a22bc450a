// SPDX-License-Identifier: MIT
// What mqw prints: a line (or JSON object) for each packet and event.
#ifndef MQW_SHOW_H
#define MQW_SHOW_H

#include <mqwire/mqwire.h>

#include "options.h"
#include "paint.h"

typedef struct tool_show {
    FILE *out;
    bool json;
    bool full;
    bool bytes; // the bytes of each packet below it
    bool colours;
    char *room; // for one packet as text
    size_t size;
    void (*hide)(void *ctx);   // takes the line that is being edited off the screen; NULL: there is none
    void (*reveal)(void *ctx); // puts it back
    void *ctx;
} tool_show;

// Where a packet comes from.
typedef struct tool_origin {
    unsigned peer;   // 0: there is only one
    mqw_role who;    // who said it; ANY: not known
    uint8_t version; // of the protocol
    bool live;       // else it stands at `offset` of a file
    uint64_t offset;
} tool_origin;

void show_init(tool_show *show, const tool_settings *settings, FILE *out);
void show_end(tool_show *show);

// One packet, with the bytes it consists of (data NULL: not at hand).
void show_packet(tool_show *show, const tool_origin *origin, const mqw_packet *packet, mqw_bytes raw);
// Bytes that are no packet.
void show_raw(tool_show *show, const tool_origin *origin, mqw_bytes raw);
// What happened, as a comment: `event` is the word of it for JSON, `text` a line.
void show_event(tool_show *show, unsigned peer, tool_paint paint, const char *event, const char *text);
// A fault of the peer, of the stream, or a refusal of ours.
void show_error(tool_show *show, unsigned peer, const char *event, const mqw_error *error);

#endif
