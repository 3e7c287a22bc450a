// SPDX-License-Identifier: MIT
// Properties of packets on the command line; see property.h. Names and ranges come from the table of the
// standard.
#include "property.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <mqwire/codec.h>

typedef enum property_wire { U8, U16, U32, TEXT, BLOB, VARS, PAIRS } property_wire;
typedef enum property_rule { ANY, FLAG, NONZERO, TOPIC } property_rule;

typedef struct property_row {
    unsigned id;
    unsigned packets; // in which a client may send it
    property_wire wire;
    property_rule rule;
    const char *field;
} property_row;

static const property_row rows[] = {
#define X(id, field, wire, client, server, repeat, rule, ...) {id, client, wire, rule, #field},
    MQW_PROPERTIES(X)
#undef X
};

// What the standard calls them, where that is not the name of the field.
static const struct {
    unsigned id;
    const char *name;
} names[] = {
    {MQW_ID_payload_format, "payload-format-indicator"},
    {MQW_ID_message_expiry, "message-expiry-interval"},
    {MQW_ID_subscription_ids, "subscription-identifier"},
    {MQW_ID_session_expiry, "session-expiry-interval"},
    {MQW_ID_auth_method, "authentication-method"},
    {MQW_ID_auth_data, "authentication-data"},
    {MQW_ID_request_problem_info, "request-problem-information"},
    {MQW_ID_request_response_info, "request-response-information"},
    {MQW_ID_will_delay, "will-delay-interval"},
    {MQW_ID_user, "user-property"},
};

