// SPDX-License-Identifier: MIT
// What mqw pub and mqw sub have in common; see call.h.
#include "call.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plain.h"
#include "secret.h"
#include "tool.h"

static mqw_text text_of(const char *text)
{
    return (mqw_text){text ? text : "", text ? strlen(text) : 0};
}

static mqw_bytes bytes_of(const char *text)
{
    return (mqw_bytes){(const uint8_t *)(text ? text : ""), text ? strlen(text) : 0};
}

/* --- Saying ------------------------------------------------------------------------------------------- */

void call_say(tool_call *call, const char *format, ...)
{
    va_list arguments;
    if (call->settings->quiet)
        return;
    progress_hide(&call->progress);
    bool colours = paint_wanted(call->settings->colour, stderr);
    va_start(arguments, format);
    fprintf(stderr, "%smqw:%s ", paint_code(colours, PAINT_BAD), paint_code(colours, PAINT_PLAIN));
    plain_vprint(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

const char *call_words(const tool_call *call, int result)
{
    mqw_client_facts facts = {.size = sizeof(facts)};
    if (result < 0)
        return mqw_strerror(result);
    mqw_client_facts_of(call->client, &facts);
    return mqw_reason_name(facts.version < MQW_5_0 ? MQW_5_0 : facts.version, (uint8_t)result);
}

int call_status(int result)
{
    if (result >= 0)
        return result < 0x80 ? CALL_OK : result;
    return result == MQW_E_NO_MEMORY || result == MQW_E_STREAM ? CALL_BROKEN : CALL_FAILED;
}

/* --- Events ------------------------------------------------------------------------------------------- */

static void on_connect(mqw_client *client, mqw_connect *connect, void *ctx)
{
    tool_call *call = ctx;
    (void)client;
    if (connect->version == MQW_3_1 && connect->client_id.len == 0) { // 3.1 has to have one
        snprintf(call->client_id, sizeof(call->client_id), "mqw-%ld", (long)getpid());
        connect->client_id = text_of(call->client_id);
    }
}

static void say_back(tool_call *call, const mqw_client *client)
{
    char room[TARGET_SHOWN];
    mqw_client_facts facts = {.size = sizeof(facts)};
    mqw_client_facts_of(client, &facts);
    call_say(call, "connected to %s again", target_show(facts.address, room));
}

static void on_open(mqw_client *client, const mqw_connack *connack, void *ctx)
{
    tool_call *call = ctx;
    (void)connack;
    if (call->shown_lost > 0)
        say_back(call, client);
    call->shown_lost = 0;
    call->opened = true;
    if (call->on_open && !call->ending)
        call->on_open(call->ctx);
}

// TLS has refused, or was refused: the words of the library begin with it.
static bool is_of_tls(const mqw_client_failure *failure)
{
    return failure->result < 0 && (strstr(failure->words, "TLS") || strstr(failure->words, "certificate"));
}

static int status_of(const tool_call *call, const mqw_client_failure *failure)
{
    if (failure->result == 0 && failure->reason)
        return failure->reason;
    if (is_of_tls(failure))
        return CALL_TLS;
    return call->opened ? CALL_LOST : CALL_FAILED;
}

static void say_lost(tool_call *call, const mqw_client_failure *failure)
{
    char room[TARGET_SHOWN];
    const char *address = target_show(failure->address ? failure->address : "the server", room);
    const char *what = call->opened && call->shown_lost == 0 ? "the connection is lost" : "cannot connect";
    const char *way = call->settings->proxy ? " through the proxy" : "";
    if (failure->retry_in < 0)
        call_say(call, "%s%s: %s: %s", what, way, address, failure->words);
    else if (failure->retry_in == 0)
        call_say(call, "%s%s: %s: %s; trying at once", what, way, address, failure->words);
    else
        call_say(call, "%s%s: %s: %s; trying again in %.1f s", what, way, address, failure->words,
                 (double)failure->retry_in / 1000);
}

// Before the first connection one round over all servers is enough, unless --retry says otherwise.
static void on_lost(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    tool_call *call = ctx;
    mqw_client_goodbye goodbye = {.size = sizeof(goodbye), .now = true};
    if (call->ending)
        return;
    bool enough = !call->opened && !call->settings->retry && failure->retry_in > 0;
    mqw_client_failure told = *failure;
    told.retry_in = enough ? -1 : failure->retry_in;
    say_lost(call, &told);
    call->shown_lost++;
    if (told.retry_in < 0 && strstr(failure->words, "certificate"))
        call_say(call, "the options for it: --cafile FILE, --server-name HOST; for tests only, --no-verify");
    if (told.retry_in < 0)
        call->status = call->status ? call->status : status_of(call, failure);
    call->ending = told.retry_in < 0;
    if (enough)
        mqw_client_close(client, &goodbye);
}

static void close_signals(tool_call *call)
{
    for (size_t i = 0; call->watched && i < CALL_SIGNALS; i++)
        if (!uv_is_closing((uv_handle_t *)&call->signals[i]))
            uv_close((uv_handle_t *)&call->signals[i], NULL);
}

static void on_close(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    tool_call *call = ctx;
    (void)client;
    if (failure && call->status == CALL_OK)
        call->status = status_of(call, failure);
    call->ending = true;
    call->client = NULL;
    close_signals(call);
    progress_close(&call->progress);
    if (call->on_end)
        call->on_end(call->ctx);
}

static void on_message(mqw_client *client, const mqw_publish *publish, mqw_token token, void *ctx)
{
    const tool_call *call = ctx;
    if (call->on_message)
        call->on_message(client, publish, token, call->ctx);
}

static void on_piece(mqw_client *client, const mqw_publish *publish, const mqw_piece *piece, mqw_token token,
                     void *ctx)
{
    const tool_call *call = ctx;
    if (call->on_piece)
        call->on_piece(client, publish, piece, token, call->ctx);
}

static void on_drain(mqw_client *client, void *ctx)
{
    const tool_call *call = ctx;
    if (call->on_drain)
        call->on_drain(client, call->ctx);
}

// The first signal says goodbye; the second one does what it does to any program.
static void on_signal(uv_signal_t *handle, int number)
{
    tool_call *call = handle->data;
    if (call->interrupted) {
        progress_hide(&call->progress);
        signal(number, SIG_DFL);
        raise(number);
    }
    call->interrupted = true;
    call_finish(call, CALL_OK, true);
}

static void show_tap(mqw_conn *conn, bool sent, const mqw_packet *packet, mqw_bytes raw, void *ctx)
{
    tool_call *call = ctx;
    tool_origin origin = {
        .who = sent ? MQW_CLIENT : MQW_SERVER, .version = mqw_conn_version(conn), .live = true};
    if (packet)
        show_packet(&call->show, &origin, packet, raw);
}

static void hide_progress(void *ctx)
{
    tool_call *call = ctx;
    progress_hide(&call->progress);
}

/* --- What CONNECT says -------------------------------------------------------------------------------- */

static bool find_password(tool_call *call)
{
    const tool_settings *settings = call->settings;
    const char *environment = getenv("MQW_PASSWORD");
    int len = -1;
    if (settings->ask_password)
        len = secret_from_terminal("Password: ", call->password, sizeof(call->password));
    else if (settings->password_file)
        len = secret_from_file(settings->password_file, call->password, sizeof(call->password));
    if (settings->ask_password || settings->password_file)
        call->connect.password = bytes_of(call->password);
    else if (settings->password)
        call->connect.password = bytes_of(settings->password);
    else if (environment && (settings->username || strchr(call->target.addresses, '@')))
        call->connect.password = bytes_of(environment);
    call->connect.has_password = call->connect.password.data != NULL;
    return len >= 0 || !(settings->ask_password || settings->password_file);
}

// Before 3.1.1 there has to be one.
static const char *client_id_of(tool_call *call)
{
    const tool_settings *settings = call->settings;
    if (settings->client_id || (settings->id_prefix == NULL && settings->version != MQW_3_1))
        return settings->client_id;
    snprintf(call->client_id, sizeof(call->client_id), "%.100s%ld",
             settings->id_prefix ? settings->id_prefix : "mqw-", (long)getpid());
    return call->client_id;
}

static bool put_properties(tool_call *call)
{
    const tool_properties *given = &call->settings->properties;
    mqw_props *props = &call->connect.props;
    if (!properties_put(given, MQW_IN_CONNECT, props, &call->rooms[0]) ||
        !properties_put(given, MQW_IN_WILL, &call->connect.will.props, &call->rooms[1]) ||
        !properties_put(given, MQW_IN_DISCONNECT, &call->farewell, &call->rooms[2]))
        return false;
    if (call->settings->has_expiry)
        mqw_set(props, session_expiry, call->settings->expiry);
    else if (call->settings->persistent && !mqw_has(props, session_expiry))
        mqw_set(props, session_expiry, UINT32_MAX);
    return true;
}

// Whether MQTT has room for what CONNECT has to say.
static bool is_sayable(const mqw_connect *connect)
{
    char why[256];
    mqw_error error;
    mqw_codec codec = {.version = connect->version ? connect->version : MQW_5_0};
    mqw_packet packet = {.type = MQW_CONNECT, .connect = *connect};
    packet.connect.version = codec.version;
    packet.connect.has_username |= connect->has_password; // it may stand in the address
    int result = mqw_encode(&codec, &packet, NULL, 0, &error);
    if (result >= 0 || result == MQW_E_NO_ROOM)
        return true;
    mqw_error_print(why, sizeof(why), &error);
    tool_complain("cannot say CONNECT: %s", why);
    return false;
}

static bool make_connect(tool_call *call)
{
    const tool_settings *settings = call->settings;
    call->connect = (mqw_connect){
        .version = (uint8_t)settings->version,
        .client_id = text_of(client_id_of(call)),
        .clean_start = !settings->persistent,
        .keep_alive = (uint16_t)settings->keep_alive,
        .has_username = settings->username != NULL,
        .username = text_of(settings->username),
        .has_will = settings->will_topic != NULL,
        .will = {.topic = text_of(settings->will_topic),
                 .payload = bytes_of(settings->will_payload),
                 .qos = (uint8_t)settings->will_qos,
                 .retain = settings->will_retain},
    };
    // What only 5.0 can say asks for 5.0.
    if (settings->version == 0 && (settings->properties.count > 0 || settings->has_expiry))
        call->connect.version = MQW_5_0;
    return find_password(call) && put_properties(call) && is_sayable(&call->connect);
}

/* --- What cannot be meant ----------------------------------------------------------------------------- */

static bool is_bad_topic(const char *topic)
{
    return topic && mqw_topic_check(text_of(topic)) != 0;
}

static bool is_numeric(const char *address)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    return uv_ip4_addr(address, 0, &v4) == 0 || uv_ip6_addr(address, 0, &v6) == 0;
}

static bool is_proxy(const char *url)
{
    return strncmp(url, "http://", 7) == 0 || strncmp(url, "socks5://", 9) == 0 ||
           strncmp(url, "socks5h://", 10) == 0;
}

// How to get there.
static const char *bad_way(const tool_settings *settings)
{
    if (settings->bind && !is_numeric(settings->bind))
        return "-A wants an address of this machine in numbers, as 192.0.2.1 or 2001:db8::1";
    if (settings->proxy && !is_proxy(settings->proxy))
        return "--proxy wants socks5h://[USER:PASSWORD@]HOST[:PORT], socks5://... or http://...";
    return NULL;
}

static const char *contradiction(const tool_settings *settings)
{
    bool old = settings->version && settings->version < MQW_5_0;
    if (settings->client_id && settings->id_prefix)
        return "-i and -I exclude each other";
    if (settings->persistent && !settings->client_id && !settings->id_prefix)
        return "-c needs a client identifier (-i), by which the server finds the session";
    if (settings->expiry == UINT32_MAX && settings->has_expiry && !settings->client_id &&
        !settings->id_prefix)
        return "a session that never ends (-x -1) needs a client identifier (-i)";
    if (old && (settings->properties.count > 0 || settings->has_expiry))
        return "-D and -x are for MQTT 5.0 only; leave -V out, or say -V 5";
    if (settings->password && !settings->username && settings->version != MQW_5_0 && old)
        return "a password (-P) needs a user name (-u) before MQTT 5.0";
    if ((settings->password != NULL) + (settings->password_file != NULL) + settings->ask_password > 1)
        return "-P, --password-file and --ask-password exclude each other";
    if (!settings->will_topic && (settings->will_payload || settings->will_qos || settings->will_retain))
        return "--will-payload, --will-qos and --will-retain need --will-topic";
    if (is_bad_topic(settings->will_topic))
        return "--will-topic is not a topic name: it is empty or longer than 65535 bytes, has a wildcard, or is not UTF-8";
    return bad_way(settings);
}

/* --- Life --------------------------------------------------------------------------------------------- */

static void watch_signals(tool_call *call)
{
    static const int numbers[CALL_SIGNALS] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < CALL_SIGNALS; i++) {
        uv_signal_init(&call->loop, &call->signals[i]);
        uv_signal_start(&call->signals[i], on_signal, numbers[i]);
        uv_unref((uv_handle_t *)&call->signals[i]);
        call->signals[i].data = call;
    }
    call->watched = true;
}

