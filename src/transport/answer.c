// SPDX-License-Identifier: MIT
// The server's side of the handshake of WebSocket: judges a request and answers it, also those of people with
// a browser and of programs that wanted another port.
#include <string.h>

#include "upgrade.h"

enum { MQTT_CONNECT = 0x10, TLS_HANDSHAKE = 0x16, SHOWN = 80 };

typedef enum verdict {
    GOOD,
    PAGE,
    BAD,
    FORBIDDEN,
    NOT_FOUND,
    METHOD,
    PLAIN,
    VERSION,
    TOO_LONG,
    VERDICTS
} verdict;

static const struct {
    const char *status;
    const char *fields;
    const char *page;
} answers[VERDICTS] = {
    [PAGE] = {"200 OK", "", NULL},
    [BAD] = {"400 Bad Request", "", "This is not a request for a WebSocket as RFC 6455 describes it."},
    [FORBIDDEN] = {"403 Forbidden", "", "Pages of this origin may not connect here."},
    [NOT_FOUND] = {"404 Not Found", "", "There is nothing under this path."},
    [METHOD] = {"405 Method Not Allowed", "Allow: GET, HEAD\r\n", "Only GET is answered here."},
    [PLAIN] = {"426 Upgrade Required", "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
               "This port is for MQTT clients that connect through a WebSocket."},
    [VERSION] = {"426 Upgrade Required", "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
                 "Only version 13 of WebSocket is spoken here."},
    [TOO_LONG] = {"431 Request Header Fields Too Large", "", "The head of this request is too long."},
};

// --- what a request is ---

// 16 bytes in base64: 22 characters and two signs of equality.
static bool is_key(mqw_text key)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    enum { CHARACTERS = MQW__WS_KEY - 2 };
    if (key.len != MQW__WS_KEY || memcmp(key.data + CHARACTERS, "==", 2) != 0)
        return false;
    for (size_t i = 0; i < CHARACTERS; i++)
        if (!memchr(alphabet, key.data[i], sizeof alphabet - 1))
            return false;
    return true;
}

// The path as it was asked for, without its query.
static mqw_text path_of(mqw_text target)
{
    const char *query = memchr(target.data, '?', target.len);
    return (mqw_text){target.data, query ? (size_t)(query - target.data) : target.len};
}

static bool is_same(mqw_text text, const char *other)
{
    return text.len == strlen(other) && memcmp(text.data, other, text.len) == 0;
}

static bool serves(const mqw__terms *terms, mqw_text target)
{
    const char *path = terms->options.path;
    return !path || is_same(target, path) || is_same(path_of(target), path);
}

static bool likes_origin(mqw__upgrade *self)
{
    const char *origins = self->terms->options.origins;
    int count = mqw__http_find(&self->http, "Origin", &self->origin);
    return count == 0 || (count == 1 && (!origins || mqw__list_has(origins, self->origin)));
}

// The first one of ours that the client has, too. Whether there is one, or none is needed.
static bool choose_protocol(mqw__upgrade *self)
{
    const char *ours = self->terms->options.protocols;
    mqw_text rest = {ours, strlen(ours)};
    mqw_text wish;
    mqw_text list;
    mqw_text each;
    bool named = false;
    while (mqw__list_item(&rest, &wish)) {
        for (size_t at = 0; mqw__http_each(&self->http, "Sec-WebSocket-Protocol", &at, &list);) {
            while (mqw__list_item(&list, &each)) {
                named = true;
                if (each.len == wish.len && memcmp(each.data, wish.data, wish.len) == 0) {
                    self->protocol = wish;
                    return true;
                }
            }
        }
    }
    return !named && self->terms->any_protocol;
}

static verdict judge_plain(mqw__upgrade *self, bool head)
{
    mqw__upgrade_refuse(self, "peer sent a plain HTTP request (%s), no WebSocket; it was told so",
                        head ? "HEAD" : "GET");
    return self->terms->options.page ? PAGE : PLAIN;
}

// What follows the request is then no frame, and whoever passes it on would see it otherwise than we.
static bool has_body(const mqw__http *http)
{
    mqw_text value = {NULL, 0};
    if (mqw__http_find(http, "Transfer-Encoding", &value) > 0)
        return true;
    int lengths = mqw__http_find(http, "Content-Length", &value);
    return lengths > 1 || (lengths == 1 && !is_same(value, "0"));
}

