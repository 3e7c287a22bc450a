// SPDX-License-Identifier: MIT
// Descriptors in an epoll set of our own, which libuv watches as one descriptor: a connection needs no handle
// of libuv, and what is armed and disarmed in turn costs no system call.
#include "watch.h"

#if MQW__EPOLL

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { BATCH = 256 };

/** What has come of one epoll_wait and is being told. */
struct mqw__batch {
    struct epoll_event events[BATCH];
    int count;
};

// What is not looked for is told once, not again and again.
static struct epoll_event event_of(mqw__watch *watch, int what)
{
    uint32_t events =
        (what & MQW_READABLE ? (uint32_t)EPOLLIN : 0) | (what & MQW_WRITABLE ? (uint32_t)EPOLLOUT : 0);
    return (struct epoll_event){.events = events ? events : (uint32_t)EPOLLET, .data = {.ptr = watch}};
}

static void set(mqw__watch *watch, mqw__loop *loop, int what)
{
    struct epoll_event event = event_of(watch, what);
    watch->set = (uint8_t)what;
    (void)epoll_ctl(loop->epoll, EPOLL_CTL_MOD, watch->fd, &event);
}

static void tell(mqw__watch *watch, mqw__loop *loop, uint32_t events)
{
    bool failed = (events & (EPOLLERR | EPOLLHUP)) != 0;
    int found = (events & EPOLLIN ? MQW_READABLE : 0) | (events & EPOLLOUT ? MQW_WRITABLE : 0);
    int what = (failed ? MQW_READABLE | MQW_WRITABLE : found) & watch->armed;
    if ((found & ~watch->armed) || (failed && !watch->armed))
        set(watch, loop, watch->armed);
    if (what)
        watch->cb(watch, what);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    mqw__loop *loop = poll->data;
    struct mqw__batch batch;
    (void)status, (void)events;
    batch.count = epoll_wait(loop->epoll, batch.events, BATCH, 0);
    loop->batch = &batch;
    if (batch.count > (int)loop->ready_before)
        loop->ready_before = (uint32_t)batch.count;
    for (int i = 0; i < batch.count; i++)
        if (batch.events[i].data.ptr)
            tell(batch.events[i].data.ptr, loop, batch.events[i].events);
    loop->batch = NULL;
}

static int open_set(mqw__loop *loop)
{
    int fd = epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0)
        return -errno;
    int failed = uv_poll_init(loop->uv, &loop->poll, fd);
    if (!failed)
        failed = uv_poll_start(&loop->poll, UV_READABLE, on_ready);
    if (failed) {
        close(fd);
        return failed;
    }
    mqw__loop_handle(loop, (uv_handle_t *)&loop->poll);
    loop->epoll = fd;
    return 0;
}

void mqw__watch_close(mqw__loop *loop)
{
    if (loop->epoll >= 0)
        uv_close((uv_handle_t *)&loop->poll, mqw__loop_closed);
}

int mqw__watch_begin(mqw__watch *watch, mqw__loop *loop, int fd, int soon, mqw__watch_cb *cb)
{
    int failed = loop->epoll < 0 ? open_set(loop) : 0;
    struct epoll_event event = event_of(watch, soon);
    if (failed)
        return failed;
    if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event))
        return -errno;
    *watch = (mqw__watch){.cb = cb, .fd = fd, .set = (uint8_t)soon};
    return 0;
}

void mqw__watch_arm(mqw__watch *watch, mqw__loop *loop, int what)
{
    watch->armed = (uint8_t)what;
    if (what & ~watch->set)
        set(watch, loop, what);
}

// A copy of the descriptor elsewhere would keep it in the set, so it is taken out although it is closed next.
void mqw__watch_end(mqw__watch *watch, mqw__loop *loop)
{
    struct epoll_event none = {.events = 0};
    if (!watch->cb)
        return;
    (void)epoll_ctl(loop->epoll, EPOLL_CTL_DEL, watch->fd, &none);
    watch->cb = NULL;
    for (int i = 0; loop->batch && i < loop->batch->count; i++)
        if (loop->batch->events[i].data.ptr == watch)
            loop->batch->events[i].data.ptr = NULL;
}

#endif
