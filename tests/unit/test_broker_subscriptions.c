// SPDX-License-Identifier: MIT
// The topic tree against mqw_topic_matches: random filters, mount points, shared subscriptions, changes; and
// memory that runs out.
#include "broker/session.h"
#include "unit/two_ends.h"

enum { SESSIONS = 12, MOST = 400 };

static heap memory;
static mqw_allocator allocator;
static uint64_t counted;
static mqw__tree *tree;
static mqw__session *sessions[SESSIONS];

static mqw_text text_of(const char *words)
{
    return (mqw_text){words, strlen(words)};
}

// --- sessions ---

static const char *const mounts[] = {"", "m/", "m/n/", "/", "$x/"};

static const char *mount_of(size_t session)
{
    return session < SESSIONS / 2 ? "" : mounts[session % COUNT(mounts)];
}

static int set_up(void **state)
{
    (void)state;
    memory = (heap){0};
    counted = 0;
    allocator = heap_allocator(&memory);
    for (size_t i = 0; i < SESSIONS; i++) {
        sessions[i] = calloc(1, sizeof(mqw__session));
        assert_non_null(sessions[i]);
        sessions[i]->mount_len = (uint16_t)strlen(mount_of(i));
    }
    tree = mqw__tree_new(&allocator, &counted, 4711);
    return tree ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    mqw__tree_free(tree);
    for (size_t i = 0; i < SESSIONS; i++)
        free(sessions[i]);
    assert_int_equal(memory.held, 0);
    assert_int_equal(counted, 0);
    return 0;
}

// A client's filter as the tree gets it: the mount point behind `$share/name/`.
static mqw_text mounted(size_t session, const char *filter, char *room, size_t cap)
{
    mqw_text name = {NULL, 0}, bare = text_of(filter);
    bool shared = mqw_share_split(bare, &name, &bare);
    int len =
        snprintf(room, cap, "%s%.*s%s%s%.*s", shared ? "$share/" : "", (int)name.len,
                 name.data ? name.data : "", shared ? "/" : "", mount_of(session), (int)bare.len, bare.data);
    assert_in_range(len, 1, cap - 1);
    return (mqw_text){room, (size_t)len};
}

static int add(size_t session, const char *filter, uint32_t identifier, mqw__subscription **out)
{
    char room[256];
    mqw__session *owner = sessions[session];
    mqw_filter item = {.filter = mounted(session, filter, room, sizeof room),
                       .qos = (uint8_t)(identifier % 3)};
    int result = mqw__tree_add(tree, &item, identifier, owner, NULL, out);
    if (result == 1) {
        (*out)->next = owner->subscriptions;
        owner->subscriptions = *out;
        owner->subscription_count++;
    }
    return result;
}

static void take(mqw__subscription *subscription)
{
    mqw__session *owner = subscription->session;
    mqw__subscription **at = &owner->subscriptions;
    while (*at != subscription)
        at = &(*at)->next;
    *at = subscription->next;
    owner->subscription_count--;
    mqw__tree_remove(tree, subscription);
}

// --- a plain list that knows what the tree should ---

typedef struct known {
    mqw__subscription *subscription;
    size_t session;
    char filter[128]; // as the client says it
} known;

static known list[MOST];
static size_t known_count;
static uint64_t chance_state;

static unsigned chance(unsigned below)
{
    chance_state = chance_state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (unsigned)(chance_state >> 33) % below;
}

static void random_levels(char *out, size_t cap, bool filter)
{
    static const char *const levels[] = {"a", "b", "", "ab", "$x", "m", "n", "abc", "+", "+", "#"};
    unsigned count = 1 + chance(5);
    size_t len = 0;
    out[0] = '\0';
    for (unsigned i = 0; i < count; i++) {
        const char *level = levels[chance(filter ? COUNT(levels) : 8)];
        bool last = i + 1 == count || level[0] == '#';
        len += (size_t)snprintf(out + len, cap - len, "%s%s", level, last ? "" : "/");
        if (last)
            break;
    }
    if (len == 0)
        (void)snprintf(out, cap, "a");
}

static void random_filter(char *out, size_t cap)
{
    static const char *const shares[] = {"", "", "", "$share/g/", "$share/h/"};
    const char *share = shares[chance(COUNT(shares))];
    char levels[64];
    random_levels(levels, sizeof levels, true);
    (void)snprintf(out, cap, "%s%s", share, levels);
}

