// SPDX-License-Identifier: MIT
// The life of a link: connecting, open, closing, gone. Everything that calls handlers runs from the loop, one
// link at a time; what a handler asks for is noted and done afterwards, so that closing is legal anywhere.
#include "link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"

enum { LAST_READS = 64, WIRE_MAX = 256 * 1024 };

static void run(mqw__task *task);

static mqw__link *link_of(mqw__task *task)
{
    return (mqw__link *)task;
}

static void list(mqw__link *link)
{
    mqw__loop_task(link->loop, &link->task);
}

static void set_until(mqw__link *link, uint64_t at)
{
    mqw__loop_deadline(link->loop, &link->deadline, at);
}

static void on_wake(mqw_conn *conn, void *arg)
{
    mqw__link *link = arg;
    mqw_conn_clock(conn, uv_now(link->loop->uv));
    list(link);
}

static void on_deadline(mqw__deadline *deadline)
{
    mqw__link *link = (mqw__link *)(void *)((char *)deadline - offsetof(mqw__link, deadline));
    uint64_t now = uv_now(link->loop->uv);
    if (link->phase == MQW__OPEN) {
        if (mqw_conn_tick(link->conn, now) < 0)
            mqw__pump_tell(link);
    } else if (link->phase < MQW__OPEN && !link->closing) {
        mqw__link_fail(link, UV_ETIMEDOUT, NULL);
    } else {
        mqw__link_kill(link);
    }
    mqw__link_settle(link);
}

mqw__link *mqw__link_new(mqw_conn *conn, mqw__loop *loop, const mqw_open_options *options)
{
    mqw__link *link = mqw_conn_link(conn) ? NULL : mqw__uv_new(sizeof *link);
    if (!link)
        return NULL;
    uint64_t now = uv_now(loop->uv);
    link->task.run = run;
    link->deadline.fire = on_deadline;
    link->loop = loop;
    link->conn = conn;
    link->close_timeout = options->close_timeout;
    link->linger = options->linger;
    link->last_reads = LAST_READS;
    mqw__loop_keep(loop);
    set_until(link, now + options->connect_timeout);
    mqw_conn_clock(conn, now);
    mqw_conn_set_link(conn, link, on_wake);
    mqw__link_settle(link);
    return link;
}

mqw__link *mqw__link_on(mqw_conn *conn, uv_loop_t *uv, const mqw_open_options *options)
{
    mqw__loop *loop = mqw__loop_use(uv);
    if (!loop)
        return NULL;
    mqw__link *link = mqw__link_new(conn, loop, options);
    mqw__loop_drop(loop);
    return link;
}

static void release(mqw__link *link)
{
    mqw__loop *loop = link->loop;
    mqw__loop_clear(loop, &link->deadline);
    free(link->stash);
    free(link->proxy); // its server, if it had one, has let go of it
    free(link);
    mqw__loop_drop(loop);
}

void mqw__link_dials(mqw__link *link, mqw__connecting *connecting)
{
    if (link->dials || connecting)
        link->connecting = connecting;
    link->dials = connecting != NULL;
}

void mqw__link_undo(mqw__link *link)
{
    mqw_conn_set_link(link->conn, NULL, NULL);
    release(link);
}

int mqw__link_attach(mqw__link *link, mqw_stream *stream)
{
    int failed = mqw__stream_attach(stream, link->loop, &link->task);
    if (failed)
        return failed;
    link->stream = stream;
    link->phase = MQW__STARTING;
    list(link);
    return 0;
}

// --- the end ---

// The last thing that is heard of a connection, on a turn of the loop in which nobody else is inside it.
static void bury(mqw__link *link)
{
    mqw_conn *conn = link->conn;
    if (link->loop->turn == link->died) {
        list(link);
        return;
    }
    if (conn) {
        void *ctx = NULL;
        const mqw_handlers *handlers = mqw_conn_handlers(conn, &ctx);
        mqw_conn_set_link(conn, link, NULL); // what is said in the handler wakes nobody
        if (handlers->close)
            handlers->close(conn, ctx);
        mqw_conn_set_link(conn, NULL, NULL);
        mqw_conn_free(conn);
    }
    mqw__stream_free(link->stream);
    if (link->server)
        mqw__server_left(link);
    release(link);
}

