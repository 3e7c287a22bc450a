// SPDX-License-Identifier: MIT
// Publishing: the three QoS, what waits while there is no connection and in which order it leaves, bounds,
// expiry, the limits of the server.
#include <mqwire/client.h>

#include "unit/client_world.h"

// ---- the three ----

static void qos_0_is_over_when_its_bytes_have_left(void **state)
{
    (void)state;
    open_usual();
    present()->stalled = true;
    publishes("a", 0);
    settle();
    hears("");
    present()->stalled = false;
    settle();
    hears("PUBLISH topic=\"t\" payload=\"a\"\n"
          "- done a 0");
    finish();
}

static void qos_0_is_over_without_its_bytes_when_the_stream_breaks(void **state)
{
    (void)state;
    open_usual();
    present()->stalled = true;
    publishes("a", 0);
    settle();
    cut();
    hears("- done a -10\n"
          "- lost -14 0x00 connection reset by peer; 1 at localhost, again in 818");
    finish();
}

static void qos_1_is_over_with_puback(void **state)
{
    (void)state;
    open_usual();
    publishes("a", 1);
    settle();
    hears("PUBLISH topic=\"t\" payload=\"a\" qos=1 packet_id=1");
    server_says("PUBACK packet_id=1 reason=0x10");
    hears("- done a 16");
    finish();
}

static void qos_2_is_over_with_pubcomp(void **state)
{
    (void)state;
    open_usual();
    publishes("a", 2);
    settle();
    server_says("PUBREC packet_id=1 reason=0x10");
    hears("PUBLISH topic=\"t\" payload=\"a\" qos=2 packet_id=1\n"
          "PUBREL packet_id=1");
    server_says("PUBCOMP packet_id=1 reason=0x92"); // no error once it is taken
    hears("- done a 16");
    finish();
}

static void qos_2_is_over_with_a_pubrec_that_refuses(void **state)
{
    (void)state;
    open_usual();
    publishes("a", 2);
    settle();
    server_says("PUBREC packet_id=1 reason=0x87");
    hears("PUBLISH topic=\"t\" payload=\"a\" qos=2 packet_id=1\n"
          "- done a 135");
    finish();
}

// v5:MQTT-4.6.0-4: PUBREL in the order of PUBREC.
static void pubrel_follows_the_order_of_pubrec(void **state)
{
    (void)state;
    open_usual();
    publishes("a", 2);
    publishes("b", 2);
    settle();
    heard[0] = '\0';
    server_says("PUBREC packet_id=2");
    server_says("PUBREC packet_id=1");
    hears("PUBREL packet_id=2\n"
          "PUBREL packet_id=1");
    finish();
}

static void answers_to_nothing(void **state)
{
    (void)state;
    open_usual();
    server_says("PUBACK packet_id=7");
    server_says("PUBREC packet_id=8");
    hears("PUBREL packet_id=8 reason=0x92");
    finish();
}

static void a_wrong_answer_ends_the_connection(void **state)
{
    (void)state;
    open_usual();
    publishes("a", 1);
    settle();
    heard[0] = '\0';
    server_says("PUBREC packet_id=1");
    hears("- lost -2 0x00 the server answered what was not asked; 1 at localhost, again in 818\n"
          "DISCONNECT reason=0x82");
    finish();
}

// ---- resending ----

// v5:MQTT-4.4.0-1, v5:MQTT-3.3.1-1: PUBLISH with DUP and PUBREL, in order, with their identifiers; nothing
// else is sent twice.
static void what_was_not_answered_is_sent_again(void **state)
{
    (void)state;
    open_usual();
    publishes("a", 1);
    publishes("b", 2);
    publishes("c", 2);
    publishes("d", 0);
    settle();
    server_says("PUBREC packet_id=2");
    heard[0] = '\0';
    cut();
    passes(5000);
    hears("- lost -14 0x00 connection reset by peer; 1 at localhost, again in 818\n"
          "CONNECT version=5 client_id=\"c\" session_expiry=1000" ADDED);
    server_says("CONNACK session_present");
    hears("- open, present\n"
          "PUBREL packet_id=2\n"
          "PUBLISH topic=\"t\" payload=\"a\" qos=1 packet_id=1 dup\n"
          "PUBLISH topic=\"t\" payload=\"c\" qos=2 packet_id=3 dup");
    server_says("PUBACK packet_id=1");
    server_says("PUBCOMP packet_id=2");
    server_says("PUBREC packet_id=3");
    server_says("PUBCOMP packet_id=3");
    hears("- done a 0\n"
          "- done b 0\n"
          "PUBREL packet_id=3\n"
          "- done c 0");
    finish();
}

