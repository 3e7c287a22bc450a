// SPDX-License-Identifier: MIT
// Bytes that wait to leave: order, views that never move, bounds and the reserve, high and low water, shared
// payloads, output that outlives its connection.
#include "conn/inside.h"
#include "unit/two_ends.h"

enum { LARGE = 300000 };

static uint8_t large[LARGE];

static int fill_large(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof large; i++)
        large[i] = (uint8_t)(i * 31 + (i >> 8));
    return 0;
}

static int publish_bytes(mqw_conn *conn, size_t len)
{
    mqw_publish publish = {.topic = MQW_TEXT("t"), .payload = {large, len}};
    return mqw_conn_publish(conn, &publish);
}

// ---- order ----

// However large: the bytes of a packet stand together, and packets in order.
static void packets_leave_in_order(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 100, 1023, 1024, 1025, 3000, 4050, 4096, 5000, 20000, LARGE};
    mqw_conn *server = opened(MQW_SERVER, 4, NULL);
    for (size_t i = 0; i < COUNT(sizes); i++)
        assert_int_equal(publish_bytes(server, sizes[i]), 0);
    mqw_bytes all = take_output(server), left = all;
    mqw_conn *client = opened(MQW_CLIENT, 4, NULL);
    mqw_packet packet;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        assert_int_equal(mqw_conn_recv(client, &left, &packet), 1);
        same_bytes(packet.publish.payload, (mqw_bytes){large, sizes[i]});
    }
    assert_int_equal(left.len, 0);
    free((void *)(uintptr_t)all.data);
    mqw_conn_free(client);
    mqw_conn_free(server);
}

static void small_packets_lie_back_to_back(void **state)
{
    (void)state;
    mqw_conn *server = opened(MQW_SERVER, 4, NULL);
    for (int i = 0; i < 500; i++)
        says(server, "PINGRESP");
    mqw_bytes view;
    assert_int_equal(mqw_conn_output(server, &view, 1), 1);
    assert_int_equal(view.len, 1000);
    mqw_conn_free(server);
}

// ---- views ----

static void views_never_move_until_they_are_written(void **state)
{
    (void)state;
    mqw_conn *server = opened(MQW_SERVER, 4, NULL);
    assert_int_equal(publish_bytes(server, 900), 0);
    assert_int_equal(publish_bytes(server, 5000), 0);
    mqw_bytes before[4], after[4];
    int count = mqw_conn_output(server, before, 4);
    assert_true(count >= 2);
    for (int i = 0; i < 100; i++)
        assert_int_equal(publish_bytes(server, 700), 0);
    (void)mqw_conn_written(server, 10);
    assert_true(mqw_conn_output(server, after, 4) >= count);
    assert_ptr_equal(after[0].data, before[0].data + 10);
    for (int i = 1; i < count; i++)
        assert_ptr_equal(after[i].data, before[i].data);
    mqw_conn_free(server);
}

static void views_are_limited_by_max(void **state)
{
    (void)state;
    mqw_conn *server = opened(MQW_SERVER, 4, NULL);
    for (int i = 0; i < 10; i++)
        assert_int_equal(publish_bytes(server, 3000), 0);
    mqw_bytes views[3];
    assert_int_equal(mqw_conn_output(server, views, 0), 0);
    assert_int_equal(mqw_conn_output(server, views, 2), 2);
    (void)mqw_conn_written(server, SIZE_MAX); // more than there is
    assert_int_equal(mqw_conn_output(server, views, 3), 0);
    assert_int_equal(mqw_conn_waiting(server), 0);
    assert_int_equal(mqw_conn_written(server, 5), 0);
    mqw_conn_free(server);
}

