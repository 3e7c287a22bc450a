// SPDX-License-Identifier: MIT
// Whose certificates are good: CAs from a file, a directory, memory or the system, and what was revoked.
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>
#include <sys/stat.h>

#include "tls.h"

// NOLINTNEXTLINE(readability-non-const-parameter): OpenSSL says what it looks like
static int no_passphrase(char *room, int cap, int writing, void *arg)
{
    (void)room, (void)cap, (void)writing, (void)arg;
    return -1;
}

// One more of something in PEM form to the store. 1: added; 0: there are no more; negative: it is bad.
static int add_authority(X509_STORE *store, BIO *in)
{
    X509 *one = PEM_read_bio_X509_AUX(in, NULL, no_passphrase, NULL);
    if (!one)
        return 0;
    int added = X509_STORE_add_cert(store, one);
    X509_free(one);
    return added == 1 ? 1 : -1;
}

static int add_revoked(X509_STORE *store, BIO *in)
{
    X509_CRL *one = PEM_read_bio_X509_CRL(in, NULL, no_passphrase, NULL);
    if (!one)
        return 0;
    int added = X509_STORE_add_crl(store, one);
    X509_CRL_free(one);
    return added == 1 ? 1 : -1;
}

typedef struct adding {
    const char *what;
    const char *marker;
    int (*add)(X509_STORE *store, BIO *in);
} adding;

static const adding authorities = {"CA", "CERTIFICATE", add_authority};
static const adding revocations = {"CRL", "X509 CRL", add_revoked};

static bool at_end(void)
{
    unsigned long error = ERR_peek_last_error();
    return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

static int add_all(SSL_CTX *ctx, const adding *kind, const char *path, mqw_bytes bytes, mqw__tls_why *why)
{
    const char *shown = path ? path : "(in memory)";
    BIO *in = NULL;
    int result = mqw__tls_source(&in, kind->what, path, bytes, why);
    if (result < 0)
        return result;
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    int count = 0;
    int added;
    while ((added = kind->add(store, in)) > 0)
        count++;
    BIO_free(in);
    if (added == 0 && count > 0 && at_end()) {
        ERR_clear_error();
        return 0;
    }
    if (added == 0 && at_end())
        return mqw__tls_say(why, MQW_E_REFUSED,
                            "%s file \"%s\" holds nothing in PEM form (-----BEGIN %s-----)", kind->what,
                            shown, kind->marker);
    return mqw__tls_say(why, MQW_E_REFUSED, "%s file \"%s\" is damaged in its entry %d", kind->what, shown,
                        count + 1);
}

static int add_directory(SSL_CTX *ctx, const char *path, mqw__tls_why *why)
{
    struct stat found;
    if (stat(path, &found) != 0 || !S_ISDIR(found.st_mode))
        return mqw__tls_say(why, MQW_E_REFUSED, "CA directory \"%s\" does not exist", path);
    if (SSL_CTX_load_verify_dir(ctx, path) != 1)
        return mqw__tls_say(why, MQW_E_REFUSED, "CA directory \"%s\" cannot be used", path);
    return 0;
}

// The CAs that clients are told, so that they can pick a certificate.
static int name_authorities(SSL_CTX *ctx, mqw__tls_why *why)
{
    STACK_OF(X509_OBJECT) *all = X509_STORE_get0_objects(SSL_CTX_get_cert_store(ctx));
    for (int i = 0; i < sk_X509_OBJECT_num(all); i++) {
        X509 *one = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(all, i));
        if (one && SSL_CTX_add_client_CA(ctx, one) != 1)
            return mqw__tls_say(why, MQW_E_NO_MEMORY, "there is no memory");
    }
    return 0;
}

static int set_verify(SSL_CTX *ctx, const mqw_tls *tls, mqw__tls_why *why)
{
    int mode = SSL_VERIFY_PEER;
    if (tls->role == MQW_CLIENT) {
        SSL_CTX_set_verify(ctx, mode, mqw__tls_verify);
        return 0;
    }
    if (tls->options.client_certificate == MQW_TLS_NONE)
        return 0;
    if (tls->options.client_certificate == MQW_TLS_REQUIRED)
        mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    SSL_CTX_set_verify(ctx, mode, mqw__tls_verify);
    return name_authorities(ctx, why);
}

static int add_given(SSL_CTX *ctx, const mqw_tls_options *options, mqw__tls_why *why)
{
    int result = 0;
    if (options->ca_file)
        result = add_all(ctx, &authorities, options->ca_file, (mqw_bytes){NULL, 0}, why);
    if (result == 0 && options->ca.len > 0)
        result = add_all(ctx, &authorities, NULL, options->ca, why);
    if (result == 0 && options->ca_dir)
        result = add_directory(ctx, options->ca_dir, why);
    return result;
}

int mqw__tls_load_trust(SSL_CTX *ctx, const mqw_tls *tls, mqw__tls_why *why)
{
    const mqw_tls_options *options = &tls->options;
    X509_VERIFY_PARAM *rules = SSL_CTX_get0_param(ctx);
    bool given = options->ca_file || options->ca_dir || options->ca.len > 0;
    if (!given && tls->role == MQW_CLIENT && SSL_CTX_set_default_verify_paths(ctx) != 1)
        return mqw__tls_say(why, MQW_E_REFUSED, "the system's store of CAs cannot be used; give a CA file");
    int result = add_given(ctx, options, why);
    if (result < 0)
        return result;
    // Who gives a CA that is not a root trusts it all the same.
    if (given)
        X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_PARTIAL_CHAIN);
    result = set_verify(ctx, tls, why);
    if (result < 0 || !options->crl_file)
        return result;
    X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_CRL_CHECK);
    return add_all(ctx, &revocations, options->crl_file, (mqw_bytes){NULL, 0}, why);
}
