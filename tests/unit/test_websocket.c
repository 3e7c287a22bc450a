// SPDX-License-Identifier: MIT
// Frames and the layer of WebSocket, fed with arrays at every split: what RFC 6455 allows and what it forbids
// (the sections of the Autobahn suite are named), and what MQTT asks of it (v4:MQTT-6.0.0-1,
// v5:MQTT-6.0.0-1).
#include "transport/frame.h"
#include "unit/websocket_peer.h"

#define SIZE(array) (sizeof(array) / sizeof(array)[0])

// --- heads and masks ---

static void test_heads(void **state)
{
    (void)state;
    static const uint64_t lengths[] = {0, 1, 125, 126, 127, 65535, 65536, 1ULL << 32, INT64_MAX};
    for (size_t i = 0; i < SIZE(lengths); i++) {
        for (int masked = 0; masked < 2; masked++) {
            mqw__frame in = {.len = lengths[i], .opcode = MQW__WS_BINARY, .last = i % 2, .masked = masked};
            mqw__frame out;
            uint8_t head[MQW__FRAME_HEAD];
            if (masked)
                memcpy(in.key, test_key, sizeof in.key);
            size_t len = mqw__frame_write(head, &in);
            assert_true(len <= sizeof head);
            for (size_t cut = 0; cut < len; cut++)
                assert_int_equal(mqw__frame_read(&out, head, cut), 0);
            assert_int_equal(mqw__frame_read(&out, head, len), len);
            assert_true(out.len == in.len && out.opcode == in.opcode && out.last == in.last &&
                        out.masked == in.masked);
            assert_memory_equal(out.key, in.key, sizeof in.key);
        }
    }
}

static void test_no_heads(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[MQW__FRAME_HEAD];
        size_t len;
    } wrong[] = {
        {{0xC2, 0x01}, 2},                                         // 3.1: a reserved bit
        {{0xA2, 0x01}, 2},                                         // 3.2
        {{0x92, 0x01}, 2},                                         // 3.3
        {{0x83, 0x01}, 2},                                         // 4.1: opcodes that are reserved
        {{0x87, 0x01}, 2},                                         // 4.1
        {{0x8B, 0x01}, 2},                                         // 4.2
        {{0x8F, 0x01}, 2},                                         // 4.2
        {{0x89, 0x7E, 0x00, 0x7E}, 4},                             // 2.5: a long ping
        {{0x88, 0x7F, 0, 0, 0, 0, 0, 1, 0, 0}, 10},                // 7.3.6: a long close
        {{0x09, 0x00}, 2},                                         // 5.1: a ping in pieces
        {{0x0A, 0x00}, 2},                                         // 5.2: a pong in pieces
        {{0x82, 0x7E, 0x00, 0x7D}, 4},                             // not the shortest form
        {{0x82, 0x7F, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF}, 10},          // not the shortest form
        {{0x82, 0x7F, 0x80, 0, 0, 0, 0, 1, 0, 0}, 10},             // the highest bit of the length
        {{0x82, 0xFF, 0xFF, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0}, 14}, // the same, masked
    };
    mqw__frame out;
    for (size_t i = 0; i < SIZE(wrong); i++)
        assert_true(mqw__frame_read(&out, wrong[i].bytes, wrong[i].len) < 0);
}

static void test_masks(void **state)
{
    (void)state;
    uint8_t in[150], out[150], expected[150];
    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (uint8_t)(i * 7);
    for (uint64_t offset = 0; offset < 9; offset++) {
        for (size_t len = 0; len + 8 < sizeof in; len++) {
            for (size_t i = 0; i < len; i++)
                expected[i] = in[i + offset % 8] ^ test_key[(offset + i) % 4];
            mqw__frame_mask(out, in + offset % 8, len, test_key, offset);
            assert_memory_equal(out, expected, len);
            memcpy(out + 1, in + offset % 8, len);
            mqw__frame_mask(out + 1, out + 1, len, test_key, offset);
            assert_memory_equal(out + 1, expected, len);
        }
    }
}

// --- both ends ---

static void join(peer *client, peer *server, const mqw_websocket_options *options)
{
    assert_true(peer_make(client, MQW_CLIENT, NULL));
    assert_true(peer_make(server, MQW_SERVER, options));
    feed(server, client->said.data, client->said.len);
    assert_int_equal(server->result, 0);
    assert_true(mqw__layers_ready(server->stack));
    client->said.len = 0;
    feed(client, server->said.data, server->said.len);
    assert_int_equal(client->result, 0);
    assert_true(mqw__layers_ready(client->stack));
    server->said.len = 0;
}

