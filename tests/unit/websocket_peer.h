// SPDX-License-Identifier: MIT
// What the tests of WebSocket share: a stack of layers that is fed with arrays, frames made by hand, and
// memory that can fail.
#ifndef MQW_WEBSOCKET_PEER_H
#define MQW_WEBSOCKET_PEER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the headers above
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mqwire/transport.h>

#include "transport/frame.h"
#include "transport/stream.h"
#include "transport/upgrade.h"
#include "transport/websocket.h"

// --- memory ---

static unsigned allocations, fail_at; // 0: none fails

static size_t largest;

static inline bool memory_fails(size_t size)
{
    largest = size > largest ? size : largest;
    return ++allocations == fail_at;
}

void *mqw__uv_new(size_t size)
{
    return memory_fails(size) ? NULL : calloc(1, size);
}

void *mqw__uv_resize(void *old, size_t size)
{
    return memory_fails(size) ? NULL : realloc(old, size);
}

// --- a stack that is fed ---

typedef struct bytes {
    uint8_t data[16384];
    size_t len;
} bytes;

static inline void put(bytes *out, const void *data, size_t len)
{
    assert_true(out->len + len <= sizeof out->data);
    if (len > 0)
        memcpy(out->data + out->len, data, len);
    out->len += len;
}

static inline void put_text(bytes *out, const char *text)
{
    put(out, text, strlen(text));
}

typedef struct peer {
    mqw__layers *stack;
    mqw__layer *layer;
    bytes heard; // what came up
    bytes said;  // what went down to the wire
    int result;
} peer;

static inline mqw__terms *terms_of(mqw_role role, const mqw_websocket_options *options)
{
    mqw__terms *terms = NULL;
    assert_int_equal(mqw__terms_new(&terms, role, options, "", "host.example:8080"), 0);
    return terms;
}

static inline void collect(peer *self)
{
    mqw_bytes wire = mqw__layers_wire(self->stack);
    put(&self->said, wire.data, wire.len);
    mqw__layers_wrote(self->stack, wire.len);
}

/** False: there was no memory. */
static inline bool peer_make(peer *self, mqw_role role, const mqw_websocket_options *options)
{
    mqw__terms *terms = NULL;
    memset(self, 0, sizeof *self);
    int result = mqw__terms_new(&terms, role, options, "", "host.example:8080");
    self->stack = result == 0 ? mqw__layers_new() : NULL;
    self->layer = self->stack ? mqw__websocket_new(terms) : NULL;
    mqw__terms_drop(terms);
    if (self->layer) {
        mqw__layers_push(self->stack, self->layer);
        self->result = mqw__layers_start(self->stack);
        collect(self);
    } else {
        self->result = MQW_E_NO_MEMORY;
    }
    return self->result == 0;
}

static inline void peer_free(peer *self)
{
    mqw__layers_free(self->stack);
    self->stack = NULL;
}

/** Each piece lies in a block of its own, so that nothing can be read beyond it. */
static inline void feed(peer *self, const uint8_t *data, size_t len)
{
    mqw_bytes piece;
    uint8_t *block = malloc(len ? len : 1);
    assert_non_null(block);
    if (self->result < 0 || len == 0) {
        free(block);
        return;
    }
    memcpy(block, data, len);
    mqw__layers_feed(self->stack, (mqw__span){block, len}, (mqw__span){NULL, 0});
    while ((self->result = mqw__layers_next(self->stack, &piece)) > 0)
        put(&self->heard, piece.data, piece.len);
    collect(self);
    free(block);
}

/** In two pieces; `first` SIZE_MAX: byte by byte. */
static inline void feed_cut(peer *self, const bytes *in, size_t first)
{
    for (size_t at = 0; first == SIZE_MAX && at < in->len; at++)
        feed(self, in->data + at, 1);
    if (first == SIZE_MAX)
        return;
    feed(self, in->data, first);
    feed(self, in->data + first, in->len - first);
}

static inline bool said_ends_with(const peer *self, const void *data, size_t len)
{
    return self->said.len >= len && memcmp(self->said.data + self->said.len - len, data, len) == 0;
}

// --- handshakes and frames by hand ---

#define KEY    "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#define ASK_HEAD                    \
    "GET /mqtt HTTP/1.1\r\n"        \
    "Host: a\r\n"                   \
    "Upgrade: websocket\r\n"        \
    "Connection: Upgrade\r\n"       \
    "Sec-WebSocket-Version: 13\r\n" \
    "Sec-WebSocket-Key: " KEY "\r\n"
#define ASK ASK_HEAD "Sec-WebSocket-Protocol: mqtt\r\n\r\n"

static const uint8_t test_key[MQW__FRAME_KEY] = {0x37, 0xfa, 0x21, 0x3d};

/** A frame as a client sends it, when `masked`. `first`: FIN, reserved bits, opcode. */
static inline void put_frame(bytes *out, uint8_t first, const void *payload, size_t len, bool masked)
{
    uint8_t head[MQW__FRAME_HEAD] = {first, (uint8_t)(masked ? 0x80 : 0)};
    size_t at = 2;
    if (len <= 125) {
        head[1] |= (uint8_t)len;
    } else if (len <= UINT16_MAX) {
        head[1] |= 126;
        head[at++] = (uint8_t)(len >> 8);
        head[at++] = (uint8_t)len;
    } else {
        head[1] |= 127;
        for (int i = 7; i >= 0; i--)
            head[at++] = (uint8_t)((uint64_t)len >> (8 * i));
    }
    if (masked)
        for (int i = 0; i < MQW__FRAME_KEY; i++)
            head[at++] = test_key[i];
    put(out, head, at);
    for (size_t i = 0; i < len; i++) {
        uint8_t byte = ((const uint8_t *)payload)[i] ^ (masked ? test_key[i % 4] : 0);
        put(out, &byte, 1);
    }
}

/** What a server agrees with when a client has sent `said`. */
static inline void put_agreement(bytes *out, const bytes *said)
{
    char text[512];
    char key[32] = "";
    char request[2048] = "";
    uint8_t accept[64];
    memcpy(request, said->data, said->len < sizeof request ? said->len : sizeof request - 1);
    const char *at = strstr(request, "Sec-WebSocket-Key: ");
    assert_non_null(at);
    memcpy(key, at + strlen("Sec-WebSocket-Key: "), 24);
    assert_true(mqw__upgrade_accept((char *)accept, key, 24));
    snprintf(text, sizeof text,
             "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n"
             "Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n",
             (char *)accept);
    put_text(out, text);
}

#endif
