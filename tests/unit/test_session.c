// SPDX-License-Identifier: MIT
// The outbox of a session: what leaves next, what an answer means, what is sent again, what expires, and how
// a session is exported and put back.
#include "unit/session.h"

#define PLENTY ((uint16_t[]){65535})

// ---- delivery ----

// v4:MQTT-4.3.2-1, v5:MQTT-4.3.2-1, v5:MQTT-4.3.2-2, v5:MQTT-4.3.2-3: an unused identifier, DUP 0 the first
// time, unacknowledged until PUBACK. v4:MQTT-2.3.1-6, v5:MQTT-2.2.1-5: the answer is found by its identifier.
static void qos_1_is_over_with_puback(void **state)
{
    (void)state;
    mqw_session *session = session_new();
    mqw_promise *promise = promises(session, 1, 7);
    uint16_t id = promise->packet_id;
    assert_int_equal(promise->sequence, 1);
    assert_int_equal(mqw_session_inflight(session), 0);
    sends(session, PLENTY, "P7");
    sends(session, PLENTY, "");
    assert_int_equal(mqw_session_inflight(session), 1);
    mqw_promise over;
    assert_int_equal(mqw_session_answer(session, MQW_PUBACK, (uint16_t)(id + 1), 0, &over), 0);
    assert_int_equal(mqw_session_answer(session, MQW_PUBACK, id, 0, &over), 2);
    assert_int_equal(number_of(over.message), 7);
    assert_int_equal(over.stage, MQW_PUBLISHED);
    assert_int_equal(mqw_session_promises(session), 0);
    assert_int_equal(mqw_session_inflight(session), 0);
    assert_int_equal(mqw_session_answer(session, MQW_PUBACK, id, 0, &over), 0);
    mqw_session_free(session);
}

// v4:MQTT-4.3.3-1, v5:MQTT-4.3.3-1, v5:MQTT-4.3.3-2, v5:MQTT-4.3.3-3, v5:MQTT-4.3.3-4, v5:MQTT-4.3.3-5,
// v5:MQTT-4.3.3-6: PUBLISH until PUBREC, then PUBREL until PUBCOMP, never PUBLISH again.
static void qos_2_is_released_and_over_with_pubcomp(void **state)
{
    (void)state;
    mqw_session *session = session_new();
    promises(session, 2, 1);
    sends(session, PLENTY, "P1");
    assert_int_equal(answers(session, MQW_PUBREC, 1, 0x10), 1);
    assert_int_equal(mqw_session_inflight(session), 1);
    sends(session, PLENTY, "R1");
    mqw_session_lost(session);
    sends(session, PLENTY, "R1");
    assert_int_equal(answers(session, MQW_PUBCOMP, 1, 0x92), 2);
    assert_int_equal(mqw_session_promises(session), 0);
    mqw_promise over;
    assert_int_equal(mqw_session_answer(session, MQW_PUBCOMP, 1, 0, &over), 0);
    assert_int_equal(mqw_session_answer(session, MQW_PUBREC, 1, 0, &over), 0);
    mqw_session_free(session);
}

// v5:MQTT-4.4.0-2, v5:MQTT-4.3.3-9: an answer of 0x80 and above ends it, nothing is sent again.
static void refusals_end_a_promise(void **state)
{
    (void)state;
    mqw_session *session = session_new();
    promises(session, 1, 1);
    promises(session, 2, 2);
    sends(session, PLENTY, "P1 P2");
    assert_int_equal(answers(session, MQW_PUBREC, 2, 0x97), 2);
    assert_int_equal(answers(session, MQW_PUBACK, 1, 0x87), 2);
    mqw_session_lost(session);
    sends(session, PLENTY, "");
    mqw_session_free(session);
}

