// SPDX-License-Identifier: MIT
/**
 * @file conn.h
 * The connection: bytes in, packets out; packets in, bytes out; and a clock. It does no I/O.
 *
 * Four doors. Towards the stream: mqw_conn_recv takes bytes that have arrived, mqw_conn_output and
 * mqw_conn_written give bytes to write. Towards the program: mqw_conn_recv gives packets, mqw_conn_send
 * (and a method per packet) takes them. What recv gives, send takes. Both ends are the same type and are
 * used in the same way.
 *
 * Time comes in through mqw_conn_clock; mqw_conn_deadline says when mqw_conn_tick wants to be called at the
 * latest.
 *
 * Results are 0 or more when all is well, else an mqw_result. MQW_E_MISUSE is a bug in the program;
 * MQW_E_REFUSED, _QUOTA, _TOO_LARGE, _BUSY and _CLOSED depend on the peer. In each case nothing was queued;
 * mqw_conn_refusal says why.
 *
 * Views in a received packet live until the next recv, dispatch or free on that connection; sends never
 * invalidate them. What a function is given by pointer it copies before it returns, unless its name ends in
 * _shared. A configuration and the connections made with it belong to one thread at a time.
 */
#ifndef MQWIRE_CONN_H
#define MQWIRE_CONN_H

#include "codec.h"

