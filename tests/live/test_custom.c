// SPDX-License-Identifier: MIT
// A stream of the program's own.
#include "live/live.h"

/** Reads from `in` a few bytes at a time, and writes down what is written, some of it at a time. */
typedef struct custom {
    side end;
    mqw_stream *stream;
    const uint8_t *in;
    size_t in_len;
    bool ended;     // after `in`
    int fails;      // what to return instead of reading
    size_t read_at; // most bytes per read
    size_t write_at;
    int room; // writes that go before it is full
    uint8_t out[100000];
    size_t out_len;
    int shuts;
    int closes;
    char in_io;   // 'r' or 'w': where to abort
    int detached; // what detaching inside an operation returned
} custom;

static void act_inside(custom *own, char where)
{
    mqw_detached detached;
    if (own->in_io != where || !own->end.conn)
        return;
    own->in_io = 0;
    own->detached = mqw_conn_detach(own->end.conn, &detached);
    mqw_conn_flush(own->end.conn);
    mqw_conn_close(own->end.conn);
    mqw_conn_abort(own->end.conn);
    assert_int_equal(own->closes, 0);
}

static int own_read(void *self, uint8_t *room, size_t cap)
{
    custom *own = self;
    act_inside(own, 'r');
    if (own->fails)
        return own->fails;
    if (own->in_len == 0)
        return own->ended ? 0 : MQW_E_AGAIN;
    size_t len = own->in_len < own->read_at ? own->in_len : own->read_at;
    assert_true(cap >= len);
    memcpy(room, own->in, len);
    own->in += len;
    own->in_len -= len;
    return (int)len;
}

static int own_write(void *self, const mqw_bytes *views, int count)
{
    custom *own = self;
    assert_true(count > 0 && views[0].len > 0);
    act_inside(own, 'w');
    if (own->room == 0)
        return MQW_E_AGAIN;
    own->room--;
    size_t len = views[0].len < own->write_at ? views[0].len : own->write_at;
    memcpy(own->out + own->out_len, views[0].data, len);
    own->out_len += len;
    return (int)len;
}

static void own_shut(void *self)
{
    ((custom *)self)->shuts++;
}

static void own_close(void *self)
{
    ((custom *)self)->closes++;
}

static const mqw_stream_ops ops = {
    .size = sizeof ops, .read = own_read, .write = own_write, .shut = own_shut, .close = own_close};
static const mqw_open_options quick = {.size = sizeof quick, .linger = 1};

static void own_start(custom *own, testbed *live, mqw_role role, const void *in, size_t len)
{
    memset(own, 0, sizeof *own);
    own->in = in;
    own->in_len = len;
    own->read_at = own->write_at = 3;
    own->room = 1 << 30;
    assert_int_equal(mqw_stream_custom(&own->stream, &live->loop, &ops, own), 0);
    own->end.conn = mqw_conn_new(role, NULL);
    assert_int_equal(mqw_conn_pipe(own->end.conn, own->stream, &quick, &end_handlers, &own->end), 0);
}

static const uint8_t said[] = "\x10\x0c\0\4MQTT\4\2\0\0\0\0\x30\4\0\1ab\xe0";
enum { SAID = sizeof said };

static void test_converse(void **state)
{
    (void)state;
    testbed live;
    static custom own;
    live_start(&live);
    own_start(&own, &live, MQW_SERVER, said, SAID);
    live_until(&live, own.end.closes);
    assert_string_equal(own.end.log, "connected connect publish disconnect close ");
    assert_int_equal(own.out_len, 4);
    assert_int_equal(own.shuts, 1);
    assert_int_equal(own.closes, 1);
    live_end(&live);
}

