// SPDX-License-Identifier: MIT
// Where mqw pub and mqw sub connect to; see target.h.
#include "target.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "secure.h"
#include "tool.h"

enum { ADDRESS_MAX = 2048, PORT_TLS = 8883 };

// Appends an address to the list.
static bool add(tool_target *target, const char *address)
{
    size_t len = target->addresses ? strlen(target->addresses) : 0;
    char *more = realloc(target->addresses, len + strlen(address) + 2);
    if (more == NULL) {
        tool_complain("out of memory");
        return false;
    }
    target->addresses = more;
    snprintf(more + len, strlen(address) + 2, "%s%s", len ? " " : "", address);
    return true;
}

static bool begins(const char *text, const char *start)
{
    return strncasecmp(text, start, strlen(start)) == 0;
}

static bool has_scheme(const char *address)
{
    static const char *const others[] = {"unix:", "fd:", "stdio:", "pipe:", "tty:"};
    bool found = strstr(address, "://") != NULL;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        found |= begins(address, others[i]);
    return found;
}

// The path of mqtt:// and its kin is a topic; that of ws:// is the path of the request.
static bool has_topic(const char *address)
{
    static const char *const schemes[] = {"mqtt://", "mqtts://", "tcp://", "ssl://", "tls://"};
    bool found = false;
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
        found |= begins(address, schemes[i]);
    return found;
}

static bool add_topic(tool_target *target, const char *topic)
{
    if (*topic == '\0')
        return true;
    char *copy = strdup(topic);
    if (copy == NULL || !texts_add(&target->topics, copy)) {
        free(copy);
        tool_complain("out of memory");
        return false;
    }
    return true; // NOLINT(clang-analyzer-unix.Malloc): the list has the copy
}

// Whether the path begins within a password, so that what is in front of it is no port.
static bool is_login_cut(const char *address, const char *path)
{
    const char *host = strstr(address, "://") + 3;
    const char *colon = memchr(host, ':', (size_t)(path - host));
    if (strchr(path, '@') == NULL || colon == NULL || *host == '[' ||
        memchr(host, '@', (size_t)(path - host)))
        return false;
    return colon + 1 + strspn(colon + 1, "0123456789") < path;
}

// Of a host that is named without one.
static const char *scheme_of(const tool_settings *settings)
{
    bool tls = secure_wanted(settings) || settings->port == PORT_TLS;
    if (secure_web_wanted(settings))
        return tls ? "wss://" : "ws://";
    return tls ? "mqtts://" : "mqtt://";
}

static bool add_url(tool_target *target, const tool_settings *settings, const char *url)
{
    char address[ADDRESS_MAX];
    int len = snprintf(address, sizeof(address), "%s%s", has_scheme(url) ? "" : scheme_of(settings), url);
    if (len >= (int)sizeof(address)) {
        tool_complain("the address is too long");
        return false;
    }
    char *scheme = strstr(address, "://"), *path = scheme ? strchr(scheme + 3, '/') : NULL;
    if (path && is_login_cut(address, path)) {
        tool_complain("a / within a user name or password of an address is written %%2F");
        return false;
    }
    if (path && has_topic(address)) {
        *path = '\0';
        if (!add_topic(target, path + 1))
            return false;
    }
    return add(target, address);
}

// Whether a comma or blank parts two addresses, and is not part of a topic: a scheme follows.
static bool is_separator(const char *at)
{
    size_t letters = strspn(at + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
    return (*at == ',' || *at == ' ') && letters > 0 && strncmp(at + 1 + letters, "://", 3) == 0;
}

static bool add_urls(tool_target *target, const tool_settings *settings, const char *urls)
{
    char one[ADDRESS_MAX];
    while (*urls) {
        size_t len = 0;
        while (urls[len] && !is_separator(urls + len))
            len++;
        snprintf(one, sizeof(one), "%.*s", (int)(len < sizeof(one) ? len : sizeof(one) - 1), urls);
        if (!add_url(target, settings, one))
            return false;
        urls += len + (urls[len] != '\0');
    }
    return true;
}

static bool add_host(tool_target *target, const tool_settings *settings)
{
    char address[ADDRESS_MAX];
    const char *host = settings->host ? settings->host : "localhost";
    const char *colon = strchr(host, ':');
    if (strstr(host, "://") || (colon && !strchr(colon + 1, ':') && settings->port == 0)) // HOST:PORT
        return add_urls(target, settings, host);
    bool bare = colon && host[0] != '['; // IPv6
    int len = snprintf(address, sizeof(address), "%s%s%s%s", scheme_of(settings), bare ? "[" : "", host,
                       bare ? "]" : "");
    if (settings->port && len < (int)sizeof(address))
        snprintf(address + len, sizeof(address) - (size_t)len, ":%u", (unsigned)settings->port);
    return add(target, address);
}

static bool add_socket(tool_target *target, const char *path)
{
    char address[ADDRESS_MAX];
    snprintf(address, sizeof(address), "unix:%s", path);
    return add(target, address);
}

bool target_make(tool_target *target, const tool_settings *settings)
{
    *target = (tool_target){NULL, {NULL, 0}};
    if (settings->unix_path && !add_socket(target, settings->unix_path))
        return false;
    for (size_t i = 0; i < settings->urls.count; i++)
        if (!add_urls(target, settings, settings->urls.items[i]))
            return false;
    bool named = settings->unix_path || settings->urls.count > 0;
    if (named && (settings->host || settings->port)) {
        tool_complain("the server is named twice: by -h or -p, and by an address");
        return false;
    }
    return named || add_host(target, settings);
}

void target_free(tool_target *target)
{
    for (size_t i = 0; i < target->topics.count; i++)
        free((char *)target->topics.items[i]);
    free(target->topics.items);
    free(target->addresses);
    *target = (tool_target){NULL, {NULL, 0}};
}

// One address of a list, without its user name and password. Returns how long it was.
static size_t show_one(const char *address, char *room, size_t cap)
{
    size_t len = 0, scheme, skip;
    while (address[len] && !(len > 0 && is_separator(address + len)))
        len++;
    const char *start = strstr(address, "://");
    scheme = skip = start && start < address + len ? (size_t)(start + 3 - address) : 0;
    for (size_t i = scheme; scheme && i < len && address[i] != '/'; i++)
        skip = address[i] == '@' ? i + 1 : skip;
    snprintf(room, cap, "%.*s%.*s", (int)scheme, address, (int)(len - skip), address + skip);
    return len;
}

const char *target_show(const char *address, char room[TARGET_SHOWN])
{
    size_t used = 0;
    room[0] = '\0';
    while (*address && used + 1 < TARGET_SHOWN) {
        address += show_one(address, room + used, TARGET_SHOWN - used);
        used += strlen(room + used);
    }
    return room;
}
