// SPDX-License-Identifier: MIT
// The text form of docs/text.md read back into a packet. One pass over the line, and one more for each kind
// of list in it, because the items of a list must lie together in the room and may stand apart in the line.
#include <string.h>

#include <mqwire/codec.h>

#include "wire/fields.h"
#include "wire/lexer.h"
#include "wire/text.h"

// The bytes that a list item takes in wire form beside its texts, or more: the texts are unescaped that far
// behind the place where the item begins, and moved there when it is written.
enum { ITEM_GAP = 16, MOST_LISTS = 4 };

// A list that the line names: where its first item stands.
typedef struct pending {
    mqw_list *list;
    const char *at;
} pending;

typedef struct scanner {
    mqw__lexer in;
    mqw_packet *out;
    mqw__shape shape;
    uint32_t seen;    // bits of shape.fields, and the two of the fixed header
    uint8_t flags;    // of the fixed header, when seen
    const void *only; // the list that this pass collects; NULL: it reads all but lists
    pending lists[MOST_LISTS];
    size_t list_count;
} scanner;

// The field that a name stands for.
typedef struct target {
    const mqw__field *field;
    uint8_t *value;
    mqw_props *props; // NULL: not a property
    unsigned bit;     // in scanner.seen
} target;

enum { SEEN_FLAGS = 30, SEEN_LENGTH = 31 };

static const mqw__field header_fields[] = {
    {"flags", sizeof("flags") - 1, MQW__U4, 0, false, 0, 0},
    {"length", sizeof("length") - 1, MQW__U32, 0, false, offsetof(mqw_packet, length), 0},
};

/* ---- items of lists ---- */

static uint8_t scan_two_bits(mqw__lexer *in)
{
    return (uint8_t)mqw__lex_number(in, 3, "a number up to 3");
}

static mqw_text scan_text(mqw__lexer *in)
{
    mqw_bytes value = mqw__lex_bytes(in);
    return (mqw_text){(const char *)value.data, value.len};
}

static void scan_option(mqw__lexer *in, mqw_filter *filter)
{
    if (mqw__lex_peek(in) >= '0' && mqw__lex_peek(in) <= '9') {
        filter->qos = scan_two_bits(in);
        return;
    }
    mqw_text word = mqw__lex_word(in, '_');
    if (mqw__lex_is(word, MQW_TEXT("no_local")))
        filter->no_local = true;
    else if (mqw__lex_is(word, MQW_TEXT("retain_as_published")))
        filter->retain_as_published = true;
    else if (mqw__lex_is(word, MQW_TEXT("retain_handling")) && mqw__lex_take(in, '='))
        filter->retain_handling = scan_two_bits(in);
    else
        mqw__lex_fail(in, word.data, "a QoS, no_local, retain_as_published or retain_handling=");
}

static mqw_filter scan_filter(mqw__lexer *in)
{
    mqw_filter filter = {.filter = scan_text(in)};
    while (mqw__lex_take(in, ':'))
        scan_option(in, &filter);
    return filter;
}

static mqw_pair scan_pair(mqw__lexer *in)
{
    mqw_pair pair = {.name = scan_text(in)};
    if (mqw__lex_take(in, ':'))
        pair.value = scan_text(in);
    else
        mqw__lex_fail(in, in->at, ": and the value of the user property");
    return pair;
}

static uint32_t scan_id(mqw__lexer *in)
{
    return mqw__lex_number(in, 268435455, "a number up to 268435455");
}

// Reads an item and writes it in wire form to the beginning of the room that it is given.
static mqw_list scan_item(mqw__lexer *in, unsigned kind, uint8_t *room, size_t cap)
{
    mqw_filter filter;
    mqw_text topic;
    uint32_t id;
    mqw_pair pair;
    switch (kind) {
    case MQW__FILTERS: filter = scan_filter(in); return mqw_list_filters(room, cap, &filter, 1);
    case MQW__TOPICS: topic = scan_text(in); return mqw_list_topics(room, cap, &topic, 1);
    case MQW__VARS: id = scan_id(in); return mqw_list_ids(room, cap, &id, 1);
    default: pair = scan_pair(in); return mqw_list_pairs(room, cap, &pair, 1);
    }
}

// Appends an item to the list that this pass collects.
static void scan_into_list(mqw__lexer *in, unsigned kind, mqw_list *list)
{
    const char *start = in->at;
    size_t mark = in->used;
    if (in->cap - mark < ITEM_GAP) {
        mqw__lex_no_room(in);
        return;
    }
    in->used = mark + ITEM_GAP;
    mqw_list one = scan_item(in, kind, in->room + mark, in->cap - mark);
    if (one.wire.len == 0)
        mqw__lex_fail(in, start, "a text of at most 65535 bytes");
    if (list->wire.len == 0)
        list->wire.data = in->room + mark;
    list->wire.len += one.wire.len;
    in->used = mark + one.wire.len;
}

