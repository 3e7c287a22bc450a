// SPDX-License-Identifier: MIT
// The store on SQLite, as the loop sees it: a batch that collects, one that is being written, and who waits
// for which. When a batch is on disk all who wait for it are told before the next one goes, so that what they
// then change goes with it. One that fails is the end, or (keep_trying) stays and is written again later.
#include <stdio.h>
#include <stdlib.h>

#include "alloc.h"
#include "worker.h"

enum {
    MAX_PENDING = 64 << 20,
    FIRST_PAUSE = 100, // milliseconds until a batch that failed is tried again, doubled each time …
    LAST_PAUSE = 5000  // … up to this
};

/** Waits for a commit. */
typedef struct waiter {
    struct waiter *next;
    mqw_store_done *done;
    void *ctx;
    int result;
} waiter;

typedef struct queue {
    waiter *first, *last;
} queue;

typedef struct sqlite_store {
    mqw_store *store;
    uv_idle_t turn;   /**< Active while there is something to write or to tell on the next turn. */
    uv_async_t ready; /**< The worker is done. */
    uv_timer_t again; /**< Active while a batch that failed rests. */
    int handles;      /**< Open, or not yet quite closed. */
    mqw__worker worker;
    mqw__database file;
    mqw__batch batches[2];
    uint8_t collecting; /**< Which of them; the other one is empty, or being written. */
    bool writing;       /**< The other one: it is being written, or rests. */
    bool resting;
    bool closing;
    bool leaving;
    bool keep_trying;
    bool last_try;  /**< It is closed when this one fails. */
    uint64_t pause; /**< Before the next try; 0: the last one went well. */
    int failed;     /**< What became of the batch that failed; nothing is written after it. */
    uint64_t max_pending;
    queue wants;  /**< Those of the batch that collects … */
    queue writes; /**< … of the one that is being written … */
    queue tells;  /**< … and of those that are over. */
    char why[MQW__WORDS];
} sqlite_store;

static void on_turn(uv_idle_t *turn);
static void on_again(uv_timer_t *timer);

// --- who waits ---

static void enqueue(queue *to, waiter *one)
{
    if (to->last)
        to->last->next = one;
    else
        to->first = one;
    to->last = one;
}

static waiter *dequeue(queue *from)
{
    waiter *one = from->first;
    if (!one)
        return NULL;
    from->first = one->next;
    if (!from->first)
        from->last = NULL;
    one->next = NULL;
    return one;
}

// They are told on the next occasion.
static void finish(sqlite_store *self, queue *who, int result)
{
    for (waiter *one; (one = dequeue(who)) != NULL;) {
        one->result = result;
        enqueue(&self->tells, one);
    }
}

static void tell(sqlite_store *self)
{
    queue now = self->tells;
    self->tells = (queue){NULL, NULL};
    for (waiter *one; (one = dequeue(&now)) != NULL; free(one))
        if (one->done)
            one->done(self->store, one->result, one->ctx);
}

// --- batches ---

static mqw__batch *collected(sqlite_store *self)
{
    return &self->batches[self->collecting];
}

static bool has_more(sqlite_store *self)
{
    return self->wants.first || !mqw__batch_empty(collected(self));
}

static void fail(sqlite_store *self, int result, const char *why)
{
    if (self->failed)
        return;
    self->failed = result;
    snprintf(self->why, sizeof self->why, "%s", why);
}

// It failed, and may be written later. The last try is that of closing.
static void rest(sqlite_store *self)
{
    self->pause = self->pause ? self->pause * 2 : FIRST_PAUSE;
    if (self->pause > LAST_PAUSE)
        self->pause = LAST_PAUSE;
    snprintf(self->why, sizeof self->why, "%s", self->worker.why);
    self->resting = true;
    uv_timer_start(&self->again, on_again, self->pause, 0);
}

static void try_again(sqlite_store *self)
{
    uv_timer_stop(&self->again);
    self->resting = false;
    mqw__worker_write(&self->worker, &self->batches[!self->collecting]);
}

static void on_again(uv_timer_t *timer)
{
    try_again(timer->data);
}

