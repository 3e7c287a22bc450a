// SPDX-License-Identifier: MIT
// Samples of single packets: decoded, printed, encoded, scanned, copied, fed byte by byte and cut at each
// length.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sample.h"

/* Cuts are tried at each length up to the first, and in longer packets that far from both ends. */
enum { EACH_CUT = 4096, EDGE = 64 };

/* --- decoding --- */

/* What decoding gives, as the transcripts write it. */
static void describe(spec_bytes *out, int result, size_t len, const mqw_packet *packet, const mqw_error *why)
{
    if (result < 0) {
        spec_put(out, "! ", 2);
        spec_print_error(out, why);
        if (result != why->code)
            spec_printf(out, " (but the result is %d)", result);
        return;
    }
    if (result == 0) {
        spec_put(out, "...", 3);
        return;
    }
    spec_print_packet(out, packet, MQW_FULL);
    for (int rule = 1; rule < MQW_RULE_COUNT; rule++)
        if (mqw_rule_in(&packet->violations, (mqw_rule)rule))
            spec_printf(out, " ~ %s", mqw_rule_name(rule));
    if ((size_t)result != len)
        spec_printf(out, " (and %zu bytes more)", len - (size_t)result);
}

/* Decodes into a struct of nonsense, another one each time, so that nothing old can be taken for something
 * new. */
static int decode(const spec_sample *s, mqw_bytes bytes, mqw_packet *packet, mqw_error *why)
{
    static uint8_t fill = 0x5A;
    fill = (uint8_t)(fill * 5 + 1);
    spec_forget(packet, fill);
    *why = (mqw_error){0};
    return mqw_decode(&s->codec, bytes, packet, why);
}

static void check_error(const spec_sample *s, const mqw_error *why)
{
    mqw_packet packet;
    spec_showed_rule(why->rule);
    spec_check(why->by_peer, s->line, "an error of decoding is not the peer's");
    spec_check(mqw_decode(&s->codec, s->bytes, &packet, NULL) == why->code, s->line,
               "another result when nobody asks why");
    spec_check(why->type == 0 || why->type == s->bytes.data[0] >> 4, s->line, "error.type is %u", why->type);
    spec_check(mqw_error_print(NULL, 0, why) > strlen(mqw_error_text(why)), s->line,
               "the error has no sentence");
}

static void check_violations(const mqw_packet *packet)
{
    for (int rule = 1; rule < MQW_RULE_COUNT; rule++)
        if (mqw_rule_in(&packet->violations, (mqw_rule)rule))
            spec_showed_rule((unsigned)rule);
}

/* A packet that is not all there is incomplete, or has the error that the whole has. */
static bool check_cut(const spec_sample *s, size_t len)
{
    uint8_t *exact = spec_exact(s->bytes.data, len);
    spec_bytes text = {0};
    mqw_packet packet;
    mqw_error why;
    int result = decode(s, (mqw_bytes){exact, len}, &packet, &why);
    describe(&text, result, len, &packet, &why);
    bool good = result == 0 || (result < 0 && strcmp(spec_text(&text), s->expected) == 0);
    spec_check(good, s->line, "cut to %zu bytes: %s", len, spec_text(&text));
    spec_free(&text);
    free(exact);
    return good;
}

static void check_cuts(const spec_sample *s)
{
    bool good = true;
    for (size_t len = 0; good && len < s->bytes.len; len++)
        if (s->bytes.len <= EACH_CUT || len < EDGE || len + EDGE >= s->bytes.len)
            good = check_cut(s, len);
}

/* --- through a connection --- */

static mqw_conn *make_conn(const spec_sample *s)
{
    mqw_conn_options options = {
        .size = sizeof options, .version = s->codec.version, .alias_in = MQW_ALIAS_RAW};
    static const mqw_role receiver[] = {MQW_ANY, MQW_SERVER, MQW_CLIENT};
    options.policy = *s->codec.policy;
    spec_ignore_order(&options.policy);
    options.max_packet_size = options.max_first_packet = MQW_PACKET_MAX;
    return mqw_conn_new(receiver[s->codec.sender], &options);
}

/* Puts down what recv gives for one piece of input, which is gone afterwards. False: a fault. */
static bool feed_piece(mqw_conn *conn, const uint8_t *data, size_t len, spec_bytes *out)
{
    uint8_t *piece = spec_exact(data, len);
    mqw_bytes in = {piece, len};
    mqw_packet packet;
    mqw_error why = {0};
    int result;
    while ((result = mqw_conn_recv(conn, &in, &packet)) > 0)
        describe(out, 1, 1, &packet, NULL);
    if (result < 0 && mqw_conn_error(conn, &why) != NULL)
        describe(out, result, 0, NULL, &why);
    free(piece);
    return result == 0;
}

