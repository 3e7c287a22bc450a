// SPDX-License-Identifier: MIT
// Decisions that a hook has deferred: the packet is kept, the peer is not read, and goes on where it was.
#include <string.h>

#include "affairs.h"

// Survives the peer, and the broker.
struct mqw_ticket {
    mqw_broker *broker; // NULL: gone
    mqw_peer *peer;     // NULL: gone, or its time is over
    mqw_ticket *next, **link;
    mqw_allocator allocator;
};

// --- asking ---

static void forget_ticket(mqw__affairs *affairs)
{
    mqw_broker *broker = affairs->peer->broker;
    mqw__broker_undue(broker, &affairs->decide_due);
    if (affairs->ticket) {
        affairs->ticket->peer = NULL;
        broker->counts.decisions--;
    }
    affairs->ticket = NULL;
}

void mqw__question_begin(mqw__question *question, mqw_peer *peer, int type, const void *body)
{
    *question = (mqw__question){.peer = peer, .body = body, .type = type};
    peer->broker->question = question;
}

static void drop_copy(mqw__question *question)
{
    mqw__affairs *affairs = question->peer->affairs;
    if (!question->copied)
        return;
    mqw_packet_free(affairs->packet, &question->peer->broker->allocator);
    affairs->packet = NULL;
    question->copied = false;
}

// The hook has deferred it, and decided all the same.
static void withdraw(mqw__question *question)
{
    mqw__affairs *affairs = question->peer->affairs;
    forget_ticket(affairs);
    affairs->decided = false;
    drop_copy(question);
}

int mqw__verdict_of(int answer)
{
    bool known = answer == 0 || answer == MQW_REASON_NO_MATCHING_SUBSCRIBERS || answer == MQW_LATER ||
                 (answer >= 0x80 && answer <= UINT8_MAX);
    return known ? answer : MQW_REASON_NOT_AUTHORIZED;
}

int mqw__question_end(mqw__question *question, int answer)
{
    mqw_peer *peer = question->peer;
    peer->broker->question = NULL;
    if (answer == MQW_LATER && !question->ticket)
        return MQW_REASON_IMPLEMENTATION_SPECIFIC; // it has deferred nothing
    if (answer != MQW_LATER && question->ticket)
        withdraw(question);
    if (answer == MQW_LATER && peer->stand != MQW__GONE)
        mqw__peer_pause(peer, MQW__PAUSE_DECISION);
    return mqw__verdict_of(answer);
}

static const size_t body_size[16] = {
    [MQW_CONNECT] = sizeof(mqw_connect),
    [MQW_PUBLISH] = sizeof(mqw_publish),
    [MQW_SUBSCRIBE] = sizeof(mqw_subscribe),
};

// The packet in question, unless it is kept already.
static bool keep_packet(mqw__affairs *affairs, mqw__question *question)
{
    mqw_packet packet = {.type = (mqw_packet_type)question->type};
    if (affairs->packet)
        return true;
    memcpy(&packet.connect, question->body, body_size[question->type]);
    affairs->packet = mqw_packet_copy(&packet, &affairs->peer->broker->allocator);
    question->copied = affairs->packet != NULL;
    return question->copied;
}

static mqw_ticket *make_ticket(mqw_peer *peer)
{
    mqw_broker *broker = peer->broker;
    mqw_ticket *ticket = mqw__alloc(&broker->allocator, sizeof *ticket);
    if (!ticket)
        return NULL;
    *ticket = (mqw_ticket){.broker = broker, .peer = peer, .allocator = broker->allocator};
    ticket->next = broker->tickets;
    ticket->link = &broker->tickets;
    if (ticket->next)
        ticket->next->link = &ticket->next;
    broker->tickets = ticket;
    broker->counts.decisions++;
    return ticket;
}

static void on_time_out(mqw__deadline *deadline);

mqw_ticket *mqw_peer_defer(mqw_peer *peer)
{
    mqw__question *question = peer ? peer->broker->question : NULL;
    if (!question || question->peer != peer || question->ticket || peer->stand == MQW__GONE)
        return NULL;
    mqw_broker *broker = peer->broker;
    mqw__affairs *affairs = mqw__affairs_of(peer);
    if (!affairs || !keep_packet(affairs, question))
        return NULL;
    question->ticket = affairs->ticket = make_ticket(peer);
    if (!affairs->ticket) {
        drop_copy(question);
        return NULL;
    }
    affairs->decide_due.fire = on_time_out;
    mqw__broker_due(broker, &affairs->decide_due, mqw__broker_now(broker) + broker->options.decide_timeout);
    return affairs->ticket;
}

// --- answering ---

static void decide(mqw__affairs *affairs, uint8_t verdict)
{
    forget_ticket(affairs);
    affairs->verdict = verdict;
    affairs->decided = true;
    mqw__peer_later(affairs->peer);
}

