// SPDX-License-Identifier: MIT
// A connection that publishes; see bench_publisher.h.
#include "bench_publisher.h"

#include <stdlib.h>
#include <string.h>

#include "bench_verify.h"
#include "tool.h"

enum { PUMP = 64 * 1024, BATCH = 4096, LARGE = 2048, IDS = 65536, PARTS = 4 };

// A large payload: its head is written anew each time that it leaves, the rest stays.
typedef struct bench_block {
    mqw_shared shared; // first, so that what is released is the block
    bench_publisher *owner;
    struct bench_block *next;
    uint8_t bytes[];
} bench_block;

/* --- Its life ------------------------------------------------------------------------------------------ */

static void on_open(bench_peer *peer, const mqw_connack *connack)
{
    bench_publisher *self = (bench_publisher *)(void *)peer;
    uint16_t most = mqw_value(&connack->props, receive_maximum);
    self->window = peer->crew->settings->bench.window;
    if (peer->crew->plan->version == MQW_5_0 && most < self->window)
        self->window = most;
    peer_ready(peer);
}

static void end_one(bench_publisher *self, const mqw_ack *ack)
{
    uint8_t bit = (uint8_t)(1u << (ack->packet_id % 8)), *byte = &self->flying[ack->packet_id / 8];
    if ((*byte & bit) == 0) {
        self->all->unknown++;
        return;
    }
    *byte &= (uint8_t)~bit;
    self->ended++;
    self->all->ended++;
    self->all->refused += ack->reason >= 0x80;
    uint64_t room = self->window - (self->sent - self->ended);
    if (self->on_room && room > 1 && room >= self->window / PARTS)
        self->on_room(self, self->ctx);
}

static void on_ack(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    (void)conn;
    end_one(ctx, &packet->puback); // all acknowledgements look the same
}

static void on_pubrec(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    (void)conn;
    if (packet->pubrec.reason >= 0x80)
        end_one(ctx, &packet->pubrec);
}

static void on_pingresp(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    bench_publisher *self = ctx;
    (void)conn, (void)packet;
    if (self->on_answer)
        self->on_answer(self->ctx);
}

static const mqw_handlers handlers = {PEER_HANDLERS, .puback = on_ack, .pubrec = on_pubrec, .pubcomp = on_ack,
                                      .pingresp = on_pingresp};

static size_t put_length(uint8_t *at, size_t length)
{
    size_t count = 0;
    do {
        at[count] = (uint8_t)(length % 128 | (length >= 128 ? 128u : 0));
        length /= 128;
        count++;
    } while (length);
    return count;
}

// The packet as it will always be; topic, identifier and head of the payload are put in later.
static void draw(bench_publisher *self, const bench_plan *plan, size_t payload)
{
    size_t props = plan->version == MQW_5_0, id = plan->qos ? 2 : 0, at = 1;
    self->image[0] = (uint8_t)(0x30 | plan->qos << 1 | self->retain);
    at += put_length(self->image + at, 2 + plan->topic_len + id + props + payload);
    self->image[at] = (uint8_t)(plan->topic_len >> 8);
    self->image[at + 1] = (uint8_t)plan->topic_len;
    self->id_at = (uint32_t)(at + 2 + plan->topic_len);
    if (props)
        self->image[self->id_at + id] = 0;
    self->payload_at = (uint32_t)(self->id_at + id + props);
    self->image_len = (uint32_t)(self->payload_at + payload);
    memcpy(self->image + self->payload_at, plan->filler, payload);
}

bool publisher_make(bench_publisher *self, bench_crew *crew, uint32_t index, bench_sent *all)
{
    const bench_plan *plan = crew->plan;
    *self =
        (bench_publisher){.peer = {.kind = "p", .index = index, .handlers = &handlers, .on_open = on_open},
                          .all = all,
                          .stream = index,
                          .next_id = 1,
                          .retain = crew->settings->bench.retained > 0};
    self->flying = calloc(1, IDS / 8);
    self->image = malloc(plan->topic_len + 16 + (plan->size <= LARGE ? plan->size : 0));
    if (self->flying == NULL || self->image == NULL || !crew_add(crew, &self->peer))
        return false;
    if (plan->size <= LARGE)
        draw(self, plan, plan->size);
    return true;
}

void publisher_free(bench_publisher *self)
{
    while (self->blocks) {
        bench_block *block = self->blocks;
        self->blocks = block->next;
        free(block);
    }
    free(self->flying);
    free(self->image);
}

void publisher_rewind(bench_publisher *self)
{
    self->stream = self->peer.index;
    self->number = 0;
    self->empty = true;
    draw(self, self->peer.crew->plan, 0);
}

