// SPDX-License-Identifier: MIT
// Conversations: the lines of a block are played on two joined connections, and what comes of each is
// compared.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation.h"

/* A line that says what came of the event before it. */
static bool is_outcome(const char *line)
{
    return *line == '=' || *line == '~' || *line == '!' || strncmp(line, "C* ", 3) == 0 ||
           strncmp(line, "S* ", 3) == 0 || strcmp(line, "left out") == 0 || strcmp(line, "due") == 0;
}

static spec_end *end_of(spec_talk *talk, char mark)
{
    return mark == 'C' ? &talk->ends[0] : mark == 'S' ? &talk->ends[1] : NULL;
}

/* --- what is asked --- */

static const char *const state_names[] = {"NEW",  "CONNECTING", "AUTHENTICATING", "UNSUPPORTED",
                                          "OPEN", "REFUSED",    "ENDED"};

static void ask_state(const spec_end *end, spec_bytes *out)
{
    spec_printf(out, "%s", state_names[mqw_conn_state(end->conn)]);
}

static void ask_quota(const spec_end *end, spec_bytes *out)
{
    spec_printf(out, "%u", mqw_conn_quota(end->conn));
}

static void ask_version(const spec_end *end, spec_bytes *out)
{
    spec_printf(out, "%u", mqw_conn_version(end->conn));
}

static void ask_deadline(const spec_end *end, spec_bytes *out)
{
    uint64_t deadline = mqw_conn_deadline(end->conn);
    if (deadline == UINT64_MAX)
        spec_printf(out, "none");
    else
        spec_printf(out, "%llu", (unsigned long long)deadline);
}

static void ask_error(const spec_end *end, spec_bytes *out)
{
    mqw_error error;
    if (mqw_conn_error(end->conn, &error) == NULL)
        spec_printf(out, "none");
    else
        spec_print_error(out, &error);
}

static void ask_waiting(const spec_end *end, spec_bytes *out)
{
    spec_printf(out, "%zu", mqw_conn_waiting(end->conn));
}

static void ask_pending(const spec_end *end, spec_bytes *out)
{
    spec_printf(out, "%zu", mqw_conn_pending(end->conn).len);
}

static const struct {
    const char *name;
    void (*ask)(const spec_end *end, spec_bytes *out);
} questions[] = {
    {"state", ask_state}, {"quota", ask_quota},     {"version", ask_version}, {"deadline", ask_deadline},
    {"error", ask_error}, {"pending", ask_pending}, {"waiting", ask_waiting},
};

/* `state C OPEN`; false: not a question. */
static bool run_question(spec_talk *talk, const char *verb, const char *rest)
{
    for (size_t i = 0; i < SPEC_COUNT(questions); i++) {
        if (strcmp(questions[i].name, verb) != 0)
            continue;
        char mark[4] = "";
        spec_bytes answer = {0};
        spec_word(&rest, mark, sizeof mark);
        const spec_end *end = end_of(talk, mark[0]);
        if (spec_check(end != NULL, talk->line, "%s of whom?", verb)) {
            questions[i].ask(end, &answer);
            rest += strspn(rest, " ");
            spec_check(strcmp(spec_text(&answer), rest) == 0, talk->line, "%s of %c is %s", verb, *mark,
                       spec_text(&answer));
        }
        spec_free(&answer);
        return true;
    }
    return false;
}

/* --- what is done --- */

static void do_clock(spec_talk *talk, spec_end *end, const char *rest)
{
    (void)end;
    talk->now = strtoull(rest, NULL, 10);
    for (int i = 0; i < 2; i++)
        mqw_conn_clock(talk->ends[i].conn, talk->now);
}

static void do_tick(spec_talk *talk, spec_end *end, const char *rest)
{
    (void)rest;
    int result = mqw_conn_tick(end->conn, talk->now);
    if (result == 1)
        spec_printf(&talk->outcome, "due\n");
    if (result < 0)
        spec_hear_fault(talk, end);
}

static void do_end(spec_talk *talk, spec_end *end, const char *rest)
{
    (void)rest;
    if (mqw_conn_end(end->conn) < 0)
        spec_hear_fault(talk, end);
}

