// SPDX-License-Identifier: MIT
// Secrets of users: lines of the password file, hashes of crypt(3), secrets of SCRAM as text; see users.h.
#include "users.h"

#include <crypt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mqwire/codec.h>

void users_wipe(void *secret, size_t len)
{
    explicit_bzero(secret, len);
}

/* --- Lines -------------------------------------------------------------------------------------------- */

const char *users_split(char *line, char **name, char **hash, char **scram)
{
    static char nothing[] = "";
    line[strcspn(line, "\r\n")] = '\0';
    *name = *hash = *scram = nothing;
    if (*line == '\0' || *line == '#')
        return NULL;
    char *colon = strchr(line, ':');
    if (colon == NULL || colon == line)
        return "NAME:HASH is wanted; mqw passwd makes such lines";
    if ((size_t)(colon - line) > USERS_NAME)
        return "the name is too long";
    *colon = '\0';
    *name = line;
    *hash = colon + 1;
    colon = strchr(*hash, ':');
    if (colon) {
        *colon = '\0';
        *scram = colon + 1;
    }
    if (mqw_utf8_check((mqw_text){*name, strlen(*name)}) != 0)
        return "the name is not UTF-8";
    if (strlen(*hash) >= USERS_HASH ||
        (**hash && (**hash != '$' || crypt_checksalt(*hash) == CRYPT_SALT_INVALID)))
        return "that is no hash of crypt(3); mqw passwd makes one";
    return **hash == '\0' && **scram == '\0' ? "there is neither a hash nor a SCRAM secret" : NULL;
}

/* --- Base64 ------------------------------------------------------------------------------------------- */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static size_t put_base64(const uint8_t *bytes, size_t len, char *out)
{
    size_t used = 0;
    for (size_t i = 0; i < len; i += 3) {
        uint32_t three = (uint32_t)bytes[i] << 16 | (uint32_t)(i + 1 < len ? bytes[i + 1] : 0) << 8 |
                         (i + 2 < len ? bytes[i + 2] : 0);
        for (unsigned n = 0; n < 4; n++)
            out[used++] = i + n > len ? '=' : alphabet[three >> (18 - 6 * n) & 63];
    }
    out[used] = '\0';
    return used;
}

// Returns how many bytes; 0: that is no base64, or too much.
static size_t read_base64(const char *text, size_t len, uint8_t *out, size_t cap)
{
    size_t used = 0;
    uint32_t bits = 0;
    unsigned have = 0;
    while (len > 0 && text[len - 1] == '=')
        len--;
    for (size_t i = 0; i < len; i++) {
        const char *at = text[i] ? strchr(alphabet, text[i]) : NULL;
        if (at == NULL)
            return 0;
        bits = bits << 6 | (uint32_t)(at - alphabet);
        have += 6;
        if (have < 8)
            continue;
        have -= 8;
        if (used == cap)
            return 0;
        out[used++] = (uint8_t)(bits >> have);
    }
    return used;
}

/* --- SCRAM -------------------------------------------------------------------------------------------- */

// As PostgreSQL writes it: SCRAM-SHA-256$ITERATIONS:SALT$STORED_KEY:SERVER_KEY
static const char scram_name[] = "SCRAM-SHA-256$";

void users_scram_show(const mqw_scram_secret *secret, char *out, size_t cap)
{
    char salt[128], stored[64], server[64];
    put_base64(secret->salt, secret->salt_len, salt);
    put_base64(secret->stored_key, sizeof(secret->stored_key), stored);
    put_base64(secret->server_key, sizeof(secret->server_key), server);
    snprintf(out, cap, "%s%u:%s$%s:%s", scram_name, (unsigned)secret->iterations, salt, stored, server);
    users_wipe(stored, sizeof(stored));
    users_wipe(server, sizeof(server));
}

// Reads base64 up to one of `ends`, and passes over that. Zero: wrong.
static size_t take_base64(const char **text, char end, uint8_t *out, size_t cap)
{
    const char *stop = end ? strchr(*text, end) : *text + strlen(*text);
    size_t len = stop ? read_base64(*text, (size_t)(stop - *text), out, cap) : 0;
    *text = stop && end ? stop + 1 : *text;
    return len;
}

bool users_scram_read(const char *text, mqw_scram_secret *out)
{
    size_t skip = sizeof(scram_name) - 1;
    char *end = NULL;
    *out = (mqw_scram_secret){.salt_len = 0};
    if (strncmp(text, scram_name, skip) != 0 || text[skip] < '1' || text[skip] > '9')
        return false;
    unsigned long iterations = strtoul(text + skip, &end, 10);
    if (*end != ':' || iterations < 4096 || iterations > 1000000)
        return false;
    text = end + 1;
    out->iterations = (uint32_t)iterations;
    out->salt_len = take_base64(&text, '$', out->salt, sizeof(out->salt));
    return out->salt_len > 0 &&
           take_base64(&text, ':', out->stored_key, sizeof(out->stored_key)) == sizeof(out->stored_key) &&
           take_base64(&text, '\0', out->server_key, sizeof(out->server_key)) == sizeof(out->server_key);
}

/* --- Hashes ------------------------------------------------------------------------------------------- */

// In constant time; how long a hash is, is no secret.
static bool is_same(const char *a, const char *b)
{
    size_t len = strlen(a);
    unsigned difference = 0;
    if (len != strlen(b))
        return false;
    for (size_t i = 0; i < len; i++)
        difference |= (unsigned)((unsigned char)a[i] ^ (unsigned char)b[i]);
    return difference == 0;
}

// crypt(3) takes a text that ends with a zero: a password that has one is nobody's.
bool users_fits(const char *hash, mqw_text password)
{
    char phrase[USERS_PASSWORD + 1] = "";
    bool sound = password.len > 0 && password.len <= USERS_PASSWORD &&
                 memchr(password.data, '\0', password.len) == NULL;
    struct crypt_data *data = calloc(1, sizeof(*data));
    if (sound)
        memcpy(phrase, password.data, password.len);
    const char *made = data ? crypt_rn(phrase, hash, data, (int)sizeof(*data)) : NULL;
    bool fits = made && is_same(made, hash) && sound;
    users_wipe(phrase, sizeof(phrase));
    if (data)
        users_wipe(data, sizeof(*data));
    free(data);
    return fits;
}

bool users_make_hash(mqw_text password, char out[USERS_HASH])
{
    char phrase[USERS_PASSWORD + 1] = "", setting[CRYPT_GENSALT_OUTPUT_SIZE];
    struct crypt_data *data = calloc(1, sizeof(*data));
    memcpy(phrase, password.data, password.len);
    bool good = data && crypt_gensalt_rn("$y$", 0, NULL, 0, setting, (int)sizeof(setting)) != NULL;
    const char *made = good ? crypt_rn(phrase, setting, data, (int)sizeof(*data)) : NULL;
    good = made && strlen(made) < USERS_HASH;
    if (good)
        memcpy(out, made, strlen(made) + 1);
    users_wipe(phrase, sizeof(phrase));
    if (data)
        users_wipe(data, sizeof(*data));
    free(data);
    return good;
}
