// SPDX-License-Identifier: MIT
// HTTP CONNECT (RFC 9110, section 9.3.6): a request, a bounded answer, and a free way.
#include "http_connect.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "http.h"

enum {
    ANSWER_MAX = 8 * 1024,
    SHOWN = 60,
    WORDS = 192,
    LOGIN_MAX = MQW__USER_MAX + MQW__PASSWORD_MAX + 1,
    LOGIN_TEXT = (LOGIN_MAX + 2) / 3 * 4 + 1,
    REQUEST_MAX = 2 * (MQW__HOST_MAX + 10) + LOGIN_TEXT + 100
};

typedef struct http_connect {
    mqw__layer layer;
    mqw__http http;
    size_t len;
    char request[REQUEST_MAX];
    char words[WORDS];
} http_connect;

static int fail(http_connect *self, const char *why)
{
    self->layer.why = why;
    return MQW_E_STREAM;
}

// --- the request ---

static void write_login(char out[LOGIN_TEXT], const mqw__address *proxy)
{
    char login[LOGIN_MAX + 1];
    int len = snprintf(login, sizeof login, "%s:%s", proxy->user, proxy->password);
    EVP_EncodeBlock((uint8_t *)out, (const uint8_t *)login, len);
}

static void write_request(http_connect *self, const mqw__address *proxy, const char *host, uint16_t port)
{
    char login[LOGIN_TEXT] = "";
    char place[MQW__HOST_MAX + 10];
    bool six = strchr(host, ':') != NULL;
    snprintf(place, sizeof place, six ? "[%s]:%u" : "%s:%u", host, (unsigned)port);
    if (proxy->has_user)
        write_login(login, proxy);
    int len =
        snprintf(self->request, sizeof self->request, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n%s%s%s\r\n", place,
                 place, login[0] ? "Proxy-Authorization: Basic " : "", login, login[0] ? "\r\n" : "");
    self->len = (size_t)len;
}

static int start(mqw__layer *layer)
{
    http_connect *self = (http_connect *)layer;
    mqw_bytes view = {(const uint8_t *)self->request, self->len};
    return mqw__layer_down(layer, &view, 1);
}

// --- the answer ---

static const char *advice_for(int status)
{
    static const struct {
        int status;
        const char *advice;
    } known[] = {{403, "; it does not allow this host or port"},
                 {405, "; perhaps it is no proxy"},
                 {407, "; it wants a user and a password: http://user:password@host:port"},
                 {502, "; it cannot reach the server"},
                 {503, "; it cannot reach the server"},
                 {504, "; the server does not answer it"}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].status == status)
            return known[i].advice;
    return "";
}

static int judge(http_connect *self)
{
    int status = mqw__http_status(&self->http);
    mqw_text words[3];
    char reason[SHOWN];
    if (status / 100 == 2)
        return 1;
    mqw__http_start(&self->http, words);
    snprintf(self->words, sizeof self->words, "proxy refuses: %d %s%s", status,
             mqw__http_show(reason, sizeof reason, words[2]), advice_for(status));
    return fail(self, self->words);
}

// Answers that only say "go on waiting" are passed over.
static int take_answer(http_connect *self, mqw__span *in)
{
    int result = mqw__http_take(&self->http, in);
    while (result == 1 && mqw__http_status(&self->http) / 100 == 1) {
        mqw__http_free(&self->http);
        result = mqw__http_take(&self->http, in);
    }
    if (result == MQW_E_TOO_LARGE)
        return fail(self, "proxy's answer is too long");
    if (result == MQW_E_MALFORMED || result == MQW_E_PROTOCOL)
        return fail(self, "proxy does not speak HTTP");
    return result == 1 ? judge(self) : result;
}

static int decode(mqw__layer *layer, mqw__span *in, mqw__span room, mqw__span *out)
{
    (void)room;
    http_connect *self = (http_connect *)layer;
    int result = take_answer(self, in);
    if (result <= 0)
        return result;
    mqw__http_free(&self->http);
    layer->ready = layer->through = true;
    *out = *in;
    in->len = 0;
    return out->len > 0;
}

static int encode(mqw__layer *layer, const mqw_bytes *views, int count)
{
    return mqw__layer_down(layer, views, count);
}

static int end(mqw__layer *layer)
{
    return fail((http_connect *)layer, "proxy ended before it had answered");
}

static void release(mqw__layer *layer)
{
    http_connect *self = (http_connect *)layer;
    mqw__http_free(&self->http);
    free(self);
}

static const mqw__layer_kind kind = {
    .start = start, .decode = decode, .encode = encode, .end = end, .free = release};

mqw__layer *mqw__http_connect_new(const mqw__address *proxy, const char *host, uint16_t port)
{
    http_connect *self = mqw__uv_new(sizeof *self);
    if (!self)
        return NULL;
    self->layer.kind = &kind;
    self->http.most = ANSWER_MAX;
    self->http.response = true;
    write_request(self, proxy, host, port);
    return &self->layer;
}
