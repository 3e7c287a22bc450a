// SPDX-License-Identifier: MIT
// Clients that never forget, of a broker that loses its process or its power: pairs of a publisher and a
// subscriber, and one subscriber to all that comes at the end only. Messages are numbers.
#ifndef MQW_BROKER_CROWD_H
#define MQW_BROKER_CROWD_H

#include <mqwire/broker.h>
#include <mqwire/client.h>

#include "live/live.h"

enum {
    PAIRS = 4,
    MOST_NUMBERS = 1 << 18,
    WINDOW = 16 /**< Messages of a publisher that are not acknowledged. */
};

/** What a subscriber has received of one publisher, for each QoS: numbers rise. */
typedef struct ledger {
    uint8_t *times; /**< How often each has come. */
    uint32_t first; /**< The highest so far: none below it may come for the first time. */
} ledger;

typedef struct crowd crowd;

typedef struct guest {
    crowd *crowd;
    mqw_client *client;
    int pair;
    bool been;     /**< It was connected. */
    uint32_t made; /**< Numbers published: 1 … made; odd ones with QoS 1, even ones with QoS 2. */
    uint32_t open; /**< Of them not acknowledged. */
    uint32_t acknowledged;
    uint8_t *refused; /**< Publishers: these were, which only happens when the store fails. */
    bool closed;
} guest;

/** One message of a publisher. */
typedef struct errand {
    guest *guest;
    uint32_t number;
} errand;

struct crowd {
    uv_loop_t *loop;
    char address[128];
    guest publishers[PAIRS], subscribers[PAIRS], late;
    ledger heard[PAIRS][2], late_heard[PAIRS][2];
    uint32_t retained[PAIRS]; /**< What a subscriber found at the end. */
    uint32_t events;          /**< Acknowledgements and arrivals. */
    bool resting;             /**< Nothing more is published. */
    bool may_refuse;          /**< The store may fail. */
};

static inline uint8_t qos_of(uint32_t number)
{
    return (uint8_t)(2 - number % 2);
}

static inline uint32_t number_of(mqw_bytes bytes)
{
    uint32_t number;
    assert_true(bytes.len >= sizeof number);
    memcpy(&number, bytes.data, sizeof number);
    return number;
}

// --- publishers ---

static inline void crowd_publish(guest *on);

static inline void crowd_done(mqw_client *client, int result, const mqw_packet *answer, void *ctx)
{
    errand *errand_of = ctx;
    guest *on = errand_of->guest;
    uint32_t number = errand_of->number;
    (void)client, (void)answer;
    free(errand_of);
    if (result == MQW_E_CLOSED)
        return;
    assert_true(result == 0 || result == 0x10 || (result == 0x97 && on->crowd->may_refuse));
    on->refused[number] = result == 0x97;
    on->open--;
    on->acknowledged++;
    on->crowd->events++;
    crowd_publish(on);
}

static inline void crowd_publish(guest *on)
{
    while (on->open < WINDOW && on->made + 1 < MOST_NUMBERS && !on->crowd->resting) {
        uint32_t number = ++on->made;
        char topic[16];
        uint8_t payload[300] = {0};
        memcpy(payload, &number, sizeof number);
        bool retain = number % 50 == 0; // of both kinds one after the other
        int len = snprintf(topic, sizeof topic, "%c/%d", retain ? 'r' : 't', on->pair);
        mqw_publish publish = {.topic = {topic, (size_t)len},
                               .payload = {payload, number % 7 ? sizeof number : sizeof payload},
                               .qos = qos_of(number + (number / 50) % 2 * retain),
                               .retain = retain};
        on->open++;
        errand *made = malloc(sizeof *made);
        assert_non_null(made);
        *made = (errand){on, number};
        assert_int_equal(mqw_client_publish(on->client, &publish, crowd_done, made), 0);
    }
}

static inline void crowd_publisher_open(mqw_client *client, const mqw_connack *connack, void *ctx)
{
    guest *on = ctx;
    (void)client;
    assert_true(connack->session_present || !on->been);
    on->been = true;
    crowd_publish(on);
}

