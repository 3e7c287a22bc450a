// SPDX-License-Identifier: MIT
/**
 * @file client.h
 * A client on the program's libuv loop: it connects, comes back after failures, keeps the session, and
 * delivers.
 *
 * It belongs to the thread of its loop (mqw_client_post apart), has no thread, and never blocks. Every call
 * is legal in every callback, closing included. Every request that was accepted ends in exactly one call of
 * its completion, never inside the call that made it. All memory that it holds is bounded by options, but for
 * what the program sets up: routes, and subscriptions that were granted. Without memory a call is refused, or
 * the connection is lost with MQW_E_NO_MEMORY and made anew.
 *
 * Order: messages leave in the order in which they were published, whatever their QoS, but QoS 0 does not
 * wait for QoS 1 and 2 that may not go yet (receive maximum, a commit of the store). SUBSCRIBE and
 * UNSUBSCRIBE leave before messages that wait.
 *
 * When a server has lost the session (section 4.1; session_present is false), no message is lost with it:
 * what was sent and not answered is sent again as new, without DUP, in the same order; QoS 2 messages whose
 * PUBREC came are over; subscriptions are restored. So QoS 2 is exactly once as long as the server keeps the
 * session: in 5.0 set session_expiry in options.connect, before it do not ask for a clean session.
 */
#ifndef MQWIRE_CLIENT_H
#define MQWIRE_CLIENT_H

#include "auth.h"
#include "store.h"
#include "transport.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A client. */
typedef struct mqw_client mqw_client;

/**
 * A request is over. `result`: 0 to 255 a reason code (QoS of a subscription included: 0, 1, 2; 0x80 and
 * above: refused by the server; of several filters or topics: the first that was refused, else the first;
 * of QoS 2 the reason of PUBREC: a PUBCOMP of 0x92 is no error, section 3.7.2.1); negative: an mqw_result:
 * MQW_E_CLOSED (the client was closed first, or the connection was lost before QoS 0 had left it),
 * MQW_E_TIMEOUT (no SUBACK or UNSUBACK; the server may have done it), MQW_E_EXPIRED (its message expiry
 * passed before it was sent), MQW_E_FULL (it gave way in the queue), MQW_E_REFUSED (the server to which it
 * was to be sent does not do it: QoS, retain, wildcards …), MQW_E_TOO_LARGE (for that server), MQW_E_STREAM
 * (the store or the source failed), MQW_E_NO_MEMORY. `answer`: PUBACK, PUBREC, PUBCOMP, SUBACK or UNSUBACK,
 * valid until it returns; NULL with QoS 0 and when there was none.
 */
typedef void mqw_client_done(mqw_client *client, int result, const mqw_packet *answer, void *ctx);

/** Names a message that the program is to acknowledge (options.manual_ack); 0: it is not. */
typedef uint64_t mqw_token;
/** A message has come. Its views live until it returns. With publish->payload_left the payload follows in
 * pieces (on_piece). */
typedef void mqw_message_handler(mqw_client *client, const mqw_publish *publish, mqw_token token, void *ctx);

/** mqw_client_options.when_full */
enum {
    MQW_FULL_REFUSE = 0,      /**< The call returns MQW_E_FULL. */
    MQW_FULL_DROP_OLDEST = 1, /**< The oldest that was never sent gives way; if there is none, refused. */
    MQW_FULL_DROP_NEWEST_QOS0 =
        2 /**< A QoS 0 message gives way: the one that is being queued (the call
             returns MQW_E_FULL), else the newest waiting; if there is none, refused. */
};

/** Why a connection ended or was not made. */
typedef struct mqw_client_failure {
    int result;               /**< An mqw_result; 0: an answer of the server (reason). */
    uint8_t reason;           /**< CONNACK or DISCONNECT that came; 0: none. */
    const char *words;        /**< A sentence for people. Lives until the handler returns. */
    const char *address;      /**< The server. */
    const mqw_packet *packet; /**< That CONNACK or DISCONNECT; NULL: none. */
    const mqw_error *error;   /**< A rule that was broken; NULL: none. */
    uint32_t attempts;        /**< Failures in a row. */
    int64_t retry_in;         /**< Milliseconds; negative: it will not try again, on_close follows. */
} mqw_client_failure;

