// SPDX-License-Identifier: MIT
// What the standard asks of a server's deliveries and wills, statement by statement, as scripts
// (broker_script.h). Each is played without a store and with one.
#include "live/broker_script.h"

#define THREE(who) who "> CONNECT client_id=\"" who "\"", who "< CONNACK reason=0x00"
#define FIVE(who) \
    who "> CONNECT version=5 client_id=\"" who "\" session_expiry=1000", who "< CONNACK reason=0x00"
#define SUBSCRIBE(who, filter) \
    who "> SUBSCRIBE packet_id=7 filter=" filter, who "< SUBACK packet_id=7 !reasons=0x8"

// ---- wills ----

// v4:MQTT-3.1.2-8, v4:MQTT-3.1.2-10, v4:MQTT-3.1.2-12, v4:MQTT-3.1.2-16, v4:MQTT-3.1.2-17, v4:MQTT-3.14.4-3
static void wills_of_3_1_1(void **state)
{
    (void)state;
    PLAY(THREE("h"), SUBSCRIBE("h", "\"w/#\":1"),
         "a> CONNECT client_id=\"a\" will.topic=\"w/a\" will.payload=\"plain\" will.qos=1", "a< CONNACK",
         "a cut", "h< PUBLISH topic=\"w/a\" payload=\"plain\" qos=1 !retain", "h> PUBACK packet_id=1",
         // published, it is gone: not with the next connection, which has none
         THREE("a"), "a cut", "h-",
         "b> CONNECT client_id=\"b\" will.topic=\"w/b\" will.payload=\"kept\" will.retain", "b< CONNACK",
         "b end", "h< PUBLISH topic=\"w/b\" payload=\"kept\" !retain",
         "c> CONNECT client_id=\"c\" will.topic=\"w/c\"", "c< CONNACK", "c> DISCONNECT", "c!", "wait 10000",
         "h-", THREE("d"), SUBSCRIBE("d", "\"w/#\":1"), "d< PUBLISH topic=\"w/b\" payload=\"kept\" retain",
         "d-",
         // a fault of the client's is no goodbye
         "e> CONNECT client_id=\"e\" will.topic=\"w/e\"", "e< CONNACK", "e raw f000", "e!",
         "h< PUBLISH topic=\"w/e\"", "h-");
}

// v5:MQTT-3.1.2-7, v5:MQTT-3.1.2-8, v5:MQTT-3.1.2-10, v5:MQTT-3.1.2-14, v5:MQTT-3.1.2-15, v5:MQTT-3.14.4-3
static void wills_of_5(void **state)
{
    (void)state;
    PLAY(
        FIVE("h"), SUBSCRIBE("h", "\"w/#\":0"),
        "a> CONNECT version=5 client_id=\"a\" session_expiry=100 will.topic=\"w/a\" will.will_delay=5 will.retain",
        "a< CONNACK", "a cut", "wait 4900", "h-", "wait 1200", "h< PUBLISH topic=\"w/a\" !retain", "h-",
        FIVE("b"), SUBSCRIBE("b", "\"w/#\":0"), "b-", // it was empty: nothing is kept
        // the session ends before the delay does
        "a> CONNECT version=5 client_id=\"a\" session_expiry=2 will.topic=\"w/a\" will.payload=\"x\" "
        "will.will_delay=1000 will.retain",
        "a< CONNACK", "a cut", "wait 1900", "h-", "wait 1200",
        "h< PUBLISH topic=\"w/a\" payload=\"x\" !retain", "b< PUBLISH", SUBSCRIBE("b", "\"w/#\":0"),
        "b< PUBLISH topic=\"w/a\" payload=\"x\" retain",
        // DISCONNECT with 0x04 keeps it, with 0 not
        "a> CONNECT version=5 client_id=\"a\" will.topic=\"w/a\" will.payload=\"y\"", "a< CONNACK",
        "a> DISCONNECT reason=0x04", "a!", "h< PUBLISH payload=\"y\" !retain", "b< PUBLISH payload=\"y\"",
        SUBSCRIBE("b", "\"w/#\":0"), "b< PUBLISH payload=\"x\" retain",
        "a> CONNECT version=5 client_id=\"a\" session_expiry=10 will.topic=\"w/a\" will.will_delay=5",
        "a< CONNACK", "a> DISCONNECT", "a!", "wait 100000", "h-", "b-");
}

// v5:MQTT-3.1.3-9: who is back in time has no will
static void a_client_that_comes_back_stops_its_will(void **state)
{
    (void)state;
    PLAY(FIVE("h"), SUBSCRIBE("h", "\"w/#\":0"),
         "a> CONNECT version=5 client_id=\"a\" session_expiry=100 will.topic=\"w/a\" will.will_delay=5",
         "a< CONNACK", "a cut", "wait 4000", FIVE("a"), "wait 100000", "h-", "a-");
}

