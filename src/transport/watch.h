// SPDX-License-Identifier: MIT
// A descriptor that the loop watches, as a part of what owns it. All zeros: none is watched.
#ifndef MQW_TRANSPORT_WATCH_H
#define MQW_TRANSPORT_WATCH_H

#include "loop.h"
#include "mqwire/transport.h"

typedef struct mqw__watch mqw__watch;
/** `what`: MQW_READABLE, MQW_WRITABLE; also told when the descriptor has failed: reading or writing then says
 * how. It may end the watch. */
typedef void mqw__watch_cb(mqw__watch *watch, int what);

struct mqw__watch {
    mqw__watch_cb *cb; /**< NULL: nothing is watched. */
#if !MQW__EPOLL
    struct mqw__polled *polled; /**< It is apart, because libuv gives its memory back only a turn later. */
#endif
    int fd;
    uint8_t armed; /**< What is to be told. */
    uint8_t set;   /**< What the system looks for, which may be more. */
};

static inline bool mqw__watch_is_on(const mqw__watch *watch)
{
    return watch->cb != NULL;
}

/** Begins to watch, but tells of nothing yet. `soon`: what will be armed next. 0, or an error of libuv:
 * UV_EPERM for what is always ready (regular files). */
int mqw__watch_begin(mqw__watch *watch, mqw__loop *loop, int fd, int soon, mqw__watch_cb *cb);
/** Tells of readiness from now on; 0: of nothing. */
void mqw__watch_arm(mqw__watch *watch, mqw__loop *loop, int what);
/** The descriptor may be closed right after it, and the memory go. Of one that is not watched: nothing
 * happens. */
void mqw__watch_end(mqw__watch *watch, mqw__loop *loop);

#endif
