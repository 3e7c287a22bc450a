// SPDX-License-Identifier: MIT
// What the tests of proxies share: one layer, fed with an answer that is cut in two, and bytes behind it.
#ifndef MQW_WAY_H
#define MQW_WAY_H

#include "mqwire/conn.h"
#include "transport/layer.h"

/** Where to, and through what. */
typedef struct way {
    const char *proxy;
    const char *host;
    uint16_t port;
} way;

typedef struct tried {
    mqw__layers *stack;
    mqw__layer *layer;
    uint8_t said[8192];
    size_t said_len;
    uint8_t heard[64];
    size_t heard_len;
    int result;
} tried;

static inline void try_collect(tried *one)
{
    mqw_bytes wire = mqw__layers_wire(one->stack);
    assert_true(one->said_len + wire.len <= sizeof one->said);
    if (wire.len > 0)
        memcpy(one->said + one->said_len, wire.data, wire.len);
    one->said_len += wire.len;
    mqw__layers_wrote(one->stack, wire.len);
}

static inline void try_start(tried *one, mqw__layer *layer)
{
    assert_non_null(layer);
    memset(one, 0, sizeof *one);
    one->stack = mqw__layers_new();
    assert_non_null(one->stack);
    one->layer = layer;
    mqw__layers_push(one->stack, layer);
    assert_int_equal(mqw__layers_start(one->stack), 0);
    assert_false(mqw__layers_ready(one->stack));
    try_collect(one);
}

static inline void try_end(tried *one)
{
    mqw__layers_free(one->stack);
}

static inline void try_feed(tried *one, const uint8_t *data, size_t len)
{
    mqw_bytes piece;
    if (len == 0 || one->result < 0)
        return;
    uint8_t *block = malloc(len);
    assert_non_null(block);
    memcpy(block, data, len);
    mqw__layers_feed(one->stack, (mqw__span){block, len}, (mqw__span){NULL, 0});
    while ((one->result = mqw__layers_next(one->stack, &piece)) > 0) {
        assert_true(one->heard_len + piece.len <= sizeof one->heard);
        memcpy(one->heard + one->heard_len, piece.data, piece.len);
        one->heard_len += piece.len;
    }
    try_collect(one);
    free(block);
}

/** `why` NULL: the answer opens the way, and what comes behind it is let through; else it fails in these
 * words. */
static inline void try_answer(mqw__layer *layer, const char *answer, size_t len, size_t first,
                              const char *why)
{
    static uint8_t bytes[16384];
    tried one;
    try_start(&one, layer);
    assert_true(len + 6 <= sizeof bytes);
    memcpy(bytes, answer, len);
    memcpy(bytes + len, "behind", 6);
    len += why ? 0 : 6;
    first = first < len ? first : len;
    try_feed(&one, bytes, first);
    try_feed(&one, bytes + first, len - first);
    if (why) {
        assert_int_equal(one.result, MQW_E_STREAM);
        if (!strstr(mqw__layers_why(one.stack), why))
            fail_msg("says '%s' instead of '%s'", mqw__layers_why(one.stack), why);
        assert_int_equal(one.heard_len, 0);
    } else {
        mqw_bytes view = {(const uint8_t *)"out", 3};
        assert_int_equal(one.result, 0);
        assert_true(mqw__layers_done(one.stack));
        assert_int_equal(one.heard_len, 6);
        assert_memory_equal(one.heard, "behind", 6);
        assert_int_equal(mqw__layers_send(one.stack, &view, 1), 0);
        try_collect(&one);
        assert_memory_equal(one.said + one.said_len - 3, "out", 3);
    }
    try_end(&one);
}

#endif