/** Hears of the client. Any may be NULL. */
typedef struct mqw_client_handlers {
    size_t size; /**< sizeof(mqw_client_handlers); 0: the first layout. */
    /** About to send CONNECT: may change *connect (a fresh password, another will), but not its version. What
     * it points at must live until the next callback. */
    void (*on_connect)(mqw_client *client, mqw_connect *connect, void *ctx);
    /** Connected: each time, before anything that waits is sent. connack->session_present tells whether the
     * server kept the session. What is subscribed to here is not restored a second time. */
    void (*on_open)(mqw_client *client, const mqw_connack *connack, void *ctx);
    /** Messages that no route takes (mqw_client_route). */
    mqw_message_handler *on_message;
    /** A piece of the payload of the message that came last (options.open->conn->stream_over). Its last one
     * has piece->left 0. `publish` is the message without payload. A connection that is lost in between gives
     * a last call with piece NULL; with QoS above 0 the message comes again from its start. */
    void (*on_piece)(mqw_client *client, const mqw_publish *publish, const mqw_piece *piece, mqw_token token,
                     void *ctx);
    /** The connection is gone, or an attempt has failed. */
    void (*on_lost)(mqw_client *client, const mqw_client_failure *failure, void *ctx);
    /** A subscription of before could not be restored: reason code of SUBACK, or an mqw_result. It is
     * forgotten. */
    void (*on_unsubscribed)(mqw_client *client, mqw_text filter, int result, void *ctx);
    /** The queue was full or above its half and has fallen to a quarter. */
    void (*on_drain)(mqw_client *client, void *ctx);
    /** Once, last: closed by the program (failure NULL), or given up. All completions were called before. The
     * client is freed after it. */
    void (*on_close)(mqw_client *client, const mqw_client_failure *failure, void *ctx);
} mqw_client_handlers;

/** Zero is the default of every field. Times are milliseconds. What is pointed at is copied unless it says
 * otherwise. */
