// SPDX-License-Identifier: MIT
// What mqw open and mqw listen have in common: connections whose packets are shown, lines that say what to
// send, and the clock. open.c and listen.c make the connections, line.c does what lines ask for, await.c
// waits for the peer.
#ifndef MQW_CONSOLE_H
#define MQW_CONSOLE_H

#include <mqwire/mqwire.h>
#include <mqwire/transport.h>

#include "await.h"
#include "echo.h"
#include "input.h"
#include "options.h"
#include "secure.h"
#include "show.h"

// One connection.
typedef struct peer {
    struct peer *next; // older
    struct console *console;
    mqw_conn *conn;
    unsigned number;    // from 1
    bool connected;     // the stream was ready
    bool raw;           // bytes are being sent that are no packet
    uint32_t seen[16];  // packets of each type that no line has asked for yet
    uint32_t requests;  // that have no answer yet
    uint16_t packet_id; // given last, by echo
    tool_subscriptions subscriptions;
} tool_peer;

// What is waited for when the input has ended.
typedef enum stage { STAGE_NONE, STAGE_UNANSWERED, STAGE_WAIT } tool_stage;

enum { SIGNALS = 4 };

typedef struct console {
    const tool_settings *settings;
    uv_loop_t loop;
    tool_show show;
    mqw_role ours;
    mqw_config *config;  // of every connection
    tool_secure secure;  // TLS and WebSocket
    mqw_server *server;  // listen
    tool_peer *peers;    // newest first
    unsigned peer_count; // that there were
    tool_input input;
    int script;       // its descriptor; -1: none
    bool stdio;       // a connection has standard input and output
    bool interactive; // a person types: what is wrong is told and no reason to end
    bool reading;     // lines
    bool input_ended;
    tool_stage stage;
    tool_await await;
    uv_timer_t timer; // of what is awaited, or of the end
    uv_signal_t signals[SIGNALS];
    int status; // exit code
    bool ending;
} tool_console;

// Sets up all but connections. Returns an exit code.
int console_begin(tool_console *console, const tool_settings *settings, mqw_role ours);
// The options of each connection of the console.
mqw_open_options console_open_options(const tool_console *console);
// Starts to read lines: of the script, or of standard input. Does nothing the second time.
void console_read(tool_console *console);
// Runs until all is over. Returns the exit code.
int console_run(tool_console *console);
// Ends: closes what is open.
void console_finish(tool_console *console, int status);
// Remembers an exit code; the first that is not 0 holds.
void console_note(tool_console *console, int status);
// A packet came or a line was the last: perhaps that was all.
void console_settle(tool_console *console);
void console_peer_gone(tool_console *console);
// Ends unless a person types.
void console_fail(tool_console *console, int status);
// Where the line stands that is being read, as `FILE:7`.
const char *console_where(const tool_console *console, char room[128]);

// A connection is there; NULL: no memory.
tool_peer *peer_new(tool_console *console, mqw_conn *conn);
// The peer of that number, 0: the newest; NULL: there is none.
tool_peer *peer_find(const tool_console *console, unsigned number);
// The number to show: 0 when there can be only one.
unsigned peer_shown(const tool_peer *peer);
// What happens on a connection. `ctx` is the peer.
extern const mqw_handlers peer_handlers;
// Shows every packet; `ctx` is the console.
void peer_tap(mqw_conn *conn, bool sent, const mqw_packet *packet, mqw_bytes raw, void *ctx);

// What a client and a server add: the stream is ready; a packet came; all is over.
void open_connected(tool_peer *peer);
void listen_packet(tool_peer *peer, const mqw_packet *packet);

#endif
