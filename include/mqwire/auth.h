// SPDX-License-Identifier: MIT
/**
 * @file auth.h
 * Enhanced authentication (section 4.12): a method is one object per exchange or connection, for either end.
 * SCRAM-SHA-256 (RFC 5802, 7677) is built in.
 */
#ifndef MQWIRE_AUTH_H
#define MQWIRE_AUTH_H

#include "packet.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A method of authentication, as a table of functions with a state. */
typedef struct mqw_auth {
    size_t size;        /**< sizeof(mqw_auth); 0: the first layout. */
    const char *method; /**< Its name: the authentication method property. */
    void *self;         /**< For the functions. */
    /** Begins anew (also for a re-authentication). May be NULL. */
    void (*reset)(void *self);
    /**
     * Takes what the other end has said (empty at the start of a client) and gives what to answer, which
     * lives until the next call.
     * @return 1: *out is to be sent, more is to come; 0: this end is satisfied, *out (may be empty) is the
     * last thing to say; negative: not authorized: the exchange has failed.
     */
    int (*step)(void *self, mqw_bytes in, mqw_bytes *out);
    void (*free)(void *self); /**< Frees `self`. May be NULL. */
} mqw_auth;

/**
 * SCRAM-SHA-256 for a client. Fills in *out; end it with mqw_auth_free. A server whose proof is wrong or
 * missing is refused, and so are iteration counts below 4096 and above 1 million, which would hold up the
 * loop for seconds. There is no channel binding: TLS may end before the server.
 *
 * `user` and `password`: UTF-8, at most 512 bytes each; copied, wiped when freed. They are prepared as RFC
 * 4013 (SASLprep) says, but for its normalization: ASCII and what is normalized already (NFKC) pass, what
 * normalization could change is MQW_E_MISUSE, and so are control characters and an empty user name.
 * @return 0, MQW_E_MISUSE or MQW_E_NO_MEMORY.
 */
MQW_API int mqw_scram_client(mqw_auth *out, mqw_text user, mqw_text password);

/** What a server keeps of a password. */
typedef struct mqw_scram_secret {
    uint8_t salt[64];       /**< Random. */
    size_t salt_len;        /**< At most 64. */
    uint32_t iterations;    /**< 4096 to 1 million. */
    uint8_t stored_key[32]; /**< H(ClientKey). */
    uint8_t server_key[32]; /**< For the proof of the server. */
} mqw_scram_secret;
/** Makes a secret of a password (see mqw_scram_client) with a fresh salt of 16 bytes. `iterations` 0: 4096;
 * at most 1 million. Takes milliseconds and more. 0, MQW_E_MISUSE or MQW_E_NO_MEMORY. */
MQW_API int mqw_scram_secret_make(mqw_scram_secret *out, mqw_text password, uint32_t iterations);
/** Looks a prepared user name up. 0: *out is filled in; negative: unknown. The exchange then goes on with a
 * made-up secret and fails at its end; out->iterations and out->salt_len say what it should look like (0:
 * 4096 and 16), as those of other users. */
typedef int mqw_scram_find(mqw_text user, mqw_scram_secret *out, void *ctx);
/** SCRAM-SHA-256 for a server: one object per connection. `key`: any bytes that nobody else knows and that
 * are the same for all connections and as long as the users are; the salts of users who do not exist are made
 * of it. Empty: a random one, by which a peer who comes twice can tell them from others. Results as
 * mqw_scram_client. */
MQW_API int mqw_scram_server(mqw_auth *out, mqw_scram_find *find, void *ctx, mqw_bytes key);
/** The user of a server's exchange that has succeeded; empty before. Lives until reset or free. */
MQW_API mqw_text mqw_scram_user(const mqw_auth *auth);
/** Frees what is behind it and zeroes the struct. NULL is fine. */
MQW_API void mqw_auth_free(mqw_auth *auth);

#ifdef __cplusplus
}
#endif
#endif
