// SPDX-License-Identifier: MIT
// Packets and errors as JSON objects; see json.h.
#include "json.h"

#include <stdlib.h>
#include <string.h>

static void put_number(json_t *object, const char *name, uint32_t number)
{
    json_object_set_new(object, name, json_integer(number));
}

static void put_flag(json_t *object, const char *name, bool flag)
{
    json_object_set_new(object, name, json_boolean(flag));
}

static json_t *base64(mqw_bytes bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t len = (bytes.len + 2) / 3 * 4;
    char *text = malloc(len + 1), *at = text;
    if (text == NULL)
        return json_null();
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        uint32_t group = (uint32_t)bytes.data[i] << 16;
        group |= left > 1 ? (uint32_t)bytes.data[i + 1] << 8 : 0;
        group |= left > 2 ? bytes.data[i + 2] : 0;
        *at++ = digits[group >> 18];
        *at++ = digits[group >> 12 & 63];
        *at++ = left > 1 ? digits[group >> 6 & 63] : '=';
        *at++ = left > 2 ? digits[group & 63] : '=';
    }
    json_t *result = json_stringn_nocheck(text, len);
    free(text);
    return result;
}

static void put_bytes(json_t *object, const char *name, mqw_bytes bytes)
{
    char marker[64];
    const char *data = bytes.len ? (const char *)bytes.data : "";
    if (mqw_utf8_check((mqw_text){data, bytes.len}) == 0) {
        json_object_set_new(object, name, json_stringn(data, bytes.len));
        return;
    }
    snprintf(marker, sizeof(marker), "%s_encoding", name);
    json_object_set_new(object, name, base64(bytes));
    json_object_set_new(object, marker, json_string("base64"));
}

static void put_text(json_t *object, const char *name, mqw_text text)
{
    put_bytes(object, name, (mqw_bytes){(const uint8_t *)text.data, text.len});
}

static void put_reason(json_t *object, uint8_t version, uint8_t reason)
{
    put_number(object, "reason", reason);
    json_object_set_new(object, "reason_text", json_string(mqw_reason_name(version, reason)));
}

/* --- Properties --------------------------------------------------------------------------------------- */

static void put_ids(json_t *object, const char *name, mqw_list left)
{
    json_t *array = json_array();
    uint32_t id;
    while (mqw_next_id(&left, &id))
        json_array_append_new(array, json_integer(id));
    json_object_set_new(object, name, array);
}

static void put_pairs(json_t *object, const char *name, mqw_list left)
{
    json_t *array = json_array();
    mqw_pair pair;
    while (mqw_next_pair(&left, &pair)) {
        json_t *item = json_object();
        put_text(item, "name", pair.name);
        put_text(item, "value", pair.value);
        json_array_append_new(array, item);
    }
    json_object_set_new(object, name, array);
}

#define PUT_U8    put_number
#define PUT_U16   put_number
#define PUT_U32   put_number
#define PUT_TEXT  put_text
#define PUT_BLOB  put_bytes
#define PUT_VARS  put_ids
#define PUT_PAIRS put_pairs

static void put_props(json_t *object, const mqw_props *props)
{
    if (props->has == 0)
        return;
    json_t *inner = json_object();
#define X(id, field, wire, ...) \
    if (mqw_has(props, field))  \
        PUT_##wire(inner, #field, props->field);
    MQW_PROPERTIES(X)
#undef X
    json_object_set_new(object, "properties", inner);
}

/* --- Packets ------------------------------------------------------------------------------------------ */

static void put_will(json_t *object, const mqw_will *will)
{
    json_t *inner = json_object();
    put_text(inner, "topic", will->topic);
    put_bytes(inner, "payload", will->payload);
    put_number(inner, "qos", will->qos);
    put_flag(inner, "retain", will->retain);
    put_props(inner, &will->props);
    json_object_set_new(object, "will", inner);
}

static void put_connect(json_t *object, const mqw_packet *packet, uint8_t version)
{
    const mqw_connect *connect = &packet->connect;
    put_number(object, "version", connect->version ? connect->version : MQW_3_1_1);
    put_flag(object, "bridge", connect->bridge);
    (void)version;
    if (connect->unsupported) {
        put_flag(object, "unsupported", true);
        return;
    }
    put_text(object, "protocol_name", connect->protocol_name);
    put_text(object, "client_id", connect->client_id);
    put_flag(object, "clean_start", connect->clean_start);
    put_number(object, "keep_alive", connect->keep_alive);
    if (connect->has_will)
        put_will(object, &connect->will);
    if (connect->has_username)
        put_text(object, "username", connect->username);
    if (connect->has_password)
        put_bytes(object, "password", connect->password);
    put_props(object, &connect->props);
}

static void put_connack(json_t *object, const mqw_packet *packet, uint8_t version)
{
    put_flag(object, "session_present", packet->connack.session_present);
    put_reason(object, version, packet->connack.reason);
    put_props(object, &packet->connack.props);
}

static void put_publish(json_t *object, const mqw_packet *packet, uint8_t version)
{
    const mqw_publish *publish = &packet->publish;
    (void)version;
    put_text(object, "topic", publish->topic);
    put_number(object, "qos", publish->qos);
    if (publish->qos)
        put_number(object, "packet_id", publish->packet_id);
    put_flag(object, "retain", publish->retain);
    put_flag(object, "dup", publish->dup);
    put_bytes(object, "payload", publish->payload);
    if (publish->payload_left)
        put_number(object, "payload_left", publish->payload_left);
    put_props(object, &publish->props);
}

