// SPDX-License-Identifier: MIT
// The text form of docs/text.md read back into a packet. One pass over the line, and one more for each kind
// of list in it, because the items of a list must lie together in the room and may stand apart in the line.
#include <string.h>

#include <mqwire/codec.h>

#include "wire/fields.h"
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
    const char *line;
    const char *at; // the end of the line as soon as something has failed
    const char *end;
    uint8_t *room;
    size_t used;
    size_t cap;
    bool storing; // else values are only checked
    mqw_packet *out;
    mqw__shape shape;
    uint32_t seen;    // bits of shape.fields, and the two of the fixed header
    uint8_t flags;    // of the fixed header, when seen
    const void *only; // the list that this pass collects; NULL: it reads all but lists
    pending lists[MOST_LISTS];
    size_t list_count;
    int code;
    const char *expected;
    const char *failed_at;
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

/* ---- failing ---- */

static void fail(scanner *s, const char *at, const char *expected)
{
    if (s->code == 0) {
        s->code = MQW_E_MALFORMED;
        s->expected = expected;
        s->failed_at = at;
    }
    s->at = s->end;
}

static void fail_for_room(scanner *s)
{
    if (s->code == 0)
        s->code = MQW_E_NO_ROOM;
    s->at = s->end;
}

/* ---- characters and words ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// The value of a digit in any base up to 16; 16: it is none.
static unsigned digit(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    if (c >= 'a' && c <= 'f')
        return (unsigned)(c - 'a') + 10;
    return c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10 : 16;
}

static char peek(const scanner *s)
{
    return s->at < s->end ? *s->at : '\0';
}

// Takes one character when it is the next one.
static bool take(scanner *s, char c)
{
    bool found = s->at < s->end && *s->at == c;
    s->at += found;
    return found;
}

static bool take_0x(scanner *s)
{
    bool found = s->end - s->at >= 2 && s->at[0] == '0' && (s->at[1] == 'x' || s->at[1] == 'X');
    s->at += found ? 2 : 0;
    return found;
}

static mqw_text take_word(scanner *s)
{
    mqw_text word = {s->at, 0};
    while (s->at < s->end && is_word(*s->at))
        s->at++;
    word.len = (size_t)(s->at - word.data);
    return word;
}

static bool is(mqw_text word, const char *name, size_t len)
{
    return word.len == len && memcmp(word.data, name, len) == 0;
}

/* ---- values ---- */

static uint32_t scan_number(scanner *s, uint32_t most, const char *expected)
{
    const char *start = s->at;
    unsigned base = take_0x(s) ? 16 : 10;
    const char *digits = s->at;
    uint64_t number = 0;
    while (s->at < s->end && digit(*s->at) < base) {
        number = number * base + digit(*s->at++);
        if (number > most) {
            fail(s, start, expected);
            return 0;
        }
    }
    if (s->at == digits)
        fail(s, start, expected);
    return (uint32_t)number;
}

static uint8_t scan_u8(scanner *s)
{
    return (uint8_t)scan_number(s, UINT8_MAX, "a number up to 255");
}

static uint8_t scan_two_bits(scanner *s)
{
    return (uint8_t)scan_number(s, 3, "a number up to 3");
}

static uint8_t scan_reason(scanner *s)
{
    static const char expected[] = "a reason code: its name, or a number up to 255";
    if (peek(s) >= '0' && peek(s) <= '9')
        return (uint8_t)scan_number(s, UINT8_MAX, expected);
    mqw_text name = take_word(s);
    int reason = mqw__reason_by_name(name.data, name.len);
    if (reason < 0)
        fail(s, name.data, expected);
    return (uint8_t)reason;
}

// Puts bytes behind those that the room holds.
static void store(scanner *s, const void *bytes, size_t len)
{
    if (!s->storing || len == 0)
        return;
    if (s->used > s->cap || len > s->cap - s->used) {
        fail_for_room(s);
        return;
    }
    memcpy(s->room + s->used, bytes, len);
    s->used += len;
}

static void store_byte(scanner *s, unsigned byte)
{
    uint8_t one = (uint8_t)byte;
    store(s, &one, 1);
}

// Two hexadecimal digits.
static unsigned scan_byte(scanner *s)
{
    unsigned high = digit(peek(s)), low = s->end - s->at >= 2 ? digit(s->at[1]) : 16;
    if (high > 15 || low > 15) {
        fail(s, s->at, "two hexadecimal digits for each byte");
        return 0;
    }
    s->at += 2;
    return high << 4 | low;
}