#ifdef __cplusplus
extern "C" {
#endif

/** An MQTT connection, one end of it. */
typedef struct mqw_conn mqw_conn;
/** What many connections share: options, policy, handlers, allocator. Counted; it never changes once
 * made. */
typedef struct mqw_config mqw_config;

/** Bytes that many connections may send without copying them. Counted: start with refs = 1 for yourself. */
typedef struct mqw_shared {
    mqw_bytes bytes; /**< They may not change while anybody holds a reference. */
    uint32_t refs;   /**< References; not atomic: all of them belong to one thread. */
    /** Called when the last reference goes. */
    void (*release)(struct mqw_shared *shared);
} mqw_shared;

/** Drops a reference; mqw_shared.release runs with the last one. */
MQW_API void mqw_shared_drop(mqw_shared *shared);

/* --- Handlers: the events of a connection --------------------------------------------------------------- */

/** Hears of a packet, or of a piece of a payload, which live until it returns. `ctx`: as given with the
 * handlers. */
typedef void mqw_packet_handler(mqw_conn *conn, const mqw_packet *packet, void *ctx);

/**
 * One handler per event; one that is NULL is skipped. Everything is legal in a handler: sending, closing,
 * freeing (which takes effect after it). `packet` hears of every packet, before the handler of its type.
 */
typedef struct mqw_handlers {
    size_t size; /**< sizeof(mqw_handlers); 0: the first layout. */
    /** Once, when the stream below is ready for bytes. */
    void (*connected)(mqw_conn *conn, void *ctx);
#define X(id, NAME, name, ...) mqw_packet_handler *name;
    MQW_PACKETS(X)
#undef X
    /** Every packet, before the handler of its type; not the pieces of a payload. */
    mqw_packet_handler *packet;
    mqw_packet_handler *payload; /**< packet->piece of the PUBLISH that came last (stream_over). */
    /** A rule was broken that the policy says to report; once per rule, before the packet's own handlers. */
    void (*violation)(mqw_conn *conn, const mqw_packet *packet, const mqw_error *error, void *ctx);
    /** The peer's fault (error->by_peer; the connection closes and nothing more is delivered), a failure of
     * the stream, or our misuse (the connection goes on). Never called from inside the call that it is
     * about. A piped connection without this handler ends the program on misuse. */
    void (*error)(mqw_conn *conn, const mqw_error *error, void *ctx);
    /** Output was above high_water and has fallen below low_water. */
    void (*drain)(mqw_conn *conn, void *ctx);
    /** Once, last; piped connections only. The connection is freed after it. */
    void (*close)(mqw_conn *conn, void *ctx);
} mqw_handlers;

/* --- Options -------------------------------------------------------------------------------------------- */

/** mqw_conn_options.answers: what the connection sends by itself. All off: nothing. */
enum {
    MQW_ANSWER_PINGRESP = 1, /**< A server answers PINGREQ. */
    MQW_ANSWER_PINGREQ = 2,  /**< A client sends PINGREQ when its keep alive asks for it. */
    MQW_ANSWER_ACKS = 4      /**< PUBACK, PUBREC, PUBREL, PUBCOMP, once the program has had the packet. */
};

/** mqw_conn_options.alias_in */
enum {
    MQW_ALIAS_RESOLVE = 0, /**< The topic is filled in, the alias kept as information. */
    MQW_ALIAS_RAW = 1      /**< As on the wire: for a proxy. */
};
/** mqw_conn_options.alias_out */
enum {
    MQW_ALIAS_MANUAL = 0, /**< As the program sets them. */
    MQW_ALIAS_RECENT = 1  /**< Assigned by recency, up to 32 and the peer's maximum. */
};
/** mqw_conn_options.on_misuse */
enum {
    MQW_TELL = 0,       /**< The error handler hears of it, too. */
    MQW_RETURN_ONLY = 1 /**< The call returns MQW_E_MISUSE; that is all. */
};

/** Hears of every packet and payload piece both ways, with its bytes on the wire. `sent`: by us. `packet`
 * NULL: more bytes that we send: raw ones, a piece of a payload, a large payload behind its packet. May not
 * call into the connection. */
typedef void mqw_tap(mqw_conn *conn, bool sent, const mqw_packet *packet, mqw_bytes raw, void *ctx);

/** Zero is the default of every field. Times are milliseconds, sizes bytes. */
typedef struct mqw_conn_options {
    size_t size;              /**< sizeof(mqw_conn_options); 0: the first layout. */
    uint8_t version;          /**< Version spoken until a CONNECT tells; 0: 4 (3 with MQW_POLICY_ORIGINAL). */
    uint8_t answers;          /**< MQW_ANSWER_… */
    uint8_t alias_in;         /**< MQW_ALIAS_RESOLVE or MQW_ALIAS_RAW. */
    uint8_t alias_out;        /**< MQW_ALIAS_MANUAL or MQW_ALIAS_RECENT. */
    uint8_t on_misuse;        /**< MQW_TELL or MQW_RETURN_ONLY. */
    mqw_policy policy;        /**< What to do with broken rules; `{0}`: the standard. */
    uint32_t max_packet_size; /**< Largest packet taken; default 1 MiB. */
    /** The same at a server until it accepts a CONNECT; default 64 KiB, at most max_packet_size. */
    uint32_t max_first_packet;
    uint32_t stream_over; /**< A PUBLISH with a larger payload arrives in pieces; 0: never. */
    /** With stream_over: most bytes kept of one packet; default stream_over + 1 MiB, at least stream_over. */
    uint32_t max_stored;
    uint32_t max_output; /**< Most bytes waiting to leave; default 16 MiB. */
    /** Above max_output for acknowledgements, pings and DISCONNECT; default 64 KiB. */
    uint32_t reserve;
    uint32_t high_water; /**< Default 64 KiB; at most max_output. */
    uint32_t low_water;  /**< Default 16 KiB; at most high_water. */
    /** Most bytes that all connections of a configuration hold together; default 1 GiB. */
    uint64_t max_total;
    /** For the CONNECT to come (server), for the first answer to it (client); default 10 s. */
    uint32_t connect_timeout;
    /** Client: for anything to come after a PINGREQ; default half the keep alive. */
    uint32_t ping_timeout;
    /** Bytes a second at which an unfinished packet counts as life; default 100. */
    uint32_t min_rate;
    uint32_t max_text;              /**< Largest text that mqw_text_of makes; default 4 MiB. */
    const mqw_allocator *allocator; /**< Copied; NULL: malloc. */
    /** Output went from empty to not empty (not for piped connections). */
    void (*on_output)(mqw_conn *conn, void *ctx);
    void *on_output_ctx; /**< For on_output. */
    mqw_tap *tap;        /**< Hears of everything both ways; NULL: nobody does. */
    void *tap_ctx;       /**< For tap. */
    /** Copied; the handlers that every connection of this configuration starts with. */
    const mqw_handlers *handlers;
    void *handlers_ctx; /**< Their context. */
    /** Most bytes kept for the next output once they have been written, for all connections together; default
     * 256 KiB. What a turn of many connections queues is a good choice for a server. */
    uint32_t keep_output;
} mqw_conn_options;

/* --- Life ----------------------------------------------------------------------------------------------- */

/** Makes a configuration, to be shared by many connections. `options` NULL: all defaults. NULL: no memory,
 * or an option out of its range. */
MQW_API mqw_config *mqw_config_new(const mqw_conn_options *options);
/** Drops the caller's reference; connections keep theirs. NULL is fine. */
MQW_API void mqw_config_free(mqw_config *config);
/** Frees what is kept for the next output: blocks of 4 KiB, up to keep_output. For when its connections are
 * idle. */
MQW_API void mqw_config_trim(mqw_config *config);

/** A connection that lives without a stream: give it bytes, take its bytes. NULL: no memory or bad
 * options. */
MQW_API mqw_conn *mqw_conn_new(mqw_role role, const mqw_conn_options *options);
/** The same with a configuration that others share, of which it takes a reference. NULL: no memory, or no
 * such role. */
MQW_API mqw_conn *mqw_conn_new_shared(mqw_role role, mqw_config *config);
/** Frees it with all that waits in it; NULL is fine. Inside a handler it takes effect after the handler.
 * A piped connection is aborted without a word: no handler is called any more, `close` included. */
MQW_API void mqw_conn_free(mqw_conn *conn);

/** Sets handlers (copied) and their context, also later, also inside a handler. MQW_E_NO_MEMORY: the old
 * ones stay. */
MQW_API int mqw_conn_handle(mqw_conn *conn, const mqw_handlers *handlers, void *ctx);
/** The same without a copy: `handlers` must outlive the connection; NULL: nobody hears. Never fails. */
MQW_API void mqw_conn_handle_shared(mqw_conn *conn, const mqw_handlers *handlers, void *ctx);

/* --- Bytes in, packets out ------------------------------------------------------------------------------ */

/**
 * Takes bytes off the front of `in` and gives the next packet.
 * @return 1: a packet; 2: a piece of a payload (out->type MQW_PIECE); 0: all of `in` was taken and more is
 *         wanted (or the connection is paused or closed by us: then `in` may be left as it is); negative:
 *         the peer's fault, with mqw_conn_error; what a 5.0 peer has to hear (CONNACK or DISCONNECT) waits
 *         in the output. After a fault every call gives it again.
 */
MQW_API int mqw_conn_recv(mqw_conn *conn, mqw_bytes *in, mqw_packet *out);

/**
 * The same with handlers: takes all of `in`, unless a handler pauses or closes, and calls them. `handlers`
 * NULL: the connection's own. With an empty `in` it delivers what waits: errors of misuse, drain. A dispatch
 * or recv inside a handler ends the views of the packet that the handler was given.
 * @return 0, or the fault, of which the error handler heard. MQW_E_MISUSE: called inside handlers 127 deep.
 */
MQW_API int mqw_conn_dispatch(mqw_conn *conn, mqw_bytes *in, const mqw_handlers *handlers, void *ctx);

/** The stream has ended: 0 at the end of a packet, else the fault MQW_E_END. */
MQW_API int mqw_conn_end(mqw_conn *conn);

/**
 * Where the next bytes of an unfinished large packet are wanted: reading into it saves a copy.
 * @return bytes that fit at *at; 0: no large packet is unfinished, give bytes to recv; negative: the fault.
 */
MQW_API int mqw_conn_room(mqw_conn *conn, uint8_t **at);
/** `len` bytes were put there. Call recv (with empty input) next. MQW_E_MISUSE: more than there was room
 * for. */
MQW_API int mqw_conn_filled(mqw_conn *conn, size_t len);
/**
 * Takes over the block in which the packet lies that recv gave last, instead of copying it: its views stay
 * valid until mqw_config_give_back, but for a topic that an alias stood for: copy that. NULL when it lies in
 * the caller's own input, or in a block too small to be worth it (4 KiB). *size becomes the size of the
 * block.
 */
MQW_API uint8_t *mqw_conn_take(mqw_conn *conn, size_t *size);
/** Frees a block that mqw_conn_take gave, with the allocator of its configuration. */
MQW_API void mqw_config_give_back(mqw_config *config, uint8_t *block, size_t size);
/** The configuration of a connection, not counted for the caller. */
MQW_API mqw_config *mqw_conn_config(const mqw_conn *conn);
/** Bytes that the connections of a configuration hold (mqw_conn_options.max_total). */
MQW_API uint64_t mqw_config_held(const mqw_config *config);
/** One more reference to a configuration, which is returned; mqw_config_free drops it. */
MQW_API mqw_config *mqw_config_keep(mqw_config *config);

/** Bytes received that belong to a packet not yet complete, for handing the stream to another owner. */
MQW_API mqw_bytes mqw_conn_pending(const mqw_conn *conn);

/* --- Packets in, bytes out ------------------------------------------------------------------------------ */

/**
 * Queues a packet, any packet: what recv gave can be sent on (broken field rules are then MQW_E_REFUSED,
 * never misuse).
 * @return 0; 1: queued without reason string and user properties, which the peer does not take (5.0 section
 *         3.1.2.11.4, .7); negative: nothing was queued.
 */
MQW_API int mqw_conn_send(mqw_conn *conn, const mqw_packet *packet);
/**
 * Queues bytes as they are, unchecked, uncounted as packets: for tools that put violations on the wire. The
 * connection learns nothing from them. MQW_E_BUSY when max_output would be passed, MQW_E_NO_MEMORY,
 * MQW_E_CLOSED.
 */
MQW_API int mqw_conn_send_raw(mqw_conn *conn, mqw_bytes bytes);

/**
 * @name A method per packet, on both roles
 * Each queues its packet whole, or nothing, and copies what it is given; it adds no field by itself
 * (MQW_ALIAS_RECENT apart). Results are those of mqw_conn_send, and MQW_E_MISUSE for what only the program
 * can have caused: NULL, a field out of its range, a packet identifier of 0, a packet that our role or
 * state may not send.
 */
/**@{*/
/** CONNECT, the first packet of a client, said once (MQTT-3.1.0-1, -2). From then on its version is
 * spoken. */
MQW_API int mqw_conn_connect(mqw_conn *conn, const mqw_connect *connect);
/** CONNACK, the answer of a server (MQTT-3.2.0-1). A reason other than 0 refuses; nothing can be sent after
 * that (MQTT-3.2.2-7). To an `unsupported` CONNECT it goes in the form of 3.x, in which 0x84 is 1. */
MQW_API int mqw_conn_connack(mqw_conn *conn, const mqw_connack *connack);
/** PUBLISH. With QoS 1 and 2 the packet identifier is the program's choice, and in 5.0 it takes a place in
 * the peer's receive maximum (MQTT-3.3.4-7, -9): MQW_E_QUOTA when none is left. */
MQW_API int mqw_conn_publish(mqw_conn *conn, const mqw_publish *publish);
/** PUBACK, for a PUBLISH of QoS 1. Not before the last piece of its payload has come
 * (MQW_RULE_ACK_EARLY). */
MQW_API int mqw_conn_puback(mqw_conn *conn, const mqw_ack *ack);
/** PUBREC, for a PUBLISH of QoS 2. Not before the last piece of its payload has come
 * (MQW_RULE_ACK_EARLY). */
MQW_API int mqw_conn_pubrec(mqw_conn *conn, const mqw_ack *ack);
/** PUBREL, for a PUBREC. */
MQW_API int mqw_conn_pubrel(mqw_conn *conn, const mqw_ack *ack);
/** PUBCOMP, for a PUBREL. */
MQW_API int mqw_conn_pubcomp(mqw_conn *conn, const mqw_ack *ack);
/** SUBSCRIBE, of a client. mqw_list_filters makes its list. */
MQW_API int mqw_conn_subscribe(mqw_conn *conn, const mqw_subscribe *subscribe);
/** SUBACK, of a server: one reason per filter, in their order (MQTT-3.8.4-6), which the program sees to. */
MQW_API int mqw_conn_suback(mqw_conn *conn, const mqw_suback *suback);
/** UNSUBSCRIBE, of a client. mqw_list_topics makes its list. */
MQW_API int mqw_conn_unsubscribe(mqw_conn *conn, const mqw_subscribe *unsubscribe);
/** UNSUBACK, of a server. In 5.0 one reason per filter (MQTT-3.11.3-1), before that none. */
MQW_API int mqw_conn_unsuback(mqw_conn *conn, const mqw_suback *unsuback);
/** PINGREQ, of a client. The answer is waited for, ping_timeout long. */
MQW_API int mqw_conn_pingreq(mqw_conn *conn);
/** PINGRESP, of a server. */
MQW_API int mqw_conn_pingresp(mqw_conn *conn);
/** DISCONNECT, of a client, in 5.0 also of a server that has accepted. NULL: reason 0. Nothing can be sent
 * after it (MQTT-3.14.4-2), and what still comes is thrown away. */
MQW_API int mqw_conn_disconnect(mqw_conn *conn, const mqw_disconnect *disconnect);
/** AUTH, in 5.0, when CONNECT named an authentication method: that of CONNECT again (MQTT-4.12.0-5). */
MQW_API int mqw_conn_auth(mqw_conn *conn, const mqw_disconnect *auth);
/**@}*/

/** PUBLISH whose payload is `payload` by reference instead of publish->payload: not copied, one reference
 * taken. One of 1 KiB or less is copied after all, and no reference taken: that costs less. */
MQW_API int mqw_conn_publish_shared(mqw_conn *conn, const mqw_publish *publish, mqw_shared *payload);

/** A PUBLISH that goes on to many: its topic and properties were checked when it was received, and stay as
 * they were on the wire. */
typedef struct mqw_forward {
    mqw_text topic;     /**< A valid topic name. */
    mqw_bytes payload;  /**< Copied, unless there is `shared`. */
    mqw_shared *shared; /**< Holds the payload, which may then go by reference; NULL: it is copied. */
    mqw_bytes props; /**< Properties in wire form without their length: valid ones that PUBLISH may have, but
                        no message expiry, topic alias or subscription identifier. Left out before 5.0. */
    const uint32_t *ids; /**< Subscription identifiers; left out before 5.0. */
    size_t id_count;     /**< How many. */
    int64_t expiry;      /**< Message expiry in seconds; negative: none. Left out before 5.0. */
    uint16_t packet_id;  /**< 0 with QoS 0, and only then. */
    uint8_t qos;         /**< 0 to 2. */
    bool retain;         /**< As in mqw_publish. */
    bool dup;            /**< As in mqw_publish. */
} mqw_forward;
/** Queues it, in the version of the connection, without trying what was tried before: state, receive maximum,
 * the peer's maximum packet size and the output's bounds count, and MQW_ALIAS_RECENT holds. Results as
 * mqw_conn_publish_shared. Never misuse for what is in it. */
MQW_API int mqw_conn_forward(mqw_conn *conn, const mqw_forward *message);

/**
 * @name PUBLISH with a payload larger than memory
 * Begin with its whole size, write pieces, end. Other sends queue behind it. The only way to give up is to
 * close: the peer waits for the rest.
 */
/**@{*/
/** Queues all but the payload, of which `payload_size` bytes will follow; publish->payload is not read.
 * Results as mqw_conn_publish. */
MQW_API int mqw_conn_publish_begin(mqw_conn *conn, const mqw_publish *publish, uint32_t payload_size);
/** Queues (and copies) the next piece, whole or not at all. MQW_E_BUSY when the output is full: write it
 * again after `drain`. MQW_E_TOO_LARGE: it is larger than max_output. MQW_E_MISUSE: more than was
 * announced. */
MQW_API int mqw_conn_publish_write(mqw_conn *conn, mqw_bytes piece);
/** All was written; MQW_E_MISUSE when it was not. What has queued behind the PUBLISH follows. */
MQW_API int mqw_conn_publish_end(mqw_conn *conn);
/**@}*/

/**
 * What waits to be written: up to `max` views, in order. They never move until mqw_conn_written says that
 * they went.
 * @return number of views.
 */
MQW_API int mqw_conn_output(mqw_conn *conn, mqw_bytes *views, int max);
/** `len` bytes of it went. Returns 1 when that took it from above high_water to below low_water, else 0. */
MQW_API int mqw_conn_written(mqw_conn *conn, size_t len);
/** Bytes that were taken with mqw_conn_written but wait in a layer below (TLS …): they count towards
 * max_output. */
MQW_API void mqw_conn_holding(mqw_conn *conn, uint32_t bytes);

/** Asks for the `drain` handler once what waits has fallen below low_water, also when it was never above
 * high_water. Nothing waits: nothing happens. */
MQW_API void mqw_conn_want_drain(mqw_conn *conn);

/** Output that outlives its connection, for writers that are not finished when the connection is freed. */
typedef struct mqw_output mqw_output;
/** Takes all output out of the connection; its views stay where they are. NULL when there is none. */
MQW_API mqw_output *mqw_conn_take_output(mqw_conn *conn);
/** Frees it, written or not; NULL is fine. */
MQW_API void mqw_output_free(mqw_output *output);

/* --- Time ----------------------------------------------------------------------------------------------- */

/** Tells the time (milliseconds from any fixed point, never back) to what is called next. One store. */
MQW_API void mqw_conn_clock(mqw_conn *conn, uint64_t now_ms);
/** When to call mqw_conn_tick at the latest; UINT64_MAX: nothing is due. */
MQW_API uint64_t mqw_conn_deadline(const mqw_conn *conn);
/** 1: a PINGREQ is due (with MQW_ANSWER_PINGREQ it was queued); 0: nothing; negative: the peer's fault (too
 * silent). */
MQW_API int mqw_conn_tick(mqw_conn *conn, uint64_t now_ms);

/** Sets the keep alive that counts from now on, in seconds (0: none), instead of what CONNECT and CONNACK
 * said: for a server that bounds that of clients before 5.0, which it cannot tell. */
MQW_API void mqw_conn_set_keep_alive(mqw_conn *conn, uint16_t seconds);
/** The keep alive that counts, in seconds; 0: none, or not known yet. */
MQW_API uint16_t mqw_conn_keep_alive(const mqw_conn *conn);

/* --- Facts and knobs ------------------------------------------------------------------------------------ */

/** How far a connection is, the same at both ends. */
typedef enum mqw_state {
    MQW_STATE_NEW = 0,        /**< Nothing was said. */
    MQW_STATE_CONNECTING,     /**< CONNECT passed. */
    MQW_STATE_AUTHENTICATING, /**< CONNECT with an authentication method passed. */
    MQW_STATE_UNSUPPORTED,    /**< CONNECT of an unknown level passed: only CONNACK or closing is allowed. */
    MQW_STATE_OPEN,           /**< CONNACK accepted. */
    MQW_STATE_REFUSED,        /**< CONNACK refused. */
    MQW_STATE_ENDED           /**< DISCONNECT passed, or a fault, or the stream ended. */
} mqw_state;

/** Counters since the beginning. A packet counts as written when all of the chunk of output in which it
 * lies is. */
typedef struct mqw_counters {
    uint64_t bytes_received;   /**< Taken by recv, dispatch and filled. */
    uint64_t packets_received; /**< Given by recv; a PUBLISH in pieces is one. */
    uint64_t bytes_queued;     /**< By every send, raw bytes included. */
    uint64_t packets_queued;   /**< Raw bytes are none. */
    uint64_t bytes_written;    /**< Of those queued. */
    uint64_t packets_written;  /**< Of those queued. */
} mqw_counters;

/** How far it is. */
MQW_API mqw_state mqw_conn_state(const mqw_conn *conn);
/** Whether the peer has said goodbye: it sent DISCONNECT, or a CONNACK that refuses. */
MQW_API bool mqw_conn_peer_ended(const mqw_conn *conn);
/** Which end we are. */
MQW_API mqw_role mqw_conn_role(const mqw_conn *conn);
/** The version spoken: 3, 4 or 5; before a CONNECT that of the options. */
MQW_API uint8_t mqw_conn_version(const mqw_conn *conn);
/** Sets the version (3, 4 or 5) before a CONNECT has told it; for role ANY at any time. MQW_E_MISUSE:
 * else. */
MQW_API int mqw_conn_set_version(mqw_conn *conn, uint8_t version);
/** Fills in the counters. */
MQW_API void mqw_conn_counters(const mqw_conn *conn, mqw_counters *out);
/** Bytes that wait to leave, layers below included. */
MQW_API size_t mqw_conn_waiting(const mqw_conn *conn);
/** QoS 1 and 2 PUBLISH that may be sent now (section 4.9; 65,535 before 5.0). */
MQW_API uint16_t mqw_conn_quota(const mqw_conn *conn);
/** The peer's fault that ended the connection; NULL: none. It is filled into *out. */
MQW_API const mqw_error *mqw_conn_error(const mqw_conn *conn, mqw_error *out);
/** Why the last call that returned MQW_E_MISUSE, _REFUSED, _QUOTA or _TOO_LARGE did; NULL: none yet. */
MQW_API const mqw_error *mqw_conn_refusal(const mqw_conn *conn, mqw_error *out);

/** Stops recv and dispatch from delivering; sending goes on. A piped connection also stops reading. */
MQW_API void mqw_conn_pause(mqw_conn *conn);
/** Delivers again, beginning with what was kept. Without a link: call recv or dispatch again with what they
 * left. */
MQW_API void mqw_conn_resume(mqw_conn *conn);
/** Whether it is paused. */
MQW_API bool mqw_conn_paused(const mqw_conn *conn);

/** Sets a pointer of the program's, which mqwire never looks at. */
MQW_API void mqw_conn_set_user(mqw_conn *conn, void *user);
/** That pointer; NULL until it is set. */
MQW_API void *mqw_conn_user(const mqw_conn *conn);

/* --- Payload as text ------------------------------------------------------------------------------------ */

/** Encodings in which mqw_text_of reads bytes. Bad sequences become U+FFFD. */
typedef enum mqw_encoding {
    MQW_BINARY = 0, /**< As they are, no copy. */
    MQW_UTF8,       /**< Bad sequences as the Unicode standard advises: U+FFFD for each maximal part. */
    MQW_ASCII,      /**< Above 0x7F: U+FFFD. */
    MQW_LATIN1,     /**< Each byte is the character of that number. */
    MQW_UTF16LE,    /**< Surrogates in pairs; a single one is U+FFFD. */
    MQW_HEX,        /**< Two digits a byte, in lower case. */
    MQW_BASE64      /**< With padding. */
} mqw_encoding;

/** Parts of a packet that mqw_text_of knows. */
typedef enum mqw_part {
    MQW_PAYLOAD = 0,  /**< Of a PUBLISH, or the bytes of a piece. */
    MQW_WILL_PAYLOAD, /**< Of a CONNECT with a will. */
    MQW_USERNAME,     /**< Of a CONNECT. */
    MQW_PASSWORD      /**< Of a CONNECT. */
} mqw_part;

/** Sets the encoding. MQW_E_MISUSE: there is no such one; MQW_E_NO_MEMORY. Sending is never affected, nor
 * what packets hold. */
MQW_API int mqw_conn_set_encoding(mqw_conn *conn, mqw_encoding encoding);
/**
 * A part of a received packet as UTF-8 text in the connection's encoding, valid until the next mqw_text_of
 * or until the packet's views end. A character that was cut in two between two pieces of a payload is
 * carried over to the next piece (so call it once per piece, in order). Empty with data NULL: no such part,
 * no memory, or more than max_text.
 */
MQW_API mqw_text mqw_text_of(mqw_conn *conn, const mqw_packet *packet, mqw_part part);

/* --- For links: what pumps bytes between a stream and a connection -------------------------------------- */

/** Attaches a link: its pointer, and what to call when output went from empty to not empty, when an error or
 * a drain waits to be told by mqw_conn_dispatch, or on resume. It may call mqw_conn_clock, nothing else.
 * While there is a link, mqw_conn_free leaves the connection to it (mqw_conn_freed). Both NULL: detached. */
MQW_API void mqw_conn_set_link(mqw_conn *conn, void *link, void (*on_output)(mqw_conn *conn, void *link));
/** The pointer of the link; NULL: none is attached. */
MQW_API void *mqw_conn_link(const mqw_conn *conn);
/** The fault of a stream, told through the error handler as the others are: `code`, e.g. MQW_E_STREAM. Ends
 * it. */
MQW_API void mqw_conn_fail(mqw_conn *conn, int code, mqw_rule rule);
/** We close: nothing more is delivered, sends are MQW_E_CLOSED, what is queued may still be written. */
MQW_API void mqw_conn_shut(mqw_conn *conn);
/** Whether the program has freed it: the link ends, and frees it when it has let go. */
MQW_API bool mqw_conn_freed(const mqw_conn *conn);
/** Whether misuse waits to be told, and nobody is there to hear it. */
MQW_API bool mqw_conn_misused(const mqw_conn *conn);
/** The handlers and context in force. */
MQW_API const mqw_handlers *mqw_conn_handlers(const mqw_conn *conn, void **ctx);

#ifdef __cplusplus
}
#endif
#endif
