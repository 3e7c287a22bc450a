// SPDX-License-Identifier: MIT
// The formats of mosquitto_sub(1): sequences that begin with %, @ and \; see format.h.
#include "format.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mqwire/codec.h>

// What stands between % and its letter.
typedef struct field {
    bool left;
    bool zero;
    size_t width;
    size_t most; // of a text; SIZE_MAX: all
} field;

typedef const char *print_field(tool_outlet *out, const tool_message *message, const field *f);

/* --- Padding ------------------------------------------------------------------------------------------ */

static void put_padded(tool_outlet *out, mqw_text text, const field *f, char pad)
{
    size_t len = text.len < f->most ? text.len : f->most;
    size_t blanks = f->width > len ? f->width - len : 0;
    if (!f->left)
        outlet_fill(out, pad, blanks);
    outlet_peer(out, (mqw_text){text.data, len});
    if (f->left)
        outlet_fill(out, ' ', blanks);
}

static char pad_of(const field *f)
{
    return f->zero && !f->left ? '0' : ' ';
}

static void put_text(tool_outlet *out, mqw_text text, const field *f)
{
    put_padded(out, text, f, ' ');
}

static void put_number(tool_outlet *out, bool there, uint32_t number, const field *f)
{
    char text[16];
    field all = *f;
    int len = there ? snprintf(text, sizeof(text), "%lu", (unsigned long)number) : 0;
    all.most = SIZE_MAX;
    put_padded(out, (mqw_text){text, (size_t)len}, &all, pad_of(f));
}

/* --- The message -------------------------------------------------------------------------------------- */

static const char *print_percent(tool_outlet *out, const tool_message *message, const field *f)
{
    (void)message, (void)f;
    outlet_put(out, "%", 1);
    return NULL;
}

static const char *print_topic(tool_outlet *out, const tool_message *message, const field *f)
{
    put_text(out, message->publish->topic, f);
    return NULL;
}

static const char *print_payload(tool_outlet *out, const tool_message *message, const field *f)
{
    mqw_bytes payload = message->publish->payload;
    field all = *f;
    all.most = SIZE_MAX;
    put_padded(out, (mqw_text){(const char *)payload.data, payload.len}, &all, pad_of(f));
    return NULL;
}

static void put_hex(tool_outlet *out, mqw_bytes payload, const field *f, const char digits[17])
{
    size_t blanks = f->width > payload.len * 2 ? f->width - payload.len * 2 : 0;
    if (!f->left)
        outlet_fill(out, pad_of(f), blanks);
    for (size_t i = 0; i < payload.len; i++) {
        char pair[2] = {digits[payload.data[i] >> 4], digits[payload.data[i] & 15]};
        outlet_put(out, pair, 2);
    }
    if (f->left)
        outlet_fill(out, ' ', blanks);
}

static const char *print_hex(tool_outlet *out, const tool_message *message, const field *f)
{
    put_hex(out, message->publish->payload, f, "0123456789abcdef");
    return NULL;
}

static const char *print_upper_hex(tool_outlet *out, const tool_message *message, const field *f)
{
    put_hex(out, message->publish->payload, f, "0123456789ABCDEF");
    return NULL;
}

static const char *print_length(tool_outlet *out, const tool_message *message, const field *f)
{
    put_number(out, true, (uint32_t)message->publish->payload.len, f);
    return NULL;
}

static const char *print_packet_id(tool_outlet *out, const tool_message *message, const field *f)
{
    put_number(out, true, message->publish->packet_id, f);
    return NULL;
}

static const char *print_qos(tool_outlet *out, const tool_message *message, const field *f)
{
    (void)f;
    outlet_fill(out, (char)('0' + message->publish->qos), 1);
    return NULL;
}

static const char *print_retain(tool_outlet *out, const tool_message *message, const field *f)
{
    (void)f;
    outlet_fill(out, message->publish->retain ? '1' : '0', 1);
    return NULL;
}