typedef struct mqw_client_options {
    size_t size; /**< sizeof(mqw_client_options); 0: the first layout. */
    /** Servers, separated by spaces or commas, tried in turn: as for mqw_conn_open, with `user:password@`
     * before the host if wanted, %-encoded, which go before those of `connect`. NULL: localhost. */
    const char *address;
    /**
     * What to say first: client identifier, user name, will, keep alive, clean start, properties. NULL: clean
     * start, no identifier, keep alive 60 s. `version` 0: 5.0, falling back to 3.1.1 and 3.1 when the server
     * answers that it does not know the level; 5, 4, 3: only that.
     *
     * 5.0: clean_start counts for the first connection; later ones go on with the session, unless the server
     * ends it with the connection (session_expiry 0 or absent). false at first takes up a session that an
     * earlier program has left. maximum_packet_size (options.open->conn->max_packet_size) and
     * topic_alias_maximum 16 are added when they are not there. An identifier that the server assigns is used
     * again.
     * Before 5.0: clean_start is clean session, each time as it stands here; properties are left out; without
     * an identifier it is a clean session, and 3.1 gets one made up.
     */
    const mqw_connect *connect;
    /** Streams and connections: TLS, WebSocket, proxy, timeouts, policy, tap. `conn` in it may be set;
     * max_packet_size is 64 MiB by default; version, answers, aliases, on_misuse, connect_timeout, high and
     * low water and handlers in it are the client's. `config` is ignored: a client has its own. */
    const mqw_open_options *open;
    mqw_client_handlers handlers; /**< Copied. */
    void *ctx;                    /**< For the handlers. */
    /** Where the session is kept; not owned, must outlive the client. Needs a client identifier of at most
     * 1,012 bytes, and clean_start false to go on where an earlier program has stopped. Then QoS 2 leaves,
     * and received messages are acknowledged, after the commit of what they need; what a message handler puts
     * into the store (mqw_store_put) is in the same commit. Keys of the client begin with `c` and a byte
     * below 4: the program takes others. Messages of an earlier program may have been sent: they do not
     * expire any more, and are sent with what is left of their time, a second at least. A store that fails
     * ends the client. NULL: in memory. */
    mqw_store *store;
    mqw_auth *auth;           /**< Enhanced authentication; not owned, must outlive the client. NULL: none. */
    uint32_t connect_timeout; /**< From opening until CONNACK; default 30 s. */
    uint32_t
        retry_min; /**< Back-off begins with a random time up to this (full jitter, doubling); default 1 s. */
    uint32_t retry_max;    /**< … and ends here; default 60 s. */
    uint32_t stable;       /**< Connected for so long: back-off begins anew; default 10 s. */
    uint32_t max_attempts; /**< Failures in a row after which it gives up; 0: never. 1: no reconnecting at all
                              before the first success. */
    bool once;             /**< Gives up when the first connection is lost. */
    bool follow_reference; /**< Goes where a 5.0 server's reference points (0x9C, 0x9D). */
    /** Goes on after refusals that will not change by waiting (bad user name or password, not authorized,
     * banned, bad identifier …); else gives up. */
    bool stubborn;
    bool manual_ack; /**< The program acknowledges with mqw_client_ack; else when the handler has returned. */
    bool no_aliases; /**< Sends no topic aliases of its own. */
    uint8_t when_full; /**< MQW_FULL_… */
    /** Messages that wait or are in flight, and, by itself, SUBSCRIBE and UNSUBSCRIBE that wait or have no
     * answer yet (after their time-out, too, as long as the connection lasts); default 10,000. */
    uint32_t max_queued;
    uint32_t max_queued_bytes; /**< Their bytes, each by themselves; default 16 MiB. */
    /** For SUBACK and UNSUBACK once sent; before that, and again after a lost connection, for waiting;
     * default 30 s. */
    uint32_t request_timeout;
    /** Where a connection gets its stream, instead of `address` (whose scheme, host and layers then mean
     * nothing): 0 with *out, which the client owns, or an mqw_result, which counts as a failed attempt
     * (MQW_E_STREAM with errno; MQW_E_MISUSE, also for no stream or one of another loop: it gives up). NULL:
     * from the network. */
    int (*stream)(void *ctx, mqw_stream **out);
} mqw_client_options;

/**
 * Makes a client, which starts to connect on a later turn of the loop. `options` NULL: all defaults.
 * @return 0 with *out, MQW_E_MISUSE (also a CONNECT that cannot be said, or options.open that cannot work, as
 * mqw_conn_open has it), MQW_E_ADDRESS (of a server, or options.open's proxy or bind), MQW_E_REFUSED (TLS
 * could not be set up), MQW_E_NO_MEMORY, MQW_E_STREAM (the store could not be read).
 */
MQW_API int mqw_client_open(mqw_client **out, uv_loop_t *loop, const mqw_client_options *options);

/** How a client says goodbye. Zero: DISCONNECT 0x00 after what is queued has left and was answered, for which
 * it also connects when it is not connected. */
typedef struct mqw_client_goodbye {
    size_t size;            /**< sizeof(mqw_client_goodbye); 0: the first layout. */
    bool with_will;         /**< The server publishes the will (5.0: reason 0x04; before: no DISCONNECT). */
    bool now;               /**< Does not wait for that. */
    uint8_t reason;         /**< 5.0; 0: normal, or 0x04 with_will. */
    const mqw_props *props; /**< 5.0; NULL: none. */
    uint32_t timeout;       /**< Milliseconds that it waits at most; default 5 s. */
} mqw_client_goodbye;
/** Closes; legal at any moment, again and again (the shorter time counts). From now on calls are
 * MQW_E_CLOSED. Requests that are not over by the end end with MQW_E_CLOSED (kept in the store, if there is
 * one). on_close follows when the stream is closed and commits under way are told. `goodbye` NULL: zero. */
MQW_API void mqw_client_close(mqw_client *client, const mqw_client_goodbye *goodbye);

/* --- Requests ------------------------------------------------------------------------------------------- */

