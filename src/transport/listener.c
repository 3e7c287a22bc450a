// SPDX-License-Identifier: MIT
// Listening sockets: binding, accepting a bounded number per turn, resting when the system is out of
// descriptors.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "server.h"

enum { DOUBLINGS = 6, STREAK = 4, REST = 100, PORT_TRIES = 16, ONE = 1000 /* thousandths */ };

// --- accepting ---

bool mqw__listener_full(const mqw__listener *listener)
{
    uint32_t most = listener->options.max_connections;
    return most > 0 && listener->server->connections >= most;
}

void mqw__listener_watch(mqw__listener *listener)
{
    bool open = !listener->resting && !mqw__listener_full(listener);
    for (int i = 0; i < listener->count; i++)
        mqw__watch_arm(&listener->doors[i].watch, listener->server->loop, open ? MQW_READABLE : 0);
}

static void on_again(mqw__deadline *deadline)
{
    mqw__listener *listener = (mqw__listener *)deadline;
    listener->resting = false;
    mqw__listener_watch(listener);
}

// Trying again at once would only spin: the peer that waits keeps the socket readable.
static void rest(mqw__listener *listener, uint64_t ms)
{
    mqw__loop *loop = listener->server->loop;
    listener->resting = true;
    mqw__loop_deadline(loop, &listener->again, uv_now(loop->uv) + ms);
}

// --- how many a second ---

void mqw__server_set_rate(mqw_server *server, uint32_t rate)
{
    if (server->rate == rate)
        return;
    server->rate = rate;
    server->allowance = (uint64_t)rate * ONE;
    server->reckoned = uv_now(server->loop->uv);
}

// Milliseconds until one more may be accepted.
static uint64_t wait_of(mqw_server *server)
{
    uint64_t now = uv_now(server->loop->uv), most = (uint64_t)server->rate * ONE;
    uint64_t passed = now - server->reckoned;
    if (server->rate == 0)
        return 0;
    server->reckoned = now;
    server->allowance = passed >= ONE ? most : server->allowance + passed * server->rate;
    server->allowance = server->allowance < most ? server->allowance : most;
    return server->allowance >= ONE ? 0 : (ONE - server->allowance + server->rate - 1) / server->rate;
}

static bool may_accept(mqw__listener *listener)
{
    if (listener->server->closing || mqw__listener_full(listener))
        return false;
    uint64_t wait = wait_of(listener->server);
    if (wait)
        rest(listener, wait);
    return wait == 0;
}

// Errors of one connection that has gone before it was accepted, and what the network below reports through
// accept.
static bool is_of_one(int error)
{
    static const int passing[] = {EINTR,  ECONNABORTED, EPROTO,       ENETDOWN,   ENOPROTOOPT,
                                  ENONET, EHOSTDOWN,    EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH};
    for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++)
        if (error == passing[i])
            return true;
    return false;
}

// How many are accepted in a turn. To find that nobody else is there costs nearly as much as accepting, so
// while peers come one by one only one is asked for; when there are always more, ever more, up to 64.
static int accepts_of(const mqw__door *door)
{
    return 1 << (door->streak / STREAK);
}

static void learn(mqw__door *door, bool all)
{
    if (!all)
        door->streak = 0;
    else if (door->streak < DOUBLINGS * STREAK)
        door->streak++;
}

static void on_peers(mqw__watch *watch, int what)
{
    (void)what;
    mqw__door *door = (mqw__door *)(void *)((char *)watch - offsetof(mqw__door, watch));
    mqw__listener *listener = door->listener;
    int most = accepts_of(door), i = 0;
    for (; i < most && may_accept(listener); i++) {
        int fd = accept4(door->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && is_of_one(errno))
            continue;
        if (fd < 0 && errno == EAGAIN)
            break;
        if (fd >= 0 && listener->server->rate)
            listener->server->allowance -= ONE;
        if (fd < 0 || !mqw__server_welcome(listener, fd)) {
            rest(listener, REST);
            break;
        }
    }
    learn(door, i == most);
    if (!listener->server->closing)
        mqw__listener_watch(listener);
}

// --- opening ---

static int add_door(mqw__listener *listener, int fd)
{
    mqw__door *door = &listener->doors[listener->count];
    int failed = mqw__watch_begin(&door->watch, listener->server->loop, fd, MQW_READABLE, on_peers);
    if (failed)
        return failed;
    listener->inherited = mqw__options_inherit(&listener->options, fd);
    door->listener = listener;
    door->fd = fd;
    listener->count++;
    return 0;
}

static void close_doors(mqw__listener *listener)
{
    for (int i = 0; i < listener->count; i++) {
        mqw__watch_end(&listener->doors[i].watch, listener->server->loop);
        close(listener->doors[i].fd);
    }
    listener->count = 0;
}

