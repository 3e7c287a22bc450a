// SPDX-License-Identifier: MIT
// Lines from a file, a pipe or a terminal, on the loop. Nothing is read while it is paused.
#ifndef MQW_INPUT_H
#define MQW_INPUT_H

#include <uv.h>

#include <mqwire/packet.h>

#include "edit.h"

enum { INPUT_LINE_MAX = 16 * 1024 * 1024 }; // longest line, in bytes

typedef struct input {
    uv_poll_t poll; // a terminal, pipe or socket becomes readable
    uv_idle_t idle; // lines wait, or a file is read
    int fd;
    int flags; // of the descriptor, as they were
    bool open;
    bool polled; // else a file, which is always readable
    bool own;    // the descriptor is closed with the input
    bool paused;
    bool ended;     // nothing more can be read
    unsigned burst; // lines taken in one turn of the loop, beyond the first
    char *text;     // read and not yet taken: from `first` to `last`
    size_t first;
    size_t last;
    size_t size;
    unsigned line;   // number of the line that was taken last
    tool_edit *edit; // NULL: lines are not edited
    void (*on_line)(void *ctx, mqw_text line);
    void (*on_end)(void *ctx, const char *error); // NULL: the input has ended
    void *ctx;
} tool_input;

// Reads from a descriptor; `own`: and closes it. Handlers and ctx must be set.
void input_open(tool_input *input, uv_loop_t *loop, int fd, bool own);
// The same at a terminal, with lines edited for one who speaks as `ours`.
void input_open_edited(tool_input *input, uv_loop_t *loop, int fd, mqw_role ours, bool colours);
void input_pause(tool_input *input);
void input_resume(tool_input *input);
// Legal in handlers, and twice. What it has goes when the loop has run on.
void input_close(tool_input *input);
// The terminal has another size.
void input_resized(tool_input *input);

#endif
