// SPDX-License-Identifier: MIT
// Streams over descriptors: sockets, pipes, terminals, files, standard input and output.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "address.h"
#include "alloc.h"
#include "link.h"
#include "watch.h"

enum { VIEWS = 64 };

typedef struct descriptor descriptor;

/** Of a stream whose ends are two descriptors. */
typedef struct out_end {
    mqw__watch watch;
    descriptor *self;
} out_end;

/** Each of a server's connections has one. stream.descriptor: what is written to; watch.fd: what is read
 * from, also while nothing is watched. */
struct descriptor {
    mqw_stream stream;
    mqw__watch watch; /**< Off while attached: always ready. */
    out_end *out;     /**< NULL: `watch` watches both. */
};

/** mqw_stream.bits */
enum {
    SOCKET = 1,
    IN_BLOCKED = 2, /**< It was found blocking. */
    OUT_BLOCKED = 4,
    OUT_GONE = 8 /**< The sending side was closed. */
};

_Static_assert(sizeof(void *) > 8 || !MQW__EPOLL || sizeof(descriptor) <= 88,
               "an idle connection stays small");

_Static_assert((int)MQW_READABLE == (int)UV_READABLE && (int)MQW_WRITABLE == (int)UV_WRITABLE,
               "one set of bits");

static bool is_standard(int fd)
{
    return fd <= STDERR_FILENO;
}

static void on_in(mqw__watch *watch, int what)
{
    const descriptor *self = (descriptor *)(void *)((char *)watch - offsetof(descriptor, watch));
    mqw__link_ready(self->stream.owner, what);
}

static void on_out(mqw__watch *watch, int what)
{
    mqw__link_ready(((out_end *)watch)->self->stream.owner, what);
}

static bool is_one(const descriptor *self)
{
    return self->watch.fd == self->stream.descriptor;
}

static int attach_out(descriptor *self)
{
    self->out = mqw__uv_new(sizeof *self->out);
    if (!self->out)
        return UV_ENOMEM;
    self->out->self = self;
    int failed = mqw__watch_begin(&self->out->watch, self->stream.loop, self->stream.descriptor, 0, on_out);
    if (!failed)
        return 0;
    free(self->out);
    self->out = NULL;
    return failed;
}

static void detach_out(descriptor *self)
{
    if (self->out)
        mqw__watch_end(&self->out->watch, self->stream.loop);
    free(self->out);
    self->out = NULL;
}

static int attach(mqw_stream *stream)
{
    descriptor *self = (descriptor *)stream;
    stream->ready = 0;
    int failed = mqw__watch_begin(&self->watch, stream->loop, self->watch.fd, MQW_READABLE, on_in);
    if (failed && failed != UV_EPERM)
        return failed;
    if (failed)
        stream->ready = MQW_READABLE;
    if (is_one(self) || (stream->bits & OUT_GONE)) {
        stream->ready |= failed ? MQW_WRITABLE : 0;
        return 0;
    }
    failed = attach_out(self);
    if (failed && failed != UV_EPERM) {
        mqw__watch_end(&self->watch, stream->loop);
        return failed;
    }
    stream->ready |= failed ? MQW_WRITABLE : 0;
    return 0;
}

static void detach(mqw_stream *stream)
{
    descriptor *self = (descriptor *)stream;
    mqw__watch_end(&self->watch, stream->loop);
    detach_out(self);
}

static void arm(mqw_stream *stream, int what)
{
    descriptor *self = (descriptor *)stream;
    int of_in = is_one(self) ? what : what & MQW_READABLE;
    if (mqw__watch_is_on(&self->watch))
        mqw__watch_arm(&self->watch, stream->loop, of_in);
    if (self->out)
        mqw__watch_arm(&self->out->watch, stream->loop, what & MQW_WRITABLE);
}

// A terminal whose other side is gone fails where a pipe would have ended.
static int read_some(mqw_stream *stream, uint8_t *room, size_t cap)
{
    const descriptor *self = (descriptor *)stream;
    ssize_t got = 0;
    do
        got = read(self->watch.fd, room, cap);
    while (got < 0 && errno == EINTR);
    if (got >= 0)
        return (int)got;
    return errno == EIO && isatty(self->watch.fd) ? 0 : -errno;
}

