// SPDX-License-Identifier: MIT
// The life of a connection, its facts and knobs, and how it ends by the peer's fault: what it says to the
// peer, and what it says to the program.
#include "conn/inside.h"
#include "unit/two_ends.h"

// ---- facts ----

static void an_idle_connection_is_small(void **state)
{
    (void)state;
    heap memory = {0};
    mqw_allocator allocator = heap_allocator(&memory);
    mqw_config *config = mqw_config_new(&(mqw_conn_options){.allocator = &allocator});
    size_t shared = memory.held;
    mqw_conn *conn = mqw_conn_new_shared(MQW_SERVER, config);
    assert_true(memory.held - shared <= 192);
    // After a conversation there is no buffer either, but for the spare chunks that all connections share.
    assert_int_equal(feed(conn, "10 0d 0004 'MQTT' 04 02 0000 0001 'c' c0 00 c0"), 0);
    assert_int_equal(feed(conn, "00"), 0);
    says(conn, "CONNACK");
    says(conn, "PINGRESP");
    drop_output(conn);
    assert_true(memory.held - shared <= 192 + MQW__CHUNK_SIZE);
    assert_int_equal(config->held, 0);
    mqw_conn_free(conn);
    mqw_config_free(config);
    assert_int_equal(memory.held, 0);
    heard[0] = '\0';
}

static void facts_of_a_new_one(void **state)
{
    (void)state;
    for (int role = MQW_ANY; role <= MQW_SERVER; role++) {
        mqw_conn *conn = make((mqw_role)role, &(mqw_conn_options){.version = 5});
        mqw_error error;
        mqw_counters counters;
        void *ctx = conn;
        assert_int_equal(mqw_conn_role(conn), role);
        assert_int_equal(mqw_conn_state(conn), MQW_STATE_NEW);
        assert_int_equal(mqw_conn_version(conn), 5);
        assert_null(mqw_conn_error(conn, &error));
        assert_null(mqw_conn_refusal(conn, &error));
        assert_false(mqw_conn_paused(conn));
        assert_false(mqw_conn_misused(conn));
        assert_null(mqw_conn_user(conn));
        assert_null(mqw_conn_link(conn));
        assert_non_null(mqw_conn_handlers(conn, &ctx));
        assert_null(ctx);
        assert_int_equal(mqw_conn_waiting(conn), 0);
        assert_int_equal(mqw_conn_quota(conn), 65535);
        assert_int_equal(mqw_conn_pending(conn).len, 0);
        mqw_conn_counters(conn, &counters);
        assert_int_equal(counters.bytes_received + counters.packets_received + counters.bytes_queued, 0);
        mqw_conn_free(conn);
    }
    mqw_conn_free(NULL);
}

static void user_pointer_and_link(void **state)
{
    (void)state;
    int x, y;
    mqw_conn *conn = make(MQW_CLIENT, NULL);
    mqw_conn_set_user(conn, &x);
    mqw_conn_set_link(conn, &y, NULL);
    assert_ptr_equal(mqw_conn_user(conn), &x);
    assert_ptr_equal(mqw_conn_link(conn), &y);
    assert_false(mqw_conn_freed(conn));
    mqw_conn_free(conn); // left to the link
    assert_true(mqw_conn_freed(conn));
    assert_int_equal(mqw_conn_pingreq(conn), MQW_E_CLOSED);
    mqw_conn_set_link(conn, NULL, NULL);
    mqw_conn_free(conn);
}

