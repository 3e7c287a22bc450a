// SPDX-License-Identifier: MIT
// Retained messages against a plain list and mqw_topic_matches: set, take, walk, all at once; and memory that
// runs out. Linked with letters of its own in place of the broker's.
#include "broker/retained.h"
#include "unit/two_ends.h"

static heap memory;
static mqw_allocator allocator;
static uint64_t counted;
static mqw__retained *retained;
static long letters;

void mqw__letter_drop(mqw__letter *letter)
{
    if (!letter || --letter->shared.refs > 0)
        return;
    letters--;
    free(letter);
}

static mqw__letter *write_letter(const char *topic)
{
    size_t len = strlen(topic);
    mqw__letter *letter = calloc(1, sizeof *letter + len + 1);
    assert_non_null(letter);
    letter->shared.refs = 1;
    letter->topic_len = (uint16_t)len;
    memcpy(letter->topic, topic, len);
    letters++;
    return letter;
}

static mqw_text text_of(const char *words)
{
    return (mqw_text){words, strlen(words)};
}

static int set_up(void **state)
{
    (void)state;
    memory = (heap){0};
    counted = 0;
    letters = 0;
    allocator = heap_allocator(&memory);
    retained = mqw__retained_new(&allocator, &counted, 99);
    return retained ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    mqw__retained_free(retained);
    assert_int_equal(letters, 0);
    assert_int_equal(memory.held, 0);
    assert_int_equal(counted, 0);
    return 0;
}

static int set(const char *topic)
{
    mqw__letter *letter = write_letter(topic);
    int result = mqw__retained_set(retained, letter, NULL);
    mqw__letter_drop(letter);
    return result;
}

static void take(const char *topic)
{
    mqw__letter *letter = mqw__retained_take(retained, text_of(topic));
    assert_non_null(letter);
    mqw__letter_drop(letter);
}

static mqw__letter *next_of(mqw__walk *walk)
{
    mqw__letter *letter = NULL;
    for (int turns = 0; !letter && !mqw__walk_over(walk) && turns < 100000; turns++)
        letter = mqw__walk_next(walk);
    return letter;
}

static size_t count_of(const char *filter, size_t mount_len)
{
    size_t count = 0;
    mqw__walk *walk = mqw__retained_walk(retained, text_of(filter), mount_len);
    assert_non_null(walk);
    for (; next_of(walk) != NULL;)
        count++;
    assert_null(mqw__walk_next(walk));
    mqw__walk_end(walk);
    return count;
}

// --- against a list ---

enum { TOPICS = 300, WALKS = 4 };

typedef struct known {
    char topic[64];
    mqw__letter *letter; // NULL: none
    bool stayed[WALKS];  // since the walk began
    unsigned met[WALKS];
} known;

typedef struct wander {
    mqw__walk *walk; // NULL: none
    char filter[64];
    size_t mount_len;
} wander;

static known list[TOPICS];
static wander wanders[WALKS];
static uint64_t chance_state;

static unsigned chance(unsigned below)
{
    chance_state = chance_state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (unsigned)(chance_state >> 33) % below;
}

static void random_levels(char *out, size_t cap, bool filter)
{
    static const char *const levels[] = {"a", "b", "", "ab", "$x", "m", "+", "+", "#"};
    unsigned count = 1 + chance(4);
    size_t len = strlen(out);
    size_t begin = len;
    for (unsigned i = 0; i < count; i++) {
        const char *level = levels[chance(filter ? COUNT(levels) : 6)];
        bool last = i + 1 == count || level[0] == '#';
        len += (size_t)snprintf(out + len, cap - len, "%s%s", level, last ? "" : "/");
        if (last)
            break;
    }
    if (len == begin)
        (void)snprintf(out + len, cap - len, "a");
}

static void begin_wander(size_t number)
{
    static const char *const mounts[] = {"", "", "m/", "a/b/", "/"};
    const char *mount = mounts[chance(COUNT(mounts))];
    wander *one = &wanders[number];
    (void)snprintf(one->filter, sizeof one->filter, "%s", mount);
    random_levels(one->filter, sizeof one->filter, true);
    one->mount_len = strlen(mount);
    one->walk = mqw__retained_walk(retained, text_of(one->filter), one->mount_len);
    assert_non_null(one->walk);
    for (size_t i = 0; i < TOPICS; i++) {
        list[i].met[number] = 0;
        list[i].stayed[number] = list[i].letter != NULL;
    }
}

static bool should_meet(const wander *one, const char *topic)
{
    size_t mount = one->mount_len;
    return strlen(topic) > mount && strncmp(topic, one->filter, mount) == 0 &&
           mqw_topic_matches(text_of(one->filter + mount), text_of(topic + mount));
}

static void check_wander(size_t number)
{
    const wander *one = &wanders[number];
    for (size_t i = 0; i < TOPICS; i++) {
        bool should = should_meet(one, list[i].topic);
        if (list[i].met[number] > 1 || (list[i].met[number] == 1 && !should) ||
            (list[i].met[number] == 0 && should && list[i].stayed[number]))
            fail_msg("%s behind %zu met %s %u times", one->filter, one->mount_len, list[i].topic,
                     list[i].met[number]);
    }
}

