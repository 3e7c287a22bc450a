// SPDX-License-Identifier: MIT
// A simulation: one program, one server, lines between them, faults, and virtual time that moves them all.
// Everything follows from the seed and the plan.
#ifndef MQW_SIM_H
#define MQW_SIM_H

#include "process.h"

// ---- faults ----

static inline void line_cut(line *l)
{
    note(l->on, "the line is cut after %llu up, %llu down", (unsigned long long)l->up.passed,
         (unsigned long long)l->down.passed);
    l->up.cut_after = l->down.cut_after = NEVER;
    way_drop(&l->up);
    way_drop(&l->down);
    if (l->client && !l->clean)
        line_fail(l);
}

static inline void cut_now(sim *s, line *l)
{
    (void)s;
    line_cut(l);
}

static inline void cut_up_later(sim *s, line *l)
{
    l->up.cut_after = l->up.passed + 1 + chance(&s->on, 150);
}

static inline void cut_down_later(sim *s, line *l)
{
    l->down.cut_after = l->down.passed + 1 + chance(&s->on, 100);
}

static inline void stall_for_ever(sim *s, line *l)
{
    unsigned which = 1 + chance(&s->on, 3);
    note(&s->on, "the line stands still, %u", which);
    l->up.stalled = which & 1 ? NEVER : l->up.stalled;
    l->down.stalled = which & 2 ? NEVER : l->down.stalled;
}

static inline void delay(sim *s, line *l)
{
    uint64_t until = s->on.now + chance(&s->on, 6000);
    note(&s->on, "the line is late");
    if (l->up.stalled != NEVER)
        l->up.stalled = until;
    if (l->down.stalled != NEVER)
        l->down.stalled = until + chance(&s->on, 100);
}

static inline void restart(sim *s, bool forgetful)
{
    note(&s->on, "the server restarts%s", forgetful ? " and forgets" : "");
    s->host.down = true;
    for (line *l = s->lines; l; l = l->next) {
        if (l->server)
            server_gone(&s->host, l);
        line_cut(l);
    }
    if (forgetful)
        server_forget(&s->host);
}

static inline void restart_with_session(sim *s, line *l)
{
    (void)l;
    restart(s, false);
}

static inline void restart_without_session(sim *s, line *l)
{
    (void)l;
    restart(s, !s->book.blind);
}

static inline void refuse_for_a_while(sim *s, line *l)
{
    s->host.unwell = true;
    line_cut(l);
}

static inline void program_reconnects(sim *s, line *l)
{
    (void)l;
    note(&s->on, "program reconnects");
    if (s->present)
        mqw_client_reconnect(s->present->client);
}

static inline void program_pauses(sim *s, line *l)
{
    (void)l;
    note(&s->on, "program pauses");
    if (s->present)
        mqw_client_pause(s->present->client);
}

static void (*const mishaps[])(sim *s, line *l) = {cut_now,
                                                   cut_up_later,
                                                   cut_up_later,
                                                   cut_down_later,
                                                   cut_down_later,
                                                   stall_for_ever,
                                                   delay,
                                                   delay,
                                                   program_pauses,
                                                   restart_with_session,
                                                   refuse_for_a_while,
                                                   program_reconnects,
                                                   cut_now,
                                                   restart_with_session,
                                                   restart_without_session};

static inline void sim_heal(sim *s)
{
    s->host.down = s->host.unwell = false;
    if (s->present)
        mqw_client_resume(s->present->client);
}

static inline void sim_fault(sim *s)
{
    sim_heal(s); // what lasted until now
    s->next_fault = s->on.now + 1 + chance(&s->on, s->plan.pace * 10);
    bool calm = s->on.now >= s->plan.calm || s->faults == s->plan.faults;
    if (calm) {
        s->next_fault = s->on.now < s->plan.calm ? s->plan.calm : NEVER;
        return;
    }
    s->faults++;
    if (s->crashes < s->plan.crashes && s->present && one_in(&s->on, 3))
        sim_crash(s);
    else if (s->lines)
        mishaps[chance(&s->on, sizeof mishaps / sizeof *mishaps)](s, s->lines);
}

// ---- lines at work ----

static inline uint64_t line_due(const line *l)
{
    uint64_t at = l->client && l->phase != UP ? l->due : NEVER;
    bool over = l->up.ended && l->up.first == l->up.end && l->server;
    bool done = l->down.ended && l->down.first == l->down.end && l->client && l->phase == UP;
    if (l->client && l->phase == UP)
        at = sooner(at, l->woken ? 0 : mqw_conn_deadline(l->client));
    if (l->server)
        at = sooner(at, mqw_conn_deadline(l->server));
    if (over && l->up.stalled != NEVER)
        at = sooner(at, l->up.stalled);
    if (done && l->down.stalled != NEVER)
        at = sooner(at, l->down.stalled);
    return sooner(at, sooner(way_due(&l->up), way_due(&l->down)));
}

