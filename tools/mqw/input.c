// SPDX-License-Identifier: MIT
// Lines on the loop; see input.h.
#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK = 64 * 1024 };

static void on_readable(uv_poll_t *handle, int status, int events);
static void on_idle(uv_idle_t *handle);

// Waits for what there is to do next: to read, or to take a line that is there.
static void arm(tool_input *input, bool line_waits)
{
    if (!input->open)
        return;
    uv_idle_stop(&input->idle);
    if (input->polled)
        uv_poll_stop(&input->poll);
    if (input->paused)
        return;
    if (line_waits || input->ended || !input->polled)
        uv_idle_start(&input->idle, on_idle);
    else
        uv_poll_start(&input->poll, UV_READABLE, on_readable);
}

static void end(tool_input *input, const char *error)
{
    void (*on_end)(void *, const char *) = input->on_end;
    input_close(input);
    on_end(input->ctx, error);
}

static void give(tool_input *input, const char *line, size_t len)
{
    input->line++;
    input->on_line(input->ctx, (mqw_text){line, len});
}

/* --- Reading ------------------------------------------------------------------------------------------ */

static bool make_room(tool_input *input)
{
    if (input->first > 0) {
        memmove(input->text, input->text + input->first, input->last - input->first);
        input->last -= input->first;
        input->first = 0;
    }
    if (input->size - input->last >= CHUNK)
        return true;
    char *more = input->last > INPUT_LINE_MAX ? NULL : realloc(input->text, input->size * 2 + CHUNK);
    if (more == NULL)
        return false;
    input->text = more;
    input->size = input->size * 2 + CHUNK;
    return true;
}

// Reads what is there. False: it was told that the input has ended badly.
static bool fill(tool_input *input)
{
    if (!make_room(input)) {
        end(input, "a line is too long");
        return false;
    }
    ssize_t count = read(input->fd, input->text + input->last, CHUNK);
    if (count < 0 && errno != EAGAIN && errno != EINTR) {
        end(input, strerror(errno));
        return false;
    }
    input->ended = count == 0;
    input->last += count > 0 ? (size_t)count : 0;
    return true;
}

/* --- Lines -------------------------------------------------------------------------------------------- */

// Whether something can be taken without reading.
static bool has_line(const tool_input *input)
{
    if (input->edit)
        return edit_has_keys(input->edit);
    return input->text && memchr(input->text + input->first, '\n', input->last - input->first) != NULL;
}

// Takes one line, or notices the end. The last line needs no newline.
static void take_line(tool_input *input)
{
    char *start = input->text ? input->text + input->first : NULL;
    size_t left = start ? input->last - input->first : 0;
    const char *newline = left ? memchr(start, '\n', left) : NULL;
    if (newline == NULL && !input->ended)
        return;
    if (newline == NULL && left == 0) {
        end(input, NULL);
        return;
    }
    size_t len = newline ? (size_t)(newline - start) : left;
    input->first += len + (newline != NULL);
    give(input, start, len);
}

// Packets and input alternate: a turn takes one line, or a burst of them.
static void take_lines(tool_input *input)
{
    take_line(input);
    for (unsigned i = 0; i < input->burst && input->open && !input->paused && has_line(input); i++)
        take_line(input);
}

/* --- The terminal ------------------------------------------------------------------------------------- */

static void take_keys(tool_input *input)
{
    const char *line = NULL;
    tool_edit_result result = edit_next(input->edit, &line);
    if (result == EDIT_END || (result == EDIT_MORE && input->ended)) {
        end(input, NULL);
    } else if (result == EDIT_LINE) {
        give(input, line, strcspn(line, "\r\n"));
        if (input->open && !input->paused)
            edit_resume(input->edit);
    }
}

static void on_keys(tool_input *input)
{
    char keys[1024];
    ssize_t count = read(input->fd, keys, sizeof(keys));
    if (count > 0)
        edit_feed(input->edit, keys, (size_t)count);
    input->ended = count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR);
    take_keys(input);
}

/* --- The loop ----------------------------------------------------------------------------------------- */

static void on_idle(uv_idle_t *handle)
{
    tool_input *input = handle->data;
    if (input->edit)
        take_keys(input);
    else if (input->polled || input->ended || has_line(input) || fill(input))
        take_lines(input);
    if (input->open)
        arm(input, has_line(input));
}

static void on_readable(uv_poll_t *handle, int status, int events)
{
    tool_input *input = handle->data;
    (void)events;
    if (input->edit) {
        input->ended = status < 0;
        on_keys(input);
    } else if (fill(input)) {
        take_lines(input);
    }
    if (input->open)
        arm(input, has_line(input));
}

/* --- Life
 * ---------------------------------------------------------------------------------------------------------
 */

// A terminal is opened anew, because a descriptor on the loop must not block, and this one shares that with
// the shell.
static bool open_terminal(tool_input *input)
{
    const char *name = ttyname(input->fd);
    int fd = name ? open(name, O_RDONLY | O_NOCTTY | O_CLOEXEC) : -1;
    if (fd < 0)
        return false;
    if (input->own)
        close(input->fd);
    input->fd = fd;
    input->own = true;
    return true;
}

static void begin(tool_input *input, uv_loop_t *loop)
{
    input->flags = fcntl(input->fd, F_GETFL);
    input->polled = uv_guess_handle(input->fd) != UV_FILE && uv_poll_init(loop, &input->poll, input->fd) == 0;
    uv_idle_init(loop, &input->idle);
    input->poll.data = input->idle.data = input;
    input->open = true;
    arm(input, false);
}

void input_open(tool_input *input, uv_loop_t *loop, int fd, bool own)
{
    input->fd = fd;
    input->own = own;
    if (isatty(fd))
        open_terminal(input);
    begin(input, loop);
}

void input_open_edited(tool_input *input, uv_loop_t *loop, int fd, mqw_role ours, bool colours)
{
    input->fd = fd;
    input->own = false;
    if (open_terminal(input))
        input->edit = edit_new(input->fd, ours, colours);
    begin(input, loop);
}

void input_pause(tool_input *input)
{
    if (!input->open || input->paused)
        return;
    input->paused = true;
    arm(input, false);
}

void input_resume(tool_input *input)
{
    if (!input->open || !input->paused)
        return;
    input->paused = false;
    if (input->edit)
        edit_resume(input->edit);
    arm(input, has_line(input));
}

static void on_closed(uv_handle_t *handle)
{
    (void)handle;
}

void input_close(tool_input *input)
{
    if (!input->open)
        return;
    input->open = false;
    edit_free(input->edit);
    input->edit = NULL;
    uv_close((uv_handle_t *)&input->idle, on_closed);
    if (input->polled)
        uv_close((uv_handle_t *)&input->poll, on_closed);
    if (input->flags >= 0)
        fcntl(input->fd, F_SETFL, input->flags);
    if (input->own)
        close(input->fd);
    free(input->text);
    input->text = NULL;
}

void input_resized(tool_input *input)
{
    if (input->open && input->edit)
        edit_resized(input->edit);
}