static void put_ack(json_t *object, const mqw_packet *packet, uint8_t version)
{
    const mqw_ack *ack = &packet->puback;
    put_number(object, "packet_id", ack->packet_id);
    put_reason(object, version < MQW_5_0 ? MQW_5_0 : version, ack->reason);
    put_props(object, &ack->props);
}

static void put_filters(json_t *object, const mqw_packet *packet, uint8_t version)
{
    json_t *array = json_array();
    mqw_list left = packet->subscribe.filters;
    mqw_filter filter;
    while (mqw_next_filter(&left, &filter)) {
        json_t *item = json_object();
        put_text(item, "filter", filter.filter);
        put_number(item, "qos", filter.qos);
        if (version >= MQW_5_0) {
            put_flag(item, "no_local", filter.no_local);
            put_flag(item, "retain_as_published", filter.retain_as_published);
            put_number(item, "retain_handling", filter.retain_handling);
        }
        json_array_append_new(array, item);
    }
    put_number(object, "packet_id", packet->subscribe.packet_id);
    json_object_set_new(object, "filters", array);
    put_props(object, &packet->subscribe.props);
}

static void put_topics(json_t *object, const mqw_packet *packet, uint8_t version)
{
    json_t *array = json_array();
    mqw_list left = packet->unsubscribe.filters;
    mqw_text filter;
    (void)version;
    while (mqw_next_topic(&left, &filter)) {
        json_t *item = json_object();
        put_text(item, "filter", filter);
        json_array_append_new(array, item);
    }
    put_number(object, "packet_id", packet->unsubscribe.packet_id);
    json_object_set_new(object, "filters", array);
    put_props(object, &packet->unsubscribe.props);
}

static void put_suback(json_t *object, const mqw_packet *packet, uint8_t version)
{
    json_t *array = json_array();
    mqw_bytes reasons = packet->suback.reasons;
    (void)version;
    for (size_t i = 0; i < reasons.len; i++)
        json_array_append_new(array, json_integer(reasons.data[i]));
    put_number(object, "packet_id", packet->suback.packet_id);
    json_object_set_new(object, "reasons", array);
    put_props(object, &packet->suback.props);
}

static void put_disconnect(json_t *object, const mqw_packet *packet, uint8_t version)
{
    if (version < MQW_5_0)
        return;
    put_reason(object, version, packet->disconnect.reason);
    put_props(object, &packet->disconnect.props);
}

static void put_piece(json_t *object, const mqw_packet *packet, uint8_t version)
{
    const mqw_piece *piece = &packet->piece;
    (void)version;
    if (piece->qos)
        put_number(object, "packet_id", piece->packet_id);
    put_number(object, "payload_offset", piece->offset);
    put_bytes(object, "payload", piece->bytes);
    put_number(object, "payload_left", piece->left);
}

static void put_violations(json_t *object, const mqw_packet *packet, uint8_t version)
{
    json_t *array = json_array();
    for (unsigned rule = 1; rule < MQW_RULE_COUNT; rule++) {
        if (!mqw_rule_in(&packet->violations, (mqw_rule)rule))
            continue;
        mqw_error error = {.rule = (uint8_t)rule, .version = version};
        json_t *item = json_object();
        json_object_set_new(item, "rule", json_string(mqw_rule_name((int)rule)));
        json_object_set_new(item, "clause", json_string(mqw_error_clause(&error)));
        json_object_set_new(item, "text", json_string(mqw_error_text(&error)));
        json_array_append_new(array, item);
    }
    if (json_array_size(array) > 0)
        json_object_set(object, "violations", array);
    json_decref(array);
}

void json_put_packet(json_t *object, const mqw_packet *packet, uint8_t version)
{
    static void (*const put[])(json_t *, const mqw_packet *, uint8_t) = {
        [MQW_PIECE] = put_piece,     [MQW_CONNECT] = put_connect,    [MQW_CONNACK] = put_connack,
        [MQW_PUBLISH] = put_publish, [MQW_PUBACK] = put_ack,         [MQW_PUBREC] = put_ack,
        [MQW_PUBREL] = put_ack,      [MQW_PUBCOMP] = put_ack,        [MQW_SUBSCRIBE] = put_filters,
        [MQW_SUBACK] = put_suback,   [MQW_UNSUBSCRIBE] = put_topics, [MQW_UNSUBACK] = put_suback,
        [MQW_PINGREQ] = NULL,        [MQW_PINGRESP] = NULL,          [MQW_DISCONNECT] = put_disconnect,
        [MQW_AUTH] = put_disconnect,
    };
    bool piece = packet->type == MQW_PIECE;
    json_object_set_new(object, "type", json_string(piece ? "PIECE" : mqw_packet_name((int)packet->type)));
    if (put[packet->type & 15])
        put[packet->type & 15](object, packet, version);
    put_violations(object, packet, version);
}

void json_put_error(json_t *object, const mqw_error *error)
{
    char text[512];
    mqw_error_print(text, sizeof(text), error);
    json_object_set_new(object, "error", json_string(mqw_strerror(error->code)));
    json_object_set_new(object, "text", json_string(text));
    json_object_set_new(object, "clause", json_string(mqw_error_clause(error)));
    if (error->rule)
        json_object_set_new(object, "rule", json_string(mqw_rule_name(error->rule)));
    if (error->type)
        json_object_set_new(object, "packet", json_string(mqw_packet_name(error->type)));
    if (error->field)
        json_object_set_new(object, "field", json_string(error->field));
    json_object_set_new(object, "reason", json_integer(error->reason));
    json_object_set_new(object, "offset", json_integer((json_int_t)error->offset));
    json_object_set_new(object, "by_peer", json_boolean(error->by_peer));
}
