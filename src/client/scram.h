// SPDX-License-Identifier: MIT
// What both ends of SCRAM-SHA-256 share: keys, proofs, and messages of `letter=value` with commas in between
// (RFC 5802).
#ifndef MQW_CLIENT_SCRAM_H
#define MQW_CLIENT_SCRAM_H

#include "mqwire/auth.h"

enum {
    MQW__SCRAM_KEY = 32,
    MQW__SCRAM_NONCE = 20,         /**< Characters of a nonce of ours. */
    MQW__SCRAM_NAME_MAX = 512,     /**< Longest user name, and longest password. */
    MQW__SCRAM_SALT_MAX = 256,     /**< Longest salt that a client takes. */
    MQW__SCRAM_MESSAGE_MAX = 2048, /**< Longest message either way. */
    MQW__SCRAM_LEAST = 4096,       /**< Iterations. */
    MQW__SCRAM_MOST = 1000000
};

/** A text that is put together. What does not fit makes it `full`, once and for all. */
typedef struct mqw__scram_line {
    size_t len;
    bool full;
    char data[MQW__SCRAM_MESSAGE_MAX];
} mqw__scram_line;

void mqw__scram_put(mqw__scram_line *line, const char *text);
void mqw__scram_put_text(mqw__scram_line *line, mqw_text text);
void mqw__scram_put_base64(mqw__scram_line *line, const uint8_t *data, size_t len);
static inline mqw_text mqw__scram_text(const mqw__scram_line *line)
{
    return (mqw_text){line->data, line->len};
}

/** Takes `letter=value` and the comma behind it off `left`. False: something else stands there. */
bool mqw__scram_take(mqw_text *left, char letter, mqw_text *value);
/** Decodes base64, strictly. Length, or -1: it is wrong, or longer than `cap`. */
ptrdiff_t mqw__scram_decode(uint8_t *out, size_t cap, mqw_text text);
/** Whether it may be a nonce, or a part of one: visible ASCII without commas. */
bool mqw__scram_is_nonce(mqw_text text);
/** Writes a fresh nonce. */
bool mqw__scram_nonce(char out[MQW__SCRAM_NONCE]);

/** What both ends sign: three messages, the last without its proof. */
typedef struct mqw__scram_signed {
    mqw_text first, answer, last;
} mqw__scram_signed;

/** Keys of a prepared password. False: the library failed. */
bool mqw__scram_keys(mqw_text password, const uint8_t *salt, size_t salt_len, uint32_t iterations,
                     uint8_t client_key[MQW__SCRAM_KEY], uint8_t server_key[MQW__SCRAM_KEY]);
bool mqw__scram_hash(uint8_t out[MQW__SCRAM_KEY], const uint8_t in[MQW__SCRAM_KEY]);
/** The signature of an exchange with a key. */
bool mqw__scram_sign(uint8_t out[MQW__SCRAM_KEY], const uint8_t key[MQW__SCRAM_KEY],
                     const mqw__scram_signed *what);

#endif
