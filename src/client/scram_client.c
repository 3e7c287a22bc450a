// SPDX-License-Identifier: MIT
// SCRAM-SHA-256 of a client: a greeting, a proof, and the server's proof, which is looked at. Without channel
// binding: TLS may end before the server.
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "client/saslprep.h"
#include "client/scram.h"
#include "mqwire/codec.h"
#include "transport/alloc.h"

typedef enum stage { GREET, PROVE, JUDGE, OVER } stage;

typedef struct scram_client {
    stage stage;
    size_t password_len;
    size_t first_bare;     // where the greeting begins behind its `n,,`
    mqw__scram_line first; // as sent
    mqw__scram_line last;  // as sent; before the proof it is what was signed
    char nonce[MQW__SCRAM_NONCE];
    // keys are kept for the next exchange, for computing them takes long
    bool has_keys;
    uint32_t iterations;
    size_t salt_len;
    uint8_t salt[MQW__SCRAM_SALT_MAX];
    uint8_t client_key[MQW__SCRAM_KEY];
    uint8_t server_key[MQW__SCRAM_KEY];
    uint8_t signature[MQW__SCRAM_KEY];  // that the server has to show
    char password[MQW__SCRAM_NAME_MAX]; // prepared
    mqw_text user;                      // prepared and escaped
    char user_room[3 * MQW__SCRAM_NAME_MAX];
} scram_client;

static void client_reset(void *self)
{
    scram_client *scram = self;
    scram->stage = GREET;
}

static int greet(scram_client *scram, mqw_bytes *out)
{
    mqw__scram_line *line = &scram->first;
    line->len = 0;
    if (!mqw__scram_nonce(scram->nonce))
        return MQW_E_NO_MEMORY;
    mqw__scram_put(line, "n,,n=");
    mqw__scram_put_text(line, scram->user);
    mqw__scram_put(line, ",r=");
    mqw__scram_put_text(line, (mqw_text){scram->nonce, MQW__SCRAM_NONCE});
    *out = (mqw_bytes){(const uint8_t *)line->data, line->len};
    scram->stage = PROVE;
    return 1;
}

// Digits only, without a leading zero.
static bool read_iterations(mqw_text text, uint32_t *out)
{
    uint32_t value = 0;
    if (text.len == 0 || text.len > 7 || text.data[0] == '0')
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        value = value * 10 + (uint32_t)(text.data[i] - '0');
    }
    *out = value;
    return value >= MQW__SCRAM_LEAST && value <= MQW__SCRAM_MOST;
}

// Computes the keys, unless salt and iterations are those of last time.
static bool find_keys(scram_client *scram, const uint8_t *salt, size_t salt_len, uint32_t iterations)
{
    if (scram->has_keys && scram->iterations == iterations && scram->salt_len == salt_len &&
        memcmp(scram->salt, salt, salt_len) == 0)
        return true;
    scram->iterations = iterations;
    scram->salt_len = salt_len;
    memcpy(scram->salt, salt, salt_len);
    scram->has_keys = mqw__scram_keys((mqw_text){scram->password, scram->password_len}, salt, salt_len,
                                      iterations, scram->client_key, scram->server_key);
    return scram->has_keys;
}

// Signs the exchange: puts the proof behind the last message, and keeps what the server will have to show.
static bool sign(scram_client *scram, mqw_text answer)
{
    mqw__scram_signed what = {mqw__scram_text(&scram->first), answer, mqw__scram_text(&scram->last)};
    uint8_t stored[MQW__SCRAM_KEY];
    uint8_t proof[MQW__SCRAM_KEY] = {0};
    what.first.data += scram->first_bare;
    what.first.len -= scram->first_bare;
    bool done = mqw__scram_hash(stored, scram->client_key) && mqw__scram_sign(proof, stored, &what) &&
                mqw__scram_sign(scram->signature, scram->server_key, &what);
    for (int i = 0; i < MQW__SCRAM_KEY; i++)
        proof[i] ^= scram->client_key[i];
    mqw__scram_put(&scram->last, ",p=");
    mqw__scram_put_base64(&scram->last, proof, sizeof proof);
    OPENSSL_cleanse(stored, sizeof stored);
    OPENSSL_cleanse(proof, sizeof proof);
    return done && !scram->last.full;
}

