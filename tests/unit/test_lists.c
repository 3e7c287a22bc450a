// SPDX-License-Identifier: MIT
// Lists in wire form, put together and taken apart.
#include "wire.h"

static void test_filters(void **state)
{
    (void)state;
    const mqw_filter items[] = {{text("a"), 0, false, false, 0},
                                {text("b/+"), 2, true, false, 1},
                                {text(""), 1, false, true, 2},
                                {text("z"), 9, false, false, 4}};
    uint8_t room[64];
    mqw_list list = mqw_list_filters(room, sizeof room, items, 4);
    expect_bytes(list.wire, "0001 61 00  0003 622f2b 16  0000 29  0001 7a 33");
    mqw_filter item;
    for (size_t i = 0; i < 3; i++) {
        assert_true(mqw_next_filter(&list, &item));
        assert_int_equal(item.filter.len, items[i].filter.len);
        assert_memory_equal(item.filter.data, items[i].filter.data, item.filter.len);
        assert_int_equal(item.qos, items[i].qos);
        assert_int_equal(item.no_local, items[i].no_local);
        assert_int_equal(item.retain_as_published, items[i].retain_as_published);
        assert_int_equal(item.retain_handling, items[i].retain_handling);
    }
    assert_true(mqw_next_filter(&list, &item)); /* what was out of range can only be refused */
    assert_int_equal(item.qos, 3);
    assert_int_equal(item.retain_handling, 3);
    assert_false(mqw_next_filter(&list, &item));
    assert_int_equal(list.wire.len, 0);
}

static void test_topics(void **state)
{
    (void)state;
    const mqw_text items[] = {text("a"), text(""), text("b/c")};
    uint8_t room[64];
    mqw_list list = mqw_list_topics(room, sizeof room, items, 3);
    expect_bytes(list.wire, "0001 61  0000  0003 622f63");
    mqw_text item;
    for (size_t i = 0; i < 3; i++) {
        assert_true(mqw_next_topic(&list, &item));
        assert_int_equal(item.len, items[i].len);
        assert_memory_equal(item.data, items[i].data, item.len);
    }
    assert_false(mqw_next_topic(&list, &item));
}

static void test_pairs(void **state)
{
    (void)state;
    const mqw_pair items[] = {{text("n"), text("v")}, {text(""), text("")}, {text("n"), text("w")}};
    uint8_t room[64];
    mqw_list list = mqw_list_pairs(room, sizeof room, items, 3);
    expect_bytes(list.wire, "26 0001 6e 0001 76  26 0000 0000  26 0001 6e 0001 77");
    mqw_pair item;
    for (size_t i = 0; i < 3; i++) {
        assert_true(mqw_next_pair(&list, &item));
        assert_int_equal(item.name.len, items[i].name.len);
        assert_int_equal(item.value.len, items[i].value.len);
        assert_memory_equal(item.value.data, items[i].value.data, item.value.len);
    }
    assert_false(mqw_next_pair(&list, &item));
}

static void test_ids(void **state)
{
    (void)state;
    const uint32_t items[] = {1, 127, 128, 16384, MQW_LENGTH_MAX, 0};
    uint8_t room[64];
    mqw_list list = mqw_list_ids(room, sizeof room, items, 6);
    expect_bytes(list.wire, "0b01 0b7f 0b8001 0b808001 0bffffff7f 0b00");
    uint32_t item;
    for (size_t i = 0; i < 6; i++) {
        assert_true(mqw_next_id(&list, &item));
        assert_int_equal(item, items[i]);
    }
    assert_false(mqw_next_id(&list, &item));
    const uint32_t large[] = {1, MQW_LENGTH_MAX + 1, 2};
    assert_int_equal(mqw_list_ids(room, sizeof room, large, 3).wire.len, 0);
}

/* A list that was decoded may have other properties between its items. */
static void test_other_kinds_are_skipped(void **state)
{
    (void)state;
    mqw_list list = {hex("26 0001 61 0001 62  0101  0b8001  02 00000001  03 0001 78  09 0002 ffff  23 0007 "
                         "a600 0001 63 0001 64  0b07  8b00 09")};
    mqw_list pairs = list;
    mqw_list ids = list;
    mqw_pair pair;
    assert_true(mqw_next_pair(&pairs, &pair));
    expect_text(pair.name, "a");
    assert_true(mqw_next_pair(&pairs, &pair));
    expect_text(pair.name, "c");
    expect_text(pair.value, "d");
    assert_false(mqw_next_pair(&pairs, &pair));
    assert_int_equal(pairs.wire.len, 0);
    uint32_t id;
    assert_true(mqw_next_id(&ids, &id));
    assert_int_equal(id, 128);
    assert_true(mqw_next_id(&ids, &id));
    assert_int_equal(id, 7);
    assert_true(mqw_next_id(&ids, &id));
    assert_int_equal(id, 9);
    assert_false(mqw_next_id(&ids, &id));
}

