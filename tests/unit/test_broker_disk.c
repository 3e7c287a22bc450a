// SPDX-License-Identifier: MIT
// The broker and a store that is full, fails, has no memory, or is damaged.
#include <mqwire/broker.h>

#include "unit/broker_disk.h"

#define KEPT  " session_expiry=3600"
#define OPEN5 " receive_maximum=1024 topic_alias_maximum=16 maximum_packet_size=1048576"

static char logged[4096];

static void on_log(mqw_broker *broker, int level, const char *words, void *ctx)
{
    size_t len = strlen(logged);
    (void)broker;
    (void)ctx;
    snprintf(logged + len, sizeof logged - len, "%d %s\n", level, words);
}

static mqw_broker_options logging(void)
{
    return (mqw_broker_options){.size = sizeof(mqw_broker_options), .hooks = {.on_log = on_log}};
}

static void begins_logging(void)
{
    mqw_broker_options options = logging();
    logged[0] = '\0';
    begins(&options);
}

static void subscriber(const char *name, int qos)
{
    char line[200];
    snprintf(line, sizeof line, "CONNECT version=5 client_id=\"%s\"" KEPT, name);
    connects(name, line);
    snprintf(line, sizeof line, "SUBSCRIBE packet_id=1 filter=\"a\":%d", qos);
    commits();
    tells(name, line);
    commits();
    heard[0] = '\0';
}

// ---- a store that does not take anything now ----

static void a_full_disk_refuses_and_goes_on(void **state)
{
    (void)state;
    begins_logging();
    subscriber("s", 1);
    is_there("p", "CONNECT version=5 client_id=\"p\" clean_start");
    is_there("q", "CONNECT version=5 client_id=\"q\" clean_start");
    tells("q", "PUBLISH topic=\"a\" payload=\"before\" qos=1 packet_id=7");
    hears("s: PUBLISH topic=\"a\" payload=\"before\" qos=1 packet_id=1");
    disk.why = "the disk is full";
    for (int i = 1; i <= 3; i++) {
        tells("p", "PUBLISH topic=\"a\" payload=\"1\" qos=1 packet_id=1");
        hears("p: PUBACK packet_id=1 reason=0x97");
    }
    tells("p", "PUBLISH topic=\"a\" payload=\"1\" qos=2 packet_id=1");
    hears("p: PUBREC packet_id=1 reason=0x97");
    tells("p", "PUBLISH topic=\"a\" payload=\"1\" qos=1 packet_id=1 retain");
    hears("p: PUBACK packet_id=1 reason=0x97");
    connects("t", "CONNECT version=5 client_id=\"t\"" KEPT);
    hears("t: CONNACK reason=0x97\nt: closed");
    tells("s", "PUBACK packet_id=1"); // what was promised goes on
    passes(10000);
    hears("");
    assert_string_equal(logged, "0 the store fails: the disk is full; new messages are refused\n");
    disk.why = NULL;
    passes(1000);
    commits_all();
    hears("q: PUBACK packet_id=7");
    assert_string_equal(logged, "0 the store fails: the disk is full; new messages are refused\n"
                                "2 the store works again\n");
    tells("p", "PUBLISH topic=\"a\" payload=\"2\" qos=1 packet_id=1");
    commits();
    assert_non_null(strstr(heard, "s: PUBLISH topic=\"a\" payload=\"2\" qos=1"));
    assert_non_null(strstr(heard, "p: PUBACK packet_id=1"));
    assert_null(strstr(heard, "reason"));
    ends();
}

// Before 5.0 nothing says no: the connection ends without an answer.
static void a_full_disk_ends_older_publishers(void **state)
{
    (void)state;
    begins_logging();
    subscriber("s", 1);
    is_there("p", "CONNECT version=4 client_id=\"p\" clean_start");
    disk.why = "the disk is full";
    tells("p", "PUBLISH topic=\"a\" payload=\"1\" qos=1 packet_id=1");
    hears("p: closed");
    disk.why = NULL;
    ends();
}

