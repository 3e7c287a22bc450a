// SPDX-License-Identifier: MIT
// What the fuzzers share: a cursor over the input, lines, and the end of the program when something does not
// hold.
#ifndef MQW_FUZZ_H
#define MQW_FUZZ_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mqwire/mqwire.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition)                                                          \
    do {                                                                            \
        if (!(condition)) {                                                         \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                                \
        }                                                                           \
    } while (0)

/* What a packet held before is not to be taken for something in it: MemorySanitizer watches, or it is
 * nonsense. */
#if defined(__has_feature)
#if __has_feature(memory_sanitizer)
#include <sanitizer/msan_interface.h>
#define FUZZ_FORGET(packet) __msan_poison((packet), sizeof *(packet))
#endif
#endif
#ifndef FUZZ_FORGET
#define FUZZ_FORGET(packet) memset((packet), 0x5A, sizeof *(packet))
#endif

/* What is left of the input; at its end it yields zeros. */
typedef struct fuzz_input {
    const uint8_t *at;
    size_t left;
} fuzz_input;

static inline unsigned fuzz_byte(fuzz_input *in)
{
    if (in->left == 0)
        return 0;
    in->left--;
    return *in->at++;
}

static inline mqw_bytes fuzz_bytes(fuzz_input *in, size_t len)
{
    if (len > in->left)
        len = in->left;
    mqw_bytes bytes = {in->at, len};
    in->at += len;
    in->left -= len;
    return bytes;
}

/* A block of exactly that size. */
static inline void *fuzz_block(size_t len)
{
    void *block = malloc(len);
    REQUIRE(block != NULL || len == 0);
    return block;
}

static inline uint8_t *fuzz_copy(mqw_bytes bytes)
{
    uint8_t *copy = fuzz_block(bytes.len);
    if (bytes.len > 0)
        memcpy(copy, bytes.data, bytes.len);
    return copy;
}

/* The packet's line, to be freed. */
static inline char *fuzz_line(const mqw_packet *packet, mqw_form form)
{
    size_t len = mqw_print(NULL, 0, packet, form);
    char *line = fuzz_block(len + 1);
    REQUIRE(mqw_print(line, len + 1, packet, form) == len);
    REQUIRE(strlen(line) == len);
    return line;
}

/* The same without what a send does not read: the fixed header and the violations. */
static inline char *fuzz_bare_line(const mqw_packet *packet)
{
    mqw_packet bare = *packet;
    bare.length = 0;
    bare.dup = bare.retain = false;
    bare.qos = 0;
    return fuzz_line(&bare, MQW_FULL);
}

/* The strict policy, that of the original, one that reports everything, one that lets everything pass. */
static inline mqw_policy fuzz_policy(unsigned which)
{
    mqw_policy policy = {0};
    mqw_rule_set all = {{~UINT64_C(0), ~UINT64_C(0)}};
    if (which % 4 == 1)
        return MQW_POLICY_ORIGINAL;
    if (which % 4 == 2)
        policy.report = all;
    if (which % 4 == 3)
        policy.ignore = all;
    return policy;
}

/* Encodes into a block of the size that it asks for, to be freed; *len is the result. */
static inline uint8_t *fuzz_encode(const mqw_codec *codec, const mqw_packet *packet, int *len, mqw_error *why)
{
    *why = (mqw_error){0};
    *len = mqw_encode(codec, packet, NULL, 0, why);
    if (*len != MQW_E_NO_ROOM)
        return NULL;
    size_t need = (size_t)why->offset;
    uint8_t *room = fuzz_block(need);
    *len = mqw_encode(codec, packet, room, need, why);
    REQUIRE(*len == (int)need);
    return room;
}

/* What was encoded decodes under the strict rules to the same packet. */
static inline void fuzz_check_encoded(const mqw_codec *codec, mqw_bytes bytes, const char *line)
{
    mqw_codec strict = {codec->version, codec->sender, NULL};
    mqw_packet packet;
    mqw_error why = {0};
    REQUIRE(mqw_decode(&strict, bytes, &packet, &why) == (int)bytes.len);
    char *again = fuzz_bare_line(&packet);
    REQUIRE(strcmp(again, line) == 0);
    free(again);
    int len;
    uint8_t *second = fuzz_encode(codec, &packet, &len, &why);
    REQUIRE(second != NULL && len == (int)bytes.len && memcmp(second, bytes.data, bytes.len) == 0);
    free(second);
}

#endif
