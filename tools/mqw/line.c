// SPDX-License-Identifier: MIT
// What lines ask for; see line.h.
#include "line.h"

#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "hex.h"
#include "step.h"
#include "token.h"
#include "tool.h"

/* --- What is wrong ------------------------------------------------------------------------------------ */

// Tells what is wrong with a line. A person may go on; a script ends.
static void reject(tool_console *console, int status, const char *why)
{
    char where[128];
    tool_show *show = &console->show;
    bool person = console->interactive;
    if (show->hide)
        show->hide(show->ctx);
    fflush(stdout);
    tool_complain("%s%s%s", person ? "" : console_where(console, where), person ? "" : ": ", why);
    if (show->reveal)
        show->reveal(show->ctx);
    console_fail(console, status);
}

// Shows where packet text cannot be read.
static void reject_text(tool_console *console, const char *text, const mqw_error *error)
{
    char why[256];
    int at = error->offset < strlen(text) ? (int)error->offset : (int)strlen(text);
    const char *rest = text + at;
    if (error->code == MQW_E_MALFORMED && error->field)
        snprintf(why, sizeof(why), "column %d: expected %s%s%.40s", at + 1, error->field,
                 *rest ? ", not " : "", rest);
    else
        snprintf(why, sizeof(why), "%s", mqw_strerror(error->code));
    reject(console, TOOL_USAGE, why);
}

static void reject_send(tool_console *console, mqw_conn *conn, int result)
{
    char why[512];
    mqw_error error;
    bool ours = result == MQW_E_MISUSE || result == MQW_E_REFUSED;
    if ((ours || result == MQW_E_QUOTA || result == MQW_E_TOO_LARGE) && mqw_conn_refusal(conn, &error))
        mqw_error_print(why, sizeof(why), &error);
    else
        snprintf(why, sizeof(why), "%s", mqw_strerror(result));
    reject(console, ours ? TOOL_USAGE : TOOL_DIFFERS, why);
}

// The peer that a line is for; NULL: it was told that there is none.
static tool_peer *peer_of(tool_console *console, const tool_step *step)
{
    tool_peer *peer = peer_find(console, step->peer);
    if (peer == NULL)
        reject(console, TOOL_DIFFERS,
               console->peer_count ? "that connection is closed" : "nobody is connected yet");
    return peer;
}

enum { HIGH_WATER = 65536 }; // the default of connections: `drain` is heard when output falls from above it

/* --- Saying ------------------------------------------------------------------------------------------- */

static bool names_version(mqw_text line)
{
    tool_token word;
    while (token_next(&line, &word))
        if (token_is(word.name, "version"))
            return true;
    return false;
}

// After DISCONNECT no answer comes any more: in a list of lines that says nothing of answers it has time
// until they are there.
static bool is_farewell(const tool_console *console, const tool_peer *peer, const mqw_packet *packet)
{
    return packet->type == MQW_DISCONNECT && peer->requests > 0 && console->ours == MQW_CLIENT &&
           !console->interactive && !console->settings->expect;
}

static void send_text(tool_peer *peer, const char *text)
{
    tool_console *console = peer->console;
    size_t len = strlen(text);
    mqw_packet packet;
    mqw_error error = {.code = MQW_E_NO_MEMORY};
    uint8_t *room = malloc(len + 16);
    if (room == NULL || mqw_scan((mqw_text){text, len}, &packet, room, len + 16, &error) < 0) {
        reject_text(console, text, &error);
        free(room);
        return;
    }
    if (packet.type == MQW_CONNECT && console->settings->version && !names_version((mqw_text){text, len}))
        packet.connect.version = (uint8_t)console->settings->version;
    if (is_farewell(console, peer, &packet)) {
        await_answers(console, peer, text);
        free(room);
        return;
    }
    int result = mqw_conn_send(peer->conn, &packet);
    free(room);
    if (result < 0)
        reject_send(console, peer->conn, result);
    else if (mqw_conn_waiting(peer->conn) > HIGH_WATER)
        input_pause(&console->input); // until drain
}

static void say(tool_console *console, const tool_step *step)
{
    tool_peer *peer = peer_of(console, step);
    if (peer == NULL)
        return;
    char *text = variables_expand(&console->await.variables, step->text);
    if (text)
        send_text(peer, text);
    free(text);
}