// v5:MQTT-3.1.3-10
static void properties_of_a_will_are_published(void **state)
{
    (void)state;
    PLAY(
        FIVE("h"), SUBSCRIBE("h", "\"w\":0"),
        "a> CONNECT version=5 client_id=\"a\" will.topic=\"w\" will.payload_format=1 will.message_expiry=60 "
        "will.content_type=\"t\" will.response_topic=\"r\" will.correlation_data=\"c\" will.user=\"b\":\"1\" "
        "will.user=\"a\":\"2\" will.user=\"b\":\"3\"",
        "a< CONNACK", "a cut",
        "h< PUBLISH topic=\"w\" payload_format=1 message_expiry=60 content_type=\"t\" response_topic=\"r\" "
        "correlation_data=\"c\" user=\"b\":\"1\" user=\"a\":\"2\" user=\"b\":\"3\" !will_delay");
    play *p = malloc(sizeof *p);
    assert_non_null(p);
    play_starts(p, NULL, false);
    play_script(p, (const char *const[]){
                       FIVE("h"), SUBSCRIBE("h", "\"w\":0"),
                       "a> CONNECT version=5 client_id=\"a\" will.topic=\"w\" will.user=\"b\":\"1\" "
                       "will.user=\"a\":\"2\" will.user=\"b\":\"3\"",
                       "a< CONNACK", "a cut", NULL});
    assert_non_null(strstr(p->actors[7].heard[0], "user=\"b\":\"1\" user=\"a\":\"2\" user=\"b\":\"3\""));
    play_over(p);
    free(p);
}

// ---- retained messages ----

// v4:MQTT-3.1.2-7, v4:MQTT-3.3.1-5, v4:MQTT-3.3.1-6, v4:MQTT-3.3.1-7, v4:MQTT-3.3.1-8, v4:MQTT-3.3.1-9,
// v4:MQTT-3.3.1-10, v4:MQTT-3.3.1-11, v4:MQTT-3.3.1-12
static void retained_messages_of_3_1_1(void **state)
{
    (void)state;
    PLAY("a> CONNECT client_id=\"a\" clean_start", "a< CONNACK", SUBSCRIBE("a", "\"r/#\":0"),
         "a> PUBLISH topic=\"r/1\" payload=\"old\" retain qos=1 packet_id=1", "a< PUBLISH !retain",
         "a< PUBACK", "a> PUBLISH topic=\"r/1\" payload=\"new\" retain",
         "a< PUBLISH payload=\"new\" !retain", // replaces it
         "a> PUBLISH topic=\"r/1\" payload=\"pass\"", "a< PUBLISH payload=\"pass\"",
         "a> PUBLISH topic=\"r/2\" payload=\"two\" retain qos=2 packet_id=2", "a< PUBLISH", "a< PUBREC",
         "a> PUBREL packet_id=2", "a< PUBCOMP", "a> DISCONNECT", "a!", //
         THREE("b"), SUBSCRIBE("b", "\"r/1\":2"), "b< PUBLISH topic=\"r/1\" payload=\"new\" retain !qos",
         SUBSCRIBE("b", "\"r/2\":1"), "b< PUBLISH topic=\"r/2\" payload=\"two\" retain qos=1 packet_id=1",
         "b> PUBACK packet_id=1", "b> PUBLISH topic=\"r/2\" retain",
         "b< PUBLISH topic=\"r/2\" payload=\"\" !retain", // delivered, and takes it away
         THREE("c"), SUBSCRIBE("c", "\"#\":1"), "c< PUBLISH topic=\"r/1\" payload=\"new\" retain", "c-", //
         "restart", "b!", "c!");
}

// v5:MQTT-3.3.1-5, v5:MQTT-3.3.1-6, v5:MQTT-3.3.1-7, v5:MQTT-3.3.1-8, v5:MQTT-3.3.1-9, v5:MQTT-3.3.1-10,
// v5:MQTT-3.3.1-11, v5:MQTT-3.8.4-4
static void retain_handling(void **state)
{
    (void)state;
    PLAY(FIVE("a"), "a> PUBLISH topic=\"r\" payload=\"old\" retain",
         "a> PUBLISH topic=\"r\" payload=\"one\" retain",
         "a> PUBLISH topic=\"r\" payload=\"pass\"",                                        //
         FIVE("b"), SUBSCRIBE("b", "\"r\":1:retain_handling=2"), "b-",                     //
         SUBSCRIBE("b", "\"r\":1:retain_handling=1"), "b-",                                //
         SUBSCRIBE("b", "\"r\":1:retain_handling=0"), "b< PUBLISH payload=\"one\" retain", //
         SUBSCRIBE("b", "\"r\":1"), "b< PUBLISH payload=\"one\" retain", "b-",             //
         SUBSCRIBE("b", "\"+\":1:retain_handling=1"), "b< PUBLISH payload=\"one\" retain", //
         SUBSCRIBE("b", "\"+\":1:retain_handling=1"), "b-",                                //
         "b> UNSUBSCRIBE packet_id=3 filter=\"+\"", "b< UNSUBACK",                         //
         SUBSCRIBE("b", "\"+\":1:retain_handling=1"), "b< PUBLISH payload=\"one\" retain", //
         SUBSCRIBE("b", "\"$share/g/r\":1"), "b-", // section 4.8.2: none for shared ones
         "a> PUBLISH topic=\"r\" retain", "b< PUBLISH payload=\"\"", "b< PUBLISH payload=\"\"", //
         SUBSCRIBE("b", "\"r\":1"), "b-");
}

