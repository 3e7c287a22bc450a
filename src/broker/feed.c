// SPDX-License-Identifier: MIT
// Retained messages for new subscriptions: found and sent as the client takes them, so that a million of them
// cost no memory.
#include <string.h>

#include "outgoing.h"
#include "table.h"

enum {
    FEED_TO = 64 << 10, // bytes of output that a feed makes at most, so that others come in between
    A_TURN = 1000       // messages that are looked at in a turn
};

// A topic whose message did not wait for its turn.
typedef struct hurried {
    mqw__entry entry;
    char topic[];
} hurried;

struct mqw__feed {
    mqw__feed *next; // of the session, in the order in which they began
    mqw__session *session;
    const mqw__subscription *subscription;
    mqw__walk *walk;
    mqw__letter *ahead; // found, and could not go yet; NULL: none
    mqw__table hurried; // by topic
    uint64_t retained;  // newer ones have been delivered as they came
    mqw__deadline due;
    bool busy; // a hook that it has called may publish to this session
};

// --- topics that were hurried ---

static bool add_hurried(mqw__feed *feed, mqw_text topic)
{
    hurried *one = NULL;
    if (mqw__table_ready(&feed->hurried))
        one = mqw__mail_take(feed->session->broker, sizeof *one + topic.len);
    if (!one)
        return false;
    memset(one, 0, sizeof *one);
    memcpy(one->topic, topic.data, topic.len);
    one->entry.under = feed;
    one->entry.at = offsetof(hurried, topic);
    one->entry.len = (uint16_t)topic.len;
    mqw__table_put(&feed->hurried, &one->entry);
    return true;
}

static void free_hurried(mqw__feed *feed, mqw__entry *entry)
{
    mqw__mail_give(feed->session->broker, entry, sizeof(hurried) + entry->len);
}

static bool take_hurried(mqw__feed *feed, mqw_text topic)
{
    mqw__entry *entry = mqw__table_find(&feed->hurried, feed, topic);
    if (!entry)
        return false;
    mqw__table_take(&feed->hurried, entry);
    free_hurried(feed, entry);
    return true;
}

// --- life ---

static void end(mqw__feed **link)
{
    mqw__feed *feed = *link;
    mqw_broker *broker = feed->session->broker;
    *link = feed->next;
    mqw__walk_end(feed->walk);
    mqw__letter_drop(feed->ahead);
    for (mqw__entry *entry; (entry = mqw__table_pop(&feed->hurried));)
        free_hurried(feed, entry);
    mqw__table_free(&feed->hurried);
    mqw__broker_undue(broker, &feed->due);
    mqw__broker_free_block(broker, feed, sizeof *feed);
}

void mqw__feeds_end(mqw__session *session)
{
    while (session->feed)
        end(&session->feed);
}

void mqw__deliver_retained_stop(const mqw__subscription *subscription)
{
    if (!subscription->session)
        return;
    mqw__feed **link = &subscription->session->feed;
    while (*link && (*link)->subscription != subscription)
        link = &(*link)->next;
    if (*link)
        end(link);
}

static void on_due(mqw__deadline *deadline)
{
    mqw__feed *feed = (mqw__feed *)(void *)((char *)(void *)deadline - offsetof(mqw__feed, due));
    mqw__outgoing_go_on(feed->session);
}

static bool begin(mqw__subscription *subscription)
{
    mqw__session *session = subscription->session;
    mqw_broker *broker = session->broker;
    char *room = (char *)mqw__broker_scratch(broker, UINT16_MAX + 1);
    mqw__feed *feed = room ? mqw__broker_new_block(broker, sizeof *feed) : NULL;
    if (!feed)
        return false;
    feed->session = session;
    feed->subscription = subscription;
    feed->retained = broker->mail.retained;
    feed->due.fire = on_due;
    mqw__table_init(&feed->hurried, &broker->allocator, &broker->memory, broker->seed);
    feed->walk =
        mqw__retained_walk(broker->retained, mqw__tree_filter(subscription, room), session->mount_len);
    if (!feed->walk) {
        mqw__table_free(&feed->hurried);
        mqw__broker_free_block(broker, feed, sizeof *feed);
        return false;
    }
    mqw__feed **link = &session->feed;
    while (*link)
        link = &(*link)->next;
    *link = feed;
    return true;
}

void mqw__deliver_retained(mqw__subscription *subscription, bool existed)
{
    mqw__session *session = subscription->session;
    bool none = subscription->retain_handling == 2 || (subscription->retain_handling == 1 && existed);
    if (none || subscription->group || !session) // section 4.8.2: no retained messages
        return;
    mqw__deliver_retained_stop(subscription);
    if (mqw__retained_count(session->broker->retained) == 0)
        return;
    if (begin(subscription))
        mqw__outgoing_go_on(session);
    else
        mqw__broker_log(session->broker, MQW_LOG_WARNING, "no memory for the retained messages of %.*s",
                        (int)session->id_len, mqw__session_id(session).data);
}

// --- sending ---

static bool is_wanted(const mqw__feed *feed, const mqw__letter *letter)
{
    const mqw__session *session = feed->session;
    if (letter->retained > feed->retained || letter->expires <= mqw__broker_wall(session->broker))
        return false;
    return !feed->subscription->no_local || letter->from != session->number;
}