// A socket that listens; a negative errno value when it cannot.
static int bind_one(const mqw__listener *listener, const struct sockaddr *name, socklen_t len)
{
    int fd = socket(name->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int on = 1;
    bool failed = false;
    if (name->sa_family == AF_UNIX)
        failed = fchmod(fd, listener->options.unix_mode) != 0;
    else
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (name->sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (listener->options.reuse_port && !failed)
        failed = setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0;
    if (!failed && !bind(fd, name, len) && !listen(fd, listener->options.backlog))
        return fd;
    int error = -errno;
    close(fd);
    return error;
}

static int open_door(mqw__listener *listener, const struct sockaddr *name, socklen_t len)
{
    int fd = bind_one(listener, name, len);
    int failed = fd < 0 ? fd : add_door(listener, fd);
    if (failed && fd >= 0)
        close(fd);
    return failed;
}

static void set_port(struct sockaddr_storage *name, int door)
{
    struct sockaddr_storage bound;
    socklen_t len = sizeof bound;
    memset(&bound, 0, sizeof bound);
    getsockname(door, (struct sockaddr *)&bound, &len);
    in_port_t port = bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
                                                 : ((struct sockaddr_in *)&bound)->sin_port;
    if (name->ss_family == AF_INET6)
        ((struct sockaddr_in6 *)name)->sin6_port = port;
    else
        ((struct sockaddr_in *)name)->sin_port = port;
}

// All names of one host share a port. A family that the machine does not have is left out as long as another
// one works.
static int open_names(mqw__listener *listener, mqw__names *names, bool any_port)
{
    int error = -EADDRNOTAVAIL;
    for (int i = 0; i < names->count; i++) {
        struct sockaddr_storage *name = &names->at[i].name;
        if (any_port && listener->count > 0)
            set_port(name, listener->doors[0].fd);
        int failed = open_door(listener, (struct sockaddr *)name, names->at[i].len);
        if (failed && failed != -EADDRNOTAVAIL && failed != -EAFNOSUPPORT) {
            close_doors(listener);
            return failed;
        }
        error = failed ? failed : error;
    }
    return listener->count > 0 ? 0 : error;
}

static int open_tcp(mqw__listener *listener, const mqw__address *address)
{
    char port[8];
    bool all = strcmp(address->host, "*") == 0;
    struct addrinfo wanted = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    snprintf(port, sizeof port, "%u", (unsigned)address->port);
    if (getaddrinfo(all ? NULL : address->host, port, &wanted, &found))
        return -EADDRNOTAVAIL;
    int failed = -EADDRINUSE;
    for (int i = 0; i < (address->port ? 1 : PORT_TRIES) && failed == -EADDRINUSE; i++) {
        mqw__names names;
        mqw__names_of(&names, found);
        failed = open_names(listener, &names, address->port == 0);
    }
    freeaddrinfo(found);
    return failed;
}

// A path where nobody listens any more is removed; anything else stays. Whether the path is free then.
static bool clear_path(const struct sockaddr *name, socklen_t len, const char *path)
{
    struct stat there;
    if (lstat(path, &there))
        return errno == ENOENT;
    errno = EADDRINUSE;
    if (!S_ISSOCK(there.st_mode))
        return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool stale = connect(fd, name, len) != 0 && errno == ECONNREFUSED;
    close(fd);
    errno = EADDRINUSE;
    return stale && unlink(path) == 0;
}

static int open_unix(mqw__listener *listener, const mqw__address *address)
{
    mqw__names names;
    mqw__names_unix(&names, address->path);
    const struct sockaddr *name = (const struct sockaddr *)&names.at[0].name;
    if (!clear_path(name, names.at[0].len, address->path))
        return -errno;
    int failed = open_door(listener, name, names.at[0].len);
    if (failed)
        return failed;
    struct stat there;
    if (chmod(address->path, listener->options.unix_mode) || lstat(address->path, &there)) {
        failed = -errno;
        close_doors(listener);
        unlink(address->path);
        return failed;
    }
    memcpy(listener->path, address->path, sizeof listener->path - 1); // the name of a socket is shorter
    listener->device = there.st_dev;
    listener->inode = there.st_ino;
    return 0;
}

static int adopt_fd(mqw__listener *listener, int fd)
{
    int listens = 0;
    socklen_t len = sizeof listens;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len))
        return -errno;
    if (!listens)
        return -EINVAL;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || (!(flags & O_NONBLOCK) && fcntl(fd, F_SETFL, flags | O_NONBLOCK)))
        return -errno;
    int failed = add_door(listener, fd);
    if (!failed)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    return failed;
}

int mqw__listener_open(mqw__listener *listener, const mqw__address *address)
{
    int failed = -EOPNOTSUPP;
    listener->again.fire = on_again;
    if (address->kind == MQW__TCP)
        failed = open_tcp(listener, address);
    else if (address->kind == MQW__UNIX)
        failed = open_unix(listener, address);
    else if (address->kind == MQW__FD)
        failed = adopt_fd(listener, address->in);
    if (!failed)
        mqw__listener_watch(listener);
    return failed;
}

void mqw__listener_close(mqw__listener *listener)
{
    struct stat there;
    mqw__loop_clear(listener->server->loop, &listener->again);
    close_doors(listener);
    bool ours = listener->path[0] && !lstat(listener->path, &there) && there.st_dev == listener->device &&
                there.st_ino == listener->inode;
    if (ours && !listener->options.keep_path)
        unlink(listener->path);
    listener->path[0] = '\0';
}
