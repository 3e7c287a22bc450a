// SPDX-License-Identifier: MIT
// What the standard asks of clients, packet by packet.
#include "client/environment.h"
#include "unit/client_script.h"

#define LIMITS "topic_alias_maximum=16 maximum_packet_size=67108864"

static const uint8_t versions[] = {MQW_3_1_1, MQW_5_0};

/* CONNECT of begin_as, as it must read. */
static void says_connect(uint8_t version, bool clean_start)
{
    char line[LINE];
    snprintf(line, sizeof line, "CONNECT version=%u client_id=\"c\" keep_alive=60%s%s", version,
             clean_start ? " clean_start" : "", version == MQW_5_0 ? " session_expiry=100 " LIMITS : "");
    says(line);
}

static void accepted(uint8_t version, bool clean_start)
{
    begin_as(version, clean_start);
    says_connect(version, clean_start);
    server("CONNACK reason=0");
    hears("open");
}

/* It tries again, sooner or later. */
static void again(uint8_t version, bool clean_start)
{
    for (int i = 0; i < 100 && !connected(); i++)
        later(1000);
    says_connect(version, clean_start);
}

/* The connection is lost, and comes back. */
static void comes_back(uint8_t version)
{
    cut();
    hears("lost -12 0x00");
    again(version, false);
}

/* A session that the server keeps, and who it belongs to: v4:MQTT-3.1.2-4, v4:MQTT-3.1.3-2, v5:MQTT-3.1.3-2,
 * v4:MQTT-4.1.0-2. Session Expiry above 0 is kept beyond the connection: v5:MQTT-3.1.2-23. What was sent and
 * not answered comes again with DUP, what the server had answered does not: v4:MQTT-3.3.1-1 v5:MQTT-3.3.1-1.
 */
static void a_session_outlives_its_connection(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        accepted(versions[i], false);
        publish("a", "one", 1);
        publish("a", "two", 1);
        publish("a", "three", 2);
        says("PUBLISH topic=\"a\" payload=\"one\" qos=1 packet_id=1");
        says("PUBLISH topic=\"a\" payload=\"two\" qos=1 packet_id=2");
        says("PUBLISH topic=\"a\" payload=\"three\" qos=2 packet_id=3");
        server("PUBACK packet_id=1");
        hears("published 0");
        server("PUBREC packet_id=3");
        says("PUBREL packet_id=3");
        comes_back(versions[i]);
        says_nothing();
        server("CONNACK reason=0 session_present");
        hears("open, session present");
        says("PUBREL packet_id=3");
        says("PUBLISH topic=\"a\" payload=\"two\" qos=1 packet_id=2 dup");
        end();
    }
}

/* v4:MQTT-3.1.2-6: with CleanSession nothing of one connection is used on the next, in either direction: what
 * is sent again is sent as new. */
static void clean_session(void **state)
{
    (void)state;
    accepted(MQW_3_1_1, true);
    server("PUBLISH topic=\"t\" payload=\"once\" qos=2 packet_id=7");
    hears("message t once");
    says("PUBREC packet_id=7");
    publish("a", "one", 1);
    says("PUBLISH topic=\"a\" payload=\"one\" qos=1 packet_id=1");
    cut();
    hears("lost -12 0x00");
    again(MQW_3_1_1, true);
    server("CONNACK reason=0");
    hears("open");
    says("PUBLISH topic=\"a\" payload=\"one\" qos=1 packet_id=1");
    server("PUBLISH topic=\"t\" payload=\"new\" qos=2 packet_id=7");
    hears("message t new");
    says("PUBREC packet_id=7");
    end();
}

/* Life after life with the same store: CONNECT, CONNACK. */
static void live(mqw_store *store, uint8_t version, bool clean_start, const char *connack)
{
    mqw_connect connect = {
        .version = version, .client_id = MQW_TEXT("c"), .clean_start = clean_start, .keep_alive = 60};
    if (version == MQW_5_0)
        mqw_set(&connect.props, session_expiry, 100);
    begin(&(mqw_client_options){.address = "s", .connect = &connect, .store = store});
    says_connect(version, clean_start);
    server(connack);
}

/* v5:MQTT-3.1.2-4 and v4:MQTT-3.1.2-6 again: a clean start throws the old session away at our end, too. What
 * the program was promised is no part of it: it is sent as new. */
