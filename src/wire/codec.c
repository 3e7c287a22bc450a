// SPDX-License-Identifier: MIT
// The codec: the fixed header, and one table row per packet type.
#include "wire/codec.h"

#include "wire/packets.h"
#include "wire/plain.h"

typedef struct packet_row {
    void (*read)(mqw__check *check, const uint8_t *at, mqw_packet *out);
    size_t (*write)(mqw__check *check, size_t at, const void *body);
} packet_row;

static const packet_row packets[16] = {
    [MQW_CONNECT] = {mqw__connect_read, mqw__connect_write},
    [MQW_CONNACK] = {mqw__connack_read, mqw__connack_write},
    [MQW_PUBLISH] = {NULL, NULL}, /* called directly */
    [MQW_PUBACK] = {mqw__ack_read, mqw__ack_write},
    [MQW_PUBREC] = {mqw__ack_read, mqw__ack_write},
    [MQW_PUBREL] = {mqw__ack_read, mqw__ack_write},
    [MQW_PUBCOMP] = {mqw__ack_read, mqw__ack_write},
    [MQW_SUBSCRIBE] = {mqw__subscribe_read, mqw__subscribe_write},
    [MQW_SUBACK] = {mqw__suback_read, mqw__suback_write},
    [MQW_UNSUBSCRIBE] = {mqw__subscribe_read, mqw__subscribe_write},
    [MQW_UNSUBACK] = {mqw__suback_read, mqw__suback_write},
    [MQW_PINGREQ] = {mqw__ping_read, mqw__ping_write},
    [MQW_PINGRESP] = {mqw__ping_read, mqw__ping_write},
    [MQW_DISCONNECT] = {mqw__disconnect_read, mqw__disconnect_write},
    [MQW_AUTH] = {mqw__auth_read, mqw__auth_write},
};

/* Flags of the fixed header, and the rule that others break. */
static const struct {
    uint8_t flags;
    uint8_t rule;
} headers[16] = {
#define X(id, NAME, name, flags, client, server, rule) [id] = {flags, MQW_RULE_##rule},
    MQW_PACKETS(X)
#undef X
};

static bool version_known(uint8_t version)
{
    return version >= MQW_3_1 && version <= MQW_5_0;
}

/* AUTH came with 5.0. */
static bool type_known(uint8_t version, unsigned type)
{
    return type >= MQW_CONNECT && type <= (version == MQW_5_0 ? MQW_AUTH : MQW_DISCONNECT);
}

/* ---- decoding ---- */

int mqw__header_read_long(mqw_bytes in, mqw__header *out)
{
    int size = mqw__vbi_peek((mqw_bytes){in.data + 1, in.len - 1}, &out->length);
    if (size <= 0)
        return size ? MQW_E_MALFORMED : 0;
    out->first = in.data[0];
    out->size = (uint8_t)(size + 1);
    return size + 1;
}

int mqw_packet_size(mqw_bytes in)
{
    mqw__header header;
    int size = mqw__header_read(in, &header);
    return size > 0 ? size + (int)header.length : size;
}

static void judge_length(mqw__check *check, uint32_t length)
{
    if (MQW__RARE(check->header_size - 1u > mqw__vbi_size(length)) &&
        mqw__break(check, MQW_RULE_LENGTH_OVERLONG, NULL, MQW__F(length)))
        check->offset = 1;
}

void mqw__judge_header(mqw__check *check, uint32_t length)
{
    if (MQW__RARE((check->first & 15) != headers[mqw__type(check)].flags))
        mqw__break(check, headers[mqw__type(check)].rule, NULL, MQW__F_none);
    judge_length(check, length);
}

/* Every packet but PUBLISH. */
static void read_other(mqw__check *check, const uint8_t *body, mqw_packet *out)
{
    if (MQW__RARE(!type_known(check->version, mqw__type(check))))
        mqw__refuse(check, MQW_RULE_TYPE_RESERVED, NULL, MQW__F_none);
    else if (mqw__type(check) != MQW_CONNECT)
        mqw__judge_header(check, out->length);
    if (!check->rule)
        packets[mqw__type(check)].read(check, body, out);
}

