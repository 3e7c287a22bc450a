// SPDX-License-Identifier: MIT
// The limit of a broker: it parses the fixed header of each packet and forwards whole reads. What a publisher
// sends goes to those that have subscribed to the topic of its first PUBLISH, of which it knows no more than
// equality and a `#` at the end. QoS 0 only; it trusts its clients.
//
// It prints the address it listens on; with --free only one that is free.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROOM = 256 << 10, PEERS = 1 << 16, EVENTS = 256, TEXT = 128 };
enum { CONNECT = 1, PUBLISH = 3, SUBSCRIBE = 8, PINGREQ = 12 };

typedef struct peer {
    uint8_t *cut; // a packet that was cut
    size_t cut_len;
    size_t rest; // of a large message that has begun
    int *to;     // whom this publisher's messages go to
    int to_count;
    bool known;
    char filter[TEXT]; // of a subscriber
} peer;

static peer peers[PEERS]; // by descriptor
static uint8_t room[ROOM];
static int highest;
static uint8_t version = 4;

static _Noreturn void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void put(int fd, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EAGAIN) {
            struct pollfd wait = {.fd = fd, .events = POLLOUT};
            poll(&wait, 1, 1000);
            continue;
        }
        if (sent <= 0)
            return;
        bytes += sent;
        len -= (size_t)sent;
    }
}

// Whole length of the packet, 0 when its fixed header is not there.
static size_t packet_size(const uint8_t *at, size_t left, size_t *head)
{
    size_t size = 0;
    for (size_t i = 1; i < 5 && i < left; i++) {
        size |= (size_t)(at[i] & 0x7F) << (7 * (i - 1));
        if (at[i] < 0x80) {
            *head = i + 1;
            return size + i + 1;
        }
    }
    return 0;
}

static bool matches(const char *filter, const char *topic)
{
    size_t len = strlen(filter);
    if (len > 0 && filter[len - 1] == '#')
        return strncmp(filter, topic, len - 1) == 0;
    return len > 0 && strcmp(filter, topic) == 0;
}

static void find_receivers(peer *self, const uint8_t *body)
{
    char topic[TEXT];
    snprintf(topic, sizeof topic, "%.*s", body[0] << 8 | body[1], (const char *)body + 2);
    self->known = true;
    for (int fd = 0; fd <= highest; fd++) {
        if (!matches(peers[fd].filter, topic))
            continue;
        self->to = realloc(self->to, sizeof(int) * (size_t)(self->to_count + 1));
        self->to[self->to_count++] = fd;
    }
}

static void answer_subscribe(int fd, const uint8_t *body, size_t len)
{
    const size_t props = version == 5, at = 2 + props, filter = (size_t)(body[at] << 8 | body[at + 1]);
    const uint8_t suback[6] = {0x90, (uint8_t)(3 + props), body[0], body[1], 0, 0};
    if (len >= at + 2 + filter)
        snprintf(peers[fd].filter, TEXT, "%.*s", (int)filter, (const char *)body + at + 2);
    put(fd, suback, 5 + props);
    for (int i = 0; i <= highest; i++)
        peers[i].known = false, peers[i].to_count = 0;
}

static void answer(int fd, unsigned type, const uint8_t *body, size_t len)
{
    static const uint8_t connack[5] = {0x20, 2, 0, 0}, connack_new[5] = {0x20, 3, 0, 0, 0};
    static const uint8_t pingresp[2] = {0xD0, 0};
    if (type == CONNECT) {
        version = body[6];
        put(fd, version == 5 ? connack_new : connack, version == 5 ? 5 : 4);
    } else if (type == SUBSCRIBE) {
        answer_subscribe(fd, body, len);
    } else if (type == PINGREQ) {
        put(fd, pingresp, 2);
    }
}

// Walks the headers. Returns the bytes of whole packets; those up to *publish are not messages.
static size_t walk(int fd, const uint8_t *bytes, size_t len, size_t *publish)
{
    size_t at = 0, head = 0, size;
    *publish = 0;
    while ((size = packet_size(bytes + at, len - at, &head)) > 0 && size <= len - at) {
        unsigned type = bytes[at] >> 4;
        if (type == PUBLISH) {
            if (!peers[fd].known)
                find_receivers(&peers[fd], bytes + at + head);
        } else {
            answer(fd, type, bytes + at + head, size - head);
            *publish = at + size;
        }
        at += size;
    }
    return at;
}

// What is there of a message that will never lie here whole may go on at once.
static bool is_large(int fd, const uint8_t *bytes, size_t len)
{
    size_t head = 0, size = packet_size(bytes, len, &head);
    if (size <= ROOM / 2 || bytes[0] >> 4 != PUBLISH || len < head + TEXT)
        return false;
    if (!peers[fd].known)
        find_receivers(&peers[fd], bytes + head);
    peers[fd].rest = size - len;
    return true;
}

// What is left of a packet that was cut waits for the rest.
static void keep(peer *self, const uint8_t *bytes, size_t len)
{
    if (self->cut == NULL)
        self->cut = malloc(ROOM);
    memcpy(self->cut, bytes, len);
    self->cut_len = len;
}

static void leave(int fd)
{
    free(peers[fd].cut);
    free(peers[fd].to);
    peers[fd] = (peer){0};
    for (int i = 0; i <= highest; i++)
        peers[i].known = false, peers[i].to_count = 0;
    close(fd);
}

static void forward(int fd, const uint8_t *bytes, size_t len)
{
    for (int i = 0; i < peers[fd].to_count; i++)
        put(peers[fd].to[i], bytes, len);
}

static void serve(int fd)
{
    peer *self = &peers[fd];
    size_t before = self->cut_len, publish;
    memcpy(room, self->cut, before);
    ssize_t got = recv(fd, room + before, ROOM - before, 0);
    if (got <= 0) {
        leave(fd);
        return;
    }
    size_t len = before + (size_t)got, large = self->rest < len ? self->rest : len;
    self->rest -= large;
    self->cut_len = 0;
    size_t whole = large + walk(fd, room + large, len - large, &publish);
    publish += publish > 0 ? large : 0;
    if (whole < len && is_large(fd, room + whole, len - whole))
        whole = len;
    forward(fd, room + publish, whole - publish);
    if (whole < len)
        keep(self, room + whole, len - whole);
}

static int listen_somewhere(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) != 0 || listen(fd, 4096) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        fail("listen");
    printf("127.0.0.1:%u\n", (unsigned)ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

static void accept_one(int listener, int poll_fd)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC), on = 1;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (fd < 0 || fd >= PEERS)
        return;
    highest = fd > highest ? fd : highest;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event);
}

int main(int argc, char **argv)
{
    int listener = listen_somewhere(), poll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[EVENTS];
    if (argc > 1 && strcmp(argv[1], "--free") == 0)
        return 0;
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int count = epoll_wait(poll_fd, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == listener)
                accept_one(listener, poll_fd);
            else
                serve(events[i].data.fd);
        }
    }
}
