// SPDX-License-Identifier: MIT
// Lists of servers: addresses with credentials in them, and server references.
#include "servers.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mqwire/codec.h"
#include "transport/address.h"
#include "transport/alloc.h"

enum { REFERENCE_MAX = 300 };

// --- addresses in parts ---

// scheme, userinfo, host and port, path: views of one address.
typedef struct parts {
    mqw_text scheme; // with its "://"; empty: none
    mqw_text user;   // with its '@'; empty: none
    mqw_text host;
    mqw_text path;
} parts;

static mqw_text text_between(const char *from, const char *to)
{
    return (mqw_text){from, (size_t)(to - from)};
}

// Addresses that name no host: descriptors and paths.
static const char *const local_schemes[] = {"unix:", "fd:", "stdio:", "pipe:", "tty:"};

static bool is_local(mqw_text address)
{
    for (size_t i = 0; i < sizeof local_schemes / sizeof local_schemes[0]; i++) {
        size_t len = strlen(local_schemes[i]);
        if (address.len >= len && strncasecmp(address.data, local_schemes[i], len) == 0)
            return true;
    }
    return false;
}

static const char *find(const char *from, const char *end, char what)
{
    const char *found = from < end ? memchr(from, what, (size_t)(end - from)) : NULL;
    return found ? found : end;
}

static parts take_apart(mqw_text address)
{
    const char *at = address.data;
    const char *end = at + address.len;
    parts out = {.scheme = {at, 0}};
    if (is_local(address)) {
        out.host = address;
        return out;
    }
    const char *colon = find(at, end, ':');
    if (end - colon >= 3 && memcmp(colon, "://", 3) == 0) {
        out.scheme = text_between(at, colon + 3);
        at = colon + 3;
    }
    const char *path = find(at, end, '/');
    const char *host = at;
    for (const char *sign = find(at, path, '@'); sign < path; sign = find(sign + 1, path, '@'))
        host = sign + 1;
    out.user = text_between(at, host);
    out.host = text_between(host, path);
    out.path = text_between(path, end);
    return out;
}

// --- one server ---

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Decodes %-encoding to `out`. Returns the length, or -1: it is wrong.
static ptrdiff_t decode_percent(char *out, mqw_text in)
{
    char *to = out;
    for (size_t i = 0; i < in.len; i++) {
        if (in.data[i] != '%') {
            *to++ = in.data[i];
            continue;
        }
        int high = i + 2 < in.len ? digit_of(in.data[i + 1]) : -1;
        int low = high >= 0 ? digit_of(in.data[i + 2]) : -1;
        if (low < 0)
            return -1;
        *to++ = (char)(high << 4 | low);
        i += 2;
    }
    return to - out;
}

// Splits `user:password@` and decodes both behind the address. False when that is not to be understood.
static bool read_user(mqw__server *server, char *room, mqw_text user)
{
    if (user.len == 0)
        return true;
    const char *end = user.data + user.len - 1;
    const char *colon = find(user.data, end, ':');
    ptrdiff_t len = decode_percent(room, text_between(user.data, colon));
    if (len < 0)
        return false;
    server->has_username = len > 0;
    server->username = (mqw_text){room, (size_t)len};
    room += len;
    if (colon == end)
        return mqw_utf8_check(server->username) == 0;
    len = decode_percent(room, text_between(colon + 1, end));
    server->has_password = len >= 0;
    server->password = (mqw_bytes){(const uint8_t *)room, len < 0 ? 0 : (size_t)len};
    return len >= 0 && mqw_utf8_check(server->username) == 0;
}

static void free_server(mqw__server *server)
{
    OPENSSL_cleanse(server, server->size);
    free(server);
}

static char *append(char *to, mqw_text text)
{
    if (text.len)
        memcpy(to, text.data, text.len);
    return to + text.len;
}

static void copy_user(mqw__server *server, char *room, const mqw__server *from)
{
    server->has_username = from->has_username;
    server->has_password = from->has_password;
    server->username = (mqw_text){room, from->username.len};
    room = append(room, from->username);
    server->password = (mqw_bytes){(const uint8_t *)room, from->password.len};
    append(room, (mqw_text){(const char *)from->password.data, from->password.len});
}