static void do_pause(spec_talk *talk, spec_end *end, const char *rest)
{
    (void)talk;
    (void)rest;
    mqw_conn_pause(end->conn);
}

static void do_resume(spec_talk *talk, spec_end *end, const char *rest)
{
    (void)rest;
    mqw_conn_resume(end->conn);
    spec_arrive(talk, end, (mqw_bytes){NULL, 0});
}

static void do_hold(spec_talk *talk, spec_end *end, const char *rest)
{
    (void)talk;
    (void)rest;
    end->held = true;
}

static void do_release(spec_talk *talk, spec_end *end, const char *rest)
{
    (void)rest;
    spec_release(talk, end);
}

static void do_shut(spec_talk *talk, spec_end *end, const char *rest)
{
    (void)talk;
    (void)rest;
    mqw_conn_shut(end->conn);
}

/* What the event put on the wire. */
static void do_wire(spec_talk *talk, spec_end *end, const char *rest)
{
    spec_bytes bytes = {0};
    const char *why = "";
    (void)end;
    if (spec_check(spec_notation(rest, &bytes, &why), talk->line, "%s", why))
        spec_check(bytes.len == talk->wire.len && memcmp(bytes.data, talk->wire.data, bytes.len) == 0,
                   talk->line, "other bytes went over the wire (%zu)", talk->wire.len);
    spec_free(&bytes);
}

static const struct {
    const char *name;
    bool of_an_end;
    void (*run)(spec_talk *talk, spec_end *end, const char *rest);
} deeds[] = {
    {"clock", false, do_clock}, {"tick", true, do_tick},       {"end", true, do_end},
    {"pause", true, do_pause},  {"resume", true, do_resume},   {"shut", true, do_shut},
    {"hold", true, do_hold},    {"release", true, do_release}, {"wire", false, do_wire},
};

static bool run_deed(spec_talk *talk, const char *verb, const char *rest)
{
    for (size_t i = 0; i < SPEC_COUNT(deeds); i++) {
        if (strcmp(deeds[i].name, verb) != 0)
            continue;
        char mark[4] = "";
        if (deeds[i].of_an_end)
            spec_word(&rest, mark, sizeof mark);
        spec_end *end = end_of(talk, mark[0]);
        if (spec_check(end != NULL || !deeds[i].of_an_end, talk->line, "%s of whom?", verb))
            deeds[i].run(talk, end, rest + strspn(rest, " "));
        return true;
    }
    return false;
}

/* --- what is said --- */

/* A payload that goes in pieces: `begin N PUBLISH ...`, `piece "..."`, `done`. False: something else is said.
 */
static bool run_stream(spec_talk *talk, spec_end *from, const char *text)
{
    const char *rest, *why = "";
    int result = 0;
    uint8_t *room = NULL;
    spec_bytes piece = {0}, out = {0};
    if ((rest = spec_behind(text, "begin ")) != NULL) {
        char *line = NULL;
        mqw_packet packet;
        uint32_t size = (uint32_t)strtoul(rest, &line, 10);
        spec_check(spec_scan(line + strspn(line, " "), &packet, &room), talk->line, "not a packet");
        result = mqw_conn_publish_begin(from->conn, &packet.publish, size);
    } else if ((rest = spec_behind(text, "piece ")) != NULL) {
        spec_check(spec_notation(rest, &piece, &why), talk->line, "%s", why);
        result = mqw_conn_publish_write(from->conn, spec_view(&piece));
    } else if (strcmp(text, "done") == 0) {
        result = mqw_conn_publish_end(from->conn);
    } else {
        return false;
    }
    if (result < 0)
        spec_refusal(talk, from, result);
    spec_take_output(from, &out);
    spec_put(&talk->wire, out.data, out.len);
    spec_arrive(talk, spec_other(talk, from), spec_view(&out));
    free(room);
    spec_free(&piece);
    spec_free(&out);
    return true;
}

static void run_saying(spec_talk *talk, spec_end *from, const char *text, bool anyway)
{
    const char *why = "";
    spec_bytes bytes = {0};
    if (run_stream(talk, from, text))
        return;
    if (*text >= 'A' && *text <= 'Z')
        spec_say(talk, from, text, anyway);
    else if (spec_check(spec_notation(text, &bytes, &why), talk->line, "%s", why))
        spec_say_raw(talk, from, spec_view(&bytes));
    spec_free(&bytes);
}

