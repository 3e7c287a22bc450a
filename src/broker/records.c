// SPDX-License-Identifier: MIT
// Records of what has changed. A message lies in one record: that of its first delivery, of which those of
// the others say its number, or that of a retained message.
#include <string.h>

#include "kept.h"

/** mqw__delivery.form: what its record says. */
enum {
    NAMELESS = 0, /**< It had no packet identifier yet. */
    NAMED,
    RELEASED
};

static mqw__durable *durable_of(const mqw__session *session)
{
    return session->broker->durable;
}

static int put(mqw__durable *durable, mqw__kind kind, uint64_t number)
{
    uint8_t key[MQW__KEY];
    return mqw__kept_put(durable, mqw__key_of(key, kind, number));
}

static int delete (mqw__durable *durable, mqw__kind kind, uint64_t number)
{
    uint8_t key[MQW__KEY];
    return mqw__kept_delete(durable, mqw__key_of(key, kind, number));
}

static int delete_all(mqw__durable *durable, mqw__kind kind, uint64_t number)
{
    uint8_t key[MQW__KEY];
    return mqw__kept_delete_all(durable, mqw__key_of(key, kind, number));
}

// --- messages ---

static mqw__letter_form letter_form(const mqw__letter *letter)
{
    return (mqw__letter_form){.topic = mqw__letter_topic(letter),
                              .props = mqw__letter_props(letter),
                              .payload = letter->shared.bytes,
                              .expires = letter->expires,
                              .from = letter->from,
                              .qos = letter->qos,
                              .retain = letter->retain};
}

static mqw__delivery_form delivery_form(const mqw__session *session, const mqw_promise *promise)
{
    const mqw__delivery *delivery = promise->message;
    return (mqw__delivery_form){.session = session->number,
                                .sequence = promise->sequence,
                                .released = promise->released,
                                .packet_id = promise->packet_id,
                                .qos = promise->qos,
                                .retain = delivery->retain,
                                .id_count = delivery->id_count,
                                .ids = delivery->ids};
}

// The letter alone, under its number.
static int put_letter(mqw__durable *durable, const mqw__letter *letter, uint8_t more)
{
    mqw__message_form form = {.parts = MQW__HAS_LETTER | more, .letter = letter_form(letter)};
    mqw__form_message(mqw__kept_draft(durable), &form);
    return put(durable, MQW__KIND_MESSAGE, letter->stored);
}

// A delivery, with what its form says of the letter.
static int put_delivery(const mqw__session *session, const mqw_promise *promise, uint8_t more)
{
    const mqw__delivery *delivery = promise->message;
    mqw__message_form form = {.parts = MQW__HAS_DELIVERY | more,
                              .record = delivery->letter->stored,
                              .delivery = delivery_form(session, promise),
                              .letter = letter_form(delivery->letter)};
    mqw__form_message(mqw__kept_draft(durable_of(session)), &form);
    return put(durable_of(session), MQW__KIND_MESSAGE, delivery->record);
}

static bool is_inline(const mqw__delivery *delivery)
{
    return delivery->record == delivery->letter->stored;
}

static void took_form(const mqw__session *session, const mqw_promise *promise)
{
    mqw__delivery *delivery = promise->message;
    bool released = promise->stage == MQW_RELEASED;
    delivery->form = released ? RELEASED : promise->packet_id ? NAMED : NAMELESS;
    delivery->batch = durable_of(session)->batch;
}

// A record refers to its record no more. The last one takes it along.
static int let_go(mqw__durable *durable, mqw__letter *letter)
{
    if (--letter->holds > 0)
        return 0;
    uint64_t number = letter->stored;
    letter->stored = 0;
    return delete (durable, MQW__KIND_MESSAGE, number);
}

static int promised(mqw__session *session, mqw_promise *promise)
{
    mqw__durable *durable = durable_of(session);
    mqw__delivery *delivery = promise->message;
    mqw__letter *letter = delivery->letter;
    bool first = letter->stored == 0;
    delivery->record = ++durable->records;
    if (first)
        letter->stored = delivery->record;
    int result = put_delivery(session, promise, first ? MQW__HAS_LETTER : 0);
    if (result < 0) {
        letter->stored = first ? 0 : letter->stored;
        delivery->record = 0;
        return result;
    }
    letter->holds++;
    took_form(session, promise);
    return 0;
}

