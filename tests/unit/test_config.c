// SPDX-License-Identifier: MIT
// Options and their defaults, versioned structs, what connections share, and the total that they may hold.
#include "conn/inside.h"
#include "unit/two_ends.h"

static mqw_config *config_of(mqw_conn_options options)
{
    mqw_config *config = mqw_config_new(&options);
    assert_non_null(config);
    return config;
}

#define default_is(config, field, value) assert_int_equal((config)->options.field, (value))

static void defaults(void **state)
{
    (void)state;
    mqw_config *config = mqw_config_new(NULL);
    assert_non_null(config);
    default_is(config, version, 4);
    default_is(config, answers, 0);
    default_is(config, alias_in, MQW_ALIAS_RESOLVE);
    default_is(config, alias_out, MQW_ALIAS_MANUAL);
    default_is(config, on_misuse, MQW_TELL);
    default_is(config, max_packet_size, 1 << 20);
    default_is(config, max_first_packet, 64 << 10);
    default_is(config, stream_over, 0);
    default_is(config, max_output, 16 << 20);
    default_is(config, reserve, 64 << 10);
    default_is(config, high_water, 64 << 10);
    default_is(config, low_water, 16 << 10);
    default_is(config, max_total, 1 << 30);
    default_is(config, connect_timeout, 10000);
    default_is(config, min_rate, 100);
    default_is(config, max_text, 4 << 20);
    mqw_config_free(config);
}

static void what_is_said_holds(void **state)
{
    (void)state;
    mqw_config *config = config_of((mqw_conn_options){.version = 5,
                                                      .answers = MQW_ANSWER_ACKS,
                                                      .max_packet_size = 1000,
                                                      .stream_over = 10,
                                                      .max_stored = 200,
                                                      .max_output = 3000,
                                                      .reserve = 40,
                                                      .high_water = 500,
                                                      .low_water = 60,
                                                      .max_total = 7000,
                                                      .connect_timeout = 80,
                                                      .min_rate = 9,
                                                      .max_text = 11});
    default_is(config, version, 5);
    default_is(config, answers, MQW_ANSWER_ACKS);
    default_is(config, max_packet_size, 1000);
    default_is(config, max_first_packet, 1000); // never more than max_packet_size
    default_is(config, stream_over, 10);
    default_is(config, max_stored, 200);
    default_is(config, max_output, 3000);
    default_is(config, reserve, 40);
    default_is(config, high_water, 500);
    default_is(config, low_water, 60);
    default_is(config, max_total, 7000);
    default_is(config, connect_timeout, 80);
    default_is(config, min_rate, 9);
    default_is(config, max_text, 11);
    mqw_config_free(config);
}

static void the_original_spoke_3_1(void **state)
{
    (void)state;
    mqw_config *config = config_of((mqw_conn_options){.policy = MQW_POLICY_ORIGINAL});
    default_is(config, version, 3);
    mqw_config_free(config);
    config = config_of((mqw_conn_options){.policy = MQW_POLICY_ORIGINAL, .version = 4});
    default_is(config, version, 4);
    mqw_config_free(config);
}

// What no limit can be is brought to what one can.
static void limits_are_brought_into_range(void **state)
{
    (void)state;
    mqw_config *config = config_of((mqw_conn_options){.max_packet_size = UINT32_MAX,
                                                      .max_output = UINT32_MAX,
                                                      .reserve = UINT32_MAX,
                                                      .connect_timeout = UINT32_MAX,
                                                      .ping_timeout = UINT32_MAX});
    default_is(config, max_packet_size, MQW_PACKET_MAX);
    assert_true((uint64_t)config->options.max_output + config->options.reserve < UINT32_MAX);
    assert_true(config->options.connect_timeout <= INT32_MAX);
    assert_true(config->options.ping_timeout <= INT32_MAX);
    mqw_config_free(config);
}

