// SPDX-License-Identifier: MIT
// What the log of mqw serve hears of the broker; see serve.h.
#include <string.h>

#include <mqwire/codec.h>
#include <mqwire/spec.h>

#include "serve.h"

enum { FIELDS = 12 };

// Details of an event, as many as there are.
typedef struct details {
    log_field fields[FIELDS];
    size_t count;
} details;

static void add_text(details *to, const char *name, mqw_text text)
{
    if (text.len > 0 && to->count < FIELDS)
        to->fields[to->count++] = log_text(name, text);
}

static void add_words(details *to, const char *name, const char *words)
{
    add_text(to, name, (mqw_text){words, words ? strlen(words) : 0});
}

static void add_number(details *to, const char *name, uint64_t number)
{
    if (to->count < FIELDS)
        to->fields[to->count++] = log_number(name, number);
}

static void tell(tool_serve *serve, int level, const char *event, const details *what)
{
    log_event(&serve->log, level, event, what->fields, what->count);
}

static void add_client(details *to, const mqw_peer *peer)
{
    if (peer)
        add_text(to, "client", mqw_peer_id(peer));
}

// The user that is proved; a name that was only said is told as such.
static void add_user(details *to, const mqw_peer *peer)
{
    const serve_peer *is = mqw_peer_user(peer);
    if (is && is->user_len > 0)
        add_text(to, "user", (mqw_text){is->user, is->user_len});
    else
        add_text(to, "says_user", mqw_peer_user_name(peer));
}

static const char *version_of(const mqw_peer *peer)
{
    uint8_t version = mqw_conn_version(mqw_peer_conn(peer));
    return version == MQW_5_0 ? "5.0" : version == MQW_3_1_1 ? "3.1.1" : version == MQW_3_1 ? "3.1" : "";
}

static const mqw_stream_facts *add_place(details *to, const mqw_peer *peer, mqw_stream_facts *facts)
{
    facts->size = sizeof(*facts);
    facts->peer[0] = facts->local[0] = facts->tls_version[0] = facts->tls_subject[0] = facts->ws_path[0] =
        '\0';
    (void)mqw_stream_facts_of(mqw_conn_stream(mqw_peer_conn(peer)), facts);
    if (strncmp(facts->peer, "fd:", 3) != 0) // its socket is gone
        add_words(to, "from", facts->peer);
    return facts;
}

/* --- Coming and going --------------------------------------------------------------------------------- */

static void on_connected(mqw_broker *broker, mqw_peer *peer, bool session_present, void *ctx)
{
    tool_serve *serve = ctx;
    details what = {.count = 0};
    mqw_stream_facts facts;
    (void)broker;
    serve_look_at(serve, peer);
    if (!log_wants(&serve->log, MQW_LOG_NOTICE))
        return;
    add_client(&what, peer);
    add_user(&what, peer);
    add_place(&what, peer, &facts);
    add_words(&what, "at", facts.local);
    add_words(&what, "version", version_of(peer));
    add_words(&what, "tls", facts.tls_version);
    add_words(&what, "certificate", facts.tls_subject);
    add_words(&what, "websocket", facts.ws_path);
    if (session_present)
        add_words(&what, "session", "kept");
    tell(serve, MQW_LOG_NOTICE, "connected", &what);
}

static void tell_end(tool_serve *serve, int level, const char *event, const mqw_peer *peer, uint8_t reason,
                     const char *words)
{
    details what = {.count = 0};
    mqw_stream_facts facts;
    char code[8];
    add_client(&what, peer);
    add_user(&what, peer);
    add_place(&what, peer, &facts);
    snprintf(code, sizeof(code), "0x%02X", (unsigned)reason);
    add_words(&what, "reason", code);
    add_words(&what, "text", words);
    tell(serve, level, event, &what);
}

static void on_disconnected(mqw_broker *broker, mqw_peer *peer, uint8_t reason, const char *words, void *ctx)
{
    tool_serve *serve = ctx;
    (void)broker;
    if (log_wants(&serve->log, MQW_LOG_NOTICE))
        tell_end(serve, MQW_LOG_NOTICE, "disconnected", peer, reason, words);
    serve_forget(peer);
}

static void on_refused(mqw_broker *broker, mqw_peer *peer, uint8_t reason, const char *words, void *ctx)
{
    tool_serve *serve = ctx;
    int level =
        reason == MQW_REASON_UNSPECIFIED_ERROR ? MQW_LOG_NOTICE : MQW_LOG_WARNING; // it went by itself
    (void)broker;
    if (log_wants(&serve->log, level))
        tell_end(serve, level, "refused", peer, reason, words);
    serve_forget(peer);
}

/* --- Subscriptions and messages, for who looks closely ------------------------------------------------ */

static void on_subscribed(mqw_broker *broker, mqw_peer *peer, const mqw_filter *item, void *ctx)
{
    details what = {.count = 0};
    (void)broker;
    add_client(&what, peer);
    add_text(&what, "filter", item->filter);
    add_number(&what, "qos", item->qos);
    tell(ctx, MQW_LOG_DEBUG, "subscribed", &what);
}

static void on_unsubscribed(mqw_broker *broker, mqw_peer *peer, mqw_text filter, void *ctx)
{
    details what = {.count = 0};
    (void)broker;
    add_client(&what, peer);
    add_text(&what, "filter", filter);
    tell(ctx, MQW_LOG_DEBUG, "unsubscribed", &what);
}

