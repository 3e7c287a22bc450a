// SPDX-License-Identifier: MIT
// mqw_scan: what it reads, what it says about what it does not read, and that it undoes mqw_print.
#include "unit/any_packet.h"

static char printed[1 << 18];

static const char *print(const mqw_packet *packet)
{
    assert_true(mqw_print(printed, sizeof(printed), packet, MQW_FULL) < sizeof(printed));
    return printed;
}

// A line that is not canonical, and the canonical one for the same packet.
static void reads_as(const char *line, const char *canonical)
{
    mqw_packet p;
    uint8_t *room = scan_good(line, &p);
    assert_string_equal(print(&p), canonical);
    free(room);
}

// One line per packet and property; each is what print makes of it.
static const char *const canonical_lines[] = {
    "CONNECT version=4 client_id=\"test\" keep_alive=30 clean_start will.topic=\"w\" will.payload=\"gone\" "
    "will.qos=1 will.retain username=\"u\" password=0x0c0d0e",
    "CONNECT version=3 bridge client_id=\"\"",
    "CONNECT version=200 unsupported",
    "CONNECT version=0 unsupported",
    "CONNECT version=12 unsupported flags=0x02 length=23",
    "CONNECT version=4 protocol_name=\"MQIsdp\" client_id=\"\" username=\"\" password=\"\"",
    "CONNECT version=5 client_id=\"c\" will.topic=\"\" will.payload=\"\" will.payload_format=1 "
    "will.message_expiry=4294967295 will.content_type=\"t\" will.response_topic=\"r\" will.correlation_data=0x00 "
    "will.will_delay=7 will.user=\"a\":\"b\" will.user=\"\":\"\" session_expiry=0 auth_method=\"m\" auth_data=\"d\" "
    "request_problem_info=0 request_response_info=1 receive_maximum=1 topic_alias_maximum=65535 user=\"c\":\"d\" "
    "maximum_packet_size=1",
    "CONNACK reason=0x00",
    "CONNACK session_present reason=0x00 session_expiry=1 assigned_client_id=\"i\" server_keep_alive=2 "
    "auth_method=\"m\" auth_data=0xff response_info=\"ri\" server_reference=\"sr\" reason_string=\"rs\" "
    "receive_maximum=3 topic_alias_maximum=4 maximum_qos=1 retain_available=0 user=\"k\":\"v\" "
    "maximum_packet_size=5 wildcards_available=0 subscription_ids_available=1 shared_available=0",
    "PUBLISH topic=\"\" payload=\"\"",
    "PUBLISH topic=\"a/b\" payload=\"hi\" payload_left=9 qos=2 packet_id=7 retain dup payload_format=1 "
    "subscription_id=5 subscription_id=268435455 topic_alias=3 user=\"k\":\"v\" user=\"k\":\"w\"",
    "PUBACK packet_id=7 reason=0x10 reason_string=\"none\"",
    "PUBREC packet_id=7",
    "PUBREL packet_id=7 reason=0x92 dup",
    "PUBREL packet_id=4 flags=0x00 length=2",
    "PUBCOMP packet_id=65535 user=\"\\x00\":\"\\xff\"",
    "SUBSCRIBE packet_id=6 filter=\"a/#\":1 filter=\"b\":2:no_local:retain_as_published:retain_handling=1 "
    "subscription_id=1",
    "SUBSCRIBE packet_id=0",
    "UNSUBSCRIBE packet_id=0",
    "SUBACK packet_id=0",
    "SUBACK packet_id=6 reasons=0x00,0x01,0x80",
    "UNSUBSCRIBE packet_id=7 dup filter=\"tfst\" filter=\"\"",
    "UNSUBACK packet_id=7",
    "UNSUBACK packet_id=7 reasons=0x11",
    "PINGREQ",
    "PINGRESP flags=0x0f",
    "DISCONNECT",
    "DISCONNECT reason=0x8e session_expiry=1 server_reference=\"elsewhere\" reason_string=\"\"",
    "AUTH reason=0x18 auth_method=\"X\" auth_data=\"\"",
};

