// SPDX-License-Identifier: MIT
/**
 * @file transport.h
 * Streams on a libuv loop, and connections piped onto them: TCP, Unix sockets, named pipes, any descriptor,
 * a pair in memory, or a stream of the program's own.
 *
 * A piped connection flushes by itself, once per turn of the loop, and keeps its own deadlines. All of this
 * belongs to the loop's thread. Closing is legal anywhere, also inside a handler; memory goes on a later
 * turn of the loop. Nothing here raises a signal: a peer that closes while we write is an ordinary end.
 *
 * A piped connection closes by itself after DISCONNECT either way, after a CONNACK that refuses, after a
 * fault, and when the peer has ended. Misuse of one without an error handler is a bug that nobody would
 * hear of: it ends the program with one line on standard error (not with MQW_RETURN_ONLY).
 *
 * Connections keep uv_run going, also while they are paused; when the last one is gone, nothing of this is
 * left on the loop.
 */
#ifndef MQWIRE_TRANSPORT_H
#define MQWIRE_TRANSPORT_H

#include <uv.h>

#include "conn.h"
#include "tls.h"
#include "websocket.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A stream of bytes both ways, below a connection. */
typedef struct mqw_stream mqw_stream;
/** A set of listeners. */
typedef struct mqw_server mqw_server;

/* --- Streams -------------------------------------------------------------------------------------------- */

/** mqw_stream_ready: what a stream can be again. */
enum {
    MQW_READABLE = 1, /**< There is something to read, or the end. */
    MQW_WRITABLE = 2  /**< There is room to write. */
};

/** A stream of the program's own, as a table of functions that never block. */
typedef struct mqw_stream_ops {
    size_t size; /**< sizeof(mqw_stream_ops); 0: the first layout. */
    /** Reads up to `cap` bytes. Returns how many; 0: the peer has ended; MQW_E_AGAIN: none now; else it
     * failed. */
    int (*read)(void *self, uint8_t *room, size_t cap);
    /** Writes from `count` views in order. Returns how many bytes it took (some, 1 or more); MQW_E_AGAIN:
     * none now; else it failed. */
    int (*write)(void *self, const mqw_bytes *views, int count);
    /** Ends the sending side: the peer reads to the end and then sees it. May be NULL. */
    void (*shut)(void *self);
    /** The last call; `self` is the program's again. May be NULL. */
    void (*close)(void *self);
} mqw_stream_ops;

/**
 * A stream of the program's own. Call mqw_stream_ready when it can be read or written again; `ops` is
 * copied.
 * @return 0 with *out, MQW_E_NO_MEMORY, or MQW_E_MISUSE.
 */
MQW_API int mqw_stream_custom(mqw_stream **out, uv_loop_t *loop, const mqw_stream_ops *ops, void *self);
/** Says that reading or writing may go on (MQW_READABLE, MQW_WRITABLE); work is done when the loop comes to
 * it. Only for streams of the program's own, which count as ready for both at first. */
MQW_API void mqw_stream_ready(mqw_stream *stream, int what);
/**
 * A stream over descriptors: a socket, a pipe pair, a terminal, stdin and stdout, a serial line. `in` and
 * `out` may be the same. They are made non-blocking where that is possible and are closed with the stream,
 * standard input, output and error excepted (their mode is restored). What cannot be watched, as a file,
 * counts as always ready.
 * @return 0 with *out, MQW_E_NO_MEMORY, MQW_E_MISUSE, or MQW_E_STREAM with errno: not a descriptor that can
 *         be used. The descriptors are then still the caller's.
 */
MQW_API int mqw_stream_descriptor(mqw_stream **out, uv_loop_t *loop, int in, int out_fd);
/** Two ends in memory, on one loop: what is written to one is read from the other; each direction holds at
 * most 256 KiB. 0 with both ends, or MQW_E_NO_MEMORY. */
MQW_API int mqw_stream_pair(mqw_stream *ends[2], uv_loop_t *loop);
/** Closes a stream that no connection has. NULL is fine. */
MQW_API void mqw_stream_close(mqw_stream *stream);