static void clean_start_forgets(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        mqw_store *store;
        uv_loop_t loop;
        assert_int_equal(uv_loop_init(&loop), 0);
        assert_int_equal(mqw_store_memory(&store, &loop), 0);
        live(store, versions[i], false, "CONNACK reason=0");
        hears("open");
        publish("a", "old", 1);
        says("PUBLISH topic=\"a\" payload=\"old\" qos=1 packet_id=1");
        leaves("published -10");
        live(store, versions[i], false, "CONNACK reason=0 session_present");
        hears("open, session present");
        says("PUBLISH topic=\"a\" payload=\"old\" qos=1 packet_id=1 dup");
        server("PUBLISH topic=\"t\" payload=\"once\" qos=2 packet_id=7");
        hears("message t once");
        says("PUBREC packet_id=7");
        leaves(NULL);
        live(store, versions[i], true, "CONNACK reason=0");
        hears("open");
        says("PUBLISH topic=\"a\" payload=\"old\" qos=1 packet_id=1");
        server("PUBLISH topic=\"t\" payload=\"another\" qos=2 packet_id=7");
        hears("message t another");
        says("PUBREC packet_id=7");
        server("PUBACK packet_id=1");
        leaves(NULL);
        live(store, versions[i], false, "CONNACK reason=0");
        hears("open");
        says_nothing();
        leaves(NULL);
        mqw_store_close(store, NULL, NULL);
        uv_run(&loop, UV_RUN_DEFAULT);
        assert_int_equal(uv_loop_close(&loop), 0);
    }
}

/* v5:MQTT-3.2.2-4: a session that we do not have. (Who asks for it without clean start says that there is
 * one.) */
static void a_session_of_nobody(void **state)
{
    (void)state;
    begin_as(MQW_5_0, true);
    says_connect(MQW_5_0, true);
    server("CONNACK reason=0 session_present");
    says("DISCONNECT reason=0x82");
    hears("lost -2 0x00");
    assert_false(connected());
    end();
}

/* v5:MQTT-3.2.2-5: a session that the server has lost. */
static void a_lost_session(void **state)
{
    (void)state;
    accepted(MQW_5_0, false);
    server("PUBLISH topic=\"t\" payload=\"once\" qos=2 packet_id=7");
    hears("message t once");
    says("PUBREC packet_id=7");
    publish("a", "one", 1);
    publish("a", "two", 2);
    says("PUBLISH topic=\"a\" payload=\"one\" qos=1 packet_id=1");
    says("PUBLISH topic=\"a\" payload=\"two\" qos=2 packet_id=2");
    server("PUBREC packet_id=2");
    says("PUBREL packet_id=2");
    comes_back(MQW_5_0);
    server("CONNACK reason=0");
    hears("open");
    hears("published 0"); // the server had taken it
    says("PUBLISH topic=\"a\" payload=\"one\" qos=1 packet_id=1");
    server("PUBLISH topic=\"t\" payload=\"new\" qos=2 packet_id=7");
    hears("message t new");
    says("PUBREC packet_id=7");
    end();
}

/* v4:MQTT-3.1.3-7: without an identifier there is no session to resume. */
static void no_identifier(void **state)
{
    mqw_connect connect = {.version = MQW_3_1_1};
    const mqw_client_options options = {.address = "s", .connect = &connect};
    (void)state;
    assert_int_equal(try_begin(&options), MQW_E_MISUSE);
    connect.version = 0; // any: what 5.0 may leave open, 3.1.1 may not
    begin(&options);
    says("CONNECT version=5 client_id=\"\" " LIMITS);
    server("CONNACK reason=0x84");
    hears("lost 0 0x84");
    later(1);
    says("CONNECT version=4 client_id=\"\" clean_start");
    end();
}

/* v4:MQTT-3.1.2-23, v5:MQTT-3.1.2-20: silence ends with PINGREQ within the keep alive. v5:MQTT-3.1.2-21
 * v5:MQTT-3.2.2-21: the server's word is the one that counts. */
static void keep_alive(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        accepted(versions[i], false);
        later(30000);
        publish("a", "x", 0);
        says("PUBLISH topic=\"a\" payload=\"x\"");
        hears("published 0");
        later(59000);
        says_nothing();
        later(1000);
        says("PINGREQ");
        server("PINGRESP");
        end();
    }
    begin_as(MQW_5_0, false);
    says_connect(MQW_5_0, false);
    server("CONNACK reason=0 server_keep_alive=7");
    hears("open");
    later(6000);
    says_nothing();
    later(1000);
    says("PINGREQ");
    end();
}

