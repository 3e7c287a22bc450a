// SPDX-License-Identifier: MIT
// Cursors: variable byte integers (section 1.5.5), failures that stick, and counting on when the room is
// full.
#include "wire/cursor.h"

#include "wire.h"

/* Some field, and another. */
enum { LATER = MQW__F(topic), CUT = MQW__F(payload) };

static const mqw_codec codec = {.version = MQW_5_0};
static mqw_rule_set reported;

static mqw__check reading(mqw_bytes in)
{
    return (mqw__check){.codec = &codec,
                        .body = in.data,
                        .end = in.data + in.len,
                        .reported = &reported,
                        .version = MQW_5_0,
                        .header_size = 2};
}

static mqw__check writing(uint8_t *room, size_t cap)
{
    return (mqw__check){.codec = &codec, .room = room, .cap = cap, .version = MQW_5_0};
}

static void test_every_vbi_of_up_to_three_bytes(void **state)
{
    (void)state;
    for (uint32_t value = 0; value < 0x200000; value++) {
        uint8_t bytes[4];
        unsigned size = mqw__vbi_store(bytes, value);
        assert_int_equal(size, mqw__vbi_size(value));
        assert_int_equal(size, value < 128 ? 1 : value < 16384 ? 2 : 3);
        uint32_t back = 0;
        assert_int_equal(mqw__vbi_peek((mqw_bytes){bytes, size}, &back), size);
        assert_int_equal(back, value);
        assert_int_equal(mqw__vbi_peek((mqw_bytes){bytes, size - 1}, &back), 0);
    }
}

// Table 2-1: the largest of each length; section 1.5.5: never a fifth byte.
static void test_vbi_edges(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        int size;
        uint32_t value;
    } rows[] = {
        {"", 0, 0},
        {"80", 0, 0},
        {"ff7f", 2, 16383},
        {"8080 01", 3, 16384},
        {"ffff7f", 3, 2097151},
        {"808080 01", 4, 2097152},
        {"ffffff7f", 4, MQW_LENGTH_MAX},
        {"ffffffff", -1, 0},
        {"80808080 01", -1, 0},
        {"8000", 2, 0},
        {"81808000", 4, 1},
        {"808080", 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint32_t value = 0;
        assert_int_equal(mqw__vbi_peek(hex(rows[i].bytes), &value), rows[i].size);
        assert_int_equal(value, rows[i].value);
    }
}

// MQTT-1.5.5-1
static void test_reading_vbi(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        int rule;
    } rows[] = {{"7f", 0},
                {"8001", 0},
                {"ffffff7f", 0},
                {"8000", MQW_RULE_LENGTH_OVERLONG},
                {"ff8000", MQW_RULE_LENGTH_OVERLONG},
                {"ffffffff", MQW_RULE_LENGTH_BYTES},
                {"ffffff", MQW_RULE_TRUNCATED},
                {"", MQW_RULE_TRUNCATED}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        mqw_bytes in = hex(rows[i].bytes);
        mqw__check check = reading(in);
        mqw__reader r = mqw__reader_at(&check, in.data);
        mqw__read_vbi(&r, LATER);
        assert_int_equal(check.rule, rows[i].rule);
        assert_ptr_equal(r.at, r.end);
    }
}

static void test_failure_sticks(void **state)
{
    (void)state;
    mqw_bytes in = hex("0102 0005 616263");
    mqw__check check = reading(in);
    mqw__reader r = mqw__reader_at(&check, in.data);
    assert_int_equal(mqw__read_u16(&r, LATER), 0x0102);
    mqw_text cut;
    mqw__read_text(&r, &cut, CUT);
    assert_int_equal(cut.len, 0);
    assert_int_equal(check.rule, MQW_RULE_TRUNCATED);
    assert_int_equal(check.offset, 4);
    assert_int_equal(check.field, CUT);
    assert_int_equal(mqw__read_u8(&r, LATER), 0);
    assert_int_equal(mqw__read_u16(&r, LATER), 0);
    assert_int_equal(mqw__read_u32(&r, LATER), 0);
    assert_int_equal(mqw__read_vbi(&r, LATER), 0);
    assert_int_equal(mqw__read_packet_id(&r), 0);
    assert_int_equal(mqw__read_rest(&r).len, 0);
    mqw__reader_end(&r);
    assert_int_equal(check.rule, MQW_RULE_TRUNCATED);
    assert_int_equal(check.field, CUT);
}

