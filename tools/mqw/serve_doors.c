// SPDX-License-Identifier: MIT
// Where mqw serve listens: addresses, sockets that were handed over, TLS; see serve.h.
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "notify.h"
#include "secret.h"
#include "serve.h"
#include "tool.h"

enum { FIRST_SOCKET = 3, ADDRESS = 512, WHY = 512 };

static const char handed[] = "systemd:";

/* --- TLS ---------------------------------------------------------------------------------------------- */

static int find_passphrase(char *room, size_t cap, void *ctx)
{
    const config_listener *listener = ctx;
    char text[1024];
    int len = secret_from_file(listener->tls.key_password_file, text, sizeof(text));
    if (len < 0 || (size_t)len > cap)
        return -1;
    memcpy(room, text, (size_t)len);
    users_wipe(text, sizeof(text));
    return len;
}

static int make_tls(mqw_tls **out, config_listener *listener, char *why, size_t cap)
{
    const config_tls *tls = &listener->tls;
    mqw_tls_options options = {
        .size = sizeof(options),
        .ca_file = tls->ca_file,
        .ca_dir = tls->ca_dir,
        .crl_file = tls->crl_file,
        .certificate_file = tls->certificate,
        .key_file = tls->key,
        .passphrase = tls->key_password_file ? find_passphrase : NULL,
        .passphrase_ctx = listener,
        .ciphers = tls->ciphers,
        .ciphersuites = tls->ciphersuites,
        .min_version = tls->min_version == CONFIG_UNSAID ? 0 : (uint16_t)tls->min_version,
        .client_certificate =
            tls->client_certificates == CONFIG_UNSAID ? MQW_TLS_NONE : (uint8_t)tls->client_certificates,
    };
    return mqw_tls_new(out, MQW_SERVER, &options, why, cap);
}

bool serve_make_tls(tool_serve *serve)
{
    tool_config *config = &serve->config;
    bool good = true;
    serve->tls = calloc(config->listener_count + 1,
                        sizeof(mqw_tls *)); // NOLINT(bugprone-sizeof-expression): pointers are what it holds
    for (size_t i = 0; serve->tls && i < config->listener_count; i++) {
        config_listener *listener = &config->listeners[i];
        char why[WHY] = "";
        int result = config_has_tls(listener) ? make_tls(&serve->tls[i], listener, why, sizeof(why)) : 0;
        if (result < 0)
            config_complain(config, listener, "listener", "certificate", "%s",
                            why[0] ? why : mqw_strerror(result));
        good &= result == 0;
    }
    return serve->tls && good;
}

bool serve_reload_tls(tool_serve *serve)
{
    bool good = true;
    for (size_t i = 0; i < serve->config.listener_count; i++) {
        char why[WHY] = "";
        int result = serve->tls[i] ? mqw_tls_reload(serve->tls[i], why, sizeof(why)) : 0;
        if (result < 0)
            log_say(&serve->log, MQW_LOG_ERROR, "not-reloaded", "certificates of %s stay as they were: %s",
                    serve->config.listeners[i].address, why[0] ? why : mqw_strerror(result));
        good &= result == 0;
    }
    return good;
}

void serve_free_doors(tool_serve *serve)
{
    for (size_t i = 0; serve->tls && i < serve->config.listener_count; i++)
        mqw_tls_free(serve->tls[i]);
    free(serve->tls);
    serve->tls = NULL;
}

/* --- Who can reach them ------------------------------------------------------------------------------- */

static bool is_remote_name(const struct sockaddr *name)
{
    if (name->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)(const void *)name)->sin_addr.s_addr) >> 24 != 127;
    if (name->sa_family == AF_INET6)
        return !IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)name)->sin6_addr);
    return name->sa_family != AF_UNIX;
}

static bool is_remote_socket(int fd)
{
    struct sockaddr_storage name;
    socklen_t len = sizeof(name);
    return getsockname(fd, (struct sockaddr *)&name, &len) != 0 ||
           is_remote_name((const struct sockaddr *)&name);
}

// The host of an address; what is not understood is everybody's.
static void host_of(const char *address, char *out, size_t cap)
{
    const char *start = strstr(address, "://");
    start = start ? start + 3 : address;
    size_t len = strcspn(start, "/");
    const char *end = NULL;
    if (*start == '[' && (end = memchr(start, ']', len)) != NULL)
        snprintf(out, cap, "%.*s", (int)(end - start - 1), start + 1);
    else
        snprintf(out, cap, "%.*s", (int)(strcspn(start, ":/")), start);
}

static bool is_remote_host(const char *host)
{
    struct addrinfo wanted = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found = NULL;
    if (*host == '\0' || getaddrinfo(host, NULL, &wanted, &found) != 0)
        return true;
    bool remote = false;
    for (const struct addrinfo *one = found; one; one = one->ai_next)
        remote |= is_remote_name(one->ai_addr);
    freeaddrinfo(found);
    return remote;
}

// The next socket of that name, from `index` on; -1: none.
static int next_socket(const tool_serve *serve, const char *name, int index)
{
    char called[256];
    for (; index < serve->sockets; index++) {
        notify_socket_name(index, called, sizeof(called));
        if (strcmp(called, name) == 0)
            return index;
    }
    return -1;
}

