// SPDX-License-Identifier: MIT
// Packet identifiers of a session without collision, the inbox of QoS 2, and what memory they take.
#include "unit/session.h"

enum { ALL = 65535, LEFT_FREE = 1024 };

static bool *seen_none(void)
{
    static bool seen[ALL + 1];
    memset(seen, 0, sizeof seen);
    return seen;
}

// v4:MQTT-2.3.1-1, v4:MQTT-2.3.1-2, v5:MQTT-2.2.1-3: each is taken once, none is 0; when all are taken there
// is none.
static void every_identifier_is_given_once(void **state)
{
    (void)state;
    mqw_session *session = session_new();
    for (int round = 0; round < 2; round++) {
        bool *seen = seen_none();
        for (unsigned i = 0; i < ALL; i++) {
            uint16_t id = mqw_session_take_id(session);
            assert_true(id && !seen[id]);
            seen[id] = true;
        }
        assert_int_equal(mqw_session_take_id(session), 0);
        mqw_session_give_id(session, 4711);
        assert_int_equal(mqw_session_take_id(session), 4711);
        assert_int_equal(mqw_session_take_id(session), 0);
        for (unsigned id = ALL; id > 0; id--)
            mqw_session_give_id(session, (uint16_t)id);
    }
    mqw_session_free(session);
}

// An identifier comes back late: what still comes for the last one must not be taken for the next.
static void identifiers_are_not_used_again_at_once(void **state)
{
    (void)state;
    mqw_session *session = session_new();
    bool *seen = seen_none();
    for (unsigned i = 0; i < ALL; i++) {
        uint16_t id = mqw_session_take_id(session);
        assert_true(id && !seen[id]);
        seen[id] = true;
        mqw_session_give_id(session, id);
    }
    mqw_session_free(session);
}

// v4:MQTT-2.3.1-2, v5:MQTT-2.2.1-3: promises and requests share the identifiers.
static void promises_and_requests_do_not_collide(void **state)
{
    (void)state;
    mqw_session *session = session_new();
    bool *seen = seen_none();
    for (unsigned i = 0; i < 30000; i++) {
        uint16_t id = i % 3 ? promises(session, 1, i)->packet_id : mqw_session_take_id(session);
        assert_true(id && !seen[id]);
        seen[id] = true;
    }
    mqw_session_give_id(session, 2); // that of a promise is not given back so
    assert_non_null(mqw_session_find(session, 2));
    mqw_session_give_id(session, 60000); // nor one that nobody has
    assert_null(mqw_session_find(session, 60000));
    mqw_session_free(session);
}

// Those that only wait leave some for SUBSCRIBE and for what is sent; then mqw_session_next gives them out.
static void waiting_promises_leave_identifiers(void **state)
{
    (void)state;
    mqw_session *session = session_new();
    for (unsigned i = 0; i < ALL - LEFT_FREE; i++)
        assert_true(promises(session, 1, i)->packet_id);
    mqw_promise *late = promises(session, 1, ALL);
    assert_int_equal(late->packet_id, 0);
    for (unsigned i = 0; i < LEFT_FREE; i++)
        promises(session, 1, ALL + 1 + i);
    uint16_t request = mqw_session_take_id(session);
    assert_true(request);
    unsigned sent = 0;
    bool *seen = seen_none();
    for (mqw_promise *p; (p = mqw_session_next(session, ALL)) != NULL; sent++) {
        assert_true(p->packet_id && p->packet_id != request && !seen[p->packet_id]);
        seen[p->packet_id] = true;
        mqw_session_sent(session, p);
    }
    assert_int_equal(sent, ALL - 1); // then none is left
    assert_true(late->packet_id);
    assert_int_equal(mqw_session_take_id(session), 0);
    mqw_promise over;
    assert_int_equal(mqw_session_answer(session, MQW_PUBACK, 12345, 0, &over), 2);
    mqw_promise *last = mqw_session_next(session, ALL);
    assert_int_equal(last->packet_id, 12345);
    mqw_session_sent(session, last);
    mqw_session_free(session);
}

