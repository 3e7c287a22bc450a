// SPDX-License-Identifier: MIT
// Colours of a terminal, and the time of day.
#ifndef MQW_PAINT_H
#define MQW_PAINT_H

#include <stdbool.h>
#include <stdio.h>

#include "options.h"

typedef enum tool_paint {
    PAINT_PLAIN,
    PAINT_DIM,
    PAINT_CLIENT,
    PAINT_SERVER,
    PAINT_BAD,
    PAINT_GOOD,
    PAINT_NOTE
} tool_paint;

// Whether colours are wanted on a stream: `when`, and for PAINT_AUTO the terminal and NO_COLOR
// (no-color.org).
bool paint_wanted(uint32_t when, FILE *out);

// The sequence that begins a colour (PAINT_PLAIN: ends it); "" when none are wanted.
const char *paint_code(bool wanted, tool_paint paint);

enum { PAINT_TIME_SIZE = 32 };

// The local time of day as 12:34:56.789, and the date and time of UTC as 2024-05-06T12:34:56.789Z.
void paint_clock(char out[PAINT_TIME_SIZE]);
void paint_date(char out[PAINT_TIME_SIZE]);

#endif
