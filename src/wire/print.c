// SPDX-License-Identifier: MIT
// A packet on one line: the text form of docs/text.md. scan.c reads it back.
#include <string.h>

#include <mqwire/codec.h>

#include "wire/fields.h"
#include "wire/text.h"

// Where the form for the eye cuts: bytes of binary values, bytes of texts, items of a list.
enum { EYE_BYTES = 48, EYE_TEXT = 128, EYE_ITEMS = 8 };

typedef struct printer {
    mqw__out out;
    bool eye;
    const mqw_packet *packet;
} printer;

static const char ELLIPSIS[] = "\xE2\x80\xA6";

static void put_code(printer *p, uint8_t byte)
{
    mqw__put(&p->out, "0x", 2);
    mqw__put_hex(&p->out, byte);
}

static void put_escaped(printer *p, const uint8_t *at, size_t len)
{
    static const char letters[] = {['"'] = '"', ['\\'] = '\\', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    if (*at < sizeof(letters) && letters[*at]) {
        char pair[2] = {'\\', letters[*at]};
        mqw__put(&p->out, pair, 2);
        return;
    }
    for (size_t i = 0; i < len; i++) {
        mqw__put(&p->out, "\\x", 2);
        mqw__put_hex(&p->out, at[i]);
    }
}

static void put_quoted(printer *p, const uint8_t *at, size_t len)
{
    const uint8_t *end = at + len, *plain = at;
    mqw__put(&p->out, "\"", 1);
    while (at < end) {
        mqw__look look;
        size_t glyph = mqw__glyph(at, (size_t)(end - at), &look);
        if (look != MQW__PLAIN) {
            mqw__put(&p->out, (const char *)plain, (size_t)(at - plain));
            put_escaped(p, at, glyph);
            plain = at + glyph;
        }
        at += glyph;
    }
    mqw__put(&p->out, (const char *)plain, (size_t)(end - plain));
    mqw__put(&p->out, "\"", 1);
}

static void put_digits(printer *p, const uint8_t *at, size_t len)
{
    mqw__put(&p->out, "0x", 2);
    for (size_t i = 0; i < len; i++)
        mqw__put_hex(&p->out, at[i]);
}

static void put_size(printer *p, const char *before, size_t size, const char *after)
{
    mqw__put_text(&p->out, before);
    mqw__put_number(&p->out, size);
    mqw__put_text(&p->out, after);
}

// Length of the whole characters within `limit`, and whether each of them is one that a text may show.
static size_t readable_prefix(mqw_bytes value, size_t limit, bool *readable)
{
    size_t len = 0;
    *readable = true;
    while (len < value.len) {
        mqw__look look;
        size_t glyph = mqw__glyph(value.data + len, value.len - len, &look);
        if (len + glyph > limit)
            break;
        *readable &= look != MQW__BINARY;
        len += glyph;
    }
    return len;
}

// Texts are always quoted; bytes only when all of them are readable.
static void put_view(printer *p, mqw_bytes value, bool is_text)
{
    bool readable = true;
    size_t len = value.len;
    if (len == 0)
        value.data = (const uint8_t *)""; // an empty view may point nowhere
    if (p->eye)
        len = readable_prefix(value, is_text ? EYE_TEXT : EYE_BYTES, &readable);
    else if (!is_text)
        readable_prefix(value, value.len, &readable);
    if (is_text || readable)
        put_quoted(p, value.data, len);
    else
        put_digits(p, value.data, len);
    if (len < value.len) {
        mqw__put_text(&p->out, ELLIPSIS);
        put_size(p, "(", value.len, " bytes)");
    }
}

static void put_text_view(printer *p, mqw_text text)
{
    put_view(p, (mqw_bytes){(const uint8_t *)text.data, text.len}, true);
}

static void put_secret(printer *p, mqw_bytes value)
{
    if (p->eye)
        put_size(p, "<", value.len, " bytes>");
    else
        put_view(p, value, false);
}

// Return codes of CONNACK before 5.0 are those that 5.0 does not have.
static void put_reason(printer *p, uint8_t reason)
{
    put_code(p, reason);
    if (!p->eye)
        return;
    bool return_code = p->packet->type == MQW_CONNACK && reason >= 1 && reason <= 5;
    mqw__put_text(&p->out, " (");
    mqw__put_text(&p->out, mqw_reason_name(return_code ? MQW_3_1_1 : MQW_5_0, reason));
    mqw__put_text(&p->out, ")");
}

static void put_reasons(printer *p, mqw_bytes reasons)
{
    size_t count = p->eye && reasons.len > EYE_ITEMS ? EYE_ITEMS : reasons.len;
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            mqw__put(&p->out, ",", 1);
        put_reason(p, reasons.data[i]);
    }
    if (count < reasons.len) {
        mqw__put_text(&p->out, ELLIPSIS);
        put_size(p, "(", reasons.len, " codes)");
    }
}