// v5:MQTT-3.3.1-12, v5:MQTT-3.3.1-13
static void retain_as_published(void **state)
{
    (void)state;
    PLAY(FIVE("a"), FIVE("b"), FIVE("c"), SUBSCRIBE("b", "\"t\":0:retain_as_published"),
         SUBSCRIBE("c", "\"t\":0"), "a> PUBLISH topic=\"t\" payload=\"1\" retain", "b< PUBLISH retain",
         "c< PUBLISH !retain", "a> PUBLISH topic=\"t\" payload=\"2\"", "b< PUBLISH !retain",
         "c< PUBLISH !retain", "b-", "c-");
}

// ---- who gets what ----

// v4:MQTT-3.3.2-3, v4:MQTT-4.7.2-1, v5:MQTT-3.3.2-3, v5:MQTT-4.7.2-1
static void topics_match_filters(void **state)
{
    (void)state;
    PLAY(THREE("a"), SUBSCRIBE("a", "\"s/+/t\":0 filter=\"s/#\":0"), THREE("b"),
         SUBSCRIBE("b", "\"#\":0 filter=\"+/m\":0"), "a> PUBLISH topic=\"s/x/t\"",
         "a< PUBLISH topic=\"s/x/t\"", "a-", "b< PUBLISH topic=\"s/x/t\"", "a> PUBLISH topic=\"s\"",
         "a< PUBLISH topic=\"s\"", "b< PUBLISH topic=\"s\"", "a> PUBLISH topic=\"S/x\"", "a-",
         "b< PUBLISH topic=\"S/x\"", "a> PUBLISH topic=\"$x/m\"", "b-", SUBSCRIBE("b", "\"$x/#\":0"),
         "a> PUBLISH topic=\"$x/m\"", "b< PUBLISH topic=\"$x/m\"", "b-");
}

// v4:MQTT-3.8.4-6, v4:MQTT-3.8.4-5, v5:MQTT-3.8.4-6, v5:MQTT-3.8.4-7, v5:MQTT-3.8.4-8
static void the_lower_qos_counts(void **state)
{
    (void)state;
    PLAY(THREE("a"), "a> SUBSCRIBE packet_id=1 filter=\"0\":0 filter=\"1\":1 filter=\"2\":2",
         "a< SUBACK packet_id=1 reasons=0x00,0x01,0x02", FIVE("b"),
         "b> SUBSCRIBE packet_id=2 filter=\"2\":2 filter=\"0\":0", "b< SUBACK packet_id=2 reasons=0x02,0x00",
         FIVE("c"), "c> PUBLISH topic=\"0\" qos=2 packet_id=1", "c< PUBREC", "a< PUBLISH topic=\"0\" !qos",
         "b< PUBLISH topic=\"0\" !qos", "c> PUBLISH topic=\"1\" qos=2 packet_id=2", "c< PUBREC",
         "a< PUBLISH topic=\"1\" qos=1", "c> PUBLISH topic=\"2\" qos=1 packet_id=3", "c< PUBACK",
         "a< PUBLISH topic=\"2\" qos=1", "b< PUBLISH topic=\"2\" qos=1", "c> PUBLISH topic=\"2\"",
         "a< PUBLISH !qos", "b< PUBLISH !qos", "a-", "b-");
}

// v4:MQTT-3.3.5-1, v5:MQTT-3.3.4-2, v5:MQTT-3.3.4-3, v5:MQTT-3.3.4-4, v5:MQTT-3.3.4-5
static void overlapping_subscriptions(void **state)
{
    (void)state;
    PLAY(FIVE("a"), "a> SUBSCRIBE packet_id=1 filter=\"t/#\":0 subscription_id=5", "a< SUBACK",
         "a> SUBSCRIBE packet_id=2 filter=\"t/1\":1 subscription_id=300", "a< SUBACK",
         SUBSCRIBE("a", "\"+/1\":2"), "a> SUBSCRIBE packet_id=3 filter=\"$share/g/t/1\":1 subscription_id=77",
         "a< SUBACK", FIVE("b"), "b> PUBLISH topic=\"t/2\"", "a< PUBLISH subscription_id=5 !qos", "a-",
         "b> PUBLISH topic=\"t/1\" qos=2 packet_id=1", "b< PUBREC",
         "a< PUBLISH qos=2 subscription_id=5 subscription_id=300 !subscription_id=77",
         "a< PUBLISH qos=1 subscription_id=77 !subscription_id=5 !subscription_id=300", "a-", // for its group
         THREE("c"), "c> SUBSCRIBE packet_id=1 filter=\"t/#\":0 filter=\"t/3\":1", "c< SUBACK",
         "b> PUBLISH topic=\"t/3\" qos=1 packet_id=2", "b< PUBACK", "c< PUBLISH qos=1", "c-");
}

