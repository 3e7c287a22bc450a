// SPDX-License-Identifier: MIT
// What the standard asks of a server's behaviour, statement by statement, as scripts (broker_script.h). Each
// is played without a store and with one.
#include "live/broker_script.h"

// ---- sessions ----

// v4:MQTT-3.1.2-4, v4:MQTT-3.1.2-5, v4:MQTT-3.1.3-2, v4:MQTT-3.2.2-2, v4:MQTT-3.2.2-3, v4:MQTT-4.1.0-1,
// v4:MQTT-4.5.0-1
static void a_session_of_3_1_1_goes_on(void **state)
{
    (void)state;
    PLAY("a> CONNECT client_id=\"a\"", "a< CONNACK reason=0x00 !session_present",             //
         "a> SUBSCRIBE packet_id=9 filter=\"t/#\":1", "a< SUBACK packet_id=9 reasons=0x01",   //
         "a cut", "a!",                                                                       //
         "b> CONNECT client_id=\"b\" clean_start", "b< CONNACK reason=0x00",                  //
         "b> PUBLISH topic=\"t/1\" payload=\"1\" qos=1 packet_id=1", "b< PUBACK packet_id=1", //
         "b> PUBLISH topic=\"t/2\" payload=\"2\" qos=2 packet_id=2", "b< PUBREC packet_id=2", //
         "wait 100000000",                                                                    //
         "a> CONNECT client_id=\"a\"", "a< CONNACK reason=0x00 session_present",              //
         "a< PUBLISH topic=\"t/1\" payload=\"1\" qos=1 !dup !retain",                         //
         "a< PUBLISH topic=\"t/2\" payload=\"2\" qos=1", "a-",                                //
         "c> CONNECT client_id=\"c\"", "c< CONNACK !session_present", "c-");
}

// v4:MQTT-3.1.2-6, v4:MQTT-3.2.2-1, v4:MQTT-3.1.4-3, v5:MQTT-3.1.2-4, v5:MQTT-3.2.2-2, v5:MQTT-3.1.4-4
static void a_clean_start_forgets(void **state)
{
    (void)state;
    PLAY("a> CONNECT client_id=\"a\"", "a< CONNACK", "a> SUBSCRIBE packet_id=1 filter=\"t\":2",
         "a< SUBACK",                                                                               //
         "a> DISCONNECT", "a!",                                                                     //
         "b> CONNECT client_id=\"b\" clean_start", "b< CONNACK !session_present",                   //
         "b> PUBLISH topic=\"t\" qos=1 packet_id=1", "b< PUBACK",                                   //
         "a> CONNECT client_id=\"a\" clean_start", "a< CONNACK reason=0x00 !session_present", "a-", //
         "b> PUBLISH topic=\"t\" qos=1 packet_id=1", "b< PUBACK", "a-",                             //
         "a> SUBSCRIBE packet_id=1 filter=\"t\":2", "a< SUBACK", "a> DISCONNECT", "a!",             //
         "a> CONNECT client_id=\"a\"", "a< CONNACK !session_present",                               //
         "b> PUBLISH topic=\"t\" qos=1 packet_id=1", "b< PUBACK", "a-");
    PLAY("a> CONNECT version=5 client_id=\"a\" session_expiry=100", "a< CONNACK !session_present", //
         "a> SUBSCRIBE packet_id=1 filter=\"t\":2", "a< SUBACK", "a cut",                          //
         "b> CONNECT version=5 client_id=\"b\" clean_start", "b< CONNACK",                         //
         "b> PUBLISH topic=\"t\" qos=1 packet_id=1", "b< PUBACK !reason",                          //
         "a> CONNECT version=5 client_id=\"a\" clean_start session_expiry=100",                    //
         "a< CONNACK reason=0x00 !session_present", "a-",                                          //
         "b> PUBLISH topic=\"t\" qos=1 packet_id=1", "b< PUBACK reason=0x10", "a-");
}