/* v5:MQTT-3.2.2-11, v5:MQTT-3.2.2-14, v5:MQTT-3.2.2-15: what the server does not take is not sent, whether it
 * was published before or after this was known. */
static void limits_of_the_server(void **state)
{
    mqw_publish kept = {.topic = MQW_TEXT("a"), .retain = true};
    (void)state;
    begin_as(MQW_5_0, false);
    assert_int_equal(publish("a", "x", 2), 0);
    assert_int_equal(mqw_client_publish(script.client, &kept, on_done, (void *)(uintptr_t) "kept"), 0);
    assert_int_equal(publish("a", "much too long", 0), 0);
    says_connect(MQW_5_0, false);
    server("CONNACK reason=0 maximum_qos=1 retain_available=0 maximum_packet_size=16");
    hears("open");
    hears("published -7");
    hears("kept -7");
    hears("published -3");
    assert_int_equal(publish("a", "x", 2), MQW_E_REFUSED);
    assert_int_equal(mqw_client_publish(script.client, &kept, NULL, NULL), MQW_E_REFUSED);
    assert_true(publish("a", "much too long", 0) == MQW_E_TOO_LARGE);
    says_nothing();
    publish("a", "x", 1);
    says("PUBLISH topic=\"a\" payload=\"x\" qos=1 packet_id=2");
    end();
}

static void publish_often(const char *topic)
{
    publish(topic, "x", 0);
    run();
    hears("published 0");
}

/* v5:MQTT-3.2.2-17: aliases stay within the server's maximum. v5:MQTT-3.2.2-18: none where it has not named
 * one. v5:MQTT-3.3.2-7: the next connection knows none of them. */
static void topic_aliases(void **state)
{
    (void)state;
    begin_as(MQW_5_0, false);
    says_connect(MQW_5_0, false);
    server("CONNACK reason=0 topic_alias_maximum=2");
    hears("open");
    publish_often("long/topic/1");
    publish_often("long/topic/2");
    publish_often("long/topic/1");
    publish_often("long/topic/3");
    says("PUBLISH topic=\"long/topic/1\" payload=\"x\" topic_alias=1");
    says("PUBLISH topic=\"long/topic/2\" payload=\"x\" topic_alias=2");
    says("PUBLISH topic=\"\" payload=\"x\" topic_alias=1");
    says("PUBLISH topic=\"long/topic/3\" payload=\"x\" topic_alias=2");
    comes_back(MQW_5_0);
    server("CONNACK reason=0 session_present topic_alias_maximum=1");
    hears("open, session present");
    publish_often("long/topic/1");
    says("PUBLISH topic=\"long/topic/1\" payload=\"x\" topic_alias=1");
    comes_back(MQW_5_0);
    server("CONNACK reason=0 session_present");
    hears("open, session present");
    publish_often("long/topic/1");
    publish_often("long/topic/1");
    says("PUBLISH topic=\"long/topic/1\" payload=\"x\"");
    says("PUBLISH topic=\"long/topic/1\" payload=\"x\"");
    end();
}

/* v5:MQTT-3.3.2-10: every alias up to the maximum that CONNECT has named. */
static void aliases_of_the_server(void **state)
{
    char line[LINE];
    (void)state;
    accepted(MQW_5_0, false);
    for (int alias = 16; alias >= 1; alias--) {
        snprintf(line, sizeof line, "PUBLISH topic=\"t/%d\" payload=\"p\" topic_alias=%d", alias, alias);
        server(line);
        snprintf(line, sizeof line, "message t/%d p", alias);
        hears(line);
    }
    server("PUBLISH payload=\"again\" topic_alias=9");
    hears("message t/9 again");
    assert_true(connected());
    end();
}

static void ignore(mqw_client *client, const mqw_publish *publish, mqw_token token, void *ctx)
{
    (void)client, (void)publish, (void)token, (void)ctx;
}

