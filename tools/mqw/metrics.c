// SPDX-License-Identifier: MIT
// HTTP for whoever watches over the broker; see metrics.h. libmicrohttpd waits by a descriptor of its own
// (epoll), which our loop watches: it has no thread.
#include "metrics.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <microhttpd.h>

#include "metrics_text.h"

enum { CONNECTIONS = 32, PATIENCE = 10, REQUEST = 8192, HOST = 256, BACKLOG = 64 };

struct tool_metrics {
    struct MHD_Daemon *daemon;
    metrics_source source;
    uv_poll_t poll;
    uv_timer_t timer;
    int handles; // not closed yet
    int socket;
};

/* --- Addresses ---------------------------------------------------------------------------------------- */

// HOST:PORT, [HOST]:PORT or PORT alone.
static bool split(const char *address, char host[HOST], const char **port)
{
    const char *colon = strrchr(address, ':');
    size_t len = colon ? (size_t)(colon - address) : 0;
    *port = colon ? colon + 1 : address;
    if (len >= HOST || **port < '0' || **port > '9')
        return false;
    bool brackets = len > 1 && address[0] == '[' && address[len - 1] == ']';
    if (brackets)
        snprintf(host, HOST, "%.*s", (int)len - 2, address + 1);
    else
        snprintf(host, HOST, "%.*s", len ? (int)len : 9, len ? address : "127.0.0.1");
    return true;
}

static struct addrinfo *look_up(const char *address)
{
    char host[HOST];
    const char *port;
    struct addrinfo wanted = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV},
                    *found = NULL;
    if (!split(address, host, &port) ||
        getaddrinfo(strcmp(host, "*") == 0 ? NULL : host, port, &wanted, &found) != 0)
        return NULL;
    return found;
}

static bool is_loopback(const struct sockaddr *name)
{
    if (name->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)(const void *)name)->sin_addr.s_addr) >> 24 == 127;
    return name->sa_family == AF_INET6 &&
           IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)name)->sin6_addr);
}

bool metrics_is_remote(const char *address)
{
    struct addrinfo *found = look_up(address);
    bool remote = found && !is_loopback(found->ai_addr);
    if (found)
        freeaddrinfo(found);
    return remote;
}

int metrics_bind(const char *address, char *why, size_t cap)
{
    struct addrinfo *found = look_up(address);
    int on = 1, fd = -1;
    if (found == NULL) {
        snprintf(why, cap, "HOST:PORT or PORT is wanted");
        return -1;
    }
    fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (fd < 0 || bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
        snprintf(why, cap, "%s", strerror(errno));
        if (fd >= 0)
            close(fd);
        fd = -1;
    }
    freeaddrinfo(found);
    return fd;
}

void metrics_address(const tool_metrics *metrics, char *out, size_t cap)
{
    char host[HOST] = "", port[16] = "";
    struct sockaddr_storage name;
    socklen_t len = sizeof(name);
    *out = '\0';
    if (getsockname(metrics->socket, (struct sockaddr *)&name, &len) == 0 &&
        getnameinfo((const struct sockaddr *)&name, len, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) == 0)
        snprintf(out, cap, name.ss_family == AF_INET6 ? "http://[%s]:%s/metrics" : "http://%s:%s/metrics",
                 host, port);
}

