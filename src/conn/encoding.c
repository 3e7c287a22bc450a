// SPDX-License-Identifier: MIT
// Parts of a packet as text, in one of several encodings; a character that was cut between two pieces is
// carried over.
#include "conn/inside.h"

#include <string.h>

/* Reads one character (or group) from `left` bytes, at most 4 of which are at `at`, and writes it as 1 to 4
 * bytes of UTF-8. Returns the bytes it took; 0: it is cut, and more follow (never when `last`). */
typedef size_t mqw__step(const uint8_t *at, size_t left, bool last, char out[4], size_t *len);

static size_t put_code_point(uint32_t c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const uint8_t lead[] = {0, 0xC0, 0xE0, 0xF0};
    for (size_t i = more; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3F));
    out[0] = (char)(lead[more] | c);
    return more + 1;
}

static size_t replace(size_t taken, char out[4], size_t *len)
{
    *len = put_code_point(0xFFFD, out);
    return taken;
}

/* Bytes that may follow a lead byte first: what keeps out overlong forms, surrogates and what is above
 * U+10FFFF. */
static bool follows(uint8_t lead, uint8_t byte)
{
    uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    return byte >= low && byte <= high;
}

static size_t step_utf8(const uint8_t *at, size_t left, bool last, char out[4], size_t *len)
{
    uint8_t lead = at[0];
    size_t size = lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
    if (size == 0)
        return replace(1, out, len);
    for (size_t i = 1; i < size; i++) {
        if (i == left)
            return last ? replace(i, out, len) : 0;
        if (!(i == 1 ? follows(lead, at[i]) : (at[i] & 0xC0) == 0x80))
            return replace(i, out, len);
    }
    memcpy(out, at, size);
    *len = size;
    return size;
}

static size_t step_ascii(const uint8_t *at, size_t left, bool last, char out[4], size_t *len)
{
    (void)left;
    (void)last;
    *len = put_code_point(at[0] < 0x80 ? at[0] : 0xFFFD, out);
    return 1;
}

static size_t step_latin1(const uint8_t *at, size_t left, bool last, char out[4], size_t *len)
{
    (void)left;
    (void)last;
    *len = put_code_point(at[0], out);
    return 1;
}

static size_t step_utf16le(const uint8_t *at, size_t left, bool last, char out[4], size_t *len)
{
    if (left < 2)
        return last ? replace(1, out, len) : 0;
    uint32_t unit = (uint32_t)at[0] | (uint32_t)at[1] << 8;
    if ((unit & 0xF800) != 0xD800) {
        *len = put_code_point(unit, out);
        return 2;
    }
    if (unit >= 0xDC00)
        return replace(2, out, len);
    if (left < 4)
        return last ? replace(2, out, len) : 0;
    uint32_t low = (uint32_t)at[2] | (uint32_t)at[3] << 8;
    if ((low & 0xFC00) != 0xDC00)
        return replace(2, out, len);
    *len = put_code_point(0x10000 + ((unit & 0x3FF) << 10 | (low & 0x3FF)), out);
    return 4;
}

static size_t step_hex(const uint8_t *at, size_t left, bool last, char out[4], size_t *len)
{
    static const char digits[] = "0123456789abcdef";
    (void)left;
    (void)last;
    out[0] = digits[at[0] >> 4];
    out[1] = digits[at[0] & 15];
    *len = 2;
    return 1;
}

static size_t step_base64(const uint8_t *at, size_t left, bool last, char out[4], size_t *len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (left < 3 && !last)
        return 0;
    size_t size = 3;
    if (left < size)
        size = left;
    uint32_t group = (uint32_t)at[0] << 16 | (uint32_t)(size > 1 ? at[1] : 0) << 8 | (size > 2 ? at[2] : 0);
    for (unsigned i = 0; i < 4; i++)
        out[i] = i > size ? '=' : digits[group >> (18 - 6 * i) & 63];
    *len = 4;
    return size;
}

static mqw__step *const steps[] = {
    [MQW_UTF8] = step_utf8,       [MQW_ASCII] = step_ascii, [MQW_LATIN1] = step_latin1,
    [MQW_UTF16LE] = step_utf16le, [MQW_HEX] = step_hex,     [MQW_BASE64] = step_base64,
};

