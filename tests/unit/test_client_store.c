// SPDX-License-Identifier: MIT
// The session in a store: nothing is promised, sent on or acknowledged before what it needs is on disk, one
// commit for what happens in one turn, and a new client goes on where the last one has stopped.
#include <mqwire/client.h>

#include "unit/client_world.h"

// ---- a store whose commits come when the test says so ----

enum { RECORDS = 32, COMMITS = 16 };

static struct {
    mqw_store *store;
    struct {
        uint8_t key[64], value[256];
        size_t key_len, value_len; // key_len 0: free
    } records[RECORDS];
    struct {
        mqw_store_done *done;
        void *ctx;
    } commits[COMMITS];
    int asked;
    int fails;        // what put and remove give
    int fails_asking; // what commit gives
} disk;

static int put(void *self, mqw_bytes key, mqw_bytes value)
{
    (void)self;
    int at = -1;
    for (int i = 0; i < RECORDS; i++)
        if (disk.records[i].key_len == key.len && memcmp(disk.records[i].key, key.data, key.len) == 0)
            at = i;
    for (int i = 0; at < 0 && i < RECORDS; i++)
        if (disk.records[i].key_len == 0)
            at = i;
    assert_true(at >= 0 && key.len <= sizeof disk.records[0].key &&
                value.len <= sizeof disk.records[0].value);
    if (disk.fails)
        return disk.fails;
    memcpy(disk.records[at].key, key.data, key.len);
    memcpy(disk.records[at].value, value.data, value.len);
    disk.records[at].key_len = key.len;
    disk.records[at].value_len = value.len;
    return 0;
}

static int take_away(void *self, mqw_bytes key, bool prefix)
{
    (void)self;
    for (int i = 0; i < RECORDS; i++) {
        size_t len = disk.records[i].key_len;
        if ((prefix ? len >= key.len && len > 0 : len == key.len) &&
            memcmp(disk.records[i].key, key.data, key.len) == 0)
            disk.records[i].key_len = 0;
    }
    return disk.fails == MQW_E_BUSY ? 0 : disk.fails;
}

static int commit(void *self, mqw_store *store, mqw_store_done *done_with, void *ctx)
{
    (void)self;
    (void)store;
    if (disk.fails_asking)
        return disk.fails_asking;
    assert_true(disk.asked < COMMITS);
    disk.commits[disk.asked].done = done_with;
    disk.commits[disk.asked++].ctx = ctx;
    return 0;
}

static int read_all(void *self, mqw_bytes prefix, mqw_store_each *each, void *ctx)
{
    (void)self;
    mqw_bytes last = {NULL, 0};
    for (int result = 0; result == 0;) {
        int least = -1;
        for (int i = 0; i < RECORDS; i++) { // keys of a kind are of one length
            mqw_bytes key = {disk.records[i].key, disk.records[i].key_len};
            bool later =
                key.len && (!last.data || memcmp(key.data, last.data, sizeof disk.records[i].key) > 0);
            if (later &&
                (least < 0 || memcmp(key.data, disk.records[least].key, sizeof disk.records[i].key) < 0))
                least = i;
        }
        if (least < 0)
            return 0;
        last = (mqw_bytes){disk.records[least].key, disk.records[least].key_len};
        if (last.len < prefix.len || memcmp(last.data, prefix.data, prefix.len) != 0)
            continue;
        result = each(last, (mqw_bytes){disk.records[least].value, disk.records[least].value_len}, ctx);
        if (result)
            return result;
    }
    return 0;
}

static const char *explain(void *self)
{
    (void)self;
    return "the disk is full";
}

static void close_store(void *self, mqw_store *store)
{
    (void)self;
    mqw_store_closed(store);
}

static int records(char kind)
{
    int count = 0;
    for (int i = 0; i < RECORDS; i++)
        count += disk.records[i].key_len > 4 && disk.records[i].key[4] == (uint8_t)kind;
    return count;
}

static void commits(int result)
{
    int asked = disk.asked;
    disk.asked = 0;
    for (int i = 0; i < asked; i++)
        disk.commits[i].done(disk.store, result, disk.commits[i].ctx);
    settle();
}

static uv_loop_t loop;

static void with_disk(void)
{
    static const mqw_store_ops ops = {.size = sizeof ops,
                                      .put = put,
                                      .remove = take_away,
                                      .commit = commit,
                                      .read = read_all,
                                      .error = explain,
                                      .close = close_store};
    memset(&disk, 0, sizeof disk);
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(mqw_store_custom(&disk.store, &loop, &ops, NULL), 0);
}

