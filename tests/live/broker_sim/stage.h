// SPDX-License-Identifier: MIT
// A simulation of the broker: guests, cables, faults, and virtual time that moves them all. Everything
// follows from the seed and the plan.
#ifndef MQW_BROKER_SIM_STAGE_H
#define MQW_BROKER_SIM_STAGE_H

#include "house.h"

enum { SETTLING = 40000, STEPS = 200000 };

// ---- what guests do ----

static inline int new_message(stage *s, unsigned from, bool is_5)
{
    world *on = &s->on;
    if (s->numbers == NUMBERS)
        return -1;
    message *msg = &s->book.messages[s->numbers];
    *msg = (message){.from = (uint8_t)from,
                     .topic = (uint8_t)chance(on, TOPICS),
                     .qos = (uint8_t)chance(on, 3),
                     .retain = one_in(on, 4),
                     .is_5 = is_5,
                     .props = one_in(on, 3),
                     .expires = NEVER};
    if (is_5 && one_in(on, 5))
        msg->expiry = 1 + chance(on, 8);
    msg->empty = msg->retain && one_in(on, 5);
    return (int)s->numbers++;
}

static inline void choose_will(stage *s, const guest *g, mqw_connect *connect, arrival *as, char *room)
{
    int number = g->leaves_wills && one_in(&s->on, 2) ? new_message(s, g->who, g->version == MQW_5_0) : -1;
    if (number < 0)
        return;
    message *msg = &s->book.messages[number];
    msg->will = true;
    msg->empty = false;
    as->will = number;
    mqw_publish p = publish_of(&s->book, (unsigned)number, room, ROOM);
    connect->has_will = true;
    connect->will = (mqw_will){
        .topic = p.topic, .payload = p.payload, .qos = p.qos, .retain = p.retain, .props = p.props};
    if (g->version == MQW_5_0 && one_in(&s->on, 2)) {
        as->will_delay = chance(&s->on, 6);
        mqw_set(&connect->will.props, will_delay, as->will_delay);
    }
}

static inline void choose_expiry(stage *s, const guest *g, mqw_connect *connect, arrival *as)
{
    static const uint32_t expiries[] = {0, 1, 3, 10, 3600, 3600, UINT32_MAX};
    if (g->version < MQW_5_0) {
        as->expiry = connect->clean_start ? 0 : UINT32_MAX;
        return;
    }
    as->expiry = expiries[chance(&s->on, sizeof expiries / sizeof *expiries)];
    if (as->expiry)
        mqw_set(&connect->props, session_expiry, as->expiry);
}

static inline cable *new_cable(stage *s, const guest *g)
{
    cable *c = calloc(1, sizeof *c);
    assert_non_null(c);
    c->on = &s->on;
    c->who = g->who;
    c->number = ++s->cable_count;
    c->latency = s->plan.latency;
    c->clean = one_in(&s->on, 2);
    c->left = s->on.now;
    c->crashes = s->crashes;
    way_start(&c->up, &s->on);
    way_start(&c->down, &s->on);
    c->next = s->cables;
    s->cables = c;
    return c;
}

/* The broker's end. It may have no memory for it. */
static inline bool cable_plugged(stage *s, cable *c)
{
    c->server = mqw_conn_new_shared(MQW_SERVER, mqw__broker_config(s->open->broker));
    if (!c->server)
        return false;
    mqw_conn_clock(c->server, s->on.now);
    mqw_conn_set_link(c->server, c, cable_woken);
    if (mqw__broker_serve(s->open->broker, c->server, NULL) == 0)
        return true;
    mqw_conn_set_link(c->server, NULL, NULL);
    mqw_conn_free(c->server);
    c->server = NULL;
    return false;
}

