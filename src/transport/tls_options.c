// SPDX-License-Identifier: MIT
// Options of TLS: an own copy of them, and whether they make sense.
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "alloc.h"
#include "tls.h"

enum { PSK_IDENTITY = 255, PSK_KEY = 512, PSK_HINT = 128 };

#define AT(field) offsetof(mqw_tls_options, field)

static const size_t texts[] = {AT(ca_file),     AT(ca_dir),       AT(crl_file),     AT(certificate_file),
                               AT(key_file),    AT(psk_identity), AT(psk_hint),     AT(alpn),
                               AT(server_name), AT(ciphers),      AT(ciphersuites), AT(key_log_file)};
static const size_t blobs[] = {AT(ca), AT(certificate), AT(key), AT(psk)};

enum { TEXTS = sizeof texts / sizeof texts[0], BLOBS = sizeof blobs / sizeof blobs[0] };

static char **text_at(mqw_tls_options *options, int i)
{
    return (char **)(void *)((char *)options + texts[i]);
}

static mqw_bytes *blob_at(mqw_tls_options *options, int i)
{
    return (mqw_bytes *)(void *)((char *)options + blobs[i]);
}

static void *copy_of(const void *bytes, size_t len)
{
    void *copy = mqw__uv_new(len);
    return copy ? memcpy(copy, bytes, len) : NULL;
}

// Empty bytes are none.
static bool copy_blob(mqw_bytes *blob)
{
    const void *from = blob->len > 0 ? blob->data : NULL;
    blob->data = from ? copy_of(from, blob->len) : NULL;
    if (!blob->data)
        blob->len = 0;
    return blob->data || !from;
}

// Goes through all of them, so that after a failure each one is our own or NULL.
int mqw__tls_options_copy(mqw_tls_options *out, const mqw_tls_options *options)
{
    bool all = true;
    memset(out, 0, sizeof *out);
    if (options)
        memcpy(out, options, options->size && options->size < sizeof *out ? options->size : sizeof *out);
    out->size = sizeof *out;
    for (int i = 0; i < TEXTS; i++) {
        char **text = text_at(out, i);
        const char *from = *text;
        *text = from ? copy_of(from, strlen(from) + 1) : NULL;
        all = all && (*text || !from);
    }
    for (int i = 0; i < BLOBS; i++)
        all = copy_blob(blob_at(out, i)) && all;
    return all ? 0 : MQW_E_NO_MEMORY;
}

void mqw__tls_options_clear(mqw_tls_options *options)
{
    for (int i = 0; i < TEXTS; i++)
        free(*text_at(options, i));
    for (int i = 0; i < BLOBS; i++) {
        mqw_bytes *blob = blob_at(options, i);
        // NOLINTNEXTLINE(performance-no-int-to-ptr): the only way to shed const without a warning
        uint8_t *bytes = (uint8_t *)(uintptr_t)blob->data;
        if (bytes)
            OPENSSL_cleanse(bytes, blob->len);
        free(bytes);
    }
    memset(options, 0, sizeof *options);
}

// --- do they make sense? ---

static bool versions_sound(const mqw_tls_options *options)
{
    uint16_t low = options->min_version ? options->min_version : TLS1_2_VERSION;
    uint16_t high = options->max_version ? options->max_version : TLS1_3_VERSION;
    return low >= TLS1_2_VERSION && high <= TLS1_3_VERSION && low <= high;
}

static bool has_certificate(const mqw_tls_options *options)
{
    return options->certificate_file || options->certificate.len > 0;
}

static bool has_key(const mqw_tls_options *options)
{
    return options->key_file || options->key.len > 0;
}

static bool psk_sound(const mqw_tls_options *options)
{
    bool identity = options->psk_identity && *options->psk_identity;
    if (!identity && options->psk.len == 0)
        return !options->psk_identity;
    return identity && strlen(options->psk_identity) <= PSK_IDENTITY && options->psk.len > 0 &&
           options->psk.len <= PSK_KEY;
}

static const char *nonsense(const mqw_tls_options *options)
{
    if (!versions_sound(options))
        return "TLS versions are 0x0303 (1.2) and 0x0304 (1.3), the lowest first";
    if (options->client_certificate > MQW_TLS_REQUIRED)
        return "client_certificate is one of MQW_TLS_NONE, _OPTIONAL and _REQUIRED";
    if (options->alpn && !mqw__tls_alpn_sound(options->alpn))
        return "protocols for ALPN are names of 1 to 255 bytes, separated by commas";
    if (options->psk_hint && strlen(options->psk_hint) > PSK_HINT)
        return "a PSK hint has 128 bytes at most";
    return NULL;
}

static const char *missing(const mqw_tls_options *options, mqw_role role)
{
    bool trusts = options->ca_file || options->ca_dir || options->ca.len > 0;
    if (has_key(options) && !has_certificate(options))
        return "a key without its certificate is of no use; give the certificate, too";
    if (role == MQW_CLIENT && !psk_sound(options))
        return "PSK needs an identity of 1 to 255 bytes and its key of 1 to 512 bytes, both";
    if (role == MQW_SERVER && !has_certificate(options) && !options->find_psk)
        return "a TLS server needs a certificate and its key, or PSK";
    if (role == MQW_SERVER && options->client_certificate && !trusts)
        return "to verify clients' certificates, give the CA that they are from (CA file or directory)";
    return NULL;
}

int mqw__tls_options_check(const mqw_tls_options *options, mqw_role role, mqw__tls_why *why)
{
    const char *wrong = nonsense(options);
    if (wrong)
        return mqw__tls_say(why, MQW_E_MISUSE, "%s", wrong);
    wrong = missing(options, role);
    return wrong ? mqw__tls_say(why, MQW_E_REFUSED, "%s", wrong) : 0;
}
