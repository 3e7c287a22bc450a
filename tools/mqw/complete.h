// SPDX-License-Identifier: MIT
// What could stand next in a line of packet text.
#ifndef MQW_COMPLETE_H
#define MQW_COMPLETE_H

#include <stddef.h>

#include <mqwire/packet.h>

enum { COMPLETE_MAX = 96 };

typedef struct completions {
    size_t typed; // length of the word that is being typed, before the cursor
    const char *words[COMPLETE_MAX];
    const char *ends[COMPLETE_MAX]; // what stands behind it: "=", " " …
    size_t count;
} tool_completions;

// The words that begin as the one that ends `line` (the text before the cursor), for one who speaks as
// `ours`. None between quotes.
void complete(mqw_text line, mqw_role ours, tool_completions *out);

#endif
