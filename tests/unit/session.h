// SPDX-License-Identifier: MIT
// For tests of sessions: messages that are numbers, and what leaves next written as a line.
#ifndef MQW_TESTS_SESSION_H
#define MQW_TESTS_SESSION_H

#include "unit/two_ends.h"

#include <mqwire/session.h>

static inline void *message(uintptr_t number)
{
    return (void *)number;
}

static inline uintptr_t number_of(const void *message)
{
    return (uintptr_t)message;
}

static inline mqw_session *session_new(void)
{
    mqw_session *session = mqw_session_new(NULL);
    assert_non_null(session);
    return session;
}

// Makes a promise that never expires; its message is `number`.
static inline mqw_promise *promises(mqw_session *session, uint8_t qos, uintptr_t number)
{
    mqw_promise *promise = mqw_session_promise(session, qos, UINT64_MAX, message(number));
    assert_non_null(promise);
    assert_int_equal(promise->qos, qos);
    assert_int_equal(promise->stage, MQW_WAITING);
    assert_int_equal(promise->released, 0);
    assert_false(promise->sent || promise->held);
    return promise;
}

// Sends all that may leave; what it was, as "P1 D2 R3": PUBLISH, PUBLISH with DUP, PUBREL of message 1, 2, 3.
static inline void sends(mqw_session *session, uint16_t *quota, const char *expected)
{
    static char sent[1 << 16];
    size_t len = 0;
    sent[0] = '\0';
    for (mqw_promise *promise; (promise = mqw_session_next(session, *quota)) != NULL;) {
        assert_ptr_equal(mqw_session_next(session, *quota), promise);
        assert_true(promise->packet_id);
        assert_ptr_equal(mqw_session_find(session, promise->packet_id), promise);
        char what = promise->stage == MQW_RELEASED ? 'R' : promise->stage == MQW_PUBLISHED ? 'D' : 'P';
        *quota = (uint16_t)(*quota - (what != 'R'));
        len += (size_t)snprintf(sent + len, sizeof sent - len, "%s%c%u", len ? " " : "", what,
                                (unsigned)number_of(promise->message));
        assert_true(len + 16 < sizeof sent);
        mqw_session_sent(session, promise);
        assert_true(promise->sent);
    }
    assert_string_equal(sent, expected);
}

static inline uint16_t id_of(const mqw_session *session, uintptr_t number)
{
    for (mqw_promise *p = NULL; (p = mqw_session_each(session, p)) != NULL;)
        if (number_of(p->message) == number)
            return p->packet_id;
    fail_msg("no promise of message %u", (unsigned)number);
    return 0;
}

// The answer to message `number`.
static inline int answers(mqw_session *session, int type, uintptr_t number, uint8_t reason)
{
    mqw_promise over = {0};
    uint16_t id = id_of(session, number);
    int rc = mqw_session_answer(session, type, id, reason, &over);
    if (rc == 2) {
        assert_int_equal(number_of(over.message), number);
        assert_int_equal(over.packet_id, id);
        assert_null(mqw_session_find(session, id));
    }
    return rc;
}

#endif