// v5:MQTT-3.1.2-5, v5:MQTT-3.1.2-6, v5:MQTT-3.1.2-23, v5:MQTT-3.1.3-2, v5:MQTT-3.2.2-3, v5:MQTT-4.1.0-1,
// v5:MQTT-4.1.0-2, v5:MQTT-4.5.0-1
static void a_session_of_5_ends_with_its_expiry(void **state)
{
    (void)state;
    PLAY("a> CONNECT version=5 client_id=\"a\" session_expiry=10",
         "a< CONNACK !session_present reason=0x00",                                          //
         "a> SUBSCRIBE packet_id=1 filter=\"t\":1", "a< SUBACK", "wait 50000", "a cut",      //
         "b> CONNECT version=5 client_id=\"b\"", "b< CONNACK",                               //
         "b> PUBLISH topic=\"t\" payload=\"1\" qos=1 packet_id=1", "b< PUBACK", "wait 8000", //
         "a> CONNECT version=5 client_id=\"a\" session_expiry=10",
         "a< CONNACK session_present reason=0x00",                                               //
         "a< PUBLISH payload=\"1\" packet_id=1", "a> PUBACK packet_id=1", "a end", "wait 11500", //
         "a> CONNECT version=5 client_id=\"a\" session_expiry=10",
         "a< CONNACK !session_present reason=0x00",                                 //
         "b> PUBLISH topic=\"t\" qos=1 packet_id=1", "b< PUBACK reason=0x10", "a-", //
         // DISCONNECT may change it
         "a> DISCONNECT session_expiry=1", "a!", "wait 2500", //
         "a> CONNECT version=5 client_id=\"a\"", "a< CONNACK !session_present");
}

// v4:MQTT-4.1.0-2: a session is not over while its client is there
static void a_session_lasts_as_long_as_its_connection(void **state)
{
    (void)state;
    PLAY("a> CONNECT client_id=\"a\" clean_start", "a< CONNACK", "a> SUBSCRIBE packet_id=1 filter=\"t\":0", //
         "a< SUBACK", "wait 1000000000", "a> PUBLISH topic=\"t\" payload=\"late\"",
         "a< PUBLISH payload=\"late\"", "a-");
}

// v4:MQTT-3.1.4-2, v5:MQTT-3.1.4-3
static void another_connection_takes_over(void **state)
{
    (void)state;
    PLAY("a> CONNECT client_id=\"x\"", "a< CONNACK", "b> CONNECT client_id=\"x\"",
         "b< CONNACK session_present",                                                           //
         "a!", "b-", "a> CONNECT version=5 client_id=\"x\"", "a< CONNACK session_present", "b!", //
         "b> CONNECT version=5 client_id=\"x\"", "b< CONNACK", "a< DISCONNECT reason=0x8e", "a!", "b-");
}

// v4:MQTT-3.1.3-5, v5:MQTT-3.1.3-5
static void plain_identifiers_are_taken(void **state)
{
    (void)state;
    PLAY("a> CONNECT client_id=\"0123456789abcdefghijklm\"", "a< CONNACK reason=0x00",
         "b> CONNECT client_id=\"nopqrstuvwxyzABCDEFGHIJ\"", "b< CONNACK reason=0x00",
         "c> CONNECT version=5 client_id=\"KLMNOPQRSTUVWXYZ0123456\"", "c< CONNACK reason=0x00",
         "d> CONNECT version=5 client_id=\"z\"", "d< CONNACK reason=0x00");
}

