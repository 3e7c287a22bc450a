// SPDX-License-Identifier: MIT
// The server of a client that is fuzzed: answers what it was told, says what it likes, lies when it may,
// ends.
#ifndef MQW_FUZZ_CLIENT_SERVER_H
#define MQW_FUZZ_CLIENT_SERVER_H

#include "client_world.h"

static wire *newest(void)
{
    for (unsigned i = WIRES; i-- > 0;)
        if (w.wires[i] != NULL && !w.wires[i]->dead && !w.wires[i]->closing)
            return w.wires[i];
    return NULL;
}

/* Bytes go on their way to the client; true: there was room. */
static void put(wire *to, mqw_bytes bytes)
{
    if (bytes.len > ROOM - to->len)
        return;
    if (bytes.len > 0)
        memcpy(to->to_client + to->len, bytes.data, bytes.len);
    to->len += bytes.len;
}

static void flush_server(wire *to)
{
    mqw_bytes view;
    while (mqw_conn_output(to->server, &view, 1) > 0 && view.len <= ROOM - to->len) {
        put(to, view);
        mqw_conn_written(to->server, view.len);
    }
}

/* Takes an identifier, or frees it. A client that takes one which is not free breaks MQTT-2.2.1-3. */
static void mark(wire *on, uint16_t id, bool taken)
{
    unsigned free_at = BUSY;
    for (unsigned i = 0; i < BUSY; i++) {
        if (on->busy[i] == id) {
            REQUIRE(!taken || !w.honest);
            on->busy[i] = 0;
        }
        if (on->busy[i] == 0)
            free_at = i;
    }
    if (taken && free_at < BUSY)
        on->busy[free_at] = id;
}

static uint8_t count_items(const mqw_packet *packet)
{
    mqw_list list = packet->subscribe.filters;
    mqw_filter filter;
    mqw_text topic;
    uint8_t count = 0;
    while (packet->type == MQW_SUBSCRIBE ? mqw_next_filter(&list, &filter) : mqw_next_topic(&list, &topic))
        count++;
    return count;
}

static void note(wire *from, const mqw_packet *packet)
{
    uint16_t id = 0;
    uint8_t count = 0;
    switch (packet->type) {
    case MQW_PUBLISH:
        id = packet->publish.packet_id;
        count = packet->publish.qos;
        break;
    case MQW_SUBSCRIBE:
    case MQW_UNSUBSCRIBE:
        id = packet->subscribe.packet_id;
        count = count_items(packet);
        break;
    case MQW_PUBREC:
    case MQW_PUBREL: id = packet->pubrel.packet_id; break;
    default: break;
    }
    if (id != 0 && packet->type != MQW_PUBREC && packet->type != MQW_PUBREL)
        mark(from, id, true);
    if (from->pendings == PENDING || (packet->type == MQW_PUBLISH && id == 0))
        return;
    from->pending[from->pendings].type = (uint8_t)packet->type;
    from->pending[from->pendings].count = count;
    from->pending[from->pendings++].id = id;
}

/* What the client has said is read. A client of ours breaks no rule, whatever its server does; a server that
 * lies does not know which rules hold. */
static void read_client(wire *from)
{
    mqw_bytes view;
    mqw_packet packet;
    mqw_error why;
    while (!from->stalled && mqw_conn_output(from->client, &view, 1) > 0) {
        uint8_t *piece = fuzz_copy(view);
        mqw_bytes in = {piece, view.len};
        int result;
        while ((result = mqw_conn_recv(from->server, &in, &packet)) > 0)
            note(from, &packet);
        if (result < 0 && w.honest) {
            char words[512];
            mqw_error_print(words, sizeof words, mqw_conn_error(from->server, &why));
            fprintf(stderr, "the client breaks a rule: %s\n", words);
            abort();
        }
        free(piece);
        mqw_conn_written(from->client, view.len);
    }
    flush_server(from);
}

static void accept_client(wire *to, unsigned how)
{
    static const uint8_t refusals[] = {0x84, 0x85, 0x86, 0x88, 0x89, 0x9C, 0x9D, 0x80};
    unsigned limits = fuzz_byte(&w.in);
    bool new = mqw_conn_version(to->server) == 5;
    mqw_connack connack = {.session_present = how & 1};
    if (how >= 0xE0) {
        connack.session_present = false;
        connack.reason = new ? refusals[how % 8] : (uint8_t)(1 + how % 5);
        if (new && (how % 8 == 5 || how % 8 == 6))
            mqw_set(&connack.props, server_reference, ((mqw_text)MQW_TEXT("c:3 d:4")));
    } else if (new) {
        if (limits & 1)
            mqw_set(&connack.props, receive_maximum, (uint16_t)(1 + (limits >> 4) % 4));
        if (limits & 2)
            mqw_set(&connack.props, maximum_packet_size, 20 + (limits & 0xF0));
        if (limits & 4)
            mqw_set(&connack.props, topic_alias_maximum, 2);
        if (limits & 8)
            mqw_set(&connack.props, server_keep_alive, (uint16_t)(limits >> 4));
        if (how & 2)
            mqw_set(&connack.props, maximum_qos, (how >> 2) & 1);
        if (how & 8)
            mqw_set(&connack.props, retain_available, 0);
        if (how & 16)
            mqw_set(&connack.props, assigned_client_id, ((mqw_text)MQW_TEXT("assigned")));
    }
    mqw_conn_connack(to->server, &connack);
}