static inline void line_opens(sim *s, line *l)
{
    void *ctx = NULL;
    if (l->refused || s->host.down) {
        line_fail(l);
        return;
    }
    l->phase = UP;
    server_accept(&s->host, l);
    const mqw_handlers *handlers = mqw_conn_handlers(l->client, &ctx);
    if (handlers->connected)
        handlers->connected(l->client, ctx);
}

/* The client's end: what is due there. */
static inline void line_acts(sim *s, line *l)
{
    uint64_t now = s->on.now;
    mqw_conn_clock(l->client, now);
    if (l->phase == UP && mqw_conn_deadline(l->client) <= now && mqw_conn_tick(l->client, now) < 0)
        line_tell(l);
    if (l->woken) {
        l->woken = false;
        if (l->phase == UP)
            line_tell(l);
        line_hear_kept(l);
    }
    if (l->phase == DIALING && l->due <= now)
        line_opens(s, l);
    else if (l->phase == CLOSING && l->due <= now)
        line_die(l);
    else if (l->phase == DEAD && l->due <= now)
        line_bury(l);
    line_settle(l);
}

static inline void line_meets_mishap(sim *s, line *l)
{
    mishap what = s->happened ? CUT : s->plan.mishap;
    s->happened = true;
    if (what == CRASH && s->present && !s->leaving) {
        l->up.cut_after = l->down.cut_after = NEVER;
        sim_crash(s);
    } else if (what == STALL) {
        note(&s->on, "the line stands still");
        l->up.cut_after = l->down.cut_after = NEVER;
        l->up.stalled = l->down.stalled = NEVER;
    } else if (what == RESTART || what == FORGET) {
        restart(s, what == FORGET && !s->book.blind);
        s->next_fault = s->on.now + 500; // then it is there again
    } else {
        line_cut(l);
    }
}

static inline void line_moves(sim *s, line *l)
{
    size_t len;
    while (way_due(&l->up) <= s->on.now && !way_is_cut(&l->up)) {
        uint8_t *bytes = way_take(&l->up, &len);
        server_hears(&s->host, l, bytes, len);
        free(bytes);
    }
    while (way_due(&l->down) <= s->on.now && !way_is_cut(&l->down)) {
        uint8_t *bytes = way_take(&l->down, &len);
        if (l->client) {
            mqw_conn_clock(l->client, s->on.now);
            line_hear(l, bytes, len);
        }
        free(bytes);
    }
    if (way_is_cut(&l->up) || way_is_cut(&l->down))
        line_meets_mishap(s, l);
    if (l->up.ended && l->up.first == l->up.end && l->up.stalled <= s->on.now && l->server) {
        (void)mqw_conn_end(l->server);
        server_gone(&s->host, l);
    }
    if (l->down.ended && l->down.first == l->down.end && l->down.stalled <= s->on.now && l->client &&
        l->phase == UP)
        line_end(l);
}

static inline void sim_move_lines(sim *s)
{
    for (line *l = s->lines; l; l = l->next) {
        line_moves(s, l);
        server_works(&s->host, l);
        if (l->client)
            line_acts(s, l);
    }
    for (line **at = &s->lines; *at;) {
        line *l = *at;
        if (l->client || l->server) {
            at = &l->next;
            continue;
        }
        *at = l->next;
        line_free(l);
    }
}

// ---- time ----

static inline uint64_t sim_due(const sim *s)
{
    uint64_t at = sooner(s->next_fault, server_due(&s->host));
    if (s->plan.durable)
        at = sooner(at, depot_due(&s->depot));
    for (const line *l = s->lines; l; l = l->next)
        at = sooner(at, line_due(l));
    for (unsigned i = 0; i < s->started; i++)
        if (s->processes[i].client)
            at = sooner(at, s->processes[i].wake);
    if (!s->present || s->leaving)
        return s->present ? at : sooner(at, s->next_start);
    for (unsigned i = 0; i < s->unacked; i++)
        at = sooner(at, s->tokens[i].at);
    return sooner(at, sooner(s->next_up, sooner(s->next_down, s->next_request)));
}

static inline void sim_turn_clients(sim *s)
{
    for (unsigned i = 0; i < s->started; i++) {
        process *p = &s->processes[i];
        if (!p->client || p->wake > s->on.now)
            continue;
        p->wake = NEVER;
        mqw__client_turn(p->client);
    }
}

static inline void sim_revive(sim *s)
{
    for (unsigned i = 0; i < s->started; i++)
        if (s->processes[i].client) {
            s->next_start = s->on.now + 1; // the old one is not out of the way yet
            return;
        }
    s->next_start = NEVER;
    depot_revive(&s->depot);
    sim_start_client(s);
}

