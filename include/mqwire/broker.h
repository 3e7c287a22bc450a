// SPDX-License-Identifier: MIT
/**
 * @file broker.h
 * A broker in the program's own process, on its libuv loop: the whole of MQTT 3.1, 3.1.1 and 5.0.
 *
 * It belongs to the thread of its loop, has no thread of its own, and never blocks. Every call is legal in
 * every callback, closing included: what it ends, ends on the next turn of the loop. No callback is called
 * inside a call that the program makes, but for what mqw_broker_publish does to a message: may_receive,
 * on_delivered, on_dropped. All memory that peers can cause is bounded by options; each bound has a default
 * that protects a server, and a counter in mqw_broker_status.
 *
 * Hooks see topics and filters with the mount point of the client (mqw_peer_mount).
 *
 * A client of 3.x that sets the bridge bit in CONNECT gets messages with the retain flag that they were
 * published with, and none of its own, as if it had subscribed with Retain As Published and No Local.
 *
 * Order: messages of one publisher to one topic reach a subscriber in the order in which they came, for each
 * QoS by itself (MQTT-4.6.0-5); QoS 0 does not wait for QoS 1 and 2 that may not go yet.
 *
 * With a store, what an acknowledgement promises is on disk before it leaves: PUBACK, PUBREC, PUBCOMP,
 * SUBACK, UNSUBACK and the CONNACK of a session that is kept; and so do a QoS 2 PUBLISH and a PUBREL that go
 * out.
 */
#ifndef MQWIRE_BROKER_H
#define MQWIRE_BROKER_H

#include "auth.h"
#include "store.h"
#include "transport.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A broker. */
typedef struct mqw_broker mqw_broker;
/** A client whose connection the broker serves. Valid inside the callback that was given it, and from
 * on_connect until on_disconnected has returned (of one that was not let in: until its decision). */
typedef struct mqw_peer mqw_peer;
/** A decision that is still to be made: see mqw_peer_defer. */
typedef struct mqw_ticket mqw_ticket;
/** A subscription of the program itself. */
typedef struct mqw_local mqw_local;

/* --- Limits --------------------------------------------------------------------------------------------- */

/** mqw_broker_limits.when_full: what happens when a session's queue has no room for one more message. */
enum {
    /** The oldest QoS 0 message that waits gives way; if there is none, the new one is dropped when it is QoS
     * 0, else refused as with MQW_QUEUE_REFUSE. The default. */
    MQW_QUEUE_DROP_OLDEST = 0,
    /** The message is not queued for this session, and its publisher (QoS 1 and 2, 5.0) hears 0x97 when no
     * other session has taken it. */
    MQW_QUEUE_REFUSE = 1,
    /** The client is disconnected (0x97) and its session ended. */
    MQW_QUEUE_CLOSE = 2
};

/** What one client may do. Zero is the default of every field; a hook can change them for its client. */
typedef struct mqw_broker_limits {
    size_t size;                  /**< sizeof(mqw_broker_limits); 0: the first layout. */
    uint32_t max_packet_size;     /**< Bytes of a packet that it sends; default 1 MiB. Told to 5.0 clients. */
    uint32_t max_session_expiry;  /**< Seconds that its session is kept at most; default: as it wishes.
                                     3.x without clean session wish UINT32_MAX. */
    uint32_t max_queued;          /**< QoS 1 and 2 messages that wait or are in flight, and QoS 0 that wait;
                                     default 10,000. */
    uint32_t max_queued_bytes;    /**< Bytes of topic, properties and payload of those; default 16 MiB. */
    uint32_t max_output;          /**< Bytes encoded for it that wait to be written; default 1 MiB, and one
                                     packet more. */
    uint32_t max_subscriptions;   /**< And filters in one SUBSCRIBE or UNSUBSCRIBE; default
                                     1,000. */
    uint32_t max_publish_rate;    /**< PUBLISH a second, with bursts of a second; above it the client is not
                                     read. Default: no limit. */
    uint32_t max_byte_rate;       /**< Bytes a second, in the same way. Default: no limit. */
    uint16_t max_filter_levels;   /**< Levels of a topic filter or name; default 128. */
    uint16_t receive_maximum;     /**< QoS 1 and 2 PUBLISH of it that are not acknowledged; default 1,024. */
    uint16_t max_inflight;        /**< The same towards it, when it allows for more; default 1,024. */
    uint16_t topic_alias_maximum; /**< Aliases that it may use; default 16; UINT16_MAX: none. */
    uint16_t max_keep_alive;  /**< Seconds; a longer one, or none, becomes this (Server Keep Alive). Before
                                 5.0 it holds without being told, times 1.5. Default: as it wishes. */
    uint8_t when_full;        /**< MQW_QUEUE_… */
    uint8_t max_qos;          /**< 0: the default, 2; 1: QoS 1; UINT8_MAX: QoS 0. */
    bool no_retain;           /**< Retained messages are not taken. */
    bool no_wildcards;        /**< Subscriptions with wildcards are not taken. */
    bool no_shared;           /**< Shared subscriptions are not taken. */
    bool no_subscription_ids; /**< Subscription identifiers are not taken. */
} mqw_broker_limits;

