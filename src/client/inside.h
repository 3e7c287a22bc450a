// SPDX-License-Identifier: MIT
// The inside of a client, which its rooms share.
//
// Who calls the program: handlers of a connection, and mqw__client_turn. Never a call that the program makes:
// what such a call ends is put on a list (doomed), and the next turn tells it. So every call is legal in
// every callback, and nothing is freed but at the end of a turn.
#ifndef MQW_CLIENT_INSIDE_H
#define MQW_CLIENT_INSIDE_H

#include "client/environment.h"
#include "client/message.h"
#include "client/requests.h"
#include "client/retry.h"
#include "client/ring.h"
#include "client/routes.h"
#include "mqwire/session.h"

typedef struct mqw__responses mqw__responses; /**< response.c */
typedef struct mqw__exchange mqw__exchange;   /**< auth.c */

/** How far a client is. */
typedef enum mqw__phase {
    MQW__RESTING,    /**< No connection: it waits for `due`. */
    MQW__CONNECTING, /**< A stream is being opened, or CONNACK is waited for. */
    MQW__ACCEPTED,   /**< CONNACK 0 has come. */
    MQW__PARTING,    /**< It ends: connections and commits are waited for. */
    MQW__GONE        /**< on_close was called. */
} mqw__phase;

/** What the present server does, as its CONNACK said. */
typedef struct mqw__limits {
    uint8_t version;
    uint8_t maximum_qos;
    bool retain;
    uint32_t packet_size;
} mqw__limits;

struct mqw_client {
    mqw__environment world;
    mqw_client_handlers handlers;
    void *ctx;
    void (*taken)(mqw_client *client, void *ctx);

    // what the program chose
    mqw_packet *hello;     /**< Its CONNECT, a copy. */
    mqw_open_options open; /**< Copied, with all that it points at. */
    mqw_websocket_options websocket;
    mqw_auth *auth;

    // connecting
    mqw__retry retry;
    mqw_conn *conn;      /**< NULL: none. */
    uint64_t due;        /**< Connecting: when it took too long. Resting: when to try again. */
    mqw_packet *connack; /**< The last that accepted; NULL: none. */
    char *assigned;      /**< Client identifier that the server, or we, picked; NULL: none. */
    mqw__limits limits;
    mqw_client_failure failure; /**< The last one; its words are `words`. */
    char words[200];
    char where[128];  /**< Its address. */
    char home[128];   /**< Address of the server that accepted last. */
    uint64_t wake_at; /**< When the environment was asked to call. */
    uint64_t leave_by;
    mqw_packet *goodbye; /**< DISCONNECT with properties; NULL: none. */

    // outgoing messages
    mqw_session *session;
    mqw__messages idle;   /**< QoS 0 that waits. */
    mqw__messages unsent; /**< QoS 1 and 2 never sent. */
    mqw__fresh fresh;     /**< QoS 1 and 2 that are not on disk, or not told to be taken. */
    mqw__messages doomed; /**< Over, to be told on the next turn. */
    mqw__ring leavers;    /**< QoS 0 given to the connection whose bytes have not left. */
    mqw__message *feed;   /**< Its payload is being sent from its source; NULL: none. */
    uint64_t sequence;    /**< Of the last promise. */
    uint64_t queued_bytes;
    uint64_t idle_expiry; /**< Wall clock: the first of `idle` expires then at the earliest. */

    // requests
    mqw__requests waiting, sent;
    mqw__requests refused; /**< Over, to be told on the next turn. */
    mqw__pending pending;  /**< Those sent, by packet identifier. */
    uint64_t asked_bytes;  /**< Of those of the program. */
    mqw__subscriptions subscriptions;

    // incoming messages
    mqw__routes routes;
    mqw__responses *responses; /**< NULL until the first request. */
    mqw__exchange *exchange;   /**< Of authentication; NULL until the first. */
    mqw__ring acks[2];    /**< PUBACK and PUBREC that are owed (mqw__ack_due), in order (MQTT-4.6.0-2, -3). */
    mqw__ring comps;      /**< PUBCOMP that waits for a commit (mqw__comp_due). */
    uint8_t *stale;       /**< A bit for each QoS 2 identifier that may be of a session before; NULL: none. */
    mqw_packet *arriving; /**< PUBLISH whose payload comes in pieces; NULL: none. */
    mqw_token arriving_token;

    // the store
    mqw_store *store;
    uint8_t *prefix; /**< Of its keys; room for a number behind it. */
    size_t prefix_len;

    // counters of mqw_client_facts
    uint64_t connections, published, received, dropped;

