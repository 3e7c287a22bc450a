// SPDX-License-Identifier: MIT
// Wills: kept with the session, published when its client is gone for long enough.
#include "affairs.h"

void mqw__will_drop(mqw__will *will)
{
    if (!will)
        return;
    mqw_broker *broker = will->session->broker;
    broker->counts.wills -= will->due_at != UINT64_MAX;
    mqw__broker_undue(broker, &will->due);
    mqw__letter_drop(will->letter);
    mqw__broker_free_block(broker, will, sizeof *will);
}

void mqw__will_free(mqw__session *session)
{
    mqw__will *will = session->will;
    session->will = NULL;
    mqw__will_drop(will);
}

// --- publishing ---

static int ask(mqw_broker *broker, mqw_publish *publish)
{
    if (!broker->hooks.on_publish)
        return 0;
    int answer = mqw__verdict_of(broker->hooks.on_publish(broker, NULL, publish, broker->options.ctx));
    return answer == 0 && mqw_topic_check(publish->topic) ? MQW_REASON_TOPIC_NAME_INVALID : answer;
}

static int deliver(mqw__session *session, const mqw_publish *publish)
{
    mqw_broker *broker = session->broker;
    mqw__post post;
    int result = mqw__post_begin(broker, &post, publish);
    if (result < 0)
        return result;
    post.from = session->number; // No Local keeps it from whoever left it, too
    result = mqw__deliver(broker, &post);
    mqw__post_end(&post);
    return result;
}

static void publish_letter(mqw__session *session, const mqw__will *will)
{
    mqw_broker *broker = session->broker;
    mqw_publish publish;
    mqw__letter_read(will->letter, &publish);
    publish.props.has &= ~MQW_BIT(message_expiry);
    if (will->expiry >= 0)
        mqw_set(&publish.props, message_expiry, (uint32_t)will->expiry);
    int reason = ask(broker, &publish);
    if (reason == 0 || reason == MQW_REASON_NO_MATCHING_SUBSCRIBERS)
        reason = deliver(session, &publish);
    if (reason < 0 || reason >= 0x80)
        mqw__broker_log(broker, MQW_LOG_WARNING, "a will was not published");
    else if (broker->hooks.on_published)
        broker->hooks.on_published(broker, NULL, &publish, broker->options.ctx);
}

void mqw__will_publish(mqw__session *session)
{
    mqw__will *will = session->will;
    if (!will)
        return;
    session->will = NULL;
    mqw__record_will_over(session);
    publish_letter(session, will);
    mqw__will_drop(will);
}

void mqw__will_overdue(mqw__session *session)
{
    if (session->will && session->will->due_at <= mqw__broker_wall(session->broker))
        mqw__will_publish(session);
}

static void on_due(mqw__deadline *deadline)
{
    mqw__will *will = (mqw__will *)(void *)((char *)deadline - offsetof(mqw__will, due));
    uint64_t wall = mqw__broker_wall(will->session->broker);
    if (will->due_at > wall)
        mqw__broker_due(will->session->broker, deadline,
                        mqw__broker_now(will->session->broker) + (will->due_at - wall));
    else
        mqw__will_publish(will->session);
}

// Its delay runs, by the wall clock.
static void run(mqw__will *will, uint64_t due_at)
{
    mqw_broker *broker = will->session->broker;
    uint64_t wall = mqw__broker_wall(broker), now = mqw__broker_now(broker);
    broker->counts.wills += will->due_at == UINT64_MAX;
    will->due_at = due_at;
    mqw__broker_due(broker, &will->due, due_at > wall ? now + (due_at - wall) : now);
}

// --- keeping ---

// A will that lasts only as long as its letter: properties that say when it is published are kept apart.
static mqw__letter *letter_of(mqw__session *session, const mqw_will *will)
{
    mqw_broker *broker = session->broker;
    mqw_publish publish = {
        .topic = will->topic, .payload = will->payload, .qos = will->qos, .retain = will->retain};
    publish.props = will->props;
    publish.props.has &= ~(MQW_BIT(will_delay) | MQW_BIT(message_expiry));
    char room[UINT16_MAX];
    mqw__post post;
    if (!mqw__mount_join(mqw__session_mount(session), &publish.topic, room) ||
        mqw__post_begin(broker, &post, &publish) < 0)
        return NULL;
    mqw__letter *letter = mqw__post_keep(broker, &post);
    mqw__post_end(&post);
    return letter;
}

static mqw__will *make(mqw__session *session, mqw__letter *letter)
{
    mqw__will *will = mqw__broker_new_block(session->broker, sizeof *will);
    if (!will)
        return NULL;
    will->session = session;
    will->letter = mqw__letter_keep(letter);
    will->due.fire = on_due;
    will->due_at = UINT64_MAX;
    return will;
}

int mqw__will_keep(mqw__session *session, const mqw_will *given)
{
    mqw__letter *letter = letter_of(session, given);
    mqw__will *will = letter ? make(session, letter) : NULL;
    mqw__letter_drop(letter);
    if (!will)
        return MQW_E_NO_MEMORY;
    will->delay = mqw_value(&given->props, will_delay);
    will->expiry = mqw_has(&given->props, message_expiry) ? (int64_t)given->props.message_expiry : -1;
    mqw__will_free(session);
    session->will = will;
    int result = mqw__record_will(session);
    if (result < 0)
        mqw__will_free(session);
    return result;
}

int mqw__will_restore(mqw__session *session, mqw__letter *letter, int64_t expiry, uint32_t delay,
                      uint64_t due_at)
{
    mqw__will *will = make(session, letter);
    if (!will)
        return MQW_E_NO_MEMORY;
    will->expiry = expiry;
    will->delay = delay;
    mqw__will_free(session);
    session->will = will;
    if (due_at == UINT64_MAX)
        due_at = mqw__broker_wall(session->broker) + delay * UINT64_C(1000);
    run(will, due_at);
    return 0;
}

void mqw__will_due(mqw__session *session, bool goodbye)
{
    mqw__will *will = session->will;
    if (!will)
        return;
    if (goodbye) {
        mqw__will_forget(session);
    } else if (will->delay == 0 || session->expiry == 0 || session->doomed) {
        mqw__will_publish(session);
    } else {
        run(will, mqw__broker_wall(session->broker) + will->delay * UINT64_C(1000));
        if (mqw__record_will(session) < 0)
            mqw__broker_log(session->broker, MQW_LOG_WARNING, "the delay of a will could not be stored");
    }
}

void mqw__will_forget(mqw__session *session)
{
    if (session->will)
        mqw__record_will_over(session);
    mqw__will_free(session);
}
