// SPDX-License-Identifier: MIT
// The world of a client on a libuv loop. It shares timer and turns with the connections of that loop; what
// other threads post comes through a mutex and an async handle.
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/time.h>

#include "chance.h"
#include "environment.h"
#include "transport/alloc.h"
#include "transport/loop.h"
#include "transport/open.h"
#include "transport/stream.h"

typedef struct mqw__post {
    struct mqw__post *next;
    void (*run)(mqw_client *client, void *ctx);
    void *ctx;
} mqw__post;

typedef struct mqw__world {
    mqw__task task;
    mqw__deadline deadline;
    mqw__loop *loop;
    mqw_client *client;                         // NULL: gone
    int (*stream)(void *ctx, mqw_stream **out); // NULL: streams come from the network
    void *ctx;
    uv_async_t async;
    bool closed; // the async handle is
    int failure; // errno of the last mqw_conn_open that has failed with it
    uv_mutex_t mutex;
    // under the mutex
    bool sealed;
    mqw__post *first, **end;
} mqw__world;

// --- time, chance ---

static uint64_t now(void *self)
{
    return uv_now(((mqw__world *)self)->loop->uv);
}

static uint64_t wall(void *self)
{
    struct timeval time = {0, 0};
    (void)self;
    (void)gettimeofday(&time, NULL);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_usec / 1000;
}

static uint32_t random_number(void *self)
{
    uint32_t number = (uint32_t)uv_hrtime();
    (void)self;
    (void)mqw__chance(&number, sizeof number);
    return number;
}

static uv_loop_t *loop_of(void *self)
{
    return ((mqw__world *)self)->loop->uv;
}

// --- connections ---

static int check(void *self, const char *address, const mqw_open_options *options)
{
    return ((mqw__world *)self)->stream ? 0 : mqw__open_check(loop_of(self), address, options);
}

// The stream is ours from now on, whatever becomes of it.
static int open_over(mqw_stream *stream, const mqw_open_options *options, mqw_conn **out)
{
    mqw_conn *conn = mqw_conn_new_shared(MQW_CLIENT, options->config);
    int result = conn ? mqw_conn_pipe(conn, stream, options, NULL, NULL) : MQW_E_NO_MEMORY;
    int failure = errno;
    if (result < 0) {
        mqw_conn_free(conn);
        mqw_stream_close(stream);
    } else {
        *out = conn;
    }
    errno = failure;
    return result;
}

static int open_given(const mqw__world *world, const mqw_open_options *options, mqw_conn **out)
{
    mqw_stream *stream = NULL;
    int result = world->stream(world->ctx, &stream);
    if (result < 0)
        return result;
    if (stream && mqw__stream_uv(stream) == world->loop->uv)
        return open_over(stream, options, out);
    mqw_stream_close(stream);
    return MQW_E_MISUSE;
}

static int open_conn(void *self, const char *address, const mqw_open_options *options, mqw_conn **out)
{
    mqw__world *world = self;
    int result = world->stream ? open_given(world, options, out)
                               : mqw_conn_open(out, world->loop->uv, address, options, NULL, NULL);
    world->failure = result == MQW_E_STREAM ? errno : 0;
    return result;
}

static void close_conn(void *self, mqw_conn *conn)
{
    (void)self;
    mqw_conn_close(conn);
}

static void abort_conn(void *self, mqw_conn *conn)
{
    (void)self;
    mqw_conn_abort(conn);
}

static void flush_conn(void *self, mqw_conn *conn)
{
    (void)self;
    mqw_conn_flush(conn);
}

static const char *why(void *self, const mqw_conn *conn)
{
    int failure = ((mqw__world *)self)->failure;
    if (conn)
        return mqw_conn_stream_error(conn);
    return failure ? uv_strerror(uv_translate_sys_error(failure)) : "";
}

// --- turns ---

static void wake(void *self, uint64_t at)
{
    mqw__world *world = self;
    if (at <= now(world)) {
        mqw__loop_clear(world->loop, &world->deadline);
        mqw__loop_task(world->loop, &world->task);
    } else {
        mqw__loop_deadline(world->loop, &world->deadline, at);
    }
}

static void on_deadline(mqw__deadline *deadline)
{
    mqw__world *world = (mqw__world *)(void *)((char *)deadline - offsetof(mqw__world, deadline));
    mqw__loop_task(world->loop, &world->task);
}

