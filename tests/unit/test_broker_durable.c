// SPDX-License-Identifier: MIT
// The broker's store: nothing is acknowledged before it is on disk, QoS 2 leaves after its record, and what
// was on disk is there again after a restart.
#include <mqwire/broker.h>

#include "unit/broker_disk.h"

#define KEPT  " session_expiry=3600"
#define OPEN5 " receive_maximum=1024 topic_alias_maximum=16 maximum_packet_size=1048576"

// A client whose session is kept, and that has subscribed.
static void subscriber(const char *name, const char *filter, int qos)
{
    char line[200];
    snprintf(line, sizeof line, "CONNECT version=5 client_id=\"%s\"" KEPT, name);
    connects(name, line);
    commits();
    snprintf(line, sizeof line, "SUBSCRIBE packet_id=1 filter=\"%s\":%d", filter, qos);
    tells(name, line);
    commits();
    heard[0] = '\0';
}

static void publisher(void)
{
    is_there("p", "CONNECT version=5 client_id=\"p\" clean_start");
}

// ---- what waits ----

static void a_session_that_is_kept_is_on_disk_before_connack(void **state)
{
    (void)state;
    begins(NULL);
    connects("s", "CONNECT version=5 client_id=\"s\"" KEPT);
    hears("");
    assert_int_equal(records('S'), 1);
    commits();
    hears("s: CONNACK reason=0x00" OPEN5);
    connects("t", "CONNECT version=5 client_id=\"t\"");
    hears("t: CONNACK reason=0x00" OPEN5); // it ends with its connection
    assert_int_equal(records('S'), 1);
    tells("s", "SUBSCRIBE packet_id=1 filter=\"a\":1");
    hears("");
    commits();
    hears("s: SUBACK packet_id=1 reasons=0x01");
    tells("t", "SUBSCRIBE packet_id=1 filter=\"a\":1");
    hears("t: SUBACK packet_id=1 reasons=0x01");
    tells("s", "UNSUBSCRIBE packet_id=2 filter=\"a\"");
    hears("");
    commits();
    hears("s: UNSUBACK packet_id=2 reasons=0x00");
    ends();
}

// v5:MQTT-4.3.2-4: PUBACK follows the record; v5:MQTT-4.6.0-2: in the order of the messages.
static void puback_follows_the_commit(void **state)
{
    (void)state;
    begins(NULL);
    subscriber("s", "a", 1);
    publisher();
    tells("p", "PUBLISH topic=\"a\" payload=\"1\" qos=1 packet_id=1");
    hears("s: PUBLISH topic=\"a\" payload=\"1\" qos=1 packet_id=1"); // QoS 1 may come twice
    tells("p", "PUBLISH topic=\"b\" payload=\"2\" qos=1 packet_id=2");
    hears(""); // nobody keeps it, but the other comes first
    commits();
    hears("p: PUBACK packet_id=1\n"
          "p: PUBACK packet_id=2 reason=0x10");
    tells("p", "PUBLISH topic=\"b\" payload=\"3\" qos=1 packet_id=3");
    hears("p: PUBACK packet_id=3 reason=0x10"); // nothing has changed
    tells("s", "PUBACK packet_id=1");
    assert_int_equal(records('X'), 0);
    ends();
}

// v5:MQTT-4.3.3-8, -11: PUBREC and PUBCOMP; v5:MQTT-4.3.3-2, -5: and what we send ourselves.
static void qos_2_waits_at_each_step(void **state)
{
    (void)state;
    begins(NULL);
    subscriber("s", "a", 2);
    connects("p", "CONNECT version=5 client_id=\"p\"" KEPT);
    commits();
    heard[0] = '\0';
    tells("p", "PUBLISH topic=\"a\" payload=\"1\" qos=2 packet_id=9");
    hears("");
    assert_int_equal(records('U'), 1);
    assert_int_equal(records('X'), 1);
    commits();
    hears("s: PUBLISH topic=\"a\" payload=\"1\" qos=2 packet_id=1\n"
          "p: PUBREC packet_id=9");
    tells("s", "PUBREC packet_id=1");
    hears("");
    commits();
    hears("s: PUBREL packet_id=1");
    tells("s", "PUBCOMP packet_id=1");
    assert_int_equal(records('X'), 0);
    tells("p", "PUBREL packet_id=9");
    hears("");
    assert_int_equal(records('U'), 0);
    commits();
    hears("p: PUBCOMP packet_id=9");
    ends();
}

