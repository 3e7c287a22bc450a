// SPDX-License-Identifier: MIT
// Sessions against a model that is too simple to be wrong: random operations, and each allocation failing.
#include "unit/session.h"

enum { MOST = 400, STEPS = 4000, SEEDS = 60 };

// ---- the model: an array in order, and a rank per PUBREC ----

typedef struct vow {
    mqw_promise *promise; // the session's
    uintptr_t number;
    uint64_t expires, rank;
    uint16_t id;
    uint8_t qos, stage;
    bool sent, held;
} vow;

typedef struct model {
    vow vows[MOST];
    size_t count;
    uint64_t ranks;
    bool requests[65536], taken[65536]; // identifiers of SUBSCRIBE, of the inbox
    unsigned window, counted;           // the peer's receive maximum, and what section 4.9 counts
    uintptr_t numbers;
    uint32_t random;
    mqw_session *session;
    heap memory;
    bool starved; // allocations fail
} model;

static uint32_t chance(model *m, uint32_t below)
{
    m->random ^= m->random << 13;
    m->random ^= m->random >> 17;
    m->random ^= m->random << 5;
    return m->random % below;
}

static vow *any(model *m)
{
    return m->count ? &m->vows[chance(m, (uint32_t)m->count)] : NULL;
}

static void forget(model *m, const vow *gone)
{
    size_t at = (size_t)(gone - m->vows);
    memmove(&m->vows[at], &m->vows[at + 1], (m->count - at - 1) * sizeof *m->vows);
    m->count--;
}

static unsigned quota_of(const model *m)
{
    return m->window - m->counted;
}

// What leaves next, by walking over everything.
static vow *next_of(model *m)
{
    vow *release = NULL, *publish = NULL;
    unsigned busy = 0;
    for (size_t i = 0; i < m->count; i++) {
        vow *v = &m->vows[i];
        if (v->stage == MQW_RELEASED && !v->sent && (!release || v->rank < release->rank))
            release = v;
        if (v->stage != MQW_RELEASED && !v->sent && !publish)
            publish = v;
        busy += v->stage == MQW_RELEASED || v->sent;
    }
    if (release && !release->held)
        return release;
    return publish && !publish->held && quota_of(m) && busy < m->window ? publish : NULL;
}

// ---- operations ----

static void add(model *m)
{
    if (m->count == MOST)
        return;
    vow *v = &m->vows[m->count];
    *v = (vow){.number = ++m->numbers, .qos = (uint8_t)(1 + chance(m, 2))};
    v->expires = chance(m, 2) ? UINT64_MAX : chance(m, 1000);
    v->promise = mqw_session_promise(m->session, v->qos, v->expires, message(v->number));
    if (!v->promise) {
        assert_true(m->starved && m->memory.failed);
        return;
    }
    v->id = v->promise->packet_id;
    assert_true(v->id && !m->requests[v->id]);
    for (size_t i = 0; i < m->count; i++)
        assert_int_not_equal(m->vows[i].id, v->id);
    m->count++;
}

static void send(model *m)
{
    vow *v = next_of(m);
    mqw_promise *promise = mqw_session_next(m->session, (uint16_t)quota_of(m));
    assert_ptr_equal(promise, v ? v->promise : NULL);
    if (!v || chance(m, 8) == 0) // not sent after all
        return;
    m->counted += v->stage != MQW_RELEASED;
    if (v->stage == MQW_WAITING)
        v->stage = MQW_PUBLISHED;
    v->sent = true;
    mqw_session_sent(m->session, promise);
}

static int expected_answer(model *m, vow *v, int type, uint8_t reason)
{
    bool accepted = type == MQW_PUBREC && reason < 0x80;
    if (!accepted && m->counted)
        m->counted--;
    if (!v)
        return 0;
    if (accepted && v->qos == 2 && v->stage != MQW_WAITING) {
        if (v->stage != MQW_RELEASED || v->sent)
            v->rank = ++m->ranks;
        v->stage = MQW_RELEASED;
        v->sent = false;
        return 1;
    }
    bool fits = type == MQW_PUBCOMP  ? v->stage == MQW_RELEASED
                : type == MQW_PUBREC ? v->qos == 2 && v->stage == MQW_PUBLISHED
                                     : v->qos == 1 && v->stage == MQW_PUBLISHED;
    return fits ? 2 : MQW_E_PROTOCOL;
}