// v5:MQTT-3.2.2-5: the server has no session: ours is discarded, but no promise is lost.
static void a_lost_session_begins_anew(void **state)
{
    (void)state;
    open_usual();
    publishes("a", 1);
    publishes("b", 2);
    publishes("c", 2);
    settle();
    server_says("PUBREC packet_id=2");
    cut();
    publishes("d", 1);
    passes(5000);
    heard[0] = '\0';
    server_says("CONNACK reason=0x00");
    hears("- open\n"
          "- done b 0\n"
          "PUBLISH topic=\"t\" payload=\"a\" qos=1 packet_id=1\n"
          "PUBLISH topic=\"t\" payload=\"c\" qos=2 packet_id=3\n"
          "PUBLISH topic=\"t\" payload=\"d\" qos=1 packet_id=4");
    finish();
}

// … and nothing overtakes what was published before it, QoS 0 neither.
static void a_lost_session_keeps_the_order(void **state)
{
    (void)state;
    open_usual();
    publishes("a", 0);
    publishes("b", 1);
    publishes("c", 2);
    settle();
    server_says("PUBREC packet_id=2");
    cut();
    publishes("d", 1);
    publishes("e", 0);
    publishes("f", 2);
    publishes("g", 0);
    passes(5000);
    heard[0] = '\0';
    server_says("CONNACK reason=0x00");
    hears("- open\n"
          "- done c 0\n"
          "PUBLISH topic=\"t\" payload=\"b\" qos=1 packet_id=1\n"
          "PUBLISH topic=\"t\" payload=\"d\" qos=1 packet_id=3\n"
          "PUBLISH topic=\"t\" payload=\"e\"\n"
          "PUBLISH topic=\"t\" payload=\"f\" qos=2 packet_id=4\n"
          "PUBLISH topic=\"t\" payload=\"g\"\n"
          "- done e 0\n"
          "- done g 0");
    finish();
}

// ---- waiting ----

static void what_waits_leaves_in_order(void **state)
{
    (void)state;
    mqw_client_options options = usual();
    start(&options);
    publishes("a", 0);
    publishes("b", 1);
    publishes("c", 0);
    publishes("d", 2);
    publishes("e", 0);
    settle();
    heard[0] = '\0';
    server_says("CONNACK reason=0x00");
    hears("- open\n"
          "PUBLISH topic=\"t\" payload=\"a\"\n"
          "PUBLISH topic=\"t\" payload=\"b\" qos=1 packet_id=1\n"
          "PUBLISH topic=\"t\" payload=\"c\"\n"
          "PUBLISH topic=\"t\" payload=\"d\" qos=2 packet_id=2\n"
          "PUBLISH topic=\"t\" payload=\"e\"\n"
          "- done a 0\n"
          "- done c 0\n"
          "- done e 0");
    finish();
}

// Section 4.9: at quota zero QoS 0 goes on.
static void qos_0_does_not_wait_for_the_quota(void **state)
{
    (void)state;
    mqw_client_options options = usual();
    open_with(&options, "CONNACK reason=0x00 receive_maximum=1");
    publishes("a", 1);
    publishes("b", 1);
    publishes("c", 0);
    settle();
    hears("PUBLISH topic=\"t\" payload=\"a\" qos=1 packet_id=1\n"
          "PUBLISH topic=\"t\" payload=\"c\"\n"
          "- done c 0");
    server_says("PUBACK packet_id=1");
    hears("- done a 0\n"
          "PUBLISH topic=\"t\" payload=\"b\" qos=1 packet_id=2");
    finish();
}

static void full_is_refused(void **state)
{
    (void)state;
    mqw_client_options options = usual();
    options.max_queued = 4;
    start(&options);
    for (int i = 0; i < 4; i++)
        assert_int_equal(publish_as("t", "x", (uint8_t)(i % 3), "x"), 0);
    assert_int_equal(publish_as("t", "x", 0, "x"), MQW_E_FULL);
    assert_int_equal(publish_as("t", "x", 2, "x"), MQW_E_FULL);
    server_says("CONNACK reason=0x00");
    server_says("PUBACK packet_id=1");
    server_says("PUBREC packet_id=2");
    heard[0] = '\0';
    server_says("PUBCOMP packet_id=2");
    hears("- done x 0");
    finish();
}

