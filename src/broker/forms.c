// SPDX-License-Identifier: MIT
// The records of a broker as bytes, and back again.
#include "forms.h"

#include <openssl/evp.h>
#include <stddef.h>
#include <string.h>

#include "base/alloc.h"

enum { DIGEST = 32, MOST_BYTES = 10 /* of a number */, NUMBER_AT = 2, FILTER_AT = NUMBER_AT + 8 };

// --- bytes ---

// Where `size` bytes may be written; NULL: no memory.
static uint8_t *room_for(mqw__draft *draft, size_t size)
{
    if (draft->cap - draft->len < size) {
        size_t cap = (draft->len + size) * 2;
        uint8_t *grown = mqw__resize(draft->allocator, draft->data, draft->cap, cap);
        if (!grown) {
            draft->failed = true;
            return NULL;
        }
        draft->data = grown;
        draft->cap = cap;
    }
    return draft->data + draft->len;
}

void mqw__draft_number(mqw__draft *draft, uint64_t number)
{
    uint8_t *at = room_for(draft, MOST_BYTES);
    if (!at)
        return;
    for (; number >= 0x80; number >>= 7)
        *at++ = (uint8_t)(number | 0x80);
    *at++ = (uint8_t)number;
    draft->len = (size_t)(at - draft->data);
}

void mqw__draft_rest(mqw__draft *draft, mqw_bytes bytes)
{
    uint8_t *at = room_for(draft, bytes.len);
    if (!at || bytes.len == 0)
        return;
    memcpy(at, bytes.data, bytes.len);
    draft->len += bytes.len;
}

void mqw__draft_bytes(mqw__draft *draft, mqw_bytes bytes)
{
    mqw__draft_number(draft, bytes.len);
    mqw__draft_rest(draft, bytes);
}

static void draft_text(mqw__draft *draft, mqw_text text)
{
    mqw__draft_bytes(draft, (mqw_bytes){(const uint8_t *)text.data, text.len});
}

uint64_t mqw__extract_number(mqw__extract *extract, uint64_t most)
{
    uint64_t number = 0;
    unsigned shift = 0;
    uint8_t byte = 0x80;
    for (; byte & 0x80 && extract->at < extract->end && shift < 64; shift += 7) {
        byte = *extract->at++;
        number |= (uint64_t)(byte & 0x7F) << shift;
    }
    bool too_long = shift == 70 && byte > 1;
    bool padded = shift > 7 && byte == 0;
    if (!(byte & 0x80) && !too_long && !padded && number <= most)
        return number;
    extract->damaged = true;
    return 0;
}

mqw_bytes mqw__extract_bytes(mqw__extract *extract)
{
    size_t len = (size_t)mqw__extract_number(extract, (uint64_t)(extract->end - extract->at));
    if (len > (size_t)(extract->end - extract->at)) // the number itself took of it
        extract->damaged = true;
    if (extract->damaged)
        return (mqw_bytes){NULL, 0};
    extract->at += len;
    return (mqw_bytes){extract->at - len, len};
}

static mqw_text extract_text(mqw__extract *extract)
{
    mqw_bytes bytes = mqw__extract_bytes(extract);
    extract->damaged |= bytes.len > UINT16_MAX;
    return (mqw_text){(const char *)bytes.data, bytes.len};
}

// What is left.
static mqw_bytes extract_rest(mqw__extract *extract)
{
    mqw_bytes rest = {extract->at, (size_t)(extract->end - extract->at)};
    extract->at = extract->end;
    return rest;
}

bool mqw__extract_done(const mqw__extract *extract)
{
    return !extract->damaged && extract->at == extract->end;
}

static mqw__extract extract_of(mqw_bytes value)
{
    return (mqw__extract){value.data, value.data + value.len, false};
}

// Never is the commonest.
static void draft_time(mqw__draft *draft, uint64_t time)
{
    mqw__draft_number(draft, time + 1); // UINT64_MAX becomes 0
}

static uint64_t extract_time(mqw__extract *extract)
{
    return mqw__extract_number(extract, UINT64_MAX) - 1;
}

