// SPDX-License-Identifier: MIT
// mqw sub: prints the messages of topics. A message is acknowledged when it has left standard output; who
// reads that slowly slows the server down.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "call.h"
#include "format.h"
#include "printer.h"
#include "tool.h"

enum { STREAM_OVER = 1024 * 1024, PERCENT_ALL = 100000 };

typedef struct sub {
    tool_call call;
    const tool_settings *settings;
    tool_printer printer;
    uv_prepare_t turn; // something was printed
    uv_timer_t limit;
    uint8_t *rooms[2]; // of properties
    mqw_props subscribing;
    mqw_props unsubscribing;
    mqw_filter *filters;
    size_t filter_count;
    mqw_token *tokens; // printed, and not yet acknowledged
    size_t token_count;
    size_t token_room;
    uint32_t printed;
    bool begun;
    bool paused;
    bool done;   // nothing more is printed
    bool hidden; // the message that comes in pieces is not printed
} sub;

/* --- Standard output ---------------------------------------------------------------------------------- */

static void acknowledge(sub *s)
{
    for (size_t i = 0; i < s->token_count && s->call.client; i++)
        mqw_client_ack(s->call.client, s->tokens[i], MQW_REASON_SUCCESS);
    s->token_count = 0;
}

// What was printed goes out, and is acknowledged then; what has to wait stops the server.
static void settle(sub *s)
{
    bool gone = outlet_flush(&s->printer.out);
    if (gone && s->printer.out.error == 0)
        acknowledge(s);
    if (s->call.client == NULL || s->call.ending)
        return;
    if (s->paused && gone)
        mqw_client_resume(s->call.client);
    else if (!s->paused && outlet_full(&s->printer.out))
        mqw_client_pause(s->call.client);
    s->paused = s->paused ? !gone : outlet_full(&s->printer.out);
    if (gone && s->done)
        call_finish(&s->call, CALL_OK, false);
}

static void on_turn(uv_prepare_t *turn)
{
    uv_prepare_stop(turn);
    settle(turn->data);
}

static void on_drain(void *ctx)
{
    settle(ctx);
}

// Nobody reads any more, as with `| head`: that is no failure.
static void on_broken(void *ctx, int error)
{
    sub *s = ctx;
    s->done = true;
    if (error != EPIPE)
        call_say(&s->call, "standard output cannot be written: %s", strerror(error));
    call_finish(&s->call, error == EPIPE ? CALL_OK : CALL_BROKEN, true);
}

static void remember(sub *s, mqw_token token)
{
    if (!uv_is_active((uv_handle_t *)&s->turn))
        uv_prepare_start(&s->turn, on_turn);
    if (token == 0)
        return;
    if (s->token_count == s->token_room) {
        size_t room = s->token_room * 2 + 64;
        mqw_token *more = realloc(s->tokens, room * sizeof(*more));
        if (more == NULL) {
            call_finish(&s->call, CALL_BROKEN, true);
            return;
        }
        s->tokens = more;
        s->token_room = room;
    }
    s->tokens[s->token_count++] = token;
}

/* --- Messages ----------------------------------------------------------------------------------------- */

static bool matches(const tool_texts *filters, mqw_text topic)
{
    for (size_t i = 0; i < filters->count; i++)
        if (mqw_topic_matches((mqw_text){filters->items[i], strlen(filters->items[i])}, topic))
            return true;
    return false;
}

static bool is_wanted(const sub *s, const mqw_publish *publish)
{
    const tool_settings *settings = s->settings;
    if ((publish->retain && settings->fresh_only) || matches(&settings->filtered, publish->topic))
        return false;
    return settings->chance == 0 || (uint32_t)(random() % PERCENT_ALL) < settings->chance;
}

static void remove_retained(sub *s, const mqw_publish *publish)
{
    mqw_publish empty = {.topic = publish->topic, .qos = 1, .retain = true};
    if (!publish->retain || matches(&s->settings->filtered, publish->topic))
        return;
    int result = mqw_client_publish(s->call.client, &empty, NULL, NULL);
    if (result < 0)
        call_say(&s->call, "cannot remove the retained message of %.*s: %s", (int)publish->topic.len,
                 publish->topic.data, mqw_strerror(result));
}

// The last one of those that are wanted: what comes behind it is neither printed nor acknowledged.
static void count(sub *s)
{
    s->call.progress.messages++;
    s->printed++;
    if (s->printed != s->settings->count)
        return;
    s->done = true;
    settle(s);
}

static void print(sub *s, const mqw_publish *publish)
{
    const char *why =
        printer_message(&s->printer, publish, mqw_conn_version(mqw_client_conn(s->call.client)));
    if (why)
        call_say(&s->call, "%s, on topic %.*s", why, (int)publish->topic.len, publish->topic.data);
}

