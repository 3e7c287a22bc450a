// SPDX-License-Identifier: MIT
// What waits for a commit: answers to peers, and QoS 2 messages on their way out.
#include <string.h>

#include "kept.h"

enum {
    FEW = 8,
    MANY = 4096 /**< So many answers of a peer wait that it is not read any more. */
};

/** Most are acknowledgements without properties. */
typedef struct answer {
    uint64_t batch;     /**< The commit that it waits for. */
    mqw_packet *packet; /**< NULL: the rest says it all. */
    uint16_t packet_id;
    uint8_t type;
    uint8_t reason;
} answer;

struct mqw__answers {
    mqw_peer *peer;
    mqw__answers *next, **link; /**< Of all peers. */
    answer *ring;
    uint32_t first, count;
    uint32_t cap; /**< A power of two. */
};

// --- answers ---

static answer *answer_at(const mqw__answers *answers, uint32_t at)
{
    return &answers->ring[(answers->first + at) & (answers->cap - 1)];
}

static mqw__answers *new_answers(mqw__durable *durable, mqw_peer *peer)
{
    mqw__answers *answers = mqw__broker_new_block(durable->broker, sizeof *answers);
    if (!answers)
        return NULL;
    *answers = (mqw__answers){.peer = peer, .next = durable->answers, .link = &durable->answers};
    if (answers->next)
        answers->next->link = &answers->next;
    durable->answers = answers;
    peer->answers = answers;
    return answers;
}

static bool grow(mqw_broker *broker, mqw__answers *answers)
{
    uint32_t cap = answers->cap ? answers->cap * 2 : FEW;
    answer *ring = mqw__broker_new_block(broker, cap * sizeof *ring);
    if (!ring)
        return false;
    for (uint32_t i = 0; i < answers->count; i++)
        ring[i] = *answer_at(answers, i);
    mqw__broker_free_block(broker, answers->ring, answers->cap * sizeof *ring);
    answers->ring = ring;
    answers->first = 0;
    answers->cap = cap;
    return true;
}

static const size_t body_size[16] = {
    [MQW_CONNACK] = sizeof(mqw_connack), [MQW_PUBACK] = sizeof(mqw_ack),
    [MQW_PUBREC] = sizeof(mqw_ack),      [MQW_PUBCOMP] = sizeof(mqw_ack),
    [MQW_SUBACK] = sizeof(mqw_suback),   [MQW_UNSUBACK] = sizeof(mqw_suback),
};

static mqw_packet *copy(mqw_broker *broker, int type, const void *body)
{
    mqw_packet packet = {.type = (mqw_packet_type)type};
    memcpy(&packet.connect, body, body_size[type]);
    return mqw_packet_copy(&packet, &broker->allocator);
}

static bool is_plain(int type, const void *body)
{
    bool is_ack = type == MQW_PUBACK || type == MQW_PUBREC || type == MQW_PUBCOMP;
    return is_ack && ((const mqw_ack *)body)->props.has == 0;
}

static int add(mqw_broker *broker, mqw__answers *answers, int type, const void *body, uint64_t batch)
{
    answer made = {.batch = batch, .type = (uint8_t)type};
    if (answers->count == answers->cap && !grow(broker, answers))
        return MQW_E_NO_MEMORY;
    if (is_plain(type, body)) {
        const mqw_ack *ack = body;
        made.packet_id = ack->packet_id;
        made.reason = ack->reason;
    } else if (!(made.packet = copy(broker, type, body))) {
        return MQW_E_NO_MEMORY;
    }
    *answer_at(answers, answers->count++) = made;
    if (answers->count >= MANY || mqw__kept_pressed(broker->durable))
        mqw__peer_pause(answers->peer, MQW__PAUSE_STORE);
    return 0;
}

int mqw__gate_answer(mqw_peer *peer, int type, const void *body, bool waits)
{
    mqw__durable *durable = peer->broker->durable;
    mqw__answers *answers = peer->answers;
    uint64_t batch = durable && waits ? mqw__kept_last(durable) : 0;
    if (!answers && (!durable || batch <= durable->committed))
        return mqw__peer_send(peer, type, body);
    if (!answers)
        answers = new_answers(durable, peer);
    return answers ? add(peer->broker, answers, type, body, batch) : MQW_E_NO_MEMORY;
}

// Its packet lives until it was sent: sending may end the peer, but frees nothing.
static void send_answer(mqw_broker *broker, mqw_peer *peer, const answer *one)
{
    if (one->packet)
        (void)mqw__peer_send(peer, one->type, &one->packet->connect);
    else
        (void)mqw__peer_send(peer, one->type, &(mqw_ack){.packet_id = one->packet_id, .reason = one->reason});
    mqw_packet_free(one->packet, &broker->allocator);
}

