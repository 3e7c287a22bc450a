// SPDX-License-Identifier: MIT
// What is known of a stream's TLS.
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>

#include "tls.h"

static void put(char *out, size_t cap, const char *text)
{
    snprintf(out, cap, "%s", text ? text : "");
}

static void put_peer(const mqw__tls_layer *self, mqw_stream_facts *facts)
{
    X509 *cert = SSL_get0_peer_certificate(self->ssl);
    long error = SSL_get_verify_result(self->ssl);
    if (cert)
        mqw__tls_name(facts->tls_subject, sizeof facts->tls_subject, X509_get_subject_name(cert));
    if (self->certificate)
        put(facts->tls_error, sizeof facts->tls_error, self->certificate);
    else if (cert && error != X509_V_OK && self->tls->role == MQW_CLIENT)
        mqw__tls_verify_words(facts->tls_error, sizeof facts->tls_error, self, (int)error, 0, cert);
}

// A peer's text, which may reach a terminal.
static void put_plain(char *out, size_t cap, const char *text)
{
    if (text)
        mqw__tls_plain(out, cap, text, strlen(text));
}

static void put_protocols(const mqw__tls_layer *self, mqw_stream_facts *facts)
{
    const unsigned char *alpn = NULL;
    unsigned len = 0;
    SSL_get0_alpn_selected(self->ssl, &alpn, &len);
    if (alpn)
        mqw__tls_plain(facts->tls_alpn, sizeof facts->tls_alpn, alpn, len);
    put_plain(facts->tls_sni, sizeof facts->tls_sni,
              SSL_get_servername(self->ssl, TLSEXT_NAMETYPE_host_name));
}

void mqw__tls_facts(const mqw__layer *layer, mqw_stream_facts *facts)
{
    const mqw__tls_layer *self = (const mqw__tls_layer *)layer;
    put_peer(self, facts);
    put_protocols(self, facts);
    if (!layer->ready)
        return;
    put(facts->tls_version, sizeof facts->tls_version, SSL_get_version(self->ssl));
    put(facts->tls_cipher, sizeof facts->tls_cipher,
        SSL_CIPHER_standard_name(SSL_get_current_cipher(self->ssl)));
    if (!self->unknown_psk)
        put_plain(facts->tls_psk, sizeof facts->tls_psk, self->psk);
    facts->tls_resumed = mqw__tls_resumes(self->tls) && SSL_session_reused(self->ssl) == 1;
    ERR_clear_error();
}