/* --- Answers ------------------------------------------------------------------------------------------ */

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned code, const char *type, char *text,
                              size_t len)
{
    struct MHD_Response *response =
        text ? MHD_create_response_from_buffer(len, text, MHD_RESPMEM_MUST_FREE) : NULL;
    if (response == NULL) {
        free(text);
        return MHD_NO;
    }
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    (void)MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (code == MHD_HTTP_METHOD_NOT_ALLOWED)
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    enum MHD_Result result = MHD_queue_response(connection, code, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result say(struct MHD_Connection *connection, unsigned code, const char *words)
{
    size_t len = strlen(words) + 1;
    char *text = malloc(len + 1);
    if (text)
        snprintf(text, len + 1, "%s\n", words);
    return answer(connection, code, "text/plain; charset=utf-8", text, len);
}

static enum MHD_Result answer_metrics(const tool_metrics *metrics, struct MHD_Connection *connection)
{
    mqw_broker_status status = {.size = sizeof(status)};
    size_t len = 0;
    metrics->source.status(metrics->source.ctx, &status);
    char *text = metrics_text(&status, &len);
    return answer(connection, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", text, len);
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_len, void **seen)
{
    const tool_metrics *metrics = ctx;
    static char again;
    (void)version, (void)upload;
    if (*seen == NULL) { // the head alone was read
        *seen = &again;
        bool reads = strcmp(method, MHD_HTTP_METHOD_GET) == 0 || strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
        return reads ? MHD_YES : say(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET or HEAD");
    }
    *upload_len = 0;
    if (strcmp(path, "/metrics") == 0)
        return answer_metrics(metrics, connection);
    if (strcmp(path, "/healthz") == 0) {
        const char *trouble = metrics->source.trouble(metrics->source.ctx);
        return say(connection, *trouble ? MHD_HTTP_SERVICE_UNAVAILABLE : MHD_HTTP_OK,
                   *trouble ? trouble : "ok");
    }
    return say(connection, MHD_HTTP_NOT_FOUND, "/metrics or /healthz");
}

/* --- The loop ----------------------------------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer);

static unsigned connections_of(const tool_metrics *metrics)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(metrics->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
    return info ? info->num_connections : 0;
}

// When there are too many it takes its socket out of what is waited for, and puts it back only when it runs
// again.
static void run(tool_metrics *metrics)
{
    MHD_UNSIGNED_LONG_LONG wait = 0;
    unsigned before = 0;
    do {
        before = connections_of(metrics);
        (void)MHD_run(metrics->daemon);
    } while (connections_of(metrics) < before);
    if (MHD_get_timeout(metrics->daemon, &wait) == MHD_YES)
        uv_timer_start(&metrics->timer, on_timer, wait, 0);
    else
        uv_timer_stop(&metrics->timer);
}

static void on_timer(uv_timer_t *timer)
{
    run(timer->data);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    (void)status, (void)events;
    run(poll->data);
}

static void on_handle_closed(uv_handle_t *handle)
{
    tool_metrics *metrics = handle->data;
    if (--metrics->handles == 0)
        free(metrics);
}

// The daemon closes its socket, and the descriptor that is polled with it: that comes last.
static void on_poll_closed(uv_handle_t *handle)
{
    tool_metrics *metrics = handle->data;
    MHD_stop_daemon(metrics->daemon);
    on_handle_closed(handle);
}

// Nothing of it keeps the loop running.
static bool watch(tool_metrics *metrics, uv_loop_t *loop)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(metrics->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (info == NULL || uv_poll_init(loop, &metrics->poll, info->epoll_fd) != 0)
        return false;
    uv_timer_init(loop, &metrics->timer);
    metrics->handles = 2;
    metrics->poll.data = metrics->timer.data = metrics;
    uv_poll_start(&metrics->poll, UV_READABLE, on_poll);
    uv_unref((uv_handle_t *)&metrics->poll);
    uv_unref((uv_handle_t *)&metrics->timer);
    return true;
}

tool_metrics *metrics_open(uv_loop_t *loop, int socket, const metrics_source *source)
{
    tool_metrics *metrics = calloc(1, sizeof(*metrics));
    if (metrics == NULL)
        return NULL;
    metrics->source = *source;
    metrics->socket = socket;
    metrics->daemon = MHD_start_daemon(
        MHD_USE_EPOLL, 0, NULL, NULL, on_request, metrics, MHD_OPTION_LISTEN_SOCKET, (MHD_socket)socket,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)PATIENCE,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST, MHD_OPTION_END);
    if (metrics->daemon && watch(metrics, loop))
        return metrics;
    if (metrics->daemon)
        MHD_stop_daemon(metrics->daemon);
    free(metrics);
    return NULL;
}

void metrics_close(tool_metrics *metrics)
{
    if (metrics == NULL)
        return;
    uv_close((uv_handle_t *)&metrics->poll, on_poll_closed);
    uv_close((uv_handle_t *)&metrics->timer, on_handle_closed);
}