/* --- Hearing ------------------------------------------------------------------------------------------ */

static void hear(tool_console *console, const tool_step *step)
{
    mqw_error error;
    tool_peer *peer = peer_find(console, step->peer);
    tool_expectation *expected = expectation_new(&console->await.variables, step->text, &error);
    if (expected == NULL) {
        char text[256];
        snprintf(text, sizeof(text), "%.*s", (int)step->text.len, step->text.data);
        reject_text(console, text, &error);
        return;
    }
    unsigned type = expectation_type(expected);
    if (!console->settings->expect) { // the line only sets the pace
        expectation_free(expected);
        expected = NULL;
    }
    await_packet(console, peer, type, expected, console->settings->timeout);
}

/* --- Commands ----------------------------------------------------------------------------------------- */

typedef struct dot_command {
    const char *name;
    const char *arguments;
    const char *help;
    bool to_peer; // it needs one
    void (*run)(tool_console *console, tool_peer *peer, mqw_text arguments);
} dot_command;

static void do_help(tool_console *console, tool_peer *peer, mqw_text arguments);

static void do_quit(tool_console *console, tool_peer *peer, mqw_text arguments)
{
    (void)peer, (void)arguments;
    console_finish(console, TOOL_OK);
}

static void do_close(tool_console *console, tool_peer *peer, mqw_text arguments)
{
    (void)console, (void)arguments;
    mqw_conn_close(peer->conn);
}

static void do_abort(tool_console *console, tool_peer *peer, mqw_text arguments)
{
    (void)console, (void)arguments;
    mqw_conn_abort(peer->conn);
}

static void send_raw(tool_console *console, tool_peer *peer, mqw_bytes bytes)
{
    peer->raw = true;
    int result = mqw_conn_send_raw(peer->conn, bytes);
    peer->raw = false;
    if (result < 0)
        reject_send(console, peer->conn, result);
}

static void do_hex(tool_console *console, tool_peer *peer, mqw_text arguments)
{
    hex_reader hex;
    uint8_t *room = malloc(arguments.len + HEX_ROOM);
    if (room == NULL)
        return;
    hex_init(&hex);
    size_t len = hex_read(&hex, arguments.data, arguments.len, room);
    len += hex_finish(&hex, room + len);
    if (hex.error)
        reject(console, TOOL_USAGE, hex.error);
    else
        send_raw(console, peer, (mqw_bytes){room, len});
    free(room);
}

static int escaped(char c)
{
    static const char letters[] = "nrt0\\", values[] = "\n\r\t\0\\";
    const char *letter = c ? strchr(letters, c) : NULL;
    return letter ? values[letter - letters] : -1;
}

// Text as it stands, with the escapes \n \r \t \0 \\.
static void do_raw(tool_console *console, tool_peer *peer, mqw_text arguments)
{
    uint8_t *room = malloc(arguments.len + 1);
    size_t len = 0;
    for (size_t i = 0; room && i < arguments.len; i++) {
        int value = arguments.data[i] == '\\' && i + 1 < arguments.len ? escaped(arguments.data[i + 1]) : -1;
        i += value >= 0;
        room[len++] = value >= 0 ? (uint8_t)value : (uint8_t)arguments.data[i];
    }
    if (room)
        send_raw(console, peer, (mqw_bytes){room, len});
    free(room);
}

static void do_version(tool_console *console, tool_peer *peer, mqw_text arguments)
{
    static const struct {
        const char *word;
        uint8_t version;
    } words[] = {{"3", 3}, {"4", 4}, {"5", 5}, {"3.1", 3}, {"3.1.1", 4}, {"5.0", 5}};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (token_is(arguments, words[i].word)) {
            int result = mqw_conn_set_version(peer->conn, words[i].version);
            if (result < 0)
                reject_send(console, peer->conn, result);
            return;
        }
    reject(console, TOOL_USAGE, ".version takes 3.1, 3.1.1 or 5.0");
}

// `.wait NAME [MS]`
static void do_wait(tool_console *console, tool_peer *peer, mqw_text arguments)
{
    tool_token name, limit;
    uint32_t timeout = console->settings->timeout;
    bool named = token_next(&arguments, &name);
    unsigned type = named ? step_packet_type(name.whole) : 0;
    if (!named || (type == 0 && !token_is(name.whole, "close"))) {
        reject(console, TOOL_USAGE, ".wait takes the name of a packet, or close");
        return;
    }
    if (token_next(&arguments, &limit))
        timeout = (uint32_t)strtoul(limit.whole.data, NULL, 10);
    await_packet(console, peer, type, NULL, timeout);
}