// A member of a group whose CONNACK waits for the store is there, whatever its session is to be afterwards
// (section 4.8.2).
static void a_group_waits_for_connack(void **state)
{
    (void)state;
    begins(NULL);
    subscriber("s", "$share/g/a", 1);
    publisher();
    tells("s", "DISCONNECT");
    connects("t", "CONNECT version=5 client_id=\"s\""); // its session ends with this connection
    heard[0] = '\0';
    tells("p", "PUBLISH topic=\"a\" payload=\"1\" qos=1 packet_id=1");
    tells("p", "PUBLISH topic=\"a\" payload=\"0\"");
    hears("");
    commits();
    hears("p: PUBACK packet_id=1\n"
          "t: CONNACK session_present reason=0x00" OPEN5 "\n"
          "t: PUBLISH topic=\"a\" payload=\"1\" qos=1 packet_id=1\n"
          "t: PUBLISH topic=\"a\" payload=\"0\"");
    ends();
}

// Those behind a message that waits wait with it, whatever is written meanwhile.
static void many_of_qos_2_leave_in_order(void **state)
{
    (void)state;
    char line[100];
    begins(NULL);
    subscriber("s", "a", 2);
    publisher();
    for (int i = 1; i <= 3; i++) {
        snprintf(line, sizeof line, "PUBLISH topic=\"a\" payload=\"%d\" qos=1 packet_id=%d", i, i);
        tells("p", line);
    }
    snprintf(line, sizeof line, "PUBLISH topic=\"a\" payload=\"4\" qos=2 packet_id=4");
    heard[0] = '\0';
    tells("p", line);
    tells("p", "PUBLISH topic=\"a\" payload=\"5\" qos=2 packet_id=5");
    tells("p", "PUBLISH topic=\"a\" payload=\"6\" qos=1 packet_id=6");
    hears("");
    commits();
    hears("s: PUBLISH topic=\"a\" payload=\"4\" qos=2 packet_id=4\n"
          "s: PUBLISH topic=\"a\" payload=\"5\" qos=2 packet_id=5\n"
          "s: PUBLISH topic=\"a\" payload=\"6\" qos=1 packet_id=6\n"
          "p: PUBACK packet_id=1\n"
          "p: PUBACK packet_id=2\n"
          "p: PUBACK packet_id=3\n"
          "p: PUBREC packet_id=4\n"
          "p: PUBREC packet_id=5\n"
          "p: PUBACK packet_id=6");
    ends();
}

// Whoever publishes faster than the disk writes is not read meanwhile.
static void too_many_answers_hold_their_publisher(void **state)
{
    (void)state;
    char line[100];
    begins(NULL);
    subscriber("s", "a", 1);
    is_there("p", "CONNECT version=4 client_id=\"p\" clean_start");
    wire_of("p")->deaf = true;
    tells("p", "PUBLISH topic=\"a\" payload=\"1\" qos=1 packet_id=1");
    for (int i = 2; i <= 4096; i++) {
        assert_false(mqw_conn_paused(wire_of("p")->server));
        snprintf(line, sizeof line, "PUBLISH topic=\"b\" qos=1 packet_id=%d", i);
        tells("p", line);
    }
    assert_true(mqw_conn_paused(wire_of("p")->server));
    commits();
    assert_false(mqw_conn_paused(wire_of("p")->server));
    ends();
}

static void publishes_bytes(const char *name, mqw_bytes payload)
{
    mqw_publish publish = {.topic = MQW_TEXT("a"), .payload = payload, .qos = 1, .packet_id = 1};
    assert_int_equal(mqw_conn_publish(wire_of(name)->client, &publish), 0);
    settle();
}

