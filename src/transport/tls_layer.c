// SPDX-License-Identifier: MIT
// TLS as a layer. OpenSSL reads from the bytes that the layer is given and writes to the layer below, through
// a BIO of ours: no socket, and no copy but its own.
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>

#include "alloc.h"
#include "stream.h"
#include "tls.h"

enum { RECORD = SSL3_RT_MAX_PLAIN_LENGTH };

static mqw__tls_layer *self_of(mqw__layer *layer)
{
    return (mqw__tls_layer *)layer;
}

mqw__tls_layer *mqw__tls_layer_of(const SSL *ssl)
{
    return SSL_get_app_data(ssl);
}

// --- bytes for OpenSSL ---

static int on_read(BIO *bio, char *room, size_t cap, size_t *got)
{
    mqw__span *in = ((mqw__tls_layer *)BIO_get_data(bio))->in;
    BIO_clear_retry_flags(bio);
    if (!in || in->len == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    *got = in->len < cap ? in->len : cap;
    memcpy(room, in->data, *got);
    in->data += *got;
    in->len -= *got;
    return 1;
}

static int on_write(BIO *bio, const char *bytes, size_t len, size_t *went)
{
    mqw__tls_layer *self = BIO_get_data(bio);
    mqw_bytes view = {(const uint8_t *)bytes, len};
    BIO_clear_retry_flags(bio);
    if (mqw__layer_down(&self->layer, &view, 1) < 0) {
        self->no_memory = true;
        return 0;
    }
    *went = len;
    return 1;
}

static long on_control(BIO *bio, int what, long number, void *arg)
{
    (void)bio, (void)number, (void)arg;
    return what == BIO_CTRL_FLUSH;
}

BIO_METHOD *mqw__tls_bio(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "mqwire layer");
    if (method && BIO_meth_set_read_ex(method, on_read) && BIO_meth_set_write_ex(method, on_write) &&
        BIO_meth_set_ctrl(method, on_control))
        return method;
    BIO_meth_free(method);
    return NULL;
}

// --- the handshake ---

static int shake_hands(mqw__tls_layer *self)
{
    ERR_clear_error();
    int result = SSL_do_handshake(self->ssl);
    if (result == 1) {
        self->layer.ready = true;
        return 0;
    }
    return SSL_get_error(self->ssl, result) == SSL_ERROR_WANT_READ ? 0 : mqw__tls_fail(self);
}

// What is not TLS is told from what came first.
static void note_head(mqw__tls_layer *self, const mqw__span *in)
{
    size_t take = sizeof self->head - self->head_len;
    if (take > in->len)
        take = in->len;
    memcpy(self->head + self->head_len, in->data, take);
    self->head_len = (uint8_t)(self->head_len + take);
}

static int start(mqw__layer *layer)
{
    mqw__tls_layer *self = self_of(layer);
    return self->tls->role == MQW_CLIENT ? shake_hands(self) : 0;
}

// --- data ---

// 1: so many bytes more; 0: none now, or never again; negative: it has failed.
static int read_record(mqw__tls_layer *self, uint8_t *room, size_t cap, size_t *got)
{
    ERR_clear_error();
    int result = SSL_read_ex(self->ssl, room, cap, got);
    if (result == 1)
        return 1;
    int error = SSL_get_error(self->ssl, result);
    if (error == SSL_ERROR_ZERO_RETURN)
        self->layer.ended = true;
    else if (error != SSL_ERROR_WANT_READ)
        return mqw__tls_fail(self);
    return 0;
}

// Room for a whole record at least, so that OpenSSL never holds back a part of one.
static bool room_of(mqw__tls_layer *self, mqw__span *room)
{
    if (room->len >= RECORD)
        return true;
    if (!self->own)
        self->own = mqw__uv_new(RECORD);
    *room = (mqw__span){self->own, RECORD};
    return self->own != NULL;
}

