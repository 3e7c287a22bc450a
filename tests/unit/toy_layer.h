// SPDX-License-Identifier: MIT
// A layer for tests: HELLO both ways, then records of a length byte and so many bytes xor 0x55; a record of
// length 0 ends.
#ifndef MQW_TOY_LAYER_H
#define MQW_TOY_LAYER_H

#include <stdlib.h>

#include <mqwire/spec.h>

#include "transport/layer.h"

// 0 ends ---

typedef struct toy {
    mqw__layer layer;
    size_t greeted; // bytes of the peer's greeting seen
    uint8_t record; // length of the record that is being put together
    uint8_t have;
    bool in_record;
    uint8_t bytes[255];
} toy;

static const uint8_t greeting[] = "HELLO";
enum { GREETING = sizeof greeting - 1, MASK = 0x55, RECORD_MAX = 200 };

static inline int toy_start(mqw__layer *layer)
{
    mqw_bytes hello = {greeting, GREETING};
    return mqw__layer_down(layer, &hello, 1);
}

static inline int toy_greet(toy *self, mqw__span *in)
{
    while (in->len > 0 && self->greeted < GREETING) {
        if (*in->data != greeting[self->greeted]) {
            self->layer.why = "no greeting";
            return MQW_E_STREAM;
        }
        self->greeted++;
        in->data++;
        in->len--;
    }
    self->layer.ready = self->greeted == GREETING;
    return 0;
}

static inline int toy_decode(mqw__layer *layer, mqw__span *in, mqw__span room, mqw__span *out)
{
    toy *self = (toy *)layer;
    (void)room;
    if (!layer->ready) {
        int result = toy_greet(self, in);
        if (result < 0)
            return result;
    }
    while (in->len > 0) {
        uint8_t byte = *in->data;
        in->data++;
        in->len--;
        if (!self->in_record) {
            self->in_record = true;
            self->record = byte;
            self->have = 0;
            if (byte == 0) {
                layer->ended = true;
                return 0;
            }
            continue;
        }
        self->bytes[self->have++] = byte ^ MASK;
        if (self->have == self->record) {
            self->in_record = false;
            *out = (mqw__span){self->bytes, self->record};
            return 1;
        }
    }
    return 0;
}

static inline int toy_encode(mqw__layer *layer, const mqw_bytes *views, int count)
{
    for (int i = 0; i < count; i++) {
        for (size_t at = 0; at < views[i].len;) {
            uint8_t record[RECORD_MAX + 1];
            size_t len = views[i].len - at < RECORD_MAX ? views[i].len - at : RECORD_MAX;
            record[0] = (uint8_t)len;
            for (size_t j = 0; j < len; j++)
                record[1 + j] = views[i].data[at + j] ^ MASK;
            mqw_bytes down = {record, len + 1};
            int result = mqw__layer_down(layer, &down, 1);
            if (result < 0)
                return result;
            at += len;
        }
    }
    return 0;
}

static inline int toy_end(mqw__layer *layer)
{
    layer->why = "cut off";
    return MQW_E_STREAM;
}

static inline int toy_shut(mqw__layer *layer)
{
    mqw_bytes end = {(const uint8_t *)"", 1};
    return mqw__layer_down(layer, &end, 1);
}

static inline void toy_free(mqw__layer *layer)
{
    free(layer);
}

static const mqw__layer_kind toy_kind = {.start = toy_start,
                                         .decode = toy_decode,
                                         .encode = toy_encode,
                                         .end = toy_end,
                                         .shut = toy_shut,
                                         .free = toy_free};

static inline mqw__layer *toy_new(void)
{
    toy *made = calloc(1, sizeof *made);
    if (!made)
        return NULL;
    made->layer.kind = &toy_kind;
    return &made->layer;
}

#endif