int call_begin(tool_call *call, const tool_settings *settings)
{
    *call = (tool_call){.settings = settings};
    uv_loop_init(&call->loop);
    signal(SIGPIPE, SIG_IGN);
    const char *what = contradiction(settings);
    if (what) {
        tool_complain("%s", what);
        return CALL_FAILED;
    }
    return target_make(&call->target, settings) &&
                   secure_make(&call->secure, settings, MQW_CLIENT, call->target.addresses) &&
                   make_connect(call)
               ? CALL_OK
               : CALL_FAILED;
}

static mqw_client_options options_of(tool_call *call, const mqw_client_options *extra)
{
    mqw_client_options options = *extra;
    options.size = sizeof(options);
    options.address = call->target.addresses;
    options.connect = &call->connect;
    options.handlers = (mqw_client_handlers){
        .size = sizeof(mqw_client_handlers),
        .on_connect = on_connect,
        .on_open = on_open,
        .on_message = on_message,
        .on_piece = on_piece,
        .on_lost = on_lost,
        .on_drain = on_drain,
        .on_close = on_close,
    };
    options.ctx = call;
    options.once = call->settings->no_reconnect;
    options.connect_timeout = call->settings->connect_timeout;
    options.follow_reference = true;
    return options;
}

int call_open(tool_call *call, const mqw_client_options *extra)
{
    const tool_settings *settings = call->settings;
    mqw_conn_options conn = {.size = sizeof(conn), .max_packet_size = MQW_PACKET_MAX};
    if (extra->open && extra->open->conn)
        conn = *extra->open->conn;
    mqw_open_options open = {.size = sizeof(open),
                             .conn = &conn,
                             .proxy = settings->proxy,
                             .bind = settings->bind,
                             .connect_timeout = settings->connect_timeout};
    mqw_client_options options = options_of(call, extra);
    show_init(&call->show, settings, stderr);
    call->show.json = false;
    call->show.colours = paint_wanted(settings->colour, stderr);
    call->show.hide = hide_progress;
    call->show.ctx = call;
    conn.tap = settings->debug ? show_tap : NULL;
    conn.tap_ctx = call;
    secure_apply(&call->secure, &open);
    options.open = &open;
    watch_signals(call);
    int result = mqw_client_open(&call->client, &call->loop, &options);
    if (result == 0)
        return CALL_OK;
    char room[TARGET_SHOWN];
    call->client = NULL;
    tool_complain("cannot connect to %s: %s", target_show(call->target.addresses, room),
                  result == MQW_E_STREAM ? strerror(errno) : mqw_strerror(result));
    return call_status(result);
}

void call_finish(tool_call *call, int status, bool now)
{
    mqw_client_goodbye goodbye = {.size = sizeof(goodbye), .now = now, .props = &call->farewell};
    call->status = call->status ? call->status : status;
    if (call->client && (!call->ending || now)) {
        call->ending = true;
        mqw_client_close(call->client, &goodbye);
    }
}

int call_run(tool_call *call)
{
    if (call->client == NULL) {
        close_signals(call);
        progress_close(&call->progress);
    }
    uv_run(&call->loop, UV_RUN_DEFAULT);
    uv_loop_close(&call->loop);
    show_end(&call->show);
    secure_free(&call->secure);
    target_free(&call->target);
    for (size_t i = 0; i < CALL_PARTS; i++)
        free(call->rooms[i]);
    memset(call->password, 0, sizeof(call->password));
    return call->status;
}
