// SPDX-License-Identifier: MIT
// What is taken from the whole world: how many connections, how many of one address, and how fast each
// publishes. Who is too fast is not read for a while; nothing is dropped.
#include <arpa/inet.h>
#include <stddef.h>
#include <string.h>

#include "affairs.h"

// --- addresses ---

enum { ADDRESS_MAX = 16, HOST_MAX = INET6_ADDRSTRLEN, SUBNET = 8 };

// An IPv4 address, or the /64 of an IPv6 address, which one host can use as it likes.
typedef struct origin {
    mqw__entry entry; // key: the bytes
    uint32_t count;   // of connections
    char bytes[SUBNET];
} origin;

// The host of `tcp://host:port` or `tcp://[host%zone]:port`; false: it is something else.
static bool read_host(const char *address, char *host)
{
    static const char scheme[] = "tcp://";
    if (strncmp(address, scheme, sizeof scheme - 1) != 0)
        return false;
    address += sizeof scheme - 1;
    bool v6 = *address == '[';
    size_t len = strcspn(address + v6, v6 ? "]%" : ":");
    if (len >= HOST_MAX)
        return false;
    memcpy(host, address + v6, len);
    host[len] = '\0';
    return true;
}

// Bytes that name where an address is from; 0: there is no telling.
static size_t read_origin(const char *address, char *out)
{
    static const uint8_t mapped[12] = {[10] = 0xFF, [11] = 0xFF};
    char host[HOST_MAX];
    uint8_t bytes[ADDRESS_MAX];
    if (!read_host(address, host))
        return 0;
    if (inet_pton(AF_INET, host, out) == 1)
        return 4;
    if (inet_pton(AF_INET6, host, bytes) != 1)
        return 0;
    bool v4 = memcmp(bytes, mapped, sizeof mapped) == 0;
    memcpy(out, v4 ? bytes + sizeof mapped : bytes, v4 ? 4 : SUBNET);
    return v4 ? 4 : SUBNET;
}

static mqw__table *table_of(mqw_broker *broker)
{
    if (!broker->addresses) {
        broker->addresses = mqw__broker_new_block(broker, sizeof(mqw__table));
        if (broker->addresses)
            mqw__table_init(broker->addresses, &broker->allocator, &broker->memory, broker->seed);
    }
    return broker->addresses;
}

static origin *find_origin(mqw_broker *broker, mqw_text bytes)
{
    mqw__table *table = table_of(broker);
    origin *from = table ? (origin *)mqw__table_find(table, table, bytes) : NULL;
    if (from || !table || !mqw__table_ready(table))
        return from;
    from = mqw__broker_new_block(broker, sizeof *from);
    if (!from)
        return NULL;
    from->entry.under = table;
    from->entry.at = offsetof(origin, bytes);
    from->entry.len = (uint16_t)bytes.len;
    memcpy(from->bytes, bytes.data, bytes.len);
    mqw__table_put(table, &from->entry);
    return from;
}

static void leave_origin(mqw_broker *broker, origin *from)
{
    if (--from->count > 0)
        return;
    mqw__table_take(broker->addresses, &from->entry);
    mqw__broker_free_block(broker, from, sizeof *from);
}

int mqw__limits_located(mqw_peer *peer)
{
    mqw_broker *broker = peer->broker;
    mqw_stream_facts facts;
    char bytes[ADDRESS_MAX];
    if (broker->options.max_per_address == 0 || peer->from)
        return 0;
    if (!broker->world.facts || broker->world.facts(broker->world.self, peer->conn, &facts))
        return 0;
    size_t len = read_origin(facts.peer, bytes);
    if (len == 0)
        return 0;
    origin *from = find_origin(broker, (mqw_text){bytes, len});
    if (!from)
        return MQW_E_NO_MEMORY;
    if (from->count >= broker->options.max_per_address) {
        broker->counts.connections_refused++;
        return MQW_E_FULL;
    }
    from->count++;
    peer->from = from;
    return 0;
}

// --- connections ---

int mqw__limits_arrived(mqw_peer *peer)
{
    mqw_broker *broker = peer->broker;
    if (broker->counts.connections >= broker->options.max_connections) {
        broker->counts.connections_refused++;
        return MQW_E_FULL;
    }
    int result = mqw__limits_located(peer);
    if (result < 0)
        return result;
    broker->counts.connections++;
    broker->counts.connections_accepted++;
    return 0;
}

