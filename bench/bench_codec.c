// SPDX-License-Identifier: MIT
// Codec and connection against the hand-written limit, in nanoseconds per packet. Argument: a part of a
// case's name.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "limit.h"
#include "measure.h"
#include "mqwire/mqwire.h"
#include "samples.h"

/** What a peer that is strict in everything speaks. */
static const mqw_codec client_4 = {.version = MQW_3_1_1, .sender = MQW_CLIENT};
static const mqw_codec client_5 = {.version = MQW_5_0, .sender = MQW_CLIENT};

static sample_set publish, mixed, publish5, connect, puback;

/** A random way to cut a stream: `cuts` are lengths between 1 and a largest one. */
typedef struct chunks {
    uint32_t count;
    uint16_t cuts[8192];
} chunks;

static chunks chunks_64, chunks_256, chunks_1024, chunks_4096;
static uint8_t room[16384];
/** Where encoders start again at the beginning of the room. */
static const size_t ROOM_TURN = sizeof room - 1024;

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "bench_codec: %s\n", what);
    exit(1);
}

static mqw_bytes bytes_of(span from)
{
    return (mqw_bytes){from.data, from.len};
}

static mqw_text text_of(span from)
{
    return (mqw_text){(const char *)from.data, from.len};
}

static limit_view view_of(span from)
{
    return (limit_view){from.data, from.len};
}

/** Where a view lies and how long it is, as one number. */
static uint64_t place(const void *data, size_t len)
{
    return (uintptr_t)data + len;
}

/* --- decode
 * ------------------------------------------------------------------------------------------------------- */

static uint64_t decode_ours(void *arg, uint32_t packets)
{
    const sample_set *set = arg;
    uint64_t sum = 0;
    mqw_packet packet;
    for (uint32_t i = 0; i < packets; i++) {
        int size = mqw_decode(&client_4, bytes_of(set->items[i % SAMPLES].wire), &packet, NULL);
        const mqw_publish *p = &packet.publish;
        sum += (uint64_t)size + place(p->topic.data, p->topic.len) + place(p->payload.data, p->payload.len);
        sum += p->packet_id + (uint64_t)p->qos;
    }
    return sum;
}

static uint64_t decode_limit(void *arg, uint32_t packets)
{
    const sample_set *set = arg;
    uint64_t sum = 0;
    limit_publish p;
    for (uint32_t i = 0; i < packets; i++) {
        int size = limit_publish_decode(view_of(set->items[i % SAMPLES].wire), &p);
        sum += (uint64_t)size + place(p.topic.data, p.topic.len) + place(p.payload.data, p.payload.len);
        sum += p.packet_id + (uint64_t)p.qos;
    }
    return sum;
}

static uint64_t decode5_ours(void *arg, uint32_t packets)
{
    const sample_set *set = arg;
    uint64_t sum = 0;
    mqw_packet packet;
    for (uint32_t i = 0; i < packets; i++) {
        int size = mqw_decode(&client_5, bytes_of(set->items[i % SAMPLES].wire), &packet, NULL);
        const mqw_publish *p = &packet.publish;
        sum += (uint64_t)size + place(p->topic.data, p->topic.len) + place(p->payload.data, p->payload.len);
        sum += mqw_value(&p->props, message_expiry);
        sum += mqw_value(&p->props, content_type).len + mqw_value(&p->props, response_topic).len;
        sum += mqw_value(&p->props, correlation_data).len;
    }
    return sum;
}

static uint64_t decode5_limit(void *arg, uint32_t packets)
{
    const sample_set *set = arg;
    uint64_t sum = 0;
    limit_publish5 packet;
    for (uint32_t i = 0; i < packets; i++) {
        int size = limit_publish5_decode(view_of(set->items[i % SAMPLES].wire), &packet);
        const limit_publish *p = &packet.base;
        const limit_props *props = &packet.props;
        sum += (uint64_t)size + place(p->topic.data, p->topic.len) + place(p->payload.data, p->payload.len);
        sum += (props->has & LIMIT_HAS(0x02)) != 0 ? props->message_expiry : 0;
        sum += (props->has & LIMIT_HAS(0x03)) != 0 ? props->content_type.len : 0;
        sum += (props->has & LIMIT_HAS(0x08)) != 0 ? props->response_topic.len : 0;
        sum += (props->has & LIMIT_HAS(0x09)) != 0 ? props->correlation_data.len : 0;
    }
    return sum;
}

