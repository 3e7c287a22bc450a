// SPDX-License-Identifier: MIT
// What lines ask for: packets to say, packets to hear, and commands.
#ifndef MQW_LINE_H
#define MQW_LINE_H

#include <mqwire/packet.h>

struct console;

void line_do(struct console *console, mqw_text line);

// The name of command `index`, as `.quit`; NULL: there are not that many.
const char *line_command(size_t index);

#endif
