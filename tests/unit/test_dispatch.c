// SPDX-License-Identifier: MIT
// Handlers: which is called when, and what is legal inside them.
#include "unit/two_ends.h"

static mqw_conn_options anything;

static int allow_anything(void **state)
{
    (void)state;
    anything = (mqw_conn_options){.policy = MQW_POLICY_ORIGINAL, .version = 4};
    return 0;
}

static int give(mqw_conn *conn, const char *bytes)
{
    mqw_bytes in = hex(bytes);
    return mqw_conn_dispatch(conn, &in, NULL, NULL);
}

static int give_nothing(mqw_conn *conn)
{
    mqw_bytes in = {NULL, 0};
    return mqw_conn_dispatch(conn, &in, NULL, NULL);
}

// ---- which is called ----

#define HEARS_OF(name)                                                         \
    static void on_##name(mqw_conn *conn, const mqw_packet *packet, void *ctx) \
    {                                                                          \
        (void)conn;                                                            \
        (void)packet;                                                          \
        assert_ptr_equal(ctx, heard);                                          \
        hear(#name);                                                           \
    }
#define X(id, NAME, name, ...) HEARS_OF(name)
MQW_PACKETS(X)
#undef X
HEARS_OF(packet)
HEARS_OF(payload)

static void on_violation(mqw_conn *conn, const mqw_packet *packet, const mqw_error *error, void *ctx)
{
    (void)conn;
    (void)ctx;
    char line[100];
    snprintf(line, sizeof line, "violation %s %s", mqw_rule_name(error->rule), mqw_error_clause(error));
    hear(line);
    assert_int_equal(error->type, packet->type);
    assert_true(error->by_peer);
}

static void on_error(mqw_conn *conn, const mqw_error *error, void *ctx)
{
    (void)conn;
    (void)ctx;
    char line[200];
    snprintf(line, sizeof line, "error %s %s%s%s", mqw_strerror(error->code), mqw_rule_name(error->rule),
             error->field ? " " : "", error->field ? error->field : "");
    hear(line);
}

static void on_drain(mqw_conn *conn, void *ctx)
{
    (void)conn;
    (void)ctx;
    hear("drain");
}

static void on_other(mqw_conn *conn, void *ctx)
{
    (void)conn;
    (void)ctx;
    hear("not for dispatch");
}

static const mqw_handlers all = {
    .size = sizeof(mqw_handlers),
    .connected = on_other,
#define X(id, NAME, name, ...) .name = on_##name,
    MQW_PACKETS(X)
#undef X
        .packet = on_packet,
    .payload = on_payload,
    .violation = on_violation,
    .error = on_error,
    .drain = on_drain,
    .close = on_other,
};

static mqw_conn *listening(mqw_role role, const mqw_handlers *handlers, const mqw_conn_options *options)
{
    mqw_conn *conn = make(role, options);
    mqw_conn_handle_shared(conn, handlers, heard);
    return conn;
}

static void one_handler_per_type(void **state)
{
    (void)state;
    mqw_conn *sniffer = listening(MQW_ANY, &all, &(mqw_conn_options){.stream_over = 5});
    assert_int_equal(
        give(sniffer,
             "10 0e 0004 'MQTT' 05 02 0000 00 0001 'c' 20 03 00 00 00 30 04 0001 't' 00 40 02 0001 50 02 "
             "0001 62 02 0001 70 02 0001 82 07 0001 00 0001 'a' 00 90 04 0001 00 00 a2 06 0001 00 0001 "
             "'a' b0 04 0001 00 00 c000 d000 e000 f0 06 18 04 15 0001 'm' 30 0a 0001 't' 00 'abcdef'"),
        0);
    hears(
        "packet\nconnect\npacket\nconnack\npacket\npublish\npacket\npuback\npacket\npubrec\npacket\npubrel\npacket\npubcomp\n"
        "packet\nsubscribe\npacket\nsuback\npacket\nunsubscribe\npacket\nunsuback\npacket\npingreq\npacket\npingresp\n"
        "packet\ndisconnect\npacket\nauth\npacket\npublish\npayload");
    mqw_conn_free(sniffer);
}

static void absent_handlers_are_skipped(void **state)
{
    (void)state;
    const mqw_handlers some = {.pingreq = on_pingreq};
    mqw_conn *server = listening(MQW_SERVER, &some, &anything);
    assert_int_equal(give(server, "30 03 0001 't' c000 40 02 0001 e000"), 0);
    hears("pingreq");
    assert_int_equal(give(server, "00 00"), MQW_E_MALFORMED); // and errors
    mqw_conn_free(server);
}

// Those given to dispatch go before the connection's own, also with what waits.
static void handlers_of_the_call(void **state)
{
    (void)state;
    const mqw_handlers none = {.size = 0};
    mqw_conn *server = listening(MQW_SERVER, &none, &anything);
    mqw_bytes in = hex("c000 00 00");
    assert_int_equal(mqw_conn_puback(server, NULL), MQW_E_MISUSE);
    assert_int_equal(mqw_conn_dispatch(server, &in, &all, heard), MQW_E_MALFORMED);
    hears(
        "error misuse by the program FIELD_RANGE packet\npacket\npingreq\nerror malformed packet TYPE_RESERVED");
    mqw_conn_free(server);
}

// The connect handler hears once, and bytes right behind CONNECT are not lost when the version is learned.
static void connect_is_heard_once(void **state)
{
    (void)state;
    mqw_bytes stream =
        hex("10 0e 0004 'MQTT' 05 02 0000 00 0001 'c' 30 05 0001 't' 00 'x' 82 07 0001 00 0001 'a' 00");
    for (size_t step = 1; step <= stream.len; step++) {
        mqw_conn *server = listening(MQW_SERVER, &all, NULL);
        for (size_t at = 0; at < stream.len; at += step) {
            mqw_bytes in = {stream.data + at, stream.len - at < step ? stream.len - at : step};
            assert_int_equal(mqw_conn_dispatch(server, &in, NULL, NULL), 0);
            assert_int_equal(in.len, 0);
        }
        hears("packet\nconnect\npacket\npublish\npacket\nsubscribe");
        mqw_conn_free(server);
    }
}

// ---- violations ----

static void violations_come_first(void **state)
{
    (void)state;
    mqw_conn_options options = {.version = 4};
    mqw_rule_add(&options.policy.report, MQW_RULE_CONNECT_FIRST);
    mqw_rule_add(&options.policy.report, MQW_RULE_FLAGS_PUBREL);
    mqw_rule_add(&options.policy.report, MQW_RULE_PACKET_ID_ZERO);
    mqw_conn *server = listening(MQW_SERVER, &all, &options);
    assert_int_equal(give(server, "60 02 0000"), 0);
    hears("violation FLAGS_PUBREL MQTT-3.6.1-1\nviolation PACKET_ID_ZERO MQTT-2.3.1-1\n"
          "violation CONNECT_FIRST MQTT-3.1.0-1\npacket\npubrel");
    mqw_conn_free(server);
    const mqw_handlers none = {.size = 0};
    server = listening(MQW_SERVER, &none, &options);
    assert_int_equal(give(server, "60 02 0000"), 0);
    mqw_conn_free(server);
}

// ---- faults ----

static void a_fault_is_told_once(void **state)
{
    (void)state;
    mqw_conn *server = listening(MQW_SERVER, &all, &anything);
    assert_int_equal(give(server, "c000 c0 01 00 c000"), MQW_E_MALFORMED);
    assert_int_equal(give(server, "c000"), MQW_E_MALFORMED);
    assert_int_equal(give_nothing(server), MQW_E_MALFORMED);
    hears("packet\npingreq\nerror malformed packet SURPLUS");
    mqw_conn_free(server);
}

// One that was found between two calls waits for the next one.
static void a_fault_that_waits(void **state)
{
    (void)state;
    mqw_conn *server = listening(MQW_SERVER, &all, &anything);
    assert_int_equal(give(server, "30 05"), 0);
    assert_int_equal(mqw_conn_end(server), MQW_E_END);
    hears("");
    assert_int_equal(give_nothing(server), MQW_E_END);
    hears("error end of stream STREAM_ENDED");
    mqw_conn_free(server);
    server = listening(MQW_SERVER, &all, &anything);
    mqw_conn_fail(server, MQW_E_STREAM, MQW_RULE_NONE);
    mqw_conn_pause(server); // a pause does not keep it back
    assert_int_equal(give_nothing(server), MQW_E_STREAM);
    hears("error stream failed NONE");
    mqw_conn_free(server);
}

static void no_fault_after_the_end(void **state)
{
    (void)state;
    mqw_conn *server = listening(MQW_SERVER, &all, &anything);
    assert_int_equal(give(server, "30 05"), 0);
    assert_int_equal(mqw_conn_end(server), MQW_E_END);
    mqw_conn_shut(server);
    (void)give_nothing(server);
    hears("");
    mqw_conn_free(server);
}

// ---- misuse ----

static void misuse_is_heard_after_the_call(void **state)
{
    (void)state;
    mqw_conn *server = listening(MQW_SERVER, &all, NULL);
    assert_int_equal(say(server, "PINGREQ"), MQW_E_MISUSE);
    hears("");
    assert_int_equal(give_nothing(server), 0);
    hears("error misuse by the program ROLE");
    assert_int_equal(give_nothing(server), 0);
    hears("");
    assert_int_equal(say(server, "PUBLISH topic=\"+\""), MQW_E_MISUSE);         // out of turn
    assert_int_equal(give(server, "10 0d 0004 'MQTT' 04 02 0000 0001 'c'"), 0); // receiving goes on untouched
    hears("error misuse by the program CONNACK_FIRST\npacket\nconnect");
    says(server, "CONNACK");
    assert_int_equal(say(server, "PUBLISH topic=\"+\""),
                     MQW_E_REFUSED); // a refusal is a result, nothing more
    assert_int_equal(give_nothing(server), 0);
    hears("");
    mqw_conn_free(server);
}

static void misuse_that_is_returned_only(void **state)
{
    (void)state;
    mqw_conn *server = listening(MQW_SERVER, &all, &(mqw_conn_options){.on_misuse = MQW_RETURN_ONLY});
    refused_by(server, say(server, "PINGREQ"), MQW_E_MISUSE, MQW_RULE_ROLE, NULL);
    assert_false(mqw_conn_misused(server));
    assert_int_equal(give_nothing(server), 0);
    hears("");
    mqw_conn_free(server);
}

static void misuse_that_nobody_hears(void **state)
{
    (void)state;
    const mqw_handlers none = {.size = 0};
    mqw_conn *server = listening(MQW_SERVER, &none, NULL);
    assert_false(mqw_conn_misused(server));
    assert_int_equal(say(server, "PINGREQ"), MQW_E_MISUSE);
    assert_true(mqw_conn_misused(server));
    mqw_conn_handle_shared(server, &all, heard);
    assert_false(mqw_conn_misused(server));
    assert_int_equal(give_nothing(server), 0);
    hears("error misuse by the program ROLE");
    mqw_conn_free(server);
}

static void misuses_in_pingreq(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    (void)packet;
    (void)ctx;
    hear("before");
    assert_int_equal(mqw_conn_puback(conn, NULL), MQW_E_MISUSE);
    hear("after");
}

static void misuses_in_error(mqw_conn *conn, const mqw_error *error, void *ctx)
{
    on_error(conn, error, ctx);
    assert_int_equal(mqw_conn_pubrec(conn, NULL), MQW_E_MISUSE);
    hear("after error");
}

static void misuse_inside_handlers(void **state)
{
    (void)state;
    mqw_handlers handlers = {.pingreq = misuses_in_pingreq, .error = on_error};
    mqw_conn *server = listening(MQW_SERVER, &handlers, &anything);
    assert_int_equal(give(server, "c000 c000"), 0);
    hears("before\nafter\nerror misuse by the program FIELD_RANGE packet\n"
          "before\nafter\nerror misuse by the program FIELD_RANGE packet");
    mqw_conn_free(server);
    handlers.error = misuses_in_error; // it never calls itself
    server = listening(MQW_SERVER, &handlers, &anything);
    assert_int_equal(give(server, "c000"), 0);
    hears("before\nafter\nerror misuse by the program FIELD_RANGE packet\nafter error\n"
          "error misuse by the program FIELD_RANGE packet\nafter error");
    mqw_conn_free(server);
}

// ---- what is legal inside ----

typedef struct plan {
    void (*what)(mqw_conn *conn);
    const mqw_handlers *next;
    mqw_bytes *in;
} plan;

static void do_it(mqw_conn *conn, void *ctx)
{
    plan *todo = ctx;
    hear("here");
    todo->what(conn);
}

static void do_on_packet(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    mqw_packet before = *packet;
    do_it(conn, ctx);
    assert_memory_equal(&before, packet, sizeof before); // it is there until the handler returns
}

static void do_on_violation(mqw_conn *conn, const mqw_packet *packet, const mqw_error *error, void *ctx)
{
    (void)error;
    do_on_packet(conn, packet, ctx);
}

static void do_on_error(mqw_conn *conn, const mqw_error *error, void *ctx)
{
    (void)error;
    do_it(conn, ctx);
}

static mqw_conn_options with_violations(void)
{
    mqw_conn_options options = {
        .version = 4, .stream_over = 3, .high_water = 5, .policy = MQW_POLICY_ORIGINAL};
    mqw_rule_add(&options.policy.report, MQW_RULE_FLAGS_PUBREL);
    return options;
}

static const mqw_handlers in_each[] = {
    {.packet = do_on_packet},  {.pubrel = do_on_packet}, {.violation = do_on_violation},
    {.publish = do_on_packet}, {.drain = do_it},         {.payload = do_on_packet},
    {.error = do_on_error},
};

// Goes through drain, PUBREL with a violation, PUBLISH in pieces, and an error; some of it after the deed.
static void all_events(mqw_conn *conn)
{
    static const uint8_t zeros[10];
    assert_int_equal(mqw_conn_send_raw(conn, (mqw_bytes){zeros, sizeof zeros}), 0);
    drop_output(conn);
    mqw_bytes in = hex("60 02 0001 30 07 0001 't' 'abcd' 60 02 0002 00 00");
    (void)mqw_conn_dispatch(conn, &in, NULL, NULL);
}

static void freeing_in_each_handler(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(in_each); i++) {
        heap memory = {0};
        mqw_allocator allocator = heap_allocator(&memory);
        mqw_conn_options options = with_violations();
        options.allocator = &allocator;
        plan todo = {.what = mqw_conn_free};
        mqw_conn *conn = make(MQW_SERVER, &options);
        assert_int_equal(mqw_conn_handle(conn, &in_each[i], &todo), 0);
        all_events(conn);
        hears("here"); // and nothing more
        assert_int_equal(memory.held, 0);
    }
}

