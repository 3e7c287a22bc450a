// SPDX-License-Identifier: MIT
// Descriptors watched with a uv_poll_t each, where there is no epoll. They do not keep the loop running:
// connections do.
#include "watch.h"

#if !MQW__EPOLL

#include <stdlib.h>

#include "alloc.h"

struct mqw__polled {
    uv_poll_t poll;
    mqw__watch *watch;
};

static void on_poll(uv_poll_t *poll, int status, int events)
{
    mqw__watch *watch = ((struct mqw__polled *)poll)->watch;
    int what = watch->armed & events;
    if (status < 0) {
        // libuv has stopped watching; who is told tries, and arms again if that did not show the failure.
        what = watch->armed;
        watch->armed = 0;
    }
    if (what)
        watch->cb(watch, what);
}

int mqw__watch_begin(mqw__watch *watch, mqw__loop *loop, int fd, int soon, mqw__watch_cb *cb)
{
    struct mqw__polled *polled = mqw__uv_new(sizeof *polled);
    (void)soon;
    if (!polled)
        return UV_ENOMEM;
    int failed = uv_poll_init(loop->uv, &polled->poll, fd);
    if (failed) {
        free(polled);
        return failed;
    }
    polled->watch = watch;
    uv_unref((uv_handle_t *)&polled->poll);
    *watch = (mqw__watch){.cb = cb, .polled = polled, .fd = fd};
    return 0;
}

void mqw__watch_arm(mqw__watch *watch, mqw__loop *loop, int what)
{
    (void)loop;
    if (watch->armed == what)
        return;
    watch->armed = (uint8_t)what;
    if (what)
        uv_poll_start(&watch->polled->poll, what, on_poll);
    else
        uv_poll_stop(&watch->polled->poll);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle);
}

void mqw__watch_end(mqw__watch *watch, mqw__loop *loop)
{
    (void)loop;
    if (watch->cb)
        uv_close((uv_handle_t *)&watch->polled->poll, on_closed);
    watch->cb = NULL;
}

void mqw__watch_close(mqw__loop *loop)
{
    (void)loop;
}

#endif