void mqw__limits_left(mqw_peer *peer)
{
    peer->broker->counts.connections--;
    if (peer->from)
        leave_origin(peer->broker, peer->from);
    peer->from = NULL;
}

void mqw__limits_free(mqw_broker *broker)
{
    mqw__table *table = broker->addresses;
    if (!table)
        return;
    mqw__table_free(table);
    mqw__broker_free_block(broker, table, sizeof *table);
    broker->addresses = NULL;
}

// --- rates ---

enum { FULL = 1000 }; // parts that one unit has: a unit a second is a part a millisecond

// What may go now, in parts of packets or bytes; less than nothing when the last one was too large.
typedef struct allowance {
    int64_t left;
    uint32_t rate;  // a second; 0: no limit
    uint32_t least; // parts that have to be there to go on
} allowance;

struct mqw__bucket {
    mqw__deadline again; // when it is read again
    mqw_peer *peer;
    uint64_t filled; // when that was reckoned
    allowance packets, bytes;
    bool paused;
};

static void fill(allowance *purse, uint64_t passed)
{
    int64_t most = (int64_t)purse->rate * FULL;
    if (purse->rate == 0)
        return;
    if (passed > (uint64_t)(most - purse->left) / purse->rate)
        purse->left = most;
    else
        purse->left += (int64_t)(passed * purse->rate);
}

static void spend(allowance *purse, size_t units)
{
    if (purse->rate > 0)
        purse->left -= (int64_t)units * FULL;
}

// Milliseconds until it may go on.
static uint64_t wait_of(const allowance *purse)
{
    if (purse->rate == 0 || purse->left >= (int64_t)purse->least)
        return 0;
    return (uint64_t)(purse->least - purse->left + purse->rate - 1) / purse->rate;
}

static void go_on(mqw__deadline *deadline)
{
    mqw__bucket *bucket = (mqw__bucket *)deadline;
    bucket->paused = false;
    bucket->peer->broker->counts.paused--;
    mqw__peer_resume(bucket->peer, MQW__PAUSE_RATE);
}

static allowance purse_of(uint32_t rate, uint32_t least)
{
    return (allowance){(int64_t)rate * FULL, rate, least};
}

int mqw__limits_begin(mqw_peer *peer)
{
    const mqw_broker_limits *limits = mqw__session_limits(peer->session);
    if (mqw__bucket_of(peer) || (limits->max_publish_rate == 0 && limits->max_byte_rate == 0))
        return 0;
    mqw__affairs *affairs = mqw__affairs_of(peer);
    mqw__bucket *bucket = affairs ? mqw__broker_new_block(peer->broker, sizeof *bucket) : NULL;
    if (!bucket)
        return MQW_E_NO_MEMORY;
    bucket->peer = peer;
    bucket->again.fire = go_on;
    bucket->filled = mqw__broker_now(peer->broker);
    bucket->packets = purse_of(limits->max_publish_rate, FULL);
    bucket->bytes = purse_of(limits->max_byte_rate, 1);
    affairs->bucket = bucket;
    return 0;
}

void mqw__limits_published(mqw_peer *peer, size_t bytes)
{
    mqw_broker *broker = peer->broker;
    mqw__bucket *bucket = mqw__bucket_of(peer);
    if (!bucket)
        return;
    uint64_t now = mqw__broker_now(broker);
    fill(&bucket->packets, now - bucket->filled);
    fill(&bucket->bytes, now - bucket->filled);
    bucket->filled = now;
    spend(&bucket->packets, 1);
    spend(&bucket->bytes, bytes);
    uint64_t packets = wait_of(&bucket->packets), rest = wait_of(&bucket->bytes);
    if ((packets == 0 && rest == 0) || bucket->paused)
        return;
    bucket->paused = true;
    broker->counts.paused++;
    mqw__broker_due(broker, &bucket->again, now + (packets > rest ? packets : rest));
    mqw__peer_pause(peer, MQW__PAUSE_RATE);
}

void mqw__limits_end(mqw_peer *peer)
{
    mqw_broker *broker = peer->broker;
    mqw__bucket *bucket = mqw__bucket_of(peer);
    if (!bucket)
        return;
    mqw__broker_undue(broker, &bucket->again);
    broker->counts.paused -= bucket->paused;
    mqw__broker_free_block(broker, bucket, sizeof *bucket);
    peer->affairs->bucket = NULL;
}
