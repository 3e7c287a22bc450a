// SPDX-License-Identifier: MIT
// Makes an SSL_CTX of options: reads certificates and keys, and says in words what is wrong with them.
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "tls.h"

// --- words ---

static bool out_of_memory(void)
{
    unsigned long error = 0;
    bool found = false;
    while ((error = ERR_get_error()) != 0)
        found = found || ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE;
    return found;
}

int mqw__tls_say(mqw__tls_why *why, int result, const char *format, ...)
{
    va_list arguments;
    if (out_of_memory()) {
        if (why->cap > 0)
            snprintf(why->text, why->cap, "there is no memory");
        return MQW_E_NO_MEMORY;
    }
    if (why->cap == 0)
        return result;
    va_start(arguments, format);
    vsnprintf(why->text, why->cap, format, arguments);
    va_end(arguments);
    return result;
}

static const char *shown(const char *path)
{
    return path ? path : "(in memory)";
}

// What OpenSSL said last, before mqw__tls_say takes it away.
static const char *reason(void)
{
    unsigned long error = ERR_peek_last_error();
    const char *text =
        ERR_SYSTEM_ERROR(error) ? strerror(ERR_GET_REASON(error)) : ERR_reason_error_string(error);
    return text ? text : "OpenSSL does not say why";
}

// --- reading ---

int mqw__tls_source(BIO **out, const char *what, const char *path, mqw_bytes bytes, mqw__tls_why *why)
{
    ERR_clear_error();
    if (!path && bytes.len > INT_MAX)
        return mqw__tls_say(why, MQW_E_REFUSED, "the %s in memory is larger than 2 GiB", what);
    *out = path ? BIO_new_file(path, "r") : BIO_new_mem_buf(bytes.data, (int)bytes.len);
    if (*out)
        return 0;
    int error = errno;
    return mqw__tls_say(why, error == ENOMEM ? MQW_E_NO_MEMORY : MQW_E_REFUSED,
                        "cannot read the %s file \"%s\": %s", what, shown(path), strerror(error));
}

typedef struct asking {
    const mqw_tls_options *options;
    bool asked;
    int len; /**< Of the answer; negative: nobody knew. */
    char answer[PEM_BUFSIZE];
} asking;

// Always ours: OpenSSL's own would ask at the terminal. What fails it tries in two ways; a person is asked
// once.
static int on_passphrase(char *room, int cap, int writing, void *arg)
{
    asking *self = arg;
    (void)writing;
    if (!self->asked) {
        self->len = -1;
        if (self->options->passphrase)
            self->len =
                self->options->passphrase(self->answer, sizeof self->answer, self->options->passphrase_ctx);
        self->asked = true;
    }
    if (self->len < 0 || self->len > cap || (size_t)self->len > sizeof self->answer)
        return -1;
    memcpy(room, self->answer, (size_t)self->len);
    return self->len;
}

static int bad_key(mqw__tls_why *why, const asking *asked, const char *path)
{
    bool none = asked->asked && asked->len < 0;
    if (none && asked->options->passphrase)
        return mqw__tls_say(why, MQW_E_REFUSED, "key \"%s\" is encrypted, and no passphrase was given",
                            shown(path));
    if (none)
        return mqw__tls_say(why, MQW_E_REFUSED,
                            "key \"%s\" is encrypted: give its passphrase, or a key without one",
                            shown(path));
    if (asked->asked)
        return mqw__tls_say(why, MQW_E_REFUSED, "key \"%s\" cannot be decrypted: the passphrase is wrong",
                            shown(path));
    return mqw__tls_say(why, MQW_E_REFUSED,
                        "\"%s\" holds no private key in PEM form (-----BEGIN PRIVATE KEY-----)", shown(path));
}

static int load_key(SSL_CTX *ctx, const mqw_tls_options *options, mqw__tls_why *why)
{
    bool in_memory = options->key.len > 0 || (!options->key_file && options->certificate.len > 0);
    const char *file = options->key_file ? options->key_file : options->certificate_file;
    const char *path = in_memory ? NULL : file;
    mqw_bytes bytes = options->key.len > 0 ? options->key : options->certificate;
    asking asked = {.options = options};
    BIO *in = NULL;
    int result = mqw__tls_source(&in, "key", path, bytes, why);
    if (result < 0)
        return result;
    EVP_PKEY *key = PEM_read_bio_PrivateKey(in, NULL, on_passphrase, &asked);
    OPENSSL_cleanse(asked.answer, sizeof asked.answer);
    BIO_free(in);
    if (!key)
        return bad_key(why, &asked, path);
    if (SSL_CTX_use_PrivateKey(ctx, key) != 1)
        result =
            mqw__tls_say(why, MQW_E_REFUSED, "key \"%s\" does not belong to the certificate \"%s\"",
                         shown(path), shown(options->certificate.len > 0 ? NULL : options->certificate_file));
    EVP_PKEY_free(key);
    return result;
}

