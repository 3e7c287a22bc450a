// SPDX-License-Identifier: MIT
// What can be counted in a broker: a snapshot for the program, and the topics of $SYS for everybody.
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "inside.h"

#define SYS "$SYS/broker/"

// --- a snapshot ---

// Connections keep count themselves; those that are gone have been added up.
static void count_connections(const mqw_broker *broker, mqw__counts *counts)
{
    mqw_counters c;
    for (const mqw_peer *peer = broker->peers; peer; peer = peer->next) {
        if (peer->next)
            __builtin_prefetch(peer->next->conn);
        if (!peer->conn)
            continue;
        mqw_conn_counters(peer->conn, &c);
        counts->bytes_received += c.bytes_received;
        counts->packets_received += c.packets_received;
        counts->bytes_sent += c.bytes_written;
        counts->packets_sent += c.packets_written;
    }
}

static void reckon(const mqw_broker *broker, mqw__counts *counts)
{
    *counts = broker->counts;
    count_connections(broker, counts);
    counts->uptime = (mqw__broker_now(broker) - broker->began) / 1000;
    counts->clients_disconnected = counts->clients_total - counts->clients_connected;
    counts->subscriptions = mqw__tree_count(broker->tree);
    counts->shared_subscriptions = mqw__tree_groups(broker->tree);
    counts->retained = mqw__retained_of_clients(broker->retained);
    counts->memory = broker->memory;
    if (counts->memory_maximum < counts->memory)
        counts->memory_maximum = counts->memory;
}

void mqw_broker_status_of(const mqw_broker *broker, mqw_broker_status *out)
{
    mqw__counts counts;
    mqw_broker_status all = {.size = sizeof all};
    if (!broker || !out)
        return;
    reckon(broker, &counts);
#define X(field, topic, text) all.field = counts.field;
    MQW_BROKER_STATUS(X)
#undef X
    all.size = out->size && out->size < sizeof all ? out->size : sizeof all;
    memcpy(out, &all, all.size);
}

// --- $SYS ---

enum { COUNTERS = sizeof(mqw__counts) / sizeof(uint64_t), SPANS = 3, TOPIC_MAX = 80, WORD_MAX = 32 };

static const char *const topics[] = {
#define X(field, topic, text) SYS topic,
    MQW_BROKER_STATUS(X)
#undef X
};

typedef struct load {
    const char *topic;
    size_t counter;
} load;

#define LOAD(topic, field)                                             \
    {                                                                  \
        "load/" topic, offsetof(mqw__counts, field) / sizeof(uint64_t) \
    }
static const load loads[] = {LOAD("messages/received", packets_received), LOAD("messages/sent", packets_sent),
                             LOAD("publish/received", publish_received),  LOAD("publish/sent", publish_sent),
                             LOAD("bytes/received", bytes_received),      LOAD("bytes/sent", bytes_sent),
                             LOAD("sockets", connections_accepted)};
#undef LOAD

enum { LOADS = sizeof loads / sizeof loads[0] };

// The bounds of this broker and of each client, which a hook may have changed for one; 0: there is none.
typedef struct bound {
    const char *topic;
    size_t at, size; // in the options
} bound;

#define BOUND(topic, field)                                                                              \
    {                                                                                                    \
        SYS "limits/" topic, offsetof(mqw_broker_options, field), sizeof((mqw_broker_options *)0)->field \
    }
static const bound bounds[] = {
    BOUND("connections", max_connections),
    BOUND("connections/per_address", max_per_address),
    BOUND("connections/rate", max_connect_rate),
    BOUND("sessions", max_sessions),
    BOUND("retained", max_retained),
    BOUND("memory", max_memory),
    BOUND("first_packet", max_first_packet),
    BOUND("client/packet", limits.max_packet_size),
    BOUND("client/session_expiry", limits.max_session_expiry),
    BOUND("client/queued", limits.max_queued),
    BOUND("client/queued/bytes", limits.max_queued_bytes),
    BOUND("client/output", limits.max_output),
    BOUND("client/subscriptions", limits.max_subscriptions),
    BOUND("client/publish/rate", limits.max_publish_rate),
    BOUND("client/bytes/rate", limits.max_byte_rate),
    BOUND("client/levels", limits.max_filter_levels),
    BOUND("client/receive_maximum", limits.receive_maximum),
    BOUND("client/inflight", limits.max_inflight),
    BOUND("client/keep_alive", limits.max_keep_alive),
};
#undef BOUND

// What an average of so many minutes keeps of itself in a second: e to the -1/60, -1/300, -1/900.
static const struct {
    int minutes;
    double keeps;
} spans[SPANS] = {{1, 0.9834714538216175}, {5, 0.9966722160545233}, {15, 0.9988895059442793}};

struct mqw__status {
    mqw__deadline due;
    mqw_broker *broker;
    bool told;      // once, at least
    uint64_t since; // when the values below were taken
    uint64_t values[COUNTERS];
    double averages[LOADS][SPANS];        // a minute
    uint64_t told_averages[LOADS][SPANS]; // hundredths
};

