// SPDX-License-Identifier: MIT
// A thread that writes one batch after the other, so that the loop never waits for a disk. Not the thread
// pool of libuv: name look-ups that hang there must not hold up a commit.
#ifndef MQW_SQLITE_WORKER_H
#define MQW_SQLITE_WORKER_H

#include "database.h"

/** What it is at. It alone goes from WRITE to WRITTEN and from LEAVE to GONE; the rest is
 * for the loop. */
typedef enum mqw__work {
    MQW__REST = 0,
    MQW__WRITE,
    MQW__WRITTEN, /**< The result waits to be taken. */
    MQW__LEAVE,
    MQW__GONE /**< The database is closed, the thread ends. */
} mqw__work;

typedef struct mqw__worker {
    uv_thread_t thread;
    uv_mutex_t lock; /**< Guards all that follows. */
    uv_cond_t changed;
    uv_async_t *done; /**< Sent with WRITTEN and GONE. */
    mqw__work work;
    mqw__database *file; /**< The thread's while it writes or leaves, else the loop's. */
    const mqw__batch *batch;
    int result;
    char why[MQW__WORDS]; /**< When the result is negative. */
} mqw__worker;

/** 0, or an error of libuv. */
int mqw__worker_start(mqw__worker *worker, mqw__database *file, uv_async_t *done);
/** Gives it a batch; it must be at rest. */
void mqw__worker_write(mqw__worker *worker, const mqw__batch *batch);
/** Takes the result of the batch, if it is there, or when it is (`wait`). */
bool mqw__worker_take(mqw__worker *worker, bool wait, int *result);
/** Asks it to close the database and to end; it must be at rest. */
void mqw__worker_leave(mqw__worker *worker);
/** Whether it is gone; then nothing is left of it. */
bool mqw__worker_gone(mqw__worker *worker);
/** Ends it at once, the database stays open; it must never have had a batch. */
void mqw__worker_cancel(mqw__worker *worker);

#endif