/* v4:MQTT-3.3.4-1 v5:MQTT-3.3.4-1, v5:MQTT-4.3.2-4, v5:MQTT-4.3.3-8, v5:MQTT-4.3.3-11: each message is
 * answered by its QoS, with its identifier. v4:MQTT-4.5.0-2 v5:MQTT-4.5.0-2: whether anybody listens or not.
 */
static void answers_by_qos(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        uint8_t version = versions[i % 2];
        mqw_connect connect = {.version = version, .client_id = MQW_TEXT("c"), .clean_start = true};
        mqw_client_options options = {.address = "s", .connect = &connect};
        begin(&options);
        bool deaf = i >= 2;
        if (deaf)
            assert_int_equal(mqw_client_route(script.client, "#", ignore, NULL), 0);
        run();
        script.says.count = 0;
        server("CONNACK reason=0");
        hears("open");
        server("PUBLISH topic=\"t\" payload=\"p\"");
        says_nothing();
        server("PUBLISH topic=\"t\" payload=\"q\" qos=1 packet_id=300");
        says("PUBACK packet_id=300");
        server("PUBLISH topic=\"t\" payload=\"r\" qos=2 packet_id=400");
        says("PUBREC packet_id=400");
        server("PUBREL packet_id=400");
        says("PUBCOMP packet_id=400");
        if (!deaf) {
            hears("message t p");
            hears("message t q");
            hears("message t r");
        }
        end();
    }
}

/* v4:MQTT-4.6.0-2 v5:MQTT-4.6.0-2 and v4:MQTT-4.6.0-3 v5:MQTT-4.6.0-3: PUBACK and PUBREC in the order of
 * their PUBLISH, in whatever order the program is done. */
static void acknowledgements_in_order(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        mqw_connect connect = {.version = versions[i], .client_id = MQW_TEXT("c"), .clean_start = true};
        begin(&(mqw_client_options){.address = "s", .connect = &connect, .manual_ack = true});
        run();
        script.says.count = 0;
        server("CONNACK reason=0");
        server("PUBLISH topic=\"t\" payload=\"a\" qos=1 packet_id=11");
        server("PUBLISH topic=\"t\" payload=\"b\" qos=1 packet_id=12");
        server("PUBLISH topic=\"t\" payload=\"c\" qos=2 packet_id=13");
        server("PUBLISH topic=\"t\" payload=\"d\" qos=2 packet_id=14");
        script.hears.count = 0;
        assert_int_equal(script.tokens, 4);
        assert_int_equal(mqw_client_ack(script.client, script.token[1], 0), 0);
        assert_int_equal(mqw_client_ack(script.client, script.token[3], 0), 0);
        says_nothing();
        assert_int_equal(mqw_client_ack(script.client, script.token[0], 0), 0);
        says("PUBACK packet_id=11");
        says("PUBACK packet_id=12");
        assert_int_equal(mqw_client_ack(script.client, script.token[2], 0), 0);
        says("PUBREC packet_id=13");
        says("PUBREC packet_id=14");
        end();
    }
}

/* v4:MQTT-4.3.1-1 v5:MQTT-4.3.1-1: QoS 0 never has DUP, whatever the program has set. */
static void no_dup_with_qos_0(void **state)
{
    mqw_publish message = {.topic = MQW_TEXT("a"), .dup = true};
    (void)state;
    for (int i = 0; i < 2; i++) {
        begin_as(versions[i], false);
        assert_int_equal(mqw_client_publish(script.client, &message, NULL, NULL), 0); // waits
        says_connect(versions[i], false);
        server("CONNACK reason=0");
        hears("open");
        says("PUBLISH topic=\"a\" payload=\"\"");
        assert_int_equal(mqw_client_publish(script.client, &message, NULL, NULL), 0); // does not
        says("PUBLISH topic=\"a\" payload=\"\"");
        end();
    }
}

/* v4:MQTT-3.14.4-1 v4:MQTT-3.14.4-2, v5:MQTT-3.14.4-1 v5:MQTT-3.14.4-2: nothing follows DISCONNECT but the
 * end. */
static void disconnect_is_last(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        mqw_client_goodbye now = {.now = true};
        accepted(versions[i], false);
        mqw_client_close(script.client, &now);
        assert_int_equal(publish("a", "x", 0), MQW_E_CLOSED);
        says("DISCONNECT");
        hears("close");
        assert_false(connected());
        later(100000);
        end();
    }
}