// Nobody waits for a store that is full when the broker closes.
static void closing_does_not_wait_for_a_full_disk(void **state)
{
    (void)state;
    begins_logging();
    subscriber("s", 1);
    is_there("p", "CONNECT version=5 client_id=\"p\" clean_start");
    tells("p", "PUBLISH topic=\"a\" payload=\"1\" qos=1 packet_id=1");
    disk.why = "the disk is full";
    mqw_broker_close(w.broker, NULL, NULL);
    settle();
    passes(2000);
    assert_true(w.gone);
    commits_with(MQW_E_STREAM); // the store is closed after the broker
    assert_int_equal(w.memory.held, 0);
    disk_end();
}

static void a_store_that_fails_for_good(void **state)
{
    (void)state;
    begins_logging();
    subscriber("s", 1);
    is_there("p", "CONNECT version=5 client_id=\"p\" clean_start");
    tells("p", "PUBLISH topic=\"a\" payload=\"1\" qos=1 packet_id=1");
    hears("s: PUBLISH topic=\"a\" payload=\"1\" qos=1 packet_id=1");
    commits_with(MQW_E_STREAM);
    hears("");
    is_there("q", "CONNECT version=5 client_id=\"q\" clean_start");
    tells("q", "PUBLISH topic=\"a\" payload=\"1\" qos=1 packet_id=1");
    hears("q: PUBACK packet_id=1 reason=0x97");
    assert_int_equal(disk.asked, 0);
    finish();
    disk_end();
}

// Above its bound of pending changes it takes nothing new, and is not ill.
static void a_busy_store_refuses(void **state)
{
    (void)state;
    begins_logging();
    subscriber("s", 2);
    is_there("p", "CONNECT version=5 client_id=\"p\" clean_start");
    disk.fails = MQW_E_BUSY;
    tells("p", "PUBLISH topic=\"a\" payload=\"1\" qos=1 packet_id=1");
    hears("p: PUBACK packet_id=1 reason=0x97");
    disk.fails = 0;
    tells("p", "PUBLISH topic=\"a\" payload=\"2\" qos=2 packet_id=2");
    commits();
    hears("s: PUBLISH topic=\"a\" payload=\"2\" qos=2 packet_id=2\n"
          "p: PUBREC packet_id=2");
    disk.fails = MQW_E_BUSY;
    tells("s", "PUBREC packet_id=2"); // what it says cannot be stored now: later
    commits();
    hears("");
    disk.fails = 0;
    commits();
    commits();
    hears("s: PUBREL packet_id=2");
    tells("s", "PUBCOMP packet_id=2");
    assert_int_equal(records('X'), 0);
    assert_string_equal(logged, "");
    ends();
}

static void a_commit_that_finds_no_memory_is_asked_for_again(void **state)
{
    (void)state;
    begins_logging();
    subscriber("s", 1);
    is_there("p", "CONNECT version=5 client_id=\"p\" clean_start");
    disk.fails_asking = MQW_E_NO_MEMORY;
    tells("p", "PUBLISH topic=\"a\" payload=\"1\" qos=1 packet_id=1");
    passes(1000);
    hears("s: PUBLISH topic=\"a\" payload=\"1\" qos=1 packet_id=1");
    disk.fails_asking = 0;
    passes(1000);
    assert_int_equal(disk.asked, 1);
    commits();
    hears("p: PUBACK packet_id=1");
    ends();
}

// What cannot be deleted stays as it was: taken.
static void an_identifier_that_cannot_be_freed_stays(void **state)
{
    (void)state;
    begins_logging();
    subscriber("s", 1);
    connects("p", "CONNECT version=5 client_id=\"p\"" KEPT);
    commits();
    does("p", "PUBLISH topic=\"a\" payload=\"1\" qos=2 packet_id=9");
    commits();
    heard[0] = '\0';
    disk.fails_to_drop = MQW_E_NO_MEMORY;
    tells("p", "PUBREL packet_id=9");
    assert_null(strstr(heard, "PUBCOMP"));
    disk.fails_to_drop = 0;
    assert_int_equal(records('U'), 1);
    heard[0] = '\0';
    connects("p2", "CONNECT version=5 client_id=\"p\"" KEPT);
    commits_all();
    heard[0] = '\0';
    tells("p2", "PUBREL packet_id=9");
    commits_all();
    hears("p2: PUBCOMP packet_id=9");
    ends();
}

