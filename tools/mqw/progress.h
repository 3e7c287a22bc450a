// SPDX-License-Identifier: MIT
// How much and how fast: a line at the bottom of a terminal while it goes on (--progress), and a line at the
// end (--stats).
#ifndef MQW_PROGRESS_H
#define MQW_PROGRESS_H

#include <uv.h>

#include "options.h"

typedef struct tool_progress {
    const tool_settings *settings;
    uv_timer_t timer;
    bool open;
    bool wanted; // the line at the bottom
    bool shown;  // it stands there
    bool colours;
    const char *verb;      // "sent", "received"
    uint64_t started;      // ns
    uint64_t messages;     // so far
    uint64_t bytes;        // of their payloads
    uint64_t all_messages; // 0: not known
    uint64_t all_bytes;
    uint64_t last_time; // of the line before, for the rate
    uint64_t last_messages;
    uint64_t last_bytes;
} tool_progress;

// `on_terminal`: what is printed to standard output appears on the same terminal.
void progress_open(tool_progress *progress, uv_loop_t *loop, const tool_settings *settings, const char *verb,
                   bool on_terminal);
// Takes the line off the terminal, so that something else can be said.
void progress_hide(tool_progress *progress);
// Ends it; with --stats says how it was.
void progress_close(tool_progress *progress);

#endif
