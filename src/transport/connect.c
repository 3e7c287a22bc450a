// SPDX-License-Identifier: MIT
// Connecting without ever blocking: the look-up runs in libuv's threads; a further address is tried when the
// one before has not answered after a quarter of a second, or at once when it has failed; the first one that
// answers wins.
#define _GNU_SOURCE
#include "connect.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "watch.h"

enum { STAGGER = 250, RETRY = 20, NO_FD = -1 };

typedef struct mqw__attempt {
    mqw__connecting *owner;
    mqw__watch watch; /**< Off: not under way. */
    int fd;
} mqw__attempt;

struct mqw__connecting {
    mqw__task task;
    mqw__deadline again;
    mqw__link *link; /**< NULL: given up; it only waits for what still refers to it. */
    mqw__loop *loop;
    mqw_open_options options;
    mqw__address address; /**< To connect to: the peer's, or its proxy's. */
    mqw__wrap wrap;
    uv_getaddrinfo_t request;
    bool looking_up;
    int fifo; /**< The reading end of a pair of named pipes. */
    int error;
    int next;    /**< Of the names. */
    int pending; /**< Attempts under way. */
    mqw__names names;
    struct sockaddr_storage ours; /**< To come from. */
    socklen_t ours_len;           /**< 0: any. */
    mqw__attempt attempts[MQW__NAMES_MAX];
};

static void release(mqw__connecting *self)
{
    if (self->looking_up || self->task.next)
        return;
    mqw__loop *loop = self->loop;
    mqw__wrap_clear(&self->wrap);
    free(self);
    mqw__loop_drop(loop);
}

static void give_up(mqw__attempt *attempt)
{
    if (!mqw__watch_is_on(&attempt->watch))
        return;
    mqw__watch_end(&attempt->watch, attempt->owner->loop);
    close(attempt->fd);
    attempt->owner->pending--;
}

void mqw__connect_stop(mqw__connecting *self)
{
    for (int i = 0; i < self->names.count; i++)
        give_up(&self->attempts[i]);
    mqw__loop_clear(self->loop, &self->again);
    if (self->fifo != NO_FD)
        close(self->fifo);
    if (self->looking_up)
        uv_cancel((uv_req_t *)&self->request);
    self->link = NULL;
    release(self);
}

static void fail(mqw__connecting *self, int error)
{
    mqw__link *link = self->link;
    mqw__link_dials(link, NULL);
    mqw__connect_stop(self);
    mqw__link_fail(link, error, NULL);
}

static const char nameless[] = "TLS has no host name to verify; tls.server_name gives it one";

// The descriptors are the stream's from here on, or closed.
static void succeed(mqw__connecting *self, mqw_stream *stream)
{
    mqw__link *link = self->link;
    mqw__link_dials(link, NULL);
    mqw__options_apply(&self->options, stream);
    int result = mqw__wrap_put(&self->wrap, stream);
    mqw__connect_stop(self);
    int failed = result == 0              ? mqw__link_attach(link, stream)
                 : result == MQW_E_MISUSE ? UV_EINVAL
                                          : UV_ENOMEM;
    if (failed) {
        mqw__stream_free(stream);
        mqw__link_fail(link, failed, result == MQW_E_MISUSE ? nameless : NULL);
    }
}

// --- sockets ---

// A socket that connects to a free port of its own range of ports can meet itself.
static bool met_itself(int fd)
{
    struct sockaddr_storage ends[2];
    socklen_t lens[2] = {sizeof ends[0], sizeof ends[1]};
    memset(ends, 0, sizeof ends);
    if (getsockname(fd, (struct sockaddr *)&ends[0], &lens[0]) ||
        getpeername(fd, (struct sockaddr *)&ends[1], &lens[1]))
        return false;
    return ends[0].ss_family != AF_UNIX && lens[0] == lens[1] && memcmp(&ends[0], &ends[1], lens[0]) == 0;
}

static void try_next(mqw__connecting *self);

