// SPDX-License-Identifier: MIT
// The limits that bench_client is held against: the bytes of the job without a client.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "contest.h"
#include "measure.h"

enum { PIECE = 256 << 10 };

/* One message of the job; what QoS above 0 adds is left away. */
static size_t message(uint8_t *to, const contest_job *job)
{
    size_t topic = strlen(CONTEST_TOPIC), size = 4 + topic + (job->version == 5) + CONTEST_PAYLOAD;
    memset(to, 0, size);
    to[0] = 0x30;
    to[1] = (uint8_t)(size - 2);
    to[3] = (uint8_t)topic;
    memcpy(to + 4, CONTEST_TOPIC, topic);
    return size;
}

static void put(int fd, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);
        if (sent <= 0)
            contest_fail("send");
        bytes += sent;
        len -= (size_t)sent;
    }
}

static void get(int fd, uint8_t *bytes, size_t len)
{
    if (recv(fd, bytes, len, MSG_WAITALL) != (ssize_t)len)
        contest_fail("recv");
}

static int open_stream(const contest_job *job)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)job->port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const uint8_t connect_4[] = {0x10, 13, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 60, 0, 1, 'b'};
    const uint8_t connect_5[] = {0x10, 14, 0, 4, 'M', 'Q', 'T', 'T', 5, 2, 0, 60, 0, 0, 1, 'b'};
    uint8_t connack[8];
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) != 0)
        contest_fail("connect");
    if (job->version == 5)
        put(fd, connect_5, sizeof connect_5), get(fd, connack, 8);
    else
        put(fd, connect_4, sizeof connect_4), get(fd, connack, 4);
    return fd;
}

static void publish(int fd, const contest_job *job, uint32_t at_once)
{
    static uint8_t block[PIECE + 128];
    uint32_t left = job->messages, many = 1;
    size_t size = message(block, job);
    for (; many < at_once && (many + 1) * size <= PIECE; many++)
        memcpy(block + many * size, block, size);
    for (; left > 0; left -= many) {
        many = many < left ? many : left;
        put(fd, block, many * size);
    }
}

static void subscribe(int fd, const contest_job *job)
{
    uint8_t suback[6];
    const uint8_t subscribe_4[] = {0x82, 6, 0, 1, 0, 1, '#', 0},
                  subscribe_5[] = {0x82, 7, 0, 1, 0, 0, 1, '#', 0};
    if (job->version == 5)
        put(fd, subscribe_5, sizeof subscribe_5), get(fd, suback, 6);
    else
        put(fd, subscribe_4, sizeof subscribe_4), get(fd, suback, 5);
}

static void receive(int fd, contest_job *job, bool at_once)
{
    static uint8_t room[PIECE];
    size_t size = message(room, job);
    uint64_t left = (uint64_t)job->messages * size;
    subscribe(fd, job);
    while (left > 0) {
        ssize_t got = at_once ? recv(fd, room, sizeof room, 0) : recv(fd, room, 2, MSG_WAITALL);
        if (got > 0 && !at_once)
            got += recv(fd, room + 2, room[1], MSG_WAITALL);
        if (got <= 0)
            contest_fail("recv");
        left -= (uint64_t)got;
    }
    job->end = measure_wall_ns();
}

static void run(contest_job *job, bool at_once)
{
    int fd = open_stream(job);
    if (job->receive)
        receive(fd, job, at_once);
    else
        publish(fd, job, at_once ? PIECE : 1);
    close(fd);
}

void contest_bytes(contest_job *job)
{
    run(job, true);
}

void contest_writes(contest_job *job)
{
    run(job, false);
}