static known *known_of(const mqw__letter *letter)
{
    for (size_t i = 0; i < TOPICS; i++)
        if (list[i].letter == letter)
            return &list[i];
    return NULL;
}

static void wander_on(size_t number)
{
    wander *one = &wanders[number];
    mqw__letter *letter = mqw__walk_next(one->walk);
    if (letter) {
        known *met = known_of(letter);
        assert_non_null(met);
        met->met[number]++;
    } else if (mqw__walk_over(one->walk)) {
        check_wander(number);
        mqw__walk_end(one->walk);
        one->walk = NULL;
    } else {
        return;
    }
    if (one->walk && chance(300) == 0) {
        mqw__walk_end(one->walk);
        one->walk = NULL;
    }
}

static void change(known *one)
{
    mqw__letter *old = NULL;
    if (one->letter && chance(2)) {
        assert_ptr_equal(mqw__retained_take(retained, text_of(one->topic)), one->letter);
        mqw__letter_drop(one->letter);
        one->letter = NULL;
        for (size_t i = 0; i < WALKS; i++)
            one->stayed[i] = false;
        return;
    }
    mqw__letter *letter = write_letter(one->topic);
    assert_int_equal(mqw__retained_set(retained, letter, &old), 0);
    assert_ptr_equal(old, one->letter);
    mqw__letter_drop(old);
    mqw__letter_drop(letter);
    one->letter = letter;
}

static void make_topics(void)
{
    for (size_t i = 0; i < TOPICS; i++) {
        bool twice = true;
        list[i] = (known){{0}, NULL, {false}, {0}};
        while (twice) {
            list[i].topic[0] = '\0';
            random_levels(list[i].topic, sizeof list[i].topic, false);
            twice = false;
            for (size_t k = 0; k < i && !twice; k++)
                twice = strcmp(list[i].topic, list[k].topic) == 0;
        }
    }
}

// Several walks at a time while messages come and go: what stays is met once by those whose filter matches,
// v5:MQTT-4.7.2-1 v4:MQTT-4.7.2-1 included.
static void walks_meet_what_a_list_says(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        chance_state = seed;
        make_topics();
        for (int step = 0; step < 20000; step++) {
            size_t number = chance(WALKS);
            known *one = &list[chance(TOPICS)];
            if (chance(4) == 0)
                change(one);
            assert_ptr_equal(mqw__retained_find(retained, text_of(one->topic)), one->letter);
            if (wanders[number].walk)
                wander_on(number);
            else
                begin_wander(number);
        }
        for (size_t i = 0; i < WALKS; i++) {
            mqw__walk_end(wanders[i].walk);
            wanders[i].walk = NULL;
        }
        for (size_t i = 0; i < TOPICS; i++)
            if (list[i].letter)
                take(list[i].topic);
        assert_int_equal(mqw__retained_count(retained), 0);
        assert_int_equal(letters, 0);
    }
}

// What a walk says of what is to come, when nothing changes any more.
static void check_foresight(size_t number)
{
    static bool later[TOPICS];
    wander *one = &wanders[number];
    mqw__letter *letter;
    for (size_t i = 0; i < TOPICS; i++)
        later[i] = mqw__walk_will_meet(one->walk, text_of(list[i].topic));
    while ((letter = next_of(one->walk)) != NULL) {
        const known *met = known_of(letter);
        assert_true(later[met - list]);
        later[met - list] = false;
    }
    for (size_t i = 0; i < TOPICS; i++)
        assert_false(later[i]);
    mqw__walk_end(one->walk);
    one->walk = NULL;
}

static void a_walk_knows_what_is_to_come(void **state)
{
    (void)state;
    for (uint64_t seed = 100; seed <= 110; seed++) {
        chance_state = seed;
        make_topics();
        for (int step = 0; step < 8000; step++) {
            change(&list[chance(TOPICS)]);
            if (!wanders[0].walk)
                begin_wander(0);
            else if (chance(30) == 0)
                check_foresight(0);
            else
                wander_on(0);
        }
        mqw__walk_end(wanders[0].walk);
        wanders[0].walk = NULL;
        for (size_t i = 0; i < TOPICS; i++)
            if (list[i].letter)
                take(list[i].topic);
    }
}

// --- by themselves ---

static void the_last_message_of_a_topic_is_kept(void **state)
{
    (void)state;
    assert_int_equal(set("a/b"), 0);
    assert_int_equal(set("a/b"), 0);
    assert_int_equal(set("a"), 0);
    assert_int_equal(letters, 2);
    assert_int_equal(mqw__retained_count(retained), 2);
    assert_null(mqw__retained_find(retained, text_of("a/b/c")));
    assert_null(mqw__retained_take(retained, text_of("b")));
    assert_int_equal(count_of("a/#", 0), 2);
    take("a");
    assert_null(mqw__retained_take(retained, text_of("a")));
    assert_int_equal(count_of("a/#", 0), 1);
}