/* --- Its properties ----------------------------------------------------------------------------------- */

static const char *print_alias(tool_outlet *out, const tool_message *message, const field *f)
{
    const mqw_props *props = &message->publish->props;
    put_number(out, mqw_has(props, topic_alias), mqw_value(props, topic_alias), f);
    return NULL;
}

static const char *print_content_type(tool_outlet *out, const tool_message *message, const field *f)
{
    put_text(out, mqw_value(&message->publish->props, content_type), f);
    return NULL;
}

static const char *print_correlation(tool_outlet *out, const tool_message *message, const field *f)
{
    mqw_bytes data = mqw_value(&message->publish->props, correlation_data);
    (void)f;
    outlet_peer(out, (mqw_text){(const char *)data.data, data.len});
    return NULL;
}

static const char *print_expiry(tool_outlet *out, const tool_message *message, const field *f)
{
    const mqw_props *props = &message->publish->props;
    put_number(out, mqw_has(props, message_expiry), mqw_value(props, message_expiry), f);
    return NULL;
}

static const char *print_payload_format(tool_outlet *out, const tool_message *message, const field *f)
{
    const mqw_props *props = &message->publish->props;
    put_number(out, mqw_has(props, payload_format), mqw_value(props, payload_format), f);
    return NULL;
}

static const char *print_user(tool_outlet *out, const tool_message *message, const field *f)
{
    mqw_list left = mqw_value(&message->publish->props, user);
    mqw_pair pair;
    (void)f;
    for (bool first = true; mqw_next_pair(&left, &pair); first = false) {
        outlet_put(out, " ", first ? 0 : 1);
        outlet_peer(out, pair.name);
        outlet_put(out, ":", 1);
        outlet_peer(out, pair.value);
    }
    return NULL;
}

static const char *print_response_topic(tool_outlet *out, const tool_message *message, const field *f)
{
    put_text(out, mqw_value(&message->publish->props, response_topic), f);
    return NULL;
}

static const char *print_subscription(tool_outlet *out, const tool_message *message, const field *f)
{
    mqw_list ids = mqw_value(&message->publish->props, subscription_ids);
    uint32_t id = 0;
    bool there = mqw_next_id(&ids, &id);
    put_number(out, there, id, f);
    return NULL;
}

/* --- Time --------------------------------------------------------------------------------------------- */

static size_t print_time(const tool_message *message, const char *format, char *out, size_t cap)
{
    struct tm fields;
    if (localtime_r(&message->now.tv_sec, &fields) == NULL)
        return 0;
    return strftime(out, cap, format, &fields);
}

static const char *print_date(tool_outlet *out, const tool_message *message, const field *f)
{
    char text[64];
    put_text(out, (mqw_text){text, print_time(message, "%Y-%m-%dT%H:%M:%S%z", text, sizeof(text))}, f);
    return NULL;
}

static const char *print_unix_time(tool_outlet *out, const tool_message *message, const field *f)
{
    char text[48];
    int len =
        snprintf(text, sizeof(text), "%lld.%09ld", (long long)message->now.tv_sec, message->now.tv_nsec);
    (void)f;
    outlet_put(out, text, (size_t)len);
    return NULL;
}

static void print_at(tool_outlet *out, const tool_message *message, char letter)
{
    char text[128], format[3] = {'%', letter, '\0'};
    if (letter == '@')
        outlet_put(out, "@", 1);
    else if (letter == 'N')
        outlet_put(out, text, (size_t)snprintf(text, sizeof(text), "%09ld", message->now.tv_nsec));
    else
        outlet_put(out, text, print_time(message, format, text, sizeof(text)));
}

/* --- JSON --------------------------------------------------------------------------------------------- */

// Bytes as a text, or, when they are not UTF-8, as an array of numbers.
static json_t *json_of(const void *data, size_t len)
{
    const uint8_t *bytes = data;
    const char *text = len ? data : "";
    if (mqw_utf8_check((mqw_text){text, len}) == 0)
        return json_stringn(text, len);
    json_t *array = json_array();
    for (size_t i = 0; i < len; i++)
        json_array_append_new(array, json_integer(bytes[i]));
    return array;
}