static void answer(model *m)
{
    static const int types[] = {MQW_PUBACK, MQW_PUBREC, MQW_PUBREC, MQW_PUBCOMP};
    vow *v = chance(m, 20) ? any(m) : NULL;
    uint16_t id = v ? v->id : (uint16_t)chance(m, 65536);
    for (size_t i = 0; i < m->count && !v; i++)
        v = m->vows[i].id == id ? &m->vows[i] : NULL;
    int type = types[chance(m, COUNT(types))];
    if (v && chance(m, 10)) // mostly what is waited for
        type = v->qos == 1 ? MQW_PUBACK : v->stage == MQW_RELEASED ? MQW_PUBCOMP : MQW_PUBREC;
    uint8_t reason = (uint8_t)(chance(m, 6) ? 0 : chance(m, 2) ? 0x10 : 0x80 + chance(m, 32));
    mqw_promise over = {0};
    int expected = expected_answer(m, v, type, reason);
    assert_int_equal(mqw_session_answer(m->session, type, id, reason, &over), expected);
    if (expected != 2)
        return;
    assert_int_equal(number_of(over.message), v->number);
    assert_int_equal(over.packet_id, v->id);
    assert_int_equal(over.qos, v->qos);
    forget(m, v);
}

static void lose(model *m)
{
    if (chance(m, 20))
        return;
    for (size_t i = 0; i < m->count; i++)
        m->vows[i].sent = false;
    m->counted = 0;
    m->window = chance(m, 3) ? 1 + chance(m, 30) : 65535;
    mqw_session_lost(m->session);
}

static void hold(model *m)
{
    vow *v = any(m);
    if (!v)
        return;
    v->held = !v->held && chance(m, 3) == 0;
    mqw_session_hold(m->session, v->promise, v->held);
}

static void drop(model *m)
{
    vow *v = chance(m, 4) ? NULL : any(m);
    if (!v)
        return;
    assert_int_equal(number_of(mqw_session_drop(m->session, v->promise)), v->number);
    forget(m, v);
}

static void expire(model *m)
{
    uint64_t first = UINT64_MAX, now = chance(m, 100) ? 0 : chance(m, 500);
    for (size_t i = 0; i < m->count; i++)
        if (m->vows[i].stage == MQW_WAITING && m->vows[i].expires < first)
            first = m->vows[i].expires;
    assert_int_equal(mqw_session_expiry(m->session), first);
    mqw_promise *due = mqw_session_expired(m->session, now);
    assert_true((due != NULL) == (first <= now));
    if (!due)
        return;
    assert_int_equal(due->expires, first);
    for (size_t i = 0; i < m->count; i++)
        if (m->vows[i].promise == due) {
            forget(m, &m->vows[i]);
            break;
        }
    (void)mqw_session_drop(m->session, due);
}

static void request(model *m)
{
    uint16_t id = mqw_session_take_id(m->session);
    if (!id) {
        assert_true(m->starved && m->memory.failed);
        return;
    }
    assert_false(m->requests[id]);
    for (size_t i = 0; i < m->count; i++)
        assert_int_not_equal(m->vows[i].id, id);
    m->requests[id] = true;
}

static void give(model *m)
{
    uint16_t id = (uint16_t)chance(m, 65536);
    for (unsigned i = 0; i < 65536 && !m->requests[id]; i++)
        id++;
    if (m->requests[id])
        mqw_session_give_id(m->session, id);
    m->requests[id] = false;
}

static void receive(model *m)
{
    uint16_t id = (uint16_t)(1 + chance(m, chance(m, 2) ? 50 : 65535));
    int rc = mqw_session_receive(m->session, id);
    if (rc == MQW_E_NO_MEMORY) {
        assert_true(m->starved && m->memory.failed);
        return;
    }
    assert_int_equal(rc, !m->taken[id]);
    m->taken[id] = true;
}

static void release(model *m)
{
    uint16_t id = (uint16_t)(1 + chance(m, chance(m, 2) ? 50 : 65535));
    assert_int_equal(mqw_session_release(m->session, id), m->taken[id]);
    m->taken[id] = false;
}

static mqw_session *fresh(model *m)
{
    mqw_allocator allocator = heap_allocator(&m->memory);
    mqw_session_options options = {.allocator = &allocator};
    return mqw_session_new(&options);
}

// As a process that starts again: all that was promised and taken is put back into another session.
static void reload(model *m)
{
    if (chance(m, 300) || m->starved)
        return;
    mqw_session *again = fresh(m);
    size_t at = 0;
    for (mqw_promise *p = NULL; (p = mqw_session_each(m->session, p)) != NULL;)
        assert_int_equal(mqw_session_restore(again, p), 0);
    for (mqw_promise *p = NULL; (p = mqw_session_each(again, p)) != NULL; at++) {
        m->vows[at].promise = p;
        m->vows[at].sent = m->vows[at].held = false;
    }
    for (uint16_t id = 0; (id = mqw_session_each_received(m->session, id)) != 0;)
        assert_int_equal(mqw_session_receive(again, id), 1);
    memset(m->requests, 0, sizeof m->requests);
    m->counted = 0;
    mqw_session_free(m->session);
    m->session = again;
}