static inline void sim_play(sim *s)
{
    world *on = &s->on;
    if (on->now >= s->next_up && s->book.ups < s->plan.ups)
        program_publishes(s);
    if (on->now >= s->next_up)
        s->next_up = s->book.ups < s->plan.ups ? on->now + chance(on, s->plan.pace) : NEVER;
    if (on->now >= s->next_down) {
        bool plain = s->plan.plain;
        server_tell(&s->host, (uint8_t)(plain ? s->book.downs % 3 : chance(on, 3)),
                    (uint8_t)(plain ? 0 : chance(on, TOPICS)));
        s->next_down = s->book.downs < s->plan.downs && on->now < s->plan.calm + 5000
                           ? on->now + 1 + chance(on, s->plan.pace)
                           : NEVER;
    }
    if (on->now >= s->next_request) {
        program_asks(s, chance(on, TOPICS), one_in(on, 2));
        s->next_request =
            s->requested < s->plan.requests + TOPICS ? on->now + chance(on, s->plan.pace * 4) : NEVER;
    }
    if (s->unacked)
        program_acks(s);
}

static inline void sim_step(sim *s)
{
    if (s->on.now >= s->next_fault)
        sim_fault(s);
    if (s->plan.durable)
        depot_works(&s->depot);
    sim_move_lines(s);
    sim_turn_clients(s);
    if (!s->present && s->on.now >= s->next_start)
        sim_revive(s);
    else if (s->present && !s->leaving)
        sim_play(s);
}

/* Moves time on until `until` holds, something is wrong, or nothing happens any more. */
static inline void sim_until(sim *s, bool (*until)(const sim *s), const char *what)
{
    uint64_t limit = (s->on.now > s->plan.calm ? s->on.now : s->plan.calm) + PATIENCE;
    while (!s->on.wrong[0] && !until(s)) {
        uint64_t due = sim_due(s);
        if (due > limit || s->steps++ > STEPS) {
            ledger_check(&s->book);
            program_check(s);
            wrong(&s->on, due > limit ? "it stands still before %s" : "it goes round before %s", what);
            return;
        }
        if (due > s->on.now)
            s->on.now = due;
        sim_step(s);
    }
}

// ---- a run ----

static inline bool all_is_said(const sim *s)
{
    if (s->started && s->processes[s->started - 1].gave_up)
        return true;
    return s->present && s->next_fault == NEVER && s->next_request == NEVER && s->next_down == NEVER &&
           program_is_done(s);
}

static inline bool it_is_enough(const sim *s)
{
    if (s->started && s->processes[s->started - 1].gave_up)
        return true;
    return s->present && s->on.now >= s->plan.calm / 2;
}

static inline bool is_closed(const sim *s)
{
    for (unsigned i = 0; i < s->started; i++)
        if (s->processes[i].client)
            return false;
    return true;
}

static inline void sim_leave(sim *s)
{
    static const mqw_client_goodbye hurried = {.now = true}, polite = {.timeout = 3000};
    const mqw_client_goodbye *how = !s->plan.early ? NULL : one_in(&s->on, 2) ? &hurried : &polite;
    note(&s->on, "program leaves");
    s->book.early = s->plan.early || s->on.wrong[0] || !s->present;
    s->leaving = true;
    sim_heal(s);
    s->next_fault = s->next_start = NEVER;
    if (s->present)
        mqw_client_close(s->present->client, how);
}

/* What is left is freed, also when something was wrong. */
static inline void sim_free(sim *s)
{
    char kept[sizeof s->on.wrong];
    memcpy(kept, s->on.wrong, sizeof kept);
    s->on.wrong[0] = '\0';
    s->on.deaf = true;
    s->steps = 0;
    sim_until(s, is_closed, "the client is gone");
    s->on.deaf = false;
    memcpy(s->on.wrong, kept, sizeof kept);
    if (!is_closed(s))
        wrong(&s->on, "the client does not go");
    while (s->lines) {
        line *l = s->lines;
        s->lines = l->next;
        if (l->client)
            wrong(&s->on, "a connection outlives its client");
        if (l->server)
            server_gone(&s->host, l);
        line_free(l);
    }
    if (s->plan.durable)
        depot_free(&s->depot);
}

/* Plays it. What was wrong is then in s->on.wrong. */
static inline void sim_run(sim *s)
{
    if (s->plan.durable)
        depot_open(&s->depot, &s->on, s->plan.latency * 2);
    s->depot.lies = s->plan.lies;
    s->next_start = NEVER;
    s->next_up = s->next_down = s->on.now + 200;
    s->next_request = s->plan.requests ? s->on.now + chance(&s->on, 500) : NEVER;
    s->next_fault = s->plan.faults ? s->on.now + chance(&s->on, 2000) : NEVER;
    sim_start_client(s);
    sim_until(s, s->plan.early ? it_is_enough : all_is_said, "all is said");
    sim_leave(s);
    sim_until(s, is_closed, "the client is closed");
    if (!s->on.wrong[0]) {
        ledger_check(&s->book);
        program_check(s);
    }
    sim_free(s);
}

#endif
