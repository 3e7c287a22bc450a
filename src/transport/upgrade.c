// SPDX-License-Identifier: MIT
// The handshake of WebSocket: what both ends share, and the client: its request, and what it makes of the
// answer.
#include "upgrade.h"

#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"

enum { SHA1_LEN = 20, NONCE = 16, TLS_ALERT = 0x15, SHOWN = 80 };

static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

// --- what both share ---

mqw__upgrade *mqw__upgrade_new(mqw__terms *terms)
{
    mqw__upgrade *self = mqw__uv_new(sizeof *self);
    if (!self)
        return NULL;
    self->terms = mqw__terms_keep(terms);
    self->http.most = terms->options.max_handshake;
    self->http.response = terms->role == MQW_CLIENT;
    return self;
}

void mqw__upgrade_free(mqw__upgrade *self)
{
    if (!self)
        return;
    mqw__terms_drop(self->terms);
    mqw__http_free(&self->http);
    free(self->say);
    free(self);
}

bool mqw__upgrade_accept(char out[MQW__WS_ACCEPT + 1], const char *key, size_t len)
{
    uint8_t input[MQW__WS_KEY + sizeof guid - 1];
    uint8_t hash[SHA1_LEN];
    if (len != MQW__WS_KEY)
        return false;
    memcpy(input, key, MQW__WS_KEY);
    memcpy(input + MQW__WS_KEY, guid, sizeof guid - 1);
    if (EVP_Digest(input, sizeof input, hash, NULL, EVP_sha1(), NULL) != 1)
        return false;
    EVP_EncodeBlock((uint8_t *)out, hash, SHA1_LEN);
    return true;
}

int mqw__upgrade_refuse(mqw__upgrade *self, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(self->why, sizeof self->why, format, list);
    va_end(list);
    return MQW_E_STREAM;
}

int mqw__upgrade_say(mqw__upgrade *self, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    int len = vsnprintf(NULL, 0, format, list);
    va_end(list);
    char *text = len < 0 ? NULL : mqw__uv_new((size_t)len + 1);
    if (!text)
        return MQW_E_NO_MEMORY;
    va_start(list, format);
    vsnprintf(text, (size_t)len + 1, format, list);
    va_end(list);
    free(self->say);
    self->say = text;
    self->say_len = (size_t)len;
    return 0;
}

// --- the client ---

// The program's header lines end in LF, or not at all; on the wire each ends in CR LF.
static char *lines_of(const char *headers)
{
    size_t len = strlen(headers);
    char *lines = mqw__uv_new(2 * len + 3);
    char *to = lines;
    for (const char *from = headers; lines && *from;) {
        size_t line = strcspn(from, "\n");
        memcpy(to, from, line);
        to += line;
        if (line > 0) {
            *to++ = '\r';
            *to++ = '\n';
        }
        from += line + (from[line] == '\n');
    }
    return lines;
}

int mqw__upgrade_ask(mqw__upgrade *self, const uint8_t *nonce)
{
    const mqw_websocket_options *options = &self->terms->options;
    EVP_EncodeBlock((uint8_t *)self->key, nonce, NONCE);
    char *more = lines_of(options->headers ? options->headers : "");
    if (!more)
        return MQW_E_NO_MEMORY;
    int result = mqw__upgrade_say(self,
                                  "GET %s HTTP/1.1\r\n"
                                  "Host: %s\r\n"
                                  "Upgrade: websocket\r\n"
                                  "Connection: Upgrade\r\n"
                                  "Sec-WebSocket-Key: %s\r\n"
                                  "Sec-WebSocket-Version: 13\r\n"
                                  "Sec-WebSocket-Protocol: %s\r\n"
                                  "%s%s%s%s\r\n",
                                  options->path, self->terms->host, self->key, options->protocols,
                                  options->origin ? "Origin: " : "", options->origin ? options->origin : "",
                                  options->origin ? "\r\n" : "", more);
    free(more);
    return result;
}