// v5:MQTT-3.8.3-3
static void no_local(void **state)
{
    (void)state;
    PLAY(FIVE("a"), SUBSCRIBE("a", "\"t\":0:no_local"), FIVE("b"), SUBSCRIBE("b", "\"t\":0"),
         "a> PUBLISH topic=\"t\"", "a-", "b< PUBLISH", "b> PUBLISH topic=\"t\"", "a< PUBLISH", "b< PUBLISH",
         "a-", "b-",
         // also in its next connection, and with a will of its own
         "a cut", "a> CONNECT version=5 client_id=\"a\" session_expiry=100 will.topic=\"t\"",
         "a< CONNACK session_present", "a> PUBLISH topic=\"t\"", "a-", "b< PUBLISH", "b-");
}

// v4:MQTT-3.8.4-1, v4:MQTT-3.8.4-2, v4:MQTT-3.8.4-3, v4:MQTT-3.8.4-4, v4:MQTT-2.3.1-7, v5:MQTT-2.2.1-6,
// v5:MQTT-3.8.4-1, v5:MQTT-3.8.4-2, v5:MQTT-3.8.4-3, v5:MQTT-3.8.4-5
static void subscribing_again_replaces(void **state)
{
    (void)state;
    PLAY(THREE("a"), "a> SUBSCRIBE packet_id=65535 filter=\"t\":0 filter=\"u\":1 filter=\"t\":2",
         "a< SUBACK packet_id=65535 reasons=0x00,0x01,0x02",
         "a> PUBLISH topic=\"t\" payload=\"1\" qos=2 packet_id=1", "a< PUBLISH qos=2 packet_id=1",
         "a< PUBREC", "a> PUBREL packet_id=1", "a< PUBCOMP", "a> PUBREC packet_id=1", "a< PUBREL",
         "a> PUBCOMP packet_id=1", "a-", "a> PUBLISH topic=\"t\" payload=\"kept\" retain",
         "a< PUBLISH payload=\"kept\" !retain", "a> SUBSCRIBE packet_id=2 filter=\"t\":1",
         "a< SUBACK packet_id=2 reasons=0x01", "a< PUBLISH payload=\"kept\" retain",
         "a> PUBLISH topic=\"t\" payload=\"2\" qos=2 packet_id=1", "a< PUBLISH qos=1 payload=\"2\"",
         "a< PUBREC", "a-");
    PLAY(FIVE("a"), "a> SUBSCRIBE packet_id=5 filter=\"t\":0 filter=\"u\":1 subscription_id=1",
         "a< SUBACK packet_id=5 reasons=0x00,0x01",
         "a> SUBSCRIBE packet_id=6 filter=\"t\":1 subscription_id=2", "a< SUBACK packet_id=6 reasons=0x01",
         "a> PUBLISH topic=\"t\" qos=1 packet_id=1", "a< PUBLISH qos=1 subscription_id=2 !subscription_id=1",
         "a< PUBACK", "a-");
}