static void shutting_in_each_handler(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(in_each); i++) {
        mqw_conn_options options = with_violations();
        plan todo = {.what = mqw_conn_shut};
        mqw_conn *conn = make(MQW_SERVER, &options);
        assert_int_equal(mqw_conn_handle(conn, &in_each[i], &todo), 0);
        all_events(conn);
        hears("here");
        mqw_conn_free(conn);
    }
}

static void hear_nothing_more(mqw_conn *conn)
{
    const mqw_handlers none = {.size = 0};
    assert_int_equal(mqw_conn_handle(conn, &none, NULL), 0);
}

static void swapping_in_each_handler(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(in_each); i++) {
        mqw_conn_options options = with_violations();
        plan todo = {.what = hear_nothing_more};
        mqw_conn *conn = make(MQW_SERVER, &options);
        assert_int_equal(mqw_conn_handle(conn, &in_each[i], &todo), 0);
        all_events(conn);
        hears("here");
        mqw_error error;
        assert_non_null(mqw_conn_error(conn, &error)); // it went on
        mqw_conn_free(conn);
    }
}

static void pause_and_resume(mqw_conn *conn)
{
    mqw_conn_pause(conn);
    mqw_conn_resume(conn);
}

// A pause that ends in the same handler is none.
static void pausing_in_each_handler(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(in_each); i++) {
        mqw_conn_options options = with_violations();
        plan stay = {.what = mqw_conn_pause}, go_on = {.what = pause_and_resume};
        mqw_conn *conn = make(MQW_SERVER, &options);
        mqw_error error;
        assert_int_equal(mqw_conn_handle(conn, &in_each[i], &stay), 0);
        all_events(conn);
        hears("here");
        assert_int_equal(mqw_conn_error(conn, &error) != NULL, in_each[i].error != NULL);
        mqw_conn_free(conn);
        conn = make(MQW_SERVER, &options);
        assert_int_equal(mqw_conn_handle(conn, &in_each[i], &go_on), 0);
        all_events(conn);
        assert_non_null(mqw_conn_error(conn, &error));
        heard[0] = '\0';
        mqw_conn_free(conn);
    }
}