// What is not the answer to what was sent is the peer's fault, and changes nothing.
static void wrong_answers_are_told(void **state)
{
    (void)state;
    mqw_session *session = session_new();
    mqw_promise over;
    promises(session, 1, 1);
    assert_int_equal(answers(session, MQW_PUBACK, 1, 0), MQW_E_PROTOCOL); // nothing was sent yet
    promises(session, 2, 2);
    assert_int_equal(answers(session, MQW_PUBREC, 2, 0), MQW_E_PROTOCOL);
    sends(session, PLENTY, "P1 P2");
    assert_int_equal(answers(session, MQW_PUBREC, 1, 0), MQW_E_PROTOCOL);
    assert_int_equal(answers(session, MQW_PUBCOMP, 1, 0), MQW_E_PROTOCOL);
    assert_int_equal(answers(session, MQW_PUBACK, 2, 0), MQW_E_PROTOCOL);
    assert_int_equal(answers(session, MQW_PUBCOMP, 2, 0), MQW_E_PROTOCOL);
    assert_int_equal(answers(session, MQW_PUBREC, 2, 0), 1);
    assert_int_equal(answers(session, MQW_PUBREC, 2, 0x80), MQW_E_PROTOCOL);
    assert_int_equal(answers(session, MQW_PUBACK, 2, 0), MQW_E_PROTOCOL);
    assert_int_equal(mqw_session_answer(session, MQW_PUBREL, 1, 0, &over), MQW_E_MISUSE);
    assert_int_equal(mqw_session_answer(session, -1, 1, 0, &over), MQW_E_MISUSE);
    assert_int_equal(mqw_session_answer(session, 16, 1, 0, &over), MQW_E_MISUSE);
    assert_int_equal(mqw_session_inflight(session), 2);
    uint16_t id = mqw_session_take_id(session);
    assert_int_equal(mqw_session_answer(session, MQW_PUBACK, id, 0, &over), 0); // that of a SUBSCRIBE
    assert_null(mqw_session_find(session, id));
    mqw_session_free(session);
}

// A PUBREC that comes twice gets its PUBREL twice, in the order of the PUBRECs.
static void pubrec_again_gets_pubrel_again(void **state)
{
    (void)state;
    mqw_session *session = session_new();
    for (unsigned i = 1; i <= 3; i++)
        promises(session, 2, i);
    sends(session, PLENTY, "P1 P2 P3");
    for (unsigned i = 1; i <= 3; i++)
        assert_int_equal(answers(session, MQW_PUBREC, i, 0), 1);
    assert_int_equal(answers(session, MQW_PUBREC, 2, 0), 1); // it still waits to be sent
    sends(session, PLENTY, "R1 R2 R3");
    assert_int_equal(answers(session, MQW_PUBREC, 1, 0), 1);
    sends(session, PLENTY, "R1");
    mqw_session_lost(session);
    sends(session, PLENTY, "R2 R3 R1");
    mqw_session_free(session);
}

// ---- order, and what is sent again ----

// v4:MQTT-4.4.0-1, v5:MQTT-4.4.0-1, v4:MQTT-4.6.0-1, v5:MQTT-4.6.0-1, v4:MQTT-4.6.0-4, v5:MQTT-4.6.0-4,
// v4:MQTT-2.3.1-3: after a reconnect what was sent and not answered goes again, with its identifier, PUBREL
// in the order of the PUBRECs, PUBLISH in the order of the first time, before anything new.
static void lost_is_sent_again_in_order(void **state)
{
    (void)state;
    mqw_session *session = session_new();
    for (unsigned i = 1; i <= 8; i++)
        promises(session, i % 3 == 0 ? 1 : 2, i);
    uint16_t quota = 7;
    sends(session, &quota, "P1 P2 P3 P4 P5 P6 P7");
    uint16_t first = id_of(session, 1);
    assert_int_equal(answers(session, MQW_PUBREC, 5, 0), 1);
    assert_int_equal(answers(session, MQW_PUBREC, 2, 0), 1);
    assert_int_equal(answers(session, MQW_PUBACK, 3, 0), 2);
    quota = 0;
    sends(session, &quota, "R5 R2");
    assert_int_equal(answers(session, MQW_PUBREC, 4, 0), 1);
    assert_int_equal(answers(session, MQW_PUBCOMP, 2, 0), 2);
    promises(session, 1, 9);
    mqw_session_lost(session);
    sends(session, PLENTY, "R5 R4 D1 D6 D7 P8 P9");
    assert_int_equal(id_of(session, 1), first);
    mqw_session_lost(session);
    mqw_session_lost(session);
    sends(session, PLENTY, "R5 R4 D1 D6 D7 D8 D9");
    sends(session, PLENTY, "");
    mqw_session_free(session);
}

