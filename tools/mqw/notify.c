// SPDX-License-Identifier: MIT
// The few lines of systemd's protocols that we need; see notify.h.
#define _GNU_SOURCE
#include "notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { FIRST_SOCKET = 3, SOCKETS_MAX = 64 };

bool notify_send(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t len = path ? strlen(path) : 0;
    if (len == 0)
        return true;
    if (len >= sizeof(to.sun_path) || (*path != '/' && *path != '@'))
        return false;
    memcpy(to.sun_path, path, len);
    if (*path == '@')
        to.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    ssize_t sent = sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&to,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
    close(fd);
    return sent >= 0;
}

bool notify_reloading(void)
{
    char state[64];
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%llu",
             (unsigned long long)now.tv_sec * 1000000u + (unsigned long long)now.tv_nsec / 1000u);
    return notify_send(state);
}

// A number that stands in the environment. False: there is none.
static bool find_number(const char *name, uint64_t *out)
{
    const char *text = getenv(name);
    char *end = NULL;
    if (text == NULL || *text < '0' || *text > '9')
        return false;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return *end == '\0' && errno == 0;
}

uint64_t notify_watchdog(void)
{
    uint64_t pid, usec;
    if (find_number("WATCHDOG_PID", &pid) && pid != (uint64_t)getpid())
        return 0;
    return find_number("WATCHDOG_USEC", &usec) ? usec / 1000 : 0;
}

int notify_sockets(void)
{
    uint64_t pid, count;
    if (!find_number("LISTEN_PID", &pid) || pid != (uint64_t)getpid() || !find_number("LISTEN_FDS", &count))
        return 0;
    if (count > SOCKETS_MAX)
        count = SOCKETS_MAX;
    for (int fd = FIRST_SOCKET; fd < FIRST_SOCKET + (int)count; fd++)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    return (int)count;
}

void notify_socket_name(int index, char *out, size_t cap)
{
    const char *names = getenv("LISTEN_FDNAMES");
    for (; names && index > 0; index--) {
        names = strchr(names, ':');
        names = names ? names + 1 : NULL;
    }
    snprintf(out, cap, "%.*s", names ? (int)strcspn(names, ":") : 0, names ? names : "");
}