int mqw__record_promised(mqw__session *session, mqw_promise *promise)
{
    if (!session->kept)
        return 0;
    return mqw__record_well(session->broker) ? promised(session, promise) : MQW_E_STREAM;
}

// PUBREC has come: nobody needs its letter for it any more.
static int put_release(mqw__session *session, mqw_promise *promise)
{
    const mqw__delivery *delivery = promise->message;
    mqw__letter *letter = delivery->letter;
    bool shared = is_inline(delivery) && letter->holds > 1;
    int result =
        put_delivery(session, promise, shared ? MQW__IS_RELEASED | MQW__HAS_LETTER : MQW__IS_RELEASED);
    if (result < 0 || shared)
        return result;
    if (!is_inline(delivery))
        return let_go(durable_of(session), letter);
    letter->stored = 0;
    letter->holds = 0;
    return 0;
}

// What is to be on disk before it leaves, and is not in its record yet.
static int update(mqw__session *session, mqw_promise *promise)
{
    const mqw__delivery *delivery = promise->message;
    bool released = promise->stage == MQW_RELEASED;
    if (delivery->form == RELEASED || (!released && (delivery->form == NAMED || !promise->packet_id)))
        return 0;
    int result = released ? put_release(session, promise)
                          : put_delivery(session, promise, is_inline(delivery) ? MQW__HAS_LETTER : 0);
    if (result >= 0)
        took_form(session, promise);
    return result;
}

// Those of many share a commit that way: PUBREL leaves one after the other.
void mqw__record_released(mqw__session *session, mqw_promise *promise)
{
    const mqw__delivery *delivery = promise->message;
    if (session->kept && delivery->record)
        (void)update(session, promise);
}

int mqw__record_leaves(mqw__session *session, mqw_promise *promise)
{
    mqw__durable *durable = durable_of(session);
    const mqw__delivery *delivery = promise->message;
    if (!session->kept || !delivery->record)
        return 0;
    bool late = update(session, promise) < 0;
    if (promise->qos == 1 || (!late && delivery->batch <= durable->committed))
        return 0;
    if (late)
        mqw__kept_changed(durable); // tried again after the next commit
    mqw__gate_hold(session->kept, promise, late ? durable->batch : delivery->batch);
    return 1;
}

void mqw__record_over(mqw__session *session, const mqw_promise *was)
{
    mqw__durable *durable = durable_of(session);
    mqw__delivery *delivery = was->message;
    mqw__letter *letter = delivery->letter;
    if (!delivery->record)
        return;
    if (session->kept)
        mqw__gate_unhold(session->kept, was->sequence);
    // A deletion fails without memory only: after a restart it comes again as what it is, promised.
    if (!is_inline(delivery)) {
        (void)delete (durable, MQW__KIND_MESSAGE, delivery->record);
        if (delivery->form != RELEASED)
            (void)let_go(durable, letter);
    } else if (letter->holds > 1) {
        letter->holds--;
        (void)put_letter(durable, letter, 0);
    } else {
        (void)let_go(durable, letter);
    }
    delivery->record = 0;
}

int mqw__kept_forget_message(mqw__durable *durable, uint64_t number)
{
    return delete (durable, MQW__KIND_MESSAGE, number);
}

void mqw__kept_restored(mqw__delivery *delivery, uint64_t number, const mqw_promise *was)
{
    delivery->record = number;
    delivery->batch = 0;
    delivery->form = was->stage == MQW_RELEASED ? RELEASED : was->packet_id ? NAMED : NAMELESS;
    if (delivery->letter->stored && (is_inline(delivery) || delivery->form != RELEASED))
        delivery->letter->holds++;
}

// --- retained messages ---