static int prove(scram_client *scram, mqw_text answer, mqw_bytes *out)
{
    mqw_text nonce;
    mqw_text salt;
    mqw_text count;
    mqw_text left = answer;
    uint32_t iterations = 0;
    uint8_t bytes[MQW__SCRAM_SALT_MAX];
    if (!mqw__scram_take(&left, 'r', &nonce) || !mqw__scram_take(&left, 's', &salt) ||
        !mqw__scram_take(&left, 'i', &count) || !read_iterations(count, &iterations))
        return MQW_E_PROTOCOL;
    // The server has to go on from our nonce: else this is an exchange of another day.
    if (nonce.len <= MQW__SCRAM_NONCE || memcmp(nonce.data, scram->nonce, MQW__SCRAM_NONCE) != 0 ||
        !mqw__scram_is_nonce(nonce))
        return MQW_E_PROTOCOL;
    ptrdiff_t salt_len = mqw__scram_decode(bytes, sizeof bytes, salt);
    if (salt_len < 1)
        return MQW_E_PROTOCOL;
    if (!find_keys(scram, bytes, (size_t)salt_len, iterations))
        return MQW_E_NO_MEMORY;
    scram->last.len = 0;
    scram->last.full = false;
    mqw__scram_put(&scram->last, "c=biws,r=");
    mqw__scram_put_text(&scram->last, nonce);
    if (!sign(scram, answer))
        return scram->last.full ? MQW_E_PROTOCOL : MQW_E_NO_MEMORY;
    *out = (mqw_bytes){(const uint8_t *)scram->last.data, scram->last.len};
    scram->stage = JUDGE;
    return 1;
}

static int judge(scram_client *scram, mqw_text answer)
{
    mqw_text value;
    uint8_t signature[MQW__SCRAM_KEY];
    if (!mqw__scram_take(&answer, 'v', &value) ||
        mqw__scram_decode(signature, sizeof signature, value) != sizeof signature)
        return MQW_E_PROTOCOL;
    return CRYPTO_memcmp(signature, scram->signature, sizeof signature) == 0 ? 0 : MQW_E_PROTOCOL;
}

static int client_step(void *self, mqw_bytes in, mqw_bytes *out)
{
    scram_client *scram = self;
    stage now = scram->stage;
    mqw_text text = {(const char *)in.data, in.len};
    *out = (mqw_bytes){NULL, 0};
    scram->stage = OVER; // unless it goes on
    if (in.len > MQW__SCRAM_MESSAGE_MAX || (now == GREET) != (in.len == 0))
        return MQW_E_PROTOCOL;
    if (now == GREET)
        return greet(scram, out);
    if (now == PROVE)
        return prove(scram, text, out);
    return now == JUDGE ? judge(scram, text) : MQW_E_PROTOCOL;
}

static void client_free(void *self)
{
    OPENSSL_cleanse(self, sizeof(scram_client));
    free(self);
}

// `=` and `,` stand for themselves only as =3D and =2C.
static mqw_text escape(char *room, mqw_text name)
{
    char *to = room;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        if (c == '=' || c == ',') {
            *to++ = '=';
            *to++ = c == '=' ? '3' : '2';
            *to++ = c == '=' ? 'D' : 'C';
        } else {
            *to++ = c;
        }
    }
    return (mqw_text){room, (size_t)(to - room)};
}

int mqw_scram_client(mqw_auth *out, mqw_text user, mqw_text password)
{
    char name[MQW__SCRAM_NAME_MAX];
    if (!out || user.len > sizeof name || password.len > MQW__SCRAM_NAME_MAX)
        return MQW_E_MISUSE;
    scram_client *scram = mqw__uv_new(sizeof *scram);
    if (!scram)
        return MQW_E_NO_MEMORY;
    ptrdiff_t name_len = mqw__saslprep(name, user);
    ptrdiff_t password_len = mqw__saslprep(scram->password, password);
    if (name_len < 1 || password_len < 0) {
        client_free(scram);
        return MQW_E_MISUSE;
    }
    scram->user = escape(scram->user_room, (mqw_text){name, (size_t)name_len});
    scram->password_len = (size_t)password_len;
    scram->first_bare = strlen("n,,");
    *out = (mqw_auth){.size = sizeof *out, .method = "SCRAM-SHA-256", .self = scram};
    out->reset = client_reset;
    out->step = client_step;
    out->free = client_free;
    return 0;
}

void mqw_auth_free(mqw_auth *auth)
{
    if (!auth)
        return;
    if (auth->free)
        auth->free(auth->self);
    *auth = (mqw_auth){0};
}