/* What was carried over from the piece before, and behind it the bytes of this one. */
typedef struct mqw__source {
    const uint8_t *carry;
    size_t carry_len;
    mqw_bytes bytes;
    bool last;
} mqw__source;

/* Copies up to 4 bytes from place `at`; returns how many there are behind it in all. */
static size_t look(const mqw__source *source, size_t at, uint8_t window[4])
{
    size_t left = source->carry_len + source->bytes.len - at;
    for (size_t i = 0; i < 4 && i < left; i++)
        window[i] = at + i < source->carry_len ? source->carry[at + i]
                                               : source->bytes.data[at + i - source->carry_len];
    return left;
}

/* Converts all that is whole; returns the length of the text. `out` NULL: counts only. *rest: bytes left, cut
 * in two. */
static size_t convert(const mqw__source *source, mqw__step *step, char *out, size_t *rest)
{
    size_t at = 0, total = 0, len = 0, taken;
    uint8_t window[4];
    char text[4];
    for (size_t left; (left = look(source, at, window)) > 0; at += taken, total += len) {
        taken = step(window, left, source->last, text, &len);
        if (taken == 0)
            break;
        if (out)
            memcpy(out + total, text, len);
    }
    *rest = source->carry_len + source->bytes.len - at;
    return total;
}

static mqw_bytes part_of(const mqw_packet *packet, mqw_part part)
{
    const mqw_bytes none = {NULL, 0};
    bool known = packet->type == MQW_CONNECT && !packet->connect.unsupported;
    const mqw_connect *connect = known ? &packet->connect : NULL;
    switch (part) {
    case MQW_PAYLOAD:
        return packet->type == MQW_PUBLISH ? packet->publish.payload
               : packet->type == MQW_PIECE ? packet->piece.bytes
                                           : none;
    case MQW_WILL_PAYLOAD: return connect && connect->has_will ? connect->will.payload : none;
    case MQW_USERNAME:
        return connect && connect->has_username
                   ? (mqw_bytes){(const uint8_t *)connect->username.data, connect->username.len}
                   : none;
    case MQW_PASSWORD: return connect && connect->has_password ? connect->password : none;
    default: return none;
    }
}

/* The text before is not needed any more. */
static bool room_for_text(const mqw_conn *conn, mqw__extra *extra, size_t len)
{
    if (len > conn->config->options.max_text)
        return false;
    if (len < extra->text_cap)
        return true;
    mqw__text_free(conn->config, extra);
    if (!mqw__config_hold(conn->config, len + 1))
        return false;
    extra->text = mqw__alloc(&conn->config->allocator, len + 1);
    if (extra->text)
        extra->text_cap = len + 1;
    else
        mqw__config_let_go(conn->config, len + 1);
    return extra->text != NULL;
}

int mqw_conn_set_encoding(mqw_conn *conn, mqw_encoding encoding)
{
    if (encoding > MQW_BASE64)
        return mqw__conn_refuse(conn, MQW_E_MISUSE, MQW_RULE_FIELD_RANGE, 0, "encoding");
    mqw__extra *extra = encoding || conn->extra ? mqw__conn_extra(conn) : NULL;
    if (extra)
        extra->encoding = (uint8_t)encoding;
    return encoding && !extra ? MQW_E_NO_MEMORY : 0;
}

mqw_text mqw_text_of(mqw_conn *conn, const mqw_packet *packet, mqw_part part)
{
    const mqw_text none = {NULL, 0};
    mqw__extra *extra = conn->extra;
    mqw_bytes bytes = part_of(packet, part);
    if (!bytes.data || !extra || !extra->encoding)
        return (mqw_text){(const char *)bytes.data, bytes.len};
    bool piece = packet->type == MQW_PIECE;
    mqw__source source = {extra->carry, piece ? extra->carry_len : 0, bytes,
                          !piece || packet->piece.left == 0};
    mqw__step *step = steps[extra->encoding];
    size_t rest;
    size_t len = convert(&source, step, NULL, &rest);
    if (!room_for_text(conn, extra, len))
        return none;
    (void)convert(&source, step, extra->text, &rest);
    extra->text[len] = '\0';
    if (piece) {
        uint8_t carry[4];
        (void)look(&source, source.carry_len + bytes.len - rest, carry);
        memcpy(extra->carry, carry, rest);
        extra->carry_len = (uint8_t)rest;
    }
    return (mqw_text){extra->text, len};
}
