// SPDX-License-Identifier: MIT
// What was promised and what arrived, both ways, and what may be seen on the client's wire. Messages are
// numbers: each way from 0 on, in the order of their publishing; a payload begins with "up 12 " or "down 7 ".
#ifndef MQW_SIM_LEDGER_H
#define MQW_SIM_LEDGER_H

#include "world.h"

enum {
    MESSAGES = 96,
    TOPICS = 3,
    IDS = 1024,       /**< None as high is ever needed. */
    REQUEST = 1 << 20 /**< An identifier of a SUBSCRIBE. */
};

/** A message, up (the client publishes) or down. */
typedef struct entry {
    uint8_t qos, topic;
    bool accepted; /**< Up: the call took it. Down: it is the server's to deliver. */
    bool taken;    /**< Up: on_taken was called. */
    bool refused;  /**< Up: the server answered with 0x80 and above. */
    bool
        excused; /**< A session was lost while it was in flight, or the client crashed before it was taken. */
    bool expires;
    bool large; /**< Larger than some server takes. */
    unsigned done;
    int result;
    unsigned arrived;
    unsigned owned; /**< Down: the program has had it (and acknowledged it, if it does that). */
    // on the client's wire, in this session
    unsigned sent; /**< PUBLISH. */
    uint16_t id;
    uint32_t rank;    /**< Of its PUBREC; 0: none came. */
    bool released;    /**< PUBREL. */
    bool over;        /**< The last answer has come. */
    bool anew;        /**< It was sent in a session that the server has lost. */
    uint64_t changed; /**< Operations on the store when PUBREC came. */
    bool answered;    /**< Down: it was acknowledged on the wire. */
    bool unsure;      /**< Down: not answered when the client crashed: it may come again. */
    bool orphan;      /**< Up: nobody waits for its end since the client has crashed. */
    bool ghost;       /**< Up: the next client cannot know whether it was sent, or was over. */
} entry;

/** What is owed on a connection, in order. */
typedef struct owed {
    uint16_t ids[256];
    unsigned numbers[256];
    unsigned first, end;
} owed;

/** A connection as seen from the client's side of the wire. */
typedef struct watch {
    owed acks[2];  /**< PUBACK, PUBREC. */
    int last[3];   /**< Number of the last PUBLISH sent: QoS 0, and 1 and 2 together. */
    uint32_t rank; /**< Of the last PUBREL sent. */
} watch;

typedef struct ledger {
    world *on;
    entry up[MESSAGES], down[MESSAGES];
    unsigned ups, downs;
    int first_up[TOPICS][3], first_down[TOPICS][3]; /**< Highest number that arrived so far, by QoS. */
    uint32_t ids[IDS];                              /**< Of the client, in use: a number + 1, or REQUEST. */
    uint32_t ranks;
    unsigned present; /**< Sessions that were resumed. */
    unsigned lost;    /**< Messages that were in flight when a session was lost. */
    bool hasty;       /**< The server hands QoS 2 on with PUBLISH, not with PUBREL. */
    bool blind;       /**< 3.1: CONNACK does not tell whether there is a session. */
    bool cleanly;     /**< The last CONNECT asked for none. */
    unsigned crashes;
    uint64_t heard_at;    /**< Operations on the store by then. */
    unsigned made, heard; /**< Sessions that the server has made; the last one that the client heard of. */
    bool starved;         /**< Memory runs out now and then: requests may end with MQW_E_NO_MEMORY. */
    bool early;           /**< The client was closed before all was done. */
    bool unordered;       /**< Order of delivery is not asked for: a server that answers in any order. */
} ledger;

static inline void ledger_start(ledger *book, world *on)
{
    memset(book, 0, sizeof *book);
    memset(book->first_up, -1, sizeof book->first_up);
    memset(book->first_down, -1, sizeof book->first_down);
    book->on = on;
}