/* --- Hooks ---------------------------------------------------------------------------------------------- */

/** What a hook returns when it answers later: it has called mqw_peer_defer. */
enum { MQW_LATER = 0x100 };

/** Why a message did not reach a client that it was meant for. */
typedef enum mqw_drop {
    MQW_DROP_EXPIRED = 1,  /**< Its message expiry passed. */
    MQW_DROP_QUEUE_FULL,   /**< max_queued, max_queued_bytes: it was not taken, or gave way. */
    MQW_DROP_TOO_LARGE,    /**< The client takes no packets that large (MQTT-3.1.2-25). */
    MQW_DROP_SESSION_OVER, /**< The session ended before it was delivered. */
    MQW_DROP_REFUSED,   /**< The client refused it (PUBACK or PUBREC of 0x80 and above), or its version cannot
                           say it. */
    MQW_DROP_NO_MEMORY, /**< The bound of the broker's memory, or the system's. */
    MQW_DROP_STORE      /**< It could not be stored. */
} mqw_drop;

/** mqw_broker_hooks.on_log */
enum { MQW_LOG_ERROR = 0, MQW_LOG_WARNING = 1, MQW_LOG_NOTICE = 2, MQW_LOG_DEBUG = 3 };

/**
 * The program's say, and its ears. Any may be NULL. Hooks that decide return 0 (yes), a reason code of 0x80
 * and above (no), or MQW_LATER. Texts and packets live until the hook returns.
 */
