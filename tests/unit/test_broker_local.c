// SPDX-License-Identifier: MIT
// Subscriptions of the program itself: retained messages come first, and each message once.
#include <mqwire/broker.h>

#include "unit/broker_world.h"

static void on_message(mqw_broker *broker, const mqw_publish *publish, mqw_text from, void *ctx)
{
    (void)broker;
    note("%s: %.*s=%.*s%s from %.*s", (const char *)ctx, (int)publish->topic.len, publish->topic.data,
         (int)publish->payload.len, (const char *)publish->payload.data, publish->retain ? " retain" : "",
         (int)from.len, from.len ? from.data : "");
}

static mqw_local *listens(const char *name, const char *filter, uint8_t qos)
{
    mqw_local *made = NULL;
    const mqw_filter item = {.filter = {filter, strlen(filter)}, .qos = qos};
    assert_int_equal(mqw_broker_subscribe(w.broker, &item, on_message, (void *)(uintptr_t)name, &made), 0);
    return made;
}

static void publishes(const char *topic, const char *payload, bool retain)
{
    mqw_publish publish = {.topic = {topic, strlen(topic)}, .retain = retain};
    publish.payload = (mqw_bytes){(const uint8_t *)payload, strlen(payload)};
    assert_int_equal(mqw_broker_publish(w.broker, &publish), 0);
}

static void retained_messages_come_first_and_once(void **state)
{
    (void)state;
    start(NULL);
    publishes("a/1", "one", true);
    publishes("a/2", "two", true);
    settle();
    mqw_local *local = listens("x", "a/#", 0);
    // retained after the subscription was made: it is heard live, and not once more
    publishes("a/3", "three", true);
    publishes("a/2", "new", true);
    settle();
    hears("x: a/1=one retain from \nx: a/3=three from \nx: a/2=new from ");
    mqw_broker_unsubscribe(local);
    publishes("a/1", "gone", false);
    settle();
    hears("");
    finish();
}

static void each_subscription_hears_by_itself(void **state)
{
    (void)state;
    start(NULL);
    is_there("c", "CONNECT version=4 client_id=\"c\" clean_start");
    mqw_local *one = listens("x", "a", 1);
    (void)listens("y", "+", 0);
    tells("c", "PUBLISH topic=\"a\" payload=\"p\"");
    hears("y: a=p from c\nx: a=p from c");
    mqw_broker_unsubscribe(one);
    mqw_broker_unsubscribe(NULL);
    tells("c", "PUBLISH topic=\"a\" payload=\"q\"");
    hears("y: a=q from c");
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(retained_messages_come_first_and_once),
        cmocka_unit_test(each_subscription_hears_by_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