static void the_oldest_gives_way(void **state)
{
    (void)state;
    mqw_client_options options = usual();
    options.max_queued = 3;
    options.when_full = MQW_FULL_DROP_OLDEST;
    start(&options);
    heard[0] = '\0';
    publishes("a", 1);
    publishes("b", 0);
    publishes("c", 2);
    publishes("d", 0);
    publishes("e", 1);
    hears(""); // not inside the call
    settle();
    hears("- done a -16\n"
          "- done b -16");
    server_says("CONNACK reason=0x00");
    hears("- open\n"
          "PUBLISH topic=\"t\" payload=\"c\" qos=2 packet_id=2\n"
          "PUBLISH topic=\"t\" payload=\"d\"\n"
          "PUBLISH topic=\"t\" payload=\"e\" qos=1 packet_id=3\n"
          "- done d 0");
    mqw_client_facts facts = {.size = sizeof facts};
    assert_int_equal(mqw_client_facts_of(w.client, &facts), 0);
    assert_int_equal(facts.dropped, 2);
    finish();
}

static void the_newest_of_qos_0_gives_way(void **state)
{
    (void)state;
    mqw_client_options options = usual();
    options.max_queued = 3;
    options.when_full = MQW_FULL_DROP_NEWEST_QOS0;
    start(&options);
    heard[0] = '\0';
    publishes("a", 0);
    publishes("b", 0);
    publishes("c", 1);
    assert_int_equal(publish_as("t", "d", 0, "d"), MQW_E_FULL);
    publishes("e", 1);
    publishes("f", 1);
    assert_int_equal(publish_as("t", "g", 1, "g"), MQW_E_FULL);
    settle();
    hears("- done b -16\n"
          "- done a -16");
    finish();
}

static void bytes_are_bounded(void **state)
{
    (void)state;
    mqw_client_options options = usual();
    options.max_queued_bytes = 100;
    static char large[200];
    memset(large, 'x', 150);
    start(&options);
    assert_int_equal(publish_as("t", large, 1, "l"), MQW_E_TOO_LARGE);
    large[60] = '\0';
    assert_int_equal(publish_as("t", large, 1, "l"), 0);
    assert_int_equal(publish_as("t", large, 1, "l"), MQW_E_FULL);
    finish();
}

// A server that does not read meets the bounds of the queue, whatever is published.
static void a_stalled_server_fills_the_queue_not_memory(void **state)
{
    (void)state;
    mqw_client_options options = usual();
    static char large[1001];
    memset(large, 'x', 1000);
    options.max_queued = 100;
    open_with(&options, "CONNACK reason=0x00");
    present()->stalled = true;
    int accepted = 0;
    while (accepted < 10000 && publish_as("t", large, 0, NULL) == 0)
        accepted++;
    settle();
    assert_in_range(accepted, 101, 300);
    assert_true(mqw_conn_waiting(present()->client) < 128 * 1024);
    w.quiet = true;
    present()->stalled = false;
    settle();
    mqw_client_facts facts = {.size = sizeof facts};
    assert_int_equal(mqw_client_facts_of(w.client, &facts), 0);
    assert_int_equal(facts.queued, 0);
    assert_int_equal(facts.published, accepted);
    finish();
}

// ---- expiry ----

static int publish_expiring(uint32_t seconds, uint8_t qos, const char *name)
{
    mqw_publish publish = {.topic = MQW_TEXT("t"), .qos = qos};
    mqw_set(&publish.props, message_expiry, seconds);
    return mqw_client_publish(w.client, &publish, done, (void *)(uintptr_t)name);
}

