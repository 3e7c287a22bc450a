// SPDX-License-Identifier: MIT
// Reads and shows addresses. Nothing is allocated and nothing is looked up.
#define _GNU_SOURCE
#include "address.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#include "mqwire/transport.h"

enum { FD_MAX = 1 << 30, BAUD_MAX = 100000000 };

// A number of digits only, at most `max`. False when there is none, or something else beside it.
static bool read_number(const char *text, size_t len, unsigned max, unsigned *out)
{
    unsigned value = 0;
    if (len == 0)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (unsigned)(text[i] - '0');
        if (value > max)
            return false;
    }
    *out = value;
    return true;
}

static bool copy(char *out, size_t cap, const char *text, size_t len)
{
    if (len == 0 || len >= cap)
        return false;
    memcpy(out, text, len);
    out[len] = '\0';
    return true;
}

// Neither blanks, nor what a terminal or a protocol of lines could stumble over, nor any of `others`.
static bool is_sound(const char *text, size_t len, const char *others)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] <= ' ' || text[i] == 0x7F || strchr(others, text[i]))
            return false;
    return true;
}

static bool is_ascii(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] > 0x7F)
            return false;
    return true;
}

static int digit_of(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c) : NULL;
    return at ? (int)(at - digits) : -1;
}

// Resolves %XX. A NUL could not be told from the end.
static bool decode(char *out, size_t cap, const char *text, size_t len)
{
    size_t to = 0;
    if (!is_sound(text, len, ""))
        return false;
    for (size_t i = 0; i < len; i++) {
        int byte = (unsigned char)text[i];
        if (byte == '%') {
            int high = i + 2 < len ? digit_of(text[i + 1]) : -1;
            int low = high >= 0 ? digit_of(text[i + 2]) : -1;
            byte = low >= 0 ? high << 4 | low : 0;
            i += 2;
        }
        if (byte == 0 || to + 1 >= cap)
            return false;
        out[to++] = (char)byte;
    }
    out[to] = '\0';
    return true;
}

static bool read_port(mqw__address *out, const char *text, size_t len)
{
    unsigned port = out->port;
    if (len > 0 && (text[0] != ':' || !read_number(text + 1, len - 1, UINT16_MAX, &port)))
        return false;
    out->any_port = len == 0;
    out->port = (uint16_t)port;
    return true;
}

// host, host:port, [v6], [v6]:port; an empty host is localhost.
static bool read_host(mqw__address *out, const char *text, size_t len)
{
    const char *host = text;
    size_t host_len = 0;
    size_t behind = 0;
    if (len > 0 && text[0] == '[') {
        const char *end = memchr(text, ']', len);
        if (!end || end == text + 1)
            return false;
        host = text + 1;
        host_len = (size_t)(end - host);
        behind = host_len + 2;
        if (!is_sound(host, host_len, "/?#@\\["))
            return false;
    } else {
        const char *colon = memchr(text, ':', len);
        host_len = behind = colon ? (size_t)(colon - text) : len;
        if (!is_sound(host, host_len, "/?#@[]:\\"))
            return false;
    }
    if (host_len == 0) {
        host = "localhost";
        host_len = strlen(host);
    }
    return copy(out->host, sizeof out->host, host, host_len) && read_port(out, text + behind, len - behind);
}

// A path belongs to a WebSocket; else there is nothing behind the host but a slash, perhaps.
static bool read_behind(mqw__address *out, const char *text)
{
    size_t len = strlen(text);
    if (len == 0 || !out->websocket)
        return len == 0 || strcmp(text, "/") == 0;
    return text[0] == '/' && is_sound(text, len, "#") && is_ascii(text, len) &&
           copy(out->path, sizeof out->path, text, len);
}

static bool read_place(mqw__address *out, const char *text)
{
    size_t len = strcspn(text, "/?#");
    return read_host(out, text, len) && read_behind(out, text + len);
}