enum { CANONICAL_COUNT = sizeof(canonical_lines) / sizeof(canonical_lines[0]) };

static void canonical_lines_come_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < CANONICAL_COUNT; i++)
        reads_as(canonical_lines[i], canonical_lines[i]);
}

static void fields_get_their_values(void **state)
{
    (void)state;
    mqw_packet p;
    uint8_t *room = scan_good("PUBLISH topic=\"a/b\" payload=0x00ff qos=1 packet_id=7 retain topic_alias=3 "
                              "user=\"k\":\"v\"",
                              &p);
    assert_int_equal(p.type, MQW_PUBLISH);
    assert_true(p.retain && p.qos == 1 && !p.dup);
    same_text(p.publish.topic, MQW_TEXT("a/b"));
    same_bytes(p.publish.payload, (mqw_bytes){(const uint8_t *)"\0\xff", 2});
    assert_true(p.publish.retain && p.publish.qos == 1 && !p.publish.dup);
    assert_int_equal(p.publish.packet_id, 7);
    assert_int_equal(p.publish.props.has, MQW_BIT(topic_alias) | MQW_BIT(user));
    assert_int_equal(p.publish.props.topic_alias, 3);
    mqw_pair pair;
    assert_true(mqw_next_pair(&p.publish.props.user, &pair));
    same_text(pair.name, MQW_TEXT("k"));
    same_text(pair.value, MQW_TEXT("v"));
    assert_false(mqw_next_pair(&p.publish.props.user, &pair));
    free(room);
    room = scan_good("CONNECT will.will_delay=5", &p);
    assert_int_equal(p.connect.version, 4);
    assert_true(p.connect.has_will && !p.connect.has_username && !p.connect.has_password);
    assert_int_equal(p.connect.will.props.will_delay, 5);
    assert_int_equal(p.connect.props.has, 0);
    free(room);
}

// The static header is what the type and the fields ask for, unless the line says otherwise.
static void fixed_headers(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        bool dup, retain;
        uint8_t qos;
        uint32_t length;
    } cases[] = {
        {"PUBREL packet_id=1", false, false, 1, 0},
        {"PUBREL packet_id=1 dup", true, false, 1, 0},
        {"SUBSCRIBE packet_id=1 flags=0x0f length=7", true, true, 3, 7},
        {"UNSUBSCRIBE packet_id=1 dup", true, false, 1, 0},
        {"CONNECT flags=4", false, false, 2, 0},
        {"PUBACK packet_id=1", false, false, 0, 0},
        {"PUBLISH dup qos=2 retain", true, true, 2, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        mqw_packet p;
        uint8_t *room = scan_good(cases[i].line, &p);
        assert_int_equal(p.dup, cases[i].dup);
        assert_int_equal(p.retain, cases[i].retain);
        assert_int_equal(p.qos, cases[i].qos);
        assert_int_equal(p.length, cases[i].length);
        free(room);
    }
}

static void other_spellings(void **state)
{
    (void)state;
    reads_as("  publish\tpacket_id=0x7  payload=\"p\"\r topic=\"t\" qos=02\n", // order, blanks, case, numbers
             "PUBLISH topic=\"t\" payload=\"p\" qos=2 packet_id=7");
    reads_as("PUBLISH # topic=\"t\"", "PUBLISH topic=\"\" payload=\"\"");
    reads_as("PUBLISH topic=\"#\" #", "PUBLISH topic=\"#\" payload=\"\"");
    reads_as("PUBLISH topic=0x61C3A9fFF0 payload=\"\\x00\"",
             "PUBLISH topic=\"a\xC3\xA9\\xff\\xf0\" payload=0x00");
    reads_as("PUBLISH topic=0x payload=0X41", "PUBLISH topic=\"\" payload=\"A\"");
    reads_as("PUBLISH topic=\"\t\x01\"", "PUBLISH topic=\"\\t\\x01\" payload=\"\"");
    reads_as("PUBLISH topic=\"\\x41\\x7e\"", "PUBLISH topic=\"A~\" payload=\"\"");
    reads_as("CONNACK reason=not_authorized", "CONNACK reason=0x87");
    reads_as("CONNACK reason=Success", "CONNACK reason=0x00");
    reads_as("CONNACK reason=135", "CONNACK reason=0x87");
    reads_as("DISCONNECT reason=NORMAL_DISCONNECTION", "DISCONNECT");
    reads_as("SUBACK packet_id=1 reasons=GRANTED_QOS_0,2,Quota_Exceeded",
             "SUBACK packet_id=1 reasons=0x00,0x02,0x97");
    reads_as("SUBSCRIBE packet_id=1 filter=\"a\" filter=0x62:no_local filter=\"c\":retain_handling=2:1",
             "SUBSCRIBE packet_id=1 filter=\"a\":0 filter=\"b\":0:no_local filter=\"c\":1:retain_handling=2");
    reads_as("CONNECT version=0", "CONNECT version=4 client_id=\"\"");
    reads_as("PUBACK", "PUBACK packet_id=0");
    reads_as("PUBACK topic_alias=0", "PUBACK packet_id=0 topic_alias=0"); // it is the codec that judges
}