// Makes a server of parts, with the user of `like` unless that is NULL. 0 with *out, or an mqw_result.
static int make(mqw__server **out, const parts *of, const mqw__server *like)
{
    size_t len = of->scheme.len + of->host.len + of->path.len + 1;
    size_t size = sizeof(mqw__server) + len + (like ? like->username.len + like->password.len : of->user.len);
    mqw__server *server = mqw__uv_new(size);
    if (!server)
        return MQW_E_NO_MEMORY;
    char *address = (char *)(server + 1);
    append(append(append(address, of->scheme), of->host), of->path);
    server->size = size;
    server->address = address;
    mqw__address read;
    int rc = mqw__address_read(&read, address);
    if (like)
        copy_user(server, address + len, like);
    else if (rc >= 0 && !read_user(server, address + len, of->user))
        rc = MQW_E_ADDRESS;
    if (rc < 0)
        free_server(server);
    else
        *out = server;
    return rc < 0 ? rc : 0;
}

static int add(mqw__servers *servers, const parts *of, const mqw__server *like)
{
    if (servers->count == MQW__SERVERS_MAX)
        return MQW_E_ADDRESS;
    int rc = make(&servers->at[servers->count], of, like);
    servers->count += rc == 0;
    return rc;
}

// --- lists ---

// In addresses of two parts a comma stands between the parts.
static bool has_commas(mqw_text rest)
{
    static const char *const schemes[] = {"fd:", "pipe:", "tty:"};
    for (size_t i = 0; i < 3; i++)
        if (strncasecmp(rest.data, schemes[i], strlen(schemes[i])) == 0)
            return true;
    return false;
}

int mqw__servers_read(mqw__servers *out, const char *list)
{
    static const char spaces[] = " \t\r\n,";
    const char *at = list ? list : "";
    out->count = 0;
    at += strspn(at, spaces);
    if (*at == '\0')
        at = "localhost";
    while (*at != '\0') {
        size_t len = strcspn(at, has_commas((mqw_text){at, strlen(at)}) ? " \t\r\n" : spaces);
        parts of = take_apart((mqw_text){at, len});
        int rc = add(out, &of, NULL);
        if (rc < 0) {
            mqw__servers_clear(out);
            return rc;
        }
        at += len;
        at += strspn(at, spaces);
    }
    return 0;
}

// A name that is nothing but a host and perhaps a port.
static bool is_host(mqw_text name)
{
    for (size_t i = 0; i < name.len; i++)
        if ((unsigned char)name.data[i] <= ' ' || strchr("/@?#\\,", name.data[i]))
            return false;
    return name.len > 0 && name.len <= REFERENCE_MAX && !is_local(name);
}

int mqw__servers_refer(mqw__servers *out, const mqw__server *origin, mqw_text reference)
{
    parts of = take_apart((mqw_text){origin->address, strlen(origin->address)});
    const char *end = reference.data + reference.len;
    out->count = 0;
    if (reference.len == 0 || is_local(of.host))
        return 0;
    for (const char *at = reference.data; at < end && out->count < MQW__SERVERS_MAX;) {
        const char *space = find(at, end, ' ');
        of.host = text_between(at, space);
        at = space < end ? space + 1 : end;
        int rc = is_host(of.host) ? add(out, &of, origin) : 0;
        if (rc == MQW_E_NO_MEMORY) {
            mqw__servers_clear(out);
            return rc;
        }
    }
    return 0;
}

void mqw__servers_replace(mqw__servers *servers, uint32_t index, mqw__servers *with)
{
    uint32_t behind = servers->count - index - 1;
    mqw__server *rest[MQW__SERVERS_MAX];
    memcpy(rest, &servers->at[index + 1], behind * sizeof rest[0]);
    free_server(servers->at[index]);
    servers->count = index;
    for (uint32_t i = 0; i < with->count + behind; i++) {
        mqw__server *next = i < with->count ? with->at[i] : rest[i - with->count];
        if (servers->count < MQW__SERVERS_MAX)
            servers->at[servers->count++] = next;
        else
            free_server(next);
    }
    with->count = 0;
}

void mqw__servers_clear(mqw__servers *servers)
{
    for (uint32_t i = 0; i < servers->count; i++)
        free_server(servers->at[i]);
    servers->count = 0;
}
