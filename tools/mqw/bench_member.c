// SPDX-License-Identifier: MIT
// A connection that subscribes; see bench_member.h.
#include "bench_member.h"

#include <stdlib.h>

enum { FILTERS = 500, ROOM = 64 * 1024 };

static size_t put_filter(const bench_member *self, uint32_t receiver, char text[PLAN_TOPIC_SIZE])
{
    const bench_plan *plan = self->peer.crew->plan;
    uint32_t index = self->peer.index;
    if (self->idle)
        return (size_t)snprintf(text, PLAN_TOPIC_SIZE, "idle/%s/%lu/in/#", plan->run, (unsigned long)index);
    return plan_filter(plan, index,
                       plan->all ? 0 : plan_class(plan, receiver) + self->asked * plan_step(plan), text);
}

// Subscribes to the next filters that fit into a packet. False: there are no more.
static bool ask(bench_member *self)
{
    static uint8_t room[ROOM];
    const bench_plan *plan = self->peer.crew->plan;
    uint32_t receiver = plan->receivers ? self->peer.index % plan->receivers : 0;
    uint32_t all = self->idle ? 1 : plan_filters(plan, receiver), count = 0;
    size_t used = 0;
    for (; self->asked < all && count < FILTERS && used + PLAN_TOPIC_SIZE + 3 <= sizeof(room); count++) {
        char text[PLAN_TOPIC_SIZE];
        mqw_filter filter = {.qos = plan->sub_qos};
        filter.filter = (mqw_text){text, put_filter(self, receiver, text)};
        used += mqw_list_filters(room + used, sizeof(room) - used, &filter, 1).wire.len;
        self->asked++;
    }
    mqw_subscribe subscribe = {.packet_id = 1, .filters.wire = {room, used}};
    if (count > 0 && mqw_conn_subscribe(self->peer.conn, &subscribe) < 0)
        peer_fail(&self->peer, "the broker does not take the subscriptions");
    return count > 0;
}

static void on_open(bench_peer *peer, const mqw_connack *connack)
{
    bench_member *self = (bench_member *)(void *)peer;
    (void)connack;
    self->asked = 0;
    if (!ask(self))
        peer_ready(peer);
}

static void on_open_idle(bench_peer *peer, const mqw_connack *connack)
{
    (void)connack;
    peer_ready(peer);
}

static void on_suback(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    bench_member *self = ctx;
    (void)conn;
    for (size_t i = 0; i < packet->suback.reasons.len; i++)
        if (packet->suback.reasons.data[i] >= 0x80 && !self->peer.ready)
            peer_fail(&self->peer, "the broker has refused a subscription");
    if (!self->peer.ready && !ask(self))
        peer_ready(&self->peer);
}

static void on_publish(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    bench_member *self = ctx;
    bench_audience *audience = self->audience;
    uint64_t number, sent;
    (void)conn;
    if (!verify_take(&audience->verify, self->peer.index, &packet->publish, &number, &sent) ||
        (number & audience->sample) != 0)
        return;
    uint64_t now = uv_hrtime();
    if (sent >= audience->began && sent < audience->ended)
        histogram_add(&audience->latency, now > sent ? now - sent : 0);
}

static const mqw_handlers handlers = {PEER_HANDLERS, .publish = on_publish, .suback = on_suback};
static const mqw_handlers idle_handlers = {PEER_HANDLERS, .suback = on_suback};

bool member_make(bench_member *self, bench_crew *crew, uint32_t index, bench_audience *audience)
{
    *self = (bench_member){.peer = {.kind = "s", .index = index, .handlers = &handlers, .on_open = on_open},
                           .audience = audience};
    self->peer.persistent = crew->settings->bench.persistent;
    return crew_add(crew, &self->peer);
}

static void on_open_forget(bench_peer *peer, const mqw_connack *connack)
{
    (void)connack;
    peer_ready(peer);
    peer_close(peer);
}

bool member_forget(bench_member *self)
{
    self->peer.persistent = self->peer.ready = self->peer.leaving = false;
    self->peer.handlers = &idle_handlers;
    self->peer.on_open = on_open_forget;
    return crew_add(self->peer.crew, &self->peer);
}

bool member_make_idle(bench_member *self, bench_crew *crew, uint32_t index, bool subscribed)
{
    *self = (bench_member){.peer = {.kind = "i", .index = index, .handlers = &idle_handlers}, .idle = true};
    self->peer.on_open = subscribed ? on_open : on_open_idle;
    return crew_add(crew, &self->peer);
}