int mqw__record_retained(mqw_broker *broker, mqw__letter *letter)
{
    mqw__durable *durable = broker->durable;
    if (!durable)
        return 0;
    if (!mqw__record_well(broker))
        return MQW_E_STREAM;
    letter->stored = ++durable->records;
    int result = put_letter(durable, letter, MQW__IS_RETAINED);
    letter->stored = result < 0 ? 0 : letter->stored;
    letter->holds = result >= 0;
    return result < 0 ? result : 0;
}

int mqw__record_unretained(mqw_broker *broker, mqw__letter *old)
{
    if (!old->stored)
        return 0;
    if (old->holds == 1)
        return let_go(broker->durable, old);
    int result = put_letter(broker->durable, old, 0);
    old->holds -= result >= 0;
    return result;
}

// --- QoS 2 identifiers received ---

static mqw_bytes received_key(const mqw__session *session, uint16_t packet_id, uint8_t key[MQW__KEY])
{
    size_t len = mqw__key_of(key, MQW__KIND_RECEIVED, session->number).len;
    key[len] = (uint8_t)(packet_id >> 8);
    key[len + 1] = (uint8_t)packet_id;
    return (mqw_bytes){key, len + 2};
}

static int put_received(const mqw__session *session, uint16_t packet_id)
{
    uint8_t key[MQW__KEY];
    (void)mqw__kept_draft(durable_of(session));
    return mqw__kept_put(durable_of(session), received_key(session, packet_id, key));
}

int mqw__record_received(mqw__session *session, uint16_t packet_id)
{
    if (!session->kept)
        return 0;
    return mqw__record_well(session->broker) ? put_received(session, packet_id) : MQW_E_STREAM;
}

int mqw__record_unreceived(mqw__session *session, uint16_t packet_id)
{
    uint8_t key[MQW__KEY];
    return session->kept ? mqw__kept_delete(durable_of(session), received_key(session, packet_id, key)) : 0;
}

// --- subscriptions ---

static mqw_bytes filter_key(const mqw__subscription *subscription, uint8_t key[MQW_STORE_MAX_KEY])
{
    const mqw__session *session = subscription->session;
    mqw_text filter = mqw__tree_filter(subscription, durable_of(session)->filter);
    return (mqw_bytes){key, mqw__filter_key(key, session->number, filter)};
}

static int put_subscription(const mqw__subscription *subscription)
{
    mqw__durable *durable = durable_of(subscription->session);
    uint8_t key[MQW_STORE_MAX_KEY];
    mqw__filter_form form = {.item = {.filter = mqw__tree_filter(subscription, durable->filter),
                                      .qos = subscription->qos,
                                      .no_local = subscription->no_local,
                                      .retain_as_published = subscription->retain_as_published,
                                      .retain_handling = subscription->retain_handling},
                             .identifier = subscription->identifier};
    mqw_bytes at = filter_key(subscription, key);
    mqw__form_filter(mqw__kept_draft(durable), &form);
    return at.len ? mqw__kept_put(durable, at) : MQW_E_NO_MEMORY;
}

int mqw__record_subscription(const mqw__subscription *subscription)
{
    const mqw__session *session = subscription->session;
    if (!session || !session->kept)
        return 0;
    return mqw__record_well(session->broker) ? put_subscription(subscription) : MQW_E_STREAM;
}

int mqw__record_unsubscribed(const mqw__subscription *subscription)
{
    const mqw__session *session = subscription->session;
    uint8_t key[MQW_STORE_MAX_KEY];
    if (!session || !session->kept)
        return 0;
    mqw_bytes at = filter_key(subscription, key);
    return at.len ? mqw__kept_delete(durable_of(session), at) : MQW_E_NO_MEMORY;
}

// --- wills ---

int mqw__record_will(mqw__session *session)
{
    const mqw__will *will = session->will;
    if (!session->kept || !will)
        return 0;
    mqw__will_form form = {.due = will->due_at,
                           .expiry = will->expiry,
                           .delay = will->delay,
                           .letter = letter_form(will->letter)};
    mqw__form_will(mqw__kept_draft(durable_of(session)), &form);
    return put(durable_of(session), MQW__KIND_WILL, session->number);
}