// Identifiers that are put back lie as they lie, and new ones keep out of their way.
static void restored_identifiers_are_kept(void **state)
{
    (void)state;
    static const uint16_t ids[] = {1, 65, 129, 32769, 64, 65535, 32768, 16385};
    mqw_session *session = session_new();
    bool *seen = seen_none();
    for (size_t i = 0; i < COUNT(ids); i++) {
        mqw_promise was = {.sequence = i + 1, .packet_id = ids[i], .qos = 1, .expires = UINT64_MAX};
        assert_int_equal(mqw_session_restore(session, &was), 0);
        seen[ids[i]] = true;
    }
    for (size_t i = 0; i < COUNT(ids); i++)
        assert_int_equal(mqw_session_find(session, ids[i])->sequence, i + 1);
    for (unsigned i = 0; i < ALL - COUNT(ids); i++) {
        uint16_t id = mqw_session_take_id(session);
        assert_true(id && !seen[id]);
        seen[id] = true;
    }
    mqw_session_free(session);
}

// All of a full session can be put back, also when those of the table lie in any order.
static void full_sessions_are_restored(void **state)
{
    (void)state;
    mqw_session *session = session_new();
    for (unsigned i = 0; i < ALL; i++) {
        mqw_promise was = {.sequence = i + 1,
                           .packet_id = (uint16_t)(1 + i * 40504u % ALL),
                           .qos = 2,
                           .stage = (uint8_t)(1 + i % 2),
                           .released = i % 2 ? ALL - i : 0};
        assert_int_equal(mqw_session_restore(session, &was), 0);
    }
    assert_int_equal(mqw_session_take_id(session), 0);
    assert_int_equal(mqw_session_inflight(session), ALL);
    uint64_t before = 0;
    for (unsigned i = 0; i < ALL / 2; i++) {
        mqw_promise *p = mqw_session_next(session, ALL);
        assert_int_equal(p->stage, MQW_RELEASED);
        assert_true(p->released > before);
        before = p->released;
        mqw_session_sent(session, p);
    }
    assert_null(mqw_session_next(session, ALL / 2)); // those take their place first
    assert_int_equal(mqw_session_next(session, ALL)->stage, MQW_PUBLISHED);
    mqw_session_free(session);
}

// ---- inbox ----

// v4:MQTT-4.3.3-2, v5:MQTT-4.3.3-10, v5:MQTT-4.3.3-12: what was taken is not taken again until it is
// released. v4:MQTT-4.3.2-2, v5:MQTT-4.3.2-5 need no state: QoS 1 identifiers are never asked for.
static void messages_are_taken_once(void **state)
{
    (void)state;
    mqw_session *session = session_new();
    assert_int_equal(mqw_session_release(session, 5), 0);
    assert_false(mqw_session_received(session, 5));
    assert_int_equal(mqw_session_receive(session, 5), 1);
    assert_int_equal(mqw_session_receive(session, 5), 0);
    assert_true(mqw_session_received(session, 5));
    assert_false(mqw_session_received(session, 6));
    mqw_session_lost(session);
    assert_int_equal(mqw_session_receive(session, 5), 0); // the connection has nothing to do with it
    assert_int_equal(mqw_session_release(session, 5), 1);
    assert_int_equal(mqw_session_release(session, 5), 0);
    assert_int_equal(mqw_session_receive(session, 5), 1);
    // ours and theirs are apart
    assert_int_equal(mqw_session_take_id(session), 1);
    assert_int_equal(mqw_session_receive(session, 1), 1);
    mqw_session_free(session);
}