static const struct {
    const char *name;
    unsigned bit;
} packets_by_name[] = {
    {"CONNECT", MQW_IN_CONNECT},     {"PUBLISH", MQW_IN_PUBLISH},         {"WILL", MQW_IN_WILL},
    {"SUBSCRIBE", MQW_IN_SUBSCRIBE}, {"UNSUBSCRIBE", MQW_IN_UNSUBSCRIBE}, {"DISCONNECT", MQW_IN_DISCONNECT},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* --- Reading ------------------------------------------------------------------------------------------ */

// Blanks in names are dashes here and underscores in the text form of packets: both are taken.
static bool same_name(const char *a, const char *b)
{
    for (; *a && *b; a++, b++)
        if ((*a == '_' ? '-' : *a) != (*b == '_' ? '-' : *b))
            return false;
    return *a == *b;
}

static const property_row *find_property(const char *name)
{
    unsigned id = 0;
    for (size_t i = 0; i < COUNT(names); i++)
        if (same_name(names[i].name, name))
            id = names[i].id;
    for (size_t i = 0; i < COUNT(rows); i++)
        if (rows[i].id == id || (id == 0 && same_name(rows[i].field, name)))
            return &rows[i];
    return NULL;
}

static unsigned find_packet(const char *name)
{
    for (size_t i = 0; i < COUNT(packets_by_name); i++)
        if (strcasecmp(packets_by_name[i].name, name) == 0)
            return packets_by_name[i].bit;
    return 0;
}

static bool read_number(const property_row *row, const char *text, uint32_t *out)
{
    static const uint32_t most[] = {[U8] = 1, [U16] = 65535, [U32] = UINT32_MAX, [VARS] = 268435455};
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    unsigned long number = strtoul(text, &end, 10);
    *out = (uint32_t)number;
    return *end == '\0' && number <= most[row->wire] && (number > 0 || row->rule != NONZERO);
}

// What is wrong with the value; NULL: nothing.
static const char *read_value(const property_row *row, const char *text, uint32_t *number)
{
    mqw_text value = {text, strlen(text)};
    if (row->wire == TEXT || row->wire == PAIRS || row->wire == BLOB) {
        if (value.len > UINT16_MAX)
            return "is longer than 65535 bytes";
        if (row->wire != BLOB && mqw_utf8_check(value) != 0)
            return "is not UTF-8";
        return row->rule == TOPIC && mqw_topic_check(value) != 0 ? "is not a topic name" : NULL;
    }
    if (!read_number(row, text, number))
        return row->wire == U8 ? "is neither 0 nor 1" : "is not a number in its range";
    return NULL;
}

static bool is_given(const tool_properties *properties, unsigned packet, unsigned id)
{
    for (size_t i = 0; i < properties->count; i++)
        if (properties->items[i].packet == packet && properties->items[i].id == id)
            return true;
    return false;
}

static int wrong(char why[PROPERTY_WHY], const char *word, const char *what)
{
    snprintf(why, PROPERTY_WHY, "%.80s %s", word, what);
    return 0;
}

// Which packets a command sends, for people.
static int no_packet(char why[PROPERTY_WHY], unsigned packets, const char *name)
{
    int len = snprintf(why, PROPERTY_WHY, "%.60s cannot be given properties, but", name);
    for (size_t i = 0; i < COUNT(packets_by_name); i++)
        if (packets_by_name[i].bit & packets)
            len += snprintf(why + len, PROPERTY_WHY - (size_t)len, " %s", packets_by_name[i].name);
    return 0;
}

static bool append(tool_properties *properties, const tool_property *property)
{
    tool_property *items = realloc(properties->items, (properties->count + 1) * sizeof(*items));
    if (items == NULL)
        return false;
    properties->items = items;
    items[properties->count++] = *property;
    return true;
}

int property_read(tool_properties *properties, unsigned packets, int count, char **words,
                  char why[PROPERTY_WHY])
{
    if (count < 3)
        return wrong(why, "PACKET NAME VALUE", "are wanted");
    const property_row *row = find_property(words[1]);
    unsigned packet = find_packet(words[0]) & packets;
    if (packet == 0)
        return no_packet(why, packets, words[0]);
    if (row == NULL)
        return wrong(why, words[1], "is no property of MQTT 5.0");
    if (row->id == MQW_ID_topic_alias)
        return wrong(why, words[1], "is chosen by mqw itself, where the server takes it");
    if ((row->packets & packet) == 0)
        return wrong(why, words[1], "cannot stand in that packet");
    bool pair = row->wire == PAIRS;
    if (pair && count < PROPERTY_WORDS)
        return wrong(why, "PACKET user-property NAME VALUE", "are wanted");
    tool_property property = {.packet = packet, .id = row->id, .value = words[pair ? 3 : 2]};
    const char *fault = read_value(row, property.value, &property.number);
    if (fault)
        return wrong(why, property.value, fault);
    if (pair) {
        property.name = words[2];
        if ((fault = read_value(row, property.name, &property.number)) != NULL)
            return wrong(why, property.name, fault);
    } else if (is_given(properties, packet, row->id)) {
        return wrong(why, words[1], "is given twice");
    }
    if (!append(properties, &property))
        return wrong(why, "out of memory", "");
    return pair ? PROPERTY_WORDS : PROPERTY_WORDS - 1;
}

void properties_free(tool_properties *properties)
{
    free(properties->items);
    *properties = (tool_properties){NULL, 0};
}

/* --- Giving them to a packet -------------------------------------------------------------------------- */

static mqw_text text_of(const char *text)
{
    return (mqw_text){text, strlen(text)};
}

static mqw_bytes bytes_of(const char *text)
{
    return (mqw_bytes){(const uint8_t *)text, strlen(text)};
}

#define SET_U8(field)    mqw_set(out, field, (uint8_t)property->number)
#define SET_U16(field)   mqw_set(out, field, (uint16_t)property->number)
#define SET_U32(field)   mqw_set(out, field, property->number)
#define SET_TEXT(field)  mqw_set(out, field, text_of(property->value))
#define SET_BLOB(field)  mqw_set(out, field, bytes_of(property->value))
#define SET_VARS(field)  mqw_set(out, field, mqw_list_ids(room, cap, &property->number, 1))
#define SET_PAIRS(field) ((void)0) // all of a packet are one list

static void put(const tool_property *property, mqw_props *out, uint8_t *room, size_t cap)
{
#define X(code, field, wire, ...)           \
    if (property->id == (unsigned)(code)) { \
        SET_##wire(field);                  \
    }
    MQW_PROPERTIES(X)
#undef X
    (void)room, (void)cap;
}

// User properties of a packet: their number, and the bytes that their list takes.
static size_t count_pairs(const tool_properties *properties, unsigned packet, size_t *bytes)
{
    size_t count = 0;
    for (size_t i = 0; i < properties->count; i++) {
        const tool_property *item = &properties->items[i];
        if (item->packet != packet || item->name == NULL)
            continue;
        *bytes += 5 + strlen(item->name) + strlen(item->value);
        count++;
    }
    return count;
}

static bool put_pairs(const tool_properties *properties, unsigned packet, mqw_props *out, uint8_t *room,
                      size_t cap, size_t count)
{
    mqw_pair *pairs = malloc(count * sizeof(*pairs));
    size_t used = 0;
    if (pairs == NULL)
        return false;
    for (size_t i = 0; i < properties->count && used < count; i++) {
        const tool_property *item = &properties->items[i];
        if (item->packet == packet && item->name)
            pairs[used++] = (mqw_pair){text_of(item->name), text_of(item->value)};
    }
    mqw_set(out, user, mqw_list_pairs(room, cap, pairs, used));
    free(pairs);
    return true;
}

bool properties_put(const tool_properties *properties, unsigned packet, mqw_props *out, uint8_t **room)
{
    enum { IDENTIFIER = 5 };
    size_t bytes = IDENTIFIER;
    size_t pairs = count_pairs(properties, packet, &bytes);
    *room = malloc(bytes);
    if (*room == NULL)
        return false;
    for (size_t i = 0; i < properties->count; i++)
        if (properties->items[i].packet == packet)
            put(&properties->items[i], out, *room, IDENTIFIER);
    return pairs == 0 || put_pairs(properties, packet, out, *room + IDENTIFIER, bytes - IDENTIFIER, pairs);
}