static void what_expires_while_waiting_is_dropped(void **state)
{
    (void)state;
    mqw_client_options options = usual();
    start(&options);
    assert_int_equal(publish_expiring(2, 0, "a"), 0);
    assert_int_equal(publish_expiring(3, 1, "b"), 0);
    assert_int_equal(publish_expiring(9, 2, "c"), 0);
    heard[0] = '\0';
    passes(1999);
    hears("");
    passes(1);
    hears("- done a -17");
    passes(1500);
    hears("- done b -17");
    server_says("CONNACK reason=0x00");
    hears("- open\n"
          "PUBLISH topic=\"t\" payload=\"\" qos=2 packet_id=2 message_expiry=6"); // with the seconds that are
                                                                                  // left
    finish();
}

// ---- limits ----

// v5:MQTT-3.2.2-11, v5:MQTT-3.2.2-14, v5:MQTT-3.2.2-15
static int again;

static int publish_dead(mqw_client *client, mqw_client_done *done_with)
{
    mqw_publish publish = {.topic = MQW_TEXT("t"), .qos = 1};
    mqw_set(&publish.props, message_expiry, 0);
    return mqw_client_publish(client, &publish, done_with, NULL);
}

static void publish_again(mqw_client *client, int result, const mqw_packet *answer, void *ctx)
{
    (void)answer;
    (void)ctx;
    if (result == MQW_E_EXPIRED && ++again < 100)
        assert_int_equal(publish_dead(client, publish_again), 0);
}

static void taken_again(mqw_client *client, void *ctx)
{
    mqw_publish publish = {.topic = MQW_TEXT("t"), .qos = 1};
    (void)ctx;
    if (++again < 100)
        assert_int_equal(mqw_client_publish(client, &publish, NULL, NULL), 0);
}

// A program that publishes whenever a message is over, or is taken, does not hold up the loop.
static void callbacks_that_publish_leave_the_turn(void **state)
{
    (void)state;
    mqw_client_options options = usual();
    options.max_queued = 2;
    options.when_full = MQW_FULL_DROP_OLDEST;
    start(&options);
    again = 0;
    assert_int_equal(publish_dead(w.client, publish_again), 0);
    mqw__client_turn(w.client);
    mqw__client_turn(w.client);
    assert_int_equal(again, 1);
    again = 100;
    settle();
    again = 0;
    mqw_client_on_taken(w.client, taken_again);
    publishes("a", 1);
    mqw__client_turn(w.client);
    assert_int_equal(again, 1);
    mqw__client_turn(w.client);
    assert_int_equal(again, 2);
    again = 100;
    finish();
}

static void limits_of_the_server_are_kept(void **state)
{
    (void)state;
    mqw_client_options options = usual();
    static char large[200];
    memset(large, 'x', 150);
    start(&options);
    publishes("a", 2);
    publishes("b", 1);
    assert_int_equal(publish_as("t", large, 0, "large"), 0);
    mqw_publish retained = {.topic = MQW_TEXT("t"), .retain = true};
    assert_int_equal(mqw_client_publish(w.client, &retained, done, "retained"), 0);
    heard[0] = '\0';
    server_says("CONNACK reason=0x00 maximum_qos=1 retain_available=0 maximum_packet_size=100");
    hears("- open\n"
          "- done a -7\n"
          "- done large -3\n"
          "- done retained -7\n"
          "PUBLISH topic=\"t\" payload=\"b\" qos=1 packet_id=2");
    assert_int_equal(publish_as("t", "c", 2, "c"), MQW_E_REFUSED);
    assert_int_equal(publish_as("t", large, 1, "c"), MQW_E_TOO_LARGE);
    assert_int_equal(mqw_client_publish(w.client, &retained, done, "retained"), MQW_E_REFUSED);
    finish();
}

static void what_cannot_be_said_is_misuse(void **state)
{
    (void)state;
    open_usual();
    mqw_publish alias = {.topic = MQW_TEXT("t")};
    mqw_set(&alias.props, topic_alias, 1);
    for (uint8_t qos = 0; qos < 2; qos++) {
        assert_int_equal(publish_as("a/#", "", qos, "x"), MQW_E_MISUSE);
        assert_int_equal(publish_as("", "", qos, "x"), MQW_E_MISUSE);
        alias.qos = qos;
        assert_int_equal(mqw_client_publish(w.client, &alias, done, "x"), MQW_E_MISUSE);
    }
    assert_int_equal(publish_as("a", "", 3, "x"), MQW_E_MISUSE);
    assert_int_equal(mqw_client_publish(w.client, NULL, done, "x"), MQW_E_MISUSE);
    settle();
    hears("");
    finish();
}

