// SPDX-License-Identifier: MIT
// mqw listen: the console as a server, and the ordinary answers that one gives.
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "tool.h"

/* --- Answers ------------------------------------------------------------------------------------------ */

enum {
    ALIASES = 16, // topic aliases that a client may use
    ID_SIZE = 32  // of an identifier that is assigned
};

static uint8_t verdict_on(const mqw_connect *connect)
{
    if (connect->unsupported)
        return MQW_REASON_UNSUPPORTED_VERSION;
    if (connect->version < MQW_5_0 && connect->client_id.len == 0 &&
        !(connect->version == MQW_3_1_1 && connect->clean_start))
        return 2; // identifier rejected
    if (connect->version == MQW_5_0 && mqw_has(&connect->props, auth_method))
        return MQW_REASON_BAD_AUTH_METHOD;
    return MQW_REASON_SUCCESS;
}

// What an accepted client of 5.0 has to hear. `id` is room for an identifier.
static mqw_props offer_to(const tool_peer *peer, const mqw_connect *connect, char id[ID_SIZE])
{
    mqw_props props = {0};
    if (verdict_on(connect) != MQW_REASON_SUCCESS || connect->version != MQW_5_0)
        return props;
    mqw_set(&props, topic_alias_maximum, ALIASES);
    if (connect->client_id.len == 0) {
        int len = snprintf(id, ID_SIZE, "mqw-%u", peer->number);
        mqw_set(&props, assigned_client_id, ((mqw_text){id, (size_t)len}));
    }
    return props;
}

static int answer_connect(tool_peer *peer, const mqw_packet *packet)
{
    char id[ID_SIZE];
    const mqw_connect *connect = &packet->connect;
    mqw_connack connack = {.reason = verdict_on(connect), .props = offer_to(peer, connect, id)};
    int result = mqw_conn_connack(peer->conn, &connack);
    if (connack.reason != MQW_REASON_SUCCESS)
        mqw_conn_close(peer->conn);
    return result;
}

static size_t count_topics(mqw_list left)
{
    size_t count = 0;
    mqw_text filter;
    while (mqw_next_topic(&left, &filter))
        count++;
    return count;
}

static size_t count_filters(mqw_list left)
{
    size_t count = 0;
    mqw_filter filter;
    while (mqw_next_filter(&left, &filter))
        count++;
    return count;
}

// Failure of one subscription, as each version can say it.
static uint8_t granted(const tool_peer *peer, uint8_t reason)
{
    return reason > 2 && mqw_conn_version(peer->conn) < MQW_5_0 ? 0x80 : reason;
}

static int answer_subscribe(tool_peer *peer, const mqw_packet *packet)
{
    const mqw_subscribe *subscribe = &packet->subscribe;
    mqw_list left = subscribe->filters, ids = mqw_value(&subscribe->props, subscription_ids);
    mqw_filter filter;
    uint32_t id = 0;
    size_t count = 0;
    uint8_t *reasons = malloc(count_filters(left) + 1);
    if (reasons == NULL)
        return MQW_E_NO_MEMORY;
    mqw_next_id(&ids, &id);
    while (mqw_next_filter(&left, &filter))
        reasons[count++] = granted(peer, subscriptions_add(&peer->subscriptions, &filter, id));
    mqw_suback suback = {.packet_id = subscribe->packet_id, .reasons = {reasons, count}};
    int result = peer->console->settings->answer ? mqw_conn_suback(peer->conn, &suback) : 0;
    free(reasons);
    return result;
}

static int answer_unsubscribe(tool_peer *peer, const mqw_packet *packet)
{
    mqw_list left = packet->unsubscribe.filters;
    mqw_text filter;
    size_t count = 0;
    uint8_t *reasons = malloc(count_topics(left) + 1);
    if (reasons == NULL)
        return MQW_E_NO_MEMORY;
    while (mqw_next_topic(&left, &filter))
        reasons[count++] = subscriptions_remove(&peer->subscriptions, filter);
    mqw_suback unsuback = {.packet_id = packet->unsubscribe.packet_id, .reasons = {reasons, count}};
    if (mqw_conn_version(peer->conn) < MQW_5_0)
        unsuback.reasons.len = 0;
    int result = peer->console->settings->answer ? mqw_conn_unsuback(peer->conn, &unsuback) : 0;
    free(reasons);
    return result;
}