static void misuse_and_free(mqw_conn *conn)
{
    assert_int_equal(mqw_conn_puback(conn, NULL), MQW_E_MISUSE);
    mqw_conn_free(conn);
    mqw_conn_free(conn);
}

// Who has freed it hears no more of it, not even of a bug.
static void misuse_before_freeing(void **state)
{
    (void)state;
    plan todo = {.what = misuse_and_free};
    const mqw_handlers handlers = {.pingreq = do_on_packet, .error = on_error};
    mqw_conn *conn = make(MQW_SERVER, &anything);
    mqw_conn_handle_shared(conn, &handlers, &todo);
    assert_int_equal(give(conn, "c000 c000"), 0);
    hears("here");
}

static void pausing_in_a_handler(void **state)
{
    (void)state;
    plan todo = {.what = mqw_conn_pause};
    const mqw_handlers handlers = {.pingreq = do_on_packet};
    mqw_conn *conn = make(MQW_SERVER, &anything);
    mqw_conn_handle_shared(conn, &handlers, &todo);
    mqw_bytes in = hex("c000 c000 c000");
    assert_int_equal(mqw_conn_dispatch(conn, &in, NULL, NULL), 0);
    assert_int_equal(in.len, 4);
    assert_int_equal(mqw_conn_dispatch(conn, &in, NULL, NULL), 0);
    hears("here");
    mqw_conn_resume(conn);
    assert_int_equal(mqw_conn_dispatch(conn, &in, NULL, NULL), 0);
    assert_int_equal(in.len, 2);
    hears("here");
    mqw_conn_free(conn);
}

