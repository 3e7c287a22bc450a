// SPDX-License-Identifier: MIT
// What the parts of the transcript runner share. The notation is explained in README.md.
#ifndef MQW_TESTS_SPEC_H
#define MQW_TESTS_SPEC_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mqwire/codec.h>
#include <mqwire/conn.h>

#define SPEC_COUNT(array)        (sizeof(array) / sizeof((array)[0]))
#define SPEC_PRINTF(text, first) __attribute__((format(printf, text, first)))

/* --- bytes.c: memory that grows, and the notation of bytes --- */

typedef struct spec_bytes {
    uint8_t *data;
    size_t len;
    size_t cap;
} spec_bytes;

void spec_put(spec_bytes *to, const void *data, size_t len);
void spec_put_byte(spec_bytes *to, unsigned byte);
void spec_put_vbi(spec_bytes *to, size_t value);
/* Appends formatted text; a NUL stands behind it and does not count. */
void spec_printf(spec_bytes *to, const char *format, ...) SPEC_PRINTF(2, 3);
void spec_vprintf(spec_bytes *to, const char *format, va_list args);
const char *spec_text(const spec_bytes *text); /* "" when empty */
void spec_clear(spec_bytes *bytes);
void spec_free(spec_bytes *bytes);
mqw_bytes spec_view(const spec_bytes *bytes);
/* A copy in a block of exactly its size, so that a sanitizer sees each read past its end. */
uint8_t *spec_exact(const void *data, size_t len);

/* Reads the notation of bytes (`30 ( ["a/b"] 61*3 )`). False: `*why` says what is wrong with it. */
bool spec_notation(const char *text, spec_bytes *out, const char **why);
/* Replaces each `${notation}` in a line by its bytes. */
bool spec_expand(const char *line, spec_bytes *out, const char **why);

/* --- words.c: packets, errors and rules as the transcripts write them --- */

/* What a packet holds is nonsense from now on; MemorySanitizer sees when it is read. */
void spec_forget(mqw_packet *packet, uint8_t nonsense);
void spec_print_packet(spec_bytes *out, const mqw_packet *packet, mqw_form form);
/* A line of mqw_print; *room (to be freed) is what the packet's views point to. */
bool spec_scan(const char *line, mqw_packet *out, uint8_t **room);
/* The same line as mqw_print writes it; false: it is none. */
bool spec_canonical(const char *line, spec_bytes *out);
/* `MALFORMED 0x81 MQTT-3.3.1-4 at 0 qos` */
void spec_print_error(spec_bytes *out, const mqw_error *error);
/* `MISUSE MQTT-3.3.1-4 qos` */
void spec_print_refusal(spec_bytes *out, const mqw_error *error);
const char *spec_result_name(int code);
/* Clause of a rule in a version. */
const char *spec_clause(mqw_rule rule, uint8_t version);
/* Adds `ignore=NAME,NAME` (also report, refuse; the names ORDER and LIMITS stand for groups) or
 * `policy=original`. */
bool spec_policy_word(const char *word, mqw_policy *policy);
void spec_ignore_order(mqw_policy *policy);

/* --- run.c: files, blocks, counting --- */

typedef struct spec_line {
    char *text;
    int number;
} spec_line;

/* A fenced block: ```kind words. */
typedef struct spec_block {
    const char *words;
    spec_line *lines;
    size_t count;
    int number;
} spec_block;

/* Counts a check; when it fails, says where and what. */
bool spec_check(bool good, int line, const char *format, ...) SPEC_PRINTF(3, 4);
/* A sample or conversation of that version stands under the heading. */
void spec_showed_version(uint8_t version);
/* A rule was shown broken, in a packet or on a connection. */
void spec_showed_rule(unsigned rule);
/* Something that fuzzers may start from; `room` is fuzz_decode, fuzz_scan or fuzz_conn without its prefix. */
void spec_seed(const char *room, const void *data, size_t len);

bool spec_is_blank(const char *line);
/* Takes the next word off *text into room; false at its end. */
bool spec_word(const char **text, char *room, size_t cap);
/* The rest of the text behind `prefix` and blanks; NULL: it does not start so. */
const char *spec_behind(const char *text, const char *prefix);
/* Bits of versions: 1 << version. `v3`, `v4`, `v5`; 0: not a version word. */
unsigned spec_version_bit(const char *word);
/* Takes `v3 v4: ` off the front of a line: whether the line holds in this version. */
bool spec_for_version(const char **line, uint8_t version);

/* --- kinds of blocks --- */

void spec_run_packets(const spec_block *block); /* packet.c */
void spec_run_sends(const spec_block *block);   /* packet.c */
/* All checks of a sample of which only the bytes are known: its parts must agree with each other. */
void spec_try_sample(int line, const mqw_codec *codec, mqw_bytes bytes); /* packet.c */
void spec_run_properties(const spec_block *block);                       /* matrix.c */
void spec_run_reasons(const spec_block *block);                          /* matrix.c */
void spec_run_topics(const spec_block *block);                           /* topics.c */
void spec_run_conversation(const spec_block *block);                     /* conversation.c */

#endif
