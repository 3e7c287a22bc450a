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

enum { REFERENCE_MAX = 300, ADDRESS_MAX = 6000 };

// --- addresses in parts ---

// scheme, userinfo, host and port, path: views of one address.
typedef struct parts {
    mqw_text scheme; // with its "://"; empty: none
    mqw_text user;   // with its '@'; empty: none
    mqw_text host;
    mqw_text path;
} parts;

static mqw_text text_of(mqw_bytes bytes)
{
    return (mqw_text){(const char *)bytes.data, bytes.len};
}

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

// Who logs in there.
typedef struct user {
    bool has_name;
    bool has_password;
    mqw_text name;
    mqw_text password;
} user;

// Makes a server. NULL: no memory.
static mqw__server *make(const parts *of, const user *who)
{
    size_t len = of->scheme.len + of->host.len + of->path.len + 1;
    size_t size = sizeof(mqw__server) + len + who->name.len + who->password.len;
    mqw__server *server = mqw__uv_new(size);
    if (!server)
        return NULL;
    char *address = (char *)(server + 1);
    char *name = append(append(append(address, of->scheme), of->host), of->path) + 1;
    char *password = append(name, who->name);
    append(password, who->password);
    server->size = size;
    server->address = address;
    server->has_username = who->has_name;
    server->has_password = who->has_password;
    server->username = (mqw_text){name, who->name.len};
    server->password = (mqw_bytes){(const uint8_t *)password, who->password.len};
    return server;
}

// Whether an address of these parts is one, and who logs in there.
static bool check(mqw__address *out, const parts *of)
{
    char whole[ADDRESS_MAX];
    mqw_text of_all[] = {of->scheme, of->user, of->host, of->path};
    char *to = whole;
    if (of->scheme.len + of->user.len + of->host.len + of->path.len >= sizeof whole)
        return false;
    for (int i = 0; i < 4; i++)
        to = append(to, of_all[i]);
    *to = '\0';
    bool sound = mqw__address_read(out, whole) == 0;
    OPENSSL_cleanse(whole, sizeof whole);
    return sound;
}

// Adds a server of parts, with the user of `like` unless that is NULL. 0 or an mqw_result.
static int add(mqw__servers *servers, const parts *of, const mqw__server *like)
{
    mqw__address read;
    if (servers->count == MQW__SERVERS_MAX || !check(&read, of))
        return MQW_E_ADDRESS;
    user who = {read.has_user, read.has_password, {read.user, strlen(read.user)}, {read.password, 0}};
    who.password.len = strlen(read.password);
    if (like)
        who = (user){like->has_username, like->has_password, like->username, text_of(like->password)};
    mqw__server *server = make(of, &who);
    OPENSSL_cleanse(&read, sizeof read);
    if (!server)
        return MQW_E_NO_MEMORY;
    servers->at[servers->count++] = server;
    return 0;
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

static void keep(mqw__servers *servers, mqw__server *one)
{
    if (servers->count < MQW__SERVERS_MAX)
        servers->at[servers->count++] = one;
    else
        free_server(one);
}

void mqw__servers_replace(mqw__servers *servers, uint32_t index, mqw__servers *with)
{
    const mqw__servers old = *servers;
    free_server(old.at[index]);
    servers->count = index;
    for (uint32_t i = 0; i < with->count; i++)
        keep(servers, with->at[i]);
    for (uint32_t i = index + 1; i < old.count; i++)
        keep(servers, old.at[i]);
    with->count = 0;
}

void mqw__servers_clear(mqw__servers *servers)
{
    for (uint32_t i = 0; i < servers->count; i++)
        free_server(servers->at[i]);
    servers->count = 0;
}