static void state_at_both_ends(void **state)
{
    (void)state;
    mqw_conn *client = make(MQW_CLIENT, NULL), *server = make(MQW_SERVER, NULL);
    says(client, "CONNECT version=5 client_id=\"c\"");
    assert_int_equal(mqw_conn_state(client), MQW_STATE_CONNECTING);
    assert_int_equal(mqw_conn_version(client), 5);
    assert_int_equal(carry(client, server), 0);
    assert_int_equal(mqw_conn_state(server), MQW_STATE_CONNECTING);
    assert_int_equal(mqw_conn_version(server), 5);
    says(server, "CONNACK");
    assert_int_equal(mqw_conn_state(server), MQW_STATE_OPEN);
    assert_int_equal(carry(server, client), 0);
    assert_int_equal(mqw_conn_state(client), MQW_STATE_OPEN);
    says(client, "DISCONNECT");
    assert_int_equal(mqw_conn_state(client), MQW_STATE_ENDED);
    assert_int_equal(carry(client, server), 0);
    assert_int_equal(mqw_conn_state(server), MQW_STATE_ENDED);
    mqw_conn_free(client);
    mqw_conn_free(server);
    heard[0] = '\0';
}

static void version_is_set_until_connect_says_it(void **state)
{
    (void)state;
    mqw_conn *server = make(MQW_SERVER, NULL);
    assert_int_equal(mqw_conn_version(server), 4);
    assert_int_equal(mqw_conn_set_version(server, 3), 0);
    assert_int_equal(mqw_conn_version(server), 3);
    refused_by(server, mqw_conn_set_version(server, 2), MQW_E_MISUSE, MQW_RULE_FIELD_RANGE, "version");
    refused_by(server, mqw_conn_set_version(server, 6), MQW_E_MISUSE, MQW_RULE_FIELD_RANGE, "version");
    assert_int_equal(feed(server, "10 0e 0004 'MQTT' 05 02 0000 00 0001 'c'"), 0);
    assert_int_equal(mqw_conn_version(server), 5);
    refused_by(server, mqw_conn_set_version(server, 4), MQW_E_MISUSE, MQW_RULE_FIELD_RANGE, "version");
    assert_int_equal(mqw_conn_version(server), 5);
    mqw_conn_free(server);
    heard[0] = '\0';
}

static void counters_count(void **state)
{
    (void)state;
    mqw_conn *server = opened(MQW_SERVER, 4, NULL);
    mqw_counters before, after;
    mqw_conn_counters(server, &before);
    assert_int_equal(before.packets_received, 1);
    assert_int_equal(feed_in(server, hex("c0 00 30 03 0001 't' 30"), 2), 0);
    says(server, "PINGRESP");
    says(server, "PUBLISH topic=\"t\" payload=\"abc\"");
    assert_int_equal(mqw_conn_send_raw(server, hex("ffff")), 0);
    mqw_conn_counters(server, &after);
    assert_int_equal(after.bytes_received - before.bytes_received, 8);
    assert_int_equal(after.packets_received - before.packets_received, 2);
    assert_int_equal(after.bytes_queued - before.bytes_queued, 12);
    assert_int_equal(after.packets_queued - before.packets_queued, 2);
    assert_int_equal(after.bytes_written, before.bytes_queued);
    assert_int_equal(after.packets_written, before.packets_queued);
    (void)mqw_conn_written(server, 5);
    mqw_conn_counters(server, &after);
    assert_int_equal(after.bytes_written - before.bytes_queued, 5);
    drop_output(server);
    mqw_conn_counters(server, &after);
    assert_int_equal(after.bytes_written, after.bytes_queued);
    assert_int_equal(after.packets_written, after.packets_queued);
    mqw_conn_free(server);
    heard[0] = '\0';
}

// ---- pause, shut ----

static void pause_stops_receiving_only(void **state)
{
    (void)state;
    mqw_conn *server = opened(MQW_SERVER, 4, NULL);
    mqw_bytes in = hex("c0 00 c0 00"), whole = in;
    mqw_conn_pause(server);
    assert_true(mqw_conn_paused(server));
    assert_int_equal(feed_some(server, &in), 0);
    same_bytes(in, whole);
    hears("");
    says(server, "PINGRESP");
    mqw_conn_resume(server);
    assert_false(mqw_conn_paused(server));
    assert_int_equal(feed_some(server, &in), 0);
    hears("PINGREQ\nPINGREQ");
    mqw_conn_free(server);
}