/* --- events and their outcome --- */

static void add_expected(spec_talk *talk, spec_bytes *expected, const char *line)
{
    size_t mark = *line == '=' ? 2 : line[1] == '*' ? 3 : 0;
    spec_bytes canonical = {0};
    bool as_it_is = strcmp(line, "= nothing") == 0 || strncmp(line, "= payload ", 10) == 0 ||
                    strstr(line, " times)") != NULL;
    if (mark > 0 && !as_it_is &&
        spec_check(spec_canonical(line + mark, &canonical), talk->line, "not a packet: %s", line))
        spec_printf(expected, "%.*s%s\n", (int)mark, line, spec_text(&canonical));
    else
        spec_printf(expected, "%s\n", line);
    spec_free(&canonical);
}

/* The line as it is for this version, with what stands for something else replaced; NULL: not for this
 * version. */
static const char *prepare(const spec_talk *talk, const spec_line *line, spec_bytes *room)
{
    const char *text = line->text + strspn(line->text, " \t"), *why = NULL;
    spec_clear(room);
    if (spec_is_blank(text) || *text == '#' || !spec_for_version(&text, talk->version))
        return NULL;
    spec_bytes expanded = {0};
    spec_check(spec_expand(text, &expanded, &why), line->number, "%s", why);
    for (const char *at = spec_text(&expanded); *at != '\0';) {
        const char *place = strstr(at, "$version");
        spec_put(room, at, place == NULL ? strlen(at) : (size_t)(place - at));
        if (place != NULL)
            spec_printf(room, "%u", talk->version);
        at = place == NULL ? at + strlen(at) : place + 8;
    }
    spec_free(&expanded);
    return spec_text(room);
}

/* Collects the lines behind line `at` that tell its outcome. */
static size_t read_outcome(spec_talk *talk, size_t at, spec_bytes *expected)
{
    spec_bytes room = {0};
    size_t next = at + 1;
    for (; next < talk->block->count; next++) {
        const char *line = prepare(talk, &talk->block->lines[next], &room);
        if (line != NULL && !is_outcome(line))
            break;
        if (line != NULL)
            add_expected(talk, expected, line);
    }
    spec_free(&room);
    return next;
}

static bool run_options(spec_talk *talk, const char *rest)
{
    char who[8] = "", word[256];
    bool good = spec_word(&rest, who, sizeof who);
    while (good && spec_word(&rest, word, sizeof word))
        for (int i = 0; i < 2; i++)
            if (strcmp(who, "both") == 0 || who[0] == "CS"[i])
                good &= spec_option(&talk->ends[i], word);
    return spec_check(good, talk->line, "option not understood");
}

static void run_event(spec_talk *talk, const char *line, const char *expected)
{
    char verb[16] = "";
    const char *rest = line;
    spec_word(&rest, verb, sizeof verb);
    if (strcmp(verb, "options") == 0) {
        run_options(talk, rest);
        return;
    }
    if (!spec_connect_ends(talk))
        return;
    if (strcmp(verb, "wire") != 0)
        spec_clear(&talk->wire);
    bool says = strcmp(verb, "C>") == 0 || strcmp(verb, "S<") == 0;
    if (says)
        run_saying(talk, end_of(talk, *verb), rest + strspn(rest, " "), strstr(expected, "! fault") != NULL);
    else if (!run_deed(talk, verb, rest) && !run_question(talk, verb, rest))
        spec_check(false, talk->line, "not understood: %s", line);
    spec_settle(talk);
}

/* The same line many times over becomes one with a number. */
static void collapse(spec_bytes *outcome)
{
    spec_bytes short_form = {0};
    const char *at = spec_text(outcome);
    while (*at != '\0') {
        size_t len = strcspn(at, "\n") + 1, times = 1;
        while (strncmp(at, at + len * times, len) == 0)
            times++;
        for (size_t i = 0; times < 10 && i < times; i++)
            spec_put(&short_form, at, len);
        if (times >= 10)
            spec_printf(&short_form, "%.*s (%zu times)\n", (int)len - 1, at, times);
        at += len * times;
    }
    spec_free(outcome);
    *outcome = short_form;
}