bool serve_is_remote(const tool_serve *serve, const config_listener *listener)
{
    const char *address = listener->address;
    if (strncasecmp(address, "unix:", 5) == 0)
        return false;
    if (strncasecmp(address, "fd:", 3) == 0)
        return is_remote_socket((int)strtol(address + 3, NULL, 10));
    if (strncmp(address, handed, sizeof(handed) - 1) != 0) {
        char host[ADDRESS];
        host_of(address, host, sizeof(host));
        return is_remote_host(host);
    }
    const char *name = address + sizeof(handed) - 1;
    for (int i = next_socket(serve, name, 0); i >= 0; i = next_socket(serve, name, i + 1))
        if (is_remote_socket(FIRST_SOCKET + i))
            return true;
    return false;
}

/* --- Listening ---------------------------------------------------------------------------------------- */

// What is bound is a TCP port; people want the address that a client would give.
static void tell_listening(tool_serve *serve, int index, const config_listener *listener)
{
    char bound[ADDRESS] = "", shown[ADDRESS + 16];
    const char *address = listener->address, *scheme = strstr(address, "://");
    bool secure = config_has_tls(listener);
    (void)mqw_broker_address(serve->broker, index, bound, sizeof(bound));
    const char *rest = strstr(bound, "://");
    if (rest == NULL)
        snprintf(shown, sizeof(shown), "%s", bound);
    else if (scheme && strncasecmp(address, "tcp", 3) != 0)
        snprintf(shown, sizeof(shown), "%.*s%s", (int)(scheme - address), address, rest);
    else
        snprintf(shown, sizeof(shown), "%s%s",
                 listener->websocket ? (secure ? "wss" : "ws")
                 : secure            ? "mqtts"
                                     : "mqtt",
                 rest);
    log_field fields[] = {log_text("on", (mqw_text){shown, strlen(shown)}),
                          log_text("listener", (mqw_text){listener->name, strlen(listener->name)})};
    log_event(&serve->log, MQW_LOG_NOTICE, "listening", fields, *listener->name ? 2 : 1);
}

static bool is_missing(const config_listener *listener, int result)
{
    return listener->optional && result == MQW_E_STREAM && (errno == EADDRNOTAVAIL || errno == EAFNOSUPPORT);
}

static int listen_at(tool_serve *serve, size_t at, const char *address, int *index)
{
    config_listener *listener = &serve->config.listeners[at];
    mqw_websocket_options web = {.size = sizeof(web),
                                 .path = listener->ws_path,
                                 .origins = listener->ws_origins,
                                 .ping_interval = listener->ws_ping};
    bool is_web = listener->websocket || strncasecmp(address, "ws", 2) == 0;
    mqw_open_options options = {.size = sizeof(options),
                                .tls = serve->tls[at],
                                .websocket = is_web ? &web : NULL,
                                .proxy_protocol = listener->proxy_protocol,
                                .reuse_port = listener->reuse_port,
                                .nagle = listener->nagle,
                                .tcp_keepalive = listener->tcp_keepalive,
                                .unix_mode = listener->unix_mode,
                                .max_connections = listener->max_connections,
                                .backlog = (int)listener->backlog,
                                .close_timeout = listener->close_timeout,
                                .linger = listener->linger};
    int result = mqw_broker_listen(serve->broker, address, &options);
    if (is_missing(listener, result))
        return TOOL_OK;
    if (result == 0) {
        tell_listening(serve, (*index)++, listener);
        return TOOL_OK;
    }
    config_complain(&serve->config, listener, "listener", "address", "cannot listen on %s: %s", address,
                    tool_why(result));
    return result == MQW_E_ADDRESS ? TOOL_USAGE : TOOL_UNREACHABLE;
}

static int listen_at_sockets(tool_serve *serve, size_t at, const char *name, int *index)
{
    char address[32];
    int result = TOOL_OK, socket = next_socket(serve, name, 0);
    if (socket < 0) {
        config_complain(&serve->config, &serve->config.listeners[at], "listener", "address",
                        "no socket of the name %s was handed over", name);
        return TOOL_UNREACHABLE;
    }
    for (; result == TOOL_OK && socket >= 0; socket = next_socket(serve, name, socket + 1)) {
        snprintf(address, sizeof(address), "fd:%d", FIRST_SOCKET + socket);
        result = listen_at(serve, at, address, index);
    }
    return result;
}

int serve_listen(tool_serve *serve)
{
    int result = TOOL_OK, index = 0;
    for (size_t i = 0; result == TOOL_OK && i < serve->config.listener_count; i++) {
        const char *address = serve->config.listeners[i].address;
        if (strncmp(address, handed, sizeof(handed) - 1) == 0)
            result = listen_at_sockets(serve, i, address + sizeof(handed) - 1, &index);
        else
            result = listen_at(serve, i, address, &index);
    }
    if (result == TOOL_OK && index == 0) {
        tool_complain("serve: there is nowhere to listen");
        result = TOOL_UNREACHABLE;
    }
    return result;
}