// Items of lists may stand anywhere; they keep their order.
static void scattered_lists(void **state)
{
    (void)state;
    reads_as(
        "CONNECT will.user=\"1\":\"a\\n\" user=\"2\":\"b\" subscription_id=1 client_id=\"x\" user=\"3\":\"c\" "
        "will.subscription_id=2 will.user=\"4\":\"d\" subscription_id=3 username=\"u\"",
        "CONNECT version=4 client_id=\"x\" will.topic=\"\" will.payload=\"\" username=\"u\" "
        "will.subscription_id=2 will.user=\"1\":\"a\\n\" will.user=\"4\":\"d\" subscription_id=1 "
        "subscription_id=3 user=\"2\":\"b\" user=\"3\":\"c\"");
    reads_as("SUBSCRIBE user=\"a\":\"b\" filter=\"x\":1 user=\"c\":\"d\" filter=\"y\":2 packet_id=1 # user",
             "SUBSCRIBE packet_id=1 filter=\"x\":1 filter=\"y\":2 user=\"a\":\"b\" user=\"c\":\"d\"");
}

// What does not fit the grammar: where it is, and what was expected there.
static void errors(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        unsigned offset;
        const char *expected;
    } cases[] = {
        {"", 0, "a packet name"},
        {"  # PUBLISH", 2, "a packet name"},
        {"PUBLISHED topic=\"a\"", 0, "a packet name"},
        {"=", 0, "a packet name"},
        {"PUBLISH=", 7, "a blank"},
        {"PUBLISH x#", 8, "a field of this packet"},
        {"PUBLISH foo=1", 8, "a field of this packet"},
        {"PUBLISH \"a\"", 8, "a field of this packet"},
        {"PUBLISH will.topic=\"a\"", 8, "a field of this packet"},
        {"PUBLISH will.", 8, "a field of this packet"},
        {"CONNECT will.=1", 8, "a field of this packet"},
        {"CONNECT will.nothing=1", 8, "a field of this packet"},
        {"PUBLISH flags=1", 8, "a field of this packet"},
        {"PUBACK dup", 7, "a field of this packet"},
        {"PINGREQ user=\"a\":\"b\"", 8, "a field of this packet"},
        {"PINGREQ PINGREQ", 8, "a field of this packet"},
        {"PUBLISH topic", 13, "= and a value"},
        {"PUBLISH topic =\"a\"", 13, "= and a value"},
        {"PUBLISH qos=1 qos=1", 14, "each field only once"},
        {"PUBLISH dup dup", 12, "each field only once"},
        {"PUBLISH topic_alias=1 topic_alias=1", 22, "each field only once"},
        {"PUBREL flags=1 flags=1", 15, "each field only once"},
        {"PUBLISH dup=1", 11, "a blank"},
        {"PUBLISH topic=\"a\"payload=\"b\"", 17, "a blank"},
        {"PUBLISH qos=1x", 13, "a blank"},
        {"PUBLISH qos=1#", 13, "a blank"},
        {"PUBLISH qos=", 12, "a number up to 255"},
        {"PUBLISH qos=-1", 12, "a number up to 255"},
        {"PUBLISH qos=0x", 12, "a number up to 255"},
        {"PUBLISH qos=256", 12, "a number up to 255"},
        {"PUBLISH qos=2550", 12, "a number up to 255"},
        {"PUBLISH qos=0x100", 12, "a number up to 255"},
        {"PUBLISH packet_id=65536", 18, "a number up to 65535"},
        {"CONNECT version=300", 16, "a number up to 255"},
        {"CONNECT keep_alive=65536", 19, "a number up to 65535"},
        {"PUBLISH message_expiry=4294967296", 23, "a number up to 4294967295"},
        {"PUBLISH message_expiry=99999999999999999999999999", 23, "a number up to 4294967295"},
        {"PUBLISH subscription_id=268435456", 24, "a number up to 268435455"},
        {"PUBREL flags=16", 13, "a number up to 15"},
        {"CONNACK reason=256", 15, "a reason code: its name, or a number up to 255"},
        {"CONNACK reason=WHATEVER", 15, "a reason code: its name, or a number up to 255"},
        {"CONNACK reason=", 15, "a reason code: its name, or a number up to 255"},
        {"SUBACK reasons=", 15, "a reason code: its name, or a number up to 255"},
        {"SUBACK reasons=1,", 17, "a reason code: its name, or a number up to 255"},
        {"PUBLISH topic=", 14, "a quoted text, or 0x and hexadecimal digits"},
        {"PUBLISH topic=a", 14, "a quoted text, or 0x and hexadecimal digits"},
        {"PUBLISH topic=0", 14, "a quoted text, or 0x and hexadecimal digits"},
        {"PUBLISH topic=\"", 15, "a closing quote"},
        {"PUBLISH topic=\"abc", 18, "a closing quote"},
        {"PUBLISH topic=\"abc\\\"", 20, "a closing quote"},
        {"PUBLISH topic=\"abc\\x41", 22, "a closing quote"},
        {"PUBLISH topic=\"abc\\", 18, "an escape: \\\" \\\\ \\n \\r \\t or \\x and two digits"},
        {"PUBLISH topic=\"a\\q\"", 16, "an escape: \\\" \\\\ \\n \\r \\t or \\x and two digits"},
        {"PUBLISH topic=\"\\x4\"", 17, "two hexadecimal digits for each byte"},
        {"PUBLISH topic=\"\\x", 17, "two hexadecimal digits for each byte"},
        {"PUBLISH topic=0x4", 16, "two hexadecimal digits for each byte"},
        {"PUBLISH topic=0x4g", 16, "two hexadecimal digits for each byte"},
        {"PUBLISH user=\"a\"", 16, ": and the value of the user property"},
        {"PUBLISH user=\"a\":", 17, "a quoted text, or 0x and hexadecimal digits"},
        {"SUBSCRIBE filter=\"a\":", 21, "a QoS, no_local, retain_as_published or retain_handling="},
        {"SUBSCRIBE filter=\"a\":local", 21, "a QoS, no_local, retain_as_published or retain_handling="},
        {"SUBSCRIBE filter=\"a\":retain_handling", 21,
         "a QoS, no_local, retain_as_published or retain_handling="},
        {"SUBSCRIBE filter=\"a\":4", 21, "a number up to 3"},
        {"SUBSCRIBE filter=\"a\":9", 21, "a number up to 3"},
        {"SUBSCRIBE filter=\"a\":retain_handling=4", 37, "a number up to 3"},
        {"UNSUBSCRIBE filter=\"a\":1", 22, "a blank"},
        {"CONNECT unsupported client_id=\"a\"", 33, "no field but version and bridge beside unsupported"},
        {"CONNECT unsupported will.user=\"a\":\"b\"", 37,
         "no field but version and bridge beside unsupported"},
        {"CONNECT unsupported receive_maximum=1", 37, "no field but version and bridge beside unsupported"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        mqw_packet p;
        uint8_t room[128];
        mqw_error why;
        memset(&why, 0xA5, sizeof(why));
        assert_int_equal(mqw_scan(text_of(cases[i].line), &p, room, sizeof(room), &why), MQW_E_MALFORMED);
        if (why.offset != cases[i].offset || strcmp(why.field, cases[i].expected) != 0)
            fail_msg("%s: %d, %s", cases[i].line, (int)why.offset, why.field);
        assert_int_equal(why.code, MQW_E_MALFORMED);
        assert_int_equal(why.rule, 0);
        assert_int_equal(why.type, p.type);
        assert_false(why.by_peer);
        assert_int_equal(mqw_scan(text_of(cases[i].line), &p, room, sizeof(room), NULL), MQW_E_MALFORMED);
    }
}

