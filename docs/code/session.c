// SPDX-License-Identifier: MIT
// A session as a broker has one for each client: what was promised to be delivered outlives its connections.
#include <mqwire/session.h>

#include "ends.h"

// One client of a broker, connected or not.
typedef struct guest {
    mqw_conn *conn; // NULL: it is away
    mqw_session *session;
    int received; // messages that it has published with QoS 2
} guest;

// A message that waits: here a number, in a broker a counted packet.
static void *message(int number)
{
    int *made = malloc(sizeof *made);
    CHECK(made);
    *made = number;
    return made;
}

// Sends what may go: as much as the receive maximum of the client allows, in the right order.
static void pump(guest *self)
{
    mqw_promise *next;
    while (self->conn && (next = mqw_session_next(self->session, mqw_conn_quota(self->conn)))) {
        mqw_ack pubrel = {.packet_id = next->packet_id};
        mqw_publish publish = {.topic = MQW_TEXT("numbers"), .packet_id = next->packet_id, .qos = next->qos};
        publish.payload = (mqw_bytes){next->message, sizeof(int)};
        publish.dup = next->stage == MQW_PUBLISHED; // it was sent before
        int result = next->stage == MQW_RELEASED ? mqw_conn_pubrel(self->conn, &pubrel)
                                                 : mqw_conn_publish(self->conn, &publish);
        if (result < 0)
            return; // MQW_E_BUSY: again after drain
        mqw_session_sent(self->session, next);
    }
}

// A message for this client: from now on it is the session's business, whether the client is there or not.
static bool promise(guest *self, uint8_t qos, void *message)
{
    bool good = mqw_session_promise(self->session, qos, UINT64_MAX, message) != NULL;
    if (good)
        pump(self);
    else
        free(message);
    return good;
}

// PUBACK, PUBREC, PUBCOMP.
static void on_answer(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    guest *self = ctx;
    const mqw_ack *ack = &packet->puback; // one struct for all of them
    mqw_promise over;
    int result = mqw_session_answer(self->session, (int)packet->type, ack->packet_id, ack->reason, &over);
    if (result == 2)
        free(over.message); // delivered, or refused (ack->reason)
    if (result == 0 && packet->type == MQW_PUBREC)
        mqw_conn_pubrel(conn,
                        &(mqw_ack){.packet_id = ack->packet_id, .reason = MQW_REASON_PACKET_ID_NOT_FOUND});
    pump(self);
}

// The other direction: a message of QoS 2 counts when its identifier is new.
static void on_publish(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    guest *self = ctx;
    uint16_t id = packet->publish.packet_id;
    if (packet->publish.qos < 2)
        return;
    int taken = mqw_session_receive(self->session, id);
    if (taken < 0)
        return;              // no memory: it is not answered, and comes again on the next connection
    self->received += taken; // here a broker hands it on
    mqw_conn_pubrec(conn, &(mqw_ack){.packet_id = id});
}

static void on_pubrel(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    guest *self = ctx;
    mqw_ack pubcomp = {.packet_id = packet->pubrel.packet_id};
    if (!mqw_session_release(self->session, pubcomp.packet_id) && mqw_conn_version(conn) == MQW_5_0)
        pubcomp.reason = MQW_REASON_PACKET_ID_NOT_FOUND;
    mqw_conn_pubcomp(conn, &pubcomp);
}

// CONNECT: goes on with the session, or begins a new one.
static void on_connect(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    guest *self = ctx;
    mqw_connack connack = {.session_present = !packet->connect.clean_start}; // here there always is one
    if (packet->connect.clean_start)
        mqw_session_clear(self->session); // `dropped` of the options frees what waits
    self->conn = conn;
    mqw_conn_connack(conn, &connack);
    pump(self);
}

// The connection is gone: what was sent and not answered is sent again on the next one.
static void gone(guest *self)
{
    self->conn = NULL;
    mqw_session_lost(self->session);
}

static void dropped(void *ctx, void *message)
{
    (void)ctx;
    free(message);
}

static const mqw_handlers handlers = {.connect = on_connect,
                                      .publish = on_publish,
                                      .puback = on_answer,
                                      .pubrec = on_answer,
                                      .pubcomp = on_answer,
                                      .pubrel = on_pubrel};

// --- the other end: notes what it gets, and answers when told to ---

typedef struct client {
    mqw_conn *conn;
    int heard;
    int again;
} client;

static void on_number(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    client *self = ctx;
    (void)conn;
    self->heard++;
    self->again += packet->publish.dup;
}

static void meet(guest *broker, client *other, bool clean, uint8_t answers)
{
    static const mqw_handlers listens = {.publish = on_number};
    const mqw_conn_options options = {.answers = answers};
    mqw_connect connect = {.version = MQW_5_0, .client_id = MQW_TEXT("me"), .clean_start = clean};
    mqw_conn *conn = mqw_conn_new(MQW_SERVER, NULL);
    other->conn = mqw_conn_new(MQW_CLIENT, &options);
    CHECK(conn && other->conn);
    mqw_conn_handle_shared(other->conn, &listens, other);
    mqw_conn_handle_shared(conn, &handlers, broker);
    CHECK(mqw_conn_connect(other->conn, &connect) == 0);
    for (int i = 0; i < 4; i++) {
        CHECK(carry(other->conn, conn) == 0);
        CHECK(carry(conn, other->conn) == 0);
    }
}

static void part(guest *broker, client *other)
{
    mqw_conn_free(broker->conn);
    mqw_conn_free(other->conn);
    gone(broker);
}

int main(void)
{
    const mqw_session_options options = {.max_promises = 1000, .dropped = dropped};
    guest broker = {.session = mqw_session_new(&options)};
    client other = {.heard = 0};
    mqw_publish question = {.topic = MQW_TEXT("up"), .packet_id = 9, .qos = 2};
    CHECK(broker.session);
    CHECK(promise(&broker, 1, message(1)) && promise(&broker, 2, message(2)));
    meet(&broker, &other, false, 0); // nothing is answered
    CHECK(other.heard == 2 && other.again == 0 && mqw_session_inflight(broker.session) == 2);
    part(&broker, &other);
    meet(&broker, &other, false, MQW_ANSWER_ACKS);
    CHECK(other.heard == 4 && other.again == 2 && mqw_session_promises(broker.session) == 0);
    for (int i = 0; i < 2; i++) { // the same message twice
        CHECK(mqw_conn_publish(other.conn, &question) == 0);
        question.dup = true;
    }
    CHECK(carry(other.conn, broker.conn) == 0);
    CHECK(broker.received == 1 && mqw_session_received(broker.session, 9));
    part(&broker, &other);
    CHECK(promise(&broker, 1, message(3)));
    meet(&broker, &other, true, 0); // begins anew: what waited is dropped
    CHECK(other.heard == 4 && mqw_session_promises(broker.session) == 0);
    part(&broker, &other);
    mqw_session_free(broker.session);
    return 0;
}