    // numbers and flags of the above
    uint32_t connect_timeout, request_timeout;
    uint32_t max_queued, max_queued_bytes;
    uint32_t max_packet; /**< Largest that is taken. */
    uint32_t lingering;  /**< Connections that are given up and not gone yet. */
    mqw__phase phase;
    uint32_t expiry; /**< Session expiry that CONNECT asked for. */
    int broken;      /**< Result for which the next turn gives the connection up; 0: none. */
    uint32_t fed;    /**< Bytes of the feed that were sent. */
    uint32_t queued;
    uint32_t asked;          /**< Requests of the program that are not gone yet. */
    uint32_t unacknowledged; /**< Acknowledgements that the program owes. */
    uint32_t epoch;          /**< Number of the connection, in tokens and subscriptions. */
    uint32_t batch;          /**< Number of the batch of the store that is being put together (none: turn). */
    uint32_t committed;      /**< Number of the last batch on disk. */
    uint32_t commits;        /**< Commits under way. */
    int store_failed;        /**< Result of the store; 0: it works. */
    uint8_t when_full;
    bool manual_ack;
    bool clean;       /**< CONNECT asked for a clean start. */
    bool has_opened;  /**< It was connected before. */
    bool greeted;     /**< CONNECT was sent, and no CONNACK has come since. */
    bool doubtful;    /**< The session of the server may be without our subscriptions. */
    bool has_session; /**< The server keeps the session over the end of the connection. */
    bool leaving;     /**< The program has said goodbye. */
    bool hurried;     /**< … and it does not wait for what is queued. */
    bool with_will;   /**< … and wants the will to be published. */
    bool gave_up;     /**< It ends by itself: failure. */
    bool redial;      /**< mqw_client_reconnect was called. */
    bool paused;
    bool choked;         /**< The output is full: drain is waited for. */
    bool opening;        /**< on_open is being called: nothing old is sent before it returns. */
    bool was_full;       /**< on_drain is due at a quarter. */
    bool swamped;        /**< Too many acknowledgements are owed: reading rests. */
    bool arriving_again; /**< What is arriving is a duplicate: nobody hears of it. */
    bool dirty;          /**< Something was put into the batch. */
};

// --- client.c ---

/** Calls mqw__client_turn at that time at the latest; 0: on the next turn. */
void mqw__client_wake(mqw_client *client, uint64_t at);
static inline uint64_t mqw__client_now(const mqw_client *client)
{
    return client->world.now(client->world.self);
}
static inline uint64_t mqw__client_wall(const mqw_client *client)
{
    return client->world.wall(client->world.self);
}
/** It ends: `failure` NULL: the program wants it so. */
void mqw__client_part(mqw_client *client, bool gave_up);
/** For copies of packets and for sessions. */
const mqw_allocator *mqw__client_allocator(void);
static inline bool mqw__client_accepts(const mqw_client *client)
{
    return !client->leaving && client->phase < MQW__PARTING;
}

// --- settings.c ---
int mqw__settings_read(mqw_client *client, const mqw_client_options *options);
void mqw__settings_free(mqw_client *client);

// --- connect.c ---

/** The handlers of every connection of a client. */
const mqw_handlers *mqw__connect_handlers(void);

/** Begins an attempt. */
void mqw__connect_begin(mqw_client *client);
/** The connection ends for that reason of ours, with DISCONNECT if the version has a reason for it; what
 * follows is that of every lost connection. Only where the program may be called. `words` NULL: those of the
 * result. */
void mqw__client_fail(mqw_client *client, int result, const char *words);
/** The same for a server that breaks a rule that needs more than one packet to be seen. */
void mqw__client_blame(mqw_client *client, uint8_t reason, const char *words);
/** The same for a server that has not proved what it has to: with this one it is not tried again. */
void mqw__client_distrust(mqw_client *client, const char *words);
/** Says goodbye and lets go of the connection. */
void mqw__connect_part(mqw_client *client);
/** Lets go of a connection that closes by itself, with all that was under way on it. */
void mqw__connect_release(mqw_client *client);

// --- lost.c ---
typedef struct mqw__loss {
    mqw__ending ending;
    const char *words;
    const mqw_packet *packet;
    const mqw_error *error;
    bool redial; /**< It is tried again at once. */
} mqw__loss;
void mqw__client_lost(mqw_client *client, const mqw__loss *loss);

