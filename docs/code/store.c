// SPDX-License-Identifier: MIT
// A client whose session is on disk, with the program's own records in the same file: a ledger in which each
// payment stands once, whenever the process ends.
#include <mqwire/client.h>

#include <unistd.h>

#include "host.h"

typedef struct ledger {
    mqw_store *store;
    mqw_client *client;
    uint32_t entries;
    int taken;
    int expected; // entries, and messages taken, after which this life ends
    host *host;   // NULL: there is no server in this life
} ledger;

// The key of an entry. Numbers of one width keep their order. No key of ours begins with `c` and a byte below
// 4: those are the client's.
static mqw_bytes key_of(char room[32], uint32_t number)
{
    int len = snprintf(room, 32, "entry/%010u", (unsigned)number);
    return (mqw_bytes){(const uint8_t *)room, (size_t)len};
}

static int count_entry(mqw_bytes key, mqw_bytes value, void *ctx)
{
    (void)key, (void)value;
    ++*(uint32_t *)ctx;
    return 0;
}

// At the start: what earlier lives of the program have written.
static int open_ledger(ledger *self, uv_loop_t *loop, const char *path)
{
    char why[256];
    const mqw_bytes entries = {(const uint8_t *)"entry/", 6};
    int result = mqw_store_sqlite(&self->store, loop, path, NULL, why, sizeof why);
    if (result < 0) {
        fprintf(stderr, "%s\n", why);
        return result;
    }
    return mqw_store_read(self->store, entries, count_entry, &self->entries);
}

static void end_life(ledger *self)
{
    if (self->entries + (uint32_t)self->taken == (uint32_t)self->expected)
        mqw_client_close(self->client, self->host ? NULL : &(mqw_client_goodbye){.now = true});
}

// The entry and the acknowledgement are one batch: on disk both or neither, and PUBREC leaves when they are.
static void on_payment(mqw_client *client, const mqw_publish *publish, mqw_token token, void *ctx)
{
    ledger *self = ctx;
    char key[32];
    if (mqw_store_put(self->store, key_of(key, self->entries), publish->payload) < 0 ||
        mqw_client_ack(client, token, MQW_REASON_SUCCESS) < 0) {
        mqw_client_reconnect(client); // it was not acknowledged, and comes again
        return;
    }
    self->entries++;
    end_life(self);
}

// What we pay ourselves: it is on disk, and will arrive.
static void on_taken(mqw_client *client, void *ctx)
{
    ledger *self = ctx;
    (void)client;
    self->taken++;
    end_life(self);
}

static int pay(ledger *self, const char *amount)
{
    mqw_publish publish = {.topic = MQW_TEXT("payments"), .qos = 2};
    publish.payload = (mqw_bytes){(const uint8_t *)amount, strlen(amount)};
    return mqw_client_publish(self->client, &publish, NULL, self);
}

// The store must outlive the client, so it is closed here.
static void on_close(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    ledger *self = ctx;
    (void)client;
    if (failure)
        fprintf(stderr, "%s\n", failure->words); // also a store that has failed
    mqw_store_close(self->store, NULL, NULL);
    if (self->host)
        host_stop(self->host);
}

static int open_client(ledger *self, uv_loop_t *loop, const char *address)
{
    mqw_connect connect = {.client_id = MQW_TEXT("ledger"), .clean_start = false, .keep_alive = 60};
    mqw_set(&connect.props, session_expiry, UINT32_MAX); // the server keeps the session for ever
    mqw_client_options options = {.address = address, .connect = &connect, .store = self->store};
    options.manual_ack = true;
    options.handlers = (mqw_client_handlers){.on_message = on_payment, .on_close = on_close};
    options.ctx = self;
    int result = mqw_client_open(&self->client, loop, &options);
    if (result == 0)
        mqw_client_on_taken(self->client, on_taken);
    return result;
}

// One life of the program: `payments` are made, and it ends when `expected` things have happened.
static ledger live(const char *path, host *other, int payments, int expected)
{
    uv_loop_t loop;
    ledger self = {.expected = expected, .host = other};
    CHECK(uv_loop_init(&loop) == 0);
    if (other)
        host_start(other, &loop, "127.0.0.1:0", NULL);
    CHECK(open_ledger(&self, &loop, path) == 0);
    CHECK(open_client(&self, &loop, other ? other->address : "127.0.0.1:1") == 0);
    for (int i = 0; i < payments; i++)
        CHECK(pay(&self, "12.50") == 0);
    run_to_the_end(&loop);
    return self;
}

int main(void)
{
    char directory[] = "/tmp/mqwire-docs-XXXXXX", path[64], log[80];
    host first = {.echoes = true}, second = {.echoes = true, .present = true};
    CHECK(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/ledger", directory);
    ledger self = live(path, NULL, 3, 3); // nobody is there to pay
    CHECK(self.taken == 3 && self.entries == 0);
    self = live(path, &first, 0, 3); // it is paid by itself
    CHECK(first.received == 3 && self.entries == 3 && self.taken == 0);
    self = live(path, &second, 2, 7); // 3 entries from before, 2 taken, 2 new entries
    CHECK(second.received == 2 && self.entries == 5 && self.taken == 2);
    for (int i = 0; i < 3; i++) {
        snprintf(log, sizeof log, "%s%s", path, (const char *[]){"", "-wal", "-shm"}[i]);
        unlink(log);
    }
    CHECK(rmdir(directory) == 0);
    return 0;
}