static void too_many_bytes_hold_their_publisher(void **state)
{
    (void)state;
    static uint8_t payload[500000];
    mqw_broker_options options = {.limits = {.max_queued_bytes = 64 << 20}};
    begins(&options);
    subscriber("s", "a", 1);
    cut("s");
    commits_all();
    is_there("p", "CONNECT version=4 client_id=\"p\" clean_start");
    wire_of("p")->deaf = true;
    for (size_t bytes = 0; bytes + 2 * sizeof payload < 16 << 20; bytes += sizeof payload) {
        publishes_bytes("p", (mqw_bytes){payload, sizeof payload});
        assert_false(mqw_conn_paused(wire_of("p")->server));
    }
    for (int i = 0; i < 3; i++)
        publishes_bytes("p", (mqw_bytes){payload, sizeof payload});
    assert_true(mqw_conn_paused(wire_of("p")->server));
    commits_all();
    assert_false(mqw_conn_paused(wire_of("p")->server));
    ends();
}

// What was promised to a client leaves before its goodbye, as soon as it is on disk.
static void closing_waits_for_answers(void **state)
{
    (void)state;
    begins(NULL);
    subscriber("s", "a", 1);
    publisher();
    tells("p", "PUBLISH topic=\"a\" payload=\"1\" qos=1 packet_id=1");
    heard[0] = '\0';
    mqw_broker_close(w.broker, NULL, NULL);
    settle();
    assert_null(strstr(heard, "p: "));
    tells("p", "PUBLISH topic=\"a\" payload=\"2\" qos=1 packet_id=2"); // nobody reads that any more
    commits();
    const char *answer = strstr(heard, "p: PUBACK packet_id=1");
    assert_non_null(answer);
    assert_non_null(strstr(answer, "p: DISCONNECT reason=0x8b"));
    assert_null(strstr(heard, "packet_id=2"));
    ends();
}

// A store that fails keeps nobody.
static void closing_waits_for_no_store_that_fails(void **state)
{
    (void)state;
    begins(NULL);
    subscriber("s", "a", 1);
    publisher();
    tells("p", "PUBLISH topic=\"a\" payload=\"1\" qos=1 packet_id=1");
    mqw_broker_close(w.broker, NULL, NULL);
    settle();
    disk.why = "the disk is full";
    passes(60000);
    assert_null(strstr(heard, "p: PUBACK"));
    assert_non_null(strstr(heard, "p: DISCONNECT reason=0x8b"));
    disk.why = NULL;
    commits();
    ends();
}

static void a_peer_that_is_gone_is_forgotten(void **state)
{
    (void)state;
    begins(NULL);
    subscriber("s", "a", 1);
    publisher();
    tells("p", "PUBLISH topic=\"a\" payload=\"1\" qos=1 packet_id=1");
    cut("p");
    hears("s: PUBLISH topic=\"a\" payload=\"1\" qos=1 packet_id=1\n"
          "p: closed");
    commits();
    hears("");
    ends();
}

// v5:MQTT-3.1.2-23: a session that ends takes its records along.
static void nothing_is_left_of_a_session(void **state)
{
    (void)state;
    begins(NULL);
    subscriber("s", "a", 2);
    publisher();
    tells("s", "PUBLISH topic=\"b\" payload=\"2\" qos=2 packet_id=2");
    cut("s");
    tells("p", "PUBLISH topic=\"a\" payload=\"1\" qos=2 packet_id=1");
    commits_all();
    assert_int_equal(records('S') + records('T') + records('U') + records('X'), 4);
    passes(3601 * 1000);
    assert_int_equal(records('S') + records('T') + records('U') + records('X'), 0);
    subscriber("s", "a", 2);
    connects("s2", "CONNECT version=5 client_id=\"s\" clean_start");
    commits_all();
    assert_int_equal(records('S') + records('T'), 0);
    ends();
}

// ---- what is there again ----