typedef struct mqw_broker_hooks {
    size_t size; /**< sizeof(mqw_broker_hooks); 0: the first layout. */
    /**
     * May this client connect? NULL: everybody may. Asked once what the standard asks of CONNECT is right and
     * enhanced authentication has succeeded. It may change mqw_peer_limits and call mqw_peer_mount and
     * mqw_peer_rename. A refusal is sent in CONNACK (downgraded for 3.x).
     */
    int (*on_connect)(mqw_broker *broker, mqw_peer *peer, const mqw_connect *connect, void *ctx);
    /**
     * Gives the method of an enhanced authentication (section 4.12): fills in *out, which the broker ends
     * with mqw_auth_free. 0, or a reason code (0x8C: no such method). NULL: there is none. Asked again for
     * each re-authentication. */
    int (*on_auth)(mqw_broker *broker, mqw_peer *peer, mqw_text method, mqw_auth *out, void *ctx);
    /** May it publish this? The hook may change topic, payload, qos, retain and properties: views that live
     * until it returns; a change is not checked against no_retain and max_qos. Wills are asked about when
     * they are published, `peer` is NULL then. A refusal is the reason of PUBACK or PUBREC; before 5.0 and
     * with QoS 0 the message is dropped in silence. 0x10 is yes too. */
    int (*on_publish)(mqw_broker *broker, mqw_peer *peer, mqw_publish *publish, void *ctx);
    /** May it subscribe to this? The hook may lower item->qos. A refusal is the reason in SUBACK. */
    int (*on_subscribe)(mqw_broker *broker, mqw_peer *peer, mqw_filter *item, void *ctx);
    /** May it be given this message? Asked when it is about to leave for a client that is connected (QoS 1
     * and 2: the first time); no MQW_LATER. No: it is dropped (MQW_DROP_REFUSED). NULL: all that it has
     * subscribed to. */
    bool (*may_receive)(mqw_broker *broker, mqw_peer *peer, mqw_text topic, void *ctx);

    /** It was let in. */
    void (*on_connected)(mqw_broker *broker, mqw_peer *peer, bool session_present, void *ctx);
    /** It is gone. `reason`: that of its DISCONNECT or ours, 0x8E when another has taken its session over, or
     * what came nearest; `words`: a sentence for people. Only after on_connected. */
    void (*on_disconnected)(mqw_broker *broker, mqw_peer *peer, uint8_t reason, const char *words, void *ctx);
    /** One that was not let in: `peer` may have no client identifier yet. */
    void (*on_refused)(mqw_broker *broker, mqw_peer *peer, uint8_t reason, const char *words, void *ctx);
    /** It has subscribed: item->qos is what was granted. */
    void (*on_subscribed)(mqw_broker *broker, mqw_peer *peer, const mqw_filter *item, void *ctx);
    /** It has unsubscribed. */
    void (*on_unsubscribed)(mqw_broker *broker, mqw_peer *peer, mqw_text filter, void *ctx);
    /** A message was taken from a client (`peer` NULL: a will, or the program's own). */
    void (*on_published)(mqw_broker *broker, mqw_peer *peer, const mqw_publish *publish, void *ctx);
    /** A message was delivered: queued with QoS 0, acknowledged with QoS 1 and 2. */
    void (*on_delivered)(mqw_broker *broker, mqw_text client_id, const mqw_publish *publish, void *ctx);
    /** A message was not delivered to a client. */
    void (*on_dropped)(mqw_broker *broker, mqw_text client_id, const mqw_publish *publish, mqw_drop why,
                       void *ctx);
    /** Something that whoever runs the broker should know, in words; never a password or a payload. */
    void (*on_log)(mqw_broker *broker, int level, const char *words, void *ctx);
} mqw_broker_hooks;

/* --- Options -------------------------------------------------------------------------------------------- */

/** Zero is the default of every field. What is pointed at is copied unless it says otherwise. */
typedef struct mqw_broker_options {
    size_t size;              /**< sizeof(mqw_broker_options); 0: the first layout. */
    mqw_broker_limits limits; /**< Of each client. */
    mqw_broker_hooks hooks;   /**< What the program decides and hears. */
    void *ctx;                /**< For the hooks. */
    /** Where sessions, their messages, retained messages and wills are kept: not owned, must outlive the
     * broker. Keys of the broker begin with `b`. What is in it is restored by mqw_broker_open. NULL: in
     * memory, gone with the broker. */
    mqw_store *store;
    mqw_policy policy;         /**< What to do with broken rules; `{0}`: the standard. */
    uint32_t max_connections;  /**< Default 100,000; more are closed at once. */
    uint32_t max_per_address;  /**< From one address; default: no limit. Unix sockets have none. */
    uint32_t max_connect_rate; /**< Accepted a second, with bursts of a second; more wait in the backlog.
                                  Default: no limit. */
    uint32_t max_sessions;     /**< Kept, connected or not; default 1,000,000. Above it CONNECT is refused
                                  (0x97). */
    uint32_t max_retained;     /**< Messages; default 1,000,000. Above it a new one is delivered and not
                                  retained, and its publisher hears 0x97. */
    /** Bytes of messages, sessions, subscriptions and what else a broker keeps, all together; and, by itself,
     * of what its connections hold: output, packets that are unfinished. Default 1 GiB each. Above it new
     * messages are refused as with a full queue. */
    uint64_t max_memory;
    uint32_t connect_timeout;  /**< Milliseconds for CONNECT to come; default 10 s. */
    uint32_t max_first_packet; /**< Bytes of a packet before a client was let in; default 64 KiB. */
    uint32_t auth_timeout;     /**< Milliseconds for an enhanced authentication; default 30 s. */
    uint32_t decide_timeout;   /**< Milliseconds for a decision that was deferred; then it is no (0x88, 0x87).
                                  Default 30 s. */
    int32_t status_interval;   /**< Seconds between the updates of $SYS; default 10; negative: no $SYS. */
    mqw_text response_information;  /**< Told to 5.0 clients that ask; empty: nothing. */
    mqw_text server_reference;      /**< Told when the broker closes; empty: nothing. */
    const mqw_allocator *allocator; /**< Copied; NULL: malloc. Streams use malloc. */
} mqw_broker_options;

