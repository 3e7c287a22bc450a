// SPDX-License-Identifier: MIT
// Pre-shared keys, the same way for TLS 1.2 and 1.3.
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "tls.h"

static unsigned on_client(SSL *ssl, const char *hint, char *identity, unsigned identity_cap,
                          unsigned char *key, unsigned key_cap)
{
    const mqw_tls_options *options = &mqw__tls_layer_of(ssl)->tls->options;
    size_t len = strlen(options->psk_identity);
    (void)hint;
    if (len >= identity_cap || options->psk.len > key_cap)
        return 0;
    memcpy(identity, options->psk_identity, len + 1);
    memcpy(key, options->psk.data, options->psk.len);
    return (unsigned)options->psk.len;
}

static void note_identity(mqw__tls_layer *self, const char *identity, size_t len)
{
    free(self->psk);
    self->psk = mqw__uv_new(len + 1);
    if (self->psk)
        memcpy(self->psk, identity, len);
}

static unsigned on_server(SSL *ssl, const char *identity, unsigned char *key, unsigned key_cap)
{
    mqw__tls_layer *self = mqw__tls_layer_of(ssl);
    const mqw_tls_options *options = &self->tls->options;
    size_t len = strlen(identity);
    int found = options->find_psk((mqw_text){identity, len}, key, key_cap, options->find_psk_ctx);
    note_identity(self, identity, len);
    self->unknown_psk = found <= 0 || (unsigned)found > key_cap;
    return self->unknown_psk ? 0 : (unsigned)found;
}

void mqw__tls_psk_set(SSL_CTX *ctx, const mqw_tls *tls)
{
    const mqw_tls_options *options = &tls->options;
    if (tls->role == MQW_CLIENT && options->psk_identity)
        SSL_CTX_set_psk_client_callback(ctx, on_client);
    if (tls->role == MQW_SERVER && options->find_psk) {
        SSL_CTX_set_psk_server_callback(ctx, on_server);
        (void)SSL_CTX_use_psk_identity_hint(ctx, options->psk_hint); // its length was checked
    }
}
