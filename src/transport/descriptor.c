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

typedef struct descriptor {
    mqw_stream stream;
    int in;
    int out;
    mqw__watch in_watch;  /**< Off while attached: always ready. */
    mqw__watch out_watch; /**< Off: in_watch watches both. */
    bool socket;
    bool blocked[2]; /**< Whether in and out were found blocking. */
    bool out_gone;   /**< The sending side was closed. */
} descriptor;

_Static_assert((int)MQW_READABLE == (int)UV_READABLE && (int)MQW_WRITABLE == (int)UV_WRITABLE,
               "one set of bits");

static bool is_standard(int fd)
{
    return fd <= STDERR_FILENO;
}

static void on_in(mqw__watch *watch, int what)
{
    const descriptor *self = (descriptor *)(void *)((char *)watch - offsetof(descriptor, in_watch));
    mqw__link_ready(self->stream.owner, what);
}

static void on_out(mqw__watch *watch, int what)
{
    const descriptor *self = (descriptor *)(void *)((char *)watch - offsetof(descriptor, out_watch));
    mqw__link_ready(self->stream.owner, what);
}

static int attach(mqw_stream *stream)
{
    descriptor *self = (descriptor *)stream;
    stream->ready = 0;
    int failed = mqw__watch_begin(&self->in_watch, stream->loop, self->in, MQW_READABLE, on_in);
    if (failed && failed != UV_EPERM)
        return failed;
    if (failed)
        stream->ready = MQW_READABLE;
    if (self->in == self->out || self->out_gone) {
        stream->ready |= failed ? MQW_WRITABLE : 0;
        return 0;
    }
    failed = mqw__watch_begin(&self->out_watch, stream->loop, self->out, 0, on_out);
    if (failed && failed != UV_EPERM) {
        mqw__watch_end(&self->in_watch, stream->loop);
        return failed;
    }
    stream->ready |= failed ? MQW_WRITABLE : 0;
    return 0;
}

static void detach(mqw_stream *stream)
{
    descriptor *self = (descriptor *)stream;
    mqw__watch_end(&self->in_watch, stream->loop);
    mqw__watch_end(&self->out_watch, stream->loop);
}

static void arm(mqw_stream *stream, int what)
{
    descriptor *self = (descriptor *)stream;
    int of_in = self->in == self->out ? what : what & MQW_READABLE;
    if (mqw__watch_is_on(&self->in_watch))
        mqw__watch_arm(&self->in_watch, stream->loop, of_in);
    if (mqw__watch_is_on(&self->out_watch))
        mqw__watch_arm(&self->out_watch, stream->loop, what & MQW_WRITABLE);
}

// A terminal whose other side is gone fails where a pipe would have ended.
static int read_some(mqw_stream *stream, uint8_t *room, size_t cap)
{
    const descriptor *self = (descriptor *)stream;
    ssize_t got = 0;
    do
        got = read(self->in, room, cap);
    while (got < 0 && errno == EINTR);
    if (got >= 0)
        return (int)got;
    return errno == EIO && isatty(self->in) ? 0 : -errno;
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
    const descriptor *self = (descriptor *)stream;
    struct iovec parts[VIEWS];
    count = views_of(parts, views, count);
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = (size_t)count};
    ssize_t went = 0;
    do
        went = self->socket ? sendmsg(self->out, &message, MSG_NOSIGNAL)
                            : write_quietly(self->out, parts, count);
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
    if (self->socket && self->in == self->out)
        return shutdown(self->out, SHUT_WR) == 0;
    if (self->in == self->out || self->out_gone)
        return false;
    mqw__watch_end(&self->out_watch, stream->loop);
    self->out_gone = true;
    let_go(self->out, self->blocked[1]);
    return !is_standard(self->out);
}

static void close_both(mqw_stream *stream)
{
    descriptor *self = (descriptor *)stream;
    if (self->out != self->in && !self->out_gone)
        let_go(self->out, self->blocked[1]);
    let_go(self->in, self->blocked[0]);
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

static void facts(const mqw_stream *stream, mqw_stream_facts *out)
{
    const descriptor *self = (const descriptor *)stream;
    out->descriptor = stream->closed ? -1 : self->in;
    if (self->socket && !stream->closed) {
        show_end(out->peer, sizeof out->peer, self->in, true);
        show_end(out->local, sizeof out->local, self->in, false);
    }
    if (out->peer[0])
        return;
    if (self->in == self->out)
        snprintf(out->peer, sizeof out->peer, "fd:%d", self->in);
    else
        snprintf(out->peer, sizeof out->peer, "fd:%d,%d", self->in, self->out);
}

static int release(mqw_stream *stream)
{
    const descriptor *self = (descriptor *)stream;
    return self->in == self->out ? self->in : -1;
}

static const mqw__stream_kind kind = {.attach = attach,
                                      .detach = detach,
                                      .arm = arm,
                                      .read = read_some,
                                      .write = write_some,
                                      .shut = shut,
                                      .close = close_both,
                                      .facts = facts,
                                      .release = release};

static void make_non_blocking(int fd, bool *was_blocking)
{
    int flags = fcntl(fd, F_GETFL);
    *was_blocking = flags >= 0 && !(flags & O_NONBLOCK);
    if (*was_blocking)
        fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

mqw_stream *mqw__socket_stream(uv_loop_t *uv, int fd)
{
    descriptor *self = mqw__uv_new(sizeof *self);
    if (!self)
        return NULL;
    self->stream.kind = &kind;
    self->stream.uv = uv;
    self->in = self->out = fd;
    self->socket = true;
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
    descriptor *self = (descriptor *)stream;
    self->out = out_fd;
    self->socket = S_ISSOCK(what.st_mode);
    make_non_blocking(in, &self->blocked[0]);
    if (out_fd != in)
        make_non_blocking(out_fd, &self->blocked[1]);
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
    if (!stream || stream->kind != &kind || stream->closed || !((const descriptor *)stream)->socket)
        return -1;
    int fd = ((const descriptor *)stream)->in;
    return is_tcp(fd) ? fd : -1;
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