/**
 * Publishes; while there is no connection it waits. QoS 0 is over when its bytes have left, 1 and 2 when the
 * server has answered. packet_id and dup of *publish are ignored; a topic alias is MQW_E_MISUSE (the client
 * has its own, options.no_aliases); message expiry counts from now on: what waits longer is dropped, what is
 * sent is told the seconds that are left. Before 5.0 properties are left out. `done` may be NULL.
 * @return 0: accepted; MQW_E_FULL (also a store that cannot keep up); MQW_E_MISUSE (bad topic, properties …);
 * MQW_E_TOO_LARGE (for this server, or for the queue); MQW_E_REFUSED (a QoS or retain that this server does
 * not take; queued messages for such a server end so); MQW_E_CLOSED; MQW_E_NO_MEMORY; MQW_E_STREAM (the store
 * has failed). Then `done` is not called.
 */
MQW_API int mqw_client_publish(mqw_client *client, const mqw_publish *publish, mqw_client_done *done,
                               void *ctx);

/** A payload that is read when it is sent: never whole in memory. */
typedef struct mqw_source {
    size_t size;           /**< sizeof(mqw_source); 0: the first layout. */
    uint32_t payload_size; /**< Bytes in all. */
    /** Fills `room` from `offset` on; may be asked again for what it gave (sent again). Returns bytes (1 or
     * more), or negative: cannot be read; the connection is then dropped, for the peer waits for the rest,
     * and the request ends with MQW_E_STREAM. */
    int (*read)(void *self, uint32_t offset, uint8_t *room, size_t cap);
    void (*release)(void *self); /**< The last call. May be NULL. */
    void *self;                  /**< For the functions. */
} mqw_source;
/** Publishes a payload from a source, copied by its struct. It is asked for bytes on turns of the loop, never
 * inside a call; other messages wait until all of it has gone. QoS 1 and 2 are not kept in a store. Results
 * as mqw_client_publish; `release` is called also then. */
MQW_API int mqw_client_publish_from(mqw_client *client, const mqw_publish *publish, const mqw_source *source,
                                    mqw_client_done *done, void *ctx);
/** A message of QoS 1 or 2 is promised: on disk with a store, in memory without one; told on a later turn,
 * unless it is over before. Set once for all. NULL: nobody hears. `ctx` is that of its publish. */
MQW_API void mqw_client_on_taken(mqw_client *client, void (*taken)(mqw_client *client, void *ctx));

/** Subscribes. `props` (subscription identifier, user properties) may be NULL. Filters that were granted are
 * restored when a server has lost the session, with their options and identifier but without the user
 * properties; retained messages then come as retain_handling says. Options beside QoS, and `props`, are left
 * out before 5.0. At most max_queued wait or are in flight, UNSUBSCRIBE included, else MQW_E_FULL (what is
 * restored does not count). Results as mqw_client_publish; `done` may be NULL; answer: SUBACK. */
MQW_API int mqw_client_subscribe(mqw_client *client, const mqw_filter *filters, size_t count,
                                 const mqw_props *props, mqw_client_done *done, void *ctx);
/** Unsubscribes. Bounds and results as mqw_client_subscribe; answer: UNSUBACK. */
MQW_API int mqw_client_unsubscribe(mqw_client *client, const mqw_text *filters, size_t count,
                                   const mqw_props *props, mqw_client_done *done, void *ctx);

/** Acknowledges a message (options.manual_ack), in any order: what the standard demands is sent in its order
 * (MQTT-4.6.0-2, -3). `reason`: 0, or 0x80 and above (5.0; before that it is not said). Before the last piece
 * of a payload has come it waits for that. A token of a connection that was lost is MQW_E_CLOSED (the message
 * comes again), one that was acknowledged MQW_E_MISUSE; MQW_E_NO_MEMORY or the result of the store: it is not
 * acknowledged yet. */
MQW_API int mqw_client_ack(mqw_client *client, mqw_token token, uint8_t reason);

/** Messages that match `filter` (wildcards, `$share/…/` stripped) go to `handler`: every route that matches.
 * Subscribes to nothing. The same filter again replaces its handler; NULL removes it. Legal inside handlers.
 * 0, MQW_E_MISUSE or MQW_E_NO_MEMORY. */
MQW_API int mqw_client_route(mqw_client *client, const char *filter, mqw_message_handler *handler, void *ctx);

