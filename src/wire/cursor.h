// SPDX-License-Identifier: MIT
// Sticky cursors: a reader or writer that has failed stays failed, so that a packet is read and written
// like the paragraph of the standard that describes it, with one check at the end.
#ifndef MQW_WIRE_CURSOR_H
#define MQW_WIRE_CURSOR_H

#include <string.h>

#include <mqwire/codec.h>

#include "base/utf8.h"

#define MQW__COLD            __attribute__((cold, noinline))
#define MQW__RARE(condition) __builtin_expect(!!(condition), 0)

/* A cursor whose address is taken for a call must live in memory; so all calls are inlined. Where size
 * counts, those that the compiler likes, and cursor.c has the others. */
#ifdef __OPTIMIZE_SIZE__
#define MQW__INLINE inline
#define MQW__HOT    static
#else
#define MQW__INLINE static inline __attribute__((always_inline))
#define MQW__HOT    MQW__INLINE
#endif

/* Fields that an error can name beside the properties, which their identifiers name. */
#define MQW__FIELDS(X)                    \
    X(type, "type")                       \
    X(length, "length")                   \
    X(version, "version")                 \
    X(protocol_name, "protocol_name")     \
    X(unsupported, "unsupported")         \
    X(bridge, "bridge")                   \
    X(flags, "flags")                     \
    X(keep_alive, "keep_alive")           \
    X(client_id, "client_id")             \
    X(will_topic, "will.topic")           \
    X(will_payload, "will.payload")       \
    X(will_qos, "will.qos")               \
    X(will_retain, "will.retain")         \
    X(username, "username")               \
    X(password, "password")               \
    X(session_present, "session_present") \
    X(topic, "topic")                     \
    X(payload, "payload")                 \
    X(payload_left, "payload_left")       \
    X(packet_id, "packet_id")             \
    X(qos, "qos")                         \
    X(dup, "dup")                         \
    X(reason, "reason")                   \
    X(reasons, "reasons")                 \
    X(filters, "filters")                 \
    X(properties, "properties")           \
    X(props, "props")

enum {
    MQW__F_none,
#define X(id, field, ...) MQW__F_##field = id,
    MQW_PROPERTIES(X)
#undef X
#define X(field, name) MQW__F_##field,
        MQW__FIELDS(X)
#undef X
};
#define MQW__F(field) MQW__F_##field

/* NULL: none. */
const char *mqw__field_name(uint8_t field);

/* By what one packet is judged, and what came of it. */
typedef struct mqw__check {
    const mqw_codec *codec;
    const uint8_t *body;    /* received: first byte behind the fixed header; NULL: the packet is being sent */
    const uint8_t *end;     /* received: first byte behind the packet */
    mqw_rule_set *reported; /* received: where rules go that are broken and reported */
    uint8_t *room;          /* sent: where the packet goes */
    size_t cap;
    uint8_t header_size; /* received */
    uint8_t first;       /* first byte of the packet */
    uint8_t version;
    uint8_t rule;    /* of the failure; 0: none */
    uint8_t field;   /* of the failure */
    uint32_t offset; /* of the failure, from the first byte of the packet */
} mqw__check;

/* Cursors live in the function that moves them, which hands on no more than the place: so they stay in
 * registers. */
typedef struct mqw__reader {
    const uint8_t *at;
    const uint8_t *end;
    mqw__check *check;
} mqw__reader;

/* Bytes of properties that a PUBLISH is expected to have, if any. */
#ifdef __OPTIMIZE_SIZE__
enum { MQW__FORESEEN = 0 };
#else
enum { MQW__FORESEEN = 48 };
#endif

/* Counts on when the room is full, so that at the end `at` is the room that it takes. */
typedef struct mqw__writer {
    uint8_t *room;
    size_t at;
    size_t cap;
    mqw__check *check;
} mqw__writer;