/** The number that a payload names; -1: none, or not of that direction. */
static inline int number_in(mqw_bytes payload, const char *direction)
{
    char text[24];
    unsigned number;
    size_t len = payload.len < sizeof text - 1 ? payload.len : sizeof text - 1;
    memcpy(text, payload.data, len);
    text[len] = '\0';
    size_t skip = strlen(direction);
    if (strncmp(text, direction, skip) || sscanf(text + skip, " %u ", &number) != 1 || number >= MESSAGES)
        return -1;
    return (int)number;
}

// ---- arrivals ----

/* Each message for the first time in the order of publishing, on its topic and QoS; QoS 2 once. */
static inline void ledger_arrived(ledger *book, bool up, int number)
{
    if (number < 0 || (unsigned)number >= (up ? book->ups : book->downs)) {
        wrong(book->on, "a message arrived that nobody sent");
        return;
    }
    entry *e = up ? &book->up[number] : &book->down[number];
    int *first = up ? &book->first_up[e->topic][e->qos] : &book->first_down[e->topic][e->qos];
    const char *way = up ? "up" : "down";
    note(book->on, "arrived: %s %d, QoS %u, for the %u. time", way, number, e->qos, e->arrived + 1);
    bool again = up || e->qos == 0 ? e->arrived > 0 : e->owned && !e->unsure;
    if (e->qos != 1 && again && !e->excused)
        wrong(book->on, "%s %d of QoS %u arrived twice", way, number, e->qos);
    if (!e->arrived && number < *first && !book->unordered && !e->refused)
        wrong(book->on, "%s %d of QoS %u arrived behind %d", way, number, e->qos, *first);
    if (number > *first)
        *first = number;
    e->arrived++;
}

// ---- what the client puts on the wire, and hears ----

static inline void watch_start(watch *w)
{
    memset(w, 0, sizeof *w);
    w->last[0] = w->last[1] = -1;
}

static inline void use_id(ledger *book, uint16_t id, uint32_t for_whom)
{
    if (id == 0 || id >= IDS || (book->ids[id] && book->ids[id] != for_whom))
        wrong(book->on, "identifier %u is used again (MQTT-2.2.1-3)", id);
    else
        book->ids[id] = for_whom;
}

static inline void sees_publish(ledger *book, watch *w, const mqw_publish *p)
{
    int number = number_in(p->payload, "up");
    int *last = &w->last[p->qos > 0];
    if (number < 0 || (unsigned)number >= book->ups) {
        wrong(book->on, "the client publishes what the program did not");
        return;
    }
    entry *e = &book->up[number];
    if (p->qos != e->qos)
        wrong(book->on, "up %d is sent with QoS %u", number, p->qos);
    if (number <= *last)
        wrong(book->on, "up %d is sent behind %d on one connection (MQTT-4.4.0-1, MQTT-4.6.0-1)", number,
              *last);
    *last = number;
    if (p->qos == 0)
        return;
    if (p->dup && !e->sent && !e->ghost && !book->starved) // a CONNACK may be lost for want of memory
        wrong(book->on, "up %d has DUP the first time (MQTT-4.3.2-2)", number);
    if (!p->dup && e->sent)
        wrong(book->on, "up %d is sent again without DUP (MQTT-3.3.1-1)", number);
    if (e->sent && e->id != p->packet_id)
        wrong(book->on, "up %d has another identifier than before (MQTT-4.4.0-1)", number);
    if (e->released)
        wrong(book->on, "up %d is published after PUBREL (MQTT-4.3.3-6)", number);
    use_id(book, p->packet_id, (uint32_t)number + 1);
    e->sent++;
    e->id = p->packet_id;
}

static inline void sees_pubrel(ledger *book, watch *w, const mqw_ack *ack)
{
    uint32_t whose = book->ids[ack->packet_id % IDS];
    if (!whose && (book->crashes || book->starved)) // it was over, but not yet on disk
        return;
    if (!whose || whose == REQUEST ||
        (!book->up[whose - 1].rank && !book->up[whose - 1].orphan && !book->starved)) {
        wrong(book->on, "PUBREL %u without PUBREC", ack->packet_id);
        return;
    }
    entry *e = &book->up[whose - 1];
    e->released = true;
    if (e->orphan || book->starved) // of its PUBREC perhaps only the server knows
        return;
    if (e->rank <= w->rank)
        wrong(book->on, "PUBREL of up %u out of the order of PUBRECs (MQTT-4.6.0-4)", whose - 1);
    w->rank = e->rank;
}

