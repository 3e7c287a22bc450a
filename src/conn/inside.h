// SPDX-License-Identifier: MIT
// The inside of a connection, shared by the files of this room.
#ifndef MQW_CONN_INSIDE_H
#define MQW_CONN_INSIDE_H

#include "base/alloc.h"
#include "mqwire/conn.h"
#include "wire/codec.h"

#define MQW__COLD  __attribute__((cold, noinline))
#define MQW__APART __attribute__((noinline)) /* keeps a short way short */

/* A stretch of output: bytes that wait in it, or bytes of somebody else's that it refers to. */
typedef struct mqw__chunk {
    struct mqw__chunk *next;
    mqw_shared *shared; /* NULL: the bytes are in data */
    uint32_t begin, end, cap;
    uint32_t packets; /* that end in it */
    uint8_t data[];
} mqw__chunk;

enum { MQW__CHUNK_SIZE = 4096, MQW__CHUNK_ROOM = MQW__CHUNK_SIZE - (int)sizeof(mqw__chunk) };

/* Bytes that wait to leave, in order. They never move. */
typedef struct mqw__queue {
    mqw__chunk *first, *last;
    uint32_t bytes, packets;
} mqw__queue;

/* What connections share. The counters in it are the only thing that changes. */
struct mqw_config {
    uint32_t refs;
    uint32_t spares;
    mqw__chunk *spare;
    uint64_t held; /* bytes of output, unfinished packets, aliases and texts, all connections together */
    mqw_allocator allocator;
    mqw_conn_options options; /* defaults filled in */
    uint32_t whole;           /* Remaining Length up to which a packet is never given in pieces */
    bool hooked;              /* tap or answers are on */
    const mqw_policy *policy; /* NULL: the standard, nothing else */
    mqw_handlers handlers;
};

/* What one side takes: the client says it in CONNECT, the server in CONNACK. */
typedef struct mqw__side {
    uint32_t max_packet;
    uint16_t receive_maximum;
    uint16_t in_flight; /* QoS 1 and 2 PUBLISH to this side that it has not acknowledged */
    uint16_t alias_maximum;
} mqw__side;

/* What CONNECT and CONNACK said that matters later. */
enum {
    MQW__CLEAN_START = 0x0001,
    MQW__EMPTY_ID = 0x0002,
    MQW__NO_EXPIRY = 0x0004,
    MQW__NO_PROBLEM_INFO = 0x0008,
    MQW__RESPONSE_INFO = 0x0010,
    MQW__AUTH_METHOD = 0x0020,
    MQW__NO_RETAIN = 0x0040,
    MQW__NO_WILDCARDS = 0x0080,
    MQW__NO_SHARED = 0x0100,
    MQW__NO_SUBSCRIPTION_IDS = 0x0200,
    MQW__MAX_QOS_0 = 0x0400,
    MQW__MAX_QOS_1 = 0x0800,
    MQW__AGREED = 0x0FFF
};

/* Where a connection itself stands. */
enum {
    MQW__FAULTED = 0x0001,    /* the peer's fault ended it */
    MQW__FAULT_TOLD = 0x0002, /* the error handler has heard of it */
    MQW__DEAF = 0x0004,       /* what still comes is thrown away: we ended it, or nobody knows its version */
    MQW__PEER_ENDED = 0x0008, /* the peer sent DISCONNECT or a refusal: sends are closed */
    MQW__SHUT = 0x0010,       /* the program closes */
    MQW__PAUSED = 0x0020,
    MQW__IN_STASH = 0x0040,   /* the packet given last lies in the stash */
    MQW__STREAM_IN = 0x0080,  /* pieces of a payload are coming */
    MQW__STREAM_OUT = 0x0100, /* pieces of a payload are being sent */
    MQW__ABOVE_HIGH = 0x0200,
    MQW__DRAINED = 0x0400, /* the drain handler is due */
    MQW__MISUSED = 0x0800, /* the error handler is due to hear of misuse */
    MQW__OWN_HANDLERS = 0x1000,
    MQW__FREED = 0x2000,    /* inside dispatch, or linked: free it afterwards */
    MQW__PING_OUT = 0x4000, /* a PINGREQ waits for an answer */
    MQW__ACK_DUE = 0x8000   /* an acknowledgement is due once the program has had the packet */
};

/* While one of these is set recv takes the long way. */
#define MQW__RECV_SLOW \
    (MQW__FAULTED | MQW__DEAF | MQW__SHUT | MQW__PAUSED | MQW__IN_STASH | MQW__STREAM_IN | MQW__ACK_DUE)

/* A fault, a refusal or a misuse, without the room that mqw_error takes. */
typedef struct mqw__blame {
    int8_t code;
    uint8_t rule, reason;
    uint8_t type : 4, version : 4;
} mqw__blame;

/* The topics that aliases stand for: incoming (data[alias - 1]), or outgoing by recency. */
typedef struct mqw__alias {
    char *data;
    uint32_t used; /* outgoing: when it was used last */
    uint16_t len;
    bool said; /* the peer has heard of it, though we keep no topic */
} mqw__alias;

typedef struct mqw__aliases {
    mqw__alias *rows;
    uint32_t count; /* rows that there are */
    uint32_t clock;
} mqw__aliases;