static void what_was_queued_comes_after_a_restart(void **state)
{
    (void)state;
    begins(NULL);
    subscriber("s", "a/#", 2);
    cut("s");
    connects("t", "CONNECT version=5 client_id=\"t\"" KEPT);
    commits();
    tells("t", "SUBSCRIBE packet_id=1 filter=\"a/1\":1:retain_as_published subscription_id=7");
    commits();
    cut("t");
    publisher();
    tells("p", "PUBLISH topic=\"a/1\" payload=\"one\" qos=1 packet_id=1 retain user=\"k\":\"v\"");
    tells("p", "PUBLISH topic=\"a/2\" payload=\"two\" qos=2 packet_id=2 message_expiry=100");
    tells("p", "PUBLISH topic=\"a/3\" payload=\"late\" qos=2 packet_id=3 message_expiry=10");
    tells("p", "PUBLISH topic=\"a/4\" payload=\"zero\"");
    commits_all();
    dies();
    restarts_after(20000, NULL);
    connects("s", "CONNECT version=5 client_id=\"s\"" KEPT);
    hears("");
    commits_all();
    hears("s: CONNACK session_present reason=0x00" OPEN5 "\n"
          "s: PUBLISH topic=\"a/1\" payload=\"one\" qos=1 packet_id=1 user=\"k\":\"v\"\n"
          "s: PUBLISH topic=\"a/2\" payload=\"two\" qos=2 packet_id=2 message_expiry=80");
    connects("t", "CONNECT version=5 client_id=\"t\"" KEPT);
    commits_all();
    hears("t: CONNACK session_present reason=0x00" OPEN5 "\n"
          "t: PUBLISH topic=\"a/1\" payload=\"one\" qos=1 packet_id=1 retain subscription_id=7 "
          "user=\"k\":\"v\"");
    does("t", "PUBACK packet_id=1");
    does("s", "PUBACK packet_id=1");
    assert_int_equal(records('X'), 2); // one is still retained
    tells("s", "SUBSCRIBE packet_id=5 filter=\"+/1\":0");
    commits();
    hears("s: PUBLISH topic=\"a/1\" payload=\"one\" retain user=\"k\":\"v\"\n"
          "s: SUBACK packet_id=5 reasons=0x00");
    ends();
}

// v5:MQTT-4.4.0-1, v4:MQTT-4.4.0-1: with its identifier and DUP; QoS 2 goes on where it was.
static void what_was_sent_comes_again(void **state)
{
    (void)state;
    begins(NULL);
    subscriber("s", "a", 2);
    publisher();
    tells("p", "PUBLISH topic=\"a\" payload=\"1\" qos=1 packet_id=1");
    tells("p", "PUBLISH topic=\"a\" payload=\"2\" qos=2 packet_id=2");
    tells("p", "PUBLISH topic=\"a\" payload=\"3\" qos=2 packet_id=3");
    commits();
    tells("s", "PUBREC packet_id=3");
    commits();
    dies();
    restarts();
    connects("s", "CONNECT version=5 client_id=\"s\"" KEPT);
    commits();
    hears("s: CONNACK session_present reason=0x00" OPEN5 "\n"
          "s: PUBREL packet_id=3\n"
          "s: PUBLISH topic=\"a\" payload=\"1\" qos=1 packet_id=1 dup\n"
          "s: PUBLISH topic=\"a\" payload=\"2\" qos=2 packet_id=2 dup");
    tells("s", "PUBCOMP packet_id=3");
    tells("s", "PUBREC packet_id=2");
    tells("s", "PUBACK packet_id=1");
    commits();
    hears("s: PUBREL packet_id=2");
    tells("s", "PUBCOMP packet_id=2");
    assert_int_equal(records('X'), 0);
    ends();
}

// Sent on the connection before, and not on this one: the record of the session says which.
static void what_was_sent_before_is_known(void **state)
{
    (void)state;
    begins(NULL);
    subscriber("s", "a", 1);
    publisher();
    tells("p", "PUBLISH topic=\"a\" payload=\"1\" qos=1 packet_id=1");
    cut("s");
    tells("p", "PUBLISH topic=\"a\" payload=\"2\" qos=1 packet_id=2");
    commits_all();
    dies();
    restarts();
    connects("s", "CONNECT version=5 client_id=\"s\"" KEPT);
    commits();
    hears("s: CONNACK session_present reason=0x00" OPEN5 "\n"
          "s: PUBLISH topic=\"a\" payload=\"1\" qos=1 packet_id=1 dup\n"
          "s: PUBLISH topic=\"a\" payload=\"2\" qos=1 packet_id=2");
    ends();
}