/* A set of the rules that a text can break: bit n stands for rule MQW_RULE_UTF8 + n. */
#define MQW__FLAW(NAME)    (1u << (MQW_RULE_##NAME - MQW_RULE_UTF8))
#define MQW__FLAWS_OF_TEXT (MQW__FLAW(UTF8) | MQW__FLAW(UTF8_NUL) | MQW__FLAW(UTF8_CONTROL))

_Static_assert(MQW__FLAW(UTF8) == MQW__UTF8_ILL_FORMED && MQW__FLAW(UTF8_NUL) == MQW__UTF8_ZERO &&
                   MQW__FLAW(UTF8_CONTROL) == MQW__UTF8_UNUSUAL &&
                   MQW__FLAW(TOPIC_WILDCARD) == MQW__UTF8_WILDCARD,
               "what a scan finds is a set of flaws");

/* A rule is broken at `at` (NULL: in the fixed header, or nowhere because the packet is being sent). Every
 * broken rule goes through here. True: it is refused, and the packet has failed; false: let pass. */
MQW__COLD bool mqw__break(mqw__check *check, unsigned rule, const uint8_t *at, uint8_t field);
/* The same for each rule of a set of flaws. */
MQW__COLD bool mqw__break_flaws(mqw__check *check, unsigned flaws, const uint8_t *at, uint8_t field);
/* The packet has failed, whatever the policy and the version; true. */
MQW__COLD bool mqw__refuse(mqw__check *check, unsigned rule, const uint8_t *at, uint8_t field);
/* A variable byte integer of any form; returns the place behind it, `end` when it failed. */
const uint8_t *mqw__vbi_read(mqw__check *check, const uint8_t *at, const uint8_t *end, uint32_t *value,
                             uint8_t field);

/* The variable byte integer at the start of `in`: its size, 0: incomplete, -1: more than four bytes. */
MQW__INLINE int mqw__vbi_peek(mqw_bytes in, uint32_t *value)
{
    uint32_t sum = 0;
    for (unsigned i = 0; i < 4; i++) {
        if (i >= in.len)
            return 0;
        sum |= (uint32_t)(in.data[i] & 0x7F) << 7 * i;
        if (in.data[i] < 0x80) {
            *value = sum;
            return (int)i + 1;
        }
    }
    return -1;
}

/* ---- reading ---- */

MQW__INLINE mqw__reader mqw__reader_at(mqw__check *check, const uint8_t *at)
{
    return (mqw__reader){at, check->end, check};
}

/* A rule is broken by the field at `mark`. */
MQW__INLINE void mqw__reader_break(mqw__reader *r, unsigned rule, const uint8_t *mark, uint8_t field)
{
    if (mqw__break(r->check, rule, mark, field))
        r->at = r->end;
}

/* Whether n bytes are left for the field that begins at `mark`. */
MQW__INLINE bool mqw__reader_need(mqw__reader *r, size_t n, const uint8_t *mark, uint8_t field)
{
    if (MQW__RARE((size_t)(r->end - r->at) < n)) {
        mqw__reader_break(r, MQW_RULE_TRUNCATED, mark, field);
        return false;
    }
    return true;
}

MQW__INLINE uint16_t mqw__load_u16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

MQW__INLINE uint32_t mqw__load_u32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

MQW__INLINE uint8_t mqw__read_u8(mqw__reader *r, uint8_t field)
{
    if (!mqw__reader_need(r, 1, r->at, field))
        return 0;
    return *r->at++;
}

MQW__INLINE uint16_t mqw__read_u16(mqw__reader *r, uint8_t field)
{
    if (!mqw__reader_need(r, 2, r->at, field))
        return 0;
    r->at += 2;
    return mqw__load_u16(r->at - 2);
}

MQW__INLINE uint32_t mqw__read_u32(mqw__reader *r, uint8_t field)
{
    if (!mqw__reader_need(r, 4, r->at, field))
        return 0;
    r->at += 4;
    return mqw__load_u32(r->at - 4);
}