/* What few connections need: made when it is. */
typedef struct mqw__extra {
    mqw__aliases alias_in, alias_out;
    char *auth_method;
    uint32_t auth_method_len;
    uint32_t in_total, in_left; /* payload that comes in pieces */
    uint32_t out_left;          /* payload that goes in pieces */
    uint32_t holding;           /* bytes that layers below hold */
    uint16_t in_packet_id;
    uint8_t in_qos;
    uint8_t encoding;
    uint8_t carry_len, carry[4]; /* an encoded character cut in two between pieces */
    mqw__queue later;            /* packets behind a payload that goes in pieces */
    char *text;                  /* what mqw_text_of made last */
    size_t text_cap;
    uint64_t fault_offset;
    const char *fault_field, *refusal_field;
    mqw__blame misuse;
    const char *misuse_field;
} mqw__extra;

/* An unfinished packet, or the one given last. */
typedef struct mqw__stash {
    uint32_t len, cap;
    uint8_t data[];
} mqw__stash;

struct mqw_conn {
    mqw_config *config;
    const mqw_handlers *handlers;
    void *ctx;
    void *user;
    void *link;
    void (*on_output)(mqw_conn *, void *);
    mqw__queue output;
    mqw__stash *stash; /* NULL: empty */
    uint64_t now;
    uint32_t last_received, last_sent, pinged; /* low halves of `now` */
    uint32_t partial;                          /* bytes of an unfinished packet since last_received */
    uint64_t bytes_received, packets_received, bytes_queued, packets_queued;
    mqw__side ours, theirs;
    mqw__extra *extra;
    uint16_t keep_alive;
    uint16_t agreed : 12;  /* MQW__CLEAN_START … */
    uint16_t ack_type : 4; /* what is due with MQW__ACK_DUE */
    uint16_t ack_id;
    uint16_t flags;   /* MQW__FAULTED … */
    mqw__blame blame; /* the fault, or else the last refusal */
    uint8_t role, version, state;
    uint8_t depth : 7; /* dispatches under way */
    uint8_t timed : 1; /* mqw_conn_clock was called */
};

/* conn.c */
void mqw__text_free(mqw_config *config, mqw__extra *extra); /* what mqw_text_of made */
mqw__extra *mqw__conn_extra(mqw_conn *conn);                /* NULL: no memory */
int mqw__conn_fault(mqw_conn *conn, const mqw_error *error);
/* The same for a rule that was broken; `code` 0: the one that belongs to the rule. */
int mqw__conn_fault_in(mqw_conn *conn, mqw_rule rule, int code, unsigned type, uint64_t offset,
                       const char *field);
int mqw__conn_fault_by_rule(mqw_conn *conn, mqw_rule rule, int code);
void mqw__conn_destroy(mqw_conn *conn);
void mqw__blame_explain(mqw__blame blame, mqw_error *out);

static inline mqw_role mqw__conn_peer(const mqw_conn *conn)
{
    static const uint8_t peer[] = {MQW_ANY, MQW_SERVER, MQW_CLIENT};
    return (mqw_role)peer[conn->role];
}

/* What a packet of that sender goes to: the other side. */
static inline const mqw__side *mqw__conn_acceptor(const mqw_conn *conn, mqw_role sender)
{
    return (uint8_t)sender == conn->role ? &conn->theirs : &conn->ours;
}

/* config.c */
bool mqw__config_hold(mqw_config *config, size_t bytes); /* false: max_total would be passed */
void mqw__handlers_copy(mqw_handlers *to, const mqw_handlers *from);
static inline void mqw__config_let_go(mqw_config *config, size_t bytes)
{
    config->held -= bytes;
}

/* stash.c */
static inline uint32_t mqw__stash_len(const mqw_conn *conn)
{
    return conn->stash ? conn->stash->len : 0;
}
static inline mqw_bytes mqw__stash_bytes(const mqw_conn *conn)
{
    return conn->stash ? (mqw_bytes){conn->stash->data, conn->stash->len} : (mqw_bytes){NULL, 0};
}
void mqw__stash_clear(mqw_conn *conn);
/* Moves bytes from `in` until the stash holds `want` of a packet of `total`. 1: it does; 0: not yet;
 * negative: fault. */
int mqw__stash_up_to(mqw_conn *conn, mqw_bytes *in, uint32_t want, uint32_t total);

/* input.c */
/* How much of the packet must be in the stash before something can be made of it; sets *head when its payload
 * is to come in pieces. Negative: fault. */
int64_t mqw__input_wanted(const mqw_conn *conn, const mqw__header *header, uint32_t *head);

/* send.c */
/* Queues a packet. `body`: the member of mqw_packet for the type. `shared`: its payload, or NULL. `typed`:
 * broken field rules are the program's own doing. */
int mqw__conn_queue(mqw_conn *conn, int type, const void *body, mqw_shared *shared, bool typed);
/* Queues what a peer has to hear at the end, without any trial. */
int mqw__conn_reply(mqw_conn *conn, int type, const void *body);

/* trial.c */
/* Remembers why a call is refused; returns its result. */
int mqw__conn_refuse(mqw_conn *conn, int code, int rule, int type, const char *field);

#endif
