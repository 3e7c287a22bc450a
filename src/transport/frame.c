// SPDX-License-Identifier: MIT
// Headers of frames, and masking 32 bytes at a time: bench/bench_websocket.c shows why not one by one.
#include "frame.h"

#include <string.h>

enum {
    LAST = 0x80,
    RESERVED = 0x70,
    OPCODE = 0x0F,
    CONTROL = 0x08,
    MASKED = 0x80,
    SHORT = 0x7F,
    SHORT_MAX = 125,
    LONG = 126,
    HUGE = 127,
    WORD = 8,
    HALF = 2 * WORD,
    BLOCK = 4 * WORD
};

static bool is_known(uint8_t opcode)
{
    return opcode <= MQW__WS_BINARY || (opcode >= MQW__WS_CLOSE && opcode <= MQW__WS_PONG);
}

static uint64_t number(const uint8_t *at, int bytes)
{
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++)
        value = value << 8 | at[i];
    return value;
}

// A length has to be written in the shortest form, and the highest bit of the longest is 0.
static bool is_minimal(uint64_t len, int bytes)
{
    return bytes == 0 || (bytes == 2 ? len > SHORT_MAX : len > UINT16_MAX && len <= INT64_MAX);
}

int mqw__frame_read(mqw__frame *out, const uint8_t *bytes, size_t len)
{
    if (len < 2)
        return 0;
    uint8_t opcode = bytes[0] & OPCODE;
    uint8_t small = bytes[1] & SHORT;
    bool long_control = opcode & CONTROL && (small > SHORT_MAX || !(bytes[0] & LAST));
    if (bytes[0] & RESERVED || !is_known(opcode) || long_control)
        return -1;
    int extra = small == LONG ? 2 : small == HUGE ? 8 : 0;
    bool masked = bytes[1] & MASKED;
    size_t head = 2 + (size_t)extra + (masked ? MQW__FRAME_KEY : 0);
    if (len < head)
        return 0;
    out->len = extra ? number(bytes + 2, extra) : small;
    out->opcode = opcode;
    out->last = bytes[0] & LAST;
    out->masked = masked;
    memset(out->key, 0, sizeof out->key);
    if (masked)
        memcpy(out->key, bytes + 2 + extra, MQW__FRAME_KEY);
    return is_minimal(out->len, extra) ? (int)head : -1;
}

size_t mqw__frame_write(uint8_t *out, const mqw__frame *frame)
{
    size_t len = 2;
    int extra = frame->len <= SHORT_MAX ? 0 : frame->len <= UINT16_MAX ? 2 : 8;
    out[0] = (uint8_t)((frame->last ? LAST : 0) | frame->opcode);
    out[1] = (uint8_t)(extra == 0 ? frame->len : extra == 2 ? LONG : HUGE);
    for (int i = extra - 1; i >= 0; i--)
        out[len++] = (uint8_t)(frame->len >> (8 * i));
    if (frame->masked) {
        out[1] |= MASKED;
        memcpy(out + len, frame->key, MQW__FRAME_KEY);
        len += MQW__FRAME_KEY;
    }
    return len;
}

static void mask_word(uint8_t *out, const uint8_t *in, uint64_t key)
{
    uint64_t word;
    memcpy(&word, in, WORD);
    word ^= key;
    memcpy(out, &word, WORD);
}

void mqw__frame_mask(uint8_t *out, const uint8_t *in, size_t len, const uint8_t *key, uint64_t offset)
{
    uint8_t turned[WORD];
    uint64_t word;
    for (int i = 0; i < WORD; i++)
        turned[i] = key[(offset + (uint64_t)i) % MQW__FRAME_KEY];
    memcpy(&word, turned, WORD);
    size_t at = 0;
    for (; len - at >= BLOCK; at += BLOCK) {
        mask_word(out + at, in + at, word);
        mask_word(out + at + WORD, in + at + WORD, word);
        mask_word(out + at + HALF, in + at + HALF, word);
        mask_word(out + at + HALF + WORD, in + at + HALF + WORD, word);
    }
    for (; len - at >= WORD; at += WORD)
        mask_word(out + at, in + at, word);
    for (; at < len; at++)
        out[at] = in[at] ^ turned[at % WORD];
}