// Byte by byte, and what is sent meanwhile.
static void written_in_any_steps(void **state)
{
    (void)state;
    for (size_t step = 1; step < 6000; step = step * 3 + 1) {
        mqw_conn *server = opened(MQW_SERVER, 4, NULL), *client = opened(MQW_CLIENT, 4, NULL);
        unsigned sent = 0;
        heard[0] = '\0';
        for (mqw_bytes view; sent < 40 || mqw_conn_waiting(server) > 0;) {
            if (sent < 40)
                assert_int_equal(publish_bytes(server, sent++ * 97), 0);
            assert_int_equal(mqw_conn_output(server, &view, 1), 1);
            if (view.len > step)
                view.len = step;
            mqw_packet packet;
            for (mqw_bytes left = view; mqw_conn_recv(client, &left, &packet) > 0;)
                same_bytes(packet.publish.payload, (mqw_bytes){large, packet.publish.payload.len});
            (void)mqw_conn_written(server, view.len);
        }
        mqw_counters counters;
        mqw_conn_counters(client, &counters);
        assert_int_equal(counters.packets_received, 41);
        mqw_conn_free(client);
        mqw_conn_free(server);
    }
}

// A packet counts as written when the chunk in which it ends is.
static void packets_written(void **state)
{
    (void)state;
    mqw_conn *server = opened(MQW_SERVER, 4, NULL);
    mqw_counters before, now;
    mqw_conn_counters(server, &before);
    says(server, "PINGRESP");
    says(server, "PINGRESP");
    assert_int_equal(publish_bytes(server, 20000), 0);
    says(server, "PINGRESP");
    (void)mqw_conn_written(server, 4);
    mqw_conn_counters(server, &now);
    assert_int_equal(now.packets_queued - before.packets_queued, 4);
    assert_int_equal(now.packets_written, before.packets_queued);
    (void)mqw_conn_written(server, 7); // the head of the PUBLISH, which ends in another chunk
    mqw_conn_counters(server, &now);
    assert_int_equal(now.packets_written - before.packets_queued, 2);
    (void)mqw_conn_written(server, 20000 + 2);
    mqw_conn_counters(server, &now);
    assert_int_equal(now.packets_written, now.packets_queued);
    assert_int_equal(now.bytes_written, now.bytes_queued);
    mqw_conn_free(server);
}

// ---- bounds ----

static void full_output_is_busy(void **state)
{
    (void)state;
    mqw_conn *server = opened(MQW_SERVER, 4, &(mqw_conn_options){.max_output = 2000});
    assert_int_equal(publish_bytes(server, 1500), 0);
    size_t waiting = mqw_conn_waiting(server);
    assert_int_equal(publish_bytes(server, 600), MQW_E_BUSY);
    assert_int_equal(mqw_conn_send_raw(server, (mqw_bytes){large, 600}), MQW_E_BUSY);
    assert_int_equal(mqw_conn_waiting(server), waiting);
    assert_int_equal(publish_bytes(server, 2000 - waiting - 6), 0); // exactly
    assert_int_equal(mqw_conn_waiting(server), 2000);
    assert_int_equal(mqw_conn_send_raw(server, (mqw_bytes){large, 1}), MQW_E_BUSY);
    (void)mqw_conn_written(server, 2000);
    assert_int_equal(publish_bytes(server, 600), 0);
    mqw_conn_free(server);
}

// Who was told to try again hears when, though high_water was not passed.
static void drain_follows_busy(void **state)
{
    (void)state;
    mqw_conn_options options = {.max_output = 2000, .high_water = 2000, .low_water = 1000};
    mqw_conn *server = opened(MQW_SERVER, 4, &options);
    (void)mqw_conn_written(server, mqw_conn_waiting(server));
    assert_int_equal(publish_bytes(server, 1500), 0);
    assert_int_equal(publish_bytes(server, 600), MQW_E_BUSY);
    assert_int_equal(mqw_conn_written(server, mqw_conn_waiting(server)), 1);
    assert_int_equal(publish_bytes(server, 1500), 0);
    assert_int_equal(mqw_conn_written(server, mqw_conn_waiting(server)), 0); // nobody waits for it
    mqw_conn_free(server);
}