// v4:MQTT-3.10.4-1 to v4:MQTT-3.10.4-6: v4:MQTT-3.10.4-2, v4:MQTT-3.10.4-3, v4:MQTT-3.10.4-4,
// v4:MQTT-3.10.4-5, v4:MQTT-3.10.4-6, v5:MQTT-3.10.4-1, v5:MQTT-3.10.4-2, v5:MQTT-3.10.4-3, v5:MQTT-3.10.4-4,
// v5:MQTT-3.10.4-5, v5:MQTT-3.10.4-6
static void unsubscribing(void **state)
{
    (void)state;
    PLAY(THREE("a"), SUBSCRIBE("a", "\"t/+\":1 filter=\"u\":1"), THREE("b"),
         "b> PUBLISH topic=\"t/1\" qos=1 packet_id=1", "b< PUBACK", "a< PUBLISH packet_id=1",
         "a> UNSUBSCRIBE packet_id=9 filter=\"t/1\" filter=\"T/+\" filter=\"t/#\"", "a< UNSUBACK packet_id=9",
         "b> PUBLISH topic=\"t/1\" qos=1 packet_id=1", "b< PUBACK", "a< PUBLISH packet_id=2",
         "a> PUBACK packet_id=2", "a> UNSUBSCRIBE packet_id=10 filter=\"t/+\" filter=\"u\"",
         "a< UNSUBACK packet_id=10", "b> PUBLISH topic=\"t/1\" qos=1 packet_id=1", "b< PUBACK",
         "b> PUBLISH topic=\"u\"", "a-",
         // what has begun is finished, over a cut
         "a cut", "a> CONNECT client_id=\"a\"", "a< CONNACK session_present",
         "a< PUBLISH topic=\"t/1\" packet_id=1 dup", "a> PUBACK packet_id=1", "a-");
    PLAY(FIVE("a"), SUBSCRIBE("a", "\"t\":1 filter=\"u\":1"),
         "a> UNSUBSCRIBE packet_id=2 filter=\"x\" filter=\"t\" filter=\"t\"",
         "a< UNSUBACK packet_id=2 reasons=0x11,0x00,0x11", "a> PUBLISH topic=\"t\" qos=1 packet_id=1",
         "a< PUBACK reason=0x10", "a> PUBLISH topic=\"u\" qos=1 packet_id=1", "a< PUBLISH packet_id=1",
         "a< PUBACK", "a> UNSUBSCRIBE packet_id=3 filter=\"u\"", "a< UNSUBACK packet_id=3 reasons=0x00",
         "a cut", FIVE("a"), "a< PUBLISH packet_id=1 dup", "a-");
}

// ---- QoS ----

// v4:MQTT-2.3.1-4, v4:MQTT-4.3.2-2, v4:MQTT-3.3.1-3, v5:MQTT-3.3.1-3, v5:MQTT-4.3.2-4, v5:MQTT-4.3.2-5,
// v5:MQTT-2.2.1-4
static void messages_of_qos_1(void **state)
{
    (void)state;
    PLAY(FIVE("a"), SUBSCRIBE("a", "\"t\":1"), FIVE("b"),
         "b> PUBLISH topic=\"t\" payload=\"1\" qos=1 packet_id=5 dup", "b< PUBACK packet_id=5",
         "a< PUBLISH payload=\"1\" packet_id=1 !dup",
         "b> PUBLISH topic=\"t\" payload=\"2\" qos=1 packet_id=5", "b< PUBACK packet_id=5",
         "a< PUBLISH payload=\"2\" packet_id=2 !dup",
         "b> PUBLISH topic=\"t\" payload=\"3\" qos=1 packet_id=5 dup", "b< PUBACK packet_id=5",
         "a< PUBLISH payload=\"3\" packet_id=3 !dup", "a> PUBACK packet_id=2", "a cut", FIVE("a"),
         "a< PUBLISH payload=\"1\" packet_id=1 dup", "a< PUBLISH payload=\"3\" packet_id=3 dup", "a-",
         "a> PUBACK packet_id=1", "a> PUBACK packet_id=3", "a cut", FIVE("a"), "a-");
    PLAY(THREE("a"), SUBSCRIBE("a", "\"t\":1"), "a> PUBLISH topic=\"t\" qos=1 packet_id=1",
         "a< PUBLISH packet_id=1", "a< PUBACK packet_id=1", "a> PUBLISH topic=\"t\" qos=1 packet_id=1 dup",
         "a< PUBLISH packet_id=2 !dup", "a< PUBACK packet_id=1");
}

// v4:MQTT-4.3.3-2, v4:MQTT-4.4.0-1, v5:MQTT-4.3.3-8, v5:MQTT-4.3.3-9, v5:MQTT-4.3.3-10, v5:MQTT-4.3.3-12,
// v5:MQTT-4.4.0-1
static void messages_of_qos_2(void **state)
{
    (void)state;
    PLAY(FIVE("a"), SUBSCRIBE("a", "\"t\":2"), FIVE("b"),
         "b> PUBLISH topic=\"t\" payload=\"1\" qos=2 packet_id=5", "b< PUBREC packet_id=5",
         "a< PUBLISH payload=\"1\" qos=2 packet_id=1", "b cut", FIVE("b"), "b-",
         "b> PUBLISH topic=\"t\" payload=\"1\" qos=2 packet_id=5 dup", "b< PUBREC packet_id=5", "a-",
         "b> PUBREL packet_id=5", "b< PUBCOMP packet_id=5 !reason",
         "b> PUBLISH topic=\"t\" payload=\"2\" qos=2 packet_id=5", "b< PUBREC packet_id=5",
         "a< PUBLISH payload=\"2\" packet_id=2",
         // the other way: from PUBREC on only PUBREL comes again
         "a> PUBREC packet_id=1", "a< PUBREL packet_id=1", "a cut", FIVE("a"), "a< PUBREL packet_id=1",
         "a< PUBLISH payload=\"2\" packet_id=2 dup", "a-", "a> PUBCOMP packet_id=1",
         "a> PUBREC packet_id=2 reason=0x80", "a-", "a cut", FIVE("a"), "a-");
    PLAY(THREE("a"), SUBSCRIBE("a", "\"t\":2"), "a> PUBLISH topic=\"t\" qos=2 packet_id=3",
         "a< PUBLISH packet_id=1", "a< PUBREC packet_id=3", "a> PUBLISH topic=\"t\" qos=2 packet_id=3 dup",
         "a< PUBREC packet_id=3", "a-", "a> PUBREL packet_id=3", "a< PUBCOMP packet_id=3", "a cut",
         "a> CONNECT client_id=\"a\"", "a< CONNACK session_present", "a< PUBLISH packet_id=1 dup",
         "a> PUBREC packet_id=1", "a< PUBREL packet_id=1", "a cut", "a> CONNECT client_id=\"a\"",
         "a< CONNACK", "a< PUBREL packet_id=1", "a-");
}