/* `C> PACKET`, not a payload in pieces. */
static bool says_packet(const char *line)
{
    return (strncmp(line, "C> ", 3) == 0 || strncmp(line, "S< ", 3) == 0) && line[3] >= 'A' && line[3] <= 'Z';
}

/* mqw_conn_send takes any packet that a peer may have sent: to it nothing is misuse. */
static void soften(spec_bytes *expected)
{
    static const char misuse[] = "! refused MISUSE ";
    spec_bytes soft = {0};
    for (const char *at = spec_text(expected); *at != '\0';) {
        size_t len = strcspn(at, "\n") + 1;
        bool found = strncmp(at, misuse, sizeof misuse - 1) == 0;
        size_t skip = found ? sizeof misuse - 1 : 0;
        spec_printf(&soft, "%s%.*s", found ? "! refused REFUSED " : "", (int)(len - skip), at + skip);
        at += len;
    }
    spec_free(expected);
    *expected = soft;
}

/* Plays line `at`; returns the next one. */
static size_t play_line(spec_talk *talk, size_t at)
{
    spec_bytes room = {0}, expected = {0};
    size_t next = at + 1;
    talk->line = talk->block->lines[at].number;
    const char *line = prepare(talk, &talk->block->lines[at], &room);
    if (line != NULL) {
        next = read_outcome(talk, at, &expected);
        if (!talk->push && says_packet(line))
            soften(&expected);
        spec_clear(&talk->outcome);
        run_event(talk, line, spec_text(&expected));
        collapse(&talk->outcome);
        spec_check(strcmp(spec_text(&expected), spec_text(&talk->outcome)) == 0, talk->line,
                   "v%u, %s, %s: this came of it:\n%s", talk->version, talk->push ? "pushed" : "pulled",
                   talk->step == 1 ? "byte by byte" : "whole", spec_text(&talk->outcome));
    }
    spec_free(&room);
    spec_free(&expected);
    return next;
}

/* What is counted agrees with what went by. */
static void check_counters(spec_talk *talk, const spec_end *end)
{
    mqw_counters counters;
    mqw_conn_counters(end->conn, &counters);
    spec_check(counters.bytes_queued == counters.bytes_written &&
                   counters.packets_queued == counters.packets_written,
               talk->line, "%c: all was written, but the counters differ", spec_mark(end));
    spec_check(mqw_conn_waiting(end->conn) == 0, talk->line, "%c: something waits", spec_mark(end));
}

static void play(const spec_block *block, uint8_t version, size_t step, bool push)
{
    spec_talk talk = {.block = block, .version = version, .step = step, .push = push};
    const uint8_t manners[3] = {0, 0, 64}; // of fuzz_conn: no answers, strict, some of it was never sent
    spec_showed_version(version);
    spec_put(&talk.seed, manners, sizeof manners);
    for (size_t at = 0; at < block->count;)
        at = play_line(&talk, at);
    for (int i = 0; i < 2; i++) {
        if (talk.ends[i].conn != NULL)
            check_counters(&talk, &talk.ends[i]);
        mqw_conn_free(talk.ends[i].conn);
        spec_free(&talk.ends[i].inbox);
        spec_free(&talk.ends[i].payload);
    }
    spec_seed("conn", talk.seed.data, talk.seed.len);
    spec_free(&talk.seed);
    spec_free(&talk.outcome);
    spec_free(&talk.wire);
}

void spec_run_conversation(const spec_block *block)
{
    const char *at = block->words;
    char word[8];
    unsigned versions = 0;
    while (spec_word(&at, word, sizeof word))
        versions |= spec_version_bit(word);
    spec_check(versions != 0, block->number, "the conversation names no version");
    for (uint8_t version = 3; version <= 5; version++)
        for (int manner = 0; manner < 4 && (versions >> version & 1); manner++)
            play(block, version, manner & 1 ? 1 : SIZE_MAX, (manner & 2) != 0);
}
