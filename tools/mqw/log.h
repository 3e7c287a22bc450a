// SPDX-License-Identifier: MIT
// The log of mqw serve: one line per event, for people or as JSON, to standard error or syslog.
#ifndef MQW_LOG_H
#define MQW_LOG_H

#include <uv.h>

#include "config.h"

typedef struct tool_log {
    uint32_t level, format, to;
    bool colours;
    bool journal;      // standard error is systemd's journal, which adds the time
    uint32_t max_rate; // lines a second; 0: no limit
    uint64_t second;   // that is counted
    uint64_t lines;    // in it
    uint64_t left_out; // lines that were too many, or that nobody took in time
} tool_log;

// A detail of an event. `text.data` NULL: it is `number`.
typedef struct log_field {
    const char *name;
    mqw_text text;
    uint64_t number;
} log_field;

void log_open(tool_log *log, const tool_config *config, uint32_t colours);
void log_close(tool_log *log);
// Whether events of that level (MQW_LOG_…) are told.
bool log_wants(const tool_log *log, int level);
// Tells an event: its name, and details. Texts may be a stranger's. Never blocks: what finds no room is left
// out and counted.
void log_event(tool_log *log, int level, const char *event, const log_field *fields, size_t count);
// The same with a sentence alone.
#if defined(__GNUC__)
__attribute__((format(printf, 4, 5)))
#endif
void log_say(tool_log *log, int level, const char *event, const char *format, ...);

static inline log_field log_text(const char *name, mqw_text text)
{
    return (log_field){name, {text.data ? text.data : "", text.len}, 0};
}

static inline log_field log_number(const char *name, uint64_t number)
{
    return (log_field){name, {NULL, 0}, number};
}

#endif
