// SPDX-License-Identifier: MIT
// mqw open: the console as a client.
#include <string.h>

#include "console.h"
#include "tool.h"

static mqw_text text_of(const char *text)
{
    return (mqw_text){text ? text : "", text ? strlen(text) : 0};
}

static void say_connect(tool_peer *peer)
{
    const tool_settings *settings = peer->console->settings;
    mqw_text password = text_of(settings->password);
    mqw_connect connect = {
        .version = (uint8_t)settings->version,
        .client_id = text_of(settings->client_id),
        .clean_start = settings->clean || settings->client_id == NULL,
        .keep_alive = (uint16_t)settings->keep_alive,
        .has_username = settings->username != NULL,
        .username = text_of(settings->username),
        .has_password = settings->password != NULL,
        .password = {(const uint8_t *)password.data, password.len},
    };
    char why[512];
    mqw_error error;
    int result = mqw_conn_connect(peer->conn, &connect);
    if (result >= 0)
        return;
    if (mqw_conn_refusal(peer->conn, &error))
        mqw_error_print(why, sizeof(why), &error);
    tool_complain("cannot say CONNECT: %s",
                  mqw_conn_refusal(peer->conn, &error) ? why : mqw_strerror(result));
    console_finish(peer->console, TOOL_USAGE);
}

void open_connected(tool_peer *peer)
{
    if (peer->console->settings->connect)
        say_connect(peer);
    console_read(peer->console);
}

static int connect_to(tool_console *console)
{
    mqw_conn *conn = NULL;
    mqw_open_options options = console_open_options(console);
    const char *address = console->settings->argument;
    int result = mqw_conn_open(&conn, &console->loop, address, &options, NULL, NULL);
    if (result < 0) {
        tool_complain("cannot connect to %s: %s", address, tool_why(result));
        return result == MQW_E_ADDRESS ? TOOL_USAGE : TOOL_UNREACHABLE;
    }
    tool_peer *peer = peer_new(console, conn);
    if (peer == NULL) {
        mqw_conn_abort(conn);
        return TOOL_BROKEN;
    }
    mqw_conn_handle_shared(conn, &peer_handlers, peer);
    return TOOL_OK;
}

int open_run(const tool_settings *settings)
{
    tool_console console;
    int result = console_begin(&console, settings, MQW_CLIENT);
    if (result == TOOL_OK)
        result = connect_to(&console);
    if (result != TOOL_OK)
        console_finish(&console, result);
    return console_run(&console);
}