static void on_message(mqw_client *client, const mqw_publish *publish, mqw_token token, void *ctx)
{
    sub *s = ctx;
    (void)client;
    s->hidden = true;
    if (s->done)
        return;
    if (s->settings->retained_only && !publish->retain) {
        s->done = true;
        settle(s);
        return;
    }
    if (s->settings->remove_retained)
        remove_retained(s, publish);
    s->hidden = !is_wanted(s, publish);
    if (!s->hidden)
        print(s, publish);
    if (publish->payload_left > 0)
        return;
    remember(s, token);
    s->call.progress.bytes += publish->payload.len;
    if (!s->hidden)
        count(s);
}

static void on_piece(mqw_client *client, const mqw_publish *publish, const mqw_piece *piece, mqw_token token,
                     void *ctx)
{
    sub *s = ctx;
    (void)client;
    if (s->done)
        return;
    if (piece == NULL && !s->hidden) {
        printer_end(&s->printer, false);
        call_say(&s->call, "the message of %.*s was cut by the loss of the connection",
                 (int)publish->topic.len, publish->topic.data);
    }
    if (piece == NULL)
        return;
    s->call.progress.bytes += piece->bytes.len;
    if (!s->hidden)
        printer_payload(&s->printer, piece->bytes);
    if (piece->left == 0)
        remember(s, token);
    if (piece->left == 0 && !s->hidden) {
        printer_end(&s->printer, false);
        count(s);
    } else {
        settle(s);
    }
}

/* --- Subscribing -------------------------------------------------------------------------------------- */

static void on_unsubscribed(mqw_client *client, int result, const mqw_packet *answer, void *ctx)
{
    sub *s = ctx;
    (void)client, (void)answer;
    if (result < 0 || result >= 0x80)
        call_say(&s->call, "not unsubscribed: %s", call_words(&s->call, result));
    if (s->settings->subscribe_only)
        call_finish(&s->call, call_status(result), false);
}

static void unsubscribe(sub *s)
{
    const tool_texts *filters = &s->settings->unsubscribe;
    mqw_text *texts = filters->count ? calloc(filters->count, sizeof(*texts)) : NULL;
    for (size_t i = 0; texts && i < filters->count; i++)
        texts[i] = (mqw_text){filters->items[i], strlen(filters->items[i])};
    int result = texts ? mqw_client_unsubscribe(s->call.client, texts, filters->count, &s->unsubscribing,
                                                on_unsubscribed, s)
                       : 0;
    free(texts);
    if (result < 0)
        call_say(&s->call, "cannot unsubscribe: %s", mqw_strerror(result));
    if (result < 0 || (filters->count == 0 && s->settings->subscribe_only))
        call_finish(&s->call, call_status(result), false);
}

// Says which filters were refused. Returns how many.
static size_t say_refused(sub *s, const mqw_packet *answer)
{
    mqw_bytes reasons = answer->suback.reasons;
    size_t refused = 0;
    for (size_t i = 0; i < reasons.len && i < s->filter_count; i++) {
        if (reasons.data[i] < 0x80)
            continue;
        refused++;
        call_say(&s->call, "not subscribed to %.*s: %s", (int)s->filters[i].filter.len,
                 s->filters[i].filter.data, call_words(&s->call, reasons.data[i]));
    }
    return refused;
}

static void on_subscribed(mqw_client *client, int result, const mqw_packet *answer, void *ctx)
{
    sub *s = ctx;
    (void)client;
    size_t refused = answer ? say_refused(s, answer) : 0;
    if (result < 0 && result != MQW_E_CLOSED)
        call_say(&s->call, "cannot subscribe: %s", call_words(&s->call, result));
    if (result < 0 || refused == s->filter_count)
        call_finish(&s->call, call_status(result), false);
    else
        unsubscribe(s);
}

static void subscribe(sub *s)
{
    if (s->filter_count == 0) {
        unsubscribe(s);
        return;
    }
    int result =
        mqw_client_subscribe(s->call.client, s->filters, s->filter_count, &s->subscribing, on_subscribed, s);
    if (result < 0) {
        call_say(&s->call, "cannot subscribe: %s", mqw_strerror(result));
        call_finish(&s->call, call_status(result), true);
    }
}

/* --- Life --------------------------------------------------------------------------------------------- */

static void on_limit(uv_timer_t *timer)
{
    sub *s = timer->data;
    s->done = true;
    call_finish(&s->call, CALL_TIMEOUT, true);
}

// The client restores subscriptions by itself when it comes back.
static void on_open(void *ctx)
{
    sub *s = ctx;
    if (s->begun)
        return;
    s->begun = true;
    if (s->settings->limit)
        uv_timer_start(&s->limit, on_limit, s->settings->limit, 0);
    subscribe(s);
}

static void on_gone(void *ctx)
{
    sub *s = ctx;
    outlet_flush(&s->printer.out);
    outlet_close(&s->printer.out);
    uv_close((uv_handle_t *)&s->limit, NULL);
    uv_close((uv_handle_t *)&s->turn, NULL);
}

