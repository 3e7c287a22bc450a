// SPDX-License-Identifier: MIT
// Why TLS has failed, in words that name the way out: from what OpenSSL found, from the alert that the peer
// sent, and from what came first when that was no TLS at all.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "alloc.h"
#include "tls.h"

// --- noting ---

// The sentence outlives this call in memory of the layer's own.
__attribute__((format(printf, 2, 3))) static int say(mqw__tls_layer *self, const char *format, ...)
{
    char text[MQW__TLS_WORDS];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    free(self->words);
    self->words = mqw__uv_new(strlen(text) + 1);
    if (self->words)
        memcpy(self->words, text, strlen(text) + 1);
    self->layer.why = self->words ? self->words : "TLS has failed";
    return MQW_E_STREAM;
}

static const char *peer_of(const mqw__tls_layer *self)
{
    return self->tls->role == MQW_CLIENT ? "server" : "client";
}

static const char *host_of(const mqw__tls_layer *self)
{
    return self->host ? self->host : "the server";
}

// --- what came first was no TLS ---

static bool begins(const mqw__tls_layer *self, const char *text)
{
    size_t len = strlen(text);
    return self->head_len >= len && memcmp(self->head, text, len) == 0;
}

static bool is_http(const mqw__tls_layer *self)
{
    static const char *const openings[] = {"GET ", "PUT ", "HEAD ", "POST ", "OPTIONS", "CONNECT", "HTTP/"};
    for (size_t i = 0; i < sizeof openings / sizeof openings[0]; i++)
        if (begins(self, openings[i]))
            return true;
    return false;
}

// CONNECT: its length, then that of its protocol's name, MQTT or MQIsdp.
static bool is_connect(const mqw__tls_layer *self)
{
    if (self->head_len < 5 || self->head[0] != 0x10)
        return false;
    int at = 1;
    while (at < 4 && self->head[at] & 0x80)
        at++;
    return self->head[at + 1] == 0 &&
           (at + 2 >= self->head_len || self->head[at + 2] == 4 || self->head[at + 2] == 6);
}

static bool is_tls(const mqw__tls_layer *self)
{
    return self->head_len < 2 || (self->head[0] >= 20 && self->head[0] <= 23 && self->head[1] == 3);
}

// OpenSSL leaves those without an answer who do not speak TLS. They hear in their own way what is wrong.
static void answer(mqw__tls_layer *self)
{
    static const uint8_t alert[] = {0x15, 3, 3, 0, 2, 2, SSL_AD_PROTOCOL_VERSION};
    static const char page[] =
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
        "This port is for TLS: use https:// or wss://.\n";
    mqw_bytes words = {alert, sizeof alert};
    if (is_http(self))
        words = (mqw_bytes){(const uint8_t *)page, sizeof page - 1};
    (void)mqw__layer_down(&self->layer, &words, 1); // without memory they have to guess
}

static int say_no_tls(mqw__tls_layer *self)
{
    bool server = self->tls->role == MQW_SERVER;
    if (server)
        answer(self);
    if (server && is_connect(self))
        return say(self, "client speaks MQTT without TLS, but this port is for TLS (connect with mqtts://)");
    if (server && is_http(self))
        return say(
            self,
            "client speaks HTTP without TLS, but this port is for TLS (connect with wss:// or https://)");
    if (server)
        return say(self, "client does not speak TLS, but this port is for TLS");
    if (is_http(self))
        return say(self,
                   "%s answers in HTTP without TLS; this port is not for TLS (try ws://, or another port)",
                   host_of(self));
    return say(self, "%s does not answer in TLS; this port is not for TLS (try mqtt://, or another port)",
               host_of(self));
}

// --- alerts: what the peer does not like ---

typedef struct saying {
    int reason;
    const char *words; /**< Behind `server` or `client`, whoever the peer is. */
} saying;

#define ALERT(name) (SSL_AD_REASON_OFFSET + SSL_AD_##name)

static const saying alerts[] = {
    {ALERT(UNKNOWN_CA), "does not know the CA of our certificate (it has to be given that CA)"},
    {ALERT(BAD_CERTIFICATE), "calls our certificate bad"},
    {ALERT(UNSUPPORTED_CERTIFICATE), "does not take our kind of certificate"},
    {ALERT(CERTIFICATE_REVOKED), "says that our certificate was revoked (get a new one)"},
    {ALERT(CERTIFICATE_EXPIRED), "says that our certificate has expired (renew it)"},
    {ALERT(CERTIFICATE_UNKNOWN), "does not accept our certificate"},
    {ALERT(CERTIFICATE_REQUIRED), "demands a client certificate (give certificate and key)"},
    {ALERT(ACCESS_DENIED), "denies us access"},
    {ALERT(PROTOCOL_VERSION), "speaks none of our versions of TLS"},
    {ALERT(INSUFFICIENT_SECURITY), "demands stronger ciphers than ours"},
    {ALERT(HANDSHAKE_FAILURE), "finds no cipher, curve or kind of certificate that both have"},
    {ALERT(NO_APPLICATION_PROTOCOL), "speaks none of the protocols that we ask for (ALPN)"},
    {ALERT(UNRECOGNIZED_NAME), "does not know the host name that we ask for (SNI)"},
    {ALERT(UNKNOWN_PSK_IDENTITY), "does not know our PSK identity"},
    {ALERT(ILLEGAL_PARAMETER), "calls something that we sent illegal (with PSK: is the key the same?)"},
    {ALERT(DECRYPT_ERROR), "cannot verify what we sent (with PSK: is the key the same?)"},
    {ALERT(BAD_RECORD_MAC), "cannot decrypt what we sent (with PSK: is the key the same?)"},
    {ALERT(USER_CANCELLED), "has given up the handshake"},
    {ALERT(NO_RENEGOTIATION), "does not negotiate again"},
    {ALERT(INTERNAL_ERROR), "has an internal error"},
};