// v5:MQTT-4.3.3-10, v4:MQTT-4.3.3-2: taken once, also when the broker has died in between.
static void what_was_received_is_not_taken_again(void **state)
{
    (void)state;
    begins(NULL);
    subscriber("s", "a", 1);
    cut("s");
    connects("p", "CONNECT version=4 client_id=\"p\"");
    commits();
    tells("p", "PUBLISH topic=\"a\" payload=\"1\" qos=2 packet_id=8");
    commits();
    dies();
    restarts();
    connects("p", "CONNECT version=4 client_id=\"p\"");
    commits();
    heard[0] = '\0';
    tells("p", "PUBLISH topic=\"a\" payload=\"1\" qos=2 packet_id=8 dup");
    assert_int_equal(records('X'), 1);
    commits_all();
    hears("p: PUBREC packet_id=8");
    tells("p", "PUBREL packet_id=8");
    commits_all();
    hears("p: PUBCOMP packet_id=8");
    does("p", "PUBLISH topic=\"a\" payload=\"2\" qos=2 packet_id=8");
    assert_int_equal(records('X'), 2);
    ends();
}

// Nothing that was not acknowledged has to be there, and then it is not there in parts either.
static void what_was_not_committed_is_not_there(void **state)
{
    (void)state;
    begins(NULL);
    subscriber("s", "a", 2);
    cut("s");
    commits_all();
    publisher();
    tells("p", "PUBLISH topic=\"a\" payload=\"1\" qos=1 packet_id=1");
    connects("t", "CONNECT version=5 client_id=\"t\"" KEPT);
    hears("");
    dies();
    restarts();
    assert_int_equal(records('X'), 0);
    connects("t", "CONNECT version=5 client_id=\"t\"" KEPT);
    connects("s", "CONNECT version=5 client_id=\"s\"" KEPT);
    commits();
    hears("t: CONNACK reason=0x00" OPEN5 "\n"
          "s: CONNACK session_present reason=0x00" OPEN5);
    ends();
}

// v5:MQTT-3.1.2-23: down-time counts, for those that were connected, too.
static void sessions_expire_while_the_broker_is_down(void **state)
{
    (void)state;
    begins(NULL);
    connects("s", "CONNECT version=5 client_id=\"s\" session_expiry=100");
    connects("t", "CONNECT version=5 client_id=\"t\" session_expiry=1000");
    connects("u", "CONNECT version=4 client_id=\"u\"");
    commits_all();
    cut("s");
    commits_all();
    passes(50000);
    dies();
    restarts_after(49000, NULL);
    assert_int_equal(records('S'), 3);
    passes(1000);
    assert_int_equal(records('S'), 2);
    dies();
    restarts_after(1000 * 1000, NULL);
    passes(1);
    commits_all();
    assert_int_equal(records('S'), 1);
    connects("u", "CONNECT version=4 client_id=\"u\"");
    commits_all();
    hears("u: CONNACK session_present reason=0x00");
    ends();
}

// A long life of a connection does not count: the record of the clock says when the broker died.
static void a_connection_of_days_is_none_of_its_expiry(void **state)
{
    (void)state;
    begins(NULL);
    connects("s", "CONNECT version=5 client_id=\"s\" session_expiry=600");
    commits_all();
    for (int i = 0; i < 100; i++) {
        passes(60 * 1000);
        commits_all();
    }
    dies();
    restarts_after(500 * 1000, NULL);
    assert_int_equal(records('S'), 1);
    passes(200 * 1000);
    assert_int_equal(records('S'), 0);
    ends();
}