// Output that is above high_water is not below low_water as well.
static void low_water_is_not_above_high_water(void **state)
{
    (void)state;
    mqw_config *config = config_of((mqw_conn_options){.high_water = 1000});
    default_is(config, low_water, 1000);
    mqw_config_free(config);
    config = config_of((mqw_conn_options){.high_water = 1000, .low_water = 2000});
    default_is(config, low_water, 1000);
    mqw_config_free(config);
}

// What is never given in pieces has to fit.
static void what_is_not_streamed_can_be_stored(void **state)
{
    (void)state;
    mqw_config *config = config_of((mqw_conn_options){.stream_over = 4 << 20});
    assert_true(config->options.max_stored >= (4 << 20) + (1 << 20));
    mqw_config_free(config);
    config = config_of((mqw_conn_options){.stream_over = 1000, .max_stored = 10});
    default_is(config, max_stored, 1005);
    mqw_config_free(config);
    config = config_of((mqw_conn_options){.stream_over = UINT32_MAX, .max_stored = 10});
    assert_true(config->options.max_stored >= MQW_PACKET_MAX);
    mqw_config_free(config);
    config = config_of((mqw_conn_options){.max_stored = 10}); // only with stream_over
    default_is(config, max_stored, 1 << 20);
    mqw_config_free(config);
}

static void bad_options_are_refused(void **state)
{
    (void)state;
    const mqw_conn_options bad[] = {
        {.version = 2},  {.version = 6},   {.version = 131}, {.answers = 8},
        {.alias_in = 2}, {.alias_out = 2}, {.on_misuse = 2},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_null(mqw_config_new(&bad[i]));
        assert_null(mqw_conn_new(MQW_SERVER, &bad[i]));
    }
    assert_null(mqw_conn_new((mqw_role)3, NULL));
    assert_null(mqw_conn_new_shared(MQW_CLIENT, NULL));
}

// A program that was compiled when the structs were smaller.
static void smaller_structs(void **state)
{
    (void)state;
    mqw_conn_options options = {
        .size = offsetof(mqw_conn_options, max_packet_size), .version = 5, .max_packet_size = 7};
    mqw_config *config = config_of(options);
    default_is(config, version, 5);
    default_is(config, max_packet_size, 1 << 20);
    mqw_config_free(config);
    options.size = sizeof options + 64;
    options.max_packet_size = 77;
    config = config_of(options);
    default_is(config, max_packet_size, 77);
    mqw_config_free(config);
}

static void on_packet(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    (void)conn;
    (void)packet;
    ++*(int *)ctx;
}

static void smaller_handlers(void **state)
{
    (void)state;
    int count = 0;
    mqw_handlers handlers = {
        .size = offsetof(mqw_handlers, packet), .connect = on_packet, .packet = on_packet};
    mqw_conn *conn = make(MQW_SERVER, NULL);
    assert_int_equal(mqw_conn_handle(conn, &handlers, &count), 0);
    mqw_bytes in = hex("10 0d 0004 'MQTT' 04 02 0000 0001 'c'");
    assert_int_equal(mqw_conn_dispatch(conn, &in, NULL, NULL), 0);
    assert_int_equal(count, 1);
    mqw_conn_free(conn);
}

static void handlers_and_allocator_are_copied(void **state)
{
    (void)state;
    heap memory = {0};
    int count = 0;
    mqw_allocator allocator = heap_allocator(&memory);
    mqw_handlers handlers = {.connect = on_packet};
    mqw_conn_options options = {.allocator = &allocator, .handlers = &handlers, .handlers_ctx = &count};
    mqw_conn *conn = make(MQW_SERVER, &options);
    memset(&allocator, 0, sizeof allocator);
    memset(&handlers, 0, sizeof handlers);
    mqw_bytes in = hex("10 0d 0004 'MQTT' 04 02 0000 0001 'c'");
    assert_int_equal(mqw_conn_dispatch(conn, &in, NULL, NULL), 0);
    assert_int_equal(count, 1);
    mqw_conn_free(conn);
    assert_int_equal(memory.held, 0);
}

