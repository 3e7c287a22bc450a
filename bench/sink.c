// SPDX-License-Identifier: MIT
// A server that costs next to nothing: it answers CONNECT and SUBSCRIBE, counts what is published, and after
// a SUBSCRIBE sends prepared messages as fast as they are taken. It trusts its client.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "contest.h"
#include "measure.h"

enum { ROOM = 256 << 10, ANSWERS = 64 << 10, BLOCK = 1 << 11 };
enum {
    CONNECT = 1,
    PUBLISH = 3,
    PUBACK,
    PUBREC,
    PUBREL,
    PUBCOMP,
    SUBSCRIBE = 8,
    PINGREQ = 12,
    DISCONNECT = 14
};

typedef struct sink {
    contest_job *job;
    int fd;
    uint32_t counted; /* messages that need nothing more */
    uint32_t sent;    /* as a source */
    size_t in_len;    /* bytes of a packet that was cut */
    size_t answer_len;
    bool source;
    uint8_t in[ROOM];
    uint8_t answers[ANSWERS];
    uint8_t block[BLOCK * 128]; /* prepared messages, one behind the other */
    uint32_t size;              /* of each */
    uint32_t id_at;             /* where in each its packet identifier stands */
} sink;

static void put(sink *s, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(s->fd, bytes, len, MSG_NOSIGNAL);
        if (sent <= 0)
            contest_fail("the sink cannot send");
        bytes += sent;
        len -= (size_t)sent;
    }
}

static void flush(sink *s)
{
    put(s, s->answers, s->answer_len);
    s->answer_len = 0;
}

static void answer(sink *s, unsigned type, const uint8_t *id)
{
    if (s->answer_len + 4 > ANSWERS)
        flush(s);
    uint8_t *to = s->answers + s->answer_len;
    to[0] = (uint8_t)(type << 4 | (type == PUBREL ? 2 : 0));
    to[1] = 2;
    to[2] = id[0];
    to[3] = id[1];
    s->answer_len += 4;
}

static void count(sink *s)
{
    if (++s->counted == s->job->messages && (!s->source || s->job->qos > 0)) {
        flush(s);
        s->job->end = measure_wall_ns();
    }
}

/* --- the source --- */

static void prepare(sink *s)
{
    const size_t topic = strlen(CONTEST_TOPIC), id = s->job->qos > 0 ? 2 : 0, props = s->job->version == 5;
    s->id_at = (uint32_t)(4 + topic);
    s->size = (uint32_t)(4 + topic + id + props + CONTEST_PAYLOAD);
    for (uint8_t *to = s->block; to < s->block + BLOCK * s->size; to += s->size) {
        memset(to, 'x', s->size);
        to[0] = (uint8_t)(PUBLISH << 4 | s->job->qos << 1);
        to[1] = (uint8_t)(s->size - 2);
        to[2] = 0;
        to[3] = (uint8_t)topic;
        memcpy(to + 4, CONTEST_TOPIC, topic);
        if (props > 0)
            to[4 + topic + id] = 0;
    }
}

static void send_some(sink *s, uint32_t many)
{
    for (uint32_t i = 0; s->job->qos > 0 && i < many; i++) {
        uint32_t id = (s->sent + i) % 65535 + 1;
        s->block[i * s->size + s->id_at] = (uint8_t)(id >> 8);
        s->block[i * s->size + s->id_at + 1] = (uint8_t)id;
    }
    put(s, s->block, (size_t)many * s->size);
    s->sent += many;
}

/* What may be on its way now. A new batch begins when half of what was is answered. */
static void go_on(sink *s)
{
    const uint32_t left = s->job->messages - s->sent, flight = s->sent - s->counted;
    uint32_t many = s->job->qos == 0 ? BLOCK : CONTEST_WINDOW - flight;
    if (s->job->qos > 0 && flight > CONTEST_WINDOW / 2)
        return;
    many = many < left ? many : left;
    if (many > 0)
        send_some(s, many);
}

static void begin(sink *s, const uint8_t *subscribe)
{
    const uint8_t suback[6] = {0x90,       s->job->version == 5 ? 4 : 3, subscribe[0], subscribe[1], 0,
                               s->job->qos};
    uint8_t older[5] = {0x90, 3, subscribe[0], subscribe[1], s->job->qos};
    s->source = true;
    prepare(s);
    s->job->start = measure_wall_ns();
    s->job->version == 5 ? put(s, suback, 6) : put(s, older, 5);
    while (s->job->qos == 0 && s->sent < s->job->messages)
        go_on(s);
}

/* --- packets --- */

static void accept_client(sink *s)
{
    static const uint8_t old[] = {0x20, 2, 0, 0},
                         new[] = {0x20, 6, 0, 0, 3, 0x21, CONTEST_WINDOW >> 8, CONTEST_WINDOW & 255};
    s->job->start = measure_wall_ns();
    s->job->version == 5 ? put(s, new, sizeof new) : put(s, old, sizeof old);
}

/* A whole packet: `body` is what stands behind its fixed header. */
static void take(sink *s, unsigned first, const uint8_t *body)
{
    static const uint8_t pingresp[] = {0xD0, 0};
    switch (first >> 4) {
    case PUBLISH:
        if ((first & 6) == 0)
            count(s);
        else
            answer(s, (first & 6) == 2 ? PUBACK : PUBREC, body + 2 + (body[0] << 8 | body[1]));
        if ((first & 6) == 2)
            count(s);
        break;
    case PUBREL: answer(s, PUBCOMP, body), count(s); break;
    case PUBREC: answer(s, PUBREL, body); break;
    case PUBACK:
    case PUBCOMP: count(s); break;
    case CONNECT: accept_client(s); break;
    case SUBSCRIBE: begin(s, body); break;
    case PINGREQ: put(s, pingresp, 2); break;
    default: break;
    }
}

/* Takes what is there whole. Returns how many bytes that was. */
static size_t take_all(sink *s, const uint8_t *bytes, size_t len)
{
    size_t at = 0;
    while (len - at >= 2) {
        size_t head = 2, size = bytes[at + 1];
        if (size >= 0x80) {
            if (len - at < 3)
                break;
            size = (size & 0x7F) | (size_t)bytes[at + 2] << 7; // none is longer
            head = 3;
        }
        if (len - at < head + size)
            break;
        take(s, bytes[at], bytes + at + head);
        at += head + size;
    }
    return at;
}

void contest_sink(int listener, contest_job *job)
{
    static sink s;
    ssize_t got;
    int on = 1;
    memset(&s, 0, offsetof(sink, in));
    s.job = job;
    s.fd = accept(listener, NULL, NULL);
    while ((got = recv(s.fd, s.in + s.in_len, sizeof s.in - s.in_len, 0)) > 0) {
        size_t len = s.in_len + (size_t)got, taken = take_all(&s, s.in, len);
        s.in_len = len - taken;
        memmove(s.in, s.in + taken, s.in_len);
        flush(&s);
        if (s.source && job->qos > 0) {
            setsockopt(s.fd, IPPROTO_TCP, TCP_QUICKACK, &on,
                       sizeof on); // Nagle's algorithm shall not stall them
            go_on(&s);
        }
    }
    close(s.fd);
    if ((s.source ? s.sent : s.counted) != job->messages ||
        (s.source && job->qos > 0 && s.counted != job->messages))
        contest_fail("messages are missing at the sink");
}
