// SPDX-License-Identifier: MIT
// What a line of a script, a transcript or the console asks for.
#ifndef MQW_STEP_H
#define MQW_STEP_H

#include <mqwire/mqwire.h>

typedef enum step_kind {
    STEP_NONE,   // blank
    STEP_NOTE,   // a comment: the text behind #
    STEP_SAY,    // a packet of ours
    STEP_HEAR,   // a packet of the peer's
    STEP_COMMAND // .name arguments
} tool_step_kind;

typedef struct step {
    tool_step_kind kind;
    unsigned peer; // 0: not said
    mqw_text text; // without what stood before it
} tool_step;

// Takes a line apart: `[12:34:56.789] [#3] [C>] text`. C and S say who speaks, `<` is as good as `>`; without
// them it is we, in the role `ours`.
tool_step step_of(mqw_text line, mqw_role ours);

// The type of the packet that a text names; 0: it names none.
unsigned step_packet_type(mqw_text text);

#endif