// --- texts ---

// What a policy lets in is no damage.
static bool is_let_pass(const mqw_policy *policy, int rule)
{
    return rule == 0 ||
           (!mqw_rule_in(&policy->refuse, (mqw_rule)rule) &&
            (mqw_rule_in(&policy->report, (mqw_rule)rule) || mqw_rule_in(&policy->ignore, (mqw_rule)rule)));
}

static bool is_mount(mqw_text mount)
{
    return mount.len == 0 || (mount.data[mount.len - 1] == '/' && mqw_topic_check(mount) == 0);
}

// --- keys ---

mqw_bytes mqw__key_of(uint8_t key[MQW__KEY], mqw__kind kind, uint64_t number)
{
    key[0] = 'b';
    key[1] = (uint8_t)kind;
    for (int i = NUMBER_AT + 7; i >= NUMBER_AT; i--, number >>= 8)
        key[i] = (uint8_t)number;
    return (mqw_bytes){key, NUMBER_AT + 8};
}

uint64_t mqw__number_in(mqw_bytes key)
{
    uint64_t number = 0;
    if (key.len < NUMBER_AT + 8)
        return 0;
    for (int i = 0; i < 8; i++)
        number = number << 8 | key.data[NUMBER_AT + i];
    return number;
}

// --- sessions ---

/** A field of mqw_broker_limits. */
typedef struct field {
    uint8_t at, size;
} field;

#define FIELD(name)                                                               \
    {                                                                             \
        offsetof(mqw_broker_limits, name), sizeof(((mqw_broker_limits *)0)->name) \
    }
static const field fields[] = {
    FIELD(max_packet_size),    FIELD(max_session_expiry), FIELD(max_queued),
    FIELD(max_queued_bytes),   FIELD(max_output),         FIELD(max_subscriptions),
    FIELD(max_publish_rate),   FIELD(max_byte_rate),      FIELD(max_filter_levels),
    FIELD(receive_maximum),    FIELD(max_inflight),       FIELD(topic_alias_maximum),
    FIELD(max_keep_alive),     FIELD(when_full),          FIELD(max_qos),
    FIELD(no_retain),          FIELD(no_wildcards),       FIELD(no_shared),
    FIELD(no_subscription_ids)};
#undef FIELD
enum { FIELDS = sizeof fields / sizeof *fields };

static void draft_limits(mqw__draft *draft, const mqw_broker_limits *limits)
{
    for (size_t i = 0; i < FIELDS; i++) {
        const uint8_t *at = (const uint8_t *)limits + fields[i].at;
        uint16_t two;
        uint32_t four;
        memcpy(&two, at, fields[i].size >= 2 ? 2 : 0);
        memcpy(&four, at, fields[i].size == 4 ? 4 : 0);
        mqw__draft_number(draft, fields[i].size == 4 ? four : fields[i].size == 2 ? two : *at);
    }
}

static void extract_limits(mqw__extract *extract, mqw_broker_limits *limits)
{
    for (size_t i = 0; i < FIELDS; i++) {
        bool is_flag = fields[i].at >= offsetof(mqw_broker_limits, no_retain);
        uint64_t most = is_flag ? 1 : (UINT64_C(1) << (8 * fields[i].size)) - 1;
        uint64_t number = mqw__extract_number(extract, most);
        uint8_t one = (uint8_t)number, *at = (uint8_t *)limits + fields[i].at;
        uint16_t two = (uint16_t)number;
        uint32_t four = (uint32_t)number;
        memcpy(at,
               fields[i].size == 4   ? (const void *)&four
               : fields[i].size == 2 ? (const void *)&two
                                     : &one,
               fields[i].size);
    }
    extract->damaged |= limits->when_full > MQW_QUEUE_CLOSE;
}