static void do_form(tool_console *console, tool_peer *peer, mqw_text arguments)
{
    (void)peer, (void)arguments;
    console->show.full = !console->show.full;
}

static void do_peers(tool_console *console, tool_peer *peer, mqw_text arguments)
{
    char text[256];
    (void)arguments;
    for (peer = console->peers; peer; peer = peer->next) {
        mqw_stream_facts facts = {.size = sizeof(facts)};
        const mqw_stream *stream = mqw_conn_stream(peer->conn);
        if (stream)
            mqw_stream_facts_of(stream, &facts);
        snprintf(text, sizeof(text), "#%u %s, version %d, %zu subscriptions", peer->number, facts.peer,
                 mqw_conn_version(peer->conn), peer->subscriptions.count);
        show_event(&console->show, 0, PAINT_DIM, "peer", text);
    }
}

static const dot_command commands[] = {
    {".help", "", "this list", false, do_help},
    {".quit", "", "close all connections and end", false, do_quit},
    {".close", "", "send what waits, then close the connection", true, do_close},
    {".abort", "", "close the connection at once", true, do_abort},
    {".wait", "NAME [MS]", "go on when the peer has sent a packet of that name, or has closed (close)", false,
     do_wait},
    {".hex", "BYTES", "send bytes as they are: 30 03 00 01 61", true, do_hex},
    {".raw", "TEXT", "send text as it is; \\n \\r \\t \\0 \\\\ are escapes", true, do_raw},
    {".version", "N", "speak 3.1, 3.1.1 or 5.0 although no CONNECT said so", true, do_version},
    {".full", "", "show whole packets, or the short form again", false, do_form},
    {".peers", "", "who is connected", false, do_peers},
};

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static void do_help(tool_console *console, tool_peer *peer, mqw_text arguments)
{
    tool_show *show = &console->show;
    (void)peer, (void)arguments;
    if (show->hide)
        show->hide(show->ctx);
    fputs("# PUBLISH topic=\"a/b\" payload=\"hi\"   a packet to send; Tab completes names and fields\n",
          show->out);
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(show->out, "# %-8s %-10s %s\n", commands[i].name, commands[i].arguments, commands[i].help);
    if (console->ours == MQW_SERVER)
        fputs("# #3 PINGRESP          a line for peer 3 instead of the newest\n", show->out);
    if (show->reveal)
        show->reveal(show->ctx);
}

const char *line_command(size_t index)
{
    return index < COMMANDS ? commands[index].name : NULL;
}

static mqw_text behind(mqw_text text, mqw_text word)
{
    const char *at = word.data + word.len, *end = text.data + text.len;
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    return (mqw_text){at, (size_t)(end - at)};
}

static void command(tool_console *console, const tool_step *step)
{
    tool_token name;
    mqw_text left = step->text;
    token_next(&left, &name);
    for (size_t i = 0; i < COMMANDS; i++) {
        if (!token_is(name.whole, commands[i].name))
            continue;
        tool_peer *peer = commands[i].to_peer ? peer_of(console, step) : peer_find(console, step->peer);
        if (peer || !commands[i].to_peer)
            commands[i].run(console, peer, behind(step->text, name.whole));
        return;
    }
    reject(console, TOOL_USAGE, "no such command; .help lists them");
}

static void note(tool_console *console, const tool_step *step)
{
    char text[512];
    if (!console->settings->notes)
        return;
    snprintf(text, sizeof(text), "%.*s", (int)(step->text.len < 500 ? step->text.len : 500), step->text.data);
    show_event(&console->show, 0, PAINT_NOTE, "note", text);
}

void line_do(tool_console *console, mqw_text line)
{
    static void (*const run[])(tool_console *, const tool_step *) = {
        [STEP_NOTE] = note, [STEP_SAY] = say, [STEP_HEAR] = hear, [STEP_COMMAND] = command};
    tool_step step = step_of(line, console->ours);
    if (step.kind != STEP_NONE)
        run[step.kind](console, &step);
}
