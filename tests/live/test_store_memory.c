// SPDX-License-Identifier: MIT
// What store.h promises, of the store in memory and of one of the program's own; and failing allocations.
#include "live/store_contract.h"
#include "store/alloc.h"

static unsigned allocations, failing;

// Memory of the stores comes from here: the n-th allocation fails.
void *mqw__store_alloc(size_t size)
{
    return ++allocations == failing ? NULL : calloc(1, size);
}

static void shelf_clean(void)
{
}

static void shelf_open(shelf *on)
{
    assert_int_equal(mqw_store_memory(&on->store, &on->live.loop), 0);
    assert_non_null(mqw_store_self(on->store));
}

static bool shelf_keeps(void)
{
    return false;
}

// Every call either works or changes nothing.
static bool lives_with_failure(unsigned at)
{
    shelf on = {0};
    live_start(&on.live);
    allocations = 0;
    failing = at;
    int rc = mqw_store_memory(&on.store, &on.live.loop);
    assert_true(rc == 0 || rc == MQW_E_NO_MEMORY);
    if (rc == 0) {
        ticket t[2];
        int a = put(&on, "a", "1"), b = put(&on, "a", "22");
        assert_string_equal(records(&on, ""), b == 0 ? "a=22 " : a == 0 ? "a=1 " : "");
        int first = commit(&on, &t[0], 'a'), second = commit(&on, &t[1], 'b');
        assert_int_equal(drop(&on, "a"), 0);
        assert_string_equal(records(&on, ""), "");
        shelf_close(&on);
        assert_int_equal(t[0].told, first == 0);
        assert_int_equal(t[1].told, second == 0);
    }
    live_end(&on.live);
    failing = 0;
    return allocations >= at;
}

static void survives_failing_allocations(void **state)
{
    (void)state;
    unsigned at = 1;
    while (lives_with_failure(at))
        at++;
    assert_true(at > 5);
}

static void refuses_without_arguments(void **state)
{
    (void)state;
    mqw_store *store = NULL;
    uv_loop_t *loop = uv_default_loop();
    assert_int_equal(mqw_store_memory(NULL, loop), MQW_E_MISUSE);
    assert_int_equal(mqw_store_memory(&store, NULL), MQW_E_MISUSE);
    assert_int_equal(mqw_store_custom(&store, loop, NULL, NULL), MQW_E_MISUSE);
    assert_int_equal(mqw_store_custom(&store, loop, &(mqw_store_ops){0}, NULL), MQW_E_MISUSE);
}

// --- a store of the program's own ---

/** Writes down what it is asked. */
typedef struct own {
    char asked[256];
    mqw_store *store;
    mqw_store_done *done;
    void *ctx;
} own;

static void ask(own *self, const char *what, mqw_bytes key)
{
    size_t len = strlen(self->asked);
    snprintf(self->asked + len, sizeof self->asked - len, "%s %.*s;", what, (int)key.len,
             key.len ? (const char *)key.data : "");
}

static int own_put(void *self, mqw_bytes key, mqw_bytes value)
{
    ask(self, "put", key);
    return value.len > 1 ? MQW_E_BUSY : 0;
}

static int own_remove(void *self, mqw_bytes key, bool prefix)
{
    ask(self, prefix ? "remove all" : "remove", key);
    return 0;
}

static int own_commit(void *arg, mqw_store *store, mqw_store_done *done, void *ctx)
{
    own *self = arg;
    ask(self, "commit", (mqw_bytes){NULL, 0});
    self->store = store;
    self->done = done;
    self->ctx = ctx;
    return 0;
}

static int own_read(void *self, mqw_bytes prefix, mqw_store_each *each, void *ctx)
{
    ask(self, "read", prefix);
    return each(bytes("key"), bytes("value"), ctx);
}

static const char *own_error(void *self)
{
    (void)self;
    return "its own words";
}

static void own_close(void *self, mqw_store *store)
{
    ask(self, "close", (mqw_bytes){NULL, 0});
    ((own *)self)->store = store;
}

static void asks_a_store_of_the_programs_own(void **state)
{
    (void)state;
    mqw_store_ops ops = {.put = own_put,
                         .remove = own_remove,
                         .commit = own_commit,
                         .read = own_read,
                         .error = own_error,
                         .close = own_close};
    own self = {.store = NULL};
    shelf on = {0};
    ticket t;
    live_start(&on.live);
    assert_int_equal(mqw_store_custom(&on.store, &on.live.loop, &ops, &self), 0);
    memset(&ops, 0, sizeof ops); // it was copied
    assert_ptr_equal(mqw_store_self(on.store), &self);
    assert_ptr_equal(mqw_store_loop(on.store), &on.live.loop);
    assert_int_equal(put(&on, "a", "1"), 0);
    assert_int_equal(put(&on, "b", "22"), MQW_E_BUSY);
    assert_int_equal(put(&on, "", "1"), MQW_E_MISUSE);
    assert_int_equal(drop(&on, "c"), 0);
    assert_int_equal(drop_all(&on, "d"), 0);
    assert_string_equal(records(&on, "e"), "key=value ");
    assert_int_equal(commit(&on, &t, 'x'), 0);
    self.done(self.store, 0, self.ctx);
    assert_string_equal(on.told, "x");
    assert_string_equal(mqw_store_error(on.store), "its own words");
    self.store = NULL;
    mqw_store_close(on.store, on_store_closed, &on);
    assert_ptr_equal(self.store, on.store);
    assert_int_equal(put(&on, "late", ""), MQW_E_CLOSED);
    assert_string_equal(self.asked, "put a;put b;remove c;remove all d;read e;commit ;close ;");
    assert_false(on.closed);
    mqw_store_closed(self.store);
    assert_true(on.closed);
    live_end(&on.live);
}

static void needs_no_words_of_its_own(void **state)
{
    (void)state;
    mqw_store_ops ops = {.size = sizeof ops,
                         .put = own_put,
                         .remove = own_remove,
                         .commit = own_commit,
                         .read = own_read,
                         .close = own_close};
    own self = {.store = NULL};
    mqw_store *store;
    assert_int_equal(mqw_store_custom(&store, uv_default_loop(), &ops, &self), 0);
    assert_string_equal(mqw_store_error(store), "");
    mqw_store_close(store, NULL, NULL);
    mqw_store_closed(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_CONTRACT,
        cmocka_unit_test(survives_failing_allocations),
        cmocka_unit_test(refuses_without_arguments),
        cmocka_unit_test(asks_a_store_of_the_programs_own),
        cmocka_unit_test(needs_no_words_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