void mqw__form_session(mqw__draft *draft, const mqw__session_form *form)
{
    draft_text(draft, form->mount);
    draft_text(draft, form->id);
    draft_time(draft, form->ends_at);
    mqw__draft_number(draft, form->sent);
    mqw__draft_number(draft, form->expiry);
    mqw__draft_number(draft, form->version);
    mqw__draft_number(draft, form->connected);
    mqw__draft_number(draft, form->own);
    if (form->own)
        draft_limits(draft, &form->limits);
}

bool mqw__parse_session(mqw_bytes value, const mqw_policy *policy, mqw__session_form *out)
{
    mqw__extract extract = extract_of(value);
    memset(out, 0, sizeof *out);
    out->mount = extract_text(&extract);
    out->id = extract_text(&extract);
    out->ends_at = extract_time(&extract);
    out->sent = mqw__extract_number(&extract, UINT64_MAX);
    out->expiry = (uint32_t)mqw__extract_number(&extract, UINT32_MAX);
    out->version = (uint8_t)mqw__extract_number(&extract, MQW_5_0);
    out->connected = mqw__extract_number(&extract, 1);
    out->own = mqw__extract_number(&extract, 1);
    if (out->own)
        extract_limits(&extract, &out->limits);
    return mqw__extract_done(&extract) && out->version >= MQW_3_1 && is_mount(out->mount) &&
           is_let_pass(policy, mqw_utf8_check(out->id));
}

// --- subscriptions ---

size_t mqw__filter_key(uint8_t key[MQW_STORE_MAX_KEY], uint64_t session, mqw_text filter)
{
    size_t at = mqw__key_of(key, MQW__KIND_FILTER, session).len;
    bool digested = filter.len > MQW__FILTER_IN_KEY;
    unsigned len = (unsigned)filter.len;
    key[at++] = digested;
    if (!digested)
        memcpy(key + at, filter.data, filter.len);
    else if (EVP_Digest(filter.data, filter.len, key + at, &len, EVP_sha256(), NULL) != 1)
        return 0;
    return at + len;
}

enum { NO_LOCAL = 16, AS_PUBLISHED = 32 };

void mqw__form_filter(mqw__draft *draft, const mqw__filter_form *form)
{
    const mqw_filter *item = &form->item;
    mqw__draft_number(draft, (uint64_t)item->qos | (uint64_t)item->retain_handling << 2 |
                                 (item->no_local ? NO_LOCAL : 0) |
                                 (item->retain_as_published ? AS_PUBLISHED : 0));
    mqw__draft_number(draft, form->identifier);
    if (item->filter.len > MQW__FILTER_IN_KEY)
        mqw__draft_rest(draft, (mqw_bytes){(const uint8_t *)item->filter.data, item->filter.len});
}

// The filter is in the key, or its digest is.
static bool find_filter(mqw_bytes key, mqw_bytes rest, mqw_text *filter)
{
    uint8_t right[MQW_STORE_MAX_KEY];
    if (key.len <= FILTER_AT || key.data[FILTER_AT] > 1)
        return false;
    bool digested = key.data[FILTER_AT];
    *filter = digested ? (mqw_text){(const char *)rest.data, rest.len}
                       : (mqw_text){(const char *)key.data + FILTER_AT + 1, key.len - FILTER_AT - 1};
    if (!digested)
        return rest.len == 0 && filter->len <= MQW__FILTER_IN_KEY;
    return filter->len > MQW__FILTER_IN_KEY && filter->len <= UINT16_MAX &&
           mqw__filter_key(right, mqw__number_in(key), *filter) == key.len &&
           memcmp(right, key.data, key.len) == 0;
}

bool mqw__parse_filter(mqw_bytes key, mqw_bytes value, const mqw_policy *policy, mqw__filter_form *out)
{
    mqw__extract extract = extract_of(value);
    uint8_t flags = (uint8_t)mqw__extract_number(&extract, 3 | 3 << 2 | NO_LOCAL | AS_PUBLISHED);
    out->identifier = (uint32_t)mqw__extract_number(&extract, MQW_LENGTH_MAX);
    mqw_bytes rest = extract_rest(&extract);
    out->item = (mqw_filter){.qos = flags & 3,
                             .retain_handling = flags >> 2 & 3,
                             .no_local = flags & NO_LOCAL,
                             .retain_as_published = flags & AS_PUBLISHED};
    return mqw__extract_done(&extract) && out->item.qos <= 2 && out->item.retain_handling <= 2 &&
           find_filter(key, rest, &out->item.filter) &&
           is_let_pass(policy, mqw_filter_check(out->item.filter, MQW_5_0));
}