// Takes the batch back that the worker has written, if it has.
static void take_back(sqlite_store *self, bool wait)
{
    int result;
    if (!self->writing || self->resting || !mqw__worker_take(&self->worker, wait, &result))
        return;
    if (result < 0 && self->keep_trying && !self->last_try) {
        rest(self);
        return;
    }
    if (result < 0)
        fail(self, result, self->worker.why);
    else if (self->pause)
        self->why[0] = '\0';
    self->pause = 0;
    finish(self, &self->writes, result);
    mqw__batch_clear(&self->batches[!self->collecting]);
    self->writing = false;
}

// Hands what was collected to the worker, which must be at rest.
static void hand_over(sqlite_store *self)
{
    if (self->failed || mqw__batch_empty(collected(self))) {
        finish(self, &self->wants, self->failed);
        mqw__batch_clear(collected(self));
        return;
    }
    self->writes = self->wants;
    self->wants = (queue){NULL, NULL};
    self->writing = true;
    mqw__worker_write(&self->worker, collected(self));
    self->collecting = !self->collecting;
}

// --- turns of the loop ---

// What has to be done on the next turn, and whether the loop is held until it is.
static void settle(sqlite_store *self)
{
    bool waited_for = self->closing || self->wants.first || self->writes.first || self->tells.first;
    if (self->tells.first || (!self->writing && has_more(self)))
        uv_idle_start(&self->turn, on_turn);
    else
        uv_idle_stop(&self->turn);
    void (*hold)(uv_handle_t * handle) = waited_for ? uv_ref : uv_unref;
    hold((uv_handle_t *)&self->turn);
    hold((uv_handle_t *)&self->ready);
    hold((uv_handle_t *)&self->again);
}

// Closes when all is written and told.
static void settle_or_leave(sqlite_store *self)
{
    settle(self);
    if (self->closing && self->resting) {
        self->last_try = true;
        try_again(self);
    }
    if (!self->closing || self->leaving || self->writing || self->tells.first || has_more(self))
        return;
    self->leaving = true;
    mqw__worker_leave(&self->worker);
}

static void on_turn(uv_idle_t *turn)
{
    sqlite_store *self = turn->data;
    if (!self->writing)
        hand_over(self);
    tell(self);
    settle_or_leave(self);
}

static void on_closed(uv_handle_t *handle)
{
    sqlite_store *self = handle->data;
    if (--self->handles > 0)
        return;
    mqw_store *store = self->store;
    free(self);
    mqw_store_closed(store);
}

static void on_ready(uv_async_t *ready)
{
    sqlite_store *self = ready->data;
    if (self->leaving) {
        if (!mqw__worker_gone(&self->worker))
            return;
        uv_close((uv_handle_t *)&self->turn, on_closed);
        uv_close((uv_handle_t *)&self->ready, on_closed);
        uv_close((uv_handle_t *)&self->again, on_closed);
        return;
    }
    take_back(self, false);
    tell(self);
    settle_or_leave(self);
}

// --- the calls ---

// An idle handle costs the loop its rest, so it is started only when there is something to hand over.
static int changed(sqlite_store *self, int result)
{
    if (!self->writing)
        settle(self);
    return result;
}

static int put(void *arg, mqw_bytes key, mqw_bytes value)
{
    sqlite_store *self = arg;
    if (self->failed)
        return MQW_E_STREAM;
    if (self->batches[0].bytes + self->batches[1].bytes > self->max_pending)
        return MQW_E_BUSY;
    return changed(self, mqw__batch_put(collected(self), key, value));
}

static int take_out(void *arg, mqw_bytes key, bool prefix)
{
    sqlite_store *self = arg;
    if (self->failed)
        return MQW_E_STREAM;
    return changed(self, prefix ? mqw__batch_delete_all(collected(self), key)
                                : mqw__batch_delete(collected(self), key));
}

static int commit(void *arg, mqw_store *store, mqw_store_done *done, void *ctx)
{
    (void)store;
    sqlite_store *self = arg;
    waiter *one = mqw__sqlite_alloc(sizeof *one);
    if (!one)
        return MQW_E_NO_MEMORY;
    *one = (waiter){NULL, done, ctx, 0};
    enqueue(&self->wants, one);
    settle(self);
    return 0;
}

