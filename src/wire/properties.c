// SPDX-License-Identifier: MIT
// Properties of 5.0: one table row each, generated from MQW_PROPERTIES; no property has code of its own.
#include "wire/properties.h"

#include <stddef.h>

#include "wire/codec.h"

typedef enum wire_type { NONE, U8, U16, U32, TEXT, BLOB, VARS, PAIRS } wire_type;
typedef enum value_rule { ANY, FLAG, NONZERO, TOPIC } value_rule;

/* A row of MQW_PROPERTIES. */
typedef struct property {
    uint16_t offset; /* of the field in mqw_props */
    uint16_t client; /* packets in which a client may send it */
    uint16_t server;
    uint16_t repeat;
    uint8_t wire;
    uint8_t value;
    uint8_t broken; /* rule that a wrong value breaks */
} property;

#define BROKEN_ANY     MQW_RULE_NONE
#define BROKEN_FLAG    MQW_RULE_PROPERTY_VALUE
#define BROKEN_NONZERO MQW_RULE_PROPERTY_VALUE
#define BROKEN_TOPIC   MQW_RULE_RESPONSE_TOPIC

static const property properties[] = {
#define X(id, field, wire, client, server, repeat, value, reason, absent) \
    [id] = {offsetof(mqw_props, field),                                   \
            (client),                                                     \
            (server),                                                     \
            (repeat),                                                     \
            wire,                                                         \
            value,                                                        \
            (reason) == MQW_REASON_TOPIC_ALIAS_INVALID ? MQW_RULE_ALIAS_ZERO : BROKEN_##value},
    MQW_PROPERTIES(X)
#undef X
};

enum { COUNT = sizeof properties / sizeof *properties };
_Static_assert(MQW_RULE_COUNT <= 256, "rules fit in a byte");
_Static_assert(COUNT <= 64, "properties fit in the mask");

static const property *row_of(uint32_t id)
{
    return id < COUNT ? &properties[id] : &properties[0];
}

/* The property stands where it may not; true: refused. */
MQW__COLD static bool misplace(mqw__check *check, uint32_t id, unsigned place, const uint8_t *at)
{
    const property *row = &properties[id];
    unsigned rule =
        ((row->client | row->server) & place) ? MQW_RULE_PROPERTY_SENDER : MQW_RULE_PROPERTY_MISPLACED;
    if (id == MQW_ID_subscription_ids && place == MQW_IN_PUBLISH)
        rule = MQW_RULE_SUBSCRIPTION_ID_CLIENT;
    if (id == MQW_ID_session_expiry && place == MQW_IN_DISCONNECT)
        rule = MQW_RULE_SESSION_EXPIRY_SERVER;
    return mqw__break(check, rule, at, (uint8_t)id);
}

/* A place, as seen by a row: each side has its bits, 0 when it cannot be the sender. */
typedef struct sides {
    unsigned client;
    unsigned server;
} sides;

static inline sides sides_of(const mqw__check *check, unsigned place)
{
    return (sides){check->codec->sender == MQW_SERVER ? 0 : place,
                   check->codec->sender == MQW_CLIENT ? 0 : place};
}

static inline bool allowed(const property *row, sides by)
{
    return ((row->client & by.client) | (row->server & by.server)) != 0;
}

static inline bool wrong_number(const property *row, uint32_t value)
{
    return (row->value == FLAG && value > 1) || (row->value == NONZERO && value == 0);
}

static inline unsigned text_flaws(const property *row, mqw_text text)
{
    unsigned found = mqw__utf8_find(text.data, text.len);
    if (row->value == TOPIC && (text.len == 0 || (found & MQW__UTF8_WILDCARD)))
        found |= MQW__FLAW(RESPONSE_TOPIC);
    return found & (MQW__FLAWS_OF_TEXT | MQW__FLAW(RESPONSE_TOPIC));
}

/* ---- reading ---- */

const uint8_t *mqw__vbi_read(mqw__check *check, const uint8_t *at, const uint8_t *end, uint32_t *value,
                             uint8_t field)
{
    int size = mqw__vbi_peek((mqw_bytes){at, (size_t)(end - at)}, value);
    if (size <= 0) {
        mqw__break(check, size ? MQW_RULE_LENGTH_BYTES : MQW_RULE_TRUNCATED, at, field);
        return end;
    }
    if ((unsigned)size > mqw__vbi_size(*value) && mqw__break(check, MQW_RULE_LENGTH_OVERLONG, at, field))
        return end;
    return at + size;
}

/* The list reaches from its first item to the end of this one. */
static void extend(mqw_list *list, bool begun, const uint8_t *mark, const uint8_t *end)
{
    const uint8_t *from = begun ? list->wire.data : mark;
    list->wire = (mqw_bytes){from, (size_t)(end - from)};
}

/* A text of the property that began at `mark`. */
MQW__HOT mqw_text read_text(mqw__reader *r, const property *row, const uint8_t *mark, uint8_t name)
{
    mqw_text text;
    mqw__read_raw_text(r, &text, name);
    unsigned flaws = text_flaws(row, text);
    if (MQW__RARE(flaws != 0) && mqw__break_flaws(r->check, flaws, mark, name))
        r->at = r->end;
    return text;
}

/* The value of a property that began at `mark`. */
MQW__HOT void read_value(mqw__reader *r, const property *row, const uint8_t *mark, bool again, void *field,
                         uint8_t name)
{
    bool wrong = false;
    switch ((wire_type)row->wire) {
    case U8: wrong = wrong_number(row, *(uint8_t *)field = mqw__read_u8(r, name)); break;
    case U16: wrong = wrong_number(row, *(uint16_t *)field = mqw__read_u16(r, name)); break;
    case U32: wrong = wrong_number(row, *(uint32_t *)field = mqw__read_u32(r, name)); break;
    case TEXT: *(mqw_text *)field = read_text(r, row, mark, name); break;
    case BLOB: mqw__read_blob(r, field, name); break;
    case VARS:
        wrong = wrong_number(row, mqw__read_vbi(r, name));
        extend(field, again, mark, r->at);
        break;
    case PAIRS:
        read_text(r, row, mark, name);
        read_text(r, row, mark, name);
        extend(field, again, mark, r->at);
        break;
    case NONE: break;
    }
    if (MQW__RARE(wrong))
        mqw__reader_break(r, row->broken, mark, name);
}

MQW__HOT uint64_t read_one(mqw__reader *r, unsigned place, sides by, uint64_t has, mqw_props *out)
{
    const uint8_t *mark = r->at;
    uint32_t id = mqw__read_vbi(r, MQW__F(properties));
    const property *row = row_of(id);
    if (MQW__RARE(row->wire == NONE)) {
        mqw__reader_break(r, MQW_RULE_PROPERTY_UNKNOWN, mark, MQW__F(properties));
        return has;
    }
    if (MQW__RARE(!allowed(row, by)) && misplace(r->check, id, place, mark))
        r->at = r->end;
    bool again = MQW__RARE(has >> id & 1);
    if (MQW__RARE(again) && !(row->repeat & place))
        mqw__reader_break(r, MQW_RULE_PROPERTY_REPEATED, mark, (uint8_t)id);
    read_value(r, row, mark, again, (char *)out + row->offset, (uint8_t)id);
    return has | UINT64_C(1) << id;
}

const uint8_t *mqw__properties_read(mqw__check *check, const uint8_t *at, unsigned place, mqw_props *out)
{
    mqw__reader r = mqw__reader_at(check, at);
    uint64_t has = 0;
    uint32_t size = mqw__read_vbi(&r, MQW__F(properties));
    if (mqw__reader_need(&r, size, at, MQW__F(properties))) {
        mqw__reader block = {r.at, r.at + size, check};
        sides by = sides_of(check, place);
        while (block.at < block.end)
            has = read_one(&block, place, by, has, out);
        r.at = MQW__RARE(check->rule != 0) ? r.end : block.end;
    }
    out->has = has;
    return r.at;
}

bool mqw__payload_break(mqw__check *check, const mqw_props *props, mqw_bytes payload, uint8_t field)
{
    if (mqw_get(props, payload_format, 0) != 1 ||
        !mqw__judge(check->codec->policy, check->version, MQW_RULE_PAYLOAD_FORMAT))
        return false;
    if (!(mqw__utf8_scan(payload.data, payload.len) & MQW__UTF8_ILL_FORMED))
        return false;
    return mqw__break(check, MQW_RULE_PAYLOAD_FORMAT, payload.data, field);
}

/* ---- lists in wire form ---- */

static size_t blob_size(mqw_bytes in)
{
    return in.len < 2 ? 2 : (size_t)2 + mqw__load_u16(in.data);
}

static size_t pair_size(mqw_bytes in)
{
    size_t name = blob_size(in);
    return name > in.len ? name : name + blob_size((mqw_bytes){in.data + name, in.len - name});
}

static size_t number_size(mqw_bytes in)
{
    uint32_t value;
    int size = mqw__vbi_peek(in, &value);
    return size > 0 ? (size_t)size : in.len + 1;
}

size_t mqw__property_size(uint32_t id, mqw_bytes in)
{
    size_t size = in.len + 1;
    switch ((wire_type)row_of(id)->wire) {
    case U8: size = 1; break;
    case U16: size = 2; break;
    case U32: size = 4; break;
    case TEXT:
    case BLOB: size = blob_size(in); break;
    case VARS: size = number_size(in); break;
    case PAIRS: size = pair_size(in); break;
    case NONE: break;
    }
    return size <= in.len ? size : 0;
}

bool mqw__property_next(mqw_list *left, uint32_t id, mqw_bytes *value)
{
    while (left->wire.len > 0) {
        uint32_t found = 0;
        int head = mqw__vbi_peek(left->wire, &found);
        if (head <= 0)
            return false;
        mqw_bytes rest = {left->wire.data + head, left->wire.len - (size_t)head};
        size_t size = mqw__property_size(found, rest);
        if (size == 0)
            return false;
        left->wire = (mqw_bytes){rest.data + size, rest.len - size};
        if (found == id) {
            *value = (mqw_bytes){rest.data, size};
            return true;
        }
    }
    return false;
}

/* ---- writing ---- */

void mqw__properties_refuse(mqw__check *check, const mqw_props *props)
{
    unsigned id = (unsigned)__builtin_ctzll(props->has);
    mqw__refuse(check, MQW_RULE_NOT_IN_VERSION, NULL, row_of(id)->wire ? (uint8_t)id : MQW__F(props));
}

/* A number goes out in its shortest form, however it came in. */
static void write_number_item(mqw__writer *w, const property *row, uint8_t id, mqw_bytes value)
{
    uint32_t number = 0;
    mqw__vbi_peek(value, &number);
    if (MQW__RARE(wrong_number(row, number)))
        mqw__break(w->check, row->broken, NULL, id);
    mqw__write_vbi(w, number);
}

/* A pair stands there as it goes out, so it is checked by reading it. */
static void write_pair_item(mqw__writer *w, const property *row, uint8_t id, mqw_bytes value)
{
    mqw__reader r = {value.data, value.data + value.len, w->check};
    read_text(&r, row, value.data, id);
    read_text(&r, row, value.data, id);
    mqw__write_bytes(w, value.data, value.len);
}

/* Copies the items of a list: what else stands between them stays behind. */
static size_t write_list(mqw__check *check, size_t at, const property *row, uint8_t id, unsigned place,
                         mqw_list list)
{
    mqw__writer w = mqw__writer_at(check, at);
    mqw_bytes value;
    bool good = (list.wire.data || !list.wire.len) && list.wire.len <= MQW_LENGTH_MAX;
    for (bool again = false; good && mqw__property_next(&list, id, &value); again = true) {
        if (MQW__RARE(again && !(row->repeat & place)))
            mqw__break(check, MQW_RULE_PROPERTY_REPEATED, NULL, id);
        mqw__write_u8(&w, id);
        if (row->wire == VARS)
            write_number_item(&w, row, id, value);
        else
            write_pair_item(&w, row, id, value);
    }
    if (MQW__RARE(list.wire.len != 0))
        mqw__refuse(check, MQW_RULE_FIELD_RANGE, NULL, id);
    return w.at;
}

MQW__HOT void write_text(mqw__writer *w, const property *row, uint8_t id, mqw_text text)
{
    mqw__write_blob(w, text.data, text.len, id);
    if (MQW__RARE(w->check->rule != 0))
        return;
    unsigned flaws = text_flaws(row, text);
    if (MQW__RARE(flaws != 0))
        mqw__break_flaws(w->check, flaws, NULL, id);
}

MQW__HOT void write_blob(mqw__writer *w, uint8_t id, mqw_bytes blob)
{
    mqw__write_blob(w, blob.data, blob.len, id);
}

MQW__HOT void write_number(mqw__writer *w, const property *row, uint8_t id, const void *field)
{
    uint32_t number = 0;
    switch ((wire_type)row->wire) {
    case U8: mqw__write_u8(w, (uint8_t)(number = *(const uint8_t *)field)); break;
    case U16: mqw__write_u16(w, (uint16_t)(number = *(const uint16_t *)field)); break;
    default: mqw__write_u32(w, number = *(const uint32_t *)field); break;
    }
    if (MQW__RARE(wrong_number(row, number)))
        mqw__break(w->check, row->broken, NULL, id);
}

MQW__HOT void write_one(mqw__writer *w, uint8_t id, unsigned place, sides by, const mqw_props *props)
{
    const property *row = row_of(id);
    if (MQW__RARE(row->wire == NONE)) {
        mqw__refuse(w->check, MQW_RULE_FIELD_RANGE, NULL, MQW__F(props));
        return;
    }
    if (MQW__RARE(!allowed(row, by)))
        misplace(w->check, id, place, NULL);
    const void *field = (const char *)props + row->offset;
    if (row->wire >= VARS) {
        w->at = write_list(w->check, w->at, row, id, place, *(const mqw_list *)field);
        return;
    }
    mqw__write_u8(w, id);
    switch ((wire_type)row->wire) {
    case TEXT: write_text(w, row, id, *(const mqw_text *)field); break;
    case BLOB: write_blob(w, id, *(const mqw_bytes *)field); break;
    default: write_number(w, row, id, field); break;
    }
}

size_t mqw__properties_write(mqw__check *check, size_t at, unsigned place, const mqw_props *props)
{
    mqw__writer w = mqw__writer_at(check, at);
    sides by = sides_of(check, place);
    mqw__writer_take(&w, 1);
    for (uint64_t left = props->has; left; left &= left - 1)
        write_one(&w, (uint8_t)__builtin_ctzll(left), place, by, props);
    size_t size = w.at - at - 1;
    if (MQW__RARE(size >= 0x80))
        mqw__writer_shift(&w, at + 1, mqw__vbi_size(size) - 1);
    if (w.at <= w.cap)
        mqw__vbi_store(w.room + at, (uint32_t)size);
    return w.at;
}
