// SPDX-License-Identifier: MIT
// Resumed sessions: a client keeps the last one with each host, a server keeps none and gives tickets.
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "alloc.h"
#include "tls.h"

enum { TICKET_KEYS = 80 };

// A pre-shared key makes a handshake as short as a resumed one; and it must be asked for each time, since it
// may be withdrawn.
bool mqw__tls_resumes(const mqw_tls *tls)
{
    return !tls->options.no_resumption && !tls->options.find_psk && !tls->options.psk_identity;
}

// --- what a client keeps ---

static void drop(mqw__tls_session *kept)
{
    SSL_SESSION_free(kept->session);
    free(kept->host);
    *kept = (mqw__tls_session){NULL, NULL};
}

static int find(const mqw_tls *tls, const char *host)
{
    for (int i = 0; i < MQW__TLS_SESSIONS; i++)
        if (tls->sessions[i].host && strcmp(tls->sessions[i].host, host) == 0)
            return i;
    return -1;
}

// Takes one out; those behind it move up.
static mqw__tls_session take(mqw_tls *tls, int at)
{
    mqw__tls_session taken = tls->sessions[at];
    size_t behind = (size_t)(MQW__TLS_SESSIONS - 1 - at);
    memmove(&tls->sessions[at], &tls->sessions[at + 1], behind * sizeof taken);
    tls->sessions[MQW__TLS_SESSIONS - 1] = (mqw__tls_session){NULL, NULL};
    return taken;
}

static void put(mqw_tls *tls, mqw__tls_session fresh)
{
    drop(&tls->sessions[MQW__TLS_SESSIONS - 1]);
    memmove(&tls->sessions[1], &tls->sessions[0], (MQW__TLS_SESSIONS - 1) * sizeof fresh);
    tls->sessions[0] = fresh;
}

void mqw__tls_resume_forget(mqw_tls *tls, const char *host)
{
    if (host) {
        uv_mutex_lock(&tls->lock);
        int at = find(tls, host);
        mqw__tls_session old = at < 0 ? (mqw__tls_session){NULL, NULL} : take(tls, at);
        uv_mutex_unlock(&tls->lock);
        drop(&old);
        return;
    }
    for (int i = 0; i < MQW__TLS_SESSIONS; i++)
        drop(&tls->sessions[i]);
}

// A session of a context that was loaded before the present one is not kept: the files say something else
// now.
static int on_session(SSL *ssl, SSL_SESSION *session)
{
    const mqw__tls_layer *self = mqw__tls_layer_of(ssl);
    mqw_tls *tls = self->tls;
    size_t len = self->host ? strlen(self->host) + 1 : 0;
    if (len == 0 || !SSL_SESSION_is_resumable(session))
        return 0;
    mqw__tls_session fresh = {mqw__uv_new(len), session};
    if (!fresh.host)
        return 0;
    memcpy(fresh.host, self->host, len);
    mqw__tls_resume_forget(tls, self->host);
    uv_mutex_lock(&tls->lock);
    bool current = SSL_get_SSL_CTX(ssl) == tls->ctx;
    if (current)
        put(tls, fresh);
    uv_mutex_unlock(&tls->lock);
    if (!current)
        free(fresh.host);
    return current;
}

// A ticket of TLS 1.3 is used once, so that nobody who listens can join the connections (RFC 8446 C.4).
void mqw__tls_resume_offer(mqw__tls_layer *self)
{
    mqw_tls *tls = self->tls;
    if (!mqw__tls_resumes(tls) || !self->host)
        return;
    mqw__tls_session used = {NULL, NULL};
    uv_mutex_lock(&tls->lock);
    int at = find(tls, self->host);
    if (at >= 0 && SSL_get_SSL_CTX(self->ssl) == tls->ctx) {
        (void)SSL_set_session(self->ssl, tls->sessions[at].session); // without it, it is a full handshake
        if (SSL_SESSION_get_protocol_version(tls->sessions[at].session) == TLS1_3_VERSION)
            used = take(tls, at);
    }
    uv_mutex_unlock(&tls->lock);
    drop(&used);
}

// --- what a server gives ---

// With certificates of clients a new list of the revoked must count at once, so old tickets count no more.
void mqw__tls_resume_carry(SSL_CTX *ctx, SSL_CTX *old, const mqw_tls *tls)
{
    unsigned char keys[TICKET_KEYS];
    if (tls->role == MQW_CLIENT || tls->options.client_certificate != MQW_TLS_NONE)
        return;
    if (SSL_CTX_get_tlsext_ticket_keys(old, keys, sizeof keys) == 1)
        SSL_CTX_set_tlsext_ticket_keys(ctx, keys, sizeof keys);
    OPENSSL_cleanse(keys, sizeof keys);
}

void mqw__tls_resume_set(SSL_CTX *ctx, const mqw_tls *tls)
{
    static const unsigned char place[] = "mqwire";
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    if (tls->role == MQW_SERVER)
        SSL_CTX_set_session_id_context(ctx, place, sizeof place - 1);
    if (!mqw__tls_resumes(tls)) {
        SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(ctx, 0);
    } else if (tls->role == MQW_CLIENT) {
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(ctx, on_session);
    } else {
        SSL_CTX_set_num_tickets(ctx, 1); // clients here keep one
    }
}
