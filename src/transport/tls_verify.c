// SPDX-License-Identifier: MIT
// What is wrong with a peer's certificate, in words that name the way out.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <arpa/inet.h>
#include <openssl/x509v3.h>

#include "alloc.h"
#include "tls.h"

enum { NAME = 96, DAY = 16, ERROR_MAX = 160 };

// --- names, which are the peer's: nothing in them may reach a terminal as a command ---

void mqw__tls_plain(char *out, size_t cap, const void *bytes, size_t len)
{
    const unsigned char *from = bytes;
    size_t to = 0;
    for (; to < len && to + 1 < cap; to++)
        out[to] = from[to] < ' ' || from[to] >= 0x7F ? '?' : (char)from[to];
    out[to] = '\0';
}

// Cuts in front of a character, not in its midst.
static void put_utf8(char *out, size_t cap, const char *text, size_t len)
{
    size_t take = len < cap ? len : cap - 1;
    while (take < len && take > 0 && ((unsigned char)text[take] & 0xC0) == 0x80)
        take--;
    memcpy(out, text, take);
    out[take] = '\0';
}

static void print_name(char *out, size_t cap, const X509_NAME *name)
{
    BIO *to = BIO_new(BIO_s_mem());
    char *text = NULL;
    *out = '\0';
    if (to && X509_NAME_print_ex(to, name, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) >= 0) {
        long len = BIO_get_mem_data(to, &text);
        put_utf8(out, cap, text, (size_t)len);
    }
    BIO_free(to);
}

void mqw__tls_name(char *out, size_t cap, const X509_NAME *name)
{
    print_name(out, cap, name);
}

static void common_name(char *out, size_t cap, const X509_NAME *name)
{
    int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
    const ASN1_STRING *text = at < 0 ? NULL : X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
    if (text)
        mqw__tls_plain(out, cap, ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text));
    else
        print_name(out, cap, name);
}

static size_t put_text(char *out, size_t cap, const char *text)
{
    mqw__tls_plain(out, cap, text, strlen(text));
    return strlen(out);
}

static void add_name(char *out, size_t cap, const GENERAL_NAME *name)
{
    int kind = 0;
    char text[NAME] = "";
    const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &kind);
    if (kind == GEN_DNS) {
        mqw__tls_plain(text, sizeof text, ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
    } else if (kind == GEN_IPADD) {
        int len = ASN1_STRING_length(value);
        int family = len == 4 ? AF_INET : AF_INET6;
        if (len == 4 || len == 16)
            (void)inet_ntop(family, ASN1_STRING_get0_data(value), text, sizeof text);
    }
    size_t used = strlen(out);
    if (*text && used > 0 && used + 2 < cap)
        used += put_text(out + used, cap - used, ", ");
    if (*text)
        put_text(out + used, cap - used, text);
}

// Whom a certificate is for: its alternative names, or else its common name.
static void names_of(char *out, size_t cap, X509 *cert)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    *out = '\0';
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
        add_name(out, cap, sk_GENERAL_NAME_value(names, i));
    GENERAL_NAMES_free(names);
    if (*out == '\0')
        common_name(out, cap, X509_get_subject_name(cert));
}

static void day_of(char *out, size_t cap, const ASN1_TIME *time)
{
    struct tm day;
    if (ASN1_TIME_to_tm(time, &day) != 1 || strftime(out, cap, "%Y-%m-%d", &day) == 0)
        snprintf(out, cap, "an unknown day");
}

// --- words ---

enum { NONE, FROM, UNTIL, ISSUER, SUBJECT, NAMES };

typedef struct fault {
    int error;
    int detail;    /**< What is told about it. */
    bool of_chain; /**< Whoever's certificate it was noticed at. */
    const char *what;
    const char *way_out;
} fault;