// Nothing is tried again before the stream is said to be ready.
static void test_ready(void **state)
{
    (void)state;
    testbed live;
    static custom own;
    live_start(&live);
    own_start(&own, &live, MQW_SERVER, said, 14);
    own.room = 1;
    live_until(&live, own.end.heard[MQW_CONNECT]);
    for (int i = 0; i < 10; i++)
        uv_run(&live.loop, UV_RUN_NOWAIT);
    assert_int_equal(own.out_len, 3);
    own.room = 100;
    own.in = said + 14;
    own.in_len = 6;
    for (int i = 0; i < 10; i++)
        uv_run(&live.loop, UV_RUN_NOWAIT);
    assert_int_equal(own.out_len, 3);
    assert_int_equal(own.end.heard[MQW_PUBLISH], 0);
    mqw_stream_ready(own.stream, MQW_WRITABLE);
    assert_int_equal(own.out_len, 3);
    live_until(&live, own.out_len == 4);
    assert_int_equal(own.end.heard[MQW_PUBLISH], 0);
    mqw_stream_ready(own.stream, MQW_READABLE | MQW_WRITABLE);
    live_until(&live, own.end.heard[MQW_PUBLISH]);
    own.ended = true;
    mqw_stream_ready(own.stream, MQW_READABLE);
    live_until(&live, own.end.closes);
    assert_int_equal(own.end.errors, 0);
    live_end(&live);
    assert_int_equal(own.closes, 1);
}

static void test_failures(void **state)
{
    (void)state;
    static const int results[] = {MQW_E_STREAM, -1, 1 << 29};
    for (size_t i = 0; i < 3; i++) {
        testbed live;
        static custom own;
        live_start(&live);
        own_start(&own, &live, MQW_SERVER, said, 0);
        own.fails = results[i];
        live_until(&live, own.end.closes);
        assert_string_equal(own.end.log, "connected error close ");
        assert_int_equal(own.end.error.code, MQW_E_STREAM);
        assert_int_equal(own.closes, 1);
        live_end(&live);
    }
}

static int write_nothing(void *self, const mqw_bytes *views, int count)
{
    (void)self, (void)views, (void)count;
    return 0;
}

static void test_a_write_that_takes_nothing(void **state)
{
    (void)state;
    testbed live;
    side end = {.quiet = true};
    static custom own;
    mqw_stream_ops wrong = {.read = own_read, .write = write_nothing};
    mqw_stream *stream = NULL;
    memset(&own, 0, sizeof own);
    live_start(&live);
    assert_int_equal(mqw_stream_custom(&stream, &live.loop, &wrong, &own), 0);
    end.conn = mqw_conn_new(MQW_CLIENT, NULL);
    assert_int_equal(mqw_conn_pipe(end.conn, stream, NULL, &end_handlers, &end), 0);
    send_connect(&end, "c");
    live_until(&live, end.closes);
    assert_string_equal(end.log, "connected error close ");
    live_end(&live);
}

// Its functions may close and abort the connection that calls them; the stream is closed when they have
// returned.
static void test_abort_inside_its_functions(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        testbed live;
        static custom own;
        live_start(&live);
        own_start(&own, &live, MQW_SERVER, said, SAID);
        own.in_io = i ? 'w' : 'r';
        live_until(&live, own.end.closes);
        assert_int_equal(own.detached, MQW_E_REFUSED);
        assert_int_equal(own.closes, 1);
        assert_int_equal(own.end.closes, 1);
        live_end(&live);
    }
}

static void test_close_of_one_that_nobody_has(void **state)
{
    (void)state;
    testbed live;
    static custom own;
    mqw_stream *stream = NULL;
    memset(&own, 0, sizeof own);
    live_start(&live);
    assert_int_equal(mqw_stream_custom(&stream, &live.loop, &ops, &own), 0);
    mqw_stream_facts facts = {.size = sizeof facts};
    assert_int_equal(mqw_stream_facts_of(stream, &facts), 0);
    assert_string_equal(facts.peer, "custom:");
    assert_int_equal(facts.descriptor, -1);
    mqw_stream_ready(stream, MQW_READABLE);
    mqw_stream_close(stream);
    assert_int_equal(own.closes, 1);
    assert_int_equal(mqw_stream_custom(NULL, &live.loop, &ops, &own), MQW_E_MISUSE);
    assert_int_equal(mqw_stream_custom(&stream, &live.loop, NULL, &own), MQW_E_MISUSE);
    assert_int_equal(mqw_stream_custom(&stream, &live.loop, &(mqw_stream_ops){.read = own_read}, &own),
                     MQW_E_MISUSE);
    live_end(&live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_converse),
        cmocka_unit_test(test_ready),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_a_write_that_takes_nothing),
        cmocka_unit_test(test_abort_inside_its_functions),
        cmocka_unit_test(test_close_of_one_that_nobody_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