static void set_text(json_t *object, const char *name, bool there, mqw_text text)
{
    if (there)
        json_object_set_new(object, name, json_of(text.data, text.len));
}

static void set_number(json_t *object, const char *name, bool there, uint32_t number)
{
    if (there)
        json_object_set_new(object, name, json_integer(number));
}

static void set_user(json_t *object, mqw_list left)
{
    json_t *user = json_object();
    mqw_pair pair;
    while (mqw_next_pair(&left, &pair)) {
        char *name = strndup(pair.name.data, pair.name.len);
        if (name)
            json_object_set_new(user, name, json_of(pair.value.data, pair.value.len));
        free(name);
    }
    json_object_set_new(object, "user-properties", user);
}

static json_t *properties_of(const mqw_props *props)
{
    json_t *object = json_object();
    mqw_bytes data = mqw_value(props, correlation_data);
    mqw_list ids = mqw_value(props, subscription_ids);
    uint32_t id;
    set_number(object, "payload-format-indicator", mqw_has(props, payload_format),
               mqw_value(props, payload_format));
    set_number(object, "message-expiry-interval", mqw_has(props, message_expiry),
               mqw_value(props, message_expiry));
    set_text(object, "content-type", mqw_has(props, content_type), mqw_value(props, content_type));
    set_text(object, "response-topic", mqw_has(props, response_topic), mqw_value(props, response_topic));
    set_text(object, "correlation-data", mqw_has(props, correlation_data),
             (mqw_text){(const char *)data.data, data.len});
    set_number(object, "subscription-identifier", mqw_next_id(&ids, &id), id);
    set_number(object, "topic-alias", mqw_has(props, topic_alias), mqw_value(props, topic_alias));
    if (mqw_has(props, user))
        set_user(object, props->user);
    return object;
}

static json_t *json_message(const tool_message *message)
{
    const mqw_publish *publish = message->publish;
    char stamp[64], zone[16], all[112];
    stamp[print_time(message, "%Y-%m-%dT%H:%M:%S", stamp, sizeof(stamp))] = '\0';
    zone[print_time(message, "%z", zone, sizeof(zone))] = '\0';
    snprintf(all, sizeof(all), "%s.%06ld%s", stamp, message->now.tv_nsec / 1000, zone);
    json_t *object = json_object();
    json_object_set_new(object, "tst", json_string(all));
    json_object_set_new(object, "topic", json_of(publish->topic.data, publish->topic.len));
    set_number(object, "qos", true, publish->qos);
    set_number(object, "retain", true, publish->retain);
    set_number(object, "payloadlen", true, (uint32_t)publish->payload.len);
    set_number(object, "mid", publish->qos > 0, publish->packet_id);
    if (publish->props.has)
        json_object_set_new(object, "properties", properties_of(&publish->props));
    return object;
}

static void put_bytes(void *out, const void *bytes, size_t len)
{
    outlet_put(out, bytes, len);
}

static int put_json(const char *bytes, size_t len, void *out)
{
    plain_json((mqw_text){bytes, len}, put_bytes, out);
    return 0;
}

static const char *print_object(tool_outlet *out, const tool_message *message, json_t *payload)
{
    json_t *object = json_message(message);
    json_object_set_new(object, "payload", payload);
    json_dump_callback(object, put_json, out, message->pretty ? JSON_INDENT(2) : JSON_COMPACT);
    json_decref(object);
    return NULL;
}

static const char *print_json(tool_outlet *out, const tool_message *message, const field *f)
{
    mqw_bytes payload = message->publish->payload;
    (void)f;
    return print_object(out, message, json_of(payload.data, payload.len));
}