// Waits until all is in the file. False: it cannot be written.
static bool write_all(sqlite_store *self)
{
    if (self->resting)
        try_again(self);
    take_back(self, true);
    if (!self->writing)
        hand_over(self);
    take_back(self, true);
    settle(self);
    return !self->failed && !self->writing;
}

// All is written first: the file is then all there is to read.
static int read_all(void *arg, mqw_bytes prefix, mqw_store_each *each, void *ctx)
{
    sqlite_store *self = arg;
    if (!write_all(self))
        return MQW_E_STREAM;
    char why[MQW__WORDS] = "";
    int result = mqw__database_read(&self->file, prefix, each, ctx, why);
    if (why[0] && result == MQW_E_STREAM)
        fail(self, result, why);
    return result;
}

static const char *error(void *arg)
{
    const sqlite_store *self = arg;
    return self->why;
}

static void close_it(void *arg, mqw_store *store)
{
    (void)store;
    sqlite_store *self = arg;
    self->closing = true;
    settle(self);
    uv_idle_start(&self->turn, on_turn);
}

// --- opening ---

static const mqw_store_ops ops = {.size = sizeof ops,
                                  .put = put,
                                  .remove = take_out,
                                  .commit = commit,
                                  .read = read_all,
                                  .error = error,
                                  .close = close_it};

static void open_handle(sqlite_store *self, uv_handle_t *handle)
{
    handle->data = self;
    uv_unref(handle);
    self->handles++;
}

// 0, or an error of libuv and nothing is left on the loop.
static int start(sqlite_store *self, uv_loop_t *loop)
{
    int failed = mqw__worker_start(&self->worker, &self->file, &self->ready);
    if (failed)
        return failed;
    failed = uv_async_init(loop, &self->ready, on_ready);
    if (failed) {
        mqw__worker_cancel(&self->worker);
        return failed;
    }
    open_handle(self, (uv_handle_t *)&self->ready);
    uv_idle_init(loop, &self->turn);
    open_handle(self, (uv_handle_t *)&self->turn);
    uv_timer_init(loop, &self->again);
    open_handle(self, (uv_handle_t *)&self->again);
    return 0;
}

static void take_options(mqw_sqlite_options *to, const mqw_sqlite_options *given)
{
    if (given)
        memcpy(to, given, given->size && given->size < sizeof *to ? given->size : sizeof *to);
    if (to->max_pending == 0)
        to->max_pending = MAX_PENDING;
}

static sqlite_store *make(const mqw_sqlite_options *options)
{
    sqlite_store *self = mqw__sqlite_alloc(sizeof *self);
    if (!self)
        return NULL;
    memset(self, 0, sizeof *self);
    self->max_pending = options->max_pending;
    self->keep_trying = options->keep_trying;
    mqw__batch_init(&self->batches[0]);
    mqw__batch_init(&self->batches[1]);
    return self;
}

static int open_all(sqlite_store *self, uv_loop_t *loop, const char *path, const mqw_sqlite_options *options)
{
    int failed = mqw_store_custom(&self->store, loop, &ops, self);
    if (failed) {
        strcpy(self->why, "no memory for a store");
        return failed;
    }
    failed = mqw__database_open(&self->file, path, options, self->why);
    if (failed) {
        mqw_store_closed(self->store);
        return failed;
    }
    failed = start(self, loop);
    if (failed) {
        snprintf(self->why, sizeof self->why, "no thread can be started: %s", uv_strerror(failed));
        mqw__database_close(&self->file);
        mqw_store_closed(self->store);
        return failed == UV_ENOMEM ? MQW_E_NO_MEMORY : MQW_E_STREAM;
    }
    return 0;
}

int mqw_store_sqlite(mqw_store **out, uv_loop_t *loop, const char *path, const mqw_sqlite_options *options,
                     char *why, size_t cap)
{
    mqw_sqlite_options taken = {0};
    if (!out || !loop || !path || path[0] == '\0')
        return MQW_E_MISUSE;
    take_options(&taken, options);
    sqlite_store *self = make(&taken);
    int failed = self ? open_all(self, loop, path, &taken) : MQW_E_NO_MEMORY;
    if (why && cap)
        snprintf(why, cap, "%s", self ? self->why : "no memory for a store");
    if (failed)
        free(self);
    else
        *out = self->store;
    return failed;
}