static void what_never_fits_is_too_large(void **state)
{
    (void)state;
    mqw_conn *server = opened(MQW_SERVER, 4, &(mqw_conn_options){.max_output = 2000});
    refused_by(server, publish_bytes(server, 2000), MQW_E_TOO_LARGE, MQW_RULE_OUTPUT_FULL, NULL);
    refused_by(server, mqw_conn_send_raw(server, (mqw_bytes){large, 2001}), MQW_E_TOO_LARGE,
               MQW_RULE_OUTPUT_FULL, "bytes");
    refused_by(server, mqw_conn_send_raw(server, (mqw_bytes){large, SIZE_MAX}), MQW_E_TOO_LARGE,
               MQW_RULE_OUTPUT_FULL, "bytes");
    assert_int_equal(mqw_conn_send_raw(server, (mqw_bytes){large, 2000}), 0);
    mqw_conn_free(server);
}

// Acknowledgements, pings and DISCONNECT go on in the reserve.
static void the_reserve(void **state)
{
    (void)state;
    static const char *const reserved[] = {"PUBACK packet_id=1",
                                           "PUBREC packet_id=1",
                                           "PUBREL packet_id=1",
                                           "PUBCOMP packet_id=1",
                                           "SUBACK packet_id=1 reasons=0",
                                           "UNSUBACK packet_id=1 reasons=0",
                                           "PINGRESP",
                                           "DISCONNECT"};
    mqw_conn *server = opened(MQW_SERVER, 5, &(mqw_conn_options){.max_output = 100, .reserve = 100});
    assert_int_equal(mqw_conn_send_raw(server, (mqw_bytes){large, 100}), 0);
    assert_int_equal(say(server, "PUBLISH topic=\"t\""), MQW_E_BUSY);
    for (size_t i = 0; i < COUNT(reserved); i++)
        says(server, reserved[i]);
    mqw_conn_free(server);
    mqw_conn *client = opened(MQW_CLIENT, 5, &(mqw_conn_options){.max_output = 100, .reserve = 100});
    assert_int_equal(mqw_conn_send_raw(client, (mqw_bytes){large, 100}), 0);
    assert_int_equal(say(client, "SUBSCRIBE packet_id=1 filter=\"a\":0"), MQW_E_BUSY);
    says(client, "PINGREQ");
    mqw_conn_free(client);
}

// A peer that asks for more answers than it reads.
static void a_peer_that_fills_the_reserve(void **state)
{
    (void)state;
    mqw_conn *server = opened(MQW_SERVER, 5, &(mqw_conn_options){.max_output = 100, .reserve = 10});
    for (int i = 0; i < 55; i++)
        says(server, "PINGRESP");
    assert_int_equal(mqw_conn_waiting(server), 110);
    faulted_by(server, (assert_int_equal(say(server, "PINGRESP"), MQW_E_CLOSED), mqw_conn_end(server)),
               MQW_E_PROTOCOL, MQW_RULE_OUTPUT_FULL);
    mqw_bytes all = take_output(server);
    assert_int_equal(all.len, 113);
    same_bytes((mqw_bytes){all.data + 110, 3}, hex("e0 01 97"));
    free((void *)(uintptr_t)all.data);
    assert_int_equal(say(server, "PINGRESP"), MQW_E_CLOSED);
    mqw_conn_free(server);
}

// That a send ends the connection leaves the packet alone that the program is looking at.
static void views_survive_the_end(void **state)
{
    (void)state;
    mqw_conn *server = opened(MQW_SERVER, 5, &(mqw_conn_options){.max_output = 9, .reserve = 1});
    assert_int_equal(mqw_conn_send_raw(server, (mqw_bytes){large, 9}), 0);
    mqw_bytes in = hex("32 09 0001 't' 0007 00"), more = hex("'xyz'");
    mqw_packet packet;
    assert_int_equal(mqw_conn_recv(server, &in, &packet), 0);
    assert_int_equal(mqw_conn_recv(server, &more, &packet), 1);
    assert_int_equal(say(server, "PUBACK packet_id=7"), MQW_E_CLOSED);
    same_bytes(packet.publish.payload, bytes_of("xyz"));
    assert_memory_equal(packet.publish.topic.data, "t", 1);
    assert_int_equal(mqw_conn_recv(server, &more, &packet), MQW_E_PROTOCOL);
    mqw_conn_free(server);
}