static const char *print_json_inside(tool_outlet *out, const tool_message *message, const field *f)
{
    mqw_bytes payload = message->publish->payload;
    json_t *inside = payload.len ? json_loadb((const char *)payload.data, payload.len, JSON_DECODE_ANY, NULL)
                                 : json_null();
    (void)f;
    return inside ? print_object(out, message, inside) : "the payload is not valid JSON";
}

/* --- Formats ------------------------------------------------------------------------------------------ */

static print_field *const fields[128] = {
    ['%'] = print_percent,        ['A'] = print_alias,        ['C'] = print_content_type,
    ['D'] = print_correlation,    ['E'] = print_expiry,       ['F'] = print_payload_format,
    ['I'] = print_date,           ['J'] = print_json_inside,  ['P'] = print_user,
    ['R'] = print_response_topic, ['S'] = print_subscription, ['U'] = print_unix_time,
    ['X'] = print_upper_hex,      ['j'] = print_json,         ['l'] = print_length,
    ['m'] = print_packet_id,      ['p'] = print_payload,      ['q'] = print_qos,
    ['r'] = print_retain,         ['t'] = print_topic,        ['x'] = print_hex,
};

static const char escapes[128] = {
    ['\\'] = '\\', ['a'] = '\a', ['e'] = '\033', ['n'] = '\n', ['r'] = '\r', ['t'] = '\t', ['v'] = '\v'};

// Enough for any terminal, and a bound for what a message costs.
enum { WIDTH_MAX = 10000 };

static size_t read_width(const char **at)
{
    size_t width = 0;
    for (; **at >= '0' && **at <= '9'; (*at)++)
        if (width <= WIDTH_MAX)
            width = width * 10 + (size_t)(**at - '0');
    return width;
}

// Flags, width and maximum; leaves *at at the letter.
static field read_field(const char **at)
{
    field f = {.most = SIZE_MAX};
    for (; **at == '-' || **at == '0'; (*at)++)
        *(**at == '-' ? &f.left : &f.zero) = true;
    f.width = read_width(at);
    if (**at == '.') {
        (*at)++;
        f.most = read_width(at);
    }
    return f;
}

static bool is_field(char letter)
{
    return (unsigned char)letter < 128 && fields[(unsigned char)letter];
}

// \0 is not in the table, whose other letters are 0.
static bool is_escape(char letter)
{
    return letter == '0' || ((unsigned char)letter < 128 && escapes[(unsigned char)letter]);
}

static bool unknown(char why[FORMAT_WHY], char start, char letter)
{
    if (letter)
        snprintf(why, FORMAT_WHY, "%c%c is not known", start, letter);
    else
        snprintf(why, FORMAT_WHY, "it ends behind %c", start);
    return false;
}

bool format_check(const char *format, char why[FORMAT_WHY])
{
    for (const char *at = format; *at; at++) {
        char start = *at;
        if (start != '%' && start != '@' && start != '\\')
            continue;
        at++;
        field f = start == '%' ? read_field(&at) : (field){0};
        if (f.width > WIDTH_MAX) {
            snprintf(why, FORMAT_WHY, "a width above %d", WIDTH_MAX);
            return false;
        }
        if (*at == '\0' || (start == '%' && !is_field(*at)) || (start == '\\' && !is_escape(*at)))
            return unknown(why, start, *at);
    }
    return true;
}

const char *format_print(tool_outlet *out, const char *format, const tool_message *message)
{
    const char *why, *failure = NULL;
    while (*format) {
        size_t plain = strcspn(format, "%@\\");
        outlet_put(out, format, plain);
        format += plain;
        char start = *format;
        if (start == '\0')
            break;
        format++;
        field f = start == '%' ? read_field(&format) : (field){0};
        size_t letter = (unsigned char)*format++;
        if (start == '@')
            print_at(out, message, (char)letter);
        else if (start == '\\')
            outlet_put(out, &escapes[letter], 1);
        else if ((why = fields[letter](out, message, &f)) != NULL)
            failure = why;
    }
    return failure;
}