// A connection that is lost while things are sent again, and answers of the older connection.
static void lost_in_the_middle(void **state)
{
    (void)state;
    mqw_session *session = session_new();
    for (unsigned i = 1; i <= 4; i++)
        promises(session, 2, i);
    sends(session, PLENTY, "P1 P2 P3 P4");
    assert_int_equal(answers(session, MQW_PUBREC, 1, 0), 1);
    mqw_session_lost(session);
    uint16_t quota = 2; // one of it is that of message 1
    sends(session, &quota, "R1 D2");
    assert_int_equal(answers(session, MQW_PUBREC, 3, 0), 1); // of the older connection
    sends(session, &quota, "R3");
    mqw_session_lost(session);
    sends(session, PLENTY, "R1 R3 D2 D4");
    assert_int_equal(answers(session, MQW_PUBCOMP, 3, 0), 2);
    mqw_session_lost(session);
    assert_int_equal(answers(session, MQW_PUBCOMP, 1, 0), 2);
    assert_int_equal(answers(session, MQW_PUBREC, 2, 0x80), 2);
    sends(session, PLENTY, "D4");
    mqw_session_free(session);
}

// A held promise stops those behind it of its own kind, and no other.
static void held_promises_hold_up(void **state)
{
    (void)state;
    mqw_session *session = session_new();
    mqw_promise *one = promises(session, 2, 1), *two = promises(session, 2, 2);
    mqw_session_hold(session, two, true);
    promises(session, 2, 3);
    sends(session, PLENTY, "P1");
    mqw_session_hold(session, two, false);
    sends(session, PLENTY, "P2 P3");
    mqw_session_hold(session, one, true);
    assert_int_equal(answers(session, MQW_PUBREC, 1, 0), 1);
    assert_int_equal(answers(session, MQW_PUBREC, 2, 0), 1);
    promises(session, 1, 4);
    sends(session, PLENTY, "P4");
    mqw_session_lost(session);
    sends(session, PLENTY, "D3 D4");
    mqw_session_hold(session, one, false);
    sends(session, PLENTY, "R1 R2");
    mqw_session_free(session);
}

// ---- receive maximum ----

// v5:MQTT-3.3.4-7, v5:MQTT-3.3.4-8, v5:MQTT-4.9.0-2, v5:MQTT-4.9.0-3: a full window stops PUBLISH and nothing
// else.
static void quota_stops_publish_only(void **state)
{
    (void)state;
    mqw_session *session = session_new();
    for (unsigned i = 1; i <= 5; i++)
        promises(session, 2, i);
    uint16_t quota = 2;
    sends(session, &quota, "P1 P2");
    assert_int_equal(quota, 0);
    assert_int_equal(answers(session, MQW_PUBREC, 1, 0), 1);
    sends(session, &quota, "R1"); // PUBREL needs no place, PUBREC gives none back
    assert_int_equal(answers(session, MQW_PUBREC, 2, 0x80), 2);
    quota++;
    sends(session, &quota, "P3");
    assert_int_equal(answers(session, MQW_PUBCOMP, 1, 0), 2);
    quota++;
    sends(session, &quota, "P4");
    mqw_session_free(session);
}

// The quota of a new connection is whole, and section 4.9 lets the PUBCOMP of an older message raise it. A
// server that counts what it holds would see too many: such messages take a place here, too.
static void older_messages_take_their_place(void **state)
{
    (void)state;
    mqw_session *session = session_new();
    for (unsigned i = 1; i <= 6; i++)
        promises(session, 2, i);
    uint16_t quota = 3;
    sends(session, &quota, "P1 P2 P3");
    assert_int_equal(answers(session, MQW_PUBREC, 1, 0), 1);
    assert_int_equal(answers(session, MQW_PUBREC, 2, 0), 1);
    mqw_session_lost(session);
    quota = 3;
    sends(session, &quota, "R1 R2 D3"); // 3 on the wire, 1 and 2 at the server
    assert_int_equal(quota, 2);
    assert_int_equal(answers(session, MQW_PUBCOMP, 1, 0), 2);
    quota = 3; // as section 4.9 counts
    sends(session, &quota, "P4");
    assert_int_equal(answers(session, MQW_PUBCOMP, 2, 0), 2);
    quota = 3;
    sends(session, &quota, "P5"); // 3, 4 and 5
    assert_int_equal(answers(session, MQW_PUBREC, 3, 0x80), 2);
    assert_int_equal(answers(session, MQW_PUBREC, 4, 0x80), 2);
    assert_int_equal(answers(session, MQW_PUBREC, 5, 0x80), 2);
    quota = 3;
    promises(session, 1, 7);
    promises(session, 1, 8);
    sends(session, &quota, "P6 P7 P8"); // and nobody has forgotten a place
    mqw_session_free(session);
}