// Behind a scheme a user's name and password may stand in front of the host.
static bool read_url(mqw__address *out, const char *text)
{
    const char *at = memrchr(text, '@', strcspn(text, "/?#"));
    if (!at)
        return read_place(out, text);
    const char *colon = memchr(text, ':', (size_t)(at - text));
    size_t user = colon ? (size_t)(colon - text) : (size_t)(at - text);
    out->has_user = true;
    out->has_password = colon != NULL;
    if (colon && !decode(out->password, sizeof out->password, colon + 1, (size_t)(at - colon - 1)))
        return false;
    return decode(out->user, sizeof out->user, text, user) && read_place(out, at + 1);
}

static bool read_unix(mqw__address *out, const char *text)
{
    size_t room = sizeof((struct sockaddr_un *)NULL)->sun_path;
    return copy(out->path, room < sizeof out->path ? room : sizeof out->path, text, strlen(text));
}

static bool read_fd(mqw__address *out, const char *text)
{
    size_t len = strcspn(text, ",");
    unsigned in = 0;
    unsigned last = 0;
    if (!read_number(text, len, FD_MAX, &in))
        return false;
    if (text[len] == ',' && !read_number(text + len + 1, strlen(text + len + 1), FD_MAX, &last))
        return false;
    out->in = (int)in;
    out->out = text[len] == ',' ? (int)last : out->in;
    return true;
}

static bool read_stdio(mqw__address *out, const char *text)
{
    out->in = 0;
    out->out = 1;
    return *text == '\0';
}

static bool read_pipe(mqw__address *out, const char *text)
{
    size_t len = strcspn(text, ",");
    return text[len] == ',' && !strchr(text + len + 1, ',') && copy(out->path, sizeof out->path, text, len) &&
           copy(out->out_path, sizeof out->out_path, text + len + 1, strlen(text + len + 1));
}

static bool read_tty(mqw__address *out, const char *text)
{
    size_t len = strcspn(text, ",");
    if (text[len] == ',' &&
        (!read_number(text + len + 1, strlen(text + len + 1), BAUD_MAX, &out->baud) || out->baud == 0))
        return false;
    return copy(out->path, sizeof out->path, text, len);
}

static const struct {
    const char *prefix;
    bool (*read)(mqw__address *out, const char *text);
    mqw__address what; /**< What the scheme says by itself. */
} schemes[] = {
    {"mqtt://", read_url, {.kind = MQW__TCP, .port = MQW__PORT, .plain = true}},
    {"tcp://", read_url, {.kind = MQW__TCP, .port = MQW__PORT, .plain = true}},
    {"mqtts://", read_url, {.kind = MQW__TCP, .port = MQW__PORT_TLS, .tls = true}},
    {"ssl://", read_url, {.kind = MQW__TCP, .port = MQW__PORT_TLS, .tls = true}},
    {"tls://", read_url, {.kind = MQW__TCP, .port = MQW__PORT_TLS, .tls = true}},
    {"ws://", read_url, {.kind = MQW__TCP, .port = 80, .plain = true, .websocket = true}},
    {"wss://", read_url, {.kind = MQW__TCP, .port = 443, .tls = true, .websocket = true}},
    {"unix:", read_unix, {.kind = MQW__UNIX}},
    {"fd:", read_fd, {.kind = MQW__FD}},
    {"stdio:", read_stdio, {.kind = MQW__FD}},
    {"pipe:", read_pipe, {.kind = MQW__PIPE}},
    {"tty:", read_tty, {.kind = MQW__TTY}},
    {"http://", read_url, {.kind = MQW__TCP, .port = 80, .proxy = MQW__HTTP_CONNECT}},
    {"socks5://", read_url, {.kind = MQW__TCP, .port = 1080, .proxy = MQW__SOCKS5}},
    {"socks5h://", read_url, {.kind = MQW__TCP, .port = 1080, .proxy = MQW__SOCKS5}},
};

