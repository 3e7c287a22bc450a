// SPDX-License-Identifier: MIT
// SCRAM-SHA-256 of a server. Users who do not exist are led on to the end with a secret made up, the same
// each time, so that nobody learns who exists.
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/chance.h"
#include "client/saslprep.h"
#include "client/scram.h"
#include "mqwire/codec.h"
#include "transport/alloc.h"

enum { FRESH_SALT = 16, PEER_NONCE_MAX = 256 };

typedef enum stage { ANSWER, JUDGE, OVER } stage;

typedef struct scram_server {
    mqw_scram_find *find;
    void *ctx;
    uint8_t key[MQW__SCRAM_KEY]; // of what is made up
    stage stage;
    bool known; // the user exists
    bool proven;
    char header; // of the greeting: n or y
    mqw_scram_secret secret;
    mqw__scram_line first; // of the client, behind its header
    mqw__scram_line answer;
    mqw__scram_line last;
    mqw_text nonce; // both parts, in `answer`
    size_t user_len;
    char user[MQW__SCRAM_NAME_MAX];
} scram_server;

static void server_reset(void *self)
{
    scram_server *scram = self;
    scram->stage = ANSWER;
    scram->proven = false;
    scram->user_len = 0;
    OPENSSL_cleanse(&scram->secret, sizeof scram->secret);
}

// --- the greeting ---

// Resolves =2C and =3D and prepares the name.
static bool read_user(scram_server *scram, mqw_text escaped)
{
    char name[MQW__SCRAM_NAME_MAX];
    size_t len = 0;
    for (size_t i = 0; i < escaped.len; i++) {
        char c = escaped.data[i];
        if (c == '=') {
            if (escaped.len - i < 3)
                return false;
            bool equals = memcmp(escaped.data + i, "=3D", 3) == 0;
            if (!equals && memcmp(escaped.data + i, "=2C", 3) != 0)
                return false;
            c = equals ? '=' : ',';
            i += 2;
        }
        if (len == sizeof name)
            return false;
        name[len++] = c;
    }
    ptrdiff_t prepared = mqw__saslprep(scram->user, (mqw_text){name, len});
    scram->user_len = prepared > 0 ? (size_t)prepared : 0;
    return prepared > 0;
}

// A salt of the name and our key, and keys that no password has. What `find` has left in the secret beside
// them is kept, so that they look like those of others.
static bool make_up(scram_server *scram)
{
    mqw_scram_secret *secret = &scram->secret;
    unsigned len = 0;
    if (secret->iterations < MQW__SCRAM_LEAST || secret->iterations > MQW__SCRAM_MOST)
        secret->iterations = MQW__SCRAM_LEAST;
    if (secret->salt_len == 0 || secret->salt_len > sizeof secret->salt)
        secret->salt_len = FRESH_SALT;
    return HMAC(EVP_sha512(), scram->key, sizeof scram->key, (const unsigned char *)scram->user,
                scram->user_len, secret->salt, &len) &&
           len == sizeof secret->salt && mqw__chance(secret->stored_key, sizeof secret->stored_key) &&
           mqw__chance(secret->server_key, sizeof secret->server_key);
}

static bool find_secret(scram_server *scram)
{
    mqw_scram_secret *secret = &scram->secret;
    memset(secret, 0, sizeof *secret);
    int found = scram->find((mqw_text){scram->user, scram->user_len}, secret, scram->ctx);
    scram->known = found >= 0 && secret->iterations >= MQW__SCRAM_LEAST &&
                   secret->iterations <= MQW__SCRAM_MOST && secret->salt_len > 0 &&
                   secret->salt_len <= sizeof secret->salt;
    return scram->known || make_up(scram);
}

static int write_answer(scram_server *scram, mqw_text peer_nonce, mqw_bytes *out)
{
    mqw__scram_line *line = &scram->answer;
    char nonce[MQW__SCRAM_NONCE];
    char count[16];
    if (!mqw__scram_nonce(nonce))
        return MQW_E_NO_MEMORY;
    line->len = 0;
    mqw__scram_put(line, "r=");
    mqw__scram_put_text(line, peer_nonce);
    mqw__scram_put_text(line, (mqw_text){nonce, sizeof nonce});
    scram->nonce = (mqw_text){line->data + 2, line->len - 2};
    mqw__scram_put(line, ",s=");
    mqw__scram_put_base64(line, scram->secret.salt, scram->secret.salt_len);
    snprintf(count, sizeof count, ",i=%u", (unsigned)scram->secret.iterations);
    mqw__scram_put(line, count);
    *out = (mqw_bytes){(const uint8_t *)line->data, line->len};
    scram->stage = JUDGE;
    return 1;
}

// n,,n=user,r=nonce: no channel binding, nobody else's identity.
static int answer(scram_server *scram, mqw_text in, mqw_bytes *out)
{
    mqw_text user;
    mqw_text nonce;
    if (in.len < 3 || (in.data[0] != 'n' && in.data[0] != 'y') || memcmp(in.data + 1, ",,", 2) != 0)
        return MQW_E_PROTOCOL;
    scram->header = in.data[0];
    mqw_text left = {in.data + 3, in.len - 3};
    scram->first.len = 0;
    mqw__scram_put_text(&scram->first, left);
    if (!mqw__scram_take(&left, 'n', &user) || !mqw__scram_take(&left, 'r', &nonce) ||
        !mqw__scram_is_nonce(nonce) || nonce.len > PEER_NONCE_MAX || !read_user(scram, user))
        return MQW_E_PROTOCOL;
    return find_secret(scram) ? write_answer(scram, nonce, out) : MQW_E_NO_MEMORY;
}

// --- the proof ---