static void put_filter(printer *p, const mqw_filter *filter)
{
    put_text_view(p, filter->filter);
    put_size(p, ":", filter->qos, "");
    if (filter->no_local)
        mqw__put_text(&p->out, ":no_local");
    if (filter->retain_as_published)
        mqw__put_text(&p->out, ":retain_as_published");
    if (filter->retain_handling)
        put_size(p, ":retain_handling=", filter->retain_handling, "");
}

static void put_pair(printer *p, const mqw_pair *pair)
{
    put_text_view(p, pair->name);
    mqw__put(&p->out, ":", 1);
    put_text_view(p, pair->value);
}

typedef union item {
    mqw_filter filter;
    mqw_text topic;
    uint32_t id;
    mqw_pair pair;
} item;

static bool next_item(unsigned kind, mqw_list *left, item *out)
{
    switch (kind) {
    case MQW__FILTERS: return mqw_next_filter(left, &out->filter);
    case MQW__TOPICS: return mqw_next_topic(left, &out->topic);
    case MQW__VARS: return mqw_next_id(left, &out->id);
    default: return mqw_next_pair(left, &out->pair);
    }
}

static void put_item(printer *p, unsigned kind, const item *value)
{
    switch (kind) {
    case MQW__FILTERS: put_filter(p, &value->filter); break;
    case MQW__TOPICS: put_text_view(p, value->topic); break;
    case MQW__VARS: mqw__put_number(&p->out, value->id); break;
    default: put_pair(p, &value->pair); break;
    }
}

static void put_name(printer *p, const char *prefix, const mqw__field *field)
{
    mqw__put(&p->out, " ", 1);
    mqw__put_text(&p->out, prefix);
    mqw__put(&p->out, field->name, field->len);
    if (field->kind != MQW__FLAG)
        mqw__put(&p->out, "=", 1);
}

static void put_list(printer *p, const char *prefix, const mqw__field *field, mqw_list list)
{
    item one;
    size_t count = 0;
    for (; next_item(field->kind, &list, &one); count++) {
        if (p->eye && count >= EYE_ITEMS)
            continue;
        put_name(p, prefix, field);
        put_item(p, field->kind, &one);
    }
    if (p->eye && count > EYE_ITEMS) {
        put_name(p, prefix, field);
        mqw__put_text(&p->out, ELLIPSIS);
        put_size(p, "(", count, " in all)");
    }
}

static mqw_bytes view_at(const void *at)
{
    mqw_bytes view;
    memcpy(&view, at, sizeof(view));
    return view;
}

static uint32_t number_at(unsigned kind, const uint8_t *at)
{
    uint16_t half;
    uint32_t word;
    switch (kind) {
    case MQW__FLAG:
    case MQW__U8:
    case MQW__VERSION:
    case MQW__REASON: return *at;
    case MQW__U16: memcpy(&half, at, sizeof(half)); return half;
    default: memcpy(&word, at, sizeof(word)); return word;
    }
}