// --- subscribers ---

static inline void crowd_hear(ledger ledgers[PAIRS][2], const mqw_publish *publish)
{
    uint32_t number = number_of(publish->payload);
    int pair = publish->topic.data[2] - '0';
    assert_true(pair >= 0 && pair < PAIRS && number < MOST_NUMBERS && publish->topic.len == 3);
    ledger *on = &ledgers[pair][publish->qos - 1];
    if (publish->qos == 2)
        assert_int_equal(on->times[number], 0); // v5:MQTT-4.3.3-10
    if (on->times[number] == 0)
        assert_true(number > on->first); // v5:MQTT-4.6.0-5
    if (number > on->first)
        on->first = number;
    on->times[number]++;
}

static inline void crowd_message(mqw_client *client, const mqw_publish *publish, mqw_token token, void *ctx)
{
    guest *on = ctx;
    (void)client, (void)token;
    on->crowd->events++;
    if (publish->topic.data[0] == 'r')
        return;
    crowd_hear(on->pair < 0 ? on->crowd->late_heard : on->crowd->heard, publish);
}

static inline void crowd_subscribed(mqw_client *client, int result, const mqw_packet *answer, void *ctx)
{
    guest *on = ctx;
    (void)client, (void)answer;
    assert_int_equal(result, 2);
    on->acknowledged = 1;
}

static inline void crowd_subscriber_open(mqw_client *client, const mqw_connack *connack, void *ctx)
{
    guest *on = ctx;
    char topic[16];
    assert_true(connack->session_present || !on->been);
    if (on->been)
        return;
    on->been = true;
    int len =
        on->pair < 0 ? snprintf(topic, sizeof topic, "t/+") : snprintf(topic, sizeof topic, "t/%d", on->pair);
    mqw_filter filter = {.filter = {topic, (size_t)len}, .qos = 2};
    assert_int_equal(mqw_client_subscribe(client, &filter, 1, NULL, crowd_subscribed, on), 0);
}

// --- all of them ---

static inline void crowd_closed(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    (void)client, (void)failure;
    ((guest *)ctx)->closed = true;
}

static inline void crowd_enter(crowd *all, guest *on, int pair, bool publishes)
{
    char id[16];
    int len = snprintf(id, sizeof id, "%c%d", publishes ? 'p' : 's', pair);
    mqw_connect connect = {.version = pair % 2 ? MQW_3_1_1 : MQW_5_0, .client_id = {id, (size_t)len}};
    if (connect.version == MQW_5_0)
        mqw_set(&connect.props, session_expiry, UINT32_MAX);
    mqw_client_options options = {
        .size = sizeof options,
        .address = all->address,
        .connect = &connect,
        .handlers = {.size = sizeof options.handlers,
                     .on_open = publishes ? crowd_publisher_open : crowd_subscriber_open,
                     .on_message = crowd_message,
                     .on_close = crowd_closed},
        .ctx = on,
        .request_timeout = 60000,
        .retry_min = 4,
        .retry_max = 20};
    on->crowd = all;
    on->pair = pair;
    on->closed = false;
    assert_int_equal(mqw_client_open(&on->client, all->loop, &options), 0);
}

static inline void crowd_leave(crowd *all, guest *on)
{
    if (!on->client)
        return;
    mqw_client_close(on->client, &(mqw_client_goodbye){.now = true});
    while (!on->closed)
        (void)uv_run(all->loop, UV_RUN_ONCE);
    on->client = NULL;
}

