// SPDX-License-Identifier: MIT
// The handshake of WebSocket (RFC 6455, section 4), at either end, without any I/O.
#ifndef MQW_TRANSPORT_UPGRADE_H
#define MQW_TRANSPORT_UPGRADE_H

#include "http.h"
#include "terms.h"

enum { MQW__WS_KEY = 24, MQW__WS_ACCEPT = 28, MQW__WS_WORDS = 192 };

typedef struct mqw__upgrade {
    mqw__terms *terms;
    mqw__http http;            /**< The other end's head. */
    char key[MQW__WS_KEY + 1]; /**< Client: what the answer must go with. */
    char *say;                 /**< What has to be sent next; NULL: nothing. */
    size_t say_len;
    char why[MQW__WS_WORDS]; /**< Why there is no WebSocket. */
    // What was agreed, and what was asked for; texts of http.
    mqw_text protocol;
    mqw_text path;
    mqw_text origin;
} mqw__upgrade;

/** NULL: no memory. */
mqw__upgrade *mqw__upgrade_new(mqw__terms *terms);
void mqw__upgrade_free(mqw__upgrade *self);
/** Client: makes the request (self->say). `nonce`: 16 random bytes. 0 or MQW_E_NO_MEMORY. */
int mqw__upgrade_ask(mqw__upgrade *self, const uint8_t *nonce);
/**
 * Takes bytes of the other end's head; what is behind it stays. 1: agreed; a server then has an answer to
 * send. 0: more is needed. MQW_E_STREAM: no WebSocket, self->why says why, and a server may have an answer to
 * send. MQW_E_NO_MEMORY.
 */
int mqw__upgrade_take(mqw__upgrade *self, mqw__span *in);
/** The value of Sec-WebSocket-Accept that goes with a key. False: no memory. */
bool mqw__upgrade_accept(char out[MQW__WS_ACCEPT + 1], const char *key, size_t len);
/** Says why not. */
__attribute__((format(printf, 2, 3))) int mqw__upgrade_refuse(mqw__upgrade *self, const char *format, ...);
/** Makes self->say of a text. 0 or MQW_E_NO_MEMORY. */
__attribute__((format(printf, 2, 3))) int mqw__upgrade_say(mqw__upgrade *self, const char *format, ...);

// answer.c

/** Judges the request that was gathered, or what it was instead (a result of mqw__http_take). As
 * mqw__upgrade_take. */
int mqw__upgrade_answer(mqw__upgrade *self, int gathered, uint8_t first);

#endif