/* v5:MQTT-4.13.2-1: after CONNACK or DISCONNECT of 0x80 or above, either way, the connection is over. */
static void reasons_that_end(void **state)
{
    (void)state;
    begin_as(MQW_5_0, false);
    says_connect(MQW_5_0, false);
    server("CONNACK reason=0x88");
    hears("lost 0 0x88");
    assert_false(connected());
    again(MQW_5_0, false);
    server("CONNACK reason=0");
    hears("open");
    server("DISCONNECT reason=0x8b");
    hears("lost 0 0x8b");
    assert_false(connected());
    again(MQW_5_0, false);
    server("CONNACK reason=0");
    hears("open");
    end();
}

/* A method of authentication: what it returns, and "d" while there is more to say. */
static int auth_result;
static int auth_step(void *self, mqw_bytes in, mqw_bytes *out)
{
    (void)self, (void)in;
    *out = (mqw_bytes){(const uint8_t *)"d", auth_result > 0};
    return auth_result;
}

static void begin_with_method(void)
{
    static mqw_auth auth = {.size = sizeof auth, .method = "M", .step = auth_step};
    mqw_connect connect = {.version = MQW_5_0, .client_id = MQW_TEXT("c")};
    auth_result = 1;
    begin(&(mqw_client_options){.address = "s", .connect = &connect, .auth = &auth});
    says("CONNECT version=5 client_id=\"c\" auth_method=\"M\" auth_data=\"d\" " LIMITS);
}

/* v5:MQTT-4.12.0-3: our AUTH says 0x18. v5:MQTT-4.12.1-1: authenticating again begins with the same method.
 * v5:MQTT-4.12.1-2: when that fails, the connection is over. */
static void authentication(void **state)
{
    (void)state;
    begin_with_method();
    server("AUTH reason=0x18 auth_method=\"M\" auth_data=\"who\"");
    says("AUTH reason=0x18 auth_method=\"M\" auth_data=\"d\"");
    auth_result = 0;
    server("CONNACK reason=0 auth_method=\"M\"");
    hears("open");
    auth_result = 1;
    char *name = (char *)(uintptr_t) "authenticated";
    assert_int_equal(mqw_client_reauthenticate(script.client, on_done, name), 0);
    says("AUTH reason=0x19 auth_method=\"M\" auth_data=\"d\"");
    server("AUTH reason=0x18 auth_method=\"M\" auth_data=\"who\"");
    says("AUTH reason=0x18 auth_method=\"M\" auth_data=\"d\"");
    auth_result = 0;
    server("AUTH reason=0x00 auth_method=\"M\"");
    hears("authenticated 0");
    assert_true(connected());
    auth_result = 1;
    assert_int_equal(mqw_client_reauthenticate(script.client, on_done, name), 0);
    says("AUTH reason=0x19 auth_method=\"M\" auth_data=\"d\"");
    auth_result = -1;
    server("AUTH reason=0x18 auth_method=\"M\" auth_data=\"liar\"");
    says("DISCONNECT reason=0x80");
    assert_false(connected());
    script.hears.count = 0;
    end();
}

/* v5:MQTT-4.12.0-7: without a method in CONNECT there is no AUTH from us. */
static void no_authentication(void **state)
{
    (void)state;
    accepted(MQW_5_0, false);
    assert_true(mqw_client_reauthenticate(script.client, NULL, NULL) < 0);
    says_nothing();
    server("AUTH reason=0x18 auth_method=\"M\"");
    says("DISCONNECT reason=0x82");
    hears("lost -2 0x00");
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_outlives_its_connection),
        cmocka_unit_test(clean_session),
        cmocka_unit_test(clean_start_forgets),
        cmocka_unit_test(a_session_of_nobody),
        cmocka_unit_test(a_lost_session),
        cmocka_unit_test(no_identifier),
        cmocka_unit_test(keep_alive),
        cmocka_unit_test(limits_of_the_server),
        cmocka_unit_test(topic_aliases),
        cmocka_unit_test(aliases_of_the_server),
        cmocka_unit_test(answers_by_qos),
        cmocka_unit_test(acknowledgements_in_order),
        cmocka_unit_test(no_dup_with_qos_0),
        cmocka_unit_test(disconnect_is_last),
        cmocka_unit_test(reasons_that_end),
        cmocka_unit_test(authentication),
        cmocka_unit_test(no_authentication),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