// A server that answers something else than 101: what it says, and where it points to.
static int refused(mqw__upgrade *self)
{
    mqw_text words[3];
    mqw_text place = {NULL, 0};
    char reason[SHOWN];
    int status = mqw__http_status(&self->http);
    mqw__http_start(&self->http, words);
    mqw__http_show(reason, sizeof reason, words[2]);
    if (status / 100 == 3 && mqw__http_find(&self->http, "Location", &place) > 0) {
        char target[SHOWN];
        return mqw__upgrade_refuse(self, "server does not serve a WebSocket here: %d %s; it points to %s",
                                   status, reason, mqw__http_show(target, sizeof target, place));
    }
    static const struct {
        int status;
        const char *advice;
    } known[] = {
        {401, "; it wants a login, for instance a header Authorization"},
        {403, "; it does not want this client, or this Origin"},
        {404, "; the path of the address may be wrong"},
        {426, "; it speaks another version of WebSocket"},
    };
    const char *advice = "";
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        advice = known[i].status == status ? known[i].advice : advice;
    return mqw__upgrade_refuse(self, "server refuses the WebSocket: %d %s%s", status, reason, advice);
}

// An answer that agrees must prove it, and may not agree to what nobody has asked for.
static int judge(mqw__upgrade *self)
{
    const mqw__http *http = &self->http;
    const char *protocols = self->terms->options.protocols;
    char accept[MQW__WS_ACCEPT + 1];
    mqw_text value = {NULL, 0};
    if (mqw__http_status(http) != 101)
        return refused(self);
    if (!mqw__upgrade_accept(accept, self->key, MQW__WS_KEY))
        return MQW_E_NO_MEMORY;
    if (!mqw__http_lists(http, "Upgrade", "websocket") || !mqw__http_lists(http, "Connection", "upgrade"))
        return mqw__upgrade_refuse(self, "server agrees to something that is not a WebSocket");
    if (mqw__http_find(http, "Sec-WebSocket-Accept", &value) != 1 || value.len != MQW__WS_ACCEPT ||
        memcmp(value.data, accept, MQW__WS_ACCEPT) != 0)
        return mqw__upgrade_refuse(self, "server's Sec-WebSocket-Accept does not go with our key");
    if (mqw__http_find(http, "Sec-WebSocket-Extensions", &value) > 0)
        return mqw__upgrade_refuse(self, "server uses a WebSocket extension that nobody has asked for");
    int count = mqw__http_find(http, "Sec-WebSocket-Protocol", &self->protocol);
    if (count != 1 || !mqw__list_has(protocols, self->protocol))
        return mqw__upgrade_refuse(self, "server does not agree to the subprotocol %.*s", SHOWN, protocols);
    self->path = (mqw_text){self->terms->options.path, strlen(self->terms->options.path)};
    if (self->terms->options.origin)
        self->origin = (mqw_text){self->terms->options.origin, strlen(self->terms->options.origin)};
    return 1;
}

static int judge_answer(mqw__upgrade *self, int gathered, uint8_t first)
{
    if (gathered == 1)
        return judge(self);
    if (gathered == MQW_E_TOO_LARGE)
        return mqw__upgrade_refuse(self, "server's answer is longer than %zu bytes", self->http.most);
    if (gathered == MQW_E_MALFORMED)
        return mqw__upgrade_refuse(self, "server's answer is not sound HTTP");
    if (first == TLS_ALERT && self->http.len == 0)
        return mqw__upgrade_refuse(self, "server speaks TLS on this port; use wss://");
    return mqw__upgrade_refuse(self,
                               "server does not speak HTTP on this port; perhaps it is one for plain MQTT");
}

int mqw__upgrade_take(mqw__upgrade *self, mqw__span *in)
{
    int gathered = mqw__http_take(&self->http, in);
    uint8_t first = in->len > 0 ? in->data[0] : 0;
    if (gathered == 0 || gathered == MQW_E_NO_MEMORY)
        return gathered;
    return self->terms->role == MQW_CLIENT ? judge_answer(self, gathered, first)
                                           : mqw__upgrade_answer(self, gathered, first);
}
