// SPDX-License-Identifier: MIT
// What mqw pub and mqw sub have in common: a client of mqwire as the options say, its signals, what it tells
// on standard error, and its exit code.
#ifndef MQW_CALL_H
#define MQW_CALL_H

#include <mqwire/client.h>

#include "options.h"
#include "progress.h"
#include "secure.h"
#include "show.h"
#include "target.h"

// How mqw pub and mqw sub end, in the numbers of mosquitto_pub and mosquitto_sub. A refusal of the server
// ends them with its reason code.
enum {
    CALL_OK = 0,
    CALL_FAILED = 1, // the command line, a file, no connection, interrupted
    CALL_LOST = 7,   // --no-reconnect, and the connection was lost
    CALL_TLS = 8,
    CALL_BROKEN = 14, // the system failed midway
    CALL_TIMEOUT = 27
};

enum { CALL_SIGNALS = 3, CALL_PARTS = 3, SECRET_MAX = 4096 };

typedef struct tool_call {
    const tool_settings *settings;
    uv_loop_t loop;
    uv_signal_t signals[CALL_SIGNALS];
    mqw_client *client; // NULL: gone
    mqw_connect connect;
    mqw_props farewell; // of DISCONNECT
    uint8_t *rooms[CALL_PARTS];
    char client_id[128];
    char password[SECRET_MAX];
    tool_target target;
    tool_secure secure;
    tool_show show; // --debug
    tool_progress progress;
    int status;
    int shown_lost; // failures told of since it was connected
    bool watched;   // its signals
    bool opened;    // it was connected once
    bool ending;
    bool interrupted;
    void (*on_open)(void *ctx);
    void (*on_end)(void *ctx); // the client is gone: everything else on the loop should go
    mqw_message_handler *on_message;
    void (*on_piece)(mqw_client *client, const mqw_publish *publish, const mqw_piece *piece, mqw_token token,
                     void *ctx);
    void (*on_drain)(mqw_client *client, void *ctx);
    void *ctx; // of these
} tool_call;

// Prepares it. Handlers and ctx are set afterwards. An exit code; call_run is due in any case.
int call_begin(tool_call *call, const tool_settings *settings);
// Makes the client. An exit code.
int call_open(tool_call *call, const mqw_client_options *extra);
// Runs until all is over. Returns the exit code.
int call_run(tool_call *call);
// Ends with that exit code, unless there is another: what is queued is sent and answered first. `now`: not.
void call_finish(tool_call *call, int status, bool now);

// Says something on standard error, unless it is to be quiet.
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void call_say(tool_call *call, const char *format, ...);
// Why a request ended as it did, in words.
const char *call_words(const tool_call *call, int result);
// The exit code for such a result.
int call_status(int result);

#endif