// ---- damage ----

// A store with a record of every kind.
static void fill(void)
{
    static char line[2000], filter[900];
    memset(filter, 'f', sizeof filter - 1);
    begins_logging();
    subscriber("s", 2);
    subscriber("t", 1);
    snprintf(line, sizeof line, "SUBSCRIBE packet_id=2 filter=\"%s\":1 filter=\"$share/g/x\":1", filter);
    does("s", line);
    does("s", "SUBSCRIBE packet_id=3 filter=\"b\":2:no_local:retain_as_published subscription_id=300");
    connects("w", "CONNECT version=5 client_id=\"w\"" KEPT
                  " will.topic=\"w/a\" will.payload=\"A\" will.qos=1 will.content_type=\"c\"");
    commits();
    does("w", "PUBLISH topic=\"a\" payload=\"one\" qos=2 packet_id=1 user=\"k\":\"v\" message_expiry=5000");
    does("w", "PUBLISH topic=\"b\" payload=\"two\" qos=2 packet_id=2 retain");
    does("w", "PUBLISH topic=\"b\" payload=\"three\" qos=2 packet_id=3");
    commits_all();
    does("s", "PUBREC packet_id=2");
    cut("t");
    commits_all();
    assert_true(records('A') && records('C') && records('S') == 3 && records('T') == 5 && records('U') == 3 &&
                records('W') == 1 && records('X') >= 4);
    dies();
}

static pile sound;

// Opens a store in which one record is another. True: it was taken for sound.
static bool is_taken(mqw_bytes key, mqw_bytes value)
{
    mqw_broker_options options = logging();
    pile_copy(&disk.seen, &sound);
    pile_set(&disk.seen, key, value);
    logged[0] = '\0';
    int result = opens_after(0, &options);
    if (result == 0) {
        settle();
        commits_all();
        dies();
        return true;
    }
    assert_int_equal(result, MQW_E_MALFORMED);
    assert_non_null(strstr(logged, "0 the store is damaged: the record "));
    assert_int_equal(w.memory.held, 0);
    return false;
}

typedef struct verdicts {
    int taken, refused;
} verdicts;

static void judge(verdicts *all, mqw_bytes key, mqw_bytes value)
{
    bool taken = is_taken(key, value);
    all->taken += taken;
    all->refused += !taken;
}

static void damage(verdicts *all, mqw_bytes key, mqw_bytes value)
{
    static const uint8_t flips[] = {0x01, 0x04, 0x20, 0x80, 0xFF};
    uint8_t bytes[1024];
    assert_true(value.len <= sizeof bytes);
    for (size_t at = 0; at < value.len; at++) {
        memcpy(bytes, value.data, value.len);
        for (size_t k = 0; k < sizeof flips; k++) {
            bytes[at] = value.data[at] ^ flips[k];
            judge(all, key, (mqw_bytes){bytes, value.len});
        }
        judge(all, key, (mqw_bytes){bytes, at});
    }
    memcpy(bytes, value.data, value.len);
    bytes[value.len] = 'x';
    judge(all, key, (mqw_bytes){bytes, value.len + 1});
}

// Every byte of every record is another, in many ways; or it is cut there. Nothing breaks, and what cannot be
// right is refused.
static void damaged_records_are_reported(void **state)
{
    verdicts all = {0, 0};
    (void)state;
    fill();
    pile_copy(&sound, &disk.seen);
    for (int i = 0; i < sound.count; i++)
        damage(&all, record_key(&sound.records[i]), record_value(&sound.records[i]));
    print_message("%d damages noticed, %d look right\n", all.refused, all.taken);
    assert_true(all.refused > all.taken);
    pile_clear(&sound);
    disk_end();
}