static void connected(mqw__connecting *self, int fd)
{
    mqw_stream *stream = mqw__socket_stream(self->loop->uv, fd);
    if (stream) {
        succeed(self, stream);
        return;
    }
    close(fd);
    fail(self, UV_ENOMEM);
}

static int outcome(int fd)
{
    int error = 0;
    socklen_t len = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len))
        return -errno;
    return error == 0 && met_itself(fd) ? -ECONNREFUSED : -error;
}

static void on_answer(mqw__watch *watch, int what)
{
    (void)what;
    mqw__attempt *attempt = (mqw__attempt *)(void *)((char *)watch - offsetof(mqw__attempt, watch));
    mqw__connecting *self = attempt->owner;
    int error = outcome(attempt->fd);
    if (error) {
        self->error = error;
        give_up(attempt);
        try_next(self);
        return;
    }
    int fd = attempt->fd;
    mqw__watch_end(&attempt->watch, self->loop);
    self->pending--;
    connected(self, fd);
}

// A socket to connect with, negative: an error.
static int new_socket(const mqw__connecting *self, int family)
{
    bool bound = self->ours_len > 0 && family != AF_UNIX;
    if (bound && family != self->ours.ss_family)
        return -EADDRNOTAVAIL;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (!bound || bind(fd, (const struct sockaddr *)&self->ours, self->ours_len) == 0)
        return fd;
    int error = -errno;
    close(fd);
    return error;
}

// 0: under way, or connected, and `self` may be gone then; else an error.
static int try_one(mqw__connecting *self, int index)
{
    mqw__attempt *attempt = &self->attempts[index];
    const struct sockaddr *name = (const struct sockaddr *)&self->names.at[index].name;
    int fd = new_socket(self, name->sa_family);
    if (fd < 0)
        return fd;
    int result = 0;
    do
        result = connect(fd, name, self->names.at[index].len);
    while (result < 0 && errno == EINTR);
    int error = result < 0 ? -errno : 0;
    if (error == 0) {
        connected(self, fd);
        return 0;
    }
    attempt->owner = self;
    attempt->fd = fd;
    if (error == -EINPROGRESS)
        error = mqw__watch_begin(&attempt->watch, self->loop, fd, MQW_WRITABLE, on_answer);
    if (error) {
        close(fd);
        return error;
    }
    mqw__watch_arm(&attempt->watch, self->loop, MQW_WRITABLE);
    self->pending++;
    return 0;
}

// A Unix socket whose backlog is full says so instead of waiting.
static void try_next(mqw__connecting *self)
{
    uint64_t now = uv_now(self->loop->uv);
    while (self->next < self->names.count) {
        bool last = self->next + 1 == self->names.count;
        mqw__loop_deadline(self->loop, &self->again, last ? UINT64_MAX : now + STAGGER);
        int error = try_one(self, self->next++);
        if (error == 0)
            return;
        self->error = error;
    }
    if (self->pending > 0)
        return;
    if (self->error == -EAGAIN && self->address.kind == MQW__UNIX) {
        self->next = 0;
        mqw__loop_deadline(self->loop, &self->again, now + RETRY);
        return;
    }
    fail(self, self->error);
}

// --- named pipes ---