static void what_layers_hold_counts(void **state)
{
    (void)state;
    mqw_conn *server = opened(MQW_SERVER, 4, &(mqw_conn_options){.max_output = 2000});
    mqw_conn_holding(server, 0);
    mqw_conn_holding(server, 1900);
    assert_int_equal(mqw_conn_waiting(server), 1900);
    assert_int_equal(publish_bytes(server, 100), MQW_E_BUSY);
    mqw_conn_holding(server, 1800);
    assert_int_equal(publish_bytes(server, 100), 0);
    mqw_conn_holding(server, 0);
    assert_int_equal(mqw_conn_waiting(server), 105);
    mqw_conn_free(server);
}

static void output_within_the_total(void **state)
{
    (void)state;
    mqw_conn *server = opened(MQW_SERVER, 4, &(mqw_conn_options){.max_total = 10000});
    assert_int_equal(publish_bytes(server, 5000), 0);
    assert_int_equal(publish_bytes(server, 5000), MQW_E_NO_MEMORY);
    assert_int_equal(mqw_conn_send_raw(server, (mqw_bytes){large, 6000}), MQW_E_NO_MEMORY);
    mqw_bytes all = take_output(server);
    assert_int_equal(all.len, 5006);
    free((void *)(uintptr_t)all.data);
    assert_int_equal(mqw_conn_config(server)->held, 0);
    assert_int_equal(publish_bytes(server, 5000), 0);
    mqw_conn_free(server);
}

// ---- high and low water ----

static void drain_is_told_once(void **state)
{
    (void)state;
    mqw_conn *server = opened(MQW_SERVER, 4, &(mqw_conn_options){.high_water = 1000, .low_water = 400});
    assert_int_equal(mqw_conn_send_raw(server, (mqw_bytes){large, 1000}), 0);
    assert_int_equal(mqw_conn_written(server, 1000), 0); // it was never above
    assert_int_equal(mqw_conn_send_raw(server, (mqw_bytes){large, 1001}), 0);
    assert_int_equal(mqw_conn_written(server, 601), 0); // 400 is not below low_water
    assert_int_equal(mqw_conn_written(server, 1), 1);
    assert_int_equal(mqw_conn_written(server, 1), 0);
    assert_int_equal(mqw_conn_written(server, 398), 0);
    mqw_conn_free(server);
}

static void drained(mqw_conn *conn, void *ctx)
{
    (void)conn;
    ++*(int *)ctx;
}

static void drain_reaches_its_handler(void **state)
{
    (void)state;
    int count = 0;
    mqw_handlers handlers = {.drain = drained};
    mqw_conn *server =
        opened(MQW_SERVER, 4,
               &(mqw_conn_options){.high_water = 1000, .handlers = &handlers, .handlers_ctx = &count});
    mqw_bytes nothing = {NULL, 0};
    assert_int_equal(publish_bytes(server, 5000), 0);
    assert_int_equal(mqw_conn_dispatch(server, &nothing, NULL, NULL), 0);
    assert_int_equal(count, 0);
    drop_output(server);
    assert_int_equal(mqw_conn_dispatch(server, &nothing, NULL, NULL), 0);
    assert_int_equal(mqw_conn_dispatch(server, &nothing, NULL, NULL), 0);
    assert_int_equal(count, 1);
    mqw_conn_free(server);
}

static void count_call(mqw_conn *conn, void *ctx)
{
    (void)conn;
    ++*(int *)ctx;
}