/* --- Messages ------------------------------------------------------------------------------------------ */

// The next stream of ours.
static void advance(bench_publisher *self, const bench_plan *plan)
{
    self->all->expected += plan->reach_of[self->stream];
    self->stream += plan->publishers;
    if (self->stream >= plan->streams) {
        self->stream = self->peer.index;
        self->number++;
    }
}

static uint16_t take_id(bench_publisher *self)
{
    uint16_t id;
    do {
        id = self->next_id;
        self->next_id = id == UINT16_MAX ? 1 : (uint16_t)(id + 1);
    } while (self->flying[id / 8] & 1u << (id % 8));
    self->flying[id / 8] |= (uint8_t)(1u << (id % 8));
    return id;
}

// Draws the next message at `at`.
static void draw_next(bench_publisher *self, const bench_plan *plan, uint8_t *at, uint64_t when)
{
    const char *topic =
        plan_topic(plan, plan->streams == plan->topics ? self->stream : self->stream % plan->topics);
    memcpy(at, self->image, self->image_len);
    memcpy(at + self->id_at - plan->topic_len, topic, plan->topic_len);
    if (plan->qos) {
        uint16_t id = take_id(self);
        at[self->id_at] = (uint8_t)(id >> 8);
        at[self->id_at + 1] = (uint8_t)id;
    }
    if (!self->empty)
        verify_head(at + self->payload_at, self->stream, self->number, when);
    advance(self, plan);
}

static uint64_t send_small(bench_publisher *self, uint64_t most, uint64_t when)
{
    const bench_plan *plan = self->peer.crew->plan;
    uint8_t batch[BATCH];
    uint64_t sent = 0;
    while (sent < most && mqw_conn_waiting(self->peer.conn) < PUMP) {
        size_t len = 0;
        for (; sent < most && len + self->image_len <= sizeof(batch); sent++) {
            draw_next(self, plan, batch + len, when);
            len += self->image_len;
        }
        if (mqw_conn_send_raw(self->peer.conn, (mqw_bytes){batch, len}) < 0) {
            peer_fail(&self->peer, "no memory for what is sent");
            break;
        }
    }
    return sent;
}

static void give_back(mqw_shared *shared)
{
    bench_block *block = (bench_block *)(void *)shared;
    block->next = block->owner->blocks;
    block->owner->blocks = block;
}

static bench_block *take_block(bench_publisher *self, const bench_plan *plan)
{
    bench_block *block = self->blocks;
    if (block) {
        self->blocks = block->next;
    } else {
        block = malloc(sizeof(*block) + plan->size);
        if (block == NULL)
            return NULL;
        block->owner = self;
        memcpy(block->bytes, plan->filler, plan->size);
    }
    block->shared = (mqw_shared){{block->bytes, plan->size}, 1, give_back};
    return block;
}

static uint64_t send_large(bench_publisher *self, uint64_t most, uint64_t when)
{
    const bench_plan *plan = self->peer.crew->plan;
    uint64_t sent = 0;
    while (sent < most && mqw_conn_waiting(self->peer.conn) < PUMP) {
        mqw_publish publish = {.qos = plan->qos, .retain = self->retain};
        bench_block *block = take_block(self, plan);
        if (block == NULL) {
            peer_fail(&self->peer, "no memory for what is sent");
            break;
        }
        publish.topic = (mqw_text){plan_topic(plan, self->stream % plan->topics), plan->topic_len};
        publish.packet_id = plan->qos ? take_id(self) : 0;
        verify_head(block->bytes, self->stream, self->number, when);
        int result = mqw_conn_publish_shared(self->peer.conn, &publish, &block->shared);
        mqw_shared_drop(&block->shared);
        if (result < 0) {
            peer_fail(&self->peer, "a message cannot be sent");
            break;
        }
        advance(self, plan);
        sent++;
    }
    return sent;
}

uint64_t publisher_send(bench_publisher *self, uint64_t most, uint64_t when)
{
    const bench_plan *plan = self->peer.crew->plan;
    if (self->peer.conn == NULL || self->peer.leaving || mqw_conn_state(self->peer.conn) != MQW_STATE_OPEN)
        return 0;
    if (plan->qos && most > self->window - (self->sent - self->ended))
        most = self->window - (self->sent - self->ended);
    bool small = self->empty || plan->size <= LARGE;
    uint64_t sent = most == 0 ? 0 : small ? send_small(self, most, when) : send_large(self, most, when);
    self->sent += sent;
    self->all->sent += sent;
    return sent;
}
