// SPDX-License-Identifier: MIT
// One connection of the console: what happens on it is shown, counted, and told to what waits for it.
#include <stdlib.h>

#include "console.h"
#include "tool.h"

tool_peer *peer_new(tool_console *console, mqw_conn *conn)
{
    tool_peer *peer = calloc(1, sizeof(*peer));
    if (peer == NULL)
        return NULL;
    peer->console = console;
    peer->conn = conn;
    peer->number = ++console->peer_count;
    peer->next = console->peers;
    console->peers = peer;
    mqw_conn_set_user(conn, peer);
    return peer;
}

static void peer_free(tool_peer *peer)
{
    tool_peer **at = &peer->console->peers;
    while (*at != peer)
        at = &(*at)->next;
    *at = peer->next;
    subscriptions_free(&peer->subscriptions);
    free(peer);
}

tool_peer *peer_find(const tool_console *console, unsigned number)
{
    tool_peer *peer = console->peers;
    while (peer && number && peer->number != number)
        peer = peer->next;
    return peer;
}

unsigned peer_shown(const tool_peer *peer)
{
    return peer->console->server ? peer->number : 0;
}

/* --- What passes -------------------------------------------------------------------------------------- */

// Packets that want an answer, by who is to give it.
static bool is_request(const mqw_packet *packet)
{
    if (packet->type == MQW_PUBLISH)
        return packet->publish.qos > 0;
    return packet->type == MQW_CONNECT || packet->type == MQW_PUBREL || packet->type == MQW_SUBSCRIBE ||
           packet->type == MQW_UNSUBSCRIBE || packet->type == MQW_PINGREQ || packet->type == MQW_AUTH;
}

static bool is_answer(const mqw_packet *packet)
{
    return packet->type == MQW_CONNACK || packet->type == MQW_PUBACK || packet->type == MQW_PUBREC ||
           packet->type == MQW_PUBCOMP || packet->type == MQW_SUBACK || packet->type == MQW_UNSUBACK ||
           packet->type == MQW_PINGRESP || packet->type == MQW_AUTH;
}

void peer_tap(mqw_conn *conn, bool sent, const mqw_packet *packet, mqw_bytes raw, void *ctx)
{
    tool_console *console = ctx;
    tool_peer *peer = mqw_conn_user(conn);
    mqw_role theirs = console->ours == MQW_CLIENT ? MQW_SERVER : MQW_CLIENT;
    tool_origin origin = {
        .who = sent ? console->ours : theirs, .version = mqw_conn_version(conn), .live = true};
    if (peer)
        origin.peer = peer_shown(peer);
    if (packet == NULL) { // else the rest of a payload, whose packet is shown
        if (peer && peer->raw)
            show_raw(&console->show, &origin, raw);
        return;
    }
    show_packet(&console->show, &origin, packet, raw);
    if (peer && sent && is_request(packet))
        peer->requests++;
    if (peer && !sent && is_answer(packet) && peer->requests > 0)
        peer->requests--;
}

// Which layers there are below, as `, TLSv1.3 TLS_AES_256_GCM_SHA384, WebSocket mqtt`.
static void describe_layers(const mqw_stream_facts *facts, char out[256])
{
    int len = 0;
    out[0] = '\0';
    if (facts->tls_version[0])
        len = snprintf(out, 256, ", %s %s%s", facts->tls_version, facts->tls_cipher,
                       facts->tls_resumed ? " resumed" : "");
    if (facts->ws_path[0])
        snprintf(out + len, 256 - (size_t)len, ", WebSocket %s %.100s", facts->ws_protocol, facts->ws_path);
}

static void on_connected(mqw_conn *conn, void *ctx)
{
    tool_peer *peer = ctx;
    char text[400], layers[256];
    mqw_stream_facts facts = {.size = sizeof(facts)};
    mqw_stream_facts_of(mqw_conn_stream(conn), &facts);
    bool server = peer->console->ours == MQW_SERVER;
    peer->connected = true;
    describe_layers(&facts, layers);
    snprintf(text, sizeof(text), "connected %s %s%s", server ? "from" : "to", facts.peer, layers);
    show_event(&peer->console->show, peer_shown(peer), PAINT_DIM, "connected", text);
    if (!server)
        open_connected(peer);
}

static void on_packet(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    tool_peer *peer = ctx;
    (void)conn;
    if (peer->console->ours == MQW_SERVER)
        listen_packet(peer, packet);
    await_heard(peer, packet);
    console_settle(peer->console);
}

static void on_violation(mqw_conn *conn, const mqw_packet *packet, const mqw_error *error, void *ctx)
{
    tool_peer *peer = ctx;
    (void)conn, (void)packet;
    show_error(&peer->console->show, peer_shown(peer), "violation", error);
}

// A server outlives what its clients do; a client does not outlive its connection.
static void on_error(mqw_conn *conn, const mqw_error *error, void *ctx)
{
    tool_peer *peer = ctx;
    tool_console *console = peer->console;
    const char *why = mqw_conn_stream_error(conn);
    if (!peer->connected && console->ours == MQW_CLIENT) {
        tool_complain("cannot connect to %s: %s", console->settings->argument,
                      *why ? why : mqw_strerror(error->code));
        console_finish(console, TOOL_UNREACHABLE);
        return;
    }
    if (error->by_peer || *why == '\0')
        show_error(&console->show, peer_shown(peer), "error", error);
    else
        show_event(&console->show, peer_shown(peer), PAINT_BAD, "error", why);
    if (console->ours == MQW_CLIENT || console->settings->once)
        console_note(console, error->by_peer ? TOOL_DIFFERS : TOOL_BROKEN);
}

static void on_drain(mqw_conn *conn, void *ctx)
{
    tool_peer *peer = ctx;
    (void)conn;
    if (!peer->console->await.active)
        input_resume(&peer->console->input);
}

static void on_close(mqw_conn *conn, void *ctx)
{
    tool_peer *peer = ctx;
    tool_console *console = peer->console;
    char text[128];
    mqw_counters counters = {0};
    mqw_conn_counters(conn, &counters);
    snprintf(text, sizeof(text), "closed: %llu packets sent, %llu received",
             (unsigned long long)counters.packets_queued, (unsigned long long)counters.packets_received);
    if (peer->connected || console->ours == MQW_SERVER)
        show_event(&console->show, peer_shown(peer), PAINT_DIM, "closed", text);
    if (peer->requests > 0 && console->ours == MQW_CLIENT && !console->ending && !console->settings->expect) {
        tool_complain("the connection was closed, and %u of the requests got no answer", peer->requests);
        console_note(console, TOOL_DIFFERS);
    }
    tool_peer gone = *peer;
    peer_free(peer);
    await_closed(&gone);
    console_peer_gone(console);
}

const mqw_handlers peer_handlers = {
    .size = sizeof(peer_handlers),
    .connected = on_connected,
    .packet = on_packet,
    .violation = on_violation,
    .error = on_error,
    .drain = on_drain,
    .close = on_close,
};