static void inbox_is_walked_in_rising_order(void **state)
{
    (void)state;
    static const uint16_t ids[] = {1, 63, 64, 1023, 1024, 1025, 5000, 32768, 65534, 65535};
    mqw_session *session = session_new();
    assert_int_equal(mqw_session_each_received(session, 0), 0);
    for (size_t i = COUNT(ids); i-- > 0;)
        assert_int_equal(mqw_session_receive(session, ids[i]), 1);
    uint16_t at = 0;
    for (size_t i = 0; i < COUNT(ids); i++)
        assert_int_equal(at = mqw_session_each_received(session, at), ids[i]);
    assert_int_equal(mqw_session_each_received(session, at), 0);
    assert_int_equal(mqw_session_each_received(session, 1025), 5000);
    for (size_t i = 0; i < COUNT(ids); i++)
        assert_int_equal(mqw_session_release(session, ids[i]), 1);
    assert_int_equal(mqw_session_each_received(session, 0), 0);
    for (unsigned id = 1; id <= ALL; id++)
        assert_int_equal(mqw_session_receive(session, (uint16_t)id), 1);
    at = 0;
    for (unsigned id = 1; id <= ALL; id++)
        assert_int_equal(at = mqw_session_each_received(session, at), id);
    mqw_session_free(session);
}

// ---- memory ----

// Nothing but itself until it is used; a little for a little; and what was needed for much is given back.
static void memory_goes_with_what_is_in_flight(void **state)
{
    (void)state;
    heap memory = {0};
    mqw_allocator allocator = heap_allocator(&memory);
    mqw_session_options options = {.allocator = &allocator};
    mqw_session *session = mqw_session_new(&options);
    assert_true(memory.held <= 320);
    promises(session, 1, 1);
    assert_true(memory.held <= 2048);
    sends(session, (uint16_t[]){1}, "P1");
    assert_int_equal(answers(session, MQW_PUBACK, 1, 0), 2);
    size_t little = memory.held;
    for (unsigned i = 0; i < 70000; i++)
        promises(session, 1, i);
    assert_true(memory.held < 70000 * 100);
    while (mqw_session_promises(session))
        (void)mqw_session_drop(session, mqw_session_each(session, NULL));
    assert_true(memory.held <= little + 16 * 1024);
    assert_int_equal(mqw_session_receive(session, 1), 1);
    assert_true(memory.held <= little + 1024);
    mqw_session_free(session);
    assert_int_equal(memory.held, 0);
}

// Promises that come and go allocate nothing, nor do messages that are taken and released.
static void steady_work_allocates_nothing(void **state)
{
    (void)state;
    heap memory = {0};
    mqw_allocator allocator = heap_allocator(&memory);
    mqw_session_options options = {.allocator = &allocator};
    mqw_session *session = mqw_session_new(&options);
    unsigned after_first = 0;
    for (unsigned i = 0; i < 70000; i++) {
        promises(session, 1, i);
        mqw_promise *next = mqw_session_next(session, 1), over;
        mqw_session_sent(session, next);
        assert_int_equal(mqw_session_answer(session, MQW_PUBACK, next->packet_id, 0, &over), 2);
        uint16_t id = (uint16_t)(1 + i % ALL);
        assert_int_equal(mqw_session_receive(session, id), 1);
        assert_int_equal(mqw_session_release(session, id), 1);
        if (i == 0)
            after_first = memory.allocations;
    }
    assert_int_equal(memory.allocations, after_first);
    mqw_session_free(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_identifier_is_given_once),
        cmocka_unit_test(identifiers_are_not_used_again_at_once),
        cmocka_unit_test(promises_and_requests_do_not_collide),
        cmocka_unit_test(waiting_promises_leave_identifiers),
        cmocka_unit_test(restored_identifiers_are_kept),
        cmocka_unit_test(full_sessions_are_restored),
        cmocka_unit_test(messages_are_taken_once),
        cmocka_unit_test(inbox_is_walked_in_rising_order),
        cmocka_unit_test(memory_goes_with_what_is_in_flight),
        cmocka_unit_test(steady_work_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
