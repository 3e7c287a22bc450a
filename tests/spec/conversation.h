// SPDX-License-Identifier: MIT
// Two connections joined, and what comes of what is said on them.
#ifndef MQW_TESTS_SPEC_CONVERSATION_H
#define MQW_TESTS_SPEC_CONVERSATION_H

#include "spec.h"

/* One end. */
typedef struct spec_end {
    mqw_conn *conn;
    mqw_role role;
    mqw_conn_options options;
    bool absent;        /* only its bytes are there: it has no say in what comes of them */
    bool held;          /* its stream takes nothing */
    spec_bytes inbox;   /* bytes that arrive */
    size_t taken;       /* those of them that its connection has taken */
    spec_bytes payload; /* pieces of a payload that came so far */
    bool payload_grew;
    uint32_t payload_left;
    unsigned misuse_heard;
    bool fault_told;
} spec_end;

/* A conversation in one version and one manner. */
typedef struct spec_talk {
    const spec_block *block;
    uint8_t version;
    size_t step; /* how many bytes arrive at a time */
    bool push;   /* events go to handlers, packets through typed methods */
    uint64_t now;
    spec_end ends[2];   /* client, server */
    spec_bytes outcome; /* what came of the event, a line each */
    spec_bytes wire;    /* what the event put on the wire */
    const char *sent;   /* the packet that is expected to arrive as it was sent; NULL: none */
    spec_bytes seed;    /* the conversation as fuzz_conn reads it */
    unsigned arrived;   /* packets and pieces since the send */
    int line;
} spec_talk;

/* 'C' or 'S'. */
char spec_mark(const spec_end *end);
spec_end *spec_other(spec_talk *talk, const spec_end *end);
/* Makes the connections, with the options that were said. */
bool spec_connect_ends(spec_talk *talk);
/* Takes `key=value` of an options line. */
bool spec_option(spec_end *end, const char *word);

/* Bytes arrive at an end: what it delivers becomes part of the outcome. */
void spec_arrive(spec_talk *talk, spec_end *to, mqw_bytes bytes);
/* Moves what the connections say by themselves, until both are silent. */
void spec_settle(spec_talk *talk);
/* Takes what waits in an end's output. */
void spec_take_output(spec_end *end, spec_bytes *out);
/* The end's stream takes bytes again. */
void spec_release(spec_talk *talk, spec_end *end);
/* The packet in the outcome's form, sent by the end's program: refused, or carried to the other end. With
 * `anyway`, a refused packet goes as raw bytes. */
void spec_say(spec_talk *talk, spec_end *from, const char *line, bool anyway);
void spec_say_raw(spec_talk *talk, spec_end *from, mqw_bytes bytes);
/* A result of a call on a connection: nothing, or a line of the outcome. */
void spec_refusal(spec_talk *talk, const spec_end *end, int result);
void spec_fault(spec_talk *talk, spec_end *end);
/* A call said that there was a fault: the error handler hears of it, when events are pushed. */
void spec_hear_fault(spec_talk *talk, spec_end *end);

#endif