/** Opens a broker, which listens nowhere yet. `options` NULL: all defaults. 0 with *out, MQW_E_MISUSE,
 * MQW_E_NO_MEMORY, or MQW_E_STREAM: the store could not be read; MQW_E_MALFORMED: what is in it is damaged
 * (on_log says what); it is left as it is. */
MQW_API int mqw_broker_open(mqw_broker **out, uv_loop_t *loop, const mqw_broker_options *options);
/**
 * Listens on an address, as mqw_server_listen; any number of times. `options`: TLS, WebSocket, PROXY protocol
 * and the listener's own; `conn` and `config` in it are the broker's. NULL: defaults. Results as
 * mqw_server_listen.
 */
MQW_API int mqw_broker_listen(mqw_broker *broker, const char *address, const mqw_open_options *options);
/** The address of listener `index`, in the order of the calls; see mqw_server_address. */
MQW_API int mqw_broker_address(const mqw_broker *broker, int index, char *out, size_t cap);
/** Serves a connection that the program has made: piped, of role server. `connect`: a CONNECT that it has
 * received and the program has taken, which is answered on the next turn of the loop; NULL: none was received
 * yet. Its configuration stays its own. 0,
 * MQW_E_MISUSE, MQW_E_CLOSED, MQW_E_FULL (max_connections) or MQW_E_NO_MEMORY: it is then still the caller's.
 */
MQW_API int mqw_broker_connect_conn(mqw_broker *broker, mqw_conn *conn, const mqw_connect *connect);
/** Serves the other end of a stream in memory, which costs no socket: pipe a connection of role client onto
 * *out, or give it to a client (mqw_client_options.stream). Results as mqw_broker_connect_conn. */
MQW_API int mqw_broker_connect_stream(mqw_broker *broker, mqw_stream **out);
/**
 * Closes: stops listening; ends each connection (0x8B in 5.0) once what was promised to it is on disk;
 * publishes the wills that the standard asks for; keeps sessions in the store. `on_closed` (may be NULL) is
 * called once, when all is over and the last commit told; the broker is freed after it. Tickets stay to be
 * decided, without effect. */
MQW_API void mqw_broker_close(mqw_broker *broker, void (*on_closed)(mqw_broker *broker, void *ctx),
                              void *ctx);

/* --- The program's own messages ------------------------------------------------------------------------- */

/** Publishes, as a client would: retained, expiring, to local subscriptions too. packet_id and dup of
 * *publish are ignored; hooks are not asked. Topics that begin with `$` are allowed. 0, MQW_E_MISUSE (bad
 * topic or property, an alias), MQW_E_FULL (nobody could take it; max_memory; in may_receive, on_delivered or
 * on_dropped: for a message that was itself published in one of them), MQW_E_CLOSED, MQW_E_NO_MEMORY. */
MQW_API int mqw_broker_publish(mqw_broker *broker, const mqw_publish *publish);
/** A message for a subscription of the program. `from`: client identifier of its publisher; empty: a will or
 * the program's own. Called by the loop. */
typedef void mqw_local_handler(mqw_broker *broker, const mqw_publish *publish, mqw_text from, void *ctx);
/** Subscribes within the program; shared subscriptions too. Retained messages come first, as
 * item->retain_handling says. It ends with mqw_broker_unsubscribe or the broker. 0 with *out (may be NULL),
 * MQW_E_MISUSE (bad filter), MQW_E_CLOSED or MQW_E_NO_MEMORY. */