static void test_reading_numbers(void **state)
{
    (void)state;
    mqw_bytes in = hex("ff fffe fffefdfc 0003 616263 00");
    mqw__check check = reading(in);
    mqw__reader r = mqw__reader_at(&check, in.data);
    assert_int_equal(mqw__read_u8(&r, LATER), 0xFF);
    assert_int_equal(mqw__read_u16(&r, LATER), 0xFFFE);
    assert_int_equal(mqw__read_u32(&r, LATER), 0xFFFEFDFC);
    mqw_text read;
    mqw__read_text(&r, &read, LATER);
    expect_text(read, "abc");
    assert_int_equal(check.rule, 0);
    mqw__reader_end(&r);
    assert_int_equal(check.rule, MQW_RULE_SURPLUS);
    assert_int_equal(check.offset, 14);
}

static void test_writing_counts_on(void **state)
{
    (void)state;
    for (size_t cap = 0; cap <= 17; cap++) {
        uint8_t *room = malloc(cap ? cap : 1);
        assert_non_null(room);
        mqw__check check = writing(room, cap);
        mqw__writer w = mqw__writer_at(&check, 0);
        mqw__write_u8(&w, 1);
        mqw__write_u16(&w, 0x0203);
        mqw__write_u32(&w, 0x04050607);
        mqw__write_vbi(&w, 300);
        mqw__write_text(&w, text("hey"), LATER);
        mqw__write_blob(&w, NULL, 0, LATER);
        mqw__write_bytes(&w, "z", 1);
        assert_int_equal(w.at, 17);
        assert_int_equal(check.rule, 0);
        if (cap == 17)
            expect_bytes((mqw_bytes){room, cap}, "01 0203 04050607 ac02 0003 686579 0000 7a");
        free(room);
    }
}

static void test_writing_refuses(void **state)
{
    (void)state;
    static uint8_t room[70000];
    static char long_text[65536];
    memset(long_text, 'x', sizeof long_text);
    mqw__check check = writing(room, sizeof room);
    mqw__writer w = mqw__writer_at(&check, 0);
    mqw__write_blob(&w, long_text, 65535, LATER);
    assert_int_equal(check.rule, 0);
    assert_int_equal(w.at, 65537);
    mqw__write_blob(&w, long_text, 65536, LATER); // MQTT-4.7.3-3
    assert_int_equal(check.rule, MQW_RULE_TEXT_TOO_LONG);

    check = writing(room, sizeof room);
    w = mqw__writer_at(&check, 0);
    mqw__write_text(&w, (mqw_text){NULL, 1}, LATER);
    assert_int_equal(check.rule, MQW_RULE_FIELD_RANGE);

    check = writing(room, sizeof room);
    w = mqw__writer_at(&check, 0);
    mqw__write_text(&w, text("\xff"), LATER);
    assert_int_equal(check.rule, MQW_RULE_UTF8);
    mqw__write_packet_id(&w, 0);
    assert_int_equal(check.rule, MQW_RULE_UTF8);
}

/* Each length around the steps of the copy, with nothing behind either side. */
static void test_copy(void **state)
{
    (void)state;
    for (size_t len = 0; len <= 300; len++) {
        uint8_t *from = malloc(len + 1);
        uint8_t *to = malloc(len + 1);
        assert_true(from && to);
        for (size_t i = 0; i < len; i++)
            from[1 + i] = (uint8_t)(i * 7 + len);
        mqw__copy(to + 1, from + 1, len);
        assert_memory_equal(to + 1, from + 1, len);
        free(from);
        free(to);
    }
}

static void test_shift(void **state)
{
    (void)state;
    for (size_t cap = 6; cap <= 9; cap++) {
        uint8_t *room = malloc(cap);
        assert_non_null(room);
        memcpy(room, "abcdef", 6);
        mqw__check check = writing(room, cap);
        mqw__writer w = mqw__writer_at(&check, 6);
        mqw__writer_shift(&w, 2, 3);
        assert_int_equal(w.at, 9);
        if (cap == 9)
            assert_memory_equal(room + 5, "cdef", 4);
        else
            assert_memory_equal(room, "abcdef", 6);
        free(room);
    }
}

static void test_positions_never_wrap(void **state)
{
    (void)state;
    uint8_t room[4];
    mqw__check check = writing(room, sizeof room);
    mqw__writer w = mqw__writer_at(&check, 3);
    assert_null(mqw__writer_take(&w, SIZE_MAX));
    w.at = SIZE_MAX - 1;
    assert_null(mqw__writer_take(&w, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_vbi_of_up_to_three_bytes),
        cmocka_unit_test(test_vbi_edges),
        cmocka_unit_test(test_reading_vbi),
        cmocka_unit_test(test_failure_sticks),
        cmocka_unit_test(test_reading_numbers),
        cmocka_unit_test(test_writing_counts_on),
        cmocka_unit_test(test_writing_refuses),
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_shift),
        cmocka_unit_test(test_positions_never_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, release_held);
}