// v5:MQTT-4.3.3-7, v5:MQTT-4.3.3-13, v5:MQTT-3.3.2-5, v5:MQTT-3.3.2-6
static void messages_expire(void **state)
{
    (void)state;
    PLAY(FIVE("a"), SUBSCRIBE("a", "\"t\":2"), FIVE("b"),
         "b> PUBLISH topic=\"t\" payload=\"begun\" qos=2 packet_id=1 message_expiry=10", "b< PUBREC",
         "a< PUBLISH payload=\"begun\" message_expiry=10", "a cut",
         "b> PUBLISH topic=\"t\" payload=\"short\" qos=1 packet_id=2 message_expiry=10", "b< PUBACK",
         "b> PUBLISH topic=\"t\" payload=\"long\" qos=1 packet_id=2 message_expiry=100", "b< PUBACK",
         "b> PUBLISH topic=\"r\" payload=\"kept\" retain message_expiry=50", "wait 20000",
         "b> PUBREL packet_id=1", "b< PUBCOMP !reason", // the handshake is finished
         FIVE("a"), "a< PUBLISH payload=\"begun\" dup packet_id=1",
         "a< PUBLISH payload=\"long\" message_expiry=80", "a-", "a> PUBREC packet_id=1", "a< PUBREL",
         SUBSCRIBE("a", "\"r\":0"), "a< PUBLISH payload=\"kept\" message_expiry=30", "wait 31000",
         SUBSCRIBE("a", "\"r\":0"), "a-");
}

// v5:MQTT-3.3.2-4, v5:MQTT-3.3.2-15, v5:MQTT-3.3.2-16, v5:MQTT-3.3.2-17, v5:MQTT-3.3.2-18, v5:MQTT-3.3.2-20
static void properties_are_forwarded(void **state)
{
    (void)state;
    play *p = malloc(sizeof *p);
    assert_non_null(p);
    for (int store = 0; store < 2; store++) {
        play_starts(p, NULL, store);
        play_script(
            p,
            (const char *const[]){
                FIVE("a"), SUBSCRIBE("a", "\"t\":1"), FIVE("b"),
                "b> PUBLISH topic=\"t\" payload=\"p\" qos=1 packet_id=1 payload_format=1 content_type=\"c\" "
                "response_topic=\"r\" correlation_data=0x0001 user=\"b\":\"2\" user=\"a\":\"1\" "
                "user=\"b\":\"1\" topic_alias=1",
                "b< PUBACK", NULL});
        const actor *a = &p->actors[0];
        const char *wanted[] = {"payload_format=1", "content_type=\"c\"", "response_topic=\"r\"",
                                "correlation_data=0x0001",
                                "user=\"b\":\"2\" user=\"a\":\"1\" user=\"b\":\"1\""};
        assert_int_equal(a->count, 1);
        for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
            assert_non_null(strstr(a->heard[0], wanted[i]));
        assert_null(strstr(a->heard[0], "topic_alias"));
        play_over(p);
    }
    free(p);
}

// v4:MQTT-4.6.0-5, v4:MQTT-4.6.0-6, v5:MQTT-4.6.0-5, v5:MQTT-4.6.0-6
static void messages_come_in_their_order(void **state)
{
    (void)state;
    PLAY(THREE("a"), SUBSCRIBE("a", "\"#\":2"), THREE("b"),
         "b> PUBLISH topic=\"t\" payload=\"1\" qos=1 packet_id=1",
         "b> PUBLISH topic=\"t\" payload=\"2\" qos=1 packet_id=2",
         "b> PUBLISH topic=\"t\" payload=\"3\" qos=1 packet_id=3", "a< PUBLISH payload=\"1\"",
         "a< PUBLISH payload=\"2\"", "a< PUBLISH payload=\"3\"", "a> PUBACK packet_id=2",
         "b< PUBACK packet_id=1", "b< PUBACK packet_id=2", "b< PUBACK packet_id=3", "a cut",
         "b> PUBLISH topic=\"t\" payload=\"4\" qos=1 packet_id=4", "a> CONNECT client_id=\"a\"", "a< CONNACK",
         "a< PUBLISH payload=\"1\" dup", "a< PUBLISH payload=\"3\" dup", "a< PUBLISH payload=\"4\" !dup",
         "a-");
}

