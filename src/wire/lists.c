// SPDX-License-Identifier: MIT
// Lists in wire form: filters, topics, user properties and subscription identifiers, taken apart and put
// together.
#include <mqwire/codec.h>

#include "wire/properties.h"

/* ---- taken apart ---- */

/* A text with its two bytes of length at the start of `in`; behind it `extra` bytes must follow. False: cut
 * short. */
static bool take_text(mqw_bytes *in, size_t extra, mqw_text *out)
{
    if (in->len < 2)
        return false;
    size_t len = mqw__load_u16(in->data);
    if (in->len - 2 < len + extra)
        return false;
    *out = (mqw_text){(const char *)in->data + 2, len};
    *in = (mqw_bytes){in->data + 2 + len, in->len - 2 - len};
    return true;
}

bool mqw_next_topic(mqw_list *left, mqw_text *out)
{
    return take_text(&left->wire, 0, out);
}

bool mqw_next_filter(mqw_list *left, mqw_filter *out)
{
    if (!take_text(&left->wire, 1, &out->filter))
        return false;
    uint8_t options = *left->wire.data;
    out->qos = options & 3;
    out->no_local = (options & 4) != 0;
    out->retain_as_published = (options & 8) != 0;
    out->retain_handling = options >> 4 & 3;
    left->wire.data++;
    left->wire.len--;
    return true;
}

bool mqw_next_pair(mqw_list *left, mqw_pair *out)
{
    mqw_bytes value;
    return mqw__property_next(left, MQW_ID_user, &value) && take_text(&value, 0, &out->name) &&
           take_text(&value, 0, &out->value);
}

bool mqw_next_id(mqw_list *left, uint32_t *out)
{
    mqw_bytes value;
    return mqw__property_next(left, MQW_ID_subscription_ids, &value) && mqw__vbi_peek(value, out) > 0;
}

/* ---- put together ---- */

static mqw__writer open_list(uint8_t *room, size_t cap)
{
    return (mqw__writer){room, 0, cap, NULL};
}

/* What cannot be said makes the writer overflow. */
static void spoil(mqw__writer *w)
{
    w->cap = 0;
    w->at = 1;
}

static bool going(const mqw__writer *w)
{
    return w->at <= w->cap;
}

static void add_text(mqw__writer *w, mqw_text text)
{
    if (text.len > 0xFFFF || (!text.data && text.len)) {
        spoil(w);
        return;
    }
    mqw__write_u16(w, (uint16_t)text.len);
    uint8_t *at = mqw__writer_take(w, text.len);
    if (at && text.len)
        memmove(at, text.data, text.len); /* it may lie in the same room, further on */
}

/* Two bits hold values up to 3, which the standard forbids: larger ones become that, to be refused when sent.
 */
static unsigned two_bits(uint8_t value)
{
    return value < 3 ? value : 3;
}

static mqw_list close_list(const mqw__writer *w)
{
    if (!going(w))
        return (mqw_list){{NULL, 0}};
    return (mqw_list){{w->room, w->at}};
}

mqw_list mqw_list_filters(uint8_t *room, size_t cap, const mqw_filter *items, size_t count)
{
    mqw__writer w = open_list(room, cap);
    for (size_t i = 0; i < count && going(&w); i++) {
        const mqw_filter *item = &items[i];
        add_text(&w, item->filter);
        mqw__write_u8(&w,
                      (uint8_t)(two_bits(item->qos) | (item->no_local ? 4u : 0) |
                                (item->retain_as_published ? 8u : 0) | two_bits(item->retain_handling) << 4));
    }
    return close_list(&w);
}

mqw_list mqw_list_topics(uint8_t *room, size_t cap, const mqw_text *items, size_t count)
{
    mqw__writer w = open_list(room, cap);
    for (size_t i = 0; i < count && going(&w); i++)
        add_text(&w, items[i]);
    return close_list(&w);
}

mqw_list mqw_list_pairs(uint8_t *room, size_t cap, const mqw_pair *items, size_t count)
{
    mqw__writer w = open_list(room, cap);
    for (size_t i = 0; i < count && going(&w); i++) {
        mqw__write_u8(&w, MQW_ID_user);
        add_text(&w, items[i].name);
        add_text(&w, items[i].value);
    }
    return close_list(&w);
}

mqw_list mqw_list_ids(uint8_t *room, size_t cap, const uint32_t *items, size_t count)
{
    mqw__writer w = open_list(room, cap);
    for (size_t i = 0; i < count && going(&w); i++) {
        mqw__write_u8(&w, MQW_ID_subscription_ids);
        if (items[i] > MQW_LENGTH_MAX)
            spoil(&w);
        else
            mqw__write_vbi(&w, items[i]);
    }
    return close_list(&w);
}
