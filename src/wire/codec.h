// SPDX-License-Identifier: MIT
// What the codec offers to the connection beside its public calls: packets in pieces, rules and reason codes.
#ifndef MQW_WIRE_CODEC_H
#define MQW_WIRE_CODEC_H

#include <mqwire/codec.h>

/* ---- packets (codec.c) ---- */

/* The fixed header. */
typedef struct mqw__header {
    uint8_t first;   /* type and flags */
    uint8_t size;    /* bytes of the fixed header: 2 to 5 */
    uint32_t length; /* Remaining Length */
} mqw__header;

/* A Remaining Length of more than one byte; as mqw__header_read. */
int mqw__header_read_long(mqw_bytes in, mqw__header *out);

/* Size of the fixed header at the start of `in`; 0: incomplete; MQW_E_MALFORMED: a fifth length byte. */
static inline int mqw__header_read(mqw_bytes in, mqw__header *out)
{
    if (in.len < 2)
        return 0;
    out->first = in.data[0];
    if (in.data[1] >= 0x80)
        return mqw__header_read_long(in, out);
    out->size = 2;
    out->length = in.data[1];
    return 2;
}

/* The fixed header at the start of `in`; size 0: incomplete or malformed. By value it stays in registers. */
static inline mqw__header mqw__header_at(mqw_bytes in)
{
    const mqw__header none = {0, 0, 0};
    if (in.len < 2)
        return none;
    if (in.data[1] < 0x80)
        return (mqw__header){in.data[0], 2, in.data[1]};
    if (in.len > 2 && in.data[2] < 0x80)
        return (mqw__header){in.data[0], 3, (in.data[1] & 0x7Fu) | (uint32_t)in.data[2] << 7};
    mqw__header other;
    return mqw__header_read_long(in, &other) > 0 ? other : none;
}

/* Version that a codec speaks. */
static inline uint8_t mqw__version(const mqw_codec *codec)
{
    return codec->version ? codec->version : MQW_3_1_1;
}

/* Decodes a packet whose body has header->length bytes; 0, or negative with `why` (may be NULL) filled in,
 * its offset counted from the first byte of the fixed header. */
int mqw__decode_body(const mqw_codec *codec, mqw__header header, const uint8_t *body, mqw_packet *out,
                     mqw_error *why);

/* The same for a PUBLISH of whose body only the first head_size bytes are there: its payload follows in
 * pieces. */
int mqw__decode_publish_head(const mqw_codec *codec, mqw__header header, const uint8_t *body,
                             size_t head_size, mqw_packet *out, mqw_error *why);

/* Encodes the packet of which `body` is the member of mqw_packet for its type (1 to 15), with or without a
 * PUBLISH's payload; as mqw_encode. */
int mqw__encode(const mqw_codec *codec, int type, const void *body, bool whole, uint8_t *room, size_t cap,
                mqw_error *why);

/* What stands before a PUBLISH's payload: 1: *need is its size; 0: *need bytes of the body tell more;
 * negative: it runs past the packet, or its property length is malformed. */
int mqw__publish_head_size(uint8_t version, const mqw__header *header, mqw_bytes body_so_far, uint32_t *need);

/* ---- rules and reason codes (judge.c) ---- */

/* What holds for a rule when no policy says otherwise. */
enum { MQW__REFUSE, MQW__IGNORE, MQW__ALWAYS };

/* A row of MQW_RULES without its words. */
typedef struct mqw__rule_row {
    uint8_t reason;
    uint8_t since : 4; /* versions in which it holds */
    uint8_t until : 4;
    uint8_t misuse : 1;
    uint8_t standing : 2; /* MQW__REFUSE, MQW__IGNORE or MQW__ALWAYS */
} mqw__rule_row;

const mqw__rule_row *mqw__rule(int rule);

/* 0: let it pass (or the rule does not hold in this version), 1: report, 2: refuse. */
int mqw__judge(const mqw_policy *policy, uint8_t version, mqw_rule rule);

/* The peer broke a rule. Fills in `why` (may be NULL); returns its code. */
int mqw__fault(mqw_error *why, const mqw_codec *codec, mqw_rule rule, uint8_t type, uint64_t offset,
               const char *field);

/* We were asked to send what breaks a rule: MQW_E_MISUSE or a refusal. Fills in `why` (may be NULL); returns
 * its code. */
int mqw__refusal(mqw_error *why, const mqw_codec *codec, mqw_rule rule, uint8_t type, const char *field);

/* Whether a packet of that type may carry the reason (return code before 5.0) when that side sends it. */
bool mqw__reason_ok(uint8_t version, uint8_t type, uint8_t sender, uint8_t reason);

/* `wanted` when a packet of 5.0 of that type may carry it from that sender, else `otherwise`. */
uint8_t mqw__reason_or(uint8_t type, uint8_t sender, uint8_t wanted, uint8_t otherwise);

/* The rule that a wrong reason in a packet of that type breaks. */
mqw_rule mqw__reason_rule(uint8_t type);

#endif