/** Puts TLS on top of a stream that no connection has yet; who is client and who is server is what `tls` was
 * made for. `host`: what a client asks for and verifies, a name or an address without brackets, unless `tls`
 * has a server_name. 0, MQW_E_MISUSE (a connection has the stream, or there is no name to verify) or
 * MQW_E_NO_MEMORY. */
MQW_API int mqw_stream_tls(mqw_stream *stream, mqw_tls *tls, const char *host);
/** Puts a WebSocket on top of a stream that no connection has yet. `host`: for a client's Host header. 0,
 * MQW_E_MISUSE or MQW_E_NO_MEMORY. */
MQW_API int mqw_stream_websocket(mqw_stream *stream, mqw_role role, const char *host,
                                 const mqw_websocket_options *options);

/** Facts of a stream. Texts are empty when they do not apply. */
typedef struct mqw_stream_facts {
    size_t size; /**< Set it to sizeof(mqw_stream_facts) before the call; 0: the first layout. */
    /** `tcp://127.0.0.1:40000`, `tcp://[::1]:40000`, `unix:/path`, `fd:4` … (PROXY: the client's; empty until
     * its header has come). */
    char peer[120];
    char local[120];        /**< Our end, in the same form. */
    int descriptor;         /**< The one read from; -1: none. */
    uint64_t bytes_read;    /**< From the stream. */
    uint64_t bytes_written; /**< To the stream. */
    char tls_version[16];   /**< Empty: no TLS. */
    char tls_cipher[64];    /**< Name of the cipher suite. */
    char tls_subject[256];  /**< Subject of the peer's certificate. */
    char tls_alpn[32];      /**< Protocol agreed by ALPN. */
    char tls_sni[256];      /**< Host name that the client asked for. */
    char tls_psk[128];      /**< Server: identity whose pre-shared key the client has. */
    char tls_error[160];  /**< What is wrong with the peer's certificate, in words, also when it was taken all
                             the same. */
    bool tls_resumed;     /**< An earlier session was resumed. */
    char ws_protocol[32]; /**< WebSocket subprotocol; empty: no WebSocket, or none was agreed. */
    char ws_path[256];    /**< Path of the request. */
    char ws_origin[256];  /**< Its Origin. */
} mqw_stream_facts;

/** Fills in what is known of a stream. 0, or MQW_E_MISUSE with NULL. */
MQW_API int mqw_stream_facts_of(const mqw_stream *stream, mqw_stream_facts *facts);
/** TCP's no-delay, which is on by default. MQW_E_REFUSED when it is not TCP. */
MQW_API int mqw_stream_nodelay(mqw_stream *stream, bool on);
/** TCP's keep-alive probes after `seconds` of silence; 0: off, the default. MQW_E_REFUSED when it is not
 * TCP. */
MQW_API int mqw_stream_keepalive(mqw_stream *stream, unsigned seconds);

/* --- Connections on streams ----------------------------------------------------------------------------- */

/** Zero is the default of every field. Times are milliseconds. */
typedef struct mqw_open_options {
    size_t size; /**< sizeof(mqw_open_options); 0: the first layout. */
    /** The connection's own options; NULL: defaults. Ignored with `config`. */
    const mqw_conn_options *conn;
    /** A configuration that connections share (it is kept as long as needed). */
    mqw_config *config;
    uint32_t connect_timeout; /**< For name look-up and connecting together; default 10 s. */
    uint32_t close_timeout;   /**< For flushing when closing; default 5 s. */
    uint32_t linger;          /**< For the peer's end after ours; default 2 s. */
    uint32_t tcp_keepalive;   /**< Seconds; 0: off. */
    bool nagle;               /**< Leaves TCP's no-delay off. */
    /** Listeners: each connection starts with a PROXY protocol header, version 1 or 2. */
    bool proxy_protocol;
    bool reuse_port; /**< Listeners: several may share the port (SO_REUSEPORT). */
    bool keep_path;  /**< Listeners on Unix sockets: do not remove the path when closing. */
    int backlog;     /**< Listeners; default 511. */
    /** Listeners: more wait in the backlog; 0: no limit but the system's. */
    uint32_t max_connections;
    uint32_t unix_mode; /**< Listeners on Unix sockets: permissions of the path; 0: 0600. */
    /** For mqtts, ssl, tls and wss addresses, and for those without a scheme or without a host (`host`,
     * `unix:`, `fd:` …). One reference is kept as long as needed. NULL: clients verify against the system's
     * store; a listener needs it. */
    mqw_tls *tls;
    /** For ws and wss addresses, and for `unix:`, `fd:` … which get a WebSocket when it is set. Copied. */
    const mqw_websocket_options *websocket;
    /** Outgoing TCP goes through `http://[user:password@]host:port` (CONNECT), `socks5://…` (names looked up
     * by the proxy) or `socks5h://…`, the same. Copied. NULL: direct. */
    const char *proxy;
    /** Outgoing TCP comes from this address of ours, numeric, of either family: names of the other family are
     * passed over. Copied. NULL: as the system routes. */
    const char *bind;
} mqw_open_options;

