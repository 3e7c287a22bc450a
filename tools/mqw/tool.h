// SPDX-License-Identifier: MIT
// What all files of mqw share: the exit codes, and the table of subcommands.
#ifndef MQW_TOOL_H
#define MQW_TOOL_H

#include "options.h"

// How mqw ends, pub and sub apart (call.h). The numbers are documented: mqw help, mqw(1).
enum {
    TOOL_OK = 0,
    TOOL_DIFFERS =
        1, // the answer is no: a packet is malformed, the peer said something else, or nothing in time
    TOOL_USAGE = 2,       // the command line or a line of a script is not understood
    TOOL_UNREACHABLE = 3, // no connection, no listener, no such file
    TOOL_BROKEN = 4       // the stream or the system failed midway
};

// A subcommand.
typedef struct tool_command {
    unsigned bit;   // COMMAND_…, to which rows of the options refer
    int misused;    // exit code when the command line is not understood
    unsigned sends; // packets that -D can give properties: MQW_IN_…
    bool argument_needed;
    const char *argument; // what stands behind the options
    const char *name;
    const char *summary; // one line
    const char *about;   // paragraphs for --help
    const char *more;    // what --help shows behind the options
    const char *codes;   // exit codes
    int (*run)(const tool_settings *settings);
} tool_command;

int decode_run(const tool_settings *settings);
int open_run(const tool_settings *settings);
int listen_run(const tool_settings *settings);
int pub_run(const tool_settings *settings);
int sub_run(const tool_settings *settings);
int bench_run(const tool_settings *settings);
int serve_run(const tool_settings *settings);
int passwd_run(const tool_settings *settings);

// Prints `mqw: ` and a message to standard error.
#if defined(__GNUC__)
__attribute__((format(printf, 1, 2)))
#endif
void tool_complain(const char *format, ...);
// Gives such messages to somebody else, who logs them; NULL: back to standard error.
void tool_complain_to(void (*to)(const char *words, void *ctx), void *ctx);
// Why a stream could not be opened, in words; errno as mqwire left it.
const char *tool_why(int result);

#endif