/* Answers what it was told first. */
static void serve_answer(wire *to, unsigned how)
{
    static const uint8_t reasons[] = {0, 1, 2, 0x80, 0x87, 0, 1, 0x97};
    if (to->pendings == 0)
        return;
    unsigned type = to->pending[0].type, count = to->pending[0].count;
    bool bad = how >= 0xF0 && mqw_conn_version(to->server) == 5;
    mqw_ack ack = {.packet_id = to->pending[0].id, .reason = bad ? 0x87 : 0};
    mqw_suback suback = {.packet_id = ack.packet_id, .reasons = {reasons + how % 4, count < 4 ? count : 4}};
    memmove(to->pending, to->pending + 1, --to->pendings * sizeof *to->pending);
    switch (type) {
    case MQW_CONNECT: accept_client(to, how); break;
    case MQW_PUBLISH:
        if (count == 1 || bad)
            mark(to, ack.packet_id, false);
        if (count == 1)
            mqw_conn_puback(to->server, &ack);
        else
            mqw_conn_pubrec(to->server, &ack);
        break;
    case MQW_PUBREC: ack.reason = 0, mqw_conn_pubrel(to->server, &ack); break;
    case MQW_PUBREL:
        ack.reason = 0;
        mark(to, ack.packet_id, false);
        mqw_conn_pubcomp(to->server, &ack);
        break;
    case MQW_SUBSCRIBE:
        mark(to, ack.packet_id, false);
        mqw_conn_suback(to->server, &suback);
        break;
    case MQW_UNSUBSCRIBE:
        mark(to, ack.packet_id, false);
        suback.reasons = mqw_conn_version(to->server) == 5 ? (mqw_bytes){(const uint8_t *)"\0\x11", count}
                                                           : (mqw_bytes){NULL, 0};
        mqw_conn_unsuback(to->server, &suback);
        break;
    case MQW_PINGREQ: mqw_conn_pingresp(to->server); break;
    default: break;
    }
}

static void serve_publish(wire *to, unsigned how)
{
    mqw_publish message = a_message(how);
    message.packet_id =
        message.qos == 0 ? 0 : (uint16_t)(how & 0x10 ? 1 + w.next_id % 3 : 1 + w.next_id++ % 60000);
    message.dup = message.qos > 0 && (how & 8);
    if (how & 0x40)
        mqw_set(&message.props, response_topic, a_topic(how));
    mqw_conn_publish(to->server, &message);
}

static void serve_end(wire *to, unsigned how)
{
    mqw_disconnect bye = {.reason = how & 1 ? 0x9D : 0x8B};
    if (how % 4 == 0) {
        mqw_conn_disconnect(to->server, &bye);
    } else if (how % 4 == 1) {
        to->ended = true;
    } else if (how % 4 == 2) {
        mqw_conn_fail(to->client, MQW_E_STREAM, (mqw_rule)0);
        to->ended = true;
    } else {
        to->stalled = !to->stalled;
    }
}

static void serve_lie(wire *to, unsigned how)
{
    mqw_bytes bytes = fuzz_bytes(&w.in, how);
    if (!w.honest)
        put(to, bytes);
}

static void serve_auth(wire *to, unsigned how)
{
    mqw_disconnect auth = {.reason = how & 1 ? 0x18 : 0};
    mqw_set(&auth.props, auth_method, ((mqw_text)MQW_TEXT("M")));
    if (how & 2)
        mqw_set(&auth.props, auth_data, fuzz_bytes(&w.in, how % 8));
    mqw_conn_auth(to->server, &auth);
}

/* An acknowledgement or any other packet that the input holds, whether it fits or not. */
static void serve_twist(wire *to, unsigned how)
{
    uint8_t ack[4] = {(uint8_t)(how << 4 | (how % 16 == 6 ? 2 : 0)), 2, 0, (uint8_t)(how >> 4)};
    if (!w.honest)
        put(to, (mqw_bytes){ack, sizeof ack});
}

#endif