static verdict judge_upgrade(mqw__upgrade *self)
{
    const mqw__http *http = &self->http;
    mqw_text value = {NULL, 0};
    char shown[SHOWN];
    if (!serves(self->terms, self->path)) {
        mqw__upgrade_refuse(self, "peer asked for the path %s, which is not served",
                            mqw__http_show(shown, sizeof shown, self->path));
        return NOT_FOUND;
    }
    if (!likes_origin(self)) {
        mqw__upgrade_refuse(self, "peer is a page of %s, an origin that is not accepted",
                            mqw__http_show(shown, sizeof shown, self->origin));
        return FORBIDDEN;
    }
    if (has_body(http)) {
        mqw__upgrade_refuse(self, "peer's request for a WebSocket has a body");
        return BAD;
    }
    mqw__upgrade_refuse(self, "peer's request for a WebSocket is wrong");
    if (mqw__http_find(http, "Host", &value) != 1 || !mqw__http_lists(http, "Connection", "upgrade"))
        return BAD;
    if (mqw__http_find(http, "Sec-WebSocket-Version", &value) != 1 || !is_same(value, "13")) {
        mqw__upgrade_refuse(self, "peer speaks another version of WebSocket");
        return VERSION;
    }
    if (mqw__http_find(http, "Sec-WebSocket-Key", &value) != 1 || !is_key(value))
        return BAD;
    memcpy(self->key, value.data, MQW__WS_KEY);
    if (!choose_protocol(self)) {
        mqw__upgrade_refuse(self, "peer does not offer the subprotocol %.*s", SHOWN,
                            self->terms->options.protocols);
        return BAD;
    }
    return GOOD;
}

static verdict judge(mqw__upgrade *self, bool *head)
{
    mqw_text words[3];
    mqw__http_start(&self->http, words);
    *head = is_same(words[0], "HEAD");
    self->path = words[1];
    if (!*head && !is_same(words[0], "GET")) {
        mqw__upgrade_refuse(self, "peer sent an HTTP request other than GET");
        return METHOD;
    }
    if (!mqw__http_lists(&self->http, "Upgrade", "websocket"))
        return judge_plain(self, *head);
    if (*head || is_same(words[2], "HTTP/1.0")) {
        mqw__upgrade_refuse(self, "peer asked for a WebSocket by HEAD, or in HTTP/1.0");
        return BAD;
    }
    return judge_upgrade(self);
}

// --- the answer ---

static int agree(mqw__upgrade *self)
{
    char accept[MQW__WS_ACCEPT + 1];
    if (!mqw__upgrade_accept(accept, self->key, MQW__WS_KEY))
        return MQW_E_NO_MEMORY;
    bool named = self->protocol.len > 0;
    int result = mqw__upgrade_say(self,
                                  "HTTP/1.1 101 Switching Protocols\r\n"
                                  "Upgrade: websocket\r\n"
                                  "Connection: Upgrade\r\n"
                                  "Sec-WebSocket-Accept: %s\r\n"
                                  "%s%.*s%s\r\n",
                                  accept, named ? "Sec-WebSocket-Protocol: " : "", (int)self->protocol.len,
                                  named ? self->protocol.data : "", named ? "\r\n" : "");
    self->why[0] = '\0';
    return result < 0 ? result : 1;
}

static int answer(mqw__upgrade *self, verdict what, bool head)
{
    static const char before[] = "<!doctype html><meta charset=utf-8><title>MQTT</title><p>";
    const char *page = what == PAGE ? self->terms->options.page : answers[what].page;
    const char *opening = what == PAGE ? "" : before;
    size_t len = strlen(opening) + strlen(page) + (what == PAGE ? 0 : 1);
    int result = mqw__upgrade_say(self,
                                  "HTTP/1.1 %s\r\n"
                                  "Content-Type: text/html; charset=utf-8\r\n"
                                  "Content-Length: %zu\r\n"
                                  "%sConnection: close\r\n\r\n%s%s%s",
                                  answers[what].status, len, answers[what].fields, head ? "" : opening,
                                  head ? "" : page, head || what == PAGE ? "" : "\n");
    return result < 0 ? result : MQW_E_STREAM;
}

int mqw__upgrade_answer(mqw__upgrade *self, int gathered, uint8_t first)
{
    bool head = false;
    verdict what = BAD;
    if (gathered == 1) {
        what = judge(self, &head);
    } else if (gathered == MQW_E_TOO_LARGE) {
        mqw__upgrade_refuse(self, "peer's request is longer than %zu bytes", self->http.most);
        what = TOO_LONG;
    } else if (gathered == MQW_E_MALFORMED) {
        mqw__upgrade_refuse(self, "peer's request is not sound HTTP");
    } else {
        // Whoever does not speak HTTP would not understand an answer in it.
        bool at_once = self->http.len == 0;
        return mqw__upgrade_refuse(self, "peer speaks %s on a port for WebSocket",
                                   at_once && first == MQTT_CONNECT    ? "plain MQTT"
                                   : at_once && first == TLS_HANDSHAKE ? "TLS"
                                                                       : "no HTTP");
    }
    return what == GOOD ? agree(self) : answer(self, what, head);
}