static void send_text(peer *self, const char *text)
{
    size_t half = strlen(text) / 2;
    mqw_bytes views[2] = {{(const uint8_t *)text, half}, {(const uint8_t *)text + half, strlen(text) - half}};
    assert_int_equal(mqw__layers_send(self->stack, views, 2), 0);
    collect(self);
}

// Packets may span frames and frames may hold many: they are bytes in order (v4:MQTT-6.0.0-2,
// v5:MQTT-6.0.0-2).
static void test_both_ends_at_every_split(void **state)
{
    (void)state;
    for (int turn = 0; turn < 2; turn++) {
        size_t len = 1;
        for (size_t first = 0; first <= len; first++) {
            peer ends[2];
            join(&ends[0], &ends[1], NULL);
            peer *from = &ends[turn], *to = &ends[1 - turn];
            send_text(from, "some text that is long enough to be seen");
            send_text(from, "more");
            assert_int_equal(from->said.data[0], 0x80 | MQW__WS_BINARY);
            assert_int_equal(from->said.data[1] & 0x80, turn == 0 ? 0x80 : 0);
            len = from->said.len;
            feed_cut(to, &from->said, first);
            assert_int_equal(to->result, 0);
            assert_int_equal(to->heard.len, 44);
            assert_memory_equal(to->heard.data, "some text that is long enough to be seenmore", 44);
            from->said.len = 0;
            assert_int_equal(mqw__layers_shut(from->stack), 0);
            collect(from);
            feed(to, from->said.data, from->said.len);
            assert_int_equal(to->result, 0);
            assert_true(mqw__layers_ended(to->stack));
            from->said.len = 0;
            feed(from, to->said.data, to->said.len); // the other one's goodbye
            assert_true(mqw__layers_ended(from->stack));
            assert_int_equal(from->result, 0);
            assert_int_equal(from->said.len, 0);
            peer_free(&ends[0]);
            peer_free(&ends[1]);
        }
    }
}

// A frame of any number of views, of any size; each has a key of its own.
static void test_large_frames(void **state)
{
    (void)state;
    enum { VIEWS = 150, MOST = 70000 };
    static uint8_t block[MOST], sent[MOST * 2];
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = (uint8_t)(i * 31);
    for (size_t len = 100; len < sizeof block; len = len * 3 + 7) {
        peer client, server;
        mqw_bytes views[VIEWS], piece;
        join(&client, &server, NULL);
        for (int i = 0; i < VIEWS; i++)
            views[i] = (mqw_bytes){block + len * (size_t)i / VIEWS,
                                   len * ((size_t)i + 1) / VIEWS - len * (size_t)i / VIEWS};
        assert_int_equal(mqw__layers_send(client.stack, views, VIEWS), 0);
        mqw_bytes wire = mqw__layers_wire(client.stack);
        assert_true(wire.len > len && wire.len < sizeof sent);
        memcpy(sent, wire.data, wire.len);
        mqw__layers_feed(server.stack, (mqw__span){sent, wire.len}, (mqw__span){NULL, 0});
        size_t got = 0;
        while (mqw__layers_next(server.stack, &piece) > 0) {
            assert_memory_equal(piece.data, block + got, piece.len);
            got += piece.len;
        }
        assert_int_equal(got, len);
        peer_free(&client);
        peer_free(&server);
    }
}

static void test_keys_differ(void **state)
{
    (void)state;
    peer client, server;
    join(&client, &server, NULL);
    uint32_t keys[40];
    for (size_t i = 0; i < SIZE(keys); i++) {
        client.said.len = 0;
        send_text(&client, "x");
        memcpy(&keys[i], client.said.data + 2, sizeof keys[i]);
    }
    size_t same = 0;
    for (size_t i = 0; i < SIZE(keys); i++)
        for (size_t j = 0; j < i; j++)
            same += keys[i] == keys[j];
    assert_true(same <= 1); // two of forty are alike once in five million runs
    peer_free(&client);
    peer_free(&server);
}