// Whole records, as many as there are and as fit.
static int read_data(mqw__tls_layer *self, mqw__span *in, mqw__span room, mqw__span *out)
{
    if (!room_of(self, &room))
        return MQW_E_NO_MEMORY;
    *out = (mqw__span){room.data, 0};
    while (in->len > 0 && room.len - out->len >= RECORD) {
        size_t got = 0;
        int result = read_record(self, room.data + out->len, room.len - out->len, &got);
        if (result < 0)
            self->fault = result;
        if (result <= 0)
            break;
        out->len += got;
    }
    return out->len > 0 ? 1 : self->fault;
}

static void drop_own(mqw__tls_layer *self)
{
    free(self->own);
    self->own = NULL;
}

static int decode(mqw__layer *layer, mqw__span *in, mqw__span room, mqw__span *out)
{
    mqw__tls_layer *self = self_of(layer);
    int result = self->fault;
    if (in->len > 0 && !self->failed) {
        self->in = in;
        if (!layer->ready) {
            note_head(self, in);
            result = shake_hands(self);
        }
        if (result == 0 && layer->ready && in->len > 0)
            result = read_data(self, in, room, out);
        self->in = NULL;
    }
    if (result <= 0)
        drop_own(self);
    return result;
}

static int write_record(mqw__tls_layer *self, const uint8_t *bytes, size_t len)
{
    size_t went = 0;
    if (len == 0)
        return 0;
    ERR_clear_error();
    return SSL_write_ex(self->ssl, bytes, len, &went) == 1 ? 0 : mqw__tls_fail(self);
}

// Small views are put together, so that records are full; large ones are not copied for that.
static int encode(mqw__layer *layer, const mqw_bytes *views, int count)
{
    mqw__tls_layer *self = self_of(layer);
    uint8_t record[RECORD];
    size_t len = 0;
    int result = self->failed ? self->fault : 0;
    for (int i = 0; i < count && result == 0; i++) {
        mqw_bytes view = views[i];
        while (view.len > 0 && result == 0) {
            if (len == 0 && view.len >= RECORD) {
                size_t whole = view.len - view.len % RECORD;
                result = write_record(self, view.data, whole);
                view = (mqw_bytes){view.data + whole, view.len - whole};
                continue;
            }
            size_t take = RECORD - len < view.len ? RECORD - len : view.len;
            memcpy(record + len, view.data, take);
            len += take;
            view = (mqw_bytes){view.data + take, view.len - take};
            if (len == RECORD) {
                result = write_record(self, record, len);
                len = 0;
            }
        }
    }
    return result == 0 ? write_record(self, record, len) : result;
}

// --- the end ---

// MQTT knows itself where a packet ends, so a stream that just stops loses nothing that TLS could tell us of.
// Many peers stop like that.
static int end(mqw__layer *layer)
{
    mqw__tls_layer *self = self_of(layer);
    if (self->failed)
        return self->fault;
    return layer->ready ? 0 : mqw__tls_cut(self);
}

static int shut(mqw__layer *layer)
{
    mqw__tls_layer *self = self_of(layer);
    if (self->failed || !layer->ready)
        return 0;
    ERR_clear_error();
    (void)SSL_shutdown(self->ssl);
    return self->no_memory ? MQW_E_NO_MEMORY : 0;
}