MQW_API int mqw_broker_subscribe(mqw_broker *broker, const mqw_filter *item, mqw_local_handler *handler,
                                 void *ctx, mqw_local **out);
/** Ends it; its handler is not called any more. NULL is fine. */
MQW_API void mqw_broker_unsubscribe(mqw_local *local);

/* --- Peers ---------------------------------------------------------------------------------------------- */

/** The client with this identifier that is connected; NULL: none. */
MQW_API mqw_peer *mqw_broker_find(mqw_broker *broker, mqw_text client_id);
/** The next of all peers that are let in, in no order; `after` NULL: the first. */
MQW_API mqw_peer *mqw_broker_each(mqw_broker *broker, mqw_peer *after);
/** Ends a client's connection: DISCONNECT with `reason` (0x98 …) in 5.0. `session`: and its session.
 * MQW_E_REFUSED: there is neither. */
MQW_API int mqw_broker_kick(mqw_broker *broker, mqw_text client_id, uint8_t reason, bool session);

/** Its client identifier; empty before it is known. */
MQW_API mqw_text mqw_peer_id(const mqw_peer *peer);
/** Its user name; empty: none. */
MQW_API mqw_text mqw_peer_user_name(const mqw_peer *peer);
/** Its connection: for facts (mqw_conn_stream, mqw_conn_version …), not for sending. */
MQW_API mqw_conn *mqw_peer_conn(const mqw_peer *peer);
/** Its authentication, when there is one; see mqw_scram_user. NULL: none. */
MQW_API const mqw_auth *mqw_peer_auth(const mqw_peer *peer);
/** Its limits: to be changed in on_connect, or before that was decided. NULL: no memory for its own. */
MQW_API mqw_broker_limits *mqw_peer_limits(mqw_peer *peer);
/** Its mount point, in on_connect or before that was decided: a prefix of all topics and filters, which it
 * neither sees nor leaves. Ends with `/`, or is empty; without wildcards. 0, MQW_E_MISUSE or MQW_E_NO_MEMORY.
 */
MQW_API int mqw_peer_mount(mqw_peer *peer, mqw_text prefix);
/** Gives it another client identifier, in on_connect or before that was decided; 5.0 clients are told when
 * they had none. 0, MQW_E_MISUSE or MQW_E_NO_MEMORY. */
MQW_API int mqw_peer_rename(mqw_peer *peer, mqw_text client_id);
/** Sets a pointer of the program's. */
MQW_API void mqw_peer_set_user(mqw_peer *peer, void *user);
/** That pointer; NULL until it is set. */
MQW_API void *mqw_peer_user(const mqw_peer *peer);

/** In a hook that decides: it will be decided later. The peer is not read meanwhile. NULL: no memory; else
 * return MQW_LATER, and call mqw_peer_decide once, whatever has become of the peer. */
MQW_API mqw_ticket *mqw_peer_defer(mqw_peer *peer);
/** The PUBLISH that waits for this decision, a copy that may be changed as in on_publish (what it then points
 * at must live until mqw_peer_decide has returned); NULL: another question, or nobody waits any more. */
MQW_API mqw_publish *mqw_ticket_publish(mqw_ticket *ticket);
/** The peer that waits; NULL: it is gone, or its time is over. */
MQW_API mqw_peer *mqw_ticket_peer(const mqw_ticket *ticket);
/** Decides: 0 or a reason code, as the hook would have. `props` (may be NULL): reason string, user properties
 * and server reference for the answer in 5.0. Frees the ticket; the peer goes on on the next turn of the
 * loop. Any time, the broker's end included. */
MQW_API void mqw_peer_decide(mqw_ticket *ticket, uint8_t reason, const mqw_props *props);

/* --- Status --------------------------------------------------------------------------------------------- */

