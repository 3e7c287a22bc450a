// SPDX-License-Identifier: MIT
// Waiting for what the peer says; see await.h.
#include "await.h"

#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "line.h"
#include "tool.h"

/* --- Held packets ------------------------------------------------------------------------------------- */

static void drop_held(tool_await *await, size_t index)
{
    mqw_packet_free(await->held[index], NULL);
    await->held_count--;
    for (size_t i = index; i < await->held_count; i++)
        await->held[i] = await->held[i + 1];
}

// A peer that says more than the transcript asks for is not read until it does.
static void hold(tool_peer *peer, const mqw_packet *packet)
{
    tool_await *await = &peer->console->await;
    mqw_packet *copy = await->held_count < HELD_MAX ? mqw_packet_copy(packet, NULL) : NULL;
    if (copy == NULL) {
        tool_complain("too many packets that no line asks for");
        console_finish(peer->console, TOOL_DIFFERS);
        return;
    }
    await->held[await->held_count++] = copy;
    if (await->held_count == HELD_MAX - 1)
        mqw_conn_pause(peer->conn);
}

static void release_peer(tool_console *console)
{
    tool_peer *peer = peer_find(console, console->await.number);
    if (peer && mqw_conn_paused(peer->conn) && console->await.held_count < HELD_MAX / 2)
        mqw_conn_resume(peer->conn);
}

/* --- The outcome -------------------------------------------------------------------------------------- */

static void stop(tool_console *console)
{
    console->await.active = false;
    uv_timer_stop(&console->timer);
    expectation_free(console->await.expected);
    console->await.expected = NULL;
}

// The input goes on, with the line that was put off.
static void satisfied(tool_console *console)
{
    char *line = console->await.postponed;
    console->await.postponed = NULL;
    stop(console);
    release_peer(console);
    input_resume(&console->input);
    if (line)
        line_do(console, (mqw_text){line, strlen(line)});
    free(line);
}

enum { REPORTED = 8 }; // packets, where several could have been the one

static const char *expected_text(const tool_await *await)
{
    if (await->expected)
        return expectation_text(await->expected);
    if (await->type == AWAIT_ANSWERS)
        return "an answer to every request";
    return await->type == AWAIT_CLOSE ? "the end of the connection" : mqw_packet_name((int)await->type);
}

// Prints a line of the report on standard error, `mark` in front, cut when it is very long.
static void report(const tool_console *console, tool_paint paint, const char *mark, const char *text)
{
    bool colours = paint_wanted(console->settings->colour, stderr);
    size_t len = strlen(text);
    fprintf(stderr, "%s  %s%.*s%s%s\n", paint_code(colours, paint), mark, (int)(len > 1000 ? 1000 : len),
            text, len > 1000 ? " ..." : "", paint_code(colours, PAINT_PLAIN));
}

static void report_field(void *ctx, mqw_text name, const char *expected, const char *got)
{
    const tool_console *console = ctx;
    char missing[64];
    snprintf(missing, sizeof(missing), "(no %.*s)", (int)(name.len < 48 ? name.len : 48), name.data);
    report(console, PAINT_BAD, "- ", *expected ? expected : missing);
    report(console, PAINT_GOOD, "+ ", *got ? got : missing);
}

static void report_packet(const tool_console *console, const char *mark, const mqw_packet *packet)
{
    char *text = packet_text(packet);
    report(console, PAINT_PLAIN, mark, text ? text : "");
    free(text);
}

// Nothing came that satisfies the line. `why` is a sentence.
static void differs(tool_console *console, const char *why)
{
    tool_await *await = &console->await;
    fflush(stdout);
    tool_complain("%s: %s", await->where, why);
    report(console, PAINT_PLAIN, "expected  ", expected_text(await));
    size_t shown = console->settings->unordered ? REPORTED : 1;
    for (size_t i = 0; i < await->held_count && i < shown; i++)
        report_packet(console, "got       ", await->held[i]);
    if (await->expected && await->held_count > 0 && !console->settings->unordered)
        expectation_compare(await->expected, await->held[0], console->settings->exact, report_field, console);
    if (console->show.json)
        show_event(&console->show, 0, PAINT_BAD, "difference", expected_text(await));
    stop(console);
    console_fail(console, TOOL_DIFFERS);
    input_resume(&console->input);
}

