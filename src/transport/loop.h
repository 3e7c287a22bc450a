// SPDX-License-Identifier: MIT
// What all connections of one uv_loop_t share: one timer, one read buffer, the list of what has work in this
// turn.
#ifndef MQW_TRANSPORT_LOOP_H
#define MQW_TRANSPORT_LOOP_H

#include <stdbool.h>
#include <uv.h>

#include "mqwire/packet.h"
#include "wheel.h"

#if defined __linux__ && !defined MQW_NO_EPOLL
#define MQW__EPOLL 1
#else
#define MQW__EPOLL 0 /**< Each descriptor has a handle of libuv. */
#endif

enum { MQW__BUFFER = 256 * 1024 };

/** Something that wants to run once, at the next chance, with nobody else on the stack. It may free itself.
 */
typedef struct mqw__task {
    struct mqw__task *next; /**< NULL: not listed; the last one points at itself. */
    void (*run)(struct mqw__task *task);
} mqw__task;

typedef struct mqw__loop {
    uv_loop_t *uv;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_idle_t idle;
    uv_timer_t timer;
    uint64_t timer_at; /**< UINT64_MAX: the timer rests. */
    mqw__wheel wheel;
    mqw__task *first; /**< NULL: nothing has work. */
    mqw__task *last;
    struct mqw_tls *tls; /**< Of clients that bring none; NULL: nobody has needed it. */
    mqw_bytes *input;    /**< What a connection is being given, of which it may leave some; NULL: nothing. */
    const void *given;   /**< Its link. */
    uint8_t *buffer;     /**< MQW__BUFFER bytes, free to use within a callback. */
    uint32_t uses;       /**< What keeps the loop running. */
    uint32_t turn;       /**< Counts turns of the loop. */
    uint32_t ready;      /**< Descriptors found readable in this turn … */
    uint32_t ready_before; /**< … and in the one before. */
    size_t took;           /**< Bytes that were read in this turn … */
    size_t gave;           /**< … and written. */
    size_t gain;           /**< How many are written for each that is read, lately. */
    const void *shown;     /**< The stream whose ends were shown last; NULL: none. */
    char ends[2][120];     /**< Of that stream: the peer's, ours. */
    int handles;           /**< Open, or not yet quite closed. */
#if MQW__EPOLL
    uv_poll_t poll;           /**< Of the set; watch_epoll.c. */
    struct mqw__batch *batch; /**< What is being told; NULL: nothing. */
#endif
    int epoll; /**< The set of descriptors; negative: there is none yet. */
} mqw__loop;

/** The state of a loop, found or made, with one more use, which keeps uv_run going. NULL: no memory. */
mqw__loop *mqw__loop_use(uv_loop_t *uv);
/** One more use of a state that is at hand. */
void mqw__loop_keep(mqw__loop *loop);
/** One use less; after the last one the state closes its handles and goes. */
void mqw__loop_drop(mqw__loop *loop);

/** A handle of the loop's own, which is open from now on and does not keep it running. */
void mqw__loop_handle(mqw__loop *loop, uv_handle_t *handle);
/** For uv_close of such a handle. */
void mqw__loop_closed(uv_handle_t *handle);
/** watch_epoll.c, watch_uv.c: closes what watches, which nobody needs any more. */
void mqw__watch_close(mqw__loop *loop);

/** Lists a task, unless it is listed. */
void mqw__loop_task(mqw__loop *loop, mqw__task *task);
/** Sets a deadline at a time of uv_now; UINT64_MAX: none. */
void mqw__loop_deadline(mqw__loop *loop, mqw__deadline *entry, uint64_t at);
void mqw__loop_clear(mqw__loop *loop, mqw__deadline *entry);
/** How much one connection may read in this turn. */
size_t mqw__loop_budget(mqw__loop *loop);

#endif
