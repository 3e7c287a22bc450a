// SPDX-License-Identifier: MIT
// Blocks of packets: bytes and what they are, or a line and what sending it gives.
#include <stdlib.h>
#include <string.h>

#include "sample.h"

/* What the words behind ```packet say. */
typedef struct packet_scope {
    unsigned versions;
    unsigned senders; /* bits of mqw_role */
    mqw_policy policy;
} packet_scope;

static bool read_scope(const spec_block *block, packet_scope *out)
{
    const char *at = block->words;
    char word[256];
    *out = (packet_scope){0};
    while (spec_word(&at, word, sizeof word)) {
        unsigned version = spec_version_bit(word);
        out->versions |= version;
        if (strcmp(word, "client") == 0)
            out->senders |= 1u << MQW_CLIENT;
        else if (strcmp(word, "server") == 0)
            out->senders |= 1u << MQW_SERVER;
        else if (strcmp(word, "any") == 0)
            out->senders |= 1u << MQW_ANY;
        else if (version == 0 && !spec_policy_word(word, &out->policy))
            return spec_check(false, block->number, "unknown word: %s", word);
    }
    if (out->senders == 0)
        out->senders = 1u << MQW_ANY;
    return spec_check(out->versions != 0, block->number, "the block names no version");
}

/* The lines of a sample: its bytes, then what is said of them. */
typedef struct paragraph {
    const spec_line *lines;
    size_t count;
    size_t said; /* the first line that is not bytes */
    spec_bytes bytes;
} paragraph;

static bool says(const char *line)
{
    line += strspn(line, " \t");
    return (*line >= 'A' && *line <= 'Z') || *line == '!' || *line == '.' || *line == 'v' || *line == 's' ||
           *line == 'n';
}

/* The line that holds in this version and starts with `prefix`, without it; NULL: none. */
static const char *find_line(const paragraph *p, uint8_t version, const char *prefix, int *number)
{
    for (size_t i = p->said; i < p->count; i++) {
        const char *line = p->lines[i].text;
        if (!spec_for_version(&line, version))
            continue;
        bool result = *line != 's' && *line != 'n';
        *number = p->lines[i].number;
        if (*prefix == '\0' ? result : spec_behind(line, prefix) != NULL)
            return *prefix == '\0' ? line : spec_behind(line, prefix);
    }
    return NULL;
}

static bool read_notation(const char *text, int line, spec_bytes *out)
{
    const char *why = NULL;
    return spec_check(spec_notation(text, out, &why), line, "%s", why == NULL ? "" : why);
}

static void seed_decode(const spec_sample *s)
{
    spec_bytes seed = {0};
    spec_put_byte(&seed, s->codec.version);
    spec_put_byte(&seed, s->codec.sender);
    spec_put(&seed, s->bytes.data, s->bytes.len);
    spec_seed("decode", seed.data, seed.len);
    spec_free(&seed);
}

/* Reads what is said in this version and runs the sample. */
static void run_version(const paragraph *p, spec_sample *s)
{
    int line = p->lines[0].number;
    s->line = line;
    spec_bytes expected = {0}, sent = {0};
    const char *why = NULL;
    const char *result = find_line(p, s->codec.version, "", &s->line);
    if (!spec_check(result != NULL, line, "nothing is said for v%u", s->codec.version))
        return;
    const char *other = find_line(p, s->codec.version, "sent as", &line);
    s->not_sent = find_line(p, s->codec.version, "not sent", &line);
    s->sent = s->bytes;
    if (spec_check(spec_expand(result, &expected, &why), s->line, "%s", why) &&
        (other == NULL || read_notation(other, line, &sent))) {
        s->expected = spec_text(&expected);
        if (other != NULL)
            s->sent = spec_view(&sent);
        seed_decode(s);
        spec_run_sample(s);
    }
    spec_free(&expected);
    spec_free(&sent);
}

static void run_paragraph(const paragraph *p, const packet_scope *scope)
{
    uint8_t *exact = spec_exact(p->bytes.data, p->bytes.len);
    for (uint8_t version = 3; version <= 5; version++)
        for (uint8_t sender = MQW_ANY; sender <= MQW_SERVER; sender++) {
            if (!(scope->versions >> version & 1) || !(scope->senders >> sender & 1))
                continue;
            spec_sample s = {.codec = {version, sender, &scope->policy}, .bytes = {exact, p->bytes.len}};
            run_version(p, &s);
        }
    free(exact);
}

/* Takes the next paragraph off the block; false: there is none. */
static bool next_paragraph(const spec_block *block, size_t *at, paragraph *out)
{
    while (*at < block->count && spec_is_blank(block->lines[*at].text))
        ++*at;
    *out = (paragraph){.lines = block->lines + *at};
    for (; *at < block->count && !spec_is_blank(block->lines[*at].text); ++*at)
        out->count++;
    return out->count > 0;
}

static bool read_bytes(paragraph *p)
{
    spec_bytes text = {0};
    for (; p->said < p->count && !says(p->lines[p->said].text); p->said++)
        spec_printf(&text, "%s\n", p->lines[p->said].text);
    bool good = read_notation(spec_text(&text), p->lines[0].number, &p->bytes);
    spec_free(&text);
    return good;
}

void spec_run_packets(const spec_block *block)
{
    packet_scope scope;
    paragraph p;
    if (!read_scope(block, &scope))
        return;
    for (size_t at = 0; next_paragraph(block, &at, &p);) {
        if (read_bytes(&p))
            run_paragraph(&p, &scope);
        spec_free(&p.bytes);
    }
}

/* --- what is refused when it is sent --- */

/* A line and what encoding it gives: bytes, or `! ` and the refusal. */
static void run_send(const paragraph *p, const mqw_codec *codec)
{
    spec_sample s = {.line = p->lines[0].number, .codec = *codec};
    spec_bytes line = {0}, sent = {0};
    const char *why = NULL, *said = NULL;
    uint8_t *room = NULL;
    mqw_packet packet;
    size_t first = 0;
    while (first + 1 < p->count && *p->lines[first].text == '#')
        first++;
    for (size_t i = first + 1; i < p->count && said == NULL; i++) {
        const char *text = p->lines[i].text;
        said = spec_for_version(&text, codec->version) ? text : NULL;
    }
    if (spec_check(said != NULL, s.line, "nothing is said for v%u", codec->version) &&
        spec_check(spec_expand(p->lines[first].text, &line, &why), s.line, "%s", why) &&
        spec_check(spec_scan(spec_text(&line), &packet, &room), s.line, "the line is not scanned")) {
        s.not_sent = spec_behind(said, "!");
        spec_showed_version(codec->version);
        if (s.not_sent != NULL || read_notation(said, s.line, &sent)) {
            s.sent = spec_view(&sent);
            spec_check_encoding(&s, "scanned", &packet);
        }
    }
    spec_seed("scan", line.data, line.len);
    free(room);
    spec_free(&line);
    spec_free(&sent);
}

void spec_run_sends(const spec_block *block)
{
    packet_scope scope;
    paragraph p;
    if (!read_scope(block, &scope))
        return;
    for (size_t at = 0; next_paragraph(block, &at, &p);)
        for (uint8_t version = 3; version <= 5; version++)
            for (uint8_t sender = MQW_ANY; sender <= MQW_SERVER; sender++)
                if ((scope.versions >> version & 1) && (scope.senders >> sender & 1))
                    run_send(&p, &(mqw_codec){version, sender, NULL});
}