// A client does not see its mount point, and nothing outside.
static bool should_match(const known *one, mqw_text topic)
{
    mqw_text mount = text_of(mount_of(one->session));
    if (topic.len <= mount.len && mount.len > 0)
        return false;
    if (mount.len > 0 && memcmp(topic.data, mount.data, mount.len) != 0)
        return false;
    return mqw_topic_matches(text_of(one->filter), (mqw_text){topic.data + mount.len, topic.len - mount.len});
}

static bool is_in(const mqw__matches *found, const known *one)
{
    size_t times = 0;
    const mqw__subscription *wanted = one->subscription;
    for (size_t i = 0; i < found->plain_count; i++)
        times += found->plain[i] == wanted;
    for (size_t i = 0; i < found->group_count; i++)
        for (uint32_t k = 0; k < found->groups[i]->crowd.count; k++)
            times += found->groups[i]->crowd.members[k] == wanted;
    assert_in_range(times, 0, 1);
    return times == 1;
}

static void check_topic(const char *topic)
{
    mqw__matches found;
    size_t matched = 0, given = 0;
    assert_int_equal(mqw__tree_match(tree, text_of(topic), &found), 0);
    for (size_t i = 0; i < known_count; i++) {
        bool should = should_match(&list[i], text_of(topic));
        if (is_in(&found, &list[i]) != should)
            fail_msg("%s of %s: topic %s", list[i].filter, mount_of(list[i].session), topic);
        matched += should;
    }
    given = found.plain_count;
    for (size_t i = 0; i < found.group_count; i++)
        given += found.groups[i]->crowd.count;
    assert_int_equal(given, matched);
}

static known *listed(size_t session, const char *filter)
{
    for (size_t i = 0; i < known_count; i++)
        if (list[i].session == session && strcmp(list[i].filter, filter) == 0)
            return &list[i];
    return NULL;
}

static void add_random(void)
{
    static char room[65536];
    known one = {.session = chance(SESSIONS)};
    char whole[256];
    uint32_t identifier = chance(1000);
    random_filter(one.filter, sizeof one.filter);
    known *there = listed(one.session, one.filter);
    if (!there && known_count == MOST)
        return;
    assert_int_equal(add(one.session, one.filter, identifier, &one.subscription), !there);
    if (there)
        assert_ptr_equal(there->subscription, one.subscription);
    else
        list[known_count++] = one;
    assert_int_equal(one.subscription->identifier, identifier);
    assert_int_equal(one.subscription->qos, identifier % 3);
    mqw_text filter = mounted(one.session, one.filter, whole, sizeof whole);
    mqw_text told = mqw__tree_filter(one.subscription, room);
    assert_int_equal(told.len, filter.len);
    assert_memory_equal(told.data, filter.data, filter.len);
    assert_ptr_equal(mqw__tree_find(tree, filter, sessions[one.session], NULL), one.subscription);
}

static void take_random(void)
{
    char whole[256];
    if (known_count == 0)
        return;
    known *one = &list[chance((unsigned)known_count)];
    known gone = *one;
    take(one->subscription);
    *one = list[--known_count];
    mqw_text filter = mounted(gone.session, gone.filter, whole, sizeof whole);
    assert_null(mqw__tree_find(tree, filter, sessions[gone.session], NULL));
}

// v4:MQTT-4.7.2-1, v5:MQTT-4.7.2-1; the client's first level is the one behind its mount point.
static void the_tree_finds_what_a_list_finds(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        chance_state = seed;
        unsigned most = 4 + chance(MOST);
        char topic[64] = "a";
        for (int step = 0; step < 600; step++) {
            if (chance(100) < (known_count < most ? 70 : 30))
                add_random();
            else
                take_random();
            check_topic(topic);
            random_levels(topic, sizeof topic, false);
            check_topic(topic);
            check_topic(topic);
            assert_int_equal(mqw__tree_count(tree), known_count);
        }
        while (known_count > 0)
            take_random();
        assert_int_equal(mqw__tree_count(tree), 0);
        assert_int_equal(mqw__tree_groups(tree), 0);
        check_topic("a");
    }
}

// --- shared subscriptions ---

static mqw__group *only_group(const char *topic)
{
    mqw__matches found;
    assert_int_equal(mqw__tree_match(tree, text_of(topic), &found), 0);
    assert_int_equal(found.plain_count, 0);
    assert_int_equal(found.group_count, 1);
    return found.groups[0];
}