// Remembers that a list, of which an item stands at `at`, has to be collected.
static void note_list(scanner *s, mqw_list *list, const char *at)
{
    for (size_t i = 0; i < s->list_count; i++)
        if (s->lists[i].list == list)
            return;
    s->lists[s->list_count++] = (pending){list, at};
}

/* ---- fields ---- */

static void set_view(uint8_t *at, mqw_bytes view)
{
    memcpy(at, &view, sizeof(view));
}

static void scan_value(mqw__lexer *in, unsigned kind, uint8_t *at)
{
    uint16_t half;
    uint32_t word;
    switch (kind) {
    case MQW__FLAG: *at = true; break;
    case MQW__U4: *at = (uint8_t)mqw__lex_number(in, 15, "a number up to 15"); break;
    case MQW__U8:
    case MQW__VERSION: *at = (uint8_t)mqw__lex_number(in, UINT8_MAX, "a number up to 255"); break;
    case MQW__REASON: *at = mqw__lex_reason(in); break;
    case MQW__U16:
        half = (uint16_t)mqw__lex_number(in, UINT16_MAX, "a number up to 65535");
        memcpy(at, &half, sizeof(half));
        break;
    case MQW__U32:
        word = mqw__lex_number(in, UINT32_MAX, "a number up to 4294967295");
        memcpy(at, &word, sizeof(word));
        break;
    case MQW__REASONS: set_view(at, mqw__lex_reasons(in)); break;
    default: set_view(at, mqw__lex_bytes(in)); break;
    }
}

static bool find_among(const mqw__field *fields, size_t count, mqw_text name, size_t *index)
{
    for (*index = 0; *index < count; ++*index)
        if (mqw__lex_is(name, (mqw_text){fields[*index].name, fields[*index].len}))
            return true;
    return false;
}

static bool find_property(scanner *s, mqw_text name, uint16_t props, target *out)
{
    size_t i;
    if (props == 0 || !find_among(mqw__property_fields, MQW__PROPERTY_COUNT, name, &i))
        return false;
    out->field = &mqw__property_fields[i];
    out->props = (void *)((uint8_t *)s->out + props);
    out->value = (uint8_t *)out->props + out->field->offset;
    return true;
}

static bool find_header(scanner *s, mqw_text name, target *out)
{
    size_t i;
    if (s->out->type == MQW_PUBLISH || !find_among(header_fields, 2, name, &i))
        return false;
    out->field = &header_fields[i];
    out->value = i == 0 ? &s->flags : (uint8_t *)&s->out->length;
    out->bit = SEEN_FLAGS + (unsigned)i;
    return true;
}

static bool find_field(scanner *s, mqw_text name, target *out)
{
    static const size_t prefix = sizeof(MQW__WILL_PREFIX) - 1;
    size_t i;
    if (find_among(s->shape.fields, s->shape.count, name, &i)) {
        out->field = &s->shape.fields[i];
        out->value = (uint8_t *)s->out + out->field->offset;
        out->bit = (unsigned)i;
        return true;
    }
    if (find_property(s, name, s->shape.props, out) || find_header(s, name, out))
        return true;
    if (name.len <= prefix || memcmp(name.data, MQW__WILL_PREFIX, prefix) != 0)
        return false;
    name.data += prefix;
    name.len -= prefix;
    return find_property(s, name, s->shape.will_props, out);
}

// Marks a field as there; false: it was there before.
static bool mark_seen(scanner *s, const target *field)
{
    uint64_t had;
    if (field->props) {
        uint64_t bit = UINT64_C(1) << field->field->id;
        had = field->props->has & bit;
        field->props->has |= bit;
        if (s->out->type == MQW_CONNECT && field->props == &s->out->connect.will.props)
            s->out->connect.has_will = true;
        return had == 0;
    }
    uint32_t bit = UINT32_C(1) << field->bit;
    had = s->seen & bit;
    s->seen |= bit;
    if (field->field->has)
        ((uint8_t *)s->out)[field->field->has] = true;
    return had == 0;
}

// A pass that collects a list checks the other values again, but has no use for them.
static void scan_plain_field(scanner *s, const target *field)
{
    uint8_t nowhere[sizeof(mqw_bytes)];
    s->in.storing = s->only == NULL;
    scan_value(&s->in, field->field->kind, s->in.storing ? field->value : nowhere);
}

static void scan_list_field(scanner *s, const target *field, const char *before)
{
    unsigned kind = field->field->kind;
    s->in.storing = s->only == field->value;
    if (s->in.storing) {
        scan_into_list(&s->in, kind, (void *)field->value);
    } else {
        if (s->only == NULL)
            note_list(s, (void *)field->value, before);
        scan_item(&s->in, kind, NULL, 0);
    }
}