static inline void guest_connects(stage *s, guest *g, bool clean)
{
    static const mqw_conn_options options = {
        .answers = MQW_ANSWER_PINGREQ, .ping_timeout = 60000, .connect_timeout = 600000};
    char room[ROOM], id[3] = {'g', (char)('0' + g->who), 0};
    cable *before = g->at, *c = new_cable(s, g);
    mqw_connect connect = {
        .version = g->version, .clean_start = clean, .keep_alive = g->keep_alive, .client_id = text_of(id)};
    if (before)
        guest_loses(g); // it comes from elsewhere: the broker throws the old connection out
    c->as = (arrival){.who = g->who,
                      .connection = c->number,
                      .version = g->version,
                      .clean = clean,
                      .largest = g->largest,
                      .will = -1};
    if (!s->leaving)
        choose_will(s, g, &connect, &c->as, room);
    choose_expiry(s, g, &connect, &c->as);
    if (g->version == MQW_5_0) {
        if (g->receive_maximum)
            mqw_set(&connect.props, receive_maximum, g->receive_maximum);
        if (g->alias_maximum)
            mqw_set(&connect.props, topic_alias_maximum, g->alias_maximum);
        if (g->largest)
            mqw_set(&connect.props, maximum_packet_size, g->largest);
    }
    c->client = mqw_conn_new(MQW_CLIENT, &options);
    assert_non_null(c->client);
    mqw_conn_clock(c->client, s->on.now);
    assert_true(mqw_conn_connect(c->client, &connect) >= 0);
    note(&s->on, "guest %u connects by cable %u%s, will %d", g->who, c->number, clean ? ", clean" : "",
         c->as.will);
    g->at = c;
    if (!cable_plugged(s, c)) {
        c->stand = DEAD;
        guest_closes(g, c);
    }
}

static inline void guest_says_goodbye(stage *s, guest *g)
{
    cable *c = g->at;
    mqw_disconnect packet = {0};
    if (g->version == MQW_5_0 && one_in(&s->on, 3))
        packet.reason = 0x04;
    c->farewell = true;
    c->farewell_reason = packet.reason;
    c->farewell_expiry = c->as.expiry;
    if (g->version == MQW_5_0 && c->as.expiry && one_in(&s->on, 4)) {
        c->farewell_expiry = chance(&s->on, 3);
        mqw_set(&packet.props, session_expiry, c->farewell_expiry);
    }
    (void)mqw_conn_disconnect(c->client, &packet);
    guest_closes(g, c);
}

static inline void guest_speaks(stage *s, guest *g)
{
    int number = g->parcel_count < PARCELS - 1 ? new_message(s, g->who, g->version == MQW_5_0) : -1;
    if (number >= 0)
        guest_publishes(g, (unsigned)number);
}

static inline void guest_stalls(stage *s, guest *g)
{
    g->at->down.stalled = s->on.now + chance(&s->on, 4000);
}

static inline void guest_plays(stage *s, guest *g)
{
    unsigned what = chance(&s->on, 100);
    if (g->plans)
        g->plans--;
    if (!g->at)
        guest_connects(s, g, one_in(&s->on, 4));
    else if (!g->at->welcomed)
        return;
    else if (what < 55)
        guest_speaks(s, g);
    else if (what < 82)
        guest_subscribes(g);
    else if (what < 86)
        guest_says_goodbye(s, g);
    else if (what < 90)
        guest_closes(g, g->at);
    else if (what < 94)
        guest_connects(s, g, one_in(&s->on, 4));
    else
        guest_stalls(s, g);
}

/* In the end everybody who has a session comes back to it. */
static inline void guest_comes_back(stage *s, guest *g)
{
    const account *a = &s->book.accounts[g->who];
    if (!g->at && a->exists && (a->connected || s->on.now + 2000 < a->ends_from || a->maybe))
        guest_connects(s, g, false);
}

static inline void guest_turn(stage *s, guest *g)
{
    bool over = s->on.now >= s->plan.calm;
    guest_answers(g);
    if (!s->open || s->on.now < g->next)
        return;
    g->next = s->on.now + 1 + chance(&s->on, over ? 500 : s->plan.pace);
    if (!over && g->plans)
        guest_plays(s, g);
    else if (over && s->on.now < s->plan.calm + SETTLING / 2)
        guest_comes_back(s, g);
    else
        g->next = over ? NEVER : s->plan.calm;
}

// ---- faults ----

static inline cable *any_cable(stage *s)
{
    unsigned count = 0;
    cable *found = NULL;
    for (cable *c = s->cables; c; c = c->next)
        if (c->server && one_in(&s->on, ++count))
            found = c;
    return found;
}

static inline void kick(stage *s, unsigned who)
{
    char id[3] = {'g', (char)('0' + who), 0};
    bool whole = one_in(&s->on, 2);
    note(&s->on, "guest %u is kicked%s", who, whole ? " with its session" : "");
    if (mqw_broker_kick(s->open->broker, text_of(id), 0x98, whole) == 0 && whole)
        model_ended(&s->book, who);
}

