// SPDX-License-Identifier: MIT
// Both ends stand the same trial: whatever one end's program gets sent, the other end takes, and as it was
// meant.
#include "unit/two_ends.h"

static uint64_t seed;

static uint32_t any(uint32_t below)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(seed >> 33) % below;
}

static const char *one_of(const char *const *texts, size_t count)
{
    return texts[any((uint32_t)count)];
}
#define ONE_OF(texts) one_of(texts, COUNT(texts))

// ---- what programs say, sensible or not ----

static const char *const openings[] = {
    "",
    "receive_maximum=1",
    "receive_maximum=3 topic_alias_maximum=2",
    "topic_alias_maximum=40",
    "maximum_packet_size=30",
    "maximum_packet_size=60 topic_alias_maximum=5",
};

static const char *const wishes[] = {
    "",
    "clean_start",
    "request_problem_info=0",
    "request_response_info=1",
    "session_expiry=7",
    "auth_method=\"m\"",
};

static const char *const answers[] = {
    "",
    "maximum_qos=0",
    "maximum_qos=1 retain_available=0",
    "wildcards_available=0 shared_available=0",
    "subscription_ids_available=0 server_keep_alive=5",
    "session_present",
    "response_info=\"r\"",
    "auth_method=\"m\"",
    "assigned_client_id=\"x\"",
    "reason_string=\"welcome\"",
};

static const char *const sayings[] = {
    "PUBLISH topic=\"t\" payload=\"x\"",
    "PUBLISH topic=\"a/b\" payload=\"x\" retain",
    "PUBLISH topic=\"one\" qos=1 packet_id=1",
    "PUBLISH topic=\"two\" qos=2 packet_id=2 dup",
    "PUBLISH topic=\"three\" topic_alias=1",
    "PUBLISH topic=\"four\" topic_alias=2 user=\"k\":\"v\"",
    "PUBLISH topic_alias=1",
    "PUBLISH topic_alias=2 payload=\"0123456789012345678901234567890123456789\"",
    "PUBLISH topic=\"t\" subscription_id=7",
    "PUBLISH topic=\"+\"",
    "PUBACK packet_id=1",
    "PUBACK packet_id=1 reason=0x87 reason_string=\"you may not\"",
    "PUBREC packet_id=2",
    "PUBREC packet_id=2 reason=0x97 user=\"k\":\"v\"",
    "PUBREL packet_id=2",
    "PUBREL packet_id=2 reason=0x92",
    "PUBCOMP packet_id=2",
    "SUBSCRIBE packet_id=3 filter=\"a/b\":1",
    "SUBSCRIBE packet_id=3 filter=\"a/+\":2 filter=\"#\":0 subscription_id=4",
    "SUBSCRIBE packet_id=3 filter=\"$share/g/a\":1",
    "SUBACK packet_id=3 reasons=1",
    "SUBACK packet_id=3 reasons=0x80,2 reason_string=\"not the first\"",
    "UNSUBSCRIBE packet_id=4 filter=\"a/+\"",
    "UNSUBACK packet_id=4",
    "UNSUBACK packet_id=4 reasons=0x11",
    "PINGREQ",
    "PINGRESP",
    "AUTH reason=0x18 auth_method=\"m\"",
    "AUTH reason=0x19 auth_method=\"m\"",
    "AUTH auth_method=\"m\"",
    "CONNACK",
    "CONNECT client_id=\"c\"",
};

static const char *const farewells[] = {
    "DISCONNECT",
    "DISCONNECT reason=4 session_expiry=5",
    "DISCONNECT reason=0x8b reason_string=\"good bye\"",
};

// ---- talks ----

static unsigned accepted, refused, opened_talks;

typedef struct talk {
    mqw_conn *ends[2];
} talk;

static uint64_t queued(const mqw_conn *conn)
{
    mqw_counters counters;
    mqw_conn_counters(conn, &counters);
    return counters.packets_queued;
}

// No fault, whatever the chunks; who is deaf by its own farewell does not count.
static void listen(talk *t, int from)
{
    mqw_bytes all = take_output(t->ends[from]);
    mqw_conn *to = t->ends[!from];
    mqw_error why;
    if (all.len && feed_in(to, all, 1 + any(50)) < 0) {
        (void)mqw_conn_error(to, &why);
        fail_msg("seed %u: %s: %s", (unsigned)seed, mqw_packet_name(why.type), mqw_rule_name(why.rule));
    }
    free((void *)(uintptr_t)all.data);
    heard[0] = '\0';
}

static void listen_both(talk *t)
{
    listen(t, 0);
    listen(t, 1);
}

// Who acknowledges what is still on its way gives places of the quota away that are not free.
static bool acknowledges(const char *line)
{
    return strncmp(line, "PUBACK", 6) == 0 || strncmp(line, "PUBREC", 6) == 0 ||
           strncmp(line, "PUBCOMP", 7) == 0;
}

static void speak(talk *t, int from, const char *line)
{
    if (acknowledges(line))
        listen_both(t);
    uint64_t before = queued(t->ends[from]);
    int rc = any(2) ? say(t->ends[from], line) : pass(t->ends[from], line);
    assert_int_equal(queued(t->ends[from]) - before, rc >= 0);
    *(rc >= 0 ? &accepted : &refused) += 1;
    if (acknowledges(line) || any(3))
        listen(t, from);
}

static void begin(talk *t, uint8_t version)
{
    char connect[300], connack[300];
    snprintf(connect, sizeof connect, "CONNECT version=%u client_id=\"%s\" keep_alive=9 %s %s", version,
             any(4) ? "c" : "", version == 5 ? ONE_OF(openings) : "", version == 5 ? ONE_OF(wishes) : "");
    speak(t, 0, connect);
    listen(t, 0);
    for (int i = 0; i < 4 && mqw_conn_state(t->ends[1]) != MQW_STATE_OPEN; i++) {
        snprintf(connack, sizeof connack, "CONNACK %s %s", version == 5 ? ONE_OF(openings) : "",
                 version == 5 ? ONE_OF(answers)
                 : any(2)     ? "session_present"
                              : "");
        if (strstr(connack, "maximum_packet_size") && strstr(connack, "reason_string"))
            continue;
        speak(t, 1, connack);
    }
    listen(t, 1);
}

static void goes_well(unsigned number)
{
    seed = number;
    uint8_t version = (uint8_t)(3 + any(3));
    mqw_conn_options options = {.version = version,
                                .alias_out = (uint8_t)any(2),
                                .alias_in = (uint8_t)any(2),
                                .answers = (uint8_t)(any(2) * 4)};
    talk t = {.ends = {make(MQW_CLIENT, &options), make(MQW_SERVER, &options)}};
    begin(&t, version);
    for (unsigned n = any(60); n > 0; n--)
        speak(&t, (int)any(2), ONE_OF(sayings));
    listen_both(&t);
    if (mqw_conn_state(t.ends[0]) == MQW_STATE_OPEN) {
        assert_int_equal(mqw_conn_state(t.ends[1]), MQW_STATE_OPEN);
        opened_talks++;
        speak(&t, (int)any(2), ONE_OF(farewells));
        listen_both(&t);
        assert_int_equal(mqw_conn_state(t.ends[0]), mqw_conn_state(t.ends[1]));
    }
    mqw_conn_free(t.ends[0]);
    mqw_conn_free(t.ends[1]);
}

static void whatever_is_sent_is_taken(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 5000; n++)
        goes_well(n);
    assert_true(opened_talks > 3000 && accepted > 40000 && refused > 40000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(whatever_is_sent_is_taken)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