// v5:MQTT-3.1.2-8: a will whose delay runs, and one whose client was connected when the broker died.
static void wills_are_published_after_a_restart(void **state)
{
    (void)state;
    begins(NULL);
    subscriber("s", "w/#", 1);
    cut("s");
    connects("a", "CONNECT version=5 client_id=\"a\"" KEPT
                  " will.topic=\"w/a\" will.payload=\"A\" will.qos=1 will.will_delay=100");
    connects("b", "CONNECT version=5 client_id=\"b\"" KEPT
                  " will.topic=\"w/b\" will.payload=\"B\" will.qos=1 will.message_expiry=50");
    connects("c",
             "CONNECT version=5 client_id=\"c\"" KEPT " will.topic=\"w/c\" will.payload=\"C\" will.qos=1");
    commits_all();
    cut("a");
    tells("c", "DISCONNECT");
    commits_all();
    assert_int_equal(records('W'), 2);
    dies();
    restarts_after(30000, NULL);
    passes(1);
    commits_all();
    connects("s", "CONNECT version=5 client_id=\"s\"" KEPT);
    commits_all();
    hears("s: CONNACK session_present reason=0x00" OPEN5 "\n"
          "s: PUBLISH topic=\"w/b\" payload=\"B\" qos=1 packet_id=1 message_expiry=50");
    passes(69998);
    hears("");
    passes(1);
    hears("s: PUBLISH topic=\"w/a\" payload=\"A\" qos=1 packet_id=2");
    assert_int_equal(records('W'), 0);
    ends();
}

// v5:MQTT-3.8.3-3: also towards what it has published before.
static void no_local_holds_after_a_restart(void **state)
{
    (void)state;
    begins(NULL);
    connects("s", "CONNECT version=5 client_id=\"s\"" KEPT);
    commits();
    tells("s", "SUBSCRIBE packet_id=1 filter=\"a\":1:no_local");
    commits();
    does("s", "PUBLISH topic=\"a\" payload=\"own\" qos=1 packet_id=1 retain");
    commits();
    dies();
    restarts();
    connects("s", "CONNECT version=5 client_id=\"s\"" KEPT);
    connects("t", "CONNECT version=5 client_id=\"t\"" KEPT);
    commits();
    heard[0] = '\0';
    tells("s", "SUBSCRIBE packet_id=1 filter=\"a\":1:no_local");
    tells("t", "SUBSCRIBE packet_id=1 filter=\"a\":1:no_local");
    tells("s", "PUBLISH topic=\"a\" payload=\"more\" qos=0");
    commits_all();
    hears("t: PUBLISH topic=\"a\" payload=\"own\" qos=1 packet_id=1 retain\n"
          "t: PUBLISH topic=\"a\" payload=\"more\"\n"
          "s: SUBACK packet_id=1 reasons=0x01\n"
          "t: SUBACK packet_id=1 reasons=0x01");
    ends();
}

static void retained_messages_are_replaced_and_cleared(void **state)
{
    (void)state;
    begins(NULL);
    publisher();
    does("p", "PUBLISH topic=\"a\" payload=\"1\" qos=1 packet_id=1 retain");
    does("p", "PUBLISH topic=\"a\" payload=\"2\" retain");
    does("p", "PUBLISH topic=\"b\" payload=\"3\" retain");
    does("p", "PUBLISH topic=\"c\" payload=\"4\" retain");
    assert_int_equal(records('X'), 3);
    does("p", "PUBLISH topic=\"b\" payload=\"\" retain");
    assert_int_equal(records('X'), 2);
    commits_all();
    dies();
    restarts();
    publisher();
    tells("p", "SUBSCRIBE packet_id=1 filter=\"#\":0");
    hears("p: SUBACK packet_id=1 reasons=0x00\n"
          "p: PUBLISH topic=\"c\" payload=\"4\" retain\n"
          "p: PUBLISH topic=\"a\" payload=\"2\" retain");
    ends();
}