static bool at_end(void)
{
    unsigned long error = ERR_peek_last_error();
    return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

static int bad_certificate(mqw__tls_why *why, const char *path)
{
    if (at_end())
        return mqw__tls_say(why, MQW_E_REFUSED,
                            "\"%s\" holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)",
                            shown(path));
    return mqw__tls_say(why, MQW_E_REFUSED, "certificate \"%s\" cannot be used: %s", shown(path), reason());
}

// Our own comes first, the chain behind it.
static int read_chain(SSL_CTX *ctx, BIO *in, const char *path, mqw__tls_why *why)
{
    asking nobody = {.options = &(mqw_tls_options){0}};
    X509 *one = PEM_read_bio_X509_AUX(in, NULL, on_passphrase, &nobody);
    bool good = one && SSL_CTX_use_certificate(ctx, one) == 1;
    while (good) {
        X509_free(one);
        one = PEM_read_bio_X509(in, NULL, on_passphrase, &nobody);
        if (!one)
            break;
        good = SSL_CTX_add1_chain_cert(ctx, one) == 1;
    }
    X509_free(one);
    if (!good || !at_end())
        return bad_certificate(why, path);
    ERR_clear_error();
    return 0;
}

static int load_identity(SSL_CTX *ctx, const mqw_tls *tls, mqw__tls_why *why)
{
    const mqw_tls_options *options = &tls->options;
    const char *path = options->certificate.len > 0 ? NULL : options->certificate_file;
    BIO *in = NULL;
    if (!path && options->certificate.len == 0)
        return 0;
    int result = mqw__tls_source(&in, "certificate", path, options->certificate, why);
    if (result < 0)
        return result;
    result = read_chain(ctx, in, path, why);
    BIO_free(in);
    return result < 0 ? result : load_key(ctx, options, why);
}

// --- rules ---

static int load_rules(SSL_CTX *ctx, const mqw_tls *tls, mqw__tls_why *why)
{
    const mqw_tls_options *options = &tls->options;
    int low = options->min_version ? options->min_version : TLS1_2_VERSION;
    SSL_CTX_set_min_proto_version(ctx, low);
    SSL_CTX_set_max_proto_version(ctx, options->max_version);
    SSL_CTX_set_options(ctx,
                        SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    // An idle connection keeps no record buffers.
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_dh_auto(ctx, 1);
    // A server of PSK would prefer Diffie-Hellman over large numbers, which costs it milliseconds each time.
    if (options->find_psk && !options->ciphers)
        (void)SSL_CTX_set_cipher_list(ctx, "DEFAULT:!kDHEPSK:!kRSAPSK"); // the default is there already
    if (options->ciphers && SSL_CTX_set_cipher_list(ctx, options->ciphers) != 1)
        return mqw__tls_say(why, MQW_E_REFUSED, "\"%s\" names no cipher of TLS 1.2 (see: openssl ciphers -v)",
                            options->ciphers);
    if (options->ciphersuites && SSL_CTX_set_ciphersuites(ctx, options->ciphersuites) != 1)
        return mqw__tls_say(why, MQW_E_REFUSED,
                            "\"%s\" names no cipher suites of TLS 1.3 (see: openssl ciphers -v -tls1_3)",
                            options->ciphersuites);
    return 0;
}

// Appended with one write, so that lines of several processes do not mix.
static void on_key_log(const SSL *ssl, const char *line)
{
    const mqw_tls *tls = mqw__tls_layer_of(ssl)->tls;
    char text[512];
    int len = snprintf(text, sizeof text, "%s\n", line);
    if (len > 0 && (size_t)len < sizeof text && write(tls->key_log, text, (size_t)len) < 0)
        return; // a log that cannot be written must not stop what it is about
}

// NOLINTNEXTLINE(readability-non-const-parameter): OpenSSL says what it looks like
static int on_server_name(SSL *ssl, int *alert, void *arg)
{
    (void)ssl, (void)alert, (void)arg;
    return SSL_TLSEXT_ERR_OK;
}

// Only asked when the server wants a certificate and we have none.
static int on_wanted_certificate(SSL *ssl, X509 **certificate, EVP_PKEY **key)
{
    (void)certificate, (void)key;
    mqw__tls_layer_of(ssl)->asked_certificate = true;
    return 0;
}

static int load_callbacks(SSL_CTX *ctx, const mqw_tls *tls, mqw__tls_why *why)
{
    (void)why;
    if (tls->options.key_log_file)
        SSL_CTX_set_keylog_callback(ctx, on_key_log);
    if (tls->role == MQW_SERVER) {
        SSL_CTX_set_tlsext_servername_callback(ctx, on_server_name);
        mqw__tls_alpn_set(ctx);
    } else {
        SSL_CTX_set_client_cert_cb(ctx, on_wanted_certificate);
    }
    mqw__tls_psk_set(ctx, tls);
    mqw__tls_resume_set(ctx, tls);
    return 0;
}

int mqw__tls_load(SSL_CTX **out, mqw_tls *tls, mqw__tls_why *why)
{
    static int (*const steps[])(SSL_CTX *, const mqw_tls *, mqw__tls_why *) = {
        load_rules, mqw__tls_load_trust, load_identity, load_callbacks};
    ERR_clear_error();
    SSL_CTX *ctx = SSL_CTX_new(tls->role == MQW_SERVER ? TLS_server_method() : TLS_client_method());
    int result = ctx ? 0 : mqw__tls_say(why, MQW_E_NO_MEMORY, "there is no memory");
    for (size_t i = 0; result == 0 && i < sizeof steps / sizeof steps[0]; i++)
        result = steps[i](ctx, tls, why);
    if (result < 0)
        SSL_CTX_free(ctx);
    else
        *out = ctx;
    return result;
}
