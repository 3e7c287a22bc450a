// SPDX-License-Identifier: MIT
// A line edited at a terminal, with history and completion (libedit). It is fed with what was typed and does
// not wait for the rest, so that packets may come in between.
#ifndef MQW_EDIT_H
#define MQW_EDIT_H

#include <stdbool.h>
#include <stddef.h>

#include "complete.h"

typedef struct edit tool_edit;

// Whether lines can be edited: standard input and output are a terminal that can move its cursor, and we are
// in front.
bool edit_possible(void);

// Shows the prompt of one who speaks as `ours`. `terminal` is read from when a key needs another one. NULL:
// no memory.
tool_edit *edit_new(int terminal, mqw_role ours, bool colours);
// Leaves the terminal as it was.
void edit_free(tool_edit *edit);

typedef enum edit_result { EDIT_MORE, EDIT_LINE, EDIT_END } tool_edit_result;

// Adds what was typed.
void edit_feed(tool_edit *edit, const char *typed, size_t len);
// Takes keys until a line is finished (EDIT_LINE, *line valid until the next call), the end was typed, or no
// key is left. After a line the prompt is off the screen: call edit_resume.
tool_edit_result edit_next(tool_edit *edit, const char **line);
void edit_resume(tool_edit *edit);
// Whether edit_next has something to do.
bool edit_has_keys(const tool_edit *edit);
// The screen has another size.
void edit_resized(tool_edit *edit);

// Takes the line off the screen when it is there, and puts it back when it was.
void edit_hide(tool_edit *edit);
void edit_reveal(tool_edit *edit);

#endif