static inline void sees_ack(ledger *book, watch *w, int qos, const mqw_ack *ack)
{
    owed *list = &w->acks[qos - 1];
    if (list->first == list->end) {
        wrong(book->on, "an acknowledgement of nothing");
        return;
    }
    unsigned at = list->first++ % 256;
    if (list->ids[at] != ack->packet_id)
        wrong(book->on, "acknowledged %u before %u (MQTT-4.6.0-2, MQTT-4.6.0-3)", ack->packet_id,
              list->ids[at]);
    entry *e = &book->down[list->numbers[at]];
    if (!e->owned && !e->excused)
        wrong(book->on, "down %u is acknowledged before the program has had it", list->numbers[at]);
    e->answered = true;
}

static inline void client_says(ledger *book, watch *w, const mqw_packet *packet)
{
    switch (packet->type) {
    case MQW_CONNECT: book->cleanly = packet->connect.clean_start; break;
    case MQW_PUBLISH: sees_publish(book, w, &packet->publish); break;
    case MQW_PUBREL: sees_pubrel(book, w, &packet->pubrel); break;
    case MQW_PUBACK: sees_ack(book, w, 1, &packet->puback); break;
    case MQW_PUBREC: sees_ack(book, w, 2, &packet->pubrec); break;
    case MQW_SUBSCRIBE:
    case MQW_UNSUBSCRIBE: use_id(book, packet->subscribe.packet_id, REQUEST); break;
    default: break;
    }
}

/* A message of QoS 2 that the server had taken or handed on when it lost the session may be lost, or be
 * handed on twice: nobody knows any more. */
static inline void ledger_excuse(ledger *book)
{
    for (unsigned i = 0; i < book->ups; i++) {
        entry *e = &book->up[i];
        e->excused |= e->qos == 2 && !e->done && (e->rank || (book->hasty && e->sent));
    }
}

/* The server has nothing of it: what was in flight begins anew. */
static inline void session_is_lost(ledger *book)
{
    ledger_excuse(book);
    memset(book->ids, 0, sizeof book->ids);
    for (unsigned i = 0; i < book->ups; i++) {
        book->up[i].anew |= book->up[i].sent && !book->up[i].done;
        book->lost += book->up[i].sent && !book->up[i].done;
        book->up[i].sent = book->up[i].rank = 0;
        book->up[i].released = false;
    }
    for (unsigned i = 0; i < book->downs; i++)
        book->down[i].answered = false;
}

static inline void hears_connack(ledger *book, const mqw_connack *connack, uint64_t changes)
{
    if (connack->reason)
        return;
    if (!connack->session_present) {
        book->heard = book->made;
        book->heard_at = changes;
    }
    for (unsigned id = 0; id < IDS; id++)
        if (book->ids[id] == REQUEST)
            book->ids[id] = 0; // they went with their connection
    if (connack->session_present || (book->blind && !book->cleanly))
        book->present++;
    else
        session_is_lost(book);
}