// Whoever had its turn keeps it while others come and go.
static void a_turn_stays_with_its_member(void **state)
{
    mqw__subscription *members[5];
    (void)state;
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(add(i, "$share/g/a/+", 1, &members[i]), 1);
    mqw__group *group = only_group("a/b");
    assert_int_equal(group->crowd.count, 5);
    group->turn = 4;
    take(members[1]);
    assert_ptr_equal(group->crowd.members[group->turn], members[4]);
    take(members[0]);
    assert_ptr_equal(group->crowd.members[group->turn], members[4]);
    take(members[4]);
    assert_in_range(group->turn, 0, group->crowd.count - 1);
    assert_int_equal(add(0, "$share/g/a/+", 1, &members[0]), 1);
    assert_int_equal(group->crowd.count, 3);
    take(members[2]);
    take(members[3]);
    assert_ptr_equal(only_group("a/b"), group);
    assert_int_equal(group->turn, 0);
    take(members[0]);
    assert_int_equal(mqw__tree_groups(tree), 0);
}

// The same name below another filter, another name below the same, and one that is not shared do not meet.
static void groups_are_named_below_their_filter(void **state)
{
    mqw__subscription *one[4];
    mqw__matches found;
    (void)state;
    assert_int_equal(add(0, "$share/g/a", 1, &one[0]), 1);
    assert_int_equal(add(0, "$share/h/a", 2, &one[1]), 1);
    assert_int_equal(add(0, "$share/g/+", 3, &one[2]), 1);
    assert_int_equal(add(0, "a", 4, &one[3]), 1);
    assert_int_equal(mqw__tree_count(tree), 4);
    assert_int_equal(mqw__tree_groups(tree), 3);
    assert_int_equal(mqw__tree_match(tree, text_of("a"), &found), 0);
    assert_int_equal(found.group_count, 3);
    assert_int_equal(found.plain_count, 1);
    assert_ptr_equal(found.plain[0], one[3]);
    for (size_t i = 0; i < 4; i++)
        take(one[i]);
}

// The program's own subscriptions are each by itself.
static void subscriptions_of_the_program_stand_beside_others(void **state)
{
    mqw__subscription *one, *other, *again;
    mqw__matches found;
    mqw_filter item = {.filter = MQW_TEXT("a/#")};
    mqw_local *first = (mqw_local *)&one, *second = (mqw_local *)&other;
    (void)state;
    assert_int_equal(mqw__tree_add(tree, &item, 0, NULL, first, &one), 1);
    assert_int_equal(mqw__tree_add(tree, &item, 0, NULL, second, &other), 1);
    assert_int_equal(add(0, "a/#", 1, &again), 1);
    assert_ptr_equal(mqw__tree_find(tree, item.filter, NULL, second), other);
    assert_int_equal(mqw__tree_match(tree, text_of("a"), &found), 0);
    assert_int_equal(found.plain_count, 3);
    take(again);
    mqw__tree_remove(tree, one);
    mqw__tree_remove(tree, other);
}

// --- many, deep, and without memory ---

// One node of each kind, so that a table's buckets split and join.
static void many_come_and_go(void **state)
{
    enum { MANY = 20000 };
    static mqw__subscription *all[MANY];
    char words[64];
    mqw__matches found;
    (void)state;
    for (unsigned i = 0; i < MANY; i++) {
        (void)snprintf(words, sizeof words, i % 3 == 0 ? "dev/%u/state" : "dev/%u/+", i);
        assert_int_equal(add(0, words, i, &all[i]), 1);
    }
    for (unsigned i = 0; i < MANY; i++) {
        (void)snprintf(words, sizeof words, "dev/%u/state", i);
        assert_int_equal(mqw__tree_match(tree, text_of(words), &found), 0);
        assert_int_equal(found.plain_count, 1);
        assert_int_equal(found.plain[0]->identifier, i);
    }
    assert_in_range(memory.held / MANY, 0, 300);
    for (unsigned i = MANY; i-- > 0;)
        take(all[i]);
    assert_in_range(memory.held, 0, 4096);
}

static void everybody_may_want_the_same(void **state)
{
    enum { MANY = 3000 };
    static mqw__subscription *all[MANY];
    mqw_filter item = {.filter = MQW_TEXT("same")};
    mqw__matches found;
    (void)state;
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(mqw__tree_add(tree, &item, 0, NULL, (mqw_local *)&all[i], &all[i]), 1);
    for (size_t left = MANY; left > 0; left--) {
        assert_int_equal(mqw__tree_match(tree, item.filter, &found), 0);
        assert_int_equal(found.plain_count, left);
        mqw__tree_remove(tree, found.plain[left / 2]);
    }
}