static uint64_t connect_ours(void *arg, uint32_t packets)
{
    const sample_set *set = arg;
    uint64_t sum = 0;
    mqw_packet packet;
    for (uint32_t i = 0; i < packets; i++) {
        int size = mqw_decode(&client_4, bytes_of(set->items[i % SAMPLES].wire), &packet, NULL);
        const mqw_connect *c = &packet.connect;
        sum += (uint64_t)size + c->keep_alive + place(c->client_id.data, c->client_id.len);
        sum +=
            place(c->will.topic.data, c->will.topic.len) + place(c->will.payload.data, c->will.payload.len);
        sum += place(c->username.data, c->username.len) + place(c->password.data, c->password.len);
    }
    return sum;
}

static uint64_t connect_limit(void *arg, uint32_t packets)
{
    const sample_set *set = arg;
    uint64_t sum = 0;
    limit_connect c;
    for (uint32_t i = 0; i < packets; i++) {
        int size = limit_connect_decode(view_of(set->items[i % SAMPLES].wire), &c);
        sum += (uint64_t)size + c.keep_alive + place(c.client_id.data, c.client_id.len);
        sum += place(c.will_topic.data, c.will_topic.len) + place(c.will_payload.data, c.will_payload.len);
        sum += place(c.username.data, c.username.len) + place(c.password.data, c.password.len);
    }
    return sum;
}

static uint64_t puback_ours(void *arg, uint32_t packets)
{
    const sample_set *set = arg;
    uint64_t sum = 0;
    mqw_packet packet;
    for (uint32_t i = 0; i < packets; i++) {
        sum += (uint64_t)mqw_decode(&client_4, bytes_of(set->items[i % SAMPLES].wire), &packet, NULL);
        sum += packet.puback.packet_id;
    }
    return sum;
}

static uint64_t puback_limit(void *arg, uint32_t packets)
{
    const sample_set *set = arg;
    uint64_t sum = 0;
    limit_ack ack;
    for (uint32_t i = 0; i < packets; i++) {
        sum += (uint64_t)limit_puback_decode(view_of(set->items[i % SAMPLES].wire), &ack);
        sum += ack.packet_id;
    }
    return sum;
}

/* --- encode
 * ------------------------------------------------------------------------------------------------------- */

static uint64_t encode_ours(void *arg, uint32_t packets)
{
    const sample_set *set = arg;
    uint64_t sum = 0;
    size_t at = 0;
    mqw_packet packet = {.type = MQW_PUBLISH};
    for (uint32_t i = 0; i < packets; i++) {
        const sample *item = &set->items[i % SAMPLES];
        packet.publish.topic = text_of(item->topic);
        packet.publish.payload = bytes_of(item->payload);
        int size = mqw_encode(&client_4, &packet, room + at, sizeof room - at, NULL);
        sum += (uint64_t)size;
        at = at + (size_t)size < ROOM_TURN ? at + (size_t)size : 0;
    }
    return sum;
}

static uint64_t encode_limit(void *arg, uint32_t packets)
{
    const sample_set *set = arg;
    uint64_t sum = 0;
    size_t at = 0;
    limit_publish packet = {.qos = 0};
    for (uint32_t i = 0; i < packets; i++) {
        const sample *item = &set->items[i % SAMPLES];
        packet.topic = view_of(item->topic);
        packet.payload = view_of(item->payload);
        int size = limit_publish_encode(&packet, room + at, sizeof room - at);
        sum += (uint64_t)size;
        at = at + (size_t)size < ROOM_TURN ? at + (size_t)size : 0;
    }
    return sum;
}