static void long_texts(void **state)
{
    (void)state;
    enum { LEN = 65536 };
    static const struct {
        const char *before, *after;
        unsigned offset;
    } cases[] = {
        {"PUBLISH user=\"", "\":\"\"", 13},
        {"PUBLISH user=\"\":\"", "\"", 13},
        {"SUBSCRIBE filter=\"", "\":1", 17},
        {"UNSUBSCRIBE filter=\"", "\"", 19},
    };
    size_t cap = LEN + 64;
    char *line = malloc(cap);
    uint8_t *room = malloc(cap);
    assert_true(line && room);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        mqw_packet p;
        mqw_error why;
        size_t before = strlen(cases[i].before);
        for (size_t len = LEN - 1; len <= LEN; len++) {
            memcpy(line, cases[i].before, before);
            memset(line + before, 'x', len);
            strcpy(line + before + len, cases[i].after);
            int result = mqw_scan(text_of(line), &p, room, strlen(line) + 16, &why);
            assert_int_equal(result, len < LEN ? 0 : MQW_E_MALFORMED);
        }
        assert_int_equal(why.offset, cases[i].offset);
        assert_string_equal(why.field, "a text of at most 65535 bytes");
    }
    free(line);
    free(room);
}

// Scans exactly these bytes, so that a byte read or written too far is found; whatever comes, it must be
// safe.
static int scan_exactly(const char *bytes, size_t len, size_t cap, mqw_packet *out, char **line,
                        uint8_t **room)
{
    *line = malloc(len ? len : 1);
    *room = malloc(cap ? cap : 1);
    assert_true(*line && *room);
    memcpy(*line, bytes, len);
    mqw_error why;
    int result = mqw_scan((mqw_text){*line, len}, out, *room, cap, &why);
    if (result == MQW_E_MALFORMED) {
        assert_true(why.offset <= len);
        assert_non_null(why.field);
    } else if (result == MQW_E_NO_ROOM) {
        assert_true(cap < len + 16);
        assert_int_equal(why.offset, len + 16);
    } else {
        assert_int_equal(result, 0);
    }
    return result;
}

