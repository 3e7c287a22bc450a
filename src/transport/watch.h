// SPDX-License-Identifier: MIT
// A descriptor that the loop watches. It is apart from its stream, because libuv gives its memory back only a
// turn later.
#ifndef MQW_TRANSPORT_WATCH_H
#define MQW_TRANSPORT_WATCH_H

#include "loop.h"
#include "mqwire/transport.h"

typedef struct mqw__watch mqw__watch;
/** `what`: MQW_READABLE, MQW_WRITABLE; also told when the descriptor has failed: reading or writing then says
 * how. */
typedef void mqw__watch_cb(void *owner, int what);

/** Watches nothing yet. 0 with *out, or an error of libuv: UV_EPERM for what is always ready (regular files).
 */
int mqw__watch_new(mqw__watch **out, mqw__loop *loop, int fd, mqw__watch_cb *cb, void *owner);
/** Tells of readiness from now on; 0: of nothing. */
void mqw__watch_arm(mqw__watch *watch, int what);
/** The descriptor may be closed right after it; NULL is fine. */
void mqw__watch_free(mqw__watch *watch);

#endif