static void fill_ours(mqw_packet *packet, const sample *item)
{
    mqw_publish *p = &packet->publish;
    p->topic = text_of(item->topic);
    p->payload = bytes_of(item->payload);
    p->props.has = 0;
    mqw_set(&p->props, message_expiry, item->message_expiry);
    mqw_set(&p->props, content_type, text_of(item->content_type));
    mqw_set(&p->props, response_topic, text_of(item->response_topic));
    mqw_set(&p->props, correlation_data, bytes_of(item->correlation_data));
}

static void fill_limit(limit_publish5 *packet, const sample *item)
{
    packet->base.topic = view_of(item->topic);
    packet->base.payload = view_of(item->payload);
    packet->props.has = LIMIT_HAS(0x02) | LIMIT_HAS(0x03) | LIMIT_HAS(0x08) | LIMIT_HAS(0x09);
    packet->props.message_expiry = item->message_expiry;
    packet->props.content_type = view_of(item->content_type);
    packet->props.response_topic = view_of(item->response_topic);
    packet->props.correlation_data = view_of(item->correlation_data);
}

static uint64_t encode5_ours(void *arg, uint32_t packets)
{
    const sample_set *set = arg;
    uint64_t sum = 0;
    size_t at = 0;
    mqw_packet packet = {.type = MQW_PUBLISH};
    for (uint32_t i = 0; i < packets; i++) {
        fill_ours(&packet, &set->items[i % SAMPLES]);
        int size = mqw_encode(&client_5, &packet, room + at, sizeof room - at, NULL);
        sum += (uint64_t)size;
        at = at + (size_t)size < ROOM_TURN ? at + (size_t)size : 0;
    }
    return sum;
}

static uint64_t encode5_limit(void *arg, uint32_t packets)
{
    const sample_set *set = arg;
    uint64_t sum = 0;
    size_t at = 0;
    limit_publish5 packet = {.base.qos = 0};
    for (uint32_t i = 0; i < packets; i++) {
        fill_limit(&packet, &set->items[i % SAMPLES]);
        int size = limit_publish5_encode(&packet, room + at, sizeof room - at);
        sum += (uint64_t)size;
        at = at + (size_t)size < ROOM_TURN ? at + (size_t)size : 0;
    }
    return sum;
}

/* --- stream
 * ------------------------------------------------------------------------------------------------------- */

/** A server's connection, CONNECT and CONNACK behind it. */
static mqw_conn *open_server(void)
{
    mqw_conn *conn = mqw_conn_new(MQW_SERVER, NULL);
    mqw_bytes in = bytes_of(connect.items[0].wire);
    mqw_packet packet;
    if (conn == NULL || mqw_conn_recv(conn, &in, &packet) != 1 ||
        mqw_conn_connack(conn, &(mqw_connack){0}) != 0)
        fail("a connection does not open");
    mqw_conn_written(conn, mqw_conn_waiting(conn));
    return conn;
}

static uint64_t look(const void *topic, size_t topic_len, const uint8_t *payload, size_t payload_len)
{
    return topic_len + ((const uint8_t *)topic)[topic_len - 1] + payload_len + payload[0];
}

static uint64_t stream_ours(void *arg, uint32_t packets)
{
    const chunks *plan = arg;
    mqw_conn *conn = open_server();
    uint64_t sum = 0;
    mqw_packet packet;
    size_t at = 0;
    for (uint32_t i = 0, cut = 0; i < packets;) {
        size_t len = plan->cuts[cut];
        cut = cut + 1 < plan->count ? cut + 1 : 0;
        len = len < publish.len - at ? len : publish.len - at;
        mqw_bytes in = {publish.bytes + at, len};
        at = at + len < publish.len ? at + len : 0;
        mqw_conn_clock(conn, i);
        int got;
        while ((got = mqw_conn_recv(conn, &in, &packet)) == 1 && i++ < packets)
            sum += look(packet.publish.topic.data, packet.publish.topic.len, packet.publish.payload.data,
                        packet.publish.payload.len);
        if (got < 0)
            fail("the stream ends");
    }
    mqw_conn_free(conn);
    return sum;
}