static const mqw_handlers others = {.packet = on_packet, .pingreq = on_pingreq, .puback = on_puback};

static void swap(mqw_conn *conn)
{
    assert_int_equal(mqw_conn_handle(conn, &others, heard), 0);
}

// From then on the new ones hear, beginning with the same packet's own handler.
static void swapping_handlers_in_a_handler(void **state)
{
    (void)state;
    plan todo = {.what = swap};
    const mqw_handlers first[] = {{.packet = do_on_packet, .pingreq = do_on_packet},
                                  {.pingreq = do_on_packet}};
    static const char *const expected[] = {"here\npingreq\npacket\npuback", "here\npacket\npuback"};
    for (size_t i = 0; i < COUNT(first); i++) {
        mqw_conn *conn = make(MQW_SERVER, &anything);
        assert_int_equal(mqw_conn_handle(conn, &first[i], &todo), 0);
        assert_int_equal(give(conn, "c000 40 02 0001"), 0);
        hears(expected[i]);
        mqw_conn_free(conn);
    }
}

static void answer(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    (void)ctx;
    mqw_packet again = {.type = MQW_PUBLISH, .publish = packet->publish};
    again.publish.qos = 0;
    again.publish.packet_id = 0;
    assert_int_equal(mqw_conn_send(conn, &again), 0);
    assert_int_equal(mqw_conn_puback(conn, &(mqw_ack){.packet_id = packet->publish.packet_id}), 0);
}

