// SPDX-License-Identifier: MIT
// The arithmetic and the grammar of SCRAM-SHA-256, with OpenSSL's hash, base64 and random numbers.
#include "scram.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "client/chance.h"

// --- putting together ---

void mqw__scram_put_text(mqw__scram_line *line, mqw_text text)
{
    if (line->full || text.len > sizeof line->data - line->len) {
        line->full = true;
        return;
    }
    if (text.len)
        memcpy(line->data + line->len, text.data, text.len);
    line->len += text.len;
}

void mqw__scram_put(mqw__scram_line *line, const char *text)
{
    mqw__scram_put_text(line, (mqw_text){text, strlen(text)});
}

void mqw__scram_put_base64(mqw__scram_line *line, const uint8_t *data, size_t len)
{
    char text[MQW__SCRAM_SALT_MAX * 4 / 3 + 5];
    if (len > MQW__SCRAM_SALT_MAX) {
        line->full = true;
        return;
    }
    int size = EVP_EncodeBlock((unsigned char *)text, data, (int)len);
    mqw__scram_put_text(line, (mqw_text){text, (size_t)size});
    OPENSSL_cleanse(text, sizeof text);
}

// --- taking apart ---

bool mqw__scram_take(mqw_text *left, char letter, mqw_text *value)
{
    if (left->len < 2 || left->data[0] != letter || left->data[1] != '=')
        return false;
    const char *comma = memchr(left->data, ',', left->len);
    size_t len = comma ? (size_t)(comma - left->data) : left->len;
    *value = (mqw_text){left->data + 2, len - 2};
    if (comma)
        len++;
    *left = (mqw_text){left->data + len, left->len - len};
    return true;
}

// OpenSSL lets spaces and bad padding pass; what was decoded must be written as it stood there.
ptrdiff_t mqw__scram_decode(uint8_t *out, size_t cap, mqw_text text)
{
    uint8_t room[MQW__SCRAM_SALT_MAX + 3];
    char again[sizeof room * 4 / 3 + 5];
    if (text.len == 0 || text.len % 4 != 0 || text.len / 4 * 3 > sizeof room)
        return -1;
    int len = EVP_DecodeBlock(room, (const unsigned char *)text.data, (int)text.len);
    if (len < 0)
        return -1;
    for (size_t i = text.len; i > text.len - 2 && text.data[i - 1] == '='; i--)
        len--;
    EVP_EncodeBlock((unsigned char *)again, room, len);
    bool same = strlen(again) == text.len && memcmp(again, text.data, text.len) == 0;
    if (same && (size_t)len <= cap)
        memcpy(out, room, (size_t)len);
    OPENSSL_cleanse(room, sizeof room);
    OPENSSL_cleanse(again, sizeof again);
    return same && (size_t)len <= cap ? len : -1;
}

bool mqw__scram_is_nonce(mqw_text text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < 0x21 || text.data[i] > 0x7E || text.data[i] == ',')
            return false;
    return text.len > 0;
}

bool mqw__scram_nonce(char out[MQW__SCRAM_NONCE])
{
    uint8_t bytes[MQW__SCRAM_NONCE / 4 * 3];
    unsigned char text[MQW__SCRAM_NONCE + 1];
    if (!mqw__chance(bytes, sizeof bytes))
        return false;
    EVP_EncodeBlock(text, bytes, sizeof bytes);
    memcpy(out, text, MQW__SCRAM_NONCE);
    return true;
}

// --- arithmetic ---

static bool hmac(uint8_t out[MQW__SCRAM_KEY], const uint8_t key[MQW__SCRAM_KEY], mqw_text text)
{
    unsigned len = 0;
    return HMAC(EVP_sha256(), key, MQW__SCRAM_KEY, (const unsigned char *)text.data, text.len, out, &len) &&
           len == MQW__SCRAM_KEY;
}

bool mqw__scram_keys(mqw_text password, const uint8_t *salt, size_t salt_len, uint32_t iterations,
                     uint8_t client_key[MQW__SCRAM_KEY], uint8_t server_key[MQW__SCRAM_KEY])
{
    uint8_t salted[MQW__SCRAM_KEY];
    bool done = PKCS5_PBKDF2_HMAC(password.data, (int)password.len, salt, (int)salt_len, (int)iterations,
                                  EVP_sha256(), sizeof salted, salted) == 1 &&
                hmac(client_key, salted, MQW_TEXT("Client Key")) &&
                hmac(server_key, salted, MQW_TEXT("Server Key"));
    OPENSSL_cleanse(salted, sizeof salted);
    return done;
}

bool mqw__scram_hash(uint8_t out[MQW__SCRAM_KEY], const uint8_t in[MQW__SCRAM_KEY])
{
    unsigned len = 0;
    return EVP_Digest(in, MQW__SCRAM_KEY, out, &len, EVP_sha256(), NULL) == 1 && len == MQW__SCRAM_KEY;
}

bool mqw__scram_sign(uint8_t out[MQW__SCRAM_KEY], const uint8_t key[MQW__SCRAM_KEY],
                     const mqw__scram_signed *what)
{
    char room[3 * MQW__SCRAM_MESSAGE_MAX + 2];
    const mqw_text parts[] = {what->first, what->answer, what->last};
    size_t len = 0;
    for (int i = 0; i < 3; i++) {
        if (parts[i].len > MQW__SCRAM_MESSAGE_MAX)
            return false;
        if (i > 0)
            room[len++] = ',';
        memcpy(room + len, parts[i].data, parts[i].len);
        len += parts[i].len;
    }
    return hmac(out, key, (mqw_text){room, len});
}
