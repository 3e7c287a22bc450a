// SPDX-License-Identifier: MIT
// What all connections of one uv_loop_t share. It lives while something uses it and is found through the loop
// itself.
#include "loop.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "alloc.h"
#include "mqwire/tls.h"

enum { MANY = 8, BUDGET_OF_MANY = 32 * 1024, BUDGET_MIN = 8 * 1024, OUTPUT_OF_TURN = 2 * 1024 * 1024 };

typedef struct memory {
    const uv_loop_t *uv;
    mqw__loop *loop;
    unsigned deaths;
} memory;

// A loop can move between threads, and its address can be used again: what a thread remembers holds only
// until any state in the process has died.
static atomic_uint deaths;
static _Thread_local memory remembered;

static void run_tasks(mqw__loop *loop)
{
    mqw__task *task = loop->first;
    loop->first = NULL;
    while (task) {
        mqw__task *next = task->next == task ? NULL : task->next;
        task->next = NULL;
        task->run(task);
        task = next;
    }
}

static void on_idle(uv_idle_t *idle)
{
    (void)idle;
}

// A little of what is read may become much that is written.
static void learn_gain(mqw__loop *loop)
{
    if (loop->took > 0)
        loop->gain = (3 * loop->gain + loop->gave / loop->took + 1) / 4;
    loop->took = loop->gave = 0;
}

// Before the loop waits: what is still to do then must not wait with it.
static void on_prepare(uv_prepare_t *prepare)
{
    mqw__loop *loop = prepare->data;
    loop->turn++;
    run_tasks(loop);
    learn_gain(loop);
    if (uv_is_closing((uv_handle_t *)prepare))
        return;
    if (loop->first)
        uv_idle_start(&loop->idle, on_idle);
    else
        uv_idle_stop(&loop->idle);
}

static void on_check(uv_check_t *check)
{
    mqw__loop *loop = check->data;
    loop->ready_before = loop->ready;
    loop->ready = 0;
    run_tasks(loop);
}

static void on_timer(uv_timer_t *timer);

static void set_timer(mqw__loop *loop)
{
    uint64_t at = mqw__wheel_next(&loop->wheel);
    uint64_t now = uv_now(loop->uv);
    loop->timer_at = at;
    if (at == UINT64_MAX)
        uv_timer_stop(&loop->timer);
    else
        uv_timer_start(&loop->timer, on_timer, at > now ? at - now : 0, 0);
}

static void on_timer(uv_timer_t *timer)
{
    mqw__loop *loop = timer->data;
    mqw__wheel_advance(&loop->wheel, uv_now(loop->uv));
    if (!uv_is_closing((uv_handle_t *)timer))
        set_timer(loop);
}

void mqw__loop_deadline(mqw__loop *loop, mqw__deadline *entry, uint64_t at)
{
    mqw__wheel_set(&loop->wheel, entry, at);
    if (entry->link && mqw__wheel_filed(&loop->wheel, entry) < loop->timer_at)
        set_timer(loop);
}

void mqw__loop_clear(mqw__loop *loop, mqw__deadline *entry)
{
    mqw__wheel_clear(&loop->wheel, entry);
}

void mqw__loop_task(mqw__loop *loop, mqw__task *task)
{
    if (task->next)
        return;
    task->next = task;
    if (loop->first)
        loop->last->next = task;
    else
        loop->first = task;
    loop->last = task;
}

static size_t bounded(size_t value, size_t least, size_t most)
{
    return value > most ? most : value < least ? least : value;
}

size_t mqw__loop_budget(mqw__loop *loop)
{
    loop->ready++;
    size_t most = loop->ready > MANY || loop->ready_before > MANY ? BUDGET_OF_MANY : MQW__BUFFER;
    return bounded(OUTPUT_OF_TURN / (loop->gain + 1), BUDGET_MIN, most); // a turn's output stays in the cache
}

// Finds the state by its prepare handle, whose callback is known here only.
static void look_at(uv_handle_t *handle, void *arg)
{
    mqw__loop **found = arg;
    if (handle->type == UV_PREPARE && ((uv_prepare_t *)handle)->prepare_cb == on_prepare &&
        !uv_is_closing(handle))
        *found = handle->data;
}

void mqw__loop_closed(uv_handle_t *handle)
{
    mqw__loop *loop = handle->data;
    if (--loop->handles > 0)
        return;
    if (loop->epoll >= 0)
        close(loop->epoll);
    mqw_tls_free(loop->tls);
    free(loop->buffer);
    free(loop);
}

void mqw__loop_handle(mqw__loop *loop, uv_handle_t *handle)
{
    handle->data = loop;
    uv_unref(handle);
    loop->handles++;
}

static void open_handles(mqw__loop *loop)
{
    uv_prepare_init(loop->uv, &loop->prepare);
    uv_check_init(loop->uv, &loop->check);
    uv_idle_init(loop->uv, &loop->idle);
    uv_timer_init(loop->uv, &loop->timer);
    mqw__loop_handle(loop, (uv_handle_t *)&loop->prepare);
    mqw__loop_handle(loop, (uv_handle_t *)&loop->check);
    mqw__loop_handle(loop, (uv_handle_t *)&loop->idle);
    mqw__loop_handle(loop, (uv_handle_t *)&loop->timer);
    uv_prepare_start(&loop->prepare, on_prepare);
    uv_check_start(&loop->check, on_check);
}

static mqw__loop *make(uv_loop_t *uv)
{
    mqw__loop *loop = mqw__uv_new(sizeof *loop);
    if (!loop)
        return NULL;
    loop->buffer = mqw__uv_new(MQW__BUFFER);
    if (!loop->buffer) {
        free(loop);
        return NULL;
    }
    loop->uv = uv;
    loop->epoll = -1;
    loop->timer_at = UINT64_MAX;
    loop->wheel.now = uv_now(uv);
    open_handles(loop);
    return loop;
}

mqw__loop *mqw__loop_use(uv_loop_t *uv)
{
    mqw__loop *loop = NULL;
    unsigned died = atomic_load_explicit(&deaths, memory_order_acquire);
    if (remembered.uv == uv && remembered.deaths == died)
        loop = remembered.loop;
    else
        uv_walk(uv, look_at, &loop);
    if (!loop)
        loop = make(uv);
    if (!loop)
        return NULL;
    remembered = (memory){uv, loop, died};
    mqw__loop_keep(loop);
    return loop;
}

void mqw__loop_keep(mqw__loop *loop)
{
    if (loop->uses++ == 0)
        uv_ref((uv_handle_t *)&loop->prepare);
}

void mqw__loop_drop(mqw__loop *loop)
{
    if (--loop->uses > 0)
        return;
    atomic_fetch_add_explicit(&deaths, 1, memory_order_release);
    mqw__watch_close(loop);
    uv_close((uv_handle_t *)&loop->prepare, mqw__loop_closed);
    uv_close((uv_handle_t *)&loop->check, mqw__loop_closed);
    uv_close((uv_handle_t *)&loop->idle, mqw__loop_closed);
    uv_close((uv_handle_t *)&loop->timer, mqw__loop_closed);
}