static uint64_t stream_limit(void *arg, uint32_t packets)
{
    static limit_stream stream;
    const chunks *plan = arg;
    uint64_t sum = 0;
    limit_publish packet;
    size_t at = 0;
    stream.have = 0;
    for (uint32_t i = 0, cut = 0; i < packets;) {
        size_t len = plan->cuts[cut];
        cut = cut + 1 < plan->count ? cut + 1 : 0;
        len = len < publish.len - at ? len : publish.len - at;
        limit_view in = {publish.bytes + at, len};
        at = at + len < publish.len ? at + len : 0;
        int got;
        while ((got = limit_stream_next(&stream, &in, &packet)) == 1 && i++ < packets)
            sum += look(packet.topic.data, packet.topic.len, packet.payload.data, packet.payload.len);
        if (got < 0)
            fail("the limit's stream ends");
    }
    return sum;
}

/* --- send
 * ---------------------------------------------------------------------------------------------------------
 */

/** Takes all output, as one who writes it to a socket does. */
static uint64_t drain(mqw_conn *conn)
{
    mqw_bytes views[16];
    uint64_t sum = 0;
    int count;
    while ((count = mqw_conn_output(conn, views, 16)) > 0) {
        size_t len = 0;
        for (int i = 0; i < count; i++)
            len += views[i].len;
        mqw_conn_written(conn, len);
        sum += len;
    }
    return sum;
}

static uint64_t send_ours(uint32_t packets, uint32_t batch)
{
    mqw_conn *conn = open_server();
    uint64_t sum = 0;
    mqw_publish packet = {.qos = 0};
    for (uint32_t i = 0; i < packets; i++) {
        packet.topic = text_of(publish.items[i % SAMPLES].topic);
        packet.payload = bytes_of(publish.items[i % SAMPLES].payload);
        if (mqw_conn_publish(conn, &packet) != 0)
            fail("a packet is refused");
        if ((i + 1) % batch == 0)
            sum += drain(conn);
    }
    mqw_conn_free(conn);
    return sum;
}

static uint64_t send_limit(uint32_t packets, uint32_t batch)
{
    uint64_t sum = 0;
    size_t waiting = 0;
    limit_publish packet = {.qos = 0};
    for (uint32_t i = 0; i < packets; i++) {
        packet.topic = view_of(publish.items[i % SAMPLES].topic);
        packet.payload = view_of(publish.items[i % SAMPLES].payload);
        int size = limit_publish_encode(&packet, room + waiting, sizeof room - waiting);
        if (size < 0)
            fail("the limit refuses a packet");
        waiting += (size_t)size;
        if ((i + 1) % batch == 0) {
            sum += waiting;
            waiting = 0;
        }
    }
    return sum;
}

/** Packets that are sent before the output is taken. */
static uint32_t one = 1, many = 32;

static uint64_t send_batches_ours(void *arg, uint32_t packets)
{
    return send_ours(packets, *(uint32_t *)arg);
}

static uint64_t send_batches_limit(void *arg, uint32_t packets)
{
    return send_limit(packets, *(uint32_t *)arg);
}

/* --- all
 * ----------------------------------------------------------------------------------------------------------
 */

static const measure_case cases[] = {
    {"decode PUBLISH", 0.9, decode_ours, decode_limit, &publish},
    {"decode PUBLISH, mixed sizes and QoS", 0, decode_ours, decode_limit, &mixed},
    {"encode PUBLISH", 0.6, encode_ours, encode_limit, &publish},
    {"decode PUBLISH of 5.0, four properties", 0.9, decode5_ours, decode5_limit, &publish5},
    {"encode PUBLISH of 5.0, four properties", 0.9, encode5_ours, encode5_limit, &publish5},
    {"decode CONNECT, full", 0.9, connect_ours, connect_limit, &connect},
    {"decode PUBACK (limit: bare, unchecked)", 1.5, puback_ours, puback_limit, &puback},
    {"stream, chunks of 1 to 4096", 0.9, stream_ours, stream_limit, &chunks_4096},
    {"stream, chunks of 1 to 1024", 0.9, stream_ours, stream_limit, &chunks_1024},
    {"stream, chunks of 1 to 256", 0.9, stream_ours, stream_limit, &chunks_256},
    {"stream, chunks of 1 to 64", 0.9, stream_ours, stream_limit, &chunks_64},
    {"send, output taken every 32 packets", 0, send_batches_ours, send_batches_limit, &many},
    {"send, output taken after each packet", 0, send_batches_ours, send_batches_limit, &one},
};