static void die(mqw__link *link)
{
    link->phase = MQW__DEAD;
    link->died = link->loop->turn;
    mqw__loop_clear(link->loop, &link->deadline);
    list(link);
}

void mqw__link_kill(mqw__link *link)
{
    if (link->phase == MQW__DEAD)
        return;
    mqw_conn_shut(link->conn);
    if (link->dials)
        mqw__connect_stop(link->connecting);
    mqw__link_dials(link, NULL);
    // A stream of the program's own may be the one that asks; it is closed when it has returned.
    if (link->stream && !link->pumping)
        mqw__stream_end(link->stream);
    die(link);
}

void mqw__link_leave(mqw__link *link)
{
    mqw_conn_set_link(link->conn, NULL, NULL);
    mqw__stream_detach(link->stream);
    link->conn = NULL;
    link->stream = NULL;
    if (link->server)
        mqw__server_left(link);
    die(link);
}

// A stream that is cut off within a handshake: the layer knows better than the system what that may mean.
static const char *words_for(const mqw__link *link, int error)
{
    mqw__layers *layers = link->stream ? link->stream->layers : NULL;
    bool cut = link->phase == MQW__STARTING && (error == UV_ECONNRESET || error == UV_EPIPE);
    if (cut && layers && mqw__layers_end(layers) < 0 && mqw__layers_why(layers))
        return mqw__layers_why(layers);
    return uv_strerror(error);
}

// Until a proxy has answered, what fails is the way to it, or the proxy itself.
static bool is_at_proxy(const mqw__link *link)
{
    return !link->server && link->proxy && (!link->stream || !mqw__layers_bottom_ready(link->stream->layers));
}

// Words that say which proxy it is. Layers speak of `proxy` already.
static const char *name_proxy(mqw__link *link, const char *why)
{
    static const char proxy[] = "proxy";
    const size_t len = sizeof proxy - 1;
    bool named = strncmp(why, proxy, len) == 0;
    size_t cap = sizeof proxy + strlen(link->proxy) + strlen(why) + 4;
    char *words = mqw__uv_new(cap);
    if (!words)
        return why;
    snprintf(words, cap, "%s %s%s%s", proxy, link->proxy, named ? "" : ": ", named ? why + len : why);
    free(link->proxy);
    link->proxy = words;
    return words;
}

// Nobody hears of what fails while we close.
static void tell_failure(mqw__link *link, int error, const char *why)
{
    if (link->phase >= MQW__FLUSHING || link->closing)
        return;
    link->why = why ? why : words_for(link, error);
    if (is_at_proxy(link))
        link->why = name_proxy(link, link->why);
    mqw_conn_fail(link->conn, error == UV_ENOMEM ? MQW_E_NO_MEMORY : MQW_E_STREAM, (mqw_rule)0);
    mqw__pump_tell(link);
}

void mqw__link_fail(mqw__link *link, int error, const char *why)
{
    if (link->phase == MQW__DEAD)
        return;
    tell_failure(link, error, why);
    if (link->conn)
        mqw__link_kill(link);
}

// An alert or an HTTP answer tells the peer why, so it is written, and the peer gets the time to read it.
void mqw__link_refuse(mqw__link *link, int result)
{
    mqw__layers *layers = link->stream->layers;
    tell_failure(link, result == MQW_E_NO_MEMORY ? UV_ENOMEM : UV_EPROTO, mqw__layers_why(layers));
    if (link->phase == MQW__DEAD)
        return;
    if (mqw_conn_freed(link->conn) || mqw__layers_wire(layers).len == 0) {
        mqw__link_kill(link);
        return;
    }
    mqw_conn_shut(link->conn);
    link->closing = link->parted = link->deaf = true;
    link->phase = MQW__FLUSHING;
    set_until(link, uv_now(link->loop->uv) + link->close_timeout);
    list(link);
}