// Whether the proof is that of somebody who knows the password; *what is signed by it.
static bool is_proof(const scram_server *scram, const uint8_t proof[MQW__SCRAM_KEY],
                     const mqw__scram_signed *what)
{
    uint8_t key[MQW__SCRAM_KEY];
    uint8_t stored[MQW__SCRAM_KEY];
    bool done = mqw__scram_sign(key, scram->secret.stored_key, what);
    for (int i = 0; i < MQW__SCRAM_KEY; i++)
        key[i] ^= proof[i];
    done = mqw__scram_hash(stored, key) && done;
    bool same = CRYPTO_memcmp(stored, scram->secret.stored_key, sizeof stored) == 0;
    OPENSSL_cleanse(key, sizeof key);
    return done && same && scram->known;
}

static int judge(scram_server *scram, mqw_text in, mqw_bytes *out)
{
    mqw_text binding;
    mqw_text nonce;
    mqw_text value;
    uint8_t proof[MQW__SCRAM_KEY];
    mqw_text left = in;
    const char *expected = scram->header == 'n' ? "biws" : "eSws"; // its header in base64
    if (!mqw__scram_take(&left, 'c', &binding) || binding.len != 4 ||
        memcmp(binding.data, expected, 4) != 0 || !mqw__scram_take(&left, 'r', &nonce) ||
        nonce.len != scram->nonce.len || CRYPTO_memcmp(nonce.data, scram->nonce.data, nonce.len) != 0)
        return MQW_E_PROTOCOL;
    bool extended = true;
    while (extended && left.len > 2 && left.data[0] != 'p')
        extended = mqw__scram_take(&left, left.data[0], &value); // nobody has to understand them
    mqw_text before = {in.data, (size_t)(left.data - in.data) - 1};
    if (!mqw__scram_take(&left, 'p', &value) || left.len > 0 ||
        mqw__scram_decode(proof, sizeof proof, value) != sizeof proof)
        return MQW_E_PROTOCOL;
    mqw__scram_signed what = {mqw__scram_text(&scram->first), mqw__scram_text(&scram->answer), before};
    uint8_t signature[MQW__SCRAM_KEY];
    if (!is_proof(scram, proof, &what))
        return MQW_E_REFUSED;
    if (!mqw__scram_sign(signature, scram->secret.server_key, &what))
        return MQW_E_NO_MEMORY;
    scram->last.len = 0;
    mqw__scram_put(&scram->last, "v=");
    mqw__scram_put_base64(&scram->last, signature, sizeof signature);
    *out = (mqw_bytes){(const uint8_t *)scram->last.data, scram->last.len};
    scram->proven = true;
    return 0;
}

static int server_step(void *self, mqw_bytes in, mqw_bytes *out)
{
    scram_server *scram = self;
    stage now = scram->stage;
    mqw_text text = {(const char *)in.data, in.len};
    *out = (mqw_bytes){NULL, 0};
    scram->stage = OVER; // unless it goes on
    if (in.len == 0 || in.len > MQW__SCRAM_MESSAGE_MAX)
        return MQW_E_PROTOCOL;
    if (now == ANSWER)
        return answer(scram, text, out);
    return now == JUDGE ? judge(scram, text, out) : MQW_E_PROTOCOL;
}

static void server_free(void *self)
{
    OPENSSL_cleanse(self, sizeof(scram_server));
    free(self);
}

int mqw_scram_server(mqw_auth *out, mqw_scram_find *find, void *ctx, mqw_bytes key)
{
    unsigned len = 0;
    if (!out || !find)
        return MQW_E_MISUSE;
    scram_server *scram = mqw__uv_new(sizeof *scram);
    if (!scram)
        return MQW_E_NO_MEMORY;
    scram->find = find;
    scram->ctx = ctx;
    if (!(key.len ? EVP_Digest(key.data, key.len, scram->key, &len, EVP_sha256(), NULL) == 1
                  : mqw__chance(scram->key, sizeof scram->key))) {
        server_free(scram);
        return MQW_E_NO_MEMORY;
    }
    *out = (mqw_auth){.size = sizeof *out, .method = "SCRAM-SHA-256", .self = scram};
    out->reset = server_reset;
    out->step = server_step;
    out->free = server_free;
    return 0;
}

mqw_text mqw_scram_user(const mqw_auth *auth)
{
    const scram_server *scram = auth && auth->step == server_step ? auth->self : NULL;
    return scram && scram->proven ? (mqw_text){scram->user, scram->user_len} : (mqw_text){NULL, 0};
}

int mqw_scram_secret_make(mqw_scram_secret *out, mqw_text password, uint32_t iterations)
{
    char prepared[MQW__SCRAM_NAME_MAX];
    uint8_t client_key[MQW__SCRAM_KEY];
    if (iterations == 0)
        iterations = MQW__SCRAM_LEAST;
    if (!out || password.len > sizeof prepared || iterations < MQW__SCRAM_LEAST ||
        iterations > MQW__SCRAM_MOST)
        return MQW_E_MISUSE;
    ptrdiff_t len = mqw__saslprep(prepared, password);
    if (len < 0)
        return MQW_E_MISUSE;
    memset(out, 0, sizeof *out);
    out->salt_len = FRESH_SALT;
    out->iterations = iterations;
    bool done = mqw__chance(out->salt, out->salt_len) &&
                mqw__scram_keys((mqw_text){prepared, (size_t)len}, out->salt, out->salt_len, iterations,
                                client_key, out->server_key) &&
                mqw__scram_hash(out->stored_key, client_key);
    OPENSSL_cleanse(prepared, sizeof prepared);
    OPENSSL_cleanse(client_key, sizeof client_key);
    return done ? 0 : MQW_E_NO_MEMORY;
}