static const char *contradiction(const tool_settings *settings, size_t topics)
{
    if (topics == 0 && settings->unsubscribe.count == 0)
        return "no topic filter: -t FILTER, or a URL that has one";
    if (settings->fresh_only && settings->retained_only)
        return "-R and --retained-only exclude each other";
    if (settings->as_published && settings->version && settings->version < MQW_5_0)
        return "--retain-as-published is for MQTT 5.0 only; leave -V out, or say -V 5";
    if (settings->no_local && settings->version && settings->version < MQW_5_0)
        return "--no-local is for MQTT 5.0 only; leave -V out, or say -V 5";
    if (settings->json && settings->format)
        return "--json and -F exclude each other; %j is JSON, too";
    return NULL;
}

static bool is_bad_filter(const tool_texts *filters)
{
    for (size_t i = 0; i < filters->count; i++) {
        mqw_text filter = {filters->items[i], strlen(filters->items[i])};
        if (mqw_filter_check(filter, MQW_5_0) == 0)
            continue;
        tool_complain(
            "%s is not a topic filter: it is empty or longer than 65535 bytes, not UTF-8, or + and # do not stand alone between "
            "slashes, # last",
            filters->items[i]);
        return true;
    }
    return false;
}

static void add_filters(sub *s, const tool_texts *texts)
{
    const tool_settings *settings = s->settings;
    for (size_t i = 0; i < texts->count; i++) {
        mqw_text text = {texts->items[i], strlen(texts->items[i])};
        s->filters[s->filter_count++] = (mqw_filter){
            .filter = text,
            .qos = (uint8_t)settings->qos,
            .no_local = settings->no_local && !mqw_share_split(text, &text, &text),
            .retain_as_published = settings->as_published,
            .retain_handling = settings->fresh_only && !settings->remove_retained ? 2 : 0,
        };
    }
}

static bool prepare(sub *s)
{
    const tool_settings *settings = s->settings;
    char why[FORMAT_WHY];
    const tool_texts *topics = &settings->topics, *more = &s->call.target.topics;
    const char *what = contradiction(settings, topics->count + more->count);
    if (what)
        tool_complain("%s", what);
    else if (settings->format && !format_check(settings->format, why))
        tool_complain("-F %s: %s", settings->format, what = why);
    if (what || is_bad_filter(topics) || is_bad_filter(more) || is_bad_filter(&settings->filtered) ||
        is_bad_filter(&settings->unsubscribe))
        return false;
    s->filters = calloc(topics->count + more->count + 1, sizeof(*s->filters));
    if (s->filters == NULL)
        return false;
    add_filters(s, more);
    add_filters(s, topics);
    return properties_put(&settings->properties, MQW_IN_SUBSCRIBE, &s->subscribing, &s->rooms[0]) &&
           properties_put(&settings->properties, MQW_IN_UNSUBSCRIBE, &s->unsubscribing, &s->rooms[1]);
}

static void open_loop(sub *s)
{
    tool_call *call = &s->call;
    call->on_open = on_open;
    call->on_end = on_gone;
    call->on_message = on_message;
    call->on_piece = on_piece;
    call->ctx = s;
    printer_init(&s->printer, s->settings);
    s->printer.out.on_drain = on_drain;
    s->printer.out.on_broken = on_broken;
    s->printer.out.ctx = s;
    outlet_open(&s->printer.out, &call->loop, STDOUT_FILENO);
    uv_prepare_init(&call->loop, &s->turn);
    uv_timer_init(&call->loop, &s->limit);
    s->turn.data = s->limit.data = s;
    progress_open(&call->progress, &call->loop, s->settings, "received", isatty(STDOUT_FILENO));
    call->progress.all_messages = s->settings->count;
    if (s->settings->limit)
        uv_timer_start(&s->limit, on_limit, s->settings->limit, 0);
}

static void start(sub *s)
{
    bool whole = s->settings->format || s->settings->json;
    mqw_conn_options conn = {
        .size = sizeof(conn), .max_packet_size = MQW_PACKET_MAX, .stream_over = whole ? 0 : STREAM_OVER};
    mqw_open_options open = {.size = sizeof(open), .conn = &conn};
    mqw_client_options options = {.open = &open, .manual_ack = true};
    open_loop(s);
    int result = call_open(&s->call, &options);
    if (result != CALL_OK) {
        s->call.status = result;
        on_gone(s);
    }
}

int sub_run(const tool_settings *settings)
{
    sub s = {.settings = settings};
    if (call_begin(&s.call, settings) == CALL_OK && prepare(&s))
        start(&s);
    else
        s.call.status = CALL_FAILED;
    int status = call_run(&s.call);
    if (!s.call.interrupted)
        outlet_end(&s.printer.out);
    outlet_free(&s.printer.out);
    free(s.filters);
    free(s.tokens);
    free(s.rooms[0]);
    free(s.rooms[1]);
    return status;
}