static inline void speak(stage *s)
{
    char room[ROOM];
    int number = new_message(s, PROGRAM, true);
    if (number < 0)
        return;
    mqw_publish p = publish_of(&s->book, (unsigned)number, room, sizeof room);
    message *msg = &s->book.messages[number];
    msg->sent++;
    int result = mqw_broker_publish(s->open->broker, &p);
    if (result == 0 && msg->empty)
        model_retained_gone(&s->book, msg->topic);
    else if (result == 0)
        model_taken(&s->book, (unsigned)number);
    else if (!s->plan.starves && !s->plan.fails && result != MQW_E_FULL)
        wrong(&s->on, "the program may not publish: %s", mqw_strerror(result));
}

static inline void mishap(stage *s)
{
    cable *c = any_cable(s);
    unsigned what = chance(&s->on, 10);
    if (what == 0 && s->crashes < s->plan.crashes && s->house_count < LIVES) {
        stage_crashes(s);
    } else if (what == 1 && s->plan.fails && s->house_count < LIVES) {
        note(&s->on, "the disk fails");
        s->depot.broken = true;
        s->failures++;
    } else if (what == 2 && s->plan.kicks) {
        kick(s, chance(&s->on, s->plan.guests));
    } else if (what < 5) {
        speak(s);
    } else if (c && what == 5) {
        cable_cut(c);
    } else if (c && what == 6) {
        c->up.cut_after = c->up.passed + 1 + chance(&s->on, 200);
    } else if (c && what == 7) {
        c->down.cut_after = c->down.passed + 1 + chance(&s->on, 200);
    } else if (c && what == 8) {
        c->up.stalled = s->on.now + chance(&s->on, 5000);
    } else if (c) {
        c->down.stalled = one_in(&s->on, 4) ? NEVER : s->on.now + chance(&s->on, 5000);
    }
}

static inline void stage_fault(stage *s)
{
    s->hunger = 0;
    if (s->on.now >= s->plan.calm) {
        s->next_fault = NEVER;
        for (cable *c = s->cables; c; c = c->next) {
            c->down.stalled = c->down.stalled == NEVER ? s->on.now : c->down.stalled;
            c->up.stalled = c->up.stalled == NEVER ? s->on.now : c->up.stalled;
            c->up.cut_after = c->down.cut_after = NEVER;
        }
        if (s->depot.broken && s->open)
            stage_crashes(s);
        return;
    }
    s->next_fault = sooner(s->on.now + 1 + chance(&s->on, s->plan.pace * 6), s->plan.calm);
    if (!s->open || s->faults >= s->plan.faults)
        return;
    s->faults++;
    s->hunger = s->plan.starves && one_in(&s->on, 2) ? 2 + chance(&s->on, 40) : 0;
    if (s->depot.broken && one_in(&s->on, 3))
        stage_crashes(s); // whoever runs it starts it again
    else
        mishap(s);
}

// ---- cables at work ----

static inline void cable_moves(stage *s, cable *c)
{
    guest *g = &s->guests[c->who];
    size_t len;
    while (way_due(&c->up) <= s->on.now && !way_is_cut(&c->up)) {
        uint8_t *bytes = way_take(&c->up, &len);
        if (c->server) {
            mqw_conn_clock(c->server, s->on.now);
            cable_hear(c, bytes, len);
        }
        free(bytes);
    }
    while (way_due(&c->down) <= s->on.now && !way_is_cut(&c->down)) {
        uint8_t *bytes = way_take(&c->down, &len);
        guest_hears(g, c, bytes, len);
        free(bytes);
    }
    if (way_is_cut(&c->up) || way_is_cut(&c->down)) {
        cable_cut(c);
        c->up.ended = c->down.ended = true;
    }
    if (c->up.ended && c->up.first == c->up.end && c->up.stalled <= s->on.now && c->server && c->stand <= UP)
        cable_gone(c, false);
    if (c->down.ended && c->down.first == c->down.end && c->down.stalled <= s->on.now)
        guest_closes(g, c);
}

static inline void guest_end_works(stage *s, cable *c)
{
    if (!c->client)
        return;
    mqw_conn_clock(c->client, s->on.now);
    if (mqw_conn_deadline(c->client) <= s->on.now && mqw_conn_tick(c->client, s->on.now) < 0) {
        guest_closes(&s->guests[c->who], c);
        return;
    }
    way_load(&c->up, c->on, c->client, c->latency);
}

