// SPDX-License-Identifier: MIT
// Gathering and reading the head of an HTTP message: a first line and fields, each line ended by CR LF.
#include "http.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "alloc.h"

enum { ROOM_MIN = 512, METHOD_MAX = 16, STATUS_DIGITS = 3 };

static const char opening[] = "HTTP/1.";

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_token_char(char c)
{
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    return letter || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

bool mqw__http_token(mqw_text text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!is_token_char(text.data[i]))
            return false;
    return text.len > 0;
}

// --- gathering ---

static bool reserve(mqw__http *http)
{
    if (http->len < http->cap)
        return true;
    size_t cap = http->cap ? http->cap * 2 : ROOM_MIN;
    char *text = mqw__uv_resize(http->text, cap);
    if (!text)
        return false;
    http->text = text;
    http->cap = cap;
    return true;
}

// Whether the first bytes can be those of HTTP: `GET /…` or `HTTP/1.1 …`.
static bool opens_well(const mqw__http *http, char c)
{
    size_t at = http->len;
    if (http->response)
        return at >= sizeof opening - 1 || c == opening[at];
    if (c >= 'A' && c <= 'Z')
        return true;
    return at > METHOD_MAX || (at > 0 && memchr(http->text, ' ', at)) || (at > 0 && c == ' ');
}

static bool may_follow(const mqw__http *http, char c)
{
    char before = http->len > 0 ? http->text[http->len - 1] : '\0';
    if ((before == '\r') != (c == '\n'))
        return false;
    return (unsigned char)c >= ' ' ? c != 0x7F : c == '\t' || c == '\r' || c == '\n';
}

static bool is_complete(const mqw__http *http)
{
    return http->len >= 4 && memcmp(http->text + http->len - 4, "\r\n\r\n", 4) == 0;
}

static bool is_sound(const mqw__http *http);

int mqw__http_take(mqw__http *http, mqw__span *in)
{
    while (in->len > 0) {
        char c = (char)*in->data;
        if (!opens_well(http, c))
            return MQW_E_PROTOCOL;
        if (!may_follow(http, c))
            return MQW_E_MALFORMED;
        if (http->len == http->most)
            return MQW_E_TOO_LARGE;
        if (!reserve(http))
            return MQW_E_NO_MEMORY;
        http->text[http->len++] = c;
        in->data++;
        in->len--;
        if (is_complete(http))
            return is_sound(http) ? 1 : MQW_E_MALFORMED;
    }
    return 0;
}

void mqw__http_free(mqw__http *http)
{
    free(http->text);
    http->text = NULL;
    http->len = http->cap = 0;
}

// --- reading ---

// The line that starts at *at, which moves behind it. Empty: the last one.
static mqw_text next_line(const mqw__http *http, size_t *at)
{
    const char *from = http->text + *at;
    const char *end = memchr(from, '\r', http->len - *at);
    size_t len = end ? (size_t)(end - from) : 0;
    *at += len + 2;
    return (mqw_text){from, len};
}

static mqw_text trim(mqw_text text)
{
    while (text.len > 0 && is_blank(text.data[0])) {
        text.data++;
        text.len--;
    }
    while (text.len > 0 && is_blank(text.data[text.len - 1]))
        text.len--;
    return text;
}

static bool split_field(mqw_text line, mqw_text *name, mqw_text *value)
{
    const char *colon = memchr(line.data, ':', line.len);
    if (!colon)
        return false;
    *name = (mqw_text){line.data, (size_t)(colon - line.data)};
    *value = trim((mqw_text){colon + 1, line.len - name->len - 1});
    return mqw__http_token(*name);
}

void mqw__http_start(const mqw__http *http, mqw_text words[3])
{
    size_t at = 0;
    mqw_text rest = next_line(http, &at);
    for (int i = 0; i < 3; i++) {
        const char *blank = i < 2 ? memchr(rest.data, ' ', rest.len) : NULL;
        words[i] = (mqw_text){rest.data, blank ? (size_t)(blank - rest.data) : rest.len};
        size_t skip = words[i].len + (blank != NULL);
        rest = (mqw_text){rest.data + skip, rest.len - skip};
    }
}

int mqw__http_status(const mqw__http *http)
{
    mqw_text words[3];
    int status = 0;
    mqw__http_start(http, words);
    for (size_t i = 0; i < words[1].len; i++) {
        if (words[1].data[i] < '0' || words[1].data[i] > '9' || i == STATUS_DIGITS)
            return 0;
        status = status * 10 + (words[1].data[i] - '0');
    }
    return words[1].len == STATUS_DIGITS && status >= 100 ? status : 0;
}

static bool start_is_sound(const mqw__http *http)
{
    mqw_text words[3];
    mqw__http_start(http, words);
    if (http->response)
        return mqw__http_status(http) > 0;
    bool version = words[2].len == sizeof opening && memcmp(words[2].data, opening, sizeof opening - 1) == 0;
    return mqw__http_token(words[0]) && words[1].len > 0 && version;
}

// Lines that go on with the one before (a blank first) have long been forbidden; their name is no token.
static bool is_sound(const mqw__http *http)
{
    size_t at = 0;
    mqw_text name;
    mqw_text value;
    next_line(http, &at);
    for (mqw_text line = next_line(http, &at); line.len > 0; line = next_line(http, &at))
        if (!split_field(line, &name, &value))
            return false;
    return start_is_sound(http);
}

bool mqw__http_each(const mqw__http *http, const char *name, size_t *at, mqw_text *value)
{
    if (*at == 0)
        next_line(http, at);
    for (mqw_text line = next_line(http, at); line.len > 0; line = next_line(http, at)) {
        mqw_text found;
        if (split_field(line, &found, value) && mqw__text_is(found, name))
            return true;
    }
    *at -= 2; // the last line is found again
    return false;
}

int mqw__http_find(const mqw__http *http, const char *name, mqw_text *value)
{
    int count = 0;
    size_t at = 0;
    mqw_text each;
    while (mqw__http_each(http, name, &at, &each))
        if (count++ == 0)
            *value = each;
    return count;
}

bool mqw__http_lists(const mqw__http *http, const char *name, const char *item)
{
    size_t at = 0;
    mqw_text list;
    mqw_text each;
    while (mqw__http_each(http, name, &at, &list))
        while (mqw__list_item(&list, &each))
            if (mqw__text_is(each, item))
                return true;
    return false;
}

// --- texts ---

bool mqw__list_item(mqw_text *list, mqw_text *item)
{
    while (list->len > 0) {
        const char *comma = memchr(list->data, ',', list->len);
        size_t len = comma ? (size_t)(comma - list->data) : list->len;
        size_t skip = len + (comma != NULL);
        *item = trim((mqw_text){list->data, len});
        *list = (mqw_text){list->data + skip, list->len - skip};
        if (item->len > 0)
            return true;
    }
    return false;
}

bool mqw__list_has(const char *list, mqw_text item)
{
    mqw_text rest = {list, strlen(list)};
    mqw_text each;
    while (mqw__list_item(&rest, &each))
        if (each.len == item.len && memcmp(each.data, item.data, item.len) == 0)
            return true;
    return false;
}

bool mqw__text_is(mqw_text text, const char *word)
{
    return text.len == strlen(word) && strncasecmp(text.data, word, text.len) == 0;
}

const char *mqw__http_show(char *out, size_t cap, mqw_text text)
{
    size_t len = text.len < cap ? text.len : cap - 1;
    for (size_t i = 0; i < len; i++)
        out[i] = (char)(text.data[i] >= ' ' && text.data[i] <= '~' ? text.data[i] : '?');
    out[len] = '\0';
    return out;
}