void mqw__record_will_over(mqw__session *session)
{
    if (session->kept)
        (void)delete (durable_of(session), MQW__KIND_WILL, session->number);
}

// --- sessions ---

// The last promise that was sent. They are sent in their order.
static uint64_t last_sent(const mqw__session *session)
{
    uint64_t sent = 0;
    const mqw_promise *promise = session->promises ? mqw_session_each(session->promises, NULL) : NULL;
    for (; promise && promise->stage != MQW_WAITING; promise = mqw_session_each(session->promises, promise))
        sent = promise->sequence;
    return sent;
}

static int put_session(const mqw__session *session)
{
    mqw__session_form form = {.mount = mqw__session_mount(session),
                              .id = mqw__session_id(session),
                              .ends_at = mqw__session_ends_at(session),
                              .expiry = session->expiry,
                              .version = session->version,
                              .connected = session->peer,
                              .own = session->own};
    if (!form.connected)
        form.sent = last_sent(session);
    if (form.own)
        form.limits = *session->own;
    mqw__form_session(mqw__kept_draft(durable_of(session)), &form);
    return put(durable_of(session), MQW__KIND_SESSION, session->number);
}

int mqw__kept_begin(mqw__session *session)
{
    mqw__kept *kept = mqw__broker_new_block(session->broker, sizeof *kept);
    if (!kept)
        return MQW_E_NO_MEMORY;
    kept->session = session;
    session->kept = kept;
    session->durable = true;
    durable_of(session)->sessions++;
    return 0;
}

void mqw__record_forget(mqw__session *session)
{
    if (!session->kept)
        return;
    durable_of(session)->sessions--;
    mqw__gate_forget_session(session->kept);
    mqw__broker_free_block(session->broker, session->kept, sizeof(mqw__kept));
    session->kept = NULL;
    session->durable = false;
}

void mqw__record_session_over(mqw__session *session)
{
    mqw__durable *durable = durable_of(session);
    if (!session->kept)
        return;
    (void)delete (durable, MQW__KIND_SESSION, session->number);
    (void)delete_all(durable, MQW__KIND_FILTER, session->number);
    (void)delete_all(durable, MQW__KIND_RECEIVED, session->number);
    (void)delete (durable, MQW__KIND_WILL, session->number);
    mqw__record_forget(session);
}

// What a session has gathered before it was to be kept.
static int put_contents(mqw__session *session)
{
    int result = put_session(session);
    for (const mqw__subscription *subscription = session->subscriptions; subscription && result >= 0;
         subscription = subscription->next)
        result = put_subscription(subscription);
    if (result >= 0)
        result = mqw__record_will(session);
    if (!session->promises)
        return result;
    for (uint16_t id = 0; result >= 0 && (id = mqw_session_each_received(session->promises, id));)
        result = put_received(session, id);
    for (mqw_promise *promise = NULL;
         result >= 0 && (promise = mqw_session_each(session->promises, promise));)
        result = promised(session, promise);
    return result;
}

static void forget_contents(mqw__session *session)
{
    mqw_promise *promise = NULL;
    while (session->promises && (promise = mqw_session_each(session->promises, promise)))
        mqw__record_over(session, promise);
    mqw__record_session_over(session);
}

int mqw__kept_again(mqw__session *session)
{
    mqw__kept *kept = session->kept;
    int result = put_session(session);
    kept->late = result < 0;
    if (kept->late) {
        mqw__kept_changed(durable_of(session));
        mqw__gate_wait(kept);
    }
    return result;
}

int mqw__record_session(mqw__session *session)
{
    if (session->kept)
        return mqw__kept_again(session);
    if (!durable_of(session) || session->expiry == 0 || !session->peer)
        return 0;
    if (!mqw__record_well(session->broker))
        return MQW_E_STREAM;
    int result = mqw__kept_begin(session);
    if (result == 0)
        result = put_contents(session);
    if (result < 0 && session->kept)
        forget_contents(session);
    return result < 0 ? result : 0;
}