/**
 * Opens a client-side connection. No MQTT packet is sent by itself; what is sent before `connected` waits.
 * Addresses: `mqtt://host:port`, `tcp://host:port` (default localhost, 1883; IPv6 in brackets),
 * `host:port`, `host`, `unix:/path`, `fd:N`, `fd:IN,OUT`, `stdio:`, `pipe:IN_PATH,OUT_PATH` (named pipes),
 * `tty:/dev/…[,BAUD]`; with TLS `mqtts://`, `ssl://`, `tls://` (8883); through WebSocket
 * `ws://host:port/path` (80) and, with TLS, `wss://` (443). A `user:password@` before the host is passed
 * over: it is for the client (mqw_client), which logs in with it. Named pipes wait until somebody reads from
 * OUT_PATH. After mqw_conn_close what was sent before still connects and leaves, within close_timeout.
 * @return 0 with *out, or MQW_E_ADDRESS (also of proxy and bind), MQW_E_NO_MEMORY, MQW_E_MISUSE (an option of
 * the WebSocket could not stand in a header; tls is for servers), MQW_E_REFUSED (TLS could not be set up),
 * MQW_E_STREAM with errno …; what fails later comes to the error handler as MQW_E_STREAM, and
 *         mqw_conn_stream_error says why.
 */
MQW_API int mqw_conn_open(mqw_conn **out, uv_loop_t *loop, const char *address,
                          const mqw_open_options *options, const mqw_handlers *handlers, void *ctx);

/**
 * Pipes a connection onto a stream: from then on its link owns both. `handlers` NULL: those that the
 * connection has. `options`: the timeouts only. Works for either role.
 * @return 0, MQW_E_MISUSE (NULL, or one of them is piped already), MQW_E_NO_MEMORY or MQW_E_STREAM with
 *         errno: both are then still the caller's.
 */
MQW_API int mqw_conn_pipe(mqw_conn *conn, mqw_stream *stream, const mqw_open_options *options,
                          const mqw_handlers *handlers, void *ctx);

/** The stream below; NULL when not piped, or not connected yet. */
MQW_API mqw_stream *mqw_conn_stream(const mqw_conn *conn);
/** The loop that pumps it; NULL when not piped. */
MQW_API uv_loop_t *mqw_conn_loop(const mqw_conn *conn);
/**
 * Flushes, ends the sending side, reads and discards until the peer's end or `linger`, then closes, all
 * within close_timeout; then `close` is heard and the connection is freed. Nothing more is delivered. Legal
 * anywhere, any number of times.
 */
MQW_API void mqw_conn_close(mqw_conn *conn);
/** Closes at once; what was queued is lost. `close` is heard on a later turn of the loop, the connection
 * then freed. */
MQW_API void mqw_conn_abort(mqw_conn *conn);
/** Writes what waits as far as it goes, now instead of at the end of the turn. Calls no handler. */
MQW_API void mqw_conn_flush(mqw_conn *conn);

/** A connection taken off its loop, for another owner. */
typedef struct mqw_detached {
    mqw_stream *stream; /**< Its stream, also off the loop. */
    /** Bytes read from the stream that the connection has not taken yet (malloc); NULL: none. */
    uint8_t *input;
    size_t input_len; /**< How many. */
} mqw_detached;