// --- what we do not like ---

static const saying findings[] = {
    {SSL_R_UNSUPPORTED_PROTOCOL, "speaks none of our versions of TLS"},
    {SSL_R_NO_PROTOCOLS_AVAILABLE, "cannot be spoken to: our rules leave no version of TLS"},
    {SSL_R_NO_SHARED_CIPHER, "has no cipher that we have, too"},
    {SSL_R_WRONG_CIPHER_RETURNED, "chose a cipher that we did not offer"},
    {SSL_R_UNKNOWN_CIPHER_RETURNED, "chose a cipher that we did not offer"},
    {SSL_R_NO_CIPHERS_AVAILABLE, "cannot be spoken to: our rules leave no cipher"},
    {SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, "cannot verify our kind of certificate"},
    {SSL_R_NO_SUITABLE_KEY_SHARE, "has no curve that we have, too"},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, "gave no certificate, but one is demanded here"},
    {SSL_R_NO_APPLICATION_PROTOCOL, "asks only for protocols (ALPN) that this port does not speak"},
    {SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, "sent something damaged (with PSK: is the key the same?)"},
    {SSL_R_BINDER_DOES_NOT_VERIFY, "uses another PSK key for that identity"},
    {SSL_R_DIGEST_CHECK_FAILED, "does not have the same key as we (with PSK: is the key the same?)"},
    {SSL_R_EXCESSIVE_MESSAGE_SIZE, "sent a message that is too large"},
};

static const saying *find(const saying *list, size_t count, int reason)
{
    for (size_t i = 0; i < count; i++)
        if (list[i].reason == reason)
            return &list[i];
    return NULL;
}

#define COUNT(list) (sizeof(list) / sizeof(list)[0])

// A server of TLS 1.2 has no alert of its own for that.
static bool lacks_certificate(const mqw__tls_layer *self, int reason)
{
    return self->asked_certificate &&
           (reason == ALERT(HANDSHAKE_FAILURE) || reason == ALERT(BAD_CERTIFICATE));
}

static int say_alert(mqw__tls_layer *self, int reason)
{
    if (lacks_certificate(self, reason))
        reason = ALERT(CERTIFICATE_REQUIRED);
    const saying *known = find(alerts, COUNT(alerts), reason);
    if (known)
        return say(self, "%s %s", peer_of(self), known->words);
    return say(self, "%s has ended TLS with the alert \"%s\"", peer_of(self),
               SSL_alert_desc_string_long(reason - SSL_AD_REASON_OFFSET));
}

static int say_unknown_psk(mqw__tls_layer *self)
{
    char identity[MQW__TLS_WORDS] = "";
    if (self->psk)
        mqw__tls_plain(identity, sizeof identity, self->psk, strlen(self->psk));
    return say(self, "PSK identity \"%.160s\" of the client is not known here", identity);
}

static int say_finding(mqw__tls_layer *self, unsigned long error)
{
    int reason = ERR_GET_REASON(error);
    bool ssl = ERR_GET_LIB(error) == ERR_LIB_SSL;
    if (self->certificate && ssl && reason == SSL_R_CERTIFICATE_VERIFY_FAILED)
        return say(self, "%s", self->certificate);
    if (self->unknown_psk)
        return say_unknown_psk(self);
    if (ssl && reason > SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256)
        return say_alert(self, reason);
    const saying *known = ssl ? find(findings, COUNT(findings), reason) : NULL;
    if (known)
        return say(self, "%s %s", peer_of(self), known->words);
    const char *text = ERR_reason_error_string(error);
    return say(self, "TLS with the %s has failed: %s", peer_of(self), text ? text : "nobody knows why");
}

// Empties OpenSSL's list. What TLS itself said first tells most; what a cipher said tells nobody anything.
static unsigned long cause(mqw__tls_layer *self)
{
    unsigned long error = 0;
    unsigned long found = 0;
    while ((error = ERR_get_error()) != 0) {
        bool better = ERR_GET_LIB(error) == ERR_LIB_SSL && ERR_GET_LIB(found) != ERR_LIB_SSL;
        found = found == 0 || better ? error : found;
        self->no_memory = self->no_memory || ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE;
    }
    return found;
}

int mqw__tls_fail(mqw__tls_layer *self)
{
    unsigned long error = cause(self);
    self->failed = true;
    if (self->host)
        mqw__tls_resume_forget(self->tls, self->host);
    if (self->no_memory)
        self->fault = MQW_E_NO_MEMORY;
    else if (!self->layer.ready && !is_tls(self))
        self->fault = say_no_tls(self);
    else
        self->fault = say_finding(self, error);
    return self->fault;
}

int mqw__tls_cut(mqw__tls_layer *self)
{
    self->failed = true;
    if (self->tls->role == MQW_SERVER && self->head_len == 0)
        self->fault = say(self, "client has closed the connection without a word");
    else if (self->tls->role == MQW_SERVER)
        self->fault = say(self, "client has closed the connection within the TLS handshake");
    else if (self->head_len == 0)
        self->fault =
            say(self, "%s has closed the connection without an answer in TLS (is this port for TLS?)",
                host_of(self));
    else
        self->fault = say(self, "%s has closed the connection within the TLS handshake", host_of(self));
    return self->fault;
}
