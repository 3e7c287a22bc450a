// SPDX-License-Identifier: MIT
// The tables in words: names, texts, clauses, and errors as sentences.
#include "unit/any_packet.h"

static const char *sentence(const mqw_error *error)
{
    static char line[512];
    size_t len = mqw_error_print(line, sizeof(line), error);
    assert_int_equal(len, strlen(line));
    return line;
}

static void packet_names(void **state)
{
    (void)state;
#define X(id, NAME, ...) assert_string_equal(mqw_packet_name(id), #NAME);
    MQW_PACKETS(X)
#undef X
    assert_string_equal(mqw_packet_name(0), "?");
    assert_string_equal(mqw_packet_name(16), "?");
    assert_string_equal(mqw_packet_name(-1), "?");
}

static void reason_names(void **state)
{
    (void)state;
#define X(value, NAME, client, server, text) assert_string_equal(mqw_reason_name(5, value), text);
    MQW_REASONS(X)
#undef X
#define X(code, reason, text)                            \
    assert_string_equal(mqw_reason_name(3, code), text); \
    assert_string_equal(mqw_reason_name(4, code), text);
    MQW_RETURN_CODES(X)
#undef X
    assert_string_equal(mqw_reason_name(4, 0x80), "unspecified error"); // SUBACK
    assert_string_equal(mqw_reason_name(5, 3), "unknown reason code");
    assert_string_equal(mqw_reason_name(5, 5), "unknown reason code");
    assert_string_equal(mqw_reason_name(4, 6), "unknown reason code");
    assert_string_equal(mqw_reason_name(5, 255), "unknown reason code");
}

static void results(void **state)
{
    (void)state;
    assert_string_equal(mqw_strerror(0), "success");
    assert_string_equal(mqw_strerror(12), "success");
#define X(value, NAME, text) assert_string_equal(mqw_strerror(MQW_##NAME), text);
    MQW_RESULTS(X)
#undef X
    assert_string_equal(mqw_strerror(1), "success");
    assert_string_equal(mqw_strerror(MQW_E_EXPIRED - 1), "unknown result"); // the row behind the last one
    assert_string_equal(mqw_strerror(-1000), "unknown result");
    assert_string_equal(mqw_strerror(INT32_MIN), "unknown result");
}

static void rules(void **state)
{
    (void)state;
#define X(NAME, clause_3, clause_5, since, until, reason, blame, standing, text)            \
    do {                                                                                    \
        mqw_error error = {.code = MQW_E_MALFORMED, .rule = MQW_RULE_##NAME, .version = 4}; \
        assert_string_equal(mqw_rule_name(MQW_RULE_##NAME), #NAME);                         \
        assert_string_equal(mqw_error_text(&error), text);                                  \
        assert_string_equal(mqw_error_clause(&error), clause_3);                            \
        error.version = 5;                                                                  \
        assert_string_equal(mqw_error_clause(&error), clause_5);                            \
    } while (0);
    MQW_RULES(X)
#undef X
    assert_string_equal(mqw_rule_name(0), "NONE");
    assert_string_equal(mqw_rule_name(-1), "?");
    assert_string_equal(mqw_rule_name(MQW_RULE_COUNT), "?");
    for (int rule = MQW_RULE_COUNT; rule < 256; rule++) {
        mqw_error error = {.code = MQW_E_BUSY, .rule = (uint8_t)rule, .version = 5};
        assert_string_equal(mqw_error_clause(&error), "");
        assert_string_equal(sentence(&error), mqw_strerror(MQW_E_BUSY));
    }
    mqw_error none = {.code = MQW_E_BUSY};
    assert_string_equal(mqw_error_clause(&none), "");
    assert_string_equal(mqw_error_text(&none), mqw_strerror(MQW_E_BUSY));
}

static void sentences(void **state)
{
    (void)state;
    static const struct {
        mqw_error error;
        const char *text;
    } cases[] = {
        {{.code = MQW_E_MALFORMED,
          .type = MQW_PUBLISH,
          .rule = MQW_RULE_TOPIC_WILDCARD,
          .version = 4,
          .by_peer = true,
          .offset = 12,
          .field = "topic"},
         "malformed packet: PUBLISH topic at byte 12: topic name contains a wildcard [MQTT-3.3.2-2]"},
        {{.code = MQW_E_MALFORMED, .rule = MQW_RULE_TYPE_RESERVED, .version = 5, .by_peer = true},
         "malformed packet: at byte 0: packet type is reserved [section 2.1.2]"},
        {{.code = MQW_E_PROTOCOL,
          .type = MQW_CONNECT,
          .rule = MQW_RULE_CONNECT_TWICE,
          .version = 4,
          .offset = 70},
         "protocol error: CONNECT at byte 70: second CONNECT on a connection [MQTT-3.1.0-2]"},
        {{.code = MQW_E_MISUSE,
          .type = MQW_PUBACK,
          .rule = MQW_RULE_PACKET_ID_ZERO,
          .version = 4,
          .field = "packet_id"},
         "misuse by the program: PUBACK packet_id: packet identifier is 0 [MQTT-2.3.1-1]"},
        {{.code = MQW_E_REFUSED, .rule = MQW_RULE_AUTH_METHOD, .version = 4},
         "refused: the peer or its version does not take that: authentication method differs from that of CONNECT"},
        {{.code = MQW_E_TIMEOUT, .rule = MQW_RULE_SILENT, .version = 5},
         "peer was silent too long: peer was silent for longer than its keep alive allows [MQTT-3.1.2-22]"},
        {{.code = MQW_E_NO_ROOM, .type = MQW_PUBLISH, .offset = 123},
         "not enough room: 123 bytes are needed"},
        {{.code = MQW_E_NO_MEMORY}, "out of memory"},
        {{.code = MQW_E_CLOSED, .type = MQW_PINGREQ}, "connection is closed: PINGREQ"},
        {{.code = MQW_E_MALFORMED, .type = MQW_PUBACK, .offset = 17, .field = "a number up to 65535"},
         "malformed packet: PUBACK at byte 17: expected a number up to 65535"},
        {{.code = MQW_E_MALFORMED, .field = "a packet name"},
         "malformed packet: at byte 0: expected a packet name"},
        {{.code = 0}, "success"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(sentence(&cases[i].error), cases[i].text);
}

static void room_too_small(void **state)
{
    (void)state;
    mqw_error error = {.code = MQW_E_MALFORMED, .rule = MQW_RULE_QOS, .version = 4};
    const char *full = sentence(&error);
    size_t len = strlen(full);
    assert_int_equal(mqw_error_print(NULL, 0, &error), len);
    for (size_t cap = 1; cap <= len + 1; cap++) {
        char *room = malloc(cap);
        assert_non_null(room);
        assert_int_equal(mqw_error_print(room, cap, &error), len);
        assert_int_equal(strlen(room), cap - 1);
        assert_memory_equal(room, full, cap - 1);
        free(room);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packet_names), cmocka_unit_test(reason_names), cmocka_unit_test(results),
        cmocka_unit_test(rules),        cmocka_unit_test(sentences),    cmocka_unit_test(room_too_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