// ---- all of it ----

static void compare(const model *m)
{
    size_t at = 0;
    unsigned inflight = 0;
    uint64_t before = 0;
    for (mqw_promise *p = NULL; (p = mqw_session_each(m->session, p)) != NULL; at++) {
        const vow *v = &m->vows[at];
        assert_true(at < m->count);
        assert_ptr_equal(p, v->promise);
        assert_int_equal(number_of(p->message), v->number);
        assert_int_equal(p->stage, v->stage);
        assert_int_equal(p->sent, v->sent);
        assert_int_equal(p->held, v->held);
        assert_int_equal(p->packet_id, v->id);
        assert_ptr_equal(mqw_session_find(m->session, v->id), p);
        assert_true(p->sequence > before);
        before = p->sequence;
        inflight += v->stage != MQW_WAITING;
    }
    assert_int_equal(at, m->count);
    assert_int_equal(mqw_session_promises(m->session), m->count);
    assert_int_equal(mqw_session_inflight(m->session), inflight);
    for (unsigned id = 1; id < 100; id++)
        assert_int_equal(mqw_session_received(m->session, (uint16_t)id), m->taken[id]);
}

static void (*const operations[])(model *m) = {add,    add,     add,     send,    send, send, send,  send,
                                               answer, answer,  answer,  answer,  lose, hold, hold,  drop,
                                               expire, request, receive, release, give, give, reload};

static model *play(uint32_t seed, unsigned steps, unsigned fail_at, bool fail_on)
{
    static model m;
    memset(&m, 0, sizeof m);
    m.random = seed;
    m.window = 10;
    m.starved = fail_at > 0;
    m.memory.fail_at = fail_at;
    m.memory.fail_on = fail_on;
    m.session = fresh(&m);
    for (unsigned step = 0; m.session && step < steps; step++) {
        operations[chance(&m, COUNT(operations))](&m);
        if (step % 16 == 0)
            compare(&m);
    }
    if (m.session)
        compare(&m);
    mqw_session_free(m.session);
    assert_int_equal(m.memory.held, 0);
    return &m;
}

// SESSION_SEED=n plays that one alone.
static void random_operations(void **state)
{
    (void)state;
    const char *only = getenv("SESSION_SEED");
    uint32_t first = only ? (uint32_t)strtoul(only, NULL, 10) : 1, last = only ? first : SEEDS;
    for (uint32_t seed = first; seed <= last; seed++) {
        print_message("SESSION_SEED=%u\n", (unsigned)seed);
        (void)play(seed * 2654435761u | 1, STEPS, 0, false);
    }
}

static void each_allocation_fails(void **state)
{
    (void)state;
    for (int fail_on = 0; fail_on < 2; fail_on++) {
        unsigned n = 1;
        while (play(77, 3000, n, fail_on)->memory.failed)
            n++;
        assert_true(n > 20);
    }
}

// Restoring without memory changes nothing, and can be tried again.
static void restoring_without_memory(void **state)
{
    (void)state;
    for (unsigned n = 2;; n++) {
        heap memory = {.fail_at = n};
        mqw_allocator allocator = heap_allocator(&memory);
        mqw_session_options options = {.allocator = &allocator};
        mqw_session *session = mqw_session_new(&options);
        for (unsigned i = 1; i <= 200; i++) {
            mqw_promise was = {.sequence = i, .packet_id = (uint16_t)(i * 300), .qos = 1, .expires = i};
            int rc = mqw_session_restore(session, &was);
            if (rc < 0) {
                assert_int_equal(rc, MQW_E_NO_MEMORY);
                assert_int_equal(mqw_session_promises(session), i - 1);
                rc = mqw_session_restore(session, &was);
            }
            assert_int_equal(rc, 0);
        }
        assert_int_equal(mqw_session_promises(session), 200);
        mqw_session_free(session);
        assert_int_equal(memory.held, 0);
        if (!memory.failed)
            break;
    }
}

// An identifier that mqw_session_next cannot give for want of memory is given when there is some.
static void next_without_memory(void **state)
{
    (void)state;
    heap memory = {0};
    mqw_allocator allocator = heap_allocator(&memory);
    mqw_session_options options = {.allocator = &allocator};
    mqw_session *session = mqw_session_new(&options);
    mqw_promise was = {.sequence = 1, .qos = 1, .expires = UINT64_MAX};
    assert_int_equal(mqw_session_restore(session, &was), 0);
    memory.fail_at = memory.allocations + 1;
    assert_null(mqw_session_next(session, 1));
    assert_int_equal(mqw_session_next(session, 1)->packet_id, 1);
    mqw_session_free(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_operations),
        cmocka_unit_test(each_allocation_fails),
        cmocka_unit_test(restoring_without_memory),
        cmocka_unit_test(next_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
