// SPDX-License-Identifier: MIT
// SOCKS5: which login (RFC 1928), the login (RFC 1929), the request, its reply; each answer has a short fixed
// form.
#include "socks5.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"

enum {
    VERSION = 5,
    LOGIN_VERSION = 1,
    NO_LOGIN = 0,
    PASSWORD = 2,
    NOTHING = 0xFF,
    CONNECT = 1,
    ADDRESS_V4 = 1,
    NAME = 3,
    ADDRESS_V6 = 4,
    PART_MAX = 255, /**< Of a user, a password, a name. */
    REPLY_HEAD = 5,
    ANSWER_MAX = REPLY_HEAD + PART_MAX + 2,
    REQUEST_MAX = 3 + 2 * PART_MAX + 16
};

typedef enum stage { CHOOSING, LOGGING_IN, ASKING } stage;

typedef struct socks5 {
    mqw__layer layer;
    stage stage;
    uint16_t port;
    uint16_t got;
    bool has_login;
    uint8_t answer[ANSWER_MAX];
    char host[MQW__HOST_MAX + 1];
    char user[PART_MAX + 1];
    char password[PART_MAX + 1];
} socks5;

static int fail(socks5 *self, const char *why)
{
    self->layer.why = why;
    return MQW_E_STREAM;
}

// --- what we say ---

static int push(socks5 *self, const uint8_t *bytes, size_t len)
{
    mqw_bytes view = {bytes, len};
    return mqw__layer_down(&self->layer, &view, 1);
}

static int start(mqw__layer *layer)
{
    socks5 *self = (socks5 *)layer;
    static const uint8_t plain[] = {VERSION, 1, NO_LOGIN};
    static const uint8_t both[] = {VERSION, 2, NO_LOGIN, PASSWORD};
    return self->has_login ? push(self, both, sizeof both) : push(self, plain, sizeof plain);
}

static size_t put_part(uint8_t *to, const char *text)
{
    size_t len = 0;
    for (; len < PART_MAX && text[len]; len++)
        to[len + 1] = (uint8_t)text[len];
    to[0] = (uint8_t)len;
    return len + 1;
}

static int log_in(socks5 *self)
{
    uint8_t bytes[REQUEST_MAX] = {LOGIN_VERSION};
    size_t len = 1;
    len += put_part(bytes + len, self->user);
    len += put_part(bytes + len, self->password);
    self->stage = LOGGING_IN;
    return push(self, bytes, len);
}

// What is an address goes as one, so that a proxy without names can serve it.
static int ask(socks5 *self)
{
    uint8_t bytes[REQUEST_MAX] = {VERSION, CONNECT, 0};
    size_t len = 4;
    if (inet_pton(AF_INET, self->host, bytes + len) == 1) {
        bytes[3] = ADDRESS_V4;
        len += sizeof(struct in_addr);
    } else if (inet_pton(AF_INET6, self->host, bytes + len) == 1) {
        bytes[3] = ADDRESS_V6;
        len += sizeof(struct in6_addr);
    } else {
        bytes[3] = NAME;
        len += put_part(bytes + len, self->host);
    }
    bytes[len++] = (uint8_t)(self->port >> 8);
    bytes[len++] = (uint8_t)self->port;
    self->stage = ASKING;
    return push(self, bytes, len);
}

// --- what the proxy says ---

// How long the present answer is, as far as can be told from what has come.
static size_t length_of(const socks5 *self)
{
    if (self->stage != ASKING)
        return 2;
    if (self->got < REPLY_HEAD)
        return REPLY_HEAD;
    uint8_t form = self->answer[3];
    size_t address = form == ADDRESS_V4 ? 4 : form == ADDRESS_V6 ? 16 : 1U + self->answer[4];
    return 4 + address + 2;
}

static bool gather(socks5 *self, mqw__span *in)
{
    while (self->got < length_of(self) && in->len > 0) {
        self->answer[self->got++] = *in->data++;
        in->len--;
    }
    return self->got >= length_of(self);
}

static int choose(socks5 *self)
{
    uint8_t method = self->answer[1];
    if (self->answer[0] != VERSION)
        return fail(self, "proxy does not speak SOCKS5");
    if (method == NOTHING && !self->has_login)
        return fail(self, "proxy wants a login: socks5://user:password@host:port");
    if (method == NOTHING)
        return fail(self, "proxy takes neither our password nor a connection without one");
    if (method == PASSWORD && self->has_login)
        return log_in(self);
    return method == NO_LOGIN ? ask(self) : fail(self, "proxy has chosen a login that it was not offered");
}

static const char *word_of(uint8_t reply)
{
    static const char *const words[] = {NULL,
                                        "proxy has failed",
                                        "proxy does not allow this host or port",
                                        "proxy cannot reach the server's network",
                                        "proxy cannot reach the server",
                                        "server refuses the proxy's connection",
                                        "server does not answer the proxy in time",
                                        "proxy does not open connections",
                                        "proxy does not know this kind of address"};
    return reply < sizeof words / sizeof words[0] ? words[reply] : "proxy refuses for a reason of its own";
}

// 1: the way is free.
static int take_reply(socks5 *self)
{
    uint8_t form = self->answer[3];
    if (self->answer[0] != VERSION || (form != ADDRESS_V4 && form != NAME && form != ADDRESS_V6))
        return fail(self, "proxy does not speak SOCKS5");
    return self->answer[1] == 0 ? 1 : fail(self, word_of(self->answer[1]));
}

// A refusal is understood from its first bytes: proxies that cut the rest off are heard, too.
static bool refuses(const socks5 *self)
{
    return self->stage == ASKING && self->got >= 2 && self->answer[0] == VERSION && self->answer[1] != 0;
}

static int take_answer(socks5 *self, mqw__span *in)
{
    bool complete = gather(self, in);
    if (refuses(self))
        return fail(self, word_of(self->answer[1]));
    if (!complete)
        return 0;
    self->got = 0;
    if (self->stage == CHOOSING)
        return choose(self);
    if (self->stage == ASKING)
        return take_reply(self);
    return self->answer[1] == 0 ? ask(self) : fail(self, "proxy does not accept this user or password");
}

static int decode(mqw__layer *layer, mqw__span *in, mqw__span room, mqw__span *out)
{
    (void)room;
    socks5 *self = (socks5 *)layer;
    while (in->len > 0) {
        int result = take_answer(self, in);
        if (result < 0)
            return result;
        if (result == 0)
            continue;
        layer->ready = layer->through = true;
        *out = *in;
        in->len = 0;
        return out->len > 0;
    }
    return 0;
}

static int encode(mqw__layer *layer, const mqw_bytes *views, int count)
{
    return mqw__layer_down(layer, views, count);
}

static int end(mqw__layer *layer)
{
    return fail((socks5 *)layer, "proxy ended before it had answered");
}

static void release(mqw__layer *layer)
{
    free(layer);
}

static const mqw__layer_kind kind = {
    .start = start, .decode = decode, .encode = encode, .end = end, .free = release};

mqw__layer *mqw__socks5_new(const mqw__address *proxy, const char *host, uint16_t port)
{
    socks5 *self = mqw__uv_new(sizeof *self);
    if (!self)
        return NULL;
    self->layer.kind = &kind;
    self->port = port;
    self->has_login = proxy->has_user;
    memcpy(self->host, host, strlen(host) + 1);
    memcpy(self->user, proxy->user, strlen(proxy->user) + 1);
    memcpy(self->password, proxy->password, strnlen(proxy->password, PART_MAX));
    return &self->layer;
}