static void scan_escape(scanner *s)
{
    static const char letters[] = "\"\\nrt", bytes[] = "\"\\\n\r\t";
    const char *start = s->at - 1;
    if (take(s, 'x')) {
        store_byte(s, scan_byte(s));
        return;
    }
    const char *letter = s->at < s->end && *s->at ? strchr(letters, *s->at) : NULL;
    if (letter == NULL) {
        fail(s, start, "an escape: \\\" \\\\ \\n \\r \\t or \\x and two digits");
        return;
    }
    s->at++;
    store_byte(s, (uint8_t)bytes[letter - letters]);
}

// The opening quote is taken.
static void scan_quoted(scanner *s)
{
    for (;;) {
        const char *plain = s->at;
        while (s->at < s->end && *s->at != '"' && *s->at != '\\')
            s->at++;
        store(s, plain, (size_t)(s->at - plain));
        if (take(s, '"'))
            return;
        if (!take(s, '\\')) {
            fail(s, s->end, "a closing quote");
            return;
        }
        scan_escape(s);
    }
}

static mqw_bytes scan_bytes(scanner *s)
{
    size_t start = s->used;
    if (take(s, '"'))
        scan_quoted(s);
    else if (take_0x(s))
        while (is_word(peek(s)))
            store_byte(s, scan_byte(s));
    else
        fail(s, s->at, "a quoted text, or 0x and hexadecimal digits");
    mqw_bytes value = {(const uint8_t *)"", s->used - start};
    if (value.len > 0)
        value.data = s->room + start;
    return value;
}

static mqw_text scan_text(scanner *s)
{
    mqw_bytes value = scan_bytes(s);
    return (mqw_text){(const char *)value.data, value.len};
}

static mqw_bytes scan_reasons(scanner *s)
{
    size_t start = s->used;
    do
        store_byte(s, scan_reason(s));
    while (take(s, ','));
    mqw_bytes value = {(const uint8_t *)"", s->used - start};
    if (value.len > 0)
        value.data = s->room + start;
    return value;
}

/* ---- items of lists ---- */

static void scan_option(scanner *s, mqw_filter *filter)
{
    if (digit(peek(s)) < 10) {
        filter->qos = scan_two_bits(s);
        return;
    }
    mqw_text word = take_word(s);
    if (is(word, "no_local", 8))
        filter->no_local = true;
    else if (is(word, "retain_as_published", 19))
        filter->retain_as_published = true;
    else if (is(word, "retain_handling", 15) && take(s, '='))
        filter->retain_handling = scan_two_bits(s);
    else
        fail(s, word.data, "a QoS, no_local, retain_as_published or retain_handling=");
}

static mqw_filter scan_filter(scanner *s)
{
    mqw_filter filter = {.filter = scan_text(s)};
    while (take(s, ':'))
        scan_option(s, &filter);
    return filter;
}

static mqw_pair scan_pair(scanner *s)
{
    mqw_pair pair = {.name = scan_text(s)};
    if (take(s, ':'))
        pair.value = scan_text(s);
    else
        fail(s, s->at, ": and the value of the user property");
    return pair;
}

static uint32_t scan_id(scanner *s)
{
    return scan_number(s, 268435455, "a number up to 268435455");
}

// Reads an item and writes it in wire form to the beginning of the room that it is given.
static mqw_list scan_item(scanner *s, unsigned kind, uint8_t *room, size_t cap)
{
    mqw_filter filter;
    mqw_text topic;
    uint32_t id;
    mqw_pair pair;
    switch (kind) {
    case MQW__FILTERS: filter = scan_filter(s); return mqw_list_filters(room, cap, &filter, 1);
    case MQW__TOPICS: topic = scan_text(s); return mqw_list_topics(room, cap, &topic, 1);
    case MQW__VARS: id = scan_id(s); return mqw_list_ids(room, cap, &id, 1);
    default: pair = scan_pair(s); return mqw_list_pairs(room, cap, &pair, 1);
    }
}

