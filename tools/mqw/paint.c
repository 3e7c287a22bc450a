// SPDX-License-Identifier: MIT
// Colours of a terminal, and the time of day; see paint.h.
#include "paint.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

bool paint_wanted(uint32_t when, FILE *out)
{
    const char *no_colour = getenv("NO_COLOR"), *terminal = getenv("TERM");
    if (when != PAINT_AUTO)
        return when == PAINT_ALWAYS;
    if (no_colour && *no_colour)
        return false;
    return isatty(fileno(out)) && terminal && strcmp(terminal, "dumb") != 0;
}

const char *paint_code(bool wanted, tool_paint paint)
{
    static const char *const codes[] = {
        [PAINT_PLAIN] = "\033[0m",     [PAINT_DIM] = "\033[2m",    [PAINT_CLIENT] = "\033[1;36m",
        [PAINT_SERVER] = "\033[1;32m", [PAINT_BAD] = "\033[1;31m", [PAINT_GOOD] = "\033[32m",
        [PAINT_NOTE] = "\033[33m",
    };
    return wanted ? codes[paint] : "";
}

static void print_time(char out[PAINT_TIME_SIZE], const char *format, bool local, const char *end)
{
    struct timespec now;
    struct tm fields;
    clock_gettime(CLOCK_REALTIME, &now);
    if ((local ? localtime_r(&now.tv_sec, &fields) : gmtime_r(&now.tv_sec, &fields)) == NULL)
        memset(&fields, 0, sizeof(fields));
    size_t len = strftime(out, PAINT_TIME_SIZE - 8, format, &fields);
    snprintf(out + len, PAINT_TIME_SIZE - len, ".%03d%s", (int)(now.tv_nsec / 1000000), end);
}

void paint_clock(char out[PAINT_TIME_SIZE])
{
    print_time(out, "%H:%M:%S", true, "");
}

void paint_date(char out[PAINT_TIME_SIZE])
{
    print_time(out, "%Y-%m-%dT%H:%M:%S", false, "Z");
}