static inline void client_hears(ledger *book, watch *w, const mqw_packet *packet, uint64_t changes)
{
    uint32_t whose = packet->type >= MQW_PUBACK && packet->type <= MQW_PUBCOMP
                         ? book->ids[packet->puback.packet_id % IDS]
                         : 0;
    bool ends = packet->type != MQW_PUBREC || packet->pubrec.reason >= 0x80;
    if (packet->type == MQW_CONNACK)
        hears_connack(book, &packet->connack, changes);
    if (packet->type == MQW_SUBACK || packet->type == MQW_UNSUBACK)
        book->ids[packet->suback.packet_id % IDS] = 0;
    if (packet->type == MQW_PUBLISH && packet->publish.qos) {
        owed *list = &w->acks[packet->publish.qos - 1];
        unsigned at = list->end++ % 256;
        list->ids[at] = packet->publish.packet_id;
        list->numbers[at] = (unsigned)number_in(packet->publish.payload, "down") % MESSAGES;
        // Its identifier may be one that the client has taken in a session that is gone: nobody told it.
        book->down[list->numbers[at]].excused |= book->made != book->heard;
    }
    if (!whose || whose == REQUEST || packet->type == MQW_PUBREL)
        return;
    if (ends) {
        book->ids[packet->puback.packet_id % IDS] = 0;
        book->up[whose - 1].over = true;
    } else if (!book->up[whose - 1].rank) {
        book->up[whose - 1].rank = ++book->ranks;
        book->up[whose - 1].changed = changes;
    }
}

// ---- a crash of the client ----

/* It need not arrive, or not in the end. */
static inline bool may_end_otherwise(const entry *e)
{
    return e->qos == 0 || e->excused || e->refused || e->expires || e->large;
}

/* `kept`: on disk. What was not taken may be lost; what was is not. */
static inline void ledger_orphan(ledger *book, unsigned number, bool kept)
{
    entry *e = &book->up[number];
    if (!e->accepted || e->over)
        return;
    e->ghost = true;
    if (e->done > 0)
        return;
    e->orphan = true;
    if (e->taken && !kept && !may_end_otherwise(e))
        wrong(book->on, "up %u was taken and is not on disk", number);
    bool same = kept && !(e->qos == 1 && book->made > 1); // else perhaps by an older identifier
    if (same || !e->sent)
        return;
    book->ids[e->id % IDS] = 0;
    e->sent = 0;
}

/* `committed`: operations on the store. */
static inline void ledger_crash(ledger *book, uint64_t committed)
{
    book->crashes++;
    if (committed <= book->heard_at) // that there is a new session is not on disk
        book->heard = 0;
    for (unsigned i = 0; i < book->downs; i++)
        book->down[i].unsure |= !book->down[i].answered;
}

// ---- the end ----

/* Nobody hears of its end; it arrives all the same. */
static inline bool is_lost(const entry *e)
{
    return e->orphan && e->taken && !e->arrived && !may_end_otherwise(e);
}

static inline void check_orphan(ledger *book, unsigned number)
{
    const entry *e = &book->up[number];
    if (e->done)
        wrong(book->on, "up %u was ended by a client that did not publish it", number);
    if (is_lost(e) && !book->early)
        wrong(book->on, "up %u of QoS %u was promised and is lost", number, e->qos);
}

static inline void check_up(ledger *book, unsigned number)
{
    const entry *e = &book->up[number];
    bool good = e->result >= 0 && e->result < 0x80;
    if (e->done != 1)
        wrong(book->on, "up %u was ended %u times", number, e->done);
    else if (good && e->qos && !e->arrived && !e->excused)
        wrong(book->on, "up %u of QoS %u is lost", number, e->qos);
    else if (!good && e->result >= 0 && !e->refused)
        wrong(book->on, "up %u was refused by nobody", number);
    else if (e->result < 0 && e->qos && !(e->result == MQW_E_CLOSED && book->early) &&
             !(e->result == MQW_E_EXPIRED && e->expires && (!e->arrived || e->anew || e->ghost)) &&
             !(e->result == MQW_E_TOO_LARGE && e->large) && !(e->result == MQW_E_NO_MEMORY && book->starved))
        wrong(book->on, "up %u failed: %s", number, mqw_strerror(e->result));
}

static inline void ledger_check(ledger *book)
{
    for (unsigned i = 0; i < book->ups; i++)
        if (book->up[i].orphan)
            check_orphan(book, i);
        else if (book->up[i].accepted)
            check_up(book, i);
    for (unsigned i = 0; i < book->downs && !book->early; i++)
        if (book->down[i].accepted && book->down[i].qos && !book->down[i].arrived && !book->down[i].excused)
            wrong(book->on, "down %u of QoS %u is lost", i, book->down[i].qos);
}

#endif