// A connection that was lost may be resumed; OpenSSL thinks otherwise unless both sides seem to have said
// goodbye.
static void release(mqw__layer *layer)
{
    mqw__tls_layer *self = self_of(layer);
    if (self->ssl && layer->ready && !self->failed)
        SSL_set_shutdown(self->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(self->ssl);
    mqw_tls_free(self->tls);
    free(self->host);
    free(self->certificate);
    free(self->words);
    free(self->psk);
    free(self->own);
    free(self);
}

// --- making it ---

static const mqw__layer_kind kind = {.start = start,
                                     .decode = decode,
                                     .encode = encode,
                                     .end = end,
                                     .shut = shut,
                                     .facts = mqw__tls_facts,
                                     .free = release};

static bool set_bytes(mqw__tls_layer *self)
{
    BIO *bio = BIO_new(self->tls->bio);
    if (!bio)
        return false;
    BIO_set_data(bio, self);
    BIO_set_init(bio, 1);
    SSL_set_bio(self->ssl, bio, bio);
    return true;
}

static bool is_address(const char *host)
{
    uint8_t room[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, host, room) == 1 || inet_pton(AF_INET6, host, room) == 1;
}

// Names are told to the server and verified; addresses are only verified (RFC 6066 section 3).
static bool set_host(mqw__tls_layer *self)
{
    SSL *ssl = self->ssl;
    bool verified = !self->tls->options.any_host && !self->tls->options.insecure;
    if (!self->host)
        return true;
    if (is_address(self->host))
        return !verified || X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), self->host) == 1;
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set_tlsext_host_name(ssl, self->host) == 1 &&
           (!verified || SSL_set1_host(ssl, self->host) == 1);
}

static bool fill(mqw__tls_layer *self)
{
    SSL_CTX *ctx = mqw__tls_context(self->tls);
    self->ssl = SSL_new(ctx);
    SSL_CTX_free(ctx);
    if (!self->ssl || !set_bytes(self) || SSL_set_app_data(self->ssl, self) != 1)
        return false;
    if (self->tls->role == MQW_SERVER) {
        SSL_set_accept_state(self->ssl);
        return true;
    }
    SSL_set_connect_state(self->ssl);
    if (!set_host(self) || !mqw__tls_alpn_offer(self))
        return false;
    mqw__tls_resume_offer(self);
    return true;
}

// Without the dot behind a full name, and without the interface of an address (fe80::1%eth0).
static char *copy_host(const char *host)
{
    size_t len = strcspn(host, "%");
    while (len > 1 && host[len - 1] == '.')
        len--;
    char *copy = mqw__uv_new(len + 1);
    return copy ? memcpy(copy, host, len) : NULL;
}

int mqw__tls_layer_new(mqw__layer **out, mqw_tls *tls, const char *host, const char *default_alpn)
{
    const mqw_tls_options *options = &tls->options;
    const char *name = options->server_name ? options->server_name : host;
    bool client = tls->role == MQW_CLIENT;
    if (client && (!name || *name == '\0' || *name == '%')) {
        if (!options->insecure && !options->any_host)
            return MQW_E_MISUSE;
        name = NULL;
    }
    mqw__tls_layer *self = mqw__uv_new(sizeof *self);
    if (!self)
        return MQW_E_NO_MEMORY;
    self->layer.kind = &kind;
    self->tls = mqw_tls_keep(tls);
    self->alpn = options->alpn ? options->alpn : default_alpn;
    self->host = client && name ? copy_host(name) : NULL;
    bool made = (self->host || !client || !name) && fill(self);
    ERR_clear_error();
    if (made)
        *out = &self->layer;
    else
        release(&self->layer);
    return made ? 0 : MQW_E_NO_MEMORY;
}

bool mqw__tls_below_websocket(mqw__layer *layer)
{
    if (layer->kind != &kind || layer->started || self_of(layer)->tls->options.alpn)
        return true;
    self_of(layer)->alpn = "http/1.1";
    return self_of(layer)->tls->role != MQW_CLIENT || mqw__tls_alpn_offer(self_of(layer));
}

int mqw__stream_tls(mqw_stream *stream, mqw_tls *tls, const char *host, const char *default_alpn)
{
    mqw__layer *layer = NULL;
    int result = mqw__tls_layer_new(&layer, tls, host, default_alpn);
    return result < 0 ? result : mqw__stream_push(stream, layer);
}

int mqw_stream_tls(mqw_stream *stream, mqw_tls *tls, const char *host)
{
    if (!stream || !tls || stream->owner || stream->closed)
        return MQW_E_MISUSE;
    return mqw__stream_tls(stream, tls, host, "mqtt");
}
