// SPDX-License-Identifier: MIT
// The allocator that is used when none is given, and what calls one that is.
#include "base/alloc.h"
#include "unit/two_ends.h"

static void the_c_library_is_the_default(void **state)
{
    (void)state;
    mqw_allocator allocator = mqw__allocator(NULL);
    uint8_t *block = mqw__alloc(&allocator, 100);
    assert_non_null(block);
    memset(block, 7, 100);
    block = mqw__resize(&allocator, block, 100, 100000);
    assert_non_null(block);
    assert_int_equal(block[99], 7);
    mqw__free(&allocator, block, 100000);
}

static void a_given_one_is_copied(void **state)
{
    (void)state;
    heap memory = {0};
    mqw_allocator given = heap_allocator(&memory);
    mqw_allocator allocator = mqw__allocator(&given);
    memset(&given, 0, sizeof given);
    void *block = mqw__alloc(&allocator, 100);
    assert_non_null(block);
    assert_int_equal(memory.held, 100);
    mqw__free(&allocator, block, 100);
    assert_int_equal(memory.held, 0);
    assert_int_equal(memory.allocations, 1);
}

static void nothing_is_freed_when_there_is_nothing(void **state)
{
    (void)state;
    heap memory = {0};
    mqw_allocator allocator = heap_allocator(&memory);
    mqw__free(&allocator, NULL, 0);
    assert_int_equal(memory.allocations, 0);
    assert_int_equal(memory.held, 0);
}

static void failure_is_null(void **state)
{
    (void)state;
    heap memory = {.fail_at = 2};
    mqw_allocator allocator = heap_allocator(&memory);
    void *block = mqw__alloc(&allocator, 10);
    assert_non_null(block);
    assert_null(mqw__resize(&allocator, block, 10, 20));
    assert_int_equal(memory.held, 10);
    mqw__free(&allocator, block, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_c_library_is_the_default),
        cmocka_unit_test(a_given_one_is_copied),
        cmocka_unit_test(nothing_is_freed_when_there_is_nothing),
        cmocka_unit_test(failure_is_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