static void sending_in_a_handler(void **state)
{
    (void)state;
    const mqw_handlers handlers = {.publish = answer};
    mqw_conn *conn = make(MQW_SERVER, &anything);
    mqw_conn_handle_shared(conn, &handlers, NULL);
    assert_int_equal(give(conn, "32 06 0001 't' 0007 'x' 32 06 0001 'u' 00"), 0);
    assert_int_equal(give(conn, "08 'y'"), 0);
    writes(conn, "30 04 0001 't' 'x' 40 02 0007 30 04 0001 'u' 'y' 40 02 0008");
    mqw_conn_free(conn);
}

static void take_it(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    size_t size;
    (void)packet;
    uint8_t *block = mqw_conn_take(conn, &size);
    assert_non_null(block);
    mqw_config_give_back(mqw_conn_config(conn), block, size);
    ++*(int *)ctx;
}

static void taking_in_a_handler(void **state)
{
    (void)state;
    static uint8_t zeros[6000];
    int count = 0;
    const mqw_handlers handlers = {.publish = take_it};
    mqw_conn *conn = make(MQW_SERVER, &anything);
    mqw_conn_handle_shared(conn, &handlers, &count);
    assert_int_equal(give(conn, "30 f3 2e 0001 't'"), 0);
    mqw_bytes in = {zeros, 6000};
    assert_int_equal(mqw_conn_dispatch(conn, &in, NULL, NULL), 0);
    assert_int_equal(give(conn, "c000"), 0);
    assert_int_equal(count, 1);
    mqw_conn_free(conn);
}