MQW__COLD static int decode_failed(const mqw__check *check, mqw_error *why)
{
    mqw_codec codec = {.version = check->version};
    return mqw__fault(why, &codec, (mqw_rule)check->rule, mqw__type(check), check->offset,
                      mqw__field_name(check->field));
}

/* A packet of whose body the first `there` bytes are there. */
static inline int decode(const mqw_codec *codec, mqw__header header, const uint8_t *body, size_t there,
                         mqw_packet *out, mqw_error *why)
{
    mqw__check check = {
        .codec = codec,
        .body = body,
        .end = body + there,
        .reported = &out->violations,
        .header_size = header.size,
        .first = header.first,
        .version = mqw__version(codec),
    };
    out->type = (mqw_packet_type)(header.first >> 4);
    out->dup = (header.first & 8) != 0;
    out->qos = header.first >> 1 & 3;
    out->retain = (header.first & 1) != 0;
    out->length = header.length;
    out->violations.bits[0] = out->violations.bits[1] = 0;
    if (MQW__RARE(!version_known(check.version)))
        return mqw__refusal(why, codec, MQW_RULE_FIELD_RANGE, header.first >> 4, "version");
    if (header.first >> 4 == MQW_PUBLISH) {
        if (MQW__RARE(header.size > 2))
            judge_length(&check, header.length);
        mqw__publish_read(&check, body, out);
    } else {
        read_other(&check, body, out);
    }
    return MQW__RARE(check.rule != 0) ? decode_failed(&check, why) : 0;
}

int mqw__decode_body(const mqw_codec *codec, mqw__header header, const uint8_t *body, mqw_packet *out,
                     mqw_error *why)
{
    return decode(codec, header, body, header.length, out, why);
}

int mqw__decode_publish_head(const mqw_codec *codec, mqw__header header, const uint8_t *body,
                             size_t head_size, mqw_packet *out, mqw_error *why)
{
    return decode(codec, header, body, head_size, out, why);
}

/* The commonest form of the four acknowledgements, which breaks no rule in any version. */
static inline bool is_plain_ack(const mqw_codec *codec, mqw_bytes in)
{
    if (in.len < 4 || in.data[1] != 2)
        return false;
    unsigned type = in.data[0] >> 4;
    return type >= MQW_PUBACK && type <= MQW_PUBCOMP && (in.data[0] & 15) == headers[type].flags &&
           (in.data[2] | in.data[3]) != 0 && version_known(mqw__version(codec));
}

static inline int take_plain_ack(mqw_bytes in, mqw_packet *out)
{
    out->type = (mqw_packet_type)(in.data[0] >> 4);
    out->dup = false;
    out->qos = in.data[0] >> 1 & 3;
    out->retain = false;
    out->length = 2;
    out->violations.bits[0] = out->violations.bits[1] = 0;
    out->puback.packet_id = mqw__load_u16(in.data + 2);
    out->puback.reason = 0;
    out->puback.dup = false;
    out->puback.props.has = 0;
    return 4;
}

/* The header is incomplete, or its length has a fifth byte. */
MQW__COLD static int no_header(const mqw_codec *codec, mqw_bytes in, mqw_error *why)
{
    return mqw_packet_size(in) ? mqw__fault(why, codec, MQW_RULE_LENGTH_BYTES, in.data[0] >> 4, 1, "length")
                               : 0;
}

int mqw_decode(const mqw_codec *codec, mqw_bytes in, mqw_packet *out, mqw_error *why)
{
    if (MQW__QUICK && is_plain_ack(codec, in))
        return take_plain_ack(in, out);
    mqw__header header = mqw__header_at(in);
    if (MQW__RARE(header.size == 0))
        return no_header(codec, in, why);
    if (in.len - header.size < header.length)
        return 0;
    const uint8_t *body = in.data + header.size;
    uint8_t version = mqw__version(codec);
    if (MQW__QUICK && version_known(version) && mqw__plain_publish(version, header, body, out))
        return header.size + (int)header.length;
    int result = decode(codec, header, body, header.length, out, why);
    return result ? result : header.size + (int)header.length;
}