static int read_any(mqw__address *out, const char *text)
{
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t len = strlen(schemes[i].prefix);
        if (strncasecmp(text, schemes[i].prefix, len) != 0)
            continue;
        *out = schemes[i].what;
        return schemes[i].read(out, text + len) ? 0 : MQW_E_ADDRESS;
    }
    memset(out, 0, sizeof *out);
    out->port = MQW__PORT;
    return *text && read_place(out, text) ? 0 : MQW_E_ADDRESS;
}

int mqw__address_read(mqw__address *out, const char *text)
{
    int result = read_any(out, text);
    return result == 0 && out->proxy ? MQW_E_ADDRESS : result;
}

int mqw__address_read_proxy(mqw__address *out, const char *text)
{
    int result = read_any(out, text);
    bool usable = result == 0 && out->proxy && out->port > 0 && strcmp(out->host, "*") != 0;
    bool too_long = out->proxy == MQW__SOCKS5 && strlen(out->password) > MQW__SOCKS_MAX;
    return usable && !too_long ? 0 : MQW_E_ADDRESS;
}

void mqw__address_show_proxy(char *out, size_t cap, const mqw__address *proxy)
{
    snprintf(out, cap, strchr(proxy->host, ':') ? "[%s]:%u" : "%s:%u", proxy->host, (unsigned)proxy->port);
}

static void show_unix(char *out, size_t cap, const struct sockaddr *name, socklen_t len)
{
    const struct sockaddr_un *local = (const struct sockaddr_un *)(const void *)name;
    size_t known = offsetof(struct sockaddr_un, sun_path);
    size_t room = len > known ? len - known : 0;
    snprintf(out, cap, "unix:%.*s", (int)strnlen(local->sun_path, room), local->sun_path);
}

void mqw__address_show(char *out, size_t cap, const struct sockaddr *name, socklen_t len)
{
    char host[INET6_ADDRSTRLEN + 32];
    char port[8];
    out[0] = '\0';
    if (len < sizeof(sa_family_t))
        return;
    if (name->sa_family == AF_UNIX)
        show_unix(out, cap, name, len);
    else if (getnameinfo(name, len, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) ==
             0)
        snprintf(out, cap, strchr(host, ':') ? "tcp://[%s]:%s" : "tcp://%s:%s", host, port);
}

// --- names ---

static bool is_known(const mqw__names *names, const struct addrinfo *one)
{
    for (int i = 0; i < names->count; i++)
        if (names->at[i].len == one->ai_addrlen &&
            memcmp(&names->at[i].name, one->ai_addr, one->ai_addrlen) == 0)
            return true;
    return false;
}

static void add(mqw__names *names, const struct addrinfo *one)
{
    if (names->count == MQW__NAMES_MAX || one->ai_addrlen > sizeof names->at[0].name || is_known(names, one))
        return;
    memcpy(&names->at[names->count].name, one->ai_addr, one->ai_addrlen);
    names->at[names->count++].len = one->ai_addrlen;
}

// The next one of a family (or of any other one) from `from` on; NULL: none.
static const struct addrinfo *next_of(const struct addrinfo *from, int family, bool same)
{
    while (from && (from->ai_family == family) != same)
        from = from->ai_next;
    return from;
}

void mqw__names_of(mqw__names *out, const struct addrinfo *found)
{
    int family = found ? found->ai_family : AF_UNSPEC;
    const struct addrinfo *one = found;
    const struct addrinfo *other = next_of(found, family, false);
    out->count = 0;
    while (one || other) {
        if (one) {
            add(out, one);
            one = next_of(one->ai_next, family, true);
        }
        if (other) {
            add(out, other);
            other = next_of(other->ai_next, family, false);
        }
    }
}

void mqw__names_unix(mqw__names *out, const char *path)
{
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    memcpy(local.sun_path, path, strlen(path) + 1);
    memcpy(&out->at[0].name, &local, sizeof local);
    out->at[0].len = sizeof local;
    out->count = 1;
}
