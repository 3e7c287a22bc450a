// SPDX-License-Identifier: MIT
// Topic names and filters (section 4.7), shared subscriptions (section 4.8.2).
#include "wire.h"

// MQTT-4.7.3-1 MQTT-4.7.3-2 MQTT-4.7.1-1 MQTT-3.3.2-2
static void test_names(void **state)
{
    (void)state;
    assert_int_equal(mqw_topic_check(text("a")), 0);
    assert_int_equal(mqw_topic_check(text("/")), 0);
    assert_int_equal(mqw_topic_check(text("a b/ /\xc3\xa9/\xf0\x9f\x98\x80")), 0);
    assert_int_equal(mqw_topic_check(text("$SYS/x\x01")), 0);
    assert_int_equal(mqw_topic_check(text("")), MQW_RULE_TOPIC_EMPTY);
    assert_int_equal(mqw_topic_check((mqw_text){NULL, 0}), MQW_RULE_TOPIC_EMPTY);
    assert_int_equal(mqw_topic_check(text("a/+")), MQW_RULE_TOPIC_WILDCARD);
    assert_int_equal(mqw_topic_check(text("#")), MQW_RULE_TOPIC_WILDCARD);
    assert_int_equal(mqw_topic_check((mqw_text){"a\0", 2}), MQW_RULE_UTF8_NUL);
    assert_int_equal(mqw_topic_check(text("\xc0\x80")), MQW_RULE_UTF8);
    assert_int_equal(mqw_topic_check(text("\xed\xa0\x80+")), MQW_RULE_UTF8);
}

// MQTT-4.7.3-3: 65,535 bytes are allowed, one more is not.
static void test_longest(void **state)
{
    (void)state;
    static char longest[65536];
    memset(longest, 'a', sizeof longest);
    assert_int_equal(mqw_topic_check((mqw_text){longest, 65535}), 0);
    assert_int_equal(mqw_topic_check((mqw_text){longest, 65536}), MQW_RULE_TEXT_TOO_LONG);
    assert_int_equal(mqw_filter_check((mqw_text){longest, 65535}, 4), 0);
    assert_int_equal(mqw_filter_check((mqw_text){longest, 65536}, 4), MQW_RULE_TEXT_TOO_LONG);
}