// Never the payload.
static void add_message(details *to, const mqw_publish *publish)
{
    add_text(to, "topic", publish->topic);
    add_number(to, "qos", publish->qos);
    add_number(to, "bytes", publish->payload.len);
}

static void on_published(mqw_broker *broker, mqw_peer *peer, const mqw_publish *publish, void *ctx)
{
    details what = {.count = 0};
    (void)broker;
    add_client(&what, peer);
    add_message(&what, publish);
    if (publish->retain)
        add_words(&what, "retain", "yes");
    tell(ctx, MQW_LOG_DEBUG, "published", &what);
}

static void on_delivered(mqw_broker *broker, mqw_text client_id, const mqw_publish *publish, void *ctx)
{
    details what = {.count = 0};
    (void)broker;
    add_text(&what, "client", client_id);
    add_message(&what, publish);
    tell(ctx, MQW_LOG_DEBUG, "delivered", &what);
}

static const char *const drops[] = {[MQW_DROP_EXPIRED] = "expired",
                                    [MQW_DROP_QUEUE_FULL] = "its queue is full",
                                    [MQW_DROP_TOO_LARGE] = "larger than it takes",
                                    [MQW_DROP_SESSION_OVER] = "its session ended",
                                    [MQW_DROP_REFUSED] = "refused",
                                    [MQW_DROP_NO_MEMORY] = "no memory",
                                    [MQW_DROP_STORE] = "it could not be stored"};

static void on_dropped(mqw_broker *broker, mqw_text client_id, const mqw_publish *publish, mqw_drop why,
                       void *ctx)
{
    details what = {.count = 0};
    (void)broker;
    add_text(&what, "client", client_id);
    add_message(&what, publish);
    add_words(&what, "text", why < sizeof(drops) / sizeof(drops[0]) ? drops[why] : NULL);
    tell(ctx, MQW_LOG_DEBUG, "dropped", &what);
}

// What the broker itself has to say.
static void on_log(mqw_broker *broker, int level, const char *words, void *ctx)
{
    details what = {.count = 0};
    (void)broker;
    add_words(&what, "text", words);
    tell(ctx, level, "broker", &what);
}

void serve_tell_hooks(tool_serve *serve, mqw_broker_hooks *hooks)
{
    hooks->on_connected = on_connected;
    hooks->on_disconnected = on_disconnected;
    hooks->on_refused = on_refused;
    hooks->on_log = on_log;
    if (!log_wants(&serve->log, MQW_LOG_DEBUG))
        return;
    hooks->on_subscribed = on_subscribed;
    hooks->on_unsubscribed = on_unsubscribed;
    hooks->on_published = on_published;
    hooks->on_delivered = on_delivered;
    hooks->on_dropped = on_dropped;
}

// Each drop by itself would be a flood at the worst moment: they are told as sums.
void serve_tell_drops(tool_serve *serve)
{
    mqw_broker_status now = {.size = sizeof(now)};
    details what = {.count = 0};
    mqw_broker_status_of(serve->broker, &now);
    const struct {
        const char *name;
        uint64_t now, before;
    } rows[] = {{"queue_full", now.dropped_full, serve->told.dropped_full},
                {"expired", now.dropped_expired, serve->told.dropped_expired},
                {"too_large", now.dropped_too_large, serve->told.dropped_too_large},
                {"refused", now.dropped_refused, serve->told.dropped_refused},
                {"memory", now.dropped_memory, serve->told.dropped_memory},
                {"store", now.dropped_store, serve->told.dropped_store},
                {"connections_refused", now.connections_refused, serve->told.connections_refused}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].now > rows[i].before)
            add_number(&what, rows[i].name, rows[i].now - rows[i].before);
    serve->told = now;
    if (what.count > 0)
        tell(serve, MQW_LOG_WARNING, "dropped-lately", &what);
}

/* --- Certificates ------------------------------------------------------------------------------------- */

// One character of an RFC 4514 text, its escape undone. False: there is none more, or it is not plain.
static bool take_character(const char **at, char *out)
{
    static const char digits[] = "0123456789ABCDEF";
    const char *text = *at;
    if (*text != '\\') {
        *out = *text;
        *at += 1;
        return true;
    }
    const char *high = text[1] ? strchr(digits, text[1]) : NULL;
    const char *low = high && text[2] ? strchr(digits, text[2]) : NULL;
    *out = (char)(low ? (high - digits) << 4 | (low - digits) : text[1]);
    *at += low ? 3 : 2;
    return *out != '\0';
}

// Of several common names none is believed.
bool serve_common_name(const char *subject, char *out, size_t cap)
{
    unsigned found = 0;
    size_t len = 0;
    if (strlen(subject) + 8 >= sizeof(((mqw_stream_facts *)0)->tls_subject))
        return false; // it may have been cut
    while (*subject) {
        bool named = strncmp(subject, "CN=", 3) == 0;
        subject += named ? 3 : 0;
        found += named;
        if (named && *subject == '#')
            return false; // bytes, no text
        for (char c; *subject && *subject != ',' && *subject != '+';) {
            if (!take_character(&subject, &c) || (named && len + 1 >= cap))
                return false;
            if (named)
                out[len++] = c;
        }
        subject += *subject != '\0';
    }
    out[len] = '\0';
    return found == 1 && len > 0 && mqw_utf8_check((mqw_text){out, len}) == 0;
}