/** Counters and gauges of a broker, one row each: field, its topic below `$SYS/broker/`, and what it is. */
#define MQW_BROKER_STATUS(X)                                                                             \
    X(uptime, "uptime", "Seconds since it was opened.")                                                  \
    X(clients_connected, "clients/connected", "Clients connected now.")                                  \
    X(clients_disconnected, "clients/disconnected", "Sessions kept without a connection.")               \
    X(clients_total, "clients/total", "Sessions, connected or not.")                                     \
    X(clients_maximum, "clients/maximum", "Most clients connected at a time.")                           \
    X(clients_expired, "clients/expired", "Sessions whose time has passed.")                             \
    X(connections, "connections/now", "Connections, those without CONNECT yet included.")                \
    X(connections_accepted, "connections/accepted", "Connections accepted.")                             \
    X(connections_refused, "connections/refused", "Connections closed for a limit, before CONNECT.")     \
    X(connects_refused, "connects/refused", "CONNECT answered with a refusal.")                          \
    X(bytes_received, "bytes/received", "Bytes of packets received.")                                    \
    X(bytes_sent, "bytes/sent", "Bytes of packets sent.")                                                \
    X(packets_received, "messages/received", "Packets received, of any type.")                           \
    X(packets_sent, "messages/sent", "Packets sent, of any type.")                                       \
    X(publish_received, "publish/messages/received", "PUBLISH received.")                                \
    X(publish_sent, "publish/messages/sent", "PUBLISH sent.")                                            \
    X(publish_refused, "publish/messages/refused", "PUBLISH refused.")                                   \
    X(dropped_expired, "publish/messages/dropped/expired", "Deliveries dropped: message expiry.")        \
    X(dropped_full, "publish/messages/dropped/full", "Deliveries dropped: the queue of a session.")      \
    X(dropped_too_large, "publish/messages/dropped/too_large",                                           \
      "Deliveries dropped: larger than its client takes.")                                               \
    X(dropped_session, "publish/messages/dropped/session", "Deliveries dropped: the session ended.")     \
    X(dropped_refused, "publish/messages/dropped/refused", "Deliveries that the client refused.")        \
    X(dropped_memory, "publish/messages/dropped/memory", "Deliveries dropped: memory.")                  \
    X(dropped_store, "publish/messages/dropped/store", "Deliveries dropped: the store.")                 \
    X(subscriptions, "subscriptions/count", "Subscriptions.")                                            \
    X(shared_subscriptions, "shared_subscriptions/count", "Groups of shared subscriptions.")             \
    X(retained, "retained messages/count", "Retained messages.")                                         \
    X(messages_stored, "store/messages/count", "Messages held: retained, queued, in flight.")            \
    X(messages_bytes, "store/messages/bytes", "Their bytes.")                                            \
    X(queued, "queued/count", "QoS 1 and 2 deliveries that wait or are in flight, and QoS 0 that wait.") \
    X(queued_bytes, "queued/bytes", "Their bytes, each delivery by itself.")                             \
    X(inflight, "inflight/count", "QoS 1 and 2 deliveries sent and not acknowledged.")                   \
    X(wills, "wills/delayed", "Wills whose delay runs.")                                                 \
    X(decisions, "decisions/waiting", "Decisions that hooks have deferred.")                             \
    X(memory, "memory/now", "Bytes that count towards max_memory.")                                      \
    X(memory_maximum, "memory/maximum", "Most of them at a time.")                                       \
    X(paused, "clients/paused", "Clients that are not read because of a rate.")                          \
    X(commits, "store/commits", "Commits of the store that were waited for.")                            \
    X(store_failures, "store/failures", "Failures of the store.")

/** A snapshot. */
typedef struct mqw_broker_status {
    size_t size; /**< Set it to sizeof(mqw_broker_status) before the call; 0: the first layout. */
#define X(field, topic, text) uint64_t field; /**< See MQW_BROKER_STATUS. */
    MQW_BROKER_STATUS(X)
#undef X
} mqw_broker_status;

/** Fills in all counters, as of now. */
MQW_API void mqw_broker_status_of(const mqw_broker *broker, mqw_broker_status *out);

#ifdef __cplusplus
}
#endif
#endif
