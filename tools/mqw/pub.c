// SPDX-License-Identifier: MIT
// mqw pub: publishes a text, a file, or the lines of standard input.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "call.h"
#include "input.h"
#include "payload.h"
#include "tool.h"

enum { BURST = 256 }; // lines taken in one turn of the loop

typedef struct pub {
    tool_call call;
    const tool_settings *settings;
    mqw_publish publish;
    tool_payload payload;
    uint8_t *room; // of properties
    tool_input input;
    bool begun;
    bool read_all; // the lines have ended
    char *held;    // a line for which there was no room
    size_t held_len;
    uv_timer_t delay;
    bool waiting;   // for the delay
    uint64_t asked; // messages given to the client
    uint64_t over;  // of these, those whose request has ended
    uint64_t failed;
} pub;

static void go_on(pub *p);
static void on_delay(uv_timer_t *timer);

/* --- One message -------------------------------------------------------------------------------------- */

static void tell_json(const pub *p, int result)
{
    json_t *object = json_object();
    json_object_set_new(object, "event", json_string(result < 0 || result >= 0x80 ? "failed" : "published"));
    json_object_set_new(object, "topic", json_stringn(p->publish.topic.data, p->publish.topic.len));
    json_object_set_new(object, "qos", json_integer(p->publish.qos));
    if (result >= 0)
        json_object_set_new(object, "reason", json_integer(result));
    json_object_set_new(object, "text", json_string(call_words(&p->call, result)));
    json_dumpf(object, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
    putchar('\n');
    json_decref(object);
}

static void fail(pub *p, int result)
{
    p->failed++;
    if (p->payload.error)
        call_say(&p->call, "cannot read %s: %s", p->payload.name, strerror(p->payload.error));
    else if (result != MQW_E_CLOSED)
        call_say(&p->call, "not published to %.*s: %s", (int)p->publish.topic.len, p->publish.topic.data,
                 call_words(&p->call, result));
    if (p->call.status == CALL_OK)
        p->call.status = p->payload.error ? CALL_BROKEN : call_status(result);
}

// `ctx` is the program; lengths of lines are counted when they are taken.
static void on_done(mqw_client *client, int result, const mqw_packet *answer, void *ctx)
{
    pub *p = ctx;
    (void)client, (void)answer;
    p->over++;
    if (p->settings->json)
        tell_json(p, result);
    if (result < 0 || result >= 0x80)
        fail(p, result);
    else
        p->call.progress.messages++;
    if (!p->settings->lines && result >= 0)
        p->call.progress.bytes = p->call.progress.messages * p->payload.size;
    if (p->settings->repeat_delay && p->asked < p->settings->repeat) {
        p->waiting = true;
        uv_timer_start(&p->delay, on_delay, p->settings->repeat_delay, 0);
    }
    go_on(p);
}

// Whether one more may be on its way.
static bool has_room(const pub *p)
{
    uint64_t most = p->settings->max_inflight ? p->settings->max_inflight : UINT64_MAX;
    if (p->settings->repeat_delay)
        most = 1;
    return p->asked - p->over < most;
}

// Counts what a publish returned. False: there was no room.
static bool note(pub *p, int result)
{
    if (result == MQW_E_FULL)
        return false;
    p->asked++;
    if (result < 0) {
        p->over++;
        fail(p, result);
        if (p->settings->json)
            tell_json(p, result);
    }
    return true;
}

/* --- Lines -------------------------------------------------------------------------------------------- */

static bool publish_line(pub *p, const char *line, size_t len)
{
    p->publish.payload = (mqw_bytes){(const uint8_t *)line, len};
    if (!has_room(p) || !note(p, mqw_client_publish(p->call.client, &p->publish, on_done, p)))
        return false;
    p->call.progress.bytes += len;
    return true;
}

// A line that finds no room is kept, and no more are read until it has gone.
static void on_line(void *ctx, mqw_text line)
{
    pub *p = ctx;
    if (p->call.ending || publish_line(p, line.data, line.len))
        return;
    input_pause(&p->input);
    p->held = malloc(line.len + 1);
    p->held_len = line.len;
    if (p->held)
        memcpy(p->held, line.data, line.len);
    else
        call_finish(&p->call, CALL_BROKEN, true);
}

static void on_end(void *ctx, const char *error)
{
    pub *p = ctx;
    if (error)
        call_say(&p->call, "standard input cannot be read: %s", error);
    if (error && p->call.status == CALL_OK)
        p->call.status = CALL_BROKEN;
    p->read_all = true;
    go_on(p);
}

static void go_on_with_lines(pub *p)
{
    if (p->held && publish_line(p, p->held, p->held_len)) {
        free(p->held);
        p->held = NULL;
        input_resume(&p->input);
    }
    if (p->read_all && p->held == NULL && p->asked == p->over)
        call_finish(&p->call, CALL_OK, false);
}

/* --- One payload, once or again and again ------------------------------------------------------------- */

static void on_delay(uv_timer_t *timer)
{
    pub *p = timer->data;
    p->waiting = false;
    go_on(p);
}

static void go_on_with_payload(pub *p)
{
    while (!p->waiting && p->asked < p->settings->repeat && has_room(p))
        if (!note(p, payload_publish(&p->payload, p->call.client, &p->publish, on_done, p)))
            break;
    if (p->over == p->settings->repeat)
        call_finish(&p->call, CALL_OK, false);
}

static void on_read(void *ctx, uint32_t offset)
{
    pub *p = ctx;
    p->call.progress.bytes = p->over * p->payload.size + offset;
}

/* --- Life --------------------------------------------------------------------------------------------- */

static void go_on(pub *p)
{
    if (p->call.ending || !p->begun)
        return;
    if (p->settings->lines)
        go_on_with_lines(p);
    else
        go_on_with_payload(p);
}

// Nothing is read and published before a server has accepted us.
static void on_open(void *ctx)
{
    pub *p = ctx;
    if (p->begun)
        return;
    p->begun = true;
    if (p->settings->lines) {
        p->input.on_line = on_line;
        p->input.on_end = on_end;
        p->input.ctx = p;
        p->input.burst = BURST;
        input_open(&p->input, &p->call.loop, STDIN_FILENO, false);
    }
    go_on(p);
}

static void on_drain(mqw_client *client, void *ctx)
{
    (void)client;
    go_on(ctx);
}

static void on_gone(void *ctx)
{
    pub *p = ctx;
    uint64_t all = p->settings->lines ? p->asked + (p->held != NULL) : p->settings->repeat;
    uint64_t lost = all - p->call.progress.messages;
    input_close(&p->input);
    uv_close((uv_handle_t *)&p->delay, NULL);
    if (p->begun && lost > 0 && lost > p->failed)
        call_say(&p->call, "%llu of %llu messages were not delivered", (unsigned long long)lost,
                 (unsigned long long)all);
    if (lost > 0 && p->call.status == CALL_OK)
        p->call.status = CALL_FAILED;
}

// What cannot be meant, in words.
static const char *contradiction(const tool_settings *settings, size_t topics)
{
    int sources = (settings->message != NULL) + (settings->file != NULL) + settings->lines + settings->whole +
                  settings->empty;
    if (topics == 0)
        return "no topic: -t TOPIC, or a URL that has one";
    if (topics > 1)
        return "one topic only";
    if (sources == 0)
        return "no message: -m TEXT, -f FILE, -l (lines), -s (all of standard input) or -n (empty)";
    if (sources > 1)
        return "one of -m, -f, -l, -s and -n only";
    if (settings->lines && (settings->repeat > 1 || settings->repeat_delay))
        return "--repeat is for one message, -l for many";
    return NULL;
}

static bool prepare(pub *p)
{
    const tool_settings *settings = p->settings;
    tool_texts topics[] = {settings->topics, p->call.target.topics};
    const char *topic = topics[0].count ? topics[0].items[0] : topics[1].count ? topics[1].items[0] : "";
    const char *what = contradiction(settings, topics[0].count ? topics[0].count : topics[1].count ? 1 : 0);
    p->publish = (mqw_publish){
        .topic = {topic, strlen(topic)}, .qos = (uint8_t)settings->qos, .retain = settings->retain};
    if (what == NULL && mqw_topic_check(p->publish.topic) != 0)
        what =
            "that is not a topic name: it is empty or longer than 65535 bytes, has a wildcard (+ or #), or is not UTF-8";
    if (what)
        tool_complain("%s", what);
    return what == NULL && properties_put(&settings->properties, MQW_IN_PUBLISH, &p->publish.props, &p->room);
}

static void start(pub *p)
{
    tool_call *call = &p->call;
    mqw_client_options options = {.no_aliases = !p->settings->lines && p->settings->repeat == 1};
    call->on_open = on_open;
    call->on_end = on_gone;
    call->on_drain = on_drain;
    call->ctx = p;
    p->payload.on_read = on_read;
    p->payload.ctx = p;
    uv_timer_init(&call->loop, &p->delay);
    p->delay.data = p;
    progress_open(&call->progress, &call->loop, p->settings, "sent", p->settings->json && isatty(1));
    call->progress.all_messages = p->settings->lines ? 0 : p->settings->repeat;
    call->progress.all_bytes = p->settings->lines ? 0 : (uint64_t)p->payload.size * p->settings->repeat;
    int result = call_open(call, &options);
    if (result != CALL_OK) {
        call->status = result;
        uv_close((uv_handle_t *)&p->delay, NULL);
    }
}

int pub_run(const tool_settings *settings)
{
    pub p = {.settings = settings, .payload = {.fd = -1}};
    // A pipe is read before signals are watched, so that ^C ends it meanwhile.
    if (call_begin(&p.call, settings) == CALL_OK && prepare(&p) && payload_make(&p.payload, settings))
        start(&p);
    else
        p.call.status = CALL_FAILED;
    int status = call_run(&p.call);
    payload_free(&p.payload);
    free(p.room);
    free(p.held);
    return status;
}