// ---- limits of clients ----

// v5:MQTT-3.1.2-24, v5:MQTT-3.1.2-25
static void large_packets_are_dropped(void **state)
{
    (void)state;
    PLAY("a> CONNECT version=5 client_id=\"a\" session_expiry=100 maximum_packet_size=30", "a< CONNACK",
         SUBSCRIBE("a", "\"t\":1"), FIVE("b"), SUBSCRIBE("b", "\"t\":0"),
         "b> PUBLISH topic=\"t\" payload=\"0123456789012345678901234567890123456789\" qos=1 packet_id=1",
         "b< PUBLISH", "b< PUBACK !reason", "a-",
         "b> PUBLISH topic=\"t\" payload=\"small\" qos=1 packet_id=2", "b< PUBLISH", "b< PUBACK",
         "a< PUBLISH payload=\"small\"", "a-", "a cut",
         "a> CONNECT version=5 client_id=\"a\" session_expiry=100", "a< CONNACK",
         "a< PUBLISH payload=\"small\"", "a-");
}

// v5:MQTT-3.1.2-26, v5:MQTT-3.1.2-27, v5:MQTT-3.3.2-11, v5:MQTT-3.3.2-12
static void aliases_both_ways(void **state)
{
    (void)state;
    PLAY("a> CONNECT version=5 client_id=\"a\" topic_alias_maximum=1", "a< CONNACK topic_alias_maximum=16",
         SUBSCRIBE("a", "\"#\":0"), FIVE("b"), SUBSCRIBE("b", "\"#\":0"),
         "b> PUBLISH topic=\"first\" topic_alias=1", "b> PUBLISH topic=\"last\" topic_alias=16",
         "b> PUBLISH topic=\"\" topic_alias=1", "b> PUBLISH topic=\"\" topic_alias=16",
         // the client's connection accepts no alias above its maximum, and resolves those that come
         "a< PUBLISH topic=\"first\" !topic_alias=2", "a< PUBLISH topic=\"last\" !topic_alias=2",
         "a< PUBLISH topic=\"first\" !topic_alias=2", "a< PUBLISH topic=\"last\" !topic_alias=2",
         "b< PUBLISH topic=\"first\" !topic_alias", "b< PUBLISH topic=\"last\" !topic_alias",
         "b< PUBLISH topic=\"first\" !topic_alias", "b< PUBLISH topic=\"last\" !topic_alias", "a-", "b-");
}

// v5:MQTT-3.3.4-9, v5:MQTT-3.3.4-10
static void the_receive_maximum_holds(void **state)
{
    (void)state;
    PLAY("a> CONNECT version=5 client_id=\"a\" receive_maximum=2", "a< CONNACK",
         SUBSCRIBE("a", "\"t\":2 filter=\"z\":0"), FIVE("b"),
         "b> PUBLISH topic=\"t\" payload=\"1\" qos=1 packet_id=1",
         "b> PUBLISH topic=\"t\" payload=\"2\" qos=2 packet_id=2",
         "b> PUBLISH topic=\"t\" payload=\"3\" qos=1 packet_id=3",
         "b> PUBLISH topic=\"t\" payload=\"4\" qos=2 packet_id=4", "a< PUBLISH payload=\"1\" packet_id=1",
         "a< PUBLISH payload=\"2\" packet_id=2", "a-", "a> PINGREQ", "a< PINGRESP", "a> PUBREC packet_id=2",
         "a< PUBREL packet_id=2", "a-", "b> PUBLISH topic=\"z\"", "a< PUBLISH topic=\"z\"",
         "a> SUBSCRIBE packet_id=9 filter=\"x\":0", "a< SUBACK packet_id=9", "a-", "a> PUBACK packet_id=1",
         "a< PUBLISH payload=\"3\"", "a-", "a> PUBCOMP packet_id=2", "a< PUBLISH payload=\"4\"", "a-");
}

// ---- what a server need not do ----

static int deny(mqw_broker *broker, mqw_peer *peer, mqw_publish *publish, void *ctx)
{
    (void)broker, (void)peer, (void)publish, (void)ctx;
    return MQW_REASON_NOT_AUTHORIZED;
}