// Also in the middle of a packet, and of a payload in pieces.
static void pause_in_the_middle(void **state)
{
    (void)state;
    mqw_conn *server = opened(MQW_SERVER, 4, &(mqw_conn_options){.stream_over = 2});
    assert_int_equal(feed(server, "30 06 00"), 0);
    mqw_conn_pause(server);
    mqw_bytes in = hex("01 't' 'abc' c000");
    assert_int_equal(feed_some(server, &in), 0);
    assert_int_equal(in.len, 7);
    mqw_conn_resume(server);
    mqw_packet packet;
    assert_int_equal(mqw_conn_recv(server, &in, &packet), 1);
    mqw_conn_pause(server);
    assert_int_equal(mqw_conn_recv(server, &in, &packet), 0);
    mqw_conn_resume(server);
    assert_int_equal(feed_some(server, &in), 0);
    hears("abc at 0, 0 left, id 0, qos 0\nPINGREQ");
    mqw_conn_free(server);
}

static void shut_ends_both_ways(void **state)
{
    (void)state;
    mqw_conn *server = opened(MQW_SERVER, 4, NULL);
    says(server, "PINGRESP");
    assert_int_equal(feed(server, "30 05 00"), 0);
    mqw_conn_shut(server);
    assert_int_equal(say(server, "PINGRESP"), MQW_E_CLOSED);
    assert_int_equal(feed(server, "c0 00 00 00"), 0); // not even looked at
    hears("");
    assert_int_equal(mqw_conn_deadline(server), UINT64_MAX);
    assert_int_equal(mqw_conn_end(server), 0);
    writes(server, "d0 00"); // what was queued may still go
    assert_int_equal(mqw_conn_config(server)->held, 0);
    mqw_conn_free(server);
}

// ---- handlers that are set ----

static void count_packets(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    (void)conn;
    (void)packet;
    ++*(int *)ctx;
}

static void handlers_are_copied_or_shared(void **state)
{
    (void)state;
    heap memory = {0};
    mqw_allocator allocator = heap_allocator(&memory);
    mqw_conn *server =
        make(MQW_SERVER, &(mqw_conn_options){.allocator = &allocator, .policy = MQW_POLICY_ORIGINAL});
    int copied = 0, shared = 0;
    mqw_handlers handlers = {.pingreq = count_packets};
    assert_int_equal(mqw_conn_handle(server, &handlers, &copied), 0);
    assert_int_equal(mqw_conn_handle(server, &handlers, &copied), 0);
    void *ctx;
    assert_ptr_not_equal(mqw_conn_handlers(server, &ctx), &handlers);
    assert_ptr_equal(ctx, &copied);
    mqw_bytes in = hex("c0 00 c0 00");
    assert_int_equal(mqw_conn_dispatch(server, &in, NULL, NULL), 0);
    mqw_conn_handle_shared(server, &handlers, &shared);
    assert_ptr_equal(mqw_conn_handlers(server, &ctx), &handlers);
    in = hex("c0 00 c0 00 c0 00");
    assert_int_equal(mqw_conn_dispatch(server, &in, NULL, NULL), 0);
    assert_int_equal(copied, 2);
    assert_int_equal(shared, 3);
    mqw_conn_free(server);
    assert_int_equal(memory.held, 0);
}

// None are given: nobody is called.
static void no_handlers(void **state)
{
    (void)state;
    mqw_conn *server = make(MQW_SERVER, &(mqw_conn_options){.policy = MQW_POLICY_ORIGINAL});
    mqw_bytes in = hex("c0 00 c0 00");
    assert_int_equal(mqw_conn_handle(server, NULL, NULL), 0);
    assert_int_equal(mqw_conn_dispatch(server, &in, NULL, NULL), 0);
    assert_int_equal(in.len, 0);
    mqw_conn_handle_shared(server, NULL, NULL);
    in = hex("c0 00 00 00");
    assert_int_equal(mqw_conn_dispatch(server, &in, NULL, NULL), MQW_E_MALFORMED);
    mqw_conn_free(server);
}

// ---- the peer's fault: what the peer hears ----

