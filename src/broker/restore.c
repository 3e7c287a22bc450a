// SPDX-License-Identifier: MIT
// What the store holds becomes sessions, subscriptions, promises, retained messages and wills again. All of
// it is checked; a record that is damaged ends the reading, and is left as it is.
#include <string.h>

#include "kept.h"

/** A session or a letter. They come in the order of their numbers. */
typedef struct found {
    uint64_t number;
    void *what;
    uint64_t sent; /**< Sessions: promises up to this one may have been sent. */
} found;

typedef struct findings {
    found *rows;
    size_t count, cap;
} findings;

typedef struct reading {
    mqw__durable *durable;
    mqw_broker *broker;
    findings sessions, letters;
    uint64_t numbers; /**< Where those of sessions began in the last run; 0: there is no record of that. */
    uint64_t died;    /**< When the last run ended, about. */
    mqw__session_form session;
    mqw__message_form message;
    uint32_t ids[UINT8_MAX]; /**< Of the message. */
} reading;

static const uint64_t numbers_of_a_run = UINT64_C(1) << 40; // sessions in a run; so many runs are left: 2^23
static const uint64_t numbers_most = UINT64_C(1) << 63;

enum { CLOCK_STEP = 60000 /* ms: the record of the clock is older than its broker's end by this at most */ };

// --- by number ---

static int note(const reading *on, findings *to, found row)
{
    const mqw_allocator *allocator = &on->durable->allocator;
    if (to->count == to->cap) {
        size_t cap = to->cap ? to->cap * 2 : 64;
        found *rows = mqw__resize(allocator, to->rows, to->cap * sizeof row, cap * sizeof row);
        if (!rows)
            return MQW_E_NO_MEMORY;
        to->rows = rows;
        to->cap = cap;
    }
    to->rows[to->count++] = row;
    return 0;
}