static mqw__post *take_posts(mqw__world *world)
{
    uv_mutex_lock(&world->mutex);
    mqw__post *first = world->first;
    world->first = NULL;
    world->end = &world->first;
    uv_mutex_unlock(&world->mutex);
    return first;
}

static void run_posts(mqw__world *world)
{
    for (mqw__post *it = take_posts(world), *next; it; it = next) {
        next = it->next;
        it->run(world->client, it->ctx);
        free(it);
    }
}

// Gone when nothing refers to it: neither the list of tasks nor the handle.
static void release(mqw__world *world)
{
    if (world->client || !world->closed || world->task.next)
        return;
    mqw__loop *loop = world->loop;
    uv_mutex_destroy(&world->mutex);
    free(world);
    mqw__loop_drop(loop);
}

static void run(mqw__task *task)
{
    mqw__world *world = (mqw__world *)task;
    if (!world->client) {
        release(world);
        return;
    }
    run_posts(world);
    mqw__client_turn(world->client);
}

// --- posting ---

static void on_async(uv_async_t *async)
{
    mqw__world *world = async->data;
    mqw__loop_task(world->loop, &world->task);
}

static int post(void *self, void (*run_it)(mqw_client *client, void *ctx), void *ctx)
{
    mqw__world *world = self;
    mqw__post *made = mqw__uv_new(sizeof *made);
    if (!made)
        return MQW_E_NO_MEMORY;
    made->run = run_it;
    made->ctx = ctx;
    uv_mutex_lock(&world->mutex);
    bool sealed = world->sealed;
    if (!sealed) {
        *world->end = made;
        world->end = &made->next;
        uv_async_send(&world->async);
    }
    uv_mutex_unlock(&world->mutex);
    if (sealed)
        free(made);
    return sealed ? MQW_E_CLOSED : 0;
}

static void seal(void *self)
{
    mqw__world *world = self;
    uv_mutex_lock(&world->mutex);
    world->sealed = true;
    uv_mutex_unlock(&world->mutex);
}

// --- life ---

static void on_closed(uv_handle_t *handle)
{
    mqw__world *world = handle->data;
    world->closed = true;
    release(world);
}

static void free_world(void *self)
{
    mqw__world *world = self;
    world->client = NULL;
    mqw__loop_clear(world->loop, &world->deadline);
    uv_close((uv_handle_t *)&world->async, on_closed);
}

static mqw__world *world_new(uv_loop_t *uv)
{
    mqw__world *world = mqw__uv_new(sizeof *world);
    if (!world)
        return NULL;
    world->end = &world->first;
    world->task.run = run;
    world->deadline.fire = on_deadline;
    world->async.data = world;
    if (uv_mutex_init(&world->mutex)) {
        free(world);
        return NULL;
    }
    world->loop = mqw__loop_use(uv);
    if (world->loop && uv_async_init(uv, &world->async, on_async) == 0) {
        uv_unref((uv_handle_t *)&world->async);
        world->async.data = world;
        return world;
    }
    if (world->loop)
        mqw__loop_drop(world->loop);
    uv_mutex_destroy(&world->mutex);
    free(world);
    return NULL;
}

// Where streams come from is the world's business; the client knows nothing of it.
static void read_source(mqw__world *world, const mqw_client_options *options)
{
    const size_t end = offsetof(mqw_client_options, stream) + sizeof options->stream;
    if (!options || (options->size && options->size < end))
        return;
    world->stream = options->stream;
    world->ctx = options->ctx;
}

int mqw_client_open(mqw_client **out, uv_loop_t *loop, const mqw_client_options *options)
{
    if (!out || !loop)
        return MQW_E_MISUSE;
    mqw__world *world = world_new(loop);
    if (!world)
        return MQW_E_NO_MEMORY;
    read_source(world, options);
    mqw__environment environment = {.self = world,
                                    .now = now,
                                    .wall = wall,
                                    .random = random_number,
                                    .check = check,
                                    .open = open_conn,
                                    .close = close_conn,
                                    .abort = abort_conn,
                                    .flush = flush_conn,
                                    .why = why,
                                    .wake = wake,
                                    .post = post,
                                    .seal = seal,
                                    .loop = loop_of,
                                    .free = free_world};
    int result = mqw__client_new(out, &environment, options);
    if (result < 0)
        free_world(world);
    else
        world->client = *out;
    return result;
}