typedef struct fault_row {
    uint8_t role;
    const char *connect, *connack; // what passed before; NULL: not that far
    const char *input;
    int code;
    int rule;
    uint8_t reason;
    uint8_t type;
    const char *clause;
    const char *reply;
} fault_row;

static const char five[] = "CONNECT version=5 client_id=\"c\" session_expiry=9";
static const char four[] = "CONNECT version=4 client_id=\"c\"";

static const fault_row faults[] = {
    // 5.0, server: CONNACK while the client waits for it, else DISCONNECT; nothing to who does not begin with
    // CONNECT
    {MQW_SERVER, NULL, NULL, "10 0e 0004 'MQTT' 05 03 0000 00 0001 'c'", MQW_E_MALFORMED,
     MQW_RULE_CONNECT_FLAG, 0x81, MQW_CONNECT, "MQTT-3.1.2-3", "20 03 00 81 00"},
    {MQW_SERVER, NULL, NULL, "10 11 0004 'MQTT' 05 02 0000 03 21 0000 0001 'c'", MQW_E_PROTOCOL,
     MQW_RULE_PROPERTY_VALUE, 0x82, MQW_CONNECT, "section 2.2.2.2", "20 03 00 82 00"},
    {MQW_SERVER, five, NULL, "10 0e 0004 'MQTT' 05 02 0000 00 0001 'c'", MQW_E_PROTOCOL,
     MQW_RULE_CONNECT_TWICE, 0x82, MQW_CONNECT, "MQTT-3.1.0-2", "20 03 00 82 00"},
    {MQW_SERVER, five, "CONNACK", "10 0e 0004 'MQTT' 05 02 0000 00 0001 'c'", MQW_E_PROTOCOL,
     MQW_RULE_CONNECT_TWICE, 0x82, MQW_CONNECT, "MQTT-3.1.0-2", "e0 01 82"},
    {MQW_SERVER, five, "CONNACK", "60 02 0001", MQW_E_MALFORMED, MQW_RULE_FLAGS_PUBREL, 0x81, MQW_PUBREL,
     "MQTT-3.6.1-1", "e0 01 81"},
    {MQW_SERVER, five, "CONNACK", "30 04 0001 '+' 00", MQW_E_PROTOCOL, MQW_RULE_TOPIC_WILDCARD, 0x90,
     MQW_PUBLISH, "MQTT-3.3.2-2", "e0 01 90"},
    {MQW_SERVER, five, "CONNACK", "82 07 0001 00 0001 '$' 03", MQW_E_PROTOCOL, MQW_RULE_OPTIONS_QOS, 0x82,
     MQW_SUBSCRIBE, "section 3.8.3.1", "e0 01 82"},
    {MQW_SERVER, five, "CONNACK", "82 08 0001 00 0002 'a#' 00", MQW_E_PROTOCOL, MQW_RULE_FILTER_HASH, 0x8f,
     MQW_SUBSCRIBE, "MQTT-4.7.1-1", "e0 01 8f"},
    {MQW_SERVER, five, "CONNACK", "c0 80 80 80 80", MQW_E_MALFORMED, MQW_RULE_LENGTH_BYTES, 0x81, MQW_PINGREQ,
     "section 1.5.5", "e0 01 81"},
    {MQW_SERVER, five, "CONNACK", "30 ff ff ff 7f", MQW_E_TOO_LARGE, MQW_RULE_PACKET_SIZE_SERVER, 0x95,
     MQW_PUBLISH, "MQTT-3.2.2-15", "e0 01 95"},
    {MQW_SERVER, NULL, NULL, "c0 00", MQW_E_PROTOCOL, MQW_RULE_CONNECT_FIRST, 0x82, MQW_PINGREQ,
     "MQTT-3.1.0-1", ""},
    // a reason that the answer may not carry becomes one that it may
    {MQW_SERVER, five, NULL, "82 08 0001 00 0002 'a#' 00", MQW_E_PROTOCOL, MQW_RULE_FILTER_HASH, 0x8f,
     MQW_SUBSCRIBE, "MQTT-4.7.1-1", "20 03 00 82 00"},
    // 5.0, client
    {MQW_CLIENT, five, NULL, "20 03 00 01 00", MQW_E_PROTOCOL, MQW_RULE_REASON_CONNACK, 0x82, MQW_CONNACK,
     "MQTT-3.2.2-8", "e0 01 82"},
    {MQW_CLIENT, five, "CONNACK", "c0 00", MQW_E_PROTOCOL, MQW_RULE_ROLE, 0x82, MQW_PINGREQ, "section 2.1.2",
     "e0 01 82"},
    {MQW_CLIENT, five, "CONNACK", "30 ff ff ff 7f", MQW_E_TOO_LARGE, MQW_RULE_PACKET_SIZE_CLIENT, 0x95,
     MQW_PUBLISH, "MQTT-3.1.2-24", "e0 01 95"},
    {MQW_CLIENT, NULL, NULL, "20 02 00 00", MQW_E_PROTOCOL, MQW_RULE_CONNACK_FIRST, 0x82, MQW_CONNACK,
     "MQTT-3.2.0-1", ""},
    // before 5.0 nothing is said, but to who has no name (MQTT-3.1.3-8)
    {MQW_SERVER, NULL, NULL, "10 0c 0004 'MQTT' 04 00 0000 0000", MQW_E_PROTOCOL, MQW_RULE_CLIENT_ID_EMPTY,
     0x85, MQW_CONNECT, "MQTT-3.1.3-8", "20 02 00 02"},
    {MQW_SERVER, NULL, NULL, "10 0e 0006 'MQIsdp' 03 02 0000 0000", MQW_E_PROTOCOL, MQW_RULE_CLIENT_ID_EMPTY,
     0x85, MQW_CONNECT, "MQTT-3.1.3-8", "20 02 00 02"},
    {MQW_SERVER, NULL, NULL, "10 0d 0004 'MQTT' 04 03 0000 0001 'c'", MQW_E_MALFORMED, MQW_RULE_CONNECT_FLAG,
     0x81, MQW_CONNECT, "MQTT-3.1.2-3", ""},
    {MQW_SERVER, NULL, NULL, "10 0d 0004 'mqtt' 04 02 0000 0001 'c'", MQW_E_PROTOCOL, MQW_RULE_PROTOCOL_NAME,
     0x84, MQW_CONNECT, "MQTT-3.1.2-1", ""},
    {MQW_SERVER, four, "CONNACK", "60 02 0001", MQW_E_MALFORMED, MQW_RULE_FLAGS_PUBREL, 0x81, MQW_PUBREL,
     "MQTT-3.6.1-1", ""},
    {MQW_SERVER, four, NULL, "f0 00", MQW_E_MALFORMED, MQW_RULE_TYPE_RESERVED, 0x81, MQW_AUTH,
     "section 2.2.1", ""},
    {MQW_CLIENT, four, "CONNACK", "e0 00", MQW_E_PROTOCOL, MQW_RULE_ROLE, 0x82, MQW_DISCONNECT,
     "section 2.2.1", ""},
    {MQW_CLIENT, four, NULL, "20 02 00 06", MQW_E_PROTOCOL, MQW_RULE_REASON_CONNACK, 0x82, MQW_CONNACK,
     "section 3.2.2.3", ""},
};