// --- closing ---

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

void mqw__link_close(mqw__link *link)
{
    if (link->closing || link->phase == MQW__DEAD)
        return;
    uint64_t now = uv_now(link->loop->uv);
    mqw_conn_shut(link->conn);
    link->closing = true;
    if (link->phase == MQW__CONNECTING && mqw_conn_waiting(link->conn) == 0) {
        mqw__link_kill(link);
        return;
    }
    if (link->phase == MQW__OPEN)
        link->phase = MQW__FLUSHING;
    uint64_t by = now + link->close_timeout;
    set_until(link, link->phase < MQW__OPEN ? earlier(link->deadline.at, by) : by);
    list(link);
}

// A client that has said goodbye waits for nothing, so a server closes at once (section 3.14.4); unless
// layers have a goodbye of their own, which the client is still to answer.
static bool is_deserted(const mqw__link *link)
{
    bool left =
        !link->stream->layers && mqw_conn_role(link->conn) == MQW_SERVER && mqw_conn_peer_ended(link->conn);
    return link->ended || left;
}

// All is written: our end goes out, and the peer's is waited for when it can come.
static void finish(mqw__link *link)
{
    if (link->phase != MQW__FLUSHING || (!link->broken && !mqw__pump_idle(link)))
        return;
    mqw__layers *layers = link->stream->layers;
    if (layers && !link->broken && !link->parted) {
        link->parted = true;
        link->broken = mqw__layers_shut(layers) < 0;
        mqw__pump_out(link);
        if (!link->broken && !mqw__pump_idle(link))
            return;
    }
    link->phase = MQW__LINGERING;
    const mqw__stream_kind *kind = link->stream->kind;
    bool over = link->broken || is_deserted(link);
    if ((over && kind->closes_it) || link->broken || !kind->shut(link->stream) || over)
        mqw__link_kill(link);
    if (link->phase == MQW__DEAD)
        return;
    set_until(link, earlier(link->deadline.at, uv_now(link->loop->uv) + link->linger));
}

// --- what goes on ---

void mqw__link_begin(mqw__link *link)
{
    mqw__layers *layers = link->stream->layers;
    if (link->phase != MQW__STARTING)
        return;
    int result = layers ? mqw__layers_start(layers) : 0;
    if (result < 0) {
        mqw__link_refuse(link, result);
        return;
    }
    if (layers && !mqw__layers_ready(layers))
        return;
    link->phase = link->closing ? MQW__FLUSHING : MQW__OPEN;
    list(link); // what was sent before may go now
    if (link->closing)
        return;
    void *ctx = NULL;
    const mqw_handlers *handlers = mqw_conn_handlers(link->conn, &ctx);
    if (handlers->connected && !link->announced)
        handlers->connected(link->conn, ctx);
}

// A peer that does not take the answers of layers (to pings and the like) is not read from either.
static bool is_clogged(const mqw__link *link)
{
    const mqw__layers *layers = link->stream ? link->stream->layers : NULL;
    return layers && link->phase <= MQW__FLUSHING && mqw__layers_wire(layers).len > WIRE_MAX;
}

static bool wants_input(const mqw__link *link)
{
    if (link->ended || is_clogged(link))
        return false;
    if (link->phase == MQW__OPEN)
        return !mqw_conn_paused(link->conn) && !link->stash && !link->kept && !link->broken;
    return link->phase == MQW__STARTING || link->phase == MQW__FLUSHING || link->phase == MQW__LINGERING;
}

// Layers may have something to say by themselves.
static bool layers_speak(const mqw__link *link)
{
    const mqw__layers *layers = link->stream ? link->stream->layers : NULL;
    return layers && !link->blocked && !link->broken && link->phase <= MQW__FLUSHING &&
           mqw__layers_wire(layers).len > 0;
}