// Retained by hand: it is not for the store, and not for the bounds of clients.
static void retain(mqw_broker *broker, mqw__post *post)
{
    mqw__letter *letter = mqw__post_keep(broker, post);
    if (letter && mqw__retained_set(broker->retained, letter, NULL) == 0)
        letter->retained = ++broker->mail.retained;
    mqw__letter_drop(letter);
}

static void tell(mqw_broker *broker, const char *topic, const char *words)
{
    mqw__post post;
    mqw_publish publish = {.topic = {topic, strlen(topic)}, .retain = true};
    publish.payload = (mqw_bytes){(const uint8_t *)words, strlen(words)};
    if (mqw__post_begin(broker, &post, &publish) < 0)
        return;
    retain(broker, &post);
    publish.retain = false;
    (void)mqw__deliver(broker, &post);
    mqw__post_end(&post);
}

static void tell_number(mqw_broker *broker, const char *topic, uint64_t number)
{
    char words[WORD_MAX];
    (void)snprintf(words, sizeof words, "%" PRIu64, number);
    tell(broker, topic, words);
}

static uint64_t bound_of(const mqw_broker_options *options, const bound *which)
{
    const char *at = (const char *)options + which->at;
    uint16_t small;
    uint32_t normal;
    uint64_t large;
    memcpy(&small, at, sizeof small);
    if (which->size == sizeof small)
        return small;
    memcpy(&normal, at, sizeof normal);
    if (which->size == sizeof normal)
        return normal;
    memcpy(&large, at, sizeof large);
    return large;
}

// What does not change.
static void tell_once(mqw_broker *broker)
{
    tell(broker, SYS "version", "mqwire " MQW_BROKER_VERSION);
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++)
        tell_number(broker, bounds[i].topic, bound_of(&broker->options, &bounds[i]));
}

static void tell_counters(mqw__status *status, const uint64_t *values)
{
    for (size_t i = 0; i < COUNTERS; i++)
        if (!status->told || status->values[i] != values[i])
            tell_number(status->broker, topics[i], values[i]);
}

// What is left of an average after so many seconds.
static double fade(double keeps, uint64_t seconds)
{
    double left = 1;
    while (seconds > 0) {
        left *= seconds & 1 ? keeps : 1;
        keeps *= keeps;
        seconds /= 2;
    }
    return left;
}

static void tell_load(mqw__status *status, size_t at, size_t span)
{
    char topic[TOPIC_MAX], words[WORD_MAX];
    uint64_t hundredths = (uint64_t)(status->averages[at][span] * 100 + 0.5);
    if (status->told && hundredths == status->told_averages[at][span])
        return;
    status->told_averages[at][span] = hundredths;
    (void)snprintf(topic, sizeof topic, SYS "%s/%dmin", loads[at].topic, spans[span].minutes);
    (void)snprintf(words, sizeof words, "%" PRIu64 ".%02u", hundredths / 100, (unsigned)(hundredths % 100));
    tell(status->broker, topic, words);
}

static void tell_loads(mqw__status *status, const uint64_t *values, uint64_t passed)
{
    uint64_t seconds = (passed + 500) / 1000;
    for (size_t i = 0; i < LOADS; i++)
        for (size_t k = 0; k < SPANS; k++) {
            uint64_t more = values[loads[i].counter] - status->values[loads[i].counter];
            double now = passed ? (double)more * 60000 / (double)passed : 0;
            double *average = &status->averages[i][k];
            *average = now + fade(spans[k].keeps, seconds) * (*average - now);
            tell_load(status, i, k);
        }
}

static void update(mqw__deadline *deadline)
{
    mqw__status *status = (mqw__status *)deadline;
    mqw_broker *broker = status->broker;
    mqw__counts counts;
    uint64_t values[COUNTERS], now = mqw__broker_now(broker);
    if (broker->closing)
        return;
    reckon(broker, &counts);
    broker->counts.memory_maximum = counts.memory_maximum;
    memcpy(values, &counts, sizeof values);
    if (!status->told)
        tell_once(broker);
    tell_counters(status, values);
    tell_loads(status, values, now - status->since);
    memcpy(status->values, values, sizeof values);
    status->told = true;
    status->since = now;
    mqw__broker_due(broker, &status->due, now + (uint64_t)broker->options.status_interval * 1000);
}

int mqw__status_open(mqw_broker *broker)
{
    if (broker->options.status_interval < 0)
        return 0;
    mqw__status *status = mqw__broker_new_block(broker, sizeof *status);
    if (!status)
        return MQW_E_NO_MEMORY;
    status->broker = broker;
    status->since = mqw__broker_now(broker);
    status->due.fire = update;
    broker->status = status;
    mqw__broker_due(broker, &status->due, status->since);
    return 0;
}

void mqw__status_free(mqw_broker *broker)
{
    if (!broker->status)
        return;
    mqw__broker_undue(broker, &broker->status->due);
    mqw__broker_free_block(broker, broker->status, sizeof *broker->status);
    broker->status = NULL;
}