static mqw_conn *as_far_as(const fault_row *row)
{
    if (row->connack)
        return opened_with((mqw_role)row->role, row->connect, row->connack, NULL);
    mqw_conn *client = make(MQW_CLIENT, NULL), *server = make(MQW_SERVER, NULL);
    if (row->connect)
        says(client, row->connect);
    assert_int_equal(carry(client, server), 0);
    heard[0] = '\0';
    mqw_conn_free(row->role == MQW_CLIENT ? server : client);
    return row->role == MQW_CLIENT ? client : server;
}

static void is_told(const mqw_conn *conn, const fault_row *row, uint64_t start, int rc)
{
    mqw_error why;
    if (rc != row->code || !mqw_conn_error(conn, &why))
        fail_msg("%s: %s", row->input, mqw_strerror(rc));
    assert_string_equal(mqw_rule_name(why.rule), mqw_rule_name(row->rule));
    assert_int_equal(why.code, row->code);
    assert_int_equal(why.reason, row->reason);
    assert_int_equal(why.type, row->type);
    assert_true(why.by_peer);
    assert_in_range(why.offset, start, start + 20);
    assert_string_equal(mqw_error_clause(&why), row->clause);
    assert_int_equal(mqw_conn_state(conn), MQW_STATE_ENDED);
}

