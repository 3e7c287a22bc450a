// SPDX-License-Identifier: MIT
// Frames of anybody: they come to the same however they are cut, nothing follows our close frame, and what we
// send is bounded by what was received. The first byte says which end we are.
#define _GNU_SOURCE
#include "fuzz.h"
#include "transport/frame.h"
#include "transport/upgrade.h"
#include "transport/websocket.h"

typedef struct outcome {
    int result;
    bool ended;
    size_t heard;
    uint64_t sum; // of what was heard, in order
    size_t said;
    int closes;
} outcome;

static void feed(mqw__layers *stack, const uint8_t *data, size_t len, outcome *out)
{
    mqw_bytes piece;
    uint8_t *block = fuzz_copy((mqw_bytes){data, len});
    mqw__layers_feed(stack, (mqw__span){block, len}, (mqw__span){NULL, 0});
    while ((out->result = mqw__layers_next(stack, &piece)) > 0) {
        REQUIRE(piece.len > 0);
        for (size_t i = 0; i < piece.len; i++)
            out->sum = out->sum * 31 + piece.data[i];
        out->heard += piece.len;
    }
    REQUIRE(out->result < 0 || mqw__layers_kept(stack) == 0);
    free(block);
}

// What goes out are frames of the standard, and a close frame is the last.
static void read_wire(mqw__layers *stack, bool client, outcome *out)
{
    mqw_bytes wire = mqw__layers_wire(stack);
    for (size_t at = 0; at < wire.len;) {
        mqw__frame frame;
        int head = mqw__frame_read(&frame, wire.data + at, wire.len - at);
        REQUIRE(head > 0 && frame.masked == client && out->closes == 0);
        at += (size_t)head + (size_t)frame.len;
        REQUIRE(at <= wire.len);
        out->closes += frame.opcode == MQW__WS_CLOSE;
    }
    out->said += wire.len;
    mqw__layers_wrote(stack, wire.len);
}

static void agree(mqw__layers *stack, bool client)
{
    static const char request[] =
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    outcome none = {0};
    char text[512], accept[MQW__WS_ACCEPT + 1];
    snprintf(text, sizeof text, "%s", request);
    if (client) {
        mqw_bytes wire = mqw__layers_wire(stack);
        static const char before[] = "Sec-WebSocket-Key: ";
        const uint8_t *key = memmem(wire.data, wire.len, before, sizeof before - 1);
        REQUIRE(key && mqw__upgrade_accept(accept, (const char *)key + sizeof before - 1, MQW__WS_KEY));
        snprintf(
            text, sizeof text,
            "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Protocol: mqtt\r\n"
            "Sec-WebSocket-Accept: %s\r\n\r\n",
            accept);
    }
    feed(stack, (const uint8_t *)text, strlen(text), &none);
    REQUIRE(none.result == 0 && mqw__layers_ready(stack));
    mqw__layers_wrote(stack, mqw__layers_wire(stack).len);
}

static outcome run(bool client, const uint8_t *data, size_t size, size_t piece)
{
    outcome out = {0};
    mqw__terms *terms = NULL;
    REQUIRE(mqw__terms_new(&terms, client ? MQW_CLIENT : MQW_SERVER, NULL, "", "h") == 0);
    mqw__layers *stack = mqw__layers_new();
    mqw__layer *layer = mqw__websocket_new(terms);
    REQUIRE(stack && layer);
    mqw__terms_drop(terms);
    mqw__layers_push(stack, layer);
    REQUIRE(mqw__layers_start(stack) == 0);
    agree(stack, client);
    for (size_t at = 0; at < size && out.result == 0; at += piece) {
        feed(stack, data + at, size - at < piece ? size - at : piece, &out);
        read_wire(stack, client, &out);
    }
    REQUIRE(out.result == 0 || (out.result == MQW_E_STREAM && mqw__layers_why(stack)));
    REQUIRE(out.said <= 3 * size + 16 && out.heard <= size);
    out.ended = mqw__layers_ended(stack);
    mqw_bytes late = {(const uint8_t *)"late", 4};
    REQUIRE(mqw__layers_send(stack, &late, 1) == 0 && mqw__layers_shut(stack) == 0);
    read_wire(stack, client, &out);
    REQUIRE(out.closes == 1);
    mqw__layers_free(stack);
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    bool client = data[0] & 1;
    outcome whole = run(client, data + 2, size - 2, size);
    outcome cut = run(client, data + 2, size - 2, data[1] % 16 + 1);
    REQUIRE(whole.result == cut.result && whole.ended == cut.ended && whole.heard == cut.heard &&
            whole.sum == cut.sum && whole.said == cut.said);
    return 0;
}