// 65,535 levels: nothing here calls itself for each.
static void filters_may_be_as_deep_as_a_text(void **state)
{
    enum { LEN = 65535 };
    static char deep[LEN], room[LEN + 1];
    static mqw__subscription *all[300];
    mqw__matches found;
    (void)state;
    memset(deep, '/', LEN);
    deep[0] = '+';
    for (size_t i = 0; i < COUNT(all); i++) {
        mqw_filter item = {.filter = {deep, LEN - 200 * i}};
        deep[item.filter.len - 1] = i % 2 ? '#' : '+';
        deep[2 * i + 2] = i % 3 ? '+' : 'x';
        assert_int_equal(mqw__tree_add(tree, &item, 0, sessions[0], NULL, &all[i]), 1);
        assert_int_equal(mqw__tree_filter(all[i], room).len, item.filter.len);
        deep[item.filter.len - 1] = '/';
        deep[2 * i + 2] = '/';
    }
    deep[0] = 'a';
    assert_int_equal(mqw__tree_match(tree, (mqw_text){deep, LEN}, &found), 0);
    assert_in_range(found.plain_count, 1, COUNT(all));
    for (size_t i = 0; i < COUNT(all); i += 2)
        mqw__tree_remove(tree, all[i]);
}

// Each allocation fails once: the call is refused, and the tree is as it was.
static void without_memory_nothing_changes(void **state)
{
    static const char *const filters[] = {"a/b/c",          "a/b/+",        "a/b/#",        "a/+/c",
                                          "$share/g/a/b/+", "$share/g/a/b", "$share/h/a/b", "x/y/z/+/w",
                                          "x/y/z/v/+/w",    "x/+"};
    (void)state;
    for (size_t i = 0; i < COUNT(filters); i++)
        for (size_t session = 0; session < SESSIONS; session++) {
            known one = {.session = session};
            int result = MQW_E_NO_MEMORY;
            (void)snprintf(one.filter, sizeof one.filter, "%s", filters[i]);
            for (unsigned nth = 1; result == MQW_E_NO_MEMORY; nth++) {
                uint64_t groups = mqw__tree_groups(tree), before = mqw__tree_count(tree);
                memory.fail_at = memory.allocations + nth;
                memory.failed = false;
                result = add(session, one.filter, 1, &one.subscription);
                memory.fail_at = 0;
                assert_int_equal(result, memory.failed ? MQW_E_NO_MEMORY : 1);
                if (result == 1)
                    list[known_count++] = one;
                else
                    assert_int_equal(mqw__tree_groups(tree), groups);
                assert_int_equal(mqw__tree_count(tree), before + (result == 1));
                check_topic("a/b/c");
                check_topic("m/n/a/b/c");
                check_topic("m/x/y/z/v/q/w");
                check_topic("x/y/z/v/w");
            }
        }
    while (known_count > 0)
        take_random();
}

// A match without memory says so, and gives what it can; it is whole again when there is memory.
static void a_match_without_memory_says_so(void **state)
{
    mqw__subscription *all[40];
    mqw__matches found;
    (void)state;
    for (size_t i = 0; i < 20; i++) {
        char words[64] = "a/b";
        assert_int_equal(add(i % SESSIONS, i < SESSIONS ? "a/b" : "a/+", 1, &all[2 * i]), 1);
        (void)snprintf(words, sizeof words, "$share/g%u/a/b", (unsigned)i);
        assert_int_equal(add(0, words, 1, &all[2 * i + 1]), 1);
    }
    memory.fail_on = memory.failed = true;
    assert_int_equal(mqw__tree_match(tree, text_of("a/b"), &found), MQW_E_NO_MEMORY);
    memory.fail_on = false;
    for (size_t i = 0; i < found.plain_count; i++)
        assert_non_null(found.plain[i]->node);
    assert_int_equal(mqw__tree_match(tree, text_of("a/b"), &found), 0);
    assert_int_equal(found.group_count, 20);
    for (size_t i = 0; i < 40; i++)
        take(all[i]);
}

// The tree is freed with all that is in it.
static void a_full_tree_is_freed(void **state)
{
    mqw__subscription *made;
    (void)state;
    chance_state = 99;
    for (int i = 0; i < 300; i++)
        add_random();
    known_count = 0;
    assert_int_equal(add(1, "+/+/+/+", 1, &made), 1);
    assert_int_equal(add(1, "+/+", 1, &made), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_tree_finds_what_a_list_finds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_turn_stays_with_its_member, set_up, tear_down),
        cmocka_unit_test_setup_teardown(groups_are_named_below_their_filter, set_up, tear_down),
        cmocka_unit_test_setup_teardown(subscriptions_of_the_program_stand_beside_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_come_and_go, set_up, tear_down),
        cmocka_unit_test_setup_teardown(everybody_may_want_the_same, set_up, tear_down),
        cmocka_unit_test_setup_teardown(filters_may_be_as_deep_as_a_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_memory_nothing_changes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_match_without_memory_says_so, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_tree_is_freed, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
