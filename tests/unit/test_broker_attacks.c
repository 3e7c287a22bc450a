// SPDX-License-Identifier: MIT
// What hostile clients and careless programs do to a broker: it keeps to its bounds, and to what was allowed.
#include <mqwire/broker.h>

#include "unit/broker_world.h"

// ---- clients that ask and do not read ----

enum { MOST = 4096, PIECE = 20000 };

static const mqw_broker_options small = {.limits = {.max_output = MOST, .max_packet_size = MOST}};

// Says the same packet again and again, and takes no answer. It is sent away before the answers are too many.
static void floods(const char *client, const char *packet)
{
    wire *at = wire_of(client);
    mqw_bytes one = hex(packet);
    size_t most = 0;
    at->stalled = at->deaf = true;
    uint8_t *all = malloc(one.len * PIECE);
    assert_non_null(all);
    for (size_t i = 0; i < PIECE; i++)
        memcpy(all + i * one.len, one.data, one.len);
    for (int i = 0; i < 4 && !at->closing; i++) {
        give(at, (mqw_bytes){all, one.len * PIECE});
        most = mqw_conn_waiting(at->server) > most ? mqw_conn_waiting(at->server) : most;
        settle();
    }
    free(all);
    assert_true(at->closing);
    assert_true(most <= 2 * MOST + (64 << 10) + 1024);
}

static void answers_that_nobody_reads(void **state)
{
    static const char *const packets[] = {
        "c0 00",       // PINGREQ
        "50 02 00 4d", // PUBREC that nobody waits for
        "62 02 00 4d", // PUBREL of nothing
        "82 07 00 05 00 00 01 't' 00",
        "a2 06 00 05 00 00 01 't'",
        "34 06 00 01 't' 00 05 00", // QoS 2, always the same
        "32 06 00 01 't' 00 05 00",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(packets); i++) {
        start(&small);
        is_there("a", "CONNECT version=5 client_id=\"a\"");
        floods("a", packets[i]);
        finish();
    }
}

// ---- authentication that nobody reads ----

static int yes_and_on(void *self, mqw_bytes in, mqw_bytes *out)
{
    static const uint8_t words[] = "so you say";
    (void)self;
    *out = (mqw_bytes){words, sizeof words};
    return in.len ? 0 : 1;
}

static int by_heart(mqw_broker *broker, mqw_peer *peer, mqw_text method, mqw_auth *out, void *ctx)
{
    (void)broker, (void)peer, (void)method, (void)ctx;
    *out = (mqw_auth){.step = yes_and_on};
    return 0;
}

// AUTH: again, with data, so that it is over at once.
static void authentications_that_nobody_reads(void **state)
{
    mqw_broker_options options = small;
    options.hooks.on_auth = by_heart;
    (void)state;
    start(&options);
    is_there("a", "CONNECT version=5 client_id=\"a\" auth_method=\"m\" auth_data=\"x\"");
    floods("a", "f0 0a 19 08 15 00 01 'm' 16 00 01 'x'");
    finish();
}

// ---- programs that answer what they should not ----

static int verdict;

static int may_publish(mqw_broker *broker, mqw_peer *peer, mqw_publish *publish, void *ctx)
{
    (void)broker, (void)peer, (void)publish, (void)ctx;
    return verdict;
}

static int may_subscribe(mqw_broker *broker, mqw_peer *peer, mqw_filter *item, void *ctx)
{
    (void)broker, (void)peer, (void)item, (void)ctx;
    return verdict;
}

// What is neither yes nor a reason code is no.
static void answers_that_are_none(void **state)
{
    static const int answers[] = {1, 2, 0x11, 0x7f, -1, MQW_E_NO_MEMORY, 0x101};
    const mqw_broker_options options = {.hooks = {.on_publish = may_publish, .on_subscribe = may_subscribe}};
    (void)state;
    for (size_t i = 0; i < COUNT(answers); i++) {
        start(&options);
        verdict = 0;
        is_there("b", "CONNECT version=4 client_id=\"b\"");
        does("b", "SUBSCRIBE packet_id=1 filter=\"t\":0");
        is_there("a", "CONNECT version=5 client_id=\"a\"");
        verdict = answers[i];
        tells("a", "PUBLISH topic=\"t\" payload=\"x\" qos=1 packet_id=1");
        hears("a: PUBACK packet_id=1 reason=0x87");
        tells("a", "PUBLISH topic=\"t\" payload=\"x\"");
        hears("");
        tells("a", "SUBSCRIBE packet_id=2 filter=\"t\":0");
        hears("a: SUBACK packet_id=2 reasons=0x87");
        finish();
    }
}

// ---- programs that tell others of each drop ----

static int drops;

// A message of its own for each that was dropped, which is dropped, too.
static void told_dropped(mqw_broker *broker, mqw_text client_id, const mqw_publish *publish, mqw_drop why,
                         void *ctx)
{
    const mqw_publish obituary = {.topic = MQW_TEXT("dropped"), .payload = publish->payload};
    (void)client_id, (void)why, (void)ctx;
    drops++;
    (void)mqw_broker_publish(broker, &obituary);
}