/* The whole sample in pieces of `step` bytes gives what decoding it gives. */
static void check_feed(const spec_sample *s, size_t step)
{
    spec_bytes out = {0};
    mqw_conn *conn = make_conn(s);
    if (!spec_check(conn != NULL, s->line, "no connection"))
        return;
    const uint8_t *at = s->bytes.data, *end = at + s->bytes.len;
    size_t len = 0;
    for (bool good = true; good && at < end; at += len) {
        len = (size_t)(end - at) < step ? (size_t)(end - at) : step;
        good = feed_piece(conn, at, len, &out);
    }
    const char *expected = strcmp(s->expected, "...") == 0 ? "" : s->expected;
    spec_check(strcmp(spec_text(&out), expected) == 0, s->line, "fed %zd at a time: %s", (ssize_t)step,
               spec_text(&out));
    mqw_conn_free(conn);
    spec_free(&out);
}

/* An end of the stream inside the packet is an error. */
static void check_end(const spec_sample *s)
{
    spec_bytes out = {0};
    mqw_conn *conn = make_conn(s);
    if (!spec_check(conn != NULL, s->line, "no connection"))
        return;
    if (s->bytes.len > 1 && feed_piece(conn, s->bytes.data, s->bytes.len - 1, &out)) {
        spec_check(mqw_conn_end(conn) == MQW_E_END, s->line, "an end inside the packet is no error");
        mqw_error why = {0};
        mqw_conn_error(conn, &why);
        spec_check(why.rule == MQW_RULE_STREAM_ENDED && why.by_peer, s->line, "the end is taken for rule %u",
                   why.rule);
        spec_showed_rule(why.rule);
    }
    mqw_conn_free(conn);
    spec_free(&out);
}

static void check_conn(const spec_sample *s)
{
    check_feed(s, SIZE_MAX);
    check_feed(s, s->bytes.len <= EACH_CUT ? 1 : s->bytes.len / 1000 + 1);
    check_end(s);
}

/* --- encoding --- */

/* Encodes into a block of exactly the size that the packet is said to need. */
static int encode(const mqw_codec *codec, const mqw_packet *packet, uint8_t **out, mqw_error *why)
{
    *out = NULL;
    *why = (mqw_error){0};
    int result = mqw_encode(codec, packet, NULL, 0, why);
    if (result != MQW_E_NO_ROOM)
        return result;
    size_t need = (size_t)why->offset;
    *out = malloc(need);
    return *out == NULL ? MQW_E_NO_MEMORY : mqw_encode(codec, packet, *out, need, why);
}

static void check_refusal(const spec_sample *s, const char *what, int result, const mqw_error *why)
{
    spec_bytes text = {0};
    spec_print_refusal(&text, why);
    spec_showed_rule(why->rule);
    spec_check(result < 0, s->line, "%s: it is encoded, %d bytes", what, result);
    spec_check(result == why->code && !why->by_peer, s->line, "%s: result %d, blamed on the peer: %d", what,
               result, why->by_peer);
    spec_check(strcmp(spec_text(&text), s->not_sent) == 0, s->line, "%s: refused as %s", what,
               spec_text(&text));
    spec_free(&text);
}

static void show_bytes(spec_bytes *out, const uint8_t *data, int len)
{
    for (int i = 0; i < len && i < 80; i++)
        spec_printf(out, "%02x", data[i]);
}

static void check_bytes(const spec_sample *s, const char *what, int result, const uint8_t *bytes,
                        const mqw_error *why)
{
    spec_bytes text = {0};
    if (result < 0)
        spec_print_error(&text, why);
    show_bytes(&text, bytes, result);
    spec_check(result >= 0 && (size_t)result == s->sent.len && memcmp(bytes, s->sent.data, s->sent.len) == 0,
               s->line, "%s: it is encoded as %s", what, spec_text(&text));
    spec_free(&text);
}

/* Encoding gives what the sample says, and so do the head and the payload one after the other. */
void spec_check_encoding(const spec_sample *s, const char *what, const mqw_packet *packet)
{
    uint8_t *bytes = NULL;
    mqw_error why;
    int result = encode(&s->codec, packet, &bytes, &why);
    if (s->not_sent != NULL)
        check_refusal(s, what, result, &why);
    else
        check_bytes(s, what, result, bytes, &why);
    if (result > 0) {
        size_t payload = packet->type == MQW_PUBLISH ? packet->publish.payload.len : 0;
        int head = mqw_encode_head(&s->codec, packet, bytes, (size_t)result, &why);
        spec_check(head >= 0 && (size_t)head + payload == (size_t)result, s->line,
                   "%s: its head has %d bytes", what, head);
    }
    free(bytes);
}

/* --- text --- */

static void check_short_form(const spec_sample *s, const mqw_packet *packet)
{
    spec_bytes text = {0};
    spec_print_packet(&text, packet, MQW_SHORT);
    spec_check(text.len > 0 && strpbrk(spec_text(&text), "\n\r") == NULL, s->line, "short form: %s",
               spec_text(&text));
    spec_free(&text);
}

/* The line is cut where the room ends, and always ends with a NUL. */
static void check_print_room(const spec_sample *s, const mqw_packet *packet)
{
    size_t len = strlen(s->expected);
    const size_t caps[] = {1, 2, len / 2 + 1, len, len + 1};
    for (size_t i = 0; i < SPEC_COUNT(caps); i++) {
        char *out = malloc(caps[i]);
        size_t said = out == NULL ? 0 : mqw_print(out, caps[i], packet, MQW_FULL);
        spec_check(said == len && strlen(out) == (caps[i] > len ? len : caps[i] - 1) &&
                       strncmp(out, s->expected, caps[i] - 1) == 0,
                   s->line, "printed to %zu bytes: %s", caps[i], out == NULL ? "" : out);
        free(out);
    }
}