static inline void stage_moves(stage *s)
{
    for (cable *c = s->cables; c; c = c->next) {
        cable_moves(s, c);
        guest_end_works(s, c);
        if (c->server)
            cable_acts(c);
    }
    for (cable **at = &s->cables; *at;) {
        cable *c = *at;
        if (c->client || c->server) {
            at = &c->next;
            continue;
        }
        *at = c->next;
        c->next = s->spent;
        s->spent = c;
    }
}

// ---- time ----

static inline uint64_t stage_due(const stage *s)
{
    uint64_t at = sooner(s->next_fault, s->next_start);
    if (s->plan.durable)
        at = sooner(at, depot_due(&s->depot));
    for (const cable *c = s->cables; c; c = c->next)
        at = sooner(at, cable_due(c));
    for (unsigned i = 0; i < s->house_count; i++)
        if (s->houses[i].broker)
            at = sooner(at, s->houses[i].wake);
    for (unsigned i = 0; i < s->ticket_count; i++)
        at = sooner(at, s->tickets[i].at);
    for (unsigned i = 0; i < s->plan.guests && s->open && !s->leaving; i++) {
        const guest *g = &s->guests[i];
        at = sooner(at, g->next);
        if (g->at && g->answered < g->owed)
            at = sooner(at, g->answers[g->answered % ANSWERS].at);
    }
    return at;
}

static inline void stage_turns(stage *s)
{
    for (unsigned i = 0; i < s->house_count; i++) {
        house *h = &s->houses[i];
        if (!h->broker || h->wake > s->on.now)
            continue;
        h->wake = NEVER;
        mqw__broker_turn(h->broker);
    }
}

static inline void stage_decides(stage *s)
{
    for (unsigned i = 0; i < s->ticket_count;) {
        ticket t = s->tickets[i];
        if (t.at > s->on.now) {
            i++;
            continue;
        }
        memmove(&s->tickets[i], &s->tickets[i + 1], (--s->ticket_count - i) * sizeof t);
        mqw_peer_decide(t.ticket, t.reason, NULL);
    }
}

static inline void stage_revives(stage *s)
{
    bool busy = s->plan.durable && s->depot.pending; // a commit of the old one
    for (unsigned i = 0; i < s->house_count; i++)
        busy |= s->houses[i].broker != NULL;
    if (busy) {
        s->next_start = s->on.now + 1; // it is not out of the way yet
        return;
    }
    depot_revive(&s->depot);
    stage_starts(s);
}

static inline void stage_step(stage *s)
{
    model_time(&s->book);
    if (s->on.now >= s->next_fault)
        stage_fault(s);
    if (s->plan.durable)
        depot_works(&s->depot);
    stage_decides(s);
    stage_moves(s);
    stage_turns(s);
    if (!s->open && s->on.now >= s->next_start)
        stage_revives(s);
    for (unsigned i = 0; i < s->plan.guests && !s->leaving; i++)
        guest_turn(s, &s->guests[i]);
}

/* Moves time on until then, or something is wrong. */
static inline void stage_until(stage *s, uint64_t then, bool (*enough)(const stage *s))
{
    while (!s->on.wrong[0] && (!enough || !enough(s))) {
        uint64_t due = stage_due(s);
        if (s->steps++ > STEPS)
            wrong(&s->on, "it goes round and round");
        if (due > then) {
            s->on.now = then;
            return;
        }
        if (due > s->on.now)
            s->on.now = due;
        stage_step(s);
    }
}

// ---- a run ----

static inline void check_guest(stage *s, const guest *g)
{
    const account *a = &s->book.accounts[g->who];
    if (a->exists && !a->connected && a->ends_from > s->on.now + SETTLING)
        wrong(&s->on, "guest %u does not come back", g->who);
    if (g->at && g->parcel_count && g->at->welcomed)
        wrong(&s->on, "message %u of guest %u was not acknowledged", g->parcels[0].number, g->who);
    if (g->at && g->asked_count)
        wrong(&s->on, "a SUBSCRIBE of guest %u was not answered (MQTT-3.8.4-1)", g->who);
}