static void test_nothing_to_send(void **state)
{
    (void)state;
    peer client, server;
    join(&client, &server, NULL);
    mqw_bytes empty[2] = {{NULL, 0}, {NULL, 0}};
    assert_int_equal(mqw__layers_send(client.stack, empty, 2), 0);
    collect(&client);
    assert_int_equal(client.said.len, 0);
    peer_free(&client);
    peer_free(&server);
}

// --- what a peer may send ---

typedef struct frame {
    uint8_t first;
    const char *payload;
    int len; // -1: that of the text
} frame;

typedef struct sample {
    const char *name;
    frame frames[8];
    const char *heard;
    int code;        // of the close frame that is sent; 0: none; 1005: one without a code
    const char *why; // NULL: no failure
    const char *pong;
} sample;

enum { F = 0x80, MORE = 0, TEXT = 1, BIN = 2, CLOSE = 8, PING = 9, PONG = 10 };

static const char longest[] = "0123456789012345678901234567890123456789012345678901234567890123456789"
                              "0123456789012345678901234567890123456789012345678901234";

static const sample samples[] = {
    {"1.2.1 empty", {{F | BIN, "", -1}}, "", 0, NULL, NULL},
    {"1.2.2 binary", {{F | BIN, "MQTT", -1}}, "MQTT", 0, NULL, NULL},
    {"1.1.2 text", {{F | TEXT, "MQTT", -1}}, "", 1003, "peer sent text", NULL},
    {"2.1 ping", {{F | PING, "", -1}}, "", 0, NULL, ""},
    {"2.2 ping with payload", {{F | PING, "Hello", -1}}, "", 0, NULL, "Hello"},
    {"2.3 ping with binary", {{F | PING, "\0\xff\xfe", 3}}, "", 0, NULL, NULL},
    {"2.4 the longest ping", {{F | PING, longest, -1}}, "", 0, NULL, longest},
    {"2.7 unasked pong", {{F | PONG, "", -1}}, "", 0, NULL, NULL},
    {"2.8 unasked pong", {{F | PONG, "x", -1}, {F | BIN, "y", -1}}, "y", 0, NULL, NULL},
    {"2.9 pong and ping", {{F | PONG, "x", -1}, {F | PING, "z", -1}}, "", 0, NULL, "z"},
    {"5.3 pieces", {{BIN, "frag", -1}, {F | MORE, "ment", -1}}, "fragment", 0, NULL, NULL},
    {"5.6 ping between", {{BIN, "a", -1}, {F | PING, "p", -1}, {F | MORE, "b", -1}}, "ab", 0, NULL, "p"},
    {"5.8 many pieces",
     {{BIN, "", -1},
      {MORE, "a", -1},
      {MORE, "", -1},
      {F | PONG, "", -1},
      {F | MORE, "b", -1},
      {F | BIN, "c", -1}},
     "abc",
     0,
     NULL,
     NULL},
    {"5.9 goes on with nothing", {{MORE, "x", -1}}, "", 1002, "had not begun", NULL},
    {"5.10 goes on with nothing", {{F | MORE, "x", -1}}, "", 1002, "had not begun", NULL},
    {"5.12 goes on after the end",
     {{F | BIN, "a", -1}, {F | MORE, "x", -1}},
     "a",
     1002,
     "had not begun",
     NULL},
    {"5.18 a message within one", {{BIN, "a", -1}, {F | BIN, "x", -1}}, "a", 1002, "within another", NULL},
    {"5.19 text within one", {{BIN, "a", -1}, {F | TEXT, "x", -1}}, "a", 1003, "MQTT-6.0.0-1", NULL},
    {"3.1 reserved bit", {{F | 0x40 | BIN, "x", -1}}, "", 1002, "no frame", NULL},
    {"3.7 reserved bit of a close", {{F | 0x10 | CLOSE, "", -1}}, "", 1002, "no frame", NULL},
    {"4.1 reserved opcode", {{F | BIN, "a", -1}, {F | 3, "", -1}}, "a", 1002, "no frame", NULL},
    {"4.2 reserved opcode", {{F | 11, "", -1}}, "", 1002, "no frame", NULL},
    {"7.1.1 close", {{F | BIN, "a", -1}, {F | CLOSE, "\x03\xe8", -1}}, "a", 1000, NULL, NULL},
    {"7.1.3 ping after close", {{F | CLOSE, "\x03\xe8", -1}, {F | PING, "x", -1}}, "", 1000, NULL, NULL},
    {"7.1.4 data after close", {{F | CLOSE, "\x03\xe8", -1}, {F | BIN, "x", -1}}, "", 1000, NULL, NULL},
    {"7.3.1 close without a code", {{F | CLOSE, "", -1}}, "", 1005, NULL, NULL},
    {"7.3.2 half a code", {{F | CLOSE, "\x03", -1}}, "", 1002, "one byte", NULL},
    {"7.3.4 close with words", {{F | CLOSE, "\x03\xe8so long", -1}}, "", 1000, NULL, NULL},
    {"7.5.1 words that are not UTF-8", {{F | CLOSE, "\x03\xe8\xce\xba\xe1\xbd", 6}}, "", 1007, "UTF-8", NULL},
    {"7.7.2 going away", {{F | CLOSE, "\x03\xe9", -1}}, "", 1001, NULL, NULL},
    {"7.7.3 protocol error",
     {{F | CLOSE, "\x03\xea", -1}},
     "",
     1002,
     "closed the WebSocket: 1002, protocol error",
     NULL},
    {"7.7.4",
     {{F | CLOSE, "\x03\xeb no\x1btext", -1}},
     "",
     1003,
     "1003, kind of data not accepted:  no?text",
     NULL},
    {"7.7.6", {{F | CLOSE, "\x03\xf0", -1}}, "", 1008, "1008, against its policy", NULL},
    {"7.7.7", {{F | CLOSE, "\x03\xf1", -1}}, "", 1009, "1009, message too large", NULL},
    {"7.7.9", {{F | CLOSE, "\x03\xf3", -1}}, "", 1011, "1011, internal error", NULL},
    {"7.7.10", {{F | CLOSE, "\x0b\xb8", -1}}, "", 3000, "3000, a code of its own", NULL},
    {"7.7.13", {{F | CLOSE, "\x13\x87", -1}}, "", 4999, "4999", NULL},
    {"7.9.1 code 0", {{F | CLOSE, "\0\0", 2}}, "", 1002, "nobody may send", NULL},
    {"7.9.2 code 999", {{F | CLOSE, "\x03\xe7", -1}}, "", 1002, "nobody may send", NULL},
    {"7.9.3 code 1004", {{F | CLOSE, "\x03\xec", -1}}, "", 1002, "nobody may send", NULL},
    {"7.9.4 code 1005", {{F | CLOSE, "\x03\xed", -1}}, "", 1002, "nobody may send", NULL},
    {"7.9.5 code 1006", {{F | CLOSE, "\x03\xee", -1}}, "", 1002, "nobody may send", NULL},
    {"7.9.6 code 1016", {{F | CLOSE, "\x03\xf8", -1}}, "", 1002, "nobody may send", NULL},
    {"7.9.9 code 2999", {{F | CLOSE, "\x0b\xb7", -1}}, "", 1002, "nobody may send", NULL},
    {"7.13.2 code 65535", {{F | CLOSE, "\xff\xff", -1}}, "", 1002, "nobody may send", NULL},
};