// The next field: its name is taken, `before` is where the blanks in front of it begin.
static void scan_field(scanner *s, mqw_text name, const char *before)
{
    target field = {0};
    if (!find_field(s, name, &field)) {
        mqw__lex_fail(&s->in, name.data, "a field of this packet");
        return;
    }
    bool fresh = mark_seen(s, &field), list = mqw__is_list(field.field->kind);
    if (!fresh && !list && s->only == NULL)
        mqw__lex_fail(&s->in, name.data, "each field only once");
    else if (field.field->kind != MQW__FLAG && !mqw__lex_take(&s->in, '='))
        mqw__lex_fail(&s->in, s->in.at, "= and a value");
    else if (list)
        scan_list_field(s, &field, before);
    else
        scan_plain_field(s, &field);
}

// Takes the name of the next field; false at the end, which is also where a comment begins.
static bool next_name(mqw__lexer *in, mqw_text *name)
{
    bool apart = mqw__lex_blanks(in) || in->at == in->line;
    if (in->at == in->end)
        return false;
    if (!apart) {
        mqw__lex_fail(in, in->at, "a blank");
        return false;
    }
    *name = mqw__lex_word(in, '.');
    return name->len > 0 || *in->at != '#';
}

static void scan_fields(scanner *s)
{
    mqw_text name;
    const char *before = s->in.at;
    while (next_name(&s->in, &name)) {
        scan_field(s, name, before);
        before = s->in.at;
    }
}

static bool scan_type(scanner *s)
{
    static const char expected[] = "a packet name";
    mqw_text name = {s->in.line, 0};
    if (next_name(&s->in, &name))
        for (int type = MQW_CONNECT; type <= MQW_AUTH; type++) {
            const char *candidate = mqw_packet_name(type);
            if (mqw__same_word(name.data, name.len, candidate, strlen(candidate))) {
                s->out->type = (mqw_packet_type)type;
                s->shape = mqw__shape_of_type((unsigned)type);
                return true;
            }
        }
    mqw__lex_fail(&s->in, name.len ? name.data : s->in.at, expected);
    return false;
}

static void scan_lists(scanner *s)
{
    for (size_t i = 0; i < s->list_count && s->in.code == 0; i++) {
        s->only = s->lists[i].list;
        s->in.at = s->lists[i].at;
        scan_fields(s);
    }
}

static void set_header(scanner *s)
{
    mqw_packet *out = s->out;
    if (out->type == MQW_PUBLISH) {
        out->dup = out->publish.dup;
        out->qos = out->publish.qos;
        out->retain = out->publish.retain;
        return;
    }
    unsigned flags = s->seen >> SEEN_FLAGS & 1 ? s->flags : mqw__own_flags(out);
    out->dup = flags >> 3 & 1;
    out->qos = flags >> 1 & 3;
    out->retain = flags & 1;
}

// What was scanned must be what the packet can show: behind an unknown level nothing is.
static void check_unsupported(scanner *s)
{
    mqw__shape shape = mqw__shape_of(s->out);
    const mqw_connect *connect = &s->out->connect;
    if (s->out->type != MQW_CONNECT || !connect->unsupported)
        return;
    uint32_t allowed =
        ((UINT32_C(1) << shape.count) - 1) | UINT32_C(1) << SEEN_FLAGS | UINT32_C(1) << SEEN_LENGTH;
    if ((s->seen & ~allowed) != 0 || connect->has_will || connect->props.has != 0)
        mqw__lex_fail(&s->in, s->in.end, "no field but version and bridge beside unsupported");
}

static int report(const scanner *s, mqw_error *why)
{
    if (s->in.code == 0 || why == NULL)
        return s->in.code;
    memset(why, 0, sizeof(*why));
    why->code = s->in.code;
    why->type = (uint8_t)s->out->type;
    why->field = s->in.expected;
    why->offset = s->in.code == MQW_E_NO_ROOM ? (uint64_t)(s->in.end - s->in.line) + ITEM_GAP
                                              : (uint64_t)(s->in.failed_at - s->in.line);
    return s->in.code;
}

int mqw_scan(mqw_text line, mqw_packet *out, uint8_t *room, size_t cap, mqw_error *why)
{
    const char *start = line.len ? line.data : "";
    scanner s = {.in = {.line = start, .at = start, .end = start + line.len, .cap = cap}, .out = out};
    s.in.room = room;
    memset(out, 0, sizeof(*out));
    if (scan_type(&s)) {
        if (out->type == MQW_CONNECT)
            out->connect.version = MQW_3_1_1;
        scan_fields(&s);
        scan_lists(&s);
        check_unsupported(&s);
        set_header(&s);
    }
    return report(&s, why);
}