// v4:MQTT-3.1.3-6, v4:MQTT-3.1.3-8, v5:MQTT-3.1.3-6, v5:MQTT-3.1.3-7, v5:MQTT-3.2.2-16
static void those_without_a_name_get_one(void **state)
{
    (void)state;
    PLAY("a> CONNECT clean_start", "a< CONNACK reason=0x00", "b> CONNECT clean_start",
         "b< CONNACK reason=0x00", "a-", "b-", "c> CONNECT version=5", "c< CONNACK reason=0x00",
         "d> CONNECT version=5 clean_start", "d< CONNACK reason=0x00", "c-", "d-");
    play *p = malloc(sizeof *p);
    play_starts(p, NULL, false);
    play_line(p, "a> CONNECT version=5 session_expiry=100");
    play_line(p, "b> CONNECT version=5");
    char *names[2] = {strstr(p->actors[0].heard[0], "assigned_client_id="),
                      strstr(p->actors[1].heard[0], "assigned_client_id=")};
    assert_non_null(names[0]);
    assert_non_null(names[1]);
    names[0] = strndup(names[0], token_at(names[0]));
    names[1] = strndup(names[1], token_at(names[1]));
    assert_string_not_equal(names[0], names[1]);
    char line[200]; // it is its name as if it had said so
    snprintf(line, sizeof line, "c> CONNECT version=5 client_id=%s",
             names[0] + strlen("assigned_client_id="));
    play_line(p, "a cut");
    play_line(p, line);
    play_line(p, "c< CONNACK session_present");
    free(names[0]);
    free(names[1]);
    play_over(p);
    free(p);
    // 3.1.1: CONNACK 0x02 without clean session
    PLAY("a raw 100c00044d515454040000000000", "a< CONNACK reason=0x02", "a!");
}

static int refuse_name(mqw_broker *broker, mqw_peer *peer, const mqw_connect *connect, void *ctx)
{
    (void)broker, (void)peer, (void)connect, (void)ctx;
    return MQW_REASON_CLIENT_ID_NOT_VALID;
}

static int refuse(mqw_broker *broker, mqw_peer *peer, const mqw_connect *connect, void *ctx)
{
    (void)broker, (void)peer, (void)connect, (void)ctx;
    return MQW_REASON_NOT_AUTHORIZED;
}

// v4:MQTT-3.1.3-9, v5:MQTT-3.1.3-8, v5:MQTT-3.1.4-2
static void refused_clients_hear_why(void **state)
{
    (void)state;
    mqw_broker_options options = {.hooks = {.on_connect = refuse_name}};
    PLAY_WITH(&options, "a> CONNECT client_id=\"a\"", "a< CONNACK reason=0x02 !session_present", "a!",
              "b> CONNECT version=5 client_id=\"a\"", "b< CONNACK reason=0x85", "b!");
    options.hooks.on_connect = refuse;
    PLAY_WITH(&options, "a> CONNECT client_id=\"a\"", "a< CONNACK reason=0x05", "a!",
              "b> CONNECT version=5 client_id=\"a\"", "b< CONNACK reason=0x87", "b!");
}

// v4:MQTT-3.1.2-24, v5:MQTT-3.1.2-22, v5:MQTT-3.2.2-22
static void who_is_silent_is_gone(void **state)
{
    (void)state;
    PLAY("a> CONNECT client_id=\"a\" keep_alive=10 clean_start will.topic=\"w\" will.payload=\"a\"",
         "a< CONNACK",
         "b> CONNECT version=5 client_id=\"b\" keep_alive=20 will.topic=\"w\" will.payload=\"b\"",
         "b< CONNACK !server_keep_alive", "c> CONNECT client_id=\"c\"", "c< CONNACK",
         "c> SUBSCRIBE packet_id=1 filter=\"w\":0", "c< SUBACK", "wait 14000", "a-", "wait 1500", "a!",
         "c< PUBLISH payload=\"a\"", "c-", "wait 13000", "b> PINGREQ", "b< PINGRESP", "wait 29000", "b-",
         "wait 1500", "b< DISCONNECT reason=0x8d", "b!", "c< PUBLISH payload=\"b\"", "wait 10000000", "c-");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_of_3_1_1_goes_on),
        cmocka_unit_test(a_clean_start_forgets),
        cmocka_unit_test(a_session_of_5_ends_with_its_expiry),
        cmocka_unit_test(a_session_lasts_as_long_as_its_connection),
        cmocka_unit_test(another_connection_takes_over),
        cmocka_unit_test(plain_identifiers_are_taken),
        cmocka_unit_test(those_without_a_name_get_one),
        cmocka_unit_test(refused_clients_hear_why),
        cmocka_unit_test(who_is_silent_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