static int views_of(struct iovec *into, const mqw_bytes *views, int count)
{
    if (count > VIEWS)
        count = VIEWS;
    for (int i = 0; i < count; i++)
        into[i] = (struct iovec){(void *)views[i].data, views[i].len};
    return count;
}

// Only sockets can be written to without a signal. For the rest SIGPIPE is blocked around the write, and
// taken away again when it was this write that caused it.
static ssize_t write_quietly(int fd, const struct iovec *views, int count)
{
    sigset_t pipe_signal;
    sigset_t before;
    sigset_t pending;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
    ssize_t went = writev(fd, views, count);
    int failure = errno;
    if (went < 0 && failure == EPIPE && !sigismember(&pending, SIGPIPE)) {
        const struct timespec at_once = {0, 0};
        int got = 0;
        do
            got = sigtimedwait(&pipe_signal, NULL, &at_once);
        while (got < 0 && errno == EINTR);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = failure;
    return went;
}

static int write_some(mqw_stream *stream, const mqw_bytes *views, int count)
{
    struct iovec parts[VIEWS];
    count = views_of(parts, views, count);
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = (size_t)count};
    ssize_t went = 0;
    do
        went = stream->bits & SOCKET ? sendmsg(stream->descriptor, &message, MSG_NOSIGNAL)
                                     : write_quietly(stream->descriptor, parts, count);
    while (went < 0 && errno == EINTR);
    return went < 0 ? -errno : (int)went;
}

static void restore(int fd, bool was_blocking)
{
    int flags = was_blocking ? fcntl(fd, F_GETFL) : -1;
    if (flags >= 0)
        fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
}

static void let_go(int fd, bool was_blocking)
{
    if (is_standard(fd))
        restore(fd, was_blocking);
    else
        close(fd);
}

static bool shut(mqw_stream *stream)
{
    descriptor *self = (descriptor *)stream;
    if ((stream->bits & SOCKET) && is_one(self))
        return shutdown(stream->descriptor, SHUT_WR) == 0;
    if (is_one(self) || (stream->bits & OUT_GONE))
        return false;
    detach_out(self);
    stream->bits |= OUT_GONE;
    let_go(stream->descriptor, stream->bits & OUT_BLOCKED);
    return !is_standard(stream->descriptor);
}

static void close_both(mqw_stream *stream)
{
    const descriptor *self = (descriptor *)stream;
    if (!is_one(self) && !(stream->bits & OUT_GONE))
        let_go(stream->descriptor, stream->bits & OUT_BLOCKED);
    let_go(self->watch.fd, stream->bits & IN_BLOCKED);
}

static void show_end(char *out, size_t cap, int fd, bool peer)
{
    struct sockaddr_storage name;
    socklen_t len = sizeof name;
    int failed = peer ? getpeername(fd, (struct sockaddr *)&name, &len)
                      : getsockname(fd, (struct sockaddr *)&name, &len);
    if (!failed)
        mqw__address_show(out, cap, (const struct sockaddr *)&name, len);
}

// A program asks several times when a peer comes: may it, and then for its log.
static void show_ends(const mqw_stream *stream, int fd, mqw_stream_facts *out)
{
    mqw__loop *loop = stream->owner ? stream->loop : NULL;
    if (!loop || loop->shown != stream) {
        show_end(out->peer, sizeof out->peer, fd, true);
        show_end(out->local, sizeof out->local, fd, false);
    }
    if (!loop)
        return;
    if (loop->shown == stream) {
        memcpy(out->peer, loop->ends[0], sizeof out->peer);
        memcpy(out->local, loop->ends[1], sizeof out->local);
    } else if (out->peer[0]) {
        memcpy(loop->ends[0], out->peer, sizeof out->peer);
        memcpy(loop->ends[1], out->local, sizeof out->local);
        loop->shown = stream;
    }
}

static void facts(const mqw_stream *stream, mqw_stream_facts *out)
{
    const descriptor *self = (const descriptor *)stream;
    int in = self->watch.fd;
    out->descriptor = stream->closed ? -1 : in;
    if ((stream->bits & SOCKET) && !stream->closed)
        show_ends(stream, in, out);
    if (out->peer[0])
        return;
    if (is_one(self))
        snprintf(out->peer, sizeof out->peer, "fd:%d", in);
    else
        snprintf(out->peer, sizeof out->peer, "fd:%d,%d", in, stream->descriptor);
}

