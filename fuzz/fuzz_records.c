// SPDX-License-Identifier: MIT
// Records of the broker's store, as any bytes: what is taken for sound is written back as the same bytes,
// nothing is read beyond them, and what goes to clients is what a client might have published.
#include <mqwire/broker.h>

#include "broker/forms.h"
#include "fuzz.h"

static const mqw_policy standard;

static mqw_allocator allocator;

/* The same bytes again? */
static void compare(mqw__draft *draft, mqw_bytes value)
{
    REQUIRE(!draft->failed);
    REQUIRE(draft->len == value.len);
    REQUIRE(value.len == 0 || memcmp(draft->data, value.data, value.len) == 0);
}

static void check_session(mqw_bytes value, mqw__draft *draft)
{
    mqw__session_form form;
    FUZZ_FORGET(&form);
    if (!mqw__parse_session(value, &standard, &form))
        return;
    REQUIRE(mqw_utf8_check(form.id) == 0 && form.version >= 3 && form.version <= 5);
    mqw__form_session(draft, &form);
    compare(draft, value);
}

static void check_filter(mqw_bytes key, mqw_bytes value, mqw__draft *draft)
{
    uint8_t again[MQW_STORE_MAX_KEY];
    mqw__filter_form form;
    FUZZ_FORGET(&form);
    bool is_filter = key.len > 2 && key.data[0] == 'b' && key.data[1] == MQW__KIND_FILTER;
    if (!is_filter || !mqw__parse_filter(key, value, &standard, &form))
        return;
    REQUIRE(mqw_filter_check(form.item.filter, MQW_5_0) == 0 && form.item.qos <= 2);
    mqw__form_filter(draft, &form);
    compare(draft, value);
    REQUIRE(mqw__filter_key(again, mqw__number_in(key), form.item.filter) == key.len);
    REQUIRE(memcmp(again, key.data, key.len) == 0);
}

static void check_letter(const mqw__letter_form *letter)
{
    REQUIRE(mqw_topic_check(letter->topic) == 0 && letter->qos <= 2);
}

static void check_will(mqw_bytes value, mqw__draft *draft)
{
    mqw__will_form form;
    FUZZ_FORGET(&form);
    if (!mqw__parse_will(value, &standard, draft, &form))
        return;
    check_letter(&form.letter);
    draft->len = 0;
    mqw__form_will(draft, &form);
    compare(draft, value);
}

static void check_message(mqw_bytes value, mqw__draft *draft)
{
    mqw__message_form form;
    uint32_t ids[UINT8_MAX];
    FUZZ_FORGET(&form);
    if (!mqw__parse_message(value, &standard, draft, ids, &form))
        return;
    if (form.parts & MQW__HAS_LETTER)
        check_letter(&form.letter);
    if (form.parts & MQW__HAS_DELIVERY)
        REQUIRE(form.delivery.qos == 1 || form.delivery.qos == 2);
    draft->len = 0;
    mqw__form_message(draft, &form);
    compare(draft, value);
}

static void *resize(void *ctx, void *old, size_t old_size, size_t new_size)
{
    (void)ctx, (void)old_size;
    if (new_size)
        return realloc(old, new_size);
    free(old);
    return NULL;
}

/* Kind; of a subscription the length of the key, and the key; the value. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = {data, size};
    allocator.resize = resize;
    mqw__draft draft = {.allocator = &allocator};
    unsigned kind = fuzz_byte(&in);
    size_t key_len = kind == MQW__KIND_FILTER ? fuzz_byte(&in) * 4U : 0;
    mqw_bytes key = fuzz_bytes(&in, key_len < in.left ? key_len : in.left);
    mqw_bytes value = fuzz_bytes(&in, in.left);
    if (kind == MQW__KIND_SESSION)
        check_session(value, &draft);
    else if (kind == MQW__KIND_FILTER)
        check_filter(key, value, &draft);
    else if (kind == MQW__KIND_WILL)
        check_will(value, &draft);
    else
        check_message(value, &draft);
    free(draft.data);
    return 0;
}