// --- messages ---

enum { RETAIN = 4 };

static void draft_letter(mqw__draft *draft, const mqw__letter_form *letter)
{
    draft_time(draft, letter->expires);
    mqw__draft_number(draft, letter->from);
    mqw__draft_number(draft, (uint64_t)letter->qos | (letter->retain ? RETAIN : 0));
    draft_text(draft, letter->topic);
    mqw__draft_bytes(draft, letter->props);
    mqw__draft_rest(draft, letter->payload);
}

static void extract_letter(mqw__extract *extract, mqw__letter_form *out)
{
    out->expires = extract_time(extract);
    out->from = mqw__extract_number(extract, UINT64_MAX);
    uint8_t flags = (uint8_t)mqw__extract_number(extract, 3 | RETAIN);
    out->qos = flags & 3;
    out->retain = flags & RETAIN;
    out->topic = extract_text(extract);
    out->props = mqw__extract_bytes(extract);
    out->payload = extract_rest(extract);
    extract->damaged |= out->qos == 3;
}

// A PUBLISH with its topic and its properties.
static mqw_bytes publish_of(const mqw__letter_form *letter, mqw__draft *draft)
{
    uint8_t head[] = {MQW_PUBLISH << 4},
            topic_len[] = {(uint8_t)(letter->topic.len >> 8), (uint8_t)letter->topic.len};
    size_t props_size = letter->props.len + (letter->props.len < 0x80     ? 1
                                             : letter->props.len < 0x4000 ? 2
                                                                          : 3);
    draft->len = 0;
    mqw__draft_rest(draft, (mqw_bytes){head, 1});
    mqw__draft_number(draft, 2 + letter->topic.len + props_size + (letter->props.len >= 0x200000));
    mqw__draft_rest(draft, (mqw_bytes){topic_len, 2});
    mqw__draft_rest(draft, (mqw_bytes){(const uint8_t *)letter->topic.data, letter->topic.len});
    mqw__draft_bytes(draft, letter->props);
    return (mqw_bytes){draft->data, draft->len};
}

// As a PUBLISH that has come: its topic and its properties are such as may go on.
static bool is_publishable(const mqw__letter_form *letter, const mqw_policy *policy, mqw__draft *draft)
{
    const uint64_t not_kept = MQW_BIT(topic_alias) | MQW_BIT(message_expiry) | MQW_BIT(subscription_ids);
    mqw_codec codec = {MQW_5_0, MQW_CLIENT, policy};
    mqw_packet packet;
    mqw_bytes wire = publish_of(letter, draft);
    return !draft->failed && letter->topic.len > 0 && mqw_decode(&codec, wire, &packet, NULL) > 0 &&
           packet.publish.topic.len == letter->topic.len && packet.publish.payload.len == 0 &&
           !(packet.publish.props.has & not_kept);
}

static void draft_delivery(mqw__draft *draft, const mqw__delivery_form *delivery)
{
    mqw__draft_number(draft, delivery->session);
    mqw__draft_number(draft, delivery->sequence);
    mqw__draft_number(draft, delivery->packet_id);
    mqw__draft_number(draft, (uint64_t)delivery->qos | (delivery->retain ? RETAIN : 0));
    mqw__draft_number(draft, delivery->id_count);
    for (size_t i = 0; i < delivery->id_count; i++)
        mqw__draft_number(draft, delivery->ids[i]);
}