// Before 5.0 there are no properties: they are left out.
static void properties_are_left_out_before_5_0(void **state)
{
    (void)state;
    mqw_client_options options = usual();
    mqw_connect connect = {.client_id = MQW_TEXT("c"), .version = 4, .clean_start = true};
    options.connect = &connect;
    open_with(&options, "CONNACK reason=0x00");
    assert_int_equal(publish_expiring(100, 0, "a"), 0);
    assert_int_equal(publish_expiring(100, 1, "b"), 0);
    settle();
    hears("PUBLISH topic=\"t\" payload=\"\"\n"
          "PUBLISH topic=\"t\" payload=\"\" qos=1 packet_id=1\n"
          "- done a 0");
    finish();
}

// v5:MQTT-3.3.2-7: aliases belong to one connection.
static void aliases_by_recency(void **state)
{
    (void)state;
    mqw_client_options options = usual();
    open_with(&options, "CONNACK reason=0x00 topic_alias_maximum=2");
    publishes("a", 0);
    publishes("b", 1);
    settle();
    hears("PUBLISH topic=\"t\" payload=\"a\" topic_alias=1\n"
          "PUBLISH topic=\"t\" payload=\"b\" qos=1 packet_id=1 topic_alias=1\n"
          "- done a 0");
    cut();
    passes(5000);
    heard[0] = '\0';
    server_says("CONNACK session_present topic_alias_maximum=2");
    hears("- open, present\n"
          "PUBLISH topic=\"t\" payload=\"b\" qos=1 packet_id=1 dup topic_alias=1");
    finish();
}

// ---- sources ----

enum { SOURCE = 300000 };

static int reads, releases, closes_at;

static int read_source(void *self, uint32_t offset, uint8_t *room, size_t cap)
{
    assert_ptr_equal(self, &reads);
    reads++;
    memset(room, (int)(offset % 251), cap);
    if (reads == closes_at)
        mqw_client_close(w.client, NULL);
    return (int)cap;
}

static void release_source(void *self)
{
    assert_ptr_equal(self, &reads);
    releases++;
}

static int publish_source(uint8_t qos, const char *name)
{
    const mqw_source source = {
        .payload_size = SOURCE, .read = read_source, .release = release_source, .self = &reads};
    const mqw_publish publish = {.topic = MQW_TEXT("s"), .qos = qos};
    return mqw_client_publish_from(w.client, &publish, &source, done, (void *)(uintptr_t)name);
}

// It is read as fast as it leaves, again when it has to be sent again, and never inside the call.
static void a_source_is_read_when_it_is_sent(void **state)
{
    (void)state;
    open_usual();
    reads = releases = closes_at = 0;
    w.quiet = true;
    present()->stalled = true;
    assert_int_equal(publish_source(1, "s"), 0);
    assert_int_equal(reads, 0);
    settle();
    int before = reads;
    assert_in_range(before, 1, 10);
    assert_true(mqw_conn_waiting(present()->client) < 128 * 1024);
    cut();
    passes(2000);
    server_says("CONNACK session_present");
    assert_in_range(reads - before, SOURCE / (16 * 1024), SOURCE / (16 * 1024) + 1);
    assert_int_equal(releases, 0);
    w.quiet = false;
    heard[0] = '\0';
    server_says("PUBACK packet_id=1");
    hears("- done s 0");
    assert_int_equal(releases, 1);
    finish();
}

// Who answers what has not all left has not read it: the message is not over.
static void an_answer_before_the_end(void **state)
{
    (void)state;
    open_usual();
    reads = releases = closes_at = 0;
    present()->stalled = true;
    assert_int_equal(publish_source(1, "s"), 0);
    settle();
    server_says("PUBACK packet_id=1");
    hears("- lost -2 0x00 the server answered what was not asked; 1 at localhost, again in 818");
    assert_int_equal(releases, 0);
    finish();
    assert_int_equal(releases, 1);
}

static void a_source_that_closes_the_client(void **state)
{
    (void)state;
    for (uint8_t qos = 0; qos < 2; qos++) {
        open_usual();
        reads = releases = 0;
        closes_at = 2;
        w.quiet = true;
        assert_int_equal(publish_source(qos, "s"), 0);
        passes(6000);
        assert_true(w.gone);
        assert_int_equal(releases, 1);
    }
}