/* --- Matching ----------------------------------------------------------------------------------------- */

static bool matches(const tool_console *console, const mqw_packet *packet)
{
    const tool_await *await = &console->await;
    if (await->expected)
        return expectation_compare(await->expected, packet, console->settings->exact, NULL, NULL) == 0;
    return packet->type == await->type;
}

static void take_held(tool_console *console, size_t index)
{
    tool_await *await = &console->await;
    if (await->expected)
        expectation_keep(await->expected, await->held[index], &await->variables);
    drop_held(await, index);
    satisfied(console);
}

// Looks at what has come. In order, the first packet has to be the one.
static void look(tool_console *console)
{
    tool_await *await = &console->await;
    size_t count = console->settings->unordered || await->held_count == 0 ? await->held_count : 1;
    for (size_t i = 0; i < count; i++)
        if (await->type != AWAIT_CLOSE && matches(console, await->held[i])) {
            take_held(console, i);
            return;
        }
    bool gone = await->number <= console->peer_count && peer_find(console, await->number) == NULL;
    if (await->held_count > 0 && (!console->settings->unordered || gone))
        differs(console, console->ours == MQW_CLIENT ? "the server said something else"
                                                     : "the client said something else");
    else if (gone && await->type == AWAIT_CLOSE)
        satisfied(console);
    else if (gone)
        differs(console, "the connection is closed");
}

static void on_timer(uv_timer_t *timer)
{
    await_timeout(timer->data);
}

static void begin(tool_console *console, const tool_peer *peer, unsigned type, uint32_t timeout)
{
    tool_await *await = &console->await;
    await->type = type;
    await->number = peer ? peer->number : console->peer_count ? console->peer_count : 1;
    await->timeout = timeout;
    await->active = true;
    console_where(console, await->where);
    input_pause(&console->input);
    if (timeout != WAIT_FOREVER)
        uv_timer_start(&console->timer, on_timer, timeout, 0);
}

void await_packet(tool_console *console, tool_peer *peer, unsigned type, tool_expectation *expected,
                  uint32_t timeout)
{
    if (!console->settings->expect && peer && type != AWAIT_CLOSE && peer->seen[type] > 0) {
        peer->seen[type]--;
        return;
    }
    console->await.expected = expected;
    begin(console, peer, type, timeout);
    look(console);
}

void await_answers(tool_console *console, tool_peer *peer, const char *line)
{
    free(console->await.postponed);
    console->await.postponed = strdup(line);
    begin(console, peer, AWAIT_ANSWERS, console->settings->timeout);
}

void await_heard(tool_peer *peer, const mqw_packet *packet)
{
    tool_console *console = peer->console;
    tool_await *await = &console->await;
    if (console->settings->expect) {
        hold(peer, packet);
        if (await->active && !console->ending)
            look(console);
        return;
    }
    bool ours = await->active && await->number == peer->number;
    if (!ours || await->type != packet->type)
        peer->seen[packet->type & 15]++;
    if (ours && (await->type == packet->type || (await->type == AWAIT_ANSWERS && peer->requests == 0)))
        satisfied(console);
}

void await_closed(tool_peer *peer)
{
    tool_await *await = &peer->console->await;
    if (await->active && await->number == peer->number && !peer->console->ending)
        look(peer->console);
}

void await_timeout(tool_console *console)
{
    char why[64];
    if (!console->await.active)
        return;
    snprintf(why, sizeof(why), "not within %lu ms", (unsigned long)console->await.timeout);
    differs(console, why);
}

void await_free(tool_await *await)
{
    while (await->held_count > 0)
        drop_held(await, await->held_count - 1);
    expectation_free(await->expected);
    free(await->postponed);
    variables_free(&await->variables);
}
