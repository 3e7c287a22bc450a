// SPDX-License-Identifier: MIT
// A descriptor that the loop watches with uv_poll_t. It does not keep the loop running: connections do.
#include "watch.h"

#include <stdlib.h>

#include "alloc.h"

struct mqw__watch {
    uv_poll_t poll; /**< data: the owner */
    mqw__watch_cb *cb;
    int armed;
};

static void on_poll(uv_poll_t *poll, int status, int events)
{
    mqw__watch *watch = (mqw__watch *)poll;
    int what = watch->armed & events;
    if (status < 0) {
        // libuv has stopped watching; who is told tries, and arms again if that did not show the failure.
        what = watch->armed;
        watch->armed = 0;
    }
    if (what)
        watch->cb(poll->data, what);
}

int mqw__watch_new(mqw__watch **out, mqw__loop *loop, int fd, mqw__watch_cb *cb, void *owner)
{
    mqw__watch *watch = mqw__uv_new(sizeof *watch);
    if (!watch)
        return UV_ENOMEM;
    int failed = uv_poll_init(loop->uv, &watch->poll, fd);
    if (failed) {
        free(watch);
        return failed;
    }
    watch->poll.data = owner;
    watch->cb = cb;
    uv_unref((uv_handle_t *)&watch->poll);
    *out = watch;
    return 0;
}

void mqw__watch_arm(mqw__watch *watch, int what)
{
    if (watch->armed == what)
        return;
    watch->armed = what;
    if (what)
        uv_poll_start(&watch->poll, what, on_poll);
    else
        uv_poll_stop(&watch->poll);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle);
}

void mqw__watch_free(mqw__watch *watch)
{
    if (watch)
        uv_close((uv_handle_t *)&watch->poll, on_closed);
}
