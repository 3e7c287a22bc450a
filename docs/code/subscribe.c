// SPDX-License-Identifier: MIT
// Subscribing, delivering, and QoS 2, at both ends.
#include <string.h>

#include "ends.h"

enum { FILTERS = 16 };

// What one client has subscribed to, and the identifier of a PUBLISH of QoS 2 that it has not released yet.
typedef struct guest {
    char text[FILTERS][64];
    mqw_filter filters[FILTERS];
    size_t count;
    uint16_t unreleased;
    int messages;
} guest;

// Client: a list is made in room that lives until the packet was sent.
static int subscribe(mqw_conn *conn)
{
    uint8_t room[64];
    const mqw_filter filters[] = {{.filter = MQW_TEXT("news/#"), .qos = 2}, {.filter = MQW_TEXT("weather")}};
    mqw_subscribe packet = {.packet_id = 1, .filters = mqw_list_filters(room, sizeof room, filters, 2)};
    return mqw_conn_subscribe(conn, &packet);
}

// Keeps a filter: the packet's views do not last. Returns the QoS granted, or a failure.
static uint8_t grant(guest *self, const mqw_filter *filter)
{
    if (self->count == FILTERS || filter->filter.len > sizeof self->text[0])
        return MQW_REASON_UNSPECIFIED_ERROR;
    char *text = self->text[self->count];
    memcpy(text, filter->filter.data, filter->filter.len);
    self->filters[self->count] = *filter;
    self->filters[self->count++].filter.data = text;
    return filter->qos;
}

// Server: one reason per filter, in their order.
static void on_subscribe(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    uint8_t reasons[FILTERS];
    mqw_suback suback = {.packet_id = packet->subscribe.packet_id, .reasons = {reasons, 0}};
    mqw_list left = packet->subscribe.filters;
    for (mqw_filter filter; suback.reasons.len < FILTERS && mqw_next_filter(&left, &filter);)
        reasons[suback.reasons.len++] = grant(ctx, &filter);
    mqw_conn_suback(conn, &suback);
}

// Server: sends a message once, in the highest QoS that a matching filter and the message allow.
static int deliver(mqw_conn *conn, const guest *self, const mqw_publish *message)
{
    int qos = -1;
    for (size_t i = 0; i < self->count; i++)
        if (mqw_topic_matches(self->filters[i].filter, message->topic) && self->filters[i].qos > qos)
            qos = self->filters[i].qos;
    if (qos < 0)
        return 0;
    mqw_publish copy = *message;
    copy.qos = qos < message->qos ? (uint8_t)qos : message->qos;
    copy.packet_id = copy.qos ? 1 : 0; // one that is not in use
    return mqw_conn_publish(conn, &copy);
}

// QoS 2, receiver: the message counts when it comes first; PUBREL lets go of its identifier.
static void on_publish(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    guest *self = ctx;
    const mqw_publish *publish = &packet->publish;
    if (publish->qos < 2 || publish->packet_id != self->unreleased)
        self->messages++;
    if (publish->qos == 2) {
        self->unreleased = publish->packet_id;
        mqw_conn_pubrec(conn, &(mqw_ack){.packet_id = publish->packet_id});
    }
}

static void on_pubrel(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    ((guest *)ctx)->unreleased = 0;
    mqw_conn_pubcomp(conn, &(mqw_ack){.packet_id = packet->pubrel.packet_id});
}

// QoS 2, sender: PUBREC takes over the responsibility, PUBCOMP ends it.
static void on_pubrec(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    (void)ctx;
    if (packet->pubrec.reason < 0x80)
        mqw_conn_pubrel(conn, &(mqw_ack){.packet_id = packet->pubrec.packet_id});
}

int main(void)
{
    guest self = {.count = 0};
    const mqw_handlers theirs = {.publish = on_publish, .pubrel = on_pubrel};
    const mqw_handlers ours = {.connect = welcome, .subscribe = on_subscribe, .pubrec = on_pubrec};
    mqw_conn *client = mqw_conn_new(MQW_CLIENT, NULL);
    mqw_conn *server = mqw_conn_new(MQW_SERVER, NULL);
    mqw_publish news = {.topic = MQW_TEXT("news/today"), .qos = 2};
    CHECK(client && server);
    mqw_conn_handle_shared(client, &theirs, &self);
    mqw_conn_handle_shared(server, &ours, &self);
    shake_hands(client, server, MQW_5_0);
    CHECK(subscribe(client) == 0 && carry(client, server) == 0 && self.count == 2);
    CHECK(carry(server, client) == 0);
    CHECK(deliver(server, &self, &news) == 0);
    CHECK(deliver(server, &self, &(mqw_publish){.topic = MQW_TEXT("other")}) == 0);
    CHECK(carry(server, client) == 0 && self.messages == 1 && self.unreleased == 1);
    CHECK(carry(client, server) == 0 && carry(server, client) == 0 && self.unreleased == 0);
    CHECK(carry(client, server) == 0 && mqw_conn_quota(server) == 65535);
    mqw_conn_free(client);
    mqw_conn_free(server);
    return 0;
}