// A filter that is too long for a key, and options of every kind.
static void subscriptions_of_every_kind(void **state)
{
    (void)state;
    static char filter[2000], line[3000];
    memset(filter, 'f', sizeof filter - 1);
    begins(NULL);
    subscriber("s", "$share/g/+/x", 1);
    snprintf(line, sizeof line, "SUBSCRIBE packet_id=2 filter=\"%s\":1 filter=\"y\":2", filter);
    does("s", line);
    snprintf(line, sizeof line, "UNSUBSCRIBE packet_id=3 filter=\"y\"");
    does("s", line);
    commits_all();
    assert_int_equal(records('T'), 2);
    dies();
    restarts();
    connects("s", "CONNECT version=5 client_id=\"s\"" KEPT);
    publisher();
    commits_all();
    heard[0] = '\0';
    does("p", "PUBLISH topic=\"y\" payload=\"no\"");
    tells("p", "PUBLISH topic=\"a/x\" payload=\"shared\"");
    hears("s: PUBLISH topic=\"a/x\" payload=\"shared\"");
    snprintf(line, sizeof line, "PUBLISH topic=\"%s\" payload=\"long\"", filter);
    tells("p", line);
    assert_non_null(strstr(heard, "payload=\"long\""));
    snprintf(line, sizeof line, "UNSUBSCRIBE packet_id=3 filter=\"%s\"", filter);
    does("s", line);
    assert_int_equal(records('T'), 1);
    ends();
}

// ---- one letter for many ----

static void a_letter_is_stored_once(void **state)
{
    (void)state;
    static char line[1100], payload[1001];
    memset(payload, 'p', sizeof payload - 1);
    begins(NULL);
    subscriber("s", "a", 1);
    subscriber("t", "a", 1);
    subscriber("u", "a", 2);
    cut("s"), cut("t"), cut("u");
    publisher();
    snprintf(line, sizeof line, "PUBLISH topic=\"a\" payload=\"%s\" qos=2 packet_id=1", payload);
    does("p", line);
    commits_all();
    size_t size = 0;
    for (int i = 0; i < disk.seen.count; i++)
        size += disk.seen.records[i].data[1] == 'X' ? disk.seen.records[i].value_len : 0;
    assert_int_equal(records('X'), 3);
    assert_true(size > 1000 && size < 1100);
    const char *order[] = {"s", "u", "t"}; // the one that has it is not the last
    for (int i = 0; i < 3; i++) {
        dies();
        restarts();
        snprintf(line, sizeof line, "CONNECT version=5 client_id=\"%s\"" KEPT, order[i]);
        connects(order[i], line);
        commits_all();
        assert_non_null(strstr(heard, payload));
        heard[0] = '\0';
        if (order[i][0] == 'u')
            does("u", "PUBREC packet_id=1"), commits_all(), does("u", "PUBCOMP packet_id=1");
        else
            does(order[i], "PUBACK packet_id=1");
        commits_all();
    }
    assert_int_equal(records('X'), 0);
    ends();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_that_is_kept_is_on_disk_before_connack),
        cmocka_unit_test(puback_follows_the_commit),
        cmocka_unit_test(qos_2_waits_at_each_step),
        cmocka_unit_test(a_group_waits_for_connack),
        cmocka_unit_test(many_of_qos_2_leave_in_order),
        cmocka_unit_test(too_many_answers_hold_their_publisher),
        cmocka_unit_test(too_many_bytes_hold_their_publisher),
        cmocka_unit_test(closing_waits_for_answers),
        cmocka_unit_test(closing_waits_for_no_store_that_fails),
        cmocka_unit_test(a_peer_that_is_gone_is_forgotten),
        cmocka_unit_test(nothing_is_left_of_a_session),
        cmocka_unit_test(what_was_queued_comes_after_a_restart),
        cmocka_unit_test(what_was_sent_comes_again),
        cmocka_unit_test(what_was_sent_before_is_known),
        cmocka_unit_test(what_was_received_is_not_taken_again),
        cmocka_unit_test(what_was_not_committed_is_not_there),
        cmocka_unit_test(sessions_expire_while_the_broker_is_down),
        cmocka_unit_test(a_connection_of_days_is_none_of_its_expiry),
        cmocka_unit_test(wills_are_published_after_a_restart),
        cmocka_unit_test(no_local_holds_after_a_restart),
        cmocka_unit_test(retained_messages_are_replaced_and_cleared),
        cmocka_unit_test(subscriptions_of_every_kind),
        cmocka_unit_test(a_letter_is_stored_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