// The close frame at the end of what was said, when there is one.
static int close_code(const peer *self, const bytes *said)
{
    size_t mask = self->layer && said->len > 1 && said->data[1] & 0x80 ? 4 : 0;
    for (size_t at = 0; at < said->len;) {
        const uint8_t *head = said->data + at;
        size_t len = head[1] & 0x7F;
        if (head[0] == (0x80 | CLOSE)) {
            assert_int_equal(at + 2 + mask + len, said->len); // nothing may follow it
            if (len == 0)
                return 1005;
            assert_int_equal(len, 2);
            uint8_t code[2];
            for (size_t i = 0; i < 2; i++)
                code[i] = head[2 + mask + i] ^ (mask ? head[2 + i] : 0);
            return code[0] << 8 | code[1];
        }
        at += 2 + mask + len;
    }
    return 0;
}

static void try_sample(const sample *one, bool server, size_t first, size_t *len)
{
    peer ends[2];
    bytes in = {.len = 0};
    join(&ends[0], &ends[1], NULL);
    peer *self = &ends[server];
    for (size_t i = 0; i < SIZE(one->frames) && one->frames[i].payload; i++) {
        const frame *each = &one->frames[i];
        put_frame(&in, each->first, each->payload, each->len < 0 ? strlen(each->payload) : (size_t)each->len,
                  server);
    }
    *len = in.len;
    feed_cut(self, &in, first);
    if (self->heard.len != strlen(one->heard) || memcmp(self->heard.data, one->heard, self->heard.len) != 0)
        fail_msg("%s: heard %zu bytes", one->name, self->heard.len);
    if ((self->result < 0) != (one->why != NULL))
        fail_msg("%s: result %d", one->name, self->result);
    const char *why = mqw__layers_why(self->stack);
    if (one->why && !strstr(why, one->why))
        fail_msg("%s: says '%s'", one->name, why);
    assert_int_equal(close_code(self, &self->said), one->code);
    if (one->pong && server) {
        bytes pong = {.len = 0};
        put_frame(&pong, F | PONG, one->pong, strlen(one->pong), false);
        assert_true(said_ends_with(self, pong.data, pong.len));
    }
    assert_int_equal(mqw__layers_ended(self->stack),
                     one->code && (!one->why || strstr(one->why, "100") || one->code == 1008 ||
                                   one->code == 1011 || one->code >= 3000));
    // What is sent after a goodbye goes nowhere.
    size_t said = self->said.len;
    if (one->code) {
        send_text(self, "too late");
        assert_int_equal(mqw__layers_shut(self->stack), 0);
        collect(self);
        assert_int_equal(self->said.len, said);
    }
    peer_free(&ends[0]);
    peer_free(&ends[1]);
}