static void free_answers(mqw_broker *broker, mqw__answers *answers)
{
    for (; answers->count > 0; answers->count--, answers->first++)
        mqw_packet_free(answer_at(answers, 0)->packet, &broker->allocator);
    if (answers->next)
        answers->next->link = answers->link;
    *answers->link = answers->next;
    mqw__broker_free_block(broker, answers->ring, answers->cap * sizeof *answers->ring);
    mqw__broker_free_block(broker, answers, sizeof *answers);
}

void mqw__gate_forget(mqw_peer *peer)
{
    if (peer->answers)
        free_answers(peer->broker, peer->answers);
    peer->answers = NULL;
}

// What a peer has waited for long enough. It may be forgotten meanwhile.
static void send_some(mqw__durable *durable, mqw_peer *peer)
{
    for (mqw__answers *answers; (answers = peer->answers) && answers->count;) {
        answer one = *answer_at(answers, 0);
        if (one.batch > durable->committed)
            return;
        answers->first++;
        answers->count--;
        if (peer->pauses & MQW__PAUSE_STORE && answers->count <= MANY / 2 && !mqw__kept_pressed(durable))
            mqw__peer_resume(peer, MQW__PAUSE_STORE);
        send_answer(durable->broker, peer, &one);
    }
    mqw__gate_forget(peer);
    if (peer->pauses & MQW__PAUSE_STORE)
        mqw__peer_resume(peer, MQW__PAUSE_STORE);
    if (peer->pauses & MQW__PAUSE_CLOSING)
        mqw__broker_soon(durable->broker);
}

static void open_answers(mqw__durable *durable)
{
    for (mqw__answers *answers = durable->answers, *next; answers; answers = next) {
        next = answers->next;
        send_some(durable, answers->peer);
    }
}

// --- QoS 2 on its way out ---

static void wait_in(mqw__durable *durable, mqw__kept *kept)
{
    kept->next = durable->waiting;
    kept->link = &durable->waiting;
    if (kept->next)
        kept->next->link = &kept->next;
    durable->waiting = kept;
}

static void wait_no_more(mqw__kept *kept)
{
    if (!kept->link)
        return;
    if (kept->next)
        kept->next->link = kept->link;
    *kept->link = kept->next;
    kept->next = NULL;
    kept->link = NULL;
}

void mqw__gate_forget_session(mqw__kept *kept)
{
    wait_no_more(kept);
}

void mqw__gate_wait(mqw__kept *kept)
{
    if (!kept->link)
        wait_in(kept->session->broker->durable, kept);
}

void mqw__gate_hold(mqw__kept *kept, mqw_promise *promise, uint64_t batch)
{
    bool release = promise->stage == MQW_RELEASED;
    mqw_session_hold(kept->session->promises, promise, true);
    kept->held[release] = promise;
    kept->batch[release] = batch;
    mqw__gate_wait(kept);
}

void mqw__gate_unhold(mqw__kept *kept, uint64_t sequence)
{
    for (int i = 0; i < 2; i++)
        if (kept->held[i] && kept->held[i]->sequence == sequence)
            kept->held[i] = NULL;
    if (!kept->held[0] && !kept->held[1] && !kept->late)
        wait_no_more(kept);
}

// Lets go what is on disk. True: there was something.
static bool let_go(const mqw__durable *durable, mqw__kept *kept)
{
    bool any = false;
    for (int i = 0; i < 2; i++)
        if (kept->held[i] && kept->batch[i] <= durable->committed) {
            mqw_session_hold(kept->session->promises, kept->held[i], false);
            kept->held[i] = NULL;
            any = true;
        }
    return any;
}

// What goes on may wait again, behind the others.
static void open_sessions(mqw__durable *durable)
{
    mqw__kept *first = durable->waiting;
    durable->waiting = NULL;
    if (first)
        first->link = &first;
    for (mqw__kept *kept; (kept = first);) {
        bool any = let_go(durable, kept);
        wait_no_more(kept);
        if (kept->late)
            (void)mqw__kept_again(kept->session);
        if (kept->held[0] || kept->held[1])
            mqw__gate_wait(kept);
        if (any)
            mqw__outgoing_go_on(kept->session);
    }
}

void mqw__gate_open(mqw__durable *durable)
{
    open_answers(durable);
    open_sessions(durable);
}

void mqw__gate_free(mqw__durable *durable)
{
    while (durable->answers)
        mqw__gate_forget(durable->answers->peer);
}
