// SPDX-License-Identifier: MIT
// A key, and a certificate for `localhost` that it has signed itself, in two files; good for an hour.
#ifndef CERTIFICATE_H
#define CERTIFICATE_H

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "ends.h"

static inline void add_extension(X509 *certificate, int kind, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, kind, value);
    CHECK(extension && X509_add_ext(certificate, extension, -1));
    X509_EXTENSION_free(extension);
}

static inline void make_certificate(const char *certificate_file, const char *key_file, const char *name)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *made = X509_new();
    FILE *files[] = {fopen(certificate_file, "w"), fopen(key_file, "w")};
    CHECK(key && made && files[0] && files[1]);
    X509_NAME *subject = X509_get_subject_name(made);
    CHECK(X509_set_version(made, X509_VERSION_3) && ASN1_INTEGER_set(X509_get_serialNumber(made), 1));
    CHECK(X509_gmtime_adj(X509_getm_notBefore(made), -60) && X509_gmtime_adj(X509_getm_notAfter(made), 3600));
    CHECK(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0));
    CHECK(X509_set_issuer_name(made, subject) && X509_set_pubkey(made, key));
    add_extension(made, NID_subject_alt_name, "DNS:localhost");
    CHECK(X509_sign(made, key, EVP_sha256()));
    CHECK(PEM_write_X509(files[0], made) && PEM_write_PrivateKey(files[1], key, NULL, NULL, 0, NULL, NULL));
    CHECK(fclose(files[0]) == 0 && fclose(files[1]) == 0);
    X509_free(made);
    EVP_PKEY_free(key);
}

#endif