// Answers for what is not there any more are counted all the same, as the connection does.
static void answers_for_dropped_promises_count(void **state)
{
    (void)state;
    mqw_session *session = session_new();
    mqw_promise *one = promises(session, 1, 1);
    promises(session, 1, 2);
    uint16_t quota = 1, id = one->packet_id;
    mqw_promise over;
    sends(session, &quota, "P1");
    assert_int_equal(number_of(mqw_session_drop(session, one)), 1);
    sends(session, &quota, ""); // the connection still waits for the answer
    quota = 1;
    assert_int_equal(mqw_session_answer(session, MQW_PUBACK, id, 0, &over), 0);
    sends(session, &quota, "P2");
    mqw_session_free(session);
}

// ---- expiry ----

static mqw_promise *expiring(mqw_session *session, uint64_t expires)
{
    mqw_promise *promise = mqw_session_promise(session, 1, expires, message((uintptr_t)expires));
    assert_non_null(promise);
    return promise;
}

// Those that wait expire, the first due first; what was sent does not (v5:MQTT-4.3.3-7, v5:MQTT-4.3.3-13).
static void waiting_promises_expire(void **state)
{
    (void)state;
    static const uint64_t times[] = {50, 20, 90, 20, 70, 10, 60, 30, 80, 40, 15, 65};
    mqw_session *session = session_new();
    assert_int_equal(mqw_session_expiry(session), UINT64_MAX);
    assert_null(mqw_session_expired(session, UINT64_MAX));
    expiring(session, 1);
    sends(session, PLENTY, "P1");
    assert_int_equal(mqw_session_expiry(session), UINT64_MAX);
    promises(session, 1, 1000);
    for (size_t i = 0; i < COUNT(times); i++)
        expiring(session, times[i]);
    mqw_promise *due = expiring(session, 25);
    (void)mqw_session_drop(session, due);
    assert_int_equal(mqw_session_expiry(session), 10);
    assert_null(mqw_session_expired(session, 9));
    uint64_t before = 0;
    unsigned count = 0;
    for (; (due = mqw_session_expired(session, 60)) != NULL; count++) {
        assert_int_equal(due->expires, mqw_session_expiry(session));
        assert_true(due->expires >= before && due->expires <= 60);
        before = due->expires;
        (void)mqw_session_drop(session, due);
    }
    assert_int_equal(count, 8);
    assert_int_equal(mqw_session_expiry(session), 65);
    sends(session, PLENTY, "P1000 P90 P70 P80 P65");
    assert_int_equal(mqw_session_expiry(session), UINT64_MAX);
    assert_null(mqw_session_expired(session, UINT64_MAX));
    mqw_session_lost(session);
    assert_null(mqw_session_expired(session, UINT64_MAX));
    mqw_session_free(session);
}

// ---- limits ----

static void no_more_than_max_promises(void **state)
{
    (void)state;
    mqw_session_options options = {.size = sizeof options, .max_promises = 2};
    mqw_session *session = mqw_session_new(&options);
    mqw_promise *one = promises(session, 1, 1);
    promises(session, 2, 2);
    assert_null(mqw_session_promise(session, 1, UINT64_MAX, NULL));
    (void)mqw_session_drop(session, one);
    promises(session, 1, 3);
    assert_null(mqw_session_promise(session, 0, UINT64_MAX, NULL)); // QoS 0 is not promised
    mqw_session_clear(session);
    assert_null(mqw_session_promise(session, 0, UINT64_MAX, NULL));
    assert_null(mqw_session_promise(session, 3, UINT64_MAX, NULL));
    mqw_session_free(session);
}

// ---- the end of a session's state ----

typedef struct dropped {
    unsigned count;
    uintptr_t sum;
} dropped;

static void drops(void *ctx, void *message)
{
    dropped *all = ctx;
    all->count++;
    all->sum += number_of(message);
}

