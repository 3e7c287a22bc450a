// SPDX-License-Identifier: MIT
// The world of a broker on a libuv loop: its listeners, and one task and one deadline for all that it does by
// itself.
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "environment.h"
#include "inside.h"
#include "transport/alloc.h"
#include "transport/loop.h"
#include "transport/rate.h"

typedef struct mqw__premises {
    mqw__task task;
    mqw__deadline deadline;
    mqw__loop *loop;
    mqw_broker *broker; // NULL: gone, or not there yet
    mqw_server *server; // NULL: listens nowhere
    bool stopping;
} mqw__premises;

// --- time, chance ---

static uint64_t now(void *self)
{
    return uv_now(((mqw__premises *)self)->loop->uv);
}

static uint64_t wall(void *self)
{
    struct timeval time = {0, 0};
    (void)self;
    (void)gettimeofday(&time, NULL);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_usec / 1000;
}

static int random_bytes(void *self, void *out, size_t len)
{
    (void)self;
    return uv_random(NULL, NULL, out, len, 0, NULL);
}

// --- connections ---

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

static int facts(void *self, const mqw_conn *conn, mqw_stream_facts *out)
{
    (void)self;
    out->size = sizeof *out;
    return mqw_stream_facts_of(mqw_conn_stream(conn), out);
}

// --- turns ---

static void wake(void *self, uint64_t at)
{
    mqw__premises *world = self;
    if (at <= now(world)) {
        mqw__loop_clear(world->loop, &world->deadline);
        mqw__loop_task(world->loop, &world->task);
    } else {
        mqw__loop_deadline(world->loop, &world->deadline, at);
    }
}

static void on_deadline(mqw__deadline *deadline)
{
    mqw__premises *world = (mqw__premises *)(void *)((char *)deadline - offsetof(mqw__premises, deadline));
    mqw__loop_task(world->loop, &world->task);
}

static void release(mqw__premises *world)
{
    mqw__loop *loop = world->loop;
    free(world);
    mqw__loop_drop(loop);
}

static void run(mqw__task *task)
{
    mqw__premises *world = (mqw__premises *)task;
    if (world->broker)
        mqw__broker_turn(world->broker);
    else
        release(world);
}

// --- life ---

static void on_stopped(mqw_server *server, void *ctx)
{
    mqw__premises *world = ctx;
    (void)server;
    world->server = NULL;
    mqw__loop_task(world->loop, &world->task);
}

static void stop(void *self)
{
    mqw__premises *world = self;
    world->stopping = true;
    mqw_server_close(world->server, false, on_stopped, world);
}

static bool stopped(void *self)
{
    const mqw__premises *world = self;
    return world->stopping && !world->server;
}

// On a later turn: the task may be listed already.
static void free_world(void *self)
{
    mqw__premises *world = self;
    world->broker = NULL;
    mqw__loop_clear(world->loop, &world->deadline);
    mqw__loop_task(world->loop, &world->task);
}

static mqw__premises *make_world(uv_loop_t *uv)
{
    mqw__premises *world = mqw__uv_new(sizeof *world);
    if (!world)
        return NULL;
    world->task.run = run;
    world->deadline.fire = on_deadline;
    world->loop = mqw__loop_use(uv);
    if (world->loop)
        return world;
    free(world);
    return NULL;
}

int mqw_broker_open(mqw_broker **out, uv_loop_t *loop, const mqw_broker_options *options)
{
    if (!out || !loop)
        return MQW_E_MISUSE;
    mqw__premises *world = make_world(loop);
    if (!world)
        return MQW_E_NO_MEMORY;
    mqw__surroundings surroundings = {.self = world,
                                      .now = now,
                                      .wall = wall,
                                      .random = random_bytes,
                                      .close = close_conn,
                                      .abort = abort_conn,
                                      .facts = facts,
                                      .wake = wake,
                                      .stop = stop,
                                      .stopped = stopped,
                                      .free = free_world};
    int result = mqw__broker_new(out, &surroundings, options);
    if (result < 0)
        free_world(world);
    else
        world->broker = *out;
    return result;
}

// --- connections come ---

static void on_connection(mqw_server *server, mqw_conn *conn, void *ctx)
{
    mqw__premises *world = ctx;
    (void)server;
    if (mqw__broker_serve(world->broker, conn, NULL) < 0)
        mqw_conn_abort(conn);
}

int mqw_broker_listen(mqw_broker *broker, const char *address, const mqw_open_options *options)
{
    mqw_open_options own = {.size = sizeof own};
    if (!broker || !address)
        return MQW_E_MISUSE;
    if (broker->closing)
        return MQW_E_CLOSED;
    mqw__premises *world = mqw__broker_world(broker);
    if (options)
        memcpy(&own, options, options->size && options->size < sizeof own ? options->size : sizeof own);
    own.size = sizeof own;
    own.conn = NULL;
    own.config = mqw__broker_config(broker);
    int result = mqw_server_listen(&world->server, world->loop->uv, address, &own, on_connection, world);
    if (world->server)
        mqw__server_set_rate(world->server, broker->options.max_connect_rate);
    return result;
}

int mqw_broker_address(const mqw_broker *broker, int index, char *out, size_t cap)
{
    const mqw__premises *world = broker ? mqw__broker_world(broker) : NULL;
    return world ? mqw_server_address(world->server, index, out, cap) : MQW_E_MISUSE;
}

int mqw_broker_connect_conn(mqw_broker *broker, mqw_conn *conn, const mqw_connect *connect)
{
    if (!broker || !conn || !mqw_conn_stream(conn))
        return MQW_E_MISUSE;
    return mqw__broker_serve(broker, conn, connect);
}

static int serve_stream(mqw_broker *broker, mqw_stream *stream)
{
    mqw_conn *conn = mqw_conn_new_shared(MQW_SERVER, mqw__broker_config(broker));
    int result = conn ? mqw_conn_pipe(conn, stream, NULL, NULL, NULL) : MQW_E_NO_MEMORY;
    if (result < 0) {
        mqw_conn_free(conn);
        mqw_stream_close(stream);
        return result;
    }
    result = mqw__broker_serve(broker, conn, NULL);
    if (result < 0)
        mqw_conn_free(conn);
    return result;
}

int mqw_broker_connect_stream(mqw_broker *broker, mqw_stream **out)
{
    mqw_stream *ends[2];
    if (!broker || !out)
        return MQW_E_MISUSE;
    const mqw__premises *world = mqw__broker_world(broker);
    int result = mqw_stream_pair(ends, world->loop->uv);
    if (result < 0)
        return result;
    result = serve_stream(broker, ends[0]);
    if (result < 0)
        mqw_stream_close(ends[1]);
    else
        *out = ends[1];
    return result;
}