static found *look_up(const findings *in, uint64_t number)
{
    size_t low = 0, high = in->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (in->rows[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < in->count && in->rows[low].number == number && in->rows[low].what ? &in->rows[low] : NULL;
}

// The session that a record belongs to. NULL: it is over, and the record was left behind.
static mqw__session *owner(const reading *on, mqw_bytes key)
{
    const found *row = look_up(&on->sessions, mqw__number_in(key));
    return row ? row->what : NULL;
}

// --- one function for each kind of record ---

static int restore_about(reading *on, mqw_bytes key, mqw_bytes value)
{
    mqw__extract extract = {value.data, value.data + value.len, false};
    (void)key;
    uint64_t format = mqw__extract_number(&extract, UINT64_MAX);
    if (format > MQW__FORMAT)
        mqw__broker_log(on->broker, MQW_LOG_ERROR, "the store was written by a newer version");
    if (format != MQW__FORMAT)
        return MQW_E_MALFORMED;
    on->numbers = mqw__extract_number(&extract, numbers_most);
    return mqw__extract_done(&extract) && on->numbers ? 0 : MQW_E_MALFORMED;
}

static int restore_clock(reading *on, mqw_bytes key, mqw_bytes value)
{
    mqw__extract extract = {value.data, value.data + value.len, false};
    (void)key;
    uint64_t clock = mqw__extract_number(&extract, numbers_most);
    if (!mqw__extract_done(&extract))
        return MQW_E_MALFORMED;
    if (clock + CLOCK_STEP < on->died)
        on->died = clock + CLOCK_STEP;
    return 0;
}

static int fill_session(reading *on, mqw__session *session)
{
    const mqw__session_form *form = &on->session;
    session->expiry = form->expiry;
    session->version = form->version;
    if (form->own) {
        session->own = mqw__broker_new_block(on->broker, sizeof *session->own);
        if (!session->own)
            return MQW_E_NO_MEMORY;
        *session->own = form->limits;
        mqw__limits_complete(session->own);
    }
    int result = mqw__kept_begin(session);
    return result < 0 ? result : mqw__session_enter(session);
}

// When it ends: what was connected has lost its connection with the end of the broker.
static uint64_t end_of(const reading *on)
{
    const mqw__session_form *form = &on->session;
    if (!form->connected)
        return form->ends_at;
    return form->expiry == UINT32_MAX ? UINT64_MAX : on->died + form->expiry * UINT64_C(1000);
}

// An older session of the same client was left behind, and what belongs to it.
static void supersede(const reading *on, mqw__session *older)
{
    if (!older)
        return;
    look_up(&on->sessions, older->number)->what = NULL;
    mqw__session_end(older);
}

static int restore_session(reading *on, mqw_bytes key, mqw_bytes value)
{
    mqw_broker *broker = on->broker;
    const mqw__session_form *form = &on->session;
    uint64_t number = mqw__number_in(key);
    if (!mqw__parse_session(value, &broker->options.policy, &on->session) || number == 0 ||
        number > numbers_most)
        return MQW_E_MALFORMED;
    supersede(on, mqw__session_find(broker, form->mount, form->id));
    mqw__session *session = mqw__session_new(broker, form->mount, form->id, number);
    if (!session)
        return MQW_E_NO_MEMORY;
    int result = fill_session(on, session);
    if (result == 0)
        result = mqw__session_lease(session);
    if (result < 0) {
        mqw__record_forget(session); // the record stays
        mqw__session_end(session);
        return result;
    }
    mqw__session_left_at(session, end_of(on));
    return note(on, &on->sessions, (found){number, session, form->connected ? UINT64_MAX : form->sent});
}

static bool is_in_mount(const mqw__session *session, mqw_text filter)
{
    mqw_text name, mount = mqw__session_mount(session);
    (void)mqw_share_split(filter, &name, &filter);
    return filter.len >= mount.len && memcmp(filter.data, mount.data, mount.len) == 0;
}

static int restore_filter(reading *on, mqw_bytes key, mqw_bytes value)
{
    mqw_broker *broker = on->broker;
    mqw__session *session = owner(on, key);
    mqw__filter_form form;
    mqw__subscription *subscription;
    if (!session)
        return mqw__kept_delete(on->durable, key);
    if (!mqw__parse_filter(key, value, &broker->options.policy, &form) ||
        !is_in_mount(session, form.item.filter))
        return MQW_E_MALFORMED;
    int result = mqw__tree_add(broker->tree, &form.item, form.identifier, session, NULL, &subscription);
    if (result == 1)
        mqw__session_subscribed(session, subscription);
    return result < 0 ? result : 0;
}

static int restore_received(reading *on, mqw_bytes key, mqw_bytes value)
{
    mqw__session *session = owner(on, key);
    if (!session)
        return mqw__kept_delete(on->durable, key);
    uint16_t packet_id = (uint16_t)(key.data[MQW__KEY - 2] << 8 | key.data[MQW__KEY - 1]);
    if (packet_id == 0 || value.len)
        return MQW_E_MALFORMED;
    mqw_session *promises = mqw__session_promises(session);
    int result = promises ? mqw_session_receive(promises, packet_id) : MQW_E_NO_MEMORY;
    return result < 0 ? result : 0;
}

static mqw__letter *letter_of(const reading *on, const mqw__letter_form *form)
{
    return mqw__letter_new(on->broker, form->topic, form->props, form->payload, form->expires, form->qos,
                           form->retain, form->from);
}

// What was not parsed: for want of memory, or since it is damaged.
static int bad(const reading *on)
{
    return on->durable->draft.failed ? MQW_E_NO_MEMORY : MQW_E_MALFORMED;
}

static int restore_will(reading *on, mqw_bytes key, mqw_bytes value)
{
    mqw__session *session = owner(on, key);
    mqw__will_form form;
    if (!session)
        return mqw__kept_delete(on->durable, key);
    if (!mqw__parse_will(value, &on->broker->options.policy, mqw__kept_draft(on->durable), &form))
        return bad(on);
    mqw__letter *letter = letter_of(on, &form.letter);
    if (!letter)
        return MQW_E_NO_MEMORY;
    if (form.due == UINT64_MAX)
        form.due = on->died + form.delay * UINT64_C(1000);
    int result = mqw__will_restore(session, letter, form.expiry, form.delay, form.due);
    mqw__letter_drop(letter);
    return result;
}

static int restore_retained(const reading *on, mqw__letter *letter)
{
    mqw__letter *old = NULL;
    int result = mqw__retained_set(on->broker->retained, letter, &old);
    if (result < 0)
        return result;
    letter->holds++;
    if (old) // it was left behind
        result = mqw__record_unretained(on->broker, old);
    mqw__letter_drop(old);
    mqw__retain_watch(on->broker, letter);
    return result;
}

// The letter of a message record: its own, that of another, or one of which only the topic is left.
static int find_letter(reading *on, uint64_t number, mqw__letter **out)
{
    const mqw__message_form *form = &on->message;
    if (form->parts & (MQW__HAS_LETTER | MQW__IS_RELEASED)) {
        mqw__letter *letter = *out = letter_of(on, &form->letter);
        if (!letter)
            return MQW_E_NO_MEMORY;
        letter->stored = form->parts & MQW__HAS_LETTER ? number : 0;
        int result = note(on, &on->letters, (found){.number = number, .what = letter});
        if (result < 0)
            mqw__letter_drop(letter);
        return result;
    }
    const found *row = look_up(&on->letters, form->record);
    *out = row ? row->what : NULL;
    return *out && (*out)->stored ? 0 : MQW_E_MALFORMED;
}

static mqw_promise promise_of(const reading *on, uint64_t sent, const mqw__letter *letter)
{
    const mqw__delivery_form *form = &on->message.delivery;
    mqw_promise was = {.sequence = form->sequence,
                       .released = form->released,
                       .expires = letter->expires,
                       .packet_id = form->packet_id,
                       .qos = form->qos};
    bool may_have_been_sent = form->packet_id && form->sequence <= sent;
    was.stage = on->message.parts & MQW__IS_RELEASED ? MQW_RELEASED
                : may_have_been_sent                 ? MQW_PUBLISHED
                                                     : MQW_WAITING;
    return was;
}

static int restore_delivery(const reading *on, uint64_t number, mqw__letter *letter)
{
    const mqw__delivery_form *form = &on->message.delivery;
    const found *row = look_up(&on->sessions, form->session);
    mqw__session *session = row ? row->what : NULL;
    if (!session) // the letter is looked after when all is read
        return letter->stored == number ? 0 : mqw__kept_forget_message(on->durable, number);
    mqw_promise was = promise_of(on, row->sent, letter);
    int result = mqw__outgoing_restore(session, &was, letter, form->retain, form->ids, form->id_count);
    if (result == 0)
        mqw__kept_restored(was.message, number, &was);
    return result == MQW_E_MISUSE ? MQW_E_MALFORMED : result;
}

static int restore_message(reading *on, mqw_bytes key, mqw_bytes value)
{
    mqw__letter *letter;
    uint64_t number = mqw__number_in(key);
    if (!mqw__parse_message(value, &on->broker->options.policy, mqw__kept_draft(on->durable), on->ids,
                            &on->message))
        return bad(on);
    if (number == 0 || number > numbers_most)
        return MQW_E_MALFORMED;
    on->durable->records = number;
    int result = find_letter(on, number, &letter);
    if (result < 0)
        return result;
    if (on->message.parts & MQW__IS_RETAINED)
        return restore_retained(on, letter);
    return on->message.parts & MQW__HAS_DELIVERY ? restore_delivery(on, number, letter) : 0;
}

// --- all of them ---

static const struct kind {
    mqw__kind kind;
    uint8_t key_len; /**< 0: any. */
    const char *name;
    int (*restore)(reading *on, mqw_bytes key, mqw_bytes value);
} kinds[] = {
    {MQW__KIND_ABOUT, 10, "about the format", restore_about},
    {MQW__KIND_CLOCK, 10, "of the clock", restore_clock},
    {MQW__KIND_SESSION, 10, "of the session", restore_session},
    {MQW__KIND_FILTER, 0, "of a subscription of the session", restore_filter},
    {MQW__KIND_RECEIVED, 12, "of a packet identifier of the session", restore_received},
    {MQW__KIND_WILL, 10, "of the will of the session", restore_will},
    {MQW__KIND_MESSAGE, 10, "of the message", restore_message},
};

static const struct kind *kind_of(mqw_bytes key)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (key.len >= 10 && key.data[1] == (uint8_t)kinds[i].kind &&
            (kinds[i].key_len == 0 || key.len == kinds[i].key_len))
            return &kinds[i];
    return NULL;
}

static int on_record(mqw_bytes key, mqw_bytes value, void *ctx)
{
    reading *on = ctx;
    const struct kind *kind = kind_of(key);
    bool known = kind && (on->numbers || kind->kind == MQW__KIND_ABOUT);
    int result = known ? kind->restore(on, key, value) : MQW_E_MALFORMED;
    if (result == MQW_E_MALFORMED)
        mqw__broker_log(on->broker, MQW_LOG_ERROR, "the store is damaged: the record %s %llu cannot be read",
                        kind ? kind->name : "of no known kind", (unsigned long long)mqw__number_in(key));
    if (result == MQW_E_FULL)
        mqw__broker_log(on->broker, MQW_LOG_ERROR, "the store has more sessions than max_sessions");
    return result == MQW_E_FULL ? MQW_E_NO_MEMORY : result;
}

// Those that nobody wants any more were left behind.
static int sort_letters(reading *on, bool good)
{
    int result = 0;
    for (size_t i = 0; i < on->letters.count; i++) {
        mqw__letter *letter = on->letters.rows[i].what;
        if (good && result >= 0 && letter->stored && letter->holds == 0) {
            result = mqw__kept_forget_message(on->durable, letter->stored);
            letter->stored = 0;
        }
        mqw__letter_drop(letter);
    }
    return result;
}

// Sessions that were connected are not any more: their time runs, and that of their wills.
static int settle_sessions(const reading *on)
{
    int result = 0;
    for (size_t i = 0; i < on->sessions.count && result >= 0; i++) {
        mqw__session *session = on->sessions.rows[i].what;
        if (!session || on->sessions.rows[i].sent != UINT64_MAX)
            continue;
        result = mqw__record_session(session);
        if (result >= 0)
            result = mqw__record_will(session);
    }
    return result;
}

// The numbers of this run begin behind those of all before.
static int begin_run(const reading *on)
{
    mqw__durable *durable = on->durable;
    mqw__draft *draft = mqw__kept_draft(durable);
    uint8_t key[MQW__KEY];
    uint64_t numbers = on->numbers + numbers_of_a_run;
    if (numbers > on->broker->number)
        on->broker->number = numbers;
    mqw__draft_number(draft, MQW__FORMAT);
    mqw__draft_number(draft, on->broker->number);
    return mqw__kept_put(durable, mqw__key_of(key, MQW__KIND_ABOUT, 0));
}

int mqw__restore(mqw__durable *durable)
{
    static const uint8_t prefix[] = {'b'};
    mqw_broker *broker = durable->broker;
    reading on = {.durable = durable, .broker = broker, .died = mqw__broker_wall(broker)};
    int result = mqw_store_read(durable->store, (mqw_bytes){prefix, sizeof prefix}, on_record, &on);
    if (result == MQW_E_STREAM)
        mqw__broker_log(broker, MQW_LOG_ERROR, "the store cannot be read: %s",
                        mqw_store_error(durable->store));
    int sorted = sort_letters(&on, result == 0);
    if (result == 0)
        result = sorted;
    if (result == 0)
        result = settle_sessions(&on);
    if (result == 0)
        result = begin_run(&on);
    mqw__free(&durable->allocator, on.sessions.rows, on.sessions.cap * sizeof *on.sessions.rows);
    mqw__free(&durable->allocator, on.letters.rows, on.letters.cap * sizeof *on.letters.rows);
    return result < 0 ? result : 0;
}