// What a layer lets go may be what drains it.
static void layers_drain(void **state)
{
    (void)state;
    int count = 0, woken = 0;
    mqw_handlers handlers = {.drain = drained};
    mqw_conn *server =
        opened(MQW_SERVER, 4,
               &(mqw_conn_options){.high_water = 1000, .handlers = &handlers, .handlers_ctx = &count});
    mqw_conn_set_link(server, &woken, count_call);
    assert_int_equal(publish_bytes(server, 5000), 0);
    mqw_conn_holding(server, 5006);
    assert_int_equal(mqw_conn_written(server, 5006), 0);
    woken = 0;
    mqw_conn_holding(server, 2000);
    assert_int_equal(woken, 0);
    mqw_conn_holding(server, 0);
    assert_int_equal(woken, 1);
    mqw_bytes nothing = {NULL, 0};
    assert_int_equal(mqw_conn_dispatch(server, &nothing, NULL, NULL), 0);
    assert_int_equal(count, 1);
    mqw_conn_set_link(server, NULL, NULL);
    mqw_conn_free(server);
}

// ---- on_output ----

static void on_output_when_it_was_empty(void **state)
{
    (void)state;
    int count = 0, linked = 0;
    mqw_conn *server = make(
        MQW_SERVER,
        &(mqw_conn_options){.policy = MQW_POLICY_ORIGINAL, .on_output = count_call, .on_output_ctx = &count});
    says(server, "PINGRESP");
    says(server, "PINGRESP");
    assert_int_equal(count, 1);
    (void)mqw_conn_written(server, 1);
    says(server, "PINGRESP");
    assert_int_equal(count, 1);
    drop_output(server);
    assert_int_equal(say(server, "PUBLISH topic=\"+\""), MQW_E_REFUSED);
    assert_int_equal(count, 1);
    assert_int_equal(mqw_conn_send_raw(server, hex("")), 0);
    assert_int_equal(count, 1);
    assert_int_equal(mqw_conn_send_raw(server, hex("d000")), 0);
    assert_int_equal(count, 2);
    mqw_conn_set_link(server, &linked, count_call); // then the link hears of it, and nobody else
    drop_output(server);
    says(server, "PINGRESP");
    assert_int_equal(count, 2);
    assert_int_equal(linked, 1);
    mqw_conn_set_link(server, NULL, NULL);
    mqw_conn_free(server);
}

// ---- shared payloads ----

typedef struct counted {
    mqw_shared shared;
    int released;
} counted;

static void release(mqw_shared *shared)
{
    ((counted *)(void *)shared)->released++;
}

static counted shared_of(size_t len)
{
    return (counted){.shared = {.bytes = {large, len}, .refs = 1, .release = release}};
}

static int publish_shared(mqw_conn *conn, counted *message)
{
    mqw_publish publish = {
        .topic = MQW_TEXT("t"), .payload = {(const uint8_t *)"ignored", 7}, .payload_left = 9};
    return mqw_conn_publish_shared(conn, &publish, &message->shared);
}

static void shared_bytes_are_not_copied(void **state)
{
    (void)state;
    mqw_conn *server = opened(MQW_SERVER, 4, NULL);
    counted message = shared_of(LARGE);
    assert_int_equal(publish_shared(server, &message), 0);
    assert_int_equal(message.shared.refs, 2);
    mqw_bytes views[3];
    assert_int_equal(mqw_conn_output(server, views, 3), 2);
    assert_ptr_equal(views[1].data, large);
    assert_int_equal(views[1].len, LARGE);
    says(server, "PINGRESP"); // goes behind it, not into it
    assert_int_equal(mqw_conn_output(server, views, 3), 3);
    (void)mqw_conn_written(server, views[0].len + LARGE - 1);
    assert_int_equal(message.shared.refs, 2);
    (void)mqw_conn_written(server, 1);
    assert_int_equal(message.shared.refs, 1);
    writes(server, "d000");
    mqw_shared_drop(&message.shared);
    assert_int_equal(message.released, 1);
    mqw_conn_free(server);
}