MQW__INLINE uint32_t mqw__read_vbi(mqw__reader *r, uint8_t field)
{
    if (r->at < r->end && *r->at < 0x80)
        return *r->at++;
    uint32_t value = 0;
    r->at = mqw__vbi_read(r->check, r->at, r->end, &value, field);
    return value;
}

/* Binary data: two bytes of length, then any bytes. */
MQW__INLINE void mqw__read_blob(mqw__reader *r, mqw_bytes *out, uint8_t field)
{
    const uint8_t *mark = r->at;
    size_t len = 0;
    if (mqw__reader_need(r, 2, mark, field)) {
        r->at += 2;
        len = mqw__load_u16(mark);
        if (!mqw__reader_need(r, len, mark, field))
            len = 0;
    }
    *out = (mqw_bytes){r->at, len};
    r->at += len;
}

/* A UTF-8 string, unchecked. */
MQW__INLINE void mqw__read_raw_text(mqw__reader *r, mqw_text *out, uint8_t field)
{
    mqw_bytes blob;
    mqw__read_blob(r, &blob, field);
    *out = (mqw_text){(const char *)blob.data, blob.len};
}

/* The text that was read last, with its two bytes of length, has flaws. */
MQW__INLINE void mqw__reader_judge(mqw__reader *r, mqw_text text, unsigned flaws, uint8_t field)
{
    if (MQW__RARE(flaws != 0) && mqw__break_flaws(r->check, flaws, (const uint8_t *)text.data - 2, field))
        r->at = r->end;
}

/* A UTF-8 string. */
MQW__INLINE void mqw__read_text(mqw__reader *r, mqw_text *out, uint8_t field)
{
    mqw_text text;
    mqw__read_raw_text(r, &text, field);
    mqw__reader_judge(r, text, mqw__utf8_find(text.data, text.len) & MQW__FLAWS_OF_TEXT, field);
    *out = text;
}

/* All that is left. */
MQW__INLINE mqw_bytes mqw__read_rest(mqw__reader *r)
{
    mqw_bytes rest = {r->at, (size_t)(r->end - r->at)};
    r->at = r->end;
    return rest;
}

/* A packet identifier. */
MQW__INLINE uint16_t mqw__read_packet_id(mqw__reader *r)
{
    uint16_t id = mqw__read_u16(r, MQW__F(packet_id));
    if (MQW__RARE(id == 0))
        mqw__reader_break(r, MQW_RULE_PACKET_ID_ZERO, r->at - 2, MQW__F(packet_id));
    return id;
}

/* The packet must end here. */
MQW__INLINE void mqw__reader_end(mqw__reader *r)
{
    if (MQW__RARE(r->at != r->end))
        mqw__reader_break(r, MQW_RULE_SURPLUS, r->at, MQW__F_none);
}

/* ---- writing ---- */

MQW__INLINE mqw__writer mqw__writer_at(mqw__check *check, size_t at)
{
    return (mqw__writer){check->room, at, check->cap, check};
}

/* Bytes that a variable byte integer takes. */
MQW__INLINE unsigned mqw__vbi_size(size_t value)
{
    return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : 4;
}

/* Writes it to `at`; returns its size. */
MQW__INLINE unsigned mqw__vbi_store(uint8_t *at, uint32_t value)
{
    unsigned size = 0;
    for (; value >= 0x80; value >>= 7)
        at[size++] = (uint8_t)(value | 0x80);
    at[size++] = (uint8_t)value;
    return size;
}

/* Takes room for n bytes; NULL when they do not fit. */
MQW__INLINE uint8_t *mqw__writer_take(mqw__writer *w, size_t n)
{
    size_t at = w->at;
    w->at = at + n;
    return n <= w->cap && at <= w->cap - n ? w->room + at : NULL;
}

MQW__INLINE void mqw__write_u8(mqw__writer *w, uint8_t value)
{
    uint8_t *at = mqw__writer_take(w, 1);
    if (at)
        *at = value;
}

