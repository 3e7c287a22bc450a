// SPDX-License-Identifier: MIT
// Frames of WebSocket (RFC 6455, section 5): their headers and their masks.
#ifndef MQW_TRANSPORT_FRAME_H
#define MQW_TRANSPORT_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MQW__FRAME_HEAD = 14, MQW__FRAME_KEY = 4, MQW__CONTROL_MAX = 125 };

typedef enum mqw__opcode {
    MQW__WS_MORE = 0, /**< Goes on with a message. */
    MQW__WS_TEXT = 1,
    MQW__WS_BINARY = 2,
    MQW__WS_CLOSE = 8,
    MQW__WS_PING = 9,
    MQW__WS_PONG = 10
} mqw__opcode;

/** A header. */
typedef struct mqw__frame {
    uint64_t len; /**< Of the payload. */
    uint8_t opcode;
    bool last; /**< Of its message. */
    bool masked;
    uint8_t key[MQW__FRAME_KEY];
} mqw__frame;

/** Reads a header. Its length; 0: it is not all there; negative: no header of the standard. */
int mqw__frame_read(mqw__frame *out, const uint8_t *bytes, size_t len);
/** Writes a header into MQW__FRAME_HEAD bytes. Its length. */
size_t mqw__frame_write(uint8_t *out, const mqw__frame *frame);
/** Masks or unmasks bytes that lie at `offset` of a payload. `out` may be `in`. */
void mqw__frame_mask(uint8_t *out, const uint8_t *in, size_t len, const uint8_t *key, uint64_t offset);

#endif