static void references_are_counted(void **state)
{
    (void)state;
    heap memory = {0};
    mqw_allocator allocator = heap_allocator(&memory);
    mqw_config *config = config_of((mqw_conn_options){.allocator = &allocator});
    mqw_conn *a = mqw_conn_new_shared(MQW_CLIENT, config);
    mqw_conn *b = mqw_conn_new_shared(MQW_SERVER, config);
    assert_non_null(a);
    assert_non_null(b);
    assert_ptr_equal(mqw_conn_config(a), config);
    assert_ptr_equal(mqw_config_keep(config), config);
    mqw_config_free(config);
    mqw_config_free(config);
    mqw_conn_free(a);
    assert_true(memory.held > 0);
    mqw_conn_free(b);
    assert_int_equal(memory.held, 0);
    mqw_config_free(NULL);
}

// Chunks of output that were written are kept for the next ones, up to a number, until they are trimmed.
static void spare_chunks(void **state)
{
    (void)state;
    heap memory = {0};
    mqw_allocator allocator = heap_allocator(&memory);
    mqw_conn *conn =
        opened(MQW_SERVER, 4, &(mqw_conn_options){.allocator = &allocator, .keep_output = 64 << 10});
    static const uint8_t zeros[4000];
    for (int i = 0; i < 100; i++)
        assert_int_equal(mqw_conn_send_raw(conn, (mqw_bytes){zeros, sizeof zeros}), 0);
    size_t most = memory.held;
    drop_output(conn);
    assert_int_equal(mqw_conn_config(conn)->held, 0);
    assert_int_equal(mqw_conn_config(conn)->spares, 16);
    assert_true(memory.held < most - 30 * sizeof zeros);
    unsigned before = memory.allocations;
    assert_int_equal(mqw_conn_send_raw(conn, (mqw_bytes){zeros, sizeof zeros}), 0);
    assert_int_equal(memory.allocations, before);
    mqw_config_trim(mqw_conn_config(conn));
    assert_int_equal(mqw_conn_config(conn)->spares, 0);
    assert_true(memory.held < 3 * sizeof zeros); // what waits stays
    assert_int_equal(mqw_conn_waiting(conn), sizeof zeros);
    drop_output(conn);
    assert_int_equal(mqw_conn_config(conn)->spares, 1);
    mqw_conn_free(conn);
    assert_int_equal(memory.held, 0);
}

// Each of them within its own limits, all of them together not.
static void the_total_is_shared(void **state)
{
    (void)state;
    mqw_config *config = config_of((mqw_conn_options){.max_total = 100000});
    mqw_conn *conns[40];
    static const uint8_t part[] = {0x10, 0x80, 0x80, 0x02};
    unsigned faults = 0;
    for (size_t i = 0; i < COUNT(conns); i++) {
        conns[i] = mqw_conn_new_shared(MQW_SERVER, config);
        assert_non_null(conns[i]);
        assert_int_equal(feed_in(conns[i], (mqw_bytes){part, sizeof part}, 4), 0);
        static const uint8_t rest[8000];
        int rc = feed_in(conns[i], (mqw_bytes){rest, sizeof rest}, sizeof rest);
        if (rc == 0)
            continue;
        faulted_by(conns[i], rc, MQW_E_NO_MEMORY, MQW_RULE_MEMORY_FULL);
        faults++;
    }
    assert_in_range(faults, 10, 39);
    assert_true(config->held <= 100000);
    for (size_t i = 0; i < COUNT(conns); i++)
        mqw_conn_free(conns[i]);
    assert_int_equal(config->held, 0);
    mqw_config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(what_is_said_holds),
        cmocka_unit_test(the_original_spoke_3_1),
        cmocka_unit_test(limits_are_brought_into_range),
        cmocka_unit_test(low_water_is_not_above_high_water),
        cmocka_unit_test(what_is_not_streamed_can_be_stored),
        cmocka_unit_test(bad_options_are_refused),
        cmocka_unit_test(smaller_structs),
        cmocka_unit_test(smaller_handlers),
        cmocka_unit_test(handlers_and_allocator_are_copied),
        cmocka_unit_test(references_are_counted),
        cmocka_unit_test(spare_chunks),
        cmocka_unit_test(the_total_is_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