// 0 stands for 3.1.1, but for a level that nobody knows it stands for itself.
static void put_version(printer *p, uint8_t version)
{
    mqw__put_number(&p->out, version || p->packet->connect.unsupported ? version : MQW_3_1_1);
}

static void put_value(printer *p, unsigned kind, const uint8_t *at)
{
    switch (kind) {
    case MQW__FLAG: break;
    case MQW__REASON: put_reason(p, *at); break;
    case MQW__TEXT:
    case MQW__PROTOCOL: put_view(p, view_at(at), true); break;
    case MQW__BLOB: put_view(p, view_at(at), false); break;
    case MQW__SECRET: put_secret(p, view_at(at)); break;
    case MQW__REASONS: put_reasons(p, view_at(at)); break;
    case MQW__VERSION: put_version(p, *at); break;
    default: mqw__put_number(&p->out, number_at(kind, at)); break;
    }
}

// Whether a protocol name is the one that goes without saying.
static bool is_own_name(const mqw_connect *connect)
{
    mqw_text own = connect->version == MQW_3_1 ? MQW_TEXT("MQIsdp") : MQW_TEXT("MQTT");
    mqw_text name = connect->protocol_name;
    return name.len == 0 || (name.len == own.len && memcmp(name.data, own.data, own.len) == 0);
}

static bool is_default(const printer *p, unsigned kind, const uint8_t *at)
{
    if (kind == MQW__PROTOCOL)
        return is_own_name(&p->packet->connect);
    return mqw__is_view(kind) ? view_at(at).len == 0 : number_at(kind, at) == 0;
}

static void put_field(printer *p, const char *prefix, const mqw__field *field, const uint8_t *at)
{
    if (mqw__is_list(field->kind)) {
        put_list(p, prefix, field, (mqw_list){view_at(at)});
    } else if (field->always || !is_default(p, field->kind, at)) {
        put_name(p, prefix, field);
        put_value(p, field->kind, at);
    }
}

static void put_fields(printer *p, const mqw__shape *shape)
{
    const uint8_t *base = (const uint8_t *)p->packet;
    for (size_t i = 0; i < shape->count; i++) {
        const mqw__field *field = &shape->fields[i];
        if (field->has == 0 || base[field->has])
            put_field(p, "", field, base + field->offset);
    }
}

static void put_props(printer *p, const char *prefix, uint16_t offset)
{
    const mqw_props *props = (const void *)((const uint8_t *)p->packet + offset);
    if (offset == 0 || props->has == 0)
        return;
    for (size_t i = 0; i < MQW__PROPERTY_COUNT; i++) {
        const mqw__field *field = &mqw__property_fields[i];
        if (props->has >> field->id & 1)
            put_field(p, prefix, field, (const uint8_t *)props + field->offset);
    }
}

// The fixed header, where it is not the one that the type and the fields ask for. A packet that never stood
// on the wire has none.
static void put_header(printer *p)
{
    const mqw_packet *packet = p->packet;
    unsigned flags = mqw__header_flags(packet);
    if (packet->type == MQW_PUBLISH || flags == mqw__own_flags(packet) || (flags == 0 && packet->length == 0))
        return;
    mqw__put_text(&p->out, " flags=");
    put_code(p, (uint8_t)flags);
    if (packet->length)
        put_size(p, " length=", packet->length, "");
}

size_t mqw_print(char *out, size_t cap, const mqw_packet *packet, mqw_form form)
{
    printer p = {.out.cap = cap, .eye = form == MQW_SHORT, .packet = packet};
    p.out.to = out;
    mqw__shape shape = mqw__shape_of(packet);
    mqw__put_text(&p.out, mqw_packet_name((int)packet->type));
    put_fields(&p, &shape);
    put_props(&p, MQW__WILL_PREFIX, shape.will_props);
    put_props(&p, "", shape.props);
    put_header(&p);
    return mqw__put_end(&p.out);
}