/* Cut anywhere, nothing behind the cut is read, and what is cut is no item. */
static void test_cut_lists(void **state)
{
    (void)state;
    mqw_bytes filters = hex("0001 61 00 0002 6262 01");
    mqw_bytes pairs = hex("26 0001 61 0001 62 0b8001 02 00000001 26 0001 63 0001 64");
    for (size_t len = 0; len < filters.len; len++) {
        mqw_list list = {hold(filters.data, len)};
        mqw_filter filter;
        size_t count = 0;
        while (mqw_next_filter(&list, &filter))
            count++;
        assert_int_equal(count, len >= 4);
        list.wire = hold(filters.data, len);
        mqw_text topic;
        while (mqw_next_topic(&list, &topic))
            count++;
    }
    for (size_t len = 0; len < pairs.len; len++) {
        mqw_list list = {hold(pairs.data, len)};
        mqw_pair pair;
        size_t count = 0;
        while (mqw_next_pair(&list, &pair))
            count++;
        assert_int_equal(count, len >= 7);
        list.wire = hold(pairs.data, len);
        uint32_t id;
        count = 0;
        while (mqw_next_id(&list, &id))
            count++;
        assert_int_equal(count, len >= 10);
    }
    mqw_list broken = {hex("ffffffff")};
    mqw_pair pair;
    assert_false(mqw_next_pair(&broken, &pair));
    broken.wire = hex("77 00");
    assert_false(mqw_next_pair(&broken, &pair));
    broken.wire = hex("0b ffffffff 01");
    uint32_t id;
    assert_false(mqw_next_id(&broken, &id));
}

/* Too small a room, or a text too long: an empty list, and nothing behind the room is touched. */
static void test_no_room(void **state)
{
    (void)state;
    const mqw_filter filter = {text("abc"), 1, false, false, 0};
    const mqw_pair pair = {text("a"), text("b")};
    const mqw_text topic = text("abc");
    const uint32_t id = 300;
    for (size_t cap = 0; cap <= 8; cap++) {
        uint8_t *room = malloc(cap ? cap : 1);
        assert_non_null(room);
        assert_int_equal(mqw_list_filters(room, cap, &filter, 1).wire.len, cap < 6 ? 0 : 6);
        assert_int_equal(mqw_list_topics(room, cap, &topic, 1).wire.len, cap < 5 ? 0 : 5);
        assert_int_equal(mqw_list_pairs(room, cap, &pair, 1).wire.len, cap < 7 ? 0 : 7);
        assert_int_equal(mqw_list_ids(room, cap, &id, 1).wire.len, cap < 3 ? 0 : 3);
        free(room);
    }
    static char long_text[65536];
    static uint8_t large[200000];
    const mqw_text texts[] = {{long_text, 65535}, {long_text, 65536}, {long_text, 1}};
    assert_int_equal(mqw_list_topics(large, sizeof large, texts, 1).wire.len, 65537);
    assert_int_equal(mqw_list_topics(large, sizeof large, texts, 3).wire.len, 0);
    const mqw_text nowhere = {NULL, 1};
    assert_int_equal(mqw_list_topics(large, sizeof large, &nowhere, 1).wire.len, 0);
    assert_int_equal(mqw_list_topics(NULL, 0, NULL, 0).wire.len, 0);
}

/* A text may lie in the room itself, further on than where it goes. */
static void test_in_place(void **state)
{
    (void)state;
    uint8_t room[] = "......topic";
    const mqw_text item = {(const char *)room + 6, 5};
    expect_bytes(mqw_list_topics(room, sizeof room, &item, 1).wire, "0005 746f706963");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_topics),
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_other_kinds_are_skipped),
        cmocka_unit_test(test_cut_lists),
        cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_in_place),
    };
    return cmocka_run_group_tests(tests, NULL, release_held);
}
