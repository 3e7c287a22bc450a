// SPDX-License-Identifier: MIT
// The words of a packet's text form: its name, then fields `name=value` and flags `name`.
#ifndef MQW_TOKEN_H
#define MQW_TOKEN_H

#include <mqwire/packet.h>

typedef struct tool_token {
    mqw_text whole; // as it stands in the line
    mqw_text name;  // what stands before `=`; of a word without `=` all of it
    mqw_text value; // what stands behind it; data NULL: there is no `=`
} tool_token;

// Takes the first word off the line; blanks between quotes do not part words. False: there is none left, or a
// comment.
bool token_next(mqw_text *left, tool_token *out);

bool token_is(mqw_text text, const char *word);
bool token_same(mqw_text a, mqw_text b);

#endif