// The writing end cannot be opened before somebody reads.
static void try_fifo(mqw__connecting *self)
{
    int out = open(self->address.out_path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (out < 0 && errno == ENXIO) {
        mqw__loop_deadline(self->loop, &self->again, uv_now(self->loop->uv) + RETRY);
        return;
    }
    mqw_stream *stream = NULL;
    int failed = out < 0 ? MQW_E_STREAM : mqw_stream_descriptor(&stream, self->loop->uv, self->fifo, out);
    int error = failed == MQW_E_NO_MEMORY ? UV_ENOMEM : -errno;
    if (!failed) {
        self->fifo = NO_FD;
        succeed(self, stream);
        return;
    }
    if (out >= 0)
        close(out);
    fail(self, error);
}

static void open_fifos(mqw__connecting *self)
{
    self->fifo = open(self->address.path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (self->fifo < 0)
        fail(self, -errno);
    else
        try_fifo(self);
}

static void on_again(mqw__deadline *deadline)
{
    mqw__connecting *self = (mqw__connecting *)(void *)((char *)deadline - offsetof(mqw__connecting, again));
    if (self->address.kind == MQW__PIPE)
        try_fifo(self);
    else
        try_next(self);
}

// --- names ---

static const struct addrinfo wanted = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};

static void on_found(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
    mqw__connecting *self = (mqw__connecting *)(void *)((char *)request - offsetof(mqw__connecting, request));
    self->looking_up = false;
    if (self->link)
        mqw__names_of(&self->names, found);
    uv_freeaddrinfo(found);
    if (!self->link)
        release(self);
    else if (status)
        fail(self, status);
    else
        try_next(self);
}

// What is an address already needs no look-up.
static void look_up(mqw__connecting *self)
{
    char port[8];
    struct addrinfo *found = NULL;
    struct addrinfo numeric = wanted;
    numeric.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
    snprintf(port, sizeof port, "%u", (unsigned)self->address.port);
    if (getaddrinfo(self->address.host, port, &numeric, &found) == 0) {
        mqw__names_of(&self->names, found);
        freeaddrinfo(found);
        try_next(self);
        return;
    }
    int failed = uv_getaddrinfo(self->loop->uv, &self->request, on_found, self->address.host, port, &wanted);
    self->looking_up = !failed;
    if (failed)
        fail(self, failed);
}

static void start(mqw__task *task)
{
    mqw__connecting *self = (mqw__connecting *)task;
    if (!self->link) {
        release(self);
    } else if (self->address.kind == MQW__TCP) {
        look_up(self);
    } else if (self->address.kind == MQW__PIPE) {
        open_fifos(self);
    } else {
        mqw__names_unix(&self->names, self->address.path);
        try_next(self);
    }
}

int mqw__connect_from(struct sockaddr_storage *out, socklen_t *len, const char *text)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                             .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    *len = 0;
    if (!text)
        return 0;
    int failed = getaddrinfo(text, "0", &hints, &found);
    if (failed)
        return failed == EAI_MEMORY ? MQW_E_NO_MEMORY : MQW_E_ADDRESS;
    memcpy(out, found->ai_addr, found->ai_addrlen);
    *len = found->ai_addrlen;
    freeaddrinfo(found);
    return 0;
}

// For the words of a failure.
static int remember_proxy(mqw__link *link, const mqw__address *proxy)
{
    enum { CAP = MQW__PLACE_MAX + 1 };
    if (!proxy)
        return 0;
    link->proxy = mqw__uv_new(CAP);
    if (!link->proxy)
        return MQW_E_NO_MEMORY;
    mqw__address_show_proxy(link->proxy, CAP, proxy);
    return 0;
}

int mqw__connect_start(mqw__link *link, const mqw__address *address, const mqw_open_options *options,
                       mqw__wrap *wrap)
{
    mqw__connecting *self = mqw__uv_new(sizeof *self);
    if (!self)
        return MQW_E_NO_MEMORY;
    int result = mqw__connect_from(&self->ours, &self->ours_len, options->bind);
    if (result == 0)
        result = remember_proxy(link, wrap->proxy);
    if (result < 0) {
        free(self);
        return result;
    }
    self->task.run = start;
    self->again.fire = on_again;
    self->link = link;
    self->loop = link->loop;
    self->options = *options;
    self->options.bind = NULL; // the program's
    self->address = wrap->proxy ? *wrap->proxy : *address;
    self->wrap = *wrap;
    memset(wrap, 0, sizeof *wrap);
    self->fifo = NO_FD;
    self->error = UV_EAI_NODATA;
    mqw__loop_keep(self->loop);
    mqw__loop_task(self->loop, &self->task);
    mqw__link_dials(link, self);
    return 0;
}