// --- backlog.c: what waits, and its bounds ---
/** Makes room for a message of that size. 0 or MQW_E_FULL. */
int mqw__backlog_admit(mqw_client *client, const mqw__message *message);
void mqw__backlog_count(mqw_client *client, mqw__message *message);
/** Counts it, and lets it wait. */
void mqw__backlog_add(mqw_client *client, mqw__message *message);
/** It is not in the queue any more; its memory stays. */
void mqw__backlog_remove(mqw_client *client, mqw__message *message);
/** A message is over and the program is told: now, or (doom) on the next turn. */
void mqw__backlog_end(mqw_client *client, mqw__message *message, int result, const mqw_packet *answer);
void mqw__backlog_doom(mqw_client *client, mqw__message *message, int result);
void mqw__backlog_tell(mqw_client *client);
/** Ends what has expired. */
void mqw__backlog_expire(mqw_client *client);
/** When to call that: a time of now(). */
uint64_t mqw__backlog_due(const mqw_client *client);
void mqw__backlog_clear(mqw_client *client, int result);

// --- outgoing.c: what is sent ---
void mqw__outgoing_pump(mqw_client *client);
/** QoS 0 straight into the output. Results as mqw_conn_publish. */
int mqw__outgoing_send_now(mqw_client *client, const mqw_publish *publish, mqw_client_done *done, void *ctx);
void mqw__outgoing_init(mqw_client *client);
/** Makes a promise of a message of QoS 1 or 2. 0 or an mqw_result. */
int mqw__outgoing_promise(mqw_client *client, mqw__message *message);
bool mqw__outgoing_is_clear(mqw_client *client);
void mqw__outgoing_answered(mqw_client *client, const mqw_packet *packet);
/** QoS 0 whose bytes have left. */
void mqw__outgoing_left(mqw_client *client);
void mqw__outgoing_drained(mqw_client *client);
void mqw__outgoing_lost(mqw_client *client);
/** CONNACK has come: `present` tells whether the server still has the session. */
void mqw__outgoing_opened(mqw_client *client, bool present);
/** Whether the output takes more now. */
bool mqw__outgoing_room(mqw_client *client);
/** The connection is given up on the next turn. */
void mqw__outgoing_break(mqw_client *client, int result);
/** What was committed may go, and the program hears that it is taken. */
void mqw__outgoing_committed(mqw_client *client);
/** Tells `done` when what is queued so far has left. False: no memory. */
bool mqw__outgoing_when_left(mqw_client *client, mqw_client_done *done, void *ctx);

// --- feed.c: payloads from a source ---
/** 0: under way or done; negative: an mqw_result of the send. */
int mqw__feed_begin(mqw_client *client, mqw__message *message, const mqw_publish *publish);
/** Goes on as far as there is room. */
void mqw__feed_go(mqw_client *client);
void mqw__feed_lost(mqw_client *client);

// --- requests.c ---
void mqw__requests_pump(mqw_client *client);
void mqw__requests_answered(mqw_client *client, const mqw_packet *packet);
void mqw__requests_lost(mqw_client *client);
void mqw__requests_tell(mqw_client *client);
/** Ends what took too long; returns the next deadline. */
uint64_t mqw__requests_due(mqw_client *client);
void mqw__requests_clear(mqw_client *client, int result);
void mqw__requests_free(mqw_client *client);
bool mqw__requests_idle(const mqw_client *client);
/** Asks again for everything that is subscribed. */
void mqw__requests_restore(mqw_client *client);

// --- delivery.c ---
void mqw__delivery_publish(mqw_client *client, const mqw_publish *publish);
void mqw__delivery_piece(mqw_client *client, const mqw_piece *piece);
void mqw__delivery_release(mqw_client *client, const mqw_ack *pubrel);
void mqw__delivery_lost(mqw_client *client);
void mqw__delivery_opened(mqw_client *client, bool present);
/** The session of the server may not be the one in which the identifiers in the inbox were taken: a PUBLISH
 * that does not say DUP is new then (MQTT-3.3.1-1). 0 or MQW_E_NO_MEMORY. */
int mqw__delivery_doubt(mqw_client *client);
/** What was committed may be acknowledged. */
void mqw__delivery_committed(mqw_client *client);
void mqw__delivery_init(mqw_client *client);
void mqw__delivery_free(mqw_client *client);

// --- durable.c ---
int mqw__durable_open(mqw_client *client);
/** Puts the record of a promise: 0 or an mqw_result. */
int mqw__durable_promise(mqw_client *client, mqw__message *message);
int mqw__durable_forget(mqw_client *client, uint64_t sequence);
int mqw__durable_received(mqw_client *client, uint16_t packet_id, bool is);
int mqw__durable_received_none(mqw_client *client);
/** What was put is to be committed on the next turn. */
void mqw__durable_wanted(mqw_client *client);
/** Asks for that commit. */
void mqw__durable_commit(mqw_client *client);
static inline bool mqw__durable_has(const mqw_client *client, uint32_t batch)
{
    return (int32_t)(client->committed - batch) >= 0;
}

#endif