// In one piece, and byte by byte.
static void faults_and_what_the_peer_hears(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(faults) * 2; i++) {
        const fault_row *row = &faults[i / 2];
        mqw_conn *conn = as_far_as(row);
        mqw_counters counters;
        mqw_conn_counters(conn, &counters);
        mqw_bytes input = hex(row->input);
        is_told(conn, row, counters.bytes_received, feed_in(conn, input, i % 2 ? 1 : input.len));
        hears("");
        writes(conn, row->reply);
        mqw_conn_free(conn);
    }
}

// Every call gives it again, and nothing is delivered or sent any more.
static void a_fault_is_final(void **state)
{
    (void)state;
    mqw_conn *server = opened(MQW_SERVER, 5, NULL);
    assert_int_equal(feed(server, "c0 00 c1 00 c0 00"), MQW_E_MALFORMED);
    hears("PINGREQ");
    assert_int_equal(feed(server, "c0 00"), MQW_E_MALFORMED);
    mqw_bytes nothing = {NULL, 0};
    mqw_packet packet;
    assert_int_equal(mqw_conn_recv(server, &nothing, &packet), MQW_E_MALFORMED);
    assert_int_equal(mqw_conn_end(server), MQW_E_MALFORMED);
    assert_int_equal(mqw_conn_tick(server, 1), MQW_E_MALFORMED);
    assert_int_equal(mqw_conn_dispatch(server, &nothing, NULL, NULL), MQW_E_MALFORMED);
    mqw_conn_fail(server, MQW_E_STREAM, MQW_RULE_NONE); // the first one counts
    assert_int_equal(mqw_conn_end(server), MQW_E_MALFORMED);
    hears("");
    assert_int_equal(say(server, "PINGRESP"), MQW_E_CLOSED);
    assert_int_equal(mqw_conn_send_raw(server, hex("d000")), MQW_E_CLOSED);
    assert_int_equal(mqw_conn_puback(server, NULL), MQW_E_MISUSE);
    mqw_error error;
    assert_null(mqw_conn_refusal(server, &error));
    writes(server, "e0 01 81");
    mqw_conn_free(server);
}

static void offsets_count_from_the_beginning_of_the_stream(void **state)
{
    (void)state;
    for (size_t step = 1; step < 9; step++) {
        mqw_conn *server = make(MQW_SERVER, NULL);
        mqw_error error;
        const char *stream = "10 0d 0004 'MQTT' 04 02 0000 0001 'c' c000 30 06 0002 't' ff 00 00";
        assert_int_equal(feed_in(server, hex(stream), step), MQW_E_MALFORMED);
        assert_non_null(mqw_conn_error(server, &error));
        assert_int_equal(error.offset, 15 + 2 + 2); // the length of the topic
        assert_string_equal(error.field, "topic");
        assert_int_equal(error.version, 4);
        mqw_conn_free(server);
        heard[0] = '\0';
    }
}

// ---- the end of the stream ----

static void end_between_packets(void **state)
{
    (void)state;
    mqw_conn *server = make(MQW_SERVER, NULL);
    assert_int_equal(mqw_conn_end(server), 0);
    assert_int_equal(mqw_conn_state(server), MQW_STATE_ENDED);
    mqw_conn_free(server);
    server = opened(MQW_SERVER, 4, NULL);
    assert_int_equal(feed(server, "c0 00"), 0);
    assert_int_equal(mqw_conn_end(server), 0);
    assert_int_equal(say(server, "PINGRESP"), MQW_E_CLOSED);
    hears("PINGREQ");
    mqw_error error;
    assert_null(mqw_conn_error(server, &error));
    mqw_conn_free(server);
}