static uint64_t tick_layers(const mqw__link *link)
{
    mqw__layers *layers = link->stream->layers;
    return layers ? mqw__layers_tick(layers, uv_now(link->loop->uv)) : UINT64_MAX;
}

void mqw__link_watch(mqw__link *link)
{
    if (link->phase == MQW__DEAD)
        return;
    if (layers_speak(link))
        list(link);
    if (link->stream)
        mqw__stream_arm(link->stream,
                        (wants_input(link) ? MQW_READABLE : 0) | (link->blocked ? MQW_WRITABLE : 0));
    if (link->phase == MQW__OPEN)
        set_until(link, earlier(mqw_conn_deadline(link->conn), tick_layers(link)));
}

// After a farewell either way, and after a fault, there is nothing left to do but to close (MQTT-3.14.4-1,
// -2).
static bool is_over(const mqw__link *link)
{
    mqw_state state = mqw_conn_state(link->conn);
    return link->phase == MQW__OPEN && (state == MQW_STATE_ENDED || state == MQW_STATE_REFUSED);
}

void mqw__link_settle(mqw__link *link)
{
    if (link->phase == MQW__DEAD)
        return;
    if (mqw_conn_freed(link->conn)) {
        mqw__link_kill(link);
        return;
    }
    if (is_over(link))
        mqw__link_close(link);
    finish(link);
    mqw__link_watch(link);
}

// Writing has failed. What the peer said before it went is heard first; it may explain the failure.
static void mend(mqw__link *link)
{
    if (!link->broken || link->phase >= MQW__FLUSHING)
        return;
    int broken = link->broken;
    bool listens = link->phase == MQW__OPEN && !mqw_conn_paused(link->conn) && link->last_reads > 0;
    if (listens && link->last_reads-- > 0 && mqw__pump_in(link))
        list(link);
    else if (link->phase < MQW__FLUSHING)
        mqw__link_fail(link, broken, link->why);
}

void mqw__link_ready(mqw__task *task, int what)
{
    mqw__link *link = link_of(task);
    mqw_conn_clock(link->conn, uv_now(link->loop->uv));
    if (what & MQW_WRITABLE) {
        link->blocked = false;
        mqw__pump_out(link);
    }
    if (what & MQW_READABLE && link->phase != MQW__DEAD)
        mqw__pump_in(link);
    mqw__link_settle(link);
}

// A connection without an error handler has a program that would never learn of its bug.
static void stop_program(const mqw_conn *conn)
{
    mqw_error error;
    char text[256] = "";
    if (mqw_conn_refusal(conn, &error))
        mqw_error_print(text, sizeof text, &error);
    fprintf(stderr, "mqwire: misuse of a connection without an error handler: %s\n", text);
    abort();
}

static void run(mqw__task *task)
{
    mqw__link *link = link_of(task);
    if (link->phase == MQW__DEAD) {
        bury(link);
        return;
    }
    if (mqw_conn_freed(link->conn)) {
        mqw__link_settle(link);
        return;
    }
    mqw_conn_clock(link->conn, uv_now(link->loop->uv));
    if (mqw_conn_misused(link->conn))
        stop_program(link->conn);
    if (link->stream)
        mqw__link_begin(link);
    if (link->phase < MQW__FLUSHING)
        mqw__pump_tell(link);
    if (link->phase == MQW__OPEN)
        mqw__pump_kept(link);
    int told = link->phase != MQW__DEAD && link->stream ? mqw__stream_told(link->stream) : 0;
    if (told & MQW_WRITABLE)
        link->blocked = false;
    if (link->phase != MQW__DEAD)
        mqw__pump_out(link);
    if (told & MQW_READABLE && link->phase != MQW__DEAD && wants_input(link))
        mqw__pump_in(link);
    mend(link);
    mqw__link_settle(link);
}