/**
 * Takes a piped connection off its loop: nothing is read, written or freed by itself any more; `close` is
 * not heard. The connection keeps its state and its pending bytes both ways. Legal in handlers: the rest of
 * what was read is then out->input.
 * @return 0, MQW_E_MISUSE (not piped), MQW_E_NO_MEMORY, or MQW_E_REFUSED: not connected yet, closing, or
 *         inside a function of its own stream.
 */
MQW_API int mqw_conn_detach(mqw_conn *conn, mqw_detached *out);
/**
 * Puts it (or another connection onto that stream) back to work, also on another loop; `connected` is not
 * heard again. For another thread use a connection whose configuration is that thread's own. Takes over what
 * `detached` has, unless it fails.
 * @return 0, MQW_E_MISUSE, MQW_E_NO_MEMORY, MQW_E_STREAM with errno, or MQW_E_REFUSED: an end of a pair
 *         stays on its loop.
 */
MQW_API int mqw_conn_adopt(mqw_conn *conn, uv_loop_t *loop, mqw_detached *detached,
                           const mqw_open_options *options, const mqw_handlers *handlers, void *ctx);
/** Closes and frees what mqw_conn_detach gave, when nobody adopts it. The connection is freed with
 * mqw_conn_free. */
MQW_API void mqw_detached_close(mqw_detached *detached);
/** The descriptor of a detached stream, which becomes the caller's; the stream is freed. -1, and nothing has
 * changed: it has none, or two, or layers that would be lost. `input` stays for mqw_detached_close. */
MQW_API int mqw_detached_descriptor(mqw_detached *detached);

/* --- Servers -------------------------------------------------------------------------------------------- */

/** Each accepted peer arrives as a connection of role server, before anything was read from it. Give it
 * handlers here; to give them later, pause it here. What the PROXY protocol says of it is known from
 * `connected` on. */
typedef void mqw_connection_handler(mqw_server *server, mqw_conn *conn, void *ctx);

/**
 * Listens on an address. *server NULL: makes a server; else adds a listener to it. Addresses: as for
 * mqw_conn_open with port 0 for one that the system picks; host `*` for all interfaces, both families;
 * `unix:/path` (a stale path is removed, a living one is MQW_E_STREAM); `fd:N` a socket that listens
 * already. A name of several addresses is listened on at all of them, with one port; it is looked up at
 * once. A path of a ws or wss address is the only one that is served (`/` alone: any). `on_connection` NULL:
 * the handlers of the configuration (mqw_conn_options.handlers) are all that is needed.
 * @return 0, or MQW_E_ADDRESS, MQW_E_NO_MEMORY, MQW_E_MISUSE (also: TLS without tls of a server, an option
 *         of the WebSocket that could not stand in a header), or MQW_E_STREAM with errno.
 */
MQW_API int mqw_server_listen(mqw_server **server, uv_loop_t *loop, const char *address,
                              const mqw_open_options *options, mqw_connection_handler *on_connection,
                              void *ctx);
/** The address of listener `index` (in the order of the calls) as bound, `tcp://127.0.0.1:40001`, also when
 * it serves TLS or WebSocket.
 * MQW_E_REFUSED: none. */
MQW_API int mqw_server_address(const mqw_server *server, int index, char *out, size_t cap);
/** Connections accepted that are still there. */
MQW_API uint32_t mqw_server_connections(const mqw_server *server);
/**
 * Stops accepting. `drain` false: that is all, the connections go on. `drain` true: they are closed with
 * mqw_conn_close. `on_closed` (may be NULL) is called once when the last of them is gone; the server is
 * freed after it.
 */
MQW_API void mqw_server_close(mqw_server *server, bool drain,
                              void (*on_closed)(mqw_server *server, void *ctx), void *ctx);

/** Why a stream failed, in words of the system ("connection refused"); "" when there is nothing to say. Until
 * a proxy has answered they begin with `proxy host:port`, never its user or password. */
MQW_API const char *mqw_conn_stream_error(const mqw_conn *conn);

#ifdef __cplusplus
}
#endif
#endif
