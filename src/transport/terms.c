// SPDX-License-Identifier: MIT
// Checks options of a WebSocket, so that nothing in them can end a line of a header, and copies them.
#include "terms.h"

#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "http.h"

enum { HANDSHAKE_MAX = 8 * 1024, HANDSHAKE_MIN = 256 };

static const char default_path[] = "/mqtt";
static const char default_client[] = "mqtt";
static const char default_server[] = "mqtt,mqttv3.1";

// --- what may stand in a header ---

// Printable ASCII, without blanks when it is one word.
static bool is_printable(const char *text, bool word)
{
    for (; *text; text++)
        if (*text < (word ? '!' : ' ') || *text > '~')
            return false;
    return true;
}

static bool is_path(const char *text)
{
    return text[0] == '/' && is_printable(text, true) && !strchr(text, '#');
}

static bool is_list_of_tokens(const char *text)
{
    mqw_text rest = {text, strlen(text)};
    mqw_text item;
    int count = 0;
    for (; mqw__list_item(&rest, &item); count++)
        if (!mqw__http_token(item))
            return false;
    return count > 0 && is_printable(text, false);
}

// Fields that the handshake writes itself, or that would turn it into something else.
static bool is_ours(mqw_text name)
{
    static const char *const ours[] = {"Host",
                                       "Origin",
                                       "Upgrade",
                                       "Connection",
                                       "Content-Length",
                                       "Transfer-Encoding",
                                       "Sec-WebSocket-Accept",
                                       "Sec-WebSocket-Extensions",
                                       "Sec-WebSocket-Key",
                                       "Sec-WebSocket-Protocol",
                                       "Sec-WebSocket-Version"};
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        if (mqw__text_is(name, ours[i]))
            return true;
    return false;
}

static bool is_header(const char *line, size_t len)
{
    const char *colon = memchr(line, ':', len);
    mqw_text name = {line, colon ? (size_t)(colon - line) : 0};
    if (!mqw__http_token(name) || is_ours(name))
        return false;
    for (size_t i = 0; i < len; i++)
        if (((unsigned char)line[i] < ' ' && line[i] != '\t') || line[i] == 0x7F)
            return false;
    return true;
}

static bool are_headers(const char *lines)
{
    while (*lines) {
        size_t len = strcspn(lines, "\n");
        if (len > 0 && !is_header(lines, len))
            return false;
        lines += len + (lines[len] == '\n');
    }
    return true;
}

static bool all_sound(const mqw_websocket_options *options, const char *host)
{
    return (!options->path || is_path(options->path)) && is_list_of_tokens(options->protocols) &&
           (!options->headers || are_headers(options->headers)) &&
           (!options->origin || (options->origin[0] && is_printable(options->origin, true))) &&
           (!options->origins || is_printable(options->origins, false)) && is_printable(host, true);
}

// --- life ---

// A server's address may end in a slash by habit; that names no path.
static const char *path_for(mqw_role role, const char *path)
{
    if (role == MQW_CLIENT)
        return path[0] ? path : default_path;
    return path[0] && strcmp(path, "/") != 0 ? path : NULL;
}

static void fill_in(mqw__terms *terms, const mqw_websocket_options *given, const char *path)
{
    mqw_websocket_options *options = &terms->options;
    if (given)
        memcpy(options, given, given->size && given->size < sizeof *options ? given->size : sizeof *options);
    if (!options->path)
        options->path = path_for(terms->role, path);
    terms->any_protocol = terms->role == MQW_SERVER && !options->protocols;
    if (!options->protocols)
        options->protocols = terms->role == MQW_CLIENT ? default_client : default_server;
    if (options->max_handshake == 0)
        options->max_handshake = HANDSHAKE_MAX;
    if (options->max_handshake < HANDSHAKE_MIN)
        options->max_handshake = HANDSHAKE_MIN;
}

enum { TEXTS = 7 };

// All texts of it; those that are NULL are not there.
static void texts_of(mqw__terms *terms, const char **texts[TEXTS])
{
    mqw_websocket_options *options = &terms->options;
    const char **all[TEXTS] = {&options->path,    &options->protocols, &options->headers, &options->origin,
                               &options->origins, &options->page,      &terms->host};
    memcpy(texts, all, sizeof all);
}

static size_t size_of(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

// A copy in one block, texts included.
static mqw__terms *copy_of(mqw__terms *from)
{
    const char **texts[TEXTS];
    size_t size = sizeof *from;
    texts_of(from, texts);
    for (int i = 0; i < TEXTS; i++)
        size += size_of(*texts[i]);
    mqw__terms *copy = mqw__uv_new(size);
    if (!copy)
        return NULL;
    *copy = *from;
    char *to = (char *)(copy + 1);
    texts_of(copy, texts);
    for (int i = 0; i < TEXTS; i++) {
        size_t len = size_of(*texts[i]);
        if (len == 0)
            continue;
        memcpy(to, *texts[i], len);
        *texts[i] = to;
        to += len;
    }
    return copy;
}

int mqw__terms_new(mqw__terms **out, mqw_role role, const mqw_websocket_options *options, const char *path,
                   const char *host)
{
    mqw__terms terms = {.refs = 1, .role = role, .host = host};
    fill_in(&terms, options, path);
    if (!all_sound(&terms.options, host))
        return MQW_E_MISUSE;
    mqw__terms *copy = copy_of(&terms);
    if (!copy)
        return MQW_E_NO_MEMORY;
    *out = copy;
    return 0;
}

mqw__terms *mqw__terms_keep(mqw__terms *terms)
{
    terms->refs++;
    return terms;
}

void mqw__terms_drop(mqw__terms *terms)
{
    if (terms && --terms->refs == 0)
        free(terms);
}