// v4:MQTT-3.3.5-2: it is acknowledged, and nobody gets it; in 5.0 it hears why
static void who_may_not_publish(void **state)
{
    const mqw_broker_options options = {.hooks = {.on_publish = deny}};
    (void)state;
    PLAY_WITH(&options, THREE("a"), SUBSCRIBE("a", "\"t\":1"), "a> PUBLISH topic=\"t\" qos=1 packet_id=1",
              "a< PUBACK packet_id=1 !reason", "a> PUBLISH topic=\"t\" qos=2 packet_id=2",
              "a< PUBREC packet_id=2 !reason", "a> PUBREL packet_id=2", "a< PUBCOMP packet_id=2", "a-", //
              FIVE("b"), "b> PUBLISH topic=\"t\" qos=1 packet_id=1", "b< PUBACK packet_id=1 reason=0x87",
              "b> PUBLISH topic=\"t\" qos=2 packet_id=1", "b< PUBREC packet_id=1 reason=0x87", "a-", "b-");
}

// v4:MQTT-3.8.3-2
static void without_wildcards(void **state)
{
    const mqw_broker_options options = {.limits = {.no_wildcards = true}};
    (void)state;
    PLAY_WITH(&options, THREE("a"), "a> SUBSCRIBE packet_id=1 filter=\"a/#\":1 filter=\"a\":1 filter=\"+\":0",
              "a< SUBACK reasons=0x80,0x01,0x80", "a> PUBLISH topic=\"a/b\"", "a-", "a> PUBLISH topic=\"a\"",
              "a< PUBLISH topic=\"a\"", "a-", "b> CONNECT version=5 client_id=\"b\"",
              "b< CONNACK wildcards_available=0");
}

// v5:MQTT-3.2.2-13
static void without_retained_messages(void **state)
{
    const mqw_broker_options options = {.limits = {.no_retain = true}};
    (void)state;
    PLAY_WITH(&options, "a> CONNECT version=5 client_id=\"a\" will.topic=\"w\" will.retain",
              "a< CONNACK reason=0x9a", "a!", "a> CONNECT version=5 client_id=\"a\" will.topic=\"w\"",
              "a< CONNACK reason=0x00 retain_available=0");
}

// v5:MQTT-4.8.2-3, v5:MQTT-4.8.2-4, v5:MQTT-4.8.2-5, v5:MQTT-4.8.2-6
static void members_of_a_group(void **state)
{
    (void)state;
    PLAY(FIVE("a"), SUBSCRIBE("a", "\"$share/g/t\":0"), FIVE("c"), "c> PUBLISH topic=\"t\" qos=2 packet_id=1",
         "c< PUBREC", "a< PUBLISH !qos", "a-", "a> DISCONNECT session_expiry=0", "a!", //
         FIVE("b"), SUBSCRIBE("b", "\"$share/g/t\":2"),
         "c> PUBLISH topic=\"t\" payload=\"2\" qos=2 packet_id=2", "c< PUBREC",
         "b< PUBLISH payload=\"2\" qos=2 packet_id=1", "b cut", //
         FIVE("a"), SUBSCRIBE("a", "\"$share/g/t\":2"), "wait 10000", "a-", FIVE("b"),
         "b< PUBLISH payload=\"2\" qos=2 packet_id=1 dup", "a-", "b-", "b cut", //
         // its session ends with it: nobody else gets it
         "b> CONNECT version=5 client_id=\"b\" clean_start", "b< CONNACK", "b-", "a-",
         // what a member refuses is gone, too
         "b> DISCONNECT", "b!", "c> PUBLISH topic=\"t\" payload=\"3\" qos=1 packet_id=3", "c< PUBACK",
         "a< PUBLISH payload=\"3\" qos=1 packet_id=1", FIVE("b"), SUBSCRIBE("b", "\"$share/g/t\":2"),
         "a> PUBACK packet_id=1 reason=0x80", "a cut", "b-", FIVE("a"), "a-", "b-");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wills_of_3_1_1),
        cmocka_unit_test(wills_of_5),
        cmocka_unit_test(a_client_that_comes_back_stops_its_will),
        cmocka_unit_test(properties_of_a_will_are_published),
        cmocka_unit_test(retained_messages_of_3_1_1),
        cmocka_unit_test(retain_handling),
        cmocka_unit_test(retain_as_published),
        cmocka_unit_test(topics_match_filters),
        cmocka_unit_test(the_lower_qos_counts),
        cmocka_unit_test(overlapping_subscriptions),
        cmocka_unit_test(no_local),
        cmocka_unit_test(subscribing_again_replaces),
        cmocka_unit_test(unsubscribing),
        cmocka_unit_test(messages_of_qos_1),
        cmocka_unit_test(messages_of_qos_2),
        cmocka_unit_test(messages_expire),
        cmocka_unit_test(properties_are_forwarded),
        cmocka_unit_test(messages_come_in_their_order),
        cmocka_unit_test(large_packets_are_dropped),
        cmocka_unit_test(aliases_both_ways),
        cmocka_unit_test(the_receive_maximum_holds),
        cmocka_unit_test(who_may_not_publish),
        cmocka_unit_test(without_wildcards),
        cmocka_unit_test(without_retained_messages),
        cmocka_unit_test(members_of_a_group),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