// v5:MQTT-3.2.2-5, v4:MQTT-4.1.0-1, v5:MQTT-4.1.0-1: the state is there until it is cleared, then it is gone
// altogether, identifiers of requests apart.
static void clear_drops_everything(void **state)
{
    (void)state;
    dropped all = {0, 0};
    mqw_session_options options = {.dropped = drops, .ctx = &all};
    mqw_session *session = mqw_session_new(&options);
    for (unsigned i = 1; i <= 100; i++)
        promises(session, 1 + i % 2, i);
    uint16_t id = mqw_session_take_id(session), quota = 50;
    for (mqw_promise *p; (p = mqw_session_next(session, quota)) != NULL; quota--)
        mqw_session_sent(session, p);
    assert_int_equal(answers(session, MQW_PUBREC, 1, 0), 1);
    assert_int_equal(answers(session, MQW_PUBREC, 3, 0), 1);
    assert_int_equal(mqw_session_receive(session, 9), 1);
    mqw_session_clear(session);
    assert_int_equal(all.count, 100);
    assert_int_equal(all.sum, 5050);
    assert_int_equal(mqw_session_promises(session), 0);
    assert_int_equal(mqw_session_inflight(session), 0);
    assert_false(mqw_session_received(session, 9));
    sends(session, PLENTY, "");
    promises(session, 1, 7);
    sends(session, PLENTY, "P7");
    assert_int_not_equal(id_of(session, 7), id);
    mqw_session_give_id(session, id);
    mqw_session_free(session); // gives back what is left
    assert_int_equal(all.count, 101);
    mqw_session_free(NULL);
}

// ---- export and import ----

static mqw_session *copy_of(const mqw_session *from)
{
    mqw_session *to = session_new();
    for (mqw_promise *p = NULL; (p = mqw_session_each(from, p)) != NULL;)
        assert_int_equal(mqw_session_restore(to, p), 0);
    return to;
}

// A session put back goes on where it was, as after a connection that was lost.
static void restored_sessions_go_on(void **state)
{
    (void)state;
    mqw_session *session = session_new();
    for (unsigned i = 1; i <= 40; i++)
        promises(session, 2, i);
    mqw_session_hold(session, promises(session, 1, 41), true);
    uint16_t quota = 39;
    while (mqw_session_next(session, quota)) {
        mqw_session_sent(session, mqw_session_next(session, quota));
        quota--;
    }
    static const unsigned recs[] = {5, 3, 36, 1, 33, 2, 20, 19, 7};
    for (size_t i = 0; i < COUNT(recs); i++)
        assert_int_equal(answers(session, MQW_PUBREC, recs[i], 0), 1);
    mqw_session *again = copy_of(session);
    mqw_session_free(session);
    assert_int_equal(mqw_session_promises(again), 41);
    assert_int_equal(mqw_session_inflight(again), 39);
    promises(again, 1, 42);
    const char *expected = "R5 R3 R36 R1 R33 R2 R20 R19 R7 D4 D6 D8 D9 D10 D11 D12 D13 D14 D15 D16 D17 D18 "
                           "D21 D22 D23 D24 D25 D26 D27 D28 D29 D30 D31 D32 D34 D35 D37 D38 D39 P40 P41 P42";
    sends(again, PLENTY, expected);
    assert_int_equal(answers(again, MQW_PUBREC, 9, 0), 1);
    mqw_session_lost(again);
    session = copy_of(again);
    mqw_session_free(again);
    quota = 0;
    sends(session, &quota, "R5 R3 R36 R1 R33 R2 R20 R19 R7 R9");
    mqw_session_free(session);
}

// Without ranks, those released go in the order of the promises.
static void restored_without_ranks(void **state)
{
    (void)state;
    mqw_session *session = session_new();
    mqw_promise was = {.qos = 2, .stage = MQW_RELEASED, .expires = UINT64_MAX};
    for (unsigned i = 1; i <= 5; i++) {
        was.message = message(i);
        was.sequence = i * 10;
        was.packet_id = (uint16_t)(1000 - i * 100);
        assert_int_equal(mqw_session_restore(session, &was), 0);
    }
    promises(session, 2, 6);
    sends(session, PLENTY, "R1 R2 R3 R4 R5 P6");
    assert_int_equal(answers(session, MQW_PUBREC, 6, 0), 1);
    assert_int_equal(mqw_session_find(session, id_of(session, 6))->released, 6);
    assert_int_equal(mqw_session_find(session, id_of(session, 6))->sequence, 51);
    mqw_session_free(session);
}

