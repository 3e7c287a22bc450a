// SPDX-License-Identifier: MIT
// Retained messages come, are replaced, are taken out, and expire.
#include "inside.h"

enum {
    A_TURN = 1000,      // messages that are looked at in a turn
    LEAST_PAUSE = 10000 // milliseconds from one look through all of them to the next
};

// --- setting ---

static int take_out(mqw_broker *broker, mqw_text topic)
{
    mqw__letter *old = mqw__retained_take(broker->retained, topic), *none = NULL;
    int result = old ? mqw__record_unretained(broker, old) : 0;
    if (result < 0)
        (void)mqw__retained_set(broker->retained, old, &none); // as it was before
    mqw__letter_drop(old);
    return result;
}

// As it was before.
static void undo(mqw_broker *broker, mqw_text topic, mqw__letter *old)
{
    mqw__letter *refused = NULL;
    if (!old || mqw__retained_set(broker->retained, old, &refused) < 0)
        refused = mqw__retained_take(broker->retained, topic);
    mqw__letter_drop(refused);
}

static int store(mqw_broker *broker, mqw__letter *letter, mqw__letter *old)
{
    int result = mqw__record_retained(broker, letter);
    if (result < 0)
        undo(broker, mqw__letter_topic(letter), old);
    else if (old)
        (void)mqw__record_unretained(broker, old); // the newer one counts
    return result;
}

static int set(mqw_broker *broker, mqw__letter *letter)
{
    mqw__letter *old = NULL;
    int result = mqw__retained_set(broker->retained, letter, &old);
    if (result < 0)
        return result;
    letter->retained = ++broker->mail.retained;
    result = store(broker, letter, old);
    mqw__letter_drop(old);
    if (result == 0)
        mqw__retain_watch(broker, letter);
    return result;
}

int mqw__retain(mqw_broker *broker, mqw__post *post)
{
    mqw_text topic = post->publish->topic;
    if (post->publish->payload.len == 0) // MQTT-3.3.1-6, -7
        return take_out(broker, topic);
    if (mqw__retained_of_clients(broker->retained) >= broker->options.max_retained &&
        !mqw__retained_find(broker->retained, topic))
        return MQW_E_FULL;
    mqw__letter *letter = mqw__post_keep(broker, post);
    if (!letter)
        return MQW_E_NO_MEMORY;
    int result = set(broker, letter);
    mqw__letter_drop(letter);
    return result;
}

// --- expiry ---

static void sweep(mqw__deadline *deadline);

static void watch(mqw_broker *broker, uint64_t expires)
{
    mqw__mail *mail = &broker->mail;
    if (expires == UINT64_MAX || (mail->sweep_next && expires >= mail->sweep_next))
        return;
    mail->sweep_next = expires;
    if (mail->sweeping)
        return;
    uint64_t wall = mqw__broker_wall(broker);
    uint64_t pause = expires > wall + LEAST_PAUSE ? expires - wall : LEAST_PAUSE;
    mail->sweep.fire = sweep;
    mqw__broker_due(broker, &mail->sweep, mqw__broker_now(broker) + pause);
}

void mqw__retain_watch(mqw_broker *broker, const mqw__letter *letter)
{
    watch(broker, letter->expires);
}

static void look_at(mqw_broker *broker, const mqw__letter *letter, uint64_t wall)
{
    mqw__mail *mail = &broker->mail;
    if (letter->expires <= wall)
        (void)take_out(broker, mqw__letter_topic(letter));
    else if (!mail->sweep_next || letter->expires < mail->sweep_next)
        mail->sweep_next = letter->expires;
}

// The walk is over: the next one comes when something expires.
static void rest(mqw_broker *broker)
{
    mqw__mail *mail = &broker->mail;
    uint64_t next = mail->sweep_next;
    mqw__walk_end(mail->sweeping);
    mail->sweeping = NULL;
    mail->sweep_next = 0;
    watch(broker, next);
}

static void sweep(mqw__deadline *deadline)
{
    mqw__mail *mail = (mqw__mail *)(void *)((char *)(void *)deadline - offsetof(mqw__mail, sweep));
    mqw_broker *broker = (mqw_broker *)(void *)((char *)(void *)mail - offsetof(mqw_broker, mail));
    if (!mail->sweeping) {
        mail->sweep_next = UINT64_MAX;
        mail->sweeping = mqw__retained_walk(broker->retained, (mqw_text){"", 0}, 0);
    }
    uint64_t wall = mqw__broker_wall(broker);
    for (int left = A_TURN; left > 0 && mail->sweeping; left--) {
        const mqw__letter *letter = mqw__walk_next(mail->sweeping);
        if (letter)
            look_at(broker, letter, wall);
        else if (mqw__walk_over(mail->sweeping))
            rest(broker);
        else
            break;
    }
    if (mail->sweeping)
        mqw__broker_due(broker, &mail->sweep, 0);
}

void mqw__retain_end(mqw_broker *broker)
{
    mqw__broker_undue(broker, &broker->mail.sweep);
    mqw__walk_end(broker->mail.sweeping);
    broker->mail.sweeping = NULL;
}
