// SPDX-License-Identifier: MIT
// Acknowledgements by the short way: the same bytes, counters and bounds as by the general way, which a tap
// makes them take.
#include "conn/inside.h"
#include "unit/two_ends.h"

static void nothing(mqw_conn *conn, bool sent, const mqw_packet *packet, mqw_bytes raw, void *ctx)
{
    (void)conn, (void)sent, (void)packet, (void)raw, (void)ctx;
}

static const mqw_packet_type types[] = {MQW_PUBACK, MQW_PUBREC, MQW_PUBREL, MQW_PUBCOMP};

static int acknowledge(mqw_conn *conn, mqw_packet_type type, const mqw_ack *ack)
{
    mqw_packet packet = {.type = type, .puback = *ack};
    return say_packet(conn, &packet);
}

static void same_output(mqw_conn *a, mqw_conn *b)
{
    mqw_bytes one = take_output(a), two = take_output(b);
    same_bytes(one, two);
    free((void *)(uintptr_t)one.data);
    free((void *)(uintptr_t)two.data);
}

static void same_by_both_ways(void **state)
{
    (void)state;
    static const mqw_ack acks[] = {{.packet_id = 1},
                                   {.packet_id = 0xABCD},
                                   {.packet_id = 7, .reason = 0x10},
                                   {.packet_id = 8, .reason = 0x92},
                                   {.packet_id = 9, .dup = true},
                                   {.packet_id = 0}};
    for (int role = MQW_CLIENT; role <= MQW_SERVER; role++)
        for (uint8_t version = 3; version <= 5; version++) {
            mqw_conn_options tapped = {.tap = nothing};
            mqw_conn *brief = opened((mqw_role)role, version, NULL),
                     *general = opened((mqw_role)role, version, &tapped);
            for (unsigned i = 0; i < COUNT(types) * COUNT(acks) * 300; i++) {
                const mqw_ack *ack = &acks[i / COUNT(types) % COUNT(acks)];
                mqw_packet_type type = types[i % COUNT(types)];
                assert_int_equal(acknowledge(brief, type, ack), acknowledge(general, type, ack));
                assert_int_equal(mqw_conn_waiting(brief), mqw_conn_waiting(general));
                if (i % 1500 == 1499)
                    same_output(brief, general);
            }
            same_output(brief, general);
            mqw_conn_free(brief);
            mqw_conn_free(general);
        }
}

// What is acknowledged gives its place in our receive maximum back (section 4.9).
static void places_are_given_back(void **state)
{
    (void)state;
    mqw_conn *server =
        opened_with(MQW_SERVER, "CONNECT version=5 client_id=\"c\"", "CONNACK receive_maximum=2", NULL);
    static const mqw_packet_type ends[] = {MQW_PUBACK, MQW_PUBCOMP};
    for (size_t i = 0; i < COUNT(ends); i++) {
        assert_int_equal(feed(server, "34 06 0001 't' 0001 00 34 06 0001 't' 0002 00"), 0);
        assert_int_equal(server->ours.in_flight, 2);
        assert_int_equal(acknowledge(server, MQW_PUBREC, &(mqw_ack){.packet_id = 1}), 0);
        assert_int_equal(server->ours.in_flight, 2);
        assert_int_equal(acknowledge(server, ends[i], &(mqw_ack){.packet_id = 1}), 0);
        assert_int_equal(acknowledge(server, ends[i], &(mqw_ack){.packet_id = 2}), 0);
        assert_int_equal(server->ours.in_flight, 0);
    }
    heard[0] = '\0';
    drop_output(server);
    mqw_conn_free(server);
}

static void bounds_hold(void **state)
{
    (void)state;
    mqw_conn *server = opened(MQW_SERVER, 4, &(mqw_conn_options){.max_output = 8, .reserve = 8});
    for (int i = 0; i < 4; i++)
        assert_int_equal(acknowledge(server, MQW_PUBACK, &(mqw_ack){.packet_id = 1}), 0);
    assert_int_equal(acknowledge(server, MQW_PUBACK, &(mqw_ack){.packet_id = 1}), MQW_E_CLOSED);
    mqw_conn_free(server);
}

static void count_call(mqw_conn *conn, void *ctx)
{
    (void)conn;
    ++*(int *)ctx;
}

static void the_writer_hears_of_it(void **state)
{
    (void)state;
    int count = 0;
    mqw_conn *server =
        opened(MQW_SERVER, 4, &(mqw_conn_options){.on_output = count_call, .on_output_ctx = &count});
    count = 0;
    for (int i = 0; i < 3; i++)
        assert_int_equal(acknowledge(server, MQW_PUBREL, &(mqw_ack){.packet_id = 5}), 0);
    assert_int_equal(count, 1);
    writes(server, "62 02 0005 62 02 0005 62 02 0005");
    mqw_conn_shut(server);
    assert_int_equal(acknowledge(server, MQW_PUBREL, &(mqw_ack){.packet_id = 5}), MQW_E_CLOSED);
    mqw_conn_free(server);
}

static void refuse_all(heap *memory, bool on)
{
    memory->fail_at = on ? memory->allocations + 1 : 0;
    memory->fail_on = on;
    memory->failed = false;
}

static void without_memory(void **state)
{
    (void)state;
    heap memory = {0};
    mqw_allocator allocator = heap_allocator(&memory);
    mqw_conn *server = opened(MQW_SERVER, 4, &(mqw_conn_options){.allocator = &allocator});
    mqw_config_trim(mqw_conn_config(server));
    refuse_all(&memory, true);
    assert_int_equal(acknowledge(server, MQW_PUBACK, &(mqw_ack){.packet_id = 1}), MQW_E_NO_MEMORY);
    assert_int_equal(mqw_conn_waiting(server), 0);
    refuse_all(&memory, false);
    assert_int_equal(acknowledge(server, MQW_PUBACK, &(mqw_ack){.packet_id = 1}), 0);
    mqw_conn_free(server);
    assert_int_equal(memory.held, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_by_both_ways), cmocka_unit_test(places_are_given_back),
        cmocka_unit_test(bounds_hold),       cmocka_unit_test(the_writer_hears_of_it),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