// MQTT-4.8.0-1, MQTT-4.13.1-1: the end of the stream at each place inside a packet is told, with the packet's
// type.
static void end_inside_a_packet(void **state)
{
    (void)state;
    mqw_bytes packet = hex("32 0a 0003 'a/b' 0007 'xyz'");
    for (size_t cut = 1; cut < packet.len; cut++) {
        mqw_conn *server = opened(MQW_SERVER, 4, NULL);
        mqw_error error;
        assert_int_equal(feed_in(server, (mqw_bytes){packet.data, cut}, 1), 0);
        faulted_by(server, mqw_conn_end(server), MQW_E_END, MQW_RULE_STREAM_ENDED);
        assert_non_null(mqw_conn_error(server, &error));
        assert_int_equal(error.type, MQW_PUBLISH);
        assert_true(error.by_peer);
        assert_int_equal(error.offset, 15 + cut);
        writes(server, "");
        mqw_conn_free(server);
    }
}

// The publish whose payload it cut is void.
static void end_inside_a_payload_in_pieces(void **state)
{
    (void)state;
    mqw_conn *server = opened(MQW_SERVER, 4, &(mqw_conn_options){.stream_over = 2});
    mqw_error error;
    assert_int_equal(feed(server, "32 08 0001 't' 0007 'xy'"), 0);
    faulted_by(server, mqw_conn_end(server), MQW_E_END, MQW_RULE_STREAM_ENDED);
    assert_non_null(mqw_conn_error(server, &error));
    assert_int_equal(error.type, MQW_PUBLISH);
    assert_string_equal(error.field, "payload");
    hears("PUBLISH topic=\"t\" payload=\"\" payload_left=3 qos=1 packet_id=7\nxy at 0, 1 left, id 7, qos 1");
    mqw_conn_free(server);
}

static void the_stream_fails(void **state)
{
    (void)state;
    mqw_conn *server = opened(MQW_SERVER, 5, NULL);
    mqw_error error;
    mqw_conn_fail(server, MQW_E_STREAM, MQW_RULE_NONE);
    assert_non_null(mqw_conn_error(server, &error));
    assert_int_equal(error.code, MQW_E_STREAM);
    assert_false(error.by_peer);
    assert_string_equal(mqw_error_clause(&error), "");
    writes(server, ""); // there is no way to say anything
    assert_int_equal(mqw_conn_state(server), MQW_STATE_ENDED);
    mqw_conn_free(server);
}

// Memory of a link runs out: the peer of 5.0 learns that it was not its fault alone.
static void a_link_without_memory(void **state)
{
    (void)state;
    mqw_conn *server = opened(MQW_SERVER, 5, NULL);
    mqw_conn_fail(server, MQW_E_NO_MEMORY, MQW_RULE_NONE);
    writes(server, "e0 01 97");
    mqw_conn_free(server);
}

// A peer that is in the middle of a payload from us can hear nothing else.
static void no_farewell_inside_a_payload(void **state)
{
    (void)state;
    mqw_conn *server = opened(MQW_SERVER, 5, NULL);
    mqw_publish publish = {.topic = MQW_TEXT("t")};
    assert_int_equal(mqw_conn_publish_begin(server, &publish, 3), 0);
    assert_int_equal(feed(server, "c1 00"), MQW_E_MALFORMED);
    writes(server, "30 07 0001 't' 00");
    assert_int_equal(mqw_conn_publish_write(server, bytes_of("abc")), MQW_E_CLOSED);
    assert_int_equal(mqw_conn_publish_end(server), MQW_E_CLOSED);
    mqw_conn_free(server);
}

// ---- refusals ----