static void on_time_out(mqw__deadline *deadline)
{
    mqw__affairs *affairs = (mqw__affairs *)(void *)((char *)deadline - offsetof(mqw__affairs, decide_due));
    decide(affairs,
           affairs->packet->type == MQW_CONNECT ? MQW_REASON_SERVER_UNAVAILABLE : MQW_REASON_NOT_AUTHORIZED);
}

void mqw__decide_end(mqw_peer *peer)
{
    mqw__affairs *affairs = peer->affairs;
    const mqw_allocator *allocator = &peer->broker->allocator;
    forget_ticket(affairs);
    mqw__filters_free(peer);
    mqw_packet_free(affairs->packet, allocator);
    mqw_packet_free(affairs->answer, allocator);
    affairs->packet = affairs->answer = NULL;
    affairs->decided = affairs->arrived = false;
}

void mqw__decide_settle(mqw_peer *peer)
{
    const mqw__affairs *affairs = peer->affairs;
    if (!affairs || peer->stand == MQW__GONE || affairs->ticket || affairs->decided)
        return;
    if (peer->stand != MQW__AUTHENTICATING)
        mqw__decide_end(peer);
    mqw__peer_resume(peer, MQW__PAUSE_DECISION);
    mqw__affairs_tidy(peer);
}

void mqw__decided(mqw_peer *peer)
{
    mqw__affairs *affairs = peer->affairs;
    bool arrived = affairs->arrived;
    affairs->decided = affairs->arrived = false;
    if (arrived)
        mqw__peer_connect(peer, &affairs->packet->connect);
    else if (affairs->packet->type == MQW_CONNECT)
        mqw__peer_judge(peer, &affairs->packet->connect, affairs->verdict);
    else if (affairs->packet->type == MQW_PUBLISH)
        mqw__incoming_judge(peer, &affairs->packet->publish, affairs->verdict);
    else
        mqw__filters_judge(peer, affairs->verdict);
    mqw__decide_settle(peer);
}

// --- the program's side ---

mqw_publish *mqw_ticket_publish(mqw_ticket *ticket)
{
    const mqw_peer *peer = ticket ? ticket->peer : NULL;
    if (!peer || peer->affairs->packet->type != MQW_PUBLISH)
        return NULL;
    return &peer->affairs->packet->publish;
}

mqw_peer *mqw_ticket_peer(const mqw_ticket *ticket)
{
    return ticket ? ticket->peer : NULL;
}

static void free_ticket(mqw_ticket *ticket)
{
    mqw_allocator allocator = ticket->allocator;
    if (ticket->broker) {
        *ticket->link = ticket->next;
        if (ticket->next)
            ticket->next->link = ticket->link;
    }
    mqw__free(&allocator, ticket, sizeof *ticket);
}

// What the program has changed is its own no longer than this call. False: no memory.
static bool keep_changes(mqw__affairs *affairs)
{
    const mqw_allocator *allocator = &affairs->peer->broker->allocator;
    if (affairs->packet->type != MQW_PUBLISH)
        return true;
    mqw_packet *copy = mqw_packet_copy(affairs->packet, allocator);
    if (!copy)
        return false;
    mqw_packet_free(affairs->packet, allocator);
    affairs->packet = copy;
    return true;
}

// Without memory the answer says less.
static void keep_answer(mqw__affairs *affairs, const mqw_props *props)
{
    mqw_packet packet = {.type = MQW_DISCONNECT};
    packet.disconnect.props = *props;
    packet.disconnect.props.has &= MQW_BIT(reason_string) | MQW_BIT(user) | MQW_BIT(server_reference);
    const mqw_allocator *allocator = &affairs->peer->broker->allocator;
    mqw_packet_free(affairs->answer, allocator);
    affairs->answer = mqw_packet_copy(&packet, allocator);
}

void mqw_peer_decide(mqw_ticket *ticket, uint8_t reason, const mqw_props *props)
{
    if (!ticket)
        return;
    mqw__affairs *affairs = ticket->peer ? ticket->peer->affairs : NULL;
    if (affairs)
        forget_ticket(affairs);
    free_ticket(ticket);
    if (affairs && props)
        keep_answer(affairs, props);
    if (affairs && reason < 0x80 && !keep_changes(affairs))
        mqw__peer_end(affairs->peer, MQW_REASON_QUOTA_EXCEEDED, "no memory");
    else if (affairs)
        decide(affairs, (uint8_t)mqw__verdict_of(reason));
}

void mqw__tickets_forget(mqw_broker *broker)
{
    for (mqw_ticket *ticket = broker->tickets; ticket; ticket = ticket->next) {
        ticket->broker = NULL;
        ticket->peer = NULL;
    }
    broker->tickets = NULL;
}
