// SPDX-License-Identifier: MIT
// Standard output for what may be much: it never blocks the loop, tells when the reader cannot follow, and
// when he has gone.
#ifndef MQW_OUTLET_H
#define MQW_OUTLET_H

#include <uv.h>

#include <mqwire/packet.h>

#include "plain.h"

typedef struct tool_outlet {
    uv_poll_t poll;
    bool polled; // else a file, which always takes all
    bool open;
    bool waiting;     // the reader has to take something first
    bool terminal;    // which what strangers have written could upset
    tool_plain plain; // of the text that is being put
    int fd;
    int error; // errno; then everything is dropped
    char *data;
    size_t first; // not written yet: from here to `last`
    size_t last;
    size_t size;
    void (*on_drain)(void *ctx);             // what waited has been written
    void (*on_broken)(void *ctx, int error); // EPIPE: nobody reads any more
    void *ctx;
} tool_outlet;

// Handlers and ctx must be set.
void outlet_open(tool_outlet *outlet, uv_loop_t *loop, int fd);
void outlet_put(tool_outlet *outlet, const void *bytes, size_t len);
// A piece of what a stranger has written: a terminal gets what is no printable UTF-8 as \x1B.
void outlet_peer(tool_outlet *outlet, mqw_text text);
void outlet_fill(tool_outlet *outlet, char c, size_t count);
// Writes what can be written now. True: nothing waits.
bool outlet_flush(tool_outlet *outlet);
// Whether so much waits that no more should be added.
bool outlet_full(const tool_outlet *outlet);
// Takes it off the loop; what waits can still be written.
void outlet_close(tool_outlet *outlet);
// Writes all that waits, however long it takes.
void outlet_end(tool_outlet *outlet);
void outlet_free(tool_outlet *outlet);

#endif