static void publish_empty_source(void *self)
{
    mqw_publish publish = {.topic = MQW_TEXT("t")};
    mqw_source source = {.read = read_source, .release = publish_empty_source, .self = self};
    if (++again < 1000)
        assert_int_equal(mqw_client_publish_from(w.client, &publish, &source, NULL, NULL), 0);
}

// Each is followed by another: what else the loop has to do comes in between.
static void sources_leave_the_turn(void **state)
{
    (void)state;
    open_usual();
    w.quiet = true;
    again = 0;
    publish_empty_source(NULL);
    mqw__client_turn(w.client);
    assert_in_range(again, 2, 100);
    settle();
    assert_int_equal(again, 1000);
    w.quiet = false;
    finish();
}

static void refused_sources_are_released(void **state)
{
    (void)state;
    mqw_client_options options = usual();
    options.max_queued = 1;
    start(&options);
    reads = releases = closes_at = 0;
    assert_int_equal(publish_source(3, "s"), MQW_E_MISUSE);
    assert_int_equal(publish_source(1, "s"), 0);
    assert_int_equal(publish_source(1, "s"), MQW_E_FULL);
    assert_int_equal(releases, 2);
    finish();
    assert_int_equal(releases, 3);
}

// ---- closing ----

static void closing_waits_for_what_is_queued(void **state)
{
    (void)state;
    open_usual();
    publishes("a", 1);
    mqw_client_close(w.client, NULL);
    settle();
    assert_int_equal(publish_as("t", "b", 0, "b"), MQW_E_CLOSED);
    hears("PUBLISH topic=\"t\" payload=\"a\" qos=1 packet_id=1");
    server_says("PUBACK packet_id=1");
    hears("- done a 0\n"
          "DISCONNECT\n"
          "- close");
    assert_true(w.gone);
}

static void closing_does_not_wait_for_ever(void **state)
{
    (void)state;
    open_usual();
    publishes("a", 1);
    mqw_client_close(w.client, NULL);
    settle();
    heard[0] = '\0';
    passes(4999);
    hears("");
    passes(1);
    hears("DISCONNECT\n"
          "- done a -10\n"
          "- close");
    assert_true(w.gone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(qos_0_is_over_when_its_bytes_have_left),
        cmocka_unit_test(qos_0_is_over_without_its_bytes_when_the_stream_breaks),
        cmocka_unit_test(qos_1_is_over_with_puback),
        cmocka_unit_test(qos_2_is_over_with_pubcomp),
        cmocka_unit_test(qos_2_is_over_with_a_pubrec_that_refuses),
        cmocka_unit_test(pubrel_follows_the_order_of_pubrec),
        cmocka_unit_test(answers_to_nothing),
        cmocka_unit_test(a_wrong_answer_ends_the_connection),
        cmocka_unit_test(what_was_not_answered_is_sent_again),
        cmocka_unit_test(a_lost_session_begins_anew),
        cmocka_unit_test(a_lost_session_keeps_the_order),
        cmocka_unit_test(what_waits_leaves_in_order),
        cmocka_unit_test(qos_0_does_not_wait_for_the_quota),
        cmocka_unit_test(full_is_refused),
        cmocka_unit_test(the_oldest_gives_way),
        cmocka_unit_test(the_newest_of_qos_0_gives_way),
        cmocka_unit_test(bytes_are_bounded),
        cmocka_unit_test(a_stalled_server_fills_the_queue_not_memory),
        cmocka_unit_test(what_expires_while_waiting_is_dropped),
        cmocka_unit_test(callbacks_that_publish_leave_the_turn),
        cmocka_unit_test(limits_of_the_server_are_kept),
        cmocka_unit_test(what_cannot_be_said_is_misuse),
        cmocka_unit_test(properties_are_left_out_before_5_0),
        cmocka_unit_test(aliases_by_recency),
        cmocka_unit_test(a_source_is_read_when_it_is_sent),
        cmocka_unit_test(an_answer_before_the_end),
        cmocka_unit_test(a_source_that_closes_the_client),
        cmocka_unit_test(sources_leave_the_turn),
        cmocka_unit_test(refused_sources_are_released),
        cmocka_unit_test(closing_waits_for_what_is_queued),
        cmocka_unit_test(closing_does_not_wait_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