static inline void check_end(stage *s)
{
    mqw_broker_status status = {.size = sizeof status};
    for (unsigned i = 0; i < s->plan.guests; i++)
        check_guest(s, &s->guests[i]);
    model_check(&s->book);
    mqw_broker_status_of(s->open->broker, &status);
    bool all_here = true;
    uint64_t wills = status.wills;
    for (unsigned i = 0; i < s->plan.guests; i++) {
        const account *a = &s->book.accounts[i];
        all_here &= !a->ghost && !a->maybe && (a->connected || !a->exists);
        wills += will_of(&s->book, i) != NULL;
    }
    // Without memory a session that is closed for its queue goes only when its client comes.
    all_here &= !(s->plan.starves && s->book.closes);
    if (all_here && (status.queued || status.inflight || status.queued_bytes))
        wrong(&s->on, "%llu messages still wait, %llu are in flight, %llu bytes",
              (unsigned long long)status.queued, (unsigned long long)status.inflight,
              (unsigned long long)status.queued_bytes);
    if (status.messages_stored > status.retained + wills && all_here && !s->crashes)
        wrong(&s->on, "%llu messages are held for %llu retained ones",
              (unsigned long long)status.messages_stored, (unsigned long long)status.retained);
    bool bounded = s->plan.limits.max_queued || s->plan.limits.max_queued_bytes;
    for (unsigned i = 0; i < s->numbers && !s->crashes && !bounded; i++) {
        const message *msg = &s->book.messages[i];
        if (msg->witnessed != msg->taken && topics[msg->topic][0] != '$' && !s->book.doubtful &&
            !s->book.closes)
            wrong(&s->on, "the program has heard message %u %u times of %u", i, msg->witnessed, msg->taken);
    }
}

static inline bool is_over(const stage *s)
{
    for (unsigned i = 0; i < s->house_count; i++)
        if (s->houses[i].broker)
            return false;
    return !s->ticket_count;
}

static inline void stage_frees(stage *s)
{
    for (int round = 0; round < 2; round++) {
        cable **list = round ? &s->spent : &s->cables;
        while (*list) {
            cable *c = *list;
            *list = c->next;
            mqw_conn_free(c->client);
            if (c->server) {
                wrong(&s->on, "a connection outlives the broker");
                mqw_conn_set_link(c->server, NULL, NULL);
                mqw_conn_free(c->server);
            }
            cable_free(c);
        }
    }
    for (unsigned i = 0; i < GUESTS; i++)
        mqw_packet_free(s->guests[i].held, NULL);
    if (s->plan.durable)
        depot_free(&s->depot);
    if (s->held)
        wrong(&s->on, "%zu bytes of the broker are lost", s->held);
}

/* All is closed and freed, also when something was wrong. */
static inline void stage_leaves(stage *s)
{
    char kept[sizeof s->on.wrong];
    memcpy(kept, s->on.wrong, sizeof kept);
    s->on.wrong[0] = '\0';
    s->on.deaf = kept[0] != '\0';
    s->leaving = true;
    s->steps = 0;
    s->hunger = 0;
    s->next_fault = s->next_start = NEVER;
    for (unsigned i = 0; i < s->ticket_count; i++)
        s->tickets[i].at = s->on.now;
    if (s->open) {
        s->open->dead = s->on.deaf;
        mqw_broker_close(s->open->broker, house_closed, s->open);
    }
    stage_until(s, s->on.now + 600000, is_over);
    if (!is_over(s))
        wrong(&s->on, "the broker does not go");
    stage_until(s, s->on.now + 10000, NULL); // what is left of the cables
    stage_frees(s);
    if (kept[0])
        memcpy(s->on.wrong, kept, sizeof kept);
}

/* Plays it. What was wrong is then in s->on.wrong. */
static inline void stage_runs(stage *s)
{
    s->allocator = (mqw_allocator){house_resize, s};
    if (s->plan.durable)
        depot_open(&s->depot, &s->on, s->plan.latency * 2);
    s->depot.lies = s->mutant == LIES_ON_DISK;
    s->next_fault = s->on.now + 500;
    s->book.doubtful = s->plan.starves || s->plan.fails;
    s->book.bounded = s->plan.limits.max_queued || s->plan.limits.max_queued_bytes;
    s->book.closes = s->plan.limits.when_full == MQW_QUEUE_CLOSE;
    for (unsigned i = 0; i < s->plan.guests; i++)
        s->guests[i].next = s->on.now + 1 + chance(&s->on, 100);
    stage_starts(s);
    if (s->open)
        stage_until(s, s->plan.calm + SETTLING, NULL);
    if (!s->on.wrong[0] && s->open)
        check_end(s);
    stage_leaves(s);
}

#endif