static int answer_publish(tool_peer *peer, const mqw_packet *packet)
{
    if (peer->console->settings->echo)
        echo_publish(peer, &packet->publish);
    return 0;
}

static int answer_disconnect(tool_peer *peer, const mqw_packet *packet)
{
    (void)packet;
    mqw_conn_close(peer->conn);
    return 0;
}

// PINGRESP and acknowledgements are given by the connection (MQW_ANSWER_…). What --echo has to know is noted
// even when the answers are somebody's at the terminal.
void listen_packet(tool_peer *peer, const mqw_packet *packet)
{
    static const struct {
        int (*run)(tool_peer *peer, const mqw_packet *packet);
        bool noted;
    } answers[16] = {
        [MQW_CONNECT] = {answer_connect, false},       [MQW_PUBLISH] = {answer_publish, true},
        [MQW_SUBSCRIBE] = {answer_subscribe, true},    [MQW_UNSUBSCRIBE] = {answer_unsubscribe, true},
        [MQW_DISCONNECT] = {answer_disconnect, false},
    };
    const tool_settings *settings = peer->console->settings;
    unsigned type = packet->type & 15;
    if (answers[type].run == NULL || !(settings->answer || (settings->echo && answers[type].noted)))
        return;
    int result = answers[type].run(peer, packet);
    if (result < 0)
        show_event(&peer->console->show, peer_shown(peer), PAINT_BAD, "not-sent", mqw_strerror(result));
}

/* --- Listening ---------------------------------------------------------------------------------------- */

static void on_connection(mqw_server *server, mqw_conn *conn, void *ctx)
{
    tool_console *console = ctx;
    bool more = console->peer_count > 0 && (console->settings->once || console->settings->script);
    (void)server;
    tool_peer *peer = more ? NULL : peer_new(console, conn);
    if (peer == NULL) {
        mqw_conn_abort(conn);
        return;
    }
    mqw_conn_handle_shared(conn, &peer_handlers, peer);
    console_read(console);
}

// What is bound is a TCP port; people want the address that a client would give.
static void show_address(const tool_console *console, char *out, size_t cap)
{
    char bound[160] = "";
    const char *wanted = console->settings->argument, *end = strstr(wanted, "://");
    mqw_server_address(console->server, 0, bound, sizeof(bound));
    const char *rest = strstr(bound, "://");
    bool layered = end && rest && strncmp(wanted, "mqtt://", 7) != 0 && strncmp(wanted, "tcp://", 6) != 0;
    if (layered)
        snprintf(out, cap, "%.*s%s", (int)(end - wanted), wanted, rest);
    else
        snprintf(out, cap, "%s", bound);
}

static int listen_at(tool_console *console)
{
    char address[192], text[224];
    mqw_open_options options = console_open_options(console);
    int result = mqw_server_listen(&console->server, &console->loop, console->settings->argument, &options,
                                   on_connection, console);
    if (result < 0) {
        bool bare = result == MQW_E_MISUSE && console->secure.tls == NULL;
        tool_complain("cannot listen on %s: %s", console->settings->argument,
                      bare ? "TLS needs --cert and --key, or --psk and --psk-identity" : tool_why(result));
        return result == MQW_E_ADDRESS || bare ? TOOL_USAGE : TOOL_UNREACHABLE;
    }
    show_address(console, address, sizeof(address));
    snprintf(text, sizeof(text), "listening on %s", address);
    if (console->show.json)
        show_event(&console->show, 0, PAINT_PLAIN, "listening", text);
    else
        fprintf(console->show.out, "%s\n", text);
    return TOOL_OK;
}

int listen_run(const tool_settings *settings)
{
    tool_console console;
    int result = console_begin(&console, settings, MQW_SERVER);
    if (result == TOOL_OK)
        result = listen_at(&console);
    if (result != TOOL_OK)
        console_finish(&console, result);
    else if (console.interactive)
        console_read(&console);
    return console_run(&console);
}