static void test_frames_at_every_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < SIZE(samples); i++) {
        for (int server = 0; server < 2; server++) {
            size_t len = 0;
            try_sample(&samples[i], server, SIZE_MAX, &len);
            for (size_t first = 0; first <= len; first++)
                try_sample(&samples[i], server, first, &len);
        }
    }
}

// A client masks, a server does not; neither takes it otherwise.
static void test_wrong_masks(void **state)
{
    (void)state;
    for (int server = 0; server < 2; server++) {
        static const uint8_t firsts[] = {F | BIN, F | PING, F | CLOSE};
        for (size_t i = 0; i < SIZE(firsts); i++) {
            peer ends[2];
            bytes in = {.len = 0};
            join(&ends[0], &ends[1], NULL);
            put_frame(&in, firsts[i], "", 0, !server);
            feed(&ends[server], in.data, in.len);
            assert_int_equal(ends[server].result, MQW_E_STREAM);
            assert_string_equal(mqw__layers_why(ends[server].stack),
                                server ? "client sent a frame that is not masked"
                                       : "server sent a masked frame");
            assert_int_equal(close_code(&ends[server], &ends[server].said), 1002);
            peer_free(&ends[0]);
            peer_free(&ends[1]);
        }
    }
}

// A stream that just ends has not said goodbye, not even between two frames.
static void test_end_of_stream(void **state)
{
    (void)state;
    peer ends[2];
    join(&ends[0], &ends[1], NULL);
    assert_int_equal(mqw__layers_end(ends[1].stack), MQW_E_STREAM);
    assert_string_equal(mqw__layers_why(ends[1].stack), "peer ended without closing the WebSocket");
    peer_free(&ends[0]);
    peer_free(&ends[1]);
    join(&ends[0], &ends[1], NULL);
    assert_int_equal(mqw__layers_shut(ends[0].stack), 0);
    collect(&ends[0]);
    feed(&ends[1], ends[0].said.data, ends[0].said.len);
    assert_int_equal(mqw__layers_end(ends[1].stack), 0);
    peer_free(&ends[0]);
    peer_free(&ends[1]);
}

// A frame may declare any length; nothing is reserved for it.
static void test_endless_frame(void **state)
{
    (void)state;
    peer client, server;
    static const uint8_t head[] = {0x82, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0};
    join(&client, &server, NULL);
    feed(&server, head, sizeof head);
    assert_int_equal(server.result, 0);
    unsigned before = allocations;
    for (int i = 0; i < 1000; i++) {
        server.heard.len = 0;
        feed(&server, (const uint8_t *)"12345", 5);
        assert_int_equal(server.heard.len, 5);
        assert_memory_equal(server.heard.data, "12345", 5);
    }
    assert_int_equal(allocations, before);
    peer_free(&client);
    peer_free(&server);
}

// --- pings of our own ---