MQW__INLINE void mqw__write_u16(mqw__writer *w, uint16_t value)
{
    uint8_t *at = mqw__writer_take(w, 2);
    if (at) {
        at[0] = (uint8_t)(value >> 8);
        at[1] = (uint8_t)value;
    }
}

MQW__INLINE void mqw__write_u32(mqw__writer *w, uint32_t value)
{
    mqw__write_u16(w, (uint16_t)(value >> 16));
    mqw__write_u16(w, (uint16_t)value);
}

MQW__INLINE void mqw__write_vbi(mqw__writer *w, uint32_t value)
{
    uint8_t *at = mqw__writer_take(w, mqw__vbi_size(value));
    if (at)
        mqw__vbi_store(at, value);
}

/* Copies what is mostly short: a call of memcpy costs more than that. The last step overlaps the one before
 * it. */
MQW__INLINE void mqw__copy(uint8_t *to, const uint8_t *from, size_t len)
{
#ifndef __OPTIMIZE_SIZE__
    enum { STEP = 32, HALF = STEP / 2, SHORT = 128 };
    if (len >= STEP && len <= SHORT) {
        for (size_t i = 0; i < len - STEP; i += STEP)
            memcpy(to + i, from + i, STEP);
        memcpy(to + len - STEP, from + len - STEP, STEP);
        return;
    }
    if (len >= HALF && len < STEP) {
        memcpy(to, from, HALF);
        memcpy(to + len - HALF, from + len - HALF, HALF);
        return;
    }
#endif
    if (len)
        memcpy(to, from, len);
}

MQW__INLINE void mqw__write_bytes(mqw__writer *w, const void *data, size_t len)
{
    uint8_t *at = mqw__writer_take(w, len);
    if (at)
        mqw__copy(at, data, len);
}

/* Binary data: two bytes of length, then any bytes. */
MQW__INLINE void mqw__write_blob(mqw__writer *w, const void *data, size_t len, uint8_t field)
{
    if (MQW__RARE(len > 0xFFFF))
        mqw__refuse(w->check, MQW_RULE_TEXT_TOO_LONG, NULL, field);
    else if (MQW__RARE(!data && len))
        mqw__refuse(w->check, MQW_RULE_FIELD_RANGE, NULL, field);
    else {
        mqw__write_u16(w, (uint16_t)len);
        mqw__write_bytes(w, data, len);
    }
}

/* A UTF-8 string. */
MQW__INLINE void mqw__write_text(mqw__writer *w, mqw_text text, uint8_t field)
{
    mqw__write_blob(w, text.data, text.len, field);
    if (MQW__RARE(w->check->rule != 0))
        return;
    unsigned flaws = mqw__utf8_find(text.data, text.len) & MQW__FLAWS_OF_TEXT;
    if (MQW__RARE(flaws != 0))
        mqw__break_flaws(w->check, flaws, NULL, field);
}

/* A packet identifier. */
MQW__INLINE void mqw__write_packet_id(mqw__writer *w, uint16_t id)
{
    if (MQW__RARE(id == 0))
        mqw__break(w->check, MQW_RULE_PACKET_ID_ZERO, NULL, MQW__F(packet_id));
    mqw__write_u16(w, id);
}

/* Closes `by` bytes of room before `from`, if the room is not full. */
MQW__INLINE void mqw__writer_unshift(mqw__writer *w, size_t from, size_t by)
{
    if (w->at > w->cap)
        return;
    memmove(w->room + from - by, w->room + from, w->at - from);
    w->at -= by;
}

/* Makes `by` bytes of room at `from`, behind which the written bytes move. */
MQW__INLINE void mqw__writer_shift(mqw__writer *w, size_t from, size_t by)
{
    size_t end = w->at;
    if (mqw__writer_take(w, by))
        memmove(w->room + from + by, w->room + from, end - from);
}

#endif