static void impossible_promises_are_not_restored(void **state)
{
    (void)state;
    mqw_session *session = session_new();
    static const mqw_promise bad[] = {
        {.sequence = 1, .qos = 0, .packet_id = 1},
        {.sequence = 1, .qos = 3, .packet_id = 1},
        {.sequence = 1, .qos = 2, .packet_id = 1, .stage = 3},
        {.sequence = 1, .qos = 1, .packet_id = 1, .stage = MQW_RELEASED},
        {.sequence = 1, .qos = 1, .packet_id = 0, .stage = MQW_PUBLISHED},
        {.sequence = 0, .qos = 1, .packet_id = 1},
    };
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(mqw_session_restore(session, &bad[i]), MQW_E_MISUSE);
    mqw_promise good = {.sequence = 5, .qos = 1, .packet_id = 7, .expires = 10, .sent = true, .held = true};
    assert_int_equal(mqw_session_restore(session, &good), 0);
    assert_int_equal(mqw_session_expiry(session), 10);
    good.sequence = 6;
    assert_int_equal(mqw_session_restore(session, &good), MQW_E_MISUSE); // its identifier is taken
    good.packet_id = 0;
    good.sequence = 5;
    assert_int_equal(mqw_session_restore(session, &good), MQW_E_MISUSE); // out of order
    good.sequence = 6;
    assert_int_equal(mqw_session_restore(session, &good), 0);
    assert_int_equal(mqw_session_promises(session), 2);
    sends(session, PLENTY, "P0 P0");
    mqw_session_free(session);
}

// What was published is new again, under its identifier and in its place; it may expire again, and what is
// released stays released.
static void renewed_is_sent_as_new(void **state)
{
    (void)state;
    mqw_session *session = session_new();
    mqw_promise *first = mqw_session_promise(session, 1, 50, message(1));
    assert_non_null(first);
    for (unsigned i = 2; i <= 4; i++)
        promises(session, 2, i);
    uint16_t quota = 3;
    sends(session, &quota, "P1 P2 P3");
    assert_int_equal(answers(session, MQW_PUBREC, 2, 0), 1);
    mqw_session_lost(session);
    assert_int_equal(mqw_session_expiry(session), UINT64_MAX);
    mqw_session_renew(session);
    assert_int_equal(mqw_session_inflight(session), 1);
    assert_int_equal(mqw_session_expiry(session), 50);
    assert_ptr_equal(mqw_session_expired(session, 50), first);
    (void)mqw_session_drop(session, first);
    assert_int_equal(mqw_session_find(session, 3)->stage, MQW_WAITING);
    sends(session, PLENTY, "R2 P3 P4");
    mqw_session_renew(session); // what was sent on this connection is not touched
    assert_int_equal(mqw_session_inflight(session), 3);
    assert_int_equal(mqw_session_find(session, 3)->stage, MQW_PUBLISHED);
    mqw_session_free(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(qos_1_is_over_with_puback),
        cmocka_unit_test(qos_2_is_released_and_over_with_pubcomp),
        cmocka_unit_test(refusals_end_a_promise),
        cmocka_unit_test(wrong_answers_are_told),
        cmocka_unit_test(pubrec_again_gets_pubrel_again),
        cmocka_unit_test(lost_is_sent_again_in_order),
        cmocka_unit_test(lost_in_the_middle),
        cmocka_unit_test(renewed_is_sent_as_new),
        cmocka_unit_test(held_promises_hold_up),
        cmocka_unit_test(quota_stops_publish_only),
        cmocka_unit_test(older_messages_take_their_place),
        cmocka_unit_test(answers_for_dropped_promises_count),
        cmocka_unit_test(waiting_promises_expire),
        cmocka_unit_test(no_more_than_max_promises),
        cmocka_unit_test(clear_drops_everything),
        cmocka_unit_test(restored_sessions_go_on),
        cmocka_unit_test(restored_without_ranks),
        cmocka_unit_test(impossible_promises_are_not_restored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