static void drops_that_are_told(void **state)
{
    mqw_broker_options options = {.limits = {.max_queued = 3}, .hooks = {.on_dropped = told_dropped}};
    (void)state;
    for (int policy = MQW_QUEUE_DROP_OLDEST; policy <= MQW_QUEUE_REFUSE; policy++) {
        options.limits.when_full = (uint8_t)policy;
        options.limits.max_output = 64;
        drops = 0;
        start(&options);
        is_there("a", "CONNECT version=4 client_id=\"a\"");
        does("a", "SUBSCRIBE packet_id=1 filter=\"#\":0");
        wire_of("a")->stalled = true;
        is_there("b", "CONNECT version=4 client_id=\"b\"");
        for (int i = 0; i < 20; i++)
            does("b", "PUBLISH topic=\"t\" payload=\"twenty bytes of text\"");
        assert_true(drops > 0 && drops < 20 * 64);
        finish();
    }
}

static int deliveries;

static void told_delivered(mqw_broker *broker, mqw_text client_id, const mqw_publish *publish, void *ctx)
{
    const mqw_publish note = {.topic = MQW_TEXT("delivered"), .payload = publish->payload};
    (void)client_id, (void)ctx;
    deliveries++;
    (void)mqw_broker_publish(broker, &note);
}

// What is published about a delivery is delivered, too.
static void deliveries_that_are_told(void **state)
{
    const mqw_broker_options options = {.hooks = {.on_delivered = told_delivered}};
    (void)state;
    start(&options);
    deliveries = 0;
    for (int i = 0; i < 3; i++) {
        static const char *const names[] = {"a", "b", "c"};
        is_there(names[i], "CONNECT version=5 client_id=\"\"");
        does(names[i], "SUBSCRIBE packet_id=1 filter=\"#\":1");
    }
    does("a", "PUBLISH topic=\"t\" payload=\"x\"");
    assert_int_equal(deliveries, 3 + 3 * 3); // and what is said of those nine nobody takes
    finish();
}

// ---- filters that are nearly met ----

enum { DEEP = 120, FILTERS = 200, MESSAGES = 2000 };

// `+` and `a` in any order, and an end that no topic has.
static void deep_filter(char *out, unsigned number)
{
    for (size_t i = 0; i < DEEP; i++) {
        out[i * 2] = (number >> i % 16 & 1) ^ (i / 16 & 1) ? '+' : 'a';
        out[i * 2 + 1] = '/';
    }
    snprintf(out + (size_t)DEEP * 2, 16, "z%u", number);
}

static void subscribes_deeply(const char *client)
{
    char line[400], filter[DEEP * 2 + 16];
    for (unsigned i = 0; i < FILTERS; i++) {
        deep_filter(filter, i * 7919);
        snprintf(line, sizeof line, "SUBSCRIBE packet_id=%u filter=\"%s\":0", i + 1, filter);
        does(client, line);
    }
}

static uint64_t published(void)
{
    mqw_broker_status status = {.size = sizeof status};
    mqw_broker_status_of(w.broker, &status);
    return status.publish_received;
}

// PUBLISH of QoS 0, each with a topic of its own.
static mqw_bytes many_publish(void)
{
    uint8_t *all = calloc(MESSAGES, 2 * DEEP + 16);
    assert_non_null(all);
    size_t at = 0;
    for (unsigned i = 0; i < MESSAGES; i++) {
        uint8_t *one = all + at;
        size_t len = DEEP * 2 + 6;
        one[0] = 0x30;
        one[1] = (uint8_t)((len + 2) & 0x7F) | 0x80;
        one[2] = (uint8_t)((len + 2) >> 7);
        one[3] = 0;
        one[4] = (uint8_t)len;
        for (size_t k = 0; k < DEEP; k++)
            memcpy(one + 5 + k * 2, "a/", 2);
        snprintf((char *)one + 5 + (size_t)DEEP * 2, 7, "%06u", i);
        at += len + 5;
    }
    return (mqw_bytes){all, at};
}

// Whoever makes that much work is not read to the end in one turn, and all of it is taken in the end.
static void work_that_takes_long(void **state)
{
    (void)state;
    start(NULL);
    is_there("a", "CONNECT version=4 client_id=\"a\"");
    subscribes_deeply("a");
    is_there("b", "CONNECT version=4 client_id=\"b\"");
    mqw_bytes all = many_publish();
    give(wire_of("b"), all);
    assert_in_range(published(), 1, MESSAGES / 4);
    free((void *)(uintptr_t)all.data); // NOLINT(performance-no-int-to-ptr): sheds const
    settle();
    assert_int_equal(published(), MESSAGES);
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_that_nobody_reads), cmocka_unit_test(authentications_that_nobody_reads),
        cmocka_unit_test(answers_that_are_none),     cmocka_unit_test(drops_that_are_told),
        cmocka_unit_test(deliveries_that_are_told),  cmocka_unit_test(work_that_takes_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