// QoS 1 and 2 are promised no faster than the client answers.
static bool may_owe(const mqw__session *session, const mqw__letter *letter)
{
    const mqw_broker_limits *limits = mqw__limits_of(session);
    return (!session->promises || mqw_session_promises(session->promises) < limits->max_inflight) &&
           (session->queued == 0 || mqw__waiting_has_room(session, mqw__letter_size(letter)));
}

static bool pass(mqw__session *session, mqw_conn *conn, mqw__post *post, const mqw__terms *terms)
{
    if (!mqw__outgoing_may(session, post->publish)) {
        mqw__broker_dropped(session, post->publish, MQW_DROP_REFUSED);
        return true;
    }
    int result = mqw__outgoing_pass(session, conn, post, terms);
    if (result == MQW_E_NO_MEMORY)
        mqw__outgoing_retry(session);
    if (result == MQW_E_NO_MEMORY || result == MQW_E_BUSY || result == MQW_E_CLOSED)
        return false;
    if (result >= 0)
        mqw__outgoing_delivered(session, post->publish, 0, true);
    else
        mqw__broker_dropped(session, post->publish,
                            result == MQW_E_TOO_LARGE ? MQW_DROP_TOO_LARGE : MQW_DROP_REFUSED);
    return true;
}

static mqw__terms terms_of(const mqw__feed *feed, const mqw__letter *letter)
{
    const mqw__subscription *subscription = feed->subscription;
    return (mqw__terms){.ids = &subscription->identifier,
                        .id_count = subscription->identifier != 0,
                        .qos = subscription->qos < letter->qos ? subscription->qos : letter->qos,
                        .retain = true}; // MQTT-3.3.1-8
}

// False: it has to wait.
static bool give(const mqw__feed *feed, mqw_conn *conn, mqw__letter *letter)
{
    mqw__session *session = feed->session;
    mqw__terms terms = terms_of(feed, letter);
    if (terms.qos && !may_owe(session, letter))
        return false;
    mqw_publish publish;
    mqw__post post;
    mqw__post_of(&post, &publish, letter);
    bool given = true;
    if (terms.qos)
        (void)mqw__outgoing_owe(session, &post, &terms);
    else
        given = pass(session, conn, &post, &terms);
    mqw__post_end(&post);
    return given;
}

// Unless it was replaced or taken out meanwhile.
static mqw__letter *take_ahead(mqw__feed *feed)
{
    mqw__letter *letter = feed->ahead;
    feed->ahead = NULL;
    if (letter && mqw__retained_find(feed->session->broker->retained, mqw__letter_topic(letter)) == letter)
        return letter;
    mqw__letter_drop(letter);
    return NULL;
}

static bool end_if_over(mqw__session *session)
{
    bool over = mqw__walk_over(session->feed->walk);
    if (over)
        end(&session->feed);
    return over;
}

// True: go on with the next one.
static bool feed_one(mqw__session *session, mqw_conn *conn)
{
    mqw__feed *feed = session->feed;
    mqw__letter *letter = take_ahead(feed);
    if (!letter) {
        letter = mqw__walk_next(feed->walk);
        if (!letter)
            return end_if_over(session);
        (void)mqw__letter_keep(letter);
    }
    feed->busy = true;
    bool gone =
        take_hurried(feed, mqw__letter_topic(letter)) || !is_wanted(feed, letter) || give(feed, conn, letter);
    feed->busy = false;
    if (!gone) {
        feed->ahead = letter;
        return false;
    }
    mqw__letter_drop(letter);
    return true;
}

void mqw__feeds_go_on(mqw__session *session, mqw_conn *conn)
{
    int left = A_TURN;
    if (session->feed->busy)
        return;
    while (session->feed && left-- > 0 && mqw_conn_waiting(conn) < FEED_TO)
        if (!feed_one(session, conn))
            break;
    mqw__outgoing_push(session, conn);
    mqw__feed *feed = session->feed;
    if (!feed)
        return;
    if (mqw_conn_waiting(conn) > 0)
        mqw_conn_want_drain(conn);
    else if (!feed->ahead)
        mqw__broker_due(session->broker, &feed->due, 0);
}

// --- hurrying ---

static bool is_due(mqw__feed *feed, mqw__letter *letter)
{
    mqw_text topic = mqw__letter_topic(letter);
    if (!is_wanted(feed, letter) || mqw__table_find(&feed->hurried, feed, topic))
        return false;
    return (feed->ahead == letter || mqw__walk_will_meet(feed->walk, topic)) && add_hurried(feed, topic);
}

static void hurry(mqw__feed *feed, mqw__letter *letter)
{
    mqw__terms terms = terms_of(feed, letter);
    mqw_publish publish;
    mqw__post post;
    mqw__post_of(&post, &publish, letter);
    (void)mqw__outgoing_give(feed->session, &post, &terms);
    mqw__post_end(&post);
}

void mqw__feeds_hurry(mqw__session *session, const mqw__post *post)
{
    mqw__feed *first = session->feed;
    mqw__letter *letter = mqw__retained_find(session->broker->retained, post->publish->topic);
    if (first->busy || !letter || letter->from != post->from)
        return;
    (void)mqw__letter_keep(letter);
    first->busy = true;
    for (mqw__feed *feed = first; feed; feed = feed->next)
        if (is_due(feed, letter))
            hurry(feed, letter);
    first->busy = false;
    mqw__letter_drop(letter);
}