/** An answer has come (result 0), or a negative result as for mqw_client_done, or a reason of the PUBLISH. */
typedef void mqw_client_response(mqw_client *client, int result, const mqw_publish *response, void *ctx);
/** Asks and waits for the answer (section 4.10): adds response topic, correlation data and, unless there is
 * one, a message expiry of `timeout`; subscribes to the response topic first, once. The topic begins with the
 * server's response information when the CONNECT has asked for that, else with `mqwire/response/`. Answers
 * are acknowledged by the client; one that would come in pieces (stream_over) is MQW_E_TOO_LARGE. Any reason
 * code of PUBACK or PUBREC but 0 ends the request. 5.0 only, else MQW_E_REFUSED. `timeout` 0: 30 s. At most
 * max_queued wait. Results as mqw_client_publish. */
MQW_API int mqw_client_request(mqw_client *client, const mqw_publish *request, uint32_t timeout,
                               mqw_client_response *done, void *ctx);
/** Answers a request that came: publishes to its response topic with its correlation data. `answer`: payload,
 * QoS and properties. MQW_E_REFUSED: it names no response topic. Else as mqw_client_publish. */
MQW_API int mqw_client_respond(mqw_client *client, const mqw_publish *request, const mqw_publish *answer,
                               mqw_client_done *done, void *ctx);

/** Authenticates again on the open connection (5.0, with options.auth). `done`: reason of the AUTH, or
 * negative. */
MQW_API int mqw_client_reauthenticate(mqw_client *client, mqw_client_done *done, void *ctx);

/* --- Knobs and facts ------------------------------------------------------------------------------------ */

/** Runs a function on the loop, soon, from any thread. Functions run in their order. After mqw_client_close,
 * or when it gives up: MQW_E_CLOSED and it is not run; what was accepted before is run. The client must not
 * have been freed: join your threads before on_close is over. 0, MQW_E_NO_MEMORY or MQW_E_CLOSED. */
MQW_API int mqw_client_post(mqw_client *client, void (*run)(mqw_client *client, void *ctx), void *ctx);
/** Stops reading once connected (back-pressure for QoS 0, too). Reconnecting does not change it. What is
 * published goes on, but no answers come. */
MQW_API void mqw_client_pause(mqw_client *client);
/** Reads again. */
MQW_API void mqw_client_resume(mqw_client *client);
/** Gives up the present connection or waiting time and tries at once; after a connection the same server. An
 * attempt under way is given up for one at the next server. For back-off and max_attempts it is no failure.
 */
MQW_API void mqw_client_reconnect(mqw_client *client);

/** Facts and counters. Views live until the next call into the client. */
typedef struct mqw_client_facts {
    size_t size;                /**< Set it to sizeof(mqw_client_facts) before the call. */
    bool open;                  /**< Connected. */
    uint8_t version;            /**< Spoken, or tried next. */
    mqw_text client_id;         /**< Ours, or as the server assigned it. */
    const char *address;        /**< Of the present or next server. */
    const mqw_connack *connack; /**< The last one that accepted; NULL: none yet. */
    uint32_t queued;            /**< Messages that wait or are in flight. */
    uint64_t queued_bytes;      /**< Their bytes. */
    uint32_t unacknowledged;    /**< Received messages that wait for mqw_client_ack. */
    uint64_t connections;       /**< How often it was connected. */
    uint64_t published;         /**< Messages whose request has ended well. */
    uint64_t received;          /**< Messages delivered. */
    uint64_t dropped;           /**< Messages that gave way or expired. */
} mqw_client_facts;
/** Fills in what is known. 0 or MQW_E_MISUSE. */
MQW_API int mqw_client_facts_of(const mqw_client *client, mqw_client_facts *facts);
/** The connection; NULL: none now. For mqw_conn_stream, counters, version; sending on it directly upsets the
 * client. */
MQW_API mqw_conn *mqw_client_conn(const mqw_client *client);
/** Its loop. */
MQW_API uv_loop_t *mqw_client_loop(const mqw_client *client);
/** The pointer that was given as options.ctx. */
MQW_API void *mqw_client_ctx(const mqw_client *client);

#ifdef __cplusplus
}
#endif
#endif