/* What is scanned prints and encodes as what was decoded. */
static void check_scan(const spec_sample *s)
{
    uint8_t *room = NULL;
    mqw_packet packet;
    spec_forget(&packet, 0xC3);
    spec_bytes text = {0};
    if (spec_check(spec_scan(s->expected, &packet, &room), s->line, "its line is not scanned")) {
        spec_print_packet(&text, &packet, MQW_FULL);
        spec_check(strcmp(spec_text(&text), s->expected) == 0, s->line, "scanned, it prints %s",
                   spec_text(&text));
        spec_check_encoding(s, "scanned", &packet);
    }
    free(room);
    spec_free(&text);
    spec_seed("scan", s->expected, strlen(s->expected));
}

static void check_copy(const spec_sample *s, const mqw_packet *packet)
{
    mqw_packet *copy = mqw_packet_copy(packet, NULL);
    spec_bytes text = {0};
    if (spec_check(copy != NULL, s->line, "no copy")) {
        spec_print_packet(&text, copy, MQW_FULL);
        spec_check(strcmp(spec_text(&text), s->expected) == 0, s->line, "copied, it prints %s",
                   spec_text(&text));
    }
    mqw_packet_free(copy, NULL);
    spec_free(&text);
}

/* --- samples --- */

/* The fixed header is kept as it stood on the wire. */
static void check_header(const spec_sample *s, const mqw_packet *packet)
{
    size_t lengths = 1;
    while (s->bytes.data[lengths] >= 0x80)
        lengths++;
    unsigned flags = (packet->dup ? 8u : 0u) | (unsigned)packet->qos << 1 | (packet->retain ? 1u : 0u);
    spec_check(packet->length == s->bytes.len - 1 - lengths, s->line, "its length is %u", packet->length);
    spec_check(flags == (s->bytes.data[0] & 15u), s->line, "its flags are 0x%x", flags);
    spec_check((int)packet->type == s->bytes.data[0] >> 4, s->line, "its type is %d", (int)packet->type);
}

static void check_packet(const spec_sample *s, const mqw_packet *packet)
{
    bool reported = (packet->violations.bits[0] | packet->violations.bits[1]) != 0;
    check_violations(packet);
    spec_check(mqw_packet_size(s->bytes) == (int)s->bytes.len, s->line, "its size is taken for another");
    check_header(s, packet);
    spec_check_encoding(s, "decoded", packet);
    check_short_form(s, packet);
    if (reported)
        return; // what follows compares lines, and a line does not tell of violations
    check_print_room(s, packet);
    check_scan(s);
    check_copy(s, packet);
}

void spec_run_sample(const spec_sample *s)
{
    spec_bytes text = {0};
    mqw_packet packet;
    mqw_error why;
    int result = decode(s, s->bytes, &packet, &why);
    describe(&text, result, s->bytes.len, &packet, &why);
    spec_showed_version(s->codec.version);
    if (spec_check(strcmp(spec_text(&text), s->expected) == 0, s->line, "v%u from %u: %s", s->codec.version,
                   s->codec.sender, spec_text(&text))) {
        if (result < 0)
            check_error(s, &why);
        else if (result > 0)
            check_packet(s, &packet);
        check_cuts(s);
        check_conn(s);
    }
    spec_free(&text);
}

/* What encoding gives may differ from the sample only in bytes that say the same. */
static void check_same_meaning(const mqw_codec *codec, mqw_bytes sent, const char *expected, int line)
{
    spec_bytes text = {0};
    mqw_packet packet;
    mqw_error why;
    spec_sample s = {.codec = *codec};
    int result = decode(&s, sent, &packet, &why);
    describe(&text, result, sent.len, &packet, &why);
    spec_check(strcmp(spec_text(&text), expected) == 0, line, "encoded, it has become %s", spec_text(&text));
    spec_free(&text);
}

void spec_try_sample(int line, const mqw_codec *codec, mqw_bytes bytes)
{
    uint8_t *exact = spec_exact(bytes.data, bytes.len), *sent = NULL;
    spec_sample s = {.line = line, .codec = *codec, .bytes = {exact, bytes.len}};
    spec_bytes text = {0};
    mqw_packet packet;
    mqw_error why;
    int result = decode(&s, s.bytes, &packet, &why);
    describe(&text, result, bytes.len, &packet, &why);
    s.expected = spec_text(&text);
    if (result > 0) {
        int len = encode(codec, &packet, &sent, &why);
        if (spec_check(len > 0, line, "not encoded: %s: %s", mqw_error_clause(&why), s.expected)) {
            s.sent = (mqw_bytes){sent, (size_t)len};
            check_same_meaning(codec, s.sent, s.expected, line);
            spec_run_sample(&s);
        }
    } else {
        spec_run_sample(&s);
    }
    free(sent);
    free(exact);
    spec_free(&text);
}