// Appends an item to the list that this pass collects.
static void scan_into_list(scanner *s, unsigned kind, mqw_list *list)
{
    const char *start = s->at;
    size_t mark = s->used;
    if (s->cap - mark < ITEM_GAP) {
        fail_for_room(s);
        return;
    }
    s->used = mark + ITEM_GAP;
    mqw_list one = scan_item(s, kind, s->room + mark, s->cap - mark);
    if (s->code == 0 && one.wire.len == 0)
        fail(s, start, "a text of at most 65535 bytes");
    if (list->wire.len == 0)
        list->wire.data = s->room + mark;
    list->wire.len += one.wire.len;
    s->used = mark + one.wire.len;
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

static void scan_value(scanner *s, unsigned kind, uint8_t *at)
{
    uint16_t half;
    uint32_t word;
    switch (kind) {
    case MQW__FLAG: *at = true; break;
    case MQW__U4: *at = (uint8_t)scan_number(s, 15, "a number up to 15"); break;
    case MQW__U8:
    case MQW__VERSION: *at = scan_u8(s); break;
    case MQW__REASON: *at = scan_reason(s); break;
    case MQW__U16:
        half = (uint16_t)scan_number(s, UINT16_MAX, "a number up to 65535");
        memcpy(at, &half, sizeof(half));
        break;
    case MQW__U32:
        word = scan_number(s, UINT32_MAX, "a number up to 4294967295");
        memcpy(at, &word, sizeof(word));
        break;
    case MQW__REASONS: set_view(at, scan_reasons(s)); break;
    default: set_view(at, scan_bytes(s)); break;
    }
}

static bool find_among(const mqw__field *fields, size_t count, mqw_text name, size_t *index)
{
    for (*index = 0; *index < count; ++*index)
        if (is(name, fields[*index].name, fields[*index].len))
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
static bool mark(scanner *s, const target *field)
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
    s->storing = s->only == NULL;
    scan_value(s, field->field->kind, s->storing ? field->value : nowhere);
}

static void scan_list_field(scanner *s, const target *field, const char *before)
{
    unsigned kind = field->field->kind;
    s->storing = s->only == field->value;
    if (s->storing) {
        scan_into_list(s, kind, (void *)field->value);
    } else {
        if (s->only == NULL)
            note_list(s, (void *)field->value, before);
        scan_item(s, kind, NULL, 0);
    }
}

// The next field: its name is taken, `before` is where the blanks in front of it begin.
static void scan_field(scanner *s, mqw_text name, const char *before)
{
    target field = {0};
    if (!find_field(s, name, &field)) {
        fail(s, name.data, "a field of this packet");
        return;
    }
    bool fresh = mark(s, &field), list = mqw__is_list(field.field->kind);
    if (!fresh && !list && s->only == NULL)
        fail(s, name.data, "each field only once");
    else if (field.field->kind != MQW__FLAG && !take(s, '='))
        fail(s, s->at, "= and a value");
    else if (list)
        scan_list_field(s, &field, before);
    else
        scan_plain_field(s, &field);
}

// Takes the name of the next field; false at the end, which is also where a comment begins.
static bool next_name(scanner *s, mqw_text *name)
{
    const char *before = s->at;
    while (is_blank(peek(s)))
        s->at++;
    if (s->at == s->end)
        return false;
    if (s->at == before && before != s->line) {
        fail(s, before, "a blank");
        return false;
    }
    if (*s->at == '#')
        return false;
    name->data = s->at;
    while (is_word(peek(s)) || peek(s) == '.')
        s->at++;
    name->len = (size_t)(s->at - name->data);
    return true;
}

static void scan_fields(scanner *s)
{
    mqw_text name;
    const char *before = s->at;
    while (next_name(s, &name)) {
        scan_field(s, name, before);
        before = s->at;
    }
}

static bool scan_type(scanner *s)
{
    static const char expected[] = "a packet name";
    mqw_text name = {s->line, 0};
    if (next_name(s, &name))
        for (int type = MQW_CONNECT; type <= MQW_AUTH; type++) {
            const char *candidate = mqw_packet_name(type);
            if (mqw__same_word(name.data, name.len, candidate, strlen(candidate))) {
                s->out->type = (mqw_packet_type)type;
                s->shape = mqw__shape_of_type((unsigned)type);
                return true;
            }
        }
    fail(s, name.len ? name.data : s->at, expected);
    return false;
}

static void scan_lists(scanner *s)
{
    for (size_t i = 0; i < s->list_count && s->code == 0; i++) {
        s->only = s->lists[i].list;
        s->at = s->lists[i].at;
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
    uint32_t allowed = (UINT32_C(1) << shape.count) - 1;
    if ((s->seen & ~allowed) != 0 || connect->has_will || connect->props.has != 0)
        fail(s, s->end, "no field but version and bridge beside unsupported");
}

static int report(const scanner *s, mqw_error *why)
{
    if (s->code == 0 || why == NULL)
        return s->code;
    memset(why, 0, sizeof(*why));
    why->code = s->code;
    why->type = (uint8_t)s->out->type;
    why->field = s->expected;
    why->offset = s->code == MQW_E_NO_ROOM ? (uint64_t)(s->end - s->line) + ITEM_GAP
                                           : (uint64_t)(s->failed_at - s->line);
    return s->code;
}

int mqw_scan(mqw_text line, mqw_packet *out, uint8_t *room, size_t cap, mqw_error *why)
{
    const char *start = line.len ? line.data : "";
    scanner s = {.line = start, .at = start, .end = start + line.len, .room = room, .cap = cap, .out = out};
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