// MQTT-4.7.1-1 MQTT-4.7.1-2 MQTT-4.7.1-3 MQTT-4.7.3-1 MQTT-4.7.3-2
static void test_filters(void **state)
{
    (void)state;
    static const struct {
        const char *filter;
        int rule;
    } rows[] = {
        {"a", 0},
        {"#", 0},
        {"+", 0},
        {"/", 0},
        {"a/#", 0},
        {"+/#", 0},
        {"+/+/+", 0},
        {"/+", 0},
        {"+/", 0},
        {"a/+/b", 0},
        {"$SYS/#", 0},
        {"", MQW_RULE_FILTER_EMPTY},
        {"a#", MQW_RULE_FILTER_HASH},
        {"#a", MQW_RULE_FILTER_HASH},
        {"#/", MQW_RULE_FILTER_HASH},
        {"a/#/b", MQW_RULE_FILTER_HASH},
        {"##", MQW_RULE_FILTER_HASH},
        {"a/##", MQW_RULE_FILTER_HASH},
        {"+#", MQW_RULE_FILTER_HASH},
        {"a+", MQW_RULE_FILTER_PLUS},
        {"+a", MQW_RULE_FILTER_PLUS},
        {"a/b+", MQW_RULE_FILTER_PLUS},
        {"a/+b", MQW_RULE_FILTER_PLUS},
        {"++", MQW_RULE_FILTER_PLUS},
        {"/++/", MQW_RULE_FILTER_PLUS},
        {"\xff", MQW_RULE_UTF8},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (uint8_t version = 3; version <= 5; version++)
            assert_int_equal(mqw_filter_check(text(rows[i].filter), version), rows[i].rule);
    assert_int_equal(mqw_filter_check((mqw_text){"a\0", 2}, 3), MQW_RULE_UTF8_NUL);
}

// MQTT-4.8.2-1 MQTT-4.8.2-2
static void test_shared_filters(void **state)
{
    (void)state;
    static const struct {
        const char *filter;
        int rule;
    } rows[] = {
        {"$share/g/a", 0},
        {"$share/g//a", 0},
        {"$share/g//", 0},
        {"$share/g/#", 0},
        {"$share/g/+/b", 0},
        {"$share/g/$SYS/#", 0},
        {"$share", 0}, /* an ordinary filter */
        {"$shared/a", 0},
        {"$share/", MQW_RULE_SHARE_NAME},
        {"$share//a", MQW_RULE_SHARE_NAME},
        {"$share/g", MQW_RULE_SHARE_FILTER},
        {"$share/g/", MQW_RULE_SHARE_FILTER},
        {"$share/+/a", MQW_RULE_SHARE_FILTER},
        {"$share/g#/a", MQW_RULE_SHARE_FILTER},
        {"$share/#", MQW_RULE_SHARE_FILTER},
        {"$share/g/a#", MQW_RULE_FILTER_HASH},
        {"$share/g/a+", MQW_RULE_FILTER_PLUS},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(mqw_filter_check(text(rows[i].filter), 5), rows[i].rule);
    assert_int_equal(mqw_filter_check(text("$share//a"), 4), 0);
    assert_int_equal(mqw_filter_check(text("$share/g"), 3), 0);
    assert_int_equal(mqw_filter_check(text("$share/+/a"), 4), 0);
}

static void test_share_split(void **state)
{
    (void)state;
    mqw_text name = text("untouched");
    mqw_text filter = text("untouched");
    static const char *const others[] = {"",         "a",         "$share",    "$share/",
                                         "$share/g", "$share/g/", "$share//a", "$shared/g/a"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(mqw_share_split(text(others[i]), &name, &filter));
    expect_text(name, "untouched");
    expect_text(filter, "untouched");
    assert_true(mqw_share_split(text("$share/group/a/b"), &name, &filter));
    expect_text(name, "group");
    expect_text(filter, "a/b");
    assert_true(mqw_share_split(text("$share/g//a"), &name, &filter));
    expect_text(filter, "/a");
}

// MQTT-4.7.1-2 MQTT-4.7.1-3 MQTT-4.7.2-1 v4:MQTT-4.7.3-4 v5:MQTT-4.7.3-4: the examples of section 4.7 and
// their neighbours.
static void test_matching(void **state)
{
    (void)state;
    static const struct {
        const char *filter;
        const char *name;
        bool match;
    } rows[] = {
        {"sport/tennis/player1/#", "sport/tennis/player1", true},
        {"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
        {"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
        {"sport/tennis/player1/#", "sport/tennis/player2", false},
        {"sport/tennis/player1/#", "sport/tennis/player11", false},
        {"sport/#", "sport", true},
        {"sport/#", "sport/", true},
        {"sport/#", "sports", false},
        {"#", "a", true},
        {"#", "/", true},
        {"#", "a/b/c", true},
        {"sport/tennis/+", "sport/tennis/player1", true},
        {"sport/tennis/+", "sport/tennis/player1/ranking", false},
        {"sport/+", "sport", false},
        {"sport/+", "sport/", true},
        {"+/+", "/finance", true},
        {"/+", "/finance", true},
        {"+", "/finance", false},
        {"+", "finance", true},
        {"+/", "a/", true},
        {"+/", "a", false},
        {"+/#", "a", true},
        {"+/#", "a/b", true},
        {"a/+/c", "a/b/c", true},
        {"a/+/c", "a//c", true},
        {"a/+/c", "a/b/d", false},
        {"a/+/#", "a", false},
        {"a/+/#", "a/b", true},
        {"#", "$SYS/a", false},
        {"+/monitor/Clients", "$SYS/monitor/Clients", false},
        {"+/b", "$a/b", false},
        {"$SYS/#", "$SYS/a", true},
        {"$SYS/#", "$SYS", true},
        {"$SYS/monitor/+", "$SYS/monitor/Clients", true},
        {"a/$b/+", "a/$b/c", true},
        {"a", "A", false},
        {"\xc3\xa9", "e\xcc\x81", false}, // the same letter, composed and not
        {"\xe2\x84\xab", "\xc3\x85", false},
        {"a", "a", true},
        {"a", "ab", false},
        {"ab", "a", false},
        {"a/b", "a", false},
        {"a", "a/", false},
        {"/", "/", true},
        {"//", "/", false},
        {"$share/g/a/+", "a/b", true},
        {"$share/g/a/+", "$share/g/a/b", false},
        {"$share/g/#", "$SYS/a", false},
        {"$share/g/$SYS/#", "$SYS/a", true},
        {"\xc3\xa9/+", "\xc3\xa9/a", true},
        {"", "a", false},
        {"a", "", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (mqw_topic_matches(text(rows[i].filter), text(rows[i].name)) != rows[i].match) {
            print_message("%s %s\n", rows[i].filter, rows[i].name);
            fail();
        }
}

/* Level by level, as the standard describes it. */
static bool naive_matches(const char *filter, const char *name)
{
    if (name[0] == '$' && (filter[0] == '+' || filter[0] == '#'))
        return false;
    for (;;) {
        size_t f = strcspn(filter, "/");
        size_t n = strcspn(name, "/");
        if (f == 1 && filter[0] == '#')
            return true;
        if (!(f == 1 && filter[0] == '+') && (f != n || memcmp(filter, name, f) != 0))
            return false;
        filter += f;
        name += n;
        if (*name == 0)
            return *filter == 0 || strcmp(filter, "/#") == 0;
        if (*filter == 0)
            return false;
        filter++;
        name++;
    }
}

/* Every filter of up to five characters over an alphabet, where valid, against every name of up to four. */
static void make(char *to, unsigned number, const char *alphabet)
{
    size_t base = strlen(alphabet);
    for (; number > 0; number = (unsigned)((number - 1) / base))
        *to++ = alphabet[(number - 1) % base];
    *to = 0;
}

static void test_all_short_ones(void **state)
{
    (void)state;
    char filter[8];
    char name[8];
    unsigned compared = 0;
    for (unsigned f = 1; f <= 5 + 25 + 125 + 625 + 3125; f++) {
        make(filter, f, "a/+#$");
        if (mqw_filter_check(text(filter), 5) != 0)
            continue;
        for (unsigned n = 1; n <= 3 + 9 + 27 + 81; n++) {
            make(name, n, "a/$");
            assert_int_equal(mqw_topic_matches(text(filter), text(name)), naive_matches(filter, name));
            compared++;
        }
    }
    assert_true(compared > 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),          cmocka_unit_test(test_longest),
        cmocka_unit_test(test_filters),        cmocka_unit_test(test_shared_filters),
        cmocka_unit_test(test_share_split),    cmocka_unit_test(test_matching),
        cmocka_unit_test(test_all_short_ones),
    };
    return cmocka_run_group_tests(tests, NULL, release_held);
}