// When a line is good, what print makes of it is canonical.
static void scan_and_settle(const char *bytes, size_t len)
{
    mqw_packet p;
    char *line;
    uint8_t *room;
    if (scan_exactly(bytes, len, len + 16, &p, &line, &room) == 0) {
        char *canonical = strdup(print(&p));
        assert_non_null(canonical);
        mqw_packet again;
        uint8_t *other = scan_good(canonical, &again);
        same_packet(&p, &again);
        assert_string_equal(print(&again), canonical);
        free(other);
        free(canonical);
    }
    free(line);
    free(room);
}

static void every_prefix(void **state)
{
    (void)state;
    for (size_t i = 0; i < CANONICAL_COUNT; i++)
        for (size_t len = 0; len <= strlen(canonical_lines[i]); len++)
            scan_and_settle(canonical_lines[i], len);
}

static void every_room(void **state)
{
    (void)state;
    for (size_t i = 0; i < CANONICAL_COUNT; i++) {
        size_t len = strlen(canonical_lines[i]);
        int last = MQW_E_NO_ROOM;
        for (size_t cap = 0; cap <= len + 16; cap++) {
            mqw_packet p;
            char *line;
            uint8_t *room;
            int result = scan_exactly(canonical_lines[i], len, cap, &p, &line, &room);
            assert_true(result == 0 || last == MQW_E_NO_ROOM); // more room is never worse
            last = result;
            free(line);
            free(room);
        }
        assert_int_equal(last, 0);
    }
    mqw_packet p;
    assert_int_equal(mqw_scan(MQW_TEXT("PUBLISH topic=\"\""), &p, NULL, 0, NULL), 0);
    assert_int_equal(mqw_scan(MQW_TEXT("PUBLISH user=\"\":\"\""), &p, NULL, 0, NULL), MQW_E_NO_ROOM);
    assert_int_equal(mqw_scan((mqw_text){NULL, 0}, &p, NULL, 0, NULL), MQW_E_MALFORMED);
}

