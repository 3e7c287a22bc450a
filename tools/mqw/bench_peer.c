// SPDX-License-Identifier: MIT
// The connections of a load; see bench_peer.h.
#include "bench_peer.h"

#include <stdlib.h>
#include <string.h>

#include "tool.h"

enum { OUTPUT_MAX = 64 * 1024 * 1024, EXPIRY = 3600, TIMEOUT = 30000 };

static uint32_t timeout_of(const tool_settings *settings)
{
    return settings->connect_timeout ? settings->connect_timeout : TIMEOUT;
}

/* --- What they share ----------------------------------------------------------------------------------- */

bool crew_make(bench_crew *crew, const bench_plan *plan, const char *address, uv_loop_t *loop,
               tool_secure *secure, const mqw_connect *connect)
{
    mqw_conn_options options = {.size = sizeof(options),
                                .version = plan->version,
                                .answers = MQW_ANSWER_ACKS | MQW_ANSWER_PINGREQ,
                                .max_packet_size = MQW_PACKET_MAX,
                                .max_output = OUTPUT_MAX,
                                .max_total = UINT64_MAX,
                                .connect_timeout = timeout_of(plan->settings)};
    *crew = (bench_crew){.settings = plan->settings,
                         .plan = plan,
                         .address = address,
                         .loop = loop,
                         .secure = secure,
                         .connect = *connect};
    crew->config = mqw_config_new(&options);
    if (crew->config == NULL)
        tool_complain("out of memory");
    return crew->config != NULL;
}

void crew_free(bench_crew *crew)
{
    mqw_config_free(crew->config);
    free(crew->waiting);
}

bool crew_add(bench_crew *crew, bench_peer *peer)
{
    if (crew->waiting_count == crew->waiting_room) {
        size_t room = crew->waiting_room ? crew->waiting_room * 2 : 64;
        bench_peer **more = realloc(crew->waiting, room * sizeof(bench_peer *));
        if (more == NULL)
            return false;
        crew->waiting = more;
        crew->waiting_room = room;
    }
    peer->crew = crew;
    crew->waiting[crew->waiting_count++] = peer;
    return true;
}

static void open_one(bench_crew *crew, bench_peer *peer)
{
    mqw_open_options options = {.size = sizeof(options),
                                .config = crew->config,
                                .proxy = crew->settings->proxy,
                                .bind = crew->settings->bind,
                                .connect_timeout = timeout_of(crew->settings),
                                .linger = 1000};
    secure_apply(crew->secure, &options);
    peer->begun = uv_hrtime();
    crew->opening++;
    int result = mqw_conn_open(&peer->conn, crew->loop, crew->address, &options, NULL, NULL);
    if (result < 0) {
        peer->conn = NULL;
        peer_fail(peer, tool_why(result));
        return;
    }
    crew->alive++;
    mqw_conn_handle_shared(peer->conn, peer->handlers, peer);
}

bool crew_open(bench_crew *crew)
{
    while (!crew->ending && crew->waiting_next < crew->waiting_count &&
           crew->opening < crew->settings->bench.at_once)
        open_one(crew, crew->waiting[crew->waiting_next++]);
    return crew->opening == 0 && crew->waiting_next == crew->waiting_count;
}

/* --- Each of them -------------------------------------------------------------------------------------- */

void peer_ready(bench_peer *peer)
{
    if (peer->ready)
        return;
    peer->ready = true;
    peer->crew->opening--;
    peer->crew->ready++;
}

void peer_close(bench_peer *peer)
{
    mqw_disconnect farewell = {0};
    if (peer->conn == NULL)
        return;
    peer->leaving = true;
    if (peer->persistent && peer->crew->plan->version == MQW_5_0) { // the session is over, too
        farewell.props.has = MQW_BIT(session_expiry);
        farewell.props.session_expiry = 0;
    }
    if (mqw_conn_state(peer->conn) == MQW_STATE_OPEN)
        (void)mqw_conn_disconnect(peer->conn, &farewell);
    mqw_conn_close(peer->conn);
}

void peer_fail(bench_peer *peer, const char *words)
{
    bench_crew *crew = peer->crew;
    if (crew->ending)
        return;
    if (crew->lost++ == 0) {
        snprintf(crew->why, sizeof(crew->why), "%s", words);
        crew->status = peer->ready ? TOOL_BROKEN : TOOL_UNREACHABLE;
    }
    if (!peer->ready) {
        peer->ready = true;
        crew->opening--;
    }
    if (peer->conn)
        mqw_conn_abort(peer->conn);
}

void peer_connected(mqw_conn *conn, void *ctx)
{
    bench_peer *peer = ctx;
    char id[64];
    mqw_connect connect = peer->crew->connect;
    int len =
        snprintf(id, sizeof(id), "%s-%s-%lu", peer->crew->plan->run, peer->kind, (unsigned long)peer->index);
    connect.client_id = (mqw_text){id, (size_t)len};
    connect.clean_start = !peer->persistent;
    if (peer->persistent && peer->crew->plan->version == MQW_5_0) {
        connect.props.has |= MQW_BIT(session_expiry);
        connect.props.session_expiry = EXPIRY;
    }
    if (mqw_conn_connect(conn, &connect) < 0)
        peer_fail(peer, "the login cannot be sent in this version");
}

void peer_connack(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    bench_peer *peer = ctx;
    char words[CREW_WHY];
    (void)conn;
    if (packet->connack.reason == 0) {
        peer->on_open(peer, &packet->connack);
        return;
    }
    snprintf(words, sizeof(words), "refused by the broker: reason %u", (unsigned)packet->connack.reason);
    peer_fail(peer, words);
}

void peer_disconnect(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    char words[CREW_WHY];
    (void)conn;
    snprintf(words, sizeof(words), "disconnected by the broker: reason 0x%02X",
             (unsigned)packet->disconnect.reason);
    peer_fail(ctx, words);
}

void peer_error(mqw_conn *conn, const mqw_error *error, void *ctx)
{
    const char *words = mqw_conn_stream_error(conn);
    peer_fail(ctx, *words ? words : mqw_error_text(error));
}

void peer_closed(mqw_conn *conn, void *ctx)
{
    bench_peer *peer = ctx;
    (void)conn;
    peer->conn = NULL;
    peer->crew->alive--;
    if (!peer->leaving)
        peer_fail(peer, "the broker has ended the connection");
    if (peer->on_gone)
        peer->on_gone(peer);
}