static void without_disk(void)
{
    mqw_store_close(disk.store, NULL, NULL);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void on_taken(mqw_client *client, void *ctx)
{
    (void)client;
    note("- taken %s", (const char *)ctx);
}

static mqw_client_options durable(void)
{
    mqw_client_options options = usual();
    static mqw_connect connect;
    connect = *options.connect;
    connect.clean_start = false;
    options.connect = &connect;
    options.store = disk.store;
    return options;
}

static void open_durable(const char *connack)
{
    mqw_client_options options = durable();
    start(&options);
    mqw_client_on_taken(w.client, on_taken);
    server_says(connack);
    commits(0);
    heard[0] = '\0';
}

// The process is gone: what is not on disk with it.
static void dies(void)
{
    mqw_client_goodbye now = {.now = true};
    mqw_client_close(w.client, &now);
    for (int i = 0; i < 5 && !w.gone; i++) {
        settle();
        commits(0);
    }
    assert_true(w.gone);
    heard[0] = '\0';
}

// ---- promises ----

static void a_promise_is_on_disk_before_it_is_taken(void **state)
{
    (void)state;
    with_disk();
    open_durable("CONNACK reason=0x00");
    publishes("a", 1);
    publishes("b", 2);
    publishes("c", 2);
    settle();
    hears("PUBLISH topic=\"t\" payload=\"a\" qos=1 packet_id=1"); // QoS 1 may leave at once
    assert_int_equal(disk.asked, 1);
    assert_int_equal(records('p'), 3);
    commits(0);
    hears("- taken a\n"
          "- taken b\n"
          "- taken c\n"
          "PUBLISH topic=\"t\" payload=\"b\" qos=2 packet_id=2\n"
          "PUBLISH topic=\"t\" payload=\"c\" qos=2 packet_id=3");
    server_says("PUBREC packet_id=2");
    hears("");
    assert_int_equal(disk.asked, 1);
    commits(0);
    hears("PUBREL packet_id=2");
    server_says("PUBCOMP packet_id=2");
    server_says("PUBACK packet_id=1");
    hears("- done b 0\n"
          "- done a 0");
    assert_int_equal(records('p'), 1);
    commits(0);
    dies();
    without_disk();
}

static void a_wrong_answer_takes_nothing_off_the_disk(void **state)
{
    (void)state;
    with_disk();
    open_durable("CONNACK reason=0x00");
    publishes("a", 2);
    settle();
    commits(0);
    server_says("PUBACK packet_id=1");
    commits(0);
    assert_int_equal(records('p'), 1);
    dies();
    without_disk();
}

static void a_new_client_goes_on(void **state)
{
    (void)state;
    with_disk();
    open_durable("CONNACK reason=0x00");
    publishes("a", 1);
    publishes("b", 2);
    publishes("c", 2);
    settle();
    commits(0);
    server_says("PUBREC packet_id=3");
    commits(0);
    dies();
    assert_int_equal(records('p'), 3);
    open_durable("CONNACK session_present");
    mqw_client_facts facts = {.size = sizeof facts};
    assert_int_equal(mqw_client_facts_of(w.client, &facts), 0);
    assert_int_equal(facts.queued, 3);
    cut();
    passes(2000);
    heard[0] = '\0';
    server_says("CONNACK session_present");
    hears("- open, present\n"
          "PUBREL packet_id=3\n"
          "PUBLISH topic=\"t\" payload=\"a\" qos=1 packet_id=1 dup\n"
          "PUBLISH topic=\"t\" payload=\"b\" qos=2 packet_id=2 dup");
    dies();
    without_disk();
}

static void a_store_that_fails_ends_the_client(void **state)
{
    (void)state;
    with_disk();
    open_durable("CONNACK reason=0x00");
    publishes("a", 2);
    settle();
    commits(MQW_E_STREAM);
    hears("- done a -14\n"
          "DISCONNECT\n"
          "- close: the disk is full");
    assert_true(w.gone);
    without_disk();
}

static void a_store_that_takes_no_more(void **state)
{
    (void)state;
    with_disk();
    open_durable("CONNACK reason=0x00");
    disk.fails = MQW_E_BUSY;
    assert_int_equal(publish_as("t", "a", 1, "a"), MQW_E_FULL);
    assert_int_equal(publish_as("t", "a", 0, "a"), 0);
    disk.fails = MQW_E_NO_MEMORY;
    assert_int_equal(publish_as("t", "a", 2, "a"), MQW_E_NO_MEMORY);
    disk.fails = 0;
    dies();
    without_disk();
}

static void records_that_make_no_sense(void **state)
{
    (void)state;
    with_disk();
    uint8_t key[] = {'c', 0, 1, 'c', 'p', 0, 0, 0, 0, 0, 0, 0, 1}, value[40] = {9};
    assert_int_equal(put(NULL, (mqw_bytes){key, sizeof key}, (mqw_bytes){value, sizeof value}), 0);
    mqw_client_options options = durable();
    assert_int_equal(start_quietly(&options), MQW_E_STREAM);
    const mqw_connect nameless = {.clean_start = true};
    options.connect = &nameless;
    assert_int_equal(start_quietly(&options), MQW_E_MISUSE);
    without_disk();
}

// Stage, QoS and packet of a record.
static int start_with_record(uint8_t stage, uint8_t qos, const char *line)
{
    uint8_t key[] = {'c', 0, 1, 'c', 'p', 0, 0, 0, 0, 0, 0, 0, 1}, value[100] = {1, stage, qos, 0, 7};
    const mqw_codec codec = {MQW_5_0, MQW_CLIENT, NULL};
    size_t size = 21;
    if (line) {
        mqw_packet packet = packet_of(line);
        size += (size_t)mqw_encode(&codec, &packet, value + size, sizeof value - size, NULL);
    }
    with_disk();
    assert_int_equal(put(NULL, (mqw_bytes){key, sizeof key}, (mqw_bytes){value, size}), 0);
    mqw_client_options options = durable();
    int result = start_quietly(&options);
    if (result == 0)
        dies();
    without_disk();
    return result;
}

static void records_whose_packet_is_another(void **state)
{
    (void)state;
    static const char one[] = "PUBLISH topic=\"t\" payload=\"a\" qos=1 packet_id=1";
    assert_int_equal(start_with_record(0, 1, one), 0);
    assert_int_equal(start_with_record(2, 2, NULL), 0);
    assert_int_equal(start_with_record(0, 1, NULL), MQW_E_STREAM);
    assert_int_equal(start_with_record(1, 2, NULL), MQW_E_STREAM);
    assert_int_equal(start_with_record(0, 2, one), MQW_E_STREAM);
    assert_int_equal(start_with_record(0, 1, "PUBLISH topic=\"t\" payload=\"a\""), MQW_E_STREAM);
    assert_int_equal(start_with_record(0, 1, "PINGREQ"), MQW_E_STREAM);
}

// A server without its session does not cost promises, though the store takes nothing now.
static void a_lost_session_while_the_store_is_full(void **state)
{
    (void)state;
    with_disk();
    open_durable("CONNACK reason=0x00");
    publishes("a", 1);
    publishes("b", 2);
    settle();
    commits(0);
    cut();
    publishes("c", 2);
    settle();
    commits(0);
    passes(2000);
    heard[0] = '\0';
    disk.fails = MQW_E_BUSY;
    server_says("CONNACK reason=0x00");
    disk.fails = 0;
    commits(0);
    hears("- open\n"
          "PUBLISH topic=\"t\" payload=\"a\" qos=1 packet_id=1\n"
          "PUBLISH topic=\"t\" payload=\"b\" qos=2 packet_id=2\n"
          "PUBLISH topic=\"t\" payload=\"c\" qos=2 packet_id=3");
    assert_int_equal(records('p'), 3);
    dies();
    without_disk();
}

// PUBREL waits for a store that takes nothing now; the connection stays.
static void a_release_waits_for_the_store(void **state)
{
    (void)state;
    with_disk();
    open_durable("CONNACK reason=0x00");
    publishes("a", 2);
    settle();
    commits(0);
    heard[0] = '\0';
    disk.fails = MQW_E_BUSY;
    server_says("PUBREC packet_id=1");
    passes(1000);
    hears("");
    disk.fails = 0;
    passes(1000);
    assert_int_equal(disk.asked, 1);
    commits(0);
    hears("PUBREL packet_id=1");
    dies();
    without_disk();
}

// Somebody else who uses the store has seen it fail: there is no commit of ours that would tell.
static void a_store_that_others_saw_fail(void **state)
{
    (void)state;
    with_disk();
    open_durable("CONNACK reason=0x00");
    disk.fails = MQW_E_STREAM;
    assert_int_equal(publish_as("t", "a", 1, "a"), MQW_E_STREAM);
    settle();
    hears("DISCONNECT\n"
          "- close: the disk is full");
    assert_true(w.gone);
    disk.fails = 0;
    open_durable("CONNACK reason=0x00");
    disk.fails = MQW_E_STREAM;
    server_says("PUBLISH topic=\"t\" payload=\"b\" qos=2 packet_id=2");
    hears("- message t b\n"
          "DISCONNECT\n"
          "- close: the disk is full");
    assert_true(w.gone);
    without_disk();
}

// Without memory to ask for a commit what is promised waits, and so does closing.
static void a_commit_that_finds_no_memory(void **state)
{
    const mqw_client_goodbye now = {.now = true};
    (void)state;
    with_disk();
    open_durable("CONNACK reason=0x00");
    disk.fails_asking = MQW_E_NO_MEMORY;
    publishes("a", 2);
    settle();
    passes(1000);
    hears("");
    disk.fails_asking = 0;
    passes(1000);
    assert_int_equal(disk.asked, 1);
    commits(0);
    hears("- taken a\n"
          "PUBLISH topic=\"t\" payload=\"a\" qos=2 packet_id=1");
    disk.fails_asking = MQW_E_NO_MEMORY;
    publishes("b", 2);
    mqw_client_close(w.client, &now);
    settle();
    heard[0] = '\0';
    passes(1000);
    assert_false(w.gone);
    disk.fails_asking = 0;
    passes(1000);
    commits(0);
    hears("- close");
    assert_true(w.gone);
    assert_int_equal(records('p'), 2);
    without_disk();
}

// ---- the inbox ----

// What comes between the failure of a commit and the end acknowledges nothing.
static void a_commit_that_fails_acknowledges_nothing(void **state)
{
    (void)state;
    with_disk();
    open_durable("CONNACK reason=0x00");
    server_says("PUBLISH topic=\"t\" payload=\"a\" qos=1 packet_id=1");
    server_says("PUBLISH topic=\"t\" payload=\"b\" qos=2 packet_id=2");
    (void)say(server(), "PUBLISH topic=\"t\" payload=\"c\" qos=1 packet_id=3");
    (void)say(server(), "PUBLISH topic=\"t\" payload=\"d\" qos=2 packet_id=4");
    heard[0] = '\0';
    commits(MQW_E_STREAM);
    hears("- message t c\n"
          "- message t d\n"
          "DISCONNECT\n"
          "- close: the disk is full");
    without_disk();
}

static void keeping(mqw_client *client, const mqw_publish *publish, mqw_token token, void *ctx)
{
    static const uint8_t key[] = "own", value[] = "record";
    on_message(client, publish, token, ctx);
    assert_int_equal(mqw_store_put(disk.store, (mqw_bytes){key, 3}, (mqw_bytes){value, 6}), 0);
}

// v5:MQTT-4.3.3-8, v5:MQTT-4.3.3-11: the program's record and the identifier share a commit, PUBREC follows
// it; PUBCOMP follows the one that forgets it.
static void what_is_received_is_on_disk_before_it_is_acknowledged(void **state)
{
    (void)state;
    with_disk();
    mqw_client_options options = durable();
    options.handlers.on_message = keeping;
    open_with(&options, "CONNACK reason=0x00");
    commits(0);
    (void)say(server(), "PUBLISH topic=\"t\" payload=\"a\" qos=1 packet_id=1");
    (void)say(server(), "PUBLISH topic=\"t\" payload=\"b\" qos=2 packet_id=2");
    settle();
    hears("- message t a\n"
          "- message t b");
    assert_int_equal(disk.asked, 1);
    assert_int_equal(records('i'), 1);
    commits(0);
    hears("PUBACK packet_id=1\n"
          "PUBREC packet_id=2");
    server_says("PUBREL packet_id=2");
    hears("");
    assert_int_equal(records('i'), 0);
    commits(0);
    hears("PUBCOMP packet_id=2");
    dies();
    without_disk();
}

static void a_new_client_does_not_hear_it_again(void **state)
{
    (void)state;
    with_disk();
    open_durable("CONNACK reason=0x00");
    server_says("PUBLISH topic=\"t\" payload=\"b\" qos=2 packet_id=2");
    commits(0);
    dies();
    open_durable("CONNACK session_present");
    server_says("PUBLISH topic=\"t\" payload=\"b\" qos=2 packet_id=2 dup");
    commits(0);
    hears("PUBREC packet_id=2");
    dies();
    open_durable("CONNACK reason=0x00"); // the server has lost the session
    server_says("PUBLISH topic=\"t\" payload=\"c\" qos=2 packet_id=2");
    hears("- message t c");
    commits(0);
    hears("PUBREC packet_id=2");
    dies();
    without_disk();
}

// Between CONNACK without a session and the commit of what follows from it lies a moment in which a process
// can die: the next one finds identifiers of a session that is gone. v5:MQTT-3.3.1-1: what is sent again says
// so.
static void identifiers_of_a_session_before(void **state)
{
    (void)state;
    with_disk();
    open_durable("CONNACK reason=0x00");
    server_says("PUBLISH topic=\"t\" payload=\"b\" qos=2 packet_id=2");
    commits(0);
    dies();
    assert_int_equal(records('i'), 1);
    open_durable("CONNACK session_present");
    server_says("PUBLISH topic=\"t\" payload=\"c\" qos=2 packet_id=2");
    hears("- message t c");
    commits(0);
    hears("PUBREC packet_id=2");
    server_says("PUBLISH topic=\"t\" payload=\"c\" qos=2 packet_id=2");
    commits(0);
    hears("PUBREC packet_id=2"); // now it is one of this session
    dies();
    without_disk();
}

static mqw_token last;

static void hold(mqw_client *client, const mqw_publish *publish, mqw_token token, void *ctx)
{
    on_message(client, publish, token, ctx);
    last = token;
}

// An identifier is kept when the program takes the message, not before.
static void not_taken_is_not_kept(void **state)
{
    (void)state;
    with_disk();
    mqw_client_options options = durable();
    options.manual_ack = true;
    options.handlers.on_message = hold;
    open_with(&options, "CONNACK reason=0x00");
    commits(0);
    server_says("PUBLISH topic=\"t\" payload=\"b\" qos=2 packet_id=2");
    hears("- message t b *");
    assert_int_equal(records('i'), 0);
    assert_int_equal(mqw_client_ack(w.client, last, 0), 0);
    assert_int_equal(records('i'), 1);
    settle();
    hears("");
    commits(0);
    hears("PUBREC packet_id=2");
    dies();
    without_disk();
}

// Before 5.0 servers may send again on the same connection: that is no word of the program either.
static void a_duplicate_does_not_take_it(void **state)
{
    (void)state;
    with_disk();
    mqw_client_options options = durable();
    options.manual_ack = true;
    options.handlers.on_message = hold;
    open_with(&options, "CONNACK reason=0x00");
    commits(0);
    server_says("PUBLISH topic=\"t\" payload=\"b\" qos=2 packet_id=2");
    (void)say(server(), "PUBLISH topic=\"t\" payload=\"b\" qos=2 packet_id=2 dup");
    settle();
    commits(0);
    hears("- message t b *");
    assert_int_equal(records('i'), 0);
    dies();
    without_disk();
}

// ---- the end ----

static void closing_waits_for_commits(void **state)
{
    (void)state;
    const mqw_client_goodbye now = {.now = true};
    with_disk();
    open_durable("CONNACK reason=0x00");
    publishes("a", 2);
    settle();
    mqw_client_close(w.client, &now);
    settle();
    hears("DISCONNECT\n"
          "- done a -10");
    assert_false(w.gone);
    commits(0);
    hears("- close");
    assert_true(w.gone);
    assert_int_equal(records('p'), 1); // kept
    without_disk();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_promise_is_on_disk_before_it_is_taken),
        cmocka_unit_test(a_wrong_answer_takes_nothing_off_the_disk),
        cmocka_unit_test(a_new_client_goes_on),
        cmocka_unit_test(a_store_that_fails_ends_the_client),
        cmocka_unit_test(a_store_that_takes_no_more),
        cmocka_unit_test(records_that_make_no_sense),
        cmocka_unit_test(records_whose_packet_is_another),
        cmocka_unit_test(a_lost_session_while_the_store_is_full),
        cmocka_unit_test(a_release_waits_for_the_store),
        cmocka_unit_test(a_store_that_others_saw_fail),
        cmocka_unit_test(a_commit_that_fails_acknowledges_nothing),
        cmocka_unit_test(a_commit_that_finds_no_memory),
        cmocka_unit_test(what_is_received_is_on_disk_before_it_is_acknowledged),
        cmocka_unit_test(a_new_client_does_not_hear_it_again),
        cmocka_unit_test(identifiers_of_a_session_before),
        cmocka_unit_test(not_taken_is_not_kept),
        cmocka_unit_test(a_duplicate_does_not_take_it),
        cmocka_unit_test(closing_waits_for_commits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
