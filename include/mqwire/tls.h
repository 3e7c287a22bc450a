// SPDX-License-Identifier: MIT
/**
 * @file tls.h
 * TLS 1.2 and 1.3 for streams: certificates, keys and rules, made once and shared by any number of streams,
 * of any loop and thread. Verification of the peer is on unless it is turned off by name. Nothing here ever
 * asks at a terminal.
 *
 * Why a handshake has failed is told by mqw_conn_stream_error, in words that name the way out. A stream that
 * ends without TLS's goodbye is no error by itself: MQTT knows where its packets end. TLS is never negotiated
 * anew within a connection, and data is never sent before the handshake is complete.
 */
#ifndef MQWIRE_TLS_H
#define MQWIRE_TLS_H

#include "packet.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Certificates, keys and rules of TLS. Counted: streams keep their own reference. */
typedef struct mqw_tls mqw_tls;

/** mqw_tls_options.client_certificate: what a server asks of its clients. */
enum {
    MQW_TLS_NONE = 0,     /**< No certificate. */
    MQW_TLS_OPTIONAL = 1, /**< One may be given; if it is, it must be good. */
    MQW_TLS_REQUIRED = 2  /**< A good one must be given. */
};

/** Writes a passphrase (no terminator) into `room`. Returns its length, or a negative number: there is none.
 */
typedef int mqw_tls_passphrase(char *room, size_t cap, void *ctx);
/** A server looks up the key of a PSK identity. Writes it into `room`; returns its length, 0: unknown. Called
 * in the thread of the stream, for each connection: those with PSK are not resumed. */
typedef int mqw_tls_find_psk(mqw_text identity, uint8_t *room, size_t cap, void *ctx);

/** Zero is the default of every field. Texts and bytes are copied; files are read when it is made and again
 * by mqw_tls_reload. */
typedef struct mqw_tls_options {
    size_t size;         /**< sizeof(mqw_tls_options); 0: the first layout. */
    const char *ca_file; /**< PEM; with ca_dir and ca all NULL: the system's store (clients). */
    const char *ca_dir;  /**< Hashed directory of certificates. */
    mqw_bytes ca;        /**< PEM in memory. */
    /** PEM; revoked certificates. The CA of the peer's own certificate must have a list in it. */
    const char *crl_file;
    const char *certificate_file;   /**< PEM, the whole chain, our own first. A server needs one, or PSK. */
    const char *key_file;           /**< PEM; NULL: in certificate_file. */
    mqw_bytes certificate;          /**< PEM in memory, instead of the file. */
    mqw_bytes key;                  /**< PEM in memory, instead of the file. */
    mqw_tls_passphrase *passphrase; /**< For an encrypted key. */
    void *passphrase_ctx;           /**< For passphrase. */
    const char *psk_identity;       /**< Client: PSK instead of certificates, or beside them. */
    mqw_bytes psk;                  /**< Client: the key of that identity. */
    const char *psk_hint;           /**< Server: told to clients of TLS 1.2. */
    mqw_tls_find_psk *find_psk;     /**< Server: accepts PSK. */
    void *find_psk_ctx;             /**< For find_psk. */
    /** Protocols for ALPN, by commas, the best first; NULL: `mqtt` (`http/1.1` below a WebSocket); "": none.
     * A server refuses clients that name others only, and takes those that name none. */
    const char *alpn;
    const char *server_name; /**< Client: SNI and the name that is verified; NULL: the host of the address. */
    const char *ciphers;     /**< TLS 1.2, OpenSSL's notation; NULL: the library's choice. */
    const char *ciphersuites; /**< TLS 1.3, OpenSSL's notation. */
    /** Appends session secrets for debugging (NSS key log format); made for its owner only (0600). */
    const char *key_log_file;
    uint16_t min_version;       /**< 0x0303 TLS 1.2 (default), 0x0304 TLS 1.3. */
    uint16_t max_version;       /**< 0: the newest. */
    uint8_t client_certificate; /**< Server: MQW_TLS_NONE, _OPTIONAL, _REQUIRED. */
    bool insecure;              /**< Client: takes any certificate of anybody. For tests only. */
    bool any_host;              /**< Client: does not compare the host name. */
    /** No session tickets, no resumed sessions. Else clients keep the last session with each host, for 16
     * hosts at most, and servers give tickets. */
    bool no_resumption;
} mqw_tls_options;

/**
 * Makes it for clients (MQW_CLIENT) or servers (MQW_SERVER). `why` (may be NULL) receives a sentence when it
 * fails: which file, what is wrong with it, and the way out.
 * @return 0 with *out, MQW_E_MISUSE, MQW_E_NO_MEMORY, or MQW_E_REFUSED with why.
 */
MQW_API int mqw_tls_new(mqw_tls **out, mqw_role role, const mqw_tls_options *options, char *why, size_t cap);
/** Drops the caller's reference. NULL is fine. */
MQW_API void mqw_tls_free(mqw_tls *tls);
/** One more reference. */
MQW_API mqw_tls *mqw_tls_keep(mqw_tls *tls);
/** Reads the files again, for connections to come; those that are there go on. Sessions are resumed across it
 * only by servers that ask for no certificates of clients. On failure all stays as it was. Results as
 * mqw_tls_new. */
MQW_API int mqw_tls_reload(mqw_tls *tls, char *why, size_t cap);

#ifdef __cplusplus
}
#endif
#endif