static void extract_delivery(mqw__extract *extract, mqw__delivery_form *out, uint32_t room[UINT8_MAX])
{
    out->session = mqw__extract_number(extract, UINT64_MAX);
    out->sequence = mqw__extract_number(extract, UINT64_MAX);
    out->packet_id = (uint16_t)mqw__extract_number(extract, UINT16_MAX);
    uint8_t flags = (uint8_t)mqw__extract_number(extract, 3 | RETAIN);
    out->qos = flags & 3;
    out->retain = flags & RETAIN;
    out->id_count = (size_t)mqw__extract_number(extract, UINT8_MAX);
    out->ids = room;
    for (size_t i = 0; i < out->id_count; i++) {
        room[i] = (uint32_t)mqw__extract_number(extract, MQW_LENGTH_MAX);
        extract->damaged |= room[i] == 0;
    }
    extract->damaged |= out->session == 0 || out->sequence == 0 || out->qos == 0 || out->qos == 3;
}

void mqw__form_message(mqw__draft *draft, const mqw__message_form *form)
{
    mqw__draft_number(draft, form->parts);
    if (form->parts & MQW__HAS_DELIVERY)
        draft_delivery(draft, &form->delivery);
    if (form->parts & MQW__IS_RELEASED)
        mqw__draft_number(draft, form->delivery.released);
    if (form->parts & MQW__HAS_LETTER)
        draft_letter(draft, &form->letter);
    else if (form->parts & MQW__IS_RELEASED)
        draft_text(draft, form->letter.topic);
    else
        mqw__draft_number(draft, form->record);
}

// Which parts go together.
static bool are_parts(uint8_t parts)
{
    static const uint32_t known =
        1U << MQW__HAS_LETTER | 1U << MQW__HAS_DELIVERY | 1U << (MQW__HAS_LETTER | MQW__IS_RETAINED) |
        1U << (MQW__HAS_LETTER | MQW__HAS_DELIVERY) | 1U << (MQW__HAS_DELIVERY | MQW__IS_RELEASED) |
        1U << (MQW__HAS_LETTER | MQW__HAS_DELIVERY | MQW__IS_RELEASED);
    return parts < 32 && known >> parts & 1;
}

bool mqw__parse_message(mqw_bytes value, const mqw_policy *policy, mqw__draft *draft, uint32_t ids[UINT8_MAX],
                        mqw__message_form *out)
{
    mqw__extract extract = extract_of(value);
    memset(out, 0, sizeof *out);
    out->parts = (uint8_t)mqw__extract_number(&extract, UINT8_MAX);
    if (!are_parts(out->parts))
        return false;
    bool has_letter = out->parts & MQW__HAS_LETTER, released = out->parts & MQW__IS_RELEASED;
    if (out->parts & MQW__HAS_DELIVERY)
        extract_delivery(&extract, &out->delivery, ids);
    if (released)
        out->delivery.released = mqw__extract_number(&extract, UINT64_MAX);
    if (has_letter)
        extract_letter(&extract, &out->letter);
    else if (released)
        out->letter.topic = extract_text(&extract);
    else
        out->record = mqw__extract_number(&extract, UINT64_MAX);
    return mqw__extract_done(&extract) &&
           !(released && (out->delivery.qos != 2 || out->delivery.packet_id == 0)) &&
           (!(has_letter || released) || is_publishable(&out->letter, policy, draft));
}

// --- wills ---

void mqw__form_will(mqw__draft *draft, const mqw__will_form *form)
{
    draft_time(draft, form->due);
    mqw__draft_number(draft, (uint64_t)(form->expiry + 1));
    mqw__draft_number(draft, form->delay);
    draft_letter(draft, &form->letter);
}

bool mqw__parse_will(mqw_bytes value, const mqw_policy *policy, mqw__draft *draft, mqw__will_form *out)
{
    mqw__extract extract = extract_of(value);
    out->due = extract_time(&extract);
    out->expiry = (int64_t)mqw__extract_number(&extract, UINT64_C(1) << 32) - 1;
    out->delay = (uint32_t)mqw__extract_number(&extract, UINT32_MAX);
    extract_letter(&extract, &out->letter);
    return mqw__extract_done(&extract) && is_publishable(&out->letter, policy, draft);
}