// ---- dispatch inside a handler ----

static void dispatch_the_rest(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    plan *todo = ctx;
    (void)packet;
    hear("in");
    int rc = mqw_conn_dispatch(conn, todo->in, NULL, NULL);
    hear(rc == MQW_E_MISUSE ? "deep" : "out");
}

static void dispatch_inside_a_handler(void **state)
{
    (void)state;
    mqw_bytes in = hex("c000 c000 c000");
    plan todo = {.in = &in};
    const mqw_handlers handlers = {.pingreq = dispatch_the_rest};
    mqw_conn *conn = make(MQW_SERVER, &anything);
    mqw_conn_handle_shared(conn, &handlers, &todo);
    assert_int_equal(mqw_conn_dispatch(conn, &in, NULL, NULL), 0);
    hears("in\nin\nin\nout\nout\nout");
    mqw_conn_free(conn);
}

// It is not the stack that ends it.
static void dispatch_inside_itself_without_end(void **state)
{
    (void)state;
    static uint8_t pings[4000];
    for (size_t i = 0; i < sizeof pings; i += 2)
        pings[i] = 0xC0;
    mqw_bytes in = {pings, sizeof pings};
    plan todo = {.in = &in};
    const mqw_handlers handlers = {.pingreq = dispatch_the_rest};
    mqw_conn *conn = make(MQW_SERVER, &anything);
    mqw_conn_handle_shared(conn, &handlers, &todo);
    assert_int_equal(mqw_conn_dispatch(conn, &in, NULL, NULL), 0);
    assert_non_null(strstr(heard, "deep"));
    assert_int_equal(in.len, 0);
    heard[0] = '\0';
    mqw_conn_free(conn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_handler_per_type),
        cmocka_unit_test(absent_handlers_are_skipped),
        cmocka_unit_test(handlers_of_the_call),
        cmocka_unit_test(connect_is_heard_once),
        cmocka_unit_test(violations_come_first),
        cmocka_unit_test(a_fault_is_told_once),
        cmocka_unit_test(a_fault_that_waits),
        cmocka_unit_test(no_fault_after_the_end),
        cmocka_unit_test(misuse_is_heard_after_the_call),
        cmocka_unit_test(misuse_that_is_returned_only),
        cmocka_unit_test(misuse_that_nobody_hears),
        cmocka_unit_test(misuse_inside_handlers),
        cmocka_unit_test(freeing_in_each_handler),
        cmocka_unit_test(shutting_in_each_handler),
        cmocka_unit_test(swapping_in_each_handler),
        cmocka_unit_test(pausing_in_each_handler),
        cmocka_unit_test(misuse_before_freeing),
        cmocka_unit_test(pausing_in_a_handler),
        cmocka_unit_test(swapping_handlers_in_a_handler),
        cmocka_unit_test(sending_in_a_handler),
        cmocka_unit_test(taking_in_a_handler),
        cmocka_unit_test(dispatch_inside_a_handler),
        cmocka_unit_test(dispatch_inside_itself_without_end),
    };
    return cmocka_run_group_tests(tests, allow_anything, NULL);
}