/* ---- encoding ---- */

MQW__COLD static int encode_failed(const mqw__check *check, mqw_error *why)
{
    mqw_codec codec = {.version = check->version};
    return mqw__refusal(why, &codec, (mqw_rule)check->rule, mqw__type(check), mqw__field_name(check->field));
}

MQW__COLD static int no_room(const mqw__check *check, size_t size, mqw_error *why)
{
    if (why)
        *why = (mqw_error){
            .code = MQW_E_NO_ROOM, .type = mqw__type(check), .version = check->version, .offset = size};
    return MQW_E_NO_ROOM;
}

/* CONNECT brings its own version. */
static uint8_t version_of(const mqw_codec *codec, unsigned type, const void *body)
{
    if (type != MQW_CONNECT)
        return mqw__version(codec);
    uint8_t version = ((const mqw_connect *)body)->version;
    return version ? version : MQW_3_1_1;
}

static inline bool begin(mqw__check *check, unsigned type)
{
    check->first = 0;
    if (MQW__RARE(type < MQW_CONNECT || type > MQW_AUTH))
        return !mqw__refuse(check, MQW_RULE_FIELD_RANGE, NULL, MQW__F(type));
    check->first = (uint8_t)(type << 4);
    if (MQW__RARE(!version_known(check->version)))
        return !mqw__refuse(check, MQW_RULE_FIELD_RANGE, NULL, MQW__F(version));
    if (type == MQW_PUBLISH)
        return true;
    check->first |= headers[type].flags;
    if (MQW__RARE(!type_known(check->version, type)))
        return !mqw__refuse(check, MQW_RULE_NOT_IN_VERSION, NULL, MQW__F_none);
    return true;
}

void mqw__refuse_size(mqw__check *check)
{
    bool to_client = check->codec->sender == MQW_SERVER;
    mqw__refuse(check, to_client ? MQW_RULE_PACKET_SIZE_CLIENT : MQW_RULE_PACKET_SIZE_SERVER, NULL,
                MQW__F_none);
}

/* Every packet but PUBLISH. */
static size_t write_other(mqw__check *check, const void *body)
{
    mqw__writer w = mqw__writer_at(check, 2);
    w.at = packets[mqw__type(check)].write(check, w.at, body);
    mqw__write_header(&w, 1, 0);
    return w.at;
}

int mqw__encode_checked(const mqw_codec *codec, unsigned type, const void *body, bool whole, uint8_t *room,
                        size_t cap, mqw_error *why)
{
    mqw__check check;
    check.codec = codec;
    check.body = NULL;
    check.room = room;
    check.cap = cap;
    check.rule = 0;
    check.version = version_of(codec, type, body);
    if (MQW__RARE(!begin(&check, type)))
        return encode_failed(&check, why);
    size_t size = type == MQW_PUBLISH ? mqw__publish_write(&check, body, whole) : write_other(&check, body);
    if (MQW__RARE(check.rule != 0))
        return encode_failed(&check, why);
    return MQW__RARE(size > cap) ? no_room(&check, size, why) : (int)size;
}

int mqw__encode(const mqw_codec *codec, int type, const void *body, bool whole, uint8_t *room, size_t cap,
                mqw_error *why)
{
    if (MQW__QUICK && type == MQW_PUBLISH && whole)
        return mqw__publish_encode(codec, body, room, cap, why);
    return mqw__encode_checked(codec, (unsigned)type, body, whole, room, cap, why);
}

int mqw_encode(const mqw_codec *codec, const mqw_packet *packet, uint8_t *room, size_t cap, mqw_error *why)
{
    if (MQW__QUICK && packet->type == MQW_PUBLISH)
        return mqw__publish_encode(codec, &packet->publish, room, cap, why);
    return mqw__encode_checked(codec, (unsigned)packet->type, &packet->connect, true, room, cap, why);
}

int mqw_encode_head(const mqw_codec *codec, const mqw_packet *packet, uint8_t *room, size_t cap,
                    mqw_error *why)
{
    return mqw__encode_checked(codec, (unsigned)packet->type, &packet->connect, false, room, cap, why);
}
