// SPDX-License-Identifier: MIT
// The thread that writes.
#define _GNU_SOURCE
#include "worker.h"

#include <pthread.h>
#include <signal.h>

// The lock is held before and after, not while the disk works.
static void write_batch(mqw__worker *worker)
{
    uv_mutex_unlock(&worker->lock);
    int result = mqw__database_write(worker->file, worker->batch, worker->why);
    uv_mutex_lock(&worker->lock);
    worker->result = result;
    worker->work = MQW__WRITTEN;
    uv_cond_signal(&worker->changed);
    uv_async_send(worker->done);
}

static void work(void *arg)
{
    mqw__worker *worker = arg;
    uv_mutex_lock(&worker->lock);
    while (worker->work < MQW__LEAVE) {
        if (worker->work == MQW__WRITE)
            write_batch(worker);
        else
            uv_cond_wait(&worker->changed, &worker->lock);
    }
    bool cancelled = worker->work == MQW__GONE;
    uv_mutex_unlock(&worker->lock);
    if (cancelled)
        return;
    mqw__database_close(worker->file);
    uv_mutex_lock(&worker->lock);
    worker->work = MQW__GONE;
    uv_async_send(worker->done);
    uv_mutex_unlock(&worker->lock);
}

// Signals are for the threads of the program.
static int start_thread(mqw__worker *worker)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = uv_thread_create(&worker->thread, work, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

int mqw__worker_start(mqw__worker *worker, mqw__database *file, uv_async_t *done)
{
    worker->file = file;
    worker->done = done;
    int failed = uv_mutex_init(&worker->lock);
    if (failed)
        return failed;
    failed = uv_cond_init(&worker->changed);
    if (!failed && (failed = start_thread(worker)) != 0)
        uv_cond_destroy(&worker->changed);
    if (failed)
        uv_mutex_destroy(&worker->lock);
    return failed;
}

static void set(mqw__worker *worker, mqw__work to)
{
    uv_mutex_lock(&worker->lock);
    worker->work = to;
    uv_cond_signal(&worker->changed);
    uv_mutex_unlock(&worker->lock);
}

void mqw__worker_write(mqw__worker *worker, const mqw__batch *batch)
{
    worker->batch = batch;
    set(worker, MQW__WRITE);
}

bool mqw__worker_take(mqw__worker *worker, bool wait, int *result)
{
    uv_mutex_lock(&worker->lock);
    while (wait && worker->work == MQW__WRITE)
        uv_cond_wait(&worker->changed, &worker->lock);
    bool written = worker->work == MQW__WRITTEN;
    if (written) {
        *result = worker->result;
        worker->work = MQW__REST;
    }
    uv_mutex_unlock(&worker->lock);
    return written;
}

void mqw__worker_leave(mqw__worker *worker)
{
    set(worker, MQW__LEAVE);
}

static void end(mqw__worker *worker)
{
    uv_thread_join(&worker->thread);
    uv_cond_destroy(&worker->changed);
    uv_mutex_destroy(&worker->lock);
}

bool mqw__worker_gone(mqw__worker *worker)
{
    uv_mutex_lock(&worker->lock);
    bool gone = worker->work == MQW__GONE;
    uv_mutex_unlock(&worker->lock);
    if (gone)
        end(worker);
    return gone;
}

void mqw__worker_cancel(mqw__worker *worker)
{
    set(worker, MQW__GONE);
    end(worker);
}