static void the_last_refusal_is_explained(void **state)
{
    (void)state;
    mqw_conn *server = opened(MQW_SERVER, 4, NULL);
    mqw_error why;
    refused_by(server, say(server, "PUBLISH topic=\"+\""), MQW_E_REFUSED, MQW_RULE_TOPIC_WILDCARD, "topic");
    assert_non_null(mqw_conn_refusal(server, &why));
    assert_int_equal(why.type, MQW_PUBLISH);
    assert_int_equal(why.version, 4);
    assert_int_equal(why.reason, MQW_REASON_TOPIC_NAME_INVALID);
    assert_string_equal(mqw_error_clause(&why), "MQTT-3.3.2-2");
    says(server, "PINGRESP"); // what goes well does not wipe it
    assert_non_null(mqw_conn_refusal(server, &why));
    assert_int_equal(why.rule, MQW_RULE_TOPIC_WILDCARD);
    refused_by(server, say(server, "PINGREQ"), MQW_E_MISUSE, MQW_RULE_ROLE, NULL);
    mqw_conn_free(server);
}

// ---- links ----

typedef struct fake_link {
    int calls;
    uint64_t now;
} fake_link;

static void on_wake(mqw_conn *conn, void *arg)
{
    fake_link *link = arg;
    link->calls++;
    mqw_conn_clock(conn, link->now);
}

static void what_a_link_is_told(void **state)
{
    (void)state;
    mqw_conn *server = opened(MQW_SERVER, 5, NULL);
    fake_link link = {.now = 1000};
    mqw_conn_set_link(server, &link, on_wake);
    says(server, "PINGRESP"); // output is not empty any more
    assert_int_equal(link.calls, 1);
    says(server, "PINGRESP");
    assert_int_equal(link.calls, 1);
    drop_output(server);
    assert_int_equal(say(server, "PINGREQ"), MQW_E_MISUSE); // an error waits to be told
    assert_int_equal(link.calls, 2);
    mqw_conn_pause(server);
    mqw_conn_resume(server);
    assert_int_equal(link.calls, 3);
    assert_int_equal(feed(server, "c1 00"), MQW_E_MALFORMED);
    assert_true(link.calls >= 4);
    mqw_conn_set_link(server, NULL, NULL);
    assert_null(mqw_conn_link(server));
    mqw_conn_free(server);
}

static void who_has_said_goodbye(void **state)
{
    (void)state;
    mqw_conn *client = opened(MQW_CLIENT, 5, NULL), *server = opened(MQW_SERVER, 5, NULL);
    assert_false(mqw_conn_peer_ended(server));
    says(client, "DISCONNECT");
    assert_int_equal(carry(client, server), 0);
    assert_true(mqw_conn_peer_ended(server));
    assert_false(mqw_conn_peer_ended(client));
    mqw_conn_free(client);
    mqw_conn_free(server);
    heard[0] = '\0';
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_idle_connection_is_small),
        cmocka_unit_test(facts_of_a_new_one),
        cmocka_unit_test(user_pointer_and_link),
        cmocka_unit_test(state_at_both_ends),
        cmocka_unit_test(version_is_set_until_connect_says_it),
        cmocka_unit_test(counters_count),
        cmocka_unit_test(pause_stops_receiving_only),
        cmocka_unit_test(pause_in_the_middle),
        cmocka_unit_test(shut_ends_both_ways),
        cmocka_unit_test(handlers_are_copied_or_shared),
        cmocka_unit_test(no_handlers),
        cmocka_unit_test(faults_and_what_the_peer_hears),
        cmocka_unit_test(a_fault_is_final),
        cmocka_unit_test(offsets_count_from_the_beginning_of_the_stream),
        cmocka_unit_test(end_between_packets),
        cmocka_unit_test(end_inside_a_packet),
        cmocka_unit_test(end_inside_a_payload_in_pieces),
        cmocka_unit_test(the_stream_fails),
        cmocka_unit_test(a_link_without_memory),
        cmocka_unit_test(no_farewell_inside_a_payload),
        cmocka_unit_test(the_last_refusal_is_explained),
        cmocka_unit_test(who_has_said_goodbye),
        cmocka_unit_test(what_a_link_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