// Whoever holds it last lets it go: the writer, or who frees the connection.
static void shared_bytes_are_counted(void **state)
{
    (void)state;
    mqw_conn *ends[3];
    counted message = shared_of(2000);
    for (size_t i = 0; i < COUNT(ends); i++) {
        ends[i] = opened(MQW_SERVER, 4, NULL);
        assert_int_equal(publish_shared(ends[i], &message), 0);
    }
    mqw_shared_drop(&message.shared);
    assert_int_equal(message.shared.refs, 3);
    drop_output(ends[0]);
    mqw_conn_free(ends[1]);
    assert_int_equal(message.released, 0);
    mqw_output *taken = mqw_conn_take_output(ends[2]);
    mqw_conn_free(ends[2]);
    assert_int_equal(message.released, 0);
    mqw_output_free(taken);
    assert_int_equal(message.released, 1);
    mqw_conn_free(ends[0]);
    assert_int_equal(message.released, 1);
}

static void refused_shared_bytes_are_not_counted(void **state)
{
    (void)state;
    mqw_conn *server = opened(MQW_SERVER, 4, &(mqw_conn_options){.max_output = 3000});
    counted message = shared_of(2000);
    assert_int_equal(publish_shared(server, &message), 0);
    assert_int_equal(mqw_conn_waiting(server), 2006);
    assert_int_equal(publish_shared(server, &message), MQW_E_BUSY); // the full length counts
    assert_int_equal(message.shared.refs, 2);
    message.shared.bytes.len = 4000;
    assert_int_equal(publish_shared(server, &message), MQW_E_TOO_LARGE);
    message.shared.bytes.len = 2000;
    mqw_publish bad = {.topic = MQW_TEXT("+")};
    assert_int_equal(mqw_conn_publish_shared(server, &bad, &message.shared), MQW_E_REFUSED);
    refused_by(server, mqw_conn_publish_shared(server, NULL, &message.shared), MQW_E_MISUSE,
               MQW_RULE_FIELD_RANGE, "packet");
    refused_by(server, mqw_conn_publish_shared(server, &bad, NULL), MQW_E_MISUSE, MQW_RULE_FIELD_RANGE,
               "payload");
    assert_int_equal(message.shared.refs, 2);
    mqw_conn_free(server);
    assert_int_equal(message.shared.refs, 1);
    mqw_shared_drop(NULL);
}

static void empty_shared_bytes(void **state)
{
    (void)state;
    mqw_conn *server = opened(MQW_SERVER, 4, NULL);
    counted message = shared_of(0);
    assert_int_equal(publish_shared(server, &message), 0);
    assert_int_equal(message.shared.refs, 1); // nothing is referred to
    writes(server, "30 03 0001 't'");
    mqw_shared static_bytes = {.bytes = {large, 3}, .refs = 1};
    mqw_shared_drop(&static_bytes); // without a function to call
    mqw_conn_free(server);
}

// A peer that does not read must not cost many times what max_output allows (defect: 4 KiB for each of them).
static void small_shared_bytes_cost_little(void **state)
{
    (void)state;
    heap memory = {0};
    mqw_allocator allocator = heap_allocator(&memory);
    mqw_conn *server =
        opened(MQW_SERVER, 4, &(mqw_conn_options){.allocator = &allocator, .max_output = 30000});
    counted message = shared_of(10);
    int count = 0;
    while (publish_shared(server, &message) == 0)
        count++;
    assert_int_equal(count, 30000 / 15);
    assert_true(memory.held < 40000);
    mqw_conn_free(server);
    assert_int_equal(message.shared.refs, 1);
}

static mqw_conn *sender;
static int result_of_next;

static void send_next(mqw_shared *shared)
{
    (void)shared;
    result_of_next = mqw_conn_publish(sender, &(mqw_publish){.topic = MQW_TEXT("next")});
}