// Keys that no broker makes, and records that do not go together.
static void records_that_make_no_sense(void **state)
{
    static const char *const keys[] = {"b",
                                       "bB12345678",
                                       "bX1234567",
                                       "bX123456789",
                                       "bX\0\0\0\0\0\0\0\0",
                                       "bS\0\0\0\0\0\0\0\0",
                                       "bU\0\0\0\0\0\0\0\1\0\0",
                                       "bW1234567",
                                       "bA\0\0\0\0\0\0\0\0\0"};
    static const uint8_t lens[] = {1, 10, 9, 11, 10, 10, 12, 9, 11};
    (void)state;
    fill();
    pile_copy(&sound, &disk.seen);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (i != 6) // of a session that is not there: left behind
            assert_false(is_taken((mqw_bytes){(const uint8_t *)keys[i], lens[i]}, (mqw_bytes){NULL, 0}));
    // Without the first record nobody knows what the others mean; one of a newer version says more.
    pile_remove(&sound, 0);
    assert_false(is_taken(record_key(&sound.records[0]), record_value(&sound.records[0])));
    assert_false(is_taken((mqw_bytes){(const uint8_t *)"bA\0\0\0\0\0\0\0\0", 10},
                          (mqw_bytes){(const uint8_t *)"\2\1", 2}));
    assert_non_null(strstr(logged, "newer version"));
    pile_clear(&sound);
    disk_end();
}

// ---- memory ----

// Without memory it does not open, says so, and leaves the store as it is; with memory all is there.
static void opening_finds_no_memory(void **state)
{
    mqw_broker_options options = logging();
    unsigned failures = 0;
    (void)state;
    fill();
    pile_copy(&sound, &disk.seen);
    for (int result = MQW_E_NO_MEMORY; result != 0; failures++) {
        logged[0] = '\0';
        result = opens_failing(0, &options, failures + 1);
        assert_true(result == 0 || result == MQW_E_NO_MEMORY);
        assert_true(result == 0 || w.memory.held == 0);
        assert_string_equal(logged, "");
        if (result == 0)
            break;
        assert_int_equal(disk.asked, 0);
        pile_copy(&disk.seen, &sound);
    }
    print_message("%u allocations\n", failures);
    assert_true(failures > 50);
    settle();
    commits_all();
    assert_int_equal(records('S'), 3);
    assert_int_equal(records('T'), 5);
    pile_clear(&sound);
    ends();
}

// What is stored while each allocation fails in turn: whoever was told that it is kept finds it again.
static void storing_finds_no_memory(void **state)
{
    (void)state;
    for (unsigned at = 1; at <= 60; at++) {
        begins_logging();
        subscriber("s", 2);
        cut("s");
        is_there("p", "CONNECT version=5 client_id=\"p\" clean_start");
        w.memory.fail_at = w.memory.allocations + at;
        tells("p", "PUBLISH topic=\"a\" payload=\"1\" qos=2 packet_id=1");
        commits_all();
        bool kept = strstr(heard, "p: PUBREC packet_id=1\n") || strcmp(heard, "p: PUBREC packet_id=1") == 0;
        dies();
        restarts();
        connects("s", "CONNECT version=5 client_id=\"s\"" KEPT);
        commits_all();
        assert_true(!kept || strstr(heard, "payload=\"1\""));
        ends();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_disk_refuses_and_goes_on),
        cmocka_unit_test(a_full_disk_ends_older_publishers),
        cmocka_unit_test(closing_does_not_wait_for_a_full_disk),
        cmocka_unit_test(a_store_that_fails_for_good),
        cmocka_unit_test(a_busy_store_refuses),
        cmocka_unit_test(a_commit_that_finds_no_memory_is_asked_for_again),
        cmocka_unit_test(an_identifier_that_cannot_be_freed_stays),
        cmocka_unit_test(damaged_records_are_reported),
        cmocka_unit_test(records_that_make_no_sense),
        cmocka_unit_test(opening_finds_no_memory),
        cmocka_unit_test(storing_finds_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
