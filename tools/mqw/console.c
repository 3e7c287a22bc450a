// SPDX-License-Identifier: MIT
// The console: its loop, its input, its end; see console.h.
#include "console.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "line.h"
#include "tool.h"

enum { A_DAY = 24 * 60 * 60 * 1000 };

static bool has_script(const tool_console *console)
{
    return console->settings->script || console->settings->expect;
}

const char *console_where(const tool_console *console, char room[128])
{
    const char *name = console->settings->script;
    snprintf(room, 128, "%.100s:%u", name && strcmp(name, "-") != 0 ? name : "line", console->input.line);
    return room;
}

/* --- The end ------------------------------------------------------------------------------------------ */

void console_note(tool_console *console, int status)
{
    if (console->status == TOOL_OK)
        console->status = status;
}

static void close_handle(uv_handle_t *handle)
{
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

// Signals are the last to go, so that they can abort a slow closing.
static void close_signals(tool_console *console)
{
    for (size_t i = 0; console->ending && console->peers == NULL && i < SIGNALS; i++)
        close_handle((uv_handle_t *)&console->signals[i]);
}

void console_finish(tool_console *console, int status)
{
    console_note(console, status);
    if (console->ending)
        return;
    console->ending = true;
    console->show.hide = console->show.reveal = NULL;
    input_close(&console->input);
    close_handle((uv_handle_t *)&console->timer);
    if (console->server)
        mqw_server_close(console->server, true, NULL, NULL);
    for (tool_peer *peer = console->peers; peer; peer = peer->next)
        mqw_conn_close(peer->conn);
    close_signals(console);
}

void console_fail(tool_console *console, int status)
{
    if (!console->interactive)
        console_finish(console, status);
}

static uint32_t unanswered(const tool_console *console)
{
    uint32_t count = 0;
    for (const tool_peer *peer = console->peers; peer; peer = peer->next)
        count += peer->requests;
    return console->settings->expect ? 0 : count;
}

static void on_wait_over(uv_timer_t *timer)
{
    tool_console *console = timer->data;
    uint32_t count = unanswered(console);
    if (count > 0)
        tool_complain("%u of the requests got no answer within %lu ms", count,
                      (unsigned long)console->settings->timeout);
    console_finish(console, count > 0 ? TOOL_DIFFERS : TOOL_OK);
}

static void wait_for(tool_console *console, tool_stage stage, uint32_t ms)
{
    if (console->stage == stage)
        return;
    console->stage = stage;
    uv_timer_stop(&console->timer);
    if (ms != WAIT_FOREVER)
        uv_timer_start(&console->timer, on_wait_over, ms, 0);
}

// After the last line requests may still be answered, and then --wait holds.
void console_settle(tool_console *console)
{
    if (console->ending || !console->input_ended)
        return;
    if (unanswered(console) > 0)
        wait_for(console, STAGE_UNANSWERED, console->settings->timeout);
    else if (console->settings->wait == 0 || console->peers == NULL)
        console_finish(console, TOOL_OK);
    else
        wait_for(console, STAGE_WAIT, console->settings->wait);
}

// A transcript goes on without its peer: what it still expects is then missed.
void console_peer_gone(tool_console *console)
{
    bool last = console->ours == MQW_CLIENT || console->settings->once || has_script(console);
    close_signals(console);
    if (console->ending || console->peers || !last)
        return;
    if (console->settings->expect && !console->input_ended && !console->await.active)
        input_resume(&console->input);
    else if (!console->settings->expect || console->input_ended)
        console_finish(console, TOOL_OK);
}

static void on_signal(uv_signal_t *signal, int number)
{
    tool_console *console = signal->data;
    if (number == SIGWINCH)
        input_resized(&console->input);
    else if (!console->ending)
        console_finish(console, TOOL_OK);
    else
        for (tool_peer *peer = console->peers; peer; peer = peer->next)
            mqw_conn_abort(peer->conn);
}

/* --- Input -------------------------------------------------------------------------------------------- */

static void on_line(void *ctx, mqw_text line)
{
    line_do(ctx, line);
}

static void on_end(void *ctx, const char *error)
{
    tool_console *console = ctx;
    if (error) {
        tool_complain("the input cannot be read: %s", error);
        console_finish(console, TOOL_BROKEN);
    } else if (console->interactive) {
        console_finish(console, TOOL_OK);
    } else if (console->ours == MQW_CLIENT || has_script(console)) {
        console->input_ended = true;
        console_settle(console);
    }
}

static void hide_line(void *ctx)
{
    const tool_console *console = ctx;
    if (console->input.edit)
        edit_hide(console->input.edit);
}

static void reveal_line(void *ctx)
{
    const tool_console *console = ctx;
    if (console->input.edit)
        edit_reveal(console->input.edit);
}

// The descriptor that lines come from; negative: there is none.
static int open_lines(tool_console *console)
{
    const char *script = console->settings->script;
    if (script && strcmp(script, "-") != 0)
        return console->script;
    if (console->stdio || (isatty(STDIN_FILENO) && tcgetpgrp(STDIN_FILENO) != getpgrp()))
        return -1;
    return STDIN_FILENO;
}

void console_read(tool_console *console)
{
    if (console->reading || console->ending)
        return;
    console->reading = true;
    tool_input *input = &console->input;
    int fd = open_lines(console);
    if (fd < 0)
        return;
    input->on_line = on_line;
    input->on_end = on_end;
    input->ctx = console;
    if (console->interactive && edit_possible())
        input_open_edited(input, &console->loop, fd, console->ours, console->show.colours);
    else
        input_open(input, &console->loop, fd, fd != STDIN_FILENO);
    if (input->edit) {
        console->show.hide = hide_line;
        console->show.reveal = reveal_line;
        console->show.ctx = console;
    }
}

/* --- The beginning ------------------------------------------------------------------------------------ */

static mqw_policy policy_of(const tool_settings *settings)
{
    mqw_policy policy = {0};
    if (settings->policy == POLICY_ORIGINAL)
        return MQW_POLICY_ORIGINAL;
    for (unsigned rule = 1; settings->policy == POLICY_REPORT && rule < MQW_RULE_COUNT; rule++)
        mqw_rule_add(&policy.report, (mqw_rule)rule);
    return policy;
}

static uint8_t answers_of(const tool_console *console)
{
    if (console->ours == MQW_CLIENT)
        return (uint8_t)console->settings->answers;
    return console->settings->answer ? MQW_ANSWER_PINGRESP | MQW_ANSWER_ACKS : 0;
}

// A person is slow: only a server that answers by itself gives its clients a time limit for CONNECT.
static mqw_config *new_config(tool_console *console)
{
    const tool_settings *settings = console->settings;
    mqw_conn_options options = {
        .size = sizeof(options),
        .version = (uint8_t)settings->version,
        .answers = answers_of(console),
        .on_misuse = MQW_RETURN_ONLY,
        .policy = policy_of(settings),
        .max_packet_size = settings->max_packet,
        .connect_timeout = settings->answer ? 0 : A_DAY,
        .tap = peer_tap,
        .tap_ctx = console,
    };
    return mqw_config_new(&options);
}

mqw_open_options console_open_options(const tool_console *console)
{
    mqw_open_options options = {
        .size = sizeof(options),
        .config = console->config,
        .max_connections = console->settings->max_peers,
    };
    secure_apply(&console->secure, &options);
    return options;
}

// Whether a connection takes the descriptors that lines and what is shown would take.
static bool takes_stdio(const char *address)
{
    static const char *const names[] = {"stdio:", "fd:0", "fd:1"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        size_t len = strlen(names[i]);
        if (strncmp(address, names[i], len) == 0 && (address[len] < '0' || address[len] > '9'))
            return true;
    }
    return false;
}

static void watch_signals(tool_console *console)
{
    static const int numbers[SIGNALS] = {SIGINT, SIGTERM, SIGHUP, SIGWINCH};
    for (size_t i = 0; i < SIGNALS; i++) {
        uv_signal_init(&console->loop, &console->signals[i]);
        uv_signal_start(&console->signals[i], on_signal, numbers[i]);
        console->signals[i].data = console;
    }
}

static int open_script(tool_console *console)
{
    const char *name = console->settings->script;
    if (name && strcmp(name, "-") != 0)
        console->script = open(name, O_RDONLY | O_CLOEXEC);
    else
        return TOOL_OK;
    if (console->script >= 0)
        return TOOL_OK;
    tool_complain("cannot open %s: %s", name, strerror(errno));
    return TOOL_UNREACHABLE;
}

int console_begin(tool_console *console, const tool_settings *settings, mqw_role ours)
{
    *console = (tool_console){
        .settings = settings, .ours = ours, .stdio = takes_stdio(settings->argument), .script = -1};
    setvbuf(stdout, NULL, _IOLBF, 0);
    show_init(&console->show, settings, console->stdio ? stderr : stdout);
    console->interactive = !has_script(console) && !console->stdio && isatty(STDIN_FILENO);
    uv_loop_init(&console->loop);
    uv_timer_init(&console->loop, &console->timer);
    console->timer.data = console;
    watch_signals(console);
    console->config = new_config(console);
    if (console->config == NULL) {
        tool_complain("out of memory");
        return TOOL_BROKEN;
    }
    return secure_make(&console->secure, settings, ours, settings->argument) ? open_script(console)
                                                                             : TOOL_USAGE;
}

int console_run(tool_console *console)
{
    uv_run(&console->loop, UV_RUN_DEFAULT);
    uv_loop_close(&console->loop);
    mqw_config_free(console->config);
    secure_free(&console->secure);
    if (console->script >= 0 && !console->reading)
        close(console->script);
    await_free(&console->await);
    show_end(&console->show);
    return console->status;
}