/** All are connected, and all subscriptions granted. */
static inline void crowd_start(crowd *all, uv_loop_t *loop)
{
    all->loop = loop;
    for (int i = 0; i < PAIRS; i++)
        for (int qos = 0; qos < 2; qos++) {
            all->heard[i][qos].times = calloc(1, MOST_NUMBERS);
            all->late_heard[i][qos].times = calloc(1, MOST_NUMBERS);
            assert_true(all->heard[i][qos].times && all->late_heard[i][qos].times);
        }
    crowd_enter(all, &all->late, -1, false);
    for (int i = 0; i < PAIRS; i++)
        crowd_enter(all, &all->subscribers[i], i, false);
    bool ready = false;
    while (!ready) {
        (void)uv_run(loop, UV_RUN_ONCE);
        ready = all->late.acknowledged;
        for (int i = 0; i < PAIRS; i++)
            ready = ready && all->subscribers[i].acknowledged;
    }
    crowd_leave(all, &all->late);
    for (int i = 0; i < PAIRS; i++) {
        all->publishers[i].refused = calloc(1, MOST_NUMBERS);
        assert_non_null(all->publishers[i].refused);
        crowd_enter(all, &all->publishers[i], i, true);
    }
}

static inline bool has_all(const crowd *all, const ledger ledgers[PAIRS][2], int pair)
{
    for (uint32_t number = 1; number <= all->publishers[pair].made; number++)
        if (number % 50 && ledgers[pair][qos_of(number) - 1].times[number] == 0 &&
            !all->publishers[pair].refused[number])
            return false;
    return true;
}

/** Nothing more is published; everything that was is acknowledged, and has arrived. */
static inline void crowd_settle(crowd *all)
{
    bool over = false;
    all->resting = true;
    while (!over) {
        (void)uv_run(all->loop, UV_RUN_ONCE);
        over = true;
        for (int i = 0; i < PAIRS; i++)
            over = over && all->publishers[i].open == 0 && has_all(all, all->heard, i);
    }
    crowd_enter(all, &all->late, -1, false);
    for (over = false; !over;) {
        (void)uv_run(all->loop, UV_RUN_ONCE);
        over = true;
        for (int i = 0; i < PAIRS; i++)
            over = over && has_all(all, all->late_heard, i);
    }
}

// --- what is retained ---

static inline void crowd_found(mqw_client *client, const mqw_publish *publish, mqw_token token, void *ctx)
{
    guest *on = ctx;
    (void)client, (void)token;
    int pair = publish->topic.data[2] - '0';
    assert_true(publish->retain && pair >= 0 && pair < PAIRS);
    on->crowd->retained[pair] = number_of(publish->payload);
    on->acknowledged++;
}

static inline void crowd_check_retained(crowd *all)
{
    guest finder = {.crowd = all};
    mqw_filter filter = {.filter = MQW_TEXT("r/+"), .qos = 0};
    mqw_client_options options = {
        .size = sizeof options,
        .address = all->address,
        .handlers = {.size = sizeof options.handlers, .on_message = crowd_found, .on_close = crowd_closed},
        .ctx = &finder};
    uint32_t wanted = 0;
    for (int i = 0; i < PAIRS; i++)
        wanted += all->publishers[i].made >= 50;
    assert_int_equal(mqw_client_open(&finder.client, all->loop, &options), 0);
    assert_int_equal(mqw_client_subscribe(finder.client, &filter, 1, NULL, NULL, NULL), 0);
    while (finder.acknowledged < wanted)
        (void)uv_run(all->loop, UV_RUN_ONCE);
    for (int i = 0; i < PAIRS; i++) {
        uint32_t last = all->publishers[i].made / 50 * 50;
        while (all->publishers[i].refused[last])
            last -= 50;
        assert_int_equal(all->retained[i], last);
    }
    crowd_leave(all, &finder);
}

static inline void crowd_end(crowd *all)
{
    uint32_t made = 0;
    for (int i = 0; i < PAIRS; i++) {
        made += all->publishers[i].made;
        crowd_leave(all, &all->publishers[i]);
        free(all->publishers[i].refused);
        crowd_leave(all, &all->subscribers[i]);
    }
    crowd_leave(all, &all->late);
    for (int i = 0; i < PAIRS; i++)
        for (int qos = 0; qos < 2; qos++) {
            free(all->heard[i][qos].times);
            free(all->late_heard[i][qos].times);
        }
    print_message("%u messages\n", made);
}

#endif
