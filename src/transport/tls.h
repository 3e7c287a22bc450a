// SPDX-License-Identifier: MIT
// TLS: what the files of this noun share, and how a stream gets a layer of it.
#ifndef MQW_TRANSPORT_TLS_H
#define MQW_TRANSPORT_TLS_H

#include <openssl/ssl.h>
#include <stdatomic.h>
#include <uv.h>

#include "layer.h"
#include "mqwire/transport.h"

enum { MQW__TLS_SESSIONS = 16, MQW__TLS_WORDS = 256 };

/** The last session with a host, for the next connection to it. */
typedef struct mqw__tls_session {
    char *host;
    SSL_SESSION *session;
} mqw__tls_session;

struct mqw_tls {
    mqw_tls_options options; /**< Texts and bytes are its own. */
    mqw_role role;
    atomic_uint refs;
    int key_log;     /**< Descriptor of the key log; -1: none. */
    BIO_METHOD *bio; /**< How a layer's bytes are read and written. */
    uv_mutex_t lock; /**< Over what follows: streams may be moved to other threads. */
    SSL_CTX *ctx;
    mqw__tls_session sessions[MQW__TLS_SESSIONS]; /**< The latest first. */
};

/** Where a sentence goes that says why something failed. */
typedef struct mqw__tls_why {
    char *text;
    size_t cap; /**< 0: nobody wants it. */
} mqw__tls_why;

typedef struct mqw__tls_layer {
    mqw__layer layer;
    mqw_tls *tls;
    SSL *ssl;
    mqw__span *in;     /**< What may be read, while decode runs. */
    const char *alpn;  /**< Protocols, by commas; "": none. */
    char *host;        /**< Client: what is verified; NULL: nothing. */
    char *certificate; /**< What is wrong with the peer's certificate, in words; NULL: nothing. */
    char *words;       /**< Why it failed; NULL: it did not, or there is no memory to say so. */
    char *psk;         /**< PSK identity that was agreed, or (see unknown_psk) is not known; NULL: none. */
    uint8_t *own;      /**< Room for a piece when there is no scratch. */
    int fault;         /**< What decode has to tell when all that came before was taken. */
    uint8_t head[8];   /**< What arrived first. */
    uint8_t head_len;
    bool failed;            /**< SSL must not be touched any more. */
    bool asked_certificate; /**< Client: the server wants one, and we have none. */
    bool unknown_psk;       /**< Server: the identity is not known. */
    bool no_memory;         /**< Pushing bytes has failed for want of it. */
} mqw__tls_layer;

// tls_layer.c

/**
 * Puts TLS on top of a stream. `host`: the peer's name or address without brackets; tls's server_name goes
 * before it; NULL: none. `default_alpn`: for a tls that names no protocols; a text that stays. 0,
 * MQW_E_MISUSE (no name to verify) or MQW_E_NO_MEMORY.
 */
int mqw__stream_tls(mqw_stream *stream, mqw_tls *tls, const char *host, const char *default_alpn);
/** A layer of its own. `*out` is set when it returns 0. */
int mqw__tls_layer_new(mqw__layer **out, mqw_tls *tls, const char *host, const char *default_alpn);
/** How layers read and write. NULL: no memory. */
BIO_METHOD *mqw__tls_bio(void);
/** If this is a layer of TLS that names no protocols itself and has not started: a WebSocket will be above
 * it, which has another protocol for ALPN than MQTT. False: no memory. */
bool mqw__tls_below_websocket(mqw__layer *layer);
/** The layer that an SSL belongs to. */
mqw__tls_layer *mqw__tls_layer_of(const SSL *ssl);

// tls.c

mqw_role mqw__tls_role(const mqw_tls *tls);
/** A new reference on the context of the moment. */
SSL_CTX *mqw__tls_context(mqw_tls *tls);

// tls_options.c

/** Copies options with all that they point at. 0 or MQW_E_NO_MEMORY. */
int mqw__tls_options_copy(mqw_tls_options *out, const mqw_tls_options *options);
/** Frees a copy; secrets are wiped. */
void mqw__tls_options_clear(mqw_tls_options *options);
/** Whether they make sense for that role. 0, MQW_E_MISUSE or MQW_E_REFUSED. */
int mqw__tls_options_check(const mqw_tls_options *options, mqw_role role, mqw__tls_why *why);

// tls_load.c, tls_trust.c

/** Says why, and gives `result`, or MQW_E_NO_MEMORY when OpenSSL has run out of it. */
__attribute__((format(printf, 3, 4))) int mqw__tls_say(mqw__tls_why *why, int result, const char *format,
                                                       ...);
/** Makes a context of what the options say; reads the files. 0, MQW_E_REFUSED or MQW_E_NO_MEMORY. */
int mqw__tls_load(SSL_CTX **out, mqw_tls *tls, mqw__tls_why *why);
/** Opens a file, or bytes in memory when `path` is NULL. 0, MQW_E_REFUSED or MQW_E_NO_MEMORY. */
int mqw__tls_source(BIO **out, const char *what, const char *path, mqw_bytes bytes, mqw__tls_why *why);
/** What counts as good in a peer's certificate. */
int mqw__tls_load_trust(SSL_CTX *ctx, const mqw_tls *tls, mqw__tls_why *why);

// tls_resume.c

/** Whether sessions are resumed at all. */
bool mqw__tls_resumes(const mqw_tls *tls);
/** Sets up how sessions are kept and tickets are given. */
void mqw__tls_resume_set(SSL_CTX *ctx, const mqw_tls *tls);
/** Tickets given by the old context are good for the new one, too. */
void mqw__tls_resume_carry(SSL_CTX *ctx, SSL_CTX *old, const mqw_tls *tls);
/** The client offers its last session with that host. */
void mqw__tls_resume_offer(mqw__tls_layer *self);
/** Forgets the session with that host; NULL: all. The lock is the caller's in the latter case. */
void mqw__tls_resume_forget(mqw_tls *tls, const char *host);

// tls_psk.c

void mqw__tls_psk_set(SSL_CTX *ctx, const mqw_tls *tls);

// tls_alpn.c

/** Whether a list by commas can be said: each name has 1 to 255 bytes, all together are no more than `cap`.
 */
bool mqw__tls_alpn_sound(const char *list);
/** The list of a client, as it is sent. False: no memory. */
bool mqw__tls_alpn_offer(mqw__tls_layer *self);
/** How a server chooses. */
void mqw__tls_alpn_set(SSL_CTX *ctx);

// tls_verify.c

/** Called by OpenSSL for each certificate of the peer; notes what is wrong with it. */
int mqw__tls_verify(int good, X509_STORE_CTX *store);
/** What is wrong with a peer's certificate, in words. `cert` may be NULL. */
void mqw__tls_verify_words(char *out, size_t cap, const mqw__tls_layer *self, int error, int depth,
                           X509 *cert);
/** Bytes of a peer as text that commands no terminal, cut at `cap`. */
void mqw__tls_plain(char *out, size_t cap, const void *bytes, size_t len);
/** A name as text, cut at `cap`. */
void mqw__tls_name(char *out, size_t cap, const X509_NAME *name);

// tls_words.c

/** Notes why TLS has failed, from what OpenSSL and the peer have said. The result for the layer. */
int mqw__tls_fail(mqw__tls_layer *self);
/** The peer has ended before TLS was there. */
int mqw__tls_cut(mqw__tls_layer *self);

// tls_facts.c

void mqw__tls_facts(const mqw__layer *layer, mqw_stream_facts *facts);

#endif