static const fault faults[] = {
    {X509_V_ERR_CERT_HAS_EXPIRED, UNTIL, false, "has expired on ", "renew it, or set this machine's clock"},
    {X509_V_ERR_CERT_NOT_YET_VALID, FROM, false, "is not valid before ", "set this machine's clock"},
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, NONE, true, "is self-signed", "to trust it, give it as CA file"},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, SUBJECT, true, "is from the unknown CA ",
     "give that CA as CA file"},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, ISSUER, true, "is from the unknown CA ",
     "give that CA as CA file"},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, ISSUER, true, "is from the unknown CA ",
     "give that CA as CA file"},
    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, ISSUER, true, "is from the unknown CA ",
     "give that CA as CA file"},
    {X509_V_ERR_CERT_REVOKED, NONE, false, "was revoked by its CA", "its owner has to get a new one"},
    {X509_V_ERR_UNABLE_TO_GET_CRL, ISSUER, false, "may be revoked: there is no CRL of the CA ",
     "add it to the CRL file"},
    {X509_V_ERR_CRL_HAS_EXPIRED, ISSUER, false, "may be revoked: out of date is the CRL of the CA ",
     "get a new one"},
    {X509_V_ERR_HOSTNAME_MISMATCH, NAMES, true, "is for ", "use that name, or give it as server name"},
    {X509_V_ERR_IP_ADDRESS_MISMATCH, NAMES, true, "is for ", "use that name, or give it as server name"},
    {X509_V_ERR_INVALID_PURPOSE, NONE, false, "is not made for this purpose",
     "its extended key usage has to name it"},
    {X509_V_ERR_EE_KEY_TOO_SMALL, NONE, false, "has a key that is too weak", "it needs a longer one"},
    {X509_V_ERR_CA_KEY_TOO_SMALL, NONE, false, "has a key that is too weak", "it needs a longer one"},
    {X509_V_ERR_CA_MD_TOO_WEAK, NONE, false, "has a signature that is too weak", "it has to be signed anew"},
};

static const fault *find(int error)
{
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        if (faults[i].error == error)
            return &faults[i];
    return NULL;
}

static void put_detail(char *out, size_t cap, int detail, X509 *cert, const char *host)
{
    char names[NAME];
    *out = '\0';
    if (!cert)
        return;
    if (detail == FROM || detail == UNTIL) {
        day_of(out, cap, detail == FROM ? X509_get0_notBefore(cert) : X509_get0_notAfter(cert));
    } else if (detail == ISSUER || detail == SUBJECT) {
        common_name(names, sizeof names,
                    detail == ISSUER ? X509_get_issuer_name(cert) : X509_get_subject_name(cert));
        snprintf(out, cap, "\"%s\"", names);
    } else if (detail == NAMES) {
        names_of(names, sizeof names, cert);
        if (host && strcmp(names, host) == 0)
            snprintf(out, cap, "%s by its common name, which does not count for an address", names);
        else
            snprintf(out, cap, "%s, not for %s", names, host ? host : "this host");
    }
}

static void put_owner(char *out, size_t cap, const mqw__tls_layer *self, bool of_authority, X509 *cert)
{
    char name[NAME] = "";
    bool server = self->tls->role == MQW_CLIENT;
    if (cert)
        common_name(name, sizeof name, X509_get_subject_name(cert));
    if (of_authority)
        snprintf(out, cap, "certificate of the CA \"%s\"", name);
    else if (server)
        snprintf(out, cap, "certificate of %s", self->host ? self->host : "the server");
    else
        snprintf(out, cap, "certificate of the client \"%s\"", name);
}

void mqw__tls_verify_words(char *out, size_t cap, const mqw__tls_layer *self, int error, int depth,
                           X509 *cert)
{
    const fault *known = find(error);
    char owner[NAME + 64];
    put_owner(owner, sizeof owner, self, depth > 0 && !(known && known->of_chain), cert);
    if (known) {
        char detail[2 * NAME];
        put_detail(detail, sizeof detail, known->detail, cert, self->host);
        snprintf(out, cap, "%s %s%s (%s)", owner, known->what, detail, known->way_out);
    } else {
        snprintf(out, cap, "%s is not good: %s", owner, X509_verify_cert_error_string(error));
    }
}

// The first thing that is wrong is what the words tell.
static void note(mqw__tls_layer *self, X509_STORE_CTX *store)
{
    char words[ERROR_MAX];
    if (self->certificate)
        return;
    mqw__tls_verify_words(words, sizeof words, self, X509_STORE_CTX_get_error(store),
                          X509_STORE_CTX_get_error_depth(store), X509_STORE_CTX_get_current_cert(store));
    self->certificate = mqw__uv_new(strlen(words) + 1);
    if (self->certificate)
        memcpy(self->certificate, words, strlen(words) + 1);
}

int mqw__tls_verify(int good, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    mqw__tls_layer *self = mqw__tls_layer_of(ssl);
    if (good)
        return 1;
    note(self, store);
    return self->tls->role == MQW_CLIENT && self->tls->options.insecure;
}
