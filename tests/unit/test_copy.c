// SPDX-License-Identifier: MIT
// mqw_packet_copy and mqw_packet_free.
#include "unit/any_packet.h"

// An allocator that counts, and that fails when told to.
typedef struct counter {
    size_t held;
    unsigned calls;
    bool failing;
} counter;

static void *resize(void *ctx, void *old, size_t old_size, size_t new_size)
{
    counter *count = ctx;
    count->calls++;
    if (count->failing)
        return NULL;
    count->held += new_size - old_size;
    if (new_size == 0) {
        memset(old, 0xDD, old_size); // the size is what was asked for, or AddressSanitizer tells
        free(old);
        return NULL;
    }
    assert_null(old);
    return malloc(new_size);
}

// Wipes what the views of the original pointed at, and the original.
static void forget(any_source *from, mqw_packet *packet)
{
    memset(from->bytes, 0x5A, from->used);
    memset(packet, 0x5A, sizeof(*packet));
    free(packet);
}

static void random_packets(void **state)
{
    (void)state;
    static any_source from, again;
    for (unsigned i = 0; i < 6000; i++) {
        int type = (int)(i % 17); // 0 and 16 are no packets, and have nothing but a type
        from.state = again.state = i;
        mqw_packet *packet = any_packet(&from, type), *same = any_packet(&again, type);
        counter count = {0};
        mqw_allocator allocator = {resize, &count};
        mqw_packet *copy = mqw_packet_copy(packet, &allocator);
        assert_non_null(copy);
        assert_true(count.held >= sizeof(*copy));
        assert_int_equal((uintptr_t)copy % _Alignof(mqw_packet), 0);
        forget(&from, packet);
        same_packet(same, copy);
        mqw_packet_free(copy, &allocator);
        assert_int_equal(count.held, 0);
        assert_int_equal(count.calls, 2);
        free(same);
    }
}

static void header_and_violations(void **state)
{
    (void)state;
    mqw_packet packet = {.type = MQW_PUBREL, .dup = true, .retain = true, .qos = 2, .length = 9};
    mqw_rule_add(&packet.violations, MQW_RULE_FLAGS_PUBREL);
    mqw_packet *copy = mqw_packet_copy(&packet, NULL);
    assert_non_null(copy);
    assert_true(copy->dup && copy->retain && copy->qos == 2 && copy->length == 9);
    assert_true(mqw_rule_in(&copy->violations, MQW_RULE_FLAGS_PUBREL));
    mqw_packet *copy_of_copy = mqw_packet_copy(copy, NULL);
    assert_non_null(copy_of_copy);
    mqw_packet_free(copy, NULL);
    assert_int_equal(copy_of_copy->length, 9);
    mqw_packet_free(copy_of_copy, NULL);
}

// Empty views may point nowhere.
static void empty_views(void **state)
{
    (void)state;
    mqw_packet packet = {.type = MQW_CONNECT,
                         .connect = {.has_will = true, .has_username = true, .has_password = true}};
    mqw_set(&packet.connect.props, auth_data, ((mqw_bytes){NULL, 0}));
    mqw_set(&packet.connect.will.props, user, ((mqw_list){{NULL, 0}}));
    mqw_packet *copy = mqw_packet_copy(&packet, NULL);
    assert_non_null(copy);
    same_packet(&packet, copy);
    mqw_packet_free(copy, NULL);
}

static void large_payload(void **state)
{
    (void)state;
    size_t len = 3 << 20;
    uint8_t *payload = malloc(len);
    assert_non_null(payload);
    memset(payload, 'p', len);
    mqw_packet packet = {.type = MQW_PUBLISH, .publish = {.topic = MQW_TEXT("t"), .payload = {payload, len}}};
    mqw_packet *copy = mqw_packet_copy(&packet, NULL);
    assert_non_null(copy);
    same_packet(&packet, copy);
    mqw_packet_free(copy, NULL);
    free(payload);
}

static void no_memory(void **state)
{
    (void)state;
    counter count = {.failing = true};
    mqw_allocator allocator = {resize, &count};
    mqw_packet packet = {.type = MQW_PUBLISH, .publish = {.topic = MQW_TEXT("t")}};
    assert_null(mqw_packet_copy(&packet, &allocator));
    assert_int_equal(count.calls, 1);
    mqw_packet_free(NULL, &allocator);
    mqw_packet_free(NULL, NULL);
    assert_int_equal(count.calls, 1);
}

// A sum of lengths that no size can hold is never asked for.
static void too_large(void **state)
{
    (void)state;
    counter count = {0};
    mqw_allocator allocator = {resize, &count};
    mqw_packet packet = {.type = MQW_PUBLISH, .publish = {.topic = {"t", SIZE_MAX - 64}}};
    assert_null(mqw_packet_copy(&packet, &allocator));
    packet.publish.topic.len = SIZE_MAX / 2;
    packet.publish.payload = (mqw_bytes){(const uint8_t *)"p", SIZE_MAX / 2};
    assert_null(mqw_packet_copy(&packet, &allocator));
    assert_int_equal(count.calls, 0);
}

// Looks for a secret in what is freed.
static void *resize_watched(void *ctx, void *old, size_t old_size, size_t new_size)
{
    if (new_size)
        return malloc(new_size);
    for (size_t i = 0; i + 7 <= old_size; i++)
        *(bool *)ctx |= memcmp((uint8_t *)old + i, "hunter2", 7) == 0;
    free(old);
    return NULL;
}

static void secrets_are_wiped(void **state)
{
    const mqw_bytes secret = {(const uint8_t *)"hunter2", 7};
    mqw_packet connect = {.type = MQW_CONNECT,
                          .connect = {.version = 5, .has_password = true, .password = secret}};
    mqw_packet auth = {.type = MQW_AUTH};
    mqw_packet publish = {.type = MQW_PUBLISH, .publish = {.topic = MQW_TEXT("t"), .payload = secret}};
    const struct {
        const mqw_packet *packet;
        bool left;
    } cases[] = {{&connect, false}, {&auth, false}, {&publish, true}};
    (void)state;
    mqw_set(&auth.auth.props, auth_data, secret);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool found = false;
        mqw_allocator allocator = {resize_watched, &found};
        mqw_packet_free(mqw_packet_copy(cases[i].packet, &allocator), &allocator);
        assert_int_equal(found, cases[i].left);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_packets),    cmocka_unit_test(header_and_violations),
        cmocka_unit_test(empty_views),       cmocka_unit_test(large_payload),
        cmocka_unit_test(no_memory),         cmocka_unit_test(too_large),
        cmocka_unit_test(secrets_are_wiped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