// What expires is looked for with a walk that leaves nothing out.
static void an_empty_filter_takes_every_topic(void **state)
{
    (void)state;
    assert_int_equal(set("a/b"), 0);
    assert_int_equal(set("$SYS/broker/uptime"), 0);
    assert_int_equal(set("$SYS/broker/uptime"), 0);
    assert_int_equal(set("/"), 0);
    assert_int_equal(count_of("", 0), 3);
    assert_int_equal(count_of("#", 0), 2);
    assert_int_equal(mqw__retained_count(retained), 3);
    assert_int_equal(mqw__retained_of_clients(retained), 2);
    take("$SYS/broker/uptime");
    assert_int_equal(mqw__retained_of_clients(retained), 2);
    assert_int_equal(mqw__retained_count(retained), 2);
    assert_int_equal(set("$SYS/broker/connection/house.bridge/state"), 0); // a bridge's, not the broker's
    assert_int_equal(mqw__retained_of_clients(retained), 3);
}

// A wildcard over many levels that do not match ends its turn early, and goes on behind.
static void a_walk_takes_no_long_turn(void **state)
{
    char topic[32];
    (void)state;
    for (unsigned i = 0; i < 5000; i++) {
        (void)snprintf(topic, sizeof topic, "%u/%s", i, i == 7 ? "x" : "y");
        assert_int_equal(set(topic), 0);
    }
    mqw__walk *walk = mqw__retained_walk(retained, text_of("+/x"), 0);
    size_t turns = 0, met = 0;
    for (; !mqw__walk_over(walk) && turns < 5000; turns++)
        met += mqw__walk_next(walk) != NULL;
    assert_in_range(turns, 5, 20);
    assert_int_equal(met, 1);
    mqw__walk_end(walk);
    assert_int_equal(count_of("+/y", 0), 4999);
}

// All goes while a walk stands in the midst of it.
static void a_walk_outlives_what_it_stands_on(void **state)
{
    (void)state;
    assert_int_equal(set("a/b/c"), 0);
    assert_int_equal(set("a/b"), 0);
    mqw__walk *walk = mqw__retained_walk(retained, text_of("#"), 0);
    assert_non_null(next_of(walk));
    take("a/b/c");
    take("a/b");
    assert_int_equal(set("a/b/d"), 0);
    (void)next_of(walk);
    assert_null(next_of(walk));
    mqw__walk_end(walk);
    mqw__walk_end(NULL);
    assert_int_equal(count_of("#", 0), 1);
}

static void topics_may_be_as_deep_as_a_text(void **state)
{
    static char deep[65536];
    (void)state;
    memset(deep, '/', sizeof deep - 1);
    deep[0] = '+';
    assert_int_equal(set(deep + 1), 0);
    assert_int_equal(count_of("#", 0), 1);
    assert_int_equal(count_of(deep, 0), 1);
    take(deep + 1);
    assert_in_range(memory.held, 0, 4096);
}

// One message costs little more than itself.
static void a_message_costs_little(void **state)
{
    char topic[32];
    size_t before = memory.held;
    (void)state;
    for (unsigned i = 0; i < 10000; i++) {
        (void)snprintf(topic, sizeof topic, "bench/retained/%05u", i);
        assert_int_equal(set(topic), 0);
    }
    assert_in_range((memory.held - before) / 10000, 0, 120);
    assert_int_equal(counted, memory.held);
}

static void without_memory_nothing_changes(void **state)
{
    static const char *const topics[] = {"a/b/c", "a/b", "x/y/z", "a/c/d/e"};
    (void)state;
    for (size_t i = 0; i < COUNT(topics); i++) {
        int result = MQW_E_NO_MEMORY;
        for (unsigned nth = 1; result == MQW_E_NO_MEMORY; nth++) {
            size_t held = memory.held;
            memory.fail_at = memory.allocations + nth;
            memory.failed = false;
            result = set(topics[i]);
            memory.fail_at = 0;
            assert_int_equal(result, memory.failed ? MQW_E_NO_MEMORY : 0);
            assert_int_equal(mqw__retained_count(retained), i + (result == 0));
            assert_int_equal(count_of("#", 0), i + (result == 0));
            assert_true(result == 0 || memory.held <= held + 128 * sizeof(void *));
        }
    }
    memory.fail_at = memory.allocations + 1;
    assert_null(mqw__retained_walk(retained, text_of("#"), 0));
    memory.fail_at = memory.allocations + 1;
    assert_null(mqw__retained_new(&allocator, &counted, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(walks_meet_what_a_list_says, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_walk_knows_what_is_to_come, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_last_message_of_a_topic_is_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_empty_filter_takes_every_topic, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_walk_takes_no_long_turn, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_walk_outlives_what_it_stands_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(topics_may_be_as_deep_as_a_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_message_costs_little, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_memory_nothing_changes, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