// Lines with some bytes changed, taken out, doubled; and bytes without any sense.
static void damaged_lines(void **state)
{
    (void)state;
    static any_source from = {.state = 11};
    static const char signs[] = "\"\\=:,# .x0\n";
    for (int i = 0; i < 40000; i++) {
        char line[600];
        const char *good = canonical_lines[any_number(&from, CANONICAL_COUNT)];
        size_t len = strlen(good);
        memcpy(line, good, len);
        for (uint32_t left = any_number(&from, 4); left > 0; left--) {
            size_t at = any_number(&from, (uint32_t)len);
            switch (any_number(&from, 4)) {
            case 0: line[at] = (char)any_number(&from, 256); break;
            case 1: line[at] = signs[any_number(&from, sizeof(signs))]; break;
            case 2: memmove(line + at, line + at + 1, --len - at); break;
            default: memmove(line + at + 1, line + at, len++ - at); break;
            }
        }
        scan_and_settle(line, len);
    }
    for (int i = 0; i < 5000; i++) {
        char bytes[64];
        size_t len = any_number(&from, sizeof(bytes));
        for (size_t at = 0; at < len; at++)
            bytes[at] = (char)any_number(&from, 256);
        scan_and_settle(bytes, len);
    }
}

// The heart of it: whatever is in a packet, its line says it all.
static void random_packets(void **state)
{
    (void)state;
    static any_source from = {.state = 3};
    for (int i = 0; i < 15000; i++) {
        mqw_packet *p = any_packet(&from, 1 + i % 15), again;
        char *line = strdup(print(p));
        assert_non_null(line);
        for (const char *c = line; *c; c++)
            assert_true((unsigned char)*c >= 0x20 && *c != 0x7F);
        uint8_t *room = scan_good(line, &again);
        same_packet(p, &again);
        assert_string_equal(print(&again), line);
        free(room);
        free(line);
        free(p);
    }
}

// Linear: a line of a megabyte takes no time worth speaking of, whatever it is full of.
static void long_lines(void **state)
{
    (void)state;
    static const struct {
        const char *head, *item;
    } cases[] = {
        {"PUBLISH", " user=\"a\":\"b\""},
        {"PUBLISH", " subscription_id=1 user=\"\\n\":\"\""},
        {"SUBSCRIBE packet_id=1", " filter=\"a/b\":1"},
        {"SUBACK reasons=1", ",1"},
        {"PUBLISH payload=0x", "00"},
        {"PUBLISH", " "},
    };
    enum { LEN = 1 << 20 };
    char *line = malloc(LEN);
    uint8_t *room = malloc(LEN + 16);
    assert_true(line && room);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t len = strlen(cases[i].head), item = strlen(cases[i].item);
        memcpy(line, cases[i].head, len);
        for (; len + item <= LEN; len += item)
            memcpy(line + len, cases[i].item, item);
        mqw_packet p;
        assert_int_equal(mqw_scan((mqw_text){line, len}, &p, room, len + 16, NULL), 0);
    }
    free(line);
    free(room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(canonical_lines_come_back),
        cmocka_unit_test(fields_get_their_values),
        cmocka_unit_test(fixed_headers),
        cmocka_unit_test(other_spellings),
        cmocka_unit_test(scattered_lists),
        cmocka_unit_test(errors),
        cmocka_unit_test(long_texts),
        cmocka_unit_test(every_prefix),
        cmocka_unit_test(every_room),
        cmocka_unit_test(damaged_lines),
        cmocka_unit_test(random_packets),
        cmocka_unit_test(long_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