// Whoever gets bytes back may send the next ones, also when the connection is being freed.
static void sending_on_release(void **state)
{
    (void)state;
    mqw_shared shared = {.bytes = {large, 2000}, .refs = 1, .release = send_next};
    const mqw_publish publish = {.topic = MQW_TEXT("t")};
    sender = opened(MQW_SERVER, 4, NULL);
    assert_int_equal(mqw_conn_publish_shared(sender, &publish, &shared), 0);
    mqw_shared_drop(&shared);
    (void)mqw_conn_written(sender, mqw_conn_waiting(sender));
    assert_int_equal(result_of_next, 0);
    writes(sender, "30 06 0004 'next'");
    shared.refs = 1;
    assert_int_equal(mqw_conn_publish_shared(sender, &publish, &shared), 0);
    mqw_shared_drop(&shared);
    mqw_conn_free(sender);
    assert_int_equal(result_of_next, MQW_E_CLOSED);
}

// ---- output that outlives its connection ----

static void taken_output(void **state)
{
    (void)state;
    heap memory = {0};
    mqw_allocator allocator = heap_allocator(&memory);
    mqw_conn *server = opened(MQW_SERVER, 4, &(mqw_conn_options){.allocator = &allocator});
    assert_null(mqw_conn_take_output(server));
    assert_int_equal(publish_bytes(server, 3000), 0);
    mqw_bytes before[2];
    assert_int_equal(mqw_conn_output(server, before, 2), 2);
    mqw_output *taken = mqw_conn_take_output(server);
    assert_non_null(taken);
    assert_int_equal(mqw_conn_waiting(server), 0);
    assert_int_equal(mqw_conn_output(server, before + 1, 1), 0);
    says(server, "PINGRESP"); // and it goes on
    writes(server, "d000");
    mqw_conn_free(server);
    same_bytes((mqw_bytes){before[0].data, 3}, hex("30 bb 17")); // its views stay where they are
    assert_true(memory.held > 3000);
    mqw_output_free(taken);
    assert_int_equal(memory.held, 0);
    mqw_output_free(NULL);
}

// A link writes all that it can: who waits for the last byte asks for it, also below high_water.
static void drain_can_be_asked_for(void **state)
{
    (void)state;
    mqw_conn *server = opened(MQW_SERVER, 4, NULL);
    mqw_conn_want_drain(server); // nothing waits, nothing is due
    says(server, "PINGRESP");
    assert_int_equal(mqw_conn_written(server, 2), 0);
    says(server, "PINGRESP");
    mqw_conn_want_drain(server);
    assert_int_equal(mqw_conn_written(server, 1), 1);
    assert_int_equal(mqw_conn_written(server, 1), 0);
    mqw_conn_free(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_leave_in_order),
        cmocka_unit_test(drain_can_be_asked_for),
        cmocka_unit_test(small_packets_lie_back_to_back),
        cmocka_unit_test(views_never_move_until_they_are_written),
        cmocka_unit_test(views_are_limited_by_max),
        cmocka_unit_test(written_in_any_steps),
        cmocka_unit_test(packets_written),
        cmocka_unit_test(full_output_is_busy),
        cmocka_unit_test(drain_follows_busy),
        cmocka_unit_test(what_never_fits_is_too_large),
        cmocka_unit_test(the_reserve),
        cmocka_unit_test(a_peer_that_fills_the_reserve),
        cmocka_unit_test(views_survive_the_end),
        cmocka_unit_test(what_layers_hold_counts),
        cmocka_unit_test(output_within_the_total),
        cmocka_unit_test(drain_is_told_once),
        cmocka_unit_test(drain_reaches_its_handler),
        cmocka_unit_test(layers_drain),
        cmocka_unit_test(on_output_when_it_was_empty),
        cmocka_unit_test(shared_bytes_are_not_copied),
        cmocka_unit_test(shared_bytes_are_counted),
        cmocka_unit_test(refused_shared_bytes_are_not_counted),
        cmocka_unit_test(empty_shared_bytes),
        cmocka_unit_test(small_shared_bytes_cost_little),
        cmocka_unit_test(sending_on_release),
        cmocka_unit_test(taken_output),
    };
    return cmocka_run_group_tests(tests, fill_large, NULL);
}