static int release(mqw_stream *stream)
{
    return is_one((descriptor *)stream) ? stream->descriptor : -1;
}

static const mqw__stream_kind kind = {.attach = attach,
                                      .detach = detach,
                                      .arm = arm,
                                      .read = read_some,
                                      .write = write_some,
                                      .shut = shut,
                                      .close = close_both,
                                      .facts = facts,
                                      .release = release,
                                      .closes_it = true};

// Whether it was blocking.
static bool make_non_blocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    bool was_blocking = flags >= 0 && !(flags & O_NONBLOCK);
    if (was_blocking)
        fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    return was_blocking;
}

mqw_stream *mqw__socket_stream(uv_loop_t *uv, int fd)
{
    descriptor *self = mqw__uv_new(sizeof *self);
    if (!self)
        return NULL;
    self->stream.kind = &kind;
    self->stream.uv = uv;
    self->stream.descriptor = self->watch.fd = fd;
    self->stream.bits = SOCKET;
    return &self->stream;
}

int mqw_stream_descriptor(mqw_stream **out, uv_loop_t *loop, int in, int out_fd)
{
    if (!out || !loop)
        return MQW_E_MISUSE;
    struct stat what;
    if (fstat(in, &what) || fstat(out_fd, &what))
        return MQW_E_STREAM;
    mqw_stream *stream = mqw__socket_stream(loop, in);
    if (!stream)
        return MQW_E_NO_MEMORY;
    stream->descriptor = out_fd;
    stream->bits = S_ISSOCK(what.st_mode) ? SOCKET : 0;
    stream->bits |= make_non_blocking(in) ? IN_BLOCKED : 0;
    if (out_fd != in)
        stream->bits |= make_non_blocking(out_fd) ? OUT_BLOCKED : 0;
    *out = stream;
    return 0;
}

// --- knobs of TCP ---

static int set(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value) ? MQW_E_REFUSED : 0;
}

static bool is_tcp(int fd)
{
    struct sockaddr_storage name = {0};
    socklen_t len = sizeof name;
    if (getsockname(fd, (struct sockaddr *)&name, &len))
        return false;
    return name.ss_family == AF_INET || name.ss_family == AF_INET6;
}

static int set_keepalive(int fd, unsigned seconds)
{
    enum { PROBES = 3 };
    if (seconds == 0)
        return set(fd, SOL_SOCKET, SO_KEEPALIVE, 0);
    int failed = set(fd, IPPROTO_TCP, TCP_KEEPIDLE, (int)seconds);
    failed |= set(fd, IPPROTO_TCP, TCP_KEEPINTVL, (int)seconds);
    failed |= set(fd, IPPROTO_TCP, TCP_KEEPCNT, PROBES);
    failed |= set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    return failed ? MQW_E_REFUSED : 0;
}

// Its TCP socket; negative: it has none.
static int tcp_of(const mqw_stream *stream)
{
    bool socket = stream && stream->kind == &kind && !stream->closed && (stream->bits & SOCKET);
    return socket && is_tcp(stream->descriptor) ? stream->descriptor : -1;
}

int mqw_stream_nodelay(mqw_stream *stream, bool on)
{
    int fd = tcp_of(stream);
    return fd < 0 ? MQW_E_REFUSED : set(fd, IPPROTO_TCP, TCP_NODELAY, on);
}

int mqw_stream_keepalive(mqw_stream *stream, unsigned seconds)
{
    enum { SECONDS_MAX = 32767 };
    int fd = tcp_of(stream);
    return fd < 0 || seconds > SECONDS_MAX ? MQW_E_REFUSED : set_keepalive(fd, seconds);
}

// What Linux gives on to the sockets that are accepted; elsewhere each is set up by itself.
bool mqw__options_inherit(const mqw_open_options *options, int fd)
{
#ifdef __linux__
    if (is_tcp(fd) && !options->nagle)
        (void)set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (is_tcp(fd) && options->tcp_keepalive)
        (void)set_keepalive(fd, options->tcp_keepalive);
    return true;
#else
    (void)options, (void)fd;
    return false;
#endif
}
