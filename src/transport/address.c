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

enum { DEFAULT_PORT = 1883, FD_MAX = 1 << 30, BAUD_MAX = 100000000 };

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

static bool host_is_sound(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] <= ' ' || text[i] == 0x7F || strchr("/?#@[]:\\", text[i]))
            return false;
    return true;
}

static bool read_port(mqw__address *out, const char *text, size_t len)
{
    unsigned port = DEFAULT_PORT;
    if (len > 0 && (text[0] != ':' || !read_number(text + 1, len - 1, UINT16_MAX, &port)))
        return false;
    out->port = (uint16_t)port;
    return true;
}

// host, host:port, [v6], [v6]:port, each with one slash behind it; an empty host is localhost.
static bool read_tcp(mqw__address *out, const char *text)
{
    size_t len = strlen(text);
    if (len > 0 && text[len - 1] == '/')
        len--;
    const char *host = text;
    size_t host_len = 0;
    size_t behind = 0;
    if (len > 0 && text[0] == '[') {
        const char *end = memchr(text, ']', len);
        if (!end || end == text + 1 || memchr(text + 1, '[', (size_t)(end - text - 1)))
            return false;
        host = text + 1;
        host_len = (size_t)(end - host);
        behind = host_len + 2;
        if (strcspn(host, " \t/?#@\\") < host_len)
            return false;
    } else {
        const char *colon = memchr(text, ':', len);
        host_len = behind = colon ? (size_t)(colon - text) : len;
        if (!host_is_sound(host, host_len))
            return false;
    }
    if (host_len == 0) {
        host = "localhost";
        host_len = strlen(host);
    }
    return copy(out->host, sizeof out->host, host, host_len) && read_port(out, text + behind, len - behind);
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

// A scheme without a reader is known, but its layers are not built in.
static const struct {
    const char *prefix;
    mqw__address_kind kind;
    bool (*read)(mqw__address *out, const char *text);
} schemes[] = {
    {"mqtt://", MQW__TCP, read_tcp}, {"tcp://", MQW__TCP, read_tcp},  {"unix:", MQW__UNIX, read_unix},
    {"fd:", MQW__FD, read_fd},       {"stdio:", MQW__FD, read_stdio}, {"pipe:", MQW__PIPE, read_pipe},
    {"tty:", MQW__TTY, read_tty},    {"mqtts://", MQW__TCP, NULL},    {"ssl://", MQW__TCP, NULL},
    {"ws://", MQW__TCP, NULL},       {"wss://", MQW__TCP, NULL},
};

int mqw__address_read(mqw__address *out, const char *text)
{
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t len = strlen(schemes[i].prefix);
        if (strncasecmp(text, schemes[i].prefix, len) != 0)
            continue;
        out->kind = schemes[i].kind;
        if (!schemes[i].read)
            return MQW_E_REFUSED;
        return schemes[i].read(out, text + len) ? 0 : MQW_E_ADDRESS;
    }
    return *text && read_tcp(out, text) ? 0 : MQW_E_ADDRESS;
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
