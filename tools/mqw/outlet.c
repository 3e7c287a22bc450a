// SPDX-License-Identifier: MIT
// Standard output that never blocks the loop; see outlet.h. The descriptor stays in its mode, which is the
// shell's, too: poll tells when PIPE_BUF bytes can be written without waiting.
#include "outlet.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FULL = 256 * 1024 };

static void on_writable(uv_poll_t *handle, int status, int events);

static void fail(tool_outlet *outlet, int error)
{
    if (outlet->error)
        return;
    outlet->error = error;
    outlet->first = outlet->last = 0;
    if (outlet->open)
        uv_poll_stop(&outlet->poll);
    outlet->on_broken(outlet->ctx, error);
}

// A reader that goes is noticed although nothing is written: the error comes unasked.
static void arm(tool_outlet *outlet)
{
    int events = outlet->waiting ? UV_WRITABLE | UV_DISCONNECT : UV_DISCONNECT;
    if (outlet->open && !outlet->error)
        uv_poll_start(&outlet->poll, events, on_writable);
}

void outlet_open(tool_outlet *outlet, uv_loop_t *loop, int fd)
{
    outlet->fd = fd;
    outlet->terminal = isatty(fd);
    outlet->polled = uv_guess_handle(fd) != UV_FILE && uv_poll_init(loop, &outlet->poll, fd) == 0;
    if (!outlet->polled)
        return;
    outlet->poll.data = outlet;
    outlet->open = true;
    uv_unref((uv_handle_t *)&outlet->poll);
    arm(outlet);
}

static bool make_room(tool_outlet *outlet, size_t len)
{
    if (outlet->first == outlet->last)
        outlet->first = outlet->last = 0;
    if (outlet->size - outlet->last >= len)
        return true;
    size_t size = outlet->last + len + FULL;
    char *more = realloc(outlet->data, size);
    if (more == NULL) {
        fail(outlet, ENOMEM);
        return false;
    }
    outlet->data = more;
    outlet->size = size;
    return true;
}

static void append(tool_outlet *outlet, const void *bytes, size_t len)
{
    if (len == 0 || outlet->error || !make_room(outlet, len))
        return;
    memcpy(outlet->data + outlet->last, bytes, len);
    outlet->last += len;
}

static void put_bytes(void *outlet, const void *bytes, size_t len)
{
    append(outlet, bytes, len);
}

void outlet_peer(tool_outlet *outlet, mqw_text text)
{
    if (outlet->terminal)
        plain_text(&outlet->plain, text, true, put_bytes, outlet);
    else
        append(outlet, text.data, text.len);
}

void outlet_put(tool_outlet *outlet, const void *bytes, size_t len)
{
    plain_end(&outlet->plain, put_bytes, outlet);
    append(outlet, bytes, len);
}

void outlet_fill(tool_outlet *outlet, char c, size_t count)
{
    for (size_t i = 0; i < count; i++)
        outlet_put(outlet, &c, 1);
}

static bool can_write(const tool_outlet *outlet)
{
    struct pollfd fd = {.fd = outlet->fd, .events = POLLOUT};
    return !outlet->polled || poll(&fd, 1, 0) != 0;
}

// Writes a piece; false: it did not go.
static bool write_piece(tool_outlet *outlet, size_t most)
{
    size_t len = outlet->last - outlet->first;
    ssize_t count = write(outlet->fd, outlet->data + outlet->first, len < most ? len : most);
    if (count < 0 && errno != EAGAIN && errno != EINTR)
        fail(outlet, errno);
    outlet->first += count > 0 ? (size_t)count : 0;
    return count > 0;
}

bool outlet_flush(tool_outlet *outlet)
{
    size_t most = outlet->polled ? PIPE_BUF : SIZE_MAX;
    while (outlet->first < outlet->last && can_write(outlet) && write_piece(outlet, most))
        ;
    bool waiting = outlet->first < outlet->last;
    if (waiting != outlet->waiting) {
        outlet->waiting = waiting;
        arm(outlet);
    }
    return !waiting;
}

bool outlet_full(const tool_outlet *outlet)
{
    return outlet->last - outlet->first > FULL;
}

static void on_writable(uv_poll_t *handle, int status, int events)
{
    tool_outlet *outlet = handle->data;
    if (status < 0 || (events & UV_DISCONNECT))
        fail(outlet, EPIPE);
    else if (outlet_flush(outlet))
        outlet->on_drain(outlet->ctx);
}

void outlet_close(tool_outlet *outlet)
{
    if (outlet->open)
        uv_close((uv_handle_t *)&outlet->poll, NULL);
    outlet->open = false;
}

void outlet_end(tool_outlet *outlet)
{
    outlet->polled = false;
    while (outlet->first < outlet->last && (write_piece(outlet, SIZE_MAX) || !outlet->error)) {
        struct pollfd fd = {.fd = outlet->fd, .events = POLLOUT};
        poll(&fd, 1, -1);
    }
}

void outlet_free(tool_outlet *outlet)
{
    free(outlet->data);
    outlet->data = NULL;
    outlet->size = 0;
}