static void cut(chunks *plan, uint32_t largest)
{
    uint32_t seed = 5 + largest;
    plan->count = sizeof plan->cuts / sizeof *plan->cuts;
    for (uint32_t i = 0; i < plan->count; i++)
        plan->cuts[i] = (uint16_t)(1 + sample_random(&seed) % largest);
}

/** Both encoders must give the bytes from which the fields were taken. */
static void check_encoders(void)
{
    for (int i = 0; i < SAMPLES; i++) {
        const sample *item = &publish5.items[i];
        mqw_packet ours = {.type = MQW_PUBLISH};
        limit_publish5 limit = {.base.qos = 0};
        fill_ours(&ours, item);
        fill_limit(&limit, item);
        int size = mqw_encode(&client_5, &ours, room, sizeof room, NULL);
        if (size < 0 || (size_t)size != item->wire.len || memcmp(room, item->wire.data, item->wire.len) != 0)
            fail("mqw_encode gives other bytes");
        size = limit_publish5_encode(&limit, room, sizeof room);
        if (size < 0 || (size_t)size != item->wire.len || memcmp(room, item->wire.data, item->wire.len) != 0)
            fail("the limit encodes other bytes");
    }
}

/** What the limit says of a packet of one of the three kinds that it checks: bytes that it takes, or 0 or
 * less. */
static int limit_of(const sample_set *set, limit_view wire)
{
    limit_publish packet;
    limit_publish5 packet5;
    limit_connect full;
    if (set == &publish5)
        return limit_publish5_decode(wire, &packet5);
    return set == &connect ? limit_connect_decode(wire, &full) : limit_publish_decode(wire, &packet);
}

/** The limit is only worth something if it sees what we see: packets with one or two bytes changed (from
 * `first` on) must be valid to both or to neither. */
static void check_judgement(const sample_set *set, uint8_t version, size_t first)
{
    enum { TRIES = 100000 };
    static uint8_t bytes[512];
    mqw_codec any = {.version = version, .sender = MQW_ANY};
    uint32_t seed = 6;
    for (int i = 0; i < TRIES; i++) {
        span wire = set->items[i % SAMPLES].wire;
        memcpy(bytes, wire.data, wire.len);
        for (uint32_t changes = 1 + sample_random(&seed) % 2; changes > 0; changes--) {
            size_t at = first + sample_random(&seed) % (wire.len - first);
            bytes[at] = (uint8_t)(sample_random(&seed) >> 8);
        }
        mqw_packet packet;
        int ours = mqw_decode(&any, (mqw_bytes){bytes, wire.len}, &packet, NULL);
        if ((ours > 0) != (limit_of(set, (limit_view){bytes, wire.len}) > 0))
            fail("the limit judges a packet differently");
    }
}

int main(int argc, char **argv)
{
    sample_publish(&publish);
    sample_publish_mixed(&mixed);
    sample_publish5(&publish5);
    sample_connect(&connect);
    sample_puback(&puback);
    cut(&chunks_64, 64);
    cut(&chunks_256, 256);
    cut(&chunks_1024, 1024);
    cut(&chunks_4096, 4096);
    check_encoders();
    check_judgement(&publish, MQW_3_1_1, 2);
    check_judgement(&publish5, MQW_5_0, 3);
    check_judgement(&connect, MQW_3_1_1, 9);
    return measure_cases(cases, sizeof cases / sizeof *cases, argc > 1 ? argv[1] : NULL) == 0 ? 0 : 1;
}