static void test_pings(void **state)
{
    (void)state;
    peer client, server;
    const mqw_websocket_options options = {.size = sizeof options, .ping_interval = 1000};
    join(&client, &server, &options);
    assert_true(mqw__layers_tick(client.stack, 5000) == UINT64_MAX);
    assert_int_equal(mqw__layers_tick(server.stack, 5000), 6000);
    assert_int_equal(mqw__layers_tick(server.stack, 5999), 6000);
    collect(&server);
    assert_int_equal(server.said.len, 0);
    assert_int_equal(mqw__layers_tick(server.stack, 6000), 7000);
    collect(&server);
    assert_int_equal(server.said.len, 2);
    assert_memory_equal(server.said.data, "\x89\0", 2);
    feed(&client, server.said.data, server.said.len);
    assert_int_equal(client.said.data[0], F | PONG);
    server.said.len = 0;
    feed(&server, client.said.data, client.said.len);
    assert_int_equal(server.result, 0);
    assert_int_equal(server.said.len, 0);
    assert_int_equal(mqw__layers_shut(server.stack), 0);
    assert_true(mqw__layers_tick(server.stack, 9000) == UINT64_MAX);
    peer_free(&client);
    peer_free(&server);
}

// --- facts ---

static void test_facts(void **state)
{
    (void)state;
    peer client, server;
    mqw_stream_facts facts = {.size = sizeof facts};
    join(&client, &server, NULL);
    mqw__layers_facts(server.stack, &facts);
    assert_string_equal(facts.ws_protocol, "mqtt");
    assert_string_equal(facts.ws_path, "/mqtt");
    assert_string_equal(facts.ws_origin, "");
    memset(&facts, 0, sizeof facts);
    mqw__layers_facts(client.stack, &facts);
    assert_string_equal(facts.ws_protocol, "mqtt");
    assert_string_equal(facts.ws_path, "/mqtt");
    peer_free(&client);
    peer_free(&server);
}

// --- memory ---

// Talks as long as memory lasts. Whether it was enough.
static bool converse(void)
{
    peer client = {.result = 0}, server = {.result = 0};
    const mqw_websocket_options options = {.size = sizeof options,
                                           .path = "/x",
                                           .headers = "A: b\nC: d",
                                           .origin = "http://o",
                                           .ping_interval = 10};
    const mqw_websocket_options theirs = {.size = sizeof theirs, .page = "<p>", .origins = "http://o"};
    bool good = peer_make(&client, MQW_CLIENT, &options) && peer_make(&server, MQW_SERVER, &theirs);
    if (good)
        feed(&server, client.said.data, client.said.len);
    if (good && server.result >= 0)
        feed(&client, server.said.data, server.said.len);
    good = good && server.result >= 0 && client.result >= 0 && mqw__layers_ready(client.stack);
    mqw_bytes view = {(const uint8_t *)"text", 4};
    good = good && mqw__layers_send(client.stack, &view, 1) >= 0 && mqw__layers_shut(client.stack) >= 0;
    if (good) {
        client.said.len = 0;
        collect(&client);
        feed(&server, client.said.data, client.said.len);
        good = server.result >= 0 && server.heard.len == 4;
    }
    if (client.result < 0)
        assert_int_equal(client.result, MQW_E_NO_MEMORY);
    if (server.result < 0)
        assert_int_equal(server.result, MQW_E_NO_MEMORY);
    peer_free(&client);
    peer_free(&server);
    return good;
}

static void test_each_allocation_fails(void **state)
{
    (void)state;
    fail_at = 0;
    assert_true(converse());
    allocations = 0;
    assert_true(converse());
    unsigned all = allocations;
    assert_true(all > 10);
    for (unsigned n = 1; n <= all; n++) {
        allocations = 0;
        fail_at = n;
        assert_false(converse());
    }
    fail_at = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heads),           cmocka_unit_test(test_no_heads),
        cmocka_unit_test(test_masks),           cmocka_unit_test(test_both_ends_at_every_split),
        cmocka_unit_test(test_large_frames),    cmocka_unit_test(test_keys_differ),
        cmocka_unit_test(test_nothing_to_send), cmocka_unit_test(test_frames_at_every_split),
        cmocka_unit_test(test_wrong_masks),     cmocka_unit_test(test_end_of_stream),
        cmocka_unit_test(test_endless_frame),   cmocka_unit_test(test_pings),
        cmocka_unit_test(test_facts),           cmocka_unit_test(test_each_allocation_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
